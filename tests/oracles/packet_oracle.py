"""Rules behind the type, a second time: from docs/forwarding.md, "Behind the type", on texts of bits and addresses.

A frame's payload becomes a mapping from keys of `switch.acl` to what stands there, to `HIDDEN`, or to nothing.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

HIDDEN = "hidden"
IP_KEYS = ("source_ip", "destination_ip", "protocol", "source_port", "destination_port", "icmp_type", "nd_target")
ARP_KEYS = ("arp_operation", "arp_sender_mac", "arp_sender_ip", "arp_target_ip")
TAGS = (0x8100, 0x88A8, 0x8926, 0x893F)
FOLLOWED = (0, 43, 44, 51, 60)
FRAGMENT, AUTHENTICATION = 44, 51
WITH_PORTS = (6, 17, 132)

# The table of guards, word by word: (guard, whether trusted stations are spared, entries).
PERMIT, DENY = {"action": "permit"}, {"action": "deny"}
ICMPV6 = {"protocol": 58}
GUARDS = (
    ("arp", False, (
        PERMIT | {"arp_sender_mac": "own", "arp_sender_ip": "own"},
        PERMIT | {"arp_sender_mac": "own", "arp_sender_ip": ip_network("0.0.0.0")},
        DENY | {"arp_sender_ip": ip_network("0.0.0.0/0")},
    )),
    ("dhcp", True, (
        DENY | {"protocol": 17, "destination_port": (68, 68)},
        DENY | {"protocol": 17, "destination_port": (546, 546)},
    )),
    ("nd", True, (
        DENY | ICMPV6 | {"icmp_type": (134, 134)},
        DENY | ICMPV6 | {"icmp_type": (137, 137)},
    )),
    ("nd", False, (
        PERMIT | ICMPV6 | {"icmp_type": (135, 135), "source_ip": "own"},
        PERMIT | ICMPV6 | {"icmp_type": (135, 135), "source_ip": ip_network("::"), "nd_target": "own"},
        PERMIT | ICMPV6 | {"icmp_type": (136, 136), "nd_target": "own"},
        DENY | ICMPV6 | {"icmp_type": (135, 136)},
    )),
    ("ip", False, (
        PERMIT | {"source_ip": "own"},
        PERMIT | {"source_ip": ip_network("0.0.0.0"), "protocol": 17,
                  "source_port": (68, 68), "destination_port": (67, 67)},
        *(PERMIT | ICMPV6 | {"source_ip": ip_network("::"), "icmp_type": types}
          for types in ((131, 132), (135, 135), (143, 143))),
        DENY | {"source_ip": ip_network("0.0.0.0/0")},
        DENY | {"source_ip": ip_network("::/0")},
    )),
)  # fmt: skip


def says(ethertype: int, payload: bytes) -> dict[str, object]:
    """Return what a frame says behind its type, key by key; with the kind of packet under `kind`."""
    if ethertype in TAGS or ethertype < 0x0600:
        return dict.fromkeys((*IP_KEYS, *ARP_KEYS), HIDDEN) | {"kind": HIDDEN}
    if ethertype == 0x0806:
        return {"kind": "arp"} | arp(payload)
    if ethertype == 0x0800:
        return {"kind": 4} | ipv4(payload)
    if ethertype == 0x86DD:
        return {"kind": 6} | ipv6(payload)
    return {"kind": None}


def number(octets: bytes) -> int:
    return int(octets.hex() or "0", 16)


def arp(body: bytes) -> dict[str, object]:
    if len(body) < 28 or body[:6].hex() != "000108000604":
        return dict.fromkeys(ARP_KEYS, HIDDEN)
    return {
        "arp_operation": number(body[6:8]),
        "arp_sender_mac": number(body[8:14]),
        "arp_sender_ip": ip_address(body[14:18]),
        "arp_target_ip": ip_address(body[24:28]),
    }


def ipv4(packet: bytes) -> dict[str, object]:
    if len(packet) < 20 or packet.hex()[0] != "4" or int(packet.hex()[1], 16) < 5:
        return dict.fromkeys(IP_KEYS, HIDDEN)
    found: dict[str, object] = {
        "source_ip": ip_address(packet[12:16]),
        "destination_ip": ip_address(packet[16:20]),
        "protocol": packet[9],
    }
    offset = int(f"{number(packet[6:8]):016b}"[3:], 2)
    if offset == 0:
        found |= upper(packet[9], packet[4 * int(packet.hex()[1], 16) :], icmp=1)
    return found


def ipv6(packet: bytes) -> dict[str, object]:
    if len(packet) < 40 or packet.hex()[0] != "6":
        return dict.fromkeys(IP_KEYS, HIDDEN)
    found: dict[str, object] = {"source_ip": ip_address(packet[8:24]), "destination_ip": ip_address(packet[24:40])}
    header, rest = packet[6], packet[40:]
    while header in FOLLOWED:
        if len(rest) < 8:
            return dict.fromkeys(IP_KEYS, HIDDEN) | found
        if header == FRAGMENT and int(f"{number(rest[2:4]):016b}"[:13], 2) != 0:
            return found | {"protocol": HIDDEN if rest[0] in FOLLOWED else rest[0]}
        length = 8 if header == FRAGMENT else 4 * (rest[1] + 2) if header == AUTHENTICATION else 8 * (rest[1] + 1)
        header, rest = rest[0], rest[length:]
    return found | {"protocol": header} | upper(header, rest, icmp=58)


def upper(protocol: int, data: bytes, icmp: int) -> dict[str, object]:
    if protocol in WITH_PORTS:
        if len(data) < 4:
            return {"source_port": HIDDEN, "destination_port": HIDDEN}
        return {"source_port": number(data[:2]), "destination_port": number(data[2:4])}
    if protocol != icmp:
        return {}
    if not data:
        return {"icmp_type": HIDDEN} | ({"nd_target": HIDDEN} if icmp == 58 else {})
    found: dict[str, object] = {"icmp_type": data[0]}
    if icmp == 58 and data[0] in (135, 136):
        found["nd_target"] = HIDDEN if len(data) < 24 else ip_address(data[8:24])
    return found


def own_addresses(station) -> list:
    """Return the prefixes that are a station's own."""
    ips = list(station.ips or ())
    if any(prefix.version == 6 for prefix in ips):
        for mac in station.macs:
            octets = bytearray(mac.to_bytes(6, "big"))
            octets[0] ^= 2
            ips.append(ip_network(bytes.fromhex("fe80" + "00" * 6) + octets[:3] + b"\xff\xfe" + octets[3:]))
    return ips


