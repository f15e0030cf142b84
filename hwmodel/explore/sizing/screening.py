"""Rule out by the closed form: few evaluations, each of which also speaks for the candidates beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwmodel.analytic import Limits, limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.explore.sizing.sizing_file import Sizing
from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.targets import LATENCIES, Estimate, Target

if TYPE_CHECKING:
    from hwmodel.config import Config

# Buffers but the Tx buffer are not among the ceilings (docs/pcie.md): they set how bursts are borne. Of rings batches
# take a part.
OUTSIDE_THE_CLOSED_FORM = frozenset((
    "nic.rx_buffer", "switch.queue_bytes", "nic.writeback_timeout", "nic.drop_enable", "pcie.arbitration",
    "workload.on_full",
))  # fmt: skip
# The frame alone has all batches 1, and the rings to itself.
OUTSIDE_THE_FLOOR = OUTSIDE_THE_CLOSED_FORM | {
    "nic.tx_ring", "nic.rx_ring", "nic.descriptor_cache", "nic.queues_per_vf", "nic.fetch_batch", "nic.rx_fetch_batch",
    "nic.tx_buffer", "nic.tx_writeback_batch", "nic.rx_writeback_batch", "driver.tx_doorbell_batch",
    "driver.refill_batch",
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


# ---- Which candidates are left ----


# Each takes some 15 ms; what is left is asked one by one before it would be simulated.
MOST_AT_ONCE = 300
# A run is better than the closed form allows where it is so by more than its interval and this share.
_BEYOND = 0.01


@dataclass
class Screening:
    """Hold what the closed form has ruled out: `missed` by it, `invalid` where there is no such configuration.

    `unknown`: it was not asked about a candidate, nor does one that it was asked about settle it.
    `known`: the bounds of each candidate that was asked about, None where the closed form has nothing to say.
    `shortfall`: by how much it puts a candidate, or one that speaks for it, beyond a bound. `refuted`: targets of which
    a run was better than the closed form allows; by these it rules out nothing more.
    """

    sizing: Sizing
    space: Space
    invalid: Flags = field(init=False)
    unknown: Flags = field(init=False)
    shortfall: npt.NDArray[np.float64] = field(init=False)
    refuted: set[str] = field(default_factory=set)
    known: dict[Candidate, Bounds | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.invalid, self.unknown = self.space.flags(), ~self.space.flags()
        self.shortfall = np.zeros(self.space.shape)
        self._resource = np.zeros(self.space.shape, np.int64)  # a place in `_resources`; 0: none
        self._resources = [""]
        self._missed = {target.metric: self.space.flags() for target in self.sizing.targets}
        self._free = self._axes_of(OUTSIDE_THE_CLOSED_FORM)
        self._free_of_latency = self._axes_of(OUTSIDE_THE_FLOOR)

    @property
    def missed(self) -> Flags:
        """Return what the closed form rules out, by targets of which no run has refuted it."""
        found = self.space.flags()
        for metric, flags in self._missed.items():
            if metric not in self.refuted:
                found |= flags
        return found

    def ruled_by(self, candidate: Candidate) -> str:
        """Return the resource by which the closed form rules a candidate out; empty where it does not."""
        return self._resources[int(self._resource[candidate])]

    def learn(self, candidate: Candidate, estimates: Sequence[Estimate]) -> None:
        """Compare what a candidate's runs gave with what the closed form allows."""
        bounds = self.bounds(candidate)
        if bounds is None:
            return
        for target, found in zip(self.sizing.targets, estimates, strict=False):
            if found.mean is not None and _is_beyond(target, found, bounds):
                self.refuted.add(target.metric)

    def find_cheapest(self, alive: Flags) -> None:
        """Ask until it is known which of some candidates is the cheapest that is left, or MOST_AT_ONCE times.

        What costs more than one that is left need not be asked about for that.
        """
        for _ in range(MOST_AT_ONCE):
            left = alive & ~(self.missed | self.invalid)
            known = left & ~self.unknown
            cheapest = self.space.rank[known].min() if known.any() else len(self.space)
            open_ones = left & self.unknown & (self.space.rank < cheapest)
            if not open_ones.any():
                return
            self.ask(self.space.middle(open_ones))

    def ask(self, candidate: Candidate) -> bool:
        """Tell whether the closed form leaves a candidate in the running, and mark what follows for others."""
        if self.unknown[candidate]:
            self._mark(candidate, self.bounds(candidate))
        return not (self.missed[candidate] or self.invalid[candidate])

    def bounds(self, candidate: Candidate) -> Bounds | None:
        """Return a candidate's bounds, None where there is no such configuration or nothing is known of it."""
        if candidate not in self.known:
            self.known[candidate] = self._bounds(candidate)
        return self.known[candidate]

    def _bounds(self, candidate: Candidate) -> Bounds | None:
        try:
            config = self.sizing.config(candidate)
        except InputError:
            self.invalid[candidate] = True
            return None
        try:
            return bounds_of(config, self.sizing.targets)
        except InputError:  # a load that the closed form does not know
            return None

    def _mark(self, candidate: Candidate, bounds: Bounds | None) -> None:
        self.unknown[candidate] = False
        if bounds is None:
            return
        missed = bounds.missed(self.sizing.targets)
        for metric in missed:
            free = self._free_of_latency if metric in LATENCIES else self._free
            beside = self.space.no_better(candidate, self.space.axes([metric]), free)
            self._missed[metric][beside], self.unknown[beside] = True, False
            target = next(target for target in self.sizing.targets if target.metric == metric)
            short = -target.margin(bounds.figures[metric])
            np.maximum(self.shortfall[beside], short, out=self.shortfall[beside])
            self._resource[beside] = self._number(bounds.limited_by)
        if not missed:
            metrics = {target.metric for target in self.sizing.targets if target.metric in bounds.figures}
            axes = self.space.axes(metrics)
            if metrics & set(LATENCIES):
                axes |= self.space.axes(metrics - set(LATENCIES)) & self._free_of_latency
            self.unknown[self.space.no_worse(candidate, axes, self._free)] = False

    def _number(self, resource: str) -> int:
        if resource not in self._resources:
            self._resources.append(resource)
        return self._resources.index(resource)

    def _axes_of(self, keys: Set[str]) -> frozenset[int]:
        return frozenset(axis for axis, knob in enumerate(self.space.knobs) if knob.key in keys)


def _is_beyond(target: Target, found: Estimate, bounds: Bounds) -> bool:
    bound = bounds.figures.get(target.metric)
    if bound is None or found.mean is None:
        return False
    if target.is_least:
        return found.mean - found.half > bound * (1 + _BEYOND)
    return found.mean + found.half < bound * (1 - SLACK)
