"""The adapters that can be configured, as PCI functions: ids, BARs, capabilities, what a VF has of them.

Each number has its source beside it. "Captured" is the listing and the dump of an adapter in pciutils' source
(tests/cap-pcie-2); "unverified": from memory of such listings; "model's choice": no source gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwmodel.config_space.extended_structures import (
    ACS,
    ACS_VIOLATIONS,
    AER,
    ARI,
    PAGE_SIZES,
    SECONDARY_PCI_EXPRESS,
    SERIAL_NUMBER,
    SR_IOV,
    TPH,
)
from hwmodel.config_space.registers import Placed, Structure
from hwmodel.config_space.structures import (
    ABOVE_2_5_GT,
    HAS_IO,
    HAS_MEMORY,
    HEADER,
    MSI,
    MSI_X,
    PCI_EXPRESS,
    POWER_MANAGEMENT,
)

KIB, MIB = 1 << 10, 1 << 20
INTEL = 0x8086
ETHERNET = 0x020000
ROM = 6  # index of the expansion ROM, after BAR 0 to 5


@dataclass(frozen=True)
class Bar:
    """An address range of a function's: its size, and what the lowest bits of its register say."""

    size_bytes: int
    is_io: bool = False
    is_64_bit: bool = False
    is_prefetchable: bool = False

    @property
    def type_bits(self) -> int:
        """Return the bits below the address: PCI 6.2.5.1."""
        return 1 if self.is_io else 4 * self.is_64_bit | 8 * self.is_prefetchable


