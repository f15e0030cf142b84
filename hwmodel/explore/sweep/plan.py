"""A sweep read strictly from its file: the keys that vary, the resulting points, and all problems."""

from __future__ import annotations

import hashlib
import json
import math
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from hwmodel.config import Config
from hwmodel.config.document import Problem, raise_problems
from hwmodel.config.kinds import shown
from hwmodel.config.load import BaseDocument
from hwmodel.config.model import HASH_DIGITS
from hwmodel.config.overrides import Change, Overrides
from hwmodel.config.run import MAX_SEED
from hwmodel.explore.study.axes import COST, Axis, is_cost, read_axis, refuse_fixed, refuse_repeats, refuse_second_axes
from hwmodel.explore.study.document import CAPTURE, StudyDocument, base_of, read_study
from hwmodel.explore.sweep.where import WhereError, compile_where

KEYS = ("base", "set", "grid", "zip", "list", "seeds", "where")
MOST_SEEDS = 1000
SEED = "run.seed"
Group = tuple[Axis, ...]
# What people call these elsewhere.
_SYNONYMS = {
    "config": "base", "axes": "grid", "parameters": "grid", "knobs": "grid", "matrix": "grid", "product": "grid",
    "points": "list", "include": "list", "repeats": "seeds", "seed": "seeds", "if": "where", "filter": "where",
    "condition": "where", "conditions": "where",
}  # fmt: skip


@dataclass(frozen=True)
class SweepFile:
    """Hold what a sweep's file says.

    `study`: the file, with the problems found so far; the other fields hold what could be read despite them. `groups`:
    axes that vary together; groups are combined with each other, the first varying slowest.
    """

    study: StudyDocument
    groups: tuple[Group, ...]
    n_seeds: int
    where: str | None
    is_wanted: Callable[[Mapping[str, Any]], bool] | None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Return all axes in the order of the file."""
        return tuple(axis for group in self.groups for axis in group)

    def apart(self) -> SweepFile:
        """Return a sweep with each axis in a group of its own, so that values can be checked despite other problems."""
        return replace(self, groups=tuple((axis,) for axis in self.axes), is_wanted=None)


def read_sweep(source: str | os.PathLike[str] | Mapping[str, Any]) -> SweepFile:
    """Read a sweep's file, a shipped one by its name, or a mapping with a file's content.

    Problems are recorded in `study`. Raises InputError where there are no keys and values to look at.
    """
    study = read_study(source, "sweep")
    study.refuse_unknown((), KEYS, _SYNONYMS)
    if not any(key in study.data for key in ("grid", "zip", "list", "seeds")):
        study.complain((), "nothing varies: a sweep has a grid, zip, list or seeds")
    groups = (*((axis,) for axis in _axes_of(study, "grid")), _zipped(study), _listed(study))
    groups = tuple(group for group in groups if group)
    _refuse_repeats(study, groups)
    axes = [axis for group in groups for axis in group]
    is_wanted = _where(study, _varied_keys(study))
    return SweepFile(study, groups, _seeds(study, axes), study.data.get("where"), is_wanted)


def _axes_of(study: StudyDocument, section: str) -> list[Axis]:
    written = study.data.get(section, {})
    if not isinstance(written, dict):
        study.complain((section,), f"{shown(written)} where axes are expected, like pcie.lanes: [1, 2, 4, 8]")
        return []
    if not written and section in study.data:
        study.complain((section,), "no axis is in it; write one like pcie.lanes: [1, 2, 4, 8]")
    read = (read_axis(study, section, key) for key in written)
    return [axis for axis in read if axis is not None]


def _zipped(study: StudyDocument) -> Group:
    axes = _axes_of(study, "zip")
    for axis in axes:
        if len(axis.values) != len(axes[0].values):
            n_values = f"it has {len(axis.values)} value{'s' * (len(axis.values) > 1)}"
            message = f"{n_values}, {axes[0].key} has {len(axes[0].values)}; zipped axes go in step"
            study.complain(("zip", axis.key), message, at_key=True)
    return tuple(axes)


def _listed(study: StudyDocument) -> Group:
    """Return the axes of points listed one by one; a point's cost is assigned to its first axis."""
    points = study.data.get("list", [])
    if not isinstance(points, list) or (not points and "list" in study.data):
        wrong = "there is no point in it; write some" if points == [] else f"{shown(points)} is no list of points"
        study.complain(("list",), f"{wrong}, like [{{pcie.lanes: 4, nic.vfs: 8}}]")
        return ()
    n_problems = len(study.problems)
    keys = next((list(point) for point in points if isinstance(point, dict) and point), [])
    for number, point in enumerate(points):
        if not isinstance(point, dict) or not point:
            study.complain(("list", number), f"{shown(point)} is no point, like {{pcie.lanes: 4, nic.vfs: 8}}")
        elif set(point) != set(keys):
            odd = sorted(set(point) ^ set(keys))
            are = "are" if len(odd) > 1 else "is"
            study.complain(
                ("list", number), f"all points have the same keys; {', '.join(odd)} {are} not in all of them"
            )
        elif COST in point and not is_cost(point[COST]):
            study.complain(("list", number, COST), f"{shown(point[COST])} is no cost; a number, 0 or more")
    if len(study.problems) > n_problems or study.has_unreadable(("list",)):
        return ()
    costs = tuple(float(point[COST]) for point in points) if COST in keys else None
    axes = [_listed_axis(study, points, key) for key in keys if key != COST]
    return (replace(axes[0], costs=costs), *axes[1:]) if axes else ()


