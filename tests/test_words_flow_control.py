"""What is said of flow control: who was stopped, and what kept the buffer full."""

from __future__ import annotations

from hwmodel.results.adapter_use import ClassLevel, FlowControlUse, PortPause
from hwmodel.results.flow_control_text import pause_sentences, stopped_sentences
from tests.run_cases import judged_result_of


def use(mode: str, *, stopped_ns: float = 0, partner_stopped_ns: float = 0) -> FlowControlUse:
    level = ClassLevel(
        traffic_class=0, part_bytes=4096, high_bytes=2048, low_bytes=1024, level_mean_bytes=0.0, level_max_bytes=0,
        over_ns=0.0,
    )  # fmt: skip
    port = PortPause(
        port="p0", traffic_class=0, stops_sent=1, stops_received=1, stopped_ns=stopped_ns,
        partner_stopped_ns=partner_stopped_ns,
    )  # fmt: skip
    return FlowControlUse(mode=mode, control_frames_sent=1, control_frames_received=1, classes=(level,), ports=(port,))


def test_one_buffer_is_kept_full_by_the_ring_at_its_head():
    said = list(pause_sentences(use("pause", partner_stopped_ns=250), 1000, "", {"vf0": 400.0}))
    assert said == [
        "All frames stopped outside for 25.0 % of the window: the Rx ring of vf0 had no descriptor for 40.0 % of it"
    ]


def test_a_class_whose_own_ring_kept_nothing_waits_for_the_way_to_memory():
    (said,) = pause_sentences(use("pfc", partner_stopped_ns=250), 1000, "a", {"vf0": 400.0})
    assert said == (
        "Server a: Class 0 stopped outside for 25.0 % of the window: the way to the hosts' memory is slower, no ring "
        "lacked descriptors"
    )


def test_rings_that_are_empty_again_and_again_stop_who_sends():
    """No wait is long enough to tell who was held up by it, and the guests' cores are the limit, not the link."""
    slow = {
        "nic": {"vfs": 2, "drop_enable": False, "flow_control": {"mode": "pause"}},
        "workload": {"pattern": "none", "frame_bytes": 64, "external": {"rate": "7Gbps"}},
        "run": {"duration": "2ms"},
    }
    result = judged_result_of(slow)
    assert (result.head_of_line, result.bottleneck.resource) == ({}, "driver.rx")
    (said,) = stopped_sentences(result)
    assert "of the window: the Rx ring of vf1 had no descriptor for " in said


def test_a_wire_that_is_stopped_from_outside_limits_with_its_stops():
    # 600 quanta are 30.72 us; two of them of 300 us: 20.5 %.
    result = judged_result_of(
        {
            "nic": {"strict": False,
                "vfs": 2,
                "flow_control": {
                    "mode": "pause",
                    "received": [{"at": "110us", "quanta": 600}, {"at": "160us", "quanta": 600}],
                },
            },
            "driver": {"preset": "dpdk"}, "pcie": {"generation": 3, "lanes": 8},
            "workload": {"pattern": "flows", "flows": [["vf0", "uplink", None], ["vf1", "uplink", None]]},
            "run": {"warmup": "100us", "duration": "300us"},
        }
    )  # fmt: skip
    assert result.bottleneck.resource == "wire.tx"
    assert "stopped from outside by flow control 20.5 % of it" in result.bottleneck.why
    assert "not always full" not in result.bottleneck.why
