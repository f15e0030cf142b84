"""Run one load after another, each for as long as it takes to see whether all of it gets through.

A load just above what a machine carries loses nothing for a long time: first all rings and buffers fill. So what
counts is what is taken by the receivers beside what is offered, in a window that holds whole batches. What is neither
taken nor lost stays in queues. While buffers and caches on the chip fill, a machine carries less than later: only with
a backlog does it fetch whole batches. So queues count as growing for ever when more waits than the chip has room for,
and they still grow as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import fsum
from typing import TYPE_CHECKING

from hwmodel.errors import RunError
from hwmodel.explore.outcomes import Outcome, outcomes_of
from hwmodel.explore.search.dial import Dial
from hwmodel.results import LoadTrial, Result
from hwmodel.simulation.clocks import PPB, tolerance_ppb
from hwmodel.units import FS_PER_NS, FS_PER_S, format_time_fs
from hwmodel.words.bottleneck import of_too_much

if TYPE_CHECKING:
    from hwmodel.config import Config

Simulator = Callable[[Sequence["Config"], int], Iterator[tuple[int, Outcome]]]
_LONGER = 4
_SETTLES = 0.375  # of what queues that grow for ever would hold more
_STILL_GROWS = 0.7  # of the shortfall in the shorter window: a queue that settles grows by less and less
MOST_FRAMES = 4_000_000
LEAST_FRAMES = 4_000


@dataclass
class Loads:
    """Run loads of a dial; `precision` is the share of the load to which an answer is to be known.

    `n_runs` counts simulations. `simulator` is `outcomes_of` or stands for it.
    """

    dial: Dial
    precision: float
    jobs: int = 1
    simulator: Simulator = outcomes_of
    progress: Callable[[float, str], None] | None = None
    n_runs: int = 0
    trials: list[LoadTrial] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Return how many frames a window holds at first: a burst for each sender is a quarter of the precision."""
        wanted = int(4 * (self.dial.n_sources * self.dial.burst_frames + 2) / self.precision)
        return min(max(LEAST_FRAMES, wanted), MOST_FRAMES)

    def trial(self, share: Fraction, loss: float = 0.0) -> LoadTrial:
        """Run a load until it is decided whether no more than a share is lost; RunError where it cannot be run."""
        frames, before = self.frames, None
        while True:
            found = self.run([share], frames)[0]
            if found.failure:
                raise RunError(f"the load of {found.offered_mpps:.6g} Mpps cannot be run: {found.failure}")
            if self._decided(found, loss, before) or frames >= MOST_FRAMES:
                found = _judged(found, loss, self._noise(found.window_frames))
                self.trials.append(found)
                return found
            before = found.loss
            frames = min(MOST_FRAMES, max(_LONGER * frames, self._frames_to_fill(found)))

    def _frames_to_fill(self, found: LoadTrial) -> int:
        """Return in how many frames the chip will be full, if queues go on to grow as fast."""
        lacking = self.dial.room_frames - found.in_flight_frames
        return int(1.2 * (found.window_frames + lacking / max(found.loss or 0.0, 1e-9)))

    def measured(self, shares: Sequence[Fraction], frames: int) -> list[LoadTrial]:
        """Run loads for their figures; what the ends of a window alone can be is no loss.

        Frames that wait for batches and timers can make more of the ends than a frame of each sender. Where so many
        are missing and none was dropped, windows four times as long tell: queues that grow for ever come to hold more
        than the chip has room for, and as many more as are missing.
        """
        found = self.run(shares, frames)
        unclear = [place for place, one in enumerate(found) if self._is_short(one)]
        while unclear and frames < MOST_FRAMES:
            frames = min(MOST_FRAMES, _LONGER * frames)
            asked, unclear = unclear, []
            for place, one in zip(asked, self.run([shares[each] for each in asked], frames), strict=True):
                grown, found[place] = one.in_flight_frames - found[place].in_flight_frames, one
                if not self._is_short(one):
                    continue
                # Of a window the warm-up before it is half as long again.
                expected = (one.loss or 0.0) * frames * (1 - 1 / _LONGER) * 1.5
                if grown < _SETTLES * expected:
                    found[place] = replace(one, loss=0.0)
                elif grown < _STILL_GROWS * expected or one.in_flight_frames < self.dial.room_frames:
                    unclear.append(place)
        return [
            one if not one.loss or one.dropped_frames or self._is_short(one) else replace(one, loss=0.0)
            for one in found
        ]

    def _is_short(self, found: LoadTrial) -> bool:
        """Tell whether frames are missing, none of them dropped, and more than the ends of every window can be."""
        return not found.dropped_frames and (found.loss or 0.0) > self._noise(found.window_frames)

    def run(self, shares: Sequence[Fraction], frames: int) -> list[LoadTrial]:
        """Run loads, each for so many frames or more after half as many; without a verdict."""
        configs = [self._config(share, frames) for share in shares]
        found: list[LoadTrial] = [LoadTrial(share=0, offered_mpps=0)] * len(configs)
        for number, outcome in self.simulator(configs, self.jobs):
            found[number] = self._read(shares[number], outcome)
            self.n_runs += 1
            if self.progress is not None:
                self.progress(min(0.95, self.n_runs / 20), f"simulation {self.n_runs}")
        return found

    def _config(self, share: Fraction, frames: int) -> Config:
        duration_fs = self.dial.window_fs(share, frames)
        warmup_fs = self.dial.window_fs(share, frames // 2)
        run = {"run.duration": format_time_fs(duration_fs), "run.warmup": format_time_fs(warmup_fs)}
        return self.dial.at(share, run | {"run.frames": None, "run.precision": None})

    def _read(self, share: Fraction, outcome: Outcome) -> LoadTrial:
        per_s = self.dial.offered_per_s(share)
        if not isinstance(outcome, Result):
            return LoadTrial(share=float(share), offered_mpps=float(per_s / 10**6), failure=outcome)
        window_fs = round(outcome.window.duration_ns * FS_PER_NS)
        offered = per_s * window_fs / FS_PER_S
        # A frame is delivered when its receiver can see it, and that may be long before it has room for another.
        n_delivered = outcome.latency_ns.count
        n_taken = min(n_delivered, outcome.latency_to_guest_ns.count)
        bits = [rate for rate in (outcome.totals.gbps, outcome.wire.tx_gbps) if rate]
        return LoadTrial(
            share=float(share),
            offered_mpps=float(per_s / 10**6),
            delivered_mpps=n_delivered / (window_fs / FS_PER_S) / 1e6,
            gbps=fsum(bits) if bits else None,
            loss=max(0.0, float(1 - n_taken / offered)),
            dropped_frames=outcome.totals.dropped_frames,
            in_flight_frames=outcome.totals.in_flight_frames,
            window_frames=n_delivered,
            limited_by=outcome.bottleneck.resource,
            why=outcome.bottleneck.why,
            latency_ns=outcome.latency_ns,
        )

    def _noise(self, frames: int) -> float:
        """Return by what share what is taken may fall short of what is offered where nothing is lost.

        By the ends of the window, and by how much slower than nominal the senders' clocks may be.
        """
        return (self.dial.n_sources + 2) / max(1, frames) + tolerance_ppb(self.dial.config) / PPB

    def _decided(self, found: LoadTrial, loss: float, before: float | None) -> bool:
        """Tell whether a window was long enough: what it shows will not be otherwise in a longer one."""
        assert found.loss is not None
        if not loss and found.dropped_frames:
            return True
        if found.loss <= loss + self._noise(found.window_frames):
            return True
        fills = found.in_flight_frames >= self.dial.room_frames
        return fills and before is not None and found.loss - loss >= _STILL_GROWS * (before - loss)


def _judged(found: LoadTrial, loss: float, noise: float) -> LoadTrial:
    assert found.loss is not None
    if not loss and found.dropped_frames:
        return replace(found, verdict="lost", why=of_too_much(found.why))
    if found.loss <= loss + noise:
        is_noise = not found.dropped_frames and found.loss <= noise
        return replace(found, verdict="met", loss=0.0 if is_noise else found.loss)
    why = of_too_much(found.why)
    return replace(found, verdict="lost" if found.dropped_frames else "grows", why=why)
