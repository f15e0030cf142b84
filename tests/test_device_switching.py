"""Rules of the switches in adapters that presets name: who is promiscuous for what, and what the PF is held to."""

from __future__ import annotations

from typing import Any

import pytest

from cocotb_tests.bench_switch import c_tag, frame
from hwmodel import forward_frames
from hwmodel.config import config_from_mapping
from hwmodel.config.presets import DEVICES
from hwmodel.errors import InputError
from hwmodel.simulation.fill.switch_tables import build_tables, switch_off
from tests.forwarding_bench import Bench
from tests.run_cases import result_of

OUTSIDE, UNKNOWN, LLDP = 0x02EE_0000_0010, 0x02DD_0000_0099, 0x0180_C200_000E
GROUP = 0x0100_5E01_0203
OTHERS = 0x02BB_0000_0001  # a source address that no station has
PAUSE = 0x8808


def adapter(switch: dict[str, Any] | None = None, **nic: Any) -> dict[str, Any]:
    """Give a configuration of a PF and three VFs."""
    return {"nic": {"vfs": 3, **nic}, "workload": {"pattern": "ring"}, "switch": switch or {}}


def to(config: dict[str, Any], sender: str, raw: bytes) -> set[str] | str:
    """Return the ports that get a frame, or why it drops."""
    (found,) = forward_frames(config_from_mapping(config), [raw], sender)
    return found.drop or {copy.port for copy in found.deliver}


# ---- Promiscuity ----

PROMISCUOUS = {"ports": [{"name": "pf", "promiscuous": True}]}


@pytest.mark.parametrize("mode", ["sriov", "vmdq"])
@pytest.mark.parametrize("preset", DEVICES)
@pytest.mark.parametrize("filters", [{}, {"pool_filters": {}}])
def test_a_promiscuous_pf_of_a_device_gets_unknown_unicast_from_the_wire_alone(
    preset: str, mode: str, filters: dict[str, Any]
) -> None:
    config = adapter({**PROMISCUOUS, **filters}, preset=preset, mode=mode)
    assert to(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}
    assert to(config, "uplink", frame(UNKNOWN, OUTSIDE)) == {"pf"}
    assert to(config, "vf0", frame(GROUP, "vf0")) == {"uplink", "pf", "vf1", "vf2"}
    written = adapter({**PROMISCUOUS, **filters, "promiscuous": "all"}, preset=preset, mode=mode)
    assert to(written, "vf0", frame(UNKNOWN, "vf0")) == {"uplink", "pf"}
    assert to(written, "vf0", frame("vf1", "vf0")) == {"vf1"}


def test_bridges_in_software_and_adapters_without_a_preset_show_all() -> None:
    for nic in ({"preset": None}, {"mode": "vswitch"}, {"mode": "vswitch", "preset": "82599"}):
        ports = {"ports": [{"name": "vf2", "promiscuous": True}]}
        assert "vf2" in to(adapter(ports, **nic), "vf0", frame(UNKNOWN, "vf0"))


def test_what_the_wire_reflects_is_from_the_wire() -> None:
    config = adapter({**PROMISCUOUS, "mode": "vepa"})
    assert to(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}
    assert to(config, "uplink", frame(UNKNOWN, "vf0")) == {"pf"}


def test_a_mirror_shows_what_promiscuity_does_not() -> None:
    config = adapter({**PROMISCUOUS, "mirrors": [{"to": "pf", "from": "vf0"}]})
    (found,) = forward_frames(config_from_mapping(config), [frame(UNKNOWN, "vf0")], "vf0")
    assert ([copy.port for copy in found.deliver], [copy.port for copy in found.mirrored]) == (["uplink"], ["pf"])