def _listed_axis(study: StudyDocument, points: Sequence[Mapping[str, Any]], key: str) -> Axis:
    places = tuple(study.document.place_of(("list", number, key)) for number in range(len(points)))
    key_place = study.document.place_of(("list", 0, key), key=True)
    return Axis(key, tuple(point[key] for point in points), None, "list", key_place, places)


def _refuse_repeats(study: StudyDocument, groups: Sequence[Group]) -> None:
    """Complain of a key that varies twice, and of points that occur twice."""
    refuse_second_axes(study, [axis for group in groups for axis in group])
    for group in groups:
        if len({len(axis.values) for axis in group}) == 1:  # unequal lengths were reported
            refuse_repeats(study, group, ("list",) if group[0].section == "list" else None)


def _seeds(study: StudyDocument, axes: Sequence[Axis]) -> int:
    n_seeds = study.data.get("seeds", 1)
    if isinstance(n_seeds, bool) or not isinstance(n_seeds, int) or not 1 <= n_seeds <= MOST_SEEDS:
        study.complain(("seeds",), f"{shown(n_seeds)} is no number of seeds, 1 to {MOST_SEEDS}")
        return 1
    by_axis = next((axis for axis in axes if axis.key == SEED), None)
    if by_axis is not None and "seeds" in study.data:
        study.complain(("seeds",), f"{by_axis.path} says the seeds already")
    return n_seeds


def _varied_keys(study: StudyDocument) -> list[str]:
    """Return the keys that the file varies, including those whose values could not be read."""
    points = study.data.get("list")
    first = points[0] if isinstance(points, list) and points else None
    parts = (study.data.get("grid"), study.data.get("zip"), first)
    return list(dict.fromkeys(key for part in parts if isinstance(part, dict) for key in part))


def _where(study: StudyDocument, axes: Sequence[str]) -> Callable[[Mapping[str, Any]], bool] | None:
    text = study.data.get("where")
    if text is None:
        return None
    if not isinstance(text, str):
        study.complain(("where",), f'{shown(text)} is no condition, like "pcie.lanes < 8"')
        return None
    if not axes:
        study.complain(("where",), "no key varies, so that a condition has nothing to choose from")
        return None
    try:
        return compile_where(text, axes)
    except WhereError as error:
        study.complain(("where",), str(error))
        return None


# ---- Points: each combination of the groups' values that the condition leaves, numbered in order ----


MOST_COMBINATIONS = 10_000_000  # a condition is evaluated for each; more would never end


