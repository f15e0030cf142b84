"""Snapshots of the bridges' counters, and the figures of their ports and logical ports over a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.bridge_ports import LogicalPort, PhysicalPort
from hwmodel.config.system import NamedBridge
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge_state import CONTROL_FRAME_SENT
from hwmodel.resources import RATE_LIMIT
from hwmodel.results import Bottleneck, Suspect, bottleneck_text
from hwmodel.results.bottleneck import LOSS, MATTERS
from hwmodel.results.bridge import BridgePortResult, BridgeResult, LogicalPortResult, PortSamples
from hwmodel.simulation.figures.counts import area_of
from hwmodel.simulation.figures.flow_control_use import bridge_pauses
from hwmodel.simulation.figures.latency_summary import named_drops
from hwmodel.simulation.figures.measurement import sending_until_fs
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.virtual_switch_use import SAMPLED, estimates
from hwmodel.units import BITS_PER_BYTE, FS_PER_S, format_rate_bps

QUEUE_FULL, RATE_LIMITED = DropReason.QUEUE_FULL.value, DropReason.RATE_LIMITED.value
_ROUNDING = 1e-3  # of a share: server and bridge both measure the wire between them, and differ by rounding


@dataclass(frozen=True)
class BridgeSnapshot:
    """Hold what ports and logical ports have counted, how long ports were busy, and the integrals of all queues.

    `logical_held_fs`: for how long the rate of a service level still holds it back.
    """

    ports: npt.NDArray[Any]
    in_busy_fs: npt.NDArray[np.int64]
    out_busy_fs: npt.NDArray[np.int64]
    areas: npt.NDArray[np.float64]
    logical: npt.NDArray[Any]
    logical_areas: npt.NDArray[np.float64]
    logical_held_fs: npt.NDArray[np.int64]


def take_bridge(record: Any, servers: Sequence[Any], now_fs: int) -> BridgeSnapshot:
    """Copy the sums out of the bridges' record; a port's inbound busy time is that of the sender at the far end."""
    ports = [record.port[number] for number in range(int(record.params.n_ports))]
    outs = [int(port.counts.tx_busy_fs) - _ahead_fs(record, at, now_fs) for at, port in enumerate(ports)]
    ins = [
        _in_busy_fs(port, servers, now_fs) if port.params.joined < 0 else outs[int(port.params.joined)]
        for port in ports
    ]
    counts = record["port"]["counts"][: len(ports)].copy()
    of_logical = record["logical_port"][: int(record.params.n_logical_ports)]
    logical = of_logical["counts"].copy()
    return BridgeSnapshot(
        ports=counts,
        in_busy_fs=np.array(ins, np.int64),
        out_busy_fs=np.array(outs, np.int64),
        areas=area_of(counts["waiting"], now_fs),
        logical=logical,
        logical_areas=area_of(logical["waiting"], now_fs),
        logical_held_fs=np.maximum(0, of_logical["eligible_fs"] - now_fs),
    )


def begin_bridge_window(record: Any) -> None:
    """Reset the largest queue depths, only of ports that exist: touching the rest would allocate its memory."""
    for name, n in (("port", record.params.n_ports), ("logical_port", record.params.n_logical_ports)):
        waiting = record[name]["counts"]["waiting"][: int(n)]
        waiting["highest"] = waiting["level"]


def _ahead_fs(record: Any, port_number: int, now_fs: int) -> int:
    """Return the time still to come of the frame that a port is sending, which `tx_busy_fs` already contains."""
    port = record.port[port_number]
    if int(port.sending) == CONTROL_FRAME_SENT:
        return max(0, int(record.pauses[port_number].sent_fs) - now_fs)
    if int(port.sending) < 0:
        return 0
    crossing = record.slot[int(port.sending)].crossing
    return max(0, int(crossing.come_fs) - int(port.params.propagation_fs) - now_fs)


def _in_busy_fs(port: Any, servers: Sequence[Any], now_fs: int) -> int:
    peer = servers[int(port.params.peer)]
    if port.params.is_outside:
        outside = peer.outside
        return int(outside.busy_fs) - max(0, int(outside.busy_until_fs) - now_fs)
    number = int(port.params.adapter_port)
    return int(peer.port[number].mac.counts.tx_busy_fs) - max(0, sending_until_fs(peer, number, now_fs) - now_fs)


def port_results(
    record: Any, ports: Sequence[PhysicalPort], window: tuple[BridgeSnapshot, BridgeSnapshot], span: Span
) -> list[BridgePortResult]:
    """Put together what a window, and the run so far, say of the ports of all bridges and extenders."""
    start, end = window
    found = []
    for port in ports:
        at, entry = port.number, record.port[port.number]
        found.append(
            BridgePortResult(
                name=port.name,
                device=port.device,
                to=port.to,
                in_frames=int(entry.counts.rx_frames),
                out_frames=int(entry.counts.tx_frames),
                in_gbps=span.gbps(int(end.ports["rx_bytes"][at] - start.ports["rx_bytes"][at])),
                out_gbps=span.gbps(int(end.ports["tx_bytes"][at] - start.ports["tx_bytes"][at])),
                in_utilization=_share(span, start.in_busy_fs, end.in_busy_fs, at),
                out_utilization=_share(span, start.out_busy_fs, end.out_busy_fs, at),
                queue_mean_bytes=float(end.areas[at] - start.areas[at]) / span.fs,
                queue_max_bytes=int(entry.counts.waiting.highest),
                drops=named_drops(entry.counts.drops),
                logical_ports=logical_results(record, port, window, span),
                classes=bridge_pauses(record, at, span.end.now_fs),
            )
        )
    return found


def bridge_results(
    record: Any, ports: Sequence[PhysicalPort], found: Sequence[BridgePortResult], now_fs: int
) -> tuple[BridgeResult, ...]:
    """Put together what the run so far says of each bridge; `found`: the results of all ports."""
    owners = {port.bridge: port.owner for port in ports}
    results = []
    samplers = count()
    for number, owner in sorted(owners.items()):
        own = [at for at, port in enumerate(ports) if port.bridge == number]
        boxes = record["box"]["counts"][sorted({ports[at].box for at in own})]
        box = record.box[number]
        n_gone = _gone(record, number, now_fs)
        results.append(
            BridgeResult(
                name=owner.name,
                kind=owner.settings.kind,
                forwarded_frames=int(box.counts.forwarded),
                replicated_frames=int(boxes["replicated"].sum()),
                flooded_frames=int(box.counts.flooded),
                dropped_frames=int(boxes["dropped"].sum()),
                drops=named_drops(boxes["drops"].sum(axis=0)),
                addresses_known=int(box.n_known) - n_gone,
                learned=int(box.counts.learned),
                moved=int(box.counts.moved),
                aged=int(box.counts.aged) + n_gone,
                not_learned=int(box.counts.not_learned),
                ports=tuple(found[at] for at in own),
                samples=tuple(_samples_of(record, owner, samplers)),
            )
        )
    return tuple(results)


def _samples_of(record: Any, owner: NamedBridge, numbers: Iterator[int]) -> Iterator[PortSamples]:
    for own, number in zip(owner.settings.samples, numbers, strict=False):
        row = record.sampler[number]
        told = estimates(own.one_in, {name: int(row[name]) for name in SAMPLED})
        yield PortSamples(name=own.source, one_in=own.one_in, **told)


def _gone(record: Any, number: int, now_fs: int) -> int:
    """Count a bridge's expired addresses that no lookup has removed yet."""
    box = record.box[number]
    if not box.params.learns:
        return 0
    addresses = record["address"][: int(record.n_addresses)]
    is_known = (addresses["box"] == number) & (addresses["logical_port"] >= 0)
    return int((is_known & (now_fs - addresses["seen_fs"] >= int(box.params.ageing_fs))).sum())


