"""Check several bridges: each server and the stations outside at one of them, wires with two ends, no loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hwmodel.units import format_rate_bps, format_time_fs

from .bridge import OUTSIDE, TAG_MODES
from .document import KeyPath
from .extenders import BRIDGE
from .findings import Findings, Part
from .joined import JoinedPort
from .kinds import suggest
from .model import Config
from .system import NamedBridge, bridges_of


class End(NamedTuple):
    """One end of a wire between bridges: the port's bridge, its name and what it says."""

    bridge: NamedBridge
    port_name: str
    port: JoinedPort

    @property
    def name(self) -> str:
        """Return what it is called in the system: left.trunk."""
        return f"{self.bridge.name}.{self.port_name}"

    def path(self, *keys: str) -> KeyPath:
        """Return the path of one of its keys, or its own."""
        return (*self.bridge.path, "ports", self.port_name, *keys)


Wires = Sequence[tuple[End, End]]


def check_joined(config: Config, findings: Findings, parts: Sequence[Part]) -> Wires | None:
    """Check the block `bridges`; return the wires between bridges, None where one of them has a wrong end."""
    if not config.bridges:
        return []
    if config.bridge is not None:
        findings.add("bridge is one without a name, and bridges lists several; write one of both", ("bridge",))
        return None
    bridges = bridges_of(config)
    if len(bridges) == 1:
        findings.add("one bridge alone has no name; write it as bridge: {...}", ("bridges",))
        return None
    if not _have_names(bridges, findings, parts):
        return None
    _check_places(bridges, findings, parts)
    for bridge in bridges:
        modes = [part.server.config.switch.mode for part in parts if part.server.port in bridge.settings.ports]
        if bridge.settings.kind == "controlling" and not modes:
            findings.add(
                f"kind: controlling is for adapters in mode {' or '.join(TAG_MODES)}, and none is at {bridge.name}",
                (*bridge.path, "kind"), besides=[(*bridge.path, "ports")],
            )  # fmt: skip
    ends = {end.name: end for bridge in bridges for end in _ends_at(bridge)}
    servers = {part.server.port for part in parts}
    wrong = [one for end in ends.values() if (one := _why_wrong(end, ends, bridges, servers))]
    for key, why in wrong:
        findings.add(why, key)
    if wrong:
        return None
    wires = []
    for place, end in enumerate(ends.values()):
        if end.port.to is not None:
            _check_settings(end, findings)
            if place <= list(ends).index(end.port.to):
                wires.append((end, ends[end.port.to]))
                _check_equal(*wires[-1], findings)
    return wires


def ends_of(bridge: NamedBridge) -> list[KeyPath]:
    """Return the keys that say where ports lead."""
    return [end.path("to") for end in _ends_at(bridge)]


def _ends_at(bridge: NamedBridge) -> Iterator[End]:
    for name, port in bridge.settings.ports.items():
        if isinstance(port, JoinedPort):
            yield End(bridge, name, port)


def _have_names(bridges: Sequence[NamedBridge], findings: Findings, parts: Sequence[Part]) -> bool:
    """Find names that two have: bridges, their extenders, servers; extenders and servers are another check's.

    Return whether each bridge has one of its own, by which wires can be told.
    """
    servers = {part.server.host for part in parts}
    taken: dict[str, str] = {}
    for bridge in bridges:
        path: KeyPath = (*bridge.path, "name")
        if bridge.name == BRIDGE:
            findings.add("bridge has a meaning of its own and is no name of a bridge", path)
        if bridge.name in servers:
            findings.add(f"there is a server {bridge.name} already", path, besides=["servers"])
        names = [(bridge.name, "bridge", path)]
        names += [(name, "extender", (*bridge.path, "extenders", name)) for name in bridge.settings.extenders]
        for name, what, own in names:
            if name in taken:
                findings.add(f"there is {'an' if taken[name] == 'extender' else 'a'} {taken[name]} {name} already", own)
            taken.setdefault(name, what)
    return len({bridge.name for bridge in bridges}) == len(bridges)


def _check_places(bridges: Sequence[NamedBridge], findings: Findings, parts: Sequence[Part]) -> None:
    """Check that each server, and who is outside, is at one bridge."""
    for name in (*(part.server.port for part in parts), OUTSIDE):
        words = "the stations outside are" if name == OUTSIDE else f"server {name} is"
        at = [bridge for bridge in bridges if name in bridge.settings.ports]
        for bridge in at[1:]:
            findings.add(
                f"{words} at {at[0].name} already; an adapter has one wire" if name != OUTSIDE
                else f"{words} at {at[0].name} already", (*bridge.path, "ports", name),
            )  # fmt: skip
        if not at:
            findings.add(
                f"no bridge has a port for server {name} (--set bridges.{bridges[0].name}.ports.{name}={{}})",
                ("bridges",), besides=[(*bridge.path, "ports") for bridge in bridges],
            )  # fmt: skip


