"""Several results side by side: how they differ, what came out, and bars that keep each one's distinguishing name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.report import figures
from hwmodel.report.configuration import Difference, differing_keys
from hwmodel.report.labels import file_labels, short_labels
from hwmodel.report.modelled import default_label
from hwmodel.report.quantities import MISSING, count_text, decimals_text, page_time, printable
from hwmodel.report.reading import limit_words
from hwmodel.report.svg import ORANGE
from hwmodel.report.tables import Table
from hwmodel.results.result import Result

COLUMNS_IN_ONE = 5  # of keys, beside the run's name: what a printed page has room for
MOST_KEYS = 40
_LONGEST_LABEL = 34


def run_labels(results: Sequence[Result], labels: Sequence[str] | None) -> list[str]:
    """Return a name for each result: that of its file, or what its configuration says where nobody named it."""
    if labels is not None:
        return [printable(label) for label in file_labels(labels)]
    differences = differing_keys([result.config for result in results])
    if len(results) > 1 and differences:
        few = differences[:3]
        named = [", ".join(f"{one.key} {one.values[at]}" for one in few) for at in range(len(results))]
    else:
        named = [default_label(result.config) for result in results]
    numbered = len(set(named)) < len(named)
    if not numbered and all(named):
        return named
    return [f"Run {at}: {name}" if name else f"Run {at}" for at, name in enumerate(named, 1)]


def compare(results: Sequence[Result], labels: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """Gather what the template shows of several results: tables of keys that differ, of figures, and two charts.

    `labels` name the results, `keys` are the ids of their sections on the page.
    """
    short = short_labels(labels, _LONGEST_LABEL)
    differences = differing_keys([result.config for result in results])
    return {
        "runs": list(zip(keys, short, strict=True)),
        "differences": _in_tables(differences[:MOST_KEYS], short),
        "n_differences_left_out": max(0, len(differences) - MOST_KEYS),
        "rows": [_outcome_cells(result) for result in results],
        "figures": _figures(results, short),
    }


def _in_tables(differences: Sequence[Difference], labels: Sequence[str]) -> list[Table]:
    """Return tables of a few keys each, so that none is too wide, with a row for each run."""
    tables = []
    for start in range(0, len(differences), COLUMNS_IN_ONE):
        few = differences[start : start + COLUMNS_IN_ONE]
        rows = [[label, *(one.values[at] for one in few)] for at, label in enumerate(labels)]
        tables.append(Table(("run", *(one.key for one in few)), rows))
    return tables


def _outcome_cells(result: Result) -> list[str]:
    totals, intervals = result.totals, result.intervals
    return [
        decimals_text(totals.gbps, 2, intervals.get("totals.gbps")),
        decimals_text(totals.mpps, 3, intervals.get("totals.mpps")),
        page_time(result.latency_ns.p50, intervals.get("latency_ns.p50")),
        page_time(result.latency_ns.p99, intervals.get("latency_ns.p99")),
        count_text(totals.dropped_frames),
        printable(limit_words(result.bottleneck).removeprefix("limited by ")),
        str(len(result.warnings)) if result.warnings else MISSING,
    ]


def _figures(results: Sequence[Result], labels: Sequence[str]) -> list[tuple[str, str]]:
    rates = [result.totals.gbps or 0.0 for result in results]
    drawn = [
        (figures.bars("compare", labels, rates, "delivered to VMs, Gb/s", "Throughput of each run"), "Throughput"),
    ]
    medians = [result.latency_ns.p50 for result in results]
    if any(medians):
        in_us = [(median or 0.0) / 1e3 for median in medians]
        figure = figures.bars("compare-p50", labels, in_us, "median, µs", "Median latency of each run", ORANGE)
        drawn.append((figure, "Median latency, post to delivery"))
    return drawn
