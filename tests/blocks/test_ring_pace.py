"""A Tx ring's own pace (`nic.queue_time`): how far it may be ahead, and who goes meanwhile."""

from __future__ import annotations

import pytest

from hwmodel.machine.adapter.scheduler import pause_over, pick
from hwmodel.machine.time.clock import QUEUE_TIMER, TIMERS
from hwmodel.machine.time.events import take_timer
from tests.blocks.idle_machine import NS, VF0, VF1, cache_frames, machine
from tests.blocks.picked_frames import picks, who

VF2, VF3 = 3, 4
QUEUE_FS = 78 * NS


def paced(cache, queues_per_vf=1):
    return machine(nic={"queue_time": "78ns", "descriptor_cache": cache, "queues_per_vf": queues_per_vf})


def test_a_ring_gives_one_frame_in_its_time():
    """A cache of one: the second goes 78 ns behind the first, a late one at once, and the next 78 ns behind that."""
    nic = paced(1)
    cache_frames(nic, VF0, [60] * 4)
    assert len(picks(nic, now_fs=100)) == 1
    assert take_timer(nic.clock) == (QUEUE_TIMER, VF0)
    pause_over(nic, VF0)
    late_fs = 100 + 10 * QUEUE_FS
    assert len(picks(nic, now_fs=late_fs)) == 1
    assert nic.clock.next_at[TIMERS] == late_fs + QUEUE_FS
    assert picks(nic, now_fs=late_fs + QUEUE_FS - 1) == []


def test_a_ring_is_ahead_of_its_pace_by_what_its_cache_holds():
    """Four at once, then one every 78 ns; after three times as long idle, three and the one that is due."""
    nic = paced(4)
    cache_frames(nic, VF0, [60] * 12)
    assert len(picks(nic, now_fs=0)) == 4
    for n in (1, 2):
        assert nic.clock.next_at[TIMERS] == n * QUEUE_FS
        assert take_timer(nic.clock) == (QUEUE_TIMER, VF0)
        pause_over(nic, VF0)
        assert len(picks(nic, now_fs=n * QUEUE_FS)) == 1
    take_timer(nic.clock)
    pause_over(nic, VF0)
    assert len(picks(nic, now_fs=6 * QUEUE_FS)) == 4


def test_others_go_while_a_ring_keeps_its_pace():
    """The other ring of the function as well; its own rings are served in turn."""
    nic = paced(1, queues_per_vf=2)
    first = 2 * VF0  # with two rings each
    for ring in (first, first + 1, 2 * VF1):
        cache_frames(nic, ring, [60] * 3)
    assert who(picks(nic)) == [VF0, VF1, VF0]
    assert (nic.scheduler.n_ready, nic.scheduler.n_paused) == (0, 3)
    pause_over(nic, first + 1)
    assert who(picks(nic, now_fs=QUEUE_FS)) == [VF0]
    assert nic.tx_queue[first].picked == 1 and nic.tx_queue[first + 1].picked == 2


def test_descriptors_that_come_in_a_pause_wait_for_its_end():
    nic = paced(1)
    cache_frames(nic, VF0, [60])
    assert len(picks(nic)) == 1
    cache_frames(nic, VF0, [60])
    assert picks(nic, now_fs=QUEUE_FS - 1) == []
    pause_over(nic, VF0)
    assert len(picks(nic, now_fs=QUEUE_FS)) == 1


def test_a_pause_is_no_want_of_descriptors():
    nic = paced(1)
    cache_frames(nic, VF0, [60] * 2)
    nic.scheduler.n_told = 1
    assert len(picks(nic)) == 1
    assert nic.ledger.counts.stalls.tx_descriptors.since_fs == -1
    pause_over(nic, VF0)
    picks(nic, now_fs=QUEUE_FS)
    take_timer(nic.clock)
    pause_over(nic, VF0)
    pick(nic, 2 * QUEUE_FS)
    assert nic.ledger.counts.stalls.tx_descriptors.since_fs == 2 * QUEUE_FS


@pytest.mark.parametrize(("scheduler", "shares"), [("strict", [40, 0, 0, 0]), ("weighted", [10, 30, 0, 0])])
def test_frames_of_one_instant_go_by_the_scheduler_whatever_their_pace(scheduler, shares):
    entries = [{"name": "vf0", "weight": 1}, {"name": "vf1", "weight": 3}]
    nic = machine(
        nic={"vfs": 4, "tx_ring": 2048, "descriptor_cache": 64, "queue_time": "78ns"},
        switch={"scheduler": scheduler, "ports": entries},
    )
    for function in (VF0, VF1):
        cache_frames(nic, function, [60] * 64)
    found = who(picks(nic, 40))
    assert [found.count(function) for function in (VF0, VF1, VF2, VF3)] == shares
