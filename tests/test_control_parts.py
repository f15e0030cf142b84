"""The parts of control, each by itself: who takes part, what VDP says of a VM, what is set at most, its words."""

from __future__ import annotations

from uuid import UUID

import pytest

from hwmodel import load_config, simulate
from hwmodel.agents.control import controllers_of
from hwmodel.agents.control_plane import ControlPlane
from hwmodel.agents.control_vdp import VsiTypes, station_of
from hwmodel.config.build import SYSTEM_CHECKS
from hwmodel.config.check_control import check_control
from hwmodel.config.control_ends import bridge_end, control_settings, station_end
from hwmodel.results.control import control_sentence, vm_rows
from hwmodel.simulation.run.control import with_control
from tests.control_cases import system

PARTIES = ["vm_manager", "network_manager", "switch", "hypervisor_a", "hypervisor_b"]
BESIDE = {"orchestrator": {"orchestrator"}, "vem": {"standby"}, "learned_mac": {"wire_a"}}


@pytest.mark.parametrize("way", ["trunks", "events", "orchestrator", "push", "vem", "advertisement", "learned_mac"])
def test_who_takes_part(way: str) -> None:
    plane, agents = controllers_of(load_config(system(way)), [])
    assert plane is not None
    assert {one.name for one in agents} == {*PARTIES, *BESIDE.get(way, set())}


def test_in_way_vdp_the_bridge_has_an_end_for_all_wires_and_each_station_one() -> None:
    notes: list[object] = []
    plane, agents = controllers_of(load_config(system("vdp")), notes)  # type: ignore[arg-type]
    assert plane is not None and notes == []
    assert {one.name for one in agents} == {*PARTIES, station_of("a"), station_of("b")}
    assert plane.speakers == {"switch", station_of("a"), station_of("b")}


def test_vdp_says_of_a_vm_its_uuid_its_profiles_number_and_each_address_in_each_vlan() -> None:
    keys = system("vdp")
    keys["profiles"] = {"web": {"vlans": [10, 11]}, "shop": {"port_vlan": 20}}
    keys["vms"][0]["uuid"] = str(UUID(int=7))
    macs = ["02:00:00:01:00:01", "02:00:00:01:00:02"]
    plane = ControlPlane(load_config(keys, {"servers.a.set.switch.ports.vf0.macs": macs}))
    types = VsiTypes(plane)
    vsi = types.vsi("web1", "web")
    assert (vsi.instance, vsi.type_id) == (UUID(int=7).bytes, 1)
    assert [(f"{each.mac:012x}"[-2:], each.vid) for each in vsi.filters] == [
        ("01", 10), ("01", 11), ("02", 10), ("02", 11),
    ]  # fmt: skip
    assert types.of(vsi) == ("web1", "web") and types.vsi("shop2", "shop").type_id == 2
    assert [name for _, name, _ in types.running(["a"])] == ["web1"]


def test_the_ends_of_vdp_are_where_the_wires_are() -> None:
    config = load_config(system("vdp", vdp={"rte": 9}))
    station, bridge = station_end(config, "a").vdp_station, ControlPlane(config).bridges["a"]
    assert station is not None and (station.by, station.rte, station_end(config, "a").server) == ("a.pf", 9, "a")
    end = bridge_end(config, bridge).vdp_bridge
    assert end is not None and end.ports == ("a", "b") and end.decides_fs == (20 + 10 + 10 + 40) * 10**12


def test_what_is_set_at_most_is_known_beforehand() -> None:
    assert check_control in SYSTEM_CHECKS
    found = [setting.changes for setting in control_settings(load_config(system("events")))]
    assert found == [
        {"servers.a.set.switch.ports.vf1.profile": "shop"}, {"bridge.ports.a.vlans": [10, 20]},
        {"bridge.ports.b.vlans": [10, 20]},
    ]  # fmt: skip


def test_a_result_is_as_it_was_where_nobody_is_controlled() -> None:
    result = simulate(load_config(system("events", starts={}, vm_start="1s"), {"run.duration": "20ms"}))
    assert result.control is not None and result.control.vms == ()
    assert with_control(result, None, None) is result
    assert control_sentence(result.control).startswith("Control by events: 0 of 0 VMs served; 0 ran before")
    assert vm_rows(result.control) == []
