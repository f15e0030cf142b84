"""Who goes first on the link, what credits hold back, and the DLLPs in between."""

from __future__ import annotations

import pytest

from hwmodel.machine.host.landing import credits_returned
from hwmodel.machine.pcie import transactions
from hwmodel.machine.pcie.link import could_start, on_wire, received, start_down, start_up
from hwmodel.machine.pcie.transactions import answer_read, post_descriptors, post_payload_write, request_read
from hwmodel.machine.time.clock import COMPLETION_READY, UP_DONE
from hwmodel.machine.tlp_kinds import (
    COMPLETION_CREDIT,
    NON_POSTED_CREDIT,
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    POSTED_CREDIT,
    RX_WRITEBACK,
    TX_DOORBELL,
)
from tests.blocks.idle_machine import NS, machine, send_all, time_fs, waiting

WRITE, READ, ANSWER, DOORBELL = (
    PAYLOAD_WRITE, PAYLOAD_READ, PAYLOAD_COMPLETION, TX_DOORBELL,
)  # fmt: skip


def write(nic, n_bytes=64, at_fs=0):
    post_payload_write(nic, at_fs, 1, n_bytes, 0, n_bytes)


def read(nic, at_fs=0):
    request_read(nic, nic.pcie[0], at_fs, READ, 1, 0)


def ring_doorbell(nic, at_fs=0):
    transactions.ring_doorbell(nic, at_fs, DOORBELL, 1, 1, 4)


def answer(nic, ready_fs=0, n_bytes=64, tag_number=0):
    tag = nic.pcie[0].tags.slot[tag_number]
    tag.kind, tag.n_bytes, tag.address, tag.queue = READ, n_bytes, 0, tag_number
    answer_read(nic.clock, nic.pcie[0], ready_fs, tag_number)


def kinds(sent):
    return [kind for kind, _ in sent]


# ---- Up: P and NP ----


def test_writes_and_reads_take_turns_tlp_by_tlp():
    """Behind a first read: a write of three TLPs and two more reads."""
    nic = machine()
    read(nic)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [READ]
    write(nic, 768)
    read(nic)
    read(nic)
    assert send_all(nic, nic.pcie[0].up, start_up) == [(WRITE, 256), (READ, 0), (WRITE, 256), (READ, 0), (WRITE, 256)]


def test_the_first_turn_is_the_writes():
    nic = machine()
    read(nic)
    write(nic)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [WRITE, READ]


def test_turns_go_by_what_went_last_not_by_what_waited():
    nic = machine()
    write(nic)
    send_all(nic, nic.pcie[0].up, start_up)
    write(nic)
    read(nic)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [READ, WRITE]


@pytest.mark.parametrize(
    ("arbitration", "expected"),
    [
        ("reads_first", [READ, READ, WRITE, WRITE, WRITE]),
        ("writes_first", [WRITE, WRITE, WRITE, READ, READ]),
        ("arrival", [WRITE, WRITE, READ, WRITE, READ]),  # entered at 1 (two TLPs), 2, 3, and 3
    ],
)
def test_other_arbitrations(arbitration, expected):
    nic = machine(pcie={"arbitration": arbitration})
    write(nic, 512, at_fs=1)
    read(nic, at_fs=2)
    write(nic, 64, at_fs=3)
    read(nic, at_fs=3)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up, now_fs=3)) == expected


def test_the_last_tlp_of_a_payload_is_told():
    """The Rx DMA engine goes on when it is chosen; a write-back or a read tells nothing."""
    nic = machine(pcie={"arbitration": "writes_first"})
    write(nic, 512)
    post_descriptors(nic, 0, RX_WRITEBACK, 1, 16, 0, 1, 1)
    read(nic)
    told = []
    while could_start(nic.pcie[0].up):
        told.append(bool(start_up(nic, nic.pcie[0], 0)))
        nic.pcie[0].up.is_busy = 0
    assert told == [False, True, False, False]


def test_a_busy_or_empty_link_cannot_start():
    nic = machine()
    assert not could_start(nic.pcie[0].up)
    write(nic)
    assert could_start(nic.pcie[0].up)
    start_up(nic, nic.pcie[0], 5)
    assert not could_start(nic.pcie[0].up)
    assert nic.clock.next_at[UP_DONE] == nic.pcie[0].up.busy_until_fs == 5 + time_fs(24 + 64)


# ---- Down: doorbells and completions ----


