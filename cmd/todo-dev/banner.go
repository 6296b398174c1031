package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// bannerEnd is the last line of the banner, after which only logs come.
const bannerEnd = "Ctrl-C ends everything. Logs follow."

// banner is printed when everything runs. It has the addresses of all parts and commands
// to paste, the token first. It fits on a terminal of 24 lines of 80 columns.
type banner struct {
	page     string // URL, empty when there is none.
	service  string // URL.
	docs     string // URL.
	issuer   string // URL.
	token    string // URL that returns a token.
	tokens   string // Whose tokens there are.
	database string // URL, or the command that connects to it.
	data     string // Folder of the database.
	sample   string // The id of a todo that the token's user has.
	grpcurl  string // How to run grpcurl.
	colored  bool
}

// String returns the banner's text.
func (b *banner) String() string {
	var text strings.Builder
	text.WriteString("\n")
	if b.page != "" {
		b.title(&text, "Open "+b.page+" and sign up.")
	}
	for _, place := range [][3]string{
		{"service", b.service, ""},
		{"docs", b.docs, "to try it out; README.md has more"},
		{"issuer", b.issuer, b.tokens},
		{"database", b.database, ""},
		{"data", b.data, "kept until you remove it"},
	} {
		line := fmt.Sprintf("  %-9s %s", place[0], place[1])
		if place[2] != "" {
			line += "  (" + place[2] + ")"
		}
		text.WriteString(line + "\n")
	}
	b.title(&text, "Paste into another terminal, the token first, then REST:")
	text.WriteString("  " + exportToken(b.token) + "\n")
	text.WriteString(b.rest())
	b.title(&text, "Connect")
	text.WriteString(b.connect())
	b.title(&text, b.grpcTitle())
	text.WriteString(b.grpc())
	text.WriteString(bannerEnd + "\n")
	return text.String()
}

// title writes a line that stands out on a terminal.
func (b *banner) title(text *strings.Builder, title string) {
	if b.colored {
		title = "\x1b[1m" + title + "\x1b[0m"
	}
	text.WriteString(title + "\n")
}

// rest returns the commands for REST.
func (b *banner) rest() string {
	todos := address(b.service) + "/api/todos"
	watch := ""
	if b.page == "" { // A page shows changes by itself.
		watch = `  curl -sSN ` + todos + `:watch -H "Authorization: Bearer $TOKEN"` + "\n"
	}
	return `  curl -sSw '\n' ` + todos + ` -H "Authorization: Bearer $TOKEN"
  curl -sSw '\n' ` + todos + ` -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -d '{"title": "Buy milk"}'
  curl -sSw '\n' -X PATCH -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -d '{"isCompleted": true}' \
    ` + todos + "/" + b.sample + "\n" + watch
}

// connect returns the command for Connect.
func (b *banner) connect() string {
	return `  curl -sSw '\n' ` + address(b.service) + `/todo.v1.TodoService/CreateTodo \
    -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"title": "Buy bread"}'
`
}

// grpcTitle says where the command for gRPC works.
func (b *banner) grpcTitle() string {
	if b.grpcurl == toolGRPCurl {
		return "gRPC, from the repository's folder: grpcurl is not installed, so it is built"
	}
	return "gRPC"
}

// grpc returns the command for gRPC.
func (b *banner) grpc() string {
	separator := " "
	if b.grpcurl == toolGRPCurl {
		separator = " \\\n    "
	}
	return "  " + b.grpcurl + " -plaintext" + separator + `-H "Authorization: Bearer $TOKEN" \
    -d '{"title": "Buy tea"}' ` + address(b.service) + ` todo.v1.TodoService/CreateTodo
`
}

// address returns a URL without its scheme, which curl doesn't need.
func address(url string) string { return strings.TrimPrefix(url, "http://") }

// toolGRPCurl runs the grpcurl that the repository pins.
const toolGRPCurl = "go tool -modfile=tools/go.mod grpcurl"

// findGRPCurl returns how to run grpcurl on this machine.
func findGRPCurl() string {
	if _, err := exec.LookPath("grpcurl"); err == nil {
		return "grpcurl"
	}
	return toolGRPCurl
}

// databaseCommand returns the command that opens the database, or only the URL when
// there is no psql: a downloaded PostgreSQL has none.
func databaseCommand(url string) string {
	if _, err := exec.LookPath("psql"); err != nil {
		return url
	}
	return "psql " + quote(url)
}

// shortest returns a path relative to a folder if it is inside the folder.
func shortest(path, from string) string {
	if relative, err := filepath.Rel(from, path); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return path
}

// quote makes a word of a shell's command line of s.
func quote(s string) string {
	if strings.ContainsAny(s, ` "'$&?*{}()[];<>|`+"`\\") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
