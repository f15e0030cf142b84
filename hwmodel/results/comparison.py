"""What `hwmodel compare` finds: the figures of each way in which VMs reach each other, and the crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Any, ClassVar

from hwmodel.results.comparison_text import comparison_text, curves_text
from hwmodel.results.json_form import Finding
from hwmodel.results.result import Bottleneck, Latency, Result, Totals

ALIKE = 0.01  # two ways count as alike up to this relative difference


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenPair:
    """Hold what became of frames that policy forbids, in a run in which only one VM sends, to another one.

    `forbidden_at`: "bridge" (by its policy) or "switch" (by access list or VLANs of the adapter's or the host's
    switch). `from_`, `to`: the VMs; `from_` is `from` in JSON. `offered`: frames sent, of which `delivered` reached the
    receiver and `in_flight` were in flight at the end. `drops`: the others, by reason.
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
        """Return the frames whose fate the run saw: all but those in flight at its end."""
        return self.offered - self.in_flight


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """Hold what one way gives.

    `totals`, `bottleneck`, `warnings`: as in `Result`. `latency_ns`: from post to delivery; `latency_of`: for which
    direction of frames, if there are several (`told_latency`). `gbps`: to VMs and the wire together, frame bits with
    FCS, with its 95 % interval; None if the window gives none. `cpu_cores`: cores kept busy, without idle polling:
    `hypervisor_cores`, by a virtual switch or, with VMDq, by the pools' drivers, and `guest_cores`, by those of guests
    (with VMDq not simulated: what the pools' drivers take without passing on). `taken_cores`: the same with idle
    polling. `pcie_bytes_per_frame`: per frame delivered in the window, on
    all links, both directions, with Acks and credits; `wire_bytes_per_frame`: per frame offered, by the closed form
    (with a virtual switch, or external traffic to one server: per frame delivered, as measured), on all adapters'
    wires, out and in, with preamble and gap; `memory_bytes_per_frame`: per frame delivered, by the closed form:
    payload, descriptors and write-backs that adapters read and write in hosts' memory, and twice each byte that a core
    copies. `policy_at`: where access lists and VLANs act on frames between VMs: "nic", "bridge" or "host"; `forbidden`:
    one measured pair for each place that forbids some.
    """

    way: str
    totals: Totals
    gbps: float | None
    gbps_interval: tuple[float, float] | None = None
    latency_ns: Latency
    latency_of: str = ""
    cpu_cores: float
    hypervisor_cores: float
    guest_cores: float
    taken_cores: float
    gbps_per_core: float | None
    pcie_bytes_per_frame: float | None
    wire_bytes_per_frame: float | None
    memory_bytes_per_frame: float | None
    policy_at: str
    forbidden: tuple[ForbiddenPair, ...] = ()
    bottleneck: Bottleneck
    warnings: tuple[str, ...] = ()

    def lead_over(self, other: WayFigures) -> float:
        """Return its lead over another way in Gb/s; 0 if both are alike or one has no rate.

        Ways are alike if they differ by no more than 1 % of the higher rate, or by no more than chance explains.
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
        """Return the difference from another way, in Gb/s, that chance may explain, by both intervals."""
        return hypot(self.half_width, other.half_width)

    def is_as_likely_beside(self, other: WayFigures) -> bool:
        """Tell whether the throughputs of two ways are near, or each lies in the other's 95 % interval."""
        difference = abs((self.gbps or 0.0) - (other.gbps or 0.0))
        return self.is_near(other) or difference <= min(self.half_width, other.half_width)

    def for_a_core(self) -> WayFigures:
        """Return the same with the rate, and its interval, for each core kept busy, of which there are some."""
        share = (self.gbps_per_core or 0.0) / self.gbps if self.gbps else 0.0
        ends = None if self.gbps_interval is None else (share * self.gbps_interval[0], share * self.gbps_interval[1])
        return replace(self, gbps=self.gbps_per_core, gbps_interval=ends)

    @property
    def half_width(self) -> float:
        """Return half of the 95 % interval of its Gb/s."""
        return 0.0 if self.gbps_interval is None else (self.gbps_interval[1] - self.gbps_interval[0]) / 2


@dataclass(frozen=True, slots=True)
class Alike:
    """Hold ways of which none is known to give more than another."""

    ways: tuple[WayFigures, ...] = ()

    @property
    def are_near(self) -> bool:
        """Tell whether all give as much as the best of them, within 1 %."""
        best = max(self.ways, key=lambda each: each.gbps or 0.0, default=None)
        return best is None or all(best.is_near(each) for each in self.ways)

    @property
    def span(self) -> tuple[float, float]:
        """Return the least and the most that they give, in Gb/s; what is near counts as the best."""
        rates = [each.gbps or 0.0 for each in self.ways]
        return max(rates) if self.are_near else min(rates), max(rates)


