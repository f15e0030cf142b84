"""The arithmetic of a PCIe link: rates, headers, DLLPs, symbol-time limits, all in exact fractions.

This is the one home of the link's numbers. The closed form uses them as fractions, the simulation as the whole
numbers `LinkRate.fs_numerator` and `LinkRate.fs_denominator`.

Sources: PCI Express Base Specification 3.0, chapter 2 (TLP formats), chapter 3 (framing, DLLPs, Ack latency limits:
tables 3-7 to 3-9), chapter 4 (encodings, SKP ordered sets); 4.0 and 5.0 for 16 and 32 GT/s, which have the line code,
framing and SKP interval of 8 GT/s, and here its Ack limit, as in cocotbext-pcie (port.py); pcie-bench (Neugebauer et
al., SIGCOMM 2018) for the `pcie_bench` share.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Literal, Protocol

from hwmodel.rules import pci_bus
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

DllpModel = Literal["none", "spec", "tlp4", "tlp1", "pcie_bench"]
LANE_WIDTHS = (1, 2, 4, 8, 12, 16, 32)
DLLP_BYTES = 8
DATA_DESCRIPTOR_BYTES = 16 * 1024  # of a send, that a data descriptor covers (Linux ixgbe.h: IXGBE_MAX_TXD_PWR 14)
DESCRIPTOR_BYTES = 16  # of an Rx ring, and of a Tx ring unless `nic.tx_descriptor` says otherwise
# A doorbell that carries its descriptor: a cache line, which write combining sends as one write (Kalia, Kaminsky,
# Andersen, USENIX ATC 2016, 2.1), and up to which rdma-core's mlx5 rounds descriptors (qp.c: align(size * 16, 64)).
INLINE_DOORBELL_BYTES = 64
REGISTER_BYTES = 4  # an MSI-X message, a register read, a doorbell unless `nic.doorbell` says otherwise
CREDIT_DATA_BYTES = 16  # one data credit
# Start, sequence number, LCRC and end: 1 + 2 + 4 + 1 symbols at 2.5 and 5 GT/s; from 8 GT/s on a 4 B token, which
# holds the sequence number, and 4 B of LCRC.
_FRAMING_BYTES = 8
_ECRC_BYTES = 4
_SHORT_HEADER_BYTES = 12  # of 3 double words: completions, and requests that name a register by its function
_REQUEST_HEADER_BYTES = {32: 12, 64: 16}


@dataclass(frozen=True)
class Generation:
    """Hold what a PCIe generation fixes: bits a lane each second, encoding, SKP share, Ack limit's constant term."""

    lane_bps: int
    encoding: Fraction
    skp_share: Fraction
    ack_delay_symbols: int


# The SKP interval from 8 GT/s on may be 370 to 375 blocks; one ordered set and 370 blocks of data make a period here.
GENERATIONS = {
    1: Generation(2_500_000_000, Fraction(8, 10), Fraction(4, 1538), 19),
    2: Generation(5_000_000_000, Fraction(8, 10), Fraction(4, 1538), 70),
    3: Generation(8_000_000_000, Fraction(128, 130), Fraction(1, 371), 115),
    4: Generation(16_000_000_000, Fraction(128, 130), Fraction(1, 371), 115),
    5: Generation(32_000_000_000, Fraction(128, 130), Fraction(1, 371), 115),
}
NEWEST_GENERATION = max(GENERATIONS)
# Tags of 8 bits; of 10 bits, from 16 GT/s on (PCIe 4.0, 2.2.6.2), 768, since none of them has both upper bits 0.
MOST_TAGS, MOST_TEN_BIT_TAGS, TEN_BIT_TAG_GENERATION = 256, 768, 4
# pcie-bench takes the 8b/10b links' SKP share for every generation.
_PCIE_BENCH_SKP_SHARE = Fraction(4, 1538)
# How many TLPs received call for one Ack and one UpdateFC, by DLLP model; 0: DLLPs are not counted one by one.
_TLPS_PER_DLLP_PAIR = {"none": 0, "spec": 0, "tlp4": 4, "tlp1": 1, "pcie_bench": 0}
DLLP_MODELS = tuple(_TLPS_PER_DLLP_PAIR)


