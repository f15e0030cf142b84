"""A key that varies, with its values and what each costs: an axis of a sweep, a knob of a sizing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, isfinite
from typing import Any

from hwmodel.config.document import KeyPath, Place, Problem
from hwmodel.config.kinds import shown
from hwmodel.config.overrides import Change, Overrides, dotted_keys, overridden_keys
from hwmodel.explore.study.document import CAPTURE, StudyDocument
from hwmodel.units import DIMENSIONS, Dimension, UnitError
from hwmodel.words.quantities import counted


@dataclass(frozen=True)
class Axis:
    """Hold a key of the configuration, its values as written, their costs, and the places of both in the file.

    `costs`: None if the file gives none. `section`: the part of the file that the axis is in.
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
        """Return the key's path in the file."""
        return ("list", 0, self.key) if self.section == "list" else (self.section, self.key)

    def change(self, at: int, study: StudyDocument) -> Change:
        """Return one value's change to the base; a capture's name is relative to the study's folder."""
        value = self.values[at]
        if self.key == CAPTURE and isinstance(value, str):
            value = study.file_path(value)
        return Change(self.key, value, self.key_place, self.places[at], f"{self.section}.")


def read_axis(
    study: StudyDocument, section: str, key: str, *, more_keys: Sequence[str] = (), most_values: int | None = None
) -> Axis | None:
    """Read an axis: a list of values, a range, or either with its costs beside it; None where no value can be read.

    Problems are recorded. `more_keys`: further keys allowed beside the values.
    """
    path: KeyPath = (section, key)
    written = study.data[section][key]
    n_problems = len(study.problems)
    if study.has_unreadable(path):
        return None
    if "[" in key:
        by_dots = re.sub(r"\[(\w*)\]", r".\1", key)
        message = f"entries of a list are named with dots, by position or by name (did you mean {by_dots}?)"
        study.complain(path, message, at_key=True)
        return None
    at: KeyPath = (*path, "values") if isinstance(written, dict) and "values" in written else path
    values = _values(study, path, written, more_keys)
    if not values and len(study.problems) == n_problems:
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


def refuse_fixed(study: StudyDocument, axes: Iterable[Axis], overrides: Overrides | None) -> None:
    """Complain of axes with a key to which `set` or `--set` gives one value, which the axis would override.

    Both ways of writing are recognised, on either side: pcie.lanes, and pcie: {lanes: 8}.
    """
    givers = (("`set`", dotted_keys(study.data.get("set"))), ("--set", overridden_keys(overrides)))
    for axis in axes:
        varied = {axis.key, *_keys_of_blocks(axis)}
        by, keys = next(((words, keys & varied) for words, keys in givers if keys & varied), ("", varied))
        if by:
            what = "it" if axis.key in keys else " and ".join(sorted(keys))
            message = f"{by} gives {what} one value, and here it varies; leave it out of one of them"
            study.complain(axis.key_path, message, at_key=True)


def _keys_of_blocks(axis: Axis) -> set[str]:
    """Return the keys that all values of an axis set, if all values are blocks."""
    if not all(isinstance(value, dict) for value in axis.values):
        return set()
    return set.intersection(*(dotted_keys(value, f"{axis.key}.") for value in axis.values))


def refuse_repeats(study: StudyDocument, axes: Sequence[Axis], path: KeyPath | None = None) -> None:
    """Complain of values that occur twice; for axes that vary together, of sets of values that do.

    `path`: the list of points that holds them; by default the places are those of the first axis.
    """
    seen: dict[tuple[str, ...], int] = {}
    for number, values in enumerate(zip(*(axis.values for axis in axes), strict=True)):
        first = seen.setdefault(tuple(map(identity, values)), number)
        if first != number:
            words = ", ".join(f"{axis.key} {_whole(value)}" for axis, value in zip(axes, values, strict=True))
            message = f"{words} is there already, as number {first + 1} of {len(axes[0].values)}"
            if path is not None:
                study.complain((*path, number), message)
            else:
                study.problems.append(Problem(axes[0].places[number], axes[0].path, message))


def _whole(value: Any) -> str:
    """Return a value in words, a block or a list as it is written."""
    return json.dumps(value) if isinstance(value, dict | list) else shown(value)


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


# ---- Values as a range: {from: 1, to: 16, times: 2} ----


MOST_VALUES = 1_000_000
RANGE_KEYS = ("from", "to", "step", "steps", "times")
HOW_RANGES = "{from: 1, to: 8, step: 1}, with steps: 8 values evenly apart, or with times: 2 doubled each time"
_FORMS = f"write a list like [1, 2, 4, 8], or a range: {HOW_RANGES}"


class RangeError(ValueError):
    """Report an invalid range; `key`: the key at fault, empty for the range as a whole."""

    def __init__(self, message: str, key: str = "") -> None:
        self.key = key
        super().__init__(message)


