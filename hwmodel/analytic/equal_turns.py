"""Detects demands for which equal turns of all senders are optimal, so that the linear program can be skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwmodel.analytic.ceiling import Ceiling
    from hwmodel.analytic.system import System
    from hwmodel.analytic.traffic import Demand

# Of these all senders of an adapter use the same one, or they are counted over all rings together.
_SHARED_BY_ALL = frozenset({
    "pcie.up", "pcie.down", "pcie.tags", "pcie.credits", "wire.tx", "wire.rx", "nic.pipeline", "switch.bus",
    "nic.dma.read", "nic.dma.write", "nic.dma.shared", "nic.tx_buffer", "host.walkers", "rx.descriptors", "nic.queue",
})  # fmt: skip


def carry_most(system: System, demand: Demand, least: Ceiling) -> bool:
    """Tell whether equal turns of all streams carry as much as any mix can; `least`: what is full with them.

    They do where a frame of each stream takes the same of every shared resource and one of these is full: its rate
    does not depend on whose frames they are, and a lost copy gives nothing back, since its frame has been served. Equal
    turns are what senders get that have one stream each, offer the same, and have the same weight and no rate limit.
    False if unproven.
    """
    streams = [one for one, _ in demand.following]
    if system.bridges or len(system.servers) > 1 or not streams or demand.with_rate or demand.beside:
        return False
    config = system.config(0)
    stations = (name for one in streams for name in (*one.traffic.sent, *one.traffic.received))
    if config.for_functions(stations) is None:
        return False
    switch = config.switch
    by_name, vm_names = {port.name: port for port in switch.ports}, frozenset(system.vm_names)
    ports = [by_name[system.place(one.source)[1]] for one in streams if one.source in vm_names]
    first, (_, first_share) = streams[0].traffic, demand.following[0]
    return (
        least.resource in _SHARED_BY_ALL
        and len({one.source for one in streams}) == len(ports) == len(streams)
        and not first.mirrored
        and (switch.scheduler == "round_robin" or all(port.weight == ports[0].weight for port in ports))
        and all(port.rate_limit_bps is None for port in switch.ports)
        and all(share == first_share for _, share in demand.following)
        and demand.asks_alike
    )
