"""Shares of a full port of the bridge: the laws against a count slot by slot, the closed form against runs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwmodel import limits
from hwmodel.analytic.port_shares import kept_at_random, kept_beside_one_in_step, port_shares
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Leg, Offered, Onward, nothing_of
from hwmodel.config import load_config
from tests.run_cases import measured

FAST_LINK = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8, "nic.vfs": 4}


def sent_times(rate, n_slots, rng):
    """Return when the frames of a wire have come that are offered at random; each takes a slot on the wire."""
    offered = np.cumsum(rng.exponential(1 / rate, int(1.1 * rate * n_slots)))
    frame = np.arange(len(offered))
    times = np.maximum.accumulate(offered - frame) + frame + 1  # of each the slot begins as it and the wire are there
    assert times[-1] > n_slots
    return times


def counted(wires, n_slots):
    """Return the frames a slot that get in of each wire where the port sends one at the end of each slot."""
    times = np.concatenate(wires)
    order = np.argsort(times, kind="stable")[: np.count_nonzero(times < n_slots)]
    # By each time at most one more than slots that are over has got in: of n frames the least that any of them left.
    before = np.arange(len(order) + 1)
    most = np.concatenate([[0], times[order].astype(np.int64) + 1])
    n_in = np.minimum.accumulate(most - before) + before
    wire = np.repeat(np.arange(len(wires)), [len(one) for one in wires])[order]
    return (np.bincount(wire, np.diff(n_in), len(wires)) / n_slots).tolist()


@pytest.mark.parametrize(("rates", "off"), [
    ((0.8, 0.4), 0.01), ((0.95, 0.2), 0.01), ((0.8, 0.4, 0.4), 0.01), ((0.8, 0.8, 0.2), 0.015),
    ((0.6, 0.6, 0.6, 0.1), 0.015), ((0.6, 0.6, 0.1), 0.01), ((0.3,) * 6, 0.015),
])  # fmt: skip
def test_wires_at_random(rates, off):
    rng, n_slots = np.random.default_rng(5), 400_000
    expected = counted([sent_times(rate, n_slots, rng) for rate in rates], n_slots)
    found = kept_at_random(rates)
    assert found == pytest.approx(expected, rel=off)
    assert sum(found) == pytest.approx(1, abs=2e-3)


def test_two_wires_lose_as_many_frames_each():
    first, second = kept_at_random((0.9, 0.3))
    assert (0.9 - first, 0.3 - second) == pytest.approx((0.1, 0.1), abs=1e-9)


@pytest.mark.parametrize(("period", "slot", "rates"), [
    (4, 10, (0.2,)), (4, 10, (0.2, 0.1)), (10, 10, (0.3,)), (5, 10, (0.3,)), (1538, 1544, (0.25,)), (3, 10, (0.2, 0.3)),
])  # fmt: skip
def test_wires_beside_one_in_step(period, slot, rates):
    rng, n_slots = np.random.default_rng(6), 400_000
    # In step: there at the very begin of a slot, before all that comes in it.
    steady = np.arange(n_slots * slot // period) * period / slot
    expected = counted([steady, *(sent_times(rate, n_slots, rng) for rate in rates)], n_slots)[1:]
    found = kept_beside_one_in_step(period, slot, rates)
    assert found == pytest.approx(expected, rel=0.025, abs=1e-4)


def test_a_step_that_hardly_moves_is_left_to_a_run():
    assert kept_beside_one_in_step(10**6 - 1, 10**6, (0.3,)) is None


def flows(changes, *listed, names="abcd", duration="100ms"):
    servers = [{"name": name} | ({"set": changes[name]} if name in changes else {}) for name in names]
    return load_config("sriov_10g_gen2x4", FAST_LINK | {
        "servers": servers, "bridge": {"announce": True}, "run": {"duration": duration, "clocks": "exact"},
        "workload": {"pattern": "flows", "frame_bytes": 1518, "arrivals": "poisson", "flows": list(listed)},
    } | {key: value for key, value in changes.items() if "." in key})  # fmt: skip


OF_A, OF_B, OF_D = (f"{name}.vf0" for name in "abd")
S_CHANNEL = {"switch.mode": "multichannel", "switch.s_channels": {20: "vepa"},
             "switch.ports": [{"name": "vf0", "s_channel": 20}]}  # fmt: skip
SHORT = {"run.duration": "40ms"}  # for a law that leaves nothing to chance
# What each server sends to c, by law and how far a run of 0.1 s may be off: it is one draw of the arrivals.
CASES = {
    "one floods": (SHORT, "in_step", 0.001, [[OF_A, "c.vf0"], [OF_B, "c.vf0", "2Gbps"]]),
    "its four VMs flood": (SHORT, "in_step", 0.001,
                           [*([f"a.vf{k}", "c.vf0"] for k in range(4)), [OF_B, "c.vf1", "5Gbps"]]),
    "two flood": (SHORT, "in_step", 0.03, [[OF_A, "c.vf0"], [OF_B, "c.vf0"], [OF_D, "c.vf0", "1Gbps"]]),
    "three flood": (SHORT, "in_step", 0.03, [[OF_A, "c.vf0"], [OF_B, "c.vf0"], [OF_D, "c.vf0"]]),
    "one floods, faster": ({"a": {"nic.strict": False, "port.rate": "25Gbps"}}, "in_step", 0.01,
                           [[OF_A, "c.vf0"], [OF_B, "c.vf0", "3Gbps"]]),
    "one floods, with tags": ({"a": S_CHANNEL}, "random", 0.01, [[OF_A, "c.vf0"], [OF_B, "c.vf0", "3Gbps"]]),
    "nearly a flood": ({}, "random", 0.01, [[OF_A, "c.vf0", "8Gbps"], [OF_B, "c.vf0", "4Gbps"]]),
    "short frames": ({"workload.frame_bytes": 256, "run.duration": "30ms"}, "random", 0.01,
                     [[OF_A, "c.vf0", "7Gbps"], [OF_B, "c.vf0", "4Gbps"]]),
    "from outside": ({"run.duration": "600ms"}, "random", 0.01,
                     [["uplink", "c.vf0", "8Gbps"], [OF_B, "c.vf0", "3Gbps"]]),
    "three at random": ({"run.duration": "600ms"}, "random", 0.01,
                        [[OF_A, "c.vf0", "8Gbps"], [OF_B, "c.vf0", "4Gbps"], [OF_D, "c.vf0", "4Gbps"]]),
    "one of three has little": ({"run.duration": "600ms"}, "random", 0.01,
                                [[OF_A, "c.vf0", "6Gbps"], [OF_B, "c.vf0", "6Gbps"], [OF_D, "c.vf0", "1Gbps"]]),
    "one wire alone": (SHORT | {"a": {"nic.strict": False, "port.rate": "25Gbps"}}, "alone", 0.001,
                       [[OF_A, "c.vf0"], [OF_B, "a.vf1", "2Gbps"]]),
}  # fmt: skip


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", CASES)
def test_a_run_shares_a_full_port_so(name):
    changes, law, off, listed = CASES[name]
    # Beside them e and f, who have nothing to do with the port.
    config = flows(changes, *listed, ["e.vf0", "f.vf0", "3Gbps"], ["f.vf1", "a.vf3", "1Gbps"], names="abcdef")
    (port,) = limits(config).full_ports
    assert (port.port, port.law) == ("bridge.c", law)
    result = measured(config)
    got = dict.fromkeys((one.wire for one in port.wires), 0.0)
    for flow in result.flows:
        server = flow.from_.rpartition(".")[0]
        if flow.to.startswith("c."):
            got[f"{server}.wire.tx" if server else "bridge.outside in"] += flow.mpps
    assert {one.wire: one.kept_mpps for one in port.wires} == pytest.approx(got, rel=off, abs=1e-6)
    assert sum(got.values()) == pytest.approx(port.sent_mpps, rel=1e-3)
    drops = {one.name: one.drops for one in result.bridges[0].ports}
    assert set(drops.pop("c")) == {"QUEUE_FULL"} and not any(drops.values())


def test_shares_are_not_said_where_the_law_is_not_known():
    two = [[OF_A, "c.vf0", "8Gbps"], [OF_B, "c.vf0", "4Gbps"]]
    mixed = {"workload.frame_bytes": None, "workload.sizes": [[64, 1], [1518, 1]]}
    for changes in (
        {"bridge.sharing": "all"},
        mixed,
        {"workload.arrivals": "periodic"},
        {"b": {"nic.strict": False, "port.rate": "25Gbps"}},
    ):
        (port,) = limits(flows(changes, *two)).full_ports
        assert port.law == "unknown" and [one.kept_mpps for one in port.wires] == [None, None]
        assert (
            port.arriving_mpps
            > port.sent_mpps
            == pytest.approx(10e3 / 8 / 1538 if "workload.sizes" not in changes else 10e3 / 8 / 811, rel=1e-6)
        )


@pytest.mark.real_clocks
def test_a_wire_whose_clock_drifts_is_not_in_step():
    """By some ppm it slides through the port's slots: others get half of what they bring, in a window of many turns."""
    two = {"run.clocks": "1000ppm"}, [OF_A, "c.vf0"], [OF_B, "c.vf0", "2Gbps"]
    (port,) = limits(flows(*two)).full_ports
    assert (port.law, [one.kept_mpps for one in port.wires]) == ("unknown", [None, None])
    (exact,) = limits(flows({}, *two[1:])).full_ports  # the same machine but for its clocks
    assert exact.law == "in_step"
    got = {flow.from_: flow.mpps for flow in measured(flows(*two)).flows}
    assert got[OF_B] == pytest.approx(2e3 / 8 / 1518 / 2, rel=0.05)


