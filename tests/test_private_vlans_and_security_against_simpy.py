"""Private VLANs, port security, guards and rules for IPv6 in one system: engine and SimPy model, frame by frame.

9,000 drawn frames, many of them odd, through virtual switches that learn, adapters, and a bridge between them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cocotb_tests.bench_switch import frame
from hwmodel.config import Config
from tests.packet_cases import GUARD_WORDS, V6, random_packet
from tests.system_beside_simpy import BROADCAST, NS_FS, OUTSIDE, UNKNOWN, Frame, Stations, config_with, run_both

N_SYSTEMS, FRAMES_A_SYSTEM = 6, 1500
MOST_BEHIND_TYPE = 72  # bytes that a header may have there
CLASSES = ("promiscuous", "isolated", "isolated", {"community": 1}, {"community": 1}, {"community": 2})
IPS = ("10.0.0.2", "10.0.0.0/30", "fd00::2", "fd00::/63", "fe80::/10")
STRANGE = tuple(0x02CC_0000_0000 + number for number in range(5))  # of nobody: sources beyond those that are configured
RULES: Sequence[Mapping[str, Any]] = (
    {"protocol": "icmpv6", "icmp_type": "133-136", "nd_target": V6[1], "action": "deny"},
    {"destination_ip": "fd00::/64", "protocol": "tcp", "destination_port": "22-68", "action": "deny"},
    {"source_ip": "fd00::2", "action": "priority", "priority": 5},
    {"source_ip": "own", "action": "permit"},
    {"arp_operation": "reply", "action": "deny"},
    {"destination_ip": "10.0.0.0/31", "protocol": "udp", "action": "deny"},
)
POLICED: Mapping[str, Any] = {
    "source_ip": "::/0", "protocol": "icmpv6", "action": "police", "rate": "50Mbps", "burst": "2000B"
}  # fmt: skip


def security(rng: random.Random) -> Mapping[str, Any]:
    return {"most": rng.randint(1, 3), "on_excess": rng.choice(("protect", "restrict", "restrict", "shut_down"))}


def station(rng: random.Random, name: str, has_security: bool) -> dict[str, Any]:
    own: dict[str, Any] = {"name": name, "pvlan": rng.choice(CLASSES), "spoof_check": rng.random() < 0.2}
    own["guards"] = [word for word in GUARD_WORDS if rng.random() < 0.3]
    if rng.random() < 0.7:
        own["ips"] = rng.sample(IPS, 2)
    if has_security and rng.random() < 0.7:
        own["port_security"] = security(rng)
    return own


def system(rng: random.Random) -> Config:
    """Draw three servers, one or two with a virtual switch, on a bridge whose ports have classes and security too."""
    servers = []
    for name in "abc":
        learns = name == "a" or (name == "b" and rng.random() < 0.5)
        own: dict[str, Any] = {"nic.mode": "vswitch"} if learns else {"switch.mode": rng.choice(("veb", "vepa"))}
        if learns:
            own |= {"host.virtual_switch.learning": rng.choice(({}, {"ageing": "90us"}, {"table": 7}))}
        own["switch.ports"] = [station(rng, each, learns) for each in ("vf0", "vf1", "vf2")]
        own["switch.acl"] = [*rng.sample(RULES, rng.randint(1, 4)), *([] if learns else [POLICED])]
        own["switch.uplink.pvlan"] = rng.choice(("promiscuous", "promiscuous", "promiscuous", {"community": 1}))
        servers.append({"name": name, "set": own})
    ports = {name: {"pvlan": rng.choice(("promiscuous", *CLASSES))} for name in ("a", "b", "c")}
    for name in rng.sample(("a", "b", "c"), 2):
        ports[name]["port_security"] = {
            "most": rng.randint(4, 8),
            "on_excess": rng.choice(("protect", "protect", "shut_down")),
        }
    bridge = {"ports": ports, "ageing": rng.choice(("300s", "150us"))}
    return config_with(
        {"nic.strict": False, "nic.vfs": 4, "servers": servers, "run.clocks": "exact"}, {"bridge": bridge}
    )


def packet(rng: random.Random, stations: Stations, at_fs: int, sender: str, to: str) -> Frame:
    """Draw a frame that a station sends: of ARP or IP, from its address or from another one."""
    ethertype, payload = random_packet(rng)
    while len(payload) > MOST_BEHIND_TYPE:
        ethertype, payload = random_packet(rng)
    source = stations.macs[sender] if rng.random() < 0.75 else rng.choice(STRANGE)
    payload = payload.ljust(MOST_BEHIND_TYPE, b"\0")[:-1] + b"\1"  # zeros at the end would count as behind the header
    header = frame(stations.macs[to], source, ethertype=ethertype, length=0) + payload
    return Frame(at_fs, sender, to, header, max(len(header) + 4, rng.choice((64, 64, 300, 1518))))


def test_9000_drawn_frames_take_the_same_course() -> None:
    rng, seen, n_frames = random.Random(1770), Counter[tuple[str, str]](), 0
    for _ in range(N_SYSTEMS):
        config = system(rng)
        stations, at_fs, frames = Stations(config), 0, []
        senders = [f"{server}.{vm}" for server in "abc" for vm in ("vf0", "vf1", "vf2")]
        for _ in range(FRAMES_A_SYSTEM):
            sender = rng.choice((*senders, OUTSIDE))
            to = rng.choice([each for each in (*senders, *senders, OUTSIDE, BROADCAST, UNKNOWN) if each != sender])
            frames.append(packet(rng, stations, at_fs, sender, to))
            at_fs += int(rng.expovariate(1 / 700) * NS_FS) + 1
        both = run_both(config, frames)
        assert both.differences() == {}
        n_frames += len(frames)
        for (place, reason), n in both.engine.drops.items():
            seen["at a bridge's port" if place.startswith("bridge.") else "in a server", reason] += n
        seen["", "delivered"] += both.engine.totals["delivered"]
    assert n_frames == 9000
    wanted = [("in a server", f"{word.upper()}_GUARD") for word in GUARD_WORDS]
    wanted += [
        (place, reason) for place in ("in a server", "at a bridge's port") for reason in ("PVLAN", "PORT_SECURITY")
    ]
    wanted += [("in a server", "ACL_DENY"), ("in a server", "RATE_LIMITED"), ("", "delivered")]
    assert {each: seen[each] for each in wanted if seen[each] < 20} == {}, seen
