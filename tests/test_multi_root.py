"""Several hosts at one adapter in whole runs: shares, what a host's reset and flood cost others, who controls."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.limits_text import limits_text
from hwmodel.analytic.weighted_shares import shares_by_weight
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.config.control_plane import Held
from hwmodel.config.life import RESET_FS, course_of
from hwmodel.errors import InputError
from hwmodel.relaxations.resources import switch_resources
from hwmodel.report import render_page
from hwmodel.results import Result, SystemResult
from hwmodel.results.bottleneck_text import busy_multi_root_link
from hwmodel.results.summary import summary
from hwmodel.simulation import simulate
from hwmodel.words.events import flood_text, host_event_text

HOSTS = "abcd"
BASE: dict[str, Any] = {
    "pcie": {"generation": 2, "lanes": 8}, "nic": {"vfs": 2}, "run": {"warmup": "1ms", "duration": "1ms"},
    "workload": {"pattern": "pairs", "frame_bytes": 1518}, "servers": [{"name": name} for name in HOSTS],
    "multi_root": {"ports": 4, "hosts": {name: {"lanes": 4} for name in HOSTS}},
}  # fmt: skip
LATE = {"at": "1999us", "set": {"multi_root.hosts.a.weight": 9}}  # behind which nothing limits any more
MS_FS = 10**12
MOST = {"a": Fraction(1, 8), "b": Fraction(1, 2), "c": Fraction(1, 2), "d": Fraction(1, 2)}


def with_events(*events: dict[str, Any], **more: Any) -> Config:
    return config_from_mapping(BASE, {"scenario": list(events), **more})


def rates(result: Result) -> dict[str, float]:
    assert isinstance(result, SystemResult)
    return {each.name: each.rx_gbps or 0.0 for each in result.adapters}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, float]:
    return rates(simulate(with_events(LATE)))


def test_hosts_share_the_adapters_link_by_weight_in_bytes() -> None:
    weights = {f"multi_root.hosts.{name}.weight": weight for name, weight in zip(HOSTS, (3, 2, 2, 1), strict=True)}
    result = simulate(with_events(LATE, **weights))
    (shared, *own) = result.pcie_switches
    assert [port.weight for port in shared.ports] == [3, 2, 2, 1]
    assert [port.share for port in shared.ports] == pytest.approx([3 / 8, 1 / 4, 1 / 4, 1 / 8], abs=0.002)
    assert shared.up.utilization > 0.999
    assert isinstance(result, SystemResult)
    for way in ("up", "down"):  # the SKPs of the link that they share are no host's
        parts = [getattr(each.pcie, way) for each in result.adapters]
        assert sum(one.utilization for one in parts) == pytest.approx(getattr(shared, way).utilization, abs=0.001)
        assert all(one.bytes.skp == 0 for one in parts)
    assert [one.name for one in own] == [f"multi_root.{name}" for name in HOSTS]
    assert sum(one.up.tlp_bytes for one in own) == pytest.approx(shared.up.tlp_bytes, rel=0.005)


def test_a_window_shows_the_weights_that_hold_in_it() -> None:
    """Hosts that are alike at the start share the link by the weights that they have from 100 us on."""
    weights = {f"multi_root.hosts.{name}.weight": weight for name, weight in zip(HOSTS, (3, 2, 2, 1), strict=True)}
    shared = simulate(with_events({"at": "100us", "set": weights})).pcie_switches[0]
    assert [port.weight for port in shared.ports] == [3, 2, 2, 1]
    assert [port.share for port in shared.ports] == pytest.approx([3 / 8, 1 / 4, 1 / 4, 1 / 8], abs=0.002)


def test_the_shared_link_is_what_limits_and_carries_its_closed_form(undisturbed: dict[str, float]) -> None:
    """The link that all share carries what each host's own does, and a run comes near it."""
    found = limits(with_events())
    assert found.limited_by == "multi_root.up"
    (up,) = [one for one in found.ceilings if one.resource == "multi_root.up"]
    own = {one.resource: one.per_frame for one in found.ceilings}
    assert up.per_frame == pytest.approx(sum(own[f"multi_root.{name}.up"] for name in HOSTS))
    assert "multi_root.a.up" in limits_text(found)
    assert sum(undisturbed.values()) == pytest.approx(found.gbps, rel=0.05)  # buffers still fill in the first 2 ms


def test_the_shares_that_limits_says_are_those_of_what_hosts_offer_not_of_one_mix_that_carries_most() -> None:
    """By hand: a's two cores post 3.982 / 4 M frames/s of 2.1876 M, b has one lane of eight, c and d halve the rest."""
    found = limits(load_config("multi_root", {"multi_root.hosts.a.weight": 100, "multi_root.hosts.b.lanes": 1}))
    (said,) = [note for note in found.notes if "by their weights" in note]
    assert said.endswith("a 45.5 %, b 12.5 %, c 21.0 %, d 21.0 %.")


