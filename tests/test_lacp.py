"""LACP: bytes by hand, what tshark reads, a second implementation in drawn systems, legs that come and go in a run."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.agents.agent import Frame
from hwmodel.agents.lacp_end import LacpEnd, Mux
from hwmodel.agents.live import LiveAgents
from hwmodel.agents.of_config import agents_of
from hwmodel.config import config_from_mapping
from hwmodel.config.agents import HeardFrame, OwnFrame
from hwmodel.config.check_lacp import IDLE_KEY, OUTSIDE_PLACE, ends_outside, lacp_settings
from hwmodel.config.condition import Condition
from hwmodel.config.lacp import LacpBlock
from hwmodel.config.live_configuration import Setting
from hwmodel.errors import InputError
from hwmodel.machine.traffic.given_frames import source_of_given
from hwmodel.results import Result
from hwmodel.results.modelled import set_in_run
from hwmodel.rules.ethernet import LACP_HEAD_BYTES, LACP_TYPE
from hwmodel.simulation import simulate
from hwmodel.wire.control_words import told
from hwmodel.wire.lacp import SLOW_PROTOCOLS_MAC, Lacpdu, LacpEndInfo, LacpState
from hwmodel.wire.pcap import PcapngWriter
from hwmodel.wire.tags import build_header
from tests.oracles import lacp as oracle
from tests.switch_cases import tshark_rows

S = 10**15  # fs
BASE: dict[str, Any] = {
    "nic": {"mode": "vswitch", "vfs": 4, "preset": None},
    "port": {"count": 2, "rate": "10Gbps"},
    "host": {"virtual_switch": {"pass_by": "pointer", "bond": {"mode": "l4_hash"}}},
    "driver": {"vms": {"pf": {"preset": "dpdk"}}},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518, "load": "1Mbps", "connections": 64},
    "run": {"warmup": "0ns", "duration": "12s", "clocks": "exact"},
    "agents": {"host": {"lacp": {"rate": "fast"}}, "leaf": {"lacp_partner": {"rate": "fast"}}},
}
P1_SILENT = [{"at": "6500ms", "set": {"host.virtual_switch.bond.silent": ["p1"]}}]


def made(**changes: Any):
    return config_from_mapping(BASE, {key.replace("__", "."): value for key, value in changes.items()})


# ---- Bytes ----

ACTOR = LacpEndInfo(0xFFFF, 0x0200_0000_0001, 1, 255, 2, LacpState(0x3F))
PARTNER = LacpEndInfo(0x8000, 0x02FE_0000_0000, 7, 128, 9, LacpState(0x3D))


def test_bytes_by_hand():
    """IEEE 802.1AX-2008, figure 5-8: 124 B with addresses and type."""
    body = Lacpdu(ACTOR, PARTNER).to_bytes()
    assert body == bytes.fromhex(
        "01 01"
        "01 14 ffff 020000000001 0001 00ff 0002 3f 000000"
        "02 14 8000 02fe00000000 0007 0080 0009 3d 000000"
        "03 10 0000 000000000000000000000000"
        "00 00"
    ) + bytes(50)
    assert len(build_header(SLOW_PROTOCOLS_MAC, ACTOR.system, LACP_TYPE) + body) == 124
    assert body[LACP_HEAD_BYTES - 2 : LACP_HEAD_BYTES] == bytes([0, 2])
    assert told(LACP_TYPE, body) == "LACP of port 2 to 02:fe:00:00:00:00: fast, in sync, used"


def test_tshark_reads_it_without_complaint(tmp_path):
    frame = build_header(SLOW_PROTOCOLS_MAC, ACTOR.system, LACP_TYPE) + Lacpdu(ACTOR, PARTNER).to_bytes()
    path = tmp_path / "lacp.pcapng"
    with PcapngWriter(path, "p1", "a leg") as writer:
        writer.write_block([1], [frame], [False], [len(frame)])
    fields = ["lacp.version", "lacp.actor.sysid", "lacp.actor.port", "lacp.actor.state", "lacp.partner.sysid"]
    fields += ["lacp.partner.key", "lacp.partner.state", "_ws.malformed", "_ws.expert"]
    ((version, system, port, state, *others),) = [list(row.values()) for row in tshark_rows(path, fields)]
    assert (int(version, 0), system, port, int(state, 0)) == (1, "02:00:00:00:00:01", "2", 0x3F)
    assert [others[0], others[1], int(others[2], 0), *others[3:]] == ["02:fe:00:00:00:00", "7", 0x3D, "", ""]


U16, U48 = st.integers(0, 0xFFFF), st.integers(0, (1 << 48) - 1)
ENDS = st.builds(LacpEndInfo, U16, U48, U16, U16, U16, st.integers(0, 255).map(LacpState))


@given(ENDS, ENDS)
def test_round_trips(actor, partner):
    assert Lacpdu.of(Lacpdu(actor, partner).to_bytes()) == Lacpdu(actor, partner)


@given(st.binary(max_size=120))
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError):
        told(LACP_TYPE, b"\x02" + data)  # a marker, or nothing at all
    good = Lacpdu(ACTOR, PARTNER).to_bytes()
    with pytest.raises(ValueError):
        Lacpdu.of(good[:2] + b"\x09" + good[3:])


# ---- Against a second implementation ----


class Wires:
    """Carry frames between both ends, each way in a time of its own, as long as a leg is not silent."""

    def __init__(self, delays: Mapping[str, int], is_dead: Any) -> None:
        self.delays, self.is_dead, self.listeners = delays, is_dead, dict[str, int]()
        self.sent: list[tuple[int, str, int, int, int]] = []
        self.used: list[tuple[int, frozenset[int]]] = []
        self.coming: list[tuple[int, int, Frame]] = []
        self.watches: dict[tuple[int, bool], list[int]] = defaultdict(list)

    def watch(self, server: str, number: int, condition: Condition, each: int | None, at_fs: int) -> None:
        assert condition.figure == "dead_wires" and condition.of is not None
        self.watches[int(condition.of[1:]), condition.below == 1].append(number)

    def hear(self, server: str, number: int, asked: HeardFrame, at_fs: int) -> None:
        self.listeners["leaf" if server == OUTSIDE_PLACE else "host"] = number

    def send_frame(self, frame: OwnFrame, message: str | bytes, at_fs: int) -> None:
        assert isinstance(message, bytes) and message[:LACP_HEAD_BYTES] == frame.packet
        pdu, sender = Lacpdu.of(message), "host" if frame.sender == "pf" else "leaf"
        leg = pdu.actor.port - 1
        self.sent.append((at_fs - 1, sender, leg, int(pdu.actor.state), int(pdu.partner.state)))
        if not self.is_dead(leg, at_fs - 1):
            listener = self.listeners["leaf" if sender == "host" else "host"]
            heard = Frame(0, at_fs, "", "", "", LACP_TYPE, None, None, 128, message)
            self.coming.append((at_fs + self.delays[sender], listener, heard))

    def set(self, at_fs: int, setting: Setting) -> None:
        idle = setting.changes[IDLE_KEY]
        self.used.append((max(at_fs - 1, 0), frozenset(range(4)) - {int(leg[1:]) for leg in idle}))

    def concerns_only(self, server: str, changes: Mapping[str, Any]) -> bool:
        return True


def run_agents(
    config: Any, delays: Mapping[str, int], is_dead: Any, carriers: list[tuple[int, int, bool]], until: int
) -> Wires:
    wires, carriers = Wires(delays, is_dead), [*carriers]
    live = LiveAgents(agents_of(config)[0], config, ["", OUTSIDE_PLACE], wires, 0)
    live.begin()
    while True:
        wires.coming.sort(key=lambda one: one[0])
        arrival = wires.coming[0][0] if wires.coming else 1 << 62
        now = min(arrival, live.next_fs(1 << 62), carriers[0][0] if carriers else 1 << 62)
        if now > until:
            return wires
        while carriers and carriers[0][0] == now:
            _, leg, is_up = carriers.pop(0)
            for number in wires.watches[leg, is_up]:
                live.see(now, number)
        while wires.coming and wires.coming[0][0] == now:
            _, number, frame = wires.coming.pop(0)
            live.see(now, number, frame)
        live.carry_out(now)


def noticed(changes: list[tuple[int, int, bool]], n_legs: int, when: Any) -> list[tuple[int, int, bool]]:
    """Say when an end knows of carriers: what changes again before does not count."""
    found = []
    for leg in range(n_legs):
        own, knows = [(at, is_up) for at, one, is_up in changes if one == leg], False
        for (at, is_up), (then, _) in pairwise([*own, (1 << 62, False)]):
            if when(at, is_up) < then and is_up != knows:
                knows = is_up
                found.append((when(at, is_up), leg, is_up))
    return sorted(found)


@pytest.mark.parametrize("seed", range(150))
def test_a_second_implementation_sends_and_uses_the_same(seed):
    draw = random.Random(seed)
    n_legs = draw.choice([2, 4])
    blocks = {
        role: {"rate": draw.choice(["fast", "slow"]), "active": draw.random() < 0.75,
               "wait": f"{draw.choice([0, 2000, draw.randrange(1, 5000)])}ms"}
        for role in ("lacp", "lacp_partner")
    }  # fmt: skip
    monitor, up_delay, down_delay = (draw.choice([0, draw.randrange(500)]) for _ in range(3))
    bond = {"mode": "l4_hash", "monitor": f"{monitor}ms", "up_delay": f"{up_delay}ms", "down_delay": f"{down_delay}ms"}
    config = made(host__virtual_switch__bond=bond, port__count=n_legs, agents={"host": {"lacp": blocks["lacp"]},
                                              "leaf": {"lacp_partner": blocks["lacp_partner"]}})  # fmt: skip
    delays = {name: draw.randrange(1, 20 * 10**9) for name in ("host", "leaf")}
    until, silent = 300 * S, []
    for _ in range(draw.randrange(5)):
        begins = draw.randrange(until)
        silent.append((draw.randrange(n_legs), begins, begins + draw.choice([draw.randrange(10), 100]) * S))

    outages = [(leg, begins := draw.randrange(until), begins + draw.choice([draw.randrange(1000), 9000]) * S // 1000)
               for leg in range(n_legs) if draw.random() < 0.4]  # fmt: skip
    carriers = [(0, leg, True) for leg in range(n_legs)]
    carriers += [(at, leg, is_up) for leg, *ends in outages for at, is_up in zip(ends, (False, True), strict=True)]
    carriers.sort()

    def is_dead(leg: int, at: int) -> bool:
        return any(leg == one and begins <= at < ends for one, begins, ends in silent + outages)

    def host_knows(at: int, is_up: bool) -> int:
        due = at + (up_delay if is_up else down_delay) * S // 1000
        return due + -due % (monitor * S // 1000) if monitor else due

    wires = run_agents(config, delays, is_dead, carriers, until)
    known = [(at, name, leg, is_up) for name, when in (("host", host_knows), ("leaf", lambda at, is_up: at))
             for at, leg, is_up in noticed(carriers, n_legs, when)]  # fmt: skip
    who = {"host": (65535, 0x0200_0000_0001, 1, 255), "leaf": (65535, 0x02FE_0000_0000, 1, 255)}
    settings = {
        name: oracle.Settings(block["rate"] == "fast", block["active"], int(block["wait"][:-2]) * S // 1000, who[name])
        for name, block in zip(("host", "leaf"), blocks.values(), strict=True)
    }
    later = {name: delay + 1 for name, delay in delays.items()}  # a driver has a frame 1 fs behind the agent's work
    frames, used = oracle.run(settings, n_legs, later, is_dead, sorted(known, key=lambda one: one[0]), until)
    for at, name in enumerate(("host", "leaf")):
        ours = [(now, leg, *states) for now, sender, leg, *states in wires.sent if sender == name]
        theirs = [(now, leg, *states) for now, sender, leg, *states in frames if sender == at]
        assert ours == theirs
    assert [(at, legs & {*range(n_legs)}) for at, legs in wires.used[1:]] == [
        (at, {*legs}) for at, legs in used["host"]
    ]


def test_who_leads_to_another_system_is_not_joined():
    """p1's other end says that it is another system: it is not selected while p0 is."""
    (host, _), _ = agents_of(made())
    assert isinstance(host, LacpEnd) and len(host.frames) == 2
    wires = Wires({"host": 5}, lambda leg, at: True)
    live = LiveAgents([host], made(), ["", OUTSIDE_PLACE], wires, 0)
    live.begin()
    for leg in (0, 1):
        for number in wires.watches[leg, True]:
            live.see(0, number)
    live.carry_out(0)
    for port, system in ((1, 0x0200_0000_0FFF), (2, 0x0200_0000_0EEE)):
        said = Lacpdu(LacpEndInfo(1, system, 1, 1, port, LacpState(0x0D)), LacpEndInfo()).to_bytes()
        live.see(port, 0, Frame(0, port, "", "", "", LACP_TYPE, None, None, 128, said))
        live.carry_out(port)
    while (at_fs := live.next_fs(1 << 62)) < 3 * S:
        live.carry_out(at_fs)
    assert [leg.mux for leg in host._legs] == [Mux.ATTACHED, Mux.DETACHED]


