"""The figures of one stage of a window in which the machine changes, by the code that makes those of a window.

Counters of two moments are subtracted as for a window. Latencies, which a run counts since its window began, are those
between the stage's first and last mark, from the histograms that marks copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple

import numpy as np

from hwmodel.machine.counts.journey_state import PART_FIELDS
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, LATENCY, LATENCY_COUNTS
from hwmodel.results import Latency, Result, Sighting, VmResult
from hwmodel.results import stage_text as words
from hwmodel.results.bottleneck import by_means, not_judged, shows_why_nothing_came
from hwmodel.results.bottleneck_text import FULLEST_IN_STAGE, FULLEST_ON_AVERAGE, NOTHING_IN_STAGE
from hwmodel.results.bridge_reading import ports_of
from hwmodel.results.histogram import UNIT_FS, bucket_ns, least_of, quantile_bucket
from hwmodel.results.stages import StageResult, StageTotals
from hwmodel.simulation.figures.counts import LATENCY_PLACES, counts_of, latencies_in
from hwmodel.simulation.figures.figure_intervals import PERCENTILES, Row
from hwmodel.simulation.figures.latency_summary import named_drops
from hwmodel.simulation.figures.marks import MarkTable
from hwmodel.simulation.figures.measurement import Snapshot, in_flight
from hwmodel.simulation.figures.outcome import with_bottleneck, without_bottleneck
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS

OF_LATENCIES = ("delivery", "to_guest")
OF_STAGE = ("totals.", "vms.", "latency_ns.", "latency_to_guest_ns.")  # what a stage has of a result's intervals


class Told(NamedTuple):
    """Say what a stage is: its ends in fs, and how often the machine changes within it."""

    start_fs: int
    end_fs: int
    n_changes: int


def latencies_since(start: Snapshot, end: Snapshot, histograms: Mapping[str, Sequence[Row]]) -> Snapshot:
    """Return a snapshot whose latencies are those since another one of the same window.

    `histograms`: of each latency a row for each mark, the first and the last at the two snapshots. Extremes, and what
    samples in a bucket are on average, are known to the bucket, 0.8 % at most. Flows have no latencies of their own.
    """
    counts, waits = np.zeros(HISTOGRAM_BUCKETS, LATENCY_COUNTS), np.zeros((1, HISTOGRAM_BUCKETS), np.int32)
    totals = end.counts.copy()
    for name in LATENCY_PLACES:
        into = counts_of({"latency_counts": counts, "histogram": waits}, name)
        for sign, (first, row) in zip((-1, 1), (histograms[name][0], histograms[name][-1]), strict=True):
            into[first : first + len(row)] += sign * row
        _take_off(latencies_in(totals)[name], start.latency(name), into)
        if f"{name}_fs" in (LATENCY_COUNTS.names or ()):
            filled = np.flatnonzero(into)
            counts[f"{name}_fs"][filled] = [bucket_ns(at) * FS_PER_NS for at in filled.tolist()] * into[filled]
    flows = end.flows.copy()
    flows["latency"], flows["histogram"] = np.zeros((), LATENCY), 0
    for part in PART_FIELDS:
        totals["ledger"]["part_sums"][part]["sum_fs"] -= start.parts_fs[part]
    return end.replaced(
        counts=totals,
        latency_counts=counts,
        histogram=waits,
        flows=flows,
        sampled_parts=np.zeros(HISTOGRAM_BUCKETS, end.sampled_parts.dtype),
    )


def _take_off(latency: Any, before: Any, counts: Any) -> None:
    """Take off a LATENCY what it was at an earlier moment; `counts`: the histogram of what is left."""
    filled = np.flatnonzero(counts)
    lowest, highest = (least_of(int(filled[0])), least_of(int(filled[-1]) + 1)) if len(filled) else (0, 0)
    for name in ("n", "sum_fs"):
        latency[name] -= before[name]
    latency["lowest_fs"] = max(lowest * UNIT_FS, int(latency["lowest_fs"]))
    latency["highest_fs"] = min(highest * UNIT_FS - 1, int(latency["highest_fs"]))


def unsettled_latencies(
    intervals: Mapping[str, tuple[float, float]], table: MarkTable, n_before: int
) -> frozenset[str]:
    """Return the latencies' figures that leave their intervals without the frames that waited as the stage began.

    `n_before`: how many these are; no more than the first third of the marks is left out. What waited before a change
    may be all that is beyond a high percentile.
    """
    delivered = table["delivered"]
    first = min(int(np.searchsorted(delivered, delivered[0] + n_before)), len(delivered) // 3)
    found = set()
    for name in OF_LATENCIES:
        place, (begin, row), (last, counts) = LATENCY_PLACES[name], *(table.histograms[name][at] for at in (first, -1))
        later = counts.astype(np.int64)
        later[begin - last :][: len(row)] -= row
        n, sum_fs = (float(table[f"{name}.{each}"][-1] - table[f"{name}.{each}"][first]) for each in ("n", "sum_fs"))
        if not n:
            continue
        figures = {"mean": sum_fs / n / FS_PER_NS} | {
            percentile: bucket_ns(last + quantile_bucket(later, per_mille, 1000))
            for percentile, (per_mille, _) in PERCENTILES.items()
        }
        for figure, value in figures.items():
            low, high = intervals.get(f"{place}.{figure}", (0.0, inf))
            if not low <= value <= high:
                found.add(f"{place}.{figure}")
    return frozenset(found)


def over_changes(result: Result, seen: Sighting) -> Result:
    """Return the result of a time in which the machine changes: means over it, of which chance says nothing."""
    found = not_judged(seen, by_means(seen, result.bottleneck), FULLEST_ON_AVERAGE)
    return replace(with_bottleneck(result, found), intervals={})


def named_in_stage(result: Result, seen: Sighting, span: Span, n_changes: int) -> Result:
    """Return the result of a stage with what limits in it, by the shares in it alone."""
    if not span.frames:
        is_shown = shows_why_nothing_came(result.bottleneck, seen)
        return result if is_shown else without_bottleneck(result, NOTHING_IN_STAGE)
    if not span.gives_rates:
        return without_bottleneck(result, words.TOO_SHORT)
    if n_changes:
        return over_changes(result, seen)
    return with_bottleneck(result, not_judged(seen, result.bottleneck, FULLEST_IN_STAGE))


def stage_of(told: Told, result: Result, span: Span, vms: Sequence[VmResult], notes: Sequence[str]) -> StageResult:
    """Put together the figures of a stage; `result`: of its span as of a window, `vms`: `vms_in` of it."""
    outside_gbps = result.outside_gbps() if result.bridges else result.wire.tx_gbps
    outside = result.outside_rate() if result.bridges and outside_gbps else "wire.tx_gbps"
    intervals = {name: ends for name, ends in result.intervals.items() if name.startswith(OF_STAGE)}
    if outside in result.intervals:
        intervals["outside_gbps"] = result.intervals[outside]
    return StageResult(
        start_ns=told.start_fs / FS_PER_NS,
        end_ns=told.end_fs / FS_PER_NS,
        n_changes=told.n_changes,
        totals=_totals(span),
        outside_gbps=outside_gbps,
        vms=tuple(vms),
        latency_ns=result.latency_ns,
        latency_to_guest_ns=result.latency_to_guest_ns,
        drops=span.drops(),
        utilization=_utilization(result),
        bottleneck=replace(result.bottleneck, why=result.bottleneck.why.replace("the window", "the stage")),
        intervals=intervals,
        notes=tuple(notes),
    )


def _totals(span: Span) -> StageTotals:
    return StageTotals(
        offered_frames=span.count("offered"),
        delivered_frames=span.count("delivered"),
        dropped_frames=span.count("dropped"),
        in_flight_frames=in_flight(span.end),
        vm_frames=span.count("vm_copies"),
        wire_frames=span.count("delivered_to_wire"),
        delivered_bytes=span.count("delivered_bytes"),
        replicated_frames=span.count("replicated"),
        gbps=span.gbps(span.count("delivered_bytes")),
        mpps=span.mpps(span.count("vm_copies")),
    )


def vms_in(vms: Sequence[VmResult], places: Mapping[str, tuple[Span, int]]) -> list[VmResult]:
    """Return what VMs lost and how long frames took in a stage; `places`: each VM's server's span, and its function."""
    spans = {id(span): span for span, _ in places.values()}
    names = ("received_frames", "latency_fs", "drops", "mirrored")
    grown = {key: {name: span.by_function(name) for name in names} for key, span in spans.items()}
    found = []
    for vm in vms:
        span, function = places[vm.name]
        n, latency_fs, drops, mirrored = (grown[id(span)][name][function] for name in names)
        latency = Latency(mean=float(latency_fs) / int(n) / FS_PER_NS if n else None, count=int(n))
        found.append(replace(vm, drops=named_drops(drops), mirrored=int(mirrored), latency_ns=latency))
    return found


def _utilization(result: Result) -> dict[str, float]:
    """Return the busy share of each resource, of several servers and of bridges too."""
    found = dict(result.utilization)
    for adapter in result.servers:
        found |= {f"{adapter.name}.{name}": share for name, share in adapter.utilization.items()}
    for one in ports_of(result):
        found[one.resource] = one.port.out_utilization
    return found
