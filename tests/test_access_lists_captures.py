"""Rules behind the type on captures that scapy makes: tshark's filters for the same rules, the guards, and a run."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from scapy.all import (
    ARP,
    BOOTP,
    DHCP,
    ICMP,
    IP,
    LLC,
    SNAP,
    TCP,
    UDP,
    DHCP6_Advertise,
    Dot1Q,
    Dot3,
    Ether,
    ICMPv6EchoRequest,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    IPOption_NOP,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
    Raw,
)

from hwmodel import forward_frames, simulate
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from tests.run_cases import write_capture

ADAPTER = {"nic": {"preset": None, "vfs": 2}, "workload": {"pattern": "ring"}}
VF0, VF1, PF = "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:01"
OWN4, OWN6, OWN_LINK = "10.0.0.3", "fd00::3", "fe80::ff:fe00:2"
GUARDED = {"name": "vf0", "ips": [OWN4, OWN6], "guards": ["arp", "dhcp", "nd", "ip"]}


def ether(dst: str = VF1, **keys) -> Ether:
    return Ether(src=VF0, dst=dst, **keys)


def outcomes(switch: dict, frames: list, in_port: str = "vf0"):
    return forward_frames(config_from_mapping(ADAPTER | {"switch": switch}), [bytes(each) for each in frames], in_port)


# ---- tshark ----

RULES = {
    "ip.src == 10.0.0.0/30": {"source_ip": "10.0.0.0/30"},
    "ip.dst == 10.0.0.5": {"destination_ip": "10.0.0.5"},
    "ipv6.src == fd00::/64": {"source_ip": "fd00::/64"},
    "ipv6.dst == fe80::/10": {"destination_ip": "fe80::/10"},
    "tcp.dstport >= 22 && tcp.dstport <= 80": {"protocol": "tcp", "destination_port": "22-80"},
    "udp.srcport == 67 && udp.dstport == 68": {"protocol": "udp", "source_port": 67, "destination_port": 68},
    "udp": {"protocol": "udp", "source_port": "0-65535"},
    "ipv6 && tcp.srcport == 443": {"protocol": "tcp", "source_port": 443, "ethertype": "0x86DD"},
    "icmp.type == 8": {"protocol": "icmp", "icmp_type": 8},
    "icmpv6.type == 134": {"protocol": "icmpv6", "icmp_type": 134},
    "icmpv6.nd.ns.target_address == fd00::5 || icmpv6.nd.na.target_address == fd00::5": {
        "protocol": "icmpv6", "nd_target": "fd00::5",
    },
    "icmpv6.nd.na.target_address == fd00::/64": {"protocol": "icmpv6", "icmp_type": 136, "nd_target": "fd00::/64"},
    "arp.opcode == 2": {"arp_operation": "reply"},
    "arp.src.proto_ipv4 == 10.0.0.5": {"arp_sender_ip": "10.0.0.5"},
    "arp.dst.proto_ipv4 == 10.0.0.0/30": {"arp_target_ip": "10.0.0.0/30"},
    "arp.src.hw_mac == 02:00:00:00:00:03": {"arp_sender_mac": VF1},
    "ip.proto == 17 && ip.src == 10.0.0.5": {"protocol": 17, "source_ip": "10.0.0.5"},
}  # fmt: skip
V4, V6 = ("10.0.0.1", "10.0.0.3", "10.0.0.5", "10.1.0.1"), ("fd00::1", "fd00::5", "fe80::9", "fd01::1")


def drawn_frame(rng: random.Random) -> Ether:
    """Draw a well-formed frame of vf0; some have options, extension headers, a tag, or are a fragment."""
    to, link = rng.choice((VF1, PF, "ff:ff:ff:ff:ff:ff")), ether()
    link.dst = to
    if rng.random() < 0.3:
        link = link / Dot1Q(vlan=rng.choice((0, 1)), prio=3)
    kind = rng.choice(("arp", "v4", "v4", "v6", "v6"))
    ends = {"src": rng.choice(V4 if kind == "v4" else V6), "dst": rng.choice(V4 if kind == "v4" else V6)}
    if kind == "arp":
        return link / ARP(
            op=rng.choice((1, 2)), hwsrc=rng.choice((VF0, VF1)), psrc=rng.choice(V4), pdst=rng.choice(V4), hwdst=PF
        )
    ports = {"sport": rng.choice((22, 67, 443, 5001)), "dport": rng.choice((22, 68, 80, 5001))}
    upper = [TCP(**ports) / Raw(b"x" * 8), UDP(**ports) / Raw(b"x" * 16)]
    if kind == "v4":
        options = [IPOption_NOP()] * rng.choice((0, 0, 4))
        fragment = rng.choice(({}, {}, {}, {"flags": "MF"}, {"frag": 100}))
        upper.append(ICMP(type=rng.choice((0, 8))) / Raw(b"y" * 20))
        return link / IP(options=options, **ends, **fragment) / rng.choice(upper)
    target = rng.choice(V6)
    upper += [ICMPv6EchoRequest(), ICMPv6ND_RA(), ICMPv6ND_NS(tgt=target), ICMPv6ND_NA(tgt=target)]
    found = link / IPv6(hlim=255, **ends)
    if rng.random() < 0.25:
        found = found / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * rng.choice((4, 12)))])
    if rng.random() < 0.25:
        found = found / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
    if rng.random() < 0.15:
        found = found / IPv6ExtHdrFragment(m=0, offset=0, id=5)
    return found / rng.choice(upper)


def seen_by_tshark(path: Path, filters: Iterable[str]) -> Iterator[set[int]]:
    """Yield which frames of a capture, one a second, each filter takes: tshark counts each second's of all at once."""
    command = ["tshark", "-n", "-q", "-r", str(path), "-z", f"io,stat,1,{','.join(filters)}"]
    command += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("|")[2:-1:2] for line in done.stdout.splitlines() if "<>" in line]  # beside each the bytes
    for counts in zip(*rows, strict=True):
        yield {at for at, n_frames in enumerate(counts) if int(n_frames)}


