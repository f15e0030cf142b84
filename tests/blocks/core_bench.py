"""A switch core's state with nothing in it."""

from __future__ import annotations

from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import PortSchedule, Surroundings, build_core


def idle_core(kind="round_robin", quanta=(100,) * 8, **parameters):
    """Give a core whose ports are always ready and all served alike."""
    chosen = CoreParameters(**parameters)
    schedule = {port: PortSchedule(kind, quanta) for port in range(chosen.ports)}
    return build_core(chosen, Surroundings([], [(0, schedule)]))
