"""Poisson arrivals at a wire that is the only narrow place: waits as queueing theory has them.

The wire is an M/D/1 queue, with mixed sizes an M/G/1 queue (L. Kleinrock, Queueing Systems, volume 1, chapter 5). All
before it is more than ten times as wide; constant servers before a slower one only take part of its wait (B.
Avi-Itzhak, Operations Research 13(3), 1965), here less than 0.2 % of it.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import exp, factorial
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from tests.run_cases import measured

# The fuller the wire, the longer a frame's wait is like that of the one before it.
FRAMES = {0.5: 1_000_000, 0.8: 2_000_000, 0.9: 4_000_000}
BASE = {
    "pcie": {"generation": 3, "lanes": 32, "max_payload": "4KiB", "max_read_request": "4KiB", "tags": 256,
             "dllp_model": "none"},
    "host": {"read_latency": "100ns"},
    # Room for all that waits for the wire, so that no wait is moved to a place before it.
    "nic": {"preset": None, "vfs": 8, "tx_ring": 16384, "fetch_batch": 1, "tx_writeback_batch": 8,
            "writeback_timeout": None, "tx_buffer": "64MiB", "max_pps": None},
    "driver": {"preset": None, "tx_doorbell_batch": 1, "tx_interrupt_batch": 0, "frame_time": "1ns"},
    "port": {"rate": "10Gbps"},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518, "arrivals": "poisson"},
    "run": {"warmup": "10ms", "duration": "100s", "seed": 1},
}  # fmt: skip

NS_A_BYTE = 0.8  # 10 Gb/s
SERVICE_NS = (1518 + 20) * NS_A_BYTE

slow = pytest.mark.slow


@cache
def at_load(load: float) -> Result:
    return measured_at(load, {})


def measured_at(load: float, changes: dict[str, Any]) -> Result:
    changes = {**changes, "workload.load": load, "run.frames": FRAMES[load]}
    result = measured(config_from_mapping(BASE, changes))
    assert max(share for name, share in result.utilization.items() if name != "wire.tx") < 0.1
    assert result.totals.dropped_frames == 0
    assert result.queues["tx_buffer"].max < 60 << 20
    assert result.queues["tx_ring"].max < 16000
    assert result.wire.wait_ns.count >= FRAMES[load] - 1  # the window may open while a frame is on the wire
    return result


def share_that_waits_at_most(wait_ns: float, load: float) -> float:
    """Return the distribution function of an M/D/1 queue's wait (A. K. Erlang 1909, C. D. Crommelin 1932).

    Its terms alternate and are far larger than their sum, hence the many digits.
    """
    with localcontext() as digits:
        digits.prec = 120
        service, rate, wait = Decimal(SERVICE_NS), Decimal(load) / Decimal(SERVICE_NS), Decimal(wait_ns)
        total = Decimal(0)
        for k in range(int(wait / service) + 1):
            exponent = rate * (k * service - wait)
            total += exponent**k / factorial(k) * (-exponent).exp() if k else (-exponent).exp()
        return float((1 - Decimal(load)) * total)


def test_the_distribution_function():
    # No wait with 1 - load; then exp(load * x) rises from there, x in service times below 1.
    assert share_that_waits_at_most(0, 0.8) == pytest.approx(0.2)
    assert share_that_waits_at_most(SERVICE_NS / 2, 0.8) == pytest.approx(0.2 * exp(0.4))
    # One step beyond: exp(2 rho) - rho * exp(rho) at two service times, in the limit from below.
    assert share_that_waits_at_most(1.999999 * SERVICE_NS, 0.5) == pytest.approx(
        0.5 * (exp(1) - 0.5 * exp(0.5)), rel=1e-5
    )
    assert share_that_waits_at_most(60 * SERVICE_NS, 0.9) == pytest.approx(1, abs=1e-4)


@slow
@pytest.mark.parametrize("load", FRAMES)
def test_mean_wait(load):
    result = at_load(load)
    assert result.wire.utilization == pytest.approx(load, rel=0.005)
    assert result.wire.wait_ns.mean == pytest.approx(load / (2 * (1 - load)) * SERVICE_NS, rel=0.03)


@slow
@pytest.mark.parametrize("load", FRAMES)
def test_mean_number_waiting_and_on_the_wire(load):
    # Little's law: arrivals a second times wait and service.
    expected = load * load / (2 * (1 - load)) + load
    assert at_load(load).queues["wire"].mean == pytest.approx(expected, rel=0.03)


@slow
@pytest.mark.parametrize("load", FRAMES)
@pytest.mark.parametrize("share", [0.5, 0.99, 0.999])
def test_percentiles_of_the_wait(load, share):
    wait = at_load(load).wire.wait_ns
    found_ns = {0.5: wait.p50, 0.99: wait.p99, 0.999: wait.p999}[share]
    # So many frames measure a tail's probability within a few per cent of itself.
    assert 1 - share_that_waits_at_most(found_ns, load) == pytest.approx(1 - share, rel=0.15 if share > 0.9 else 0.03)


@slow
@pytest.mark.parametrize("load", FRAMES)
def test_every_sender_has_its_share(load):
    result = at_load(load)
    sent = [vm.tx_gbps for vm in result.vms]
    assert len(sent) == 8
    assert sent == pytest.approx([10 * load * 1518 / 1538 / 8] * 8, rel=0.01)


@slow
def test_mixed_sizes():
    sizes = {64: 7, 570: 4, 1518: 1}
    load = 0.8
    changes = {"workload.frame_bytes": None, "workload.sizes": [list(item) for item in sizes.items()]}
    result = measured_at(load, changes)
    weights = sum(sizes.values())
    first, second = (
        float(
            sum(
                Fraction(weight, weights) * ((n_bytes + 20) * Fraction(4, 5)) ** power
                for n_bytes, weight in sizes.items()
            )
        )
        for power in (1, 2)
    )
    # Pollaczek and Khinchine: frames a nanosecond times the mean square of the service over 2 (1 - load).
    expected_ns = load / first * second / (2 * (1 - load))
    assert result.wire.utilization == pytest.approx(load, rel=0.005)
    assert result.wire.wait_ns.mean == pytest.approx(expected_ns, rel=0.03)
