"""Check port extenders: each comes to a controlling bridge, somebody is behind it, and interfaces below it differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from .bridge import OUTSIDE, TAG_MODES
from .document import KeyPath
from .extenders import BRIDGE
from .findings import Findings, Part
from .kinds import suggest
from .system import NamedBridge

_INTERFACES = {"vn_tag": ("vif", "VIF"), "e_tag": ("ecid", "E-CID")}


class _Behind(NamedTuple):
    """A port or an extender, at a key, and what it is behind."""

    name: str
    path: KeyPath
    behind: str


def check_extenders(bridge: NamedBridge, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the extenders of a bridge and what stands behind them."""
    settings, path = bridge.settings, bridge.path
    own = [part for part in parts if part.server.port in settings.ports]
    extenders = {name: _Behind(name, (*path, "extenders", name), one.behind)
                 for name, one in settings.extenders.items()}  # fmt: skip
    ports = [_Behind(name, (*path, "ports", name), one.behind) for name, one in settings.ports.items()
             if name not in bridge.wires]  # fmt: skip
    is_tagged = any(part.server.config.switch.mode in TAG_MODES for part in own)
    if extenders and settings.kind != "controlling" and not is_tagged:
        message = "extenders need a bridge of kind: controlling, and adapters in mode vn_tag or e_tag"
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
    servers = {part.server.port for part in parts}
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
    """Give for each port of the bridge that leads to an extender that extender and the servers below it."""
    below: dict[str, list[Part]] = {}
    for part in parts:
        above = bridge.settings.above(part.server.port)
        if above:
            below.setdefault(above[-1], []).append(part)
    yield from below.items()


def _check_tags(bridge: NamedBridge, extender: str, parts: Sequence[Part]) -> None:
    """Check that all below a port of the bridge have tags of one kind, and no two stations one interface."""
    modes: dict[str, Part] = {part.server.config.switch.mode: part for part in reversed(parts)}
    if all(mode in modes for mode in TAG_MODES):
        vn, e = (modes[mode] for mode in TAG_MODES)
        last = max(vn, e, key=parts.index)
        last.findings.add(
            f"all behind {extender} have tags of one kind, but {vn.server.name} has VN-Tags and {e.server.name} "
            "E-TAGs",
            "switch.mode",
        )  # fmt: skip
        return
    owners: dict[int, tuple[Part, str]] = {}
    key, name = _INTERFACES.get(next(iter(modes)), ("", ""))
    for part in parts if key else ():
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
                break  # the others of this server are likely to be of the same mistake
