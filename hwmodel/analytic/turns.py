"""Who takes turns at an adapter: its senders, what each has to send, and when they are served in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceilings import core_of
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.mix_costs import PER_S
from hwmodel.analytic.mix_program import WITHOUT_END
from hwmodel.analytic.traffic import Offered, Sizes
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

ZERO = Fraction(0)
Interval = tuple[float, float]


@dataclass(frozen=True)
class Sender:
    """Hold a function that sends: its server, its streams by number, its turns, the most that it has to send.

    `limited_by`: `rate_limit`, or `nic.queue` for the time that its Tx rings take, where that is less than it has.
    """

    part: int
    streams: tuple[int, ...]
    weight: float
    core: int
    most: float
    limited_by: str = ""

    @property
    def is_limited(self) -> bool:
        """Tell whether it holds itself back: it has more to send than `most`."""
        return bool(self.limited_by)

    @property
    def level(self) -> float:
        """Give how many turns a second, by its weight, serve it in full."""
        return self.most / self.weight


def intervals_of(levels: Iterator[float]) -> list[Interval]:
    """Give the intervals between the levels at which senders are served in full."""
    ends = sorted({0.0, *levels})
    return [each for each in zip(ends, [*ends[1:], WITHOUT_END], strict=True) if each[0] < WITHOUT_END]


def senders_of(system: System, streams: Sequence[Offered], most: Sequence[float]) -> Iterator[Sender]:
    """List the functions that send `streams`, of each of which there are `most` millions a second."""
    for name in dict.fromkeys(one.source for one in streams if one.source != UPLINK):
        part, local = system.place(name)
        config, port = system.config(part), system.port(name)
        numbers = tuple(number for number, one in enumerate(streams) if one.source == name)
        asked = sum(most[number] for number in numbers)
        limits = [(asked, "")]
        if config.nic.queue_time_fs:  # each of its Tx rings gives a frame in that time, whoever else waits
            # Where all senders are alike, one stands for those of its server (`symmetry.folded_stream`).
            n_alike = max(1, len({one for number in numbers for one in streams[number].traffic.sent}))
            n_rings = n_alike * config.nic.queues_per_vf
            limits.append((n_rings * FS_PER_S / config.nic.queue_time_fs / PER_S, "nic.queue"))
        if port.rate_limit_bps is not None:
            limits.append((port.rate_limit_bps / bits_of(streams[numbers[0]].traffic.sizes) / PER_S, "rate_limit"))
        limit, limited_by = min(limits, key=lambda each: each[0])
        weight = float(port.weight) if config.switch.scheduler in ("weighted", "deficit") else 1.0
        yield Sender(part, numbers, weight, core_of(config, local), limit, limited_by)


def rate_of(frames_per_s: Fraction | None) -> float:
    """Give a rate in millions a second, without end where none is given."""
    return WITHOUT_END if frames_per_s is None else float(frames_per_s / PER_S)


def bits_of(sizes: Sizes) -> float:
    """Give the bits of the mean frame."""
    return float(sum((n_bytes * share for n_bytes, share in sizes), ZERO)) * BITS_PER_BYTE
