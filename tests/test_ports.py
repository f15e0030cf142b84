"""An adapter with several Ethernet ports: configurations, closed form and runs, by hand where a figure can be."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from docs_site import command_line
from hwmodel import Config, Result, limits, load_config, simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.check_ports import check_ports
from hwmodel.config.vms import Domain, domains_of, own_uplinks
from hwmodel.errors import InputError
from hwmodel.relaxations import relaxations_of
from hwmodel.results import check_balance
from hwmodel.rules.function_names import pf_name
from hwmodel.simulation.run.taps import tap_names
from hwmodel.workload import build_workload
from tests.config_cases import complaints

DPDK = {"driver": {"preset": "dpdk"}, "nic": {"vfs": 4, "queue_time": "0ns"}}
RUN = {"run": {"warmup": "1ms", "duration": "3ms"}}


def configured(count: int = 2, keys: dict[str, Any] | None = None, **blocks: Any) -> Config:
    return load_config({**DPDK, **RUN, **blocks, "port": {"count": count, **blocks.get("port", {})}}, keys or {})


@cache
def result_of(pattern: str, lanes: int, frame_bytes: int, count: int = 2, down: tuple[str, ...] = ()) -> Result:
    keys = {"pcie.lanes": lanes, "workload.frame_bytes": frame_bytes, "workload.pattern": pattern,
            "nic.vfs": 8 if pattern == "pairs" else 4, "run.warmup": "5ms", "run.duration": "15ms"}  # fmt: skip
    return simulate(configured(count, keys, port={"down": list(down)}))


# ---- Which is where ----


@pytest.mark.parametrize("count", [1, 2, 4])
def test_all_vfs_of_an_xl710_beside_a_pf_for_each_port(count: int):
    flows = [["vf127", "vf126" if count == 1 else f"vf{127 - count}", "100Mbps"]]
    flows += [[pf_name(at), "uplink" if count == 1 else f"p{at}.uplink", "100Mbps"] for at in range(count)]
    nic = {"preset": "XL710", "vfs": 128, "vectors_per_function": 1, "queues_per_vf": 1}
    config = configured(count, {"workload.pattern": "flows"}, nic=nic, workload={"flows": flows})
    result = simulate(config)
    assert len(config.switch.ports) == 128 + count
    assert [(flow.from_, flow.delivered > 0) for flow in result.flows] == [(flow[0], True) for flow in flows]
    assert not check_balance(result)


def test_functions_go_to_ports_in_turn_or_as_written():
    to_wire = {"workload.pattern": "to_wire"}
    config = configured(keys={"switch.ports.vf2.port": "p1", **to_wire})
    assert {port.name: port.port for port in config.switch.ports} == {
        "pf": "p0", "vf0": "p0", "vf1": "p1", "vf2": "p1", "vf3": "p1", "pf1": "p1",
    }  # fmt: skip
    assert domains_of(config) == (Domain("p0", ("vf0",)), Domain("p1", ("vf1", "vf2", "vf3")))
    assert [domain.uplink for domain in domains_of(config)] == ["p0.uplink", "p1.uplink"]
    assert load_config(config.resolved()) == config


def test_an_adapter_with_one_port_says_nothing_of_ports():
    config = load_config({"port": {"count": 1}})
    assert config.config_hash() == load_config({}).config_hash()
    assert config.resolved()["port"] == {"rate": "10Gbps"}
    assert all("port" not in port for port in config.resolved()["switch"]["ports"])
    assert domains_of(config)[0].uplink == "uplink"


def test_uplink_is_that_of_the_other_end():
    config = configured()
    assert own_uplinks(config, "vf1", "uplink") == ("vf1", "p1.uplink")
    assert own_uplinks(config, "uplink", "vf2") == ("p0.uplink", "vf2")
    assert own_uplinks(config, "uplink", "broadcast") == ("p0.uplink", "broadcast")


PATTERNS = {
    "pairs": [("vf0", {"vf2"}), ("vf2", {"vf0"}), ("vf1", {"vf3"}), ("vf3", {"vf1"})],
    "ring": [("vf0", {"vf2"}), ("vf2", {"vf0"}), ("vf1", {"vf3"}), ("vf3", {"vf1"})],
    "incast": [("vf2", {"vf0"}), ("vf3", {"vf1"})],
    "to_wire": [("vf0", {"p0.uplink"}), ("vf2", {"p0.uplink"}), ("vf1", {"p1.uplink"}), ("vf3", {"p1.uplink"})],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_stays_at_each_port(pattern):
    workload = build_workload(configured(keys={"workload.pattern": pattern}))
    streams = [
        (source.port, {workload.templates[at].target for at in source.target_table.value})
        for source in workload.sources
    ]
    assert streams == PATTERNS[pattern]


def test_frames_from_outside_come_by_the_ports_of_their_targets():
    external = {"rate": "1Gbps", "to": ["vf1", "vf3", "vf0"]}
    workload = build_workload(configured(workload={"pattern": "none", "external": external}))
    targets = {
        source.port: [workload.templates[at].target for at in source.target_table.value] for source in workload.sources
    }
    assert targets == {"p0.uplink": ["vf0"], "p1.uplink": ["vf1", "vf3"]}
    assert [source.frames_per_s for source in workload.sources] == [pytest.approx(1e9 / 8 / 1518)] * 2


# ---- Bad input ----

BAD = {
    "{port: {count: 2}, switch: {ports: [{name: pf1, port: p0}]}}":
        ["switch.ports.pf1.port: each port has a PF of its own, and pf1 is that of p1"],
    "{switch: {ports: [{name: pf1, weight: 2}]}}":
        ["switch.ports.pf1.name: there is no pf1; each Ethernet port has a PF, and port.count is 1"],
    "port: {count: 3}": ["port.count: 3 is not one of 1, 2, 4"],
    "port: {count: 2, down: [p2]}": ["port.down.0: there is no port p2; port.count is 2, p0 to p1"],
    "port: {count: 2, down: [1]}":
        ["port.down.0: 1 is not the name of a port of the adapter; p0 to p3 (did you mean p1?)"],
    "port: {count: 2, down: [p1, p1]}": ["port.down.1: p1 stands there already"],
    "{nic: {preset: '82576'}, port: {count: 4, rate: 1Gbps}, workload: {pattern: to_wire}}":
        ["port.count: 4 ports; the 82576 has at most 2 "
         "(Intel 82576 data sheet: two 1 GbE ports); nic.strict: false or nic.preset: null permits it"],
    "{port: {count: 4}, workload: {pattern: to_wire}}":
        ["port.count: 4 ports; the 82599 has at most 2 "
         "(Intel 82599 data sheet: dual port (82599EN: one)); nic.strict: false or nic.preset: null permits it"],
    "{nic: {preset: XL710, vfs: 68}, port: {count: 2}, workload: {pattern: to_wire}, switch: {ports: [{name: all, port: p0}]}}":  # noqa: E501
        ["nic.vfs: 68 VFs at a port; the XL710 has at most 64 (DPDK documentation of i40e: 128, 64, 32 VFs a port by ports); nic.strict: false or nic.preset: null permits it"],  # noqa: E501
    "{port: {count: 2}, workload: {pattern: to_wire}, switch: {ports: [{name: vf3, port: p2}]}}":
        ["switch.ports.vf3.port: vf3 is at p2, which the adapter does not have; port.count is 2, p0 to p1"],
    "{switch: {ports: [{name: vf3, port: p1}]}}":
        ["switch.ports.vf3.port: vf3 is at p1, which the adapter does not have; port.count is 1, p0 alone"],
    "{servers: [{name: a}, {name: b}], bridge: {}, switch: {ports: [{name: vf3, port: p1}]}}":
        ["switch.ports.vf3.port: vf3 is at p1, which the adapter does not have; port.count is 1, p0 alone"],
    "{port: {count: 2}, switch: {mirrors: [{to: vf1, from: vf0}]}}":
        ["switch.mirrors.0.to: a switch mirrors what passes it, and each port has its own: vf1 is at p1, vf0 is at p0"],
    "{port: {count: 2}, workload: {pattern: flows, flows: [[vf0, vf1]]}}":
        ["workload.flows.0: vf0 is at p0 and vf1 at p1: nothing outside joins the two ports' wires (bridge: {} does; "
         "flows from vf0 to p0.uplink and from p1.uplink to vf1 stand for it)"],
    "{port: {count: 2}, workload: {pattern: flows, flows: [[p1.uplink, vf0]]}}":
        ["workload.flows.0: p1.uplink and vf0 are at different ports, p1 and p0, whose wires nothing joins"],
    "{port: {count: 2}, workload: {pattern: flows, flows: [[p3.uplink, vf0]]}}":
        ["workload.flows.0.0: there are no stations p3.uplink; port.count is 2, p0 to p1"],
    "{workload: {pattern: flows, flows: [[p0.uplink, vf0]]}}":
        ["workload.flows.0.0: there are no stations p0.uplink; port.count is 1, p0 alone (did you mean uplink?)"],
    "{port: {count: 2}, workload: {pattern: flows, flows: [[uplink, p1.uplink]]}}":
        ["workload.flows.0: a flow from the wire to the wire does not meet the adapter"],
    "{port: {count: 4}, nic: {preset: null, vfs: 6}}":
        ["nic.vfs: pattern: pairs needs an even number of VFs in use at each port, whose VFs send to each other; there "
         "are 2 at p0, 2 at p1, 1 at p2, 1 at p3"],
    "{port: {count: 4}, nic: {preset: null, vfs: 4}, workload: {pattern: ring}}":
        ["workload.pattern: pattern: ring needs 2 VFs or more in use at a port, whose VFs send to each other; there "
         "are 1 at p0, 1 at p1, 1 at p2, 1 at p3"],
    "{port: {count: 2}, workload: {external: {rate: 11Gbps}}}":
        ["workload.external.rate: 11Gbps of these frames is more than a port of 10Gbps carries: about 9869Mbps of "
         "them, beside preamble and gap (20 B each)"],
    "{port: {count: 2}, scenario: [{at: 1ms, set: {switch.ports.vf0.port: p1}}]}":
        ["scenario.0.set.switch.ports.vf0.port: fixed while the machine runs (1ms): a function belongs to its Ethernet "
         "port"],
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_a_line(text):
    assert check_ports  # of whose lines most of these are
    found = [line.split(": ", 1)[1] for line in complaints(text)]
    assert found == BAD[text]


def test_an_address_may_be_at_both_ports_and_not_twice_at_one():
    same = [{"name": name, "macs": ["02:00:00:00:01:09"]} for name in ("vf0", "vf1", "vf2")]
    configured(switch={"ports": same[:2]})
    with pytest.raises(InputError, match="vf0 and vf2 both have 02:00:00:00:01:09 in VLAN 1"):
        configured(switch={"ports": same[::2]})


# ---- Runs beside the closed form ----


@pytest.mark.parametrize("frame_bytes", [64, 1518])
@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("pattern", ["to_wire", "pairs"])
def test_two_full_ports_are_as_the_closed_form_says(pattern, lanes, frame_bytes):
    """Each direction's bytes of a frame, the rate, and each port's share of it: within 0.2 %."""
    result = result_of(pattern, lanes, frame_bytes)
    bound = limits(load_config(result.config))
    for direction, n_bytes in (("up", bound.up_bytes), ("down", bound.down_bytes)):
        per_frame = getattr(result.pcie, direction).per_frame
        assert per_frame is not None
        assert sum(per_frame.values()) == pytest.approx(n_bytes, rel=2e-3)
    frames_per_s = float(bound.frames_per_s)
    assert result.window_frames / result.window.duration_ns * 1e9 == pytest.approx(frames_per_s, rel=2e-3)
    limited = {"up": "pcie.up", "down": "pcie.down"}.get(bound.limited_by, bound.limited_by)
    assert limited in (result.bottleneck.resource, *result.bottleneck.also)
    assert result.utilization[limited] > 0.99
    if pattern == "to_wire":
        gbps = frames_per_s / 2 * 8 * frame_bytes / 1e9
        assert [port.tx_gbps for port in result.ports] == [pytest.approx(gbps, rel=2e-3)] * 2
        assert result.wire.tx_gbps == pytest.approx(2 * gbps, rel=2e-3)


def test_the_wires_of_two_ports_by_hand():
    """At x8 both wires are full: 10 Gb/s each, 20 B and a frame of 1518 B."""
    bound = limits(configured(keys={"pcie.lanes": 8, "workload.pattern": "to_wire"}))
    assert bound.frames_per_s == 2 * Fraction(10**10, 8 * (1518 + 20))
    assert {one.resource: one.per_frame for one in bound.ceilings if "wire" in one.resource} == {
        "p0.wire.tx": Fraction(1538, 2), "p1.wire.tx": Fraction(1538, 2),
    }  # fmt: skip
    result = result_of("to_wire", 8, 1518)
    assert {port.name: port.vms for port in result.ports} == {"p0": ("pf", "vf0", "vf2"), "p1": ("vf1", "vf3", "pf1")}
    assert result.bottleneck.resource == "p0.wire.tx" and "p1.wire.tx" in result.bottleneck.also
    assert result.bottleneck.why.startswith("Port p0: The Ethernet port outward is busy 100.0 %")
    assert "Wires: p0 out 9.8" in result.summary() and "; p1 out 9.8" in result.summary()


def test_a_dead_port_leaves_the_other_all_there_is():
    """At x4 two share the link, 7.2 Gb/s each; alone one fills its wire, 10 Gb/s less 20 B a frame."""
    both, one = result_of("to_wire", 4, 1518), result_of("to_wire", 4, 1518, down=("p1",))
    assert [port.tx_gbps for port in both.ports] == [pytest.approx(7.255, rel=2e-3)] * 2
    assert one.ports[0].tx_gbps == pytest.approx(10 * 1518 / 1538, rel=1e-3)
    assert (one.ports[1].tx_gbps, one.ports[1].utilization) == (0, 0)
    assert one.totals.offered_frames == sum(flow.offered for flow in one.flows if flow.to == "p0.uplink")
    bound = limits(load_config(one.config))
    assert bound.limited_by == "p0.wire.tx" and float(bound.frames_per_s) == pytest.approx(1e10 / 8 / 1538)


def test_a_full_wire_holds_others_back_in_the_shared_buffer():
    """Of eight senders in turn seven are at p0: of each 8 frames its wire has 7, which set the pace."""
    config = configured(keys={"nic.vfs": 8, "workload.pattern": "to_wire", "pcie.lanes": 8},
                        switch={"ports": [{"name": f"vf{at}", "port": "p0"} for at in (1, 3, 5)]})  # fmt: skip
    result, full = simulate(config), 10 * 1518 / 1538
    assert [port.tx_gbps for port in result.ports] == [pytest.approx(full, rel=2e-3), pytest.approx(full / 7, rel=1e-2)]
    assert float(limits(config).frames_per_s) == pytest.approx(8 / 7 * 1e10 / 8 / 1538)


def test_offered_frames_for_a_dead_wire_drop_and_others_do_not():
    config = configured(
        port={"down": ["p1"]},
        workload={"pattern": "pairs", "wire_share": 0.5, "load": "1Gbps", "external": {"rate": "1Gbps"}},
    )
    result = simulate(config)
    by_flow = {(flow.from_, flow.to): flow for flow in result.flows}
    lost = [key for key, flow in by_flow.items() if flow.offered and not flow.delivered]
    assert sorted(lost) == [("p1.uplink", "vf1"), ("p1.uplink", "vf3"), ("vf1", "p1.uplink"), ("vf3", "p1.uplink")]
    assert by_flow["vf1", "vf3"].delivered > 20
    assert result.drops == {"LINK_DOWN": sum(by_flow[key].offered for key in lost)}
    of_vms = {vm.name: vm.drops.get("LINK_DOWN", 0) for vm in result.vms}
    assert of_vms == {"vf0": 0, "vf2": 0, **{name: by_flow[name, "p1.uplink"].offered for name in ("vf1", "vf3")}}
    assert any("LINK_DOWN" in warning and "p1" in warning for warning in result.warnings)
    assert "p1 (down at first) out 0.000 Gb/s" in result.summary()


@pytest.mark.parametrize(
    ("workload", "told"),
    [
        ({"pattern": "to_wire"}, "vf1 and vf3, which send all they can, keep their first frame for it"),
        ({"pattern": "flows", "flows": [["vf0", "uplink"], ["vf1", "vf3"], ["vf1", "uplink"]]},
         "vf1, which sends all it can, keeps its first frame for it"),
        ({"pattern": "pairs", "wire_share": 0.5}, "vf1 and vf3, which"),
        ({"pattern": "pairs"}, None),
        ({"pattern": "flows", "flows": [["vf0", "uplink"], ["vf1", "uplink", "1Gbps"]]}, None),  # drops, LINK_DOWN
        ({"pattern": "to_wire", "load": "1Gbps"}, None),
    ],
)  # fmt: skip
def test_who_keeps_a_frame_for_a_dead_wire_is_told(workload, told):
    """Nothing of it drops, and nothing is full: the run alone would not say why they send nothing."""
    config = configured(port={"down": ["p1"]}, workload=workload)
    result, notes = simulate(config), limits(config).notes
    found = [text for text in result.warnings if "keep" in text]
    assert len(found) == (told is not None)
    assert told is None or found[0].startswith(f"The wire of p1 is dead (port.down): {told}")
    # The closed form says the same, and that the adapter drops frames where it does.
    assert [note for note in notes if "keep" in note] == found
    assert any("(LINK_DOWN)" in note for note in notes) == ("LINK_DOWN" in result.drops)


@pytest.mark.parametrize("workload", [{"pattern": "pairs", "wire_share": 0.5}, {"pattern": "to_wire"}])
def test_who_keeps_a_frame_for_the_only_wire_is_told(workload):
    """The closed form has nothing to compute then, and a run, in which a command may let the wire live, goes on."""
    config = configured(1, port={"down": ["p0"]}, workload=workload)
    result = simulate(config)
    assert any(text.startswith("The wire of p0 is dead (port.down): vf0, vf1, vf2 and ") for text in result.warnings)
    with pytest.raises(InputError, match="all who would send wait for dead wires"):
        limits(config)


def test_who_waits_for_a_dead_wire_sends_nothing_else():
    """Half of each VM's frames are for VMs, and wait behind the first for the wire: those at p1 send nothing.

    vf0 and vf2 fill their wire, 10 Gb/s, with one of two frames each sends.
    """
    workload = {"pattern": "pairs", "wire_share": 0.5}
    config = configured(keys={"nic.strict": False, "pcie.lanes": 16}, port={"down": ["p1"]}, workload=workload)
    bound, result = limits(config), simulate(config)
    assert (bound.limited_by, float(bound.frames_per_s)) == ("p0.wire.tx", pytest.approx(2 * 1e10 / 8 / 1538))
    assert result.totals.gbps == pytest.approx(bound.gbps, rel=0.02)
    assert all(flow.delivered < 64 for flow in result.flows if flow.from_ in ("vf1", "vf3"))


def test_who_waits_behind_a_bridge_or_with_a_capture_is_told(tmp_path):
    """A bridge sends what is for other servers on, by the wire; of a capture a VM's frames wait in their order."""
    b_is_down = [{"name": "a"}, {"name": "b", "set": {"port.down": ["p0"]}}]
    system = load_config({**DPDK, **RUN, "servers": b_is_down, "bridge": {}, "workload": {"pattern": "uniform"}})
    told = "The wire of b.p0 is dead (port.down): b.vf0, b.vf1, b.vf2 and 1 more, which send all they can, keep "
    macs = {port.name: port.macs[0].to_bytes(6, "big") for port in configured().switch.ports}
    macs["nobody"] = bytes.fromhex("02dd00000099")
    frames = [("vf0", "vf2"), ("vf1", "vf3"), ("vf1", "nobody"), ("vf1", "vf3")]
    path = str(tmp_path / "some.pcap")
    wrpcap(path, [Ether(macs[to] + macs[source] + b"\x88\xb5" + bytes(1000)) for source, to in frames])
    config = configured(port={"down": ["p1"]}, workload={"pcap": path, "pcap_time": "asap"})
    told_too = "The wire of p1 is dead (port.down): vf1, which sends all it can, keeps its first frame for it "
    for one, text in ((system, told), (config, told_too)):
        result = simulate(one)
        for said in (limits(one).notes, result.warnings):
            assert sum(each.startswith(text) for each in said) == 1
    assert (result.totals.offered_frames, dict(result.drops)) == (2, {})


