"""A run names what limits it: each resource is made scarce in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches import bottleneck as bottleneck_bench
from hwmodel import load_config, simulate
from hwmodel.relaxations import relaxations_of
from hwmodel.report.datapath import limit_of
from hwmodel.results.bottleneck_text import FULLEST_ON_AVERAGE
from hwmodel.results.reading import headline
from tests.run_cases import POLLED, judged_result_of, merged, result_of

VMS = {"nic": {"vfs": 4}, "run": {"warmup": "1ms", "duration": "2ms"}}
WIDE = {"nic": {"strict": False}, "pcie": {"generation": 3, "lanes": 16, "tags": 256}}
FEW_IN_FLIGHT = {"nic": {"tx_buffer": "16KiB"}}  # so that reads never take all tags

SCARCE = {
    "pcie.up": {"pcie": {"generation": 1, "lanes": 4}, "workload": {"pattern": "flows", "flows": [["uplink", "vf0"]]}},
    "pcie.down": {"pcie": {"generation": 1, "lanes": 4}, "workload": {"pattern": "to_wire"}},
    "pcie.tags": {"pcie": {"tags": 2}, "host": {"read_latency": "2us"}},
    "pcie.credits": {"pcie": {"credits": {"ph": 2, "return": "2us"}}},
    "wire.tx": merged(WIDE, {"workload": {"pattern": "to_wire"}}),
    "wire.rx": merged(WIDE, {"workload": {"pattern": "flows", "flows": [["uplink", "vf0"]]}}),
    "driver.tx": merged(WIDE, {"driver": {"frame_time": "2us"}, "workload": {"pattern": "to_wire", "frame_bytes": 64}}),
    "driver.rx": merged(
        WIDE,  # where frames may drop, the senders' cores are as busy
        {"driver": {"frame_time": "2us"}, "nic": {"drop_enable": False}, "workload": {"pattern": "incast"}},
    ),
    "switch.bus": merged(WIDE, {"switch": {"timing": "core", "bus_bits": 64, "clock": "100MHz"}}),
    "nic.pipeline": merged(WIDE, {"nic": {"max_pps": 500_000}}),
    "rx.descriptors": merged(
        WIDE,
        {
            "driver": {"moderation": "200us", "preset": None},  # an ample core
            "nic": {"rx_ring": 64, "drop_enable": False},
            "workload": {"pattern": "ring"},
        },
    ),
    "rate_limit": {
        "switch": {"ports": [{"name": f"vf{i}", "rate_limit": "200Mbps"} for i in range(4)]},
    },
    "offered_load": merged(WIDE, {"workload": {"load": "1Gbps"}}),
}
ALSO = {
    "completion headers": (
        "pcie.credits",
        merged(
            FEW_IN_FLIGHT, {"nic": {"strict": False}, "pcie": {"tags": 256, "credits": {"cplh": 1, "return": "2us"}}}
        ),
    ),
    "completion data": (
        "pcie.credits",
        merged(
            FEW_IN_FLIGHT, {"nic": {"strict": False}, "pcie": {"tags": 256, "credits": {"cpld": 16, "return": "2us"}}}
        ),
    ),
    "slow memory": (
        "host.drain",
        {"host": {"write_drain": "1Gbps"}, "pcie": {"credits": {"ph": 8, "pd": 128}}},
    ),
    "one read request": (
        "pcie.credits",
        merged(
            FEW_IN_FLIGHT, {"nic": {"strict": False}, "pcie": {"tags": 256, "credits": {"nph": 1, "return": "2us"}}}
        ),
    ),
    "descriptors dropped for": (
        "rx.descriptors",
        merged(WIDE, SCARCE["rx.descriptors"], {"nic": {"drop_enable": True}, "workload": {"load": "5Gbps"}}),
    ),
    "policed": (
        "rate_limit",
        merged(
            WIDE,
            {
                "nic": {"strict": False},
                "switch": {"acl": [{"port": "all", "action": "police", "rate": "100Mbps", "burst": "4KiB"}]},
                "workload": {"load": "1Gbps"},
            },
        ),
    ),
    "policed, of senders that send all they can": (
        "rate_limit",
        {
            "nic": {"strict": False},
            "switch": {"acl": [{"port": "all", "action": "police", "rate": "1Gbps", "burst": "64KiB"}]},
        },
    ),
    "limits on what stations receive": (
        "rate_limit",
        merged(
            WIDE,
            {
                "switch": {"ports": [{"name": f"vf{i}", "receive_limit": "500Mbps"} for i in range(4)]},
                "workload": {"load": "1Gbps"},
            },
        ),
    ),
    "limits so low that nothing gets through in the window": (
        "rate_limit",
        {"switch": {"ports": [{"name": f"vf{i}", "rate_limit": "10Kbps"} for i in range(4)]}},
    ),
    "limits on frames that are all dropped": (
        "rate_limit",
        {
            "switch": {"ports": [{"name": "vf0", "rate_limit": "100Mbps"}]},
            "workload": {"pattern": "flows", "flows": [["vf0", "vf0"]]},
        },
    ),
    "flows with rates": (
        "offered_load",
        merged(
            WIDE, {"workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf1", "uplink", "1Gbps"]]}}
        ),
    ),
}


IDEAL = str(Path(__file__).resolve().parent.parent / "configs" / "sriov_ideal.yaml")
BRIEF = {"run.duration": "4ms", "run.frames": 8000}
# Faults that were once seen: what is named, and the keys that stand for it.
ONCE_WRONG = {
    "credits though reads go": (
        {"pcie.credits.ph": 64, "host.write_drain": "8Gbps"}, "host.drain", ("host.write_drain",)),
    "a store server before the tags that wait for it": (
        {"pcie.lanes": 8, "nic.store_rate": "8Gbps", "pcie.tags": 32}, "nic.store", ("nic.store_rate",)),
    "tags whose round trip is an idle machine's": (
        {"pcie.tags": 6, "host.read_latency": "2us"}, "pcie.tags", ("pcie.tags",)),
    "credits of writes without a drain": (
        {"pcie.credits.ph": 8, "pcie.credits.return": "2us"}, "pcie.credits", ("pcie.credits.ph", "pcie.credits.pd")),
    "credits of reads": (
        {"pcie.credits.nph": 3, "pcie.credits.return": "2us"}, "pcie.credits", ("pcie.credits.nph",)),
    "a short Tx ring": (
        {"nic.strict": False,
         "nic.tx_ring": 64, "nic.vfs": 2, "host.cores": 2, "workload.frame_bytes": 64, "host.read_latency": "2us",
         "pcie.lanes": 16, "driver.tx_interrupt_batch": 32}, "nic.tx_ring", ("nic.tx_ring",)),
    "a small Tx buffer": (
        {"nic.strict": False,
         "nic.tx_buffer": "4KiB", "pcie.lanes": 16, "host.read_latency": "2us"}, "nic.tx_buffer", ("nic.tx_buffer",)),
    "a small descriptor cache": (
        {"nic.strict": False,
         "nic.descriptor_cache": 8, "nic.rx_prefetch": 8, "nic.vfs": 2, "host.cores": 2, "workload.frame_bytes": 64,
         "workload.pattern": "to_wire", "port.rate": "100Gbps", "pcie.lanes": 16, "host.read_latency": "2us"},
        "tx.descriptors", ("nic.descriptor_cache",)),
    "no descriptors fetched ahead": (
        {"nic.rx_prefetch": 0, "host.read_latency": "2us"}, "rx.descriptors",
        ("nic.rx_prefetch", "nic.descriptor_cache")),
}  # fmt: skip


@pytest.mark.parametrize("case", ONCE_WRONG)
def test_what_is_named_makes_the_throughput_rise(case):
    """The name is that of the cause, and twice as much of it gives at least 2 % more."""
    overrides, resource, keys = ONCE_WRONG[case]
    config = load_config(IDEAL, {**overrides, **BRIEF})
    result = simulate(config)
    found = result.bottleneck
    assert (found.resource, found.keys) == (resource, keys), found.why
    assert found.utilization > 0.2
    (larger,) = (each for each in relaxations_of(config) if each.is_of(found))
    assert simulate(larger.config).throughput_gbps() > 1.02 * result.throughput_gbps()


def test_a_drop_for_want_of_descriptors_is_no_bottleneck_where_the_pipeline_is():
    changes = {"nic.max_pps": 5_000_000, "nic.rx_ring": 64, "nic.rx_prefetch": 32, "driver.frame_time": "100ns",
               "workload.frame_bytes": 256, "pcie.lanes": 8, **BRIEF}  # fmt: skip
    result = simulate(load_config(IDEAL, changes))
    assert result.bottleneck.resource == "nic.pipeline", result.bottleneck.why
    assert result.bottleneck.utilization > 0.98


def test_rings_that_are_never_posted_again_limit_what_gets_through():
    """Half of the load is lost at two such rings, of one server and of two, with nothing else in its way."""
    half = {"nic": {"vfs": 4, "rx_ring": 64}, "driver": {"vms": {"vf1": {"refill": False}, "vf3": {"refill": False}}}}
    times = {"run": {"warmup": "1ms", "duration": "2ms"}}
    load = {"workload": {"pattern": "pairs", "load": "2Gbps"}}
    found = judged_result_of(half, times, load).bottleneck
    assert found.resource == "rx.descriptors" and "vf1 and vf3 post none again" in found.why
    none = {"nic": {"vfs": 2, "rx_ring": 64}, "driver": {"refill": False}}
    assert judged_result_of(none, times).bottleneck.why.startswith("The Rx rings of vf0 and vf1 have no descriptor")
    two = {"servers": [{"name": "a"}, {"name": "b", "set": {"driver.vms.vf1.refill": False}}]}
    bridge = {"bridge": {"ports": {"a": {}, "b": {}}}, "nic": {"vfs": 2, "rx_ring": 64}}
    flows = {"workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf1", "1Gbps"], ["b.vf0", "a.vf1", "1Gbps"]]}}
    found = judged_result_of(two, bridge, flows, times).bottleneck
    assert found.resource == "b.rx.descriptors"
    assert found.why.startswith("Server b: The Rx ring of vf1 has no descriptor left")


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"reset": "vf1"}, "fullest on average: driver.tx ("),
        ({"set": {"port.rate": "1Gbps"}}, "limited by wire.tx (100.0 % busy)"),
        ({"set": {"workload.load": "1Gbps"}}, "limited by the offered load alone ("),
    ],
)
def test_of_a_machine_that_changes_only_what_is_full_throughout_limits(event, says):
    workload = {"pattern": "to_wire" if "wire" in says else "pairs", "load": "4Gbps"}
    blocks = {"nic": {"vfs": 4}, "workload": workload, "scenario": [{"at": "2ms", **event}]}
    result = judged_result_of(blocks, {"run": {"warmup": "1ms", "duration": "2ms"}})
    assert says in headline(result)
    is_fullest_alone = says.startswith("fullest")
    assert (result.bottleneck.why == FULLEST_ON_AVERAGE) is is_fullest_alone
    assert (limit_of(result) == "") is is_fullest_alone  # the picture names none


def test_the_sentence_on_tags_tells_the_mean_from_the_share_without_a_free_one():
    changes = {"pcie.tags": 6, "host.read_latency": "2us", "workload.load": 0.58, "run.duration": "5ms"}
    result = simulate(load_config(IDEAL, changes))
    mean_share = result.queues["tags"].mean / 6
    assert result.utilization["pcie.tags"] < mean_share - 0.05  # all six at once are in use less than each of them


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, pytest.param(12, marks=pytest.mark.nightly)])
def test_a_sample_of_random_machines_has_its_names_right(n):
    cases = bottleneck_bench.judge_all(2024, n, bottleneck_bench.RUN, jobs=min(n, 2))
    wrong = [case.label for case in cases if not case.problem and case.gbps and not case.is_right_together]
    assert wrong == [], bottleneck_bench.report_text(cases)


def bottleneck_of(machine):
    flows = machine.get("workload", {}).get("flows")
    if flows:
        whole = [[*flow, None][:3] for flow in flows]
        machine = merged(machine, {"workload": {"flows": whole}})
    return judged_result_of(VMS, POLLED, machine)


@pytest.mark.parametrize("resource", SCARCE)
def test_what_is_scarce_is_named(resource):
    result = bottleneck_of(SCARCE[resource])
    assert result.bottleneck.resource == resource, result.bottleneck.why
    if resource != "offered_load":
        assert result.bottleneck.utilization > 0.5


@pytest.mark.parametrize("case", ALSO)
def test_other_ways_to_be_scarce_are_named(case):
    resource, machine = ALSO[case]
    result = bottleneck_of(machine)
    assert result.bottleneck.resource == resource, result.bottleneck.why


@pytest.mark.parametrize("address_bits", [32, 64])
def test_the_sentence_gives_the_cost_of_a_frame(address_bits):
    """A 1518 B frame has 1516 B of payload on the link whatever the headers; the window may cut one in twenty."""
    machine = {"pcie": {"lanes": 1, "generation": 1, "address_bits": address_bits}, "run": {"duration": "40ms"}}
    why = result_of(VMS, POLLED, machine).bottleneck.why
    payload = int(why.partition(" B of it payload")[0].rpartition(" ")[2])
    assert abs(payload - 1516) <= 3, why


def test_wider_links_move_the_bottleneck():
    """With more lanes the same load goes from the link to the driver's core."""
    resources = [
        bottleneck_of(
            {
                "nic": {"strict": False},
                "pcie": {"lanes": lanes, "generation": 3, "tags": 256},
                "driver": {"frame_time": "300ns"},
            }
        )
        for lanes in (1, 16)
    ]
    assert resources[0].bottleneck.resource in ("pcie.up", "pcie.down")
    assert resources[1].bottleneck.resource in ("driver.rx", "driver.tx")
    assert resources[1].totals.gbps > 2 * resources[0].totals.gbps


