"""The virtual switch over a window: its flow cache, samples and ECN marks by flow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.machine.counts.flow_state import PASSED_FLOW
from hwmodel.results import FlowCacheUse, LearnedAddresses, MarkedAt, MarkedFrames, SampledFlow, SampledFlows
from hwmodel.simulation.figures.part_snapshots import COUNTED
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.fill.flow_book import FlowBook


def passed_figures(config: Config, book: FlowBook, span: Span) -> dict[str, Any]:
    """Return what a result says of a virtual switch alone, by the names of its fields."""
    return {
        "flow_cache": flow_cache_use(config, span),
        "learned": learned_addresses(config, span),
        "ecn": marked_frames(config, book, span),
        "samples": sampled_flows(config, book, span),
    }


def flow_cache_use(config: Config, span: Span) -> FlowCacheUse | None:
    """Return at which stage of the cache the window's frames hit, and the entries held at its end; None without one."""
    switch = config.virtual_switch
    if switch is None or switch.flow_cache is None:
        return None
    n_counted = len(COUNTED)
    counted = dict(zip(COUNTED, span.grown("flow_cache").tolist(), strict=False))
    exact, wildcard = span.end.flow_cache[n_counted:].tolist()
    return FlowCacheUse(**counted, exact_entries=exact, wildcard_entries=wildcard)


def learned_addresses(config: Config, span: Span) -> LearnedAddresses | None:
    """Return what a virtual switch has learned by the end of the run; None of one that does not learn."""
    switch = config.virtual_switch
    if switch is None or switch.learning is None:
        return None
    return LearnedAddresses(**{name: int(n) for name, n in span.end.learned.items()})


def marked_frames(config: Config, book: FlowBook, span: Span) -> MarkedFrames | None:
    """Say how many frames for each receiver were marked."""
    own = config.virtual_switch
    if own is None or own.ecn_threshold_bytes is None:
        return None
    frames, marked = (span.grown("passed", name)[1:] for name in ("may_be_marked", "marked"))
    found = []
    for name, numbers in book.own_flows.by_receiver().items():
        if frames[numbers].any():
            sums = {"marked": int(marked[numbers].sum()), "frames": int(frames[numbers].sum())}
            found.append(MarkedAt(name=name, **sums))
    return MarkedFrames(threshold_bytes=own.ecn_threshold_bytes, receivers=tuple(found))


SAMPLED = ("frames", "n_bytes", "samples", "sampled_bytes", "sampled_squares")


def sampled_flows(config: Config, book: FlowBook, span: Span) -> SampledFlows | None:
    """Return the estimates for each flow from the window's samples; None without sampling.

    Each frame is sampled independently with probability 1 / n. So n times the sum over the samples (of 1, or of bytes)
    is an unbiased estimate, and n * (n - 1) times the sum of their squares is an unbiased estimate of its variance.
    """
    own = config.virtual_switch
    if own is None or own.sample_one_in is None:
        return None
    flows = book.own_flows
    n, counted = own.sample_one_in, {name: span.grown("passed", name) for name in PASSED_FLOW.names or ()}
    found = []
    for row in np.flatnonzero(counted["frames"]):
        one = {name: int(grown[row]) for name, grown in counted.items()}
        from_, to = flows[row - 1] if row else (None, None)
        found.append(SampledFlow(from_=from_, to=to, **estimates(n, one)))
    return SampledFlows(one_in=n, flows=tuple(found))


def estimates(n: int, counted: Mapping[str, int]) -> dict[str, Any]:
    """Return what one in `n` frames, as counted (`SAMPLED`), tells of all of them, beside what they were."""
    return {
        "frames": counted["frames"],
        "bytes": counted["n_bytes"],
        "samples": counted["samples"],
        "estimated_frames": float(n * counted["samples"]),
        "estimated_bytes": float(n * counted["sampled_bytes"]),
        "frames_error": math.sqrt(n * (n - 1) * counted["samples"]),
        "bytes_error": math.sqrt(n * (n - 1) * counted["sampled_squares"]),
    }