def test_wires_die_and_live_again_in_a_scenario():
    config = configured(
        keys={"pcie.lanes": 4, "workload.pattern": "to_wire", "nic.tx_ring": 64},  # what is posted is read all the same
        run={"warmup": "1ms", "duration": "6ms"},
        scenario=[{"at": "3ms", "set": {"port.down": ["p1"]}}, {"at": "5ms", "set": {"port.down": []}}],
    )
    result = simulate(config)
    assert result.series is not None
    by_ms = {
        name: [sum(each.tx_gbps[at : at + n]) / n for at in range(0, len(each.tx_gbps), n)]
        for n in [round(1e6 / result.series.interval_ns)]
        for name, each in result.series.vms.items()
    }
    assert by_ms["vf1"][2] == pytest.approx(by_ms["vf0"][2], rel=0.02) and by_ms["vf1"][4] == 0
    assert by_ms["vf0"][4] > 4.9 and by_ms["vf1"][6] > 3.5 and by_ms["vf0"][6] < 3.8
    assert result.drops["LINK_DOWN"] > 0 and result.totals.in_flight_frames > 0


def test_switches_know_nothing_of_each_others_stations():
    """A broadcast comes to those at the sender's port, and to its wire."""
    result = simulate(configured(workload={"pattern": "broadcast", "load": "500Mbps"}))
    ends = {(flow.from_, flow.to) for flow in result.flows if flow.delivered}
    assert {to for source, to in ends if source == "vf0"} == {"pf", "vf2", "p0.uplink"}
    assert {to for source, to in ends if source == "vf1"} == {"pf1", "vf3", "p1.uplink"}


