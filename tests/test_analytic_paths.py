"""The ways of frames over the bridge, worked out from docs/bridge.md: who gets them, with which tags, what drops."""

import pytest

from hwmodel.analytic.paths import Paths
from hwmodel.analytic.system import System
from hwmodel.config import load_config

CONTROLLED = {"bridge": {"kind": "controlling"}}
TWO = {"servers": [{"name": "a"}, {"name": "b"}]}
CHANNELS = {"switch.mode": "multichannel", "switch.s_channels": {10: "vepa", 20: "veb"}, "switch.ports": [
    {"name": "vf0", "s_channel": 10}, {"name": "vf1", "s_channel": 10}, {"name": "vf2", "s_channel": 20}]}  # fmt: skip
VLAN_10 = {"switch.ports": [{"name": "vf0", "port_vlan": 10, "vlans": [10]}]}


def paths(changes, flows=None):
    config = load_config("sriov_10g_gen2x4", {"nic.vfs": 3, "workload.pattern": "to_wire", "bridge": {}, **changes})
    return Paths(System.of(config), flows)


def way(changes, source, target, flows=None):
    """Give what the sender's adapter sends by its wire, in tag bytes, and the hops behind the bridge."""
    found = paths(changes, flows).path(source, target)
    hops = [(hop.part, hop.route.stations, hop.route.tag_bytes) for hop in found.hops]
    return (found.route.tag_bytes if found.route.to_wire else None), hops


OUT = (1, (), 0)  # of one server
OTHERS = ("pf", "vf1", "vf2")


@pytest.mark.parametrize(("changes", "ends", "sent", "hops"), [
    ({}, ("vf0", "vf1"), None, []),  # the adapter's own matter
    ({}, ("vf0", "uplink"), 0, [OUT]),
    ({}, ("uplink", "vf1"), 0, [(0, ("vf1",), 0)]),
    ({}, ("vf0", "broadcast"), 0, [OUT]),  # the adapter has made its copies
    ({"switch.mode": "vepa"}, ("vf0", "vf1"), 0, [(0, ("vf1",), 0)]),
    ({"switch.mode": "vepa"}, ("vf0", "broadcast"), 0, [(0, OTHERS, 0), OUT]),
    ({"switch.mode": "vepa"}, ("uplink", "broadcast"), 0, [(0, ("pf", "vf0", "vf1", "vf2"), 0)]),
    ({"switch.mode": "vn_tag", **CONTROLLED}, ("vf0", "vf1"), 6, [(0, ("vf1",), 6)]),
    ({"switch.mode": "e_tag", **CONTROLLED}, ("vf0", "vf1"), 8, [(0, ("vf1",), 8)]),
    ({"switch.mode": "e_tag", **CONTROLLED}, ("vf0", "uplink"), 8, [OUT]),
    ({"switch.mode": "e_tag", **CONTROLLED}, ("uplink", "vf1"), 0, [(0, ("vf1",), 8)]),
    # A group goes to the port once, with a list.
    ({"switch.mode": "vn_tag", **CONTROLLED}, ("vf0", "broadcast"), 6, [(0, OTHERS, 6), OUT]),
    (CHANNELS, ("vf0", "vf1"), 4, [(0, ("vf1",), 4)]),
    (CHANNELS, ("vf0", "vf2"), 4, [(0, ("vf2",), 4)]),
    (CHANNELS, ("vf2", "pf"), 4, [(0, ("pf",), 0)]),
    # Group copies by logical port: the default channel, 10 with its sender filtered out, 20, outside.
    (CHANNELS, ("vf0", "broadcast"), 4, [(0, ("pf",), 0), (0, ("vf1",), 4), (0, ("vf2",), 4), OUT]),
])  # fmt: skip
def test_one_server(changes, ends, sent, hops):
    if ends[0] == "uplink":
        assert way(changes, *ends)[1] == hops
    else:
        assert way(changes, *ends) == (sent, hops)


TO_B, OUT_OF_TWO = (1, ("vf0",), 0), (2, (), 0)


