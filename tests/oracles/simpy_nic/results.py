"""What a run of the model reports, and the meter that gathers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import simpy

from .flow_figures import FlowFigures
from .frames import WIRE, Copy, Frame
from .jobs import Told
from .link import Direction
from .parameters import Stop
from .parts import Journey, parts_between
from .passed_flows import FlowCounts
from .timing import Phase, later, place


class Delivery(NamedTuple):
    """One copy delivered in the window; frames from the wire have no doorbell."""

    frame_index: int
    delivered_at_fs: int
    latency_fs: int
    latency_from_doorbell_fs: int | None
    destination: int


class LinkUse(NamedTuple):
    """One direction: the busy share of the window, counts of the whole run, the window's bytes by purpose."""

    busy: float
    tlps: int
    tlp_bytes: int
    dllp_bytes: int
    window_bytes: dict[str, int]


class FinalCounts(NamedTuple):
    """Counts of the whole run, and what was left in the adapter at its end."""

    offered_frames: int
    delivered_frames: int
    dropped_frames: int
    in_flight_frames: int
    copies_made: int
    copies_delivered: int
    copies_dropped: int
    copies_in_flight: int
    mirrored_made: int
    mirrored_delivered: int
    mirrored_in_flight: int
    tx_buffer_bytes: int
    rx_buffer_bytes: int
    free_tags: int


@dataclass(frozen=True)
class Outcome:
    """Figures of the window, by delivery time, except where a field says otherwise; None: nothing to average."""

    start_fs: int
    end_fs: int
    delivered_frames: int
    """Copies delivered to functions."""
    delivered_bytes: int
    """The same in bytes, FCS included."""
    wire_frames: int
    wire_bytes: int
    mean_latency_fs: float | None
    """Of all copies, to functions and to the wire."""
    mean_latency_from_doorbell_fs: float | None
    """Of the copies of frames that functions sent."""
    up: LinkUse
    down: LinkUse
    wire_wait_mean_fs: float | None
    """In the MAC's queue, of frames sent in the window."""
    line_wait_mean_fs: float | None
    """Before the line, of frames received from the wire in the window."""
    iotlb_hits: int
    iotlb_misses: int
    drops: dict[str, int]
    """By reason, in the whole run: copies, or frames that had none; no mirrored copies."""
    mirrored_drops: dict[str, int]
    """Mirrored copies lost, by reason, in the whole run."""
    counts: FinalCounts
    deliveries: list[Delivery]
    """Of the window, where the stop asks to keep them."""
    journeys: list[Journey]
    """Of the whole run, where the stop asks to keep them."""
    flow_control: FlowFigures | None = None
    told: Sequence[Told] = ()
    """Of jobs, in the whole run, in order."""
    passed: FlowCounts | None = None
    """Of the host's virtual switch, in the whole run."""

    @property
    def gbps(self) -> float:
        """Frame bits with FCS delivered to functions, in Gb/s."""
        return self.delivered_bytes * 8e6 / (self.end_fs - self.start_fs)

    @property
    def mpps(self) -> float:
        """Copies delivered to functions, in millions a second."""
        return self.delivered_frames * 1e9 / (self.end_fs - self.start_fs)


