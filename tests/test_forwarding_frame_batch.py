"""Whole frames by the batch: decisions and bytes against the second implementation, cut frames, policers over years."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocotb_tests.bench_switch import (
    AclEntry,
    Mirror,
    c_tag,
    e_tag,
    frame,
    mac,
    switch,
    vn_tag,
)
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.frame_batch import ALL_DECIDED, ARRIVAL, COPY, copy_batch, decide_batch
from hwmodel.forwarding.parse import HEADER
from hwmodel.simulation.fill.switch_tables import build_buckets, build_tables, port_numbers
from tests.forwarding_cases import random_frame, random_switch
from tests.oracles.bucket_oracle import BucketOracle
from tests.oracles.forwarding_oracle import ForwardingOracle

GUARD = 0xA5
SECOND_NS = 10**9


class Batch:
    """Keep a switch's tables and policers between batches."""

    def __init__(self, config):
        self.config = config
        self.number = port_numbers(config)
        self.tables, self.buckets = build_tables(config), build_buckets(config)
        self.asked_ns = np.zeros(len(self.buckets), np.int64)

    def decide(self, sent):
        """Decide frames, given as (port, bytes at hand, full length, nanoseconds); return the kernel's answer."""
        self.arrivals = np.zeros(len(sent), ARRIVAL).view(np.recarray)
        self.data = np.frombuffer(b"".join(raw for _, raw, _, _ in sent), np.uint8)
        at = 0
        for arrival, (port, raw, n_bytes, at_ns) in zip(self.arrivals, sent, strict=True):
            arrival.port, arrival.first_byte, arrival.at_ns = self.number[port], at, at_ns
            arrival.captured_bytes, arrival.original_bytes = len(raw), n_bytes
            at += len(raw)
        self.headers = np.zeros(len(sent), HEADER).view(np.recarray)
        self.decisions = np.zeros(len(sent), DECISION).view(np.recarray)
        return decide_batch(
            self.tables, self.buckets, self.asked_ns, self.arrivals, self.data, self.headers, self.decisions
        )

    def reasons(self, sent):
        assert self.decide(sent) == ALL_DECIDED
        return [DropReason(reason).name if reason else None for reason in self.decisions["reason"].tolist()]

    def copies(self):
        """Give (frame, port, mirrored, bytes, full length) of each copy; nothing is written beyond them."""
        n_copies = int(np.sum(self.decisions["n_copies"] + self.decisions["n_mirrored"]))
        copies = np.zeros(n_copies + 1, COPY).view(np.recarray)
        out = np.full((n_copies + 1) * (int(self.arrivals["captured_bytes"].max(initial=0)) + 12), GUARD, np.uint8)
        end = copy_batch(self.arrivals, self.data, self.headers, self.decisions, copies, out)
        assert (out[end:] == GUARD).all()
        assert not any(copies[n_copies].tobytes())
        name = {number: name for name, number in self.number.items()}
        return [
            (
                int(copy.arrival),
                name[int(copy.port)],
                bool(copy.is_mirrored),
                out[copy.first_byte : copy.first_byte + copy.captured_bytes].tobytes(),
                int(copy.original_bytes),
            )
            for copy in copies[:n_copies]
        ]


def whole(*sent, at_ns=0):
    return [(port, raw, len(raw), at_ns) for port, raw in sent]


def test_copies_are_those_of_the_second_implementation():
    """40 frames each of 50 switches of all modes; policers that never refuse."""
    rng, n_copies, n_mirrored = random.Random(11), 0, 0
    for _ in range(50):
        config = random_switch(rng)
        batch, oracle = Batch(config), ForwardingOracle(config)
        sent = [random_frame(rng, config)[:2] for _ in range(40)]
        # An hour apart: buckets are full again.
        arrivals = [(port, raw, len(raw), 3600 * SECOND_NS * index) for index, (port, raw) in enumerate(sent)]
        reasons, expected = batch.reasons(arrivals), [oracle.forward(port, raw) for port, raw in sent]
        assert reasons == [each.drop for each in expected]
        wanted = []
        for index, outcome in enumerate(expected):
            both = [(name, False, raw) for name, raw in outcome.deliver.items()]
            both += [(name, True, raw) for name, raw in outcome.mirrored.items()]
            both.sort(key=lambda each: oracle.number(each[0]))
            wanted += [(index, name, is_mirrored, raw, len(raw)) for name, is_mirrored, raw in both]
        assert batch.copies() == wanted
        n_copies, n_mirrored = n_copies + len(wanted), n_mirrored + sum(each[2] for each in wanted)
    assert n_copies > 500 and n_mirrored > 20


