"""One resource of the closed form, what a frame takes of it, and the bytes on the link step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import lcm

from hwmodel.analytic.traffic import ZERO, sum_of_products
from hwmodel.analytic.transactions import DIRECTIONS, Direction, Transaction
from hwmodel.resources import OFFERED_LOAD, RATE_LIMIT, SHORT_NAMES
from hwmodel.rules.pcie_link import LinkRate

_HELD = frozenset({"tags", "credits", "TLPs", "descriptors", "walkers", "places"})


@dataclass(frozen=True)
class Ceiling:
    """Hold one resource: `capacity` a second, `per_frame` and `per_s` taken of it, all in `unit`.

    `resource`: its documented name; `what`: the same in words. `waiting`: the part of `per_frame` that holds only for
    the mix of frames asked for, such as waits for other frames.
    """

    resource: str
    what: str
    unit: str
    capacity: Fraction
    per_frame: Fraction
    per_s: Fraction = ZERO
    waiting: Fraction = field(default=ZERO, kw_only=True)

    @property
    def is_used(self) -> bool:
        """Tell whether anything uses the resource."""
        return bool(self.per_frame or self.per_s)

    @property
    def of_any_mix(self) -> Ceiling:
        """Give the ceiling without the part that holds for one mix of frames only."""
        return replace(self, per_frame=self.per_frame - self.waiting, waiting=ZERO) if self.waiting else self

    def with_waiting(self, per_frame: Fraction, per_s: Fraction = ZERO) -> Ceiling:
        """Add what the mix asked for takes more per frame, and per second; an unused resource stays as it is."""
        if not self.is_used:
            return self
        return replace(self, per_frame=self.per_frame + per_frame, per_s=self.per_s + per_s, waiting=per_frame)

    @property
    def is_of_load(self) -> bool:
        """Tell whether this is the offered load, or what rate limits leave of it, not a resource that can be full."""
        return self.resource in (OFFERED_LOAD, RATE_LIMIT) and self.unit == "frames"

    @property
    def is_held(self) -> bool:
        """Tell whether frames hold some of it for a time (tags, credits, room) rather than use up a rate."""
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


def short_name(resource: str) -> str:
    """Give "up" or "down" for the link's directions, else the resource's own name."""
    return SHORT_NAMES.get(resource, resource)


def taken(transactions: Sequence[Transaction], of_one: Callable[[Transaction], Fraction | int]) -> tuple[Fraction, ...]:
    """Sum what transactions take, per frame and per second."""
    amounts = [(one, of_one(one)) for one in transactions]
    per_frame = sum_of_products((one.per_frame, amount) for one, amount in amounts)
    return per_frame, sum_of_products((one.per_s, amount) for one, amount in amounts)


# ---- The bytes of a frame on the link, each step with the sum that a reader can redo ----


_LONGEST_DENOMINATOR = 10_000


@dataclass(frozen=True)
class Step:
    """Hold one step in one direction: its TLPs and bytes per frame, exact, and the sum with the numbers put in."""

    name: str
    direction: Direction
    n_tlps: Fraction
    n_bytes: Fraction
    formula: str

    def to_dict(self) -> dict[str, str | float]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "direction": self.direction,
            "tlps": float(self.n_tlps),
            "bytes": float(self.n_bytes),
            "formula": self.formula,
        }


def sum_steps(transactions: Sequence[Transaction], rate: LinkRate, frames_per_s: Fraction) -> tuple[Step, ...]:
    """Add transactions up by name and direction, with a step for the DLLPs of each direction.

    Counts per second are divided by `frames_per_s`; raises ValueError if there are some and `frames_per_s` is 0.
    """
    steps: list[Step] = []
    for direction in DIRECTIONS:
        by_name: dict[str, list[Transaction]] = {}
        for one in transactions:
            if one.n_tlps(direction):
                by_name.setdefault(_step_name(one, direction), []).append(one)
        steps += (_step(name, direction, members, frames_per_s) for name, members in by_name.items())
    return tuple(steps + _dllp_steps(steps, rate))


def sum_link_bytes(
    transactions: Sequence[Transaction], rate: LinkRate, direction: Direction
) -> tuple[Fraction, Fraction]:
    """Sum the bytes of a direction per frame and per second, DLLPs for the TLPs of the other direction counted."""
    n_bytes = taken(transactions, lambda one: one.link_bytes(direction))
    others = taken(transactions, lambda one: len(one.tlps) - one.n_tlps(direction))
    per_frame, per_s = (own + rate.dllp_bytes_per_tlp * tlps for own, tlps in zip(n_bytes, others, strict=True))
    return per_frame, per_s


def link_bytes_per_frame(
    transactions: Sequence[Transaction], rate: LinkRate, direction: Direction, frames_per_s: Fraction
) -> Fraction:
    """Give the sum of a direction's steps without making the steps; raises ValueError as `sum_steps` does."""
    of_frames, per_s = sum_link_bytes(transactions, rate, direction)
    if per_s and not frames_per_s:
        raise ValueError(f"{float(per_s):g} B on the link each second, and no frames")
    return of_frames + per_s / frames_per_s if per_s else of_frames


