"""The receiving side of the adapter: Rx buffer, descriptors, payload writes, write-back, events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import simpy

from .cutting import DESCRIPTOR_BYTES, Uncut, cut_ring, write_bytes
from .engines import Kind, Operation
from .frames import Copy
from .link import Direction, Rank, Transaction, nothing
from .lives import Life
from .parameters import NicParameters
from .reads import Read, ReadArbiter, ReadClass
from .results import Meter
from .timing import Phase, place
from .writeback import HeldDescriptors

FUNCTION_RESET = "FUNCTION_RESET"


def _posted_at_start(parameters: NicParameters, port: int, queue: int) -> int:
    """Return the Rx descriptors that a driver has posted as it begins: none where its function is off."""
    is_off = port in parameters.ports_off
    return 0 if is_off else parameters.rx_ring - 1 - parameters.taken_before.get((port, queue), 0)


class RxRing:
    """What the adapter knows of one Rx ring."""

    def __init__(self, port: int, queue: int, posted: int) -> None:
        """Begin with the descriptors posted at the start."""
        self.port = port
        self.queue = queue
        self.name = "Rx ring", port, queue
        self.known = posted
        self.requested = 0
        self.cached = 0
        self.fetch_position = 0
        self.next_taken = 0
        """The place in the ring of the descriptor that the next frame takes first."""
        self.taken: dict[Copy, None] = {}
        """Whose descriptors are taken, and which are not yet visible, in ring order."""
        self.unsent: dict[Copy, None] = {}
        """Of those whose last TLP is not yet chosen."""
        self.in_room: dict[Copy, None] = {}
        """Of those whose last TLP has not left."""
        self.written: HeldDescriptors
        self.frames_entered: Callable[[list[Copy]], None]
        """Told as a write-back enters P, and as the host has it: the frames in it."""
        self.frames_landed: Callable[[list[Copy]], None]

    def forget(self) -> None:
        """Forget all descriptors and frames, and begin at the first of the ring."""
        for copies in (self.taken, self.unsent, self.in_room):
            copies.clear()
        self.known = self.requested = self.cached = 0
        self.fetch_position = self.next_taken = 0
        self.written.forget()


class Receiver:
    """Writes the frames of the Rx buffer to the guests, one at a time."""

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, meter: Meter, up: Direction, arbiter: ReadArbiter
    ) -> None:
        """Begin with an empty Rx buffer; `room_freed` is to be set before the run."""
        self._env = env
        self._parameters = parameters
        self._meter = meter
        self._up = up
        self._arbiter = arbiter
        self.rings = {
            (port, queue): RxRing(port, queue, _posted_at_start(parameters, port, queue))
            for port in parameters.ports
            for queue in range(parameters.queues_per_vf)
        }
        for ring in self.rings.values():
            ring.written = HeldDescriptors(
                env,
                parameters,
                up,
                rank=Rank.RX_WRITEBACK,
                timer_place=place(Phase.RX_TIMERS, ring.port, ring.queue),
                ring_entries=parameters.rx_ring,
                batch=parameters.rx_writeback_batch,
                entered=partial(self._writeback_entered, ring),
                landed=partial(self._writeback_landed, ring),
                port=ring.port,
                ring=ring.name,
            )
        self.buffered_bytes = 0
        self.room_freed: Callable[[], None] = nothing
        self._waiting: deque[Copy] = deque()
        """In the Rx buffer, the DMA engine has not yet taken them."""
        self._writing = 0
        """Frames that it has taken and not all of whose TLPs are chosen."""
        self._most_writing = parameters.dma_write.outstanding if parameters.dma_write else 1
        self._is_advancing = False
        self._has_dropped = False

    def fits(self, copy: Copy) -> bool:
        """Tell whether the Rx buffer has room for a copy."""
        return self.buffered_bytes + copy.data_bytes <= self._parameters.rx_buffer_bytes

    def hold(self, n_bytes: int) -> bool:
        """Take room for a frame that is not yet switched, if there is enough."""
        has_room = self.buffered_bytes + n_bytes <= self._parameters.rx_buffer_bytes
        self.buffered_bytes += n_bytes * has_room
        return has_room

    def release(self, n_bytes: int) -> None:
        """Give back what `hold` took."""
        self.buffered_bytes -= n_bytes

    def accept(self, copy: Copy) -> None:
        """Take a copy into the Rx buffer."""
        copy.ends_fs["rx_room"] = self._env.now
        self.buffered_bytes += copy.data_bytes
        self._waiting.append(copy)
        self._advance()

    def start(self) -> None:
        """Prefetch the first descriptors of every ring."""
        for ring in self.rings.values():
            self._prefetch(ring)

    def forget(self, port: int) -> None:
        """Forget a function that is off: what its rings have, with its room, and its copies in the Rx buffer."""
        for ring in self.rings.values():
            if ring.port != port:
                continue
            for copy in ring.taken:
                self._meter.copy_dropped(copy, FUNCTION_RESET)
            self._writing -= len(ring.unsent)
            self.buffered_bytes -= sum(copy.data_bytes for copy in ring.in_room)
            ring.forget()
        for copy in [each for each in self._waiting if each.destination == port]:
            self._waiting.remove(copy)
            self._meter.copy_dropped(copy, FUNCTION_RESET)
            self.buffered_bytes -= copy.data_bytes

    def go_on(self) -> None:
        """See to what the room and the engine can be used for, that functions which are off have left."""
        self.room_freed()
        self._advance()

    def doorbell(self, ring: RxRing, descriptors: int) -> None:
        """Learn of posted descriptors."""
        ring.known += descriptors
        self._prefetch(ring)
        self._advance()

    def _prefetch(self, ring: RxRing) -> None:
        batch = self._parameters.rx_fetch_batch
        while (
            ring.cached + ring.requested < self._parameters.rx_prefetch
            and ring.known >= (count := batch - ring.fetch_position % batch)
            and ring.cached + ring.requested + batch <= self._parameters.descriptor_cache
        ):
            self._request(ring, count)

    def _request(self, ring: RxRing, count: int) -> None:
        entries = self._parameters.rx_ring
        pieces = cut_ring(ring.fetch_position, count, entries, self._parameters.max_read_request_bytes)
        ring.known -= count
        ring.requested += count
        ring.fetch_position = (ring.fetch_position + count) % entries
        life = self._up.lives[ring.port]
        reads = [
            Read(at, n_bytes, partial(self._descriptors_in, ring, n_bytes, life), ring.port, ring.name)
            for at, n_bytes in pieces
        ]
        self._arbiter.request(ReadClass.RX_DESCRIPTOR, reads)

    def _descriptors_in(self, ring: RxRing, n_bytes: int, life: Life) -> None:
        if life.is_over:
            return
        ring.requested -= n_bytes // DESCRIPTOR_BYTES
        ring.cached += n_bytes // DESCRIPTOR_BYTES
        self._advance()

    def descriptors_needed(self, copy: Copy) -> int:
        """Return the Rx descriptors that a copy takes."""
        room = self._parameters.buffer_bytes - self._parameters.buffer_offset_bytes
        return -(-copy.data_bytes // room)

    def _advance(self) -> None:
        """Serve the head of the Rx buffer for as long as something can be done with it."""
        if self._is_advancing:
            return
        self._is_advancing = True
        while self._waiting and self._serve_head(self._waiting[0]):
            pass
        self._is_advancing = False
        if self._has_dropped:
            self._has_dropped = False
            self.room_freed()

    def _serve_head(self, copy: Copy) -> bool:
        """Fetch what the head lacks, then write or drop it; return whether it is gone."""
        if self._writing < self._most_writing:
            copy.ends_fs.setdefault("rx_buffer", self._env.now)
        ring = self.rings[copy.destination, copy.frame.rss_hash % self._parameters.queues_per_vf]
        needed = self.descriptors_needed(copy)
        if ring.cached + ring.requested + ring.known < needed:
            if self._parameters.drop_enable:
                self._waiting.popleft()
                self._meter.copy_dropped(copy, "NO_DESCRIPTOR")
                self.buffered_bytes -= copy.data_bytes
                self._has_dropped = True
            return self._parameters.drop_enable
        on_demand = self._parameters.rx_fetch_batch if self._parameters.rx_prefetch else 1
        while ring.cached + ring.requested < needed:
            cache_room = self._parameters.descriptor_cache - ring.cached - ring.requested
            self._request(ring, min(ring.known, on_demand - ring.fetch_position % on_demand, cache_room))
        if self._writing == self._most_writing or ring.cached < needed:
            return False
        self._waiting.popleft()
        self._write(ring, copy, needed)
        return True

    def _write(self, ring: RxRing, copy: Copy, descriptors: int) -> None:
        copy.ends_fs["rx_descriptor"] = self._env.now
        self._writing += 1
        for copies in (ring.taken, ring.unsent, ring.in_room):
            copies[copy] = None
        for i in range(descriptors):
            self._write_buffer(ring, copy, i, is_last=i == descriptors - 1)
        ring.next_taken = (ring.next_taken + descriptors) % self._parameters.rx_ring
        ring.written.hold(copy, descriptors)
        ring.cached -= descriptors
        self._prefetch(ring)

    def _write_buffer(self, ring: RxRing, copy: Copy, number: int, *, is_last: bool) -> None:
        """Write what the frame's buffer of this number holds."""
        parameters, offset = self._parameters, self._parameters.buffer_offset_bytes
        room = parameters.buffer_bytes - offset
        n_bytes = min(copy.data_bytes - number * room, room)
        begins = (ring.next_taken + number) % parameters.rx_ring * parameters.buffer_bytes
        transaction = Transaction(
            parameters.request_header_bytes,
            Uncut(begins + offset, n_bytes, parameters, write_bytes),
            received=nothing,
            operation=Operation(Kind.WRITE, n_bytes),
            port=ring.port,
            memory=("Rx buffers", ring.port, ring.queue),
            ends_buffer=True,
        )
        if is_last:
            transaction.arrived = partial(self._end, "payload_write", [copy])
            transaction.chosen = partial(self._payload_chosen, ring, copy)
            transaction.left = partial(self._free_room, ring, copy)
        self._up.enter_posted(transaction)

    def _end(self, part: str, copies: list[Copy]) -> None:
        """Note that a part has ended for some copies."""
        for copy in copies:
            copy.ends_fs[part] = self._env.now

    def _payload_chosen(self, ring: RxRing, copy: Copy) -> None:
        del ring.unsent[copy]
        self._writing -= 1
        self._advance()

    def _free_room(self, ring: RxRing, copy: Copy) -> None:
        del ring.in_room[copy]
        self.buffered_bytes -= copy.data_bytes
        self.room_freed()

    def _writeback_entered(self, ring: RxRing, copies: list[Copy]) -> None:
        self._end("writeback_batch", copies)
        ring.frames_entered(copies)

    def _writeback_landed(self, ring: RxRing, copies: list[Copy]) -> None:
        self._end("writeback", copies)
        ring.frames_landed(copies)
