"""What frames take of the cores of the host's virtual switch and its flow cache, and of the memory they copy in.

Of the flow cache: each frame is taken to belong to one of its sender's connections, drawn uniformly at random; tables
are full or hold all. With one sender, an LRU table of C entries holds any C of its N connections, so the hit rate is
C / N; with several it is the highest that the order of their frames allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.recent import remembered
from hwmodel.analytic.routes import GROUPS, comes_back, streams_of
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, ZERO, Demand, Sizes, Traffic, mean_bytes
from hwmodel.analytic.uplink import switch_of
from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink
from hwmodel.config.system import n_sending_legs
from hwmodel.config.virtual_switch import COPIES
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import PF, function_number
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.words.limits import slow_path_note


class StageShares(NamedTuple):
    """Hold the share of frames that each stage knows; `slow`: those in no table, for the slow path.

    `near`: those whose entry is in the core's own processor caches.
    """

    exact: Fraction
    wildcard: Fraction
    slow: Fraction
    near: Fraction = ONE


@remembered()
def stage_shares(config: Config, part: int = 0) -> StageShares:
    """Give the share of frames that each stage of the flow cache of one server's virtual switch knows.

    The wildcard table is taken to hold what the exact-match table holds too, as far as it has room.
    """
    system = System.of(config)
    own = switch_of(system.config(part)).flow_cache
    assert own is not None, "who asks has one"
    n, by_wire = config.workload.connections, config.workload.wire_share
    streams = streams_of(config, system.vm_names)
    ends = {
        (one.source, target) for one in streams for target in (*one.targets * (by_wire < 1), *[UPLINK] * (by_wire > 0))
        if target in GROUPS or part in (system.place(one.source)[0], system.place(target)[0])
    }  # fmt: skip
    config = system.config(part) if len(system.servers) > 1 else config
    connections = [(source, 1 if target in GROUPS else n) for source, target in sorted(ends)]
    connections += [(UPLINK, n) for _ in _coming_back(system, part, ends)]
    exact = _known(config, own.exact_entries, connections)
    near = _known(config, own.near_entries, connections) if own.near_entries else ONE
    if own.wildcard_match == "ends":
        of_others = _known(config, own.wildcard_entries, [(source, 1) for source, _ in connections])
        return StageShares(exact, (1 - exact) * of_others, (1 - exact) * (1 - of_others), near)
    known = max(exact, _known(config, own.wildcard_entries, connections))
    return StageShares(exact, known - exact, 1 - known, near)


def _coming_back(system: System, part: int, ends: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Give the pairs of stations of a server whose frames come to its virtual switch a second time, by the uplink."""
    for source, target in ends if system.bridges else ():
        places = [system.place(one) for one in (source, target) if one not in GROUPS]
        if [at for at, _ in places] == [part, part] and comes_back(system.config(part), *(name for _, name in places)):
            yield source, target


def _known(config: Config, n_entries: int, asked: Sequence[tuple[str, int]]) -> Fraction:
    """Give an upper bound of an LRU table's hit rate; `asked`: (sender, its connections to one target).

    With several alike senders served in turn, the table holds no more of one than of the others when its piece begins,
    as they were served later; during the piece it keeps what it enters. Where senders differ, one may own the whole
    table.
    """
    by_sender = Counter[str]()
    for source, n in asked:
        by_sender[source] += n
    known = min(ONE, Fraction(n_entries, max(1, by_sender.total())))
    if known in (0, 1):
        return known
    if not _are_alike(config, by_sender):
        # Connections are spread unevenly over a VM's rings; half the mean is taken as the fewest.
        least = min(n for _, n in asked) // (1 if config.nic.queues_per_vf == 1 else 2 * config.nic.queues_per_vf)
        return min(ONE, Fraction(n_entries, max(1, least)))
    if len(by_sender) == 1:
        return known
    n, n_frames = by_sender[asked[0][0]], switch_of(config).batch
    misses = (1 - float(known)) * n / n_frames * (1 - (1 - 1 / n) ** n_frames)
    return 1 - Fraction(misses).limit_denominator(10**9)


