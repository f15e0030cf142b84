"""Functions that go and come in a run: what each event does, when they are back, what is refused."""

from __future__ import annotations

import csv
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

import hwmodel
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.life import Course, course_of
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter import function_life
from hwmodel.rules.function_names import function_name, function_names, function_number, is_pf
from hwmodel.simulation.run.play import LivePlay, Play, play_of
from hwmodel.simulation.run.run import Run, silent
from hwmodel.simulation.run.series import LOST

NS, US, MS = 10**6, 10**9, 10**12
POLL = 500 * US
# Words that are sent and read, of the messages of ixgbevf's probe and open; what the PF writes takes none of the VF's
# time as long as it answers between two looks.
MESSAGES = {"reset": (1, 4), "api": (3, 3), "queues": (5, 5), "lpe": (2, 2), "vlan": (2, 2), "xcast": (2, 2),
            "multicast": (16, 16)}  # fmt: skip


def config_of(*events: dict[str, Any], **changes: Any) -> Config:
    base = {
        "nic": {"preset": "82599", "vfs": 4}, "workload": {"pattern": "pairs", "frame_bytes": 1518},
        "run": {"duration": "300ms", "warmup": "1ms"}, "scenario": list(events),
    }  # fmt: skip
    return config_from_mapping(base, changes)


def up_by_hand(write: int, read: int, n_rings: int = 2) -> int:
    """Return the time from a reset, or from VF Enable, to rings that are set up, in femtoseconds.

    A message: is the mailbox free; the words and one more; a look in vain, one that finds the acknowledgement, one that
    finds the reply; the reply's words and an acknowledgement.
    """
    messages = sum(4 * read + (words + 2) * write + POLL + n_read * read for words, n_read in MESSAGES.values())
    return 100 * MS + messages + 10 * MS + n_rings * (8 * write + 1 * MS + read)


def test_the_way_up_by_hand() -> None:
    config = config_of({"at": "2ms", "reset": "vf1"}, **{
        "pcie.generation": 2, "pcie.lanes": 4, "driver.preset": None, "driver.doorbell_time": "90ns",
        "host.read_latency": "400ns",
    })  # fmt: skip
    (life,) = course_of(config).lives
    # 48 B at 0.50130 ns and the host's latency.
    read = 48 * 8 / 16 * 1538 / 1534 * NS + 400 * NS
    assert life.off_fs == 2 * MS
    assert life.up_fs is not None
    assert abs(life.up_fs - 2 * MS - up_by_hand(90 * NS, round(read))) < 1000
    assert life.parts is not None
    assert life.parts.reset_fs == 100 * MS
    assert sum(part or 0 for part in life.parts) == life.up_fs - life.off_fs


def test_from_vf_enable_to_the_first_frame_by_hand() -> None:
    """The first of a saturating VF's frames, over an idle link, is in 100 ms, messages, rings and its own way later."""
    config = config_of(
        {"at": "0ms", "enable_vfs": 0}, {"at": "3ms", "enable_vfs": 1},
        **{
            "pcie.generation": 2, "pcie.lanes": 4, "pcie.dllp_model": "none", "nic.vfs": 1, "workload.frame_bytes": 64,
            "workload.pattern": "to_wire", "driver.preset": None, "driver.doorbell_time": "90ns",
            "driver.frame_time": "20ns", "driver.tx_doorbell_batch": 1, "host.read_latency": "400ns",
            "run.duration": "150ms", "run.clocks": "exact", "nic.rx_prefetch": 0,
        },
    )  # fmt: skip
    result = hwmodel.simulate(config)
    assert result.series is not None
    _, life = result.series.lives
    byte = 8 / 16 * 1538 / 1534
    read_ns = 48 * byte + 400
    # Posted, its doorbell, its descriptor (24 B up, 36 B down), its payload (24 B up, 80 B down).
    own_ns = 20 + 28 * byte + (24 + 36) * byte + 400 + (24 + 80) * byte + 400
    whole_ns = up_by_hand(90 * NS, round(read_ns * NS)) / NS + own_ns
    assert life.first_frame_ns is not None
    assert life.first_frame_ns - 3e6 == pytest.approx(whole_ns, abs=1000)  # to the microsecond
    assert life.first_frame_ns - 3e6 == pytest.approx(whole_ns, abs=28 * byte + 1)  # behind the Rx ring's doorbell
    parts = (life.reset_ns, life.messages_ns, life.rings_ns)
    assert life.up_ns == pytest.approx(3e6 + sum(part for part in parts if part is not None))


