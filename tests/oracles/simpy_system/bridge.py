"""The bridge in time: what comes in, waits, goes out (docs/bridge.md, "What the bridge does with a frame")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import simpy

from ..service_level_oracle import Level, ServiceLevelsOracle
from ..simpy_nic.flow_control import CONTROL_DATA_BYTES, QUANTUM_BYTES, ControlFrame, FlowControl, Levels, Stops, Teller
from ..simpy_nic.frames import Copy
from ..simpy_nic.timing import AtSwitch, FifoServer, Phase, later, lot, place
from ..simpy_nic.wires import MIN_DATA_BYTES, wire_fs
from .extender_relay import ExtenderRelay
from .ledger import Ledger
from .parameters import OUTSIDE, BridgeParameters
from .relay import FCS_BYTES, Relay
from .results import PortCounts

MOST_PORTS = 64
"""Of all bridges and extenders together, as places in an instant are reckoned here."""
CUT_THROUGH_BYTES = 72
"""Preamble and start of frame, and the first 64 B."""


def classes_as_levels(percents: Sequence[int], longest_bytes: int) -> dict[int, Level]:
    """Return the turns of classes as service levels have them, with their quanta."""
    least = min((percent for percent in percents if percent), default=1)
    quanta = (longest_bytes * percent // least if percent else 1 for percent in percents)
    return {number: Level(quantum_bytes=quantum) for number, quantum in enumerate(quanta)}


def wire_bytes(raw: bytes) -> int:
    """Return a frame's length on the wire: padded, with FCS."""
    return max(len(raw), MIN_DATA_BYTES) + FCS_BYTES


@dataclass(slots=True, eq=False)
class Passing:
    """A copy in the bridge: what it is a copy of, its bytes, the logical port by which it leaves."""

    origin: Copy
    raw: bytes
    key: int | None = None
    queue: int | None = None
    """In which it waits there: of its logical port, or of its class."""
    came_by: int = 0
    """The port of this bridge by which its frame came."""


