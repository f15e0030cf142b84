"""The link alone: what is under way at once, in which order, and how long one transfer takes."""

from __future__ import annotations

import pytest

from hwmodel.machine.counts.ledger_state import LATENCY_HISTOGRAM
from hwmodel.machine.link_alone import begin_read, issue_reads, issue_writes, read_arrived, run_dma, transfers_done
from hwmodel.machine.tlp_kinds import PAYLOAD_WRITE, POSTED_CREDIT
from tests.blocks.idle_machine import NS, idle_state, posted_writes, read_requests, time_fs, waiting

READ_FS = 450 * NS
STUCK = -1


def transfers(n_bytes, *, does_read=False, does_write=False, most_ahead=64, **blocks):
    state = idle_state(**blocks)
    dma = state[0].dma
    dma.params.n_bytes, dma.params.does_read, dma.params.does_write, dma.params.most_ahead = (
        n_bytes,
        does_read,
        does_write,
        most_ahead,
    )
    return state


def tlps(header, data):
    return sum(time_fs(header + n) for n in data)


def test_one_read_takes_its_round_trip():
    """1500 B: three requests, of which only the first one's time shows, and completions of 256 B without a gap."""
    state = transfers(1500, does_read=True, most_ahead=1)
    expected = time_fs(24) + READ_FS + tlps(20, [256] * 5 + [220])
    assert run_dma(state, 1) == expected
    assert (state[0].dma.latency.n, state[0].dma.latency.lowest_fs) == (1, expected)


def test_reads_one_at_a_time_follow_each_other():
    state = transfers(64, does_read=True, most_ahead=1)
    assert run_dma(state, 5) == 5 * (time_fs(24) + READ_FS + time_fs(84))


def test_writes_fill_the_link():
    """1500 B from an offset of 64: 192 B up to the first boundary, four TLPs of 256 B, 284 B in two more."""
    state = transfers(1500, does_write=True, host={"buffer_offset": "64B"})
    assert run_dma(state, 3) == 3 * tlps(24, [192, 256, 256, 256, 256, 256, 28])


def test_reads_are_limited_by_tags():
    """Four reads of 64 B in a round trip: the completions of a round come in a row, then the next four go."""
    state = transfers(64, does_read=True, pcie={"tags": 4})
    nic = state[0]
    round_trip = time_fs(24) + READ_FS + time_fs(84)
    assert run_dma(state, 4) == round_trip + 3 * time_fs(84)
    assert nic.pcie[0].tags.counts.fewest_free == 0
    end_fs = run_dma(state, 40)
    assert end_fs == pytest.approx(10 * round_trip, rel=0.15)
    assert end_fs >= 10 * round_trip


def test_no_more_reads_are_ahead_than_allowed():
    state = transfers(64, does_read=True, does_write=True, most_ahead=3)
    nic = state[0]
    issue_reads(nic, 0)
    assert len(read_requests(nic)) == 3
    nic.dma.reads_done, nic.dma.writes_begun, nic.dma.writes_done = 3, 2, 1
    begin_read(nic, 0)
    assert nic.dma.reads_begun == 4


def test_a_copy_is_written_when_it_has_been_read_and_in_order():
    """Two transfers under way; the second arrives first."""
    state = transfers(600, does_read=True, does_write=True, most_ahead=2)
    nic = state[0]
    issue_reads(nic, 0)
    tags = [int(each.tag) for each in waiting(nic.pcie[0].up.second)]
    assert [int(nic.pcie[0].tags.slot[tag].n_bytes) for tag in tags] == [512, 88, 512, 88]
    for tag in tags[2:]:
        read_arrived(nic, 100, tag)
        issue_writes(nic, 100)
    assert posted_writes(nic) == []
    for tag in tags[:2]:
        read_arrived(nic, 100, tag)
    issue_writes(nic, 100)
    assert posted_writes(nic) == [(PAYLOAD_WRITE, 0, 600)] * 2
    assert (nic.dma.reads_done, nic.dma.writes_begun, nic.pcie[0].tags.n_free) == (2, 2, nic.pcie[0].tags.params.n_tags)


def test_a_copy_counts_when_it_is_written():
    state = transfers(64, does_read=True, does_write=True, most_ahead=1)
    dma = state[0].dma
    assert run_dma(state, 1) == time_fs(24) + READ_FS + time_fs(84) + time_fs(88)
    assert transfers_done(dma) == dma.writes_done == 1


def test_each_transfer_has_a_latency_of_its_own():
    state = transfers(64, does_read=True, most_ahead=8)
    run_dma(state, 20)
    assert state[0].dma.latency.n == 20
    assert state[0].ledger.histogram[LATENCY_HISTOGRAM].sum() == 20


@pytest.mark.parametrize(("credits", "expected"), [({"ph": 1}, 200), ({"pd": 16}, 200), ({"ph": 2}, 0)])
def test_credits_make_writes_wait_for_their_return(credits, expected):
    """A write of 256 B takes 140 ns; its credits are back 200 ns after it. With two headers in hand none waits once."""
    state = transfers(256, does_write=True, pcie={"credits": credits})
    assert run_dma(state, 2) == 2 * time_fs(280) + expected * NS


def test_a_link_that_can_never_go_on_says_so():
    state = transfers(256, does_write=True, pcie={"credits": {"pd": 16}})
    state[0].pcie[0].credits[POSTED_CREDIT].params.data_limit = 15  # the configuration refuses that
    assert run_dma(state, 1) == STUCK


def test_storing_takes_its_time():
    """8 Gb/s: 64 B in 64 ns."""
    state = transfers(64, does_read=True, most_ahead=1, nic={"store_rate": "8Gbps"})
    assert run_dma(state, 1) == time_fs(24) + READ_FS + time_fs(84) + 64 * NS


def test_flight_time_counts_both_ways():
    state = transfers(64, does_read=True, most_ahead=1, pcie={"propagation": "9ns"})
    assert run_dma(state, 1) == time_fs(24) + READ_FS + time_fs(84) + 18 * NS
