"""What a frame costs a guest's core at the least: its own work, and its share of doorbells and interrupts."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.rx_batches import RxBatches, descriptor_shares
from hwmodel.analytic.transactions import Batches
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

Sizes = Iterable[tuple[int, Fraction]]


def doorbell_batch(config: Config) -> int:
    """Return the most frames that one Tx doorbell tells of: a turn's end rings too."""
    return min(config.driver.tx_doorbell_batch, config.driver.send_burst)


def sending_s(config: Config, sizes: Sizes) -> Fraction:
    """Give the core time of a frame sent, in seconds; `sizes`: (bytes with FCS, share)."""
    driver, told = config.driver, Batches.of(config).tx_interrupt
    work_fs = _frame_fs(config, sizes) + Fraction(driver.doorbell_time_fs, doorbell_batch(config))
    if told:
        work_fs += Fraction(driver.interrupt_time_fs + driver.exit_time_fs, told)
    return work_fs / FS_PER_S


def taking_s(config: Config, sizes: Sizes) -> Fraction:
    """Give the core time of a frame taken, in seconds; `sizes`: (bytes with FCS, share).

    A driver that masks its interrupts polls as long as there is something to take, and gets none. With a timer there is
    no least number of interrupts a frame.
    """
    driver, frames = config.driver, descriptor_shares(config, sizes := tuple(sizes))
    batches = RxBatches.of(config, frames)
    per_frame = sum((n * share for n, share in frames.items()), Fraction(0))
    work_fs = _frame_fs(config, sizes) + driver.doorbell_time_fs * per_frame / batches.descriptors_per_doorbell
    if batches.frames_per_interrupt and not driver.moderation_fs:
        work_fs += (driver.interrupt_time_fs + driver.exit_time_fs) / batches.frames_per_interrupt
    return work_fs / FS_PER_S


def _frame_fs(config: Config, sizes: Sizes) -> Fraction:
    driver = config.driver
    return sum(
        (share * (driver.frame_time_fs + driver.byte_time_fs * (n_bytes - FCS_BYTES)) for n_bytes, share in sizes),
        Fraction(0),
    )
