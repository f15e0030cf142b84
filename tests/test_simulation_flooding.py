"""A bridge that floods is told of: whose addresses it cannot know, and which key helps."""

from __future__ import annotations

import dataclasses

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import FlowResult
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.setting_warnings import flooding_warnings, silent_stations
from tests.sample_system import sample_system

TWO = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {"kind": "learning"}, "nic": {"vfs": 2}}


def warnings_of(flows, config=None, **of_bridge):
    result = sample_system(flows=tuple(flow(*one) for one in flows))
    bridge = dataclasses.replace(result.bridges[0], **of_bridge)
    stations = tuple(dataclasses.replace(result.vms[0], name=f"{name}.vf{at}") for name in "ab" for at in range(2))
    result = dataclasses.replace(result, bridges=(bridge,), vms=stations)
    config = config_from_mapping({**TWO, **(config or {})})
    return list(flooding_warnings(config, result)), silent_stations(config, result)


def flow(sender, target, offered=100):
    return FlowResult(from_=sender, to=target, offered=offered, delivered=offered, gbps=1.0, mpps=0.1)


def test_a_station_that_never_sends_is_named_with_the_key_that_helps():
    warnings, silent = warnings_of([("a.vf0", "b.vf0")])
    assert silent == ["b.vf0"]
    assert warnings == [
        "b.vf0 sends nothing over the bridge, so that its address is never learned; 4,000 frames (100.0 % of those "
        "that the bridge forwarded) were to addresses that it did not know, and went to every port of their VLAN. "
        "With bridge.announce true the servers' stations are in its table from the start."
    ]


def test_three_are_named_the_busiest_first_and_the_rest_counted():
    flows = [("uplink", "b.vf0", 5), ("uplink", "b.vf1", 9), ("uplink", "a.vf0", 7), ("uplink", "a.vf1", 6)]
    warnings, silent = warnings_of(flows)
    assert silent == ["b.vf1", "a.vf0", "a.vf1", "b.vf0"]
    assert warnings[0].startswith(
        "b.vf1, a.vf0, a.vf1 and 1 more send nothing over the bridge, so that their addresses"
    )


def test_those_outside_are_told_in_words_and_no_key_helps():
    warnings, silent = warnings_of([("a.vf0", "uplink")])
    assert silent == ["uplink"]
    assert warnings[0].startswith("The stations outside send nothing over the bridge, so that their addresses are")
    assert "announce" not in warnings[0]


def test_who_sends_only_inside_its_adapter_is_not_known_either():
    flows = [("a.vf0", "b.vf0"), ("b.vf0", "b.vf1"), ("b.vf1", "b.vf0")]
    assert warnings_of(flows)[1] == ["b.vf0"]
    assert warnings_of(flows, {"switch": {"mode": "vepa"}})[1] == []


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"not_learned": 7}, "The bridge's table was full (bridge.table), an address was not learned 7 times; "),
        ({"aged": 3}, "Stations sent so rarely that the bridge forgot an address 3 times (bridge.ageing); "),
        ({}, "Stations had sent nothing over the bridge when frames to them came; "),
    ],
)
def test_where_all_send_another_reason_is_told(counts, words):
    warnings, silent = warnings_of([("a.vf0", "b.vf0"), ("b.vf0", "a.vf0")], **counts)
    assert silent == [] and warnings[0].startswith(words)


def test_stations_that_the_bridge_knew_at_the_start_are_not_said_to_be_unknown():
    """With `announce` only those outside are silent to it; what a full table or ageing took is told so."""
    flows, announced = [("a.vf0", "b.vf0"), ("a.vf0", "uplink")], {"bridge": {"announce": True}}
    (outside,), _ = warnings_of(flows, announced)
    assert outside.startswith("The stations outside send nothing over the bridge, so that their addresses are never")
    (aged,), _ = warnings_of(flows[:1], announced, aged=3)
    assert aged.startswith("Stations sent so rarely that the bridge forgot an address 3 times (bridge.ageing); ")


def test_a_full_table_is_told_beside_who_is_silent():
    (warning,), _ = warnings_of([("a.vf0", "b.vf0")], not_learned=1)
    assert warning.startswith(
        "b.vf0 sends nothing over the bridge, so that its address is never learned; the bridge's table was full "
        "(bridge.table), an address was not learned 1 time; 4,000 frames"
    )


def test_little_flooding_and_a_bridge_that_knows_all_are_not_warned_of():
    flows = [("a.vf0", "b.vf0")]
    assert len(warnings_of(flows, flooded_frames=41)[0]) == 1  # of 4,000
    assert warnings_of(flows, flooded_frames=40)[0] == []
    assert warnings_of(flows, kind="controlling")[0] == []


def test_a_run_warns_and_the_key_that_it_names_ends_it():
    run = {"workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "1Gbps"]]}, "run": {"duration": "1ms"}}
    silent = simulate(config_from_mapping({**TWO, **run}))
    assert sum("b.vf0 sends nothing over the bridge" in text for text in silent.warnings) == 1
    assert silent.bridges[0].flooded_frames == silent.bridges[0].forwarded_frames > 0
    known = simulate(config_from_mapping({**TWO, **run, "bridge": {"kind": "learning", "announce": True}}))
    assert known.bridges[0].flooded_frames == 0
    assert not any("flood" in text or "bridge" in text for text in known.warnings)


def test_the_cure_says_what_else_it_needs():
    """One place in the table, and addresses that are forgotten after 1 us: announced ones fare no better."""
    config = {
        "servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "run": {"duration": "1ms"},
        "bridge": {"table": 1, "ageing": "1us"}, "workload": {"pattern": "ring", "load": "500Mbps"},
    }  # fmt: skip
    (warning,) = (each for each in simulate(config_from_mapping(config)).warnings if "announce" in each)
    assert warning.endswith("as far as bridge.table has room and bridge.ageing lets them stay.")


def test_stations_in_other_vlans_than_their_senders_are_named():
    """vf0 and vf1 of a are in VLAN 10 of the bridge, b.vf0 in 20: there their addresses are unknown."""
    vlans = {name: {"port_vlan": vlan, "vlans": [vlan]} for name, vlan in (("vf0", 101), ("vf1", 10))}
    servers = [
        {"name": "a", "set": {f"switch.ports.{name}": keys for name, keys in vlans.items()}},
        {"name": "b", "set": {"switch.ports.vf0": {"port_vlan": 20, "vlans": [20]}}},
    ]
    own = {"servers": servers, "bridge": {"announce": True, "ports": {"a": {"translate": {101: 10}}}}}
    (inside,), _ = warnings_of([("a.vf0", "a.vf1")], own)
    assert "in other VLANs" not in inside
    (warning,), _ = warnings_of([("b.vf0", "a.vf0"), ("a.vf0", "a.vf1")], own)
    assert warning.startswith("a.vf0 is in other VLANs of the bridge than some who send there; ")


def test_who_announced_itself_is_not_said_to_be_unknown_for_its_silence():
    # Wires with two native VLANs carry frames into another VLAN, where no announcement has been.
    warnings, silent = warnings_of([("a.vf0", "b.vf0")], {"bridge": {"announce": True}})
    assert silent == ["b.vf0"]
    assert warnings == [
        "Frames came in VLANs in which the stations that they are for had not announced themselves; 4,000 frames "
        "(100.0 % of those that the bridge forwarded) were to addresses that it did not know, and went to every port "
        "of their VLAN."
    ]
