"""What the cores of the host's virtual switch take, the memory that they copy in, and how much its uplink brings in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.flow_cache import looking_s
from hwmodel.analytic.traffic import ONE, TO_WIRE, ZERO, Demand, Traffic, sum_of
from hwmodel.analytic.uplink import switch_of
from hwmodel.config.names import PF, function_number
from hwmodel.config.virtual_switch import COPIES
from hwmodel.results import at_port
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config


def switching(config: Config, traffic: Traffic, beside: Sequence[Traffic]) -> Iterator[Ceiling]:
    """Give the busiest of the cores that pass frames on, and the memory that all of them copy in."""
    own = switch_of(config)
    taken = [_busiest(config, one) * _passing_s(config, one) for one in (traffic, *beside)]
    per_s = sum((s * (one.frames_per_s or 0) for s, one in zip(taken[1:], beside, strict=True)), ZERO)
    named = {name: getattr(own, f"{name}_fs") for name in ("guest_time", "byte_time", "batch_time")}
    named["sample_time"] = own.sample_time_fs if own.sample_one_in is not None else 0
    named["segment_frame_time"] = own.segment_frame_time_fs if config.sends_cut_by == "switch" else 0
    keys = ["frame_time", *(name for name, fs in named.items() if fs), *(["flow_cache"] if own.flow_cache else [])]
    what = f"core of the virtual switch, {', '.join(keys)}"
    yield Ceiling("vswitch", what, "s", ONE, taken[0], per_s)
    if own.memory_byte_fs and own.memory_rate_bps:
        copied = [_copied_bytes(config, one) for one in (traffic, *beside)]
        per_s = sum((n * (one.frames_per_s or 0) for n, one in zip(copied[1:], beside, strict=True)), ZERO)
        capacity = Fraction(own.memory_rate_bps, BITS_PER_BYTE)
        yield Ceiling("host.memory", "memory_rate, reads and writes of copies", "B", capacity, copied[0], per_s)


def admitted(config: Config, demand: Demand) -> Demand:
    """Give a demand in which no more comes in by a virtual switch's uplink than its cores have time for.

    What is more is dropped before the link, and holds nobody back. A core whose rings all have frames gives each a
    turn: guests' rings a batch, the uplink's the frames of a poll.
    """
    if not config.has_virtual_switch or not switch_of(config).n_uplink_rings:
        return demand
    own, sought = switch_of(config), demand.sought
    coming = [one for one in demand.beside if one.from_wire and one.frames_per_s]
    wanted_s = sum((_passing_s(config, one) * (one.frames_per_s or 0) for one in coming), ZERO)
    if not wanted_s:
        return demand
    sent_s = _passing_s(config, sought)
    turns = len(sought.sent) * config.nic.queues_per_vf * own.batch * sent_s
    frames_per_s = sum((one.frames_per_s or ZERO for one in coming), ZERO)
    polls = own.n_uplink_rings * config.n_legs * config.driver_of(PF).poll_budget * wanted_s / frames_per_s
    left_s = len(own.cores) - sent_s * (demand.offered_frames_per_s or len(own.cores) / (sent_s or ONE))
    most_s = max(len(own.cores) * polls / (polls + turns), left_s)
    share = min(ONE, most_s / wanted_s)
    beside = (replace(one, frames_per_s=one.frames_per_s * share) if one in coming and one.frames_per_s else one
              for one in demand.beside)  # fmt: skip
    return replace(demand, beside=tuple(beside))


def carried_by_legs(config: Config, demand: Demand, cores: Sequence[Ceiling]) -> Demand:
    """Give a demand whose frames for the wire are by each leg what gets through there, and not what is asked of it.

    What finds the rings of a full leg full is dropped, and the others go on. `cores`: the ceilings of who asks.
    """
    sought = demand.sought
    rates = [one.frames_per_s for one in cores if one.per_frame and one.frames_per_s is not None]
    if demand.offered_frames_per_s is not None:
        rates.append(demand.offered_frames_per_s)
    names = [at_port(port, "wire.tx") for port in config.port.names if at_port(port, "wire.tx") in sought.at_ports]
    if config.bond is None or not rates or not names or sought.copies:
        return demand
    capacity, wanted_s = Fraction(config.port.rate_bps, BITS_PER_BYTE), min(rates)
    kept = {}
    for name in names:
        beside = sum((one.at_ports.get(name, ZERO) * (one.frames_per_s or 0) for one in demand.beside), ZERO)
        asked = sought.at_ports[name] * wanted_s
        kept[name] = min(ONE, max(ZERO, capacity - beside) / asked) if asked else ONE
    if all(share == ONE for share in kept.values()):
        return demand
    frames = {name: sought.at_ports[_frames_of(name)] * share for name, share in kept.items()}
    total = sum(frames.values(), ZERO) / sought.to_wire
    if not total:
        return demand
    changed = dict(sought.at_ports)
    for name, share in kept.items():
        changed[name] *= share / total
        changed[_frames_of(name)] *= share / total
    return replace(demand, sought=replace(sought, at_ports=changed))


def _frames_of(wire: str) -> str:
    """Give the name of the frames by a wire beside that of their bytes."""
    return wire.replace("wire.tx", TO_WIRE)


def _passing_s(config: Config, one: Traffic) -> Fraction:
    """Give the time of the cores for a frame, in seconds; batches are full."""
    own, driver = switch_of(config), config.driver_of(PF)
    a_copy_fs = own.frame_time_fs + sum_of(
        [share * own.byte_time_fs * (n_bytes - FCS_BYTES) for n_bytes, share in one.sizes]
    )
    in_batches_fs = one.reads * Fraction(own.batch_time_fs, own.batch)
    if own.n_uplink_rings:
        a_piece = min(driver.poll_budget, driver.refill_batch)
        in_batches_fs += one.from_wire * Fraction(own.batch_time_fs + driver.doorbell_time_fs, a_piece)
        in_batches_fs += one.copies_out * Fraction(driver.doorbell_time_fs * config.n_sending_legs, own.batch)
    at_guests_fs = (one.reads + one.written) * own.guest_time_fs
    passing_fs = (one.written + one.copies_out) * a_copy_fs + at_guests_fs + in_batches_fs
    if config.sends_cut_by == "switch":
        passing_fs += one.to_wire * own.segment_frame_time_fs
    if own.sample_one_in is not None:
        passing_fs += (one.reads + one.from_wire) * Fraction(own.sample_time_fs, own.sample_one_in)
    return passing_fs / FS_PER_S + looking_s(config, one)


def _busiest(config: Config, one: Traffic) -> Fraction:
    """Give the share of the work that the busiest core has; rings of a station are alike, and those of the uplink."""
    own, n_queues = switch_of(config), config.nic.queues_per_vf
    rings = [(function_number(station) * n_queues + queue, share / n_queues)
             for station, share in one.sent.items() for queue in range(n_queues)]  # fmt: skip
    if one.from_wire and own.n_uplink_rings:
        rings += [(ring, one.from_wire / own.n_uplink_rings) for ring in range(own.n_uplink_rings)]
    found: dict[int, Fraction] = {}
    for ring, share in rings:
        core = own.cores[ring % len(own.cores)]
        found[core] = found.get(core, ZERO) + share
    total = sum_of([*found.values()])
    return max(found.values()) / total if total else ZERO


def _copied_bytes(config: Config, one: Traffic) -> Fraction:
    """Give the bytes of memory that are read and written to copy a frame."""
    copies = (one.written + one.copies_out) * COPIES[switch_of(config).pass_by]
    return 2 * copies * (one.mean_frame_bytes - FCS_BYTES)
