"""The ports of bridges and extenders, in order, with what is at each end of each wire.

A port carries logical ports: one for each S-channel, virtual interface (VIF, E-CID) or translated VLAN.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from hwmodel.rules.private_vlan import PROMISCUOUS
from hwmodel.rules.switch_modes import DEFAULT_S_VID, MODES, ChannelKind, ModeName

from .bridge import BRIDGE, OUTSIDE, BridgePort, s_channels_of
from .names import UPLINK
from .switch import Port, Switch
from .system import NamedBridge, Server

ALL_VLANS = range(1, 4095)


@dataclass(frozen=True)
class LogicalPort:
    """Hold one logical port; `interface` is its S-VID, VIF or E-CID, None where its frames have no outer tag.

    `port`: the bridge's own port that leads to it, directly or over extenders. `server`, `adapter_port`, `station`: the
    numbers of an interface's server, of the adapter's port, and of the station's port at the switch there. `wire_vlan`:
    the VLAN on the wire that is translated to the single VLAN in `vlans`; None without translation.
    """

    number: int
    port: int
    name: str
    interface: int | None
    is_hairpin: bool
    native_vlan: int | None
    vlans: Collection[int]
    untagged: Collection[int]
    wire_vlan: int | None = None
    server: int | None = None
    adapter_port: int = 0
    station: int = 0
    pvlan: int = PROMISCUOUS

    @property
    def s_vid(self) -> int:
        """Return the VLAN of its S-channel."""
        return self.interface or DEFAULT_S_VID


@dataclass
class PhysicalPort:
    """Hold one physical port; `server` is the number of the server at its other end, None where there is none.

    `adapter_port`, `switch`: the number of the adapter's port at its other end, and its switch. `owner`, `bridge`: the
    bridge to which the port belongs, directly or through an extender, and its number. `device`, `box`: name and
    number of the bridge or extender that the port is on; bridges are numbered first. `root`: the bridge's own port that
    leads to this one. `joined`: the number of the bridge or extender port at its other end, None if there is none;
    `to`: that port's name if it is another bridge's. `below`: the ports to adapters reached downwards through it;
    `logical`: their logical ports. `groups`: the logical port that counts frames sent to lists of interfaces.
    """

    number: int
    name: str
    rate_bps: int
    propagation_fs: int
    server: int | None
    root: int
    owner: NamedBridge
    bridge: int
    device: str
    box: int
    joined: int | None = None
    to: str = ""
    below: tuple[int, ...] = ()
    mode: ModeName = "veb"
    logical: list[LogicalPort] = field(default_factory=list)
    taken_lists: Collection[int] = ()
    groups: LogicalPort | None = None
    is_scheduled: bool = False
    adapter_port: int = 0
    switch: Switch | None = None

    @property
    def tells_logical(self) -> bool:
        """Tell whether results list its logical ports: they are interfaces, translated VLANs, or have queues."""
        if self.has_interfaces:
            return not self.is_of_extender
        return self.is_scheduled or any(logical.wire_vlan is not None for logical in self.logical)

    @property
    def is_of_extender(self) -> bool:
        """Tell whether it is an extender's, and not the bridge's own."""
        return self.device != self.owner.name

    @property
    def shares_buffer(self) -> bool:
        """Tell whether all ports of its bridge or extender have one buffer."""
        settings = self.owner.settings
        return (settings.extenders[self.device] if self.is_of_extender else settings).sharing == "all"

    @property
    def resource(self) -> str:
        """Return what it is called as a resource."""
        return f"{self.owner.name}.{self.name}"

    @property
    def wire(self) -> str:
        """Return what its wire is called in the whole system: two bridges may each have a port of one name."""
        return self.resource if self.to else self.name

    @property
    def has_interfaces(self) -> bool:
        """Tell whether stations behind this port have virtual interfaces of their own."""
        return MODES[self.mode].has_interfaces

    @property
    def key(self) -> str:
        """Return the key of the configuration that has the rate of its wire, without `.rate`."""
        if self.joined is None or self.to:
            return f"{self.owner.key}.ports.{self.name}"
        return f"{self.owner.key}.extenders.{self.name.removesuffix(f'.{UPLINK}')}"

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        whose = f"the extender {self.device}" if self.is_of_extender else self.owner.words
        text = f"the uplink of extender {self.device}" if self.is_uplink else f"{whose}'s port {self.name}"
        return text[0].upper() + text[1:]

    @property
    def is_uplink(self) -> bool:
        """Tell whether it is an extender's uplink, that is, leads upwards to the bridge."""
        return self.joined is not None and not self.below and not self.to


