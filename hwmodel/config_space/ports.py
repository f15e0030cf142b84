"""Ports of the root complex and of PCIe switches, as PCI functions.

Their ids are those of QEMU's root port and of a PEX 8747, so that tools have a name for them; what they say of links is
the configuration's, all else the model's choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.config_space.enumeration import size_code
from hwmodel.config_space.extended_structures import ACS
from hwmodel.config_space.port_structures import HAS_SLOT, IS_ROOT, PORT_EXPRESS, TYPE_1_HEADER
from hwmodel.config_space.registers import Placed, laid_out
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import ABOVE_2_5_GT, HAS_IO, HAS_MEMORY, MSI, POWER_MANAGEMENT

if TYPE_CHECKING:
    from hwmodel.config.adapter import Pcie

ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT = 4, 5, 6  # Device/Port Type: PCIe 7.8.2
PCI_BRIDGE = 0x060400  # a class of pci.ids: bridge, PCI bridge, normal decode
# The PCI ID repository, pci.ids: "QEMU PCIe Root port"; "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 ... Switch".
IDS = {ROOT_PORT: (0x1B36, 0x000C), UPSTREAM_PORT: (0x10B5, 0x8747), DOWNSTREAM_PORT: (0x10B5, 0x8747)}
LEAST_PAYLOAD_CODE = 1  # 256 B
SLOT_WATTS = 25  # model's choice
_SERVICES = (
    "Source Validation", "Translation Blocking", "P2P Request Redirect", "P2P Completion Redirect",
    "Upstream Forwarding",
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
