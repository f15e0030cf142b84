"""Runs at the edges: what ends them, what does not fit, work that lies across an end of the window."""

from __future__ import annotations

import resource

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.errors import InputError, RunError
from hwmodel.machine.adapter.adapter_state import FETCH_CAP
from hwmodel.machine.frames import COPY_CAP
from hwmodel.machine.guest.guest_state import RING_POOL
from hwmodel.results.reading import headline
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.run.run import MARKS
from tests.run_cases import (
    BATCHES_OF_ONE,
    OUTSIDE,
    POLLED,
    begun,
    finished,
    frame,
    logged,
    merged,
    result_of,
    write_capture,
)
from tests.test_conservation import check_state

# ---- What ends a run ----


def test_a_run_ends_after_its_frames_or_its_time_whichever_is_first():
    load = {"nic": {"vfs": 2}, "workload": {"load": "1Gbps", "arrivals": "periodic", "frame_bytes": 1000}}
    by_frames = result_of(BATCHES_OF_ONE, load, {"run": {"warmup": "0us", "duration": "2ms", "frames": 100}})
    assert by_frames.totals.delivered_frames == 100
    assert by_frames.window.end_ns < 1e6
    by_time = result_of(BATCHES_OF_ONE, load, {"run": {"warmup": "0us", "duration": "2ms", "frames": 10**6}})
    assert by_time.window.end_ns == 2e6


def test_a_run_ends_where_nothing_gets_through():
    """All frames drop, so that `frames` never arrive."""
    machine = {"nic": {"strict": False, "vfs": 2}, "switch": {"acl": [{"action": "deny"}]}}
    run = begun(POLLED, machine, {"run": {"warmup": "10us", "duration": "100us", "frames": 5}})
    calls = []

    def give_up(share, _text):
        calls.append(share)
        assert len(calls) < 2 * MARKS, "the run goes on and on"  # a call for each mark, or two million events

    run.progress = give_up
    for _ in run.pieces():
        pass
    result = run.result()
    assert result.window.end_ns == 110e3
    assert result.totals.delivered_frames == 0
    assert set(result.drops) == {"ACL_DENY"}


@pytest.mark.parametrize(
    ("config", "keys", "answer"),
    [
        ("sriov_10g_gen2x4", {"run.warmup": "0ns", "run.duration": "1us", "workload.load": 0.001}, "VM to VM"),
        ("pci_x_quad_port", {"run.warmup": "100us", "run.duration": "50us"}, "to VMs"),
    ],
)
def test_a_window_too_short_for_rates_tells_none_and_not_even_nought(config, keys, answer):
    """In the first nothing was offered as yet; in the second some frames were flooded outside, and some dropped."""
    result = simulate(load_config(config, keys))
    assert result.window.vm_frames == 0 and result.totals.gbps is None
    assert headline(result).startswith(f"Throughput {answer} not measured; ")


def test_the_window_is_as_long_as_asked():
    result = result_of(POLLED, {"run": {"warmup": "70us", "duration": "130us"}})
    assert (result.window.start_ns, result.window.end_ns) == (70e3, 200e3)


def test_a_capture_is_measured_from_its_first_frame_to_its_last_delivery(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(0, frame("vf0", "vf1")), (50_000, frame("vf1", "vf0"))])
    result = result_of(BATCHES_OF_ONE, {"workload": {"pcap": str(capture)}, "run": {"duration": "1s"}})
    assert result.window.start_ns == 0
    assert 50_000 < result.window.end_ns < 53_000
    assert result.totals.delivered_frames == 2


def test_a_capture_ends_however_sure_the_result_is_to_be(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(0, frame("vf0", "vf1")), (50_000, frame("vf1", "vf0"))])
    result = result_of(BATCHES_OF_ONE, {"workload": {"pcap": str(capture)}, "run": {"precision": "1%"}})
    assert result.totals.delivered_frames == 2
    assert any("run.precision 1 % was not met" in warning for warning in result.warnings)


