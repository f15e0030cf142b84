"""What went over the bridge of a run, and what it carried to the stations outside."""

from __future__ import annotations

from hwmodel.results.result import Result

OUTSIDE = "outside"


def outside_gbps(result: Result) -> float | None:
    """Return what left by the ports to stations outside, 0 without a bridge; None where the window gives no rates."""
    rates = [port.out_gbps for bridge in result.bridges for port in bridge.ports if port.name == OUTSIDE]
    return None if None in rates else sum(rate or 0.0 for rate in rates)


def over_bridge_gbps(result: Result) -> float | None:
    """Return what came to bridges from servers and outside, each frame once; None where the window gives no rates."""
    rates = [
        port.in_gbps for bridge in result.bridges for port in bridge.ports if port.device == bridge.name and not port.to
    ]
    return None if None in rates else sum(rate or 0.0 for rate in rates)
