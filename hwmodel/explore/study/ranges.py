"""Axes that are written as a range: {from: 1, to: 16, times: 2}."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from hwmodel.config.kinds import shown
from hwmodel.units import UnitError

from .quantities import Quantity, exact, plain

MOST_VALUES = 1_000_000
RANGE_KEYS = ("from", "to", "step", "steps", "times")
HOW_RANGES = "{from: 1, to: 8, step: 1}, with steps: 8 values evenly apart, or with times: 2 doubled each time"


class RangeError(ValueError):
    """Report a range that cannot be; `key` is the one to blame, empty for the range as a whole."""

    def __init__(self, message: str, key: str = "") -> None:
        self.key = key
        super().__init__(message)


def values_of_range(written: Mapping[str, Any]) -> list[Any]:
    """Return the values of a range, both ends included where the steps meet them; RangeError with what is wrong.

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