@pytest.mark.parametrize("length", [0, 1, 13, 14, 60, 1514, 9014, 262_144])
def test_frames_of_any_length(length):
    config = switch(stations={"vf0": {"max_frame_bytes": 9728}})
    batch = Batch(config)
    raw = frame("vf1", "vf0", length=262_144)[:length]
    (reason,) = batch.reasons(whole(("vf0", raw)))
    assert reason == ("RUNT" if length < 14 else "OVERSIZE" if length > 9724 else None)
    assert batch.copies() == ([] if reason else [(0, "vf1", False, raw, length)])


def test_no_frames_are_no_problem():
    batch = Batch(switch())
    assert batch.reasons([]) == []
    assert batch.copies() == []


def test_a_cut_frame_counts_with_its_full_length():
    config = switch(stations={"vf1": {"untagged": (), "max_frame_bytes": 70}})
    batch = Batch(config)
    raw = frame("vf1", "vf0", c_tag(0, 5), length=100)
    sent = [("vf0", raw[:18], 100, 0), ("vf0", raw[:20], 1600, 0), ("vf1", frame("vf0", "vf1")[:14], 67, 0)]
    assert batch.reasons(sent) == [None, "OVERSIZE", "OVERSIZE"]
    head = raw[:12] + c_tag(1, 5) + raw[16:18]
    assert batch.copies() == [(0, "vf1", False, head, 100)]


@pytest.mark.parametrize(
    ("mode", "tags", "header_bytes"),
    [
        ("veb", (), 14),
        ("veb", (c_tag(1),), 18),
        ("vn_tag", (vn_tag(dvif=2, direction=1),), 20),
        ("e_tag", (e_tag(2), c_tag(1)), 26),
    ],
)
def test_a_frame_cut_within_its_header_is_not_decided(mode, tags, header_bytes):
    config = switch(mode=mode)
    raw, good = frame("vf0", 0x02EE_0000_0010, *tags), frame("vf0", 0x02EE_0000_0010)
    for n_bytes in range(header_bytes + 1):
        sent = [("uplink", good, 60, 0), ("uplink", raw[:n_bytes], 60, 0), ("uplink", good, 60, 0)]
        assert Batch(config).decide(sent) == (ALL_DECIDED if n_bytes == header_bytes else 1), n_bytes


def test_what_is_short_in_full_length_is_a_runt_however_little_is_at_hand():
    assert Batch(switch()).reasons([("vf0", b"", 13, 0), ("vf0", b"\x02" * 5, 13, 0)]) == ["RUNT", "RUNT"]


def policed(rate_bps, burst_bytes, *more):
    return switch(acl=(AclEntry("police", rate_bps=rate_bps, burst_bytes=burst_bytes), *more))


def test_a_policer_in_closed_form():
    """A frame of 1000 B with FCS each millisecond at 500 B a millisecond: after the burst, every other one."""
    batch = Batch(policed(4_000_000, 2000))
    raw = frame("vf1", "vf0", length=996)
    passed = [reason is None for reason in batch.reasons([("vf0", raw, 996, 10**6 * k) for k in range(40)])]
    # Tokens before frame k: 2000, 1500, 1000, 500, then 1000 and 500 in turn.
    assert passed == [True, True, True, *([False, True] * 19)[:37]]