@pytest.mark.parametrize("pcap_time", ["file", "asap"])
@pytest.mark.parametrize("base", [BATCHES_OF_ONE, BATCHES_OF_ONE | {"bridge": {}}])
def test_a_run_that_ends_before_its_capture_says_what_was_not_sent(base, pcap_time, tmp_path):
    frames = [(0, frame("vf0", "vf1")), (1_000, frame("vf0", "vf1")), *[(20_000, frame("vf1", "vf0"))] * 3]
    capture = write_capture(tmp_path / "in.pcap", frames)
    own = {"workload": {"pcap": str(capture), "pcap_time": pcap_time}, "nic": {"tx_ring": 64}}

    def told(duration):
        result = result_of(base, own, {"run": {"duration": duration}})
        return result, [each for each in result.warnings if "capture does" in each]

    result, warnings = told("10us")
    n_left = 5 - result.totals.offered_frames
    assert n_left == (3 if pcap_time == "file" else 0)
    assert warnings == ["The run ends before the capture does: 3 of its 5 frames were not sent (a longer run.duration, "
                        "a larger run.frames)."] * (n_left > 0)  # fmt: skip
    assert told("1ms")[1] == []


def test_a_window_from_the_first_instant_on_has_what_is_offered_in_it(tmp_path):
    """Sixteen frames at time 0 and four later; a bucket of 2 KiB lets four of 500 B pass."""
    frames = [(0, frame("vf0", "vf1", 496))] * 16 + [(10_000, frame("vf0", "vf1", 496))] * 4
    own = {"nic": {"strict": False},
           "workload": {"pcap": str(write_capture(tmp_path / "in.pcap", frames))}, "run": {"duration": "1ms"},
           "switch": {"acl": [{"port": "all", "action": "police", "rate": "1Kbps", "burst": "2KiB"}]}}  # fmt: skip
    result = result_of(BATCHES_OF_ONE, own)
    assert result.drops == {"RATE_LIMITED": 16}
    assert "dropped 16 of 20 frames" in result.bottleneck.why


def test_a_window_from_the_first_instant_on_has_what_is_dropped_in_it(tmp_path):
    """A ring of 64 takes 63 of 100 frames of time 0, and has room for four that come later."""
    frames = [(0, frame("vf0", "vf1", 496))] * 100 + [(100_000, frame("vf0", "vf1", 496))] * 4
    workload = {"pcap": str(write_capture(tmp_path / "in.pcap", frames)), "on_full": "drop"}
    result = result_of(BATCHES_OF_ONE, {"workload": workload, "nic": {"tx_ring": 64}, "run": {"duration": "1ms"}})
    assert result.drops == {"TX_RING_FULL": 37}
    assert "37 of 104 frames met a full queue" in result.bottleneck.why


def test_a_window_from_the_first_instant_on_has_what_begins_on_the_link_in_it():
    """Each of three functions asks for Rx descriptors once, with 24 B on the link; the first of them at time 0."""
    idle = {"workload": {"pattern": "none", "external": {"rate": "1Kbps"}}, "nic": {"vfs": 2}}
    result = result_of(BATCHES_OF_ONE, idle, {"run": {"warmup": "0ns", "duration": "50us"}})
    assert result.pcie.up.bytes.descriptor == 3 * 24


def test_frames_that_wait_for_room_in_a_ring_were_not_sent(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(0, frame("vf0", "vf1"))] * 100)
    own = {"workload": {"pcap": str(capture), "pcap_time": "asap"}, "nic": {"tx_ring": 64}}
    result = result_of(BATCHES_OF_ONE, own, {"run": {"duration": "1us"}})
    n_left = 100 - result.totals.offered_frames
    assert 20 < n_left < 100
    assert any(f"{n_left} of its 100 frames were not sent" in warning for warning in result.warnings)


