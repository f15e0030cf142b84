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
    `config.read_base` reads it once. In a mapping, keys may be dotted or nested. Raises InputError with a line for each
    problem.
    """
    _require(isinstance(source, str | Path | Mapping), source)
    return read_base(source).with_overrides(overrides)


def as_config(given: object) -> Config:
    """Return a configuration as it is, else that which `load_config` makes of a path, a shipped name or a mapping.

    Raises InputError for anything else, and for what `load_config` refuses.
    """
    if isinstance(given, Config):
        return given
    _require(isinstance(given, str | Path | Mapping), given)
    return load_config(given)  # type: ignore[arg-type]


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


def _require(is_readable: bool, given: object) -> None:
    if is_readable:
        return
    if isinstance(given, Config):
        raise InputError("this is a configuration already; config.with_overrides({...}) changes it")
    what = "None" if given is None else f"a {type(given).__name__}"
    raise InputError(f"{what} is no configuration; give a path, a name that `hwmodel configs` lists, or a mapping")