@dataclass(frozen=True, slots=True)
class Places:
    """Hold ways by what they give, as far as that is known.

    `first`: the best with those that are alike with it; `following`: those of the next. `unplaced`: alike with one of
    these because their own intervals are so wide; they may be above it or below. Ways without a rate are nowhere.
    """

    first: Alike
    following: Alike
    unplaced: Alike

    @classmethod
    def of(cls, ways: Sequence[WayFigures]) -> Places:
        """Find out which ways give most, and which come next."""
        known = [each for each in ways if each.gbps is not None]
        first, rough = _foremost(known)
        following, rough_too = _foremost([each for each in known if each not in (*first, *rough)])
        unplaced = [each for each in known if each in (*rough, *rough_too)]
        return cls(Alike(tuple(first)), Alike(tuple(following)), Alike(tuple(unplaced)))

    @property
    def known(self) -> tuple[WayFigures, ...]:
        """Return all ways that are here."""
        return *self.first.ways, *self.following.ways, *self.unplaced.ways

    @property
    def is_known(self) -> bool:
        """Tell whether it is known which give most: they do more than others, or all give the same."""
        return bool(self.following.ways) or (self.first.are_near and not self.unplaced.ways)

    @property
    def are_all_first(self) -> bool:
        """Tell whether it is known of several that all give the same."""
        return self.is_known and len(self.first.ways) > 1 and not (self.following.ways or self.unplaced.ways)


def _foremost(ways: Sequence[WayFigures]) -> tuple[list[WayFigures], list[WayFigures]]:
    """Return the best way with those that are alike with it, and those set apart since chance alone makes them so.

    Two are alike because one of them is known too roughly, where one lies in the other's interval, but not the other in
    its own: then the one with the widest interval says nothing of the others.
    """
    left, rough = list(ways), list[WayFigures]()
    while left:
        best = max(left, key=lambda each: each.gbps or 0.0)
        alike = [each for each in left if not best.lead_over(each)]
        if all(best.is_as_likely_beside(each) for each in alike):
            return alike, rough
        widest = max(alike, key=lambda each: each.half_width)
        left.remove(widest)
        rough.append(widest)
    return [], rough


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutWay:
    """Say why a way is not among those that were run."""

    way: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Finding):
    """Hold one configuration with each way that it allows.

    `results`: each way's whole result, for a page; not in the JSON form. `config`: the configuration, resolved.
    """

    not_in_json: ClassVar[tuple[str, ...]] = ("results",)
    kind: ClassVar[str] = "ways of connecting VMs"
    schema_version: int = 1
    ways: tuple[WayFigures, ...]
    left_out: tuple[LeftOutWay, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})

    def places(self) -> Places:
        """Return which ways give most, and which come next."""
        return Places.of(self.ways)

    def places_for_a_core(self) -> Places:
        """Return which ways give most for a core kept busy, and which come next; their rates are those for a core."""
        return Places.of([each.for_a_core() for each in self.ways if each.gbps_per_core is not None])

    def summary(self) -> str:
        """Return what `hwmodel compare` prints."""
        return comparison_text(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """Hold the ways at one value of the setting that varies; `failure`: why there are none.

    `is_asked`: the value was asked for, and all ways were run there; else only some, to locate a crossing.
    """

    value: float
    is_asked: bool = True
    ways: tuple[WayFigures, ...] = ()
    left_out: tuple[LeftOutWay, ...] = ()
    failure: str = ""

    def way(self, name: str) -> WayFigures | None:
        """Return the figures of a way, None where it was left out."""
        return next((each for each in self.ways if each.way == name), None)

    def places(self) -> Places:
        """Return which ways give most, and which come next."""
        return Places.of(self.ways)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Say where one way begins to give more than another.

    At `between[0]` the way `below` gave more, at `between[1]` the way `above`; `at`: the value at which both give the
    same, None if no value in between can be run. `cores`: busy cores of both at `nearest`, the nearest value that was
    run.
    """

    below: str
    above: str
    at: float | None
    between: tuple[float, float]
    nearest: float
    cores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves(Finding):
    """Hold a comparison at several values of one setting.

    `over`: its name; `key`: the configuration key that it sets. `points`: value by value, including those run to locate
    crossings.
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