def test_a_port_with_room_is_not_listed():
    assert limits(flows({}, [OF_A, "c.vf0", "5Gbps"], [OF_B, "c.vf0", "4Gbps"])).full_ports == ()
    assert "full_ports" not in limits(flows({}, [OF_A, "c.vf0", "5Gbps"])).to_dict()


def test_what_is_announced_is_not_flooded():
    # c sends nothing: without the announcement all that goes to it comes out of each port.
    known, flooded = (limits(flows({"bridge.announce": said}, [OF_A, "c.vf0", "5Gbps"])).hops for said in (True, False))
    assert [one.wire for one in known] == ["a.wire.tx", "bridge.c"]
    assert [one.wire for one in flooded] == ["a.wire.tx", "bridge.b", "bridge.c", "bridge.d", "bridge.outside"]


ONE = Fraction(1)
NOTHING = nothing_of(((1518, ONE),))
LINE_MPPS = 10e3 / 8 / 1538
PART = {"a": 0, "b": 1, "c": 2, "uplink": 3}


def stream(source, gbps, to=2, with_rate=True, tag_bytes=0, back_tag_bytes=0):
    """Give frames that one VM, or the stations outside, send to a component, and how many of them get to the bridge."""
    per_s = Fraction(gbps) * 10**9 / (8 * 1518)
    sent = Leg(PART[source], replace(NOTHING, to_wire=ONE, tag_bytes=Fraction(tag_bytes)))
    back = Leg(to, replace(NOTHING, from_wire=ONE, back_tag_bytes=Fraction(back_tag_bytes)))
    name = "uplink" if source == "uplink" else f"{source}.vf0"
    offered = Offered(
        f"{name} to {to}", name, NOTHING, per_s if with_rate else None, (sent,), (Onward(back, ONE, wire=to),)
    )
    return offered, per_s


