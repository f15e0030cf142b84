"""Weights, limits, guarantees, marks and samples of the virtual switch in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import Commands, check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds
from tests.test_flow_cache_against_simpy import CACHE
from tests.test_uplink_against_simpy import ADAPTER
from tests.test_virtual_switch_against_simpy import SWITCH, VMS

SEEDS = seeds(8, 10, 400)
STATIONS = ("pf", "vf0", "vf1", "vf2", "vf3")
IN_ADAPTER: Mapping[str, Sequence[Any]] = {
    key: ADAPTER[key] for key in ADAPTER if key.startswith(("nic.tx", "nic.rx", "nic.fetch", "pcie.", "host.jitter"))
}
LOADS: Sequence[Mapping[str, Any]] = (
    {"workload.load": "saturate"},
    {"workload.load": "saturate"},
    {"workload.load": "4Gbps", "workload.arrivals": "poisson"},
    {"workload.load": "2Gbps", "workload.arrivals": "on_off", "workload.peak_rate": "9Gbps"},
)


COUNTS: Mapping[str, Sequence[Any]] = {
    "host.virtual_switch.ecn_threshold": (None, "0B", "999B", "4000B", "20000B"),
    "host.virtual_switch.ecn_capable": ("all", "all", ["vf1", "pf", "vf2"]),
    "host.virtual_switch.sample_one_in": (None, 1, 2, 7, 300),
    "host.virtual_switch.sample_time": ("0ns", "230.0003ns"),
}


def draw_stations(chance: random.Random, max_frame: str) -> list[dict[str, Any]]:
    """Draw what stations may send: some limits, some guarantees that the wire has room for, weights."""
    found = []
    for name in STATIONS:
        one: dict[str, Any] = {"name": name, "max_frame": max_frame}
        if chance.random() < 0.5:
            one["weight"] = chance.choice((1, 2, 3, 7))
        least = chance.choice((None, None, 20, 700, 1503))
        most = chance.choice((None, None, 90, 800, 3001))
        if least is not None:
            one["min_rate"] = f"{least}.003Mbps"
        if most is not None:
            one["rate_limit"] = f"{max(most, least or 0)}.007Mbps"
        found.append(one)
    return found


def draw_rates(seed: int) -> tuple[dict[str, Any], Commands]:
    """Draw VMs with rates, a switch, with an uplink or without, what they send; and commands."""
    chance = random.Random(f"rates {seed}")
    is_external, max_frame = chance.random() < 0.5, chance.choice(("1518B", "2000B"))
    changes = {
        "nic.mode": "vswitch", "host.cores": 10, "host.iotlb": None, "switch.mirrors": [],
        **some_of(chance, SWITCH, 4), **some_of(chance, VMS, 3), "nic.tx_ring": 64, **chance.choice(LOADS),
        "switch.scheduler": chance.choice(("round_robin", "weighted", "deficit")),
        "switch.ports": draw_stations(chance, max_frame),
        "nic.rate_limit_window": chance.choice(("100B", "4096B", "20000B")),
        "workload.pattern": chance.choice(("pairs", "ring", "uniform", "incast")), "workload.connections": 1,
        "workload.sizes": chance.choice(([[64, 1]], [[333, 1]], [[1518, 1]], [[64, 3], [570, 1], [1518, 2]])),
        "run.seed": seed, "run.clocks": "exact", "run.warmup": "30us", "run.duration": "200us",
    }  # fmt: skip
    if is_external:
        changes |= {
            **some_of(chance, IN_ADAPTER, 4), "nic.drop_enable": True, "port.rate": chance.choice(("7Gbps", "25Gbps")),
            "workload.pattern": chance.choice(("to_wire", "uniform")), "host.virtual_switch.reach": "external",
            "host.virtual_switch.on_uplink_full": chance.choice(("wait", "wait", "drop")),
            "host.virtual_switch.uplink_queues": chance.choice((None, 1, 2)),
        }  # fmt: skip
        if changes["workload.pattern"] == "uniform":
            changes["workload.wire_share"] = chance.choice((0.3, 0.7))
    if chance.random() < 0.2:
        changes |= {"nic.queues_per_vf": 2, "workload.connections": 16}
    if chance.random() < 0.6:
        changes |= {key: chance.choice(values) for key, values in COUNTS.items()}
    if chance.random() < 0.4:
        changes |= {f"host.virtual_switch.flow_cache.{key}": chance.choice(values) for key, values in CACHE.items()}
    if changes.get("host.virtual_switch.flow_cache.miss_cores"):  # beside which VMs have no threads
        changes.pop("host.virtual_switch.thread_cores", None)
    if is_external and chance.random() < 0.4:
        changes["workload.external"] = {"rate": chance.choice(("900Mbps", "4Gbps"))}
        changes["workload.connections"] = 16
    times_us = sorted(chance.sample(range(20, 200), chance.choice((0, 0, 2))))
    return changes, [(at_us * 10**9, {"switch.ports": draw_stations(chance, max_frame)}) for at_us in times_us]


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_rates_take_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, commands = draw_rates(seed)
    check_same_course(run_both(tmp_path, changes, None, commands=commands), at_least=-1)


TOLD = {
    "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [], "nic.tx_ring": 64,
    "host.virtual_switch.reach": "external", "host.virtual_switch.cores": [5], "host.virtual_switch.batch": 4,
    "host.virtual_switch.on_uplink_full": "wait", "host.virtual_switch.sample_one_in": 5, "port.rate": "1Gbps",
    "host.virtual_switch.sample_time": "230.0003ns", "host.virtual_switch.ecn_threshold": "2088B",
    "switch.scheduler": "weighted", "workload.pattern": "uniform", "workload.wire_share": 0.3,
    "workload.load": "saturate", "workload.frame_bytes": 700, "run.clocks": "exact", "run.warmup": "30us",
    "run.duration": "300us",
}  # fmt: skip


def stations(**changes: Any) -> dict[str, Any]:
    one = {"weight": 3, "rate_limit": "300Mbps", "min_rate": "600Mbps", **changes}
    ports = [{"name": name} for name in STATIONS]
    ports[1]["rate_limit"], ports[2]["min_rate"], ports[3]["weight"] = one["rate_limit"], one["min_rate"], one["weight"]
    return {"switch.ports": ports}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    "changes",
    [
        stations(weight=2),
        stations(rate_limit="310Mbps"),
        stations(min_rate="610Mbps"),
        {"switch.scheduler": "deficit"},
        {"nic.rate_limit_window": "64KiB"},
        {"host.virtual_switch.on_uplink_full": "drop"},
        {"host.virtual_switch.sample_one_in": 6},
        {"host.virtual_switch.sample_time": "231ns"},
        {"host.virtual_switch.flow_cache.miss_time": "1us"},
        {"host.virtual_switch.ecn_threshold": "2087B"},
        {"host.virtual_switch.ecn_capable": ["vf1"]},
    ],
    ids=str,
)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    both, other = (run_both(tmp_path, {**TOLD, **stations(), **more}, None) for more in ({}, changes))
    check_same_course(both, at_least=100)
    others = both._replace(oracle_journeys=other.oracle_journeys, oracle=other.oracle)
    with pytest.raises(AssertionError):
        check_same_course(others, at_least=-1)
