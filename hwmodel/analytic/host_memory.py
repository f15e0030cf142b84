"""What a frame costs the host's memory: the bytes that adapters read and write there, and those that cores copy.

Bytes are counted as requested, not by cache lines, whether cache or memory holds them. Drivers' accesses to descriptors
and an IOMMU's to page tables are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.traffic import ZERO, Demand, Traffic
from hwmodel.analytic.transactions import Transaction
from hwmodel.rules.ethernet import FCS_BYTES

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config import Config

BYTES_A_COPY = 2  # a byte that is copied is read and written


def memory_bytes(
    system: System, demand: Demand, transactions: Sequence[Sequence[Transaction]], frames_per_s: Fraction
) -> Fraction | None:
    """Give the bytes read and written per frame that reaches a VM or leaves for outside; None where none does.

    `transactions`: of each server. Counted: payload, descriptors and write-backs that adapters move, and twice each
    byte that a core copies.
    """
    per_s = ZERO
    for part, server in enumerate(system.servers):
        for one in transactions[part]:
            per_s += (one.per_frame * frames_per_s + one.per_s) * _moved(one)
        per_s += sum(rate * _copied(server.config, one) for one, rate in demand.at(part).at_rates(frames_per_s))
    delivered_per_s = sum(((one.copies + one.to_wire) * rate for one, rate in demand.at_rates(frames_per_s)), ZERO)
    return per_s / delivered_per_s if delivered_per_s else None


def _moved(one: Transaction) -> int:
    """Give the bytes that a transaction reads in memory, or writes there; doorbells and interrupts do neither."""
    return sum(tlp.data_bytes for tlp in one.tlps) if one.is_read or one.is_dma_write else 0


def _copied(config: Config, traffic: Traffic) -> Fraction:
    """Give the bytes that copying a mean frame reads and writes, by drivers and by a virtual switch."""
    n_copies = sum((share * _copies_at_end(config, name, sends=True) for name, share in traffic.sent.items()), ZERO)
    n_copies += sum((share * _copies_at_end(config, name) for name, share in traffic.received.items()), ZERO)
    own = config.virtual_switch
    if own is not None and own.pass_by == "copy":
        n_copies += traffic.written + traffic.copies_out
    return BYTES_A_COPY * n_copies * (traffic.mean_frame_bytes - FCS_BYTES)


def _copies_at_end(config: Config, station: str, *, sends: bool = False) -> int:
    """Count how often a frame is copied at an end: a driver that takes time for each byte copies it once."""
    driver = config.driver_of(station)
    is_cut = sends and config.workload.segment_bytes is not None
    own_fs = driver.send_byte_time_fs if is_cut else driver.byte_time_fs
    return bool(own_fs) + (config.nic.mode == "vmdq" and driver.pass_by == "copy")
