"""How a copy leaves: tagged or untagged, its priority, its length, its queue."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    AclEntry,
    Uplink,
    c_tag,
    frame,
    insert,
    strip,
    switch,
)
from hwmodel.forwarding.decide import output_queue
from tests.forwarding_bench import (
    Bench,
)

# vf0 sends in VLANs 1 and 7; vf1 gets both untagged, vf2 both tagged.
TRUNK = {"vlans": (1, 7)}
CONFIG = switch(
    stations={
        "vf0": TRUNK,
        "vf1": TRUNK | {"untagged": (1, 7)},
        "vf2": TRUNK | {"untagged": ()},
        "pf": {"vlans": (2,)},
    },
    uplink=Uplink(native_vlan=1),
)


def copies(raw, port="vf0", config=CONFIG):
    return Bench(config).send(port, raw).deliver


def test_an_untagged_frame_gets_a_tag_where_its_vlan_is_tagged():
    raw = frame(BROADCAST, "vf0")
    assert copies(raw) == {"uplink": raw, "vf1": raw, "vf2": insert(raw, c_tag(1))}


def test_a_tagged_frame_loses_its_tag_where_its_vlan_is_untagged():
    raw = frame(BROADCAST, "vf0", c_tag(7))
    assert copies(raw) == {"uplink": raw, "vf1": strip(raw, 4), "vf2": raw}


def test_the_native_vlan_leaves_the_uplink_untagged():
    raw = frame(BROADCAST, "vf0", c_tag(1))
    assert copies(raw)["uplink"] == strip(raw, 4)


def test_without_a_native_vlan_all_leave_the_uplink_tagged():
    config = switch(uplink=Uplink(native_vlan=None))
    raw = frame(OUTSIDE, "vf0")
    assert copies(raw, config=config) == {"uplink": insert(raw, c_tag(1))}


def test_priority_and_drop_eligibility_stay_with_a_tagged_frame():
    raw = frame(BROADCAST, "vf0", c_tag(7, 5, 1))
    assert copies(raw)["vf2"] == raw


def test_a_priority_tag_is_removed_or_gets_the_vlans_number():
    raw = frame(BROADCAST, "vf0", c_tag(0, 5, 1))
    plain = strip(raw, 4)
    assert copies(raw) == {"uplink": plain, "vf1": plain, "vf2": insert(plain, c_tag(1, 5, 1))}


def test_a_new_tag_has_the_ports_default_priority():
    config = switch(stations={"vf0": {"default_priority": 3}, "vf1": {"untagged": ()}})
    raw = frame("vf1", "vf0")
    found = Bench(config).send("vf0", raw)
    assert (found.deliver, found.priority) == ({"vf1": insert(raw, c_tag(1, 3))}, 3)


def test_untagged_frames_from_the_uplink_have_priority_0():
    config = switch(stations={"vf1": {"untagged": (), "default_priority": 3}})
    raw = frame("vf1", OUTSIDE)
    found = Bench(config).send("uplink", raw)
    assert (found.deliver, found.priority) == ({"vf1": insert(raw, c_tag(1, 0))}, 0)


def test_a_priority_from_the_access_list_shows_in_the_tag():
    config = switch(stations={"vf1": {"untagged": ()}}, acl=(AclEntry("priority", priority=6),))
    raw = frame("vf1", "vf0", c_tag(1, 2, 1))
    assert copies(raw, config=config) == {"vf1": insert(strip(raw, 4), c_tag(1, 6, 1))}


def test_a_vlan_may_be_untagged_at_a_port_whose_port_vlan_is_another():
    config = switch(stations={"vf0": {"vlans": (1, 7)}, "vf1": {"vlans": (1, 7), "port_vlan": 7, "untagged": (1,)}})
    assert copies(frame("vf1", "vf0"), config=config)["vf1"] == frame("vf1", "vf0")
    tagged = frame("vf1", "vf0", c_tag(7))
    assert copies(tagged, config=config)["vf1"] == tagged


def test_a_second_c_tag_stays_as_payload():
    raw = frame("vf1", "vf0", c_tag(7), c_tag(9, 3))
    assert copies(raw)["vf1"] == frame("vf1", "vf0", c_tag(9, 3), length=len(raw) - 4)


@pytest.mark.parametrize("length", [14, 18, 42, 59])
def test_the_switch_pads_nothing(length):
    raw = frame("vf1", "vf0", length=length)
    assert copies(raw)["vf1"] == raw


def test_the_longest_frame_may_leave_with_a_tag_more():
    raw = frame("vf2", "vf0", length=1514)
    assert len(copies(raw)["vf2"]) == 1518


@pytest.mark.parametrize(
    ("priorities", "queues"),
    [
        (1, [0, 0, 0, 0, 0, 0, 0, 0]),
        (2, [0, 0, 0, 0, 1, 1, 1, 1]),
        (4, [0, 0, 1, 1, 2, 2, 3, 3]),
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_output_queues_share_the_priorities_evenly(priorities, queues):
    assert [output_queue(priority, priorities) for priority in range(8)] == queues
