"""What each virtual interface sent and got over the controlling bridge, and the lists of them: by hand."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate

# Each VM sends a group of 1000 B every 80 us, and the stations outside as much to b.vf1: 250 frames each in 20 ms.
LOAD = {
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "workload": {
        "pattern": "broadcast", "frame_bytes": 1000, "arrivals": "periodic", "load": "100Mbps",
        "external": {"rate": "100Mbps", "frame_bytes": 1000, "to": ["b.vf1"], "arrivals": "periodic"},
    },
    "run": {"warmup": "2ms", "duration": "18ms"},
}  # fmt: skip
SERVERS = {"servers": [{"name": "a"}, {"name": "b"}]}
N = 250


def counts(mode, tag_bytes, **bridge):
    result = simulate(config_from_mapping({**LOAD, **SERVERS, "switch": {"mode": mode}, "bridge": {
        "kind": "controlling", **bridge}}))  # fmt: skip
    told = {one.name: one for port in result.bridges[0].ports for one in port.logical_ports}
    for one in told.values():
        assert (one.dropped_frames, one.queue_mean_bytes, one.queue_max_bytes) == (0, None, None)
    gbps = 0.1 * (1000 + tag_bytes) / 1000
    assert told["a.vf0"].in_gbps == told["b.vf1"].out_gbps == pytest.approx(gbps, rel=0.01)
    return {name: (one.in_frames, one.out_frames) for name, one in told.items()}


@pytest.mark.parametrize(("mode", "tag_bytes"), [("vn_tag", 6), ("e_tag", 8)])
def test_at_two_ports(mode, tag_bytes):
    """A list comes to each port once a frame, for the sender's own neighbours too."""
    assert counts(mode, tag_bytes) == {
        "a.pf": (0, 0), "a.vf0": (N, 0), "a.vf1": (N, 0), "a.groups": (0, 4 * N),
        "b.pf": (0, 0), "b.vf0": (N, 0), "b.vf1": (N, N), "b.groups": (0, 4 * N),
    }  # fmt: skip


def test_behind_one_extender_a_frame_goes_once_to_the_list_of_both():
    found = counts("e_tag", 8, extenders={"x": {}}, ports={"a": {"behind": "x"}, "b": {"behind": "x"}})
    assert found == {
        "a.pf": (0, 0), "a.vf0": (N, 0), "a.vf1": (N, 0), "b.pf": (0, 0), "b.vf0": (N, 0), "b.vf1": (N, N),
        "x.groups": (0, 4 * N),
    }  # fmt: skip
