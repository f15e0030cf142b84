"""Which addresses the bridges of a system know, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from hwmodel.analytic.bridge_entry import BridgeEntry
from hwmodel.analytic.bridge_rules import BridgeRules, Inside
from hwmodel.analytic.logical_ports import LogicalPort
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import Route

AtSender = Callable[[str, str], Route]  # from source to target: what the sender's adapter does


def learn(entry: BridgeEntry, at_sender: AtSender, flows: Iterable[tuple[str, str]] | None) -> None:
    """Fill in what each bridge knows.

    `flows`: (source, target) of all frames, which tell what addresses a bridge learns; None: it knows all.
    """
    every = {bridge.number for bridge in entry.bridges}
    controlling = {bridge.number for bridge in entry.bridges if bridge.settings.kind == "controlling"}
    _know_stations(entry, every if flows is None else controlling)
    if flows is None:
        _know_outside(entry, every)
    else:
        _hear(entry, at_sender, flows, every - controlling)


def _know_stations(entry: BridgeEntry, knowing: Collection[int]) -> None:
    """Let some bridges know all stations of the servers, in each VLAN that comes to them."""
    for part, server in enumerate(entry.system.servers if knowing else ()):
        for station in server.config.switch.ports:
            # Where two of its VLANs are one in the bridge the first counts, that of its untagged frames.
            for vlan in sorted(station.vlans, key=lambda vlan: vlan == station.port_vlan):
                entered = entry.entered(part, station, vlan)
                if entered is not None:
                    _know(entry, knowing, server.station(station.name), entry.bridge_at(part), *entered)


def _know_outside(entry: BridgeEntry, knowing: Collection[int]) -> None:
    at = entry.bridge_at(entry.system.outside)
    port = at.port_of(entry.system.outside)
    in_use = {vlan for bridge in entry.bridges for _, vlan in bridge.known}
    for vlan in range(1, 4095) if len(entry.bridges) == 1 else in_use:
        if port.carries(vlan):
            _know(entry, knowing, UPLINK, at, port, vlan)


def _hear(entry: BridgeEntry, at_sender: AtSender, flows: Iterable[tuple[str, str]], learning: Collection[int]) -> None:
    """Let bridges that learn know those who have announced themselves, and whose frames come to them.

    The first frame of each flow, in their order, finds known who has sent before it.
    """
    system, heard = entry.system, set[str]()
    announced = {bridge.number for bridge in entry.bridges if bridge.settings.announce}
    for part, server in enumerate(system.servers if announced else ()):
        for station in server.config.switch.ports:
            name = server.station(station.name)
            inside = entry.inside(name, UPLINK, Route((), True)) if station.enabled else None
            if inside is not None:
                _know(entry, announced & set(learning), name, entry.bridge_at(part), inside.port, inside.vlan)
                heard |= {name} if len(announced) == len(entry.bridges) else set()
    for source, target in flows:
        if source in heard:
            continue
        route = at_sender(source, target)
        inside = entry.inside(source, target, route) if route.to_wire else None
        if inside is not None:
            _follow(entry, entry.bridge_at(system.place(source)[0]), inside)
            # A VM sends all its frames with one VLAN, by one port; how far they come depends on the target.
            heard |= {source} - {UPLINK} if len(entry.bridges) == 1 else set()


def _follow(entry: BridgeEntry, bridge: BridgeRules, inside: Inside) -> None:
    """Let each bridge that learns know the source of a frame that comes to it."""
    if bridge.settings.kind == "learning":
        bridge.known[inside.source, inside.vlan] = inside.port
    number = bridge.entry(inside)
    if number is not None and bridge.settings.policy[number].action == "deny":
        return
    for port in bridge.ways(inside):
        if entry.system.trunk(port.part) is not None:
            other, there = entry.over(bridge, port, inside.vlan)
            if there is not None:
                _follow(entry, other, replace(inside, port=there[0], vlan=there[1]))


def _know(
    entry: BridgeEntry, knowing: Collection[int], name: str, bridge: BridgeRules, port: LogicalPort, vlan: int
) -> None:
    """Let the bridges of some numbers know who stands at a port, as far as a broadcast from there would come."""
    if bridge.number in knowing:
        bridge.known[name, vlan] = port
    for one in bridge.ports:
        if entry.system.trunk(one.part) is not None and one.part != port.part and one.carries(vlan):
            other, there = entry.over(bridge, one, vlan)
            if there is not None:
                _know(entry, knowing, name, other, *there)
