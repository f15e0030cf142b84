"""A key that varies, with its values and what each costs: an axis of a sweep, a knob of a sizing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.config.document import KeyPath, Place, Problem
from hwmodel.config.kinds import shown
from hwmodel.config.overrides import Change

from .costs import COST_KEYS, read_costs
from .document import CAPTURE, StudyDocument, dotted_keys
from .quantities import identity
from .ranges import HOW_RANGES, RANGE_KEYS, RangeError, values_of_range

_FORMS = f"write a list like [1, 2, 4, 8], or a range: {HOW_RANGES}"


@dataclass(frozen=True)
class Axis:
    """Hold a key of the configuration, its values as written, what each costs, and where each, and the key, stands.

    `costs`: None where the file says nothing of them. `section`: the part of the file that it stands in.
    """

    key: str
    values: tuple[Any, ...]
    costs: tuple[float, ...] | None
    section: str
    key_place: Place
    places: tuple[Place, ...]

    @property
    def path(self) -> str:
        """Return the key with the section before it, as messages name it."""
        return f"{self.section}.{self.key}"

    @property
    def key_path(self) -> KeyPath:
        """Return where the key stands in the file."""
        return ("list", 0, self.key) if self.section == "list" else (self.section, self.key)

    def change(self, at: int, study: StudyDocument) -> Change:
        """Return what one of the values changes in the base; a capture is found from the study's folder."""
        value = self.values[at]
        if self.key == CAPTURE and isinstance(value, str):
            value = study.file_path(value)
        return Change(self.key, value, self.key_place, self.places[at], f"{self.section}.")


def read_axis(
    study: StudyDocument, section: str, key: str, *, more_keys: Sequence[str] = (), most_values: int | None = None
) -> Axis | None:
    """Read an axis: a list of values, a range, or either with its costs beside it; None where no value can be read.

    Problems are recorded. `more_keys`: what else may stand beside the values.
    """
    path: KeyPath = (section, key)
    written = study.data[section][key]
    n_problems = len(study.problems)
    if path in study.document.unreadable:
        return None
    if "[" in key:
        by_dots = re.sub(r"\[(\w*)\]", r".\1", key)
        message = f"entries of a list are named with dots, by position or by name (did you mean {by_dots}?)"
        study.complain(path, message, at_key=True)
        return None
    at: KeyPath = (*path, "values") if isinstance(written, dict) and "values" in written else path
    values = _values(study, path, written, more_keys)
    if not values and len(study.problems) == n_problems and at not in study.document.unreadable:
        study.complain(at, "no value is in it; write some, like [1, 2, 4, 8]")
    if most_values is not None and len(values) > most_values:
        study.complain(at, f"{len(values):,} values are too many; {most_values:,} at most")
    places = tuple(study.document.place_of((*at, number)) for number in range(len(values)))
    if not values:
        return None
    costs = read_costs(study, path, written, values) if isinstance(written, dict) else None
    return Axis(key, tuple(values), costs, section, study.document.place_of(path, key=True), places)


def refuse_second_axes(study: StudyDocument, axes: Sequence[Axis]) -> None:
    """Complain of a key that varies twice: as two axes, or as one and in the values of the block around it."""
    first_of: dict[str, Axis] = {}
    for axis in axes:
        first = first_of.setdefault(axis.key, axis)
        if first is not axis:
            study.complain(axis.key_path, f"it varies in {first.section} already", at_key=True)
    for block, axis in ((one, other) for one in axes for other in axes if other.key.startswith(f"{one.key}.")):
        if any(axis.key in dotted_keys(value, f"{block.key}.") for value in block.values):
            study.complain(axis.key_path, f"it varies with {block.path} already", at_key=True)


def refuse_repeats(study: StudyDocument, axes: Sequence[Axis], path: KeyPath | None = None) -> None:
    """Complain of values that stand twice, or of axes that go in step, of sets of values.

    `path`: the list that they stand in as points; by default they are those of the first axis.
    """
    seen: dict[tuple[str, ...], int] = {}
    for number, values in enumerate(zip(*(axis.values for axis in axes), strict=True)):
        first = seen.setdefault(tuple(map(identity, values)), number)
        if first != number:
            words = ", ".join(f"{axis.key} {shown(value)}" for axis, value in zip(axes, values, strict=True))
            message = f"{words} is there already, as number {first + 1} of {len(axes[0].values)}"
            if path is not None:
                study.complain((*path, number), message)
            else:
                study.problems.append(Problem(axes[0].places[number], axes[0].path, message))


def _values(study: StudyDocument, path: KeyPath, written: Any, more_keys: Sequence[str]) -> Sequence[Any]:
    """Return the values of an axis; nothing after a problem was recorded."""
    if isinstance(written, list):
        return written
    if not isinstance(written, dict):
        hint = f"{shown(written)} is no list of values; write it like [{shown(written)}]"
        study.complain(path, "no value is in it; write some, like [1, 2, 4, 8]" if written is None else hint)
        return ()
    known = ("values", *RANGE_KEYS, *COST_KEYS, *more_keys)
    if not any(word in known for word in written):
        dots = " (inner keys are written with dots, like pcie.lanes: [1, 2])" if written else ""
        study.complain(path, f"neither a list of values nor a range{dots}; {_FORMS}")
        return ()
    study.refuse_unknown(path, known)
    of_range = [word for word in written if word in RANGE_KEYS]
    if "values" not in written:
        if not of_range:
            study.complain(path, f"values is missing; {_FORMS}")
            return ()
        return _of_range(study, path, {word: written[word] for word in of_range})
    if of_range:
        study.complain((*path, of_range[0]), "beside values; a list or a range says what they are", at_key=True)
    values = written["values"]
    if not isinstance(values, list):
        study.complain((*path, "values"), f"{shown(values)} is no list of values; write it like [{shown(values)}]")
        return ()
    return values


def _of_range(study: StudyDocument, path: KeyPath, written: Mapping[str, Any]) -> Sequence[Any]:
    try:
        return values_of_range(written)
    except RangeError as error:
        study.complain((*path, error.key) if error.key else path, str(error))
        return ()
