"""The agents of a configuration, each by what it does: by rules, or as an end of VDP."""

from __future__ import annotations

from hwmodel.agents.agent import Agent
from hwmodel.agents.by_rules import RuleAgent
from hwmodel.agents.edge_end import Association
from hwmodel.agents.vdp_bridge import PortAtBridge, VdpBridge
from hwmodel.agents.vdp_station import VdpStation, vsi_of
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.check_agents import stations_of
from hwmodel.config.check_edge_agents import bridge_of, stations_at, vdp_ports, vlans_key
from hwmodel.config.system import bridges_of, servers_of
from hwmodel.config.vms import vms_of
from hwmodel.wire.ethernet import BRIDGE_MAC


def agents_of(config: Config) -> tuple[list[Agent], list[Association]]:
    """Return the agents of a configuration, and what becomes of associations, which they note as the run goes on."""
    notes: list[Association] = []
    return [_agent_of(name, block, config, notes) for name, block in config.agents.items()], notes


def _agent_of(name: str, block: AgentBlock, config: Config, notes: list[Association]) -> Agent:
    if block.vdp_station is not None:
        by = vms_of(servers_of(config))[block.vdp_station.by]
        relays = by.server.config.switch.at_port(by.port.port or "").mode == "vepa"
        return VdpStation(name, block, stations_of(config), by.wire, relays=relays, notes=notes)
    if block.vdp_bridge is not None:
        bridge = bridge_of(config, block.vdp_bridge)
        assert bridge is not None, "it has been checked"
        own = vdp_ports(config, block.vdp_bridge)
        return VdpBridge(name, block, bridge.name, [port for port in ports_at(config) if port.name in own], notes)
    return RuleAgent(name, block)


def ports_at(config: Config) -> list[PortAtBridge]:
    """Return the bridges' ports to servers, as agents at bridges know them."""
    stations, ends = stations_at(config), stations_of(config)
    found = []
    for port in ports_of(bridges_of(config), servers_of(config)):
        if port.server is None:
            continue
        vlans, station = port.owner.settings.ports[port.name].vlans, stations.get(port.name)
        said = [] if station is None else [vsi_of(vm, ends[name], "") for name, vm in station.vms.items()]
        found.append(PortAtBridge(
            port.name, BRIDGE_MAC + port.number, port.logical[0].is_hairpin, () if vlans == "all" else tuple(vlans),
            vlans_key(port.owner, port.name), [len(vsi.to_bytes()) for vsi in said],
        ))  # fmt: skip
    return found
