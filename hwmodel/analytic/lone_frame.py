"""One frame of a workload alone: sender, receivers, length, and the wires and bridges between adapters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwmodel.analytic.paths import Paths
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, channel_of
from hwmodel.analytic.system import System
from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink, uplink_of
from hwmodel.config.switch import Port
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.switch_modes import DEFAULT_S_VID, MODES, TAG_MODES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes


@dataclass(frozen=True)
class Way:
    """Hold the way of one frame; functions by number, PF 0 and VF K being K + 1, lengths in bytes without FCS.

    `sender`: None for the wire. `copies`: each receiving function and what it gets, in the order in which the copies
    are made; `wire_bytes`: what goes on the wire, None where nothing does. `back_bytes`: the frame's length behind the
    last bridge, None if it crosses none; `trunk_bytes`: its length on each wire between bridges. `part`, `to_part`: the
    components (`System`) from which it comes and to which it goes, `wire`, `to_wire`: their wires.
    """

    sender: int | None
    n_bytes: int
    copies: tuple[tuple[int, int], ...] = ()
    wire_bytes: int | None = None
    back_bytes: int | None = None
    trunk_bytes: tuple[int, ...] = ()
    part: int = 0
    to_part: int = 0
    wire: int = 0
    to_wire: int = 0


@dataclass(frozen=True)
class LoneFrame:
    """Hold a frame (`frame_bytes` with FCS): its source, `target`, the first station that gets it, and its way.

    `addressed`: the destination that its sender gave it: that station, or a group.
    """

    source: str
    target: str
    frame_bytes: int
    way: Way
    addressed: str

    def to_dict(self) -> dict[str, str | int]:
        """Give the JSON form."""
        return {"from": self.source, "to": self.target, "bytes": self.frame_bytes}


def lone_frame_of(config: Config, source: str, target: str, frame_bytes: int) -> LoneFrame | None:
    """Return the lone frame from a station or "uplink" to a station, "uplink" or a group; None if it goes nowhere.

    `frame_bytes`: with FCS and the tags of made-up frames (docs/loads.md). The frame is taken to pass every filter; it
    ends at the wire unless a bridge, which is taken to know its destination, sends it on.
    """
    system = System.of(config)
    path = Paths(system, None).path(source, target)
    if path.lost or not (path.route.stations or path.route.to_wire or path.route.from_wire):
        return None
    n_bytes, hop = frame_bytes - FCS_BYTES, None
    if path.route.stations:
        stations, to_part = path.route.stations, path.part
        kept = _kept_bytes(system.config(to_part), stations, source, target)
    elif path.hops:
        reached = [one for one in path.hops if one.route.stations or one.part == system.outside]
        hop = next((one for one in reached if one.route.stations), reached[0] if reached else None)
        if hop is None:
            return None
        stations, to_part, kept = hop.route.stations, hop.part, hop.kept_bytes
    else:
        stations, to_part, kept = (), path.part, ()
    pairs = sorted((system.config(to_part).function_number(one), n, one) for one, n in zip(stations, kept, strict=True))
    way = Way(
        sender=None if is_uplink(source) else system.config(path.part).function_number(system.place(source)[1]),
        n_bytes=n_bytes,
        copies=tuple((function, n_bytes + more) for function, more, _ in pairs),
        wire_bytes=n_bytes + path.route.tag_bytes if path.route.to_wire else None,
        back_bytes=None if hop is None else n_bytes + hop.route.tag_bytes,
        trunk_bytes=() if hop is None else tuple(n_bytes + one.tag_bytes for one in hop.trunks),
        part=path.part,
        to_part=to_part,
        wire=path.wire,
        to_wire=path.wire if hop is None else hop.wire,
    )
    uplink = uplink_of("" if system.bridges else path.port)
    first = system.station(to_part, pairs[0][2]) if pairs else uplink
    addressed = uplink if first == uplink and target not in GROUPS else target
    return LoneFrame(source, first, frame_bytes, way, addressed)


def _kept_bytes(config: Config, stations: tuple[str, ...], source: str, target: str) -> tuple[int, ...]:
    """Return the bytes of tags that each station of the sender's own adapter gets beside the frame as offered."""
    ports = {port.name: port for port in config.switch.ports}
    source, target = map(config.function_of, (source, target))
    bare = -_sent_tag_bytes(config, ports, source, target)
    vlan = _vlan(config, ports, source, target)
    return tuple(bare + _kept_tag_bytes(config, ports[to], vlan) for to in stations)


