"""A load that makes no traffic is refused with the configuration: what building it would refuse, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hwmodel.config import build, check_streams, config_from_mapping, servers_of
from hwmodel.config.streams import ArrivalError, PatternError
from hwmodel.errors import InputError
from hwmodel.simulation.run.offered import workload_of
from tests.config_cases import complaints

ON_OFF = {"arrivals": "on_off", "peak_rate": "1Gbps"}


def refused(*blocks: dict[str, Any]) -> str:
    """Return the one line of what is wrong with a configuration of two VFs."""
    system: dict[str, Any] = {"nic": {"vfs": 2, "strict": False}, "workload": {}}
    for each in blocks:
        system |= each
    with pytest.raises(InputError) as caught:
        config_from_mapping(system)
    (line,) = caught.value.lines
    return line


@pytest.mark.parametrize(("workload", "key", "words"), [
    ({"load": 1e-9}, "workload.load", "less than one frame in 100 s"),
    ({"load": "1Kbps", "weights": {"vf0": 1, "vf1": 0.0001}}, "workload.weights", "vf1 would send less than"),
    ({"load": 0.5, **ON_OFF}, "workload.peak_rate", "must exceed the mean of vf"),  # half of 10 Gb/s for two VMs
    # 1.2 Gb/s of one of two VMs that send 0.8 Gb/s each on average.
    ({"load": "0.8Gbps", "weights": {"vf0": 3, "vf1": 1}, **ON_OFF}, "workload.peak_rate", "mean of vf0"),
    ({"load": "1Kbps", "mean_burst": 20, **ON_OFF}, "workload.mean_burst", "pause more than 100 s"),
    ({"pattern": "flows", "flows": [["vf0", "vf1", "1Kbps"]], "segment_bytes": "64KiB", "mss": "1448B"},
     "workload.flows", "less than one frame"),
    ({"external": {"rate": "1Mbps", "arrivals": "on_off", "peak_rate": "1Gbps", "mean_burst": 1e5}},
     "workload.external.mean_burst", "uplink would pause"),
])  # fmt: skip
def test_rates_that_no_source_has(workload, key, words):
    line = refused({"workload": workload})
    assert line.startswith(f"configuration: {key}: ") and words in line and line.endswith(")")


def test_ends_need_addresses_and_somebody_to_send_to():
    without = {"switch": {"ports": [{"name": "vf1", "macs": []}]}}
    assert "switch.ports.vf1.macs: vf1 has no MAC address" in refused(without)
    external = {"workload": {"pattern": "to_wire", "external": {"rate": "1Gbps", "to": ["vf0"]}}}
    nobody = {"switch": {"ports": [{"name": "vf0", "macs": []}]}}
    assert "switch.ports.vf0.macs: vf0 has no MAC address" in refused(external, nobody)


def test_a_load_of_a_later_time_is_refused_at_its_event():
    later = {"scenario": [{"at": "1ms", "set": {"workload.load": 1e-9}}], "workload": {"load": 0.5}}
    assert "configuration: scenario.0.set.workload.load: vf0 would send less than one frame in 100 s" in refused(later)
    silent = {"switch": {"ports": [{"name": "vf1", "macs": []}]}, "workload": {"load": 0, "pattern": "to_wire"}}
    config_from_mapping({"nic": {"vfs": 2, "strict": False}, **silent})
    louder = {"scenario": [{"at": "1ms", "set": {"workload.load": 0.5}}]}
    assert "switch.ports.vf1.macs: vf1 has no MAC address" in refused(silent, louder)


def test_a_file_is_told_the_line():
    (line,) = complaints("workload:\n  frame_bytes: 64\n  load: 1.0e-9\n")
    assert line.startswith("c.yaml:3:9: workload.load: vf")


# What is offered, counted by hand: sources, headers, rows to draw from, connections beside a flow cache.
OFFERED = {
    "pairs of 4, 3 connections each": (
        {"nic": {"vfs": 4}, "workload": {"pattern": "pairs", "connections": 3}}, (4, 12, 16, 0),
    ),
    "uniform of 5, some by the wire": (
        {"nic": {"vfs": 5}, "workload": {"pattern": "uniform", "wire_share": 0.5, "sizes": [[64, 1], [128, 1]]}},
        (5, 5 * 5, 5 * 5 + 5 * 2, 0),
    ),
    "broadcast and from outside": (
        {"nic": {"vfs": 3}, "workload": {"pattern": "broadcast", "external": {"rate": "1Gbps", "to": ["vf0", "vf2"]}}},
        (4, 3 + 2, 3 + 2 + 4, 0),
    ),
    "the same flow twice": (
        {"nic": {"vfs": 3}, "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf0", "vf1"]]}},
        (2, 1, 2 + 2, 0),
    ),
    "beside a flow cache": (
        {"nic": {"vfs": 3, "mode": "vswitch"}, "workload": {"pattern": "ring", "connections": 100_000},
         "host": {"virtual_switch": {"cores": [0], "flow_cache": {}}}},
        (3, 3 * 16384, 3 * 16384 + 3, 300_000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OFFERED)
def test_what_is_offered_is_counted_as_it_is_built(case, monkeypatch):
    system, counted = OFFERED[case]
    config = config_from_mapping(system)
    workload = workload_of(config)
    rows = sum(len(table.value) for one in workload.sources for table in (one.target_table, one.size_table))
    assert (len(workload.sources), len(workload.templates), rows) == counted[:3]
    for room, n in zip(check_streams.OF_LOAD, counted, strict=True):
        for most in (n, n - 1):
            monkeypatch.setattr(check_streams, "OF_LOAD", [replace(room, most=most)])
            found = list(check_streams.wrong_streams(config, servers_of(config), may_change=config.may_set_load))
            assert [one.message.partition(";")[0] for one in found] == [f"{n:,} {room.what}"] * (most < n)


RATES = st.sampled_from(["1Kbps", "30Kbps", "1Mbps", "400Mbps", "1Gbps", "3Gbps"])


@st.composite
def loads(draw: Any) -> dict[str, Any]:
    """Draw a load: many are fine, some make no traffic."""
    vfs = draw(st.integers(1, 5))
    names = [f"vf{at}" for at in range(vfs)]
    pattern = draw(st.sampled_from(["pairs", "ring", "uniform", "incast", "to_wire", "broadcast", "flows", "none"]))
    workload: dict[str, Any] = {"pattern": pattern, "frame_bytes": draw(st.sampled_from([64, 1518]))}
    if pattern == "flows":
        ends = st.sampled_from([*names, "uplink", "broadcast"])
        flow = st.tuples(st.sampled_from([*names, "uplink"]), ends, RATES).map(list)
        workload["flows"] = draw(st.lists(flow, min_size=1, max_size=3))
    elif pattern != "none":
        workload["load"] = draw(st.one_of(RATES, st.sampled_from([0, 1e-9, 1e-7, 0.1, 0.9, "saturate"])))
        if workload["load"] != "saturate" and draw(st.booleans()):
            workload["weights"] = {name: draw(st.sampled_from([0, 0.0001, 1, 3])) for name in names}
    if draw(st.booleans()):
        workload |= {"arrivals": "on_off", "peak_rate": draw(RATES), "mean_burst": draw(st.sampled_from([2, 32, 5000]))}
    if pattern == "none" or draw(st.integers(0, 3)) == 0:
        workload["external"] = {"rate": draw(RATES), "to": draw(st.sampled_from(["all", ["vf0"]]))}
    ports = [{"name": name, **({"macs": []} if draw(st.integers(0, 12)) == 0 else {})} for name in names]
    n_ports = draw(st.sampled_from([1, 1, 2]))
    if n_ports == 2:
        ports = [{**port, "port": draw(st.sampled_from(["p0", "p1"]))} for port in ports]
    switch = {"ports": ports, "mode": draw(st.sampled_from(["veb", "veb", "vn_tag"]))}
    return {"nic": {"vfs": vfs, "strict": False}, "port": {"count": n_ports}, "switch": switch, "workload": workload}


@given(loads())
@settings(max_examples=300, deadline=None)
def test_what_is_refused_is_what_cannot_be_built(system):
    """Without the check, building the load refuses the same; with it, building refuses nothing."""
    with mock.patch.object(build, "check_streams", lambda *_: None):
        try:
            unchecked = config_from_mapping(system)
        except InputError:
            event("contradictory")
            return
    try:
        workload_of(unchecked)
        can_be_built = True
    except (InputError, ArrivalError, PatternError):
        can_be_built = False
    event(f"can be built: {can_be_built}")
    if can_be_built:
        config_from_mapping(system)
    else:
        with pytest.raises(InputError):
            config_from_mapping(system)
