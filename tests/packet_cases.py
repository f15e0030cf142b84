"""Drawn frames of ARP and IP, many of them odd, and drawn rules that look at what they say; made by hand, byte by byte.

Few addresses, ports and types, so that rules match now and then, and frames that end anywhere.
"""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

from cocotb_tests.bench_switch import BROADCAST, Station, Switch, c_tag, frame, mac, switch
from hwmodel.config.switch import AclEntry

NAMES = ("pf", "vf0", "vf127")
GUARD_WORDS = ("arp", "dhcp", "nd", "ip")
V4 = ("10.0.0.2", "10.0.0.3", "10.0.0.77", "0.0.0.0", "192.168.1.9")
LINK_LOCAL = "fe80::ff:fe00:2"  # of vf0's address 02:00:00:00:00:02
V6 = ("fd00::2", "fd00::3", "::", LINK_LOCAL, "fd00:0:0:1::9")
PREFIXES = ("10.0.0.0/8", "10.0.0.2/31", "0.0.0.0/0", "fd00::/63", "::/0", "fe80::/10")
PORTS = (22, 67, 68, 546, 547, 5001)
TYPES = (8, 131, 132, 133, 134, 135, 136, 137, 143)
PROTOCOLS = (1, 6, 17, 58, 132, 50, 59)
IPS = {"pf": ("10.0.0.2",), "vf0": ("10.0.0.3", "fd00::2"), "vf127": ()}


def upper(rng: random.Random, protocol: int) -> bytes:
    if protocol in (6, 17, 132):
        return rng.choice(PORTS).to_bytes(2, "big") + rng.choice(PORTS).to_bytes(2, "big") + bytes(16)
    if protocol in (1, 58):
        return bytes([rng.choice(TYPES), 0]) + bytes(6) + ip_address(rng.choice(V6)).packed + bytes(8)
    return rng.randbytes(12)


def ipv4(rng: random.Random) -> bytes:
    protocol, options = rng.choice(PROTOCOLS), 4 * rng.choice((0, 0, 0, 1, 10))
    first = 0x45 + options // 4
    if rng.random() < 0.05:
        first = rng.choice((0x44, 0x55, 0x4F))
    fragment = rng.choice((0, 0, 0, 0, 0x4000, 0x2000, 0x2001, 0x0001, 0x00B9))
    header = (
        bytes([first, 0]) + rng.randbytes(4) + fragment.to_bytes(2, "big") + bytes([64, protocol]) + rng.randbytes(2)
    )
    ends = ip_address(rng.choice(V4)).packed + ip_address(rng.choice(V4)).packed
    return header + ends + rng.randbytes(options) + upper(rng, protocol)


def extension(rng: random.Random, kind: int, following: int) -> bytes:
    if kind == 44:
        word = rng.choice((0, 0, 1, 1, 8, 9, 0x100))
        return bytes([following, rng.randrange(256)]) + word.to_bytes(2, "big") + rng.randbytes(4)
    if kind == 51:
        n = rng.choice((1, 2, 4))
        return bytes([following, n]) + rng.randbytes(4 * (n + 2) - 2)
    n = rng.choice((0, 0, 1, 2))
    return bytes([following, n]) + rng.randbytes(8 * (n + 1) - 2)


def ipv6(rng: random.Random) -> bytes:
    protocol = rng.choice((*PROTOCOLS, 58, 58))
    kinds = [rng.choice((0, 43, 44, 51, 60)) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3)))]
    body = upper(rng, protocol)
    following = protocol
    for kind in reversed(kinds):
        body, following = extension(rng, kind, following) + body, kind
    first = 0x40 if rng.random() < 0.03 else 0x60
    header = bytes([first]) + rng.randbytes(3) + len(body).to_bytes(2, "big") + bytes([following, 64])
    return header + ip_address(rng.choice(V6)).packed + ip_address(rng.choice(V6)).packed + body


def arp(rng: random.Random) -> bytes:
    head = "000108000604" if rng.random() < 0.9 else rng.choice(("000608000604", "000186dd0604", "000108000804"))
    sender = mac(rng.choice(NAMES)).to_bytes(6, "big")
    body = (
        bytes.fromhex(head) + rng.choice((1, 2, 2, 9)).to_bytes(2, "big") + sender + ip_address(rng.choice(V4)).packed
    )
    return body + rng.randbytes(6) + ip_address(rng.choice(V4)).packed


PAYLOADS = {0x0800: ipv4, 0x86DD: ipv6, 0x0806: arp}


