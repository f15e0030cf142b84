"""A study's page: the sentence, the figure, the table, what limits, how far the closed form is off, how to run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benches.markdown import markdown_table
from benches.pictures import picture, write_picture
from benches.studies.study import Study, by_line, line_of, number, plain
from benches.sweep_rows import Row, plan_of
from hwmodel.report.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, GREY)


def study_page(study: Study, rows: Sequence[Row]) -> str:
    """Return the page of a study, from its rows alone."""
    plan = plan_of(study.name)
    lines = [
        f"# {study.title}",
        "",
        f"<!-- Written by `python -m benches.studies {study.name}` from {study.name}.csv; a test keeps it current. -->",
        "",
        f"**{study.found(rows)}**",
        "",
        f"![{study.title}](../pictures/study_{study.name}.svg)",
        "",
        study.about,
        "",
        *(study.tables(rows) if study.tables else _table(study, rows)),
    ]
    for text in (_limits(study, rows), _deviation(study, rows), study.by_hand(rows)):
        lines += ["", text] if text else []
    lines += [
        "",
        f"[The sweep](../../configs/studies/{study.name}.yaml): {len(rows)} runs, hash `{plan.sweep_hash}`; "
        f"[all figures](../studies/{study.name}.csv). `hwmodel sweep {study.name} --out out/{study.name}` runs it, "
        f"`python -m benches.studies {study.name}` writes this page anew.",
    ]
    return "\n".join(lines) + "\n"


def _table(study: Study, rows: Sequence[Row]) -> Iterator[str]:
    lines = by_line(rows, study)
    at = {(str(row[study.x]), str(line_of(row, study))): row for row in rows}
    xs = sorted({str(row[study.x]): row[study.x] for row in rows}.values(), key=number)
    table = [
        [_shown(x), *(study.metric.cell(at[str(x), str(line)]) if (str(x), str(line)) in at else "" for line in lines)]
        for x in xs
    ]
    closed = ", closed form in brackets" if study.metric.closed else ""
    interval = " ± half the 95 % interval" if study.metric.interval else ""
    yield (
        f"{study.metric.words[0].upper()}{study.metric.words[1:]}, {study.metric.unit}{interval}{closed}; across: "
        f"{study.line_label}."
    )
    yield ""
    yield from markdown_table([study.x_label, *map(_shown, lines)], table)


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _limits(study: Study, rows: Sequence[Row]) -> str:
    """Say which resource limits where, as the runs name it."""
    if not study.says_what_limits:
        return ""
    named = {row["bottleneck.resource"] for row in rows}
    if len(named) == 1:
        return f"`{named.pop()}` limits everywhere."
    parts = []
    for line, of_line in by_line(rows, study).items():
        stretches: list[list[Any]] = []
        for row in of_line:
            if not stretches or stretches[-1][0] != row["bottleneck.resource"]:
                stretches.append([row["bottleneck.resource"], row[study.x], row[study.x]])
            stretches[-1][2] = row[study.x]
        words = (f"`{name}` {_shown(a) if a == b else f'{_shown(a)} to {_shown(b)}'}" for name, a, b in stretches)
        parts.append(f"{_shown(line)}: {', '.join(words)}")
    return f"What limits, by {study.line_label}: {'; '.join(parts)}."


def _deviation(study: Study, rows: Sequence[Row]) -> str:
    """Say how many closed forms lie in the interval, and where the one that is farthest off is."""
    metric = study.metric
    if metric.closed is None or not metric.interval:
        return ""
    ends = [tuple(row[f"intervals.{metric.interval}.{end}"] for end in ("low", "high")) for row in rows]
    known = [(row, low, high) for row, (low, high) in zip(rows, ends, strict=True) if low is not None]
    n_within = sum(low <= metric.closed(row) <= high for row, low, high in known)
    worst = max(rows, key=lambda row: abs(metric.read(row) / metric.closed(row) - 1))
    off = 100 * (metric.read(worst) / metric.closed(worst) - 1)
    axis, _, _unit = study.x_label.partition(",")
    n_near = sum(abs(metric.read(row) / metric.closed(row) - 1) <= 0.02 for row in rows)
    return (
        f"The closed form lies in the interval of {n_within} of {len(known)} runs and within 2 % of {n_near} of "
        f"{len(rows)}; farthest off, {off:+z.1f} %, is the run at {axis} {_shown(worst[study.x])}; {study.line_label} "
        f"{_shown(line_of(worst, study))}."
    )


def draw(study: Study, rows: Sequence[Row]) -> None:
    """Write the picture of a study: a line for each value, the closed form dashed."""
    name = f"study_{study.name}"
    metrics = [study.metric, *(study.more_metrics or {}).values()]
    with picture(name, 1, len(metrics), 3.4 * len(metrics) + 1.2, 3.2) as (figure, panels):
        for axes, metric in zip(panels, metrics, strict=True):
            for (line, of_line), colour in zip(by_line(rows, study).items(), COLOURS * 2, strict=False):
                xs = [number(row[study.x]) for row in of_line]
                if metric.closed is not None:
                    axes.plot(xs, [metric.closed(row) for row in of_line], "--", color=colour, linewidth=1)
                ys = [metric.read(row) for row in of_line]
                style = "o-" if metric.closed is None else "o"
                axes.plot(xs, ys, style, color=colour, markersize=4, linewidth=1, label=_shown(line))
            if study.x_is_log:
                axes.set_xscale("log", base=2)
                ticks = sorted({number(row[study.x]) for row in rows})
                ticks = ticks[:: -(-len(ticks) // 8)]
                axes.set_xticks(ticks, [plain(tick) for tick in ticks])
            if metric.is_log:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(lambda value, _: plain(value))
            else:
                axes.set_ylim(bottom=0)
            axes.set_xlabel(study.x_label)
            axes.set_ylabel(f"{metric.words}, {metric.unit}")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside right upper", frameon=False, title=study.line_label.replace(", ", ",\n")
        )
        write_picture(name, figure, f"{study.title}; {study.metric.words} in {study.metric.unit}")
