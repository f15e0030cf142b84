"""A run whose limit is a number that nobody knows of its device says so, and no other run does."""

from __future__ import annotations

import pytest

from hwmodel import load_config, simulate
from hwmodel.config.presets import ASSUMED, DEVICES
from hwmodel.resources import RESOURCES
from hwmodel.results.result import Bottleneck
from hwmodel.simulation.figures.assumed import assumptions_of

SMALL = {"workload": {"pattern": "flows", "frame_bytes": 64, "flows": [["vf0", "uplink"]]}, "driver.preset": "dpdk"}
SMALL |= {"host.cores": 8, "run.frames": 4000, "nic.vfs": 2, "driver.frame_time": "10ns"}


def said_of(preset, **keys):
    result = simulate(load_config({"nic": {"preset": preset}, **SMALL}, keys))
    assert result.bottleneck.resource == keys.get("limit", result.bottleneck.resource)
    return result


@pytest.mark.parametrize("preset", ["X540", "X550"])
def test_a_ring_as_slow_as_another_devices_is_told(preset):
    result = said_of(preset)
    assert (result.bottleneck.resource, len(result.assumptions)) == ("nic.queue", 1)
    assert "nic.queue_time" in result.assumptions[0] and "82599" in result.assumptions[0]
    assert result.assumptions[0] in result.summary()


def test_what_is_measured_of_the_device_or_chosen_by_the_user_is_no_assumption():
    assert said_of("82599").assumptions == ()
    chosen = said_of("X550", **{"nic.queue_time": "90ns"})
    assert (chosen.bottleneck.resource, chosen.assumptions) == ("nic.queue", ())


def test_one_ring_of_the_xl710_sends_what_was_reported_of_one():
    """21.4 Mpps of 64 B from one Tx queue (github.com/emmericp/MoonGen, issue 289)."""
    result = said_of("XL710")
    assert result.bottleneck.resource == "nic.queue" and len(result.assumptions) == 1
    assert result.wire.tx_gbps / (64 * 8e-3) == pytest.approx(21.4, rel=0.02)


def test_each_assumed_number_is_of_the_preset_and_can_limit():
    for preset, assumed in ASSUMED.items():
        for key in assumed:
            assert key.removeprefix("nic.") in DEVICES[preset].values["nic"]
            assert any(key in row.keys for row in RESOURCES)


def test_of_several_servers_the_one_that_limits_is_asked():
    servers = [{"name": "a"}, {"name": "b", "set": {"nic.preset": "X550"}}]
    config = load_config({"bridge": {}, "servers": servers})
    keys = {name: (f"servers.{name}.set.nic.queue_time",) for name in "ab"}
    found = [Bottleneck(resource=f"{name}.nic.queue", utilization=1.0, why="", keys=keys[name]) for name in "ab"]
    assert [len(assumptions_of(config, each)) for each in found] == [0, 1]


def test_the_time_of_an_outer_tag_is_assumed_until_it_is_said():
    key = "host.virtual_switch.tag_time"
    limit = Bottleneck(resource="vswitch", utilization=1.0, why="", keys=("host.virtual_switch.frame_time", key))
    tagging = {"nic": {"mode": "vswitch"}, "switch": {"mode": "e_tag"}, "bridge": {"kind": "controlling"}}
    assert assumptions_of(load_config(tagging), limit) == (
        f"This hangs on {key}, 10ns: some 30 cycles to move both addresses and look a number up, no measurement of a "
        "hypervisor.",
    )
    assert assumptions_of(load_config({**tagging, "host": {"virtual_switch": {"tag_time": "12ns"}}}), limit) == ()


def test_of_what_limits_only_the_keys_that_would_raise_it_are_asked():
    """A ring that is never filled again is as empty with a deeper descriptor cache, whose depth nobody knows."""
    stopped = {"nic": {"preset": "82599", "vfs": 2}, "driver": {"preset": "dpdk", "vms": {"vf1": {"refill": False}}},
               "workload": {"pattern": "uniform", "load": 0.5}, "run": {"frames": 3000}}  # fmt: skip
    result = simulate(load_config(stopped))
    assert (result.bottleneck.resource, result.assumptions) == ("rx.descriptors", ())


def test_what_vmdq_takes_for_a_frame_is_told_where_it_limits():
    wire = {"nic": {"preset": "82599", "mode": "vmdq", "vfs": 2}, "driver.preset": "kernel", "run.frames": 4000}
    wire |= {"workload.pattern": "none", "workload.frame_bytes": 64, "workload.external.rate": "5Gbps"}
    found = {key: simulate(load_config({**wire, **own})) for key, own in (
        ("by default", {}), ("chosen", {"driver.pass_time": "210ns"}), ("fast", {"driver.frame_time": "1ns",
         "workload.external.rate": "1Gbps"}))}  # fmt: skip
    assert found["by default"].bottleneck.resource == found["chosen"].bottleneck.resource == "driver.rx"
    assert ["driver.pass_time" in str(one.assumptions) for one in found.values()] == [True, False, False]
