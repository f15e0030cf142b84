"""Check bridges against the adapters on their ports: wires, service levels, extenders, joined bridges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from hwmodel.rules.private_vlan import PROMISCUOUS
from hwmodel.rules.switch_modes import MODES, TAG_MODES, UNTAGGED_MODES, ModeName
from hwmodel.units import format_bytes, format_rate_bps, format_time_fs

from .bridge import BRIDGE, OUTSIDE, BridgePort, JoinedPort, queue_bytes, s_channels_of
from .check_access_lists import check_entry
from .check_vms import check_vm_names
from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .system import NamedBridge, bridges_at, bridges_of

_OF_ADAPTER = ("switch.mode", "switch.s_channels", "switch.ports", "servers")


def check_bridge(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the blocks `bridge` and `bridges`."""
    n_known = len(findings.problems)
    stations = {part.server.station(port.name): port for part in parts for port in part.server.config.switch.ports}
    wires = check_joined(config, findings, parts)
    ends = [path for bridge in bridges_of(config) for path in ends_of(bridge)] if wires is not None else None
    for bridge in bridges_of(config):
        _check_ports(bridge, findings, parts, ends)
        outside = bridge.settings.ports.get(OUTSIDE)
        if outside is not None and outside.hairpin:
            findings.add(
                "what comes from outside does not go back there; hairpin is for ports of adapters",
                (*bridge.path, "ports", OUTSIDE, "hairpin"),
            )
        check_extenders(bridge, findings, parts)
        _check_buffer(bridge, parts)
        check_vm_names(findings, parts, _named(bridge))
        for index, entry in enumerate(bridge.settings.policy):
            check_entry(entry, (*bridge.path, "policy", index), findings, stations)
    if wires is not None:
        check_tree(bridges_of(config), wires, findings, is_sound=len(findings.problems) == n_known)


def check_bridge_kind(config: Config, part: Part) -> None:
    """Check that adapters tag frames (VN-Tag, E-TAG) at a controlling bridge, and do not at a learning one."""
    mode = part.server.config.switch.mode
    for bridge in bridges_at(config, part.server):
        keys = ("switch.mode", (*bridge.path, "kind"))
        kind = bridge.settings.kind
        if kind == "controlling" and mode not in TAG_MODES:
            part.findings.add(f"kind: controlling needs switch.mode {' or '.join(TAG_MODES)}, but it is {mode}", *keys)
        if kind == "learning" and mode in TAG_MODES:
            part.findings.add(
                f"mode {mode} needs a bridge of kind: controlling, but it is learning "
                f"(--set {bridge.key}.kind=controlling)",
                *keys,
            )


def _named(bridge: NamedBridge) -> Iterator[tuple[str, KeyPath]]:
    for index, entry in enumerate(bridge.settings.policy):
        yield entry.port, (*bridge.path, "policy", index, "port")


def _check_ports(
    bridge: NamedBridge, findings: Findings, parts: Sequence[Part], ends: Sequence[KeyPath] | None
) -> None:
    """Check ports against the adapters at them: wires with one end, or with ends of different rates.

    `ends`: the keys that join bridges' ports by wires; None if one of them is wrong, since a port that leads nowhere
    may then be meant as the other end of its wire.
    """
    by_port = {wire: part for part in parts for wire in part.server.wires}
    for name, port in bridge.settings.ports.items():
        path: KeyPath = (*bridge.path, "ports", name)
        part = by_port.get(name)
        if port.port_security is not None and bridge.settings.kind == "controlling":
            findings.add("a controlling bridge learns no addresses that could be too many", (*path, "port_security"))
        if part is not None or name == OUTSIDE:
            check_service_levels(bridge, name, part, findings)
            check_translation(port, path, part, findings)
        if part is None:
            if name != OUTSIDE and name not in bridge.wires and ends is not None:
                known = [*by_port, OUTSIDE]
                hint = suggest(name, known) or f"; ports are {', '.join(known)}"
                if isinstance(port, JoinedPort):
                    hint += ", and those to another bridge (to: BRIDGE.PORT)"
                message = f"no server is at this port, its wire has one end{hint}"
                findings.add(message, path, besides=["servers", *ends])
            continue
        if port.pvlan != PROMISCUOUS and part.server.config.switch.mode in TAG_MODES:
            message = "at this port each station has a logical port of its own, and its class: switch.ports.NAME.pvlan"
            findings.add(message, (*path, "pvlan"))
        rate_bps = part.server.config.port.rate_bps
        if port.rate_bps != rate_bps:
            whose = f"of {part.server.name}" if part.server.name else "of the adapter"
            findings.add(
                f"the ends of a wire have one rate, but port.rate {whose} is {format_rate_bps(rate_bps)}",
                (*path, "rate"),
                besides=["port.rate", "servers"],
            )


