"""Counts the frames of the whole system: where each is offered, delivered and dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import simpy

from ..simpy_nic import Stop
from ..simpy_nic.frames import WIRE, Copy, Frame
from ..simpy_nic.link import Direction
from ..simpy_nic.parts import parts_between
from ..simpy_nic.results import Meter
from ..simpy_nic.timing import Phase, later, place
from .relay import FCS_BYTES
from .results import SYSTEM_PARTS, Delivery, Journey


class Ledger:
    """A frame is delivered when the first of its copies is, unless a bridge or a wire has made several frames of it."""

    def __init__(self, env: simpy.Environment, stop: Stop) -> None:
        """Begin with nothing; `finished` fires when the window closes."""
        self._env = env
        self.finished = env.event()
        self.start_fs = self.end_fs = 0
        self.offered = self.replicated = self.delivered = self.dropped = 0
        self.drops: Counter[tuple[str, str]] = Counter()
        self.deliveries: list[Delivery] = []
        self.delivered_raw: list[bytes] = []
        self.journeys: list[Journey] = []
        self._open: dict[Frame, int] = {}
        """Of frames of which no copy is delivered yet: how many are left in their adapter."""
        self._has_several: set[Frame] = set()
        """Copies; the one for the wire is a frame of its own when it has left."""
        self.window_opens: Callable[[], None] = lambda: None
        self.window_closes: Callable[[], None] = lambda: None
        later(env, stop.start_fs, place(Phase.MEASURE), self._open_window)
        if stop.end_fs is not None:
            # After the meters of the servers.
            later(env, stop.end_fs, place(Phase.MEASURE, 1), self.close)

    def _open_window(self) -> None:
        self.start_fs = self._env.now
        self.window_opens()

    def close(self) -> None:
        """Close the window and end the run."""
        self.end_fs = self._env.now
        self.window_closes()
        self.finished.succeed()

    @property
    def in_flight(self) -> int:
        """Return how many frames are neither delivered nor dropped."""
        return self.offered + self.replicated - self.delivered - self.dropped

    def frame_dropped(self, where: str, reason: str) -> None:
        """Count a frame that goes no further."""
        self.drops[where, reason] += 1
        self.dropped += 1

    def copies_made(self, frame: Frame, copies: list[Copy]) -> None:
        """Note an adapter's copies."""
        if copies:
            self._open[frame] = len(copies)
        if len(copies) > 1:
            self._has_several.add(frame)

    def left_by_wire(self, frame: Frame) -> None:
        """Note that a copy has left its adapter; beside others it is a frame of its own from here."""
        if frame in self._has_several:
            self.replicated += 1
            self._lose_one(frame)
        else:
            del self._open[frame]

    def _lose_one(self, frame: Frame) -> None:
        if frame in self._open:
            self._open[frame] -= 1
            if not self._open[frame]:
                del self._open[frame]
                self.dropped += 1

    def copy_dropped(self, where: str, copy: Copy, reason: str) -> None:
        """Count a lost copy, and its frame if it was the last and none was delivered."""
        self.drops[where, reason] += 1
        self._lose_one(copy.frame)

    def copy_delivered(self, copy: Copy, receiver: str) -> None:
        """Count a copy that a function can see."""
        if copy.frame in self._open:
            del self._open[copy.frame]
            self.delivered += 1
        self._note(copy.frame, receiver, copy.frame.raw if copy.raw is None else copy.raw)

    def came_outside(self, frame: Frame, receiver: str) -> None:
        """Count a frame that has come to a station outside."""
        self.delivered += 1
        self._note(frame, receiver, frame.raw)
        self.journey_over(frame, frame.ends_fs, receiver, self._env.now)

    def _note(self, frame: Frame, receiver: str, raw: bytes | None) -> None:
        assert raw is not None
        latency_fs = self._env.now - frame.began_fs
        self.deliveries.append(Delivery(self._env.now, frame.sender, receiver, len(raw) + FCS_BYTES, latency_fs))
        self.delivered_raw.append(raw)

    def journey_over(self, frame: Frame, ends_fs: dict[str, int], receiver: str, taken_fs: int) -> None:
        """Note a finished journey."""
        parts_fs = parts_between(frame.began_fs, ends_fs, SYSTEM_PARTS)
        about = frame.sender, frame.number, receiver
        self.journeys.append(Journey(*about, frame.offered_fs, frame.began_fs, parts_fs, taken_fs))


class ServerMeter(Meter):
    """A server's own meter, which tells the ledger of the system too."""

    def __init__(
        self,
        env: simpy.Environment,
        stop: Stop,
        directions: tuple[Direction, Direction],
        ledger: Ledger,
        where: str,
        station_of: Callable[[int], str],
    ) -> None:
        """Count for one server, whose functions have names in the system."""
        super().__init__(env, stop, directions)
        self._ledger = ledger
        self._where = where
        self._station_of = station_of

    def frame_dropped(self, frame: Frame, reason: str) -> None:
        """Count a frame of which no copy was made."""
        super().frame_dropped(frame, reason)
        self._ledger.frame_dropped(self._where, reason)

    def copies_made(self, frame: Frame, copies: list[Copy], reason: str) -> None:
        """Count a frame's copies; none at all is a drop, for this reason."""
        super().copies_made(frame, copies, reason)
        self._ledger.copies_made(frame, copies)

    def copy_dropped(self, copy: Copy, reason: str) -> None:
        """Count a lost copy."""
        super().copy_dropped(copy, reason)
        if not copy.is_mirrored:
            self._ledger.copy_dropped(self._where, copy, reason)

    def copy_delivered(self, copy: Copy) -> None:
        """Count a copy that is visible to its guest; one sent on the wire has not arrived yet."""
        super().copy_delivered(copy)
        if copy.destination == WIRE:
            self._ledger.left_by_wire(copy.frame)
        elif not copy.is_mirrored:
            self._ledger.copy_delivered(copy, self._station_of(copy.destination))

    def journey_over(self, copy: Copy, taken_fs: int) -> None:
        """Note when the guest has taken a copy."""
        if not copy.is_mirrored and copy.destination != WIRE:
            ends_fs = copy.frame.ends_fs | copy.ends_fs
            self._ledger.journey_over(copy.frame, ends_fs, self._station_of(copy.destination), taken_fs)
