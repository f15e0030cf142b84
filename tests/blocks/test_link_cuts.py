"""How transactions are cut into TLPs, byte by byte, and how long each TLP takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.pcie.link import start_down, start_up, transmit
from hwmodel.machine.pcie.transactions import answer_read, post_payload_write, post_writeback
from hwmodel.machine.tlp_kinds import PAYLOAD_COMPLETION, PAYLOAD_READ, PAYLOAD_WRITE
from tests.blocks.idle_machine import machine, send_all, time_fs, waiting

PAYLOAD_SIZES = st.sampled_from([128, 256, 512, 1024, 2048, 4096])
BOUNDARIES = st.sampled_from([64, 128])


def pieces(address, n_bytes, is_cut):
    """Walk over the bytes; `is_cut(first, at)` says whether a new TLP begins at `at`."""
    found, first = [], address
    for at in range(address + 1, address + n_bytes):
        if is_cut(first, at):
            found.append(at - first)
            first = at
    return [*found, address + n_bytes - first]


def tlps_of_write(nic, address, n_bytes):
    post_payload_write(nic, 0, 1, n_bytes, address, n_bytes)
    return [data for _, data in send_all(nic, nic.pcie[0].up, start_up)]


def completions_of_read(nic, address, n_bytes):
    tag = nic.pcie[0].tags.slot[0]
    tag.kind, tag.n_bytes, tag.address = PAYLOAD_READ, n_bytes, address
    answer_read(nic.clock, nic.pcie[0], 0, 0)
    return [data for _, data in send_all(nic, nic.pcie[0].down, start_down)]


@settings(max_examples=60)
@given(PAYLOAD_SIZES, st.integers(0, 9000), st.integers(1, 9000))
def test_writes_are_cut_at_multiples_of_mps(most, address, n_bytes):
    """They are cut at 4 KiB, too: MPS divides it."""
    nic = machine(pcie={"max_payload": f"{most}B"})
    found = tlps_of_write(nic, address, n_bytes)
    assert found == pieces(address, n_bytes, lambda _, at: at % most == 0 or at % 4096 == 0)


@settings(max_examples=60)
@given(PAYLOAD_SIZES, BOUNDARIES, st.integers(0, 5000), st.integers(1, 4096))
def test_completions_end_at_the_last_boundary_within_mps(most, boundary, address, n_bytes):
    """By the rule, `mps`: the rest if it is at most MPS, else up to the last RCB boundary within MPS of its first."""
    end = address + n_bytes

    def is_cut(first, at):
        is_within, is_next_within = at <= first + most, at + boundary <= first + most
        return end - first > most and at % boundary == 0 and is_within and not is_next_within

    nic = machine(pcie={"max_payload": f"{most}B", "read_completion_boundary": f"{boundary}B"})
    assert completions_of_read(nic, address, n_bytes) == pieces(address, n_bytes, is_cut)


@settings(max_examples=40)
@given(BOUNDARIES, st.integers(0, 5000), st.integers(1, 4096))
def test_completions_of_rcb_end_at_each_boundary(boundary, address, n_bytes):
    nic = machine(pcie={"read_completion_boundary": f"{boundary}B"}, host={"completion_bytes": "rcb"})
    found = completions_of_read(nic, address, n_bytes)
    assert found == pieces(address, n_bytes, lambda _, at: at % boundary == 0)


def test_cuts_by_hand():
    """1514 B at 0 with MPS 256: five and the rest. 600 B read at 100 with RCB 64: up to 320, 576, 700."""
    assert tlps_of_write(machine(), 0, 1514) == [256, 256, 256, 256, 256, 234]
    assert tlps_of_write(machine(), 64, 1514) == [192, 256, 256, 256, 256, 256, 42]
    assert completions_of_read(machine(), 100, 600) == [220, 256, 124]


@pytest.mark.parametrize(
    ("first", "n", "expected"),
    [
        (0, 4, [64]),
        (14, 2, [32]),  # up to the ring's end, not past it
        (14, 4, [32, 32]),  # 14 and 15, then 0 and 1
        (30, 1, [16]),  # slot 14 of the second round
    ],
)
def test_write_backs_are_cut_where_the_ring_wraps(first, n, expected):
    nic = machine()
    post_writeback(nic, 0, nic.tx_queue[1].held.params, first, n, n)
    queued = waiting(nic.pcie[0].up.first)
    assert [int(each.n) for each in queued] == [0] * (len(expected) - 1) + [n]  # the last part reports them all
    assert [int(each.address) for each in queued] == [16 * (first % 16), 0][: len(expected)]
    assert [data for _, data in send_all(nic, nic.pcie[0].up, start_up)] == expected


def test_write_backs_are_cut_at_mps():
    """20 descriptors from slot 12: 320 B from 192, so 64 B up to 256, then 256 B."""
    nic = machine(nic={"tx_ring": 64})
    post_writeback(nic, 0, nic.tx_queue[1].held.params, 12, 20, 20)
    assert [data for _, data in send_all(nic, nic.pcie[0].up, start_up)] == [64, 256]


def duration(nic, overhead, data):
    post_payload_write(nic, 0, 1, data, 0, data)
    return transmit(nic.pcie[0], nic.pcie[0].up, 1000, nic.pcie[0].up.first, 0, overhead, data) - 1000


@pytest.mark.parametrize(("data", "on_link"), [(1, 4), (4, 4), (5, 8), (254, 256), (256, 256)])
def test_data_take_whole_double_words(data, on_link):
    nic = machine()
    assert duration(nic, 24, data) == time_fs(24 + on_link)
    assert nic.pcie[0].up.counts.n_bytes[PAYLOAD_WRITE] == 24 + on_link
    assert nic.pcie[0].up.counts.busy_fs == time_fs(24 + on_link)


def test_the_published_model_counts_to_the_byte():
    nic = machine(pcie={"dllp_model": "pcie_bench"})
    duration(nic, 24, 5)
    assert nic.pcie[0].up.counts.n_bytes[PAYLOAD_WRITE] == 29


@pytest.mark.parametrize(
    ("pcie", "request_bytes", "completion_bytes"),
    [
        ({}, 24, 20),
        ({"address_bits": 32}, 20, 20),
        ({"ecrc": True}, 28, 24),
        ({"address_bits": 32, "ecrc": True}, 24, 24),
    ],
)
def test_headers(pcie, request_bytes, completion_bytes):
    """A write of 4 B, a request, a completion of 4 B and a doorbell, with framing, sequence number and LCRC in it."""
    nic = machine(pcie=pcie)
    assert tlps_of_write(nic, 0, 4) == [4]
    assert completions_of_read(nic, 0, 4) == [4]
    assert nic.pcie[0].up.counts.n_bytes[PAYLOAD_WRITE] == request_bytes + 4
    assert nic.pcie[0].down.counts.n_bytes[PAYLOAD_COMPLETION] == completion_bytes + 4


@pytest.mark.parametrize("n_bytes", [24, 28, 84, 280, 4124])
def test_a_tlp_takes_whole_femtoseconds_of_the_exact_rate(n_bytes):
    """Gen2 x4: 0.5 ns a byte, 1538 / 1534 of it for the SKP sets; rounded down, nothing carried over."""
    nic = machine(pcie={"max_payload": "4096B"})
    assert nic.pcie[0].params.duration_fs[n_bytes] == n_bytes * 500_000 * 1538 // 1534
