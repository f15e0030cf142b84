"""The descriptor plane by itself: pools of a class by their credits, rings of their class, guarantees, room."""

from __future__ import annotations

from collections import Counter

import pytest

from hwmodel.machine.adapter.class_turns import NOBODY
from hwmodel.machine.adapter.descriptor_plane import charge_credits, choose_by_credits
from tests.blocks.idle_machine import VF0, VF1, machine

FRAME_BYTES = 1000
TWO = {"classes": [{"percent": 50}, {"percent": 50}]}


def ready(stations, queues=1, rings=None, **nic):
    """Return a machine whose VFs have a descriptor in each ring, or in those named."""
    found = machine(nic={"arbitration": TWO, "vfs": 4, "queues_per_vf": queues, **nic}, switch={"ports": stations})
    for number in range(1, 5):
        function = found.function[number]
        for ring in range(function.params.first_queue, function.params.first_queue + queues):
            if rings is None or ring in rings:
                found.tx_queue[ring].cached = 1
                function.ready_queues += 1
    return found


def pick(nic, n):
    chosen = []
    for _ in range(n):
        number = choose_by_credits(nic, nic.scheduler, 0)
        chosen.append((int(number), int(nic.function[number].next_queue)))
        nic.scheduler.chosen = number
        charge_credits(nic, nic.scheduler, FRAME_BYTES)
    return chosen


def test_pools_share_their_class_by_weight_or_in_turn():
    stations = [{"name": "vf0", "weight": 3}, {"name": "vf1", "weight": 2}, {"name": "vf2"},
                {"name": "vf3", "classes": [1]}]  # fmt: skip
    found = Counter(number for number, _ in pick(ready(stations), 1200))
    assert [found[VF0 + number] for number in range(4)] == pytest.approx([300, 200, 100, 600], rel=0.01)
    nic = ready(stations)
    nic.arbiter.params.weighs_pools = 0
    found = Counter(number for number, _ in pick(nic, 1200))
    assert [found[VF0 + number] for number in range(4)] == pytest.approx([200, 200, 200, 600], rel=0.01)


def test_a_function_gives_rings_of_the_class_alone_in_turn():
    nic = ready([{"name": "vf0", "classes": [0, 1, 0]}], queues=3, rings={3, 4, 5})
    rings = {0: {0, 2}, 1: {1}}
    seen = {0: set(), 1: set()}
    for _ in range(40):
        number = choose_by_credits(nic, nic.scheduler, 0)
        assert number == VF0
        tx_class = int(nic.arbiter.chosen_class)
        seen[tx_class].add(int(nic.function[number].next_queue))
        nic.scheduler.chosen = number
        charge_credits(nic, nic.scheduler, FRAME_BYTES)
        nic.function[number].next_queue = (nic.function[number].next_queue + 1) % 3
    assert seen == rings


def test_a_class_without_room_keeps_no_other_waiting():
    nic = ready([{"name": "vf1", "classes": [1]}], rings={VF0, VF1})
    room = int(nic.arbiter.params.room_bytes)
    assert room == 80 * 1024
    nic.arbiter.level_bytes[1] = room - 1513
    assert {number for number, _ in pick(nic, 20)} == {VF0}
    nic.arbiter.level_bytes[0] = room
    assert choose_by_credits(nic, nic.scheduler, 0) == NOBODY
    nic.arbiter.level_bytes[1] = room - 1514
    assert choose_by_credits(nic, nic.scheduler, 0) == VF1


def test_what_is_owed_comes_first_in_its_class_and_costs_no_credits_of_the_pool():
    nic = ready([{"name": "vf2", "min_rate": "1Gbps"}])
    assert pick(nic, 1)[0][0] == VF0 + 2
    assert nic.scheduler.is_owed == 1
    assert not nic.arbiter.pool_credits_bytes.any()
    nic.function[VF0 + 2].owed_from_fs = 1
    assert pick(nic, 1)[0][0] == VF0 and nic.scheduler.is_owed == 0