def logical_ports(
    port: PhysicalPort, switch: Switch, settings: BridgePort, named: Callable[[str], str], numbers: Iterator[int]
) -> Iterator[LogicalPort]:
    """Yield the logical ports of a port to an adapter, numbered from `numbers`; `named`: what stations are called."""
    hairpin, native = settings.hairpin, settings.native_vlan
    mode = MODES[switch.mode]
    if mode.has_interfaces:
        for station in switch.ports:
            if not station.enabled:
                continue
            yield LogicalPort(
                next(numbers), port.root, named(station.name), mode.interface_of(station), False,
                station.port_vlan, station.vlans, station.untagged, None, port.server, port.adapter_port,
                station.number, station.pvlan,
            )  # fmt: skip
        return
    carried = ALL_VLANS if settings.vlans == "all" else settings.vlans
    vlans = [vlan for vlan in carried if vlan not in settings.translate] if settings.translate else carried
    untagged = [] if native is None else [native]
    channels: dict[int | None, ChannelKind | None] = {None: mode.kind}
    if mode.has_channels:
        channels = {None if vid == DEFAULT_S_VID else vid: kind for vid, kind in s_channels_of(switch).items()}
    for interface, kind in channels.items():
        name = f"{port.name}.{interface or DEFAULT_S_VID}" if mode.has_channels else port.name
        is_hairpin = kind == "vepa" if hairpin is None else hairpin
        yield LogicalPort(
            next(numbers), port.root, name, interface, is_hairpin, native, vlans, untagged, pvlan=settings.pvlan
        )  # fmt: skip
    for wire_vlan, vlan in sorted(settings.translate.items()):
        yield LogicalPort(
            next(numbers), port.root, f"{port.name}.vlan{wire_vlan}", None, is_hairpin, native,
            [vlan], [vlan] if wire_vlan == native else [], wire_vlan, pvlan=settings.pvlan,
        )  # fmt: skip


def place_of(station: Port, vlan: int, port: PhysicalPort) -> tuple[LogicalPort, int] | None:
    """Return the logical port of a station in one of its VLANs, and that VLAN's number inside the bridge."""
    return _taken_in(port, MODES[port.mode].interface_of(station), vlan)


def comes_in(port: PhysicalPort, vid: int) -> tuple[LogicalPort, int] | None:
    """Return, for a frame without an outer tag and with a VID, its logical port and its VLAN inside the bridge.

    0 stands for no VID, and for no VLAN.
    """
    return _taken_in(port, None, vid)


def _taken_in(port: PhysicalPort, interface: int | None, vid: int) -> tuple[LogicalPort, int] | None:
    found = None
    for each in port.logical:
        if each.interface != interface:
            continue
        vlan = vid or each.native_vlan or 0
        if each.wire_vlan is None:
            found = each, vlan
        elif each.wire_vlan == vlan:
            return each, next(iter(each.vlans))
    return found


def ports_of(bridges: Sequence[NamedBridge], servers: Sequence[Server]) -> list[PhysicalPort]:
    """Return the ports of all bridges and extenders with their logical ports.

    In order: the ports to each port of each server, the port to the outside, the two ends of each wire between bridges,
    then the upper and the lower end of each extender's uplink.
    """
    boxes = {name: at for at, name in enumerate(_boxes_of(bridges))}
    roots = _roots(bridges, [wire for server in servers for wire in server.wires])
    found: list[PhysicalPort] = []
    numbers = count()
    for index, server in enumerate(servers):
        for adapter_port, wire in enumerate(server.wires):
            at, settings = _port_of(bridges, wire)
            device = bridges[at].name if settings.behind == BRIDGE else settings.behind
            switch = server.switch_at(wire)
            port = PhysicalPort(
                len(found), wire, settings.rate_bps, bridges[at].propagation_fs(wire), index, roots[wire],
                bridges[at], at, device, boxes[device], below=(len(found),), mode=switch.mode,
                adapter_port=adapter_port, switch=switch,
            )  # fmt: skip
            port.is_scheduled = bool(settings.s_channels)
            port.taken_lists = set(switch.vif_lists) | {entry.ecid for entry in switch.ecid_lists}
            port.logical = list(logical_ports(port, switch, settings, server.station, numbers))
            found.append(port)
    n_wires = len(found)
    found.append(_plain_port(bridges, _port_of(bridges, OUTSIDE)[0], OUTSIDE, len(found), next(numbers)))
    for end, other in _wires(bridges):
        number = len(found)
        for at, (own, far) in enumerate(((end, other), (other, end))):
            port = _plain_port(bridges, *own, number + at, next(numbers))
            port.joined, port.to = number + 1 - at, f"{bridges[far[0]].name}.{far[1]}"
            found.append(port)
    for at, bridge in enumerate(bridges):
        for name in bridge.settings.extenders:
            found += _uplink(bridge, at, name, len(found), boxes, found[:n_wires])
    return found


