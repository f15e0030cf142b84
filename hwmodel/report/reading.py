"""What both reports say of a result before any layout: the headline, the notes, the bytes for each frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

from hwmodel.report.quantities import MISSING, gbps_text, mpps_text, percent_text
from hwmodel.results.result import Bottleneck, LinkBytes, Result

PURPOSES = tuple(field.name for field in fields(LinkBytes))
PURPOSE_WORDS = {
    "payload": "payload",
    "tlp_overhead": "payload TLP headers",
    "read_request": "payload read requests",
    "descriptor": "descriptors",
    "writeback": "write-backs",
    "interrupt": "interrupts",
    "doorbell": "doorbells",
    "dllp": "Acks and credits (DLLP)",
    "skp": "clock skips (SKP)",
}
QUEUE_UNITS = {
    "tx_ring": "frames",
    "rx_ring": "descriptors",
    "tx_buffer": "B",
    "wire": "frames",
    "rx_buffer": "B",
    "tags": "tags",
    "switch": "B",
}
STALL_WORDS = {
    "tags": "a read tag",
    "credits": "flow-control credits",
    "descriptors": "an Rx descriptor",
    "buffer": "room in a buffer",
}
FRAME_PURPOSES = tuple(name for name in PURPOSES if name != "skp")  # SKP is a share of the time, not a frame's doing
_SATURATED_NOTE = "the load is saturating, so waiting in a full Tx ring is in this figure"


class LinkRow(NamedTuple):
    """One row of the link table: `cells` are up B, up %, down B, down %; `purpose` is None for sums and skips."""

    words: str
    purpose: str | None
    cells: tuple[str, str, str, str]


def headline(result: Result) -> str:
    """Return the answer in one line: throughput, frame rate, and what limits it."""
    totals, wire, bottleneck = result.totals, result.wire, result.bottleneck
    outward = totals.delivered_to_wire > 0 or bool(wire.tx_gbps)
    inward = totals.from_wire > 0 or bool(wire.rx_gbps)
    parts = []
    if totals.copies_delivered > totals.delivered_to_wire or totals.gbps or not outward:
        parts.append(f"{gbps_text(totals.gbps)} {'to VMs' if outward or inward else 'VM to VM'}")
        parts.append(mpps_text(totals.mpps))
    if outward:
        parts.append(f"{gbps_text(wire.tx_gbps)} to the wire")
    return f"{', '.join(parts)}; {limit_words(bottleneck)}"


def limit_words(bottleneck: Bottleneck) -> str:
    """Return what sets the throughput and how busy it is: `limited by pcie.up (99.3 % busy)`."""
    share = percent_text(bottleneck.utilization)
    if bottleneck.resource == "offered_load":
        return f"limited by the offered load alone (the busiest resource is {share} busy)"
    return f"limited by {bottleneck.resource} ({share} busy)"


def latency_note(result: Result) -> str:
    """Return the remark that must stand beside a latency under saturation, or an empty text."""
    workload = result.config.get("workload")
    if not isinstance(workload, Mapping) or workload.get("load") != "saturate":
        return ""
    # A capture at its own times does not follow `load`, whatever stands there.
    is_timed_capture = workload.get("pcap") is not None and workload.get("pcap_time") != "asap"
    return "" if is_timed_capture else _SATURATED_NOTE


def bytes_per_frame(result: Result) -> dict[str, dict[str, float]]:
    """Return for `up` and `down` the bytes by purpose that a frame delivered in the window costs; empty for none."""
    n_frames = result.window_frames
    if n_frames <= 0:
        return {}
    directions = {"up": result.pcie.up.bytes, "down": result.pcie.down.bytes}
    return {
        name: {purpose: getattr(amount, purpose) / n_frames for purpose in PURPOSES}
        for name, amount in directions.items()
    }


def link_rows(result: Result) -> list[LinkRow]:
    """Return the table of the link: a row a purpose, their sum, then the clock skips that no frame causes."""
    per_frame = bytes_per_frame(result)
    if not per_frame:
        return []
    up, down = per_frame["up"], per_frame["down"]
    up_total, down_total = sum(up.values()), sum(down.values())

    def row(words: str, purpose: str | None, up_bytes: float, down_bytes: float) -> LinkRow:
        figures = (_amount(up_bytes, up_total), _amount(down_bytes, down_total))
        return LinkRow(words, purpose, (*figures[0], *figures[1]))

    rows = [row(PURPOSE_WORDS[name], name, up[name], down[name]) for name in FRAME_PURPOSES if up[name] or down[name]]
    rows.append(row("a frame, in all", None, *(sum(side[name] for name in FRAME_PURPOSES) for side in (up, down))))
    if up["skp"] or down["skp"]:
        rows.append(row(PURPOSE_WORDS["skp"], None, up["skp"], down["skp"]))
    return rows


def _amount(n_bytes: float, total: float) -> tuple[str, str]:
    return f"{n_bytes:,.1f}", f"{100 * n_bytes / total:.1f}" if total else MISSING


def stall_shares(result: Result) -> dict[str, float]:
    """Return the share of the window for which something stood waiting, by what it waited for."""
    duration_ns = result.window.duration_ns
    if duration_ns <= 0:
        return {}
    return {name: getattr(result.stalls_ns, name) / duration_ns for name in STALL_WORDS}


def frame_balance(result: Result) -> str:
    """Return the account of all frames of the run in one line."""
    totals = result.totals
    text = (
        f"{totals.offered_frames:,} offered = {totals.delivered_frames:,} delivered "
        f"+ {totals.dropped_frames:,} dropped + {totals.in_flight_frames:,} in flight"
    )
    extras = (
        ("to the wire", totals.delivered_to_wire),
        ("from the wire", totals.from_wire),
        ("mirrored", totals.mirrored),
        ("mirrored copies lost", totals.mirrored_dropped),
    )
    return text + "".join(f"; {count:,} {words}" for words, count in extras if count)
