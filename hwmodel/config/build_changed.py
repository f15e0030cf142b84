"""Make the configuration of a document of which a few keys have changed: at the cost of what these keys touch.

What they do not touch is kept as it was, and is the same object in both configurations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from pydantic import ValidationError

from .build import (
    OF_PARTS,
    Counts,
    Examined,
    Made,
    OwnPart,
    System,
    at_bridges,
    check_system,
    examine,
    made_of,
    of_others,
    own_part,
    sound,
)
from .check_arbitration import check_arbitration
from .check_bridge import check_bridge_kind
from .check_device_limits import check_device_limits
from .check_switch import check_switch
from .document import Document
from .findings import Findings, Part
from .in_operation import OF_WORKLOADS, is_one_of
from .model import OF_SYSTEM, Config
from .resolve import fill
from .switch import Port
from .system import Server, split_servers

_Check = Callable[[Config, Findings], None]
# Keys of stations from which nothing else is filled in, with the few checks that read them.
READ_BY: Mapping[str, tuple[_Check, ...]] = {
    key: checks
    for checks, keys in (
        ((), ("loopback", "self_loopback", "vlan_spoof_check", "ethertype_filter", "receive_burst")),
        ((check_device_limits,), ("trusted", "promiscuous")),
        ((check_arbitration,), ("weight",)),
        ((check_device_limits, check_arbitration), ("receive_limit",)),
        ((check_device_limits, check_switch, check_arbitration), ("rate_limit", "min_rate")),
    )
    for key in keys
}
# Keys from which nothing of an adapter's own part follows.
_BESIDE_PARTS = (*(f"{name}*" for name in OF_SYSTEM if name != "servers"), *OF_WORKLOADS)
_OF_SERVER = re.compile(r"servers\.([^.]+)\.(adapters\.[^.]+\.)?set\.")
_OF_STATION = re.compile(r"(servers\.(?P<server>[^.]+)\.set\.)?switch\.ports\.(?P<station>[^.]+)\.(?P<key>[^.]+)")


def examine_changed(
    document: Document, base_directory: str, before: Examined, keys: Collection[str], *, is_running: bool
) -> Examined:
    """Return what `examine` makes of a document, which stays as it is.

    `before`: the outcome for it without some changes; `keys`: the dotted keys that these have set since. A document
    with which anything is wrong is examined as a whole, so that all of it is told.
    """
    if before.system is not None and not document.problems:
        found = _with_stations(document, before.system, keys)
        if found is None:
            found = _changed(document, base_directory, before.system, keys, is_running=is_running)
        if found is not None:
            return found
    return examine(document.copied(), base_directory, is_running=is_running)


class _Touched(NamedTuple):
    """What keys touch: the parts of these hosts (None: all), and whether the blocks of the whole system."""

    hosts: set[str] | None
    is_common: bool

    @classmethod
    def by(cls, keys: Collection[str]) -> _Touched:
        own = [_OF_SERVER.match(key) for key in keys if not is_one_of(key, _BESIDE_PARTS)]
        is_common = None in own or len(own) < len(keys)
        return cls(None if None in own else {found[1] for found in own if found is not None}, is_common)


def _changed(
    document: Document, base_directory: str, before: System, keys: Collection[str], *, is_running: bool
) -> Examined | None:
    """Return the outcome if nothing is wrong and parts fit to others as they did; None otherwise."""
    touched = _Touched.by(keys) if before.own else _Touched(set(), is_common=True)
    document = document.copied() if touched.is_common else replace(document, problems=[])
    own = _parts(document, base_directory, before.own, touched.hosts)
    if own is None:
        return None
    common = before.common
    if touched.is_common or [one.at_bridge for one in own] != [one.at_bridge for one in before.own]:
        fill_in = partial(fill, base_directory=base_directory, adapters=at_bridges(own))
        common = made_of(document if touched.is_common else document.copied(), fill_in, common)
    if common.problems or document.problems:
        return None
    is_sound = _is_sound(common, own, before, None, is_running=is_running)
    return sound(common, own, before) if is_sound else None


def _parts(
    document: Document, base_directory: str, before: Sequence[OwnPart], hosts: set[str] | None
) -> list[OwnPart] | None:
    """Return a system's parts, those of `hosts` made anew; None if one is wrong, or counts on others that changed."""
    if not before:
        return []
    apart = {one.name: one for one in split_servers(document, hosts)}
    expected = {one.name: one.name.partition(".")[0] for one in before}
    if hosts is not None:
        expected = {name: host for name, host in expected.items() if host in hosts}
    if list(apart) != list(expected) or not (hosts or set()) <= set(expected.values()) or document.problems:
        return None
    counts = {one.name: one.counts if one.name not in apart else Counts.of(apart[one.name].document) for one in before}
    others = of_others(document, {one.name: one.beside for one in before}, counts)
    if any(one.of_others != others[one.name] for one in before):
        return None
    found = [
        one
        if one.name not in apart
        else own_part(apart[one.name], counts[one.name], one.of_others, base_directory, one.made)
        for one in before
    ]
    return None if any(one.made.problems for one in found) else found


