"""A sweep that was read, with its base: what is to be run, checked as far as can be before anything runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hwmodel.config import Config
from hwmodel.config.base_document import BaseDocument, base_inside, read_named_base
from hwmodel.config.document import Document, Problem, raise_problems
from hwmodel.config.overrides import Change, Overrides
from hwmodel.config.run import MAX_SEED
from hwmodel.errors import InputError

from .points import Points, capture_path, points_of
from .quantities import identity
from .sweep_file import CAPTURE, SweepFile, read_sweep

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
        first = values[keys.index("run.seed")] if "run.seed" in keys else self.first_seed
        return int(first) + self.points.seed_offset(number) if isinstance(first, int) else 0

    def changes_of(self, number: int) -> list[Change]:
        """Return what a run changes in the base, its seed among it."""
        changes = self.points.changes(number)
        if self.sweep.n_seeds > 1:
            place = self.sweep.document.place_of(("seeds",))
            changes.append(Change("run.seed", self.seed_of(number), place, place))
        return changes


def plan_sweep(
    source: str | os.PathLike[str] | Mapping[str, Any], overrides: Overrides | None = None, *, any_number: bool = False
) -> Plan:
    """Read a sweep and its base, and check them; InputError with a line for each problem.

    `any_number`: let more than ASKS_ABOVE runs begin.
    """
    sweep = read_sweep(source)
    _refuse_overridden_axes(sweep, overrides)
    base = _base_of(sweep).changed(_with_whole_capture(sweep), "set", overrides)
    points = points_of(sweep, most=None if any_number else ASKS_ABOVE)
    first_seed = _first_seed(base.data)
    plan = Plan(sweep, points, base, Config.model_construct(), first_seed, _hash_of(sweep, base), ())
    config, doubtful = _check(plan)
    return replace(plan, config=config, doubtful=doubtful)


def _base_of(sweep: SweepFile) -> BaseDocument:
    if not isinstance(sweep.base, str):
        return base_inside(sweep.document, "base", sweep.directory)
    try:
        return read_named_base(sweep.base, sweep.directory)
    except InputError as error:
        if any(":" in line.partition(": ")[0] for line in error.lines):
            raise  # of the base's own lines
        place = sweep.document.place_of(("base",))
        raise InputError(f"{place}: base: {line}" for line in error.lines) from None


def _with_whole_capture(sweep: SweepFile) -> Document:
    """Return the sweep's document, with the capture that `set` names found from the sweep's folder."""
    changed = sweep.document.data.get("set")
    block, _, key = CAPTURE.partition(".")
    if not isinstance(changed, dict):
        return sweep.document
    for inside, name in ((changed, CAPTURE), (changed.get(block), key)):
        if isinstance(inside, dict) and isinstance(inside.get(name), str):
            inside[name] = capture_path(sweep, inside[name])
    return sweep.document


def _refuse_overridden_axes(sweep: SweepFile, overrides: Overrides | None) -> None:
    texts = overrides or ()
    keys = list(texts) if isinstance(texts, Mapping) else [text.partition("=")[0].strip() for text in texts]
    varied = {axis.key for axis in sweep.axes}
    problems = [f"--set {key}: this key varies in {sweep.name}; change it there" for key in keys if key in varied]
    if problems:
        raise InputError(problems)


def _first_seed(data: Mapping[str, Any]) -> int:
    run = data.get("run")
    seed = run.get("seed") if isinstance(run, dict) else None
    return seed if isinstance(seed, int) and 0 <= seed <= MAX_SEED else 1


def _check(plan: Plan) -> tuple[Config, tuple[str, ...]]:
    """Try each value of each axis in the first point that has it; return the first configuration that can be made.

    What is wrong with a value by itself ends the sweep before it begins. What only does not go together with other
    values is that point's own failure, unless no point that was tried can be made.
    """
    config: Config | None = None
    wrong: list[Problem] = []
    contradictory: dict[str, Problem] = {}
    for number in _representatives(plan):
        found = plan.base.examine(plan.changes_of(number))
        wrong += found.problems
        contradictory |= {problem.line: problem for problem in found.contradictions}
        if config is None and not (found.problems or found.contradictions):
            config = found.config
    raise_problems(wrong)
    if config is None:
        raise_problems(list(contradictory.values()))
        raise AssertionError("a configuration that cannot be made has a problem")
    return config, tuple(contradictory)


def _representatives(plan: Plan) -> Iterator[int]:
    """Yield the first run that has a value of an axis, for each value, up to MOST_CHECKED runs."""
    n_seeds, n_left = plan.sweep.n_seeds, MOST_CHECKED
    n_values = sum(len({identity(value) for value in axis.values}) for axis in plan.sweep.axes)
    seen: set[tuple[int, str]] = set()
    known: dict[int, str] = {}  # `identity` of a value, by the value's own id: it is computed once
    for number in range(0, len(plan.points), n_seeds):
        values = plan.points.values(number)
        new = {(axis, known.setdefault(id(value), identity(value))) for axis, value in enumerate(values)} - seen
        if new or not number:
            yield number
            n_left -= 1
        seen |= new
        if not n_left or len(seen) == n_values:
            return


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
            yield from (capture_path(sweep, value) for value in axis.values if isinstance(value, str))


def _content_hash(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "cannot be read"
