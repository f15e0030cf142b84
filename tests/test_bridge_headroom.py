"""Headroom where frames come over a bridge: what may come behind the mark, worked out by hand, and who obeys nobody."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.config import bridges_of, config_from_mapping, servers_of
from hwmodel.config.headroom import bridge_headroom_uses
from hwmodel.simulation import simulate
from tests.run_cases import merged

# b sends all it can to a, whose link takes a fifth of it. Frames of 1514 B without FCS take 12,304 bit times of a wire.
FLOODED = {
    "servers": [{"name": "a", "set": {"pcie.generation": 1, "pcie.lanes": 1}}, {"name": "b"}],
    "driver": {"preset": "dpdk"}, "nic": {"preset": "82599", "vfs": 1, "flow_control": {"mode": "pause"}},
    "bridge": {"announce": True, "flow_control": {"mode": "pause"}},
    "workload": {"pattern": "flows", "flows": [["b.vf0", "a.vf0"]], "frame_bytes": 1518},
    "run": {"warmup": "0ns", "duration": "2ms", "clocks": "exact"},
}  # fmt: skip

# One of 12,304 bit times that had begun, a control frame of 672, the delay of 55,144, 3 us there and back, and 7 us
# until a frame is counted: 198,120 bit times, in which 24,378 B come, beside two frames at either end: 27,406 B.
NEEDED = 27_406


@pytest.mark.parametrize(("lacks", "n_said"), [(0, 0), (2 * 1514, 1)])
def test_a_port_of_a_bridge_needs_headroom_for_its_wire_and_latency_too(lacks, n_said):
    headroom = NEEDED - lacks
    config = config_from_mapping(merged(FLOODED, {"bridge": {
        "propagation": "3us", "latency": "7us", "buffer": f"{8 * 1514 + headroom}B",
        "flow_control": {"mode": "pause", "headroom": f"{headroom}B", "low_water": "0B"},
    }}))  # fmt: skip
    uses = bridge_headroom_uses(bridges_of(config)[0], servers_of(config), bridges_of(config))
    assert [tuple(one) for one in uses] == [(None, headroom, NEEDED, name) for name in "ab"]
    result = simulate(config)
    assert bool(result.drops.get("QUEUE_FULL")) == bool(n_said)
    said = [text for text in result.warnings if "bridge.flow_control.headroom" in text]
    assert len(said) == n_said == sum(note.startswith("bridge: Port b has ") for note in limits(config).notes)
    assert all("port b has 24378B of headroom, and up to 27,406 B may come" in text for text in said)


def test_an_adapter_needs_headroom_for_the_wire_to_its_bridge_too():
    """Of 20 us a bit time each way: 12,304 + 672 + 55,144 + 400,000 bit times, 57,601 B, and two frames."""
    config = config_from_mapping(merged(FLOODED, {"bridge": {"propagation": "20us"}, "nic": {"rx_buffer": "64KiB"}}))
    result = simulate(config)
    assert result.drops["RX_BUFFER_FULL"] > 10
    said = "he Rx buffer has 17KiB of headroom, and up to 60,629 B may come from the wire behind the mark until the "
    assert any(text.startswith(f"servers.a.set.nic.flow_control.headroom: t{said}") for text in result.warnings)
    assert any(note.startswith(f"a: T{said}") and "it may lose frames" in note for note in limits(config).notes)


def test_stops_at_a_wire_to_a_bridge_without_flow_control_are_said_to_be_in_vain():
    """The right bridge stops the left one, which obeys nothing. Both ports of the wire are called trunk."""
    ports = {"a": {}, "trunk": {"to": "left.trunk"}}
    right = {"name": "right", "ports": ports, "announce": True, "flow_control": {"mode": "pause"}, "buffer": "64KiB"}
    left = {"name": "left", "ports": {"b": {}, "trunk": {}}, "announce": True}
    joined = {key: value for key, value in FLOODED.items() if key != "bridge"} | {"bridges": [left, right]}
    result = simulate(config_from_mapping(merged(joined, {"nic": {"rx_buffer": "64KiB"}})))
    assert (
        "Port trunk of bridge right sends control frames (flow control, pause), and nobody obeys them: "
        "bridges.left.flow_control is not set."
    ) in result.warnings
    text = result.summary(verbose=True)
    assert "Bridge port right.a: all frames stopped from below for " in text
    assert "Bridge port right.trunk: what came by it was over its mark for " in text


def test_classes_that_are_stopped_by_themselves_are_named_at_a_bridge():
    halves = {"classes": [{"percent": 50}, {"percent": 50}]}
    pfc = {"nic": {"arbitration": halves, "flow_control": {"mode": "pfc"}, "rx_buffer": "96KiB"},
           "bridge": {"flow_control": {"mode": "pfc", **halves}}}  # fmt: skip
    text = simulate(config_from_mapping(merged(FLOODED, pfc))).summary(verbose=True)
    assert "Bridge port a: class 0 stopped from below for " in text
