"""What `hwmodel compare` prints: which way gives most, by how much and for how many cores; then all ways in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.words.quantities import MISSING, listed, percent_text, printable, table, three_digits, time_text

if TYPE_CHECKING:
    from hwmodel.results import Comparison, WayFigures

ALIKE = 0.01  # of the throughput of the way that gives most
WAY_COLUMNS = (
    "way", "Gb/s", "Mpps to VMs", "p50", "p99", "cores", "Gb/s a core", "PCIe B a frame", "wire B a frame",
    "policy acts at", "limited by",
)  # fmt: skip


def comparison_text(found: Comparison) -> str:
    """Return the answer, the ways and what was left out, plain text that ends with a newline."""
    lines = list(sentences(found))
    header, rows = way_rows(found)
    if rows:
        lines += ["", *(line.text for line in table(header, rows, (0, 9, 10)))]
        lines.append(
            "(Gb/s: what VMs and the wire get together; PCIe: both directions; wire: out and in, by the closed form)"
        )
    lines += [f"Left out: {each.way}: {printable(each.reason)}." for each in found.left_out]
    for each in found.ways:
        lines += [f"Warning, {each.way}: {text}" for text in each.warnings]
    return "\n".join(lines) + "\n"


def sentences(found: Comparison) -> Iterator[str]:
    """Say which ways give most, how far the next are, and which gives most for a core."""
    known = [(each.gbps, each.way) for each in found.ways if each.gbps is not None]
    if not known:
        yield "No window was long enough to tell the ways apart: a longer run.duration does."
        return
    (most, first), others = _foremost(known)
    alike, verb = (", alike within 1 %", "give") if len(first) > 1 else ("", "gives")
    text = f"{listed(first)} {verb} most: {three_digits(most)} Gb/s{alike}"
    if others:
        (gbps, following), _ = _foremost(others)
        more = f"{percent_text(most / gbps - 1)} more than" if gbps else "where nothing comes through"
        text += f", {more} {listed(following)} ({three_digits(gbps)} Gb/s)"
    yield f"{text}."
    per_core = [(each.gbps_per_core, each.way) for each in found.ways if each.gbps_per_core is not None]
    if per_core:
        (best, ways), _ = _foremost(per_core)
        cores = [three_digits(each.cpu_cores) for each in found.ways if each.way in ways]
        yield f"Most for a core: {listed(ways)}, {three_digits(best)} Gb/s a core, with {listed(cores)} cores busy."


def _foremost(known: Sequence[tuple[float, str]]) -> tuple[tuple[float, list[str]], list[tuple[float, str]]]:
    """Return the highest rate with the ways that have it within 1 %, and all others."""
    most = max(gbps for gbps, _ in known)
    others = [each for each in known if each[0] < (1 - ALIKE) * most]
    return (most, [way for gbps, way in known if (gbps, way) not in others]), others


def way_rows(found: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and a row for each way that was run."""
    return WAY_COLUMNS, [_row(each) for each in found.ways]


def _row(each: WayFigures) -> tuple[str, ...]:
    numbers: Sequence[float | None] = (each.gbps, each.totals.mpps)
    costs = (each.cpu_cores, each.gbps_per_core, each.pcie_bytes_per_frame, each.wire_bytes_per_frame)
    return (
        each.way,
        *map(_number, numbers),
        time_text(each.latency_ns.p50),
        time_text(each.latency_ns.p99),
        *map(_number, costs),
        each.policy_at,
        printable(each.bottleneck.resource),
    )


def _number(value: float | None) -> str:
    return MISSING if value is None else three_digits(value)
