"""The Tx scheduler: who is next, how evenly, and what a full Tx buffer or a rate limit does to it."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.adapter.fetch import fetch_tx
from hwmodel.machine.adapter.scheduler import begin_limit, end_limit, pick, shaper_expired
from hwmodel.machine.frames import COPY_CAP
from hwmodel.machine.time.clock import SHAPER_TIMER, TIMERS
from hwmodel.machine.time.events import take_timer
from tests.blocks.idle_machine import NS, PF, VF0, VF1, cache_frames, machine
from tests.blocks.picked_frames import picks, who

VF2, VF3 = 3, 4
LONGEST = 1514  # data bytes of a frame of 1518 B


def scheduled(scheduler, weights=(1, 1, 1, 1), **ports):
    """Return a machine with four VFs of these weights."""
    entries = [{"name": f"vf{i}", "weight": weight} for i, weight in enumerate(weights)]
    return machine(
        nic={"vfs": 4, "tx_ring": 2048, "descriptor_cache": 4096, "tx_buffer": "64MiB"},
        switch={"scheduler": scheduler, "ports": entries},
        **ports,
    )


# ---- Round robin ----


def test_round_robin_goes_past_the_one_picked():
    nic = scheduled("round_robin")
    for function in (VF0, VF2, VF3):
        cache_frames(nic, function, [60] * 3)
    assert who(picks(nic, 4)) == [VF0, VF2, VF3, VF0]
    cache_frames(nic, VF1, [60])  # comes in behind VF0, where the pointer stands
    cache_frames(nic, PF, [60])
    assert who(picks(nic)) == [VF1, VF2, VF3, PF, VF0, VF2, VF3]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_round_robin_serves_all_that_wait_once_a_round(backlogs):
    """Between two frames of one function, no other is served twice; each round is that of those who still wait."""
    nic = scheduled("round_robin")
    for function, n in enumerate(backlogs, VF0):
        if n:
            cache_frames(nic, function, [60] * n)
    expected, left = [], dict(enumerate(backlogs, VF0))
    while any(left.values()):
        for function in [each for each, n in left.items() if n]:
            left[function] -= 1
            expected.append(function)
    assert who(picks(nic)) == expected


def test_a_function_goes_round_its_rings():
    """Two queues of VF0 (rings 2 and 3) against one of VF1 (ring 4): half and half, not two thirds."""
    nic = machine(nic={"vfs": 2, "queues_per_vf": 2})
    cache_frames(nic, 2, [60] * 3)
    cache_frames(nic, 3, [61] * 2)
    cache_frames(nic, 4, [62] * 5)
    assert [n for _, n in picks(nic)] == [60, 62, 61, 62, 60, 62, 61, 62, 60, 62]


# ---- By weight ----


def test_weighted_shares_go_by_frames():
    nic = scheduled("weighted", (3, 1, 2, 5))
    for function, n_bytes in ((VF0, 60), (VF1, 1514), (VF2, 60), (VF3, 700)):
        cache_frames(nic, function, [n_bytes] * 60)
    served = who(picks(nic, 44))
    assert [served.count(function) for function in (VF0, VF1, VF2, VF3)] == [12, 4, 8, 20]
    assert served[:11] == [VF0] * 3 + [VF1] + [VF2] * 2 + [VF3] * 5


def test_weighted_skips_those_that_have_nothing():
    nic = scheduled("weighted", (3, 1, 2, 5))
    cache_frames(nic, VF0, [60] * 4)
    cache_frames(nic, VF3, [60] * 6)
    assert who(picks(nic)) == [VF0] * 3 + [VF3] * 5 + [VF0] + [VF3]


def test_a_function_that_came_back_has_its_whole_weight_again():
    """VF1 is cut short after one of its three frames; at its next turn it may send three, not the two left over."""
    nic = scheduled("weighted", (1, 3, 1, 1))
    cache_frames(nic, VF1, [60])
    assert who(picks(nic)) == [VF1]
    cache_frames(nic, VF0, [60])
    assert who(picks(nic)) == [VF0]
    cache_frames(nic, VF1, [60] * 4)
    cache_frames(nic, VF2, [60] * 4)
    assert who(picks(nic, 4)) == [VF1] * 3 + [VF2]


# ---- By bytes ----


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 4), min_size=4, max_size=4),
    st.lists(st.sampled_from([60, 200, 700, 1000, LONGEST]), min_size=4, max_size=4),
)
def test_deficit_shares_bytes_by_weight(weights, lengths):
    """All backlogged: what each has sent differs from its share by less than a quantum of its own and a frame.

    The quantum is the longest frame, so a round serves everybody (Shreedhar, Varghese: Deficit Round Robin, 1995).
    """
    nic = scheduled("deficit", weights)
    for function, n_bytes in enumerate(lengths, VF0):
        cache_frames(nic, function, [n_bytes] * 100)
    found = picks(nic, 100)
    sent = {function: sum(n for each, n in found if each == function) for function in (VF0, VF1, VF2, VF3)}
    rounds = [sent[function] / weight / LONGEST for function, weight in enumerate(weights, VF0)]
    assert max(rounds) - min(rounds) <= 1 + max(1 / weight for weight in weights)


def test_deficit_lets_everybody_send_in_each_round():
    """At most ceil(longest / quantum) rounds, which is one, pass before a waiting function's frame goes."""
    nic = scheduled("deficit")
    cache_frames(nic, VF0, [60] * 200)
    cache_frames(nic, VF1, [LONGEST] * 8)
    cache_frames(nic, VF2, [700] * 16)
    served = who(picks(nic, 100))
    for function in (VF1, VF2):
        turns = [i for i, each in enumerate(served) if each == function]
        assert max(b - a for a, b in itertools.pairwise(turns)) <= math.ceil(LONGEST / 60) + 3 + 2


