"""What the closed form says of a configuration without a run: at most this throughput, at least this latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic import Limits, limits
from hwmodel.config import config_from_mapping
from hwmodel.explore.sizing.targets import Target

if TYPE_CHECKING:
    from hwmodel.config import Config

# Buffers are not among the ceilings (docs/pcie.md): they set how bursts are borne. Of rings batches take a part.
OUTSIDE_THE_CLOSED_FORM = frozenset((
    "nic.tx_buffer", "nic.rx_buffer", "switch.queue_bytes", "nic.writeback_timeout", "nic.drop_enable",
    "pcie.arbitration", "workload.on_full",
))  # fmt: skip
# The frame alone has all batches 1, and the rings to itself.
OUTSIDE_THE_FLOOR = OUTSIDE_THE_CLOSED_FORM | {
    "nic.tx_ring", "nic.rx_ring", "nic.descriptor_cache", "nic.queues_per_vf", "nic.fetch_batch", "nic.rx_fetch_batch",
    "nic.tx_writeback_batch", "nic.rx_writeback_batch", "driver.tx_doorbell_batch", "driver.refill_batch",
}  # fmt: skip
# Patterns whose frames all take the way of the first one.
_ALIKE = ("pairs", "ring", "uniform")
# A frame among others may save an interrupt or a doorbell of its own; a bound that is nearer than that is no bound.
SLACK = 0.02


@dataclass(frozen=True)
class Bounds:
    """Hold what no run can better: `figures` by target, and the resource that sets the throughput."""

    figures: Mapping[str, float]
    limited_by: str

    def missed(self, targets: Sequence[Target]) -> tuple[str, ...]:
        """Return the targets that are out of reach."""
        return tuple(
            target.metric
            for target in targets
            if target.metric in self.figures
            and target.margin(self.figures[target.metric]) < -(SLACK if target.is_latency else 0)
        )


def bounds_of(config: Config, targets: Sequence[Target]) -> Bounds:
    """Bound a configuration's throughput from above and, where that is safe, its latency from below.

    Exact but for the throughput's means: docs/pcie.md says what the closed form leaves out, all of which costs more.
    """
    found = limits(config)
    figures = {"gbps": found.gbps, "mpps": found.mpps}
    if any(target.is_latency for target in targets):
        floor_ns = latency_floor_ns(config, found)
        if floor_ns is not None:
            # Of several lengths it is the mean, which says nothing of a percentile.
            metrics = ("mean", "max") if len(found.sizes) > 1 else ("mean", "p50", "p99", "p999", "max")
            figures |= dict.fromkeys(metrics, floor_ns)
    return Bounds(figures, found.limited_by)


def latency_floor_ns(config: Config, found: Limits) -> float | None:
    """Return the time of a frame alone with all batches 1, which no frame betters; None where some might.

    Those are frames on another way than the first flow's, and reads that are sooner answered than in the mean.
    """
    workload, host = config.workload, config.host
    takes_one_way = workload.pattern in _ALIKE and workload.external is None and not workload.wire_share
    if not takes_one_way or config.bridge is not None or config.bridges or config.servers:
        return None
    if host.cache is not None and not host.cache.warm:
        return None
    if host.jitter.kind != "fixed":
        found = limits(config_from_mapping(config.resolved(), {"host.jitter": {"kind": "fixed"}}))
    return found.unloaded_latency_ns
