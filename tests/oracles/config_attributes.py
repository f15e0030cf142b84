"""What each bit of configuration space is: tables by header and capability, read against a function's own image.

A row is (offset in the structure, bytes, mask, attribute, default, reason). What no row names is read-only and reads as
the image. The attributes, after the PCI Express Base Specification 3.x, section 7.4:

- RW, RW1C: a full set of resets, a function level reset (FLR) among them, brings the default back, RW1C clears;
- RWS, RW1CS: sticky, an FLR leaves them alone;
- KEPT: RW, and named in section 6.6.2 as untouched by an FLR (they belong to the link, which stays up).

The choices, where a specification permits more than one thing, are listed in `config_space.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

RW, RW1C, RWS, RW1CS, KEPT = "RW", "RW1C", "RWS", "RW1CS", "KEPT"

# Capability ids (the PCI Code and ID Assignment Specification).
POWER_MANAGEMENT, VITAL_PRODUCT_DATA, MSI, PCI_EXPRESS, MSI_X = 0x01, 0x03, 0x05, 0x10, 0x11
AER, ACS, ARI, ATS, SR_IOV, TPH, LTR, SECONDARY, PASID = 0x01, 0x0D, 0x0E, 0x0F, 0x10, 0x17, 0x18, 0x19, 0x1B

# Uncorrectable errors that every endpoint with AER is taken to report; then those that only some do.
UNCORRECTABLE = sum(1 << bit for bit in (4, 12, 13, 14, 15, 16, 17, 18, 20))
SURPRISE_DOWN, ECRC_ERROR, ACS_VIOLATION, INTERNAL = 1 << 5, 1 << 19, 1 << 21, 1 << 22
CORRECTABLE = sum(1 << bit for bit in (0, 6, 7, 8, 12, 13))
CORRECTED_INTERNAL, LOG_OVERFLOW = 1 << 14, 1 << 15
# A VF reports only what one function can be blamed for (SR-IOV 1.1, section 4.2).
VF_UNCORRECTABLE = sum(1 << bit for bit in (12, 14, 15, 16, 20))
VF_CORRECTABLE = 1 << 13


@dataclass(frozen=True)
class Row:
    """One field that is more than read-only; `at` counts from the start of configuration space."""

    at: int
    n_bytes: int
    mask: int
    attribute: str
    default: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Walk:
    """An image and where its capabilities lie: id to offset."""

    image: bytes
    is_vf: bool
    legacy: dict[int, int]
    extended: dict[int, int]

    def word(self, at: int) -> int:
        return int.from_bytes(self.image[at : at + 2], "little")

    def dword(self, at: int) -> int:
        return int.from_bytes(self.image[at : at + 4], "little")


def walk(image: bytes, is_vf: bool) -> Walk:
    """Follow both lists; a pointer's lowest two bits are reserved, and a list that loops ends at its second visit."""
    word = lambda at: int.from_bytes(image[at : at + 2], "little")  # noqa: E731
    legacy: dict[int, int] = {}
    at = image[0x34] & 0xFC if word(0x06) & 0x10 else 0
    while at >= 0x40 and at not in legacy.values():
        legacy.setdefault(image[at], at)
        at = image[at + 1] & 0xFC
    extended: dict[int, int] = {}
    at = 0x100
    while at >= 0x100 and at not in extended.values():
        number, following = word(at), word(at + 2) >> 4
        if number in (0, 0xFFFF):
            break
        extended.setdefault(number, at)
        at = following & 0xFFC
    return Walk(image, is_vf, legacy, extended)


def rows(found: Walk, has_io: bool, has_memory: bool) -> Iterator[Row]:
    """Yield each field that is more than read-only, but BARs, whose bits go by their sizes."""
    yield from _header(found, has_io, has_memory)
    by_id = {POWER_MANAGEMENT: _power, MSI: _msi, MSI_X: _msi_x, PCI_EXPRESS: _express, VITAL_PRODUCT_DATA: _vpd}
    for number, at in found.legacy.items():
        if number in by_id:
            yield from by_id[number](found, at)
    by_id = {
        AER: _aer,
        ACS: _acs,
        ARI: _ari,
        ATS: _ats,
        SR_IOV: _sr_iov,
        TPH: _tph,
        LTR: _ltr,
        SECONDARY: _secondary,
        PASID: _pasid,
    }
    for number, at in found.extended.items():
        if number in by_id:
            yield from by_id[number](found, at)


