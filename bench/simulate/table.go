package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// table is printed as Markdown has it, under a heading.
type table struct {
	heading string
	columns []string // The first is text, the others are numbers, unless isText.
	isText  bool
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table.
func (t *table) write(w io.Writer) error {
	rule := strings.Repeat("|--:", len(t.columns)-1)
	if t.isText {
		rule = strings.Repeat("|---", len(t.columns)-1)
	}
	lines := []string{"### " + t.heading, "", "| " + strings.Join(t.columns, " | ") + " |", "|---" + rule + "|"}
	for _, row := range t.rows {
		lines = append(lines, "| "+strings.Join(row, " | ")+" |")
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n\n")
	return err
}

// number returns a number in three digits, in groups of three where it is large.
func number(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	const digits = 3
	size := int(math.Floor(math.Log10(math.Abs(x)))) + 1
	if size < digits {
		return strconv.FormatFloat(x, 'f', min(digits-size, 2*digits), 64)
	}
	unit := math.Pow10(size - digits)
	return grouped(int64(math.Round(x/unit) * unit))
}

// exactly returns a number in all its digits.
func exactly(x float64) string {
	if x == math.Trunc(x) {
		return grouped(int64(x))
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// grouped returns a whole number with a comma before each three digits.
func grouped(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// count returns a whole number, at least as large.
func count(x float64) string { return grouped(int64(math.Ceil(x))) }

// percent returns a part of 1 in percent.
func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + " %" }

// milliseconds returns a time in milliseconds.
func milliseconds(d time.Duration) string { return number(float64(d) / float64(time.Millisecond)) }

// tenths returns a time in milliseconds with one decimal: the next one would be chance.
func tenths(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*thousand, 'f', 1, 64) }

// seconds returns a time in seconds.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) }
