"""What each server and each wire of a system has to do at the ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from hwmodel.analytic.ceilings import wire_bytes_of
from hwmodel.analytic.steps import Step, sum_bytes, sum_steps
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand
from hwmodel.analytic.transactions import Transaction
from hwmodel.rules.ethernet import WIRE_OVERHEAD_BYTES
from hwmodel.rules.pcie_link import LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE

ZERO = Fraction(0)


@dataclass(frozen=True)
class ServerLimits:
    """Hold what one server's link carries: its bytes per frame that is offered in the whole system."""

    name: str
    link_name: str
    link: LinkRate
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "link": self.link_name,
            "up_bytes": float(sum_bytes(self.steps, "up")),
            "down_bytes": float(sum_bytes(self.steps, "down")),
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass(frozen=True)
class HopLimits:
    """Hold one direction of a wire at the ceiling; `wire` is `a.wire.tx` towards the bridge, `bridge.a` from it.

    Of an extender's uplink: `bridge.fex1.uplink` towards the bridge, `bridge.fex1` from it.

    `frames_per_s`: on it. `frame_bytes`: of the mean frame there, with FCS, tags, padding; preamble and gap not.
    `utilization`: of its time.
    """

    wire: str
    frames_per_s: float
    frame_bytes: float
    utilization: float

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return asdict(self)


def server_limits(
    system: System, transactions: Sequence[Sequence[Transaction]], frames_per_s: Fraction
) -> tuple[ServerLimits, ...]:
    """Give what each server's link carries at a rate of frames."""
    return tuple(
        ServerLimits(
            server.name,
            server.config.pcie.link_name,
            link_rate_of(server.config.pcie),
            sum_steps(own, link_rate_of(server.config.pcie), frames_per_s),
        )
        for server, own in zip(system.servers, transactions, strict=True)
    )


def hops_of(system: System, demand: Demand, frames_per_s: Fraction) -> tuple[HopLimits, ...]:
    """Give the wires at the bridge with what they carry at a rate of frames; none without a bridge."""
    if not demand.sought.parts:
        return ()
    found = []
    for part in range(system.n_parts):
        pieces = [(one.at(part), one.frames_per_s or ZERO) for one in demand.beside]
        pieces.append((demand.sought.at(part), frames_per_s))
        for at, wire in enumerate(system.wire_names(part)):
            frames = sum(((one.to_wire, one.from_wire)[at] * rate for one, rate in pieces), ZERO)
            n_bytes = sum((wire_bytes_of(one)[at] * rate for one, rate in pieces), ZERO)
            if frames:
                use = n_bytes * BITS_PER_BYTE / system.rate_bps(part)
                found.append(HopLimits(wire, float(frames), float(n_bytes / frames) - WIRE_OVERHEAD_BYTES, float(use)))
    return tuple(found)
