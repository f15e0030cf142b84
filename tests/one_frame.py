"""One frame on an idle adapter: the machine, times on its link by hand, a run of it."""

from __future__ import annotations

from pathlib import Path

from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.wire.pcap import PcapWriter
from hwmodel.workload import build_workload
from tests.journey_runs import PARTS, JourneyRun, finished_journeys

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
INTERRUPT = {"driver.rx_interrupt_batch": 1}


def begin_one(folder: Path, changes: dict, to: str = VF1, of: str = VF0, n_bytes: int = 1518) -> JourneyRun:
    """Send one frame at 20 us; the one at 0 only sets the capture's clock, and its only port is where it came from."""
    path = folder / "one.pcap"
    with PcapWriter(path) as writer:
        for at_ns, header, length in ((0, NOBODY + OUTSIDE, 60), (20_000, to + of, n_bytes - 4)):
            writer.write(at_ns, bytes.fromhex(header + "88b5").ljust(60, b"\0"), length)
    config = config_from_mapping(BASE, {"workload.pcap": str(path), **changes})
    run = JourneyRun(config, build_workload(config))
    run.go_through()
    return run


def send_one(folder: Path, changes: dict, to: str = VF1, of: str = VF0, n_bytes: int = 1518) -> Result:
    """Send one frame that arrives, and nothing else does."""
    return check_one(begin_one(folder, changes, to, of, n_bytes), of)


def check_one(run: JourneyRun, of: str = VF0) -> Result:
    result = run.result()
    assert (result.totals.offered_frames, result.totals.dropped_frames, result.totals.in_flight_frames) == (2, 1, 0)
    if of == VF0:
        # Percentiles aside: those from the doorbell are the middle of their bucket, the others the mean in it.
        exact = [
            (one.min, one.mean, one.max, one.count) for one in (result.latency_from_doorbell_ns, result.latency_ns)
        ]
        assert exact[0] == exact[1]
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
ONE_BY_ONE = {"nic.rx_fetch_batch": 1, "nic.rx_prefetch": 8}  # each descriptor taken is replaced at once


def parts_of_one(run: JourneyRun) -> dict[str, int]:
    ((_, _, parts_fs, _),) = finished_journeys(run).values()
    return dict(zip(PARTS, parts_fs, strict=True))
