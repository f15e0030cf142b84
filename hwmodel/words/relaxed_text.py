"""What `hwmodel explain` prints: one sentence with the answer, then each resource made larger and what that gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.words.quantities import MISSING, gbps_text, printable, time_text

if TYPE_CHECKING:
    from hwmodel.results import Relaxed, Result


RELAXED_COLUMNS = ("made larger", "", "Gb/s", "gain", "p50", "change", "then limited by")
MATTERS = 0.02  # a gain below it could be the ends of the window


def relaxed_text(result: Result) -> str:
    """Return the answer and the table, plain text that ends with a newline."""
    rows = [RELAXED_COLUMNS, *relaxed_rows(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [relaxed_sentence(result), ""]
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    is_short = any(one.gain is None and not one.failure for one in result.relaxed)
    unknown = "; -: its window is too short for a rate" if is_short else ""
    is_unsure = any(one.could_be_chance for one in result.relaxed)
    unsure = "; ~: 0 lies in the 95 % interval of the gain" if is_unsure else ""
    outward = "stations outside" if result.bridges else "the wire"
    lines.append(f"(*: what the run itself names; Gb/s: what VMs and {outward} get together{unsure}{unknown})")
    return "\n".join(lines) + "\n"


def relaxed_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of RELAXED_COLUMNS for each resource made larger."""
    return [_row(relaxed) for relaxed in result.relaxed]


def relaxed_sentence(result: Result) -> str:
    """Say what gains most, and whether it is what the run itself names as its bottleneck."""
    named = result.bottleneck.resource
    own = max((each for each in result.relaxed if each.is_bottleneck), key=_gain, default=None)
    best = max(result.relaxed, key=_gain, default=None)
    if best is None:
        return "Nothing in this configuration can be made larger."
    if all(each.failure for each in result.relaxed):
        return f"No run with a resource made larger could be made. The run names {named}."
    if all(each.gain is None for each in result.relaxed):
        return f"The window is too short to give a rate (run.duration). The run names {named}."
    if _gain(best) < MATTERS:
        return (
            "No resource made larger by itself gives 2 % more throughput: several are full at once, or all "
            f"that is offered gets through. The run names {named}."
        )
    first = f"{best.resource} made larger ({best.change}) gains most: {_share(best.gain)} throughput"
    if best.could_be_chance and best.gain_interval is not None:
        first += f", which could be chance (95 % interval from {_share(best.gain_interval[0])}; run.duration)"
    if own is None:
        return f"{first}. The run names {named}, which cannot be made larger here."
    if own.gain is None:
        why = "cannot be run" if own.failure else "has a window too short for a rate"
        return f"{first}. The run names {named}, which made larger {why}."
    if own is best or _gain(own) >= _gain(best) - MATTERS:
        return f"{first}. The run itself names {named} too."
    if _gain(own) >= MATTERS:
        return f"{first}. The run names {named}, which gains {_share(own.gain)}: it limits, but not alone."
    return f"{first}. The run names {named}, which gains {_share(own.gain)}: what gains most is the answer."


def _row(relaxed: Relaxed) -> tuple[str, ...]:
    return (
        printable(relaxed.resource) + (" *" if relaxed.is_bottleneck else ""),
        printable(relaxed.change),
        MISSING if relaxed.gbps is None else gbps_text(relaxed.gbps).removesuffix(" Gb/s"),
        ("~ " if relaxed.could_be_chance else "") + _share(relaxed.gain),
        MISSING if relaxed.p50_ns is None else time_text(relaxed.p50_ns),
        _share(relaxed.p50_change),
        printable(f"failed: {relaxed.failure}" if relaxed.failure else relaxed.limited_by),
    )


def _gain(relaxed: Relaxed) -> float:
    return relaxed.gain or 0.0


def _share(change: float | None) -> str:
    return MISSING if change is None else f"{100 * change:+.1f} %"
