"""What the DMA engines (`nic.dma`) let through: the time of each, the path that they share, the reads outstanding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling, taken
from hwmodel.analytic.dma_engines import operation_fs, places_of, shared_fs
from hwmodel.analytic.latency import read_holding_fs
from hwmodel.analytic.transactions import Transaction
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO = Fraction(0)
ONE_S = Fraction(1)


def engine_ceilings(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceilings of the engines, of what is outstanding and of the shared path, unused ones too.

    None without `nic.dma`. Reads are outstanding for a round trip on an empty link; interrupts and doorbells use no
    engine.
    """
    settings = config.nic.dma
    if settings is None:
        return

    def reading_s(one: Transaction) -> Fraction:
        return Fraction(operation_fs(settings.read, _moved_bytes(one)), FS_PER_S) if one.is_read else ZERO

    def outstanding_s(one: Transaction) -> Fraction:
        if not one.is_read:
            return ZERO
        held_fs = places_of(settings.read, _moved_bytes(one)) * read_holding_fs(config, one.tlps)
        return Fraction(held_fs, FS_PER_S)

    def writing_s(one: Transaction) -> Fraction:
        return Fraction(operation_fs(settings.write, _moved_bytes(one)), FS_PER_S) if one.is_dma_write else ZERO

    def sharing_s(one: Transaction) -> Fraction:
        uses = one.is_read or one.is_dma_write
        return Fraction(shared_fs(settings, _moved_bytes(one)), FS_PER_S) if uses else ZERO

    places = Fraction(settings.read.outstanding)
    yield Ceiling("nic.dma.read", "the engine of reads", "s", ONE_S, *taken(transactions, reading_s))
    yield Ceiling("nic.dma.read", "reads outstanding", "places", places, *taken(transactions, outstanding_s))
    yield Ceiling("nic.dma.write", "the engine of writes", "s", ONE_S, *taken(transactions, writing_s))
    yield Ceiling("nic.dma.shared", "the path shared by both engines", "s", ONE_S, *taken(transactions, sharing_s))


def _moved_bytes(one: Transaction) -> int:
    return sum(tlp.data_bytes for tlp in one.tlps)