def _are_alike(config: Config, by_sender: Counter[str]) -> bool:
    """Tell whether all senders have equally many connections, the same load, and the same turns at one core."""
    workload, switch, flows = config.workload, config.switch, config.workload.flows
    is_of_system = not by_sender.keys() <= {UPLINK, *(config.vm_at(port.name) for port in switch.ports)}
    is_even = not is_of_system and len({(one.source, one.target) for one in flows}) == len(flows)
    if not is_even or 0 < workload.wire_share < 1 or any(workload.rate_bps_of(one) is not None for one in flows):
        return False
    return (len(by_sender) == 1 and config.nic.queues_per_vf == 1) or (
        len(set(by_sender.values())) == 1
        and workload.external is None
        and not workload.has_weights
        and by_sender.keys().isdisjoint({PF, *config.driver.vms})
        and len(switch_of(config).cores) == config.nic.queues_per_vf == 1
        and switch.scheduler == "round_robin"
        and all(port.rate_limit_bps is None and not port.min_rate_bps for port in switch.ports)
    )


def slow_path_notes(config: Config, demand: Demand, frames_per_s: Fraction) -> Iterator[str]:
    """Note where the slow path has cores of its own and is overloaded."""
    for part, server in enumerate(System.of(config).servers):
        own = switch_of(server.config).flow_cache if server.config.has_virtual_switch else None
        if own is None or not own.miss_cores:
            continue
        sought = demand.at(part).sought
        looked_up = (sought.reads + sought.from_wire) * frames_per_s
        asked = stage_shares(config, part).slow * looked_up * own.miss_time_fs / FS_PER_S / len(own.miss_cores)
        if asked > 1:
            yield slow_path_note(float(asked), len(own.miss_cores))


def looking_s(whole: Config, part: int, traffic: Traffic) -> Fraction:
    """Give the time, in seconds, in which a server's switching core looks a mean frame up; `whole`: of the system."""
    config = System.of(whole).config(part)
    own = switch_of(config).flow_cache
    looked_up = traffic.reads + traffic.from_wire
    if own is None or not looked_up:
        return ZERO
    shares, (wildcard_fs, miss_fs) = stage_shares(whole, part), config.looking_costs_fs
    a_frame_fs = (1 - shares.near) * own.far_time_fs
    if own.exact_entries:
        a_frame_fs += own.exact_time_fs
    if own.wildcard_entries:
        a_frame_fs += (1 - shares.exact) * wildcard_fs
    if not own.miss_cores:
        a_frame_fs += shares.slow * miss_fs
    return looked_up * a_frame_fs / FS_PER_S


HANDED = ("guest_time", "byte_time", "batch_time")  # what a thread that only hands frames over takes


def passing_keys(config: Config, core: int, traffics: Sequence[Traffic]) -> str:
    """Name the keys that a switching core's time is made of, or that of a VM's thread; `traffics`: all that come."""
    own = switch_of(config)
    names = [name for name, fs in config.passing_times_fs.items() if fs or name == "frame_time"]
    names += ["flow_cache"] * bool(own.flow_cache)
    if core not in config.thread_cores:
        return ", ".join(name for name in names if not config.thread_cores or name not in HANDED[:2])
    handed = [ZERO] * len(traffics)
    for at, one in enumerate(traffics):
        for station, n_copies in one.received.items():
            if station != PF and thread_of(config, station) == core:
                handed[at] += n_copies * handing_s(config, one)
    takes = any(one.switching_s.get(core, ZERO) > n for one, n in zip(traffics, handed, strict=True))
    return ", ".join(names if takes else [name for name in names if name in HANDED])


def memory_ceiling(config: Config, demand: Demand) -> Iterator[Ceiling]:
    """Give the ceiling of the memory bandwidth for copies, if one is configured."""
    rate_bps = switch_of(config).memory_rate_bps if config.has_virtual_switch else None
    if rate_bps is not None and switch_of(config).memory_byte_fs:
        what, amounts = "memory_rate, reads and writes of copies", demand.taken(lambda one: one.copied_bytes)
        yield Ceiling("host.memory", what, "B", Fraction(rate_bps, BITS_PER_BYTE), *amounts)


