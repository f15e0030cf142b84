"""What the closed form says in words of frames that cross a bridge, and of what it does not count there."""

import pytest

from hwmodel import limits, lone_frame, simulate
from hwmodel.analytic import limits_text
from hwmodel.config import load_config
from hwmodel.words.limits import LONG_DROP

GEN3 = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8}
WHY = "frames between VMs leave by the wire and come back"


def notes(**changes):
    return limits(load_config("sriov_10g_gen2x4", changes)).notes


@pytest.mark.parametrize(("mode", "kind", "most"), [
    ("vepa", "learning", 9.870), ("vn_tag", "controlling", 9.832), ("e_tag", "controlling", 9.819),
])  # fmt: skip
def test_it_says_what_the_wire_costs_and_why(mode, kind, most):
    found = limits(load_config("sriov_10g_gen2x4", GEN3 | {"switch.mode": mode, "bridge": {"kind": kind}}))
    inside = limits(load_config("sriov_10g_gen2x4", GEN3))
    assert found.gbps == pytest.approx(most, abs=6e-4) and inside.gbps == pytest.approx(52.74, abs=6e-3)
    (why,) = (note for note in found.notes if WHY in note)
    assert f"In mode {mode} " in why and "10 Gb/s each way" in why and "at most 52.74 Gb/s, limited by pcie.up" in why


def test_it_says_so_where_the_wire_limits_alone():
    bridge = {"bridge": {"kind": "learning"}}
    for changes in (
        bridge,  # switched in the adapter
        bridge | {"nic.strict": False, "switch.mode": "vepa", "port.rate": "100Gbps"},  # the link limits
        bridge | {"switch.mode": "vepa", "workload.pattern": "to_wire"},  # no VM gets any
        bridge | {"servers": [{"name": "a"}, {"name": "b"}], "workload.pattern": "uniform"},
    ):
        assert not any(WHY in note for note in notes(**changes))


def test_what_does_not_hold_in_mode_veb_is_left_out():
    channels = [{"name": f"vf{k}", "s_channel": 20} for k in range(8)]
    found = notes(**{"switch.mode": "multichannel", "switch.s_channels": {20: "vepa"}, "switch.ports": channels,
                     "bridge": {"kind": "learning"}})  # fmt: skip
    assert any(WHY in note for note in found)


def test_what_is_not_counted_is_said():
    two = {"servers": [{"name": "a"}, {"name": "b"}], "workload.pattern": "uniform"}
    police = {"port": "a.vf0", "action": "police", "rate": "1Gbps", "burst": "16KiB"}
    # How much a.vf0 sends over the bridge without a rate is not known.
    assert any(
        "Not counted: what bridge.policy[0] polices" in note for note in notes(**two, bridge={"policy": [police]})
    )
    assert any("share its buffer" in note for note in notes(**two, bridge={"sharing": "all"}))
    channel = {"switch.mode": "multichannel", "switch.s_channels": {20: "vepa"}}
    levels = {"ports": {"a": {"s_channels": {20: {"rate": "2Gbps"}}}}}
    assert any("the rates of S-channels at the bridge" in note for note in notes(**two, **channel, bridge=levels))
    deny = {"port": "a.vf0", "action": "deny"}
    assert any("a.vf0 to b.vf0" in note and "ACL_DENY" in note for note in notes(**two, bridge={"policy": [deny]}))


def test_of_known_rates_policers_let_theirs_pass():
    police = {"port": "a.vf0", "action": "police", "rate": "1Gbps", "burst": "16KiB"}
    flows = [["a.vf0", "b.vf0", "3Gbps"], ["a.vf0", "a.vf1", "2Gbps"], ["a.vf1", "b.vf0", "4Gbps"]]
    config = load_config("sriov_10g_gen2x4", {
        "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"announce": True, "policy": [police]},
        "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": flows}, "run.duration": "50ms",
    })  # fmt: skip
    found = limits(config)
    assert found.gbps == pytest.approx(1 + 2 + 4)
    assert any("33.3 % pass, 1 Gb/s" in note for note in found.notes)
    flow = next(one for one in simulate(config).flows if (one.from_, one.to) == ("a.vf0", "b.vf0"))
    assert flow.gbps == pytest.approx(1, rel=0.005)


