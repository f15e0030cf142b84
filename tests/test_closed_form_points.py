"""Eighty saturated configurations in which only the link limits, beside the closed form written out here."""

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

BATCHES = (
    "nic.fetch_batch", "nic.rx_fetch_batch", "nic.tx_writeback_batch", "nic.rx_writeback_batch",
    "driver.tx_doorbell_batch", "driver.refill_batch", "driver.rx_interrupt_batch", "driver.tx_interrupt_batch",
)  # fmt: skip
FRAMES = 12_800  # a multiple of 64: eight VMs get their frames eight at a time
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


def demo(**changes: object):
    return load_config(CONFIGS / "sriov_10g_gen2x4.yaml", changes)


def test_the_worked_example():
    assert link_bytes(1518, 256, 8) == (1809, 1719)
    assert closed_form_gbps(2, 4, 1518, 256, 8) == pytest.approx(13.39, abs=0.005)
    assert closed_form_gbps(2, 4, 1518, 128, 8) == pytest.approx(12.25, abs=0.005)
    assert closed_form_gbps(2, 4, 1518, 256, 1) == pytest.approx(12.38, abs=0.005)
    assert closed_form_gbps(3, 8, 64, 256, 8) == pytest.approx(24.38, abs=0.005)


@pytest.mark.parametrize(("generation", "lanes", "payload", "batch"), list(product((2, 3), (4, 8), (128, 256), (1, 8))))
def test_a_link_alone_carries_what_the_closed_form_says(generation, lanes, payload, batch):
    for frame_bytes in (64, 256, 512, 1024, 1518):
        changes = {
            "pcie.generation": generation, "pcie.lanes": lanes, "pcie.max_payload": f"{payload}B",
            "workload.frame_bytes": frame_bytes, "run.frames": FRAMES, **dict.fromkeys(BATCHES, batch),
        }  # fmt: skip
        config = load_config(CONFIGS / "sriov_ideal.yaml", changes)
        assert (config.pcie.tags, config.pcie.max_read_request_bytes) == (256, READ_REQUEST)
        expected = closed_form_gbps(generation, lanes, frame_bytes, payload, batch)
        assert limits(config).gbps == pytest.approx(expected, rel=1e-9)
        result = simulate(config)
        frames = result.window.vm_frames
        assert frames >= 10_000
        assert 0.99 * expected <= result.totals.gbps <= 1.002 * expected, frame_bytes
        up, down = link_bytes(frame_bytes, payload, batch)
        for use, n_bytes in ((result.pcie.up, up), (result.pcie.down, down)):
            carried = sum(asdict(use.bytes).values()) - use.bytes.skp
            assert carried / frames == pytest.approx(float(n_bytes), rel=0.005), frame_bytes


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
