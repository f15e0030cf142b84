"""What a reader must know of a full port that frames come to in step: who comes last each time gets nothing."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.results import Result
from hwmodel.results.bottleneck import FULL

LEAST_FRAMES = 100  # of a flow that is said to get nothing
STARVED = 0.01  # of the rate of the flow that gets most
MOST_NAMES = 3


def phase_warnings(result: Result) -> Iterator[str]:
    """Yield a warning where a port of the bridge is full and a flow loses all that it sends, others next to nothing.

    Exact periods make it so (Floyd and Jacobson, "On Traffic Phase Effects in Packet-Switched Gateways", 1992); clocks
    of real ports may differ by 100 ppm from what they should be (IEEE Std 802.3, 46.3 and others).
    """
    port = result.bottleneck.resource
    lost = result.drops.get("QUEUE_FULL", 0)
    if not port.startswith("bridge.") or result.bottleneck.utilization < FULL or not lost or not _has_steps(result):
        return
    most = max((flow.gbps or 0.0 for flow in result.flows), default=0.0)
    starved = [
        flow
        for flow in result.flows
        if flow.offered >= max(LEAST_FRAMES, 2 * flow.delivered) and flow.gbps is not None
        and flow.gbps < STARVED * most
    ]  # fmt: skip
    if not starved or sum(flow.offered - flow.delivered for flow in starved) > lost + result.totals.in_flight_frames:
        return  # something else than the full port lost them
    named = ", ".join(f"{flow.from_} to {flow.to}" for flow in starved[:MOST_NAMES])
    more = f" and {len(starved) - MOST_NAMES} more" if len(starved) > MOST_NAMES else ""
    yield (
        f"Next to nothing gets through from {named}{more}: at {port}, which is full, these frames always come just "
        "after others that take the room, in step with them. Clocks that differ by some ppm move such phases slowly, "
        "and another seed has others; with rates and workload.arrivals: poisson the port is shared by chance."
    )


def _has_steps(result: Result) -> bool:
    """Tell whether some frames may come at even steps: not where all come at random, and leave each wire a pause."""
    workload = result.config["workload"]
    external = workload["external"] or {}
    flows = workload["flows"] if workload["pattern"] == "flows" else []
    has_no_rate = workload["load"] == "saturate" and not (flows and all(rate is not None for _, _, rate in flows))
    arrivals = {workload["arrivals"], external.get("arrivals", workload["arrivals"])}
    is_random = workload["pcap"] is None and not has_no_rate and "periodic" not in arrivals
    fullest = max(port.in_utilization or 0.0 for bridge in result.bridges for port in bridge.ports)
    return not is_random or fullest >= FULL
