"""Load a configuration from a file or a mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError

from .base_document import read_base
from .model import Config
from .overrides import Overrides


def load_config(source: str | Path | Mapping[str, Any], overrides: Overrides | None = None) -> Config:
    """Load the configuration file at the path `source`, or nested mappings as it would hold them, with `overrides`.

    The name of a shipped configuration (`hwmodel configs`) is as good, where no file has it. `overrides` is a mapping
    of dotted keys to values, or `key=value` texts as on the command line. For many overrides of one document,
    `config.read_base` reads it once. Raises InputError with a line for each problem.
    """
    return read_base(source).with_overrides(overrides)


def as_config(given: object) -> Config:
    """Return a configuration as it is, else that which `load_config` makes of a path, a shipped name or a mapping.

    Raises InputError for anything else, and for what `load_config` refuses.
    """
    if isinstance(given, Config):
        return given
    if isinstance(given, str | Path | Mapping):
        return load_config(given)
    raise InputError(
        f"a {type(given).__name__} is no configuration; it comes from hwmodel.load_config, or is a path or a mapping"
    )


def config_from_mapping(
    mapping: Mapping[str, Any], overrides: Overrides | None = None, base_directory: str | Path = "."
) -> Config:
    """Build a configuration from nested mappings as a file would hold them.

    Relative file names start at `base_directory`. Raises InputError with a line for each problem.
    """
    return read_base(mapping, base_directory).with_overrides(overrides)


def place_lines(path: str | Path, overrides: Overrides | None, lines: Sequence[str]) -> list[str]:
    """Put file, line and column before messages on a configuration, as `BaseDocument.place_lines` does."""
    return read_base(path).place_lines(overrides, lines)