def test_a_policer_counts_the_tags_with_which_frames_come():
    """Of 64 B with a VN-Tag of 6 B it lets 64/70 of its rate pass, as the bucket counts what is received."""
    police = {"port": "vf0", "action": "police", "rate": "100Mbps", "burst": "4KiB"}
    config = load_config("sriov_10g_gen2x4", {
        "switch.mode": "vn_tag", "bridge": {"kind": "controlling", "policy": [police]}, "run.duration": "5ms",
        "workload": {"pattern": "flows", "frame_bytes": 64, "flows": [["vf0", "vf1", "1Gbps"]]},
    })  # fmt: skip
    found = limits(config)
    assert found.gbps == pytest.approx(0.1 * 64 / 70)
    assert any("9.14 % pass" in note for note in found.notes)
    assert simulate(config).totals.gbps == pytest.approx(found.gbps, rel=0.01)


def test_a_full_port_that_loses_is_named_before_the_load():
    """Two senders on each of three servers, 2 Gb/s each, send to one VM: 12 Gb/s for a port of 10."""
    incast = {"servers": [{"name": name} for name in "abc"], "nic.vfs": 3, "bridge.announce": True, **GEN3}
    found = limits(load_config("sriov_10g_gen2x4", incast | {
        "workload": {"pattern": "incast", "load": "2Gbps", "arrivals": "poisson"},
    }))  # fmt: skip
    assert found.limited_by == "bridge.a"
    (port,) = (hop for hop in found.hops if hop.wire == "bridge.a")
    assert port.utilization == pytest.approx(1)
    less = limits(load_config("sriov_10g_gen2x4", incast | {
        "workload": {"pattern": "incast", "load": "1.5Gbps", "arrivals": "poisson"},
    }))  # fmt: skip
    assert less.limited_by == "offered_load"


def test_what_one_vlan_would_save_is_said_of_vms_in_vlans_of_their_own():
    stations = [{"name": f"vf{k}", "port_vlan": 101 + k, "vlans": [101 + k]} for k in range(2)]
    bridge = {"announce": True, "ports": {"adapter": {"translate": {101: 10, 102: 10}}}}
    found = notes(**GEN3, **{"nic.vfs": 2, "switch.ports": stations, "bridge": bridge})
    assert any("in one VLAN they would stay in the adapter" in note for note in found)
    assert not any("at most" in note for note in found)


def test_a_shared_uplink_is_named_with_what_it_costs():
    extender = {"kind": "controlling", "extenders": {"fex": {"rate": "5Gbps", "sharing": "all"}},
                "ports": {"adapter": {"behind": "fex"}}}  # fmt: skip
    found = limits(load_config("sriov_10g_gen2x4", GEN3 | {"switch.mode": "vn_tag", "bridge": extender}))
    assert found.limited_by == "bridge.fex.uplink" and found.gbps == pytest.approx(5 * 1518 / 1544)
    (why,) = (note for note in found.notes if WHY in note)
    assert "all share the uplink of fex, with its 5 Gb/s each way" in why
    assert any("All ports of extender fex share its buffer" in note for note in found.notes)


