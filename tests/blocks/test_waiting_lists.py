"""Lists of what waits in places of one array: in order, places used again, and none beyond the last."""

from __future__ import annotations

from types import SimpleNamespace

from hwmodel.compiled.far_tables import address_of, far, zeros
from hwmodel.compiled.records import ints, record
from hwmodel.machine.waiting_lists import append, pop, take_out, take_place


def lists(n_places, n_lists=2):
    waiting = zeros(1, record(*ints("n_used", "free"), ("place", far(record(*ints("following")), n_places))))[0]
    return SimpleNamespace(overflow=0), waiting, [SimpleNamespace(head=0, tail=0) for _ in range(n_lists)]


def places(waiting, queue):
    found, place = [], queue.head
    while place > 0:
        found.append(place)
        place = waiting.place[place - 1].following
    assert not found or queue.tail == found[-1]
    return found


def test_each_list_keeps_its_order_and_a_freed_place_is_the_next():
    clock, waiting, queues = lists(5)
    for number in (0, 1, 0, 0):
        append(waiting, queues[number], take_place(clock, waiting))
    assert [places(waiting, queue) for queue in queues] == [[1, 3, 4], [2]]
    take_out(waiting, queues[0], 3, 1)
    assert places(waiting, queues[0]) == [1, 4]
    append(waiting, queues[1], take_place(clock, waiting))
    assert places(waiting, queues[1]) == [2, 3]
    take_out(waiting, queues[0], 4, 1)
    append(waiting, queues[0], take_place(clock, waiting))
    assert places(waiting, queues[0]) == [1, 4] and clock.overflow == 0
    for number in (1, 4):
        assert address_of(pop(waiting, queues[0])) == address_of(waiting.place[number - 1])
    assert queues[0].head == 0 and places(waiting, queues[1]) == [2, 3]


def test_beyond_the_last_place_the_run_ends():
    clock, waiting, _ = lists(2)
    assert [take_place(clock, waiting) for _ in range(3)] == [1, 2, 2] and clock.overflow == 1
