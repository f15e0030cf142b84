"""The flow cache's blocks: what a table holds, in which stage a frame is known, who waits for the slow path."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest

from hwmodel.machine.guest.guest_state import SLOW_TASK, SWITCH_TASK
from hwmodel.machine.switch.flow_cache import hold, learn, look_up, time_of, touch
from hwmodel.machine.switch.flow_cache_state import EXACT_HIT, MISS, WILDCARD_HIT
from hwmodel.machine.virtual_switch.passing import place_aside, put_aside, take_aside
from hwmodel.machine.virtual_switch.virtual_switch_state import ASIDE_CAP
from tests.blocks.idle_machine import NS, VF0, VF1, machine


def idle_cache(n_connections=3, **keys):
    own = {"exact_entries": 2, "exact_time": "5ns", "wildcard_entries": 4, "wildcard_time": "70ns", "miss_time": "9us"}
    nic = machine(nic={"mode": "vswitch", "vfs": 2},
                  host={"cores": 4, "virtual_switch": {"cores": [2], "flow_cache": {**own, **keys}}},
                  run={"duration": "1ms", "clocks": "exact"})  # fmt: skip
    cache = nic.virtual_switch.flow_cache
    cache.rng[:] = [1, 2, 3, 4]
    for number in range(3):
        header = cache.header[number]
        header.first, header.n, header.ends = number * n_connections, n_connections, number
    return nic, cache


@pytest.mark.parametrize("room", [0, 1, 2, 7])
def test_a_table_holds_what_was_used_last(room):
    _, cache = idle_cache(exact_entries=room)
    table, order, chance = cache.exact, OrderedDict(), random.Random(room)
    for _ in range(400):
        number = chance.randrange(9)
        assert bool(touch(table, number)) == (number in order)
        if number in order:
            order.move_to_end(number)
        if chance.random() < 0.7:
            hold(table, number)
            order[number] = None
            order.move_to_end(number)
            while len(order) > room:
                order.popitem(last=False)
        assert table.n_held == len(order)


def test_stages_and_their_times():
    _, cache = idle_cache(1)
    assert look_up(cache, 0, 0) == MISS and cache.flow == 0
    assert [time_of(cache, stage) for stage in (EXACT_HIT, WILDCARD_HIT, MISS)] == [5 * NS, 75 * NS, 9075 * NS]
    learn(cache, 0, 0)
    assert look_up(cache, 0, 0) == EXACT_HIT
    for number in (1, 2):  # which push it out of the exact match
        assert look_up(cache, number, 0) == MISS
        learn(cache, number, number)
    assert look_up(cache, 0, 0) == WILDCARD_HIT and look_up(cache, 0, 0) == EXACT_HIT
    assert (cache.counts.exact_hits, cache.counts.wildcard_hits, cache.counts.misses) == (2, 1, 3)


def test_a_stage_without_entries_takes_no_time():
    _, cache = idle_cache(exact_entries=0, wildcard_entries=0)
    assert look_up(cache, 0, 0) == MISS
    learn(cache, 0, cache.flow)
    assert look_up(cache, 0, 0) == MISS and time_of(cache, MISS) == 9000 * NS


@pytest.mark.parametrize(("match", "stage"), [("ends", WILDCARD_HIT), ("connections", MISS)])
def test_whom_a_wildcard_is_for(match, stage):
    _, cache = idle_cache(wildcard_match=match)
    learn(cache, 0, 0)
    found = [(look_up(cache, 0, 0), int(cache.flow)) for _ in range(40)]
    assert {flow for _, flow in found} == {0, 1, 2}
    first = next(at for at, (_, flow) in enumerate(found) if flow != 0)
    assert found[first][0] == stage


def test_frames_wait_for_the_cores_of_the_slow_path_ring_by_ring():
    nic, cache = idle_cache(miss_cores=[3, 1], miss_queue=2)
    switch, frame = nic.virtual_switch, nic.virtual_switch.frame
    assert [int(place_aside(nic, ring)) for ring in (0, 1, 2)] == [0, 1, 0]
    for number, ring in ((0, VF0), (1, VF0), (2, VF1)):
        frame.template, frame.n_bytes, frame.queue = number, 60 + number, ring
        assert put_aside(nic, ring, frame, number)
    assert not put_aside(nic, VF0, frame, 2) and cache.counts.lost == 1
    assert [int(take_aside(nic, VF0).n_bytes) for _ in range(2)] == [60, 61]
    assert put_aside(nic, VF0, frame, 2) and switch.aside.n_used == 3 < ASIDE_CAP  # in a place that is free again
    assert touch(cache.exact, 1) and touch(cache.wildcard, 0) and not touch(cache.exact, 2)
    assert SLOW_TASK == SWITCH_TASK + 1