def bridge_suspects(
    results: Sequence[BridgePortResult],
    ports: Sequence[PhysicalPort],
    window: tuple[BridgeSnapshot, BridgeSnapshot],
    offered_frames: int,
    dead: Sequence[int],
) -> Iterator[Suspect]:
    """Yield what may limit the throughput at the bridges: busy ports, overflowing queues, and policers that drop.

    `dead`: numbers of ports to a dead wire of an adapter, where all that is sent is lost, however fast.
    """
    start, end = window
    lost, policed = (end.ports["drops"] - start.ports["drops"])[:, [QUEUE_FULL, RATE_LIMITED]].T
    lost[list(dead)] = 0
    sent = end.ports["tx_frames"] - start.ports["tx_frames"]
    # The port to the stations outside comes last: it also carries flooded frames that are for somebody else.
    for at in sorted(range(len(ports)), key=lambda at: (ports[at].name == OUTSIDE, -int(lost[at]))):
        share = results[at].out_utilization or 0.0
        if share >= MATTERS and at not in dead:
            yield _busy_port(ports[at], share, int(lost[at]), _lost_for_want_of_its_room(ports, lost, at))
    least = LOSS * offered_frames
    if lost.max(initial=0) > least:
        at = int(lost.argmax())
        n_others = _lost_for_want_of_its_room(ports, lost, at)
        yield _short_queue(results[at], ports[at], int(lost[at]), int(lost[at] + sent[at]), n_others)
    if policed.sum() > least:
        owner, n_lost = ports[int(policed.argmax())].owner, int(policed.sum())
        why = bottleneck_text.policy_drops(owner.words, n_lost, offered_frames)
        yield Suspect(resource=RATE_LIMIT, share=0.0, use=0.0, why=why, keys=(f"{owner.key}.policy.NUMBER.rate",))


def _lost_for_want_of_its_room(ports: Sequence[PhysicalPort], lost: npt.NDArray[np.int64], at: int) -> int:
    """Count what drops at other ports that share the buffer of one; 0 if each has its own."""
    if not ports[at].shares_buffer:
        return 0
    box = ports[at].box
    return sum(int(lost[other]) for other, port in enumerate(ports) if port.box == box and other != at)


