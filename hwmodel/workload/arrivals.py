"""When a source's frames come: gaps between frames from rates, for each kind of arrivals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.workload.sizes import Sizes
from hwmodel.workload.traffic import CLOSED, ON_OFF, PERIODIC, POISSON, Source

# Random gaps of some forty times the mean must still be far below the last time that fits into 63 bits of femtoseconds.
LONGEST_GAP_FS = 100 * FS_PER_S


class ArrivalError(ValueError):
    """Report rates that make no arrivals; the message is for the person who typed them.

    `key` is what to change: `rate`, `peak_rate` or `mean_burst`.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Arrivals:
    """Hold what a configuration says about the times of frames.

    `kind` is periodic, poisson or on_off; only on_off needs the rate within a burst, in frame bits with FCS, and the
    mean number of frames in one; `has_fixed_bursts`: all have just so many.
    """

    kind: str
    peak_rate_bps: int | None = None
    mean_burst_frames: Fraction = Fraction(32)
    has_fixed_bursts: bool = False


def gap_at_rate(rate_bps: int | Fraction, sizes: Sizes) -> Fraction:
    """Give the mean femtoseconds between frames at a rate of frame bits with FCS, exactly."""
    return BITS_PER_BYTE * FS_PER_S * sizes.mean_frame_bytes / Fraction(rate_bps)


def gap_at_share(share: Fraction | float, port_rate_bps: int, sizes: Sizes) -> Fraction:
    """Give the mean femtoseconds between the frames of all senders when together they take `share` of the port's rate.

    The share counts each frame with the 20 B of preamble and gap (RFC 2544's idea of a line rate).
    """
    return BITS_PER_BYTE * FS_PER_S * sizes.mean_wire_bytes / (Fraction(share) * port_rate_bps)


def closed_source(port: str) -> Source:
    """Give a source that always has a next frame; tables are to be filled in."""
    return Source(port, CLOSED)


def open_source(port: str, mean_gap: Fraction, arrivals: Arrivals, sizes: Sizes) -> Source:
    """Give a source whose frames are `mean_gap` femtoseconds apart on average; tables are to be filled in.

    The gap does not depend on the length drawn for a frame. Gaps are rounded to whole femtoseconds, which moves a rate
    of 10^9 frames a second by less than 1e-6, and lower ones less. Raises ArrivalError where frames are more than 100 s
    apart or a peak does not exceed the mean.
    """
    if mean_gap > LONGEST_GAP_FS:
        raise ArrivalError("rate", f"{port} would send less than one frame in {LONGEST_GAP_FS // FS_PER_S} s")
    kind = {"periodic": PERIODIC, "poisson": POISSON, "on_off": ON_OFF}[arrivals.kind]
    source = Source(port, kind, frames_per_s=float(FS_PER_S / mean_gap), mean_gap_fs=max(round(mean_gap), 1))
    if kind != ON_OFF:
        return source
    if arrivals.peak_rate_bps is None:
        raise ArrivalError("peak_rate", "on_off arrivals need the rate within a burst")
    peak_gap = gap_at_rate(arrivals.peak_rate_bps, sizes)
    if peak_gap >= mean_gap:
        peak, mean = (f"{float(FS_PER_S / gap):.6g}" for gap in (peak_gap, mean_gap))
        raise ArrivalError("peak_rate", f"{peak} frames/s must exceed the mean of {port}, {mean} frames/s")
    # A burst of b frames lasts b peak gaps and its pause, and must take b mean gaps in all.
    mean_off = arrivals.mean_burst_frames * (mean_gap - peak_gap)
    if mean_off > LONGEST_GAP_FS:
        raise ArrivalError("mean_burst", f"{port} would pause more than {LONGEST_GAP_FS // FS_PER_S} s between bursts")
    return replace(
        source,
        peak_gap_fs=max(round(peak_gap), 1),
        mean_burst_frames=float(arrivals.mean_burst_frames),
        fixed_burst_frames=int(arrivals.mean_burst_frames) if arrivals.has_fixed_bursts else 0,
        mean_off_fs=round(mean_off),
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
