"""Which model made a result: two of one version give the same figures for one configuration and seed."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from hwmodel import __version__
from hwmodel.compiled import COMPILED_BLOCKS

# All that a result is made with; what calls it, or shows it, makes no figures.
_BLOCKS = (
    *COMPILED_BLOCKS, "simulation", "workload", "analytic", "results", "config", "wire", "rules", "units.py"
)  # fmt: skip
_DIGITS = 12


@functools.cache
def model_version() -> str:
    """Return hwmodel's version and a hash of the sources that figures come from, like 0.1.0+3f9a5c21d07e."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for block in _BLOCKS:
        path = package / block
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:_DIGITS]}"
