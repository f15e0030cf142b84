"""The time of one frame over the idle bridge: the wire to it, the bridge, the wire from it (docs/bridge.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import FCS_BYTES, wire_bytes

if TYPE_CHECKING:
    from hwmodel.analytic.lone_frame import Way
    from hwmodel.analytic.system import System

HEADER_BYTES = 8 + 64  # what a bridge that cuts through waits for, the preamble counted


@dataclass(frozen=True)
class Crossing:
    """Hold times in femtoseconds: on the first wire, until the bridge has what it waits for, in it, on the last wire.

    `to_bytes`, `from_bytes`: what the two wires carry, preamble and gap counted; `known_bytes`: what the bridge waits
    for.
    """

    to_bytes: int
    known_bytes: int
    from_bytes: int
    sent_fs: int
    known_fs: int
    latency_fs: int
    back_fs: int
    propagation_fs: int

    @property
    def whole_fs(self) -> int:
        """Give the time from the first bit on the first wire until the last one has come by the other."""
        return self.known_fs + self.latency_fs + self.back_fs + 2 * self.propagation_fs


def wire_fs(n_bytes: int, rate_bps: int) -> int:
    """Return the time of so many bytes on a wire, rounded down."""
    return n_bytes * BITS_PER_BYTE * FS_PER_S // rate_bps


def crossing_of(system: System, way: Way) -> Crossing:
    """Return the times of a frame that crosses the bridge.

    A bridge cuts through from its fastest ports alone: to a faster port a byte could be sent before it is there.
    """
    bridge = system.bridge
    assert bridge is not None and way.wire_bytes is not None and way.back_bytes is not None
    rate_bps = system.rate_bps(way.part)
    to_bytes, from_bytes = (wire_bytes(n_bytes + FCS_BYTES) for n_bytes in (way.wire_bytes, way.back_bytes))
    fastest_bps = max(system.rate_bps(part) for part in range(system.n_parts))
    cuts_through = bridge.forwarding == "cut_through" and rate_bps == fastest_bps
    known_bytes = HEADER_BYTES if cuts_through else to_bytes
    return Crossing(
        to_bytes=to_bytes,
        known_bytes=known_bytes,
        from_bytes=from_bytes,
        sent_fs=wire_fs(to_bytes, rate_bps),
        known_fs=wire_fs(known_bytes, rate_bps),
        latency_fs=bridge.latency_fs,
        back_fs=wire_fs(from_bytes, system.rate_bps(way.to_part)),
        propagation_fs=bridge.propagation_fs,
    )
