"""The sentence that says what was modelled, and whether the load is a saturating one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.results import QueueDepth
from hwmodel.results.modelled import is_closed_loop, load_words, modelled_sentence
from hwmodel.results.reading import latency_note
from tests.sample_result import sample_result

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def sentence(**workload: object) -> str:
    return modelled_sentence({"workload": workload})


def test_a_shipped_configuration_is_described_whole():
    resolved = load_config(CONFIGS / "sriov_10g_gen2x4.yaml").resolved()
    assert modelled_sentence(resolved) == (
        "An 82599 adapter on PCIe Gen2 x4 (MPS 256 B) with 8 VFs, switched by its own bridge (VEB); VMs in pairs send "
        "1518 B frames to each other, as fast as their Tx rings take them (load: saturate); a driver with an "
        "interrupt every 8 frames."
    )


def test_the_host_is_named_where_it_has_a_preset():
    resolved = config_from_mapping({"host": {"preset": "xeon_e5_2637v3"}}).resolved()
    assert " VFs, in a host with the preset xeon_e5_2637v3, switched by " in modelled_sentence(resolved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": {"count": 2}}, " with 2 Ethernet ports and 8 VFs, switched by its own bridge (VEB)"),
        ({"nic": {"mode": "vmdq", "vfs": 2}}, " with 2 pools of VMDq, switched by its own bridge (VEB)"),
        (
            {"nic": {"flow_control": {"mode": "pause"}}},
            " with 8 VFs, switched by its own bridge (VEB), with PAUSE frames;",
        ),
    ],
)
def test_ports_pools_and_flow_control_are_named(changes, words):
    assert words in modelled_sentence(config_from_mapping({"nic": {"vfs": 8}}, changes).resolved())


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_one_sentence(path):
    text = modelled_sentence(load_config(path).resolved())
    assert text.count("; ") >= 2
    assert text.endswith(".")
    assert "None" not in text


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        ({"pattern": "to_wire", "frame_bytes": 64, "load": 0.8, "arrivals": "poisson"},
         "Each VM sends 64 B frames to the wire, at 80.0 % of the port's rate in all, poisson arrivals."),
        ({"pattern": "incast", "incast_to": "vf3", "frame_bytes": 64, "load": "2Gbps"},
         "All VMs send 64 B frames to vf3, at 2Gbps (frame bits with FCS) from each VM."),
        ({"pattern": "pairs", "sizes": [[64, 7], [570, 4], [1518, 1]], "load": "saturate", "wire_share": 0.25},
         "VMs in pairs send frames of 64 B (58 %), 570 B (33 %) and 1518 B (8 %) to each other, 25 % of them to the "
         "wire, as fast as their Tx rings take them (load: saturate)."),
        ({"pattern": "flows", "frame_bytes": 64, "flows": [["vf0", "vf1", "2Gbps"], ["vf2", "uplink", "1Gbps"]]},
         "64 B frames flow from vf0 to vf1 at 2Gbps and vf2 to uplink at 1Gbps."),
        ({"pattern": None, "frame_bytes": 1518, "load": "saturate",
          "external": {"rate": "5Gbps", "frame_bytes": 64, "to": ["vf0", "vf1"]}},
         "64 B frames come in from the wire at 5Gbps for vf0 and vf1."),
        ({"pattern": None, "pcap": "/x/traffic.pcap", "pcap_time": "file"},
         "The frames of traffic.pcap are sent at their recorded times."),
        ({"pattern": "pairs", "frame_bytes": 1518, "segment_bytes": "64KiB", "load": "1Gbps"},
         "VMs in pairs send 64 KiB segments, cut by the adapter into 1518 B frames, to each other, at 1Gbps (frame "
         "bits with FCS) from each VM."),
        ({"pattern": "none", "load": "saturate"}, "Nobody sends."),
        ({"pattern": "pairs", "load": 0.0}, "Nobody sends."),
        ({"pattern": "ring", "frame_bytes": 64, "load": "90% of ceiling", "zipf": 1.5},
         "Each VM sends 64 B frames to the next, at 90 % of the closed form's ceiling in all, shared by Zipf's law "
         "with exponent 1.5."),
        ({"pattern": "ring", "frame_bytes": 64, "load": "2Mpps", "weights": {"vf0": 2}, "arrivals": "poisson"},
         "Each VM sends 64 B frames to the next, at 2Mpps from each VM, shared by weights, poisson arrivals."),
    ],
)  # fmt: skip
def test_the_traffic_in_words(workload, words):
    assert sentence(**workload) == words


@pytest.mark.parametrize("pattern", ["{frames:>3000000000}", "{frames.__class__}", "{0}", ["pairs"], 7])
def test_a_stored_pattern_is_a_text_and_nothing_else(pattern):
    found = modelled_sentence({"workload": {"pattern": pattern, "frame_bytes": 64, "load": "saturate"}})
    assert str(pattern) in found and len(found) < 200


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        # As an interface takes interrupts: `ethtool -c` of a Linux driver adapts them, DPDK has none.
        ({"preset": "kernel"},
         "Kernel driver with interrupts at intervals adapted to the load (50us at first), none while it polls (NAPI)."),
        ({"preset": "kernel", "adaptive_moderation": False},
         "Kernel driver with interrupts at most every 50us, none while it polls (NAPI)."),
        ({"preset": "kernel", "moderation": "0us"},
         "Kernel driver with an interrupt for each frame, none while it polls (NAPI)."),
        ({"preset": "kernel", "mask_interrupts": False}, "Kernel driver with interrupts at most every 50us."),
        ({"preset": "kernel_busy_poll"}, "Kernel busy poll driver that polls."),
        ({"preset": "dpdk"}, "Dpdk driver that polls."),
        ({"preset": None}, "A driver with an interrupt every 8 frames."),
        ({"preset": None, "moderation": "0.5us"}, "A driver with interrupts at most every 500ns."),
        ({"preset": None, "rx_interrupt_batch": 0, "mask_interrupts": True}, "A driver that polls."),
    ],
)  # fmt: skip
def test_the_driver_in_words(driver, words):
    resolved = config_from_mapping({"driver": driver}).resolved()
    assert modelled_sentence({"driver": resolved["driver"]}) == words


def test_a_load_that_is_not_known_here_is_quoted():
    assert load_words({"load": "9 cups"}) == "at 9 cups from each VM"
    assert sentence(pattern="spiral", frame_bytes=64, load="1Mpps") == "Spiral: 64 B frames, at 1Mpps from each VM."


RATED = [["vf0", "vf1", "1Gbps"], ["vf2", "vf3", "2Gbps"]]


@pytest.mark.parametrize(
    ("workload", "closed"),
    [
        ({"pattern": "pairs", "load": "saturate"}, True),
        ({"pattern": "pairs", "load": 0.8}, False),
        ({"pattern": "pairs", "load": "2Gbps"}, False),
        ({"pattern": "flows", "load": "saturate", "flows": RATED}, False),
        ({"pattern": "flows", "load": "saturate", "flows": [*RATED, ["vf4", "vf5", None]]}, True),
        ({"pattern": "flows", "load": "saturate", "flows": [["uplink", "vf5", None]]}, False),
        ({"pattern": None, "load": "saturate", "external": {"rate": "5Gbps"}}, False),
        ({"pattern": "none", "load": "saturate", "external": {"rate": "5Gbps"}}, False),
        ({"pattern": None, "load": "saturate", "pcap": "x.pcap", "pcap_time": "file"}, False),
        ({"pattern": None, "load": "saturate", "pcap": "x.pcap", "pcap_time": "asap"}, True),
        ({}, False),
        (None, False),
    ],
)
def test_the_remark_on_the_ring_stands_where_the_load_is_saturating(workload, closed):
    config = {"workload": workload}
    assert is_closed_loop(config) == closed
    assert bool(latency_note(sample_result(config=config))) == closed


@pytest.mark.parametrize(("at_start", "later"), [("1Gbps", "saturate"), ("saturate", "1Gbps")])
def test_the_remark_on_the_ring_says_no_more_than_that_one_was_full_where_an_event_changes_the_load(at_start, later):
    events = [{"at": "1ms", "set": {"workload.load": later}}]
    config = {"workload": {"pattern": "pairs", "load": at_start}, "scenario": events}
    note = latency_note(sample_result(config=config))
    assert note == "a Tx ring was full for a time, so waiting in a full Tx ring is in this figure"
    others = [{"at": "1ms", "set": {"port.rate": "1Gbps"}}, {"at": "1ms", "reset": "vf0"}]
    note = latency_note(sample_result(config={**config, "scenario": others}))
    assert note.startswith("the load is saturating") if at_start == "saturate" else not note


@pytest.mark.parametrize(("deepest", "segments", "is_full"), [
    (511, {}, True),
    (510, {}, False),
    (510, {"sends": 203, "descriptors": 1218, "frames": 9338}, True),  # 85 sends of six, and no room for another
    (505, {"sends": 203, "descriptors": 1218, "frames": 9338}, False),
    (510, {"sends": 0, "descriptors": 0, "frames": 0}, False),
    (510, {"whole": 900, "sends": 203, "descriptors": 1218, "frames": 9338}, False),  # a slot for each whole segment
])  # fmt: skip
def test_a_ring_is_full_where_what_is_sent_next_finds_no_room(deepest, segments, is_full):
    config = {"workload": {"pattern": "pairs", "load": "saturate"}, "nic": {"tx_ring": 512}}
    queues = {"tx_ring": QueueDepth(mean=500.0, max=deepest)}
    assert bool(latency_note(sample_result(config=config, queues=queues, segments=segments))) == is_full


@pytest.mark.parametrize(("parts", "is_told"), [
    ({"tx_descriptor_fetch": 473.0, "payload_read": 483.0, "guest_queue": 487_741.0}, False),  # its core posts slowly
    ({"tx_ring": 5000.0, "scheduler": 5.0, "payload_read": 900.0}, False),  # nothing beside 3.7 ms
    ({"scheduler": 586_960.0, "payload_read": 900.0}, True),
    ({"tx_ring": 488_160.0, "payload_read": 900.0}, True),
    ({"tx_room": 488_160.0, "payload_read": 900.0}, True),
    ({}, True),  # not known
])  # fmt: skip
def test_the_remark_on_the_ring_stands_where_frames_wait_there(parts, is_told):
    config = {"workload": {"pattern": "pairs", "load": "saturate"}}
    assert bool(latency_note(sample_result(config=config, latency_parts_ns={"mean": parts}))) == is_told


def test_a_configuration_that_says_nothing_is_described_by_nothing():
    assert modelled_sentence({}) == ""
