"""What a run found: frozen records, their JSON form, the arithmetic behind their figures, and their text."""

from hwmodel.results.adapter_use import (
    ArbitrationUse,
    BridgePause,
    ClassLevel,
    ClassUse,
    Core,
    Cpu,
    FilterUse,
    FlowCacheUse,
    FlowControlUse,
    IotlbUse,
    LearnedAddresses,
    LinkBytes,
    MarkedAt,
    MarkedFrames,
    Pcie,
    PcieDirection,
    PoolUse,
    PortPause,
    PortResult,
    QueueDepth,
    RateRegister,
    SampledFlow,
    SampledFlows,
    Stalls,
)
from hwmodel.results.bottleneck import Sighting, Suspect, by_shares, sighting_of
from hwmodel.results.bridge import BridgeResult
from hwmodel.results.comparison import Comparison, Curves, WayFigures
from hwmodel.results.explored import Choice, KnobStep, LoadSearch, LoadTrial, SizingResult, TargetFigure
from hwmodel.results.histogram import (
    LEAST_SAMPLES_P99,
    LEAST_SAMPLES_P999,
    bucket_ns,
    bucket_of_rank,
    filled_columns,
    merge_histogram,
    quantile_bucket,
    summarize_latency,
)
from hwmodel.results.observation import CoreUse, LinkCost, Observation, Stop, SwitchingCore
from hwmodel.results.result import (
    AdapterResult,
    Bottleneck,
    CeilingFigure,
    ClosedForm,
    FlowResult,
    HostRun,
    Latency,
    NextStep,
    Relaxed,
    Result,
    Spread,
    SystemResult,
    Totals,
    VmResult,
    Window,
    Wire,
    check_balance,
    load_result,
)
from hwmodel.words.latency_parts import ALL_PARTS, BRIDGE_PARTS, DIRECTIONS, PART_WORDS, PARTS