def _why_wrong(
    end: End, ends: dict[str, End], bridges: Sequence[NamedBridge], servers: set[str]
) -> tuple[KeyPath, str] | None:
    """Return what is wrong with where a port leads to, with the key; None where it is the other end of a wire."""
    to = end.port.to
    if to is None:
        return None
    path = end.path("to")
    if end.port_name in (*servers, OUTSIDE):
        return path, f"the port {end.port_name} leads to {_who_is_at(end.port_name)}, and nowhere else"
    bridge_name, _, port_name = to.partition(".")
    names = [bridge.name for bridge in bridges]
    if bridge_name not in names:
        hint = suggest(bridge_name, names) or f"; there are {', '.join(names)}"
        return path, f"there is no bridge {bridge_name}{hint}"
    if to not in ends:
        key = f"bridges.{bridge_name}.ports.{port_name}"
        return path, f"{bridge_name} has no port {port_name}, so the wire has one end (--set {key}={{}})"
    if port_name in (*servers, OUTSIDE):
        return path, f"{to} leads to {_who_is_at(port_name)}; a wire has a port of its own at each end"
    if ends[to].port.to != end.name:
        return path, f"{to} leads to {ends[to].port.to}, so the wire from {end.name} has one end"
    return None


def _who_is_at(port_name: str) -> str:
    return "the stations outside" if port_name == OUTSIDE else f"server {port_name}"


def _check_settings(end: End, findings: Findings) -> None:
    """Find what a port to another bridge has not."""
    port = end.port
    for key, is_set, message in (
        ("hairpin", bool(port.hairpin), "what comes from a bridge does not go back there; hairpin is for adapters"),
        ("behind", port.behind != BRIDGE, "wires to other bridges are at the bridge itself"),
        ("s_channels", bool(port.s_channels), "service levels are for ports of adapters, not for wires to bridges"),
        ("translate", bool(port.translate), "VLANs are translated at ports of adapters, not at wires to bridges"),
    ):
        if is_set:
            findings.add(message, end.path(key))


def _check_equal(one: End, other: End, findings: Findings) -> None:
    for key, ours, theirs, write in (
        ("rate", one.port.rate_bps, other.port.rate_bps, format_rate_bps),
        ("propagation", one.port.propagation_fs, other.port.propagation_fs, format_time_fs),
    ):
        if ours != theirs:
            findings.add(
                f"the ends of a wire have one {key}, but that of {one.name} is {write(ours)}",
                other.path(key), one.path(key),
            )  # fmt: skip


def check_tree(bridges: Sequence[NamedBridge], wires: Wires, findings: Findings, *, is_sound: bool) -> None:
    """Check that wires join all bridges, and no two in two ways; report each loop at the wire that closes it.

    `is_sound`: nothing else is wrong with them, so that a wire that is missed was not written.
    """
    beyond: dict[str, list[tuple[End, End]]] = {bridge.name: [] for bridge in bridges}
    for one, other in wires:
        way = _way_between(beyond, other.bridge.name, one.bridge.name)
        if way is not None:
            is_sound = False
            text = ", ".join(f"{here.name} to {there.name}" for here, there in [(one, other), *way])
            findings.add(
                f"{text}: a loop, in which a flooded frame never ends; one of its wires has to go",
                one.path("to"), other.path("to"),
            )  # fmt: skip
        else:
            beyond[one.bridge.name].append((one, other))
            beyond[other.bridge.name].append((other, one))
    besides = [path for bridge in bridges for path in (*ends_of(bridge), (*bridge.path, "ports"))]
    for bridge in bridges if len(bridges) > 1 else ():
        path: KeyPath = bridge.path
        if not bridge.settings.ports:
            is_sound = False
            findings.add("nothing is at this bridge, neither a server nor a wire", path, besides=[(*path, "ports")])
    for bridge in bridges[1:] if is_sound else ():
        first = bridges[0].name
        if _way_between(beyond, first, bridge.name) is None:
            key = f"bridges.{bridge.name}.ports.NAME.to={first}.NAME"
            findings.add(
                f"no wire joins {bridge.name} to {first} (--set {key}, and a port NAME there)",
                bridge.path, besides=besides,
            )  # fmt: skip
            return
    for bridge in bridges if is_sound else ():
        if len(bridge.settings.ports) == 1 and bridge.wires:
            findings.add("nothing is at this bridge but one wire to another", (*bridge.path, "ports"), besides=besides)


def _way_between(beyond: dict[str, list[tuple[End, End]]], start: str, end: str) -> list[tuple[End, End]] | None:
    """Return the wires from one bridge to another, None where there is no way."""
    ways: dict[str, list[tuple[End, End]]] = {start: []}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        for wire in beyond[here]:
            there = wire[1].bridge.name
            if there not in ways:
                ways[there] = [*ways[here], wire]
                waiting.append(there)
    return ways.get(end)
