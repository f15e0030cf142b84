"""What `hwmodel limits` prints of the run of one frame alone: where its time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.simulation import LoneTime

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
