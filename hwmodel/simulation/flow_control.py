"""Flow control at adapters and bridges: state at time 0, and figures of a window.

Set up are classes, buffer shares, watermarks and pause frames; figures tell levels by class, who was paused, and which
rings caused it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwmodel.config.flow_control import (
    classes_of_priorities,
    high_marks_of,
    low_marks_of,
    parts_of,
    response_fs,
)
from hwmodel.config.names import is_uplink
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.machine.network.link_partner import MOST_WAITING
from hwmodel.machine.network.pauses import NONE
from hwmodel.results import BridgePause, ClassLevel, FlowControlUse, PortPause
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import CONTROL_BITS, PRIORITIES
from hwmodel.rules.switch_modes import MODES, OUTER_TAGS, TagFormat
from hwmodel.rules.transmit_credits import MOST_CLASSES
from hwmodel.simulation.counts import area_of
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS
from hwmodel.wire.tags import RuntFrameError, parse_header

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge_flow_control import BridgeFlowControl
    from hwmodel.config.flow_control import ControlFrame, FlowControl
    from hwmodel.config.topology import Topology
    from hwmodel.simulation.span import Span
    from hwmodel.workload.traffic import FrameTemplate


Nic = Any  # an element of server.SERVER
ALL = (1 << PRIORITIES) - 1
CONTROL_WIRE_BYTES = CONTROL_BITS // BITS_PER_BYTE  # what a control frame takes of a wire


def fill_flow_control(nic: Nic, config: Config) -> None:
    """Set up an adapter's flow control as in `nic.flow_control`, if it is configured."""
    control = config.nic.flow_control
    if control is None:
        return
    nic.params.has_flow_control = 1
    nic.params.splits_rx_buffer = control.is_by_class
    nic.params.in_line_bytes = -1
    classes = classes_of_priorities(config)
    parts = parts_of(config)
    priorities = [
        [each for each in control.lossless_priorities if classes[each] == number] for number in range(len(parts))
    ]
    rows = list(zip(parts, high_marks_of(config), low_marks_of(config), priorities, strict=True))
    _fill_classes(nic.pauses.params, control, classes, response_fs(config), rows)
    for own in nic.pauses.of_class:
        own.waits_fs = own.waits_for = NONE
    _fill_received(nic.pauses, config, control.received)


def class_untagged(nic: Nic, config: Config, templates: Sequence[FrameTemplate]) -> None:
    """Give untagged frames for a station, which come from outside without a bridge, the station's default priority."""
    control = config.nic.flow_control
    if control is None or not control.is_by_class:
        return
    classes = classes_of_priorities(config)
    priorities = {port.name: port.default_priority for port in config.switch.ports}
    known = OUTER_TAGS[MODES[config.switch.mode].outer_kind - 1] if MODES[config.switch.mode].outer_kind else None
    for number, one in enumerate(templates):
        if one.target in priorities and is_uplink(one.source) and not _has_priority(one.header, known):
            nic.pauses.class_of_template[number] = 1 + classes[priorities[one.target]]


def _has_priority(header: bytes, known: TagFormat | None) -> bool:
    """Tell whether a frame has a tag with a priority; `known`: the outer tag that the adapter knows."""
    try:
        parsed = parse_header(header)
    except RuntFrameError:
        return False
    if parsed.outer is not None and parsed.outer.format != known:
        return False
    return parsed.c_tag is not None or (parsed.outer is not None and parsed.outer.format.has_priority)


def _fill_received(pauses: Any, config: Config, received: tuple[ControlFrame, ...]) -> None:
    pauses.n_received = len(received)
    for at, one in enumerate(received):
        named = ALL if one.priorities is None else sum(1 << priority for priority in set(one.priorities))
        said = pauses.received[at]
        said.named, said.stopped, said.quanta = named, named if one.quanta else 0, one.quanta
        pauses.received_at_fs[at] = one.at_fs
        pauses.received_port[at] = config.port.number_of(one.port)


def _fill_classes(
    params: Any,
    control: FlowControl | BridgeFlowControl,
    classes: Sequence[int],
    response_fs: int,
    rows: Sequence[tuple[int, int, int, Sequence[int]]],
) -> None:
    """Set how the sender at the far end is paused, and how pauses from it are obeyed; `classes`: class by priority.

    `rows`: for each class its share of the buffer, its high and low watermark, and the priorities to pause for it.
    """
    params.n_classes, params.is_by_class = len(rows), control.is_by_class
    params.sends, params.obeys = control.send, control.obey
    params.quanta, params.refresh_quanta = control.quanta, control.refresh_quanta
    params.response_fs = response_fs
    params.class_of_priority[:] = classes
    for number, (part, high, low, priorities) in enumerate(rows):
        params.part_bytes[number], params.high_bytes[number], params.low_bytes[number] = part, high, low
        params.priorities[number] = sum(1 << priority for priority in priorities)