# ---- In the machine ----


def run(config: Any, **options: Any) -> Result:
    return simulate(config, **options)


def sets(result: Result) -> list[tuple[float, list[str]]]:
    """When the host has changed which legs are idle, in seconds."""
    return [(one.at_ns / 1e9, one.set_[IDLE_KEY]) for one in result.agent_actions if one.set_]


def test_when_legs_are_used_and_given_up(tmp_path):
    """First heard at 1 s, joined 2 s later; p1 is silent from 6.5 s on, and given up 3 s behind what came at 6 s."""
    wires = {f"p{leg}.uplink": str(tmp_path / f"p{leg}.pcapng") for leg in (0, 1)}
    result = run(made(scenario=P1_SILENT), pcap_hops=wires)
    (begins, both), (first, one), (second, none), (given_up, p1) = sets(result)
    assert (begins, both, sorted(one + p1), none, p1) == (0, ["p0", "p1"], sorted([one[0], "p1"]), [], ["p1"])
    assert 3 < first <= second < 3.0001
    assert 9 < given_up < 9.0001
    (outage,) = result.bond.outages
    assert (outage.leg, outage.died_ns) == ("p1", 6.5e9)
    assert outage.given_up_ns == pytest.approx(given_up * 1e9, abs=10)
    assert result.bond.in_use == ("p0",)
    # What finds no leg until 3 s, of 329 frames a second, Poisson.
    rate = 4 * 1e6 / (1518 * 8)
    assert result.bond.without_leg == pytest.approx(3 * rate, abs=5 * (3 * rate) ** 0.5)
    fields = ["lacp.actor.sysid", "lacp.actor.port", "lacp.actor.state", "frame.time_epoch", "_ws.expert"]
    for leg in (0, 1):
        rows = [row for row in tshark_rows(tmp_path / f"p{leg}.pcapng", fields) if row["lacp.actor.port"]]
        assert {row["lacp.actor.port"] for row in rows} == {str(leg + 1)}
        assert {row["lacp.actor.sysid"] for row in rows} == {"02:00:00:00:00:01", "02:fe:00:00:00:00"}
        assert not any(row["_ws.expert"] for row in rows)
        times = [float(row["frame.time_epoch"]) for row in rows]
        assert (min(times), max(times) > 11) == (pytest.approx(1, abs=1e-4), leg == 0)


