"""One resource of the closed form: what it gives a second, what a frame takes of it, and the least of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwmodel.analytic.transactions import Transaction

ZERO = Fraction(0)
Waits = tuple[Fraction, Fraction]  # what is taken beside, per frame and per second
NO_WAITS: Waits = (ZERO, ZERO)
_SHORT_NAMES = {"pcie.up": "up", "pcie.down": "down"}


@dataclass(frozen=True)
class Ceiling:
    """Hold one resource: `capacity` a second, `per_frame` and `per_s` taken of it, all in `unit`.

    `resource` is the contract's word, `what` says it in full. `is_of_extender`: of the uplink of a port extender.
    """

    resource: str
    what: str
    unit: str
    capacity: Fraction
    per_frame: Fraction
    per_s: Fraction = ZERO
    is_of_extender: bool = field(default=False, kw_only=True)

    @property
    def is_of_load(self) -> bool:
        """Tell whether it is what is offered, and nothing that could be full."""
        return self.resource in ("offered_load", "rate_limit") and self.unit == "frames"

    @cached_property
    def frames_per_s(self) -> Fraction | None:
        """Give the frames per second at which it is full; None where frames take nothing of it."""
        if not self.per_frame:
            return None
        return max(ZERO, self.capacity - self.per_s) / self.per_frame


def lowest(ceilings: Iterable[Ceiling]) -> Ceiling:
    """Give the ceiling at the lowest frame rate, the first at a tie; ValueError if none limits."""
    return min((ceiling for ceiling in ceilings if ceiling.per_frame), key=lambda ceiling: ceiling.frames_per_s or ZERO)


def short_name(ceiling: Ceiling) -> str:
    """Give "up" or "down" for the link's directions, else the resource's own name."""
    return _SHORT_NAMES.get(ceiling.resource, ceiling.resource)


def taken(transactions: Sequence[Transaction], of_one: Callable[[Transaction], Fraction | int]) -> tuple[Fraction, ...]:
    """Sum what transactions take, per frame and per second."""
    amounts = [(one, of_one(one)) for one in transactions]
    per_frame = sum((one.per_frame * amount for one, amount in amounts if one.per_frame and amount), ZERO)
    return per_frame, sum((one.per_s * amount for one, amount in amounts if one.per_s and amount), ZERO)


def with_waits(amounts: tuple[Fraction, ...], waits: Waits) -> tuple[Fraction, ...]:
    """Add what is taken beside; what nothing is taken of stays so."""
    return tuple(amount + wait for amount, wait in zip(amounts, waits, strict=True)) if any(amounts) else amounts
