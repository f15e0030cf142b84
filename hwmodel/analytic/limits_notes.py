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

if TYPE_CHECKING:
    from hwmodel.config import Config

_ALIKE = Fraction(1, 10**6)
_MOST_SHOWN = 6
_WHY_LOST = {
    "SAME_PORT": "their destination is behind the port on which they come, which has no hairpin",
    "VLAN_MEMBER": "a port of the bridge does not carry their VLAN",
    "ACL_DENY": "its policy denies them",
    "NO_DESTINATION": "no port of the bridge is left for them",
}


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
    which = "The bridge drops" if system.only_bridge else "A bridge drops"
    by_reason: dict[str, list[str]] = {}
    for source, target, reason in demand.lost:
        by_reason.setdefault(reason, []).append(f"{source} to {target}")
    return [
        f"{which} all frames from {_listed(ends)} ({reason}): {_WHY_LOST[reason]}."
        for reason, ends in by_reason.items()
    ]


def _bridge_notes(system: System, demand: Demand, least: Ceiling) -> list[str]:
    found = []
    if least.resource.startswith(tuple(f"{bridge.name}." for bridge in system.bridges)):
        found.append(f"Above that {least.resource} has no room: what is more drops there (QUEUE_FULL).")
    for bridge in system.bridges:
        if bridge.settings.sharing == "all" and len(system.servers) > 1:
            found.append(_shared(bridge.words))
        for name, extender in bridge.settings.extenders.items():
            if extender.sharing == "all":
                found.append(_shared(f"extender {name}"))
    for (at, entry), passing in demand.policed:
        bridge = system.bridges[at]
        which = f"{bridge.key}.policy[{entry}]"
        gbps = f"{float((bridge.settings.policy[entry].rate_bps or 0) / BPS_PER_GBPS):g} Gb/s"
        if passing is None:
            found.append(
                f"Not counted: what {which} polices; of its frames no more than {gbps} pass, whatever is above."
            )
        elif passing < 1:
            found.append(
                f"Of the frames that {which} polices {100 * float(passing):.3g} % pass, {gbps} (RATE_LIMITED)."
            )
    levels = [level for one in system.bridges for port in one.settings.ports.values()
              for level in port.s_channels.values()]  # fmt: skip
    if any(level.rate_bps is not None for level in levels):
        found.append("Not counted: the rates of S-channels at the bridge, which hold back more.")
    if any(level.weight > 1 for level in levels):
        found.append("Not counted: the weights of S-channels at the bridge, which say who gets what of a full port.")
    return found


def _shared(whose: str) -> str:
    return f"All ports of {whose} share its buffer: where one is full, frames for others drop too."


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


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


def _of_config(config: Config) -> tuple[str, ...]:
    """Say what of the configuration the closed form leaves out or takes a case of."""
    left_out = {
        "frames that the access list drops or polices": bool(config.switch.acl),
        "the spread of the read latency (its mean counts)": config.host.jitter.kind != "fixed",
    }
    found = [f"Not counted: {what}." for what, present in left_out.items() if present]
    if config.host.unmeasured is not None:
        found.append(config.host.unmeasured)
    if config.host.iotlb is not None:
        found.append("Misses of the IOMMU's cache are counted by what rings and buffers touch, and low.")
    if config.switch.timing == "core":
        at_edge = "A frame alone as configured begins at a clock edge of the switch core; elsewhere its switch part"
        found.append(f"{at_edge} differs by less than a cycle.")
    return tuple(found)
