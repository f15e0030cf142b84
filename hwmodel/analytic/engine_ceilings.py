"""What the DMA engines (`nic.dma`) let through: the time of each, the path that they share, the reads outstanding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling, taken
from hwmodel.analytic.dma_engines import operation_fs, places_of, shared_fs
from hwmodel.analytic.latency import reads_span_fs
from hwmodel.analytic.transactions import Transaction
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO = Fraction(0)
ONE_S = Fraction(1)


def engine_ceilings(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceilings of the engines, of what is outstanding and of the shared path, unused ones too.

    None without `nic.dma`. The reads of a transfer are one operation, outstanding for as long as they take on an empty
    link; interrupts and doorbells use no engine.
    """
    settings = config.nic.dma
    if settings is None:
        return

    def reading_s(one: Transaction) -> Fraction:
        n_bytes = _moved_bytes(one) if one.is_read else 0
        return Fraction(operation_fs(settings.read, n_bytes), FS_PER_S) if n_bytes else ZERO

    def outstanding_s(one: Transaction) -> Fraction:
        if not one.is_read or one.transfer == ():
            return ZERO
        held_fs = places_of(settings.read, _moved_bytes(one)) * reads_span_fs(config, one.transfer or (one.tlps,))
        return Fraction(held_fs, FS_PER_S)

    def writing_s(one: Transaction) -> Fraction:
        return Fraction(operation_fs(settings.write, _moved_bytes(one)), FS_PER_S) if one.is_dma_write else ZERO

    def sharing_s(one: Transaction) -> Fraction:
        n_bytes = _moved_bytes(one) if one.is_read or one.is_dma_write else 0
        return Fraction(shared_fs(settings, n_bytes), FS_PER_S) if n_bytes else ZERO

    places = Fraction(settings.read.outstanding)
    yield Ceiling("nic.dma.read", "the engine of reads", "s", ONE_S, *taken(transactions, reading_s))
    yield Ceiling("nic.dma.read", "reads outstanding", "places", places, *taken(transactions, outstanding_s))
    yield Ceiling("nic.dma.write", "the engine of writes", "s", ONE_S, *taken(transactions, writing_s))
    yield Ceiling("nic.dma.shared", "the path shared by both engines", "s", ONE_S, *taken(transactions, sharing_s))


def _moved_bytes(one: Transaction) -> int:
    """Return the bytes of the operation that a transaction begins; 0 where it goes with one before."""
    reads = (one.tlps,) if one.transfer is None else one.transfer
    return sum(tlp.data_bytes for tlps in reads for tlp in tlps)
