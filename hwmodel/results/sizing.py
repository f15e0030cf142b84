"""What `hwmodel size` finds: the cheapest configuration that meets a target, and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwmodel.results.json_form import document_of, to_plain


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
class SizingResult:
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

    def to_mapping(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return to_plain(self)

    def to_json(self) -> str:
        """Return the result as a JSON document that ends with a newline."""
        return document_of(self)

    def summary(self) -> str:
        """Return what `hwmodel size` prints."""
        from hwmodel.words.sizing_text import sizing_text

        return sizing_text(self)

    def __str__(self) -> str:
        """Return the answer in one sentence; `summary()` says more."""
        return self.summary().partition("\n")[0]
