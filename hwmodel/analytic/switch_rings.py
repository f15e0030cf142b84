"""The rings that a virtual switch's cores take frames from, the core that serves each, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwmodel.analytic.bond import addresses_and_ports, leg_shares
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, has_outer_tag, streams_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, TO_WIRE, ZERO, Leg, Offered, Onward, Traffic, nothing_of
from hwmodel.analytic.uplink import but_out, switch_of
from hwmodel.analytic.virtual_switch import copied_bytes, doorbell_s, handing_s, looking_s, passing_s, thread_of
from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink, port_number
from hwmodel.rules.function_names import PF, function_number
from hwmodel.rules.steering import HASH_BITS, USUAL_TABLE
from hwmodel.units import FS_PER_S
from hwmodel.wire.frame_scan import toeplitz_hash
from hwmodel.words.limits import at_port


def rings_of(whole: Config, part: int, source: str, target: str, *, by_wire: bool = False) -> dict[int, Fraction]:
    """Give the share of each ring, at one server's virtual switch, in the frames from one station to another.

    Tx rings are numbered over all VMs of the server, the uplink's Rx rings leg by leg; by these come frames of stations
    elsewhere, and with `by_wire` all. `whole`: the system's configuration.
    """
    system = System.of(whole)
    config, (at, local) = system.config(part), system.place(source)
    if at == part and not by_wire:
        n = config.nic.queues_per_vf
        first = function_number(local) * n
        return {
            first + ring: share
            for ring, share in _by_hash(
                whole, source, target, n, 1 << HASH_BITS, is_known=target_is_at(system, part, target)
            ).items()
        }
    n = switch_of(config).n_uplink_rings
    if target_is_at(system, part, target) and has_outer_tag(config, system.place(target)[1]):
        n = 1  # the adapter does not look behind the tag
    legs = {"p0": ONE} if config.bond is None else leg_shares(config, source, target)  # p0, p1, ...
    return {
        int(leg[1:]) * switch_of(config).n_uplink_rings + ring: of_leg * share
        for leg, of_leg in legs.items()
        for ring, share in _by_hash(whole, source, target, n, USUAL_TABLE, is_known=not system.bridges).items()
    }


def target_is_at(system: System, part: int, target: str) -> bool:
    """Tell whether a station stands at a server."""
    return target not in GROUPS and system.place(target)[0] == part


def _by_hash(
    whole: Config, source: str, target: str, n_rings: int, n_entries: int, *, is_known: bool
) -> dict[int, Fraction]:
    """Give the share of each of `n_rings` rings; frames without a connection go by their target's number.

    `is_known`: where the rings are that is known, else it is 0, as for frames from a bridge.
    """
    system = System.of(whole)
    if n_rings == 1 or target in GROUPS or not system.has_packets:
        local = UPLINK if target in GROUPS or not is_known else system.place(target)[1]
        return {0 if is_uplink(local) else port_number(local) % n_rings: ONE}
    inputs = np.array([list(each) for each in addresses_and_ports(whole, source, target)], np.uint8)
    counted = Counter((toeplitz_hash(inputs) % n_entries % n_rings).tolist())
    return {ring: Fraction(n, len(inputs)) for ring, n in sorted(counted.items())}


def core_of_ring(config: Config, source: str, ring: int) -> int:
    """Give the core of a host that takes frames from a station of its server, or from the wire, out of a ring."""
    own, threads = switch_of(config), config.thread_cores
    if threads and not is_uplink(source) and source != PF:
        return thread_of(config, source)
    return own.cores[(ring % own.n_uplink_rings if is_uplink(source) else ring) % len(own.cores)]


@remembered()
def further_rings(whole: Config, part: int) -> dict[int, int]:
    """Give by core of a server's switch how many VMs' Tx rings beside one take `ring_time` of its frames.

    Rings whose frames follow the workload's load are taken to have frames at any time, others (flows with a rate of
    their own) at none: the most favourable case.
    """
    found: dict[int, set[int]] = {}
    if whole.workload.pattern is None:
        return {}
    system = System.of(whole)
    config = system.config(part)
    for one in streams_of(whole, system.vm_names):
        at, local = system.place(one.source)
        if at != part or one.rate_bps is not None:
            continue
        for target in one.targets or (UPLINK,):
            for ring in rings_of(whole, part, one.source, target):
                found.setdefault(core_of_ring(config, local, ring), set()).add(ring)
    return {core: min(len(rings) - 1, switch_of(config).further_rings) for core, rings in found.items()}


def on_cores(
    whole: Config, part: int, source: str, rings: Mapping[int, Fraction], traffic: Traffic, n_tags: int
) -> Traffic:
    """Fill in what a traffic from a station of a server, or from the wire, takes of its switch's cores and memory.

    `whole`: the system's configuration; `source`: its name there. `n_tags`: outer tags put on or taken off.
    """
    system = System.of(whole)
    config, (at, source) = system.config(part), system.place(source)
    source = source if at == part else UPLINK
    found: dict[int, Fraction] = {}
    a_frame_s = passing_s(config, source, traffic, n_tags) + looking_s(whole, part, traffic)
    further = further_rings(whole, part)
    a_ring_s = (traffic.reads + traffic.from_wire) * Fraction(switch_of(config).ring_time_fs, FS_PER_S)
    for ring, share in rings.items():
        core = core_of_ring(config, source, ring)
        found[core] = found.get(core, ZERO) + share * (a_frame_s + a_ring_s * further.get(core, 0))
    if config.thread_cores:
        for station, n_copies in traffic.received.items():
            if station != PF:
                core = thread_of(config, station)
                found[core] = found.get(core, ZERO) + n_copies * handing_s(config, traffic)
    return replace(traffic, switching_s=found, copied_bytes=copied_bytes(config, traffic))


def with_losses(system: System, one: Offered) -> Offered:
    """Give a stream with its copies for the uplink as hops of their own, by leg, if the uplink can drop frames.

    The core's time for doorbells goes with these hops: it rings only for copies that are not lost. Hops behind a bridge
    follow them.
    """
    leg, *others = one.sent_as
    if others:  # of a capture, which is played into no virtual switch
        return one
    config = system.config(leg.part) if system.is_server(leg.part) else None
    if config is None or not config.has_virtual_switch or switch_of(config).on_uplink_full == "wait":
        return one
    whole, source = leg.traffic, UPLINK if is_uplink(one.source) else system.place(one.source)[1]
    frames = {port: whole.at_ports.get(at_port(port, TO_WIRE), ZERO) for port in config.port.names}
    if config.bond is None:
        frames = {"": whole.to_wire}
    telling_s: dict[int, Fraction] = {}
    for ring, share in one.rings.items():
        core = core_of_ring(config, source, ring)
        a_copy_s = doorbell_s(config, source, whole.sizes) if whole.to_wire else ZERO
        telling_s[core] = telling_s.get(core, ZERO) + share * a_copy_s
    passing = {core: s - whole.copies_out * telling_s.get(core, ZERO) for core, s in whole.switching_s.items()}
    kept = but_out(whole.at_ports)
    inside = replace(whole, to_wire=ZERO, wire_copies=None, at_ports=kept, switching_s=passing)
    hops = []
    for port, n_frames in frames.items():
        if n_frames:
            n_copies = whole.copies_out * n_frames / whole.to_wire
            names = [at_port(port, name) for name in (TO_WIRE, "wire.tx")] if port else []
            own = replace(
                nothing_of(whole.sizes), to_wire=n_frames / n_copies, wire_copies=whole.wire_copies and ONE,
                tag_bytes=whole.tag_bytes, mixed_bytes=whole.mixed_bytes, switching_s=telling_s,
                at_ports={name: whole.at_ports[name] / n_copies for name in names},
            )  # fmt: skip
            hops.append(Onward(Leg(leg.part, own), n_copies, wire=system.wires_of(leg.part)[0]))
    first = len(hops)  # 1 where a bridge is behind the wire: several legs have none
    hops += [replace(hop, after=0 if hop.after is None else hop.after + first) for hop in one.hops]
    return replace(one, sent_as=(Leg(leg.part, inside),), hops=tuple(hops))