def test_what_a_narrow_host_cannot_use_goes_to_the_others_by_weight() -> None:
    """Host a has one lane, 1/8 of the shared link; the other 7/8 are for b, c and d, 2, 1 and 1 parts of four."""
    weights = dict(zip(HOSTS, (9, 2, 1, 1), strict=True))
    assert list(shares_by_weight(weights, MOST).values()) == [1 / 8, 7 / 16, 7 / 32, 7 / 32]
    keys = {"multi_root.hosts.a.lanes": 1, "multi_root.hosts.a.weight": 9}
    expected = [1 / 8, 7 / 24, 7 / 24, 7 / 24]
    assert "of multi_root.up: a 12.5 %, b 29.2 %, c 29.2 %, d 29.2 %." in limits_text(limits(with_events(**keys)))
    shared = simulate(with_events(LATE, **keys)).pcie_switches[0]
    assert [port.share for port in shared.ports] == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(
    "event",
    [
        {"reset_host": "a"},
        {"fail": "a"},
        {"flood": {"from": "a.vf0", "every": "20ns", "for": "1ms"}},
    ],
)
def test_what_happens_to_a_host_costs_others_less_than_a_hundredth(
    event: dict[str, Any], undisturbed: dict[str, float]
) -> None:
    """In the millisecond behind it, beside the same millisecond without it; host a itself loses most or all."""
    found = rates(simulate(with_events({"at": "1ms", **event})))
    assert found["a"] < 0.2 * undisturbed["a"]
    for name in HOSTS[1:]:
        assert found[name] > 0.99 * undisturbed[name]


@pytest.fixture(scope="module")
def leaderless() -> Result:
    """Return a run in which the controlling host fails, a change waits and is done, and another one waits for good."""
    config = with_events(
        {"at": "1ms", "fail": "a"},
        {"at": "1100us", "set": {"multi_root.hosts.b.weight": 3}},
        {"at": "1300us", "take_over": "b"},
        {"at": "1500us", "fail": "b"},
        {"at": "1600us", "unplug": "c.vf0"},
        **{"multi_root.control": "a"},
    )
    return simulate(config)


@pytest.mark.usefixtures("no_figures")
def test_a_controlling_host_that_fails_lets_traffic_go_on_and_changes_wait(leaderless: Result) -> None:
    assert leaderless.series is not None
    told = {event.event: (event.at_ns, event.did) for event in leaderless.series.events}
    assert "nobody controls the adapter until 1.30 ms: traffic goes on, changes wait" in told["host a fails"][1]
    at_ns, did = told["multi_root.hosts.b.weight = 3"]
    assert at_ns == 1.3e6
    assert did.startswith("asked for at 1.10 ms, it waited 200 us for the control plane")
    assert told["unplug c.vf0"] == (
        1.6e6, "not done: it waits for the control plane, which nobody has from 1.50 ms on"
    )  # fmt: skip
    assert leaderless.series.vms["c.vf0"].rx_gbps[-1] > 5  # it is still there, and has what others leave
    assert "nobody controls the adapter" in summary(leaderless, verbose=True)
    assert "nobody has from 1.50 ms on" in render_page([leaderless], [""])
    again = Result.from_json(leaderless.to_json()).series
    assert again is not None and again.events == leaderless.series.events


def test_changes_wait_one_behind_the_other_and_a_host_that_is_back_goes_on_controlling() -> None:
    config = with_events(
        {"at": "1ms", "reset_host": "a"},
        {"at": "1200us", "set": {"multi_root.hosts.b.weight": 3}},
        {"at": "1100us", "set": {"multi_root.hosts.b.weight": 2}},
        {"at": "1100us", "set": {"switch.ports.vf0.rate_limit": "1Gbps"}},
        **{"multi_root.control": "a"},
    )
    course = course_of(config)
    up_fs = next(life.up_fs for life in course.lives if life.vm == "a.pf")
    assert up_fs is not None and up_fs > MS_FS + RESET_FS
    assert course.control.held == {2: Held(1_100 * 10**9, up_fs), 1: Held(1_200 * 10**9, up_fs)}
    # On the real link the host is up, and both are done, 1 fs apart and in the order in which they were asked for.
    quiet = {"workload": {"pattern": "pairs", "load": 1e-4}, "run": {"warmup": "1ms", "duration": "115ms"}}
    result = simulate(config.with_overrides({**quiet, "run.clocks": "exact"}))
    assert result.series is not None
    (life,) = (one for one in result.series.lives if one.vm == "a.pf")
    at_ns = [event.at_ns for event in result.series.events]
    assert life.up_ns is not None
    assert [event.event.partition(" ")[0] for event in result.series.events[2:]] == ["multi_root.hosts.b.weight"] * 2
    assert [event.event[-1] for event in result.series.events[2:]] == ["2", "3"]
    assert at_ns[2:] == pytest.approx([life.up_ns, life.up_ns], abs=1e-5)