def test_down_goes_by_arrival_doorbells_first_at_a_tie():
    nic = machine()
    answer(nic, 10, 300)
    ring_doorbell(nic, 10)
    ring_doorbell(nic, 20)
    assert send_all(nic, nic.pcie[0].down, start_down, now_fs=20) == [
        (DOORBELL, 4),
        (ANSWER, 256),
        (ANSWER, 44),
        (DOORBELL, 4),
    ]


def test_an_answer_that_is_not_ready_wakes_the_idle_link_and_lets_doorbells_by():
    nic = machine()
    answer(nic, 450 * NS)
    start_down(nic, nic.pcie[0], 0)
    assert nic.pcie[0].down.is_busy == 0
    assert nic.clock.next_at[COMPLETION_READY] == 450 * NS
    ring_doorbell(nic, 7)
    start_down(nic, nic.pcie[0], 7)
    assert on_wire(nic.pcie[0].down).kind == DOORBELL
    nic.pcie[0].down.is_busy = 0
    start_down(nic, nic.pcie[0], 450 * NS)
    assert on_wire(nic.pcie[0].down).kind == ANSWER


def test_answers_come_in_the_order_in_which_they_are_ready():
    """Jitter: reads received in the order 0, 1, 2, 3 are answered at 30, 10, 20, 10; equal ones stay in order."""
    nic = machine()
    for number, ready_fs in enumerate((30, 10, 20, 10)):
        answer(nic, ready_fs, 64, number)
    assert [int(each.tag) for each in waiting(nic.pcie[0].down.second)] == [1, 3, 2, 0]
    assert [int(each.queue) for each in waiting(nic.pcie[0].down.second)] == [1, 3, 2, 0]


def test_the_completions_of_one_read_stay_together():
    """A read that is ready later does not come between those of one under way, nor does a doorbell of later."""
    nic = machine(pcie={"propagation": "1ns"})  # each completion by itself
    answer(nic, 10, 512, 0)
    start_down(nic, nic.pcie[0], 10)
    nic.pcie[0].down.is_busy = 0
    answer(nic, 11, 64, 1)
    ring_doorbell(nic, 11)
    assert send_all(nic, nic.pcie[0].down, start_down, now_fs=12) == [(ANSWER, 256), (DOORBELL, 4), (ANSWER, 64)]


# ---- Credits ----


def credited(**credits):
    return machine(pcie={"credits": credits, "arbitration": "writes_first"})


def test_header_credits_hold_writes_back_and_let_reads_by():
    nic = credited(ph=2)
    for _ in range(3):
        write(nic)
    read(nic)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [WRITE, WRITE, READ]
    credits_returned(nic.clock, nic.pcie[0], 0, POSTED_CREDIT << 32 | 64)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [WRITE]


def test_read_credits_hold_reads_back_and_let_writes_by():
    nic = machine(pcie={"credits": {"nph": 1}, "arbitration": "reads_first"})
    read(nic)
    read(nic)
    write(nic)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [READ, WRITE]
    credits_returned(nic.clock, nic.pcie[0], 0, NON_POSTED_CREDIT << 32)
    assert kinds(send_all(nic, nic.pcie[0].up, start_up)) == [READ]


@pytest.mark.parametrize(("n_bytes", "units"), [(1, 1), (16, 1), (17, 2), (256, 16)])
def test_data_credits_are_of_16_bytes_begun(n_bytes, units):
    """18 credits: after one such write there are 18 - units, enough for so many writes of 16 B and no more."""
    nic = credited(pd=18)
    for each in (n_bytes, *[16] * 18):
        write(nic, each)
    assert len(send_all(nic, nic.pcie[0].up, start_up)) == 1 + 18 - units


def test_a_write_without_data_credits_waits_for_the_tlp_it_would_be():
    """16 credits and 256 B a TLP: the second half of 512 B waits, and what is behind it, though that would fit."""
    nic = credited(pd=17)
    write(nic, 512)
    write(nic, 16)
    assert send_all(nic, nic.pcie[0].up, start_up) == [(WRITE, 256)]


def test_a_doorbell_passes_a_completion_short_of_credits():
    nic = credited(cplh=1, cpld=32)
    answer(nic, 0, 64, 0)
    answer(nic, 1, 64, 1)
    ring_doorbell(nic, 5)
    assert kinds(send_all(nic, nic.pcie[0].down, start_down, now_fs=9)) == [ANSWER, DOORBELL]


def test_the_wait_for_credits_is_a_stall():
    nic = credited(ph=1)
    write(nic)
    write(nic)
    start_up(nic, nic.pcie[0], 0)
    nic.pcie[0].up.is_busy = 0
    start_up(nic, nic.pcie[0], 100)
    credits_returned(nic.clock, nic.pcie[0], 0, POSTED_CREDIT << 32 | 64)
    start_up(nic, nic.pcie[0], 130)
    assert nic.ledger.counts.stalls.posted_credits.total_fs == 30


