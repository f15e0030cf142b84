"""What a reader of the closed form has to know beside its figures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.latency import why_never_taken
from hwmodel.analytic.lone_frame import LoneFrame
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Offered
from hwmodel.units import BPS_PER_GBPS
from hwmodel.words import limits as words

if TYPE_CHECKING:
    from hwmodel.config import Config

_ALIKE = Fraction(1, 10**6)


def notes_of(system: System, demand: Demand, least: Ceiling, lone: LoneFrame | None) -> tuple[str, ...]:
    """List what is to be said: of the mix, of what drops, of what is left out, of the frame alone."""
    found = [*_mix_notes(demand), *_lost_notes(system, demand), *_bridge_notes(system, demand, least)]
    for server in system.servers:
        whose = f"{server.name}: " if server.name else ""
        found += [f"{whose}{note}" for note in _of_config(server.config)]
    if lone is not None and lone.way.copies:
        found += why_never_taken(system.config(lone.way.to_part), lone.way)
    return tuple(found)


def _lost_notes(system: System, demand: Demand) -> list[str]:
    """Say what bridges drop whatever the load, by reason."""
    by_reason: dict[str, list[str]] = {}
    for source, target, reason in demand.lost:
        by_reason.setdefault(reason, []).append(f"{source} to {target}")
    return [words.all_lost(ends, reason, is_one=bool(system.only_bridge)) for reason, ends in by_reason.items()]


def _bridge_notes(system: System, demand: Demand, least: Ceiling) -> list[str]:
    found = []
    if least.resource.startswith(tuple(f"{bridge.name}." for bridge in system.bridges)):
        found.append(words.no_room_above(least.resource))
    for bridge in system.bridges:
        if bridge.settings.sharing == "all" and len(system.servers) > 1:
            found.append(words.shared_buffer(bridge.words))
        for name, extender in bridge.settings.extenders.items():
            if extender.sharing == "all":
                found.append(words.shared_buffer(f"extender {name}"))
    for (at, entry), passing in demand.policed:
        bridge = system.bridges[at]
        which = f"{bridge.key}.policy[{entry}]"
        gbps = float((bridge.settings.policy[entry].rate_bps or 0) / BPS_PER_GBPS)
        if passing is None or passing < 1:
            found.append(words.policed(which, gbps, None if passing is None else float(passing)))
    levels = [level for one in system.bridges for port in one.settings.ports.values()
              for level in port.s_channels.values()]  # fmt: skip
    if any(level.rate_bps is not None for level in levels):
        found.append(words.LEVEL_RATES)
    if any(level.weight > 1 for level in levels):
        found.append(words.LEVEL_WEIGHTS)
    return found


def _is_cut(stream: Offered, carried_per_s: Fraction) -> bool:
    offered = stream.frames_per_s
    return offered is None or carried_per_s < offered * (1 - _ALIKE)


def _mix_notes(demand: Demand) -> tuple[str, ...]:
    """Say which mix the figures are of, where it is not the one offered."""
    parts = [
        (one.name, float(rate / 10**6), None if one.frames_per_s is None else float(one.frames_per_s / 10**6))
        for one, rate in demand.carried
        if _is_cut(one, rate)
    ]
    return (words.mix(parts),) if parts else ()


def _of_config(config: Config) -> tuple[str, ...]:
    """Say what of the configuration the closed form leaves out or takes a case of."""
    found = [words.POLICED_FRAMES] if config.switch.acl else []
    if config.host.jitter.kind != "fixed":
        found.append(words.LATENCY_SPREAD)
    if config.host.unmeasured is not None:
        found.append(config.host.unmeasured)
    if config.host.iotlb is not None:
        found.append(words.IOTLB_MISSES)
    if config.switch.timing == "core":
        found.append(words.CORE_EDGE)
    return tuple(found)
