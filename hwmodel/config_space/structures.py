"""The structures of the first 256 B: the header of type 0, power management, MSI, MSI-X, PCI Express.

Sources: PCI Local Bus Specification 3.0 (PCI), PCI Bus Power Management Interface Specification 1.2 (PM), PCI Express
Base Specification 3.0 (PCIe), Single Root I/O Virtualization and Sharing Specification 1.1 (SR-IOV), which says what a
VF has of them.
"""

from __future__ import annotations

from hwmodel.config_space.registers import HWINIT, RO, RW, RW1C, RWS, Field, Register, Structure, bit

# Of the header: where Command is, and bits of it. Of the PCI Express capability: where Link Status is.
COMMAND = 0x04
IO_SPACE, MEMORY_SPACE, BUS_MASTER = 0x001, 0x002, 0x004
LINK_STATUS = 0x12

# Features that a device may list beside its fields: a field whose `needs` names one exists only with it.
HAS_IO, HAS_MEMORY = "an I/O BAR", "a memory BAR"
ABOVE_2_5_GT, ABOVE_5_GT = "a link above 2.5 GT/s", "a link above 5 GT/s"
NO_SNOOP = "requests without snooping"

HEADER = Structure(
    "Type 0 header", 0, 0x40, "PCI 6.1; PCIe 7.5; SR-IOV 3.4.1",
    (
        Register("Vendor ID", 0x00, 2, (Field("Vendor ID", 0, 16, HWINIT),)),
        Register("Device ID", 0x02, 2, (Field("Device ID", 0, 16, HWINIT),)),
        Register("Command", 0x04, 2, (
            bit("I/O Space Enable", 0, RW, in_vf=RO, needs=HAS_IO),
            bit("Memory Space Enable", 1, RW, in_vf=RO, needs=HAS_MEMORY),
            bit("Bus Master Enable", 2, RW),
            bit("Parity Error Response", 6, RW, in_vf=RO),
            bit("SERR# Enable", 8, RW, in_vf=RO),
            bit("Interrupt Disable", 10, RW, in_vf=RO, needs="Interrupt Pin"),
        )),
        Register("Status", 0x06, 2, (
            bit("Interrupt Status", 3, RO),
            bit("Capabilities List", 4, RO),
            bit("Master Data Parity Error", 8, RW1C),
            bit("Signaled Target Abort", 11, RW1C),
            bit("Received Target Abort", 12, RW1C),
            bit("Received Master Abort", 13, RW1C),
            bit("Signaled System Error", 14, RW1C),
            bit("Detected Parity Error", 15, RW1C),
        )),
        Register("Revision ID", 0x08, 1, (Field("Revision ID", 0, 8, HWINIT),)),
        Register("Class Code", 0x09, 3, (Field("Class Code", 0, 24, HWINIT),)),
        Register("Cache Line Size", 0x0C, 1, (Field("Cache Line Size", 0, 8, RW, in_vf=RO),)),
        Register("Latency Timer", 0x0D, 1, (Field("Latency Timer", 0, 8, RO),)),
        Register("Header Type", 0x0E, 1, (Field("Header Layout", 0, 7, RO), bit("Multi-Function Device", 7, RO))),
        Register("Subsystem Vendor ID", 0x2C, 2, (Field("Subsystem Vendor ID", 0, 16, HWINIT),)),
        Register("Subsystem ID", 0x2E, 2, (Field("Subsystem ID", 0, 16, HWINIT),)),
        Register("Capabilities Pointer", 0x34, 1, (Field("Capabilities Pointer", 0, 8, HWINIT),)),
        Register("Interrupt Line", 0x3C, 1, (Field("Interrupt Line", 0, 8, RW, in_vf=RO),)),
        Register("Interrupt Pin", 0x3D, 1, (Field("Interrupt Pin", 0, 8, HWINIT),)),
    ),
)  # fmt: skip

