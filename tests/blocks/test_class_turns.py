"""Classes by themselves: who of those that want goes next, by strictness, groups and credits."""

from __future__ import annotations

from collections import Counter

import pytest

from hwmodel.machine.adapter.class_turns import NOBODY, charge_class, next_class
from tests.blocks.idle_machine import machine

FRAME_BYTES = 1000


def classes_of(*classes, **keys):
    """Return the arbiter of an idle machine with such classes."""
    return machine(nic={"arbitration": {"classes": list(classes), **keys}}).arbiter


def go(arbiter, wanting, n, by_order=False, n_bytes=FRAME_BYTES):
    """Let frames of those that want go, one after the other; return whose they were."""
    found = []
    for number in range(arbiter.params.n_classes):
        arbiter.plane.of_class[number].wants = int(number in wanting)
    for _ in range(n):
        found.append(int(next_class(arbiter.params, arbiter.plane, by_order)))
        charge_class(arbiter.params, arbiter.plane, found[-1], n_bytes)
    return found


@pytest.mark.parametrize("by_order", [False, True])
def test_classes_share_by_their_refills(by_order):
    arbiter = classes_of({"refill": 100, "max": 400}, {"refill": 37, "max": 200}, {"refill": 13, "max": 100})
    found = Counter(go(arbiter, {0, 1, 2}, 2250, by_order))
    assert [found[number] / 15 for number in range(3)] == pytest.approx([100, 37, 13], rel=0.01)


def test_nobody_goes_where_nobody_wants():
    arbiter = classes_of({"percent": 60}, {"percent": 40})
    assert next_class(arbiter.params, arbiter.plane, True) == NOBODY


def test_in_turn_and_by_order():
    two = ({"percent": 50}, {"percent": 50})
    assert go(classes_of(*two), {0, 1}, 4) == [0, 1, 0, 1]
    assert go(classes_of(*two), {0, 1}, 8, by_order=True) == [1, 1, 1, 1, 0, 0, 0, 0]  # 50 credits are 3200 B


def test_who_is_strict_on_the_link_goes_before_all_and_needs_no_credits():
    arbiter = classes_of({"percent": 100}, {"strict": "link"}, {"strict": "link"})
    assert set(go(arbiter, {0, 1, 2}, 50)) == {2}
    assert set(go(arbiter, {0, 1}, 50)) == {1}
    assert [int(arbiter.plane.of_class[number].credits_bytes) for number in range(3)] == [0, 0, 0]


def test_who_is_strict_in_a_group_has_all_of_the_group_and_no_more():
    arbiter = classes_of({"percent": 20, "group": 7}, {"percent": 40, "group": 7, "strict": "group"}, {"percent": 40})
    found = Counter(go(arbiter, {0, 1, 2}, 1500))
    assert found[0] == 0
    assert found[1] / found[2] == pytest.approx(60 / 40, rel=0.01)
    found = Counter(go(arbiter, {0, 2}, 1500))
    assert found[0] / found[2] == pytest.approx(60 / 40, rel=0.01)


def test_what_a_class_leaves_goes_to_its_group():
    classes = ({"percent": 30, "group": 0}, {"percent": 30, "group": 0}, {"percent": 40, "group": 1})
    found = Counter(go(classes_of(*classes), {0, 2}, 1500))
    assert found[0] / found[2] == pytest.approx(60 / 40, rel=0.01)
    alone = [{**each, "group": number} for number, each in enumerate(classes)]
    found = Counter(go(classes_of(*alone), {0, 2}, 1500))
    assert found[0] / found[2] == pytest.approx(30 / 40, rel=0.01)


def test_a_class_that_was_silent_has_no_more_than_its_maximum():
    arbiter = classes_of({"refill": 10, "max": 10}, {"refill": 10, "max": 50})
    go(arbiter, {0}, 1000)
    arbiter.plane.pointer = 0
    found = go(arbiter, {0, 1}, 100, by_order=True, n_bytes=64)
    assert 50 <= found.index(0) <= 75  # 50 credits of 64 B, and two rounds until the other has credits again
    assert int(arbiter.params.of_class[1].most_bytes) == 3200
