"""Whether the kernels' machine code is on disk."""

from __future__ import annotations


def kernels_are_cached() -> bool:
    """Tell whether a run finds its compiled kernels; if not, it compiles them first."""
    from hwmodel.kernels import CACHE_DIR

    return any(CACHE_DIR.rglob("engine.run-*.nbc"))
