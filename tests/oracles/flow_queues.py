"""Which queue of its pool a frame goes to by an adapter's filters: a second implementation, on whole frames.

Written from docs/steering.md and from the published descriptions of the hashes; it shares nothing with the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
BUCKET, SIGNATURE = 0x3DAD14E2, 0x174D3614


@dataclass(frozen=True)
class Seen:
    """What a frame says; ports are None where there are none."""

    ethertype: int
    vid: int
    version: int | None = None
    protocol: str = "other"
    source: bytes = b""
    destination: bytes = b""
    ports: tuple[int, int] | None = None


def look(frame: bytes) -> Seen:
    at, vid = 12, 0
    ethertype = int.from_bytes(frame[at : at + 2], "big")
    if ethertype == 0x8100:
        vid = int.from_bytes(frame[14:16], "big") & 0xFFF
        at, ethertype = 16, int.from_bytes(frame[16:18], "big")
    body = frame[at + 2 :]
    if ethertype == 0x0800 and len(body) >= 20 and body[0] >> 4 == 4:
        is_fragment = int.from_bytes(body[6:8], "big") & 0x3FFF != 0
        number, rest = body[9], body[4 * (body[0] & 15) :]
        ends = body[12:16], body[16:20]
        version = 4
    elif ethertype == 0x86DD and len(body) >= 40 and body[0] >> 4 == 6:
        is_fragment, number, rest = False, body[6], body[40:]
        ends = body[8:24], body[24:40]
        version = 6
    else:
        return Seen(ethertype, vid)
    name = next((name for name, each in PROTOCOLS.items() if each == number), "other")
    if is_fragment or name == "other" or len(rest) < 4:
        return Seen(ethertype, vid, version, "other", *ends)
    ports = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
    return Seen(ethertype, vid, version, name, *ends, ports)


def toeplitz(key: bytes, data: bytes) -> int:
    """Add up, for each bit of the input that is set, the 32 bits of the key that begin there."""
    bits = "".join(f"{byte:08b}" for byte in key)
    found = 0
    for at, bit in enumerate("".join(f"{byte:08b}" for byte in data)):
        if bit == "1":
            found ^= int(bits[at : at + 32], 2)
    return found


def rss_hash(key: bytes, seen: Seen) -> int:
    data = seen.source + seen.destination
    if seen.protocol in ("tcp", "udp") and seen.ports is not None:
        data += b"".join(port.to_bytes(2, "big") for port in seen.ports)
    return toeplitz(key, data)


def flow_hashes(seen: Seen, pool: int) -> tuple[int, int]:
    """Return the bucket and the signature: the driver's loop over the bits of a key, for each key by itself.

    ixgbe_atr_compute_sig_hash_82599 takes both dwords of the flow; the high one has the pool, type and VLAN from the
    start, the low one from the second bit on.
    """
    words = [seen.source[at : at + 4] + seen.destination[at : at + 4] for at in range(0, len(seen.source), 4)]
    common = 0
    for pair in words:
        common ^= int.from_bytes(pair[:4], "big") ^ int.from_bytes(pair[4:], "big")
    if seen.ports is not None:
        common ^= seen.ports[0] << 16 | seen.ports[1]
    flow_type = {"other": 0, "udp": 1, "tcp": 2, "sctp": 3}[seen.protocol] + (4 if seen.version == 6 else 0)
    kind = pool << 24 | flow_type << 16 | seen.vid
    high = common ^ kind ^ (kind >> 16)
    low = ((common >> 16) | (common << 16)) & 0xFFFFFFFF
    later_low = low ^ kind ^ ((kind << 16) & 0xFFFFFFFF)
    found = []
    for key in (BUCKET, SIGNATURE):
        value = 0
        for bit in range(32):
            if key >> bit & 1:
                dword = high if bit >= 16 else low if bit == 0 else later_low
                value ^= dword >> bit % 16
        found.append(value & 0x7FFF)
    return found[0], found[1]


@cache  # a frame is looked at by all filters of its run
def filter_hashes(
    vlan: int, protocol: str, source: str, destination: str, ports: tuple[int, int] | None, pool: str
) -> tuple[int, int]:
    """Return the bucket and the signature of the flow that a filter names."""
    ends = ip_address(source), ip_address(destination)
    wanted = Seen(0, vlan, ends[0].version, protocol, ends[0].packed, ends[1].packed, ports)
    return flow_hashes(wanted, 1 if pool == "pf" else int(pool[2:]) + 2)


def matches(one: dict[str, Any], seen: Seen, pool: str) -> bool:
    if seen.version is None or one.get("pool") not in (None, pool) or one.get("vlan") not in (None, seen.vid):
        return False
    if one.get("protocol") not in (None, seen.protocol):
        return False
    for name, own in (("source", seen.source), ("destination", seen.destination)):
        if one.get(name) is not None and ip_address(one[name]).packed != own:
            return False
    for name, at in (("source_port", 0), ("destination_port", 1)):
        if one.get(name) is not None and (seen.ports or (0, 0))[at] != one[name]:
            return False
    return True


def queue_of(steering: dict[str, Any], frame: bytes, pool: str, pool_number: int) -> int | None:
    """Return a queue, None where a filter drops the frame; `steering`: the block of a configuration, all keys said."""
    seen = look(frame)
    for one in steering["ethertype_filters"]:
        if one["ethertype"] == seen.ethertype and one["pool"] == pool:
            return int(one["queue"])
    found = [one for one in steering["tuple_filters"] if matches(one, seen, pool)]
    if found:
        return int(max(found, key=lambda one: one["priority"])["queue"])  # the first of equals
    director = steering["flow_director"]
    if director is not None and seen.version is not None:
        for one in director["filters"]:
            if director["mode"] == "perfect" and matches(one, seen, pool):
                return None if one["queue"] == "drop" else one["queue"]
        signatures = {}
        for one in director["filters"] if director["mode"] == "signature" else ():
            ports = None if one["protocol"] == "other" else (one["source_port"], one["destination_port"])
            named = one.get("vlan") or 0, one["protocol"], one["source"], one["destination"], ports, one["pool"]
            signatures[filter_hashes(*named)] = one["queue"]
        own = flow_hashes(seen, pool_number)
        if own in signatures:
            return None if signatures[own] == "drop" else signatures[own]
    if seen.version is None:
        return 0
    table = steering["rss"]["table"]
    at = rss_hash(bytes.fromhex(steering["rss"]["key"]), seen) % steering["rss"]["entries"]
    return int(table[at % len(table)])
