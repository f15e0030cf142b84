"""What agents did in a run: how much each handled, and the first of what they set and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ACTIONS = 1_000  # that a result holds


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """Say what an agent did from time 0 to the run's end.

    `handled`: things that came to it and were handled: what it `saw`, messages it `heard`, `timers`. `sent`: messages,
    of which `lost` never came. `sets`: how often it set keys. `busy_ns`: its work. `most_waiting`: things that waited
    for it at once, at most. `frames_heard`, `frames_sent`: of those handled, frames; and those that it sent.
    """

    server: str | None
    handled: int
    saw: int
    heard: int
    timers: int
    sent: int
    lost: int
    sets: int
    busy_ns: float
    most_waiting: int
    frames_heard: int = field(default=0, metadata={"omit_empty": True})
    frames_sent: int = field(default=0, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAction:
    """Hold one thing that an agent did: keys that it `set`, which hold from then on, or a message that it sent then.

    `at_fs`: the same time as `at_ns`, exactly. `frame`: it sent a frame then, from a function, to a VM or an
    address; `send` is the word that this carries, if any. Of a frame of LLDP or ECP it `says` in words what it has
    behind its EtherType, and what that is (`hex`).
    """

    at_ns: float
    at_fs: int
    agent: str
    set_: Mapping[str, Any] = field(default_factory=dict, metadata={"omit_empty": True, "verbatim": True})
    send: str = field(default="", metadata={"omit_empty": True})
    to: str = field(default="", metadata={"omit_empty": True})
    frame: Mapping[str, Any] = field(default_factory=dict, metadata={"omit_empty": True, "verbatim": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationResult:
    """Say what became of a VM's association by VDP at a bridge's port, from when until when that had its VLAN.

    `asked_ns`: when its station first asked; `told_ns`: when that knew that it is granted. Null: that has not been.
    `why`: how it ended, or why it never was; empty while it lasts.
    """

    vm: str
    port: str
    vlan: int
    asked_ns: float
    ready_ns: float | None
    told_ns: float | None
    ended_ns: float | None
    why: str
