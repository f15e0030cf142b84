"""What the closed form gives: figures, the steps behind them, all ceilings, memory's bytes, and notes.

Memory's bytes are counted as requested, not by cache lines, whether cache or memory holds them. Drivers' accesses to
descriptors and an IOMMU's to page tables are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from hwmodel.analytic.ceiling import Ceiling, Step, sum_bytes, sum_steps
from hwmodel.analytic.ceilings import on_wire
from hwmodel.analytic.latency import LatencyStep, why_never_taken
from hwmodel.analytic.lone_frame import LoneFrame
from hwmodel.analytic.sends import LoneSend, coalesces
from hwmodel.analytic.stalls import stall_notes
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO, Demand, Traffic
from hwmodel.analytic.transactions import Transaction, share_of_cache
from hwmodel.analytic.weighted_shares import class_notes
from hwmodel.config import Config, Server
from hwmodel.config.bridge_flow_control import BridgeFlowControl, obeys
from hwmodel.config.flow_control import FlowControl
from hwmodel.config.headroom import HeadroomUse, bridge_headroom_uses, headroom_uses, lapse_of
from hwmodel.rules.ethernet import FCS_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.rules.headroom import headroom_bytes, low_mark_bytes
from hwmodel.rules.pcie_link import LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS, format_bytes
from hwmodel.words import limits as words
from hwmodel.words.bounds import BOUND
from hwmodel.words.limits import headroom_use, headroom_words, stop_may_lapse
from hwmodel.words.warnings import kept_for_dead_wire


class Details(NamedTuple):
    """Hold how the figures come about: worked out only when a reader asks for it, as runs do not need it.

    `latency_steps`: of the longest frame, with all batches 1. `servers`: what each server's link carries, where servers
    have names; `steps` are then the first server's. `hops`: the wires at a bridge. `how_sure`: how near runs come.
    `memory_bytes`: bytes read and written in hosts' memory for each frame delivered.
    """

    steps: tuple[Step, ...]
    latency_steps: tuple[LatencyStep, ...] = ()
    servers: tuple[ServerLimits, ...] = ()
    hops: tuple[HopLimits, ...] = ()
    notes: tuple[str, ...] = ()
    how_sure: str = BOUND
    memory_bytes: Fraction | None = None


class Delivered(NamedTuple):
    """Hold what is delivered at most, and what limits it, as in `Limits`."""

    mpps: float
    gbps: float
    limited_by: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Hold the ceiling of a configuration and how it comes about.

    `up_bytes`, `down_bytes`: bytes on the link per frame that a VM sends (per frame from the wire, where no VM sends).
    `mpps`, `gbps`: frames delivered to VMs, and their bits with FCS; where none goes to a VM, frames sent on the wire,
    with their tags there. `frames_per_s`: frames offered at the ceiling, without those of a given rate beside them
    (`beside_per_s`). `limited_by`: "up", "down", or the name of another resource. `unloaded_latency_ns`: from post to
    visible for the first flow from VM to VM, all batches taken as 1, mean over the frame sizes; None where no frame
    goes from VM to VM. `round_trip_ns`: of a read of `round_trip_bytes`, the first read of the longest frame. With
    several servers, figures of one link are the first server's. `lone_frame`: the longest frame of the first flow,
    whose time alone a run tells (`hwmodel.lone_frame`); None where the workload names no flow. `lone_send`: what a send
    by itself takes; None where the adapter cuts none. `counts`: what is offered and counted: "frames", or "segments"
    that VMs hand over. `as_offered`: where the machine chooses who gets how much, what is delivered in the load's own
    proportions, of which all other figures are too, while `mpps`, `gbps` and `limited_by` bound every mix; None where
    these are the same. `is_exact`: a long run carries the ceiling within 0.2 %; else the ceiling is an upper bound,
    but for what the note on doorbells allows. `find_details`: called for the `Details` when one is first asked for.
    """

    link_name: str
    raw_gbps: float
    up_bytes: float
    down_bytes: float
    mpps: float
    gbps: float
    limited_by: str
    unloaded_latency_ns: float | None
    round_trip_ns: float | None
    frames_per_s: Fraction
    ceilings: tuple[Ceiling, ...]
    link: LinkRate
    sizes: tuple[tuple[int, Fraction], ...]
    beside_per_s: Fraction = Fraction(0)
    round_trip_bytes: int | None = None
    lone_frame: LoneFrame | None = None
    lone_send: LoneSend | None = None
    counts: str = "frames"
    as_offered: Delivered | None = None
    is_exact: bool = False
    find_details: Callable[[], Details] = field(compare=False, repr=False)

    @cached_property
    def _details(self) -> Details:
        return self.find_details()

    @property
    def own(self) -> Delivered:
        """Give what is delivered in the load's own proportions."""
        return self.as_offered or Delivered(self.mpps, self.gbps, self.limited_by)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the bytes of a frame on the link, step by step."""
        return self._details.steps

    @property
    def latency_steps(self) -> tuple[LatencyStep, ...]:
        """Give the steps of the unloaded latency of the longest frame."""
        return self._details.latency_steps

    @property
    def servers(self) -> tuple[ServerLimits, ...]:
        """Give what the link of each server with a name carries."""
        return self._details.servers

    @property
    def hops(self) -> tuple[HopLimits, ...]:
        """Give what the wires at a bridge carry."""
        return self._details.hops

    @property
    def notes(self) -> tuple[str, ...]:
        """Give the notes on the figures."""
        return self._details.notes

    @property
    def how_sure(self) -> str:
        """Say how near a run comes to the ceiling, and what keeps it below."""
        return self._details.how_sure

    @property
    def memory_bytes(self) -> float | None:
        """Give the bytes read and written in hosts' memory for each frame delivered; None where none is."""
        found = self._details.memory_bytes
        return None if found is None else float(found)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the ceiling in a sentence, then each resource with what a frame takes of it."""
        from hwmodel.analytic.limits_text import limits_html

        return limits_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form: the ceiling and its sums, all ceilings, the latency's steps, the notes."""
        return {
            "raw_gbps": self.raw_gbps,
            "up_bytes": self.up_bytes,
            "down_bytes": self.down_bytes,
            "mpps": self.mpps,
            "gbps": self.gbps,
            "limited_by": self.limited_by,
            "unloaded_latency_ns": self.unloaded_latency_ns,
            "round_trip_ns": self.round_trip_ns,
            "steps": [step.to_dict() for step in self.steps],
            "offered_mpps": float(self.frames_per_s / 10**6),
            "tlp_layer_gbps": float(self.link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS),
            "ceilings": [_ceiling_dict(ceiling) for ceiling in self.ceilings],
            "round_trip_bytes": self.round_trip_bytes,
            "latency_steps": [
                {"name": step.name, "ns": step.duration_fs / FS_PER_NS, "formula": step.formula}
                for step in self.latency_steps
            ],
            "lone_frame": self.lone_frame and self.lone_frame.to_dict(),
            "is_exact": self.is_exact,
            "how_sure": self.how_sure,
            "notes": list(self.notes),
            **({} if self.lone_send is None else {"lone_send": self.lone_send._asdict()}),
            **({} if self.as_offered is None else {"as_offered": self.as_offered._asdict()}),
        } | self._of_system()

    def _of_system(self) -> dict[str, Any]:
        named: dict[str, Sequence[ServerLimits | HopLimits]] = {
            "servers": self.servers,
            "hops": self.hops,
        }
        return {key: [one.to_dict() for one in found] for key, found in named.items() if found}


