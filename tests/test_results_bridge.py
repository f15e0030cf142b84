"""What a result holds of a bridge: read from a document written out by hand, with planted faults."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.results.bridge import BridgePortResult, BridgeResult, missing_port
from tests.sample_system import reflected_result

PORT = {
    "name": "a", "in_frames": 1, "out_frames": 2, "in_gbps": 3.5, "out_gbps": None, "in_utilization": 0.25,
    "out_utilization": 0.5, "queue_mean_bytes": 6.5, "queue_max_bytes": 1518,
}  # fmt: skip
OUTSIDE = {**PORT, "name": "outside"}
BRIDGE = {
    "name": "bridge", "kind": "learning", "forwarded_frames": 11, "replicated_frames": 12, "flooded_frames": 13,
    "dropped_frames": 14, "drops": {"QUEUE_FULL": 9, "SAME_PORT": 5}, "addresses_known": 15, "learned": 16, "moved": 17,
    "aged": 18, "not_learned": 19,
}  # fmt: skip


def read(bridge):
    document = json.loads(reflected_result().to_json())
    document["bridges"] = [bridge]
    return Result.from_json(json.dumps(document), name="r.json").bridges[0]


def test_each_figure_is_read_into_the_field_of_its_name():
    ports = [{**PORT, "drops": {"ACL_DENY": 1}}, {**PORT, "name": "outside"}]
    found = read({**BRIDGE, "ports": ports})
    assert isinstance(found, BridgeResult)
    assert {name: getattr(found, name) for name in BRIDGE} == BRIDGE
    assert [isinstance(port, BridgePortResult) for port in found.ports] == [True, True]
    assert [{name: getattr(port, name) for name in PORT} for port in found.ports] == [PORT, {**PORT, "name": "outside"}]
    assert [dict(port.drops) for port in found.ports] == [{"ACL_DENY": 1}, {}]


def test_what_is_read_is_stored_with_the_same_figures():
    bridge = {**BRIDGE, "ports": [{**PORT, "drops": {}}, OUTSIDE]}
    stored = json.loads(reflected_result(bridges=(read(bridge),)).to_json())["bridges"][0]
    assert {name: stored[name] for name in BRIDGE} == BRIDGE
    assert {name: stored["ports"][0][name] for name in PORT} == PORT


@pytest.mark.parametrize("name", [*(name for name in BRIDGE), "ports"])
def test_no_figure_of_a_bridge_may_be_missing(name):
    bridge = {key: value for key, value in {**BRIDGE, "ports": [PORT]}.items() if key != name}
    with pytest.raises(InputError, match=rf"bridges\[0\]\.{name}: is missing"):
        read(bridge)


@pytest.mark.parametrize("name", PORT)
def test_no_figure_of_a_port_may_be_missing(name):
    port = {key: value for key, value in PORT.items() if key != name}
    with pytest.raises(InputError, match=rf"bridges\[0\]\.ports\[1\]\.{name}: is missing"):
        read({**BRIDGE, "ports": [PORT, port]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("in_frames", 1.5),
        ("queue_max_bytes", 0.5),
        ("queue_max_bytes", None),
        ("in_utilization", None),
        ("queue_mean_bytes", "much"),
        ("name", 3),
    ],
)
def test_rates_alone_may_be_null(name, value):
    """A window too short for rates has shares and depths all the same."""
    with pytest.raises(InputError, match=rf"bridges\[0\]\.ports\[0\]\.{name}: "):
        read({**BRIDGE, "ports": [{**PORT, name: value}, OUTSIDE]})
    assert read({**BRIDGE, "ports": [{**PORT, "in_gbps": None}, OUTSIDE]}).ports[0].in_gbps is None


@pytest.mark.parametrize(
    ("names", "lacking"), [(["a"], "'outside'"), (["outside"], "toward an adapter"), ([], "'outside'")]
)
def test_a_bridge_has_a_port_on_each_side(names, lacking):
    with pytest.raises(InputError, match=f"r.json:1:[0-9]+: bridges: expected a port {lacking}"):
        read({**BRIDGE, "ports": [{**PORT, "name": name} for name in names]})


@pytest.mark.parametrize(
    ("ports", "lacking"),
    [
        ([("bridge", "a"), ("bridge", "b")], ""),
        ([("bridge", "a")], "a port toward 'b'"),
        ([("bridge", "a"), ("bridge", "fex"), ("fex", "fex.uplink"), ("fex", "b")], ""),
        ([("bridge", "a"), ("fex", "fex.uplink"), ("fex", "b")], "a port toward 'fex'"),
        ([("bridge", "a"), ("bridge", "b"), ("fex", "fex.uplink")], "a port toward 'fex'"),
        ([("bridge", "a"), ("fex", "fex.uplink"), ("fex", "fex"), ("fex", "b")], "a port toward 'fex'"),
    ],
)
def test_each_server_and_each_extender_has_a_way_up(ports, lacking):
    found = [BridgePortResult(**{**PORT, "device": device, "name": name}) for device, name in ports]
    outside = BridgePortResult(**{**PORT, "name": "outside"})
    bridge = BridgeResult(**{**BRIDGE, "ports": (*found, outside)})
    assert missing_port([bridge], ["a", "b"]) == lacking


def test_a_result_is_not_changed_and_ports_share_no_drops():
    port, other = BridgePortResult(**PORT), BridgePortResult(**{**PORT, "name": "b"})
    assert port.drops == {} and port.drops is not other.drops
    with pytest.raises(dataclasses.FrozenInstanceError):
        port.in_frames = 2
    with pytest.raises(TypeError):
        BridgePortResult(*PORT.values())
