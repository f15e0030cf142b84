"""A full port that frames come to in step: who gets nothing is named, and nobody where chance or a rule decides."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.simulation.phase_effects import phase_warnings

THREE = {
    "servers": [{"name": name} for name in "abc"],
    "pcie": {"generation": 3, "lanes": 8},
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "bridge": {"announce": True, "buffer": "64KiB"},
    "run": {"warmup": "1ms", "duration": "10ms"},
}
RATES = [["a.vf0", "c.vf0", "8Gbps"], ["b.vf0", "c.vf1", "4Gbps"]]


def result_of(flows, **blocks):
    return simulate(config_from_mapping({**THREE, "workload": {"pattern": "flows", "flows": flows}, **blocks}))


def test_who_always_comes_last_is_named():
    result = result_of([ends[:2] for ends in RATES])
    got = {flow.from_: flow.delivered for flow in result.flows}
    assert got["a.vf0"] > 5000 and got["b.vf0"] < 100
    (warning,) = phase_warnings(result)
    assert warning in result.warnings
    assert "b.vf0 to c.vf1" in warning and "a.vf0" not in warning and "bridge.c" in warning


@pytest.mark.parametrize("flows", [RATES, RATES[:1], [["a.vf0", "c.vf0", "4Gbps"], ["b.vf0", "c.vf1", "4Gbps"]]])
def test_chance_leaves_each_a_part(flows):
    result = result_of(flows)
    assert result.warnings == tuple(each for each in result.warnings if "in step" not in each)
    assert list(phase_warnings(result)) == []


def test_what_the_policy_drops_is_no_matter_of_phases():
    full = [["a.vf0", "c.vf0"], ["b.vf0", "c.vf1", "1Mbps"]]
    denied = {**THREE["bridge"], "policy": [{"port": "b.vf0", "action": "deny"}]}
    result = result_of(full, bridge=denied, run={"warmup": "1ms", "duration": "20ms"})
    assert result.drops.get("ACL_DENY", 0) > 0
    assert list(phase_warnings(result)) == []


def test_long_frames_that_find_no_room_beside_short_ones_at_random_are_no_matter_of_phases():
    # A queue of one long frame and a few short ones, which are always there: no wire is full, nothing is in step.
    flows = [["a.vf0", "c.vf0", "3Gbps"]]
    bridge = {"announce": True, "buffer": "1600B", "ports": {"outside": {"rate": "40Gbps"}}}
    workload = {"pattern": "flows", "flows": flows}
    workload["external"] = {"rate": "25Gbps", "frame_bytes": 64, "to": ["c.vf1"]}
    result = simulate(config_from_mapping({**THREE, "bridge": bridge, "workload": workload}))
    lost = next(flow for flow in result.flows if flow.from_ == "a.vf0")
    assert result.bottleneck.resource == "bridge.c" and lost.offered > 1000 > 100 * lost.delivered
    assert [each for each in result.warnings if "in step" in each] == []