def test_frames_that_the_adapter_of_their_destination_drops_are_told():
    """In VLAN 1 nobody of b's listens for vf1 there; with its own uplink closed to VLAN 20 none of that come in."""
    servers = [{"name": "a"}, {"name": "b"}]
    other = {"servers": servers, "bridge.announce": True, "switch.ports": [{"name": "vf1", "port_vlan": 20}],
             "switch.uplink.vlans": "all", "workload": {"pattern": "flows", "load": "1Gbps"},
             "run.duration": "1ms"}  # fmt: skip
    closed = {"servers": [servers[0], {"name": "b", "set": {"switch.uplink.vlans": [1]}}]}
    is_off = {"servers": [servers[0], {"name": "b", "set": {"switch.ports": [{"name": "vf0", "enabled": False}]}}]}
    for source, target, changes, reason in (
        ("a.vf0", "b.vf1", {}, "UNKNOWN_UNICAST"), ("a.vf1", "b.vf1", closed, "VLAN_MEMBER"),
        ("a.vf0", "b.vf0", is_off, "UNKNOWN_UNICAST"), ("a.vf1", "b.vf1", {}, ""),
    ):  # fmt: skip
        config = load_config("sriov_10g_gen2x4", other | {"workload.flows": [[source, target]]} | changes)
        said = [note for note in limits(config).notes if "drops all" in note]
        assert [f"An adapter drops all frames from {source} to {target} ({reason}): " in one for one in said] == (
            [True] if reason else []
        )
        assert set(simulate(config).drops) == ({reason} if reason else set())


def test_a_lone_frame_that_the_bridge_floods_ends_where_some_copy_arrives():
    """For a VLAN that its destination is not in, outside alone; nowhere where the bridge does not let it out either."""
    config = load_config("sriov_10g_gen2x4", {
        "servers": [{"name": "a"}, {"name": "b"}], "bridge.announce": True, "switch.uplink.vlans": "all",
        "switch.ports": [{"name": "vf1", "port_vlan": 20}],
        "workload": {"pattern": "flows", "load": "1Gbps", "flows": [["a.vf0", "b.vf1"]]},
    })  # fmt: skip
    alone = lone_frame(config)
    # Out of the adapter, then half a microsecond in the bridge and 1538 B at 10 Gb/s on the wire behind it.
    assert alone is not None and alone.parts_fs["wire"] == 1538 * 8 * 10**5
    assert alone.parts_fs["bridge"] == 500_000_000 + 1538 * 8 * 10**5
    assert lone_frame(config.with_overrides({"bridge.ports.outside.vlans": [5]})) is None


def test_frames_that_wait_in_order_for_descriptors_are_told():
    flows = [["uplink", "vf0", "4Gbps"], ["uplink", "vf1", "1Gbps"]]
    short = {"nic.rx_prefetch": 1, "nic.rx_fetch_batch": 1, "workload": {"pattern": "flows", "flows": flows}}
    config = load_config("sriov_10g_gen2x8", {**short, "workload.frame_bytes": 128})
    assert limits(config).limited_by == "rx.descriptors"
    assert any("in order" in note for note in limits(config).notes)
    alone = config.with_overrides({"workload.flows": flows[:1]})
    assert not any("in order" in note for note in limits(alone).notes)


NOTHING_HOLDS = "Nothing holds back who sends more than "


def test_what_a_receiver_behind_a_bridge_has_no_room_for_is_told():
    """c takes 1.995 Gb/s less 1703.625 B a frame of 1518 B, 0.146 M; who sends fills its wire, and c drops the rest."""
    servers = [{"name": "a"}, {"name": "c", "set": {"pcie.lanes": 1, "pcie.generation": 1}}]
    changes = GEN3 | {
        "servers": servers, "bridge.announce": True, "driver.preset": "dpdk", "run.duration": "2ms",
        "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": [["a.vf0", "c.vf0"]]},
    }  # fmt: skip
    config = load_config("sriov_10g_gen2x4", changes)
    (said,) = (note for note in limits(config).notes if note.startswith(NOTHING_HOLDS))
    assert said.startswith(f"{NOTHING_HOLDS}c.pcie.up has room for: the adapter drops it, and has used the wires")
    result = simulate(config)
    assert limits(config).hops[0].utilization < 0.2 and result.servers[0].utilization["wire.tx"] > 0.99
    assert set(result.drops) == {"RX_BUFFER_FULL"}
    for other in (
        {"workload.flows": [["a.vf0", "c.vf0", "1Gbps"]]},  # all fits
        {"nic.flow_control": {"mode": "pause"}, "bridge.flow_control": {"mode": "pause"}},  # the bridge is stopped
        {"workload.flows": [["a.vf0", "a.vf1"]]},  # a frame that is read waits for room
    ):
        assert not [note for note in limits(config.with_overrides(other)).notes if note.startswith(NOTHING_HOLDS)]


