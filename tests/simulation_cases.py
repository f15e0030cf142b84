"""What the tests of the simulation share: short runs of a small adapter.

Unless a test says otherwise: PCI Express Gen2 x4, no device preset, two VFs that send each other frames of 64 B, all
batches 1, polling, 20 ns for a frame in the driver.
"""

from __future__ import annotations

from typing import Any

from hwmodel.config import Config, config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate

DEFAULTS: dict[str, dict[str, Any]] = {
    "nic": {
        "preset": None,
        "vfs": 2,
        "tx_ring": 64,
        "rx_ring": 64,
        "fetch_batch": 1,
        "rx_fetch_batch": 1,
        "rx_prefetch": 8,
        "tx_writeback_batch": 1,
        "rx_writeback_batch": 1,
        "writeback_timeout": None,
    },
    "driver": {
        "preset": None,
        "tx_doorbell_batch": 1,
        "refill_batch": 1,
        "rx_interrupt_batch": 0,
        "tx_interrupt_batch": 0,
        "frame_time": "20ns",
    },
    "workload": {"pattern": "pairs", "frame_bytes": 64},
    "run": {"warmup": "0ns", "duration": "100us"},
}


def config_of(**blocks: dict[str, Any]) -> Config:
    """Return a configuration: the defaults above, changed by the blocks given, key by key."""
    merged = {name: {**DEFAULTS.get(name, {}), **blocks.get(name, {})} for name in {*DEFAULTS, *blocks}}
    return config_from_mapping(merged)


def simulated(**blocks: dict[str, Any]) -> Result:
    """Run such a configuration."""
    return simulate(config_of(**blocks))
