"""What summary and page say of shared links: how busy each bus and PCIe switch was, and each user's share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hwmodel.rules.pci_bus import bus_name
from hwmodel.words.quantities import percent_text, printable

if TYPE_CHECKING:
    from hwmodel.results.result import Result
    from hwmodel.results.shared_links import BusResult, PcieSwitchResult

BUS_COLUMNS = ("bus", "kind", "busy", "where its clocks go", "who had it, of the busy time")


# Added to a column of bytes or shares where a bus is in place of a link.
OF_BUS_BYTES = "a clock of the bus without data counts as the bytes that it could carry"
OF_BUS_SHARES = "of a bus, one for both directions, what this adapter makes of it either way, retries apart"


def is_on_bus(utilization: Mapping[str, float]) -> bool:
    """Tell from its busy shares whether an adapter stands on a bus in place of a link."""
    return "bus" in utilization


def link_noun(result: Result) -> str:
    """Name the adapters' connection to their hosts, for a column: PCIe, bus, or both if only some have a bus."""
    on_bus = [is_on_bus(one.utilization) for one in result.servers] or [bool(result.buses)]
    return "bus" if all(on_bus) else "PCIe, bus" if any(on_bus) else "PCIe"


def configured_noun(config: Mapping[str, Any]) -> str:
    """Name the adapters' connection to their hosts in a resolved configuration; servers' own settings are ignored."""
    pcie = config.get("pcie")
    return "bus" if isinstance(pcie, Mapping) and pcie.get("bus") else "PCIe"


def clock_words(one: BusResult) -> str:
    """Say what a bus's clocks were used for, without idle ones; uses that never occurred are left out."""
    return ", ".join(f"{name.replace('_', ' ')} {percent_text(share)}" for name, share in one.clocks.items() if share)


def bus_words(one: BusResult) -> str:
    """Say how busy a bus was, and with what."""
    return printable(f"{one.name} busy {percent_text(one.utilization)} ({clock_words(one)})")


def bus_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of BUS_COLUMNS for each bus."""
    return [
        (
            printable(one.name),
            bus_name(one.kind, one.width_bits, one.clock_mhz),
            percent_text(one.utilization),
            clock_words(one),
            printable(", ".join(f"{name} {percent_text(share)}" for name, share in one.masters.items())),
        )
        for one in result.buses
    ]


MULTI_ROOT_SWITCH = "the multi-root switch"  # what the adapter's link leads to where several hosts share it
SWITCH_COLUMNS = ("PCIe switch", "link above it", "up", "down", "bytes that it passed up")


def switch_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row of SWITCH_COLUMNS for each PCIe switch."""
    return [
        (
            printable(one.name),
            f"Gen{one.generation} x{one.lanes} to {printable(one.behind)}",
            percent_text(one.up.utilization),
            percent_text(one.down.utilization),
            _port_shares(one),
        )
        for one in result.pcie_switches
    ]


def _port_shares(one: PcieSwitchResult) -> str:
    weighted = len({port.weight for port in one.ports}) > 1
    return printable(
        ", ".join(
            f"{port.name} {percent_text(port.share)}" + (f" (weight {port.weight})" if weighted else "")
            for port in one.ports
        )
    )
