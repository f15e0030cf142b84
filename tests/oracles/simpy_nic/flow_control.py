"""Flow control: levels of a buffer's parts, what one end of a wire tells the other, and what the other does.

Written from docs/datapath/flow_control.md; adapters, link partners and bridges are made of the same three things.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import simpy

from .frames import WIRE, Frame
from .timing import later

QUANTUM_BYTES = 64
CONTROL_DATA_BYTES = 60
PRIORITIES = range(8)
_C_TAG, S_TAG, VN_TAG, E_TAG = b"\x81\x00", b"\x88\xa8", b"\x89\x26", b"\x89\x3f"
OUTER_BYTES = {S_TAG: 4, VN_TAG: 6, E_TAG: 8}


class FlowTimer(IntEnum):
    """Order of an adapter's timers of flow control within an instant."""

    TAKES_EFFECT = 0
    STOP_ENDS = 1
    REFRESH = 2
    CONTROL_SENT = 3
    TAKES_EFFECT_AT_PARTNER = 4
    STOP_ENDS_AT_PARTNER = 5


class ControlFrame(NamedTuple):
    """A frame that stops or lets go: quanta by priority, of a PAUSE frame the same for all."""

    mode: str
    quanta: Mapping[int, int]


@dataclass(frozen=True)
class FlowControl:
    """All of `nic.flow_control`, or of a bridge's; bytes are by class."""

    mode: str
    part_bytes: Sequence[int]
    high_bytes: Sequence[int]
    low_bytes: Sequence[int]
    class_of_priority: Sequence[int]
    """0 of all with `mode: pause`."""
    priorities: Collection[int]
    """That may be stopped."""
    quanta: int
    refresh_quanta: int
    response_delay_fs: int
    send: bool = True
    obey: bool = True
    received: Sequence[tuple[int, int, ControlFrame]] = ()
    """When, and by which Ethernet port, control frames come from outside."""
    outer_tags: Collection[bytes] = tuple(OUTER_BYTES)
    """The tags before a C-TAG that are known, by their types."""
    default_priorities: Mapping[int, int] = field(default_factory=dict)
    """Of untagged frames from the wire by the station that they are for, where it leads to no bridge."""

    @property
    def classes(self) -> range:
        """The classes of frames."""
        return range(len(self.part_bytes))

    def priorities_of(self, number: int) -> list[int]:
        """Return a class's priorities."""
        return [priority for priority in PRIORITIES if self.class_of_priority[priority] == number]

    def class_of(self, frame: Frame) -> int:
        """Return the class of a frame, and of its copies."""
        if self.mode == "pause":
            return 0
        if frame.source != WIRE:
            return frame.tx_class
        default = self.default_priorities.get(frame.destinations[0], 0) if len(frame.destinations) == 1 else 0
        return self.class_of_priority[priority_of(frame.raw, self.outer_tags, default)]

    def control_frame(self, quanta_of: Mapping[int, int]) -> ControlFrame:
        """Return what says so of classes."""
        if self.mode == "pause":
            return ControlFrame("pause", dict.fromkeys(PRIORITIES, quanta_of[0]))
        named = {priority: self.class_of_priority[priority] for priority in self.priorities}
        return ControlFrame("pfc", {each: quanta_of[number] for each, number in named.items() if number in quanta_of})


def priority_of(raw: bytes | None, outer_tags: Collection[bytes] = tuple(OUTER_BYTES), default: int = 0) -> int:
    """Return a frame's priority: of its C-TAG, else of its S-TAG or E-TAG if that is known, else the default."""
    if raw is None:
        return default
    outer = raw[12:14] if raw[12:14] in outer_tags else b""
    at = 12 + OUTER_BYTES.get(outer, 0)
    if raw[at : at + 2] == _C_TAG:
        return raw[at + 2] >> 5
    return raw[14] >> 5 if outer in (S_TAG, E_TAG) else default


