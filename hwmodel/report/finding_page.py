"""The pages of `size`, `search` and `compare --over`: the answer, a picture of what was tried, the tables behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hwmodel.report.figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    drawing_style,
    log_ticks,
    new_canvas,
    svg_element,
)
from hwmodel.report.html import template_environment
from hwmodel.report.reproduction import assumption_table, of_curves, of_search, of_sizing
from hwmodel.report.sweep.curves import CurveAxis, DrawnLine, curve_figure
from hwmodel.report.sweep.reading import Estimate
from hwmodel.report.tables import Table
from hwmodel.results.comparison import Curves
from hwmodel.results.comparison_text import OVER_WORDS, curve_remarks, curve_rows, curve_sentences
from hwmodel.results.explored import Choice, LoadSearch, LoadTrial, SizingResult
from hwmodel.results.modelled import modelled_sentence
from hwmodel.results.search_text import loads_of, search_reasons, search_sentence, trial_rows
from hwmodel.results.sizing_text import (
    BESIDE_COLUMNS,
    beside_rows,
    found_sentences,
    reason_sentences,
    sizing_sentence,
    sureness_sentences,
    target_rows,
)
from hwmodel.words.quantities import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MICROSECONDS = re.compile(r"(?<=\d )us\b")
_LATENCY_REMARK = "Loads are shares of the closed form's ceiling. p50, p99 and p99.9: latency, post to delivery."


def render_sizing_page(result: SizingResult, label: str) -> str:
    """Return the HTML page of a sizing; `label` names its file.

    Raises InputError where Jinja2 or matplotlib is missing.
    """
    shown = result.answer or result.nearest
    tables = []
    if shown is not None:
        tables.append(("The target", _table(*target_rows(shown, result.offered), texts=(0, 3))))
    beside = beside_rows(result)
    if beside:
        tables.append(("Beside it", _table(BESIDE_COLUMNS, beside, texts=(0, 1, 3, 4, 5))))
    base = result.source.get("base")
    config = result.config or (base if isinstance(base, dict) else {})
    modelled = modelled_sentence(config)
    if modelled and result.config is None:
        modelled += " So in the base; what varies is below."
    return _finding_page(
        label,
        modelled=modelled,
        answer=_page(sizing_sentence(result)),
        reasons=[
            _page(one) for one in (*sureness_sentences(result), *reason_sentences(result), *found_sentences(result))
        ],
        warnings=[printable(one) for one in result.warnings],
        figures=[
            (cost_figure(result), "The answer and runs beside it: how far on the right side of the targets, by cost")
        ],
        tables=tables,
        again=of_sizing(result, label),
    )


def render_search_page(found: LoadSearch, label: str) -> str:
    """Return the HTML page of a search over the load; `label` names its configuration.

    Raises InputError where Jinja2 or matplotlib is missing.
    """
    header, rows = trial_rows(found)
    loads = loads_of(found)
    return _finding_page(
        label,
        modelled=f"{modelled_sentence(found.config)} The load in it is what varies.",
        answer=_page(search_sentence(found)),
        reasons=[_page(one) for one in search_reasons(found)],
        figures=[
            (loss_figure(loads), "Frames lost, by load"),
            (latency_figure(loads), "Latency, post to delivery, by load"),
        ],
        tables=[("The loads", _table(header, rows, texts=(0, 8, 9)))] if rows else [],
        remark=_LATENCY_REMARK if rows else "",
        again=of_search(found, label),
    )


def render_curves_page(found: Curves, label: str) -> str:
    """Return the HTML page of ways compared over several values; `label` names their configuration.

    Raises InputError where Jinja2 or matplotlib is missing.
    """
    header, rows = curve_rows(found)
    answer, *reasons = curve_sentences(found)
    return _finding_page(
        label,
        modelled=f"{modelled_sentence(found.config)} Here {found.key} varies, and the way from VM to VM.",
        answer=_page(answer),
        reasons=[_page(one) for one in reasons],
        figures=[(way_figure(found), f"What each way gives, by {OVER_WORDS[found.over]}")],
        tables=[("The values", _table(header, rows, texts=(0, len(header) - 1)))],
        remark=" ".join(_page(one) for one in curve_remarks(found)),
        again=of_curves(found, label),
    )


def _finding_page(label: str, *, warnings: Sequence[str] = (), remark: str = "", **parts: object) -> str:
    """Return the page with what its template asks for in `parts`: the answer, reasons, figures, tables."""
    template = template_environment().get_template("finding.html.j2")
    return template.render(
        title=printable(label), warnings=warnings, remark=remark, assumptions=assumption_table(), **parts
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: tuple[int, ...]) -> Table:
    return Table(tuple(header), [[_page(cell) for cell in row] for row in rows], texts=texts)


def _page(text: str) -> str:
    """Return a text of the terminal with the characters that a page can show."""
    words = _MICROSECONDS.sub("µs", printable(text).replace(" +/- ", " ± "))
    return words.replace(">=", "≥").replace("<=", "≤")


# ---- Their figures ----


_FURTHEST = 1.0  # the margin at both ends of the axis: twice the bound, or 0
_TICKS_OF_POWERS_FROM = 1e3  # from this span on, ticks at 2 and 5 times powers of ten would overlap
_PERCENTILES = (("p50", "p50", BLUE, "o-"), ("p99", "p99", ORANGE, "s-"), ("p99.9", "p999", PURPLE, "^-"))


def cost_figure(result: SizingResult) -> str:
    """Draw the smallest margin over the cost of the answer, ringed, and of those beside it that were run.

    Empty where there are fewer than two.
    """
    is_offered = bool(result.offered)
    known = [(choice, _margin(choice, is_offered)) for choice in _choices(result)]
    points = [(choice.cost, margin, bool(choice.is_met)) for choice, margin in known if margin is not None]
    if len(points) < 2:
        return ""
    with drawing_style("cost"):
        figure, axes = new_canvas(2.9)
        for is_met, colour, marker, label in ((True, BLUE, "o", "meets"), (False, VERMILION, "x", "misses")):
            chosen = [(cost, margin) for cost, margin, met in points if met is is_met]
            if chosen:
                costs, margins = zip(*chosen, strict=True)
                axes.plot(costs, [100 * margin for margin in margins], marker, color=colour, label=label)
        if result.answer is not None:
            margin = _margin(result.answer, is_offered)
            if margin is not None:
                ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": INK, "markersize": 12}
                axes.plot([result.answer.cost], [100 * margin], "o", label="the answer", **ring)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_xlabel("cost")
        axes.set_ylabel("margin of the nearest target, %")
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        return svg_element(figure, "cost", "Margin of the nearest target by cost, of the answer and the runs beside it")


def way_figure(found: Curves) -> str:
    """Draw each way's throughput, with intervals, at the values asked for."""
    asked = [point for point in found.points if point.is_asked]
    names = dict.fromkeys(each.way for point in asked for each in point.ways)
    lines = []
    for name in names:
        known = [(point.value, way) for point in asked if (way := point.way(name)) is not None and way.gbps]
        estimates = [Estimate(way.gbps or 0.0, *(way.gbps_interval or ())) for _, way in known]
        lines.append(DrawnLine(name, [value for value, _ in known], estimates, [None] * len(known)))
    axis = CurveAxis(OVER_WORDS[found.over], None)
    title = f"Throughput of each way by {OVER_WORDS[found.over]}"
    return curve_figure("ways", axis, lines, "throughput, Gb/s", title, "way", "", may_be_log=False)


