"""The configuration of the worked examples: Gen2 x4, MPS 256, MRRS 512, all eight batches 8, no timers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwmodel.config import Config, config_from_mapping

DEMO: Mapping[str, Mapping[str, Any]] = {
    "pcie": {
        "generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B", "tags": 32,
        "read_completion_boundary": "64B", "dllp_model": "tlp4",
    },
    "host": {"read_latency": "450ns", "completion_bytes": "mps"},
    "nic": {
        "preset": "82599", "strict": None, "vfs": 8, "fetch_batch": 8, "rx_fetch_batch": 8, "tx_writeback_batch": 8,
        "rx_writeback_batch": 8, "writeback_timeout": None, "max_pps": None,
    },
    "driver": {
        "preset": None, "tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 8,
        "tx_interrupt_batch": 8, "moderation": "0us",
    },
    "workload": {"pattern": "pairs", "frame_bytes": 1518, "load": "saturate"},
}  # fmt: skip

BATCH_KEYS = (
    "nic.fetch_batch", "nic.rx_fetch_batch", "nic.tx_writeback_batch", "nic.rx_writeback_batch",
    "driver.tx_doorbell_batch", "driver.refill_batch", "driver.rx_interrupt_batch", "driver.tx_interrupt_batch",
)  # fmt: skip


def demo(changes: Mapping[str, Any] | None = None, batch: int | None = None) -> Config:
    """Give the configuration with some dotted keys changed, all eight batches among them if `batch` is given."""
    overrides = {key: batch for key in BATCH_KEYS} if batch is not None else {}
    return config_from_mapping(DEMO, {**overrides, **(changes or {})})
