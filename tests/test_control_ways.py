"""Who tells the network that a VM starts: when its port is ready in each way, and what passes before."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from hwmodel import load_config, simulate
from hwmodel.results.control import ControlledVm, ControlResult
from tests.config_cases import complaints
from tests.control_cases import LATENCY, PROFILES, SERVICE, system

# Who handles a message, one after the other, until the port has its profile, and until its wire has the VLAN. The first
# is told by the administrator, without a latency.
MANAGER, HYPERVISOR, NETWORK, SWITCH, ABOVE = "vm_manager", "hypervisor", "network_manager", "switch", "orchestrator"
TO_PORT = {
    "trunks": [MANAGER, HYPERVISOR],
    "events": [MANAGER, HYPERVISOR],
    "orchestrator": [ABOVE, NETWORK, SWITCH, NETWORK, ABOVE, MANAGER, HYPERVISOR],
    "push": [MANAGER, HYPERVISOR, SWITCH, NETWORK, HYPERVISOR],
    "vem": [MANAGER, HYPERVISOR, NETWORK, HYPERVISOR],
    "advertisement": [MANAGER, HYPERVISOR],
}
TO_WIRE = {
    "events": [MANAGER, NETWORK, SWITCH],
    "orchestrator": [ABOVE, NETWORK, SWITCH],
    "push": [MANAGER, HYPERVISOR, SWITCH, NETWORK, SWITCH],
    "vem": [MANAGER, HYPERVISOR, NETWORK, SWITCH],
    "advertisement": [MANAGER, HYPERVISOR, SWITCH, NETWORK, SWITCH],
}


def ms_along(way: Sequence[str]) -> int:
    return sum(LATENCY[one] for one in way[1:]) + sum(SERVICE[one] for one in way)


def control_of(way: str, **control: object) -> ControlResult:
    found = simulate(load_config(system(way, **control))).control
    assert found is not None
    return found


def vm_of(found: ControlResult) -> ControlledVm:
    return found.vms[0]


@pytest.mark.parametrize("way", TO_PORT)
def test_a_port_is_ready_as_all_who_are_told_have_done_their_work(way: str) -> None:
    vm = vm_of(control_of(way))
    port_ms = ms_along(TO_PORT[way])
    wire_ms = ms_along(TO_WIRE[way]) if way in TO_WIRE else port_ms  # way trunks: it is there, once somebody asks
    assert (vm.port_ns, vm.wire_ns) == pytest.approx(((1000 + port_ms) * 1e6, (1000 + wire_ms) * 1e6), abs=1e-3)
    assert vm.served_ns == max(vm.port_ns or 0, vm.wire_ns or 0)
    assert (vm.waited_ns, vm.early_frames, vm.lost_frames) == (0, 0, 0)


def test_a_boot_that_is_faster_than_the_word_loses_frames_at_once_as_many_as_it_sends_meanwhile() -> None:
    whole = simulate(load_config(system("events", vm_start="1ms")))
    assert whole.control is not None
    vm = vm_of(whole.control)
    waits_ms = ms_along(TO_WIRE["events"]) - ms_along(TO_PORT["events"]) - 1
    assert vm.waited_ns == pytest.approx(waits_ms * 1e6, abs=1e-3)
    assert vm.early_frames == vm.lost_frames == whole.drops["VLAN_MEMBER"] > 0
    assert vm.early_frames == pytest.approx(waits_ms / 10, abs=1)  # a frame each 10 ms


def test_who_runs_too_soon_is_warned_of() -> None:
    warned = simulate(load_config(system("events", vm_start="1ms"))).warnings
    assert any("VMs run before the network has what they need, in way events: shop1 for 76" in one for one in warned)
    assert not any("before the network" in one for one in simulate(load_config(system("events"))).warnings)


def test_a_vlan_that_the_adapters_uplink_lacks_nobody_configures() -> None:
    found = complaints(json.dumps(system() | {"switch": {"uplink": {"vlans": [1, 10]}}}))
    message = "switch.uplink.vlans lacks VLAN 20 of profile shop, and nobody configures it there"
    assert [line.partition(": ")[2] for line in found] == [
        f"vms.{name}.profile: servers.{at}.set.{message}" for name, at in (("shop1", "a"), ("shop2", "b"))
    ]


def test_learned_mac_loses_until_its_first_frame_has_been_asked_about() -> None:
    vm = vm_of(control_of("learned_mac"))
    up_ms = 1000 + ms_along([MANAGER, HYPERVISOR]) + 5000
    assert vm.up_ns == pytest.approx(up_ms * 1e6, abs=1e-3)
    told_ms = ms_along([SWITCH, NETWORK, SWITCH]) + LATENCY[SWITCH]
    assert vm.waited_ns is not None
    assert told_ms <= vm.waited_ns / 1e6 <= told_ms + 10.1
    assert vm.lost_frames >= told_ms // 10
    assert 0 <= vm.early_frames - vm.lost_frames <= 1  # the last of them may come to the bridge just after


def test_vdp_is_ready_as_the_bridge_has_looked_at_the_request_and_asked_the_manager() -> None:
    found = control_of("vdp")
    vm = vm_of(found)
    decides_ms = LATENCY[NETWORK] + SERVICE[NETWORK] + LATENCY[SWITCH] + SERVICE[SWITCH]
    at_bridge_ms = 1000 + ms_along([MANAGER, HYPERVISOR]) + 2 + decides_ms  # 2 ms pass before it looks at a request
    assert vm.wire_ns == pytest.approx(at_bridge_ms * 1e6, abs=20e3)  # the frame's way is some microseconds
    assert vm.wire_ns > at_bridge_ms * 1e6
    # Beside messages: of each wire LLDP twice of the station and three times of the bridge, which hears it change; of
    # each VM a keep-alive after 10.486 s; for all that request, answer and both acknowledgements.
    assert found.messages == {"start": 1, "frame": 2 * 5 + 4 + 3 * 4}
    a_request, an_acknowledgement, lldp = 71 + 4, 18 + 4, 60 + 4
    assert found.bytes == 256 + 10 * lldp + 8 * (a_request + an_acknowledgement)


def test_vdp_gives_back_what_a_stopped_vm_had_and_a_changed_profile_is_another_association() -> None:
    keys = {"stops": {"shop1": "8s"}, "changes": [{"at": "4s", "profile": "web", "becomes": "shop"}]}
    found = simulate(load_config(system("vdp", **keys)))
    setting = [one.set_["bridge.ports.a.vlans"] for one in found.agent_actions if "bridge.ports.a.vlans" in one.set_]
    assert setting == [[1, 10], [1, 10, 20], [1, 20]]
    assert [(one.vm, one.vlan, one.ended_ns is None) for one in found.associations] == [
        ("shop1", 20, False), ("web1", 20, True),
    ]  # fmt: skip


def test_polling_finds_a_vm_at_the_poll_after_the_manager_knows_of_it() -> None:
    vm = vm_of(control_of("polling", network_manager={"poll": "3s", "latency": "20ms", "service": "10ms"}))
    # The manager asks, is told, looks, and has the switch do it.
    asked = ms_along([NETWORK, MANAGER, NETWORK, SWITCH])
    assert vm.wire_ns == pytest.approx((3000 + asked) * 1e6, abs=1e-3)


def test_trunks_carry_what_nobody_needs_and_others_only_what_is_left_behind() -> None:
    trunks, events = control_of("trunks"), control_of("events")
    # Wires a and b carry 10 and 20, of which b never needs 10, and a needs 20 from the VM's boot on.
    up_s = (vm_of(trunks).up_ns or 0) / 1e9
    assert trunks.needless_vlans == pytest.approx(1 + up_s / 12, rel=1e-6)
    ready_s = (vm_of(events).wire_ns or 0) / 1e9
    assert events.needless_vlans == pytest.approx((up_s - ready_s) / 12, rel=1e-6)


@pytest.mark.parametrize("way", ["polling", "events", "orchestrator", "push", "vem", "advertisement", "learned_mac"])
def test_what_a_stopped_vm_leaves_behind_is_taken_away(way: str) -> None:
    keys = {"network_manager": {"poll": "1s"}, "stops": {"shop1": "8s"}}
    ages = {"bridge.ageing": "1s"} if way == "learned_mac" else {}
    found = simulate(load_config(system(way, **keys), ages))
    setting = [one.set_["bridge.ports.a.vlans"] for one in found.agent_actions if "bridge.ports.a.vlans" in one.set_]
    assert setting == [[1, 10], [1, 10, 20], [1, 10]]


def test_messages_are_counted_and_their_bytes() -> None:
    found = control_of("events")
    assert found.messages == {"carry": 1, "start": 1, "started": 1}
    assert found.bytes == 3 * 256


@pytest.mark.parametrize(
    ("control", "line"),
    [
        ({"starts": {"shop9": "1s"}}, "there is no VM shop9"),
        ({"starts": {"b.vf1": "1s"}}, "b.vf1 has no profile to be given"),
        ({"stops": {"shop1": "500ms"}}, "shop1 is stopped before it is started"),
        ({"changes": [{"at": "1s", "profile": "wen", "becomes": "shop"}]}, "there is no profile wen"),
        ({"starts": {"shop1": "4h"}}, "control.starts.shop1: unknown unit 'h' in '4h'"),
        ({"vm_manager": {"latency": "10000s"}}, "control.vm_manager.latency: 10000s is out of range; 0ns to 4200s"),
        ({"way": "telepathy"}, "control.way"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(control: dict[str, object], line: str) -> None:
    assert line in "\n".join(complaints(json.dumps(system(**control))))


def test_a_supervisor_has_64_modules_at_most() -> None:
    vms = [{"name": "web1", "at": "s0.vf0", "profile": "web"}]
    keys = {
        "servers": [{"name": f"s{at}"} for at in range(65)], "bridge": {}, "vms": vms, "profiles": dict(PROFILES),
        "control": {"way": "vem", "starts": {"web1": "1s"}}, "nic": {"preset": None, "vfs": 2},
    }  # fmt: skip
    (line,) = complaints(json.dumps(keys))
    assert "65 servers are 65 modules, and a supervisor has 64 at most" in line