def test_deficit_of_equal_frames_is_round_robin_in_turns_of_a_quantum():
    nic = scheduled("deficit")
    for function in (VF0, VF3):
        cache_frames(nic, function, [LONGEST] * 3)
    assert who(picks(nic)) == [VF0, VF3] * 3


def test_a_lone_function_is_never_held_back_by_its_deficit():
    nic = scheduled("deficit")
    cache_frames(nic, VF2, [60, LONGEST, LONGEST, 61])
    assert [n for _, n in picks(nic)] == [60, LONGEST, LONGEST, 61]


# ---- Strict ----


def test_strict_serves_the_lowest_port_that_waits():
    """docs/configuration.md, `scheduler`: the lowest port first; weights are no matter of it."""
    nic = scheduled("strict", (1, 1, 7, 1))
    for function in (VF3, VF2, VF1):
        cache_frames(nic, function, [60] * 2)
    assert who(picks(nic, 3)) == [VF1, VF1, VF2]
    cache_frames(nic, VF0, [60] * 2)
    assert who(picks(nic)) == [VF0, VF0, VF2, VF3, VF3]


# ---- Room, rates ----


def test_a_picked_frame_that_does_not_fit_waits_and_nothing_overtakes_it():
    nic = machine(nic={"tx_buffer": "2000B"})
    cache_frames(nic, VF0, [1514] * 2)
    cache_frames(nic, VF1, [60] * 2)
    assert picks(nic) == [(VF0, 1514), (VF1, 60)]  # and the next of VF0 is picked, but has no room
    assert nic.counts.tx_buffer.level == 1574
    cache_frames(nic, PF, [60])
    assert picks(nic, now_fs=50) == []
    nic.counts.tx_buffer.level -= 1514
    assert picks(nic, now_fs=80) == [(VF0, 1514), (VF1, 60), (PF, 60)]
    assert nic.ledger.counts.stalls.tx_buffer.total_fs == 80


def test_a_frame_that_just_fits_goes():
    nic = machine(nic={"tx_buffer": "1574B"})
    cache_frames(nic, VF0, [1514, 61])
    cache_frames(nic, VF1, [60])
    assert picks(nic) == [(VF0, 1514), (VF1, 60)]
    assert nic.counts.tx_buffer.level == 1574


def test_picks_wait_where_the_copies_would_not_fit_behind_the_switch():
    """Room for five more copies in the FIFO of local ones, at most two a frame: two frames.

    One entry more stays free: copies from the wire pass by it.
    """
    nic = machine()
    nic.headers.most_copies = 2
    nic.loopback.tail = COPY_CAP - 6
    cache_frames(nic, VF0, [60] * 4)
    assert len(picks(nic)) == 2
    nic.grants.head += 2  # both are through the switch
    nic.loopback.tail += 4
    assert picks(nic) == []
    nic.loopback.head += 1
    assert len(picks(nic)) == 1
    nic.port[0].mac.fifo.tail = COPY_CAP - 4
    assert picks(nic) == []


def test_a_pick_takes_the_descriptor_and_lets_more_be_fetched():
    nic = machine(nic={"fetch_batch": 2, "descriptor_cache": 3})
    cache_frames(nic, VF0, [60] * 2)
    nic.tx_queue[VF0].known = 4
    assert len(picks(nic, 1)) == 1
    queue = nic.tx_queue[VF0]
    assert (queue.cached, queue.requested, queue.known) == (1, 2, 2)


def limited(rate, window="0B"):
    return machine(switch={"ports": [{"name": "vf0", "rate_limit": rate}]}, nic={"rate_limit_window": window})


def test_a_rate_limit_spaces_frames_by_their_length_with_fcs():
    """1 Gb/s: 1518 B take 12.144 us; the timer stands there."""
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514] * 3)
    assert len(picks(nic, now_fs=100)) == 1
    assert nic.clock.next_at[TIMERS] == 100 + 12_144 * NS
    assert picks(nic, now_fs=101) == []
    assert take_timer(nic.clock) == (SHAPER_TIMER, VF0)
    now_fs = 100 + 12_144 * NS
    shaper_expired(nic, now_fs, VF0)
    assert len(picks(nic, now_fs=now_fs)) == 1
    assert nic.clock.next_at[TIMERS] == now_fs + 12_144 * NS


