"""Places of frames in a bridge, and its lists, beside Python's own lists under random steps."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import zeros
from hwmodel.machine.network.bridge_places import append, free_place, let_go, pop, take_place
from hwmodel.machine.network.bridge_state import BRIDGE, NOBODY

STEPS = st.lists(st.tuples(st.sampled_from(["take", "free", "append", "pop"]), st.integers(0, 5)), max_size=40)


def empty():
    bridge = zeros(1, BRIDGE)[0]
    bridge.first_free = NOBODY
    for name in ("come", "queue"):
        bridge.port[0][name].first = bridge.port[0][name].last = NOBODY
    return bridge


@given(STEPS)
def test_a_place_has_one_frame_and_lists_keep_their_order(steps):
    bridge = empty()
    names = ("come", "queue")
    loose: list[int] = []
    lists: tuple[deque[int], ...] = (deque(), deque())
    for what, number in steps:
        at = number % 2
        entries = bridge.port[0][names[at]]
        if what == "take":
            place = int(take_place(bridge))
            assert place not in loose and all(place not in own for own in lists)
            loose.append(place)
        elif what == "free" and loose:
            free_place(bridge, loose.pop(number % len(loose)))
        elif what == "append" and loose:
            place = loose.pop(number % len(loose))
            append(bridge, entries, place)
            lists[at].append(place)
        elif what == "pop" and lists[at]:
            place = lists[at].popleft()
            assert pop(bridge, entries) == place
            loose.append(place)
        assert [int(bridge.port[0][name].first) for name in names] == [own[0] if own else NOBODY for own in lists]


def test_places_are_used_again_before_new_ones():
    bridge = empty()
    first, second = int(take_place(bridge)), int(take_place(bridge))
    free_place(bridge, first)
    assert (int(take_place(bridge)), int(take_place(bridge)), second) == (first, 2, 1)


def test_a_place_is_free_once_nobody_holds_it():
    bridge = empty()
    place = take_place(bridge)
    bridge.slot[place].holds = 2
    let_go(bridge, place)
    assert bridge.first_free == NOBODY
    let_go(bridge, place)
    assert bridge.first_free == place
