"""An agent: somebody who decides about the machine while it runs, and what he may see and do on his turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from hwmodel.config.agents import HeardFrame, OwnFrame
from hwmodel.config.condition import Condition
from hwmodel.config.live_configuration import Setting
from hwmodel.wire.samples import Counters, Sample


class Seen(NamedTuple):
    """Say which of an agent's watches has come true."""

    watch: int


class Message(NamedTuple):
    """Hold what an agent has said to another."""

    text: str
    sender: str


class Timer(NamedTuple):
    """Say which of an agent's timers has run out."""

    name: Any


class Frame(NamedTuple):
    """Hold a frame that was delivered to a function of an agent's server, as a driver there sees it.

    `listener`: the number that `hear` has given. `receiver`: the function. Addresses are as 02:00:00:00:00:02.
    `vlan`, `priority`: of its C-TAG, None without one; `ethertype`: behind that, None of a runt. `frame_bytes` counts
    the FCS. `message`: the word of a frame that an agent has sent, or the bytes that it has behind its EtherType. At a
    bridge `receiver` is the port by which it has come.
    """

    listener: int
    at_fs: int
    receiver: str
    destination: str
    sender: str
    ethertype: int | None
    vlan: int | None
    priority: int | None
    frame_bytes: int
    message: str | bytes = ""


Thing = Seen | Message | Timer | Frame
"""What comes to an agent."""


class Turn(Protocol):
    """What an agent may see and do as it handles one thing: it sees what there is then, and does it behind its work."""

    @property
    def now_fs(self) -> int:
        """Return the time from which the agent's work on it counts, from the run's first instant."""

    def read(self, of: str, figure: str) -> int:
        """Return a figure of the agent's own server, since time 0, in the units of its count (docs/scenario.md)."""

    def set(self, changes: Mapping[str, Any] | Setting) -> None:
        """Give keys of the configuration other values; raises InputError for what may not change in operation."""

    def send(self, to: str, message: str) -> None:
        """Send a message to another agent."""

    def send_frame(self, frame: OwnFrame, message: str | bytes = "") -> None:
        """Send one of the agent's `frames` by a function of its server, or a port of its bridge.

        It carries a word to agents that hear it, or bytes behind its EtherType.
        """

    def sampled(self, number: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a sampler of the agent's bridge has sampled since it was asked, and the counters of its port."""

    def wake(self, after_fs: int, name: Any = None) -> None:
        """Have a timer run out so long after this turn's work."""

    def watch(self, condition: Condition | None = None, *, each: int | None = None, **keys: Any) -> int:
        """Watch a figure of the agent's own server from the end of this turn on; return the watch's number.

        A condition, or its keys as in a file (docs/scenario.md), `figure`, `of`, `above`, ...; with `each` in place of
        `above` the watch comes as a count has grown by so many, and by as many again.
        """

    def hear(self, frame: HeardFrame | None = None, **keys: Any) -> int:
        """Listen for frames to a function of the agent's server from the end of this turn on; return a number.

        Keys as in a file: `to`, `ethertype`, `destination`, `from` (docs/agents.md).
        """


class Agent:
    """Decide about the machine while it runs; subclasses say what they do as something comes to them.

    `server`: where it is, empty for the only one of a file that lists none, or a bridge; `apart`: at none of them.
    `work_fs`: how long it is busy with each thing. `core`: the function on whose core it then works, for which it
    waits; empty: one of its own. `sets_load`: whether it may set keys of `workload`. `frames`: those that it may send.
    `latency_fs`: what messages to it take at least. `reaches`: whether it sees and sets things of all servers, by
    connections of its own. `unlisted`: messages that results count, and do not list.
    """

    latency_fs = 0
    reaches = False
    unlisted: frozenset[str] = frozenset()

    def __init__(
        self, name: str, server: str = "", *, apart: bool = False, work_fs: int = 0, core: str = "",
        sets_load: bool = False, frames: Sequence[OwnFrame] = (),
    ) -> None:  # fmt: skip
        self.name, self.server, self.apart = name, server, apart
        self.work_fs, self.core, self.sets_load, self.frames = work_fs, core, sets_load, tuple(frames)

    def begin(self, at: Turn) -> None:
        """Do something at time 0, before all else: set watches and timers."""

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Tell whether what has come now is to be handled, which takes the agent's work; what it does here takes none.

        It may have come while the agent is busy with something else.
        """
        return True

    def handle(self, at: Turn, thing: Thing) -> None:
        """Handle what has come: what was seen, heard, or waited for."""
        if isinstance(thing, Seen):
            self.saw(at, thing.watch)
        elif isinstance(thing, Message):
            self.heard(at, thing.text, thing.sender)
        elif isinstance(thing, Frame):
            self.heard_frame(at, thing)
        else:
            self.woke(at, thing.name)

    def saw(self, at: Turn, watch: int) -> None:
        """Do something as a watch has come true, by the number that `watch` has given."""

    def heard(self, at: Turn, message: str, sender: str) -> None:
        """Do something as a message has come."""

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        """Do something as a frame that was listened for has been delivered."""

    def woke(self, at: Turn, timer: Any) -> None:
        """Do something as a timer has run out, by the name given to `wake`."""
