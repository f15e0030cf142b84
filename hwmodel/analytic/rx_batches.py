"""How whole frames fill the batches of the receiving side, where a frame may take several Rx descriptors.

A frame's descriptors are held for write-back together, so a write-back carries the descriptors of whole frames: the
fewest that reach the batch. Doorbells count descriptors in the same way; interrupts count frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwmodel.config import Config
from hwmodel.rules.ethernet import FCS_BYTES

Shares = Mapping[int, Fraction]


@dataclass(frozen=True)
class RxBatches:
    """Hold what a saturated run's batches come to; means are per write-back, interrupt or doorbell of one ring.

    `writebacks`: (descriptors, share of all write-backs) for each size of a write-back. `is_regular`: all have one
    size, so each begins where the one before ended. `frames_per_interrupt`: 0 if the driver polls, always or under
    load.
    """

    writebacks: tuple[tuple[int, Fraction], ...]
    is_regular: bool
    frames_per_writeback: Fraction
    frames_per_interrupt: Fraction
    descriptors_per_doorbell: Fraction

    @classmethod
    def of(cls, config: Config, frames: Shares) -> RxBatches:
        """Derive the batches; `frames` are the shares of frames by the descriptors that they take.

        Exact where all frames take equally many. Otherwise frames are taken as drawn independently; in floating point.
        """
        nic, driver, mean = config.nic, config.driver, _mean(frames)
        batch = min(nic.rx_writeback_batch, nic.rx_ring)
        writebacks = first_passage(frames, batch)
        interrupt = Fraction(0)
        if driver.masks:
            pass  # the driver polls as long as there is something to take
        elif driver.moderation_fs:
            # A timer that never holds an interrupt back lets one through for each write-back.
            interrupt = _mean(writebacks) / mean
        elif driver.rx_interrupt_batch:
            interrupt = _mean(first_passage(_frames_of_writebacks(frames, batch), driver.rx_interrupt_batch))
        return cls(
            writebacks=tuple((min(n, nic.rx_ring), share) for n, share in sorted(writebacks.items())),
            is_regular=len(writebacks) == 1,
            frames_per_writeback=_mean(writebacks) / mean,
            frames_per_interrupt=interrupt,
            descriptors_per_doorbell=_mean(first_passage(frames, driver.refill_batch)),
        )


def descriptor_shares(config: Config, sizes: Iterable[tuple[int, Fraction]]) -> dict[int, Fraction]:
    """Give the shares of frames by the Rx descriptors that they take, one for each host buffer begun.

    `sizes`: (bytes with FCS, share). Tags that a frame keeps in a VM's buffer are not counted.
    """
    room, shares = config.host.buffer_bytes - config.host.buffer_offset_bytes, dict[int, Fraction]()
    for frame_bytes, share in sizes:
        n_descriptors = -(-(frame_bytes - FCS_BYTES) // room)
        shares[n_descriptors] = shares.get(n_descriptors, Fraction(0)) + share
    return shares


def mean_descriptors(config: Config, sizes: Iterable[tuple[int, Fraction]]) -> Fraction:
    """Give the Rx descriptors that a frame takes, in the mean."""
    return _mean(descriptor_shares(config, sizes))


def _mean(shares: Shares) -> Fraction:
    return sum((n * share for n, share in shares.items()), Fraction(0))


def first_passage(steps: Shares, least: int) -> dict[int, Fraction]:
    """Give the distribution of the sum at which independently drawn steps first reach `least` or more."""
    if len(steps) == 1:
        (step,) = steps
        return {-(-least // step) * step: Fraction(1)}
    drawn = [(step, float(share)) for step, share in steps.items()]
    on_the_way, passed = [1.0] + [0.0] * (least - 1), dict[int, float]()
    for held, probability in enumerate(on_the_way):
        for step, share in drawn:
            if held + step < least:
                on_the_way[held + step] += probability * share
            else:
                passed[held + step] = passed.get(held + step, 0.0) + probability * share
    return _as_shares(passed.items())


def _frames_of_writebacks(frames: Shares, batch: int) -> dict[int, Fraction]:
    """Give the shares of write-backs by the number of frames that each reports."""
    if len(frames) == 1:
        (step,) = frames
        return {-(-batch // step): Fraction(1)}
    # on_the_way[held][n]: the probability that at some time n frames of `held` descriptors in all wait for a
    # write-back.
    n_most = -(-batch // min(frames))
    on_the_way = {0: np.zeros(n_most + 1)}
    on_the_way[0][0] = 1.0
    passed = np.zeros(n_most + 1)
    for held in range(batch):
        row = on_the_way.pop(held, None)
        if row is None:
            continue
        for step, share in frames.items():
            after = held + step
            target = passed if after >= batch else on_the_way.setdefault(after, np.zeros(n_most + 1))
            target[1:] += float(share) * row[:-1]
    return _as_shares((n, float(share)) for n, share in enumerate(passed) if share > 0)


def _as_shares(weights: Iterable[tuple[int, float]]) -> dict[int, Fraction]:
    """Turn floats that add up to nearly 1 into shares that do exactly."""
    exact = {n: Fraction(weight) for n, weight in weights}
    total = sum(exact.values(), Fraction(0))
    return {n: weight / total for n, weight in exact.items()}
