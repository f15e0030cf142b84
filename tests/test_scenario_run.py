"""A run with a scenario: at time 0 the static run, before an event the run without it, series that add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapReader

from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.errors import Interrupted
from hwmodel.report.tables import closed_form_table
from hwmodel.results import Result
from hwmodel.results.json_form import from_plain
from hwmodel.results.series import Series, VmSeries
from hwmodel.simulation import simulate
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.play import play_of
from hwmodel.simulation.run.run import Run, silent
from hwmodel.simulation.run.scenario import scene_of
from hwmodel.simulation.run.series import MOST_INTERVALS, SeriesRecorder, interval_of
from hwmodel.units import FS_PER_NS
from hwmodel.workload import build_workload
from tests.drawn_commands import BASE as DRAWN
from tests.drawn_commands import draw_commands, draw_loads
from tests.run_cases import merged
from tests.test_commands import BASE, CHANGES

MS = 10**6 * FS_PER_NS
SHORT: dict[str, Any] = {"run": {"warmup": "20us", "duration": "200us"}}


def config_of(name: str, *events: dict[str, Any], static: bool = False) -> Config:
    """Return a case of `test_commands` with events; `static`: with what the case changes in the configuration."""
    own, change = CHANGES[name]
    nested = {key: value for key, value in own.items() if "." not in key}
    dotted = {key: value for key, value in own.items() if "." in key}
    base = merged(merged(BASE, nested), SHORT)
    return config_from_mapping({**base, "scenario": list(events)}, {**dotted, **(change if static else {})})


def without_scenario(result: Result) -> str:
    plain = replace(result, config={}, config_hash="", series=None)
    return plain.to_json(include_host_run=False)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", CHANGES)
def test_an_event_at_time_0_is_the_static_configuration_to_the_byte(name: str) -> None:
    change = dict(CHANGES[name][1])
    found = simulate(config_of(name, {"at": "0ns", "set": change}))
    assert without_scenario(found) == without_scenario(simulate(config_of(name, static=True), counters=True))
    assert found.series is not None and found.series.events[0].did == "the run begins with it"


@pytest.mark.parametrize(
    "name",
    [
        "a rate limit",
        "a VLAN",
        "the link's lanes",
        "a bridge's latency",
        "a load",
        "a load that begins",
        "bursts",
        "who sends how much",
    ],
)
def test_before_an_event_all_is_as_without_it(name: str) -> None:
    """Intervals that end before 100 us are the same; what comes later is not."""
    change = dict(CHANGES[name][1])
    nothing = simulate(config_of(name, {"at": "100us", "set": {}})).series
    found = simulate(config_of(name, {"at": "100us", "set": change})).series
    assert nothing is not None and found is not None and found.interval_ns == 5000
    first = slice(0, 19)
    assert {name: cut(vm, first) for name, vm in found.vms.items()} == {
        name: cut(vm, first) for name, vm in nothing.vms.items()
    }
    assert found.vms != nothing.vms


def cut(vm: VmSeries, part: slice) -> dict[str, Any]:
    return {name: getattr(vm, name)[part] for name in VmSeries.__slots__}


def test_an_event_that_changes_nothing_changes_nothing() -> None:
    """Figures are those of the run without it, intervals and warnings too, also behind an automatic warm-up."""
    for run in ({}, {"run.warmup": "auto"}):
        static = simulate(config_of("a rate limit").with_overrides(run), counters=True)
        event = {"at": "100us", "set": {"switch.ports.vf0.rate_limit": None}}
        found = simulate(config_of("a rate limit", event).with_overrides(run))
        assert without_scenario(found) == without_scenario(static)
        assert found.series is not None
        assert found.series.events[0].did == "nothing changes: these values hold already"


def test_series_are_what_a_capture_says(tmp_path: Path) -> None:
    """Each delivered frame of the capture counts in the interval of its time, at the VM that its address names."""
    limit = {"switch.ports.vf0.rate_limit": "200Mbps"}
    config = config_of("a rate limit", {"at": "90us", "set": limit}, {"at": "150us", "set": {"port.rate": "1Gbps"}})
    pcap = tmp_path / "all.pcap"
    result = simulate(config, pcap_path=str(pcap))
    series = result.series
    assert series is not None
    frames: Counter[tuple[str, int]] = Counter()
    with RawPcapReader(str(pcap)) as reader:
        for data, about in reader:
            at_ns = about.sec * 10**9 + about.usec  # of a capture in ns
            frames[f"vf{data[5] - 2}", at_ns // int(series.interval_ns)] += 1
    for name, vm in series.vms.items():
        told = [round(mpps * series.interval_ns / 1e3) for mpps in vm.rx_mpps]
        assert told == [frames[name, at] for at in range(series.n_intervals)]
        assert vm.rx_gbps == pytest.approx([8 * 512 * n / series.interval_ns for n in told])


def test_rings_and_drops_are_told() -> None:
    """A VM that nobody may send to any more gets nothing: the frames for it are dropped, those of the others go on."""
    config = config_of("a port switched off", {"at": "100us", "set": {"switch.ports.vf3.enabled": False}})
    series = simulate(config).series
    assert series is not None
    assert max(series.vms["vf3"].rx_gbps[-10:]) == 0 < min(series.vms["vf3"].rx_gbps[10:19])
    assert sum(series.vms["vf0"].drops[:19]) == 0 < sum(sum(vm.drops) for vm in series.vms.values())
    assert all(0 <= used <= 512 for vm in series.vms.values() for used in (*vm.tx_ring, *vm.rx_ring))
    assert max(series.vms["vf0"].tx_ring) > 100  # it saturates
    assert "vf3 receives nothing" in series.events[0].did and "frames dropped" in series.events[0].did


def test_an_automatic_warm_up_ends_at_the_first_change() -> None:
    config = config_of(
        "a rate limit", {"at": "60us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}
    ).with_overrides({"run.warmup": "auto"})
    result = simulate(config)
    assert result.window.start_ns == 60_000 < result.window.end_ns
    assert result.intervals and "window begins at the instant of a change" in result.warnings[0]


def is_mean_over_changes(config: Config) -> bool:
    """Tell whether a run says so, and then, and only then, leaves the intervals of its figures out."""
    result = simulate(config)
    says = any("changes the machine within the window" in warning for warning in result.warnings)
    assert (result.intervals == {}) is says
    return says


@pytest.mark.parametrize(("at_us", "is_within"), [(5, False), (20, False), (21, True), (219, True)])
def test_what_changes_within_the_window_alone_makes_its_figures_means_over_changes(at_us: int, is_within: bool) -> None:
    """The window begins at 20 us and lasts 200; at its first instant all is already as it will be."""
    event = {"at": f"{at_us}us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}
    assert is_mean_over_changes(config_of("a rate limit", event)) is is_within


def test_what_a_driver_does_for_a_message_is_within_the_window_to_its_end() -> None:
    """The PF's core serves one until after the window's first instant, or until then."""
    config = config_of("a rate limit", {"at": "1us", "mailbox": {"from": "vf1", "message": "get_link_state"}})
    play = play_of(config)
    run = Run(play.scene.first, play.workload, silent, changes=play.planned, reacts=play.reacts)
    run.begin(play)
    for _ in run.pieces():
        pass
    (served,) = play.messages
    over_fs = served.to_fs
    assert served.function == "pf" and over_fs is not None and over_fs - served.from_fs > FS_PER_NS
    for warmup_fs, is_within in ((over_fs - FS_PER_NS, True), (over_fs, False)):
        shorter = config.run.model_copy(update={"warmup": warmup_fs})
        assert is_mean_over_changes(config.model_copy(update={"run": shorter})) is is_within


def test_a_window_behind_a_change_is_told_by_what_holds_in_it() -> None:
    """Who is limited before it is limited as from the start; the machine that the run begins with has no limit."""
    limits = {f"switch.ports.vf{n}.rate_limit": "200Mbps" for n in range(4)}
    long = {"run.warmup": "4ms", "run.duration": "2ms"}
    late = simulate(config_of("a rate limit", {"at": "20us", "set": limits}).with_overrides(long))
    first = simulate(config_of("a rate limit").with_overrides({**long, **limits}))
    assert late.bottleneck.resource == first.bottleneck.resource == "rate_limit"
    assert late.intervals.keys() == first.intervals.keys() and len(late.warnings) == len(first.warnings)
    assert closed_form_table(late) is None and closed_form_table(first) is not None  # it is of what the run begins with


def test_no_short_runs_in_other_phases_are_made_of_what_has_changed() -> None:
    """Where clocks are not exact intervals reach over such, which are of what the run begins with; that is said."""
    event = {"at": "10us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}
    found = simulate(config_of("a rate limit", event).with_overrides({"run.clocks": "50ppm"}))
    assert any("intervals say nothing of machines whose parts begin in other phases" in one for one in found.warnings)


def test_a_run_that_ends_before_its_first_change_is_the_run_without_it() -> None:
    """Short runs are made of it too, and its intervals and warnings are the same."""
    ends = {"run.frames": 300, "run.duration": "1ms"}
    event = {"at": "200us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}
    found = simulate(config_of("a rate limit", event).with_overrides(ends))
    static = simulate(config_of("a rate limit").with_overrides(ends), counters=True)
    assert found.window.end_ns < 200_000 and found.bottleneck == static.bottleneck
    assert without_scenario(found) == without_scenario(static)


def test_warnings_of_settings_stay_where_the_machine_changes() -> None:
    """They hold of any window; only those on how sure its figures are go, since these are means over changes."""
    own = {"switch.ports.vf0.weight": 5, "host.preset": "xeon_e3_1226v3_outside_model"}
    event = {"at": "60us", "set": {"switch.ports.vf1.rate_limit": "200Mbps"}}
    quiet, changing = (
        simulate(config_of("a rate limit", *events).with_overrides(own)).warnings for events in ((), (event,))
    )
    told = [one for one in quiet if one.startswith(("host.preset ", "switch.ports.vf0.weight is 5"))]
    assert len(told) == 2 and list(changing[:2]) == told
    assert changing[2].startswith("The scenario changes the machine")


def test_a_wire_that_comes_to_life_is_said_to_be_dead_at_the_start() -> None:
    dead = {"port.down": ["p0"], "workload.pattern": "to_wire", "workload.load": "100Mbps"}
    live = {"at": "60us", "set": {"port.down": []}}
    result = simulate(config_of("a rate limit", live).with_overrides(dead))
    said = f"{result.drops['LINK_DOWN']} frames dropped for want of a wire; that of p0 is dead at the start"
    assert said in result.warnings[0]


def test_the_same_scenario_gives_the_same_document_and_is_read_back() -> None:
    config = config_of("a rate limit", {"at": "100us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}})
    first, second = (simulate(config) for _ in range(2))
    assert first.to_json(include_host_run=False) == second.to_json(include_host_run=False)
    again = Result.from_json(first.to_json())
    assert again.series is not None and first.series is not None
    assert again.series.events == first.series.events
    assert again.config["scenario"] == [{"at": "100us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}}]


def test_series_that_cannot_be_are_refused() -> None:
    row = {"tx_gbps": [1.0], "rx_gbps": [1.0, 2.0], "rx_mpps": [], "latency_ns": [None], "drops": [0], "tx_ring": [0],
           "rx_ring": [0]}  # fmt: skip
    problems: list[Any] = []
    wire = {"tx_gbps": [1.0], "rx_gbps": []}
    plain = {"interval_ns": 0.0, "vms": {"vf0": row}, "other_drops": [1, 2], "wires": {"wire": wire}}
    series = from_plain(Series, plain, (), problems)
    assert not problems
    said = {".".join(map(str, problem.path)) for problem in series.impossible()}
    assert said == {
        "series.interval_ns",
        "series.vms.vf0.rx_gbps",
        "series.vms.vf0.rx_mpps",
        "series.other_drops",
        "series.wires.wire.rx_gbps",
    }


def test_a_server_may_only_receive() -> None:
    """It has no source of frames, for which there are no parameters to change."""
    result = simulate(config_from_mapping({
        "nic": {"vfs": 1}, "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"announce": True},
        "workload": {"pattern": "flows", "flows": [["b.vf0", "a.vf0", "1Gbps"]]},
        "run": {"warmup": "200us", "duration": "1ms"},
        "scenario": [{"at": "600us", "set": {"workload.flows": [["b.vf0", "a.vf0", "3Gbps"]]}}],
    }))  # fmt: skip
    assert result.series is not None
    rates = result.series.vms["a.vf0"].rx_gbps
    assert sum(rates[-10:]) > 2 * sum(rates[:10]) > 0


def test_many_intervals_become_fewer_and_longer() -> None:
    """Of 1 us each in 5 ms there are 5000: they become 1250 of 4 us, and nothing is lost."""
    config = config_of("a rate limit", {"at": "100us", "set": {}})
    scene = scene_of(config)
    machine = Machine(scene.first, build_workload(scene.first), 1, 1, scene.changes)
    recorder = SeriesRecorder(machine, 1000 * FS_PER_NS, ())
    recorder.advance(5 * MS, 2**60)
    series = recorder.series(())
    assert (series.interval_ns, series.n_intervals) == (4000.0, 1250)
    assert series.n_intervals <= MOST_INTERVALS
    flows = machine.state[0]["ledger"]["flow"][: len(machine.book.flows)]
    told = sum(sum(vm.rx_mpps) for vm in series.vms.values()) * 4000 / 1e3
    assert round(told) == int(flows["delivered"].sum())


def test_the_series_of_a_wire_has_every_byte_that_it_carried() -> None:
    config = config_from_mapping({
        "nic": {"vfs": 2}, "port": {"count": 2}, "run": {"warmup": "100us", "duration": "1ms"},
        "workload": {"pattern": "to_wire", "load": "1Gbps", "external": {"rate": "2Gbps"}},
    })  # fmt: skip
    machine = Machine(config, build_workload(config), 1, 1)
    recorder = SeriesRecorder(machine, 1000 * FS_PER_NS, ())
    recorder.advance(5 * MS, 2**60)  # of 5000 intervals, 1250 are made
    macs = machine.state[0]["port"]["mac"]["counts"]
    wires = recorder.series(()).wires
    assert list(wires) == ["p0.wire", "p1.wire"]
    for mac, wire in zip(macs, wires.values(), strict=False):
        for way in ("tx", "rx"):
            assert round(sum(getattr(wire, f"{way}_gbps")) * 4000 / 8) == int(mac[f"{way}_bytes"]) > 0


@pytest.mark.parametrize(("duration_fs", "interval_ns"), [
    (1 * FS_PER_NS, 1), (200_000 * FS_PER_NS, 5000), (20 * MS, 500_000), (5 * MS, 100_000), (51 * FS_PER_NS, 2),
])  # fmt: skip
def test_intervals_are_round(duration_fs: int, interval_ns: int) -> None:
    assert interval_of(duration_fs) == interval_ns * FS_PER_NS


@pytest.mark.parametrize(("events_ms", "interval_us"), [
    ([], 5000), ([2], 2000), ([100], 5000), ([50, 100], 5000), ([20, 50], 2000), ([60, 60], 5000),
])  # fmt: skip
def test_intervals_are_shorter_where_events_are_close(events_ms: list[int], interval_us: int) -> None:
    """A window of 130 ms has 26 of 5 ms; a twelfth of what lies between two events may ask for more, 100 at most."""
    assert interval_of(130 * MS, [at * MS for at in events_ms]) == interval_us * 1000 * FS_PER_NS


def test_a_scenario_is_the_changes_that_simpy_is_compared_with() -> None:
    """Drawn commands, written as a scenario, give the configurations that the second model's commands give."""
    for seed in range(30):
        drawn = draw_commands(seed) if seed < 20 else draw_loads(seed)
        base = config_from_mapping(DRAWN, {**drawn.changes, "run.duration": "1ms"})
        current, expected = base, []
        # Of an instant of a ns the last; what functions do is no key.
        commands = {at_fs // FS_PER_NS: more for at_fs, more, *_ in drawn.commands}
        for at_ns, more in commands.items():
            before, current = current, current.with_overrides(more)
            if current != before and at_ns > 0:
                expected.append((at_ns, *blocks(current)))
        events = [{"at": f"{at_ns}ns", "set": dict(more)} for at_ns, more in commands.items()]
        scene = scene_of(base.with_overrides({"scenario": events}))
        found = [(each.at_fs // FS_PER_NS, *blocks(each.config)) for each in scene.changes]
        assert found == expected


def blocks(config: Config) -> tuple[Any, ...]:
    return config.switch, config.pcie, config.port, config.workload


def test_an_interrupted_run_has_its_series(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("a rate limit", {"at": "100us", "set": {"switch.ports.vf0.rate_limit": "200Mbps"}})
    calls = 0

    def progress(_share: float, what: str) -> None:
        nonlocal calls
        calls += what == "measuring"
        if calls > 40:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        simulate(config, progress)
    assert caught.value.result is not None and caught.value.result.series is not None
    assert caught.value.result.series.n_intervals >= 20


@pytest.mark.parametrize(
    "event",
    [
        {"set": {"switch.ports.vf1.enabled": False}},
        {"mailbox": {"from": "vf1", "message": "get_link_state"}},
        {"reset": "vf1"},
    ],
)
def test_a_capture_ends_a_run_before_a_later_event(event: dict[str, Any]) -> None:
    path = Path(__file__).parents[1] / "configs" / "sriov_pcap.yaml"
    run = {"run.warmup": "0ns", "run.duration": "1ms"}
    plain, found = (
        simulate(load_config(path, {**run, "scenario": events})) for events in ([], [{"at": "900us", **event}])
    )
    assert plain.window.end_ns < 900_000 and found.window == plain.window and found.totals == plain.totals
    assert found.series is not None and found.series.events[0].did == "the run ended before"


def test_a_run_goes_on_to_an_event_that_frames_of_the_capture_wait_for() -> None:
    path = Path(__file__).parents[1] / "configs" / "sriov_pcap.yaml"
    changes = {"run.warmup": "0ns", "run.duration": "300ms", "scenario": [{"at": "100us", "reset": "vf1"}]}
    found = simulate(load_config(path, changes))
    assert found.totals.offered_frames == 100 and not any("were not sent" in line for line in found.warnings)
    assert found.window.end_ns > 100_000_000  # the function's way up
