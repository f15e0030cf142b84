"""The adapters that can be configured, as PCI functions: ids, BARs, capabilities, what a VF has of them.

Each value has its source beside it: a letter of `SOURCES`, for a structure or for one field of it. docs/config_space.md
has them in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hwmodel.config_space.extended_structures import (
    ACS,
    ACS_VIOLATIONS,
    AER,
    ARI,
    LOWEST_PF,
    LTR,
    PAGE_SIZES,
    SECONDARY_PCI_EXPRESS,
    SERIAL_NUMBER,
    SR_IOV,
    SURPRISE_DOWN,
    TPH,
)
from hwmodel.config_space.registers import Placed, Structure
from hwmodel.config_space.structures import (
    ABOVE_2_5_GT,
    ABOVE_5_GT,
    HAS_IO,
    HAS_MEMORY,
    HEADER,
    MSI,
    MSI_X,
    NO_SNOOP,
    PCI_EXPRESS,
    POWER_MANAGEMENT,
    VITAL_PRODUCT_DATA,
    VITAL_PRODUCT_DATA_UNLISTED,
)

KIB, MIB = 1 << 10, 1 << 20
INTEL = 0x8086
ETHERNET = 0x020000
ROM = 6  # index of the expansion ROM, after BAR 0 to 5
# Functions share an interrupt pin, or take one each, A to D (PCI 6.2.4).
ONE_PIN, PIN_EACH = False, True

SOURCES: Mapping[str, str] = {
    "A": "dump of a two-port 82576, all 4 KiB: pciutils, tests/cap-pcie-2",
    "B": "dumps of both functions of an 82599, the first 256 B, and what Linux finds as it probes them: linux-pci "
    "mailing list, 2021-04-28, on `PCI: pciehp: Ignore Link Down/Up caused by DPC`",
    "C": "`lspci -vvv` of 82599ES: both functions of an X520-2 (serial number 00-1b-21-ff-ff-53-1e-70), and one with "
    "serial number a8-b8-e0-ff-ff-05-97-d5; the linux-pci mailing list on offsets before and after a rescan",
    "D": "`lspci -v` of an X540-AT2 and `lspci -vvv | grep Capabilities` of another: which capabilities, and ranges",
    "E": "`lspci -vv` of an X550-T2: github.com/jianyuewu/dpdk_playground, network/X550_T2/README_X550.md",
    "F": "`lspci -vvv` of an XL710-Q2 and of the third function of an X710 with four ports: intel-wired-lan mailing "
    "list, 2021, ethtool -i with firmware 8.10; of an XL710-Q1, serial number a8-6b-af-ff-ff-fe-fd-3c",
    "G": "dumps of both functions of a two-port X710, the first 256 B, a VF's listing in a QEMU guest",
    "H": "`lspci` of 82599 VFs in a guest: Manouchehri/aws-m4.2xlarge",
    "L": "Linux: igb, ixgbe, ixgbevf, i40e, their ids and numbers of vectors",
    "S": "the specification: it leaves no choice",
    "R": "recalled from data sheets, not read again",
    "?": "unknown: the value of a like device, or the model's choice",
}


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


class PciPorts(NamedTuple):
    """Say which of an adapter's functions, one for each Ethernet port, one is."""

    function: int = 0
    n_functions: int = 1

    @property
    def next_function(self) -> int:
        """Return Next Function Number, 0 of the last (PCIe 7.23.2)."""
        return (self.function + 1) % self.n_functions


ALONE = PciPorts()


