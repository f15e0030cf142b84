"""Interrupts: counted with their write-backs, moderated, masked while the driver polls, and what they cost a core."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.interrupts import moderation_expired, rx_returned, tx_returned, unmasked
from hwmodel.machine.adapter.receive import interrupted, rx_written_back
from hwmodel.machine.adapter.writeback import tx_written_back
from hwmodel.machine.guest.cores import adapt_moderation, piece_done
from hwmodel.machine.guest.guest_state import BULK_CLASS, LOWEST_CLASS, MIDDLE_CLASS, TAKE_TASK
from hwmodel.machine.time.clock import MODERATION_TIMER, TIMERS
from hwmodel.machine.time.events import take_timer
from hwmodel.machine.tlp_kinds import INTERRUPT_ENABLE, RX_DOORBELL, RX_INTERRUPT, TX_INTERRUPT
from tests.blocks.idle_machine import NS, VF0, VF1, doorbells, machine, posted_writes, waiting

RX, TX = RX_INTERRUPT, TX_INTERRUPT
RX_BELL, ENABLE = RX_DOORBELL, INTERRUPT_ENABLE
MASKED = {"mask_interrupts": True, "rx_interrupt_batch": 4, "tx_interrupt_batch": 4, "refill_batch": 8}


def adapter(**driver):
    nic = machine(nic={"rx_ring": 64, "tx_ring": 64}, driver=driver)
    nic.traffic.copy_kind[0].function, nic.traffic.copy_kind[0].flow = VF0, 0
    nic.tx_queue[VF0].reserved = nic.ledger.counts.tx_ring.level = 40
    nic.function[VF0].params.n_sources = 1
    return nic


def raised(nic):
    """Return (kind, ring, how many it tells) of the interrupts in P, and take them out."""
    found = [(int(each.kind), int(each.queue), int(each.n)) for each in waiting(nic.pcie[0].up.first)]
    nic.pcie[0].up.first.head = nic.pcie[0].up.first.tail
    return found


def entered(nic, at_ns, n):
    """Let write-backs of VF0 with so many frames enter P."""
    rx_returned(nic, at_ns * NS, VF0, n)


def sent(nic, at_ns, n):
    """Let write-backs of VF0 with so many sent descriptors enter P."""
    nic.tx_queue[VF0].held.written += n
    tx_returned(nic, at_ns * NS, VF0, n)


def expire(nic, until_ns):
    """Let timers go off until a time; return what each raised."""
    found = []
    while nic.clock.next_at[TIMERS] <= until_ns * NS:
        at_fs = int(nic.clock.next_at[TIMERS])
        kind, index = take_timer(nic.clock)
        assert kind == MODERATION_TIMER
        moderation_expired(nic, at_fs, index)
        found += [(at_fs // NS, n) for _, _, n in raised(nic)]
    return found


def after(nic, *events):
    """Let write-backs of (ns, frames) enter P; return the interrupts as (ns, frames counted)."""
    found = []
    for at_ns, n in events:
        found += expire(nic, at_ns)
        entered(nic, at_ns, n)
        found += [(at_ns, n) for _, _, n in raised(nic)]
    return found


# ---- Counted and moderated ----


@pytest.mark.parametrize(
    ("batch", "events", "expected"),
    [
        (1, [(10, 1), (20, 2)], [(10, 1), (20, 2)]),
        (4, [(10, 1), (20, 2), (30, 3), (40, 3)], [(30, 6)]),
        (4, [(10, 4), (20, 4)], [(10, 4), (20, 4)]),
    ],
)
def test_an_interrupt_tells_all_frames_counted(batch, events, expected):
    nic = adapter(rx_interrupt_batch=batch)
    assert after(nic, *events) == expected
    assert nic.rx_queue[VF0].visible == 0  # not before the interrupt has come


def test_moderation_tells_the_first_at_once_and_the_others_at_the_timer():
    """EITR of 100 ns, whatever the batch: at 10; at 110 for 30 and 60; at 210 nothing waits, so 250 goes at once."""
    nic = adapter(moderation="0.1us", rx_interrupt_batch=8)
    found = after(nic, (10, 1), (30, 2), (60, 1), (250, 3), (349, 1), (450, 1))
    assert found == [(10, 1), (110, 3), (250, 3), (350, 1), (450, 1)]


def test_an_event_at_the_very_end_of_the_timer_goes_at_once():
    assert after(adapter(moderation="0.1us"), (10, 1), (110, 2)) == [(10, 1), (110, 2)]


def test_each_ring_has_its_own_moderation():
    nic = adapter(moderation="0.1us")
    rx_returned(nic, 10, VF0, 1)
    rx_returned(nic, 20, VF1, 1)
    assert posted_writes(nic) == [(RX, VF0, 4), (RX, VF1, 4)]


def test_a_guest_that_polls_is_told_nothing():
    nic = adapter()
    entered(nic, 10, 100)
    sent(nic, 10, 100)
    assert raised(nic) == []


# ---- Masked ----


@pytest.mark.parametrize("first", [entered, sent])
@pytest.mark.parametrize("second", [entered, sent])
def test_an_interrupt_masks_itself_for_both_rings(first, second):
    nic = adapter(**MASKED)
    first(nic, 10, 3)
    assert raised(nic) == []
    first(nic, 20, 1)
    assert [kind for kind, _, _ in raised(nic)] == [RX if first is entered else TX]
    second(nic, 30, 50)
    assert raised(nic) == []


def take_interrupt(nic, at_ns, written_back=0, sent_back=0):
    """Let an interrupt be raised and received, behind write-backs with so many frames and sent descriptors."""
    entered(nic, at_ns, max(written_back, 4))
    nic.tx_queue[VF0].held.written += sent_back
    raised(nic)
    queue = nic.rx_queue[VF0]
    for i in range(written_back):
        nic.guests.finished[queue.first + i].n_descriptors = 1
    if written_back:
        rx_written_back(nic, at_ns * NS, VF0, written_back, 0)
    tx_written_back(nic, at_ns * NS, VF0, sent_back)
    interrupted(nic, at_ns * NS, RX, VF0, written_back, 0)


def work(nic):
    """Let the core finish what it has; return (ns, kind) of each register written."""
    found = []
    while nic.clock.next_at[TIMERS] < NEVER:
        at_fs, before = int(nic.clock.next_at[TIMERS]), len(doorbells(nic))
        _, index = take_timer(nic.clock)
        piece_done(nic, at_fs, index)
        found += [(at_fs // NS, kind) for kind, _, _ in doorbells(nic)[before:]]
    return found


def test_a_masked_interrupt_shows_all_that_is_written_back_and_frees_all_slots():
    nic = adapter(**MASKED, frame_time="20ns")
    take_interrupt(nic, 100, written_back=6, sent_back=3)
    assert (nic.rx_queue[VF0].visible, nic.tx_queue[VF0].freed) == (6, 3)
    # Until it has taken all, the driver sees what comes without being told.
    rx_written_back(nic, 150 * NS, VF0, 1, 0)
    tx_written_back(nic, 150 * NS, VF0, 2)
    assert (nic.rx_queue[VF0].visible, nic.tx_queue[VF0].freed) == (7, 5)
    assert work(nic) == [(100 + 7 * 20, ENABLE)]
    rx_written_back(nic, 300 * NS, VF0, 1, 0)
    tx_written_back(nic, 300 * NS, VF0, 1)
    assert (nic.rx_queue[VF0].visible, nic.tx_queue[VF0].freed) == (7, 5)


def test_a_poll_ends_though_there_was_nothing_to_take():
    nic = adapter(**MASKED, interrupt_time="70ns")
    take_interrupt(nic, 100)
    assert work(nic) == [(170, ENABLE)]


def test_the_interrupt_is_enabled_behind_the_refill_of_the_same_piece_and_both_are_one_doorbell_time():
    nic = adapter(**MASKED | {"refill_batch": 4}, frame_time="20ns", doorbell_time="100ns")
    take_interrupt(nic, 0, written_back=4)
    assert work(nic) == [(80, RX_BELL), (80, ENABLE)]
    core = nic.guests.core[nic.rx_queue[VF0].params.core]
    assert (core.free_fs, core.counts.busy_fs[TAKE_TASK]) == (180 * NS, 180 * NS)


def test_a_turn_that_leaves_frames_goes_on_polling():
    nic = adapter(**MASKED, frame_time="20ns", poll_budget=2)
    take_interrupt(nic, 0, written_back=5)
    assert work(nic) == [(100, ENABLE)]


@pytest.mark.parametrize(
    ("frames", "descriptors", "is_raised"), [(0, 0, False), (1, 0, True), (0, 1, True), (2, 7, True)]
)
def test_unmasked_it_tells_of_all_that_the_driver_has_not_seen(frames, descriptors, is_raised):
    """However few: the driver polls no more when these are written back."""
    nic = adapter(**MASKED)
    take_interrupt(nic, 0, written_back=4)
    work(nic)
    entered(nic, 500, frames)
    sent(nic, 500, descriptors)
    assert raised(nic) == []
    unmasked(nic, 600 * NS, VF0)
    assert [(kind, queue) for kind, queue, _ in raised(nic)] == [(RX, VF0)] * is_raised
    assert nic.rx_queue[VF0].is_masked == is_raised


def test_what_was_seen_while_it_was_masked_is_not_counted():
    """Four of six frames were polled: with two unseen and told, then unmasked, three more are not a batch of four."""
    nic = adapter(**MASKED)
    take_interrupt(nic, 0, written_back=4)
    entered(nic, 1, 2)
    rx_written_back(nic, 2, VF0, 2, 0)
    work(nic)
    unmasked(nic, 600 * NS, VF0)
    assert raised(nic) == []
    entered(nic, 700, 3)
    assert raised(nic) == []
    entered(nic, 800, 1)
    assert raised(nic) == [(RX, VF0, 4)]


def test_unmasked_it_waits_for_the_timer():
    nic = adapter(**MASKED, moderation="1us")
    take_interrupt(nic, 0, written_back=4)
    work(nic)
    entered(nic, 500, 1)
    unmasked(nic, 600 * NS, VF0)
    assert raised(nic) == []
    assert expire(nic, 5000) == [(1000, 1)]


# ---- What they cost ----


def begun(nic):
    """Return when the core's piece ends, in ns."""
    return int(nic.clock.next_at[TIMERS]) / NS


