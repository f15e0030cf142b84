"""What stalls of a host ask of its Rx rings: descriptors for the frames that come while nobody posts any again.

Only what comes from outside the host does: its own VMs stand still too. Frames are taken to come evenly, and a ring to
be full of descriptors as a stall begins; what comes until the driver has caught up is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, ZERO, Demand
from hwmodel.analytic.transactions import descriptors_a_frame
from hwmodel.analytic.uplink import at_adapter
from hwmodel.config import Config
from hwmodel.units import FS_PER_S, format_time_fs
from hwmodel.words.limits import ring_needed


def available_share(config: Config) -> Fraction:
    """Give the share of a long time in which the cores of a host may work."""
    return ONE if config.host.stall is None else ONE - config.host.stall.share


def descriptors_a_stall(config: Config, demand: Demand, frames_per_s: Fraction) -> dict[str, Fraction]:
    """Give the descriptors that a stall's frames take of each Rx ring, by station; `frames_per_s`: of what is sought.

    Those of a station are taken to come alike for all of its rings that get any.
    """
    config, demand = at_adapter(config, demand)
    if config.host.stall is None:
        return {}
    rings, found = Counter(station for station, _ in demand.rx_rings), dict[str, Fraction]()
    for one, rate in demand.at_rates(frames_per_s):
        n_received = sum(one.received.values(), ZERO)
        from_outside = min(ONE, one.from_wire / n_received) if n_received else ZERO
        each = rate * from_outside * descriptors_a_frame(config, one.sizes) * config.host.stall.length_fs / FS_PER_S
        for station, share in one.received.items() if each else ():
            found[station] = found.get(station, ZERO) + each * share / rings[station]
    return found


def stall_notes(system: System, demand: Demand, frames_per_s: Fraction) -> Iterator[str]:
    """Say of each host that stalls how many descriptors of a ring that takes, and how many the ring has."""
    for part, server in enumerate(system.servers):
        stall = server.config.host.stall
        if stall is None:
            continue
        needed = descriptors_a_stall(server.config, demand.at(part), frames_per_s)
        if needed:
            station = max(needed, key=lambda name: needed[name])
            length = format_time_fs(stall.length_fs)
            nic = server.config.nic
            whose = "the uplink" if server.config.has_virtual_switch else f"{server.prefix}{station}"
            yield ring_needed(whose, length, ceil(needed[station]), nic.rx_ring - 1, drops=nic.drop_enable)
