"""Both ends of an Ethernet port's wire: the MAC that sends, the line that brings, and who waits for either."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import simpy

from .classes import ClassTurns, Planes
from .flow_control import CONTROL_DATA_BYTES, QUANTUM_BYTES, ControlFrame, FlowTimer, Stops, Teller
from .frames import Copy, Frame
from .parameters import NicParameters
from .timing import AtSwitch, Phase, later, place

MIN_DATA_BYTES = 60
WIRE_OVERHEAD_BYTES = 24
"""FCS 4, preamble and start of frame 8, gap 12 (IEEE 802.3)."""


def wire_fs(data_bytes: int, rate_bps: int) -> int:
    """Return a frame's time on the wire, with preamble and gap."""
    return (max(data_bytes, MIN_DATA_BYTES) + WIRE_OVERHEAD_BYTES) * 8 * 10**15 // rate_bps


class PacketPlane:
    """Copies that wait by class for a wire, or for the Rx buffer."""

    def __init__(self, planes: Planes) -> None:
        """Begin empty."""
        self._turns = ClassTurns(planes.classes, planes.sends_highest_first)
        self._waiting: list[deque[tuple[Copy, int]]] = [deque() for _ in planes.classes]

    def change(self, planes: Planes) -> None:
        """Go by others from now on."""
        self._turns.change(planes.classes, planes.sends_highest_first)

    def put(self, copy: Copy, now_fs: int) -> None:
        """Let a copy wait with its class."""
        self._waiting[copy.frame.tx_class].append((copy, now_fs))

    def take(self, may_go: Callable[[Copy], bool]) -> tuple[Copy, int] | None:
        """Return the copy that is next, and when it joined, of the classes whose first may go."""
        chosen = self._turns.choose(
            [number for number, each in enumerate(self._waiting) if each and may_go(each[0][0])]
        )
        if chosen is None:
            return None
        copy, joined_fs = self._waiting[chosen].popleft()
        self._turns.charge(chosen, copy.frame_bytes)
        return copy, joined_fs

    def first(self, number: int) -> Copy | None:
        """Return the first that waits of a class."""
        return self._waiting[number][0][0] if self._waiting[number] else None

    def copies_for(self, port: int) -> list[Copy]:
        """Return those that wait for a station, class by class."""
        return [copy for each in self._waiting for copy, _ in each if copy.destination == port]

    def remove(self, copy: Copy) -> None:
        """Forget a copy."""
        queue = self._waiting[copy.frame.tx_class]
        queue.remove(next(each for each in queue if each[0] is copy))


class OfMac(NamedTuple):
    """Who is told what a MAC does with a copy, or a control frame."""

    begins: Callable[[Copy], None]
    sent: Callable[[Copy, int], None]
    """With how long it has waited."""
    lost: Callable[[Copy], None]
    """For the wire is dead."""
    control_begins: Callable[[ControlFrame, int], None]
    """With how long it takes the wire."""


