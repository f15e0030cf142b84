"""Pools in place of functions: what the hypervisor's cores carry, on which cores queues are, what each core does."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel import limits, simulate
from hwmodel.config import config_from_mapping
from tests.run_cases import measured

DOORBELL_NS = 100 / 16  # driver.doorbell_time over driver.refill_batch


def received(n_vms: int, frame_bytes: int, changes: dict[str, Any] | None = None, **nic: Any) -> Any:
    """Return the configuration of an adapter whose VMs get all that the wire brings, in equal parts."""
    is_vmdq = (changes or {}).get("nic.mode") != "sriov"
    block = {
        "nic": {"preset": "82599", "mode": "vmdq", "vfs": n_vms, **nic},
        "driver": {"preset": "kernel"} | ({"pass_time": "400ns"} if is_vmdq else {}),
        "workload": {
            "pattern": "flows", "frame_bytes": frame_bytes,
            "flows": [["uplink", f"vf{number}", f"{9.8 / n_vms * frame_bytes / (frame_bytes + 20):.6f}Gbps"]
                      for number in range(n_vms)],
        },
        "run": {"duration": "2ms"},
    }  # fmt: skip
    return config_from_mapping(block, changes or {})


def frame_ns(frame_bytes: int, pass_ns: float = 400, pass_byte_ns: float = 0.1) -> float:
    """Work out what a frame takes its core: driver, passing, both copies, a doorbell for each sixteen."""
    return 800 + pass_ns + (frame_bytes - 4) * (0.1 + pass_byte_ns) + DOORBELL_NS


@pytest.mark.parametrize("n_vms", [1, 4, 8])
def test_short_frames_fill_a_core_for_each_vm(n_vms):
    result = simulate(received(n_vms, 64))
    per_core = 1e3 / frame_ns(64)  # Mpps
    assert result.totals.mpps == pytest.approx(n_vms * per_core, rel=0.02)
    assert result.bottleneck.resource == "driver.rx" and "hypervisor" in result.bottleneck.why
    assert "driver.pass_time" in result.bottleneck.keys
    assert len(result.cpu.cores) == n_vms
    for core in result.cpu.cores:
        assert core.busy == pytest.approx(1, abs=0.02)
        assert core.busy == pytest.approx(sum(core.by.values()))
        assert core.by["passing"] == pytest.approx(400 / frame_ns(64), rel=0.02)
        assert core.by["copying"] == pytest.approx(60 * 0.2 / frame_ns(64), rel=0.02)
        assert core.by["doorbells"] == pytest.approx(DOORBELL_NS / frame_ns(64), rel=0.05)
    assert result.cpu.cores_busy == pytest.approx(sum(core.busy for core in result.cpu.cores))


@pytest.mark.parametrize(("pass_by", "byte_ns"), [("copy", 0.1), ("pointer", 0.0)])
def test_the_closed_form_has_what_a_frame_takes(pass_by, byte_ns):
    for frame_bytes in (64, 1518):
        config = received(1, frame_bytes, {"driver.pass_by": pass_by})
        found = limits(config)
        assert found.limited_by == "driver.rx"
        assert found.mpps == pytest.approx(1e3 / frame_ns(frame_bytes, pass_byte_ns=byte_ns), rel=1e-6)
        assert measured(config).totals.mpps == pytest.approx(found.mpps, rel=0.02)


def test_four_pools_fill_the_wire_with_long_frames():
    one, four = (simulate(received(n_vms, 1518)) for n_vms in (1, 4))
    assert one.totals.gbps == pytest.approx(1518 * 8 / frame_ns(1518), rel=0.02)
    assert four.totals.gbps > 9.4 and four.bottleneck.resource != "driver.rx"


def test_fewer_cores_than_vms_share_them():
    result = measured(received(8, 64, {"host.cores": 2}))
    assert result.totals.mpps == pytest.approx(2e3 / frame_ns(64), rel=0.03)
    assert [core.core for core in result.cpu.cores] == [0, 1]


def test_a_function_costs_its_vm_no_passing():
    result = measured(received(1, 64, {"nic.mode": "sriov"}))
    assert result.totals.mpps == pytest.approx(1e3 / (800 + 60 * 0.1 + DOORBELL_NS), rel=0.02)
    assert "passing" not in result.cpu.cores[0].by


@pytest.mark.parametrize("mode", ["sriov", "vmdq"])
def test_queues_sit_on_the_cores_that_are_given(mode):
    changes = {
        "nic.mode": mode, "nic.queues_per_vf": 2, "host.cores": 5, "workload.connections": 64,
        "switch.ports": [{"name": "vf0", "cores": [3, 4]}, {"name": "vf1", "cores": [1]}],
    }  # fmt: skip
    result = measured(received(2, 64, changes))
    busy = {core.core: core.busy for core in result.cpu.cores}
    assert busy[0] == busy[2] == 0 and min(busy[1], busy[3], busy[4]) > 0.97
    first, second = (next(vm.rx_mpps for vm in result.vms if vm.name == name) for name in ("vf0", "vf1"))
    assert first == pytest.approx(2 * second, rel=0.03)  # two queues on two cores, and two on one


def test_a_driver_that_polls_leaves_its_core_no_rest():
    changes = {"driver.preset": "dpdk", "workload.flows": [["uplink", "vf0", "1Gbps"]], "host.cores": 3}
    result = measured(received(1, 1518, changes))
    cores = {core.core: core for core in result.cpu.cores}
    assert cores[1].busy == pytest.approx(1) and cores[1].by["polling"] > 0.9
    assert result.cpu.cores_busy == pytest.approx(1 - cores[1].by["polling"], abs=1e-6)
    assert cores[2].busy == 0 and not cores[2].by


def test_interrupts_and_messages_are_told_apart():
    block = {
        "nic": {"preset": "82599", "vfs": 2}, "driver": {"preset": "kernel", "adaptive_moderation": False},
        "host": {"cores": 3},
        "workload": {"pattern": "flows", "frame_bytes": 64, "flows": [["uplink", "vf0", "10Mbps"]],
                     "arrivals": "periodic"},
        "run": {"duration": "20ms", "warmup": "1ms"},
    }  # fmt: skip
    result = measured(config_from_mapping(block))
    core = next(core for core in result.cpu.cores if core.core == 1)
    per_s = 1e7 / (64 * 8)
    assert core.by["interrupts"] == pytest.approx(per_s * 1e-6, rel=0.05)  # driver.interrupt_time 1 us, one a frame
    assert core.by["driver"] == pytest.approx(per_s * 800e-9, rel=0.05)
    message = {"from": "vf1", "message": "set_vlan", "vlan": 20, "add": True}
    asked = {**block, "scenario": [{"at": f"{at}ms", "mailbox": message} for at in range(2, 18)]}
    told = {core.core: core for core in simulate(config_from_mapping(asked)).cpu.cores}
    assert told[0].by["messages"] > 0  # the PF's core


@pytest.mark.parametrize(("pass_by", "byte_ns"), [("copy", 0.1), ("pointer", 0.0)])
def test_a_send_is_passed_whole(pass_by, byte_ns):
    """Of 64 KiB at MSS 1448: six descriptors, 65,602 B, 46 frames, so one passing instead of 46."""
    config = config_from_mapping({
        "nic": {"preset": "82599", "mode": "vmdq", "vfs": 4},
        "driver": {"preset": "kernel", "pass_by": pass_by},
        "workload": {"pattern": "to_wire", "segment_bytes": "64KiB", "load": "1Gbps", "arrivals": "periodic"},
        "run": {"duration": "10ms"},
    })  # fmt: skip
    send_ns = 800 + 200 + 6 * 80 + 65602 * byte_ns  # the driver's, a tenth of it for each descriptor, copying
    result = measured(config)
    assert result.segments["descriptors"] == 6 * result.segments["sends"]
    sends_per_s = 4e9 / (8 * (45 * 1518 + 446))
    by = {word: sum(core.by.get(word, 0) for core in result.cpu.cores) for word in ("driver", "passing", "copying")}
    assert sum(by.values()) == pytest.approx(sends_per_s * send_ns / 1e9, rel=0.01)
    assert by["passing"] == pytest.approx(sends_per_s * 200e-9, rel=0.01)
    assert by["copying"] == pytest.approx(sends_per_s * 65602 * byte_ns / 1e9, rel=0.01)
