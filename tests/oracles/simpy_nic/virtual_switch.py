"""The host's virtual switch: tasks of the host's cores that pass frames from ring to ring, and nothing of a link."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import simpy

from .bond import BondRules
from .core import Core, Task
from .flow_cache import CacheRules, FlowCache, HandTask, SlowTask
from .frames import WIRE, Copy, Decision, Frame
from .parameters import NicParameters
from .passed_flows import FlowCounts
from .posts import Post, data_descriptors
from .receiving import RxRing
from .results import Meter
from .scheduling import Guarantees, Shapers, TxRing
from .timing import BEHIND_THE_EVENT, AtHost, Phase, later, passing_place, place

if TYPE_CHECKING:
    from .uplink import Uplink

PF = 1
THREAD_QUEUE = 1000
"""Frames that wait for a VM's thread at most."""


def n_wire(decision: Decision) -> int:
    """Return how many copies leave by the uplink."""
    return [port for port, _ in (*decision.copies, *decision.mirrored)].count(WIRE)


@dataclass(frozen=True)
class Rules:
    """What passing frames takes, and on which cores."""

    batch: int
    batch_time_fs: int
    frame_time_fs: int
    byte_time_fs: int
    kick_fs: int
    cores: tuple[int, ...]
    thread_cores: tuple[int, ...] = ()
    """Of VMs' own threads, the first that of the first VM; none: `cores` do all."""
    reach: str = "internal"
    uplink_queues: int | None = None
    """None: one for each of `cores`."""
    guest_time_fs: int = 0
    uplink_time_fs: int = 0
    uplink_byte_time_fs: int = 0
    """Of the driver of the uplink, for each frame from there or to it."""
    tag_time_fs: int = 0
    tag_type: bytes = b""
    """Of the outer tag that frames have on the wire, none: they have none."""
    ring_time_fs: int = 0
    further_rings: int = 0
    rules_fs: int = 0
    """What access rules take of a frame where there is no flow cache."""
    memory_byte_fs: int = 0
    """For how long each byte of a copy keeps the host's memory busy."""
    flow_cache: CacheRules | None = None
    bond: BondRules | None = None
    learning: Any = None
    """How many addresses are learned, and for how long; None: the configuration says where they are."""
    on_uplink_full: str = "drop"
    ecn_threshold_bytes: int | None = None
    ecn_capable: str | tuple[str, ...] = "all"
    sample_one_in: int | None = None
    sample_time_fs: int = 0
    sample_state: tuple[int, int, int, int] = (1, 2, 3, 4)
    """With which the stream of samples begins."""
    segment_frame_time_fs: int = 0
    cuts: str = ""
    """Who cuts segments for the wire: the adapter, or the switch; nobody: there are none."""
    mss_bytes: int = 0
    header_bytes: int = 0

    @classmethod
    def of(cls, said: Any) -> Rules:
        """Take them from what has them by the same names."""
        same = {field.name: getattr(said, field.name) for field in fields(cls) if hasattr(said, field.name)}
        cache = said.flow_cache and CacheRules.of(said.flow_cache)
        return cls(**{**same, "flow_cache": cache, "bond": said.bond and BondRules.of(said.bond)})

    @property
    def n_uplink_rings(self) -> int:
        """Return how many rings of each kind the uplink has, each leg of a bond as many."""
        if self.reach == "internal":
            return 0
        return self.uplink_queues or len(self.cores)

    def place_of(self, ring: int) -> int:
        """Return the place among `cores` of the one that serves a ring, by its number."""
        return ring % len(self.cores)

    def passing_fs(self, frame: Frame, decision: Decision) -> int:
        """Return what the copies of a frame take."""
        n_ends = is_taken = int(frame.source != WIRE)
        n_copies = len(decision.copies) + len(decision.mirrored)
        n_copied = is_taken if self.thread_cores else n_copies
        if not self.thread_cores:
            n_ends += n_copies - n_wire(decision)
        n_driven = (frame.source == WIRE) + n_wire(decision)
        driver_fs = n_driven * (self.uplink_time_fs + frame.data_bytes * self.uplink_byte_time_fs)
        at_guests_fs = n_ends * self.guest_time_fs
        if self.cuts == "switch" and frame.source != WIRE:
            at_guests_fs += n_wire(decision) * frame.n_pieces * self.segment_frame_time_fs
        copies_fs = max(1, n_copies) * self.frame_time_fs + n_copied * frame.data_bytes * self.byte_time_fs
        return copies_fs + at_guests_fs + driver_fs + self.rules_fs + self.tags(frame, decision) * self.tag_time_fs

    def tags(self, frame: Frame, decision: Decision) -> int:
        """Return how many outer tags are put on or taken off."""
        if not self.tag_type:
            return 0
        on_wire = [raw for port, raw in (*decision.copies, *decision.mirrored) if port == WIRE]
        on_wire += [frame.raw] * (frame.source == WIRE)
        return sum((raw or frame.raw or b"")[12:14] == self.tag_type for raw in on_wire)

    def ring_fs(self, core: Core) -> int:
        """Return what each frame of a piece takes more for the rings of VMs that wait for its core beside one."""
        n = sum(isinstance(task, PassingTask) for task in core.waiting)
        return self.ring_time_fs * min(self.further_rings, max(0, n - 1))

    def slots(self, n_pieces: int, in_memory: int) -> int:
        """Return how many slots of the uplink's ring a copy takes, whose bytes end there in a buffer."""
        if not self.cuts:
            return 1
        return n_pieces if self.cuts == "switch" else 1 + data_descriptors(0, in_memory)

    def memory_fs(self, piece: Iterable[tuple[Frame, Decision]]) -> int:
        """Return for how long the host's memory is busy with the copies of a piece."""
        n_bytes = sum(
            one.data_bytes * (one.source != WIRE if self.thread_cores else len(to.copies) + len(to.mirrored))
            for one, to in piece
        )
        return n_bytes * self.memory_byte_fs

    def handing_bytes(self, frame: Frame, decision: Decision) -> int:
        """Return the bytes that a thread copies of a frame."""
        return frame.data_bytes * (len(decision.copies) + len(decision.mirrored) - n_wire(decision))

    def handing_fs(self, frame: Frame, decision: Decision) -> int:
        """Return what it takes a thread to hand a frame's copies over."""
        n = len(decision.copies) + len(decision.mirrored) - n_wire(decision)
        return n * self.guest_time_fs + self.handing_bytes(frame, decision) * self.byte_time_fs


