"""Check each bridge against the adapters on its ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwmodel.units import format_bytes, format_rate_bps

from .bridge import OUTSIDE, TAG_MODES
from .check_bridge_ports import check_service_levels, check_translation
from .check_extenders import check_extenders
from .check_joined import check_joined, check_tree, ends_of
from .check_servers import check_vm_names
from .check_switch import check_acl_entry
from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import outer_tag_bytes
from .joined import JoinedPort
from .kinds import suggest
from .model import Config
from .system import NamedBridge, bridge_with, bridges_of


def check_bridge(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the blocks `bridge` and `bridges`."""
    n_known = len(findings.problems)
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
            check_acl_entry(entry, (*bridge.path, "policy", index), findings)
    if wires is not None:
        check_tree(bridges_of(config), wires, findings, is_sound=len(findings.problems) == n_known)


def check_bridge_kind(config: Config, part: Part) -> None:
    """Check that an adapter tags its frames where its bridge relies on it, and else does not."""
    bridge = bridge_with(config, part.server.port)
    if bridge is None:
        return
    mode = part.server.config.switch.mode
    keys = ("switch.mode", (*bridge.path, "kind"))
    kind = bridge.settings.kind
    if kind == "controlling" and mode not in TAG_MODES:
        part.findings.add(f"kind: controlling needs switch.mode vn_tag or e_tag, but it is {mode}", *keys)
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

    `ends`: the keys that say which bridges' ports wires join, None where one of them is wrong: then a port that leads
    nowhere may be its other end.
    """
    by_port = {part.server.port: part for part in parts}
    for name, port in bridge.settings.ports.items():
        path: KeyPath = (*bridge.path, "ports", name)
        part = by_port.get(name)
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
        rate_bps = part.server.config.port.rate_bps
        if port.rate_bps != rate_bps:
            whose = f"of {part.server.name}" if part.server.name else "of the adapter"
            findings.add(
                f"the ends of a wire have one rate, but port.rate {whose} is {format_rate_bps(rate_bps)}",
                (*path, "rate"),
                besides=["port.rate", "servers"],
            )


def _check_buffer(bridge: NamedBridge, parts: Sequence[Part]) -> None:
    """Report the first station whose longest frame finds no room in a bridge or in an extender, ever."""
    settings = bridge.settings
    for part in parts:
        switch = part.server.config.switch
        longest = max(switch.ports, key=lambda port: port.max_frame_bytes)
        is_here = part.server.port in settings.ports
        n_bytes = longest.max_frame_bytes + (outer_tag_bytes(switch.mode) if is_here else 0)
        above = settings.above(part.server.port) if is_here else ()
        rooms: dict[KeyPath, int] = {(*bridge.path, "buffer"): settings.buffer_bytes}
        rooms |= {
            (*bridge.path, "extenders", name, "buffer"): settings.extenders[name].buffer_bytes for name in above or ()
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
