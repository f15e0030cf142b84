"""Validate the `pcie` block: the link between host and adapter."""

from __future__ import annotations

from typing import Annotated, Literal

from hwmodel.rules.pcie_link import DllpModel

from .amounts import ByteCount, Duration, Whole
from .block import Block, key
from .kinds import Truth, Word

Ordering = Literal["strict", "relaxed", "id_based"]
Arbitration = Literal["round_robin", "reads_first", "writes_first", "arrival"]
HeaderCredits = Annotated[int, Whole(0, 127)]  # PCI Express Base Specification 3.0, 2.6.1: at most 127 outstanding
DataCredits = Annotated[int, Whole(0, 2047)]  # the same: at most 2047 outstanding, 16 B each


class Credits(Block):
    """Flow-control credits; 0 means infinite, as in the InitFC of the PCI Express Base Specification."""

    ph: HeaderCredits = key(
        0,
        "Posted header credits that the host grants for memory writes, one a TLP; 0 is infinite. "
        "Too few stall the writes for a round trip (`stalls_ns.credits`).",
    )
    pd: DataCredits = key(
        0,
        "Posted data credits that the host grants, 16 B each; 0 is infinite, else at least max_payload / 16, "
        "or a full write could never be sent.",
    )
    nph: HeaderCredits = key(
        0, "Non-posted header credits that the host grants for read requests, one a request; 0 is infinite."
    )
    npd: DataCredits = key(
        0, "Non-posted data credits; memory reads carry no data, so they limit nothing here; 0 is infinite."
    )
    cplh: HeaderCredits = key(
        0,
        "Completion header credits that the adapter grants to the host, one a completion; 0 is infinite, as the "
        "specification has it for endpoints.",
    )
    cpld: DataCredits = key(
        0,
        "Completion data credits that the adapter grants to the host, 16 B each; 0 is infinite, as the specification "
        "has it for endpoints.",
    )
    return_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "200ns",
        "Time from the receipt of a posted TLP to the return of its credits; longer means more credits are "
        "needed for the same write rate.",
        alias="return",
    )


class Pcie(Block):
    """The PCI Express link: its rate, its transaction sizes and what its data link layer costs."""

    generation: Annotated[int, Whole(choices=(1, 2, 3))] = key(2, "PCI Express generation: 2.5, 5 or 8 GT/s a lane.")
    lanes: Annotated[int, Whole(choices=(1, 2, 4, 8, 12, 16, 32))] = key(
        4, "Width of the link; with `generation` it sets the raw rate."
    )
    max_payload_bytes: Annotated[int, ByteCount("128B", "4096B", power_of_two=True)] = key(
        "256B",
        "Largest payload of a memory write or completion (MPS). A larger one spends fewer bytes on headers.",
        alias="max_payload",
    )
    max_read_request_bytes: Annotated[int, ByteCount("128B", "4096B", power_of_two=True)] = key(
        "512B",
        "Largest read request (MRRS). A larger one sends fewer requests up and needs fewer tags.",
        alias="max_read_request",
    )
    read_completion_boundary_bytes: Annotated[int, ByteCount("64B", "128B", power_of_two=True)] = key(
        "64B",
        "Addresses at which the host may cut completions (RCB), 64 B or 128 B.",
        alias="read_completion_boundary",
    )
    tags: Annotated[int, Whole(1, 256)] = key(
        32,
        "Read requests that may be outstanding at once, descriptors and payload together. With few, reads are "
        "limited to tags * request / round trip.",
    )
    dllp_model: Annotated[DllpModel, Word("none", "spec", "tlp4", "tlp1", "pcie_bench")] = key(
        "tlp4",
        "What acknowledgements and credit updates cost: nothing, one of each at the limit times of the "
        "specification's tables, one of each per four TLPs, one of each per TLP, or as pcie-bench counts them.",
    )
    arbitration: Annotated[Arbitration, Word("round_robin", "reads_first", "writes_first", "arrival")] = key(
        "round_robin",
        "Who goes first on the way up when a read request and a write are both ready; changes the latency of a "
        "loaded link.",
    )
    propagation_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "0ns", "Time from the end of a TLP's transmission to its receipt, each way.", alias="propagation"
    )
    switch_hops: Annotated[int, Whole(0, 8)] = key(0, "PCIe switches between adapter and host.")
    switch_latency_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "150ns",
        "What each switch adds to `propagation`, each way. Product briefs of cut-through switches say at most 100ns "
        "(PLX PEX 8747) to 160ns (PEX 8624); 150ns is the Broadcom PEX8796 (docs/pcie.md).",
        alias="switch_latency",
    )
    ordering: Annotated[Ordering, Word("strict", "relaxed", "id_based")] = key(
        "strict",
        "What waits for the writes that the host received before: all writes and reads, all but payload writes "
        "(relaxed ordering), or what is of the same function (ID-based ordering).",
    )
    address_bits: Annotated[int, Whole(choices=(32, 64))] = key(
        64, "Address size in requests: 64 bits make headers of 24 B with framing, 32 bits of 20 B."
    )
    ecrc: Annotated[bool, Truth()] = key(False, "End-to-end CRC: 4 B more for each TLP.")
    credits: Credits = key({}, "Flow-control credits; 0 is infinite.")
    errors: Annotated[None, Word(none_word="none")] = key(
        "none", "Transmission errors and replays: `none` is the one choice so far."
    )

    @property
    def flight_fs(self) -> int:
        """Return the time of flight each way: the propagation and that of the switches on the way."""
        return self.propagation_fs + self.switch_hops * self.switch_latency_fs

    @property
    def link_name(self) -> str:
        """Name the link as people do: "PCIe Gen2 x4, MPS 256 B, MRRS 512 B"."""
        sizes = f"MPS {self.max_payload_bytes} B, MRRS {self.max_read_request_bytes} B"
        return f"PCIe Gen{self.generation} x{self.lanes}, {sizes}"
