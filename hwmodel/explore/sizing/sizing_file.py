"""Read a sizing file strictly: every problem with its place, key and hint, all at once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.config import Config
from hwmodel.config.document import Problem
from hwmodel.config.kinds import shown
from hwmodel.config.load import BaseDocument
from hwmodel.config.overrides import Change, Overrides
from hwmodel.explore.sizing.space import MOST_VALUES, Knob, magnitude, monotone_of
from hwmodel.explore.sizing.targets import METRICS, Target, read_target
from hwmodel.explore.study.axes import Axis, read_axis, refuse_fixed, refuse_repeats, refuse_second_axes
from hwmodel.explore.study.document import StudyDocument, base_of, read_study

KEYS = ("base", "set", "target", "knobs", "repeats")
MONOTONE = "monotone"
MOST_CANDIDATES = 1_000_000
MOST_REPEATS = 10
_REPEATS = 3
# What other tools call these.
_SYNONYMS = {
    "targets": "target", "knob": "knobs", "parameters": "knobs", "axes": "knobs", "grid": "knobs", "config": "base",
    "seeds": "repeats",
}  # fmt: skip
_METRIC_SYNONYMS = {
    "throughput": "gbps", "rate": "gbps", "pps": "mpps", "latency": "p99", "p99.9": "p999", "p99_9": "p999",
    "drops": "loss", "drop": "loss", "median": "p50", "latency_ns": "p99",
}  # fmt: skip


@dataclass(frozen=True)
class Sizing:
    """Hold a sizing: the base with its knobs, the targets, and the number of seeds that the answer is run with.

    `offers_target`: the base saturates but a target bounds latency or loss, so the rate asked for is offered instead.
    `saturates`: the base saturates and is run so.
    """

    base: BaseDocument
    targets: tuple[Target, ...]
    knobs: tuple[Knob, ...]
    repeats: int
    offers_target: bool
    saturates: bool
    changes: tuple[tuple[Change, ...], ...]  # of each knob, a change for each value
    source: Mapping[str, Any]  # what the file says, its base inside

    def config(self, candidate: Sequence[int], more: Sequence[Change] = ()) -> Config:
        """Build the configuration that a candidate, a position in each knob's values, stands for."""
        of_knobs = [changes[at] for changes, at in zip(self.changes, candidate, strict=True)]
        return self.base.with_changes([*of_knobs, *more])


def read_sizing(given: str | os.PathLike[str] | Mapping[str, Any], overrides: Overrides | None = None) -> Sizing:
    """Read a sizing file, or the mapping that stands for one; `overrides` change its base.

    Raises InputError with a line for each problem.
    """
    study = read_study(given, "sizing")
    study.refuse_unknown((), KEYS, _SYNONYMS)
    targets = _targets(study)
    written = _mapping(study, "knobs", "pcie.lanes: {values: [1, 2, 4], cost: 4}")
    raw = [one for one in (_knob(study, key) for key in written) if one is not None]
    repeats = _repeats(study, study.data.get("repeats", _REPEATS))
    n_candidates = math.prod(len(one.axis.values) for one in raw)
    if n_candidates > MOST_CANDIDATES:
        study.complain(("knobs",), f"{n_candidates:,} configurations are too many; {MOST_CANDIDATES:,} at most")
    refuse_second_axes(study, [one.axis for one in raw])
    refuse_fixed(study, [one.axis for one in raw], overrides)
    document = base_of(study, overrides)
    base = _checked(study, document, [one.changes for one in raw]) if document is not None else None
    study.raise_problems()
    assert document is not None and base is not None
    follows = base.workload.pcap is None and not base.workload.has_flows_of_own_rates
    saturates = base.workload.load.kind == "saturate" and follows
    offers_target = saturates and any(t.is_least for t in targets) and not all(t.is_least for t in targets)
    is_open = offers_target or not saturates
    room_costs = base.host.iotlb is not None or base.host.cache is not None
    room_costs |= any(one.axis.key.startswith(("host.iotlb", "host.cache", "host.preset")) for one in raw)
    return Sizing(
        document,
        tuple(targets),
        tuple(one.knob(is_open, room_costs) for one in raw),
        repeats,
        offers_target,
        saturates and not offers_target,
        tuple(one.changes for one in raw),
        {"base": document.data, **{key: value for key, value in study.data.items() if key not in ("base", "set")}},
    )