def test_a_leg_whose_carrier_comes_back_begins_anew():
    """p1 is dead from 5.03 to 6.53 s, which the host sees at 5.1 and 6.6 s; it speaks a second later."""
    scenario = [{"at": "5030ms", "set": {"port.down": ["p1"]}}, {"at": "6530ms", "set": {"port.down": []}}]
    result = run(made(scenario=scenario, run__duration="9s"))
    (gone, p1), (back, none) = sets(result)[3:]
    assert (p1, none) == (["p1"], [])
    assert gone == pytest.approx(5.1, abs=1e-4)
    assert 7.53 < back < 7.6001  # the neighbour, which knows at once, speaks a second behind 6.53 s
    (outage,) = result.bond.outages
    assert outage.used_ns == pytest.approx(back * 1e9, abs=10)


def test_slow_ends_take_ninety_seconds_and_ten_minutes_of_quiet_are_cheap():
    """The first second is fast; then a LACPDU each 30 s. p1 is silent from 200 s on, so heard last at some 183 s."""
    config = made(
        agents={"host": {"lacp": {"rate": "slow"}}, "leaf": {"lacp_partner": {"rate": "slow"}}},
        scenario=[{"at": "200s", "set": {"host.virtual_switch.bond.silent": ["p1"]}}],
        run__duration="600s",
        workload__load="1Kbps",
    )
    result = run(config)
    given_up, idle = sets(result)[3]
    last = max(one.at_ns / 1e9 for one in result.agent_actions if one.agent == "leaf" and "port 2" in str(one.frame)
               and one.at_ns < 200e9)  # fmt: skip
    assert idle == ["p1"] and given_up == pytest.approx(last + 90, abs=1e-4)
    assert sum(one.frames_sent for one in result.agents.values()) < 200


