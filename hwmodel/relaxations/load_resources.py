"""The offered load made larger."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.config.workload import FRAME_RATE
from hwmodel.relaxations.server_resources import FACTOR, Change
from hwmodel.units import format_rate_bps

if TYPE_CHECKING:
    from hwmodel.config import Config, Flow

OFFERED_LOAD = "offered_load"
# As the line has room.
_LOADS_FROM_WIRE = (Fraction(FACTOR), Fraction(3, 2), Fraction(5, 4), Fraction(21, 20), Fraction(1))


def loads(config: Config) -> Iterator[list[Change]]:
    """Give larger loads, the largest first: one of the others is for where it does not fit."""
    for from_wire in _LOADS_FROM_WIRE:
        yield list(_offered_load(config, from_wire))


def _offered_load(config: Config, from_wire: Fraction) -> Iterator[Change]:
    """Double what the VMs offer; what comes from the wire grows by a factor of its own, for which the line has room."""
    workload, external = config.workload, config.workload.external
    if workload.pcap is None:
        if workload.pattern == "flows" and any(not flow.follows_load for flow in workload.flows):
            flows = [_larger_flow(flow, from_wire if flow.source == "uplink" else FACTOR) for flow in workload.flows]
            yield "workload.flows", None, flows
        load = workload.load
        for value, more in (
            (load.share, FACTOR * (load.share or 0)),
            (_rate(load.rate_bps), _rate(load.rate_bps, FACTOR)),
            (_frame_rate(load.frames_per_s), _frame_rate(load.frames_per_s, FACTOR)),
        ):
            if value is not None:
                yield "workload.load", value, more
        if workload.peak_rate_bps is not None:
            yield "workload.peak_rate", _rate(workload.peak_rate_bps), _rate(workload.peak_rate_bps, FACTOR)
    if external is not None and from_wire > 1:
        for key, rate_bps in (("rate", external.rate_bps), ("peak_rate", external.peak_rate_bps)):
            if rate_bps is not None:
                yield f"workload.external.{key}", _rate(rate_bps), _rate(rate_bps, from_wire)


def _larger_flow(flow: Flow, factor: Fraction | int) -> list[str | None]:
    return [flow.source, flow.target, _rate(flow.rate_bps, factor) or _frame_rate(flow.frames_per_s, factor)]


def _rate(rate_bps: int | None, factor: Fraction | int = 1) -> str | None:
    return None if rate_bps is None else format_rate_bps(int(rate_bps * factor))


def _frame_rate(frames_per_s: int | None, factor: Fraction | int = 1) -> str | None:
    return None if frames_per_s is None else FRAME_RATE.write(int(frames_per_s * factor))
