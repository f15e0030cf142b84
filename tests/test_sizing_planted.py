"""Sizings whose answer is known by hand are found, with real runs and few of them.

What a frame takes of each resource is worked out here from docs/pcie.md, apart from hwmodel/analytic/.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

import hwmodel

BATCH = 8
SKP = 1534 / 1538  # of Gen1 and Gen2 what is left beside the clock's SKP sets
ALL_BY_EIGHT = {
    "pcie": {"generation": 2, "lanes": 4, "dllp_model": "tlp4"},
    "nic": {
        "preset": None, "vfs": 2, "fetch_batch": 8, "rx_fetch_batch": 8, "rx_prefetch": 8, "tx_writeback_batch": 8,
        "rx_writeback_batch": 8, "writeback_timeout": None, "tx_ring": 64, "rx_ring": 64, "descriptor_cache": 64,
        "tx_buffer": "16KiB", "rx_buffer": "16KiB",
    },
    "driver": {
        "preset": None, "tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 8, "tx_interrupt_batch": 8,
        "moderation": "0us", "frame_time": "1ns",
    },
    "workload": {"frame_bytes": 1518},
    "run": {"duration": "1ms", "warmup": "200us"},
}  # fmt: skip
POLLED = {
    "nic": {"fetch_batch": 1, "tx_writeback_batch": 1, "rx_writeback_batch": 1},
    "driver": {"rx_interrupt_batch": 0, "tx_interrupt_batch": 0, "tx_doorbell_batch": 1},
}


def link_gbps(frame_bytes: int, lanes: int, generation: int = 2, mps: int = 256, mrrs: int = 512) -> float:
    """Return what VMs get from each other over the fuller direction: both are summed by hand in docs/pcie.md."""
    payload = math.ceil((frame_bytes - 4) / 4) * 4
    writes, reads = math.ceil((frame_bytes - 4) / mps), math.ceil((frame_bytes - 4) / mrrs)
    completions = sum(math.ceil(min(mrrs, frame_bytes - 4 - at) / mps) for at in range(0, frame_bytes - 4, mrrs))
    descriptor_writes = math.ceil(16 * BATCH / mps) / BATCH
    down_tlps = completions + 2 * descriptor_writes + 2 / BATCH
    up_tlps = writes + reads + 2 / BATCH + 2 * descriptor_writes + 2 / BATCH
    up = payload + 24 * (writes + reads) + 2 * 24 / BATCH + 2 * (24 * descriptor_writes + 16) + 2 * 28 / BATCH
    down = payload + 20 * completions + 2 * (20 * descriptor_writes + 16) + 2 * 28 / BATCH
    fuller = max(up + 4 * down_tlps, down + 4 * up_tlps)
    return {1: 2.0, 2: 4.0}[generation] * lanes * SKP * frame_bytes / fuller


def wire_gbps(rate: str, frame_bytes: int) -> float:
    return float(rate.removesuffix("Gbps")) * frame_bytes / (frame_bytes + 20)


class Case(NamedTuple):
    """A sizing, and by hand the figure that a choice of the knobs gives."""

    target: Mapping[str, Any]
    knobs: Mapping[str, Mapping[str, Any]]
    figure: Callable[..., float]
    more: Mapping[str, Any] = {}
    load: Mapping[str, Any] = {}


LANES = {"values": [1, 2, 4, 8], "cost": 4}
CASES = {
    "lanes": Case({"gbps": 10}, {"pcie.lanes": LANES}, lambda lanes: link_gbps(1518, lanes)),
    "lanes or generation": Case(
        {"mpps": 3.4},
        {"pcie.lanes": LANES, "pcie.generation": {"values": [1, 2], "costs": [0, 5]}},
        lambda lanes, generation: link_gbps(256, lanes, generation) / 256 / 8 * 1e3,
        {"workload.frame_bytes": 256},
    ),
    "lanes or payload": Case(
        {"gbps": 13.7},
        {"pcie.lanes": LANES, "pcie.max_payload": {"values": ["128B", "256B", "512B"], "costs": [0, 1, 3]}},
        lambda lanes, mps: link_gbps(1518, lanes, mps=int(mps[:-1])),
    ),
    "lanes or read requests": Case(
        {"gbps": 13.5},
        {"pcie.lanes": LANES, "pcie.max_read_request": {"values": ["256B", "512B", "1024B", "2048B"], "cost": 0.001}},
        lambda lanes, mrrs: link_gbps(1518, lanes, mrrs=int(mrrs[:-1])),
    ),
    "port": Case(
        {"gbps": 9.5},
        {"port.rate": {"values": ["1Gbps", "10Gbps", "25Gbps", "40Gbps"], "cost": 1}},
        lambda rate: min(wire_gbps(rate, 1518), link_gbps(1518, 8)),
        {"workload.pattern": "to_wire", "pcie.lanes": 8},
    ),
    "port and lanes": Case(
        {"gbps": 9.5},
        {"port.rate": {"values": ["1Gbps", "10Gbps", "25Gbps"], "cost": 1}, "pcie.lanes": LANES},
        # Only reads cross the link, and what they take is far from the target at each width but one.
        lambda rate, lanes: min(wire_gbps(rate, 1518), 3.6 * lanes),
        {"workload.pattern": "to_wire"},
    ),
    "pipeline": Case(
        {"mpps": 0.9},
        {"nic.max_pps": {"values": [250000, 500000, 1000000, 2000000], "cost": 0.001}},
        lambda pps: min(pps / 1e6, link_gbps(1518, 4) / 1518 / 8 * 1e3),
    ),
    "switch clock": Case(
        {"gbps": 9},
        {"switch.clock": {"values": ["5MHz", "10MHz", "20MHz", "40MHz"], "cost": 1}},
        lambda clock: min(float(clock[:-3]) * 1e-3 / math.ceil(1514 * 8 / 512) * 1518 * 8, link_gbps(1518, 4)),
        {"switch.timing": "core", "switch.bus_bits": 512},
    ),
    "cores": Case(
        {"mpps": 0.7},
        {"host.cores": {"values": [1, 2, 4], "cost": 1}},
        # Four guests, each sends and receives as much: 2 us of work a frame.
        lambda cores: min(cores / 2, link_gbps(1518, 4) / 1518 / 8 * 1e3),
        {"driver.frame_time": "1us", "nic.vfs": 4},
    ),
    "latency": Case(
        {"p50": "1.1us"},
        {"pcie.lanes": LANES},
        # docs/pcie.md, one frame alone: 316 B and twice the host's answer; as a rate, for a bound from below.
        lambda lanes: -(316 / (0.5 * lanes * SKP) + 900) / 1e3,
        {"workload.frame_bytes": 64, "workload.load": "20Mbps", "workload.arrivals": "periodic"}
        | {f"{block}.{key}": value for block, keys in POLLED.items() for key, value in keys.items()},
    ),
    "two targets": Case(
        {"gbps": 6, "p99": "200us", "loss": 0},
        {
            "pcie.lanes": {"values": [1, 2, 4, 8], "costs": [3, 4, 9, 11]},
            "nic.rx_ring": {"values": [64, 128], "cost": 0.01},
        },
        lambda lanes, _ring: link_gbps(1518, lanes),
    ),
}  # fmt: skip


def by_hand(case: Case) -> tuple[dict[str, Any], float]:
    """Return the cheapest choice whose figure by hand reaches the first target, and its cost."""
    metric, bound = next(iter(case.target.items()))
    least = -float(str(bound).removesuffix("us")) if metric.startswith("p") else float(bound)
    choices = []
    for values in itertools.product(*(knob["values"] for knob in case.knobs.values())):
        cost = sum(
            knob["costs"][knob["values"].index(value)] if "costs" in knob else knob["cost"] * number(value)
            for knob, value in zip(case.knobs.values(), values, strict=True)
        )
        if case.figure(*values) >= least:
            choices.append((cost, values))
    cost, values = min(choices)
    return dict(zip(case.knobs, values, strict=True)), cost


def number(value: Any) -> float:
    return float(str(value).rstrip("GMKibpsHzB"))


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", CASES)
def test_the_cheapest_is_found(name):
    case = CASES[name]
    sizing = {"base": ALL_BY_EIGHT, "set": dict(case.more), "target": case.target, "knobs": case.knobs, "repeats": 2}
    found = hwmodel.size(sizing)
    best, cost = by_hand(case)
    assert found.best == best
    assert found.cost == pytest.approx(cost)
    assert found.simulations <= 40
    assert found.is_cheapest
    assert found.confidence > 0.5
    assert found.answer.is_met and found.margin >= 0
