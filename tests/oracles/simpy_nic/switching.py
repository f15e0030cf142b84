"""From the Tx buffer to the Rx buffer and the wire; frames from the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import simpy

from .bus import Bus
from .frames import WIRE, Copy, Decision, Frame, as_named
from .parameters import NicParameters
from .receiving import FUNCTION_RESET, Receiver
from .results import Meter
from .sending import Sender
from .timing import AtSwitch, FifoServer, Phase, place

MIN_DATA_BYTES = 60
WIRE_OVERHEAD_BYTES = 24
"""FCS 4, preamble and start of frame 8, gap 12 (IEEE 802.3)."""


def wire_fs(data_bytes: int, rate_bps: int) -> int:
    """Return a frame's time on the wire, with preamble and gap."""
    return (max(data_bytes, MIN_DATA_BYTES) + WIRE_OVERHEAD_BYTES) * 8 * 10**15 // rate_bps


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
        if frame.source == WIRE:
            for copy in copies:
                if self._receiver.fits(copy):
                    self._receiver.accept(copy)
                else:
                    self._meter.copy_dropped(copy, "RX_BUFFER_FULL")
            return
        frame.copies_in_tx_buffer = len(copies)
        if not copies:
            self.sender.leave_buffer(frame)
        for copy in copies:
            if copy.destination == WIRE:
                self._to_mac(copy)
            else:
                self._local.append(copy)
        self._move_local_copies()

    def _move_local_copies(self) -> None:
        while self._local and self._receiver.fits(self._local[0]):
            copy = self._local.popleft()
            self._receiver.accept(copy)
            self._copy_left(copy)

    def forget(self, port: int) -> None:
        """Drop the local copies for a function that is off."""
        for copy in [each for each in self._local if each.destination == port]:
            self._local.remove(copy)
            self._meter.copy_dropped(copy, FUNCTION_RESET)
            self._copy_left(copy)

    def _copy_left(self, copy: Copy) -> None:
        copy.frame.copies_in_tx_buffer -= 1
        if not copy.frame.copies_in_tx_buffer:
            self.sender.leave_buffer(copy.frame)

    def _to_mac(self, copy: Copy) -> None:
        number = self.port_of(copy.frame)
        if number in self._parameters.dead_ports and not self._are_sending[number]:
            self._lose(copy)
        else:
            self._are_sending[number] += 1
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
        self._meter.mac_waited(waited_fs)
        copy.ends_fs["wire"] = self._env.now
        self._meter.copy_delivered(copy)
        self._meter.journey_over(copy)
        self._copy_left(copy)
        if number in self._parameters.dead_ports:
            for waiting in self._macs[number].take_all():
                self._are_sending[number] -= 1
                self._lose(waiting)

    def _received(self, frame: Frame, waited_fs: int) -> None:
        self._meter.line_waited(waited_fs)
        frame.offered_fs = frame.began_fs = self._env.now
        frame.number = self._received_frames
        self._received_frames += 1
        if frame.came_by in self._parameters.dead_ports:
            self._meter.frame_dropped(frame, "LINK_DOWN")
        else:
            self.frame_in(frame)
