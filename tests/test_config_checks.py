"""Contradictions between keys: each is found, at a key that the user wrote, and what is possible is let through."""

from __future__ import annotations

import pytest

from hwmodel.config import Server, bridges_of, config_from_mapping, servers_of
from hwmodel.config.adapter import MODEL_MAX_QUEUES, MODEL_RING_POOL
from hwmodel.config.build import cross_check
from hwmodel.config.check_adapter import RING_CHECKS, check_link
from hwmodel.config.check_bridge import check_bridge, check_extenders
from hwmodel.config.check_device_limits import check_device_limits
from hwmodel.config.check_switch import STATION_CHECKS, SWITCH_CHECKS, check_servers
from hwmodel.config.check_workload import check_wire, check_workload
from hwmodel.config.document import Document
from hwmodel.config.findings import Doubts, Findings, Part, as_path
from hwmodel.config.frame_lengths import longest_frame, named_lengths
from hwmodel.config.names import MOST_CORES
from hwmodel.machine.guest.guest_state import MAX_CORES, MAX_QUEUES, RING_POOL
from tests.config_cases import complaints, load

pytestmark = pytest.mark.strict_devices

LAX = "\nnic: {strict: false}"  # beyond the device, which is of no concern here
CONTRADICTIONS = [
    # the link and the host
    ("pcie: {credits: {pd: 15}}",
     "c.yaml:1:22: pcie.credits.pd: 15 credits of 16 B never let a write of max_payload 256B go; 16 or more, "
     "or 0 for infinite"),
    ("pcie:\n  credits: {pd: 16}\n  max_payload: 512B",
     "c.yaml:2:17: pcie.credits.pd: 16 credits of 16 B never let a write of max_payload 512B go; 32 or more, "
     "or 0 for infinite"),
    ("pcie: {credits: {cpld: 15}}",
     "c.yaml:1:24: pcie.credits.cpld: 15 credits of 16 B never let a completion of 256B come; 16 or more, or 0 "
     "for infinite"),
    ("host: {jitter: {kind: uniform}}", "c.yaml:1:23: host.jitter.kind: kind: uniform needs range, like range: 100ns"),
    ("host: {jitter: {kind: histogram}}",
     "c.yaml:1:23: host.jitter.kind: kind: histogram needs bins, like bins: [[0ns, 9], [300ns, 1]]"),
    ("pcie: {tags: 257}" + LAX,
     "c.yaml:1:14: pcie.tags: 257 reads under way need tags of 10 bits, from generation 4 on; at "
     "most 256 before"),
    ("pcie: {generation: 3, lanes: 8, propagation: 100us}" + LAX,
     "c.yaml:1:46: pcie.propagation: 100us each way holds up to 39279 TLPs of this link; a run has room for 4095, so "
     "for at most 10425ns"),
    ("pcie: {generation: 3, lanes: 8, propagation: 1us, switch_hops: 2, switch_latency: 10us}" + LAX,
     "c.yaml:1:83: pcie.switch_latency: 21us each way holds up to 8249 TLPs of this link; a run has room for 4095, so "
     "for at most 10425ns"),
    ("host: {buffer_offset: 2KiB}", "c.yaml:1:23: host.buffer_offset: 2KiB is not within a buffer of 2KiB"),
    # functions and queues
    ("nic: {preset: null, vfs: 64, queues_per_vf: 16}",
     "c.yaml:1:45: nic.queues_per_vf: 64 VFs and the PF with 16 queues each are 1040; the model has room for 1024"),
    ("nic: {preset: null, vfs: 126, queues_per_vf: 4, rx_ring: 8192}",
     "c.yaml:1:58: nic.rx_ring: 8192 descriptors in each of 508 rings; the model has room for 4128"),
    # rings and batches
    ("nic: {tx_ring: 64}\ndriver: {tx_doorbell_batch: 64}",
     "c.yaml:2:29: driver.tx_doorbell_batch: driver.tx_doorbell_batch 64 never comes together: nic.tx_ring 64 "
     "holds at most 63"),
    ("nic: {rx_ring: 64}\ndriver: {refill_batch: 64}",
     "c.yaml:2:24: driver.refill_batch: driver.refill_batch 64 never comes together: nic.rx_ring 64 holds at most 63"),
    ("nic: {rx_ring: 64, rx_prefetch: 64}",
     "c.yaml:1:33: nic.rx_prefetch: nic.rx_prefetch 64 never comes together: nic.rx_ring 64 holds at most 63"),
    ("nic: {rx_ring: 64, rx_fetch_batch: 24}\ndriver: {refill_batch: 48}",
     "c.yaml:1:16: nic.rx_ring: a ring of 64 can stop for ever: rx_writeback_batch and rx_interrupt_batch and "
     "refill_batch and rx_fetch_batch hold back up to 47 of its 63 descriptors, and the next step needs 24; 72 "
     "or more are enough"),
    ("nic: {fetch_batch: 65}",
     "c.yaml:1:20: nic.fetch_batch: nic.fetch_batch 65 does not fit into nic.descriptor_cache 64"),
    ("nic: {descriptor_cache: 7, fetch_batch: 4, rx_fetch_batch: 4}",
     "c.yaml:1:25: nic.descriptor_cache: nic.rx_prefetch 8 does not fit into nic.descriptor_cache 7"),
    # frames and buffers
    ("nic: {tx_buffer: 1KiB}", "c.yaml:1:18: nic.tx_buffer: 1KiB does not hold a frame of 1518 B"),
    ("nic: {rx_buffer: 1KiB}\nworkload: {sizes: [[64, 1], [1025, 1]]}",
     "c.yaml:1:18: nic.rx_buffer: 1KiB does not hold a frame of 1025 B"),
    # 1514 B in buffers of 192 B are eight; 4 B more for a tag are the ninth.
    ("host: {buffer_bytes: 256B, buffer_offset: 76B}\n"
     "nic: {descriptor_cache: 8, fetch_batch: 8}\nswitch: {ports: [{name: vf0, untagged: []}]}",
     "c.yaml:1:22: host.buffer_bytes: a frame of 1518 B takes 9 Rx descriptors, one for each 180 B of a buffer "
     "(host.buffer_bytes less host.buffer_offset); nic.descriptor_cache 8 holds at most 8"),
    ("nic: {preset: null, rx_ring: 12, rx_prefetch: 1, rx_fetch_batch: 1}\n"
     "driver: {preset: null}\nhost: {buffer_offset: 1920B}",
     "c.yaml:3:23: host.buffer_offset: a frame of 1518 B takes 12 Rx descriptors, one for each 128 B of a buffer "
     "(host.buffer_bytes less host.buffer_offset); nic.rx_ring 12 holds at most 11"),
    # Three frames of five descriptors wait for the fourth; the next needs five more. Of 31 descriptors 11 are left.
    ("nic: {rx_ring: 32, preset: null}\nworkload: {frame_bytes: 9018, pattern: flows, flows: [[uplink, vf0]]}\n"
     "driver: {preset: null, rx_interrupt_batch: 6, refill_batch: 4}",
     "c.yaml:1:16: nic.rx_ring: a ring of 32 can stop for ever: rx_writeback_batch and rx_interrupt_batch and "
     "refill_batch and rx_fetch_batch hold back up to 25 of its 31 descriptors, and the next step needs 8; 34 or "
     "more are enough"),
    ("workload: {frame_bytes: 1519}",
     "c.yaml:1:25: workload.frame_bytes: frames of 1519 B would all drop as OVERSIZE: max_frame is 1518B at "
     "vf0 and 7 more (--set switch.ports.all.max_frame=1519B)"),
    ("workload: {frame_bytes: 512}\nswitch: {ports: [{name: vf3, max_frame: 256B}]}",
     "c.yaml:1:25: workload.frame_bytes: frames of 512 B would all drop as OVERSIZE: max_frame is 256B at vf3 "
     "(--set switch.ports.vf3.max_frame=512B)"),
    ("workload: {sizes: [[64, 1], [2000, 1]]}",
     "c.yaml:1:29: workload.sizes.1: frames of 2000 B would all drop as OVERSIZE: max_frame is 1518B at vf0 "
     "and 7 more (--set switch.ports.all.max_frame=2000B)"),
    ("workload: {segment_bytes: 64KiB, mss: 8900B}",
     "c.yaml:1:39: workload.mss: frames of 8970 B would all drop as OVERSIZE: max_frame is 1518B at vf0 and 7 more "
     "(--set switch.ports.all.max_frame=8970B)"),
    # An own entry outweighs `all`, so that `all` would not help.
    ("workload: {frame_bytes: 512}\nswitch: {ports: [{name: vf3, max_frame: 256B}, {name: vf4, max_frame: 256B}]}",
     "c.yaml:1:25: workload.frame_bytes: frames of 512 B would all drop as OVERSIZE: max_frame is 256B at vf3 "
     "and 1 more (--set switch.ports.vf3.max_frame=512B)"),
    ("workload: {external: {rate: 1Gbps, frame_bytes: 1600}}",
     "c.yaml:1:49: workload.external.frame_bytes: frames of 1600 B would all drop as OVERSIZE: max_frame is "
     "1518B at pf (--set switch.ports.pf.max_frame=1600B)"),
    ("workload: {frame_bytes: 64, sizes: [[64, 1]]}",
     "c.yaml:1:36: workload.sizes: frame_bytes and sizes are both given; write one, and null for the other"),
    ("workload: {external: {rate: 1Gbps, frame_bytes: 64, sizes: [[64, 1]]}}",
     "c.yaml:1:60: workload.external.sizes: frame_bytes and sizes are both given; write one, and null for the other"),
    # stations and the switch
    ("switch: {ports: [{name: vf8}]}", "c.yaml:1:25: switch.ports.vf8.name: there is no vf8; nic.vfs is 8, vf0 to vf7"),
    ("switch: {ports: [{name: vf1}, {name: vf1}]}", "c.yaml:1:38: switch.ports.vf1.name: vf1 has an entry already"),
    ("switch: {ports: [{name: vf1, macs: ['02-00-00-00-00-04']}]}",
     "c.yaml:1:37: switch.ports.vf1.macs.0: vf1 and vf2 both have 02:00:00:00:00:04 in VLAN 1"),
    ("switch: {ports: [{name: vf1, vif: 5}]}",
     "c.yaml:1:35: switch.ports.vf1.vif: vf1 and vf3 both have VIF 5; unless written it is the port's number"),
    ("switch: {ports: [{name: vf1, ecid: 9}]}",
     "c.yaml:1:36: switch.ports.vf1.ecid: vf1 and vf7 both have E-CID 9; unless written it is the port's number"),
    ("switch: {ports: [{name: vf1, s_channel: 10}]}",
     "c.yaml:1:41: switch.ports.vf1.s_channel: 10 is not in switch.s_channels, which is empty"),
    ("switch: {s_channels: {20: veb}, ports: [{name: vf1, s_channel: 10}]}",
     "c.yaml:1:64: switch.ports.vf1.s_channel: 10 is not in switch.s_channels, which has 20"),
    ("switch: {s_channels: {20: single}, ports: [{name: vf1, s_channel: 20}, {name: vf2, s_channel: 20}]}",
     "c.yaml:1:95: switch.ports.vf2.s_channel: channel 20 is for a single station, but vf1 and vf2 are in it"),
    ("switch: {addresses: [{vlan: 1, mac: '02:00:00:00:00:99', ports: [vf0, vf9]}]}",
     "c.yaml:1:71: switch.addresses.0.ports.1: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {vif_lists: {1: [vf9]}}", "c.yaml:1:26: switch.vif_lists.1.0: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {ecid_lists: [{group: 1, ecid: 1, ports: [vf9]}]}",
     "c.yaml:1:51: switch.ecid_lists.0.ports.0: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {ecid_lists: [{group: 1, ecid: 1, ports: [pf]}, {group: 1, ecid: 1, ports: [vf0]}]}",
     "c.yaml:1:74: switch.ecid_lists.1.ecid: group 1, E-CID 1 has a list already"),
    ("switch: {mirrors: [{to: vf9, from: uplink}]}",
     "c.yaml:1:25: switch.mirrors.0.to: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {mirrors: [{to: vf1, from: vf9}]}",
     "c.yaml:1:36: switch.mirrors.0.from: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {mirrors: [{to: vf1}]}", "c.yaml:1:20: switch.mirrors.0: a mirror needs from (a port) or vlan"),
    ("switch: {mirrors: [{to: vf1, from: vf0, vlan: 3}]}",
     "c.yaml:1:47: switch.mirrors.0.vlan: a mirror has from (a port) or vlan, not both"),
    ("switch: {mirrors: [{to: vf1, from: vf1, direction: egress}]}",
     "c.yaml:1:25: switch.mirrors.0.to: vf1 gets these frames anyway, and no copy of them; a mirror sends them to "
     "another port"),
    ("switch: {acl: [{port: vf9, action: deny}]}" + LAX,
     "c.yaml:1:23: switch.acl.0.port: there is no vf9; nic.vfs is 8, vf0 to vf7"),
    ("switch: {acl: [{action: priority}]}" + LAX, "c.yaml:1:25: switch.acl.0.action: action: priority needs priority"),
    ("switch: {acl: [{action: police, rate: 1Gbps, burst: 64B}]}\nworkload: {sizes: [[128, 1], [1518, 1]]}" + LAX,
     "c.yaml:1:53: switch.acl.0.burst: a bucket of 64B never has the tokens for a frame of the workload, 128 B or "
     "more: nothing would pass (write 2KiB or more)"),
    ("switch: {acl: [{action: police, rate: 1Gbps}]}" + LAX,
     "c.yaml:1:25: switch.acl.0.action: action: police needs burst"),
    ("switch: {acl: [{action: deny, priority: 3}]}" + LAX,
     "c.yaml:1:41: switch.acl.0.priority: priority is for action: priority, but action is deny"),
    ("switch: {timing: core}\nnic: {vfs: 16}",
     "c.yaml:1:18: switch.timing: timing: core has room for 15 VFs beside the uplink and the PF; nic.vfs is 16"),
    ("switch: {queue_bytes: 1KiB}",
     "c.yaml:1:23: switch.queue_bytes: 1KiB never holds the longest frame of pf, max_frame 1518B"),
    # the workload
    ("nic: {vfs: 7}", "c.yaml:1:12: nic.vfs: pattern: pairs needs an even number of VFs in use; there are 7"),
    ("nic: {vfs: 1}\nworkload: {pattern: ring}",
     "c.yaml:2:21: workload.pattern: pattern: ring needs 2 VFs or more in use; there is 1"),
    ("workload: {pattern: pairs}\nswitch: {ports: [{name: vf0, enabled: false}]}",
     "c.yaml:1:21: workload.pattern: pattern: pairs needs an even number of VFs in use; there are 7"),
    ("workload: {pattern: flows}",
     "c.yaml:1:21: workload.pattern: pattern: flows needs flows, like flows: [[vf0, vf1, 2Gbps]]"),
    ("workload: {pattern: flows, flows: [[vf0, vf8]]}",
     "c.yaml:1:42: workload.flows.0.1: there is no vf8; nic.vfs is 8, vf0 to vf7"),
    ("workload: {pattern: flows, flows: [[uplink, uplink, 1Gbps]]}",
     "c.yaml:1:36: workload.flows.0: a flow from the wire to the wire does not meet the adapter"),
    ("workload: {pattern: incast, incast_to: vf8}",
     "c.yaml:1:40: workload.incast_to: there is no vf8; nic.vfs is 8, vf0 to vf7"),
    ("workload: {external: {rate: 1Gbps, to: [vf1, vf8]}}",
     "c.yaml:1:46: workload.external.to.1: there is no vf8; nic.vfs is 8, vf0 to vf7"),
    ("workload: {load: 1Gbps, arrivals: on_off}",
     "c.yaml:1:35: workload.arrivals: arrivals: on_off needs peak_rate, the rate within a burst"),
    ("workload: {load: 1Gbps, arrivals: on_off, peak_rate: 2Gbps, mean_burst: 2.5, burst_length: fixed}",
     "c.yaml:1:73: workload.mean_burst: a burst has no 2.5 frames; with burst_length: fixed this is a whole number"),
    ("workload: {load: 2Gbps, arrivals: on_off, peak_rate: 2Gbps}",
     "c.yaml:1:54: workload.peak_rate: the peak 2Gbps is not above the mean 2Gbps"),
    ("workload: {external: {rate: 1Gbps, arrivals: on_off, peak_rate: 500Mbps}}",
     "c.yaml:1:65: workload.external.peak_rate: the peak 500Mbps is not above the mean 1Gbps"),
    ("workload: {frame_bytes: 64, external: {rate: 8Gbps}}",
     "c.yaml:1:46: workload.external.rate: 8Gbps of these frames is more than a port of 10Gbps carries: about "
     "7619Mbps of them, beside preamble and gap (20 B each)"),
    ("workload: {pcap_time: asap}", "c.yaml:1:23: workload.pcap_time: pcap_time needs a pcap"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), CONTRADICTIONS, ids=[text for text, _ in CONTRADICTIONS])
