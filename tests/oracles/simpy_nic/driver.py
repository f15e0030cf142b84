"""Guests: the driver of each function, and what their cores do for its rings."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import simpy

from .chances import Chances
from .core import Core, Task
from .frames import Copy, Frame
from .interrupts import Adaption, Interrupt
from .link import Direction, Rank
from .parameters import NicParameters
from .posts import Post, data_descriptors
from .receiving import FUNCTION_RESET, Receiver, RxRing
from .results import Meter
from .scheduling import TxRing
from .sending import Sender
from .sources import Drawn, Source
from .timing import Phase, place
from .writeback import send_register_write

CACHE_LINE_BYTES = 64


class Posting(Task):
    """Posts the frames of one Tx ring, and rings its doorbell."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        down: Direction,
        core: Core,
        sender: Sender,
        ring: TxRing,
    ) -> None:
        """Begin with a ring that is empty; `slots_freed` is to be set before the run."""
        super().__init__((ring.port, ring.queue), parameters.send_burst, parameters.doorbell_time_fs)
        self._env = env
        self._parameters = parameters
        self._down = down
        self._core = core
        self._sender = sender
        self._ring = ring
        self.is_off = False
        """Its function is: it has no slot."""
        self.n_slots_taken = 0
        self._frames_queued = 0
        self._queued: deque[Post] = deque()
        """In slots, not yet posted."""
        self._last_header: bytes | None = None
        """Of the last send in the ring."""
        self._posted: list[Post] = []
        """Posted since the last doorbell."""
        self.bytes_posted: Callable[[int], None]
        """Told of each frame posted."""
        self.slots_freed: Callable[[], None]

    def has_slots(self, header: bytes = b"") -> bool:
        """Tell whether a frame, or a send with this header, can be queued."""
        return not self.is_off and self.n_slots_taken + self._descriptors(header) < self._parameters.tx_ring

    def _descriptors(self, header: bytes) -> int:
        parameters = self._parameters
        if not parameters.mss_bytes or parameters.virtual_switch is not None:
            return 1
        has_context = parameters.tso_context == "each" or header != self._last_header
        return has_context + data_descriptors(parameters.buffer_offset_bytes, parameters.send_bytes)

    def post(self, post: Post) -> None:
        """Give a frame or a send its slots; `look` is to be called behind all those of an instant."""
        for frame in post.frames:
            frame.number = self._frames_queued * self._parameters.queues_per_vf + self._ring.queue
            self._frames_queued += frame.n_pieces
        post.n_descriptors = self._descriptors(post.header)
        self._last_header = post.header
        self.n_slots_taken += post.n_descriptors
        self._queued.append(post)
        self._ring.not_picked.append(post)

    def look(self) -> None:
        """Let the core see to what is queued."""
        if self._queued:
            self._core.join(self)

    def forget(self) -> list[Frame]:
        """Leave the core, with nothing in the ring from now on; return the frames that are not picked."""
        self._core.leave(self)
        self.n_slots_taken = 0
        self._frames_queued = 0
        self._queued.clear()
        self._posted = []
        self._last_header = None
        return [frame for post in self._ring.not_picked for frame in post.left]

    @property
    def has_work(self) -> bool:
        """Whether a frame waits to be posted."""
        return bool(self._queued)

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Go as far as the next doorbell."""
        return min(len(self._queued), most, self._parameters.tx_doorbell_batch - len(self._posted)), 0

    def frame_fs(self, behind: int = 0) -> int:
        """Return the time of the next post, or of the one so many behind it."""
        parameters, post = self._parameters, self._queued[behind]
        if not post.mss_bytes:
            return parameters.frame_fs(post.data_bytes)
        send_fs, descriptor_fs = parameters.send_time_fs, parameters.descriptor_time_fs
        if send_fs is None:
            send_fs = parameters.frame_time_fs
        if descriptor_fs is None:
            descriptor_fs = parameters.frame_time_fs // 10
        byte_fs = parameters.send_byte_time_fs + parameters.pass_byte_time_fs
        return send_fs + parameters.pass_time_fs + post.n_descriptors * descriptor_fs + post.data_bytes * byte_fs

    def frame_done(self) -> None:
        """Post the next frame, or send."""
        post = self._queued.popleft()
        for frame in post.frames:
            frame.began_fs = self._env.now
        self._posted.append(post)
        self.bytes_posted(post.data_bytes)

    def piece_done(self, is_turn_over: bool) -> bool:
        """Ring the doorbell for a whole batch, and as the turn is over."""
        if len(self._posted) < self._parameters.tx_doorbell_batch and not is_turn_over:
            return False
        posts, self._posted = self._posted, []
        for told in (frame for post in posts for frame in post.frames):
            told.doorbell_fs = told.ends_fs["driver_batch"] = self._env.now
        ring_tx_doorbell(self._down, self._parameters, self._sender, self._ring, posts)
        return True


def ring_tx_doorbell(
    down: Direction, parameters: NicParameters, sender: Sender, ring: TxRing, posts: list[Post]
) -> None:
    """Tell of what is posted; a single descriptor goes with it where doorbells do so."""
    is_inline = parameters.doorbell == "inline" and sum(post.n_descriptors for post in posts) == 1
    received = partial(sender.doorbell, ring, posts, is_inline=is_inline)
    n_bytes = CACHE_LINE_BYTES if is_inline else parameters.doorbell_bytes
    send_register_write(down, parameters, received, port=ring.port, n_bytes=n_bytes)


class Taking(Task):
    """Takes the frames of one Rx ring, and posts its descriptors again."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        chances: Chances,
        meter: Meter,
        down: Direction,
        core: Core,
        receiver: Receiver,
        ring: RxRing,
    ) -> None:
        """Begin with nothing visible; `interrupt` and `vector` are to be set before the run."""
        super().__init__((ring.port, ring.queue), parameters.poll_budget, parameters.doorbell_time_fs)
        self._env = env
        self._parameters = parameters
        self._chances = chances
        self._meter = meter
        self._down = down
        self._core = core
        self._receiver = receiver
        self._ring = ring
        self._visible: deque[Copy] = deque()
        self._of_piece: list[Copy] = []
        """Taken in the piece that is being done."""
        self._descriptors_taken = parameters.taken_before.get((ring.port, ring.queue), 0)
        self._enter_fs = 0
        self.never_refills = ring.port in parameters.never_refill
        self.is_polled = False
        self.interrupt: Interrupt
        self.vector: Vector

    def interrupted(self, copies: list[Copy]) -> None:
        """Deliver what an interrupt tells; its time comes before the next piece, which may have no frames."""
        self._enter_fs += self._parameters.interrupt_time_fs + self._parameters.exit_time_fs
        self.see(copies)
        if self._enter_fs or self.is_polled:
            self._core.join(self)

    def see(self, copies: list[Copy]) -> None:
        """Deliver frames that are visible now."""
        for copy in copies:
            self._seen(copy)
            del self._ring.taken[copy]
            self._visible.append(copy)
        if copies:
            self._core.join(self)

    def _seen(self, copy: Copy) -> None:
        copy.ends_fs["interrupt"] = self._env.now
        self._meter.copy_delivered(copy)

    @property
    def has_work(self) -> bool:
        """Whether a frame waits to be taken, or an interrupt has not had its time yet."""
        return bool(self._visible) or self._enter_fs > 0

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Go as far as the next refill, behind what the interrupts since the last piece cost."""
        self._of_piece.clear()
        enter_fs, self._enter_fs = self._enter_fs, 0
        frames, descriptors = 0, self._descriptors_taken
        for copy in self._visible:
            if frames == most or descriptors >= self._refill_batch:
                break
            frames += 1
            descriptors += copy.n_descriptors
        return frames, enter_fs

    def frame_fs(self, behind: int = 0) -> int:
        """Return the time to take the next frame, or the one so many behind it."""
        copy, parameters = self._visible[behind], self._parameters
        return copy.data_bytes * parameters.byte_time_fs if copy.is_more else parameters.frame_fs(copy.data_bytes)

    def frame_done(self) -> None:
        """Take the next frame."""
        copy = self._visible.popleft()
        copy.ends_fs["guest_queue"] = self._env.now
        self._of_piece.append(copy)
        self.vector.adaption.taken.count(copy.data_bytes)

    def piece_done(self, is_turn_over: bool) -> bool:
        """Post a whole batch of descriptors again; poll no more if a turn has left nothing."""
        self._use(self._of_piece)
        self._ring.waiting_bytes -= sum(copy.data_bytes for copy in self._of_piece)
        self._descriptors_taken += sum(copy.n_descriptors for copy in self._of_piece)
        self._of_piece.clear()
        refills = self._descriptors_taken >= self._refill_batch
        if self._descriptors_taken and not refills and not self.never_refills:
            refills = self._chances.refills_early()
        if refills:
            descriptors, self._descriptors_taken = self._descriptors_taken, 0
            self.ring_doorbell(descriptors)
        unmasks = is_turn_over and self.is_polled and not self.has_work and self.vector.is_idle_but_for(self)
        if unmasks:
            self._poll_no_more()
        return refills or unmasks

    def _use(self, copies: list[Copy]) -> None:
        """Do with the frames of a piece what they have been taken for."""
        for copy in copies:
            self._meter.journey_over(copy, copy.ends_fs["guest_queue"])

    @property
    def _refill_batch(self) -> float:
        return math.inf if self.never_refills else self._parameters.refill_batch

    def refills_from_now(self, does: bool) -> None:
        """Post descriptors again, or no more; what is due is posted at once."""
        self.never_refills = not does
        if self._descriptors_taken >= self._refill_batch:
            descriptors, self._descriptors_taken = self._descriptors_taken, 0
            self.ring_doorbell(descriptors)

    def _poll_no_more(self) -> None:
        self.vector.poll_no_more()
        if self._parameters.adaptive_moderation and self._parameters.moderation_fs:
            self.interrupt.interval_fs = self.vector.adaption.next_interval_fs(self.interrupt.interval_fs)
        n_bytes = self._parameters.doorbell_bytes
        send_register_write(self._down, self._parameters, self.interrupt.unmask, port=self.port, n_bytes=n_bytes)

    def ring_doorbell(self, descriptors: int) -> None:
        """Post so many descriptors."""
        received = partial(self._receiver.doorbell, self._ring, descriptors)
        n_bytes = self._parameters.doorbell_bytes
        send_register_write(self._down, self._parameters, received, port=self.port, n_bytes=n_bytes)

    def forget(self) -> None:
        """Leave the core, with nothing visible; what a piece has taken that has not come to its end is not taken."""
        self._core.leave(self)
        self._of_piece.clear()
        self._visible.clear()
        self._descriptors_taken = self._enter_fs = 0
        self.is_polled = False


class Vector:
    """An MSI-X vector: the interrupts of the ring pairs that share it."""

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, core: Core, up: Direction, first: tuple[int, int]
    ) -> None:
        """Begin without pairs; `first` is the first of them, by port and queue."""
        self._parameters = parameters
        self._core = core
        self.pairs: list[QueuePair] = []
        self.adaption = Adaption(parameters.adaptive_intervals_fs)
        port, queue = first
        of_rx = {Rank.RX_INTERRUPT: 1 if parameters.moderation_fs else parameters.rx_interrupt_batch}
        of_tx = {Rank.TX_INTERRUPT: parameters.tx_interrupt_batch}
        is_shared = parameters.masks
        self.of_received = Interrupt(
            env,
            parameters,
            up,
            port,
            place(Phase.RX_TIMERS, port, queue),
            of_rx | of_tx if is_shared else of_rx,
            self._tells_of_received,
            interval_fs=parameters.moderation_fs,
            masks_itself=is_shared,
        )
        self.of_sent = self.of_received
        if not is_shared:
            self.of_sent = Interrupt(
                env,
                parameters,
                up,
                port,
                place(Phase.TX_TIMERS, port, queue),
                of_tx,
                self._tells_of_sent,
                interval_fs=0,
                masks_itself=False,
            )

    def is_idle_but_for(self, taking: Taking) -> bool:
        """Tell whether no other Rx ring of the vector is on its core's list."""
        return not any(self._core.has(pair.taking) for pair in self.pairs if pair.taking is not taking)

    def poll_no_more(self) -> None:
        """Let no ring be polled."""
        for pair in self.pairs:
            pair.taking.is_polled = False

    def _tells_of_received(self, entered_fs: int) -> None:
        self._core.interrupt(self._parameters.wakeup_time_fs)
        is_shared = self._parameters.masks
        for pair in self.pairs:
            pair.taking.is_polled = is_shared
            for copy in pair.received:
                copy.ends_fs["interrupt_moderation"] = entered_fs
            (pair.taking.interrupted if pair is self.pairs[0] else pair.taking.see)(pair.unseen())
        if is_shared:
            self._free()

    def _tells_of_sent(self, _entered_fs: int) -> None:
        self._core.interrupt(self._parameters.wakeup_time_fs)
        self.pairs[0].taking.interrupted([])
        self._free()

    def _free(self) -> None:
        """Free what is written back of all Tx rings, and then use it."""
        for pair in self.pairs:
            pair.free()
        self.pairs[0].posting.slots_freed()