def test_several_vfs_come_up_one_after_the_other_where_the_pf_is_slow() -> None:
    config = config_of({"at": "0ms", "enable_vfs": 0}, {"at": "1ms", "enable_vfs": 4})
    course = course_of(config)
    assert off_at(course, 0) == {"vf0", "vf1", "vf2", "vf3"}
    ups = [life.up_fs for life in course.lives[4:]]
    assert len(set(ups)) == 1  # four are answered between two looks
    assert off_at(course, max(up for up in ups if up is not None)) == set()
    play = carried_out(config.with_overrides({"workload.load": 1e-4}))
    served = [(one.from_fs, one.to_fs, one.text) for one in play.messages]
    assert len(served) == 4 * 7
    assert all(later[0] >= one[1] for one, later in pairwise(served))
    assert sorted(text for _, _, text in served if text.startswith("vf2")) == sorted(
        f"vf2: {name}" for name in ("reset", "api_negotiate", "get_queues", "set_lpe", "set_vlan", "update_xcast",
                                    "set_multicast")
    )  # fmt: skip


def off_at(course: Course, at_fs: int) -> set[str]:
    """Return which functions are off at an instant, by the lives of a course."""
    off: set[str] = set()
    changes = [(life.at_fs, 0, life.vm) for life in course.lives]
    changes += [(life.up_fs, 1, life.vm) for life in course.lives if life.up_fs is not None]
    for time, is_up, vm in sorted(changes):
        if time <= at_fs:
            (off.discard if is_up else off.add)(vm)
    return off


def carried_out(config: Config) -> Play:
    """Run a scenario to its end."""
    play = play_of(config)
    run = Run(play.scene.first, play.workload, silent, changes=play.planned, reacts=play.reacts)
    run.begin(play)
    for _ in run.pieces():
        pass
    return play


@pytest.mark.parametrize(
    "events",
    [
        [{"at": "2ms", "reset": "vf1"}],
        [{"at": "0ms", "enable_vfs": 0}, {"at": "1ms", "enable_vfs": 4}],
        [{"at": "5ms", "reset": "pf"}, {"at": "120ms", "enable_vfs": 2}],
        [
            {"at": "5ms", "bus_master": {"of": "vf1", "on": False}},
            {"at": "9ms", "bus_master": {"of": "vf1", "on": True}},
        ],
        [{"at": "2ms", "reset": "vf1"}, {"at": "60ms", "reset": "vf1"}, {"at": "140ms", "reset": "vf1"}],
        [{"at": "2ms", "unplug": "vf1"}, {"at": "60ms", "plug": "vf1"}, {"at": "70ms", "reset": "vf0"}],
    ],
)
@pytest.mark.parametrize("machine", [{}, {"nic.preset": None, "pcie.generation": 3, "driver.preset": "kernel"}])
def test_on_a_link_with_nothing_else_a_run_takes_the_closed_forms_times(
    events: list[dict[str, Any]], machine: dict[str, Any]
) -> None:
    """To the femtosecond, a second reset in the midst of the first included."""
    config = config_of(*events, **{"workload.load": 1e-4, "run.clocks": "exact", **machine})
    play = carried_out(config)
    assert play.scene.course is not None and play.scene.course.lives == course_of(config).lives


