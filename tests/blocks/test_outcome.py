"""What becomes of frames and copies is counted once, whatever the order in which the copies end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.histogram import bucket
from hwmodel.machine.counts.journeys import UNMEASURED, begin_journey
from hwmodel.machine.counts.ledger_state import FIRST_FLOW_HISTOGRAM, FRAMES_REACHED, LOG_CAP, LOG_FULL
from hwmodel.machine.counts.outcome import copy_dropped, delivered_to_guest, delivered_to_wire, new_group
from tests.blocks.idle_machine import NS, VF0, VF1, machine

RX_BUFFER_FULL = DropReason.RX_BUFFER_FULL.value
FLOW = 3


def adapter():
    nic = machine()
    nic.traffic.copy_kind[0].function, nic.traffic.copy_kind[0].flow = VF1, FLOW
    nic.ledger.flow[FLOW].histogram = FIRST_FLOW_HISTOGRAM
    return nic


def a_copy(nic, group=-1, n_bytes=60):
    """Return a copy as both the guest's ring and the FIFOs hold it."""
    copy = nic.guests.finished[0]
    copy.copy_kind, copy.group, copy.n_bytes = 0, group, n_bytes
    copy.journey = begin_journey(nic.ledger)
    journey = nic.ledger.journeys.slot[copy.journey]
    journey.posted_fs, journey.rung_fs, journey.index, journey.template = 100 * NS, 300 * NS, 7, 5
    return copy


def settle(nic, fate, group=-1):
    copy = a_copy(nic, group)
    if fate == "guest":
        delivered_to_guest(nic, 1000 * NS, copy)
    elif fate == "wire":
        delivered_to_wire(nic, 1000 * NS, copy)
    else:
        copy_dropped(nic, 1000 * NS, copy, RX_BUFFER_FULL)


def frames(nic):
    return int(nic.ledger.counts.delivered), int(nic.ledger.counts.dropped)


@pytest.mark.parametrize(("fate", "expected"), [("guest", (1, 0)), ("wire", (1, 0)), ("drop", (0, 1))])
def test_a_single_copy_is_the_frame(fate, expected):
    nic = adapter()
    settle(nic, fate)
    assert frames(nic) == expected


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["guest", "wire", "drop"]), min_size=2, max_size=7))
def test_a_frame_is_delivered_with_its_first_copy_and_dropped_with_its_last(fates):
    """In flight until the first delivery, or until the last copy is lost; each copy is counted by itself."""
    nic = adapter()
    before = int(nic.groups.n_free)
    group = new_group(nic, len(fates), 0)
    for i, fate in enumerate(fates, 1):
        settle(nic, fate, group)
        is_delivered = any(each != "drop" for each in fates[:i])
        assert frames(nic) == (int(is_delivered), int(not is_delivered and i == len(fates)))
    n_lost = fates.count("drop")
    counters = nic.ledger.counts
    assert (counters.copies_delivered, counters.copies_dropped) == (len(fates) - n_lost, n_lost)
    assert (counters.vm_copies, counters.delivered_to_wire) == (fates.count("guest"), fates.count("wire"))
    assert counters.drops[RX_BUFFER_FULL] == nic.ledger.function[VF1].drops[RX_BUFFER_FULL] == n_lost
    assert (nic.ledger.flow[FLOW].delivered, nic.ledger.flow[FLOW].dropped) == (len(fates) - n_lost, n_lost)
    assert nic.groups.n_free == before  # the account is closed


@settings(max_examples=60)
@given(st.permutations(["guest", "drop", "drop", "mirrored", "mirrored lost", "mirrored"]))
def test_mirrored_copies_decide_nothing(fates):
    """The frame is delivered with its one copy that arrives, whenever those come; the account stays open for all."""
    nic = adapter()
    nic.traffic.copy_kind[1].function, nic.traffic.copy_kind[1].flow, nic.traffic.copy_kind[1].is_mirrored = VF1, -1, 1
    before = int(nic.groups.n_free)
    group = new_group(nic, 3, 3)
    for i, fate in enumerate(fates, 1):
        assert nic.groups.n_free == before - 1
        if fate.startswith("mirrored"):
            copy = a_copy(nic, group)
            copy.copy_kind, copy.journey = 1, UNMEASURED
            if fate == "mirrored":
                delivered_to_guest(nic, 1000 * NS, copy)
            else:
                copy_dropped(nic, 1000 * NS, copy, RX_BUFFER_FULL)
        else:
            settle(nic, fate, group)
        assert frames(nic) == (int("guest" in fates[:i]), 0)
    counters = nic.ledger.counts
    assert (counters.copies_delivered, counters.copies_dropped, counters.drops[RX_BUFFER_FULL]) == (1, 2, 2)
    assert (counters.mirrored, counters.mirrored_dropped, counters.mirrored_drops[RX_BUFFER_FULL]) == (2, 1, 1)
    assert nic.ledger.function[VF1].mirrored == 2
    assert (counters.vm_copies, nic.ledger.flow[FLOW].latency.n, nic.ledger.counts.from_doorbell.n) == (1, 1, 1)
    assert nic.groups.n_free == before


