"""Settings are told of: those by which frames drop at any load, and a full port that frames come to in step."""

from __future__ import annotations

import dataclasses
import re

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.setting_warnings import phase_warnings, setting_warnings
from tests.sample_system import reflected_result

REFLECTED = {
    "switch": {"mode": "vepa"},
    "nic": {"vfs": 2},
    "bridge": {"announce": True, "ports": {"adapter": {"hairpin": False}}},
    "run": {"warmup": "100us", "duration": "300us"},
}
POLICE = {"action": "police", "rate": "1Gbps", "burst": "1000B"}
TWO_SIZES = {"workload": {"pattern": "pairs", "sizes": [[64, 3], [1518, 1]]}}


@pytest.mark.parametrize(
    ("sent", "outside", "named"),
    [
        ({"frame_bytes": 64}, {"frame_bytes": 1518}, "workload.frame_bytes"),
        ({"sizes": [[64, 1], [128, 1]]}, {"frame_bytes": 1518}, "workload.sizes"),
        ({"frame_bytes": 64}, {"sizes": [[64, 1], [128, 1]]}, "workload.frame_bytes"),
        ({"frame_bytes": 64}, {}, None),  # the frames from outside have it
        ({"sizes": [[64, 1], [128, 1]]}, {}, None),
        ({}, {"frame_bytes": 64}, None),
        ({"frame_bytes": 64, "pattern": "pairs"}, {"frame_bytes": 1518}, None),
    ],
)
def test_lengths_that_nobody_sends_are_told(sent, outside, named):
    workload = {"pattern": "none", "external": {"rate": "1Gbps", **outside}, **sent}
    run = {"warmup": "100us", "duration": "300us", "clocks": "exact"}
    result = simulate(config_from_mapping({"workload": workload, "run": run}))
    found = [text.partition(" does nothing: ")[0] for text in result.warnings if "no VM sends" in text]
    assert found == ([named] if named else [])


SHORT = {"warmup": "100us", "duration": "300us", "clocks": "exact"}


@pytest.mark.parametrize(
    ("drain", "credits", "is_told"),
    [
        ("5Gbps", {}, True),
        ("5Gbps", {"ph": 32, "pd": 512}, False),  # they return as memory has taken the data
        ("5Gbps", {"pd": 512}, False),
        ("40Gbps", {}, False),  # more than is written
        (None, {}, False),
    ],
)
def test_a_drain_that_no_credits_wait_for_is_told_where_memory_takes_more(drain, credits, is_told):
    pcie = {"generation": 2, "lanes": 4, "credits": credits}
    document = {"nic": {"vfs": 2}, "pcie": pcie, "host": {"write_drain": drain}, "run": SHORT}
    found = [text for text in simulate(config_from_mapping(document)).warnings if "write_drain" in text]
    assert len(found) == is_told
    if is_told:
        told = (
            r"host.write_drain is 5 Gb/s and holds nothing back: 1\d\.\d Gb/s were written, because pcie.credits.ph and"
        )
        assert re.match(told, found[0])


def test_the_drain_of_a_server_is_told_with_the_server_s_keys():
    slow = {"name": "b", "set": {"host.write_drain": "1Gbps"}}
    document = {"servers": [{"name": "a"}, slow], "nic": {"vfs": 2}, "run": SHORT}
    (found,) = (text for text in simulate(config_from_mapping(document)).warnings if "write_drain" in text)
    assert found.startswith("servers.b.set.host.write_drain is 1 Gb/s") and "servers.b.set.pcie.credits.ph" in found


@pytest.mark.parametrize(("pattern", "is_told"), [("pairs", True), ("flows", False)])
def test_flows_beside_another_pattern_are_told(pattern, is_told):
    workload = {"pattern": pattern, "flows": [["vf0", "vf1", "1Gbps"]]}
    warnings = simulate(config_from_mapping({"nic": {"vfs": 2}, "workload": workload, "run": SHORT})).warnings
    assert any(text.startswith("workload.flows does nothing: ") for text in warnings) == is_told


@pytest.mark.parametrize(("header_bytes", "is_told"), [(64, False), (66, True)])
def test_header_buffers_that_are_too_small_are_told(header_bytes, is_told):
    document = {
        "nic": {"vfs": 2, "header_split": "64B"}, "workload": {"header_bytes": f"{header_bytes}B"}, "run": SHORT,
    }  # fmt: skip
    found = [text for text in simulate(config_from_mapping(document)).warnings if "header_split" in text]
    told = "nic.header_split does nothing: headers of 66 B (workload.header_bytes) are longer than its 64 B."
    assert found == ([told] if is_told else [])


SWITCH = {"virtual_switch": {"preset": "ovs_dpdk"}}


