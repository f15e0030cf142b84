"""The bridge in time: what comes in, waits, goes out (docs/bridge.md, "What the bridge does with a frame")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from ..service_level_oracle import ServiceLevelsOracle
from ..simpy_nic.frames import Copy
from ..simpy_nic.switching import MIN_DATA_BYTES, wire_fs
from ..simpy_nic.timing import AtSwitch, FifoServer, Phase, later, place
from .extender_relay import ExtenderRelay
from .ledger import Ledger
from .parameters import BridgeParameters
from .relay import FCS_BYTES, Relay
from .results import PortCounts

CUT_THROUGH_BYTES = 72
"""Preamble and start of frame, and the first 64 B."""


def wire_bytes(raw: bytes) -> int:
    """Return a frame's length on the wire: padded, with FCS."""
    return max(len(raw), MIN_DATA_BYTES) + FCS_BYTES


@dataclass(slots=True, eq=False)
class Passing:
    """A copy in the bridge: what it is a copy of, its bytes, the logical port by which it leaves."""

    origin: Copy
    raw: bytes
    key: int | None = None


class TurnServer:
    """Serves copies one at a time, by service levels."""

    def __init__(
        self,
        env: simpy.Environment,
        levels: ServiceLevelsOracle,
        service_fs: Callable[[Passing], int],
        places: tuple[int, int],
        done: Callable[[Passing, int], None],
        began: Callable[[Passing], None],
    ) -> None:
        """Begin idle; `places`: when in an instant a service ends, and when it goes on as a rate allows it again."""
        self._env = env
        self._levels = levels
        self._service_fs = service_fs
        self._ends_at, self._resumes_at = places
        self._done = done
        self._began = began
        self._is_busy = False

    def put(self, copy: Passing) -> None:
        """Let a copy join its queue."""
        self._levels.put(copy.key, len(copy.raw), copy)
        self._go_on()

    def _go_on(self) -> None:
        if self._is_busy:
            return
        copy = self._levels.take(self._env.now)
        if copy is not None:
            self._is_busy = True
            self._began(copy)
            later(self._env, self._service_fs(copy), self._ends_at, self._ends, copy)
            return
        resumes_fs = self._levels.resumes_fs()
        if resumes_fs is not None:
            later(self._env, resumes_fs - self._env.now, self._resumes_at, self._go_on)

    def _ends(self, copy: Passing) -> None:
        self._is_busy = False
        self._done(copy, 0)
        self._go_on()


class Port:
    """One port's line out: a queue, sent in order."""

    def __init__(self, env: simpy.Environment, bridge: Bridge, number: int) -> None:
        """Start the line."""
        self._env = env
        self._bridge = bridge
        self.number = number
        self.name = bridge.relay.ports[number].name
        self.held_bytes = self.highest_bytes = 0
        self.frames_in = self.bytes_in = self.frames_out = self.bytes_out = 0
        self._busy_fs = self._busy_until_fs = 0
        self.out_of: Counter[int | None] = Counter()
        self._area = self._held_since_fs = 0
        self.arrives: Callable[[Passing], None]
        """Called as a copy has come to the other end of the wire; to be set before the run, or `begins`."""
        self.begins: Callable[[Passing], None] | None = None
        """Called in its place as a copy begins, where the other end is a port like this."""
        sent_at = place(Phase.BRIDGE_SENDS, number)
        levels = bridge.relay.levels_of(number)
        self._rooms = {key: level.room_bytes for key, level in levels.items()}
        self.held_of: Counter[int | None] = Counter()
        if levels:
            oracle = ServiceLevelsOracle(levels, bridge.relay.longest_bytes)
            resumes_at = place(Phase.BRIDGE_RESUMES, number)
            self._line = TurnServer(env, oracle, self.duration_fs, (sent_at, resumes_at), self._sent, self._begins)
        else:
            self._line = FifoServer(env, self.duration_fs, lambda _: sent_at, self._sent, self._begins)

    @property
    def rate_bps(self) -> int:
        """The rate of what begins now."""
        return self._bridge.relay.ports[self.number].rate_bps

    @property
    def propagation_fs(self) -> int:
        """The time that what begins now is on its way."""
        return self._bridge.relay.ports[self.number].propagation_fs

    def duration_fs(self, copy: Passing) -> int:
        """Return a copy's time on this port's wire."""
        return wire_fs(len(copy.raw), self.rate_bps)

    def put(self, copy: Passing) -> None:
        """Let a copy that has room join the queue."""
        self._hold(len(copy.raw))
        self.held_of[copy.key] += len(copy.raw)
        self.highest_bytes = max(self.highest_bytes, self.held_bytes)
        self._line.put(copy)

    def has_room(self, copy: Passing) -> bool:
        """Tell whether the queue of a copy's S-channel takes it."""
        room_bytes = self._rooms.get(copy.key)
        return room_bytes is None or self.held_of[copy.key] + len(copy.raw) <= room_bytes

    def _hold(self, more_bytes: int) -> None:
        self._area = self.area()
        self._held_since_fs = self._env.now
        self.held_bytes += more_bytes

    def area(self) -> int:
        """Return the integral of the queue over time until now, in byte femtoseconds."""
        return self._area + self.held_bytes * (self._env.now - self._held_since_fs)

    def _begins(self, copy: Passing) -> None:
        duration_fs = self.duration_fs(copy)
        self._busy_fs += duration_fs
        self._busy_until_fs = self._env.now + duration_fs
        if self.begins is not None:
            self.begins(copy)
            return
        arrives_after_fs = duration_fs + self.propagation_fs
        later(self._env, arrives_after_fs, place(Phase.SWITCH, AtSwitch.LINE_BRINGS), self.arrives, copy)

    def _sent(self, copy: Passing, _waited_fs: int) -> None:
        self._hold(-len(copy.raw))
        self.held_of[copy.key] -= len(copy.raw)
        self.out_of[copy.key] += 1
        self.frames_out += 1
        self.bytes_out += wire_bytes(copy.raw)

    def came_in(self, raw: bytes) -> None:
        """Count a frame that the bridge forwards, or drops, now."""
        self.frames_in += 1
        self.bytes_in += wire_bytes(raw)

    def counts(self) -> PortCounts:
        """Return what went through until now."""
        busy_fs = self._busy_fs - max(0, self._busy_until_fs - self._env.now)
        counts = self.frames_in, self.bytes_in, self.frames_out, self.bytes_out
        return PortCounts(*counts, busy_fs, self.area())


