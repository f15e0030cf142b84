"""The agents of a configuration, each by what it does: by rules, or as an end of VDP."""

from __future__ import annotations

from hwmodel.agents.agent import Agent
from hwmodel.agents.by_rules import RuleAgent
from hwmodel.agents.edge_end import Association
from hwmodel.agents.vdp_bridge import VdpBridge
from hwmodel.agents.vdp_station import VdpStation
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock


def agents_of(config: Config) -> tuple[list[Agent], list[Association]]:
    """Return the agents of a configuration, and what becomes of associations, which they note as the run goes on."""
    notes: list[Association] = []
    return [_agent_of(name, block, config, notes) for name, block in config.agents.items()], notes


def _agent_of(name: str, block: AgentBlock, config: Config, notes: list[Association]) -> Agent:
    if block.vdp_station is not None:
        return VdpStation(name, block, config, notes)
    if block.vdp_bridge is not None:
        return VdpBridge(name, block, config, notes)
    return RuleAgent(name, block)
