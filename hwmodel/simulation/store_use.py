"""How much a run used of what does not work at a rate of its own: credits, and the frames that may come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.routes import UPLINK
from hwmodel.machine.tlp_kinds import COMPLETION_CREDIT, DOWN, NON_POSTED_CREDIT, OF_KIND, POSTED_CREDIT, UP
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES, DESCRIPTOR_BYTES, link_rate_of, tlp_overhead_of
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.analytic.traffic import Traffic
    from hwmodel.config import Config
    from hwmodel.simulation.span import Span


@dataclass(frozen=True)
class _Tlps:
    """Hold the window's TLPs of one sort: how many, the mean of their bytes on the link and of their data."""

    n: int
    link_bytes: float
    data_bytes: float

    @property
    def data_credits(self) -> int:
        return -int(-self.data_bytes // CREDIT_DATA_BYTES)


def credit_use(config: Config, span: Span) -> dict[str, float]:
    """Return, by kind, the share of its finite credits that the window's TLPs would have held on an idle machine.

    A TLP holds them for its transmission, its flight, the host's draining of its data, and the return. Of data credits
    TLPs of the longest sort have only those that whole ones can take; as others fill the rest, the share can come to a
    little more than 1. The misses of an IOMMU's cache are not counted.
    """
    credits, overhead = config.pcie.credits, tlp_overhead_of(config.pcie)
    posted = _tlps(span, UP, POSTED_CREDIT, overhead.memory_write_bytes)
    reads = _tlps(span, UP, NON_POSTED_CREDIT, overhead.read_request_bytes)
    answers = _tlps(span, DOWN, COMPLETION_CREDIT, overhead.completion_bytes)
    drain_bps = config.host.write_drain_bps
    drain_fs = 0.0 if drain_bps is None else BITS_PER_BYTE * FS_PER_S / drain_bps
    found = {
        "posted": _share(config, list(posted), credits.ph, credits.pd, drain_fs),
        "non_posted": _share(config, list(reads), credits.nph, 0),
        "completion": _share(config, list(answers), credits.cplh, credits.cpld),
    }
    return {f"pcie.credits.{kind}": held_fs / span.fs for kind, held_fs in found.items()}


def _tlps(span: Span, direction: str, of_class: int, header_bytes: int) -> Iterator[_Tlps]:
    n_tlps, n_bytes, _ = span.tlps(direction)
    for kind, about in OF_KIND.items():
        if (about.direction, about.of_class) != (direction, of_class):
            continue
        n = int(n_tlps[kind])
        if n:
            yield _Tlps(n, int(n_bytes[kind]) / n, int(n_bytes[kind]) / n - header_bytes)


def _share(config: Config, tlps: list[_Tlps], headers: int, data: int, drain_fs_per_byte: float = 0.0) -> float:
    """Return for how long each credit was held in the mean; 0 where credits are infinite."""
    if not headers and not data:
        return 0.0
    rate, pcie = link_rate_of(config.pcie), config.pcie
    by_header = by_data = 0.0
    longest = max((one.data_credits for one in tlps), default=0)
    for one in tlps:
        loop_fs = rate.transfer_fs(round(one.link_bytes)) + pcie.flight_fs + pcie.credits.return_fs
        held_fs = one.n * (loop_fs + one.data_bytes * drain_fs_per_byte)
        by_header += held_fs
        usable = data // longest * longest if 0 < one.data_credits == longest else data
        by_data += held_fs * one.data_credits / usable if usable else 0.0
    return max(by_header / headers if headers else 0.0, by_data)


def fetch_use(config: Config, span: Span) -> float:
    """Return the share of its descriptors under way that the busiest function's fetches would take on an idle machine.

    A ring has at most `rx_prefetch` under way, in whole batches. A function's frames are taken to be spread evenly over
    its rings and to have a descriptor each. 0 without `rx_prefetch`.
    """
    nic = config.nic
    if not nic.rx_prefetch or not span.count("vm_copies"):
        return 0.0
    batch = min(nic.rx_fetch_batch, nic.rx_ring)
    under_way = -(-nic.rx_prefetch // batch) * batch
    n_bytes = min(batch * DESCRIPTOR_BYTES, config.pcie.max_read_request_bytes)
    received = span.end.received_bytes - span.start.received_bytes
    share = float(received[1:].max()) / max(1, int(received[1:].sum()))
    frames = span.count("vm_copies") * share / nic.queues_per_vf
    return frames * round_trip_fs(config, n_bytes) / span.fs / under_way


def demand_use(config: Config, span: Span) -> tuple[float, float]:
    """Return what share of the demand was delivered in the window, and what share of the demand rate limits set.

    The demand: of each sender what it offers, at most its rate limit. 0 and 0 where one may send all it can.
    """
    if config.workload.pcap is not None:
        return 0.0, 0.0
    by_sender: dict[str, Fraction | None] = {}
    traffic: dict[str, Traffic] = {}
    for one in demand_of(config, None).streams:
        so_far = by_sender.get(one.source, Fraction(0))
        both = so_far is not None and one.frames_per_s is not None
        by_sender[one.source] = so_far + one.frames_per_s if both else None  # type: ignore[operator]
        traffic[one.source] = one.traffic
    limits = {port.name: port.rate_limit_bps for port in config.switch.ports}
    total = by_limits = Fraction(0)
    for source, offered in by_sender.items():
        limit_bps = None if source == UPLINK else limits[source]
        limit = None if limit_bps is None else limit_bps / (traffic[source].mean_frame_bytes * BITS_PER_BYTE)
        most = min((rate for rate in (offered, limit) if rate is not None), default=None)
        if most is None:
            return 0.0, 0.0
        total += most
        by_limits += most if most == limit else 0
    expected = float(total) * span.fs / FS_PER_S
    return (span.count("delivered") / expected, float(by_limits / total)) if expected else (0.0, 0.0)