POWER_MANAGEMENT = Structure(
    "Power Management", 0x01, 8, "PM 3.2",
    (
        Register("Power Management Capabilities", 0x02, 2, (
            Field("Power Management Version", 0, 3, RO),
            bit("PME Clock", 3, RO),
            bit("Device Specific Initialization", 5, RO),
            Field("Aux Current", 6, 3, RO),
            bit("D1 Support", 9, RO),
            bit("D2 Support", 10, RO),
            Field("PME Support", 11, 5, RO),
        )),
        Register("Power Management Control/Status", 0x04, 2, (
            Field("Power State", 0, 2, RW),
            bit("No Soft Reset", 3, RO),
            bit("PME Enable", 8, RW, needs="PME Support", keeps_with="PME Support#4"),
            Field("Data Select", 9, 4, RW, needs="Data Scale"),
            Field("Data Scale", 13, 2, RO),
            bit("PME Status", 15, RW1C, needs="PME Support", keeps_with="PME Support#4"),
        )),
        Register("Data", 0x07, 1, (Field("Data", 0, 8, RO),)),
    ),
)  # fmt: skip

MSI = Structure(
    "Message Signaled Interrupts, of 64 bits, maskable", 0x05, 0x18, "PCI 6.8.1",
    (
        Register("Message Control", 0x02, 2, (
            bit("MSI Enable", 0, RW),
            Field("Multiple Message Capable", 1, 3, RO),
            Field("Multiple Message Enable", 4, 3, RW),
            bit("64 Bit Address Capable", 7, RO),
            bit("Per-Vector Masking Capable", 8, RO),
        )),
        Register("Message Address", 0x04, 4, (Field("Message Address", 2, 30, RW),)),
        Register("Message Upper Address", 0x08, 4, (Field("Message Upper Address", 0, 32, RW),)),
        Register("Message Data", 0x0C, 2, (Field("Message Data", 0, 16, RW),)),
        Register("Mask Bits", 0x10, 4, (Field("Mask Bits", 0, 1, RW),)),
        Register("Pending Bits", 0x14, 4, (Field("Pending Bits", 0, 1, RO),)),
    ),
)  # fmt: skip

MSI_X = Structure(
    "MSI-X", 0x11, 12, "PCI 6.8.2",
    (
        Register("Message Control", 0x02, 2, (
            Field("Table Size", 0, 11, RO),
            bit("Function Mask", 14, RW),
            bit("MSI-X Enable", 15, RW),
        )),
        Register("Table", 0x04, 4, (Field("Table BIR", 0, 3, RO), Field("Table Offset", 3, 29, RO))),
        Register("Pending Bit Array", 0x08, 4, (Field("PBA BIR", 0, 3, RO), Field("PBA Offset", 3, 29, RO))),
    ),
)  # fmt: skip

# The registers of vital product data, as storage: its contents are not modelled, and nothing answers the flag.
VITAL_PRODUCT_DATA = Structure(
    "Vital Product Data",
    0x03,
    8,
    "PCI I",
    (
        Register("VPD Address", 0x02, 2, (Field("VPD Address", 0, 15, RW), bit("VPD Flag", 15, RW))),
        Register("VPD Data", 0x04, 4, (Field("VPD Data", 0, 32, RW),)),
    ),
)
# A device without product data leaves the capability's number there, out of the list (the 82576's dump).
VITAL_PRODUCT_DATA_UNLISTED = Structure("Vital Product Data, not in the list", 0x03, 8, "PCI I", (), is_listed=False)