@dataclass(frozen=True)
class Points:
    """Hold which combinations are points; `kept`: their numbers, None if all are."""

    sweep: SweepFile
    sizes: tuple[int, ...]
    kept: Sequence[int] | None

    def __len__(self) -> int:
        """Return the number of runs: the points, each with every seed."""
        n_kept = math.prod(self.sizes) if self.kept is None else len(self.kept)
        return n_kept * self.sweep.n_seeds

    def positions(self, number: int) -> list[int]:
        """Return the position of each group's value in the point of run `number`."""
        combination = number // self.sweep.n_seeds
        return _positions(combination if self.kept is None else self.kept[combination], self.sizes)

    def seed_offset(self, number: int) -> int:
        """Return by how much the seed of run `number` is above the first."""
        return number % self.sweep.n_seeds

    def values(self, number: int) -> list[Any]:
        """Return the values of run `number` as written, in the order of the axes."""
        pairs = zip(self.sweep.groups, self.positions(number), strict=True)
        return [axis.values[position] for group, position in pairs for axis in group]

    def changes(self, number: int) -> list[Change]:
        """Return what run `number` changes in the base, apart from its seed."""
        pairs = zip(self.sweep.groups, self.positions(number), strict=True)
        return [axis.change(at, self.sweep.study) for group, at in pairs for axis in group]

    def first_with_each_value(self) -> Iterator[int]:
        """Yield the first run of all, then the first with each further value of each group."""
        yield from (0,) if len(self) else ()
        if self.kept is None:
            for at, size in enumerate(self.sizes):
                others = math.prod(self.sizes[at + 1 :])
                yield from (position * others * self.sweep.n_seeds for position in range(1, size))
            return
        seen = set(enumerate(self.positions(0)))
        for number in range(self.sweep.n_seeds, len(self), self.sweep.n_seeds):
            new = set(enumerate(self.positions(number))) - seen
            if new:
                seen |= new
                yield number
            if len(seen) == sum(self.sizes):
                return


def points_of(sweep: SweepFile, *, most: int | None) -> Points:
    """Find the points; all combinations if the condition cannot be used.

    Problems are recorded: no point, more than `most` runs (None: no limit), or more than MOST_COMBINATIONS.
    """
    sizes = tuple(min(len(axis.values) for axis in group) for group in sweep.groups)
    points, study, n_all = Points(sweep, sizes, None), sweep.study, math.prod(sizes)
    if n_all > MOST_COMBINATIONS:
        study.complain((), f"{n_all:,} combinations are more than the {MOST_COMBINATIONS:,} that a sweep can have")
        return points
    if sweep.is_wanted is not None:
        kept = _wanted(sweep, sizes)
        if not kept:
            return points
        points = Points(sweep, sizes, kept)
    if most is not None and len(points) > most:
        study.complain((), f"{len(points):,} runs; --yes lets more than {most:,} begin")
    return points


def _wanted(sweep: SweepFile, sizes: tuple[int, ...]) -> array[int]:
    """Return the numbers of the combinations that meet the condition; empty after a problem was recorded."""
    assert sweep.is_wanted is not None
    kept = array("q")
    keys = [axis.key for axis in sweep.axes]
    n_all = math.prod(sizes)
    every = Points(sweep, sizes, range(n_all))
    for combination in range(n_all):
        values = every.values(combination * sweep.n_seeds)
        try:
            if sweep.is_wanted(dict(zip(keys, values, strict=True))):
                kept.append(combination)
        except WhereError as error:
            words = ", ".join(f"{key} {shown(value)}" for key, value in zip(keys, values, strict=True))
            sweep.study.complain(("where",), f"{error} (at {words})")
            return array("q")
    if not kept:
        sweep.study.complain(("where",), f"no point of {n_all:,} meets it")
    return kept


def _positions(combination: int, sizes: tuple[int, ...]) -> list[int]:
    positions = []
    for size in reversed(sizes):
        combination, position = divmod(combination, size)
        positions.append(position)
    return positions[::-1]


# ---- The sweep with its base, checked as far as can be before anything runs ----


ASKS_ABOVE = 100_000  # runs
MOST_CHECKED = 2000  # configurations that are checked before the first run, a millisecond each


