"""Phases that a machine begins with: how far short runs lie apart, and that intervals hold over them."""

from __future__ import annotations

import random
from statistics import fmean, variance

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.config.run import MAX_SEED
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.intervals import Sureness
from hwmodel.simulation.run.run import Run
from hwmodel.simulation.run.short_runs import (
    REPLICAS,
    Replica,
    in_one_cycle,
    phase_warnings_of,
    seeds_beside,
    spread_of,
    widened,
)
from tests.run_cases import merged

NAME = "latency_ns.mean"
# A saturated ring of 82599s: for as long as it runs its latency is 10 or 25 us, by how its cores began.
RING = {
    "pcie": {"generation": 3, "lanes": 4}, "nic": {"strict": False, "preset": "82599", "vfs": 4},
    "driver": {"preset": "kernel"}, "run": {"duration": "3ms"},
    "workload": {"pattern": "ring", "frame_bytes": 1518, "load": "105% of ceiling", "arrivals": "poisson",
                 "on_full": "drop"},
}  # fmt: skip

TWO_SERVERS = {
    "pcie": {"generation": 3, "lanes": 4}, "nic": {"strict": False,
                                                   "preset": "82599", "vfs": 2, "tx_ring": 512, "rx_ring": 512},
    "driver": {"preset": "kernel"}, "servers": [{"name": "a"}, {"name": "b"}],
    "bridge": {"buffer": "64KiB", "latency": "500ns"}, "run": {"seed": 854275, "duration": "20ms"},
    "workload": {"pattern": "ring", "frame_bytes": 256, "load": "120% of ceiling", "arrivals": "poisson"},
}  # fmt: skip
ALONE = {"workload.pattern": "incast", "nic.vfs": 2}  # one sends


def replica(figure: float) -> Replica:
    return Replica({NAME: figure})


def own_run(figure: float, low: float, high: float, least_ns: dict[str, float] | None = None) -> Sureness:
    """Return what a run knows of the one figure, whose interval is given."""
    return Sureness({NAME: figure}, {NAME: (low, high)}, {}, least_ns=least_ns or {})


def test_by_hand():
    """Six values 1 to 6: a variance of 3.5, Student's t of 5 degrees 2.5706, a mean of 3.5."""
    assert spread_of(range(1, 7)) == pytest.approx(2.5706 * 3.5**0.5, rel=1e-4)
    found = widened(own_run(70.0, 67.0, 74.0), [replica(value) for value in range(1, 7)])
    reach = 20 * 2.5706 * (3.5 - (3 / 20 / 1.96) ** 2) ** 0.5  # the lower half of the run's own, by 3.5 in place of 70
    assert found[NAME] == (max(0.0, 70 - (9 + reach**2) ** 0.5), pytest.approx(70 + (16 + reach**2) ** 0.5, rel=1e-4))


def test_a_run_that_lies_apart_from_all_short_runs_reaches_to_them():
    """Six at 100 and the run at 50: of these seven a variance of 357, and Student's t of 6 degrees is 2.4469.

    The run's window is off by 2 %, of the mean of the seven.
    """
    own, others = own_run(50.0, 49.0, 51.0), [replica(100.0)] * REPLICAS
    assert widened(own, others)[NAME] == (49.0, 51.0), "they say nothing of it where they are no draws of the same"
    reach = (1 + 2.4469**2 * (6 * 2500 / 7 / 6 - (0.02 * 650 / 7 / 1.96) ** 2)) ** 0.5
    assert widened(own, others, [NAME])[NAME] == pytest.approx((50 - reach, 50 + reach), rel=1e-3)
    assert not list(phase_warnings_of(own, others))
    assert "latency_ns by 92 %" in next(phase_warnings_of(own, others, [NAME]))


