"""The page's picture of a run with a scenario: what VMs receive and send over time, with a line at each event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwmodel.report.configuration import short_labels
from hwmodel.report.figures import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    drawing_style,
    new_canvas,
    svg_element,
)
from hwmodel.report.tables import Table
from hwmodel.words.quantities import page_time

if TYPE_CHECKING:
    from hwmodel.results.series import Series

MOST_LINES = 8  # of VMs: those whose rates change most
MOST_POINTS = 400  # of a line; of more the means of several
MOST_NUMBERED = 12  # events whose numbers stand at their lines
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
_LONGEST_NAME = 16


def over_time_figure(series: Series, key: str, direction: str = "rx_gbps") -> str:
    """Draw a rate of VMs over time as an SVG element; empty where there are fewer than two intervals."""
    if series.n_intervals < 2:
        return ""
    chosen = sorted(series.vms, key=lambda name: (-_range_of(getattr(series.vms[name], direction)), name))[:MOST_LINES]
    names = [name for name in series.vms if name in chosen]
    what = "received" if direction == "rx_gbps" else "sent"
    width = -(-series.n_intervals // MOST_POINTS)
    scale, unit = _unit_of(series.interval_ns * series.n_intervals)
    with drawing_style(key):
        figure, axes = new_canvas(2.8)
        labels = short_labels(names, _LONGEST_NAME)
        for name, label, colour in zip(names, labels, _COLOURS, strict=False):
            rates = _means(getattr(series.vms[name], direction), width)
            edges = [at * width * series.interval_ns / scale for at in range(len(rates) + 1)]
            axes.stairs(rates, edges, color=colour, label=label, linewidth=1.2)
        for number, event in enumerate(series.events, start=1):
            if event.at_ns is None:
                continue
            axes.axvline(event.at_ns / scale, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
            if number <= MOST_NUMBERED:
                place = event.at_ns / scale, 1.0
                axes.annotate(str(number), place, xycoords=("data", "axes fraction"), ha="center", va="bottom")
        axes.set_xlim(0, series.interval_ns * series.n_intervals / scale)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"time, {unit}")
        axes.set_ylabel(f"Gb/s {what}")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=4, frameon=False)
        return svg_element(figure, key, f"Gb/s {what} by each VM over time, with a dashed line at each event")


def event_table(series: Series) -> Table:
    """List the events by the numbers that they have in the picture, with what each did."""
    rows = [
        [str(number), page_time(event.at_ns), event.event, event.did]
        for number, event in enumerate(series.events, start=1)
    ]
    return Table(("", "at", "event", "what it did"), rows, texts=(2, 3))


def series_note(series: Series) -> str:
    """Say what the picture is of."""
    left_out = max(0, len(series.vms) - MOST_LINES)
    more = f" Of {len(series.vms)} VMs those whose rates vary most are drawn." if left_out else ""
    return f"Intervals of {page_time(series.interval_ns)} from the run's first instant on, warm-up included.{more}"


def _range_of(rates: Sequence[float]) -> float:
    return max(rates, default=0.0) - min(rates, default=0.0)


def _means(rates: Sequence[float], width: int) -> list[float]:
    """Return the means of so many rates each; of the last of those that are left."""
    parts = (rates[at : at + width] for at in range(0, len(rates), width))
    return [sum(part) / len(part) for part in parts]


def _unit_of(length_ns: float) -> tuple[float, str]:
    units = ((1e9, "s"), (1e6, "ms"), (1e3, "us"))
    return next((each for each in units if length_ns >= each[0]), (1.0, "ns"))