@pytest.mark.parametrize(("changes", "ends", "sent", "hops"), [
    (TWO, ("a.vf0", "b.vf0"), 0, [TO_B]),
    (TWO, ("a.vf0", "a.vf1"), None, []),
    (TWO, ("a.vf0", "broadcast"), 0, [(1, ("pf", "vf0", "vf1", "vf2"), 0), OUT_OF_TWO]),
    ({**TWO, "switch.mode": "vepa"}, ("a.vf0", "a.vf1"), 0, [(0, ("vf1",), 0)]),
    ({"servers": [{"name": "a", "set": {"switch.mode": "e_tag"}}, {"name": "b", "set": {"switch.mode": "vn_tag"}}],
      **CONTROLLED}, ("a.vf0", "b.vf0"), 8, [(1, ("vf0",), 6)]),
    # A VLAN that is not the native one has a C-TAG on each wire but on one whose native VLAN it is.
    ({**TWO, **VLAN_10}, ("a.vf0", "b.vf0"), 4, [(1, ("vf0",), 4)]),
    ({**VLAN_10, "servers": [{"name": "a"}, {"name": "b", "set": {"switch.uplink.native_vlan": 10}}]},
     ("a.vf0", "b.vf0"), 4, [TO_B]),
])  # fmt: skip
def test_two_servers(changes, ends, sent, hops):
    assert way(changes, *ends) == (sent, hops)


def test_s_channels_part_nobody_in_a_mode_without_them():
    for mode in ("veb", "vepa"):
        found = paths({**CHANNELS, "switch.mode": mode}).path("vf0", "vf2")
        assert (found.route.stations, [hop.route.stations for hop in found.hops]) == (
            (("vf2",), []) if mode == "veb" else ((), [("vf2",)])
        )


def test_an_address_that_never_sent_is_flooded():
    one_way, both = [("a.vf0", "b.vf0")], [("a.vf0", "b.vf0"), ("b.vf0", "a.vf0")]
    three = {"servers": [{"name": name} for name in "abc"]}
    # To all ports but its own; c's adapter has nobody for it, and its wire is taken all the same.
    assert way(three, "a.vf0", "b.vf0", one_way)[1] == [(1, ("vf0",), 0), (2, (), 0), (3, (), 0)]
    assert way(three, "a.vf0", "b.vf0", both)[1] == [(1, ("vf0",), 0)]
    announced = {**three, "bridge": {"announce": True}}
    assert way(announced, "a.vf0", "b.vf0", one_way)[1] == [(1, ("vf0",), 0)]
    # Nobody announces stations outside.
    assert way(announced, "a.vf0", "uplink", one_way)[1] == [(1, (), 0), (2, (), 0), (3, (), 0)]


def test_what_stays_in_the_adapter_teaches_nothing():
    inside = [("a.vf0", "b.vf0"), ("b.vf0", "b.vf1")]
    assert way(TWO, "a.vf0", "b.vf0", inside)[1] == [TO_B, OUT_OF_TWO]


def test_hairpin_floods_back_too():
    assert way({"switch.mode": "vepa"}, "vf0", "uplink", [("vf0", "uplink")])[1] == [(0, (), 0), OUT]


def test_a_promiscuous_station_takes_what_is_for_nobody():
    ports = {"nic.strict": False, "switch.ports": [{"name": "vf2", "promiscuous": True}]}
    assert way({**TWO, **ports}, "a.vf0", "uplink", [("a.vf0", "uplink")])[1] == [(1, ("vf2",), 0), OUT_OF_TWO]


@pytest.mark.parametrize(("changes", "flows", "lost", "n_hops"), [
    ({"bridge": {"ports": {"adapter": {"hairpin": False}}}}, None, "SAME_PORT", 0),
    ({"bridge": {"ports": {"adapter": {"hairpin": False}}}}, [("vf0", "vf1")], "", 1),  # unknown, so to outside
    ({"bridge": {"ports": {"adapter": {"hairpin": False}, "outside": {"vlans": [2]}}}}, [("vf0", "vf1")],
     "NO_DESTINATION", 0),
    ({"bridge": {"ports": {"adapter": {"vlans": [2]}}}}, None, "VLAN_MEMBER", 0),
    ({"bridge": {"ports": {"adapter": {"native_vlan": None}}}}, None, "VLAN_MEMBER", 0),
    ({"bridge": {"policy": [{"port": "vf0", "action": "deny"}]}}, None, "ACL_DENY", 0),
    ({"bridge": {"policy": [{"port": "vf1", "action": "deny"}, {"port": "outside", "action": "deny"}]}}, None, "", 1),
    # VLAN_MEMBER is asked before the policy.
    ({"bridge": {"ports": {"adapter": {"vlans": [2]}}, "policy": [{"action": "deny"}]}}, None, "VLAN_MEMBER", 0),
])  # fmt: skip
def test_what_the_bridge_drops(changes, flows, lost, n_hops):
    found = paths({"switch.mode": "vepa", **changes}, flows).path("vf0", "vf1")
    assert (found.lost, len(found.hops)) == (lost, n_hops)
    assert found.route.to_wire and found.part == 0


