"""Compute with values as users write them: bare numbers, and quantities with units, exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hwmodel.units import DIMENSIONS, Dimension, UnitError


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
    """Return what a text like 64KiB stands for; None for what is no quantity with a unit."""
    if not isinstance(value, str):
        return None
    for dimension in DIMENSIONS:
        try:
            return Quantity(dimension, Fraction(dimension.parse(value)))
        except UnitError:
            continue
    return None


def exact(value: object) -> Quantity | Fraction | None:
    """Return a number, or a quantity, exactly as it was written (0.1 is a tenth); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Fraction(repr(value))
    return quantity_of(value)


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