class TurnServer:
    """Serves copies one at a time, by service levels or classes; control frames go first."""

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
        self.told_at = self._ends_at
        """When in an instant a control frame ends."""
        self._done = done
        self._began = began
        self._is_busy = False
        self.teller: Teller | None = None
        self.stops: Stops | None = None
        self.control_begins: Callable[[ControlFrame], int]
        """Told of a control frame that is sent from now on; says for how long."""

    def put(self, copy: Passing) -> None:
        """Let a copy join its queue."""
        self._levels.put(copy.queue, len(copy.raw), copy)
        self.go_on()

    def _is_held(self, queue: int) -> bool:
        return self.stops is not None and self.stops.is_stopped(queue)

    def go_on(self) -> None:
        """Begin with what is next, unless something is being sent."""
        if self._is_busy:
            return
        if self.teller is not None and self.teller.is_due:
            self._is_busy = True
            later(self._env, self.control_begins(self.teller.begin()), self.told_at, self._free)
            return
        copy = self._levels.take(self._env.now, self._is_held)
        if copy is not None:
            self._is_busy = True
            self._began(copy)
            later(self._env, self._service_fs(copy), self._ends_at, self._ends, copy)
            return
        resumes_fs = self._levels.resumes_fs()
        if resumes_fs is not None and resumes_fs > self._env.now:
            later(self._env, resumes_fs - self._env.now, self._resumes_at, self.go_on)

    def _ends(self, copy: Passing) -> None:
        self._done(copy, 0)
        self._free()

    def _free(self) -> None:
        self._is_busy = False
        self.go_on()


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
        self.arrives_at = place(Phase.SWITCH, AtSwitch.LINE_BRINGS)
        """When in an instant that is."""
        self.begins: Callable[[Passing], None] | None = None
        """Called in its place as a copy begins, where the other end is a port like this."""
        sent_at = place(Phase.BRIDGE_SENDS, number)
        levels = bridge.relay.levels_of(number)
        self._rooms = {key: level.room_bytes for key, level in levels.items()}
        self.held_of: Counter[int | None] = Counter()
        flow = bridge.parameters.flow_control
        if flow is not None:
            levels = classes_as_levels(bridge.parameters.percents, bridge.relay.longest_bytes)
        self.came_in_levels = Levels(env, [] if flow is None else flow.part_bytes, flow)
        """Of what has come in by this port, with flow control."""
        self.stops: Stops | None = None
        self.control_goes: Callable[[ControlFrame, int], None] = lambda _control, _after_fs: None
        """Told as a control frame begins, and after how long it has come to the other end."""
        self._line: TurnServer | FifoServer
        if levels:
            oracle = ServiceLevelsOracle(levels, bridge.relay.longest_bytes)
            resumes_at = place(Phase.BRIDGE_RESUMES, number)
            self._line = TurnServer(env, oracle, self.duration_fs, (sent_at, resumes_at), self._sent, self._begins)
            if flow is not None:
                self._let_stop(flow, self._line)
        else:
            self._line = FifoServer(env, self.duration_fs, lambda _: sent_at, self._sent, self._begins)

    def _let_stop(self, flow: FlowControl, line: TurnServer) -> None:
        """Let the port tell which classes are over, and obey."""

        def quanta_fs(quanta: int) -> int:
            return QUANTUM_BYTES * quanta * 8 * 10**15 // self.rate_bps

        refresh_at = place(Phase.BRIDGE_REFRESHES, self.number)
        places = place(Phase.BRIDGE_STOPS, self.number), place(Phase.BRIDGE_RESUMES, self.number)
        over = self.came_in_levels.over
        if self.name != OUTSIDE:  # to stations that obey nothing none goes
            line.teller = Teller(self._env, flow, over, quanta_fs, refresh_at, line.go_on)
        line.stops = self.stops = Stops(self._env, flow, quanta_fs, places, line.go_on)
        line.control_begins, line.told_at = self._control_begins, place(Phase.BRIDGE_HAS_TOLD, self.number)
        self.came_in_levels.changed = line.go_on

    def _control_begins(self, control: ControlFrame) -> int:
        duration_fs = wire_fs(CONTROL_DATA_BYTES, self.rate_bps)
        self._is_busy_for(duration_fs)
        self.control_goes(control, duration_fs + self.propagation_fs)
        return duration_fs

    def control_comes(self, control: ControlFrame, after_fs: int) -> None:
        """Learn that a control frame has come by this port so much later than now."""
        if self.stops is not None:
            self.stops.comes(control, after_fs)

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
        self._is_busy_for(duration_fs)
        if self.begins is not None:
            self.begins(copy)
            return
        arrives_after_fs = duration_fs + self.propagation_fs
        later(self._env, arrives_after_fs, self.arrives_at, self.arrives, copy)

    def _is_busy_for(self, duration_fs: int) -> None:
        self._busy_fs += duration_fs
        self._busy_until_fs = self._env.now + duration_fs

    def _sent(self, copy: Passing, _waited_fs: int) -> None:
        self._hold(-len(copy.raw))
        self.held_of[copy.key] -= len(copy.raw)
        self.out_of[copy.key] += 1
        self.frames_out += 1
        self.bytes_out += wire_bytes(copy.raw)
        self._bridge.left(copy)

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
        self._flow = parameters.flow_control
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
        due_fs = max(self._last_due_fs[number], self._env.now + self.parameters.latency_fs)
        forwards_at = place(Phase.BRIDGE_FORWARDS) + lot(due_fs, number) * MOST_PORTS + number
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
            queue = key if self._flow is None else self._flow.class_of_priority[relayed.priority]
            self._queue(to, Passing(copy.origin, raw, key, queue, number))

    def _queue(self, to: int, copy: Passing) -> None:
        port = self.ports[to]
        if to in self.relay.shut:
            self._ledger.frame_dropped(self._place(to), "PORT_SECURITY")
            return
        if not self._has_room(port, copy):
            self._ledger.frame_dropped(self._place(to), "QUEUE_FULL")
            return
        if self._flow is not None:
            self.ports[copy.came_by].came_in_levels.change(copy.queue, len(copy.raw))
        port.put(copy)
        self.buffer_highest_bytes = max(self.buffer_highest_bytes, self._held_bytes())

    def _has_room(self, port: Port, copy: Passing) -> bool:
        if self._flow is not None:
            return self.ports[copy.came_by].came_in_levels.fits(copy.queue, len(copy.raw))
        held_bytes = port.held_bytes if self.parameters.sharing == "port" else self._held_bytes()
        return held_bytes + len(copy.raw) <= self.parameters.buffer_bytes and port.has_room(copy)

    def left(self, copy: Passing) -> None:
        """Give back the room of a copy that has been sent."""
        if self._flow is not None:
            self.ports[copy.came_by].came_in_levels.change(copy.queue, -len(copy.raw))

    def _held_bytes(self) -> int:
        return sum(port.held_bytes for port in self.ports.values())

    def _place(self, number: int) -> str:
        return f"{self.parameters.name}.{self.ports[number].name}"
