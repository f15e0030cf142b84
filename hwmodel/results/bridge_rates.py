"""What went over the bridge of a run, and what it carried to the stations outside."""

from __future__ import annotations

from hwmodel.results.result import Result
from hwmodel.results.system import SystemResult

OUTSIDE = "outside"
OUTSIDE_RATE = f"bridges.bridge.ports.{OUTSIDE}.out_gbps"  # by this name it has an interval


def outside_gbps(result: Result) -> float | None:
    """Return what left by the ports to stations outside, 0 without a bridge; None where the window gives no rates."""
    rates = [port.out_gbps for bridge in result.bridges for port in bridge.ports if port.name == OUTSIDE]
    return None if None in rates else sum(rate or 0.0 for rate in rates)


def over_bridge_gbps(result: Result) -> float | None:
    """Return what the bridge sent on, each copy of a frame; None where the window gives no rates."""
    rates = [port.out_gbps for bridge in result.bridges for port in bridge.ports if port.device == bridge.name]
    return None if None in rates else sum(rate or 0.0 for rate in rates)


def throughput(result: Result) -> tuple[str, float | None]:
    """Return the rate that says most of a run, by its name: to VMs, or where nothing comes to one, outward."""
    if result.totals.gbps != 0:
        return "totals.gbps", result.totals.gbps
    outside = outside_gbps(result)
    if outside:
        return OUTSIDE_RATE, outside
    wire = None if isinstance(result, SystemResult) else result.wire.tx_gbps
    return ("wire.tx_gbps", wire) if wire and not result.bridges else ("totals.gbps", result.totals.gbps)