# ---- Work across an end of the window ----


@pytest.mark.parametrize("frame_time", ["1us", "30us", "1ms", "1s"])
def test_cores_are_never_busier_than_they_are_many(frame_time):
    machine = merged(POLLED, {"nic": {"vfs": 2}, "driver": {"frame_time": frame_time}})
    result = result_of(machine, {"run": {"warmup": "0us", "duration": "300us"}})
    assert result.cpu.cores_busy == pytest.approx(2, abs=0.02)
    assert result.utilization["driver.tx"] + result.utilization["driver.rx"] <= 1 + 1e-9


def test_a_frame_longer_than_the_window_keeps_the_wire_busy():
    machine = {"nic": {"strict": False}, "port": {"rate": "1Mbps"}, "workload": {"pattern": "to_wire"}}
    result = result_of(POLLED, machine, {"run": {"warmup": "1ms", "duration": "2ms"}})
    assert result.utilization["wire.tx"] == result.wire.utilization == 1
    assert result.bottleneck.resource == ""  # a window without a delivery does not show what limits


CUT = {
    "full link": {"pcie": {"generation": 1, "lanes": 2, "tags": 4, "dllp_model": "tlp1"}},
    "queue at the pipeline": {
        "nic": {"max_pps": 4_500_000},
        "workload": {
            "arrivals": "on_off",
            "peak_rate": "20Gbps",
            "mean_burst": 400,
            "load": "1Gbps",
            "frame_bytes": 64,
        },
    },
    "wire both ways": {
        "port": {"rate": "1Gbps"},
        "driver": {"frame_time": "400ns"},
        "workload": {"load": "300Mbps", "wire_share": 0.7, "external": {"rate": "900Mbps", "arrivals": "poisson"}},
    },
    "credits and a slow store": {"pcie": {"credits": {"ph": 4, "cplh": 6}}, "nic": {"store_rate": "8Gbps"}},
}


@pytest.mark.parametrize("machine", CUT.values(), ids=list(CUT))
def test_windows_side_by_side_add_up_to_the_whole(machine):
    """What lies across the end of a window counts in each with its share: TLPs, frames on the wire, work, waits."""
    n_windows, step_us = 12, 37

    def window(start_us, length_us):
        times = {"run": {"warmup": f"{start_us}us", "duration": f"{length_us}us"}}
        run, result = finished(POLLED, machine, times)
        delivered_bytes.append(run.end.count("delivered_bytes") - run.start.count("delivered_bytes"))
        return result

    delivered_bytes = []
    whole = window(0, n_windows * step_us)
    parts = [window(i * step_us, step_us) for i in range(n_windows)]

    def mean(value):
        return sum(value(part) for part in parts) / n_windows

    for name in ("pcie.up", "pcie.down", "pcie.tags", "wire.tx", "wire.rx", "nic.pipeline"):
        assert mean(lambda part, name=name: part.utilization[name]) == pytest.approx(whole.utilization[name], abs=1e-9)
    for name, depth in whole.queues.items():
        if name not in ("tx_ring", "rx_ring"):  # the mean of those in use, which are fewer at first
            assert mean(lambda part, name=name: part.queues[name].mean) == pytest.approx(depth.mean, rel=1e-9)
    assert mean(lambda part: part.cpu.cores_busy) == pytest.approx(whole.cpu.cores_busy, abs=1e-9)
    assert sum(delivered_bytes[1:]) == delivered_bytes[0]  # a part is too short for a rate
    for name in ("vm_frames", "wire_frames"):
        assert sum(getattr(part.window, name) for part in parts) == getattr(whole.window, name)
    for stall in ("tags", "descriptors"):
        told = getattr(whole.stalls_ns, stall)
        assert mean(lambda part, stall=stall: getattr(part.stalls_ns, stall)) * n_windows == pytest.approx(
            told, abs=1e-3
        )
    for direction in ("up", "down"):
        n_bytes = mean(lambda part, direction=direction: getattr(part.pcie, direction).bytes.total) * n_windows
        assert abs(n_bytes - getattr(whole.pcie, direction).bytes.total) <= n_windows  # SKP is rounded in each


