"""When the window may begin: MSER-5 on throughput, latency and depths, of machines whose course is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.server import fresh_state
from hwmodel.simulation.figures.counts import gauges_in, parts_of
from hwmodel.simulation.figures.whole import Whole
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.simulation.run.warmup import (
    FIRST_SLICES,
    MATTERS,
    MOST_SLICES,
    SLICE_FRAMES,
    SLICE_FS,
    WORDS,
    Warmup,
    truncation,
)
from tests.simulation_cases import config_of

US = 10**9
CAPACITY = 1000  # of each buffer
RATE_PER_US = 2  # frames; a slice of 200 takes 100 us


class Machine:
    """Stand for the adapter: what it does is told by the slice."""

    def __init__(self) -> None:
        self.nic = fresh_state()[0]
        self.clock, self.ledger = self.nic.clock, self.nic.ledger
        limits = self.nic.params
        limits.tx_ring = limits.rx_ring = limits.tx_buffer_bytes = limits.rx_buffer_bytes = CAPACITY
        limits.n_queues = 1

    def go_on(self, passed_fs, frames, latency_us=5.0, level=500.0):
        """Let time pass: so many frames, of a mean latency, with a mean depth of the Rx buffer."""
        self.clock.now_fs += passed_fs
        self.ledger.counts.delivered += frames
        self.ledger.counts.to_guest.n += frames
        self.ledger.counts.to_guest.sum_fs += frames * latency_us * US
        self.nic.counts.rx_buffer.area += level * passed_fs
        for gauge in gauges_in(parts_of(self.nic)).values():
            gauge.since_fs = self.clock.now_fs


def warmup_of(config, nic):
    return Warmup(config, Whole([nic], None, FlowBook()))


def settled(course, most_slices=10 * MOST_SLICES):
    """Run a course, `time in us -> rate per us, latency, level`, until it has settled; return warm-up and machine."""
    machine = Machine()
    warmup = warmup_of(config_of(run={"warmup": "auto", "duration": "1s"}), machine.nic)
    for _ in range(most_slices):
        until_fs, frames = warmup.next_target()
        rate, latency_us, level = course(machine.clock.now_fs / US)
        passed_fs = until_fs - machine.clock.now_fs
        wanted = frames - machine.ledger.counts.delivered
        if rate * passed_fs > wanted * US:
            passed_fs = round(wanted / rate * US)
        machine.go_on(passed_fs, round(rate * passed_fs / US), latency_us, level)
        warmup.look()
        assert len(warmup.series["rate"]) <= MOST_SLICES * 5 // 4  # looked at after a quarter more each time
        if warmup.is_over():
            return warmup, machine
    return warmup, machine


def settled_at_us(course):
    """Return when a course has settled, and that nothing is left that has not."""
    warmup, machine = settled(course)
    assert warmup.is_over() and warmup.unsteady == ()
    return machine.clock.now_fs / US


FIRST_LOOK_US = FIRST_SLICES * SLICE_FRAMES / RATE_PER_US


def test_a_steady_run_is_recognised_at_the_first_look():
    assert settled_at_us(lambda _: (RATE_PER_US, 5.0, 500)) == FIRST_LOOK_US


@pytest.mark.parametrize("filling_us", [5_000, 20_000, 200_000])
def test_filling_buffers_are_waited_for(filling_us):
    """The straight rise is past, and all but the end of it in the third that MSER-5 may cut off."""
    at_us = settled_at_us(lambda now_us: (RATE_PER_US, 5.0, min(800.0, 800 * now_us / filling_us)))
    assert 2.5 * filling_us <= at_us <= 6 * filling_us


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_relaxing_latency_is_waited_for_in_noise(seed):
    """A queue near saturation: 4 ms of memory, 20 % of noise in each slice; 4 memories leave less than 2 %."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(1, 0.2, 10 * MOST_SLICES).tolist()
    at_us = settled_at_us(lambda now_us: (RATE_PER_US, 50 * (1 - np.exp(-now_us / 4_000)) * noise.pop(), 500))
    assert at_us >= 4 * 4_000


@pytest.mark.parametrize(
    ("name", "course"),
    [
        ("rate", lambda now_us: (RATE_PER_US + now_us / 1e5, 5.0, 500)),
        ("latency", lambda now_us: (RATE_PER_US, 5 + now_us / 1e3, 500)),
        ("rx_buffer", lambda now_us: (RATE_PER_US, 5.0, now_us / 1e2)),
    ],
)
def test_what_never_settles_is_named(name, course):
    warmup, machine = settled(course)
    assert warmup.is_over()
    assert machine.clock.now_fs >= warmup.most_fs or machine.ledger.counts.delivered >= warmup.most_frames
    assert warmup.unsteady == (WORDS[name],)


