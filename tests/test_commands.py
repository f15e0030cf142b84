"""Changes in mid-run: at time 0 the machine that is built so, none where nothing changes, refused where it is fixed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.workload import build_workload
from hwmodel.workload.traffic import Workload
from tests.run_cases import merged

US = 10**9
END = 150 * US
BASE: Mapping[str, Any] = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"preset": "82599", "vfs": 4, "strict": False},
    "workload": {"pattern": "uniform", "frame_bytes": 512, "load": "saturate"},
    "run": {"clocks": "exact"},
}
BRIDGE: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "bridge": {"announce": False, "latency": "500ns"},  # what is announced is known before all commands
    "workload": {"pattern": "uniform", "frame_bytes": 512, "load": "2Gbps"},
}
TO_OUTSIDE = {"pattern": "flows", "flows": [["vf0", "uplink"], ["vf1", "uplink"], ["vf2", "vf3"]]}
RATES = {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"], ["vf2", "uplink", "2Mpps"]]}
BURSTS = {"load": "2Gbps", "arrivals": "on_off", "peak_rate": "8Gbps", "mean_burst": 20}
OUTSIDE = {"load": "1Gbps", "external": {"rate": "1Kbps", "arrivals": "periodic"}}
ONE_SENDS = {**BRIDGE, "workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "2Gbps"]]}}
# By name what changes, and whether a bridge is there.
CHANGES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "the wire's rate": ({"workload": TO_OUTSIDE}, {"port.rate": "5Gbps"}),
    "the link's lanes": ({}, {"pcie.lanes": 2}),
    "the link's generation": ({}, {"pcie.generation": 3}),
    "read requests": ({}, {"pcie.max_read_request": "128B"}),
    "a rate limit": ({}, {"switch.ports.vf0.rate_limit": "200Mbps"}),
    "a weight": ({"switch.scheduler": "weighted"}, {"switch.ports.vf0.weight": 3}),
    "a VLAN": ({}, {"switch.ports.vf1": {"port_vlan": 7, "vlans": [7], "untagged": [7]}}),
    "an address": ({}, {"switch.ports.vf1.macs": ["02:00:00:00:77:01"]}),
    "an access list": ({}, {"switch.acl": [{"port": "vf0", "action": "deny"}]}),
    "a policer": (
        {},
        {
            "switch.acl": [{"port": "vf0", "action": "police", "rate": "100Mbps", "burst": "10000B"}],
        },
    ),
    "who takes broadcasts": ({"workload": {"pattern": "broadcast"}}, {"switch.ports.vf2.accept": []}),
    "a port switched off": ({}, {"switch.ports.vf3.enabled": False}),
    "a mirror": ({}, {"switch.mirrors": [{"from": "vf0", "to": "vf3"}]}),
    "a bridge's latency": (BRIDGE, {"bridge.latency": "100ns"}),
    "the rate of a bridge's port": (BRIDGE, {"bridge.ports.outside.rate": "1Gbps", "servers.b.set.port.rate": "5Gbps"}),
    "a bridge's policy": (BRIDGE, {"bridge.policy": [{"port": "a.vf0", "action": "deny"}]}),
    "VLANs of a bridge's port": (BRIDGE, {"bridge.ports.a.vlans": [2, 3]}),
    "a load": ({"workload": {"load": "2Gbps"}}, {"workload.load": "5Gbps"}),
    "a load that stops": ({"workload": {"load": "2Gbps"}}, {"workload.load": 0}),
    "a load that begins": ({"workload": {"load": 0, "arrivals": "periodic"}}, {"workload.load": "2Mpps"}),
    "a load that becomes a closed loop": ({"workload": {"load": 0.4}}, {"workload.load": "saturate"}),
    "a closed loop that gets a load": ({}, {"workload.load": "90% of ceiling"}),
    "who sends how much": ({"workload": {"load": "2Gbps", "weights": {"vf0": 0}}}, {"workload.weights": {"vf1": 3}}),
    "rates of flows": ({"workload": RATES}, {"workload.flows": [["vf0", "vf1", "4Gbps"], ["vf2", "uplink", "1Mpps"]]}),
    "steps": ({"workload": {"load": "2Gbps"}}, {"workload.arrivals": "periodic"}),
    "bursts": (
        {"workload": BURSTS},
        {"workload.peak_rate": "20Gbps", "workload.mean_burst": 8, "workload.load": "1Gbps"},
    ),
    "frames from outside": ({"workload": OUTSIDE}, {"workload.external": {"rate": "6Gbps"}}),
    "frames from outside a bridge": ({**BRIDGE, "workload": OUTSIDE}, {"workload.external.rate": "4Gbps"}),
    "a load of servers": (BRIDGE, {"workload.load": "5Gbps"}),
    "an address at a server that sends nothing": (
        ONE_SENDS,
        {"servers.b.set.switch.ports.vf0.macs": ["02:ee:00:00:00:01"]},
    ),
    "a VLAN behind a bridge": (BRIDGE, {"switch.ports.vf1": {"port_vlan": 7, "vlans": [7], "untagged": [7]}}),
}


def configs_of(name: str) -> tuple[Config, Config]:
    """Return the configuration of a case, and the one that it changes to."""
    own, change = CHANGES[name]
    nested = {key: value for key, value in own.items() if "." not in key}
    dotted = {key: value for key, value in own.items() if "." in key}
    first = config_from_mapping(merged(BASE, nested)).with_overrides(dotted)
    return first, first.with_overrides(change)


def finished(
    config: Config, workload: Workload, changes: Sequence[Change] = (), pieces: int = 1, threads: int = 1
) -> Machine:
    machine = Machine(config, workload, 1, threads, changes)
    for piece in range(1, pieces + 1):
        machine.advance(END * piece // pieces, 2**60)
    machine.rest()
    return machine


def seen(machine: Machine) -> dict[str, str]:
    """Return digests of all that is counted, of flows by their ends, and of tables and parameters."""
    found = {}
    for at, server in enumerate(machine.servers):
        nic = server.nic
        for name in ("up", "down"):
            found[f"{at} {name}"] = bytes(nic.pcie[0][name]["counts"])
        found[f"{at} ports"] = nic["port"]["mac"]["counts"].tobytes()
        found[f"{at} adapter"] = bytes(nic["counts"])
        found[f"{at} tables"] = nic["port"][0]["switch"]["tables"].tobytes()
        found[f"{at} functions"] = nic["function"].tobytes()
        found[f"{at} policers"] = nic["traffic"]["policer"][:4].tobytes()
    for at, ledger in enumerate(machine.ledgers()):
        found[f"{at} ledger"] = bytes(ledger["counts"])
        found[f"{at} flows"] = flows(machine, at, ledger)
    if machine.system is not None:
        bridge = machine.system.bridges[0]
        for name in ("box", "port", "logical_port"):
            found[f"bridge {name}"] = bridge[name]["counts"][:16].tobytes()
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


def flows(machine: Machine, at: int, ledger: Any) -> bytes:
    """Return what a ledger counts of flows, by their names."""
    machine.book.numbers.follow()
    names = machine.book.flows
    own = machine.book.numbers.of_ledgers[at].tolist()
    rows = ledger["flow"][: len(own)]
    return repr(
        [
            (names[number], *(int(row[name]) for name in ("offered", "delivered", "dropped", "n_bytes")))
            for number, row in zip(own, rows, strict=True)
            if row["offered"] or row["delivered"]
        ]
    ).encode()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_at_time_0_is_the_machine_that_is_built_so(name: str) -> None:
    first, second = configs_of(name)
    workload, changes = with_workloads(first, [Change(0, second)])
    built = seen(finished(second, changes[0].workload or workload))
    assert seen(finished(first, workload, changes)) == built
    assert seen(finished(first, workload)) != built


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_mid_run_is_another_machine_however_it_is_cut(name: str) -> None:
    """There and back: neither of both machines; in one go or in many pieces it is the same."""
    first, second = configs_of(name)
    workload, changes = with_workloads(first, [Change(END // 3 + 7, second), Change(END // 2 + 11, first)])
    at_once = seen(finished(first, workload, changes))
    assert at_once == seen(finished(first, workload, changes, pieces=37))
    assert at_once != seen(finished(first, workload))
    assert at_once != seen(finished(second, changes[0].workload or workload))


@pytest.mark.parametrize(
    "name",
    ["a VLAN behind a bridge", "the rate of a bridge's port", "a load of servers", "frames from outside a bridge"],
)
def test_changes_on_two_threads_are_the_same(name: str) -> None:
    first, second = configs_of(name)
    workload, changes = with_workloads(first, [Change(END // 3, second), Change(END // 2, first)])
    assert seen(finished(first, workload, changes, threads=2)) == seen(finished(first, workload, changes))


def test_a_change_to_what_is_there_changes_nothing() -> None:
    first, _ = configs_of("a VLAN")
    workload = build_workload(first)
    assert seen(finished(first, workload, [Change(END // 2, first)])) == seen(finished(first, workload))


def test_of_changes_of_one_instant_the_last_counts() -> None:
    first, second = configs_of("a rate limit")
    workload = build_workload(first)
    both = [Change(END // 2, second), Change(END // 2, first)]
    # What a limit that comes and goes in one instant leaves behind is when its function would have been eligible.
    found, plain = seen(finished(first, workload, both)), seen(finished(first, workload))
    assert {name for name in found if found[name] != plain[name]} <= {"0 functions"}


@pytest.mark.parametrize(("change", "key"), [
    ({"nic.rx_ring": 64}, "nic.rx_ring"), ({"nic.tx_buffer": "64KiB"}, "nic.tx_buffer"),
    ({"switch.mode": "vepa"}, "switch.mode"), ({"switch.ports.vf0.max_frame": "1000B"}, "max_frame"),
    ({"workload.frame_bytes": 64}, "workload.frame_bytes"), ({"host.read_latency": "1us"}, "host.read_latency"),
    ({"pcie.max_payload": "128B"}, "pcie.max_payload"), ({"pcie.tags": 8}, "pcie.tags"),
])  # fmt: skip
def test_what_is_fixed_is_refused_with_its_key_and_time(change: Mapping[str, Any], key: str) -> None:
    first = config_from_mapping(BASE)
    with pytest.raises(InputError) as caught:
        Machine(first, build_workload(first), 1, 1, [Change(3 * US, first.with_overrides(change))])
    assert any(key in line and "fixed while the machine runs" in line and "3us" in line for line in caught.value.lines)


def test_where_a_bridge_has_lists_of_interfaces_what_they_are_made_of_is_fixed() -> None:
    tagged = {"switch": {"mode": "vn_tag"}, "bridge": {"kind": "controlling"}}
    first = config_from_mapping(merged(BASE, tagged))
    change = Change(0, first.with_overrides({"switch.ports.vf0.accept": ["broadcast"]}))
    with pytest.raises(InputError, match="accept"):
        Machine(first, build_workload(first), 1, 1, [change])


def test_many_changes_find_their_copies_again() -> None:
    """A VLAN goes and comes 200 times: there are no more kinds of copies than of two machines."""
    first, second = configs_of("a VLAN")
    workload = build_workload(first)
    changes = [Change(at * END // 201, (first, second)[at % 2]) for at in range(1, 201)]
    machine, plain = finished(first, workload, changes), finished(first, workload)
    n_kinds = [int(each.servers[0].nic.headers.n_copy_kinds) for each in (machine, plain)]
    assert n_kinds[0] <= 2 * n_kinds[1]
    assert int(machine.servers[0].nic.headers.generation) > 200
    assert np.asarray(machine.servers[0].nic["port"][0]["switch"]["tables"]).tobytes() == (
        np.asarray(plain.servers[0].nic["port"][0]["switch"]["tables"]).tobytes()
    )
