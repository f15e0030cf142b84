"""Make a document of each server: the file's own blocks, changed by the server's `set`, with the places of both."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from .document import Document, KeyPath, Problem
from .kinds import suggest
from .model import Config
from .names import is_server_name
from .overrides import apply_changes
from .servers import MAX_SERVERS, OWN_BLOCKS

_OF_ALL = ("servers", "bridge")  # what no server has for itself


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
    if len(entries) > 1 and document.data.get("bridge") is None:
        document.data["bridge"] = {}
    names = [str(entry.get("name")) if isinstance(entry, dict) else "" for entry in entries]
    _fill_incast(document, names[0])
    return [ServerDocument(name, _document_of(document, at)) for at, name in enumerate(names)]


def _fill_incast(document: Document, first: str) -> None:
    if document.data.get("workload") is None:
        document.data["workload"] = {}
    workload = document.data["workload"]
    if isinstance(workload, dict) and is_server_name(first):
        workload.setdefault("incast_to", f"{first}.vf0")


def _document_of(document: Document, at: int) -> Document:
    own = Document(
        document.source,
        {name: copy.deepcopy(value) for name, value in document.data.items() if name not in _OF_ALL},
        dict(document.value_places),
        dict(document.key_places),
        unreadable=set(document.unreadable),
    )
    path: KeyPath = ("servers", at, "set")
    entry = document.data["servers"][at]
    changes = entry.get("set") if isinstance(entry, dict) else None
    if not isinstance(changes, dict):
        return own
    prefix = document.dotted(path)
    good: dict[str, Any] = {}
    for key, value in changes.items():
        wrong = _wrong_block(key.partition(".")[0])
        if wrong:
            place = document.place_of((*path, key), key=True)
            document.problems.append(Problem(place, f"{prefix}.{key}", wrong))
        else:
            good[key] = value
    apply_changes(own, document, path, good, f"{prefix}.")
    document.problems.extend(own.problems)
    own.problems = []
    return own


def _wrong_block(block: str) -> str:
    if block in OWN_BLOCKS:
        return ""
    if block in Config.model_fields:
        return f"{block} is that of the whole system; a server has its own {', '.join(OWN_BLOCKS)}"
    return f"unknown key{suggest(block, OWN_BLOCKS)}; a server has its own {', '.join(OWN_BLOCKS)}"