def _ceiling_dict(ceiling: Ceiling) -> dict[str, Any]:
    rate = ceiling.frames_per_s
    return {
        "resource": ceiling.resource,
        "what": ceiling.what,
        "unit": ceiling.unit,
        "capacity_per_s": float(ceiling.capacity),
        "per_frame": float(ceiling.per_frame),
        "taken_per_s": float(ceiling.per_s),
        "offered_mpps": None if rate is None else float(rate / 10**6),
    }


# ---- What each server and each wire of a system has to do at the ceiling ----


@dataclass(frozen=True)
class ServerLimits:
    """Hold what one server's link carries, in bytes per frame offered in the whole system."""

    name: str
    link_name: str
    link: LinkRate
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "link": self.link_name,
            "up_bytes": float(sum_bytes(self.steps, "up")),
            "down_bytes": float(sum_bytes(self.steps, "down")),
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass(frozen=True)
class HopLimits:
    """Hold one direction of a wire at the ceiling; `wire` is `a.wire.tx` towards the bridge, `bridge.a` from it.

    Of an extender's uplink: `bridge.fex1.uplink` towards the bridge, `bridge.fex1` from it.

    `frames_per_s`: frames on it. `frame_bytes`: the mean frame there, with FCS, tags and padding, without preamble and
    gap. `utilization`: its busy share.
    """

    wire: str
    frames_per_s: float
    frame_bytes: float
    utilization: float

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return asdict(self)


