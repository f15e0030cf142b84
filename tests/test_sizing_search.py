"""The search for the cheapest, on machines made up so that the answer is known: found, with few runs, and no other."""

from __future__ import annotations

import itertools
import random

import pytest

from hwmodel.analytic import limits
from hwmodel.explore.sizing import read_sizing
from hwmodel.explore.sizing.cheapest import Cheapest, Rules
from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.size import Describer, answer
from hwmodel.explore.sizing.space import Space
from hwmodel.explore.sizing.trials import MOST_SIMULATIONS, Trials
from hwmodel.units import FS_PER_S
from tests.planted_machine import QUIET, PlantedMachine

# Buffers are outside the closed form, which is then asked once.
BUFFERS = [f"{16 * number}KiB" for number in range(1, 65)]
RINGS = [64 * number for number in range(1, 65)]
LIMIT_NS = 50_000.0


def sizing_of(knobs, target=None, repeats=1, **more):
    return read_sizing({"base": QUIET, "target": target or {"p99": "50us"}, "knobs": knobs, "repeats": repeats, **more})


def knob(values, cost=1.0, monotone=True):
    return {"values": values, "cost": cost, "monotone": monotone}


def p99_machine(room_ns):
    """Meet the target where `room_ns` of a configuration is 0 or more."""
    return PlantedMachine(lambda config: {"p99": LIMIT_NS - room_ns(config)})


@pytest.mark.parametrize("needed", [64, 640, 2048, 4096])
def test_one_monotone_knob_is_bisected(needed):
    machine = p99_machine(lambda config: config.nic.rx_ring - needed)
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS)}), simulator=machine)
    assert found.best == {"nic.rx_ring": needed}
    assert found.is_cheapest and found.n_untested == 0
    # One for the cheapest, the logarithm of what is left, and those beside the answer.
    assert found.simulations == len(machine.configs) <= 1 + 6 + 8


@pytest.mark.parametrize("seed", range(6))
def test_three_monotone_knobs_are_searched_without_going_through_all(seed):
    draw = random.Random(seed)
    values = {
        "nic.rx_ring": [64, 128, 256, 512, 1024],
        "nic.tx_ring": [64, 128, 256, 512, 1024],
        "pcie.tags": [8, 16, 32],
    }
    weights = [draw.uniform(0.5, 2) for _ in values]
    costs = {key: sorted(draw.uniform(0, 10) for _ in numbers) for key, numbers in values.items()}
    places = [{number: place for place, number in enumerate(numbers)} for numbers in values.values()]
    needed = draw.uniform(1, 8)

    def room(config):
        chosen = (config.nic.rx_ring, config.nic.tx_ring, config.pcie.tags)
        return sum(w * at[one] for w, at, one in zip(weights, places, chosen, strict=True)) - needed

    expected = min(
        sum(costs[key][at] for key, at in zip(values, chosen, strict=True))
        for chosen in itertools.product(range(5), range(5), range(3))
        if sum(w * at for w, at in zip(weights, chosen, strict=True)) >= needed
    )
    knobs = {key: {"values": numbers, "costs": costs[key], "monotone": True} for key, numbers in values.items()}
    found = answer(sizing_of(knobs), simulator=p99_machine(room))
    assert found.cost == pytest.approx(expected)
    assert found.is_cheapest
    assert found.simulations <= MOST_SIMULATIONS


def test_what_is_not_monotone_is_gone_through():
    good = {320: 0, 704: 1}
    machine = p99_machine(lambda config: good.get(config.nic.rx_ring, -5))
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:12], monotone=False)}), simulator=machine)
    assert found.best == {"nic.rx_ring": 320} and found.is_cheapest
    assert found.runner_up == {"nic.rx_ring": 704}


def test_bisection_would_miss_it_where_the_file_says_monotone_and_it_is_not():
    machine = p99_machine(lambda config: 0 if config.nic.rx_ring == 320 else -5)
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:12])}), simulator=machine)
    assert found.best is None  # the file's word is taken; see docs/sizing.md


