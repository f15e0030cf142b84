"""Results with a bridge at the other end of the wire, their numbers worked out by hand.

One server in mode VEPA at 10 Gb/s: a frame of 1518 B takes 1538 B of the wire, so that it carries 9.87 Gb/s of frames,
and each crosses it once each way. Two servers: server a sends 9.87 Gb/s to b, whose VM never sends; all is flooded.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hwmodel.results import (
    AdapterResult,
    Bottleneck,
    BridgeResult,
    Cpu,
    FlowResult,
    QueueDepth,
    Result,
    Stalls,
    SystemResult,
    Totals,
    VmResult,
    Wire,
)
from hwmodel.results.bridge import BridgePortResult
from tests.sample_result import sample_config, sample_latency, sample_pcie, sample_result

LINE_GBPS = 10 * 1518 / 1538
MPPS = LINE_GBPS / 8 / 1518 * 1e3
FLOODED, LOST = 4_000, 1_000


def sample_port(name: str, in_gbps: float, out_gbps: float, **more: Any) -> BridgePortResult:
    values = {"in_frames": 12_000, "out_frames": 12_000, "queue_mean_bytes": 1514.0, "queue_max_bytes": 3028, **more}
    busy = {"in_utilization": in_gbps / LINE_GBPS, "out_utilization": out_gbps / LINE_GBPS}
    return BridgePortResult(name=name, in_gbps=in_gbps, out_gbps=out_gbps, **busy, **values)


def sample_bridge(*ports: BridgePortResult, **more: Any) -> BridgeResult:
    counts = {"forwarded_frames": 20_000, "replicated_frames": 4, "flooded_frames": 4, "dropped_frames": 0, "drops": {}}
    table = {"addresses_known": 8, "learned": 8, "moved": 0, "aged": 0, "not_learned": 0}
    return BridgeResult(name="bridge", kind="learning", ports=ports, **{**counts, **table, **more})


def reflected_result(**changes: Any) -> Result:
    """Return a result of VMs that reach each other over the bridge alone, at the rate of the wire."""
    config = sample_config()
    config["switch"]["mode"] = "vepa"
    config["bridge"] = {"kind": "learning"}
    latency, _ = sample_latency(n_samples=2_000)
    parts = {"tx_ring": 3_000_000.0, "wire": 1_230.4, "bridge": 1_730.4, "rx_switch": 40.0, "payload_write": 842.0}
    totals = sample_totals(delivered_to_wire=4, from_wire=20_000, replicated_frames=4, gbps=LINE_GBPS, mpps=MPPS)
    values: dict[str, Any] = {
        "config": config,
        "totals": totals,
        "latency_ns": latency,
        "latency_parts_ns": {"mean": parts, "p50": parts},
        "wire": Wire(tx_gbps=LINE_GBPS, rx_gbps=LINE_GBPS, utilization=1.0),
        "bridges": (sample_bridge(sample_port("adapter", LINE_GBPS, LINE_GBPS), sample_port("outside", 0.0, 0.0)),),
        "bottleneck": Bottleneck(resource="wire.tx", utilization=1.0, why="The Ethernet port outward is full."),
        "intervals": {},
        "closed_form": None,
    }
    return sample_result(**{**values, **changes})


def sample_totals(**changes: Any) -> Totals:
    """Return counts that balance, whatever frames a bridge has made more."""
    replicated, dropped = changes.get("replicated_frames", 0), changes.get("dropped_frames", 0)
    values: dict[str, Any] = {
        "offered_frames": 30_000,
        "dropped_frames": 0,
        "delivered_frames": 29_000,
        "in_flight_frames": 1_000 + replicated - dropped,
        "copies_made": 58_000,
        "copies_delivered": 58_000,
        "copies_dropped": 0,
        "copies_in_flight": 0,
        "gbps": LINE_GBPS,
        "mpps": MPPS,
    }
    return Totals(**{**values, **changes})


def sample_adapter(name: str, limit: str = "wire.tx", **more: Any) -> AdapterResult:
    values: dict[str, Any] = {
        "tx_gbps": LINE_GBPS,
        "rx_gbps": 1.25,
        "pcie": sample_pcie(),
        "wire": Wire(tx_gbps=LINE_GBPS, rx_gbps=1.25, utilization=1.0),
        "cpu": Cpu(cores_busy=0.25),
        "drops": {},
        "queues": {"tx_ring": QueueDepth(mean=511.0, max=511), "rx_ring": QueueDepth(mean=51.1, max=64)},
        "stalls_ns": Stalls(buffer=2_000_000.0),
        "bottleneck": Bottleneck(resource=limit, utilization=1.0, why="It is full."),
        "utilization": {"driver.tx": 0.2, "driver.rx": 0.05, "wire.tx": 1.0, "wire.rx": 0.125},
        **more,
    }
    return AdapterResult(name=name, **values)


def sample_system(*names: str, **changes: Any) -> SystemResult:
    """Return a result of servers of these names (a and b without any), a's first VM sending to b's, which is silent."""
    names = names or ("a", "b")
    one, config = sample_result(), sample_config(2)
    latency, histogram = sample_latency(n_samples=2_000)
    config["servers"] = [{"name": name, "set": {}} for name in names]
    config["bridge"] = {"kind": "learning"}
    flows = [[f"{names[0]}.vf0", f"{names[1]}.vf0"]]
    config["workload"] = {"pattern": "flows", "frame_bytes": 1518, "load": "saturate", "flows": flows}
    ports = [sample_port(name, LINE_GBPS, 1.25) for name in names]
    outside = sample_port("outside", 0.0, LINE_GBPS, drops={"QUEUE_FULL": LOST})
    bridge = sample_bridge(
        *ports, outside, forwarded_frames=FLOODED, replicated_frames=FLOODED, flooded_frames=FLOODED,
        dropped_frames=LOST, drops={"QUEUE_FULL": LOST}, addresses_known=1, learned=1,
    )  # fmt: skip
    vms = [(names[0], LINE_GBPS, 0.0), *((name, 0.0, 1.25) for name in names[1:])]
    counts = {"replicated_frames": FLOODED, "dropped_frames": LOST, "delivered_to_wire": 3_000, "from_wire": 9_000}
    sent, got = f"{names[0]}.vf0", f"{names[1]}.vf0"
    values: dict[str, Any] = {
        name.name: getattr(one, name.name)
        for name in dataclasses.fields(Result)
        if name.name not in ("pcie", "wire", "iotlb", "stalls_ns", "queues", "utilization", "closed_form", "relaxed")
    }
    values |= {
        "config": config,
        "totals": sample_totals(**counts),
        "vms": tuple(
            VmResult(name=f"{name}.vf0", tx_gbps=tx, rx_gbps=rx, rx_mpps=rx / 12.144, latency_ns=latency)
            for name, tx, rx in vms
        ),
        "flows": (FlowResult(from_=sent, to=got, offered=30_000, delivered=29_000, gbps=LINE_GBPS, mpps=MPPS),),
        "latency_ns": latency,
        "latency_histogram": histogram,
        "intervals": {},
        "drops": {"QUEUE_FULL": LOST},
        "cpu": Cpu(cores_busy=0.5),
        "bottleneck": Bottleneck(resource="bridge.outside", utilization=1.0, why="The bridge's port outside is full."),
        "adapters": tuple(sample_adapter(name) for name in names),
        "bridges": (bridge,),
    }
    return SystemResult(**{**values, **changes})


def extended_system() -> SystemResult:
    """Return five servers: a and b behind fex1, which with c is behind fex0; d and e at the bridge."""
    behind = {"a": "fex1", "c": "fex0", "b": "fex1", "d": "bridge", "e": "bridge", "outside": "bridge",
              "fex0": "bridge", "fex0.uplink": "fex0", "fex1": "fex0", "fex1.uplink": "fex1"}  # fmt: skip
    ports = [
        sample_port(name, LINE_GBPS * at / 10, 1.0, device=device) for at, (name, device) in enumerate(behind.items())
    ]
    limit = Bottleneck(resource="bridge.fex1.uplink", utilization=1.0, why="The uplink is full.")
    return sample_system(
        adapters=tuple(sample_adapter(name) for name in "acbde"), bridges=(sample_bridge(*ports),), bottleneck=limit
    )
