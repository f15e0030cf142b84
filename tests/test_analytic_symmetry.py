"""Systems that are alike from each sender: one sender's frames against the count of all, and how far that goes."""

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from hwmodel import limits
from hwmodel.analytic import demand as demand_module
from hwmodel.analytic import recent
from hwmodel.analytic.symmetry import (
    folded,
    folded_stream,
    is_alike_for_all,
    unfolded,
    without_names,
)
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Leg, Offered, Onward, nothing_of
from hwmodel.config import load_config


def system(n_servers, n_vfs, changes, **of_last):
    servers = [{"name": f"s{number}"} for number in range(n_servers)]
    servers[-1] |= {"set": of_last} if of_last else {}
    return load_config("sriov_10g_gen2x4", {"servers": servers, "nic.vfs": n_vfs} | changes)


ALIKE = {
    "uniform": {"workload.pattern": "uniform"},
    "uniform, with a load": {"workload.pattern": "uniform", "workload.load": "3Gbps"},
    "a share of the ports": {"workload.pattern": "uniform", "workload.load": 0.4},
    "broadcast": {"workload.pattern": "broadcast"},
    "multicast": {"workload.pattern": "multicast", "bridge": {"sharing": "all"}},
    "pairs": {"workload.pattern": "pairs"},
    "pairs, reflected": {"workload.pattern": "pairs", "switch.mode": "vepa"},
    "to the wire": {"workload.pattern": "to_wire", "run.clocks": "exact"},
    "part by the wire": {"workload.pattern": "uniform", "workload.wire_share": 0.25},
    "tags": {"workload.pattern": "uniform", "switch.mode": "e_tag", "bridge": {"kind": "controlling"}},
    "two guests a core": {"workload.pattern": "uniform", "host.cores": 2, "driver.frame_time": "1us"},
}


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("n_servers", [2, 3])
def test_one_sender_says_what_all_together_do(monkeypatch, name, n_servers):
    config = system(n_servers, 4, ALIKE[name])
    seen = []
    shortened = demand_module.is_alike_for_all
    monkeypatch.setattr(demand_module, "is_alike_for_all", lambda *given: seen.append(shortened(*given)) or seen[-1])
    of_one = limits(config).to_dict()
    assert seen and all(seen)
    monkeypatch.setattr(demand_module, "is_alike_for_all", lambda *_: False)
    recent.forget()
    of_all = limits(config).to_dict()
    # Of alike servers' resources, all full, any may be named.
    assert kind_of(of_one.pop("limited_by")) == kind_of(of_all.pop("limited_by"))
    bound = ("gbps", "mpps")  # sums in another order
    assert [of_one.pop(name) for name in bound] == pytest.approx([of_all.pop(name) for name in bound])
    assert of_one == of_all


def kind_of(resource):
    return re.sub(r"^s\d\.|(?<=bridge\.)s\d", "", resource)


def test_alike_servers_get_just_what_their_ports_can_send():
    # Each of 16 senders has 10 Gb/s, and so has each receiver: 13.0 M frames/s in all are 0.81 M at each port.
    found = limits(system(16, 1, {"workload.pattern": "uniform"}))
    assert found.mpps == pytest.approx(16 * 1e4 / 8 / 1538)


def test_what_is_not_alike_is_counted_one_by_one():
    for config in (
        system(3, 4, {"workload.pattern": "uniform"}, **{"nic.strict": False, "port.rate": "25Gbps"}),
        system(3, 4, {"workload.pattern": "uniform", "bridge": {"ports": {"s1": {"hairpin": True}}}}),
        system(3, 4, {"workload.pattern": "uniform", "workload.load": 0.5, "workload.weights": {"s0.vf1": 2}}),
        system(3, 4, {"workload.pattern": "uniform", "host.cores": 3}),
        system(2, 3, {"workload.pattern": "pairs"}),
        system(3, 4, {"workload.pattern": "ring"}),
        system(3, 4, {"workload.pattern": "uniform", "bridge": {"policy": [{"port": "s0.vf0", "action": "deny"}]}}),
    ):
        assert not demand_module.is_alike_for_all(config, demand_module.System.of(config))


def test_many_servers_take_no_longer_than_one_sender_does():
    found = limits(system(64, 8, {"workload.pattern": "uniform", "pcie.lanes": 8}))
    # 504 of the 511 others are behind the wire of 10 Gb/s, which all of a server's frames share.
    assert found.gbps == pytest.approx(64 * 10 * 1518 / 1538 * 511 / 504)
    assert len(found.servers) == 64 and found.limited_by == "s0.wire.tx"


def test_many_unlike_streams_have_a_bound_too():
    """Each of 64 servers sends the frames of its last VM to the next one, by wires of 10 Gb/s."""
    found = limits(system(64, 8, {"workload.pattern": "ring"}))
    assert found.as_offered is not None and found.gbps >= found.as_offered.gbps


ONE, THIRD, HALF = Fraction(1), Fraction(1, 3), Fraction(1, 2)
NOTHING = nothing_of(((1518, ONE),))
UNIFORM = {"workload.pattern": "uniform"}


def of_two_servers(changes=UNIFORM):
    return System.of(system(2, 2, changes))