def test_a_result_with_ports_is_read_back():
    result = result_of("to_wire", 8, 1518)
    again = Result.from_json(result.to_json())
    assert again.to_json() == result.to_json() and again.ports[1].name == "p1"
    plain = json.loads(result.to_json())
    assert plain["ports"][1]["tx_gbps"] == pytest.approx(9.87, rel=1e-3)
    assert "ports" not in simulate(load_config({**DPDK, **RUN})).to_mapping()


def test_each_wire_has_a_tap():
    assert tap_names(configured()) == ("p0.uplink", "p1.uplink") and tap_names(load_config({})) == ("uplink",)
    bridged = tap_names(configured(bridge={}))
    assert bridged == ("p0", "p1", "outside")
    hop = next(line for line in command_line.tables().splitlines() if line.startswith("| `--pcap-hop "))
    assert all(f"{name}=" in hop for name in (*tap_names(configured()), *bridged))


def test_a_wire_that_is_full_is_made_larger_by_the_rate_of_all():
    found = [each for each in relaxations_of(configured()) if "p1.wire.tx" in each.resources]
    assert [(each.keys, each.resources) for each in found] == [
        (("port.rate",), ("p0.wire.tx", "p0.wire.rx", "p1.wire.tx", "p1.wire.rx"))
    ]


def test_a_default_pool_is_that_of_its_own_port():
    switch = config_from_mapping(
        {"port": {"count": 2}, "nic": {"vfs": 4}, "switch": {"pool_filters": {"default_pool": "vf1"}}}
    ).switch
    assert [switch.at_port(name).pool_filters.default_pool for name in ("p0", "p1")] == [None, "vf1"]
