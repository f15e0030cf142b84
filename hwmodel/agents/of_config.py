"""The agents of a configuration, each by what it does: by rules, as an end of VDP or LACP, to tell of others."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.agents.agent import Agent
from hwmodel.agents.announcer import Announcer
from hwmodel.agents.by_rules import RuleAgent
from hwmodel.agents.edge_end import Association
from hwmodel.agents.exporter import Exporter
from hwmodel.agents.lacp_end import lacp_end_of
from hwmodel.agents.vdp_bridge import VdpBridge
from hwmodel.agents.vdp_station import VdpStation
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.system import bridges_of, servers_of
from hwmodel.config.topology import Topology


def agents_of(config: Config) -> tuple[list[Agent], list[Association]]:
    """Return the agents of a configuration, and what becomes of associations, which they note as the run goes on."""
    notes: list[Association] = []
    found = [_agent_of(name, block, config, notes) for name, block in config.agents.items()]
    return [*found, *(_exporters(config) if config.tells_of_samples else ())], notes


def _exporters(config: Config) -> Iterator[Agent]:
    """Yield what tells collectors of samples of bridges."""
    named, servers = bridges_of(config), servers_of(config)
    topology = Topology([bridge.settings for bridge in named], ports_of(named, servers), servers, {})
    for number, (at, sampler) in enumerate(topology.samplers):
        yield Exporter(named[at].name, at, number, sampler, topology)


def _agent_of(name: str, block: AgentBlock, config: Config, notes: list[Association]) -> Agent:
    if block.vdp_station is not None:
        return VdpStation(name, block, config, notes)
    if block.vdp_bridge is not None:
        return VdpBridge(name, block, config, notes)
    if block.announcer is not None:
        return Announcer(name, block, config)
    if block.lacp is not None or block.lacp_partner is not None:
        return lacp_end_of(name, block, config)
    return RuleAgent(name, block)
