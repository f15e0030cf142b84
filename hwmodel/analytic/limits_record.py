"""What the closed form gives: figures, the steps behind them, and the other ceilings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.latency import LatencyStep
from hwmodel.analytic.lone_frame import LoneFrame
from hwmodel.analytic.port_shares import PortShares
from hwmodel.analytic.steps import Step
from hwmodel.analytic.system_limits import HopLimits, ServerLimits
from hwmodel.rules.pcie_link import LinkRate
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS


class Details(NamedTuple):
    """Hold how the figures come about, which a reader asks for and a run does not.

    `latency_steps`: of the longest frame, with all batches 1. `servers`: what the link of each does, where servers have
    names; the `steps` are then the first one's. `hops`: the wires at a bridge. `full_ports`: the bridge's ports that
    are asked for more than they can send, where senders do not wait.
    """

    steps: tuple[Step, ...]
    latency_steps: tuple[LatencyStep, ...] = ()
    servers: tuple[ServerLimits, ...] = ()
    hops: tuple[HopLimits, ...] = ()
    full_ports: tuple[PortShares, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Hold the ceiling of a configuration and how it comes about.

    `up_bytes`, `down_bytes`: bytes on the link per frame that a VM sends (per frame from the wire, where no VM sends).
    `mpps`, `gbps`: frames delivered to VMs, by frame bits with FCS; where none goes to a VM, frames sent on the wire,
    with the tags that they have there. `frames_per_s`: frames offered at the ceiling, those of a given rate beside them
    (`beside_per_s`) not among them. `limited_by`: "up", "down", or the name of another resource.
    `unloaded_latency_ns`: from post to visible with all batches 1, mean over the frame sizes, of the first flow from a
    VM to a VM, None where no frame does that. `round_trip_ns`: of the read of `round_trip_bytes`, the first of the
    longest frame. What is of one link is the first server's, where there are several. `lone_frame`: the longest frame,
    as the first flow's first, of which a run says how long it takes alone (`hwmodel.lone_frame`); None where the
    workload names no flow.
    `is_exact`: a long run carries that within 0.2 %; else it is a bound that no run is above.
    `find_details`: works the `Details` out, when one of them is first asked for.
    """

    link_name: str
    raw_gbps: float
    up_bytes: float
    down_bytes: float
    mpps: float
    gbps: float
    limited_by: str
    unloaded_latency_ns: float | None
    round_trip_ns: float | None
    frames_per_s: Fraction
    ceilings: tuple[Ceiling, ...]
    link: LinkRate
    sizes: tuple[tuple[int, Fraction], ...]
    beside_per_s: Fraction = Fraction(0)
    round_trip_bytes: int | None = None
    lone_frame: LoneFrame | None = None
    is_exact: bool = False
    find_details: Callable[[], Details] = field(compare=False, repr=False)

    @cached_property
    def _details(self) -> Details:
        return self.find_details()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the bytes of a frame on the link, step by step."""
        return self._details.steps

    @property
    def latency_steps(self) -> tuple[LatencyStep, ...]:
        """Give the steps of the unloaded latency of the longest frame."""
        return self._details.latency_steps

    @property
    def servers(self) -> tuple[ServerLimits, ...]:
        """Give what the link of each server with a name carries."""
        return self._details.servers

    @property
    def hops(self) -> tuple[HopLimits, ...]:
        """Give what the wires at a bridge carry."""
        return self._details.hops

    @property
    def full_ports(self) -> tuple[PortShares, ...]:
        """Give the bridge's ports that are asked for more than they can send."""
        return self._details.full_ports

    @property
    def notes(self) -> tuple[str, ...]:
        """Give what is to be said beside the figures."""
        return self._details.notes

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the ceiling in a sentence, then each resource with what a frame takes of it."""
        from hwmodel.words.limits import limits_html

        return limits_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form: the ceiling and its sums, all ceilings, the latency's steps, the notes."""
        return {
            "raw_gbps": self.raw_gbps,
            "up_bytes": self.up_bytes,
            "down_bytes": self.down_bytes,
            "mpps": self.mpps,
            "gbps": self.gbps,
            "limited_by": self.limited_by,
            "unloaded_latency_ns": self.unloaded_latency_ns,
            "round_trip_ns": self.round_trip_ns,
            "steps": [step.to_dict() for step in self.steps],
            "offered_mpps": float(self.frames_per_s / 10**6),
            "tlp_layer_gbps": float(self.link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS),
            "ceilings": [_ceiling_dict(ceiling) for ceiling in self.ceilings],
            "round_trip_bytes": self.round_trip_bytes,
            "latency_steps": [
                {"name": step.name, "ns": step.duration_fs / FS_PER_NS, "formula": step.formula}
                for step in self.latency_steps
            ],
            "lone_frame": self.lone_frame and self.lone_frame.to_dict(),
            "is_exact": self.is_exact,
            "notes": list(self.notes),
        } | self._of_system()

    def _of_system(self) -> dict[str, Any]:
        named: dict[str, Sequence[ServerLimits | HopLimits | PortShares]] = {
            "servers": self.servers,
            "hops": self.hops,
            "full_ports": self.full_ports,
        }
        return {key: [one.to_dict() for one in found] for key, found in named.items() if found}


def _ceiling_dict(ceiling: Ceiling) -> dict[str, Any]:
    rate = ceiling.frames_per_s
    return {
        "resource": ceiling.resource,
        "what": ceiling.what,
        "unit": ceiling.unit,
        "capacity_per_s": float(ceiling.capacity),
        "per_frame": float(ceiling.per_frame),
        "taken_per_s": float(ceiling.per_s),
        "offered_mpps": None if rate is None else float(rate / 10**6),
    }