def _vlan(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the VLAN of a generated frame that is bridged by VLAN."""
    if source != UPLINK:
        return ports[source].port_vlan
    if target not in GROUPS:
        return ports[target].port_vlan
    return config.switch.uplink.native_vlan or next(port.port_vlan for port in ports.values() if port.enabled)


def _sent_tag_bytes(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the bytes of the tags that a generated frame comes with and that the switch removes."""
    mode = config.switch.mode
    if source != UPLINK:
        return TAG_BYTES["c"] * (ports[source].admit == "tagged" and mode not in TAG_MODES)
    if mode in TAG_MODES:
        return TAG_BYTES[mode]
    in_channel = MODES[mode].has_channels and target in ports and channel_of(ports[target]) != DEFAULT_S_VID
    is_tagged = _vlan(config, ports, source, target) != config.switch.uplink.native_vlan
    return TAG_BYTES["s"] * in_channel + TAG_BYTES["c"] * is_tagged


def _kept_tag_bytes(config: Config, station: Port, vlan: int) -> int:
    """Return the bytes of the tag with which a station gets a frame of a VLAN."""
    return TAG_BYTES["c"] * (config.switch.mode not in TAG_MODES and vlan not in station.untagged)


# ---- From one adapter to another ----


HEADER_BYTES = 8 + 64  # what a bridge that cuts through waits for, the preamble counted


@dataclass(frozen=True)
class Stage:
    """Hold a bridge or an extender on a frame's way, with the wire by which the frame comes to it.

    `name`: "bridge", or the name of one of several bridges or of the extender; `key`: the configuration key of its
    latency. `known_bytes`: what it waits for before forwarding: header and preamble, or the whole frame with preamble
    and gap; `known_fs`: the time of these bytes on the wire; `propagation_fs`: the wire's propagation delay.
    `latency_fs`: from then until the next wire.
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
    """Hold the times of a frame between adapters, in fs: on the first wire, in each stage, on the last wire.

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
        """Give the time from the frame's first bit on the first wire to its last bit's arrival by the last wire."""
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
        sent_fs=wire_fs(to_bytes, system.rate_bps(way.wire)),
        stages=tuple(_stages(system, way, to_bytes, from_bytes)),
        back_fs=wire_fs(from_bytes, system.rate_bps(way.to_wire)),
        propagation_fs=system.propagation_fs(way.to_wire),
    )


def _stages(system: System, way: Way, to_bytes: int, from_bytes: int) -> Iterator[Stage]:
    """Give the stages: extenders up to a bridge, bridges, extenders down; extenders keep outer tags."""
    wire = way.wire
    for extender in system.above(way.wire):
        yield _stage(system, wire, system.device_above(wire), to_bytes)
        wire = extender
    yield _stage(system, wire, system.device_above(wire), to_bytes)
    between = system.trunks_between(system.bridge_at(way.wire), system.bridge_at(way.to_wire))
    for (trunk, is_upwards), n_bytes in zip(between, way.trunk_bytes, strict=True):
        device = system.device_above(trunk) if is_upwards else system.device_below(trunk)
        yield _stage(system, trunk, device, wire_bytes(n_bytes + FCS_BYTES))
    for extender in reversed(system.above(way.to_wire)):
        yield _stage(system, extender, system.device_below(extender), from_bytes)


def _stage(system: System, wire: int, at: tuple[int, int | None], n_bytes: int) -> Stage:
    """Give the stage at a bridge or an extender; `wire`: the one by which the frame arrives.

    Only frames from one of its fastest ports are cut through: a faster egress port would underrun.
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