COSTS = {"rx_interrupt_batch": 1, "tx_interrupt_batch": 1, "frame_time": "20ns", "refill_batch": 8}
COSTS |= {"interrupt_time": "100ns", "exit_time": "300ns"}


def test_entry_and_exit_come_before_the_first_frame():
    nic = adapter(**COSTS)
    rx_written_back(nic, 0, VF0, 2, 0)
    interrupted(nic, 0, RX, VF0, 2, 0)
    assert begun(nic) == 100 + 300 + 2 * 20
    work(nic)
    assert nic.guests.core[nic.rx_queue[VF0].params.core].counts.busy_fs[TAKE_TASK] == 440 * NS


def test_an_interrupt_of_a_tx_ring_costs_as_much():
    nic = adapter(**COSTS)
    tx_written_back(nic, 0, VF0, 1)
    interrupted(nic, 0, TX, VF0, 1, 0)
    assert begun(nic) == 400
    assert nic.tx_queue[VF0].freed == 1


def test_one_that_comes_while_frames_are_taken_waits_for_the_next_piece():
    nic = adapter(**COSTS)
    for at_ns in (0, 410):
        rx_written_back(nic, at_ns * NS, VF0, 1, 0)
        interrupted(nic, at_ns * NS, RX, VF0, 1, 0)
        assert begun(nic) == 420
    _, index = take_timer(nic.clock)
    piece_done(nic, 420 * NS, index)
    assert begun(nic) == 420 + 400 + 20


