"""The short form of the forwarding decision in the closed form, beside the decision itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.analytic.closed_form import limits
from hwmodel.analytic.routes import Route, Router
from hwmodel.rules.switch_modes import TAG_MODES
from hwmodel.simulation import simulate
from hwmodel.wire.ethernet import BROADCAST_MAC
from tests.analytic_cases import demo
from tests.oracles.forwarding_oracle import ForwardingOracle

NAMES = ("pf", "vf0", "vf1", "vf2")
GROUP_MAC, OUTSIDE_MAC, TYPE = 0x01_00_5E_00_00_01, 0x02_DD_00_00_00_99, 0x88B5
# ---- Each way against the decision's second implementation ----


STATION = st.fixed_dictionaries({
    "port_vlan": st.sampled_from([1, 2]), "vlans": st.sampled_from([[1], [1, 2], [2]]),
    "accept": st.sampled_from([["broadcast", "multicast"], ["broadcast"], []]),
    "s_channel": st.sampled_from([None, 10, 20]), "admit": st.sampled_from(["all", "tagged", "untagged"]),
    **dict.fromkeys(("loopback", "self_loopback", "promiscuous", "vlan_spoof_check"), st.booleans()),
})  # fmt: skip
SWITCH = st.fixed_dictionaries({
    "mode": st.sampled_from(["veb", "vepa", "multichannel", "vn_tag", "e_tag"]),
    "promiscuous": st.sampled_from(["all", "from_wire"]), "lookup": st.sampled_from(["mac_and_vlan", "mac"]),
    "uplink": st.fixed_dictionaries({
        "vlans": st.sampled_from(["all", [1], [2]]), "native_vlan": st.sampled_from([1, 2]),
    }),
    "ports": st.fixed_dictionaries(dict.fromkeys(NAMES, STATION)),
    "mirrors": st.sampled_from([[], [{"to": "vf2", "from": "vf0"}], [{"to": "pf", "vlan": 2}],
                                [{"to": "vf1", "from": "uplink", "direction": "egress"}]]),
})  # fmt: skip


def changes_of(drawn):
    mode, ports = drawn["mode"], []
    for name, own in drawn["ports"].items():
        one = {"name": name, **own}
        if mode != "multichannel":
            del one["s_channel"]
        if mode in TAG_MODES:
            one["vlans"] = sorted({*one["vlans"], one["port_vlan"]})
        ports.append(one)
    channels = {"s_channels": {10: "veb", 20: "vepa"}} if mode == "multichannel" else {}
    uplink = drawn["uplink"] if mode not in TAG_MODES else {}
    kept = {key: drawn[key] for key in ("promiscuous", "lookup")}
    switch = {"mode": mode, **kept, "uplink": uplink, "ports": ports, "mirrors": drawn["mirrors"], **channels}
    in_adapter = {"nic.vfs": 3, "nic.strict": False, "workload.pattern": "to_wire"}
    return in_adapter | {f"switch.{key}": value for key, value in switch.items()}


def made_up(config, source, target):
    """Give a frame as workloads make it up (docs/loads.md): tagged where its sender admits nothing else."""
    macs = {port.name: port.macs[0] for port in config.switch.ports}
    macs |= {"uplink": OUTSIDE_MAC, "broadcast": BROADCAST_MAC, "multicast": GROUP_MAC}
    sender = next(port for port in config.switch.ports if port.name == source)
    tag = b"\x81\x00" + sender.port_vlan.to_bytes(2, "big") if sender.admit == "tagged" else b""
    return macs[target].to_bytes(6, "big") + macs[source].to_bytes(6, "big") + tag + TYPE.to_bytes(2, "big") + bytes(46)


@given(SWITCH)
def test_each_way_is_that_of_the_decision(drawn):
    config = demo(changes_of(drawn))
    router, oracle = Router(config), ForwardingOracle(config.switch)
    for source in NAMES:
        for target in (*NAMES, "uplink", "broadcast", "multicast"):
            route = router.route(source, target)
            found = oracle.forward(source, made_up(config, source, target))
            assert {*route.stations} == {*found.deliver} - {"uplink"}, (source, target)
            assert (route.to_wire, route.lost or None) == ("uplink" in found.deliver, found.drop), (source, target)
            assert sorted(route.mirrored) == sorted(found.mirrored), (source, target)


def test_what_comes_by_the_wire_in_a_vlan_of_which_the_uplink_is_none_is_lost():
    router = Router(demo({"switch.uplink.vlans": [5], "workload.external": {"rate": "1Gbps"}}))
    assert router.route("uplink", "vf0") == Route((), False, True, lost="VLAN_MEMBER")


# ---- What is lost where it is sent takes what it takes before ----


TO_ITSELF = {"workload.pattern": "flows", "workload.flows": [["vf0", "vf0"]]}


@pytest.mark.parametrize(("changes", "reason"), [
    (TO_ITSELF, "SAME_PORT"),
    ({"workload.pattern": "to_wire", "switch.uplink.vlans": [5]}, "NO_DESTINATION"),
    ({"switch.mode": "vepa", "switch.uplink.vlans": [5]}, "VLAN_MEMBER"),
])  # fmt: skip
def test_what_is_lost_in_the_adapter_is_read_and_nothing_of_it_delivered(changes, reason):
    """By hand, bytes down: payload 6*20 + 1516, doorbell and descriptors 28/8 + 148/8; 4 B for each TLP up.

    Up are three read requests and, in eight frames, one for descriptors, a write-back and an interrupt. A run is long
    enough that the link's rate over these bytes is what drops, within 1 %, but for what its rings took at the start.
    """
    config = demo({**changes, "run.warmup": "1ms", "run.duration": "4ms", "run.clocks": "exact"})
    found = limits(config)
    down = 6 * 20 + 1516 + (28 + 148) / 8 + 4 * (3 + 3 / 8)
    assert (found.down_bytes, found.limited_by, found.mpps, found.gbps) == (down, "down", 0, 0)
    assert found.lone_frame is None
    (note,) = found.notes
    assert f"({reason})" in note and note.startswith("The adapter drops all frames from vf0 to ")
    run = simulate(config)
    assert (run.bottleneck.resource, [*run.drops]) == ("", [reason])  # a window without a delivery names no limit
    assert run.drops[reason] == pytest.approx(float(found.frames_per_s) * 5e-3, rel=0.02)


def test_one_that_is_lost_at_its_sender_takes_its_turns_beside_others():
    """a.vf0 fills its server's link for itself; b.vf0 sends 1 Gb/s to a.vf1, 1 Gb/s / 12,144 bits = 0.0823 M frames."""
    flows = [["a.vf0", "a.vf0"], ["b.vf0", "a.vf1", "1Gbps"]]
    system = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
    found = limits(demo({**system, "workload.pattern": "flows", "workload.flows": flows}))
    alone = limits(demo(TO_ITSELF))
    assert (found.limited_by, found.mpps) == ("a.pcie.down", pytest.approx(1e9 / (8 * 1518) / 1e6))
    assert 0.95 * alone.frames_per_s < found.frames_per_s < alone.frames_per_s
    assert not any(note.startswith("The mix ") for note in found.notes)


def test_a_virtual_switch_drops_what_is_for_its_own_sender():
    found = limits(demo({**TO_ITSELF, "nic.mode": "vswitch"}))
    assert found.mpps == 0 and any(note.startswith("The virtual switch drops all frames from vf0 to vf0 (SAME_PORT)")
                                   for note in found.notes)  # fmt: skip


def test_the_frame_alone_is_of_the_first_flow_that_gets_somewhere():
    found = limits(demo({"workload.pattern": "flows", "workload.flows": [["vf0", "vf0"], ["vf1", "vf2"]]}))
    assert (found.lone_frame.source, found.lone_frame.target) == ("vf1", "vf2")
