"""The uplink of the host's virtual switch takes the same course in the engine and in the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import Commands, check_same_course, run_both
from tests.drawn_machines import some_of
from tests.seeds import seeds
from tests.test_virtual_switch_against_simpy import SWITCH, VMS

SEEDS = seeds(8, 8, 300)
ADAPTER: Mapping[str, Sequence[Any]] = {
    "nic.tx_ring": (40, 65, 128),
    "nic.rx_ring": (48, 64, 256),
    "nic.fetch_batch": (1, 3, 8),
    "nic.rx_fetch_batch": (1, 3, 8),
    "nic.rx_prefetch": (0, 8, 11),
    "nic.descriptor_cache": (20, 64),
    "nic.tx_writeback_batch": (1, 5, 8),
    "nic.rx_writeback_batch": (1, 3, 8),
    "nic.writeback_timeout": ("3.0007us", "20.0011us"),
    "nic.tx_buffer": ("2KiB", "8KiB", "32KiB"),
    "nic.rx_buffer": ("2KiB", "3KiB", "32KiB"),
    "nic.max_pps": (None, 700_001, 3_000_017),
    "nic.queue_time": ("0ns", "78.0011ns"),
    "nic.store_rate": (None, "8Gbps"),
    "nic.tx_descriptor": ("16B", "64B"),
    "nic.completion_entry": (None, "16B", "64B"),
    "nic.doorbell": ("4B", "8B"),
    "nic.dma": (
        None,
        {"read": {"operation": "97.0007ns", "outstanding": 3}, "write": {"rate": "23Gbps", "latency": "66.0001ns"}},
        {"shared_rate": "31Gbps", "read": {"latency": "185.0003ns"}, "write": {"outstanding": 4}},
    ),
    "pcie.generation": (1, 2, 3),
    "pcie.lanes": (1, 2, 4, 8),
    "pcie.tags": (2, 8, 32),
    "pcie.max_payload": ("128B", "256B"),
    "pcie.propagation": ("0ns", "150.01ns"),
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.arbitration": ("round_robin", "reads_first", "writes_first", "arrival"),
    "pcie.credits": ({"return": "200ns"}, {"ph": 12, "pd": 120, "return": "200ns"}, {"ph": 4, "return": "600.0003ns"}),
    "host.buffer_bytes": ("512B", "2KiB"),
    "host.buffer_offset": ("0B", "64B"),
    "host.jitter": ({"kind": "fixed"}, {"kind": "uniform", "range": "1us"}),
    "host.write_latency": ("0ns", "470.0009ns"),
    "host.write_drain": (None, "12Gbps"),
    "switch.scheduler": ("round_robin", "weighted", "deficit"),
    "switch.mirrors": ([{"to": "vf3", "from": "uplink"}], [{"to": "pf", "from": "uplink", "direction": "egress"}]),
}
OF_PF: Mapping[str, Sequence[Any]] = {
    "preset": ("kernel", "dpdk", "kernel_busy_poll"),
    "frame_time": ("211.0003ns", "800.0001ns"),
    "doorbell_time": ("0ns", "41.0001ns", "207.0013ns"),
    "moderation": ("0us", "9.0007us", "25us"),
    "rx_interrupt_batch": (0, 1, 4),
    "tx_interrupt_batch": (0, 1, 8),
    "mask_interrupts": (False, True),
    "refill_batch": (1, 7, 16),
    "poll_budget": (1, 5, 64),
    "interrupt_time": ("0ns", "300.0003ns"),
    "exit_time": ("0ns", "700.0011ns"),
    "wakeup_time": ("0ns", "900.0007ns"),
    "refill": (True, True, True, False),
}
LOADS: Sequence[Mapping[str, Any]] = (
    {"workload.load": "saturate"},
    {"workload.load": "900Mbps", "workload.arrivals": "poisson"},
    {"workload.load": "2Gbps", "workload.arrivals": "periodic", "workload.on_full": "drop"},
    {"workload.load": "4Gbps", "workload.arrivals": "on_off", "workload.peak_rate": "9Gbps"},
)
EXTERNAL: Sequence[Any] = (
    None,
    {"share": 0.1},
    {"share": 0.5, "arrivals": "periodic"},
    {"share": 0.75, "to": ["vf1", "pf", "vf3"]},  # of 64 B a wire carries 0.76 of its rate
)


def draw_uplink(seed: int) -> tuple[dict[str, Any], Commands]:
    """Draw VMs, a switch with an uplink and its driver, an adapter, what they send and what comes; and commands."""
    chance = random.Random(f"uplink {seed}")
    pf = some_of(chance, OF_PF, 2)
    if chance.random() < 0.2:
        pf |= {"mask_interrupts": True, "adaptive_moderation": True, "moderation": "9.0007us"}
    pattern = chance.choice(("to_wire", "to_wire", "pairs", "uniform", "broadcast", "none"))
    external, rate_gbps = chance.choice(EXTERNAL[pattern == "none" :]), chance.choice((1, 10, 10, 25))
    queues = chance.choice((None, None, 1, 2, 4))
    changes = {
        "nic.mode": "vswitch", "host.cores": 10, "host.iotlb": None, "switch.mirrors": [],
        **some_of(chance, SWITCH, 3), **some_of(chance, VMS, 4), "nic.tx_ring": 64, **some_of(chance, ADAPTER, 8),
        "nic.drop_enable": True,
        "host.virtual_switch.reach": "external", "host.virtual_switch.uplink_queues": queues,
        "driver.vms": {"pf": pf},
        **(chance.choice(LOADS) if pattern != "none" else {}),
        "port.rate": f"{rate_gbps}Gbps",
        "workload.pattern": pattern,
        "workload.wire_share": chance.choice((0, 0.3, 0.8)) if pattern in ("pairs", "uniform") else 0,
        "workload.connections": chance.choice((1, 16)),
        "workload.frame_bytes": chance.choice((64, 333, 1518)),
        "run.seed": seed, "run.clocks": "exact", "run.warmup": "30us", "run.duration": "200us",
    }  # fmt: skip
    if external is not None:
        changes["workload.external"] = {**external, "rate": f"{1000 * rate_gbps * external['share']:.0f}Mbps"}
        del changes["workload.external"]["share"]
        _let_rings_be_known(changes)
    if changes["workload.connections"] > 1:
        changes["nic.queues_per_vf"] = chance.choice((1, 2))
    return changes, _draw_commands(chance, rate_gbps if external else rate_gbps / 10, 2 * rate_gbps)


def _let_rings_be_known(changes: dict[str, Any]) -> None:
    """Let frames from the wire have a hash, which names the same ring by a table of 128 and without it."""
    changes["workload.connections"] = 16
    is_of_three = len(changes.get("host.virtual_switch.cores", [5])) == 3
    if is_of_three and changes["host.virtual_switch.uplink_queues"] is None:
        changes["host.virtual_switch.uplink_queues"] = 2


def _draw_commands(chance: random.Random, *rates_gbps: float) -> Commands:
    changes = [{"port.rate": f"{1000 * rate:.0f}Mbps"} for rate in rates_gbps]
    changes += [{"port.down": ["p0"]}, {"port.down": []}, {"pcie.generation": 1, "pcie.lanes": 4}]
    times_us = sorted(chance.sample(range(20, 200), chance.choice((0, 0, 1, 3))))
    return [(at_us * 10**9, chance.choice(changes)) for at_us in times_us]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_uplink_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, commands = draw_uplink(seed)
    check_same_course(run_both(tmp_path, changes, None, commands=commands), at_least=-1)


TOLD = {
    "nic.mode": "vswitch", "host.cores": 6, "host.iotlb": None, "switch.mirrors": [], "nic.rx_buffer": "1KiB",
    "pcie.lanes": 2,    "host.virtual_switch.reach": "external", "host.virtual_switch.cores": [4, 5],
    "host.virtual_switch.byte_time": "0.05ns", "driver.frame_time": "500ns",
    "driver.vms": {"pf": {"doorbell_time": "41.0001ns", "interrupt_time": "300.0003ns", "poll_budget": 16}},
    "workload.pattern": "pairs", "workload.wire_share": 0.5, "workload.load": "saturate", "workload.frame_bytes": 333,
    "workload.connections": 16, "workload.external": {"rate": "6Gbps", "to": ["vf0", "vf1", "vf2", "vf3"]},
    "run.clocks": "exact", "run.warmup": "30us", "run.duration": "100us",
}  # fmt: skip


def told(pf: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the machine is told if the driver of its uplink has other values."""
    return {"driver.vms": {"pf": {**TOLD["driver.vms"]["pf"], **pf}}}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    "changes",
    [
        {"host.virtual_switch.uplink_queues": 1},
        {"host.virtual_switch.batch_time": "1ns"},
        {"host.virtual_switch.byte_time": "0.0501ns"},
        told({"doorbell_time": "42ns"}),
        told({"interrupt_time": "301ns"}),
        told({"poll_budget": 15}),
        told({"refill_batch": 7}),
        told({"rx_interrupt_batch": 7}),
        {"nic.tx_writeback_batch": 7},
        {"nic.rx_buffer": "2KiB"},
        {"nic.max_pps": 9_000_000},
        {"nic.fetch_batch": 7},
        {"pcie.lanes": 8},
        {"nic.strict": False, "port.rate": "11Gbps"},
        {"port.down": ["p0"]},
    ],
    ids=str,
)
def test_what_the_other_model_is_not_told_is_seen(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    both, other = (run_both(tmp_path, {**TOLD, **more}, None) for more in ({}, changes))
    check_same_course(both, at_least=100)
    assert both.engine.wire_frames > 20 and both.engine.drops["RX_BUFFER_FULL"] > 20
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=other.oracle_journeys), at_least=-1)


