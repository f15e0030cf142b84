"""Several results side by side: differing keys, throughputs, and bars with labels that tell the runs apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hwmodel.report import figures
from hwmodel.report.configuration import Difference, differing_keys, short_labels
from hwmodel.report.figures import ORANGE
from hwmodel.report.tables import Table
from hwmodel.results.bottleneck import FULL
from hwmodel.results.comparison import Comparison
from hwmodel.results.comparison_text import sentences, way_remarks, way_rows, way_texts
from hwmodel.results.control_comparison import COLUMNS, REMARK, ControlComparison, left_out_lines, sentence
from hwmodel.results.control_comparison import way_rows as control_rows
from hwmodel.results.reading import DELIVERY, MODES_OF_BRIDGE, outward_gbps
from hwmodel.results.result import Result
from hwmodel.words.quantities import (
    MISSING,
    count_text,
    decimals_text,
    gbps_text,
    listed,
    percent_text,
    printable,
    scaled_text,
)

# Keys that a configuration's defaults take over from it, since other defaults follow from them.
_CAUSES = ("nic.preset", "nic.vfs", "driver.preset", "host.preset", "bridge.kind")
COLUMNS_IN_ONE = 5  # beside the first column: as many as fit a printed page
MOST_KEYS = 40
_LATENCY_REMARK = f"p50 and p99 are of the latency, {DELIVERY}"
_OF_SEVERAL_WAYS = "; where frames go several ways, of those between VMs, else of those that VMs get"
_STATION = re.compile(r"((?:.*\.)?(?:ports|s_channels)\.)([^.]+)(\..+)?")
_LONGEST_VALUES = 48  # of stations that are not alike, and on one line
_LONGEST_LABEL = 34
_NS_IN_US = 1e3


def compare(
    results: Sequence[Result],
    labels: Sequence[str],
    keys: Sequence[str],
    defaults: Sequence[Mapping[str, Any] | None] | None = None,
) -> dict[str, Any]:
    """Gather what the template shows of several results: tables of keys that differ, of figures, and two charts.

    `labels` name the results; `keys`: the ids of their sections on the page. `defaults`: for each result, a resolved
    configuration with only its presets set: a key with its default value in all results differs only because a preset
    does, and is listed apart.
    """
    short = short_labels(labels, _LONGEST_LABEL)
    written, following = _by_cause(results, defaults)
    return {
        "anchors": list(keys),
        "differences": _in_tables(written[:MOST_KEYS], short),
        "following": _in_tables(following[:MOST_KEYS], short),
        "n_following": len(following),
        "n_differences_left_out": max(0, len(written) - MOST_KEYS),
        "n_following_left_out": max(0, len(following) - MOST_KEYS),
        "outcome": _outcome_table(results, short),
        "remarks": [
            f"{_LATENCY_REMARK}{_OF_SEVERAL_WAYS * any(result.told_latency()[0] for result in results)}.",
            *(printable(remark) for remark in bridge_remarks(results, short)),
        ],
        "figures": _figures(results, short),
    }


def _table_of_control(found: ControlComparison) -> dict[str, Any]:
    """Return a table of what each way of telling the network comes to, with the answer before it and remarks after."""
    rows = [[printable(cell).replace(" us", " µs") for cell in row] for row in control_rows(found)]
    return {
        "answer": [printable(f"{sentence(found)}.")],
        "table": Table(COLUMNS, rows, texts=(0,)),
        "remarks": [printable(text) for text in (f"{REMARK}.", *left_out_lines(found))],
    }


def table_of_ways(found: Comparison | ControlComparison) -> dict[str, Any]:
    """Return a table of what each way gives and costs, with the answer before it and remarks after it."""
    if isinstance(found, ControlComparison):
        return _table_of_control(found)
    header, rows = way_rows(found)
    in_page = [[printable(cell).replace(" us", " µs") for cell in row] for row in rows]
    return {
        "answer": [printable(text) for text in sentences(found)],
        "table": Table(header, in_page, texts=way_texts(header)),
        "remarks": [printable(text) for text in way_remarks(found)],
    }


def _by_cause(
    results: Sequence[Result], defaults: Sequence[Mapping[str, Any] | None] | None
) -> tuple[list[Difference], list[Difference]]:
    """Return the keys that differ: those set so, and those that follow from presets or numbers of VFs."""
    differences = differing_keys([result.config for result in results])
    if defaults is None or any(one is None for one in defaults):
        return _in_groups(differences), []
    changed = set(_CAUSES)
    for result, own in zip(results, defaults, strict=True):
        changed |= {one.key for one in differing_keys([result.config, own or {}])}
    written = [one for one in differences if one.key in changed]
    return _in_groups(written), _in_groups(one for one in differences if one.key not in changed)


def _in_groups(differences: Iterable[Difference]) -> list[Difference]:
    """Return differences with one row for a key of several stations: `switch.ports.vf0 to vf7.max_frame`."""
    groups: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for one in differences:
        of_station = _STATION.fullmatch(one.key)
        before, station, behind = of_station.groups("") if of_station else (one.key, "", "")
        groups.setdefault((before, behind), {})[station] = one.values
    found = []
    for (before, behind), values in groups.items():
        stations = list(values)
        named = stations[0] if len(stations) == 1 else f"{stations[0]} to {stations[-1]}"
        of_runs = zip(*values.values(), strict=True)
        found.append(Difference(f"{before}{named}{behind}", tuple(map(_of_stations, of_runs))))
    return found


def _of_stations(values: Sequence[str]) -> str:
    """Return the stations' values in one run: one if all are equal, else each, or the first and last if long."""
    if len(set(values)) == 1:
        return values[0]
    each = ", ".join(values)
    return each if len(each) <= _LONGEST_VALUES else f"{values[0]}, ..., {values[-1]}"


