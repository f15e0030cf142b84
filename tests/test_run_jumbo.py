"""Frames longer than a host buffer: what their chains of Rx descriptors cost, in captures too, and what cannot be."""

from __future__ import annotations

import pytest

from hwmodel.config import load_config
from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from tests.config_cases import CONFIGS
from tests.run_cases import BATCHES_OF_ONE, OUTSIDE, frame, merged, result_of, write_capture
from tests.test_conservation import check_replay

STATIONS = {"ports": [{"name": name, "max_frame": "9018B"} for name in ("pf", "vf0", "vf1")]}
JUMBO = merged(BATCHES_OF_ONE, {"nic": {"preset": None, "vfs": 2, "rx_ring": 64}, "switch": STATIONS})


def replayed(tmp_path, frames, *machine):
    capture = write_capture(tmp_path / "in.pcap", frames)
    run = {"workload": {"pcap": str(capture)}, "run": {"warmup": "auto", "duration": "1ms"}}
    return result_of(JUMBO, *machine, run)


def test_a_captured_frame_takes_a_chain_of_buffers(tmp_path):
    frames = [(i * 20_000, frame(*ends, 9014)) for i, ends in enumerate([("vf0", "vf1"), (OUTSIDE, "vf0")] * 5)]
    result = replayed(tmp_path, frames)
    assert (result.totals.delivered_frames, result.drops) == (10, {})
    up = result.pcie.up.bytes
    # Each written in 36 TLPs; five read by a VM's Tx descriptor and in 18 requests.
    assert (up.payload, up.tlp_overhead, up.read_request) == (10 * 9016, 10 * 36 * 24, 5 * 18 * 24)
    # Five Rx descriptors each, written back in one TLP, or two where they cross a multiple of 256 B, as those of each
    # ring's fourth frame do; one Tx descriptor for those from a VM.
    assert up.writeback == 10 * (24 + 5 * 16) + 2 * 24 + 5 * (24 + 16)
    # A doorbell for each frame taken, and for each posted.
    assert result.pcie.down.bytes.doorbell == (10 + 5) * 28


def test_interrupts_count_frames_and_refills_descriptors(tmp_path):
    frames = [(i * 20_000, frame("vf0", "vf1", 9014)) for i in range(12)]
    driver = {"rx_interrupt_batch": 4, "refill_batch": 20}
    result = replayed(tmp_path, frames, {"driver": driver})
    assert result.totals.delivered_frames == 12
    assert result.pcie.up.bytes.interrupt == 12 / 4 * 28
    assert result.pcie.down.bytes.doorbell == (12 + 12 * 5 / 20) * 28


def test_a_tag_that_the_switch_adds_may_begin_another_buffer(tmp_path):
    """vf1 gets its frames with a C-TAG: 2048 B become 2052."""
    stations = [*STATIONS["ports"][:2], {**STATIONS["ports"][2], "untagged": []}]
    result = replayed(tmp_path, [(0, frame("vf0", "vf1", 2048))], {"switch": {"ports": stations}})
    assert result.pcie.up.bytes.writeback == (24 + 2 * 16) + (24 + 16)
    assert result.pcie.up.bytes.tlp_overhead == 9 * 24


@pytest.mark.parametrize("pcap_time", ["file", "asap"])
def test_a_burst_of_captured_jumbo_frames_leaves_nothing_behind(pcap_time):
    frames = [(i * 100, f"vf{i % 2}", ("vf2", OUTSIDE, "vf3")[i % 3], (60, 9014, 4000)[i % 4 % 3], None)
              for i in range(200)]  # fmt: skip
    frames += [(i * 7000, OUTSIDE, "vf1", 9014, None) for i in range(20)]
    stations = [{"name": name, "max_frame": "9018B"} for name in ("pf", "vf0", "vf1", "vf2", "vf3")]
    nic = {"preset": None, "rx_ring": 40, "writeback_timeout": "1us", "rx_prefetch": 13}
    machine = {"nic": nic, "driver": {"preset": None, "rx_interrupt_batch": 0, "tx_interrupt_batch": 0,
                                      "refill_batch": 4}, "switch": {"ports": stations}}  # fmt: skip
    result = check_replay(machine, sorted(frames), pcap_time, "1KiB")
    assert result.totals.delivered_frames > 150


@pytest.mark.parametrize(
    ("machine", "line"),
    [
        (
            {"nic": {"descriptor_cache": 16}, "host": {"buffer_bytes": "512B"}},
            r"host\.buffer_bytes: the capture's frame of 9018 B takes 18 Rx descriptors; nic\.rx_ring 64 and "
            r"nic\.descriptor_cache 16 hold at most 16 at once",
        ),
        (
            {"driver": {"rx_interrupt_batch": 13}},
            r"nic\.rx_ring: with the capture's frames of up to 5 Rx descriptors a ring of 64 can stop for ever: "
            r"batches hold back up to 60 of its 63 descriptors, and the next step needs 8",
        ),
    ],
)
def test_captured_frames_that_can_never_be_received_are_refused(machine, line, tmp_path):
    with pytest.raises(InputError, match=line):
        replayed(tmp_path, [(0, frame("vf0", "vf1", 9014)), (5, frame(OUTSIDE, "vf1", 60_000))], machine)


def test_captured_frames_that_drop_as_oversize_need_no_descriptors(tmp_path):
    small = {"nic": {"descriptor_cache": 16}, "host": {"buffer_bytes": "512B"}}
    result = replayed(tmp_path, [(0, frame("vf0", "vf1", 60)), (50, frame(OUTSIDE, "vf1", 9400))], small)
    assert result.drops == {"OVERSIZE": 1}


def test_the_shipped_configuration_is_limited_by_the_link():
    result = simulate(load_config(CONFIGS / "sriov_jumbo.yaml"))
    assert result.bottleneck.resource == "pcie.up"
    assert 13.3 < result.totals.gbps < 13.6
    per_frame = result.pcie.up.bytes.writeback / result.window.vm_frames
    # A frame's five Rx descriptors, 104 B, in two writes where a multiple of 256 B falls between them (a quarter of the
    # time), and its Tx descriptor, alone: a VM sends every 21 us, the timer of its driver is 2 us.
    assert per_frame == pytest.approx(104 + 24 / 4 + 24 + 16, rel=0.01)
