"""What the administrator has the PF's driver do with a VF, and where its state starts and is brought up to date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.mailbox import PfCall
from hwmodel.functions.mailbox import group_hash
from hwmodel.functions.pf_driver import handle
from hwmodel.functions.pf_driver_calls import (
    administer,
    set_link,
    set_mac,
    set_promiscuous,
    set_query_rss,
    set_rate_limit,
    set_spoof_check,
    set_trust,
    set_vlan,
)
from hwmodel.functions.pf_driver_state import ALLMULTI, MULTI, PROMISC, Adapter, Vf, followed, state_of
from tests.mailbox_states import GROUP, KNOWN, OTHER, OWN, state

PORT = "switch.ports.vf0"
UNCLEAR = (0x100,)  # the PF's control message to a VF that is no longer clear to send


def test_an_address_of_the_pf_is_its_own() -> None:
    answer = set_mac(state(), 0, OTHER)
    assert answer.state.vfs[0] == replace(state().vfs[0], mac=OTHER, pf_set_mac=True)
    assert answer.effects == {f"{PORT}.macs": ["02:00:00:00:00:77"]} and answer.reply is None
    assert handle(answer.state, 0, (2, 2, 0x0200)).is_refused
    assert handle(answer.state, 0, (1,)).reply == (0x80000001, 2, 0x7700, 0)
    gone = set_mac(answer.state, 0, 0)
    assert gone.state.vfs[0].mac == 0 and not gone.state.vfs[0].pf_set_mac
    assert gone.effects == {f"{PORT}.macs": []}
    assert set_mac(gone.state, 0, 0).state == gone.state
    assert set_mac(state(), 0, GROUP).why == "not the address of a station"
    full = state(replace(KNOWN, addresses=3), mac=0)
    assert set_mac(full, 0, OTHER).is_refused


def test_a_port_vlan_takes_the_place_of_frames_without_a_tag() -> None:
    answer = set_vlan(state(vlans=frozenset((0, 30))), 0, 20, 3)
    own = answer.state.vfs[0]
    assert (own.vlans, own.pf_vlan, own.pf_qos) == (frozenset((20, 30)), 20, 3)
    assert answer.effects == {
        f"{PORT}.port_vlan": 20, f"{PORT}.vlans": [20, 30], f"{PORT}.untagged": [20], f"{PORT}.default_priority": 3,
    }  # fmt: skip
    again = set_vlan(answer.state, 0, 21)
    assert again.state.vfs[0].vlans == frozenset((21, 30)) and again.state.vfs[0].pf_qos == 0
    gone = set_vlan(again.state, 0, 0)
    assert gone.state.vfs[0].vlans == frozenset((0, 30))
    assert gone.effects == {f"{PORT}.port_vlan": 1, f"{PORT}.vlans": [1, 30], f"{PORT}.untagged": [1]}
    assert set_vlan(state(replace(KNOWN, vlans=2), vlans=frozenset((0, 5))), 0, 20).is_refused


def test_rates_are_limited_as_the_driver_does() -> None:
    answer = set_rate_limit(state(), 0, 10**9)
    assert answer.effects == {f"{PORT}.rate_limit": "1Gbps"}
    assert set_rate_limit(answer.state, 0, 0).effects == {f"{PORT}.rate_limit": None}
    assert "above 10Mbps" in set_rate_limit(state(), 0, 10**7).why
    assert set_rate_limit(state(), 0, 11 * 10**9).is_refused
    slow = replace(KNOWN, port_rate_bps=10**9)
    assert "on a link of 10Gbps alone" in set_rate_limit(state(slow), 0, 10**8).why
    assert not set_rate_limit(state(replace(slow, device="82576")), 0, 10**8).is_refused


def test_spoof_check_counts_for_addresses_and_vlans() -> None:
    answer = set_spoof_check(state(), 0, False)
    assert not (answer.state.vfs[0].mac_anti_spoof or answer.state.vfs[0].vlan_anti_spoof)
    assert answer.effects == {f"{PORT}.spoof_check": False, f"{PORT}.vlan_spoof_check": False}


def test_trust_and_link_have_the_vf_reset() -> None:
    trusted = set_trust(state(), 0, True)
    assert trusted.reply == UNCLEAR and not trusted.state.vfs[0].clear_to_send
    assert trusted.effects == {f"{PORT}.trusted": True}
    assert handle(trusted.state, 0, (9,)).reply == (0x40000009,)
    reset = handle(trusted.state, 0, (1,)).state
    assert handle(reset, 0, (8, 5)).reply is not None and reset.vfs[0].trusted
    assert set_trust(trusted.state, 0, True).reply is None

    down = set_link(state(), 0, "disable")
    assert down.reply == UNCLEAR and down.effects == {f"{PORT}.enabled": False}
    assert set_link(down.state, 0, "auto").effects == {f"{PORT}.enabled": True}
    same = set_link(down.state, 0, "enable")
    assert same.state == down.state and same.why == "the driver takes enable and does nothing"


@pytest.mark.parametrize(("device", "may"), [("82599", True), ("X540", True), ("X550", False), ("82576", False)])
def test_the_rss_table_is_read_where_vfs_share_it(device: str, may: bool) -> None:
    answer = set_query_rss(state(Adapter(device=device)), 0, True)
    assert answer.state.vfs[0].query_rss == may != answer.is_refused


def test_a_vf_is_promiscuous_where_the_pf_is() -> None:
    x540 = state(replace(KNOWN, device="X540"), trusted=True)
    answer = set_promiscuous(x540, True)
    assert answer.effects == {"switch.ports.pf.promiscuous": True}
    assert handle(x540, 0, (0xC, 3)).is_refused and not handle(answer.state, 0, (0xC, 3)).is_refused


def test_no_driver_guarantees_a_rate() -> None:
    asked = administer(state(), 0, PfCall.model_validate({"vf": "vf0", "min_rate": "20Mbps", "trust": True}))
    assert asked.is_refused and "min_tx_rate" in asked.why and not asked.effects
    assert not administer(state(), 0, PfCall.model_validate({"vf": "vf0", "min_rate": "0bps"})).is_refused


def test_a_call_of_many_parts_stops_at_a_refusal() -> None:
    call = PfCall.model_validate({"vf": "vf0", "mac": "02:00:00:00:00:77", "rate_limit": "5Mbps", "trust": True})
    answer = administer(state(), 0, call)
    assert answer.is_refused and answer.state.vfs[0] == replace(state().vfs[0], mac=OTHER, pf_set_mac=True)
    assert answer.effects == {f"{PORT}.macs": ["02:00:00:00:00:77"]}
    every = {"vf": "vf0", "vlan": 20, "qos": 3, "spoof_check": False, "link": "auto", "query_rss": True, "trust": True}
    done = administer(state(), 0, PfCall.model_validate({**every, "promiscuous": True}))
    assert not done.is_refused and done.reply == UNCLEAR and done.state.adapter.pf_promiscuous
    assert done.state.vfs[0].pf_qos == 3 and done.state.vfs[0].query_rss and not done.state.vfs[0].spoof_check


def made(*ports: dict[str, Any], **blocks: Any) -> Any:
    workload = {"pattern": "ring"}
    return config_from_mapping({"nic": {"vfs": 3}, "workload": workload, **blocks, "switch": {"ports": list(ports)}})


def test_a_run_begins_with_what_the_configuration_says() -> None:
    found = state_of(made(
        {"name": "pf", "max_frame": "9018B", "promiscuous": True, "macs": ["02:00:00:00:00:01", "02:00:00:00:01:01"]},
        {"name": "vf0", "macs": ["02:00:00:00:00:77", "02:00:00:00:00:78"], "trusted": True, "spoof_check": False},
        {"name": "vf1", "port_vlan": 20, "default_priority": 5, "rate_limit": "1Gbps", "enabled": False},
        {"name": "vf2", "vlans": [1, 30], "accept": ["broadcast"], "groups": ["01:00:5e:00:00:01"]},
    ))  # fmt: skip
    first, second, third = found.vfs
    plain = Vf()
    assert first == replace(
        plain, mac=OTHER, pf_set_mac=True, filters=(OTHER + 1,), trusted=True, spoof_check=False,
        mac_anti_spoof=False, vlan_anti_spoof=False,
    )  # fmt: skip
    assert second == replace(
        plain, mac=OWN + 1, pf_vlan=20, vlans=frozenset((20,)), pf_qos=5, rate_limit_bps=10**9, link="disable",
        link_enabled=False,
    )  # fmt: skip
    assert third == replace(
        plain, mac=OWN + 2, vlans=frozenset((0, 30)), xcast=MULTI, hashes=(group_hash(GROUP),)
    )  # fmt: skip
    assert found.adapter == Adapter(
        pf_addresses=2, pf_max_frame_bytes=9018, pf_promiscuous=True, known_groups=(GROUP,),
        vf_names=("vf0", "vf1", "vf2"),
    )  # fmt: skip
    assert all(vf.clear_to_send and vf.api == 5 for vf in found.vfs)


def test_the_native_vlan_is_no_vlan_of_the_pf() -> None:
    """Where frames without a tag are in VLAN 5 on the wire, VFs in it are in no VLAN that somebody set for them."""
    config = config_from_mapping({"nic": {"vfs": 2}, "switch": {
        "uplink": {"native_vlan": 5}, "ports": [{"name": "all", "port_vlan": 5}]}})  # fmt: skip
    found = state_of(config)
    assert found.vfs[0].pf_vlan == 0 and found.vfs[0].home_vlan == 5 and found.vfs[0].vlans == frozenset((0,))
    assert handle(found, 0, (0x10004, 7)).effects == {f"{PORT}.vlans": [5, 7]}


@pytest.mark.parametrize(("preset", "tables"), [("82576", (24, 4, 32)), ("X550", (128, 16, 64)), (None, (128, 16, 64))])
def test_tables_are_those_of_the_device(preset: str | None, tables: tuple[int, int, int]) -> None:
    adapter = state_of(config_from_mapping({"nic": {"preset": preset, "vfs": 2}})).adapter
    assert (adapter.addresses, adapter.kept_for_pf, adapter.vlans) == tables


def test_classes_of_traffic_are_those_of_the_arbitration() -> None:
    """With them the PF refuses VLANs, and tells how many there are and in which frames without a priority are."""
    halves, priorities = [{"percent": 50}, {"percent": 50}], [1, 0, 0, 0, 0, 0, 0, 0]
    nic = {"vfs": 3, "arbitration": {"classes": halves, "priorities": priorities}}
    found = state_of(made(nic=nic))
    assert handle(found, 0, (0x9,)).reply[1:5] == (1, 1, 2, 1)
    refused = handle(found, 0, (0x10004, 9))
    assert refused.is_refused and refused.why == "traffic classes are on, and VLANs are then the PF's"
    assert handle(state_of(made()), 0, (0x9,)).reply[1:5] == (1, 1, 0, 0)


def test_what_is_set_in_passing_the_driver_by_is_taken_over() -> None:
    """Of the VF whose keys change, and of them alone: what it has asked for before stays."""
    of_vfs = {"nic": {"vfs": 3, "strict": False}}  # the 82599 has no promiscuous VFs
    before = made(**of_vfs)
    now = handle(handle(state_of(before), 0, (0x8, 2)).state, 0, (0x10004, 9)).state
    after = made({"name": "vf0", "trusted": True, "macs": ["02:00:00:00:00:77"], "promiscuous": True}, **of_vfs)
    found = followed(now, before, after)
    expected = {"trusted": True, "mac": OTHER, "pf_set_mac": True, "xcast": PROMISC}
    assert found.vfs[0] == replace(now.vfs[0], **expected) and found.vfs[1:] == now.vfs[1:]
    assert found.vfs[0].vlans == frozenset((0, 9)) and now.vfs[0].xcast == ALLMULTI
