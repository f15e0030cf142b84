"""What a change fills again is, word by word, what a whole machine has that is built by the changed configuration.

The oracle is the build of a machine. Sequences of changes are drawn: of one adapter, of servers behind bridges, with a
virtual switch, classes of traffic, several ports, and clocks of their own; functions go and come between them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from hwmodel.config import Config, config_from_mapping, servers_of
from hwmodel.config.operable import BRIDGES, OF_ADAPTERS, OF_BRIDGES, OF_WORKLOADS, TREES, of_each_region
from hwmodel.errors import InputError
from hwmodel.simulation.fill.refill import FILLINGS, OF_BRIDGE, OF_SERVER, Filled, Reach, Refilled
from hwmodel.simulation.run.commands import Change, check
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.simulation.run.run import Run, silent
from hwmodel.units import FS_PER_US
from tests.drawn_commands import LINK, LOAD, STATION, SWITCH
from tests.run_cases import merged

VFS = 3
ONE: Mapping[str, Any] = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"vfs": VFS, "strict": False},
    "workload": {"pattern": "uniform", "load": "2Gbps", "external": {"rate": "100Mbps"}},
}
TWO: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b", "set": {"port": {"rate": "5Gbps"}}}],
    "bridge": {"latency": "500ns"},
}
CLASSES: Mapping[str, Any] = {"arbitration": {"classes": [{"percent": 70}, {"percent": 30}]}}
MACHINES: Mapping[str, Mapping[str, Any]] = {
    "an adapter": {},
    "exact clocks": {"run": {"clocks": "exact"}},
    "classes": {"nic": CLASSES},
    "two ports": {"port": {"count": 2}, "workload": {"external": None}},
    "a virtual switch": {"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"preset": "ovs_dpdk"}}},
    "servers": TWO,
    "servers with exact clocks": {**TWO, "run": {"clocks": "exact"}},
    "a bridge of an adapter": {"bridge": {"kind": "learning", "latency": "300ns"}},
}
OTHERS: Mapping[str, tuple[Any, ...]] = {
    "nic.drop_enable": (True, False),
    "driver.refill": (True, False),
    "driver.vms.vf1.refill": (True, False),
    "port.down": ([], ["p0"]),
    "switch.ports.vf0.receive_limit": ("200Mbps", None),
    "switch.ports.vf0": ({"port_vlan": 7, "vlans": [7], "untagged": [7]}, {"port_vlan": 1, "vlans": [1]}),
    "switch.ports.vf1.macs": (["02:00:00:00:77:01"], ["02:00:00:00:77:02"]),
    "switch.ports.vf2.enabled": (False, True),
    "switch.ports.vf2.drop_enable": ([True], [False]),
    "nic.arbitration.pools": ("weighted", "round_robin"),
    "nic.arbitration.classes.1.percent": (30, 20),
}
BRIDGE: Mapping[str, tuple[Any, ...]] = {
    "bridge.latency": ("100ns", "900ns"),
    "bridge.ageing": ("3ms", "300s"),
    "bridge.policy": (
        [],
        [{"port": "a.vf0", "action": "deny"}],
        [{"action": "police", "rate": "1Gbps", "port": "all"}],
    ),
    "bridge.ports.outside.rate": ("1Gbps", "25Gbps"),
    "bridge.ports.a.vlans": ([1], [1, 2, 7]),
    "servers.b.set.port.rate": ("1Gbps", "10Gbps"),
}


def drawn_keys(chance: random.Random) -> dict[str, Any]:
    """Draw some keys with values, of all that may change."""
    station = {f"switch.ports.{vm}.{key}": value for vm in ("vf0", "vf2") for key, value in STATION.items()}
    station = {key: value for key, value in station.items() if not key.endswith(".macs")}
    loads = {f"workload.{key}": value for key, value in LOAD.items()}
    groups = (station, SWITCH, LINK, loads, OTHERS, OTHERS, BRIDGE)
    found = {}
    for _ in range(chance.choice((1, 1, 2, 4))):
        key, values = chance.choice(sorted(chance.choice(groups).items()))
        whose = chance.choice(("", "servers.a.set.")) if key.startswith(("switch.ports.", "nic.", "driver.")) else ""
        found[whose + key] = chance.choice(values)
    return found


def drawn_changes(first: Config, chance: random.Random, n: int) -> Iterator[Change]:
    """Draw changes one behind the other, those that can be made; of some functions are off."""
    now, off, at_fs = {}, frozenset[str](), 0
    names = [server.station(f"vf{k}") for server in servers_of(first) for k in range(VFS)]
    before = first
    for _ in range(20 * n):
        keys = drawn_keys(chance) if chance.random() < 0.8 else {}
        then = off if chance.random() < 0.7 else off ^ {chance.choice(names)}
        at_fs += 1
        try:
            change = Change(at_fs, first.with_overrides(now | keys), then)
            check(before, change)
            with_workloads(first, [change])
        except InputError:
            continue
        now, off, before = now | keys, then, change.config
        yield change
        n -= 1
        if not n:
            return


def words_of(machine: Machine) -> dict[tuple[int, Any], np.ndarray]:
    """Return the words of all regions of a built machine."""
    parts = [(at, machine.state[at : at + 1], OF_SERVER) for at in range(len(machine.state))]
    if machine.system is not None:
        parts.append((len(machine.state), machine.system.bridges, OF_BRIDGE))
    return {(at, region): region.of(state).copy() for at, state, regions in parts for region in regions}


@pytest.mark.real_clocks
@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_filled_again_is_what_is_built(name: str, seed: int) -> None:
    first, chance = config_from_mapping(merged(ONE, MACHINES[name])), random.Random(f"{name} {seed}")
    workload, changes = with_workloads(first, list(drawn_changes(first, chance, 8)))
    begun = Machine(first, workload, seed, 1)
    system = begun.system
    known, stations = words_of(begun), begun.stations
    reach = None if system is None else Reach(system.system[0], system.bridges)
    refilled = Refilled(begun.state, reach, Filled(first, workload, frozenset()), stations, seed)
    assert len(changes) == 8
    for change in changes:
        offered = change.workload or workload
        written = set()
        for one in refilled.become(Filled(change.config, offered, change.off)):
            words = known[one.component, one.region]
            rows = slice(None) if one.rows is None else one.rows
            assert np.array_equal(words[rows] != one.will_be, one.differs)
            words[rows] = one.will_be
            written.add((one.component, one.region))
        built = words_of(Machine(change.config, offered, seed, 1, off=change.off))
        differ = [(at, region.path, region.fields) for (at, region), own in built.items()
                  if not np.array_equal(known[at, region], own)]  # fmt: skip
        assert differ == []


def test_a_ring_drops_by_its_own_entry_in_a_list_of_its_station() -> None:
    rings = {"nic": {"queues_per_vf": 2}, "switch": {"ports": [{"name": "vf1", "drop_enable": [True, False]}]}}
    first = config_from_mapping(merged(ONE, rings))
    then = first.with_overrides({"switch.ports.vf1.drop_enable": [False, False]})
    workload, _ = with_workloads(first, [])
    begun = Machine(first, workload, 1, 1)
    refilled = Refilled(begun.state, None, Filled(first, workload, frozenset()), begun.stations, 1)
    (one,) = refilled.become(Filled(then, workload, frozenset()))
    assert one.region.fields == ("drop_enable",)
    assert int(one.differs.sum()) == 1 and not one.will_be[one.differs].any()


def test_flows_that_only_changes_bring_about_are_counted_as_those_from_the_start() -> None:
    """Their frames add up to all that are offered, and each has percentiles of its own."""
    n_late = 0
    for name in MACHINES:
        first = config_from_mapping(merged(ONE, MACHINES[name], {"run": {"warmup": "0ns", "duration": "60us"}}))
        chance = random.Random(f"flows {name}")
        drawn = [
            one._replace(at_fs=3 * number * FS_PER_US, off=frozenset())  # a virtual switch has no functions that go
            for number, one in enumerate(drawn_changes(first, chance, 16))
        ]
        workload, changes = with_workloads(first, drawn)
        run = Run(first, workload, silent, changes=changes)
        n_first = len(run.book.flows)
        for _ in run.pieces():
            pass
        result = run.result()
        assert len({(one.from_, one.to) for one in result.flows}) == len(result.flows)
        assert sum(one.offered for one in result.flows) == result.totals.offered_frames
        assert all(one.latency_ns.p50 is not None for one in result.flows if one.latency_ns.count)
        n_late += len(run.book.flows) - n_first
    assert n_late > 2


SERVERS: Mapping[str, Any] = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
VSWITCH: Mapping[str, Any] = {"nic": {"mode": "vswitch"}, "port": {"count": 2}, "host": {"virtual_switch": {
    "bond": {"lacp": "fast", "mode": "l4_hash"}}}, "workload": {"external": None}}  # fmt: skip
EXTERNAL: Mapping[str, Any] = {"external": {"rate": "1Gbps", "arrivals": "on_off", "peak_rate": "9Gbps"}}
OUTSIDE: Mapping[str, Any] = {"workload": EXTERNAL}
BURSTS: Mapping[str, Any] = {"workload": {"arrivals": "on_off", "peak_rate": "9Gbps", "external": None}}
# For each row of `operable`: a key with another value, and what a machine has beside `ONE` that it means something.
OF_ROWS: Mapping[str, tuple[str, Any, Mapping[str, Any]]] = {
    "port.rate": ("port.rate", "2.5Gbps", {}),
    "port.down": ("port.down", ["p1"], {"port": {"count": 2}, "workload": {"external": None}}),
    "pcie.generation": ("pcie.generation", 3, {}),
    "pcie.lanes": ("pcie.lanes", 2, {}),
    "pcie.max_read_request": ("pcie.max_read_request", "128B", {}),
    "nic.rate_limit_window": ("nic.rate_limit_window", "8KiB", {
        "switch": {"ports": [{"name": "vf1", "rate_limit": "1Gbps"}]}}),
    "nic.drop_enable": ("nic.drop_enable", True, {"nic": {"drop_enable": False}}),
    "nic.arbitration.classes.*": ("nic.arbitration.classes", [{"percent": 60}, {"percent": 40}], {"nic": CLASSES}),
    "nic.arbitration.descriptor_plane": ("nic.arbitration.descriptor_plane", "round_robin", {"nic": CLASSES}),
    "nic.arbitration.packet_plane": ("nic.arbitration.packet_plane", "round_robin", {"nic": CLASSES}),
    "nic.arbitration.pools": ("nic.arbitration.pools", "round_robin", {"nic": CLASSES}),
    "driver.refill": ("driver.refill", False, {}),
    "driver.vms.*.refill": ("driver.vms.vf1.refill", False, {}),
    "host.virtual_switch.bond.idle": ("host.virtual_switch.bond.idle", ["p1"], VSWITCH),
    "host.virtual_switch.bond.silent": ("host.virtual_switch.bond.silent", ["p1"], VSWITCH),
    "switch.uplink.native_vlan": ("switch.uplink.native_vlan", 7, {}),
    "switch.uplink.vlans": ("switch.uplink.vlans", [1, 7], {}),
    "switch.uplink.pvlan": ("switch.uplink.pvlan", {"community": 3}, {}),
    "switch.addresses": ("switch.addresses", [{"vlan": 1, "mac": "02:00:00:00:00:63", "ports": ["vf1"]}], {}),
    "switch.mirrors": ("switch.mirrors", [{"to": "vf2", "from": "vf0"}], {}),
    "switch.acl": ("switch.acl", [{"port": "vf1", "action": "police", "rate": "1Gbps", "burst": "3000B"}], {}),
    "switch.pool_filters.*": ("switch.pool_filters.default_pool", "vf1", {"switch": {"pool_filters": {}}}),
    **{
        f"switch.ports.*.{key}": (f"switch.ports.vf1.{key}", value, {})
        for key, value in {
            "macs": ["02:00:00:00:77:01"], "groups": ["01:00:5e:01:02:03"], "port_vlan": 7, "vlans": [1, 7],
            "admit": "tagged", "accept": ["broadcast"], "promiscuous": True, "enabled": False, "default": True,
            "trusted": True, "guards": ["dhcp"], "spoof_check": False, "vlan_spoof_check": False, "loopback": False,
            "self_loopback": True, "ethertype_filter": False, "default_priority": 5, "rate_limit": "1Gbps",
            "pvlan": "isolated", "min_rate": "100Mbps", "weight": 5, "receive_limit": "200Mbps", "drop_enable": [False],
        }.items()
    },
    "switch.ports.*.ips": ("switch.ports.vf1.ips", ["10.9.9.9"], {
        "switch": {"ports": [{"name": "vf1", "guards": ["ip"]}]}}),
    "switch.ports.*.profile": ("switch.ports.vf1.profile", "web", {
        "profiles": {"web": {"port_vlan": 7, "rate_limit": "1Gbps", "default_priority": 5}}}),
    "switch.ports.*.port_security": ("switch.ports.vf1.port_security", {"most": 3}, {
        "nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"pass_by": "pointer", "learning": {}}},
        "driver": {"preset": "dpdk"}}),
    "switch.ports.*.untagged": ("switch.ports.vf1.untagged", [], {}),
    "switch.ports.*.receive_burst": ("switch.ports.vf1.receive_burst", "1MiB", {
        "switch": {"ports": [{"name": "vf1", "receive_limit": "1Gbps"}]}}),
    "switch.ports.*.credits": ("switch.ports.vf1.credits", {"refill": 9, "max": 99}, {"nic": CLASSES}),
    "latency": ("bridge.latency", "2us", SERVERS),
    "ageing": ("bridge.ageing", "3ms", SERVERS),
    "policy": ("bridge.policy", [{"port": "a.vf0", "source_ip": "10.0.0.0/8", "action": "deny"}], SERVERS),
    "mirrors": ("bridge.mirrors", [{"from": "a", "direction": "both", "collector": "outside"}], SERVERS),
    "controls": ("bridge.controls", {"a": {"guards": ["arp", "ip"]}}, SERVERS),
    "ports.*.rate": ("bridge.ports.outside.rate", "1Gbps", SERVERS),
    "ports.*.hairpin": ("bridge.ports.a.hairpin", True, SERVERS),
    "ports.*.native_vlan": ("bridge.ports.a.native_vlan", 7, SERVERS),
    "ports.*.vlans": ("bridge.ports.a.vlans", [1, 7], SERVERS),
    "ports.*.port_security": ("bridge.ports.a.port_security", {"most": 3, "on_excess": "shut_down"}, SERVERS),
    "ports.*.pvlan": ("bridge.ports.a.pvlan", "isolated", SERVERS),
    "workload.load": ("workload.load", "3Gbps", {}),
    "workload.arrivals": ("workload.arrivals", "periodic", {}),
    "workload.peak_rate": ("workload.peak_rate", "8Gbps", BURSTS),
    "workload.mean_burst": ("workload.mean_burst", 3, BURSTS),
    "workload.burst_length": ("workload.burst_length", "fixed", BURSTS),
    "workload.weights": ("workload.weights", {"vf0": 3}, {}),
    "workload.zipf": ("workload.zipf", 0.5, {}),
    "workload.stopped": ("workload.stopped", ["vf0"], {}),
    "workload.flows.*.2": ("workload.flows", [["vf0", "vf1", "2Gbps"]], {
        "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"]], "external": None}}),
    "workload.external.rate": ("workload.external.rate", "2Gbps", OUTSIDE),
    "workload.external.arrivals": ("workload.external.arrivals", "poisson", OUTSIDE),
    "workload.external.peak_rate": ("workload.external.peak_rate", "8Gbps", OUTSIDE),
    "workload.external.mean_burst": ("workload.external.mean_burst", 3, OUTSIDE),
    "workload.external.burst_length": ("workload.external.burst_length", "fixed", OUTSIDE),
}  # fmt: skip


@pytest.mark.real_clocks
@pytest.mark.parametrize("name", [row.key for row in (*OF_ADAPTERS, *OF_BRIDGES, *OF_WORKLOADS)])
def test_each_key_that_may_change_fills_again_what_follows_from_it(name: str) -> None:
    """There and back, in a machine in which it means something; what else a machine has stays as it is built."""
    key, value, machine = OF_ROWS[name]
    first = config_from_mapping(merged(ONE, machine))
    then = first.with_overrides({key: value})
    workload, changes = with_workloads(first, [Change(1, then), Change(2, first)])
    check(first, changes[0])
    begun = Machine(first, workload, 1, 1)
    reach = None if begun.system is None else Reach(begun.system.system[0], begun.system.bridges)
    refilled = Refilled(begun.state, reach, Filled(first, workload, frozenset()), begun.stations, 1)
    known = words_of(begun)
    for change in changes:
        offered = change.workload or workload
        written = list(refilled.become(Filled(change.config, offered, change.off)))
        assert written
        for one in written:
            known[one.component, one.region][slice(None) if one.rows is None else one.rows] = one.will_be
        built = words_of(Machine(change.config, offered, 1, 1))
        assert [region for region, own in built.items() if not np.array_equal(known[region], own)] == []


def test_a_region_that_nothing_fills_is_told_as_its_reader_is_imported() -> None:
    assert of_each_region(dict(FILLINGS), BRIDGES, TREES) == FILLINGS
    for others in ((BRIDGES,), (BRIDGES, TREES, "doors")):
        with pytest.raises(LookupError, match=r"trees|doors"):
            of_each_region(dict(FILLINGS), *others)
