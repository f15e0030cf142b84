"""Port extenders between the controlling bridge and adapters: who gets what, over which wires, when, and what drops."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.extender_cases import BEHIND, STATIONS, deliveries_of, run_of, system_with, way_to_bridge
from tests.run_cases import BATCHES_OF_ONE, merged
from tests.system_beside_simpy import BROADCAST, MULTICAST, OUTSIDE, US_FS, Stations

GROUP_MAC = "01:00:5e:01:02:03"  # MULTICAST
IN_VLAN_2 = "81000002"
NAMES = [f"{server}.{station}" for server in BEHIND for station in STATIONS]


def drawn_stations(seed):
    """Draw what each station wants: (accepts, has the group, VLANs)."""
    rng = random.Random(seed)
    return {
        name: (
            [kind for kind in ("broadcast", "multicast") if rng.random() < 0.5],
            rng.random() < 0.3,
            [1, 2] if rng.random() < 0.5 else [1],
        )
        for name in NAMES
    }


def set_of(wanted, server):
    keys = {}
    for station in STATIONS:
        accept, has_group, vlans = wanted[f"{server}.{station}"]
        entry = f"switch.ports.{station}"
        keys |= {
            f"{entry}.accept": accept,
            f"{entry}.groups": [GROUP_MAC] if has_group else [],
            f"{entry}.vlans": vlans,
        }
    return keys


def members_of(wanted, to, vlan):
    """Return the stations that want a frame, its sender among them."""
    kind = {BROADCAST: "broadcast", MULTICAST: "multicast"}.get(to)
    return {
        name
        for name, (accept, has_group, vlans) in wanted.items()
        if vlan in vlans and (name == to or kind in accept or (to == MULTICAST and has_group))
    }


def frames_over_wires(sender, members):
    """Count what a frame is at the end of each wire's directions, and the copies that find the sender alone."""
    found, lost = Counter(), 0
    if sender != OUTSIDE:
        server = sender.partition(".")[0]
        found[server, "in"] += 1
        for extender in way_to_bridge(server)[:-1]:
            found[f"{extender}.uplink", "out"] += 1
            found[extender, "in"] += 1
    downwards = set()
    for root in {(server, *way_to_bridge(server))[-2] for server in BEHIND}:
        below = [server for server in BEHIND if root in (server, *way_to_bridge(server))]
        here = {name for name in members if name.partition(".")[0] in below}
        for server in {name.partition(".")[0] for name in here} if here - {sender} else ():
            downwards |= {server, *way_to_bridge(server)[:-1]}
            lost += {name for name in here if name.startswith(f"{server}.")} == {sender}
    for name in downwards:
        found[name, "out"] += 1
        if name not in BEHIND:
            found[f"{name}.uplink", "in"] += 1
    return found, lost


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_member_gets_a_frame_once_and_the_sender_never(seed):
    """Each wire bears one copy, whoever is behind it; so the bridge sends one for all members behind its port."""
    wanted = drawn_stations(seed)
    config = system_with({server: set_of(wanted, server) for server in BEHIND})
    stations, rng = Stations(config), random.Random(seed)
    frames, expected, over_wires, dropped = [], Counter(), Counter(), Counter()
    for at in range(120):
        sender = rng.choice([*NAMES, OUTSIDE])
        to = rng.choice([BROADCAST, MULTICAST, rng.choice(NAMES), OUTSIDE])
        in_vlan_2 = sender == OUTSIDE or 2 in wanted[sender][2]
        vlan = 2 if in_vlan_2 and rng.random() < 0.5 else 1
        if to == sender:
            continue
        frames.append(stations.frame(at * 20 * US_FS, sender, to, 100, IN_VLAN_2 if vlan == 2 else ""))
        members = members_of(wanted, to, vlan)
        crossed, lost = frames_over_wires(sender, members)
        over_wires += crossed
        dropped["NO_DESTINATION"] += lost
        receivers = members - {sender}
        if sender != OUTSIDE and (to in (BROADCAST, MULTICAST) or not members):
            receivers |= {OUTSIDE}
        expected.update((sender, receiver) for receiver in receivers)
        dropped["NO_DESTINATION"] += not receivers
    run = run_of(config, frames)
    assert Counter(ends[:2] for ends in deliveries_of(run)) == expected
    result = run.result()
    assert result.drops == {reason: n for reason, n in dropped.items() if n}
    ports = {port.name: port for port in result.bridges[0].ports}
    for name in ports.keys() - {"outside"}:
        found = ports[name].in_frames, ports[name].out_frames
        assert (name, found) == (name, (over_wires[name, "in"], over_wires[name, "out"]))
    own_in = sum(port.in_frames for port in ports.values() if port.device == "bridge")
    assert result.bridges[0].forwarded_frames == own_in


