"""Drawn PCIe trees, the engine beside the SimPy model of docs/datapath/pcie_link.md: every figure the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwmodel.simulation.fill import system_state
from hwmodel.simulation.fill.pcie_trees import fill_trees
from tests import system_beside_simpy
from tests.drawn_trees import draw_commanded, draw_config
from tests.seeds import seeds
from tests.system_beside_simpy import NS_FS, oracle_outcome, run_both

SEEDS = seeds(6, 8, 400)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_tree_takes_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 75


@pytest.mark.parametrize("seed", SEEDS[:6] + SEEDS[8:11] + SEEDS[60:])
def test_what_changes_in_mid_run_takes_the_same_course(seed: int) -> None:
    """Functions and whole adapters go and come, keys change, and doorbells flood, whatever is in the switches."""
    config, frames, commands = draw_commanded(seed)
    assert run_both(config, frames, commands=commands).differences() == {}


def test_changes_that_only_one_of_both_makes_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_changes(config: Any, frames: Any, stop: Any, changes: Any = ()) -> Any:
        return oracle_outcome(config, frames, stop)

    monkeypatch.setattr(system_beside_simpy, "oracle_outcome", without_changes)
    config, frames, commands = draw_commanded(0)
    assert run_both(config, frames, commands=commands).differences()


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


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_switch_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(system: Any, *arguments: Any) -> None:
        fill_trees(system, *arguments)
        FAULTS[name](system.trees)

    monkeypatch.setattr(system_state, "fill_trees", filled)
    assert any(run_both(*draw_config(seed)).differences() for seed in SHOWING)
