"""The guests' cores on the way of one frame: when they begin with what a poll or an interrupt tells them of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.analytic.walk_clock import Clock
from hwmodel.config.names import function_name

if TYPE_CHECKING:
    from hwmodel.config import Config, VmDriver


class Cores:
    """Hold until when each core is busy; guest f (PF 0, VF K is K + 1) runs on core f modulo their number."""

    def __init__(self, config: Config, clock: Clock) -> None:
        """Begin with idle cores."""
        self._config, self._n, self._clock = config, config.host.cores, clock
        self._free_fs: dict[int, int] = {}

    def driver_of(self, function: int) -> VmDriver:
        """Give the driver of a guest."""
        return self._config.driver_of(function_name(function))

    def is_told_at_once(self, function: int) -> bool:
        """Say whether one frame alone leads to an interrupt of a guest."""
        driver = self.driver_of(function)
        return bool(driver.moderation_fs) or driver.rx_interrupt_batch == 1

    def rang(self, function: int) -> None:
        """Note that a guest's core has just written a doorbell."""
        self._free_fs[function % self._n] = self._clock.now_fs + self.driver_of(function).doorbell_time_fs

    def take(self, function: int, n_bytes: int, *, refills: bool) -> int:
        """Let a guest take a frame that it sees now; return when it has it.

        `refills`: the frame's descriptors fill a batch, which is posted again. The core does not pass what it writes to
        registers then: the Rx doorbell, and that its interrupt is enabled again; both at once.
        """
        driver = self.driver_of(function)
        begin_fs = self._begin_fs(function, is_interrupted=not driver.polls)
        taken_fs = begin_fs + driver.frame_time_fs + n_bytes * driver.byte_time_fs
        return self._busy_until(function, taken_fs, rings=refills or driver.masks)

    def handle_interrupt(self, function: int) -> int:
        """Let a guest take an interrupt that tells of no frame; return when it has."""
        begin_fs = self._begin_fs(function, is_interrupted=True)
        return self._busy_until(function, begin_fs, rings=self.driver_of(function).masks)

    def _busy_until(self, function: int, at_fs: int, *, rings: bool) -> int:
        self._free_fs[function % self._n] = at_fs + (self.driver_of(function).doorbell_time_fs if rings else 0)
        return at_fs

    def _begin_fs(self, function: int, *, is_interrupted: bool) -> int:
        driver, now_fs = self.driver_of(function), self._clock.now_fs
        free_fs = self._free_fs.get(function % self._n, 0)
        if not is_interrupted:
            return max(now_fs, free_fs)
        woken_fs = now_fs if free_fs > now_fs else now_fs + driver.wakeup_time_fs
        return max(woken_fs, free_fs) + driver.interrupt_time_fs + driver.exit_time_fs
