"""What a configuration would be with only its presets written: what its own keys are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .document import Document
from .model import Config
from .resolve import fill
from .system import changes_between


def defaults_beside(resolved: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the resolved configuration of the same device, driver, VFs, servers and kinds of bridges, no more written.

    None where `resolved` does not say these, or says what this version does not know.
    """
    try:
        nic, driver = resolved["nic"], resolved["driver"]
        written: dict[str, Any] = {
            "nic": {"preset": nic["preset"], "vfs": nic["vfs"]},
            "driver": {"preset": driver["preset"]},
        }
        names = [entry["name"] for entry in resolved.get("servers", [])]
        if names:
            written["workload"] = {"incast_to": f"{names[0]}.vf0"}
        base = _filled(written)
        written["servers"] = [
            {"name": name, "set": changes_between(base, _filled(written, server=at))} for at, name in enumerate(names)
        ]
        if "bridge" in resolved:
            written["bridge"] = {"kind": resolved["bridge"]["kind"]}
        if "bridges" in resolved:
            written["bridges"] = [_bare_bridge(entry) for entry in resolved["bridges"]]
        return _filled(written, adapters=dict.fromkeys(names, base.resolved())).resolved()
    except (KeyError, TypeError, ValidationError):
        return None


def _bare_bridge(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of several bridges with its kind, and with what its ports lead to."""
    ports = {name: {"to": port["to"]} for name, port in entry["ports"].items()}
    return {"name": entry["name"], "kind": entry["kind"], "ports": ports}


def _filled(written: dict[str, Any], **of_system: Any) -> Config:
    return Config.model_validate(fill(Document("defaults", data=written), ".", **of_system))