def test_the_first_entry_that_matches_decides():
    police = {"action": "police", "rate": "1Gbps", "burst": "16KiB"}
    policy = [{"port": "a.vf1", **police}, {"port": "a.vf0", "destination": "02:ff:00:00:00:01", "action": "deny"},
              {"port": "a.vf0", "vlan": 1, **police}, {"action": "deny"}]  # fmt: skip
    found = paths({**TWO, "bridge": {"policy": policy}})
    of_first, of_second = found.path("a.vf0", "b.vf0"), found.path("a.vf1", "b.vf0")
    assert (of_first.policers, of_second.policers) == (((0, 2, 0),), ((0, 0, 0),))
    assert not of_first.lost and len(of_first.hops) == 1
    assert found.path("b.vf0", "a.vf0").lost == "ACL_DENY"
    # What does not cross the bridge is not its policy's matter.
    assert found.path("b.vf0", "b.vf1").lost == ""


def test_the_policy_matches_addresses():
    system = System.of(load_config("sriov_10g_gen2x4", TWO))
    mac = f"{system.port('b.vf0').macs[0]:012x}"
    to_b = ":".join(mac[at : at + 2] for at in range(0, 12, 2))
    of_destination = paths({**TWO, "bridge": {"policy": [{"destination": to_b, "action": "deny"}]}})
    assert [of_destination.path("a.vf0", f"b.vf{n}").lost for n in (0, 1)] == ["ACL_DENY", ""]
    of_source = paths({**TWO, "bridge": {"policy": [{"source": to_b, "action": "deny"}]}})
    assert [of_source.path(*ends).lost for ends in (("b.vf0", "a.vf0"), ("a.vf0", "b.vf0"))] == ["ACL_DENY", ""]
    every = paths({**TWO, "bridge": {"policy": [{"destination": "ff:ff:ff:ff:ff:ff", "action": "deny"}]}})
    assert [every.path("a.vf0", to).lost for to in ("broadcast", "multicast")] == ["ACL_DENY", ""]


def test_tags_that_a_station_keeps():
    keeps = {"switch.ports": [{"name": "vf0", "port_vlan": 10, "vlans": [10], "untagged": []}]}
    (gets_bare,) = paths({**TWO, **VLAN_10}).path("a.vf0", "b.vf0").hops
    (gets_tagged,) = paths({**TWO, **keeps}).path("a.vf0", "b.vf0").hops
    assert (gets_bare.kept_bytes, gets_tagged.kept_bytes) == ((0,), (4,))


def test_without_a_bridge_the_wire_is_the_end():
    alone = Paths(System.of(load_config("sriov_10g_gen2x4", {"switch.mode": "vepa"})), None)
    found = alone.path("vf0", "vf1")
    assert alone.n_parts == 1 and found.route.to_wire and not found.hops and not found.route.stations


@pytest.mark.parametrize(("changes", "target", "hops"), [
    # What has another VLAN than the native one of the port outside was offered with its C-TAG.
    (VLAN_10, "b.vf0", [(1, ("vf0",), 0, (-4,))]),
    (VLAN_10, "b.vf1", [(1, ("vf1",), 0, (0,))]),
    ({}, "broadcast", [(0, ("pf", "vf0"), 0, (0, 0)), (1, ("pf", "vf0"), 0, (0, 0))]),
    # Without a native VLAN there each has one; it comes off where it is native.
    ({"bridge.ports.outside.native_vlan": None}, "b.vf0", [(1, ("vf0",), -4, (-4,))]),
    ({"bridge.ports.outside.native_vlan": None}, "broadcast",
     [(0, ("pf", "vf0"), -4, (-4, -4)), (1, ("pf", "vf0"), -4, (-4, -4))]),
    ({"bridge.ports.outside.vlans": [2]}, "b.vf0", []),
])  # fmt: skip
def test_frames_from_outside(changes, target, hops):
    some = {"switch.ports": [{"name": f"vf{n}", "accept": []} for n in (1, 2)]}
    found = paths({**TWO, **some, **changes}).path("uplink", target)
    assert [(hop.part, hop.route.stations, hop.route.tag_bytes, hop.kept_bytes) for hop in found.hops] == hops
    assert found.part == 2 and found.lost == ("" if hops else "VLAN_MEMBER")
    assert all((hop.route.from_wire, hop.route.to_wire) == (True, False) for hop in found.hops)


