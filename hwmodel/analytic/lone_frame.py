"""The way of one frame of a workload: from which function, to whom, how long it is with the tags it has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.paths import Paths
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, TAG_BYTES
from hwmodel.analytic.system import System
from hwmodel.config.bridge import TAG_MODES
from hwmodel.rules.ethernet import FCS_BYTES

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.switch import Port

_DEFAULT_S_CHANNEL = (None, 1)


@dataclass(frozen=True)
class Way:
    """Hold the way of one frame; functions by number, PF 0 and VF K being K + 1, lengths in bytes without FCS.

    `sender`: None for the wire. `copies`: each receiving function and what it gets, in the order in which the copies
    are made; `wire_bytes`: what goes on the wire, None where nothing does.
    `back_bytes`: what the last bridge sends on, None for a frame that crosses none, and `trunk_bytes` what each wire
    between bridges carries. `part`, `to_part`: the components
    (`System`) from which it comes and to which it goes.
    """

    sender: int | None
    n_bytes: int
    copies: tuple[tuple[int, int], ...] = ()
    wire_bytes: int | None = None
    back_bytes: int | None = None
    trunk_bytes: tuple[int, ...] = ()
    part: int = 0
    to_part: int = 0


@dataclass(frozen=True)
class LoneFrame:
    """Hold a frame (`frame_bytes` with FCS): from where, to which of those who get it (the first), and its way.

    `addressed`: to whom its sender has addressed it: that one, or a group.
    """

    source: str
    target: str
    frame_bytes: int
    way: Way
    addressed: str

    def to_dict(self) -> dict[str, str | int]:
        """Give the JSON form."""
        return {"from": self.source, "to": self.target, "bytes": self.frame_bytes}


@remembered("pcie", "driver", "host")
def lone_frame_of(config: Config, source: str, target: str, frame_bytes: int) -> LoneFrame | None:
    """Return a frame between two stations, or "uplink", or to a group; None for one that goes nowhere.

    `frame_bytes`: with FCS and the tags of made-up frames (docs/loads.md). It passes every filter, and ends where it
    leaves by the wire, unless a bridge sends it on; the bridge knows its destination.
    """
    system = System.of(config)
    path = Paths(system, None).path(source, target)
    hop = next((one for one in path.hops if one.route.stations), next(iter(path.hops), None))
    if path.lost or not (path.route.stations or path.route.to_wire or path.route.from_wire):
        return None
    crosses = hop is not None and not path.route.stations
    n_bytes = frame_bytes - FCS_BYTES
    part = path.part
    if crosses:
        assert hop is not None
        stations, kept, to_part = hop.route.stations, hop.kept_bytes, hop.part
    else:
        stations, to_part = path.route.stations, part
        kept = _kept_bytes(system.config(part), stations, source, target) if stations else ()
    pairs = sorted(zip((_function(name) for name in stations), kept, stations, strict=True))
    way = Way(
        sender=None if source == UPLINK else _function(system.place(source)[1]),
        n_bytes=n_bytes,
        copies=tuple((function, n_bytes + more) for function, more, _ in pairs),
        wire_bytes=n_bytes + path.route.tag_bytes if path.route.to_wire else None,
        back_bytes=n_bytes + hop.route.tag_bytes if crosses and hop is not None else None,
        trunk_bytes=tuple(n_bytes + one.tag_bytes for one in hop.trunks) if crosses and hop is not None else (),
        part=part,
        to_part=to_part,
    )
    first = system.station(to_part, pairs[0][2]) if pairs else UPLINK
    addressed = UPLINK if first == UPLINK and target not in GROUPS else target
    return LoneFrame(source, first, frame_bytes, way, addressed)


def _kept_bytes(config: Config, stations: tuple[str, ...], source: str, target: str) -> tuple[int, ...]:
    """Return the bytes of tags that each station of the sender's own adapter gets beside the frame as offered."""
    ports = {port.name: port for port in config.switch.ports}
    source, target = source.rpartition(".")[2], target.rpartition(".")[2]
    bare = -_sent_tag_bytes(config, ports, source, target)
    vlan = _vlan(config, ports, source, target)
    return tuple(bare + _kept_tag_bytes(config, ports[to], vlan) for to in stations)


def _function(name: str) -> int:
    return 0 if name == "pf" else int(name.removeprefix("vf")) + 1


def _vlan(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the VLAN of a made-up frame that is bridged by VLAN."""
    if source != UPLINK:
        return ports[source].port_vlan
    if target not in GROUPS:
        return ports[target].port_vlan
    return config.switch.uplink.native_vlan or next(port.port_vlan for port in ports.values() if port.enabled)


def _sent_tag_bytes(config: Config, ports: dict[str, Port], source: str, target: str) -> int:
    """Return the bytes of the tags with which a made-up frame comes and which the switch takes off."""
    mode = config.switch.mode
    if source != UPLINK:
        return TAG_BYTES["c"] * (ports[source].admit == "tagged" and mode not in TAG_MODES)
    if mode in TAG_MODES:
        return TAG_BYTES[mode]
    in_channel = mode == "multichannel" and target in ports and ports[target].s_channel not in _DEFAULT_S_CHANNEL
    is_tagged = _vlan(config, ports, source, target) != config.switch.uplink.native_vlan
    return TAG_BYTES["s"] * in_channel + TAG_BYTES["c"] * is_tagged


def _kept_tag_bytes(config: Config, station: Port, vlan: int) -> int:
    """Return the bytes of the tag with which a station gets a frame of a VLAN."""
    return TAG_BYTES["c"] * (config.switch.mode not in TAG_MODES and vlan not in station.untagged)
