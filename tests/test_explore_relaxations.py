"""Each resource made larger: by how much, which keys, and that nothing else changes."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.relaxations import relaxations_of, together
from hwmodel.relaxations.resources import FACTOR, resources_of
from hwmodel.resources import BY_NAME
from hwmodel.results import Bottleneck
from tests.run_cases import merged

ENGINES = {
    "read": {"operation": "20ns", "small_operation": "10ns", "rate": "60Gbps", "outstanding": 35},
    "write": {"start": "8ns", "piece_time": "10ns", "rate": "160Gbps"},
    "shared_rate": "90Gbps", "shared_time": "4ns",
}  # fmt: skip
EVERYTHING = {
    "pcie": {"lanes": 4, "tags": 8, "switch_hops": 1,
             "credits": {"ph": 8, "pd": 64, "nph": 4, "cplh": 100, "cpld": 64}},
    "host": {"write_drain": "9Gbps", "iotlb": {"entries": 64, "miss": "330ns", "walkers": 6}, "cores": 2},
    "nic": {"strict": False,
            "vfs": 4, "store_rate": "9Gbps", "max_pps": 1_000_000, "rx_prefetch": 8, "writeback_timeout": "5us",
            "dma": ENGINES},
    "driver": {"moderation": "10us", "frame_time": "30ns", "rx_interrupt_batch": 32, "tx_interrupt_batch": 32},
    "switch": {"timing": "core", "ports": [{"name": "vf0", "rate_limit": "1Gbps"}],
               "acl": [{"port": "vf1", "action": "police", "rate": "100Mbps", "burst": "4KiB"}]},
    "workload": {"load": "2Gbps", "external": {"rate": "4Gbps"}},
}  # fmt: skip


def changes_of(*layers):
    found = relaxations_of(config_from_mapping(merged(*layers)))
    return {change[0]: (change[1], change[2]) for relaxation in found for change in relaxation.changes}


def test_each_key_is_twice_as_large_or_half_as_slow():
    assert changes_of(EVERYTHING) == {
        "workload.load": ("2Gbps", "4Gbps"),
        "workload.external.rate": ("4Gbps", "8Gbps"),
        "driver.frame_time": ("30ns", "15ns"),
        "host.cores": (2, 4),
        "nic.tx_ring": (512, 1024),
        "switch.ports.vf0.rate_limit": ("1Gbps", "2Gbps"),
        "switch.acl.0.rate": ("100Mbps", "200Mbps"),
        "nic.tx_buffer": ("160KiB", "320KiB"),
        "pcie.tags": (8, 16),
        "pcie.credits.nph": (4, 8),
        "pcie.lanes": (4, 8),
        "pcie.credits.cplh": (100, 127),  # at most
        "pcie.credits.cpld": (64, 128),
        "nic.store_rate": ("9Gbps", "18Gbps"),
        "nic.queue_time": ("78ns", "39ns"),
        "nic.max_pps": (1_000_000, 2_000_000),
        "switch.clock": ("156.25MHz", "312.5MHz"),
        "port.rate": ("10Gbps", "20Gbps"),
        "nic.rx_buffer": ("512KiB", "1MiB"),
        "nic.rx_ring": (512, 1024),
        "nic.rx_prefetch": (8, 16),
        "nic.descriptor_cache": (64, 128),
        "pcie.credits.ph": (8, 16),
        "pcie.credits.pd": (64, 128),
        "host.write_drain": ("9Gbps", "18Gbps"),
        "host.read_latency": ("450ns", "225ns"),
        "host.iotlb.entries": (64, 128),
        "host.iotlb.walkers": (6, 12),
        "nic.dma.read.outstanding": (35, 70),
        "nic.dma.read.operation": ("20ns", "10ns"),
        "nic.dma.read.small_operation": ("10ns", "5ns"),
        "nic.dma.read.rate": ("60Gbps", "120Gbps"),
        "nic.dma.write.start": ("8ns", "4ns"),
        "nic.dma.write.piece_time": ("10ns", "5ns"),
        "nic.dma.write.rate": ("160Gbps", "320Gbps"),
        "nic.dma.shared_rate": ("90Gbps", "180Gbps"),
        "nic.dma.shared_time": ("4ns", "2ns"),
        "driver.moderation": ("10us", "5us"),
        "driver.byte_time": ("100ps", "50ps"),
        "driver.doorbell_time": ("100ns", "50ns"),
        "driver.interrupt_time": ("1us", "500ns"),
        "driver.wakeup_time": ("3us", "1.5us"),
        "host.iotlb.miss": ("330ns", "165ns"),
        "nic.writeback_timeout": ("5us", "2.5us"),
        "pcie.switch_latency": ("150ns", "75ns"),
        "nic.tx_writeback_batch": (8, 4),
        "driver.tx_interrupt_batch": (32, 16),
        "driver.rx_interrupt_batch": (32, 16),
        "pcie.max_payload": ("256B", "512B"),
        "pcie.max_read_request": ("512B", "1KiB"),
    }


def test_what_the_bridge_drops_for_want_of_room_or_by_its_policy_has_its_keys():
    found = changes_of({
        "switch": {"mode": "multichannel", "s_channels": {10: "vepa"}},
        "bridge": {
            "buffer": "64KiB", "ports": {"adapter": {"s_channels": {10: {"buffer": "8KiB"}}}},
            "policy": [{"action": "deny", "port": "vf1"}, {"action": "police", "rate": "1Gbps", "burst": "9KiB"}],
        },
    })  # fmt: skip
    assert {key: change for key, change in found.items() if key.startswith("bridge") and "rate" not in key[-5:]} == {
        "bridge.buffer": ("64KiB", "128KiB"),
        "bridge.latency": ("500ns", "250ns"),
        "bridge.ports.adapter.s_channels.10.buffer": ("8KiB", "16KiB"),
    }
    assert found["bridge.policy.1.rate"] == ("1Gbps", "2Gbps")
    extenders = {"extenders": {"x": {"buffer": "4KiB"}}, "ports": {"adapter": {"behind": "x"}}}
    tree = {"switch": {"mode": "e_tag"}, "bridge": {"kind": "controlling", **extenders}}
    assert changes_of(tree)["bridge.extenders.x.buffer"] == ("4KiB", "8KiB")


def test_what_is_infinite_or_at_its_most_is_left_out():
    keys = changes_of({"pcie": {"lanes": 32, "generation": 5, "tags": 768}, "nic": {"preset": None}})
    assert not {"pcie.lanes", "pcie.generation", "pcie.tags", "nic.store_rate", "host.write_drain"} & set(keys)
    assert not [key for key in keys if key.startswith(("pcie.credits", "pcie.switch", "workload", "switch"))]
    assert changes_of({"nic": {"strict": False}, "pcie": {"lanes": 32, "generation": 1}})["pcie.generation"] == (1, 2)


def test_the_limits_of_a_device_do_not_hold():
    found = relaxations_of(config_from_mapping({"nic": {"preset": "82576", "vfs": 6, "tx_ring": 4096}}))
    (longer,) = (each for each in found if each.resources == ("nic.tx_ring",))
    assert (longer.config.nic.tx_ring, longer.config.nic.preset) == (8192, None)


@pytest.mark.parametrize("load", [0.5, "50% of ceiling"])
def test_a_faster_port_gets_no_more_load(load):
    config = config_from_mapping({"workload": {"load": load, "frame_bytes": 1518}, "port": {"rate": "10Gbps"}})
    found = relaxations_of(config)
    offered = {
        each.config.workload.load.share * each.config.port.rate_bps
        for each in found
        if each.resources != ("offered_load",)
    }
    (more,) = (each for each in found if each.resources == ("offered_load",))
    assert len(offered) == 1
    assert more.config.workload.load.share * more.config.port.rate_bps == 2 * offered.pop()


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ({"load": "1Mpps"}, {"workload.load": ("1Mpps", "2Mpps")}),
        ({"load": "saturate", "external": {"rate": "6Gbps"}}, {"workload.external.rate": ("6Gbps", "9Gbps")}),
        (
            {"pattern": "flows", "flows": [["vf0", "vf1", "2Gbps"], ["uplink", "vf0", "8Gbps"], ["vf1", "vf0"]]},
            {"workload.flows": (None, [["vf0", "vf1", "4Gbps"], ["uplink", "vf0", "8.4Gbps"], ["vf1", "vf0", None]])},
        ),
    ],
)
def test_the_load_grows_as_far_as_the_line_has_room(workload, expected):
    found = changes_of({"workload": {"frame_bytes": 1518, **workload}})
    assert {key: change for key, change in found.items() if key.startswith("workload")} == expected


def test_several_at_once_are_one_relaxation():
    config = config_from_mapping(EVERYTHING)
    found = {each.resources[0]: each for each in relaxations_of(config)}
    both = together(config, [found["pcie.tags"], found["nic.store"]])
    assert both.resources == ("pcie.tags + nic.store",)
    assert (both.config.pcie.tags, both.config.nic.store_rate_bps) == (16, 18 * 10**9)
    assert both.text == "pcie.tags: 8 -> 16 with nic.store_rate: 9Gbps -> 18Gbps"
    of_core = [each for each in relaxations_of(config) if each.resources[0] == "driver.tx"]
    assert len(of_core) > 1, "each part of a core's work"
    assert together(config, of_core).resources == ("driver.tx",)


def test_several_at_once_have_the_load_of_each_alone():
    """A share of the ceiling is that of the ceiling as it is: a larger machine is offered no more for it."""
    config = config_from_mapping({"workload": {"load": "110% of ceiling"}, "pcie": {"lanes": 1}})
    link, ring = (
        next(one for one in relaxations_of(config) if name in one.resources) for name in ("pcie.up", "nic.tx_ring")
    )
    both = together(config, [link, ring])
    assert both is not None and both.config.pcie.lanes == 2
    assert both.config.workload.load == link.config.workload.load == ring.config.workload.load


def test_coalesced_receives_may_be_closed_sooner():
    found = changes_of({"nic": {"preset": "82599", "rsc": {"timeout": "100us"}}})
    assert found["nic.rsc.timeout"] == ("100us", "50us")


def test_thresholds_change_with_what_they_stand_for():
    written = {"txdctl": {"pthresh": 24, "wthresh": 0, "rs": 16}, "rxdctl": {"pthresh": 4, "hthresh": 2, "wthresh": 6}}
    found = changes_of({"nic": {"preset": "82599", **written}, "driver": {"preset": None}})
    assert found["nic.descriptor_cache"] == (40, 80) and found["nic.txdctl.pthresh"] == (24, 64)
    assert found["nic.rx_prefetch"] == found["nic.rxdctl.pthresh"] == (4, 8)
    assert found["nic.tx_writeback_batch"] == found["nic.txdctl.rs"] == (16, 8)
    assert found["nic.rx_writeback_batch"] == found["nic.rxdctl.wthresh"] == (6, 3)
    of_report = changes_of({"nic": {"preset": "82599", "txdctl": {}}, "driver": {"preset": None}})
    assert of_report["nic.tx_writeback_batch"] == of_report["nic.txdctl.wthresh"] == (8, 4)


@pytest.mark.parametrize(("n", "larger"), [(64, 128), (1, 36)])
def test_a_cache_for_all_rings_grows_so_far_that_each_ring_has_more(n, larger):
    """Nine functions have a Tx and an Rx ring each, which get one descriptor at least, whatever the cache."""
    config = config_from_mapping({"nic": {"preset": "82599", "vfs": 8, "shared_descriptor_cache": n}})
    found = relaxations_of(config)
    for name in ("tx.descriptors", "rx.descriptors"):
        changes = [each for one in found if name in one.resources for each in one.changes]
        assert [each for each in changes if "shared" in each[0]] == [("nic.shared_descriptor_cache", n, larger)]


SWITCHED = {"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"memory_rate": "80Gbps"}}}


def test_each_bottleneck_has_its_relaxation():
    found = relaxations_of(config_from_mapping(EVERYTHING))
    of_switch = {"vswitch", "host.memory"}
    found += [each for each in relaxations_of(config_from_mapping(SWITCHED)) if of_switch & set(each.resources)]
    found += [
        each
        for each in relaxations_of(config_from_mapping({"nic": {"strict": False}, "pcie": {"bus": {}}}))
        if "bus" in each.resources
    ]
    for name, row in BY_NAME.items():
        resource = "pcie.credits" if name.startswith("pcie.credits") else name.replace("nic.rx_ring", "rx.descriptors")
        named = [
            each for each in found if each.is_of(Bottleneck(resource=resource, utilization=1, why="", keys=row.keys))
        ]
        # Of a core's work each part has its own.
        parts = ("frame_time", "byte_time", "doorbell_time", "interrupt_time")
        own = [f"driver.{part}" for part in parts]
        assert [each.keys[0] for each in named] == own if name.startswith("driver.") else len(named) == 1, name
    assert FACTOR == 2


def test_a_virtual_switch_that_vms_have_no_ports_of_has_no_resources():
    block = {"nic.vfs": 2, "host.virtual_switch": {"preset": "ovs_kernel", "memory_rate": "100Gbps"}}

    def names_of(document):
        return {name for names, changes in resources_of(config_from_mapping(document)) if changes for name in names}

    own = {"vswitch", "host.memory"}
    assert own & names_of(block) == set() and own <= names_of(block | {"nic.mode": "vswitch"})
