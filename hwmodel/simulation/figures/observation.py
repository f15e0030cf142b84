"""What the window shows of each resource, for the choice of the bottleneck.

Most resources have a busy share. Credits, descriptor prefetch and offered frames have no service rate of their own: for
these it is the share that was used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import fsum

import numpy as np
import numpy.typing as npt

from hwmodel import resources
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.traffic import Traffic
from hwmodel.analytic.uplink import charged_bytes
from hwmodel.config import Config, servers_of, vms_of
from hwmodel.config.names import is_uplink
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.guest.guest_state import POST_TASK, TAKE_TASK
from hwmodel.machine.tlp_kinds import (
    COMPLETION_CREDIT,
    COMPLETIONS,
    DOWN,
    NON_POSTED_CREDIT,
    OF_KIND,
    POSTED_CREDIT,
    READS,
    UP,
)
from hwmodel.relaxations.resources import has_resource
from hwmodel.resources import BUSY_SHARES, RESOURCES
from hwmodel.results import CoreUse, LinkCost, Observation, Stop
from hwmodel.results.bottleneck import FULL, LOSS
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.pci_bus import CYCLE_FS, request_clocks
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES, DESCRIPTOR_BYTES, link_rate_of, tlp_overhead_of
from hwmodel.simulation.figures.flow_control_use import flow_control_use, held_outside
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.switching_core import busiest_switching_core
from hwmodel.simulation.fill.nic_state import function_of
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S
from hwmodel.words.limits import at_port


def _core_shares(span: Span) -> npt.NDArray[np.int64]:
    """Return for how long each core worked in the window, in fs: for sending, for receiving, a row for each core."""
    found: npt.NDArray[np.int64] = span.grown("core_busy_fs")[:, [POST_TASK, TAKE_TASK]]
    return found


def _busiest_cores(span: Span) -> list[int]:
    """Return the cores, the busiest with VMs' drivers first.

    Where frames find no Rx descriptor, of those that are as busy the one that receives most comes first: a core that is
    full of sending sends what is lost there.
    """
    shares = _core_shares(span)
    busy_fs = shares.sum(axis=1)
    loses = span.drops().get("NO_DESCRIPTOR", 0) > LOSS * span.count("offered")
    is_as_busy = busy_fs >= FULL * busy_fs.max(initial=0)
    receives_fs = np.where(is_as_busy & loses, shares[:, 1], 0)
    return [int(core) for core in np.lexsort((-busy_fs, -receives_fs))]


def _core(config: Config, span: Span, number: int) -> CoreUse:
    """Return a core, with the VMs on it; the PF's driver counts only where it is alone there."""
    ports = config.switch.ports
    on_core = [port.name for port in ports if number in config.cores_of_queues(function_of(port.number))]
    names = [name for name in on_core if not is_pf(name)] or on_core
    blocks = tuple(dict.fromkeys(config.driver_block_of(name) for name in names)) or ("driver",)
    tx, rx = (span.core_share(int(fs)) for fs in _core_shares(span)[number])
    return CoreUse(vm=config.vm_at(names[0]) if names else None, blocks=blocks, tx=tx, rx=rx)


def _cores(config: Config, span: Span) -> tuple[CoreUse, ...]:
    """Return the busiest core, then the busiest of each other set of driver blocks, where VMs have their own."""
    order = _busiest_cores(span)
    cores = (_core(config, span, number) for number in (order if config.driver.vms else order[:1]))
    found: dict[tuple[str, ...], CoreUse] = {}
    for core in cores:
        found.setdefault(core.blocks, core)
    return tuple(found.values())


def _taken_from_busiest_ring(config: Config, span: Span) -> int:
    """Return the frames, or sends that the adapter cuts, that it took from the Tx ring of which it took most."""
    before, after = span.start.taken, span.end.taken
    taken = np.where(after < before, after, after - before)  # a reset in the window has begun the count anew
    return int(taken.max(initial=0)) // (config.workload.frames_a_send if config.sends_cut_by == "adapter" else 1)


def utilization_of(config: Config, span: Span) -> dict[str, float]:
    """Return the busy share of each resource, by its name as a bottleneck."""
    rows = [row for row in BUSY_SHARES if has_resource(config, row)]
    if config.pcie.bus is not None:  # one for both directions
        rows = [row for row in rows if row.name not in resources.LINK]
    return {
        name: min(1.0, _SHARES[row.name](config, span) if row.name in _SHARES else span.share(span.worked_fs(name)))
        for row in rows
        for name in (at_port(port, row.name) for port in (config.port.names if row.is_at_port else ("",)))
    }


