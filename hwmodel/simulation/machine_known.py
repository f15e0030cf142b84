"""What is known of a run beside what its window shows: how exact its clocks are, how frames come, which bursts.

Senders wait where a burst, or several at once, fill a Tx ring. Where that is rare a window may hold no such burst, or a
small one, and its own ups and downs say nothing of the others, which the intervals of senders' waits must cover too.
How much one adds at most is known all the same: what is left of a burst when the ring is full is as long as a whole one
on average (its length is geometric), and each frame of it waits for as much longer than the one before as the ring
takes to let a frame out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config import servers_of
from hwmodel.config.names import is_uplink
from hwmodel.results import SystemResult
from hwmodel.simulation.clocks import tolerance_ppb
from hwmodel.simulation.figure_intervals import PERCENTILES, Found, Wanted
from hwmodel.workload.traffic import CLOSED, ON_OFF, PERIODIC

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Result
    from hwmodel.simulation.figure_intervals import Estimate
    from hwmodel.workload import Workload


class MachineKnown(NamedTuple):
    """Say what is known of a run beside its marks.

    `clock_share`: by which share two of its clocks may differ. `is_open`: frames come at times of their own, so
    that a rate is known no better than how many came; in a closed loop they come when others have left, and the bursts
    in which slots come free say nothing of the rate. `is_periodic`: they come at even steps, whose phases beside one
    another move by the clocks' differences alone.
    `sends`: somebody does, and no capture says when. `bursts`: those of senders that wait.
    """

    clock_share: float = 0.0
    is_open: bool = True
    is_periodic: bool = False
    sends: bool = True
    bursts: Bursts | None = None

    @property
    def is_random(self) -> bool:
        """Tell whether how much comes in a window is chance."""
        return self.is_open and not self.is_periodic

    @classmethod
    def of(cls, config: Config, workload: Workload) -> MachineKnown:
        """Return what a configuration and its workload say; `run.clocks` is how far each of two clocks may be off."""
        kinds = {source.kind for source in workload.sources}
        sends = bool(kinds) and not len(workload.records)
        is_periodic = PERIODIC in kinds and kinds <= {CLOSED, PERIODIC}
        bursts = Bursts.of(config, workload)
        return cls(2 * tolerance_ppb(config) / 1e9, bool(kinds - {CLOSED}), is_periodic, sends, bursts)


MAY_MISS = -log(0.025)  # of so many that a window has on average, one in 40 has none
# The fullest that a ring gets goes by the logarithm of how many bursts come. One that so many would not fill, never
# fills: far more than come in any run, since how full it got in one window is a rough measure.
MOST_BURSTS = 1e9


class Bursts(NamedTuple):
    """Hold how many frames senders' bursts have on average, and for how many the smallest ring has room."""

    n_frames: float
    room: int

    @classmethod
    def of(cls, config: Config, workload: Workload) -> Bursts | None:
        """Return the longest bursts of senders that wait; None where there are none."""
        found = [source for source in workload.sources if source.kind == ON_OFF and not is_uplink(source.port)]
        if not found or config.workload.on_full != "wait":
            return None
        longest = max(max(source.mean_burst_frames, source.fixed_burst_frames) for source in found)
        return cls(longest, min(server.config.nic.tx_ring for server in servers_of(config)) - 1)


def with_missed_bursts(wanted: Wanted, bursts: Bursts | None, result: Result) -> Wanted:
    """Want the same figure of the sender's wait, with an upper end as high as bursts that the window misses make it."""
    if bursts is None:
        return wanted
    share = bursts.n_frames / max(1, result.sender_wait_ns.count)
    adapters = result.adapters if isinstance(result, SystemResult) else (result,)
    highest = max(1, *(adapter.queues["tx_ring"].max for adapter in adapters))
    if highest < bursts.room * -log(share) / log(MOST_BURSTS):
        return wanted
    # The last frame of a ring waits for all others; behind a full one a burst makes frames wait for so long on average.
    one_wait_ns = bursts.n_frames * (result.latency_ns.max or 0.0) / highest

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        for found in wanted.found_from(estimates):
            per_mille, _ = PERCENTILES.get(found.name.rpartition(".")[2], (0, 0))
            # Waits behind geometric bursts are exponential: so long a one is exceeded as often as the percentile says.
            times = max(0.0, log(MAY_MISS * share * 1000 / (1000 - per_mille))) if per_mille else MAY_MISS * share
            high = max(found.ends[1], found.figure + times * one_wait_ns)
            yield found._replace(ends=(found.ends[0], high))

    return Wanted(wanted.ratios, found_from)
