"""Drawn buses, the engine beside the SimPy model of docs/datapath/pcie_link.md: every figure the same."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.errors import RunError
from hwmodel.simulation.fill import system_state
from hwmodel.simulation.fill.pci_buses import fill_buses
from tests.drawn_buses import draw_config
from tests.seeds import seeds
from tests.system_beside_simpy import run_both

SEEDS = seeds(6, 8, 400)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_bus_takes_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 40


# What is done wrong to each adapter's place on its bus, or to the bus; some of the seeds show each.
FAULTS: dict[str, Any] = {
    "a longer clock": lambda bus, shared: [one.__setattr__("cycle_fs", 30 * 10**6) for one in (bus.params, shared)],
    "no latency timer": lambda bus, _: bus.params.__setattr__("timer_clocks", 10**6),
    "a latency timer of PCI": lambda bus, _: bus.params.__setattr__("is_split", 0),
    "tries without a pause": lambda bus, _: bus.params.__setattr__("retry_fs", 0),
    "tries of no time": lambda bus, _: bus.params.__setattr__("try_clocks", 1),
    "another who had it last": lambda bus, shared: (bus.__setattr__("way", 0), shared.__setattr__("turn", 0)),
    "words of four bytes": lambda bus, _: bus.params.__setattr__("word_bytes", 4),
}
SHOWING = (0, 2, 3, 4)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_bus_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(system: Any, servers: Any, *arguments: Any) -> None:
        fill_buses(system, servers, *arguments)
        for nic in servers:
            FAULTS[name](nic.pcie[0].bus, system.buses.bus[0])

    monkeypatch.setattr(system_state, "fill_buses", filled)
    try:
        assert any(run_both(*draw_config(seed)).differences() for seed in SHOWING)
    except RunError as error:  # what is wrong with each clock shows in a run by itself
        assert "utilization law" in str(error)