def test_where_both_are_passive_no_leg_is_used():
    config = made(agents={"host": {"lacp": {"active": False}}, "leaf": {"lacp_partner": {"active": False}}})
    result = run(config)
    assert sum(one.frames_sent for one in result.agents.values()) == 0
    assert result.bond.in_use == () and result.totals.delivered_frames == 0


def test_legs_may_be_idle_without_lacp():
    """By a file, and by an event: known at once."""
    idle = {f"{IDLE_KEY}": ["p0"]}
    scenario = [{"at": "500ms", "set": {IDLE_KEY: ["p1"]}}]
    config = config_from_mapping({**BASE, "agents": {}}, {**idle, "scenario": scenario, "run.duration": "1s"})
    assert config.legs_in_use == (1,)
    result = run(config)
    assert result.bond.in_use == ("p0",) and result.bond.outages == ()
    shares = [leg.tx_frames for leg in result.bond.legs]
    assert all(share == pytest.approx(sum(shares) / 2, rel=0.5) for share in shares)
    assert result.totals.dropped_frames == 0


def test_parts_of_a_configuration():
    config = made()
    assert ends_outside(config) == ("uplink",)
    assert config.agents["host"].lacp == LacpBlock(rate="fast")
    assert [dict(one.changes) for one in lacp_settings(config)] == [{IDLE_KEY: ["p0", "p1"]}]
    assert "idle" in set_in_run({"agents": {"host": {"lacp": {}}}})
    function = SimpleNamespace(params=SimpleNamespace(first_source=3, n_sources=2))
    assert source_of_given.py_func(function) == 4  # behind the loads of its function


@pytest.mark.parametrize(("changes", "said"), [
    ({"host.virtual_switch.bond": None, "port.count": 1}, "there is no bond whose ends could speak it"),
    ({"host.virtual_switch.bond.mode": "active_backup"}, "and active_backup uses one"),
    ({"host.virtual_switch.bond.lacp": "fast"}, "lacp: fast has LACP by its times alone, without frames"),
    ({"agents.more": {"lacp": {}}}, "host is that end of the bond, too"),
    ({"agents.leaf.server": "a"}, "an agent with lacp_partner is at the legs of the bond"),
    ({"host.virtual_switch.bond.idle": ["p7"]}, "p7"),
    ({"switch.ports": [{"name": "pf", "trusted": False}]}, "pf is not trusted"),
    ({"switch.ports": [{"name": "pf", "port_vlan": 9}]}, "pf is in VLAN 9"),
    ({"agents.host.lacp.rate": "quick"}, "agents.host.lacp.rate"),
])  # fmt: skip
def test_what_a_file_may_not_say(changes, said):
    with pytest.raises(InputError) as caught:
        config_from_mapping(BASE, changes)
    assert any(said in line for line in caught.value.lines), caught.value.lines
