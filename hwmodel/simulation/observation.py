"""What the window shows of each resource, for the choice of the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hwmodel.analytic.link import tlp_overhead_of
from hwmodel.kernels import layout
from hwmodel.results import LinkCost, Observation, Totals
from hwmodel.simulation.nic_state import function_of
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config


def payload_headers(config: Config, n_tlps: Any) -> int:
    """Return the bytes beside the data in the payload's TLPs; `n_tlps` counts TLPs by kind."""
    overhead = tlp_overhead_of(config.pcie)
    writes = int(n_tlps[layout.PAYLOAD_WRITE]) * overhead.memory_write_bytes
    return writes + int(n_tlps[layout.PAYLOAD_COMPLETION]) * overhead.completion_bytes


def _busiest_core(span: Span) -> int:
    busy = (span.end.core_busy_fs - span.start.core_busy_fs).sum(axis=1)
    return int(busy.argmax())


def utilization_of(config: Config, span: Span) -> dict[str, float]:
    """Give the busy share of each resource, by the names of the bottleneck."""
    core = (span.end.core_busy_fs - span.start.core_busy_fs)[_busiest_core(span)]
    held = (span.end.tags_held_fs - span.start.tags_held_fs) / span.fs
    servers = {name: span.end.servers[name] - span.start.servers[name] for name in span.end.servers}
    shares = {
        "pcie.up": span.link_share(config, "up"),
        "pcie.down": span.link_share(config, "down"),
        "pcie.tags": held / config.pcie.tags,
        "driver.tx": span.share(int(core[layout.POST_TASK])),
        "driver.rx": span.share(int(core[layout.TAKE_TASK])),
        "wire.tx": span.share(servers["wire_busy_fs"]),
        "wire.rx": span.share(servers["line_busy_fs"]),
        "nic.pipeline": span.share(servers["pipeline_busy_fs"]),
    }
    if config.switch.timing == "core":
        shares["switch.bus"] = span.share(servers["bus_busy_fs"])
    return {name: min(1.0, share) for name, share in shares.items()}


def _link_cost(per_frame: Mapping[str, Mapping[str, float]] | None, name: str) -> LinkCost | None:
    """Return what a frame costs on a direction, DLLPs counted one by one included, constant shares left out."""
    if per_frame is None:
        return None
    return LinkCost(bytes_per_frame=sum(per_frame[name].values()), payload_bytes_per_frame=per_frame[name]["payload"])


def observe_window(
    config: Config,
    span: Span,
    utilization: Mapping[str, float],
    totals: Totals,
    drops: Mapping[str, int],
    per_frame: Mapping[str, Mapping[str, float]] | None,
) -> Observation:
    """Collect the window's busy shares, waits and costs."""
    n_bytes = span.count("delivered_bytes")
    core = _busiest_core(span)
    on_core = [p.name for p in config.switch.ports if function_of(p.number) % config.host.cores == core]
    sending = [name for name in on_core if name != "pf"] or on_core
    return Observation(
        utilizations=utilization,
        waits={
            "pcie.tags": span.share(span.stalled("tags")),
            "pcie.credits": span.share(span.credit_stall_fs()),
            "rx.descriptors": span.share(span.stalled("descriptors")),
            "rate_limit": span.share(span.stalled("rate_limit")),
        },
        open_load=_is_open(config),
        tx_ring_full_share=span.share(span.stalled("tx_ring")),
        drops=drops,
        offered_frames=totals.offered_frames,
        frame_bytes=n_bytes / span.count("vm_copies") if span.count("vm_copies") else None,
        up=_link_cost(per_frame, "up"),
        down=_link_cost(per_frame, "down"),
        tags=config.pcie.tags,
        core_of=sending[0] if sending else None,
        has_mirrored=span.count("mirrored") > 0,
        iotlb_miss_share=span.iotlb_miss_share(),
    )


def _is_open(config: Config) -> bool:
    """Tell whether frames come at times of their own."""
    workload = config.workload
    if workload.pcap is not None:
        return workload.pcap_time == "file"
    if workload.pattern is None or (
        workload.pattern == "flows" and not any(flow.follows_load for flow in workload.flows)
    ):
        return True
    return workload.load.kind != "saturate"
