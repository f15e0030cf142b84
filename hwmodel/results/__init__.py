"""What a run found: frozen records, their JSON form, and the arithmetic behind their figures."""

from hwmodel.results.balance import check_balance
from hwmodel.results.bottleneck import CREDITS, KEYS, RESOURCES, find_bottleneck
from hwmodel.results.bridge import BridgePortResult, BridgeResult, LogicalPortResult
from hwmodel.results.bridge_rates import outside_gbps, outside_rate, over_bridge_gbps, throughput
from hwmodel.results.closed_form import CeilingFigure, ClosedForm, NextStep
from hwmodel.results.fairness import jain_fairness
from hwmodel.results.histogram import (
    LATENCY_BUCKETS,
    LEAST_SAMPLES_P99,
    LEAST_SAMPLES_P999,
    UNIT_FS,
    LogLinearBuckets,
    bucket_ns,
    bucket_of_rank,
    filled_columns,
    merge_histogram,
    quantile_bucket,
    summarize_latency,
)
from hwmodel.results.latency_parts import ALL_PARTS, BRIDGE_PARTS, PART_WORDS, PARTS
from hwmodel.results.load_search import LoadSearch, LoadTrial
from hwmodel.results.observation import LinkCost, Observation
from hwmodel.results.relaxed import Relaxed
from hwmodel.results.result import (
    DIRECTIONS,
    SCHEMA_VERSION,
    Bottleneck,
    Cpu,
    FlowResult,
    HostRun,
    IotlbUse,
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
from hwmodel.results.sizing import Choice, KnobStep, SizingResult, TargetFigure
from hwmodel.results.spread import Spread
from hwmodel.results.system import AdapterResult, SystemResult

__all__ = [
    "ALL_PARTS",
    "BRIDGE_PARTS",
    "CREDITS",
    "DIRECTIONS",
    "KEYS",
    "LATENCY_BUCKETS",
    "LEAST_SAMPLES_P99",
    "LEAST_SAMPLES_P999",
    "PARTS",
    "PART_WORDS",
    "RESOURCES",
    "SCHEMA_VERSION",
    "UNIT_FS",
    "AdapterResult",
    "Bottleneck",
    "BridgePortResult",
    "BridgeResult",
    "CeilingFigure",
    "Choice",
    "ClosedForm",
    "Cpu",
    "FlowResult",
    "HostRun",
    "IotlbUse",
    "KnobStep",
    "Latency",
    "LinkBytes",
    "LinkCost",
    "LoadSearch",
    "LoadTrial",
    "LogLinearBuckets",
    "LogicalPortResult",
    "NextStep",
    "Observation",
    "Pcie",
    "PcieDirection",
    "QueueDepth",
    "Relaxed",
    "Result",
    "SizingResult",
    "Spread",
    "Stalls",
    "SystemResult",
    "TargetFigure",
    "Totals",
    "VmResult",
    "Window",
    "Wire",
    "bucket_ns",
    "bucket_of_rank",
    "check_balance",
    "filled_columns",
    "find_bottleneck",
    "jain_fairness",
    "load_result",
    "merge_histogram",
    "outside_gbps",
    "outside_rate",
    "over_bridge_gbps",
    "quantile_bucket",
    "summarize_latency",
    "throughput",
]
