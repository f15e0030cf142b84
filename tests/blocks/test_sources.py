"""Where frames come from: when each kind of source has one, which, and what a full ring does."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.far_tables import give
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.writeback import slots_free
from hwmodel.machine.time.clock import LINE, SOURCE_TIMER, TIMERS
from hwmodel.machine.time.commands import GIVEN
from hwmodel.machine.time.events import take_timer
from hwmodel.machine.traffic.sources import begin, choice, feed_hungry, frame_given, hunger, source_timer
from hwmodel.machine.traffic.traffic_state import (
    CLOSED_RECORDED_SOURCE,
    CLOSED_SOURCE,
    ON_OFF_SOURCE,
    PERIODIC_SOURCE,
    POISSON_SOURCE,
    RECORDED_SOURCE,
    SILENT_SOURCE,
    SOURCE_PARAMS,
)
from hwmodel.simulation.fill.random_streams import random_words
from hwmodel.workload.traffic import build_alias_table
from tests.blocks.idle_machine import NS, VF0, VF1, machine


def add_source(nic, number, function, kind, targets=((0, 1),), lengths=((64, 1),), **fields):
    """Enter a source with its tables; functions without one have none."""
    source = nic.traffic.source[number]
    source.params.kind, source.params.function, source.rng[:] = kind, function, random_words(1, 1 + number)
    for table, first, n in ((targets, "first_target", "n_targets"), (lengths, "first_length", "n_lengths")):
        built = build_alias_table(list(table))
        start = 8 * number + (4 if first == "first_length" else 0)
        rows = nic.traffic.choice[start : start + len(built.value)]
        rows["threshold"], rows["here"], rows["there"] = built.threshold, built.value, built.value[built.alias]
        source.params[first], source.params[n] = start, len(built.value)
    for name, value in fields.items():
        into = source.params if name in SOURCE_PARAMS.names else source
        into[name] = value
    if function >= 0:
        if nic.function[function].params.n_sources == 0:
            nic.function[function].params.first_source = number
        nic.function[function].params.n_sources += 1
    nic.params.n_sources = max(nic.params.n_sources, number + 1)
    return source


def adapter(**blocks):
    nic = machine(**blocks)
    for template in range(4):
        nic.traffic.template[template].flow = template
        nic.traffic.template[template].queue_hash = template
    return nic


def start(nic):
    for number in range(nic.params.n_sources):
        begin(nic, number)
    for function in range(nic.params.n_functions):
        hunger(nic, function)
    feed_hungry(nic, 0)


def arrivals(nic, n):
    """Let n source timers go off; return their times."""
    found = []
    for _ in range(n):
        assert nic.clock.next_at[TIMERS] < NEVER, "no source is armed any more"
        found.append(int(nic.clock.next_at[TIMERS]))
        kind, index = take_timer(nic.clock)
        if kind == SOURCE_TIMER:
            source_timer(nic, found[-1], index)
            feed_hungry(nic, found[-1])
    return found


def frames_in_ring(nic, queue_number):
    queue = nic.tx_queue[queue_number]
    posts = [nic.guests.post[queue.first + (i & queue.mask)] for i in range(queue.freed, queue.reserved)]
    return [(int(each.template), int(each.n_bytes)) for each in posts]


def no_core(monkeypatch):
    """Take the cores out of the picture: what is posted stays in the ring."""
    monkeypatch.setattr("hwmodel.machine.traffic.sources.add_work", lambda *_: None)


# ---- Draws ----


def test_alias_draws_follow_the_weights():
    nic = adapter()
    source = add_source(nic, 0, VF0, CLOSED_SOURCE, lengths=[(64, 7), (570, 4), (1518, 1)])
    draws = [int(choice(nic.traffic, source, source.params.first_length, source.params.n_lengths)) for _ in range(6000)]
    for length, share in ((64, 7 / 12), (570, 4 / 12), (1518, 1 / 12)):
        assert draws.count(length) / 6000 == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 6000))


def test_an_alias_row_is_drawn_by_column_then_threshold(monkeypatch):
    """Two rows: the first half of the first word means row 0; below its threshold `here`, else `there`."""
    nic = adapter()
    source = add_source(nic, 0, VF0, CLOSED_SOURCE)
    nic.traffic.choice[0].threshold, nic.traffic.choice[0].here, nic.traffic.choice[0].there = 2**31, 10, 11
    nic.traffic.choice[1].threshold, nic.traffic.choice[1].here, nic.traffic.choice[1].there = 2**32, 20, 21
    words = iter([0, 2**31 - 1, 2**31 - 1, 2**31, 2**31, 2**32 - 1])
    monkeypatch.setattr("hwmodel.machine.traffic.sources.next_u32", lambda _source: next(words))
    assert [choice(nic.traffic, source, 0, 2) for _ in range(3)] == [10, 11, 20]


# ---- Closed loops ----


def test_a_closed_source_keeps_the_ring_full(monkeypatch):
    """tx_ring - 1 slots at time 0, and each slot that is freed."""
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 16})
    add_source(nic, 0, VF0, CLOSED_SOURCE, targets=[(2, 1)])
    start(nic)
    assert frames_in_ring(nic, VF0) == [(2, 60)] * 15
    assert nic.ledger.counts.offered == nic.ledger.flow[2].offered == 15
    slots_free(nic, 50 * NS, VF0, 4)
    feed_hungry(nic, 50 * NS)
    assert nic.ledger.counts.offered == 19
    assert nic.tx_queue[VF0].reserved - nic.tx_queue[VF0].freed == 15
    assert nic.tx_queue[VF0].highest == 15
    assert nic.ledger.counts.tx_ring.level == 15


def test_a_wait_for_a_slot_is_a_stall(monkeypatch):
    no_core(monkeypatch)
    nic = adapter()
    add_source(nic, 0, VF0, PERIODIC_SOURCE, next_at_fs=0, mean_gap_fs=10 * NS)
    start(nic)
    arrivals(nic, 16)  # at 0 the first; the sixteenth, at 150 ns, has no slot
    slots_free(nic, 175 * NS, VF0, 5)
    feed_hungry(nic, 175 * NS)
    assert nic.ledger.counts.stalls.tx_ring.total_fs == 25 * NS


# ---- Times ----


@pytest.mark.parametrize("phase", [0, 30])
def test_a_periodic_source_begins_at_its_phase_and_goes_on(phase, monkeypatch):
    """With phase 0 the first frame is taken as the machine starts, before the timer of that instant."""
    no_core(monkeypatch)
    nic = adapter()
    add_source(nic, 0, VF0, PERIODIC_SOURCE, first_fs=phase * NS, mean_gap_fs=100 * NS)
    start(nic)
    assert [at_fs // NS for at_fs in arrivals(nic, 4)] == [phase + 100 * i for i in range(4)]
    assert len(frames_in_ring(nic, VF0)) == 4


def test_two_sources_of_a_function_may_come_in_the_same_instant(monkeypatch):
    no_core(monkeypatch)
    nic = adapter()
    for number in range(2):
        add_source(nic, number, VF0, PERIODIC_SOURCE, targets=[(number, 1)], first_fs=10, mean_gap_fs=10)
    start(nic)
    assert arrivals(nic, 6) == [10, 10, 20, 20, 30, 30]
    assert [template for template, _ in frames_in_ring(nic, VF0)] == [0, 1] * 3


def test_poisson_gaps_are_exponential(monkeypatch):
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 4096})
    add_source(nic, 0, VF0, POISSON_SOURCE, mean_gap_fs=100 * NS)
    start(nic)
    gaps = np.diff([0, *arrivals(nic, 1500)]) / NS
    assert np.mean(gaps) == pytest.approx(100, rel=4 / np.sqrt(1500))
    assert np.std(gaps) == pytest.approx(100, rel=0.15)
    assert np.mean(gaps > 100) == pytest.approx(np.exp(-1), abs=0.05)


def test_on_off_sends_bursts_at_the_peak_rate(monkeypatch):
    """Gaps in a burst are peak gaps; behind each burst another pause is added. The mean rate comes out."""
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 4096})
    fields = {"peak_gap_fs": 10 * NS, "mean_burst_frames": 4.0, "mean_off_fs": 360 * NS}
    add_source(nic, 0, VF0, ON_OFF_SOURCE, **fields)  # 4 frames in 40 + 360 ns
    start(nic)
    gaps = np.diff(arrivals(nic, 3000)) / NS
    assert gaps.min() == 10
    assert np.mean(gaps > 10) == pytest.approx(1 / 4, abs=0.04)
    assert np.mean(gaps[gaps > 10]) == pytest.approx(370, rel=0.15)
    assert np.mean(gaps) == pytest.approx(100, rel=0.15)


def tape(nic, *entries):
    for row, entry in zip(nic.traffic.tape, entries, strict=False):
        row.at_fs, row.template, row.frame_bytes, row.hash, row.index = entry


def test_a_record_is_played_at_its_times_and_ends(monkeypatch):
    no_core(monkeypatch)
    nic = adapter()
    tape(nic, (5, 1, 64, 0, 3), (5, 2, 100, 0, 4), (90, 1, 1518, 0, 7))
    add_source(nic, 0, VF0, RECORDED_SOURCE, next_record=0, last_record=3)
    start(nic)
    assert arrivals(nic, 2) == [5, 90]  # two of one time in one go
    assert frames_in_ring(nic, VF0) == [(1, 60), (2, 96), (1, 1514)]
    queue = nic.tx_queue[VF0]
    assert [int(nic.guests.post[queue.first + i].index) for i in range(3)] == [3, 4, 7]
    assert nic.clock.next_at[TIMERS] == NEVER


def test_a_record_played_back_to_back_ends_too(monkeypatch):
    no_core(monkeypatch)
    nic = adapter()
    tape(nic, *[(0, 1, 64 + i, 0, i) for i in range(20)])
    add_source(nic, 0, VF0, CLOSED_RECORDED_SOURCE, next_record=0, last_record=20)
    start(nic)
    assert [n_bytes for _, n_bytes in frames_in_ring(nic, VF0)] == list(range(60, 75))
    for _ in range(3):
        slots_free(nic, 10, VF0, 5)
        feed_hungry(nic, 10)
    assert nic.ledger.counts.offered == 20


def test_sources_of_one_function_go_by_time_then_number(monkeypatch):
    """As they come, and when they have waited for a slot."""
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 8})
    add_source(nic, 0, VF0, PERIODIC_SOURCE, targets=[(1, 1)], first_fs=20, mean_gap_fs=20)
    add_source(nic, 1, VF0, PERIODIC_SOURCE, targets=[(2, 1)], first_fs=10, mean_gap_fs=15)
    start(nic)
    arrivals(nic, 9)
    # 10 25 40 55 70 85 100 115 of the second, 20 40 60 80 100 120 of the first; the lower number goes first.
    assert [template for template, _ in frames_in_ring(nic, VF0)] == [2, 1, 2, 1, 2, 2, 1]
    slots_free(nic, 200, VF0, 7)
    feed_hungry(nic, 200)
    assert [template for template, _ in frames_in_ring(nic, VF0)] == [2, 1, 2, 1, 2, 2, 1]


# ---- A full ring ----


def test_on_full_drop_loses_frames_and_counts_them(monkeypatch):
    no_core(monkeypatch)
    nic = adapter(workload={"on_full": "drop"})
    add_source(nic, 0, VF0, PERIODIC_SOURCE, next_at_fs=0, mean_gap_fs=10)
    start(nic)
    arrivals(nic, 20)
    reason = DropReason.TX_RING_FULL.value
    assert (nic.ledger.counts.offered, nic.ledger.counts.dropped, nic.ledger.counts.drops[reason]) == (20, 5, 5)
    assert nic.ledger.function[VF0].drops[reason] == 5
    slots_free(nic, 195, VF0, 1)
    feed_hungry(nic, 195)
    arrivals(nic, 1)
    assert (nic.ledger.counts.offered, nic.ledger.counts.dropped) == (21, 5)


def test_on_full_wait_keeps_frames_in_order(monkeypatch):
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 8})
    tape(nic, *[(10 * i, 1, 64 + i, 0, i) for i in range(12)])
    add_source(nic, 0, VF0, RECORDED_SOURCE, next_record=0, last_record=12)
    start(nic)
    arrivals(nic, 8)  # the eighth frame, at 70, finds no slot and waits
    assert nic.clock.next_at[TIMERS] == NEVER
    slots_free(nic, 500, VF0, 7)
    feed_hungry(nic, 500)
    assert [n_bytes for _, n_bytes in frames_in_ring(nic, VF0)] == list(range(67, 72))
    assert nic.ledger.counts.offered == 12


def test_rings_are_chosen_by_the_hash(monkeypatch):
    """Two rings a function: VF0 has 2 and 3; the hash's remainder tells which."""
    no_core(monkeypatch)
    nic = adapter(nic={"queues_per_vf": 2})
    tape(nic, (0, 1, 64, 6, 0), (0, 1, 65, 7, 1), (0, 1, 66, 9, 2))
    add_source(nic, 0, VF0, RECORDED_SOURCE, next_record=0, last_record=3)
    start(nic)
    arrivals(nic, 1)
    assert [n for _, n in frames_in_ring(nic, 2)] == [60]
    assert [n for _, n in frames_in_ring(nic, 3)] == [61, 62]


