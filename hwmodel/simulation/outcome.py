"""From two snapshots to a result."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel import __version__
from hwmodel.analytic.link import DLLP_BYTES, link_rate_of
from hwmodel.kernels import layout
from hwmodel.kernels.drop_reason import DropReason
from hwmodel.results import (
    Cpu,
    FlowResult,
    HostRun,
    IotlbUse,
    Latency,
    LinkBytes,
    Pcie,
    PcieDirection,
    QueueDepth,
    Result,
    Stalls,
    Totals,
    VmResult,
    Window,
    Wire,
    filled_columns,
    find_bottleneck,
    merge_histogram,
    summarize_latency,
)
from hwmodel.simulation.fairness import fairness
from hwmodel.simulation.frame_bytes import frame_bytes
from hwmodel.simulation.latency_parts import delivery_latency, latency_parts
from hwmodel.simulation.measurement import Snapshot, counts_of
from hwmodel.simulation.nic_state import function_of
from hwmodel.simulation.observation import observe_window, payload_headers, utilization_of
from hwmodel.simulation.span import Span
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.simulation.run import Run
    from hwmodel.simulation.flow_book import FlowBook
    from hwmodel.workload import Workload


@dataclass(frozen=True)
class MeasuredWindow:
    """Hold a window's two ends, and whether it gives rates."""

    start: Snapshot
    end: Snapshot
    gives_rates: bool = True

    @property
    def span(self) -> Span:
        """Return what lies between the ends."""
        return Span(self.start, self.end, gives_rates=self.gives_rates)


def make_result(config: Config, workload: Workload, book: FlowBook, window: MeasuredWindow) -> Result:
    """Put the result of a run together, without what its marks and the closed form say of it."""
    start, end = window.start, window.end
    span = window.span
    flow_rows = _flow_histograms(book, end)
    flows = _flows(book, span, flow_rows)
    _, counts = _latency_of(range(len(book.flows)), end)
    per_frame = frame_bytes(config, span)
    direction = {name: _direction(config, span, name, per_frame) for name in ("up", "down")}
    utilization = utilization_of(config, span)
    totals = _totals(span)
    drops = _named(end.drops)
    to_guest, parts = latency_parts(end)
    return Result(
        config=config.resolved(),
        config_hash=config.config_hash(),
        seed=config.run.seed,
        window=Window(
            start_ns=start.now_fs / FS_PER_NS,
            end_ns=end.now_fs / FS_PER_NS,
            vm_frames=span.count("vm_copies"),
            wire_frames=span.count("delivered_to_wire"),
        ),
        totals=totals,
        vms=_vms(config, book, span),
        flows=flows,
        latency_ns=delivery_latency(end),
        latency_from_doorbell_ns=_latency(end, "from_doorbell"),
        latency_to_guest_ns=to_guest,
        sender_wait_ns=_latency(end, "sender_wait"),
        latency_parts_ns=parts,
        fairness_jain=fairness(config, workload, book, span),
        pcie=Pcie(up=direction["up"], down=direction["down"]),
        wire=_wire(span),
        iotlb=_iotlb(span),
        cpu=Cpu(cores_busy=float((end.core_busy_fs - start.core_busy_fs).sum()) / span.fs),
        drops=drops,
        mirrored_drops=_named(end.mirrored_drops),
        queues=_queues(config, span),
        stalls_ns=_stalls(span),
        bottleneck=find_bottleneck(observe_window(config, span, utilization, per_frame)),
        utilization=utilization,
        latency_histogram=merge_histogram(counts),
    )


def _named(counts: Any) -> dict[str, int]:
    """Return the drop counts that are not zero, by reason."""
    return {DropReason(int(i)).name: int(counts[i]) for i in np.flatnonzero(counts)}


def _totals(span: Span) -> Totals:
    counts = span.end.counts
    return Totals(
        offered_frames=counts["offered"],
        delivered_frames=counts["delivered"],
        dropped_frames=counts["dropped"],
        in_flight_frames=counts["offered"] - counts["delivered"] - counts["dropped"],
        delivered_to_wire=counts["delivered_to_wire"],
        from_wire=counts["from_wire"],
        copies_made=counts["copies_made"],
        copies_delivered=counts["copies_delivered"],
        copies_dropped=counts["copies_dropped"],
        copies_in_flight=counts["copies_made"] - counts["copies_delivered"] - counts["copies_dropped"],
        mirrored=counts["mirrored"],
        mirrored_made=counts["mirrored_made"],
        mirrored_dropped=counts["mirrored_dropped"],
        mirrored_in_flight=counts["mirrored_made"] - counts["mirrored"] - counts["mirrored_dropped"],
        gbps=span.gbps(span.count("delivered_bytes")),
        mpps=span.mpps(span.count("vm_copies")),
    )