def test_accounts_do_not_mix():
    nic = adapter()
    first, second = new_group(nic, 2, 0), new_group(nic, 2, 0)
    assert first != second
    settle(nic, "drop", first)
    settle(nic, "guest", second)
    settle(nic, "drop", first)
    settle(nic, "drop", second)
    assert frames(nic) == (1, 1)


def test_an_account_is_clean_when_it_is_used_again():
    nic = adapter()
    group = new_group(nic, 2, 0)
    settle(nic, "guest", group)
    settle(nic, "drop", group)
    assert new_group(nic, 2, 0) == group
    settle(nic, "drop", group)
    settle(nic, "drop", group)
    assert frames(nic) == (1, 1)


def test_too_many_open_accounts_are_told():
    nic = adapter()
    nic.groups.n_free = 0
    new_group(nic, 2, 0)
    assert nic.clock.overflow == 1


@pytest.mark.parametrize("deliver", [delivered_to_guest, delivered_to_wire])
def test_a_delivery_is_measured(deliver):
    """Posted at 100 ns, told at 300, delivered at 1000; 60 B are a frame of 64 B with its FCS."""
    nic = adapter()
    deliver(nic, 1000 * NS, a_copy(nic))
    latency, from_doorbell = nic.ledger.flow[FLOW].latency, nic.ledger.counts.from_doorbell
    assert (latency.n, latency.lowest_fs, latency.highest_fs, latency.sum_fs) == (1, 900 * NS, 900 * NS, 900.0 * NS)
    assert (from_doorbell.n, from_doorbell.lowest_fs) == (1, 700 * NS)
    assert nic.ledger.histogram[FIRST_FLOW_HISTOGRAM, bucket(900 * NS)] == 1
    assert nic.ledger.latency_counts[bucket(700 * NS)].n_from_doorbell == 1
    assert nic.ledger.flow[FLOW].n_bytes == 64
    assert nic.ledger.counts.delivered_bytes == (64 if deliver is delivered_to_guest else 0)


def test_the_log_holds_deliveries_where_it_is_on():
    nic = adapter()
    settle(nic, "guest")
    assert nic.ledger.log.n == 0
    nic.ledger.log.enabled = 1
    settle(nic, "guest")
    settle(nic, "drop")
    settle(nic, "wire")
    assert nic.ledger.log.n == 2
    entry = nic.ledger.log.entry[0]
    assert (entry.at_fs, entry.index, entry.template, entry.copy_kind, entry.n_bytes) == (1000 * NS, 7, 5, 0, 60)


def test_a_log_that_fills_stops_the_run_in_time():
    """Far enough before its end that an interrupt for a whole ring, 65535 frames, still fits; what does not is told."""
    nic = adapter()
    nic.ledger.log.enabled = 1
    nic.ledger.log.n = LOG_CAP - 65_537
    settle(nic, "guest")
    assert nic.ledger.is_stopping == 0
    nic.ledger.log.n = LOG_CAP - 65_535
    settle(nic, "guest")
    assert nic.ledger.is_stopping == LOG_FULL
    assert nic.ledger.overflow == 0
    nic.ledger.log.n = LOG_CAP
    settle(nic, "guest")
    assert nic.ledger.overflow == 1


@pytest.mark.parametrize(("delivered", "flow_delivered"), [(3, NEVER), (NEVER, 3)])
def test_a_run_stops_with_the_frame_it_was_to_deliver(delivered, flow_delivered):
    nic = adapter()
    nic.ledger.delivered_target = delivered
    nic.ledger.flow[FLOW].stop_at = flow_delivered
    for _ in range(2):
        settle(nic, "guest")
    settle(nic, "drop")
    assert nic.ledger.is_stopping == 0
    settle(nic, "wire")
    assert nic.ledger.is_stopping == FRAMES_REACHED


def test_function_numbers_are_those_of_the_receiver():
    nic = adapter()
    settle(nic, "drop")
    assert nic.ledger.function[VF0].drops.sum() == 0
    assert nic.ledger.function[VF1].drops.sum() == 1