def test_the_busiest_core_is_named_by_who_has_it_though_it_is_not_its_first():
    """What vf1 sends, at port 3, comes to queue 3 of vf0's, whose core is the only one of vf2, which is silent."""
    ports = [{"name": "vf0", "cores": [0, 1, 2, 3]}, {"name": "vf1", "cores": [4]}, {"name": "vf2", "cores": [3]}]
    machine = {
        "host": {"cores": 5}, "switch": {"ports": ports}, "nic": {"strict": False, "vfs": 3, "queues_per_vf": 4},
        "driver": {"vms": {"vf0": {"frame_time": "2us"}}},
        "workload": {"pattern": "flows", "flows": [["vf1", "vf0", None]], "frame_bytes": 64},
    }  # fmt: skip
    result = judged_result_of(VMS, WIDE, POLLED, machine)
    assert result.bottleneck.why.startswith("The core of vf0 is busy 100.0 %")


def uplink_of(n_rings: int) -> dict[str, Any]:
    return {
        "nic": {"mode": "vswitch", "vfs": 4, "queue_time": "4us"},
        "host": {"cores": 8, "virtual_switch": {"cores": [6, 7], "uplink_queues": n_rings}},
        "workload": {"pattern": "to_wire", "frame_bytes": 512, "load": "1Gbps"},
        "run": {"warmup": "1ms", "duration": "2ms"},
    }