def bridge_remarks(results: Sequence[Result], labels: Sequence[str]) -> Iterator[str]:
    """Say why runs in which all frames cross a full wire are slower than one in which the adapter switches locally."""
    alone = [(result.totals.gbps, at) for at, result in enumerate(results) if not result.servers]
    inside = [(gbps, at) for gbps, at in alone if not _crosses_wire(results[at])]
    best_gbps, best = max(((gbps, at) for gbps, at in inside if gbps), default=(0.0, -1))
    slower = [
        (result, label)
        for result, label in zip(results, labels, strict=True)
        if _crosses_wire(result)
        and 0 < (result.totals.gbps or 0) < best_gbps
        and result.wire.utilization >= FULL
        and result.config.get("workload") == results[best].config.get("workload")
    ]
    if slower:
        gets = [f"{gbps_text(result.totals.gbps)} in {label}" for result, label in slower]
        carried = listed(list(dict.fromkeys(gbps_text(result.wire.tx_gbps) for result, _ in slower)))
        yield (
            f"VMs get {listed([f'{gbps_text(best_gbps)} in {labels[best]}', *gets])}: "
            f"{'there' if len(slower) == 1 else f'in the last {len(slower)}'} every frame crosses the wire, which "
            f"carries {carried} and is full, and comes back over the bridge."
        )


def _crosses_wire(result: Result) -> bool:
    """Tell whether a single adapter leaves all forwarding between its VMs to the bridge."""
    is_one = bool(result.bridges) and not result.servers
    switch = result.config.get("switch", {})
    channels = switch.get("s_channels", {}).values()
    return is_one and (switch.get("mode") in MODES_OF_BRIDGE or (len(channels) > 0 and "veb" not in channels))


def _in_tables(differences: Sequence[Difference], labels: Sequence[str]) -> list[Table]:
    """Return tables of limited width: for few runs a row for each key, for many a row for each run, a few keys each."""
    if not differences:
        return []
    if len(labels) <= COLUMNS_IN_ONE:
        rows = [[one.key, *one.values] for one in differences]
        return [Table(("key", *labels), rows, texts=(0, *(range(1, 1 + len(labels)) if _long_columns(rows) else ())))]
    tables = []
    for start in range(0, len(differences), COLUMNS_IN_ONE):
        few = differences[start : start + COLUMNS_IN_ONE]
        rows = [[label, *(one.values[at] for one in few)] for at, label in enumerate(labels)]
        tables.append(Table(("run", *(one.key for one in few)), rows, texts=(0, *_long_columns(rows))))
    return tables


def _long_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns with long values: as texts these are broken into lines."""
    return [at for at in range(1, len(rows[0])) if any(len(row[at]) > _LONGEST_VALUES for row in rows)]


def _outcome_table(results: Sequence[Result], labels: Sequence[str]) -> Table:
    """Return each run's outcome, times in one unit so that columns can be compared."""
    leaves = any(map(outward_gbps, results))
    rates = ("Gb/s to VMs", *(("Gb/s out",) if leaves else ()), "Mpps to VMs")
    header = ("run", *rates, "p50, µs", "p99, µs", "dropped, frames", "limit")
    rows = [[label, *_outcome_cells(result, leaves=leaves)] for label, result in zip(labels, results, strict=True)]
    return Table(header, rows, texts=(0, len(header) - 1))


def _outcome_cells(result: Result, *, leaves: bool) -> list[str]:
    totals, intervals, bottleneck = result.totals, result.intervals, result.bottleneck
    direction, latency = result.told_latency()
    name = f"latency_by_direction_ns.{direction}" if direction else "latency_ns"
    limit = (
        f"{printable(bottleneck.resource)}, {percent_text(bottleneck.utilization)}" if bottleneck.resource else MISSING
    )
    n_warnings = len(result.warnings)
    outward = decimals_text(outward_gbps(result), 2, None if result.bridges else intervals.get("wire.tx_gbps"))
    return [
        decimals_text(totals.gbps, 2, intervals.get("totals.gbps")),
        *((outward,) if leaves else ()),
        decimals_text(totals.mpps, 3),
        scaled_text(latency.p50, _NS_IN_US, intervals.get(f"{name}.p50")),
        scaled_text(latency.p99, _NS_IN_US, intervals.get(f"{name}.p99")),
        count_text(totals.dropped_frames),
        f"{limit}; {n_warnings} warning{'s' * (n_warnings > 1)}" if n_warnings else limit,
    ]


def _figures(results: Sequence[Result], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Draw bars of the measured rates; a run whose window gives no rate has no bar."""
    drawn = []
    rates = [(label, result.throughput_gbps()) for label, result in zip(labels, results, strict=True)]
    received = "delivered to VMs and out, Gb/s" if any(map(outward_gbps, results)) else "delivered to VMs, Gb/s"
    known = [(label, gbps) for label, gbps in rates if gbps is not None]
    if known:
        names, values = zip(*known, strict=True)
        figure = figures.bars("compare", names, values, received, "Throughput of each run")
        drawn.append((figure, "Throughput"))
    medians = [(label, result.told_latency()[1].p50) for label, result in zip(labels, results, strict=True)]
    timed = [(label, p50_ns / 1e3) for label, p50_ns in medians if p50_ns]
    if timed:
        names, values = zip(*timed, strict=True)
        title = f"p50 latency of each run, {DELIVERY}"
        drawn.append((figures.bars("compare-p50", names, values, "p50, µs", title, ORANGE), f"p50 latency, {DELIVERY}"))
    return drawn
