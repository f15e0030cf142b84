"""Which frames a workload has, and where their copies go inside an adapter, for the bytes that they cost.

A short form of the forwarding decision, for frames that pass every filter: it knows the mode, membership in the
sender's VLAN, loopback, acceptance of groups, promiscuity, private VLANs, S-channels and mirrors
(docs/forwarding.md). Anti-spoofing, access lists and policers are not looked at. The decision itself is made by the
kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hwmodel.config import Config
from hwmodel.config.names import UPLINK
from hwmodel.config.switch import Mirror, Port, Switch
from hwmodel.config.system import apart_ports
from hwmodel.config.vms import domains_of, own_uplinks
from hwmodel.rules.private_vlan import reaches
from hwmodel.rules.switch_modes import C_TAG, DEFAULT_S_VID, MODES, S_TAG, TAG_MODES

GROUPS = ("broadcast", "multicast")
# Lengths of the C-TAG and S-TAG, and of the tags that name stations, by mode.
TAG_BYTES: dict[str, int] = {"c": C_TAG.n_bytes, "s": S_TAG.n_bytes}
TAG_BYTES |= {mode: MODES[mode].tag_bytes for mode in TAG_MODES}


# ---- Mirrors ----


def mirrored_stations(
    config: Config, source: str, target: str, stations: tuple[str, ...], *, to_wire: bool, comes_back: bool
) -> list[str]:
    """Give the stations that get mirrored copies of a frame, in the order of the configured mirrors.

    `source`, `target`: as in `Router.route`; `stations`, `to_wire`: where its other copies go. A frame reflected by the
    adjacent bridge passes the switch twice, and is mirrored like two frames.
    """
    if not config.switch.mirrors:
        return []
    ports = {port.name: port for port in config.switch.ports}
    vlan = _vlan(config, source, target)
    if comes_back:
        passes = [(source, (UPLINK,)), (UPLINK, stations)]
    else:
        passes = [(source, (*stations, UPLINK) if to_wire else stations)]
    found: list[str] = []
    for ingress, egress in passes:
        copied = [mirror.to for mirror in config.switch.mirrors if _matches(mirror, ingress, egress, vlan)]
        found += [to for to in dict.fromkeys(copied) if ports[to].enabled and to not in egress]
    return found


def _matches(mirror: Mirror, ingress: str, egress: tuple[str, ...], vlan: int | None) -> bool:
    if mirror.source is None:
        return mirror.vlan == vlan
    return mirror.source == ingress if mirror.direction == "ingress" else mirror.source in egress


def _vlan(config: Config, source: str, target: str) -> int | None:
    """Give the VLAN in which a generated frame is accepted; None for one that is in none, or not accepted."""
    switch, ports = config.switch, {port.name: port for port in config.switch.ports}
    if source == UPLINK:
        vlan = _vlan_from_wire(switch, ports, target)
        return vlan if switch.mode not in TAG_MODES and _carries(switch, vlan) else None
    sender = ports[source]
    if switch.mode in TAG_MODES:  # the bridge above owns VLANs
        return sender.port_vlan if sender.admit == "tagged" else None
    return sender.port_vlan if _may_send(sender) else None


def _may_send(sender: Port) -> bool:
    """Tell whether a station's untagged frames may enter its port VLAN."""
    return sender.port_vlan in sender.vlans or not sender.vlan_spoof_check


def _vlan_from_wire(switch: Switch, ports: Mapping[str, Port], target: str) -> int | None:
    """Give the VLAN of a generated frame from the wire, which is in its receiver's."""
    return ports[target].port_vlan if target in ports else switch.uplink.native_vlan


def _carries(switch: Switch, vlan: int | None) -> bool:
    """Tell whether the uplink is in a VLAN; of a frame in none that is known it is."""
    return vlan is None or switch.uplink.vlans == "all" or vlan in switch.uplink.vlans


# ---- Routes ----


@dataclass(frozen=True)
class Route:
    """Hold what becomes of one frame.

    `stations`: those it is written to. `to_wire`, `from_wire`: whether it leaves by the wire, whether it comes from
    there (one that the adjacent bridge sends back does both). `tag_bytes`: the length of its tags on the wire less that
    of its tags as offered; may be negative. `mirrored`: the stations that get mirrored copies. `lost`: why the
    adapter's switch drops it, empty if a copy goes on.
    """

    stations: tuple[str, ...]
    to_wire: bool
    from_wire: bool = False
    tag_bytes: int = 0
    mirrored: tuple[str, ...] = ()
    lost: str = ""


