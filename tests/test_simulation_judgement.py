"""What is named, against machines whose throughput is a formula: of those the best enlargement is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.resources import BY_NAME
from hwmodel.results import CoreUse, Observation, Sighting, Suspect, sighting_of
from hwmodel.results.bottleneck import suspects_of
from hwmodel.simulation.figures.judgement import RISES, judged

CONFIG = config_from_mapping({"pcie": {"lanes": 4, "tags": 8}, "nic": {"preset": None, "tx_ring": 64, "rx_ring": 64}})
KERNEL = config_from_mapping({"driver": {"preset": "kernel"}})
BASE = {"pcie.up": 4, "pcie.tags": 8, "rx.descriptors": 64}


def seen_of(busy=None, *, open_load=False, **more) -> Sighting:
    return sighting_of(Observation(utilizations=busy or {}, open_load=open_load, offered_frames=10_000, **more))


def sizes(config) -> dict[str, int]:
    return {"pcie.up": config.pcie.lanes, "pcie.tags": config.pcie.tags, "rx.descriptors": config.nic.rx_ring}


NOT_PLAIN = seen_of({"pcie.up": 0.8, "pcie.tags": 0.9}, rx_ring_fill=1.0, read_slowness=2.0)


def smallest_of(rooms: dict[str, float]):
    """Return the throughput of a machine of which each resource lets through its size by `rooms` of today's."""
    return lambda config, _times: min(rooms[name] * size / BASE[name] for name, size in sizes(config).items())


@given(st.permutations([1.0, 1.3, 1.7]))
def test_the_scarcest_is_named_with_what_it_gives(rooms):
    rooms = dict(zip(BASE, rooms, strict=True))
    found = judged(CONFIG, NOT_PLAIN, smallest_of(rooms))
    assert rooms[found.resource] == 1.0
    assert found.gain == pytest.approx(0.3)  # then the next one holds
    assert found.also == () and " gives +30.0 %" in found.why


@given(st.permutations([1.0, 1.004, 1.5]))
def test_two_that_are_as_scarce_are_named_together(rooms):
    rooms = dict(zip(BASE, rooms, strict=True))
    found = judged(CONFIG, NOT_PLAIN, smallest_of(rooms))
    assert {rooms[name] for name in (found.resource, *found.also)} == {1.0, 1.004}
    assert found.gain == pytest.approx(0.5)
    assert "nothing made larger alone gives 2 % more" in found.why and found.why.endswith(" together give +50.0 %.")


def test_of_those_that_one_key_enlarges_the_full_one_is_named():
    """Who sends to a full port is stopped for a part of the time: its own wire has room, and the key of both is one."""
    seen = seen_of({"wire.tx": 0.6, "pcie.down": 1.0, "wire.rx": 1.0})
    by_name = {one.resource: one for one in seen.suspects}
    seen = replace(seen, suspects=tuple(by_name[name] for name in ("wire.tx", "pcie.down", "wire.rx")))  # by server
    found = judged(CONFIG, seen, lambda config, _times: config.port.rate_bps / 1e9)
    assert (found.resource, found.gain) == ("wire.rx", pytest.approx(1))
    assert "not always full" not in found.why


def test_of_a_pair_that_waits_for_each_other_both_are_told():
    # A round trip of time at the link and of time in the ring: each made twice as large saves half of its part.
    def measure(config, _times):
        return 1 / (0.6 * BASE["pcie.up"] / config.pcie.lanes + 0.4 * BASE["rx.descriptors"] / config.nic.rx_ring)

    found = judged(CONFIG, NOT_PLAIN, measure)
    assert (found.resource, found.also, found.gain) == ("pcie.up", ("rx.descriptors",), pytest.approx(1 / 0.7 - 1))
    assert "It limits though it is not always full" in found.why
    assert "pcie.lanes: 4 -> 8 gives +42.9 %, nic.rx_ring: 64 -> 128 gives +25.0 %" in found.why


def test_what_loses_bursts_is_not_said_to_have_so_many_under_way_at_most():
    """Frames of an open load do not follow each other: more gets through where less drops."""
    lossy = seen_of({"pcie.up": 0.8}, open_load=True, drops={"RX_BUFFER_FULL": 1000})
    found = judged(CONFIG, lossy, smallest_of(dict.fromkeys(BASE, 1.5) | {"pcie.up": 1.0}))
    assert (found.resource, found.gain) == ("pcie.up", pytest.approx(0.5))
    assert " full: frames come in bursts that find no room and drop, and with more of it fewer do." in found.why


