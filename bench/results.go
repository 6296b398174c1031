package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"example.com/todo-backend/bench/internal/load"
)

// results is what a run has found.
type results struct {
	Machine      machine     `json:"machine"`
	Settings     []string    `json:"settings,omitempty"` // Of the service, where not the defaults.
	Window       float64     `json:"window_s"`
	Rounds       int         `json:"rounds"`
	Took         float64     `json:"took_s"`
	Ready        float64     `json:"start_to_ready_ms"`
	Generator    []generator `json:"generator"`
	Pgbench      []limit     `json:"pgbench"`
	Closed       []line      `json:"closed"`
	Open         []line      `json:"open"`
	LargePgbench []limit     `json:"large_pgbench"`
	Large        []line      `json:"large"`
}

// limit is pgbench's rate in a scenario.
type limit struct {
	Scenario string  `json:"scenario"`
	Rate     float64 `json:"rate"`
}

// generator is what a call costs when the service does nothing.
type generator struct {
	Protocol   load.Protocol `json:"protocol"`
	Rate       float64       `json:"rate"`
	BenchCPU   float64       `json:"bench_cpu_s_per_1000"`
	HandlerCPU float64       `json:"handler_cpu_s_per_1000"`
}

// line is a line of a table.
type line struct {
	Scenario string        `json:"scenario"`
	Protocol load.Protocol `json:"protocol"`
	Callers  int           `json:"callers,omitempty"`
	Offered  int           `json:"offered_rate,omitempty"` // In an open loop.
	Fraction float64       `json:"of_highest,omitempty"`
	Behind   bool          `json:"behind,omitempty"` // The rate was not reached.
	// Allocations per call, 0 when they were not counted.
	Allocations float64 `json:"allocations,omitempty"`
	sample
}

func newLine(c combination, s sample) line {
	return line{Scenario: c.scenario.name, Protocol: c.protocol, Callers: c.callers, sample: s}
}

func (l line) key() string { return fmt.Sprintf("%s/%s/%d", l.Scenario, l.Protocol, l.Callers) }

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

func (t *table) row(cells ...string) {
	for _, cell := range cells {
		t.printf("| %s ", cell)
	}
	t.printf("|\n")
}

// head writes a title and the first rows of a table: names of columns, the
// first few of which hold text.
func (t *table) head(title string, text int, names ...string) {
	t.printf("\n%s\n\n", title)
	t.row(names...)
	for i := range names {
		if i < text {
			t.printf("|---")
		} else {
			t.printf("|--:")
		}
	}
	t.printf("|\n")
}

// write writes the results as Markdown.
func (r *results) write(w io.Writer) error {
	t := &table{w: w}
	m := r.Machine
	t.printf("%s, %d cores, %s of memory, Linux %s; %s; PostgreSQL %s; data on %s. todod %s.\n",
		m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.PostgreSQL, m.Filesystem, m.Version)
	if len(r.Settings) > 0 {
		t.printf("Settings: %s.\n", strings.Join(r.Settings, ", "))
	}
	t.printf("Medians of %d rounds of %g s; the run took %.0f s. Start to ready: %.0f ms.\n", r.Rounds, r.Window, r.Took, r.Ready)
	r.writeLimits(t)
	t.head("Closed loop, 1,000 users with 100 todos each:", 2,
		"scenario", "protocol", "callers", "calls/s", "of pgbench", "p50 ms", "p95 ms", "p99 ms",
		"service CPU s/1,000", "Postgres CPU s/1,000", "bench CPU s/1,000", "allocations", "peak RSS MiB")
	for _, l := range r.Closed {
		t.row(l.cells()...)
	}
	if len(r.Open) > 0 {
		t.head("Open loop, at parts of the highest rate of 100 callers:", 2,
			"scenario", "protocol", "part", "offered/s", "made/s", "p50 ms", "p95 ms", "p99 ms", "service CPU s/1,000", "bench CPU s/1,000")
		for _, l := range r.Open {
			t.row(l.Scenario, string(l.Protocol), percent(l.Fraction), strconv.Itoa(l.Offered), l.made(),
				number(l.P50), number(l.P95), number(l.P99), number(l.ServiceCPU), number(l.BenchCPU))
		}
	}
	if len(r.Large) > 0 {
		t.head("The same on the large dataset:", 2,
			"scenario", "protocol", "callers", "calls/s", "of pgbench", "p50 ms", "p95 ms", "p99 ms",
			"service CPU s/1,000", "Postgres CPU s/1,000", "bench CPU s/1,000", "allocations", "peak RSS MiB")
		for _, l := range r.Large {
			t.row(l.cells()...)
		}
	}
	return t.err
}

func (r *results) writeLimits(t *table) {
	t.head("The limit: the service's statements through pgbench -M prepared, 16 clients:", 1,
		"scenario", "small, transactions/s", "large, transactions/s")
	large := make(map[string]string)
	for _, l := range r.LargePgbench {
		large[l.Scenario] = whole(l.Rate)
	}
	for _, l := range r.Pgbench {
		t.row(l.Scenario, whole(l.Rate), large[l.Scenario])
	}
	t.head("The generator, against a handler that does nothing, 100 callers:", 1,
		"protocol", "calls/s", "bench CPU s/1,000", "handler CPU s/1,000")
	for _, g := range r.Generator {
		t.row(string(g.Protocol), whole(g.Rate), number(g.BenchCPU), number(g.HandlerCPU))
	}
}

// made returns the rate, and what makes it doubtful.
func (l line) made() string {
	made := whole(l.Rate)
	if l.Behind {
		made += ", behind"
	}
	if l.Refused > 0 {
		made += ", " + whole(l.Refused) + " refused"
	}
	return made
}

func (l line) cells() []string {
	allocations := ""
	if l.Allocations > 0 {
		allocations = whole(l.Allocations)
	}
	return []string{
		l.Scenario, string(l.Protocol), strconv.Itoa(l.Callers), l.made(), percent(l.OfPgbench),
		number(l.P50), number(l.P95), number(l.P99), number(l.ServiceCPU), number(l.PostgresCPU), number(l.BenchCPU),
		allocations, whole(l.Memory),
	}
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
