"""What the values of an axis cost: so much for a unit of the value as it is written, or one cost for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import fsum
from typing import Any

from hwmodel.config.document import KeyPath
from hwmodel.config.kinds import shown

from .document import StudyDocument
from .quantities import Quantity, exact

COST, COSTS = "cost", "costs"
COST_KEYS = (COST, COSTS)
_MOST = 1e15
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.]*)\s*")


def read_costs(
    study: StudyDocument, path: KeyPath, written: Mapping[str, Any], values: Sequence[Any]
) -> tuple[float, ...] | None:
    """Read what each value of an axis costs; None where the file does not say, or after a problem was recorded."""
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
        study.complain(at, f"{len(costs)} costs for {n_values} values; one for each")
        return None
    wrong = [number for number, one in enumerate(costs) if not is_cost(one)]
    for number in wrong:
        study.complain((*at, number), f"{shown(costs[number])} is no cost; a number, 0 or more")
    return None if wrong else tuple(map(float, costs))


def is_cost(value: object) -> bool:
    """Tell whether a value is a number that can be a cost."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def costs_per_unit(written: Sequence[Any], cost: float, values: Sequence[Any] | None = None) -> tuple[float, ...]:
    """Return what each value costs where a unit of it, as written, costs so much; ValueError if that says nothing.

    `values`: those that follow from what was written, as of a range; by default these themselves.
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
    """Return costs added up, without the digits that decimal fractions leave in a sum."""
    return round(fsum(costs), 9)


def _number_of(value: Any) -> tuple[Fraction, str] | None:
    """Return the number that a value is made of, and its unit as written; None for a word, a list, a truth value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (Fraction(repr(value)), "") if value >= 0 else None
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return (Fraction(match[1]), match[2]) if match else None


def _base_units(value: Any) -> Fraction:
    """Return a value of a range as a number: a quantity in its base unit."""
    number = exact(value)
    assert number is not None, "what a range is made of is a number"
    return number.amount if isinstance(number, Quantity) else number
