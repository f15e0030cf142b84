"""What is said beside the figures: which notes a demand and a configuration bring, and with which numbers."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hwmodel import limits
from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.limits_record import notes_of
from hwmodel.analytic.lone_frame import LoneFrame, Way
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Lost, Offered, nothing_of
from hwmodel.config import load_config
from hwmodel.words.limits import IOTLB_MISSES, WITHOUT_SCENARIO, WITHOUT_WALKS

NOTHING = nothing_of(((1518, Fraction(1)),))
TWO = {"servers": [{"name": "a"}, {"name": "b"}]}
POLICE = {"action": "police", "rate": "2.5Gbps", "burst": "16KiB"}


def ceiling(resource="pcie.up"):
    return Ceiling(resource, "", "B", Fraction(1), Fraction(1))


def notes(changes=None, least="pcie.up", **demand):
    system = System.of(load_config("sriov_10g_gen2x4", changes or {}))
    return notes_of(system, replace(Demand(NOTHING, (), None), **demand), ceiling(least), Fraction(1), None)


def stream(name, mfps):
    return Offered(name, "vf0", NOTHING, None if mfps is None else Fraction(mfps) * 10**6)


def test_there_is_nothing_to_say_of_a_plain_adapter():
    assert notes() == ()
    assert notes(TWO) == ()


def test_a_scenario_is_no_part_of_the_figures():
    """An event at time 0 makes a run that of another configuration, but not its closed form."""
    for at in ("0ns", "1ms"):
        events = {"scenario": [{"at": at, "set": {"pcie.lanes": 1}}], "run.duration": "2ms"}
        changed, plain = (limits(load_config("sriov_10g_gen2x4", changes)) for changes in (events, {}))
        assert changed.notes == (*plain.notes, WITHOUT_SCENARIO) and WITHOUT_SCENARIO not in plain.notes
        assert changed.mpps == plain.mpps


def test_what_is_lost_is_said_by_reason():
    lost = (Lost("vf0", "vf1", "SAME_PORT", at_bridge=True), Lost("vf2", "broadcast", "VLAN_MEMBER", at_bridge=True),
            Lost("vf3", "vf3", "SAME_PORT"), Lost("vf1", "vf0", "SAME_PORT", at_bridge=True))  # fmt: skip
    first, second, third = notes({"bridge": {}}, lost=lost)
    assert first.startswith("The bridge ") and "vf0 to vf1, vf1 to vf0 (SAME_PORT)" in first and "hairpin" in first
    assert "vf2 to broadcast (VLAN_MEMBER)" in second and "VLAN" in second
    assert third.startswith("The adapter drops all frames from vf3 to vf3 (SAME_PORT)") and "self_loopback" in third


def test_a_port_that_limits_drops_the_rest():
    (note,) = notes(TWO, least="bridge.b")
    assert note.startswith("Above that bridge.b ") and "QUEUE_FULL" in note
    assert notes(TWO, least="b.wire.tx") == ()


def test_a_buffer_for_all_concerns_more_than_one_server():
    shared = {"bridge": {"sharing": "all"}}
    assert ["share its buffer" in note for note in notes({**TWO, **shared})] == [True]
    assert notes(shared) == ()


@pytest.mark.parametrize(("passing", "words"), [
    (None, ("Not counted", "bridge.policy[1]", "2.5 Gb/s")),
    (Fraction(1, 3), ("bridge.policy[1]", " 33.3 % ", "2.5 Gb/s", "RATE_LIMITED")),
    (Fraction(1), None),
])  # fmt: skip
def test_what_policers_let_pass(passing, words):
    policy = [{"port": "outside", "action": "deny"}, {"port": "a.vf0", **POLICE}]
    found = notes({**TWO, "bridge": {"policy": policy}}, policed=(((0, 1), passing),))
    if words is None:
        assert found == ()
    else:
        (note,) = found
        assert all(word in note for word in words)


@pytest.mark.parametrize("flows", [[["vf0", "vf1"]], [["vf0", "vf1"], ["uplink", "vf2", "9Gbps"]]])
def test_page_walks_are_said_to_be_counted_where_they_are(flows):
    """They hold for the frames asked for, and are no part of a mix that is sought."""
    changes = {
        "host.iotlb": {"entries": 8, "miss": "1us", "walkers": 1},
        "workload": {"pattern": "flows", "flows": flows},
    }
    found = limits(load_config("sriov_10g_gen2x8", changes))
    are_counted = any(one.resource == "host.walkers" for one in found.ceilings)
    assert are_counted == (len(flows) == 1)
    assert [note for note in found.notes if "IOMMU" in note or "walks" in note] == [
        IOTLB_MISSES if are_counted else WITHOUT_WALKS
    ]


def test_what_a_configuration_has_and_the_figures_lack():
    acl = [{"port": "vf0", "action": "deny"}]
    assert ["access list" in note for note in notes({"switch.acl": acl})] == [True]
    assert ["IOMMU" in note for note in notes({"host.iotlb": {"entries": 64, "miss": "330ns"}})] == [True]
    assert ["clock edge" in note for note in notes({"switch.timing": "core"})] == [True]
    jitter = {"kind": "uniform", "range": "100ns"}
    assert ["read latency" in note for note in notes({"host.jitter": jitter})] == [True]


def test_each_server_says_its_own():
    servers = [{"name": "a"}, {"name": "b", "set": {"switch.timing": "core"}}]
    (note,) = notes({"servers": servers})
    assert note.startswith("b: ")


def test_a_frame_alone_that_is_never_taken_is_said_of_its_receiver():
    servers = [{"name": "a"}, {"name": "b", "set": {"nic.rx_writeback_batch": 4, "driver.rx_interrupt_batch": 1}}]
    system = System.of(load_config("sriov_10g_gen2x4", {"servers": servers, "nic.writeback_timeout": None}))
    way = Way(1, 1514, copies=((1, 1514),), wire_bytes=1514, back_bytes=1514, to_part=1, to_wire=1)
    demand = Demand(NOTHING, (), None)
    (note,) = notes_of(system, demand, ceiling(), Fraction(1), LoneFrame("a.vf0", "b.vf0", 1518, way, "b.vf0"))
    assert "never taken: 4 descriptors" in note
    outward = LoneFrame("a.vf0", "uplink", 1518, replace(way, copies=(), to_part=2), "uplink")
    assert notes_of(system, demand, ceiling(), Fraction(1), outward) == ()
