"""The sending side of the adapter: descriptor fetch, scheduler, payload reads, write-back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import simpy

from .cache import DescriptorCache
from .cutting import cut_ring
from .frames import Frame
from .link import Direction, Rank
from .lives import Life
from .parameters import NicParameters
from .posts import Cut, Post
from .reads import Read, ReadArbiter, ReadClass
from .scheduling import Scheduler, TxRing
from .timing import BEHIND_THE_EVENT, Phase, later, place
from .writeback import HeldDescriptors


@dataclass(slots=True, eq=False)
class Picked:
    """What has been picked at once, until it goes to the switch."""

    ring: TxRing
    post: Post
    cut: Cut
    life: Life
    is_read: bool = False


class Sender:
    """Picks frames and reads them into the Tx buffer."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        up: Direction,
        arbiter: ReadArbiter,
        frames_in: Callable[[Iterable[Frame]], None],
        cache: DescriptorCache,
    ) -> None:
        """Hand frames to `frames_in` in the order in which they were picked."""
        self._env = env
        self._parameters = parameters
        self._up = up
        self._arbiter = arbiter
        self._frames_in = frames_in
        self._cache = cache
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
                entered=lambda counts, ring=ring: ring.descriptors_entered(sum(counts)),
                landed=lambda counts, ring=ring: ring.descriptors_landed(sum(counts)),
                port=ring.port,
                ring=ring.name,
                reports_last=parameters.tx_reports_last,
                entry_bytes=parameters.completion_entry_bytes or parameters.tx_descriptor_bytes,
            )
        self.buffered_bytes = 0
        self._scheduler = Scheduler(env, parameters, self.rings, arbiter.look)
        self._picked: TxRing | None = None
        self._chosen_fs = 0
        """When that was."""
        self._reading: deque[Picked] = deque()
        arbiter.payload_class_empty = self._pick

    def doorbell(self, ring: TxRing, posts: list[Post], *, is_inline: bool = False) -> None:
        """Learn of posted frames, or sends; `is_inline`: with the one descriptor that there is."""
        self._cache.use(ring)
        has_all_before = not ring.known and not ring.requested
        for post in posts:
            post.stamp("doorbell", self._env.now)
            ring.known += post.n_descriptors
        ring.posts.extend(posts)
        if is_inline and has_all_before and ring.cached < self._cache.of(self._parameters.descriptor_cache):
            self._keep(ring)
        self._fetch_descriptors(ring)

    def _keep(self, ring: TxRing) -> None:
        """Have the descriptor that has come with its doorbell, as if it were read in no time."""
        for part in ("tx_ring", "tx_descriptor_fetch"):
            self._end(part, ring, ring.cached, 1)
        ring.known -= 1
        ring.fetch_position = (ring.fetch_position + 1) % self._parameters.tx_ring
        self._scheduler.descriptors_in(ring, 1)
        self._arbiter.look()

    def leave_buffer(self, frame: Frame) -> None:
        """Free a frame's room in the Tx buffer."""
        self.buffered_bytes -= frame.data_bytes
        self._scheduler.release(frame.tx_class, frame.data_bytes)
        if self._parameters.planes is None:
            self._arbiter.look()
        else:  # which class has room decides who is next: all that this event leads to comes before
            later(self._env, 0, BEHIND_THE_EVENT, self._arbiter.look)

    def limits_changed(self) -> None:
        """Learn that rate limits may be others: a function may go at once."""
        self._scheduler.shapers.limits_changed()
        self._scheduler.planes_changed()
        self._arbiter.look()

    def forget(self, port: int) -> None:
        """Forget the descriptors of a function that is off, and its frame that waits for room."""
        for ring in self.rings:
            if ring.port == port:
                ring.forget()
                self._cache.forget(ring)
        if self._picked is not None and self._picked.port == port:
            self._picked = None
        self._arbiter.look()

    def _fetch_descriptors(self, ring: TxRing) -> None:
        batch, most = (self._cache.of(own) for own in (self._parameters.fetch_batch, self._parameters.descriptor_cache))
        while ring.known and ring.cached + ring.requested + batch <= most:
            needed = ring.posts[0].n_descriptors if ring.posts else 1
            if ring.known < self._parameters.tx_host_threshold and ring.cached + ring.requested >= needed:
                return
            count = min(ring.known, batch - ring.fetch_position % batch)
            has_asked = ring.cached + ring.requested
            self._end("tx_ring", ring, has_asked, count)
            entries = self._parameters.tx_ring
            most_bytes, each_bytes = self._parameters.max_read_request_bytes, self._parameters.tx_descriptor_bytes
            pieces = cut_ring(ring.fetch_position, count, entries, most_bytes, each_bytes)
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
        count = n_bytes // self._parameters.tx_descriptor_bytes
        self._end("tx_descriptor_fetch", ring, ring.cached, count)
        ring.requested -= count
        self._scheduler.descriptors_in(ring, count)
        self._arbiter.look()

    def _end(self, part: str, ring: TxRing, first: int, count: int) -> None:
        """Note that a part has ended for some descriptors of a ring, counted from what is picked next."""
        of_descriptors = chain.from_iterable([post] * post.n_descriptors for post in ring.posts)
        for post in islice(of_descriptors, first, first + count):
            post.stamp(part, self._env.now)

    def _pick(self) -> None:
        """Pick frames while no payload read waits for a tag and the Tx buffer has room."""
        while not self._arbiter.has_payload_reads():
            if self._picked is None:
                self._picked = self._scheduler.pick()
                if self._picked is None:
                    break
                self._chosen_fs = self._env.now
            ring = self._picked
            parameters = self._parameters
            cut = ring.posts[0].next_cut(parameters.buffer_offset_bytes, parameters.max_read_request_bytes)
            if self.buffered_bytes + cut.data_bytes > parameters.tx_buffer_bytes:
                break
            self._picked = None
            self._read_payload(ring, ring.posts[0], cut)

    def _read_payload(self, ring: TxRing, post: Post, cut: Cut) -> None:
        for frame in cut.frames:
            frame.ends_fs["scheduler"] = self._chosen_fs
            frame.ends_fs["tx_room"] = self._env.now
            frame.tx_class = self._scheduler.class_of(ring)
        self.buffered_bytes += cut.data_bytes
        self._scheduler.hold(ring, cut.data_bytes)
        post.take(cut)
        begins = ring.next_picked * self._parameters.tx_buffer_distance_bytes
        if cut.is_last:
            ring.cached -= post.n_descriptors
            ring.posts.popleft()
            ring.not_picked.popleft()
            ring.next_picked = (ring.next_picked + post.n_descriptors) % self._parameters.tx_ring
        frame_bytes = sum(frame.frame_bytes for frame in cut.frames)
        self._scheduler.charge(ring, frame_bytes)
        if self._parameters.queue_time_fs and cut.is_last:
            self._keep_pace(ring)
        self._fetch_descriptors(ring)
        address = begins + self._parameters.buffer_offset_bytes + cut.first_byte
        picked = Picked(ring, post, cut, self._up.lives[ring.port])
        complete = partial(self._payload_in, picked)
        memory = "Tx buffers", ring.port, ring.queue
        n_bytes = cut.end_byte - cut.first_byte
        read = Read(address, n_bytes, complete, ring.port, memory, begins=begins, ends_buffer=cut.is_last)
        self._reading.append(picked)
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

    def _payload_in(self, picked: Picked) -> None:
        picked.is_read = True
        for frame in picked.cut.frames:
            frame.ends_fs["payload_read"] = self._env.now
        going_on = []
        while self._reading and self._reading[0].is_read:
            going_on.append(self._reading.popleft())
        for each in going_on:
            if each.post.mss_bytes and each.cut.is_last:
                self._done(each)
        self._frames_in(frame for each in going_on for frame in each.cut.frames)
        if not picked.post.mss_bytes:
            self._done(picked)

    def _done(self, picked: Picked) -> None:
        """Hold the descriptors of a frame, or of a send, for their write-back."""
        if not picked.life.is_over:
            n_descriptors = picked.post.n_descriptors
            picked.ring.done.hold(n_descriptors, n_descriptors)