class Owed:
    """What of the room that frees at a receiver is kept for the sender that was the last to lose without another's."""

    def __init__(self, most: int, batch: int) -> None:
        """Begin with nothing; `most`: the receiver's places."""
        self._most, self._batch, self._places, self._lost = most, batch, 0, 0
        self._to: int | None = None

    def fits(self, sender: int, needed: int, free: int) -> bool:
        """Tell whether a sender's frame finds what it needs; if not it may be owed that from now on."""
        own = self._places and self._to == sender
        kept = 0 if own or self._places + needed > self._most else self._places
        if needed + kept <= free:
            if own:
                self._places = max(0, self._places - needed)
            return True
        if own:
            self._places = max(self._places, min(self._places + needed, self._batch))
        elif self._lost == 1000 or (not self._places and self._to != sender):
            self._to, self._places, self._lost = sender, needed, 0
        elif self._places:
            self._lost += 1
        return False


class NoLink:
    """Takes writes to registers, or interrupts, to their other end after a time; they cross no link."""

    def __init__(self, env: simpy.Environment, after_fs: int, at_place: int) -> None:
        """Let what enters be there so much later, at a place among the events of its instant."""
        self._env, self._after_fs, self._place = env, after_fs, at_place

    def enter_posted(self, transaction: Any) -> None:
        """Take what a write leads to."""
        later(self._env, self._after_fs, self._place, transaction.received)


