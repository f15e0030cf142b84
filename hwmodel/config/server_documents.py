"""Make a document of each server: the file's own blocks, changed by the server's `set`, with the places of both."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from .document import Document, KeyPath, Problem
from .kinds import suggest
from .model import OF_SYSTEM, Config
from .names import is_server_name
from .overrides import apply_changes
from .servers import MAX_SERVERS, OWN_BLOCKS


class ServerDocument(NamedTuple):
    """What a server's configuration is made from, under its name."""

    name: str
    document: Document


def split_servers(document: Document) -> list[ServerDocument]:
    """Return a document for each server that a document lists, none where it lists none.

    What follows from there being servers is filled into `document`: the bridge, and whom `incast_to` names. What is
    wrong with the list itself is for the validation that comes; problems with the keys in a `set` are added.
    """
    entries = document.data.get("servers")
    if not isinstance(entries, list) or not entries:
        return []
    if len(entries) > MAX_SERVERS:
        message = f"{len(entries)} servers are more than the {MAX_SERVERS} that there is room for"
        document.problems.append(Problem(document.place_of(("servers",)), "servers", message))
        return []
    if len(entries) > 1 and document.data.get("bridge") is None and not document.data.get("bridges"):
        document.data["bridge"] = {}
    names = [str(entry.get("name")) if isinstance(entry, dict) else "" for entry in entries]
    _fill_incast(document, names[0])
    common, entry_documents = _parted(document, len(entries))
    found = []
    for at, (name, entry) in enumerate(zip(names, entries, strict=True)):
        own = _copied(common)
        if isinstance(entry, dict) and isinstance(entry.get("set"), dict):
            _change(own, entry_documents[at], at, entry["set"])
        document.problems.extend(own.problems)
        own.problems.clear()
        found.append(ServerDocument(name, own))
    return found


def _fill_incast(document: Document, first: str) -> None:
    if document.data.get("workload") is None:
        document.data["workload"] = {}
    workload = document.data["workload"]
    if isinstance(workload, dict) and is_server_name(first):
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


def _copied(document: Document) -> Document:
    return Document(
        document.source,
        copy.deepcopy(document.data),
        dict(document.value_places),
        dict(document.key_places),
        unreadable=set(document.unreadable),
        whole=document.whole,
    )


def _change(own: Document, entry: Document, at: int, changes: dict[str, Any]) -> None:
    """Change a server's document by its `set`, which stands in `entry`; what no server has for itself is left out."""
    path: KeyPath = ("servers", at, "set")
    prefix = entry.dotted(path)
    good: dict[str, Any] = {}
    for key, value in changes.items():
        wrong = _wrong_block(key.partition(".")[0])
        if wrong:
            own.problems.append(Problem(entry.place_of((*path, key), key=True), f"{prefix}.{key}", wrong))
        else:
            good[key] = value
    apply_changes(own, entry, path, good, f"{prefix}.")


def _wrong_block(block: str) -> str:
    if block in OWN_BLOCKS:
        return ""
    if block in Config.model_fields:
        return f"{block} is that of the whole system; a server has its own {', '.join(OWN_BLOCKS)}"
    return f"unknown key{suggest(block, OWN_BLOCKS)}; a server has its own {', '.join(OWN_BLOCKS)}"