@dataclass(frozen=True)
class PciDevice:
    """An adapter as PCI functions, a PF for each Ethernet port.

    `total_vfs`: of the device where its ports `share_vfs`, else of each. `first_offsets`: First VF Offset of function 0
    with and without ARI Capable Hierarchy. `values`: of fields, by name, that the source of their structure (`sources`)
    or one of their own (`field_sources`) gives; others are 0 there. `more`: further capabilities, and where; `vf_more`:
    those of a VF.
    """

    name: str
    device_id: int
    vf_device_id: int
    bars: Mapping[int, Bar]
    vf_bars: Mapping[int, Bar]
    total_vfs: int
    first_offsets: Mapping[bool, int]
    msix_vectors: int
    msix_bar: int
    msix_pba: int
    vf_msix_vectors: int
    link_speed: int
    lanes: int
    values: Mapping[str, int]
    sources: Mapping[str, str]
    field_sources: Mapping[str, str] = field(default_factory=dict)
    revision: int = 1
    pins: bool = PIN_EACH
    aer_version: int = 2
    vf_says_flr: bool = True
    shares_vfs: bool = False
    more: tuple[tuple[Structure, int], ...] = ()
    vf_more: tuple[tuple[Structure, int], ...] = ()

    def vfs_of_each(self, ports: PciPorts) -> int:
        """Return TotalVFs of one function."""
        return self.total_vfs // ports.n_functions if self.shares_vfs else self.total_vfs

    def vf_places(self, ports: PciPorts, *, ari: bool) -> tuple[int, int]:
        """Return First VF Offset and VF Stride of a function.

        VFs of ixgbe's and igb's devices alternate by function (listings of two-port 82599, X550; of an I350, whose
        stride is four, one for each function), those of the XL710 follow those of the function before (its functions 0
        and 1 with VFs at 02.0 and 0a.0, 0 and 1 of an X710 at 02.0 and 06.0, 334 of its function 2 without ARI).
        """
        first = self.first_offsets[ari]
        if self.shares_vfs:
            return first + ports.function * (self.vfs_of_each(ports) - 1), 1
        return first, 2 if ports.n_functions < 3 else 4

    def pf_structures(self, serial_number: int, ports: PciPorts = ALONE) -> list[Placed]:
        """Return a PF's structures with their initial values; `serial_number`: 64 bits."""
        told = {
            **self.values,
            **self._header(INTEL, self.device_id),
            **self._express(ports),
            **self._msix(self.msix_vectors, self.msix_bar, self.msix_pba),
            "Multi-Function Device": int(ports.n_functions > 1),
            "Interrupt Pin": 1 + (ports.function if self.pins is PIN_EACH else 0),
            HAS_IO: int(any(bar.is_io for bar in self.bars.values())),
            HAS_MEMORY: 1,
            ACS_VIOLATIONS: int(any(structure is ACS for structure, _ in self.more)),
            "Training Error Severity": int(self.aer_version == 1),
            "Serial Number, low": serial_number & 0xFFFFFFFF,
            "Serial Number, high": serial_number >> 32,
            "Next Function Number": ports.next_function,
            "InitialVFs": self.vfs_of_each(ports),
            "TotalVFs": self.vfs_of_each(ports),
            "Function Dependency Link": ports.function,
            **(dict.fromkeys(_OF_FIRST, 0) if ports.function else {}),
            LOWEST_PF: int(ports.function == 0),
            "VF Device ID": self.vf_device_id,
            "Supported Page Sizes": sum(1 << low for low, _ in PAGE_SIZES),
        }
        return [
            _placed(structure, at, told, self.aer_version if structure is AER else 1)
            for structure, at in (*_OF_ALL, *self.more)
            # What belongs to the link stands in function 0 alone: PCIe 7.25, 7.27.
            if not (ports.function and structure in (LTR, SECONDARY_PCI_EXPRESS))
        ]

    def vf_structures(self) -> list[Placed]:
        """Return a VF's structures: ids read FFFFh, it has no BARs, no INTx, no power management (SR-IOV 3.4, 3.5)."""
        told = {
            **self.values,
            **self._header(0xFFFF, 0xFFFF),
            **self._express(ALONE),
            **self._msix(self.vf_msix_vectors, 3, 0x2000),
            "Function Level Reset Capability": int(self.vf_says_flr),
            ACS_VIOLATIONS: int(any(structure is ACS for structure, _ in self.vf_more)),
        }
        for of_pf in (*_OF_LINK, "ECRC Generation Capable", "ECRC Check Capable", SURPRISE_DOWN):
            told.pop(of_pf, None)  # reserved in a VF: the PF's hold (SR-IOV 3.5.4 to 3.5.9, 4.2)
        places = [(HEADER, 0), (MSI_X, 0x70), (PCI_EXPRESS, 0xA0), (AER, 0x100), (ARI, 0x150), *self.vf_more]
        return [_placed(structure, at, told, self.aer_version if structure is AER else 1) for structure, at in places]

    def _header(self, vendor: int, device: int) -> dict[str, int]:
        return {
            "Vendor ID": vendor,
            "Device ID": device,
            "Capabilities List": 1,
            "Revision ID": self.revision,
            "Class Code": ETHERNET,
        }

    def _msix(self, n_vectors: int, bar: int, pba: int) -> dict[str, int]:
        return {"Table Size": n_vectors - 1, "Table BIR": bar, "PBA BIR": bar, "PBA Offset": pba >> 3}

    def _express(self, ports: PciPorts) -> dict[str, int]:
        is_first = ports.function == 0  # it alone has Link Control 2 (PCIe 7.8.19)
        target = self.values.get("Target Link Speed", self.link_speed) if self.link_speed > 1 else 0
        return {
            "Max Link Speed": self.link_speed,
            "Maximum Link Width": self.lanes,
            "Current Link Speed": self.link_speed,
            "Negotiated Link Width": self.lanes,
            ABOVE_2_5_GT: int(is_first and self.link_speed > 1),
            ABOVE_5_GT: int(is_first and self.link_speed > 2),
            "Target Link Speed": target * is_first,
            # PCIe 7.8.18: defined by revision 3.0, reserved before.
            "Supported Link Speeds Vector": (1 << self.link_speed) - 1 if self.link_speed > 2 else 0,
            **{key: value for key, value in self.values.items() if key in _NEGOTIATED},
        }

    def field_values(self) -> Iterator[tuple[Structure, str, int, str]]:
        """Give each field that the device sets, of one function alone: structure, name, value, source."""
        for placed in self.pf_structures(0):
            for _, one in placed.structure.fields():
                if not (one.attribute.can_write or one.attribute.clears) or one.name in placed.values:
                    source = self.field_sources.get(one.name) or self.sources[placed.structure.name]
                    yield placed.structure, one.name, placed.values.get(one.name, 0), source


