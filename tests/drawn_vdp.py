"""Stations and bridges drawn at random, for both implementations of docs/vdp.md, on an idle machine."""

from __future__ import annotations

import random
from typing import Any

from hwmodel.agents import Agent, Frame, Turn
from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.wire.edge_control import LLDP_TYPE, Ecp, evb_of, vsis_of
from tests.drawn_agents import BASE
from tests.oracles.vdp import ASSOCIATE, DE_ASSOCIATE, PRE, RESERVE, Ends, Found, Vm
from tests.run_cases import merged

NS, US, MS = 10**6, 10**9, 10**12
QUIET = merged(BASE, {
    "servers": [{"name": "a"}, {"name": "b"}], "nic": {"preset": "82599", "vfs": 3}, "driver": {"preset": "dpdk"},
    "switch": {"uplink": {"vlans": [1, 10, 20]}, "ports": [
        {"name": "vf0", "port_vlan": 10}, {"name": "vf1", "port_vlan": 20}, {"name": "vf2", "port_vlan": 10},
    ]},
    "bridge": {"ports": {"a": {"vlans": [1]}, "b": {"vlans": "all"}}},
    "workload": {"load": 0}, "run": {"duration": "40ms"},
})  # fmt: skip
ORDERS = {"pre_associate": PRE, "reserve": RESERVE, "associate": ASSOCIATE, "de_associate": DE_ASSOCIATE}
VLANS = {"a.vf0": 10, "a.vf1": 20, "a.vf2": 10}
UNTIL_FS = 40 * MS


def _ns(fs: int) -> str:
    assert fs % NS == 0
    return f"{fs // NS}ns"


def draw(seed: int) -> tuple[dict[str, Any], Ends, Ends, list[Vm]]:
    """Return a configuration, and the same as the second implementation has it."""
    chance = random.Random(f"vdp {seed}")
    blocks: list[dict[str, Any]] = []
    ends = []
    relays = chance.random() < 0.5
    for _ in range(2):
        own = Ends(
            chance.randint(0, 6), chance.randint(0, 9), chance.randint(4, 10), chance.randint(0, 3),
            chance.randint(50_000, 2_000_000) * NS, relays=relays,
        )  # fmt: skip
        if chance.random() < 0.3:
            own.silent_fs = chance.randint(1_000_000, 30_000_000) * NS
        block = {"rte": own.rte, "rwd": own.rwd, "rka": own.rka, "retries": own.retries}
        block |= {"processing": _ns(own.processing_fs)}
        if own.silent_fs < UNTIL_FS:
            block["silent_from"] = _ns(own.silent_fs)
        blocks.append(block)
        ends.append(own)
    station, bridge = ends
    bridge.decides_fs = chance.choice((0, 0, chance.randint(1000, 400_000) * NS, chance.randint(1, 8) * MS + 7 * NS))
    bridge.most = chance.choice((0, 1, 2, 1000, 1000))
    if chance.random() < 0.4:
        code, keep, hard = chance.randint(1, 15), chance.random() < 0.4, chance.random() < 0.5
        bridge.rules = ((chance.choice((None, 10, 20)), chance.choice((None, 1, 2)), code, keep, hard),)
    blocks[1] |= {"decides": _ns(bridge.decides_fs), "most": bridge.most, "refuse": [
        {"code": code, "keep": keep, "hard": hard} | ({} if vlan is None else {"vlan": vlan})
        | ({} if kind is None else {"type": kind}) for vlan, kind, code, keep, hard in bridge.rules
    ]}  # fmt: skip
    vms, of_vms = [], {}
    for name, vlan in VLANS.items():
        times = {key: chance.randint(100_000, 30_000_000) * NS for key in ORDERS if chance.random() < 0.7}
        kind = chance.randint(1, 2)
        if times:
            of_vms[name] = {"vlan": vlan, "type": kind} | {key: _ns(at_fs) for key, at_fs in times.items()}
            vms.append(Vm(name, vlan, kind, [(at_fs, ORDERS[key]) for key, at_fs in times.items()]))
    document = merged(QUIET, {"switch": {"mode": "vepa" if relays else "veb"}, "agents": {
        "hyp": {"server": "a", "vdp_station": {"by": "a.pf", "vms": of_vms, **blocks[0]}},
        "sw": {"vdp_bridge": {"ports": ["a"], **blocks[1]}},
    }})  # fmt: skip
    return document, station, bridge, vms


def found_in(result: Result) -> Found:
    """Return what the agents of a run have said and set, as the second implementation tells it."""
    found = Found()
    by_instance = {b"VM".ljust(10, b"\0") + bytes((2, 0, 0, 0, 0, 2 + at)): name for at, name in enumerate(VLANS)}
    for action in result.agent_actions:
        if action.set_:
            (vlans,) = action.set_.values()
            found.vlans.append((action.at_fs, frozenset(vlans)))
            continue
        body, kind = bytes.fromhex(action.frame["hex"]), int(action.frame["ethertype"], 0)
        assert action.frame["frame_bytes"] == 14 + len(body) + 4
        who = "station" if action.agent == "hyp" else "bridge"
        what: tuple[Any, ...]
        if kind == LLDP_TYPE:
            evb = evb_of(body)
            assert evb is not None
            values = (("retries", evb.retries), ("rte", evb.rte), ("rwd", evb.rwd), ("rka", evb.rka))
            what = ("lldp", ((evb.bridge, evb.station), values, (evb.is_rwd_taken, evb.is_rka_taken)))
        elif (ecp := Ecp.of(body)).is_acknowledgement:
            what = ("ack", ecp.sequence)
        else:
            (vsi,) = vsis_of(ecp.payload)
            what = ("request", ecp.sequence, (by_instance[vsi.instance], int(vsi.mode), vsi.status))
        found.frames.append((action.at_fs, who, what))
    found.frames.sort(key=lambda one: one[:2])
    return found


class _Ear(Agent):
    """Note when frames of control come to an end."""

    def __init__(self, place: str, end: str) -> None:
        super().__init__(f"ear_{end.replace('.', '_')}", place)
        self.end, self.found = end, []  # type: ignore[var-annotated]

    def begin(self, at: Turn) -> None:
        at.hear(to=self.end, destination="01:80:c2:00:00:00")

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        self.found.append(at.now_fs)


def run(document: dict[str, Any]) -> tuple[Result, dict[str, list[int]]]:
    """Return the result of a run, and when each frame that the station, or the bridge, has sent came to the other."""
    ears = {"station": _Ear("bridge", "a"), "bridge": _Ear("a", "a.pf")}
    result = simulate(config_from_mapping(document), agents=[*ears.values()])
    return result, {who: ear.found for who, ear in ears.items()}
