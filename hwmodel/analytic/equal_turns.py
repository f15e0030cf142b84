"""Where senders take equal turns, and these carry as much as any mix, so that no bound on mixes is needed."""

from __future__ import annotations

from collections import Counter

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Traffic
from hwmodel.resources import RESOURCES

# Those that all senders of an adapter use; of Rx descriptors each receiver has its own.
_SHARED_BY_ALL = frozenset(row.in_results for row in RESOURCES if not row.is_of_sender)


def carry_most(system: System, demand: Demand, least: Ceiling) -> bool:
    """Tell whether equal turns of all streams carry as much as any mix can; `least`: what is full with them.

    They do where a frame of each stream takes the same of every shared resource and one of these is full: its rate does
    not depend on whose frames they are, and a lost copy gives nothing back, since its frame has been served. False if
    unproven: then the bound on mixes says it, which costs time only.
    """
    return (
        least.resource in _SHARED_BY_ALL
        and takes_equal_turns(system, demand)
        and (least.unit != "descriptors" or _fills_rings_alike(demand.sought))
    )


def takes_equal_turns(system: System, demand: Demand) -> bool:
    """Tell whether all senders of an adapter have one stream each, of the same frames, and take equal turns.

    Those are senders that offer the same, and have the same weight and no rate limit.
    """
    streams = [one for one, _ in demand.following]
    if system.bridges or len(system.servers) > 1 or not streams or demand.with_rate or demand.beside:
        return False
    config = system.config(0)
    stations = (name for one in streams for name in one.traffic.stations)
    if config.for_functions(stations) is None:
        return False
    switch, vm_names = config.switch, frozenset(system.vm_names)
    ports = [system.port(one.source) for one in streams if one.source in vm_names]
    first, (_, first_share) = streams[0].traffic, demand.following[0]
    return (
        len({one.source for one in streams}) == len(ports) == len(streams)
        and not first.mirrored
        and config.nic.arbitration is None
        and (switch.scheduler == "round_robin" or all(port.weight == ports[0].weight for port in ports))
        and all(port.rate_limit_bps is None for port in switch.ports)
        and all(share == first_share for _, share in demand.following)
        and all(one.traffic.asked == first.asked for one in streams)
    )


def _fills_rings_alike(traffic: Traffic) -> bool:
    """Tell whether each receiver's Rx rings get as much as any other's."""
    n_rings = Counter(name for name, _ in traffic.rx_rings)
    return len({share / n_rings[name] for name, share in traffic.received.items()}) == 1