_OF_ALL = (
    (HEADER, 0), (POWER_MANAGEMENT, 0x40), (MSI, 0x50), (MSI_X, 0x70), (PCI_EXPRESS, 0xA0),
    (AER, 0x100), (SERIAL_NUMBER, 0x140), (ARI, 0x150), (SR_IOV, 0x160),
)  # fmt: skip
_NEGOTIATED = ("Current Link Speed", "Negotiated Link Width")  # an enumeration may set them
_OF_FIRST = ("Equalization Complete", "Equalization Phase 1 to 3 Successful")  # Link Status 2 is function 0's
_OF_LINK = ("AUX Power Detected", *_NEGOTIATED, "Slot Clock Configuration", "Target Link Speed", *_OF_FIRST)
# What all of them show (sources A to G).
_EQUAL = {
    "Power Management Version": 3,
    "Device Specific Initialization": 1,
    "Data Scale": 1,
    "64 Bit Address Capable": 1,
    "Per-Vector Masking Capable": 1,
    "Capability Version": 2,
    "Max Payload Size Supported": 2,
    "Endpoint L0s Acceptable Latency": 3,
    "Endpoint L1 Acceptable Latency": 6,
    "Role-Based Error Reporting": 1,
    "Function Level Reset Capability": 1,
    "Slot Clock Configuration": 1,
    "Completion Timeout Ranges Supported": 0xF,
    "Completion Timeout Disable Supported": 1,
}
_ECRC = {"ECRC Generation Capable": 1, "ECRC Check Capable": 1}
_FROM_D0_AND_D3, _FROM_D3_COLD_TOO = {"PME Support": 0b01001}, {"PME Support": 0b11001}
# Exit latencies: PCIe 7.8.6. A D3cold without PME: there is no auxiliary power.
_OF_82576 = {
    **_EQUAL, **_FROM_D3_COLD_TOO, NO_SNOOP: 1, "Data": 0x1A, "AUX Power Detected": 1, "Port Number": 2,
    "ASPM Support": 3, "L0s Exit Latency": 6, "L1 Exit Latency": 6,
}  # fmt: skip
_OF_82599 = {
    **_EQUAL, **_FROM_D0_AND_D3, **_ECRC, NO_SNOOP: 1,
    "ASPM Support": 1, "L0s Exit Latency": 3, "L1 Exit Latency": 4,
}  # fmt: skip
_OF_GEN3 = {
    **_EQUAL, **_ECRC, "No Soft Reset": 1,
    "L0s Exit Latency": 5, "L1 Exit Latency": 4, "ASPM Optionality Compliance": 1,
    "Target Link Speed": 1, "Equalization Complete": 1, "Equalization Phase 1 to 3 Successful": 7,
    "No ST Mode Supported": 1,
}  # fmt: skip
_OF_X550 = {**_OF_GEN3, **_FROM_D0_AND_D3, "ASPM Support": 3, "LTR Mechanism Supported": 1}
_OF_XL710 = {
    **_OF_GEN3, **_FROM_D3_COLD_TOO, SURPRISE_DOWN: 1, "ASPM Support": 2,
    "Max Payload Size Supported": 4, "Extended Tag Field Supported": 1, "Device Specific Mode Supported": 1,
}  # fmt: skip

