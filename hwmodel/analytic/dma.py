"""The closed form of the link alone: reads, writes, and a read coupled to a write, by transfer size.

Transfers follow one another without end. Data begin at `host.buffer_offset`, each transfer at the same place in its
buffer. Writes are bounded by the link and the posted credits, reads by the link, the tags and the credits of requests
and completions; with `nic.dma` both by their engines. An IOMMU's walks and the ends of windows are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hwmodel.analytic.ceiling import Ceiling, lowest, short_name
from hwmodel.analytic.ceilings import credit_ceilings, engine_ceilings, link_ceilings, tag_ceilings
from hwmodel.analytic.latency import transfer_read_fs
from hwmodel.analytic.transactions import TlpRules, Transaction
from hwmodel.config import only_server
from hwmodel.errors import InputError
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

DEFAULT_SIZES = (64, 128, 256, 512, 1024, 1500, 2048, 4096)


@dataclass(frozen=True)
class DmaCeiling:
    """Hold the most that one operation can move.

    `gbps`: data bits of one direction; `link_gbps`: the same by the link's bytes alone; `up_bytes`, `down_bytes`: bytes
    of a transfer on the link; `limited_by`: "up", "down", or the name of another resource.
    """

    gbps: float
    link_gbps: float
    up_bytes: float
    down_bytes: float
    limited_by: str
    ceilings: tuple[Ceiling, ...]


@dataclass(frozen=True)
class DmaLimits:
    """Hold the ceilings of a transfer size, and the time of a read on an empty link (mean of the host's jitter)."""

    n_bytes: int
    read: DmaCeiling
    write: DmaCeiling
    both: DmaCeiling
    read_latency_ns: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures under the keys of the `dma` command, with what limits each."""
        operations = {"read": self.read, "write": self.write, "both": self.both}
        rates = {f"{name}_gbps": one.gbps for name, one in operations.items()}
        limiting = {f"{name}_limited_by": one.limited_by for name, one in operations.items()}
        by_link = {f"{name}_link_gbps": one.link_gbps for name, one in operations.items()}
        return {"bytes": self.n_bytes, **rates, "read_latency_ns": self.read_latency_ns, **limiting, **by_link}


def dma_limits(config: Config, sizes: Iterable[int] = DEFAULT_SIZES) -> list[DmaLimits]:
    """Give the ceilings of transfers of each size in bytes.

    `both` couples a read to a write of the same size and counts the data of one direction. Raises ValueError for a size
    that is not above zero, InputError for an adapter on a bus, and where there are several.
    """
    config = only_server(config).config
    if config.pcie.bus is not None:
        raise InputError("hwmodel dma: it is of a link, and the adapter is on a bus (pcie.bus)")
    return [_limits_of(config, n_bytes) for n_bytes in sizes]


def _limits_of(config: Config, n_bytes: int) -> DmaLimits:
    if n_bytes <= 0:
        raise ValueError(f"a transfer of {n_bytes} bytes: a size is above zero")
    read_fs = transfer_read_fs(config, config.host.buffer_offset_bytes, n_bytes)
    read, write, both = (_ceiling(config, n_bytes, operation) for operation in ("read", "write", "both"))
    return DmaLimits(n_bytes, read, write, both, read_fs / FS_PER_NS)


def _ceiling(config: Config, n_bytes: int, operation: str) -> DmaCeiling:
    link = link_rate_of(config.pcie)
    transactions = list(_transfer(config, n_bytes, operation))
    on_link = link_ceilings(transactions, link)
    ceilings = [*on_link, *tag_ceilings(config, transactions), *credit_ceilings(config, transactions)]
    ceilings += [one for one in engine_ceilings(config, transactions) if one.per_frame]
    ceilings += _store(config, transactions)
    least = lowest(ceilings)

    def gbps(ceiling: Ceiling) -> float:
        return float((ceiling.frames_per_s or 0) * n_bytes * BITS_PER_BYTE / BPS_PER_GBPS)

    up_bytes, down_bytes = (
        float(sum(one.per_frame for one in on_link if one.resource == name)) for name in ("pcie.up", "pcie.down")
    )
    return DmaCeiling(gbps(least), gbps(lowest(on_link)), up_bytes, down_bytes, short_name(least), tuple(ceilings))


def _store(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give what moving received data into the adapter allows."""
    n_bytes = sum(tlp.data_bytes for one in transactions if one.name == "read" for tlp in one.tlps)
    if config.nic.store_rate_bps is not None and n_bytes:
        yield Ceiling(
            "nic.store", "data read", "B", Fraction(config.nic.store_rate_bps, BITS_PER_BYTE), Fraction(n_bytes)
        )


def _transfer(config: Config, n_bytes: int, operation: str) -> Iterable[Transaction]:
    rules, address, once = TlpRules.of(config), config.host.buffer_offset_bytes, Fraction(1)
    if operation in ("read", "both"):
        for tlps, transfer in rules.operation(address, n_bytes):
            yield Transaction("read", once, Fraction(0), tlps, transfer)
    if operation in ("write", "both"):
        yield Transaction("write", once, Fraction(0), rules.write(address, n_bytes))
