"""Sources of frames: what comes into a port of a stream, and when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hwmodel.config.streams import Arrivals, Sizes, gaps_of
from hwmodel.units import FS_PER_S
from hwmodel.workload.traffic import ON_OFF, PERIODIC, POISSON, Source


def open_source(port: str, mean_gap: Fraction, arrivals: Arrivals, sizes: Sizes) -> Source:
    """Give a source whose frames are `mean_gap` femtoseconds apart on average, without its tables.

    The gap does not depend on the length drawn for a frame. Gaps are rounded to whole femtoseconds, which moves a rate
    of 10^9 frames a second by less than 1e-6, and lower ones less. Raises ArrivalError as `gaps_of`.
    """
    gaps = gaps_of(port, mean_gap, arrivals, sizes)
    kind = {"periodic": PERIODIC, "poisson": POISSON, "on_off": ON_OFF}[arrivals.kind]
    source = Source(port, kind, frames_per_s=float(FS_PER_S / mean_gap), mean_gap_fs=max(round(mean_gap), 1))
    if gaps.peak is None:
        return source
    return replace(
        source,
        peak_gap_fs=max(round(gaps.peak), 1),
        mean_burst_frames=float(arrivals.mean_burst_frames),
        fixed_burst_frames=int(arrivals.mean_burst_frames) if arrivals.has_fixed_bursts else 0,
        mean_off_fs=round(gaps.off),
    )


def stagger(sources: list[Source]) -> list[Source]:
    """Spread the first frames of periodic sources evenly: the k-th of n begins k/n of its own gap late.

    Without this the frames of all VMs would come in the same femtosecond for ever, and queues would show that instead
    of the load.
    """
    periodic = [i for i, source in enumerate(sources) if source.kind == PERIODIC]
    staggered = list(sources)
    for k, i in enumerate(periodic):
        staggered[i] = replace(sources[i], phase_fs=sources[i].mean_gap_fs * k // len(periodic))
    return staggered
