"""What a run reports of functions that go off and come up: when their first frame came, and frames lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.results.series import LifeResult
from hwmodel.simulation.commands import functions_of
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.functions.life import Life
    from hwmodel.simulation.machine import Machine

# Reasons for which frames drop when a function goes off: frames in its rings and in the adapter, and frames for it.
LOST = (DropReason.FUNCTION_RESET.value, DropReason.PORT_DISABLED.value)
Ints = npt.NDArray[np.int64]


class LifeRecorder:
    """Record each function's state just before every instant at which one goes off or comes up, and at the end."""

    def __init__(self, machine: Machine, times_fs: Sequence[int]) -> None:
        self._machine = machine
        self._functions = functions_of(machine.servers)
        self._looks: list[tuple[int, Ints]] = []
        self._to_come = [at_fs - 1 for at_fs in times_fs if at_fs > 0]
        if len(self._to_come) < len(times_fs):  # for changes at time 0 there is no earlier instant to run to
            self._looks.append((-1, self._look()))

    def next_fs(self) -> int:
        """Return the last instant before the next look."""
        return self._to_come[0] if self._to_come else NEVER

    def look(self, now_fs: int) -> None:
        """Record the functions' states, if a look is due."""
        while self._to_come and self._to_come[0] <= now_fs:
            self._looks.append((self._to_come.pop(0), self._look()))

    def lives(self, lives: Sequence[Life], end_fs: int) -> tuple[LifeResult, ...]:
        """Return what became of functions by the end of a run."""
        looks = [*self._looks, (end_fs, self._look())]
        return tuple(
            self._of(life, [later for later in lives[number + 1 :] if later.vm == life.vm], looks, end_fs)
            for number, life in enumerate(lives)
            if life.at_fs <= end_fs
        )

    def _of(self, life: Life, later: Sequence[Life], looks: Sequence[tuple[int, Ints]], end_fs: int) -> LifeResult:
        """Return the result of a life, up to when the function goes off again or the run ends.

        It loses frames by going until it is there again: what it drops then has another cause.
        """
        row = list(self._functions).index(life.vm)
        goes_fs = min((one.off_fs for one in later if one.off_fs is not None), default=end_fs + 1)
        back_fs = min((one.up_fs for one in (life, *later) if one.up_fs is not None), default=end_fs + 1)
        before, back, after = (_at(looks, at_fs - 1)[row] for at_fs in (life.at_fs, back_fs, goes_fs))
        is_up = life.up_fs is not None and life.up_fs <= end_fs
        first_fs = int(after[0]) if is_up and after[0] != NEVER else None
        parts = life.parts
        return LifeResult(
            vm=life.vm,
            event=life.event,
            at_ns=life.at_fs / FS_PER_NS,
            goes=life.off_fs is not None,
            reset_ns=None if parts is None else parts.reset_fs / FS_PER_NS,
            messages_ns=None if parts is None else parts.messages_fs / FS_PER_NS,
            rings_ns=None if parts is None else parts.rings_fs / FS_PER_NS,
            up_ns=life.up_fs / FS_PER_NS if is_up and life.up_fs is not None else None,
            first_frame_ns=None if first_fs is None else first_fs / FS_PER_NS,
            frames_lost=0 if life.off_fs is None else int(back[1] - before[1]),
        )

    def _look(self) -> Ints:
        """Return for each function (a row) when its first frame was in the Tx buffer, and how many frames it lost."""
        found = []
        for server, function in self._functions.values():
            nic = self._machine.servers[server].nic
            drops = nic["ledger"]["function"]["drops"][function]
            found.append((int(nic.function[function].first_in_fs), int(drops[list(LOST)].sum())))
        return np.array(found, np.int64)


def _at(looks: Sequence[tuple[int, Ints]], at_fs: int) -> Ints:
    """Return the look at an instant, or the last one where the run ended before."""
    return next((found for time, found in looks if time >= at_fs), looks[-1][1])