class Router:
    """Give the route of each frame under one configuration.

    `adjacent_bridge_reflects`: frames that leave in a mode without local switching come back for their destinations, as
    from a bridge with reflective relay or a port extender's controlling bridge. Configured bridges are left to
    `paths.Paths`.
    """

    def __init__(self, config: Config, adjacent_bridge_reflects: bool = False) -> None:
        self._config = config
        self._switch = config.switch
        self._ports = {port.name: port for port in config.switch.ports}
        self._reflects = adjacent_bridge_reflects
        # A virtual switch that learns is taken to have learned who is behind the uplink.
        self._learns = config.virtual_switch is not None and config.virtual_switch.learning is not None

    def route(self, source: str, target: str) -> Route:
        """Give the route of a frame from a port to a station, "uplink", "broadcast" or "multicast"."""
        route = self._forwarded(source, target)
        comes_back = route.to_wire and route.from_wire
        mirrored = mirrored_stations(
            self._config, source, target, route.stations, to_wire=route.to_wire, comes_back=comes_back
        )
        return replace(route, mirrored=tuple(mirrored)) if mirrored else route

    def _forwarded(self, source: str, target: str) -> Route:
        chosen = self._chosen(source, target)
        if chosen.lost or self._switch.mode in TAG_MODES:
            return chosen
        uplink = self._switch.uplink.pvlan
        own = uplink if source == UPLINK or chosen.from_wire else self._ports[source].pvlan
        reached = (name for name in chosen.stations if name not in self._ports or reaches(own, self._ports[name].pvlan))
        to_wire = chosen.to_wire and reaches(self._ports[source].pvlan, uplink)
        found = replace(chosen, stations=tuple(reached), to_wire=to_wire)
        is_cut = (chosen.stations or chosen.to_wire) and not (found.stations or to_wire)
        return replace(found, lost="PVLAN") if is_cut else found

    def _chosen(self, source: str, target: str) -> Route:
        """Give the route without regard to private VLANs."""
        by_tag = self._switch.mode in TAG_MODES
        if source == UPLINK:
            vlan = _vlan_from_wire(self._switch, self._ports, target)
            if not by_tag and not _carries(self._switch, vlan):
                return Route((), False, True, lost="VLAN_MEMBER")
            return Route(self._accepting(target, self._in_native_vlan()), False, True)
        sender = self._ports[source]
        if not by_tag and not _may_send(sender):
            return Route((), False, lost="VLAN_MEMBER")
        is_bridge = MODES[self._switch.mode].kind_of(self._switch.s_channels, channel_of(sender)) == "veb"
        if is_bridge and sender.loopback:
            return self._bridged(sender, target)
        if not by_tag and not _carries(self._switch, sender.port_vlan):
            return Route((), False, lost="NO_DESTINATION" if is_bridge else "VLAN_MEMBER")
        comes_back = self._reflects and not is_bridge and target != UPLINK
        stations = self._accepting(target, self._neighbours(sender)) if comes_back else ()
        return Route(stations, True, comes_back, self._uplink_tag_bytes(sender))

    def _bridged(self, sender: Port, target: str) -> Route:
        """Give the route in a bridge of the adapter's own, whose uplink gets what is for nobody there, and groups."""
        owner = self._ports.get(target)
        if owner is not None and self._is_neighbour(sender, owner):
            is_for_itself = owner is sender and not sender.self_loopback
            return Route((), False, lost="SAME_PORT") if is_for_itself else Route((target,), False)
        if owner is not None and self._switch.lookup == "mac" and not self._is_apart(sender, owner):
            return Route((), False, lost="NO_DESTINATION")
        if target in GROUPS:
            wants_own = sender.self_loopback and joins(sender, target)
            stations = self._accepting(target, self._neighbours(sender, itself=wants_own))
        else:
            hears = self._switch.promiscuous == "all" and not self._learns
            stations = tuple(port.name for port in self._neighbours(sender) if port.promiscuous and hears)
        to_wire = _carries(self._switch, sender.port_vlan)
        lost = "" if stations or to_wire else "NO_DESTINATION"
        return Route(stations, to_wire, tag_bytes=self._uplink_tag_bytes(sender), lost=lost)

    def _is_neighbour(self, sender: Port, port: Port) -> bool:
        """Tell whether a station is where a sender's bridge may send its frames; the sender itself may be."""
        return port.enabled and sender.port_vlan in port.vlans and not self._is_apart(sender, port)

    def _is_apart(self, sender: Port, port: Port) -> bool:
        return MODES[self._switch.mode].has_channels and channel_of(port) != channel_of(sender)

    def _neighbours(self, sender: Port, *, itself: bool = False) -> list[Port]:
        may_be = (port for port in self._ports.values() if itself or port is not sender)
        return [port for port in may_be if self._is_neighbour(sender, port)]

    def _accepting(self, target: str, among: Iterable[Port]) -> tuple[str, ...]:
        if target not in GROUPS:
            return (target,)
        return tuple(port.name for port in among if port.enabled and accepts(port, target))

    def _in_native_vlan(self) -> list[Port]:
        """Return the stations that an untagged frame from the wire may reach; all where VLANs do not matter."""
        native, ports = self._switch.uplink.native_vlan, list(self._ports.values())
        if native is None or self._switch.mode in TAG_MODES:
            return ports
        return [port for port in ports if native in port.vlans]

    def _uplink_tag_bytes(self, sender: Port) -> int:
        mode = self._switch.mode
        if mode in TAG_MODES:
            return TAG_BYTES[mode]
        tagged = sender.port_vlan != self._switch.uplink.native_vlan
        channel = MODES[mode].has_channels and channel_of(sender) != DEFAULT_S_VID
        brought = sender.admit == "tagged"  # the tag with which it was sent is removed
        return TAG_BYTES["c"] * (tagged - brought) + TAG_BYTES["s"] * channel


