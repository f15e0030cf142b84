"""The extended capabilities: AER, serial number, ARI, SR-IOV, TPH, ACS, LTR, secondary PCI Express.

Sources as in `structures.py`; numbers and offsets also in Linux' include/uapi/linux/pci_regs.h.
"""

from __future__ import annotations

from hwmodel.config_space.registers import HWINIT, RO, RW, RW1C, RW1CS, RWS, Field, Register, Structure, bit

# Features that a device may list beside its fields, for `needs`.
ACS_VIOLATIONS, SURPRISE_DOWN = "reports ACS violations", "reports surprise down"
LOWEST_PF = "the PF of the lowest number"  # SR-IOV 3.3.3.5
LANES = 8  # of the widest link that any device here has

# Uncorrectable errors of AER: name, bit, whether fatal by default, whether a VF reports it (SR-IOV 4.2), what it needs.
_UNCORRECTABLE = (
    ("Data Link Protocol Error", 4, 1, False, ""),
    ("Surprise Down Error", 5, 1, False, SURPRISE_DOWN),
    ("Poisoned TLP", 12, 0, True, ""),
    ("Flow Control Protocol Error", 13, 1, False, ""),
    ("Completion Timeout", 14, 0, True, ""),
    ("Completer Abort", 15, 0, True, ""),
    ("Unexpected Completion", 16, 0, True, ""),
    ("Receiver Overflow", 17, 1, False, ""),
    ("Malformed TLP", 18, 1, False, ""),
    ("ECRC Error", 19, 0, False, "ECRC Check Capable"),
    ("Unsupported Request Error", 20, 0, True, ""),
    ("ACS Violation", 21, 0, True, ACS_VIOLATIONS),
)
# Correctable errors: name, bit, whether masked by default, whether a VF reports it.
_CORRECTABLE = (
    ("Receiver Error", 0, 0, False),
    ("Bad TLP", 6, 0, False),
    ("Bad DLLP", 7, 0, False),
    ("REPLAY_NUM Rollover", 8, 0, False),
    ("Replay Timer Timeout", 12, 0, False),
    ("Advisory Non-Fatal Error", 13, 1, True),
)


def _statuses() -> tuple[Field, ...]:
    return tuple(
        bit(f"{name} Status", low, RW1CS, in_vf=None if is_vfs else RO, needs=needs)
        for name, low, _, is_vfs, needs in _UNCORRECTABLE
    )


def _settings(what: str, resets: dict[int, int]) -> tuple[Field, ...]:
    return tuple(
        bit(f"{name} {what}", low, RWS, resets.get(low, 0), in_vf=RO, needs=needs)
        for name, low, _, _, needs in _UNCORRECTABLE
    )


AER = Structure(
    "Advanced Error Reporting", 0x0001, 0x2C, "PCIe 7.10; SR-IOV 4.2",
    (
        Register("Uncorrectable Error Status", 0x04, 4, _statuses()),
        Register("Uncorrectable Error Mask", 0x08, 4, _settings("Mask", {})),
        Register("Uncorrectable Error Severity", 0x0C, 4, (
            bit("Training Error Severity", 0, RO),  # of PCIe 1.0; undefined since
            *_settings("Severity", {low: is_fatal for _, low, is_fatal, _, _ in _UNCORRECTABLE}),
        )),
        Register("Correctable Error Status", 0x10, 4, tuple(
            bit(f"{name} Status", low, RW1CS, in_vf=None if is_vfs else RO) for name, low, _, is_vfs in _CORRECTABLE
        )),
        Register("Correctable Error Mask", 0x14, 4, tuple(
            bit(f"{name} Mask", low, RWS, is_masked, in_vf=RO) for name, low, is_masked, _ in _CORRECTABLE
        )),
        Register("Advanced Error Capabilities and Control", 0x18, 4, (
            Field("First Error Pointer", 0, 5, RO),
            bit("ECRC Generation Capable", 5, RO),
            bit("ECRC Generation Enable", 6, RWS, in_vf=RO, needs="ECRC Generation Capable"),
            bit("ECRC Check Capable", 7, RO),
            bit("ECRC Check Enable", 8, RWS, in_vf=RO, needs="ECRC Check Capable"),
        )),
        *(Register(f"Header Log {n}", 0x1C + 4 * n, 4, (Field(f"Header Log {n}", 0, 32, RO),)) for n in range(4)),
    ),
    is_extended=True,
)  # fmt: skip

SERIAL_NUMBER = Structure(
    "Device Serial Number", 0x0003, 12, "PCIe 7.12",
    (
        Register("Serial Number, low", 0x04, 4, (Field("Serial Number, low", 0, 32, RO),)),
        Register("Serial Number, high", 0x08, 4, (Field("Serial Number, high", 0, 32, RO),)),
    ),
    is_extended=True,
)  # fmt: skip

ARI = Structure(
    "Alternative Routing-ID Interpretation", 0x000E, 8, "PCIe 7.23",
    (
        Register("ARI Capability", 0x04, 2, (
            bit("MFVC Function Groups Capability", 0, RO),
            bit("ACS Function Groups Capability", 1, RO),
            Field("Next Function Number", 8, 8, RO),
        )),
        Register("ARI Control", 0x06, 2, (
            bit("MFVC Function Groups Enable", 0, RW, in_vf=RO, needs="MFVC Function Groups Capability"),
            bit("ACS Function Groups Enable", 1, RW, in_vf=RO, needs="ACS Function Groups Capability"),
        )),
    ),
    is_extended=True,
)  # fmt: skip

