"""Turn pydantic's errors into lines that say where, which key, what is wrong, and what was perhaps meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .document import Document, KeyPath, Problem, is_within
from .kinds import shown, suggest
from .model import Config, keys_of, model_at

_ALIKE = 0.7  # a key less like what was typed is a worse guess than one of that very name in another block
_MOST_HINTS = 200  # looking for similar keys is slow, and a file with more unknown keys is no configuration
# What people call a key elsewhere, and where it stands here.
SYNONYMS: Mapping[str, str] = {
    "mps": "pcie.max_payload", "max_payload_size": "pcie.max_payload", "mrrs": "pcie.max_read_request",
    "rcb": "pcie.read_completion_boundary", "gen": "pcie.generation", "speed": "pcie.generation",
    "width": "pcie.lanes", "lane": "pcie.lanes", "latency": "host.read_latency", "num_vfs": "nic.vfs",
    "vms": "nic.vfs", "queues": "nic.queues_per_vf", "eitr": "driver.moderation", "itr": "driver.moderation",
    "size": "workload.frame_bytes", "frame_size": "workload.frame_bytes", "mtu": "switch.ports.vf0.max_frame",
    "mac": "macs", "vlan": "vlans", "pvid": "port_vlan", "rate_bps": "rate", "device": "nic.preset",
}  # fmt: skip


@dataclass
class Complaints:
    """Hold what pydantic found: problems for the user, paths of wrong values, and blocks in which a key is unknown."""

    problems: list[Problem]
    wrong_paths: list[KeyPath]
    with_unknown_keys: list[KeyPath]


def complaints_from(error: ValidationError, document: Document) -> Complaints:
    """Return what to say of pydantic's errors.

    A value that was not written, but follows from a written one that is wrong, is no problem of its own.
    """
    found = Complaints([], [], [])
    derived: list[Problem] = []
    for number, details in enumerate(error.errors(include_url=False)):
        path = tuple(step for step in details["loc"] if step != "[key]")
        message, at_key = _message(details, path, with_hint=number < _MOST_HINTS)
        problem = Problem(document.place_of(path, key=at_key), document.dotted(path), message)
        if details["type"] == "hwmodel" and not document.is_written(path):
            derived.append(problem)
            continue
        found.wrong_paths.append(path)
        if is_within(path, document.unreadable):
            continue
        found.problems.append(problem)
        if details["type"] == "extra_forbidden":
            found.with_unknown_keys.append(path[:-1])
    found.problems = found.problems or derived
    return found


def _message(details: ErrorDetails, path: KeyPath, *, with_hint: bool) -> tuple[str, bool]:
    """Return what to say, and whether it is about the key rather than the value."""
    kind = details["type"]
    if kind == "hwmodel":
        return details["msg"], details["loc"][-1:] == ("[key]",)
    if kind == "extra_forbidden":
        return "unknown key" + (_key_hint(path) if with_hint else ""), True
    if kind == "missing":
        return "this key is missing", False
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{shown(details['input'])} where keys with values are expected", False
    return details["msg"], False


def _key_hint(path: KeyPath) -> str:
    word = str(path[-1])
    here = ".".join(step for step in path[:-1] if isinstance(step, str))
    siblings = keys_of(model_at(path[:-1]))
    if word in siblings.values():
        return f" (did you mean {next(alias for alias, name in siblings.items() if name == word)}?)"
    lower = word.lower().replace("-", "_")
    synonym = SYNONYMS.get(lower, "")
    block, _, rest = synonym.rpartition(".")
    if synonym and (block == here or not block):
        if rest in siblings:
            return f" (did you mean {rest}?)"
    elif synonym:
        return f" (did you mean {synonym}?)"
    hint = suggest(word, siblings)
    if hint and get_close_matches(lower, siblings, cutoff=_ALIKE):
        return hint
    for block, field in Config.model_fields.items():
        if block != here and isinstance(field.annotation, type) and lower in keys_of(field.annotation):
            return f" (did you mean {block}.{lower}?)"
    if hint:
        return hint
    return f"; known here: {', '.join(siblings)}" if siblings else ""