def test_a_contradiction_is_one_line(text, line):
    assert complaints(text) == [line]


POSSIBLE = [
    "pcie: {credits: {ph: 1, pd: 16, nph: 1, cpld: 16}}",
    "pcie: {credits: {cpld: 4}}\nhost: {completion_bytes: rcb}",
    "host: {jitter: {kind: fixed, range: 100ns}}",
    "host: {buffer_offset: 532B}",
    "nic: {vfs: 63, queues_per_vf: 2}\nworkload: {pattern: ring}",
    "nic: {preset: 82576, vfs: 7, queues_per_vf: 2}\nworkload: {pattern: ring}",
    "nic: {preset: XL710, vfs: 128}",
    "nic: {preset: null, vfs: 64, tx_ring: 16, rx_ring: 16, rx_prefetch: 4, rx_fetch_batch: 4}\ndriver: {preset: null}",
    "nic: {tx_buffer: 1518B, rx_buffer: 1518B}",
    "workload: {external: {rate: 9.86Gbps}}",
    "workload: {wire_share: 1}",
    "workload: {pattern: to_wire}\nnic: {vfs: 1}",
    "workload: {pattern: flows, flows: [[uplink, vf0, 1Gbps], [vf0, uplink], [pf, vf0, 1Kbps]]}",
    "workload: {arrivals: on_off}",
    "switch: {ports: [{name: vf1, macs: ['02:00:00:00:00:02'], port_vlan: 2}]}",
    "switch: {ports: [{name: vf1, vlans: [10, 20]}], uplink: {vlans: [10, 20]}}",
    "switch: {ports: [{name: vf3, vif: 2}, {name: vf0, vif: 5}]}",
    "switch: {mirrors: [{to: vf1, vlan: 3}, {to: vf1, from: uplink, direction: egress}]}",
    "switch: {acl: [{action: police, rate: 1Gbps, burst: 64B}]}\nworkload: {sizes: [[64, 1], [1518, 1]]}" + LAX,
    "switch: {acl: [{action: police, rate: 1Gbps, burst: 64KiB}, {port: vf0, ethertype: 0x0806, action: deny}]}" + LAX,
    "switch: {timing: core}\nnic: {vfs: 15}\nworkload: {pattern: ring}",
    "switch: {mode: multichannel, s_channels: {10: veb}, ports: [{name: vf1, s_channel: 10}]}",
]


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_is_possible_is_let_through(text):
    load(text)