def fill_bridge_flow_control(record: Any, topology: Topology) -> None:
    """Set each port's watermarks, and its queues by class, which are numbered after all logical ports."""
    longest = max(config.switch.longest_frame_bytes for config in topology.configs)
    rate_bps = topology.configs[0].port.rate_bps
    for at, bridge in enumerate(topology.bridges):
        control = bridge.flow_control
        if control is None:
            continue
        n, high, low = control.n_classes, control.high_marks(bridge, longest), control.low_marks(bridge, longest)
        rows = list(zip([control.part_bytes(bridge)] * n, high, low, map(control.priorities_of, range(n)), strict=True))
        classes, wait_fs = control.classes_of_priorities, control.response_fs(rate_bps)
        _fill_classes(record.flow_params[at], control, classes, wait_fs, rows)
    first = int(record.params.n_logical_ports)
    for port in topology.ports:
        control = topology.bridges[port.bridge].flow_control
        if control is None or port.is_of_extender:
            continue
        entry = record.port[port.number].params
        entry.first_class_queue, entry.n_classes, entry.is_scheduled = first, control.n_classes, 1
        for number, quantum in enumerate(control.quanta_of_bytes(longest - FCS_BYTES)):
            queue = record.logical_port[first + number]
            queue.queue.first = queue.queue.last = queue.following = NOBODY
            queue.params.quantum_bytes, queue.params.port = quantum, port.number
        first += control.n_classes


MOST_FLOWS, MOST_NAMED = 16, 4096  # most flows named as waiting, for a class of a port and for an adapter


class PausesSnapshot(NamedTuple):
    """Hold sums of flow control at one moment: by class, by port and class, and by ring and class.

    `counts`: each port's counters, whose pause times omit pauses still in force; `stopped_fs` and `partner_stopped_fs`
    include them. `tx_bytes`: bytes of each class in the Tx buffer. `waiting_outside`: frames that wait at the link
    partners; `is_full_outside`: some link partner has no room for more.
    """

    areas: Any
    highest: Any
    over_fs: Any
    blocked_fs: Any
    counts: Any
    stopped_fs: Any
    partner_stopped_fs: Any
    tx_bytes: Any
    waiting_outside: int
    is_full_outside: bool
    targets: frozenset[tuple[int, int, int]]


def take_pauses(nic: Any, n_headers: int, now_fs: int) -> PausesSnapshot | None:
    """Copy the sums of flow control, including intervals still open; None without flow control.

    `n_headers`: how many headers the workload has, which are the first of the adapter's headers.
    """
    if not nic.params.has_flow_control:
        return None
    pauses = nic["pauses"]
    levels, n_queues = pauses["of_class"], int(nic.params.n_queues)
    gauges, ports = levels["level"], pauses["port"][: int(nic.params.n_ports)]
    counts = ports["counts"]
    blocked = pauses["blocked_fs"][: n_queues * MOST_CLASSES].reshape(-1, MOST_CLASSES).copy()
    for number, level in enumerate(levels):
        if level["waits_for"] >= 0:
            blocked[int(level["waits_for"]), number] += now_fs - int(level["blocked_since_fs"])
    return PausesSnapshot(
        areas=area_of(gauges, now_fs),
        highest=gauges["highest"].copy(),
        over_fs=levels["over_fs"] + _open_fs(pauses["over"], levels["over_since_fs"], now_fs),
        blocked_fs=blocked,
        counts=counts.copy(),
        stopped_fs=counts["stopped_fs"] + _open_fs(ports["mac"]["mask"], counts["since_fs"], now_fs),
        partner_stopped_fs=counts["partner_stopped_fs"]
        + _open_fs(ports["partner"]["hears"]["mask"], counts["partner_since_fs"], now_fs),
        tx_bytes=nic["arbiter"]["level_bytes"].copy()
        if pauses["params"]["is_by_class"]
        else np.full(MOST_CLASSES, nic["counts"]["tx_buffer"]["level"]),
        waiting_outside=int(ports["partner"]["n_waiting"].sum()),
        is_full_outside=bool((ports["partner"]["n_waiting"] == MOST_WAITING).any()),
        targets=_targets_outside(nic, n_headers),
    )


def _open_fs(mask: Any, since_fs: Any, now_fs: int) -> Any:
    """Return how long the open intervals have lasted, by class; `mask`: bitmap of the classes with one, by port."""
    return (np.asarray(mask)[..., None] >> np.arange(MOST_CLASSES) & 1) * (now_fs - since_fs)


