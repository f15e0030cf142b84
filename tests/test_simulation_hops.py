"""Headers in the bridge: the tags with which copies leave, byte by byte, and their priority (docs/bridge.md)."""

import pytest

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.simulation.bridge_ports import LogicalPort
from hwmodel.simulation.hops import Hop, Inside, Way, priority_of
from hwmodel.wire.tags import ETag, VlanTag, VnTag, parse_header

TO, FROM = "020000000002", "020000000001"
C_TAG, S_TAG = "8100" + "6007", "88a8" + "b014"  # priority 3, VLAN 7; priority 5, drop eligible, VLAN 20
E_TAG = "893f" + "5005" + "0006" + "0000"  # priority 2, drop eligible, ingress 5, E-CID 6
VN_TAG = "8926" + "00000001"
IP = "0800"


def parsed(tags=""):
    return parse_header(bytes.fromhex(TO + FROM + tags + IP))


def port(untagged):
    return LogicalPort(0, 0, "a", "veb", None, False, 1, range(1, 4095), untagged)


def inside(tags="", vlan=7, pcp=3, dei=0):
    return Inside(parsed(tags), vlan, pcp, dei, 60, "a.vf0", "b.vf0")


@pytest.mark.parametrize(("tags", "expected"), [
    ("", (0, 0)), (C_TAG, (3, 0)), (S_TAG, (5, 1)), (E_TAG, (2, 1)), (VN_TAG, (0, 0)),
    (S_TAG + C_TAG, (3, 0)), (E_TAG + C_TAG, (3, 0)), (VN_TAG + C_TAG, (3, 0)),
])  # fmt: skip
def test_priority_is_that_of_the_inner_tag_first(tags, expected):
    assert priority_of(parsed(tags)) == expected


def test_a_copy_leaves_without_c_tag_where_its_vlan_is_the_native_one():
    assert inside(C_TAG).header(port([7]), None).hex() == TO + FROM + IP
    assert inside(C_TAG).header(port([1]), None).hex() == TO + FROM + C_TAG + IP


def test_a_frame_that_came_without_tag_gets_one_elsewhere():
    assert inside().header(port([1]), None).hex() == TO + FROM + C_TAG + IP
    assert inside(pcp=0, dei=1, vlan=4094).header(port([]), None).hex() == TO + FROM + "81001ffe" + IP


def test_the_outer_tag_is_that_of_the_way_out_alone():
    came = inside(S_TAG + C_TAG)
    assert came.header(port([7]), VnTag(direction=1, dvif=2)).hex() == TO + FROM + "8926" + "80020000" + IP
    assert came.header(port([1]), ETag(3, 0, ingress_ecid=1, ecid=2)).hex() == (
        TO + FROM + "893f" + "6001" + "0002" + "0000" + C_TAG + IP
    )
    # Outermost first.
    found = came.header(port([1]), VlanTag(3, 0, 30, 0x88A8)).hex()
    assert found == TO + FROM + "88a8601e" + C_TAG + IP


def test_hops_share_no_ways_unless_they_are_given_them():
    first, second = Hop(0), Hop(1)
    first.flood.append(Way(1, 1, 0, -4))
    assert second.flood == []
    assert (second.reason, second.source, second.target, second.policer) == (DropReason.NONE, NOBODY, NOBODY, NOBODY)
    assert second.home is None