def test_62_vfs_at_once_take_the_closed_forms_times() -> None:
    config = config_of(
        {"at": "0ms", "enable_vfs": 0}, {"at": "1ms", "enable_vfs": 62},
        **{"workload.load": 1e-4, "run.clocks": "exact", "nic.vfs": 62},
    )  # fmt: skip
    play = carried_out(config)
    assert play.scene.course is not None
    lives = play.scene.course.lives
    assert len({life.up_fs for life in lives[62:]}) == 2  # some are answered a look later
    assert lives == course_of(config).lives


def test_beside_traffic_a_function_comes_up_later() -> None:
    config = config_of({"at": "2ms", "reset": "vf1"}, **{"run.clocks": "exact", "run.duration": "130ms"})
    (life,), (idle,) = (one.lives for one in (carried_out(config).scene.course, course_of(config)) if one is not None)
    assert life.parts is not None and idle.parts is not None
    assert life.parts.reset_fs == idle.parts.reset_fs == 100 * MS
    assert (life.parts.messages_fs or 0) > (idle.parts.messages_fs or 0)
    assert (life.parts.rings_fs or 0) > (idle.parts.rings_fs or 0)


def test_a_pf_that_is_reset_takes_its_vfs_with_it() -> None:
    course = course_of(config_of({"at": "5ms", "reset": "pf"}, {"at": "120ms", "enable_vfs": 2}))
    assert off_at(course, 5 * MS) == {"pf", "vf0", "vf1", "vf2", "vf3"}
    assert off_at(course, 119 * MS) == {"vf0", "vf1", "vf2", "vf3"}
    assert off_at(course, 290 * MS) == {"vf2", "vf3"}


@pytest.mark.parametrize(
    "events",
    [
        [{"reset": "vf1"}, {"reset": "pf"}],
        [{"reset": "vf1"}, {"enable_vfs": 0}],
        [{"unplug": "vf2"}, {"enable_vfs": 0}, {"enable_vfs": 3}],
        [{"mailbox": {"from": "vf0", "message": "get_queues"}}, {"reset": "vf0"}],
        [{"bus_master": {"of": "vf3", "on": False}}, {"bus_master": {"of": "vf3", "on": True}}, {"reset": "pf"}],
    ],
)
def test_the_order_of_events_of_one_instant_says_nothing(events) -> None:
    """The narrow comes before the wide: a VF is reset, and then its PF takes it away."""
    found = set()
    for order in permutations({"at": "5ms", **event} for event in events):
        course = course_of(config_of(*order))
        found.add(tuple((life.vm, life.off_fs, life.up_fs) for life in course.lives))
    assert len(found) == 1 and found != {()}


def test_without_bus_master_enable_a_function_is_silent_until_its_driver_sets_it() -> None:
    def written(at: str, on: bool) -> dict[str, Any]:
        return {"at": at, "bus_master": {"of": "vf1", "on": on}}

    course = course_of(config_of(written("5ms", False), written("9ms", True)))
    assert off_at(course, 5 * MS) == off_at(course, 9 * MS) == {"vf1"}
    _, life = course.lives
    assert life.parts is not None and life.parts[:2] == (0, 0)
    assert life.parts.rings_fs is not None and 2 * MS < life.parts.rings_fs < 3 * MS
    assert off_at(course, 12 * MS) == set()
    course = course_of(config_of(written("5ms", False), {"at": "9ms", "reset": "vf1"}))
    assert course.lives[-1].off_fs is None and course.lives[-1].up_fs is not None
    for wrong, message in (
        ([written("9ms", True)], "Bus Master Enable of vf1 is not clear at 9ms"),
        ([written("5ms", False), written("9ms", False)], "vf1 is not there at 9ms"),
        ([{"at": "5ms", "bus_master": {"of": "vf9", "on": False}}], "no function is called 'vf9'"),
    ):
        with pytest.raises(InputError, match=message):
            course_of(config_of(*wrong))


TWO_PORTS = {"port.count": 2}  # vf0 and vf2 at p0, vf1 and vf3 at p1


