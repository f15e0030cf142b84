"""A sweep that was read, with its base: what is to be run, checked as far as can be before anything runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from hwmodel.config import Config
from hwmodel.config.document import Problem, raise_problems
from hwmodel.config.load import BaseDocument
from hwmodel.config.overrides import Change, Overrides
from hwmodel.config.run import MAX_SEED
from hwmodel.explore.study.document import CAPTURE, base_of

from .points import Points, points_of
from .sweep_file import SEED, SweepFile, read_sweep

ASKS_ABOVE = 100_000  # runs
MOST_CHECKED = 2000  # configurations that are tried before the first run, a millisecond each
HASH_DIGITS = 16


@dataclass(frozen=True)
class Plan:
    """Hold a sweep that can begin.

    `config`: the first point's. `doubtful`: what is wrong with single points, each of which will be a failed row.
    """

    sweep: SweepFile
    points: Points
    base: BaseDocument
    config: Config
    first_seed: int
    sweep_hash: str
    doubtful: tuple[str, ...]

    def axes_of(self, number: int) -> list[Any]:
        """Return the axes' values of a run, as written."""
        return self.points.values(number)

    def seed_of(self, number: int) -> int:
        """Return the seed of a run."""
        keys = [axis.key for axis in self.sweep.axes]
        values = self.points.values(number)
        first = values[keys.index(SEED)] if SEED in keys else self.first_seed
        return int(first) + self.points.seed_offset(number) if isinstance(first, int) else 0

    def changes_of(self, number: int) -> list[Change]:
        """Return what a run changes in the base, its seed among it."""
        changes = self.points.changes(number)
        if self.sweep.n_seeds > 1:
            place = self.sweep.study.document.place_of(("seeds",))
            changes.append(Change(SEED, self.seed_of(number), place, place))
        return changes


def plan_sweep(
    source: str | os.PathLike[str] | Mapping[str, Any], overrides: Overrides | None = None, *, any_number: bool = False
) -> Plan:
    """Read a sweep and its base, and check them; InputError with a line for each problem of both.

    `any_number`: let more than ASKS_ABOVE runs begin.
    """
    sweep = read_sweep(source)
    study = sweep.study
    study.refuse_fixed([axis.key_path for axis in sweep.axes], overrides)
    base = base_of(study, overrides)
    # Where something is wrong already, the values of each axis can still be looked at.
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
    """Try each value of each axis in the first point that has it; return the first configuration that can be made.

    What is wrong with a value by itself ends the sweep before it begins, with all else that was found wrong. What only
    does not go together with other values is that point's own failure, unless no point that was tried can be made.
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
    """Return what tells this sweep from another: its base, what it sets, its axes, its condition and seeds."""
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