def shares(*carried, sharing="port", **more):
    servers = [{"name": name} | ({"set": more.pop(name)} if name in more else {}) for name in "abc"]
    keys = {
        "servers": servers,
        "bridge.sharing": sharing,
        "workload.arrivals": "poisson",
        "run.clocks": "exact",
        **FAST_LINK,
        **more,
    }
    config = load_config("sriov_10g_gen2x4", keys)
    return port_shares(config, System.of(config), Demand(NOTHING, (), None, carried=carried))


FLOOD = Fraction(10 * 1518, 1538)  # Gb/s of frames that fill a wire


def test_the_example_of_two_wires_at_random():
    (port,) = shares(stream("a", 8), stream("b", 4))
    assert (port.port, port.law) == ("bridge.c", "random")
    assert (port.arriving_mpps, port.sent_mpps) == pytest.approx((12e3 / 8 / 1518, LINE_MPPS))
    # 8 and 4 Gb/s for 9.87 keep 6.935 and 2.935: each loses half of what is too much.
    assert [one.wire for one in port.wires] == ["a.wire.tx", "b.wire.tx"]
    assert [8 * 1.518 * one.kept_mpps for one in port.wires] == pytest.approx([6.935, 2.935], abs=1e-3)
    assert [8 * 1.518 * one.arriving_mpps for one in port.wires] == pytest.approx([8, 4])


def test_one_that_floods_leaves_others_nothing_at_its_own_rate():
    (port,) = shares(stream("a", FLOOD, with_rate=False), stream("b", 2))
    assert port.law == "in_step"
    assert [one.kept_mpps for one in port.wires] == pytest.approx([LINE_MPPS, 0], abs=1e-9)


def test_a_faster_one_leaves_a_tenth():
    flood = Fraction(25 * 1518, 1538)
    (port,) = shares(
        stream("a", flood, with_rate=False), stream("b", 2), a={"nic.strict": False, "port.rate": "25Gbps"}
    )
    first, second = (one.kept_mpps for one in port.wires)
    # p / q = 5 / 2: (q - 1) / 2p of what comes is there before the first.
    assert port.law == "in_step" and second == pytest.approx(0.1 * 2e3 / 8 / 1518, rel=1e-3)
    assert first + second == pytest.approx(LINE_MPPS)


