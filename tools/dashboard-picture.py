#!/usr/bin/python3
"""Draws the panels of a Grafana dashboard by asking Prometheus their own queries.

    tools/dashboard-picture.py DASHBOARD PROMETHEUS START END CAPTION PICTURE

START and END are seconds since 1970. `make dashboard-picture` runs it. It needs Debian's
python3-matplotlib. The picture has Grafana's grid, but is not Grafana's.
"""

import json
import math
import re
import sys
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

RATE_INTERVAL = "5s"  # Of ten scrapes, for the hundreds of seconds that are drawn.
INK, PALE, GRID, PAPER, PANEL = "#24292f", "#6e7781", "#e6e8eb", "#f4f5f7", "#ffffff"
# Okabe and Ito's, which colour-blind readers tell apart, and paler ones of them.
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a800", "#7f7f7f", "#8c564b", "#3b3b98"]
MOST_LEGENDS = 6


def query(prometheus, expr, start, end):
    """Returns the series of an expression, each with its labels, times and values."""
    expr = expr.replace("$__rate_interval", RATE_INTERVAL).replace("$instance", ".+")
    url = prometheus + "/api/v1/query_range?" + urllib.parse.urlencode({"query": expr, "start": start, "end": end, "step": 1})
    with urllib.request.urlopen(url, timeout=30) as response:
        result = json.load(response)["data"]["result"]
    series = []
    for one in result:
        # A second without a sample is a gap in the line.
        values = {int(t): float(v) for t, v in one["values"]}
        times = range(start, end + 1)
        series.append((one["metric"], [t - start for t in times], [values.get(t, math.nan) for t in times]))
    return series


def legend_of(text, labels):
    text = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m: labels.get(m.group(1), ""), text)
    text = re.sub(r"127\.0\.0\.1:\d+", "todod-1", text)  # The test's port says nothing.
    return re.sub(r"/(todo|grpc)[\w.]*\.([A-Za-z]+)/", "", text)


def metric(value):
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def formatter(unit):
    if unit == "s":
        return lambda v, _: "0" if v == 0 else (f"{v * 1000:g} ms" if abs(v) < 1 else f"{v:g} s")
    if unit == "percentunit":
        return lambda v, _: f"{v * 100:g} %"
    if unit == "bytes":
        return lambda v, _: f"{v / 2**20:.0f} MiB"
    return lambda v, _: metric(v) + ({"reqps": "/s", "ops": "/s"}.get(unit, ""))


def draw_states(axes, series):
    """Draws a bar for each series, where it has samples."""
    names = sorted({name for name, _, _ in series})
    for name, times, values in series:
        for t, v in zip(times, values):
            if not math.isnan(v):
                axes.barh(names.index(name), 1, left=t, height=0.62, color=COLOURS[3], linewidth=0)
    axes.set_yticks(range(len(names)), [name.removeprefix("Todod") for name in names], color=INK)
    axes.set_ylim(max(len(names), 5) - 0.4, -0.6)
    # The names stand to the left of the bars, within the panel.
    box = axes.get_position()
    axes.set_position([box.x0 + 0.36 * box.width, box.y0, 0.64 * box.width, box.height])
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=10, fontweight="bold", color=INK, pad=7, x=(-0.36 - 0.11) / 0.64)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def draw_lines(axes, series, stacked):
    if stacked:
        base = [0.0] * (len(series[0][1]) if series else 0)
        for i, (name, times, values) in enumerate(series):
            top = [b + (0 if math.isnan(v) else v) for b, v in zip(base, values)]
            colour = COLOURS[i % len(COLOURS)]
            axes.fill_between(times, base, top, color=colour, alpha=0.55, linewidth=0, label=name)
            axes.plot(times, top, color=colour, linewidth=0.7)
            base = top
        return
    for i, (name, times, values) in enumerate(series):
        limit = name == "limit"
        axes.plot(times, values, label=name, linewidth=1.2, color=PALE if limit else COLOURS[i % len(COLOURS)], linestyle=(0, (4, 3)) if limit else "-")


