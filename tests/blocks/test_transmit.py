"""The end of a Tx descriptor: write-back by the batch or the timer, interrupts, free slots."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.receive import interrupted
from hwmodel.machine.adapter.writeback import descriptors_done, slots_free, tx_written_back, writeback_expired
from hwmodel.machine.time.clock import TIMERS, TX_WRITEBACK_TIMER
from hwmodel.machine.time.events import take_timer
from hwmodel.machine.tlp_kinds import TX_INTERRUPT, TX_WRITEBACK
from tests.blocks.idle_machine import NS, VF0, VF1, machine, posted_writes, waiting

WRITEBACK, INTERRUPT = TX_WRITEBACK, TX_INTERRUPT


def adapter(batch=1, timeout=None, interrupt=0):
    nic = machine(
        nic={"tx_writeback_batch": batch, "writeback_timeout": timeout, "tx_ring": 64},
        driver={"tx_interrupt_batch": interrupt},
    )
    for queue in (VF0, VF1):
        nic.tx_queue[queue].reserved = 40
    return nic


def done(nic, n, now_fs=0, queue=VF0):
    for _ in range(n):
        descriptors_done(nic, now_fs, queue, 1)


def expire(nic):
    """Let the next timer go off; return its time."""
    at_fs = int(nic.clock.next_at[TIMERS])
    kind, index = take_timer(nic.clock)
    assert kind == TX_WRITEBACK_TIMER
    writeback_expired(nic, at_fs, nic.tx_queue[index].held)
    return at_fs


@pytest.mark.parametrize(
    ("batch", "n", "expected"), [(1, 3, [16, 16, 16]), (8, 7, []), (8, 8, [128]), (3, 7, [48, 48])]
)
def test_done_descriptors_are_written_back_by_the_batch(batch, n, expected):
    nic = adapter(batch)
    done(nic, n)
    assert posted_writes(nic) == [(WRITEBACK, VF0, n_bytes) for n_bytes in expected]
    assert nic.tx_queue[VF0].held.n_descriptors == n - sum(expected) // 16


def test_each_ring_holds_its_own():
    nic = adapter(3)
    done(nic, 2, queue=VF0)
    done(nic, 2, queue=VF1)
    assert posted_writes(nic) == []
    done(nic, 1, queue=VF1)
    assert posted_writes(nic) == [(WRITEBACK, VF1, 48)]


def test_the_timer_runs_from_the_first_that_is_held():
    nic = adapter(8, "100ns")
    done(nic, 1, 10 * NS)
    done(nic, 2, 60 * NS)
    assert expire(nic) == 110 * NS
    assert posted_writes(nic) == [(WRITEBACK, VF0, 48)]
    assert nic.clock.next_at[TIMERS] == NEVER


def test_a_full_batch_makes_the_timer_idle():
    """Held from 10, full at 60; the next is held from 90: its time is up at 190, not at 110."""
    nic = adapter(2, "100ns")
    done(nic, 1, 10 * NS)
    done(nic, 1, 60 * NS)
    done(nic, 1, 90 * NS)
    assert len(posted_writes(nic)) == 1
    assert expire(nic) == 110 * NS
    assert len(posted_writes(nic)) == 1
    assert expire(nic) == 190 * NS
    assert posted_writes(nic) == [(WRITEBACK, VF0, 32), (WRITEBACK, VF0, 16)]


def test_an_idle_timer_writes_nothing():
    nic = adapter(2, "100ns")
    done(nic, 2, 10 * NS)
    done(nic, 1, 200 * NS)
    done(nic, 1, 210 * NS)
    while nic.clock.next_at[TIMERS] < NEVER:
        expire(nic)
    assert posted_writes(nic) == [(WRITEBACK, VF0, 32)] * 2


def test_without_a_timer_a_part_batch_waits_for_ever():
    nic = adapter(8)
    done(nic, 7)
    assert nic.clock.next_at[TIMERS] == NEVER


def test_write_backs_go_on_round_the_ring():
    nic = adapter(24)
    done(nic, 72)
    posted = waiting(nic.pcie[0].up.first)
    assert [(int(each.address) // 16, int(each.left_bytes) // 16, int(each.n)) for each in posted] == [
        (0, 24, 24), (24, 24, 24), (48, 16, 0), (0, 8, 24),
    ]  # fmt: skip


# ---- At the host ----


def test_without_interrupts_slots_are_free_with_the_write_back():
    nic = adapter()
    nic.ledger.counts.tx_ring.level = 40
    tx_written_back(nic, 5, VF0, 3)
    assert (nic.tx_queue[VF0].freed, nic.ledger.counts.tx_ring.level) == (3, 37)
    assert posted_writes(nic) == []


@pytest.mark.parametrize(("batch", "n", "told"), [(4, 9, [4, 4]), (1, 2, [1, 1]), (8, 7, [])])
def test_an_interrupt_tells_all_that_are_counted_right_behind_its_write_back(batch, n, told):
    nic = adapter(interrupt=batch)
    for i in range(n):
        done(nic, 1, i)
    kinds = [kind for kind, _, _ in posted_writes(nic)]
    assert kinds == ([WRITEBACK] * batch + [INTERRUPT]) * len(told) + [WRITEBACK] * (n - sum(told))
    assert [int(each.n) for each in waiting(nic.pcie[0].up.first) if each.kind == INTERRUPT] == told
    assert nic.tx_queue[VF0].counted == n - sum(told)


def test_an_interrupt_tells_more_than_a_batch_where_write_backs_are_longer():
    nic = adapter(3, interrupt=4)
    done(nic, 12)
    assert [int(each.n) for each in waiting(nic.pcie[0].up.first) if each.kind == INTERRUPT] == [6, 6]


def test_with_interrupts_slots_are_free_when_they_come():
    nic = adapter(interrupt=4)
    nic.ledger.counts.tx_ring.level = 40
    tx_written_back(nic, 5, VF0, 5)
    assert (nic.tx_queue[VF0].written_back, nic.tx_queue[VF0].freed) == (5, 0)
    interrupted(nic, 9, INTERRUPT, VF0, 4, 7)
    assert (nic.tx_queue[VF0].freed, nic.ledger.counts.tx_ring.level) == (4, 36)


def test_freed_slots_make_the_driver_look_for_frames():
    nic = adapter()
    nic.function[VF1].params.n_sources = 1
    slots_free(nic, 5, VF1, 2)
    slots_free(nic, 5, VF1, 1)
    assert nic.traffic.hungry[: nic.traffic.n_hungry].tolist() == [VF1]
    assert nic.tx_queue[VF1].freed == 3