@dataclass(frozen=True)
class _Raw:
    """Hold a knob as written: its axis, and the order of its values from weakest to strongest."""

    axis: Axis
    order: tuple[int, ...]
    monotone: bool | None
    changes: tuple[Change, ...]  # in that order

    def knob(self, is_open: bool, room_costs: bool) -> Knob:
        """Return the knob; `is_open` and `room_costs` as for `monotone_of`."""
        axis = self.axis
        costs = axis.costs or (0.0,) * len(axis.values)  # without costs, the weakest that meets wins
        values, of_each = ([each[at] for at in self.order] for each in (axis.values, costs))
        monotone = monotone_of(axis.key, values, self.monotone, is_open=is_open, room_costs=room_costs)
        return Knob(axis.key, tuple(values), tuple(of_each), monotone, bool(self.monotone))


def _mapping(study: StudyDocument, key: str, example: str) -> Mapping[str, Any]:
    value = study.data.get(key)
    if value is None:
        study.complain((key,), f"this key is missing; write it like {key}: {{{example}}}")
    elif not isinstance(value, dict):
        study.complain((key,), f"{shown(value)} where keys with values are expected, like {{{example}}}")
    elif not value:
        study.complain((key,), f"nothing is in it; write it like {{{example}}}")
    else:
        return value
    return {}


def _targets(study: StudyDocument) -> list[Target]:
    found = []
    written = _mapping(study, "target", "gbps: 10, p99: 10us")
    if written:
        study.refuse_unknown(("target",), METRICS, _METRIC_SYNONYMS, "target")
    for metric in (one for one in written if one in METRICS):
        value = written[metric]
        try:
            found.append(read_target(metric, value))
        except ValueError as error:
            study.complain(("target", metric), str(error))
    return found


def _knob(study: StudyDocument, key: str) -> _Raw | None:
    written = study.data["knobs"][key]
    monotone = written.get(MONOTONE, "auto") if isinstance(written, dict) else "auto"
    if not (isinstance(monotone, bool) or monotone == "auto"):
        study.complain(("knobs", key, MONOTONE), f"{shown(monotone)} is not one of true, false, auto")
    axis = read_axis(study, "knobs", key, more_keys=(MONOTONE,), most_values=MOST_VALUES)
    if axis is None:
        return None
    refuse_repeats(study, [axis])
    if key == "run.seed":
        study.complain(
            axis.key_path, "a seed is nothing to choose; `repeats` runs the answer with several", at_key=True
        )
    order = list(range(len(axis.values)))
    numbers = [magnitude(value) for value in axis.values]
    if monotone == "auto" and None not in numbers:
        order.sort(key=lambda number: numbers[number] or 0.0)
    said = monotone if isinstance(monotone, bool) else None
    return _Raw(axis, tuple(order), said, tuple(axis.change(number, study) for number in order))


def _repeats(study: StudyDocument, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        study.complain(("repeats",), f"{shown(value)} is not a whole number, 1 to {MOST_REPEATS}")
    elif not 1 <= value <= MOST_REPEATS:
        study.complain(("repeats",), f"{value} is out of range; 1 to {MOST_REPEATS} seeds")
    return value if isinstance(value, int) else 1


def _checked(study: StudyDocument, document: BaseDocument, knobs: Sequence[Sequence[Change]]) -> Config | None:
    """Build the base with each value of each knob; record problems that no values of other knobs cure."""
    found = document.examine(())
    base = None if found.problems or found.contradictions else found.config
    of_base = [*found.problems, *found.contradictions]  # knob values may cure these
    n_problems = len(study.problems)
    ends = [[changes[end] for changes in knobs] for end in (0, -1)]
    for number, changes in enumerate(knobs):
        said: set[tuple[str, str]] = set()
        for change in changes:
            config, problems = _with_some_others(document, change, number, ends)
            base = base or config
            study.problems += [one for one in problems if (one.key, one.message) not in said]
            said.update((one.key, one.message) for one in problems)
    if base is None and len(study.problems) == n_problems:
        study.problems += of_base
    return base


def _with_some_others(
    document: BaseDocument, change: Change, number: int, ends: Sequence[Sequence[Change]]
) -> tuple[Config | None, list[Problem]]:
    """Build the base with one value of a knob, the others as in the base or at an end; return it or its problems."""
    problems: list[Problem] = []
    for others in ([], *ends):
        found = document.examine([*(other for at, other in enumerate(others) if at != number), change])
        wrong = [*found.problems, *found.contradictions]
        if not wrong:
            return found.config, []
        problems = problems or wrong
    return None, problems
