"""How evenly the senders are served: by what each gets where all want more, by what each gets of what it wants else."""

from __future__ import annotations

from hwmodel.results import jain_fairness
from hwmodel.simulation.span import Span
from hwmodel.simulation.workload_state import FlowBook
from hwmodel.workload import Workload
from hwmodel.workload.traffic import UPLINK


def fairness(workload: Workload, book: FlowBook, span: Span) -> float | None:
    """Return Jain's index over senders; None where nothing was delivered, or the window gives no rates.

    Senders that keep their rings full are compared by their delivered rates; where there are none, all are compared by
    the share of their own demand that was delivered: demand that differs, and is served in full, is fair.
    """
    if not span.gives_rates:
        return None
    greedy = {source.port for source in workload.sources if source.kind == "closed"} - {UPLINK}
    delivered = _sums(book, span, "delivered")
    if greedy:
        n_bytes = _sums(book, span, "n_bytes")
        return jain_fairness(n_bytes.get(name, 0.0) for name in sorted(greedy))
    offered = _sums(book, span, "offered")
    wanted = _lag(workload, book, span)
    shares = [min(1.0, delivered[name] / n) * wanted.get(name, 1.0) for name, n in offered.items() if n > 0]
    return jain_fairness(shares)


def _sums(book: FlowBook, span: Span, name: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    grown = span.end.flows[name] - span.start.flows[name]
    for (sender, _), amount in zip(book.flows, grown.tolist(), strict=True):
        sums[sender] = sums.get(sender, 0.0) + amount
    return sums


def _lag(workload: Workload, book: FlowBook, span: Span) -> dict[str, float]:
    """Return for senders with a rate which share of their frames got into the ring: the rest waits at the driver."""
    due: dict[str, float] = {}
    for source in workload.sources:
        if source.port != UPLINK and source.kind in ("periodic", "poisson", "on_off") and source.mean_gap_fs > 0:
            due[source.port] = due.get(source.port, 0.0) + span.fs / source.mean_gap_fs
    posts = span.end.posts - span.start.posts
    return {name: min(1.0, float(posts[book.port_numbers[name] - 1]) / n) for name, n in due.items() if n > 0}