def loss_figure(loads: Sequence[LoadTrial]) -> str:
    """Draw the share of frames lost over the load; empty if fewer than two loads have one."""
    points = [(100 * one.share, 100 * one.loss) for one in loads if one.loss is not None]
    if len(points) < 2:
        return ""
    with drawing_style("loss"):
        figure, axes = new_canvas(2.7)
        shares, losses = zip(*points, strict=True)
        axes.plot(shares, losses, "o-", color=VERMILION, linewidth=1.4, markersize=4)
        axes.set_ylim(bottom=0, top=max(1.08 * max(losses), 0.1))
        _load_axis(axes)
        axes.set_ylabel("frames lost, %")
        return svg_element(figure, "loss", "Share of the frames that is lost, by load")


def latency_figure(loads: Sequence[LoadTrial]) -> str:
    """Draw latency percentiles over the load, on a logarithmic axis; empty if fewer than two loads have them."""
    if sum(one.latency_ns.p50 is not None for one in loads) < 2:
        return ""
    with drawing_style("latency"):
        figure, axes = new_canvas(2.9)
        for label, name, colour, marker in _PERCENTILES:
            points = [(100 * one.share, getattr(one.latency_ns, name)) for one in loads]
            known = [(share, time_ns / 1e3) for share, time_ns in points if time_ns]
            if known:
                axes.plot(*zip(*known, strict=True), marker, color=colour, linewidth=1.4, markersize=4, label=label)
        axes.set_yscale("log")
        least_us, most_us = axes.get_ylim()
        log_ticks(axes.yaxis, (1.0, 2.0, 5.0) if most_us < _TICKS_OF_POWERS_FROM * least_us else (1.0,))
        _load_axis(axes)
        axes.set_ylabel("latency, µs (logarithmic)")
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
        return svg_element(figure, "latency", "Percentiles of the latency, post to delivery, by load")


def _load_axis(axes: Axes) -> None:
    axes.locator_params(axis="x", nbins=6)  # loads that lie close to each other have long labels: 100.05
    axes.set_xlabel("load, % of the closed form's ceiling")


def _choices(result: SizingResult) -> list[Choice]:
    """Return each configuration that was run of those that the page lists, once."""
    others = [result.answer, result.nearest, result.runner_up_choice, *(step.choice for step in result.steps)]
    found: dict[str, Choice] = {}
    for choice in (*others, *result.cheaper):
        if choice is not None and choice.source == "simulation":
            found.setdefault(repr(sorted(choice.knobs.items())), choice)
    return list(found.values())


def _margin(choice: Choice, is_offered: bool) -> float | None:
    """Return the smallest margin, clipped to the axis; None if no target has one.

    Left out are met bounds of 0, and rates that are offered exactly as asked (`is_offered`): only the answer was run
    beyond these.
    """
    of_any = [one for one in choice.targets if one.margin is not None and (one.bound or not one.is_met)]
    beyond = [one for one in of_any if not (is_offered and one.is_met and one.metric in ("gbps", "mpps"))]
    margins = [one.margin for one in beyond or of_any if one.margin is not None]
    return max(-_FURTHEST, min(_FURTHEST, *margins)) if margins else None