def test_a_run_fills_a_wire_though_a_full_port_limits():
    """The port of c sends 0.8127 M frames/s, of which a brings 0.0823; b fills its own wire all the same."""
    changes = GEN3 | {
        "servers": [{"name": name} for name in "abc"], "bridge.announce": True, "driver.preset": "dpdk",
        "workload": {"pattern": "flows", "flows": [["a.vf0", "c.vf0", "1Gbps"], ["b.vf2", "c.vf2"]]},
        "run.duration": "2ms",
    }  # fmt: skip
    config = load_config("sriov_10g_gen2x4", changes)
    (b,) = (server for server in simulate(config).servers if server.name == "b")
    (as_offered,) = (hop.utilization for hop in limits(config).hops if hop.wire == "b.wire.tx")
    assert b.utilization["wire.tx"] > 0.99 and as_offered < 0.91
    assert "Above that bridge.c has no room: what is more drops there (QUEUE_FULL)." in limits(config).notes


SHORT = {"run.warmup": "1ms", "run.duration": "1ms"}
INCAST = {
    "servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "nic.vfs": 1, "workload.pattern": "flows",
    "workload.flows": [["b.vf0", "a.vf0"], ["c.vf0", "a.vf0"]], **GEN3,
}  # fmt: skip


def test_a_bridge_that_stops_its_senders_is_not_said_to_drop():
    """Two servers at 10 Gb/s for one: with PAUSE no frame is lost, and what is too much waits at the servers."""
    pause = {"nic.flow_control": {"mode": "pause"}, "bridge": {"announce": True, "flow_control": {"mode": "pause"}}}
    config = load_config("sriov_10g_gen2x4", INCAST | pause | {"run.warmup": "0ns", "run.duration": "3ms"})
    assert simulate(config).totals.dropped_frames == 0
    found = limits(config)
    assert found.limited_by == "bridge.a"
    (said,) = (note for note in found.notes if "stops who sends too much" in note)
    assert said.startswith("The bridge stops ") and "waits at its senders" in said
    assert not any("what is more drops there" in note for note in found.notes)
    without = limits(config.with_overrides({"bridge.flow_control": None}))
    assert "Above that bridge.a has no room: what is more drops there (QUEUE_FULL)." in without.notes


def test_nothing_drops_at_the_wire_by_which_stations_outside_send():
    slow = {"announce": True, "ports": {"outside": {"rate": "1Gbps"}}}
    found = limits(load_config("sriov_10g_gen2x4", INCAST | {"bridge": slow, "workload.flows": [["uplink", "a.vf0"]]}))
    assert found.limited_by == "bridge.outside in"
    assert not any("what is more drops there" in note for note in found.notes)


@pytest.mark.parametrize(("of_bridge", "said"), [
    (None, "Nothing holds back who sends more than a.pcie.up has room for: the adapter drops it"),
    ({"mode": "pause", "obey": False}, "Nothing holds back who sends more than a.pcie.up has room for"),
    ({"mode": "pause", "send": False},
     "What a.pcie.up has no room for waits in the bridge, which stops nobody, and drops there (QUEUE_FULL)."),
])  # fmt: skip
def test_who_drops_what_a_receiver_stops_depends_on_its_bridge(of_bridge, said):
    slow = [{"name": "a", "set": {"pcie.generation": 1, "pcie.lanes": 1}}, {"name": "b"}]
    changes = {"servers": slow, "workload.flows": [["b.vf0", "a.vf0"]], "nic.flow_control": {"mode": "pause"}}
    found = notes(**INCAST | changes | {"bridge": {"announce": True, "flow_control": of_bridge}})
    told = [note for note in found if note.startswith(("Nothing holds", "What a.pcie.up", "The bridge stops"))]
    assert len(told) == 1 and told[0].startswith(said)


