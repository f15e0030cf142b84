"""Why no frame of a flow arrives although nothing is full: the first place on its way that is not in its VLAN.

The way is that of frames as the workload makes them: untagged from a VM, in its `port_vlan`; from outside in the VLAN
of the station that they are for. Adapters whose frames have an outer tag (S-channels, virtual interfaces) are left out:
there the bridge knows a station by its tag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hwmodel.config import Config, NamedBridge, Server, Vm, bridge_with, bridges_of, servers_of, vms_of
from hwmodel.config.bridge import OUTSIDE, BridgePort, JoinedPort
from hwmodel.config.names import is_uplink
from hwmodel.config.system import bridge_beyond
from hwmodel.results import Result
from hwmodel.rules.switch_modes import MODES
from hwmodel.words import warnings as words

Vlans = Sequence[int] | str  # "all", or those that something carries


class Barrier(NamedTuple):
    """Hold what a flow's frames do not pass: the key whose value lacks their VLAN, by its number there."""

    key: str
    vlan: int


def vlan_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield a warning for each key that keeps frames of their VLAN from the stations that they are for, with flows."""
    found: dict[Barrier, list[tuple[str, str]]] = {}
    for flow, barrier in barred_flows(config, result).items():
        found.setdefault(barrier, []).append(flow)
    offered = {(flow.from_, flow.to): flow.offered for flow in result.flows}
    for barrier, flows in found.items():
        flows.sort(key=lambda flow: -offered[flow])
        yield words.vlan_not_carried(flows, sum(offered[flow] for flow in flows), barrier.key, barrier.vlan)


def barred_flows(config: Config, result: Result) -> dict[tuple[str, str], Barrier]:
    """Return the flows of which no frame arrived for want of a VLAN on their way, each with where it ends.

    Empty for a capture, whose frames have tags of their own, and where an event or an agent may have changed a VLAN.
    """
    changes = (str(event.model_dump(exclude_unset=True)) for event in (*config.scenario, *config.agents.values()))
    if config.workload.pcap is not None or any("vlan" in change for change in changes):
        return {}
    stations = _stations(config)
    none_came = [(flow.from_, flow.to) for flow in result.flows if flow.offered and not flow.delivered]
    found = ((flow, _barrier(config, stations, *flow)) for flow in none_came)
    return {flow: barrier for flow, barrier in found if barrier is not None}


def _stations(config: Config) -> dict[str, Vm]:
    return {
        name: vm
        for name, vm in vms_of(servers_of(config)).items()
        for mode in [MODES[vm.server.config.switch.mode]]
        if not (mode.has_channels or mode.has_interfaces)
    }


def _barrier(config: Config, stations: dict[str, Vm], source: str, target: str) -> Barrier | None:
    """Return where frames from a station (or from outside) to another (or outside) end for want of their VLAN."""
    ends = [None if is_uplink(name) else stations.get(name) for name in (source, target)]
    if any(one is None and not is_uplink(name) for one, name in zip(ends, (source, target), strict=True)):
        return None  # a group, an unknown address, or an adapter of another kind
    sender, receiver = ends
    first = sender or receiver
    assert first is not None
    vlan = first.port.port_vlan
    if sender is not None:
        if vlan not in sender.port.vlans:
            return Barrier(sender.key("vlans"), vlan)
        is_inside = sender.port.loopback and forwards_itself(config, sender.server, sender.wire)
        if is_inside and receiver is not None and receiver.wire == sender.wire:
            return None if vlan in receiver.port.vlans else Barrier(receiver.key("vlans"), vlan)
        if not _has(sender.server.switch_at(sender.wire).uplink.vlans, vlan):
            return Barrier(sender.server.key("switch.uplink.vlans"), vlan)
    bridges = bridges_of(config)
    if not bridges:
        return None if receiver is None else _at_adapter(receiver, [vlan])
    return _over_bridges(config, bridges, sender, receiver, vlan)


def forwards_itself(config: Config, part: Server, wire: str) -> bool:
    """Tell whether the switch at a wire forwards between its own stations: a VEB whose VLANs no bridge translates."""
    bridge = bridge_with(config, wire)
    translates = bridge is not None and bool(bridge.settings.ports[wire].translate)
    return MODES[part.config.switch.mode].kind == "veb" and not translates


def _over_bridges(
    config: Config, bridges: Sequence[NamedBridge], sender: Vm | None, receiver: Vm | None, vlan: int
) -> Barrier | None:
    """Follow a frame from the port by which it comes to a bridge to that by which it is to leave the last one."""
    enters, leaves = (OUTSIDE if one is None else one.wire for one in (sender, receiver))
    here, last = bridge_with(config, enters), bridge_with(config, leaves)
    if here is None or last is None:
        return None
    port = here.settings.ports[enters]
    is_bare = vlan == (port.native_vlan if sender is None else sender.server.switch_at(sender.wire).uplink.native_vlan)
    on_wire = port.native_vlan if is_bare else vlan
    if on_wire is None:
        return Barrier(f"{here.key}.ports.{enters}.native_vlan", vlan)
    if not _has(port.vlans, on_wire):
        return Barrier(f"{here.key}.ports.{enters}.vlans", on_wire)
    inside = port.translate.get(on_wire, on_wire)
    for bridge, name, own in _way(bridges, here, last):
        beyond = bridge_beyond(bridges, own)
        other = str(own.to).partition(".")[2]
        if not _has(own.vlans, inside):
            return Barrier(f"{bridge.key}.ports.{name}.vlans", inside)
        there = beyond.settings.ports[other]
        come = there.native_vlan if inside == own.native_vlan else inside
        if come is None or not _has(there.vlans, come):
            return Barrier(f"{beyond.key}.ports.{other}.{'vlans' if come else 'native_vlan'}", come or inside)
        inside = come
    out = last.settings.ports[leaves]
    wired = list(_numbers_on_wire(out, inside))
    if not wired:
        return Barrier(f"{last.key}.ports.{leaves}.vlans", inside)
    return None if receiver is None else _at_adapter(receiver, wired, bare=out.native_vlan)


def _numbers_on_wire(port: BridgePort, vlan: int) -> Iterator[int]:
    """Yield the numbers that a VLAN of the bridge has on a port's wire; none where the port does not carry it."""
    if _has(port.vlans, vlan) and vlan not in port.translate:
        yield vlan
    yield from (number for number, inside in port.translate.items() if inside == vlan)


