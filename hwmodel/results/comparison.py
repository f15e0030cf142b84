"""What `hwmodel compare` finds: the figures of each way in which VMs reach each other, and where they cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Any, ClassVar

from hwmodel.results.json_form import Finding
from hwmodel.results.result import Bottleneck, Latency, Result, Totals
from hwmodel.words.comparison_text import comparison_text, curves_text

ALIKE = 0.01  # two ways are alike whose throughputs differ by no more


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenPair:
    """Say what came of frames that policy forbids, in a run in which one VM sends them to another, and nobody else any.

    `forbidden_at`: "bridge" by its policy, "switch" by access list or VLANs of the adapter's switch, or the host's.
    `from_`, `to`: the VMs, `from` in JSON. `delivered`: frames that the receiver got, of `offered`, of which
    `in_flight` were under way at the end. `drops`: the others, by reason.
    """

    forbidden_at: str
    from_: str
    to: str
    offered: int
    delivered: int
    in_flight: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Return the frames of which the run saw what became."""
        return self.offered - self.in_flight


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """Hold what one way gives.

    `totals`, `bottleneck`, `warnings`: as a result has them. `latency_ns`, `latency_of`: from post to delivery, and of
    which direction's frames where there are several (`told_latency`). `gbps`: what VMs and the wire get
    together, frame bits with FCS, with its 95 % interval, None where the window has none. `cpu_cores`: kept busy by
    drivers, of guests or, with VMDq, of the hypervisor, and by a virtual switch. `pcie_bytes_per_frame`: of each
    frame delivered in the window, on all links, both directions, Acks and credits too; `wire_bytes_per_frame`: of
    each frame offered, by the closed form, on all adapters' wires, out and in, with preamble and gap;
    `memory_bytes_per_frame`: of each frame delivered, by the closed form, what adapters read and write in hosts' memory
    of payload, descriptors and write-backs, and twice each byte that a core copies. `policy_at`: where access lists and
    VLANs act on frames between VMs, "nic", "bridge" or "host"; `forbidden`: what came of pairs that policy forbids, one
    for each place that forbids some.
    """

    way: str
    totals: Totals
    gbps: float | None
    gbps_interval: tuple[float, float] | None = None
    latency_ns: Latency
    latency_of: str = ""
    cpu_cores: float
    gbps_per_core: float | None
    pcie_bytes_per_frame: float | None
    wire_bytes_per_frame: float | None
    memory_bytes_per_frame: float | None
    policy_at: str
    forbidden: tuple[ForbiddenPair, ...] = ()
    bottleneck: Bottleneck
    warnings: tuple[str, ...] = ()

    def lead_over(self, other: WayFigures) -> float:
        """Return by how many Gb/s more it gives than another way; 0 where both are alike, or one has no rate.

        Alike are ways that differ by no more than 1 % of the higher, or than chance makes likely.
        """
        if self.gbps is None or other.gbps is None or self.is_near(other):
            return 0.0
        lead = self.gbps - other.gbps
        return lead if abs(lead) > self.chance_beside(other) else 0.0

    def is_near(self, other: WayFigures) -> bool:
        """Tell whether the throughputs of two ways differ by no more than 1 % of the higher."""
        one, another = self.gbps or 0.0, other.gbps or 0.0
        return abs(one - another) <= ALIKE * max(one, another)

    def chance_beside(self, other: WayFigures) -> float:
        """Return up to which difference from another way's Gb/s chance makes likely, by both intervals."""
        return hypot(*((high - low) / 2 for low, high in filter(None, (self.gbps_interval, other.gbps_interval))))


def foremost(ways: Sequence[WayFigures]) -> tuple[WayFigures, ...]:
    """Return the ways that give most, with those that are alike with the one that does; none where no rate is known."""
    known = [each for each in ways if each.gbps is not None]
    best = max(known, key=lambda each: each.gbps or 0.0, default=None)
    return tuple(each for each in known if best is not None and not best.lead_over(each))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutWay:
    """Say why a way is not among those that were run."""

    way: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Finding):
    """Hold one configuration with each way that it allows.

    `results`: of each way its whole result, for a page; not in the JSON form. `config`: the configuration, resolved.
    """

    not_in_json: ClassVar[tuple[str, ...]] = ("results",)
    schema_version: int = 1
    ways: tuple[WayFigures, ...]
    left_out: tuple[LeftOutWay, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})

    def foremost(self, beside: Sequence[WayFigures] = ()) -> tuple[WayFigures, ...]:
        """Return the ways that give most, those in `beside` left out."""
        return foremost([each for each in self.ways if each not in beside])

    def most_per_core(self) -> tuple[WayFigures, ...]:
        """Return the ways that give most for a core, within 1 % of the one that does."""
        known = [(each.gbps_per_core, each) for each in self.ways if each.gbps_per_core is not None]
        best = max((gbps for gbps, _ in known), default=0.0)
        return tuple(each for gbps, each in known if gbps >= (1 - ALIKE) * best)

    def summary(self) -> str:
        """Return what `hwmodel compare` prints."""
        return comparison_text(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """Hold the ways at one value of what varies; `failure`: why there are none.

    `is_asked`: all ways were run there; else some, on the way to a crossing.
    """

    value: float
    is_asked: bool = True
    ways: tuple[WayFigures, ...] = ()
    left_out: tuple[LeftOutWay, ...] = ()
    failure: str = ""

    def way(self, name: str) -> WayFigures | None:
        """Return the figures of a way, None where it was left out."""
        return next((each for each in self.ways if each.way == name), None)

    def foremost(self) -> tuple[str, ...]:
        """Return the names of the ways that give most."""
        return tuple(each.way for each in foremost(self.ways))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Say where one way begins to give more than another.

    Up to `between[0]` `below` gave more, from `between[1]` on `above`; `at`: where both give the same, None where
    nothing between the two values can be run. `cores`: kept busy by both at `nearest`, of the values that were run.
    """

    below: str
    above: str
    at: float | None
    between: tuple[float, float]
    nearest: float
    cores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves(Finding):
    """Hold a comparison at several values of one thing.

    `over`: its name, `key`: the configuration's key that it sets. `points`: value by value, those behind crossings too.
    """

    schema_version: int = 1
    over: str
    key: str
    points: tuple[ComparedValue, ...]
    crossings: tuple[Crossing, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})

    def summary(self) -> str:
        """Return what `hwmodel compare --over` prints."""
        return curves_text(self)