def test_of_ports_in_a_row_that_are_full_the_first_drops():
    """An uplink of the rate of all other wires fills the port behind it, at which nothing is lost."""
    ports = {"a": {}, "b": {"behind": "f"}, "c": {"behind": "f"}}
    bridge = {"kind": "controlling", "extenders": {"f": {}}, "ports": ports}
    config = load_config("sriov_10g_gen2x4", INCAST | {"switch.mode": "e_tag", "bridge": bridge, **SHORT})
    found = limits(config)
    assert found.limited_by == "bridge.f.uplink" == simulate(config).bottleneck.resource
    assert "Above that bridge.f.uplink has no room: what is more drops there (QUEUE_FULL)." in found.notes


def test_downwards_the_full_port_next_to_the_bridge_drops():
    """Two servers at 10 Gb/s for one, behind an extender that is listed before the one above it."""
    bridge = {
        "kind": "controlling",
        "extenders": {"low": {"behind": "top"}, "top": {}},
        "ports": {"a": {"behind": "low"}},
    }
    config = load_config("sriov_10g_gen2x4", INCAST | {"switch.mode": "e_tag", "bridge": bridge, **SHORT})
    assert limits(config).limited_by == "bridge.top" == simulate(config).bottleneck.resource


def test_of_several_lengths_a_full_buffer_lets_more_frames_through_than_the_closed_form():
    """Short frames find room where long ones do not: more frames a second than the bound, and fewer Gb/s."""
    sizes = {"workload.frame_bytes": None, "workload.sizes": [[64, 7], [570, 4], [1518, 1]]}
    short = {"bridge": {"announce": True, "buffer": "64KiB"}, **SHORT}
    config = load_config("sriov_10g_gen2x4", INCAST | sizes | short | {"workload.load": "6Gbps"})
    found, result = limits(config), simulate(config)
    assert result.totals.mpps > 1.05 * found.mpps and result.totals.gbps < found.gbps
    assert "A run may stay below that, or come above it." in limits_text(found)
    assert LONG_DROP in found.notes


def test_of_several_lengths_a_full_receiver_takes_more_of_the_long_ones_than_the_closed_form():
    """A long frame takes its sender's core longer, and the receiver's core has freed a descriptor before it."""
    sizes = {
        "pattern": "flows",
        "flows": [["a.vf0", "b.vf0"]],
        "frame_bytes": None,
        "sizes": [[64, 7], [570, 4], [1518, 1]],
    }
    changes = {
        "servers": [{"name": "a"}, {"name": "b", "set": {"driver.frame_time": "1us", "nic.rx_ring": 64}}],
        "bridge": {"announce": True}, "driver.preset": "dpdk", "driver.frame_time": "50ns", "driver.byte_time": "1ns",
        "nic.vfs": 2, "workload": sizes, "run": {"warmup": "2ms", "duration": "10ms"},
    }  # fmt: skip
    config = load_config("sriov_10g_gen2x4", changes)
    found, result = limits(config), simulate(config)
    assert found.limited_by == result.bottleneck.resource == "b.driver.rx"
    assert result.totals.gbps > 1.1 * found.gbps
    assert LONG_DROP in found.notes
    of_one = config.with_overrides({"workload.sizes": None, "workload.frame_bytes": 1518})
    assert "That is a bound" in limits_text(limits(of_one))
