"""An adapter with several Ethernet ports beside the SimPy model: each journey the same (docs/datapath/switch.md)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hwmodel.results import Result
from tests.beside_simpy import (
    EVERYONE,
    GROUP,
    GROUP_OF,
    GUESTS,
    IMIX,
    NS_FS,
    WIRE,
    WIRE_TOO,
    Recorded,
    check_same_course,
    pairs,
    poisson,
    run_both,
    run_the_oracle,
    window_of,
)

TWO, FOUR = {"port.count": 2}, {"port.count": 4}
FAST = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8}
SLOW_WIRES = {"nic.strict": False, "port.rate": "2Gbps"}
MEETS_ALL = poisson(1500, 500, senders=WIRE_TOO, receivers=WIRE_TOO)


def to_groups(n: int, mean_ns: float) -> Recorded:
    rng = random.Random(7)
    frames = poisson(n, mean_ns, senders=WIRE_TOO, receivers=WIRE_TOO)
    return [(at, source, GROUP if rng.random() < 0.4 else to, size) for at, source, to, size in frames]


def uses_all(result: Result) -> bool:
    return all(port.tx_gbps and port.rx_gbps for port in result.ports[:1]) and bool(result.ports[-1].tx_gbps)


CASES: Mapping[str, tuple[Recorded, Mapping[str, Any], Callable[[Result], bool]]] = {
    "two": (MEETS_ALL, {**TWO, **FAST}, uses_all),
    "four": (MEETS_ALL, {**FOUR, **FAST}, uses_all),
    "a small Tx buffer, slow wires": (
        poisson(1500, 700, senders=GUESTS, receivers=WIRE_TOO), {**TWO, **SLOW_WIRES, "nic.tx_buffer": "4KiB"},
        lambda result: result.stalls_ns.buffer > 0.05 * result.window.duration_ns,
    ),
    "groups and mirrors": (
        to_groups(1200, 1500), {**TWO, "switch.mirrors": [{"to": "vf2", "from": "vf0"}, {"to": "vf3", "vlan": 1}]},
        lambda result: result.totals.mirrored > 100,
    ),
    "police": (
        poisson(1200, 600, senders=GUESTS, receivers=WIRE_TOO),
        {"nic.strict": False,
         **TWO, "switch.acl": [{"port": "all", "action": "police", "rate": "2Gbps", "burst": "4KiB"}]},
        lambda result: result.drops.get("RATE_LIMITED", 0) > 50,
    ),
    "the core's time": (
        to_groups(1200, 1500),
        {**TWO, "switch.timing": "core", "switch.bus_bits": 64, "switch.clock": "50MHz"},
        lambda result: max(result.utilization[f"p{n}.switch.bus"] for n in range(2)) > 0.1,
    ),
    "ports as written": (
        MEETS_ALL, {**FOUR, "switch.ports": [{"name": "vf0", "port": "p3"}, {"name": "vf1", "port": "p2"}]},
        lambda result: [port.vms for port in result.ports]
        == [("pf",), ("pf1",), ("vf1", "vf2", "pf2"), ("vf0", "vf3", "pf3")],
    ),
    "a pipeline": (MEETS_ALL, {**TWO, "nic.max_pps": 1_500_000}, uses_all),
    "one dead": (
        MEETS_ALL, {**TWO, "port.down": ["p1"]},
        lambda result: result.drops.get("LINK_DOWN", 0) > 100 and result.ports[1].tx_gbps == 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_frame_takes_the_same_course(name: str, tmp_path: Path) -> None:
    load, changes, matters = CASES[name]
    both = run_both(tmp_path, {**changes, **window_of(load)}, load, GROUP_OF, ())
    assert matters(both.result)
    check_same_course(both, at_least=300)


def commands_to_ports(seed: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Draw when which ports are dead, between changes of the wires' rate and of tables."""
    rng = random.Random(seed)
    found: list[tuple[int, Mapping[str, Any]]] = []
    for at in sorted(rng.sample(range(20, 600), 14)):
        dead = [f"p{number}" for number in range(2) if rng.random() < 0.4]
        change = rng.choice([{"port.rate": rng.choice(["1Gbps", "10Gbps"])},
                             {"switch.ports.vf1.enabled": rng.random() < 0.5}, {}, {}])  # fmt: skip
        found.append((at * 1000 * NS_FS + rng.randrange(NS_FS), {"port.down": dead, **change}))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_wires_die_and_live_again(seed: int, tmp_path: Path) -> None:
    load = poisson(1200, 500, IMIX, EVERYONE, WIRE_TOO)
    both = run_both(tmp_path, {**TWO, **window_of(load)}, load, GROUP_OF, commands_to_ports(seed))
    assert both.result.drops["LINK_DOWN"] > 10
    check_same_course(both, at_least=100)


def test_a_dead_wire_that_the_other_model_is_not_told_of_is_seen(tmp_path: Path) -> None:
    load = MEETS_ALL
    both = run_both(tmp_path, {**TWO, "port.down": ["p1"], **window_of(load)}, load, GROUP_OF, ())
    alive = both.config.model_copy(update={"port": both.config.port.model_copy(update={"down": ()})})
    _, journeys = run_the_oracle(alive, load, both.result, GROUP_OF, ())
    with pytest.raises(AssertionError):
        check_same_course(replace_journeys(both, journeys), at_least=0)


def replace_journeys(both: Any, journeys: Any) -> Any:
    return both._replace(oracle_journeys=journeys)


def test_saturated_ports_get_the_same(tmp_path: Path) -> None:
    """In closed loops of four, two instants may be put in another order: within 1 %."""
    loops = {port: [(WIRE, 1518)] for port in GUESTS}
    both = run_both(tmp_path, {**TWO, **FAST, **window_of(loops)}, loops, (), ())
    assert both.engine.wire_frames == pytest.approx(both.oracle.wire_frames, rel=0.01)
    assert all(port.tx_gbps == pytest.approx(9.87, rel=0.01) for port in both.result.ports)
    between = run_both(tmp_path, {**TWO, **window_of(pairs(64))}, pairs_at_ports(), (), ())
    assert between.engine.vm_frames == pytest.approx(between.oracle.vm_frames, rel=0.01)


def pairs_at_ports() -> Any:
    """Send between vf0 and vf2, vf1 and vf3, which are at the same ports."""
    return {port: [(GUESTS[(at + 2) % 4], 64)] for at, port in enumerate(GUESTS)}
