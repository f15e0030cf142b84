"""Each kind of wrong value or key: the exact place, the dotted key, and what to do about it."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.adapter import Pcie
from hwmodel.config.build import SYNONYMS
from hwmodel.config.model import keys_of, model_at
from hwmodel.config.run import Run
from hwmodel.config.schema import json_schema, keys_in
from hwmodel.errors import InputError
from tests.config_cases import complaints, load

pytestmark = pytest.mark.strict_devices

LANES = "is not one of 1, 2, 4, 8, 12, 16, 32"

ONE_WRONG_VALUE = [
    # numbers
    ("pcie: {lanes: 3}", "c.yaml:1:15: pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32"),
    ("pcie: {lanes: '8'}", "c.yaml:1:15: pcie.lanes: '8' is not a whole number (did you mean 8, without quotes?)"),
    ("pcie: {lanes: 08}", "c.yaml:1:15: pcie.lanes: '08' is not a whole number (did you mean 8?)"),
    ("pcie: {lanes: 8.0}", "c.yaml:1:15: pcie.lanes: 8.0 is not a whole number (did you mean 8?)"),
    ("pcie: {lanes: true}", "c.yaml:1:15: pcie.lanes: true is not a whole number"),
    ("pcie: {lanes: }", "c.yaml:1:14: pcie.lanes: null is not a whole number"),
    ("pcie:\n  tags: 1e2", "c.yaml:2:9: pcie.tags: '1e2' is not a whole number; write all its digits"),
    ("pcie:\n  tags: 12:30", "c.yaml:2:9: pcie.tags: '12:30' is not a whole number; a colon has no meaning in it"),
    ("pcie:\n  tags: on", "c.yaml:2:9: pcie.tags: 'on' is not a whole number but a word"),
    ("pcie:\n  tags: yes", "c.yaml:2:9: pcie.tags: 'yes' is not a whole number but a word"),
    ("pcie:\n  tags: 0x20", "c.yaml:2:9: pcie.tags: '0x20' is not a whole number; write it in decimal digits"),
    ("pcie:\n  tags: 1_0", "c.yaml:2:9: pcie.tags: '1_0' is not a whole number (did you mean 10?)"),
    ("pcie:\n  tags: .inf",
     "c.yaml:2:9: pcie.tags: '.inf' is not a whole number; infinity and not-a-number are refused"),
    ("pcie:\n  tags: 32B", "c.yaml:2:9: pcie.tags: '32B' is not a whole number; this key has no unit"),
    ("pcie: {tags: [32]}", "c.yaml:1:14: pcie.tags: a list is not a whole number"),
    ("pcie: {tags: 0}", "c.yaml:1:14: pcie.tags: 0 is out of range; 1 to 768"),
    ("pcie: {tags: 769}", "c.yaml:1:14: pcie.tags: 769 is out of range; 1 to 768"),
    ("pcie: {generation: 6}", "c.yaml:1:20: pcie.generation: 6 is not one of 1, 2, 3, 4, 5"),
    ("run: {seed: -1}", "c.yaml:1:13: run.seed: -1 is out of range; 0 to 9223372036854775807"),
    ("run: {precision: 0.01}",
     "c.yaml:1:18: run.precision: 0.01 is not a percentage; write it like 1% (did you mean 1%?)"),
    ("run: {precision: 1}", "c.yaml:1:18: run.precision: 1 is not a percentage; write it like 1%"),
    ("run: {precision: 100%}", "c.yaml:1:18: run.precision: 100% is out of range; above 0% and below 100%"),
    ("run: {precision: 0%}", "c.yaml:1:18: run.precision: 0% is out of range; above 0% and below 100%"),
    ("pcie: {credits: {ph: 128}}", "c.yaml:1:22: pcie.credits.ph: 128 is out of range; 0 to 127"),
    ("nic: {vfs: 0}", "c.yaml:1:12: nic.vfs: 0 is out of range; 1 to 128"),
    # quantities
    ("pcie: {max_payload: 500ns}",
     "c.yaml:1:21: pcie.max_payload: '500ns' is a time, but this is a byte count; write it like 256B"),
    ("pcie: {max_payload: 256}", "c.yaml:1:21: pcie.max_payload: 256 has no unit; write a byte count like 256B"),
    ("pcie: {max_payload: 300B}",
     "c.yaml:1:21: pcie.max_payload: 300B is not a power of two (did you mean 256B or 512B?)"),
    ("pcie: {max_payload: 64B}", "c.yaml:1:21: pcie.max_payload: 64B is out of range; 128B to 4KiB"),
    ("pcie: {max_read_request: 8KiB}", "c.yaml:1:26: pcie.max_read_request: 8KiB is out of range; 128B to 4KiB"),
    ("pcie: {read_completion_boundary: 96B}",
     "c.yaml:1:34: pcie.read_completion_boundary: 96B is not a power of two (did you mean 64B or 128B?)"),
    ("host: {buffer_offset: 6B}", "c.yaml:1:23: host.buffer_offset: 6B is not a multiple of 4B"),
    ("run: {duration: 1.5fs}", "c.yaml:1:17: run.duration: '1.5fs' is not a whole number of fs"),
    ("run: {duration: 0ms}", "c.yaml:1:17: run.duration: 0ms is out of range; 1ns to 3600s"),
    ("run: {warmup: soon}", "c.yaml:1:15: run.warmup: 'soon' is neither auto nor a time like 2ms"),
    ("port: {rate: 10}", "c.yaml:1:14: port.rate: 10 has no unit; write a rate like 10Gbps"),
    ("driver: {moderation: 0}", "c.yaml:1:22: driver.moderation: 0 has no unit; write a time like 0ns"),
    ("switch: {clock: 156.25}", "c.yaml:1:17: switch.clock: 156.25 is not a frequency; write it like 156.25MHz"),
    # words
    ("switch: {mode: vep}",
     "c.yaml:1:16: switch.mode: 'vep' is not one of veb, vepa, vn_tag, e_tag, multichannel (did you mean vepa?)"),
    ("switch: {mode: VN-Tag}",
     "c.yaml:1:16: switch.mode: 'VN-Tag' is not one of veb, vepa, vn_tag, e_tag, multichannel (did you mean vn_tag?)"),
    ("nic: {preset: 8259}",
     "c.yaml:1:15: nic.preset: '8259' is not one of 82576, 82599, X540, X550, XL710 (did you mean 82599?)"),
    ("driver: {preset: linux}", "c.yaml:1:18: driver.preset: 'linux' is not one of kernel, kernel_busy_poll, dpdk"),
    ("pcie: {errors: 1e-12}", "c.yaml:1:16: pcie.errors: 1e-12 is not none"),
    ("pcie: {ecrc: on}", "c.yaml:1:14: pcie.ecrc: 'on' is neither true nor false (did you mean true, without quotes?)"),
    ("pcie: {ecrc: 0}", "c.yaml:1:14: pcie.ecrc: 0 is neither true nor false"),
    # frames and loads
    ("workload: {frame_bytes: 63}",
     "c.yaml:1:25: workload.frame_bytes: 63 is out of range; a frame with its FCS has 64 to 9728 bytes, a segment that "
     "a virtual switch passes whole up to 65620"),
    ("workload: {frame_bytes: long}",
     "c.yaml:1:25: workload.frame_bytes: 'long' is not a frame length in bytes; write it like 1518"),
    ("workload: {sizes: [[64, 7], [570]]}",
     "c.yaml:1:29: workload.sizes.1: an entry is a frame length and a weight, like [64, 7]"),
    ("workload: {sizes: []}",
     "c.yaml:1:19: workload.sizes: the list is too short, 0 of at least 1; write it like [[64, 7], [570, 4], [1518, "
     "1]]"),
    ("workload: {load: -1}", "c.yaml:1:18: workload.load: -1 is negative; a load is 0 (nobody sends) or more"),
    ("workload: {load: 80}",
     "c.yaml:1:18: workload.load: 80 times the port rate is out of range; write 80 % as 0.8, a rate like 2Gbps"),
    ("workload: {load: 80%}",
     "c.yaml:1:18: workload.load: '80%' is no load; write 80 % of the port rate as 0.8, or like 80% of "
     "ceiling"),
    ("workload: {load: 0% of ceiling}",
     "c.yaml:1:18: workload.load: '0% of ceiling' is out of range; above 0%, to 3200%"),
    ("workload: {load: 2mpps}", "c.yaml:1:18: workload.load: '2mpps' is not a frame rate (did you mean 2Mpps?)"),
    ("workload: {weights: {vm0: 1}}",
     "c.yaml:1:22: workload.weights.vm0: 'vm0' is not the name of a port here; pf, vf0, vf1 and so on, with "
     "servers a.vf0 (did you mean vf0?)"),
    ("workload: {weights: {vf0: -1}}", "c.yaml:1:27: workload.weights.vf0: -1 is out of range; 0 to 1000000"),
    ("workload: {zipf: 11}", "c.yaml:1:18: workload.zipf: 11 is out of range; 0 to 10"),
    ("workload: {load: saturated}",
     "c.yaml:1:18: workload.load: 'saturated' is not saturate, a share like 0.8, a rate like 2Gbps or 2Mpps, or "
     "90% of ceiling (did you mean saturate?)"),
    ("workload: {load: 2GHz}",
     "c.yaml:1:18: workload.load: '2GHz' is a frequency, but this is a rate; write it like 10Gbps"),
    ("workload: {load: .nan}", "c.yaml:1:18: workload.load: '.nan' is not a rate; write it like 10Gbps"),
    ("workload: {wire_share: 1.5}", "c.yaml:1:24: workload.wire_share: 1.5 is out of range; a share goes from 0 to 1"),
    ("workload: {wire_share: half}", "c.yaml:1:24: workload.wire_share: 'half' is not a share from 0 to 1"),
    ("workload: {mean_burst: 0.5}", "c.yaml:1:24: workload.mean_burst: 0.5 is out of range; 1 to 1000000"),
    ("workload: {flows: [[vf0, vf1, 2Gbps, 3]]}",
     "c.yaml:1:20: workload.flows.0: a flow is a source, a destination and perhaps a rate, like [vf0, vf1, 2Gbps]"),
    ("workload: {pcap: 5}", "c.yaml:1:18: workload.pcap: 5 is not a file name"),
    ("host: {jitter: {kind: histogram, bins: [[0ns, 1], 3]}}",
     "c.yaml:1:51: host.jitter.bins.1: a bin is a time and a weight, like [100ns, 3]"),
    # stations
    ("switch: {ports: [{name: vf0, macs: ['02:00:00:00:00']}]}",
     "c.yaml:1:37: switch.ports.vf0.macs.0: '02:00:00:00:00' is not a MAC address; write it like 02:00:00:00:00:02"),
    ("switch: {ports: [{name: vf0, macs: ['03:00:00:00:00:01']}]}",
     "c.yaml:1:37: switch.ports.vf0.macs.0: 03:00:00:00:00:01 is a group address; a station needs its own"),
    ("switch: {ports: [{name: vf0, macs: ['00:00:00:00:00:00']}]}",
     "c.yaml:1:37: switch.ports.vf0.macs.0: 00:00:00:00:00:00 is the zero address; a station needs its own"),
    ("switch: {ports: [{name: vf0, groups: ['02:00:00:00:00:01']}]}",
     "c.yaml:1:39: switch.ports.vf0.groups.0: 02:00:00:00:00:01 is a station's address; a group's has the "
     "lowest bit of the first byte set"),
    ("switch: {ports: [{name: vf0, vlans: [1, 4095]}]}",
     "c.yaml:1:41: switch.ports.vf0.vlans.1: 4095 is out of range; 1 to 4094"),
    ("switch: {ports: [{name: vf0, port_vlan: 0}]}",
     "c.yaml:1:41: switch.ports.vf0.port_vlan: 0 is out of range; 1 to 4094"),
    ("switch: {ports: [{name: vf0, vlans: 3}]}",
     "c.yaml:1:37: switch.ports.vf0.vlans: 3 is not a list; write it like [1, 2]"),
    ("switch: {ports: [{name: VM3}]}",
     "c.yaml:1:25: switch.ports.VM3.name: 'VM3' is not the name of a port here; pf, vf0, vf1 and so on (did "
     "you mean vf3?)"),
    ("switch: {ports: [{name: uplink}]}",
     "c.yaml:1:25: switch.ports.uplink.name: 'uplink' is not the name of a port here; pf, vf0, vf1 and so on; "
     "the wire's side of the switch has a key of its own, switch.uplink"),
    ("switch: {ports: [{vlans: [1]}]}", "c.yaml:1:18: switch.ports.0.name: this key is missing"),
    ("switch: {ports: [vf0]}", "c.yaml:1:18: switch.ports.0: 'vf0' where keys with values are expected"),
    ("switch: {uplink: {vlans: al}}",
     "c.yaml:1:26: switch.uplink.vlans: 'al' is neither all nor a list (did you mean all?)"),
    ("switch: {uplink: {vlans: [0]}}", "c.yaml:1:27: switch.uplink.vlans.0: 0 is out of range; 1 to 4094"),
    ("switch: {s_channels: {x: veb}}", "c.yaml:1:23: switch.s_channels.x: the key 'x' is not a whole number"),
    ("switch: {s_channels: {5000: veb}}",
     "c.yaml:1:23: switch.s_channels.5000: the key 5000 is out of range; 1 to 4094"),
    ("switch: {acl: [{action: deny, ethertype: 0x05}]}\nnic: {strict: false}",
     "c.yaml:1:42: switch.acl.0.ethertype: 0x05 is out of range; an EtherType goes from 0x0600 to 0xffff"),
    ("switch: {acl: [{}]}", "c.yaml:1:16: switch.acl.0.action: this key is missing"),
    # blocks and keys
    ("pcie: 5", "c.yaml:1:7: pcie: 5 where keys with values are expected"),
    ("pcie: [1]", "c.yaml:1:7: pcie: a list where keys with values are expected"),
    ("host: {iotlb: {entries: 8}}", "c.yaml:1:15: host.iotlb.miss: this key is missing"),
    ("pcie:\n  max_payloads: 256B", "c.yaml:2:3: pcie.max_payloads: unknown key (did you mean max_payload?)"),
    ("pcie:\n  max_payload_bytes: 256B", "c.yaml:2:3: pcie.max_payload_bytes: unknown key (did you mean max_payload?)"),
    ("pcie: {mps: 256B}", "c.yaml:1:8: pcie.mps: unknown key (did you mean max_payload?)"),
    ("nic: {mps: 256B}", "c.yaml:1:7: nic.mps: unknown key (did you mean pcie.max_payload?)"),
    ("pcie: {tx_ring: 64}", "c.yaml:1:8: pcie.tx_ring: unknown key (did you mean nic.tx_ring?)"),
    ("lanes: 8", "c.yaml:1:1: lanes: unknown key (did you mean pcie.lanes?)"),
    ("nics: {}", "c.yaml:1:1: nics: unknown key (did you mean nic?)"),
    ("port: {xyzzy: 1}", "c.yaml:1:8: port.xyzzy: unknown key; known here: rate, count, down"),
    ("switch: {ports: [{name: vf0, mac: 1}]}", "c.yaml:1:30: switch.ports.vf0.mac: unknown key (did you mean macs?)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ONE_WRONG_VALUE, ids=[text for text, _ in ONE_WRONG_VALUE])
def test_one_wrong_value_is_one_line(text, line):
    assert complaints(text) == [line]


def test_everything_wrong_is_reported_at_once_in_order_of_the_file():
    text = """\