def test_a_policer_is_not_said_to_have_so_many_under_way_at_most():
    """It is nothing that fills: it drops what is over its rate."""
    config = config_from_mapping(
        {"nic": {"strict": False}, "switch": {"acl": [{"action": "police", "rate": "500Mbps", "burst": "3KiB"}]}}
    )
    policed = seen_of({"pcie.up": 0.3}, open_load=True, drops={"RATE_LIMITED": 6000})
    found = judged(config, policed, lambda one, _times: float(one.switch.acl[0].rate_bps))
    assert (found.resource, found.gain) == ("rate_limit", pytest.approx(1))
    assert "not always full" not in found.why
    assert "rate: 500Mbps -> 1Gbps gives +100.0 %" in found.why


@pytest.mark.parametrize("part", ["frame_time", "byte_time", "doorbell_time", "interrupt_time"])
def test_of_a_core_the_keys_are_those_that_fill_it(part):
    weights = {name: 0.03 for name in ("frame_time", "byte_time", "doorbell_time", "interrupt_time")} | {part: 0.91}

    def measure(config, _times):
        work = sum(
            weight * getattr(config.driver, f"{name}_fs") / getattr(KERNEL.driver, f"{name}_fs")
            for name, weight in weights.items()
        )
        return 1 / work

    found = judged(KERNEL, seen_of({"driver.rx": 0.99}), measure)
    assert (found.resource, found.keys) == ("driver.rx", (f"driver.{part}",))
    assert found.gain == pytest.approx(1)


def refuse(_config, _times):
    raise AssertionError("a plain case was measured")


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (seen_of({"pcie.up": 0.99, "pcie.down": 0.93, "wire.tx": 0.6}), "pcie.up"),  # lanes widen both
        (seen_of({"pcie.up": 0.6}, open_load=True), "offered_load"),
        (seen_of({"wire.tx": 0.995, "pcie.tags": 1.0}, waits={"pcie.tags": 0.9}, read_slowness=3.0), "wire.tx"),
    ],
)
def test_what_is_plain_is_not_measured(seen, name, monkeypatch):
    # Nor is a larger configuration made, which takes longer than all else.
    monkeypatch.setattr("hwmodel.relaxations.relaxation.config_from_mapping", refuse)
    found = judged(CONFIG, seen, refuse)
    assert (found.resource, found.gain) == (name, None)


@pytest.mark.parametrize(
    "seen",
    [
        seen_of({"pcie.up": 0.99, "wire.tx": 0.93}),
        seen_of({"pcie.up": 0.99}, drops={"NO_DESCRIPTOR": 500}),
        seen_of({"pcie.up": 0.7}, drops={"TX_RING_FULL": 900}, open_load=True),
        seen_of({"pcie.down": 0.999}, drops={"RATE_LIMITED": 9000}),  # of senders that send all they can
        seen_of({"pcie.down": 0.999}, drops={"RECEIVE_LIMIT": 4000}),
    ],
)
def test_what_is_not_plain_is_measured(seen):
    asked = []
    judged(CONFIG, seen, lambda config, times: asked.append(times))
    assert asked


@pytest.mark.parametrize(("policed", "reason", "text"), [
    ({"acl": [{"action": "police", "rate": "1Gbps", "burst": "64KiB"}]}, "RATE_LIMITED",
     "The configured rate limits dropped 9,000 of 10,000 frames. Short runs"),
    ({"ports": [{"name": "vf0", "receive_limit": "1Gbps"}]}, "RECEIVE_LIMIT",
     "The configured rate limits dropped 9,000 copies of 10,000 frames. Short runs"),
])  # fmt: skip
def test_a_policer_limits_though_the_link_is_full_of_what_it_drops(policed, reason, text):
    """Nothing follows sooner, and no room is found, where a configured rate is higher."""
    config = config_from_mapping({"switch": policed})

    def measure(config, _times):
        rates_bps = [entry.rate_bps for entry in config.switch.acl]
        rates_bps += [port.receive_limit_bps for port in config.switch.ports if port.receive_limit_bps]
        return sum(rates_bps) / 1e9

    found = judged(config, seen_of({"pcie.down": 0.999}, drops={reason: 9000}), measure)
    assert (found.resource, found.gain) == ("rate_limit", pytest.approx(1.0))
    assert found.why.startswith(text)


