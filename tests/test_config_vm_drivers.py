"""Drivers of single VMs: what `driver.vms` says, what follows where it says nothing, how it is written and refused."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.units import FS_PER_NS
from tests.config_cases import complaints, load

TWO = "nic: {vfs: 2}\n"
SLOW = TWO + "driver: {preset: dpdk, doorbell_time: 70ns, vms: {vf1: {frame_time: 200ns}}}\n"


def test_a_key_that_a_vm_does_not_say_is_as_in_driver():
    config = load(SLOW)
    own, of_all = config.driver_of("vf1"), config.driver_of("vf0")
    assert own.frame_time_fs == 200 * FS_PER_NS
    assert {name for name in type(own).model_fields if getattr(own, name) != getattr(of_all, name)} == {"frame_time_fs"}
    assert config.driver_of("pf") is config.driver_of("vf0") is config.driver


def test_beside_a_preset_a_key_that_is_not_said_is_as_in_the_preset():
    """Not as in `driver`: its doorbell of 70 ns is none of the kernel's."""
    config = load(SLOW.replace("frame_time: 200ns", "preset: kernel, byte_time: 3ns"))
    own = load("driver: {preset: kernel, byte_time: 3ns}").driver
    assert config.driver_of("vf1").behaviour == own.behaviour
    assert config.driver_of("vf1").preset == "kernel"


@pytest.mark.parametrize("preset", ["kernel", "kernel_busy_poll", "dpdk", "null"])
@pytest.mark.parametrize("device", ["82599", "XL710"])
def test_a_preset_is_for_a_vm_what_it_is_for_all_with_each_device(preset, device):
    one = load(f"nic: {{preset: {device}, vfs: 2}}\ndriver: {{preset: dpdk, vms: {{vf0: {{preset: {preset}}}}}}}")
    for_all = load(f"nic: {{preset: {device}, vfs: 2}}\ndriver: {{preset: {preset}}}")
    assert one.driver_of("vf0").behaviour == for_all.driver.behaviour


def test_without_drivers_of_their_own_nothing_is_said_of_vms():
    config = load(TWO)
    assert "vms" not in config.resolved()["driver"]
    assert config.config_hash() == load(TWO + "driver: {vms: {}}").config_hash()
    assert config.for_function("vf1") is config is config.for_functions(["vf0", "vf1"])


@pytest.mark.parametrize("vms", ["{vf1: {preset: kernel}}", "{pf: {frame_time: 1us}, vf0: {}}", "{vf1: }"])
def test_what_is_written_reads_back(vms):
    config = load(f"{TWO}driver: {{preset: dpdk, vms: {vms}}}")
    again = config_from_mapping(config.resolved())
    assert again == config and again.config_hash() == config.config_hash()
    assert again.resolved() == config.resolved()


def test_keys_on_the_command_line_change_a_vm():
    config = load(SLOW, ["driver.vms.vf0.frame_time=300ns", "driver.vms={vf1: {byte_time: 1ns}}"])
    times = {name: config.driver_of(name).frame_time_fs // FS_PER_NS for name in ("vf0", "vf1")}
    assert times == {"vf0": 300, "vf1": 200}
    assert config.driver_of("vf1").byte_time_fs == FS_PER_NS
    assert load(SLOW, ["driver.preset=kernel"]).driver_of("vf1").mask_interrupts


def test_changes_of_a_loaded_configuration_follow_its_driver():
    config = load(SLOW).with_overrides({"driver.doorbell_time": "9ns", "driver.vms.vf1.byte_time": "1ns"})
    own = config.driver_of("vf1")
    assert (own.doorbell_time_fs, own.byte_time_fs, own.frame_time_fs) == (9 * FS_PER_NS, FS_PER_NS, 200 * FS_PER_NS)


@pytest.mark.parametrize(
    ("vms", "expected"),
    [
        ("{vf2: {}}", "2:21: driver.vms.vf2: there is no vf2; nic.vfs is 2, vf0 to vf1"),
        ("{vf1: {frame_tim: 1us}}", "2:22: driver.vms.vf1.frame_tim: unknown key (did you mean frame_time?)"),
        ("{vf1: {vms: {}}}", "2:22: driver.vms.vf1.vms: unknown key (did you mean nic.vfs?)"),
        ("{vm1: {}}", "2:16: driver.vms.vm1: 'vm1' is not the name of a port here; pf, vf0, vf1 and so on "
                      "(did you mean vf1?)"),
        ("{vf1: {preset: kernl}}", "2:30: driver.vms.vf1.preset: 'kernl' is not one of kernel, kernel_busy_poll, dpdk "
                                   "(did you mean kernel?)"),
        ("{vf1: {frame_time: 20}}", "2:34: driver.vms.vf1.frame_time: 20 has no unit; write a time like 500ns"),
        ("{vf1: 3}", "2:21: driver.vms.vf1: 3 where keys with values are expected"),
        ("[vf1]", "2:15: driver.vms: a list where keys with values are expected"),
        ("{vf1: {refill_batch: 600}}", "2:36: driver.vms.vf1.refill_batch: driver.vms.vf1.refill_batch 600 never comes "
                                       "together: nic.rx_ring 512 holds at most 511"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_vm_is_said_where_it_stands(vms, expected):
    (line,) = complaints(f"{TWO}driver: {{vms: {vms}}}")
    assert line.endswith(expected)


def test_a_wrong_value_for_all_is_reported_once():
    (line,) = complaints(TWO + "driver: {frame_time: 20, vms: {vf0: {byte_time: 1ns}, vf1: {}}}")
    assert ": driver.frame_time: 20 has no unit" in line


def test_a_batch_that_a_vms_ring_cannot_hold_together_with_others_is_found():
    lines = complaints(
        "nic: {vfs: 2, rx_ring: 64, rx_writeback_batch: 1, rx_fetch_batch: 8}\n"
        "driver: {preset: dpdk, vms: {vf1: {refill_batch: 63}}}"
    )
    assert any("vms.vf1.refill_batch" in line and "stop for ever" in line for line in lines)


def test_servers_have_vms_with_drivers_of_their_own():
    config = load(
        TWO + "driver: {preset: dpdk, vms: {vf0: {frame_time: 100ns}}}\n"
        "servers:\n- {name: a}\n- {name: b, set: {driver.vms.vf0.frame_time: 300ns}}\n"
        "- {name: c, set: {driver: {vms: {vf1: {preset: kernel, doorbell_time: 0ns}}}}}\n"
        "- {name: d, set: {driver.preset: kernel}}\n- {name: e, set: {driver: }}\n"
    )
    of = {server.name: server.config for server in servers_of(config)}
    assert [of[name].driver_of("vf0").frame_time_fs // FS_PER_NS for name in "abcde"] == [100, 300, 100, 100, 800]
    assert of["c"].driver_of("vf1").behaviour == load("driver: {preset: kernel, doorbell_time: 0ns}").driver.behaviour
    assert of["a"].driver_of("vf1") is of["a"].driver
    assert of["d"].driver_of("vf0").mask_interrupts and not of["a"].driver_of("vf0").mask_interrupts
    again = config_from_mapping(config.resolved())
    assert again == config and again.resolved() == config.resolved()


def test_what_is_wrong_in_a_servers_set_has_its_words_before_it():
    lines = complaints(TWO + "servers: [{name: a}, {name: b, set: {driver.vms.vf7.frame_time: 1us}}]")
    assert [line.split(" ", 1)[1] for line in lines] == [
        "servers.b.set.driver.vms.vf7: there is no vf7; nic.vfs is 2, vf0 to vf1"
    ]
