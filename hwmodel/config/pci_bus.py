"""Validate `pcie.bus`: a shared PCI or PCI-X bus in place of a link."""

from __future__ import annotations

from typing import Annotated, Any

from hwmodel.rules.pci_bus import CYCLE_FS, WIDTHS_BITS, BusKind

from .kinds import Block, Whole, Word, key

# Defaults of the other keys of `pcie` on a bus. PCI: one read under way, since a device waits for its retried read;
# PCI-X: reads of the least size, and 8 split transactions (model's choice).
_FILLED = {
    "pci": {"tags": 1, "max_payload": "4096B", "max_read_request": "512B"},
    "pci_x": {"tags": 8, "max_payload": "4096B", "max_read_request": "512B"},
}


class PciBus(Block):
    """A PCI or PCI-X bus, for all adapters of a server that have it: one transaction at a time, either way."""

    kind: Annotated[BusKind, Word(BusKind)] = key(
        "pci_x",
        "pci: a read is retried until the host has its data, and the bus is kept by each try. pci_x: a read is split, "
        "and its data come as a transaction of the host's.",
    )
    width_bits: Annotated[int, Whole(choices=WIDTHS_BITS)] = key(64, "Width of the bus, 32 or 64 bits.")
    clock_mhz: Annotated[int, Whole(choices=tuple(CYCLE_FS))] = key(
        66, "Clock, as people call it: 33 and 66 of PCI, 66, 100 and 133 of PCI-X; 33 are 30 ns, 133 are 7.5 ns."
    )
    decode_clocks: Annotated[int, Whole(1, 4)] = key(
        2, "Clocks until a target knows its address (DEVSEL#): PCI fast 1, medium 2, slow 3; PCI-X A 1, B 2, C 3."
    )
    initial_wait_clocks: Annotated[int, Whole(0, 15)] = key(
        0, "Clocks that a target waits before the first data of a transaction."
    )
    latency_timer: Annotated[int, Whole(0, 255)] = key(
        64,
        "Clocks from its address on for which a master may go on with a burst where another asked as it got the bus; "
        "a burst of PCI-X then ends at the next multiple of 128 B.",
    )
    retry_clocks: Annotated[int, Whole(2, 255)] = key(
        2, "Clocks for which a master does not ask again behind a try at a read of PCI (REQ# is off for two at least)."
    )


def fill_bus(pcie: Any) -> None:
    """Fill in the unwritten keys of `pcie`, as plain data, that have other defaults on a bus."""
    bus = pcie.get("bus") if isinstance(pcie, dict) else None
    if isinstance(bus, dict):
        for name, value in _FILLED.get(str(bus.get("kind", "pci_x")), {}).items():
            pcie.setdefault(name, value)
