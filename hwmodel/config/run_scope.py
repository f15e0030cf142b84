"""What a configuration may ask for and a run of the adapter does not model."""

from __future__ import annotations

from hwmodel.errors import InputError

from .model import Config


def check_run_scope(config: Config) -> None:
    """Raise InputError, a line for each key, where a run would leave out what the configuration asks for."""
    asked = ((config.switch.timing == "core", "switch.timing", "a run takes no time in the switch: use `none`"),)
    problems = [f"{key}: {what}" for is_asked, key, what in asked if is_asked]
    if problems:
        raise InputError(problems)
