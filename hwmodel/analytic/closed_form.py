"""The closed form: from a configuration to the ceiling of its throughput, with every step on the way.

    frames/s <= (raw * (1 - SKP - DLLP share) / 8) / bytes of a frame in the fuller direction

and not above any of the other ceilings. All sums are exact fractions; floats appear only in the figures shown.
docs/pcie.md works the arithmetic through by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from hwmodel.analytic.bond import bond_notes
from hwmodel.analytic.ceiling import Ceiling, link_bytes_per_frame, lowest, short_name, sum_link_bytes, sum_steps
from hwmodel.analytic.ceilings import (
    in_system,
    link_ceilings,
    offered_ceiling,
    other_ceilings,
    switch_ceilings,
    wire_ceilings,
)
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.equal_turns import carry_most, takes_equal_turns
from hwmodel.analytic.latency import LatencyStep, frame_latency_steps, round_trip_fs
from hwmodel.analytic.limits_record import Delivered, Details, Limits, hops_of, memory_bytes, notes_of, server_limits
from hwmodel.analytic.lone_frame import LoneFrame, Way, lone_frame_of
from hwmodel.analytic.mix_bound import MixBound, mix_bound
from hwmodel.analytic.paths import Paths
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.sends import LoneSend, doorbell_batch
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO, Demand, Traffic, as_typed, average
from hwmodel.analytic.transactions import (
    DIRECTIONS,
    INLINE_DOORBELL,
    Batches,
    Transaction,
    lone_send_of,
    transactions_of,
)
from hwmodel.analytic.uplink import at_adapter, seen_by_adapter
from hwmodel.analytic.virtual_switch import slow_path_notes
from hwmodel.analytic.weighted_shares import host_share_notes
from hwmodel.config import Config, as_config, bridges_of, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.resources import OFFERED_LOAD, RESOURCES
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import INLINE_DOORBELL_BYTES, link_rate_of
from hwmodel.rules.switch_modes import MODES
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS, FS_PER_S
from hwmodel.words import limits as words

_ALIKE = Fraction(1, 10**6)
_TOLD = Fraction(2, 1000)  # of the figure: how near runs come where it is said to be exact


class _OfPart(NamedTuple):
    """Hold what is asked of one component."""

    transactions: Sequence[Transaction]
    ceilings: list[Ceiling]


@dataclass(frozen=True)
class _Asked:
    """Hold a demand with what follows from it: the transactions of each server, and all ceilings.

    `has_waits`: costs that hold for one mix of frames only are among them. `ports`: those of bridges and extenders in
    the order in which frames pass them.
    """

    demand: Demand
    transactions: tuple[tuple[Transaction, ...], ...]
    ceilings: tuple[Ceiling, ...]
    has_waits: bool = True
    ports: tuple[str, ...] = ()

    @cached_property
    def least(self) -> Ceiling:
        """Give the lowest ceiling; of ports in a row that are equally full the first, at which what is more drops."""
        least = lowest(self.ceilings)
        if least.resource not in self.ports:
            return least
        most = _rate(least) * (1 + _ALIKE)
        full = {one.resource: one for one in self.ceilings if one.per_frame and _rate(one) <= most}
        return full[min(full.keys() & set(self.ports), key=self.ports.index)]

    @property
    def of_any_mix(self) -> _Asked:
        """Give it without the costs that hold for one mix of frames only, so that mixes can be compared."""
        kept = tuple(one for each in self.ceilings if (one := each.of_any_mix).per_frame)
        return replace(self, ceilings=kept, has_waits=False)

    @property
    def rate(self) -> Fraction:
        """Give the frames a second at the lowest ceiling."""
        return _rate(self.least)


def limits(config: Config | str | Path, *, adjacent_bridge_reflects: bool | None = None) -> Limits:
    """Give the closed-form limits of a configuration, given as such, as a file's name or as a shipped one's name.

    Approximated: only means are used; batches are those that a saturated run settles into; the only waits counted are
    those for page walks, for room in the Tx buffer and before an Rx descriptor fetch, underestimated (docs/pcie.md) and
    only for the mix of frames that is offered; credits are held as long as on an empty link.
    `adjacent_bridge_reflects`: whether frames that leave for the adjacent bridge in modes without local switching come
    back; None: as `bridge` says. Raises InputError for a workload without frames, a bad capture, and whatever the
    closed form does not cover.
    """
    return _limits(as_config(config), adjacent_bridge_reflects)


@remembered()
def _limits(config: Config, adjacent_bridge_reflects: bool | None) -> Limits:
    system = System.of(config)
    demand = demand_of(config, adjacent_bridge_reflects)
    if _is_share_of_ceiling(config, demand):
        share = as_typed(config.workload.load.share or 0)
        demand = replace(demand, offered_frames_per_s=share * _ceiling_of(system, demand))
    first = system.config(0)
    asked = demand.sought
    found, bound = _as_offered(system, demand)
    up, down = (
        link_bytes_per_frame(found.transactions[0], link_rate_of(first.pcie), direction, found.rate)
        for direction in DIRECTIONS
    )
    frames_per_s, bits_per_s = _delivered(found.demand, found.rate)
    own = Delivered(float(frames_per_s / 10**6), float(bits_per_s / BPS_PER_GBPS), short_name(found.least.resource))
    most = (
        own
        if bound is None
        else Delivered(
            float(bound.frames_per_s / 10**6), float(bound.bits_per_s / BPS_PER_GBPS), short_name(bound.limited_by)
        )
    )
    longest = max(n_bytes for n_bytes, _ in asked.sizes)
    is_direct = not (system.pcie_switches or system.buses)  # else only a run can tell
    is_passed_on = any(server.config.has_virtual_switch for server in system.servers)
    latency_steps = _latency_steps(config, asked) if is_direct and not is_passed_on else {}
    lone = lone_frame_of(config, *asked.first, longest) if asked.first else None
    has_round_trip = is_direct and not first.has_virtual_switch
    first_read = min(first.pcie.max_read_request_bytes, longest - FCS_BYTES)
    exact = (
        bound is None
        and is_exact(config, demand, found.ceilings, found.least)
        and not any(_of_doorbells(system, found))
    )
    return Limits(
        link_name=", ".join(dict.fromkeys(_switched_by(server.config) for server in system.servers)),
        raw_gbps=float(link_rate_of(first.pcie).raw_bps / BPS_PER_GBPS),
        up_bytes=float(up),
        down_bytes=float(down),
        mpps=most.mpps,
        gbps=most.gbps,
        limited_by=most.limited_by,
        as_offered=None if bound is None else own,
        unloaded_latency_ns=_mean_latency_ns(asked, latency_steps),
        round_trip_ns=round_trip_fs(first, first_read) / FS_PER_NS if has_round_trip else None,
        frames_per_s=found.rate,
        beside_per_s=sum((one.frames_per_s or ZERO for one in found.demand.beside), ZERO),
        ceilings=found.ceilings,
        link=link_rate_of(first.pcie),
        sizes=asked.sizes,
        round_trip_bytes=first_read,
        lone_frame=lone,
        lone_send=_lone_send(first),
        counts="segments" if first.hands_over_segments else "frames",
        is_exact=exact,
        find_details=partial(_details, config, system, found, lone, latency_steps.get(longest, ()), exact=exact),
    )


def _lone_send(config: Config) -> LoneSend | None:
    if config.sends_cut_by != "adapter":
        return None
    seen = seen_by_adapter(config) if config.has_virtual_switch else config
    return lone_send_of(seen)


def _switched_by(config: Config) -> str:
    if not config.has_virtual_switch:
        return config.pcie.link_name
    own = "the host's virtual switch"
    return own if config.switches_in_memory else f"{own}, its uplink by {config.pcie.link_name}"


def _details(
    config: Config,
    system: System,
    found: _Asked,
    lone: LoneFrame | None,
    steps: tuple[LatencyStep, ...],
    *,
    exact: bool,
) -> Details:
    makes_copies = any(one.settings.mirrors or one.settings.samples for one in bridges_of(config))
    notes = (
        *_why_over_the_wire(config, system, found),
        *notes_of(system, found.demand, found.least, found.rate, lone, has_waits=found.has_waits),
        *_host_shares(config, system, found),
        *_of_doorbells(system, found),
        *_of_inline_doorbells(config, found),
        *slow_path_notes(config, found.demand, found.rate),
        *bond_notes(config, found.demand, found.rate),
        *((words.WITHOUT_SCENARIO,) if config.scenario else ()),
        *((words.WITHOUT_AGENTS,) if config.agents or config.control is not None else ()),
        *((words.WITHOUT_COPIES,) if makes_copies else ()),
    )
    return Details(
        steps=sum_steps(found.transactions[0], link_rate_of(system.config(0).pcie), found.rate),
        latency_steps=steps,
        servers=server_limits(system, found.transactions, found.rate) if system.server_names != ("",) else (),
        hops=hops_of(system, found.demand, found.rate),
        notes=notes,
        how_sure=words.how_sure(notes, None if exact else config.resolved()),
        memory_bytes=memory_bytes(system, found.demand, found.transactions, found.rate),
    )


def _why_over_the_wire(config: Config, system: System, found: _Asked) -> Iterator[str]:
    """Say what it costs, if the wire limits, that frames between VMs of the only server leave by it and come back."""
    ends = found.demand.sought.first_inside
    limit = found.least.resource
    wires: dict[str, int] = {}
    for own in system.wires_of(0) if system.bridges else ():
        wires |= {name: wire for wire in (own, *system.above(own)) for name in system.wire_names(wire)}
    is_of_wire = limit in wires
    if system.only_bridge is None or len(system.servers) > 1 or ends is None or not is_of_wire:
        return
    path = Paths(system, None).path(*ends)
    if path.route.stations or not any(hop.wire == path.wire for hop in path.hops):
        return
    port = "" if wires[limit] < system.outside_wire else system.port_name(wires[limit])
    n_ports = config.port.count
    gbps = float(system.rate_bps(wires[limit]) / BPS_PER_GBPS)
    if MODES[config.switch.mode].kind == "veb":
        yield words.over_the_wire_by_vlan(port, gbps, n_ports)
        return
    try:
        within = limits(config_from_mapping(config.resolved(), {"switch.mode": "veb", "bridge": None}))
    except InputError:  # the configuration has keys that are invalid in mode veb
        inside = None
    else:
        inside = (within.gbps, within.limited_by)
    in_memory = config.has_virtual_switch
    yield words.over_the_wire_by_mode(config.switch.mode, port, gbps, n_ports, inside, is_in_memory=in_memory)


def ceiling_frames_per_s(config: Config) -> Fraction | None:
    """Give the offered frames per second that a load in % of the ceiling refers to; None for any other load.

    It is the rate that `limits` gives with `load: saturate`, after what frames of a given rate take. Raises InputError
    where these leave nothing.
    """
    return _ceiling_frames_per_s(config) if config.workload.load.kind == "ceiling" else None


@remembered()
def _ceiling_frames_per_s(config: Config) -> Fraction | None:
    demand = demand_of(config, None)
    if not _is_share_of_ceiling(config, demand):
        return None
    a_send = config.workload.frames_a_send if config.hands_over_segments else 1  # the demand counts whole segments
    return a_send * _ceiling_of(System.of(config), demand)


def _is_share_of_ceiling(config: Config, demand: Demand) -> bool:
    return config.workload.load.kind == "ceiling" and demand.offered_frames_per_s is None


def _ceiling_of(system: System, demand: Demand) -> Fraction:
    rate = _demands_on(system, demand).rate
    if not rate:
        raise InputError("workload.load: no ceiling to take a share of; frames of given rates take all there is")
    return rate


def _rate(ceiling: Ceiling) -> Fraction:
    return ceiling.frames_per_s or ZERO


def _demands_on(system: System, demand: Demand, *, has_timers: bool = True) -> _Asked:
    """Give all that a demand asks for; Rx interrupts as batches cause them, or fewer where timers moderate them.

    `has_timers`: False to leave out the interrupts of timers.

    Under a deficit scheduler, which sends a quantum of a station's frames at once, write-backs come in bursts that
    share interrupts: with n due and T timer expiries a second, n T / (n + T) are counted, as for write-backs at random
    times.
    """
    parts = range(system.n_parts if demand.sought.parts else 1)
    found = [_asked_of(system, part, demand, None) for part in parts]
    offered = demand.offered_frames_per_s

    def ceilings() -> Iterator[Ceiling]:
        yield from (one for part in found for one in part.ceilings)
        transactions = {part: one.transactions for part, one in enumerate(found[: system.outside])}
        yield from (one for one in switch_ceilings(system, transactions) if one.is_used)
        if offered is not None:
            yield offered_ceiling(offered)

    limiting = [ceiling for ceiling in ceilings() if ceiling.per_frame]
    if not limiting:
        raise InputError("workload: all that is sent drops at once, as at a dead wire (port.down): nothing limits it")
    rate = _rate(lowest(limiting))
    for part in parts[: system.outside]:
        timer_per_s = _timer_interrupts_per_s(system.config(part), demand.at(part))
        if timer_per_s is None:
            continue
        if not has_timers:
            timer_per_s = ZERO
        due_per_s = _rx_interrupts_per_s(found[part].transactions, rate)
        if due_per_s and system.config(part).switch.scheduler == "deficit":
            timer_per_s *= due_per_s / (due_per_s + timer_per_s)
        if due_per_s > timer_per_s:
            found[part] = _asked_of(system, part, demand, timer_per_s)
    transactions = tuple(tuple(one.transactions) for one in found[: system.outside])
    return _Asked(demand, transactions, tuple(ceilings()), ports=system.ports_in_order if system.bridges else ())


def _asked_of(system: System, part: int, demand: Demand, timer_per_s: Fraction | None) -> _OfPart:
    own = demand.at(part)
    if not system.is_server(part):
        ports = wire_ceilings(system, part, own)
        return _OfPart((), [one for one in in_system(system, part, ports) if one.is_used])
    config = system.config(part)
    transactions = limiting = _transactions(config, own, timer_per_s)
    if config.has_virtual_switch:
        limiting = _transactions(*at_adapter(config, own), timer_per_s)
    found = [*link_ceilings(limiting, link_rate_of(config.pcie)), *other_ceilings(config, own, limiting)]
    return _OfPart(transactions, [one for one in in_system(system, part, found) if one.is_used])


def _transactions(config: Config, demand: Demand, timer_per_s: Fraction | None) -> list[Transaction]:
    """List the transactions of the traffic sought and of that beside it; timer interrupts are counted once."""
    found = list(transactions_of(config, demand.sought, timer_per_s))
    for one in demand.beside:
        found += transactions_of(config, one, None if timer_per_s is None else ZERO)
    return found


def _of_doorbells(system: System, asked: _Asked) -> Iterator[str]:
    """Say how far a run may exceed a full link's ceiling, where busy drivers ring once for several batches' slots."""
    direction = next((one for one in DIRECTIONS if asked.least.resource == f"pcie.{one}"), None)
    cores = [one for one in asked.ceilings if one.resource.startswith("driver.") and one.frames_per_s]
    if len(system.servers) > 1 or direction is None or not cores:
        return
    config, (transactions,) = system.servers[0].config, asked.transactions
    batches = Batches.of(config)
    rung = doorbell_batch(config)
    saved = asked.rate / _rate(lowest(cores)) * max(ZERO, 1 - Fraction(batches.tx_free, rung * batches.tx_doorbells))
    link = link_rate_of(config.pcie)
    doorbells = tuple(one for one in transactions if one.name.startswith("Tx doorbell"))
    of_all, of_doorbells = (sum_link_bytes(one, link, direction)[0] for one in (transactions, doorbells))
    above = of_all / (of_all - saved * of_doorbells) - 1 if of_all else ZERO
    if above >= _TOLD:
        yield words.more_doorbells(batches.tx_free, float(above))


def _host_shares(config: Config, system: System, asked: _Asked) -> Iterable[str]:
    """Say what hosts get of a shared adapter's link."""
    return () if config.multi_root is None else host_share_notes(system, asked.ceilings)