def test_a_change_may_wait_for_a_condition_and_then_for_the_control_plane() -> None:
    events = (
        {"when": {"vm": "a.vf0", "delivered": 5}, "fail": "a"},
        {"when": {"vm": "a.vf0", "up": False}, "set": {"multi_root.hosts.b.weight": 2}},
    )
    short = {"multi_root.control": "a", "run.warmup": "100us", "run.duration": "50us"}
    series = simulate(with_events(*events, **short)).series
    assert series is not None
    failed, waits = series.events
    assert failed.event == "host a fails, as a.vf0 had received 5 frames"
    assert failed.at_ns is not None and waits.at_ns is not None
    assert failed.at_ns < waits.at_ns < failed.at_ns + 5_000  # each once all hosts can know of it
    assert waits.did.startswith("not done: it waits for the control plane, which nobody has from")


def held(config: Config) -> Mapping[int, Held]:
    return course_of(config).control.held


def test_a_dedicated_processor_survives_all_hosts_until_it_fails_itself() -> None:
    change = {"at": "1500us", "set": {"multi_root.hosts.b.weight": 3}}
    assert held(with_events({"at": "1ms", "fail": "a"}, change)) == {}
    assert held(with_events({"at": "1ms", "fail": "dedicated"}, change)) == {1: Held(1_500 * 10**9, None)}
    of_one_instant = [{"at": "1500us", "fail": "dedicated"}, change]
    for written in (of_one_instant, of_one_instant[::-1]):
        assert set(held(with_events(*written)).values()) == {Held(1_500 * 10**9, None)}
    assert held(with_events(*of_one_instant, {"at": "1500us", "take_over": "b"})) == {}
    for_no_time = {"at": "2ms", "take_over": "b"}, {"at": "2ms", "fail": "b"}
    assert held(with_events({"at": "1ms", "fail": "dedicated"}, change, *for_no_time)) == {1: Held(1_500 * 10**9, None)}
    with pytest.raises(InputError, match=r"scenario\.1\.take_over: a\.pf is not there at 1\.5ms"):
        course_of(with_events({"at": "1ms", "fail": "a"}, {"at": "1500us", "take_over": "a"}))


def test_a_host_that_is_reset_comes_again_with_all_its_functions() -> None:
    """The PF as after a reset of its own, then its VFs as behind VF Enable; all are silent from the same instant."""
    lives = course_of(with_events({"at": "1ms", "reset_host": "b"})).lives
    assert [(life.vm, life.off_fs) for life in lives] == [(f"b.{each}", MS_FS) for each in ("pf", "vf0", "vf1")]
    pf, *vfs = lives
    assert pf.parts is not None and pf.up_fs is not None
    assert pf.parts.reset_fs == RESET_FS
    for vf in vfs:
        assert vf.parts is not None and vf.up_fs is not None
        assert vf.parts.reset_fs == pf.up_fs - MS_FS + RESET_FS
        assert vf.up_fs == MS_FS + sum(part or 0 for part in vf.parts)


def test_doorbells_of_a_function_that_goes_end_with_it() -> None:
    flood = {"at": "1ms", "flood": {"from": "a.vf0", "every": "1us", "for": "10us"}}
    config = with_events(flood, {"at": "1004500ns", "reset": "a.vf0"})
    (one,) = course_of(config).floods.values()
    assert one.n_written(2 * MS_FS) == 5
    assert one.goes_fs == one.over_fs == 1_004_500 * 10**6
    n_bytes = []
    for events in ([flood], [flood, {"at": "1004500ns", "reset": "a.vf0"}], []):
        quiet = with_events(*events, **{"workload": {"pattern": "pairs", "load": 1e-4}})
        own = simulate(quiet.with_overrides({"run": {"warmup": "500us", "duration": "1ms"}})).servers[0]
        n_bytes.append(own.pcie.down.bytes.doorbell)
    assert n_bytes[1] - n_bytes[2] < n_bytes[0] - n_bytes[2]


def test_each_link_is_named_with_the_keys_that_make_it_wider() -> None:
    larger = dict(switch_resources(with_events()))
    assert larger["multi_root.up", "multi_root.down"] == [("pcie.lanes", 8, 16)]
    assert larger["multi_root.b.up", "multi_root.b.down"] == [("multi_root.hosts.b.lanes", 4, 8)]
    assert larger["multi_root.latency",] == [("multi_root.inside_latency", "20ns", "10ns")]
    assert larger["multi_root.b.latency",] == [("multi_root.latency", "150ns", "75ns")]
    shared = busy_multi_root_link("multi_root", "toward", ["a", "b"], 1.0)
    assert shared.startswith("The adapter's link, which hosts a, b share, is busy 100.0 % of the window toward the")
    own = busy_multi_root_link("multi_root.b", "from", ["b"], 0.5)
    assert own == "The link of the multi-root switch to host b is busy 50.0 % of the window from it."


def test_words_name_hosts_and_the_switchs_own_processor() -> None:
    assert host_event_text("take_over", None) == "the switch's own processor takes over the control plane"
    assert host_event_text("reset_host", "b") == "host b is reset"
    assert flood_text("a.vf0", 20_000, 50) == "a.vf0 writes 20,000 doorbells, one each 50.0 ns"
    assert flood_text("a.vf0", 1, 50) == "a.vf0 writes 1 doorbell"
