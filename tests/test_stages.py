"""Figures of runs that change, by stage: those of the machine that holds in each, and in sum those of the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hwmodel.config import config_from_mapping
from hwmodel.machine.counts.ledger_state import COUNTERS
from hwmodel.report.over_time import stage_table
from hwmodel.results import Result
from hwmodel.results.stage_text import stage_notes
from hwmodel.results.stages import StageResult
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.stage_figures import latencies_since
from hwmodel.simulation.run import run as run_module
from hwmodel.simulation.run import stages
from hwmodel.simulation.run.run import Run
from hwmodel.simulation.run.stages import MOST_STAGES, boundaries_of
from hwmodel.units import FS_PER_NS
from tests.run_cases import POLLED, begun, logged, merged
from tests.state_digest import state_digest

US, MS = 1e3, 1e6
ONE: Mapping[str, Any] = merged(
    POLLED,
    {
        "nic": {"preset": "82599", "vfs": 2, "strict": False},
        "workload": {"pattern": "flows", "frame_bytes": 300, "flows": [["vf0", "vf1"]]},
        "run": {"warmup": "200us", "duration": "4ms", "clocks": "exact"},
    },
)
LIMITED = {"switch": {"ports": [{"name": "vf0", "rate_limit": "1Gbps"}]}}
FASTER = {"switch.ports.vf0.rate_limit": "2Gbps"}
SERVERS: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
    "nic": {"preset": "82599", "vfs": 2, "strict": False},
    "driver": {"preset": "dpdk"},
    "bridge": {"announce": True, "buffer": "16KiB"},
    "workload": {"pattern": "uniform", "load": "2Gbps", "frame_bytes": 700, "wire_share": 0.2,
                 "external": {"rate": "1Gbps"}},
    "run": {"warmup": "50us", "duration": "600us", "clocks": "exact"},
}  # fmt: skip
OF_SERVERS = {200_000: {"bridge.ports.outside.rate": "1200Mbps"}, 400_000: {"servers.b.set.port.rate": "2Gbps"}}


def finished(*layers: Mapping[str, Any], changes: Mapping[int, Mapping[str, Any]] | None = None) -> tuple[Run, Result]:
    run = begun(*layers, changes=changes)
    run.go_through()
    return run, run.result()


def spans(result: Result) -> list[tuple[float, float]]:
    return [(one.start_ns, one.end_ns) for one in result.stages]


def test_a_limit_of_rate_is_the_rate_of_each_stage() -> None:
    _, result = finished(ONE, LIMITED, changes={2_000_000: FASTER})
    assert spans(result) == [(0.2 * MS, 2 * MS), (2 * MS, 4.2 * MS)]
    for stage, gbps in zip(result.stages, (1.0, 2.0), strict=True):
        a_frame = 300 * 8 / stage.duration_ns
        assert stage.totals.gbps == pytest.approx(gbps, rel=1e-3, abs=2 * a_frame)
        low, high = stage.intervals["totals.gbps"]
        assert low <= gbps <= high and high - low < 0.05 * gbps
        assert stage.vms[0].tx_gbps == pytest.approx(gbps, rel=1e-3, abs=2 * a_frame)
        assert stage.bottleneck.resource == "rate_limit" and stage.bottleneck.is_limit


@pytest.mark.parametrize(
    ("own", "what", "named"),
    [
        pytest.param(LIMITED, FASTER, ("rate_limit", "rate_limit"), id="a limit of rate"),
        pytest.param(LIMITED, {"port.rate": "2Gbps", "workload.flows": None}, ("rate_limit", None), id="two flows"),
        pytest.param({}, {"pcie.lanes": 1}, (None, "pcie.up"), id="the link"),
        pytest.param(
            {"workload": {"flows": [["vf0", "uplink"]]}}, {"port.rate": "1Gbps"}, (None, "wire.tx"), id="the wire"
        ),
        pytest.param(
            {"workload": {"flows": [["vf0", "vf1", "2Mpps"]]}},
            {"workload.flows": [["vf0", "vf1", "1Mpps"]]},
            ("offered_load", "offered_load"),
            id="the load",
        ),
    ],
)
def test_a_stage_is_told_as_a_run_of_what_holds_in_it(
    own: Mapping[str, Any], what: dict[str, Any], named: tuple[str | None, str | None]
) -> None:
    """Both stages: the first that of the run without the change, the second that of the run that begins with it."""
    what = {key: value for key, value in what.items() if value is not None}
    _, result = finished(ONE, own, changes={2_200_000: what})
    config = config_from_mapping(merged(ONE, own, {"run": {"warmup": "12ms"}}))  # by then the Rx buffer is full
    for stage, alone, name in zip(result.stages, (config, config.with_overrides(what)), named, strict=True):
        told = simulate(alone)
        here = stage.bottleneck
        assert told.bottleneck.resource in (here.resource, *here.also)  # of two as full short runs may find the other
        assert here.resource == (name or here.resource)
        gbps, rate = (
            (told.totals.gbps, stage.totals.gbps) if told.totals.gbps else (told.wire.tx_gbps, stage.outside_gbps)
        )
        key = "totals.gbps" if told.totals.gbps else "outside_gbps"
        low, high = stage.intervals[key]
        assert gbps and rate and low * 0.998 <= gbps <= high * 1.002, (key, gbps, low, high)


def test_intervals_of_stages_hold_as_often_as_they_say() -> None:
    """Of 20 seeds with two stages each: what is offered, which all gets through, is known; 31 of 40 is 1 in 10,000."""
    load = {"workload": {"flows": [["vf0", "vf1", "1Gbps"], ["vf1", "vf0", "1Gbps"]], "arrivals": "poisson"}}
    change = {"workload.flows": [["vf0", "vf1", "3Gbps"], ["vf1", "vf0", "3Gbps"]]}
    n_held = 0
    for seed in range(1, 21):
        _, result = finished(ONE, load, {"run": {"seed": seed, "duration": "2ms"}}, changes={1_200_000: change})
        for stage, gbps in zip(result.stages, (2.0, 6.0), strict=True):
            low, high = stage.intervals["totals.gbps"]
            n_held += low <= gbps <= high
            assert high - low < 0.2 * gbps
    assert n_held > 31


def test_a_percentile_that_frames_from_before_the_change_make_has_no_interval() -> None:
    """They wait for twice as long as those that come later, and are more than one in a hundred."""
    _, result = finished(ONE, LIMITED, {"run": {"warmup": "1ms"}}, changes={2_500_000: FASTER})
    before, behind = result.stages
    assert "latency_ns.p99" in before.intervals and "latency_ns.p99" not in behind.intervals
    assert any("latency_ns" in note for note in behind.notes)


def totals_of(run: Run) -> dict[str, int]:
    assert run.start is not None and run.end is not None
    return {name: run.end.count(name) - run.start.count(name) for name in COUNTERS}


CASES = {
    "one adapter": (ONE, {1_000_000: {"port.rate": "1Gbps"}, 2_500_000: {"pcie.lanes": 1}}),
    "loss": (
        merged(ONE, {"workload": {"flows": [["vf0", "vf1", "3Mpps"]]}}),
        {1_000_000: {"driver.refill": False}, 2_500_000: {}},
    ),
    "servers": (SERVERS, OF_SERVERS),
    "flows that come up": (
        SERVERS,
        {
            200_000: {"servers.c.set.switch.ports.vf0.macs": ["02:ee:00:00:00:01"]},
            400_000: {"servers.a.set.switch.ports.vf0.macs": ["02:ee:00:00:00:02"]},
        },
    ),
    "close": (ONE, {1_000_000 + 500 * at: {"port.rate": f"{1 + at}Gbps"} for at in range(7)}),
}


@pytest.mark.parametrize("name", CASES)
def test_stages_add_up_to_the_window(name: str) -> None:
    case, changes = CASES[name]
    run, result = finished(case, changes=changes)
    found, whole = result.stages, totals_of(run)
    assert found[0].start_ns == result.window.start_ns and found[-1].end_ns == result.window.end_ns
    assert all(one.end_ns == other.start_ns for one, other in pairwise(found))
    in_all = {each: sum(getattr(one.totals, each) for one in found) for each in ("offered_frames", "delivered_frames")}
    assert in_all == {"offered_frames": whole["offered"], "delivered_frames": whole["delivered"]}
    assert sum(one.totals.vm_frames for one in found) == result.window.vm_frames
    assert sum(one.totals.wire_frames for one in found) == result.window.wire_frames
    assert sum(one.totals.delivered_bytes for one in found) == whole["delivered_bytes"]
    assert sum(one.totals.replicated_frames for one in found) == whole["replicated"]
    dropped = sum(one.totals.dropped_frames for one in found)
    assert dropped == whole["dropped"] and (dropped > 0) is (name not in ("one adapter", "close"))
    assert run.start is not None and run.end is not None
    lost = run.end.counts["ledger"]["drops"] - run.start.counts["ledger"]["drops"]
    assert sum(sum(one.drops.values()) for one in found) == lost.sum()
    assert found[-1].totals.in_flight_frames == result.totals.in_flight_frames
    for vm in result.vms:
        bits = sum((one_of(one, vm.name).rx_gbps or 0) * one.duration_ns for one in found)
        if all(one.totals.gbps is not None for one in found):
            behind = 1e-9 if run.machine.is_alone else 2e-2  # what stages of several servers end behind their changes
            assert bits == pytest.approx((vm.rx_gbps or 0) * result.window.duration_ns, rel=behind)


def one_of(stage: StageResult, name: str) -> Any:
    return next(vm for vm in stage.vms if vm.name == name)


def recount(run: Run, instants_ns: Sequence[float], rows: Any) -> list[tuple[int, int]]:
    """Count frames and bytes delivered to VMs between instants, from the log of deliveries."""
    edges = [round(each * FS_PER_NS) for each in instants_ns]
    is_to_vm = rows.egress_port > 0
    at_fs, n_bytes = rows.at_fs[is_to_vm], rows.frame_bytes[is_to_vm]
    found = []
    for first, last in pairwise(edges):
        inside = (at_fs >= first) & (at_fs < last)
        found.append((int(inside.sum()), int(n_bytes[inside].sum())))
    return found


def counted(result: Result) -> list[tuple[int, int]]:
    return [(one.totals.vm_frames, one.totals.delivered_bytes) for one in result.stages]


AT_NS = 2_000_123


def recounted() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return what the stages of a run count, and what its deliveries do."""
    run, result, rows = logged(ONE, LIMITED, changes={AT_NS: FASTER})
    ends = (result.window.start_ns, AT_NS, result.window.end_ns + 1e-6)
    return counted(result), recount(run, ends, rows)


