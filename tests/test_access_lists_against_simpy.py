"""Rules behind the type in a run: the engine and the SimPy model take the same course, before and after commands."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests import beside_simpy
from tests.beside_simpy import GROUP, GUESTS, PF, VF0, VF1, VF2, VF3, check_same_course, mac, poisson, run_both

ALL = {"name": "all", "guards": ["arp", "dhcp", "nd", "ip"]}
FROM_OTHER = {"name": "vf1", "ips": ["10.9.0.1"], "guards": ["ip"]}  # its frames come from another
RULES: Mapping[str, Any] = {
    "tcp to a port": [{"protocol": "tcp", "destination_port": 22, "action": "deny"}],
    "from own addresses alone": [
        {"source_ip": "own", "action": "priority", "priority": 3},
        {"source_ip": "0.0.0.0/0", "action": "deny"},
    ],
    "policed prefix": [
        {"source_ip": "10.0.0.4/30", "action": "police", "rate": "100Mbps", "burst": "3000B"},
        {"arp_operation": "reply", "action": "deny"},
    ],
}


def ip_header(source: int, destination: int) -> bytes:
    """Give a frame of ARP, UDP to a client of DHCP, or TCP to one of two ports, as the ends have it."""
    to = b"\xff" * 6 if destination == GROUP else mac(destination, 2)
    ends = [ip_address("10.0.0.0") + max(port, 0) + 1 for port in (source, destination)]
    if source == VF3:  # from an address that is not its own
        ends[0] = ip_address("10.0.0.4")
    if (source, destination) in ((VF0, VF1), (VF2, VF1), (VF3, PF)):
        sender = mac(VF1 if source == VF2 else source, 1)
        body = bytes.fromhex("0001080006040002") + sender + ends[0].packed + to + ends[1].packed
        return (to + mac(source, 1) + b"\x08\x06" + body).ljust(60, b"\0")
    protocol, port = (17, 68) if (source + destination) % 4 == 0 else (6, 22 if source < destination else 80)
    ip = bytes([0x45, *bytes(8), protocol, 0, 0]) + ends[0].packed + ends[1].packed
    upper = (50000).to_bytes(2, "big") + port.to_bytes(2, "big")
    return (to + mac(source, 1) + b"\x08\x00" + ip + upper).ljust(60, b"\0")


@pytest.fixture
def of_ip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside_simpy, "header", ip_header)


LOAD = poisson(400, 1500, senders=(PF, *GUESTS), receivers=(PF, *GUESTS))
WINDOW = {"run.warmup": "20us", "run.duration": f"{LOAD[-1][0] - 20_000}ns"}


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.usefixtures("of_ip")
def test_a_run_with_rules(tmp_path: Path, rules: str) -> None:
    changes = {**WINDOW, "switch.ports": [ALL | {"guards": ["dhcp"]}], "switch.acl": RULES[rules]}
    both = run_both(tmp_path, changes, LOAD, commands=())
    check_same_course(both, at_least=50)
    drops = both.result.drops
    assert drops["DHCP_GUARD"] > 10 and drops["RATE_LIMITED" if "policed" in rules else "ACL_DENY"] > 10, drops


@pytest.mark.usefixtures("of_ip")
def test_guards_and_lists_that_change_in_mid_run(tmp_path: Path) -> None:
    changes = {**WINDOW, "switch.ports": [ALL, FROM_OTHER], "switch.acl": RULES["tcp to a port"]}
    commands = [
        (150_000 * 10**6, {"switch.acl": RULES["policed prefix"]}),
        (300_000 * 10**6, {"switch.ports": [ALL | {"guards": ["arp"], "trusted": True}], "switch.acl": []}),
        (450_000 * 10**6, {"switch.ports": [ALL | {"trusted": True}]}),
    ]
    both = run_both(tmp_path, changes, LOAD, commands=commands)
    check_same_course(both, at_least=50)
    drops = both.result.drops
    assert {"ARP_GUARD", "DHCP_GUARD", "IP_GUARD", "ACL_DENY"} <= set(drops), drops
    first_alone = run_both(tmp_path, changes, LOAD, commands=())
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=first_alone.oracle_journeys), at_least=50)


@pytest.mark.parametrize("mode", ["sriov", "vswitch"])
def test_made_up_frames_meet_rules(tmp_path: Path, mode: str) -> None:
    first = {"source_ip": "10.0.0.3", "destination_port": 5001, "protocol": "tcp", "action": "deny"}
    changes = {
        "run.warmup": "20us", "run.duration": "400us", "nic.mode": mode,
        "switch.ports": [ALL], "switch.acl": [first, {"destination_ip": "10.0.0.4/31", "action": "permit"}],
        "workload": {"pattern": "uniform", "frame_bytes": 570, "load": "2Gbps", "arrivals": "poisson"},
    }  # fmt: skip
    both = run_both(tmp_path, changes, None)
    check_same_course(both, at_least=50)
    assert both.result.drops["ACL_DENY"] > 10
    assert {flow.from_ for flow in both.result.flows if not flow.delivered} == {"vf0"}