def frames_a_turn(config: Config, station: str, sizes: Sizes) -> Fraction:
    """Give how many frames of a station's full ring a core passes on before it turns to the next ring."""
    port = config.switch.ports[function_number(config.function_of(station))]
    if config.switch.scheduler == "deficit":
        return port.weight * (config.switch.longest_frame_bytes - FCS_BYTES) / (mean_bytes(sizes) - FCS_BYTES)
    return Fraction(switch_of(config).batch * (port.weight if config.switch.scheduler == "weighted" else 1))


def passing_s(config: Config, source: str, one: Traffic, n_tags: int) -> Fraction:
    """Give the cores' time, in seconds, for a frame of a station or from the wire; batches are taken as full.

    `n_tags`: outer tags that it loses, and its copies for the wire get.
    What other rings of the core and look-ups in the flow cache add comes in addition (`switch_rings.on_cores`).
    """
    own, driver = switch_of(config), config.driver_of(PF)
    uplink_fs, uplink_byte_fs = config.uplink_costs_fs
    n_ends, n_copied = one.reads + one.written, one.written + one.copies_out
    if config.thread_cores:  # which hand over the copies (`handing_s`), and copy what they take
        n_ends = n_copied = one.reads
    in_batches_fs = one.reads * own.batch_time_fs / frames_a_piece(config, source, one.sizes)
    if own.n_uplink_rings:
        a_piece = min(driver.poll_budget, driver.refill_batch)
        in_batches_fs += one.from_wire * Fraction(own.batch_time_fs + driver.doorbell_time_fs, a_piece)
    passing_fs = (one.written + one.copies_out) * own.frame_time_fs + n_ends * own.guest_time_fs + in_batches_fs
    passing_fs += n_copied * own.byte_time_fs * (one.mean_frame_bytes - FCS_BYTES)
    passing_fs += (one.copies_out + one.from_wire) * (uplink_fs + uplink_byte_fs * (one.mean_frame_bytes - FCS_BYTES))
    passing_fs += (one.reads + one.from_wire) * config.rules_fs + n_tags * config.tag_fs
    if config.sends_cut_by == "switch":
        passing_fs += one.to_wire * own.segment_frame_time_fs
    if own.sample_one_in is not None:
        passing_fs += (one.reads + one.from_wire) * Fraction(own.sample_time_fs, own.sample_one_in)
    return passing_fs / FS_PER_S + one.copies_out * doorbell_s(config, source, one.sizes)


def thread_of(config: Config, vm: str) -> int:
    """Give the core of a VM's own thread."""
    return config.thread_of(function_number(config.function_of(vm)))


def handing_s(config: Config, one: Traffic) -> Fraction:
    """Give the time, in seconds, in which a VM's own thread hands a copy over; batches are taken as full."""
    own = switch_of(config)
    a_byte_fs = own.byte_time_fs * (one.mean_frame_bytes - FCS_BYTES)
    return (Fraction(own.batch_time_fs, own.batch) + own.guest_time_fs + a_byte_fs) / FS_PER_S


def doorbell_s(config: Config, source: str, sizes: Sizes) -> Fraction:
    """Give the cores' time, in seconds, for the doorbells of a copy that leaves by the uplink."""
    time_fs = config.driver_of(PF).doorbell_time_fs * n_sending_legs(config)
    return time_fs / frames_a_piece(config, source, sizes) / FS_PER_S


def frames_a_piece(config: Config, source: str, sizes: Sizes) -> Fraction:
    """Give how many frames a core passes on at once out of a full ring."""
    batch = Fraction(switch_of(config).batch)
    return batch if is_uplink(source) else min(batch, max(ONE, frames_a_turn(config, source, sizes)))


def copied_bytes(config: Config, one: Traffic) -> Fraction:
    """Give the bytes of memory that are read and written to copy a frame."""
    n = one.written + (one.reads if config.thread_cores else one.copies_out)
    return 2 * n * COPIES[switch_of(config).pass_by] * (one.mean_frame_bytes - FCS_BYTES)