def _of_inline_doorbells(config: Config, asked: _Asked) -> Iterator[str]:
    """Say that descriptors which came inline with their doorbells may be read nevertheless."""
    if any(one.name == INLINE_DOORBELL for transactions in asked.transactions for one in transactions):
        yield words.inline_doorbells(INLINE_DOORBELL_BYTES, config.nic.doorbell_bytes)


def _timer_interrupts_per_s(config: Config, demand: Demand) -> Fraction | None:
    """Give the most Rx interrupts that the timers (EITR) of the vectors of all receiving rings let through."""
    config, demand = at_adapter(config, demand)
    seen = config.for_functions(demand.stations)
    if seen is None or not seen.driver.moderation_fs or seen.driver.masks:
        return None  # with different drivers the effect of timers is left out
    vectors = {(station, number % config.nic.n_vectors) for station, number in demand.rx_rings}
    return Fraction(len(vectors) * FS_PER_S, seen.driver.moderation_fs)


def _rx_interrupts_per_s(transactions: Iterable[Transaction], frames_per_s: Fraction) -> Fraction:
    return sum((one.per_frame * frames_per_s + one.per_s for one in transactions if one.name == "Rx interrupt"), ZERO)


def _as_offered(system: System, demand: Demand) -> tuple[_Asked, MixBound | None]:
    """Give what the demand asks for as offered; and a bound on all its mixes, None where that is the lowest ceiling.

    Where flows of given rates leave nothing to others, what is offered is taken to be these, in proportion.

    Costs that hold for the offered mix only (`Ceiling.waiting`) are kept where senders take equal turns.
    """
    as_offered = _demands_on(system, demand)
    if not as_offered.rate and any(one.frames_per_s for one in demand.beside):
        as_offered = _demands_on(system, _of_given_rates(demand))
    own = as_offered.demand
    if not (demand.streams or demand.alike) or _fits(system, as_offered):
        return as_offered, None
    if carry_most(system, demand, as_offered.least):
        return as_offered, None
    bound = mix_bound(system, demand)
    compared = _demands_on(system, own, has_timers=False).of_any_mix
    _, offered_bits = _delivered(own, compared.rate)
    if abs(offered_bits - bound.bits_per_s) > _ALIKE * bound.bits_per_s:
        return as_offered.of_any_mix, bound
    is_one = len(demand.streams) == 1 and not (demand.with_rate or demand.sought.parts)
    return (as_offered if is_one or takes_equal_turns(system, demand) else as_offered.of_any_mix), None


