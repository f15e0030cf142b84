"""What a configuration would be with only its presets written: what its own keys are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .document import Document
from .model import Config
from .resolve import fill
from .servers import ServerEntry, adapter_name
from .system import Server, entries_of


def defaults_beside(resolved: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the resolved configuration of the same presets, VFs, servers and kinds of bridges, no more written.

    None where `resolved` does not say these, or says what this version does not know.
    """
    try:
        nic, driver = resolved["nic"], resolved["driver"]
        written: dict[str, Any] = {
            "nic": {"preset": nic["preset"], "vfs": nic["vfs"]},
            "driver": {"preset": driver["preset"]},
            "host": {"preset": resolved.get("host", {}).get("preset")},
        }
        entries = [_unchanged(entry) for entry in resolved.get("servers", [])]
        beside = {name: other for entry in entries for name, other in _names_in(entry)}
        if beside:
            written["workload"] = {"incast_to": f"{next(iter(beside))}.vf0"}
        base = _filled(written)
        servers = [
            Server(name, _filled(written, server=at, vfs_beside=n_others * nic["vfs"]))
            for at, (name, n_others) in enumerate(beside.items())
        ]
        listed = entries_of(base.model_copy(update={"servers": tuple(entries)}), servers)
        written["servers"] = [entry.model_dump(by_alias=True) for entry in listed]
        if "bridge" in resolved:
            written["bridge"] = {"kind": resolved["bridge"]["kind"]}
        if "bridges" in resolved:
            written["bridges"] = [_bare_bridge(entry) for entry in resolved["bridges"]]
        return _filled(written, adapters=dict.fromkeys(beside, base.resolved())).resolved()
    except (KeyError, TypeError, ValidationError):
        return None


def _bare_bridge(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of several bridges with its kind, and with what its ports lead to."""
    ports = {name: {"to": port["to"]} for name, port in entry["ports"].items()}
    return {"name": entry["name"], "kind": entry["kind"], "ports": ports}


def _filled(written: dict[str, Any], **of_system: Any) -> Config:
    return Config.model_validate(fill(Document("defaults", data=written), ".", **of_system))


def _unchanged(entry: Mapping[str, Any]) -> ServerEntry:
    adapters = [{"name": each["name"]} for each in entry.get("adapters", [])]
    return ServerEntry.model_validate({"name": entry["name"], "adapters": adapters})


def _names_in(entry: ServerEntry) -> list[tuple[str, int]]:
    """Return a server's name, or those of its adapters, each with how many others the server has."""
    if not entry.adapters:
        return [(entry.name, 0)]
    return [(adapter_name(entry.name, each.name), len(entry.adapters) - 1) for each in entry.adapters]
