"""What is said of a virtual switch: its flow cache's hits, the frames it marked, and what its samples tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.words.quantities import percent_text, printable, server_title

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import FlowCacheUse, LearnedAddresses, MarkedFrames, SampledFlows
    from hwmodel.results.result import AdapterResult, Result


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


def passed_sentences(result: Result) -> Iterator[str]:
    """Say what a virtual switch flooded and marked, and what its samples tell; of several, what each did."""
    yield from _of_switch(result)
    for one in result.servers:
        known = () if one.flow_cache is None else (flow_cache_sentence(one.flow_cache),)
        for sentence in (*known, *_of_switch(one)):
            yield printable(f"{server_title(one.name)}: {sentence}")


def learned_sentence(found: LearnedAddresses) -> str:
    """Say how many frames went to all for want of a known address, and what the table holds."""
    lost = f", {found.not_learned:,} times it had no room for one" if found.not_learned else ""
    return (
        f"The virtual switch knows {found.addresses_known:,} addresses, {found.aged:,} were forgotten{lost}; "
        f"{found.flooded_frames:,} frames to unknown ones were flooded."
    )


def _of_switch(result: Result | AdapterResult) -> Iterator[str]:
    if result.learned is not None and (result.learned.flooded_frames or result.learned.not_learned):
        yield learned_sentence(result.learned)
    if result.ecn is not None:
        yield mark_sentence(result.ecn)
    if result.samples is not None:
        yield sample_sentence(result.samples)


def mark_sentence(found: MarkedFrames) -> str:
    """Say how many frames were marked, and of which receiver's the largest share."""
    together = found.together
    text = (
        f"ECN: {together.marked:,} of {together.frames:,} frames ({percent_text(together.share)}) were marked, more "
        f"than {found.threshold_bytes:,} B waiting in front of their receivers"
    )
    if together.marked and len(found.receivers) > 1:
        most = max(found.receivers, key=lambda one: one.share)
        text += f"; the receiver with the largest share is {most.name}, with {percent_text(most.share)}"
    return f"{text}. Senders do not react."


def sample_sentence(found: SampledFlows) -> str:
    """Say how well the samples tell the largest flow."""
    which = "all" if found.one_in == 1 else f"one in {found.one_in:,}"
    text = f"Samples, {which} frames: {sum(flow.samples for flow in found.flows):,}"
    known = [flow for flow in found.flows if flow.samples]
    if not known:
        return f"{text}."
    most = max(known, key=lambda flow: flow.frames)
    ends = "frames of no flow" if most.from_ is None else f"{most.from_} to {most.to}"
    return (
        f"{text}, of {len(known)} of {len(found.flows)} flows; by them {ends} had {most.estimated_frames:,.0f} +/- "
        f"{most.frames_error:,.0f} frames (standard error), and it had {most.frames:,}."
    )
