"""Pools, cores of queues and filters: what cannot stand together, each in a line, and what follows from other keys."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.check_steering import check_queues, check_steering
from hwmodel.config.document import Document
from hwmodel.config.fill_queues import fill_queues, table_entries
from hwmodel.config.findings import Doubts, Findings
from hwmodel.config.steering import FlowDirector, HashKey, IpAddress
from hwmodel.errors import InputError
from hwmodel.rules.steering import VERIFICATION_KEY, perfect_filters, signature_filters
from tests.config_cases import complaints, load

PERFECT = "nic: {vfs: 2, queues_per_vf: 4, steering: {flow_director: {filters: ["
WEB = "{pool: vf0, protocol: tcp, destination_port: 80, queue: 1}"

CONTRADICTIONS = [
    ("nic: {vfs: 2}\ndriver: {pass_time: 300ns}",
     "c.yaml:2:21: driver.pass_time: a VM with a virtual function has its frames from the adapter, and nobody passes "
     "them to it; nic.mode: vmdq has a hypervisor that does"),
    ("nic: {mode: vmdq, preset: X540}\npcie: {ordering: id_based}",
     "c.yaml:2:18: pcie.ordering: with nic.mode: vmdq all queues are of one function, so that no id tells them apart; "
     "strict or relaxed"),
    ("nic: {mode: vmdq}\nhost: {iotlb: {entries: 8, miss: 300ns, split: true}}",
     "c.yaml:2:48: host.iotlb.split: with nic.mode: vmdq all queues are of one function, which has all entries; split: "
     "false"),
    ("host: {cores: 2}\nswitch: {ports: [{name: vf0, cores: [5]}]}",
     "c.yaml:2:38: switch.ports.vf0.cores.0: there is no core 5; host.cores is 2, from 0 on"),
    ("switch: {ports: [{name: vf0, cores: [0, 1]}]}",
     "c.yaml:1:37: switch.ports.vf0.cores: 2 cores for 1 queue of vf0; a queue has one core"),
    ("nic: {vfs: 2, queues_per_vf: 2, steering: {tuple_filters: [{destination_port: 80, queue: 3}]}}",
     "c.yaml:1:90: nic.steering.tuple_filters.0.queue: there is no queue 3; a pool has queues 0 to 1 "
     "(nic.queues_per_vf 2)"),
    ("nic: {vfs: 2, steering: {rss: {table: [1]}}}",
     "c.yaml:1:40: nic.steering.rss.table.0: there is no queue 1; a pool has queue 0 alone (nic.queues_per_vf 1)"),
    ("nic: {vfs: 2, steering: {ethertype_filters: [{ethertype: 0x88f7, pool: vf7}]}}",
     "c.yaml:1:72: nic.steering.ethertype_filters.0.pool: there is no vf7; nic.vfs is 2, vf0 to vf1"),
    (PERFECT + WEB + ", {pool: vf0, protocol: tcp, destination_port: 80, queue: drop}]}}}\ndriver: {preset: dpdk}",
     "c.yaml:1:130: nic.steering.flow_director.filters.1: entry 0 matches the same frames and sends them to queue 1 of "
     "vf0 already"),
    (PERFECT + WEB + ", {pool: vf0, protocol: tcp, source_port: 80, queue: 1}]}}}\ndriver: {preset: dpdk}",
     "c.yaml:1:170: nic.steering.flow_director.filters.1.source_port: this one compares source_port and filter 0 does "
     "not; all perfect filters have one mask, so they compare the same fields (tuple_filters need not)"),
    ("nic: {vfs: 2, steering: {flow_director: {atr: true}}}",
     "c.yaml:1:47: nic.steering.flow_director.atr: atr writes signature filters; it needs mode: signature"),
    ("nic: {vfs: 2, steering: {flow_director: {mode: signature, filters: [{protocol: udp, source: 10.0.0.1, queue: "
     "0}]}}}",
     "c.yaml:1:69: nic.steering.flow_director.filters.0: pool, destination, source_port, destination_port is "
     "missing: a "
     "signature is a hash of all fields; mode: perfect compares some alone"),
    ("switch: {mode: vepa, pool_filters: {}}",
     "c.yaml:1:36: switch.pool_filters: pool_filters are for mode: veb; in mode vepa a tag, or the bridge above, says "
     "whom a frame is for"),
    ("switch: {ports: [{name: vf0, accept: [untagged]}]}",
     "c.yaml:1:39: switch.ports.vf0.accept.0: untagged is for switch.pool_filters; the rules of bridging know "
     "broadcast "
     "and multicast"),
    ("switch: {pool_filters: {}, ports: [{name: vf0, default: true}]}",
     "c.yaml:1:57: switch.ports.vf0.default: with pool_filters one pool is the default: pool_filters.default_pool: "
     "vf0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), CONTRADICTIONS)
def test_contradictions(text, line):
    assert complaints(text) == [line]


@pytest.mark.parametrize(
    ("mode", "memory", "most"),
    [("perfect", "64KiB", 2046), ("perfect", "256KiB", 8190), ("signature", "64KiB", 8191)],
)
def test_a_table_with_too_many_filters_says_so(mode, memory, most):
    flow = {"pool": "vf0", "protocol": "tcp", "source": "10.0.0.1", "destination": "10.0.0.2", "source_port": 1}
    filters = [{**flow, "destination_port": port, "queue": 0} for port in range(most + 1)]
    director = {"mode": mode, "memory": memory, "filters": filters}
    block = {"nic": {"vfs": 2, "steering": {"flow_director": director}}}
    with pytest.raises(InputError) as refusal:
        config_from_mapping(block)
    (line,) = refusal.value.lines
    assert f"the table is full: {most + 1} {mode} filters, of which {memory} hold {most}" in line
    del filters[-1]
    assert len(config_from_mapping(block).nic.steering.flow_director.filters) == most


@pytest.mark.parametrize("event", [
    "reset: vf0", "mailbox: {from: vf0, message: set_vlan, vlan: 3, add: true}", "enable_vfs: 1", "unplug: vf0",
    "pf: {vf: vf0, trust: true}",
])  # fmt: skip
def test_pools_have_no_functions_that_come_or_go(event):
    text = f"nic: {{vfs: 2, mode: vmdq}}\nscenario: [{{at: 1ms, {event}}}]"
    lines = complaints(text)
    assert len(lines) == 1 and "VMs have pools of the PF's queues" in lines[0]


def test_what_follows_from_the_mode_and_the_device():
    config = load("nic: {mode: vmdq}")
    assert (config.driver.pass_time_fs, config.driver.pass_byte_time_fs) == (200 * 10**6, 10**5)
    assert load("nic: {mode: vmdq}\ndriver: {pass_by: pointer}").driver.pass_byte_time_fs == 0
    own = load("nic: {mode: vmdq}\ndriver: {pass_time: 1us, vms: {vf1: {pass_by: pointer}, vf2: {preset: dpdk}}}")
    assert own.driver.vms["vf1"].pass_time_fs == 10**9 and own.driver.vms["vf2"].pass_time_fs == 200 * 10**6
    assert load("nic: {vfs: 2}").driver.pass_time_fs == 0
    assert config.core_of(3) == 3 % config.host.cores and not load("{}").has_pools


@pytest.mark.parametrize(("preset", "mode", "entries"), [
    ("82599", "sriov", 128), ("X550", "sriov", 64), ("X550", "vmdq", 512), ("XL710", "sriov", 64), (None, "vmdq", 128),
])  # fmt: skip
def test_the_table_has_the_devices_size(preset, mode, entries):
    assert table_entries(mode, preset) == entries
    block = {"nic": {"preset": preset, "mode": mode, "vfs": 2, "queues_per_vf": 2, "steering": {}}}
    steering = config_from_mapping(block).nic.steering
    assert steering.rss.entries == entries and steering.rss.table == (0, 1)
    assert steering.rss.key_digits == VERIFICATION_KEY.hex()


def test_connections_turn_the_table_on():
    assert load("workload: {connections: 4}").nic.steering is not None
    assert load("nic: {steering: null}\nworkload: {connections: 4}").nic.steering is None


def test_filters_take_their_memory_from_the_rx_buffer():
    nic = {"rx_buffer": "512KiB", "steering": {"flow_director": {"memory": "128KiB"}}}
    fill_queues({}, nic, "82599", 1, has_own_buffer=False)
    assert nic["rx_buffer"] == "384KiB"
    for text in ("half", None):
        wrong = {"rx_buffer": text, "steering": {"flow_director": {}}}
        fill_queues({}, wrong, "82599", 1, has_own_buffer=False)
        assert wrong["rx_buffer"] == text  # reported where it stands


def test_sizes_of_the_tables():
    """Linux ixgbe: (1024 << pballoc) - 2, with pballoc 1, 2, 3; 8 K, 16 K and 32 K signatures, less one."""
    memories = [64 << 10, 128 << 10, 256 << 10]
    assert [perfect_filters(each) for each in memories] == [(1024 << step) - 2 for step in (1, 2, 3)]
    assert [signature_filters(each) for each in memories] == [8191, 16383, 32767]
    assert FlowDirector(mode="signature", memory="128KiB").capacity == 16383


def test_keys_and_addresses():
    assert HashKey().parse("6D:5A" + "00" * 38) == "6d5a" + "00" * 38
    assert IpAddress().parse("10.0.0.1") == IPv4Address("10.0.0.1") and IpAddress().write(IPv4Address(1)) == "0.0.0.1"
    assert "is not a key" in complaints("nic: {steering: {rss: {key: 12ab}}}")[0]
    assert "is not an IP address" in complaints("nic: {steering: {tuple_filters: [{source: 10.0.0.300, queue: 0}]}}")[0]


def test_without_steering_there_is_nothing_to_check():
    findings = Findings(Document("c.yaml", data={}), Doubts())
    config = load("{}")
    check_queues(config, findings)
    check_steering(config, findings)
    assert findings.problems == []
