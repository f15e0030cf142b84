"""The rings that a virtual switch's cores take frames from, the core that serves each, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwmodel.analytic.bond import addresses_and_ports, leg_shares
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, has_packets, streams_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, TO_WIRE, ZERO, Leg, Offered, Onward, Traffic, nothing_of
from hwmodel.analytic.uplink import but_out, switch_of
from hwmodel.analytic.virtual_switch import copied_bytes, doorbell_s, handing_s, passing_s, thread_of
from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink, port_number
from hwmodel.rules.function_names import PF, function_number
from hwmodel.rules.steering import HASH_BITS, USUAL_TABLE
from hwmodel.units import FS_PER_S
from hwmodel.wire.frame_scan import toeplitz_hash
from hwmodel.words.limits import at_port


def rings_of(config: Config, source: str, target: str) -> dict[int, Fraction]:
    """Give the share of each ring in the frames from one station to another, or from the wire.

    Tx rings are numbered over all VMs, the uplink's Rx rings leg by leg.
    """
    if not is_uplink(source):
        n = config.nic.queues_per_vf
        first = function_number(config.function_of(source)) * n
        return {first + ring: share for ring, share in _by_hash(config, source, target, n, 1 << HASH_BITS).items()}
    n = switch_of(config).n_uplink_rings
    legs = {"p0": ONE} if config.bond is None else leg_shares(config, source, target)  # p0, p1, ...
    return {
        int(leg[1:]) * n + ring: of_leg * share
        for leg, of_leg in legs.items()
        for ring, share in _by_hash(config, source, target, n, USUAL_TABLE).items()
    }


def _by_hash(config: Config, source: str, target: str, n_rings: int, n_entries: int) -> dict[int, Fraction]:
    """Give the share of each of `n_rings` rings; frames without a connection go by their target's number."""
    if n_rings == 1 or target in GROUPS or not has_packets(config):
        return {0 if target in GROUPS or is_uplink(target) else port_number(config.function_of(target)) % n_rings: ONE}
    inputs = np.array([list(each) for each in addresses_and_ports(config, source, target)], np.uint8)
    counted = Counter((toeplitz_hash(inputs) % n_entries % n_rings).tolist())
    return {ring: Fraction(n, len(inputs)) for ring, n in sorted(counted.items())}


def core_of_ring(config: Config, source: str, ring: int) -> int:
    """Give the core of the host that takes frames from a station, or from the wire, out of a ring."""
    own, threads = switch_of(config), config.thread_cores
    if threads and not is_uplink(source) and source != PF:
        return thread_of(config, source)
    return own.cores[(ring % own.n_uplink_rings if is_uplink(source) else ring) % len(own.cores)]


@remembered()
def further_rings(config: Config) -> dict[int, int]:
    """Give by core of the switch how many VMs' Tx rings beside one take `ring_time` of its frames.

    Rings whose frames follow the workload's load are taken to have frames at any time, others (flows with a rate of
    their own) at none: the most favourable case.
    """
    found: dict[int, set[int]] = {}
    if config.workload.pattern is None:
        return {}
    for one in streams_of(config, System.of(config).vm_names):
        if is_uplink(one.source) or one.rate_bps is not None:
            continue
        for target in one.targets or (UPLINK,):
            for ring in rings_of(config, one.source, target):
                found.setdefault(core_of_ring(config, one.source, ring), set()).add(ring)
    return {core: min(len(rings) - 1, switch_of(config).further_rings) for core, rings in found.items()}


def on_cores(config: Config, source: str, rings: Mapping[int, Fraction], traffic: Traffic) -> Traffic:
    """Fill in what a traffic from a station, or from the wire, takes of the switch's cores and memory."""
    found: dict[int, Fraction] = {}
    a_frame_s, further = passing_s(config, source, traffic), further_rings(config)
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


def with_losses(config: Config, one: Offered) -> Offered:
    """Give a stream with its copies for the uplink as hops of their own, by leg, if the uplink can drop frames.

    The core's time for doorbells goes with these hops: it rings only for copies that are not lost.
    """
    if not config.has_virtual_switch or switch_of(config).on_uplink_full == "wait":
        return one
    (leg,) = one.sent_as
    whole = leg.traffic
    frames = {port: whole.at_ports.get(at_port(port, TO_WIRE), ZERO) for port in config.port.names}
    if config.bond is None:
        frames = {"": whole.to_wire}
    telling_s: dict[int, Fraction] = {}
    for ring, share in one.rings.items():
        core = core_of_ring(config, one.source, ring)
        a_copy_s = doorbell_s(config, one.source, whole.sizes) if whole.to_wire else ZERO
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
            hops.append(Onward(Leg(leg.part, own), n_copies, wire=0))
    return replace(one, sent_as=(Leg(leg.part, inside),), hops=tuple(hops))
