"""The host's virtual switch passes frames on in the same way in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds

SEEDS = seeds(12, 12, 300)
RULES = [{"source": f"02:00:00:00:99:{n:02x}", "action": "deny"} for n in range(3)]
SWITCH: Mapping[str, Sequence[Any]] = {
    "host.virtual_switch.pass_by": ("copy", "pointer", "parent"),
    "host.virtual_switch.guest_time": ("0ns", "61.0009ns"),
    "host.virtual_switch.memory_rate": (None, "40Gbps", "3Gbps"),
    "host.virtual_switch.frame_time": ("13.0001ns", "97.0003ns", "400ns", "911.0007ns"),
    "host.virtual_switch.byte_time": ("0ns", "0.0503ns", "0.1ns"),
    "host.virtual_switch.batch": (1, 5, 32),
    "host.virtual_switch.batch_time": ("0ns", "150.0009ns"),
    "host.virtual_switch.ring_time": ("0ns", "17.0003ns"),
    "host.virtual_switch.further_rings": (1, 3),
    "switch.acl": ([], RULES, [*RULES, {"vlan": 9, "action": "deny"}]),
    "host.virtual_switch.rule_match": ("masks", "list"),
    "host.virtual_switch.kick": ("0ns", "310.0001ns", "2100.0007ns"),
    "host.virtual_switch.cores": ([5], [4, 5], [1], [0, 3, 2]),
    "host.virtual_switch.thread_cores": ([], [6, 7], [6, 7, 8, 9], [5]),
}
VMS: Mapping[str, Sequence[Any]] = {
    "driver.preset": ("kernel", "dpdk", "kernel_busy_poll"),
    "driver.frame_time": ("53.0007ns", "211.0003ns", "800.0001ns"),
    "driver.byte_time": ("0ns", "0.1003ns"),
    "driver.doorbell_time": ("0ns", "41.0001ns"),
    "driver.tx_doorbell_batch": (1, 3, 8),
    "driver.refill_batch": (1, 7, 16),
    "driver.moderation": ("0us", "9.0007us"),
    "driver.rx_interrupt_batch": (1, 4),
    "driver.tx_interrupt_batch": (1, 8),
    "driver.wakeup_time": ("0ns", "900.0007ns"),
    "driver.interrupt_time": ("0ns", "300.0003ns"),
    "driver.poll_budget": (5, 64),
    "nic.tx_ring": (24, 65, 128),
    "nic.rx_ring": (48, 64, 256),
    "nic.drop_enable": (True, True, False),
    "host.buffer_bytes": ("512B", "2KiB"),
}
LOADS: Sequence[Mapping[str, Any]] = (
    {"workload.load": "saturate"},
    {"workload.load": "900Mbps", "workload.arrivals": "poisson"},
    {"workload.load": "2Gbps", "workload.arrivals": "periodic", "workload.on_full": "drop"},
)


def draw_passing(seed: int) -> dict[str, Any]:
    """Draw VMs, a switch between them, and what they send."""
    chance = random.Random(f"passing {seed}")
    pattern = chance.choice(("pairs", "ring", "uniform", "uniform", "incast", "broadcast"))
    n_bytes = chance.choice((64, 333, 1518, 12_000))
    for_segments = {"nic.rx_ring": 256, "host.buffer_bytes": "2KiB"} if n_bytes > 9728 else {}
    return {
        "nic.mode": "vswitch", "host.cores": 10, "host.iotlb": None, "switch.mirrors": [],
        **some_of(chance, SWITCH, 4), **some_of(chance, VMS, 5), **chance.choice(LOADS),
        "workload.pattern": pattern,
        "workload.frame_bytes": n_bytes, **for_segments,
        "run.seed": seed, "run.clocks": "exact", "run.warmup": "30us", "run.duration": "200us",
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_switch_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(run_both(tmp_path, draw_passing(seed), None), at_least=-1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host.virtual_switch.batch", 1),
        ("host.virtual_switch.batch_time", "1ns"),
        ("host.virtual_switch.byte_time", "0.0501ns"),
        ("host.virtual_switch.kick", "1ns"),
        ("host.virtual_switch.guest_time", "1ns"),
        ("host.virtual_switch.ring_time", "1ns"),
        ("switch.acl", RULES),
        ("host.virtual_switch.memory_rate", "3Gbps"),
        ("host.virtual_switch.cores", [4]),
        ("host.virtual_switch.thread_cores", [3, 5]),
        ("nic.drop_enable", False),
    ],
)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, key: str, value: Any) -> None:
    told = {
        "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [], "nic.rx_ring": 64,
        "host.virtual_switch.cores": [4, 5], "host.virtual_switch.byte_time": "0.05ns", "driver.frame_time": "500ns",
        "workload.pattern": "incast", "workload.load": "saturate", "workload.frame_bytes": 333,
        "run.clocks": "exact", "run.warmup": "30us", "run.duration": "100us",
    }  # fmt: skip
    both, other = (run_both(tmp_path, changes, None) for changes in (told, {**told, key: value}))
    check_same_course(both, at_least=100)
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=other.oracle_journeys), at_least=-1)