@pytest.mark.parametrize(
    ("nic", "host", "is_told"),
    [
        ({}, SWITCH, True),
        ({"mode": "sriov"}, SWITCH, False),  # meant so, as where ways are compared
        ({"mode": "vswitch"}, SWITCH, False),
        ({}, {}, False),
    ],
)
def test_a_virtual_switch_that_nobody_uses_is_told(nic, host, is_told):
    document = {"nic": {"vfs": 2, **nic}, "host": host, "run": SHORT}
    found = [text for text in simulate(config_from_mapping(document)).warnings if "virtual_switch" in text]
    told = (
        "host.virtual_switch does nothing: in mode sriov, the default, VMs have functions of the adapter "
        "(nic.mode: vswitch)."
    )
    assert found == ([told] if is_told else [])


@pytest.mark.parametrize(
    ("workload", "told"),
    [
        ({"peak_rate": "5Gbps"}, "workload.peak_rate does nothing: workload.arrivals is poisson"),
        ({"peak_rate": "5Gbps", "arrivals": "on_off"}, None),
        ({"external": {"rate": "1Gbps", "peak_rate": "5Gbps", "arrivals": "periodic"}},
         "workload.external.peak_rate does nothing: workload.external.arrivals is periodic"),
        ({"external": {"rate": "1Gbps", "peak_rate": "5Gbps", "arrivals": "on_off"}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_peak_rate_that_no_burst_has_is_told(workload, told):
    document = {"nic": {"vfs": 2}, "workload": {"load": 0.1, **workload}, "run": SHORT}
    found = [text for text in simulate(config_from_mapping(document)).warnings if "peak_rate does" in text]
    assert len(found) == (told is not None)
    assert told is None or found[0].startswith(told)


def test_frames_that_may_not_come_back_are_told_with_the_key():
    (found,) = (text for text in simulate(config_from_mapping(REFLECTED)).warnings if "SAME_PORT" in text)
    assert "bridge.ports.adapter.hairpin is not true" in found and "in mode vepa" in found


@pytest.mark.parametrize(("n_vfs", "others"), [(2, ""), (4, " (and 2 stations more)")])
def test_a_station_without_loopback_relies_on_the_bridge_too(n_vfs, others):
    changes = {"switch.mode": "veb", "switch.ports.vf0.loopback": False, "nic.vfs": n_vfs}
    changes |= {f"switch.ports.vf{at}.loopback": False for at in range(2, n_vfs)}
    (found,) = (text for text in simulate(config_from_mapping(REFLECTED, changes)).warnings if "SAME_PORT" in text)
    assert found.endswith(
        f"bridge.ports.adapter.hairpin is not true, but with switch.ports.vf0.loopback false{others} frames for VMs of "
        "its own adapter come back from the bridge or not at all."
    )
    sent_back = config_from_mapping(REFLECTED, {**changes, "bridge.ports.adapter.hairpin": True})
    assert [text for text in simulate(sent_back).warnings if "SAME_PORT" in text] == []


def test_of_several_bridges_it_is_told_of_the_one_at_which_they_drop():
    racks = [
        {"name": "left", "announce": True, "ports": {"a": {"hairpin": False}, "t": {"to": "right.t"}}},
        {"name": "right", "announce": True, "ports": {"b": {"hairpin": False}, "t": {}}},
    ]
    system = {
        "servers": [{"name": "a"}, {"name": "b"}], "switch": {"mode": "vepa"}, "nic": {"vfs": 2}, "bridges": racks,
        "workload": {"pattern": "flows", "flows": [["b.vf0", "b.vf1", "1Gbps"], ["b.vf1", "a.vf0", "1Gbps"]]},
        "run": REFLECTED["run"],
    }  # fmt: skip
    (found,) = (text for text in simulate(config_from_mapping(system)).warnings if "SAME_PORT" in text)
    assert "frames at bridge right were" in found and "bridges.right.ports.b.hairpin is not true" in found


@pytest.mark.parametrize("changes", [
    {"switch": {"mode": "veb"}},  # whose VMs need no bridge
    {"bridge": {}},
], ids=["veb", "hairpin by default"])  # fmt: skip
def test_who_does_not_rely_on_it_is_told_nothing(changes):
    lost = {"SAME_PORT": 500}
    result = reflected_result()
    result = dataclasses.replace(result, bridges=(dataclasses.replace(result.bridges[0], drops=lost),))
    assert any("SAME_PORT" in text for text in setting_warnings(config_from_mapping(REFLECTED), result))
    assert not list(setting_warnings(config_from_mapping({**REFLECTED, **changes}), result))


CLASSES = {"classes": [{"percent": 60}, {"percent": 40}]}


@pytest.mark.parametrize(("changes", "order"), [
    ({}, "switch.scheduler is round_robin (weighted and deficit go by them)"),
    ({"switch": {"scheduler": "strict"}}, "switch.scheduler is strict"),
    ({"switch": {"scheduler": "deficit"}}, None),
    ({"nic": {"arbitration": CLASSES}}, None),
    ({"nic": {"arbitration": {**CLASSES, "pools": "round_robin"}}}, "nic.arbitration.pools is round_robin (weighted"),
], ids=["round robin", "strict", "deficit", "credits", "pools in turn"])  # fmt: skip
def test_a_weight_that_nothing_goes_by_is_told(changes, order):
    heavy = {"switch": {"ports": [{"name": "vf1", "weight": 3}]}}
    warned = [
        text for text in setting_warnings(config_from_mapping(heavy, changes), reflected_result()) if "weight" in text
    ]
    assert bool(warned) == (order is not None)
    assert all("switch.ports.vf1.weight is 3, and nothing goes by weights" in text and order in text for text in warned)


GUARDED = [{"name": "vf1", "ips": ["10.0.0.3"], "guards": ["arp"]}]


@pytest.mark.parametrize("mode", ["veb", "vepa", "multichannel", "vn_tag", "e_tag"])
@pytest.mark.parametrize(("switch", "which"), [
    ({"acl": [{"action": "deny", "port": "vf1"}]}, "switch.acl is"),
    ({"acl": [{"action": "deny", "port": "vf1"}], "ports": GUARDED}, "switch.acl and switch.ports.vf1.guards are"),
    ({"ports": GUARDED}, "switch.ports.vf1.guards is"),
    ({}, None),
], ids=["list", "both", "guards", "none"])  # fmt: skip
def test_lists_that_a_mode_never_asks_are_told(mode, switch, which):
    warned = [
        text
        for text in setting_warnings(config_from_mapping({"switch": {**switch, "mode": mode}}), reflected_result())
        if "not asked" in text
    ]
    is_told = which is not None and mode in ("vn_tag", "e_tag")
    told = f"In mode {mode} the bridge decides who may send to whom (bridge.policy): {which} not asked."
    assert warned == [told] * is_told


@pytest.mark.parametrize(("blocks", "name"), [
    ({"switch": {"acl": [{"action": "deny", "port": "vf1"}, POLICE]}}, "switch.acl[1]"),
    ({"bridge": {"policy": [POLICE]}}, "bridge.policy[0]"),
    ({"servers": [{"name": "a"}, {"name": "b"}], "bridges": [
        {"name": "left", "ports": {"a": {}, "t": {"to": "right.t"}}},
        {"name": "right", "ports": {"b": {}, "t": {}}, "policy": [POLICE]},
    ]}, "bridges.right.policy[0]"),
    ({"servers": [{"name": "a"}, {"name": "b", "set": {"switch.acl": [POLICE]}}]}, "b.switch.acl[0]"),
])  # fmt: skip
def test_a_bucket_without_room_for_some_frames_is_named(blocks, name):
    result = dataclasses.replace(reflected_result(), drops={"RATE_LIMITED": 9})
    (found,) = setting_warnings(config_from_mapping({**TWO_SIZES, **blocks}), result)
    assert found.startswith(f"{name}.burst is 1,000 B: frames of 1,518 B never find so many tokens")
    enough = {"workload": {"pattern": "pairs", "frame_bytes": 64}}
    assert not list(setting_warnings(config_from_mapping({**blocks, **enough}), result))


def test_all_such_frames_drop_and_shorter_ones_pass():
    run = {"run": {"warmup": "100us", "duration": "2ms"}, "nic": {"vfs": 2}, "switch": {"acl": [POLICE]}}
    load = {"workload": {**TWO_SIZES["workload"], "load": "0.5Gbps", "arrivals": "periodic"}}
    result = simulate(config_from_mapping({**run, **load}))
    share = result.drops["RATE_LIMITED"] / result.totals.offered_frames
    assert share == pytest.approx(0.25, abs=0.05)  # each fourth frame is long
    assert any("1,518 B never find" in text for text in result.warnings)


# ---- A full port that frames come to in step: who gets nothing is named ----


THREE = {
    "servers": [{"name": name} for name in "abc"],
    "pcie": {"generation": 3, "lanes": 8},
    "nic": {"strict": False, "vfs": 2},
    "driver": {"preset": "dpdk"},
    "bridge": {"announce": True, "buffer": "64KiB"},
    "run": {"warmup": "1ms", "duration": "10ms"},
}
RATES = [["a.vf0", "c.vf0", "8Gbps"], ["b.vf0", "c.vf1", "4Gbps"]]


def result_of(flows, **blocks):
    return simulate(config_from_mapping({**THREE, "workload": {"pattern": "flows", "flows": flows}, **blocks}))


def test_nobody_always_comes_last():
    """Two lines in step fill a port: frames of one instant go by lot, so that each gets a part of it."""
    result = result_of([ends[:2] for ends in RATES])
    got = {flow.from_: flow.delivered for flow in result.flows}
    assert got["a.vf0"] == pytest.approx(got["b.vf0"], rel=0.1)
    assert list(phase_warnings(config_from_mapping(result.config), result)) == []


@pytest.mark.parametrize("flows", [RATES, RATES[:1], [["a.vf0", "c.vf0", "4Gbps"], ["b.vf0", "c.vf1", "4Gbps"]]])
def test_chance_leaves_each_a_part(flows):
    result = result_of(flows)
    assert result.warnings == tuple(each for each in result.warnings if "in step" not in each)
    assert list(phase_warnings(config_from_mapping(result.config), result)) == []


def test_what_weights_of_s_channels_leave_is_no_matter_of_phases():
    own = {"switch": {"mode": "multichannel", "s_channels": {10: "veb", 20: "veb"},
                      "ports": [{"name": "vf0", "s_channel": 10}, {"name": "vf1", "s_channel": 20}]}}  # fmt: skip
    servers = [{"name": "a"}, {"name": "b"}, {"name": "c", "set": own}]
    levels = {"c": {"s_channels": {10: {"weight": 1}, 20: {"weight": 65535}}}}
    bridge = {**THREE["bridge"], "ports": levels}
    result = result_of([["a.vf0", "c.vf0"], ["b.vf0", "c.vf1"]], servers=servers, bridge=bridge)
    got = {flow.from_: flow.gbps for flow in result.flows}
    assert got["a.vf0"] < 0.01 * got["b.vf0"] and result.bottleneck.resource == "bridge.c"
    assert list(phase_warnings(config_from_mapping(result.config), result)) == []


def test_what_the_policy_drops_is_no_matter_of_phases():
    full = [["a.vf0", "c.vf0"], ["b.vf0", "c.vf1", "1Mbps"]]
    denied = {**THREE["bridge"], "policy": [{"port": "b.vf0", "action": "deny"}]}
    result = result_of(full, bridge=denied, run={"warmup": "1ms", "duration": "20ms"})
    assert result.drops.get("ACL_DENY", 0) > 0
    assert list(phase_warnings(config_from_mapping(result.config), result)) == []


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


INCAST = {
    "servers": [{"name": "a", "set": {"pcie.generation": 1, "pcie.lanes": 1}}, {"name": "b"}],
    "nic": {"preset": None, "vfs": 2, "rx_buffer": "32KiB", "flow_control": {"mode": "pause"}},
    "bridge": {"announce": True, "buffer": "64KiB", "flow_control": {"mode": "pause", "headroom": "20KiB"}},
    "workload": {"pattern": "flows", "flows": [["b.vf0", "a.vf0", "8Gbps"]], "frame_bytes": 1000},
    "run": {"warmup": "100us", "duration": "300us"},
}
TWO_CLASSES = [{"percent": 50}, {"percent": 50}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"bridge.flow_control": None}, [("Server a", "pause", "bridge.flow_control is not set.")]),
        (
            {"bridge.flow_control": {"mode": "pfc", "classes": TWO_CLASSES, "headroom": "9KiB"}},
            [("Server a", "pause", "bridge.flow_control.mode is pfc, which takes no frames of pause.")],
        ),
        ({"nic.flow_control.obey": False}, [("Port b of the bridge", "pause", "b.nic.flow_control.obey is false.")]),
    ],
)
def test_control_frames_that_nobody_obeys_are_told_of(change, said):
    result = simulate(config_from_mapping(INCAST, change))
    found = [text for text in result.warnings if "nobody obeys" in text]
    assert found == [
        f"{who} sends control frames (flow control, {mode}), and nobody obeys them: {why}" for who, mode, why in said
    ]


@pytest.mark.parametrize(
    ("load", "flows", "is_told"),
    [
        (0.02, [["vf0", "vf1", "1Gbps"]], True),
        (0, [["vf0", "vf1", "1Gbps"]], True),  # it still sends
        ("saturate", [["vf0", "vf1", "1Gbps"]], False),
        (0.02, [["vf0", "vf1", "1Gbps"], ["vf1", "vf0"]], False),
    ],
)
def test_a_load_that_no_flow_follows_is_told(load, flows, is_told):
    workload = {"pattern": "flows", "flows": flows, "load": load}
    result = simulate(config_from_mapping({"nic": {"vfs": 2}, "workload": workload, "run": {"duration": "50us"}}))
    assert any(text.startswith("workload.load does nothing: ") for text in result.warnings) is is_told