def test_tshark_sees_in_the_same_frames_what_rules_look_for(tmp_path):
    rng = random.Random(11)
    frames = [bytes(drawn_frame(rng)) for _ in range(1500)]
    last = bytes(ether(type=0x88B5) / Raw(b"z" * 60))  # of no rule: the second before it holds the end as well
    path = write_capture(tmp_path / "drawn.pcap", [(at * 10**9, raw) for at, raw in enumerate([*frames, last])])
    for (text, rule), seen in zip(RULES.items(), seen_by_tshark(path, RULES), strict=True):
        found = outcomes({"acl": [rule | {"action": "deny"}]}, frames)
        dropped = {each.number for each in found if each.drop == "ACL_DENY"}
        assert dropped == seen, text
        assert len(dropped) > 10, text


# ---- Guards ----

ND = {"hlim": 255}
PASSING = {
    "its own ARP": ether() / ARP(op=2, hwsrc=VF0, psrc=OWN4),
    "a probe": ether("ff:ff:ff:ff:ff:ff") / ARP(hwsrc=VF0, psrc="0.0.0.0", pdst=OWN4),
    "a client of DHCP": ether() / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP() / DHCP(),
    "one that renews": ether() / IP(src=OWN4, dst="10.0.0.1") / UDP(sport=68, dport=67) / BOOTP(),
    "TCP": ether() / IP(src=OWN4, dst="10.0.0.9") / TCP(),
    "TCP of IPv6": ether() / IPv6(src=OWN6, dst="fd00::9") / TCP(),
    "from its address of the link": ether() / IPv6(src=OWN_LINK, dst="fe80::1") / UDP(sport=546, dport=547),
    "detection of duplicates": ether() / IPv6(src="::", dst="ff02::1:ff00:3", **ND) / ICMPv6ND_NS(tgt=OWN6),
    "a solicitation": ether() / IPv6(src=OWN_LINK, dst="ff02::1:ff00:9", **ND) / ICMPv6ND_NS(tgt="fd00::9"),
    "its advertisement": ether() / IPv6(src=OWN6, dst="ff02::1", **ND) / ICMPv6ND_NA(tgt=OWN6),
    "MLD": ether() / IPv6(src="::", dst="ff02::16") / IPv6ExtHdrHopByHop() / ICMPv6MLReport2(),
    "another protocol": ether(type=0x88B5) / Raw(b"z" * 60),
}
REFUSED = {
    "ARP for another": ("ARP_GUARD", ether() / ARP(op=2, hwsrc=VF0, psrc="10.0.0.1")),
    "ARP with another's address": ("ARP_GUARD", ether() / ARP(op=2, hwsrc=VF1, psrc=OWN4)),
    "ARP that ends": ("ARP_GUARD", bytes(ether() / ARP(hwsrc=VF0, psrc=OWN4))[:40]),
    "ARP behind two tags": ("ARP_GUARD", ether() / Dot1Q(vlan=0) / Dot1Q(vlan=0) / ARP(hwsrc=VF0, psrc="10.0.0.1")),
    "ARP in LLC/SNAP": ("ARP_GUARD", Dot3(src=VF0, dst=VF1) / LLC() / SNAP(code=0x0806) / ARP(psrc="10.0.0.1")),
    "an offer of DHCP": ("DHCP_GUARD", ether() / IP(src=OWN4) / UDP(sport=67, dport=68) / BOOTP(op=2)),
    "an offer from another port": ("DHCP_GUARD", ether() / IP(src=OWN4) / UDP(sport=999, dport=68) / BOOTP(op=2)),
    "the first fragment of one": ("DHCP_GUARD", ether() / IP(src=OWN4, flags="MF") / UDP(sport=67, dport=68) / BOOTP()),
    "DHCPv6": ("DHCP_GUARD", ether() / IPv6(src=OWN6) / UDP(sport=547, dport=546) / DHCP6_Advertise()),
    "a router": ("ND_GUARD", ether() / IPv6(src=OWN_LINK, dst="ff02::1", **ND) / ICMPv6ND_RA()),
    "a router behind extension headers": (
        "ND_GUARD",
        ether() / IPv6(src=OWN_LINK, **ND) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment() / ICMPv6ND_RA(),
    ),
    "a redirect": ("ND_GUARD", ether() / IPv6(src=OWN_LINK, **ND) / ICMPv6ND_Redirect(tgt="fd00::9", dst="fd00::8")),
    "another's advertisement": ("ND_GUARD", ether() / IPv6(src=OWN6, **ND) / ICMPv6ND_NA(tgt="fd00::9")),
    "a solicitation from another": ("ND_GUARD", ether() / IPv6(src="fd00::9", **ND) / ICMPv6ND_NS(tgt="fd00::1")),
    "a duplicate of another": ("ND_GUARD", ether() / IPv6(src="::", **ND) / ICMPv6ND_NS(tgt="fd00::9")),
    "a target that is not whole": ("ND_GUARD", bytes(ether() / IPv6(src=OWN6) / ICMPv6ND_NA(tgt=OWN6))[:70]),
    "another's address": ("IP_GUARD", ether() / IP(src="10.0.0.4") / TCP()),
    "another's later fragment": ("IP_GUARD", ether() / IP(src="10.0.0.4", frag=10, proto=17) / Raw(b"f" * 40)),
    "another's address of IPv6": ("IP_GUARD", ether() / IPv6(src="fd00::4") / TCP()),
    "no address": ("IP_GUARD", ether() / IP(src="0.0.0.0") / TCP()),
    "no header of IP": ("DHCP_GUARD", ether(type=0x0800) / Raw(b"\x45" * 12)),
}