def test_names_and_numbers_of_functions() -> None:
    names = function_names(3, 4, has_vfs=True)
    assert names == ["pf", "vf0", "vf1", "vf2", "pf1", "pf2", "pf3"]
    assert [function_number(name, 3) for name in names] == list(range(7))
    assert [function_name(number, 3) for number in range(7)] == names
    assert function_names(2, 2, has_vfs=False) == ["pf", "vf0", "vf1"]
    assert [is_pf(name) for name in ("pf", "a.pf2", "a.x.vf1", "vf0")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("event", "off"),
    [
        ({"reset": "pf1"}, {"pf1", "vf1", "vf3"}),
        ({"reset": "pf"}, {"pf", "vf0", "vf2"}),
        ({"enable_vfs": 0, "of": "p0"}, {"vf0", "vf2"}),
        ({"enable_vfs": 0}, {"vf0", "vf1", "vf2", "vf3"}),
        ({"unplug": "vf3"}, {"vf3"}),
    ],
)
def test_a_pf_has_the_vfs_at_its_port(event, off) -> None:
    course = course_of(config_of({"at": "5ms", **event}, **TWO_PORTS))
    assert off_at(course, 50 * MS) == off


def test_vfs_are_enabled_port_by_port_and_served_by_their_own_pf() -> None:
    gone = {"at": "5ms", "enable_vfs": 0}
    course = course_of(config_of(gone, {"at": "7ms", "enable_vfs": 1, "of": "p1"}, **TWO_PORTS))
    assert off_at(course, 290 * MS) == {"vf0", "vf2", "vf3"}
    course = course_of(config_of(gone, {"at": "7ms", "enable_vfs": 3}, **TWO_PORTS))
    assert off_at(course, 290 * MS) == {"vf3"}
    asked = config_of(gone, {"at": "7ms", "enable_vfs": 3}, **TWO_PORTS, **{"workload.load": 1e-4})
    assert {one.function for one in carried_out(asked).messages} == {"pf", "pf1"}
    for event, message in (
        ({"enable_vfs": 3, "of": "p1"}, "NumVFs 3 is above the 2 at p1"),
        ({"enable_vfs": 2, "of": "p2"}, "there is no port p2"),
        ({"enable_vfs": 2, "of": "p1"}, "2 VFs are enabled"),
        ({"reset": "pf2"}, "no function is called 'pf2'"),
    ):
        with pytest.raises(InputError, match=message):
            course_of(config_of({"at": "5ms", **event}, **TWO_PORTS))


def test_a_message_is_the_own_pf_s_and_its_tables_are_the_own_vfs() -> None:
    """Both PFs are asked in one instant, and neither waits for the other; each knows its own VFs."""
    asked = [
        {"at": "5ms", "mailbox": {"from": vf, "message": "set_vlan", "vlan": 9, "add": True}}
        for vf in ("vf0", "vf1", "vf2")
    ]
    more = {**TWO_PORTS, "workload.load": 1e-4, "run.clocks": "exact", "run.duration": "10ms"}
    config = config_of(*asked, {"at": "9ms", "pf": {"server": "p1", "promiscuous": True}}, **more)
    play = carried_out(config)
    drivers = play.scene.drivers
    assert isinstance(play, LivePlay) and drivers is not None
    first, at_p1, second = (drivers.served[at][0] for at in range(3))
    assert first.taken_fs == at_p1.taken_fs and second.taken_fs == first.answered_fs
    assert {one.function for one in play.messages} == {"pf", "pf1"}
    in_force = play.config_in_force(9 * MS)
    assert in_force is not None
    last = in_force.config
    assert [(port.name, 9 in port.vlans, port.promiscuous) for port in last.switch.ports] == [
        ("pf", False, False), ("vf0", True, False), ("vf1", True, False), ("vf2", True, False), ("vf3", False, False),
        ("pf1", False, True),
    ]  # fmt: skip
    assert [drivers.state(pf=pf).adapter.vf_names for pf in ("pf", "pf1")] == [("vf0", "vf2"), ("vf1", "vf3")]