class Bridge:
    """Forwards what its ports bring in, as its relay says: a bridge, or an extender."""

    def __init__(
        self, env: simpy.Environment, parameters: BridgeParameters, relay: Relay | ExtenderRelay, ledger: Ledger
    ) -> None:
        """Start all ports; each one's `arrives` is to be set before the run."""
        self._env = env
        self.parameters = parameters
        self.relay = relay
        self._ledger = ledger
        self.ports = {number: Port(env, self, number) for number in relay.ports}
        self._last_comes_fs = dict.fromkeys(self.ports, 0)
        self._last_due_fs = dict.fromkeys(self.ports, 0)
        self.buffer_highest_bytes = 0
        self.replicated = 0

    def sending_begins(self, number: int, copy: Copy) -> None:
        """Learn that the other end of a port's wire begins with a frame."""
        raw = copy.frame.raw if copy.raw is None else copy.raw
        assert raw is not None
        self.begins_to_come(number, Passing(copy, raw))

    def begins_to_come(self, number: int, copy: Passing) -> None:
        """Learn that a copy begins to come by a port."""
        rate_bps = self.ports[number].rate_bps
        come_after_fs = wire_fs(len(copy.raw), rate_bps)
        # A slower port stores a frame first: no byte is then sent faster than it comes.
        if self.parameters.forwarding == "cut_through" and rate_bps == self._fastest_bps():
            come_after_fs = CUT_THROUGH_BYTES * 8 * 10**15 // rate_bps
        come_after_fs += self.ports[number].propagation_fs
        self._in_turn(self._last_comes_fs, number, come_after_fs, place(Phase.SWITCH), self._came, copy)

    def _fastest_bps(self) -> int:
        return max(port.rate_bps for port in self.ports.values())

    def _came(self, number: int, copy: Passing) -> None:
        """Let a frame wait for the latency of now."""
        forwards_at = place(Phase.BRIDGE_FORWARDS, number)
        self._in_turn(self._last_due_fs, number, self.parameters.latency_fs, forwards_at, self._forward, copy)

    def _in_turn(
        self,
        last_fs: dict[int, int],
        number: int,
        delay_fs: int,
        at_place: int,
        action: Callable[[int, Passing], None],
        copy: Passing,
    ) -> None:
        """Call `action` after a delay, but no sooner than for the copies before this one at the same port."""
        last_fs[number] = max(last_fs[number], self._env.now + delay_fs)
        later(self._env, last_fs[number] - self._env.now, at_place, action, number, copy)

    def _forward(self, number: int, copy: Passing) -> None:
        self.ports[number].came_in(copy.raw)
        relayed = self.relay.relay(self._env.now, number, copy.raw, copy.origin.frame.sender)
        if relayed.reason is not None:
            self._ledger.frame_dropped(self._place(number), relayed.reason)
            return
        self._ledger.replicated += len(relayed.copies) - 1
        self.replicated += len(relayed.copies) - 1
        for (to, raw), key in zip(relayed.copies, relayed.keys, strict=True):
            self._queue(to, Passing(copy.origin, raw, key))

    def _queue(self, to: int, copy: Passing) -> None:
        port = self.ports[to]
        held_bytes = port.held_bytes if self.parameters.sharing == "port" else self._held_bytes()
        if held_bytes + len(copy.raw) > self.parameters.buffer_bytes or not port.has_room(copy):
            self._ledger.frame_dropped(self._place(to), "QUEUE_FULL")
            return
        port.put(copy)
        self.buffer_highest_bytes = max(self.buffer_highest_bytes, self._held_bytes())

    def _held_bytes(self) -> int:
        return sum(port.held_bytes for port in self.ports.values())

    def _place(self, number: int) -> str:
        return f"{self.parameters.name}.{self.ports[number].name}"