def _counts(rows: Iterable[npt.NDArray[np.int32]], min_fs: int, max_fs: int) -> npt.NDArray[np.int64]:
    """Add up histograms. Only the columns that can be filled are read: what is read takes memory."""
    counts = np.zeros(layout.HISTOGRAM_BUCKETS, np.int64)
    columns = filled_columns(min_fs, max_fs, layout.HISTOGRAM_BUCKETS)
    for row in rows:
        counts[columns] += row[columns]
    return counts


def _latency(end: Snapshot, name: str) -> Latency:
    """Summarise one histogram with its exact extremes and sum."""
    latency = end.latencies[name]
    if not int(latency["n"]):
        return Latency()
    min_fs, max_fs = int(latency["lowest_fs"]), int(latency["highest_fs"])
    counts = _counts([counts_of(vars(end), name)], min_fs, max_fs)
    return summarize_latency(counts, min_fs=min_fs, max_fs=max_fs, sum_fs=int(latency["sum_fs"]))


def _flow_histograms(book: FlowBook, end: Snapshot) -> bool:
    """Tell whether each flow has a histogram row of its own."""
    rows = end.flows["histogram"][: len(book.flows)]
    return len(set(rows.tolist())) == len(book.flows)


def _latency_of(numbers: Iterable[int], end: Snapshot) -> tuple[Latency, npt.NDArray[np.int64]]:
    """Summarise several flows together; give their counts too."""
    chosen = [i for i in numbers if end.flows["latency"]["n"][i] > 0]
    if not chosen:
        return Latency(), np.zeros(layout.HISTOGRAM_BUCKETS, np.int64)
    latencies = end.flows["latency"][chosen]
    rows = sorted(set(end.flows["histogram"][chosen].tolist()))
    min_fs, max_fs = int(latencies["lowest_fs"].min()), int(latencies["highest_fs"].max())
    counts = _counts((end.histogram[row] for row in rows), min_fs, max_fs)
    return summarize_latency(counts, min_fs=min_fs, max_fs=max_fs, sum_fs=int(latencies["sum_fs"].sum())), counts


def _flows(book: FlowBook, span: Span, own_rows: bool) -> tuple[FlowResult, ...]:
    found = []
    for i, (sender, target) in enumerate(book.flows):
        first, last = span.start.flows[i], span.end.flows[i]
        if not int(last["offered"]):
            continue
        latency = _latency_of([i], span.end)[0] if own_rows else _moments(last["latency"])
        found.append(
            FlowResult(
                from_=sender,
                to=target,
                offered=int(last["offered"]),
                delivered=int(last["delivered"]),
                gbps=span.gbps(int(last["n_bytes"] - first["n_bytes"])),
                mpps=span.mpps(int(last["delivered"] - first["delivered"])),
                latency_ns=latency,
            )
        )
    return tuple(found)


def _moments(latency: Any) -> Latency:
    """Summarise a flow that has no histogram of its own: extremes and mean, no percentiles."""
    n = int(latency["n"])
    if not n:
        return Latency()
    return Latency(
        min=int(latency["lowest_fs"]) / FS_PER_NS,
        mean=float(latency["sum_fs"]) / n / FS_PER_NS,
        max=int(latency["highest_fs"]) / FS_PER_NS,
        count=n,
    )


def _vms(config: Config, book: FlowBook, span: Span) -> tuple[VmResult, ...]:
    into: dict[str, list[int]] = {}
    for i, (_, target) in enumerate(book.flows):
        into.setdefault(target, []).append(i)
    found = []
    for port in config.switch.ports:
        number = function_of(port.number)
        flows = into.get(port.name, [])
        n_bytes = sum(int(span.end.flows["n_bytes"][i] - span.start.flows["n_bytes"][i]) for i in flows)
        frames = sum(int(span.end.flows["delivered"][i] - span.start.flows["delivered"][i]) for i in flows)
        sent = int(span.end.read_bytes[number] - span.start.read_bytes[number])
        drops = _named(span.end.function_drops[number])
        mirrored = int(span.end.function_mirrored[number])
        if port.name == "pf" and not (sent or n_bytes or drops or mirrored):
            continue  # the host's own function takes part only where the load says so
        found.append(
            VmResult(
                name=port.name,
                tx_gbps=span.gbps(sent),
                rx_gbps=span.gbps(n_bytes),
                rx_mpps=span.mpps(frames),
                drops=drops,
                mirrored=mirrored,
                latency_ns=_latency_of(flows, span.end)[0],
            )
        )
    return tuple(found)


