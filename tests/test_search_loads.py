"""The search over loads on a machine made up: what is decided from which window, brackets, text, the command."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction

import pytest

from hwmodel.cli import main
from hwmodel.cli.arguments import SEARCHES
from hwmodel.cli.commands import search
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.explore.search import search_loads
from hwmodel.explore.search.load_search import KINDS, MOST_BURST, highest
from hwmodel.explore.search.loads import MOST_FRAMES, Dial, Loads, dial_of
from hwmodel.results import Latency, LoadSearch
from hwmodel.results.explored import LoadTrial
from hwmodel.results.search_text import loses_anyhow, search_sentence, search_text
from hwmodel.units import FS_PER_S
from tests.sample_result import sample_result

CONFIG = {
    "nic": {"preset": None, "vfs": 2, "tx_buffer": "8KiB", "rx_buffer": "8KiB"},
    "driver": {"preset": "dpdk"},
    "run": {"duration": "1ms"},
}
CAPACITY_MPPS = 0.4
RING_FRAMES = 2000


class FluidMachine:
    """A queue that is served at one rate: begins empty, drops above `RING_FRAMES`.

    `slow_mpps` is the rate as long as fewer than `warm_frames` wait: batches are small then. What is served is taken
    `at_once` frames at a time, the first of them `early` frames sooner.
    """

    def __init__(self, dial: Dial, capacity=CAPACITY_MPPS, slow_mpps=None, warm_frames=0, at_once=1, early=0):
        self.dial = dial
        self.at_once, self.early = at_once, early
        self.rates = (slow_mpps or capacity, capacity, warm_frames)
        self.sample = sample_result(intervals={})
        self.windows = []

    def __call__(self, configs, jobs):
        for number, config in enumerate(configs):
            yield number, self._run(config)

    def _run(self, config):
        share = Fraction(config.workload.load.share)
        offered_mpps = float(self.dial.offered_per_s(share)) / 1e6
        warmup_us, window_us = (at * 1e6 / FS_PER_S for at in (config.run.warmup, config.run.duration_fs))
        self.windows.append(window_us * offered_mpps)
        slow, fast, warm = self.rates
        step_us, waiting, taken, dropped = (warmup_us + window_us) / 5000, 0.0, 0.0, 0.0
        served_before = 0.0
        for step in range(5000):
            rate = slow if waiting < warm else fast
            served = min(waiting + offered_mpps * step_us, rate * step_us)
            waiting += offered_mpps * step_us - served
            dropped += max(0.0, waiting - RING_FRAMES)
            waiting = min(waiting, RING_FRAMES)
            taken += served if step * step_us >= warmup_us else 0
            served_before += served if step * step_us < warmup_us else 0
        done = [served_before, served_before + taken]
        before, after = (int((n_frames + self.early) / self.at_once) * self.at_once for n_frames in done)
        taken = after - before
        latency = Latency(count=round(taken), p50=1e3, p99=2e3)
        totals = dataclasses.replace(
            self.sample.totals, dropped_frames=int(dropped), in_flight_frames=int(waiting), gbps=1.0
        )
        window = dataclasses.replace(self.sample.window, start_ns=warmup_us * 1e3, end_ns=(warmup_us + window_us) * 1e3)
        return dataclasses.replace(
            self.sample, totals=totals, window=window, latency_ns=latency, latency_to_guest_ns=latency
        )


def loads_of(precision=0.01, **machine):
    dial = dial_of(config_from_mapping(CONFIG))
    return Loads(dial, precision, simulator=FluidMachine(dial, **machine))


@pytest.mark.parametrize("capacity", [0.05, 0.4, 2.0, 2.5])
def test_the_bracket_holds_the_capacity(capacity):
    loads = loads_of(capacity=capacity)
    low, high = highest(loads)
    assert low.offered_mpps <= capacity * 1.003
    assert high.offered_mpps >= capacity
    assert high.offered_mpps - low.offered_mpps <= 0.0101 * high.offered_mpps
    assert loads.n_runs <= 40


@pytest.mark.parametrize("early", range(0, 64, 9))
def test_what_is_taken_at_once_at_a_windows_end_does_not_hide_a_loss(early):
    """A quarter of the precision is 0.1 %; clocks are allowed 0.01 %."""
    dial = dial_of(config_from_mapping(CONFIG))
    assert dial.at_once_frames == 2 * 32  # two VMs that poll for 32 frames each
    loads = Loads(dial, 0.004, simulator=FluidMachine(dial, at_once=64, early=early))
    low, high = highest(loads)
    assert low.offered_mpps <= CAPACITY_MPPS * 1.0011
    assert low.offered_mpps >= CAPACITY_MPPS * 0.995 and high.offered_mpps > CAPACITY_MPPS
    assert len({trial.share for trial in loads.trials}) == len(loads.trials)


def test_a_share_of_loss_moves_the_bracket():
    loads = loads_of()
    low, high = highest(loads, loss=0.2)
    assert low.offered_mpps <= CAPACITY_MPPS / 0.8 * 1.003 and high.offered_mpps >= CAPACITY_MPPS / 0.8


def test_a_queue_that_grows_is_a_loss_though_nothing_was_dropped_yet():
    loads = loads_of()
    share = Fraction(CAPACITY_MPPS * 1.01 * 1e6).limit_denominator(10**8) / loads.dial.reference_per_s
    trial = loads.trial(share)
    assert trial.verdict in ("grows", "lost")
    assert trial.in_flight_frames >= loads.dial.room_frames
    assert trial.loss == pytest.approx(0.01 / 1.01, rel=0.1)
    assert len(loads.simulator.windows) > 1


def test_a_queue_that_settles_is_none():
    # Slow until 100 frames wait, which the chip has room for: then it keeps up.
    loads = loads_of(slow_mpps=0.38, warm_frames=100)
    assert loads.dial.room_frames > 100
    share = Fraction(395_000) / loads.dial.reference_per_s
    trial = loads.trial(share)
    assert trial.verdict == "met"
    assert loads.simulator.windows[-1] > loads.simulator.windows[0]


def test_a_window_is_no_longer_than_a_run():
    """Loads of 1,000 frames a second that grow by 0.02 %: a run may have 100 s."""
    dial = dial_of(config_from_mapping(CONFIG))
    share = Fraction(1000) / dial.reference_per_s
    loads = Loads(dial, 0.004, simulator=FluidMachine(dial, capacity=0.0009998))
    loads.trial(share)
    loads.measured([share], 20_000)
    assert 50_000 < max(loads.simulator.windows) <= 100_000


def test_windows_end():
    # Grows by less than can be told from chance at the precision asked for: not for ever longer.
    loads = loads_of(precision=0.05)
    share = Fraction(CAPACITY_MPPS * 1.0001 * 1e6).limit_denominator(10**8) / loads.dial.reference_per_s
    loads.trial(share)
    assert max(loads.simulator.windows) <= MOST_FRAMES * 1.01


def test_a_run_that_cannot_be_made_ends_the_search():
    dial = dial_of(config_from_mapping(CONFIG))
    loads = Loads(dial, 0.01, simulator=lambda configs, jobs: iter([(0, "no room")]))
    with pytest.raises(RunError, match="no room"):
        loads.trial(Fraction(1))


def test_windows_hold_whole_batches():
    dial = dial_of(config_from_mapping(CONFIG))
    for share in (Fraction(1, 3), Fraction(997, 1000)):
        frames = Fraction(dial.window_fs(share, 5000), FS_PER_S) * dial.reference_per_s * share
        at_once = dial.n_sources * dial.in_step
        assert frames >= 5000
        assert abs(frames / at_once - round(frames / at_once)) < Fraction(1, 10**6)


def test_what_is_asked_for_wrongly_is_said():
    config = config_from_mapping(CONFIG)
    for kind, more in (("latencies", {}), ("zero_loss", {"precision": 0}), ("partial_drop", {"loss": 1})):
        with pytest.raises(InputError):
            search_loads(config, kind, **more)
    assert KINDS == SEARCHES


FOUND = LoadSearch(
    kind="zero_loss", mpps=1.0978, gbps=13.3, share=0.9975, interval_mpps=(1.0978, 1.1033), reference_mpps=1.1006,
    limited_by="pcie.up", why="It is full.", simulations=7,
    trials=(LoadTrial(share=0.9975, offered_mpps=1.0978, delivered_mpps=1.0978, gbps=13.3, loss=0, verdict="met"),),
)  # fmt: skip


def test_the_answer_is_one_sentence():
    assert search_sentence(FOUND) == (
        "1.0978 Mpps (13.3 Gb/s) get through without loss, and 1.1033 Mpps is too much: 99.75 % of the closed form's "
        "1.1006 Mpps; 7 simulations."
    )
    assert "gets through" in search_text(FOUND)
    beside = search_sentence(dataclasses.replace(FOUND, beside_mpps=0.25, share=0.5))
    assert "too much: 0.2500 Mpps of given rates and 50.00 % of the closed form's 1.1006 Mpps; 7" in beside
    none = dataclasses.replace(FOUND, mpps=None, interval_mpps=None)
    assert search_sentence(none) == "No load was found without loss; 7 simulations."
    assert json.loads(FOUND.to_json())["interval_mpps"] == [1.0978, 1.1033]


def test_what_the_least_load_loses_is_told_by_reason():
    trial = LoadTrial(share=0.002, offered_mpps=0.01, loss=0.4, drops={"LINK_DOWN": 300, "TX_RING_FULL": 100})
    told = "Of the least load that was tried, 0.20 % of what the closed form allows,"
    assert loses_anyhow(trial) == f"{told} 30.0 % by LINK_DOWN and 10.0 % by TX_RING_FULL is lost."
    assert loses_anyhow(dataclasses.replace(trial, drops={})) == f"{told} 40.0 % stays in queues that grow."


def test_the_command_prints_and_writes(tmp_path, capsys):
    path, out = tmp_path / "c.yaml", tmp_path / "found.json"
    path.write_text(json.dumps({**CONFIG, "nic": {**CONFIG["nic"], "max_pps": 200_000}}), encoding="utf-8")
    argv = ["search", str(path), "--kind", "loss_curve", "--loads", "50%,2", "--jobs", "1", "--json", str(out)]
    assert main(argv) == 0
    assert capsys.readouterr().out.startswith("Loss by load, in shares of the closed form's ceiling, 0.2000 Mpps")
    curve = json.loads(out.read_text(encoding="utf-8"))["curve"]
    assert [round(trial["loss"], 2) for trial in curve] == [0, 0.5]
    assert search.__doc__


def test_options_of_another_kind_are_refused(tmp_path, capsys):
    assert main(["search", "sriov_ideal", "--loss", "1%", "--burst-rate", "1Gbps"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "--loss: only with --kind partial_drop",
        "--burst-rate: only with --kind back_to_back",
    ]
    for argv in (["--loss", "120%"], ["--loads", "x"], ["--burst-rate", "0bps"], ["--kind", "none"]):
        with pytest.raises(SystemExit) as caught:
            main(["search", "sriov_ideal", *argv])
        assert caught.value.code == 2
    capsys.readouterr()


@pytest.mark.parametrize(("rate_bps", "most"), [(1_000_000, 148_660), (10_000_000_000, MOST_BURST), (20_000, 2973)])
def test_a_burst_is_no_longer_than_a_run(rate_bps, most):
    """A frame of 64 B is 84 B on the wire: at 1 Mb/s 672 us, of which 148,660 fit into 99.9 s."""
    lengths = []

    def lossless(configs, jobs):
        lengths.extend(config.run.duration_fs for config in configs)
        sample = sample_result()
        yield 0, dataclasses.replace(sample, totals=dataclasses.replace(sample.totals, dropped_frames=0))

    config = config_from_mapping({**CONFIG, "workload": {"frame_bytes": 64}})
    found = search_loads(config, "back_to_back", burst_rate_bps=rate_bps, simulator=lossless)
    assert found.interval_burst == (most, None)
    assert max(lengths) <= 100 * FS_PER_S


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_is_refused_as_such(kind, tmp_path, capsys):
    path = tmp_path / "changing.yaml"
    event = {"at": "5ms", "set": {"switch.ports.vf1.rate_limit": "1Gbps"}}
    path.write_text(json.dumps({**CONFIG, "run": {"duration": "30ms"}, "scenario": [event]}), encoding="utf-8")
    assert main(["search", str(path), "--kind", kind]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}:")
    assert line.endswith(
        ": scenario: a search looks for a load of a machine that does not change, in windows of its own; leave it out, "
        "as with --set scenario=[]"
    )


def test_bursts_are_sent_by_the_clocks_that_are_configured():
    seen = []

    def lossless(configs, jobs):
        seen.extend(config.run for config in configs)
        yield 0, dataclasses.replace(sample_result(), drops={})

    config = config_from_mapping({**CONFIG, "workload": {"frame_bytes": 64}, "run": {"clocks": "7ppm", "seed": 5}})
    search_loads(config, "back_to_back", burst_rate_bps=20_000, simulator=lossless)
    assert {(run.clocks_ppb, run.seed) for run in seen} == {(7000, 5)}


def test_a_burst_rate_that_no_run_has_time_for_is_refused():
    config = config_from_mapping({**CONFIG, "workload": {"frame_bytes": 64}})
    with pytest.raises(InputError, match="a burst rate of 1bps is out of range: two frames of 64 B with preamble"):
        search_loads(config, "back_to_back", burst_rate_bps=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "loss_curve", "loads": [-1]}, "a load of -1 is no share; a number above 0, to 16, like 0.5"),
        ({"kind": "loss_curve", "loads": "50%"}, "a load of '5' is no share"),
        ({"kind": "latency_at_load", "loads": [float("nan")]}, "a load of nan is no share"),
        ({"kind": "back_to_back", "burst_rate_bps": -1}, "a burst rate of -1 b/s is out of range; above 0"),
        ({"kind": "back_to_back", "burst_rate_bps": 0}, "a burst rate of 0 b/s is out of range; above 0"),
    ],
)
def test_what_python_gives_out_of_range_is_a_line(options, said):
    with pytest.raises(InputError, match=said):
        search_loads(config_from_mapping(CONFIG), **options)


def test_one_simulation_is_not_many():
    found = LoadSearch(kind="loss_curve", reference_mpps=1.0, simulations=1, config={}, model_version="x")
    assert search_sentence(found).endswith("; 1 simulation.")
