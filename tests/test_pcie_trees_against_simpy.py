"""Drawn PCIe trees in the engine beside the SimPy model of docs/datapath.md, "PCIe trees": every figure the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwmodel.simulation import system_state
from hwmodel.simulation.pcie_trees import fill_trees
from tests.drawn_trees import draw_config
from tests.system_beside_simpy import NS_FS, run_both

SEEDS = [
    *range(8),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 24)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(24, 400)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_tree_takes_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 75


def of_switches(name: str, value: int) -> Callable[[Any], None]:
    """Give all switches a parameter."""
    return lambda trees: trees["switch"]["params"][name].fill(value)


def look_often(trees: Any) -> None:
    """Let servers and switches look at each other so often that a change of time can do no other harm."""
    trees.ahead_fs = trees.beyond_fs = NS_FS


# What is done wrong to the record of switches; some of the seeds show each.
FAULTS: dict[str, Callable[[Any], object]] = {
    "another latency": lambda trees: trees["switch"]["params"]["latency_fs"].__iadd__(1000),
    "cut-through throughout": of_switches("cuts_through", 1),
    "store-and-forward throughout": of_switches("cuts_through", 0),
    "no propagation": lambda trees: (of_switches("flight_fs", 0)(trees), look_often(trees)),
    "no weights": lambda trees: trees["port"]["params"]["weight"].fill(1),
    "credits back at once": lambda trees: (of_switches("return_fs", 0)(trees), look_often(trees)),
    "no Acks": of_switches("dllp_period", 0),
    "credits without end": lambda trees: trees["switch"]["down"]["credits"]["params"]["headers_limit"].fill(0),
    "a root port that grants all": lambda trees: trees["switch"]["up"]["credits"]["params"]["headers_limit"].fill(0),
    "another first turn": lambda trees: trees["switch"]["turn"].fill(0),
}
SHOWING = (0, 2, 3, 5, 6, 9, 11, 12)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_switch_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(system: Any, *arguments: Any) -> None:
        fill_trees(system, *arguments)
        FAULTS[name](system.trees)

    monkeypatch.setattr(system_state, "fill_trees", filled)
    assert any(run_both(*draw_config(seed)).differences() for seed in SHOWING)