class PassingTask(Task):
    """Passes on the frames of one Tx ring, a batch at a time."""

    phase = Phase.SWITCHING

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, core: Core, at_place: int, ring: TxRing,
        switch: VirtualSwitch, number: int,
    ) -> None:  # fmt: skip
        """Begin with nothing told; `at_place`: of the core among those of the switch, `number`: of the ring."""
        self._number = number
        self._rules = parameters.virtual_switch
        super().__init__((ring.port, ring.queue), self._rules.batch, parameters.of_port(PF).doorbell_time_fs)
        self._env, self._core, self._at_place, self._ring, self._switch = env, core, at_place, ring, switch
        self._told: deque[Post] = deque()
        self._piece: deque[tuple[Frame, Decision, int, bool]] = deque()
        self._passed: list[tuple[Frame, bool]] = []
        self._started_fs = self._ring_fs = 0
        self._parameters, self._n_claimed, self._deficit = parameters, 0, 0

    def place_at(self, at_fs: int) -> int:
        """Return by lot the place in an instant at which a piece ends then."""
        return passing_place(at_fs, self._number)

    def tell(self, posts: list[Post]) -> None:
        """Learn of frames that the driver has posted."""
        self._told += posts
        self._core.join(self)

    @property
    def has_work(self) -> bool:
        """Whether a frame waits that is in no piece."""
        return bool(self._told)

    @property
    def may_go(self) -> bool:
        """Whether its function's rate, and the uplink, have room for its next frame."""
        return self._switch.shapers.let(self.port) and self._fits_uplink(self._told[0].frames[0])

    @property
    def is_owed(self) -> bool:
        """Whether its function has had less than its guarantee."""
        return self._switch.guarantees.owes(self.port)

    def begin_turn(self) -> int:
        """Have a turn, by frames or by bytes."""
        weight = self._parameters.weights.get(self.port, 1)
        if self._parameters.scheduler == "weighted":
            return self.most_a_turn * weight
        if self._parameters.scheduler == "deficit":
            quantum = weight * (self._parameters.max_frame_bytes - 4)
            self._deficit += quantum
            while self.is_spent:
                self._deficit += quantum
            return 1 << 40
        return self.most_a_turn

    @property
    def is_spent(self) -> bool:
        """Whether its next frame is longer than what is left of its bytes."""
        if self._parameters.scheduler != "deficit" or not self._told:
            return False
        return self._told[0].frames[0].data_bytes > self._deficit

    def _fits_uplink(self, frame: Frame) -> bool:
        if self._rules.on_uplink_full == "drop":
            return True
        return self._slots_for(frame, self._switch.decide(frame)) <= self._switch.uplink.free_slots(self._at_place)

    def _slots_for(self, frame: Frame, decision: Decision) -> int:
        offset = self._parameters.buffer_offset_bytes
        return sum(
            self._rules.slots(frame.n_pieces, offset + (frame.data_bytes if raw is None else len(raw)))
            for port, raw in (*decision.copies, *decision.mirrored)
            if port == WIRE
        )

    def begin_owed_piece(self) -> tuple[int, int]:
        """Take frames as long as they are owed."""
        return self._begin(self._rules.batch, is_owed=True)

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Take all that is told, up to a batch, as far as nothing keeps it, and decide on it."""
        return self._begin(min(most, self._rules.batch), is_owed=False)

    def _begin(self, most: int, *, is_owed: bool) -> tuple[int, int]:
        self._started_fs = self._core.begins_fs()
        self._ring_fs = self._rules.ring_fs(self._core)
        n = 0
        while self._told and n < most and self.may_go and (self.is_owed if is_owed else not self.is_spent):
            (frame,) = self._told.popleft().frames
            decision = self._switch.decide(frame)
            self._piece.append((frame, decision, *self._switch.look_up(frame, decision)))
            self._charge(frame, decision, is_owed=is_owed)
            n += 1
        pieces = [(frame, decision) for frame, decision, _, _ in self._piece]
        work_fs = self._rules.batch_time_fs + sum(self.frame_fs(at) for at in range(n))
        memory_fs = self._rules.memory_fs(pieces)
        return n, self._rules.batch_time_fs + self._switch.wait_for_memory(memory_fs, self._started_fs, work_fs)

    def _charge(self, frame: Frame, decision: Decision, *, is_owed: bool) -> None:
        n_bytes, port = self._switch.charged_bytes(frame), self.port
        self._switch.shapers.charge(port, n_bytes)
        if not self._switch.shapers.let(port):
            self._switch.shapers.wake(port)
        if is_owed:
            self._switch.guarantees.charge_owed(port, n_bytes)
        elif self._parameters.scheduler == "deficit":
            self._deficit -= frame.data_bytes
        if self._rules.on_uplink_full == "wait":
            n_slots = self._slots_for(frame, decision)
            self._n_claimed += n_slots
            self._switch.uplink.claim(self._at_place, n_slots)

    def frame_fs(self, behind: int = 0) -> int:
        """Return what it takes to find out what to do with a frame, and what its copies take."""
        frame, decision, looking_fs, _ = self._piece[behind]
        return looking_fs + self._rules.passing_fs(frame, decision) + self._ring_fs

    def frame_done(self) -> None:
        """Have a frame ready, until the piece is over."""
        frame, _, _, is_missed = self._piece.popleft()
        self._passed.append((frame, is_missed))

    def piece_done(self, is_turn_over: bool) -> int:
        """Pass all frames of the piece on, give their descriptors back, and tell the adapter of what is for it."""
        passed, self._passed = self._passed, []
        if self._n_claimed:
            self._switch.uplink.claim(self._at_place, -self._n_claimed)
            self._n_claimed = 0
        if not self._told:
            self._deficit = 0
        for frame, is_missed in passed:
            frame.ends_fs["scheduler"] = self._started_fs
            if is_missed:
                self._switch.put_aside(self._number, frame)
            else:
                self._switch.go_on(frame, self._at_place)
            self._ring.not_picked.popleft()
        self._ring.descriptors_landed(len(passed))
        self._ring.descriptors_entered(len(passed))
        return self._switch.tell_adapter(self._at_place)


class Rings:
    """What drivers know of the switch: rings of one kind, and a bell."""

    def __init__(self, rings: Any, doorbell: Callable[..., None]) -> None:
        """Hold them."""
        self.rings, self.doorbell = rings, doorbell


class VirtualSwitch:
    """Passes frames from the rings of VMs to those of VMs, and to its uplink and from there if it has one."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        meter: Meter,
        cores: Sequence[Core],
        decide: Callable[[Frame], Decision],
    ) -> None:
        """Begin with all Rx descriptors posted."""
        rules = parameters.virtual_switch
        assert rules is not None
        self._env, self._parameters, self._meter = env, parameters, meter
        self.decide = decide
        self.learn: Callable[[Frame], bool] = lambda _: True
        self.is_shut: Callable[[int], bool] = lambda _: False
        self.leaves: Callable[[Frame], bool] = lambda _frame: False
        """Tells whether a copy of a frame leaves by the wire; no policer is asked."""
        self._rules, self._memory_free_fs = rules, 0
        self.shapers = Shapers(env, parameters, self.look_later)
        self.guarantees = Guarantees(env, parameters)
        self._cores, self._turn = [cores[number] for number in (*rules.cores, *rules.thread_cores)], 0
        self.kicks = NoLink(env, rules.kick_fs, place(Phase.HOST, AtHost.KICKS))
        self.notices = NoLink(env, 0, place(Phase.HOST, AtHost.NOTICES))
        tx_rings = [TxRing(port, queue) for port in parameters.ports for queue in range(parameters.queues_per_vf)]
        self._tasks: dict[tuple[str, int, int], PassingTask] = {}
        self._n_aside: Counter[int] = Counter()
        self._threads: dict[tuple[int, int], tuple[int, HandTask, deque[Frame]]] = {}
        for number, ring in enumerate(tx_rings):
            at_place = rules.place_of(number)
            core = cores[rules.cores[at_place]]
            if rules.thread_cores and ring.port > PF:
                at = (ring.port - PF - 1) % len(rules.thread_cores)
                core = cores[rules.thread_cores[at]]
                self._hand_by(env, ring, number, at, core)
            self._tasks[ring.name] = PassingTask(env, parameters, core, at_place, ring, self, number)
        self.uplink: Uplink | None = None
        self.flow_cache = FlowCache(rules.flow_cache) if rules.flow_cache else None
        self._slow: dict[int, tuple[int, SlowTask]] = {}
        self.n_rings = len(tx_rings)
        self._owed_by_thread = [Owed(THREAD_QUEUE, rules.batch) for _ in rules.thread_cores]
        self._owed = {(ring.port, ring.queue): Owed(parameters.rx_ring - 1, rules.batch) for ring in tx_rings}
        ends = [(ring.port, ring.queue) for ring in tx_rings]
        ends += [(parameters.ports[-1] + 1, queue) for queue in range(rules.n_uplink_rings)]
        for number, end in enumerate(ends if rules.flow_cache and rules.flow_cache.miss_cores else ()):
            at = number % len(rules.flow_cache.miss_cores)
            core = cores[rules.flow_cache.miss_cores[at]]
            doorbell_fs = parameters.of_port(PF).doorbell_time_fs
            self._slow[number] = at, SlowTask(number, end, rules.batch, rules.flow_cache, core, doorbell_fs)
        self.flows = FlowCounts(rules)
        self._rx_rings = {}
        for ring in tx_rings:
            taken_before = parameters.taken_before.get((ring.port, ring.queue), 0)
            own = self._rx_rings[ring.port, ring.queue] = RxRing(ring.port, ring.queue, 0)
            own.cached = parameters.rx_ring - 1 - taken_before
        self.sender = Rings(tx_rings, self._told)
        self.receiver = Rings(self._rx_rings, self._posted)
        self._waiting: deque[Copy] = deque()

    def _told(self, ring: TxRing, posts: list[Post], *, is_inline: bool = False) -> None:
        for post in posts:
            post.stamp("doorbell", self._env.now)
        self._tasks[ring.name].tell(posts)

    def _posted(self, ring: RxRing, descriptors: int) -> None:
        ring.cached += descriptors
        later(self._env, 0, BEHIND_THE_EVENT, self._lay_down)

    def look_later(self) -> None:
        """Let cores go on that have nothing that may go, behind the event, and behind what is laid down then."""
        later(self._env, 0, BEHIND_THE_EVENT, self._look_at_cores)

    def limits_changed(self) -> None:
        """Let go what is no longer limited."""
        self.shapers.limits_changed()
        self.look_later()

    def _look_at_cores(self) -> None:
        """Ask all cores, from the one on that has its turn; who stands behind the first to begin has the next."""
        begun = [core for core in [*self._cores[self._turn :], *self._cores[: self._turn]] if core.look()]
        if begun:
            self._turn = (self._cores.index(begun[0]) + 1) % len(self._cores)

    def _hand_by(self, env: simpy.Environment, ring: TxRing, number: int, at: int, core: Core) -> None:
        """Let the thread of a VM, which has a place among all, hand over what is for one of its rings."""
        rules, waiting = self._rules, deque[Frame]()

        def begins(n: int) -> tuple[int, list[int]]:
            """Return what comes before so many frames are handed over, and what each takes."""
            piece = [(frame, self.decide(frame)) for frame in list(waiting)[:n]]
            times_fs = [rules.handing_fs(*one) for one in piece]
            memory_fs = rules.memory_byte_fs * sum(rules.handing_bytes(*one) for one in piece)
            work_fs, started_fs = rules.batch_time_fs + sum(times_fs), max(env.now, core.free_fs)
            return rules.batch_time_fs + self.wait_for_memory(memory_fs, started_fs, work_fs), times_fs

        doorbell_fs = self._parameters.of_port(PF).doorbell_time_fs
        task = HandTask(number, (ring.port, ring.queue), rules.batch, core, doorbell_fs, begins)
        self._threads[ring.port, ring.queue] = at, task, waiting

    def go_on(self, frame: Frame, at_place: int) -> None:
        """Pass a frame on, or let it wait for the thread of the next VM that it is for, unless too many do."""
        decision = self.decide(frame)
        queue = frame.rss_hash % self._parameters.queues_per_vf
        ends = [(port, queue) for port, _ in (*decision.copies, *decision.mirrored) if port not in (WIRE, PF)]
        if not ends or not self._rules.thread_cores:
            self.pass_on(frame, at_place)
            return
        at, task, waiting = self._threads[next((end for end in ends if end[0] > frame.source), ends[0])]
        if not self._owed_by_thread[at].fits(frame.source, 1, THREAD_QUEUE - self._n_aside[at]):
            for lost in (frame, *self.pieces_of(frame)):
                self._meter.copies_made(lost, [], "QUEUE_FULL")
            return
        self._n_aside[at] += 1
        waiting.append(frame)
        task.tell(partial(self._handed, at, waiting, at_place))

    def _handed(self, at: int, waiting: deque[Frame], at_place: int) -> int:
        frame = waiting.popleft()
        self._n_aside[at] -= 1
        self.pass_on(frame, at_place)
        return self.tell_adapter(at_place) if frame.source != WIRE else 0

    def wait_for_memory(self, memory_fs: int, started_fs: int, work_fs: int) -> int:
        """Let the host's memory make a piece's copies, if any; return how long the core waits for it at the end."""
        if not memory_fs:
            return 0
        self._memory_free_fs = max(self._memory_free_fs, started_fs) + memory_fs
        return max(0, self._memory_free_fs - started_fs - work_fs)

    def look_up(self, frame: Frame, decision: Decision) -> tuple[int, bool]:
        """Return what it takes to find out what to do with a frame, and whether it waits for the slow path."""
        sampling_fs = self._rules.sample_time_fs if self.flows.draw(frame, decision) else 0
        looking_fs, is_missed = (0, False) if self.flow_cache is None else self.flow_cache.look_up(frame)
        return sampling_fs + looking_fs, is_missed

    def put_aside(self, number: int, frame: Frame) -> None:
        """Let a frame of a ring, by its number among all, wait for the slow path, unless too many do."""
        assert self.flow_cache is not None
        at, task = self._slow[number]
        if self._n_aside[at] == self.flow_cache.rules.miss_queue:
            self.flow_cache.counts["lost"] += 1
            for lost in (frame, *self.pieces_of(frame)):
                self._meter.copies_made(lost, [], "QUEUE_FULL")
            return
        self._n_aside[at] += 1
        task.tell(partial(self._known, at, number, frame))

    def _known(self, at: int, number: int, frame: Frame) -> bool:
        assert self.flow_cache is not None
        self._n_aside[at] -= 1
        self.flow_cache.learn(frame)
        at_place = self._rules.place_of(number)
        self.pass_on(frame, at_place)
        return frame.source != WIRE and self.tell_adapter(at_place)

    def pass_on(self, frame: Frame, at_place: int) -> None:
        """Make a frame's copies, which go on in the order in which they are made; the core has a place among those."""
        frame.ends_fs[frame.decision_part] = self._env.now
        if not self.learn(frame):
            for lost in (frame, *self.pieces_of(frame)):
                self._meter.copies_made(lost, [], "PORT_SECURITY")
            return
        decision = self.decide(frame)
        pieces = self.pieces_of(frame)
        copies = [Copy(frame, port, raw=raw) for port, raw in decision.copies]
        mirrored = [Copy(frame, port, is_mirrored=True, raw=raw) for port, raw in decision.mirrored]
        self._meter.copies_made(frame, copies, decision.reason)
        self._meter.mirrored_made(len(mirrored))
        to_wire = [Copy(piece, WIRE) for piece in pieces if copies]
        for piece in pieces:
            self._meter.copies_made(piece, [copy for copy in to_wire if copy.frame is piece], decision.reason)
        for copy in (*copies, *mirrored):
            if copy.destination == WIRE:
                assert self.uplink is not None
                self.uplink.post([copy, *to_wire], at_place)
                continue
            copy.ends_fs["rx_room"] = self._env.now
            self._waiting.append(copy)
        later(self._env, 0, BEHIND_THE_EVENT, self._lay_down)

    def counts_as(self, frame: Frame) -> int:
        """Return as how many frames one counts: a segment that leaves as those that are cut of it."""
        is_cut = frame.source != WIRE and frame.n_pieces > 1 and self.leaves(frame)
        return frame.n_pieces if is_cut else 1

    def charged_bytes(self, frame: Frame) -> int:
        """Return the bytes with FCS that rates and policers count."""
        return frame.frame_bytes + (self.counts_as(frame) - 1) * (self._rules.header_bytes + 4)

    def pieces_of(self, frame: Frame) -> list[Frame]:
        """Return the frames that a segment counts as beside the first, from now on."""
        pieces = []
        for behind in range(1, self.counts_as(frame)):
            number = frame.number + behind * self._parameters.queues_per_vf
            pieces.append(replace(frame, number=number, ends_fs=dict(frame.ends_fs)))
            self._meter.frame_offered(pieces[-1])
            pieces[-1].offered_fs = frame.offered_fs
        return pieces

    def tell_adapter(self, at_place: int) -> int:
        """Tell the adapter of what a piece has posted; return how many doorbells that takes."""
        return 0 if self.uplink is None else self.uplink.tell(at_place)

    def _lay_down(self) -> None:
        """Lay the copies that wait into their rings, in order; one that finds no buffer is dropped, or waits."""
        while self._waiting:
            copy = self._waiting[0]
            copy.ends_fs.setdefault("rx_buffer", self._env.now)
            queue = copy.frame.rss_hash % self._parameters.queues_per_vf
            ring = self._rx_rings[copy.destination, queue]
            in_buffer = self._parameters.buffer_bytes - self._parameters.buffer_offset_bytes
            needed = max(1, -(-copy.data_bytes // in_buffer))
            if self.is_shut(copy.destination):
                self._meter.copy_dropped(self._waiting.popleft(), "PORT_SECURITY")
                continue
            sender = -1 if copy.is_mirrored else copy.frame.source
            if not self._parameters.drops_at(copy.destination, queue):
                if ring.cached < needed:
                    return
            elif not self._owed[ring.port, queue].fits(sender, needed, ring.cached):
                self._meter.copy_dropped(self._waiting.popleft(), "NO_DESCRIPTOR")
                continue
            self._waiting.popleft()
            self.flows.mark(copy, ring.waiting_bytes)
            ring.waiting_bytes += copy.data_bytes
            ring.cached -= needed
            copy.n_descriptors = needed
            ring.taken[copy] = None
            for part in ("rx_descriptor", "payload_write", "writeback_batch", "writeback"):
                copy.ends_fs[part] = self._env.now
            ring.frames_landed([copy])
            ring.frames_entered([copy])

    def slots_freed(self, use: Callable[[], None]) -> Callable[[], None]:
        """Return what lets a driver use freed slots, behind the copies of the same event."""
        return partial(later, self._env, 0, BEHIND_THE_EVENT, use)
