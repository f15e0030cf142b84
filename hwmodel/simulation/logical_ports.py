"""What a window says of logical ports of a bridge: S-channels with service levels, translated VLANs, interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.results import Suspect
from hwmodel.results.bottleneck import MATTERS
from hwmodel.results.bridge import LogicalPortResult
from hwmodel.simulation.bridge_ports import LogicalPort, PhysicalPort
from hwmodel.simulation.span import Span
from hwmodel.units import BITS_PER_BYTE, FS_PER_S, format_rate_bps
from hwmodel.words import bottleneck as words


@dataclass(frozen=True)
class LogicalSnapshot:
    """Hold sums by logical port, int64 of that many entries, and the integrals of the queues over time."""

    in_bytes: npt.NDArray[np.int64]
    out_bytes: npt.NDArray[np.int64]
    dropped: npt.NDArray[np.int64]
    areas: npt.NDArray[np.float64]


def take_logical(record: Any, now_fs: int) -> LogicalSnapshot:
    """Copy the sums of the logical ports out of a bridge's record."""
    entries = record["logical_port"]["counts"][: int(record.n_logical_ports)]
    waiting = entries["waiting"]
    return LogicalSnapshot(
        in_bytes=entries["rx_bytes"].copy(),
        out_bytes=entries["tx_bytes"].copy(),
        dropped=entries["dropped"].copy(),
        areas=waiting["area"] + waiting["level"].astype(float) * (now_fs - waiting["since_fs"]),
    )


def begin_logical_window(record: Any) -> None:
    """Forget the largest depths seen so far."""
    waiting = record["logical_port"]["counts"]["waiting"]
    waiting["highest"] = waiting["level"]


def logical_results(
    record: Any, port: PhysicalPort, window: tuple[LogicalSnapshot, LogicalSnapshot], span: Span
) -> tuple[LogicalPortResult, ...]:
    """Return what logical ports carried, where they have queues, translate, or are interfaces; elsewhere none."""
    if not port.tells_logical:
        return ()
    groups = () if port.groups is None else (port.groups,)
    return tuple(_result_of(record, port, logical, window, span) for logical in (*port.logical, *groups))


def _result_of(
    record: Any, port: PhysicalPort, logical: LogicalPort, window: tuple[LogicalSnapshot, LogicalSnapshot], span: Span
) -> LogicalPortResult:
    start, end = window
    at, entry = logical.number, record.logical_port[logical.number]
    has_queue = port.is_scheduled
    return LogicalPortResult(
        name=logical.name,
        in_frames=int(entry.counts.rx_frames),
        out_frames=int(entry.counts.tx_frames),
        in_gbps=span.gbps(int(end.in_bytes[at] - start.in_bytes[at])),
        out_gbps=span.gbps(int(end.out_bytes[at] - start.out_bytes[at])),
        queue_mean_bytes=float(end.areas[at] - start.areas[at]) / span.fs if has_queue else None,
        queue_max_bytes=int(entry.counts.waiting.highest) if has_queue else None,
        dropped_frames=int(entry.counts.dropped),
    )


def level_suspects(
    record: Any, ports: Sequence[PhysicalPort], window: tuple[LogicalSnapshot, LogicalSnapshot], span_fs: int
) -> Iterator[Suspect]:
    """Give the S-channels that send most of what their rate lets them, and drop."""
    start, end = window
    lost = end.dropped - start.dropped
    for port in ports:
        for logical in port.logical if port.is_scheduled else ():
            entry, at = record.logical_port[logical.number], logical.number
            if not int(entry.shaper_den) or not lost[at]:
                continue
            fs_per_byte = int(entry.shaper_num) / int(entry.shaper_den)
            share = float(end.out_bytes[at] - start.out_bytes[at]) * fs_per_byte / span_fs
            if share >= MATTERS:
                rate_bps = round(BITS_PER_BYTE * FS_PER_S / fs_per_byte)
                yield _suspect_of(port, logical, min(1.0, share), rate_bps, int(lost[at]))


def _suspect_of(port: PhysicalPort, logical: LogicalPort, share: float, rate_bps: int, n_lost: int) -> Suspect:
    why = words.busy_level(port.words, share, format_rate_bps(rate_bps), logical.s_vid, n_lost)
    keys = (f"{port.key}.s_channels.{logical.s_vid}.rate",)
    name = f"{port.owner.name}.{logical.name}"
    return Suspect(resource=name, share=share, use=share, why=why, keys=keys, lost_frames=n_lost)
