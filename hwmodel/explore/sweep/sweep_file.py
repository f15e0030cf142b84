"""Read a sweep's file strictly: which configuration, which keys vary, over which values; what is wrong is recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hwmodel.config.kinds import shown
from hwmodel.explore.study.axes import Axis, read_axis, refuse_repeats, refuse_second_axes
from hwmodel.explore.study.costs import COST, is_cost
from hwmodel.explore.study.document import StudyDocument, read_study

from .where import WhereError, compile_where

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

    `study`: the file, with all that was found wrong so far: what else stands here is what could be read of it.
    `groups`: axes that vary together, each group by itself against all others, the first slowest.
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
        """Return a sweep of the same axes, each by itself: what can still be looked at where something is wrong."""
        return replace(self, groups=tuple((axis,) for axis in self.axes), is_wanted=None)


def read_sweep(source: str | os.PathLike[str] | Mapping[str, Any]) -> SweepFile:
    """Read a sweep's file, a shipped one by its name, or a mapping as one would hold it.

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
    """Return the axes of the points that stand one by one; what a point costs is counted with its first axis."""
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
            study.complain(("list", number), f"all points have the same keys; {', '.join(odd)} is not in all of them")
        elif COST in point and not is_cost(point[COST]):
            study.complain(("list", number, COST), f"{shown(point[COST])} is no cost; a number, 0 or more")
    if len(study.problems) > n_problems:
        return ()
    costs = tuple(float(point[COST]) for point in points) if COST in keys else None
    axes = [_listed_axis(study, points, key) for key in keys if key != COST]
    return (replace(axes[0], costs=costs), *axes[1:]) if axes else ()


def _listed_axis(study: StudyDocument, points: Sequence[Mapping[str, Any]], key: str) -> Axis:
    places = tuple(study.document.place_of(("list", number, key)) for number in range(len(points)))
    key_place = study.document.place_of(("list", 0, key), key=True)
    return Axis(key, tuple(point[key] for point in points), None, "list", key_place, places)


def _refuse_repeats(study: StudyDocument, groups: Sequence[Group]) -> None:
    """Complain of a key that varies twice, and of points that stand twice."""
    refuse_second_axes(study, [axis for group in groups for axis in group])
    for group in groups:
        if len({len(axis.values) for axis in group}) == 1:  # else that was said
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
    """Return the keys that the file varies, those whose values could not be read among them."""
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