def test_more_than_can_be_gone_through_is_guessed_alike_each_time():
    knobs = {
        "nic.rx_buffer": knob(BUFFERS[:20], 0.01, monotone=False),
        "nic.tx_buffer": knob(BUFFERS[:20], 0.01, monotone=False),
    }  # fmt: skip

    def room(config):
        kib = [config.nic.rx_buffer_bytes / 1024, config.nic.tx_buffer_bytes / 1024]
        return 5.0 - abs(kib[0] - 175) / 25 - abs(kib[1] - 125) / 25

    found = [answer(sizing_of(knobs), simulator=p99_machine(room)) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].simulations <= MOST_SIMULATIONS
    assert not found[0].is_cheapest and found[0].n_untested > 0
    assert found[0].best is not None and found[0].answer.is_met


@pytest.mark.parametrize("seed", range(8))
def test_what_is_guessed_is_not_far_from_the_cheapest(seed):
    draw = random.Random(seed)
    keys = {"nic.rx_buffer": BUFFERS[:8], "nic.tx_buffer": BUFFERS[:8], "nic.rx_ring": RINGS[:8]}
    middle, width = [draw.uniform(0, 8) for _ in keys], [8 / draw.uniform(0.5, 2) for _ in keys]
    needed = draw.uniform(0.25, 0.5)

    def is_short(at):
        return sum(abs(one - m) / w for one, m, w in zip(at, middle, width, strict=True)) - needed

    def room(config):
        nic = config.nic
        return -5000 * is_short(
            (nic.rx_buffer_bytes / 2**14 - 1, nic.tx_buffer_bytes / 2**14 - 1, nic.rx_ring / 64 - 1)
        )

    costs = [sum(at) + 3 for at in itertools.product(range(8), repeat=3) if is_short(at) <= 0]
    knobs = {key: {"values": values, "costs": list(range(1, 9)), "monotone": False} for key, values in keys.items()}
    found = answer(sizing_of(knobs), simulator=p99_machine(room))
    assert found.cost <= 1.3 * min(costs)


def test_a_target_that_nobody_meets_has_a_nearest():
    machine = p99_machine(lambda config: -1000 - abs(config.nic.rx_ring - 192))
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:6], monotone=False)}), simulator=machine)
    assert found.best is None and found.cost is None and found.confidence is None
    assert found.nearest.knobs == {"nic.rx_ring": 192}
    assert found.margin == pytest.approx(-1000 / LIMIT_NS)
    assert {step.change: step.choice.knobs["nic.rx_ring"] for step in found.steps} == {"less": 128, "more": 256}


def test_a_lucky_seed_is_found_out():
    def figures(config):
        lucky = config.nic.rx_ring == 64 and config.run.seed == 1
        return {"p99": LIMIT_NS - (100 if lucky or config.nic.rx_ring >= 192 else -900)}

    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:6])}, repeats=3), simulator=PlantedMachine(figures))
    assert found.best == {"nic.rx_ring": 192}
    assert found.answer.seeds == 3


def test_the_spread_over_seeds_and_disturbed_hosts_is_the_confidence():
    def figures(config):
        is_disturbed = config.host.jitter.kind != "fixed"
        return {"p99": LIMIT_NS - 1000 + (0 if is_disturbed else 1000 * (config.run.seed - 2))}

    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:2])}, repeats=3), simulator=PlantedMachine(figures))
    # Of five runs, 0, 1000, 1000, 1000 and 2000 below the bound, t is 1000 / (707.1 / sqrt(5)) = sqrt(10); the
    # distribution of Student's t of 4 degrees in closed form (Abramowitz and Stegun, 26.7.4).
    cosine, sine = (4 / 14) ** 0.5, (10 / 14) ** 0.5
    assert found.confidence == pytest.approx(0.5 + sine * (1 + cosine**2 / 2) / 2)
    assert found.answer.confidence == found.confidence and found.disturbance.startswith("host.read_latency")
    (p99,) = found.answer.targets
    # The interval beside it is of the same five runs, and ends above 0 where their fastest frame was.
    assert p99.high - p99.figure == pytest.approx(2.776445 * 707.107 / 5**0.5, rel=1e-5)


