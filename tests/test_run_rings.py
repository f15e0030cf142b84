"""Rings without descriptors, interrupts that wait for a timer, vectors, thresholds and a cache for all, in runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.results import Bottleneck, Result
from hwmodel.results.reading import limit_words
from tests.run_cases import judged_result_of, merged, result_of
from tests.sample_result import sample_result

MS, WRITE_BYTES = 10**6, 24  # a header with the framing of a memory write or a read request
COMPLETION_BYTES = 20

# ---- A VM that never refills its ring ----

OTHERS = [["uplink", "vf0", "500Mbps"], ["uplink", "vf1", "500Mbps"], ["vf2", "vf1", "500Mbps"],
          ["vf1", "vf2", "500Mbps"]]  # fmt: skip
TO_VF3 = ["uplink", "vf3", "500Mbps"]
KERNEL = {
    "nic": {"vfs": 4},
    "driver": {"preset": "kernel"},
    "workload": {"pattern": "flows", "flows": [*OTHERS, TO_VF3], "frame_bytes": 570, "arrivals": "periodic"},
    "run": {"warmup": "1ms", "duration": "20ms"},
}
NEVER = {"driver": {"vms": {"vf3": {"refill": False}}}}
DROPS, WAITS = ({"switch": {"ports": [{"name": "vf3", "drop_enable": drops}]}} for drops in (True, False))


@cache
def kernel_run(*, refills: bool = False, drops: bool = True, flows: int = 5) -> Result:
    workload = {"workload": {"flows": [*OTHERS, TO_VF3][:flows]}}
    return judged_result_of(KERNEL, workload, {} if refills else NEVER, DROPS if drops else WAITS)


def received_gbps(result: Result) -> dict[str, float]:
    return {vm.name: vm.rx_gbps or 0.0 for vm in result.vms}


def test_with_drop_enable_the_others_have_what_they_have_without_the_vm():
    alone, beside = received_gbps(kernel_run(refills=True, flows=4)), kernel_run()
    assert all(
        received_gbps(beside)[name] == pytest.approx(alone[name], rel=0.01) and alone[name] > 0.4
        for name in ("vf0", "vf1", "vf2")
    )
    assert set(beside.drops) == {"NO_DESCRIPTOR"}
    assert {vm.name for vm in beside.vms if vm.drops} == {"vf3"}
    # Its ring holds 511 descriptors, some of which it had taken as it began.
    received = sum(flow.delivered for flow in beside.flows if flow.to == "vf3")
    assert 511 - 16 <= received <= 511
    assert beside.head_of_line == {}


def test_without_it_all_wait_behind_the_first_frame_and_the_report_names_whom_for():
    waiting = kernel_run(drops=False)
    blocked, waited = (waiting.head_of_line[name] for name in ("blocked_ns", "waited_ns"))
    assert set(blocked) == {"vf3"}
    assert set(waited) == {"vf0", "vf1", "vf2"}
    # 500 Mb/s of 570 B fill 511 places in 4.7 ms; from then on nobody gets anything up to the end, at 21 ms.
    assert blocked["vf3"] == pytest.approx(21 * MS - 511 * 570 * 8 / 0.5, rel=0.03)
    assert all(ns == pytest.approx(blocked["vf3"], rel=1e-9) for ns in waited.values())
    assert waiting.totals.delivered_frames < kernel_run().totals.delivered_frames / 3
    warning = next(text for text in waiting.warnings if "Rx ring was empty" in text)
    assert "vf3's Rx ring was empty for 16" in warning
    assert "vf0, vf1 and vf2 for 16" in warning
    assert "switch.ports.vf3.drop_enable" in warning
    assert waiting.bottleneck.resource == "rx.descriptors"
    assert waiting.bottleneck.why.startswith("The Rx ring of vf3 has no descriptor left")
    assert "vf3 posts none again (refill: false)." in waiting.bottleneck.why
    assert any("Rx ring was empty" in line for line in waiting.summary().splitlines())


def test_where_nothing_comes_through_the_ring_is_the_limit_and_not_the_senders_that_it_holds():
    saturating = {"workload": {"pattern": "pairs", "load": "saturate"}, "run": {"warmup": "15ms"}}
    waiting = judged_result_of(KERNEL, saturating, NEVER, WAITS)
    assert waiting.totals.gbps in (0.0, None)
    assert waiting.bottleneck.resource == "rx.descriptors"
    assert "vf3 posts none again (refill: false)." in waiting.bottleneck.why


FULL_LINE = {"workload": {"flows": [["uplink", "vf0", "4Gbps"], ["uplink", "vf3", "2Gbps"]], "frame_bytes": 1518}}
SENDER = ["b.vf0", "a.vf3", "2Gbps"]
OF_A_SERVER = {
    "servers": [{"name": "a", "set": NEVER}, {"name": "b"}], "bridge": {"kind": "learning"},
    "workload": {"flows": [SENDER, ["uplink", "a.vf0", "4Gbps"]], "frame_bytes": 1518},
}  # fmt: skip


@pytest.mark.parametrize(("layers", "server", "more"), [
    ((NEVER, FULL_LINE), "", 1.0),
    ((NEVER, FULL_LINE, {"nic": {"flow_control": {"mode": "pause"}}}), "", 1.0),
    ((NEVER, FULL_LINE, {"workload": {"flows": [["uplink", "vf3", "9.8Gbps"]]}}), "", 1.0),  # the line itself is full
    ((OF_A_SERVER,), "a", 1.0),
])  # fmt: skip
def test_where_the_line_has_room_and_all_wait_for_a_ring_the_line_is_not_the_limit(layers, server, more):
    """What comes from the wire fills more than half of it, and drops behind it: a faster port would bring nothing."""
    found = judged_result_of(KERNEL, WAITS, *layers).bottleneck
    prefix, key = (f"{server}.", f"servers.{server}.set.") if server else ("", "")
    assert (found.resource, found.keys) == (f"{prefix}rx.descriptors", (f"{key}driver.vms.vf3.refill",)), found.why
    assert found.utilization == pytest.approx(more, abs=0.01) and found.is_limit
    assert "The Rx ring of vf3 has no descriptor left" in found.why


def test_what_has_room_is_the_fullest_and_no_limit():
    """Where no short run says more, as of a window without rates."""
    half, full = (seen(utilization=share) for share in (0.53, 0.99))
    assert (half.is_limit, full.is_limit) == (False, True)
    assert seen(utilization=0.53, gain=0.1).is_limit and seen(utilization=0.53, resource="pcie.tags").is_limit
    assert limit_words(sample_result(bottleneck=half)) == "fullest on average: wire.rx (53.0 % busy)"


def seen(**fields: Any) -> Bottleneck:
    return Bottleneck(**{"resource": "wire.rx", "why": "", "keys": ("port.rate",), **fields})


def test_a_driver_that_stops_and_goes_on_keeps_others_waiting_in_between():
    events = [
        {"at": "3ms", "set": {"driver.vms.vf3.refill": False}},
        {"at": "10ms", "set": {"driver.vms.vf3.refill": True}},
    ]
    result = judged_result_of(KERNEL, WAITS, {"scenario": events})
    emptied_ms = 3 + 511 * 570 * 8 / 0.5 / MS
    assert result.head_of_line["blocked_ns"]["vf3"] / MS == pytest.approx(10 - emptied_ms, rel=0.04)
    assert any("Rx ring was empty" in text for text in result.warnings)
    assert result.drops.get("NO_DESCRIPTOR", 0) == 0
    received = [received_gbps(each) for each in (result, kernel_run(refills=True))]
    assert all(received[0][name] > 0.8 * received[1][name] for name in received[1])  # the Rx buffer held most of it


def test_a_ring_that_drops_from_now_on_lets_the_others_pass():
    events = [{"at": "12ms", "set": {"switch.ports.vf3.drop_enable": True}}]
    result = judged_result_of(KERNEL, NEVER, WAITS, {"scenario": events})
    emptied_ms = 511 * 570 * 8 / 0.5 / MS
    assert result.head_of_line["blocked_ns"]["vf3"] / MS == pytest.approx(12 - emptied_ms, rel=0.04)
    assert result.drops["NO_DESCRIPTOR"] > 500


def test_each_queue_drops_or_waits_by_itself():
    config = config_from_mapping(
        {"nic": {"strict": False, "vfs": 2, "queues_per_vf": 3, "drop_enable": True},
         "switch": {"ports": [{"name": "vf1", "drop_enable": [False, True]}]}}
    )  # fmt: skip
    assert [config.drops_of_queues(function) for function in range(3)] == [
        (True, True, True), (True, True, True), (False, True, False),
    ]  # fmt: skip


# ---- Moderation ----

MODERATED = {
    "nic": {"preset": None, "vfs": 2},
    "driver": {"preset": None, "tx_interrupt_batch": 0},
    "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "100Kpps"]], "frame_bytes": 64},
    "run": {"warmup": "5ms", "duration": "60ms"},
}
INTERRUPT_BYTES = WRITE_BYTES + 4


def interrupts(result: Result) -> float:
    return result.pcie.up.bytes.interrupt / INTERRUPT_BYTES


@cache
def moderated(interval_us: int, *, masks: bool = False, rate: str = "100Kpps") -> Result:
    driver = {"driver": {"moderation": f"{interval_us}us", "mask_interrupts": masks}}
    return result_of(MODERATED, driver, {"workload": {"flows": [["uplink", "vf0", rate]]}})


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("rate", ["1Kpps", "30Kpps", "100Kpps", "2Mpps"])
@pytest.mark.parametrize("interval_us", [20, 50, 160])
def test_interrupts_are_never_more_than_their_timer_lets_through(interval_us, rate, masks):
    result = moderated(interval_us, masks=masks, rate=rate)
    assert 0 < interrupts(result) <= result.window.duration_ns / (1000 * interval_us) + 1


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("interval_us", [40, 80])
def test_twice_the_interval_halves_interrupts_and_adds_half_of_it_to_the_latency(interval_us, masks):
    """At a tenth of a per cent of the link, with four frames and more in each interval."""
    once, twice = (moderated(n * interval_us, masks=masks) for n in (1, 2))
    assert interrupts(twice) == pytest.approx(interrupts(once) / 2, rel=0.05)
    assert twice.latency_ns.mean - once.latency_ns.mean == pytest.approx(1000 * interval_us / 2, rel=0.1)
    assert max(each.pcie.up.utilization for each in (once, twice)) < 0.01


# ---- Vectors ----

SPREAD = {
    "nic": {"preset": None, "vfs": 2, "queues_per_vf": 4},
    "driver": {"preset": None, "tx_interrupt_batch": 0, "moderation": "40us", "mask_interrupts": True},
    "workload": {"pattern": "flows", "flows": [["uplink", "vf0", "400Kpps"]], "frame_bytes": 64, "connections": 64},
    "run": {"warmup": "2ms", "duration": "20ms"},
}


@cache
def spread(n_vectors: int | None) -> Result:
    return result_of(SPREAD, {"nic": {"vectors_per_function": n_vectors}})


@pytest.mark.parametrize("n_vectors", [1, 2, 3, 4])
def test_queues_that_share_a_vector_share_its_interrupts(n_vectors):
    """Each vector has a timer of its own, which under 100,000 frames a second and more is always busy."""
    result = spread(n_vectors)
    per_timer = result.window.duration_ns / 40_000
    assert interrupts(result) == pytest.approx(n_vectors * per_timer, rel=0.05)
    assert result.totals.mpps == pytest.approx(0.4, rel=0.02)
    assert result.latency_ns.mean == pytest.approx(20_000, rel=0.1)


def test_as_many_vectors_as_queues_are_what_there_is_without_a_word():
    assert spread(4).totals == spread(None).totals
    assert spread(4).latency_ns == spread(None).latency_ns
    assert interrupts(spread(4)) == interrupts(spread(None))


def test_queues_of_a_vector_have_its_core():
    ports = {"switch": {"ports": [{"name": "vf0", "cores": [2, 0, 1]}]}}
    config = config_from_mapping(merged(SPREAD, {"nic": {"vectors_per_function": 2}, "host": {"cores": 3}}, ports))
    assert config.cores_of_queues(1) == (2, 0, 2, 0)


# ---- Thresholds, reports, and the cache for all ----

FULL = {
    "nic": {"vfs": 8, "tx_writeback_batch": None, "fetch_batch": None},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "pairs", "frame_bytes": 64},
    "run": {"warmup": "1ms", "duration": "2ms"},
}


def full(nic: dict[str, Any]) -> dict[str, Any]:
    found = merged(FULL, {"nic": nic})
    found["nic"] = {key: value for key, value in found["nic"].items() if value is not None}
    return found


def bytes_a_frame(result: Result, purpose: str) -> float:
    return sum(getattr(way.bytes, purpose) for way in (result.pcie.up, result.pcie.down)) / result.window_frames


@pytest.mark.parametrize(
    ("thresholds", "writeback_bytes"),
    [
        ({"wthresh": 8}, (WRITE_BYTES + 8 * 16) / 8),
        ({"wthresh": 1}, WRITE_BYTES + 16),
        ({"wthresh": 0, "rs": 1}, WRITE_BYTES + 16),
        ({"wthresh": 0, "rs": 4}, (WRITE_BYTES + 16) / 4),
        ({"wthresh": 0, "rs": 32}, (WRITE_BYTES + 16) / 32),
    ],
)
def test_reports_cost_what_the_threshold_or_the_rs_bit_says(thresholds, writeback_bytes):
    result = result_of(full({"txdctl": thresholds}))
    of_received = WRITE_BYTES + 16  # each by itself
    assert bytes_a_frame(result, "writeback") == pytest.approx(of_received + writeback_bytes, rel=0.02)


@pytest.mark.parametrize(("whole", "n_vfs", "share"), [(256, 8, 16), (128, 8, 8), (64, 8, 4), (64, 32, 1), (16, 8, 1)])
def test_the_more_rings_share_a_cache_the_smaller_are_the_reads(whole, n_vfs, share):
    """A Tx and an Rx ring of each VF: reads of so many descriptors, those of 16 B for received ones no more than 8."""
    machine = full({"vfs": n_vfs, "shared_descriptor_cache": whole, "txdctl": {"pthresh": 8}})
    result, found = result_of(machine), limits(config_from_mapping(machine))
    of_sent, of_received = ((WRITE_BYTES + COMPLETION_BYTES) / min(share, most) + 16 for most in (32, 8))
    assert bytes_a_frame(result, "descriptor") == pytest.approx(of_sent + of_received, rel=0.02)
    asked = sum(float(step.n_bytes) for step in found.steps if "descriptor read" in step.name)
    assert asked == pytest.approx(of_sent + of_received, rel=1e-9)
    assert any(f"each has up to {share}," in note for note in found.notes)


def test_rings_that_come_into_use_take_from_those_that_have_more():
    """The first sender's receiver has all to itself until others begin; what it has beyond its share is read again."""
    flows = [["uplink", f"vf{number}", "2Gbps" if number == 0 else "50Mbps"] for number in range(8)]
    machine = full({"shared_descriptor_cache": 16, "rx_prefetch": 8})
    machine |= {"workload": {"pattern": "flows", "flows": flows, "frame_bytes": 570}}
    result = result_of(machine, {"run": {"warmup": "0us"}})
    assert result.drops == {}
    n_frames = result.totals.delivered_frames
    alone = result_of(machine, {"run": {"warmup": "0us"}, "nic": {"shared_descriptor_cache": 1000}})
    n_reads = result.pcie.up.bytes.descriptor / WRITE_BYTES
    assert n_reads == pytest.approx(n_frames / 2, rel=0.05)  # eight rings, two descriptors each
    assert alone.pcie.up.bytes.descriptor / WRITE_BYTES == pytest.approx(n_frames / 8, rel=0.15)  # and what waits
