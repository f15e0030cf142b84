"""How evenly the senders are served: by what each gets where all want more, by what each gets of what it wants else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import fsum
from typing import TYPE_CHECKING

from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.span import Span
from hwmodel.simulation.window_checks import burst_frames
from hwmodel.workload import Workload
from hwmodel.workload.traffic import UPLINK

if TYPE_CHECKING:
    from hwmodel.config import Config


def fairness(
    config: Config, workload: Workload, book: FlowBook, span: Span, backlog_growth: Mapping[str, int]
) -> float | None:
    """Return Jain's index over senders; None where nothing was delivered, or the window gives no rates.

    `backlog_growth`: by sender, how many more frames wait for a slot of its ring at the window's end than at its begin.
    Senders that keep their rings full are compared by their delivered rates; where there are none, all are compared by
    the share of their own demand that was delivered: demand that differs, and is served in full, is fair. Demand is
    what came due in the window, so that it counts too where it waits for a slot of the ring; a burst of each flow,
    which the end of the window may cut off, does not count as refused.
    """
    if not span.gives_rates:
        return None
    greedy = {source.port for source in workload.sources if source.kind == "closed"} - {UPLINK}
    if greedy:
        n_bytes = _sums(book, span, "n_bytes")
        return jain_fairness(n_bytes.get(name, 0.0) for name in sorted(greedy))
    delivered = _sums(book, span, "delivered")
    n_flows = Counter(sender for sender, _ in book.flows)
    shares = []
    for name, due in _demand(book, span, backlog_growth).items():
        may_be_cut = burst_frames(config) * n_flows[name]
        if due > may_be_cut or delivered[name] > 0:
            shares.append(1.0 if due - delivered[name] <= may_be_cut else delivered[name] / due)
    return jain_fairness(shares)


def _sums(book: FlowBook, span: Span, name: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    grown = span.end.flows[name] - span.start.flows[name]
    for (sender, _), amount in zip(book.flows, grown.tolist(), strict=True):
        sums[sender] = sums.get(sender, 0.0) + amount
    return sums


def backlog_growth(book: FlowBook, span: Span) -> dict[str, int]:
    """Return how many more frames wait for a slot of a ring at the window's end, by the ports of one server."""
    grown = span.end.backlog - span.start.backlog
    return {name: int(grown[number - 1]) for name, number in book.port_numbers.items() if 0 < number <= len(grown)}


def _demand(book: FlowBook, span: Span, backlog_growth: Mapping[str, int]) -> dict[str, float]:
    """Return the frames that came due in the window by sender: offered to a ring, or waiting for a slot of it."""
    return {
        name: offered + (0 if name == UPLINK else backlog_growth[name])
        for name, offered in _sums(book, span, "offered").items()
    }


def jain_fairness(rates: Iterable[float]) -> float | None:
    """Return Jain's index (sum x)**2 / (n * sum x**2): 1 for equal rates, 1/n where one has all.

    None where there is no rate or all are zero. Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    values = list(rates)
    largest = max(values, default=0.0)
    if largest <= 0:
        return None
    shares = [value / largest for value in values]  # the index does not depend on scale; this keeps squares in range
    return fsum(shares) ** 2 / (len(shares) * fsum(share * share for share in shares))
