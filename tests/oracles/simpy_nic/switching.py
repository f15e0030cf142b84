"""From the Tx buffer to the Rx buffer and the wire; frames from the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import simpy

from ..bucket_oracle import BucketOracle
from .bus import Bus
from .classes import ClassTurns, Planes
from .frames import WIRE, Copy, Decision, Frame, as_named
from .parameters import NicParameters
from .receiving import FUNCTION_RESET, Receiver
from .results import Meter
from .sending import Sender
from .timing import BEHIND_THE_EVENT, AtSwitch, FifoServer, Phase, later, place

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
        self.joined_fs = 0
        """When the copy joined that was taken last."""

    def change(self, planes: Planes) -> None:
        """Go by others from now on."""
        self._turns.change(planes.classes, planes.sends_highest_first)

    def put(self, copy: Copy, now_fs: int) -> None:
        """Let a copy wait with its class."""
        self._waiting[copy.frame.tx_class].append((copy, now_fs))

    @property
    def is_waiting(self) -> bool:
        """Whether any copy waits."""
        return any(self._waiting)

    def take(self) -> tuple[Copy, int]:
        """Return the copy that is next, and when it joined."""
        chosen = self._turns.choose([number for number, each in enumerate(self._waiting) if each])
        assert chosen is not None
        copy, joined_fs = self._waiting[chosen].popleft()
        self._turns.charge(chosen, copy.frame_bytes)
        return copy, joined_fs

    def copies_for(self, port: int) -> list[Copy]:
        """Return those that wait for a station, class by class."""
        return [copy for each in self._waiting for copy, _ in each if copy.destination == port]

    def remove(self, copy: Copy) -> None:
        """Forget a copy."""
        queue = self._waiting[copy.frame.tx_class]
        queue.remove(next(each for each in queue if each[0] is copy))


class Switch:
    """Forwards frames to the destinations that they name, or that `decide` finds."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, meter: Meter, receiver: Receiver) -> None:
        """Start the pipeline, and of each Ethernet port MAC and line; `sender` is to be set before the run."""
        self._env = env
        self._parameters = parameters
        self._meter = meter
        self._receiver = receiver
        self.sender: Sender
        receiver.room_freed = self._move_local_copies
        self._local: deque[Copy] = deque()
        self._received_frames = 0
        self.decide: Callable[[Frame], Decision] = as_named
        self.sending_begins: Callable[[Copy], None] = lambda _copy: None
        """Told as the MAC begins with a copy: the other end of the wire."""

        def server(
            service_fs: Callable[[Any], int],
            order: AtSwitch,
            done: Callable[[Any, int], None],
            began: Callable[[Any], None] = lambda _: None,
            number: int = 0,
        ) -> FifoServer:
            return FifoServer(env, service_fs, lambda _: place(Phase.SWITCH, order, number), done, began)

        numbers = range(parameters.ethernet_ports)
        self._macs = [
            server(self._wire_fs, AtSwitch.WIRE_HAS_SENT, self._sent, self._begins, number) for number in numbers
        ]
        self._lines = [server(self._wire_fs, AtSwitch.LINE_BRINGS, self._received, number=number) for number in numbers]
        self._are_sending = [0 for _ in numbers]
        self._local_class: PacketPlane | None = None
        self._wire_classes: list[PacketPlane] = []
        if parameters.planes is not None:
            self._local_class = PacketPlane(parameters.planes)
            self._wire_classes = [PacketPlane(parameters.planes) for _ in numbers]
        self._buckets = {
            port: BucketOracle(rate_bps, burst_bytes)
            for port, (rate_bps, burst_bytes) in parameters.receive_limits.items()
        }
        self._pipeline: FifoServer | None = None
        if parameters.max_pps is not None:
            frame_fs = 10**15 // parameters.max_pps
            self._pipeline = server(lambda _: frame_fs, AtSwitch.PIPELINE, self._leave_pipeline)
        self._buses: list[Bus] = []
        if parameters.bus_cycle_fs is not None:
            n_ports, bus_bits = len(parameters.ports) + 1, parameters.bus_bits
            self._buses = [
                Bus(env, n_ports, bus_bits, parameters.bus_cycle_fs, self._forward, number) for number in numbers
            ]

    def frame_in(self, frame: Frame) -> None:
        """Take a frame that is wholly in the Tx buffer, or received from the wire."""
        if self._pipeline is None:
            self._arrive(frame)
        elif frame.source == WIRE and not self._receiver.hold(frame.data_bytes):
            self._meter.frame_dropped(frame, "RX_BUFFER_FULL")
        else:
            self._pipeline.put(frame)

    def _leave_pipeline(self, frame: Frame, _: int) -> None:
        if frame.source == WIRE:
            self._receiver.release(frame.data_bytes)
        self._arrive(frame)
        if frame.source == WIRE:
            self._move_local_copies()

    def _arrive(self, frame: Frame) -> None:
        if not self._buses:
            self._forward(frame)
        elif not self._buses[self.port_of(frame)].put(frame):
            self._meter.frame_dropped(frame, "RX_BUFFER_FULL")

    def port_of(self, frame: Frame) -> int:
        """Return the Ethernet port at which a frame is switched."""
        if frame.source == WIRE:
            return frame.came_by
        return self._parameters.at_ethernet_port.get(frame.source, 0)

    def from_wire(self, frame: Frame) -> None:
        """Let a frame arrive on the line."""
        self._lines[frame.came_by].put(frame)

    def _wire_fs(self, sent: Frame | Copy) -> int:
        return wire_fs(sent.data_bytes, self._parameters.port_rate_bps)

    def _forward(self, frame: Frame) -> None:
        frame.ends_fs[frame.decision_part] = self._env.now
        decision = self.decide(frame)
        copies = [Copy(frame, port, raw=raw) for port, raw in decision.copies]
        mirrored = [Copy(frame, port, is_mirrored=True, raw=raw) for port, raw in decision.mirrored]
        self._meter.copies_made(frame, copies, decision.reason)
        self._meter.mirrored_made(len(mirrored))
        copies += mirrored
        over = [copy for copy in copies if not self._may_receive(copy)]
        if frame.source == WIRE:
            for copy in copies:
                if copy in over:
                    self._meter.copy_dropped(copy, "RECEIVE_LIMIT")
                elif self._receiver.fits(copy):
                    self._receiver.accept(copy)
                else:
                    self._meter.copy_dropped(copy, "RX_BUFFER_FULL")
            return
        frame.copies_in_tx_buffer = len(copies)
        if not copies:
            self.sender.leave_buffer(frame)
        for copy in copies:
            if copy in over:
                self._meter.copy_dropped(copy, "RECEIVE_LIMIT")
                self._copy_left(copy)
            elif copy.destination == WIRE:
                self._to_mac(copy)
            elif self._local_class is not None:
                self._local_class.put(copy, self._env.now)
            else:
                self._local.append(copy)
        if self._local_class is None:
            self._move_local_copies()
        else:  # of frames that go on together all copies wait before one is next
            later(self._env, 0, BEHIND_THE_EVENT, self._move_local_copies)

    def planes_changed(self) -> None:
        """Go by the classes of now."""
        if self._local_class is not None:
            for plane in (self._local_class, *self._wire_classes):
                plane.change(self._parameters.planes)

    def limits_changed(self) -> None:
        """Receive what may be received from now on; a new limit begins with a full bucket."""
        limits = self._parameters.receive_limits
        self._buckets = {port: bucket for port, bucket in self._buckets.items() if port in limits}
        for port, (rate_bps, burst_bytes) in limits.items():
            if port in self._buckets:
                self._buckets[port].change(self._env.now, rate_bps, burst_bytes)
            else:
                self._buckets[port] = BucketOracle(rate_bps, burst_bytes)
                self._buckets[port].last_fs = self._env.now

    def _may_receive(self, copy: Copy) -> bool:
        """Tell whether a copy is within what its station may receive."""
        bucket = self._buckets.get(copy.destination)
        return bucket is None or bucket.police(self._env.now, copy.frame_bytes)

    def _has_local(self) -> bool:
        """Tell whether a local copy is first; with classes the next of them becomes it."""
        if not self._local and self._local_class is not None and self._local_class.is_waiting:
            self._local.append(self._local_class.take()[0])
        return bool(self._local)

    def _move_local_copies(self) -> None:
        while self._has_local() and self._receiver.fits(self._local[0]):
            copy = self._local.popleft()
            self._receiver.accept(copy)
            self._copy_left(copy)

    def forget(self, port: int) -> None:
        """Drop the local copies for a function that is off."""
        waiting = list(self._local)
        if self._local_class is not None:
            waiting += self._local_class.copies_for(port)
        for copy in [each for each in waiting if each.destination == port]:
            if copy in self._local:
                self._local.remove(copy)
            else:
                self._local_class.remove(copy)
            self._meter.copy_dropped(copy, FUNCTION_RESET)
            self._copy_left(copy)

    def _copy_left(self, copy: Copy) -> None:
        copy.frame.copies_in_tx_buffer -= 1
        if not copy.frame.copies_in_tx_buffer:
            self.sender.leave_buffer(copy.frame)

    def _to_mac(self, copy: Copy) -> None:
        number = self.port_of(copy.frame)
        if self._wire_classes:
            self._wire_classes[number].put(copy, self._env.now)
            self._feed(number)
        elif number in self._parameters.dead_ports and not self._are_sending[number]:
            self._lose(copy)
        else:
            self._are_sending[number] += 1
            self._macs[number].put(copy)

    def _feed(self, number: int) -> None:
        """Let the next class's first copy begin on a wire that is free; a dead one loses all."""
        plane = self._wire_classes[number]
        while plane.is_waiting and not self._are_sending[number]:
            copy, plane.joined_fs = plane.take()
            if number in self._parameters.dead_ports:
                self._lose(copy)
            else:
                self._are_sending[number] = 1
                self._macs[number].put(copy)

    def _lose(self, copy: Copy) -> None:
        """Drop a copy that would leave by a dead wire."""
        self._meter.copy_dropped(copy, "LINK_DOWN")
        self._copy_left(copy)

    def _begins(self, copy: Copy) -> None:
        self.sending_begins(copy)

    def _sent(self, copy: Copy, waited_fs: int) -> None:
        number = self.port_of(copy.frame)
        self._are_sending[number] -= 1
        if self._wire_classes:
            began_fs = self._env.now - self._wire_fs(copy)
            waited_fs = began_fs - self._wire_classes[number].joined_fs
        self._meter.mac_waited(waited_fs)
        copy.ends_fs["wire"] = self._env.now
        self._meter.copy_delivered(copy)
        self._meter.journey_over(copy)
        self._copy_left(copy)
        if number in self._parameters.dead_ports:
            for waiting in self._macs[number].take_all():
                self._are_sending[number] -= 1
                self._lose(waiting)
        if self._wire_classes:
            self._feed(number)

    def _received(self, frame: Frame, waited_fs: int) -> None:
        self._meter.line_waited(waited_fs)
        frame.offered_fs = frame.began_fs = self._env.now
        frame.number = self._received_frames
        self._received_frames += 1
        if frame.came_by in self._parameters.dead_ports:
            self._meter.frame_dropped(frame, "LINK_DOWN")
        else:
            self.frame_in(frame)