def _busy_port(port: PhysicalPort, share: float, n_lost: int, n_others: int) -> Suspect:
    why = bottleneck_text.busy_port(port.words, share, n_lost, n_others)
    keys = (f"{port.key}.rate",)
    return Suspect(resource=port.resource, share=share, use=share, why=why, keys=keys, lost_frames=n_lost)


def _short_queue(result: BridgePortResult, port: PhysicalPort, n_lost: int, frames: int, n_others: int) -> Suspect:
    """Return as a suspect the buffer of the port that drops most: bursts exceed what it holds."""
    whose = f"{port.owner.key}.extenders.{port.device}" if port.is_of_extender else port.owner.key
    keys: tuple[str, ...] = (f"{whose}.buffer",)
    if port.is_scheduled:
        keys += (f"{port.key}.s_channels.NUMBER.buffer",)
    share, is_ingress = result.out_utilization or 0, port.owner.settings.flow_control is not None
    why = bottleneck_text.short_queue(port.words, n_lost, frames, n_others, share, is_ingress=is_ingress)
    return Suspect(resource=f"{port.owner.name}.buffer", share=0.0, use=0.0, why=why, keys=keys)


def with_busier_port(
    found: Bottleneck, results: Sequence[BridgePortResult], ports: Sequence[PhysicalPort]
) -> Bottleneck:
    """Return the load as a bottleneck, naming the busiest bridge port if that is busier than any server resource."""
    one, port = max(zip(results, ports, strict=True), key=lambda pair: pair[0].out_utilization)
    if one.out_utilization <= found.utilization + _ROUNDING:
        return found
    why = bottleneck_text.busier_port(found.why, port.words, one.out_utilization)
    return replace(found, utilization=one.out_utilization, why=why)


def _share(span: Span, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], at: int) -> float:
    return min(1.0, span.share(int(end[at] - start[at])))


def logical_results(
    record: Any, port: PhysicalPort, window: tuple[BridgeSnapshot, BridgeSnapshot], span: Span
) -> tuple[LogicalPortResult, ...]:
    """Return what a port's logical ports carried; empty unless they have queues, translate VLANs, or are interfaces."""
    if not port.tells_logical:
        return ()
    groups = () if port.groups is None else (port.groups,)
    return tuple(_result_of(record, port, logical, window, span) for logical in (*port.logical, *groups))


def _result_of(
    record: Any, port: PhysicalPort, logical: LogicalPort, window: tuple[BridgeSnapshot, BridgeSnapshot], span: Span
) -> LogicalPortResult:
    at, entry = logical.number, record.logical_port[logical.number]
    start, end = (each.logical[at] for each in window)
    area, has_queue = window[1].logical_areas[at] - window[0].logical_areas[at], port.is_scheduled
    return LogicalPortResult(
        name=logical.name,
        in_frames=int(entry.counts.rx_frames),
        out_frames=int(entry.counts.tx_frames),
        in_gbps=span.gbps(int(end["rx_bytes"] - start["rx_bytes"])),
        out_gbps=span.gbps(int(end["tx_bytes"] - start["tx_bytes"])),
        queue_mean_bytes=float(area) / span.fs if has_queue else None,
        queue_max_bytes=int(entry.counts.waiting.highest) if has_queue else None,
        dropped_frames=int(entry.counts.dropped),
    )


def level_suspects(
    record: Any, ports: Sequence[PhysicalPort], window: tuple[BridgeSnapshot, BridgeSnapshot], span_fs: int
) -> Iterator[Suspect]:
    """Yield the S-channels that send nearly as much as their shaper lets them, and drop frames or get behind.

    A shaper is busy for as long as a frame takes at its rate: one that is slow may be so for all of a window, by a
    frame sent before.
    """
    start, end = (each.logical for each in window)
    held_fs = window[0].logical_held_fs - window[1].logical_held_fs
    lost = end["dropped"] - start["dropped"]
    more_bytes = end["waiting"]["level"] - start["waiting"]["level"]
    for port in ports:
        for logical in port.logical if port.is_scheduled else ():
            entry, at = record.logical_port[logical.number], logical.number
            if not int(entry.params.shaper_den) or (not lost[at] and more_bytes[at] <= 0):
                continue
            fs_per_byte = int(entry.params.shaper_num) / int(entry.params.shaper_den)
            busy_fs = float(end["tx_bytes"][at] - start["tx_bytes"][at]) * fs_per_byte + float(held_fs[at])
            share = min(1.0, busy_fs / span_fs)
            if share >= MATTERS:
                rate_bps = round(BITS_PER_BYTE * FS_PER_S / fs_per_byte)
                yield _suspect_of(port, logical, share, rate_bps, int(lost[at]))


def _suspect_of(port: PhysicalPort, logical: LogicalPort, share: float, rate_bps: int, n_lost: int) -> Suspect:
    why = bottleneck_text.busy_level(port.words, share, format_rate_bps(rate_bps), logical.s_vid, n_lost)
    keys = (f"{port.key}.s_channels.{logical.s_vid}.rate",)
    name = f"{port.owner.name}.{logical.name}"
    return Suspect(resource=name, share=share, use=share, why=why, keys=keys, lost_frames=n_lost)
