"""A run holds where the long run's figures lie in its own intervals, or it warns of each that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benches.steadiness import FIGURES, Case, outcome_of, row, verdicts
from hwmodel.config import config_from_mapping
from hwmodel.results import Latency
from tests.sample_result import sample_result

CASE = Case("some", "90%", config_from_mapping({}), "1ms")
INTERVALS = {
    "totals.gbps": (9.9, 10.1), "latency_ns.mean": (90.0, 110.0), "latency_ns.p50": (80.0, 82.0),
    "latency_ns.p99": (190.0, 210.0),
}  # fmt: skip


def result(gbps=10.0, mean=100.0, p50=81.0, p99=200.0, warnings=()):
    base = sample_result()
    return replace(
        base,
        totals=replace(base.totals, gbps=gbps),
        latency_ns=Latency(min=1.0, mean=mean, p50=p50, p99=p99, max=300.0, count=1000),
        intervals=INTERVALS,
        warnings=warnings,
    )


@pytest.mark.parametrize(
    ("long", "warnings", "is_told"),
    [
        (result(), (), True),
        (result(gbps=10.09, p99=190.5), (), True),
        # Its own interval alone counts: none of the long run's, and no other figure's warning.
        (result(p99=211.0), (), False),
        (result(p99=211.0), ("The window is short: latency_ns.mean ...",), False),
        (result(p99=211.0), ("The window holds few bursts that make latency_ns.p99 ...",), True),
        (result(p99=211.0, mean=50.0), ("The window holds few bursts that make latency_ns.p99 ...",), False),
        (result(p99=211.0, mean=50.0), ("The run was not steady at its end: ...",), True),
        (result(p99=211.0), ("99 % of the latency is the wait for a batch",), False),
    ],
)
def test_a_run_holds_where_each_figure_does_or_is_warned_of(long, warnings, is_told):
    outcome = outcome_of(CASE, result(warnings=warnings), long)
    assert outcome.is_told == is_told
    assert row(outcome)[-1] == ("" if is_told else "not told")


def test_what_is_summed_up():
    outcomes = [outcome_of(CASE, result(), result(p99=p99)) for p99 in (200.0, 211.0, 189.0)]
    outcomes.append(outcome_of(CASE, result(warnings=("latency_ns.p99",)), result(p99=500.0)))
    whole, *each = verdicts("drawn", outcomes)
    assert whole == "drawn: 2 of 4 hold or warn (>= 0.9) below; 1 warn of a figure"
    assert (
        each[FIGURES.index("latency_ns.p99")] == "drawn, latency_ns.p99: 1 of 4 hold, 1 of 3 of those without warning"
    )
    assert each[0] == "drawn, totals.gbps: 4 of 4 hold, 4 of 4 of those without warning"