def _check_buffer(bridge: NamedBridge, parts: Sequence[Part]) -> None:
    """Report the first station whose longest frame exceeds the buffer of a bridge, or of an extender on its way."""
    settings = bridge.settings
    for part in parts:
        switch = part.server.config.switch
        longest = switch.longest_sender
        here = [wire for wire in part.server.wires if wire in settings.ports]
        n_bytes = longest.max_frame_bytes + (MODES[switch.mode].tag_bytes if here else 0)
        rooms: dict[KeyPath, int] = {(*bridge.path, "buffer"): settings.buffer_bytes}
        rooms |= {
            (*bridge.path, "extenders", name, "buffer"): settings.extenders[name].buffer_bytes
            for wire in here
            for name in settings.above(wire) or ()
        }
        for path, buffer_bytes in rooms.items():
            if n_bytes > buffer_bytes:
                part.findings.add(
                    f"{format_bytes(buffer_bytes)} never holds the longest frame of "
                    f"{part.server.station(longest.name)}, {n_bytes} B with its tags",
                    path,
                    part.findings.station(longest.name, "max_frame"),
                )
                return


def check_service_levels(bridge: NamedBridge, name: str, part: Part | None, findings: Findings) -> None:
    """Check the service levels of a port; `part`: the server at it, None for the port to the outside."""
    port = bridge.settings.ports[name]
    path: KeyPath = (*bridge.path, "ports", name, "s_channels")
    if not port.s_channels:
        return
    if part is None:
        findings.add("stations outside have no S-channels; service levels are for ports of adapters", path)
        return
    switch = part.server.switch_at(name)
    if not MODES[switch.mode].has_channels:
        findings.add(
            f"service levels are for the S-channels of mode multichannel, but switch.mode is {switch.mode}",
            path,
            besides=_OF_ADAPTER,
        )
        return
    channels = s_channels_of(switch)
    for s_channel in port.s_channels:
        if s_channel not in channels:
            known = ", ".join(map(str, channels))
            findings.add(
                f"there is no S-channel {s_channel}; switch.s_channels and stations have {known}",
                (*path, str(s_channel)),
                besides=_OF_ADAPTER,
            )
    _check_queues(bridge, name, part, findings)


def _check_queues(bridge: NamedBridge, name: str, part: Part, findings: Findings) -> None:
    """Find queues that never hold the longest frame."""
    port, switch = bridge.settings.ports[name], part.server.switch_at(name)
    if not switch.ports:
        return
    channels = s_channels_of(switch)
    longest = switch.longest_sender
    n_bytes = longest.max_frame_bytes + MODES[switch.mode].tag_bytes
    for s_channel in channels:
        room_bytes = queue_bytes(bridge.settings, port, s_channel, len(channels))
        if room_bytes < n_bytes:
            findings.add(
                f"a queue of {format_bytes(room_bytes)} for S-channel {s_channel} never holds the longest frame of "
                f"{part.server.station(longest.name)}, {n_bytes} B with its tags",
                (*bridge.path, "ports", name, "s_channels", str(s_channel), "buffer"),
                (*bridge.path, "buffer"),
                besides=_OF_ADAPTER,
            )
            return


def check_translation(port: BridgePort, path: KeyPath, part: Part | None, findings: Findings) -> None:
    """Check the VLANs that a port translates; `part`: the server at it, None for the port to the outside."""
    path = (*path, "translate")
    if not port.translate:
        return
    if part is None:
        findings.add("VLANs are translated at ports of adapters, not outside", path)
        return
    mode = part.server.config.switch.mode
    if mode not in UNTAGGED_MODES:
        findings.add(
            f"VLANs are translated in the modes {' and '.join(UNTAGGED_MODES)}; in mode {mode} the outer tag names the "
            "logical port",
            path,
            besides=_OF_ADAPTER,
        )
    for vlan in port.translate:
        if port.vlans != "all" and vlan not in port.vlans:
            carried = ", ".join(map(str, port.vlans))
            findings.add(
                f"the port does not carry VLAN {vlan}; its vlans are {carried}",
                (*path, str(vlan)),
                besides=[(*path[:-1], "vlans")],
            )