def test_a_stage_counts_what_is_delivered_in_it() -> None:
    told, from_log = recounted()
    assert told == from_log


def test_a_boundary_that_is_an_event_off_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is planted: one delivery later; the recount, from the log, then differs in both stages."""
    rows = logged(ONE, LIMITED, changes={AT_NS: FASTER})[2]
    after_fs = int(rows.at_fs[rows.at_fs >= AT_NS * FS_PER_NS].min())
    monkeypatch.setattr(stages, "boundaries_of", lambda *_: [after_fs + 1])
    told, from_log = recounted()
    assert [n - m for (n, _), (m, _) in zip(told, from_log, strict=True)] == [1, -1]


def latencies_of(run: Any, first_ns: float, last_ns: float) -> np.ndarray:
    """Return the times from post to taken of the frames that were taken between two instants, in ns."""
    entries = run.entries
    inside = (entries["taken_fs"] >= first_ns * FS_PER_NS) & (entries["taken_fs"] < last_ns * FS_PER_NS)
    return np.sort((entries["taken_fs"] - entries["posted_fs"])[inside] / FS_PER_NS)


def off_by() -> float:
    """Return by how much, relatively, the percentiles of stages differ from those of the frames themselves."""
    run, result = finished(
        ONE, {"workload": {"flows": [["vf0", "vf1", "1Mpps"]]}}, changes={2_000_000: {"pcie.lanes": 1}}
    )
    worst = 0.0
    for stage in result.stages:
        told, times = stage.latency_to_guest_ns, latencies_of(run, stage.start_ns, stage.end_ns)
        assert len(times) > 1000
        for figure, exact in (
            (told.p50, times[len(times) // 2]), (told.p99, times[int(0.99 * len(times))]), (told.mean, times.mean()),
            (told.min, times[0]), (told.max, times[-1]), (told.count, len(times)),
        ):  # fmt: skip
            assert figure is not None
            worst = max(worst, abs(figure / exact - 1))
    return worst


def test_latencies_of_a_stage_are_those_of_its_frames() -> None:
    assert off_by() < 0.008


def test_a_histogram_of_another_stage_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is planted: what the whole run has counted, in place of what the stage has."""

    def wrong(start: Any, end: Any, histograms: Mapping[str, Any]) -> Any:
        return latencies_since(
            start, end, {name: [(0, rows[0][1][:0]), *rows[1:]] for name, rows in histograms.items()}
        )

    monkeypatch.setattr(stages, "latencies_since", wrong)
    assert off_by() > 0.05


