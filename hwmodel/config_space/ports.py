"""Ports of the root complex and of PCIe switches, as PCI functions.

Their ids are those of QEMU's root port and of a PEX 8747, so that tools have a name for them; what they say of links is
the configuration's, all else the model's choice. Sources of their structures: PCI-to-PCI Bridge Architecture
Specification 1.2 (P2P), PCI Express Base Specification 3.0 (PCIe); numbers and offsets also in Linux'
include/uapi/linux/pci_regs.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config.adapter import Pcie
from hwmodel.config_space.enumeration import size_code
from hwmodel.config_space.extended_structures import ACS, ACS_BITS
from hwmodel.config_space.registers import HWINIT, RO, RW, RW1C, Field, Placed, Register, Structure, bit, laid_out
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import ABOVE_2_5_GT, HAS_IO, HAS_MEMORY, HEADER, MSI, PCI_EXPRESS, POWER_MANAGEMENT

ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT = 4, 5, 6  # Device/Port Type: PCIe 7.8.2
PCI_BRIDGE = 0x060400  # a class of pci.ids: bridge, PCI bridge, normal decode
# The PCI ID repository, pci.ids: "QEMU PCIe Root port"; "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 ... Switch".
IDS = {ROOT_PORT: (0x1B36, 0x000C), UPSTREAM_PORT: (0x10B5, 0x8747), DOWNSTREAM_PORT: (0x10B5, 0x8747)}
LEAST_PAYLOAD_CODE = 1  # 256 B
SLOT_WATTS = 25  # model's choice
_SERVICES = ACS_BITS[:5]  # all up to Upstream Forwarding
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


def port_space(
    kind: int, number: int, link: Pcie, most: tuple[int, int], slot_number: int | None = None
) -> FunctionSpace:
    """Return a port's configuration space as it comes out of reset.

    `link`: as it is negotiated; `most`: the generation and lanes that the port is capable of; `slot_number`: of its
    slot, None for a link that leads to another port.
    """
    structures = [
        Placed(TYPE_1_HEADER, 0, _header(kind)),
        Placed(POWER_MANAGEMENT, 0x40, {"Power Management Version": 3, "PME Support": 0b11001}),
        Placed(MSI, 0x48, {"64 Bit Address Capable": 1, "Per-Vector Masking Capable": 1}),
        Placed(PORT_EXPRESS, 0x68, _express(kind, number, link, most) | _slot(slot_number), 1),
    ]
    if kind != UPSTREAM_PORT:  # the only port of its device, so without ACS (PCIe 6.12.1)
        structures.append(Placed(ACS, 0x100, {f"ACS {name}": 1 for name in _SERVICES}))
    return FunctionSpace(structures, laid_out(structures, is_vf=False))


def _header(kind: int) -> dict[str, int]:
    vendor, device = IDS[kind]
    return {
        "Vendor ID": vendor,
        "Device ID": device,
        "Capabilities List": 1,
        "Class Code": PCI_BRIDGE,
        "Header Layout": 1,
        "Interrupt Pin": 1,
        "Prefetchable Memory Base Capability": 1,  # 64-bit
        "Prefetchable Memory Limit Capability": 1,
        HAS_IO: 1,
        HAS_MEMORY: 1,
    }


def _express(kind: int, number: int, link: Pcie, most: tuple[int, int]) -> dict[str, int]:
    generation, lanes = most
    leads_down = int(kind != UPSTREAM_PORT)
    return {
        "Capability Version": 2,
        "Device/Port Type": kind,
        "Max Payload Size Supported": max(LEAST_PAYLOAD_CODE, size_code(link.max_payload_bytes)),
        "Extended Tag Field Supported": 1,
        "Role-Based Error Reporting": 1,
        "Max Link Speed": generation,
        "Maximum Link Width": lanes,
        "ASPM Optionality Compliance": 1,
        "Data Link Layer Link Active Reporting Capable": leads_down,
        "Port Number": number,
        "Current Link Speed": link.generation,
        "Negotiated Link Width": link.lanes,
        "Slot Clock Configuration": 1,
        "Data Link Layer Link Active": leads_down,
        "ARI Forwarding Supported": leads_down,
        ABOVE_2_5_GT: int(generation > 1),
        "Target Link Speed": generation if generation > 1 else 0,
        "Supported Link Speeds Vector": (1 << generation) - 1,
        IS_ROOT: int(kind == ROOT_PORT),
    }


def _slot(number: int | None) -> dict[str, int]:
    if number is None:
        return {}
    return {
        HAS_SLOT: 1,
        "Slot Power Limit Value": SLOT_WATTS,
        "No Command Completed Support": 1,
        "Physical Slot Number": number,
        "Presence Detect State": 1,
    }