def test_what_takes_a_function_away_ends_its_way_up() -> None:
    course = course_of(config_of({"at": "5ms", "reset": "vf1"}, {"at": "50ms", "enable_vfs": 0}))
    assert course.lives[0].up_fs is None
    assert off_at(course, 200 * MS) == {"vf0", "vf1", "vf2", "vf3"}
    assert [life.off_fs for life in course.lives if life.vm == "vf1"] == [5 * MS, None]


def test_an_interface_is_unplugged_and_plugged_in_again() -> None:
    course = course_of(config_of({"at": "5ms", "unplug": "vf1"}, {"at": "50ms", "plug": "vf1"}))
    assert off_at(course, 49 * MS) == off_at(course, 51 * MS) == {"vf1"}
    assert off_at(course, 170 * MS) == set()


@pytest.mark.parametrize(("events", "line"), [
    ([{"at": "1ms", "reset": "vf9"}], "scenario.0.reset: no function is called 'vf9' (did you mean vf"),
    ([{"at": "1ms", "enable_vfs": 5}], "scenario.0.enable_vfs: NumVFs 5 is above the 4 (nic.vfs)"),
    ([{"at": "1ms", "enable_vfs": 0, "of": "b"}], "scenario.0.enable_vfs: no adapter is called 'b'; the only one has "),
    ([{"at": "1ms", "enable_vfs": 2}], "scenario.0.enable_vfs: 4 VFs are enabled at 1ms; enable_vfs: 0 comes first"),
    ([{"at": "1ms", "unplug": "pf"}], "scenario.0.unplug: pf belongs to the host; a VF can be unplugged"),
    ([{"at": "1ms", "plug": "vf0"}], "scenario.0.plug: vf0 is not unplugged at 1ms"),
    ([{"at": "1ms", "unplug": "vf0"}, {"at": "2ms", "reset": "vf0"}], "scenario.1.reset: vf0 is not there at 2ms"),
    ([{"at": "1ms", "unplug": "vf0"}, {"at": "2ms", "mailbox": {"from": "vf0", "message": "reset"}}],
     "scenario.1.mailbox: vf0 is not there at 2ms"),
    ([{"at": "1ms", "enable_vfs": 0}, {"at": "2ms", "reset": "vf2"}], "scenario.1.reset: vf2 is not there at 2ms"),
])  # fmt: skip
def test_what_cannot_be_is_refused(events: list[dict[str, Any]], line: str) -> None:
    with pytest.raises(InputError) as caught:
        config_of(*events)
    assert caught.value.lines[0].startswith(f"configuration: {line}")


def test_with_servers_each_adapter_has_its_functions(tmp_path: Path) -> None:
    servers = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
    course = course_of(config_of({"at": "1ms", "reset": "b.vf1"}, {"at": "2ms", "enable_vfs": 0, "of": "a"}, **servers))
    assert off_at(course, 3 * MS) == {"b.vf1", "a.vf0", "a.vf1", "a.vf2", "a.vf3"}
    with pytest.raises(InputError, match="of which server"):
        course_of(config_of({"at": "2ms", "enable_vfs": 0}, **servers))
    with pytest.raises(InputError, match="no adapter is called 'c'"):
        course_of(config_of({"at": "2ms", "enable_vfs": 0, "of": "c"}, **servers))


