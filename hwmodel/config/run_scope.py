"""What a configuration may ask for and a run of the adapter does not model."""

from __future__ import annotations

from hwmodel.errors import InputError

from .model import Config


def check_run_scope(config: Config) -> None:
    """Raise InputError, a line for each key, where a run would leave out what the configuration asks for."""
    asked = (
        (config.host.iotlb is not None, "host.iotlb", "a run does not model address translation: use `null`"),
        (bool(config.switch.mirrors), "switch.mirrors", "a run carries no mirrored copies: remove the mirrors"),
    )
    problems = [f"{key}: {what}" for is_asked, key, what in asked if is_asked]
    if problems:
        raise InputError(problems)
