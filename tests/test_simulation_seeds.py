"""Several seeds in one call: the first one's result, and the spread of all beside runs of each seed alone."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import mean, stdev

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.errors import Interrupted
from hwmodel.results import Result
from hwmodel.results.result import Spread
from hwmodel.results.summary import summary
from hwmodel.simulation import simulate
from hwmodel.simulation.run import seeds
from hwmodel.simulation.run.seeds import FIGURES, simulate_seeds
from tests.sample_result import sample_result
from tests.simulation_cases import config_of

CONFIG = config_of(
    workload={"pattern": "uniform", "frame_bytes": 570, "load": "2Gbps", "arrivals": "poisson"},
    run={"warmup": "100us", "duration": "5ms", "seed": 7},
)
T_975 = {1: 12.706, 2: 4.303}  # Student's t, 97.5 %, NIST/SEMATECH


@pytest.fixture(scope="module")
def alone():
    return [simulate(config_from_mapping(CONFIG.resolved(), {"run.seed": 7 + i})) for i in range(3)]


@pytest.fixture(scope="module")
def together():
    return simulate_seeds(CONFIG, 3)


def test_the_result_is_that_of_the_first_seed(alone, together):
    assert together.spread != ()
    assert replace(together, spread=(), warnings=alone[0].warnings) == alone[0]


def test_the_spread_is_that_of_runs_of_each_seed(alone, together):
    scalars = [result.scalars() for result in alone]
    assert {one.name for one in together.spread} == {name for name in FIGURES if scalars[0][name]}
    for one in together.spread:
        values = [each[one.name] for each in scalars]
        assert one.seeds == (7, 8, 9)
        assert list(one.values) == values
        half = T_975[2] * stdev(values) / 3**0.5
        assert (one.mean, one.high - one.mean) == pytest.approx((mean(values), half), rel=1e-3)
        assert one.mean - one.low == pytest.approx(one.high - one.mean)
    by_name = {one.name: one for one in together.spread}
    assert by_name["latency_ns.mean"].low < by_name["latency_ns.mean"].high


def test_an_interval_ends_where_figures_do(monkeypatch):
    """Of two seeds it reaches 12.706 halves of their difference to both sides: 21.5 +/- 120.7 us, 0.98 +/- 0.127."""
    sample = sample_result()

    def stand_in(config, *_, **__):
        first = config.run.seed == 7
        latency = replace(sample.latency_ns, min=9e3, p50=12e3 if first else 31e3)
        up = replace(sample.pcie.up, utilization=0.97 if first else 0.99)
        return replace(sample, latency_ns=latency, pcie=replace(sample.pcie, up=up))

    monkeypatch.setattr(seeds, "simulate", stand_in)
    found = simulate_seeds(CONFIG, 2)
    by_name = {one.name: (one.low, one.mean, one.high) for one in found.spread}
    assert by_name["latency_ns.p50"] == pytest.approx((9e3, 21.5e3, 21.5e3 + T_975[1] * 9.5e3), rel=1e-3)
    assert by_name["pcie.up.utilization"] == pytest.approx((0.98 - T_975[1] * 0.01, 0.98, 1), rel=1e-3)
    (line,) = [line for line in summary(found).splitlines() if line.startswith("Mean of 2 seeds")]
    assert "latency_ns.p50 21.5 us (9.00 us to 142 us)" in line and "-" not in line


def test_one_seed_has_a_spread_of_one():
    for one in simulate_seeds(CONFIG, 1).spread:
        assert (one.values, one.low, one.high) == ((one.mean,), None, None)


def test_a_figure_that_some_seeds_lack_is_of_the_others():
    # Of fewer than five bursts of deliveries there is no rate: of short windows some have one, some none.
    changes = {"workload.load": "4Mbps", "run.duration": "1ms", "run.seed": 2, "driver.rx_interrupt_batch": 0}
    config = config_from_mapping(CONFIG.resolved(), {**changes, "nic.rx_writeback_batch": 1})
    found = simulate_seeds(config, 7)
    (gbps,) = [one for one in found.spread if one.name == "totals.gbps"]
    known = [value for value in gbps.values if value is not None]
    assert 0 < len(known) < 7
    assert gbps.mean == pytest.approx(mean(known))
    lacking = {seed for seed, value in zip(gbps.seeds, gbps.values, strict=True) if value is None}
    heads = [text.partition(": ")[0] for text in found.warnings]
    warned = {int(seed) for head in heads for seed in re.findall(r"\d+", re.sub(r", in seed \d+$", "", head))}
    assert lacking <= warned


def test_progress_goes_from_seed_to_seed():
    seen = []
    simulate_seeds(CONFIG, 2, lambda share, text: seen.append((share, text)))
    shares = [share for share, _ in seen]
    assert min(shares) >= 0 and max(shares) <= 1
    assert {text.split(",")[0] for _, text in seen} == {"seed 1 of 2", "seed 2 of 2"}
    assert all((share >= 0.5) == text.startswith("seed 2") for share, text in seen if share != 0.5)


def test_a_spread_is_read_back(together):
    once = Result.from_json(together.to_json())
    assert once.to_json() == together.to_json()
    assert isinstance(once.spread[0], Spread)
    assert once.spread[0].seeds == (7, 8, 9)


def test_a_warning_says_in_how_many_seeds_it_stands(monkeypatch):
    said = {7: ("Both.", "First, 98 %."), 8: ("Both.", "Third."), 9: ("Second.", "Third.", "Both.", "Third, 1 us.")}
    said[8] += ("First, 99.5 %.",)
    alone = {}

    def stand_in(config, *_, **__):
        seed = config.run.seed
        alone[seed] = replace(sample_result(), warnings=said[seed])
        return alone[seed]

    monkeypatch.setattr(seeds, "simulate", stand_in)
    assert simulate_seeds(CONFIG, 3).warnings == (
        "3 of 3 seeds: Both.",
        "2 of 3 seeds (7, 8), in seed 7: First, 98 %.",
        "2 of 3 seeds (8, 9): Third.",
        "Seed 9: Second.",
        "Seed 9: Third, 1 us.",
    )
    assert simulate_seeds(CONFIG, 1).warnings == said[7]


@pytest.mark.parametrize("n_done", [0, 2])
def test_an_interrupt_keeps_the_seeds_that_have_ended(monkeypatch, n_done):
    made = []

    def stopped(config, *_positional, **_named):
        if len(made) == n_done:
            raise Interrupted(sample_result())
        made.append(config.run.seed)
        return sample_result()

    monkeypatch.setattr(seeds, "simulate", stopped)
    with pytest.raises(Interrupted) as caught:
        simulate_seeds(config_of(), 5)
    found = caught.value.result
    if n_done == 0:
        assert found == sample_result()
    else:
        assert found.warnings[0] == "Interrupted: the figures are those of 2 of 5 seeds."
        assert {spread.seeds for spread in found.spread} == {tuple(made)}
        assert caught.value.said == "the figures are those of the seeds whose runs had ended"
