"""The uplink of the host's virtual switch: rings of the adapter's, which the switch's cores serve.

The adapter has one function, whose driver they are; what it sends and receives is a part of the frames' way through
the switch, so it is counted here as that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import simpy

from .bond import Bond
from .chances import Chances
from .core import Core
from .driver import QueuePair, Taking, Vector, ring_tx_doorbell
from .frames import WIRE, Copy, Decision, Frame
from .link import Direction, nothing
from .parameters import NicParameters
from .posts import Post, data_descriptors
from .receiving import Receiver, RxRing
from .results import Meter
from .scheduling import TxRing
from .sending import Sender
from .timing import Phase, passing_place
from .virtual_switch import PF, VirtualSwitch


def as_uplink(parameters: NicParameters) -> NicParameters:
    """Return the parameters as the adapter and its driver have them: of a function for each leg, behind the guests'."""
    port = parameters.ports[-1] + 1
    legs = range(parameters.ethernet_ports)
    return replace(
        parameters.of_port(PF),
        first_port=port,
        vfs=len(legs) - 1,
        at_ethernet_port={port + leg: leg for leg in legs},
        queues_per_vf=parameters.virtual_switch.n_uplink_rings,
        vectors_per_function=None,
        exit_time_fs=0,
        tx_interrupt_batch=0,
        never_refill=frozenset(port + leg for leg in legs if PF in parameters.never_refill),
        own_drop_enable={
            (port + leg, queue): drops
            for leg in legs
            for (of, queue), drops in parameters.own_drop_enable.items()
            if of == PF
        },
        own_drivers={},
        mss_bytes=parameters.mss_bytes if parameters.virtual_switch.cuts == "adapter" else 0,
    )


@dataclass(slots=True, eq=False)
class Carried(Frame):
    """A copy for the wire, as the adapter has it: a frame that its function sends."""

    copy: Copy | None = None


def to_other_side(port: int, frame: Frame) -> Decision:
    """Send what comes from the wire to the port of its leg, of which this is the first, and all else to the wire."""
    return Decision(((port + frame.came_by if frame.source == WIRE else WIRE, None),))


class AtAdapter:
    """The meter that the adapter tells, for which its copies are not those that the run counts."""

    def __init__(self, meter: Meter) -> None:
        """Count in `meter`."""
        self._meter = meter
        self.frame_dropped, self.mac_waited, self.line_waited = meter.frame_dropped, meter.mac_waited, meter.line_waited

    def copies_made(self, frame: Frame, copies: list[Copy], reason: str) -> None:
        """Know that copies are made in the switch."""

    def mirrored_made(self, copies: int) -> None:
        """Know the same of mirrored ones."""

    def copy_dropped(self, copy: Copy, reason: str) -> None:
        """Count a copy that has not come to the wire, or a frame that has not come to the switch."""
        if isinstance(copy.frame, Carried):
            self._meter.copy_dropped(copy.frame.copy, reason)
        else:
            self._meter.frame_dropped(copy.frame, reason)

    def copy_delivered(self, copy: Copy) -> None:
        """Count a copy that is sent on the wire."""
        self._meter.copy_delivered(copy.frame.copy)

    def journey_over(self, copy: Copy, taken_fs: int) -> None:
        """Note when it was."""
        own = copy.frame.copy
        own.ends_fs["wire"] = taken_fs
        self._meter.journey_over(own, taken_fs)


class Slots:
    """A Tx ring of the uplink, as its driver has it."""

    def __init__(self) -> None:
        """Begin empty; `bytes_posted` is to be set before the run."""
        self.n_slots_taken = 0
        self.n_claimed = 0
        """Slots that pieces under way keep."""
        self.posted: list[Post] = []
        """Not told yet."""
        self.last_header: bytes | None = None
        """Of the last send posted."""
        self.bytes_posted: Callable[[int], None]
        self.slots_freed = nothing


