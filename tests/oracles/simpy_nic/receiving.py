"""The receiving side of the adapter: Rx buffer, descriptors, payload writes, write-back, events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import simpy

from .cache import DescriptorCache
from .cutting import RX_DESCRIPTOR_BYTES, Uncut, cut_ring, write_bytes
from .engines import Kind, Operation
from .flow_control import Levels
from .frames import Copy, Frame
from .link import Direction, Rank, Transaction, nothing
from .lives import Life
from .parameters import NicParameters
from .reads import Read, ReadArbiter, ReadClass
from .results import Meter
from .timing import Phase, later, place
from .writeback import HeldDescriptors

FUNCTION_RESET = "FUNCTION_RESET"


def _posted_at_start(parameters: NicParameters, port: int, queue: int) -> int:
    """Return the Rx descriptors that a driver has posted as it begins: none where its function is off."""
    is_off = port in parameters.ports_off
    return 0 if is_off else parameters.rx_ring - 1 - parameters.taken_before.get((port, queue), 0)


def _kind(copy: Copy) -> tuple[int, int, bytes | None]:
    """Return what copies of one receive have in common."""
    return copy.frame.source, copy.destination, copy.frame.raw and copy.frame.raw[:14]


@dataclass(slots=True, eq=False)
class OpenReceive:
    """Frames that have come one behind the other and become one receive; a frame alone is one too."""

    kind: tuple[int, int, bytes | None]
    copies: list[Copy] = field(default_factory=list)
    descriptors: int = 0
    n_bytes: int = 0
    room_left: int = 0
    """In its last buffer."""
    begun_in_last: int = 0
    """Frames that begin there."""
    next_address: int = 0
    """Behind the last byte that is written there."""

    def more_buffers(self, n_bytes: int, room: int) -> int:
        """Return how many further buffers so many bytes begin."""
        return max(0, -(-(n_bytes - self.room_left) // room))


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
        self.waiting_bytes = 0
        """Of a guest's ring of the host's virtual switch: laid there, and not taken."""
        self.open: OpenReceive | None = None
        """To which the next frame may be added."""
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
        self.open = None
        self.written.forget()


@dataclass(slots=True)
class LineTurns:
    """What has come by a line, in bytes, what of it found no room, and the last frame that did not."""

    came: int = 0
    lost: int = 0
    last: int = 0


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
                entry_bytes=parameters.completion_entry_bytes or RX_DESCRIPTOR_BYTES,
            )
        self._flow = flow = parameters.flow_control
        self.levels = Levels(env, [parameters.rx_buffer_bytes] if flow is None else flow.part_bytes, flow)
        self.room_freed: Callable[[], None] = nothing
        self.cache = DescriptorCache(parameters)
        self.cache.shrunk = self._shrink
        self._lists: list[deque[Copy]] = [deque() for _ in self.levels.held_bytes]
        """By class, in the Rx buffer: the DMA engine has not yet taken them."""
        self._chooses = flow is not None and flow.mode == "pfc"
        self._chosen: Copy | None = None
        """Where there are parts, the one that is taken next; it has left its list."""
        self._next_list = 0
        self._lines_of = [{at: LineTurns() for at in range(parameters.ethernet_ports)} for _ in self.levels.held_bytes]
        """By class and Ethernet port."""
        self._moved = [0 for _ in self.levels.held_bytes]
        """By class: bytes of local copies that have come in, as far as they are remembered."""
        self.first_local: Callable[[int], int] = lambda _number: 0
        """Tells the bytes of a class's first local copy that waits; 0: none does."""
        self._writing = 0
        """Frames that it has taken and not all of whose TLPs are chosen."""
        self._most_writing = parameters.dma_write.outstanding if parameters.dma_write else 1
        self._is_advancing = False
        self._has_dropped = False

    @property
    def buffered_bytes(self) -> int:
        """Bytes in the Rx buffer."""
        return sum(self.levels.held_bytes)

    def _class_of(self, frame: Frame) -> int:
        return 0 if self._flow is None else self._flow.class_of(frame)

    def fits(self, copy: Copy) -> bool:
        """Tell whether the Rx buffer has room for a copy."""
        return self.levels.fits(self._class_of(copy.frame), copy.data_bytes)

    def _has_turn(self, frame: Frame, n_bytes: int) -> bool:
        """Tell whether a frame from the wire has room beside what others have a turn to bring; note it."""
        number = self._class_of(frame)
        lines = self._lines_of[number]
        own = lines[frame.came_by]
        had = own.came - own.lost
        own.came += n_bytes
        kept = sum(one.last for one in lines.values() if one.lost * own.came > own.lost * one.came)
        if self._moved[number] < had and number not in self.levels.over:
            kept += self.first_local(number)
        has_turn = self.levels.fits(number, n_bytes + kept)
        if not has_turn:
            own.lost, own.last = own.lost + n_bytes, n_bytes
        self._forget_some(number, own.came)
        return has_turn

    def _forget_some(self, number: int, n_bytes: int) -> None:
        """Halve what is remembered of a class where one of its counts is above 1 MiB."""
        if n_bytes > 2**20:
            for one in self._lines_of[number].values():
                one.came, one.lost = one.came // 2, one.lost // 2
            self._moved[number] //= 2

    def may_come(self, copy: Copy) -> bool:
        """Tell whether a copy of a frame from the wire may come into the Rx buffer."""
        gave_back = self._parameters.max_pps is not None and self._parameters.bus_cycle_fs is None
        return (gave_back or self._has_turn(copy.frame, copy.data_bytes)) and self.fits(copy)

    def may_move(self, copy: Copy) -> bool:
        """Tell whether a local copy may come into the Rx buffer, beside a frame of each line that had less room."""
        number = self._class_of(copy.frame)
        moved, lines = self._moved[number], self._lines_of[number].values()
        kept = sum(one.last for one in lines if one.lost and one.came - one.lost < moved)
        has_turn = self.levels.fits(number, copy.data_bytes + kept) or not self.levels.held_bytes[number]
        return has_turn and self.fits(copy) and number not in self.levels.over

    def move(self, copy: Copy) -> None:
        """Take a local copy into the Rx buffer."""
        number = self._class_of(copy.frame)
        self._moved[number] += copy.data_bytes
        self._forget_some(number, self._moved[number])
        self.accept(copy)

    def hold(self, frame: Frame) -> bool:
        """Take room for a frame that is not yet switched, if there is enough."""
        number = self._class_of(frame)
        has_room = self._has_turn(frame, frame.data_bytes) and self.levels.fits(number, frame.data_bytes)
        if has_room:
            self.levels.change(number, frame.data_bytes)
        return has_room

    def release(self, frame: Frame) -> None:
        """Give back what `hold` took."""
        self.levels.change(self._class_of(frame), -frame.data_bytes)

    def accept(self, copy: Copy) -> None:
        """Take a copy into the Rx buffer; what has been taken in is seen to with all that comes with it."""
        copy.ends_fs["rx_room"] = self._env.now
        number = self._class_of(copy.frame)
        self.levels.change(number, copy.data_bytes)
        self._lists[number].append(copy)

    def see_to_all(self) -> None:
        """See to what has been taken in."""
        self._advance()

    def _give_back(self, copy: Copy) -> None:
        self.levels.change(self._class_of(copy.frame), -copy.data_bytes)

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
            self.cache.forget(ring)
            self._writing -= len(ring.unsent)
            for copy in ring.in_room:
                self._give_back(copy)
            ring.forget()
        if self._chosen is not None and self._chosen.destination == port:
            self._drop(self._chosen, FUNCTION_RESET)
            self._chosen = None
        for waiting in self._lists:
            for copy in [each for each in waiting if each.destination == port]:
                waiting.remove(copy)
                self._drop(copy, FUNCTION_RESET)

    def _drop(self, copy: Copy, reason: str) -> None:
        self._meter.copy_dropped(copy, reason)
        self._give_back(copy)

    def drops_changed(self) -> None:
        """Learn that the head may be dropped now."""
        self._advance()

    def go_on(self) -> None:
        """See to what the room and the engine can be used for, that functions which are off have left."""
        self.room_freed()
        self._advance()

    def doorbell(self, ring: RxRing, descriptors: int) -> None:
        """Learn of posted descriptors."""
        ring.known += descriptors
        self._prefetch(ring)
        self._advance()

    def _ring_of(self, copy: Copy) -> RxRing:
        return self.rings[copy.destination, copy.frame.rss_hash % self._parameters.queues_per_vf]

    def _shrink(self) -> None:
        """Drop what rings have beyond their share, but for the ring of the head and those that wait for more."""
        share = self.cache.of(self._parameters.descriptor_cache)
        (waiting,) = self._lists
        of_head = self._ring_of(waiting[0]) if waiting else None
        for ring in self.rings.values():
            surplus = ring.cached - share
            if surplus > 0 and not ring.requested and ring is not of_head:
                ring.cached -= surplus
                ring.known += surplus
                ring.fetch_position = (ring.fetch_position - surplus) % self._parameters.rx_ring

    def _prefetch(self, ring: RxRing) -> None:
        if not self.cache.uses(ring):
            return
        batch = self.cache.of(self._parameters.rx_fetch_batch)
        while (
            ring.cached + ring.requested < self.cache.of(self._parameters.rx_prefetch)
            and ring.known >= (count := batch - ring.fetch_position % batch)
            and ring.cached + ring.requested + batch <= self.cache.of(self._parameters.descriptor_cache)
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
        ring.requested -= n_bytes // RX_DESCRIPTOR_BYTES
        ring.cached += n_bytes // RX_DESCRIPTOR_BYTES
        self._advance()

    def _descriptors_needed(self, ring: RxRing, copy: Copy) -> int:
        """Return the Rx descriptors that a copy takes."""
        room = self._room
        if self._continues(ring, copy):
            return ring.open.more_buffers(copy.data_bytes - self._parameters.header_bytes, room)
        return max(1, -(-(copy.data_bytes - self._split_bytes(copy)) // room))

    @property
    def _room(self) -> int:
        return self._parameters.buffer_bytes - self._parameters.buffer_offset_bytes

    def _split_bytes(self, copy: Copy) -> int:
        """Return how much of a copy is written into a header buffer."""
        size, header_bytes = self._parameters.header_split_bytes, self._parameters.header_bytes
        return min(header_bytes, copy.data_bytes) if size is not None and header_bytes <= size else 0

    def _may_be_part(self, copy: Copy) -> bool:
        is_for_one = copy.frame.raw is not None and not copy.frame.raw[0] & 1 and not copy.is_mirrored
        return bool(self._parameters.rsc_descriptors) and is_for_one and copy.data_bytes > self._parameters.header_bytes

    def _continues(self, ring: RxRing, copy: Copy) -> bool:
        """Tell whether a copy is the next part of its ring's open receive."""
        opened = ring.open
        if opened is None or not self._may_be_part(copy) or opened.kind != _kind(copy):
            return False
        payload_bytes = copy.data_bytes - self._parameters.header_bytes
        descriptors = opened.descriptors + opened.more_buffers(payload_bytes, self._room)
        if opened.room_left and opened.begun_in_last == 15:
            return False
        return descriptors <= self._parameters.rsc_descriptors and opened.n_bytes + payload_bytes <= 65535

    def _close(self, ring: RxRing) -> None:
        opened, ring.open = ring.open, None
        ring.written.hold_all(opened.copies, opened.descriptors)

    def _expire(self, ring: RxRing, opened: OpenReceive) -> None:
        if ring.open is opened:
            self._close(ring)
            self._advance()

    def _advance(self) -> None:
        """Serve the head of the Rx buffer for as long as something can be done with it."""
        if self._is_advancing:
            return
        self._is_advancing = True
        while (self._serve_chosen if self._chooses else self._serve_head)():
            pass
        self._is_advancing = False
        if self._has_dropped:
            self._has_dropped = False
            self.room_freed()

    def _serve_head(self) -> bool:
        """See to the head and write or drop it; return whether it is gone."""
        (waiting,) = self._lists
        if not waiting:
            return False
        is_ready = self._see_to(waiting[0])
        if is_ready is None or (is_ready and self._writing < self._most_writing):
            copy = waiting.popleft()
            if is_ready:
                self._write(copy)
            return True
        return False

    def _serve_chosen(self) -> bool:
        """Choose a copy if none is chosen; see to it and write or drop it; return whether it is gone."""
        if self._chosen is None:
            self._choose()
        if self._chosen is None:
            return False
        copy = self._chosen
        is_ready = self._see_to(copy)
        if is_ready is None or (is_ready and self._writing < self._most_writing):
            self._chosen = None
            if is_ready:
                self._write(copy)
            return True
        return False

    def _choose(self) -> None:
        """Choose the first head, by lists in turn, whose descriptors are on the chip."""
        n = len(self._lists)
        for number in [(self._next_list + step) % n for step in range(n)]:
            waiting = self._lists[number]
            while waiting and (is_ready := self._see_to(waiting[0])) is not False:
                copy = waiting.popleft()
                if is_ready:
                    self._chosen = copy
                    self._next_list = (number + 1) % n
                    return

    def _see_to(self, copy: Copy) -> bool | None:
        """Fetch what a head lacks; tell whether it has all descriptors, None if it is dropped."""
        if self._writing < self._most_writing:
            copy.ends_fs.setdefault("rx_buffer", self._env.now)
        ring = self._ring_of(copy)
        needed = self._descriptors_needed(ring, copy)
        if ring.cached < needed:
            self.cache.use(ring)
        if ring.cached + ring.requested + ring.known < needed:
            if not self._parameters.drops_at(ring.port, ring.queue):
                return False
            self._drop(copy, "NO_DESCRIPTOR")
            self._has_dropped = True
            return None
        on_demand = self.cache.of(self._parameters.rx_fetch_batch) if self._parameters.rx_prefetch else 1
        while ring.cached + ring.requested < needed:
            cache_room = self._parameters.descriptor_cache - ring.cached - ring.requested
            self._request(ring, min(ring.known, on_demand - ring.fetch_position % on_demand, cache_room))
        return ring.cached >= needed

    def _write(self, copy: Copy) -> None:
        ring = self._ring_of(copy)
        descriptors = self._descriptors_needed(ring, copy)
        copy.ends_fs["rx_descriptor"] = self._env.now
        self._writing += 1
        for copies in (ring.taken, ring.unsent, ring.in_room):
            copies[copy] = None
        copy.n_descriptors = descriptors
        copy.is_more = self._continues(ring, copy)
        if not copy.is_more:
            if ring.open is not None:
                self._close(ring)
            ring.open = OpenReceive(_kind(copy))
        opened = ring.open
        begins = self._written_parts(ring, opened, copy)
        for at, part in enumerate(begins):
            self._write_buffer(ring, copy, at, part, is_last=at == len(begins) - 1)
        ring.next_taken = (ring.next_taken + descriptors) % self._parameters.rx_ring
        opened.copies.append(copy)
        opened.descriptors += descriptors
        if not self._may_be_part(copy) or copy.frame.ends_send:
            self._close(ring)
        elif not copy.is_more:
            at_place = place(Phase.RECEIVE_TIMERS, ring.port, ring.queue)
            later(self._env, self._parameters.rsc_timeout_fs, at_place, self._expire, ring, opened)
        ring.cached -= descriptors
        self._prefetch(ring)

    def _written_parts(self, ring: RxRing, opened: OpenReceive, copy: Copy) -> list[tuple[int, int]]:
        """Return where the parts of a copy are written, and how many bytes: a header, then what each buffer gets."""
        parameters = self._parameters
        found: list[tuple[int, int]] = []
        left = copy.data_bytes
        if copy.is_more:
            left -= parameters.header_bytes
        elif split := self._split_bytes(copy):
            found.append((0, split))
            left -= split
        opened.n_bytes += copy.data_bytes - parameters.header_bytes * copy.is_more
        place_in_ring = ring.next_taken
        has_begun = False
        while left:
            if opened.room_left:
                address = opened.next_address
            else:
                opened.begun_in_last = 0
                address = place_in_ring % parameters.rx_ring * parameters.buffer_bytes + parameters.buffer_offset_bytes
                opened.room_left = self._room
                place_in_ring += 1
            opened.begun_in_last += not has_begun
            has_begun = True
            n_bytes = min(left, opened.room_left)
            found.append((address, n_bytes))
            opened.next_address = address + n_bytes
            opened.room_left -= n_bytes
            left -= n_bytes
        return found

    def _write_buffer(self, ring: RxRing, copy: Copy, _number: int, part: tuple[int, int], *, is_last: bool) -> None:
        """Write what one buffer holds of a frame: so many bytes at an address."""
        parameters = self._parameters
        address, n_bytes = part
        transaction = Transaction(
            parameters.request_header_bytes,
            Uncut(address, n_bytes, parameters, write_bytes),
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
        self._give_back(copy)
        self.room_freed()

    def _writeback_entered(self, ring: RxRing, copies: list[Copy]) -> None:
        self._end("writeback_batch", copies)
        ring.frames_entered(copies)

    def _writeback_landed(self, ring: RxRing, copies: list[Copy]) -> None:
        self._end("writeback", copies)
        ring.frames_landed(copies)
