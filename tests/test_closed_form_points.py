"""Seventy saturated configurations in which only the link limits, beside the closed form written out here."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from itertools import product
from math import ceil

import pytest

from hwmodel.analytic import limits
from hwmodel.config import load_config
from hwmodel.simulation import simulate
from tests.config_cases import CONFIGS
from tests.run_cases import measured

BATCHES = (
    "nic.fetch_batch", "nic.rx_fetch_batch", "nic.tx_writeback_batch", "nic.rx_writeback_batch",
    "driver.tx_doorbell_batch", "driver.refill_batch", "driver.rx_interrupt_batch", "driver.tx_interrupt_batch",
)  # fmt: skip
FRAMES = 6_400  # a multiple of 64: eight VMs get their frames eight at a time
RING = 512
# Ample, and full after some thousand frames; those of configs/sriov_ideal.yaml take thirty windows to fill.
STORES = {"nic.tx_ring": RING, "nic.rx_ring": RING, "nic.tx_buffer": "64KiB", "nic.rx_buffer": "64KiB"}
READ_REQUEST = 512  # configs/sriov_ideal.yaml and the demo have one MRRS

# Gb/s a lane after 8b/10b and 128b/130b; the share of the time that SKP takes.
LANE_GBPS = {2: Fraction(4), 3: Fraction(8 * 128, 130)}
SKP = {2: Fraction(4, 1538), 3: Fraction(1, 371)}


def link_bytes(frame_bytes: int, payload: int, batch: int) -> tuple[Fraction, Fraction]:
    """Return the bytes up and down of one frame; an Ack and an UpdateFC, 16 B, for four TLPs of the other direction."""
    data = 4 * ceil((frame_bytes - 4) / 4)
    descriptors = 16 * batch
    writes = ceil(data / payload) + Fraction(2 * ceil(descriptors / payload), batch)  # payload and write-backs
    reads = ceil(data / READ_REQUEST) + Fraction(2 * ceil(descriptors / READ_REQUEST), batch)
    completions = writes  # cut as the writes are
    messages = Fraction(2, batch)  # interrupts up, doorbells down
    up = data + 32 + 24 * writes + 24 * reads + 28 * messages + 4 * (completions + messages)
    down = data + 32 + 20 * completions + 28 * messages + 4 * (writes + reads + messages)
    return up, down


def closed_form_gbps(generation: int, lanes: int, frame_bytes: int, payload: int, batch: int) -> float:
    usable = LANE_GBPS[generation] * lanes * (1 - SKP[generation])
    return float(usable * frame_bytes / max(link_bytes(frame_bytes, payload, batch)))


def cut(start: int, n_bytes: int, boundary: int) -> int:
    """Count the pieces of a transfer that may not cross multiples of `boundary`."""
    return (start + n_bytes - 1) // boundary - start // boundary + 1


def mean_cuts(descriptors: int, ring: int, boundary: int) -> Fraction:
    """Count the pieces of a write-back in the mean: each descriptor in turn, round the ring until all repeats."""
    starts = [(n * descriptors + k) % ring for n in range(ring) for k in range(descriptors)]
    begins = [k % descriptors == 0 or at == 0 or 16 * at % boundary == 0 for k, at in enumerate(starts)]
    return Fraction(sum(begins), ring)


def jumbo_link_bytes(frame_bytes: int, buffer: int, offset: int, payload: int, batch: int) -> tuple[Fraction, Fraction]:
    """Return the bytes up and down of one frame that takes several Rx descriptors, the sender's part as above."""
    n, room = frame_bytes - 4, buffer - offset
    data = 4 * ceil(n / 4)
    pieces = [min(room, n - at) for at in range(0, n, room)]
    k = len(pieces)
    told = ceil(batch / k)  # whole frames in a write-back or a refill
    interrupted = ceil(batch / told) * told
    payload_writes = sum(cut(offset, piece, payload) for piece in pieces)
    writebacks = mean_cuts(told * k, RING, payload) / told + Fraction(ceil(16 * batch / payload), batch)
    requests, at, completions = 0, offset, 0
    while at < offset + n:
        end = min(offset + n, (at // READ_REQUEST + 1) * READ_REQUEST)
        requests, completions, at = requests + 1, completions + cut(at, end - at, payload), end
    fetches = Fraction(1 + k, batch)
    completions = completions + fetches
    doorbells, interrupts = Fraction(1, batch) + Fraction(1, told), Fraction(1, batch) + Fraction(1, interrupted)
    writes, reads = payload_writes + writebacks, requests + fetches
    up = data + 16 * (1 + k) + 24 * writes + 24 * reads + 28 * interrupts + 4 * (completions + doorbells)
    down = data + 16 * (1 + k) + 20 * completions + 28 * doorbells + 4 * (writes + reads + interrupts)
    return up, down


def demo(**changes: object):
    return load_config(CONFIGS / "sriov_10g_gen2x4.yaml", changes)


def test_the_worked_example():
    assert link_bytes(1518, 256, 8) == (1809, 1719)
    assert closed_form_gbps(2, 4, 1518, 256, 8) == pytest.approx(13.39, abs=0.005)
    assert closed_form_gbps(2, 4, 1518, 128, 8) == pytest.approx(12.25, abs=0.005)
    assert closed_form_gbps(2, 4, 1518, 256, 1) == pytest.approx(12.38, abs=0.005)
    assert closed_form_gbps(3, 8, 64, 256, 8) == pytest.approx(24.38, abs=0.005)


# Half of all, so that with any two of the four each pair of values comes twice.
POINTS = [each for each in product((2, 3), (4, 8), (128, 256), (1, 8)) if sum(map((2, 4, 128, 1).count, each)) % 2 == 0]


@pytest.mark.parametrize(("generation", "lanes", "payload", "batch"), POINTS)
def test_a_link_alone_carries_what_the_closed_form_says(generation, lanes, payload, batch):
    for frame_bytes in (64, 256, 512, 1024, 1518):
        changes = {
            "pcie.generation": generation, "pcie.lanes": lanes, "pcie.max_payload": f"{payload}B",
            "workload.frame_bytes": frame_bytes, "run.frames": FRAMES, **STORES, **dict.fromkeys(BATCHES, batch),
        }  # fmt: skip
        config = load_config(CONFIGS / "sriov_ideal.yaml", changes)
        assert (config.pcie.tags, config.pcie.max_read_request_bytes) == (256, READ_REQUEST)
        expected = closed_form_gbps(generation, lanes, frame_bytes, payload, batch)
        assert limits(config).gbps == pytest.approx(expected, rel=1e-9)
        result = measured(config)
        frames = result.window.vm_frames
        assert frames >= 5_000
        assert 0.99 * expected <= result.totals.gbps <= 1.002 * expected, frame_bytes
        up, down = link_bytes(frame_bytes, payload, batch)
        for use, n_bytes in ((result.pcie.up, up), (result.pcie.down, down)):
            carried = sum(asdict(use.bytes).values()) - use.bytes.skp
            assert carried / frames == pytest.approx(float(n_bytes), rel=0.005), frame_bytes


def test_the_worked_example_of_a_jumbo_frame():
    # Five Rx buffers of 2 KiB. Up: 36 writes of 9016 B, 18 requests, six descriptors of eight in a read; the sender's
    # write-back, an eighth of 152 B; the receiver's, half of 160 B in 1.5 writes (of the eight places in 256 B where it
    # can begin, four leave less than 160 B); interrupts of eight; 4 B for each of 37.375 TLPs down.
    up = 36 * 24 + 9016 + 18 * 24 + 6 * 24 / 8 + 152 / 8 + (160 + 1.5 * 24) / 2 + 2 * 28 / 8 + 4 * 37.375
    # Down: 36 completions; descriptors; a doorbell for eight frames sent and one for two received; 55.875 TLPs up.
    down = 36 * 20 + 9016 + 6 * (16 + 20 / 8) + 28 / 8 + 28 / 2 + 4 * 55.875
    assert mean_cuts(10, 4096, 256) == Fraction(3, 2)
    assert jumbo_link_bytes(9018, 2048, 0, 256, 8) == (up, down) == (10603.5, 10088)
    assert jumbo_link_bytes(1518, 2048, 0, 256, 8) == link_bytes(1518, 256, 8) == (1809, 1719)


# Half of them each time, so that with any two of the three each pair of values comes.
JUMBO_POINTS = [
    pytest.param(
        *each, marks=() if sum(map((128, 1, 4000).count, each)) % 2 else (pytest.mark.slow, pytest.mark.nightly)
    )
    for each in product((128, 256), (1, 8), (4000, 9018))
]


@pytest.mark.parametrize(("payload", "batch", "frame_bytes"), JUMBO_POINTS)
def test_a_link_alone_carries_what_the_closed_form_says_of_jumbo_frames(payload, batch, frame_bytes):
    stations = [{"name": name, "max_frame": "9018B"} for name in ("pf", *(f"vf{k}" for k in range(8)))]
    for buffer, offset in ((1024, 0), (2048, 0), (2048, 64), (16384, 0)):
        changes = {
            "pcie.max_payload": f"{payload}B", "host.buffer_bytes": f"{buffer}B", "host.buffer_offset": f"{offset}B",
            "workload.frame_bytes": frame_bytes, "switch.ports": stations, "run.frames": FRAMES // 2,
            "run.duration": "200ms", **STORES, **dict.fromkeys(BATCHES, batch),
        }  # fmt: skip
        config = load_config(CONFIGS / "sriov_ideal.yaml", changes)
        up, down = jumbo_link_bytes(frame_bytes, buffer, offset, payload, batch)
        usable = LANE_GBPS[2] * 4 * (1 - SKP[2])
        expected = float(usable * frame_bytes / max(up, down))
        found = limits(config)
        assert (found.up_bytes, found.down_bytes) == pytest.approx((float(up), float(down)), rel=1e-9)
        assert found.gbps == pytest.approx(expected, rel=1e-9)
        result = measured(config)
        frames = result.window.vm_frames
        assert frames >= 2_500
        assert 0.99 * expected <= result.totals.gbps <= 1.002 * expected, (buffer, offset)
        for use, n_bytes in ((result.pcie.up, up), (result.pcie.down, down)):
            carried = sum(asdict(use.bytes).values()) - use.bytes.skp
            assert carried / frames == pytest.approx(float(n_bytes), rel=0.005), (buffer, offset)


def test_the_demo():
    result = simulate(demo())
    assert 13.2 <= result.totals.gbps <= 13.45
    assert result.bottleneck.resource == "pcie.up"
    assert result.pcie.up.utilization >= 0.99
    assert result.pcie.down.utilization == pytest.approx(0.95, abs=0.01)
    assert result.fairness_jain == pytest.approx(1, abs=1e-4)


def test_the_demo_by_purpose():
    result = simulate(demo())
    frames = result.window.vm_frames
    # Bytes of a frame: six writes and completions, three read requests, the rest for eight frames at once; 6.5 TLPs
    # down and 9.75 up, at 4 B each for Acks and UpdateFCs.
    up = {"payload": 1516, "tlp_overhead": 6 * 24, "read_request": 3 * 24, "descriptor": 2 * 24 / 8,
          "writeback": 2 * 152 / 8, "interrupt": 2 * 28 / 8, "doorbell": 0, "dllp": 26}  # fmt: skip
    down = {"payload": 1516, "tlp_overhead": 6 * 20, "read_request": 0, "descriptor": 2 * 148 / 8,
            "writeback": 0, "interrupt": 0, "doorbell": 2 * 28 / 8, "dllp": 39}  # fmt: skip
    for use, expected in ((result.pcie.up, up), (result.pcie.down, down)):
        for purpose, n_bytes in expected.items():
            assert getattr(use.bytes, purpose) / frames == pytest.approx(n_bytes, rel=0.002), purpose


def test_the_demo_with_a_smaller_payload():
    assert 12.1 <= simulate(demo(**{"pcie.max_payload": "128B"})).totals.gbps <= 12.3


def test_the_demo_does_not_need_more_tags():
    few, many = (simulate(demo(**{"pcie.tags": tags})).totals.gbps for tags in (32, 256))
    assert many == pytest.approx(few, rel=0.001)
