"""Adapters with several Ethernet ports at bridges in the engine and in the SimPy model: every figure the same."""

from __future__ import annotations

import pytest

from hwmodel.errors import RunError
from tests.drawn_bridged_ports import VFS, drawn_machine
from tests.planted_bridges import Fault, plant
from tests.seeds import seeds
from tests.system_beside_simpy import BROADCAST, OUTSIDE, Both, Stations, config_with, drawn, run_both

# What is done wrong to the record of bridges, whose first port leads to the first port of an adapter.
FAULTS: dict[str, Fault] = {
    "both wires end at one port": lambda bridge: setattr(bridge.port[1].params, "adapter_port", 0),
    "the wires are crossed": lambda bridge: [setattr(bridge.port[at].params, "adapter_port", 1 - at) for at in (0, 1)],
    "the second has no hairpin": lambda bridge: setattr(bridge.logical_port[1].params, "is_hairpin", 0),
    "the second is slower": lambda bridge: setattr(
        bridge.port[1].params, "fs_per_byte_num", 2 * bridge.port[0].params.fs_per_byte_num
    ),
}
VEPA = {"port.count": 2, "switch.mode": "vepa", "nic.vfs": 4, "bridge": {"propagation": "13.1ns"}}


@pytest.mark.parametrize("seed", seeds(8, 8, 400))
def test_drawn_machines(seed: int) -> None:
    machine = drawn_machine(seed)
    both = run_both(machine.config, machine.frames(), 0, machine.commands)
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0


def between_two_ports() -> Both:
    config = config_with(VEPA)
    return run_both(config, drawn(Stations(config), 200, 900, [*VFS, OUTSIDE], [*VFS, OUTSIDE, BROADCAST]))


def test_both_ports_carry_what_they_are_for() -> None:
    both = between_two_ports()
    assert both.differences() == {}
    assert all(both.engine.ports[port]["frames in"] > 60 for port in ("p0", "p1"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, FAULTS[fault])
    try:
        both = between_two_ports()
    except (ValueError, RunError) as error:
        assert "negative" in str(error)
    else:
        assert both.differences()
