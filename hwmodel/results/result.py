"""The result of one run: frozen records whose JSON form is fixed, since scripts and CI read it.

docs/results.md defines each field: its meaning, its unit, and the interval it is measured over. Fields of a `Latency`
are in the unit in the name of the field that holds it (`latency_ns`: nanoseconds).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import fsum
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError
from hwmodel.results.adapter_use import (
    ArbitrationUse,
    BondUse,
    Cpu,
    FilterUse,
    FlowCacheUse,
    FlowControlUse,
    IotlbUse,
    LearnedAddresses,
    MarkedFrames,
    Pcie,
    PortResult,
    QueueDepth,
    SampledFlows,
    Stalls,
)
from hwmodel.results.agents import AgentAction, AgentResult, AssociationResult
from hwmodel.results.bridge import OUTSIDE, BridgeResult, missing_port
from hwmodel.results.control import ControlResult
from hwmodel.results.counters import FunctionCounters
from hwmodel.results.figure_fields import with_figures
from hwmodel.results.json_form import Problem, columns_of, document_of, parse_result, to_plain
from hwmodel.results.measured import Bottleneck, Latency, VmResult
from hwmodel.results.series import Series
from hwmodel.results.shared_links import BusResult, PcieSwitchResult
from hwmodel.results.stages import StageResult
from hwmodel.rules.drop_kinds import STRAY_DROPS

SHOWN = 0.0005  # the least change that is not written as 0.0 %
SCHEMA_VERSION = 1
_BALANCES = (
    (("offered_frames", "replicated_frames"), ("delivered_frames", "dropped_frames", "in_flight_frames")),
    (("copies_made",), ("copies_delivered", "copies_dropped", "copies_in_flight")),
    (("mirrored_made",), ("mirrored", "mirrored_dropped", "mirrored_in_flight")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingFigure:
    """Give the rate of offered frames at which one resource is full; `what`: the resource in words."""

    resource: str
    what: str
    offered_mpps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Say what the closed form gives with one key of the configuration changed from `was` to `value`."""

    key: str
    was: str
    value: str
    gbps: float
    mpps: float
    limited_by: str
    unloaded_latency_ns: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """Hold the closed form's figures: the throughput's ceiling, bytes per frame, the lone frame's latency.

    `gbps`, `mpps`: the most that can be delivered; `offered_mpps`: frames offered then. `latency_parts_ns`: of the
    frame `lone_frame` alone, as configured, by the names of `results.PARTS`; a part that never ends, and those after
    it, are left out.
    """

    link_name: str
    gbps: float
    mpps: float
    offered_mpps: float
    limited_by: str
    up_bytes: float
    down_bytes: float
    unloaded_latency_ns: float | None = None
    lone_frame: str = ""
    latency_parts_ns: Mapping[str, float] = field(default_factory=dict)
    ceilings: tuple[CeilingFigure, ...] = ()
    next_steps: tuple[NextStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """Compare a run in which one resource is made larger with the original run.

    `change`: the key, its value and the changed one (`pcie.lanes: 4 -> 8`). `gbps`, `p50_ns`: of the relaxed run;
    `gain`: the relative increase of its throughput; `gain_interval`: the ends of its 95 % interval, taking both runs as
    independent; `p50_change`: the relative change of the median latency (negative: lower). Figures are None where one
    of the two runs has none. `limited_by`: the relaxed run's bottleneck. `is_bottleneck`: this is the resource that the
    original run names. `failure`: why the run could not be made; then there are no figures.
    """

    resource: str
    change: str
    gbps: float | None = None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    p50_ns: float | None = None
    p50_change: float | None = None
    limited_by: str = ""
    is_bottleneck: bool = False
    failure: str = ""

    @property
    def could_be_chance(self) -> bool:
        """Say whether a gain or a loss of at least 0.05 % is within its uncertainty."""
        ends = self.gain_interval
        return self.gain is not None and abs(self.gain) >= SHOWN and ends is not None and ends[0] < 0 < ends[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Hold one figure of runs that differ only in their seed; `values[i]`: of `seeds[i]`, None if it gave none.

    `mean`: of the values there are; `low`, `high`: its 95 % interval (Student's t), within what such a figure can be;
    None for fewer than two.
    """

    name: str
    seeds: tuple[int, ...]
    values: tuple[float | None, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Bound the measured interval, in simulated time from the start of the run."""

    start_ns: float
    end_ns: float
    vm_frames: int | None = None
    wire_frames: int | None = None

    @property
    def duration_ns(self) -> float:
        """Return the length of the window in nanoseconds."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
@with_figures("totals")
class Totals:
    """Count frames and copies over the whole run; `gbps` and `mpps` are of the window, None if it is too short.

    `replicated_frames`: copies beyond a frame's first, made by a bridge or by an adapter before it. `unwanted_drops`:
    of all drops, those of frames and copies that no station was to get.
    """

    offered_frames: int
    delivered_frames: int
    dropped_frames: int
    in_flight_frames: int
    delivered_to_wire: int = 0
    from_wire: int = 0
    copies_made: int
    copies_delivered: int
    copies_dropped: int
    copies_in_flight: int
    mirrored: int = 0
    mirrored_made: int = 0
    mirrored_dropped: int = 0
    mirrored_in_flight: int = 0
    replicated_frames: int = field(default=0, metadata={"omit_empty": True})
    unwanted_drops: int = field(default=0, metadata={"omit_empty": True})
    gbps: float | None
    mpps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowResult:
    """Say what became of the frames from one port to one target; `from_` is `from` in JSON; rates as in `VmResult`."""

    from_: str
    to: str
    offered: int
    delivered: int
    gbps: float | None
    mpps: float | None
    latency_ns: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Say what the Ethernet port carried; `utilization` is that of its busier direction."""

    tx_gbps: float | None = 0.0
    rx_gbps: float | None = 0.0
    utilization: float = 0.0
    wait_ns: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRun:
    """Say how the simulation itself ran: all that differs between runs of one seed. `threads`: the most at once.

    `compiled_without`: undocumented parts of numba that the kernels were compiled without, and why (docs/engine.md).
    """

    wall_s: float
    threads: int = 1
    compile_s: float = 0.0
    events: int = 0
    frames: int = 0
    frames_per_s: float = 0.0
    peak_rss_mb: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    compiled_without: str = field(default="", metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold everything that one run found; the field order is the order of the JSON document.

    `utilization` (busy share of each resource by the names of `bottleneck.resource`) and `latency_histogram`
    (`(upper_ns, count)` of the non-empty buckets of `latency_ns`) are for reports and may be empty. `ports`: each
    Ethernet port by itself, if the adapter has several; `wire` is their sum. `latency_by_direction_ns`: `latency_ns`
    split by DIRECTIONS, if there are several. `latency_parts_ns`: for "mean", "p50", "p99", "p999", the parts of
    `latency_to_guest_ns`, by the names of `results.PARTS`. `intervals`: 95 % confidence intervals by dotted name.
    `relaxed`: what `hwmodel explain` found. `spread`: the figures of runs with other seeds. `counters`: what functions
    counted in the whole run, under the names of Linux' tools, if asked for. `segments`: the window's counts of sends
    that the adapter cuts, and of coalesced receives, if any. For a virtual switch: `flow_cache`: its cache's hits;
    `learned`: addresses; `bond`: what the legs of its uplink carried, and when one was given up; `ecn`: the frames it
    marked; `samples`: its samples' estimates of flows. `arbitration`: how traffic classes shared what was sent.
    `flow_control`: who was stopped, and by what. `head_of_line`: for how long a VM's empty rings blocked the Rx
    buffer's head, and for how long frames for a VM waited behind it, if that was long. `series`: in a run with a
    scenario, what VMs did over time and what events did; `stages`: of a window in which the machine changes, the
    figures between changes. `agents`: what each did, if any reacted; `agent_actions`: the first of that;
    `associations`: what VDP did for VMs; `control`: what became of VMs that somebody started. `warnings`: what must be
    known before a figure is quoted. `assumptions`: numbers of a device's preset that set what limits, and that are not
    known of the device. Two results are equal if all but `host_run` is.
    """

    schema_version: int = SCHEMA_VERSION
    config: Mapping[str, Any] = field(metadata={"verbatim": True})
    config_hash: str
    seed: int
    window: Window
    totals: Totals
    vms: tuple[VmResult, ...]
    flows: tuple[FlowResult, ...]
    latency_ns: Latency
    latency_by_direction_ns: Mapping[str, Latency] = field(default_factory=dict, metadata={"omit_empty": True})
    latency_from_doorbell_ns: Latency
    latency_to_guest_ns: Latency = field(default_factory=Latency)
    sender_wait_ns: Latency = field(default_factory=Latency)
    latency_parts_ns: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fairness_jain: float | None
    pcie: Pcie
    wire: Wire
    ports: tuple[PortResult, ...] = field(default=(), metadata={"omit_empty": True})
    iotlb: IotlbUse = field(default_factory=IotlbUse)
    cpu: Cpu
    flow_director: FilterUse | None = field(default=None, metadata={"omit_empty": True})
    flow_cache: FlowCacheUse | None = field(default=None, metadata={"omit_empty": True})
    bond: BondUse | None = field(default=None, metadata={"omit_empty": True})
    learned: LearnedAddresses | None = field(default=None, metadata={"omit_empty": True})
    ecn: MarkedFrames | None = field(default=None, metadata={"omit_empty": True})
    samples: SampledFlows | None = field(default=None, metadata={"omit_empty": True})
    arbitration: ArbitrationUse | None = field(default=None, metadata={"omit_empty": True})
    flow_control: FlowControlUse | None = field(default=None, metadata={"omit_empty": True})
    drops: Mapping[str, int]
    mirrored_drops: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, QueueDepth]
    stalls_ns: Stalls
    bottleneck: Bottleneck
    utilization: Mapping[str, float] = field(default_factory=dict)
    bridges: tuple[BridgeResult, ...] = field(default=(), metadata={"omit_empty": True})
    pcie_switches: tuple[PcieSwitchResult, ...] = field(default=(), metadata={"omit_empty": True})
    buses: tuple[BusResult, ...] = field(default=(), metadata={"omit_empty": True})
    latency_histogram: tuple[tuple[float, int], ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = field(default=(), metadata={"omit_empty": True})
    closed_form: ClosedForm | None = None
    relaxed: tuple[Relaxed, ...] = ()
    spread: tuple[Spread, ...] = ()
    counters: Mapping[str, FunctionCounters] = field(default_factory=dict, metadata={"omit_empty": True})
    series: Series | None = field(default=None, metadata={"omit_empty": True})
    stages: tuple[StageResult, ...] = field(default=(), metadata={"omit_empty": True})
    agents: Mapping[str, AgentResult] = field(default_factory=dict, metadata={"omit_empty": True})
    agent_actions: tuple[AgentAction, ...] = field(default=(), metadata={"omit_empty": True})
    associations: tuple[AssociationResult, ...] = field(default=(), metadata={"omit_empty": True})
    control: ControlResult | None = field(default=None, metadata={"omit_empty": True})
    segments: Mapping[str, int] = field(default_factory=dict, metadata={"omit_empty": True})
    head_of_line: Mapping[str, Mapping[str, float]] = field(default_factory=dict, metadata={"omit_empty": True})
    host_run: HostRun | None = field(default=None, compare=False)

    @property
    def window_frames(self) -> int:
        """Return the frames delivered in the window, to VMs and to the wire: the divisor of bytes per frame."""
        if self.window.vm_frames is not None:
            return self.window.vm_frames + (self.window.wire_frames or 0)
        return round((self.totals.mpps or 0.0) * self.window.duration_ns / 1e3)

    def impossible(self) -> Iterator[Problem]:
        """Yield what no run can have found: a window that ends before it begins, a bridge without its ports."""
        if self.window.end_ns < self.window.start_ns:
            yield Problem(("window", "end_ns"), "expected no less than window.start_ns")
        for at, (_, count) in enumerate(self.latency_histogram):
            if not count:
                yield Problem(("latency_histogram", at, 1), "expected at least 1 sample in a bucket")
        if self.series is not None:
            yield from self.series.impossible()
        if self.bridges and (lacking := missing_port(self.bridges, [server.name for server in self.servers])):
            yield Problem(("bridges",), f"expected {lacking}")

    @property
    def servers(self) -> tuple[AdapterResult, ...]:
        """Return the servers of a system; none of a single one."""
        return ()

    @property
    def lost_frames(self) -> int:
        """Return how many frames, of a group each station's copy, a station should have got and did not."""
        return sum(self.drops.values()) - self.totals.unwanted_drops

    @property
    def due_frames(self) -> int:
        """Return how many frames stations should get, of a group each its copy: got, lost and under way."""
        totals = self.totals
        if self.bridges:  # what is sent on to a bridge counts among an adapter's copies
            got = sum(flow.delivered for flow in self.flows if flow.offered) or totals.delivered_frames
        else:
            got = max(totals.copies_delivered, totals.delivered_frames)
        return got + self.lost_frames + totals.in_flight_frames

    def lost_by_reason(self) -> dict[str, int]:
        """Return `lost_frames` by the reason for which they dropped, the greatest first.

        Of those that no station was to get it is not known which they are: they are taken off the drops without a
        receiver, then off all.
        """
        left = {reason: count for reason, count in self.drops.items() if count}
        unwanted = self.totals.unwanted_drops
        for reasons in (STRAY_DROPS, tuple(left)):
            of_these = sum(left.get(reason, 0) for reason in reasons)
            taken, over = min(unwanted, of_these), of_these
            for reason in (reason for reason in reasons if reason in left):
                part = -(-(taken * left[reason]) // over) if over else 0
                taken, over, left[reason] = taken - part, over - left[reason], left[reason] - part
            unwanted -= min(unwanted, of_these)
        return {name: n for name, n in sorted(left.items(), key=lambda one: (-one[1], one[0])) if n}

    def outside_rate(self) -> str:
        """Return the dotted name of the rate to stations outside, after the bridge that has them."""
        at = next(bridge.name for bridge in self.bridges if any(port.name == OUTSIDE for port in bridge.ports))
        return f"bridges.{at}.ports.{OUTSIDE}.out_gbps"

    def outside_gbps(self) -> float | None:
        """Return the rate, in Gb/s, to stations outside, 0 without a bridge; None if the window gives no rates."""
        rates = [port.out_gbps for bridge in self.bridges for port in bridge.ports if port.name == OUTSIDE]
        return None if None in rates else fsum(rate or 0.0 for rate in rates)

    def over_bridge_gbps(self) -> float | None:
        """Return the rate, in Gb/s, that bridges sent on, each copy counted; None if the window gives no rates.

        What one bridge sends to another is counted only where the other sends it on.
        """
        rates = [
            port.out_gbps
            for bridge in self.bridges
            for port in bridge.ports
            if port.device == bridge.name and not port.to
        ]
        return None if None in rates else fsum(rate or 0.0 for rate in rates)

    def throughput(self) -> tuple[str, float | None]:
        """Return a run's main rate with its dotted name: to VMs, or, if none gets anything, outward."""
        if self.totals.gbps != 0:
            return "totals.gbps", self.totals.gbps
        outside = self.outside_gbps()
        if outside:
            return self.outside_rate(), outside
        wire = None if self.servers else self.wire.tx_gbps
        return ("wire.tx_gbps", wire) if wire and not self.bridges else ("totals.gbps", self.totals.gbps)

    def told_latency(self) -> tuple[str, Latency]:
        """Return the direction whose latency (post to delivery) is compared between runs, and that latency.

        With several directions their mix says little: the one between VMs with most frames is taken, else from the
        wire, else to it. With one direction: an empty text, and all frames' latency.
        """
        found = self.latency_by_direction_ns
        between = [name for name in ("vm_to_vm", "over_bridge") if name in found]
        between.sort(key=lambda name: -found[name].count)
        name = next((name for name in (*between, "from_wire", "to_wire") if name in found and found[name].count), "")
        return name, found[name] if name else self.latency_ns

    def throughput_gbps(self) -> float | None:
        """Return the throughput to VMs and the wire together, in Gb/s of frame bits; None if the window is too short.

        With a bridge at the other end of the wire: the throughput to VMs and the stations outside.
        """
        outward = self.outside_gbps() if self.bridges else self.wire.tx_gbps
        return None if self.totals.gbps is None or outward is None else self.totals.gbps + outward

    def to_mapping(self, include_host_run: bool = True) -> dict[str, Any]:
        """Return the result as JSON values, in the documented order; ValueError for NaN, infinities, odd types."""
        return to_plain(self, () if include_host_run else ("host_run",))

    def to_json(self, include_host_run: bool = True) -> str:
        """Return the result as a JSON document that ends with a newline.

        Equal results give equal documents if the keys of their `config` are in the same order; so do, without
        `host_run`, two runs of one configuration and seed. Raises ValueError for NaN, infinities and types that JSON
        does not have.
        """
        return document_of(self, () if include_host_run else ("host_run",))

    def flow_columns(self) -> dict[str, Any]:
        """Return `flows` as numpy arrays of equal length, by the JSON keys (`latency_ns.mean`); NaN for null."""
        import numpy as np

        return {name: np.array(each, kind) for name, (kind, each) in columns_of(FlowResult, self.flows).items()}

    def flow_archive(self) -> bytes:
        """Return the content of an npz file with `flow_columns`, for `numpy.load`."""
        import numpy as np

        archive = io.BytesIO()
        np.savez(archive, **self.flow_columns())
        return archive.getvalue()

    @classmethod
    def from_json(cls, text: str, name: str = "result") -> Result:
        """Read a result back from its JSON document.

        `name`: the file's name in messages. Raises InputError with a line for each problem: bad JSON, another
        `schema_version`, missing keys, wrong types, numbers that are not finite. Unknown keys are ignored. A document
        with `adapters` becomes a `SystemResult`.
        """
        result: Result = parse_result(cls, text, name, SCHEMA_VERSION, {"adapters": SystemResult})
        return result

    def summary(self, verbose: bool = False) -> str:
        """Return what `hwmodel run` prints: some 15 lines, or with `verbose` all figures."""
        from hwmodel.results.summary import summary

        return summary(self, verbose)

    def __str__(self) -> str:
        """Return the answer and its reason; `summary()` says more."""
        return "\n".join(self.summary().splitlines()[:2])

    def _repr_html_(self) -> str:
        """Return what a notebook shows of the result: answer, reason, latencies, VMs; needs no extra package."""
        from hwmodel.results.notebook import result_html

        return result_html(self)

    def scalars(self) -> dict[str, str | int | float | None]:
        """Return the scalar figures by dotted name (`totals.gbps`): no lists, configuration, counters, `host_run`."""
        flat: dict[str, str | int | float | None] = {}

        def walk(prefix: str, value: Any) -> None:
            if isinstance(value, dict):
                for key, item in value.items():
                    walk(f"{prefix}.{key}" if prefix else key, item)
            elif not isinstance(value, list):
                flat[prefix] = value

        left_out = ["config", "host_run", "counters"]
        left_out += [each.name for each in fields(self) if isinstance(getattr(self, each.name), tuple)]
        walk("", to_plain(self, left_out=left_out))  # lists, of VMs and flows, are most of a result
        return flat


def load_result(path: str | Path) -> Result:
    """Read the result that `run --json` stored in a file; raises InputError with a line for each problem."""
    given: Any = path  # callers may not check types
    if not isinstance(given, str | Path) or (isinstance(given, str) and given.lstrip()[:1] in ("", "{")):
        raise InputError("that is no path of a stored result; `Result.from_json` reads the text of one")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # as configurations, with a byte order mark or without
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a stored result: not UTF-8 text") from None
    return Result.from_json(text, name=str(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterResult:
    """Say how one server's adapter and host fared; the fields are those of a result of one server."""

    name: str
    tx_gbps: float | None
    rx_gbps: float | None
    pcie: Pcie
    wire: Wire
    iotlb: IotlbUse = field(default_factory=IotlbUse)
    cpu: Cpu
    flow_director: FilterUse | None = field(default=None, metadata={"omit_empty": True})
    flow_cache: FlowCacheUse | None = field(default=None, metadata={"omit_empty": True})
    learned: LearnedAddresses | None = field(default=None, metadata={"omit_empty": True})
    ecn: MarkedFrames | None = field(default=None, metadata={"omit_empty": True})
    samples: SampledFlows | None = field(default=None, metadata={"omit_empty": True})
    arbitration: ArbitrationUse | None = field(default=None, metadata={"omit_empty": True})
    flow_control: FlowControlUse | None = field(default=None, metadata={"omit_empty": True})
    drops: Mapping[str, int]
    queues: Mapping[str, QueueDepth]
    stalls_ns: Stalls
    bottleneck: Bottleneck
    utilization: Mapping[str, float] = field(default_factory=dict)
    segments: Mapping[str, int] = field(default_factory=dict, metadata={"omit_empty": True})
    head_of_line: Mapping[str, Mapping[str, float]] = field(default_factory=dict, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemResult(Result):
    """Hold the result of a run of several servers: totals, VMs and flows of all of them, and each adapter's part.

    Fields of a single adapter (`pcie`, `wire` and so on) are None. `bottleneck.resource` is prefixed with the
    component's name: `a.pcie.up`, `bridge.b`.
    """

    pcie: Pcie | None = None  # type: ignore[assignment]
    wire: Wire | None = None  # type: ignore[assignment]
    iotlb: IotlbUse | None = None  # type: ignore[assignment]
    cpu: Cpu
    queues: Mapping[str, QueueDepth] = field(default_factory=dict)
    stalls_ns: Stalls | None = None  # type: ignore[assignment]
    adapters: tuple[AdapterResult, ...] = ()

    def impossible(self) -> Iterator[Problem]:
        """Yield what no run can have found, as for one server; several servers need a bridge between them."""
        yield from Result.impossible(self)
        if not self.bridges:
            yield Problem(("bridges",), "expected a bridge between the adapters")

    @property
    def servers(self) -> tuple[AdapterResult, ...]:
        """Return the servers."""
        return self.adapters


def check_balance(result: Result | Totals) -> list[str]:
    """Return a sentence for each violated balance or negative count; an empty list if all is accounted for.

    offered_frames + replicated_frames = delivered_frames + dropped_frames + in_flight_frames,
    copies_made = copies_delivered + copies_dropped + copies_in_flight, and
    mirrored_made = mirrored + mirrored_dropped + mirrored_in_flight.
    """
    totals = result.totals if isinstance(result, Result) else result
    violations = []
    for wholes, parts in _BALANCES:
        counts = {name: int(getattr(totals, name)) for name in (*wholes, *parts)}
        violations += [f"{name} is negative: {count}" for name, count in counts.items() if count < 0]
        difference = sum(counts[whole] for whole in wholes) - sum(counts[part] for part in parts)
        if difference:
            had = " + ".join(f"{whole} {counts[whole]}" for whole in wholes if counts[whole] or whole == wholes[0])
            terms = " + ".join(f"{part} {counts[part]}" for part in parts)
            violations.append(f"{had} is not {terms}: {difference:+d} unaccounted for")
    return violations