@pytest.mark.parametrize("pf", [{"exit_time": "9us"}, {"tx_interrupt_batch": 1}], ids=str)
def test_what_the_drivers_of_functions_have_beside_is_not_of_the_uplink(tmp_path: Path, pf: Mapping[str, Any]) -> None:
    """The PF is a guest too, but nobody sends to it here."""
    both, other = (run_both(tmp_path, {**TOLD, **more}, None) for more in ({}, told(pf)))
    check_same_course(other, at_least=100)
    assert other.engine_journeys == both.engine_journeys


@pytest.mark.parametrize(
    "changes",
    [
        {"host.virtual_switch.batch": 1, **told({"doorbell": "inline"})},
        {"nic.shared_descriptor_cache": 40},
        {"nic.drop_enable": False, **told({"refill": False})},
        {"host.virtual_switch.uplink_queues": 3},
        {"switch.uplink": {"native_vlan": None}},
        {"host.cache": {"size": "300KiB", "write_miss": "45.0023ns"}},
        {"host.virtual_switch.pass_by": "parent", "host.virtual_switch.memory_rate": "20Gbps"},
        {"host.virtual_switch.guest_time": "41.0003ns"},
        {"host.cores": 10, "host.virtual_switch.thread_cores": [6, 7, 8, 9], "host.virtual_switch.guest_time": "2us"},
    ],
    ids=str,
)
def test_what_is_seldom_set_takes_the_same_course(tmp_path: Path, changes: Mapping[str, Any]) -> None:
    check_same_course(run_both(tmp_path, {**TOLD, **changes}, None), at_least=-1)