def _is_sound(
    common: Made, own: Sequence[OwnPart], before: System, checks: Collection[_Check] | None, *, is_running: bool
) -> bool:
    """Tell whether some checks of the parts that have changed find nothing; without `checks` all, and of the rest."""
    config = common.config
    assert config is not None
    findings = Findings(common.document, common.doubts)
    parts = [one.part() for one in own] or [Part(Server("", config), findings)]
    is_new = [one is not old for one, old in zip(own, before.own, strict=True)] or [True]
    for part, is_changed in zip(parts, is_new, strict=True):
        for check in (OF_PARTS if checks is None else checks) if is_changed else ():
            check(part.server.config, part.findings)
        if checks is None:
            check_bridge_kind(config, part)
    if checks is None and not any(part.findings.problems for part in parts):
        check_system(config, findings, parts, is_running=is_running, is_sound=True)
    return not findings.problems and not any(part.findings.problems for part in parts)


def _with_stations(document: Document, before: System, keys: Collection[str]) -> Examined | None:
    """Return the outcome if all `keys` are some of `READ_BY`, of stations that are there, and nothing is wrong."""
    found = [_OF_STATION.fullmatch(key) for key in keys]
    named = {(one["server"], one["station"], one["key"]) for one in found if one is not None and one["key"] in READ_BY}
    if len(named) < len(keys) or any(bool(before.own) != bool(server) for server, _, _ in named):
        return None
    document = replace(document, problems=[])
    hosts = {server for server, _, _ in named if server is not None}
    apart = {one.name: one.document for one in split_servers(document, hosts)}
    if document.problems or {name.partition(".")[0] for name in apart} != hosts:
        return None

    def changed(made: Made, written: Document) -> Made:
        return _with_keys(made, written, {(station, key) for _, station, key in named})

    common, own = before.common, list(before.own)
    try:
        if own:
            own = [one._replace(made=changed(one.made, apart[one.name])) if one.name in apart else one for one in own]
        else:
            common = changed(common, document)
    except (LookupError, TypeError, ValidationError):  # another station, or another value, than there may be
        return None
    checks = {check for _, _, key in named for check in READ_BY[key]}
    return sound(common, own, before) if _is_sound(common, own, before, checks, is_running=True) else None


def _with_keys(made: Made, written: Document, keys: Collection[tuple[str, str]]) -> Made:
    """Return what a document makes with some keys of stations as they are written now; LookupError if one is not."""
    config, data = made.config, made.document.data
    assert config is not None
    now = {entry["name"]: entry for entry in written.data["switch"]["ports"]}
    entries = {entry["name"]: entry for entry in data["switch"]["ports"]}
    ports = {port.name: port for port in config.switch.ports}
    for station, key in keys:
        was, entries[station] = entries[station], {**entries[station], key: now[station][key]}
        if repr(entries[station]) == repr(was):
            continue
        port = Port.model_validate(entries[station])
        port._n_vfs = ports[station]._n_vfs
        ports[station] = port
    if all(ports[port.name] is port for port in config.switch.ports):
        return made
    switch = config.switch.model_copy(update={"ports": tuple(ports.values())})
    data = {**data, "switch": {**data["switch"], "ports": list(entries.values())}}
    return replace(
        made, config=config.model_copy(update={"switch": switch}), document=replace(made.document, data=data)
    )
