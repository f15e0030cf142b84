"""Link bytes per delivered frame, from whole transactions, so that those cut by the window's ends do not bias it.

The bytes of each kind of transaction are divided by the frames or descriptors that it served, then multiplied by how
many of these a delivered frame needs, from the switch's counts of frames read and copies written for each delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.machine.tlp_kinds import DOWN, INTERRUPT_ENABLE, NO_KIND, OF_KIND, RX_INTERRUPT, TX_INTERRUPT, TlpKind
from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config

LEAST_FRAMES = 100  # of the window; with these, a fetch cut at a ring's end changes the figure by half a byte


class _Uses(NamedTuple):
    """Hold how many reads, writes and descriptors a delivered frame needs; fields as in `TlpKind.served_by`."""

    read: float
    written: float
    descriptors: float
    delivered: int


OF_INTERRUPTS = (RX_INTERRUPT, TX_INTERRUPT, INTERRUPT_ENABLE)
PURPOSES = ("payload", "tlp_overhead", "read_request", "descriptor", "writeback", "interrupt", "doorbell", "dllp")


def frame_bytes(config: Config, span: Span) -> dict[str, dict[str, float]] | None:
    """Return the link bytes of a delivered frame by purpose, for `up` and `down`; None if the window cannot tell.

    It cannot with too few frames, or with no transaction of a kind that occurred earlier in the run.
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
        if config.has_virtual_switch:  # only some of the frames cross the link
            each, so_far = n / uses.delivered, n
        of_all = has_masked and kind in OF_INTERRUPTS
        if of_all:
            # A polling driver sees most frames without an interrupt, so interrupts are divided by all frames.
            each, n, so_far = 1.0, uses.delivered, uses.delivered
        if each == 0 or so_far == 0:
            continue
        if n == 0:
            return None
        for direction, purpose in _purposes(about):
            if of_all:  # also interrupts for sent descriptors only, which serve no received frame
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
    """Yield the directions in which transactions of a kind send bytes, and the purpose; completions go down."""
    yield kind.direction, kind.purpose
    if kind.completion != NO_KIND:
        yield DOWN, OF_KIND[kind.completion].purpose


def _uses(span: Span) -> _Uses | None:
    # A copy sent on to a bridge is delivered elsewhere, and so is not counted here.
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
