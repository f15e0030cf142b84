"""What both reports say of PCIe switches: a row for the link above each, and who had how much of it on the way up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwmodel.words.quantities import printable

if TYPE_CHECKING:
    from hwmodel.results.pcie_switch import PcieSwitchResult
    from hwmodel.results.result import Result

MULTI_ROOT_SWITCH = "the multi-root switch"  # what the adapter's link leads to where several hosts share it
SWITCH_COLUMNS = ("PCIe switch", "link above it", "up", "down", "bytes that it passed up")


def switch_rows(result: Result, percent: Callable[[float], str]) -> list[tuple[str, ...]]:
    """Return a row of SWITCH_COLUMNS for each PCIe switch."""
    return [
        (
            printable(one.name),
            f"Gen{one.generation} x{one.lanes} to {printable(one.behind)}",
            percent(one.up.utilization),
            percent(one.down.utilization),
            _shares(one, percent),
        )
        for one in result.pcie_switches
    ]


def _shares(one: PcieSwitchResult, percent: Callable[[float], str]) -> str:
    weighted = len({port.weight for port in one.ports}) > 1
    return printable(
        ", ".join(
            f"{port.name} {percent(port.share)}" + (f" (weight {port.weight})" if weighted else "")
            for port in one.ports
        )
    )
