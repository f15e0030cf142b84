"""Presets of virtual switches beside what is published of them: the points fitted to, and others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benches.virtual_switches import POINTS, Point, model_mpps
from hwmodel.config import config_from_mapping
from hwmodel.config.presets import VIRTUAL_SWITCHES

DOCS = Path(__file__).parents[1] / "docs"
# What no time a frame says: VMs that send to each other at once, vhost at both ends on threads of its own; the rule of
# thumb for another processor.
OUTSIDE = {
    ("ovs_dpdk", "VM to VM, both ways", 256, 3.949): 32.2,
    ("ovs_kernel", "VM to VM", 64, 0.27): 103.5,
    ("hyper_v", "port to VM", 1518, 0.453): -27.0,
}
# By hand, ns: 87 + 36 a VM + 0.129 a byte; 526 + 644 a VM + 0.1 a byte.
BY_HAND = {
    ("ovs_dpdk", "VM to VM", 256): 87 + 2 * 36 + 252 * 0.129,
    ("ovs_dpdk", "port to VM", 64): 87 + 36 + 60 * 0.129,
    ("ovs_kernel", "VM to VM", 64): 526 + 2 * 644 + 60 * 0.1,
}


@pytest.mark.parametrize("point", POINTS, ids=lambda one: f"{one.preset} {one.path} {one.frame_bytes} {one.batch}")
def test_a_published_point(point: Point) -> None:
    off_percent = 100 * (model_mpps(point) / point.mpps - 1)
    if outside := OUTSIDE.get(point[:4], 0.0):
        assert off_percent == pytest.approx(outside, abs=0.5)
    else:
        assert abs(off_percent) < (10 if point.is_fitted else 25)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_frame_by_hand(name: tuple[str, str, int]) -> None:
    point = next(one for one in POINTS if one[:3] == name)
    assert model_mpps(point) == pytest.approx(1e3 / BY_HAND[name], rel=0.003)


def test_the_page_says_what_the_model_gives() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| (\d+) B[^|]*\| ([\d.]+) \|", (DOCS / "validation.md").read_text(), re.M
    )
    assert [(name, path, int(n_bytes), float(mpps)) for name, path, n_bytes, mpps in rows] == [
        one[:4] for one in POINTS
    ]


def test_a_key_that_is_written_counts_in_place_of_the_preset_s() -> None:
    own = config_from_mapping(
        {"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"preset": "ovs_dpdk", "frame_time": "1us"}}}
    ).host.virtual_switch
    assert own is not None and (own.frame_time_fs, own.guest_time_fs) == (10**9, 36 * 10**6)
    assert set(VIRTUAL_SWITCHES) == {"pointer", "ovs_dpdk", "ovs_kernel", "linux_bridge_vhost", "vds", "hyper_v"}


def test_each_preset_has_a_point_that_it_is_not_fitted_to_within_25_percent() -> None:
    assert {one.preset for one in POINTS if not one.is_fitted and one[:4] not in OUTSIDE} == {
        one.preset for one in POINTS
    }