def _header(found: Walk, has_io: bool, has_memory: bool) -> Iterator[Row]:
    yield Row(0x04, 2, 0x0004, RW, 0, "Bus Master Enable, in a VF too")
    yield Row(0x06, 2, 0xF900, RW1C, 0, "error bits 8 and 11 to 15; bits 9 and 10 (timing) read 0")
    if found.is_vf:
        return  # SR-IOV 1.1, 3.4.1: I/O, memory, parity, SERR, INTx are the PF's; line size and interrupt line read 0
    yield Row(0x04, 2, 0x0001 if has_io else 0, RW, 0, "I/O Space Enable, hard 0 without an I/O BAR")
    yield Row(0x04, 2, 0x0002 if has_memory else 0, RW, 0, "Memory Space Enable, hard 0 without a memory BAR")
    yield Row(0x04, 2, 0x0140, RW, 0, "Parity Error Response, SERR# Enable")
    yield Row(0x04, 2, 0x0400 if found.image[0x3D] else 0, RW, 0, "Interrupt Disable, hard 0 without an INTx pin")
    yield Row(0x0C, 1, 0xFF, RW, 0, "Cache Line Size is RW for software of PCI's days, without effect")
    yield Row(0x3C, 1, 0xFF, RW, 0, "Interrupt Line is a note of software's; without a pin too")


def _power(found: Walk, at: int) -> Iterator[Row]:
    capabilities = found.word(at + 2)
    pme = capabilities >> 11
    sticky = bool(pme & 0x10)  # from D3cold: the function keeps its PME context on auxiliary power
    yield Row(at + 4, 2, 0x0003, RW, 0, "Power State; see ReferenceSpace for states that are not there")
    if pme:
        yield Row(at + 4, 2, 0x0100, RWS if sticky else RW, 0, "PME Enable")
        yield Row(at + 4, 2, 0x8000, RW1CS if sticky else RW1C, 0, "PME Status")
    if found.word(at + 4) & 0x6000 or found.image[at + 7]:
        yield Row(at + 4, 2, 0x1E00, RW, 0, "Data Select, where a scale or data shows that there is a Data register")


def _msi(found: Walk, at: int) -> Iterator[Row]:
    control = found.word(at + 2)
    yield Row(at + 2, 2, 0x0071, RW, 0, "MSI Enable and Multiple Message Enable")
    yield Row(at + 4, 4, 0xFFFFFFFC, RW, 0, "Message Address")
    is_wide = bool(control & 0x80)
    if is_wide:
        yield Row(at + 8, 4, 0xFFFFFFFF, RW, 0, "Message Upper Address")
    data = at + (0x0C if is_wide else 0x08)
    yield Row(data, 2, 0xFFFF, RW, 0, "Message Data; the 16 bits above are reserved")
    if control & 0x100:
        n_vectors = 1 << (control >> 1 & 7)
        yield Row(data + 4, 4, (1 << n_vectors) - 1, RW, 0, "Mask Bits, one a vector that is asked for")


def _msi_x(_found: Walk, at: int) -> Iterator[Row]:
    yield Row(at + 2, 2, 0xC000, RW, 0, "MSI-X Enable, Function Mask")


def _vpd(_found: Walk, at: int) -> Iterator[Row]:
    yield Row(at + 2, 2, 0xFFFF, RW, 0, "VPD Address and its flag")
    yield Row(at + 4, 4, 0xFFFFFFFF, RW, 0, "VPD Data")