def test_what_a_port_belongs_to():
    result = run_of(config := system_with(), [Stations(config).frame(0, "a.vf0", "b.vf0", 64)]).result()
    devices = {port.name: port.device for port in result.bridges[0].ports}
    assert devices == {
        **BEHIND, "outside": "bridge", "fex0": "bridge", "fex1": "fex0", "fex2": "bridge",
        "fex0.uplink": "fex0", "fex1.uplink": "fex1", "fex2.uplink": "fex2",
    }  # fmt: skip


LATENCIES_NS = {"bridge": 500, "fex0": 700, "fex1": 311, "fex2": 0}
RATES_GBPS = {"fex0": 40, "fex1": 25, "fex2": 10, **dict.fromkeys(BEHIND, 10), OUTSIDE: 100}
FASTEST_GBPS = {"bridge": 100, "fex0": 40, "fex1": 25, "fex2": 10}
PROPAGATION_FS = 7_300_000
E, VN = 8, 6  # bytes of a tag
# The wires that a frame crosses and the bytes of tags on each, and between them whom it passes.
WAYS = {
    ("a.vf0", OUTSIDE): [("a", E), "fex1", ("fex1", E), "fex0", ("fex0", E), "bridge", (OUTSIDE, 0)],
    ("c.vf0", OUTSIDE): [("c", E), "fex0", ("fex0", E), "bridge", (OUTSIDE, 0)],
    (OUTSIDE, "b.pf"): [(OUTSIDE, 0), "bridge", ("fex0", E), "fex0", ("fex1", E), "fex1", ("b", E)],
    ("e.pf", "f.vf1"): [("e", VN), "fex2", ("fex2", VN), "bridge", ("fex2", VN), "fex2", ("f", VN)],
    ("d.vf1", "b.vf1"): [("d", VN), "bridge", ("fex0", E), "fex0", ("fex1", E), "fex1", ("b", E)],
    ("b.vf1", "a.vf1"): [("b", E), "fex1", ("fex1", E), "fex0", ("fex0", E), "bridge",
                         ("fex0", E), "fex0", ("fex1", E), "fex1", ("a", E)],
}  # fmt: skip


def hand_fs(way, n_bytes, forwarding):
    """Return the time from the last byte that leaves the sender to the last that comes to the receiver."""
    at_fs, last_fs, first_left_fs, gbps = 0, 0, None, 0
    for step in way:
        if isinstance(step, tuple):
            wire, tag_bytes = step
            gbps = RATES_GBPS[wire]
            busy_fs = (max(n_bytes + tag_bytes, 60) + 4 + 20) * 8 * 10**6 // gbps
            last_fs = at_fs + busy_fs + PROPAGATION_FS
            first_left_fs = busy_fs if first_left_fs is None else first_left_fs
            continue
        if forwarding == "cut_through" and gbps == FASTEST_GBPS[step]:
            at_fs += 72 * 8 * 10**6 // gbps + PROPAGATION_FS
        else:
            at_fs = last_fs
        at_fs += LATENCIES_NS[step] * 10**6
    return last_fs - first_left_fs


@pytest.mark.parametrize("forwarding", ["store_and_forward", "cut_through"])
@pytest.mark.parametrize("frame_bytes", [64, 1518])
@pytest.mark.parametrize(("ends", "way"), WAYS.items(), ids=["-".join(ends) for ends in WAYS])
def test_a_frame_alone_by_hand(ends, way, frame_bytes, forwarding):
    config = system_with(
        latency=f"{LATENCIES_NS['bridge']}ns",
        forwarding=forwarding,
        propagation="7.3ns",
        ports={OUTSIDE: {"rate": "100Gbps"}},
        extenders={
            name: {"rate": f"{RATES_GBPS[name]}Gbps", "latency": f"{LATENCIES_NS[name]}ns", "forwarding": forwarding}
            for name in ("fex0", "fex1", "fex2")
        },
    )
    run = run_of(config, [Stations(config).frame(0, *ends, frame_bytes)])
    assert run.result().totals.delivered_frames == 1
    assert int(run.end.parts_fs["bridge"]) == hand_fs(way, frame_bytes - 4, forwarding)


LOAD = {"nic": {"vfs": 2}, "workload": {"arrivals": "poisson", "frame_bytes": 1518}, "run": {"warmup": "3ms"}}


