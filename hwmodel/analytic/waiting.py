"""What the mix of frames asked for adds to the ceilings: page walks, room before the switch.

All of it depends on which frames stand beside which, so that it holds for no other mix (`Ceiling.of_any_mix`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.latency import transfer_read_fs
from hwmodel.analytic.page_walks import WalksOf, page_walks
from hwmodel.analytic.traffic import Demand, Traffic
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO, ONE = Fraction(0), Fraction(1)


def with_waits(config: Config, demand: Demand, ceilings: Sequence[Ceiling]) -> Iterator[Ceiling]:
    """Give ceilings with what the demand's mix takes of them beside, and those that there are for it alone."""
    traffic, beside = demand.sought, demand.beside
    walks = WalksOf(page_walks(config, traffic), [page_walks(config, one) for one in beside])
    reads_beside_s = walks.of("reads_s")[1]
    for one in ceilings:
        match one.resource, one.unit:
            case ("pcie.tags", _) | ("nic.dma.read", "places"):
                yield one.with_waiting(walks.sought.reads_s, reads_beside_s)
            case "rx.descriptors", "s":
                yield one.with_waiting(walks.sought.rx_reads_s)
            case _:
                yield one
    if config.host.iotlb is not None and config.host.iotlb.walkers is not None:
        n = config.host.iotlb.walkers
        walks_s, walks_beside_s = walks.of("all_s")
        what = f"{n} page walks at once"
        yield Ceiling("host.walkers", what, "walkers", Fraction(n), walks_s, walks_beside_s, waiting=walks_s)
    yield from _tx_buffer(config, traffic)


def _tx_buffer(config: Config, traffic: Traffic) -> Iterator[Ceiling]:
    """Give what the Tx buffer lets through: a frame has its room while it is read, and while the wire sends it."""
    nic, sizes = config.nic, [(n_bytes - FCS_BYTES, share) for n_bytes, share in traffic.sizes]
    if not traffic.reads:
        return
    pipeline_fs = FS_PER_S // nic.max_pps if nic.max_pps is not None else 0
    offset = config.host.buffer_offset_bytes
    to_wire = min(ONE, traffic.to_wire / traffic.reads)
    held_s = {
        n: Fraction(transfer_read_fs(config, offset, n) + pipeline_fs, FS_PER_S)
        + to_wire * Fraction(BITS_PER_BYTE * wire_bytes(n + FCS_BYTES), config.port.rate_bps)
        for n, _ in sizes
    }
    if len(sizes) == 1:
        ((n_bytes, _),) = sizes
        most = max(1, nic.tx_buffer_bytes // n_bytes)
        what, unit, per_frame = f"room for {most} frames, each while read and sent", "frames", held_s[n_bytes]
    else:
        most, what, unit = nic.tx_buffer_bytes, "room for frames, each while read and sent", "B"
        per_frame = sum((share * n_bytes * held_s[n_bytes] for n_bytes, share in sizes), ZERO)
    per_frame *= traffic.reads
    yield Ceiling("nic.tx_buffer", what, unit, Fraction(most), per_frame, waiting=per_frame)
