"""Schedulers and rate limits of the engine beside the SimPy model: each journey, to the femtosecond."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import GUESTS, IMIX, PF, VF0, check_same_journeys, poisson, run_both, window_of
from tests.test_against_simpy import LONG_FRAMES

WEIGHTS = {"pf": 2, "vf0": 3, "vf1": 1, "vf2": 7, "vf3": 2}
LEAST = {"pf": "50Mbps", "vf1": "700.003Mbps", "vf2": "120.007Mbps"}
LIMITS = {"pf": "900Mbps", "vf0": "2Gbps", "vf1": "333Mbps", "vf3": "1.7Gbps"}
SIZES = (*IMIX, 9018)


def ports(*, weights: bool = False, limits: bool = False, least: bool = False) -> dict[str, Any]:
    """Return stations with weights, rate limits, guarantees, or some of these, that take long frames."""
    stations = [dict(each) for each in LONG_FRAMES["switch.ports"]]
    for each in stations:
        if weights:
            each["weight"] = WEIGHTS[each["name"]]
        if limits and each["name"] in LIMITS:
            each["rate_limit"] = LIMITS[each["name"]]
        if least and each["name"] in LEAST:
            each["min_rate"] = "333Mbps" if limits and each["name"] == "vf1" else LEAST[each["name"]]
    return {"switch.ports": stations}


CROWDED = {"pcie.lanes": 2, "nic.tx_buffer": "12KiB", "nic.rx_ring": 512, "nic.tx_ring": 128}
CASES: Mapping[str, Mapping[str, Any]] = {
    "weighted": {"switch.scheduler": "weighted", **ports(weights=True), **CROWDED},
    "deficit": {"switch.scheduler": "deficit", **ports(weights=True), **CROWDED},
    "strict": {"switch.scheduler": "strict", **ports(), **CROWDED},
    "round robin, limits": {**ports(limits=True), **CROWDED, "pcie.lanes": 4},
    "limits, a small window": {**ports(limits=True), **CROWDED, "pcie.lanes": 4, "nic.rate_limit_window": "100B"},
    "weighted, limits": {"switch.scheduler": "weighted", **ports(weights=True, limits=True), **CROWDED},
    "deficit, limits": {"switch.scheduler": "deficit", **ports(weights=True, limits=True), **CROWDED},
    "strict, limits": {"switch.scheduler": "strict", **ports(limits=True), **CROWDED},
    "two queues, weighted": {
        "switch.scheduler": "weighted", "nic.queues_per_vf": 2, **ports(weights=True, limits=True), **CROWDED,
    },
    "two queues, deficit": {"switch.scheduler": "deficit", "nic.queues_per_vf": 2, **ports(weights=True), **CROWDED},
    "guarantees": {**ports(least=True), **CROWDED},
    "guarantees, weighted": {"switch.scheduler": "weighted", **ports(weights=True, least=True), **CROWDED},
    "guarantees, deficit, two queues": {
        "switch.scheduler": "deficit", "nic.queues_per_vf": 2, **ports(weights=True, least=True), **CROWDED,
    },
    "guarantees, strict, limits": {"switch.scheduler": "strict", **ports(limits=True, least=True), **CROWDED},
    "guarantees, clocks apart": {**ports(least=True), **CROWDED, "run.clocks": "80ppm"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_same_frames_go_next(name: str, tmp_path: Path) -> None:
    load = poisson(600, 1500, SIZES, senders=(PF, VF0, *GUESTS), receivers=GUESTS)
    both = run_both(tmp_path, {**CASES[name], **window_of(load)}, load)
    assert both.result.latency_ns.mean > 15_000, "nothing waits"
    check_same_journeys(both, at_least=200)