@pytest.mark.parametrize(("changes", "to_b"), [
    ({"switch.uplink.vlans": [1]}, ()),  # the adapter's uplink does not carry VLAN 10
    ({"switch.uplink.vlans": [1, 10]}, ("vf0",)),
])  # fmt: skip
def test_the_adapter_takes_what_its_uplink_carries(changes, to_b):
    servers = [{"name": "a"}, {"name": "b", "set": changes}]
    (hop,) = paths({**VLAN_10, "servers": servers}).path("a.vf0", "b.vf0").hops
    assert hop.route.stations == to_b


def test_untagged_frames_have_the_native_vlan_of_the_adapter():
    # The bridge sends VLAN 10 to b without a tag, whose uplink takes that for VLAN 1: vf1 is there, vf0 is not.
    ports = [{"name": "vf0", "port_vlan": 10, "vlans": [10]}, {"name": "vf1", "promiscuous": True}]
    unlike = {**TWO, "switch.ports": ports, "bridge.ports.b.native_vlan": 10}
    (hop,) = paths(unlike).path("a.vf0", "b.vf0").hops
    assert (hop.route.stations, hop.route.tag_bytes) == (("vf1",), 0)
    (to_nobody,) = paths({**unlike, "servers": [{"name": "a"}, {"name": "b", "set": {
        "switch.uplink.native_vlan": None}}]}).path("a.vf0", "b.vf0").hops  # fmt: skip
    assert to_nobody.route.stations == ()


def test_who_of_an_adapter_gets_a_group():
    ports = [{"name": "vf1", "port_vlan": 10, "vlans": [10]}, {"name": "vf2", "enabled": False}]
    (hop, _) = paths({**TWO, "switch.ports": ports}).path("a.vf0", "broadcast").hops
    assert hop.route.stations == ("pf", "vf0")
    by_list = {**TWO, "switch.mode": "vn_tag", **CONTROLLED, "switch.ports": ports}
    found = paths(by_list).path("a.vf0", "broadcast").hops
    assert [(one.part, one.route.stations) for one in found] == [(0, ("pf",)), (1, ("pf", "vf0")), (2, ())]
    deaf = {**by_list, "switch.ports": [{"name": "vf1", "accept": []}]}
    assert paths(deaf).path("a.vf0", "broadcast").hops[1].route.stations == ("pf", "vf0", "vf2")


def test_only_its_own_adapter_in_mode_vepa_leaves_the_sender_out():
    own, other, _ = paths({**TWO, "switch.mode": "vepa"}).path("a.vf0", "broadcast").hops
    assert own.route.stations == OTHERS and other.route.stations == ("pf", "vf0", "vf1", "vf2")
    hairpin = {"bridge.ports.adapter.hairpin": True}
    assert way(hairpin, "vf0", "broadcast")[1][0] == (0, ("pf", "vf0", "vf1", "vf2"), 0)
    assert way({**CHANNELS, **hairpin}, "vf2", "broadcast")[1][2] == (0, ("vf2",), 4)


def test_the_default_station_takes_what_is_for_nobody():
    ports = {"switch.ports": [{"name": "vf1", "default": True}]}
    assert way({**TWO, **ports}, "a.vf0", "uplink", [("a.vf0", "uplink")])[1] == [(1, ("vf1",), 0), OUT_OF_TWO]


def test_a_controlling_bridge_knows_who_never_sent():
    assert way({"switch.mode": "e_tag", **CONTROLLED}, "vf0", "vf1", [("vf0", "vf1")])[1] == [(0, ("vf1",), 8)]


@pytest.mark.parametrize(("entry", "denies"), [
    ({"port": "outside"}, False), ({"vlan": 1}, True), ({"vlan": 2}, False), ({"ethertype": 0x88B5}, True),
    ({"ethertype": 0x0800}, False), ({"destination": "ff:ff:ff:ff:ff:ff"}, False), ({"port": "a.vf0"}, True),
])  # fmt: skip
def test_what_entries_match(entry, denies):
    found = paths({**TWO, "bridge": {"policy": [{**entry, "action": "deny"}]}})
    assert (found.path("a.vf0", "b.vf0").lost == "ACL_DENY") is denies
    of_outside = entry["port"] == "outside" if "port" in entry else denies
    assert (found.path("uplink", "b.vf0").lost == "ACL_DENY") is of_outside


def test_only_an_entry_that_polices_is_a_policer():
    found = paths({**TWO, "bridge": {"policy": [{"action": "priority", "priority": 5}]}}).path("a.vf0", "b.vf0")
    assert found.policers == () and found.hops and not found.lost