def test_a_figure_of_nothing_reaches_to_what_short_runs_met():
    """Two senders that never meet in the window, and do in half of the short runs."""
    own, others = own_run(0.0, 0.0, 0.0), [replica(each) for each in (0.0, 150.0) * 3]
    assert widened(own, others)[NAME] == (0.0, 0.0)
    assert widened(own, others, [NAME])[NAME][1] > 150


def test_no_mean_is_below_the_least_of_all_runs():
    least = [{"latency_ns": each} for each in (30.0, 20.0, 25.0)]
    own = own_run(50.0, 49.0, 51.0, least[0])
    others = [Replica({NAME: at}, least[at % 2 + 1]) for at in (10, 100, 51, 90)]
    assert widened(own, others)[NAME][0] == 20.0
    assert widened(own, [*others, replica(100.0)])[NAME][0] == 20.0, "of one without frames nothing is known"


def test_what_windows_explain_is_not_counted_twice():
    """Values that are off by chance alone, as much as a window of their length says: little is left between them."""
    drawn = random.Random(5)
    samples = [[100 + drawn.gauss(0, 1) for _ in range(REPLICAS)] for _ in range(400)]
    assert fmean(spread_of(one, 0.0196) for one in samples) < 0.7 * fmean(map(spread_of, samples))


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_short_windows_are_off_by_more_than_the_run_as_the_root_of_their_length(share):
    """Six of a variance of 3.5 round 3.5, where windows as long as the run are off by 1: shorter ones by its root."""
    reach = 2.5706 * (3.5 - 1 / share * (1 / 1.96) ** 2) ** 0.5
    found = widened(own_run(3.5, 2.5, 4.5), [replica(float(at)) for at in range(1, 7)], share=share)
    assert found[NAME][1] == pytest.approx(3.5 + (1 + reach**2) ** 0.5, rel=1e-3)


def test_of_random_arrivals_that_get_through_latencies_alone_differ_beyond_their_windows():
    """Interrupts in one of two levels: means of 1 to 6 that windows know well, and rates that arrivals set."""
    names = (NAME, "totals.gbps")
    others = [Replica(dict.fromkeys(names, float(at))) for at in range(1, 7)]
    own = Sureness(dict.fromkeys(names, 3.5), dict.fromkeys(names, (3.4, 3.6)), {})
    found = widened(own, others, is_random=True)
    reach = 2.5706 * (3.5 - (0.1 / 1.96) ** 2) ** 0.5
    assert found[NAME][1] == pytest.approx(3.5 + (0.1**2 + reach**2) ** 0.5, rel=1e-3)
    assert found["totals.gbps"] == (3.4, 3.6)
    assert "adaptive_moderation" in next(phase_warnings_of(own, others, is_random=True))
    half = 1.97 * 3.5**0.5  # which explains all of it
    noisy = own_run(3.5, 3.5 - half, 3.5 + half)
    assert widened(noisy, others, is_random=True)[NAME][1] == pytest.approx(3.5 + half)


def test_three_that_agree_are_draws_of_one_cycle():
    """Of 100, 100.2 and 100.4: a standard deviation of 0.2, and Student's t of 2 degrees is 4.3027."""
    own, others = own_run(100.2, 100.1, 100.3), [replica(100.0), replica(100.4)]
    assert in_one_cycle(own.figures, others)
    reach = ((4.3027 * (0.2**2 - (0.1 / 1.96) ** 2) ** 0.5) ** 2 + 0.1**2) ** 0.5
    assert widened(own, others, [NAME])[NAME] == pytest.approx((100.2 - reach, 100.2 + reach), rel=1e-6)


@pytest.mark.parametrize(
    ("others", "is_one"),
    [
        ([replica(100.0), replica(100.5)], True),
        ([replica(100.0), replica(100.51)], False),
        ([replica(99.4), replica(100.0)], False),
        ([replica(100.0)], False),
        ([replica(100.0), Replica({})], False),
    ],
)
def test_what_differs_by_half_a_percent_may_be_of_two_cycles(others, is_one):
    assert in_one_cycle({NAME: 100.0}, others) is is_one


