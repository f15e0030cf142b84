"""What `hwmodel compare` finds: the figures of each way in which VMs reach each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwmodel.results.json_form import document_of, to_plain
from hwmodel.results.result import Bottleneck, Latency, Result, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """Hold what one way gives.

    `totals`, `latency_ns`, `bottleneck`, `warnings`: as a result has them. `gbps`: what VMs and the wire get together,
    frame bits with FCS. `cpu_cores`: kept busy by drivers, of guests or, with VMDq, of the hypervisor.
    `pcie_bytes_per_frame`: of each frame delivered in the window, on all links, both directions, Acks and credits too;
    `wire_bytes_per_frame`: of each frame offered, by the closed form, on all adapters' wires, out and in, with preamble
    and gap. `policy_at`: where access lists and VLANs act on frames between VMs, "nic" or "bridge".
    """

    way: str
    totals: Totals
    gbps: float | None
    latency_ns: Latency
    cpu_cores: float
    gbps_per_core: float | None
    pcie_bytes_per_frame: float | None
    wire_bytes_per_frame: float | None
    policy_at: str
    bottleneck: Bottleneck
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutWay:
    """Say why a way is not among those that were run."""

    way: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold one configuration with each way that it allows.

    `results`: of each way its whole result, for a page; not in the JSON form. `config`: the configuration, resolved.
    """

    schema_version: int = 1
    ways: tuple[WayFigures, ...]
    left_out: tuple[LeftOutWay, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict, metadata={"verbatim": True})

    def to_mapping(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return to_plain(self, ("results",))

    def to_json(self) -> str:
        """Return the comparison as a JSON document that ends with a newline."""
        return document_of(self, ("results",))

    def summary(self) -> str:
        """Return what `hwmodel compare` prints."""
        from hwmodel.words.comparison_text import comparison_text

        return comparison_text(self)

    def __str__(self) -> str:
        """Return the answer in one sentence; `summary()` says more."""
        return self.summary().partition("\n")[0]
