"""The study of latency against load, for each driver: percentiles from post to the receiving guest."""

from __future__ import annotations

from collections.abc import Sequence

from benches.markdown import markdown_table, with_interval
from benches.studies.study import GBPS, Metric, Study, by_line, listed, number, plain
from benches.sweep_rows import THROUGHPUT, Row, config_of
from hwmodel import lone_frame

LATENCY = "latency_to_guest_ns"
PERCENTILES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}
INTERRUPT_BYTES = "pcie.up.per_frame.interrupt"
NS_PER_US = 1e3


def us(row: Row, percentile: str) -> float:
    """Return a percentile in microseconds."""
    return float(row[f"{LATENCY}.{percentile}"]) / NS_PER_US


def _metric(percentile: str) -> Metric:
    return Metric(lambda row: us(row, percentile), PERCENTILES[percentile], "us", 1, is_log=True)


def knee_load(of_driver: Sequence[Row]) -> float:
    """Return the highest load up to which p99.9 stays within twice that of half load, in per cent of the ceiling."""
    half = next(us(row, "p999") for row in of_driver if number(row["workload.load"]) == 50)
    best = 50.0
    for row in of_driver:
        load = number(row["workload.load"])
        if load > 50 and us(row, "p999") > 2 * half:
            break
        best = max(best, load)
    return best


def latency_found(rows: Sequence[Row]) -> str:
    """Give p50 and p99.9 at half load and the knee of each driver."""
    parts = []
    for driver, of_driver in by_line(rows, LATENCIES).items():
        half = next(row for row in of_driver if number(row["workload.load"]) == 50)
        parts.append(
            f"`{driver}` {us(half, 'p50'):.1f} us (p99.9 {us(half, 'p999'):.1f} us, within twice that up to a "
            f"load of {plain(knee_load(of_driver))} %)"
        )
    return f"The median at half load is {listed(parts)}."


def falls(of_driver: Sequence[Row]) -> tuple[Row, Row] | None:
    """Return the rows between which the median falls deepest as the load rises; None where not by 5 %."""
    pairs = [(before, after) for at, before in enumerate(of_driver) for after in of_driver[at + 1 :]]
    deepest = min(pairs, key=lambda pair: us(pair[1], "p50") / us(pair[0], "p50"))
    return deepest if us(deepest[1], "p50") < 0.95 * us(deepest[0], "p50") else None


def _interrupts_per_s(row: Row) -> float:
    """Return how many interrupts each VM gets in a second."""
    per_frame = row[INTERRUPT_BYTES] / 28  # a memory write of 4 B
    return float(per_frame * row["totals.mpps"] * 1e6 / config_of("latency", row.number).nic.vfs)


def lone_frame_us(row: Row) -> float:
    """Return the time of one frame alone, from post until the receiver's core has taken it, in microseconds."""
    alone = lone_frame(config_of("latency", row.number))
    assert alone is not None
    return sum(part or 0 for part in alone.parts_fs.values()) / 1e9


def latency_by_hand(rows: Sequence[Row]) -> str:
    """Give the time of one frame alone beside the lowest load, and where a median falls."""
    parts = []
    for driver, of_driver in by_line(rows, LATENCIES).items():
        first = of_driver[0]
        parts.append(
            f"`{driver}` {lone_frame_us(first):.2f} us, the median at {_load(first)} % is {us(first, 'p50'):.2f} us"
        )
    return f"By hand, one frame alone takes (`hwmodel limits`): {'; '.join(parts)}. {_falling(rows)}"


def _load(row: Row) -> str:
    return f"{number(row['workload.load']):.0f}"


def _falling(rows: Sequence[Row]) -> str:
    """Tell where a median is lower than at a lower load, with the interrupts there."""
    parts = []
    for driver, of_driver in by_line(rows, LATENCIES).items():
        pair = falls(of_driver)
        if pair is not None:
            top, low = pair
            loads = [number(row["workload.load"]) for row in pair]
            interrupts = [f"{_interrupts_per_s(row):,.0f}" for row in pair]
            parts.append(
                f"that of `{driver}` falls from {us(top, 'p50'):.1f} us at {loads[0]:.0f} % to "
                f"{us(low, 'p50'):.1f} us at {loads[1]:.0f} %, with "
                f"{interrupts[0]} and {interrupts[1]} interrupts a second and VM"
            )
    if not parts:
        return "No median falls as the load rises."
    return (
        f"A median does not only rise: {listed(parts)}. Moderation holds an interrupt back for as long at either "
        "load, but a poll that goes on for longer "
        "takes more frames as they come, and fewer wait for an interrupt."
    )


def latency_tables(rows: Sequence[Row]) -> list[str]:
    """Lay out a table for each driver."""
    lines = [
        "Latency from post to the receiving guest, us ± half the 95 % interval; load in per cent of the driver's "
        "ceiling. Where no half stands, the run's window does not tell how far off the figure is."
    ]
    for driver, of_driver in by_line(rows, LATENCIES).items():
        table = []
        for row in of_driver:
            cells = [f"{number(row['workload.load']):.0f}", f"{row[GBPS]:.2f}"]
            for percentile in PERCENTILES:
                ends = (row[f"intervals.{LATENCY}.{percentile}.{end}"] for end in ("low", "high"))
                low, high = (None if end is None else end / NS_PER_US for end in ends)
                cells.append(with_interval(us(row, percentile), low, high, 1))
            table.append(cells)
        heads = ["load, %", "Gb/s", *(f"{shown}, us" for shown in PERCENTILES.values())]
        lines += ["", f"### `{driver}`", "", *markdown_table(heads, table)]
    return lines


LATENCIES = Study(
    name="latency",
    title="Latency against load, by driver",
    x="workload.load",
    x_label="load, % of ceiling",
    lines="driver.preset",
    line_label="driver",
    found=latency_found,
    by_hand=latency_by_hand,
    tables=latency_tables,
    figures=(
        *THROUGHPUT,
        "totals.mpps",
        INTERRUPT_BYTES,
        *(f"{LATENCY}.{percentile}" for percentile in PERCENTILES),
        *(f"intervals.{LATENCY}.{percentile}.{end}" for percentile in PERCENTILES for end in ("low", "high")),
    ),
    metric=_metric("p50"),
    more_metrics={percentile: _metric(percentile) for percentile in ("p99", "p999")},
    x_is_log=False,
    says_what_limits=False,
    about=(
        "Eight VMs in pairs, 512 B, Poisson arrivals, an 82599 on PCIe Gen2 x4, a core for each VM. The ceiling "
        "is the closed form's, which for `kernel` and "
        "`kernel_busy_poll` is 3 % above what a saturated run reaches "
        "([why](../vm_to_vm.md#where-the-closed-form-lies-outside)): their 95 % is 98 % of that."
    ),
)
ALL = (LATENCIES,)