# ---- What does not fit ----


@pytest.mark.parametrize(
    "nic",
    [
        {"preset": "X550", "vfs": 64, "tx_ring": 32000},
        {"preset": None, "vfs": 32, "rx_ring": 40000},
        {"preset": None, "vfs": 128, "rx_ring": 16200, "tx_ring": 16200},
        {"preset": None, "vfs": 31, "rx_ring": 65536, "tx_ring": 65536},
        {"preset": None, "vfs": 63, "queues_per_vf": 16, "rx_ring": 2048, "tx_ring": 1025},
    ],
)
def test_rings_stay_in_their_pool(nic):
    try:
        state = build_state(config_from_mapping({"nic": nic, "workload": {"pattern": "ring"}}), 1)[0]
    except InputError as refusal:
        assert all("ring" in line for line in refusal.lines)
        return
    for queues in (state.tx_queue, state.rx_queue):
        in_use = [queues[i] for i in range(int(state.params.n_queues))]
        assert max(queue.first + queue.mask for queue in in_use) < RING_POOL


@pytest.mark.parametrize(
    "nic",
    [
        {"vfs": 128, "rx_ring": 8192, "rx_prefetch": 4096, "descriptor_cache": 4096},  # 66,048 fetches of eight at once
        {"vfs": 63, "queues_per_vf": 16, "rx_ring": 2048, "rx_prefetch": 2047, "descriptor_cache": 2047,
         "rx_fetch_batch": 1},  # and 2 million of one
    ],
)  # fmt: skip
def test_all_rings_may_fetch_all_their_descriptors_at_once(nic):
    run, _ = finished(
        POLLED, {"nic": {"preset": None, **nic}, "workload": {"pattern": "ring", "load": "1Mbps"}},
        {"run": {"warmup": "0us", "duration": "40us"}},
    )  # fmt: skip
    state = run.state[0]
    held = [queue.known + queue.requested + queue.cached for queue in state.rx_queue[: state.params.n_queues]]
    waiting = state.reads.rx_fetches
    assert set(held) == {nic["rx_ring"] - 1}
    assert waiting.tail - waiting.head > 60_000
    assert waiting.mask < FETCH_CAP


FAR = {
    "pcie": {"generation": 3, "lanes": 32, "tags": 256, "address_bits": 32},
    "nic": {"vfs": 4, "rx_writeback_batch": 1, "preset": None, "tx_ring": 4096, "rx_ring": 4096},
    "workload": {"frame_bytes": 64, "pattern": "broadcast"},
}


def test_a_link_may_be_as_long_as_its_tlps_on_the_way_have_room():
    """At 31.4 GB/s the shortest TLP, 20 B, takes 0.6365 ns; 4095 of them take 2606.4 ns."""
    begun(POLLED, FAR, {"pcie": {"propagation": "2606ns"}})
    with pytest.raises(InputError, match=r"pcie\.propagation: 2\.607us .* 4096 TLPs .* 4095, so for at most 2606ns"):
        begun(POLLED, FAR, {"pcie": {"propagation": "2607ns"}})


def test_a_long_link_full_of_short_tlps_does_not_overflow():
    far = {"pcie": {"propagation": "2600ns", "dllp_model": "none"}, "run": {"warmup": "10us", "duration": "100us"}}
    _, result = finished(POLLED, FAR, far)
    assert result.totals.copies_delivered > 1000


def test_a_histogram_of_jitter_that_does_not_fit_is_refused():
    bins = [[f"{i}ns", 1] for i in range(300)]
    with pytest.raises(InputError, match=r"host\.jitter\.bins"):
        begun({"host": {"jitter": {"kind": "histogram", "bins": bins}}})
    begun({"host": {"jitter": {"kind": "histogram", "bins": bins[:256]}}})