class TakingIn(Taking):
    """Takes the frames of one Rx ring of the uplink and passes them on."""

    phase = Phase.SWITCHING

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
        switch: VirtualSwitch,
        number: int,
    ) -> None:
        """Begin with nothing visible; `number`: of the ring among those of the uplink."""
        super().__init__(env, parameters, chances, meter, down, core, receiver, ring)
        self._rules, self._switch, self._number = parameters.virtual_switch, switch, number
        self._decided: deque[tuple[Decision, int, bool]] = deque()
        self._missed: list[bool] = []
        """Of the piece's frames."""
        self._started_fs = self._ring_fs = 0

    def place_at(self, at_fs: int) -> int:
        """Return by lot the place in an instant at which a piece ends then."""
        return passing_place(at_fs, self._switch.n_rings + self._number)

    def _seen(self, copy: Copy) -> None:
        if not copy.frame.is_from_bridge:
            copy.frame.ends_fs["doorbell"] = self._env.now

    def begin_piece(self, most: int) -> tuple[int, int]:
        """Go as far as the next refill, and decide on the frames up to there."""
        frames, before_fs = super().begin_piece(most)
        self._started_fs = self._core.begins_fs(before_fs)
        self._ring_fs = self._rules.ring_fs(self._core)
        pieces = [(copy.frame, self._switch.decide(copy.frame)) for copy in list(self._visible)[:frames]]
        memory_fs = self._rules.memory_fs(pieces)
        self._decided = deque((decision, *self._switch.look_up(frame, decision)) for frame, decision in pieces)
        batch_fs = self._rules.batch_time_fs if frames else 0
        work_fs = batch_fs + sum(self.frame_fs(at) for at in range(frames))
        waits_fs = self._switch.wait_for_memory(memory_fs, self._started_fs, work_fs)
        return frames, before_fs + batch_fs + waits_fs

    def frame_fs(self, behind: int = 0) -> int:
        """Return what the copies of the next frame take, or of the one so many behind it."""
        decision, looking_fs, _ = self._decided[behind]
        return looking_fs + self._rules.passing_fs(self._visible[behind].frame, decision) + self._ring_fs

    def frame_done(self) -> None:
        """Have a frame ready, until the piece is over."""
        self._missed.append(self._decided.popleft()[2])
        super().frame_done()

    def _use(self, copies: list[Copy]) -> None:
        missed, self._missed = self._missed, []
        for copy, is_missed in zip(copies, missed, strict=True):
            if not copy.frame.is_from_bridge:
                copy.frame.ends_fs["scheduler"] = self._started_fs
            if is_missed:
                self._switch.put_aside(self._switch.n_rings + self._number, copy.frame)
            else:
                self._switch.go_on(copy.frame, self._rules.place_of(self.queue))


