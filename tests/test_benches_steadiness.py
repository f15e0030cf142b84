"""A figure holds where the truth lies in its interval; what misses by three half widths must be warned of."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benches.steadiness import FIGURES, Outcome, kept_in, mean_of, rows, told_of, verdicts
from benches.steadiness_cases import CLASSES, drawn_cases
from hwmodel.results import Latency
from tests.sample_result import sample_result

TOLD = {
    "totals.gbps": (10.0, 9.9, 10.1),
    "latency_ns.p99": (200.0, 190.0, 210.0),
    "latency_ns.p999": (300.0, 250.0, 400.0),
}
HOLDS = {"totals.gbps": 10.05, "latency_ns.p99": 191.0, "latency_ns.p999": 390.0}


def outcome(p99=191.0, warnings=(), seeds=None):
    return Outcome("near", "some", TOLD, (HOLDS | {"latency_ns.p99": p99}, seeds or HOLDS), tuple(warnings))


def test_what_misses_and_by_how_many_half_widths():
    assert outcome().misses(HOLDS) == {}
    assert outcome().misses(HOLDS | {"latency_ns.p99": 230.0}) == {"latency_ns.p99": 3.0}
    assert outcome().misses({"latency_ns.p99": 170.0}) == {"latency_ns.p99": 3.0}


@pytest.mark.parametrize(
    ("one", "silent", "false"),
    [
        (outcome(), 0, 0),
        (outcome(p99=229.0), 0, 0),
        (outcome(p99=231.0), 1, 0),
        (outcome(seeds=HOLDS | {"latency_ns.p99": 231.0}), 1, 0),
        (outcome(p99=231.0, warnings=["The window is short ...: latency_ns may be ..."]), 0, 0),
        (outcome(p99=231.0, warnings=["Not steady in the window: sender_wait_ns rose ..."]), 1, 0),
        (outcome(p99=231.0, warnings=["The run was not steady when ..."]), 0, 0),
        (outcome(warnings=["The window is short ...: latency_ns may be ..."]), 0, 1),
    ],
)
def test_what_is_silent_and_what_is_a_false_alarm(one, silent, false):
    *lines, last = verdicts([one])
    assert len(lines) == silent
    assert f"{false} warn though all holds, {silent} miss silently" in last


def test_the_rows_count_by_class_and_kind_of_figure():
    found = {row[0]: row[1:] for row in rows([outcome(), outcome(p99=231.0)], 0)}
    assert list(found) == list(FIGURES)
    assert found["p99"] == ("-", "50 % of 2", "-", "-", "-")
    assert found["rates"][CLASSES.index("near")] == "100 % of 2"


def test_a_mean_over_seeds_is_of_what_all_have():
    base = sample_result()
    results = [base.__class__(**{**base_fields(base), "latency_ns": one}) for one in (latency(100.0), latency(300.0))]
    assert mean_of(results)["latency_ns.mean"] == 200.0
    none = base.__class__(**{**base_fields(base), "latency_ns": Latency()})
    assert "latency_ns.mean" not in mean_of([*results, none])
    assert set(told_of(results[0])) <= set(results[0].intervals)


def base_fields(result):
    return {name: getattr(result, name) for name in result.__dataclass_fields__}


def latency(mean):
    return Latency(min=1.0, mean=mean, p50=mean, max=900.0, count=10)


def test_outcomes_are_kept(tmp_path):
    path = tmp_path / "kept"
    path.write_text(json.dumps(outcome().__dict__) + "\n")
    assert kept_in(path)["some"].misses(HOLDS) == {}
    assert kept_in(tmp_path / "none") == {} == kept_in(None)


def test_cases_are_drawn_of_each_class_and_alike_for_one_seed():
    first, again = list(drawn_cases(3, 10)), list(drawn_cases(3, 10))
    assert Counter(one.kind for one in first) == dict.fromkeys(CLASSES, 2)
    assert [one.config for one in first] == [one.config for one in again]
    assert [one.name for one in drawn_cases(4, 10)] != [one.name for one in first]