def is_one_of(found, prefixes) -> bool:
    return any(found.version == prefix.version and found in prefix for prefix in prefixes)


def agrees(key: str, wanted: object, found: object, station) -> bool:
    """Tell whether what stands there is what an entry wants."""
    if key in ("source_ip", "destination_ip", "nd_target", "arp_sender_ip", "arp_target_ip"):
        return is_one_of(found, own_addresses(station) if wanted == "own" else [wanted])
    if key == "arp_sender_mac":
        return found in station.macs if wanted == "own" else found == wanted
    if isinstance(wanted, tuple):
        return wanted[0] <= found <= wanted[1]
    return found == wanted


def wanted_by(entry) -> dict[str, object]:
    """Return what an entry, an object or a mapping, asks for behind the type."""
    get = entry.get if isinstance(entry, dict) else lambda key: getattr(entry, key, None)
    return {key: get(key) for key in (*IP_KEYS, *ARP_KEYS) if get(key) is not None}


def matches(action: str, wanted: dict[str, object], ethertype: int | None, said: dict[str, object], station) -> bool:
    """Tell whether what an entry asks for behind the type, of which there is something, is what a frame says."""
    kinds = {0x0806: "arp", 0x0800: 4, 0x86DD: 6}
    if ethertype is not None and said["kind"] not in (HIDDEN, kinds.get(ethertype)):
        return False
    version = {1: 4, 58: 6}.get(wanted.get("protocol"))
    if version is not None and said["kind"] not in (HIDDEN, version):
        return False
    found = {key: said.get(key) for key in wanted}
    for key, there in found.items():
        if there == HIDDEN:
            version = getattr(wanted[key], "version", None)
            if version is not None and not key.startswith("arp") and said["kind"] not in (HIDDEN, version):
                return False
        elif there is None or not agrees(key, wanted[key], there, station):
            return False
    return action == "deny" or HIDDEN not in found.values()


def guarded(station, said: dict[str, object]) -> str | None:
    """Return why a guard of a station drops a frame, None if none does."""
    for word, spares_trusted, entries in GUARDS:
        if word not in station.guards or (spares_trusted and station.trusted):
            continue
        first = next((each for each in entries if matches(each["action"], wanted_by(each), None, said, station)), None)
        if first is not None and first["action"] == "deny":
            return f"{word.upper()}_GUARD"
    return None