def test_a_limited_function_lets_the_others_by():
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514] * 2)
    cache_frames(nic, VF1, [60] * 3)
    assert who(picks(nic)) == [VF0, VF1, VF1, VF1]


def test_without_a_window_unused_rate_is_not_saved_up():
    """A frame long after the last one goes at once, the one behind it a full gap later: no burst above the rate."""
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514])
    picks(nic)
    take_timer(nic.clock)
    shaper_expired(nic, 12_144 * NS, VF0)
    cache_frames(nic, VF0, [1514] * 2)
    assert len(picks(nic, now_fs=10**12)) == 1
    assert nic.clock.next_at[TIMERS] == 10**12 + 12_144 * NS


def test_a_frame_that_came_late_is_made_up_for_within_the_window():
    """One frame goes 1000 ns late: the one behind it is due a gap after the time that was meant, not after it went."""
    nic = limited("1Gbps", "200B")  # 1600 ns
    nic.function[VF0].eligible_at_fs = 5_000 * NS
    cache_frames(nic, VF0, [1514] * 2)
    assert len(picks(nic, now_fs=6_000 * NS)) == 1
    assert nic.clock.next_at[TIMERS] == 17_144 * NS


def test_what_is_later_than_the_window_is_lost():
    nic = limited("1Gbps", "200B")
    nic.function[VF0].eligible_at_fs = 5_000 * NS
    cache_frames(nic, VF0, [1514] * 2)
    assert len(picks(nic, now_fs=9_000 * NS)) == 1
    assert nic.clock.next_at[TIMERS] == (9_000 - 1_600 + 12_144) * NS


def test_the_wait_for_a_rate_is_a_stall_only_where_nobody_else_can_send():
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514] * 2)
    picks(nic, now_fs=0)  # at 0 the second frame stands ready and may not go
    pick(nic, 500)
    cache_frames(nic, VF1, [60])
    picks(nic, 1, now_fs=700)
    assert nic.ledger.counts.stalls.rate_limit.total_fs == 700


def test_the_wait_for_descriptors_is_a_stall_where_rings_hold_more_than_is_asked_for():
    """The cache of 3 has room for one batch of 2; the third descriptor waits; nothing is there to send until 300."""
    nic = machine(nic={"fetch_batch": 2, "descriptor_cache": 3})
    nic.tx_queue[VF0].known = nic.scheduler.n_told = 3
    fetch_tx(nic, 0, VF0)
    assert nic.scheduler.n_told == 1
    pick(nic, 100)
    cache_frames(nic, VF0, [60])
    picks(nic, 1, now_fs=300)
    assert nic.ledger.counts.stalls.tx_descriptors.total_fs == 200


@pytest.mark.parametrize("scheduler", ["round_robin", "weighted", "deficit", "strict"])
def test_nothing_is_picked_where_nothing_waits(scheduler):
    nic = scheduled(scheduler)
    assert picks(nic) == []
    cache_frames(nic, VF1, [60])
    assert who(picks(nic)) == [VF1]
    assert picks(nic) == []


def test_a_limit_that_is_taken_away_lets_the_function_go_and_its_timer_is_nobodys():
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514] * 3)
    picks(nic, now_fs=100)
    nic.function[VF0].params.shaper_den = 0
    end_limit(nic, VF0)
    assert (nic.reads_due, nic.scheduler.n_ready, nic.scheduler.n_shaped_waiting) == (1, 1, 0)
    shaper_expired(nic, 100 + 12_144 * NS, VF0)  # of the limit that is gone
    assert (nic.scheduler.n_ready, nic.scheduler.n_shaped_waiting) == (1, 0)
    assert len(picks(nic, now_fs=200)) == 2


def test_a_timer_of_an_old_rate_lets_nothing_go_before_its_time():
    """Held back until 12.144 us; then the rate is halved, and the frame behind charged for 24.288 us."""
    nic = limited("1Gbps")
    cache_frames(nic, VF0, [1514] * 2)
    picks(nic)
    nic.function[VF0].eligible_at_fs = 24_288 * NS
    shaper_expired(nic, 12_144 * NS, VF0)
    assert nic.function[VF0].is_shaped == 1
    shaper_expired(nic, 24_288 * NS, VF0)
    assert nic.function[VF0].is_shaped == 0


def test_a_limit_that_is_new_begins_with_a_full_window():
    nic = limited("1Gbps", "3028B")
    nic.function[VF0].eligible_at_fs = 24_288 * NS
    begin_limit(nic, VF0)
    cache_frames(nic, VF0, [1514] * 3)
    picks(nic)
    assert nic.tx_queue[VF0].cached == 1  # two are as much as the window holds, but for 8 B
