"""Sources of the SimPy model: arrivals by hand, rates that add up over changes, closed loops that begin and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.bridge_cases import nic
from tests.oracles.simpy_nic import Choice, Load, Outcome, SourceLoad, SourceParameters, Stop, simulate
from tests.oracles.simpy_nic.sources import Source
from tests.test_simpy_commands import bytes_of, tables

US = 10**9
VF0, VF1 = 2, 3
SILENT, CLOSED = SourceLoad("silent"), SourceLoad("closed")


def periodic(gap_fs: int, first_fs: int = 0) -> SourceLoad:
    return SourceLoad("periodic", gap_fs, first_fs=first_fs)


def source(*loads: tuple[int, SourceLoad], port: int = VF0, seed: int = 1, lengths: Sequence[Choice] = ()) -> Any:
    first, *others = (int(word) for word in np.random.SeedSequence(seed).generate_state(4))
    headers = {0: ((VF1,), bytes_of(port, (VF1,), 64)[:14])}
    return SourceParameters(
        port, (first | 1, *others), [Choice(0, 0, 0)], lengths or [Choice(0, 300, 300)], headers, loads
    )


def times(until_fs: int, *loads: tuple[int, SourceLoad], seed: int = 1) -> list[int]:
    """Return when frames come of a source that has no closed loop."""
    one, found = Source(source(*loads, seed=seed)), []
    while one.next_fs < until_fs:
        found.append(int(one.next_fs))
        one.take()
    return found


def test_a_period_keeps_its_phase() -> None:
    """From 3 us in a gap of 10 us the next frame would come in 7 us: in 1.4 us at a fifth of the gap, 14 at twice."""
    assert times(40 * US, (0, periodic(10 * US, 3 * US)), (16 * US, periodic(2 * US))) == [
        3 * US, 13 * US, 16 * US + 1_400_000_000, *range(19_400_000_000, 40 * US, 2 * US),
    ]  # fmt: skip
    assert times(60 * US, (0, periodic(10 * US)), (13 * US, periodic(20 * US)))[:4] == [0, 10 * US, 27 * US, 47 * US]


def test_a_frame_of_the_instant_of_a_change_is_of_the_new_load() -> None:
    assert times(25 * US, (0, periodic(10 * US)), (10 * US, SILENT)) == [0]
    assert times(25 * US, (0, periodic(10 * US)), (10 * US, periodic(5 * US))) == [0, 10 * US, 15 * US, 20 * US]


def test_one_that_was_silent_begins_with_its_phase() -> None:
    loads = ((0, SILENT), (7 * US, periodic(10 * US, 2 * US)), (20 * US, SILENT), (31 * US, periodic(3 * US)))
    assert times(38 * US, *loads) == [9 * US, 19 * US, 31 * US, 34 * US, 37 * US]


def test_changes_within_one_gap_all_count() -> None:
    """10 us at full rate are 2 + 4 / 2 + 12 / 4 + 3 of them at the rates 1, 1/2, 1/4 and 1."""
    loads = [(2 * US, periodic(20 * US)), (6 * US, periodic(40 * US)), (18 * US, periodic(10 * US))]
    assert times(30 * US, (0, periodic(10 * US)), *loads)[:2] == [0, 21 * US]


@pytest.mark.parametrize("kind", ["periodic", "poisson", "on_off"])
def test_a_ramp_of_many_steps_sends_what_its_rates_add_up_to(kind: str) -> None:
    """A hundred steps from 1 to 10 M frames a second, most shorter than a burst and its pause."""
    loads, expected = [], 0.0
    step_fs = 20 * US
    for at in range(100):
        gap_fs = round(1000 * US / (1000 + 90 * at))
        pause = SourceLoad(kind, gap_fs, 50_000_000, 8 * (gap_fs - 50_000_000), 8.0)
        loads.append((at * step_fs, pause))
        expected += step_fs / gap_fs
    n_seeds = 1 if kind == "periodic" else 12
    counts = [len(times(100 * step_fs, *loads, seed=seed)) for seed in range(n_seeds)]
    # Of independent bursts of 8 on average (geometric) the variance is less than 24 times that of single frames.
    error = math.sqrt(expected * {"periodic": 0, "poisson": 1, "on_off": 24}[kind] / n_seeds)
    assert sum(counts) / n_seeds == pytest.approx(expected, abs=4 * error + 1)


def test_waits_behind_a_change_are_exponential_by_the_new_rate() -> None:
    """What a process without memory waits from any time on: mean and variance of the first waits of 4,000 sources."""
    waits = []
    for seed in range(4000):
        one = Source(
            source((0, SourceLoad("poisson", 1000 * US)), (100 * US, SourceLoad("poisson", 2 * US)), seed=seed)
        )
        while one.next_fs < 100 * US:
            one.take()
        waits.append(one.next_fs / US - 100)
    mean = sum(waits) / len(waits)
    assert mean == pytest.approx(2, rel=0.07)
    assert sum((wait - mean) ** 2 for wait in waits) / len(waits) == pytest.approx(4, rel=0.2)


def test_a_burst_keeps_its_peak_until_that_changes() -> None:
    load = SourceLoad("on_off", 100 * US, 2 * US, 392 * US, 4.0, fixed_burst=4)
    first = times(10**15, (0, load))[:4]
    gaps = [after - before for before, after in pairwise(first)]
    assert gaps == [2 * US] * 3
    changed = times(
        first[0] + 100 * US, (0, load), (first[1] - US, SourceLoad("on_off", 50 * US, US, 196 * US, 4.0, 4))
    )
    assert [at - first[0] for at in changed[:4]] == [0, 1_500_000_000, 2_500_000_000, 3_500_000_000]


# ---- In a machine ----

ONE_BY_ONE = nic(
    switch=tables(), tx_ring=8, tx_writeback_batch=1, rx_writeback_batch=1, tx_doorbell_batch=1, rx_interrupt_batch=0,
    tx_interrupt_batch=0, refill_batch=1,
)  # fmt: skip


def played(*loads: tuple[int, SourceLoad], end_fs: int = 60 * US) -> Outcome:
    stop = Stop(0, end_fs, keep_deliveries=True, keep_journeys=True)
    return simulate(ONE_BY_ONE, Load(sources=[source(*loads)]), stop)


def offered(outcome: Outcome) -> list[int]:
    return sorted(each.offered_fs for each in outcome.journeys)


def test_a_closed_loop_fills_its_ring_at_once_and_ends_at_once() -> None:
    found = offered(played((0, SILENT), (10 * US, CLOSED), (20 * US, SILENT)))
    assert found[:7] == [10 * US] * 7 and found[7] > 10 * US
    assert len(found) > 20 and found[-1] < 20 * US


def test_frames_that_wait_come_before_a_closed_loop_and_are_sent_though_the_load_is_gone() -> None:
    """A hundred frames in one microsecond are more than a ring of eight has slots for."""
    flood = (0, periodic(10_000_000))
    for kind in (SILENT, CLOSED):
        found = offered(played(flood, (US, kind)))
        assert found[:100] == [at * 10_000_000 for at in range(100)]
        assert (len(found) == 100) == (kind is SILENT)
        assert all(at > 2 * US for at in found[100:])


def test_a_silent_source_sends_nothing() -> None:
    assert offered(played((0, SILENT))) == []
