"""Pending events: lanes and timers come out in the order of time, then of the rules for one instant."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.kernels import layout
from hwmodel.kernels.events import (
    append,
    first_elsewhere,
    first_of_links,
    rare_lane,
    set_next,
    set_timer,
    take_first,
    take_timer,
)
from tests.blocks.idle_machine import machine

RARE_LANES = list(range(layout.FIRST_RARE_LANE, layout.LANES))


def events_of_idle_machine():
    return machine().clock


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 3)), max_size=60), st.data())
def test_timers_go_by_time_then_kind_then_index_then_age(entries, data):
    """Against sorted(): a timer's age is its place in the order of entry; some are taken while others still come."""
    events = events_of_idle_machine()
    pending = []
    for at_fs, kind, index in entries:
        assert set_timer(events, at_fs, kind, index)
        pending.append((at_fs, kind, index))
        if data.draw(st.booleans()):
            check_first_timer(events, pending)
    while pending:
        check_first_timer(events, pending)
    assert events.next_at[layout.TIMERS] == layout.NEVER
    assert events.heap_n == 0


def check_first_timer(events, pending):
    pending.sort(key=lambda entry: entry[:3])
    at_fs, kind, index = pending.pop(0)
    assert events.next_at[layout.TIMERS] == at_fs
    assert take_timer(events) == (kind, index)


def test_timers_of_one_kind_and_index_go_first_in_first_out():
    """The word does not show the age, so the key is looked at: it ends in the sequence number."""
    events = events_of_idle_machine()
    for _ in range(3):
        set_timer(events, 5, layout.CORE_TIMER, 7)
    keys = []
    for _ in range(3):
        keys.append(int(events.heap[0].key))
        take_timer(events)
    assert keys == sorted(keys)
    assert len(set(keys)) == 3


def test_a_timer_of_any_time_and_index_comes_back():
    """Nearly 2^62 fs, the last source's number, the last kind: the fields of the key do not run into each other."""
    events = events_of_idle_machine()
    last_source = layout.MAX_SOURCES - 1
    events.seq = 2**40 - 1
    for kind in range(6):
        assert set_timer(events, layout.NEVER - 1, kind, last_source)
    assert [take_timer(events) for _ in range(6)] == [(kind, last_source) for kind in range(6)]


def test_a_full_heap_says_so():
    events = events_of_idle_machine()
    events.heap_n = layout.HEAP_CAP
    assert not set_timer(events, 1, 0, 0)
    assert events.heap_n == layout.HEAP_CAP


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=80))
def test_a_lane_is_sorted_whatever_comes_late(entries):
    """Jitter lets a later entry come before earlier ones; those of one instant stay in the order of entry."""
    events = events_of_idle_machine()
    lane, pending = layout.STORED, []
    events.lane[lane].head = events.lane[lane].tail = layout.LANE_CAP - 3  # so that the ring wraps on the way
    for word, (at_fs, is_taken) in enumerate(entries):
        assert append(events, lane, at_fs, word)
        pending.append((at_fs, word))
        pending.sort(key=lambda entry: entry[0])
        if is_taken:
            check_first_of_lane(events, lane, pending)
    while pending:
        check_first_of_lane(events, lane, pending)
    assert events.next_at[lane] == events.rare_at == layout.NEVER


def earliest(events):
    return min(first_elsewhere(events), first_of_links(events))


def check_first_of_lane(events, lane, pending):
    at_fs, word = pending.pop(0)
    assert events.next_at[lane] == events.rare_at == earliest(events) == at_fs
    assert take_first(events, lane) == word


def test_a_lane_tells_when_it_is_full():
    """What it holds stays below the ring's length, so the newest never lies on the oldest."""
    events = events_of_idle_machine()
    for count in range(1, layout.LANE_CAP):
        assert append(events, layout.CREDIT, count, count)
    assert not append(events, layout.CREDIT, layout.LANE_CAP, 0)
    assert take_first(events, layout.CREDIT) == 1


@settings(max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=layout.LANES, max_size=layout.LANES))
def test_the_next_event_is_the_least_of_all_lanes(times):
    events = events_of_idle_machine()
    for lane, at_fs in enumerate(times):
        set_next(events, lane, at_fs)
    assert earliest(events) == min(times)
    rare = {lane: times[lane] for lane in RARE_LANES}
    assert events.rare_at == min(rare.values())
    assert rare_lane(events) == min(lane for lane in RARE_LANES if rare[lane] == min(rare.values()))


def test_the_lane_after_the_last_event_is_empty_and_the_next_lane_comes():
    events = events_of_idle_machine()
    append(events, layout.WIRE, 4, 0)
    append(events, layout.LINE, 4, 0)
    append(events, layout.CREDIT, 9, 0)
    assert rare_lane(events) == layout.LINE  # lower lanes first at one instant
    take_first(events, layout.LINE)
    assert rare_lane(events) == layout.WIRE
    take_first(events, layout.WIRE)
    assert (rare_lane(events), earliest(events)) == (layout.CREDIT, 9)