def test_a_small_gain_is_measured_over_longer_windows():
    def measure(config, times):
        by_chance = 0.012 if times == 1 and config.pcie.tags > 8 else 0.0
        return 1.0 + by_chance + 0.015 * (config.pcie.lanes > 4) + 0.3 * (config.pcie.lanes > 4 and times > 1)

    found = judged(CONFIG, NOT_PLAIN, measure)
    assert (found.resource, found.gain) == ("pcie.up", pytest.approx(0.315))


def test_more_load_is_what_is_missing_where_it_brings_more_and_nothing_is_full():
    config = config_from_mapping({"workload": {"load": "1Gbps"}})
    seen = seen_of({"pcie.up": 0.6}, open_load=True, backlog_frames=200)
    found = judged(config, seen, lambda one, _times: one.workload.load.rate_bps / 1e9)
    assert found.resource == "offered_load" and "Nothing is full" in found.why


@pytest.mark.parametrize(("lost", "named"), [(100, "offered_load"), (300, "pcie.up")])
def test_more_load_is_what_is_missing_though_some_frames_meet_a_full_queue(lost, named):
    """1 % of the frames, if all got through, are less than any gain that counts; 3 % are not."""
    config = config_from_mapping({"workload": {"load": "1Gbps"}})
    seen = seen_of({"pcie.up": 0.6}, open_load=True, drops={"QUEUE_FULL": lost})
    found = judged(config, seen, lambda one, _times: one.workload.load.rate_bps / 1e9)
    assert (found.resource, found.also) == (named, () if named == "offered_load" else ("offered_load",))
    assert ("100 of 10,000 frames met a full queue in a burst" in found.why) == (named == "offered_load")


def test_the_load_of_one_flow_is_no_limit_where_two_parts_are_full_for_another():
    """Three parts of the throughput go through a link and its tags, a fourth is as its own load, through idle rings."""
    config = config_from_mapping(CONFIG.resolved(), {"workload.load": "1Gbps"})
    seen = seen_of({"pcie.up": 1.0, "pcie.tags": 1.0}, open_load=True, rx_ring_fill=0.06, drops={"RX_BUFFER_FULL": 120})
    idle_first = replace(seen, suspects=tuple(sorted(seen.suspects, key=lambda one: one.use)))

    def measure(changed, _times):
        full = min(sizes(changed)[name] / BASE[name] for name in ("pcie.up", "pcie.tags"))
        return 3 * full + changed.workload.load.rate_bps / 1e9

    found = judged(config, idle_first, measure)
    assert {found.resource, *found.also} == {"pcie.up", "pcie.tags"} and found.gain == pytest.approx(0.75)


def test_what_no_share_tells_of_is_found_all_the_same():
    found = judged(CONFIG, NOT_PLAIN, lambda one, _times: 1e9 / one.host.read_latency_fs)
    assert (found.resource, found.keys) == ("host.read_latency", ("host.read_latency",))
    assert found.gain == pytest.approx(1, rel=RISES)


def test_what_cannot_be_measured_is_told_by_the_shares():
    assert judged(CONFIG, NOT_PLAIN, lambda _config, _times: None).resource == "pcie.up"


ALIKE = {
    ("a", "b"): [{"name": "a"}, {"name": "b"}],
    ("a.x", "a.y"): [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}],
}


def of_each(names, busy, **more):
    """Return what is seen of servers or adapters that are all as busy, and their configuration."""
    blocks = {"servers": ALIKE[names], "bridge": {"kind": "learning"}, "pcie": {"lanes": 4, "tags": 8}}
    one = Observation(utilizations=busy, open_load=False, **more)
    config = config_from_mapping({**blocks, "nic": {"vfs": 2}})
    suspects = [found for server in servers_of(config) for found in suspects_of(one, server.prefix, server.key)]
    load = Suspect(resource="offered_load", share=0.9, use=0.0, why="", keys=BY_NAME["offered_load"].keys).bottleneck
    seen = Sighting(suspects=tuple(suspects), load=load, is_load_enough=False)
    return config, seen