pcie:
  lanes: 3
  lanes: 4
  max_payloads: 256B
nic: {vfs: 80, fetch_batch: yes}
switch:
  ports:
    - {name: vf1, macs: ['02:00:00:00:00:02']}
workload: {pattern: flows}
ru: {}
"""
    assert complaints(text) == [
        f"c.yaml:2:10: pcie.lanes: 3 {LANES}",
        "c.yaml:3:3: pcie.lanes: repeated key; it stands in line 2 already",
        "c.yaml:4:3: pcie.max_payloads: unknown key (did you mean max_payload?)",
        "c.yaml:5:12: nic.vfs: 80 VFs at a port; the 82599 has at most 63 (Intel 82599 data sheet: 64 pools, one of "
        "them the PF's); nic.strict: false or nic.preset: null permits it",
        "c.yaml:5:29: nic.fetch_batch: 'yes' is not a whole number but a word",
        "c.yaml:8:26: switch.ports.vf1.macs.0: vf0 and vf1 both have 02:00:00:00:00:02 in VLAN 1",
        "c.yaml:9:21: workload.pattern: pattern: flows needs flows, like flows: [[vf0, vf1, 2Gbps]]",
        "c.yaml:10:1: ru: unknown key (did you mean run?)",
    ]


def test_a_check_between_keys_is_left_out_where_one_of_them_is_wrong():
    # The ring would be too small for the device, the batch too large for the ring: but nobody knows the ring.
    assert complaints("nic: {tx_ring: 1x, fetch_batch: 64}\ndriver: {preset: null}") == [
        "c.yaml:1:16: nic.tx_ring: '1x' is not a whole number; this key has no unit"
    ]


def test_a_wrong_entry_of_a_list_hides_no_other_block():
    lines = complaints("switch: {mirrors: [{to: vf0, form: vf1}]}\nhost: {buffer_offset: 4KiB}")
    assert lines == [
        "c.yaml:1:30: switch.mirrors.0.form: unknown key (did you mean from?)",
        "c.yaml:2:23: host.buffer_offset: 4KiB is not within a buffer of 2KiB",
    ]


def test_an_alias_is_one_problem_and_no_value():
    text = "pcie: {lanes: *x}\nnic: {tx_buffer: &y 1KiB}\nrun: *y\nswitch: {mode: *x, queue_bytes: 1KiB}"
    assert complaints(text) == [
        "c.yaml:1:15: pcie.lanes: aliases such as *x are not allowed; write the value out",
        "c.yaml:2:18: nic.tx_buffer: anchors such as &y are not allowed",
        "c.yaml:2:18: nic.tx_buffer: 1KiB does not hold a frame of 1518 B",
        "c.yaml:3:6: run: aliases such as *y are not allowed; write the value out",
        "c.yaml:4:16: switch.mode: aliases such as *x are not allowed; write the value out",
        "c.yaml:4:33: switch.queue_bytes: 1KiB never holds the longest frame of pf, max_frame 1518B",
    ]


def test_blocks_without_keys_are_as_if_absent():
    empty = "pcie:\nhost:\nnic:\ndriver:\nswitch:\nport:\nworkload:\nrun:\n"
    assert load(empty) == load("{}")


def test_a_mapping_has_no_lines():
    with pytest.raises(InputError) as refusal:
        config_from_mapping({"pcie": {"lanes": 3}, "run": {"sed": 1}})
    assert refusal.value.lines == [
        f"configuration: pcie.lanes: 3 {LANES}",
        "configuration: run.sed: unknown key (did you mean seed?)",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, 1e300, object(), b"8", {1, 2}])
def test_values_that_no_file_can_hold(value):
    for key in ("wire_share", "load", "frame_bytes", "mean_burst"):
        with pytest.raises(InputError) as refusal:
            config_from_mapping({"workload": {key: value}})
        assert len(refusal.value.lines) == 1


def test_every_synonym_names_a_key():
    anywhere = {"macs", "vlans", "port_vlan", "rate"}
    for key in set(SYNONYMS.values()) - anywhere:
        *block, name = (0 if step == "vf0" else step for step in key.split("."))
        assert name in keys_of(model_at(tuple(block))), key


def test_the_keys_of_a_block():
    same = {name: name for name in ("warmup", "frames", "precision", "seed")}
    assert keys_of(Run) == same | {"duration": "duration_fs", "clocks": "clocks_ppb"}
    assert keys_of(None) == {}
    assert model_at(("pcie",)) is Pcie
    assert model_at(("switch", "ports", 3, "macs")) is None


def test_a_value_is_found_by_its_key():
    config = config_from_mapping(
        {"nic.rx_buffer": "64KiB", "host.iotlb": {"entries": 48, "miss": "300ns"}, "driver.vms.vf1.refill": False}
    )
    known = {"nic.rx_buffer": 65536, "host.iotlb.entries": 48, "host.iotlb.split": False, "host.stall": None,
             "host.stall.every": None, "nic.steering.flow_director.mode": None, "run.seed": 1}  # fmt: skip
    assert {key: config.value_of(key) for key in known} == known
    assert config.nic.value_of("rx_buffer") == 65536
    assert {key: own.refill for key, own in config.driver_blocks.items()} == {"driver": True, "driver.vms.vf1": False}
    with pytest.raises(KeyError):
        config.value_of("nic.rx_bufer")


def test_every_key_of_the_schema_is_found():
    config = config_from_mapping({})
    found = {key: config.value_of(key) for key, _, _ in keys_in(json_schema())}
    assert found["switch.uplink.native_vlan"] == 1 and found["multi_root.control"] is None
