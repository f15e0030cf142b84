"""What is known of a run beside what its window shows: how exact its clocks are, and how frames come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwmodel.simulation.clocks import tolerance_ppb
from hwmodel.simulation.missed_bursts import Bursts
from hwmodel.workload.traffic import CLOSED, PERIODIC

if TYPE_CHECKING:
    from hwmodel.config import Config
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
