"""What the SimPy model is told of sends that an adapter cuts, and of receives that it puts together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwmodel.config import Config


def sends_of(config: Config) -> dict[str, Any]:
    """Return the parameters of sends that the adapter cuts, and of receives that it puts together."""
    workload, rsc = config.workload, config.nic.rsc
    return {
        "mss_bytes": workload.mss_bytes if workload.segment_bytes else 0,
        "segment_bytes": workload.segment_bytes or 0,
        "header_bytes": workload.header_bytes or 0,
        "rsc_descriptors": rsc.descriptors if rsc else 0,
        "rsc_timeout_fs": rsc.timeout_fs if rsc else 0,
    }
