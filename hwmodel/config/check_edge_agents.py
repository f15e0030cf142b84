"""Check the agents that speak VDP: whether a station has a bridge, and a bridge ports at which it can grant VLANs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hwmodel.rules.switch_modes import MODES

from .agents import ROLES, AgentBlock
from .bridge import OUTSIDE
from .bridge_ports import ports_of
from .document import KeyPath
from .edge_agents import VdpBridge, VdpStation
from .kinds import suggest
from .live_configuration import Setting
from .model import Config
from .system import NamedBridge, bridge_with, bridges_of, servers_of
from .vms import Vm, vms_of


class Wrong(NamedTuple):
    """Say what is wrong: the path of the value, why, and whether its key is to blame."""

    path: KeyPath
    message: str
    is_key: bool = False


def bridge_of(config: Config, block: VdpBridge) -> NamedBridge | None:
    """Return the bridge at which an agent is, None where there is none of that name, or several to choose from."""
    bridges = bridges_of(config)
    if block.of is None:
        return bridges[0] if len(bridges) == 1 else None
    return next((bridge for bridge in bridges if bridge.name == block.of), None)


def ports_to_servers(config: Config, bridge: str) -> dict[str, int]:
    """Return a bridge's ports to servers whose frames have no outer tag, by name, with their numbers."""
    ports = ports_of(bridges_of(config), servers_of(config))
    return {
        port.name: port.number
        for port in ports
        if port.owner.name == bridge and port.server is not None and MODES[port.mode].tag is None
    }


def vdp_ports(config: Config, block: VdpBridge) -> tuple[str, ...]:
    """Return the ports at which a bridge grants VLANs."""
    bridge = bridge_of(config, block)
    if block.ports is not None or bridge is None:
        return block.ports or ()
    own = bridge.settings.ports
    return tuple(name for name in ports_to_servers(config, bridge.name) if own[name].vlans != "all")


def stations_at(config: Config) -> Mapping[str, VdpStation]:
    """Return the stations that speak VDP, by the names of the bridges' ports to them; of several at one the first."""
    vms = vms_of(servers_of(config))
    found: dict[str, VdpStation] = {}
    for agent in config.agents.values():
        if agent.vdp_station is not None and (vm := vms.get(agent.vdp_station.by)) is not None:
            found.setdefault(vm.wire, agent.vdp_station)
    return found


def vlans_key(bridge: NamedBridge, port: str) -> str:
    """Return the key that says which VLANs a port carries."""
    return f"{bridge.key}.ports.{port}.vlans"


def vdp_settings(config: Config) -> Iterator[Setting]:
    """Yield what each bridge may grant at most: all VLANs of all VMs of the station at a port."""
    stations = stations_at(config)
    for name, agent in config.agents.items():
        bridge = None if agent.vdp_bridge is None else bridge_of(config, agent.vdp_bridge)
        if bridge is None or agent.vdp_bridge is None:
            continue
        for port in vdp_ports(config, agent.vdp_bridge):
            if port in stations:
                own = bridge.settings.ports[port].vlans
                granted = {vm.vlan for vm in stations[port].vms.values()} | set(() if own == "all" else own)
                yield Setting(name, (), {vlans_key(bridge, port): sorted(granted)})


