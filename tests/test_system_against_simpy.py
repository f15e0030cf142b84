"""The engine beside the SimPy model of servers on a bridge: the same frames, and every figure the same.

Frames come at times in femtoseconds, so that hardly ever two things happen in one instant. Those that do so by
construction, at ports of one rate, go in the order that docs/bridge.md gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel.workload import build_workload
from tests.system_beside_simpy import (
    OUTSIDE,
    US_FS,
    Both,
    Frame,
    Plant,
    check_floods_in_common,
    check_that_fault_shows,
    compared,
    config_with,
    run_both,
)
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
def test_many_headers_have_their_floods_in_common(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both = check_floods_in_common(monkeypatch, lambda: run_both(*frames_of(CASES[name], CASES[name].changes)))
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


# What is done wrong, by a change of the bridge's record or of what is found before the run, and which case shows it.
FAULTS: dict[str, tuple[str, Plant]] = {
    "no latency": ("vepa, pairs", lambda bridge, _: setattr(bridge.box[0], "latency_fs", 0)),
    "no propagation": ("propagation", lambda bridge, _: bridge["port"]["propagation_fs"].fill(0)),
    "no hairpin": ("vepa, pairs", lambda bridge, _: setattr(bridge.logical_port[0], "is_hairpin", 0)),
    "nothing is learned": ("groups, two servers", lambda bridge, _: setattr(bridge.box[0], "learns", 0)),
    "one entry more": ("a table of 2", lambda bridge, _: setattr(bridge.box[0], "table_entries", 3)),
    "ages later": ("ageing", lambda bridge, _: setattr(bridge.box[0], "ageing_fs", 6 * US_FS)),
    "all ports cut through": (
        "cut-through, a slower port", lambda bridge, _: setattr(bridge.port[1], "cuts_through", 1),
    ),
    "none cuts through": ("cut-through", lambda bridge, _: setattr(bridge.port[0], "cuts_through", 0)),
    "a buffer for each": ("one buffer for all", lambda bridge, _: setattr(bridge.box[0], "shares_buffer", 0)),
    "a byte less of buffer": ("two to one", lambda bridge, _: setattr(bridge.box[0], "buffer_bytes", 13_000)),
    "the policer has another rate": ("policy", lambda bridge, _: setattr(bridge.policer[0], "burst", 4096)),
    "the second policer is forgotten": ("policy", lambda bridge, _: bridge["hop"]["policer"].__imul__(-1)),
    "tags take no room": (
        "channels, groups",
        lambda bridge, _: [ways["delta_bytes"].fill(0) for ways in (bridge["way"], bridge["hop"]["home"])],
    ),
    "its floods the other way round": (
        "channels, groups", lambda bridge, found: [hop.flood.reverse() for hop in found.hops],
    ),
    "one port of a flood left out": (
        "groups, two servers", lambda bridge, found: [hop.flood.pop() for hop in found.hops if len(hop.flood) > 1],
    ),
    "an address of another VLAN": (
        "VLANs", lambda bridge, found: [setattr(hop, "target", 0) for hop in found.hops if hop.target > 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, plant = FAULTS[fault]
    check_that_fault_shows(monkeypatch, plant, lambda: run_both(*frames_of(CASES[name], CASES[name].changes)))
