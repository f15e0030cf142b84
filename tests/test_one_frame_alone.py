"""One frame on an idle adapter: its latency, to the femtosecond, is the sum of the steps on its way."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel import lone_frame
from hwmodel.simulation.run.trace.frame_parts import under_way
from tests.journey_runs import PARTS, finished_journeys, stamp_columns
from tests.one_frame import (
    ALONE,
    ALONE_64,
    GEN3_X8,
    INTERRUPT,
    JUMBO,
    NS,
    ONE_BY_ONE,
    PCIE_BENCH,
    SMALL_BUFFERS,
    SPEC,
    US,
    R,
    T,
    begin_one,
    check_one,
    in_1518,
    out_1518,
    parts_of_one,
    to_payload,
)

CASES = {
    "short": ({}, 64, ALONE_64),
    "short, interrupt": (INTERRUPT, 64, ALONE_64 + T[28]),
    "long": ({}, 1518, ALONE),
    "long, interrupt": (INTERRUPT, 1518, ALONE + T[28]),
    "moderated: the first interrupt comes at once": ({"driver.moderation": "50us"}, 1518, ALONE + T[28]),
    # 9014 B are 35 * 256 B and 54 (56) B, in reads of 17 * 512 B and 310 B.
    "jumbo": ({}, 9018, JUMBO + T[40]),
    # Five buffers of 2 KiB, five descriptors, written back together.
    "jumbo in five buffers": (SMALL_BUFFERS, 9018, JUMBO + T[104]),
    "jumbo in five buffers, interrupt": ({**SMALL_BUFFERS, **INTERRUPT}, 9018, JUMBO + T[104] + T[28]),
    # Nine descriptors are 144 B, a write of 128 B and one of 16 B.
    "jumbo in nine buffers": (
        {"host.buffer_bytes": "1KiB", "nic.rx_fetch_batch": 16, "pcie.max_payload": "128B"}, 9018,
        to_payload() + 70 * T[148] + T[76] + 70 * T[152] + T[80] + T[152] + T[40],
    ),
    # The frame lies in one piece at its sender: reads of 448, 16 * 512 and 374 B. Its receiver's buffers take 1984 B
    # each, 192 and 7 * 256 B, and the last of them 1078 B: 192, 3 * 256 and 118 (120) B.
    "jumbo, buffer offset": (
        {**SMALL_BUFFERS, "host.buffer_offset": "64B"}, 9018,
        to_payload() + 34 * T[276] + T[212] + T[140] + 5 * T[216] + (4 * 7 + 3) * T[280] + T[144] + T[104],
    ),
    # Five reads of one descriptor each, back to back.
    "jumbo, Rx descriptors on demand": (
        {**SMALL_BUFFERS, "nic.rx_prefetch": 0}, 9018, JUMBO + T[104] + T[24] + R + 5 * T[36],
    ),
    # Three descriptors are on the chip; there is room for two more, and those that the frame lacks are two.
    "jumbo, a cache of five": (
        {**SMALL_BUFFERS, "nic.rx_prefetch": 3, "nic.rx_fetch_batch": 3, "nic.descriptor_cache": 5}, 9018,
        JUMBO + T[104] + T[24] + R + T[52] + 2 * T[24],  # two prefetches take turns: one descriptor up to 6, then three
    ),
    # 1514 B are 11 * 128 B and 106 (108) B.
    "small payloads and requests": (
        {"pcie.max_payload": "128B", "pcie.max_read_request": "128B"}, 1518,
        to_payload() + 11 * T[148] + T[128] + 11 * T[152] + T[132] + T[40],
    ),
    # Write-backs of sender and receiver enter P together; the interrupt stands right behind the receiver's.
    "interrupt before a Tx write-back": ({**INTERRUPT, "nic.tx_writeback_batch": 1}, 1518, ALONE + T[28]),
    "poll before a Tx write-back": ({"nic.tx_writeback_batch": 1}, 1518, ALONE),
    # The sender's interrupt comes after the receiver's.
    "two interrupts": (
        {**INTERRUPT, "nic.tx_writeback_batch": 1, "driver.tx_interrupt_batch": 1}, 1518, ALONE + T[28],
    ),
    # The read of another Rx descriptor takes its turn after the first TLP of the payload, or goes before or after.
    "prefetch in between": (ONE_BY_ONE, 1518, ALONE + T[24]),
    "prefetch first": ({**ONE_BY_ONE, "pcie.arbitration": "reads_first"}, 1518, ALONE + T[24]),
    "prefetch last": ({**ONE_BY_ONE, "pcie.arbitration": "writes_first"}, 1518, ALONE),
    "prefetch by arrival": ({**ONE_BY_ONE, "pcie.arbitration": "arrival"}, 1518, ALONE),
    "Rx descriptor on demand": ({"nic.rx_prefetch": 0}, 1518, ALONE + T[24] + R + T[36]),
    "batches that one frame does not fill": (
        {"nic.fetch_batch": 8, "driver.tx_doorbell_batch": 8}, 1518, ALONE,
    ),
    # The timer starts when the payload enters its queue.
    "write-back by the timer": (
        {"nic.rx_writeback_batch": 8, "nic.writeback_timeout": "9us"}, 1518, ALONE - out_1518() + 9 * US,
    ),
    "write-back by a timer that is over before the payload has left": (
        {"nic.rx_writeback_batch": 8, "nic.writeback_timeout": "100ns"}, 1518, ALONE,
    ),
    "write-back by a timer that is over while the payload is on its way": (
        {"nic.rx_writeback_batch": 8, "nic.writeback_timeout": "840ns", "pcie.propagation": "30ns"}, 1518,
        ALONE - out_1518() + 840 * NS + 6 * 30 * NS,
    ),
    # Doorbell, twice there and back, write with its write-back and its interrupt.
    "propagation": ({"pcie.propagation": "30ns"}, 1518, ALONE + 6 * 30 * NS),
    "propagation, interrupt": ({"pcie.propagation": "30ns", **INTERRUPT}, 1518, ALONE + 6 * 30 * NS + T[28]),
    "32-bit addresses": (
        {"pcie.address_bits": 32, **INTERRUPT}, 1518,
        T[24] + T[20] + R + T[36] + T[20] + R + in_1518() + 5 * T[276] + T[256] + T[36] + T[24],
    ),
    "ECRC": (
        {"pcie.ecrc": True}, 1518,
        T[32] + T[28] + R + T[40] + T[28] + R + 5 * T[280] + T[260] + 5 * T[284] + T[264] + T[44],
    ),
    "completions of 64 B": (
        {"host.completion_bytes": "rcb"}, 1518, ALONE - in_1518() + 23 * T[84] + T[64],
    ),
    "completions of 128 B": (
        {"host.completion_bytes": "rcb", "pcie.read_completion_boundary": "128B"}, 1518,
        ALONE - in_1518() + 11 * T[148] + T[128],
    ),
    # Reads of 448, 512, 512 and 42 B, the first answered with 256 and 192 B; writes of 192, 5 * 256 and 42 B.
    "buffer offset": (
        {"host.buffer_offset": "64B"}, 1518,
        to_payload() + 5 * T[276] + T[212] + T[64] + T[216] + 5 * T[280] + T[68] + T[40],
    ),
    # The frame's 1514 B are stored as a whole, once the last of them has come: at 1 ns a byte, and at 0.1 ns. The
    # descriptor's 16 B are stored too.
    "slow store": ({"nic.store_rate": "8Gbps"}, 1518, ALONE + (16 + 1514) * NS),
    "fast store": ({"nic.store_rate": "80Gbps"}, 1518, ALONE + 1_600_000 + 151_400_000),
    "pipeline": ({"nic.max_pps": 3_000_000}, 1518, ALONE + 333_333_333),
    "one tag": ({"pcie.tags": 1}, 1518, ALONE + 2 * (T[24] + R)),
    # The third read waits for the first one's completions; those of the second are in before it is answered.
    "two tags": ({"pcie.tags": 2}, 1518, ALONE - in_1518() + 2 * T[276] + T[24] + R + T[276] + T[256]),
    # Each write waits until the header credit of the one before has come back, 200 ns after its receipt.
    "one posted header credit": ({"pcie.credits.ph": 1}, 1518, ALONE + 6 * 200 * NS),
    # 16 data credits are one full write. The last one, of 234 B, leaves one for the write-back.
    "sixteen posted data credits": ({"pcie.credits.pd": 16}, 1518, ALONE + 5 * 200 * NS),
    # At 8 ns a byte memory takes each full write's 256 B in 2048 ns before its credits start back.
    "slow memory": (
        {"pcie.credits.pd": 16, "host.write_drain": "1Gbps"}, 1518, ALONE + 5 * (200 + 2048) * NS,
    ),
    # Each of four requests waits a microsecond for the credit of the one before: the descriptor's answer is in by then,
    # and so are the first two payload answers.
    "one read header credit": (
        {"pcie.credits.nph": 1, "pcie.credits.return": "1us"}, 1518,
        T[28] + T[24] + 3 * (US + T[24]) + R + T[276] + T[256] + out_1518() + T[40],
    ),
    "one completion header credit": ({"pcie.credits.cplh": 1}, 1518, ALONE + 5 * 200 * NS),
    "sixteen completion data credits": ({"pcie.credits.cpld": 16}, 1518, ALONE + 5 * 200 * NS),
    # An Ack and an UpdateFC, 16 B, per TLP received. Three prefetches came and went: three pairs are due upward. Then
    # the doorbell's (4 pairs), one for the descriptor's answer and one for what it brings, three, and six.
    "DLLPs for each TLP": ({"pcie.dllp_model": "tlp1"}, 1518, ALONE + (4 + 1 + 1 + 3 + 6) * T[16]),
    # The doorbell is the fourth TLP down, the descriptor read the fourth up, the third completion the eighth down.
    "DLLPs for four TLPs": ({"pcie.dllp_model": "tlp4"}, 1518, ALONE + (1 + 1 + 1) * T[16]),
    "DLLPs by limit times": (
        {"pcie.dllp_model": "spec"}, 1518, to_payload(SPEC) + in_1518(SPEC) + out_1518(SPEC) + SPEC[40],
    ),
    # Exact bytes: the last completion and the last write carry 234.
    "DLLPs as published": (
        {"pcie.dllp_model": "pcie_bench"}, 1518,
        to_payload(PCIE_BENCH) + in_1518(PCIE_BENCH, 254) + out_1518(PCIE_BENCH, 258) + PCIE_BENCH[40],
    ),
    "Gen3 x8": (
        {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8}, 1518,
        to_payload(GEN3_X8) + in_1518(GEN3_X8) + out_1518(GEN3_X8) + GEN3_X8[40],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_from_one_vm_to_another(tmp_path, name):
    changes, n_bytes, expected_fs = CASES[name]
    run = begin_one(tmp_path, changes, n_bytes=n_bytes)
    latency = check_one(run).latency_ns
    assert latency.count == 1
    assert latency.min == latency.mean == latency.max
    assert round(latency.min * NS) == expected_fs
    assert parts_of_one(run) == lone_frame(run.config).parts_fs


NEVER_TAKEN = {
    "its write-back waits for others": ({"nic.rx_writeback_batch": 8}, "writeback_batch"),
    "its interrupt waits for others": ({"driver.rx_interrupt_batch": 2}, "interrupt_moderation"),
    "both wait": ({"nic.rx_writeback_batch": 8, "driver.rx_interrupt_batch": 2}, "writeback_batch"),
}


@pytest.mark.parametrize("name", NEVER_TAKEN)
def test_a_frame_that_nothing_follows_may_never_be_taken(tmp_path, name):
    changes, waits_in = NEVER_TAKEN[name]
    run = begin_one(tmp_path, changes)
    assert run.result().totals.in_flight_frames == 1
    assert finished_journeys(run) == {}
    stamps_fs = stamp_columns(under_way(run.state[0]))[0, 1:]
    parts_fs = lone_frame(run.config).parts_fs
    n_over = PARTS.index(waits_in)
    assert np.diff(stamps_fs)[:n_over].tolist() == list(parts_fs.values())[:n_over]
    assert set(list(parts_fs.values())[n_over:]) == {None}
