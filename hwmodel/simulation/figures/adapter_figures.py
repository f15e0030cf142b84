"""The figures of one adapter and its host over a window: PCIe link, wire, cores, queues and stalls.

Link bytes per delivered frame are of whole transactions, so that those cut by the window's ends do not bias them: the
bytes of each kind of transaction are divided by the frames or descriptors that it served, then multiplied by how many
of these a delivered frame needs, from the switch's counts of frames read and copies written for each delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import fsum
from typing import Any, NamedTuple

from hwmodel.config import Config
from hwmodel.machine.guest.guest_state import SLOW_TASK, SWITCH_TASK
from hwmodel.machine.tlp_kinds import (
    DOWN,
    INTERRUPT_ENABLE,
    NO_KIND,
    OF_KIND,
    PAYLOAD_READ,
    RX_INTERRUPT,
    TX_DOORBELL,
    TX_INTERRUPT,
    TlpKind,
)
from hwmodel.resources import WIRE
from hwmodel.results import (
    Core,
    Cpu,
    FilterUse,
    IotlbUse,
    LinkBytes,
    Pcie,
    PcieDirection,
    PortResult,
    QueueDepth,
    Stalls,
    Wire,
)
from hwmodel.rules.figures import rows_of
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.pcie_link import DLLP_BYTES, link_rate_of, tlp_overhead_of
from hwmodel.simulation.figures.by_row import amount_in, figure_of, figures_of
from hwmodel.simulation.figures.class_shares import arbitration_use
from hwmodel.simulation.figures.counts import gauges_in
from hwmodel.simulation.figures.flow_control_use import flow_control_use, ns_by_vm
from hwmodel.simulation.figures.host_stalls import host_stalls
from hwmodel.simulation.figures.latency_summary import latency_from
from hwmodel.simulation.figures.span import Span
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S
from hwmodel.words.limits import at_port

LEAST_FRAMES = 100  # of the window; with these, a fetch cut at a ring's end changes the figure by half a byte


class _Uses(NamedTuple):
    """Hold how many reads, writes and descriptors a delivered frame needs; fields as in `TlpKind.served_by`."""

    read: float
    written: float
    descriptors: float
    delivered: int


OF_INTERRUPTS = (RX_INTERRUPT, TX_INTERRUPT, INTERRUPT_ENABLE)
PURPOSES = ("payload", "tlp_overhead", "read_request", "descriptor", "writeback", "interrupt", "doorbell", "dllp")


def frame_bytes(config: Config, span: Span) -> dict[str, dict[str, float]] | None:
    """Return the link bytes of a delivered frame by purpose, for `up` and `down`; None if the window cannot tell.

    It cannot with too few frames, or with no transaction of a kind that occurred earlier in the run.
    """
    uses = _uses(span)
    if uses is None:
        return None
    amounts: dict[str, dict[str, float]] = {name: dict.fromkeys(PURPOSES, 0.0) for name in ("up", "down")}
    tlps = {"up": 0.0, "down": 0.0}
    overhead = tlp_overhead_of(config.pcie)
    has_masked = any(driver.masks for driver in config.drivers)
    for kind, about in OF_KIND.items():
        if not about.served_by:
            continue
        each = float(getattr(uses, about.served_by))
        n, so_far = span.served(kind, "n"), int(span.end.counts["ledger"]["served"][kind]["n"])
        if config.has_virtual_switch:  # only some of the frames cross the link
            each, so_far = n / uses.delivered, n
        of_all = has_masked and kind in OF_INTERRUPTS
        if of_all:
            # A polling driver sees most frames without an interrupt, so interrupts are divided by all frames.
            each, n, so_far = 1.0, uses.delivered, uses.delivered
        if each == 0 or so_far == 0:
            continue
        if n == 0:
            return None
        for direction, purpose in _purposes(about):
            if of_all:  # also interrupts for sent descriptors only, which serve no received frame
                kind_tlps, kind_bytes, _ = span.tlps(direction)
                n_bytes, n_tlps = float(kind_bytes[kind]) / n, float(kind_tlps[kind]) / n
            else:
                n_bytes, n_tlps = (each * span.served(kind, f"{direction}_{what}") / n for what in ("bytes", "tlps"))
            tlps[direction] += n_tlps
            header = overhead.memory_write_bytes if direction == "up" else overhead.completion_bytes
            headers = n_tlps * header if purpose == "payload" else 0.0
            amounts[direction]["tlp_overhead"] += headers
            amounts[direction][purpose] += n_bytes - headers
    a_tlp = float(link_rate_of(config.pcie).dllp_bytes_per_tlp)
    amounts["up"]["dllp"], amounts["down"]["dllp"] = a_tlp * tlps["down"], a_tlp * tlps["up"]
    return amounts


def _purposes(kind: TlpKind) -> Iterator[tuple[str, str]]:
    """Yield the directions in which transactions of a kind send bytes, and the purpose; completions go down."""
    yield kind.direction, kind.purpose
    if kind.completion != NO_KIND:
        yield DOWN, OF_KIND[kind.completion].purpose


def _uses(span: Span) -> _Uses | None:
    # A copy sent on to a bridge is delivered elsewhere, and so is not counted here.
    delivered = span.count("copies_made") - span.count("copies_dropped") - span.count("sent_to_bridge")
    delivered += span.count("delivered_to_wire") if span.count("sent_to_bridge") else 0
    if delivered < LEAST_FRAMES or span.frames < LEAST_FRAMES:
        return None
    local = span.count("copies_made") - span.count("wire_copies") + span.count("mirrored_made")
    written = max(0, local - span.count("copies_dropped") - span.count("mirrored_dropped")) / delivered
    copies = span.count("rx_copies")
    if written and not copies:
        return None
    descriptors = written * span.count("rx_descriptors") / copies if copies else 0.0
    return _Uses(span.count("switched") / delivered, written, descriptors, delivered)


# What a core does beside its drivers' own work, in the order of `measurement.CORE_WORK`.
_WORDS = ("interrupts", "copying", "passing", "doorbells", "messages")
PerFrame = Mapping[str, Mapping[str, float]] | None


def adapter_figures(config: Config, span: Span, per_frame: PerFrame) -> dict[str, Any]:
    """Return what a result says of an adapter, by the names of its fields."""
    return {
        "pcie": Pcie(up=_direction(config, span, "up", per_frame), down=_direction(config, span, "down", per_frame)),
        "wire": _wire(config, span),
        "iotlb": IotlbUse(**figures_of("iotlb", span)),
        "cpu": _cpu(config, span),
        "flow_director": _filter_use(config, span.end.flow_filters),
        "arbitration": arbitration_use(config, span),
        "flow_control": flow_control_use(config, span),
        "queues": _queues(config, span),
        "stalls_ns": _stalls(span),
        "segments": _segments(config, span),
        "head_of_line": head_of_line(config, span),
    }


def _filter_use(config: Config, of_ports: Any) -> FilterUse | None:
    """Return how full the flow-filter tables of some ports are, added up; None without a flow director."""
    director = None if config.nic.steering is None else config.nic.steering.flow_director
    if director is None:
        return None
    n_configured, n_signatures, without_room = of_ports.sum(axis=0).tolist()
    n_filters = n_configured if director.mode == "perfect" else n_signatures
    return FilterUse(filters=n_filters, capacity=len(of_ports) * director.capacity, without_room=without_room)


def _cpu(config: Config, span: Span) -> Cpu:
    """Return what the cores did; on a core that serves a polling driver, time without other work counts as polling."""
    by_task_fs = span.grown("core_busy_fs")
    all_fs = by_task_fs.sum(axis=1)
    work_fs = span.grown("core_work_fs")
    polled = {
        core
        for number, port in enumerate(config.switch.ports)
        if config.driver_of(port.name).polls
        for core in config.cores_of_queues(number)
        if not is_pf(port.name) or all_fs[core] > 0
    }
    if config.virtual_switch is not None and config.switch_polls:
        polled |= {*config.virtual_switch.cores, *config.thread_cores}
    cores = []
    for number, busy_fs in enumerate(all_fs.tolist()):
        own_fs = dict(zip(_WORDS, work_fs[number].tolist(), strict=True))
        own_fs = {"driver": busy_fs - sum(own_fs.values()), **own_fs}
        if number in polled:
            own_fs["polling"] = span.fs - span.host_stalls[1] - busy_fs
        by = {reason: max(0.0, spent_fs / span.fs) for reason, spent_fs in own_fs.items() if spent_fs > 0}
        cores.append(Core(core=number, busy=fsum(by.values()), by=by))
    return Cpu(
        cores_busy=float(all_fs.sum()) / span.fs,
        hypervisor=float(by_task_fs[:, [SWITCH_TASK, SLOW_TASK]].sum()) / span.fs,
        cores=tuple(cores),
        stalls=host_stalls(config, span),
    )


def _direction(config: Config, span: Span, name: str, per_frame: PerFrame) -> PcieDirection:
    dllp_pairs = span.counted(name, "dllps")
    rate = link_rate_of(config.pcie)
    carried = 0.0 if span.has_part_of_link else float(rate.raw_bps) / BITS_PER_BYTE * span.fs / FS_PER_S
    return PcieDirection(
        utilization=span.link_share(config, name),
        bytes=LinkBytes(
            **figures_of(f"pcie.{name}.bytes", span, tlp_overhead_of(config.pcie)),
            dllp=dllp_pairs * 2 * DLLP_BYTES + round(carried * float(rate.dllp_share)),
            skp=round(carried * float(rate.skp_share)),
        ),
        per_frame=None if per_frame is None else per_frame[name],
    )


def _segments(config: Config, span: Span) -> dict[str, int]:
    """Count segments passed on whole, sends cut into frames (TSO), and receives of several frames (RSC)."""
    found: dict[str, int] = {}
    if config.hands_over_segments:
        found["whole"] = span.count("whole_segments")
    if config.sends_cut_by is not None:
        up, down = span.tlps("up")[0], span.tlps("down")[0]
        found |= {
            "sends": span.count("sends"),
            "descriptors": span.count("send_descriptors"),
            "frames": span.count("cut_frames" if config.has_virtual_switch else "switched"),
            "doorbells": int(down[TX_DOORBELL]),
            "payload_reads": int(up[PAYLOAD_READ]),
        }
    if config.nic.rsc is not None:
        found |= {"receives": span.count("receives"), "received_frames": span.count("rx_copies")}
    return found


def head_of_line(config: Config, span: Span) -> dict[str, dict[str, float]]:
    """Return which VMs blocked the head of the Rx buffer for want of descriptors, and which waited long behind them.

    Times in ns of the window, by VM; empty if no VM waited for long.
    """
    waited = ns_by_vm(config, span, "waited_fs")
    return {"blocked_ns": ns_by_vm(config, span, "blocking_fs"), "waited_ns": waited} if waited else {}


def _wire(config: Config, span: Span) -> Wire:
    return Wire(
        **figures_of("wire", span),
        utilization=max(_wire_use(span, name) for name in config.port.names),
        wait_ns=latency_from(span.end, "mac.wait"),
    )


def _wire_use(span: Span, port: str) -> float:
    """Return the busy share of a port's busier direction."""
    return min(1.0, max(span.share(span.worked_fs(at_port(port, name))) for name in WIRE))


