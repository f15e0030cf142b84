"""Segments at the virtual switch take the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import Commands, check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds
from tests.test_uplink_against_simpy import ADAPTER, draw_uplink

SEEDS = seeds(12, 12, 300)
# From a frame's bytes to the most; one frame, frames that end as requests do, many short ones, jumbo frames.
SEGMENTS: Mapping[str, Sequence[Any]] = {
    "workload.segment_bytes": ("1B", "700B", "1448B", "5000B", "16318B", "17KiB", "40000B", "64KiB"),
    "workload.mss": ("1448B", "1448B", "536B", "2897B", "8948B"),
    "workload.header_bytes": ("54B", "66B", "80B"),
    "driver.send_time": ("0ns", "211.0007ns"),
    "driver.descriptor_time": ("0ns", "7.0003ns"),
    "driver.send_byte_time": ("0ns", "0.0103ns"),
    "host.virtual_switch.segment_frame_time": ("0ns", "17.0003ns", "100ns"),
    "host.virtual_switch.on_uplink_full": ("drop", "wait"),
    "host.virtual_switch.sample_one_in": (None, 3),
    "host.virtual_switch.ecn_threshold": (None, "3000B", "70000B"),
    "host.virtual_switch.flow_cache": (None, {"wildcard_time": "30.0003ns"}, {"miss_time": "2us", "miss_cores": [3]}),
    "switch.uplink": ({}, {}, {"native_vlan": None}),
}
PORTS = (
    [],
    [{"name": "vf0", "rate_limit": "700Mbps"}, {"name": "vf2", "min_rate": "300Mbps"}],
    [{"name": "vf1", "weight": 3}],
)


def draw_segments(seed: int) -> tuple[dict[str, Any], Commands]:
    """Draw an uplink, segments that leave by it or stay, and who cuts them."""
    chance = random.Random(f"segments {seed}")
    changes, commands = draw_uplink(seed)
    for key in ("workload.frame_bytes", "switch.mirrors", *(key for key in ADAPTER if "ring" in key)):
        changes.pop(key, None)
    if changes.get("host.virtual_switch.memory_rate") == "3Gbps":  # so few segments pass
        del changes["host.virtual_switch.memory_rate"]
    if changes["workload.pattern"] in ("none", "broadcast"):
        changes |= {"workload.pattern": "to_wire", "workload.load": "saturate"}
    changes |= some_of(chance, SEGMENTS, 2)
    changes |= {
        "workload.segment_bytes": chance.choice(SEGMENTS["workload.segment_bytes"]),
        "workload.mss": changes.get("workload.mss", "1448B"),
        "nic.tso": chance.random() < 0.5,
        "nic.tx_ring": 256, "nic.rx_ring": 512, "nic.descriptor_cache": 64, "host.buffer_bytes": "2KiB",
        "nic.tx_buffer": chance.choice(("16KiB", "32KiB")), "nic.rx_buffer": "32KiB",
        "switch.ports": chance.choice(PORTS),
        "switch.mirrors": chance.choice(([], [], [{"to": "pf", "from": "uplink", "direction": "egress"}])),
        "run.duration": "300us",
    }  # fmt: skip
    changes["driver.vms"]["pf"] |= {"tso_context": chance.choice(("each", "changed"))}
    if changes.get("workload.external") is not None:
        changes["workload.external"]["frame_bytes"] = chance.choice((64, 1518))
    return changes, commands


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_segments_take_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, commands = draw_segments(seed)
    check_same_course(run_both(tmp_path, changes, None, commands=commands), at_least=-1)


TOLD = {"nic.strict": False,
    "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [], "nic.tx_ring": 256,
    "nic.rx_ring": 256, "nic.rx_buffer": "32KiB", "nic.tx_buffer": "32KiB", "host.virtual_switch.reach": "external",
    "host.virtual_switch.cores": [4, 5], "host.virtual_switch.byte_time": "0.01ns",
    "host.virtual_switch.ecn_threshold": "30000B", "driver.vms": {"pf": {"doorbell_time": "41.0001ns"}},
    "workload.pattern": "pairs", "workload.wire_share": 0.6, "workload.load": "saturate", "port.rate": "40Gbps",
    "workload.segment_bytes": "9001B", "workload.mss": "1448B", "workload.connections": 16,
    "run.clocks": "exact", "run.warmup": "30us", "run.duration": "100us",
}  # fmt: skip
OTHERWISE: Sequence[Mapping[str, Any]] = (
    {"nic.tso": "other"},
    {"workload.mss": "1440B"},
    {"workload.header_bytes": "67B"},
    {"driver.send_time": "1us"},
    {"driver.send_byte_time": "0.1ns"},
    {"host.buffer_offset": "7400B", "host.buffer_bytes": "16KiB"},
    {"nic.tx_ring": 64},
    {"host.virtual_switch.on_uplink_full": "wait"},
)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("tso", [True, False])
@pytest.mark.parametrize("changes", OTHERWISE, ids=str)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, changes: Mapping[str, Any], tso: bool) -> None:
    changes = {"nic.tso": tso, **changes}
    if changes["nic.tso"] == "other":
        changes["nic.tso"] = not tso
    both, other = (run_both(tmp_path, {**TOLD, **more}, None) for more in ({"nic.tso": tso}, changes))
    check_same_course(both, at_least=100)
    check_same_course(other, at_least=20)
    assert both.engine.wire_frames > 20
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=other.oracle_journeys), at_least=-1)


@pytest.mark.parametrize("tso", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"switch.uplink": {"native_vlan": None}},
        {"nic.strict": False, "switch.ports": [{"name": "vf1", "promiscuous": True}], "workload.pattern": "to_wire"},
        {"port.count": 2, "host.virtual_switch.bond": {"mode": "l4_hash"}},
        {"nic.max_pps": 2_000_017},
        {"nic.shared_descriptor_cache": 64},
    ],
    ids=str,
)
def test_what_is_seldom_set_takes_the_same_course(tmp_path: Path, changes: Mapping[str, Any], tso: bool) -> None:
    check_same_course(run_both(tmp_path, {**TOLD, "nic.tso": tso, **changes}, None), at_least=-1)
