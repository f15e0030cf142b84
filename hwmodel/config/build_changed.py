"""Make the configuration of a document of which a few keys have changed: at the cost of what these keys touch.

What they do not touch is kept as it was, and is the same object in both configurations.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cache, partial
from typing import Any, TypeVar

from pydantic import ValidationError, create_model

from .build import (
    OF_PARTS,
    SYSTEM_CHECKS,
    Examined,
    Made,
    OwnPart,
    System,
    at_bridges,
    check_system,
    counts_of,
    examine,
    made_of,
    of_others,
    sound,
)
from .check_bridge import check_bridge_kind
from .document import Document, copied_data
from .findings import Findings, Part
from .kinds import Block
from .model import OF_SYSTEM, keys_of
from .operable import OF_ADAPTERS, OF_WORKLOADS, Check, Operable, Rows, row_of
from .profiles import PROFILES
from .resolve import ALL, fill, fill_station
from .system import Server, split_servers

_OF_SYSTEM = frozenset(OF_SYSTEM) - {"servers"}
_ROWS = Rows((*OF_ADAPTERS, *OF_WORKLOADS))
_Own = TypeVar("_Own", bound=Block)
_OF_SERVER = re.compile(r"servers\.([^.]+)\.(adapters\.[^.]+\.)?set\.")
_BEFORE_STATION = re.compile(r"^servers\.[^.]+\.set\.(?=switch\.ports\.)")
_OF_STATION = re.compile(r"(?:servers\.([^.]+)\.set\.)?switch\.ports\.([^.]+)\.([^.]+)")


def examine_changed(
    document: Document, base_directory: str, before: Examined, keys: Collection[str], *, is_running: bool
) -> Examined:
    """Return what `examine` makes of a document, which stays as it is.

    `before`: the outcome for it without some changes; `keys`: the dotted keys that these have set since. A document
    with which anything is wrong is examined as a whole, so that all of it is told.
    """
    system = None if document.problems else before.system
    found = None if system is None else _changed(document, base_directory, system, keys, is_running=is_running)
    return examine(document.copied(), base_directory, is_running=is_running) if found is None else found


def _changed(
    document: Document, base_directory: str, before: System, keys: Collection[str], *, is_running: bool
) -> Examined | None:
    """Return the outcome if nothing is wrong, and parts have to know of others what they had to; None otherwise."""
    has_profiles = bool(document.data.get(PROFILES))  # of whose lines a key of a station may be one
    stations = None if has_profiles else _stations_in(keys, of_servers=bool(before.own))
    hosts = _hosts_in(keys) if before.own else None
    is_common = hosts is None or any(not key.startswith("servers.") for key in keys)
    are_alone = is_common and bool(keys) and all((row := _row_of(key)) is not None and row.key == key for key in keys)
    document = document.copied() if is_common and stations is None and not are_alone else replace(document, problems=[])

    def again(made: Made, written: Document, host: str = "", **others: Any) -> Made | None:
        if stations is not None:
            return _with_stations(made, written, [station for of, *station in stations if of == host])
        if are_alone:
            return _with_keys(made, written, keys)
        return made_of(written, partial(fill, base_directory=base_directory, **others), made)

    apart = _apart(document, before.own, hosts) if before.own else {}
    if apart is None:
        return None
    own, common = list(before.own), before.common
    for at, one in enumerate(before.own):
        if one.name in apart:
            made = again(one.made, apart[one.name], one.name.partition(".")[0], **one.of_others)
            if made is None or made.problems:
                return None
            own[at] = one._replace(made=made)
    is_seen = any(one is not old and one.at_bridge != old.at_bridge for one, old in zip(own, before.own, strict=True))
    if is_common or is_seen:
        made = again(common, document if is_common else document.copied(), adapters=at_bridges(own))
        if made is None or made.problems or document.problems:
            return None
        common = made
    is_known = are_alone or stations is not None
    rows = map(_row_of, keys) if is_known else ()
    checks = frozenset(check for row in rows if row for check in row.checks or ()) if is_known else None
    return sound(common, own, before) if _is_sound(common, own, before, checks, is_running=is_running) else None


def _stations_in(keys: Collection[str], *, of_servers: bool) -> list[tuple[str, str, str]] | None:
    """Return the server, the station and its key that each of some keys names; None if others may read any of them."""
    found = [_OF_STATION.fullmatch(key) for key in keys]
    if not found or any(one is None or _row_of(one[0]) is None or bool(one[1]) != of_servers for one in found):
        return None
    return [(one[1] or "", one[2], one[3]) for one in found if one is not None]


def _row_of(key: str) -> Operable | None:
    """Return the row of a key of a system, None where it has none, or others may read it than its row says."""
    row = row_of(_BEFORE_STATION.sub("", key), _ROWS)
    return None if row is None or row.checks is None else row


def _hosts_in(keys: Collection[str]) -> set[str] | None:
    """Return the servers whose own keys are among some keys; None if one is a key of which all may make something."""
    own = [_OF_SERVER.match(key) for key in keys if not _is_beside_parts(key)]
    return None if None in own else {found[1] for found in own if found is not None}


def _is_beside_parts(key: str) -> bool:
    """Tell whether nothing of an adapter's own part follows from a key."""
    return key.partition(".")[0] in _OF_SYSTEM or row_of(key, OF_WORKLOADS) is not None