def test_seeds_that_do_not_differ_are_one():
    """Three runs in step say nothing of a host whose answers differ a little, on which the target is missed."""

    def figures(config):
        return {"gbps": 10.1 if config.host.jitter.kind == "fixed" else 9.7 + 0.1 * (config.run.seed % 2)}

    sizing = sizing_of({"nic.rx_ring": knob(RINGS[:1])}, {"gbps": 10}, 3, set={"workload.load": "saturate"})
    found = answer(sizing, simulator=PlantedMachine(figures))
    assert found.best == {"nic.rx_ring": 64} and found.answer.seeds == 3
    assert found.confidence < 0.5


def test_what_costs_less_with_more_is_found():
    """Costs fall with the size, and the smaller one meets: a larger one that misses does not speak for it."""
    sizing = sizing_of(
        {"nic.rx_buffer": {"values": ["512KiB", "1MiB"], "costs": [2, 1]}},
        {"mpps": 10},
        set={"workload.load": "saturate"},
    )
    machine = PlantedMachine(lambda config: {"mpps": 10.1 if config.nic.rx_buffer_bytes == 2**19 else 9.6})
    found = answer(sizing, simulator=machine)
    assert found.best == {"nic.rx_buffer": "512KiB"} and found.is_cheapest
    assert [choice.is_met for choice in found.cheaper] == [False]


def test_a_closed_form_that_a_run_beats_rules_out_no_more():
    """Each configuration is out of reach by the closed form; runs give twice that, so it is found."""

    def machine(config):
        return {"mpps": 2.0 * 10**3 * config.pcie.lanes}

    knobs = {"pcie.lanes": {"values": [1, 2, 4, 8], "cost": 1}, "nic.rx_buffer": {"values": BUFFERS[:4], "cost": 0.01}}
    sizing = sizing_of(knobs, {"mpps": 3999}, set={"workload.load": "saturate"})
    found = answer(sizing, simulator=PlantedMachine(machine))
    assert found.best == {"pcie.lanes": 2, "nic.rx_buffer": "16KiB"}
    assert found.closed_form_refuted == ("mpps",) and found.n_ruled_out_by_closed_form == 0


@pytest.mark.parametrize("seed", range(12))
def test_small_grids_are_answered_as_by_trying_all(seed):
    """Any figures at all, in three knobs of which two are monotone by rule, any costs, and several targets."""
    draw = random.Random(seed)
    values = {"nic.rx_ring": [64, 128, 256], "nic.rx_buffer": ["64KiB", "128KiB"], "nic.fetch_batch": [1, 4, 8]}
    knobs = {key: {"values": of, "costs": [draw.randint(0, 4) for _ in of]} for key, of in values.items()}
    everyone = list(itertools.product(*values.values()))
    mpps, p99 = ({one: draw.uniform(0, 2) for one in everyone} for _ in range(2))

    def chosen(config):
        return (config.nic.rx_ring, f"{config.nic.rx_buffer_bytes // 1024}KiB", config.nic.fetch_batch)

    def cost(one):
        return sum(knob["costs"][knob["values"].index(at)] for knob, at in zip(knobs.values(), one, strict=True))

    machine = PlantedMachine(lambda config: {"mpps": mpps[chosen(config)], "p99": p99[chosen(config)] * LIMIT_NS})
    # A load so low that the closed form has nothing to say; of rates what comes counts.
    sizing = sizing_of(knobs, {"mpps": 1, "p99": "50us"}, set={"workload.load": "1Gbps"})
    found = answer(sizing, simulator=machine)
    meeting = [one for one in everyone if mpps[one] >= 1 and p99[one] <= 1]
    assert found.is_cheapest
    if not meeting:
        assert found.best is None
        return
    assert found.cost == min(map(cost, meeting))
    assert mpps[tuple(found.best.values())] >= 1 and p99[tuple(found.best.values())] <= 1
    assert {tuple(one.knobs.values()) for one in found.near} <= set(everyone) - set(meeting)


