"""Drawn hosts at one adapter, the engine beside the SimPy model of docs/datapath/: every figure the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwmodel.simulation.fill import system_state
from hwmodel.simulation.fill.pcie_trees import fill_trees
from hwmodel.simulation.run import commands
from tests.drawn_multi_roots import draw_commanded, draw_config
from tests.seeds import seeds
from tests.system_beside_simpy import run_both

SEEDS = seeds(3, 4, 300)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_hosts_take_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 75


@pytest.mark.parametrize("seed", SEEDS)
def test_what_happens_to_hosts_takes_the_same_course(seed: int) -> None:
    """Functions and whole hosts go and come, weights change, and doorbells flood."""
    config, frames, commands = draw_commanded(seed)
    both = run_both(config, frames, commands=commands)
    assert both.differences() == {}


# What is done wrong to the records of the switches, and a seed that shows it.
FAULTS: dict[str, tuple[int, Callable[[Any], object]]] = {
    "no weights": (4, lambda trees: trees["quantum_bytes"].fill(152)),
    "balances in small steps": (4, lambda trees: trees["quantum_bytes"].__ifloordiv__(3)),
    "another first turn": (1, lambda trees: trees["shared"]["turn"].fill(0)),
    "a link for each host": (6, lambda trees: setattr(trees, "n_sharing", 0)),
    "doorbells without credits": (5, lambda trees: trees["switch"]["down"]["credits"]["params"][:, 0].fill(0)),
    "no Acks": (6, lambda trees: trees["switch"]["params"]["dllp_period"].fill(0)),
    "another latency": (2, lambda trees: trees["switch"]["params"]["latency_fs"].__iadd__(1000)),
}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_what_hosts_share_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, spoil = FAULTS[name]

    def filled(system: Any, *arguments: Any) -> None:
        fill_trees(system, *arguments)
        spoil(system.trees)

    monkeypatch.setattr(system_state, "fill_trees", filled)
    assert run_both(*draw_config(seed)).differences()


def test_weights_that_never_change_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "changed_weights", lambda *_: ())
    config, frames, drawn = draw_commanded(2)
    assert run_both(config, frames, commands=drawn).differences()