_VF_BARS = {
    0: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
    3: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
}
_IXGBE_BARS = {
    0: Bar(4 * MIB, is_64_bit=True, is_prefetchable=True),
    2: Bar(32, is_io=True),
    4: Bar(16 * KIB, is_64_bit=True, is_prefetchable=True),
    ROM: Bar(4 * MIB),
}
_OFFSETS = {True: 128, False: 384}  # with and without ARI: sources A, C


def _sources(first_256: str, extended: str, **others: str) -> dict[str, str]:
    """Return the source of each structure: of the first 256 B, of extended ones, of those named."""
    both = [structure.name for structure, _ in _OF_ALL]
    found = dict.fromkeys(both[:5], first_256) | dict.fromkeys(both[5:], extended)
    more = (LTR, TPH, ACS, SECONDARY_PCI_EXPRESS)
    found |= dict.fromkeys((one.name for one in more), extended)
    found |= dict.fromkeys((VITAL_PRODUCT_DATA.name, VITAL_PRODUCT_DATA_UNLISTED.name), first_256)
    return found | others


_VF_MORE: tuple[tuple[Structure, int], ...] = ((TPH, 0x1A0), (ACS, 0x1D0))

DEVICES: Mapping[str, PciDevice] = {
    "82576": PciDevice(
        "82576", 0x10C9, 0x10CA,
        bars={0: Bar(128 * KIB), 1: Bar(128 * KIB), 2: Bar(32, is_io=True), 3: Bar(16 * KIB), ROM: Bar(128 * KIB)},
        vf_bars={0: Bar(16 * KIB, is_64_bit=True), 3: Bar(16 * KIB, is_64_bit=True)},
        total_vfs=8, first_offsets=_OFFSETS,  # eight, although the PF's pool is one of eight
        msix_vectors=10, msix_bar=3, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=1, lanes=4, aer_version=1,
        values=_OF_82576, sources=_sources("A", "A"), field_sources={"ranges": "A", "VF": "L", "offset": "A"},
        more=((VITAL_PRODUCT_DATA_UNLISTED, 0xE0),),
    ),
    "82599": PciDevice(
        "82599", 0x10FB, 0x10ED,
        bars=_IXGBE_BARS, vf_bars=_VF_BARS,
        total_vfs=64, first_offsets=_OFFSETS,
        msix_vectors=64, msix_bar=4, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=2, lanes=8, aer_version=1,
        values=_OF_82599, sources=_sources("B", "C"),
        field_sources={"Training Error Severity": "?", "ranges": "B", "VF": "H", "offset": "C"},
        vf_says_flr=False,  # Linux, quirk for 10EDh: its VF resets although its capability does not say so
        more=((VITAL_PRODUCT_DATA, 0xE0),),
    ),
    "X540": PciDevice(
        "X540", 0x1528, 0x1515,
        bars={0: Bar(2 * MIB, is_64_bit=True, is_prefetchable=True), 4: _IXGBE_BARS[4], ROM: Bar(512 * KIB)},
        vf_bars=_VF_BARS,
        total_vfs=64, first_offsets=_OFFSETS,
        msix_vectors=64, msix_bar=4, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=2, lanes=8,
        values=_OF_82599, sources=_sources("?", "?"),
        field_sources={
            "Device ID": "L", "VF Device ID": "L", "Vendor ID": "L", "Class Code": "D", "Capabilities List": "D",
            "Revision ID": "D", "64 Bit Address Capable": "D", "Per-Vector Masking Capable": "D", "Table Size": "D",
            "Power Management Version": "D", "Capability Version": "D", "Device/Port Type": "D",
            "Max Link Speed": "R", "Maximum Link Width": "R", "TotalVFs": "R", "InitialVFs": "R",
            "ranges": "D", "VF": "L", "offset": "?",
        },
        more=((VITAL_PRODUCT_DATA, 0xE0), (ACS, 0x1D0)), vf_more=((ACS, 0x1D0),),
    ),
    "X550": PciDevice(
        "X550", 0x1563, 0x1565,
        bars={0: _IXGBE_BARS[0], 4: _IXGBE_BARS[4], ROM: Bar(512 * KIB)},
        vf_bars={index: Bar(16 * KIB, is_64_bit=True) for index in (0, 3)},
        total_vfs=64, first_offsets=_OFFSETS,
        msix_vectors=64, msix_bar=4, msix_pba=0x2000, vf_msix_vectors=3,
        link_speed=3, lanes=4,
        values=_OF_X550, sources=_sources("E", "E"),
        field_sources={"Data": "?", "Training Error Severity": "S", "No ST Mode Supported": "S", "Interrupt Pin": "?",
                       "ranges": "E", "VF": "L", "offset": "E with ARI; without ?"},
        more=((TPH, 0x1A0), (ACS, 0x1B0), (LTR, 0x1C0), (SECONDARY_PCI_EXPRESS, 0x1D0)), vf_more=_VF_MORE,
    ),
    "XL710": PciDevice(
        "XL710", 0x1583, 0x154C, revision=2, pins=ONE_PIN,
        bars={0: Bar(8 * MIB, is_64_bit=True, is_prefetchable=True),
              3: Bar(32 * KIB, is_64_bit=True, is_prefetchable=True), ROM: Bar(512 * KIB)},
        vf_bars={0: Bar(64 * KIB, is_64_bit=True, is_prefetchable=True), 3: _VF_BARS[3]},
        total_vfs=128, first_offsets={True: 16, False: 16 + 256}, shares_vfs=True,
        msix_vectors=129, msix_bar=3, msix_pba=0x1000, vf_msix_vectors=5,
        link_speed=3, lanes=8,
        values=_OF_XL710, sources=_sources("G", "F"),
        field_sources={"Device ID": "F", "Maximum Link Width": "F", "Training Error Severity": "S",
                       "No ST Mode Supported": "S", "ranges": "F", "VF": "G", "offset": "F"},
        more=((VITAL_PRODUCT_DATA, 0xE0), (TPH, 0x1A0), (ACS, 0x1B0), (SECONDARY_PCI_EXPRESS, 0x1D0)),
        vf_more=_VF_MORE,
    ),
}  # fmt: skip
UNNAMED = "82599"  # whose registers an adapter without a preset has


def _placed(structure: Structure, at: int, told: Mapping[str, int], version: int) -> Placed:
    """Place a structure with those of the values told that its fields have, and features that a device lists."""
    own = {one.name for _, one in structure.fields()} | _FEATURES.get(structure.name, set())
    return Placed(structure, at, {name: value for name, value in told.items() if name in own}, version)


_FEATURES: Mapping[str, set[str]] = {
    HEADER.name: {HAS_IO, HAS_MEMORY},
    PCI_EXPRESS.name: {ABOVE_2_5_GT, ABOVE_5_GT, NO_SNOOP},
    AER.name: {ACS_VIOLATIONS, SURPRISE_DOWN},
    SR_IOV.name: {LOWEST_PF},
}