def test_the_rest_of_the_result_and_the_run_are_as_without_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    for case, changes in (CASES[name] for name in ("one adapter", "servers", "flows that come up")):
        run, result = finished(case, changes=changes)
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "StageRecorder", lambda _run: None)
            without, plain = finished(case, changes=changes)
        assert result.stages and not plain.stages
        found, kept = (one.to_json(include_host_run=False) for one in (replace(result, stages=()), plain))
        for each in (run, without):
            each.state["clock"]["n_events"] = 0  # of links that wake up at a stop, one less
        assert found == kept and state_digest(run.state) == state_digest(without.state)


@pytest.mark.parametrize("n_known", [0, 1])
def test_changes_that_are_known_late_make_the_same_boundaries(n_known: int) -> None:
    """As of a condition that comes true; a stage that was not foreseen is told from the marks of the window."""
    changes = {1_500_000: FASTER, 3_000_000: {}}
    whole = finished(ONE, LIMITED, changes=changes)[1]
    run = begun(ONE, LIMITED, changes=changes)
    run.changes, known, run.is_watched = run.changes[:n_known], run.changes, True
    run.series, right = run.machine, run.machine.advance  # type: ignore[assignment]

    def becoming_known(until_fs: int, n_events: int) -> int:
        if run.machine.now_fs > 1_200_000 * FS_PER_NS:
            run.changes = known
        return right(until_fs, n_events)

    run.machine.advance = becoming_known  # type: ignore[method-assign]
    run.go_through()
    late = run.result()
    assert spans(late) == spans(whole) and counted(late) == counted(whole)
    assert [one.latency_ns for one in late.stages] == [one.latency_ns for one in whole.stages]
    assert all("totals.gbps" in one.intervals for one in late.stages)


