"""Systems that look the same from each sender, so that one sender's frames stand for all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Leg, Offered, Onward, Rings, Traffic, together, whole_of
from hwmodel.analytic.transactions import core_of
from hwmodel.config import Config
from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.switch import Port
from hwmodel.rules.switch_modes import INTERFACE_KEYS

_TO_ALL_ALIKE = ("uniform", "broadcast", "multicast", "to_wire")


def is_alike_for_all(config: Config, system: System) -> bool:
    """Tell whether all senders are alike and see the same system.

    That is: servers that differ only in addresses, on identical ports of the bridge; a pattern of all to all, or of
    pairs within servers; no setting that names a station. Then equal shares of all senders carry most: the mean of all
    best mixes has equal shares, and is as good.
    """
    workload, bridge = config.workload, system.only_bridge
    if (
        bridge is None
        or len(system.servers) == 1
        or bridge.policy
        or bridge.extenders
        or system.pcie_switches
        or system.shared_buses
    ):
        return False
    if system.outside_wire > len(system.servers):  # senders at two ports are not alike
        return False
    if workload.external is not None:
        return False
    pairs_fit = workload.pattern == "pairs" and len(system.vm_names) // len(system.servers) % 2 == 0
    if not (workload.pattern in _TO_ALL_ALIKE or pairs_fit) or workload.has_weights:
        return False
    first, *others = (without_names(server.config) for server in system.servers)
    switches = [server.config.virtual_switch for server in system.servers]
    if any(own is not None and (len(own.cores) > 1 or own.thread_cores) for own in switches):
        return False  # one sender's frames keep one core busy, and not all alike
    ports = [bridge.ports[system.port_name(part)] for part in range(system.outside)]
    is_plain = not (first.switch.acl or first.switch.mirrors or first.switch.addresses)
    return (
        is_plain
        and first.nic.queues_per_vf == 1
        and all(one == first for one in others)
        and all(port == ports[0] for port in ports)
        and _stations_are_alike(system)
    )


def without_names(config: Config) -> Config:
    """Give a server's configuration without names and addresses of stations, to compare it with another's."""
    ports = tuple(_nameless(port) for port in config.switch.ports)
    return config.model_copy(update={"switch": config.switch.model_copy(update={"ports": ports})})


def _nameless(port: Port) -> Port:
    return port.model_copy(update={"name": "", "macs": (), "ips": None, **dict.fromkeys(INTERFACE_KEYS, 1)})


def _stations_are_alike(system: System) -> bool:
    """Tell whether the VFs in use are alike, with one driver, and equally many on each server and each core."""
    in_use = [system.place(name) for name in system.vm_names]
    local = [sorted(name for part, name in in_use if part == each) for each in range(system.outside)]
    loads = Counter(core_of(system.config(0), name) for name in local[0])
    ports = [_nameless(port) for port in system.config(0).switch.ports if port.name in local[0]]
    return (
        all(names == local[0] for names in local)
        and len(set(loads.values())) == 1
        and system.config(0).for_functions(local[0]) is not None
        and all(port == ports[0] and port.rate_limit_bps is None for port in ports)
    )


def folded(system: System) -> System:
    """Fold alike servers into one, whose frames for the others return to it, with its part of the port outside."""
    bridge = system.bridges[0]
    outside = bridge.settings.ports[OUTSIDE]
    own = outside.model_copy(update={"rate_bps": outside.rate_bps // system.outside})
    settings = bridge.settings.model_copy(update={"ports": {**bridge.settings.ports, OUTSIDE: own}})
    return replace(system, servers=system.servers[:1], bridges=(replace(bridge, settings=settings),))


def folded_stream(system: System, one: Offered) -> Offered:
    """Give the frames of all of a server's senders in the folded system, from one sender's."""
    vms = [name for part, name in map(system.place, system.vm_names) if part == 0]
    small = folded(system)

    def leg(of: Leg) -> Leg:
        if of.part == system.outside:
            return Leg(small.outside, of.traffic)
        sent, received = _spread(of.traffic.sent, vms), _spread(of.traffic.received, vms)
        tx_rings, rx_rings = (frozenset((name, 0) for name in each) for each in (sent, received))
        return Leg(0, replace(of.traffic, sent=sent, received=received, tx_rings=tx_rings, rx_rings=rx_rings))

    sent_as = tuple(leg(each) for each in one.sent_as)
    hops = list(_joined((leg(each.leg), each.share) for each in one.hops))
    whole = whole_of(small, one.traffic.sizes, sent_as, hops)
    whole = replace(whole, first=one.traffic.first, first_inside=one.traffic.first_inside)
    onward = tuple(Onward(*each, wire=each[0].part) for each in hops)
    return Offered("all VMs", one.source, whole, None, sent_as, onward, one.rings)


def unfolded(system: System, traffic: Traffic) -> Traffic:
    """Give the demand of the mean frame of all servers, from that of the folded system."""
    n_servers = system.outside
    inside, rest = traffic.parts
    each = together(traffic.sizes, [(inside, Fraction(1, n_servers))])

    def named(by_station: Mapping[str, Fraction]) -> dict[str, Fraction]:
        return {system.station(n, name): share for n in range(n_servers) for name, share in by_station.items()}

    def of_all(rings: Rings) -> Rings:
        return frozenset((system.station(n, name), ring) for n in range(n_servers) for name, ring in rings)

    rate = traffic.frames_per_s
    return replace(
        traffic, sent=named(each.sent), received=named(each.received),
        tx_rings=of_all(each.tx_rings), rx_rings=of_all(each.rx_rings),
        frames_per_s=None if rate is None else rate * n_servers, parts=(*(each,) * n_servers, rest),
    )  # fmt: skip


def _joined(hops: Iterable[tuple[Leg, Fraction]]) -> Iterable[tuple[Leg, Fraction]]:
    """Merge identical hops, adding up their shares."""
    found: list[tuple[Leg, Fraction]] = []
    for leg, share in hops:
        at = next((n for n, (other, _) in enumerate(found) if other == leg), None)
        if at is None:
            found.append((leg, share))
        else:
            found[at] = leg, found[at][1] + share
    return found


def _spread(by_station: Mapping[str, Fraction], vms: Sequence[str]) -> dict[str, Fraction]:
    """Spread the alike VMs' total evenly over them; other stations keep theirs."""
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    for name, share in by_station.items():
        for to in vms if name in vms else (name,):
            found[to] += share / (len(vms) if name in vms else 1)
    return dict(found)
