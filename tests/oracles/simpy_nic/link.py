"""One direction of the PCIe link: queues, credits, arbitration, transmission."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import partial
from typing import Any

import simpy

from .cutting import Settled, Tlp, Uncut
from .engines import NO_OPERATION, Engines, Operation
from .lives import NOBODYS, Life, Lives
from .memory import HostMemory
from .page_walks import Region
from .parameters import NicParameters
from .timing import BEHIND_THE_EVENT, FIRST_IN_RUN, AtHost, AtLink, FifoServer, Phase, fs_of_bytes, later, place
from .translation import Iommu

DLLP_PAIR_BYTES = 16
CREDIT_BYTES = 16
_CHOICE = place(Phase.CHOICE)


class Rank(IntEnum):
    """Order of posted transactions that enter at one instant; all else keeps the order of entry."""

    PAYLOAD = 0
    RX_WRITEBACK = 1
    RX_INTERRUPT = 2
    TX_WRITEBACK = 3
    TX_INTERRUPT = 4
    REGISTER = 5
    MAILBOX_INTERRUPT = 6


class Purpose(StrEnum):
    """What a TLP is for; a payload's header, framing and LCRC count apart from its data."""

    __hash__ = str.__hash__  # as quick to look up as its name

    PAYLOAD = "payload"
    OVERHEAD = "tlp_overhead"
    READ_REQUEST = "read_request"
    DESCRIPTOR = "descriptor"
    WRITEBACK = "writeback"
    INTERRUPT = "interrupt"
    DOORBELL = "doorbell"
    DLLP = "dllp"


def nothing() -> None:
    """Stand for an event that nobody waits for."""


@dataclass(slots=True, eq=False)
class Transaction:
    """A group of TLPs that enters its queue whole; the callbacks tell of its last TLP."""

    header_bytes: int
    data: Sequence[int] | Uncut
    """Of each TLP, or of all that are still to be cut."""
    received: Callable[[], None]
    """Told as its last TLP is received; of what goes to memory, as it is there."""
    chosen: Callable[[], None] = nothing
    left: Callable[[], None] = nothing
    rank: Rank = Rank.PAYLOAD
    purpose: Purpose = Purpose.PAYLOAD
    port: int = 0
    """The function whose it is: that writes to memory, interrupts, asks, or rings."""
    memory: Region | None = None
    """What is written: its pages; None for what is not looked up."""
    ends_buffer: bool = False
    """It fills a buffer, which is then unmapped."""
    arrived: Callable[[], None] = nothing
    """Told of the last TLP at the far end, which memory may have yet to take."""
    operation: Operation = NO_OPERATION
    """What it asks of the engines."""
    ready_fs: int = 0
    """From then on it may go."""
    taken_back: Callable[[], None] = nothing
    """Told as it leaves its queue because its function is off, nothing of it having left."""
    life: Life = NOBODYS
    """Its function's, as it enters its queue."""
    entered_fs: int = 0
    entered_turn: int = 0
    tlps: Settled | Uncut = field(init=False)
    """Those that have not left."""

    def __post_init__(self) -> None:
        """Begin with all of them."""
        self.tlps = self.data if isinstance(self.data, Uncut) else Settled(self.data)

    def tell(self, what: Callable[[], None]) -> None:
        """Tell what has become of it, unless its function is off since it entered."""
        if not self.life.is_over:
            what()


