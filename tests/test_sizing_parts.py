"""The parts of a sizing on their own: space, closed form, statistics, what is printed and written, the command."""

from __future__ import annotations

import itertools
import json
import random
import sys
from dataclasses import replace

import numpy as np
import pytest

from hwmodel.cli import main
from hwmodel.cli.study_commands import size as size_command
from hwmodel.config import config_from_mapping
from hwmodel.explore import sizing as of_sizing
from hwmodel.explore.side_by_side import outcomes_of
from hwmodel.explore.sizing import read_sizing
from hwmodel.explore.sizing.screening import OUTSIDE_THE_CLOSED_FORM, OUTSIDE_THE_FLOOR, Screening, bounds_of
from hwmodel.explore.sizing.size import size
from hwmodel.explore.sizing.space import Knob, Space
from hwmodel.explore.sizing.targets import Measured, Target, at_least, estimate, measured
from hwmodel.results import Choice, KnobStep, Result, SizingResult, TargetFigure
from hwmodel.results.explored import SizingResult as Record
from hwmodel.results.sizing_text import knobs_text, sizing_sentence, sizing_text
from tests.planted_machine import QUIET
from tests.sample_result import GBPS, sample_result

SMALL = {
    "pcie": {"lanes": 1},
    "nic": {"preset": None, "vfs": 2, "tx_ring": 64, "rx_ring": 64, "tx_buffer": "8KiB", "rx_buffer": "8KiB"},
    "driver": {"preset": "dpdk"},
    "run": {"duration": "500us", "warmup": "100us"},
}