class QueuePair:
    """An Rx ring and the Tx ring of the same number: what is written back, and who tells of it."""

    def __init__(
        self,
        parameters: NicParameters,
        vector: Vector,
        posting: Posting,
        taking: Taking,
        rings: tuple[TxRing, RxRing],
    ) -> None:
        """Listen to the write-backs of both rings."""
        self._parameters = parameters
        self._vector = vector
        self.posting = posting
        self.taking = taking
        tx_ring, rx_ring = rings
        tx_ring.descriptors_entered, tx_ring.descriptors_landed = self._sent_entered, self._sent_landed
        rx_ring.frames_entered, rx_ring.frames_landed = self._received_entered, self._received_landed
        self.received: list[Copy] = []
        """Written back and not visible."""
        self._sent = 0
        """Written back and not free."""
        vector.pairs.append(self)
        taking.vector, taking.interrupt = vector, vector.of_received
        posting.bytes_posted = vector.adaption.count_posted

    def forget(self) -> None:
        """Forget what has been written back, and what interrupts have counted."""
        self.received, self._sent = [], 0
        self._vector.of_received.forget()
        self._vector.of_sent.forget()
        self._vector.adaption.forget()

    def _received_entered(self, copies: list[Copy]) -> None:
        if not self._parameters.polls:
            self._vector.of_received.count(Rank.RX_INTERRUPT, len(copies))

    def _sent_entered(self, descriptors: int) -> None:
        if self._parameters.tx_interrupt_batch:
            self._vector.of_sent.count(Rank.TX_INTERRUPT, descriptors)

    def _received_landed(self, copies: list[Copy]) -> None:
        self.received += copies
        if self._parameters.polls or self.taking.is_polled:
            self.taking.see(self.unseen())

    def _sent_landed(self, descriptors: int) -> None:
        self._sent += descriptors
        if not self._parameters.tx_interrupt_batch or self.taking.is_polled:
            self.free()
            self.posting.slots_freed()

    def unseen(self) -> list[Copy]:
        """Return the frames that become visible now."""
        copies, self.received = self.received, []
        if not self._parameters.polls:
            self._vector.of_received.seen(Rank.RX_INTERRUPT, len(copies))
        return copies

    def free(self) -> None:
        """Free the slots of what is written back, without using them yet."""
        descriptors, self._sent = self._sent, 0
        if self._parameters.tx_interrupt_batch:
            self._vector.of_sent.seen(Rank.TX_INTERRUPT, descriptors)
        self.posting.n_slots_taken -= descriptors