# SR-IOV 3.3.12: the sizes that every device has to support, by their bits.
PAGE_SIZES = ((0, "4 KiB"), (1, "8 KiB"), (4, "64 KiB"), (6, "256 KiB"), (8, "1 MiB"), (10, "4 MiB"))

SR_IOV = Structure(
    "Single Root I/O Virtualization", 0x0010, 0x40, "SR-IOV 3.3",
    (
        Register("SR-IOV Capabilities", 0x04, 4, (
            bit("VF Migration Capable", 0, RO),
            bit("ARI Capable Hierarchy Preserved", 1, RO),
            Field("VF Migration Interrupt Message Number", 21, 11, RO),
        )),
        Register("SR-IOV Control", 0x08, 2, (
            bit("VF Enable", 0, RW),
            bit("VF Migration Enable", 1, RW, needs="VF Migration Capable"),
            bit("VF Migration Interrupt Enable", 2, RW, needs="VF Migration Capable"),
            bit("VF Memory Space Enable", 3, RW),
            bit("ARI Capable Hierarchy", 4, RW, needs=LOWEST_PF),
        )),
        Register("SR-IOV Status", 0x0A, 2, (bit("VF Migration Status", 0, RW1C, needs="VF Migration Capable"),)),
        Register("InitialVFs", 0x0C, 2, (Field("InitialVFs", 0, 16, HWINIT),)),
        Register("TotalVFs", 0x0E, 2, (Field("TotalVFs", 0, 16, HWINIT),)),
        Register("NumVFs", 0x10, 2, (Field("NumVFs", 0, 16, RW),)),
        Register("Function Dependency Link", 0x12, 1, (Field("Function Dependency Link", 0, 8, HWINIT),)),
        Register("First VF Offset", 0x14, 2, (Field("First VF Offset", 0, 16, RO),)),
        Register("VF Stride", 0x16, 2, (Field("VF Stride", 0, 16, RO),)),
        Register("VF Device ID", 0x1A, 2, (Field("VF Device ID", 0, 16, HWINIT),)),
        Register("Supported Page Sizes", 0x1C, 4, (Field("Supported Page Sizes", 0, 32, RO),)),
        Register("System Page Size", 0x20, 4, tuple(
            bit(f"System Page Size {size}", low, RW, int(low == 0), needs=f"Supported Page Sizes#{low}")
            for low, size in PAGE_SIZES
        )),
        Register("VF Migration State Array Offset", 0x3C, 4, (Field("VF Migration State", 0, 32, RO),)),
    ),
    is_extended=True,
)  # fmt: skip

TPH = Structure(
    "TPH Requester", 0x0017, 12, "PCIe 7.26",
    (
        Register("TPH Requester Capability", 0x04, 4, (
            bit("No ST Mode Supported", 0, RO),
            bit("Interrupt Vector Mode Supported", 1, RO),
            bit("Device Specific Mode Supported", 2, RO),
            bit("Extended TPH Requester Supported", 8, RO),
            Field("ST Table Location", 9, 2, RO),
            Field("ST Table Size", 16, 11, RO),
        )),
        Register("TPH Requester Control", 0x08, 4, (
            Field("ST Mode Select", 0, 3, RW, needs="Device Specific Mode Supported"),
            bit("TPH Requester Enable", 8, RW),
            bit("Extended TPH Requester Enable", 9, RW, needs="Extended TPH Requester Supported"),
        )),
    ),
    is_extended=True,
)  # fmt: skip

ACS_BITS = (
    "Source Validation", "Translation Blocking", "P2P Request Redirect", "P2P Completion Redirect",
    "Upstream Forwarding", "P2P Egress Control", "Direct Translated P2P",
)  # fmt: skip

ACS = Structure(
    "Access Control Services", 0x000D, 8, "PCIe 7.16",
    (
        Register("ACS Capability", 0x04, 2, (
            *(bit(f"ACS {name}", low, RO) for low, name in enumerate(ACS_BITS)),
            Field("Egress Control Vector Size", 8, 8, HWINIT),
        )),
        Register("ACS Control", 0x06, 2, tuple(
            bit(f"ACS {name} Enable", low, RW, needs=f"ACS {name}") for low, name in enumerate(ACS_BITS)
        )),
    ),
    is_extended=True,
)  # fmt: skip

LTR = Structure(
    "Latency Tolerance Reporting", 0x0018, 8, "PCIe 7.25",
    tuple(
        Register(f"Max {kind} Latency", 0x04 + 2 * number, 2, (
            Field(f"Max {kind} Latency Value", 0, 10, RW),
            Field(f"Max {kind} Latency Scale", 10, 3, RW),
        ))
        for number, kind in enumerate(("Snoop", "No-Snoop"))
    ),
    is_extended=True,
)  # fmt: skip

SECONDARY_PCI_EXPRESS = Structure(
    "Secondary PCI Express", 0x0019, 12 + 2 * LANES, "PCIe 7.27",
    (
        Register("Link Control 3", 0x04, 4, (bit("Perform Equalization", 0, RO),)),
        Register("Lane Error Status", 0x08, 4, (
            Field("Lane Error Status, lanes 0 to 3", 0, 4, RW1CS, in_vf=RO),
            Field("Lane Error Status, lanes 4 to 7", 4, 4, RW1CS, in_vf=RO, needs="Maximum Link Width#3"),
        )),
        *(
            Register(f"Lane {lane} Equalization Control", 0x0C + 2 * lane, 2,
                     (Field(f"Lane {lane} Equalization", 0, 16, HWINIT),))
            for lane in range(LANES)
        ),
    ),
    is_extended=True,
)  # fmt: skip
