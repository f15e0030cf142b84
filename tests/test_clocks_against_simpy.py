"""Clocks, phases and early refills beside the SimPy model, whose draws are made in `oracle_clocks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from tests.engine_and_oracle import check_same_journeys, run_both
from tests.test_against_simpy import WIRE_TOO, poisson, window_of

JITTER = {"kind": "uniform", "range": "120ns"}
CASES: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "40 ppm": (poisson(3000, 700), {"run.clocks": "40ppm"}),
    "shared cores, jitter": (
        poisson(3000, 600, receivers=WIRE_TOO),
        {"run.clocks": "1000ppm", "run.seed": 7, "driver.refill_batch": 13, "host.cores": 2, "host.jitter": JITTER},
    ),
    "moderated, jumbo frames": (
        poisson(1500, 3000, (64, 1518, 9000)),
        {"run.clocks": "300ppm", "run.seed": 11, "driver.moderation": "20us", "driver.rx_interrupt_batch": 0,
         "nic.queues_per_vf": 2, "host.buffer_bytes": "2KiB", "driver.wakeup_time": "300.3ns",
         "switch.ports": [{"name": name, "max_frame": "9728B"} for name in ("vf0", "vf1", "vf2", "vf3")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["40 ppm", *(pytest.param(name, marks=pytest.mark.slow) for name in list(CASES)[1:])])
def test_the_same_course_by_the_same_clocks(tmp_path, name):
    load, changes = CASES[name]
    both = run_both(tmp_path, {**window_of(load), **changes}, load)
    check_same_journeys(both)
    engine, oracle = asdict(both.engine), asdict(both.oracle)
    del engine["wire_wait_ns"], oracle["wire_wait_ns"]  # by the start of a transmission here, by its end there
    for figure, found in engine.items():
        assert found == pytest.approx(oracle[figure], rel=1e-9), figure


def test_a_clock_that_the_other_model_does_not_have_is_seen(tmp_path, monkeypatch):
    load, changes = CASES["40 ppm"]
    monkeypatch.setattr("tests.engine_and_oracle.with_clocks", lambda parameters, *_: parameters)
    both = run_both(tmp_path, {**window_of(load), **changes}, load)
    with pytest.raises(AssertionError):
        check_same_journeys(both)