class Driver:
    """The driver of one function."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        chances: Chances,
        meter: Meter,
        link: tuple[Direction, Direction],
        cores: Sequence[Core],
        sender: Sender,
        receiver: Receiver,
        port: int,
    ) -> None:
        """Serve one function's Tx and Rx rings; `link` is up and down, `cores` has one for each ring of each kind."""
        self._meter = meter
        self._rx_ring = parameters.rx_ring
        self._core, self._parameters = cores[0], parameters
        up, down = link
        self._postings: list[Posting] = []
        self._takings: list[Taking] = []
        self._pairs: list[QueuePair] = []
        self._waiting: deque[tuple[Post, Source | None]] = deque()
        """In the order in which they came; the first waits for its ring and all behind it for the first."""
        self.given: deque[tuple[Post, Source | None]] = deque()
        """Of agents, before all that waits; who adds to it looks behind all commands."""
        self.cannot_leave: Callable[[bytes | None], bool] = lambda _raw: False
        """Tells of a frame's bytes whether it is for a dead wire alone; asked of what arrives, and of sources."""
        self.pieces_of: Callable[[Frame], Sequence[Frame]] = lambda _frame: ()
        """Gives the frames that a segment counts as beside the first where it is dropped."""
        self._drops = False  # what comes at a time where there is no slot
        self._endless: Iterator[Frame] | None = None
        self.loop: tuple[Source, Callable[[Drawn], Post]] | None = None
        """A source that sends whenever it can, and what makes its frames."""
        vectors: dict[int, Vector] = {}
        for tx_ring in [ring for ring in sender.rings if ring.port == port]:
            rx_ring, core = receiver.rings[port, tx_ring.queue], cores[tx_ring.queue]
            posting = Posting(env, parameters, down, core, sender, tx_ring)
            taking = Taking(env, parameters, chances, meter, down, core, receiver, rx_ring)
            first = parameters.vector_of(tx_ring.queue)
            if first == tx_ring.queue:
                vectors[first] = Vector(env, parameters, core, up, (port, first))
            self._pairs.append(QueuePair(parameters, vectors[first], posting, taking, (tx_ring, rx_ring)))
            posting.slots_freed = self._queue_posts
            posting.is_off = port in parameters.ports_off
            if posting.is_off:
                taking.forget()
            self._postings.append(posting)
            self._takings.append(taking)

    def use_slots_by(self, behind: Callable[[Callable[[], None]], Callable[[], None]]) -> None:
        """Use slots that are freed not at once, but as `behind` has it."""
        for posting in self._postings:
            posting.slots_freed = behind(self._queue_posts)

    @property
    def n_slots_taken(self) -> int:
        """Return how many slots of all Tx rings are taken."""
        return sum(posting.n_slots_taken for posting in self._postings)

    @property
    def n_waiting(self) -> int:
        """Return how many frames wait for a slot."""
        return len(self._waiting) + len(self.given)

    def goes(self) -> None:
        """Drop what is in the Tx rings, and forget all that the rings have; there are no slots from now on."""
        for posting in self._postings:
            posting.is_off = True
            for frame in posting.forget():
                self._meter.frame_dropped(frame, FUNCTION_RESET)
        for taking, pair in zip(self._takings, self._pairs, strict=True):
            taking.forget()
            pair.forget()

    def comes(self) -> None:
        """Begin with empty rings: post all Rx descriptors. Who calls it looks at the sources, behind all commands."""
        for posting in self._postings:
            posting.is_off = False
        for taking in self._takings:
            taking.ring_doorbell(self._rx_ring - 1)

    def refills_from_now(self, does: bool) -> None:
        """Post Rx descriptors again, or no more."""
        for taking in self._takings:
            taking.refills_from_now(does)

    @property
    def beside_frames(self) -> tuple[Core, NicParameters]:
        """What the driver does beside frames is done by: its core, and its parameters."""
        return self._core, self._parameters

    def saturate(self, frames: Iterator[Frame]) -> None:
        """Keep the ring full from now on, the first of several."""
        self._endless = frames
        self._queue_posts()

    def look(self) -> None:
        """Post what can be."""
        self._queue_posts()

    def offer(self, post: Post, on_full: str, source: Source | None = None) -> None:
        """Take what arrives, of a source if one made it: post it, let it wait, or drop it."""
        self._drops = on_full == "drop"
        if self._is_lost(post):
            self._drop(post)
        else:
            self._waiting.append((post, source))
            self._queue_posts()

    def _is_lost(self, post: Post) -> bool:
        """Tell whether there is no slot for what does not wait for one; behind an agent's frame all waits."""
        may_wait = not self._drops or bool(self.given) or self.cannot_leave(post.frames[0].raw)
        return not may_wait and not self._posting_of(post).has_slots(post.header)

    def _drop(self, post: Post) -> None:
        for frame in (*post.frames, *self.pieces_of(post.frames[0])):
            self._meter.frame_dropped(frame, "TX_RING_FULL")

    def _posting_of(self, post: Post) -> Posting:
        return self._postings[post.rss_hash % len(self._postings)]

    def _first_of(self, drawn: Drawn) -> Drawn:
        """Return what is drawn of a frame; of a send its first frame, which is as long as one may be."""
        cut_bytes = self._parameters.header_bytes + self._parameters.mss_bytes + 4
        return drawn._replace(frame_bytes=min(drawn.frame_bytes, cut_bytes)) if self._parameters.mss_bytes else drawn

    def _queue_posts(self) -> None:
        posted: dict[Posting, None] = {}
        while self._endless is not None and self._postings[0].has_slots():
            frame = next(self._endless)
            self._postings[0].post(Post([frame], frame.data_bytes))
            posted[self._postings[0]] = None
        while True:
            first = self.given or self._waiting
            is_loops = self.loop is not None and all(source is not self.loop[0] for _, source in first)
            if is_loops and not self.given:  # a source whose frames wait is not yet where it has become a loop
                drawn = self.loop[0].keep()
                posting = self._postings[drawn.rss_hash % len(self._postings)]
                if self.cannot_leave(self._first_of(drawn).raw) or not posting.has_slots(drawn.header):
                    break
                post = self.loop[1](self.loop[0].take())
            elif first and self.cannot_leave(first[0][0].frames[0].raw):
                for frame in first.popleft()[0].frames:
                    self._meter.frame_dropped(frame, "LINK_DOWN")
                continue
            elif first and self._posting_of(first[0][0]).has_slots(first[0][0].header):
                post, _ = first.popleft()
            elif self._waiting and self._is_lost(self._waiting[0][0]):
                self._drop(self._waiting.popleft()[0])  # it has come while an agent's frame waited
                continue
            else:
                break
            posting = self._posting_of(post)
            posting.post(post)
            posted[posting] = None
        for posting in posted:
            posting.look()
