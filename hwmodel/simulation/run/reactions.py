"""What agents have done in a run, for its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from hwmodel.agents import OwnFrame
from hwmodel.agents.live import LiveAgents
from hwmodel.results import Result
from hwmodel.results.agents import MOST_ACTIONS, AgentAction, AgentResult
from hwmodel.units import FS_PER_NS
from hwmodel.wire.ethernet import format_mac


def with_agents(result: Result, live: LiveAgents) -> Result:
    """Add to a result what its run's agents have done; of many things the first alone."""
    end_fs = round(result.window.end_ns * FS_PER_NS)
    agents = {}
    for name, agent, counts in live.told(end_fs):
        own = asdict(counts)
        busy_ns = own.pop("busy_fs") / FS_PER_NS
        agents[name] = AgentResult(server=None if agent.apart else agent.server, busy_ns=busy_ns, **own)
    done = sorted((one for one in live.actions if one.at_fs <= end_fs), key=lambda one: one.at_fs)
    actions = tuple(
        AgentAction(
            at_ns=one.at_fs / FS_PER_NS,
            at_fs=one.at_fs,
            agent=one.agent,
            set_=one.changes,
            send=one.message,
            to=one.to,
            frame=_told(one.frame),
        )
        for one in done[:MOST_ACTIONS]
    )
    return replace(result, agents=agents, agent_actions=actions)


def _told(frame: OwnFrame | None) -> Mapping[str, Any]:
    """Return a frame that an agent has sent, by the keys that a file has for it."""
    if frame is None:
        return {}
    to = frame.to if isinstance(frame.to, str) else format_mac(frame.to)
    return {"from": frame.sender, "to": to, "ethertype": f"0x{frame.ethertype:04x}", "frame_bytes": frame.frame_bytes}
