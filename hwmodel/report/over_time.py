"""The page's pictures of a run with a scenario: VMs interval by interval, functions that go and come, events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
from hwmodel.results.agents_text import (
    ACTION_COLUMNS,
    AGENT_COLUMNS,
    AGENT_TEXT_COLUMNS,
    action_rows,
    agent_rows,
)
from hwmodel.results.stage_text import STAGE_COLUMNS, STAGE_TEXT_COLUMNS, stage_rows
from hwmodel.words.quantities import MISSING, count_text, moment_ns, page_time, page_time_unit, printable, three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hwmodel.results.result import Result
    from hwmodel.results.series import LifeResult, Series, VmSeries

MOST_LINES = 8  # of VMs: those whose rates change most
MOST_POINTS = 400  # of a line; of more the means of several
MOST_NUMBERED = 12  # events whose numbers stand at their lines
MOST_CROSSING = 50  # events with lines across a picture; more get short ones at its upper edge
MOST_EVENT_ROWS = 64
MOST_BARS = 12  # functions in the picture of those that go down and come up
MOST_LIFE_ROWS = 24
# Of a picture's width: within how much events share a label, 2-4, the first with which labels do not touch.
_NEAR, _CHARACTER = (0.035, 0.07, 0.14, 0.28), 0.0205
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
_LONGEST_NAME = 16
Floats = npt.NDArray[np.float64]


class Picture(NamedTuple):
    """Name a figure of VMs over time: its field in the series, the words of its axis, its caption."""

    field: str
    axis: str
    caption: str


RECEIVED = Picture("rx_gbps", "Gb/s received", "What each VM receives over time")
PICTURES = {
    "over_received": RECEIVED,
    "over_sent": Picture("tx_gbps", "Gb/s sent", "What each VM sends over time"),
    "over_latency": Picture(
        "latency_ns", "mean latency", "Mean latency of what each VM receives, post to delivery, over time"
    ),
    "over_drops": Picture("drops", "frames dropped", "Frames to or of each VM that its adapter drops, over time"),
    "over_tx_ring": Picture("tx_ring", "descriptors", "Descriptors in use in each VM's Tx rings over time"),
    "over_rx_ring": Picture("rx_ring", "descriptors", "Descriptors in use in each VM's Rx rings over time"),
}
LIVES = "lives"
# The stages drawn as bars; before and after them a function's state is drawn thinner.
_PARTS = (("off", GREY), ("reset", ORANGE), ("messages", PURPLE), ("rings", SKY))
_UP = GREEN


def over_time_figures(series: Series, key: str) -> dict[str, str]:
    """Draw all of the page's pictures over time, by place; an empty text where there is nothing to see.

    The first is what VMs receive, or what they send where that alone changes and none receives anything.
    """
    drawn = {name: over_time_figure(series, f"{key}-{name.replace('_', '-')}", one) for name, one in PICTURES.items()}
    if drawn["over_sent"] and not any(gbps for vm in series.vms.values() for gbps in vm.rx_gbps):
        drawn["over_received"] = ""
    return drawn | {LIVES: lives_figure(series, f"{key}-{LIVES}")}


def over_time_figure(series: Series, key: str, picture: Picture = RECEIVED) -> str:
    """Draw a figure of VMs over time as an SVG element.

    Empty for fewer than two intervals, and, except for the rates received, if nothing ever changes.
    """
    rows = {name: _figures(vm, picture.field) for name, vm in series.vms.items()}
    if series.n_intervals < 2 or (picture is not RECEIVED and not any(_range_of(row) for row in rows.values())):
        return ""
    names = _shown_vms(series)
    width = -(-series.n_intervals // MOST_POINTS)
    unit, axis = _axis_of(picture, series, width, [rows[name] for name in names])
    scale, _ = _unit_of(series)
    with drawing_style(key):
        figure, axes = new_canvas(2.8)
        labels = short_labels(names, _LONGEST_NAME)
        for name, label, colour in zip(names, labels, _COLOURS, strict=False):
            values = _steps(rows[name], width, in_all=picture.field == "drops") / unit
            edges = [at * width * series.interval_ns / scale for at in range(len(values) + 1)]
            axes.stairs(values, edges, baseline=None, color=colour, label=label, linewidth=1.2)
        _time_axis(axes, series)
        _mark_events(axes, series)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="y", nbins=6)  # as many whatever the height: the layout sees their labels once
        axes.set_ylabel(axis)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=4, frameon=False)
        return svg_element(figure, key, f"{picture.caption}: {axis}, with a dashed line at each event")


def lives_figure(series: Series, key: str) -> str:
    """Draw a bar for each function that goes or comes: off, its reset, messages, rings, its first frame."""
    names = _shown_lives(series)
    if not names:
        return ""
    scale, _ = _unit_of(series)
    with drawing_style(key):
        figure, axes = new_canvas(1.1 + 0.24 * len(names))
        colours, dots = dict(_PARTS), []
        for row, name in enumerate(names):
            lives = [life for life in series.lives if life.vm == name]
            for stage in series.stages(name, _end_ns(series)):
                height, colour = (0.66, colours[stage.name]) if stage.name in colours else (0.16, _UP)
                length_ns = stage.end_ns - stage.start_ns
                axes.barh(row, length_ns / scale, height, left=stage.start_ns / scale, color=colour)
            dots += [(life.first_frame_ns / scale, row) for life in lives if life.first_frame_ns is not None]
        if dots:
            axes.plot(*zip(*dots, strict=True), "D", color=VERMILION, markersize=4, label="first frame")
        for part, colour in (*_PARTS, ("up", _UP)):
            axes.barh(0, 0, color=colour, label=part)
        axes.set_yticks(range(len(names)), short_labels(names, _LONGEST_NAME))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        _time_axis(axes, series)
        _mark_events(axes, series)
        figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=8, handlelength=1, columnspacing=1)
        return svg_element(
            figure, key, "When each function is off, in its reset, asks the PF, sets rings up, and is up"
        )


def event_table(series: Series) -> Table:
    """List the events by their numbers in the pictures, with what each did; of many the first ones."""
    rows = [
        [
            str(number),
            "never" if event.at_ns is None else page_time(moment_ns(event.at_ns)),
            printable(event.event),
            printable(event.did),
        ]
        for number, event in enumerate(series.events[:MOST_EVENT_ROWS], start=1)
    ]
    return Table(("", "at", "event", "what it did"), rows, texts=(2, 3))


def life_table(series: Series) -> Table | None:
    """List, for functions that go down or come up, the stages of coming up and frames lost; None if there are none."""
    if not series.lives:
        return None
    header = ("event", "function", "at", "reset, ms", "messages, ms", "rings, ms", "first frame after", "in all, ms",
              "frames lost")  # fmt: skip
    rows = [_life_row(life) for life in _listed_lives(series)]
    return Table(header, rows, texts=(0, 1))


def stage_table(result: Result) -> Table | None:
    """List the stages of a window in which the machine changes; None where it does not."""
    if not result.stages:
        return None
    rows = [list(row) for row in stage_rows(result, page_time)]
    return Table(STAGE_COLUMNS, rows, texts=STAGE_TEXT_COLUMNS)


def agent_table(result: Result) -> Table | None:
    """List the agents of a run with what each did; None where there are none."""
    if not result.agents:
        return None
    return Table(AGENT_COLUMNS, [list(row) for row in agent_rows(result)], texts=AGENT_TEXT_COLUMNS)


def action_table(result: Result) -> Table | None:
    """List the first things that agents did; None where they did none."""
    if not result.agent_actions:
        return None
    rows = [list(row) for row in action_rows(result)]
    return Table(ACTION_COLUMNS, rows, texts=tuple(range(len(ACTION_COLUMNS))))


def series_note(series: Series) -> str:
    """Say what the pictures are of, and what they leave out."""
    told = [f"Intervals of {page_time(series.interval_ns)} from the run's first instant on, warm-up included."]
    if len(series.vms) > MOST_LINES:
        told.append(f"Of {len(series.vms)} VMs those whose rates vary most are drawn.")
    if len(series.events) > MOST_CROSSING:
        told.append("Events have short lines at the upper edge.")
    elif series.events:
        told.append("Events have dashed lines.")
    if len(series.events) > MOST_NUMBERED:
        told.append(f"The first {MOST_NUMBERED} have their numbers there.")
    if len(series.events) > MOST_EVENT_ROWS:
        told.append(f"The table has the first {MOST_EVENT_ROWS} of {count_text(len(series.events))}; all are in the "
                    "JSON result.")  # fmt: skip
    return " ".join(told)


def lives_note(series: Series) -> str:
    """Say which functions the picture and the table leave out; empty where they have all."""
    n_functions, n_lives = len({life.vm for life in series.lives}), len(series.lives)
    told = []
    if n_functions > MOST_BARS:
        told.append(f"Of {n_functions} functions {MOST_BARS} are drawn: those that an event is about alone, or with "
                    "few others, then those that lost most frames, then those that took longest.")  # fmt: skip
    if n_lives > MOST_LIFE_ROWS:
        told.append(f"The table has {MOST_LIFE_ROWS} of {n_lives} rows, chosen alike; all are in the JSON result.")
    return " ".join(told)


# ---- VMs ----


def _shown_vms(series: Series) -> list[str]:
    """Return the VMs to draw, the same in all pictures, so that each has one colour."""

    def varies(name: str) -> float:
        vm = series.vms[name]
        return max(_range_of(_figures(vm, "rx_gbps")), _range_of(_figures(vm, "tx_gbps")))

    chosen = sorted(series.vms, key=lambda name: (-varies(name), name))[:MOST_LINES]
    return [name for name in series.vms if name in chosen]


def _figures(vm: VmSeries, field: str) -> Floats:
    return np.array([nan if one is None else one for one in getattr(vm, field)], np.float64)


def _range_of(figures: Floats) -> float:
    known = figures[~np.isnan(figures)]
    return float(known.max() - known.min()) if len(known) else 0.0


def _steps(figures: Floats, width: int, *, in_all: bool) -> Floats:
    """Return the means (or sums) of groups of `width` figures; the last group may be smaller."""
    steps = []
    for at in range(0, len(figures), width):
        part = figures[at : at + width]
        known = part[~np.isnan(part)]
        steps.append(nan if not len(known) else known.sum() if in_all else known.mean())
    return np.array(steps)


def _axis_of(picture: Picture, series: Series, width: int, rows: Sequence[Floats]) -> tuple[float, str]:
    """Return the unit of an axis and its words."""
    if picture.field == "latency_ns":
        most = max((float(np.nanmax(row)) for row in rows if not np.isnan(row).all()), default=0.0)
        unit, name = page_time_unit(most)
        return unit, f"{picture.axis}, {name}"
    if picture.field == "drops":
        return 1.0, f"{picture.axis} in each {page_time(width * series.interval_ns)}"
    return 1.0, picture.axis


# ---- Functions that go and come ----


def _shown_lives(series: Series) -> list[str]:
    """Return the functions to draw, in order of first appearance."""
    names = list(dict.fromkeys(life.vm for life in series.lives))
    chosen = list(dict.fromkeys(life.vm for life in _by_weight(series)))[:MOST_BARS]
    return [name for name in names if name in chosen]


def _listed_lives(series: Series) -> list[LifeResult]:
    chosen = _by_weight(series)[:MOST_LIFE_ROWS]
    return [life for life in series.lives if life in chosen]


def _by_weight(series: Series) -> list[LifeResult]:
    """Order lives: events about few functions first, then most frames lost, then longest."""
    about = [life.event for life in series.lives]
    return sorted(series.lives, key=lambda life: (about.count(life.event), -life.frames_lost, -_whole_ns(life)))


def _whole_ns(life: LifeResult) -> float:
    return sum(part or 0.0 for part in (life.reset_ns, life.messages_ns, life.rings_ns))


def _life_row(life: LifeResult) -> list[str]:
    known = life.reset_ns is not None
    parts = [MISSING if one is None else three_digits(one / 1e6) for one in _parts_of(life)]
    is_up, has_sent = life.up_ns is not None, life.first_frame_ns is not None
    first = page_time((life.first_frame_ns or 0.0) - (life.up_ns or 0.0)) if has_sent else MISSING
    over_ns = life.first_frame_ns if has_sent else life.up_ns
    in_all = three_digits(((over_ns or 0.0) - life.at_ns) / 1e6) if is_up else "not up" if known else "off"
    lost = count_text(life.frames_lost) if life.goes else MISSING
    return [str(life.event + 1), printable(life.vm), page_time(moment_ns(life.at_ns)), *parts, first, in_all, lost]


def _parts_of(life: LifeResult) -> tuple[float | None, ...]:
    return life.reset_ns, life.messages_ns, life.rings_ns


# ---- The axis of time ----


def _time_axis(axes: Axes, series: Series) -> None:
    scale, unit = _unit_of(series)
    axes.set_xlim(0, _end_ns(series) / scale)
    axes.set_xlabel(f"time, {unit}")


def _mark_events(axes: Axes, series: Series) -> None:
    """Draw a dashed line at each event, with its number; those near each other share one."""
    scale, _ = _unit_of(series)
    times_ns = [event.at_ns for event in series.events if event.at_ns is not None]  # the others come last
    low = 0.0 if len(times_ns) <= MOST_CROSSING else 0.96
    dashed: Any = (0, (3, 3)) if low == 0 else "solid"
    instants = list(dict.fromkeys(times_ns))
    places = [place for at_ns in instants for place in (at_ns / scale, at_ns / scale, nan)]  # one line with gaps
    heights, ends = [low, 1.0, nan] * len(instants), axes.get_xaxis_transform()
    axes.plot(places, heights, color=INK, linewidth=0.8, linestyle=dashed, transform=ends)
    for at, shown in _labels([time_ns / _end_ns(series) for time_ns in times_ns[:MOST_NUMBERED]]):
        place = at * _end_ns(series) / scale, 1.0
        axes.annotate(shown, place, xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8)


def _labels(places: Sequence[float]) -> list[tuple[float, str]]:
    """Return the places of labels, as shares of the picture's width, and the numbers of the events that share each."""
    for near in _NEAR:
        found = [
            (places[first], str(first + 1) if first == last else f"{first + 1}\u2013{last + 1}")
            for first, last in _groups(places, near)
        ]
        if all(at + (len(one) + len(two)) / 2 * _CHARACTER < to for (at, one), (to, two) in pairwise(found)):
            break
    return found


def _groups(places: Sequence[float], near: float) -> Iterator[tuple[int, int]]:
    """Give the first and last of each group of events so near that they share a label."""
    first = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] - places[first] > near:
            yield first, at - 1
            first = at


def _end_ns(series: Series) -> float:
    return series.interval_ns * series.n_intervals


def _unit_of(series: Series) -> tuple[float, str]:
    units = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
    return next((each for each in units if _end_ns(series) >= each[0]), (1.0, "ns"))