class Mac:
    """Sends one thing at a time; control frames go first."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, number: int, told: OfMac) -> None:
        """Begin with nothing to send; `teller` and `stops` are to be set before the run with flow control."""
        self._env = env
        self._parameters = parameters
        self.number = number
        self._told = told
        self._plane = None if parameters.planes is None else PacketPlane(parameters.planes)
        self._waiting: deque[tuple[Copy, int]] = deque()
        """Where there are no classes."""
        self._is_sending = False
        self.teller: Teller | None = None
        self.stops: Stops | None = None

    def planes_changed(self) -> None:
        """Go by the classes of now."""
        if self._plane is not None:
            self._plane.change(self._parameters.planes)

    def put(self, copy: Copy) -> None:
        """Let a copy join those that wait."""
        if self._plane is None:
            self._waiting.append((copy, self._env.now))
        else:
            self._plane.put(copy, self._env.now)
        self.go_on()

    @property
    def is_dead(self) -> bool:
        """Whether the wire carries nothing."""
        return self.number in self._parameters.dead_ports

    def go_on(self) -> None:
        """Begin with what is next, unless something is being sent; what waits for a dead wire is lost."""
        if self._is_sending:
            return
        if self.teller is not None and self.teller.is_due and not self.is_dead:
            self._send_control(self.teller.begin())
            return
        while (taken := self._take()) is not None:
            copy, joined_fs = taken
            if not self.is_dead:
                self._send(copy, self._env.now - joined_fs)
                return
            self._told.lost(copy)

    def _take(self) -> tuple[Copy, int] | None:
        if self._plane is not None:
            return self._plane.take(self._may_go)
        return self._waiting.popleft() if self._waiting and self._may_go(self._waiting[0][0]) else None

    def _may_go(self, copy: Copy) -> bool:
        rules = self._parameters.flow_control
        return rules is None or self.is_dead or not self.stops.is_stopped(rules.class_of(copy.frame))

    def _send(self, copy: Copy, waited_fs: int) -> None:
        self._is_sending = True
        self._told.begins(copy)
        duration_fs = wire_fs(copy.data_bytes, self._parameters.port_rate_bps)
        sent_at = place(Phase.SWITCH, AtSwitch.WIRE_HAS_SENT, self.number)
        later(self._env, duration_fs, sent_at, self._sent, copy, waited_fs)

    def _sent(self, copy: Copy, waited_fs: int) -> None:
        self._told.sent(copy, waited_fs)
        self._free()

    def _send_control(self, control: ControlFrame) -> None:
        self._is_sending = True
        duration_fs = wire_fs(CONTROL_DATA_BYTES, self._parameters.port_rate_bps)
        later(self._env, duration_fs, place(Phase.FLOW_TIMERS, FlowTimer.CONTROL_SENT, self.number), self._free)
        self._told.control_begins(control, duration_fs)

    def _free(self) -> None:
        self._is_sending = False
        self.go_on()


class Line:
    """What the stations outside send by a port; with flow control it is a link partner that sends it."""

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, number: int, received: Callable[[Frame, int], None]
    ) -> None:
        """Begin empty; `received(frame, waited_fs)` is called with the last byte; `stops` is set with flow control."""
        self._env = env
        self._parameters = parameters
        self._number = number
        self._received = received
        self._waiting: list[tuple[Frame, int]] = []
        self._is_sending = False
        self.stops: Stops | None = None

    def put(self, frame: Frame) -> None:
        """Let a frame join those that wait."""
        self._waiting.append((frame, self._env.now))
        self.go_on()

    def go_on(self) -> None:
        """Begin with the frame that joined first of those that are not stopped, unless one is being sent."""
        if self._is_sending:
            return
        taken = next((each for each in self._waiting if self._may_go(each[0])), None)
        if taken is not None:
            self._waiting.remove(taken)
            self._is_sending = True
            frame, joined_fs = taken
            rate_bps = self._parameters.port_rate_bps * self._parameters.line_speeds.get(self._number, Fraction(1))
            duration_fs = wire_fs(frame.data_bytes, rate_bps)
            comes_at = place(Phase.SWITCH, AtSwitch.LINE_BRINGS, self._number)
            later(self._env, duration_fs, comes_at, self._come, frame, self._env.now - joined_fs)

    def _may_go(self, frame: Frame) -> bool:
        rules = self._parameters.flow_control
        return self.stops is None or rules is None or not self.stops.is_stopped(rules.class_of(frame))

    def _come(self, frame: Frame, waited_fs: int) -> None:
        self._received(frame, waited_fs)
        self._is_sending = False
        self.go_on()


def let_stop(env: simpy.Environment, parameters: NicParameters, over: set[int], mac: Mac, line: Line) -> None:
    """Let an Ethernet port tell which classes are over, and obey; let the link partner beyond it obey."""
    rules = parameters.flow_control
    assert rules is not None

    def quanta_fs(quanta: int) -> int:
        return QUANTUM_BYTES * quanta * 8 * 10**15 // parameters.port_rate_bps

    def at(timer: FlowTimer) -> int:
        return place(Phase.FLOW_TIMERS, timer, mac.number)

    places = at(FlowTimer.TAKES_EFFECT), at(FlowTimer.STOP_ENDS)
    mac.teller = Teller(env, rules, over, quanta_fs, at(FlowTimer.REFRESH), mac.go_on)
    mac.stops = Stops(env, rules, quanta_fs, places, mac.go_on)
    places = at(FlowTimer.TAKES_EFFECT_AT_PARTNER), at(FlowTimer.STOP_ENDS_AT_PARTNER)
    line.stops = Stops(env, replace(rules, obey=True), quanta_fs, places, line.go_on)
