"""Bridges joined by wires in the engine and in the SimPy model: the same frames, and every figure the same."""

from __future__ import annotations

import pytest

from hwmodel.simulation.fill import system_state
from tests.joined_cases import CASES, Case, drawn_system
from tests.planted_bridges import Fault, forget_announced, leave_out_a_way, plant, reverse_floods
from tests.seeds import seeds
from tests.system_beside_simpy import Both, run_both


def run_case(name: str) -> Both:
    return run_both(CASES[name].config, CASES[name].frames())


@pytest.mark.parametrize("name", CASES)
def test_the_same_course(name: str) -> None:
    both = run_case(name)
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert CASES[name].matters(both), "the case does not show what it is for"


@pytest.mark.parametrize("seed", seeds(6, 6, 100))
def test_drawn_systems(seed: int) -> None:
    case = Case(drawn_system(seed), lambda _: True, (300, 700, 1500)[seed % 3], 250, ("", "", "81006005"), 2)
    both = run_both(case.config, case.frames())
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0


@pytest.mark.parametrize("name", ["two, as they are", "three", "tables of two"])
def test_ways_of_floods_are_sought_when_a_frame_floods(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_state, "MANY_TEMPLATES", 0)
    assert run_case(name).differences() == {}


def at_box(number: int, name: str, value: int) -> Fault:
    return lambda bridge: setattr(bridge.box[number].params, name, value)


# What is done wrong to the record of bridges, and which case shows it.
# Ports of the two bridges: a, b, c, outside, left.trunk, right.trunk.
FAULTS: dict[str, tuple[str, Fault]] = {
    "the wire has no length": (
        "a slow wire, far", lambda bridge: [setattr(bridge.port[at].params, "propagation_fs", 0) for at in (4, 5)],
    ),
    "the second bridge has no latency": ("two, as they are", at_box(1, "latency_fs", 0)),
    "the second learns nothing": ("two, as they are", at_box(1, "learns", 0)),
    "the first table is the second's": ("tables of two", at_box(0, "table_entries", 3)),
    "the first ages as the second": ("tables of two", at_box(0, "ageing_fs", 300 * 10**15)),
    "all addresses in one table": ("tables of two", lambda bridge: bridge["address"]["box"].fill(0)),
    "the second has the first's buffer": (
        "buffers for all ports", lambda bridge: bridge["port"]["params"]["box"][:6].fill(0),
    ),
    "the wire leads back": ("two, as they are", lambda bridge: setattr(bridge.port[4].params, "joined", 4)),
    "cut through at the slower port": (
        "a fast wire, cut through", lambda bridge: setattr(bridge.port[0].params, "cuts_through", 1),
    ),
    "the second's policer is the first's": (
        "policies", lambda bridge: bridge["hop"]["policer"].clip(max=0, out=bridge["hop"]["policer"]),
    ),
    "a flood misses the wire": (
        "three", leave_out_a_way,
    ),
    "copies in another order": (
        "buffers for all ports", reverse_floods,
    ),
    "nobody was heard": ("one announced", forget_announced),
}  # fmt: skip


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, fault_of = FAULTS[fault]
    plant(monkeypatch, fault_of)
    try:
        both = run_case(name)
    except ValueError as error:
        assert "cannot be negative" in str(error)
    else:
        assert both.differences()
