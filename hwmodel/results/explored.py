"""What is found over many runs: a sweep's rows, the answer of a search over the load, that of a sizing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwmodel.results.json_form import Finding
from hwmodel.results.result import Latency
from hwmodel.units import DIMENSIONS, Dimension, UnitError
from hwmodel.words.search_text import search_text
from hwmodel.words.sizing_text import sizing_text

Scalar = str | int | float | bool | None

PENDING, DONE, FAILED = "pending", "done", "failed"
IDENTITY = ("config_hash", "seed", "status", "error")  # the first columns of a table
LEDGER_NAME, CSV_NAME, PARQUET_NAME = "ledger.sqlite", "results.csv", "results.parquet"  # what a sweep's folder holds
COST = "cost"  # the column behind the axes, where the sweep's file says what their values cost
# The unit in which each kind of quantity is drawn, by the name of its dimension.
_DRAWN_IN = {"a byte count": "B", "a time": "ns", "a rate": "Gbps", "a frequency": "MHz", "a frame rate": "Mpps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAxis:
    """Name a key of the configuration that a sweep varies, and its values as they were written, each once."""

    key: str
    values: tuple[Any, ...]

    @property
    def unit(self) -> str:
        """Return the unit of `numbers`: B, ns, Gbps, MHz, Mpps; empty for bare numbers, and where there are none."""
        dimension = _dimension_of(self.values)
        return "" if dimension is None else _DRAWN_IN[dimension.name]

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """Return the values as numbers, in `unit`; None where one of them is neither a number nor a quantity."""
        return None if not self.values else _numbers(self.values)

    def number_of(self, value: Any) -> float | None:
        """Return one value as a number, in `unit`; None where it is no number."""
        found = _numbers((value,))
        return None if found is None else found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """Hold one point: where it stands, what became of it, and what was found.

    `number`: from 0, in the order of the sweep's file. `status`: done, failed, or pending in a sweep that was stopped.
    `config_hash` is empty where the configuration could not be made. `axes`: the values by key, as written. `cost`:
    what these cost together, None where the sweep's file does not say. `figures`: those of `Result.scalars()` by dotted
    name (`totals.gbps`), and the ends of the 95 % intervals (`intervals.totals.gbps.low`, `.high`); none of a point
    that is not done.
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


def _numbers(values: Sequence[Any]) -> tuple[float, ...] | None:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return tuple(float(value) for value in values)
    dimension = _dimension_of(values)
    if dimension is None:
        return None
    scale = dimension.units[_DRAWN_IN[dimension.name]]
    return tuple(dimension.parse(value) / scale for value in values)


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

    `share`: of `LoadSearch.reference_mpps`. `offered_mpps`, `delivered_mpps`, `gbps`: frames, and their bits with FCS,
    a second in the window. `loss`: the share of the offered frames that is not delivered if this goes on for ever: lost
    already, or in a queue that only grows. `dropped_frames`: of the run, `in_flight_frames` at its end. `verdict`:
    "met", "lost" (too many were dropped), "grows" (they stay in queues, which grow as long as the load lasts).
    """

    share: float
    offered_mpps: float
    delivered_mpps: float | None = None
    gbps: float | None = None
    loss: float | None = None
    dropped_frames: int = 0
    in_flight_frames: int = 0
    verdict: str = ""
    window_frames: int = 0
    limited_by: str = ""
    why: str = ""
    latency_ns: Latency = field(default_factory=Latency)
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSearch(Finding):
    """Hold the answer of a search over the load.

    `kind`: "zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load". `loss`: the share that may be
    lost. `mpps`, `gbps`: the highest rate of offered frames at which no more is; `interval_mpps`: the highest load that
    was seen to meet it and the lowest that was not, None where none was. `share`: of `reference_mpps`, the ceiling of
    the closed form (of frames from the wire alone: of them); `beside_mpps`: frames of rates of their own, which are in
    `mpps` and not in that. `limited_by`: the bottleneck at the load just above.
    `burst_frames`: the longest burst without loss, between `interval_burst`, at `burst_mpps` of all senders together,
    which with preamble and gap are `burst_wire_gbps`. `curve`: the loads asked for, in order. `asked`: the command's
    options that were given, by name.
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
    """Hold a target's `bound` and what a configuration gives: Gb/s, Mpps, ns, or a share of the frames.

    `low`, `high`: its 95 % interval. `margin`: by what share of the bound it is on the right side (negative: wrong). A
    throughput that is offered just as asked for has the margin of what senders get through that send all they can.
    `probability`: how probable it is that a repetition holds the bound too.
    """

    metric: str
    bound: float
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    is_met: bool = False
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Say what one configuration gives.

    `source`: where the figures are from, "simulation" or "closed form" (then they are what no run betters), or "none":
    there is no such configuration, or it was not run, as `why` says. `is_met`: None where that is not known.
    `limited_by`: the resource that sets the throughput. `seeds`: the runs that the figures are the mean of.
    `confidence`: how probable it is, at the least, that it meets all targets, of several runs.
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

    `best`, `runner_up`: the values of the knobs, None where there is none, and `cost`, `runner_up_cost`. `margin`: the
    smallest of the targets' own, of bounds above 0. `confidence`: how probable it is, at the least, that `best` meets
    all targets, by the spread over seeds that differ, runs of a host a little different (`disturbance`) and the runs'
    own intervals. `is_cheapest`: every cheaper configuration was run, or is ruled out by the closed form, which no run
    has refuted (`closed_form_refuted`: the targets in which one has), or by the file's word; else `n_untested` of them
    are not. `n_run` configurations were run, of which `n_ruled_out_by_simulation` miss; those counted for the closed
    form and for the rule that more of a knob is never worse were not run. `answer`: what `best` gives; where none
    meets, what comes `nearest`. `near`: cheaper ones that miss by so little that a repetition may meet. `cheaper`:
    these, and the dearest of those that are cheaper. `steps`: one knob of the best, or nearest, changed.
    `offered`: the load that was put in the place of saturating senders. `first_to_give`, `first_to_give_why`: what
    limits `best` when senders send all they can; empty where they are not let. `config`: that of `best`, resolved.
    `source`: the sizing file with its base inside.
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
