"""Stalls of a host: when work ends that they meet, what they cost, how large a ring has to be."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel import Result, limits, load_config, simulate
from hwmodel.analytic.stalls import available_share
from hwmodel.machine.time.stalls import behind_stalls
from hwmodel.relaxations import relaxations_of
from hwmodel.results.stall_text import stall_sentences
from hwmodel.simulation.figures.host_stalls import stall_warnings
from hwmodel.simulation.figures.measurement import host_stalled_fs
from hwmodel.words.limits import ring_needed
from tests.beside_simpy import GROUP_OF, check_same_course, check_same_journeys, run_both
from tests.config_cases import complaints
from tests.drawn_machines import draw_drivers, draw_own_drivers

NEVER = 2**62
STALLS = (
    {"every": "40.0013us", "for": "11.0029us"},
    {"at": "30.0007us", "for": "25.0011us"},
    {"every": "7.0013us", "for": "3.0029us"},
)
LINE_BPS, FRAME_BITS = 9_800_000_000, 1518 * 8
A_STALL = LINE_BPS * 200e-6 / FRAME_BITS  # 161.4 frames come in 200 us
BASE: dict[str, Any] = {
    "nic": {"preset": "82599", "vfs": 2, "rx_ring": 128},
    "driver": {"preset": "dpdk"},
    "host": {"stall": {"every": "2ms", "for": "200us"}},
    "workload": {
        "pattern": "none", "frame_bytes": 1518,
        "external": {"rate": "9.8Gbps", "arrivals": "periodic", "to": ["vf0"]},
    },
    "run": {"warmup": "1ms", "duration": "20ms", "clocks": "exact"},
}  # fmt: skip


def simulated(keys: dict[str, Any], base: dict[str, Any] | None = None) -> Result:
    return simulate(load_config(BASE if base is None else base, keys))


# ---- When work ends ----


@given(
    first=st.integers(0, 30), length=st.integers(1, 9), gap=st.integers(1, 9), begins=st.integers(0, 90),
    work=st.integers(1, 60), once=st.booleans(),
)  # fmt: skip
def test_work_ends_when_a_clock_that_stalls_has_ticked_so_often(first, length, gap, begins, work, once):
    stall = SimpleNamespace(first_fs=first, every_fs=NEVER if once else length + gap, for_fs=length)

    def stalls(at: int) -> bool:
        return at >= first and (at - first if once else (at - first) % (length + gap)) < length

    at, left, n_stalled = begins, work, 0
    while left:
        left -= not stalls(at)
        n_stalled += stalls(at)
        at += 1
    assert getattr(behind_stalls, "py_func", behind_stalls)(stall, begins, work) == at
    assert int(host_stalled_fs(stall, at)) - int(host_stalled_fs(stall, begins)) == n_stalled


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_a_machine_that_stalls_takes_the_course_of_the_second_model(tmp_path: Path, seed: int):
    changes, load = (draw_drivers if seed % 2 else draw_own_drivers)(seed, 300)
    check_same_course(run_both(tmp_path, {**changes, "host.stall": STALLS[seed % 3]}, load, GROUP_OF), at_least=30)


def test_stalls_begin_at_a_phase_of_the_seed(tmp_path: Path):
    changes, load = draw_own_drivers(101, 300)
    both = run_both(tmp_path, {**changes, "run.clocks": "100ppm", "host.stall": STALLS[0]}, load, GROUP_OF)
    check_same_journeys(both, at_least=30)


# ---- How large a ring ----


@pytest.mark.parametrize("ring", [64, 128])
def test_a_ring_loses_what_comes_beyond_its_descriptors(ring: int):
    """Each stall finds up to a refill batch less one taken, and the first refill comes a batch later."""
    result = simulated({"nic.rx_ring": ring})
    stalls = result.cpu.stalls
    assert stalls is not None
    batch = load_config(BASE).driver.refill_batch
    expected = A_STALL - (ring - 1)
    assert stalls.begun == 10
    assert stalls.share == pytest.approx(0.1, rel=1e-3)
    assert expected - 1 <= stalls.lost / stalls.begun <= expected + batch
    assert stalls.vm == "vf0"
    assert stalls.needed_descriptors is not None
    assert A_STALL <= stalls.needed_descriptors <= A_STALL + 2 * batch + 8
    assert not simulated({"nic.rx_ring": stalls.needed_descriptors}).drops


def test_the_run_names_the_stall_and_not_the_driver():
    result = simulated({"workload.external.rate": "5Gbps", "nic.rx_ring": 64, "host.stall.every": "1ms"})
    assert {"nic.rx_ring", "host.stall"} <= set(result.bottleneck.keys) | {"nic.rx_ring"}
    assert "host.stall" in result.bottleneck.why


def test_a_single_stall_is_counted_where_it_falls():
    once: dict[str, Any] = {"host.stall": {"at": "3ms", "for": "200us"}}
    base = {**BASE, "host": {}}
    inside, before = simulated(once, base).cpu.stalls, simulated({**once, "run.warmup": "5ms"}, base)
    assert inside is not None
    assert (inside.begun, inside.share) == (1, pytest.approx(0.01))
    assert inside.lost >= A_STALL - 127 - 1
    assert before.cpu.stalls is not None
    assert (before.cpu.stalls.begun, before.cpu.stalls.lost) == (0, 0)
    assert before.drops  # of the whole run


def test_senders_and_cores_lose_the_share_of_time():
    busy = {**BASE, "workload": {"pattern": "pairs", "frame_bytes": 64}}
    keys = {"driver.frame_time": "1us"}
    stalled, free = simulated(keys, busy), simulated(keys, {**busy, "host": {}})
    assert stalled.totals.gbps is not None
    assert free.totals.gbps is not None
    assert stalled.totals.gbps / free.totals.gbps == pytest.approx(0.9, rel=0.01)
    assert stalled.bottleneck.resource.startswith("driver.")
    assert stalled.bottleneck.utilization == pytest.approx(1, abs=0.01)
    assert stalled.cpu.cores_busy == pytest.approx(0.9 * free.cpu.cores_busy, rel=0.01)
    ceilings = [limits(load_config(one, keys)).mpps for one in (busy, {**busy, "host": {}})]
    assert ceilings[0] / ceilings[1] == pytest.approx(0.9)


def test_the_closed_form_says_what_a_ring_needs():
    (note,) = [one for one in limits(load_config(BASE)).notes if "host.stall" in one]
    assert f" {ceil(A_STALL)} Rx descriptors of vf0 " in note
    assert " 127 " in note
    assert not [one for one in limits(load_config({**BASE, "host": {}})).notes if "host.stall" in one]


def test_what_a_stall_asks_of_rings_and_cores():
    config = load_config(BASE)
    (shorter,) = (one for one in relaxations_of(config) if one.resources == ("host.stall",))
    assert shorter.text == "host.stall.for: 200us -> 100us"
    assert available_share(config) == Fraction(9, 10)
    assert available_share(load_config({**BASE, "host": {}})) == 1
    assert "none is missing" in ring_needed("vf0", "200us", 127, 127, drops=True)
    assert "drops" in ring_needed("vf0", "200us", 128, 127, drops=True)
    assert "Rx buffer" in ring_needed("vf0", "200us", 128, 127, drops=False)


# ---- Whose cores ----


def test_only_the_host_that_stalls_loses():
    keys = {"servers": [{"name": "a"}, {"name": "b", "set": {"host.stall": {"every": "2ms", "for": "200us"}}}],
            "bridge": {"kind": "learning", "announce": True}}  # fmt: skip
    flows = [["a.vf0", "b.vf0", "8Gbps"], ["b.vf1", "a.vf1", "8Gbps"]]
    base = {**BASE, **keys, "host": {}, "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": flows}}
    result = simulated({"nic.rx_ring": 64}, base)
    a, b = result.servers
    assert a.cpu.stalls is None
    assert b.cpu.stalls is not None
    assert b.cpu.stalls.lost >= 10 * (8e9 * 200e-6 / FRAME_BITS - 64)
    assert b.drops.keys() == {"NO_DESCRIPTOR"}
    assert not a.drops


def test_a_virtual_switch_stands_still_and_its_uplink_loses():
    result = simulated({"nic.mode": "vswitch", "nic.rx_ring": 64, "workload.external.rate": "5Gbps"})
    stalls = result.cpu.stalls
    assert stalls is not None
    assert stalls.vm == "uplink"
    assert stalls.lost / stalls.begun >= 5e9 * 200e-6 / FRAME_BITS - 64
    assert result.drops.keys() == {"NO_DESCRIPTOR"}


def test_a_time_line_shows_stalls(tmp_path: Path):
    path = tmp_path / "stall.json"
    simulate(load_config(BASE, {"run.duration": "3ms"}), trace_path=str(path), trace_length_fs=3 * 10**12)
    events = json.loads(path.read_text())["traceEvents"]
    stalls = [one for one in events if one.get("name") == "stall"]
    assert [one["dur"] for one in stalls] == [200.0]
    begins = stalls[0]["ts"]
    work = [one for one in events if one.get("ph") == "X" and str(one["name"]).startswith("take ")]
    assert work
    assert not [one for one in work if begins < one["ts"] < begins + 200]


def test_hosts_that_stall_without_loss_share_a_sentence():
    servers = [{"name": name} for name in "abcdef"]
    flows = [["a.vf0", "b.vf0", "1Gbps"]]
    base = {**BASE, "servers": servers, "bridge": {"announce": True}, "workload": {"pattern": "flows", "flows": flows}}
    said = stall_sentences(simulated({"run.duration": "4ms"}, base))
    assert said.count("host.stall") == 1
    assert "a, b, c, d and 2 more" in said


# ---- What can be written ----


@pytest.mark.parametrize(
    ("stall", "key"),
    [
        ("{for: 1ms}", "host.stall"),
        ("{for: 1ms, every: 2ms, at: 1ms}", "host.stall"),
        ("{for: 2ms, every: 2ms}", "host.stall.for"),
        ("{every: 2ms}", "host.stall.for"),
        ("{for: 0ns, every: 2ms}", "host.stall.for"),
    ],
)
def test_stalls_that_cannot_be_are_refused(stall: str, key: str):
    (line,) = complaints(f"host: {{stall: {stall}}}")
    assert f" {key}: " in line


def test_a_window_with_another_share_of_stalls_is_warned_of():
    for duration, n_warnings in (("3ms", 1), ("20ms", 0)):
        result = simulated({"run.duration": duration})
        config = load_config(BASE, {"run.duration": duration})
        assert len([one for one in result.warnings if "host.stall" in one]) == n_warnings
        assert len([*stall_warnings(config, result)]) == n_warnings


def test_a_stall_is_no_key_of_an_event():
    text = "scenario: [{at: 1ms, set: {host.stall.for: 1ms}}]\nhost: {stall: {every: 10ms, for: 100us}}"
    (line,) = complaints(text)
    assert "host.stall" in line


def test_a_load_that_loses_a_little_in_stalls_is_the_limit_itself():
    """A fifth of the line is free, and a stall's frames that find no descriptor are 0.2 % of all."""
    result = simulate(load_config({
        "nic": {"preset": "82599", "vfs": 4, "rx_ring": 64}, "driver": {"preset": "dpdk"},
        "host": {"stall": {"every": "1ms", "for": "200us"}}, "run": {"duration": "10ms"},
        "workload": {"pattern": "none", "frame_bytes": 1518, "external": {"rate": "8Gbps"}},
    }))  # fmt: skip
    assert 0 < result.drops["NO_DESCRIPTOR"] < 0.01 * result.totals.offered_frames
    assert result.bottleneck.resource == "offered_load" and "port.rate" not in result.bottleneck.keys
