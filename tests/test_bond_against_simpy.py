"""A bond of uplinks takes the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import Commands, check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds
from tests.test_uplink_against_simpy import ADAPTER, OF_PF
from tests.test_virtual_switch_against_simpy import SWITCH, VMS

SEEDS = seeds(6, 8, 300)
US_FS = 10**9


def draw_bond(seed: int) -> tuple[dict[str, Any], Commands]:
    """Draw a bond of two or four legs that die and live again, a switch and an adapter, what is sent and what comes."""
    chance = random.Random(f"bond {seed}")
    n_legs, rate_gbps = chance.choice((2, 2, 4)), chance.choice((1, 10, 25))
    ports = [f"p{number}" for number in range(n_legs)]
    mode = chance.choice(("active_backup", "source_mac", "l4_hash"))
    own = {
        "mode": mode,
        "monitor": chance.choice(("0ns", "7.0003us", "20us", "45us")),
        "down_delay": chance.choice(("0ns", "0ns", "11.0001us")),
        "up_delay": chance.choice(("0ns", "0ns", "30us")),
    }
    if mode == "active_backup":
        own["primary"] = chance.choice((None, *ports))
    pattern = chance.choice(("to_wire", "to_wire", "pairs", "broadcast", "none"))
    changes = {
        "nic.mode": "vswitch", "host.cores": 10, "host.iotlb": None, "switch.mirrors": [],
        **some_of(chance, SWITCH, 3), **some_of(chance, VMS, 3), "nic.tx_ring": 64, **some_of(chance, ADAPTER, 5),
        "nic.drop_enable": True, "port.count": n_legs, "port.rate": f"{rate_gbps}Gbps",
        "host.virtual_switch.reach": "external", "host.virtual_switch.bond": own,
        "host.virtual_switch.uplink_queues": chance.choice((1, 2)),
        "driver.vms": {"pf": some_of(chance, OF_PF, 2)},
        "workload.pattern": pattern, "workload.wire_share": 0.5 if pattern == "pairs" else 0,
        "workload.connections": 16, "nic.queues_per_vf": chance.choice((1, 2)),
        "workload.frame_bytes": chance.choice((64, 333, 1518)),
        "run.seed": seed, "run.clocks": "exact", "run.warmup": "30us", "run.duration": "200us",
    }  # fmt: skip
    if pattern != "none":
        changes["workload.load"] = chance.choice(("saturate", "900Mbps", "3Gbps"))
    if pattern == "none" or chance.random() < 0.5:
        share = chance.choice((0.1, 0.7))
        changes["workload.external"] = {"rate": f"{1000 * rate_gbps * share:.0f}Mbps"}
    if chance.random() < 0.3:
        changes["port.down"] = [chance.choice(ports)]
    times_us = sorted(chance.sample(range(20, 200), chance.choice((1, 2, 4, 6))))
    keys = ("port.down", "port.down", "host.virtual_switch.bond.silent")
    return changes, [
        (at_us * US_FS, {chance.choice(keys): chance.sample(ports, chance.choice((0, 1, 1, n_legs)))})
        for at_us in times_us
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_bond_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, commands = draw_bond(seed)
    check_same_course(run_both(tmp_path, changes, None, commands=commands), at_least=-1)


TOLD = {
    "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [], "pcie.lanes": 8,
    "port.count": 2, "host.virtual_switch.reach": "external", "host.virtual_switch.cores": [4, 5],
    "host.virtual_switch.bond": {"mode": "l4_hash", "monitor": "9us", "down_delay": "14us", "up_delay": "7us"},
    "host.virtual_switch.uplink_queues": 2, "driver.frame_time": "500ns",
    "driver.vms": {"pf": {"doorbell_time": "41.0001ns"}},
    "workload.pattern": "pairs", "workload.wire_share": 0.5, "workload.load": "2Gbps", "workload.frame_bytes": 333,
    "workload.connections": 16, "workload.external": {"rate": "4Gbps"},
    "run.clocks": "exact", "run.warmup": "20us", "run.duration": "100us",
}  # fmt: skip
DIES: Commands = [(40 * US_FS, {"port.down": ["p1"]}), (80 * US_FS, {"port.down": []})]
OF_BOND = "host.virtual_switch.bond"


@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    "changes",
    [
        {f"{OF_BOND}.mode": "source_mac"},
        {f"{OF_BOND}.mode": "active_backup"},
        {f"{OF_BOND}.monitor": "8us"},
        {f"{OF_BOND}.down_delay": "0ns"},
        {f"{OF_BOND}.up_delay": "0ns"},
        {"host.virtual_switch.uplink_queues": 1},
        {"port.count": 4},
        {"port.down": ["p0"]},
    ],
    ids=str,
)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    both, other = (run_both(tmp_path, {**TOLD, **more}, None, commands=DIES) for more in ({}, changes))
    check_same_course(both, at_least=100)
    assert both.engine.wire_frames > 20 and both.engine.drops["LINK_DOWN"] > 8
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=other.oracle_journeys), at_least=-1)


@pytest.mark.parametrize("lacp", ["fast", "slow"])
def test_lacp_takes_the_same_course(tmp_path: Path, lacp: str) -> None:
    """Silent, then without a carrier too, before what LACP would find; one leg is silent from the start."""
    second = 10**15
    changes = {
        **TOLD, OF_BOND: {"mode": "source_mac", "monitor": "2s", "down_delay": "1s", "lacp": lacp, "silent": ["p3"]},
        "port.count": 4, "workload.load": "20Kbps", "workload.external": {"rate": "20Kbps"},
        "run.warmup": "1s", "run.duration": "11s",
    }  # fmt: skip
    commands: Commands = [
        (second + 300, {f"{OF_BOND}.silent": ["p0", "p3"]}),
        (2 * second, {f"{OF_BOND}.silent": ["p0", "p1"]}),
        (3 * second + 7, {"port.down": ["p1"], f"{OF_BOND}.silent": ["p0"]}),
        (7 * second, {f"{OF_BOND}.silent": []}),
        (9 * second + 1, {"port.down": []}),
    ]
    both = run_both(tmp_path, changes, None, commands=commands)
    check_same_course(both, at_least=10)
    assert both.engine.drops["LINK_DOWN"] > 5
