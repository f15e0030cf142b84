"""What the fetches of Rx descriptors let through, with and without descriptors kept on the chip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.rx_batches import descriptor_shares, mean_descriptors
from hwmodel.analytic.traffic import Traffic
from hwmodel.analytic.transactions import Transaction
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES, link_rate_of
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

ZERO, ONE = Fraction(0), Fraction(1)


def serial_rx_fetches(config: Config, traffic: Traffic, beside: Sequence[Traffic]) -> Iterator[Ceiling]:
    """Give what fetches of Rx descriptors let through where none are kept on the chip: one frame's after another's."""
    if config.nic.rx_prefetch:
        return
    fetch_s = Fraction(round_trip_fs(config, DESCRIPTOR_BYTES), FS_PER_S)
    per_s = sum((one.written * (one.frames_per_s or 0) for one in beside), ZERO)
    what = "Rx descriptors read one frame after another (rx_prefetch 0)"
    yield Ceiling("rx.descriptors", what, "s", Fraction(1), traffic.written * fetch_s, per_s * fetch_s)


def prefetches(
    config: Config, traffic: Traffic, beside: Sequence[Traffic], transactions: Sequence[Transaction]
) -> Iterator[Ceiling]:
    """Give what fetches ahead let through, of all rings in use.

    A fetch is made while fewer than `rx_prefetch` descriptors are on the chip or on their way, and those on their way
    are whole batches, each for a round trip. A batch is asked for when so many are left that others of it have been
    taken before, one after another: docs/pcie.md ("Rx descriptors").
    """
    nic = config.nic
    rings = traffic.rx_rings.union(*(one.rx_rings for one in beside))
    if nic.rx_prefetch and rings:
        batch = nic.rx_fetch_batch
        needed = max(max(descriptor_shares(config, one.sizes)) for one in (traffic, *beside))
        kept = max(min(nic.rx_prefetch, nic.descriptor_cache - batch + 1), needed)
        most = min(-(-kept // batch) * batch, nic.descriptor_cache)
        fetch_s = Fraction(round_trip_fs(config, DESCRIPTOR_BYTES * batch), FS_PER_S)
        taken_s = -kept % batch * _between_s(config, traffic, transactions)
        per_s = sum((_rx_descriptors(config, one) * (one.frames_per_s or 0) for one in beside), ZERO)
        what = f"{most} Rx descriptors of each ring on their way"
        n, capacity = _rx_descriptors(config, traffic), Fraction(most * len(rings))
        one = Ceiling("rx.descriptors", what, "descriptors", capacity, n * fetch_s, per_s * fetch_s)
        yield one.with_waiting(n * taken_s)


def _between_s(config: Config, traffic: Traffic, transactions: Sequence[Transaction]) -> Fraction:
    """Give the least time between two frames of one ring on the way up; none where they take several buffers."""
    if not traffic.written or set(descriptor_shares(config, traffic.sizes)) != {1}:
        return ZERO
    writes = [one for one in transactions if one.name == "payload write"]
    n_bytes = sum((one.per_frame * one.link_bytes("up") for one in writes), ZERO) / traffic.written
    copies = traffic.written / max(traffic.reads + traffic.from_wire, traffic.written / max(1, len(traffic.rx_rings)))
    return max(ONE, copies) * n_bytes / link_rate_of(config.pcie).bytes_per_s


def _rx_descriptors(config: Config, traffic: Traffic) -> Fraction:
    return traffic.written * mean_descriptors(config, traffic.sizes)
