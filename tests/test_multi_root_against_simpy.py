"""Drawn hosts at one adapter in the engine beside the SimPy model of docs/datapath.md: every figure the same."""

from __future__ import annotations

import pytest

from tests.drawn_multi_roots import draw_commanded, draw_config
from tests.system_beside_simpy import run_both

SEEDS = [
    *range(5),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(40, 300)),
]


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


# What is done wrong to the records of the switches; some of the seeds show each.
FAULTS: dict[str, Callable[[Any], object]] = {
    "no weights": lambda trees: trees["quantum_bytes"].fill(int(trees["quantum_bytes"].min())),
    "balances in small steps": lambda trees: trees["quantum_bytes"].__ifloordiv__(3),
    "another first turn": lambda trees: trees["shared"]["turn"].fill(0),
    "a link for each host": lambda trees: setattr(trees, "n_sharing", 0),
    "doorbells without credits": lambda trees: trees["switch"]["down"]["credits"]["params"][:, 0].fill(0),
    "no Acks": lambda trees: trees["switch"]["params"]["dllp_period"].fill(0),
    "another latency": lambda trees: trees["switch"]["params"]["latency_fs"].__iadd__(1000),
    "credits without end": lambda trees: trees["switch"]["down"]["credits"]["params"]["headers_limit"].fill(0),
}
SHOWING = (0, 1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_what_hosts_share_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(system: Any, *arguments: Any) -> None:
        fill_trees(system, *arguments)
        FAULTS[name](system.trees)

    monkeypatch.setattr(system_state, "fill_trees", filled)
    assert any(run_both(*draw_config(seed)).differences() for seed in SHOWING)


def test_weights_that_never_change_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "enter_weights", lambda *_: None)
    found = []
    for seed in SHOWING:
        config, frames, drawn = draw_commanded(seed)
        found.append(run_both(config, frames, commands=drawn).differences())
    assert any(found)
