"""Public reports of people who run adapters beside the model: figures, directions, and what does not fit.

    python -m benches.reports            writes docs/reports.md, and prints each point
    python -m benches.reports --print    prints the page
    python -m benches.reports --quick    the last report: shows that it works

The reports are in `benches/report_cases.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from benches.markdown import markdown_table
from benches.report_cases import NOT_EXPRESSED, REPORTS, Point, Report
from benches.report_figures import Value
from benches.sweep_rows import ROOT

PAGE = ROOT / "docs" / "reports.md"
HEADS = ("case", "figure", "reported", "model", "off %", "verdict")
INTRODUCTION = """\
# The model beside public reports

*Does the model show what people report who run such adapters?*

This page is made by `python -m benches.reports`; the model's seed is 1. Reports are public threads, by repository and
number, in words of our own. Their machines are known in part, so configurations are ours, and small: what a report does
not say is the default, or said below. A figure fits if it is within 10 % of what was reported (*off* is from the
nearest end where that is a range), a direction if the model says the same.
What a configuration gives in a run is shown by `hwmodel run FILE --set ...`; what becomes of a frame (64 B, from a
station's own address unless a source is named) by `hwmodel switch`; registers by `hwmodel config-space`.
Two constants are from these reports, which are no test of them: `nic.queue_time` of the 82599 and of the XL710.
"""


def modelled(report: Report, point: Point) -> Value:
    """Return what the model says of a point."""
    return point.figure.take(report.base, point.changes)


def _number(value: Value, unit: str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if not unit else f"{value:.2f} {unit}"


def reported_text(point: Point) -> str:
    """Write what was reported of a point."""
    if point.said:
        return point.said
    if isinstance(point.reported, tuple):
        least, greatest = point.reported
        return f"{least:g} to {greatest:g} {point.figure.unit}"
    if isinstance(point.reported, str):
        return point.reported
    return f"{point.reported:g} {point.figure.unit}"


def cells(point: Point, value: Value) -> tuple[str, ...]:
    """Give a point's line of the table: `HEADS`."""
    off = point.off(value)
    verdict = "fits" if point.holds(value) else "does not fit"
    shown = "" if off is None else f"{100 * off:+.1f}".replace("-0.0", "+0.0")
    return point.case, point.figure.what, reported_text(point), _number(value, point.figure.unit), shown, verdict


def _settings(point: Point) -> str:
    """Write a point's keys as they are given to --set."""
    return ", ".join(f"`{key}={_flow(value)}`" for key, value in point.changes.items())


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()


def configuration(report: Report) -> Iterator[str]:
    """Write a report's base as a file, a line for each key of a block."""
    yield "```yaml"
    for block, keys in report.base.items():
        if isinstance(keys, list):
            yield f"{block}: {_flow(keys)}"
            continue
        yield f"{block}:"
        for key, value in keys.items():
            yield f"  {key}: {_flow(value)}"
    yield "```"


def section(report: Report, values: Sequence[Value]) -> Iterator[str]:
    """Write a report: what it says, the configuration, and a line for each point."""
    yield from (f"### {report.name}", "", f"{report.places}. {report.says}", "", *configuration(report), "")
    rows = [(*cells(point, value), _settings(point)) for point, value in zip(report.points, values, strict=True)]
    yield from markdown_table((*HEADS, "`--set`"), rows, n_left=len(HEADS) + 1)
    if report.why:
        yield from ("", report.why)
    yield ""


def page(found: Sequence[tuple[Report, Sequence[Value]]]) -> str:
    """Return the page, of reports with the model's figure of each point."""
    whole = sum(report.fits for report, _ in found)
    count = f"{len(found)} reports: {whole} fit in all that they say, {len(found) - whole} in part or not."
    lines = [INTRODUCTION, count, ""]
    summary = [(report.name, report.places, _verdict(report)) for report, _ in found]
    lines += markdown_table(("report", "where", "the model"), summary, n_left=3)
    lines += ["", "## Reports", ""]
    for report, values in found:
        lines += section(report, values)
    lines += ["## What the model cannot express", ""]
    lines += markdown_table(("report", "where", "says", "why not"), NOT_EXPRESSED, n_left=4)
    return "\n".join(lines) + "\n"


def _verdict(report: Report) -> str:
    if report.fits:
        return "fits"
    return "fits in part" if any(point.fits for point in report.points) else "does not fit"


def main(arguments: Sequence[str]) -> None:
    """Print each point beside the model, and write the page, or print the page alone."""
    found = []
    for report in REPORTS[-1:] if "--quick" in arguments else REPORTS:
        values = [modelled(report, point) for point in report.points]
        found.append((report, values))
        if "--print" not in arguments:
            for point, value in zip(report.points, values, strict=True):
                sys.stdout.write(" | ".join((report.name, *cells(point, value))) + "\n")
                sys.stdout.flush()
    if "--print" in arguments:
        sys.stdout.write(page(found))
    elif "--quick" not in arguments:
        PAGE.write_text(page(found), encoding="utf-8")
        sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
