"""Drawn switches and frames, and who gets each at Open vSwitch: protected ports, and guards and rules as flows.

`python -m tests.ovs_flows SOCKET` records tests/vectors/ovs_private_vlans.csv anew. SOCKET is that of ovs-vswitchd, run
with --enable-dummy=override, and ovs-vsctl finds its database by OVS_RUNDIR. The flows are written from
docs/forwarding.md: a table for each list, whose last is NORMAL; addresses are static entries of the bridge's table.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from cocotb_tests.bench_switch import BROADCAST, MULTICAST, OUTSIDE, Station, Switch, Uplink, frame, mac, switch
from hwmodel.config.switch import AclEntry

VECTORS = Path(__file__).parent / "vectors" / "ovs_private_vlans.csv"
N_SWITCHES, FRAMES_A_SWITCH = 90, 100
NAMES = ("uplink", "pf", "vf0", "vf1", "vf2")  # ports 1 to 5 of the bridge
ISOLATED, UNKNOWN = -1, 0x02DD_0000_0099
V4, V6 = ("10.0.0.2", "10.0.0.3", "10.0.0.77", "0.0.0.0"), ("fd00::2", "fd00::3", "fe80::9", "::", "fd00:0:0:1::9")
PREFIXES = ("10.0.0.0/31", "10.0.0.2", "fd00::/63", "fd00::2", "fe80::/10", "10.0.0.64/26")
PORTS, TYPES = (22, 67, 68, 546, 547, 5001), (128, 131, 133, 134, 135, 136, 137, 143)
GUARD_WORDS = ("arp", "dhcp", "nd", "ip")
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
KEYWORD = {TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}


# ---- What is drawn ----


def drawn_switch(rng: random.Random) -> Switch:
    """Draw which ports are isolated, the stations' guards and addresses, and an access list."""
    found = switch(*NAMES[1:], acl=tuple(_entry(rng) for _ in range(rng.choice((0, 2, 4)))))
    found.ports = tuple(_station(rng, name) for name in NAMES[1:])
    found.uplink = Uplink(pvlan=rng.choice((0, 0, 0, ISOLATED)))
    return found


def _station(rng: random.Random, name: str) -> Station:
    ips = tuple(ip_network(each) for each in rng.sample(PREFIXES, rng.choice((1, 2, 3))))
    guards = tuple(word for word in GUARD_WORDS if rng.random() < 0.3)
    pvlan = rng.choice((0, ISOLATED, ISOLATED))
    return Station(name, ips=ips, guards=guards, trusted=rng.random() < 0.3, pvlan=pvlan, promiscuous=True)


def _entry(rng: random.Random) -> AclEntry:
    keys: dict[str, Any] = {
        "action": rng.choice(("permit", "deny", "deny")),
        "port": rng.choice((*NAMES[1:], "all", "all")),
    }
    keys |= rng.choice((
        {"destination_ip": "fd00::/63"},
        {"source_ip": rng.choice(PREFIXES)},
        {"protocol": "tcp", "destination_port": rng.choice((22, 5001))},
        {"source_ip": "fd00::/63", "protocol": "udp", "destination_port": rng.choice(PORTS)},
        {"protocol": "icmpv6", "icmp_type": rng.choice((128, 133, 136))},
        {"protocol": "icmpv6", "icmp_type": 135, "nd_target": rng.choice(("fd00::/63", "fd00::3"))},
        {"arp_operation": "reply"},
        {"arp_sender_ip": "10.0.0.2/31"},
        {"source_ip": "own", "protocol": "icmpv6"},
    ))  # fmt: skip
    return AclEntry.model_validate(keys)


def drawn_frame(rng: random.Random) -> tuple[str, bytes]:
    """Draw a frame and the port by which it comes: ARP, IPv4 or IPv6, whole and without fragments."""
    name = rng.choice(NAMES)
    own = OUTSIDE if name == "uplink" else mac(name)
    to = rng.choice((*map(mac, NAMES[1:]), *map(mac, NAMES[1:]), BROADCAST, MULTICAST, UNKNOWN))
    ethertype, payload = rng.choice((_arp, _ipv4, _ipv6, _ipv6))(rng, own)
    return name, (frame(to, own, ethertype=ethertype, length=0) + payload).ljust(60, b"\0")


def _arp(rng: random.Random, own: int) -> tuple[int, bytes]:
    sender = (own if rng.random() < 0.8 else mac("vf0")).to_bytes(6, "big")
    head = bytes.fromhex("0001080006040001")[:-1] + bytes([rng.choice((1, 2))])
    return 0x0806, head + sender + ip_address(rng.choice(V4)).packed + bytes(6) + ip_address(rng.choice(V4)).packed


def _upper(rng: random.Random, protocol: int) -> bytes:
    if protocol in (TCP, UDP):
        ports = b"".join(rng.choice(PORTS).to_bytes(2, "big") for _ in range(2))
        return ports + (bytes([0, 0, 0, 0, 0, 0, 0, 0, 0x50, *bytes(7)]) if protocol == TCP else bytes([0, 8, 0, 0]))
    kind = rng.choice(TYPES) if protocol == ICMPV6 else rng.choice((0, 8))
    return bytes([kind, 0]) + bytes(6) + (ip_address(rng.choice(V6)).packed if kind in (135, 136) else bytes(16))