def draw(axes, panel, prometheus, start, end):
    series = []
    for target in panel["targets"]:
        for labels, times, values in query(prometheus, target["expr"], start, end):
            series.append((legend_of(target["legendFormat"], labels), times, values))
    axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold", color=INK, pad=7, x=-0.11)
    axes.set_facecolor(PANEL)
    axes.set_xlim(0, end - start)
    for side in axes.spines.values():
        side.set_color(GRID)
    axes.tick_params(labelsize=7, colors=PALE, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{int(v) // 60}:{int(v) % 60:02d}"))
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    if panel["type"] == "state-timeline":
        draw_states(axes, series)
        return
    # The largest first, so that the legend names what matters.
    size = {name: sum(v for v in values if not math.isnan(v)) for name, _, values in series}
    series.sort(key=lambda one: -size[one[0]])
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    draw_lines(axes, series, "stacking" in custom)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    whole = all(math.isnan(v) or v == int(v) for _, _, values in series for v in values)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=whole and unit == "short"))
    axes.yaxis.set_major_formatter(FuncFormatter(formatter(unit)))
    nothing = not any(size.values())
    axes.set_ylim(0, (2**22 if unit == "bytes" else 1) if nothing else axes.get_ylim()[1] * 1.05)
    if not series:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", fontsize=8, color=PALE)
        return
    handles, names = axes.get_legend_handles_labels()
    more = len(names) - MOST_LEGENDS
    axes.legend(handles[:MOST_LEGENDS], names[:MOST_LEGENDS], loc="upper left", bbox_to_anchor=(-0.11, -0.12), ncol=2 if max(map(len, names[:MOST_LEGENDS])) < 24 else 1,
                fontsize=7, frameon=False, labelcolor=INK, handlelength=1.2, columnspacing=1.2, borderpad=0.2, labelspacing=0.25)
    if more > 0:
        axes.text(1, -0.16, f"and {more} more", transform=axes.transAxes, ha="right", va="top", fontsize=7, color=PALE)


def main(dashboard, prometheus, start, end, caption, picture):
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    plt.rcParams["font.family"] = ["Liberation Sans", "DejaVu Sans"]
    # Rows of panels, and headings between them: a heading has a fifth of a panel's height.
    rows, heights = [], []
    for panel in panels:
        if panel["type"] == "row":
            rows.append([panel])
            heights.append(0.16)
        elif rows and rows[-1][0]["type"] != "row" and rows[-1][0]["gridPos"]["y"] == panel["gridPos"]["y"]:
            rows[-1].append(panel)
        else:
            rows.append([panel])
            heights.append(1.0)
    figure = plt.figure(figsize=(17, 2.4 * sum(heights) + 1), facecolor=PAPER)
    total = sum(heights)
    top, bottom = 0.962, 0.008
    figure.text(0.02, 0.988, "todod", fontsize=17, fontweight="bold", color=INK, va="center")
    figure.text(0.02, 0.973, caption, fontsize=10, color=PALE, va="center")
    y = top
    for row, height in zip(rows, heights):
        share = (top - bottom) * height / total
        y -= share
        if row[0]["type"] == "row":
            figure.text(0.02, y + share * 0.2, row[0]["title"], fontsize=12, fontweight="bold", color=INK, va="bottom")
            continue
        for panel in row:
            grid = panel["gridPos"]
            left, width = 0.02 + 0.965 * grid["x"] / 24, 0.965 * grid["w"] / 24
            card = Rectangle((left, y + 0.03 * share), width - 0.006, 0.94 * share, transform=figure.transFigure, facecolor=PANEL, edgecolor=GRID, zorder=-1)
            figure.add_artist(card)
            axes = figure.add_axes([left + 0.033, y + share * 0.32, width - 0.05, share * 0.49])
            draw(axes, panel, prometheus, int(start), int(end))
    figure.savefig(picture, dpi=96, facecolor=PAPER)


if __name__ == "__main__":
    if sys.argv[1:] == ["-h"]:
        print(__doc__)
    else:
        main(*sys.argv[1:])
