"""What a configuration's workload demands: its streams, with what their frames take of every component; captures."""

from __future__ import annotations

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from hwmodel.analytic.bond import at_legs
from hwmodel.analytic.ceilings import taken_at_port
from hwmodel.analytic.paths import LINK_DOWN, Hop, OnwardHops, Path, Paths, Policer, waiting_for_wires
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, Route, Stream, has_outer_tag, streams_of
from hwmodel.analytic.switch_rings import core_of_ring, on_cores, rings_of
from hwmodel.analytic.symmetry import folded_stream, is_alike_for_all, unfolded
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import (
    ONE,
    ZERO,
    Demand,
    Leg,
    Lost,
    Offered,
    Rings,
    Sizes,
    Traffic,
    as_typed,
    average,
    mean_bytes,
    nothing_of,
    shares,
    sum_of_products,
    together,
    whole_of,
)
from hwmodel.analytic.uplink import cut_sizes, leaving_cut
from hwmodel.config import Config, servers_of
from hwmodel.config.names import UPLINK, is_uplink, port_number, uplink_of
from hwmodel.config.system import port_rate_bps
from hwmodel.config.vms import outside_targets, own_uplinks, port_of_end
from hwmodel.errors import InputError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE
from hwmodel.wire.ethernet import ADDRESS_BYTES, BROADCAST_MAC, UNTAGGED_HEADER_BYTES, is_group_mac
from hwmodel.wire.pcap import NS_PER_S, read_blocks
from hwmodel.wire.tags import LONGEST_HEADER_BYTES

# A C-TAG and the mode's own, which max_frame does not count.
_MOST_TAG_BYTES = LONGEST_HEADER_BYTES - UNTAGGED_HEADER_BYTES
OUTSIDE_TRAFFIC = "outside traffic"  # what workload.external sends


@dataclass(frozen=True)
class _Way:
    """Hold the frames from a port to a target: their share of the stream, and their virtual switch rings' shares."""

    source: str
    target: str
    share: Fraction
    rings: Mapping[int, Fraction] = field(default_factory=dict)


def demand_of(config: Config, adjacent_bridge_reflects: bool | None = None) -> Demand:
    """Give the traffic that a configuration asks for.

    The traffic sought is what follows `load`; frames from outside and flows with rates of their own go beside it. Sizes
    and flows of a capture are taken as independent. Raises InputError for a capture that cannot be read and for a
    workload without frames.
    """
    if any(server.config.has_virtual_switch for server in servers_of(config)):  # depends on host and driver blocks too
        return _Reader(config, adjacent_bridge_reflects).demand()
    return demand_of_load(config, adjacent_bridge_reflects)


@remembered("pcie", "driver", "host")
def demand_of_load(config: Config, adjacent_bridge_reflects: bool | None) -> Demand:
    """Give the demand of a configuration without a virtual switch; it does not depend on link, drivers and host."""
    return _Reader(config, adjacent_bridge_reflects).demand()


def flows_of(config: Config, system: System) -> Iterator[tuple[str, str]]:
    """List the source and target of all that is sent."""
    capture = _capture_of(config, system)
    if capture is not None:
        yield from (own_uplinks(config, *ends) for ends in capture.flows)
    else:
        for stream in streams_of(config, system.vm_names):
            by_wire = config.workload.wire_share  # else skip splitting the stream: it may have very many targets
            targets = [way.target for way in _ways(config, system, stream)] if by_wire else stream.targets
            yield from ((stream.source, target) for target in targets)
    for uplink, targets in outside_targets(config, system.servers):
        yield from ((uplink, target) for target in targets)


def closed_flows_of(config: Config, system: System) -> Iterator[tuple[str, str]]:
    """List the source and target of what is sent as fast as its senders can."""
    workload = config.workload
    if workload.pcap is not None:
        yield from flows_of(config, system) if workload.pcap_time == "asap" else ()
    elif workload.load.kind == "saturate" and workload.pattern is not None:
        for stream in streams_of(config, system.vm_names):
            ways = _ways(config, system, stream) if stream.rate_bps is None else ()
            yield from ((way.source, way.target) for way in ways)


