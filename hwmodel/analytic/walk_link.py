"""Both directions of the link for the walk of one frame: TLPs, DLLPs, arbitration, credits.

Written from docs/datapath.md ("The link"), apart from the kernels.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from hwmodel.analytic.transactions import Tlp
from hwmodel.analytic.walk_clock import Action, Clock, Phase, nothing
from hwmodel.analytic.walk_memory import Memory, Place, Writes
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES, DLLP_BYTES, LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config


class Rank(IntEnum):
    """The order of posted transactions that enter at one instant."""

    PAYLOAD = 0
    RX_WRITEBACK = 1
    RX_INTERRUPT = 2
    TX_WRITEBACK = 3
    TX_INTERRUPT = 4


class Lane(IntEnum):
    """The two queues of a direction: posted, and beside it non-posted (up) or completions (down)."""

    POSTED = 0
    OTHER = 1


class Credits:
    """The credits of one kind of TLP: headers, and data in units of 16 B; 0 granted is infinite."""

    def __init__(self, clock: Clock, headers: int, data: int, return_fs: int, drain_bps: int | None = None) -> None:
        self._clock, self._return_fs, self._drain_bps = clock, return_fs, drain_bps
        self._headers, self._data = headers or inf, data or inf
        self._is_infinite = not (headers or data)
        self._drained_fs = 0

    def cover(self, tlp: Tlp) -> bool:
        """Tell whether a TLP may go."""
        return self._is_infinite or (self._headers >= 1 and self._data >= _data_credits(tlp))

    def take(self, tlp: Tlp) -> None:
        """Consume the credits of a TLP whose transmission starts."""
        if not self._is_infinite:
            self._add(-1, -_data_credits(tlp))

    def give_back(self, tlp: Tlp) -> None:
        """Begin the way back of the credits of a TLP that has been received, through the memory's drain."""
        if self._is_infinite:
            return
        self._drained_fs = max(self._drained_fs, self._clock.now_fs)
        if self._drain_bps is not None:
            self._drained_fs += tlp.data_bytes * BITS_PER_BYTE * FS_PER_S // self._drain_bps
        self._clock.at(self._drained_fs + self._return_fs, Phase.ADAPTER, partial(self._add, 1, _data_credits(tlp)))

    def _add(self, headers: int, data: int) -> None:
        self._headers += headers
        self._data += data