class Uplink:
    """The adapter's driver."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        chances: Chances,
        meter: Meter,
        cores: Sequence[Core],
        link: tuple[Direction, Direction],
        sender: Sender,
        receiver: Receiver,
        switch: VirtualSwitch,
    ) -> None:
        """Begin with empty Tx rings; `parameters` are those `as_uplink`, and so are those of sender and receiver."""
        up, self._down = link
        self._parameters, self._meter, self._sender = parameters, meter, sender
        self._flows = switch.flows
        rules = parameters.virtual_switch
        self._n_legs = len(parameters.ports)
        self._bond: Bond | None = None
        if rules.bond is not None:
            self._bond = Bond(env, rules.bond, self._n_legs, parameters)
        self._rings: list[tuple[TxRing, Slots]] = []
        self._takings: list[TakingIn] = []
        for tx_ring in sender.rings:
            rx_ring = receiver.rings[tx_ring.port, tx_ring.queue]
            for ring in (tx_ring, rx_ring):
                receiver.cache.use(ring)
            core = cores[rules.cores[rules.place_of(tx_ring.queue)]]
            slots = Slots()
            if rules.on_uplink_full == "wait":
                slots.slots_freed = switch.look_later
            number = len(self._takings)
            taking = TakingIn(env, parameters, chances, meter, self._down, core, receiver, rx_ring, switch, number)
            vector = Vector(env, parameters, core, up, (tx_ring.port, tx_ring.queue))
            QueuePair(parameters, vector, slots, taking, (tx_ring, rx_ring))
            self._rings.append((tx_ring, slots))
            self._takings.append(taking)

    def _places(self, at_place: int) -> list[int]:
        """Return which rings a core posts in, by its place: of each leg one."""
        n = len(self._rings) // self._n_legs
        return [leg * n + at_place % n for leg in range(self._n_legs)]

    def post(self, copies: Sequence[Copy], at_place: int) -> None:
        """Post a copy in the ring of the core that has made it, and of its leg, if there is a slot.

        Several: a segment, whose bytes the first has, and the frames that it leaves as.
        """
        leg, copy = 0, copies[0]
        raw = copy.raw or copy.frame.raw
        if self._bond is not None:
            chosen = self._bond.leg_of(raw, is_coming=False)
            if chosen is None:
                for each in copies:
                    self._meter.copy_dropped(each, "LINK_DOWN")
                return
            leg = chosen
        ring, slots = self._rings[self._places(at_place)[leg]]
        posts = self._posts(copies, ring, slots)
        n_slots = sum(post.n_descriptors for post in posts)
        if slots.n_slots_taken + n_slots > self._parameters.tx_ring - 1:
            for each in copies:
                self._meter.copy_dropped(each, "TX_RING_FULL")
            return
        for post in posts:
            waiting_bytes = sum(frame.data_bytes for before in ring.not_picked for frame in before.left)
            for carried in post.frames:
                self._flows.mark(carried.copy, waiting_bytes)
            slots.n_slots_taken += post.n_descriptors
            slots.bytes_posted(post.data_bytes)
            slots.posted.append(post)
            slots.last_header = post.header
            ring.not_picked.append(post)

    def _posts(self, copies: Sequence[Copy], ring: TxRing, slots: Slots) -> list[Post]:
        """Return what a copy, or a segment's, is posted as."""
        rules, raw = self._parameters.virtual_switch, copies[0].raw or copies[0].frame.raw
        if not rules.cuts:
            (copy,) = copies
            carried = self._carried(copy, ring, copy.raw)
            return [Post([carried], carried.data_bytes)]
        n_header = rules.header_bytes + len(raw) - copies[0].frame.data_bytes  # with what tags it has more
        frames = []
        for number, copy in enumerate(copies):
            first = n_header + number * rules.mss_bytes
            copy.raw = raw[:n_header] + raw[first : first + rules.mss_bytes]
            frames.append(self._carried(copy, ring, copy.raw))
        if rules.cuts == "switch":
            return [Post([frame], frame.data_bytes) for frame in frames]
        send = Post(frames, len(raw), rules.mss_bytes, n_header, raw[:n_header])
        has_context = self._parameters.tso_context == "each" or slots.last_header != send.header
        send.n_descriptors = has_context + data_descriptors(self._parameters.buffer_offset_bytes, len(raw))
        return [send]

    def _carried(self, copy: Copy, ring: TxRing, raw: bytes | None) -> Carried:
        frame = copy.frame
        return Carried(frame.index, ring.port, (WIRE,), (), copy.frame_bytes, raw=raw or frame.raw, copy=copy)

    def tell(self, at_place: int) -> int:
        """Ring a doorbell for each leg that something is posted for; return how many."""
        n_rung = 0
        for number in self._places(at_place):
            ring, slots = self._rings[number]
            posts, slots.posted = slots.posted, []
            if posts:
                ring_tx_doorbell(self._down, self._parameters, self._sender, ring, posts)
                n_rung += 1
        return n_rung

    def leg_from_outside(self, frame: Frame) -> int:
        """Return by which leg a frame comes from outside."""
        return (self._bond and self._bond.leg_of(frame.raw, is_coming=True)) or 0

    def wires_change(self) -> None:
        """Learn of commands about wires."""
        if self._bond is not None:
            self._bond.wires_change(self._parameters)

    def free_slots(self, at_place: int) -> int:
        """Return how many slots are free, and kept by nobody, for the core at a place."""
        _, slots = self._rings[at_place % len(self._rings)]
        return self._parameters.tx_ring - 1 - slots.n_slots_taken - slots.n_claimed

    def claim(self, at_place: int, n: int) -> None:
        """Keep slots, or give them back."""
        self._rings[at_place % len(self._rings)][1].n_claimed += n

    def refills_from_now(self, does: bool) -> None:
        """Post Rx descriptors again, or no more."""
        for taking in self._takings:
            taking.refills_from_now(does)
