"""What agents have done in a run, for its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from hwmodel.agents import OwnFrame
from hwmodel.agents.edge_end import Association
from hwmodel.agents.live import LiveAgents
from hwmodel.results import Result
from hwmodel.results.agents import MOST_ACTIONS, AgentAction, AgentResult, AssociationResult
from hwmodel.units import FS_PER_NS
from hwmodel.wire.control_words import told
from hwmodel.wire.ethernet import format_mac


def with_agents(result: Result, live: LiveAgents | None, associations: Sequence[Association] = ()) -> Result:
    """Add to a result what its run's agents, if any, have done; of many things the first alone."""
    if live is None:
        return result
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
            send=one.message if isinstance(one.message, str) else "",
            to=one.to,
            frame=_told(one.frame, one.message),
        )
        for one in done[:MOST_ACTIONS]
    )
    asked = tuple(_association(one) for one in associations)
    return replace(result, agents=agents, agent_actions=actions, associations=asked)


def _told(frame: OwnFrame | None, payload: str | bytes) -> Mapping[str, Any]:
    """Return a frame that an agent has sent, by the keys that a file has for it, and what it says."""
    if frame is None:
        return {}
    to = frame.to if isinstance(frame.to, str) else format_mac(frame.to)
    n_bytes = frame.length_with(payload)
    sent = {"from": frame.sender, "to": to, "ethertype": f"0x{frame.ethertype:04x}", "frame_bytes": n_bytes}
    if isinstance(payload, str):
        return sent
    try:
        says = told(frame.ethertype, payload)
    except ValueError:  # of an agent in Python
        says = f"{len(payload)} bytes of type 0x{frame.ethertype:04x}"
    return sent | {"says": says, "hex": payload.hex()}


def _association(one: Association) -> AssociationResult:
    ready_ns, told_ns, ended_ns = (
        None if at_fs is None else at_fs / FS_PER_NS for at_fs in (one.ready_fs, one.told_fs, one.ended_fs)
    )
    return AssociationResult(
        vm=one.vm, port=one.port, vlan=one.vlan, asked_ns=one.asked_fs / FS_PER_NS, ready_ns=ready_ns, told_ns=told_ns,
        ended_ns=ended_ns, why=one.why,
    )  # fmt: skip
