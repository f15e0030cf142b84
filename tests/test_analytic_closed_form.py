import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwmodel
from hwmodel.analytic.ceiling import sum_bytes
from hwmodel.analytic.closed_form import limits
from hwmodel.analytic.limits_record import Limits
from hwmodel.errors import InputError
from tests.analytic_cases import BATCH_KEYS, demo

GEN3_X8 = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8}


def test_the_worked_example():
    found = limits(demo())
    assert (found.raw_gbps, found.up_bytes, found.down_bytes, found.limited_by) == (16.0, 1809.0, 1719.0, "up")
    assert f"{found.mpps:.4f} {found.gbps:.2f}" == "1.1027 13.39"


@pytest.mark.parametrize(
    ("changes", "batch", "gbps"),
    [
        ({"pcie.max_payload": "128B"}, None, "12.25"),
        ({}, 1, "12.38"),
        ({"pcie.lanes": 8}, None, "26.78"),
        (GEN3_X8, None, "52.74"),
        ({**GEN3_X8, "workload.frame_bytes": 64}, None, "24.38"),
    ],
)
def test_worked_throughputs(changes, batch, gbps):
    assert f"{limits(demo(changes, batch)).gbps:.2f}" == gbps


def test_short_frames_on_gen3_x8():
    found = limits(demo({**GEN3_X8, "workload.frame_bytes": 64}))
    # 60 B: up 60 + 24 + 24 + 6 + 38 + 7 and 4 B for 1.5 TLPs down; down 60 + 20 + 7 + 37 and 4 B for 2.75 TLPs up.
    assert (found.up_bytes, found.down_bytes) == (165.0, 135.0)
    assert f"{found.mpps:.1f}" == "47.6"


def test_where_fourteen_gigabits_come_from():
    # DMA bits of one direction, 1516 B of a 1518 B frame in whole double words: from the raw rate to what is left.
    found = limits(demo())
    up = {step.name: step for step in found.steps if step.direction == "up"}
    raw, after_skp = float(found.link.raw_bps) / 1e9, float(found.link.bytes_per_s * 8) / 1e9
    writes = up["payload write"].n_bytes
    # The six completions of the payload cost 4 B of DLLPs each.
    with_dllps = writes + 6 * 4
    with_requests = with_dllps + up["payload read request"].n_bytes
    chain = [
        raw, raw * 1516 / writes, after_skp * 1516 / with_dllps, after_skp * 1516 / with_requests,
        after_skp * 1516 / sum_bytes(found.steps, "up"),
    ]  # fmt: skip
    assert [f"{float(rate):.2f}" for rate in chain] == ["16.00", "14.61", "14.37", "13.78", "13.37"]
    half_duplex = after_skp * 1516 / (sum_bytes(found.steps, "up") + sum_bytes(found.steps, "down"))
    assert f"{float(half_duplex):.1f}" == "6.9"


@pytest.mark.parametrize(
    ("model", "up", "down"),
    [("none", 1783, 1680), ("tlp4", 1809, 1719), ("tlp1", 1783 + 6.5 * 16, 1680 + 9.75 * 16), ("spec", 1783, 1680)],
)
def test_dllp_models(model, up, down):
    found = limits(demo({"pcie.dllp_model": model}))
    assert (found.up_bytes, found.down_bytes) == (up, down)
    share = 16 / 676 if model == "spec" else 0
    assert found.mpps == pytest.approx(16e3 * (1 - 4 / 1538 - share) / 8 / up)


def test_imix_is_weighted_by_frames():
    found = limits(demo({"workload.frame_bytes": None, "workload.sizes": [[64, 7], [570, 4], [1518, 1]]}))
    alone = {n: limits(demo({"workload.frame_bytes": n})) for n in (64, 570, 1518)}
    by_weight = 7 * alone[64].up_bytes + 4 * alone[570].up_bytes + alone[1518].up_bytes
    assert found.up_bytes == pytest.approx(by_weight / 12)
    assert found.gbps / found.mpps == pytest.approx(8e-3 * (7 * 64 + 4 * 570 + 1518) / 12)
    mean_latency = (7 * alone[64].unloaded_latency_ns + 4 * alone[570].unloaded_latency_ns
                    + alone[1518].unloaded_latency_ns) / 12  # fmt: skip
    assert found.unloaded_latency_ns == pytest.approx(mean_latency)


