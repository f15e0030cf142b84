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
from hwmodel.errors import InputError
from hwmodel.simulation.fill.refill import ADDRESSES, FILLINGS, OF_BRIDGE, OF_SERVER, Filled, Reach, Refilled
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
OF_BRIDGES: Mapping[str, tuple[Any, ...]] = {
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
    groups = (station, SWITCH, LINK, loads, OTHERS, OTHERS, OF_BRIDGES)
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
    parts = [(at, machine.state[at : at + 1], (*OF_SERVER, ADDRESSES)) for at in range(len(machine.state))]
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
            assert np.array_equal(known[one.component, one.region], one.was)
            known[one.component, one.region] = one.will_be
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
    assert int((one.was - one.will_be).sum()) == 1


def test_flows_that_only_changes_bring_about_are_counted_as_those_from_the_start() -> None:
    """Their frames add up to all that are offered, and each has percentiles of its own."""
    n_late = 0
    for name in MACHINES:
        first = config_from_mapping(merged(ONE, MACHINES[name], {"run": {"warmup": "0ns", "duration": "60us"}}))
        chance = random.Random(f"flows {name}")
        drawn = [
            one._replace(at_fs=6 * number * FS_PER_US, off=frozenset())  # a virtual switch has no functions that go
            for number, one in enumerate(drawn_changes(first, chance, 8))
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


def test_each_region_of_a_server_is_filled_by_what_a_key_leads_to() -> None:
    assert all(one.keys for one in FILLINGS)
    assert {region.by for region in (*OF_SERVER, ADDRESSES)} == set(FILLINGS)
