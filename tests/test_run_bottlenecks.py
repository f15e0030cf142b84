"""A run names what limits it: each resource is made scarce in turn."""

from __future__ import annotations

import pytest

from tests.run_cases import POLLED, merged, result_of

VMS = {"nic": {"vfs": 4}, "run": {"warmup": "1ms", "duration": "2ms"}}
WIDE = {"pcie": {"generation": 3, "lanes": 16, "tags": 256}}
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
            "driver": {"moderation": "200us", "preset": "kernel"},
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
        merged(FEW_IN_FLIGHT, {"pcie": {"tags": 256, "credits": {"cplh": 1, "return": "2us"}}}),
    ),
    "completion data": (
        "pcie.credits",
        merged(FEW_IN_FLIGHT, {"pcie": {"tags": 256, "credits": {"cpld": 16, "return": "2us"}}}),
    ),
    "slow memory": (
        "pcie.credits",
        {"host": {"write_drain": "1Gbps"}, "pcie": {"credits": {"ph": 8, "pd": 128}}},
    ),
    "one read request": (
        "pcie.credits",
        merged(FEW_IN_FLIGHT, {"pcie": {"tags": 256, "credits": {"nph": 1, "return": "2us"}}}),
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
                "switch": {"acl": [{"port": "all", "action": "police", "rate": "100Mbps", "burst": "4KiB"}]},
                "workload": {"load": "1Gbps"},
            },
        ),
    ),
    "flows with rates": (
        "offered_load",
        merged(
            WIDE, {"workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf1", "uplink", "1Gbps"]]}}
        ),
    ),
}


def bottleneck_of(machine):
    flows = machine.get("workload", {}).get("flows")
    if flows:
        whole = [[*flow, None][:3] for flow in flows]
        machine = merged(machine, {"workload": {"flows": whole}})
    return result_of(VMS, POLLED, machine)


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
        bottleneck_of({"pcie": {"lanes": lanes, "generation": 3, "tags": 256}, "driver": {"frame_time": "300ns"}})
        for lanes in (1, 16)
    ]
    assert resources[0].bottleneck.resource in ("pcie.up", "pcie.down")
    assert resources[1].bottleneck.resource in ("driver.rx", "driver.tx")
    assert resources[1].totals.gbps > 2 * resources[0].totals.gbps