def _capture_of(config: Config, system: System) -> Capture | None:
    if config.workload.pcap is None:
        return None
    owners = {mac: name for name, vm in system.vms.items() for mac in vm.port.macs}
    longest = max(port.max_frame_bytes for server in system.servers for port in server.config.switch.ports)
    found = read_capture(config.workload.pcap, owners, longest + _MOST_TAG_BYTES)
    if not found.flows:
        raise InputError(
            f"{config.workload.pcap}: has no frame of a VM, or for one, that is whole and no longer than "
            f"switch.ports.NAME.max_frame ({longest} B): there is nothing to compute; `hwmodel run` says what drops"
        )
    return found


def _ways(config: Config, system: System, stream: Stream) -> list[_Way]:
    """Split a stream by targets; what goes out by the wire (`wire_share`) is one more."""
    by_wire = ZERO if is_uplink(stream.source) else as_typed(config.workload.wire_share)
    share = (1 - by_wire) / len(stream.targets)
    ways = [_Way(stream.source, target, share) for target in stream.targets]
    uplink = uplink_of(port_of_end(config, stream.source))
    found = [way for way in (*ways, _Way(stream.source, uplink, by_wire)) if way.share]
    part = system.place(stream.source)[0] if system.bridges else 0
    if not system.is_server(part) or not system.config(part).has_virtual_switch:
        return found
    return [replace(way, rings=rings_of(config, part, way.source, way.target)) for way in found]


def _share_of(ways: Sequence[_Way]) -> Fraction:
    return sum((way.share for way in ways), ZERO)


def _parted(ways: Sequence[_Way], part_of: Callable[[_Way, int], int]) -> dict[int, list[_Way]]:
    """Split ways by a property of their rings, such as the core that serves each; ways without rings are one part."""
    found: defaultdict[int, list[_Way]] = defaultdict(list)
    for way in ways:
        if not way.rings:
            found[-1].append(way)
        by_part: defaultdict[int, dict[int, Fraction]] = defaultdict(dict)
        for ring, share in way.rings.items():
            by_part[part_of(way, ring)][ring] = share
        for part, rings in by_part.items():
            of_all = sum(rings.values(), ZERO)
            own = {ring: share / of_all for ring, share in rings.items()}
            found[part].append(replace(way, share=way.share * of_all, rings=own))
    return found


