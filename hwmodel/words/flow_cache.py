"""What is said of a virtual switch's flow cache: in which stage frames were known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.words.quantities import percent_text

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import FlowCacheUse


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