def loaded(flows, *changes):
    """Run two servers at 10 Gb/s behind one extender of 10 Gb/s, all with E-TAGs."""
    bridge = {
        "kind": "controlling",
        "extenders": {"fex1": {"rate": "10Gbps"}},
        "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex1"}, "outside": {"rate": "40Gbps"}},
    }
    servers = {"servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "switch": {"mode": "e_tag"}}
    workload = {"workload": {"pattern": "flows", "flows": flows}}
    base = merged(BATCHES_OF_ONE, LOAD, servers, {"bridge": bridge, "run": {"duration": "2ms"}}, workload)
    return simulate(config_from_mapping(merged(base, *changes)))


ON_WIRE_BYTES = 1518 + 8 + 20  # with an E-TAG, preamble and gap


def test_an_uplink_that_two_servers_fill_is_shared_and_named():
    result = loaded([["a.vf0", "uplink", "8Gbps"], ["b.vf0", "uplink", "8Gbps"], ["uplink", "a.vf1", "1Gbps"]])
    rates = {flow.from_: flow.gbps for flow in result.flows}
    assert rates["a.vf0"] + rates["b.vf0"] == pytest.approx(10 * 1518 / ON_WIRE_BYTES, rel=2e-3)
    assert rates["a.vf0"] == pytest.approx(rates["b.vf0"], rel=0.05)
    assert rates["uplink"] == pytest.approx(1, rel=0.1)  # the other way is free
    assert result.bottleneck.resource == "bridge.fex1.uplink"
    assert result.bottleneck.keys == ("bridge.extenders.fex1.rate",)
    assert result.bottleneck.why.startswith("The uplink of extender fex1 is busy 100.0 % of the window")
    ports = {port.name: port for port in result.bridges[0].ports}
    assert result.drops == ports["fex1.uplink"].drops and result.drops["QUEUE_FULL"] > 0
    assert ports["fex1.uplink"].queue_max_bytes <= 1 << 20
    assert ports["fex1"].in_utilization == ports["fex1.uplink"].out_utilization


def test_the_wire_down_to_an_extender_is_full():
    flows = [["c.vf0", "a.vf0", "7Gbps"], ["uplink", "b.vf0", "7Gbps"]]
    result = loaded(flows, {"bridge": {"buffer": "64KiB"}})
    assert result.bottleneck.resource == "bridge.fex1"
    assert result.bottleneck.why.startswith("The bridge's port fex1 is busy")
    assert sum(flow.gbps for flow in result.flows) == pytest.approx(10 * 1518 / ON_WIRE_BYTES, rel=2e-3)
    ports = {port.name: port for port in result.bridges[0].ports}
    assert set(result.drops) == {"QUEUE_FULL"} == set(ports["fex1"].drops)
    assert ports["fex1"].queue_max_bytes <= 64 << 10


@pytest.mark.parametrize("sharing", ["port", "all"])
def test_an_extenders_own_buffer_is_full(sharing):
    """Down from an uplink of 40 Gb/s to a port of 10 Gb/s; what all ports share, the other direction finds full too."""
    flows = [["uplink", "a.vf0", "12Gbps"], ["b.vf0", "c.vf0", "2Gbps"]]
    extender = {"rate": "40Gbps", "buffer": "16KiB", "sharing": sharing}
    result = loaded(flows, {"bridge": {"extenders": {"fex1": extender}}})
    assert result.bottleneck.resource == "bridge.a"
    assert result.bottleneck.why.startswith("The extender fex1's port a is busy")
    ports = {port.name: port for port in result.bridges[0].ports}
    assert ports["a"].queue_max_bytes <= 16 << 10
    assert ports["a"].drops["QUEUE_FULL"] > 0
    assert ("QUEUE_FULL" in ports["fex1.uplink"].drops) == (sharing == "all")


def test_where_nothing_is_full_the_uplink_that_is_busiest_is_told():
    """4 Gb/s of each of two servers are 81.5 % of the uplink that they share, and 40.7 % of their own wires."""
    result = loaded([["a.vf0", "c.vf0", "4Gbps"], ["b.vf0", "uplink", "4Gbps"]], {"workload": {"arrivals": "periodic"}})
    assert result.bottleneck.resource == "offered_load"
    assert result.bottleneck.utilization == pytest.approx(8 * 1546 / 1518 / 10, rel=0.02)
    assert "The uplink of extender fex1 is busier: 81." in result.bottleneck.why