def _boxes_of(bridges: Sequence[NamedBridge]) -> Iterator[str]:
    """Name all bridges, then all extenders."""
    yield from (bridge.name for bridge in bridges)
    for bridge in bridges:
        yield from bridge.settings.extenders


def _port_of(bridges: Sequence[NamedBridge], name: str) -> tuple[int, BridgePort]:
    """Return the number of the bridge that has a port to an adapter or outside, and that port's settings."""
    return next((at, one.settings.ports[name]) for at, one in enumerate(bridges) if name in one.settings.ports)


def _wires(bridges: Sequence[NamedBridge]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """Return each wire between bridges once, as two ends (bridge number, port name), in the configuration's order."""
    numbers = {bridge.name: at for at, bridge in enumerate(bridges)}
    found: list[tuple[tuple[int, str], tuple[int, str]]] = []
    for at, bridge in enumerate(bridges):
        for name, port in bridge.wires.items():
            assert port.to is not None
            far_bridge, _, far_name = port.to.partition(".")
            if ((numbers[far_bridge], far_name), (at, name)) not in found:
                found.append(((at, name), (numbers[far_bridge], far_name)))
    return found


def _roots(bridges: Sequence[NamedBridge], to_servers: Sequence[str]) -> dict[str, int]:
    """Return for each port to an adapter its bridge's own port that leads to it."""
    first = len(to_servers) + 1 + 2 * len(_wires(bridges))
    names = [name for bridge in bridges for name in bridge.settings.extenders]
    uppers = {name: first + 2 * at for at, name in enumerate(names)}
    above = {name: bridges[_port_of(bridges, name)[0]].settings.above(name) for name in to_servers}
    return {name: uppers[way[-1]] if way else at for at, (name, way) in enumerate(above.items())}


def _plain_port(bridges: Sequence[NamedBridge], at: int, name: str, number: int, logical_number: int) -> PhysicalPort:
    """Return a port that is one logical port without outer tags: to the stations outside, or to another bridge."""
    bridge = bridges[at]
    settings = bridge.settings.ports[name]
    port = PhysicalPort(
        number, name, settings.rate_bps, bridge.propagation_fs(name), None, number, bridge, at, bridge.name, at
    )  # fmt: skip
    vlans = ALL_VLANS if settings.vlans == "all" else settings.vlans
    native = [] if settings.native_vlan is None else [settings.native_vlan]
    port.logical = [
        LogicalPort(
            logical_number, number, name, None, False, settings.native_vlan, vlans, native, pvlan=settings.pvlan
        )
    ]
    return port


def _uplink(
    bridge: NamedBridge,
    at: int,
    name: str,
    number: int,
    boxes: Mapping[str, int],
    to_servers: Sequence[PhysicalPort],
) -> tuple[PhysicalPort, PhysicalPort]:
    """Return both ends of an extender's uplink, the upper first; the upper end is named after the extender."""
    settings = bridge.settings
    extender = settings.extenders[name]
    below = [port for port in to_servers if port.bridge == at and name in (settings.above(port.name) or ())]
    device = bridge.name if extender.behind == BRIDGE else extender.behind
    upper = PhysicalPort(
        number, name, extender.rate_bps, settings.propagation_fs, None, below[0].root, bridge, at, device,
        boxes[device], number + 1,
        below=tuple(port.number for port in below), mode=below[0].mode,
        logical=[logical for port in below for logical in port.logical],
        taken_lists={taken for port in below for taken in port.taken_lists},
    )  # fmt: skip
    lower = PhysicalPort(
        number + 1, f"{name}.{UPLINK}", extender.rate_bps, settings.propagation_fs, None, upper.root, bridge, at, name,
        boxes[name], number, mode=upper.mode,
    )  # fmt: skip
    return upper, lower
