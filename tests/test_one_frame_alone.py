"""One frame on an idle adapter: its latency, to the femtosecond, is the sum of the steps on its way."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.wire.pcap_writer import PcapWriter

NS = 10**6
US = 10**9
R = 450 * NS  # host.read_latency

# Femtoseconds of n bytes on the link, floor(n * 500000 * 1538 / 1534): Gen2 x4 moves 2 B a nanosecond, of 1538 symbols
# four are SKP.
T = {
    16: 8_020_860, 20: 10_026_075, 24: 12_031_290, 28: 14_036_505, 32: 16_041_720, 36: 18_046_936, 40: 20_052_151,
    44: 22_057_366, 64: 32_083_441, 68: 34_088_657, 80: 40_104_302, 84: 42_109_517, 88: 44_114_732, 128: 64_166_883,
    132: 66_172_099, 148: 74_192_959, 152: 76_198_174, 216: 108_281_616, 256: 128_333_767, 260: 130_338_983,
    264: 132_344_198, 276: 138_359_843, 280: 140_365_058, 284: 142_370_273, 60: 30_078_226, 76: 38_099_087,
    212: 106_276_401, 104: 52_135_593, 140: 70_182_529, 144: 72_187_744, 52: 26067796,
}  # fmt: skip
# The same at Gen3 x8 with SKP 1/371, and where Acks and UpdateFCs take a share: 16/169 (pcie_bench), a quarter (spec).
GEN3_X8 = {24: 3_055_109, 28: 3_564_294, 36: 4_582_664, 40: 5_091_849, 256: 32_587_837, 260: 33_097_022,
           276: 35_133_762, 280: 35_642_947}  # fmt: skip
PCIE_BENCH = {24: 13_293_089, 28: 15_508_604, 36: 19_939_634, 40: 22_155_149, 254: 140_685_200, 258: 142_900_715,
              276: 152_870_532, 280: 155_086_047}  # fmt: skip
SPEC = {24: 12_323_737, 28: 14_377_693, 36: 18_485_606, 40: 20_539_562, 256: 131_453_199, 260: 133_507_155,
        276: 141_722_980, 280: 143_776_936}  # fmt: skip

BASE = {
    "pcie": {"generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B", "tags": 32,
             "read_completion_boundary": "64B", "dllp_model": "none", "credits": {"return": "200ns"}},
    "host": {"read_latency": "450ns", "buffer_bytes": "16KiB"},
    # Eight Rx descriptors are on the chip and none are fetched while some are left; no part batch is written back.
    "nic": {"preset": None, "vfs": 2, "tx_ring": 64, "rx_ring": 64, "fetch_batch": 1, "rx_fetch_batch": 8,
            "rx_prefetch": 1, "tx_writeback_batch": 8, "rx_writeback_batch": 1, "writeback_timeout": None},
    "driver": {"preset": None, "tx_doorbell_batch": 1, "refill_batch": 8, "rx_interrupt_batch": 0,
               "tx_interrupt_batch": 0, "frame_time": "20ns"},
    "switch": {"ports": [{"name": name, "max_frame": "9728B"} for name in ("pf", "vf0", "vf1")]},
    "port": {"rate": "10Gbps"},
    "run": {"warmup": "15us", "duration": "1ms"},
}  # fmt: skip

VF0, VF1 = "020000000002", "020000000003"
OUTSIDE, NOBODY = "02ff00000001", "02ff00000002"
BROADCAST = "ffffffffffff"


def send_one(folder: Path, changes: dict, to: str = VF1, of: str = VF0, n_bytes: int = 1518) -> Result:
    """Send one frame at 20 us; the one at 0 only sets the capture's clock, and its only port is where it came from."""
    path = folder / "one.pcap"
    with PcapWriter(path) as writer:
        for at_ns, header, length in ((0, NOBODY + OUTSIDE, 60), (20_000, to + of, n_bytes - 4)):
            writer.write(at_ns, bytes.fromhex(header + "88b5").ljust(60, b"\0"), length)
    result = simulate(config_from_mapping(BASE, {"workload.pcap": str(path), **changes}))
    assert (result.totals.offered_frames, result.totals.dropped_frames, result.totals.in_flight_frames) == (2, 1, 0)
    if of == VF0:
        assert result.latency_from_doorbell_ns == result.latency_ns
    return result


def to_payload(t: dict[int, int] = T) -> int:
    """Return the time from the post to the host's answer to the first payload read."""
    return t[28] + t[24] + R + t[36] + t[24] + R


