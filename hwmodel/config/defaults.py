"""What a configuration would be with only its presets written: what its own keys are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .document import Document
from .model import Config
from .resolve import fill


def defaults_beside(resolved: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the resolved configuration of the same device, driver and number of VFs, all other keys left out.

    None where `resolved` does not say these, or says what this version does not know.
    """
    try:
        nic, driver = resolved["nic"], resolved["driver"]
        written = {"nic": {"preset": nic["preset"], "vfs": nic["vfs"]}, "driver": {"preset": driver["preset"]}}
        return Config.model_validate(fill(Document("defaults", data=written), ".")).resolved()
    except (KeyError, TypeError, ValidationError):
        return None