def wrong_role(path: KeyPath, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with an agent that has a part in place of rules, as one that speaks VDP has."""
    roles = [role for role in ROLES if getattr(agent, role) is not None]
    if len(roles) > 1 or agent.rules is not None:
        own = roles[0] if agent.rules is None else "rules"
        yield Wrong((*path, own), f"an agent has rules, or one of {' and '.join(ROLES)}; leave one of them out", True)
    elif agent.vdp_station is not None:
        yield from _wrong_station((*path, "vdp_station"), agent, agent.vdp_station, config)
    elif agent.vdp_bridge is not None:
        for name in ("server", "apart", "core"):
            if getattr(agent, name) is not None:
                yield Wrong((*path, name), "an agent with vdp_bridge is at a bridge, and at no server", True)
        yield from _wrong_bridge((*path, "vdp_bridge"), agent.vdp_bridge, config)


def _wrong_station(path: KeyPath, agent: AgentBlock, block: VdpStation, config: Config) -> Iterator[Wrong]:
    vms = vms_of(servers_of(config))
    own = {name: vm for name, vm in vms.items() if vm.server.name == (agent.server or "")}
    if block.by not in own:
        yield Wrong(
            (*path, "by"), f"there is no {block.by} at its server{suggest(block.by, own)}, by which alone it speaks"
        )
        return
    here = own[block.by]
    yield from (Wrong((*path, "by"), message) for message in _why_not_by(here, config))
    others = [one for name, one in config.agents.items() if name != path[1] and one.vdp_station is not None]
    if any(other.vdp_station and other.vdp_station.by == block.by for other in others):
        yield Wrong((*path, "by"), "another agent speaks VDP by it")
    for name, vm in block.vms.items():
        if name not in own:
            yield Wrong((*path, "vms", name), f"there is no {name} at its server{suggest(name, own)}", True)
        elif own[name].wire != here.wire:
            yield Wrong((*path, "vms", name), f"it is at another port of the adapter than {block.by}", True)
        elif not own[name].port.macs:
            yield Wrong((*path, "vms", name), "it has no MAC address to be known by", True)
        if all(time_fs is None for time_fs in vm.times_fs):
            yield Wrong((*path, "vms", name), "nothing is asked for it; say when, like associate: 1ms")


def _why_not_by(vm: Vm, config: Config) -> Iterator[str]:
    """Yield why frames of control cannot go by a function."""
    switch, bridge = vm.server.config.switch.at_port(vm.port.port or ""), bridge_with(config, vm.wire)
    if not vm.port.trusted:
        yield "the adapter takes no frames of control from a function that is not trusted, and gives it none"
    if MODES[switch.mode].tag is not None:
        yield f"in mode {switch.mode} frames have an outer tag; VDP is modelled in the modes veb and vepa"
    if vm.port.port_vlan != switch.uplink.native_vlan:
        yield f"its frames leave in VLAN {vm.port.port_vlan}; frames of control go in the uplink's native VLAN"
    if bridge is None:
        yield "there is no bridge at the other end of its wire to speak to; write `bridge: {}`"
    elif (own := bridge.settings.ports[vm.wire]).vlans != "all" and own.native_vlan not in own.vlans:
        yield f"{bridge.key}.ports.{vm.wire}.vlans lacks its native VLAN, in which frames of control come"


def _wrong_bridge(path: KeyPath, block: VdpBridge, config: Config) -> Iterator[Wrong]:
    bridges: Sequence[str] = [bridge.name for bridge in bridges_of(config)]
    bridge = bridge_of(config, block)
    if bridge is None:
        known = f"there are {', '.join(bridges)}" if bridges else "there is none; write `bridge: {}`"
        which = "say `of`, at which bridge it is" if block.of is None else f"there is no bridge {block.of}"
        yield Wrong(path if block.of is None else (*path, "of"), f"{which}; {known}")
        return
    at_servers = ports_to_servers(config, bridge.name)
    named = block.ports is not None
    for name in vdp_ports(config, block):
        here = (*path, "ports") if named else path
        if name not in at_servers:
            yield Wrong(
                here, f"{bridge.words} has no port {name} to an adapter in mode veb or vepa{suggest(name, at_servers)}"
            )
        elif bridge.settings.ports[name].vlans == "all":
            yield Wrong(here, f"{vlans_key(bridge, name)} is all: there is nothing to grant; write a list, like [1]")
    if not vdp_ports(config, block):
        some = next((name for name in at_servers if name != OUTSIDE), "a")
        yield Wrong(path, f"it has no port to grant VLANs at; write {vlans_key(bridge, some)} as a list, like [1]")
    for name, other in config.agents.items():
        if name != path[1] and other.vdp_bridge is not None and bridge_of(config, other.vdp_bridge) == bridge:
            both = [port for port in vdp_ports(config, other.vdp_bridge) if port in vdp_ports(config, block)]
            yield from (Wrong(path, f"{name} grants VLANs at port {port}, too") for port in both)