class LinkSettings(Protocol):
    """Name what of a configured link (`config.pcie`) its arithmetic looks at."""

    generation: int
    lanes: int
    max_payload_bytes: int
    dllp_model: DllpModel
    address_bits: int
    ecrc: bool

    @property
    def bus(self) -> pci_bus.BusSettings | None:
        """Give the bus that stands in its place, None for a link."""


@dataclass(frozen=True)
class LinkRate:
    """Hold the rate of one direction of a link and what its DLLPs take of it; of a bus, of both directions together.

    `raw_bps`: bits per second after the line code. `skp_share`, `dllp_share`: constant shares of the raw rate.
    `tlps_per_dllp_pair`: so many TLPs received call for 16 B of DLLPs in the other direction (0: none).
    """

    raw_bps: Fraction
    skp_share: Fraction
    dllp_share: Fraction
    tlps_per_dllp_pair: int
    is_bus: bool = False

    @cached_property
    def bytes_per_s(self) -> Fraction:
        """Give the bytes per second left for TLPs and for the DLLPs that are counted one by one."""
        return self.raw_bps * (1 - self.skp_share - self.dllp_share) / BITS_PER_BYTE

    @cached_property
    def fs_per_byte(self) -> Fraction:
        """Give the exact time of a byte in femtoseconds."""
        return FS_PER_S / self.bytes_per_s

    @cached_property
    def fs_numerator(self) -> int:
        """Give `num` of `n_bytes * num // den` femtoseconds; the product stays below 2^63 up to 64 KiB."""
        return self.fs_per_byte.numerator

    @cached_property
    def fs_denominator(self) -> int:
        """Give `den` of `n_bytes * num // den` femtoseconds."""
        return self.fs_per_byte.denominator

    @cached_property
    def dllp_bytes_per_tlp(self) -> Fraction:
        """Give the mean bytes of DLLPs that one TLP causes in the other direction: 0, 4 (`tlp4`) or 16 (`tlp1`)."""
        return Fraction(2 * DLLP_BYTES, self.tlps_per_dllp_pair) if self.tlps_per_dllp_pair else Fraction(0)

    def busy_share(self, share: float) -> float:
        """Give the busy share of a direction whose TLPs take `share`: what even an idle link sends is part of it."""
        return share + (1 - share) * float(self.skp_share + self.dllp_share)

    def transfer_fs(self, n_bytes: int) -> int:
        """Give the whole femtoseconds that `n_bytes` in one TLP occupy the link, rounded down."""
        return n_bytes * self.fs_numerator // self.fs_denominator


@dataclass(frozen=True)
class TlpOverhead:
    """Hold the bytes beside the data of a TLP: framing, sequence number, header, ECRC if on, LCRC."""

    memory_write_bytes: int
    read_request_bytes: int
    completion_bytes: int
    configuration_request_bytes: int


def raw_bps(generation: int, lanes: int) -> Fraction:
    """Give the rate of one direction after the line code, in bits per second.

    Raises ValueError for a generation other than 1 to 5 or a width that PCIe does not have.
    """
    if generation not in GENERATIONS:
        raise ValueError(f"PCIe generation {generation}: known are 1 to {NEWEST_GENERATION}")
    if lanes not in LANE_WIDTHS:
        raise ValueError(f"{lanes} lanes: a link has 1, 2, 4, 8, 12, 16 or 32")
    fixed = GENERATIONS[generation]
    return fixed.lane_bps * fixed.encoding * lanes


def most_tags(generation: int) -> int:
    """Return how many reads a function may have under way: by tags of 8 bits, or of 10."""
    return MOST_TAGS if generation < TEN_BIT_TAG_GENERATION else MOST_TEN_BIT_TAGS


def ack_factor(lanes: int, max_payload_bytes: int) -> Fraction:
    """Give the AckFactor of the Ack latency limit (Base Specification 3.0, tables 3-7 to 3-9)."""
    if max_payload_bytes >= 512:
        return Fraction(1) if lanes <= 8 else Fraction(2)
    if lanes <= 4:
        return Fraction(14, 10)
    return Fraction(25, 10) if lanes == 8 else Fraction(3)