def test_a_write_short_of_credits_counts_though_reads_go():
    """A read goes at 100, while the second write waits from 100 on; its credit is back at 130, the link idle at 150."""
    nic = credited(ph=1)
    write(nic)
    write(nic)
    read(nic)
    start_up(nic, nic.pcie[0], 0)
    nic.pcie[0].up.is_busy = 0
    start_up(nic, nic.pcie[0], 100)
    assert on_wire(nic.pcie[0].up).kind == READ
    credits_returned(nic.clock, nic.pcie[0], 0, POSTED_CREDIT << 32 | 64)
    nic.pcie[0].up.is_busy = 0
    start_up(nic, nic.pcie[0], 150)
    assert on_wire(nic.pcie[0].up).kind == WRITE
    stalls = nic.ledger.counts.stalls
    assert (stalls.posted_credits.total_fs, stalls.non_posted_credits.total_fs) == (
        50,
        0,
    )


def test_a_read_short_of_credits_counts_though_writes_go():
    """Writes go at 10 and 20, while the second read waits from 10 on; its credit is there at 70."""
    nic = credited(nph=1)
    read(nic)
    read(nic)
    for now_fs, expected in ((0, READ), (10, WRITE), (20, WRITE), (70, READ)):
        if expected == WRITE:
            write(nic)
        if now_fs == 70:
            credits_returned(nic.clock, nic.pcie[0], 0, NON_POSTED_CREDIT << 32)
        start_up(nic, nic.pcie[0], now_fs)
        assert on_wire(nic.pcie[0].up).kind == expected
        nic.pcie[0].up.is_busy = 0
    stalls = nic.ledger.counts.stalls
    assert (stalls.posted_credits.total_fs, stalls.non_posted_credits.total_fs) == (
        0,
        60,
    )


def test_a_completion_short_of_credits_counts_though_doorbells_go():
    nic = credited(cplh=1, cpld=32)
    answer(nic, 0, 64, 0)
    answer(nic, 1, 64, 1)
    ring_doorbell(nic, 5)
    send_all(nic, nic.pcie[0].down, start_down, now_fs=9)
    nic.pcie[0].down.is_busy = 0
    credits_returned(nic.clock, nic.pcie[0], 0, COMPLETION_CREDIT << 32 | 64)
    start_down(nic, nic.pcie[0], 40)
    assert nic.ledger.counts.stalls.completion_credits.total_fs == 31


# ---- DLLPs ----


@pytest.mark.parametrize(("model", "period"), [("tlp4", 4), ("tlp1", 1)])
def test_each_so_many_received_tlps_owe_a_pair_of_dllps(model, period):
    """16 B in the opposite direction, directly before its next TLP, rounded down by themselves."""
    nic = machine(pcie={"dllp_model": model})
    for _ in range(2 * period - 1):
        received(nic.pcie[0], nic.pcie[0].up, nic.pcie[0].down)
    ring_doorbell(nic)
    start_down(nic, nic.pcie[0], 0)
    pairs = (2 * period - 1) // period
    assert nic.pcie[0].down.counts.dllps == pairs
    assert nic.pcie[0].down.busy_until_fs == pairs * time_fs(16) + time_fs(28)
    assert nic.pcie[0].down.counts.busy_fs == nic.pcie[0].down.busy_until_fs
    received(nic.pcie[0], nic.pcie[0].up, nic.pcie[0].down)
    nic.pcie[0].down.is_busy = 0
    ring_doorbell(nic)
    start_down(nic, nic.pcie[0], 1000 * NS)
    assert nic.pcie[0].down.counts.dllps == 2 * period // period


def test_dllps_never_wake_an_idle_link():
    nic = machine(pcie={"dllp_model": "tlp1"})
    received(nic.pcie[0], nic.pcie[0].up, nic.pcie[0].down)
    assert not could_start(nic.pcie[0].down)
    assert not could_start(nic.pcie[0].up)


@pytest.mark.parametrize("model", ["none", "spec", "pcie_bench"])
def test_other_models_owe_none(model):
    nic = machine(pcie={"dllp_model": model})
    for _ in range(9):
        received(nic.pcie[0], nic.pcie[0].up, nic.pcie[0].down)
    ring_doorbell(nic)
    start_down(nic, nic.pcie[0], 0)
    assert nic.pcie[0].down.counts.dllps == 0