def test_the_ring_of_a_virtual_switch_s_uplink_is_widened_by_more_of_them_and_more_cores():
    """A ring of a VM is none of the adapter's there: more of them would change nothing."""
    one, two = (judged_result_of(uplink_of(n_rings)) for n_rings in (1, 2))
    assert one.bottleneck.resource == "nic.queue"
    assert one.bottleneck.keys == (
        "nic.queue_time", "host.virtual_switch.uplink_queues", "host.virtual_switch.cores"
    )  # fmt: skip
    assert two.wire.tx_gbps == pytest.approx(2 * one.wire.tx_gbps, rel=0.02)


def test_of_two_full_cores_the_receiver_that_loses_frames_is_named():
    """At an incast over a bridge a's other VM sends at the full speed of its core, most of it into a drop."""
    result = simulate(load_config({
        "nic": {"vfs": 2}, "driver": {"preset": "dpdk", "frame_time": "400ns"}, "pcie": {"generation": 3, "lanes": 8},
        "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"kind": "learning", "announce": True},
        "workload": {"frame_bytes": 64, "pattern": "incast", "load": "saturate"}, "run": {"duration": "2ms"},
    }))  # fmt: skip
    assert result.drops["NO_DESCRIPTOR"] > 10_000
    assert result.bottleneck.resource == "a.driver.rx" and "core of vf0" in result.bottleneck.why