def test_guards_let_pass_what_is_a_stations_own():
    found = outcomes({"ports": [GUARDED]}, list(PASSING.values()))
    assert {name: each.drop for name, each in zip(PASSING, found, strict=True)} == dict.fromkeys(PASSING)


def test_guards_drop_what_is_not_each_for_its_reason():
    frames = [raw for _, raw in REFUSED.values()]
    found = outcomes({"ports": [GUARDED]}, frames)
    expected = {name: reason for name, (reason, _) in REFUSED.items()}
    assert {name: each.drop for name, each in zip(REFUSED, found, strict=True)} == expected
    assert [each.drop for each in outcomes({"ports": [GUARDED | {"guards": []}]}, frames)] == [None] * len(frames)


def test_a_trusted_station_may_be_a_server_and_a_router_but_nobody_else():
    found = outcomes({"ports": [GUARDED | {"trusted": True}]}, [raw for _, raw in REFUSED.values()])
    passes = {name for name, each in zip(REFUSED, found, strict=True) if each.drop is None}
    servers = {"an offer of DHCP", "an offer from another port", "the first fragment of one", "DHCPv6"}
    assert passes == {*servers, "a router", "a router behind extension headers", "a redirect"}


def test_each_guard_alone_drops_for_its_own_reason_alone():
    for word in GUARDED["guards"]:
        found = outcomes({"ports": [GUARDED | {"guards": [word]}]}, [raw for _, raw in REFUSED.values()])
        drops = {each.drop for each in found}
        assert drops == {None, f"{word.upper()}_GUARD"}


