"""The arithmetic of a shared PCI or PCI-X bus: its clock, and the clocks that a transaction takes beside its data.

A bus is counted in the link's terms: a clock could carry `width / 8` bytes, and what a transaction takes beside its
data counts as so many bytes of overhead. So a rate, a sum of bytes and a share mean the same of either.

Sources: the six rates are those of the chapter (PCI 33 and 66 MHz, PCI-X 66 and 133 MHz, 32 or 64 bits). The phases are
counted as PCI Local Bus Specification 2.3 and PCI-X Addendum 1.0a have them, unverified: docs/pcie.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol

from hwmodel.units import BITS_PER_BYTE, FS_PER_S

BusKind = Literal["pci", "pci_x"]
# A clock's time, by what people call its rate: 33 MHz is a third of 100, and so on.
CYCLE_FS = {33: 30_000_000, 66: 15_000_000, 100: 10_000_000, 133: 7_500_000}
KIND_NAMES = {"pci": "PCI", "pci_x": "PCI-X"}
CLOCKS_MHZ = {"pci": (33, 66), "pci_x": (66, 100, 133)}
WIDTHS_BITS = (32, 64)
# PCI-X: a burst may end at multiples of this alone; the reads, and the numbers of them, that its Command register can
# name (Linux, pci_regs.h: PCI_X_CMD_MAX_READ, PCI_X_CMD_MAX_SPLIT).
DISCONNECT_BYTES = 128
LONGEST_READS_BYTES = (512, 1024, 2048, 4096)
SPLITS = (1, 2, 3, 4, 8, 12, 16, 32)


class BusSettings(Protocol):
    """Name what of a configured bus (`config.pcie.bus`) its arithmetic looks at."""

    kind: BusKind
    width_bits: int
    clock_mhz: int
    decode_clocks: int
    initial_wait_clocks: int


def bus_name(kind: str, width_bits: int, clock_mhz: int) -> str:
    """Name a bus as people do: PCI-X 64-bit 133 MHz."""
    return f"{KIND_NAMES[kind]} {width_bits}-bit {clock_mhz} MHz"


def word_bytes(bus: BusSettings) -> int:
    """Return the bytes that a clock can carry."""
    return bus.width_bits // BITS_PER_BYTE


def raw_bps(bus: BusSettings) -> Fraction:
    """Return the rate of a bus on which every clock carries data, both directions together."""
    return Fraction(bus.width_bits * FS_PER_S, CYCLE_FS[bus.clock_mhz])


class Phases(NamedTuple):
    """Count the clocks of a transaction beside its data: bus given and turned round, address, and waits for the target.

    `turnaround`: the clock before the address, in which a master is given the bus and the one before lets go of it, and
    of a read of PCI the one in which the AD lines turn round. `address`: with the attribute of PCI-X.
    """

    turnaround: int
    address: int
    waits: int


def write_phases(bus: BusSettings) -> Phases:
    """Count the clocks of a write: PCI's first data can go as DEVSEL# comes, PCI-X's in the clock behind it."""
    if bus.kind == "pci":
        return Phases(1, 1, bus.decode_clocks - 1 + bus.initial_wait_clocks)
    return Phases(1, 2, bus.decode_clocks + bus.initial_wait_clocks)


def answer_phases(bus: BusSettings) -> Phases:
    """Count the clocks of what brings a reader its data: on PCI the read; on PCI-X a transaction like a write."""
    if bus.kind == "pci":
        return Phases(2, 1, max(1, bus.decode_clocks - 1) - 1 + bus.initial_wait_clocks)
    return write_phases(bus)


def write_clocks(bus: BusSettings) -> int:
    """Return the clocks of a write beside its data."""
    return sum(write_phases(bus))


def answer_clocks(bus: BusSettings) -> int:
    """Return the clocks of an answer to a read beside its data."""
    return sum(answer_phases(bus))


def request_clocks(bus: BusSettings) -> int:
    """Return the clocks of a read that brings nothing: PCI: it is retried (STOP#); PCI-X: answered as split."""
    return 3 + bus.decode_clocks if bus.kind == "pci" else 4 + bus.decode_clocks


class Stretch(NamedTuple):
    """Hold a stretch of a transaction: what the bus does, and for how many clocks."""

    what: str
    clocks: int


def stretches(bus: BusSettings, phases: Phases, n_words: int) -> Iterator[Stretch]:
    """Give the course of a transaction that carries data: of PCI's reads the AD lines turn round behind the address."""
    yield Stretch("turnaround", 1)
    yield from _address(bus)
    yield Stretch("turnaround", phases.turnaround - 1)
    yield Stretch("wait", phases.waits)
    yield Stretch("data", n_words)


def request_stretches(bus: BusSettings) -> Iterator[Stretch]:
    """Give the course of a read that brings nothing: STOP# comes with DEVSEL#, and is taken a clock later."""
    yield Stretch("turnaround", 1)
    yield from _address(bus)
    if bus.kind == "pci":
        yield Stretch("wait", bus.decode_clocks - 1)
        yield Stretch("retry", 2)
    else:
        yield Stretch("wait", bus.decode_clocks)
        yield Stretch("split response", 1)


def _address(bus: BusSettings) -> Iterator[Stretch]:
    yield Stretch("address", 1)
    if bus.kind == "pci_x":
        yield Stretch("attribute", 1)


def faster(bus: BusSettings) -> tuple[tuple[str, str | int, str | int], ...]:
    """Return the settings that make a bus the next faster one, each with its old and new value; none for the fastest.

    A faster clock of its kind comes first, then twice the width, then PCI-X at its highest clock.
    """
    clocks = [clock for clock in CLOCKS_MHZ[bus.kind] if clock >= 1.9 * bus.clock_mhz]
    if clocks:
        return (("clock_mhz", bus.clock_mhz, clocks[0]),)
    if bus.clock_mhz < CLOCKS_MHZ[bus.kind][-1]:
        return (("clock_mhz", bus.clock_mhz, CLOCKS_MHZ[bus.kind][-1]),)
    if bus.width_bits < WIDTHS_BITS[-1]:
        return (("width_bits", bus.width_bits, WIDTHS_BITS[-1]),)
    if bus.kind == "pci":
        return ("kind", "pci", "pci_x"), ("clock_mhz", bus.clock_mhz, CLOCKS_MHZ["pci_x"][-1])
    return ()