def test_percentiles_and_what_each_vm_gets_need_not_agree():
    names = ("latency_ns.p99", "vms.vf0.rx_gbps")
    one, other = ({NAME: 100.0, **dict.fromkeys(names, figure)} for figure in (1.0, 2.0))
    assert in_one_cycle(one, [Replica(one), Replica(other)])
    assert not in_one_cycle({"totals.gbps": 1.0}, [Replica({"totals.gbps": 1.01})] * 2)


@pytest.mark.real_clocks
@pytest.mark.parametrize(
    ("changes", "n_runs"),
    [
        ({}, 2),
        ({"run.warmup": "20us"}, 3),  # rings fill in the window, which has fewer frames than a short run
        ({"run.warmup": "20us", "run.duration": "10ms"}, 6),
        ({"workload.load": "20% of ceiling", "workload.arrivals": "periodic"}, 3),  # some meet in some draws
        ({**ALONE, "workload.load": "20% of ceiling", "workload.arrivals": "periodic"}, 2),  # nobody to meet
        ({"workload.load": "20% of ceiling", "workload.arrivals": "poisson"}, 0),
    ],
)
def test_more_are_made_where_two_do_not_settle_it(changes, n_runs, monkeypatch):
    seeds, made = [], Run._replica
    monkeypatch.setattr(Run, "_replica", lambda run, shorts, seed: seeds.append(seed) or made(run, shorts, seed))
    simulate(load_config("sriov_10g_gen2x4", {"run.duration": "2ms", "run.seed": 1, **changes}))
    assert sorted(seeds) == sorted(seeds_beside(1)[:n_runs])


def test_of_too_few_nothing_is_said():
    assert spread_of([1, 9]) == 0.0
    assert widened(own_run(4.0, 3.0, 5.0), [Replica({})] * 4, [NAME])[NAME] == (3.0, 5.0)
    assert spread_of([0.0] * 4) == 0.0


@pytest.mark.real_clocks
def test_a_run_whose_short_runs_have_all_gone_over_to_another_cycle_says_so():
    """Two servers at 120 %: five short runs of six have a frame at the guest twice as late as this run has."""
    found = simulate(config_from_mapping(TWO_SERVERS))
    assert found.latency_to_guest_ns.mean < 25_000 and found.intervals["latency_to_guest_ns.mean"][1] > 35_000
    assert any("latency_to_guest_ns by" in text for text in found.warnings)


@pytest.mark.parametrize("seed", [0, 7, MAX_SEED])
def test_seeds_are_valid_and_others(seed):
    found = seeds_beside(seed)
    assert len({seed, *found}) == 1 + REPLICAS and all(0 <= each <= MAX_SEED for each in found)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.real_clocks
def test_a_machine_that_settles_into_one_of_several_cycles_has_an_interval_over_them():
    results = [simulate(config_from_mapping(merged(RING, {"run": {"seed": seed}}))) for seed in range(1, 6)]
    means = [result.latency_ns.mean for result in results]
    own = results[0].intervals[NAME]
    assert variance(means) ** 0.5 > 0.1 * fmean(means)  # they do settle into others, or this says nothing
    assert sum(low <= fmean(means) <= high for low, high in (one.intervals[NAME] for one in results)) >= 4
    assert all(any("Locked in phase" in text for text in one.warnings) for one in results)
    exact = simulate(config_from_mapping(merged(RING, {"run": {"clocks": "exact"}})))
    assert exact.intervals[NAME][1] - exact.intervals[NAME][0] < (own[1] - own[0]) / 4
    assert not any("Locked in phase" in text for text in exact.warnings)


def test_figures_of_each_vm_have_their_part():
    result = simulate(config_from_mapping(RING))
    rates = {vm.name: vm.rx_gbps for vm in result.vms}
    for name in ("vf0", "vf1", "vf2", "vf3"):
        low, high = result.intervals[f"vms.{name}.rx_gbps"]
        assert low < rates[name] < high
