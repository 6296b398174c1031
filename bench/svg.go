package main

import (
	"fmt"
	"math"
	"strings"

	"example.com/todo-backend/bench/internal/load"
)

// The picture's measures, in pixels.
const (
	pictureWidth = 820
	panelHeight  = 300
	plotLeft     = 70
	plotRight    = 640 // What is right of it names the lines.
	plotTop      = 46
	plotBottom   = 250
)

// pictureStyle is legible on white and on black, and follows the reader's
// preference.
const pictureStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.grid { stroke: #8c959f; stroke-opacity: .35 }
.axis { stroke: #57606a }
.line { fill: none; stroke-width: 2 }
.p50 { stroke-dasharray: 5 4 }
.c0 { stroke: #0969da } .c1 { stroke: #bf5700 } .c2 { stroke: #1a7f37 } .c3 { stroke: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.axis { stroke: #9198a1 }
.c0 { stroke: #4493f8 } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 } .c3 { stroke: #ab7df8 }
}
</style>
`

// latencyPicture draws latency over rate, a panel for each scenario: p99 as a
// solid line and p50 as a dashed one for each protocol.
func latencyPicture(lines []line) string {
	var panels strings.Builder
	count := 0
	for _, sc := range scenarios() {
		var of []line
		for _, l := range lines {
			if l.Scenario == sc.name && !l.Behind {
				of = append(of, l)
			}
		}
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&panels, "<g transform=\"translate(0 %d)\">\n", count*panelHeight)
		drawPanel(&panels, sc.name, of)
		panels.WriteString("</g>\n")
		count++
	}
	height := max(1, count) * panelHeight
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"Latency over rate\">\n",
		pictureWidth, height, pictureWidth, height) + pictureStyle + panels.String() + "</svg>\n"
}

// scale maps values to pixels.
type scale struct {
	low, high float64 // Values.
	from, to  float64 // Pixels.
	log       bool
}

func (s scale) at(value float64) float64 {
	low, high := s.low, s.high
	if s.log {
		low, high, value = math.Log10(low), math.Log10(high), math.Log10(value)
	}
	return s.from + (value-low)/(high-low)*(s.to-s.from)
}

// drawPanel draws the axes and lines of a scenario.
func drawPanel(w *strings.Builder, name string, lines []line) {
	var most, high float64
	low := math.Inf(1)
	for _, l := range lines {
		most = max(most, l.Rate)
		low, high = min(low, l.P50), max(high, l.P99)
	}
	step := roundStep(most / 5)
	x := scale{high: math.Ceil(most/step) * step, from: plotLeft, to: plotRight}
	low, high = math.Pow(10, math.Floor(math.Log10(max(low, 0.001)))), math.Pow(10, math.Ceil(math.Log10(max(high, 0.01))))
	y := scale{low: low, high: high, from: plotBottom, to: plotTop, log: true}

	fmt.Fprintf(w, "<text class=\"title\" x=\"%d\" y=\"24\">%s: latency (ms) over calls per second; p99 solid, p50 dashed</text>\n", plotLeft, name)
	for value := 0.0; value <= x.high; value += step {
		fmt.Fprintf(w, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
			x.at(value), x.at(value), plotTop, plotBottom, x.at(value), plotBottom+20, value)
	}
	for value := low; value <= high*1.01; value *= 10 {
		fmt.Fprintf(w, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
			plotLeft, plotRight, y.at(value), y.at(value), plotLeft-8, y.at(value)+4, math.Round(value*1000)/1000)
	}
	fmt.Fprintf(w, "<path class=\"axis\" fill=\"none\" d=\"M%d %dV%dH%d\"/>\n", plotLeft, plotTop, plotBottom, plotRight)

	for i, protocol := range load.Protocols() {
		p50, p99 := path(lines, protocol, x, y, func(l line) float64 { return l.P50 }), path(lines, protocol, x, y, func(l line) float64 { return l.P99 })
		if p50 == "" {
			continue
		}
		fmt.Fprintf(w, "<path class=\"line p50 c%d\" d=\"%s\"/><path class=\"line c%d\" d=\"%s\"/>\n", i, p50, i, p99)
		at := plotTop + 20 + 24*i
		fmt.Fprintf(w, "<path class=\"line c%d\" d=\"M%d %dh24\"/><text x=\"%d\" y=\"%d\">%s</text>\n", i, plotRight+24, at-4, plotRight+56, at, protocol)
	}
}

// path returns the line of a protocol's values, "" when it has none. Lines are
// in the order of their rates.
func path(lines []line, protocol load.Protocol, x, y scale, value func(line) float64) string {
	var points []string
	for _, l := range lines {
		if l.Protocol == protocol {
			points = append(points, fmt.Sprintf("%.1f %.1f", x.at(l.Rate), y.at(max(value(l), y.low))))
		}
	}
	if len(points) == 0 {
		return ""
	}
	return "M" + strings.Join(points, "L")
}

// roundStep returns the next of 1, 2 or 5 times a power of ten.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(least, 1))))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= least {
			return factor * power
		}
	}
	return 10 * power
}
