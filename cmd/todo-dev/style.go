package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// bannerEnd is the last line of a banner, after which only logs come.
const bannerEnd = "Ctrl-C ends everything. Logs follow."

// style is how banners are printed.
type style struct{ colored bool }

// bold makes a title stand out.
func (s style) bold(text string) string {
	if !s.colored {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// section returns a title, a note after it, and commands to paste.
func (s style) section(title, note string, commands ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s%s\n", s.bold(title), note)
	for _, command := range commands {
		fmt.Fprintf(&text, "  %s\n", command)
	}
	return text.String()
}

// places are where everything is.
type places struct {
	service  string // URL.
	docs     string // URL.
	issuer   string // URL.
	database string // URL.
	data     string // Folder of the database.
}

// lines returns a line for each place.
func (p *places) lines() string {
	var text strings.Builder
	for _, line := range [][2]string{
		{"service", p.service},
		{"OpenAPI", p.service + "/openapi.yaml"},
		{"docs", p.docs},
		{"issuer", p.issuer},
		{"database", "psql " + quote(p.database)},
		{"data", p.data + ", kept until you remove it"},
	} {
		fmt.Fprintf(&text, "  %-9s %s\n", line[0], line[1])
	}
	return text.String()
}

// quote makes a word of a shell's command line of s.
func quote(s string) string {
	if strings.ContainsAny(s, ` "'$&?*{}()[];<>|`+"`\\") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