class Credits:
    """Flow control credits of one kind of TLP, and their return."""

    def __init__(self, env: simpy.Environment, headers: int, data: int, return_fs: int) -> None:
        """Advertise credits; 0 is infinite."""
        self._env = env
        self.headers = headers or math.inf
        self.data = data or math.inf
        self._return_fs = return_fs
        self.infinite = not (headers or data)
        self.drain: FifoServer | None = None
        self.returned: Callable[[], None] = nothing

    def cover(self, data_bytes: int) -> bool:
        """Tell whether one TLP with these data may go."""
        return self.headers >= 1 and self.data >= _data_credits(data_bytes)

    def take(self, data_bytes: int) -> None:
        """Consume the credits of one TLP."""
        if self.infinite:
            return
        self.headers -= 1
        self.data -= _data_credits(data_bytes)

    def tlp_received(self, data_bytes: int) -> None:
        """Begin the way back of a received TLP's credits, through the memory's drain if there is one."""
        if self.infinite:
            return
        if self.drain is None:
            self.tlp_drained(data_bytes, 0)
        else:
            self.drain.put(data_bytes)

    def tlp_drained(self, data_bytes: int, _waited_fs: int) -> None:
        """Return the credits of a TLP that the receiver has consumed."""
        later(self._env, self._return_fs, place(Phase.HOST, AtHost.CREDITS), self._give, data_bytes)

    def _give(self, data_bytes: int) -> None:
        self.headers += 1
        self.data += _data_credits(data_bytes)
        self.returned()


