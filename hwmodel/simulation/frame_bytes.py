"""What a delivered frame costs on the link: by whole frames and transactions, not by what a window cuts through.

Each kind of transaction is divided by the frames or descriptors that it served, and taken as often as a delivered
frame needs it, which the switch counts: how many frames are read, and how many copies are written, for one delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwmodel.machine.tlp_kinds import (
    INTERRUPT_ENABLE,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_INTERRUPT,
    TX_WRITEBACK,
)
from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config

LEAST_FRAMES = 100  # in the window; a fetch that is cut at a ring's end weighs half a byte then


class _Uses(NamedTuple):
    """Hold how often a delivered frame needs something: reads, written copies, Rx descriptors."""

    read: float
    written: float
    descriptors: float
    delivered: int


# Of each kind, what one unit of it serves.
_READ, _WRITTEN, _DESCRIPTOR, _ = _Uses._fields
SERVES = {
    PAYLOAD_WRITE: _WRITTEN,
    RX_WRITEBACK: _WRITTEN,
    RX_INTERRUPT: _WRITTEN,
    TX_WRITEBACK: _READ,
    TX_INTERRUPT: _READ,
    RX_DESCRIPTOR_READ: _DESCRIPTOR,
    TX_DESCRIPTOR_READ: _READ,
    PAYLOAD_READ: _READ,
    TX_DOORBELL: _READ,
    RX_DOORBELL: _DESCRIPTOR,
    INTERRUPT_ENABLE: _WRITTEN,
}
OF_INTERRUPTS = (RX_INTERRUPT, TX_INTERRUPT, INTERRUPT_ENABLE)
UP_PURPOSES = {
    PAYLOAD_WRITE: "payload",
    PAYLOAD_READ: "read_request",
    RX_DESCRIPTOR_READ: "descriptor",
    TX_DESCRIPTOR_READ: "descriptor",
    RX_WRITEBACK: "writeback",
    TX_WRITEBACK: "writeback",
    RX_INTERRUPT: "interrupt",
    TX_INTERRUPT: "interrupt",
}
DOWN_PURPOSES = {
    PAYLOAD_READ: "payload",
    RX_DESCRIPTOR_READ: "descriptor",
    TX_DESCRIPTOR_READ: "descriptor",
    TX_DOORBELL: "doorbell",
    RX_DOORBELL: "doorbell",
    INTERRUPT_ENABLE: "doorbell",
}
PURPOSES = ("payload", "tlp_overhead", "read_request", "descriptor", "writeback", "interrupt", "doorbell", "dllp")


def frame_bytes(config: Config, span: Span) -> dict[str, dict[str, float]] | None:
    """Return for `up` and `down` the bytes by purpose that a delivered frame costs; None where the window cannot tell.

    It cannot where it holds too few frames, or none of a transaction that the run has made before.
    """
    uses = _uses(span)
    if uses is None:
        return None
    amounts: dict[str, dict[str, float]] = {name: dict.fromkeys(PURPOSES, 0.0) for name in ("up", "down")}
    tlps = {"up": 0.0, "down": 0.0}
    overhead = tlp_overhead_of(config.pcie)
    has_masked = any(driver.masks for driver in config.drivers)
    for kind, served_by in SERVES.items():
        each = float(getattr(uses, served_by))
        n, so_far = span.served(kind, "n"), int(span.end.served["n"][kind])
        if has_masked and kind in OF_INTERRUPTS:
            # A driver that polls sees most frames without an interrupt: they are of all frames together.
            each, n, so_far = 1.0, uses.delivered, uses.delivered
        if each == 0 or so_far == 0:
            continue
        if n == 0:
            return None
        for direction, purposes in (("up", UP_PURPOSES), ("down", DOWN_PURPOSES)):
            purpose = purposes.get(kind)
            if purpose is None:
                continue
            n_bytes = each * span.served(kind, f"{direction}_bytes") / n
            n_tlps = each * span.served(kind, f"{direction}_tlps") / n
            tlps[direction] += n_tlps
            header = overhead.memory_write_bytes if direction == "up" else overhead.completion_bytes
            headers = n_tlps * header if purpose == "payload" else 0.0
            amounts[direction]["tlp_overhead"] += headers
            amounts[direction][purpose] += n_bytes - headers
    a_tlp = float(link_rate_of(config.pcie).dllp_bytes_per_tlp)
    amounts["up"]["dllp"], amounts["down"]["dllp"] = a_tlp * tlps["down"], a_tlp * tlps["up"]
    return amounts


def _uses(span: Span) -> _Uses | None:
    # What goes on to a bridge is delivered where it comes to.
    delivered = span.count("copies_made") - span.count("copies_dropped") - span.count("sent_to_bridge")
    delivered += span.count("delivered_to_wire") if span.count("sent_to_bridge") else 0
    if delivered < LEAST_FRAMES or span.frames < LEAST_FRAMES:
        return None
    local = span.count("copies_made") - span.count("wire_copies") + span.count("mirrored_made")
    written = max(0, local - span.count("copies_dropped") - span.count("mirrored_dropped")) / delivered
    copies = span.count("rx_copies")
    if written and not copies:
        return None
    descriptors = written * span.count("rx_descriptors") / copies if copies else 0.0
    return _Uses(span.count("switched") / delivered, written, descriptors, delivered)
