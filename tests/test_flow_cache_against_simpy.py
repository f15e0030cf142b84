"""A virtual switch with a flow cache takes the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds
from tests.test_virtual_switch_against_simpy import LOADS, SWITCH, VMS

SEEDS = seeds(8, 8, 300)
CACHE: Mapping[str, Sequence[Any]] = {
    "near_entries": (0, 1, 5),
    "far_time": ("0ns", "41.0003ns"),
    "exact_entries": (0, 1, 3, 8, 64),
    "exact_time": ("0ns", "31.0001ns"),
    "wildcard_entries": (0, 1, 4, 64),
    "wildcard_time": ("0ns", "103.0007ns"),
    "wildcard_match": ("ends", "connections"),
    "miss_time": ("0ns", "511.0003ns", "7013.0009ns"),
    "miss_cores": ([], [5], [1], [4, 5], [0, 3, 2]),
    "miss_queue": (1, 3, 128),
}


def draw_cache(seed: int) -> dict[str, Any]:
    """Draw VMs, a switch with a flow cache between them, and what they send."""
    chance = random.Random(f"flow cache {seed}")
    cache = {f"host.virtual_switch.flow_cache.{key}": chance.choice(values) for key, values in CACHE.items()}
    drawn = {
        "nic.mode": "vswitch", "host.cores": 10, "host.iotlb": None, "switch.mirrors": [],
        **some_of(chance, SWITCH, 4), **some_of(chance, VMS, 5), **chance.choice(LOADS), **cache,
        "workload.pattern": chance.choice(("pairs", "ring", "uniform", "uniform", "incast", "broadcast")),
        "workload.connections": chance.choice((1, 2, 5, 40)), "workload.frame_bytes": chance.choice((64, 333, 1518)),
        "run.seed": seed, "run.clocks": "exact", "run.warmup": "30us", "run.duration": "200us",
    }  # fmt: skip
    if drawn["host.virtual_switch.flow_cache.miss_cores"]:  # beside which VMs have no threads
        drawn.pop("host.virtual_switch.thread_cores", None)
    return drawn


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_cache_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(run_both(tmp_path, draw_cache(seed), None), at_least=-1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("near_entries", 5),
        ("far_time", "41ns"),
        ("exact_entries", 9),
        ("exact_time", "1ns"),
        ("wildcard_entries", 3),
        ("wildcard_time", "104ns"),
        ("wildcard_match", "ends"),
        ("miss_time", "901ns"),
        ("miss_cores", []),
        ("miss_queue", 5),
    ],
)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, key: str, value: Any) -> None:
    cache = {
        "near_entries": 4, "far_time": "40ns", "exact_entries": 8, "exact_time": "0ns", "wildcard_entries": 16,
        "wildcard_time": "103ns",
        "wildcard_match": "connections", "miss_time": "900ns", "miss_cores": [5], "miss_queue": 4,
    }  # fmt: skip
    told = {
        "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [],
        "host.virtual_switch.cores": [4], "workload.pattern": "ring", "workload.connections": 10,
        "workload.load": "saturate", "workload.frame_bytes": 333,
        "run.clocks": "exact", "run.warmup": "30us", "run.duration": "100us",
    }  # fmt: skip
    prefix = "host.virtual_switch.flow_cache"
    caches = (cache, {**cache, key: value})
    both, other = (
        run_both(tmp_path, {**told, **{f"{prefix}.{name}": one for name, one in each.items()}}, None) for each in caches
    )
    check_same_course(both, at_least=30)
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=other.oracle_journeys), at_least=-1)
