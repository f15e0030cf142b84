"""What is said of a virtual switch's flow cache: in which stage frames were known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.words.quantities import percent_text, three_digits

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import FlowCacheUse


def slow_path_note(asked: float, n_cores: int) -> str:
    """Say that a slow path with cores of its own is asked for more than these do."""
    cores = f"the {n_cores} cores" if n_cores > 1 else "the core"
    return (
        f"Misses of the flow cache ask {cores} of the slow path for {three_digits(asked)} times what they do; what "
        "finds too many waiting is dropped (QUEUE_FULL), which the ceiling leaves out."
    )


def flow_cache_sentence(used: FlowCacheUse) -> str:
    """Say in which stage frames were known, and how many for the slow path were lost."""
    n = max(1, used.looked_up)
    misses = f"{used.misses:,} frames"
    if used.lost:
        misses += f", {used.lost:,} of them dropped since too many waited"
    return (
        f"Flow cache, of {used.looked_up:,} frames in the window: {percent_text(used.exact_hits / n)} known by exact "
        f"match, {percent_text(used.wildcard_hits / n)} with wildcards, {percent_text(used.misses / n)} for the slow "
        f"path ({misses})."
    )
