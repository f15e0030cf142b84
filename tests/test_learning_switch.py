"""A virtual switch that learns addresses, and how far one reaches: by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.virtual_switch.learned_addresses import TEACHING
from hwmodel.machine.virtual_switch.virtual_switch_state import MOST_ADDRESSES
from hwmodel.results import check_balance
from hwmodel.results.virtual_switch_text import learned_sentence

BASE: Mapping[str, Any] = {
    "nic": {"mode": "vswitch", "vfs": 4},
    "driver": {"preset": "dpdk"},
    "host": {"virtual_switch": {"pass_by": "pointer", "learning": {}}},
    "workload": {"pattern": "flows", "frame_bytes": 1518, "load": "saturate"},
    "run": {"duration": "4ms", "clocks": "exact"},
}
LEARNING = "host.virtual_switch.learning"


def run(changes: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Result:
    result = simulate(config_from_mapping(base, dict(changes)))
    assert check_balance(result) == []
    return result


def test_what_is_for_one_that_has_not_sent_goes_to_all() -> None:
    """vf1 never sends: each frame to it is copied for three VMs and the host, 1.6 us of the core."""
    result = run({"workload.flows": [["vf0", "vf1"]]})
    assert result.totals.mpps == pytest.approx(4 / 1.6, rel=0.01)
    copies = {flow.to: flow.mpps for flow in result.flows}
    assert copies == pytest.approx(dict.fromkeys(("vf1", "vf2", "vf3", "pf"), 1 / 1.6), rel=0.01)
    assert result.learned is not None
    assert result.learned.addresses_known == 1
    assert f"{result.learned.flooded_frames:,} frames to unknown ones were flooded" in learned_sentence(result.learned)


def test_what_is_for_one_that_has_sent_goes_to_it_alone() -> None:
    for changes in (
        {"workload.flows": [["vf0", "vf1"]], f"{LEARNING}.announce": True},
        {"workload.flows": [["vf0", "vf1"], ["vf1", "vf0", "10Mbps"]]},
    ):
        result = run(changes)
        assert {flow.to: flow.mpps for flow in result.flows if flow.mpps}["vf1"] == pytest.approx(2.5, rel=0.01)
        assert result.learned is not None and result.learned.addresses_known >= 2


def test_announced_addresses_are_those_that_a_switch_without_learning_knows() -> None:
    """The same machine: all that is measured is equal."""
    load = {"workload.pattern": "uniform", "workload.wire_share": 0.3, "workload.external": {"rate": "1Gbps"}}
    learned, known = (run({**load, LEARNING: own}) for own in ({"announce": True}, None))
    flows = [{(one.from_, one.to): one for one in each.flows if one.offered} for each in (learned, known)]
    assert learned.totals == known.totals and flows[0] == flows[1]
    assert learned.learned is not None and learned.learned.flooded_frames == 0
    assert learned.learned.addresses_known == 4 + 1 + 1, "VMs, the host, and who is outside"


def test_an_address_is_forgotten_after_its_time() -> None:
    """vf1 sends each millisecond and is known for 0.25 ms: three quarters of what is for it go to all."""
    flows = [["vf0", "vf1", "1518Mbps"], ["vf1", "vf0", "12144Kbps"]]  # 125 a millisecond, and one
    periodic = {"workload.arrivals": "periodic", "run.duration": "40ms", "run.warmup": "0ms"}
    result = run({"workload.flows": flows, f"{LEARNING}.ageing": "250us", **periodic})
    by_flow = {(flow.from_, flow.to): flow.delivered for flow in result.flows}
    n, n_strays = by_flow["vf0", "vf1"], by_flow["vf0", "vf2"]
    assert n_strays / n == pytest.approx(0.75, abs=0.03)
    assert result.learned is not None
    assert result.learned.aged == pytest.approx(40, abs=2) and result.learned.moved == 0


def test_a_full_table_learns_nothing_more() -> None:
    flows = [[f"vf{k}", f"vf{(k + 1) % 4}", "100Mbps"] for k in range(4)]
    result = run({"workload.flows": flows, f"{LEARNING}.table": 2})
    assert result.learned is not None
    assert (result.learned.addresses_known, result.learned.learned) == (2, 2)
    assert result.learned.not_learned > 100 and result.learned.flooded_frames > 100


def test_what_a_rule_drops_teaches_nothing() -> None:
    """vf1's frames are denied, so nobody knows where it is; vf2's are, to vf3, and it is not let in at all."""
    flows = [["vf0", "vf1", "100Mbps"], ["vf1", "vf0", "100Mbps"], ["vf2", "vf3", "100Mbps"]]
    rules = {"switch.acl": [{"port": "vf1", "action": "deny"}], "switch.ports": [{"name": "vf2", "vlans": [7]}]}
    result = run({"workload.flows": flows, **rules})
    assert result.drops["ACL_DENY"] > 20 and result.drops["VLAN_MEMBER"] > 20
    assert result.learned is not None and result.learned.addresses_known == 1
    assert {DropReason(reason).name for reason in TEACHING}.isdisjoint(result.drops)


def test_a_configured_entry_comes_before_what_is_learned() -> None:
    """vf1's address in VLAN 1 is vf3's by the table: there its frames go, whatever vf1 sends."""
    config = config_from_mapping(BASE, {"workload.pattern": "uniform"})
    (mac,) = config.switch.ports[2].macs
    entry = [{"mac": ":".join(f"{mac:012x}"[i : i + 2] for i in range(0, 12, 2)), "vlan": 1, "ports": ["vf3"]}]
    flows = [["vf0", "vf1", "100Mbps"], ["vf1", "vf0", "100Mbps"]]
    result = run({"workload.flows": flows, "switch.addresses": entry})
    got = {(flow.from_, flow.to) for flow in result.flows if flow.delivered > 50}
    assert got == {("vf0", "vf3"), ("vf1", "vf0")}
    assert result.learned is not None and result.learned.learned == 1


@pytest.mark.parametrize(("reach", "n_copies"), [("private", 3), ("internal", 4), ("external", 5)])
def test_how_far_a_broadcast_reaches(reach: str, n_copies: int) -> None:
    """VMs alone; the host too; the wire too: so many copies, 400 ns each."""
    own = {"workload.pattern": "broadcast", "host.virtual_switch.reach": reach, LEARNING: None}
    uplink = {"host.virtual_switch.uplink_time": "0ns", "driver.doorbell_time": "0ns", "workload.frame_bytes": 64}
    config = config_from_mapping(BASE, {**own, **uplink})
    result, expected = simulate(config), limits(config)
    n_inside = n_copies - (reach == "external")
    assert result.totals.mpps == pytest.approx(n_inside / (n_copies * 0.4), rel=0.02)
    assert expected.mpps == pytest.approx(n_inside / (n_copies * 0.4), rel=1e-3)
    received = {vm.name: vm.rx_gbps for vm in result.vms}
    assert bool(received.get("pf")) == (reach != "private")
    assert bool(result.totals.delivered_to_wire) == (reach == "external")


def test_switches_of_two_servers_learn_of_each_other() -> None:
    servers = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
    flows = [["a.vf0", "b.vf0", "500Mbps"], ["b.vf0", "a.vf0", "500Mbps"], ["a.vf1", "b.vf3", "10Mbps"]]
    result = run({**servers, "workload.flows": flows, "run.duration": "20ms"})
    a, b = (one.learned for one in result.adapters)  # type: ignore[attr-defined]
    assert a.addresses_known == b.addresses_known == 3, "those that send, each behind the uplink of the other"
    offered = {(flow.from_, flow.to): (flow.offered, flow.delivered) for flow in result.flows}
    n = offered["a.vf1", "b.vf3"][0]  # b.vf3 never sends, so each frame to it comes to every VM, and outside
    assert n > 15
    strays = {to for (source, to), (_, got) in offered.items() if source == "a.vf1" and got >= n - 2}
    assert strays == {"a.pf", "a.vf0", "a.vf2", "a.vf3", "b.pf", "b.vf0", "b.vf1", "b.vf2", "b.vf3"}
    assert result.totals.delivered_to_wire >= n
    assert all(offered_n >= got for offered_n, got in offered.values())


def test_presets_of_open_vswitch_learn() -> None:
    for preset, learns in (("ovs_dpdk", True), ("ovs_kernel", True), ("vds", False)):
        own = config_from_mapping({"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"preset": preset}}})
        assert own.host.virtual_switch is not None
        assert (own.host.virtual_switch.learning is not None) == learns
        assert all(port.promiscuous == learns for port in own.switch.ports)
        assert config_from_mapping(own.resolved()) == own


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"switch.promiscuous": "from_wire"}, "switch.promiscuous: a switch that learns floods what its VMs send too"),
        (
            {"host.virtual_switch.reach": "private", "switch.ports": [{"name": "pf", "enabled": True}]},
            "the host has no port of a private switch (reach: internal gives it one)",
        ),
        (
            {"host.virtual_switch.reach": "private", "workload.flows": [["vf0", "uplink"]]},
            "workload.flows.0: the virtual switch has no uplink (reach: private); reach: external gives it one",
        ),
        ({f"{LEARNING}.table": 0}, f"{LEARNING}.table"),
        (
            {"nic.preset": None, "nic.vfs": 120, "servers": [{"name": f"s{k}"} for k in range(34)]},
            f"are more addresses than the {MOST_ADDRESSES} that there is room for at a virtual switch that learns",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as found:
        config_from_mapping(BASE, changes)
    assert sum(message in line for line in str(found.value).splitlines()) == 1
