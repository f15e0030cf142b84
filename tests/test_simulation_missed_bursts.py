"""Bursts that a window misses: of which senders they are, and how far senders' waits reach by them."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Latency, QueueDepth
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.figure_intervals import Found, Wanted
from hwmodel.simulation.figures.machine_known import Bursts, with_missed_bursts
from hwmodel.workload import build_workload
from tests.run_cases import merged
from tests.sample_result import sample_result

# Eight senders at half of what the link carries, each in bursts at four times its mean rate: five or more of them at
# once are rare, and fill the rings.
RARE = {
    "pcie": {"generation": 3, "lanes": 2}, "nic": {"preset": None, "vfs": 8, "tx_ring": 64, "rx_ring": 64},
    "driver": {"preset": None, "tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 0,
               "tx_interrupt_batch": 0, "frame_time": "20ns"},
    "workload": {"pattern": "ring", "frame_bytes": 570, "load": "729749697bps", "arrivals": "on_off",
                 "peak_rate": "2918998788bps", "mean_burst": 100},
    "run": {"duration": "20ms", "seed": 842927},
}  # fmt: skip
BURSTS = Bursts(100.0, 255)
ENDS = {"mean": (19.0, 21.0), "p50": (20.0, 20.0), "p99": (20.0, 20.0), "p999": (20.0, 9e9)}


def ends_with(highest, bursts=BURSTS):
    """Return the ends of a wait of 20 ns after 10,000 frames, where a frame took 51 us and the ring held `highest`."""
    result = replace(
        sample_result(),
        queues={"tx_ring": QueueDepth(mean=1.0, max=highest)},
        latency_ns=Latency(count=10_000, min=1000.0, max=51_000.0, mean=2000.0),
        sender_wait_ns=Latency(count=10_000, min=20.0, max=20.0, mean=20.0),
    )
    found = [Found(f"sender_wait_ns.{name}", 20.0, ends, 0.0) for name, ends in ENDS.items()]
    wanted = with_missed_bursts(Wanted((), lambda _: iter(found)), bursts, result)
    return {one.name.partition(".")[2]: one.ends for one in wanted.found_from([])}


def test_by_hand():
    """51 us for 255 frames are 200 ns each: a burst of 100 waits for 20 us; 3.69 of them are 369 of 10,000 frames."""
    found = ends_with(255)
    assert found["mean"] == pytest.approx((19.0, 20 + 0.0369 * 20_000), rel=1e-3)
    assert found["p99"] == pytest.approx((20.0, 20 + log(3.69) * 20_000), rel=1e-3)
    assert found["p50"] == ENDS["p50"], "no more than 4 % of the frames wait for a burst"
    assert found["p999"] == ENDS["p999"], "what the window itself says reaches further"


def test_of_rings_that_never_fill_and_of_other_loads_the_window_says_all():
    assert ends_with(56) == ends_with(255, None) == ENDS
    assert ends_with(57) != ENDS, "ln 100 by ln 10^9 of the room: with 10^9 such bursts it is full"


@pytest.mark.parametrize(
    ("load", "found"),
    [
        ({}, Bursts(100.0, 63)),
        ({"burst_length": "fixed"}, Bursts(100.0, 63)),
        ({"on_full": "drop"}, None),
        ({"arrivals": "poisson", "peak_rate": None}, None),
    ],
)
def test_bursts_are_those_of_senders_that_wait(load, found):
    config = config_from_mapping(merged(RARE, {"workload": load}))
    assert Bursts.of(config, build_workload(config)) == found


def test_several_servers_have_rings_too():
    config = config_from_mapping(merged(RARE, {"nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}]}))
    assert Bursts.of(config, build_workload(config)) == Bursts(100.0, 63)
    assert simulate(merged_run(config)).sender_wait_ns.count


def merged_run(config):
    return config_from_mapping(config.resolved(), {"run.duration": "1ms"})


@pytest.mark.real_clocks
def test_a_wait_that_most_windows_miss_lies_in_the_interval():
    """Of sixteen windows one or two hold what makes the mean of all 22 ns; this one has 20.03 +/- 0.01 by itself."""
    found = simulate(config_from_mapping(RARE))
    assert found.sender_wait_ns.mean < 20.1
    low, high = found.intervals["sender_wait_ns.mean"]
    assert low < 22.5 < high and low > 20