def _ipv4(rng: random.Random, _own: int) -> tuple[int, bytes]:
    protocol = rng.choice((ICMP, TCP, UDP))
    body = _upper(rng, protocol)
    head = bytes([0x45, 0]) + (20 + len(body)).to_bytes(2, "big") + bytes([0, 0, 0, 0, 64, protocol, 0, 0])
    return 0x0800, head + ip_address(rng.choice(V4)).packed + ip_address(rng.choice(V4)).packed + body


def _ipv6(rng: random.Random, _own: int) -> tuple[int, bytes]:
    protocol = rng.choice((TCP, UDP, ICMPV6, ICMPV6))
    body, following = _upper(rng, protocol), protocol
    if rng.random() < 0.2:
        body, following = bytes([protocol, 0, 1, 4, 0, 0, 0, 0]) + body, rng.choice((0, 60))
    head = bytes([0x60, 0, 0, 0]) + len(body).to_bytes(2, "big") + bytes([following, 255])
    return 0x86DD, head + ip_address(rng.choice(V6)).packed + ip_address(rng.choice(V6)).packed + body


def drawn() -> Iterator[tuple[Switch, list[tuple[str, bytes]]]]:
    """Draw all switches, each with its frames."""
    rng = random.Random(70)
    for _ in range(N_SWITCHES):
        config = drawn_switch(rng)
        yield config, [drawn_frame(rng) for _ in range(FRAMES_A_SWITCH)]


def digest(frames: Sequence[tuple[str, bytes]]) -> str:
    """Return what tells whether frames are those that were recorded."""
    return hashlib.sha256(b"".join(name.encode() + raw for name, raw in frames)).hexdigest()[:12]


# ---- As flows ----


def own_prefixes(station: Station) -> list[str]:
    """Return a station's addresses, with that of its link if one is of IPv6 (RFC 4291, appendix A)."""
    found = [str(each) for each in station.ips or ()]
    if any(":" in each for each in found):
        octets = station.macs[0].to_bytes(6, "big")
        tail = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
        found.append(str(ip_address(bytes.fromhex("fe80000000000000") + tail)))
    return found


def guard_lists(station: Station) -> list[list[tuple[bool, str]]]:
    """Return the lists of a station's guards in their order: of each entry whether it denies, and what it matches."""
    own, sha = own_prefixes(station), station.macs[0].to_bytes(6, "big").hex(":")
    v4, v6 = [each for each in own if "." in each], [each for each in own if ":" in each]
    lists = {
        "arp": [(False, f"arp,arp_sha={sha},arp_spa={each}") for each in (*v4, "0.0.0.0")] + [(True, "arp")],
        "dhcp": [
            (True, f"{udp},tp_dst={to}") for udp in ("udp", "udp6") for to in (68, 546) if not station.trusted
        ],
        "no router": [] if station.trusted else [(True, f"icmp6,icmp_type={kind}") for kind in (134, 137)],
        "nd": [
            *((False, f"icmp6,icmp_type=135,ipv6_src={each}") for each in v6),
            *((False, f"icmp6,icmp_type=135,icmp_code=0,ipv6_src=::,nd_target={each}") for each in v6),
            *((False, f"icmp6,icmp_type=136,icmp_code=0,nd_target={each}") for each in v6),
            (True, "icmp6,icmp_type=135"), (True, "icmp6,icmp_type=136"),
        ],
        "ip": [
            *((False, f"ip,nw_src={each}") for each in v4), *((False, f"ipv6,ipv6_src={each}") for each in v6),
            (False, "udp,nw_src=0.0.0.0,tp_src=68,tp_dst=67"),
            *((False, f"icmp6,ipv6_src=::,icmp_type={kind}") for kind in (131, 132, 135, 143)),
            (True, "ip"), (True, "ipv6"),
        ],
    }  # fmt: skip
    asks = {"no router": "nd"}
    return [entries if asks.get(name, name) in station.guards else [] for name, entries in lists.items()]


def acl_matches(entry: AclEntry, station: Station) -> list[str]:
    """Return what an entry of the access list matches of a station's frames; any of these."""
    own = own_prefixes(station)
    sources = own if entry.source_ip == "own" else [None if entry.source_ip is None else str(entry.source_ip)]
    found = []
    for source in sources:
        for version in (4, 6):
            ends = [source, None if entry.destination_ip is None else str(entry.destination_ip)]
            if any(each is not None and (":" in each) != (version == 6) for each in ends):
                continue
            words = _of_ip(entry, version, ends)
            found += [] if words is None else [words]
    if entry.arp_operation is not None or entry.arp_sender_ip is not None:
        words = "arp" if entry.arp_operation is None else "arp,arp_op=2"
        return [words if entry.arp_sender_ip is None else f"{words},arp_spa={entry.arp_sender_ip}"]
    return found


