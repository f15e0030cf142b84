"""Which drops are no losses: copies that no station was to get.

A loss is a frame that a station should have got and did not: the one that it is addressed to or, of a group, each that
takes part. So no loss is what drops without a receiver (NO_DESTINATION, UNKNOWN_UNICAST, SAME_PORT) of a group that
nobody joined or of an address that no station has, nor a copy that a bridge has flooded to where its station is not,
whatever it drops for.
"""

from __future__ import annotations

import numpy as np

from hwmodel.config import Config
from hwmodel.rules.drop_kinds import STRAY_DROPS
from hwmodel.simulation.figures.latency_summary import GROUPS, named_drops
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.fill.flow_book import FlowBook


def unwanted_drops(config: Config, book: FlowBook, end: Snapshot, window: Span | None = None) -> int:
    """Return how many drops of a run, or of a window of it, were of frames or copies that no station was to get.

    Where bridges make copies, a flow's losses are what was offered and has neither arrived nor is under way at the end.
    All that is under way then counts as not lost, copies of floods too, so the losses may be so many too low.
    """
    count = end.count if window is None else window.count
    drops = named_drops(end.counts["ledger"]["drops"]) if window is None else window.drops()
    n_drops, strays = sum(drops.values()), sum(drops.get(reason, 0) for reason in STRAY_DROPS)
    if not n_drops or not (strays or count("replicated")):
        return 0
    first = None if window is None else window.start.flows
    offered, delivered = (
        end.flows[name] if first is None else end.flows[name] - first[name] for name in ("offered", "delivered")
    )
    missing = np.maximum(0, offered - delivered)
    names = np.array([name in GROUPS for name in book.flows.names], bool)
    to_nobody = names[book.flows.receivers[: len(missing)]] if len(missing) else np.zeros(0, bool)
    if not count("replicated"):
        return min(strays, int(missing[to_nobody].sum()))
    under_way = count("offered") + count("replicated") - count("delivered") - count("dropped")
    lost = max(0, int(missing[~to_nobody].sum()) - max(0, under_way))
    if config.workload.pcap is not None or config.workload.pattern in GROUPS:
        lost = max(lost, n_drops - strays)  # no flow counts a group's copy before the adapter that it comes to
    return n_drops - min(n_drops, lost)