def test_what_the_closed_form_puts_out_of_reach_is_run_as_a_check_and_no_repetition_may_meet_it():
    def gbps(config):
        return 0.999 * limits(config).gbps

    knobs = {"pcie.lanes": {"values": [1, 2], "costs": [4, 8]}}
    one_lane = gbps(sizing_of(knobs, {"gbps": 1}, set={"workload.load": "saturate"}).config((0,)))
    sizing = sizing_of(knobs, {"gbps": 1.02 * one_lane}, set={"workload.load": "saturate"})
    found = answer(sizing, simulator=PlantedMachine(lambda config: {"gbps": gbps(config)}))
    assert found.best == {"pcie.lanes": 2} and found.near == ()
    assert [(one.knobs, one.source, one.is_met) for one in found.cheaper] == [({"pcie.lanes": 1}, "simulation", False)]


def test_a_window_too_short_for_a_figure_is_lengthened():
    def figures(config):
        short = config.run.duration_fs < 4 * FS_PER_S // 1000
        return {"p99": None if short else LIMIT_NS - (config.nic.rx_ring - 128)}

    machine = PlantedMachine(figures)
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:4])}), simulator=machine)
    assert found.best == {"nic.rx_ring": 128}
    assert sum(config.run.duration_fs < FS_PER_S // 500 for config in machine.configs) == 1


def test_a_run_that_fails_rules_out_itself_alone():
    def figures(config):
        return "no room" if config.nic.rx_ring == 64 else {"p99": LIMIT_NS - 1}

    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:3])}), simulator=PlantedMachine(figures))
    assert found.best == {"nic.rx_ring": 128}
    assert [choice.why for choice in found.cheaper] == ["no room"]


def test_the_cheaper_that_fail_and_one_step_either_way_are_told():
    machine = p99_machine(lambda config: 1000 * (config.nic.rx_ring - 256))
    found = answer(sizing_of({"nic.rx_ring": knob(RINGS[:8], 0.5)}), simulator=machine)
    assert found.best == {"nic.rx_ring": 256} and found.cost == 128
    assert [step.choice.is_met for step in found.steps] == [False, True]
    assert [step.value for step in found.steps] == [192, 320]
    assert found.cheaper[0].knobs == {"nic.rx_ring": 192} and found.cheaper[0].targets[0].margin < 0
    assert found.runner_up == {"nic.rx_ring": 320} and found.runner_up_cost == 160
    assert found.answer.limited_by == "pcie.up"


def test_a_rate_with_a_latency_is_offered_and_the_rest_is_headroom():
    knobs = {"nic.rx_ring": knob(RINGS[:2])}
    sizing = sizing_of(knobs, {"gbps": 2, "p99": "50us"}, set={"workload.load": "saturate"})
    asked = []

    def figures(config):
        asked.append(config.workload.load)
        noisy = {"totals.gbps": (1.2, 2.8)}  # of what random arrivals bring in a short window
        if config.workload.load.kind == "saturate":
            return {"gbps": 3.0, "p99": LIMIT_NS / 2, "intervals": {"totals.gbps": (2.9, 3.1)}}
        return {"gbps": 1.99, "p99": LIMIT_NS / 2, "intervals": noisy}

    found = answer(sizing, simulator=PlantedMachine(figures))
    # Two VMs send to each other: 1 Gb/s of each.
    assert {load.rate_bps for load in asked} == {10**9, None}
    assert found.offered == "workload.load: 1Gbps"
    assert found.best == {"nic.rx_ring": 64}
    assert [one.margin for one in found.answer.targets] == pytest.approx([0.5, 0.5])
    assert found.margin == pytest.approx(0.5)
    # What is sure is what gets through beyond: its interval, and not that of the load, stands beside it.
    gbps = found.answer.targets[0]
    assert found.confidence > 0.99 and (gbps.figure, gbps.low, gbps.high, gbps.at_load) == (3.0, 2.9, 3.1, 1.99)
    assert "up to 3.00 +/- 0.10 Gb/s" in found.summary() and "1.99 Gb/s got through" in found.summary()