@pytest.mark.parametrize(("key", "n_bytes"), [("tx_buffer", 1514), ("rx_buffer", 1514), ("tx_buffer", 60_000)])
def test_a_captured_frame_that_no_buffer_holds_is_refused(key, n_bytes, tmp_path):
    """A segment that the sender's adapter would still have cut may be 64 KiB long; it must not stop all the others."""
    frames = [(0, frame("vf0", "vf1", n_bytes)), (1000, frame("vf2", "vf3"))]
    capture = write_capture(tmp_path / "in.pcap", frames)
    machine = {"nic": {"vfs": 4, key: "1KiB" if n_bytes < 2000 else "40KiB"}, "workload": {"pcap": str(capture)}}
    with pytest.raises(InputError, match=key):
        result_of(BATCHES_OF_ONE, machine)


BACKED_UP = merged(
    POLLED,
    {
        "pcie": {"generation": 3, "lanes": 32, "tags": 256},
        "nic": {"preset": None, "vfs": 8, "tx_buffer": "64MiB", "tx_ring": 1024, "rx_ring": 1024, "drop_enable": False},
        "driver": {"frame_time": "1ns"},
        "workload": {"frame_bytes": 64},
        "run": {"warmup": "0us", "duration": "3ms"},
    },
)
SLOW_END = {
    "wire": {"nic": {"strict": False}, "port": {"rate": "1Mbps"}, "workload": {"pattern": "to_wire"}},
    "slow host": {"nic": {"rx_buffer": "1KiB"}, "workload": {"pattern": "ring"}},
    "host that stands still, and frames from the wire": {
        "nic": {"rx_buffer": "1KiB", "tx_ring": 32768},
        "pcie": {"credits": {"ph": 1, "return": "1ms"}},
        "workload": {"pattern": "ring", "external": {"rate": "4Gbps"}},
    },
}


@pytest.mark.parametrize("machine", SLOW_END.values(), ids=list(SLOW_END))
def test_a_backlog_beyond_the_model_is_told_and_not_forgotten(machine):
    """A Tx buffer of 64 MiB holds 1.1 million short frames, more than any queue of the model."""
    try:
        run, result = finished(BACKED_UP, machine)
    except RunError as error:
        assert "overflow" in str(error)
        return
    for fifo in (run.state[0].loopback, run.state[0].port[0].mac.fifo):
        assert fifo.tail - fifo.head <= COPY_CAP
    check_state(run, result)


def test_a_log_of_deliveries_holds_what_one_interrupt_shows():
    """Each of four interrupts, 4 ms after the first ones, shows some 50,000 frames at once."""
    fast = {
        "pcie": {"generation": 3, "lanes": 32, "tags": 256},
        "host": {"read_latency": "100ns"},
        "nic": {"preset": None, "vfs": 4, "rx_ring": 65536, "tx_ring": 1024, "rx_buffer": "4MiB", "tx_buffer": "1MiB"},
        "driver": {"preset": "dpdk", "moderation": "4ms", "frame_time": "1ns"},
        "workload": {"frame_bytes": 64, "load": "6.4Gbps"},
        "run": {"warmup": "0us", "duration": "4200us"},
    }
    batches = {"fetch_batch": 32, "tx_writeback_batch": 32, "rx_fetch_batch": 32, "rx_prefetch": 32}
    _, result, rows = logged(fast, {"nic": {**batches, "rx_writeback_batch": 8}})
    assert len(rows) == result.totals.copies_delivered > 4 * 45_000


