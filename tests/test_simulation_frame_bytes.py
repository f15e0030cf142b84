"""Bytes a delivered frame, by purpose: beside the closed form's steps, and of mixes between what they are mixed of."""

from __future__ import annotations

from collections import Counter

import pytest

from hwmodel.analytic import limits
from hwmodel.config import Config, load_config
from hwmodel.results import Result
from hwmodel.simulation.figures.adapter_figures import LEAST_FRAMES, PURPOSES, frame_bytes
from tests.analytic_cases import demo
from tests.config_cases import CONFIGS
from tests.run_cases import measured

RUN = {"run.frames": 8000, "run.duration": "10s"}
TO_WIRE = {"workload.pattern": "to_wire"}
FROM_WIRE = {"workload.pattern": "none", "workload.external": {"rate": "8Gbps", "frame_bytes": 1518}}
MIRROR = {"switch.mirrors": [{"to": "vf7", "from": "vf0", "direction": "ingress"}]}
POLLED = {
    "driver.preset": "dpdk", "driver.rx_interrupt_batch": 0, "driver.tx_interrupt_batch": 0, "workload.frame_bytes": 64
}  # fmt: skip
CASES = {
    "pairs": {},
    "64 B": {"workload.frame_bytes": 64},
    "257 B": {"workload.frame_bytes": 257},
    "64-bit addresses": {"pcie.address_bits": 64, "pcie.ecrc": True},
    "another DLLP model": {"pcie.dllp_model": "tlp1"},
    "DLLPs as a share": {"pcie.dllp_model": "pcie_bench"},
    "completions cut at 64 B": {"host.completion_bytes": "rcb"},
    "polled": POLLED,
    "one frame a batch": {"nic.rx_writeback_batch": 1, "nic.fetch_batch": 1, "driver.tx_doorbell_batch": 1},
    "to the wire": TO_WIRE,
    "from the wire": FROM_WIRE,
    "incast": {"workload.pattern": "incast"},
    "broadcast": {"workload.pattern": "broadcast", "workload.frame_bytes": 570},
    "multicast": {"workload.pattern": "multicast", "workload.frame_bytes": 570},
    "mirrored": MIRROR,
}


COPIES = {"broadcast": 9, "multicast": 9}  # of a frame of vf0: to seven VFs, the PF, the wire
# What the closed form's steps are called, by what a result calls them; the payload with its TLPs' overhead.
STEPS = {
    "payload write": "payload",
    "payload read completion": "payload",
    "payload read request": "read_request",
    "descriptor read": "descriptor",
    "write-back": "writeback",
    "interrupt": "interrupt",
    "doorbell": "doorbell",
    "Acks": "dllp",
}


def steps_by_purpose(config: Config, n_copies: int) -> dict[str, dict[str, float]]:
    """Add up the closed form's steps for one delivered copy."""
    found = {"up": Counter(), "down": Counter()}
    for step in limits(config).steps:
        (purpose,) = {purpose for words, purpose in STEPS.items() if words in step.name}
        found[step.direction][purpose] += float(step.n_bytes) / n_copies
    return {name: dict(purposes) for name, purposes in found.items()}


def run(changes) -> Result:
    return measured(demo({**RUN, **changes}))


def per_frame(result: Result) -> dict[str, dict[str, float]]:
    """Return the bytes a frame by purpose, the payload with its TLPs' overhead, what is 0 left out."""
    found = {}
    for name in ("up", "down"):
        purposes = dict(getattr(result.pcie, name).per_frame)
        assert set(purposes) == set(PURPOSES)
        purposes["payload"] += purposes.pop("tlp_overhead")
        found[name] = {purpose: n_bytes for purpose, n_bytes in purposes.items() if n_bytes}
    return found


@pytest.mark.parametrize("case", CASES)
def test_each_purpose_takes_what_the_closed_form_says(case):
    expected = steps_by_purpose(demo({**CASES[case], **RUN}), COPIES.get(case, 1))
    found = per_frame(run(CASES[case]))
    for name in ("up", "down"):
        assert found[name] == pytest.approx(expected[name], abs=0.5 if case == "mirrored" else 0.01)


def test_overhead_is_24_bytes_a_write_and_20_a_completion():
    pcie = run({}).pcie
    assert (pcie.up.per_frame["payload"], pcie.up.per_frame["tlp_overhead"]) == (1516, 6 * 24)
    assert (pcie.down.per_frame["payload"], pcie.down.per_frame["tlp_overhead"]) == (1516, 6 * 20)


def test_a_jumbo_frame_has_its_own_payload():
    # Descriptors of 2 KiB: the closed form knows the mean of the cuts, which a window may miss by little.
    changes = {"workload.frame_bytes": 9018, "switch.ports": [{"name": "all", "max_frame": "9018B"}], "nic.vfs": 4}
    result = run(changes)
    assert result.pcie.up.per_frame["payload"] == result.pcie.down.per_frame["payload"] == 9016
    expected = steps_by_purpose(demo({**changes, **RUN}), 1)
    for name, purposes in per_frame(result).items():
        assert sum(purposes.values()) == pytest.approx(sum(expected[name].values()), rel=0.001)