class _Reader:
    """Read the demand of one configuration."""

    def __init__(self, config: Config, adjacent_bridge_reflects: bool | None) -> None:
        self._config = config
        self._system = System.of(config)
        self._capture = _capture_of(config, self._system)
        self._paths = Paths(self._system, flows_of(config, self._system), adjacent_bridge_reflects)
        self._lost: dict[tuple[str, str], Lost] = {}
        self._starved: list[str] = []
        self._waiting = waiting_for_wires(self._paths, closed_flows_of(config, self._system))
        self._passing = self._passing_policers()  # by bridge and entry

    def demand(self) -> Demand:
        """Give the demand, with what of it is dropped whatever the load."""
        found = self._replayed(self._capture) if self._capture is not None else self._made_up()
        return replace(
            found,
            lost=tuple(self._lost.values()),
            starved=tuple(self._starved),
            waiting=tuple((port, tuple(sources)) for port, sources in self._waiting.items()),
            policed=tuple(self._passing.items()),
        )

    def _passing_policers(self) -> dict[tuple[int, int], Fraction | None]:
        """Give the share of its frames that each policing entry of a policy lets pass; None where it is unknown.

        A mean over all frames of an entry, with the tags that they come with: bursts, the bucket's initial fill and
        losses at earlier bridges are ignored.
        """
        bridges, load_bps = self._system.bridges, self._config.workload.load_bps
        if not any(entry.action == "police" for bridge in bridges for entry in bridge.settings.policy):
            return {}
        external = self._config.workload.external
        of_workload = _workload_sizes(self._config)
        streams = [] if self._capture is not None else [
            (one, self._sizes_of(one, of_workload)) for one in streams_of(self._config, self._system.vm_names)
        ]  # fmt: skip
        if external is not None:
            outside = outside_targets(self._config, self._system.servers)
            sizes = self._outside_sizes(of_workload)
            streams += [(Stream(uplink, to, external.rate_bps), sizes) for uplink, to in outside]
        offered: dict[tuple[int, int], Fraction | None] = {}
        for stream, sizes in streams:
            own_bps = load_bps if stream.rate_bps is None and not self._config.workload.has_weights else stream.rate_bps
            offered_bytes = mean_bytes(sizes)
            for way in _ways(self._config, self._system, stream):
                for at, entry, tag_bytes in self._paths.path(way.source, way.target).policers:
                    so_far, with_tags = offered.get((at, entry), ZERO), 1 + tag_bytes / offered_bytes
                    offered[at, entry] = (
                        None if own_bps is None or so_far is None else so_far + own_bps * way.share * with_tags
                    )
        return {
            (at, entry): None if bps is None else min(ONE, (bridges[at].settings.policy[entry].rate_bps or 0) / bps)
            for (at, entry), bps in offered.items()
        }

    def _made_up(self) -> Demand:
        config, workload = self._config, self._config.workload
        sizes = _workload_sizes(config)
        outside = self._outside(sizes)
        beside = [replace(one.traffic, frames_per_s=one.frames_per_s) for one in outside]
        if workload.pattern is None and len(outside) == 1:
            streams = tuple(outside) if outside[0].hops else ()
            return Demand(outside[0].traffic, (), outside[0].frames_per_s, (), streams)
        if workload.pattern is None and outside:
            sought = average([(one.traffic, one.frames_per_s or ZERO) for one in outside])
            return Demand(sought, (), sum((one.frames_per_s or ZERO for one in outside), ZERO), (), tuple(outside))
        if self._paths.n_parts > 1 and not self._waiting and is_alike_for_all(config, self._system):
            return self._of_one_sender(sizes)
        alone = [
            (
                stream,
                self._offered(
                    stream.name, stream.source, self._sizes_of(stream, sizes), _ways(config, self._system, stream)
                ),
            )
            for stream in self._that_send(list(streams_of(config, self._system.vm_names)))
        ]
        if workload.load.kind == "saturate":  # what ends at a dead wire bounds nothing
            alone = [(stream, one) for stream, one in alone if stream.rate_bps is not None or not _is_nothing(one)]
        if not alone:
            raise InputError(_NOBODY)
        with_rate = [
            replace(
                part,
                frames_per_s=share * stream.rate_bps / (BITS_PER_BYTE * self._loads_of(stream.source, one.traffic)[0]),
            )
            for stream, one in alone
            if stream.rate_bps is not None
            for part, share in self._by_tx_ring(stream, one, is_open=True)
        ]
        following = [(stream, one) for stream, one in alone if stream.rate_bps is None]
        if not following:
            in_all = sum((one.frames_per_s or ZERO for one in with_rate), ZERO)
            sought = average([(one.traffic, Fraction(stream.rate_bps)) for stream, one in alone if stream.rate_bps])
            return Demand(sought, tuple(beside), in_all, (), (*with_rate, *outside))
        beside += [replace(one.traffic, frames_per_s=one.frames_per_s) for one in with_rate]
        # With `load: 0` all shares are 0; equal weights then give the ceiling of what would be sent.
        shares_of = workload.shares_of((stream.source for stream, _ in following), list(self._system.vms))
        weights = [shares_of.get(stream.source, Fraction(not shares_of)) for stream, _ in following]
        sought = average([(one.traffic, weight) for (_, one), weight in zip(following, weights, strict=True) if weight])
        offered, total = self._load_frames_per_s(sought, len(following)), sum(weights)
        parts = [
            (part, share * weight / total)
            for (stream, one), weight in zip(following, weights, strict=True)
            for part, share in self._by_tx_ring(stream, one, is_open=offered is not None)
        ]
        return Demand(sought, tuple(beside), offered, tuple(parts), (*with_rate, *outside))

    def _that_send(self, streams: Sequence[Stream]) -> Iterator[Stream]:
        """Leave out streams that send nothing: those waiting for a dead wire and those starved by a saturating flow."""
        if self._config.workload.load.kind != "saturate":
            yield from streams
            return
        keen = {stream.source for stream in streams if stream.rate_bps is None and not is_uplink(stream.source)}
        for stream in streams:
            if self._waits(stream.source):
                continue
            if stream.rate_bps is not None and stream.source in keen:
                self._starved.append(stream.name)
            else:
                yield stream

    def _waits(self, source: str) -> bool:
        return any(source in sources for sources in self._waiting.values())

    def _of_one_sender(self, sizes: Sizes) -> Demand:
        """Give the demand of a system whose senders are all alike, from one of them."""
        streams = list(streams_of(self._config, self._system.vm_names))
        if not streams:
            raise InputError(_NOBODY)
        first = streams[0]
        one = self._offered(first.name, first.source, sizes, _ways(self._config, self._system, first))
        alike = folded_stream(self._system, one)
        sought = unfolded(self._system, alike.traffic)
        return Demand(sought, (), self._load_frames_per_s(sought, len(streams)), alike=alike)

    def _by_tx_ring(self, stream: Stream, whole: Offered, is_open: bool) -> Iterable[tuple[Offered, Fraction]]:
        """Split a stream by the Tx rings of its frames, where one ring can drop frames while another has room.

        Where frames wait for room instead, frames for the stream's other rings wait behind them, so its mix stays as
        offered.
        """
        if is_uplink(stream.source) or not is_open or self._config.workload.on_full != "drop":
            return [(whole, ONE)]
        queues = self._system.config(self._system.place(stream.source)[0]).nic.queues_per_vf
        if queues == 1:
            return [(whole, ONE)]
        ways = [
            way if way.rings else replace(way, rings={self._number_of(way.target) % queues: ONE})
            for way in _ways(self._config, self._system, stream)
        ]
        return [
            (self._offered(whole.name, whole.source, whole.traffic.sizes, of_ring), _share_of(of_ring))
            for of_ring in _parted(ways, lambda way, ring: ring).values()
        ]

    def _number_of(self, name: str) -> int:
        """Give the number that selects the ring of frames without a connection: their VM's; 0 for groups, the wire."""
        return 0 if name in GROUPS else port_number(self._system.place(name)[1])

    def _replayed(self, capture: Capture) -> Demand:
        ways = [_Way(*own_uplinks(self._config, *ends), Fraction(n)) for ends, n in capture.flows.items()]
        sizes = shares(capture.sizes.items())
        timed = self._config.workload.pcap_time == "file" and capture.frames_per_s
        sought = self._offered("capture", UPLINK, sizes, ways)
        outside = self._outside(sizes)
        beside = tuple(replace(one.traffic, frames_per_s=one.frames_per_s) for one in outside)
        offered = capture.frames_per_s if timed else None
        return Demand(sought.traffic, beside, offered, ((sought, ONE),), tuple(outside))

    def _outside_sizes(self, of_workload: Sizes) -> Sizes:
        """Give the lengths of the frames of `workload.external`."""
        external = self._config.workload.external
        if external is not None and external.sizes is not None:
            return shares(external.sizes)
        if external is not None and external.frame_bytes is not None:
            return shares(((external.frame_bytes, 1),))
        return of_workload

    def _outside(self, of_workload: Sizes) -> list[Offered]:
        external = self._config.workload.external
        if external is None:
            return []
        sizes = self._outside_sizes(of_workload)
        found = []
        for uplink, targets in outside_targets(self._config, self._system.servers):
            ways = _ways(self._config, self._system, Stream(uplink, targets))
            name = OUTSIDE_TRAFFIC if uplink == UPLINK else f"{OUTSIDE_TRAFFIC} by {uplink.partition('.')[0]}"
            by_core = _parted(ways, lambda way, ring: core_of_ring(self._system.config(0), UPLINK, ring))
            for core, of_core in sorted(by_core.items()):
                where = f", core {core}" if len(by_core) > 1 else ""
                one, share = self._offered(name + where, uplink, sizes, of_core), _share_of(of_core)
                found.append(
                    replace(
                        one, frames_per_s=share * external.rate_bps / (BITS_PER_BYTE * one.traffic.mean_frame_bytes)
                    )
                )
        return found

    def _load_frames_per_s(self, traffic: Traffic, n_streams: int) -> Fraction | None:
        load = self._config.workload.load
        frame_bytes, wire_bytes = self._loads_of("", traffic)
        if load.kind == "share":
            bits = BITS_PER_BYTE * wire_bytes
            return as_typed(load.share or 0) * port_rate_bps(self._system.servers) / bits
        load_bps = self._config.workload.load_bps
        return None if load_bps is None else n_streams * load_bps / (BITS_PER_BYTE * frame_bytes)

    def _sizes_of(self, stream: Stream, sizes: Sizes) -> Sizes:
        """Give the lengths of a stream's frames; segments from the wire come as the frames cut from them."""
        return cut_sizes(self._config) if is_uplink(stream.source) else sizes

    def _loads_of(self, source: str, traffic: Traffic) -> tuple[Fraction, Fraction]:
        """Give the bytes that a load counts for one mean frame or segment: with FCS, and on the wire.

        A segment counts as the frames that are cut from it, even if it stays inside uncut.
        """
        if not self._config.hands_over_segments or is_uplink(source):
            return traffic.mean_frame_bytes, traffic.mean_wire_bytes
        workload, frames = self._config.workload, nothing_of(cut_sizes(self._config))
        n = workload.frames_a_send
        return n * Fraction(workload.mean_frame_bytes), n * frames.mean_wire_bytes

    def _offered(self, name: str, source: str, sizes: Sizes, ways: Sequence[_Way]) -> Offered:
        """Make a stream of some ways, their shares scaled to add up to 1."""
        total = sum_of_products((way.share, ONE) for way in ways)
        if total <= 0:
            raise InputError(_NOBODY)
        n_parts = self._paths.n_parts
        sent: defaultdict[int, list[tuple[Traffic, Fraction]]] = defaultdict(list)
        onward = OnwardHops(self._system, sizes)
        first = first_inside = None
        rings: defaultdict[int, Fraction] = defaultdict(Fraction)
        for way in ways:
            path, share = self._paths.path(way.source, way.target), way.share / total if total != 1 else way.share
            for ring, of_way in way.rings.items():
                rings[ring] += share * of_way
            lost = path.lost or self._paths.lost_at_end(path, way.target)
            if lost and not self._waits(way.source):
                at_bridge = bool(path.lost) and path.route.to_wire and lost != LINK_DOWN
                self._lost[way.source, way.target] = Lost(way.source, way.target, lost, at_bridge)
            if first is None and not path.lost:
                first = way.source, way.target
            if first_inside is None and not is_uplink(way.source) and _reaches_a_vm(path):
                first_inside = way.source, way.target
            sent[path.part].append((self._sent(sizes, way, path), share))
            if n_parts > 1:
                arrives = [Leg(hop.part, self._received(sizes, way, hop)) for hop in path.hops]
                onward.add(path, arrives, share, self._let_through)
        sent_as = tuple(
            Leg(part, pieces[0][0] if pieces[0][1] == 1 else together(sizes, pieces))
            for part, pieces in sorted(sent.items())
        )
        hops = onward.all()
        pairs = [(hop.leg, hop.share) for hop in hops]
        traffic = whole_of(self._system, sizes, sent_as, pairs) if n_parts > 1 else sent_as[0].traffic
        traffic = replace(traffic, first=first, first_inside=first_inside)
        return Offered(name, source, traffic, None, sent_as, hops, rings)

    def _let_through(self, policers: Iterable[Policer]) -> Fraction:
        found = ONE
        for one in policers:
            found *= self._passing.get(one[:2]) or ONE
        return found

    def _sent(self, sizes: Sizes, way: _Way, path: Path) -> Traffic:
        local, route = self._system.place(way.source)[1], path.route
        is_from_vm = local != UPLINK
        own = self._system.config(path.part) if self._system.is_server(path.part) else self._config
        is_passed_on = self._is_passed_on(path.part)
        if path.finds_no_wire:  # dropped where the frame comes from
            if not (is_passed_on and is_from_vm):
                return nothing_of(sizes)
            left = replace(nothing_of(sizes), reads=ONE, to_wire=ONE, sent={local: ONE})  # a core still passes it on
            n_tags = int(has_outer_tag(own, local))
            left = on_cores(self._config, path.part, way.source, way.rings, leaving_cut(own, left), n_tags)
            return replace(left, to_wire=ZERO, wire_copies=None)
        found = Traffic(
            sizes=sizes,
            reads=ONE if is_from_vm else ZERO,
            copies=Fraction(len(route.stations)),
            to_wire=ONE if route.to_wire else ZERO,
            from_wire=ONE if route.from_wire else ZERO,
            tag_bytes=Fraction(route.tag_bytes * route.to_wire),
            # An adjacent bridge that is not configured sends a frame back with the tag with which it left.
            back_tag_bytes=Fraction(route.tag_bytes * (route.to_wire and route.from_wire)),
            mirrored=Fraction(len(route.mirrored)),
            sent={local: ONE} if is_from_vm else {},
            tx_rings=self._tx_rings(way, path.part) if is_from_vm else frozenset(),
            received=_by_station((*route.stations, *route.mirrored)),
            mirrored_to=_by_station(route.mirrored),
            rx_rings=self._rx_rings(way.source, path.part, route),
        )
        if is_from_vm:
            found = leaving_cut(own, found)
        if is_passed_on:
            n_tags = int(route.to_wire and has_outer_tag(own, local))
            n_tags += int(route.from_wire and has_outer_tag(own, route.stations[0] if route.stations else UPLINK))
            found = on_cores(self._config, path.part, way.source, way.rings, found, n_tags)
        if self._config.bond is not None:
            return at_legs(self._config, way.source, way.target, found)
        return self._at_port(path.part, path.port, found)

    def _received(self, sizes: Sizes, way: _Way, hop: Hop) -> Traffic:
        route = hop.route
        found = Traffic(
            sizes=sizes, reads=ZERO, copies=Fraction(len(route.stations)), to_wire=ZERO, from_wire=ONE,
            back_tag_bytes=Fraction(route.tag_bytes), mirrored=Fraction(len(route.mirrored)),
            received=_by_station((*route.stations, *route.mirrored)), mirrored_to=_by_station(route.mirrored),
            rx_rings=self._rx_rings(way.source, hop.part, route),
        )  # fmt: skip
        if self._is_passed_on(hop.part):
            rings = rings_of(self._config, hop.part, way.source, way.target, by_wire=True)
            station = route.stations[0] if route.stations else UPLINK
            n_tags = int(has_outer_tag(self._system.config(hop.part), station))
            found = on_cores(self._config, hop.part, UPLINK, rings, found, n_tags)
        return self._at_port(hop.part, self._system.own_port(hop.wire), found)

    def _is_passed_on(self, part: int) -> bool:
        """Tell whether a component is a server with a virtual switch, whose cores pass frames on."""
        return self._system.is_server(part) and self._system.config(part).has_virtual_switch

    def _at_port(self, part: int, port: str, traffic: Traffic) -> Traffic:
        """Fill in what a traffic takes of one of an adapter's several ports."""
        if not port:
            return traffic
        return replace(traffic, at_ports=taken_at_port(self._system.config(part), port, traffic))

    def _tx_rings(self, way: _Way, part: int) -> Rings:
        """Give the Tx rings of frames from a VM; packets may use any, as if each of its rings had a connection."""
        queues = self._system.config(part).nic.queues_per_vf
        is_spread = self._capture or self._system.has_packets
        numbers = range(queues) if is_spread else [self._number_of(way.target) % queues]
        return frozenset((self._system.place(way.source)[1], number) for number in numbers)

    def _rx_rings(self, source: str, part: int, route: Route) -> Rings:
        """Give the Rx rings of frames from a port; RSS puts the frames of one sender and connection into one ring."""
        if part == self._system.outside:
            return frozenset()
        queues = self._system.config(part).nic.queues_per_vf
        is_spread = self._capture or self._config.workload.connections > 1
        numbers = range(queues) if is_spread else [self._number_of(source) % queues]
        return frozenset((name, number) for name in (*route.stations, *route.mirrored) for number in numbers)