def _data_credits(tlp: Tlp) -> int:
    return -(-tlp.data_bytes // CREDIT_DATA_BYTES)


@dataclass(eq=False)
class Transaction:
    """TLPs that enter their queue together, each with the place it is for (None: none is looked up).

    What follows on the last of them: `chosen` for transmission, `left` the sender, `received`, `passed` into memory.
    `ready_fs`: when a DMA engine has it ready.
    """

    tlps: Sequence[tuple[Tlp, Place | None]]
    received: Action = nothing
    passed: Action = nothing
    chosen: Action = nothing
    left: Action = nothing
    rank: Rank = Rank.PAYLOAD
    function: int = 0
    ready_fs: int = 0
    entered: tuple[int, int, int] = (0, 0, 0)
    n_chosen: int = 0


class Direction:
    """One direction: what waits for it, who goes next, and what becomes of a TLP at its end."""

    def __init__(
        self,
        clock: Clock,
        rate: LinkRate,
        flight_fs: int,
        arbitration: str,
        credits: tuple[Credits, Credits],
        memory: Memory | None = None,
    ) -> None:
        self._clock, self._rate, self._flight_fs = clock, rate, flight_fs
        self._arbitration, self._credits, self._memory = arbitration, credits, memory
        self._arrives_in = Phase.DOWN if memory is None else Phase.UP
        self._queues: tuple[deque[Transaction], deque[Transaction]] = deque(), deque()
        self._went_last, self._is_busy = Lane.OTHER, False
        self._n_received = self.dllp_pairs_due = 0
        self.opposite = self
        clock.links.append(self)

    def enter(self, lane: Lane, transaction: Transaction) -> None:
        """Queue a transaction, by rank among the posted ones of this instant that no choice has separated."""
        transaction.entered = self._clock.now_fs, self._clock.turn, transaction.rank
        if lane is Lane.POSTED:
            insort(self._queues[lane], transaction, key=lambda one: one.entered)
        else:
            self._queues[lane].append(transaction)
        if transaction.ready_fs > self._clock.now_fs:
            self._clock.at(transaction.ready_fs, Phase.ADAPTER, nothing)  # an idle link looks again then

    def choose(self) -> None:
        """Begin to send the next TLP if the direction is idle, the DLLPs that are due before it."""
        if self._is_busy or (lane := self._next_lane()) is None:
            return
        queue, now_fs = self._queues[lane], self._clock.now_fs
        one = queue[0]
        tlp, place = one.tlps[one.n_chosen]
        one.n_chosen += 1
        is_last = one.n_chosen == len(one.tlps)
        self._credits[lane].take(tlp)
        self._went_last, self._is_busy = lane, True
        end_fs = now_fs + self._rate.transfer_fs(tlp.link_bytes)
        end_fs += self.dllp_pairs_due * self._rate.transfer_fs(2 * DLLP_BYTES)
        self.dllp_pairs_due = 0
        self._clock.at(end_fs, self._arrives_in, partial(self._sent, lane, tlp, place, one, is_last))
        if is_last:
            queue.popleft()
            one.chosen()

    def _next_lane(self) -> Lane | None:
        posted, other = self._queues
        posted_goes = bool(posted) and self._may_go(Lane.POSTED, posted[0])
        if not (other and self._may_go(Lane.OTHER, other[0])):
            return Lane.POSTED if posted_goes else None
        if not posted_goes:
            return Lane.OTHER
        if self._arbitration == "round_robin":
            return Lane(1 - self._went_last)
        if self._arbitration == "arrival":
            return Lane.POSTED if posted[0].entered[0] <= other[0].entered[0] else Lane.OTHER
        return Lane.OTHER if self._arbitration == "reads_first" else Lane.POSTED

    def _may_go(self, lane: Lane, one: Transaction) -> bool:
        return one.ready_fs <= self._clock.now_fs and self._credits[lane].cover(one.tlps[one.n_chosen][0])

    def _sent(self, lane: Lane, tlp: Tlp, place: Place | None, one: Transaction, is_last: bool) -> None:
        self._is_busy = False
        if is_last:
            one.left()
        if not self._flight_fs:
            self._receive(lane, tlp, place, one, is_last)
            return
        receive = partial(self._receive, lane, tlp, place, one, is_last)
        self._clock.at(self._clock.now_fs + self._flight_fs, self._arrives_in, receive)

    def _receive(self, lane: Lane, tlp: Tlp, place: Place | None, one: Transaction, is_last: bool) -> None:
        self._n_received += 1
        period, now_fs = self._rate.tlps_per_dllp_pair, self._clock.now_fs
        if period and self._n_received % period == 0:
            self.opposite.dllp_pairs_due += 1
        if is_last:
            one.received()
        passes_fs = lands_fs = now_fs
        if lane is Lane.POSTED and self._memory is not None:
            whose = Writes(one.function, is_payload=one.rank is Rank.PAYLOAD)
            passes_fs = self._memory.passes_fs(place, whose)
            lands_fs = self._memory.lands_fs(passes_fs, place, whose)
        credits = self._credits[lane]
        if passes_fs == now_fs:
            credits.give_back(tlp)
        else:
            self._clock.at(passes_fs, Phase.UP, partial(credits.give_back, tlp))
        self._later(lands_fs, one.passed if is_last else nothing)

    def _later(self, time_fs: int, action: Action) -> None:
        if time_fs == self._clock.now_fs:
            action()
        else:
            self._clock.at(time_fs, Phase.UP, action)


def both_directions(config: Config, clock: Clock, memory: Memory) -> tuple[Direction, Direction]:
    """Return the idle link of a configuration: up, whose posted writes pass into memory, and down."""
    granted, rate, flight_fs = config.pcie.credits, link_rate_of(config.pcie), config.pcie.flight_fs
    writes = Credits(clock, granted.ph, granted.pd, granted.return_fs, config.host.write_drain_bps)
    reads = Credits(clock, granted.nph, 0, granted.return_fs)
    completions = Credits(clock, granted.cplh, granted.cpld, granted.return_fs)
    up = Direction(clock, rate, flight_fs, config.pcie.arbitration, (writes, reads), memory)
    down = Direction(clock, rate, flight_fs, "arrival", (Credits(clock, 0, 0, 0), completions))
    up.opposite, down.opposite = down, up
    return up, down
