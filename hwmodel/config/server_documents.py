"""Make a document of each server: the file's own blocks, changed by the server's `set`, with the places of both."""

from __future__ import annotations

from typing import Any, NamedTuple

from .document import Document, KeyPath, Problem
from .kinds import suggest
from .model import OF_SYSTEM, Config
from .names import is_part_name
from .overrides import apply_changes
from .servers import ADAPTER_BLOCKS, MAX_SERVERS, OWN_BLOCKS, adapter_name


class ServerDocument(NamedTuple):
    """What a server's configuration is made from, or that of one of its adapters, under its name in the system.

    `beside`: the names of the server's other adapters.
    """

    name: str
    document: Document
    beside: tuple[str, ...] = ()


class _Part(NamedTuple):
    """Where a server, or one of its adapters, has its name and what it changes."""

    name: str
    beside: tuple[str, ...]
    sets: tuple[tuple[KeyPath, Any, tuple[str, ...]], ...]  # each with the blocks that it may change


def split_servers(document: Document) -> list[ServerDocument]:
    """Return a document for each server that a document lists, or for each of its adapters; none where it lists none.

    What follows from there being servers is filled into `document`: the bridge, and whom `incast_to` names. What is
    wrong with the list itself is for the validation that comes; problems with the keys in a `set` are added.
    """
    entries = document.data.get("servers")
    if not isinstance(entries, list) or not entries:
        return []
    parts = [part for at, entry in enumerate(entries) for part in _parts_of(at, entry)]
    if len(parts) > MAX_SERVERS:
        message = f"{len(parts)} servers are more than the {MAX_SERVERS} that there is room for"
        document.problems.append(Problem(document.place_of(("servers",)), "servers", message))
        return []
    if document.data.get("bridge") is None and not document.data.get("bridges"):
        document.data["bridge"] = {}
    _fill_incast(document, parts[0].name)
    common, entry_documents = _parted(document, len(entries))
    found = []
    for part in parts:
        own = common.copied()
        for path, changes, blocks in part.sets:
            if isinstance(changes, dict):
                _change(own, entry_documents[int(path[1])], path, changes, blocks)
        document.problems.extend(problem for problem in own.problems if problem not in document.problems)
        own.problems.clear()
        found.append(ServerDocument(part.name, own, part.beside))
    return found


def _parts_of(at: int, entry: Any) -> list[_Part]:
    """Return an entry of `servers` as one part, or as one for each of its adapters."""
    if not isinstance(entry, dict):
        return [_Part("", (), ())]
    name, path = str(entry.get("name")), ("servers", at)
    own = ((*path, "set"), entry.get("set"), OWN_BLOCKS)
    listed = entry.get("adapters")
    if not isinstance(listed, list) or not listed:
        return [_Part(name, (), (own,))]
    adapters = [each if isinstance(each, dict) else {} for each in listed]
    names = [adapter_name(name, str(each.get("name"))) for each in adapters]
    return [
        _Part(
            names[k], (*names[:k], *names[k + 1 :]),
            (own, ((*path, "adapters", k, "set"), each.get("set"), ADAPTER_BLOCKS)),
        )
        for k, each in enumerate(adapters)
    ]  # fmt: skip


def _fill_incast(document: Document, first: str) -> None:
    if document.data.get("workload") is None:
        document.data["workload"] = {}
    workload = document.data["workload"]
    if isinstance(workload, dict) and is_part_name(first):
        workload.setdefault("incast_to", f"{first}.vf0")


def _parted(document: Document, n_servers: int) -> tuple[Document, list[Document]]:
    """Return what is common to all servers, and for each server the whole data with the places in its entry alone."""
    own = {name: value for name, value in document.data.items() if name not in OF_SYSTEM}
    common = Document(document.source, own, whole=document.data)
    entries = [Document(document.source, document.data) for _ in range(n_servers)]

    def of(path: KeyPath) -> Document:
        is_entry = len(path) > 1 and path[0] == "servers" and isinstance(path[1], int)
        return entries[int(path[1])] if is_entry else common

    for path, place in document.value_places.items():
        of(path).value_places[path] = place
    for path, place in document.key_places.items():
        of(path).key_places[path] = place
    for path in document.unreadable:
        of(path).unreadable.add(path)
    return common, entries


def _change(own: Document, entry: Document, path: KeyPath, changes: dict[str, Any], blocks: tuple[str, ...]) -> None:
    """Change a server's document by a `set`, which stands in `entry`; what is not its own is left out."""
    prefix = entry.dotted(path)
    good: dict[str, Any] = {}
    for key, value in changes.items():
        wrong = _wrong_block(key.partition(".")[0], blocks)
        if wrong:
            own.problems.append(Problem(entry.place_of((*path, key), key=True), f"{prefix}.{key}", wrong))
        else:
            good[key] = value
    apply_changes(own, entry, path, good, f"{prefix}.")


def _wrong_block(block: str, blocks: tuple[str, ...]) -> str:
    if block in blocks:
        return ""
    who = f"{'a server' if blocks == OWN_BLOCKS else 'an adapter'} has its own {', '.join(blocks)}"
    if block in OWN_BLOCKS:
        return f"{block} is that of the server, for all its adapters; {who}"
    if block in Config.model_fields:
        return f"{block} is that of the whole system; {who}"
    return f"unknown key{suggest(block, blocks)}; {who}"