def values_of_range(written: Mapping[str, Any]) -> list[Any]:
    """Return the values of a range, with its end if a step meets it; raises RangeError with what is wrong.

    Exact: {from: 0.1, to: 1, step: 0.1} has ten values, and {from: 64B, to: 1KiB, times: 2} five.
    """
    for key in ("from", "to"):
        if key not in written:
            raise RangeError(f"{key} is missing; a range is {HOW_RANGES}")
    ways = [key for key in ("step", "steps", "times") if key in written]
    if len(ways) != 1:
        raise RangeError(f"one of step, steps and times is needed; a range is {HOW_RANGES}", ways[1] if ways else "")
    first, last = _amount(written, "from"), _amount(written, "to")
    if first[1] != last[1]:
        raise RangeError(f"{shown(written['to'])} is not of the kind of {shown(written['from'])}", "to")
    if first[0] > last[0]:
        raise RangeError(f"{shown(written['to'])} is less than {shown(written['from'])}; a range goes up", "to")
    amounts = {"step": _by_step, "steps": _by_number, "times": _by_factor}[ways[0]](written, first, last[0])
    try:
        return [plain(amount if first[1] is None else Quantity(first[1], amount)) for amount in amounts]
    except UnitError as error:
        raise RangeError(f"a value between {written['from']} and {written['to']} cannot be written: {error}") from None


Amount = tuple[Fraction, Any]  # with its dimension, None for a bare number


def _amount(written: Mapping[str, Any], key: str) -> Amount:
    value = exact(written[key])
    if value is None:
        raise RangeError(
            f"{shown(written[key])} is neither a number nor a quantity with a unit, like 64KiB; list other values", key
        )
    return (value.amount, value.dimension) if isinstance(value, Quantity) else (value, None)


def _by_step(written: Mapping[str, Any], first: Amount, last: Fraction) -> list[Fraction]:
    step, dimension = _amount(written, "step")
    if dimension != first[1]:
        raise RangeError(f"{shown(written['step'])} is not of the kind of {shown(written['from'])}", "step")
    if step <= 0:
        raise RangeError(f"{shown(written['step'])} is not above zero", "step")
    n_values = (last - first[0]) // step + 1
    _check_number(n_values, "step")
    return [first[0] + number * step for number in range(n_values)]


def _by_number(written: Mapping[str, Any], first: Amount, last: Fraction) -> list[Fraction]:
    n_values = written["steps"]
    if not isinstance(n_values, int) or isinstance(n_values, bool) or n_values < 2:
        raise RangeError(f"{shown(n_values)} is not a whole number of values, 2 or more", "steps")
    _check_number(n_values, "steps")
    return [first[0] + (last - first[0]) * number / (n_values - 1) for number in range(n_values)]


def _by_factor(written: Mapping[str, Any], first: Amount, last: Fraction) -> list[Fraction]:
    factor, dimension = _amount(written, "times")
    if dimension is not None or factor <= 1:
        raise RangeError(f"{shown(written['times'])} is not a number above 1", "times")
    if first[0] <= 0:
        raise RangeError(f"{shown(written['from'])} is not above zero, where multiplying begins", "from")
    amounts = [first[0]]
    while amounts[-1] * factor <= last:
        _check_number(len(amounts), "times")
        amounts.append(amounts[-1] * factor)
    return amounts


def _check_number(n_values: int, key: str) -> None:
    if n_values > MOST_VALUES:
        raise RangeError(f"it has {n_values:,} values; an axis has at most {MOST_VALUES:,}", key)


# ---- Costs: so much for a unit of the value as it is written, or one for each ----


COST, COSTS = "cost", "costs"
COST_KEYS = (COST, COSTS)
_MOST = 1e15
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.]*)\s*")


def read_costs(
    study: StudyDocument, path: KeyPath, written: Mapping[str, Any], values: Sequence[Any]
) -> tuple[float, ...] | None:
    """Read each value's cost; None if the file gives none, or after a problem was recorded."""
    cost, costs = written.get(COST), written.get(COSTS)
    if cost is not None and costs is not None:
        study.complain((*path, COSTS), "beside cost; one of them says what a value costs", at_key=True)
    elif costs is not None:
        return _of_each(study, (*path, COSTS), costs, len(values))
    elif cost is not None:
        if not is_cost(cost):
            hint = "; costs has one for each value" if isinstance(cost, list) else ""
            study.complain(
                (*path, COST), f"{shown(cost)} is no cost; a number, 0 or more, for one unit of the value{hint}"
            )
            return None
        try:
            if "from" in written:
                return costs_per_unit([written["from"], written["to"]], cost, values)
            return costs_per_unit(values, cost)
        except ValueError as error:
            study.complain((*path, COST), str(error))
    return None