def test_threads_make_no_difference() -> None:
    scenario = [{"at": f"{at_ns}ns", "set": what} for at_ns, what in OF_SERVERS.items()]
    config = config_from_mapping({**SERVERS, "scenario": scenario})
    one, two = (simulate(config, threads=n).to_json(include_host_run=False) for n in (1, 2))
    assert one == two and '"stages"' in one


def test_what_does_not_change_in_its_window_has_no_stages_and_no_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    stops: list[int] = []
    right = run_module.Machine.advance

    def counting(machine: Any, until_fs: int, n_events: int) -> int:
        stops.append(until_fs)
        return right(machine, until_fs, n_events)

    monkeypatch.setattr(run_module.Machine, "advance", counting)
    for changes in (None, {100_000: FASTER}):
        stops.clear()
        run, result = finished(ONE, LIMITED, changes=changes)
        assert result.stages == () and '"stages"' not in result.to_json()
        in_window = [each for each in stops if each > 200_000 * FS_PER_NS]
        assert len(in_window) <= run_module.MARKS + 2
        assert (run.stages is None) is (changes is None)


def test_a_stage_too_short_says_so_and_names_nothing() -> None:
    """Two changes 5 us apart: at 1 Gb/s two frames."""
    _, result = finished(ONE, LIMITED, changes={2_000_000: FASTER, 2_005_000: {}})
    first, short, last = result.stages
    assert short.totals.gbps is None and short.totals.vm_frames > 0 and not short.bottleneck.resource
    assert not short.intervals and "too few for rates" in short.notes[0] and short.n_changes == 0
    assert first.intervals and last.intervals and last.bottleneck.resource == "rate_limit"


def test_a_stage_without_a_frame_says_so() -> None:
    dead = {2_000_000: {"switch.acl": [{"port": "vf0", "action": "deny"}]}, 3_000_000: {}}
    _, result = finished(ONE, LIMITED, changes=dead)
    silent = result.stages[1]
    assert silent.totals.vm_frames <= 1 and silent.totals.gbps is None and silent.intervals == {}
    assert silent.drops["ACL_DENY"] > 300 and silent.notes


def test_many_changes_make_few_stages() -> None:
    """A thousand within 0.4 ms are one stage, in which the machine changes; before and behind it, it is one."""
    changes = {2_000_000 + 400 * at: {"port.rate": f"{1 + at % 9}Gbps"} for at in range(1000)}
    _, result = finished(ONE, LIMITED, changes=changes)
    before, between, behind = result.stages
    assert (between.start_ns, between.end_ns) == (2 * MS, 2 * MS + 999 * 400)
    assert between.n_changes == 998 and between.intervals == {}
    assert before.intervals and behind.intervals


