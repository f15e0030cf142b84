"""Two agents and two lldpad daemons, asked for the same: the same frames in order, less what the daemons take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.wire.edge_control import ECP_TYPE, LLDP_TYPE, Ecp, Vsi, vsis_of
from tests.lldpad_frames import Said, sessions

SESSIONS = sessions()
KEYS = {1: "pre_associate", 2: "reserve", 3: "associate", 4: "de_associate"}
BY_DEFAULT_S = 0.002  # from a request's arrival until lldpad looks at it, which the agents' default is
OWN_S = 0.0015  # at most that a daemon takes by itself, beside that, on two busy cores; the agents' frames take some us
FIRST_S = 2.0  # of the agents' run: when the first request is made


class Sent(NamedTuple):
    at_s: float
    sender: str
    ethertype: int
    body: bytes


def vsi_in(body: bytes) -> Vsi | None:
    ecp = Ecp.of(body)
    return None if ecp.is_acknowledgement else vsis_of(ecp.payload)[0]


def agents_say(name: str, said: Sequence[Said], until_s: float, **silent: str) -> list[Sent]:
    """Return what agents say that are asked what a session's station was asked for, with its VM's identity."""
    session = SESSIONS[name]
    asked: dict[int, float] = {}
    for one in said:
        vsi = vsi_in(one.body) if one.sender == "station" and one.ethertype == ECP_TYPE else None
        if vsi is not None:
            first = vsi
            asked.setdefault(vsi.mode, one.at_s)
    mac = first.filters[0].mac
    assert mac is not None
    vm = {
        "vlan": first.filters[0].vid, "type": first.type_id, "version": first.version,
        "instance": "-".join(
            first.instance.hex()[at:end] for at, end in pairwise((0, 8, 12, 16, 20, 32))
        ),
        **{KEYS[mode]: f"{round((FIRST_S + at_s) * 1e9)}ns" for mode, at_s in asked.items()},
    }  # fmt: skip
    document = {
        "nic": {"preset": "82599", "vfs": 2},
        "switch": {"mode": "vepa", "uplink": {"vlans": [1, vm["vlan"]]}, "ports": [
            {"name": "pf", "macs": ["02:00:00:00:00:01"]},
            {"name": "vf0", "port_vlan": vm["vlan"], "macs": [":".join(mac.to_bytes(6, "big").hex(" ").split())]},
        ]},
        "bridge": {"ports": {"adapter": {"vlans": [1]}}},
        "workload": {"pattern": "flows", "flows": [["vf1", "uplink", "1Kbps"]]},
        "run": {"warmup": "0ns", "duration": f"{round((FIRST_S + until_s) * 1e3)}ms", "clocks": "exact"},
        "agents": {
            "hyp": {"vdp_station": {
                "by": "pf", "manager": first.manager.rstrip(b"\0").decode(), "vms": {"vf0": vm}, **session.station,
                **({"silent_from": silent["station"]} if "station" in silent else {}),
            }},
            "sw": {"vdp_bridge": session.bridge | (
                {"silent_from": silent["bridge"]} if "bridge" in silent else {}
            )},
        },
    }  # fmt: skip
    result = simulate(config_from_mapping(document))
    return [
        Sent(
            one.at_ns / 1e9 - FIRST_S, "station" if one.agent == "hyp" else "bridge", int(one.frame["ethertype"], 0),
            bytes.fromhex(one.frame["hex"]),
        )
        for one in result.agent_actions if one.frame
    ]  # fmt: skip


def compared(said: Sequence[Said], found: Sequence[Sent], keeps: Callable[[bytes], bool]) -> None:
    """Check that ECP's frames are the same, in order, and how long each comes behind the one before.

    But for requests that are made at a time: those are when they were.
    """
    lldpad = [one for one in said if one.ethertype == ECP_TYPE and keeps(one.body)]
    own = [one for one in found if one.ethertype == ECP_TYPE and keeps(one.body)]
    assert [(one.sender, one.body.hex()) for one in own] == [(one.sender, one.body.hex()) for one in lldpad]
    first = vsi_in(lldpad[0].body)
    modes, gaps = {first and first.mode}, []
    for (sooner, later), (before, ours) in zip(pairwise(lldpad), pairwise(own), strict=True):
        vsi = vsi_in(later.body)
        if vsi is not None and later.sender == "station" and vsi.mode not in modes:
            modes.add(vsi.mode)
            assert abs(later.at_s - ours.at_s) < 2e-6
        else:
            gaps.append((later.at_s - sooner.at_s) - (ours.at_s - before.at_s))
    assert max(map(abs, gaps)) < OWN_S


def test_asked_kept_alive_and_given_back() -> None:
    """71 B and 18 B: pre-associate, with reservation, associate, keep-alives at 10 us * 2^RKA, de-associate.

    Two seconds later the bridge says once more that the VM is gone. Another VSI was asked for then.
    """
    session = SESSIONS["asked"]
    said = [one for one in session.said if one.ethertype == LLDP_TYPE or one.at_s < 8.5]
    found = agents_say("asked", said, 8.0)
    compared(said, found, lambda body: True)
    alive = [one.at_s for one in found if one.sender == "station" and one.ethertype == ECP_TYPE and len(one.body) == 57]
    steps = [later - sooner for sooner, later in pairwise(alive[5:9])]
    assert all(abs(step - (10e-6 * 2**17 + 2 * BY_DEFAULT_S)) < 10e-6 for step in steps[:2])


def test_what_the_bridge_says_of_a_vm_that_is_gone() -> None:
    """1.5 * 10 us * ((1 + 2 R) 2^RTE + 2^RKA) behind its last answer, of status 0; lldpad 0.7 ms later."""
    session = SESSIONS["asked"]
    (late,) = [one for one in session.said if one.at_s > 8.5 and one.sender == "bridge"
               and (vsi := vsi_in(one.body)) and vsi.type_id == 1]  # fmt: skip
    found = agents_say("asked", [one for one in session.said if one.at_s < 8.5], 10.0)
    own = [one for one in found if one.sender == "bridge" and vsi_in_request(one) and one.at_s > 8.5]
    assert [one.body[4:].hex() for one in own] == [late.body[4:].hex()]
    assert 0 < late.at_s - own[0].at_s < OWN_S
    answered = max(one.at_s for one in found if one.sender == "bridge" and vsi_in_request(one) and one.at_s < 8.5)
    assert abs(own[0].at_s - answered - 15e-6 * (7 * 2**8 + 2**17)) < 1e-6


def vsi_in_request(one: Sent) -> bool:
    return one.ethertype == ECP_TYPE and vsi_in(one.body) is not None


def test_a_bridge_that_does_not_answer() -> None:
    """A keep-alive is sent 1 + 3 times, 10 us * 2^RTE apart, and given up."""
    session = SESSIONS["stopped"]
    said = [one for one in session.said if one.at_s < 1.4]
    found = agents_say("stopped", said, 6.0, bridge=f"{round((FIRST_S + 0.5) * 1e3)}ms")
    compared(said, found, lambda body: True)
    tries = [one.at_s for one in found if one.sender == "station" and vsi_in_request(one)][1:]
    assert len(tries) == 4
    assert all(abs(later - sooner - 10e-6 * 2**10) < 1e-9 for sooner, later in pairwise(tries))


def test_a_station_that_is_silent_is_given_up() -> None:
    """The bridge says so 1 + 3 times; the daemons' station was asked a second time, with its third request."""
    session = SESSIONS["stopped"]
    again = [one for one in session.said if one.at_s > 10]
    said = [one._replace(at_s=one.at_s - again[0].at_s) for one in again]
    found = agents_say("stopped", said, 6.0, station=f"{round((FIRST_S + 0.1) * 1e3)}ms")

    def numberless(one: Any) -> tuple[str, str]:
        return one.sender, one.body[4:].hex()

    own = [one for one in found if one.ethertype == ECP_TYPE]
    lldpad = [one for one in said if one.ethertype == ECP_TYPE and one.at_s < 2.2]
    assert [numberless(one) for one in own] == [numberless(one) for one in lldpad]
    assert all(abs(theirs.at_s - ours.at_s) < OWN_S for ours, theirs in zip(own, lldpad, strict=True))


@pytest.mark.parametrize("name", ["asked", "stopped"])
def test_what_both_come_to_by_lldp(name: str) -> None:
    """The last EVB TLVs of both daemons are those of both agents, bit for bit."""
    said = [one for one in SESSIONS[name].said if one.at_s < 0.01]
    found = agents_say(name, said, 0.0)
    for sender in ("station", "bridge"):
        theirs = [one.body[22:33] for one in said if one.sender == sender and one.ethertype == LLDP_TYPE]
        ours = [one.body[22:33] for one in found if one.sender == sender and one.ethertype == LLDP_TYPE]
        assert ours[-1] == theirs[-1]