def _of_each(study: StudyDocument, at: KeyPath, costs: Any, n_values: int) -> tuple[float, ...] | None:
    if not isinstance(costs, list):
        study.complain(at, f"{shown(costs)} is not a list; write a cost for each value")
        return None
    if len(costs) != n_values:
        study.complain(at, f"{counted(len(costs), 'cost')} for {counted(n_values, 'value')}; one for each")
        return None
    wrong = [number for number, one in enumerate(costs) if not is_cost(one)]
    for number in wrong:
        study.complain((*at, number), f"{shown(costs[number])} is no cost; a number, 0 or more")
    return None if wrong else tuple(map(float, costs))


def is_cost(value: object) -> bool:
    """Tell whether a value is a number that can be a cost."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def costs_per_unit(written: Sequence[Any], cost: float, values: Sequence[Any] | None = None) -> tuple[float, ...]:
    """Return each value's cost from the cost of one unit, as written; raises ValueError if there is no one unit.

    `values`: the values derived from `written`, as for a range; by default `written` itself.
    """
    numbers = [_number_of(value) for value in written]
    for value, number in zip(written, numbers, strict=True):
        if number is None:
            raise ValueError(f"{shown(value)} is no number that a cost could multiply; give costs, one for each value")
    known = [number for number in numbers if number is not None]
    units = dict.fromkeys(unit for _, unit in known)
    if len(units) > 1:
        shown_units = " and ".join(unit or "no unit" for unit in list(units)[:2])
        raise ValueError(f"a cost is for one unit, and the values have {shown_units}; write them in one, or give costs")
    if values is None:
        amounts = [amount for amount, _ in known]
    else:
        unit = next(iter(units))
        one = _base_units(f"1{unit}" if unit else 1)
        amounts = [_base_units(value) / one for value in values]
    per_unit = Fraction(repr(cost))
    return tuple(float(amount * per_unit) for amount in amounts)


def total_cost(costs: Iterable[float]) -> float:
    """Return the sum of costs, without floating-point noise in the last digits."""
    return round(fsum(costs), 9)


def _number_of(value: Any) -> tuple[Fraction, str] | None:
    """Return a value's number and its unit as written; None if it has none that a float can hold."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        number, unit = Fraction(match[1]), match[2]
        return (number, unit) if number <= sys.float_info.max else None
    bare = exact(value)
    return (bare, "") if isinstance(bare, Fraction) and bare >= 0 else None


def _base_units(value: Any) -> Fraction:
    """Return a value of a range as a number: a quantity in its base unit."""
    number = exact(value)
    assert number is not None, "what a range is made of is a number"
    return number.amount if isinstance(number, Quantity) else number


# ---- Values as users write them, exactly: bare numbers, and quantities with units ----


@dataclass(frozen=True)
class Quantity:
    """Hold an exact number of base units of a dimension: bytes, femtoseconds, bits a second and so on."""

    dimension: Dimension
    amount: Fraction

    def __str__(self) -> str:
        """Write the quantity with its unit, where that can be done exactly, else what it is."""
        whole = self.amount.denominator == 1 and self.amount >= 0
        return self.dimension.format(int(self.amount)) if whole else self.dimension.name


def quantity_of(value: object) -> Quantity | None:
    """Return the quantity of a text like 64KiB; None if it is not a number with a unit."""
    if not isinstance(value, str):
        return None
    for dimension in DIMENSIONS:
        try:
            return Quantity(dimension, Fraction(dimension.parse(value)))
        except UnitError:
            continue
    return None


def exact(value: object) -> Quantity | Fraction | None:
    """Return a number, or a quantity, exactly as it was written (0.1 is a tenth); None for anything else.

    Numbers that no float can hold count as anything else; the key that they are for will refuse them.
    """
    if isinstance(value, bool) or (isinstance(value, float) and not isfinite(value)):
        return None
    number = Fraction(repr(value)) if isinstance(value, int | float) else quantity_of(value)
    amount = number.amount if isinstance(number, Quantity) else number
    return None if amount is None or abs(amount) > sys.float_info.max else number


def plain(value: Quantity | Fraction) -> Any:
    """Return a number as a file would hold it: whole, decimal, or with a unit; UnitError where no unit can say it."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    if value.amount.denominator != 1:
        raise UnitError(f"it is not a whole number of {next(iter(value.dimension.units))}")
    return value.dimension.format(int(value.amount))


def identity(value: object) -> str:
    """Return a text that is the same for two ways to write one value: 256B and 0.25KiB, 1 and 1.0."""
    number = exact(value)
    if isinstance(number, Quantity):
        return f"{number.dimension.name} {number.amount}"
    return f"number {number}" if number is not None else json.dumps(value, sort_keys=True)