@dataclass(frozen=True)
class PciDevice:
    """An adapter as PCI functions; `offsets`: First VF Offset and VF Stride with and without ARI Capable Hierarchy."""

    name: str
    device_id: int
    vf_device_id: int
    bars: Mapping[int, Bar]
    vf_bars: Mapping[int, Bar]
    total_vfs: int
    offsets: Mapping[bool, tuple[int, int]]
    msix_vectors: int
    msix_bar: int
    msix_pba: int
    vf_msix_vectors: int
    link_speed: int
    lanes: int
    next_function: int
    aer_version: int = 1
    vf_says_flr: bool = True
    has_ecrc: bool = False
    device_values: Mapping[str, int] = field(default_factory=dict)
    more: tuple[tuple[Structure, int], ...] = ()

    def pf_structures(self, serial_number: int) -> list[Placed]:
        """Return the PF's structures with their initial values; `serial_number`: 64 bits."""
        bars = self.bars.values()
        header = {
            "Vendor ID": INTEL,
            "Device ID": self.device_id,
            "Capabilities List": 1,
            "Revision ID": 1,  # captured, 82576; model's choice for the others
            "Class Code": ETHERNET,
            "Multi-Function Device": int(self.next_function > 0),
            "Interrupt Pin": 1,
            HAS_IO: int(any(bar.is_io for bar in bars)),
            HAS_MEMORY: int(any(not bar.is_io for bar in bars)),
        }
        serial = {
            "Serial Number, low": serial_number & 0xFFFFFFFF,
            "Serial Number, high": serial_number >> 32,
        }
        of_errors = {
            "Training Error Severity": int(self.aer_version == 1),
            "ECRC Generation Capable": int(self.has_ecrc),
            "ECRC Check Capable": int(self.has_ecrc),
        }
        sr_iov = {
            "InitialVFs": self.total_vfs,
            "TotalVFs": self.total_vfs,
            "VF Device ID": self.vf_device_id,
            "Supported Page Sizes": sum(1 << low for low, _ in PAGE_SIZES),
        }
        return [
            Placed(HEADER, 0, header),
            Placed(POWER_MANAGEMENT, 0x40, _POWER),
            Placed(MSI, 0x50, {"64 Bit Address Capable": 1, "Per-Vector Masking Capable": 1}),
            Placed(MSI_X, 0x70, self._msix(self.msix_vectors, self.msix_bar, self.msix_pba)),
            Placed(PCI_EXPRESS, 0xA0, self._express()),
            Placed(AER, 0x100, {**of_errors, **self._of_more()}, self.aer_version),
            Placed(SERIAL_NUMBER, 0x140, serial),
            Placed(ARI, 0x150, {"Next Function Number": self.next_function}),
            Placed(SR_IOV, 0x160, sr_iov),
            *(Placed(structure, at, _OF_MORE.get(structure.number, {})) for structure, at in self.more),
        ]

    def vf_structures(self) -> list[Placed]:
        """Return a VF's structures: ids read FFFFh, it has no BARs, no INTx, no power management (SR-IOV 3.4, 3.5)."""
        header = {
            "Vendor ID": 0xFFFF,
            "Device ID": 0xFFFF,
            "Capabilities List": 1,
            "Revision ID": 1,
            "Class Code": ETHERNET,
        }
        express = {**self._express(), "Function Level Reset Capability": int(self.vf_says_flr)}
        for of_link in (
            "AUX Power Detected",
            "Current Link Speed",
            "Negotiated Link Width",
            "Slot Clock Configuration",
            "Target Link Speed",
        ):
            del express[of_link]  # reserved in a VF: the PF's hold (SR-IOV 3.5.4 to 3.5.9)
        return [
            Placed(HEADER, 0, header),
            Placed(MSI_X, 0x70, self._msix(self.vf_msix_vectors, 3, 0x2000)),
            Placed(PCI_EXPRESS, 0xA0, express),
            Placed(AER, 0x100, self._of_more(), self.aer_version),
            Placed(ARI, 0x150),
            *(
                Placed(structure, at, _OF_MORE.get(structure.number, {}))
                for structure, at in self.more
                if structure in (TPH, ACS)
            ),
        ]

    def _of_more(self) -> dict[str, int]:
        return {ACS_VIOLATIONS: int(any(structure is ACS for structure, _ in self.more))}

    def _msix(self, n_vectors: int, bar: int, pba: int) -> dict[str, int]:
        return {"Table Size": n_vectors - 1, "Table BIR": bar, "PBA BIR": bar, "PBA Offset": pba >> 3}

    def _express(self) -> dict[str, int]:
        return {
            **_EXPRESS,
            "Max Link Speed": self.link_speed,
            "Maximum Link Width": self.lanes,
            "Current Link Speed": self.link_speed,
            "Negotiated Link Width": self.lanes,
            ABOVE_2_5_GT: int(self.link_speed > 1),
            "Target Link Speed": self.link_speed if self.link_speed > 1 else 0,  # PCIe 7.8.19
            # PCIe 7.8.18: defined by revision 3.0, reserved before.
            "Supported Link Speeds Vector": (1 << self.link_speed) - 1 if self.link_speed > 2 else 0,
            **self.device_values,
        }


# Captured, 82576: capabilities C823h, data scale 1, data 1Ah; the others are taken to be the same.
_POWER = {
    "Power Management Version": 3,
    "Device Specific Initialization": 1,
    "PME Support": 0b11001,  # from D0, D3hot and D3cold
    "Data Scale": 1,
    "Data": 0x1A,
}
# Captured, 82576: device capabilities 10008CC2h, link capabilities 02036C41h, device capabilities 2 1Fh. The 82599 has
# the same payload, no extended tag, FLR, timeout ranges A to D and 50 us to 50 ms (its listing).
_EXPRESS = {
    "Capability Version": 2,
    "Max Payload Size Supported": 2,
    "Endpoint L0s Acceptable Latency": 3,
    "Endpoint L1 Acceptable Latency": 6,
    "Role-Based Error Reporting": 1,
    "Function Level Reset Capability": 1,
    "AUX Power Detected": 1,
    "ASPM Support": 3,
    "L0s Exit Latency": 6,
    "L1 Exit Latency": 6,
    "Port Number": 2,
    "Slot Clock Configuration": 1,
    "Completion Timeout Ranges Supported": 0xF,
    "Completion Timeout Disable Supported": 1,
}
# Values in capabilities that only some devices have, by the capability's number.
_OF_MORE = {
    TPH.number: {"No ST Mode Supported": 1, "Device Specific Mode Supported": 1},  # model's choice
}
_VF_BARS = {
    0: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
    3: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
}
_IXGBE_BARS = {
    0: Bar(4 * MIB, is_64_bit=True, is_prefetchable=True),
    2: Bar(32, is_io=True),
    4: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
    ROM: Bar(4 * MIB),  # unverified
}
_BY_ARI = {True: (128, 2), False: (384, 2)}  # listings of 82576 and 82599 with and without ARI