PCI_EXPRESS = Structure(
    "PCI Express", 0x10, 0x3C, "PCIe 7.8; SR-IOV 3.5",
    (
        Register("PCI Express Capabilities", 0x02, 2, (
            Field("Capability Version", 0, 4, RO),
            Field("Device/Port Type", 4, 4, RO),
            Field("Interrupt Message Number", 9, 5, RO),
        )),
        Register("Device Capabilities", 0x04, 4, (
            Field("Max Payload Size Supported", 0, 3, RO),
            Field("Phantom Functions Supported", 3, 2, RO),
            bit("Extended Tag Field Supported", 5, RO),
            Field("Endpoint L0s Acceptable Latency", 6, 3, RO),
            Field("Endpoint L1 Acceptable Latency", 9, 3, RO),
            bit("Role-Based Error Reporting", 15, RO),
            bit("Function Level Reset Capability", 28, RO),
        )),
        Register("Device Control", 0x08, 2, (
            bit("Correctable Error Reporting Enable", 0, RW, in_vf=RO),
            bit("Non-Fatal Error Reporting Enable", 1, RW, in_vf=RO),
            bit("Fatal Error Reporting Enable", 2, RW, in_vf=RO),
            bit("Unsupported Request Reporting Enable", 3, RW, in_vf=RO),
            bit("Enable Relaxed Ordering", 4, RW, 1, in_vf=RO),
            Field("Max Payload Size", 5, 3, RW, keeps=True, in_vf=RO),
            bit("Extended Tag Field Enable", 8, RW, in_vf=RO, needs="Extended Tag Field Supported"),
            bit("Phantom Functions Enable", 9, RW, in_vf=RO, needs="Phantom Functions Supported"),
            bit("Aux Power PM Enable", 10, RWS, in_vf=RO, needs="PME Support#4"),
            bit("Enable No Snoop", 11, RW, 1, in_vf=RO, needs=NO_SNOOP),
            Field("Max Read Request Size", 12, 3, RW, 2, in_vf=RO),
            bit("Initiate Function Level Reset", 15, RO),
        )),
        Register("Device Status", 0x0A, 2, (
            bit("Correctable Error Detected", 0, RW1C),
            bit("Non-Fatal Error Detected", 1, RW1C),
            bit("Fatal Error Detected", 2, RW1C),
            bit("Unsupported Request Detected", 3, RW1C),
            bit("AUX Power Detected", 4, RO),
            bit("Transactions Pending", 5, RO),
        )),
        Register("Link Capabilities", 0x0C, 4, (
            Field("Max Link Speed", 0, 4, RO),
            Field("Maximum Link Width", 4, 6, RO),
            Field("ASPM Support", 10, 2, RO),
            Field("L0s Exit Latency", 12, 3, RO),
            Field("L1 Exit Latency", 15, 3, RO),
            bit("Clock Power Management", 18, RO),
            bit("ASPM Optionality Compliance", 22, RO),
            Field("Port Number", 24, 8, HWINIT),
        )),
        Register("Link Control", 0x10, 2, (
            Field("ASPM Control", 0, 2, RW, keeps=True, in_vf=RO),
            bit("Read Completion Boundary", 3, RW, keeps=True, in_vf=RO),
            bit("Common Clock Configuration", 6, RW, keeps=True, in_vf=RO),
            bit("Extended Synch", 7, RW, keeps=True, in_vf=RO),
            bit("Enable Clock Power Management", 8, RW, keeps=True, in_vf=RO, needs="Clock Power Management"),
        )),
        Register("Link Status", 0x12, 2, (
            Field("Current Link Speed", 0, 4, RO),
            Field("Negotiated Link Width", 4, 6, RO),
            bit("Slot Clock Configuration", 12, HWINIT),
        )),
        Register("Device Capabilities 2", 0x24, 4, (
            Field("Completion Timeout Ranges Supported", 0, 4, HWINIT),
            bit("Completion Timeout Disable Supported", 4, RO),
            bit("LTR Mechanism Supported", 11, RO),
            bit("10-Bit Tag Completer Supported", 16, HWINIT),
            bit("10-Bit Tag Requester Supported", 17, HWINIT),
            Field("OBFF Supported", 18, 2, HWINIT),
        )),
        Register("Device Control 2", 0x28, 2, (
            Field("Completion Timeout Value", 0, 4, RW, in_vf=RO, needs="Completion Timeout Ranges Supported"),
            bit("Completion Timeout Disable", 4, RW, in_vf=RO, needs="Completion Timeout Disable Supported"),
            bit("LTR Mechanism Enable", 10, RW, in_vf=RO, needs="LTR Mechanism Supported"),
            bit("10-Bit Tag Requester Enable", 12, RW, in_vf=RO, needs="10-Bit Tag Requester Supported"),
            Field("OBFF Enable", 13, 2, RW, in_vf=RO, needs="OBFF Supported"),
        )),
        Register("Link Capabilities 2", 0x2C, 4, (Field("Supported Link Speeds Vector", 1, 7, RO),)),
        Register("Link Control 2", 0x30, 2, (
            Field("Target Link Speed", 0, 4, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            bit("Enter Compliance", 4, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            Field("Transmit Margin", 7, 3, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            bit("Enter Modified Compliance", 10, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            bit("Compliance SOS", 11, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            bit("Compliance De-emphasis", 12, RWS, in_vf=RO, needs=ABOVE_2_5_GT),
            Field("Compliance Preset", 13, 3, RWS, in_vf=RO, needs=ABOVE_5_GT),
        )),
        Register("Link Status 2", 0x32, 2, (
            bit("Current De-emphasis Level", 0, RO),
            bit("Equalization Complete", 1, RO),
            Field("Equalization Phase 1 to 3 Successful", 2, 3, RO),
        )),
    ),
)  # fmt: skip