@pytest.mark.parametrize("extra", [{}, {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}])
def test_a_run_tells_how_long_it_was_silent_and_what_was_lost(extra: dict[str, Any]) -> None:
    name = "b.vf1" if extra else "vf1"
    changes = {"run.duration": "180ms", "workload.load": 0.02, **extra}
    result = hwmodel.simulate(config_of({"at": "10ms", "reset": name}, **changes))
    assert result.series is not None
    (life,) = result.series.lives
    assert (life.vm, life.goes, life.event, life.at_ns) == (name, True, 0, 10e6)
    assert life.first_frame_ns is not None
    assert life.up_ns is not None
    assert 0 < life.first_frame_ns - life.up_ns < 1e6
    sent = result.series.vms[name].tx_gbps
    width = result.series.interval_ns
    first, last = round(life.at_ns / width), int(life.up_ns / width)
    assert max(sent[first + 1 : last]) == 0
    assert min(sent[last + 2 : -1]) > 0
    drops = {vm.name: vm.drops.get("FUNCTION_RESET", 0) + vm.drops.get("PORT_DISABLED", 0) for vm in result.vms}
    assert drops[name] == life.frames_lost
    assert sum(drops.values()) == drops[name]
    (event,) = result.series.events
    assert event.event == f"reset {name}"
    assert event.did.startswith(f"{name} silent for ")


def test_what_is_dropped_when_a_function_is_there_again_is_not_lost_by_its_going() -> None:
    """What happens at the reset is, byte for byte, what happens without the events behind it."""
    changes = {"nic.vfs": 2, "workload.load": "100Mbps", "workload.arrivals": "periodic", "run.duration": "150ms"}
    reset, back = {"at": "2ms", "unplug": "vf0"}, {"at": "4ms", "plug": "vf0"}
    disabled = {"at": "125ms", "set": {"switch.ports.vf0.enabled": False}}
    lost = []
    for later in ([], [disabled]):
        result = hwmodel.simulate(config_of(reset, back, *later, **changes))
        assert result.series is not None
        lost.append([life.frames_lost for life in result.series.lives])
    assert result.drops["PORT_DISABLED"] > 100
    assert lost[0] == lost[1]
    assert lost[1][1] == 0


def test_frames_are_lost_once_where_two_events_take_a_function_away() -> None:
    """The PF's reset takes vf0 away as well, which an event of the same instant has reset before."""
    changes = {"workload.load": "1Gbps", "run.duration": "4ms"}
    result = hwmodel.simulate(config_of({"at": "2ms", "reset": "vf0"}, {"at": "2ms", "reset": "pf"}, **changes))
    assert result.series is not None
    lost = {(life.event, life.vm): life.frames_lost for life in result.series.lives}
    dropped = result.drops["FUNCTION_RESET"] + result.drops.get("PORT_DISABLED", 0)
    assert 0 < lost[0, "vf0"] < dropped == sum(lost.values())


def test_what_is_lost_has_one_of_two_reasons() -> None:
    assert {DropReason(number).name for number in LOST} == {"FUNCTION_RESET", "PORT_DISABLED"}
    assert function_life.FUNCTION_RESET in LOST


def test_a_sweep_varies_when_an_event_is(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "nic: {vfs: 2}\nworkload: {pattern: pairs, frame_bytes: 1518}\nrun: {duration: 2ms, warmup: 200us}\n"
        "scenario: [{at: 1ms, unplug: vf1}]\n"
    )
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text("base: base.yaml\ngrid: {scenario.0.at: [500us, 1ms, 1500us]}\n")
    hwmodel.sweep(sweep, tmp_path / "out", jobs=1)
    with (tmp_path / "out" / "results.csv").open() as rows:
        rates = [float(row["totals.gbps"]) for row in csv.DictReader(rows)]
    assert rates == sorted(rates)
    assert 0 < rates[0] < 0.5 * rates[2]


def test_what_an_event_does_is_in_the_interval_behind_it() -> None:
    config = config_of({"at": "3ms", "reset": "vf1"}, **{"run.duration": "4ms", "nic.vfs": 2})
    series = hwmodel.simulate(config).series
    assert series is not None
    place, rest = divmod(3e6, series.interval_ns)
    assert rest == 0  # an interval ends as the event happens
    drops = series.vms["vf1"].drops
    assert not any(drops[: int(place)]) and drops[int(place)] > 0
