"""Read a sizing file strictly: every problem with its place, key and hint, all at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwmodel.config import Config
from hwmodel.config.base_document import BaseDocument
from hwmodel.config.document import KeyPath, raise_problems
from hwmodel.config.kinds import shown, suggest
from hwmodel.config.overrides import Change, Overrides
from hwmodel.config.studies import StudyDocument, base_of, read_study
from hwmodel.errors import InputError
from hwmodel.explore.sizing.knobs import MOST_VALUES, Knob, costs_per_unit, magnitude, monotone_of
from hwmodel.explore.sizing.targets import METRICS, Target, read_target

_KEYS = ("base", "set", "target", "knobs", "repeats")
_OF_A_KNOB = ("values", "cost", "costs", "monotone")
MOST_CANDIDATES = 1_000_000
_MOST_REPEATS = 10
# What people call these elsewhere.
_SYNONYMS = {
    "throughput": "gbps", "rate": "gbps", "pps": "mpps", "latency": "p99", "p99.9": "p999", "p99_9": "p999",
    "drops": "loss", "drop": "loss", "median": "p50", "latency_ns": "p99", "targets": "target", "knob": "knobs",
    "parameters": "knobs", "axes": "knobs", "grid": "knobs", "config": "base", "seeds": "repeats",
}  # fmt: skip


@dataclass(frozen=True)
class Sizing:
    """Hold what is asked: the base with its knobs, the targets, and how many seeds the answer is run with.

    `offers_target`: the base saturates, and a bound of latency or loss has a meaning only at a load: that of the
    rate asked for. `saturates`: the base does, and is run so.
    """

    base: BaseDocument
    targets: tuple[Target, ...]
    knobs: tuple[Knob, ...]
    repeats: int
    offers_target: bool
    saturates: bool
    changes: tuple[tuple[Change, ...], ...]  # of each knob, a change for each value

    def config(self, candidate: Sequence[int], more: Sequence[Change] = ()) -> Config:
        """Build the configuration that a candidate, a position in each knob's values, stands for."""
        of_knobs = [changes[at] for changes, at in zip(self.changes, candidate, strict=True)]
        return self.base.with_changes([*of_knobs, *more])


def read_sizing(given: str | Path | Mapping[str, Any], overrides: Overrides | None = None) -> Sizing:
    """Read a sizing file, or the mapping that stands for one; `overrides` change its base.

    Raises InputError with a line for each problem.
    """
    study = read_study(given, "sizing")
    data = study.document.data
    for key in data:
        if key not in _KEYS:
            study.complain((key,), "unknown key" + _hint(key, _KEYS), at_key=True)
    targets = _targets(study)
    parts = [
        _knob(study, key, value) for key, value in _mapping(study, "knobs", "pcie.lanes: {values: [1, 2, 4], cost: 4}")
    ]
    repeats = _repeats(study, data.get("repeats", 3))
    document = base_of(study, overrides)
    raw = [part for part in parts if part is not None]
    n_candidates = math.prod(len(one.values) for one in raw)
    if n_candidates > MOST_CANDIDATES:
        study.complain(("knobs",), f"{n_candidates:,} configurations are too many; {MOST_CANDIDATES:,} at most")
    _check_overridden(study, raw, overrides)
    base = _checked(study, document, raw) if document is not None else None
    raise_problems(study.problems)
    assert document is not None and base is not None
    saturates = base.workload.load.kind == "saturate" and base.workload.pcap is None
    offers_target = saturates and any(t.is_least for t in targets) and not all(t.is_least for t in targets)
    is_open = offers_target or not saturates
    knobs = [Knob(one.key, one.values, one.costs, monotone_of(one.key, one.values, one.monotone, is_open=is_open))
             for one in raw]  # fmt: skip
    return Sizing(
        document,
        tuple(targets),
        tuple(knobs),
        repeats,
        offers_target,
        saturates and not offers_target,
        tuple(one.changes for one in raw),
    )


@dataclass(frozen=True)
class _Raw:
    """Hold a knob as written, its numbers sorted where the order was not said to matter."""

    key: str
    values: tuple[Any, ...]
    costs: tuple[float, ...]
    monotone: bool | None
    changes: tuple[Change, ...]


def _mapping(study: StudyDocument, key: str, example: str) -> list[tuple[str, Any]]:
    value = study.document.data.get(key)
    if value is None:
        study.complain((key,), f"this key is missing; write it like {key}: {{{example}}}")
    elif not isinstance(value, dict):
        study.complain((key,), f"{shown(value)} where keys with values are expected, like {{{example}}}")
    elif not value:
        study.complain((key,), f"nothing is in it; write it like {{{example}}}")
    else:
        return list(value.items())
    return []


def _targets(study: StudyDocument) -> list[Target]:
    found = []
    for metric, value in _mapping(study, "target", "gbps: 10, p99: 10us"):
        if metric not in METRICS:
            study.complain(("target", metric), f"unknown target{_hint(metric, METRICS)}", at_key=True)
            continue
        try:
            found.append(read_target(metric, value))
        except ValueError as error:
            study.complain(("target", metric), str(error))
    return found


