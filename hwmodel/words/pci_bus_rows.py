"""What both reports say of shared buses: how busy each was, where its clocks went, and who had it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwmodel.rules.pci_bus import bus_name
from hwmodel.words.quantities import percent_text, printable

if TYPE_CHECKING:
    from hwmodel.results.pci_bus import BusResult
    from hwmodel.results.result import Result

BUS_COLUMNS = ("bus", "kind", "busy", "where its clocks go", "who had it, of the busy time")


def clock_words(one: BusResult, percent: Callable[[float], str]) -> str:
    """Say where the clocks of a bus went, but for the idle ones; what was never is left out."""
    return ", ".join(f"{name.replace('_', ' ')} {percent(share)}" for name, share in one.clocks.items() if share)


def bus_words(one: BusResult) -> str:
    """Say how busy a bus was, and with what."""
    return printable(f"{one.name} busy {percent_text(one.utilization)} ({clock_words(one, percent_text)})")


def bus_rows(result: Result, percent: Callable[[float], str]) -> list[tuple[str, ...]]:
    """Return a row of BUS_COLUMNS for each bus."""
    return [
        (
            printable(one.name),
            bus_name(one.kind, one.width_bits, one.clock_mhz),
            percent(one.utilization),
            clock_words(one, percent),
            printable(", ".join(f"{name} {percent(share)}" for name, share in one.masters.items())),
        )
        for one in result.buses
    ]
