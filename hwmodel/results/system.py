"""What a run of several servers found: all together, each adapter, and the bridge between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hwmodel.results.bridge import BridgeResult
from hwmodel.results.json_form import Problem
from hwmodel.results.result import (
    Bottleneck,
    Cpu,
    IotlbUse,
    Pcie,
    QueueDepth,
    Result,
    Stalls,
    Wire,
)
from hwmodel.results.stored import KINDS

__all__ = ["AdapterResult", "BridgeResult", "SystemResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterResult:
    """Say how one server's adapter and host fared; the fields are those of a result of one server."""

    name: str
    tx_gbps: float | None
    rx_gbps: float | None
    pcie: Pcie
    wire: Wire
    iotlb: IotlbUse = field(default_factory=IotlbUse)
    cpu: Cpu
    drops: Mapping[str, int]
    queues: Mapping[str, QueueDepth]
    stalls_ns: Stalls
    bottleneck: Bottleneck
    utilization: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemResult(Result):
    """Hold what a run of several servers found: totals, VMs and flows of all of them, and each adapter by itself.

    What only an adapter has (`pcie`, `wire` and so on) is None here. `bottleneck.resource` has the component's name
    before it: `a.pcie.up`, `bridge.b`.
    """

    pcie: Pcie | None = None  # type: ignore[assignment]
    wire: Wire | None = None  # type: ignore[assignment]
    iotlb: IotlbUse | None = None  # type: ignore[assignment]
    cpu: Cpu
    queues: Mapping[str, QueueDepth] = field(default_factory=dict)
    stalls_ns: Stalls | None = None  # type: ignore[assignment]
    adapters: tuple[AdapterResult, ...] = ()

    def impossible(self) -> Iterator[Problem]:
        """Yield what no run can have found, as of one server; several always have a bridge between them."""
        yield from Result.impossible(self)
        if not self.bridges:
            yield Problem(("bridges",), "expected a bridge between the adapters")

    @property
    def servers(self) -> tuple[AdapterResult, ...]:
        """Return the servers."""
        return self.adapters


KINDS["adapters"] = SystemResult