_NOBODY = (
    "workload: nobody sends: the pattern lacks stations, the capture has no frame for one, or all who would send wait "
    "for dead wires (port.down)"
)


def _is_nothing(one: Offered) -> bool:
    return all(leg.traffic.is_nothing for leg in one.sent_as) and not one.hops


def _reaches_a_vm(path: Path) -> bool:
    return bool(path.route.stations or any(hop.route.stations for hop in path.hops))


def _by_station(names: Iterable[str]) -> dict[str, Fraction]:
    return {name: Fraction(n) for name, n in Counter(names).items()}


def _workload_sizes(config: Config) -> Sizes:
    if config.hands_over_segments:
        return ((config.workload.send_bytes + FCS_BYTES, ONE),)
    return cut_sizes(config)


# ---- The frames of a capture file ----


@dataclass(frozen=True)
class Capture:
    """Hold the frames of a capture, counted: by `frame_bytes` with FCS, and by (source, target).

    `frames_per_s` is their mean rate by the timestamps, None where these do not span any time.
    """

    sizes: Mapping[int, int]
    flows: Mapping[tuple[str, str], int]
    frames_per_s: Fraction | None


def read_capture(path: str | os.PathLike[str], station_of_mac: Mapping[int, str], most_bytes: int) -> Capture:
    """Count the frames of a capture file; a repeated call for an unchanged file returns the last count.

    Frames that no adapter accepts do not count: those without a whole header (dropped as RUNT), and those longer, with
    FCS and tags, than `most_bytes`. A source address that no station has stands for the wire, such a destination for
    the uplink; a frame from the wire to such a destination counts by its length only, with no flow. Tags are ignored.
    Raises InputError where the file cannot be read, or holds no frames.
    """
    written = os.stat(path) if os.path.isfile(path) else None
    identity = None if written is None else (written.st_mtime_ns, written.st_size, written.st_ino)
    return _count(os.fspath(path), identity, tuple(station_of_mac.items()), most_bytes)