class Levels:
    """How full the parts of a buffer are, and which classes are over."""

    def __init__(self, env: simpy.Environment, part_bytes: Sequence[int], rules: FlowControl | None) -> None:
        """Begin empty; without rules no class is ever over. `changed` is told as one goes over, or is no longer."""
        self._env = env
        self._part_bytes = part_bytes
        self._rules = rules
        self.held_bytes = [0 for _ in part_bytes]
        self.over: set[int] = set()
        self.changed: Callable[[], None] = lambda: None
        self.log: list[tuple[int, int, int, bool]] = []
        """With rules: when, of which class, how many bytes, and whether it is over then."""
        lossless = rules.priorities if rules is not None else ()
        self._lossless = {rules.class_of_priority[each] for each in lossless} if rules is not None else set()

    def fits(self, number: int, n_bytes: int) -> bool:
        """Tell whether a part has room for so many bytes."""
        return self.held_bytes[number] + n_bytes <= self._part_bytes[number]

    def change(self, number: int, more_bytes: int) -> None:
        """Take room, or give it back, and see whether the class is over."""
        self.held_bytes[number] += more_bytes
        if self._rules is None:
            return
        level, was_over = self.held_bytes[number], number in self.over
        is_over = level > (self._rules.low_bytes if was_over else self._rules.high_bytes)[number]
        is_over = is_over and number in self._lossless
        self.log.append((self._env.now, number, level, is_over))
        if is_over != was_over:
            (self.over.add if is_over else self.over.remove)(number)
            self.changed()


class Teller:
    """What a port tells the other end of its wire, and when."""

    def __init__(
        self,
        env: simpy.Environment,
        rules: FlowControl,
        over: Collection[int],
        quanta_fs: Callable[[int], int],
        refresh_at: int,
        look: Callable[[], None],
    ) -> None:
        """Begin with nothing told; `refresh_at`: its place in an instant; `look` is called as it is due again then."""
        self._env = env
        self._rules = rules
        self._over = over
        self._quanta_fs = quanta_fs
        self._refresh_at = refresh_at
        self._look = look
        self._told: frozenset[int] = frozenset()
        self._n_told = 0
        self._needs_refresh = False
        self.log: list[tuple[int, Mapping[int, int]]] = []
        """When what was said: quanta by class."""

    @property
    def is_due(self) -> bool:
        """Whether a control frame is to be sent."""
        over = frozenset(self._over)
        return self._rules.send and (over != self._told or (self._needs_refresh and bool(over)))

    def begin(self) -> ControlFrame:
        """Return what is said now, and to be said again later."""
        over = frozenset(self._over)
        said = {number: self._rules.quanta if number in over else 0 for number in over | self._told}
        self._told = over
        self.log.append((self._env.now, said))
        self._n_told += 1
        self._needs_refresh = False
        if over:
            refresh_fs = self._quanta_fs(self._rules.refresh_quanta)
            later(self._env, refresh_fs, self._refresh_at, self._refresh, self._n_told)
        return self._rules.control_frame(said)

    def _refresh(self, n_told: int) -> None:
        if n_told == self._n_told:
            self._needs_refresh = True
            self._look()


class Stops:
    """Which classes a port may not begin with, for the other end of its wire has said so."""

    def __init__(
        self,
        env: simpy.Environment,
        rules: FlowControl,
        quanta_fs: Callable[[int], int],
        places: tuple[int, int],
        go_on: Callable[[], None],
    ) -> None:
        """Begin with none; `places` in an instant: what takes effect, ends of stops; `go_on` as a class may go on."""
        self._env = env
        self._rules = rules
        self._quanta_fs = quanta_fs
        self._takes_effect_at, self._ends_at = places
        self._go_on = go_on
        self._until_fs = [0 for _ in rules.classes]
        self.log: list[tuple[int, int, int]] = []
        """When which class was stopped, up to when."""

    def is_stopped(self, number: int) -> bool:
        """Tell whether no frame of a class may begin."""
        return self._until_fs[number] > self._env.now

    def comes(self, control: ControlFrame, after_fs: int = 0) -> None:
        """Learn that a control frame has come, whole, so much later than now."""
        if self._rules.obey and control.mode == self._rules.mode:
            delay_fs = after_fs + self._rules.response_delay_fs
            later(self._env, delay_fs, self._takes_effect_at, self._take_effect, control)

    def _take_effect(self, control: ControlFrame) -> None:
        lets_go = False
        for number in self._rules.classes:
            quanta = [control.quanta[each] for each in self._rules.priorities_of(number) if each in control.quanta]
            if quanta:
                stopped_fs = self._quanta_fs(max(quanta))
                self._until_fs[number] = self._env.now + stopped_fs
                self.log.append((self._env.now, number, self._until_fs[number]))
                if stopped_fs:
                    later(self._env, stopped_fs, self._ends_at, self._end, number)
                lets_go = lets_go or not stopped_fs
        if lets_go:
            self._go_on()

    def _end(self, number: int) -> None:
        if self._until_fs[number] == self._env.now:
            self._go_on()
