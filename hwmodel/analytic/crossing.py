"""The time of one frame over idle bridges, their wires and the extenders on the way (docs/bridge.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes

if TYPE_CHECKING:
    from hwmodel.analytic.lone_frame import Way
    from hwmodel.analytic.system import System

HEADER_BYTES = 8 + 64  # what a bridge that cuts through waits for, the preamble counted


@dataclass(frozen=True)
class Stage:
    """Hold a bridge or an extender on a frame's way, with the wire by which the frame comes to it.

    `name`: "bridge" or the name of one of several, or the extender's; `key`: of its latency. `known_bytes`: what it
    waits for, preamble counted, and gap where that is the whole frame; `known_fs`: their time on the wire, and
    `propagation_fs` that of a bit. `latency_fs`: from there until the next wire.
    """

    name: str
    key: str
    rate_bps: int
    known_bytes: int
    known_fs: int
    propagation_fs: int
    latency_fs: int


@dataclass(frozen=True)
class Crossing:
    """Hold times in femtoseconds: of the whole frame on the first wire, in each stage, on the last wire.

    `to_bytes`, `from_bytes`: what the first wire and the last carry, preamble and gap counted.
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
        stages_fs = sum(stage.known_fs + stage.propagation_fs + stage.latency_fs for stage in self.stages)
        return stages_fs + self.back_fs + self.propagation_fs


def wire_fs(n_bytes: int, rate_bps: int) -> int:
    """Return the time of so many bytes on a wire, rounded down."""
    return n_bytes * BITS_PER_BYTE * FS_PER_S // rate_bps


def crossing_of(system: System, way: Way) -> Crossing:
    """Return the times of a frame that crosses a bridge, or several."""
    assert way.wire_bytes is not None and way.back_bytes is not None
    to_bytes, from_bytes = (wire_bytes(n_bytes + FCS_BYTES) for n_bytes in (way.wire_bytes, way.back_bytes))
    return Crossing(
        to_bytes=to_bytes,
        from_bytes=from_bytes,
        sent_fs=wire_fs(to_bytes, system.rate_bps(way.part)),
        stages=tuple(_stages(system, way, to_bytes, from_bytes)),
        back_fs=wire_fs(from_bytes, system.rate_bps(way.to_part)),
        propagation_fs=system.propagation_fs(way.to_part),
    )


def _stages(system: System, way: Way, to_bytes: int, from_bytes: int) -> Iterator[Stage]:
    """Give extenders up to a bridge, bridges, extenders down; outer tags stay as they are in extenders."""
    wire = way.part
    for extender in system.above(way.part):
        yield _stage(system, wire, system.device_above(wire), to_bytes)
        wire = extender
    yield _stage(system, wire, system.device_above(wire), to_bytes)
    between = system.trunks_between(system.bridge_at(way.part), system.bridge_at(way.to_part))
    for (trunk, is_upwards), n_bytes in zip(between, way.trunk_bytes, strict=True):
        device = system.device_above(trunk) if is_upwards else system.device_below(trunk)
        yield _stage(system, trunk, device, wire_bytes(n_bytes + FCS_BYTES))
    for extender in reversed(system.above(way.to_part)):
        yield _stage(system, extender, system.device_below(extender), from_bytes)


def _stage(system: System, wire: int, at: tuple[int, int | None], n_bytes: int) -> Stage:
    """Give the stage at a bridge or an extender; `wire`: the component by whose wire the frame comes.

    Frames that come by one of its fastest ports alone are cut through: to a faster one a byte could be sent before it
    is there.
    """
    bridge, extender = system.bridges[at[0]], at[1]
    name = bridge.name if extender is None else system.port_name(extender)
    device = bridge.settings if extender is None else system.extender(extender)
    rate_bps = system.rate_bps(wire)
    cuts_through = device.forwarding == "cut_through" and rate_bps == max(system.rates_at_bps(at))
    known_bytes = HEADER_BYTES if cuts_through else n_bytes
    return Stage(
        name=name,
        key=f"{bridge.key}{'' if extender is None else f'.extenders.{name}'}.latency",
        rate_bps=rate_bps,
        known_bytes=known_bytes,
        known_fs=wire_fs(known_bytes, rate_bps),
        propagation_fs=system.propagation_fs(wire),
        latency_fs=device.latency_fs,
    )