def first_sender():
    """Give what s0.vf0 sends to each of the three others in equal parts."""
    own = replace(NOTHING, reads=ONE, copies=THIRD, to_wire=2 * THIRD, sent={"vf0": ONE}, received={"vf1": THIRD})
    arrives = [replace(NOTHING, copies=ONE, from_wire=ONE, received={name: ONE}, rx_rings=frozenset({(name, 0)}))
               for name in ("vf0", "vf1")]  # fmt: skip
    hops = tuple(Onward(Leg(1, one), THIRD, wire=1) for one in arrives)
    traffic = replace(NOTHING, first=("s0.vf0", "s0.vf1"))
    return Offered("s0.vf0 to 3 ports", "s0.vf0", traffic, None, (Leg(0, own),), hops)


def test_the_folded_system_is_one_server_with_its_part_of_the_port_outside():
    small = folded(System.of(system(3, 4, {**UNIFORM, "bridge.ports.outside.rate": "40Gbps"})))
    assert small.server_names == ("s0",) and small.n_parts == 2
    assert small.rate_bps(small.outside) == 40 * 10**9 // 3
    assert small.rate_bps(0) == 10**10


def test_the_frames_of_all_come_from_those_of_one():
    one = folded_stream(of_two_servers(), first_sender())
    inside, outside = one.traffic.parts
    assert outside.is_nothing
    # Each VM of the server sends a half of its frames and gets a half; two thirds cross the wire out, and back.
    assert inside.sent == inside.received == {"vf0": HALF, "vf1": HALF}
    assert (inside.reads, inside.copies, inside.to_wire, inside.from_wire) == (1, 1, 2 * THIRD, 2 * THIRD)
    assert inside.rx_rings == {("vf0", 0), ("vf1", 0)}
    assert one.traffic.first == ("s0.vf0", "s0.vf1")
    # The two hops ask the same now.
    assert [hop.share for hop in one.hops] == [2 * THIRD]


def test_unfolded_each_server_has_an_equal_part():
    two = of_two_servers()
    small = replace(folded_stream(two, first_sender()).traffic, frames_per_s=Fraction(1000))
    whole = unfolded(two, small)
    quarter = Fraction(1, 4)
    everyone = dict.fromkeys(("s0.vf0", "s0.vf1", "s1.vf0", "s1.vf1"), quarter)
    assert whole.sent == whole.received == everyone
    assert whole.rx_rings == {(name, 0) for name in everyone}
    assert whole.frames_per_s == 2000
    assert [part.reads for part in whole.parts] == [HALF, HALF, 0]
    assert whole.parts[0] == whole.parts[1] and whole.parts[0].to_wire == THIRD
    assert (whole.reads, whole.copies) == (1, 1)


def test_servers_differ_in_addresses_alone():
    one, other = (without_names(server.config) for server in of_two_servers().servers)
    assert one == other and of_two_servers().config(0) != of_two_servers().config(1)
    ports = [{"name": "vf0", "port_vlan": 7, "vlans": [7]}]
    unlike = System.of(system(2, 2, UNIFORM, **{"switch.ports": ports}))
    assert without_names(unlike.config(0)) != without_names(unlike.config(1))


@pytest.mark.parametrize(("changes", "is_alike"), [
    ({}, True),
    ({"workload.external": {"to": "all", "rate": "1Gbps"}}, False),
    ({"nic.strict": False, "switch.acl": [{"port": "vf0", "action": "deny"}]}, False),
    ({"switch.mirrors": [{"to": "pf", "from": "vf0"}]}, False),
    ({"nic.queues_per_vf": 2}, False),
    ({"switch.ports": [{"name": f"vf{n}", "rate_limit": "1Gbps"} for n in range(4)]}, False),
    ({"switch.ports": [{"name": "vf1", "weight": 2}]}, False),
    ({"switch.ports": [{"name": "pf", "promiscuous": True}]}, True),
    ({"bridge.ports.outside.rate": "1Gbps"}, True),
    ({"bridge.ports.s2.native_vlan": None}, False),
])  # fmt: skip
def test_who_sees_the_same_of_the_system(changes, is_alike):
    config = system(3, 4, {**UNIFORM, **changes})
    assert is_alike_for_all(config, System.of(config)) is is_alike


def test_one_server_alone_or_unlike_links_are_not_alike():
    alone = load_config("sriov_10g_gen2x4", {**UNIFORM, "bridge": {}})
    without = load_config("sriov_10g_gen2x4", UNIFORM)
    slower = system(3, 4, UNIFORM, **{"pcie.lanes": 8})
    addresses = system(3, 4, {**UNIFORM, "switch.addresses": [
        {"mac": "02:00:00:00:aa:01", "vlan": 1, "ports": ["vf0"]}]})  # fmt: skip
    assert not any(is_alike_for_all(config, System.of(config)) for config in (alone, without, slower, addresses))


def test_a_station_that_does_not_send_keeps_its_copies():
    own = replace(NOTHING, reads=ONE, copies=Fraction(2), sent={"vf0": ONE}, received={"pf": ONE, "vf1": ONE})
    one = folded_stream(of_two_servers(), Offered("", "s0.vf0", NOTHING, None, (Leg(0, own),)))
    assert one.traffic.parts[0].received == {"pf": 1, "vf0": HALF, "vf1": HALF}
    assert unfolded(of_two_servers(), one.traffic).frames_per_s is None
