"""A run that leaves the other cores to other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.simulation.run import simulate

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Result


def simulate_on_one_core(config: Config) -> Result:
    """Simulate a configuration beside other runs, of which there are as many as cores; raises as `simulate` does."""
    return simulate(config, threads=1)