RUN = {
    "nic": {"vfs": 2}, "driver": {"preset": "dpdk"}, "run": {"duration": "100us", "warmup": "20us"},
    "workload": {"pattern": "flows", "frame_bytes": 1000, "flows": [["vf0", "uplink", "1Gbps"]]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("switch", "copies", "says"),
    [
        (PROMISCUOUS, 0, True),
        ({**PROMISCUOUS, "promiscuous": "all"}, 1, False),
        ({}, 0, False),
        ({"ports": [*PROMISCUOUS["ports"], {"name": "vf0", "loopback": False}]}, 0, False),
    ],
)
def test_a_run_tells_why_a_bridge_behind_the_pf_gets_nothing(switch: dict[str, Any], copies: int, says: bool) -> None:
    result = result_of(RUN, {"switch": switch})
    assert result.totals.delivered_frames > 0
    of_pf = next((vm.rx_gbps for vm in result.vms if vm.name == "pf"), 0)
    assert (of_pf > 0) == bool(copies)
    assert any("switch.promiscuous" in warning for warning in result.warnings) == says


# ---- The PF ----


@pytest.mark.parametrize("preset", [None, *DEVICES])
def test_the_pf_is_held_to_none_of_the_rules_for_vfs(preset: str | None) -> None:
    config = adapter({"uplink": {"vlans": "all"}}, preset=preset)
    assert to(config, "pf", frame("vf1", OTHERS)) == {"vf1"}
    assert to(config, "vf0", frame("vf1", OTHERS)) == "SPOOFED_MAC"
    tagged = frame(UNKNOWN, "pf", c_tag(7)), frame(UNKNOWN, "vf0", c_tag(7))
    assert to(config, "pf", tagged[0]) == {"uplink"}
    assert to(config, "vf0", tagged[1]) == "VLAN_MEMBER"
    for raw in (frame(LLDP, "pf"), frame(UNKNOWN, "pf", ethertype=PAUSE)):
        assert "uplink" in to(config, "pf", raw)
    for raw in (frame(LLDP, "vf0"), frame(UNKNOWN, "vf0", ethertype=PAUSE)):
        assert to(config, "vf0", raw) == "CONTROL_FRAME"
    assert to(config, "uplink", frame(LLDP, OUTSIDE)) == {"pf"}


@pytest.mark.parametrize("name", ["pf", "all"])
def test_what_is_written_of_the_pf_counts(name: str) -> None:
    config = adapter({"ports": [{"name": name, "spoof_check": True, "trusted": False}]})
    assert to(config, "pf", frame("vf1", OTHERS)) == "SPOOFED_MAC"
    assert to(config, "pf", frame(UNKNOWN, "pf", c_tag(7))) == "VLAN_MEMBER"
    assert to(config, "pf", frame(LLDP, "pf")) == "CONTROL_FRAME"


def test_spoof_check_of_a_vf_is_of_addresses_and_vlans_unless_they_are_told_apart() -> None:
    """As ixgbe_ndo_set_vf_spoofchk has it."""
    raw = frame("vf1", OTHERS, c_tag(7))
    ports = [{"name": "vf0", "spoof_check": False}, {"name": "vf1", "vlans": [1, 7]}]
    assert to(adapter({"ports": ports}), "vf0", raw) == {"vf1"}
    ports[0]["vlan_spoof_check"] = True
    assert to(adapter({"ports": ports}), "vf0", raw) == "VLAN_MEMBER"
    ports[0] |= {"vlan_spoof_check": False, "spoof_check": True}
    assert to(adapter({"ports": ports}), "vf0", raw) == "SPOOFED_MAC"
    assert to(adapter({"ports": ports}), "vf0", frame("vf1", "vf0", c_tag(7))) == {"vf1"}
    assert to(adapter({"ports": ports}), "vf0", frame("vf1", "vf0", c_tag(4095))) == "VLAN_MEMBER"


def test_a_port_vlan_goes_over_the_guests_own_tag() -> None:
    """802.1Q over 802.1Q, as an X710 does; by the wire's double tag the frame comes back to it with its own."""
    ports = [{"name": "vf0", "port_vlan": 30, "q_in_q": True}, {"name": "vf1", "port_vlan": 30}]
    config = config_from_mapping(adapter({"ports": ports}, preset="XL710"))
    tagged, bare = frame(UNKNOWN, "vf0", c_tag(7)), frame("vf0", OUTSIDE, c_tag(7))
    outer = b"\x81\x00\x00\x1e"
    (sent,) = forward_frames(config, [tagged], "vf0")
    assert {copy.port: copy.frame for copy in sent.deliver} == {"uplink": tagged[:12] + outer + tagged[12:]}
    (beside,) = forward_frames(config, [frame("vf1", "vf0", c_tag(7))], "vf0")
    assert {copy.port: copy.frame for copy in beside.deliver} == {"vf1": frame("vf1", "vf0", c_tag(7))}
    (came,) = forward_frames(config, [bare[:12] + outer + bare[12:]], "uplink")
    assert {copy.port: copy.frame for copy in came.deliver} == {"vf0": bare}
    assert to(adapter({"ports": ports[1:]}), "vf1", frame(UNKNOWN, "vf1", c_tag(7))) == "VLAN_MEMBER"


def test_tags_that_are_not_read_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match=r"switch\.ports\.vf0\.admit"):
        config_from_mapping(adapter({"ports": [{"name": "vf0", "q_in_q": True, "admit": "tagged"}]}))