def test_a_depth_matters_by_its_buffer():
    """A rise that moves the mean behind the first third by less than half a hundredth of the buffer is none."""
    rise = 2 * MATTERS * CAPACITY
    assert settled_at_us(lambda now_us: (RATE_PER_US, 5.0, 500 + rise * now_us / FIRST_LOOK_US)) == FIRST_LOOK_US
    warmup, _ = settled(lambda now_us: (RATE_PER_US, 5.0, 500 + 3 * rise * now_us / FIRST_LOOK_US), FIRST_SLICES)
    assert warmup.unsteady == (WORDS["rx_buffer"],)


def test_a_slow_load_is_looked_at_by_time():
    """Three frames in each slice of 0.1 ms."""
    assert settled_at_us(lambda _: (0.03, 5.0, 0)) == FIRST_SLICES * SLICE_FS / US


def test_nothing_at_all_is_steady():
    assert settled_at_us(lambda _: (0, 0.0, 0)) == FIRST_SLICES * SLICE_FS / US


def test_a_slow_load_ends_by_time_in_any_case():
    warmup, machine = settled(lambda now_us: (1e-6, 5.0, now_us / 1e2))
    assert warmup.is_over()
    assert machine.clock.now_fs >= warmup.most_fs or machine.ledger.counts.delivered >= warmup.most_frames
    assert warmup.unsteady == (WORDS["rx_buffer"],)


def test_a_warmup_is_bounded_by_windows_and_not_below_the_first_looks():
    of = {
        run: warmup_of(config_of(run={"warmup": "auto", **dict([run])}), Machine().nic)
        for run in [("duration", "1us"), ("duration", "100ms"), ("duration", "10s"), ("frames", 100), ("frames", 10**5)]
    }
    assert [round(one.most_fs / US) for one in of.values()][:3] == [MOST_SLICES * 100, 1_000_000, 20_000_000]
    assert [one.most_frames for one in of.values()][3:] == [400_000, 10**6]


def test_a_window_begins_at_a_time_that_hangs_on_no_frame():
    warmup = warmup_of(config_of(run={"warmup": "auto"}), Machine().nic)
    for now_us in (1, 777, 12_345, 100_000):
        warmup.now_fs = now_us * US
        later_us = (warmup.next_even_time() - now_us * US) / US
        assert 0 <= later_us <= now_us / 8
        warmup.now_fs = now_us * US + 1
        assert warmup.next_even_time() >= now_us * US + 1


def test_a_slice_ends_by_frames_or_by_time():
    machine = Machine()
    machine.clock.now_fs, machine.ledger.counts.delivered = 7 * US, 100
    warmup = warmup_of(config_of(run={"warmup": "auto"}), machine.nic)
    assert warmup.next_target() == (7 * US + SLICE_FS, 100 + SLICE_FRAMES)


@pytest.mark.parametrize("warmup", ["0ns", "3us"])
def test_a_given_warmup_is_one_slice_of_that_time(warmup):
    given = warmup_of(config_of(run={"warmup": warmup}), Machine().nic)
    assert not given.is_over()
    assert given.next_target() == ({"0ns": 0, "3us": 3 * US}[warmup], NEVER)
    given.look()
    assert given.is_over() and given.unsteady == ()


# ---- The rules ----


def standard_error(values):
    """Return the square of the standard error of a mean, as the marginal standard error rule has it."""
    return sum((value - np.mean(values)) ** 2 for value in values) / len(values) ** 2


@given(st.lists(st.integers(0, 50), min_size=40, max_size=90))
def test_the_cut_has_the_least_standard_error_of_the_rest(series):
    """Of all cuts that leave five means of five; of equal ones the first."""
    n_means = len(series) // 5
    means = np.array(series[len(series) - 5 * n_means :]).reshape(n_means, 5).mean(axis=1)
    errors = [standard_error(means[cut:]) for cut in range(n_means - 4)]
    found = truncation(series)
    cut = round(found.share * n_means)
    assert errors[cut] == pytest.approx(min(errors), abs=1e-9)
    assert found.mean == pytest.approx(means[cut:].mean())
    assert found.mean_behind_most == pytest.approx(means[n_means // 3 :].mean())


def test_a_series_of_less_than_eight_means_says_nothing():
    assert truncation([1.0] * 39) is None
    assert truncation([1.0] * 40).share == 0