def test_a_core_without_work_wakes_up_first():
    nic = adapter(**COSTS, wakeup_time="2us")
    for at_ns in (0, 500):  # the second finds it waking up
        rx_written_back(nic, at_ns * NS, VF0, 1, 0)
        interrupted(nic, at_ns * NS, RX, VF0, 1, 0)
    assert begun(nic) == 2000 + 400 + 20


@pytest.mark.parametrize(("written_ns", "begins_ns"), [(0, 2000), (300, 300)])
def test_a_core_that_waits_for_a_doorbell_is_awake(written_ns, begins_ns):
    nic = adapter(**COSTS, wakeup_time="2us")
    nic.guests.core[nic.rx_queue[VF0].params.core].free_fs = written_ns * NS
    rx_written_back(nic, 0, VF0, 1, 0)
    interrupted(nic, 0, RX, VF0, 1, 0)
    assert begun(nic) == begins_ns + 420


# ---- Adapted ----

LOWEST, MIDDLE, BULK = LOWEST_CLASS, MIDDLE_CLASS, BULK_CLASS


@pytest.mark.parametrize(
    ("load", "n_bytes", "expected", "interval_ns"),
    [
        # 50 us: 500 bytes are 10 B/us. 10 * n * t / (9 * n + t) by hand, n being 10, 50 and 84 us.
        (LOWEST, 500, LOWEST, 35_714), (LOWEST, 501, MIDDLE, 50_000), (LOWEST, 5000, MIDDLE, 50_000),
        (MIDDLE, 500, LOWEST, 35_714), (MIDDLE, 501, MIDDLE, 50_000), (MIDDLE, 1000, MIDDLE, 50_000),
        (MIDDLE, 1001, BULK, 52_109), (BULK, 1001, BULK, 52_109), (BULK, 1000, MIDDLE, 50_000),
        (LOWEST, 0, LOWEST, 35_714), (MIDDLE, 0, MIDDLE, 50_000), (BULK, 0, BULK, 52_109),  # nothing says nothing
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["rx", "tx"])
def test_the_interval_follows_the_load(load, n_bytes, expected, interval_ns, way):
    nic = adapter(moderation="50us")
    queue = nic.rx_queue[VF0]
    counted = {"rx": "taken_bytes", "tx": "posted_bytes"}[way]
    assert (queue.rx_class, queue.tx_class, queue.moderation_fs) == (LOWEST, LOWEST, 50_000 * NS)
    queue[f"{way}_class"], queue[counted] = load, n_bytes
    adapt_moderation(nic, nic.guests.driver[VF0], queue)
    assert (queue[f"{way}_class"], queue.moderation_fs, queue[counted]) == (expected, interval_ns * NS, 0)


@pytest.mark.parametrize(("rx", "tx"), [(BULK, LOWEST), (LOWEST, BULK), (BULK, BULK)])
def test_the_larger_class_of_received_and_sent_decides(rx, tx):
    nic = adapter(moderation="50us")
    queue = nic.rx_queue[VF0]
    queue.rx_class, queue.tx_class = rx, tx
    adapt_moderation(nic, nic.guests.driver[VF0], queue)
    assert queue.moderation_fs == 52_109 * NS


def test_intervals_are_those_of_the_configuration():
    """10 * 124 * 50 / (9 * 124 + 50) us."""
    nic = adapter(moderation="50us", adaptive_intervals=["20us", "50us", "124us"])
    queue = nic.rx_queue[VF0]
    queue.rx_class, queue.taken_bytes = BULK, 5000
    adapt_moderation(nic, nic.guests.driver[VF0], queue)
    assert queue.moderation_fs == 53_173 * NS


def test_a_new_interval_holds_from_the_next_interrupt():
    """At 0, with 1 us; 600 bytes taken leave the lowest class: 10 * 50 / (9 * 50 + 1) us from the next one on."""
    nic = adapter(**MASKED, moderation="1us", adaptive_moderation=True)
    nic.rx_queue[VF0].taken_bytes = 600
    take_interrupt(nic, 0)
    work(nic)
    unmasked(nic, 0, VF0)
    assert expire(nic, 999) == []
    assert [at_ns for at_ns, _ in expire(nic, 1000)] == [1000]
    assert nic.rx_queue[VF0].moderated_until_fs == (1000 + 1108) * NS
