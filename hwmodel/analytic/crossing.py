"""The time of one frame over the idle bridge, its wires and the extenders on the way (docs/bridge.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import FCS_BYTES, wire_bytes

if TYPE_CHECKING:
    from hwmodel.analytic.lone_frame import Way
    from hwmodel.analytic.system import System

HEADER_BYTES = 8 + 64  # what a bridge that cuts through waits for, the preamble counted


@dataclass(frozen=True)
class Stage:
    """Hold the bridge or an extender on a frame's way, with the wire by which the frame comes to it.

    `name`: "bridge", or the extender's. `known_bytes`: what it waits for, preamble counted, and gap where that is the
    whole frame; `known_fs`: their time on the wire. `latency_fs`: from there until the next wire.
    """

    name: str
    rate_bps: int
    known_bytes: int
    known_fs: int
    latency_fs: int


@dataclass(frozen=True)
class Crossing:
    """Hold times in femtoseconds: of the whole frame on the first wire, in each stage, on the last wire.

    `to_bytes`, `from_bytes`: what wires towards the bridge and from it carry, preamble and gap counted.
    """

    to_bytes: int
    from_bytes: int
    sent_fs: int
    stages: tuple[Stage, ...]
    back_fs: int
    propagation_fs: int

    @property
    def whole_fs(self) -> int:
        """Give the time from the first bit on the first wire until the last one has come by the last."""
        flights_fs = (len(self.stages) + 1) * self.propagation_fs
        return sum(stage.known_fs + stage.latency_fs for stage in self.stages) + self.back_fs + flights_fs


def wire_fs(n_bytes: int, rate_bps: int) -> int:
    """Return the time of so many bytes on a wire, rounded down."""
    return n_bytes * BITS_PER_BYTE * FS_PER_S // rate_bps


def crossing_of(system: System, way: Way) -> Crossing:
    """Return the times of a frame that crosses the bridge."""
    assert system.bridge is not None and way.wire_bytes is not None and way.back_bytes is not None
    to_bytes, from_bytes = (wire_bytes(n_bytes + FCS_BYTES) for n_bytes in (way.wire_bytes, way.back_bytes))
    return Crossing(
        to_bytes=to_bytes,
        from_bytes=from_bytes,
        sent_fs=wire_fs(to_bytes, system.rate_bps(way.part)),
        stages=tuple(_stages(system, way, to_bytes, from_bytes)),
        back_fs=wire_fs(from_bytes, system.rate_bps(way.to_part)),
        propagation_fs=system.bridge.propagation_fs,
    )


def _stages(system: System, way: Way, to_bytes: int, from_bytes: int) -> Iterator[Stage]:
    """Give the extenders up to the bridge, the bridge, the extenders down; outer tags stay as they are in extenders."""
    upwards = system.above(way.part)
    wire = way.part
    for extender in upwards:
        yield _stage(system, wire, extender, to_bytes)
        wire = extender
    yield _stage(system, wire, None, to_bytes)
    for extender in reversed(system.above(way.to_part)):
        yield _stage(system, extender, extender, from_bytes)


def _stage(system: System, wire: int, extender: int | None, n_bytes: int) -> Stage:
    """Give the stage at the bridge (None) or an extender; `wire`: the component by whose wire the frame comes.

    Frames that come by one of its fastest ports alone are cut through: to a faster one a byte could be sent before it
    is there.
    """
    assert system.bridge is not None
    name = "bridge" if extender is None else system.port_name(extender)
    device = system.bridge if extender is None else system.bridge.extenders[name]
    rate_bps = system.rate_bps(wire)
    cuts_through = device.forwarding == "cut_through" and rate_bps == max(system.rates_at_bps(extender))
    known_bytes = HEADER_BYTES if cuts_through else n_bytes
    return Stage(name, rate_bps, known_bytes, wire_fs(known_bytes, rate_bps), device.latency_fs)
