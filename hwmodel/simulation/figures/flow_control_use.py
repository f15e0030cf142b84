"""Flow control over a window: levels by class, who was paused for how long, and which rings caused it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from hwmodel.config import Config
from hwmodel.config.headroom import high_marks_of, low_marks_of, parts_of
from hwmodel.results import BridgePause, ClassLevel, FlowControlUse, PortPause
from hwmodel.simulation.figures.part_snapshots import open_fs
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS

MOST_FLOWS = 16  # named as waiting, for a class of a port


def held_outside(start: Mapping[str, Any] | None, end: Mapping[str, Any] | None) -> int:
    """Return the growth of the frames waiting at link partners; if a partner is full, all that wait."""
    if start is None or end is None:
        return 0
    return int(end["waiting_outside"] - (0 if end["is_full_outside"] else start["waiting_outside"]))


def flow_control_use(config: Config, span: Span) -> FlowControlUse | None:
    """Return what flow control did in a window; None without it."""
    control, end, grown = config.nic.flow_control, span.end.pauses, partial(span.grown, "pauses")
    if control is None or span.start.pauses is None or end is None:
        return None
    parts, high, low = parts_of(config), high_marks_of(config), low_marks_of(config)
    stops_sent, stops_received = grown("counts", "stops_sent"), grown("counts", "stops_received")
    stopped_fs, partner_stopped_fs = grown("stopped_fs"), grown("partner_stopped_fs")
    return FlowControlUse(
        mode=control.mode,
        control_frames_sent=int(grown("counts", "sent").sum()),
        control_frames_received=int(grown("counts", "received").sum()),
        classes=tuple(
            ClassLevel(
                traffic_class=number,
                part_bytes=parts[number],
                high_bytes=high[number],
                low_bytes=low[number],
                level_mean_bytes=float(grown("areas")[number]) / span.fs,
                level_max_bytes=int(end["highest"][number]),
                over_ns=int(grown("over_fs")[number]) / FS_PER_NS,
                kept_ns=_kept(config, grown("blocked_fs")[:, number])
                if control.is_by_class
                else ns_by_vm(config, span, "blocking_fs"),
            )
            for number in range(len(parts))
        ),
        ports=tuple(
            PortPause(
                port=config.port.names[port] or "p0",
                traffic_class=number,
                stops_sent=int(stops_sent[port][number]),
                stops_received=int(stops_received[port][number]),
                stopped_ns=int(stopped_fs[port][number]) / FS_PER_NS,
                partner_stopped_ns=int(partner_stopped_fs[port][number]) / FS_PER_NS,
                waiting_flows=_flows_outside(config, end["targets"], port, number)
                if partner_stopped_fs[port][number] > 0
                else (),
            )
            for port in range(len(end["counts"]))
            for number in range(len(parts))
        ),
    )


def ns_by_vm(config: Config, span: Span, field: str) -> dict[str, float]:
    """Return a time that the window adds to VMs' counts, where there is some."""
    grown = zip(config.switch.ports, span.by_function(field), strict=True)
    return {config.vm_at(port.name): int(fs) / FS_PER_NS for port, fs in grown if fs > 0}


def _kept(config: Config, by_ring: Any) -> dict[str, float]:
    """Return how long each ring blocked a class, by the name of the VM (and queue)."""
    n = config.nic.queues_per_vf
    names = [config.vm_at(port.name) for port in config.switch.ports]
    return {
        names[ring // n] + (f".q{ring % n}" if n > 1 else ""): int(fs) / FS_PER_NS
        for ring, fs in enumerate(by_ring)
        if fs > 0
    }


def _flows_outside(config: Config, targets: frozenset[tuple[int, int, int]], port: int, number: int) -> tuple[str, ...]:
    """Name the flows of a class that come from the stations outside by a port."""
    names = [f"uplink>{config.vm_at(each.name)}" for each in config.switch.ports]
    found = sorted(target for target, by, of in targets if (by, of) == (port, number) and 0 < target <= len(names))
    return tuple(names[target - 1] for target in found[:MOST_FLOWS])


def bridge_pauses(record: Any, port: int, now_fs: int) -> tuple[BridgePause, ...]:
    """Return what flow control did at a port of a bridge, class by class."""
    own = record.pauses[port]
    over_fs = own.over_fs + open_fs(own.over, own.over_since_fs, now_fs)
    stopped_fs = own.counts.stopped_fs + open_fs(own.hears.mask, own.counts.since_fs, now_fs)
    return tuple(
        BridgePause(
            traffic_class=number,
            level_max_bytes=int(own.level[number].highest),
            over_ns=int(over_fs[number]) / FS_PER_NS,
            stops_sent=int(own.counts.stops_sent[number]),
            stopped_ns=int(stopped_fs[number]) / FS_PER_NS,
        )
        for number in range(int(record.port[port].params.n_classes))
    )