def test_a_rate_just_offered_is_not_missed_by_a_window_that_could_not_tell():
    """Of 2 Gb/s a short window may see 1.9 and be sure of 1.6 to 2.2; where 1.9 +/- 0.01 gets through it is missed."""
    sizing = sizing_of({"nic.rx_ring": knob(RINGS[:2])}, {"gbps": 2, "p99": "50us"}, set={"workload.load": "saturate"})

    def figures(config):
        if config.workload.load.kind == "saturate":
            return {"gbps": 3.0, "p99": LIMIT_NS / 2}
        is_short = config.run.duration_fs < 4 * FS_PER_S // 1000
        gbps, half = (1.9, 0.3) if is_short else (1.9, 0.01) if config.nic.rx_ring == 64 else (1.99, 0.01)
        return {"gbps": gbps, "p99": LIMIT_NS / 2, "intervals": {"totals.gbps": (gbps - half, gbps + half)}}

    machine = PlantedMachine(figures)
    found = answer(sizing, simulator=machine)
    assert found.best == {"nic.rx_ring": 128} and found.steps[0].choice.is_met is False
    assert sum(config.run.duration_fs < FS_PER_S // 500 for config in machine.configs) == 1


def test_jobs_change_nothing(monkeypatch):
    machine = p99_machine(lambda config: config.nic.rx_ring - 256)
    sizing = sizing_of({"nic.rx_ring": knob(RINGS[:8])})
    assert answer(sizing, simulator=machine, jobs=1) == answer(sizing, simulator=machine, jobs=7)


def test_the_budget_holds_where_nothing_helps():
    knobs = {"nic.rx_buffer": knob(BUFFERS, monotone=False), "nic.tx_buffer": knob(BUFFERS, monotone=False)}
    machine = p99_machine(lambda _config: -1)
    found = answer(sizing_of(knobs), simulator=machine)
    assert len(machine.configs) == found.simulations <= MOST_SIMULATIONS
    assert found.best is None and not found.is_cheapest


def test_a_rule_holds_until_a_run_with_less_gives_more():
    sizing = sizing_of(
        {"nic.rx_ring": knob(RINGS[:5], monotone="auto")}, {"mpps": 10}, set={"workload.load": "saturate"}
    )
    mpps = {64: 9.8, 128: 9.0, 192: 9.4, 256: 9.6, 320: 9.5}
    space = Space(sizing.knobs)
    trials = Trials(sizing, simulator=PlantedMachine(lambda config: {"mpps": mpps[config.nic.rx_ring]}))
    rules = Rules(space, trials)
    rules.learn(trials.run([(3,)])[0])
    assert rules.by_rule.tolist() == [True, True, True, True, False]
    assert rules.by_word.tolist() == [False, False, False, True, False]
    assert rules.shortfall[0] == pytest.approx(0.04) and rules.axes("mpps") == {0}
    rules.learn(trials.run([(0,)])[0])  # 64 gives more than 256
    assert rules.refuted == {"mpps": {0}}
    assert rules.by_rule.tolist() == [True, False, False, True, False]


def test_guesses_stay_among_the_living():
    sizing = sizing_of({"nic.rx_ring": knob(RINGS[:5], monotone=False), "nic.tx_ring": knob(RINGS[:5], monotone=False)})
    space = Space(sizing.knobs)
    trials = Trials(sizing, simulator=p99_machine(lambda config: -config.nic.rx_ring))
    search = Cheapest(space, Screening(sizing, space), trials, 0)
    seen = set()
    for _ in range(25):
        candidate = search.guess(search.alive(None))
        assert candidate not in seen
        seen.add(candidate)
        search.learn(trials.run([candidate])[0])
    assert not search.alive(None).any()
    assert Describer(search).nearest() == (0, 0)