def test_a_group_frame_is_read_once_and_written_to_each():
    found, unicast = limits(demo({"workload.pattern": "broadcast"})), limits(demo())
    up = {step.name: step.n_bytes for step in found.steps if step.direction == "up"}
    once = {step.name: step.n_bytes for step in unicast.steps if step.direction == "up"}
    assert up["payload write"] == 8 * once["payload write"]  # seven VFs and the PF
    assert up["payload read request"] == once["payload read request"]
    assert found.mpps == pytest.approx(8 * float(found.frames_per_s) / 1e6)


def test_frames_that_leave_cross_the_link_once():
    found = limits(demo({"nic.strict": False, "workload.pattern": "to_wire", "port.rate": "100Gbps"}))
    # No write, no Rx descriptor: 72 + 3 + 19 + 3.5 up, 1636 + 18.5 + 3.5 down, and DLLPs for 6.25 and 3.375 TLPs.
    assert (found.up_bytes, found.down_bytes) == (97.5 + 25, 1658 + 13.5)
    assert (found.limited_by, found.unloaded_latency_ns) == ("down", None)
    assert found.gbps == pytest.approx(15.958387516 * 1518 / 1671.5)


def test_the_wire_can_be_the_limit():
    found = limits(demo({"workload.pattern": "to_wire"}))
    assert (found.limited_by, f"{found.gbps:.2f}") == ("wire.tx", "9.87")


def test_outside_frames_count_as_delivered():
    external = {"workload.external": {"rate": "1Gbps", "to": "all"}}
    found = limits(demo(external))
    own_bits = float(found.frames_per_s) * 8 * 1518 / 1e9
    assert found.gbps == pytest.approx(own_bits + 1)
    # Up: what 1 Gb/s of received frames takes is not there for the rest.
    received = 1660 + 3 + 19 + 3.5 + 4 * (2 / 8)
    up_for_own = 15.958387516e9 / 8 - 1e9 / (8 * 1518) * received
    assert float(found.frames_per_s) == pytest.approx(up_for_own / 1809)
    assert found.up_bytes == pytest.approx(15.958387516e9 / 8 / float(found.frames_per_s))


def test_outside_frames_that_leave_nothing_stand_alone():
    narrow = {"pcie.generation": 1, "pcie.lanes": 1, "workload.external": {"rate": "9Gbps"}}
    found = limits(demo(narrow))
    assert found.limited_by == "up"
    # A received frame alone: 1660 + 3 + 19 + 3.5 and DLLPs for 2/8 TLPs.
    assert found.up_bytes == 1686.5
    assert found.mpps == pytest.approx(2e3 * (1 - 4 / 1538) / 8 / 1686.5)


def test_a_slow_timer_sets_the_interrupts():
    # Eight rings, one interrupt each 100 us: 80,000 a second; by frames they would be an eighth of 1.1 million.
    found = limits(demo({"driver.moderation": "100us"}))
    (interrupt,) = [step for step in found.steps if step.name == "Rx interrupt"]
    assert interrupt.n_tlps * found.frames_per_s == 80_000
    capacity = 16e9 * (1 - 4 / 1538) / 8
    assert float(found.frames_per_s) == pytest.approx((capacity - 80_000 * 28) / (1809 - 3.5))


def test_a_fast_timer_passes_each_write_back():
    found = limits(demo({"driver.moderation": "1us", "driver.rx_interrupt_batch": 64}))
    (interrupt,) = [step for step in found.steps if step.name == "Rx interrupt"]
    assert interrupt.n_bytes == Fraction(28, 8)


def test_other_resources_are_named():
    assert limits(demo({"pcie.tags": 1})).limited_by == "pcie.tags"
    assert limits(demo({"nic.max_pps": 1000})).limited_by == "nic.pipeline"
    assert limits(demo({"workload.load": 0.1})).limited_by == "offered_load"
    assert limits(demo({"driver.frame_time": "10us"})).limited_by == "driver.tx"
    assert limits(demo({"pcie.credits.pd": 16})).limited_by == "pcie.credits"


