"""A bond of uplinks takes the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import Commands, check_same_course, run_both
from tests.drawn_machines import some_of
from tests.test_uplink_against_simpy import ADAPTER, OF_PF
from tests.test_virtual_switch_against_simpy import SWITCH, VMS

N_QUICK, N_SLOW, N_NIGHTLY = 20, 40, 300
SEEDS = [
    pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)[: (seed >= N_QUICK) + (seed >= N_SLOW)])
    for seed in range(N_NIGHTLY)
]
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
        "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [],
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
