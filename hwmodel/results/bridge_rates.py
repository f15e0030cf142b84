"""What went over the bridge of a run, and what it carried to the stations outside."""

from __future__ import annotations

from math import fsum

from hwmodel.results.bridge import OUTSIDE
from hwmodel.results.result import Result
from hwmodel.results.system import SystemResult


def outside_rate(result: Result) -> str:
    """Name the rate to stations outside, as its interval is named: after the bridge at which they are."""
    at = next(bridge.name for bridge in result.bridges if any(port.name == OUTSIDE for port in bridge.ports))
    return f"bridges.{at}.ports.{OUTSIDE}.out_gbps"


def outside_gbps(result: Result) -> float | None:
    """Return what left by the ports to stations outside, 0 without a bridge; None where the window gives no rates."""
    rates = [port.out_gbps for bridge in result.bridges for port in bridge.ports if port.name == OUTSIDE]
    return None if None in rates else fsum(rate or 0.0 for rate in rates)


def over_bridge_gbps(result: Result) -> float | None:
    """Return what bridges sent on, each copy of a frame; None where the window gives no rates.

    What one bridge sends to another counts where that one sends it on.
    """
    rates = [
        port.out_gbps
        for bridge in result.bridges
        for port in bridge.ports
        if port.device == bridge.name and not port.to
    ]
    return None if None in rates else fsum(rate or 0.0 for rate in rates)


def throughput(result: Result) -> tuple[str, float | None]:
    """Return the rate that says most of a run, by its name: to VMs, or where nothing comes to one, outward."""
    if result.totals.gbps != 0:
        return "totals.gbps", result.totals.gbps
    outside = outside_gbps(result)
    if outside:
        return outside_rate(result), outside
    wire = None if isinstance(result, SystemResult) else result.wire.tx_gbps
    return ("wire.tx_gbps", wire) if wire and not result.bridges else ("totals.gbps", result.totals.gbps)


def throughput_gbps(result: Result) -> float | None:
    """Return what VMs and the wire get together, in Gb/s of frame bits with FCS; None where the window is too short.

    With a bridge at the other end of the wire: what VMs and the stations outside get.
    """
    outward = outside_gbps(result) if result.bridges else result.wire.tx_gbps
    return None if result.totals.gbps is None or outward is None else result.totals.gbps + outward