def test_credits_that_are_infinite_do_not_fill_a_queue():
    """Reads have no limit here; what the host returns for them late is nothing that anyone waits for."""
    machine = {
        "nic": {"strict": False},
        "pcie": {"generation": 3, "lanes": 16, "credits": {"ph": 127, "return": "100us"}},
    }
    result = result_of(POLLED, machine, {"workload": {"pattern": "to_wire", "frame_bytes": 64}},
                       {"run": {"warmup": "0us", "duration": "1ms"}})  # fmt: skip
    assert result.totals.delivered_to_wire > 0


def test_a_capture_far_above_the_line_rate_is_carried_at_the_line_rate(tmp_path):
    """More than 65,536 frames of one instant wait outside; 64 B and 20 B a frame at 10 Gb/s take 67.2 ns."""
    n_frames = 70_000
    path = tmp_path / "burst.pcap"
    write_capture(path, [(0, frame(OUTSIDE, "vf0"))] * n_frames)
    machine = {
        "nic": {"strict": False, "vfs": 2},
        "pcie": {"generation": 3, "lanes": 16},
        "driver": {"frame_time": "1ns"},
    }
    run = {"warmup": "0us", "duration": "6ms"}
    result = result_of(POLLED, machine, {"workload": {"pcap": str(path), "pcap_time": "file"}, "run": run})
    assert result.totals.from_wire == n_frames
    assert result.totals.dropped_frames == 0
    assert result.latency_ns.max < 50_000  # from the end of reception
    half = result_of(POLLED, machine, {"workload": {"pcap": str(path)}, "run": {**run, "duration": "2ms"}})
    assert half.totals.from_wire == pytest.approx(2e6 / 67.2, abs=1)


# ---- Words and units ----


def test_strict_serves_the_lowest_port_first():
    ports = [{"name": "vf3", "weight": 100}]
    machine = merged(POLLED, {"nic": {"vfs": 4}, "switch": {"scheduler": "strict", "ports": ports}})
    result = result_of(machine, {"pcie": {"lanes": 1}, "run": {"warmup": "500us", "duration": "1ms"}})
    assert [vm.name for vm in result.vms if vm.tx_gbps > 0] == ["vf0"]


def test_weighted_and_deficit_share_by_weight():
    ports = [{"name": "vf0", "weight": 1}, {"name": "vf1", "weight": 3}]
    sizes = {"workload": {"sizes": [[64, 1], [1518, 1]]}}
    for scheduler in ("weighted", "deficit"):
        switch = {"scheduler": scheduler, "ports": ports}
        machine = merged(POLLED, sizes, {"nic": {"vfs": 2}, "pcie": {"lanes": 1}, "switch": switch})
        rates = [vm.tx_gbps for vm in result_of(machine, {"run": {"warmup": "2ms", "duration": "40ms"}}).vms]
        assert rates[1] == pytest.approx(3 * rates[0], rel=0.05), scheduler


def test_vms_get_what_leaves_by_their_port():
    """In a VEPA all frames leave by the wire, whatever their address; no VM gets any."""
    machine = merged(
        POLLED, {"nic": {"vfs": 2}, "switch": {"mode": "vepa"}, "run": {"warmup": "0us", "duration": "1ms"}}
    )
    result = result_of(machine)
    assert result.totals.delivered_to_wire == result.totals.delivered_frames > 0
    assert [vm.rx_gbps for vm in result.vms] == [0, 0]
    only_one = {"uplink": {"native_vlan": 2, "vlans": [2]}, "ports": [{"name": "pf", "enabled": False}]}
    result = result_of(machine, {"switch": {"mode": "veb", **only_one}, "workload": {"pattern": "broadcast"}})
    assert all(vm.rx_gbps > 1 for vm in result.vms)
    assert sum(vm.rx_gbps for vm in result.vms) == pytest.approx(result.totals.gbps)


def test_memory_is_told_in_units_of_a_million_bytes():
    told_bytes = result_of(POLLED, {"run": {"warmup": "0us", "duration": "10us"}}).host_run.peak_rss_mb * 1e6
    assert told_bytes == pytest.approx(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, rel=0.01)
