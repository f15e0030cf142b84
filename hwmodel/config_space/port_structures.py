"""The structures of ports: the header of type 1, and what a port's PCI Express capability has of its own.

Sources: PCI-to-PCI Bridge Architecture Specification 1.2 (P2P), PCI Express Base Specification 3.0 (PCIe); numbers and
offsets also in Linux' include/uapi/linux/pci_regs.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space.registers import HWINIT, RO, RW, RW1C, Field, Register, Structure, bit
from hwmodel.config_space.structures import HEADER, PCI_EXPRESS

PRIMARY_BUS, SECONDARY_BUS, SUBORDINATE_BUS = 0x18, 0x19, 0x1A
IO_WINDOW, MEMORY_WINDOW, PREFETCHABLE_WINDOW = 0x1C, 0x20, 0x24  # each a base, and a limit behind it
PREFETCHABLE_UPPER = 0x28  # bits of base and limit above those
HAS_SLOT, IS_ROOT = "Slot Implemented", "a root port"  # features that a port may list beside its fields


def _in_order(*registers: Register) -> tuple[Register, ...]:
    return tuple(sorted(registers, key=lambda one: one.offset))


def _window(name: str, at: int) -> tuple[Register, Register]:
    """Return a window's base and limit: the upper 12 of 32 bits of an address, below them what it can (P2P 3.2.5)."""
    return tuple(
        Register(f"{name} {end}", at + 2 * number, 2,
                 (Field(f"{name} {end} Capability", 0, 4, RO), Field(f"{name} {end}", 4, 12, RW)))
        for number, end in enumerate(("Base", "Limit"))
    )  # type: ignore[return-value]  # fmt: skip


TYPE_1_HEADER = Structure(
    "Type 1 header", 0, 0x40, "P2P 3.2; PCIe 7.5.3",
    _in_order(
        *(one for one in HEADER.registers if one.offset < 0x10 or one.offset in (0x34, 0x3C, 0x3D)),
        Register("Primary Bus Number", PRIMARY_BUS, 1, (Field("Primary Bus Number", 0, 8, RW),)),
        Register("Secondary Bus Number", SECONDARY_BUS, 1, (Field("Secondary Bus Number", 0, 8, RW),)),
        Register("Subordinate Bus Number", SUBORDINATE_BUS, 1, (Field("Subordinate Bus Number", 0, 8, RW),)),
        Register("I/O Base", IO_WINDOW, 1, (Field("I/O Base Capability", 0, 4, RO), Field("I/O Base", 4, 4, RW))),
        Register("I/O Limit", IO_WINDOW + 1, 1,
                 (Field("I/O Limit Capability", 0, 4, RO), Field("I/O Limit", 4, 4, RW))),
        Register("Secondary Status", 0x1E, 2, (
            bit("Secondary Master Data Parity Error", 8, RW1C),
            bit("Secondary Signaled Target Abort", 11, RW1C),
            bit("Secondary Received Target Abort", 12, RW1C),
            bit("Secondary Received Master Abort", 13, RW1C),
            bit("Received System Error", 14, RW1C),
            bit("Secondary Detected Parity Error", 15, RW1C),
        )),
        *_window("Memory", MEMORY_WINDOW),
        *_window("Prefetchable Memory", PREFETCHABLE_WINDOW),
        Register("Prefetchable Base Upper 32 Bits", PREFETCHABLE_UPPER, 4,
                 (Field("Prefetchable Base Upper 32 Bits", 0, 32, RW),)),
        Register("Prefetchable Limit Upper 32 Bits", PREFETCHABLE_UPPER + 4, 4,
                 (Field("Prefetchable Limit Upper 32 Bits", 0, 32, RW),)),
        Register("Bridge Control", 0x3E, 2, (
            bit("Bridge Parity Error Response Enable", 0, RW),
            bit("Bridge SERR# Enable", 1, RW),
            bit("VGA Enable", 3, RW),
            bit("Secondary Bus Reset", 6, RW),
        )),
    ),
)  # fmt: skip

# Fields that only a port has, by name of the register, in registers that an endpoint's capability has too.
_MORE = {
    "PCI Express Capabilities": (bit(HAS_SLOT, 8, HWINIT),),
    "Link Capabilities": (bit("Data Link Layer Link Active Reporting Capable", 20, RO),),
    "Link Status": (bit("Data Link Layer Link Active", 13, RO),),
    "Device Capabilities 2": (bit("ARI Forwarding Supported", 5, RO),),
    "Device Control 2": (bit("ARI Forwarding Enable", 5, RW, needs="ARI Forwarding Supported"),),
}
# Fields that only an endpoint has.
_OF_ENDPOINTS = (
    "Endpoint L0s Acceptable Latency", "Endpoint L1 Acceptable Latency", "Function Level Reset Capability",
    "Initiate Function Level Reset", "10-Bit Tag Requester Supported", "10-Bit Tag Requester Enable",
)  # fmt: skip


def _as_of_ports() -> Iterator[Register]:
    for one in PCI_EXPRESS.registers:
        fields = tuple(each for each in one.fields if each.name not in _OF_ENDPOINTS)
        yield Register(one.name, one.offset, one.n_bytes, fields + _MORE.get(one.name, ()))


PORT_EXPRESS = Structure(
    "PCI Express of a port", PCI_EXPRESS.number, PCI_EXPRESS.n_bytes, "PCIe 7.8",
    _in_order(
        *_as_of_ports(),
        Register("Slot Capabilities", 0x14, 4, (
            Field("Slot Power Limit Value", 7, 8, HWINIT),
            bit("No Command Completed Support", 18, HWINIT),
            Field("Physical Slot Number", 19, 13, HWINIT),
        )),
        Register("Slot Status", 0x1A, 2, (bit("Presence Detect State", 6, RO),)),
        Register("Root Control", 0x1C, 2, (
            bit("System Error on Correctable Error Enable", 0, RW, needs=IS_ROOT),
            bit("System Error on Non-Fatal Error Enable", 1, RW, needs=IS_ROOT),
            bit("System Error on Fatal Error Enable", 2, RW, needs=IS_ROOT),
            bit("PME Interrupt Enable", 3, RW, needs=IS_ROOT),
        )),
    ),
)  # fmt: skip