def server_limits(
    system: System, transactions: Sequence[Sequence[Transaction]], frames_per_s: Fraction
) -> tuple[ServerLimits, ...]:
    """Give what each server's link carries at a rate of frames."""
    return tuple(
        ServerLimits(
            server.name,
            server.config.pcie.link_name,
            link_rate_of(server.config.pcie),
            sum_steps(own, link_rate_of(server.config.pcie), frames_per_s),
        )
        for server, own in zip(system.servers, transactions, strict=True)
    )


def hops_of(system: System, demand: Demand, frames_per_s: Fraction) -> tuple[HopLimits, ...]:
    """Give the wires at the bridge with what they carry at a rate of frames; none without a bridge."""
    if not demand.sought.parts:
        return ()
    found = []
    for wire in range(system.n_wires):
        pieces = demand.at(system.part_at(wire)).at_rates(frames_per_s)
        for at, name in enumerate(system.wire_names(wire)):
            passing = [(on_wire(one, system.own_port(wire))[at], rate) for one, rate in pieces]
            frames = sum((n_frames * rate for (n_frames, _), rate in passing), ZERO)
            n_bytes = sum((n_bytes * rate for (_, n_bytes), rate in passing), ZERO)
            if frames:
                use = n_bytes * BITS_PER_BYTE / system.rate_bps(wire)
                found.append(HopLimits(name, float(frames), float(n_bytes / frames) - WIRE_OVERHEAD_BYTES, float(use)))
    return tuple(found)


# ---- What a reader has to know beside the figures ----


_ALIKE = Fraction(1, 10**6)


def _of_sends(config: Config) -> str:
    workload = config.workload
    if not config.hands_over_segments:
        return words.FRAME_OF_SEND
    n_frames = workload.frames_a_send if config.sends_cut_by is not None else None
    return words.frames_are_segments(workload.send_bytes + FCS_BYTES, n_frames)


def notes_of(
    system: System, demand: Demand, least: Ceiling, frames_per_s: Fraction, lone: LoneFrame | None, *,
    has_waits: bool = True,
) -> tuple[str, ...]:  # fmt: skip
    """List the notes: on the mix, on drops, on what waits for a dead wire, on what is left out, on the lone frame.

    `frames_per_s`: of what is sought, at the ceiling. `has_waits`: page walks are counted.
    """
    waiting = [kept_for_dead_wire(port, sources) for port, sources in demand.waiting]
    found = [*_starved_notes(demand), *_lost_notes(system, demand), *waiting, *_bridge_notes(system, demand, least)]
    if _waits_in_order(system, demand, least):
        found.append(words.WAIT_IN_ORDER)
    if system.pcie_switches and not any(one.has_turns for one in system.pcie_switches):
        found.append(words.PCIE_SWITCHES)
    if system.buses:
        found.append(words.BUSES)
    found += stall_notes(system, demand, frames_per_s)
    if len(system.servers) == 1:
        found += _far_below_notes(system, demand)
        found += _cache_notes(system.servers[0].config, demand)
    for part, server in enumerate(system.servers):
        whose = f"{server.name}: " if server.name else ""
        found += [f"{whose}{note}" for note in _of_config(server.config, has_waits)]
        senders = {place for name in demand.sought.sent for at, place in [system.place(name)] if at == part}
        found += [f"{whose}{note}" for note in (*class_notes(server.config, senders), *_headroom_notes(system, server))]
    if lone is not None and lone.way.copies:
        found += why_never_taken(system.config(lone.way.to_part), lone.way)
    return tuple(found)


def _headroom_notes(system: System, server: Server) -> Iterator[str]:
    """Say the driver formula's headroom, then each class's beside what may still arrive, all frames the longest."""
    config = server.config
    control, longest = config.nic.flow_control, config.switch.longest_frame_bytes
    if control is None or not control.send:
        return
    device, has_vfs = config.nic.preset, config.nic.mode == "sriov"
    by_formula = headroom_bytes(device, longest, longest, has_vfs=has_vfs)
    yield headroom_words(
        by_formula // 1024, low_mark_bytes(longest) // 1024, longest, device or "as of the 82599", has_vfs=has_vfs
    )
    yield from map(_headroom_text, headroom_uses(server, system.servers, system.bridges))
    yield from _lapse_text(control, longest)


def _lapse_text(control: FlowControl | BridgeFlowControl | None, longest: int) -> Iterator[str]:
    lapse = lapse_of(control, longest)
    if lapse is not None:
        said = stop_may_lapse(*lapse)
        yield f"{said[0].upper()}{said[1:]}"


