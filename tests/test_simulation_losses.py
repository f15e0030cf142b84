"""What is lost is what a station should have got: of floods by counting who wanted what, of VLANs with their keys."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.results import check_balance
from hwmodel.results.losses import loses, loss_sentence, places_of
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.losses import unwanted_drops
from hwmodel.simulation.figures.vlan_reasons import barred_flows, vlan_warnings
from tests.run_cases import finished

RUN = {"warmup": "200us", "duration": "1ms"}
QUICK = {"nic": {"vfs": 2}, "driver": {"preset": "dpdk"}, "run": RUN}


def run_of(flows, **blocks):
    workload = {"pattern": "flows", "frame_bytes": 1518, "arrivals": "periodic", "flows": flows}
    return simulate(config_from_mapping({**QUICK, "workload": workload, **blocks}))


def servers(names):
    return [{"name": name} for name in names]


def test_copies_of_a_flood_that_nobody_wanted_are_not_lost():
    """Each frame goes to b, to c and outside: what drops at c is no loss, as every frame arrives at b."""
    result = run_of([["a.vf0", "b.vf0", "1Gbps"]], servers=servers("abc"), bridge={})
    assert result.drops["UNKNOWN_UNICAST"] > 90 and check_balance(result) == []
    assert result.totals.unwanted_drops == sum(result.drops.values()) and result.lost_frames == 0
    assert not loses(result) and "nothing was lost" in loss_sentence(result)
    assert result.lost_by_reason() == {} and "less what is dropped" not in result.summary()


def test_a_frame_of_which_all_copies_end_elsewhere_is_lost_once():
    """In VLAN 20, which ends at the trunk, each frame is flooded to b and c, and dropped twice there."""
    switch = {
        "uplink": {"native_vlan": 10},
        "ports": [{"name": "all", "port_vlan": 10}, {"name": "vf1", "port_vlan": 20}],
    }
    left = {"name": "left", "ports": {"a": {}, "b": {}, "c": {}, "t": {"to": "right.t", "vlans": [10]}}}
    right = {"name": "right", "ports": {"d": {}, "t": {}, "outside": {"native_vlan": 10}}}
    result = run_of(
        [["a.vf1", "d.vf1", "1Gbps"], ["b.vf0", "a.vf0", "1Gbps"], ["a.vf0", "b.vf0", "1Gbps"]],
        servers=servers("abcd"), bridges=[left, right], switch=switch,
    )  # fmt: skip
    offered = {(flow.from_, flow.to): flow.offered for flow in result.flows}["a.vf1", "d.vf1"]
    assert result.drops["UNKNOWN_UNICAST"] >= 2 * offered - 4
    assert result.lost_frames == pytest.approx(offered, abs=8)  # some are under way at the end
    assert loses(result) and result.due_frames == pytest.approx(result.totals.offered_frames, abs=8)
    (told,) = (text for text in result.warnings if "VLAN 20" in text)
    assert "bridges.left.ports.t.vlans" in told and f"{offered:,}" in told


def test_frames_that_no_station_has_an_address_for_are_not_lost():
    groups = {"pattern": "multicast", "frame_bytes": 300, "load": "1Gbps"}
    alone = {"uplink": {"vlans": [2]}, "ports": [{"name": "all", "accept": []}]}
    run, result = finished(QUICK, {"switch": alone, "workload": groups})
    assert result.totals.dropped_frames > 100 and result.totals.delivered_frames == 0
    assert result.lost_frames == 0 == result.totals.dropped_frames - unwanted_drops(run.config, run.book, run.end)


@pytest.mark.parametrize("load", ["9.6Gbps", "2Gbps"])
def test_all_is_not_said_to_get_through_beside_frames_without_a_station_for_them(load):
    """Half of what the wire brings, which is nearly full, is for a VM in a VLAN that the wire does not carry."""
    switch = {"uplink": {"vlans": [1]}, "ports": [{"name": "vf1", "port_vlan": 2}]}
    external = {"rate": load, "frame_bytes": 1518, "arrivals": "periodic", "to": ["vf0", "vf1"]}
    workload = {"pattern": "none", "external": external}
    result = simulate(
        config_from_mapping(
            {"nic.strict": False, **QUICK, "pcie": {"generation": 3}, "switch": switch, "workload": workload}
        )
    )
    assert result.lost_frames / result.due_frames == pytest.approx(0.5, abs=0.02)
    assert "All that is offered gets through" not in result.bottleneck.why
    assert "VLAN_MEMBER" in result.bottleneck.why
    (told,) = (text for text in result.warnings if "VLAN 2" in text)
    assert "uplink to vf1" in told and "switch.uplink.vlans" in told


def test_the_shipped_trunk_is_named_with_its_key_and_not_as_frames_in_step():
    config = load_config("configs/two_racks.yaml", {"run.duration": "4ms", "run.warmup": "1ms"})
    result = simulate(config)
    assert [(flow, one.key, one.vlan) for flow, one in barred_flows(config, result).items()] == [
        (("a.vf3", "d.vf3"), "bridges.left.ports.trunk.vlans", 20)
    ]
    assert not any("in step" in text for text in result.warnings)
    assert "QUEUE_FULL" in loss_sentence(result) and " at left.trunk" in loss_sentence(result)
    assert places_of(result, "QUEUE_FULL").most_common(1)[0][0] == "left.trunk"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bridge.ports.b.vlans": [1]}, "bridge.ports.b.vlans"),
        ({"bridge.ports.a.vlans": [1]}, "bridge.ports.a.vlans"),
        ({"servers.b.set.switch.uplink.vlans": [1]}, "servers.b.set.switch.uplink.vlans"),
        ({"servers.b.set.switch.ports.vf0.port_vlan": 7}, "servers.b.set.switch.ports.vf0.vlans"),
        ({"switch.uplink.vlans": [1]}, "servers.a.set.switch.uplink.vlans"),
        ({}, None),
        ({"bridge.ports.b.vlans": [1, 6], "bridge.ports.b.translate": {"6": 5}, "bridge.announce": True,
          "servers.b.set.switch.ports.vf0.port_vlan": 6}, None),
    ],
)  # fmt: skip
def test_the_first_place_on_the_way_that_lacks_the_vlan_is_named(changes, key):
    workload = {"pattern": "flows", "frame_bytes": 1518, "flows": [["a.vf0", "b.vf0", "1Gbps"]]}
    document = {**QUICK, "servers": servers("ab"), "bridge": {"ports": {"a": {}, "b": {}}}, "workload": workload,
                "switch": {"ports": [{"name": "all", "port_vlan": 5}]}}  # fmt: skip
    config = config_from_mapping(document, changes)
    result = simulate(config)
    got = sum(flow.delivered for flow in result.flows)
    assert bool(got) == (key is None)
    assert [one.key for one in barred_flows(config, result).values()] == ([key] if key else [])
    assert len(list(vlan_warnings(config, result))) == bool(key)