DEVICES: Mapping[str, PciDevice] = {
    "82576": PciDevice(
        "82576", 0x10C9, 0x10CA,
        bars={0: Bar(128 * KIB), 1: Bar(128 * KIB), 2: Bar(32, is_io=True), 3: Bar(16 * KIB), ROM: Bar(128 * KIB)},
        vf_bars={0: Bar(16 * KIB, is_64_bit=True), 3: Bar(16 * KIB, is_64_bit=True)},  # captured
        total_vfs=8, offsets=_BY_ARI,  # captured: eight, although the PF's pool is one of eight
        msix_vectors=10, msix_bar=3, msix_pba=0x2000,  # captured
        vf_msix_vectors=3,  # Intel 82576 data sheet: 3 vectors a VF
        link_speed=1, lanes=4, next_function=1,  # captured; the second port is function 1
    ),
    "82599": PciDevice(
        "82599", 0x10FB, 0x10ED,
        bars=_IXGBE_BARS, vf_bars=_VF_BARS,  # its listing
        total_vfs=64, offsets=_BY_ARI,
        msix_vectors=64, msix_bar=4, msix_pba=0x2000,
        vf_msix_vectors=3,  # Linux ixgbevf: one for other causes, two for queues
        link_speed=2, lanes=8, next_function=1,
        vf_says_flr=False,  # Linux, quirk for 10EDh: its VF resets although its capability does not say so
    ),
    "X540": PciDevice(
        "X540", 0x1528, 0x1515,  # Linux ixgbe, ixgbe_type.h
        bars={0: _IXGBE_BARS[0], 4: _IXGBE_BARS[4], ROM: Bar(512 * KIB)}, vf_bars=_VF_BARS,  # unverified
        total_vfs=64, offsets=_BY_ARI,  # as the 82599
        msix_vectors=64, msix_bar=4, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=2, lanes=8, next_function=1, aer_version=2,
    ),
    "X550": PciDevice(
        "X550", 0x1563, 0x1565,  # its listing
        bars={0: _IXGBE_BARS[0], 4: _IXGBE_BARS[4], ROM: Bar(512 * KIB)}, vf_bars=_VF_BARS,  # unverified; listing
        total_vfs=64, offsets={True: (128, 2), False: (128, 2)},  # its listing, with ARI; the same without (choice)
        msix_vectors=64, msix_bar=4, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=3, lanes=4, next_function=1, aer_version=2,
    ),
    "XL710": PciDevice(
        "XL710", 0x1583, 0x154C,  # its listing
        bars={0: Bar(8 * MIB, is_64_bit=True, is_prefetchable=True),
              3: Bar(32 * KIB, is_64_bit=True, is_prefetchable=True), ROM: Bar(512 * KIB)},  # unverified
        vf_bars={0: Bar(64 * KIB, is_64_bit=True, is_prefetchable=True), 3: _VF_BARS[3]},  # sizes unverified
        total_vfs=128, offsets={True: (16, 1), False: (16, 1)},  # its listing, of the first port
        msix_vectors=129, msix_bar=3, msix_pba=0x1000, vf_msix_vectors=5,  # unverified
        link_speed=3, lanes=8, next_function=0, aer_version=2,
        device_values={"Max Payload Size Supported": 4, "Extended Tag Field Supported": 1},  # unverified: 2 KiB
        more=((TPH, 0x1A0), (ACS, 0x1B0), (SECONDARY_PCI_EXPRESS, 0x1D0)),
    ),
}  # fmt: skip
UNNAMED = "82599"  # whose registers an adapter without a preset has