@functools.lru_cache(maxsize=1)
def _count(
    path: str, _identity: tuple[int, int, int] | None, stations: tuple[tuple[int, str], ...], most_bytes: int
) -> Capture:
    """Count; `_identity` is only part of the cache key, so that a changed file is read again."""
    station_of_mac = dict(stations)
    sizes: Counter[int] = Counter()
    flows: Counter[tuple[str, str]] = Counter()
    first_ns, last_ns, n_frames = [], [], 0
    for block in read_blocks(path):
        n_frames += len(block)
        taken = (block.original_bytes >= UNTAGGED_HEADER_BYTES) & (block.original_bytes + FCS_BYTES <= most_bytes)
        lengths, counts = np.unique(block.original_bytes[taken], return_counts=True)
        sizes.update({int(length) + FCS_BYTES: int(n) for length, n in zip(lengths, counts, strict=True)})
        addresses, counts = np.unique(block.prefix(2 * ADDRESS_BYTES)[taken], axis=0, return_counts=True)
        for row, n in zip(addresses, counts, strict=True):
            destination = int.from_bytes(row[:ADDRESS_BYTES].tobytes(), "big")
            source = station_of_mac.get(int.from_bytes(row[ADDRESS_BYTES:].tobytes(), "big"), UPLINK)
            target = _target(source, destination, station_of_mac)
            if target is not None:
                flows[source, target] += int(n)
        if taken.any():
            first_ns.append(int(block.at_ns[taken].min()))
            last_ns.append(int(block.at_ns[taken].max()))
    if not n_frames:
        raise InputError(f"{path}: holds no frames")
    span_ns = max(last_ns) - min(first_ns) if first_ns else 0
    rate = Fraction(sum(sizes.values()) * NS_PER_S, span_ns) if span_ns else None
    return Capture(dict(sizes), dict(flows), rate)


def _target(source: str, destination: int, station_of_mac: Mapping[int, str]) -> str | None:
    if is_group_mac(destination):
        return "broadcast" if destination == BROADCAST_MAC else "multicast"
    return station_of_mac.get(destination, UPLINK if source != UPLINK else None)
