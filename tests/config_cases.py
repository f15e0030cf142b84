"""What the tests of configurations share: a file of given text, and the lines that say what is wrong with it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from hwmodel.config import Config, load_config
from hwmodel.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
NAME = "c.yaml"


def load(text: str | bytes, overrides: object = None) -> Config:
    """Load a file c.yaml with this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(path, overrides)


def complaints(text: str | bytes, overrides: object = None) -> list[str]:
    """Return the lines that say what is wrong with a file c.yaml of this text, without the folder's name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(InputError) as refusal:
            load_config(path, overrides)
    return [line.replace(f"{folder}/", "") for line in refusal.value.lines]