def test_what_jumbo_frames_cost_beyond_full_batches():
    # By hand, where the closed form counts full batches. Four VMs share the link, and each sends a frame every 21.5 us,
    # so a write-back timer of 70 us finds four Tx descriptors held, not eight. Reads of descriptors are whole batches:
    # the first frame, told and read alone, leaves a batch of seven, and those behind it begin at multiples of eight.
    by_32 = {f"driver.{name}": 32 for name in ("refill_batch", "rx_interrupt_batch", "tx_interrupt_batch")}
    driver = {"driver.preset": None, "driver.tx_doorbell_batch": 1, **by_32}
    nic = {"nic.fetch_batch": 8, "nic.writeback_timeout": "70us"}
    config = load_config(CONFIGS / "sriov_jumbo.yaml", {**driver, **nic, "run.frames": 4000, "run.duration": "1s"})
    full = {step.name: float(step.n_bytes) for step in limits(config).steps}
    result = measured(config)
    up, down = result.pcie.up.per_frame, result.pcie.down.per_frame
    four, eight = (24 + 4 * 16) / 4, (24 + 8 * 16) / 8
    assert (full["Tx write-back"], full["Tx descriptor read request"]) == (eight, 24 / 8)
    assert up["writeback"] == pytest.approx(full["Rx write-back"] + four, abs=0.05)
    assert up["descriptor"] == pytest.approx(full["Rx descriptor read request"] + 24 / 8, abs=0.05)
    assert down["descriptor"] == pytest.approx(full["Rx descriptor read completion"] + 16 + 20 / 8, abs=0.05)
    more_tlps_up = 1 / 4 - 1 / 8
    assert down["dllp"] == pytest.approx(full["Acks and UpdateFCs for TLPs up"] + 4 * more_tlps_up, abs=0.05)
    assert up["dllp"] == pytest.approx(full["Acks and UpdateFCs for TLPs down"], abs=0.05)


def test_a_light_load_with_timers_costs_what_chance_lets_its_frames_share():
    # A VM's frames are 98.4 us apart on average. One that finds no other within the timer of 10 us has a write-back of
    # its own on either side: at equal distances all do. Of a Poisson stream a write-back and those who come within its
    # timer are 1 + T / gap frames, and how many these are in a window is chance: a binomial deviation of 0.6 B of 500.
    timers = {"nic.writeback_timeout": "10us", "driver.moderation": "20us", "workload.load": 0.1}
    gap_us = (1518 + 20) * 8 / 10e3 / 0.1 * 8
    alone_share = 1 / (1 + 10 / gap_us)
    for n_frames in (500, 4000):
        window = {**timers, "run.frames": n_frames, "run.duration": "10s"}
        periodic = measured(demo({**window, "workload.arrivals": "periodic"})).pcie.up.per_frame
        assert periodic["writeback"] == pytest.approx(2 * (24 + 16), abs=1e-6)
        poisson = measured(demo({**window, "workload.arrivals": "poisson"})).pcie.up.per_frame
        deviation = 2 * 24 * (alone_share * (1 - alone_share) / n_frames) ** 0.5
        assert poisson["writeback"] == pytest.approx(2 * (24 * alone_share + 16), abs=3.5 * deviation)


def test_interrupts_that_tell_of_sent_descriptors_alone_count():
    """A driver that masks its interrupts gets them for frames that leave by the wire too, 24 + 4 bytes each."""
    changes = {**TO_WIRE, "nic.vfs": 1, "driver.preset": "kernel", "run.duration": "1ms"}
    result = measured(demo(changes))
    per_frame, in_all = result.pcie.up.per_frame, result.pcie.up.bytes
    assert in_all.interrupt > 0 and in_all.interrupt % 28 == 0
    assert per_frame["interrupt"] == pytest.approx(in_all.interrupt / result.window.wire_frames, rel=0.01)


def test_a_mix_is_so_much_of_the_one_and_so_much_of_the_other():
    # A share w stays inside: each purpose up is w times what it is of pairs, and the rest of what it is to the wire.
    inside, outside = per_frame(run({})), per_frame(run(TO_WIRE))
    for n_frames in (150, 700, 8000):
        result = measured(demo({"workload.wire_share": 0.4, **RUN, "run.frames": n_frames}))
        share = result.pcie.up.per_frame["payload"] / 1516
        assert share == pytest.approx(0.6, abs=0.1)
        for name, purposes in per_frame(result).items():
            expected = {
                purpose: share * n_bytes + (1 - share) * outside[name].get(purpose, 0)
                for purpose, n_bytes in inside[name].items()
            }
            assert purposes == pytest.approx(expected, abs=1.0)


def test_a_mix_of_frames_from_vms_and_from_the_wire():
    # Under a load that leaves the drivers idle between frames, each rings for itself: so it must be the same load.
    inside, outside = per_frame(run({"workload.load": 0.3})), per_frame(run(FROM_WIRE))
    result = run({"workload.load": 0.3, "workload.external": {"rate": "3Gbps", "frame_bytes": 1518}})
    share = result.pcie.down.per_frame["payload"] / 1516
    assert share == pytest.approx(3.03 / 6.03, abs=0.05)
    for name, purposes in per_frame(result).items():
        expected = {
            purpose: share * n_bytes + (1 - share) * outside[name].get(purpose, 0)
            for purpose, n_bytes in inside[name].items()
        }
        assert purposes == pytest.approx(expected, abs=1.0)


def test_two_sizes_are_read_and_written_alike():
    # What is read and what is written in a window are not quite the same frames: it is much longer than the buffers.
    found = run({"workload.frame_bytes": None, "workload.sizes": [[64, 1], [1518, 1]], "run.frames": 40_000}).pcie
    assert found.up.per_frame["payload"] == pytest.approx(found.down.per_frame["payload"], rel=0.01)
    assert found.up.per_frame["payload"] == pytest.approx((60 + 1516) / 2, rel=0.02)


class Window:
    """A span in which nothing was served, of so many frames."""

    def __init__(self, n: int) -> None:
        self.frames = n

    def count(self, name: str) -> int:
        return self.frames if name == "copies_made" else 0


@pytest.mark.parametrize("n", [0, 1, LEAST_FRAMES - 1])
def test_too_few_frames_say_nothing(n):
    assert frame_bytes(demo(), Window(n)) is None