def _of_given_rates(demand: Demand) -> Demand:
    rates = [(one, one.frames_per_s or ZERO) for one in demand.beside]
    rates.append((demand.sought, demand.offered_frames_per_s or ZERO))
    total = sum((rate for _, rate in rates), ZERO)
    return replace(demand, sought=average(rates), beside=(), offered_frames_per_s=total, following=(), with_rate=())


def _fits(system: System, asked: _Asked) -> bool:
    """Tell whether all that is offered gets through; False for `load: 0`: only the traffic beside it flows."""
    limits_rates = any(port.rate_limit_bps is not None for one in system.servers for port in one.config.switch.ports)
    return asked.least.resource == OFFERED_LOAD and bool(asked.rate) and not limits_rates


def _delivered(demand: Demand, frames_per_s: Fraction) -> tuple[Fraction, Fraction]:
    """Give the frames a second, and their bits with FCS, that reach VMs, or the wire where none reaches a VM.

    Bits on the wire include the tags that the mode adds, as a run counts them.
    """
    parts = demand.at_rates(frames_per_s)
    counted = [(one.copies * rate, one.mean_frame_bytes) for one, rate in parts]
    if not any(n for n, _ in counted):
        counted = [(one.to_wire * rate, one.sent_frame_bytes) for one, rate in parts]
    frames = sum((n for n, _ in counted), ZERO)
    return frames, sum((n * n_bytes * BITS_PER_BYTE for n, n_bytes in counted), ZERO)