@pytest.mark.parametrize("n", [3, 31, 500, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_boundaries_are_the_ends_of_groups_of_changes(n: int, seed: int) -> None:
    instants = np.unique(np.random.default_rng(seed).integers(1, 10**9, n)).tolist()
    found = boundaries_of(instants, 10**7)
    assert set(found) <= set(instants) and found[0] == instants[0] and found[-1] == instants[-1]
    for first, last in pairwise(found):  # a stage is a time without change, or a group of changes
        inside = [each for each in instants if first < each < last]
        assert max(np.diff([first, *inside, last])) < 10**7 if inside or last - first < 10**7 else True


def test_changes_far_enough_apart_are_each_a_boundary() -> None:
    assert boundaries_of([10, 20, 30], 10) == [10, 20, 30]
    assert boundaries_of([10, 19, 28], 10) == [10, 28]
    assert boundaries_of([10, 11, 30], 10) == [10, 11, 30]
    assert boundaries_of([], 10) == []


@pytest.mark.parametrize("n", [20, 100])
def test_many_events_make_no_more_stages_than_are_told(n: int) -> None:
    changes = {400_000 + 3_600_000 // n * at: {"port.rate": f"{1 + at % 9}Gbps"} for at in range(n)}
    _, result = finished(ONE, LIMITED, changes=changes)
    assert len(result.stages) == (21 if n == 20 else 3) <= MOST_STAGES


def test_stages_name_the_events_that_take_place_in_them() -> None:
    scenario = [
        {"at": "1ms", "set": {"switch.ports.vf0.rate_limit": "1Gbps"}},
        {"at": "2ms", "set": FASTER},
        {"at": "3ms", "set": {"switch.ports.vf0.rate_limit": None}},
    ]
    result = simulate(config_from_mapping({**merged(ONE, LIMITED), "scenario": scenario}))
    assert [one.events for one in result.stages] == [(), (1,), (2,)]  # the first sets what holds already
    line = next(line for line in result.summary().splitlines() if line.startswith("By stage: "))
    assert line.count("rate_limit") == 2
    assert Result.from_json(result.to_json(), name="r.json").stages[1].events == (1,)
    (table,) = [each for each in (stage_table(result),) if each is not None]
    assert [row[:3] for row in table.rows] == [
        ["1", "200 us to 2.00 ms", "-"],
        ["2", "2.00 ms to 3.00 ms", "2"],
        ["3", "3.00 ms to 4.20 ms", "3"],
    ]
    assert [one.partition(": ")[2] for one in stage_notes(result)] == list(
        dict.fromkeys(note for stage in result.stages for note in stage.notes)
    )
    assert stage_notes(result)[0].startswith("Stages 1, 2")


def test_what_still_fills_or_empties_gives_no_interval() -> None:
    """On one lane reads outrun writes until the Rx buffer is full, which takes longer than the first stage."""
    _, result = finished(ONE, {"pcie": {"lanes": 1}}, changes={2_200_000: {"port.rate": "5Gbps"}})
    first = result.stages[0]
    assert not first.intervals and any(note.startswith("The Rx buffer's depth has not settled") for note in first.notes)
    later = simulate(config_from_mapping(merged(ONE, {"pcie": {"lanes": 1}, "run": {"warmup": "12ms"}})))
    assert abs((later.totals.gbps or 0) / (first.totals.gbps or 1) - 1) > 0.2  # it would not have held


def test_the_summary_tells_of_stages_that_give_rates() -> None:
    """Not of those between the parts of a message, which are microseconds long."""
    scenario = [
        {"at": f"{2 + at}ms", "mailbox": {"from": "vf1", "message": "set_vlan", "vlan": 20 + at}} for at in (0, 1)
    ]
    base = {"nic": {"preset": "82599", "vfs": 2}, "run": {"duration": "5ms"}, "scenario": scenario}
    result = simulate(config_from_mapping(base))
    short = [one for one in result.stages if one.n_changes]
    long = [one for one in result.stages if not one.n_changes and one.totals.gbps]
    assert short and len(long) == 3
    (line,) = [line for line in result.summary().splitlines() if line.startswith("By stage")]
    assert line.count("Gb/s") == 3 and line.endswith(f"; {len(result.stages) - 3} more: --verbose shows them")
    assert "change" not in line
