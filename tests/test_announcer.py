"""Announcements of VMs: bytes by hand and as QEMU sends them, what tshark reads, rounds, who learns by them."""

from __future__ import annotations

import copy
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.agents.announcer import Announcer
from hwmodel.agents.of_config import agents_of
from hwmodel.config import config_from_mapping
from hwmodel.config.announcer import ROUNDS, Rounds
from hwmodel.config.check_announcer import announcements_of
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.wire.announcements import (
    gratuitous_arp,
    link_local_address,
    neighbour_advertisement,
    rarp,
)
from hwmodel.wire.control_words import told
from hwmodel.wire.internet import internet_checksum
from hwmodel.wire.pcap import PcapngWriter
from hwmodel.wire.tags import build_header
from tests.switch_cases import tshark_rows

MS = 1e6  # ns
OWN = 0x5254_0012_3456
BASE: dict[str, Any] = {
    "servers": [{"name": "a", "set": {"nic.mode": "vswitch", "host.virtual_switch.learning": {}}}, {"name": "b"}],
    "nic": {"vfs": 2},
    "driver": {"vms": {"pf": {"preset": "dpdk"}}},
    "bridge": {},
    "workload": {"pattern": "flows", "frame_bytes": 64, "arrivals": "periodic", "flows": [["b.vf0", "a.vf1", "1Mbps"]]},
    "run": {"warmup": "0ns", "duration": "1s", "clocks": "exact"},
    "agents": {
        "hyp": {"server": "a", "announcer": {"rarp": {}, "vms": {"a.vf1": {"at": "40ms"}}}},
    },
}  # fmt: skip


def changed(**paths: Any) -> dict[str, Any]:
    """Return BASE with values at paths like `agents__hyp__announcer__arp`; None takes a key out."""
    document = copy.deepcopy(BASE)
    for path, value in paths.items():
        *steps, last = path.split("__")
        here = document
        for step in steps:
            here = here.setdefault(step, {})
        if value is None:
            del here[last]
        else:
            here[last] = value
    return document


def run(document: dict[str, Any], **options: Any) -> Result:
    return simulate(config_from_mapping(document), **options)


def frame(one, source=OWN) -> bytes:
    return build_header(one.destination, source, one.ethertype) + one.body


def sent_ms(result: Result, words: str) -> list[float]:
    return [one.at_ns / MS for one in result.agent_actions if words in one.frame.get("says", "")]


def test_bytes_by_hand():
    """RARP as QEMU sends it (60 B, captured from announce-self); ARP and ND as the RFCs lay them out."""
    own = "525400123456"
    assert frame(rarp(OWN)) == bytes.fromhex(
        f"ffffffffffff {own} 8035 0001 0800 06 04 0003 {own} 00000000 {own} 00000000"
    ).ljust(60, b"\0")
    assert frame(gratuitous_arp(OWN, IPv4Address("10.0.0.9"))) == bytes.fromhex(
        f"ffffffffffff {own} 0806 0001 0800 06 04 0001 {own} 0a000009 000000000000 0a000009"
    )
    ip, nodes = "fe80000000000000505400fffe123456", "ff020000000000000000000000000001"
    assert link_local_address(OWN) == IPv6Address(bytes.fromhex(ip))
    advertised = frame(neighbour_advertisement(OWN, link_local_address(OWN)))
    assert advertised[:54] == bytes.fromhex(f"333300000001 {own} 86dd 60000000 0020 3a ff {ip} {nodes}")
    assert advertised[54:56] + advertised[58:] == bytes.fromhex(f"8800 20000000 {ip} 0201 {own}")
    assert len(advertised) == 86


def test_tshark_reads_them_without_complaint(tmp_path):
    frames = [
        frame(one)
        for one in (
            rarp(OWN), gratuitous_arp(OWN, IPv4Address("10.0.0.9")),
            neighbour_advertisement(OWN, IPv6Address("fd00::9")),
        )
    ]  # fmt: skip
    path = tmp_path / "announced.pcapng"
    with PcapngWriter(path, "a", "a port") as writer:
        writer.write_block([1, 2, 3], frames, [False] * 3, [*map(len, frames)])
    fields = ["arp.opcode", "arp.isgratuitous", "icmpv6.type", "icmpv6.checksum.status", "icmpv6.nd.na.target_address"]
    fields += ["icmpv6.opt.linkaddr", "_ws.malformed", "_ws.expert.severity"]
    found = [[value for value in row.values() if value] for row in tshark_rows(path, fields)]
    # 1: the checksum is good. ARP's remark that it is an announcement has a severity of its own kind: a note.
    assert found[0] == ["3"]
    assert found[1][0] == "1" and found[1][1] in ("1", "True")
    assert found[2] == ["136", "1", "fd00::9", "52:54:00:12:34:56"]