# ---- Addresses that are held in another VLAN, and of functions that are gone ----

TWO_VLANS = {"ports": [{"name": "vf1", "port_vlan": 20}]}


def test_a_lookup_without_the_vlan_keeps_frames_for_another_vlan_inside() -> None:
    raw = frame("vf1", "vf0")
    assert to(adapter(TWO_VLANS), "vf0", raw) == {"uplink"}
    held = adapter({**TWO_VLANS, "lookup": "mac", "promiscuous": "all", **PROMISCUOUS})
    held["switch"]["ports"] = [*TWO_VLANS["ports"], *PROMISCUOUS["ports"]]
    assert to(held, "vf0", raw) == "NO_DESTINATION"
    assert to(held, "vf0", frame(UNKNOWN, "vf0")) == {"uplink", "pf"}
    assert to(held, "vf0", frame("vf2", "vf0")) == {"vf2"}
    assert to(held, "uplink", frame("vf1", OUTSIDE, c_tag(20))) == {"vf1"}
    assert to(adapter(TWO_VLANS, preset="X550"), "vf0", raw) == "NO_DESTINATION"


def test_a_function_that_is_gone_has_no_address_where_a_disabled_one_has() -> None:
    config = config_from_mapping(adapter({"lookup": "mac", "pool_filters": {"default_pool": "vf2"}}))
    bench = Bench(config.switch)
    switch_off(bench.tables[0], [3])  # vf1
    assert set(bench.send("vf0", frame("vf1", "vf0")).deliver) == {"uplink"}
    assert set(bench.send("uplink", frame("vf1", OUTSIDE)).deliver) == {"vf2"}
    disabled = config.with_overrides({"switch.ports.vf1.enabled": False})
    bench.tables = build_tables(disabled.switch)
    assert bench.send("vf0", frame("vf1", "vf0")).drop == "NO_DESTINATION"
    assert bench.send("uplink", frame("vf1", OUTSIDE)).drop == "NO_DESTINATION"
    assert set(bench.send("uplink", frame(UNKNOWN, OUTSIDE)).deliver) == {"vf2"}


# ---- Pools ----


def test_what_is_for_a_disabled_pool_goes_to_no_other() -> None:
    """Pools are chosen first, and VFRE then takes the disabled ones out (docs/steering.md, steps 9 and 11)."""
    hashed = {"default_pool": "vf2", "unicast_hash": [f"02:dd:00:00:00:{0x99:02x}"]}
    accept = ["broadcast", "multicast", "untagged"]
    ports = [{"name": "vf0", "enabled": False, "accept": [*accept, "unicast_hash"], "vlans": [1, 5]}]
    config = adapter({"ports": ports, "pool_filters": hashed})
    assert to(config, "uplink", frame("vf0", OUTSIDE)) == "NO_DESTINATION"
    assert to(config, "uplink", frame(UNKNOWN, OUTSIDE)) == "NO_DESTINATION"
    assert to(config, "uplink", frame("vf0", OUTSIDE, c_tag(9))) == {"vf2"}  # no pool was chosen in VLAN 9
    ports[0] |= {"promiscuous": True, "vlans": [5]}
    config["nic"]["preset"] = "X540"  # VFs of the 82599 are never promiscuous
    assert to(config, "uplink", frame(OTHERS, OUTSIDE, c_tag(5))) == "NO_DESTINATION"
    assert to(config, "uplink", frame(OTHERS, OUTSIDE, c_tag(1))) == {"vf2"}
    gone = adapter({"ports": [{"name": "vf2", "enabled": False}], "pool_filters": {"default_pool": "vf2"}})
    assert to(gone, "uplink", frame(OTHERS, OUTSIDE)) == "NO_DESTINATION"
    both = [{"name": "vf0", "enabled": False, "promiscuous": True}, {"name": "vf1", "promiscuous": True}]
    lowest = adapter({"ports": both, "pool_filters": {"replication": False}}, preset="X540")
    assert to(lowest, "uplink", frame(OTHERS, OUTSIDE)) == "NO_DESTINATION"
    assert to(adapter({"pool_filters": {}}), "uplink", frame(OTHERS, OUTSIDE)) == "UNKNOWN_UNICAST"