def _headroom_text(use: HeadroomUse) -> str:
    is_enough = use.own_bytes >= use.needed_bytes
    return headroom_use(use.number, format_bytes(use.own_bytes), use.needed_bytes, use.port, is_enough=is_enough)


def _cache_notes(config: Config, demand: Demand) -> list[str]:
    """Say each ring's share of a descriptor cache common to all."""
    share = share_of_cache(config, demand)
    if share is None:
        return []
    return [words.share_of_cache(share, config.nic.shared_descriptor_cache or 0)]


def _lost_notes(system: System, demand: Demand) -> list[str]:
    """Say what is dropped whatever the load, by who drops it, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    first, bridge = system.config(0), "bridge" if system.only_bridge else "bridges"
    adapter = "adapter" if len(system.servers) == 1 else "adapters"
    for one in demand.lost:
        is_at_wire = one.reason == "LINK_DOWN"
        if is_at_wire and first.bond is not None:
            continue  # `bond_notes` has it
        part = system.place(one.source)[0]
        sender = system.config(part) if system.is_server(part) else first
        own = adapter.replace("adapter", "virtual switch") if sender.has_virtual_switch and not is_at_wire else adapter
        found.setdefault((bridge if one.at_bridge else own, one.reason), []).append(f"{one.source} to {one.target}")
    return [words.all_lost(ends, reason, by) for (by, reason), ends in found.items()]


def _receiver_notes(system: System, demand: Demand, least: Ceiling) -> Iterator[str]:
    """Say that what is more drops, if the limit is at an adapter to which all frames come by its wire."""
    for part, server in enumerate(system.servers):
        here, control = demand.at(part).sought, server.config.nic.flow_control
        is_here = least.resource.startswith(f"{server.name}.") if server.name else not least.is_of_load
        if not is_here or not here.copies or here.reads or least.resource.endswith("wire.rx"):
            continue
        ends = [bridge for bridge in system.bridges if bridge.is_at(server)]
        obeying = [bridge for bridge in ends if control and obeys(bridge.settings.flow_control, control.mode)]
        if control is None or not control.send or len(obeying) < len(ends):
            yield words.dropped_above(least.resource, "the wires of bridges" if system.bridges else "")
        found = (bridge for bridge in obeying if not bridge.stops_senders)
        yield from (words.dropped_in_bridge(least.resource, bridge.words) for bridge in found)


def _waits_in_order(system: System, demand: Demand, least: Ceiling) -> bool:
    """Tell whether the limit is that frames from a wire, for several receivers, wait for Rx descriptors of one."""
    parts = (demand.at(part).sought for part, one in enumerate(system.servers)
             if least.resource == f"{one.prefix}rx.descriptors")  # fmt: skip
    return any(here.from_wire and len(here.received) > 1 for here in parts)


def _bridge_notes(system: System, demand: Demand, least: Ceiling) -> list[str]:
    found = list(_receiver_notes(system, demand, least))
    drops_behind = bool(found)
    is_at_bridge = least.resource.startswith(tuple(f"{one.name}." for one in system.bridges if not one.stops_senders))
    may_drop = any(server.config.nic.drop_enable for server in system.servers) and not least.is_of_load
    if len(demand.sought.sizes) > 1 and (drops_behind or is_at_bridge or may_drop):
        found.append(words.LONG_DROP)
    is_from_outside = is_at_bridge and least.resource == system.wire_names(system.outside_wire)[0]
    if is_at_bridge and not is_from_outside:  # stations outside send as fast as their wire takes
        found.append(words.no_room_above(least.resource))
    for bridge in system.bridges:
        if bridge.stops_senders and least.resource.startswith(f"{bridge.name}."):
            found.append(words.stops_senders(bridge.words))
        uses = bridge_headroom_uses(bridge, system.servers, system.bridges)
        found += [f"{bridge.name}: {_headroom_text(use)}" for use in uses if use.own_bytes < use.needed_bytes]
        longest = max(server.config.switch.longest_frame_bytes for server in system.servers)
        found += [f"{bridge.name}: {said}" for said in _lapse_text(bridge.settings.flow_control, longest)]
        if bridge.settings.sharing == "all" and len(system.servers) > 1:
            found.append(words.shared_buffer(bridge.words))
        for name, extender in bridge.settings.extenders.items():
            if extender.sharing == "all":
                found.append(words.shared_buffer(f"extender {name}"))
    for (at, entry), passing in demand.policed:
        bridge = system.bridges[at]
        which = f"{bridge.key}.policy[{entry}]"
        gbps = float((bridge.settings.policy[entry].rate_bps or 0) / BPS_PER_GBPS)
        if passing is None or passing < 1:
            found.append(words.policed(which, gbps, None if passing is None else float(passing)))
    levels = [level for one in system.bridges for port in one.settings.ports.values()
              for level in port.s_channels.values()]  # fmt: skip
    if any(level.rate_bps is not None for level in levels):
        found.append(words.LEVEL_RATES)
    if any(level.weight > 1 for level in levels):
        found.append(words.LEVEL_WEIGHTS)
    return found


_NEAR = 0.95  # of the figure: runs above it are not told of


def _starved_notes(demand: Demand) -> tuple[str, ...]:
    return (words.starved(demand.starved),) if demand.starved else ()


def _far_below_notes(system: System, demand: Demand) -> Iterator[str]:
    """Say why runs of a virtual switch may stay far below the ceiling, if they may."""
    switches = [own for server in system.servers if (own := server.config.virtual_switch) is not None]
    least = 1.0
    for own in switches if any(one.frames_per_s is not None for one in demand.streams) else ():
        time_fs = own.frame_time_fs + own.batch_time_fs
        least = min(least, (own.frame_time_fs + own.batch_time_fs / own.batch) / (time_fs or 1))
    if least < _NEAR:
        yield words.far_below(least)


def _of_config(config: Config, has_waits: bool) -> tuple[str, ...]:
    """Say which parts of the configuration the closed form leaves out or simplifies."""
    host, sends_segments = config.host, config.workload.segment_bytes is not None
    notes = (
        (config.switch.acl and not config.switch.unasked_lists, words.POLICED_FRAMES),
        (host.jitter.kind != "fixed", words.LATENCY_SPREAD),
        (host.unmeasured is not None, host.unmeasured or ""),
        (host.iotlb is not None, words.IOTLB_MISSES if has_waits else words.WITHOUT_WALKS),
        (config.switch.timing == "core", words.CORE_EDGE),
        (sends_segments, _of_sends(config)),
        (sends_segments and config.driver.tso_context == "changed", words.CONTEXTS),
        (coalesces(config), words.COALESCED),
        (any(not driver.refill for driver in config.drivers), words.NO_REFILLS),
        (any(port.receive_limit_bps is not None for port in config.switch.ports), words.RECEIVE_LIMITS),
    )
    return tuple(note for applies, note in notes if applies)


BYTES_A_COPY = 2  # a byte that is copied is read and written


def memory_bytes(
    system: System, demand: Demand, transactions: Sequence[Sequence[Transaction]], frames_per_s: Fraction
) -> Fraction | None:
    """Give the bytes read and written per frame that reaches a VM or leaves for outside; None where none does.

    `transactions`: of each server. Counted: payload, descriptors and write-backs that adapters move, and twice each
    byte that a core copies.
    """
    per_s = ZERO
    for part, server in enumerate(system.servers):
        for one in transactions[part]:
            per_s += (one.per_frame * frames_per_s + one.per_s) * _moved(one)
        per_s += sum(rate * _copied(server.config, one) for one, rate in demand.at(part).at_rates(frames_per_s))
    delivered_per_s = sum(((one.copies + one.to_wire) * rate for one, rate in demand.at_rates(frames_per_s)), ZERO)
    return per_s / delivered_per_s if delivered_per_s else None


def _moved(one: Transaction) -> int:
    """Give the bytes that a transaction reads in memory, or writes there; doorbells and interrupts do neither."""
    return sum(tlp.data_bytes for tlp in one.tlps) if one.is_read or one.is_dma_write else 0


def _copied(config: Config, traffic: Traffic) -> Fraction:
    """Give the bytes that copying a mean frame reads and writes, by drivers and by a virtual switch."""
    n_copies = sum((share * _copies_at_end(config, name, sends=True) for name, share in traffic.sent.items()), ZERO)
    n_copies += sum((share * _copies_at_end(config, name) for name, share in traffic.received.items()), ZERO)
    own = config.virtual_switch
    if own is not None and own.pass_by == "copy":
        n_copies += traffic.written + traffic.copies_out
    return BYTES_A_COPY * n_copies * (traffic.mean_frame_bytes - FCS_BYTES)


def _copies_at_end(config: Config, station: str, *, sends: bool = False) -> int:
    """Count how often a frame is copied at an end: a driver that takes time for each byte copies it once."""
    driver = config.driver_of(station)
    is_cut = sends and config.workload.segment_bytes is not None
    own_fs = driver.send_byte_time_fs if is_cut else driver.byte_time_fs
    return bool(own_fs) + (config.nic.mode == "vmdq" and driver.pass_by == "copy")