def test_json_has_the_contract_keys():
    found = json.loads(json.dumps(limits(demo()).to_dict()))
    keys = ["raw_gbps", "up_bytes", "down_bytes", "mpps", "gbps", "limited_by", "unloaded_latency_ns", "round_trip_ns"]
    assert list(found)[:9] == [*keys, "steps"]
    assert found["round_trip_ns"] == pytest.approx(450 + (24 + 552) * 0.5013, abs=0.01)
    assert found["round_trip_bytes"] == 512
    for direction, n_bytes in (("up", 1809), ("down", 1719)):
        assert sum(step["bytes"] for step in found["steps"] if step["direction"] == direction) == n_bytes
    assert {row["resource"] for row in found["ceilings"]} == {
        "pcie.up", "pcie.down", "pcie.tags", "driver.tx", "nic.queue", "rx.descriptors", "nic.tx_buffer",
    }  # fmt: skip


def test_what_is_left_out_is_said():
    polled = {"driver.rx_interrupt_batch": 0, "nic.rx_writeback_batch": 1}  # else a frame alone waits for ever
    assert limits(demo(polled)).notes == ()
    policed = limits(demo({"nic.strict": False, **polled, "switch.acl": [{"port": "vf0", "action": "deny"}]}))
    assert policed.notes == ("Not counted: frames that the access list drops or polices.",)


def test_it_is_public():
    assert hwmodel.limits is limits
    assert isinstance(limits(demo()), Limits)


def test_a_bad_capture_is_bad_input(tmp_path):
    replay = {"workload.pattern": None, "workload.frame_bytes": None, "workload.pcap": str(tmp_path / "none.pcap")}
    with pytest.raises(InputError):
        limits(demo(replay))


# ---- Properties. ----

LINKS = st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from((1, 2, 4, 8, 16)))
FRAMES = st.integers(64, 1518)
PAYLOADS = st.sampled_from((128, 256, 512, 1024))
UNBOUNDED = {"nic.strict": False, "pcie.tags": 256, "driver.frame_time": "0ns", "host.read_latency": "0ns"}
few = settings(max_examples=25, deadline=None)


def gbps(link, frame_bytes, max_payload_bytes=256, batch=8, **changes):
    keys = {
        "pcie.generation": link[0], "pcie.lanes": link[1], "workload.frame_bytes": frame_bytes,
        "pcie.max_payload": f"{max_payload_bytes}B", **UNBOUNDED, **changes,
    }  # fmt: skip
    return limits(demo(keys, batch)).gbps


@few
@given(LINKS, FRAMES, st.sampled_from((1, 2, 8, 16, 32)))
def test_more_lanes_carry_more(link, frame_bytes, batch):
    generation, lanes = link
    assert gbps((generation, 2 * lanes), frame_bytes, batch=batch) > gbps(link, frame_bytes, batch=batch)


@few
@given(LINKS, FRAMES, st.sampled_from((128, 256, 512)))
def test_a_larger_payload_never_carries_less(link, frame_bytes, max_payload_bytes):
    wider = gbps(link, frame_bytes, 2 * max_payload_bytes)
    assert wider >= gbps(link, frame_bytes, max_payload_bytes)


@few
@given(LINKS, FRAMES, st.sampled_from((1, 2, 4, 8, 16)))
def test_larger_batches_carry_more(link, frame_bytes, batch):
    assert gbps(link, frame_bytes, batch=2 * batch) > gbps(link, frame_bytes, batch=batch)


@few
@given(LINKS, FRAMES, PAYLOADS, st.fixed_dictionaries({key: st.integers(1, 40) for key in BATCH_KEYS}))
def test_bytes_are_the_sum_of_the_steps(link, frame_bytes, max_payload_bytes, batches):
    keys = {
        "pcie.generation": link[0], "pcie.lanes": link[1], "workload.frame_bytes": frame_bytes,
        "pcie.max_payload": f"{max_payload_bytes}B", "nic.rx_prefetch": 40, **batches,
    }  # fmt: skip
    found = limits(demo(keys))
    assert found.up_bytes == float(sum_bytes(found.steps, "up"))
    assert found.down_bytes == float(sum_bytes(found.steps, "down"))
    in_time = found.link.bytes_per_s / found.frames_per_s
    assert max(sum_bytes(found.steps, "up"), sum_bytes(found.steps, "down")) <= in_time
    assert (found.limited_by in ("up", "down")) == (
        max(sum_bytes(found.steps, "up"), sum_bytes(found.steps, "down")) == in_time
    )