class _Behind(NamedTuple):
    """A port or an extender, the path of its key, and what it is behind."""

    name: str
    path: KeyPath
    behind: str


def check_extenders(bridge: NamedBridge, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the extenders of a bridge and what stands behind them."""
    settings, path = bridge.settings, bridge.path
    own = [part for part in parts if bridge.is_at(part.server)]
    extenders = {name: _Behind(name, (*path, "extenders", name), one.behind)
                 for name, one in settings.extenders.items()}  # fmt: skip
    ports = [_Behind(name, (*path, "ports", name), one.behind) for name, one in settings.ports.items()
             if name not in bridge.wires]  # fmt: skip
    is_tagged = any(part.server.config.switch.mode in TAG_MODES for part in own)
    if extenders and settings.kind != "controlling" and not is_tagged:
        message = f"extenders need a bridge of kind: controlling, and adapters in mode {' or '.join(TAG_MODES)}"
        findings.add(message, (*path, "extenders"), besides=[(*path, "kind")])
    _check_names(extenders, findings, parts)
    for one in (*extenders.values(), *ports):
        if one.behind != BRIDGE and one.behind not in extenders:
            known = [BRIDGE, *(name for name, each in extenders.items() if each is not one)]
            hint = suggest(one.behind, known) or f"; write {'one of ' * (len(known) > 1)}{', '.join(known)}"
            findings.add(f"there is no extender {one.behind}{hint}", (*one.path, "behind"), one.path)
    _check_loops(extenders, findings)
    outside = settings.ports.get(OUTSIDE)
    if outside is not None and outside.behind != BRIDGE:
        findings.add("the stations outside are at the bridge itself", (*path, "ports", OUTSIDE, "behind"))
    _check_ends(bridge, extenders, ports, findings)
    for below in _below_each_port(bridge, own):
        _check_tags(bridge, *below)


def _check_names(extenders: dict[str, _Behind], findings: Findings, parts: Sequence[Part]) -> None:
    servers = {wire for part in parts for wire in part.server.wires}
    for name, one in extenders.items():
        if name in servers:
            findings.add(f"there is a server {name} already, with a port of this name", one.path, besides=["servers"])
        if name == BRIDGE:
            findings.add("bridge has a meaning of its own and is no name of an extender", one.path)


def _check_loops(extenders: dict[str, _Behind], findings: Findings) -> None:
    """Report each loop once, at the first of its extenders."""
    done = {BRIDGE}
    for name in extenders:
        if name in done:
            continue
        way = [name]
        while (above := extenders[way[-1]].behind) in extenders and above not in (*way, *done):
            way.append(above)
        if above in way:
            loop = [*way[way.index(above) :], above]
            text = ", ".join(f"{one} is behind {other}" for one, other in pairwise(loop))
            text = f"{above} is behind itself" if len(loop) == 2 else text
            findings.add(f"{text}: a loop, from which nothing comes to the bridge", (*extenders[above].path, "behind"))
        done.update(way)


def _check_ends(
    bridge: NamedBridge, extenders: dict[str, _Behind], ports: Sequence[_Behind], findings: Findings
) -> None:
    """Find extenders with nothing behind them."""
    in_use = {one.behind for one in (*extenders.values(), *ports)}
    for name, one in extenders.items():
        if name not in in_use:
            example = next((each.name for each in ports), "NAME")
            findings.add(
                f"nothing is behind {name} (--set {bridge.key}.ports.{example}.behind={name})", one.path,
                besides=[(*each.path, "behind") for each in (*extenders.values(), *ports)],
            )  # fmt: skip


def _below_each_port(bridge: NamedBridge, parts: Sequence[Part]) -> Iterator[tuple[str, list[Part]]]:
    """Yield each extender that is directly at a port of the bridge, with the servers below it."""
    below: dict[str, list[Part]] = {}
    for part in parts:
        ways = (bridge.settings.above(wire) for wire in part.server.wires if wire in bridge.settings.ports)
        for top in dict.fromkeys(above[-1] for above in ways if above):
            below.setdefault(top, []).append(part)
    yield from below.items()


def _check_tags(bridge: NamedBridge, extender: str, parts: Sequence[Part]) -> None:
    """Check that all servers below one port use one kind of tag, and that no two stations share an interface number."""
    modes: dict[ModeName, Part] = {part.server.config.switch.mode: part for part in reversed(parts)}
    tagged = [modes[mode] for mode in TAG_MODES if mode in modes]
    if len(tagged) > 1:
        a, b = tagged[:2]
        max(a, b, key=parts.index).findings.add(
            f"all behind {extender} have tags of one kind, but {a.server.name} has {_tag_name(a)}s and {b.server.name} "
            f"{_tag_name(b)}s",
            "switch.mode",
        )
        return
    owners: dict[int, tuple[Part, str]] = {}
    how = MODES[next(iter(modes))]
    key, name = how.key, how.key_name
    for part in parts if how.has_interfaces else ():
        for port in part.server.config.switch.ports:
            number, own = getattr(port, key), part.server.station(port.name)
            other, other_name = owners.setdefault(number, (part, own))
            if other is not part:
                part.findings.add(
                    f"{other_name} and {own} both have {name} {number}, and are behind one port of the bridge, that to "
                    f"{extender}",
                    part.findings.station(port.name, key),
                    besides=[(*bridge.path, "extenders")],
                )
                break  # this server's other stations are likely to clash for the same reason


def _tag_name(part: Part) -> str:
    tag = MODES[part.server.config.switch.mode].tag
    return "" if tag is None else tag.name


class End(NamedTuple):
    """One end of a wire between bridges: the port's bridge, its name and what it says."""

    bridge: NamedBridge
    port_name: str
    port: JoinedPort

    @property
    def name(self) -> str:
        """Return the port's name in the system: left.trunk."""
        return f"{self.bridge.name}.{self.port_name}"

    def path(self, *keys: str) -> KeyPath:
        """Return the path of the port's entry, or of a key in it."""
        return (*self.bridge.path, "ports", self.port_name, *keys)


Wires = Sequence[tuple[End, End]]


def check_joined(config: Config, findings: Findings, parts: Sequence[Part]) -> Wires | None:
    """Check the block `bridges`; return the wires between bridges, None if names or ends are too wrong to tell them."""
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
        has_adapters = any(bridge.is_at(part.server) for part in parts)
        if bridge.settings.kind == "controlling" and not has_adapters:
            findings.add(
                f"kind: controlling is for adapters in mode {' or '.join(TAG_MODES)}, and none is at {bridge.name}",
                (*bridge.path, "kind"), besides=[(*bridge.path, "ports")],
            )  # fmt: skip
    ends = {end.name: end for bridge in bridges for end in _ends_at(bridge)}
    servers = {wire for part in parts for wire in part.server.wires}
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
    """Return the paths of the keys by which a bridge's ports lead to other bridges."""
    return [end.path("to") for end in _ends_at(bridge)]


def _ends_at(bridge: NamedBridge) -> Iterator[End]:
    for name, port in bridge.settings.ports.items():
        if isinstance(port, JoinedPort):
            yield End(bridge, name, port)


def _have_names(bridges: Sequence[NamedBridge], findings: Findings, parts: Sequence[Part]) -> bool:
    """Report names used twice among bridges, extenders and servers; an extender against a server is another check's.

    Return whether the bridges' names are unique, since wires name their ends by them.
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
    """Check that each wire of a server, and the outside, ends at exactly one bridge."""
    several = {wire for part in parts for wire in part.server.wires if len(part.server.wires) > 1}
    for name in (*(wire for part in parts for wire in part.server.wires), OUTSIDE):
        whose, what = (f"port {name}", "a port") if name in several else (f"server {name}", "an adapter")
        at = [bridge for bridge in bridges if name in bridge.settings.ports]
        for bridge in at[1:]:
            if name == OUTSIDE:
                message = f"the stations outside are at {at[0].name} already"
            else:
                message = f"{whose} is at {at[0].name} already; {what} has one wire"
            findings.add(message, (*bridge.path, "ports", name))
        if not at:
            findings.add(
                f"no bridge has a port {f'{name} for that port of the adapter' if name in several else f'for {whose}'} "
                f"(--set bridges.{bridges[0].name}.ports.{name}={{}})",
                ("bridges",), besides=[(*bridge.path, "ports") for bridge in bridges],
            )  # fmt: skip


def _why_wrong(
    end: End, ends: dict[str, End], bridges: Sequence[NamedBridge], servers: set[str]
) -> tuple[KeyPath, str] | None:
    """Return the key and the mistake in where a port leads; None if to no bridge, or to a port that leads back."""
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
    """Report settings that a port to another bridge cannot have."""
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
    """Check that wires join all bridges into one tree; report each loop at the wire that closes it.

    `is_sound`: nothing else is wrong with the bridges, so that a missing wire is really one that was not written.
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
    """Return the wires on the way from one bridge to another, None if nothing joins them."""
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
