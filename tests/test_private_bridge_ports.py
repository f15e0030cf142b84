"""Private VLANs at a bridge, in whole runs: Open vSwitch's protected ports, refusals, what a run and limits say."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from hwmodel.analytic.closed_form import limits
from hwmodel.config.private_vlan import PvlanClass
from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from tests.analytic_cases import demo
from tests.extender_cases import deliveries_of, run_of
from tests.system_beside_simpy import BROADCAST, MACS, MULTICAST, OUTSIDE, UNKNOWN, Stations, config_with

VECTORS = Path(__file__).parent / "vectors" / "ovs_protected_ports.csv"
# A server with one VF stands for each port but the uplink, whose part the port to the stations outside has.
PORT_OF = {"uplink": "outside", "pf": "a", "vf0": "b", "vf1": "c", "vf2": "d"}
GAP_FS = 20_000_000_000
TWO = {"servers": [{"name": "a"}, {"name": "b"}]}


def rows_by_protected():
    found = defaultdict(list)
    for row in csv.DictReader(VECTORS.read_text().splitlines()):
        if row["from"] != row["to"]:  # an adapter keeps what a station sends to itself
            found[row["protected"]].append(row)
    return found


ROWS = rows_by_protected()


def station_of(name):
    return OUTSIDE if name == "uplink" else f"{PORT_OF[name]}.vf0"


@pytest.mark.parametrize("protected", ROWS)
def test_deliveries_are_those_of_open_vswitchs_protected_ports(protected):
    """Each station sends to a group first, so that all addresses are known, as they are in that switch."""
    isolated = {PORT_OF[name] for name in protected.split(";") if name != "none"}
    config = config_with({
        "servers": [{"name": name} for name in "abcd"], "nic.vfs": 1, "nic.strict": False,
        "bridge.ports": {port: {"pvlan": "isolated"} for port in isolated},
        "switch.ports": [{"name": "pf", "accept": []}, {"name": "vf0", "promiscuous": True}],
    })  # fmt: skip
    stations = Stations(config)
    ends = {"broadcast": BROADCAST, "unknown": UNKNOWN}
    sent = [(station_of(name), MULTICAST) for name in PORT_OF]
    sent += [(station_of(row["from"]), ends.get(row["to"]) or station_of(row["to"])) for row in ROWS[protected]]
    run = run_of(config, [stations.frame((at + 1) * GAP_FS, *each, 64) for at, each in enumerate(sent)])
    got = defaultdict(set)
    for sender, receiver, header in deliveries_of(run):
        got[sender, int.from_bytes(header[:6], "big")].add(receiver)
    for row in ROWS[protected]:
        target = MACS.get(ends.get(row["to"])) or stations.macs[station_of(row["to"])]
        expected = {station_of(name) for name in row["received_by"].split(";") if name != "none"}
        assert got[station_of(row["from"]), target] == expected, row


def test_virtual_interfaces_have_classes_of_their_own():
    with pytest.raises(InputError, match=r"bridge\.ports\.adapter\.pvlan: at this port each station has a logical"):
        demo({"switch.mode": "vn_tag", "bridge": {"kind": "controlling", "ports": {"adapter": {"pvlan": "isolated"}}},
              "nic.strict": False})  # fmt: skip


@pytest.mark.parametrize(("value", "what"), [
    ("isolatd", "'isolatd' is neither promiscuous nor isolated nor like {community: 1} (did you mean isolated?)"),
    ({"community": 0}, "0 is out of range; 1 to 4094"),
    ({"community": "x"}, "'x' is not the number of a community"),
    ({"group": 1}, "a mapping is neither promiscuous nor isolated nor like {community: 1}"),
    (1, "1 is neither promiscuous nor isolated nor like {community: 1}"),
])  # fmt: skip
@pytest.mark.parametrize("key", ["switch.ports.vf0.pvlan", "switch.uplink.pvlan", "bridge.ports.adapter.pvlan"])
def test_what_is_no_class_is_refused(key, value, what):
    with pytest.raises(InputError) as refused:
        demo({"bridge": {}, key: value})
    assert f"{key}: {what}" in str(refused.value)


@pytest.mark.parametrize(("written", "number"), [("promiscuous", 0), ("isolated", -1), ({"community": 9}, 9)])
def test_a_class_is_written_as_it_is_read(written, number):
    kind = TypeAdapter(PvlanClass)
    assert kind.validate_python(written) == number
    assert kind.dump_python(number) == written


SHORT = {"run.warmup": "0us", "run.duration": "300us"}


@pytest.mark.parametrize(("changes", "key"), [
    ({"switch.mode": "vepa", "bridge": {}}, "switch.ports.vf0.pvlan"),
    ({"switch.mode": "vn_tag"}, "switch.ports.vf0.pvlan"),
    ({"switch.mode": "multichannel", "switch.s_channels": {20: "vepa"}, "switch.ports.vf0.s_channel": 20}, "vf0.pvlan"),
    ({"switch.mode": "vn_tag", "bridge": {"kind": "controlling"}, "nic.strict": False}, ""),
    ({}, ""),
])  # fmt: skip
def test_a_run_warns_of_a_class_that_keeps_its_station_from_nobody(changes, key):
    config = demo({"switch.ports.vf0.pvlan": "isolated", **changes, **SHORT})
    said = [text for text in simulate(config).warnings if "keeps the station from nobody" in text]
    assert len(said) == bool(key)
    assert all(key in text for text in said)


@pytest.mark.parametrize(("changes", "where"), [
    ({"switch.ports.all.pvlan": "isolated"}, "The adapter drops all frames from vf0 to vf1"),
    ({**TWO, "bridge": {"announce": True, "ports": {"a": {"pvlan": "isolated"}, "b": {"pvlan": "isolated"}}},
      "workload.pattern": "flows", "workload.flows": [["a.vf0", "b.vf1"]]}, "The bridge drops all frames from a.vf0"),
    ({"switch.mode": "vepa", "bridge": {"announce": True, "ports": {"adapter": {"pvlan": "isolated"}}}},
     "The bridge drops all frames from vf0 to vf1"),
    ({**TWO, "bridge": {"announce": True}, "servers": [{"name": "a"}, {"name": "b", "set": {
        "switch.uplink.pvlan": "isolated", "switch.ports.vf1.pvlan": "isolated"}}],
      "workload.pattern": "flows", "workload.flows": [["a.vf0", "b.vf1"]]}, "drops all frames from a.vf0 to b.vf1"),
])  # fmt: skip
def test_the_closed_form_knows_who_is_kept_apart_as_a_run_does(changes, where):
    config = demo({**changes, "run.warmup": "1ms", "run.duration": "2ms", "run.clocks": "exact"})
    found = limits(config)
    assert any(where in note and "(PVLAN)" in note for note in found.notes), found.notes
    assert [*simulate(config).drops] == ["PVLAN"]


def test_classes_change_in_operation_and_back_and_all_frames_are_accounted_for():
    isolated, back = {"switch.ports.vf0.pvlan": "isolated", "switch.ports.vf1.pvlan": "isolated"}, {
        "switch.ports.vf1.pvlan": {"community": 7}, "switch.ports.vf0.pvlan": {"community": 7},
    }  # fmt: skip
    config = demo({
        "workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "1Gbps"]], "run.warmup": "0us",
        "workload.arrivals": "periodic", "run.duration": "3ms",
        "scenario": [{"at": "1ms", "set": isolated}, {"at": "2ms", "set": back}],
    })  # fmt: skip
    result = simulate(config)
    totals = result.totals
    assert totals.offered_frames == totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames
    a_third = 1e9 * 1e-3 / (8 * 1518)  # frames of a millisecond: those sent while both were isolated
    assert [*result.drops] == ["PVLAN"]
    assert result.drops["PVLAN"] == pytest.approx(a_third, abs=3)
