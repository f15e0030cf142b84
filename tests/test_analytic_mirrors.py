"""Mirrored copies in the closed form: who gets them, what they cost, and that a run comes near."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.analytic.closed_form import limits
from hwmodel.analytic.routes import Router, mirrored_stations
from hwmodel.config import load_config
from tests.analytic_cases import demo
from tests.run_cases import measured


def test_mirrored_copies_cost_what_copies_cost_and_are_not_delivered():
    """One frame in eight is vf0's: its copy takes 6*24 + 1516 B up and the receiver's part of the batches.

    Batches of 8: write-back 152/8, interrupt 28/8, descriptor request 24/8 B up, 148/8 + 28/8 B down; for the TLPs of
    the other direction 4 B each: 2/8 down, 6 + 3/8 up.
    """
    plain, mirrored = limits(demo()), limits(demo({"switch.mirrors": [{"to": "vf3", "from": "vf0"}]}))
    up = Fraction(1660) + Fraction(152 + 28 + 24, 8) + 4 * Fraction(2, 8)
    down = Fraction(148 + 28, 8) + 4 * (6 + Fraction(3, 8))
    assert mirrored.up_bytes == plain.up_bytes + up / 8 == 1809 + 210.8125
    assert mirrored.down_bytes == plain.down_bytes + down / 8
    assert mirrored.as_offered.gbps == pytest.approx(plain.gbps * plain.up_bytes / mirrored.up_bytes)
    assert mirrored.gbps == pytest.approx(plain.gbps)  # where nothing is sent of what is mirrored
    assert mirrored.notes == plain.notes


@pytest.mark.slow
@pytest.mark.parametrize(
    "mirrors",
    [
        [{"to": "vf3", "from": "vf0"}],
        [{"to": "pf", "vlan": 1}],
        [{"to": "vf6", "from": "vf1", "direction": "egress"}, {"to": "vf0", "from": "uplink"}],
    ],
)
def test_a_saturated_run_with_mirrors_comes_near(mirrors):
    changes = {"switch.mirrors": mirrors, "workload.wire_share": 0.1, "run.duration": "3ms"}
    expected, found = limits(demo(changes)), measured(demo(changes))
    assert found.totals.gbps < expected.gbps
    expected = expected.as_offered or expected  # senders take equal turns
    assert expected.limited_by == "up"
    assert found.totals.mirrored > 500
    assert found.totals.gbps == pytest.approx(expected.gbps, rel=0.01)


OF_THE_WIRE = [{"to": "vf3", "from": "uplink"}]
TWO_TO_B = {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "4Gbps"], ["a.vf1", "b.vf1", "4Gbps"]]}


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        # A slow watcher loses copies, and holds nobody back.
        ({"switch.mirrors": [{"to": "vf3", "from": "vf0"}], "driver.vms": {"vf3": {"frame_time": "2us"}},
          "workload": {"pattern": "flows", "flows": [["vf0", "vf1"]]}}, 0.75, 1),
        # What of the wire's frames is mirrored is lost before the frames themselves.
        ({"switch.mirrors": OF_THE_WIRE, "pcie.lanes": 1,
          "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "3Gbps"]]}}, 0.65, 1),
        ({"servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 1, "switch.mirrors": OF_THE_WIRE}}],
          "bridge": {"announce": True}, "workload": TWO_TO_B}, 0.85, 1),
        # Elsewhere all that VMs send is mirrored, which takes its part of the link.
        ({"switch.mirrors": [{"to": "vf3", "from": "vf1", "direction": "egress"}], "pcie.lanes": 2,
          "workload": {"pattern": "flows", "flows": [["vf0", "vf1"], ["vf2", "vf1"]]}}, 0.995, 1.005),
    ],
)  # fmt: skip
def test_no_run_is_above_what_mirrors_leave(changes, least, most):
    common = {"driver.preset": "dpdk", "nic.vfs": 4, "run.duration": "4ms", "run.warmup": "1ms"}
    config = load_config("sriov_10g_gen2x8", {**common, **changes})
    assert least <= measured(config).totals.gbps / limits(config).gbps <= most


def test_who_gets_mirrored_copies():
    """By the rules of docs/forwarding.md, case by case."""
    mirrors = [
        {"to": "vf3", "from": "vf0"}, {"to": "vf3", "from": "vf1", "direction": "egress"}, {"to": "pf", "vlan": 7},
        {"to": "vf2", "from": "uplink"}, {"to": "vf4", "from": "uplink", "direction": "egress"},
    ]  # fmt: skip
    ports = [{"name": "vf5", "port_vlan": 7, "vlans": [7]}, {"name": "vf6", "port_vlan": 7, "vlans": [7]}]
    base = {"switch.mirrors": mirrors, "switch.ports": ports, "nic.preset": "XL710"}  # which has room for so many
    bridge = Router(demo(base))
    found = {ends: set(bridge.route(*ends).mirrored) for ends in (
        ("vf0", "vf1"), ("vf1", "vf0"), ("vf2", "vf1"), ("vf0", "vf3"), ("vf5", "vf6"), ("uplink", "vf1"),
        ("uplink", "vf2"), ("vf2", "uplink"), ("uplink", "vf6"),
    )}  # fmt: skip
    assert found == {
        ("vf0", "vf1"): {"vf3"}, ("vf1", "vf0"): set(), ("vf2", "vf1"): {"vf3"}, ("vf0", "vf3"): set(),
        ("vf5", "vf6"): {"pf"}, ("uplink", "vf1"): {"vf2", "vf3"}, ("uplink", "vf2"): set(),
        ("vf2", "uplink"): {"vf4"}, ("uplink", "vf6"): {"pf", "vf2"},
    }  # fmt: skip
    vepa = Router(demo({**base, "switch.mode": "vepa"}), adjacent_bridge_reflects=True)
    assert sorted(vepa.route("vf0", "vf1").mirrored) == ["vf2", "vf3", "vf3", "vf4"]
    tagged = Router(demo({**base, "switch.mode": "vn_tag"}))
    assert tagged.route("vf5", "vf6").mirrored == ("vf4",)
    unwatched = {"switch.ports": [{"name": "vf3", "enabled": False}], "workload.pattern": "ring"}
    disabled = Router(demo({**base, **unwatched}))
    assert disabled.route("vf0", "vf1").mirrored == ()


def test_a_mirror_of_a_vlan_sees_the_frame_of_each_pass():
    config = demo({"switch.mirrors": [{"to": "vf3", "vlan": 1}]})
    ends = config, "vf0", "vf1", ("vf1",)
    assert mirrored_stations(*ends, to_wire=False, comes_back=False) == ["vf3"]
    assert mirrored_stations(*ends, to_wire=True, comes_back=True) == ["vf3", "vf3"]
    assert mirrored_stations(config, "vf0", "vf3", ("vf3",), to_wire=False, comes_back=False) == []
