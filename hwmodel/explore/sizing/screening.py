"""Rule candidates out by the closed form; each evaluation also covers its monotone neighbours, so few are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hwmodel.analytic import Limits, limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.explore.sizing.sizing_file import Sizing
from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.targets import LATENCIES, Estimate, Target

# Keys that do not change the ceilings: buffers but `nic.tx_buffer` only set how bursts are absorbed (docs/pcie.md).
# Rings are not listed: they limit batches.
OUTSIDE_THE_CLOSED_FORM = frozenset((
    "nic.rx_buffer", "switch.queue_bytes", "nic.writeback_timeout", "nic.drop_enable", "pcie.arbitration",
    "workload.on_full",
))  # fmt: skip
# Keys that the lone frame's latency does not depend on: all its batches are 1, and it has the rings to itself.
OUTSIDE_THE_FLOOR = OUTSIDE_THE_CLOSED_FORM | {
    "nic.tx_ring", "nic.rx_ring", "nic.descriptor_cache", "nic.queues_per_vf", "nic.fetch_batch", "nic.rx_fetch_batch",
    "nic.tx_buffer", "nic.tx_writeback_batch", "nic.rx_writeback_batch", "driver.tx_doorbell_batch",
    "driver.refill_batch",
}  # fmt: skip
# Patterns whose frames all take the same way as the first flow's.
_ALIKE = ("pairs", "ring", "uniform")
# A frame among others may share an interrupt or doorbell and so beat the floor by this share of the bound.
SLACK = 0.02


@dataclass(frozen=True)
class Bounds:
    """Hold what no run can exceed: `figures` by target, and the resource that sets the throughput."""

    figures: Mapping[str, float]
    limited_by: str

    def missed(self, targets: Sequence[Target]) -> tuple[str, ...]:
        """Return the targets that these bounds put out of reach."""
        return tuple(
            target.metric
            for target in targets
            if target.metric in self.figures
            and target.margin(self.figures[target.metric]) < -(SLACK if target.is_latency else 0)
        )


def bounds_of(config: Config, targets: Sequence[Target]) -> Bounds:
    """Bound a configuration's throughput from above and, where a safe floor is known, its latency from below.

    Approximated: throughput uses means only; whatever else the closed form leaves out (docs/pcie.md) only lowers it.
    """
    found = limits(config)
    figures = {"gbps": found.gbps, "mpps": found.mpps}
    if any(target.is_latency for target in targets):
        floor_ns = latency_floor_ns(config, found)
        if floor_ns is not None:
            # With several lengths the floor is a mean over them, which bounds no percentile.
            metrics = ("mean", "max") if len(found.sizes) > 1 else ("mean", "p50", "p99", "p999", "max")
            figures |= dict.fromkeys(metrics, floor_ns)
    return Bounds(figures, found.limited_by)


def latency_floor_ns(config: Config, found: Limits) -> float | None:
    """Return the lone frame's latency with all batches 1, if no frame can be faster; else None.

    Frames on other ways than the first flow's, and reads answered sooner than on average, could be faster.
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


# Each closed form takes some 15 ms; candidates left over are evaluated one by one before they are simulated.
MOST_AT_ONCE = 300
# A run refutes the closed form only if it exceeds the bound by more than its interval and this share.
_BEYOND = 0.01


@dataclass
class Screening:
    """Hold what the closed form has ruled out: `missed` by it, `invalid` where there is no such configuration.

    `unknown`: candidates not evaluated, nor settled by another one's evaluation. `known`: bounds by candidate
    evaluated, None where the closed form gives none. `shortfall`: by what share of the bound the closed form misses a
    target, for the candidate itself or one that settles it. `refuted`: targets in which a run exceeded the closed
    form's bound; these rule out nothing more.
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
        """Return the candidates that the closed form rules out, by targets that are not refuted."""
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
        """Evaluate until the cheapest candidate left of some is known, at most MOST_AT_ONCE times.

        Candidates that cost more than one known to be left need no evaluation.
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
        """Tell whether the closed form leaves a candidate in the running; mark what this settles for others."""
        if self.unknown[candidate]:
            self._mark(candidate, self.bounds(candidate))
        return not (self.missed[candidate] or self.invalid[candidate])

    def bounds(self, candidate: Candidate) -> Bounds | None:
        """Return a candidate's bounds; None if its configuration is invalid or the closed form does not cover it."""
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
        except InputError:  # a load that the closed form does not cover
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
