"""What a run found: frozen records, their JSON form, and the arithmetic behind their figures."""

from hwmodel.results.atomic import write_atomically
from hwmodel.results.balance import check_balance
from hwmodel.results.bottleneck import RESOURCES, LinkCost, Observation, find_bottleneck
from hwmodel.results.fairness import jain_fairness, sender_rates_gbps
from hwmodel.results.histogram import (
    LATENCY_BUCKETS,
    UNIT_FS,
    LogLinearBuckets,
    merge_histogram,
    quantile_ns,
    summarize_latency,
)
from hwmodel.results.result import (
    SCHEMA_VERSION,
    Bottleneck,
    Cpu,
    FlowResult,
    HostRun,
    Latency,
    LinkBytes,
    Pcie,
    PcieDirection,
    QueueDepth,
    Result,
    Stalls,
    Totals,
    VmResult,
    Window,
    Wire,
    load_result,
)

__all__ = [
    "LATENCY_BUCKETS",
    "RESOURCES",
    "SCHEMA_VERSION",
    "UNIT_FS",
    "Bottleneck",
    "Cpu",
    "FlowResult",
    "HostRun",
    "Latency",
    "LinkBytes",
    "LinkCost",
    "LogLinearBuckets",
    "Observation",
    "Pcie",
    "PcieDirection",
    "QueueDepth",
    "Result",
    "Stalls",
    "Totals",
    "VmResult",
    "Window",
    "Wire",
    "check_balance",
    "find_bottleneck",
    "jain_fairness",
    "load_result",
    "merge_histogram",
    "quantile_ns",
    "sender_rates_gbps",
    "summarize_latency",
    "write_atomically",
]