def _lone_inside(config: Config, traffic: Traffic, frame_bytes: int) -> Way | None:
    """Give the way of the first flow's frame from a VM to a VM; None if it is taken to stay in the adapter."""
    if traffic.first_inside is None:
        return None
    lone = lone_frame_of(config, *traffic.first_inside, frame_bytes)
    return lone.way if lone is not None and lone.way.copies else None


def _latency_steps(config: Config, traffic: Traffic) -> dict[int, tuple[LatencyStep, ...]]:
    """Give the steps of a frame of each size from a VM to a VM; none where none goes there."""
    if not (traffic.reads and traffic.copies):
        return {}
    return {
        n_bytes: frame_latency_steps(config, n_bytes, _lone_inside(config, traffic, n_bytes))
        for n_bytes, _ in traffic.sizes
    }


def _mean_latency_ns(traffic: Traffic, steps: Mapping[int, Sequence[LatencyStep]]) -> float | None:
    if not steps:
        return None
    mean_fs = sum((share * sum(step.duration_fs for step in steps[n_bytes]) for n_bytes, share in traffic.sizes), ZERO)
    return float(mean_fs / FS_PER_NS)


_STEADY = frozenset(row.name for row in RESOURCES if row.is_steady)
_ROOM = 2  # times as much all else has to carry: a resource nearer to its limit makes the full one idle at times
_UNDER_WAY_FS = 20 * 10**9  # well above the time until a frame is taken and its descriptors are posted again


