"""Guests: the cores they run on, and the driver of each function."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import simpy

from .frames import Copy, Frame
from .link import Direction
from .parameters import NicParameters
from .receiving import Receiver, RxRing
from .results import Meter
from .sending import Sender, TxRing
from .timing import FifoServer, Phase, place
from .writeback import send_register_write


class Work(NamedTuple):
    """One piece of a core's work: a frame to post, or a copy to take."""

    driver: Driver
    post: Frame | None
    take: Copy | None


class Core(FifoServer):
    """A core: first in, first out, `frame_time_fs` a frame."""

    def __init__(self, env: simpy.Environment, frame_time_fs: int) -> None:
        """Start the core."""
        super().__init__(
            env,
            service_fs=lambda _: frame_time_fs,
            place_of=lambda work: place(Phase.DRIVER, work.driver.port),
            done=lambda work, _: work.driver.work_done(work),
        )


class Driver:
    """The driver of one function: posts, takes, refills, rings doorbells."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        meter: Meter,
        down: Direction,
        core: Core,
        sides: tuple[tuple[Sender, TxRing], tuple[Receiver, RxRing]],
    ) -> None:
        """Serve one function's Tx and Rx rings."""
        self._env = env
        self._parameters = parameters
        self._meter = meter
        self._down = down
        self._core = core
        (self._sender, self._tx_ring), (self._receiver, self._rx_ring) = sides
        self.port = self._tx_ring.port
        self._tx_ring.slots_free = self._free_slots
        self._rx_ring.visible = self._see
        self._slots_taken = 0
        self._posts_queued = 0
        self._frames_queued = 0
        self._posted: list[Frame] = []
        """Posted since the last doorbell."""
        self._waiting: deque[Frame] = deque()
        self._endless: Iterator[Frame] | None = None
        self._descriptors_taken = 0

    def saturate(self, frames: Iterator[Frame]) -> None:
        """Keep the ring full from now on."""
        self._endless = frames
        self._queue_posts()

    def offer(self, frame: Frame, on_full: str) -> None:
        """Take an arriving frame: post it, let it wait, or drop it."""
        if on_full == "drop" and not self._has_slot():
            self._meter.frame_dropped(frame, "TX_RING_FULL")
            return
        self._waiting.append(frame)
        self._queue_posts()

    def work_done(self, work: Work) -> None:
        """Finish a piece of work of the core."""
        if work.post is not None:
            self._post(work.post)
        elif work.take is not None:
            self._take(work.take)

    def _has_slot(self) -> bool:
        return self._slots_taken < self._parameters.tx_ring - 1

    def _queue_posts(self) -> None:
        while self._has_slot() and (self._waiting or self._endless):
            frame = self._waiting.popleft() if self._endless is None else next(self._endless)
            frame.number = self._frames_queued
            self._frames_queued += 1
            self._slots_taken += 1
            self._posts_queued += 1
            self._core.put(Work(self, frame, None))

    def _free_slots(self, slots: int) -> None:
        self._slots_taken -= slots
        self._queue_posts()

    def _post(self, frame: Frame) -> None:
        frame.began_fs = self._env.now
        self._posts_queued -= 1
        self._posted.append(frame)
        if len(self._posted) >= self._parameters.tx_doorbell_batch or not self._posts_queued:
            frames, self._posted = self._posted, []
            for told in frames:
                told.doorbell_fs = told.ends_fs["driver_batch"] = self._env.now
            send_register_write(self._down, self._parameters, partial(self._sender.doorbell, self._tx_ring, frames))

    def _see(self, copies: list[Copy]) -> None:
        for copy in copies:
            copy.ends_fs["interrupt"] = self._env.now
            self._meter.copy_delivered(copy)
            self._core.put(Work(self, None, copy))

    def _take(self, copy: Copy) -> None:
        copy.ends_fs["guest_queue"] = self._env.now
        self._meter.journey_over(copy)
        self._descriptors_taken += self._receiver.descriptors_needed(copy)
        if self._descriptors_taken >= self._parameters.refill_batch:
            descriptors, self._descriptors_taken = self._descriptors_taken, 0
            received = partial(self._receiver.doorbell, self._rx_ring, descriptors)
            send_register_write(self._down, self._parameters, received)