def _of_ip(entry: AclEntry, version: int, ends: Sequence[str | None]) -> str | None:
    protocol = entry.protocol
    if protocol == ICMPV6 and version == 4:
        return None
    word = {None: "ip" if version == 4 else "ipv6", ICMPV6: "icmp6"}.get(protocol) or (
        KEYWORD[protocol] + ("6" if version == 6 else "")  # type: ignore[index]
    )
    names = ("nw_src", "nw_dst") if version == 4 else ("ipv6_src", "ipv6_dst")
    words = [word, *(f"{name}={each}" for name, each in zip(names, ends, strict=True) if each is not None)]
    if entry.destination_port is not None:
        words.append(f"tp_dst={entry.destination_port[0]}")
    if entry.icmp_type is not None:
        words.append(f"icmp_type={entry.icmp_type[0]}")
    if entry.nd_target is not None:
        words.append(f"icmp_code=0,nd_target={entry.nd_target}")
    return ",".join(words)


def flows_of(config: Switch) -> Iterator[str]:
    """Return the flows of a switch: a table for each list of each guard, one for the access list, and NORMAL."""
    by_list: list[list[tuple[int, bool, str]]] = [[] for _ in range(6)]
    for station in config.ports:
        port = NAMES.index(station.name) + 1
        for at, entries in enumerate(guard_lists(station)):
            by_list[at] += [(port, denies, words) for denies, words in entries]
        for entry in config.acl:
            if entry.port in ("all", station.name):
                by_list[5] += [(port, entry.action == "deny", words) for words in acl_matches(entry, station)]
    for table, entries in enumerate(by_list):
        for at, (port, denies, words) in enumerate(entries):
            action = "drop" if denies else f"goto_table:{table + 1}"
            yield f"table={table},priority={60000 - at},in_port={port},{words},actions={action}"
        yield f"table={table},priority=1,actions=goto_table:{table + 1}"
    yield "table=6,actions=NORMAL"


# ---- What Open vSwitch does ----


class OpenVSwitch:
    """The daemon by its control socket, and a bridge of five dummy ports."""

    def __init__(self, path: str) -> None:
        self._path = path
        subprocess.run(["ovs-vsctl", "--if-exists", "del-br", "br0"], check=True)
        words = ["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail-mode=secure"]
        for at, name in enumerate(NAMES):
            words += ["--", "add-port", "br0", name]
            words += ["--", "set", "interface", name, "type=dummy", f"ofport_request={at + 1}"]
        subprocess.run(["ovs-vsctl", *words], check=True)

    def ask(self, method: str, *words: str) -> str:
        """Call a method of the daemon, and return what it says."""
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(self._path)
            there.sendall(json.dumps({"method": method, "params": words, "id": 0}).encode())
            said = b""
            while True:
                said += there.recv(1 << 16)
                try:
                    answer = json.loads(said)
                except ValueError:
                    continue
                assert answer["error"] is None, (method, words, answer)
                return str(answer["result"])

    def become(self, config: Switch) -> None:
        """Take the classes, flows and addresses of a switch."""
        class_of = {"uplink": config.uplink.pvlan} | {port.name: port.pvlan for port in config.ports}
        words: list[str] = []
        for name, one in class_of.items():
            words += ["--", "set", "port", name, f"protected={str(one == ISOLATED).lower()}"]
        subprocess.run(["ovs-vsctl", *words[1:]], check=True)
        subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "del-flows", "br0"], check=True)
        flows = "\n".join(flows_of(config))
        subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", "add-flows", "br0", "-"], input=flows, text=True, check=True)
        for name in NAMES[1:]:
            self.ask("fdb/add", "br0", name, "0", mac(name).to_bytes(6, "big").hex(":"))

    def receivers(self, name: str, raw: bytes) -> set[str]:
        """Return who gets a frame that comes by a port."""
        said = self.ask("ofproto/trace", "br0", f"in_port={NAMES.index(name) + 1}", raw.hex())
        actions = next(line for line in said.splitlines() if line.startswith("Datapath actions: "))
        numbers = actions.removeprefix("Datapath actions: ")
        return set() if numbers == "drop" else {self._names[each] for each in numbers.split(",")} - {"br0"}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """Return the ports' names by their numbers in the datapath; br0 is the bridge's own."""
        ports = [line.split() for line in self.ask("dpif/show").splitlines() if "/" in line]
        return {one[1].split("/")[1].rstrip(":"): one[0] for one in ports}


def record(path: str) -> None:
    """Write down who gets each frame: of each switch a line, of each frame two digits, a bit for each port."""
    there, lines = OpenVSwitch(path), ["frames,received_by"]
    for config, frames in drawn():
        there.become(config)
        sets = [sum(1 << NAMES.index(one) for one in there.receivers(*each)) for each in frames]
        lines.append(f"{digest(frames)},{''.join(f'{one:02x}' for one in sets)}")
    VECTORS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    record(sys.argv[1])
