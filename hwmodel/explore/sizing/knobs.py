"""What may be changed: a key's values from the weakest to the strongest, their costs, and what more of it can harm."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.config.kinds import shown
from hwmodel.explore.sizing.targets import METRICS, RATES
from hwmodel.units import DIMENSIONS, UnitError

MOST_VALUES = 1000
# With more of these nothing gets worse: they serve sooner, or let more be under way at once. What a saturated sender
# loses is another matter: a faster part may bring frames sooner to a receiver that has no room (docs/results.md).
_NEVER_WORSE = frozenset((
    "pcie.lanes", "pcie.generation", "pcie.tags", "port.rate", "switch.clock", "switch.bus_bits",
    "nic.max_pps", "nic.store_rate", "host.write_drain",
    "pcie.credits.ph", "pcie.credits.pd", "pcie.credits.nph", "pcie.credits.cplh", "pcie.credits.cpld",
))  # fmt: skip
# More room carries no less, but what waits in it waits longer; that of receivers loses no more.
_ROOM_TO_SEND = frozenset(("nic.tx_ring", "nic.tx_buffer", "nic.descriptor_cache"))
_ROOM_TO_RECEIVE = frozenset(("nic.rx_ring", "nic.rx_buffer", "switch.queue_bytes"))
# 0 or null stand for no limit at all, so the order of numbers is not the order of strength there.
_UNLIMITED = (0, None)
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.]*)\s*")


@dataclass(frozen=True)
class Knob:
    """Hold a key with its values in order, weakest first, and the cost of each.

    `monotone`: for which targets a later value is never worse than an earlier one.
    """

    key: str
    values: tuple[Any, ...]
    costs: tuple[float, ...]
    monotone: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.values)


def number_of(value: Any) -> tuple[float, str] | None:
    """Return the number that a value is made of, and its unit as written; None for a word, a list, a truth value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), ""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return (float(match[1]), match[2]) if match else None


def costs_per_unit(values: Sequence[Any], cost: float) -> tuple[float, ...]:
    """Return what each value costs where a unit of it, as written, costs so much; ValueError if that says nothing."""
    numbers = [number_of(value) for value in values]
    for value, number in zip(values, numbers, strict=True):
        if number is None:
            raise ValueError(f"{shown(value)} is no number that a cost could multiply; give costs, one for each value")
    units = dict.fromkeys(number[1] for number in numbers if number is not None)
    if len(units) > 1:
        shown_units = " and ".join(unit or "no unit" for unit in list(units)[:2])
        raise ValueError(f"a cost is for one unit, and the values have {shown_units}; write them in one, or give costs")
    return tuple(number[0] * cost for number in numbers if number is not None)


def magnitude(value: Any) -> float | None:
    """Return a value as a number by which to sort, a quantity in its base unit; None where there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    for dimension in DIMENSIONS:
        with contextlib.suppress(UnitError):
            return float(dimension.parse(value))
    return None


def monotone_of(key: str, values: Sequence[Any], said: bool | None, *, is_open: bool) -> frozenset[str]:
    """Return for which targets a later value is never worse: as the file says, or (None) as is known of the key.

    `is_open`: frames come at times of their own, whether there is room or not.
    """
    if said is not None:
        return frozenset(METRICS if said else ())
    magnitudes = [magnitude(value) for value in values]
    if any(number in _UNLIMITED for number in magnitudes):
        return frozenset()
    if key in _NEVER_WORSE:
        return frozenset(METRICS if is_open else set(METRICS) - {"loss"})
    if key in _ROOM_TO_SEND:
        return frozenset(RATES)
    return frozenset((*RATES, "loss") if key in _ROOM_TO_RECEIVE else ())