def test_two_that_flood_share_the_port():
    (port,) = shares(stream("b", FLOOD, with_rate=False), stream("a", FLOOD, with_rate=False))
    assert port.law == "in_step"
    assert {one.wire: one.kept_mpps for one in port.wires} == pytest.approx(
        dict.fromkeys(("a.wire.tx", "b.wire.tx"), LINE_MPPS / 2)
    )


def test_one_wire_alone_keeps_what_the_port_sends():
    (port,) = shares(stream("a", 20), a={"nic.strict": False, "port.rate": "25Gbps"}, sharing="all")
    assert (port.law, [one.kept_mpps for one in port.wires]) == ("alone", pytest.approx([LINE_MPPS]))


def test_tags_on_the_last_wire_make_it_full():
    listed = (stream("a", 5, back_tag_bytes=8), stream("uplink", Fraction(486, 100), back_tag_bytes=8))
    (port,) = shares(*listed)
    # 9.86 of 9.87 Gb/s without them, of 9.819 with them.
    assert port.sent_mpps == pytest.approx(10e3 / 8 / 1546)
    assert [one.wire for one in port.wires] == ["a.wire.tx", "bridge.outside in"]
    assert shares(stream("a", 5), stream("uplink", Fraction(486, 100))) == ()


def test_what_decides_that_no_law_is_known():
    two = stream("a", 8), stream("b", 4)
    floods = stream("a", FLOOD, with_rate=False)
    elsewhere = stream("a", 1, to=1, with_rate=False)
    for changes, carried in (
        ({"sharing": "all"}, two),
        ({"workload.arrivals": "periodic"}, two),
        ({}, (stream("a", 8), stream("b", 4, back_tag_bytes=4))),
        ({}, (stream("a", FLOOD - 1, with_rate=False), elsewhere, stream("b", 4))),
        ({"pcie.generation": 1, "pcie.lanes": 1, "nic.fetch_batch": 1}, (floods, stream("b", 2))),
    ):
        (port,) = (one for one in shares(*carried, **changes) if one.port == "bridge.c")
        assert port.law == "unknown" and [one.kept_mpps for one in port.wires] == [None, None]


def test_alike_servers_have_one_line_together():
    config = load_config("sriov_10g_gen2x4", {"servers": [{"name": name} for name in "abc"], **FAST_LINK})
    # Of the folded system, with the frames of all three servers: each port gets 12 Gb/s, more than it can send.
    here = Leg(0, replace(NOTHING, to_wire=ONE))
    alike = Offered(
        "all VMs", "a.vf0", NOTHING, None, (here,), (Onward(Leg(0, replace(NOTHING, from_wire=ONE)), ONE, wire=0),)
    )
    rate = 3 * Fraction(12 * 10**9, 8 * 1518)
    (port,) = port_shares(config, System.of(config), Demand(NOTHING, (), None, carried=((alike, rate),), alike=alike))
    assert (port.port, port.law, port.wires) == ("each of bridge.a to bridge.c", "unknown", ())
    assert (port.arriving_mpps, port.sent_mpps) == pytest.approx((12e3 / 8 / 1518, LINE_MPPS))
    assert port_shares(config, System.of(config), Demand(NOTHING, (), None)) == ()


def test_frames_that_are_longer_for_their_tags_slide_along_the_slots():
    flood = Fraction(10 * 1518, 1542)
    (port,) = shares(stream("a", flood, with_rate=False, tag_bytes=4), stream("b", 2))
    assert port.law == "random"
    rates = float(flood) / float(FLOOD), 2 / float(FLOOD)
    too_much = sum(rates) - 1
    assert [one.kept_mpps / LINE_MPPS for one in port.wires] == pytest.approx([rate - too_much / 2 for rate in rates])


def test_floods_that_do_not_begin_together_are_left_to_a_run():
    alike = stream("a", FLOOD, with_rate=False), stream("b", FLOOD, with_rate=False)
    outside = stream("a", FLOOD, with_rate=False), stream("uplink", FLOOD, with_rate=False)
    for carried, changes in ((alike, {"b": {"driver.frame_time": "30ns"}}), (outside, {}), ((*alike, alike[1]), {})):
        (port,) = shares(*carried, **changes)
        assert port.law == "unknown" and port.wires[0].kept_mpps is None
