"""How much more could be carried: the load beside the lowest ceiling of the closed form."""

from __future__ import annotations

from hwmodel.report.quantities import gbps_text, percent_text
from hwmodel.results.bridge_rates import outside_gbps
from hwmodel.results.result import Result

_LOAD = "offered_load"
_SHOWN_TO = 0.995  # of the ceiling; what lies above it has no headroom worth a sentence


def headroom_sentence(result: Result) -> str:
    """Return what could be carried of such frames, and what share of it is asked for; empty where nothing is to spare.

    It is the closed form's lowest ceiling, above which no run goes; where the run found another limit than the load, or
    measured more than that, nothing is said.
    """
    share, could_gbps = _headroom(result)
    if not share:
        return ""
    could = f"It could carry at most {gbps_text(could_gbps)} of such frames, by the closed form"
    return f"{could}; {percent_text(share)} of that is offered."


def _headroom(result: Result) -> tuple[float, float]:
    """Return the load as a share of the lowest ceiling, and the throughput there; zeros where there is no headroom."""
    closed, measured = result.closed_form, _measured_gbps(result)
    if closed is None or result.bottleneck.resource != _LOAD or not measured:
        return 0.0, 0.0
    ceilings = {one.resource: one.offered_mpps for one in closed.ceilings if one.offered_mpps}
    load = ceilings.pop(_LOAD, None)
    if not load or not ceilings or load >= _SHOWN_TO * min(ceilings.values()):
        return 0.0, 0.0
    share = load / min(ceilings.values())
    could_gbps = closed.gbps / share
    return (share, could_gbps) if measured < could_gbps else (0.0, 0.0)


def _measured_gbps(result: Result) -> float | None:
    """Return what the closed form's throughput is of: what VMs get, or what leaves where they get nothing."""
    if result.totals.gbps is None or result.totals.gbps:
        return result.totals.gbps
    return outside_gbps(result) if result.bridges else result.wire.tx_gbps
