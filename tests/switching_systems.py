"""Servers' virtual switches behind a bridge, all learning, and frames one by one: drawn, written down, read again.

tests/vectors/open_vswitch_learning.txt has such systems with what Open vSwitch has done with each frame.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).parent / "vectors" / "open_vswitch_learning.txt"
BRIDGE, OUTSIDE, UPLINK = "bridge", "outside", "uplink"
SERVERS = "abcd"
VLANS = (10, 20, 30)
BROADCAST, GROUP, NOBODY = 0xFFFF_FFFF_FFFF, 0x0100_5E01_0203, 0x02AA_0000_0007
TYPE = "88b5"


@dataclass(frozen=True)
class Port:
    """A port of a switch: the VLAN of its untagged frames (0: they drop), and those that it carries, if tagged.

    `is_access`: it sends and takes untagged frames alone.
    """

    native: int
    vlans: tuple[int, ...]
    is_access: bool = False

    def text(self) -> str:
        return f"{self.native} {','.join(map(str, self.vlans))} {'access' if self.is_access else 'trunk'}"


@dataclass(frozen=True)
class Sent:
    """A frame: who sends it, its bytes up to the type, and what becomes of it.

    `came`: to which stations it came, with what behind its C-TAG's type, nothing if it had none; `learned`: what each
    switch then has learned anew, or lost (None), by switch, VLAN and address.
    """

    sender: str
    header: str
    came: Mapping[str, str] = field(default_factory=dict)
    learned: Mapping[tuple[str, int, int], str | None] = field(default_factory=dict)


@dataclass
class System:
    """Switches by name, each with its ports by name, and frames.

    A server's switch has the ports `pf` (the host), `vf0` and so on, and `uplink`; the bridge has one for each server,
    and `outside`.
    """

    switches: dict[str, dict[str, Port]]
    frames: list[Sent]

    def stations(self) -> Iterator[tuple[str, str, str]]:
        """Give each station's name, with its switch and port."""
        for name, ports in self.switches.items():
            for port in ports:
                if name == BRIDGE and port == OUTSIDE:
                    yield OUTSIDE, name, port
                elif name != BRIDGE and port != UPLINK:
                    yield f"{name}.{port}", name, port


def header_of(destination: int, source: int, tag: str) -> str:
    """Return the first bytes of a frame in hexadecimal digits; `tag`: of a C-TAG what follows its type, or nothing."""
    return f"{destination:012x}{source:012x}{f'8100{tag}' if tag else ''}{TYPE}"


def with_tag(header: str, tag: str) -> str:
    """Return a frame's first bytes with another C-TAG, or without any."""
    return header_of(int(header[:12], 16), int(header[12:24], 16), tag)


def drawn(seed: int, n_frames: int = 120) -> System:
    """Draw a system: VMs at access ports and trunks, VLANs that some wires lack, addresses that move, silent VMs."""
    chance = random.Random(seed)
    switches: dict[str, dict[str, Port]] = {BRIDGE: {}}
    for name in SERVERS:
        stations = ["pf", *(f"vf{k}" for k in range(chance.randint(2, 4)))]
        wire = _trunk(chance)
        switches[name] = {one: _of_station(chance) for one in stations} | {UPLINK: wire}
        switches[BRIDGE][name] = chance.choice([wire, wire, _trunk(chance)])
    switches[BRIDGE][OUTSIDE] = _trunk(chance)
    system = System(switches, [])
    macs = {name: 0x0200_0000_0000 + 17 * at for at, (name, _, _) in enumerate(system.stations(), start=1)}
    silent = set(chance.sample(sorted(macs), 3))
    senders = [name for name in macs if name not in silent]
    known: list[int] = []
    for _ in range(n_frames):
        sender = chance.choice(senders)
        source = chance.choice(known) if known and chance.random() < 0.1 else macs[sender]
        to = chance.choice([BROADCAST, GROUP, NOBODY, *known, *known, *macs.values()])
        if to == source:
            continue
        known = list(dict.fromkeys([*known, source]))
        system.frames.append(Sent(sender, header_of(to, source, _tag(chance))))
    return system


def _trunk(chance: random.Random) -> Port:
    vlans = chance.choice([VLANS, VLANS, (10, 20), (20, 30)])
    return Port(chance.choice([0, vlans[0]]), vlans)


def _of_station(chance: random.Random) -> Port:
    native = chance.choice(VLANS)
    if chance.random() < 0.7:
        return Port(native, (native,), is_access=True)
    return Port(native, tuple(sorted({native, *chance.sample(VLANS, 2)})))


def _tag(chance: random.Random) -> str:
    """Draw what follows a C-TAG's type: a priority, and a VLAN or none; or nothing."""
    if chance.random() < 0.7:
        return ""
    return f"{chance.randrange(8) << 13 | chance.choice([0, *VLANS]):04x}"


# ---- As text ----


def lines_of(systems: Iterable[System]) -> Iterator[str]:
    """Write systems down, a line each port and frame."""
    for number, system in enumerate(systems):
        yield f"system {number}"
        for name, ports in system.switches.items():
            for port, each in ports.items():
                yield f"port {name}.{port} {each.text()}"
        for sent in system.frames:
            came = " ".join(f"{to}/{tag}" if tag else to for to, tag in sorted(sent.came.items()))
            learned = " ".join(
                f"{name}/{vlan}/{mac:012x}={port or '-'}" for (name, vlan, mac), port in sorted(sent.learned.items())
            )
            yield f"frame {sent.sender} {sent.header} > {came} | {learned}".rstrip()


def systems_of(text: str) -> list[System]:
    """Read systems that `lines_of` has written."""
    found: list[System] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "system":
            found.append(System({}, []))
        elif kind == "port":
            place, native, vlans, how = rest.split()
            name, _, port = place.partition(".")
            numbers = tuple(map(int, vlans.split(",")))
            found[-1].switches.setdefault(name, {})[port] = Port(int(native), numbers, how == "access")
        elif kind == "frame":
            sent, _, became = rest.partition(" >")
            came, _, learned = became.partition(" |")
            found[-1].frames.append(
                Sent(
                    *sent.split(),  # type: ignore[arg-type]  # a sender and a header
                    {to: tag for to, _, tag in (one.partition("/") for one in came.split())},
                    dict(_learned(one) for one in learned.split()),
                )
            )
    return found


def _learned(text: str) -> tuple[tuple[str, int, int], str | None]:
    place, _, port = text.partition("=")
    name, vlan, mac = place.split("/")
    return (name, int(vlan), int(mac, 16)), None if port == "-" else port
