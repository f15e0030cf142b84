"""Times of one frame alone, by hand: at Gen2 x4 a byte takes 0.5 ns * 1538/1534, each TLP rounded down to 1 fs."""

import math
from fractions import Fraction

import pytest

from hwmodel.analytic.latency import (
    frame_latency_steps,
    mean_read_latency_fs,
    reads_span_fs,
    round_trip_fs,
    transfer_read_fs,
)
from hwmodel.analytic.transactions import TlpRules
from tests.analytic_cases import demo

BYTE_FS = Fraction(500_000 * 1538, 1534)
READ_FS = 450_000_000


def t(*sizes):
    return sum(math.floor(n_bytes * BYTE_FS) for n_bytes in sizes)


POLL = {"driver.rx_interrupt_batch": 0}


def frame_latency_fs(config, frame_bytes):
    return sum(step.duration_fs for step in frame_latency_steps(config, frame_bytes))


def test_a_64_byte_frame_that_is_polled():
    # 60 B: doorbell 28; descriptor 24, R, 36; payload 24, R, 80; write 84; write-back 40. 316 B in all.
    by_hand = t(28) + t(24) + READ_FS + t(36) + t(24) + READ_FS + t(80) + t(84) + t(40)
    assert frame_latency_fs(demo({**POLL, "workload.frame_bytes": 64}), 64) == by_hand
    assert by_hand // 10**6 == 900 + 158  # 316 B * 0.5013 ns


def test_an_interrupt_adds_28_bytes():
    assert frame_latency_fs(demo(), 64) - frame_latency_fs(demo(POLL), 64) == t(28)
    moderated = demo({**POLL, "driver.moderation": "10us"})  # the timer is idle: at once
    assert frame_latency_fs(moderated, 64) - frame_latency_fs(demo(POLL), 64) == t(28)


def test_reads_of_a_long_frame_overlap():
    # 1516 B by reads of 512: the second and third answers find the link busy with the one before.
    steps = {step.name: step.duration_fs for step in frame_latency_steps(demo(POLL), 1518)}
    assert steps["payload read"] == t(24) + READ_FS + t(*[276] * 5, 256)
    assert steps["payload write"] == t(*[280] * 5, 260)
    assert len(steps) == len(frame_latency_steps(demo(POLL), 1518))


def test_with_one_tag_each_read_waits_for_the_one_before():
    config = demo({**POLL, "pcie.tags": 1})
    steps = {step.name: step.duration_fs for step in frame_latency_steps(config, 1518)}
    assert steps["payload read"] == 3 * (t(24) + READ_FS) + t(276, 276, 276, 276, 276, 256)


def test_two_tags_hold_back_the_third_read():
    config = demo({**POLL, "pcie.tags": 2})
    # Read 1 ends at t(24) + R + t(276, 276); read 3 begins then.
    first_end = t(24) + READ_FS + t(276, 276)
    third_ready = first_end + t(24) + READ_FS
    assert third_ready > first_end + t(276, 276)
    steps = {step.name: step.duration_fs for step in frame_latency_steps(config, 1518)}
    assert steps["payload read"] == third_ready + t(276, 256)


def test_propagation_counts_once_each_way():
    # Doorbell, descriptor request and answer, payload request and answer, write with its write-back and interrupt: 6.
    assert frame_latency_fs(demo({"pcie.propagation": "30ns"}), 64) - frame_latency_fs(demo(), 64) == 6 * 30_000_000


def test_storing_and_pipeline_add_their_time():
    stored = demo({"nic.store_rate": "8Gbps"})  # 1 ns a byte: 16 B of descriptor, 60 B of payload
    assert frame_latency_fs(stored, 64) - frame_latency_fs(demo(), 64) == 76_000_000
    piped = demo({"nic.max_pps": 10_000_000})
    assert frame_latency_fs(piped, 64) - frame_latency_fs(demo(), 64) == 100_000_000


def test_the_switch_core_adds_its_cycles():
    core = demo({"switch.timing": "core"})  # 60 B are one word of 512 bits; 6.4 ns a cycle
    assert frame_latency_fs(core, 64) - frame_latency_fs(demo(), 64) == (4 + 11 + 1) * 6_400_000
    narrow = demo({"switch.timing": "core", "switch.bus_bits": 64})  # 8 words, and 3 more of the header
    assert frame_latency_fs(narrow, 64) - frame_latency_fs(demo(), 64) == (4 + 11 + 3 + 8) * 6_400_000


def test_round_trips():
    assert round_trip_fs(demo(), 512) == t(24) + READ_FS + t(276, 276)
    assert round_trip_fs(demo(), 64) == t(24) + READ_FS + t(84)
    assert reads_span_fs(demo(), [TlpRules.of(demo()).read(0, 16)]) == t(24) + READ_FS + t(36)


def test_a_transfer_of_several_reads():
    assert transfer_read_fs(demo(), 0, 1024) == t(24) + READ_FS + t(276, 276, 276, 276)
    assert transfer_read_fs(demo(), 64, 512) == t(24) + READ_FS + t(276, 212, 84)


@pytest.mark.parametrize(
    ("jitter", "mean_ns"),
    [
        ({"kind": "fixed"}, 450),
        ({"kind": "uniform", "range": "100ns"}, 500),
        ({"kind": "histogram", "bins": [["0ns", 3], ["200ns", 1]]}, 500),
    ],
)
def test_random_latency_enters_by_its_mean(jitter, mean_ns):
    assert mean_read_latency_fs(demo({"host.jitter": jitter})) == mean_ns * 10**6


def test_formulas_say_what_is_summed():
    formulas = {step.name: step.formula for step in frame_latency_steps(demo(), 1518)}
    assert formulas["Tx descriptor read"] == "t(24) + R + t(36)"
    assert formulas["payload read"] == "t(24) + R + 5 t(276) + t(256)"
    assert formulas["payload write"] == "5 t(280) + t(260)"