def ack_limit_symbols(generation: int, lanes: int, max_payload_bytes: int) -> int:
    """Give the Ack latency limit in symbol times of a lane; the same number guides the UpdateFC interval.

    floor((MPS + 28) * AckFactor / lanes + delay), 28 B being the TLP overhead of the specification's formula. In one
    symbol time a link of N lanes moves N bytes.
    """
    raw_bps(generation, lanes)  # refuses what does not exist
    delay = GENERATIONS[generation].ack_delay_symbols
    return int((max_payload_bytes + 28) * ack_factor(lanes, max_payload_bytes) / lanes + delay)


def skp_share(generation: int, dllp_model: str) -> Fraction:
    """Give the share of the raw rate that SKP ordered sets take."""
    return _PCIE_BENCH_SKP_SHARE if dllp_model == "pcie_bench" else GENERATIONS[generation].skp_share


def dllp_share(generation: int, lanes: int, max_payload_bytes: int, dllp_model: str) -> Fraction:
    """Give the constant share of the raw rate that Acks and UpdateFCs take.

    `spec`: one of each per limit time, in which the whole link moves limit * lanes bytes. `pcie_bench`: the limit in
    symbol times is taken for bytes, as published, which overstates the cost `lanes` times. The other models: 0.
    """
    if dllp_model not in _TLPS_PER_DLLP_PAIR:
        raise ValueError(f"DLLP model {dllp_model!r}: known are {', '.join(DLLP_MODELS)}")
    if dllp_model not in ("spec", "pcie_bench"):
        return Fraction(0)
    limit = ack_limit_symbols(generation, lanes, max_payload_bytes)
    return Fraction(2 * DLLP_BYTES, limit * (lanes if dllp_model == "spec" else 1))


@cache
def link_rate(generation: int, lanes: int, max_payload_bytes: int, dllp_model: str) -> LinkRate:
    """Give the rate of one direction of a link.

    Raises ValueError for a generation, width or DLLP model that is not known.
    """
    raw = raw_bps(generation, lanes)
    share = dllp_share(generation, lanes, max_payload_bytes, dllp_model)
    return LinkRate(raw, skp_share(generation, dllp_model), share, _TLPS_PER_DLLP_PAIR[dllp_model])


def link_rate_of(pcie: LinkSettings) -> LinkRate:
    """Give the rate of one direction of the configured link, or of a bus, which is that of both together."""
    if pcie.bus is not None:
        return LinkRate(pci_bus.raw_bps(pcie.bus), Fraction(0), Fraction(0), 0, is_bus=True)
    return link_rate(pcie.generation, pcie.lanes, pcie.max_payload_bytes, pcie.dllp_model)


@cache
def tlp_overhead(address_bits: int = 64, ecrc: bool = False) -> TlpOverhead:
    """Give the bytes beside the data: 24, 24 and 20 with 64-bit addresses, 4 B less a request with 32-bit ones.

    Requests to configuration space have 20 B with either. ECRC adds 4 B to each TLP. Raises ValueError for other
    address sizes.
    """
    if address_bits not in _REQUEST_HEADER_BYTES:
        raise ValueError(f"{address_bits} address bits: known are 32 and 64")
    around = _FRAMING_BYTES + (_ECRC_BYTES if ecrc else 0)
    request = around + _REQUEST_HEADER_BYTES[address_bits]
    return TlpOverhead(request, request, around + _SHORT_HEADER_BYTES, around + _SHORT_HEADER_BYTES)


def tlp_overhead_of(pcie: LinkSettings) -> TlpOverhead:
    """Give the bytes beside the data of the configured link's TLPs; of a bus, what it could carry in those clocks."""
    if pcie.bus is None:
        return tlp_overhead(pcie.address_bits, pcie.ecrc)
    clocks = (pci_bus.write_clocks, pci_bus.request_clocks, pci_bus.answer_clocks, pci_bus.request_clocks)
    return TlpOverhead(*(each(pcie.bus) * pci_bus.word_bytes(pcie.bus) for each in clocks))


def word_bytes_of(pcie: LinkSettings) -> int:
    """Give the bytes of the words that data fill up: 4, a bus's width, or 1 as in the published pcie-bench model."""
    if pcie.bus is not None:
        return pci_bus.word_bytes(pcie.bus)
    return 1 if pcie.dllp_model == "pcie_bench" else 4