def _express(found: Walk, at: int) -> Iterator[Row]:
    capabilities = found.dword(at + 4)
    yield Row(at + 0x0A, 2, 0x000F, RW1C, 0, "errors detected")
    if found.is_vf:
        return  # every control but the FLR bit is reserved in a VF: the PF's holds; ReferenceSpace does the FLR
    yield Row(at + 8, 2, 0x000F, RW, 0, "error reporting enables")
    yield Row(at + 8, 2, 0x0010, RW, 0x0010, "Enable Relaxed Ordering, 1 by default")
    yield Row(at + 8, 2, 0x00E0, KEPT, 0, "Max Payload Size; any of its eight values is taken as written")
    yield Row(at + 8, 2, 0x0100 if capabilities & 0x20 else 0, RW, 0, "Extended Tag, hard 0 where not supported")
    yield Row(at + 8, 2, 0x0200 if capabilities & 0x18 else 0, RW, 0, "Phantom Functions, hard 0 where not supported")
    yield Row(at + 8, 2, _aux_power(found), RWS, 0, "Aux Power PM, where PME comes from D3cold")
    snoops = found.word(at + 8) & 0x0800  # a function that never sets No Snoop may have it hard 0
    yield Row(at + 8, 2, snoops, RW, snoops, "Enable No Snoop, 1 by default")
    yield Row(at + 8, 2, 0x7000, RW, 0x2000, "Max Read Request Size, 512 B by default; taken as written")
    yield Row(at + 0x10, 2, 0x00CB, KEPT, 0, "ASPM, read completion boundary, common clock, extended synch")
    has_clock = found.dword(at + 0x0C) & 1 << 18
    yield Row(at + 0x10, 2, 0x0100 if has_clock else 0, KEPT, 0, "Clock Power Management, hard 0 where not supported")
    if found.word(at + 2) & 0xF >= 2:
        yield from _express_2(found, at)


def _aux_power(found: Walk) -> int:
    at = found.legacy.get(POWER_MANAGEMENT)
    return 0x0400 if at and found.word(at + 2) & 0x8000 else 0


def _express_2(found: Walk, at: int) -> Iterator[Row]:
    """Yield what version 2 of the capability added."""
    more = found.dword(at + 0x24)
    yield Row(at + 0x28, 2, 0x000F if more & 0xF else 0, RW, 0, "Completion Timeout Value, where a range is offered")
    yield Row(at + 0x28, 2, 0x0010 if more & 0x10 else 0, RW, 0, "Completion Timeout Disable, where offered")
    yield Row(at + 0x28, 2, 0x0400 if more & 0x800 else 0, RW, 0, "LTR Mechanism Enable, where supported")
    yield Row(at + 0x28, 2, 0x6000 if more & 0xC0000 else 0, RW, 0, "OBFF Enable, where supported")
    if found.dword(at + 0x0C) & 0xF > 1:  # a component of 2.5 GT/s alone may leave Link Control 2 out
        speed = found.dword(at + 0x0C) & 0xF
        yield Row(at + 0x30, 2, 0x000F, RWS, speed, "Target Link Speed")
        compliance = 0xFF90 if speed > 2 else 0x1F90  # bits 15:13 came with revision 3.0
        yield Row(at + 0x30, 2, compliance, RWS, 0, "compliance: enter, margin, modified, SOS, de-emphasis")


