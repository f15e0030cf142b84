"""What a delivered frame costs on the link: by whole frames and transactions, not by what a window cuts through.

Each kind of transaction is divided by the frames or descriptors that it served, and taken as often as a delivered
frame needs it, which the switch counts: how many frames are read, and how many copies are written, for one delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.machine.tlp_kinds import DOWN, INTERRUPT_ENABLE, NO_KIND, OF_KIND, RX_INTERRUPT, TX_INTERRUPT, TlpKind
from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config

LEAST_FRAMES = 100  # in the window; a fetch that is cut at a ring's end weighs half a byte then


class _Uses(NamedTuple):
    """Hold how often a delivered frame needs something, by what `TlpKind.served_by` says."""

    read: float
    written: float
    descriptors: float
    delivered: int


OF_INTERRUPTS = (RX_INTERRUPT, TX_INTERRUPT, INTERRUPT_ENABLE)
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
    for kind, about in OF_KIND.items():
        if not about.served_by:
            continue
        each = float(getattr(uses, about.served_by))
        n, so_far = span.served(kind, "n"), int(span.end.served["n"][kind])
        if config.has_virtual_switch:  # a part of the frames alone crosses the link
            each, so_far = n / uses.delivered, n
        of_all = has_masked and kind in OF_INTERRUPTS
        if of_all:
            # A driver that polls sees most frames without an interrupt: they are of all frames together.
            each, n, so_far = 1.0, uses.delivered, uses.delivered
        if each == 0 or so_far == 0:
            continue
        if n == 0:
            return None
        for direction, purpose in _purposes(about):
            if of_all:  # those too that tell of sent descriptors alone, and so are of no frames
                kind_tlps, kind_bytes, _ = span.tlps(direction)
                n_bytes, n_tlps = float(kind_bytes[kind]) / n, float(kind_tlps[kind]) / n
            else:
                n_bytes, n_tlps = (each * span.served(kind, f"{direction}_{what}") / n for what in ("bytes", "tlps"))
            tlps[direction] += n_tlps
            header = overhead.memory_write_bytes if direction == "up" else overhead.completion_bytes
            headers = n_tlps * header if purpose == "payload" else 0.0
            amounts[direction]["tlp_overhead"] += headers
            amounts[direction][purpose] += n_bytes - headers
    a_tlp = float(link_rate_of(config.pcie).dllp_bytes_per_tlp)
    amounts["up"]["dllp"], amounts["down"]["dllp"] = a_tlp * tlps["down"], a_tlp * tlps["up"]
    return amounts


def _purposes(kind: TlpKind) -> Iterator[tuple[str, str]]:
    """Give the directions in which transactions of a kind have bytes, and what for; a read is answered by the other."""
    yield kind.direction, kind.purpose
    if kind.completion != NO_KIND:
        yield DOWN, OF_KIND[kind.completion].purpose


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