def port_figures(config: Config, span: Span) -> tuple[PortResult, ...]:
    """Return what each port of an adapter carried; empty for an adapter with a single port."""
    names = config.port.names
    if names == ("",):
        return ()
    return tuple(
        PortResult(
            name=name,
            **{field: figure_of(span, row, int(amount_in(span, row)[at])) for field, row in rows_of("wire").items()},
            utilization=_wire_use(span, name),
            vms=tuple(config.vm_at(port.name) for port in config.switch.ports if port.port == name),
            flow_director=_filter_use(config, span.end.flow_filters[at : at + 1]),
        )
        for at, name in enumerate(names)
    )


def _queues(config: Config, span: Span) -> dict[str, QueueDepth]:
    """Return mean and largest depths: of a ring, averaged over the rings that were used; of buffers, in bytes."""
    tx_rings, rx_rings = (max(1, n) for n in span.end.rings_used)
    highest = {name: int(gauge["highest"]) for name, gauge in gauges_in(span.end.counts).items()}
    fewest_free = int(span.end.counts["tags"]["fewest_free"])
    return {
        "tx_ring": QueueDepth(mean=span.mean("tx_ring") / tx_rings, max=span.end.tx_ring_highest),
        "rx_ring": QueueDepth(mean=span.mean("rx_ring") / rx_rings, max=span.end.rx_ring_highest),
        "tx_buffer": QueueDepth(mean=span.mean("tx_buffer"), max=highest["tx_buffer"]),
        "rx_buffer": QueueDepth(mean=span.mean("rx_buffer"), max=highest["rx_buffer"]),
        "wire": QueueDepth(mean=span.mean("mac.waiting"), max=highest["mac.waiting"]),
        "tags": QueueDepth(mean=span.mean_tags, max=config.pcie.tags - fewest_free),
    }


def _stalls(span: Span) -> Stalls:
    return Stalls(
        **figures_of("stalls_ns", span),
        credits=max(span.credit_stalls_fs().values()) / FS_PER_NS,
        buffer=max(span.stalled("tx_buffer"), span.stalled("rx_buffer")) / FS_PER_NS,
    )
