"""VDP by hand: when ports have VLANs and what passes, what is told and captured, what a file may not say."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hwmodel.agents import Agent, OwnFrame, Turn
from hwmodel.agents.edge_end import EdgeAgent
from hwmodel.agents.of_config import agents_of
from hwmodel.agents.vdp_bridge import VdpBridge
from hwmodel.agents.vdp_station import VdpStation, vsi_of
from hwmodel.config import config_from_mapping
from hwmodel.config.check_edge_agents import vdp_settings
from hwmodel.config.edge_agents import Uuid, VdpVm
from hwmodel.config.operable import concerns_only_bridge
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.results.agents_text import action_text, association_sentence
from hwmodel.results.modelled import set_in_run
from hwmodel.results.summary import summary
from hwmodel.simulation import simulate
from hwmodel.wire.edge_control import ECP_TYPE, LLDP_TYPE, NEAREST_CUSTOMER_BRIDGE, Ecp, Filter, Vsi, VsiMode, vsis_of
from tests.switch_cases import tshark_rows

MS = 1e6  # ns
BASE: dict[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "nic": {"preset": "82599", "vfs": 2},
    "switch": {"ports": [{"name": "vf0", "port_vlan": 10}, {"name": "vf1", "port_vlan": 20}],
               "uplink": {"vlans": [1, 10, 20]}},
    "bridge": {"announce": True, "ports": {"a": {"vlans": [1]}, "b": {"vlans": [1, 10, 20]}}},
    "workload": {
        "pattern": "flows", "frame_bytes": 64, "arrivals": "periodic", "flows": [["a.vf0", "b.vf0", "10Mbps"]],
    },
    "run": {"warmup": "0ns", "duration": "60ms", "clocks": "exact"},
    "agents": {
        "hyp": {"server": "a", "vdp_station": {
            "by": "a.pf", "rte": 8, "rwd": 9, "rka": 10,
            "vms": {"a.vf0": {"vlan": 10, "associate": "10ms", "de_associate": "30ms"}},
        }},
        "sw": {"vdp_bridge": {"rte": 7, "rwd": 9, "rka": 9, "decides": "3ms"}},
    },
}  # fmt: skip


def changed(**paths: Any) -> dict[str, Any]:
    """Return BASE with values at paths like `agents__sw__vdp_bridge__most`; a value of None takes the key out."""
    document = copy.deepcopy(BASE)
    for path, value in paths.items():
        *steps, last = path.split("__")
        here = document
        for step in steps:
            here = here.setdefault(step.replace("_DOT_", "."), {})
        last = last.replace("_DOT_", ".")
        if value is None:
            del here[last]
        else:
            here[last] = value
    return document


def run(document: dict[str, Any] = BASE, **options: Any) -> Result:
    return simulate(config_from_mapping(document), **options)


def test_what_passes_before_meanwhile_and_after():
    """Asked at 10 ms: 2 ms until it is looked at, 3 to decide. A frame each 51.2 us drops but for while it holds.

    Kept alive at 10 us * 2^10 behind the answer, which is looked at 2 ms after it has come: the answer to that is due
    as it is to be given back, at 30 ms, so that waits for it.
    """
    result = run()
    (one,) = result.associations
    assert (one.vm, one.port, one.vlan, one.asked_ns) == ("a.vf0", "a", 10, 10 * MS)
    assert 15 * MS < one.ready_ns < 15 * MS + 3000
    assert one.ready_ns + 2 * MS < one.told_ns < one.ready_ns + 2 * MS + 3000
    alive = one.told_ns + 10.24 * MS
    assert 27 * MS < alive < 30 * MS < alive + 7 * MS < 35 * MS
    assert alive + 9 * MS < one.ended_ns < alive + 9 * MS + 10_000
    assert one.why == "de-associated"
    (flow,) = (flow for flow in result.flows if flow.from_ == "a.vf0")
    held = (one.ended_ns - one.ready_ns) / 51_200
    assert abs(flow.delivered - held) < 2
    (port,) = (port for bridge in result.bridges for port in bridge.ports if port.name == "a")
    assert port.drops["VLAN_MEMBER"] == flow.offered - flow.delivered
    assert port.drops["CONTROL_FRAME"] == result.agents["hyp"].frames_sent
    totals = result.totals
    assert totals.offered_frames == totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames


def test_vms_of_one_vlan_share_it():
    """The port keeps the VLAN until the last of them is given back; what it has from the start it keeps."""
    ports = [{"name": "vf0", "port_vlan": 10}, {"name": "vf1", "port_vlan": 10}]
    vms = {
        "a.vf0": {"vlan": 10, "associate": "10ms", "de_associate": "30ms"},
        "a.vf1": {"vlan": 10, "associate": "12ms"},
    }
    document = changed(switch__ports=ports, agents__hyp__vdp_station__vms=vms)
    sets = [dict(one.set_) for one in run(document).agent_actions if one.set_]
    assert sets == [{"bridge.ports.a.vlans": [1, 10]}]
    vms["a.vf1"]["de_associate"] = "40ms"
    sets = [dict(one.set_) for one in run(document).agent_actions if one.set_]
    assert sets == [{"bridge.ports.a.vlans": [1, 10]}, {"bridge.ports.a.vlans": [1]}]


@pytest.mark.parametrize(("paths", "why", "had"), [
    ({"refuse": [{"vlan": 10, "code": 3, "hard": True}]}, "refused: no contact to the manager, for good", False),
    ({"refuse": [{"type": 7, "code": 3}]}, "de-associated", True),
    ({"most": 0}, "refused: insufficient resources", False),
    ({"decides": "6ms"}, "the decision came too late", False),  # of 10 us * 2^9
    ({"silent_from": "5ms"}, "no answer", False),
    ({"silent_from": "20ms"}, "no answer", True),
])  # fmt: skip
def test_why_an_association_is_none_or_over(paths, why, had):
    own = {f"agents__sw__vdp_bridge__{key}": value for key, value in paths.items()}
    document = changed(run__duration="80ms", **own)
    (one,) = run(document).associations
    assert (one.why, one.ready_ns is not None) == (why, had)
    assert (one.told_ns is not None) == had
    if paths.get("silent_from") == "20ms":
        assert one.ended_ns is None  # nobody is there to take it away


def test_a_station_that_goes_silent_loses_its_vlan():
    """1.5 * 10 us * ((1 + 2 * 3) * 2^8 + 2^10) behind the bridge's last answer."""
    (one,) = run(changed(agents__hyp__vdp_station__silent_from="20ms")).associations
    assert abs(one.ended_ns - one.ready_ns - 15_000 * (7 * 256 + 1024)) < 1e-3
    assert one.why == "keep-alives stopped"