def test_what_a_guard_lets_pass_the_access_list_is_asked_about():
    acl = [{"protocol": "tcp", "action": "deny"}]
    found = outcomes({"ports": [GUARDED], "acl": acl}, list(PASSING.values()))
    dropped = {name for name, each in zip(PASSING, found, strict=True) if each.drop is not None}
    assert dropped == {"TCP", "TCP of IPv6"}


def test_frames_from_the_wire_meet_no_guard():
    frames = [raw for _, raw in REFUSED.values() if not isinstance(raw, bytes)]
    assert {each.drop for each in outcomes({"ports": [GUARDED]}, frames, "uplink")} == {None}


def test_what_a_capture_cut_off_where_a_rule_looks_is_refused(tmp_path):
    whole = bytes(PASSING["its advertisement"])
    config = config_from_mapping(ADAPTER | {"switch": {"ports": [GUARDED]}})
    path = tmp_path / "cut.pcap"
    from scapy.utils import RawPcapWriter

    for n_bytes in (14, 40, 60, 77):
        with RawPcapWriter(str(path), linktype=1) as writer:
            writer.write_header(None)
            writer.write_packet(whole[:n_bytes], sec=1, usec=0, caplen=n_bytes, wirelen=len(whole))
        with pytest.raises(InputError, match=f"frame 0 .*holds {n_bytes} of {len(whole)} bytes"):
            forward_frames(config, path)
        replay = config_from_mapping(ADAPTER | {"switch": {"ports": [GUARDED]}, "workload": {"pcap": str(path)}})
        with pytest.raises(
            InputError,
            match=rf"frame 0 \(No\. 1 in Wireshark\) holds {n_bytes} of {len(whole)} bytes.*what rules look at",
        ):
            simulate(replay)


# ---- A run ----


def test_a_run_decides_as_the_switch_does_on_the_same_capture(tmp_path):
    rng = random.Random(3)
    frames = [bytes(drawn_frame(rng)) for _ in range(300)]
    frames += [bytes(raw) for raw in (*PASSING.values(), *(raw for _, raw in REFUSED.values()))] * 3
    rng.shuffle(frames)
    path = write_capture(tmp_path / "all.pcap", [(at * 4000, raw) for at, raw in enumerate(frames)])
    switch = {"ports": [GUARDED], "acl": [
        {"protocol": "udp", "destination_port": "5001-5002", "action": "deny"},
        {"source_ip": OWN4, "destination_ip": "10.1.0.0/16", "action": "deny"},
    ]}  # fmt: skip
    config = config_from_mapping(
        ADAPTER | {"switch": switch, "workload": {"pcap": str(path)}, "run": {"warmup": "0us", "duration": "3ms"}}
    )
    decided = Counter(each.drop for each in forward_frames(config, path))
    result = simulate(config)
    assert result.totals.offered_frames == len(frames)
    expected = {reason: n for reason, n in decided.items() if reason is not None}
    assert dict(result.drops) == expected
    assert set(expected) == {"ARP_GUARD", "DHCP_GUARD", "ND_GUARD", "IP_GUARD", "ACL_DENY"}
