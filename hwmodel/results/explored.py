"""What is found over many runs: a sweep's rows, the answers of a load search and of a sizing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwmodel.results.json_form import Finding
from hwmodel.results.result import Latency
from hwmodel.results.search_text import search_text
from hwmodel.results.sizing_text import sizing_text
from hwmodel.units import DIMENSIONS, Dimension, UnitError

Scalar = str | int | float | bool | None

PENDING, DONE, FAILED = "pending", "done", "failed"
IDENTITY = ("config_hash", "seed", "status", "error")  # the first columns of a table
LEDGER_NAME, CSV_NAME, PARQUET_NAME = "ledger.sqlite", "results.csv", "results.parquet"  # what a sweep's folder holds
COST = "cost"  # the column behind the axes, where the sweep's file says what their values cost


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAxis:
    """Name a key of the configuration that a sweep varies, and its values as they were written, each once."""

    key: str
    values: tuple[Any, ...]

    @property
    def unit(self) -> str:
        """Return the unit of `numbers`, the largest in which none but 0 is below 1; empty where they have none."""
        dimension = _dimension_of(self.values)
        return "" if dimension is None else _drawn_in(dimension, self.values)

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """Return the values as numbers, in `unit`; None where one of them is neither a number nor a quantity."""
        if self.values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values):
            return tuple(float(value) for value in self.values)
        dimension = _dimension_of(self.values)
        if dimension is None:
            return None
        scale = dimension.units[_drawn_in(dimension, self.values)]
        return tuple(dimension.parse(value) / scale for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """Hold one point: its place in the sweep, its status, and its figures.

    `number`: from 0, in the order of the sweep's file. `status`: done, failed, or pending in a sweep that was stopped.
    `config_hash`: empty if the configuration is invalid. `axes`: the values by key, as written. `cost`: their total
    cost, None if the sweep's file gives none. `figures`: those of `Result.scalars()` by dotted name (`totals.gbps`),
    and the ends of the 95 % intervals (`intervals.totals.gbps.low`, `.high`); empty for a point that is not done.
    """

    number: int
    config_hash: str
    seed: int
    status: str
    error: str = ""
    axes: Mapping[str, Any]
    cost: float | None = None
    figures: Mapping[str, Scalar] = field(default_factory=dict)


def cell(value: Any) -> Scalar:
    """Return a value as one cell of a table: lists and mappings as JSON text."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    scalar: Scalar = value
    return scalar


def base_units(text: str) -> int | None:
    """Return a quantity as a number of base units, to sort by; None for a text that is none."""
    dimension = _dimension_of((text,))
    return None if dimension is None else dimension.parse(text)


def _drawn_in(dimension: Dimension, values: Sequence[str]) -> str:
    amounts = [amount for amount in map(dimension.parse, values) if amount]
    fitting = [unit for unit, scale in dimension.units.items() if amounts and min(amounts) >= scale]
    return fitting[-1] if fitting else next(iter(dimension.units))