class Mean:
    """A running mean of integers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.total = 0
        self.number = 0

    def add(self, value: int) -> None:
        """Add one value."""
        self.total += value
        self.number += 1

    def value(self) -> float | None:
        """Return the mean, None of nothing."""
        return self.total / self.number if self.number else None


class Meter:
    """Counts frames and copies, opens and closes the window."""

    def __init__(self, env: simpy.Environment, stop: Stop, directions: tuple[Direction, Direction]) -> None:
        """Watch a run; `finished` fires when the window closes."""
        self._env = env
        self._stop = stop
        self._directions = directions
        self.finished = env.event()
        self.iotlb: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """To be set before the run: look-ups of the translation cache, hits and misses."""
        self._iotlb_at_start = self._iotlb_at_end = (0, 0)
        self._is_open = False
        self.start_fs = self.end_fs = 0
        self._busy_at_start_fs = self._busy_fs = (0, 0)
        self._bytes_at_start = self._bytes_of = (Counter[str](), Counter[str]())
        self._offered = self._delivered = self._dropped = 0
        self._copies_made = self._copies_delivered = self._copies_dropped = 0
        self._open_frames: set[Frame] = set()
        self._open_copies = 0
        self._drops: Counter[str] = Counter()
        self._mirrored_made = self._mirrored_delivered = 0
        self._mirrored_drops: Counter[str] = Counter()
        self._frames = self._bytes = self._wire_frames = self._wire_bytes = 0
        self._latency, self._from_doorbell = Mean(), Mean()
        self._mac_wait, self._line_wait = Mean(), Mean()
        self.delivered_to: Counter[int] = Counter()
        self.heard: Callable[[Copy], None] = lambda _copy: None
        """Told of each copy that is delivered."""
        """Copies, by the port of who has got them."""
        self.lost: Counter[int] = Counter()
        """Copies, by the port of whom they were for, and frames without copies, by their sender's."""
        self._deliveries: list[Delivery] = []
        self._journeys: list[Journey] = []
        if not stop.warmup_frames:
            later(env, stop.start_fs, place(Phase.MEASURE), self._open)
        if stop.end_fs is not None:
            later(env, stop.end_fs, place(Phase.MEASURE), self.close)

    def frame_offered(self, frame: Frame) -> None:
        """Count a frame that its sender has begun with."""
        self._offered += 1
        frame.offered_fs = self._env.now
        self._open_frames.add(frame)

    def frame_dropped(self, frame: Frame, reason: str) -> None:
        """Count a frame of which no copy was made."""
        self._drops[reason] += 1
        self.lost[frame.source] += 1
        self._lose(frame)

    def copies_made(self, frame: Frame, copies: list[Copy], reason: str) -> None:
        """Count a frame's copies; none at all is a drop, for this reason."""
        self._copies_made += len(copies)
        self._open_copies += len(copies)
        frame.copies_open = len(copies)
        if not copies:
            self.frame_dropped(frame, reason)

    def mirrored_made(self, copies: int) -> None:
        """Count a frame's mirrored copies, which are no part of its fate."""
        self._mirrored_made += copies

    def copy_dropped(self, copy: Copy, reason: str) -> None:
        """Count a lost copy, and its frame if it was the last and none was delivered."""
        if copy.is_mirrored:
            self._mirrored_drops[reason] += 1
            return
        self._drops[reason] += 1
        self.lost[copy.destination if copy.destination != WIRE else copy.frame.source] += 1
        self._copies_dropped += 1
        self._open_copies -= 1
        copy.frame.copies_open -= 1
        if not copy.frame.copies_open and not copy.frame.delivered:
            self._lose(copy.frame)

    def _lose(self, frame: Frame) -> None:
        self._dropped += 1
        self._open_frames.remove(frame)

    def copy_delivered(self, copy: Copy) -> None:
        """Count a copy that is visible to its guest, or sent on the wire."""
        if copy.is_mirrored:
            self._mirrored_delivered += 1
            return
        frame = copy.frame
        self.heard(copy)
        self._copies_delivered += 1
        self.delivered_to[copy.destination] += 1
        self._open_copies -= 1
        frame.copies_open -= 1
        if not frame.delivered:
            frame.delivered = True
            self._delivered += 1
            self._open_frames.remove(frame)
        if self._is_open:
            self._measure(copy)
        self._count_down()

    def _measure(self, copy: Copy) -> None:
        frame, now_fs = copy.frame, self._env.now
        if copy.destination == WIRE:
            self._wire_frames += 1
            self._wire_bytes += copy.frame_bytes
        else:
            self._frames += 1
            self._bytes += copy.frame_bytes
        latency_fs = now_fs - frame.began_fs
        self._latency.add(latency_fs)
        from_doorbell_fs = None if frame.doorbell_fs is None else now_fs - frame.doorbell_fs
        if from_doorbell_fs is not None:
            self._from_doorbell.add(from_doorbell_fs)
        if self._stop.keep_deliveries:
            delivery = Delivery(frame.index, now_fs, latency_fs, from_doorbell_fs, copy.destination)
            self._deliveries.append(delivery)

    def journey_over(self, copy: Copy, taken_fs: int) -> None:
        """Note when the guest has taken a copy, or the wire has had it."""
        if not self._stop.keep_journeys or copy.is_mirrored:
            return
        frame = copy.frame
        parts_fs = parts_between(frame.began_fs, frame.ends_fs | copy.ends_fs)
        about = frame.source, frame.number, copy.destination
        self._journeys.append(Journey(*about, frame.offered_fs, frame.began_fs, parts_fs, taken_fs))

    def mac_waited(self, waited_fs: int) -> None:
        """Note how long a frame waited for the MAC."""
        if self._is_open:
            self._mac_wait.add(waited_fs)

    def line_waited(self, waited_fs: int) -> None:
        """Note how long a frame waited for the line."""
        if self._is_open:
            self._line_wait.add(waited_fs)

    def _count_down(self) -> None:
        """Open or close a window by number at the end of the instant that reaches it."""
        warmup_frames, frames = self._stop.warmup_frames, self._stop.frames
        if warmup_frames and self._copies_delivered == warmup_frames:
            later(self._env, 0, place(Phase.MEASURE), self._open)
        if frames is not None and self._copies_delivered == (warmup_frames or 0) + frames:
            later(self._env, 0, place(Phase.MEASURE), self.close)

    def _open(self) -> None:
        self._is_open = True
        self.start_fs = self._env.now
        self._busy_at_start_fs = self._busy_now()
        self._bytes_at_start = self._bytes_now()
        self._iotlb_at_start = self.iotlb()

    def close(self) -> None:
        """Close the window and end the run."""
        self._is_open = False
        self.end_fs = self._env.now
        self._busy_fs = self._busy_now()
        self._bytes_of = self._bytes_now()
        self._iotlb_at_end = self.iotlb()
        self.finished.succeed()

    def _busy_now(self) -> tuple[int, int]:
        return self._directions[0].busy_fs(), self._directions[1].busy_fs()

    def _bytes_now(self) -> tuple[Counter[str], Counter[str]]:
        return self._directions[0].bytes_of.copy(), self._directions[1].bytes_of.copy()

    def outcome(self, buffers_and_tags: Callable[[], tuple[int, int, int]]) -> Outcome:
        """Return the figures of the finished run."""
        window_fs = max(1, self.end_fs - self.start_fs)
        up, down = (
            LinkUse(
                busy=(self._busy_fs[i] - self._busy_at_start_fs[i]) / window_fs,
                tlps=direction.tlps,
                tlp_bytes=direction.tlp_bytes,
                dllp_bytes=direction.dllp_bytes,
                window_bytes=dict(self._bytes_of[i] - self._bytes_at_start[i]),
            )
            for i, direction in enumerate(self._directions)
        )
        counts = FinalCounts(
            *(self._offered, self._delivered, self._dropped, len(self._open_frames)),
            *(self._copies_made, self._copies_delivered, self._copies_dropped, self._open_copies),
            *(self._mirrored_made, self._mirrored_delivered),
            self._mirrored_made - self._mirrored_delivered - self._mirrored_drops.total(),
            *buffers_and_tags(),
        )
        return Outcome(
            start_fs=self.start_fs,
            end_fs=self.end_fs,
            delivered_frames=self._frames,
            delivered_bytes=self._bytes,
            wire_frames=self._wire_frames,
            wire_bytes=self._wire_bytes,
            mean_latency_fs=self._latency.value(),
            mean_latency_from_doorbell_fs=self._from_doorbell.value(),
            up=up,
            down=down,
            wire_wait_mean_fs=self._mac_wait.value(),
            line_wait_mean_fs=self._line_wait.value(),
            iotlb_hits=self._iotlb_at_end[0] - self._iotlb_at_start[0],
            iotlb_misses=self._iotlb_at_end[1] - self._iotlb_at_start[1],
            drops=dict(self._drops),
            mirrored_drops=dict(self._mirrored_drops),
            counts=counts,
            deliveries=self._deliveries,
            journeys=self._journeys,
        )