def test_limits_of_the_device_fall_with_the_device():
    text = "nic: {preset: null, vfs: 64, queues_per_vf: 2, tx_ring: 16000}\nswitch: {mirrors: [%s]}"
    assert load(text % ", ".join(["{to: vf0, vlan: 1}"] * 70)).nic.vfs == 64


def test_the_blame_goes_to_an_override_where_that_is_what_was_written():
    assert complaints("{}", ["nic.fetch_batch=128"]) == [
        "--set nic.fetch_batch=128: nic.fetch_batch: nic.fetch_batch 128 does not fit into nic.descriptor_cache 64"
    ]


def test_capacities_are_those_of_the_simulation():
    assert MAX_QUEUES == MODEL_MAX_QUEUES
    assert MAX_CORES == MOST_CORES
    # The state rounds each ring up to a power of two, at most to twice its slots.
    assert RING_POOL == 2 * MODEL_RING_POOL


def test_frame_lengths_and_their_keys():
    config = config_from_mapping(
        {"workload": {"sizes": [[64, 1], [128, 1]], "external": {"rate": "1Gbps", "frame_bytes": 256}}}
    )
    assert [n_bytes for n_bytes, _ in named_lengths(config)] == [64, 128, 256]
    assert longest_frame(config) == (256, ("workload", "external", "frame_bytes"))


