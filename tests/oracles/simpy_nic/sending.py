"""The sending side of the adapter: descriptor fetch, scheduler, payload reads, write-back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice

import simpy

from .cutting import DESCRIPTOR_BYTES, cut_ring
from .frames import Frame
from .link import Direction, Rank
from .lives import Life
from .parameters import NicParameters
from .reads import Read, ReadArbiter, ReadClass
from .scheduling import Scheduler, TxRing
from .timing import Phase, later, place
from .writeback import HeldDescriptors


class Sender:
    """Picks frames and reads them into the Tx buffer."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        up: Direction,
        arbiter: ReadArbiter,
        frame_in: Callable[[Frame], None],
    ) -> None:
        """Hand frames to `frame_in` in the order in which they were picked."""
        self._env = env
        self._parameters = parameters
        self._up = up
        self._arbiter = arbiter
        self._frame_in = frame_in
        self.rings = [TxRing(port, queue) for port in parameters.ports for queue in range(parameters.queues_per_vf)]
        for ring in self.rings:
            ring.done = HeldDescriptors(
                env,
                parameters,
                up,
                rank=Rank.TX_WRITEBACK,
                timer_place=place(Phase.TX_TIMERS, ring.port, ring.queue),
                ring_entries=parameters.tx_ring,
                batch=parameters.tx_writeback_batch,
                entered=lambda frames, ring=ring: ring.descriptors_entered(len(frames)),
                landed=lambda frames, ring=ring: ring.descriptors_landed(len(frames)),
                port=ring.port,
                ring=ring.name,
            )
        self.buffered_bytes = 0
        self._scheduler = Scheduler(env, parameters, self.rings, arbiter.look)
        self._picked: TxRing | None = None
        self._reading: deque[Frame] = deque()
        arbiter.payload_class_empty = self._pick

    def doorbell(self, ring: TxRing, frames: list[Frame]) -> None:
        """Learn of posted frames."""
        for frame in frames:
            frame.ends_fs["doorbell"] = self._env.now
        ring.frames.extend(frames)
        ring.known += len(frames)
        self._fetch_descriptors(ring)

    def leave_buffer(self, frame: Frame) -> None:
        """Free a frame's room in the Tx buffer."""
        self.buffered_bytes -= frame.data_bytes
        self._arbiter.look()

    def limits_changed(self) -> None:
        """Learn that rate limits may be others: a function may go at once."""
        self._scheduler.shapers.limits_changed()
        self._arbiter.look()

    def forget(self, port: int) -> None:
        """Forget the descriptors of a function that is off, and its frame that waits for room."""
        for ring in self.rings:
            if ring.port == port:
                ring.forget()
        if self._picked is not None and self._picked.port == port:
            self._picked = None
        self._arbiter.look()

    def _fetch_descriptors(self, ring: TxRing) -> None:
        batch = self._parameters.fetch_batch
        while ring.known and ring.cached + ring.requested + batch <= self._parameters.descriptor_cache:
            count = min(ring.known, batch - ring.fetch_position % batch)
            has_asked = ring.cached + ring.requested
            self._end("tx_ring", ring, has_asked, count)
            entries = self._parameters.tx_ring
            pieces = cut_ring(ring.fetch_position, count, entries, self._parameters.max_read_request_bytes)
            ring.known -= count
            ring.requested += count
            ring.fetch_position = (ring.fetch_position + count) % entries
            life = self._up.lives[ring.port]
            reads = [
                Read(at, n_bytes, partial(self._descriptors_in, ring, n_bytes, life), ring.port, ring.name)
                for at, n_bytes in pieces
            ]
            self._arbiter.request(ReadClass.TX_DESCRIPTOR, reads)

    def _descriptors_in(self, ring: TxRing, n_bytes: int, life: Life) -> None:
        if life.is_over:
            return
        self._end("tx_descriptor_fetch", ring, ring.cached, n_bytes // DESCRIPTOR_BYTES)
        ring.requested -= n_bytes // DESCRIPTOR_BYTES
        self._scheduler.descriptors_in(ring, n_bytes // DESCRIPTOR_BYTES)
        self._arbiter.look()

    def _end(self, part: str, ring: TxRing, first: int, count: int) -> None:
        """Note that a part has ended for some frames of a ring, counted from the one that is picked next."""
        for frame in islice(ring.frames, first, first + count):
            frame.ends_fs[part] = self._env.now

    def _pick(self) -> None:
        """Pick frames while no payload read waits for a tag and the Tx buffer has room."""
        while not self._arbiter.has_payload_reads():
            if self._picked is None:
                self._picked = self._scheduler.pick()
                if self._picked is None:
                    break
                self._end("scheduler", self._picked, 0, 1)
            ring = self._picked
            frame = ring.frames[0]
            if self.buffered_bytes + frame.data_bytes > self._parameters.tx_buffer_bytes:
                break
            self._picked = None
            self._read_payload(ring, frame)

    def _read_payload(self, ring: TxRing, frame: Frame) -> None:
        self._end("tx_room", ring, 0, 1)
        self.buffered_bytes += frame.data_bytes
        ring.cached -= 1
        ring.frames.popleft()
        ring.not_picked.popleft()
        self._scheduler.shapers.charge(ring.port, frame.frame_bytes)
        self._scheduler.guarantees.charge(ring.port, frame.frame_bytes)
        if self._parameters.queue_time_fs:
            self._keep_pace(ring)
        self._fetch_descriptors(ring)
        begins = ring.next_picked * self._parameters.tx_buffer_distance_bytes
        ring.next_picked = (ring.next_picked + 1) % self._parameters.tx_ring
        address = begins + self._parameters.buffer_offset_bytes
        complete = partial(self._payload_in, ring, frame, self._up.lives[ring.port])
        memory = "Tx buffers", ring.port, ring.queue
        read = Read(address, frame.data_bytes, complete, ring.port, memory, begins=begins, ends_buffer=True)
        frame.is_read = False
        self._reading.append(frame)
        self._arbiter.request(ReadClass.PAYLOAD, [read])

    def _keep_pace(self, ring: TxRing) -> None:
        each_fs, now_fs = self._parameters.queue_time_fs, self._env.now
        ring.pace_fs = max(ring.pace_fs, now_fs) + each_fs
        wait_fs = ring.pace_fs - (self._parameters.descriptor_cache - 1) * each_fs - now_fs
        if wait_fs > 0:
            ring.is_paused = True
            later(self._env, wait_fs, place(Phase.TX_TIMERS, ring.port, ring.queue), self._go_on, ring)

    def _go_on(self, ring: TxRing) -> None:
        self._scheduler.pause_over(ring)
        self._arbiter.look()

    def _payload_in(self, ring: TxRing, frame: Frame, life: Life) -> None:
        frame.is_read = True
        frame.ends_fs["payload_read"] = self._env.now
        while self._reading and self._reading[0].is_read:
            self._frame_in(self._reading.popleft())
        if not life.is_over:
            ring.done.hold(frame)
