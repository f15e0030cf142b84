"""The version of hwmodel, and that of its model: of one, runs of a configuration and seed give the same figures."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

__version__ = "0.1.0"
# What only calls the simulation, or shows results.
_NO_FIGURES = ("cli", "explore", "processes", "report", "switch_frames", "words")
_DIGITS = 12


@cache
def model_version() -> str:
    """Return hwmodel's version and a hash of the sources that figures come from, like 0.1.0+3f9a5c21d07e."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        path = source.relative_to(package)
        if path.parts[0] not in _NO_FIGURES:
            digest.update(path.as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:_DIGITS]}"
