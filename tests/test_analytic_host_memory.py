"""What a frame costs the host's memory, by hand: what adapters move, and what cores copy."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.limits_record import memory_bytes
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, Demand, nothing_of
from hwmodel.config import load_config
from hwmodel.explore.ways import ways_of
from hwmodel.simulation import simulate

MEMORY_CASES: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    # Of a frame of 1518 B: 1514 B read and written, of descriptors and write-backs 16 B each, all four. Each end's
    # kernel driver copies once, VMDq's hypervisor once more at each end, the virtual switch once: 2 * 1514 B a copy.
    "1518 B": ({}, {
        "sriov_veb": 2 * 1514 + 4 * 16 + 2 * 3028, "e_tag": 2 * 1514 + 4 * 16 + 2 * 3028,
        "vmdq": 2 * 1514 + 4 * 16 + 4 * 3028, "vswitch_pointer": 2 * 3028, "vswitch_copy": 3 * 3028,
    }),
    # Nobody copies but the virtual switch, and the hypervisor unless by pointer.
    "dpdk, 64 B": ({"driver.preset": "dpdk", "workload.frame_bytes": 64, "driver.pass_by": "pointer"}, {
        "sriov_veb": 2 * 60 + 64, "vmdq": 2 * 60 + 64, "vswitch_pointer": 0, "vswitch_copy": 120,
    }),
    # One of both ends copies; of two sizes the mean counts, (60 + 566) / 2 = 313 B.
    "one end": ({"driver.vms.vf1.preset": "dpdk", "workload.sizes": [[64, 1], [570, 1]], "workload.frame_bytes": None,
                 "nic.vfs": 2, "workload.load": "100Mbps"}, {
        "vepa": 2 * 313 + 64 + 2 * 313, "vswitch_pointer": 2 * 313, "vswitch_copy": 4 * 313,
    }),
    # Of one frame read nine copies are written, to seven VFs, the PF and the wire, whose nine ends are one frame each.
    "broadcast": ({"workload.pattern": "broadcast", "driver.preset": "dpdk", "bridge": None, "switch.mode": "veb"}, {
        "sriov_veb": (1514 + 32 + 8 * (1514 + 32)) / 9, "vswitch_copy": 3028,
    }),
    # Two Rx buffers of 2 KiB hold the frame: two Rx descriptors are read, and two reported.
    "two buffers": ({"workload.frame_bytes": 3004, "switch.ports": [{"name": "all", "max_frame": "9018B"}],
                     "driver.preset": "dpdk"}, {"sriov_veb": 2 * 3000 + 6 * 16, "vswitch_copy": 6000}),
}  # fmt: skip


@pytest.mark.parametrize("case", MEMORY_CASES)
def test_bytes_of_memory_by_hand(case: str) -> None:
    changes, expected = MEMORY_CASES[case]
    configs, _ = ways_of(load_config("compare_10g", changes))
    found = {way.name: limits(config).memory_bytes for way, config in configs.items()}
    assert {way: found[way] for way in expected} == pytest.approx(expected)


def test_payload_is_that_of_a_run() -> None:
    """A run counts what crosses the link in whole double words: 1516 B of 1514."""
    config = load_config("compare_10g", {"switch.mode": "vepa", "bridge.kind": "learning", "run.duration": "1ms"})
    pcie = simulate(config).pcie
    payload = pcie.up.per_frame["payload"] + pcie.down.per_frame["payload"]
    assert payload - 4 + 64 + 2 * 3028 == pytest.approx(limits(config).memory_bytes)


def test_frames_that_nobody_gets_have_no_bytes() -> None:
    demand = Demand(nothing_of(((64, ONE),)), (), None)
    assert memory_bytes(System.of(load_config("vmdq_10g")), demand, ((),), ONE) is None