def _direction(
    config: Config, span: Span, name: str, per_frame: Mapping[str, Mapping[str, float]] | None
) -> PcieDirection:
    n_tlps, n_bytes, dllp_pairs = span.tlps(name)
    rate = link_rate_of(config.pcie)
    headers = payload_headers(config, n_tlps)

    def sum_of(*kinds: int) -> int:
        return int(n_bytes[list(kinds)].sum())

    carried = float(rate.raw_bps) / BITS_PER_BYTE * span.fs / FS_PER_S
    return PcieDirection(
        utilization=span.link_share(config, name),
        bytes=LinkBytes(
            payload=sum_of(layout.PAYLOAD_WRITE, layout.PAYLOAD_COMPLETION) - headers,
            tlp_overhead=headers,
            read_request=sum_of(layout.PAYLOAD_READ),
            descriptor=sum_of(
                layout.RX_DESCRIPTOR_READ,
                layout.TX_DESCRIPTOR_READ,
                layout.RX_DESCRIPTOR_COMPLETION,
                layout.TX_DESCRIPTOR_COMPLETION,
            ),
            writeback=sum_of(layout.RX_WRITEBACK, layout.TX_WRITEBACK),
            interrupt=sum_of(layout.RX_INTERRUPT, layout.TX_INTERRUPT),
            doorbell=sum_of(layout.TX_DOORBELL, layout.RX_DOORBELL),
            dllp=dllp_pairs * 2 * DLLP_BYTES + round(carried * float(rate.dllp_share)),
            skp=round(carried * float(rate.skp_share)),
        ),
        per_frame=None if per_frame is None else per_frame[name],
    )


def _iotlb(span: Span) -> IotlbUse:
    hits, misses = span.iotlb()
    return IotlbUse(hits=hits, misses=misses)


def _wire(span: Span) -> Wire:
    def moved(name: str) -> int:
        return span.end.servers[name] - span.start.servers[name]

    return Wire(
        tx_gbps=span.gbps(moved("mac.tx_bytes")),
        rx_gbps=span.gbps(moved("mac.rx_bytes")),
        utilization=min(1.0, max(span.share(moved("mac.tx_busy_fs")), span.share(moved("mac.rx_busy_fs")))),
        wait_ns=_latency(span.end, "mac.wait"),
    )


def _queues(config: Config, span: Span) -> dict[str, QueueDepth]:
    """Give depths: of rings the mean over those of all that send (receive), of buffers in bytes, of tags in tags."""
    tx_rings = max(1, int((span.end.read_bytes > 0).sum()) * config.nic.queues_per_vf)
    rx_rings = max(1, span.end.n_receivers * config.nic.queues_per_vf)
    held = (span.end.tags_held_fs - span.start.tags_held_fs) / span.fs
    highest = span.end.highest
    return {
        "tx_ring": QueueDepth(mean=span.mean("tx_ring") / tx_rings, max=span.end.tx_ring_highest),
        "rx_ring": QueueDepth(mean=span.mean("rx_ring") / rx_rings, max=span.end.rx_ring_highest),
        "tx_buffer": QueueDepth(mean=span.mean("tx_buffer"), max=highest["tx_buffer"]),
        "rx_buffer": QueueDepth(mean=span.mean("rx_buffer"), max=highest["rx_buffer"]),
        "wire": QueueDepth(mean=span.mean("mac.waiting"), max=highest["mac.waiting"]),
        "tags": QueueDepth(mean=held, max=config.pcie.tags - span.end.fewest_free_tags),
    }


def _stalls(span: Span) -> Stalls:
    credits = {kind: stalled_fs / FS_PER_NS for kind, stalled_fs in span.credit_stalls_fs().items()}
    return Stalls(
        tags=span.stalled("tags") / FS_PER_NS,
        credits=max(credits.values()),
        **{f"credits_{kind}": stalled for kind, stalled in credits.items()},
        descriptors=span.stalled("descriptors") / FS_PER_NS,
        buffer=max(span.stalled("tx_buffer"), span.stalled("rx_buffer")) / FS_PER_NS,
    )


def describe_host_run(run: Run, end: Snapshot) -> HostRun:
    """Return how fast the simulation ran, with what, on what."""
    frames = end.counts["delivered"]
    return HostRun(
        wall_s=run.wall_s,
        compile_s=run.compile_s,
        events=end.n_events,
        frames=frames,
        frames_per_s=frames / run.wall_s if run.wall_s > 0 else 0.0,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,  # the kernel counts in KiB
        versions={
            "hwmodel": __version__,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "numba": version("numba"),
        },
        machine=f"{platform.machine()}, {os.cpu_count()} processors",
    )