def drawn_space(seed, n_knobs=3):
    draw = random.Random(seed)
    return Space(
        [
            Knob(f"k{axis}", tuple(range(n)), tuple(draw.choice([0, 1, 2.5, 4]) * at for at in range(n)),
                 frozenset(["gbps"] if draw.random() < 0.7 else []))
            for axis, n in enumerate(draw.choices([1, 2, 3, 5], k=n_knobs))
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_the_space_is_ranked_by_cost_then_by_position(seed):
    space = drawn_space(seed)
    everyone = list(itertools.product(*map(range, space.shape)))
    ranked = sorted(everyone, key=lambda one: (space.cost[one], sum(one), one))
    assert space.by_rank(~space.flags(), len(space)) == ranked
    assert space.dearest(~space.flags(), 2) == ranked[::-1][:2]
    assert [int(space.rank[one]) for one in ranked] == list(range(len(space)))
    assert space.cheapest(space.flags()) is None


@pytest.mark.parametrize("seed", range(8))
def test_what_is_no_better_differs_in_monotone_knobs_alone(seed):
    space = drawn_space(seed)
    axes = space.axes(["gbps"])
    draw = random.Random(seed)
    candidate = tuple(draw.randrange(n) for n in space.shape)
    worse, better = space.flags(), space.flags()
    worse[space.no_better(candidate, axes)] = True
    better[space.no_worse(candidate, axes)] = True
    for other in itertools.product(*map(range, space.shape)):
        pairs = list(enumerate(zip(other, candidate, strict=True)))
        assert worse[other] == all(a <= b if axis in axes else a == b for axis, (a, b) in pairs)
        assert better[other] == all(a >= b if axis in axes else a == b for axis, (a, b) in pairs)


def test_the_most_telling_of_a_chain_is_its_middle():
    space = Space([Knob("k", tuple(range(100)), tuple(range(100)), frozenset(["gbps"]))])
    everyone = ~space.flags()
    (at,), n_ruled_out = space.most_telling(everyone, frozenset([0]))
    assert n_ruled_out == 50 and at in (49, 50)
    assert space.middle(everyone) == (50,)
    assert space.most_telling(everyone, frozenset())[1] == 1


@pytest.mark.parametrize("key", sorted(OUTSIDE_THE_FLOOR - OUTSIDE_THE_CLOSED_FORM))
def test_what_is_said_to_be_outside_the_floor_does_not_change_it(key):
    values = {
        "nic.tx_ring": 128, "nic.rx_ring": 128, "nic.descriptor_cache": 40, "nic.queues_per_vf": 2,
        "nic.tx_buffer": "8KiB",
    }  # fmt: skip
    for base in ({}, {"driver": {"preset": "dpdk"}, "nic": {"preset": None}}, {"pcie": {"lanes": 1, "tags": 2}}):
        before, after = (
            bounds_of(config_from_mapping(base, more), [Target("p99", 1)]).figures["p99"]
            for more in ({"nic.preset": None}, {"nic.preset": None, key: values.get(key, 4)})
        )
        assert before == after


@pytest.mark.parametrize("key", sorted(OUTSIDE_THE_CLOSED_FORM))
def test_what_is_said_to_be_outside_the_closed_form_does_not_change_it(key):
    values = {
        "nic.rx_buffer": "32KiB", "switch.queue_bytes": "4KiB", "nic.drop_enable": False,
        "nic.writeback_timeout": "5us", "pcie.arbitration": "reads_first", "workload.on_full": "drop",
    }  # fmt: skip
    targets = [Target("gbps", 1), Target("p99", 1)]
    for base in ({}, {"switch": {"timing": "core"}}, {"workload": {"frame_bytes": 64, "load": "1Gbps"}}):
        before, after = (bounds_of(config_from_mapping(base, more), targets) for more in ({}, {key: values[key]}))
        assert before == after


def everyone_of(screening):
    return itertools.product(*map(range, screening.space.shape))


@pytest.mark.parametrize("seed", range(3))
def test_screening_rules_out_what_asking_each_would(seed):
    draw = random.Random(seed)
    sizing = read_sizing(
        {
            "base": SMALL,
            "target": {"gbps": draw.uniform(3, 12), "p50": f"{draw.randint(1200, 3000)}ns"},
            "knobs": {"pcie.lanes": [1, 2, 4], "pcie.tags": [2, 8], "pcie.max_payload": ["128B", "256B"],
                      "nic.rx_buffer": ["8KiB", "16KiB"], "nic.fetch_batch": [1, 8]},
        }
    )  # fmt: skip
    screening = Screening(sizing, Space(sizing.knobs))
    everyone = ~screening.space.flags()
    screening.find_cheapest(everyone)
    expected = [
        one
        for one in screening.space.by_rank(everyone, 48)
        if not bounds_of(sizing.config(one), sizing.targets).missed(sizing.targets)
    ]
    assert screening.space.cheapest(~screening.missed) == next(iter(expected), None)
    assert len(screening.known) < 24  # of 48
    for candidate in everyone_of(screening):
        screening.ask(candidate)
    for candidate in everyone_of(screening):
        by_itself = bounds_of(sizing.config(candidate), sizing.targets).missed(sizing.targets)
        assert screening.missed[candidate] == bool(by_itself)
    assert not screening.unknown.any()


def test_a_floor_of_latency_is_given_only_where_no_frame_betters_it():
    target = [Target("p50", 1)]
    assert bounds_of(config_from_mapping(QUIET), target).figures["p50"] > 900
    for other in (
        {"workload": {"wire_share": 0.5}},
        {"workload": {"pattern": "incast"}},
        {"workload": {"external": {"rate": "1Gbps"}}},
        {"host": {"cache": {"size": "1MiB", "warm": False}}},
    ):
        assert "p50" not in bounds_of(config_from_mapping(other), target).figures
    mixed = bounds_of(config_from_mapping({"workload": {"sizes": [[64, 1], [1518, 1]]}}), target)
    assert "p50" not in mixed.figures and "max" in mixed.figures
    slow, fast = (bounds_of(config_from_mapping(one), target).figures["p50"] for one in (
        {"host": {"jitter": {"kind": "uniform", "range": "1us"}}}, {}))  # fmt: skip
    assert slow == fast  # the least that jitter adds is nothing


def test_estimates_take_the_wider_of_seeds_and_intervals():
    target = Target("gbps", 10)
    assert estimate(target, [Measured(11)]).probability == pytest.approx(1)
    assert estimate(target, [Measured(9)]).probability == pytest.approx(0)
    assert estimate(target, [Measured(10), Measured(10)]).probability == 0.5  # on the bound, however alike they are
    assert not estimate(target, [Measured(None), Measured(11)]).is_met
    # A run whose window does not tell how far off it is tells nothing alone; of several their spread counts.
    assert estimate(target, [Measured(11, None)]).probability < 0.6
    spread = estimate(target, [Measured(11, None), Measured(11.2, None), Measured(10.9, None)])
    assert 0.98 < spread.probability < 1 and spread.half == pytest.approx(4.303 * 0.1528 / 3**0.5, rel=0.01)
    alone = estimate(target, [Measured(10, 1)])
    assert alone.probability == pytest.approx(0.5) and alone.half == pytest.approx(1)
    assert estimate(target, [Measured(10.4, 1), Measured(10.6, 1)] * 2).half == pytest.approx(0.5)
    assert estimate(target, [Measured(10.5, 1)] * 4, are_alike=True).half == 1  # seeds that do not differ are one
    for are_alike, expected in ((True, 4 / 5), (False, 6 / 7)):  # Laplace: none in three runs that differ, or in five
        lossless = [Measured(0, 3e-5)] * 5
        found = estimate(Target("loss", 0), lossless[:3], lossless[3:], are_alike=are_alike)
        assert found.is_met and found.probability == expected
    assert estimate(Target("loss", 0), [Measured(0, 3e-5)], [Measured(1e-3)] * 2).probability < 0.5
    assert at_least([0.99, 0.98]) == pytest.approx(0.97) and at_least([0.1, 0.1]) == 0


@pytest.mark.parametrize("seed", range(40))
def test_no_bound_within_an_interval_is_met_for_sure(seed):
    """Of noisy runs, a few seeds and two of another host: the interval and the probability are of the same runs."""
    draws = random.Random(seed)
    target = Target(draws.choice(("gbps", "p99")), 10.0)
    runs = [Measured(draws.gauss(10.5, 2.0), draws.expovariate(1.0), least=3.0) for _ in range(draws.randint(3, 7))]
    runs = [replace(run, figure=max(3.0, run.figure)) for run in runs]
    found = estimate(target, runs[:-2], runs[-2:], are_alike=draws.random() < 0.2)
    low, high = found.ends
    assert 3.0 <= low <= found.mean <= high
    if low <= target.bound <= high:
        assert found.probability <= 0.975 + 1e-9 or not found.is_met
    if found.probability > 0.99:
        assert (low if target.is_least else -high) > (target.bound if target.is_least else -target.bound)


def test_figures_are_read_from_results():
    result = sample_result()
    assert measured(Target("gbps", 1), result).figure == pytest.approx(GBPS)
    assert measured(Target("gbps", 1), result).half == pytest.approx(0.02)
    latency = result.latency_ns
    assert measured(Target("p50", 1), result) == Measured(latency.p50, pytest.approx(4000), latency.min)
    n_frames = max(result.totals.offered_frames, result.totals.copies_made)
    assert measured(Target("loss", 0), result) == Measured(0.0, pytest.approx(3 / n_frames))


def test_a_run_that_cannot_be_made_says_why():
    (first,) = outcomes_of([config_from_mapping(SMALL)])
    assert isinstance(first[1], Result)


ANSWER = Choice(
    knobs={"pcie.lanes": 4}, cost=16, is_met=True, source="simulation", limited_by="pcie.up", seeds=3,
    why="It is full.",
    targets=(TargetFigure(metric="gbps", bound=10, figure=13.4, low=13.3, high=13.5, margin=0.34, is_met=True),),
)  # fmt: skip
BELOW = Choice(
    knobs={"pcie.lanes": 2}, cost=8, is_met=None, source="closed form", limited_by="pcie.up",
    targets=(TargetFigure(metric="gbps", bound=10, figure=6.7, margin=-0.33),),
)  # fmt: skip


def result_with(**changes):
    given = {
        "best": ANSWER.knobs, "cost": 16.0, "runner_up": None, "margin": 0.34, "simulations": 7, "confidence": 0.991,
        "is_cheapest": True, "n_candidates": 4, "n_ruled_out_by_closed_form": 2, "n_ruled_out_by_simulation": 1,
        "n_invalid": 0, "n_untested": 0, "n_closed_forms": 3, "answer": ANSWER, "cheaper": (BELOW,),
        "n_run": 2, "n_cheaper_not_run": 1,
        "steps": (KnobStep(knob="pcie.lanes", change="less", value=2, choice=BELOW),),
    }  # fmt: skip
    return SizingResult(**{**given, **changes})


def test_the_answer_is_said_in_one_sentence():
    text = sizing_text(result_with())
    assert text.startswith(
        "pcie.lanes 4: cost 16, the cheapest that meets the target; it meets with a confidence of 99.1 %.\n"
    )
    assert "not run  gbps at most 6.70 Gb/s (by the closed form)" in text
    assert text.splitlines()[1] == (
        "Of 4 configurations 2 were run (7 simulations), 1 of which misses; 2 are out of reach by the closed form "
        "(3 evaluations)."
    )
    assert "1 cheaper one was not run, since the closed form rules it out." in text
    declared = result_with(source={"knobs": {"pcie.tags": [8, 16], "pcie.lanes": {"values": [2, 4], "monotone": True}}})
    assert "since the closed form or the file's `monotone: true` rules it out." in sizing_text(declared)
    assert "confidence of over 99.9 %." in sizing_sentence(result_with(confidence=1.0))
    near = replace(ANSWER, targets=(replace(ANSWER.targets[0], probability=0.72),))
    unsure = sizing_text(
        result_with(answer=near, confidence=0.72, disturbance="host.jitter kind uniform", near=(BELOW,))
    )
    assert "The throughput is near the target, beside the spread of 3 seeds and of hosts a little different (" in unsure
    assert "may meet: pcie.lanes 2 (cost 8, gbps at most 6.70 Gb/s)." in unsure
    assert " unsure " in unsure.partition("margin")[2].splitlines()[1] and " yes " in text.partition("margin")[2]
    assert "the cheapest found to meet" in sizing_sentence(result_with(is_cheapest=False))
    free = replace(result_with().steps[0], choice=replace(BELOW, cost=0.0))
    assert sizing_sentence(result_with(cost=0.0, answer=replace(ANSWER, cost=0.0), steps=(free,))).startswith(
        "pcie.lanes 4: no knob has a cost; the first, with smaller values before larger, that meets the target; it"
    )
    assert knobs_text({"a": [1, 2], "b": True, "c": "64KiB"}) == "a [1, 2], b true, c 64KiB"


def test_that_nothing_meets_is_said_with_the_nearest_and_what_it_misses():
    none = result_with(best=None, cost=None, answer=None, nearest=BELOW, confidence=None, steps=(), cheaper=())
    assert sizing_sentence(none) == (
        "None of 4 configurations meets the target. pcie.lanes 2 (cost 8) comes nearest: its throughput is 6.70 Gb/s, "
        "33 % short."
    )
    far = replace(BELOW, targets=(TargetFigure(metric="p99", bound=1, figure=106e3, margin=-105999.0),))
    alone = replace(none, n_candidates=1, n_closed_forms=1, simulations=1, nearest=far)
    assert sizing_sentence(alone) == (
        "The one configuration there is does not meet the target: its p99 latency is 106 us, 106,000 times the bound."
    )
    assert "could not be tried" in sizing_sentence(
        result_with(answer=None, nearest=None, is_cheapest=False, n_untested=9)
    )


def test_the_document_has_the_fixed_names_first():
    document = json.loads(result_with().to_json())
    assert document["best"] == {"pcie.lanes": 4}
    assert {"best", "cost", "runner_up", "margin", "simulations", "confidence"} <= set(document)
    assert Record is SizingResult
    assert of_sizing.size is size


@pytest.fixture
def sizing_file(tmp_path):
    (tmp_path / "base.yaml").write_text(json.dumps(SMALL), encoding="utf-8")
    path = tmp_path / "sizing.yaml"
    path.write_text(
        "base: base.yaml\ntarget: {gbps: 4}\nknobs: {pcie.lanes: {values: [1, 2, 4], cost: 2}}\nrepeats: 1\n",
        encoding="utf-8",
    )
    return path


def test_the_command_prints_and_writes(sizing_file, tmp_path, capsys, monkeypatch):
    out, notices = tmp_path / "found.json", iter(["compiling ..."])
    module = sys.modules[size.__module__]
    monkeypatch.setattr(module, "announce_compilation", lambda _entries, say: [say(line) for line in notices])
    assert main(["size", str(sizing_file), "--jobs", "1", "--json", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("pcie.lanes 2: cost 4, the cheapest that meets the target")
    assert said.err == "compiling ...\n"
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["best"] == {"pcie.lanes": 2} and document["cost"] == 4
    assert document["config"]["pcie"]["lanes"] == 2
    assert size_command.__doc__


def test_the_command_fails_where_nothing_meets(sizing_file, capsys):
    argv = ["size", str(sizing_file), "--jobs", "1", "--set", "nic.max_pps=1000", "--json", "-"]
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["best"] is None
    assert captured.err == "hwmodel: no configuration was found that meets the target\n"


def test_the_command_refuses_a_bad_file(sizing_file, capsys):
    sizing_file.write_text("target: 3\n", encoding="utf-8")
    assert main(["size", str(sizing_file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_what_the_closed_form_rules_out_is_run_where_that_is_little():
    found = size({"base": SMALL, "target": {"gbps": 1000}, "knobs": {"pcie.lanes": [1, 2, 4, 8]}, "repeats": 1})
    assert found.best is None and found.is_cheapest
    assert found.simulations == found.n_run == 4 and found.n_ruled_out_by_closed_form == 0
    assert found.nearest.knobs == {"pcie.lanes": 8} and found.nearest.source == "simulation"
    assert np.isclose(found.margin, found.nearest.targets[0].figure / 1000 - 1)


def test_too_small_a_tx_buffer_says_nothing_of_larger_ones():
    """Of 2 KiB the closed form allows 9.5 Gb/s on four lanes, of 4 KiB what the link does: 13.4."""
    sizing = read_sizing(
        {"base": "sriov_10g_gen2x4", "target": {"gbps": 12}, "knobs": {"nic.tx_buffer": ["2KiB", "4KiB", "64KiB"]}}
    )
    screening = Screening(sizing, Space(sizing.knobs))
    assert not screening.ask((0,)) and screening.ruled_by((0,)) == "nic.tx_buffer"
    assert screening.ask((1,)) and screening.ask((2,))