@given(st.binary(max_size=64).filter(lambda data: len(data) % 2 == 0))
def test_a_checksum_makes_the_sum_all_ones(data):
    """RFC 1071: with the checksum in it the sum of all words, by ones' complement, is 0xffff."""
    whole = int.from_bytes(data + internet_checksum(data).to_bytes(2, "big"), "big")
    assert whole % 0xFFFF == 0


@given(st.binary(max_size=100), st.sampled_from([0x8035, 0x0806, 0x86DD, 0x1234]))
def test_other_bytes_are_refused(data, ethertype):
    with pytest.raises(ValueError):
        told(ethertype, b"\xff" + data)


def test_rounds():
    """As QEMU 7.2's announce-self was captured: 0, 50, 200, 450, 800 ms; with max 150 gaps of 50, 150, 150, ..."""
    gaps = [ROUNDS["rarp"].gap_fs(number) // 10**12 for number in range(7)]
    assert gaps == [50, 150, 250, 350, 450, 550, 550]
    capped = ROUNDS["rarp"]._replace(most_gap_fs=150 * 10**12)
    assert [capped.gap_fs(number) // 10**12 for number in range(5)] == [50, 150, 150, 150, 150]
    assert Rounds(2, 5).gap_fs(9) == 5


def test_a_learning_bridge_and_a_learning_virtual_switch_learn_from_them():
    """b.vf0's frames are flooded to both VMs of a and the host there until a.vf1 is announced, and not from then on."""
    before, after = run(changed(agents=None)), run(BASE)
    assert sent_ms(after, "RARP") == pytest.approx([40, 90, 240, 490, 840])
    for result, until_s in ((before, 1), (after, 0.04)):
        of_bridge, of_switch = result.bridges[0], result.adapters[0].learned
        assert of_switch is not None
        n_flooded = until_s * 1e6 / (64 * 8)  # 1 Mb/s
        assert of_bridge.flooded_frames == pytest.approx(n_flooded, abs=2)
        assert of_switch.flooded_frames == pytest.approx(n_flooded, abs=2)


def test_all_three_and_their_bytes_on_the_wire(tmp_path):
    wire = str(tmp_path / "a.pcapng")
    document = changed(
        agents__hyp__announcer={"rarp": {"count": 1}, "arp": {"first_gap": "30ms"}, "nd": {"count": 1},
                                "vms": {"a.vf0": {"at": "10ms"}}},
        switch={"ports": [{"name": "vf0", "ips": ["10.9.9.9", "fd00::9"], "guards": ["arp", "nd", "ip"]}]},
        run__duration="50ms", workload__flows=[["a.vf1", "b.vf0", "10Kbps"]],
    )  # fmt: skip
    result = run(document, pcap_hops={"a": wire})
    said = [one.frame for one in result.agent_actions]
    assert [one["says"] for one in said] == [
        "RARP request: 02:00:00:00:00:02 is here", "ARP request: 02:00:00:00:00:02 has 10.9.9.9",
        "ND advertisement: 02:00:00:00:00:02 has fd00::9", "ARP request: 02:00:00:00:00:02 has 10.9.9.9",
    ]  # fmt: skip
    assert [one["frame_bytes"] for one in said] == [64, 46, 90, 46]
    fields = ["eth.src", "frame.len", "arp.src.proto_ipv4", "icmpv6.nd.na.target_address", "icmpv6.checksum.status"]
    rows = [row for row in tshark_rows(tmp_path / "a.pcapng", fields) if row["eth.src"] == "02:00:00:00:00:02"]
    assert [row["frame.len"] for row in rows] == ["60", "42", "86", "42"]
    assert [row["arp.src.proto_ipv4"] for row in rows] == ["0.0.0.0", "10.9.9.9", "", "10.9.9.9"]
    assert [row["icmpv6.nd.na.target_address"] for row in rows] == ["", "", "fd00::9", ""]
    assert result.totals.dropped_frames == 0


def test_what_an_agent_may_send_is_what_its_vms_have():
    """An agent in Python may tell it a VM's name, which has a dot and is no word of a file."""
    config = config_from_mapping(BASE)
    ((vm, kinds),) = announcements_of(config.agents["hyp"].announcer, config)
    ((hyp,), _) = agents_of(config)
    assert isinstance(hyp, Announcer)
    assert (vm, kinds) == ("a.vf1", {"rarp": rarp(0x0200_0000_0003)})
    assert [(one.sender, one.ethertype) for one in hyp.frames] == [("a.vf1", 0x8035)]


def test_guards_look_into_them():
    """Another's address: the function may have fd00::9 alone, and 10.9.9.9 not."""
    document = changed(
        agents__hyp__announcer={"arp": {"count": 3, "first_gap": "1ms"}, "rarp": {"count": 1},
                                "vms": {"a.vf0": {"at": "10ms"}}},
        switch={"ports": [{"name": "vf0", "ips": ["10.9.9.9"], "guards": ["arp"]}],
                "acl": [{"arp_sender_ip": "10.9.9.9", "action": "deny"}]},
        run__duration="50ms", workload__flows=[["a.vf1", "b.vf0", "10Kbps"]],
    )  # fmt: skip
    assert run(document).drops == {"ACL_DENY": 3}


def test_a_word_and_a_function_that_comes_up_begin_anew():
    """Told at 100 ms and 130 ms: the rounds of the first time are given up."""
    rules = [{"when": {"every": "100ms"}, "send": {"to": "hyp", "message": "started"}}]
    document = changed(
        agents__hyp__announcer={"rarp": {"count": 3}, "vms": {"a.vf1": {"message": "started"}}},
        agents__boss={"apart": True, "rules": rules},
        run__duration="260ms",
    )
    assert sent_ms(run(document), "RARP") == pytest.approx([100, 150, 200, 250])
    document = changed(
        agents__hyp__announcer={"rarp": {"count": 2}, "vms": {"a.vf0": {"up": True}}},
        run__duration="500ms",
        servers=[{"name": "a"}, {"name": "b"}],
        scenario=[{"at": "60ms", "unplug": "a.vf0"}, {"at": "120ms", "plug": "a.vf0"}],
        workload__flows=[["a.vf1", "b.vf0", "10Kbps"]],
    )
    first, second, third, fourth = sent_ms(run(document), "RARP")
    assert (first, second) == pytest.approx((0, 50), abs=0.1)
    assert 120 < third < 450 and fourth == pytest.approx(third + 50)


@pytest.mark.parametrize(("announcer", "said"), [
    ({"vms": {"a.vf0": {"at": "1ms"}}}, "agents.hyp.announcer: nothing is sent; say what, like rarp: {}"),
    ({"rarp": {}, "vms": {"b.vf0": {"at": "1ms"}}}, "there is no b.vf0 at its server"),
    ({"rarp": {}, "vms": {"a.vf0": {}}}, "it does not say when"),
    ({"rarp": {"count": 0}, "vms": {"a.vf0": {"at": "1ms"}}}, "agents.hyp.announcer.rarp.count"),
    ({"arp": {}, "vms": {"a.vf1": {"at": "1ms"}}}, "IPv4 address, and servers.a.set.switch.ports.vf1.ips has none"),
])  # fmt: skip
def test_what_a_file_may_not_say(announcer, said):
    with pytest.raises(InputError) as caught:
        config_from_mapping(changed(
            agents__hyp__announcer=announcer, switch={"ports": [{"name": "vf1", "ips": ["fd00::1"]}]},
        ))  # fmt: skip
    assert any(said in line for line in caught.value.lines), caught.value.lines


def test_what_an_agent_may_not_be_beside():
    for more in ({"vdp_station": {"by": "a.pf"}}, {"apart": True, "server": None}):
        document = changed()
        document["agents"]["hyp"].update(more)
        with pytest.raises(InputError):
            config_from_mapping(document)