def _knob(study: StudyDocument, key: str, written: Any) -> _Raw | None:
    path: KeyPath = ("knobs", key)
    if isinstance(written, list):
        written, at = {"values": written}, path
    elif isinstance(written, dict):
        at = (*path, "values")
    else:
        study.complain(path, f"{shown(written)} is no knob; write it like {{values: [1, 2, 4], cost: 4}}")
        return None
    n_problems = len(study.problems)
    for word in written:
        if word not in _OF_A_KNOB:
            study.complain((*path, word), "unknown key" + _hint(word, _OF_A_KNOB), at_key=True)
    values = _values(study, at, written.get("values"))
    monotone = written.get("monotone", "auto")
    if not (isinstance(monotone, bool) or monotone == "auto"):
        study.complain((*path, "monotone"), f"{shown(monotone)} is not one of true, false, auto")
    costs = _costs(study, path, written, values) if len(study.problems) == n_problems else ()
    if len(study.problems) > n_problems:
        return None
    key_place, places = study.document.place_of(path, key=True), study.document.place_of
    changes = [Change(key, value, key_place, places((*at, number)), "knobs.") for number, value in enumerate(values)]
    order = list(range(len(values)))
    numbers = [magnitude(value) for value in values]
    if monotone == "auto" and None not in numbers:
        order.sort(key=lambda number: numbers[number] or 0.0)
    said = None if monotone == "auto" else bool(monotone)
    sorted_values, sorted_costs = ([each[number] for number in order] for each in (values, costs))
    return _Raw(key, tuple(sorted_values), tuple(sorted_costs), said, tuple(changes[number] for number in order))


def _values(study: StudyDocument, at: KeyPath, values: Any) -> list[Any]:
    if values is None:
        study.complain(at, "this key is missing; it lists what may be chosen, like [1, 2, 4, 8]")
    elif not isinstance(values, list):
        study.complain(at, f"{shown(values)} is not a list; write it like [1, 2, 4, 8]")
    elif not values:
        study.complain(at, "the list is empty; write it like [1, 2, 4, 8]")
    elif len(values) > MOST_VALUES:
        study.complain(at, f"{len(values)} values are too many; {MOST_VALUES} at most")
    else:
        for number, value in enumerate(values):
            if any(value == other and type(value) is type(other) for other in values[:number]):
                study.complain((*at, number), f"{shown(value)} stands in the list already")
        return values
    return []


def _costs(study: StudyDocument, path: KeyPath, written: dict[str, Any], values: list[Any]) -> Sequence[float]:
    """Read what each value costs; nothing where the file does not say, so that the first that meets is as good."""
    cost, costs = written.get("cost"), written.get("costs")
    if cost is not None and costs is not None:
        study.complain((*path, "costs"), "beside cost; one of them says what a value costs", at_key=True)
    elif costs is not None:
        at = (*path, "costs")
        if not isinstance(costs, list):
            study.complain(at, f"{shown(costs)} is not a list; write a cost for each value")
        elif len(costs) != len(values):
            study.complain(at, f"{len(costs)} costs for {len(values)} values; one for each")
        else:
            for number, one in enumerate(costs):
                if not _is_cost(one):
                    study.complain((*at, number), f"{shown(one)} is no cost; a number, 0 or more")
            return costs
    elif cost is not None:
        if not _is_cost(cost):
            study.complain((*path, "cost"), f"{shown(cost)} is no cost; a number, 0 or more, for one unit of the value")
        else:
            try:
                return costs_per_unit(values, float(cost))
            except ValueError as error:
                study.complain((*path, "cost"), str(error))
    return [0.0] * len(values)


def _is_cost(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def _repeats(study: StudyDocument, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        study.complain(("repeats",), f"{shown(value)} is not a whole number, 1 to {_MOST_REPEATS}")
    elif not 1 <= value <= _MOST_REPEATS:
        study.complain(("repeats",), f"{value} is out of range; 1 to {_MOST_REPEATS} seeds")
    return value if isinstance(value, int) else 1


def _check_overridden(study: StudyDocument, knobs: Sequence[_Raw], overrides: Overrides | None) -> None:
    said = [overrides] if isinstance(overrides, str) else overrides or []
    keys = {str(one).partition("=")[0].strip() for one in said}
    changes = study.document.data.get("set")
    for one in knobs:
        if one.key in keys:
            study.complain(
                ("knobs", one.key), "--set says what it is; leave it out of the knobs or of --set", at_key=True
            )
        elif isinstance(changes, dict) and one.key in changes:
            study.complain(("knobs", one.key), "stands in set too; one of them says what it is", at_key=True)


def _checked(study: StudyDocument, document: BaseDocument, knobs: Sequence[_Raw]) -> Config:
    """Build the base, and the base with each value of each knob; raise InputError for what others cannot cure."""
    base: Config | None = None
    wrong: list[str] = []
    of_base: list[str] = []
    try:
        base = document.with_changes(())
    except InputError as error:  # which the knobs may cure
        of_base = error.lines
    ends = [[one.changes[end] for one in knobs] for end in (0, -1)]
    for number, one in enumerate(knobs):
        said: set[str] = set()
        for change in one.changes:
            lines: list[str] = []
            for others in ([], *ends):
                beside = [other for at, other in enumerate(others) if at != number]
                try:
                    found = document.with_changes([*beside, change])
                except InputError as error:
                    lines = lines or error.lines
                    continue
                base = base or found
                break
            else:
                wrong += [line for line in lines if _message(line) not in said]
                said.update(map(_message, lines))
    if wrong or base is None:
        lines = [problem.line for problem in study.problems] + wrong + (of_base if base is None else [])
        raise InputError(sorted(dict.fromkeys(lines), key=_place))
    return base


def _hint(word: str, known: Sequence[str]) -> str:
    meant = _SYNONYMS.get(word.lower())
    hint = f" (did you mean {meant}?)" if meant in known else suggest(word, known)
    return hint or f"; known here: {', '.join(known)}"


def _message(line: str) -> str:
    """Return a line of an InputError without its place."""
    return line.partition(": ")[2]


def _place(line: str) -> tuple[str, int, int]:
    """Return where a line of an InputError points, to sort by."""
    found = re.match(r"(.*?):(\d+):(\d+): ", line)
    return (found[1], int(found[2]), int(found[3])) if found else ("", 0, 0)
