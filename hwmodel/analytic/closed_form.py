"""The closed form: from a configuration to the ceiling of its throughput, with every step on the way.

    frames/s <= (raw * (1 - SKP - DLLP share) / 8) / bytes of a frame in the fuller direction

and not above any of the other ceilings. All sums are exact fractions; floats appear only in the figures shown.
docs/pcie.md works the arithmetic through by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from hwmodel.analytic.ceilings import Ceiling, link_ceilings, lowest, other_ceilings, shared_costs, short_name
from hwmodel.analytic.contention import carried
from hwmodel.analytic.latency import (
    frame_latency_fs,
    frame_latency_steps,
    frame_parts_fs,
    round_trip_fs,
    why_never_taken,
)
from hwmodel.analytic.limits_record import Limits
from hwmodel.analytic.link import LinkRate, link_name_of, link_rate_of
from hwmodel.analytic.lone_frame import lone_frame_of
from hwmodel.analytic.steps import sum_bytes, sum_steps
from hwmodel.analytic.traffic import Demand, Offered, Traffic, demand_of
from hwmodel.analytic.transactions import Transaction, transactions_of
from hwmodel.config import Config, as_config
from hwmodel.errors import InputError
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS, FS_PER_S
from hwmodel.wire.ethernet import FCS_BYTES

ZERO = Fraction(0)
_ALIKE = Fraction(1, 10**6)
_MOST_SHOWN = 6


def limits(config: Config | str | Path, *, adjacent_bridge_reflects: bool | None = None) -> Limits:
    """Give the closed-form limits of a configuration, or of the one that a file's name or a shipped name stands for.

    Approximated: means only, no waiting; the batches are those that a saturated run settles into; holding times of
    tags and credits are those of an empty link. `adjacent_bridge_reflects`: frames that leave for the adjacent bridge
    in modes without local switching come back; None: as `bridge` says. Raises InputError for a workload without
    frames, or a bad capture.
    """
    config = as_config(config)
    demand = demand_of(config, adjacent_bridge_reflects)
    link = link_rate_of(config.pcie)
    if _is_share_of_ceiling(config, demand):
        demand = replace(demand, offered_frames_per_s=_share_of_ceiling(config, demand, link))
    asked = demand.sought
    demand, transactions, ceilings = _with_its_mix(config, demand, link)
    least = lowest(ceilings)
    rate = _rate(least)
    steps = sum_steps(transactions, link, rate)
    frames_per_s, bits_per_s = _delivered(demand, rate)
    longest = max(n_bytes for n_bytes, _ in asked.sizes)
    has_latency = _goes_from_vm_to_vm(asked)
    lone = lone_frame_of(config, *asked.first, longest) if asked.first else None
    first_read = min(config.pcie.max_read_request_bytes, longest - FCS_BYTES)
    return Limits(
        link_name=link_name_of(config.pcie),
        raw_gbps=float(link.raw_bps / BPS_PER_GBPS),
        up_bytes=float(sum_bytes(steps, "up")),
        down_bytes=float(sum_bytes(steps, "down")),
        mpps=float(frames_per_s / 10**6),
        gbps=float(bits_per_s / BPS_PER_GBPS),
        limited_by=short_name(least),
        unloaded_latency_ns=_mean_latency_ns(config, asked),
        round_trip_ns=round_trip_fs(config, first_read) / FS_PER_NS,
        steps=steps,
        frames_per_s=rate,
        beside_per_s=sum((one.frames_per_s or ZERO for one in demand.beside), ZERO),
        ceilings=tuple(ceilings),
        link=link,
        sizes=asked.sizes,
        round_trip_bytes=first_read,
        latency_steps=frame_latency_steps(config, longest) if has_latency else (),
        lone_frame=lone,
        find_parts_fs=partial(frame_parts_fs, config, lone.way) if lone else dict,
        notes=(*_mix_notes(demand), *_notes(config), *(why_never_taken(config, lone.way) if lone else ())),
    )


def ceiling_frames_per_s(config: Config) -> Fraction | None:
    """Give the offered frames per second that a load in % of the ceiling is a share of; None for any other load.

    That is the rate that `limits` gives with `load: saturate`, frames of a given rate beside it counted. Raises
    InputError where these leave nothing.
    """
    if config.workload.load.kind != "ceiling":
        return None
    demand = demand_of(config)
    if not _is_share_of_ceiling(config, demand):
        return None
    return _ceiling_of(config, demand, link_rate_of(config.pcie))


def _is_share_of_ceiling(config: Config, demand: Demand) -> bool:
    return config.workload.load.kind == "ceiling" and demand.offered_frames_per_s is None


def _share_of_ceiling(config: Config, demand: Demand, link: LinkRate) -> Fraction:
    return Fraction(repr(config.workload.load.share)) * _ceiling_of(config, demand, link)


def _ceiling_of(config: Config, demand: Demand, link: LinkRate) -> Fraction:
    rate = _rate(lowest(_demands_on(config, demand, link)[1]))
    if not rate:
        raise InputError("workload.load: no ceiling to take a share of; frames of given rates take all there is")
    return rate


def _rate(ceiling: Ceiling) -> Fraction:
    return ceiling.frames_per_s or ZERO


def _demands_on(config: Config, demand: Demand, link: LinkRate) -> tuple[list[Transaction], list[Ceiling]]:
    """Give the transactions and ceilings; interrupts by the batch, or by the timers where those let fewer through."""
    transactions, ceilings = _demands_with(config, demand, link, None)
    timer_per_s = _timer_interrupts_per_s(config, demand)
    if timer_per_s is not None and _rx_interrupts_per_s(transactions, _rate(lowest(ceilings))) > timer_per_s:
        return _demands_with(config, demand, link, timer_per_s)
    return transactions, ceilings


def _demands_with(
    config: Config, demand: Demand, link: LinkRate, timer_per_s: Fraction | None
) -> tuple[list[Transaction], list[Ceiling]]:
    beside_timer = None if timer_per_s is None else ZERO
    transactions = list(transactions_of(config, demand.sought, timer_per_s))
    for one in demand.beside:
        transactions += transactions_of(config, one, beside_timer)
    return transactions, [*link_ceilings(transactions, link), *other_ceilings(config, demand, transactions)]


def _timer_interrupts_per_s(config: Config, demand: Demand) -> Fraction | None:
    """Give the most Rx interrupts that the timers (EITR) of all receiving rings let through."""
    if not config.driver.moderation_fs:
        return None
    rings = demand.sought.rx_rings.union(*(one.rx_rings for one in demand.beside))
    return Fraction(len(rings) * FS_PER_S, config.driver.moderation_fs)


def _rx_interrupts_per_s(transactions: Iterable[Transaction], frames_per_s: Fraction) -> Fraction:
    return sum((one.per_frame * frames_per_s + one.per_s for one in transactions if one.name == "Rx interrupt"), ZERO)


def _with_its_mix(config: Config, demand: Demand, link: LinkRate) -> tuple[Demand, list[Transaction], list[Ceiling]]:
    """Give the demand as offered, the sought frames in equal turns, or with the mix that carries most if it is another.

    With a mix that carries as much the figures stay those of a frame as offered, whose sums are easier to redo.
    """
    as_offered = (demand, *_demands_on(config, demand, link))
    if not demand.streams:
        return as_offered
    mixed = carried(config, demand, partial(shared_costs, config))
    at_best = (mixed, *_demands_on(config, mixed, link))
    rate = _rate(lowest(as_offered[2]))
    (_, offered_bits), (_, most_bits) = (
        _delivered(one, _rate(lowest(ceilings))) for one, _, ceilings in (as_offered, at_best)
    )
    is_alike = rate and abs(offered_bits - most_bits) <= _ALIKE * most_bits
    return as_offered if is_alike else at_best


def _delivered(demand: Demand, frames_per_s: Fraction) -> tuple[Fraction, Fraction]:
    """Give the frames and their bits with FCS that reach VMs in a second, or the wire where none reaches a VM.

    On the wire the tags that the mode gives a frame are among its bits, as a run counts them.
    """
    parts = [(demand.sought, frames_per_s), *((one, one.frames_per_s or ZERO) for one in demand.beside)]
    counted = [(one.copies * rate, one.mean_frame_bytes) for one, rate in parts]
    if not any(n for n, _ in counted):
        counted = [(one.to_wire * rate, one.mean_frame_bytes + one.tag_bytes) for one, rate in parts]
    frames = sum((n for n, _ in counted), ZERO)
    return frames, sum((n * n_bytes * BITS_PER_BYTE for n, n_bytes in counted), ZERO)


def _goes_from_vm_to_vm(traffic: Traffic) -> bool:
    return bool(traffic.reads and traffic.copies)


def _mean_latency_ns(config: Config, traffic: Traffic) -> float | None:
    if not _goes_from_vm_to_vm(traffic):
        return None
    mean_fs = sum((share * frame_latency_fs(config, n_bytes) for n_bytes, share in traffic.sizes), ZERO)
    return float(mean_fs / FS_PER_NS)


def _is_cut(stream: Offered, carried_per_s: Fraction) -> bool:
    offered = stream.frames_per_s
    return offered is None or carried_per_s < offered * (1 - _ALIKE)


def _mix_notes(demand: Demand) -> tuple[str, ...]:
    """Say which mix the figures are of, where it is not the one offered."""
    parts = [(one, rate) for one, rate in demand.carried if _is_cut(one, rate)]
    if not parts:
        return ()
    shown = [
        f"{one.name} {float(rate / 10**6):.4g}"
        + ("" if one.frames_per_s is None else f" of {float(one.frames_per_s / 10**6):.4g}")
        for one, rate in parts[:_MOST_SHOWN]
    ]
    more = f", and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
    return (
        "The mix that carries most to VMs, senders taking equal turns; not carried in full, M frames/s: "
        f"{', '.join(shown)}{more}.",
    )


def _notes(config: Config) -> tuple[str, ...]:
    """Say what of the configuration the closed form leaves out or takes a case of."""
    left_out = {
        "frames that the access list drops or polices": bool(config.switch.acl),
        "translation misses of the IOMMU, but for a frame alone as configured": config.host.iotlb is not None,
        "the spread of the read latency (its mean counts)": config.host.jitter.kind != "fixed",
    }
    found = [f"Not counted: {what}." for what, present in left_out.items() if present]
    if config.switch.timing == "core":
        at_edge = "A frame alone as configured begins at a clock edge of the switch core; elsewhere its switch part"
        found.append(f"{at_edge} differs by less than a cycle.")
    return tuple(found)
