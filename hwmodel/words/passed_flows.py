"""What is said of a virtual switch's marks and samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwmodel.words.quantities import percent_text

if TYPE_CHECKING:
    from hwmodel.results import Result
    from hwmodel.results.adapter_use import MarkedFrames, SampledFlows


def passed_sentences(result: Result) -> Iterator[str]:
    """Say what a virtual switch has marked, and what its samples tell, if it does so."""
    if result.ecn is not None:
        yield mark_sentence(result.ecn)
    if result.samples is not None:
        yield sample_sentence(result.samples)


def mark_sentence(found: MarkedFrames) -> str:
    """Say how many frames were marked, and for whom most."""
    together = found.together
    text = (
        f"ECN: {together.marked:,} of {together.frames:,} frames ({percent_text(together.share)}) were marked, more "
        f"than {found.threshold_bytes:,} B waiting in front of their receivers"
    )
    if together.marked and len(found.receivers) > 1:
        most = max(found.receivers, key=lambda one: one.share)
        text += f"; most of those for {most.name}, {percent_text(most.share)}"
    return f"{text}. Senders do not react."


def sample_sentence(found: SampledFlows) -> str:
    """Say how well the samples tell the largest flow."""
    text = f"Samples, one in {found.one_in:,} frames: {sum(flow.samples for flow in found.flows):,}"
    known = [flow for flow in found.flows if flow.samples]
    if not known:
        return f"{text}."
    most = max(known, key=lambda flow: flow.frames)
    ends = "frames of no flow" if most.from_ is None else f"{most.from_} to {most.to}"
    return (
        f"{text}, of {len(known)} of {len(found.flows)} flows; by them {ends} had {most.estimated_frames:,.0f} +/- "
        f"{most.frames_error:,.0f} frames (standard error), and it had {most.frames:,}."
    )
