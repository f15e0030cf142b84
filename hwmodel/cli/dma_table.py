"""What `hwmodel dma` reads and prints: transfer sizes, and bandwidth and latency by them."""

from __future__ import annotations

from collections.abc import Mapping

from hwmodel.errors import InputError


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