@dataclass(frozen=True)
class Plan:
    """Hold a sweep that can begin.

    `config`: of the first valid point checked. `doubtful`: problems of single points, which will become failed rows.
    """

    sweep: SweepFile
    points: Points
    base: BaseDocument
    config: Config
    first_seed: int
    sweep_hash: str
    doubtful: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """Return the files that the sweep reads: its base's, and the captures that vary."""
        return [*self.base.files(), *_captures(self.sweep, self.base)]

    def seed_of(self, number: int) -> int:
        """Return the seed of a run."""
        keys = [axis.key for axis in self.sweep.axes]
        values = self.points.values(number)
        first = values[keys.index(SEED)] if SEED in keys else self.first_seed
        return int(first) + self.points.seed_offset(number) if isinstance(first, int) else 0

    def changes_of(self, number: int) -> list[Change]:
        """Return what a run changes in the base, including its seed."""
        changes = self.points.changes(number)
        if self.sweep.n_seeds > 1:
            place = self.sweep.study.document.place_of(("seeds",))
            changes.append(Change(SEED, self.seed_of(number), place, place))
        return changes


def plan_sweep(
    source: str | os.PathLike[str] | Mapping[str, Any], overrides: Overrides | None = None, *, any_number: bool = False
) -> Plan:
    """Read a sweep and its base, and check them; raises InputError with a line for each problem of both.

    `any_number`: let more than ASKS_ABOVE runs begin.
    """
    sweep = read_sweep(source)
    study = sweep.study
    refuse_fixed(study, sweep.axes, overrides)
    base = base_of(study, overrides)
    # Despite earlier problems, each axis's values can still be checked.
    points = points_of(sweep.apart() if study.problems else sweep, most=None if any_number else ASKS_ABOVE)
    if base is None:
        study.raise_problems()
    assert base is not None
    plan = Plan(sweep, points, base, Config.model_construct(), _first_seed(base.data), _hash_of(sweep, base), ())
    config, doubtful = _check(plan)
    return replace(plan, config=config, doubtful=doubtful)


def _first_seed(data: Mapping[str, Any]) -> int:
    run = data.get("run")
    seed = run.get("seed") if isinstance(run, dict) else None
    return seed if isinstance(seed, int) and 0 <= seed <= MAX_SEED else 1


def _check(plan: Plan) -> tuple[Config, tuple[str, ...]]:
    """Check each value of each axis in the first point that has it; return the first valid configuration.

    A value that is wrong by itself ends the sweep before it begins, together with all other problems found. A value
    that only contradicts others fails its own points, unless no point checked is valid.
    """
    config: Config | None = None
    study = plan.sweep.study
    contradictory: dict[str, Problem] = {}
    for number in islice(plan.points.first_with_each_value(), MOST_CHECKED):
        found = plan.base.examine(plan.changes_of(number))
        study.problems += found.problems
        contradictory |= {problem.line: problem for problem in found.contradictions}
        if config is None and not (found.problems or found.contradictions):
            config = found.config
    study.raise_problems()
    if config is None:
        raise_problems(list(contradictory.values()))
        raise AssertionError("a configuration that cannot be made has a problem")
    return config, tuple(contradictory)


def _hash_of(sweep: SweepFile, base: BaseDocument) -> str:
    """Return a hash that identifies the sweep: of base and `set`, axes, condition, seeds and captures' contents."""
    data: dict[str, Any] = {
        "base": base.data,
        "axes": [[[axis.key, list(axis.values)] for axis in group] for group in sweep.groups],
        "where": sweep.where,
        "seeds": sweep.n_seeds,
        "captures": [_content_hash(path) for path in _captures(sweep, base)],
    }
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:HASH_DIGITS]


def _captures(sweep: SweepFile, base: BaseDocument) -> Iterator[str]:
    workload = base.data.get("workload")
    named = workload.get("pcap") if isinstance(workload, dict) else None
    if isinstance(named, str):
        yield os.path.join(base.directory, named)
    for axis in sweep.axes:
        if axis.key == CAPTURE:
            yield from (sweep.study.file_path(value) for value in axis.values if isinstance(value, str))


def _content_hash(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "cannot be read"