def in_1518(t: dict[int, int] = T, tail: int = 256) -> int:
    """Return the time of 1514 B in completions: reads of 512, 512 and 490 B, the last one 256 and 234 B."""
    return 5 * t[276] + t[tail]


def out_1518(t: dict[int, int] = T, tail: int = 260) -> int:
    """Return the time of 1514 B in writes: five of 256 B, one of 234 B (236 on the link)."""
    return 5 * t[280] + t[tail]


# With batches of 1, a poll, and all TLPs of 1514 B back to back: requests are shorter than what they bring.
ALONE = to_payload() + in_1518() + out_1518() + T[40]
ALONE_64 = to_payload() + T[80] + T[84] + T[40]

# Without its write-back.
JUMBO = to_payload() + 35 * T[276] + T[76] + 35 * T[280] + T[80]

SMALL_BUFFERS = {"host.buffer_bytes": "2KiB"}
INTERRUPT = {"driver.rx_interrupt_batch": 1}
ONE_BY_ONE = {"nic.rx_fetch_batch": 1, "nic.rx_prefetch": 8}  # each descriptor taken is replaced at once

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
        JUMBO + T[104] + T[24] + R + T[52] + T[24],  # and a prefetch takes its turn in between
    ),
    # 1514 B are 11 * 128 B and 106 (108) B.
    "small payloads and requests": (
        {"pcie.max_payload": "128B", "pcie.max_read_request": "128B"}, 1518,
        to_payload() + 11 * T[148] + T[128] + 11 * T[152] + T[132] + T[40],
    ),
    # Write-backs of sender and receiver enter P together; the interrupt is raised while the sender's is on the link.
    "interrupt behind a Tx write-back": ({**INTERRUPT, "nic.tx_writeback_batch": 1}, 1518, ALONE + T[40] + T[28]),
    "poll before a Tx write-back": ({"nic.tx_writeback_batch": 1}, 1518, ALONE),
    # The sender's interrupt comes after the receiver's.
    "two interrupts": (
        {**INTERRUPT, "nic.tx_writeback_batch": 1, "driver.tx_interrupt_batch": 1}, 1518, ALONE + T[40] + T[28],
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
    # Doorbell, twice there and back, write with its write-back; and the interrupt.
    "propagation": ({"pcie.propagation": "30ns"}, 1518, ALONE + 6 * 30 * NS),
    "propagation, interrupt": ({"pcie.propagation": "30ns", **INTERRUPT}, 1518, ALONE + 7 * 30 * NS + T[28]),
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
    # At 1 ns a byte storing takes longer than the link: behind the first read's completions 1514 ns. At 0.1 ns a byte
    # only the last read's 490 B count. The descriptor's 16 B are stored too.
    "slow store": (
        {"nic.store_rate": "8Gbps"}, 1518, ALONE - in_1518() + 16 * NS + 2 * T[276] + 1514 * NS,
    ),
    "fast store": ({"nic.store_rate": "80Gbps"}, 1518, ALONE + 1_600_000 + 49 * NS),
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
        {"pcie.generation": 3, "pcie.lanes": 8}, 1518,
        to_payload(GEN3_X8) + in_1518(GEN3_X8) + out_1518(GEN3_X8) + GEN3_X8[40],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_from_one_vm_to_another(tmp_path, name):
    changes, n_bytes, expected_fs = CASES[name]
    latency = send_one(tmp_path, changes, n_bytes=n_bytes).latency_ns
    assert latency.count == 1
    assert latency.min == latency.mean == latency.max
    assert round(latency.min * NS) == expected_fs


# Frame, preamble, gap: 20 B more than the frame, at 10 Gb/s 0.8 ns each.
TO_WIRE = {
    "long": ({}, 1518, to_payload() + in_1518() + 1538 * 800_000),
    "short": ({}, 64, to_payload() + T[80] + 84 * 800_000),
    "slow port": ({"port.rate": "1Gbps"}, 64, to_payload() + T[80] + 84 * 8_000_000),
    "pipeline": ({"nic.max_pps": 3_000_000}, 64, to_payload() + T[80] + 84 * 800_000 + 333_333_333),
}


@pytest.mark.parametrize("name", TO_WIRE)
def test_from_a_vm_to_the_wire(tmp_path, name):
    changes, n_bytes, expected_fs = TO_WIRE[name]
    result = send_one(tmp_path, changes, to=NOBODY, n_bytes=n_bytes)
    assert result.totals.delivered_to_wire == 1
    assert round(result.latency_ns.min * NS) == expected_fs
    assert result.wire.wait_ns.max == 0


# From the end of reception on.
FROM_WIRE = {
    "long": ({}, 1518, out_1518() + T[40]),
    "short, interrupt": (INTERRUPT, 64, T[84] + T[40] + T[28]),
    "pipeline": ({"nic.max_pps": 3_000_000}, 64, 333_333_333 + T[84] + T[40]),
    "Rx descriptor on demand": ({"nic.rx_prefetch": 0}, 64, T[24] + R + T[36] + T[84] + T[40]),
}


@pytest.mark.parametrize("name", FROM_WIRE)
def test_from_the_wire_to_a_vm(tmp_path, name):
    changes, n_bytes, expected_fs = FROM_WIRE[name]
    result = send_one(tmp_path, changes, of=OUTSIDE, n_bytes=n_bytes)
    assert result.totals.from_wire == 2
    assert round(result.latency_ns.min * NS) == expected_fs


CYCLE = 6_400_000  # of 156.25 MHz
POSTED = 20_020 * NS  # 20 ns after the frame was given to the driver
CORE = {"switch.timing": "core"}
NARROW = {**CORE, "switch.bus_bits": 64}


def through_core(whole_fs: int, cycles: int) -> int:
    """Return when a frame that is whole at a time has passed the core: so many cycles after the next clock edge."""
    return (-(-whole_fs // CYCLE) + cycles) * CYCLE


# Cycles: 2 to the grant, 6 and H (3 for 64 bits) to the decision, then the words, of 64 or 8 B.
BY_CORE = {
    "short": (CORE, 64, through_core(POSTED + to_payload() + T[80], 2 + 6 + 1) - POSTED + T[84] + T[40]),
    "long": (CORE, 1518, through_core(POSTED + to_payload() + in_1518(), 2 + 6 + 24) - POSTED + out_1518() + T[40]),
    "narrow": (NARROW, 64, through_core(POSTED + to_payload() + T[80], 2 + 6 + 3 + 8) - POSTED + T[84] + T[40]),
    "behind the pipeline": (
        {**CORE, "nic.max_pps": 3_000_000}, 64,
        through_core(POSTED + to_payload() + T[80] + 333_333_333, 9) - POSTED + T[84] + T[40],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_CORE)
def test_by_the_switch_core(tmp_path, name):
    changes, n_bytes, expected_fs = BY_CORE[name]
    result = send_one(tmp_path, changes, n_bytes=n_bytes)
    assert round(result.latency_ns.min * NS) == expected_fs
    n_words = -(-(n_bytes - 4) // (8 if name == "narrow" else 64))
    assert result.utilization["switch.bus"] * result.window.duration_ns * NS == pytest.approx(n_words * CYCLE)


def test_by_the_switch_core_to_and_from_the_wire(tmp_path):
    out = send_one(tmp_path, CORE, to=NOBODY, n_bytes=64)
    expected_fs = through_core(POSTED + to_payload() + T[80], 9) - POSTED + 84 * 800_000
    assert round(out.latency_ns.min * NS) == expected_fs
    received = 20_000 * NS + 84 * 800_000  # the capture's time is that at which the line begins
    inward = send_one(tmp_path, CORE, of=OUTSIDE, n_bytes=64)
    assert round(inward.latency_ns.min * NS) == through_core(received, 9) - received + T[84] + T[40]


def test_a_broadcast_is_read_once_and_written_to_each(tmp_path):
    result = send_one(tmp_path, {}, to=BROADCAST)
    found = {flow.to: round(flow.latency_ns.min * NS) for flow in result.flows if flow.latency_ns.count}
    assert found == {
        "uplink": to_payload() + in_1518() + 1538 * 800_000,
        "pf": ALONE,
        "vf1": ALONE + out_1518() + T[40],  # behind the PF's payload and write-back
    }
    assert (result.totals.copies_made, result.totals.delivered_frames) == (3, 1)
    assert (result.pcie.up.bytes.payload, result.pcie.down.bytes.payload) == (2 * 1516, 1516)


def test_bytes_of_a_frame_alone(tmp_path):
    use = send_one(tmp_path, {**INTERRUPT, "nic.tx_writeback_batch": 1, "driver.tx_interrupt_batch": 1}).pcie
    up, down = (asdict(direction.bytes) | {"skp": 0} for direction in (use.up, use.down))
    none = dict.fromkeys(up, 0)
    assert up == none | {"payload": 1516, "tlp_overhead": 6 * 24, "read_request": 3 * 24, "descriptor": 24,
                         "writeback": 2 * 40, "interrupt": 2 * 28}  # fmt: skip
    assert down == none | {"payload": 1516, "tlp_overhead": 6 * 20, "descriptor": 36, "doorbell": 28}
