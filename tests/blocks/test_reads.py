"""Reads: who gets the next tag, when a tag is free again, how late the host answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.adapter.fetch import want_descriptors
from hwmodel.machine.adapter.read_arbiter import issue
from hwmodel.machine.pcie.reads import host_reads, is_stored, jitter, release_tag, request
from hwmodel.machine.tlp_kinds import PAYLOAD_COMPLETION, PAYLOAD_READ, RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ
from tests.blocks.idle_machine import NS, VF0, VF1, cache_frames, machine, read_requests, waiting

RX, TX, PAYLOAD = RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ, PAYLOAD_READ


def want(nic, fetches, queue, n=1):
    want_descriptors(nic, fetches, 4, queue, 16, 0, n)


def test_rx_descriptors_go_first_then_tx_descriptors_then_payload():
    """Each class first in, first out; the payload of 1514 B is three reads of MRRS 512 B."""
    nic = machine()
    cache_frames(nic, VF0, [1514])
    want(nic, nic.reads.tx_fetches, VF1, 2)
    want(nic, nic.reads.tx_fetches, VF0)
    want(nic, nic.reads.rx_fetches, VF1)
    want(nic, nic.reads.rx_fetches, VF0, 3)
    issue(nic, 0)
    assert [request[:3] for request in read_requests(nic)] == [
        (RX, VF1, 16), (RX, VF0, 48), (TX, VF1, 32), (TX, VF0, 16),
        (PAYLOAD, VF0, 512), (PAYLOAD, VF0, 512), (PAYLOAD, VF0, 490),
    ]  # fmt: skip


def test_with_two_tags_two_reads_go_and_the_rest_waits_its_turn():
    nic = machine(pcie={"tags": 2})
    cache_frames(nic, VF0, [1514])
    issue(nic, 0)
    assert [request[2] for request in read_requests(nic)] == [512, 512]
    assert (nic.pcie[0].tags.n_free, nic.pcie[0].tags.counts.fewest_free) == (0, 0)
    want(nic, nic.reads.tx_fetches, VF1)
    issue(nic, 5)
    release_tag(nic, nic.pcie[0], 10, int(waiting(nic.pcie[0].up.second)[0].tag))
    issue(nic, 10)
    assert read_requests(nic)[-1][:3] == (TX, VF1, 16)  # a descriptor overtakes the rest of the payload
    release_tag(nic, nic.pcie[0], 30, int(waiting(nic.pcie[0].up.second)[1].tag))
    issue(nic, 30)
    assert read_requests(nic)[-1][:3] == (PAYLOAD, VF0, 490)
    assert nic.ledger.counts.stalls.tags.total_fs == 30  # the 490 B waited from 0 on
    # The Tx descriptor took the first tag at once; the second came back at 30 and went at once too.
    assert (nic.ledger.counts.stalls.no_free_tag.total_fs, nic.ledger.counts.stalls.no_free_tag.since_fs) == (30, 30)


def test_a_time_without_a_free_tag_counts_where_nobody_waits():
    nic = machine(pcie={"tags": 1})
    request(nic, nic.pcie[0], 100, PAYLOAD, VF0, 64, 0)
    release_tag(nic, nic.pcie[0], 160, int(waiting(nic.pcie[0].up.second)[0].tag))
    assert (nic.ledger.counts.stalls.no_free_tag.total_fs, nic.ledger.counts.stalls.tags.total_fs) == (60, 0)


def test_what_stores_data_is_busy_for_their_time():
    """64 B and 512 B at 8 Gb/s, the second behind the first: 576 ns in all."""
    nic = machine(nic={"store_rate": "8Gbps"})
    for number, n_bytes in enumerate((64, 512)):
        assert not is_stored(nic, nic.pcie[0], 10 * NS, number, n_bytes)
    assert is_stored(nic, nic.pcie[0], 10 * NS, 2, 0)  # of a frame whose other reads have not come
    assert (nic.counts.store_busy_fs, nic.store_busy_until_fs) == (576 * NS, 586 * NS)


@settings(max_examples=40)
@given(st.sampled_from([128, 256, 512, 1024, 4096]), st.integers(0, 120), st.integers(1, 9700))
def test_payload_reads_are_cut_at_multiples_of_mrrs(most, words, n_bytes):
    """From where the frame lies in its buffer, byte by byte."""
    offset = 4 * words
    nic = machine(
        pcie={"max_read_request": f"{most}B", "tags": 256},
        host={"buffer_offset": f"{offset}B", "buffer_bytes": "16KiB"},
    )
    cache_frames(nic, VF0, [n_bytes])
    issue(nic, 0)
    expected, first = [], offset
    for at in range(offset + 1, offset + n_bytes):
        if at % most == 0:
            expected.append((PAYLOAD, VF0, at - first, first))
            first = at
    expected.append((PAYLOAD, VF0, offset + n_bytes - first, first))
    assert read_requests(nic) == expected


def test_the_next_frame_is_cut_only_when_the_one_before_has_all_its_tags():
    nic = machine(pcie={"tags": 2})
    cache_frames(nic, VF0, [600])
    cache_frames(nic, VF1, [60])
    issue(nic, 0)
    assert [request[1] for request in read_requests(nic)] == [VF0, VF0]
    # Its payload class is empty, so the next is picked, and its room reserved, though no tag is free.
    assert nic.counts.tx_buffer.level == 660


def test_a_tag_is_held_from_request_to_release():
    nic = machine(pcie={"tags": 3})
    for now_fs in (10, 20):
        request(nic, nic.pcie[0], now_fs, TX, VF0, 16, 0)
    first, second = (int(each.tag) for each in waiting(nic.pcie[0].up.second))
    release_tag(nic, nic.pcie[0], 100, second)
    assert (nic.pcie[0].tags.counts.held_fs, nic.pcie[0].tags.n_free, nic.pcie[0].tags.counts.fewest_free) == (80, 2, 1)
    request(nic, nic.pcie[0], 110, TX, VF0, 16, 0)
    release_tag(nic, nic.pcie[0], 200, first)
    assert nic.pcie[0].tags.counts.held_fs == 80 + 190


def test_tags_in_use_are_all_different():
    nic = machine(pcie={"tags": 256})
    for _ in range(256):
        request(nic, nic.pcie[0], 0, TX, VF0, 16, 0)
    assert sorted(int(each.tag) for each in waiting(nic.pcie[0].up.second)) == list(range(256))


# ---- The host's answer ----


def test_the_host_answers_after_its_latency():
    nic = machine(host={"read_latency": "123ns"})
    request(nic, nic.pcie[0], 0, PAYLOAD, VF0, 600, 0x100)
    host_reads(nic, nic.pcie[0], 1000 * NS, int(waiting(nic.pcie[0].up.second)[0].tag))
    (answer,) = waiting(nic.pcie[0].down.second)
    assert (answer.at_fs, answer.kind, answer.left_bytes, answer.address) == (
        1123 * NS, PAYLOAD_COMPLETION, 600, 0x100,
    )  # fmt: skip


def test_uniform_jitter_fills_its_range_evenly():
    nic = machine(host={"jitter": {"kind": "uniform", "range": "300ns"}})
    draws = np.array([jitter(nic.host[0]) for _ in range(3000)])
    assert draws.min() >= 0
    assert draws.max() <= 300 * NS
    counts, _ = np.histogram(draws, bins=6, range=(0, 300 * NS))
    assert counts == pytest.approx(np.full(6, 500), abs=5 * np.sqrt(500))


@pytest.mark.parametrize("range_text", ["1ms", "1ns", "0ns"])
def test_uniform_jitter_of_any_range_stays_inside_it(range_text):
    nic = machine(host={"jitter": {"kind": "uniform", "range": range_text}})
    draws = [jitter(nic.host[0]) for _ in range(200)]
    assert all(0 <= draw <= nic.host[0].params.jitter_range_fs for draw in draws)


def test_histogram_jitter_has_its_weights():
    bins = [["0ns", 6], ["200ns", 3], ["900ns", 1]]
    nic = machine(host={"jitter": {"kind": "histogram", "bins": bins}})
    draws = [jitter(nic.host[0]) // NS for _ in range(3000)]
    assert set(draws) == {0, 200, 900}
    for time_ns, share in ((0, 0.6), (200, 0.3), (900, 0.1)):
        assert draws.count(time_ns) / 3000 == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 3000))


def test_a_histogram_of_one_bin_is_a_constant():
    nic = machine(host={"jitter": {"kind": "histogram", "bins": [["70ns", 5]]}})
    assert {jitter(nic.host[0]) for _ in range(50)} == {70 * NS}


@pytest.mark.parametrize("kind", ["uniform", "histogram"])
def test_jitter_adds_to_the_latency_of_each_read_by_itself(kind):
    settings_of = {"uniform": {"range": "500ns"}, "histogram": {"bins": [["0ns", 1], ["250ns", 1], ["500ns", 1]]}}
    nic = machine(host={"read_latency": "100ns", "jitter": {"kind": kind, **settings_of[kind]}})
    for _ in range(30):
        request(nic, nic.pcie[0], 0, PAYLOAD, VF0, 64, 0)
    for each in waiting(nic.pcie[0].up.second):
        host_reads(nic, nic.pcie[0], 0, int(each.tag))
    ready = [int(each.at_fs) for each in waiting(nic.pcie[0].down.second)]
    assert ready == sorted(ready)
    assert len(set(ready)) > 2
    assert all(100 * NS <= at_fs <= 600 * NS for at_fs in ready)
    assert sorted(int(each.tag) for each in waiting(nic.pcie[0].down.second)) == list(range(30))
