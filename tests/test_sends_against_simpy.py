"""Sends that are cut into frames take the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import NS_FS, check_same_course, run_both
from tests.drawn_sends import draw_sends
from tests.seeds import seeds

SEEDS = seeds(5, 7, 160)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_machine_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(run_both(tmp_path, draw_sends(seed), None), at_least=-1)


def wires_die(seed: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Draw when which of two wires are dead."""
    chance = random.Random(f"wires {seed}")
    times = sorted(chance.sample(range(10, 550), 12))
    return [
        (at * 1000 * NS_FS + chance.randrange(NS_FS), {"port.down": [p for p in ("p0", "p1") if chance.random() < 0.4]})
        for at in times
    ]


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_guarantees_and_dead_wires_are_the_same_to_sends(tmp_path: Path, seed: int) -> None:
    """Each frame of a pick is charged to the guarantee; all frames of a send for a dead wire drop, or wait for it."""
    chance = random.Random(f"shared {seed}")
    changes = draw_sends(seed) | {
        "nic.strict": False,
        "port.count": 2,
        "switch.mirrors": [],
        "switch.ports": [
            {"name": "all", "max_frame": "9728B"},
            {"name": "vf0", "weight": 3, "min_rate": "900Mbps"},
            {"name": "vf1", "min_rate": chance.choice(("1Gbps", "2500Mbps"))},
            {"name": "vf3", "rate_limit": "1300Mbps"},
        ],
        "workload.pattern": "to_wire",
        "workload.wire_share": 1,
        "workload.load": chance.choice(("saturate", "2Gbps")),
        "workload.on_full": chance.choice(("wait", "drop")),
        "workload.arrivals": "periodic",
        "workload.peak_rate": None,
        "workload.external": None,
    }
    both = run_both(tmp_path, changes, None, commands=wires_die(seed))
    assert changes["workload.load"] == "saturate" or both.result.drops.get("LINK_DOWN", 0) > 10
    check_same_course(both, at_least=30)
