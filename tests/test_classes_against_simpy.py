"""Classes of traffic, pools and limits on receivers beside the SimPy model: each journey, to the femtosecond."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import (
    GROUP_OF,
    GUESTS,
    WIRE_TOO,
    check_same_course,
    check_same_journeys,
    poisson,
    run_both,
    window_of,
)
from tests.drawn_classes import draw_class_changes, draw_classes

CROWDED = {"pcie.lanes": 2, "nic.tx_buffer": "12KiB", "nic.rx_ring": 512, "nic.tx_ring": 128}
SHARES = {"classes": [{"percent": 60}, {"percent": 30}, {"percent": 10}]}
STATIONS = [
    {"name": "vf0", "classes": [0]}, {"name": "vf1", "classes": [1], "weight": 3}, {"name": "vf2", "classes": [1]},
    {"name": "vf3", "classes": [2]},
]  # fmt: skip
CASES: Mapping[str, Mapping[str, Any]] = {
    "shares": {"nic.arbitration": SHARES},
    "in turn": {
        "nic.arbitration": {**SHARES, "descriptor_plane": "round_robin", "packet_plane": "round_robin",
                            "pools": "round_robin"},
    },
    "a group, one strict in it": {
        "nic.arbitration": {"classes": [{"percent": 60, "group": 5, "strict": "group"}, {"percent": 10, "group": 5},
                                        {"percent": 30}]},
    },
    "strict on the link": {"nic.arbitration": {"classes": [{"percent": 70}, {"percent": 30}, {"strict": "link"}]}},
    "clocks apart": {"nic.arbitration": SHARES, "run.clocks": "80ppm"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_same_frames_go_next(name: str, tmp_path: Path) -> None:
    load = poisson(900, 700, (64, 64, 570, 1518), senders=GUESTS, receivers=WIRE_TOO)
    slow = {"nic.strict": False, "port.rate": "3Gbps", "switch.ports": STATIONS}
    both = run_both(tmp_path, {**CROWDED, **slow, **CASES[name], **window_of(load)}, load)
    assert both.result.latency_ns.mean > 15_000, "nothing waits"
    check_same_journeys(both, at_least=200)


def test_the_same_frames_are_more_than_may_be_received(tmp_path: Path) -> None:
    load = poisson(1200, 600, senders=WIRE_TOO, receivers=WIRE_TOO)
    limits = [{"name": "vf0", "receive_limit": "300.001Mbps", "receive_burst": "3KiB"},
              {"name": "vf2", "receive_limit": "1Gbps", "receive_burst": "2KiB"}]  # fmt: skip
    both = run_both(tmp_path, {"switch.ports": limits, **window_of(load)}, load)
    assert both.result.drops["RECEIVE_LIMIT"] > 100
    check_same_course(both)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_machines(seed: int, tmp_path: Path) -> None:
    changes, load = draw_classes(seed)
    check_same_journeys(run_both(tmp_path, changes, load, GROUP_OF, ()), at_least=0)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(8, 200))
def test_more_drawn_machines(seed: int, tmp_path: Path) -> None:
    changes, load = draw_classes(seed)
    check_same_journeys(run_both(tmp_path, changes, load, GROUP_OF, ()), at_least=0)


# Three of them tell that classes strict on the link, groups, and limits on receivers keep what is theirs in changes.
OF_EACH_RUN = (*range(6), 22, 48, 71)
CHANGED = [
    *OF_EACH_RUN,
    *(
        pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly))
        for seed in range(6, 120)
        if seed not in OF_EACH_RUN
    ),
]


@pytest.mark.parametrize("seed", CHANGED)
def test_credits_orders_and_limits_that_change_in_mid_run(seed: int, tmp_path: Path) -> None:
    changes, load = draw_classes(seed)
    commands = draw_class_changes(seed, changes, load)
    check_same_journeys(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=0)