def _core_share(task: int) -> Callable[[Config, Span], float]:
    def share(_config: Config, span: Span) -> float:
        core = _busiest_cores(span)[0]
        return span.core_share(int(span.grown("core_busy_fs")[core, task]))

    return share


def _switching_share(config: Config, span: Span) -> float:
    assert config.virtual_switch is not None
    return busiest_switching_core(config, config.virtual_switch, span).share


def _bus_share(config: Config, span: Span) -> float:
    """Return the share of a bus that this adapter's traffic takes, both ways."""
    bus = config.pcie.bus
    assert bus is not None
    tried = span.share(span.retries * request_clocks(bus) * CYCLE_FS[bus.clock_mhz])
    return span.link_share(config, "up") + span.link_share(config, "down") + tried


def _queue_share(config: Config, span: Span) -> float:
    return span.share(_taken_from_busiest_ring(config, span) * config.nic.queue_time_fs)


def _walkers_share(config: Config, span: Span) -> float:
    return span.share(span.worked_fs(resources.WALKERS) // config.value_of("host.iotlb.walkers"))


# Those of which the record of a server does not count the busy time.
_SHARES: Mapping[str, Callable[[Config, Span], float]] = {
    resources.DRIVER_TX: _core_share(POST_TASK),
    resources.DRIVER_RX: _core_share(TAKE_TASK),
    resources.VSWITCH: _switching_share,
    resources.QUEUE: _queue_share,
    resources.UP: lambda config, span: span.link_share(config, "up"),
    resources.DOWN: lambda config, span: span.link_share(config, "down"),
    resources.BUS: _bus_share,
    resources.TAGS: lambda _, span: span.share(span.stalled("no_free_tag")),
    resources.WALKERS: _walkers_share,
}
assert all(row.until or row.name in (*_SHARES, *resources.WIRE) for row in BUSY_SHARES), "each busy share is counted"


def _link_cost(per_frame: Mapping[str, Mapping[str, float]] | None, name: str) -> LinkCost | None:
    """Return a frame's cost on a link direction, with DLLPs per TLP, without constant shares (SKP and the like)."""
    if per_frame is None:
        return None
    return LinkCost(bytes_per_frame=fsum(per_frame[name].values()), payload_bytes_per_frame=per_frame[name]["payload"])


def read_slowness(config: Config, span: Span) -> float:
    """Return the mean time that reads held a tag, over that of a read of mean length on an idle machine."""
    n_tlps, n_bytes, _ = span.tlps("down")
    completions = list(COMPLETIONS)
    headers = int(n_tlps[completions].sum()) * tlp_overhead_of(config.pcie).completion_bytes
    reads = int(span.tlps("up")[0][list(READS)].sum())
    if not reads:  # even if a read requested before the window was answered in it
        return 1.0
    mean_bytes = round((int(n_bytes[completions].sum()) - headers) / reads)
    if mean_bytes <= 0:
        return 1.0
    held_fs = float(span.grown("counts", "tags", "held_fs")) / reads
    return held_fs / round_trip_fs(config, min(mean_bytes, config.pcie.max_read_request_bytes))


def observe_window(
    config: Config,
    span: Span,
    utilization: Mapping[str, float],
    per_frame: Mapping[str, Mapping[str, float]] | None,
    unwanted: int = 0,
    *,
    is_alone: bool = True,
) -> Observation:
    """Collect the window's busy shares, waits and costs; without demand unless `is_alone` (a single server).

    `unwanted`: drops in the window, in the whole machine, of what no station was to get.
    """
    n_bytes = span.count("delivered_bytes")
    core, *others = _cores(config, span)
    demand, limited = demand_use(config, span) if is_alone else (0.0, 0.0)
    refusing = _refusing(config)
    return Observation(
        utilizations=utilization,
        ports=config.port.names,
        waits={row.name: span.share(span.stalled(row.stall)) for row in RESOURCES if row.stall},
        credit_use=credit_use(config, span),
        fetch_use=fetch_use(config, span),
        demand_use=demand,
        limited_demand=limited,
        read_slowness=read_slowness(config, span),
        open_load=_is_open(config),
        rx_ring_fill=span.end.rx_ring_highest / (config.nic.rx_ring - 1),
        stopped=_stopped(config, span),
        drops=span.drops(),
        refused_frames={name: int(span.by_function("drops")[at, DropReason.NO_DESCRIPTOR]) for name, at in refusing},
        refusing={name: min(1.0, span.share(int(span.by_function("blocking_fs")[at]))) for name, at in refusing},
        refill_keys={name: f"{config.driver_block_of(name)}.refill" for name, _ in refusing},
        offered_frames=span.count("offered"),
        unwanted_drops=unwanted,
        backlog_frames=span.under_way_growth + span.backlog_growth + held_outside(span.start.pauses, span.end.pauses),
        frame_bytes=n_bytes / span.count("vm_copies") if span.count("vm_copies") else None,
        up=_link_cost(per_frame, "up"),
        down=_link_cost(per_frame, "down"),
        tags=config.pcie.tags,
        tags_in_use=span.mean_tags,
        core_of=core.vm,
        core_blocks=core.blocks,
        other_cores=tuple(others),
        passes_frames=config.has_pools,
        switching=None
        if config.virtual_switch is None
        else busiest_switching_core(config, config.virtual_switch, span),
        has_mirrored=span.count("mirrored") > 0,
        iotlb_miss_share=span.iotlb_miss_share(),
        rx_descriptor_ns=_rx_descriptor_ns(span),
        stalled=span.share(span.host_stalls[1]),
        lost_in_stalls=span.count("lost_in_stalls"),
        rx_blocked=_rx_blocked(config, span),
    )


def _stopped(config: Config, span: Span) -> dict[str, Stop]:
    """Return the share of each port's time lost to pauses from outside the machine (not those of a modelled bridge).

    With several ports, each is assumed to carry the classes in the same proportions as all ports together.
    """
    use, control, pauses = flow_control_use(config, span), config.nic.flow_control, span.end.pauses
    if use is None or control is None or pauses is None or not control.received:
        return {}
    parts = _parts_of_classes(span) if control.is_by_class else [1.0]
    window_ns, n_classes = span.fs / FS_PER_NS, len(use.classes)
    found = {}
    for number, name in enumerate(config.port.names):
        wire = at_port(name, resources.WIRE_TX)
        busy = span.share(span.worked_fs(wire))
        stops = [
            Stop(
                share=one.stopped_ns / window_ns,
                busy=busy * parts[one.traffic_class],
                traffic_class=one.traffic_class if control.is_by_class else None,
            )
            for one in use.ports[number * n_classes : (number + 1) * n_classes]
            if one.stopped_ns > 0 and pauses["tx_bytes"][one.traffic_class] > 0
        ]
        if stops:
            found[wire] = max(stops, key=lambda stop: stop.share + stop.busy)
    return found


def _parts_of_classes(span: Span) -> list[float]:
    """Return each class's share of the bytes sent on wires."""
    sent = span.grown("classes", "wire_bytes")
    return list((sent / max(1, int(sent.sum()))).tolist())


def _rx_descriptor_ns(span: Span) -> float | None:
    """Return the mean time for which a frame occupies its Rx descriptor, by Little's law; None without frames."""
    taken = span.count("vm_copies")
    return span.mean("rx_ring") * span.fs / FS_PER_NS / taken if taken else None


def _refusing(config: Config) -> list[tuple[str, int]]:
    """Return the VMs whose drivers never refill their Rx rings, with the numbers of their functions."""
    ports = config.switch.ports
    return [
        (config.vm_at(port.name), function_of(port.number)) for port in ports if not config.driver_of(port.name).refill
    ]


def _rx_blocked(config: Config, span: Span) -> tuple[str, ...]:
    """Name the VMs whose rings blocked others for long: for at least a tenth of the longest blocking time."""
    if not (span.by_function("waited_fs") > 0).any():
        return ()
    blocked_fs = span.by_function("blocking_fs")
    return tuple(
        config.vm_at(port.name)
        for port, fs in zip(config.switch.ports, blocked_fs, strict=True)
        if 10 * fs >= blocked_fs.max()
    )


def _is_open(config: Config) -> bool:
    """Tell whether frames arrive independently of departures (open loop)."""
    workload = config.workload
    if workload.pcap is not None:
        return workload.pcap_time == "file"
    if workload.pattern is None or workload.has_flows_of_own_rates:
        return True
    return workload.load.kind != "saturate"


@dataclass(frozen=True)
class _Tlps:
    """Hold the window's TLPs of one kind: number, mean bytes on the link, mean data bytes."""

    n: int
    link_bytes: float
    data_bytes: float

    @property
    def data_credits(self) -> int:
        return -int(-self.data_bytes // CREDIT_DATA_BYTES)


def credit_use(config: Config, span: Span) -> dict[str, float]:
    """Return, for each kind of credit, the share that the window's TLPs would hold on an idle machine; 0 if infinite.

    A TLP holds credits during its transmission, its flight, the draining of its data at the host, and the credits'
    return. The longest TLPs can use only a whole multiple of their data credits; as shorter TLPs fill the rest, the
    share can slightly exceed 1. IOMMU cache misses are not included.
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
    return {f"{resources.CREDITS}.{kind}": held_fs / span.fs for kind, held_fs in found.items()}


def _tlps(span: Span, direction: str, of_class: int, header_bytes: int) -> Iterator[_Tlps]:
    n_tlps, n_bytes, _ = span.tlps(direction)
    for kind, about in OF_KIND.items():
        if (about.direction, about.of_class) != (direction, of_class):
            continue
        n = int(n_tlps[kind])
        if n:
            yield _Tlps(n, int(n_bytes[kind]) / n, int(n_bytes[kind]) / n - header_bytes)


def _share(config: Config, tlps: list[_Tlps], headers: int, data: int, drain_fs_per_byte: float = 0.0) -> float:
    """Return the mean time in fs for which each credit was held; 0 if credits are infinite."""
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
    """Return the share of the prefetch limit that the busiest function's descriptor fetches need on an idle machine.

    A ring may have `rx_prefetch` descriptors in flight, rounded up to whole batches. Assumes that a function's frames
    are spread evenly over its rings and take one descriptor each. 0 without `rx_prefetch`.
    """
    nic = config.nic
    if not nic.rx_prefetch or not span.count("vm_copies"):
        return 0.0
    batch = min(nic.rx_fetch_batch, nic.rx_ring)
    under_way = -(-nic.rx_prefetch // batch) * batch
    n_bytes = min(batch * DESCRIPTOR_BYTES, config.pcie.max_read_request_bytes)
    received = span.by_function("received_bytes")
    share = float(received.max()) / max(1, int(received.sum()))
    frames = span.count("vm_copies") * share / nic.queues_per_vf
    return frames * round_trip_fs(config, n_bytes) / span.fs / under_way


def demand_use(config: Config, span: Span) -> tuple[float, float]:
    """Return the share of the demand that was delivered, and the share of the demand that is set by rate limits.

    The demand is what each sender offers, capped at its rate limit. Both are 0 for a capture, or if some sender sends
    as much as it can without a limit.
    """
    if config.workload.pcap is not None:
        return 0.0, 0.0
    by_sender: dict[str, Fraction | None] = {}
    traffic: dict[str, Traffic] = {}
    try:
        streams = demand_of(config, None).streams
    except InputError:  # all who would send wait for a dead wire
        return 0.0, 0.0
    for one in streams:
        so_far = by_sender.get(one.source, Fraction(0))
        both = so_far is not None and one.frames_per_s is not None
        by_sender[one.source] = so_far + one.frames_per_s if both else None  # type: ignore[operator]
        traffic[one.source] = one.traffic
    limits = {name: vm.port.rate_limit_bps for name, vm in vms_of(servers_of(config)).items()}
    total = by_limits = Fraction(0)
    for source, offered in by_sender.items():
        limit_bps = None if is_uplink(source) else limits[source]
        frame = traffic[source]
        limit = None if limit_bps is None else limit_bps / (charged_bytes(config, frame) * BITS_PER_BYTE)
        most = min((rate for rate in (offered, limit) if rate is not None), default=None)
        if most is None:
            return 0.0, 0.0
        total += most * frame.frames_counted
        by_limits += most * frame.frames_counted if most == limit else 0
    expected = float(total) * span.fs / FS_PER_S
    return (span.count("delivered") / expected, float(by_limits / total)) if expected else (0.0, 0.0)