def random_packet(rng: random.Random) -> tuple[int, bytes]:
    """Give a type and what follows it, which may end anywhere."""
    ethertype = rng.choice((0x0800, 0x0800, 0x86DD, 0x86DD, 0x0806))
    payload = PAYLOADS[ethertype](rng)
    if rng.random() < 0.15:
        payload = payload[: rng.randrange(len(payload) + 1)]
    elif rng.random() < 0.5:
        payload = payload.ljust(46, b"\0")
    if rng.random() < 0.06:
        ethertype = rng.choice((0x8100, 0x88A8, 0x88B5, 0x0026, 0x05FF, 0x0600, 0x8035, 0x0800, 0x86DD, 0x0806))
    return ethertype, payload


def random_packet_frame(rng: random.Random) -> tuple[str, bytes]:
    """Give a station and a frame of its."""
    name, (ethertype, payload) = rng.choice(NAMES), random_packet(rng)
    tags = [c_tag(rng.choice((0, 1, 2)))] if rng.random() < 0.3 else []
    to = rng.choice((*map(mac, NAMES), BROADCAST, 0x3333_0000_0001, 0x02EE_0000_0010))
    head = frame(to, mac(name), *tags, ethertype=ethertype, length=0)
    return name, head + payload


def random_station(rng: random.Random, name: str) -> Station:
    ips = None if rng.random() < 0.2 else tuple(map(ip_network, IPS[name]))
    if rng.random() < 0.2:
        ips = tuple(ip_network(rng.choice(PREFIXES)) for _ in range(2))
    guards = tuple(word for word in GUARD_WORDS if rng.random() < 0.3)
    return Station(
        name, vlans=(1, 2), untagged=(1,), ips=ips, guards=guards, trusted=rng.random() < 0.3, ethertype_filter=False
    )


def _prefix(rng: random.Random, addresses: tuple[str, ...]) -> str:
    return rng.choice((*addresses, *(each for each in PREFIXES if (":" in each) == (":" in addresses[0]))))


def random_entry(rng: random.Random) -> AclEntry:
    """Give an entry whose keys go together; those of a configuration that is checked do."""
    keys: dict[str, Any] = {
        "action": rng.choice(("permit", "deny", "deny", "priority")),
        "port": rng.choice((*NAMES, "all")),
    }
    if keys["action"] == "priority":
        keys["priority"] = rng.randrange(8)
    if rng.random() < 0.2:
        keys["vlan"] = rng.choice((1, 2))
    kind = rng.choice(("arp", "v4", "v6", "both", "plain"))
    if kind == "arp":
        some = {
            "arp_operation": rng.choice(("request", "reply", 9)),
            "arp_sender_mac": rng.choice(("own", "02:00:00:00:00:02")),
            "arp_sender_ip": rng.choice(("own", _prefix(rng, V4))), "arp_target_ip": _prefix(rng, V4),
        }  # fmt: skip
    elif kind == "plain":
        some = {"ethertype": rng.choice((0x0800, 0x86DD, 0x0806, 0x8100))}
    else:
        addresses = V6 if kind == "v6" else V4
        some = {"source_ip": rng.choice(("own", _prefix(rng, addresses)))}
        if kind != "both":
            some["destination_ip"] = _prefix(rng, addresses)
        protocols = {"v4": (1, 6, 17, 50), "v6": (6, 17, 58, 58, 59), "both": (6, 17, 132, 50)}[kind]
        keys["protocol"] = protocol = rng.choice(protocols)
        if protocol in (6, 17, 132):
            some |= {"source_port": rng.choice((22, "67-68")), "destination_port": rng.choice((68, "546-5001", 67))}
        if protocol in (1, 58):
            some["icmp_type"] = rng.choice((8, 135, 136, "134-136", "0-255"))
        if protocol == 58 and some["icmp_type"] != 8:
            some["nd_target"] = rng.choice(("own", _prefix(rng, V6)))
        if rng.random() < 0.2:
            del keys["protocol"]
            some = {name: value for name, value in some.items() if name in ("source_ip", "destination_ip")}
        if rng.random() < 0.15:
            keys["ethertype"] = 0x86DD if kind == "v6" else 0x0800
    chosen = {name: value for name, value in some.items() if rng.random() < 0.5}
    if kind == "v6" and "ethertype" in keys and "nd_target" not in chosen:
        chosen = {name: value for name, value in chosen.items() if "ip" not in name or ":" in str(value)}
    return AclEntry.model_validate(keys | chosen)


def packet_switch(rng: random.Random) -> Switch:
    """Give a switch of three stations whose guards and entries look behind the type."""
    found = switch(*NAMES, acl=tuple(random_entry(rng) for _ in range(rng.choice((0, 1, 3, 6)))))
    found.ports = tuple(random_station(rng, name) for name in NAMES)
    return found