def test_what_is_told():
    result = run()
    assert association_sentence(result) == (
        "VDP: a.vf0 asks at 10.0 ms for VLAN 10 at port a, and has it from 15.0 ms on until 36.2 ms (de-associated)"
    )
    assert association_sentence(result) in summary(result)
    (told,) = {action_text(one) for one in result.agent_actions if "ECP 1: associate, VLAN 10: g" in str(one.frame)}
    assert told == "sends ECP 1: associate, VLAN 10: granted, 75 B, by a"
    assert "vlans" in set_in_run(result.config)


def test_captures_have_the_bytes(tmp_path):
    """On the wire, and as delivered to the PF, tshark reads what the agents have said."""
    wire, delivered = str(tmp_path / "a.pcapng"), str(tmp_path / "all.pcap")
    result = run(pcap_hops={"a": wire}, pcap_path=delivered)
    said = {who: [one.frame["hex"] for one in result.agent_actions if one.frame and one.frame["from"] == who]
            for who in ("a.pf", "a")}  # fmt: skip
    fields = ["eth.src", "ecp.seqno", "eth.type", "frame.len", "lldp.time_to_live"]
    rows = [
        row for row in tshark_rows(tmp_path / "a.pcapng", fields) if int(row["eth.type"], 0) in (LLDP_TYPE, ECP_TYPE)
    ]
    of_station = [row for row in rows if row["eth.src"] == "02:00:00:00:00:01"]
    assert len(of_station) == len(said["a.pf"]) and len(rows) - len(of_station) == len(said["a"])
    assert [int(row["frame.len"]) for row in of_station] == [14 + len(hex_) // 2 for hex_ in said["a.pf"]]
    numbers = [Ecp.of(bytes.fromhex(one)).sequence for one in said["a.pf"] if not one.startswith("0207")]
    assert [int(row["ecp.seqno"], 0) for row in of_station if row["ecp.seqno"]] == numbers
    rows = [row for row in tshark_rows(tmp_path / "all.pcap", fields) if int(row["eth.type"], 0) == ECP_TYPE]
    heard = [one for one in said["a"] if not one.startswith("0207")]
    assert [int(row["ecp.seqno"], 0) for row in rows] == [Ecp.of(bytes.fromhex(one)).sequence for one in heard]


class Stranger(Agent):
    """Send a bridge some bytes of ECP, a millisecond apart, and hear what it says."""

    def __init__(self, *said: str | bytes) -> None:
        self.said = said
        own = OwnFrame("b.pf", NEAREST_CUSTOMER_BRIDGE, ECP_TYPE, 64)
        super().__init__("stranger", "b", frames=[own])
        self.heard_bytes: list[bytes] = []

    def begin(self, at: Turn) -> None:
        at.hear(to="b.pf", ethertype="0x8940")
        for number in range(len(self.said)):
            at.wake(10**12 * (1 + number), number)

    def woke(self, at: Turn, timer: Any) -> None:
        at.send_frame(self.frames[0], self.said[timer])

    def heard_frame(self, at: Turn, frame: Any) -> None:
        self.heard_bytes.append(frame.message)


def test_what_cannot_be_read_is_ignored():
    stranger = Stranger(b"", "word", bytes.fromhex("10010007 0601"))
    run(agents=[stranger])
    assert stranger.heard_bytes == [Ecp(7, is_acknowledgement=True).to_bytes()]


def test_a_request_that_comes_twice_is_looked_at_once():
    """Acknowledged both times. The answer, with the bridge's first number, is sent 1 + 3 times: nobody takes it."""
    asks = Vsi(VsiMode.PRE_ASSOCIATE, bytes(16), 1, 1, b"x" * 16, (Filter(10, mac=1),))
    stranger = Stranger(*[Ecp(9, asks.to_bytes()).to_bytes()] * 2)
    run(changed(run__duration="20ms", agents__sw__vdp_bridge__decides="0ns"), agents=[stranger])
    answer = Ecp(1, asks._replace(status=0x40).to_bytes()).to_bytes()
    assert stranger.heard_bytes == [Ecp(9, is_acknowledgement=True).to_bytes()] * 2 + [answer] * 4


def test_two_servers_and_two_threads_tell_the_same():
    document = changed(agents__other={"server": "b", "vdp_station": {
        "by": "b.pf", "rka": 9, "vms": {"b.vf1": {"vlan": 20, "associate": "10ms"}},
    }}, bridge__ports__b={"vlans": [1, 10]})  # fmt: skip
    one, two = (run(document, threads=threads).to_json(include_host_run=False) for threads in (1, 2))
    assert one == two
    assert [each.vm for each in run(document).associations] == ["a.vf0", "b.vf1"]


def test_parts_of_a_configuration():
    config = config_from_mapping(BASE)
    assert [(setting.who, dict(setting.changes)) for setting in vdp_settings(config)] == [
        ("sw", {"bridge.ports.a.vlans": [1, 10]})
    ]
    assert all(isinstance(one, EdgeAgent) for one in agents_of(config)[0])
    assert [type(one) for one in agents_of(config)[0]] == [VdpStation, VdpBridge]
    keys = {"bridge.ports.a.vlans": [1]}
    assert concerns_only_bridge("bridge", keys) and not concerns_only_bridge("bridges.left", keys)
    assert not concerns_only_bridge("bridge", {"bridge.ports.a.rate": "1Gbps"})
    port = next(port for port in config.switch.ports if port.name == "vf0")
    vsi = vsi_of(VdpVm(vlan=10), port, "m")
    assert vsis_of(vsi.to_bytes()) == [vsi]
    assert vsi_of(VdpVm(vlan=10, instance=str(Uuid().write(bytes(16)))), port, "m").instance != vsi.instance


@pytest.mark.parametrize(("paths", "said"), [
    ({"agents__hyp__vdp_station__by": "a.vf0"}, "agents.hyp.vdp_station.by: the adapter takes no frames of control"),
    ({"agents__hyp__vdp_station__by": "b.pf"}, "agents.hyp.vdp_station.by: there is no b.pf at its server"),
    ({"agents__hyp__server": None}, "agents.hyp: it is at no server"),
    ({"agents__hyp__rules": [{"when": {"every": "1ms"}, "send": {"to": "sw", "message": "hi"}}]}, "leave one of them"),
    ({"agents__hyp__vdp_station__vms": {"b.vf0": {"vlan": 10, "associate": "1ms"}}}, "there is no b.vf0 at its server"),
    ({"agents__hyp__vdp_station__vms": {"a.vf0": {"vlan": 10}}}, "nothing is asked for it; say when, like associate"),
    ({"agents__hyp__vdp_station__rte": 32}, "agents.hyp.vdp_station.rte"),
    ({"agents__hyp__vdp_station__manager": "x" * 17}, "is not a manager's name"),
    ({"agents__hyp__vdp_station__vms": {"a.vf0": {"vlan": 10, "instance": "1-2"}}}, "is not a UUID"),
    ({"agents__too": {"server": "a", "vdp_station": {"by": "a.pf"}}}, "another agent speaks VDP by it"),
    ({"agents__sw__server": "a"}, "an agent with vdp_bridge is at a bridge"),
    ({"agents__sw__vdp_bridge__of": "left"}, "there is no bridge left; there are bridge"),
    ({"agents__sw__vdp_bridge__ports": ["c"]}, "has no port c to an adapter"),
    ({"agents__sw__vdp_bridge__ports": ["a", "outside"]}, "has no port outside to an adapter"),
    ({"bridge__ports": {}}, "it has no port to grant VLANs at; write bridge.ports.a.vlans as a list"),
    ({"bridge__ports": {}, "agents__sw__vdp_bridge__ports": ["a"]}, "bridge.ports.a.vlans is all: there is nothing"),
    ({"bridge__ports__a": {"vlans": [10]}}, "bridge.ports.a.vlans lacks its native VLAN"),
    ({"agents__two": {"vdp_bridge": {}}}, "sw grants VLANs at port a, too"),
    ({"switch__ports": [{"name": "pf", "port_vlan": 10}]}, "its frames leave in VLAN 10"),
    ({"agents__sw__vdp_bridge__refuse": [{"code": 16}]}, "code"),
])  # fmt: skip
def test_what_a_file_may_not_say(paths, said):
    with pytest.raises(InputError) as caught:
        config_from_mapping(changed(**paths))
    assert any(said in line for line in caught.value.lines), caught.value.lines


def test_without_a_bridge_there_is_nobody_to_tell():
    document = changed(servers=None, bridge=None, agents__sw=None, workload__flows=[["vf0", "vf1", "1Mbps"]])
    document["agents"]["hyp"] = {"vdp_station": {"by": "pf", "vms": {"vf0": {"vlan": 10, "associate": "1ms"}}}}
    with pytest.raises(InputError, match="there is no bridge at the other end of its wire"):
        config_from_mapping(document)