def sum_bytes(steps: Iterable[Step], direction: Direction) -> Fraction:
    """Sum the bytes of a direction."""
    return sum_of_products((step.n_bytes, 1) for step in steps if step.direction == direction)


def per_frame(one: Transaction, frames_per_s: Fraction) -> Fraction:
    """Give how often a transaction happens per frame."""
    if not one.per_s:
        return one.per_frame
    if not frames_per_s:
        raise ValueError(f"{one.name} happens {float(one.per_s):g} times a second, and no frames do")
    return one.per_frame + one.per_s / frames_per_s


def _step_name(one: Transaction, direction: Direction) -> str:
    if not one.is_read:
        return one.name
    return f"{one.name} request" if direction == "up" else f"{one.name} completion"


def _step(name: str, direction: Direction, members: Sequence[Transaction], frames_per_s: Fraction) -> Step:
    counts, n_tlps, data, header = [], [], [], 0
    for one in members:
        tlps = [tlp for tlp in one.tlps if tlp.direction == direction]
        header = tlps[0].header_bytes  # the same for all TLPs of a step
        counts.append(per_frame(one, frames_per_s))
        n_tlps.append(len(tlps))
        data.append(sum(tlp.padded_bytes for tlp in tlps))
    products = (sum_of_products(zip(counts, amounts, strict=True)) for amounts in (n_tlps, data))
    return step_of(name, direction, header, *products)


def step_of(name: str, direction: Direction, header: int, n_tlps: Fraction, data: Fraction) -> Step:
    """Make a step of TLPs with `header` bytes each and `data` bytes in all, per frame."""
    return Step(name, direction, n_tlps, header * n_tlps + data, _formula(header, n_tlps, data))


def _formula(header: int, n_tlps: Fraction, data: Fraction) -> str:
    """Write `6*24 + 1516`, or over a common denominator `(1*24 + 128)/8`; decimals where that would be long."""
    denominator = lcm(n_tlps.denominator, data.denominator)
    if denominator > _LONGEST_DENOMINATOR:
        return f"{_number(n_tlps)}*{header}" + (f" + {_number(data)}" if data else "")
    text = f"{n_tlps * denominator}*{header}" + (f" + {data * denominator}" if data else "")
    return f"({text})/{denominator}" if denominator > 1 else text


def _dllp_steps(steps: Sequence[Step], rate: LinkRate) -> list[Step]:
    each = rate.dllp_bytes_per_tlp
    if not each:
        return []
    found = []
    for direction, other in zip(DIRECTIONS, reversed(DIRECTIONS), strict=True):
        n_tlps = sum_of_products((step.n_tlps, 1) for step in steps if step.direction == other)
        formula = f"{_number(n_tlps)} TLPs {other} * {each}"
        found.append(Step(f"Acks and UpdateFCs for TLPs {other}", direction, ZERO, n_tlps * each, formula))
    return found


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.6g}"