def _dimension_of(values: Sequence[Any]) -> Dimension | None:
    """Return the dimension that all of these texts are quantities of, None where there is none."""
    for dimension in DIMENSIONS:
        try:
            for value in values:
                dimension.parse(value)
        except UnitError:
            continue
        return dimension if values else None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTrial:
    """Say what one load gives.

    `share`: the load, as a share of `LoadSearch.reference_mpps`. `offered_mpps`, `delivered_mpps`, `gbps`: rates in the
    window; bits are of frames delivered, with FCS. `loss`: the share of the offered frames not delivered in the long
    run: dropped, or in queues that keep growing. `dropped_frames`: the lost ones of the whole run, `drops`: the same by
    reason; `in_flight_frames`: at its end. `untaken_frames`: growth over the window of the frames that guests could see
    and had not taken. `verdict`: "met", "lost" (too many were dropped) or "grows" (they are in queues that grow as long
    as the load lasts).
    """

    share: float
    offered_mpps: float
    delivered_mpps: float | None = None
    gbps: float | None = None
    loss: float | None = None
    dropped_frames: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    in_flight_frames: int = 0
    untaken_frames: int = 0
    verdict: str = ""
    window_frames: int = 0
    limited_by: str = ""
    why: str = ""
    latency_ns: Latency = field(default_factory=Latency)
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSearch(Finding):
    """Hold the answer of a search over the load.

    `kind`: "zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load". `loss`: the share of frames
    that may be lost. `mpps`, `gbps`: the highest offered rate, and its throughput, at which no more is lost;
    `interval_mpps`: the highest load seen to meet this and the lowest seen not to, None if there was none. `share`:
    that rate, without `beside_mpps`, as a share of `reference_mpps`, the closed form's ceiling (if only the wire sends:
    no more than the line rate); `beside_mpps`: frames of flows with given rates, included in `mpps` but not in
    `reference_mpps`. `limited_by`: the bottleneck at the load just above the answer. `burst_frames`: the longest
    loss-free burst, and `interval_burst`: it and the shortest burst seen with loss; `burst_mpps`: the frame rate of all
    senders together in a burst, with preamble and gap `burst_wire_gbps`. `curve`: the loads asked for, in order.
    `asked`: the command's options that were given, by name.
    """

    schema_version: int = 1
    kind: str
    loss: float = 0.0
    mpps: float | None = None
    gbps: float | None = None
    share: float | None = None
    interval_mpps: tuple[float, float | None] | None = None
    reference_mpps: float | None = None
    beside_mpps: float = 0.0
    limited_by: str = ""
    why: str = ""
    burst_frames: int | None = None
    interval_burst: tuple[int, int | None] | None = None
    burst_mpps: float | None = None
    burst_wire_gbps: float | None = None
    simulations: int = 0
    trials: tuple[LoadTrial, ...] = ()
    curve: tuple[LoadTrial, ...] = ()
    notes: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})
    asked: Mapping[str, str] = field(default_factory=dict)
    model_version: str = ""

    def summary(self) -> str:
        """Return what `hwmodel search` prints."""
        return search_text(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigure:
    """Hold a target's `bound` and a configuration's figure for it: Gb/s, Mpps, ns, or a share of the frames.

    `low`, `high`: the figure's 95 % interval. `probability`, of a repetition meeting the bound too, is from the same
    runs. `margin`: by what share of the bound the figure is on the right side (negative: on the wrong side). Of a rate
    offered exactly as asked all of these are of a run under saturation, where that carries more; what was delivered at
    the load asked for is then `at_load`.
    """

    metric: str
    bound: float
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    is_met: bool = False
    probability: float | None = None
    at_load: float | None = field(default=None, metadata={"omit_empty": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Say what one configuration gives.

    `source`: of the figures: "simulation", "closed form" (bounds that no run exceeds), or "none": the configuration is
    invalid or was not run, as `why` says. `is_met`: None if unknown. `limited_by`: the resource that sets the
    throughput. `seeds`: the number of runs averaged. `confidence`: with several runs, a lower bound of the probability
    that it meets all targets.
    """

    knobs: Mapping[str, Any]
    cost: float
    is_met: bool | None
    source: str
    targets: tuple[TargetFigure, ...] = ()
    limited_by: str = ""
    why: str = ""
    seeds: int = 0
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobStep:
    """Say what one step more or less of one knob does to the answer."""

    knob: str
    change: str
    value: Any
    choice: Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingResult(Finding):
    """Hold the answer to a sizing file.

    `best`, `runner_up`: the values of the knobs, None if there is none; `cost`, `runner_up_cost`: their costs.
    `margin`: the smallest of the targets' margins; met bounds of 0 are left out. `confidence`: a lower bound of the
    probability that `best` meets all targets, from the spread over seeds, runs of a slightly different host
    (`disturbance`) and the runs' own intervals. `is_cheapest`: every cheaper configuration was run, or is ruled out by
    the closed form (unless a run refuted it: `closed_form_refuted` lists the targets) or by what the file declares;
    else `n_untested` of them are not. `n_run` configurations were run, of which `n_ruled_out_by_simulation` miss; those
    counted as ruled out by the closed form, and by the rule that more of a knob is never worse, were not run. `answer`:
    the figures of `best`; if nothing meets the targets, `nearest`: those of the nearest one. `near`: cheaper ones that
    miss so narrowly that a repetition may meet. `cheaper`: some of these, and the dearest of the cheaper ones. `steps`:
    the best, or nearest, with one knob changed by a step. `offered`: the load that replaced saturating senders.
    `first_to_give`, `first_to_give_why`: what limits `best` when senders saturate; empty if that was not run. `config`:
    of `best`, resolved. `source`: the sizing file with its base inside.
    """

    schema_version: int = 1
    best: Mapping[str, Any] | None
    cost: float | None
    runner_up: Mapping[str, Any] | None
    runner_up_cost: float | None = None
    margin: float | None
    simulations: int
    confidence: float | None
    is_cheapest: bool
    n_candidates: int
    n_ruled_out_by_closed_form: int
    n_ruled_out_by_simulation: int
    n_invalid: int
    n_untested: int
    n_closed_forms: int
    n_run: int = 0
    n_cheaper_not_run: int = 0
    n_ruled_out_by_rule: int = 0
    closed_form_refuted: tuple[str, ...] = ()
    answer: Choice | None = None
    runner_up_choice: Choice | None = None
    nearest: Choice | None = None
    near: tuple[Choice, ...] = ()
    cheaper: tuple[Choice, ...] = ()
    steps: tuple[KnobStep, ...] = ()
    offered: str = ""
    disturbance: str = ""
    first_to_give: str = ""
    first_to_give_why: str = ""
    warnings: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = field(default=None, metadata={"verbatim": True})
    source: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})
    model_version: str = ""

    def summary(self) -> str:
        """Return what `hwmodel size` prints."""
        return sizing_text(self)