@pytest.mark.parametrize("names", ALIKE)
def test_what_short_runs_name_of_all_that_are_alike_is_not_told_as_full_again(names):
    """Time at the link, and time for which a tag is held: of each tags and links two, named once each."""
    config, seen = of_each(names, {"pcie.up": 0.95, "pcie.tags": 0.99}, waits={"pcie.tags": 0.99}, tags=8)

    def measure(changed, _times):
        return 1 / max(0.6 * 4 / one.config.pcie.lanes + 0.4 * 8 / one.config.pcie.tags for one in servers_of(changed))

    found = judged(config, seen, measure)
    every = [f"{name}.{one}" for one in ("pcie.up", "pcie.tags") for name in names]
    assert [found.resource, *found.also] == every and "As full" not in found.why


@pytest.mark.parametrize("names", ALIKE)
def test_what_only_all_that_are_alike_raise_together_is_told_so(names):
    config, seen = of_each(names, {"pcie.up": 0.9, "nic.pipeline": 0.9})

    def measure(changed, _times):
        return float(min(server.config.pcie.lanes for server in servers_of(changed)))

    found = judged(config, seen, measure)
    (one, other), key = names, [servers_of(config)[at].key("pcie.lanes") for at in (0, 1)]
    assert (found.resource, found.also, found.gain) == (f"{one}.pcie.up", (f"{other}.pcie.up",), pytest.approx(1))
    assert set(key) <= set(found.keys)
    assert "nothing made larger alone gives 2 % more" in found.why
    assert f"pcie.lanes: 4 -> 8 in each of {one}, {other} together give +100.0 %" in found.why


@pytest.mark.parametrize("names", ALIKE)
@pytest.mark.parametrize("at", [0, 1])
def test_of_what_is_alike_the_one_that_helps_is_named_and_made_larger_alone(names, at):
    """Both links are as busy; what one of them lets through is all that counts."""
    config, seen = of_each(names, {"pcie.up": 0.99, "nic.pipeline": 0.9})
    asked = []

    def measure(changed, _times):
        asked.append(tuple(server.config.pcie.lanes for server in servers_of(changed)))
        return float(servers_of(changed)[at].config.pcie.lanes)

    found = judged(config, seen, measure)
    own = servers_of(config)[at]
    assert (found.resource, found.gain) == (f"{names[at]}.pcie.up", pytest.approx(1))
    assert found.keys == (own.key("pcie.lanes"), own.key("pcie.generation"))
    assert f"{own.key('pcie.lanes')}: 4 -> 8 gives +100.0 %" in found.why and " in each of " not in found.why
    assert (8, 4) in asked and (4, 8) in asked


def test_of_cores_with_drivers_of_their_own_the_one_that_helps_is_named():
    """Both are full: one sends twice as fast with a faster driver, of the other the core merely polls."""
    own = {"vf0": {"frame_time": "2us"}, "vf1": {"frame_time": "3us"}}
    config = config_from_mapping({"nic": {"vfs": 2}, "driver": {"preset": "dpdk", "vms": own}})
    cores = [CoreUse(vm=vm, blocks=(f"driver.vms.{vm}",), tx=0.99, rx=0.0) for vm in own]
    seen = seen_of({}, other_cores=tuple(cores)).suspects
    found = judged(
        config, replace(seen_of({}), suspects=seen), lambda one, _times: 1e9 / one.driver.vms["vf1"].frame_time_fs
    )
    assert (found.resource, found.keys) == ("driver.tx", ("driver.vms.vf1.frame_time",)), found.why
    assert "driver.vms.vf1.frame_time: 3us -> 1.5us gives +100.0 %" in found.why or "(vf1) gives +100.0 %" in found.why


def test_a_latency_that_limits_is_not_said_to_be_full_at_times():
    """Nothing fills it: where it is named, what resources there are have room."""

    def measure(config, _times):
        return 1e9 / config.host.read_latency_fs

    found = judged(CONFIG, NOT_PLAIN, measure)
    assert found.keys == ("host.read_latency",)
    assert found.why.startswith("What resources there are have room. Frames go through one step after another ")
