"""What a person reads of the agents of a run: a row each, one line of all, the first things that they did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.results.agents import MOST_ACTIONS
from hwmodel.words.quantities import (
    MISSING,
    Line,
    counted,
    listed,
    percent_text,
    printable,
    table,
    time_text,
    value_text,
)

if TYPE_CHECKING:
    from hwmodel.results.agents import AgentAction, AgentResult, AssociationResult
    from hwmodel.results.result import Result

AGENT_COLUMNS = (
    "agent", "at", "handled", "seen", "heard", "frames", "timers", "keys set", "sent", "frames sent", "lost", "busy",
    "waiting at most",
)  # fmt: skip
AGENT_COUNTS = (  # those of them that are counts
    "handled", "saw", "heard", "frames_heard", "timers", "sets", "sent", "frames_sent", "lost",
)  # fmt: skip
AGENT_TEXT_COLUMNS = (0, 1)
ACTION_COLUMNS = ("time", "agent", "did")
MOST_TOLD, MOST_LISTED = 4, 50
ONLY, APART = "the server", "apart"


def agent_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of AGENT_COLUMNS for each agent."""
    return [
        (
            name,
            APART if one.server is None else one.server or ONLY,
            *(f"{getattr(one, count):,}" for count in AGENT_COUNTS),
            _busy(result, one),
            f"{one.most_waiting:,}",
        )
        for name, one in result.agents.items()
    ]


def _busy(result: Result, one: AgentResult) -> str:
    return percent_text(one.busy_ns / result.window.end_ns) if one.busy_ns else MISSING


def agent_lines(result: Result) -> Iterator[Line]:
    """Give a table of the agents, and one of the first things that they did."""
    yield Line("")
    yield from table(AGENT_COLUMNS, agent_rows(result), left_columns=AGENT_TEXT_COLUMNS)
    yield Line("")
    if result.associations:
        yield from (Line(association_sentence(result)), Line(""))
    if result.agent_actions:
        yield from table(ACTION_COLUMNS, action_rows(result), left_columns=range(len(ACTION_COLUMNS)))
        yield from map(Line, filter(None, (actions_note(result),)))
        yield Line("")


def agent_sentence(result: Result) -> str:
    """Say in one line what agents did, those with most to do first."""
    agents = sorted(result.agents.items(), key=lambda item: -item[1].handled)
    told = [f"{name} {_did(one)}" for name, one in agents[:MOST_TOLD]]
    if len(agents) > MOST_TOLD:
        told.append(
            f"{len(agents) - MOST_TOLD} more did {counted(sum(one.handled for _, one in agents[MOST_TOLD:]), 'thing')}"
        )
    return f"Agents, whole run: {'; '.join(told)}"


def _did(one: AgentResult) -> str:
    if not one.handled:
        return "had nothing to do"
    came = (
        (one.saw, "saw something", "time"), (one.heard, "heard", "message"), (one.frames_heard, "heard", "frame"),
        (one.timers, "woke", "time"),
    )  # fmt: skip
    words = [f"{what} {counted(n, unit)}" for n, what, unit in came if n]
    if one.sets:
        words.append(f"set keys {counted(one.sets, 'time')}")
    if one.sent:
        lost = f" ({one.lost:,} lost)" if one.lost else ""
        words.append(f"sent {counted(one.sent, 'message')}{lost}")
    if one.frames_sent:
        words.append(f"sent {counted(one.frames_sent, 'frame')}")
    return listed(words)


def association_sentence(result: Result) -> str:
    """Say in one line from when until when VMs had their VLANs at bridges' ports, by VDP."""
    told = list(map(_association, result.associations[:MOST_TOLD]))
    if len(result.associations) > MOST_TOLD:
        told.append(f"{len(result.associations) - MOST_TOLD} more are in the result")
    return f"VDP: {'; '.join(told)}"


def _association(one: AssociationResult) -> str:
    asked = f"{one.vm} asks at {time_text(one.asked_ns)} for VLAN {one.vlan} at port {one.port}"
    if one.ready_ns is None:
        return f"{asked}: {one.why or 'no answer by the end'}"
    ended = "" if one.ended_ns is None else f" until {time_text(one.ended_ns)}"
    return f"{asked}, and has it from {time_text(one.ready_ns)} on{ended}" + (f" ({one.why})" if one.why else "")


def action_rows(result: Result) -> list[tuple[str, str, str]]:
    """Return a row of ACTION_COLUMNS for each of the first things that agents did."""
    return [(time_text(one.at_ns), one.agent, action_text(one)) for one in result.agent_actions[:MOST_LISTED]]


def action_text(action: AgentAction) -> str:
    """Say what an agent did."""
    if "says" in action.frame:
        return "sends {says}, {frame_bytes} B, by {from}".format_map(action.frame)
    if action.frame:
        word = f" with {action.send}" if action.send else ""
        return "sends a frame of {frame_bytes} B, {ethertype}, from {from} to {to}".format_map(action.frame) + word
    if action.send:
        return f"sends {action.send} to {action.to}"
    return printable("sets " + ", ".join(f"{key}: {value_text(value)}" for key, value in action.set_.items()))


def actions_note(result: Result) -> str:
    """Say how many of the things that agents did are listed, if not all."""
    n_listed, n_held = min(MOST_LISTED, len(result.agent_actions)), len(result.agent_actions)
    if n_listed == n_held:
        return ""
    return f"The first {n_listed} are listed; the result holds {'the first ' * (n_held == MOST_ACTIONS)}{n_held:,}."
