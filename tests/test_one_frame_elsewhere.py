"""One frame on an idle adapter, by other ways than from VM to VM: the wire, the switch core, to all."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from hwmodel.analytic import limits
from hwmodel.simulation.run.one_frame import lone_parts_fs
from tests.one_frame import (
    ALONE,
    BROADCAST,
    INTERRUPT,
    NOBODY,
    NS,
    OUTSIDE,
    R,
    T,
    begin_one,
    check_one,
    in_1518,
    out_1518,
    parts_of_one,
    send_one,
    to_payload,
)

# Frame, preamble, gap: 20 B more than the frame, at 10 Gb/s 0.8 ns each.
TO_WIRE = {
    "long": ({}, 1518, to_payload() + in_1518() + 1538 * 800_000),
    "short": ({}, 64, to_payload() + T[80] + 84 * 800_000),
    "slow port": ({"port.rate": "1Gbps"}, 64, to_payload() + T[80] + 84 * 8_000_000),
    "pipeline": ({"nic.max_pps": 3_000_000}, 64, to_payload() + T[80] + 84 * 800_000 + 333_333_333),
}


@pytest.mark.parametrize("name", TO_WIRE)
def test_from_a_vm_to_the_wire(tmp_path, name):
    changes, n_bytes, expected_fs = TO_WIRE[name]
    result = send_one(tmp_path, changes, to=NOBODY, n_bytes=n_bytes)
    assert result.totals.delivered_to_wire == 1
    assert round(result.latency_ns.min * NS) == expected_fs
    assert result.wire.wait_ns.max == 0


# From the end of reception on.
FROM_WIRE = {
    "long": ({}, 1518, out_1518() + T[40]),
    "short, interrupt": (INTERRUPT, 64, T[84] + T[40] + T[28]),
    "pipeline": ({"nic.max_pps": 3_000_000}, 64, 333_333_333 + T[84] + T[40]),
    "Rx descriptor on demand": ({"nic.rx_prefetch": 0}, 64, T[24] + R + T[36] + T[84] + T[40]),
}


@pytest.mark.parametrize("name", FROM_WIRE)
def test_from_the_wire_to_a_vm(tmp_path, name):
    changes, n_bytes, expected_fs = FROM_WIRE[name]
    result = send_one(tmp_path, changes, of=OUTSIDE, n_bytes=n_bytes)
    assert result.totals.from_wire == 2
    assert round(result.latency_ns.min * NS) == expected_fs


CYCLE = 6_400_000  # of 156.25 MHz
POSTED = 20_020 * NS  # 20 ns after the frame was given to the driver
CORE = {"switch.timing": "core"}
NARROW = {**CORE, "switch.bus_bits": 64}


def through_core(whole_fs: int, cycles: int) -> int:
    """Return when a frame that is whole at a time has passed the core: so many cycles after the next clock edge."""
    return (-(-whole_fs // CYCLE) + cycles) * CYCLE


# Cycles: 2 to the grant, 6 and H (3 for 64 bits) to the decision, then the words, of 64 or 8 B.
BY_CORE = {
    "short": (CORE, 64, through_core(POSTED + to_payload() + T[80], 4 + 11 + 1) - POSTED + T[84] + T[40]),
    "long": (CORE, 1518, through_core(POSTED + to_payload() + in_1518(), 4 + 11 + 24) - POSTED + out_1518() + T[40]),
    "narrow": (NARROW, 64, through_core(POSTED + to_payload() + T[80], 4 + 11 + 3 + 8) - POSTED + T[84] + T[40]),
    "behind the pipeline": (
        {**CORE, "nic.max_pps": 3_000_000}, 64,
        through_core(POSTED + to_payload() + T[80] + 333_333_333, 16) - POSTED + T[84] + T[40],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_CORE)
def test_by_the_switch_core(tmp_path, name):
    changes, n_bytes, expected_fs = BY_CORE[name]
    run = begin_one(tmp_path, changes, n_bytes=n_bytes)
    result = check_one(run)
    assert round(result.latency_ns.min * NS) == expected_fs
    found = limits(run.config)
    assert parts_of_one(run) == lone_parts_fs(run.config, found.lone_frame, POSTED % CYCLE)
    assert abs(lone_parts_fs(run.config, found.lone_frame)["switch"] - parts_of_one(run)["switch"]) < CYCLE
    assert any("begins at a clock edge" in note for note in found.notes)
    n_words = -(-(n_bytes - 4) // (8 if name == "narrow" else 64))
    assert result.utilization["switch.bus"] * result.window.duration_ns * NS == pytest.approx(n_words * CYCLE)


def test_by_the_switch_core_to_and_from_the_wire(tmp_path):
    out = send_one(tmp_path, CORE, to=NOBODY, n_bytes=64)
    expected_fs = through_core(POSTED + to_payload() + T[80], 16) - POSTED + 84 * 800_000
    assert round(out.latency_ns.min * NS) == expected_fs
    received = 20_000 * NS + 84 * 800_000  # the capture's time is that at which the line begins
    inward = send_one(tmp_path, CORE, of=OUTSIDE, n_bytes=64)
    assert round(inward.latency_ns.min * NS) == through_core(received, 16) - received + T[84] + T[40]


def test_a_broadcast_is_read_once_and_written_to_each(tmp_path):
    result = send_one(tmp_path, {}, to=BROADCAST)
    found = {flow.to: round(flow.latency_ns.min * NS) for flow in result.flows if flow.latency_ns.count}
    assert found == {
        "uplink": to_payload() + in_1518() + 1538 * 800_000,
        "pf": ALONE,
        "vf1": ALONE + out_1518() + T[40],  # behind the PF's payload and write-back
    }
    assert (result.totals.copies_made, result.totals.delivered_frames) == (3, 1)
    assert (result.pcie.up.bytes.payload, result.pcie.down.bytes.payload) == (2 * 1516, 1516)


def test_bytes_of_a_frame_alone(tmp_path):
    use = send_one(tmp_path, {**INTERRUPT, "nic.tx_writeback_batch": 1, "driver.tx_interrupt_batch": 1}).pcie
    up, down = (asdict(direction.bytes) | {"skp": 0} for direction in (use.up, use.down))
    none = dict.fromkeys(up, 0)
    assert up == none | {"payload": 1516, "tlp_overhead": 6 * 24, "read_request": 3 * 24, "descriptor": 24,
                         "writeback": 2 * 40, "interrupt": 2 * 28}  # fmt: skip
    assert down == none | {"payload": 1516, "tlp_overhead": 6 * 20, "descriptor": 36, "doorbell": 28}


def test_a_window_may_begin_between_a_read_and_its_answer(tmp_path):
    """With one tag the last of three functions fetches its Rx descriptors at 12 us; the window begins at 15 us."""
    slow = {"host.read_latency": "6us", "pcie.tags": 1, "nic.rx_prefetch": 8}
    use = begin_one(tmp_path, slow, to=NOBODY, of=OUTSIDE).result().pcie
    assert (use.up.bytes.descriptor, use.down.bytes.descriptor) == (0, 20 + 8 * 16)