def test_mirrors_of_what_comes_by_the_wire():
    by_port = {**TWO, **VLAN_10, "switch.mirrors": [{"to": "pf", "from": "vf0", "direction": "egress"}]}
    by_vlan = {**TWO, **VLAN_10, "switch.mirrors": [{"to": "pf", "vlan": 10}]}
    for changes, to, mirrored in ((by_port, "b.vf0", ("pf",)), (by_port, "b.vf1", ()), (by_vlan, "b.vf0", ("pf",)),
                                  (by_vlan, "b.vf1", ())):  # fmt: skip
        (hop,) = paths(changes).path("uplink", to).hops
        assert hop.route.mirrored == mirrored


def test_an_assumed_bridge_reflects():
    system = System.of(load_config("sriov_10g_gen2x4", {"switch.mode": "vepa", "bridge": {}}))
    found = Paths(system, None, True)
    route = found.path("vf0", "vf1").route
    assert found.n_parts == 1 and (route.stations, route.to_wire, route.from_wire) == (("vf1",), True, True)


def test_an_address_is_known_only_where_its_port_carries_the_vlan():
    """b's port carries VLAN 10 alone: what is for its station's VLAN 20 is for an address that nobody knows."""
    stations = [{"name": "vf0", "port_vlan": 20, "vlans": [10, 20]}]
    port_of_b = {"bridge": {"ports": {"b": {"vlans": [10], "native_vlan": 10}}}}
    found = paths({**TWO, **port_of_b, "switch.ports": stations}).path("a.vf0", "b.vf0")
    assert [(hop.part, hop.route.stations) for hop in found.hops] == [(2, ())]


IN_VLANS = [{"name": f"vf{k}", "port_vlan": 101 + k, "vlans": [101 + k], "accept": ["broadcast"]} for k in range(3)]
MADE_ONE = {"switch.ports": IN_VLANS, "bridge": {"ports": {"adapter": {"translate": {101: 10, 102: 10, 103: 10}}}}}


@pytest.mark.parametrize(("ends", "sent", "hops"), [
    (("vf0", "vf1"), 4, [(0, ("vf1",), 4)]),
    # By the port itself, which carries VLAN 10 too, then with the tag of each but its own.
    (("vf0", "broadcast"), 4, [(0, (), 4), (0, ("vf1",), 4), (0, ("vf2",), 4), (1, (), 4)]),
    (("uplink", "vf2"), None, [(0, ("vf2",), 0)]),  # comes with the tag of VLAN 10, which counts as offered
])  # fmt: skip
def test_translated_vlans(ends, sent, hops):
    found = way(MADE_ONE, *ends)
    assert found[1] == hops and sent in (None, found[0])


def test_a_translated_vlan_is_no_vlan_of_the_port_itself():
    """VLAN 101 of the bridge has no number on a wire where 101 stands for VLAN 10."""
    ports = [{"name": "vf0", "port_vlan": 101, "vlans": [101]}]
    bridge = {"bridge": {"ports": {"a": {"translate": {101: 10}}}}}
    to_a = paths({**TWO, **bridge, "switch.ports": ports}).path("b.vf0", "a.vf0")
    assert [(hop.part, hop.route.stations) for hop in to_a.hops] == [(2, ())]


# a and b behind fex1, c at the bridge; all have E-TAGs.
BELOW = {
    "servers": [{"name": name} for name in "abc"], "switch.mode": "e_tag",
    "bridge": {"kind": "controlling", "extenders": {"fex1": {}}, "ports": {name: {"behind": "fex1"} for name in "ab"}},
}  # fmt: skip


@pytest.mark.parametrize(("wants", "hops"), [
    ({"a": ["vf0"], "b": [], "c": []}, [(3, ())]),  # nobody but the sender: it goes outside alone
    ({"a": ["vf0"], "b": ["vf1"], "c": []}, [(0, ()), (1, ("vf1",)), (3, ())]),  # down to its sender's adapter too
    ({"a": ["vf0", "vf1"], "b": [], "c": ["vf2"]}, [(0, ("vf1",)), (2, ("vf2",)), (3, ())]),
    ({"a": [], "b": ["vf1"], "c": ["vf2"]}, [(1, ("vf1",)), (2, ("vf2",)), (3, ())]),
])  # fmt: skip
def test_groups_below_an_extender(wants, hops):
    servers = [
        {"name": name, "set": {f"switch.ports.{station}.accept": ["broadcast"] if station in wants[name] else []
                               for station in ("pf", "vf0", "vf1", "vf2")}}
        for name in "abc"
    ]  # fmt: skip
    found = paths({**BELOW, "servers": servers}).path("a.vf0", "broadcast")
    assert [(hop.part, hop.route.stations) for hop in found.hops] == hops