def _apart(document: Document, before: Sequence[OwnPart], hosts: set[str] | None) -> dict[str, Document] | None:
    """Return the documents of the adapters of some hosts (None: all); None if any is wrong, or counts otherwise."""
    apart = {one.name: one.document for one in split_servers(document, hosts)}
    counts = {one.name: counts_of(apart[one.name]) if one.name in apart else one.counts for one in before}
    others = of_others(document, {one.name: one.beside for one in before}, counts)
    found = {name.partition(".")[0] for name in apart}
    is_known = apart.keys() <= counts.keys() and found == (found if hosts is None else hosts)
    is_alike = is_known and all(one.of_others == others[one.name] for one in before)
    return apart if is_alike and not document.problems and (hosts is not None or len(apart) == len(before)) else None


def _is_sound(
    common: Made, own: Sequence[OwnPart], before: System, checks: frozenset[Check] | None, *, is_running: bool
) -> bool:
    """Tell whether some checks of the parts that have changed find nothing; without `checks` all, and of the rest."""
    config = common.config
    assert config is not None
    findings = Findings(common.document, common.doubts)
    parts = [one.part() for one in own] or [Part(Server("", config), findings)]
    changed = [part for part, one, old in zip(parts, own, before.own, strict=True) if one is not old] if own else parts
    for part in changed:
        for check in OF_PARTS if checks is None else checks.difference(SYSTEM_CHECKS):
            check(part.server.config, part.findings)
    for part in parts if checks is None else ():
        check_bridge_kind(config, part)
    if not any(part.findings.problems for part in parts):
        check_system(config, findings, parts, is_running=is_running, is_sound=True, among=checks)
    return not findings.problems and not any(part.findings.problems for part in parts)


def _with_keys(made: Made, written: Document, keys: Collection[str]) -> Made | None:
    """Return what a document makes that has these keys of blocks as they are written now; None if it cannot."""
    config = made.config
    assert config is not None
    data = {name: block for name, block in made.document.data.items() if name != "scenario"}
    for block, _, key in (each.partition(".") for each in keys):
        own = written.data[block]  # whose keys come first, as where all of it is filled in
        data[block] = {**own, **data[block], key: copied_data(own[key])}
        try:
            config = config.model_copy(update={block: _with_values(getattr(config, block), {key: data[block][key]})})
        except ValidationError:
            return None
    return replace(made, config=config, document=replace(made.document, data=data))


def _with_values(block: _Own, values: Mapping[str, Any]) -> _Own:
    """Return a block with other values of some keys, as they are written; raises ValidationError."""
    names = keys_of(type(block))
    given = {
        names[key]: getattr(_with_one_key(type(block), names[key]).model_validate({key: value}), names[key])
        for key, value in values.items()
    }
    return block.model_copy(update=given)


@cache
def _with_one_key(block: type[Block], name: str) -> type[Block]:
    """Return a block that has one attribute of another alone, to validate it as that does."""
    field = copy(block.model_fields[name])
    return create_model(block.__name__, __base__=Block, **{name: (field.annotation, field)})  # type: ignore[call-overload, no-any-return]


def _with_stations(made: Made, written: Document, stations: Collection[Sequence[str]]) -> Made | None:
    """Return what a document makes whose stations have these keys as they are written now; None if one cannot."""
    config, data = made.config, made.document.data
    assert config is not None
    now = {entry["name"]: entry for entry in written.data["switch"]["ports"]}
    entries = {entry["name"]: entry for entry in data["switch"]["ports"]}
    of_all = now.get(ALL, ())
    ports = {port.name: port for port in config.switch.ports}
    for station, key in stations:
        if station not in entries or key not in now.get(station, ()):
            return None
        was = entries[station]
        row = _row_of(f"switch.ports.{station}.{key}")
        assert row is not None, "only such keys are changed alone"
        derived = [one for one in row.followers if one not in now[station] and one not in of_all]
        entries[station] = {one: value for one, value in was.items() if one not in derived} | {key: now[station][key]}
        if derived:
            fill_station(entries[station])
        others = {
            one: entries[station][one]
            for one in (key, *derived)
            if one not in was or repr(entries[station][one]) != repr(was[one])
        }
        try:
            ports[station] = _with_values(ports[station], others) if others else ports[station]
        except ValidationError:
            return None
    if all(ports[port.name] is port for port in config.switch.ports):
        return made
    switch = config.switch.model_copy(update={"ports": tuple(ports.values())})
    data = {**data, "switch": {**data["switch"], "ports": list(entries.values())}}
    document = replace(made.document, data=data)
    return replace(made, config=config.model_copy(update={"switch": switch}), document=document)
