"""One resource of the closed form: what it gives a second, what a frame takes of it, and the least of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from hwmodel.analytic.exact_sums import sum_of_products

if TYPE_CHECKING:
    from hwmodel.analytic.transactions import Transaction

ZERO = Fraction(0)
_HELD = frozenset({"tags", "credits", "TLPs", "descriptors", "walkers", "places"})
_SHORT_NAMES = {"pcie.up": "up", "pcie.down": "down"}


@dataclass(frozen=True)
class Ceiling:
    """Hold one resource: `capacity` a second, `per_frame` and `per_s` taken of it, all in `unit`.

    `resource` is the contract's word, `what` says it in full. `is_of_extender`: of the uplink of a port extender.
    `waiting`: of `per_frame`, what it is only for the very mix of frames that was asked for, such as waits for others.
    """

    resource: str
    what: str
    unit: str
    capacity: Fraction
    per_frame: Fraction
    per_s: Fraction = ZERO
    is_of_extender: bool = field(default=False, kw_only=True)
    waiting: Fraction = field(default=ZERO, kw_only=True)

    @property
    def of_any_mix(self) -> Ceiling:
        """Give it without what holds for one mix of frames alone."""
        return replace(self, per_frame=self.per_frame - self.waiting, waiting=ZERO) if self.waiting else self

    def with_waiting(self, per_frame: Fraction, per_s: Fraction = ZERO) -> Ceiling:
        """Give it with what the mix asked for takes beside, and what is taken per second; what nothing uses stays."""
        if not (self.per_frame or self.per_s):
            return self
        return replace(self, per_frame=self.per_frame + per_frame, per_s=self.per_s + per_s, waiting=per_frame)

    @property
    def is_of_load(self) -> bool:
        """Tell whether it is what is offered, and nothing that could be full."""
        return self.resource in ("offered_load", "rate_limit") and self.unit == "frames"

    @property
    def is_held(self) -> bool:
        """Tell whether frames hold some of it for a time, of so many; else they use up so much a second."""
        return self.unit in _HELD or self.resource.endswith("nic.tx_buffer")

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
    per_frame = sum_of_products((one.per_frame, amount) for one, amount in amounts)
    return per_frame, sum_of_products((one.per_s, amount) for one, amount in amounts)