def channel_of(port: Port) -> int:
    """Return the S-channel of a station."""
    return port.s_channel or DEFAULT_S_VID


def has_outer_tag(config: Config, station: str) -> bool:
    """Tell whether frames of a station, or for it, have an outer tag on the wire."""
    mode = MODES[config.switch.mode]
    named = (port for port in config.switch.ports if port.name == station)
    return mode.has_interfaces or (mode.has_channels and any(channel_of(port) != DEFAULT_S_VID for port in named))


def comes_back(config: Config, source: str, target: str) -> bool:
    """Tell whether frames between two stations of one switch go by a bridge, by the switch's mode."""
    switch = config.switch
    mode, ports = MODES[switch.mode], {port.name: port for port in switch.ports}
    if not mode.has_channels or target not in ports:
        return mode.kind != "veb"
    channel, other = channel_of(ports[source]), channel_of(ports[target])
    return channel != other or mode.kind_of(switch.s_channels, channel) != "veb"


def joins(port: Port, group: str) -> bool:
    """Tell whether a station wants frames for all, or for a group of its own."""
    return group in port.accept or (group == "multicast" and bool(port.groups))


def accepts(port: Port, group: str) -> bool:
    """Tell whether a station gets frames for all, or for a group."""
    return joins(port, group) or port.promiscuous


# ---- Streams ----


def has_packets(config: Config) -> bool:
    """Tell whether unicast frames are IPv4 packets: because of connections, or of rules that look at their headers."""
    return config.workload.connections > 1 or config.switch.looks_behind_type


@dataclass(frozen=True)
class Stream:
    """Hold the frames that enter by one port: their targets, equally frequent, and their rate (None: by `load`)."""

    source: str
    targets: tuple[str, ...]
    rate_bps: int | Fraction | None = None

    @property
    def name(self) -> str:
        """Give its name for readers: `vf0 to vf1`, `vf0 to 3 ports`."""
        return f"{self.source} to {self.targets[0] if len(self.targets) == 1 else f'{len(self.targets)} ports'}"


def streams_of(config: Config, vms: Sequence[str]) -> Iterable[Stream]:
    """List the streams of the configured pattern, among the VFs in use of each port in turn.

    `vms`: all of them, by their names in the system, in port order.
    """
    if config.workload.pattern == "flows":
        return _flow_streams(config)
    if apart_ports(config) == ("",):
        return _pattern_streams(config, vms, UPLINK, config.workload.incast_to)
    return [
        stream
        for one in domains_of(config)
        for stream in _pattern_streams(config, one.vms, one.uplink, one.incast_target(config.workload.incast_to))
    ]


def _pattern_streams(config: Config, vms: Sequence[str], uplink: str, incast_to: str) -> list[Stream]:
    pattern, n = config.workload.pattern, len(vms)
    if pattern in GROUPS:
        return [Stream(vm, (pattern,)) for vm in vms]
    if pattern == "to_wire":
        return [Stream(vm, (uplink,)) for vm in vms]
    if pattern == "ring":
        return [Stream(vm, (vms[(at + 1) % n],)) for at, vm in enumerate(vms) if n > 1]
    if pattern == "incast":
        return [Stream(vm, (incast_to,)) for vm in vms if vm != incast_to]
    if pattern == "uniform":
        return [Stream(vm, (*vms[:at], *vms[at + 1 :])) for at, vm in enumerate(vms) if n > 1]
    return [Stream(vms[at], (vms[at ^ 1],)) for at in range(n - n % 2)]


def _flow_streams(config: Config) -> Iterable[Stream]:
    """Make one stream of each flow with a rate, and one of all flows without a rate from a port, in equal parts."""
    following: dict[str, list[str]] = {}
    for flow in config.workload.flows:
        rate_bps = config.workload.rate_bps_of(flow)
        source, target = own_uplinks(config, flow.source, flow.target)
        if rate_bps is None:
            following.setdefault(source, []).append(target)
        elif rate_bps:
            yield Stream(source, (target,), rate_bps)
    for source, targets in following.items():
        yield Stream(source, tuple(targets))
