"""How long reads wait for writes, beside the round trip of an idle link: behind them, and until these are in memory.

When the last read of a frame comes in, its tag is free and its payload goes: at one instant a request and a burst of
writes enter their queues. The adapter's arbitration says who leaves first, and the host begins no read before the
writes received ahead of it are in memory. Written from docs/datapath.md ("The link", "The host's memory"); docs/pcie.md
("Reads behind writes") works it through by hand. Waits are counted low: tags come free at even intervals, a request
that finds a write under way waits for nothing, and page walks of reads and of writes overlap.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.latency import read_holding_fs
from hwmodel.analytic.link import CREDIT_DATA_BYTES, link_rate_of
from hwmodel.analytic.page_walks import PageWalks
from hwmodel.analytic.tlp_cuts import cut
from hwmodel.analytic.traffic import Traffic
from hwmodel.analytic.transactions import Tlp, TlpRules, Transaction
from hwmodel.units import FS_PER_S
from hwmodel.wire.ethernet import FCS_BYTES

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO = Fraction(0)
_WRITES_GO_AHEAD = ("writes_first", "arrival")  # at a tie `arrival` takes the write
_TURNS = 0.6  # of the turns in which a write may go ahead of a fetch, those in which it does at the least: measured
_OF_OTHERS = 0.5  # of the waits of reads whose tags come free at times that are not known, what is counted
_MOST_READS = 64  # of a frame; tags beyond it come free when the burst is over


class Wait(NamedTuple):
    """Hold how long a read waits, in fs: for the link, and then for what the host has received before it."""

    for_link_fs: float = 0.0
    for_writes_fs: float = 0.0


@dataclass(frozen=True)
class Burst:
    """Hold the writes of a frame on their way up, in fs from the instant in which they enter an idle link.

    `first_fs`: one TLP. `duration_fs`: all. `first_landed_fs`, `landed_fs`: when the first, and the last, is in memory.
    `landing_fs`: what that takes after the receipt. `request_fs`: what a read request takes on the link. `goes_ahead`:
    all of it leaves before a request that waits. `first_goes`: the share of bursts whose first TLP leaves before a
    request of the same instant, where they take turns.
    """

    first_fs: int
    duration_fs: int
    first_landed_fs: int
    landed_fs: int
    landing_fs: int
    request_fs: int
    goes_ahead: bool
    first_goes: float

    def wait_at(self, released_fs: float) -> Wait:
        """Give the wait of a read whose request is ready so long after the burst enters."""
        if self.goes_ahead:
            behind_fs = max(0.0, self.duration_fs - released_fs)
            received_fs = released_fs + behind_fs + self.request_fs
            return Wait(behind_fs, max(0.0, self.landed_fs - received_fs))
        received_fs = released_fs + self.request_fs
        if released_fs <= 0:
            first_fs = self.first_landed_fs - self.first_fs - self.request_fs
            return Wait(self.first_goes * self.first_fs, self.first_goes * max(0.0, first_fs))
        if released_fs < self.duration_fs:
            return Wait(0.0, max(0.0, self.landing_fs - self.first_fs, self.first_landed_fs - received_fs))
        return Wait(0.0, max(0.0, self.landed_fs - received_fs))


def bursts_of(
    config: Config, traffic: Traffic, copies: Fraction, walks: PageWalks, first_goes: float
) -> Iterator[tuple[float, Burst]]:
    """Give the bursts by frame size with their shares, of frames that are written so often each."""
    host, rules, rate = config.host, TlpRules.of(config), link_rate_of(config.pcie)
    is_ordered = config.pcie.ordering != "id_based"  # else reads wait for writes of their own function alone
    walk_fs = int(walks.payload_writes_s * FS_PER_S / traffic.written) * is_ordered
    landing_fs = host.write_latency_fs * is_ordered
    if config.pcie.arbitration == "arrival":
        copies = min(copies, Fraction(1))  # the next copy enters behind the request
    request_fs = rate.transfer_fs(rules.read(0, 4)[0].link_bytes)
    for frame_bytes, share in traffic.sizes:
        pieces = cut(0, frame_bytes - FCS_BYTES, host.buffer_bytes - host.buffer_offset_bytes)
        goes_ahead = config.pcie.arbitration in _WRITES_GO_AHEAD
        tlps = [tlp for piece in pieces for tlp in rules.write(host.buffer_offset_bytes, piece)]
        if not _has_credits(config, tlps, copies):
            goes_ahead, first_goes = False, 0.0  # while writes wait for credits, requests go
        first_fs = rate.transfer_fs(tlps[0].link_bytes)
        duration_fs = int(copies * sum(rate.transfer_fs(tlp.link_bytes) for tlp in tlps))
        first_landed_fs = first_fs + walk_fs + landing_fs
        landed_fs = max(first_landed_fs, duration_fs + landing_fs)
        yield float(share), Burst(
            first_fs, duration_fs, first_landed_fs, landed_fs, landing_fs, request_fs, goes_ahead, first_goes
        )  # fmt: skip


def _has_credits(config: Config, tlps: Sequence[Tlp], copies: Fraction) -> bool:
    """Tell whether all copies of a frame's writes find credits at once."""
    credits, n_data = config.pcie.credits, sum(-(-tlp.data_bytes // CREDIT_DATA_BYTES) for tlp in tlps)
    pools = (credits.ph, len(tlps)), (credits.pd, n_data)
    return all(not granted or granted >= needed * copies for granted, needed in pools)


def tag_wait_s(
    config: Config,
    traffic: Traffic,
    transactions: Sequence[Transaction],
    walks: PageWalks,
    *,
    n_most: int,
    held_s: Fraction,
) -> Fraction:
    """Give the seconds per frame for which reads hold their tags, or places, beside round trips; `n_most`: of those.

    `held_s`: for how long a frame's reads hold their tags with nothing to wait for.
    """
    reads = [one for one in transactions if one.is_read and one.per_frame]
    n_reads = sum((one.per_frame for one in reads), ZERO)
    # What comes back from the wire is written at an instant of its own, when no tag need be free.
    bursts = min(traffic.reads, traffic.written) - traffic.from_wire
    if bursts <= 0 or not n_reads:
        return walks.reads_s
    held_fs = float(held_s * FS_PER_S / n_reads)
    per_frame = float(n_reads / traffic.reads)
    copies = max(Fraction(1), traffic.written / (traffic.reads + traffic.from_wire))
    # In turns the first write goes where a read has gone last: one of the same frame, and no write-back behind it.
    goes = config.pcie.arbitration == "round_robin" and _n_of(transactions, "payload read") >= 2 * traffic.reads
    first_goes = float(max(ZERO, 1 - _n_of(transactions, "Tx write-back") / traffic.reads)) * goes
    first_fs = 0.0
    if config.nic.dma is not None or config.nic.max_pps is not None or config.switch.timing != "none":
        # The burst comes later than its tag: the next read is taken to be ready as late as it can.
        first_fs = max([read_holding_fs(config, one.tlps) for one in reads]) / n_most
    waits_fs = 0.0
    for share, burst in bursts_of(config, traffic, copies, walks, first_goes):
        for weight, wait in _waits(burst, held_fs, per_frame, n_most, first_fs):
            waits_fs += share * weight * (wait.for_link_fs + wait.for_writes_fs)
    # A read that a walk has held back may find the burst gone.
    return max(bursts * Fraction(waits_fs) / FS_PER_S, walks.reads_s)


def _waits(burst: Burst, held_fs: float, n_reads: float, n_most: int, first_fs: float) -> Iterator[tuple[float, Wait]]:
    """Give the waits of a frame's reads, the first ready `first_fs` after its burst enters, the last with its part."""
    released_fs = [first_fs + number * held_fs / n_most for number in range(min(n_most, _MOST_READS))]
    for number in range(min(math.ceil(n_reads), _MOST_READS)):
        ready_fs = heapq.heappop(released_fs)
        wait = burst.wait_at(ready_fs)
        heapq.heappush(released_fs, ready_fs + wait.for_link_fs + wait.for_writes_fs + held_fs)
        is_known = number == 0 or n_most == 1
        yield min(1.0, n_reads - number) * (1.0 if is_known else _OF_OTHERS), wait


def fetch_wait_s(config: Config, traffic: Traffic, transactions: Sequence[Transaction], walks: PageWalks) -> Fraction:
    """Give how long the fetch of a frame's Rx descriptor waits where none are kept on the chip, in seconds.

    It is asked for as the payload of the frame before enters its queue. In turns, that goes first where a read has gone
    last: where one comes between two frames, but for frames behind which a write-back goes.
    """
    if not traffic.written:
        return ZERO
    own_s = walks.rx_reads_s / traffic.written
    if config.nic.dma is not None:
        return own_s
    others = _n_of(transactions, "payload read", "Tx descriptor read") / traffic.written
    backs = _n_of(transactions, "Rx write-back", "Tx write-back") / traffic.written
    in_turns = config.pcie.arbitration == "round_robin"
    first_goes = _TURNS * in_turns * float(max(ZERO, 1 - backs) * min(Fraction(1), others))
    waits = [(share, burst.wait_at(0.0)) for share, burst in bursts_of(config, traffic, Fraction(1), walks, first_goes)]
    behind_s, landing_s = (Fraction(sum(share * wait[n] for share, wait in waits)) / FS_PER_S for n in range(2))
    return behind_s + max(landing_s, own_s)


def _n_of(transactions: Sequence[Transaction], *names: str) -> Fraction:
    """Count the transactions of some names, per frame."""
    return sum((one.per_frame for one in transactions if one.name in names), ZERO)
