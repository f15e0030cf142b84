"""Shared buses, function by function: edges, the latency timer's bursts, whose turn it is."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.records import NEVER
from hwmodel.config import config_from_mapping
from hwmodel.machine.pci_buses import asked_of_bridge, choose, next_choice_fs
from hwmodel.machine.pcie.bus_end import DOWN, UP, burst_bytes, edge_fs
from hwmodel.machine.pcie.transactions import answer_read, post_payload_write, ring_doorbell
from hwmodel.machine.server import fresh_state
from hwmodel.machine.system import SYSTEM
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, TX_DOORBELL
from hwmodel.simulation.fill.nic_state import fill_state
from tests.blocks.idle_machine import DEFAULTS, NS

CYCLE = 15 * NS


def test_edges() -> None:
    assert [edge_fs(CYCLE, at) for at in (0, 1, CYCLE, CYCLE + 1)] == [0, CYCLE, CYCLE, 2 * CYCLE]


def on_bus(kind: str, n: int = 1, **bus: Any) -> Any:
    """Return the states of some idle adapters on a bus."""
    blocks = {"nic.strict": False, **DEFAULTS, "pcie": {"bus": {"kind": kind, **bus}}}
    state = fresh_state(n)
    for nic in state:
        fill_state(nic, config_from_mapping(blocks), 1)
        nic.pcie[0].bus.params.is_shared = int(n > 1)
    return state


@pytest.mark.parametrize(
    ("kind", "address", "n_bytes"),
    [
        # 4 clocks from the address to the first data, so 12 words of 8 B, the first of them begun at its third byte.
        ("pci", 0, 96), ("pci", 1026, 94),
        # 5 clocks: 11 words, and on to the next 128 B.
        ("pci_x", 0, 128), ("pci_x", 1026, 126), ("pci_x", 1064, 88),
    ],
)  # fmt: skip
def test_the_latency_timer_ends_a_burst(kind: str, address: int, n_bytes: int) -> None:
    pcie = on_bus(kind, latency_timer=16)[0].pcie[0]
    overhead = (5 if kind == "pci" else 6) * 8
    assert burst_bytes(pcie, address, 1514, overhead) == 1514
    pcie.bus.is_contended = 1
    assert burst_bytes(pcie, address, 1514, overhead) == n_bytes
    assert burst_bytes(pcie, address, 40, overhead) == 40


@pytest.fixture
def shared() -> Any:
    """Return a system whose one bus, at 66 MHz, has three adapters, and their states."""
    servers, system = on_bus("pci_x", 3), zeros(1, SYSTEM)[0]
    system.n_servers, bus = 3, system.buses.bus[0]
    bus.n_members, bus.cycle_fs, bus.turn, bus.granted, bus.begins_fs = 3, CYCLE, 3, -1, -1
    bus.member[:3] = range(3)
    return system, servers, bus


def give_out(system: Any, servers: Any, bus: Any, now_fs: int) -> tuple[int, int]:
    """Give the bus out; return which adapter has it, and which way."""
    for at in range(3):
        system.server[at].next_fs = NEVER
    choose(system, servers, bus, now_fs)
    own = servers[bus.granted].pcie[0].bus
    assert own.begins_fs == bus.begins_fs == now_fs + CYCLE == system.server[bus.granted].next_fs
    return int(bus.granted), int(own.way)


def test_masters_take_turns_and_the_bridge_is_one(shared: Any) -> None:
    system, servers, bus = shared
    assert next_choice_fs(bus, servers, 0) == NEVER
    for at in (0, 2):
        post_payload_write(servers[at], 10, 1, 64, 0, 64)
    ring_doorbell(servers[1], 5, TX_DOORBELL, 1, 1, 4)
    assert next_choice_fs(bus, servers, 0) == CYCLE
    course = [give_out(system, servers, bus, at * CYCLE) for at in range(1, 6)]
    assert course == [(0, UP), (2, UP), (1, DOWN), (0, UP), (2, UP)]
    assert servers[2].pcie[0].bus.is_contended == 1


def test_the_bridge_sends_what_entered_first(shared: Any) -> None:
    _, servers, bus = shared
    ring_doorbell(servers[2], 20, TX_DOORBELL, 1, 1, 4)
    assert asked_of_bridge(bus, servers) == 2
    tag = servers[1].pcie[0].tags.slot[0]
    tag.kind, tag.n_bytes, tag.address = PAYLOAD_READ, 64, 0
    answer_read(servers[1].clock, servers[1].pcie[0], 20, 0)
    assert asked_of_bridge(bus, servers) == 2  # a doorbell before a completion of its instant
    ring_doorbell(servers[0], 20, TX_DOORBELL, 1, 1, 4)
    assert asked_of_bridge(bus, servers) == 0


def test_a_bus_that_was_given_out_is_looked_at_when_that_has_begun(shared: Any) -> None:
    system, servers, bus = shared
    post_payload_write(servers[0], 0, 1, 64, 0, 64)
    give_out(system, servers, bus, 0)
    assert next_choice_fs(bus, servers, 0) == CYCLE
    servers[0].pcie[0].bus.free_fs = 7 * CYCLE + 1
    assert next_choice_fs(bus, servers, CYCLE) == 8 * CYCLE
    assert servers[0].pcie[0].bus.is_contended == 0
