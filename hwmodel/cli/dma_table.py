"""What `hwmodel dma` reads and prints, and what `hwmodel limits` prints of the run of one frame alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwmodel.errors import InputError
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.simulation import LoneTime


def parse_sizes(text: str, option: str = "--sizes") -> tuple[int, ...]:
    """Return the byte counts in `64,1500,4KiB`; InputError with all that is wrong with them."""
    from hwmodel.units import UnitError, parse_bytes

    sizes, problems = [], []
    for item in text.split(","):
        item_text = item.strip()
        try:
            size_bytes = parse_bytes(f"{item_text}B" if item_text.isascii() and item_text.isdigit() else item_text)
            if size_bytes == 0:
                raise UnitError("a transfer has at least 1 B")
            sizes.append(size_bytes)
        except UnitError as error:
            problems.append(f"{option} {text}: {error}")
    if problems:
        raise InputError(problems)
    return tuple(sizes)


def dma_table(rows: list[dict[str, object]]) -> str:
    """Lay out bandwidth and latency by transfer size."""
    rates = f"{'bytes':>7} {'read Gb/s':>10} {'write Gb/s':>10} {'both Gb/s':>10}"
    lines = [f"{rates} {'read p50 ns':>12} {'p99 ns':>9} {'write, read':>12}"]
    for row in rows:
        latency, both = row["read_latency_ns"], row["write_read_latency_ns"]
        assert isinstance(latency, Mapping) and isinstance(both, Mapping)
        rates = " ".join(_figure(row[key], 10, 3) for key in ("read_gbps", "write_gbps", "both_gbps"))
        latencies = (_figure(latency["p50"], 12, 1), _figure(latency["p99"], 9, 1), _figure(both["p50"], 12, 1))
        lines.append(f"{row['bytes']:>7} {rates} {' '.join(latencies)}")
    return "\n".join(lines)


def _figure(value: object, width: int, decimals: int) -> str:
    return f"{value:>{width}.{decimals}f}" if isinstance(value, int | float) else f"{'-':>{width}}"


_INDENT = "  "
_NO_END = "no end"


def lone_table(lone: LoneTime) -> str:
    """List the parts that take time, up to the first that is never over."""
    from hwmodel.results import PART_WORDS

    frame, way = lone.frame, lone.frame.way
    heading = f"one frame of {frame.frame_bytes} B alone, as configured"
    if not lone.parts_fs:
        return f"{heading}: from {frame.source} to {frame.target} it is dropped on its way"
    outward = "until it is sent on the wire" if way.back_bytes is None else "until it is outside"
    until = "until the receiver's core has taken it" if way.copies else outward
    rows = [(heading, "ns", f"from {frame.source} to {frame.target}, {until}")]
    for part, part_fs in lone.parts_fs.items():
        if part_fs != 0:
            without = "" if part_fs is not None else ", which only later frames would end"
            rows.append((_INDENT + part, _ns(part_fs), f"{PART_WORDS[part]}{without}"))
        if part_fs is None:
            break
    whole_ns = lone.whole_ns
    rows.append((f"{_INDENT}sum", _NO_END if whole_ns is None else f"{whole_ns:.3f}", ""))
    first, second, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(f"{name:<{first}}  {ns:>{second}}  {words}".rstrip() for name, ns, words in rows)


def _ns(duration_fs: int | None) -> str:
    return _NO_END if duration_fs is None else f"{duration_fs / FS_PER_NS:.3f}"
