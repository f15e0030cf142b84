"""What Rx rings let through: descriptors fetched from them ahead, and a ring full for each timed interrupt.

A copy takes descriptors of its receiver's own ring, so one receiver can be short of them while others have some left.
The rings of all receivers on one core are taken as shared by these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.analytic.ceiling import Ceiling, lowest
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.rx_batches import descriptor_shares
from hwmodel.analytic.traffic import ONE, ZERO, Demand, Traffic
from hwmodel.analytic.transactions import (
    Transaction,
    core_of,
    descriptors_a_frame,
    share_of_cache,
    share_taking_descriptors,
)
from hwmodel.analytic.uplink import at_adapter
from hwmodel.config import Config
from hwmodel.rules.function_names import function_number
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES, link_rate_of
from hwmodel.units import FS_PER_S
from hwmodel.words.quantities import plural


class Room(NamedTuple):
    """Hold how many descriptors of each ring are held at most, each for how long.

    `what`: the same in words, where `{rings}` stands for the rings. `frames_between`: so many frames must be received,
    one after another, before descriptors are fetched again.
    """

    what: str
    most: int
    held_s: Fraction
    frames_between: int = 0


def rooms_of(config: Config, demand: Demand) -> list[Room]:
    """List what limits the Rx descriptors of each ring that a demand uses."""
    return [*_prefetched(*at_adapter(config, demand)), *_between_interrupts(config, demand)]


def rings_by_core(config: Config, demand: Demand) -> Counter[int]:
    """Count the Rx rings that a demand uses, by the core of their receivers."""
    config, demand = at_adapter(config, demand)
    return Counter(core_of(config, station) for station, _ in demand.rx_rings)


def descriptors_by_core(config: Config, traffic: Traffic) -> dict[int, Fraction]:
    """Give the Rx descriptors that a frame of a traffic, as the adapter sees it, takes, by its receivers' core."""
    each, found = descriptors_a_frame(config, traffic.sizes), dict[int, Fraction]()
    for station, share in traffic.received.items():
        core = core_of(config, station)
        found[core] = found.get(core, ZERO) + share * each
    return found


def descriptor_ceilings(config: Config, demand: Demand, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceilings of Rx descriptors: over all rings in use, or if one core's receivers have less, of theirs."""
    rings, rooms = rings_by_core(config, demand), rooms_of(config, demand)
    config, demand = at_adapter(config, demand)
    of_all = [one.written * descriptors_a_frame(config, one.sizes) for one in demand.traffics]
    by_core = [descriptors_by_core(config, one) for one in demand.traffics]
    for room in rooms:
        found = [_ceiling(room, demand, of_all, rings.total())]
        for core, n_rings in sorted(rings.items()) if len(rings) > 1 else ():
            taken = [each.get(core, ZERO) for each in by_core]
            found.append(_ceiling(room, demand, taken, n_rings, f" of {_receivers_on(config, demand, core)}"))
        least = lowest(found) if any(one.per_frame for one in found) else found[0]
        if room.frames_between:
            wait_s = room.frames_between * _between_s(config, demand.sought, transactions)
            least = least.with_waiting(least.per_frame / room.held_s * wait_s)
        yield least


def _ceiling(room: Room, demand: Demand, taken: Sequence[Fraction], n_rings: int, whose: str = "") -> Ceiling:
    """Give the ceiling of some rings; `taken`: their descriptors that a frame of each traffic takes."""
    of_beside = zip(taken[1:], demand.beside, strict=True)
    per_s = sum((n * (one.frames_per_s or 0) for n, one in of_beside), ZERO)
    what, capacity = room.what.format(rings=f"each ring{whose}"), Fraction(room.most * n_rings)
    return Ceiling("rx.descriptors", what, "descriptors", capacity, taken[0] * room.held_s, per_s * room.held_s)


def _receivers_on(config: Config, demand: Demand, core: int) -> str:
    names = sorted({name for name, _ in demand.rx_rings if core_of(config, name) == core}, key=function_number)
    first = config.vm_at(names[0])
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _prefetched(config: Config, demand: Demand) -> Iterator[Room]:
    """Give the descriptors of a ring that are kept on the chip or on their way.

    A whole batch is fetched, in a round trip, whenever fewer than `rx_prefetch` are there. If `rx_prefetch` is no
    multiple of the batch, as many frames as it lacks to the next multiple must first be received, one after another,
    for each fetch: docs/pcie.md ("Rx descriptors").
    """
    nic = config.nic
    if nic.rx_prefetch and demand.rx_rings:
        share = share_of_cache(config, demand)
        cache = nic.descriptor_cache if share is None else share
        batch = min(nic.rx_fetch_batch, cache)
        needed = max(max(descriptor_shares(config, one.sizes)) for one in demand.traffics)
        kept = max(min(nic.rx_prefetch, cache, cache - batch + 1), needed)
        most = min(-(-kept // batch) * batch, max(cache, needed))
        what = f"{most} {plural('Rx descriptor', most)} of {{rings}} on {'its' if most == 1 else 'their'} way"
        yield Room(what, most, Fraction(round_trip_fs(config, DESCRIPTOR_BYTES * batch), FS_PER_S), -kept % batch)


def _between_interrupts(config: Config, demand: Demand) -> Iterator[Room]:
    """Give a ring full of descriptors for each interrupt, where the guest sees frames by timed interrupts alone.

    Left out with different drivers, and where drivers poll on from an interrupt.
    """
    seen = config.for_functions(demand.stations)
    if seen is None or not seen.driver.moderation_fs or seen.driver.masks or config.has_virtual_switch:
        return
    if demand.rx_rings:
        most = config.nic.rx_ring - 1  # a ring with as many as it has entries would look empty
        what = f"{most} Rx descriptors of {{rings}}, until the next interrupt (moderation)"
        yield Room(what, most, Fraction(seen.driver.moderation_fs, FS_PER_S))


def _between_s(config: Config, traffic: Traffic, transactions: Sequence[Transaction]) -> Fraction:
    """Give the least time between two frames' payload writes for one ring; 0 where frames take several buffers."""
    if not traffic.written or set(descriptor_shares(config, traffic.sizes)) != {1}:
        return ZERO
    writes = [one for one in transactions if one.name == "payload write"]
    n_bytes = sum((one.per_frame * one.link_bytes("up") for one in writes), ZERO) / traffic.written
    copies = traffic.written / max(traffic.reads + traffic.from_wire, traffic.written / max(1, len(traffic.rx_rings)))
    return max(ONE, copies) * n_bytes / link_rate_of(config.pcie).bytes_per_s


def serial_rx_fetches(config: Config, demand: Demand) -> Iterator[Ceiling]:
    """Give the ceiling of fetching Rx descriptors on demand (`rx_prefetch: 0`): one frame's after another's."""
    if config.nic.rx_prefetch:
        return
    fetch_s = Fraction(round_trip_fs(config, DESCRIPTOR_BYTES), FS_PER_S)
    what = "Rx descriptors read one frame after another (rx_prefetch 0)"
    taking = demand.taken(lambda one: one.written * share_taking_descriptors(config, one.sizes) * fetch_s)
    yield Ceiling("rx.descriptors", what, "s", Fraction(1), *taking)