def test_policers_remember_the_batches_before():
    sent = [("vf0", frame("vf1", "vf0", length=996), 996, 10**6 * k) for k in range(40)]
    at_once, in_parts = Batch(policed(4_000_000, 2000)), Batch(policed(4_000_000, 2000))
    assert at_once.reasons(sent) == [reason for k in range(40) for reason in in_parts.reasons(sent[k : k + 1])]


def test_a_refused_frame_keeps_the_copies_of_ingress_mirrors_alone():
    config = policed(1000, 64)
    config.mirrors = (Mirror("pf", "vf0"), Mirror("vf2", "vf1", "egress"))
    batch, raw = Batch(config), frame("vf1", "vf0")
    assert batch.reasons(whole(("vf0", raw), ("vf0", raw))) == [None, "RATE_LIMITED"]
    ports = [(index, port, is_mirrored) for index, port, is_mirrored, _, _ in batch.copies()]
    assert ports == [(0, "pf", True), (0, "vf1", False), (0, "vf2", True), (1, "pf", True)]


GAP_NS = st.one_of(st.integers(0, 10**7), st.integers(0, 2**32 * SECOND_NS - 1), st.just(2**42), st.just(2**42 + 1))


@settings(max_examples=100)
@given(
    st.one_of(st.integers(1000, 10**12), st.sampled_from([1000, 10**12])),
    st.sampled_from([64, 1500, 1 << 26]),
    st.lists(st.tuples(GAP_NS, st.integers(60, 1514)), max_size=12),
)
def test_policers_agree_with_exact_fractions_whatever_time_passes(rate_bps, burst_bytes, frames):
    batch, oracle, now_ns, sent, expected = Batch(policed(rate_bps, burst_bytes)), None, 0, [], []
    oracle = BucketOracle(rate_bps, burst_bytes)
    for gap_ns, n_bytes in frames:
        now_ns = min(now_ns + gap_ns, 2**32 * SECOND_NS - 1)
        sent.append(("vf0", frame("vf1", "vf0", length=n_bytes), n_bytes, now_ns))
        expected.append(None if oracle.police(now_ns * 10**6, n_bytes + 4) else "RATE_LIMITED")
    assert batch.reasons(sent) == expected


@pytest.mark.parametrize("gap_s", [3000, 6000, 12_000])
def test_an_empty_bucket_fills_for_hours(gap_s):
    """At 1 kbit/s, 125 B a second, into a bucket of 2,000,000 B that jumbo frames of 10,000 B have emptied."""
    config = policed(1000, 2_000_000)
    config.ports[1].max_frame_bytes = 10_000
    batch, raw = Batch(config), frame("vf1", "vf0", length=9996)

    def passed(at_s):
        return batch.reasons([("vf0", raw, len(raw), at_s * SECOND_NS)] * 250).count(None)

    assert passed(1) == 200
    assert passed(1 + gap_s) == 125 * gap_s // 10_000
    # What 10,000 B do not divide is still there: 8 s more are worth 1000 B.
    left = 125 * gap_s % 10_000
    assert passed(1 + gap_s + 8) == (left + 1000) // 10_000


def test_a_cut_frame_takes_the_tokens_of_its_full_length():
    raw = frame("vf1", "vf0")
    sent = [("vf0", raw[:20], 996, 0), ("vf0", raw[:20], 996, 0), ("vf0", raw, 60, 0)]
    assert Batch(policed(1000, 1500)).reasons(sent) == [None, "RATE_LIMITED", None]


def test_each_entry_has_a_policer_of_its_own():
    entries = [AclEntry("police", source=mac(name), rate_bps=1000, burst_bytes=64) for name in ("vf0", "vf1")]
    batch = Batch(switch(acl=tuple(entries)))
    sent = [("vf0", frame("vf2", "vf0")), ("vf0", frame("vf2", "vf0")), ("vf1", frame("vf2", "vf1"))]
    assert batch.reasons(whole(*sent)) == [None, "RATE_LIMITED", None]


def test_interpreted_it_does_the_same():
    """All the above in a process of its own, as plain Python, where numpy also warns of overflow."""
    wanted = "copies_are or any_length or cut or closed_form or mirrors"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", wanted]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