def held_outside(start: PausesSnapshot | None, end: PausesSnapshot | None) -> int:
    """Return the growth of the frames waiting at link partners; if a partner is full, all that wait."""
    if start is None or end is None:
        return 0
    return end.waiting_outside - (0 if end.is_full_outside else start.waiting_outside)


def begin_pauses_window(nic: Any) -> None:
    """Forget the highest levels seen so far."""
    for level in nic.pauses.of_class:
        level.level.highest = level.level.level


def flow_control_use(config: Config, span: Span) -> FlowControlUse | None:
    """Return what flow control did in a window; None without it."""
    control, start, end = config.nic.flow_control, span.start.pauses, span.end.pauses
    if control is None or start is None or end is None:
        return None
    parts, high, low = parts_of(config), high_marks_of(config), low_marks_of(config)
    stops = {name: end.counts[name] - start.counts[name] for name in ("stops_sent", "stops_received")}
    stopped_fs = end.stopped_fs - start.stopped_fs
    partner_stopped_fs = end.partner_stopped_fs - start.partner_stopped_fs
    return FlowControlUse(
        mode=control.mode,
        control_frames_sent=int((end.counts["sent"] - start.counts["sent"]).sum()),
        control_frames_received=int((end.counts["received"] - start.counts["received"]).sum()),
        classes=tuple(
            ClassLevel(
                traffic_class=number,
                part_bytes=parts[number],
                high_bytes=high[number],
                low_bytes=low[number],
                level_mean_bytes=float(end.areas[number] - start.areas[number]) / span.fs,
                level_max_bytes=int(end.highest[number]),
                over_ns=int(end.over_fs[number] - start.over_fs[number]) / FS_PER_NS,
                kept_ns=_kept(config, end.blocked_fs[:, number] - start.blocked_fs[:, number])
                if control.is_by_class
                else ns_by_vm(config, span, "blocking_fs"),
            )
            for number in range(len(parts))
        ),
        ports=tuple(
            PortPause(
                port=config.port.names[port] or "p0",
                traffic_class=number,
                stops_sent=int(stops["stops_sent"][port][number]),
                stops_received=int(stops["stops_received"][port][number]),
                stopped_ns=int(stopped_fs[port][number]) / FS_PER_NS,
                partner_stopped_ns=int(partner_stopped_fs[port][number]) / FS_PER_NS,
                waiting_flows=_flows_outside(config, end.targets, port, number)
                if partner_stopped_fs[port][number] > 0
                else (),
            )
            for port in range(len(end.counts))
            for number in range(len(parts))
        ),
    )


def ns_by_vm(config: Config, span: Span, field: str) -> dict[str, float]:
    """Return a time that the window adds to VMs' counts, where there is some."""
    grown = zip(config.switch.ports, span.grown(field), strict=True)
    return {port.name: int(fs) / FS_PER_NS for port, fs in grown if fs > 0}


def _kept(config: Config, by_ring: Any) -> dict[str, float]:
    """Return how long each ring blocked a class, by the name of the VM (and queue)."""
    n = config.nic.queues_per_vf
    names = [port.name for port in config.switch.ports]
    return {
        names[ring // n] + (f".q{ring % n}" if n > 1 else ""): int(fs) / FS_PER_NS
        for ring, fs in enumerate(by_ring)
        if fs > 0
    }


def _targets_outside(nic: Any, n: int) -> frozenset[tuple[int, int, int]]:
    """Return (station number, port, class) of the frames that have come from outside."""
    headers, classes = nic["headers"]["template_header"][:n], nic["pauses"]["class_of_template"][:n]
    own = np.flatnonzero(headers["ingress"] == UPLINK)[:MOST_NAMED]
    by_class = np.maximum(0, classes[own].astype(int) - 1).tolist()
    ends = (headers[name][own].tolist() for name in ("target", "port"))
    return frozenset(zip(*ends, by_class, strict=True))


def _flows_outside(config: Config, targets: frozenset[tuple[int, int, int]], port: int, number: int) -> tuple[str, ...]:
    """Name the flows of a class that come from the stations outside by a port."""
    names = [f"uplink>{each.name}" for each in config.switch.ports]
    found = sorted(target for target, by, of in targets if (by, of) == (port, number) and 0 < target <= len(names))
    return tuple(names[target - 1] for target in found[:MOST_FLOWS])


def bridge_pauses(record: Any, port: int, now_fs: int) -> tuple[BridgePause, ...]:
    """Return what flow control did at a port of a bridge, class by class."""
    own = record.pauses[port]
    over_fs = own.over_fs + _open_fs(own.over, own.over_since_fs, now_fs)
    stopped_fs = own.counts.stopped_fs + _open_fs(own.hears.mask, own.counts.since_fs, now_fs)
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
