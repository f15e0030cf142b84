"""The engine beside the SimPy model of servers on a bridge: the same frames, and every figure the same.

Frames come at times in femtoseconds, so that hardly ever two things happen in one instant. Those that do so by
construction, at ports of one rate, go in the order that docs/bridge.md gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel.simulation.fill import system_state
from hwmodel.workload import build_workload
from tests.planted_bridges import Fault, leave_out_a_way, plant, reverse_floods
from tests.system_beside_simpy import OUTSIDE, US_FS, Both, Frame, compared, config_with, run_both
from tests.system_cases import CASES, TWO, frames_of


def check(both: Both) -> None:
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 75


@pytest.mark.parametrize("name", CASES)
def test_the_same_course(name: str) -> None:
    case = CASES[name]
    both = run_both(*frames_of(case, case.changes))
    check(both)
    assert case.matters(both), "the case does not show what it is for"


@pytest.mark.parametrize("name", ["veb, in and out", "channels", "VLANs that a port lacks", "a table of 2"])
def test_ways_of_floods_are_sought_when_a_frame_floods(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_state, "MANY_TEMPLATES", 0)
    both = run_both(*frames_of(CASES[name], CASES[name].changes))
    assert both.differences() == {}
    assert CASES[name].matters(both)


@pytest.mark.parametrize("name", ["cut-through, a slower port", "three unlike servers"])
def test_the_same_window(name: str) -> None:
    case = CASES[name]
    config, frames = frames_of(case, case.changes)
    both = run_both(config, frames, frames[-1].at_fs // 2)
    found = both.differences()
    # Of the window there, of the run here.
    assert set(found) <= {"ports", "latency_sums", "part_sums"}
    for port, ours in both.engine.ports.items():
        theirs = both.oracle.ports[port]
        assert {**ours, "largest queue": 0} == {**theirs, "largest queue": 0}
        assert ours["largest queue"] <= theirs["largest queue"]


def periodic(config: Any, workload: Any, end_fs: int) -> list[Frame]:
    """Return the frames that a workload of periodic sources, each with one target and length, sends up to a time."""
    frames = []
    for source in workload.sources:
        (template,), (frame_bytes,) = source.target_table.value, source.size_table.value
        about = workload.templates[template]
        name = OUTSIDE if source.port == "uplink" else source.port
        at_fs = source.phase_fs
        while at_fs <= end_fs:
            frames.append(Frame(at_fs, name, about.target, about.header, int(frame_bytes)))
            at_fs += source.mean_gap_fs
    return sorted(frames, key=lambda frame: frame.at_fs)


@pytest.mark.parametrize("changes", [TWO, {"switch.mode": "vepa", "bridge.ports.outside.rate": "3.1Gbps"}])
def test_made_up_frames(changes: Mapping[str, Any]) -> None:
    (first, *_) = ["a.vf0"] if "servers" in changes else ["vf0"]
    config = config_with(changes, {
        "workload.load": "1.37Gbps", "workload.frame_bytes": 571, "workload.arrivals": "periodic",
        "workload.external": {"rate": "1.19Gbps", "arrivals": "periodic", "frame_bytes": 333, "to": [first]},
        "run.warmup": "0ns", "run.duration": "150us",
    })  # fmt: skip
    workload = build_workload(config)
    both = compared(config, workload, periodic(config, workload, 150 * US_FS))
    assert both.differences() == {}
    assert len(both.engine.deliveries) > 150
    assert sum(each[1] == OUTSIDE for each in both.engine.deliveries) > 40


# What is done wrong to the record of bridges, and which case shows it.
FAULTS: dict[str, tuple[str, Fault]] = {
    "no latency": ("vepa, pairs", lambda bridge: setattr(bridge.box[0].params, "latency_fs", 0)),
    "no propagation": ("propagation", lambda bridge: bridge["port"]["params"]["propagation_fs"].fill(0)),
    "no hairpin": ("vepa, pairs", lambda bridge: setattr(bridge.logical_port[0].params, "is_hairpin", 0)),
    "nothing is learned": ("groups, two servers", lambda bridge: setattr(bridge.box[0].params, "learns", 0)),
    "one entry more": ("a table of 2", lambda bridge: setattr(bridge.box[0].params, "table_entries", 3)),
    "ages later": ("ageing", lambda bridge: setattr(bridge.box[0].params, "ageing_fs", 6 * US_FS)),
    "all ports cut through": (
        "cut-through, a slower port", lambda bridge: setattr(bridge.port[1].params, "cuts_through", 1),
    ),
    "none cuts through": ("cut-through", lambda bridge: setattr(bridge.port[0].params, "cuts_through", 0)),
    "a buffer for each": ("one buffer for all", lambda bridge: setattr(bridge.box[0].params, "shares_buffer", 0)),
    "a byte less of buffer": ("two to one", lambda bridge: setattr(bridge.box[0].params, "buffer_bytes", 13_000)),
    "the policer has another rate": ("policy", lambda bridge: setattr(bridge.policer[0].params, "burst", 4096)),
    "the second policer is forgotten": ("policy", lambda bridge: bridge["hop"]["policer"].__imul__(-1)),
    "tags take no room": (
        "channels, groups",
        lambda bridge: [ways["delta_bytes"].fill(0) for ways in (bridge["way"], bridge["hop"]["home"])],
    ),
    "its floods the other way round": (
        "channels, groups", reverse_floods,
    ),
    "one port of a flood left out": (
        "groups, two servers", leave_out_a_way,
    ),
    "an address of another VLAN": (
        "VLANs", lambda bridge: bridge["hop"]["target"].clip(max=0, out=bridge["hop"]["target"]),
    ),
}  # fmt: skip


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, fault_of = FAULTS[fault]
    plant(monkeypatch, fault_of)
    try:
        both = run_both(*frames_of(CASES[name], CASES[name].changes))
    except ValueError as error:
        assert "cannot be negative" in str(error)
    else:
        assert both.differences() != {}