def _at_adapter(receiver: Vm, wired: Sequence[int], bare: int | None = None) -> Barrier | None:
    """Return where frames that come to a station's adapter end; `bare`: the VLAN whose frames come untagged."""
    uplink = receiver.server.switch_at(receiver.wire).uplink
    come = [uplink.native_vlan if number == bare else number for number in wired]
    carried = [vlan for vlan in come if vlan is not None and _has(uplink.vlans, vlan)]
    if not carried:
        return Barrier(receiver.server.key("switch.uplink.vlans"), wired[0])
    return None if any(vlan in receiver.port.vlans for vlan in carried) else Barrier(receiver.key("vlans"), carried[0])


def _way(
    bridges: Sequence[NamedBridge], start: NamedBridge, end: NamedBridge
) -> list[tuple[NamedBridge, str, JoinedPort]]:
    """Return the ports by which a frame leaves bridge after bridge on the one way between two, which form a tree."""
    ways: dict[str, list[tuple[NamedBridge, str, JoinedPort]]] = {start.name: []}
    open_ends = [start]
    while end.name not in ways and open_ends:
        bridge = open_ends.pop()
        for name, port in bridge.wires.items():
            beyond = bridge_beyond(bridges, port)
            if beyond.name not in ways:
                ways[beyond.name] = [*ways[bridge.name], (bridge, name, port)]
                open_ends.append(beyond)
    return ways.get(end.name, [])


def _has(vlans: Vlans, vlan: int) -> bool:
    return vlans == "all" or vlan in vlans