def _aer(found: Walk, at: int) -> Iterator[Row]:
    control, severity, correctable = found.dword(at + 0x18), found.dword(at + 0x0C), found.dword(at + 0x14)
    if found.is_vf:
        acs = ACS_VIOLATION if ACS in found.extended else 0
        yield Row(at + 4, 4, VF_UNCORRECTABLE | acs, RW1CS, 0, "what one function can be blamed for")
        yield Row(at + 0x10, 4, VF_CORRECTABLE, RW1CS, 0, "Advisory Non-Fatal")
        return  # masks, severities and ECRC are the PF's
    bits = UNCORRECTABLE | (severity & (INTERNAL | SURPRISE_DOWN))
    bits |= ECRC_ERROR if control & 0x80 else 0
    bits |= ACS_VIOLATION if ACS in found.extended else 0
    yield Row(at + 4, 4, bits, RW1CS, 0, "ECRC if it can be checked, ACS if it is there, internal as severity shows")
    yield Row(at + 8, 4, bits, RWS, 0, "Uncorrectable Error Mask")
    yield Row(at + 0x0C, 4, bits, RWS, 0x00462030 & bits, "Uncorrectable Error Severity")
    bits = CORRECTABLE | (correctable & (CORRECTED_INTERNAL | LOG_OVERFLOW))
    yield Row(at + 0x10, 4, bits, RW1CS, 0, "the two late ones where the mask, whose default is 1, shows them")
    yield Row(at + 0x14, 4, bits, RWS, 0xE000 & bits, "Correctable Error Mask")
    enables = (control >> 5 & 1) << 6 | (control >> 7 & 1) << 8 | (control >> 9 & 1) << 10
    yield Row(at + 0x18, 4, enables, RWS, 0, "ECRC generation, ECRC checking, multiple headers: where capable")


def _acs(found: Walk, at: int) -> Iterator[Row]:
    capabilities = found.word(at + 4)
    yield Row(at + 6, 2, capabilities & 0x7F, RW, 0, "each enable where its capability bit is set")
    if capabilities & 0x20:
        n_bits = capabilities >> 8 or 256
        for first in range(0, n_bits, 32):
            width = min(32, n_bits - first)
            yield Row(at + 8 + first // 8, 4, (1 << width) - 1, RW, 0, "Egress Control Vector")


def _ari(found: Walk, at: int) -> Iterator[Row]:
    able = found.word(at + 4) & 3
    if not found.is_vf:
        yield Row(at + 6, 2, able | (0x70 if able else 0), RW, 0, "MFVC and ACS groups where capable, then Group too")


def _ats(found: Walk, at: int) -> Iterator[Row]:
    yield Row(at + 6, 2, 0x8000, RW, 0, "ATS Enable")
    if not found.is_vf:
        yield Row(at + 6, 2, 0x001F, RW, 0, "Smallest Translation Unit: the PF's holds for its VFs")


def _sr_iov(found: Walk, at: int) -> Iterator[Row]:
    if found.is_vf:
        return  # a VF has none
    migrates = found.dword(at + 4) & 1
    yield Row(at + 8, 2, 0x0019 | (0x6 if migrates else 0), RW, 0, "VF Enable, VF MSE, ARI; migration where capable")
    yield Row(at + 0x0A, 2, migrates, RW1C, 0, "VF Migration Status")
    yield Row(at + 0x10, 2, 0xFFFF, RW, 0, "NumVFs; see ReferenceSpace")
    yield Row(at + 0x20, 4, found.dword(at + 0x1C), RW, 1, "System Page Size, 4 KiB by default; see ReferenceSpace")


def _tph(found: Walk, at: int) -> Iterator[Row]:
    capabilities = found.dword(at + 4)
    modes = 0x7 if capabilities & 0x6 else 0  # with no mode but "no table" the select can only be 0
    yield Row(at + 8, 4, modes, RW, 0, "ST Mode Select")
    yield Row(at + 8, 4, 0x300 if capabilities & 0x100 else 0x100, RW, 0, "TPH Requester Enable; extended if capable")


def _ltr(found: Walk, at: int) -> Iterator[Row]:
    if not found.is_vf:
        yield Row(at + 4, 4, 0x1FFF1FFF, RW, 0, "two latencies: value and scale")


def _secondary(found: Walk, at: int) -> Iterator[Row]:
    express = found.legacy.get(PCI_EXPRESS)
    lanes = found.dword(express + 0x0C) >> 4 & 0x3F if express else 0
    if not found.is_vf:
        yield Row(at + 8, 4, (1 << lanes) - 1, RW1CS, 0, "Lane Error Status, a bit a lane of the widest link")


def _pasid(found: Walk, at: int) -> Iterator[Row]:
    if not found.is_vf:
        yield Row(at + 6, 2, 1 | found.word(at + 4) & 0x6, RW, 0, "PASID Enable; execute, privileged where capable")