def _data_credits(data_bytes: int) -> int:
    return -(-data_bytes // CREDIT_BYTES)


class Lane:
    """The queue of one kind of TLP in one direction."""

    def __init__(self, env: simpy.Environment, credit: Credits) -> None:
        """Begin empty."""
        self._env = env
        self.queue: deque[Transaction] = deque()
        self.credit = credit
        self.far_credit = credit
        """That of the far end, where the TLP comes to over PCIe switches; else the same."""

    def ready(self) -> bool:
        """Tell whether the head may go."""
        if not self.queue or self.queue[0].ready_fs > self._env.now:
            return False
        return self.credit.infinite or self.credit.cover(self.queue[0].tlps.first.taken_bytes)


class Direction:
    """One direction: `posted` and, beside it, the reads (up) or the completions (down)."""

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, arbitration: str, posted: Credits, other: Credits
    ) -> None:
        """Start the direction's process; `opposite` is to be set before the run, and of the direction down places."""
        self._env = env
        self._parameters = parameters
        self._dllp_period_tlps = parameters.dllp_period_tlps
        self._flight_fs = parameters.propagation_fs + parameters.switch_hops * parameters.switch_latency_fs
        self._arbitration = arbitration
        self.opposite: Direction = self
        self.left_at, self.lands_at = place(Phase.LINK, AtLink.UP), place(Phase.HOST, AtHost.UP_LANDS)
        """Places in an instant: of what has left, and of what lands after its flight."""
        self.iommu: Iommu | None = None
        self.memory: HostMemory | None = None
        """Both at the far end, of the direction up."""
        self.engines: Engines | None = None
        """At this end."""
        self.lives = Lives()
        """Both directions' and the adapter's, where functions go."""
        self.beyond: Callable[[Lane, Transaction, Tlp, bool, int], None] | None = None
        """Of the direction up to a PCIe switch: told of each TLP as it begins, and how long it takes with its DLLPs."""
        self.woken: Callable[[], None] | None = None
        """Of the direction down from one: what sends in its place, told of what is new in its queues."""
        self._posted, self._other = Lane(env, posted), Lane(env, other)
        posted.returned = other.returned = self._wake
        self.ready_fs: Counter[int] = Counter()
        """When completions are to enter, of the direction down."""
        self._posted_went_last = False
        self._is_idle = self._is_busy = False
        self._turn = 0
        self._received_tlps = 0
        self._dllp_pairs_due = 0
        self._busy_fs = 0
        self._busy_until_fs = 0
        self._under_way = 0
        """TLPs that have left and are not received."""
        self.tlps = 0
        self._bytes_of: dict[str, int] = dict.fromkeys(Purpose, 0)
        later(env, 0, FIRST_IN_RUN, self._begin)

    def enter_posted(self, transaction: Transaction) -> None:
        """Queue a memory write, by rank among those of this instant that no choice has separated from it."""
        transaction.entered_fs, transaction.entered_turn = self._env.now, self._turn
        transaction.life = self.lives[transaction.port]
        queue = self._posted.queue
        index = len(queue)
        while index and _same_moment(queue[index - 1], transaction) and queue[index - 1].rank > transaction.rank:
            index -= 1
        queue.insert(index, transaction)
        self._begin_operation(transaction)
        self._wake()

    def enter_other(self, transaction: Transaction) -> None:
        """Queue a read request (up) or a read's completions (down)."""
        transaction.entered_fs = self._env.now
        transaction.life = self.lives[transaction.port]
        self._other.queue.append(transaction)
        self._begin_operation(transaction)
        self._wake()

    def _begin_operation(self, transaction: Transaction) -> None:
        if self.engines is None:
            return
        transaction.ready_fs = self.engines.ready_fs(transaction.operation)
        if transaction.ready_fs > self._env.now:
            later(self._env, transaction.ready_fs - self._env.now, self.left_at, self._wake)

    @property
    def is_idle(self) -> bool:
        """Whether a driver's access to a register goes at once: nothing is sent or waits now, no switch is here."""
        is_direct = self.beyond is None and self.woken is None and not self.ready_fs[self._env.now]
        return is_direct and not (self._is_busy or self._posted.queue or self._other.queue)

    def fly(self, header_bytes: int, data_bytes: int, purpose: Purpose) -> int:
        """Send a TLP beside the queues, which keeps nobody else from the link; return how long it takes to arrive."""
        duration_fs = fs_of_bytes(header_bytes + data_bytes, self._parameters.link_fs_per_byte)
        self.tlps += 1
        self._bytes_of[purpose] += header_bytes + data_bytes
        self._busy_fs += duration_fs
        return duration_fs + self._flight_fs

    def flown(self) -> None:
        """Count a TLP as received that has come so."""
        self._received_tlps += 1
        if self._dllp_period_tlps and self._received_tlps % self._dllp_period_tlps == 0:
            self.opposite._dllp_pairs_due += 1

    def forget(self, life: Life) -> None:
        """Take back what has not left of a function that is off: first what is not posted."""
        for lane in (self._other, self._posted):
            gone = [each for each in lane.queue if each.life is life]
            lane.queue = deque(each for each in lane.queue if each.life is not life)
            for transaction in gone:
                transaction.taken_back()
        self._wake()

    @property
    def bytes_of(self) -> Counter[str]:
        """Return the bytes that have been sent, by what they are for."""
        return Counter({purpose: n_bytes for purpose, n_bytes in self._bytes_of.items() if n_bytes})

    @property
    def dllp_bytes(self) -> int:
        """Return the bytes of DLLPs sent one by one."""
        return self._bytes_of[Purpose.DLLP]

    @property
    def tlp_bytes(self) -> int:
        """Return the bytes of all TLPs."""
        return sum(self._bytes_of.values()) - self.dllp_bytes

    def busy_fs(self) -> int:
        """Return the time for which the direction has been sending until now."""
        return self._busy_fs - max(0, self._busy_until_fs - self._env.now)

    def _wake(self) -> None:
        if self.woken is not None:
            self.woken()
        elif self._is_idle:
            self._is_idle = False
            later(self._env, 0, BEHIND_THE_EVENT, self._begin)

    def _begin(self) -> None:
        """Choose what is next when all else of this instant has happened."""
        later(self._env, 0, _CHOICE, self._serve)

    def _serve(self) -> None:
        """Send what is next, or be idle."""
        lane = self._choose() if self.woken is None else None
        if lane is None:
            self._is_idle = True
            return
        self._is_busy = True
        transaction = lane.queue[0]
        tlp = transaction.tlps.take()
        is_last = not transaction.tlps
        if is_last:
            lane.queue.popleft()
        lane.credit.take(tlp.taken_bytes)
        self._posted_went_last = lane is self._posted
        self._turn += 1
        duration_fs = self._begin_transmission(transaction, tlp.data_bytes)
        if is_last:
            transaction.tell(transaction.chosen)
        if self.beyond is not None:
            self.beyond(lane, transaction, tlp, is_last, duration_fs)
        later(self._env, duration_fs, self.left_at, self._has_left, lane, transaction, tlp, is_last)

    def _has_left(self, lane: Lane, transaction: Transaction, tlp: Tlp, is_last: bool) -> None:
        """Let a TLP be received after its flight, and go on."""
        self._is_busy = False
        if is_last:
            transaction.tell(transaction.left)
        if self._flight_fs or self._under_way:
            self._under_way += 1
            later(self._env, self._flight_fs, self.lands_at, self._lands, lane, transaction, tlp, is_last)
        else:
            self._receive(lane, transaction, tlp, is_last)
        self._begin()

    def _lands(self, *received: Any) -> None:
        self._under_way -= 1
        self._receive(*received)

    def _begin_transmission(self, transaction: Transaction, data_bytes: int) -> int:
        """Account for one TLP and the DLLPs due before it; return the time they take together."""
        pairs, self._dllp_pairs_due = self._dllp_pairs_due, 0
        fs_per_byte = self._parameters.link_fs_per_byte
        duration_fs = fs_of_bytes(transaction.header_bytes + data_bytes, fs_per_byte)
        if pairs:
            duration_fs += pairs * fs_of_bytes(DLLP_PAIR_BYTES, fs_per_byte)
            self._bytes_of[Purpose.DLLP] += pairs * DLLP_PAIR_BYTES
        purpose = transaction.purpose
        self.tlps += 1
        self._bytes_of[purpose] += data_bytes
        self._bytes_of[Purpose.OVERHEAD if purpose is Purpose.PAYLOAD else purpose] += transaction.header_bytes
        self._busy_fs += duration_fs
        self._busy_until_fs = self._env.now + duration_fs
        return duration_fs

    def _receive(self, lane: Lane, transaction: Transaction, tlp: Tlp, is_last: bool) -> None:
        self.flown()
        if self.beyond is None:
            self.is_taken(lane, transaction, tlp, is_last)

    def is_taken(self, lane: Lane, transaction: Transaction, tlp: Tlp, is_last: bool) -> None:
        """Let the host, or the adapter, take a TLP that has come to it."""
        if is_last:
            transaction.tell(transaction.arrived)
        if self.iommu is None or self.memory is None or lane is not self._posted:
            # Credits are for the data; what fills double words is none of them.
            lane.far_credit.tlp_received(tlp.taken_bytes)
            if is_last and lane is self._posted:
                transaction.tell(transaction.received)
            elif is_last:
                transaction.received()  # a read that has left is answered, whosever it was
            return
        passes = partial(self._posted.far_credit.tlp_received, tlp.taken_bytes)
        lands = partial(transaction.tell, transaction.received) if is_last else nothing
        if transaction.memory is None:
            self.memory.interrupt(transaction.port, passes, lands)
            return
        unmaps = is_last and transaction.ends_buffer and not transaction.life.is_over
        wait_fs = self.iommu.wait_fs(transaction.memory, tlp.address, unmaps)
        is_payload = transaction.purpose is Purpose.PAYLOAD
        self.memory.write(transaction.port, wait_fs, passes, lands, is_payload=is_payload)

    def _choose(self) -> Lane | None:
        posted, other = self._posted, self._other
        if not posted.ready():
            return other if other.ready() else None
        if not other.ready():
            return posted
        if self._arbitration == "round_robin":
            return other if self._posted_went_last else posted
        if self._arbitration == "arrival":
            return posted if posted.queue[0].entered_fs <= other.queue[0].entered_fs else other
        return {"reads_first": other, "writes_first": posted}[self._arbitration]


def _same_moment(first: Transaction, second: Transaction) -> bool:
    return first.entered_fs == second.entered_fs and first.entered_turn == second.entered_turn