# ---- The line ----


def test_the_line_is_a_first_in_first_out_server():
    """Arrivals at 0, 10 and 500 ns of 60 B at 10 Gb/s, 67.2 ns each: in at 67.2, 134.4 and 567.2."""
    nic = adapter(port={"rate": "10Gbps"})
    tape(nic, (0, 0, 64, 0, 0), (10 * NS, 0, 64, 0, 1), (500 * NS, 0, 64, 0, 2))
    add_source(nic, 0, -1, RECORDED_SOURCE, next_record=0, last_record=3)
    start(nic)
    arrivals(nic, 3)
    line = nic.port[0].mac.line
    ready = [int(line.ring[i].ready_fs) for i in range(line.head, line.tail)]
    assert ready == [67_200_000, 134_400_000, 567_200_000]
    assert nic.clock.next_at[LINE] == 67_200_000
    assert nic.port[0].mac.counts.rx_busy_fs == 3 * 67_200_000


def test_a_closed_source_outside_fills_the_line():
    nic = adapter(port={"rate": "10Gbps"})
    add_source(nic, 0, -1, CLOSED_SOURCE)
    start(nic)
    assert [at_fs // 1000 for at_fs in arrivals(nic, 4)] == [0, 67_200, 134_400, 201_600]


def test_functions_without_sources_are_left_alone():
    nic = adapter()
    hunger(nic, VF1)
    assert nic.traffic.n_hungry == 0


# ---- When a frame is offered ----


def test_a_frame_is_offered_when_it_comes_though_the_ring_is_full(monkeypatch):
    """Every 100 ns from 100 on: the second waits from 200 for the slot that is free at 900; it has come early."""
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 8})
    add_source(nic, 0, VF0, PERIODIC_SOURCE, first_fs=100 * NS, mean_gap_fs=100 * NS)
    queue = nic.tx_queue[VF0]
    queue.reserved = 6
    start(nic)
    arrivals(nic, 2)
    assert queue.reserved == 7
    slots_free(nic, 900 * NS, VF0, 1)
    feed_hungry(nic, 900 * NS)
    assert [int(nic.guests.post[queue.first + i].offered_fs) // NS for i in (6, 7)] == [100, 200]
    assert (nic.ledger.journeys.entered_fs, nic.ledger.journeys.early_fs) == ((100 + 900) * NS, 700 * NS)


def test_a_saturating_source_offers_a_frame_when_a_slot_is_free(monkeypatch):
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 8})
    add_source(nic, 0, VF0, CLOSED_SOURCE)
    start(nic)
    queue = nic.tx_queue[VF0]
    slots_free(nic, 500 * NS, VF0, 1)
    feed_hungry(nic, 500 * NS)
    assert [int(nic.guests.post[queue.first + i].offered_fs) // NS for i in (6, 7)] == [0, 500]


# ---- What agents give to drivers ----


def give_frames(nic, *frames):
    """Give the driver of VF0 frames by commands of now: (template, length, index) each."""
    for template, n_bytes, index in frames:
        commands = nic.commands
        command = commands.ring[commands.tail]
        command.kind, command.part, command.at_fs, command.first_value = GIVEN, VF0, nic.clock.now_fs, commands.n_values
        for at, value in enumerate((template, n_bytes, index)):
            commands.value[commands.n_values + at] = value
        commands.n_values += 3
        commands.tail += 1
        commands.head = commands.tail - 1
        frame_given(nic, VF0)
        commands.head = commands.tail
    feed_hungry(nic, nic.clock.now_fs)


@pytest.mark.parametrize("drops", [0, 1])
def test_what_a_driver_is_given_goes_before_all_and_waits_for_a_slot(monkeypatch, drops):
    """In its order, with its index and length; a closed loop has the slots that are left."""
    no_core(monkeypatch)
    nic = adapter(nic={"tx_ring": 16}, workload={"on_full": "drop" if drops else "wait"})
    add_source(nic, 0, VF0, CLOSED_SOURCE, targets=[(2, 1)])
    add_source(nic, 1, VF0, SILENT_SOURCE)
    give(nic.commands.ring, 8)
    give(nic.commands.value, 24)
    start(nic)
    nic.clock.now_fs = 7 * NS
    give_frames(nic, (1, 100, -2), (3, 200, -1), (1, 300, -3))
    assert nic.function[VF0].n_given == 3 and nic.function[VF0].is_full
    nic.clock.now_fs = 50 * NS
    slots_free(nic, 50 * NS, VF0, 2)
    feed_hungry(nic, 50 * NS)
    assert frames_in_ring(nic, VF0)[-2:] == [(1, 96), (3, 196)] and nic.function[VF0].n_given == 1
    slots_free(nic, 60 * NS, VF0, 2)
    feed_hungry(nic, 60 * NS)
    assert frames_in_ring(nic, VF0)[-2:] == [(1, 296), (2, 60)] and nic.function[VF0].n_given == 0
    queue = nic.tx_queue[VF0]
    posts = [nic.guests.post[queue.first + (i & queue.mask)] for i in range(queue.reserved - 4, queue.reserved)]
    assert [(int(one.index), int(one.offered_fs)) for one in posts[:3]] == [(-2, 7 * NS), (-1, 7 * NS), (-3, 7 * NS)]
    assert nic.ledger.counts.dropped == 0 and nic.traffic.source[1].next_at_fs == NEVER
