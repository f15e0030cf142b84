"""Runs over a bridge: what gets through in each mode, who gets what under a policy, what one server does to another."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.errors import RunError
from hwmodel.machine.counts.ledger_state import OVERFLOW
from hwmodel.results import SystemResult, check_balance
from hwmodel.simulation import simulate

WIDE = {
    "pcie": {"generation": 3, "lanes": 8},
    "nic": {"strict": False, "vfs": 4},
    "driver": {"preset": "dpdk"},
    "run": {"warmup": "1ms", "duration": "20ms"},
}
ON_CHANNEL = {"mode": "multichannel", "s_channels": {10: "vepa"}, "ports": [{"name": "all", "s_channel": 10}]}
LEARNING, CONTROLLING = {"kind": "learning"}, {"kind": "controlling"}


def run(*blocks):
    whole = {}
    for block in (WIDE, *blocks):
        whole = {
            **whole,
            **{
                name: {**whole.get(name, {}), **keys} if isinstance(keys, dict) else keys
                for name, keys in block.items()
            },
        }
    result = simulate(config_from_mapping(whole))
    assert check_balance(result) == []
    return result


def received(result):
    return {vm.name: vm.rx_gbps for vm in result.vms if vm.rx_gbps}


@pytest.mark.parametrize(
    ("switch", "bridge", "tag_bytes"),
    [
        ({"mode": "vepa"}, LEARNING, 0),
        (ON_CHANNEL, LEARNING, 4),
        ({"mode": "vn_tag"}, CONTROLLING, 6),
        ({"mode": "e_tag"}, CONTROLLING, 8),
    ],
)
def test_the_wire_carries_each_frame_with_its_tag(switch, bridge, tag_bytes):
    """1518 B with 20 B of preamble and gap, and the tag: 9.870, 9.844, 9.832, 9.819 Gb/s at 10 GbE."""
    result = run({"switch": switch, "bridge": bridge})
    expected = 10 * 1518 / (1538 + tag_bytes)
    assert result.totals.gbps == pytest.approx(expected, rel=1e-3)
    assert result.bottleneck.resource == "wire.tx"
    (found,) = result.bridges
    assert found.ports[0].out_utilization == pytest.approx(1, abs=1e-3)
    assert found.ports[0].in_gbps == pytest.approx(10 * (1518 + tag_bytes) / (1538 + tag_bytes), rel=1e-3)


def test_the_same_vms_bridged_inside_are_not_held_by_the_wire():
    """At Gen3 x8 the link carries 52.7 Gb/s; over the wire 9.87."""
    inside = run()
    outside = run({"switch": {"mode": "vepa"}, "bridge": LEARNING})
    assert inside.totals.gbps > 5 * outside.totals.gbps
    assert outside.totals.gbps == pytest.approx(9.870, rel=1e-3)


@pytest.mark.parametrize(
    ("switch", "bridge", "reached"),
    [
        ({"mode": "veb"}, {"policy": [{"port": "vf0", "action": "deny"}]}, True),  # it never sees the frame
        ({"mode": "veb", "acl": [{"port": "vf0", "action": "deny"}]}, {}, False),
        ({"mode": "vepa"}, {"policy": [{"port": "vf0", "action": "deny"}]}, False),
        ({"mode": "vn_tag"}, {"kind": "controlling", "policy": [{"port": "vf0", "action": "deny"}]}, False),
    ],
)
def test_a_forbidden_pair_talks_where_no_bridge_with_a_policy_sees_it(switch, bridge, reached):
    flows = {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf2", "vf3", "1Gbps"]]}
    result = run({"switch": switch, "bridge": bridge, "workload": flows})
    assert received(result).get("vf3", 0) == pytest.approx(1, rel=0.1)
    assert ("vf1" in received(result)) is reached
    assert ("ACL_DENY" in result.drops) is not reached


def test_without_hairpin_neighbours_do_not_reach_each_other():
    result = run({"switch": {"mode": "vepa"}, "bridge": {"ports": {"adapter": {"hairpin": False}}, "announce": True}})
    assert not result.totals.gbps and result.totals.delivered_frames == 0
    assert set(result.drops) == {"SAME_PORT"}


def test_a_receiver_that_never_sends_is_flooded_unless_it_has_announced_itself():
    servers = {"servers": [{"name": "a"}, {"name": "b"}]}
    flow = {"workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "1Gbps"]]}}
    silent, heard = run(servers, flow), run(servers, flow, {"bridge": {"announce": True}})
    assert silent.bridges[0].flooded_frames == silent.bridges[0].forwarded_frames > 0
    assert silent.bridges[0].ports[2].out_gbps == pytest.approx(1, rel=0.1)
    assert heard.bridges[0].flooded_frames == heard.bridges[0].ports[2].out_gbps == 0
    assert received(silent) == received(heard)


def test_one_server_that_floods_another_leaves_the_rest_their_share():
    """a and c send all they can to b: its port is shared by the arrivals, and what finds no room is dropped."""
    servers = {"servers": [{"name": name} for name in "abc"], "bridge": {"announce": True, "buffer": "64KiB"}}
    flows = [["a.vf0", "b.vf0"], ["c.vf0", "b.vf1"], ["a.vf1", "c.vf1", "1Gbps"]]
    result = run(servers, {"workload": {"pattern": "flows", "flows": flows}})
    assert isinstance(result, SystemResult)
    assert "bridge.b" in (result.bottleneck.resource, *result.bottleneck.also)  # a's wire is as full
    got = received(result)
    assert got["b.vf0"] + got["b.vf1"] == pytest.approx(9.870, rel=5e-3)
    assert got["c.vf1"] == pytest.approx(1, rel=0.15)
    assert result.drops.keys() == {"QUEUE_FULL"}
    assert result.bridges[0].ports[1].queue_max_bytes <= 64 * 1024


def test_a_buffer_that_all_ports_share_is_full_for_all():
    servers = {"servers": [{"name": name} for name in "abc"]}
    flows = [["a.vf0", "b.vf0"], ["c.vf0", "b.vf1"]]
    bridge = {"bridge": {"announce": True, "buffer": "16KiB", "sharing": "all"}}
    result = run(servers, bridge, {"workload": {"pattern": "flows", "flows": flows}})
    assert result.bridges[0].ports[1].queue_max_bytes <= 16 * 1024
    assert sum(received(result).values()) == pytest.approx(9.870, rel=5e-3)


def test_two_servers_with_the_same_seed_are_the_same_run():
    block = {"servers": [{"name": "a"}, {"name": "b"}], "workload": {"pattern": "uniform", "load": "1Gbps"}}
    assert run(block) == run(block)
    assert run(block) != run(block, {"run": {"seed": 2}})


def test_more_frames_than_a_bridge_has_places_for_are_said(monkeypatch):
    monkeypatch.setattr("hwmodel.simulation.run.machine.Machine.advance", lambda *_: OVERFLOW)
    with pytest.raises(RunError, match="overflowed"):
        run({"bridge": {}})


def test_one_server_with_a_name_is_the_one_without_but_for_its_name():
    changes = {"bridge": {}, "nic.vfs": 4, "workload.pattern": "pairs", "workload.load": "2Gbps", "run.duration": "5ms",
               "switch.ports.vf0.rate_limit": "1Gbps"}  # fmt: skip
    named, plain = (
        simulate(load_config("sriov_10g_gen2x4", changes | more)) for more in ({"servers": [{"name": "zq"}]}, {})
    )
    received = {f"zq.{vm.name}": vm.rx_gbps for vm in plain.vms}
    assert {vm.name: vm.rx_gbps for vm in named.vms} == received
    assert sum(rate or 0 for rate in received.values()) == pytest.approx(7, rel=0.05)
    assert named.totals == plain.totals and named.latency_ns == plain.latency_ns
    assert named.bottleneck.resource.removeprefix("zq.") == plain.bottleneck.resource
