"""Whole runs as plain Python: with compilation off, the same kernels must give the same result, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hwmodel.config import load_config
from hwmodel.simulation import simulate
from tests.config_cases import CONFIGS, ROOT

DEMO = CONFIGS / "sriov_10g_gen2x4.yaml"
SHORT = {"run.warmup": "20us", "run.duration": "250us", "nic.vfs": 4}

RUNS = {
    "saturated": {},
    "timers, credits, jitter": {
        "workload.load": 0.8, "nic.writeback_timeout": "3us", "driver.moderation": "5us", "host.jitter.kind": "uniform",
        "host.jitter.range": "700ns", "pcie.credits.ph": 8, "pcie.credits.cpld": 64, "pcie.propagation": "20ns",
        "host.write_drain": "40Gbps",
    },
    "bursts, sizes, wire": {
        "workload.load": 1.5, "workload.arrivals": "on_off", "workload.peak_rate": "8Gbps", "workload.wire_share": 0.4,
        "workload.frame_bytes": None, "workload.sizes": [[64, 7], [570, 4], [1518, 1]], "workload.on_full": "drop",
        "workload.external": {"rate": "3Gbps"}, "nic.tx_ring": 64, "nic.rx_buffer": "4KiB",
        "nic.writeback_timeout": "9us",
    },
    "groups, rates, stores": {
        "workload.pattern": "broadcast", "workload.load": "3Gbps", "nic.store_rate": "20Gbps", "nic.max_pps": 900_000,
        "switch.scheduler": "deficit", "switch.ports.vf0.rate_limit": "500Mbps", "nic.queues_per_vf": 2,
        "nic.writeback_timeout": "2us",
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_interpreted_as_compiled(name):
    changes = {**SHORT, **RUNS[name]}
    compiled = simulate(load_config(DEMO, changes))
    assert compiled.totals.delivered_frames > 90
    code = (
        "import sys; from hwmodel.config import load_config; from hwmodel.simulation import simulate;"
        f"print(simulate(load_config({str(DEMO)!r}, {changes!r})).to_json(include_host_run=False))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == compiled.to_json(include_host_run=False).strip()