def test_findings_leave_out_what_is_in_doubt():
    document = Document("c.yaml", {"nic": {"vfs": 3}, "switch": {"ports": []}})
    findings = Findings(document, Doubts({("nic", "vfs")}, {("pcie",)}))
    findings.add("x", "nic.vfs", "host.cores")
    findings.add("x", "host.cores", besides=["nic.vfs"])
    findings.add("x", "pcie.lanes")
    findings.add("told", "host.cores")
    assert [problem.message for problem in findings.problems] == ["told"]
    assert as_path("a.b") == ("a", "b")


def test_each_check_is_silent_on_the_defaults():
    config = config_from_mapping({})
    document = Document("c.yaml", config.resolved())
    for check in (check_link, check_device_limits, *RING_CHECKS, *STATION_CHECKS, *SWITCH_CHECKS):
        findings = Findings(document, Doubts())
        check(config, findings)
        assert findings.problems == []
    for check in (check_wire, check_workload, check_servers, check_bridge):
        findings = Findings(document, Doubts())
        check(config, findings, [Part(Server("", config), findings)])
        assert findings.problems == []
    findings = Findings(document, Doubts())
    assert cross_check(config, findings, [Part(Server("", config), findings)], [], is_running=False) == []


def test_extenders_are_checked_below_each_port_of_the_bridge():
    behind = {"ports": {"a": {"behind": "x"}, "b": {"behind": "x"}}, "extenders": {"x": {}}, "kind": "controlling"}
    config = config_from_mapping(
        {"nic": {"vfs": 1}, "switch": {"mode": "e_tag"}, "servers": [{"name": "a"}, {"name": "b"}], "bridge": behind}
    )
    findings = Findings(Document("c.yaml", config.resolved()), Doubts())
    parts = [Part(server, findings) for server in servers_of(config)]
    check_extenders(*bridges_of(config), findings, parts)
    assert findings.problems == []
    # Both servers as the first one: their E-CIDs are the same, below one port.
    check_extenders(*bridges_of(config), findings, [parts[0], Part(Server("b", parts[0].server.config), findings)])
    assert findings.problems and all("E-CID" in problem.message for problem in findings.problems)
