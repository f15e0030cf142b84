"""The streams of a workload: which frames enter by which port, for whom, at which rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS

if TYPE_CHECKING:
    from hwmodel.config import Config


@dataclass(frozen=True)
class Stream:
    """Hold the frames that enter by one port: their targets, each as often, and their rate (None: as `load` says)."""

    source: str
    targets: tuple[str, ...]
    rate_bps: int | Fraction | None = None

    @property
    def name(self) -> str:
        """Give how a reader would call it: `vf0 to vf1`, `vf0 to 3 ports`."""
        return f"{self.source} to {self.targets[0] if len(self.targets) == 1 else f'{len(self.targets)} ports'}"


def streams_of(config: Config, vms: Sequence[str]) -> Iterable[Stream]:
    """List the streams of the configured pattern among `vms`, the names of the VFs in use in port order."""
    pattern, n = config.workload.pattern, len(vms)
    if pattern == "flows":
        return _flow_streams(config)
    if pattern in GROUPS:
        return [Stream(vm, (pattern,)) for vm in vms]
    if pattern == "to_wire":
        return [Stream(vm, (UPLINK,)) for vm in vms]
    if pattern == "ring":
        return [Stream(vm, (vms[(at + 1) % n],)) for at, vm in enumerate(vms) if n > 1]
    if pattern == "incast":
        return [Stream(vm, (config.workload.incast_to,)) for vm in vms if vm != config.workload.incast_to]
    if pattern == "uniform":
        return [Stream(vm, tuple(to for to in vms if to != vm)) for vm in vms if n > 1]
    return [Stream(vms[at], (vms[at ^ 1],)) for at in range(n - n % 2)]


def _flow_streams(config: Config) -> Iterable[Stream]:
    """Make a stream of each flow with a rate, and one of all flows without from a port, in equal parts."""
    following: dict[str, list[str]] = {}
    for flow in config.workload.flows:
        rate_bps = config.workload.rate_bps_of(flow)
        if rate_bps is None:
            following.setdefault(flow.source, []).append(flow.target)
        elif rate_bps:
            yield Stream(flow.source, (flow.target,), rate_bps)
    for source, targets in following.items():
        yield Stream(source, tuple(targets))
