"""From a configuration to the switch's tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    MULTICAST,
    OUTSIDE,
    AclEntry,
    Address,
    EcidList,
    Mirror,
    Uplink,
    c_tag,
    frame,
    mac,
    switch,
)
from hwmodel.config import config_from_mapping
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.port_set import MAX_PORTS, PORT_SET
from hwmodel.forwarding.tables import (
    KIND_SHIFT,
    LOOKUP_SLOTS,
    RESERVED_VID,
    VLAN_MAC,
    VLAN_SHIFT,
)
from hwmodel.rules.capacities import MAX_ACL_ENTRIES, MAX_LOOKUP_ENTRIES, MAX_MIRRORS
from hwmodel.rules.switch_modes import DEFAULT_S_VID
from hwmodel.simulation.fill.switch_tables import build_buckets, build_tables, port_list, port_numbers
from tests.forwarding_bench import (
    Bench,
)


def mapping(**keys):
    return config_from_mapping(
        {"nic": {"vfs": 3, "strict": False}, "workload": {"pattern": "ring"}, "switch": keys}
    ).switch


def device(stations=None, **keys):
    """Give the stand-in for a switch with the defaults of a device, whose PF is no guest."""
    pf = {"spoof_check": False, "vlan_spoof_check": False, "trusted": True}
    return switch(stations={"pf": pf, **(stations or {})}, **{"promiscuous": "from_wire", **keys})


class TestRealConfigurations:
    """The stand-ins of the other tests give the same tables as the configuration does."""

    def test_the_defaults(self):
        assert build_tables(mapping()).tobytes() == build_tables(device()).tobytes()

    def test_every_key_that_the_decision_uses(self):
        config = mapping(
            promiscuous="all",
            lookup="mac",
            uplink={"native_vlan": None, "vlans": [1, 2], "pvlan": {"community": 9}},
            ports=[
                {
                    "name": "vf1", "macs": ["02:00:00:00:11:11"], "port_vlan": 2, "vlans": [2, 3], "untagged": [3],
                    "admit": "tagged", "spoof_check": False, "loopback": False, "self_loopback": True,
                    "accept": ["multicast"], "groups": ["01:00:5e:01:02:03"], "promiscuous": True, "default": True,
                    "trusted": True, "enabled": True, "max_frame": "9018B", "ethertype_filter": False,
                    "default_priority": 5, "vif": 77, "ecid": 78, "vlan_spoof_check": True, "pvlan": "isolated",
                },
                {"name": "vf2", "enabled": False, "pvlan": {"community": 9}},
            ],
            addresses=[{"vlan": 2, "mac": "02:ee:00:00:00:10", "ports": ["vf0", "pf"]}],
            mirrors=[{"to": "vf2", "from": "uplink", "direction": "egress"}, {"to": "pf", "vlan": 3}],
            acl=[
                {"port": "vf0", "source": "02:00:00:00:00:02", "vlan": 1, "ethertype": "0x0806", "action": "priority",
                 "priority": 4},
                {"destination": "ff:ff:ff:ff:ff:ff", "action": "police", "rate": "1Gbps", "burst": "64KiB"},
            ],
        )  # fmt: skip
        vf1 = {
            "macs": (0x0200_0000_1111,), "port_vlan": 2, "vlans": (2, 3), "untagged": (3,), "admit": "tagged",
            "spoof_check": False, "loopback": False, "self_loopback": True, "accept": ("multicast",),
            "groups": (MULTICAST,), "promiscuous": True, "default": True, "trusted": True, "max_frame_bytes": 9018,
            "ethertype_filter": False, "default_priority": 5, "vif": 77, "ecid": 78, "pvlan": -1,
        }  # fmt: skip
        acl = (
            AclEntry("priority", "vf0", source=mac("vf0"), vlan=1, ethertype=0x0806, priority=4),
            AclEntry("police", destination=BROADCAST, rate_bps=10**9, burst_bytes=65536),
        )
        same = device(
            stations={"vf1": vf1, "vf2": {"enabled": False, "pvlan": 9}},
            promiscuous="all",
            lookup="mac",
            uplink=Uplink(None, (1, 2), 9),
            addresses=(Address(2, OUTSIDE, ("vf0", "pf")),),
            mirrors=(Mirror("vf2", "uplink", "egress"), Mirror("pf", vlan=3)),
            acl=acl,
        )
        assert build_tables(config).tobytes() == build_tables(same).tobytes()
        assert build_buckets(config).tobytes() == build_buckets(same).tobytes()

    def test_lists_of_interfaces(self):
        vn_tag = mapping(mode="vn_tag", vif_lists={1: ["vf0", "vf1"]})
        same = device(mode="vn_tag", vif_lists={1: ("vf0", "vf1")})
        assert build_tables(vn_tag).tobytes() == build_tables(same).tobytes()
        e_tag = mapping(mode="e_tag", ecid_lists=[{"group": 1, "ecid": 5, "ports": ["vf0"]}])
        same = device(mode="e_tag", ecid_lists=(EcidList(1, 5, ("vf0",)),))
        assert build_tables(e_tag).tobytes() == build_tables(same).tobytes()

    def test_s_channels(self):
        config = mapping(
            mode="multichannel", s_channels={10: "veb", 20: "single"}, ports=[{"name": "vf0", "s_channel": 20}]
        )
        same = device(mode="multichannel", s_channels={10: "veb", 20: "single"}, stations={"vf0": {"s_channel": 20}})
        assert build_tables(config).tobytes() == build_tables(same).tobytes()


def test_the_order_of_the_entries_does_not_matter():
    assert build_tables(switch("vf1", "pf", "vf0")).tobytes() == build_tables(switch("pf", "vf0", "vf1")).tobytes()


def test_a_station_without_an_entry_is_disabled():
    tables = build_tables(switch("vf0", "vf5"))[0]
    assert port_list(tables.enabled) == [0, 2, 7]


def test_port_numbers():
    assert port_numbers(switch("pf", "vf0", "vf127")) == {"uplink": 0, "pf": 1, "vf0": 2, "vf127": 129}


@pytest.mark.parametrize("ports", [[], [0], [129], [46, 47, 48, 49, 95, 96, 97], list(range(MAX_PORTS))])
def test_port_list_reads_all_words(ports):
    array = np.zeros(1, PORT_SET).view(np.recarray)
    array[0].word[:] = [sum(1 << p % 48 for p in ports if p // 48 == word) for word in range(3)]
    assert port_list(array[0]) == ports


def test_the_uplink_carries_all_vlans_but_the_reserved_one():
    tables = build_tables(switch())[0]
    carried = [vlan for vlan in range(4096) if tables.vlan[vlan].members.word[0] & 1]
    assert carried == list(range(1, RESERVED_VID))


class TestLookup:
    def test_holds_a_full_table(self):
        n_own = 4
        macs = [0x0200_0100_0000 + i for i in range(MAX_LOOKUP_ENTRIES - n_own)]
        bench = Bench(switch(addresses=tuple(Address(1, each, ("vf2",)) for each in macs)))
        assert bench.tables[0].lookup.n_entries == MAX_LOOKUP_ENTRIES
        for each in (macs[0], macs[3000], macs[-1]):
            assert set(bench.send("vf0", frame(each, "vf0")).deliver) == {"vf2"}
        assert set(bench.send("vf0", frame(macs[-1] + 1, "vf0")).deliver) == {"uplink"}
        assert set(bench.send("vf0", frame("vf1", "vf0")).deliver) == {"vf1"}

    def test_addresses_that_collide_are_found_one_after_the_other(self):
        """All share the last slot but two, so the walk passes the end of the table."""
        key = VLAN_MAC << KIND_SHIFT | 1 << VLAN_SHIFT
        first = (LOOKUP_SLOTS - 2 - key) % LOOKUP_SLOTS + LOOKUP_SLOTS * 0x4_0000
        macs = [first + i * LOOKUP_SLOTS for i in range(40)]
        config = switch(addresses=tuple(Address(1, each, (f"vf{i % 3}",)) for i, each in enumerate(macs)))
        assert {(key + each) % LOOKUP_SLOTS for each in macs} == {LOOKUP_SLOTS - 2}
        bench = Bench(config)
        for i, each in enumerate(macs):
            assert set(bench.send("pf", frame(each, "pf")).deliver) == {f"vf{i % 3}"}
        assert set(bench.send("pf", frame(macs[-1] + LOOKUP_SLOTS, "pf")).deliver) == {"uplink"}

    def test_a_station_with_many_vlans_takes_one_entry(self):
        vlans = tuple(range(1, 4095))
        everywhere = {"vlans": vlans, "port_vlan": 4000, "untagged": (4000,)}
        names = ("pf", *(f"vf{k}" for k in range(128)))
        bench = Bench(switch(*names, stations=dict.fromkeys(names, everywhere)))
        assert bench.tables[0].lookup.n_entries == 129
        assert set(bench.send("vf0", frame("vf127", "vf0", c_tag(4094))).deliver) == {"vf127"}


def test_full_tables_work():
    acl = (*(AclEntry("deny", "pf"),) * (MAX_ACL_ENTRIES - 1), AclEntry("deny", "vf0"))
    mirrors = (*(Mirror("pf", "vf2"),) * (MAX_MIRRORS - 1), Mirror("vf2", "vf0"))
    found = Bench(switch(acl=acl, mirrors=mirrors)).send("vf0", frame("vf1", "vf0"))
    assert (found.drop, set(found.mirrored)) == ("ACL_DENY", {"vf2"})


def test_stations_without_an_s_channel_are_in_the_default_one():
    tables = build_tables(switch(mode="multichannel", stations={"vf0": {"s_channel": 10}}, s_channels={10: "veb"}))[0]
    channels = {int(tables.channel[i].s_vid): port_list(tables.channel[i].members) for i in range(tables.n_channels)}
    assert channels == {DEFAULT_S_VID: [0, 1, 3, 4], 10: [0, 2]}


def test_drop_reasons_are_distinct_8_bit_numbers():
    numbers = [reason.value for reason in DropReason]
    assert len(set(numbers)) == len(DropReason.__members__)
    assert all(0 <= number <= 255 for number in numbers)
    assert DropReason.NONE == 0


def test_all_drop_reasons_have_a_number():
    names = (
        "NONE PORT_DISABLED BAD_FRAME RUNT OVERSIZE BAD_SOURCE CONTROL_FRAME SPOOFED_MAC FORBIDDEN_TAG VLAN_ADMIT "
        "VLAN_MEMBER ACL_DENY RATE_LIMITED SAME_PORT NO_DESTINATION UNKNOWN_UNICAST VNTAG_MISSING VNTAG_VERSION "
        "VNTAG_DIRECTION VNTAG_UNKNOWN_VIF ETAG_MISSING ETAG_UNKNOWN_ECID STAG_UNKNOWN QUEUE_FULL TX_RING_FULL "
        "RX_BUFFER_FULL NO_DESCRIPTOR LINK_DOWN FUNCTION_RESET PVLAN PORT_SECURITY "
        "RECEIVE_LIMIT ARP_GUARD DHCP_GUARD ND_GUARD IP_GUARD"
    )
    assert " ".join(DropReason.__members__) == names


def test_the_documentation_has_the_same_numbers():
    text = (Path(__file__).parent.parent / "docs" / "forwarding.md").read_text()
    documented = {name: int(number) for number, name in re.findall(r"\| (\d+) \| ([A-Z_]{4,}) (?=\|)", text)}
    assert documented == {reason.name: reason.value for reason in DropReason if reason != DropReason.NONE}
