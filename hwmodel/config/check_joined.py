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


class _End(NamedTuple):
    """One end of a wire between bridges: the port's bridge, its name and what it says."""

    bridge: NamedBridge
    port_name: str
    port: JoinedPort

    @property
    def name(self) -> str:
        return f"{self.bridge.name}.{self.port_name}"

    def path(self, *keys: str) -> KeyPath:
        return (*self.bridge.path, "ports", self.port_name, *keys)


def check_joined(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the block `bridges`."""
    if not config.bridges:
        return
    if config.bridge is not None:
        findings.add("bridge is one without a name, and bridges lists several; write one of both", ("bridge",))
        return
    bridges = bridges_of(config)
    if len(bridges) == 1:
        findings.add("one bridge alone has no name; write it as bridge: {...}", ("bridges",))
        return
    _check_names(bridges, findings, parts)
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
    wires = [wire for end in ends.values() for wire in _check_end(end, ends, bridges, servers, findings)]
    _check_tree(bridges, wires, findings)


def _ends_at(bridge: NamedBridge) -> Iterator[_End]:
    for name, port in bridge.settings.ports.items():
        if isinstance(port, JoinedPort):
            yield _End(bridge, name, port)


def _check_names(bridges: Sequence[NamedBridge], findings: Findings, parts: Sequence[Part]) -> None:
    """Find names that two have: bridges, their extenders, servers; extenders and servers are another check's."""
    servers = {part.server.name for part in parts}
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


def _check_end(
    end: _End, ends: dict[str, _End], bridges: Sequence[NamedBridge], servers: set[str], findings: Findings
) -> Iterator[tuple[_End, _End]]:
    """Check what a port leads to; give its wire, at the end that stands first, if it is one between bridges."""
    to = end.port.to
    if to is None:
        return
    path = end.path("to")
    if end.port_name in (*servers, OUTSIDE):
        whose = "the stations outside" if end.port_name == OUTSIDE else f"server {end.port_name}"
        findings.add(f"the port {end.port_name} leads to {whose}; a wire to a bridge has a port of another name", path)
        return
    bridge_name, _, port_name = to.partition(".")
    names = [bridge.name for bridge in bridges]
    if bridge_name not in names:
        hint = suggest(bridge_name, names) or f"; bridges are {', '.join(names)}"
        findings.add(f"there is no bridge {bridge_name}{hint}", path)
    elif to not in ends:
        findings.add(
            f"{bridge_name} has no port {port_name}, so the wire has one end (--set bridges.{bridge_name}.ports."
            f"{port_name}={{}})", path,
        )  # fmt: skip
    elif port_name in (*servers, OUTSIDE):
        findings.add(f"the port {to} leads elsewhere; a wire to a bridge has a port of another name", path)
    elif ends[to].port.to != end.name:
        findings.add(f"{to} leads to {ends[to].port.to}, so the wire from {end.name} has one end", path)
    else:
        _check_settings(end, findings)
        if end.name == to or list(ends).index(end.name) < list(ends).index(to):
            _check_equal(end, ends[to], findings)
            yield end, ends[to]


def _check_settings(end: _End, findings: Findings) -> None:
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


def _check_equal(one: _End, other: _End, findings: Findings) -> None:
    for key, ours, theirs, write in (
        ("rate", one.port.rate_bps, other.port.rate_bps, format_rate_bps),
        ("propagation", one.port.propagation_fs, other.port.propagation_fs, format_time_fs),
    ):
        if ours != theirs:
            findings.add(
                f"the ends of a wire have one {key}, but that of {one.name} is {write(ours)}",
                other.path(key), one.path(key),
            )  # fmt: skip


def _check_tree(bridges: Sequence[NamedBridge], wires: Sequence[tuple[_End, _End]], findings: Findings) -> None:
    """Check that wires join all bridges, and no two in two ways; report each loop at the wire that closes it."""
    beyond: dict[str, list[tuple[_End, _End]]] = {bridge.name: [] for bridge in bridges}
    for one, other in wires:
        way = _way_between(beyond, other.bridge.name, one.bridge.name)
        if way is not None:
            loop = [(one, other), *way]
            text = ", ".join(f"{here.name} to {there.name}" for here, there in loop)
            findings.add(f"{text}: a loop, in which a flooded frame never ends", one.path("to"), other.path("to"))
            continue
        beyond[one.bridge.name].append((one, other))
        beyond[other.bridge.name].append((other, one))
    first = bridges[0]
    for bridge in bridges:
        if not bridge.settings.ports:
            findings.add("nothing is at this bridge, neither a server nor a wire", bridge.path)
    apart = [one for one in bridges[1:] if one.settings.ports and _way_between(beyond, first.name, one.name) is None]
    if apart and not findings.problems:
        findings.add(
            f"no wire joins {apart[0].name} to {first.name} (--set bridges.{apart[0].name}.ports.NAME.to="
            f"{first.name}.NAME, and a port NAME there)", apart[0].path,
        )  # fmt: skip
    for bridge in bridges:
        if len(bridge.settings.ports) == 1 and bridge.wires and not findings.problems:
            findings.add("nothing is at this bridge but one wire to another", (*bridge.path, "ports"))


def _way_between(beyond: dict[str, list[tuple[_End, _End]]], start: str, end: str) -> list[tuple[_End, _End]] | None:
    """Return the wires from one bridge to another, None where there is no way."""
    ways: dict[str, list[tuple[_End, _End]]] = {start: []}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        for wire in beyond[here]:
            there = wire[1].bridge.name
            if there not in ways:
                ways[there] = [*ways[here], wire]
                waiting.append(there)
    return ways.get(end)
