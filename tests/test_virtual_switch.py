"""A virtual switch in the host's memory: what its cores carry, by hand; what it has not is refused in a line."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.check_virtual_switch import check_virtual_switch
from hwmodel.config.document import Document
from hwmodel.config.findings import Doubts, Findings
from hwmodel.config.virtual_switch import BYTE_TIME
from hwmodel.relaxations import relaxations_of
from hwmodel.results import check_balance
from hwmodel.results.modelled import modelled_sentence
from tests.config_cases import complaints

BASE = {
    "nic": {"mode": "vswitch", "vfs": 8},
    "host": {"virtual_switch": {"pass_by": "pointer"}},
    "workload": {"pattern": "pairs", "frame_bytes": 1500, "load": "saturate"},
    "run": {"duration": "4ms"},
}


def run(changes: dict[str, Any] | None = None) -> Result:
    result = simulate(config_from_mapping(BASE, changes or {}))
    assert check_balance(result) == []
    return result


@pytest.mark.parametrize(
    ("changes", "frame_ns"),
    [
        ({}, 400),
        ({"workload.frame_bytes": 64}, 400),
        ({"host.virtual_switch.pass_by": "copy"}, 400 + 1496 * 0.1),
        ({"host.virtual_switch.pass_by": "copy", "workload.frame_bytes": 64}, 406),
        ({"host.virtual_switch.batch_time": "3200ns"}, 500),  # rings are full, so are batches
    ],
)
def test_one_core_passes_a_frame_in_its_time(changes: dict[str, Any], frame_ns: float) -> None:
    result, expected = run(changes), limits(config_from_mapping(BASE, changes))
    n_bytes = changes.get("workload.frame_bytes", 1500)
    assert expected.gbps == pytest.approx(n_bytes * 8 / frame_ns) and expected.limited_by == "vswitch"
    assert result.totals.gbps == pytest.approx(expected.gbps, rel=0.03)
    assert result.bottleneck.resource == "vswitch" and "host.virtual_switch.cores" in result.bottleneck.keys
    core = result.cpu.cores[-1]
    assert core.busy == pytest.approx(1, abs=1e-3)
    assert core.by.get("copying", 0) == pytest.approx(
        (frame_ns - 400) / frame_ns * (frame_ns not in (500, 400)), abs=0.01
    )


def test_segments_are_passed_whole() -> None:
    """Measured "30 Gb/s" between VMs: 57,000 segments of 64 KiB a second, 17.5 us each; by pointer 400 ns of the core.

    Then the VMs' own cores are the limit.
    """
    segments = {"workload.frame_bytes": 65_606, "host.buffer_bytes": "64KiB", "nic.vfs": 4, "run.duration": "20ms"}
    slow = {**segments, "host.virtual_switch.frame_time": "17495ns"}
    assert limits(config_from_mapping(BASE, slow)).gbps == pytest.approx(30.0, rel=1e-3)
    result = run(slow)
    assert result.totals.gbps == pytest.approx(30, rel=0.03) and result.totals.mpps == pytest.approx(0.0572, rel=0.03)
    assert result.bottleneck.resource == "vswitch"
    by_pointer = limits(config_from_mapping(BASE, {**segments, "driver.byte_time": "0.05ns"}))
    assert by_pointer.limited_by == "driver.tx" and by_pointer.gbps > 250


@pytest.mark.parametrize(("pass_by", "per_byte"), [("copy", 2), ("parent", 4)])
def test_copies_of_all_cores_share_the_memory(pass_by: str, per_byte: int) -> None:
    """10 GB/s, of which a copy of 1514 B reads as many and writes as many; two cores would pass ten times that."""
    changes = {
        "workload.frame_bytes": 1518, "host.cores": 11, "driver.preset": "dpdk", "driver.frame_time": "20ns",
        "host.virtual_switch": {"pass_by": pass_by, "frame_time": "20ns", "byte_time": "10ps", "memory_rate": "80Gbps",
                                "cores": [9, 10]},
    }  # fmt: skip
    config, by_hand = config_from_mapping(BASE, changes), 1e10 / (per_byte * 1514) * 1518 * 8 / 1e9
    memory = next(one for one in limits(config).ceilings if one.resource == "host.memory")
    assert memory.frames_per_s == Fraction(10**10, per_byte * 1514)
    assert limits(config).gbps == pytest.approx(by_hand) and limits(config).limited_by == "host.memory"
    result = run(changes)
    assert result.totals.gbps == pytest.approx(by_hand, rel=0.01) and result.bottleneck.resource == "host.memory"
    assert result.utilization["host.memory"] == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize(
    ("pass_by", "words"),
    [("pointer", "passes frames by pointer on 1 core"), ("copy", "copies each frame once on 1 core"),
     ("parent", "copies each frame twice, through a parent partition, on 1 core")],
)  # fmt: skip
def test_what_it_is_in_words(pass_by: str, words: str) -> None:
    changes = {"host.virtual_switch.pass_by": pass_by, "host.virtual_switch.guest_time": "36ns"}
    found = modelled_sentence(config_from_mapping(BASE, changes).resolved())
    assert words in found and "(400ns a frame, 36ns for each VM that it comes from or goes to" in found
    threads = config_from_mapping(BASE, {**changes, "host.virtual_switch.thread_cores": [8]})
    assert "thread of the VM" in modelled_sentence(threads.resolved()) and "thread of the VM" not in found


def test_nothing_crosses_link_or_wire() -> None:
    result = run()
    assert sum(getattr(result.pcie.up.bytes, name) for name in ("payload", "descriptor", "doorbell", "writeback")) == 0
    assert (result.wire.tx_gbps, result.wire.rx_gbps) == (0, 0) and "Link busy" not in str(result.summary())


@pytest.mark.parametrize("kick_ns", [0, 250])
def test_one_frame_alone_takes_its_time_to_the_femtosecond(kick_ns: int) -> None:
    """Guests that poll see it as it lies there; the latency runs from the end of its post, where the bell is rung."""
    result = run({
        "driver.preset": "dpdk", "driver.tx_doorbell_batch": 1, "host.virtual_switch.kick": f"{kick_ns}ns",
        "host.virtual_switch.batch_time": "37ns", "host.virtual_switch.byte_time": "0.1ns", "run.clocks": "exact",
        "workload.load": "20Mbps", "workload.arrivals": "periodic",
    })  # fmt: skip
    assert result.latency_ns.min == pytest.approx(kick_ns + 37 + 400 + 149.6, abs=1e-6)


def test_two_cores_pass_twice_as_much_and_one_that_vms_use_too_less() -> None:
    one, two = run(), run({"host.cores": 11, "host.virtual_switch.cores": [9, 10], "driver.frame_time": "100ns"})
    assert two.totals.gbps == pytest.approx(2 * one.totals.gbps, rel=0.03)
    shared = run({"host.cores": 9, "host.virtual_switch.cores": [8]})
    assert shared.totals.gbps < 0.8 * one.totals.gbps and shared.bottleneck.resource == "vswitch"


def test_each_copy_takes_its_time() -> None:
    """A broadcast frame of eight VMs has eight copies: seven for the others, one for the PF."""
    result = run({"workload.pattern": "broadcast"})
    assert result.totals.gbps == pytest.approx(30, rel=0.04)
    assert result.totals.copies_delivered == pytest.approx(8 * result.totals.delivered_frames, rel=0.01)


def test_a_full_ring_drops_or_holds_all_behind_it() -> None:
    slow = {"driver.vms": {"vf0": {"frame_time": "20us"}}, "workload.pattern": "uniform", "nic.rx_ring": 64}
    drops, waits = run(slow), run({**slow, "nic.drop_enable": False})
    assert drops.drops["NO_DESCRIPTOR"] > 100 and "NO_DESCRIPTOR" not in waits.drops
    assert waits.totals.gbps < 0.5 * drops.totals.gbps and waits.bottleneck.resource in ("rx.descriptors", "driver.rx")


def test_its_time_is_what_explain_halves() -> None:
    found = {name for each in relaxations_of(config_from_mapping(BASE, {})) for name in each.resources}
    assert "vswitch" in found


def test_what_is_not_said_is_filled_in() -> None:
    for passed_by, byte_time in BYTE_TIME.items():
        config = config_from_mapping({"nic": {"mode": "vswitch", "vfs": 4}}, {"host.virtual_switch.pass_by": passed_by})
        own = config.resolved()["host"]["virtual_switch"]
        assert own["byte_time"] in (byte_time, {"0.1ns": "100ps", "0.2ns": "200ps"}.get(byte_time))
        assert (own["cores"], config.host.cores) == ([5], 6)  # four VMs, the PF, and the switch's own
    findings = Findings(Document("c.yaml", {}), Doubts())
    check_virtual_switch(config_from_mapping({}), findings)
    assert findings.problems == []
    assert "virtual_switch" not in config_from_mapping({}).resolved()["host"]


WIRE = "the virtual switch has no uplink (reach: internal); reach: external gives it one"
INSIDE = "nic: {mode: vswitch}\nhost: {virtual_switch: {reach: internal}}"
REFUSED = {
    f"{INSIDE}\nworkload: {{pattern: to_wire}}": [f"workload.pattern: {WIRE}"],
    f"{INSIDE}\nworkload: {{wire_share: 0.5}}": [f"workload.wire_share: {WIRE}"],
    f"{INSIDE}\nworkload: {{external: {{rate: 1Gbps}}}}": [f"workload.external: {WIRE}"],
    f"{INSIDE}\nworkload: {{pattern: flows, flows: [[vf0, uplink]]}}": [f"workload.flows.0: {WIRE}"],
    "nic: {mode: vswitch}\nhost: {virtual_switch: {uplink_queues: 2}}": [f"host.virtual_switch.uplink_queues: {WIRE}"],
    "nic: {mode: vswitch, preset: XL710, vfs: 128, queues_per_vf: 1}\nworkload: {pattern: to_wire}": [
        "nic.vfs: a virtual switch with an uplink has at most 127 VMs, beside the PF"],
    "nic: {mode: vswitch}\nswitch: {uplink: {vlans: [1]}}": [f"switch.uplink.vlans: {WIRE}"],
    "nic: {mode: vswitch}\nhost: {cores: 4, virtual_switch: {cores: [4]}}": [
        "host.virtual_switch.cores.0: there is no core 4; host.cores is 4, from 0 on"],
    "workload: {frame_bytes: 20000}": [
        "workload.frame_bytes: 20000 B is longer than a frame, 9728 B; a virtual switch alone passes segments whole "
        "(nic.mode: vswitch), and workload.segment_bytes says how they are cut for a wire"],
    "nic: {mode: vswitch}\nhost: {virtual_switch: {reach: external}}\nworkload: {frame_bytes: 20000}": [
        "workload.frame_bytes: 20000 B is longer than a frame, 9728 B; a virtual switch alone passes segments whole "
        "(nic.mode: vswitch), and workload.segment_bytes says how they are cut for a wire"],
    "nic: {mode: vswitch}\nservers: [{name: a, adapters: [{name: x}, {name: y}]}]": [
        "nic.mode: a virtual switch is modelled in a server with one adapter, its uplink"],
    "nic: {mode: vswitch}\nbridge: {}\nworkload: {segment_bytes: 64KiB}": [
        "workload.segment_bytes: segments handed to a virtual switch are not modelled with a bridge behind its uplink"],
    f"{INSIDE}\nservers: [{{name: a}}, {{name: b}}]\nworkload: {{pattern: flows, flows: [[a.vf0, b.vf0]]}}": [
        f"workload.flows.0: {WIRE}"],
    "nic: {mode: vswitch}\nscenario: [{at: 1ms, reset: vf0}]": [
        "scenario.0.reset: with nic.mode: vswitch VMs have ports of the host's switch, no functions that come, go or "
        "ask for something"],
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_it_has_not_is_refused_in_a_line(text: str) -> None:
    assert [line.split(": ", 1)[1] for line in complaints(text)] == REFUSED[text]
