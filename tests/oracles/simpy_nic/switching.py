"""From the Tx buffer to the Rx buffer and the wire; frames from the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import simpy

from ..bucket_oracle import BucketOracle
from .bus import Bus
from .flow_control import ControlFrame, FlowTimer
from .flow_figures import FlowFigures, figures_of
from .frames import WIRE, Copy, Decision, Frame, as_named
from .parameters import NicParameters
from .receiving import FUNCTION_RESET, Receiver
from .results import Meter
from .sending import Sender
from .timing import BEHIND_THE_EVENT, AtSwitch, FifoServer, Phase, later, place
from .wires import Line, Mac, OfMac, PacketPlane, let_stop


class Switch:
    """Forwards frames to the destinations that they name, or that `decide` finds."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, meter: Meter, receiver: Receiver) -> None:
        """Start the pipeline, and of each Ethernet port MAC and line; `sender` is to be set before the run."""
        self._env = env
        self._parameters = parameters
        self._meter = meter
        self._receiver = receiver
        self.sender: Sender
        receiver.room_freed, receiver.first_local = self._move_local_copies, self._first_local
        self._local: deque[Copy] = deque()
        self._received_frames = 0
        self.decide: Callable[[Frame], Decision] = as_named
        self.sending_begins: Callable[[Copy], None] = lambda _copy: None
        """Told as the MAC begins with a copy: the other end of the wire."""
        self.control_begins: Callable[[int, ControlFrame, int], None] = self._to_partner
        """The same of a control frame, by which Ethernet port, and for how long it is sent."""

        numbers = range(parameters.ethernet_ports)
        self._macs = [
            Mac(env, parameters, number, OfMac(self._begins, self._sent, self._lose, partial(self._tell, number)))
            for number in numbers
        ]
        self._lines = [Line(env, parameters, number, self._received) for number in numbers]
        self._local_class = None if parameters.planes is None else PacketPlane(parameters.planes)
        self._moves_by_class = parameters.flow_control is not None and parameters.flow_control.mode == "pfc"
        if parameters.flow_control is not None:
            for mac, line in zip(self._macs, self._lines, strict=True):
                let_stop(env, parameters, receiver.levels.over, mac, line)
            receiver.levels.changed = self.look_at_wires
            for at_fs, number, control in parameters.flow_control.received:
                self.control_comes(control, at_fs, number)
        self._buckets = {
            port: BucketOracle(rate_bps, burst_bytes)
            for port, (rate_bps, burst_bytes) in parameters.receive_limits.items()
        }
        self._pipeline: FifoServer | None = None
        if parameters.max_pps is not None:
            frame_fs = 10**15 // parameters.max_pps
            pipeline_at = place(Phase.SWITCH, AtSwitch.PIPELINE)
            self._pipeline = FifoServer(env, lambda _: frame_fs, lambda _: pipeline_at, self._leave_pipeline)
        self._buses: list[Bus] = []
        if parameters.bus_cycle_fs is not None:
            n_ports, bus_bits = len(parameters.ports) + 1, parameters.bus_bits
            self._buses = [
                Bus(env, n_ports, bus_bits, parameters.bus_cycle_fs, self._forward, number) for number in numbers
            ]

    def frames_in(self, frames: Iterable[Frame]) -> None:
        """Take the frames that go on together from the Tx buffer; local copies move before anything else is seen to."""
        for frame in frames:
            self.frame_in(frame)
        if self._local_class is not None:
            self._move_local_copies()

    def frame_in(self, frame: Frame) -> None:
        """Take a frame that is wholly in the Tx buffer, or received from the wire."""
        if self._pipeline is None:
            self._arrive(frame)
        elif frame.source == WIRE and not self._receiver.hold(frame):
            self._meter.frame_dropped(frame, "RX_BUFFER_FULL")
            self._move_local_copies()
        else:
            self._pipeline.put(frame)
            if frame.source == WIRE:  # whose line has had more room than before
                self._move_local_copies()

    def _leave_pipeline(self, frame: Frame, _: int) -> None:
        if frame.source == WIRE:
            self._receiver.release(frame)
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

    def control_comes(self, control: ControlFrame, after_fs: int, number: int = 0) -> None:
        """Learn that a control frame has come by an Ethernet port so much later than now."""
        stops = self._macs[number].stops
        if stops is not None:
            stops.comes(control, after_fs)

    def is_dead(self, number: int) -> bool:
        """Tell whether the wire of an Ethernet port is dead."""
        return number in self._parameters.dead_ports

    def flow_figures(self, span_fs: tuple[int, int]) -> FlowFigures | None:
        """Return what flow control did from one time to another."""
        pairs = zip(self._macs, self._lines, strict=True)
        ports = [(mac.teller, mac.stops, line.stops) for mac, line in pairs if mac.teller and mac.stops and line.stops]
        return figures_of(self._receiver.levels, ports, span_fs) if ports else None

    def look_at_wires(self) -> None:
        """Let each wire that is free begin with what is next there."""
        for mac in self._macs:
            mac.go_on()

    def _tell(self, number: int, control: ControlFrame, duration_fs: int) -> None:
        self.control_begins(number, control, duration_fs)

    def _to_partner(self, number: int, control: ControlFrame, duration_fs: int) -> None:
        sent_at = place(Phase.FLOW_TIMERS, FlowTimer.CONTROL_SENT, number)
        later(self._env, duration_fs, sent_at, self._come_to_partner, number, control)

    def _come_to_partner(self, number: int, control: ControlFrame) -> None:
        stops = self._lines[number].stops
        if stops is not None and number not in self._parameters.dead_ports:
            stops.comes(control)

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
                elif self._receiver.may_come(copy):
                    self._receiver.accept(copy)
                else:
                    self._meter.copy_dropped(copy, "RX_BUFFER_FULL")
            self._move_local_copies()
            return
        frame.copies_in_tx_buffer = len(copies)
        if not copies:
            self.sender.leave_buffer(frame)
        for copy in copies:
            if copy in over:
                self._meter.copy_dropped(copy, "RECEIVE_LIMIT")
                self._copy_left(copy)
            elif copy.destination == WIRE:
                self._macs[self.port_of(frame)].put(copy)
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
            self._local_class.change(self._parameters.planes)
        for mac in self._macs:
            mac.planes_changed()

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

    def _first_local(self, number: int) -> int:
        """Return the bytes of a class's first local copy that waits; 0 if none does."""
        first = self._local[0] if self._local else None
        if self._moves_by_class:
            assert self._local_class is not None
            first = self._local_class.first(number)
        return 0 if first is None else first.data_bytes

    def _next_local(self) -> Copy | None:
        """Return the local copy that moves now; with classes the next of them becomes the first, and waits as such."""
        may_move = self._receiver.may_move
        if self._local_class is not None and not self._local:
            taken = self._local_class.take(may_move if self._moves_by_class else lambda _: True)
            if taken is not None:
                self._local.append(taken[0])
        return self._local.popleft() if self._local and may_move(self._local[0]) else None

    def _move_local_copies(self) -> None:
        """Move what may move; only then is that, and what has come from the wire, seen to."""
        while (copy := self._next_local()) is not None:
            self._receiver.move(copy)
            self._copy_left(copy)
        self._receiver.see_to_all()

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

    def _lose(self, copy: Copy) -> None:
        """Drop a copy that would leave by a dead wire."""
        self._meter.copy_dropped(copy, "LINK_DOWN")
        self._copy_left(copy)

    def _begins(self, copy: Copy) -> None:
        self.sending_begins(copy)

    def _sent(self, copy: Copy, waited_fs: int) -> None:
        self._meter.mac_waited(waited_fs)
        copy.ends_fs["wire"] = self._env.now
        self._meter.copy_delivered(copy)
        self._meter.journey_over(copy, self._env.now)
        self._copy_left(copy)

    def _received(self, frame: Frame, waited_fs: int) -> None:
        self._meter.line_waited(waited_fs)
        frame.offered_fs = frame.began_fs = self._env.now
        frame.number = self._received_frames
        self._received_frames += 1
        if frame.came_by in self._parameters.dead_ports:
            self._meter.frame_dropped(frame, "LINK_DOWN")
        else:
            self.frame_in(frame)
