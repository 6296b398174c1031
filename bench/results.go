package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// results is what a run has found.
type results struct {
	machine     string
	settings    []string // Of the service, where not the defaults.
	window      time.Duration
	rounds      int
	took        time.Duration
	ready       float64            // Milliseconds from start to ready.
	limits      map[string]float64 // pgbench's rate by scenario.
	closed      []line
	paced       []line
	largeLimits map[string]float64
	large       []line
}

// line is a line of a table.
type line struct {
	combination
	offered float64 // The rate, in a paced run.
	part    float64 // That as a part of the highest.
	sample
}

// table writes lines of cells in Markdown, numbers to the right.
type table struct {
	w   io.Writer
	err error
}

func (t *table) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *table) row(cells ...string) { t.printf("| %s |\n", strings.Join(cells, " | ")) }

// head writes a title and the first rows of a table: names of columns, the
// first few of which hold text.
func (t *table) head(title string, text int, names ...string) {
	t.printf("\n%s\n\n", title)
	t.row(names...)
	t.printf("%s%s|\n", strings.Repeat("|---", text), strings.Repeat("|--:", len(names)-text))
}

// write writes the results as Markdown.
func (r *results) write(w io.Writer) error {
	t := &table{w: w}
	t.printf("%s.\n", r.machine)
	if len(r.settings) > 0 {
		t.printf("Settings: %s.\n", strings.Join(r.settings, ", "))
	}
	t.printf("Medians of %d rounds of %v; the run took %v. Start to ready: %.0f ms.\n", r.rounds, r.window, r.took.Round(time.Second), r.ready)
	t.head("The limit: the service's statements through pgbench -M prepared, 16 clients:", 1,
		"scenario", "small, transactions/s", "large, transactions/s")
	for _, sc := range scenarios() {
		if limit, measured := r.limits[sc.name]; measured {
			large := ""
			if limit, measured := r.largeLimits[sc.name]; measured {
				large = whole(limit)
			}
			t.row(sc.name, whole(limit), large)
		}
	}
	t.closed("Closed loop, 1,000 users with 100 todos each:", r.closed)
	t.closed("The same on the large dataset:", r.large)
	if len(r.paced) > 0 {
		t.head("500 callers who pause, to offer a part of the highest rate of 100 callers:", 2,
			"scenario", "protocol", "part", "offered/s", "made/s", "p50 ms", "p95 ms", "p99 ms", "service CPU s/1,000", "bench CPU s/1,000")
		for _, l := range r.paced {
			t.row(l.scenario.name, string(l.protocol), percent(l.part), whole(l.offered), l.made(),
				number(l.p50), number(l.p95), number(l.p99), number(l.serviceCPU), number(l.benchCPU))
		}
	}
	return t.err
}

// closed writes the table of a closed loop, unless it is empty.
func (t *table) closed(title string, lines []line) {
	if len(lines) == 0 {
		return
	}
	t.head(title, 2, "scenario", "protocol", "callers", "calls/s", "of pgbench", "p50 ms", "p95 ms", "p99 ms",
		"service CPU s/1,000", "Postgres CPU s/1,000", "bench CPU s/1,000", "peak RSS MiB")
	for _, l := range lines {
		t.row(l.scenario.name, string(l.protocol), strconv.Itoa(l.callers), l.made(), percent(l.ofPgbench),
			number(l.p50), number(l.p95), number(l.p99), number(l.serviceCPU), number(l.postgresCPU), number(l.benchCPU), whole(l.memory))
	}
}

// made returns the rate, and how many calls were refused.
func (l line) made() string {
	if l.refused > 0 {
		return whole(l.rate) + ", " + whole(l.refused) + " refused"
	}
	return whole(l.rate)
}

func whole(x float64) string   { return strconv.FormatFloat(math.Round(x), 'f', 0, 64) }
func percent(x float64) string { return strconv.FormatFloat(x*100, 'f', 0, 64) + " %" }

// number has as many digits as say something.
func number(x float64) string {
	digits := 3
	if x >= 10 {
		digits = 1
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}
