"""Pending events: lanes and timers come out in the order of time, then of the rules for one instant."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.time.clock import (
    CORE_TIMER,
    CREDIT,
    FIRST_RARE_LANE,
    HEAP_CAP,
    LANE_CAP,
    LANES,
    LINE,
    STORED,
    TIMERS,
    WIRE,
)
from hwmodel.machine.time.events import (
    append,
    first_elsewhere,
    first_of_links,
    rare_lane,
    set_next,
    set_timer,
    take_first,
    take_timer,
)
from hwmodel.machine.traffic.traffic_state import MAX_SOURCES
from tests.blocks.idle_machine import machine

RARE_LANES = list(range(FIRST_RARE_LANE, LANES))


def clock_of_idle_machine():
    return machine(port={"count": 4}).clock  # with lanes for all ports


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 3)), max_size=60), st.data())
def test_timers_go_by_time_then_kind_then_index_then_age(entries, data):
    """Against sorted(): a timer's age is its place in the order of entry; some are taken while others still come."""
    clock = clock_of_idle_machine()
    pending = []
    for at_fs, kind, index in entries:
        set_timer(clock, at_fs, kind, index)
        pending.append((at_fs, kind, index))
        if data.draw(st.booleans()):
            check_first_timer(clock, pending)
    while pending:
        check_first_timer(clock, pending)
    assert clock.next_at[TIMERS] == NEVER
    assert (clock.heap_n, clock.overflow) == (0, 0)


def check_first_timer(clock, pending):
    pending.sort(key=lambda entry: entry[:3])
    at_fs, kind, index = pending.pop(0)
    assert clock.next_at[TIMERS] == at_fs
    assert take_timer(clock) == (kind, index)


def test_timers_of_one_kind_and_index_go_first_in_first_out():
    """The word does not show the age, so the key is looked at: it ends in the sequence number."""
    clock = clock_of_idle_machine()
    for _ in range(3):
        set_timer(clock, 5, CORE_TIMER, 7)
    keys = []
    for _ in range(3):
        keys.append(int(clock.heap[0].key))
        take_timer(clock)
    assert keys == sorted(keys)
    assert len(set(keys)) == 3


def test_a_timer_of_any_time_and_index_comes_back():
    """Nearly 2^62 fs, the last source's number, the last kind: the fields of the key do not run into each other."""
    clock = clock_of_idle_machine()
    last_source = MAX_SOURCES - 1
    clock.seq = 2**40 - 1
    for kind in range(6):
        set_timer(clock, NEVER - 1, kind, last_source)
    assert [take_timer(clock) for _ in range(6)] == [(kind, last_source) for kind in range(6)]


def test_a_full_heap_says_so():
    clock = clock_of_idle_machine()
    clock.heap_n = HEAP_CAP
    set_timer(clock, 1, 0, 0)
    assert (clock.heap_n, clock.overflow) == (HEAP_CAP, 1)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=80))
def test_a_lane_is_sorted_whatever_comes_late(entries):
    """Jitter lets a later entry come before earlier ones; those of one instant stay in the order of entry."""
    clock = clock_of_idle_machine()
    lane, pending = STORED, []
    clock.lane[lane].head = clock.lane[lane].tail = LANE_CAP - 3  # so that the ring wraps on the way
    for word, (at_fs, is_taken) in enumerate(entries):
        append(clock, lane, at_fs, word)
        pending.append((at_fs, word))
        pending.sort(key=lambda entry: entry[0])
        if is_taken:
            check_first_of_lane(clock, lane, pending)
    while pending:
        check_first_of_lane(clock, lane, pending)
    assert clock.next_at[lane] == clock.rare_at == NEVER
    assert clock.overflow == 0


def earliest(clock):
    return min(first_elsewhere(clock), first_of_links(clock))


def check_first_of_lane(clock, lane, pending):
    at_fs, word = pending.pop(0)
    assert clock.next_at[lane] == clock.rare_at == earliest(clock) == at_fs
    assert take_first(clock, lane) == word


def test_a_lane_tells_when_it_is_full():
    """What it holds stays below the ring's length, so the newest never lies on the oldest."""
    clock = clock_of_idle_machine()
    for count in range(1, LANE_CAP):
        append(clock, CREDIT, count, count)
    assert clock.overflow == 0
    append(clock, CREDIT, LANE_CAP, 0)
    assert clock.overflow == 1
    assert take_first(clock, CREDIT) == 1


@settings(max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=LANES, max_size=LANES))
def test_the_next_event_is_the_least_of_all_lanes(times):
    clock = clock_of_idle_machine()
    for lane, at_fs in enumerate(times):
        set_next(clock, lane, at_fs)
    assert earliest(clock) == min(times)
    rare = {lane: times[lane] for lane in RARE_LANES}
    assert clock.rare_at == min(rare.values())
    assert rare_lane(clock) == min(lane for lane in RARE_LANES if rare[lane] == min(rare.values()))


def test_the_lane_after_the_last_event_is_empty_and_the_next_lane_comes():
    clock = clock_of_idle_machine()
    append(clock, WIRE, 4, 0)
    append(clock, LINE, 4, 0)
    append(clock, CREDIT, 9, 0)
    assert rare_lane(clock) == LINE  # lower lanes first at one instant
    take_first(clock, LINE)
    assert rare_lane(clock) == WIRE
    take_first(clock, WIRE)
    assert (rare_lane(clock), earliest(clock)) == (CREDIT, 9)