def is_exact(config: Config, demand: Demand, ceilings: Sequence[Ceiling], least: Ceiling) -> bool:
    """Tell whether a long run carries what the closed form says, within 0.2 %.

    True for one adapter with one driver and identical frames of one length, if the lowest ceiling is of a resource that
    works without pause or is the load; every other ceiling is at least twice as high; there are no page walks, masked
    interrupts or part batches ended by a timer; and each ring holds what its share of the frames needs for 20 us and
    the time between two Rx interrupts. Where the pipeline limits, there must be two read tags for each ring, so that
    descriptor reads never starve payload reads.
    """
    nic, workload, sought = config.nic, config.workload, demand.sought
    has_system = config.bridge is not None or config.bridges or config.servers
    has_mix = demand.beside or demand.with_rate or workload.wire_share not in (0, 1)
    if has_system or has_mix or workload.pcap is not None or len(sought.sizes) > 1 or sought.mirrored:
        return False
    if workload.segment_bytes or nic.rsc or nic.header_split_bytes or nic.shared_descriptor_cache:
        return False
    if any(driver.doorbell == "inline" for driver in config.drivers):
        return False
    rate = least.frames_per_s
    seen = config.for_functions(sought.stations)
    if not rate or sought.from_wire or least.resource not in _STEADY or config.host.iotlb:
        return False
    if seen is None or seen.driver.masks:
        return False
    others = (one.frames_per_s for one in ceilings if one is not least)
    shares = [share for share in (*sought.sent.values(), *sought.received.values()) if share]
    if not shares:  # a wire is down
        return False
    batches = nic.tx_writeback_batch, nic.rx_writeback_batch, nic.fetch_batch, nic.rx_fetch_batch
    under_way_fs = _UNDER_WAY_FS + (seen.driver.moderation_fs if any(sought.received.values()) else 0)
    needed = max(shares) * rate * under_way_fs / FS_PER_S + 2 * sum(batches)
    timeout_fs = nic.writeback_timeout_fs or FS_PER_S
    in_time = min(shares) / nic.queues_per_vf * rate * timeout_fs / FS_PER_S
    fills = in_time >= 2 * max(batches) or not least.resource.startswith("pcie.")
    n_rings = nic.queues_per_vf * (len(sought.sent) + len(sought.received))
    if least.resource == "nic.pipeline" and config.pcie.tags < 2 * n_rings:
        return False
    return (
        fills and needed <= min(nic.tx_ring, nic.rx_ring) and all(one is None or one >= _ROOM * rate for one in others)
    )
