"""What the tests of sweeps share: a machine so small that a run takes milliseconds, and runs that take none."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwmodel.config import Config
from hwmodel.errors import RunError
from hwmodel.results import Result
from tests.sample_result import sample_result

BASE: dict[str, Any] = {
    "nic": {"vfs": 2, "rx_ring": 64, "tx_ring": 64},
    "driver": {"preset": "dpdk"},
    "workload": {"load": "1Gbps", "frame_bytes": 512},
    "run": {"warmup": "0ns", "frames": 100, "duration": "1ms", "clocks": "exact"},  # as in tests' own process
}
SWEEP: dict[str, Any] = {
    "base": BASE,
    "grid": {"pcie.lanes": [1, 2, 4], "workload.frame_bytes": {"from": 64, "to": 128, "times": 2}},
    "seeds": 2,
}
N_RUNS = 12


def written(folder: Path, text: str, name: str = "sweep.yaml") -> Path:
    """Write a sweep's file, with a small base beside it."""
    (folder / "base.yaml").write_text("nic: {vfs: 2}\nrun: {frames: 100, duration: 1ms}\n", encoding="utf-8")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def instead_of_a_run(config: Config) -> Result:
    """Return a result made up from the configuration; runs of four lanes with an even seed fail."""
    if config.pcie.lanes == 4 and config.run.seed % 2 == 0:
        raise RunError("four lanes and an even seed")
    result = _sample()
    gbps = config.pcie.lanes + config.workload.frame_bytes / 1000
    totals = replace(result.totals, gbps=gbps, mpps=config.run.seed / 7)
    return replace(result, config_hash=config.config_hash(), totals=totals)


@functools.cache
def _sample() -> Result:
    return sample_result()
