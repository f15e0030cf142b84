"""What may be changed: a key's values from the weakest to the strongest, their costs, and what more of it can harm."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.explore.sizing.targets import METRICS, RATES
from hwmodel.units import DIMENSIONS, UnitError

MOST_VALUES = 1000
# With more of these nothing gets worse as a rule: they serve sooner, or let more be under way at once. What a
# saturated sender loses is another matter: a faster part may bring frames sooner to a receiver that has no room
# (docs/results.md). No rule is proof: it says what is run first, and runs refute it (`Rules`).
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


@dataclass(frozen=True)
class Knob:
    """Hold a key with its values in order, weakest first, and the cost of each.

    `monotone`: for which targets a later value is never worse than an earlier one, as a rule; `is_said`: the file says
    so, and its word is taken until a run refutes it.
    """

    key: str
    values: tuple[Any, ...]
    costs: tuple[float, ...]
    monotone: frozenset[str] = frozenset()
    is_said: bool = False

    def __len__(self) -> int:
        return len(self.values)


def magnitude(value: Any) -> float | None:
    """Return a value as a number by which to sort, a quantity in its base unit; None where there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    for dimension in DIMENSIONS:
        with contextlib.suppress(UnitError):
            return float(dimension.parse(value))
    return None


def monotone_of(
    key: str, values: Sequence[Any], said: bool | None, *, is_open: bool, room_costs: bool
) -> frozenset[str]:
    """Return for which targets a later value is never worse: as the file says, or (None) as is known of the key.

    `is_open`: frames come at times of their own, whether there is room or not. `room_costs`: the host has a cache or an
    IOTLB, which longer rings outgrow.
    """
    if said is not None:
        return frozenset(METRICS if said else ())
    magnitudes = [magnitude(value) for value in values]
    if any(number in _UNLIMITED for number in magnitudes):
        return frozenset()
    if key in _NEVER_WORSE:
        return frozenset(METRICS if is_open else set(METRICS) - {"loss"})
    if room_costs and key in _ROOM_TO_SEND | _ROOM_TO_RECEIVE:
        return frozenset()
    if key in _ROOM_TO_SEND:
        return frozenset(RATES)
    return frozenset((*RATES, "loss") if key in _ROOM_TO_RECEIVE else ())
