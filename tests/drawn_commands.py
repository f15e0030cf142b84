"""Sequences of commands drawn at random: at what instant which keys of a machine have which other values."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.config import Config, bridges_of, config_from_mapping, servers_of
from hwmodel.errors import InputError
from hwmodel.simulation.run.commands import Change, check
from hwmodel.simulation.run.offered import with_workloads
from tests.beside_simpy import BASE, NS_FS, PF, VFS, Commands, Loops, Recorded, mac
from tests.drawn_jobs import LOOPS_LAST_FS, MACHINES, US_FS, draw_jobs, draw_work
from tests.drawn_machines import Drawn, draw_drivers
from tests.system_beside_simpy import Frame
from tests.system_cases import CASES, frames_of

NAMES = ("pf", *VFS)


def address(port: int) -> str:
    """Return the address of a port, as a configuration has it."""
    return mac(port, 2).hex(":")


STATION: Mapping[str, Sequence[Any]] = {
    "port_vlan": (1, 1, 1, 7),
    "vlans": ([1], [1], [1, 7], [7]),
    "untagged": ([1], [1, 7], []),
    "admit": ("all", "all", "untagged", "tagged"),
    "spoof_check": (True, False),
    "loopback": (True, True, False),
    "self_loopback": (True, False),
    "accept": (["broadcast", "multicast"], ["broadcast"], []),
    "groups": ([], ["01:00:5e:01:02:03"]),
    "promiscuous": (True, False, False),
    "default": (True, False),
    "trusted": (True, False),
    "enabled": (True, True, True, False),
    "ethertype_filter": (True, False),
    "default_priority": (0, 5),
    "rate_limit": (None, "200Mbps", "700.003Mbps", "3Gbps"),
    "weight": (1, 2, 5, 90),
    "min_rate": (None, "20.003Mbps", "150Mbps"),
    # Its own, with another one, none.
    "macs": ("own", "own", "other", "both"),
}
SWITCH: Mapping[str, Sequence[Any]] = {
    "switch.uplink": ({"native_vlan": 1}, {"native_vlan": None}, {"native_vlan": 7}, {"vlans": [7]}),
    "switch.addresses": (
        [],
        [{"vlan": 1, "mac": "02:00:00:00:00:63", "ports": ["vf1", "pf"]}],
        [{"vlan": 1, "mac": address(3), "ports": ["vf3"]}],
    ),
    "switch.mirrors": (
        [],
        [{"to": "vf3", "from": "vf0"}],
        [{"to": "pf", "from": "vf1", "direction": "egress"}, {"to": "vf2", "vlan": 1}],
        [{"to": "vf0", "from": "uplink"}],
    ),
    "switch.acl": (
        [],
        [{"port": "vf0", "action": "deny"}],
        [{"port": "vf1", "action": "police", "rate": "300.007Mbps", "burst": "3000B"}],
        [{"port": "vf1", "action": "police", "rate": "500.003Mbps", "burst": "9000B"},
         {"port": "vf2", "action": "police", "rate": "20.003Mbps", "burst": "64B"}],
        [{"vlan": 1, "action": "priority", "priority": 6}, {"destination": address(4), "action": "deny"}],
    ),
}  # fmt: skip
LINK: Mapping[str, Sequence[Any]] = {
    "pcie.generation": (1, 2, 3),
    "pcie.lanes": (1, 2, 4, 8),
    "pcie.max_read_request": ("128B", "256B", "512B", "2KiB"),
    "nic.rate_limit_window": ("0B", "100B", "4KiB", "20000B"),
    "port.rate": ("1Gbps", "2.5Gbps", "10Gbps", "25Gbps"),
}


class Commanded(NamedTuple):
    """A machine, what it has to carry, and what changes meanwhile."""

    changes: dict[str, Any]
    load: Recorded | Loops | None
    commands: Commands


def draw_commands(seed: int, n: int = 350) -> Commanded:
    """Draw a machine with one of the schedulers, a load, and from three to thirty commands."""
    chance = random.Random(f"commands {seed}")
    changes, load = _with_frames(seed, n)
    changes["switch.scheduler"] = chance.choice(("round_robin", "weighted", "deficit", "strict"))
    changes["switch.timing"] = chance.choice(("none", "none", "core"))
    changes["nic.max_pps"] = chance.choice((None, None, 3_000_003))
    commands: list[tuple[int, Mapping[str, Any]]] = []
    current = dict(changes)
    for at_fs in [0] * chance.randint(0, 2) + _instants(chance, load):
        more = _some(chance)
        if is_valid(current | more):
            current |= more
            commands.append((at_fs, more))
    return Commanded(changes, load, commands)


# ---- Loads that change ----

RATES = ("1Kbps", "80Kpps", "300Mbps", "900Mbps", "3Gbps", "9Gbps")
ARRIVALS = ("periodic", "poisson", "on_off")
FLOWS = (("vf0", "vf1"), ("vf0", "vf2"), ("vf1", "uplink"), ("vf3", "vf0"))
LOAD: Mapping[str, Sequence[Any]] = {
    "load": (0, 0.3, 1.5, "300Mbps", "2Gbps", "90.07Kpps", "700Kpps", "50% of ceiling", "saturate", "saturate"),
    "weights": ({}, {}, {"vf0": 3, "vf1": 0}, {"vf2": 0.1}),
    "arrivals": ARRIVALS,
    "peak_rate": ("12Gbps", "40Gbps"),
    "mean_burst": (1, 3, 12),
    "burst_length": ("geometric", "geometric", "fixed"),
    "external.rate": ("1Kbps", "300Mbps", "900Mbps"),
    "external.arrivals": ARRIVALS,
}
MADE_UP_FS = 300 * 1000 * NS_FS


def draw_loads(seed: int) -> Commanded:
    """Draw a machine whose sources make up their frames, and from three to thirty commands: most change its load."""
    chance = random.Random(f"loads {seed}")
    changes, _ = _with_frames(seed, 10)
    changes |= {"nic.queues_per_vf": 1, "run.warmup": "15us", "run.duration": f"{MADE_UP_FS // NS_FS - 30_000}ns"}
    changes |= {"switch.scheduler": chance.choice(("round_robin", "weighted", "deficit", "strict"))}
    pattern = chance.choice(("pairs", "ring", "uniform", "incast", "broadcast", "to_wire", "flows", "flows"))
    sizes = chance.choice(({"frame_bytes": 1518}, {"frame_bytes": 300}, {"sizes": [[64, 7], [570, 4], [1518, 1]]}))
    changes |= {"workload.pattern": pattern, **{f"workload.{key}": value for key, value in sizes.items()}}
    changes |= {"workload.peak_rate": "20Gbps", "workload.load": chance.choice(LOAD["load"])}
    changes |= {"workload.arrivals": chance.choice(ARRIVALS)}
    if chance.random() < 0.5:
        arrivals = {"arrivals": chance.choice(ARRIVALS), "peak_rate": "9Gbps"}
        changes |= {"workload.external": {"rate": chance.choice(LOAD["external.rate"]), **arrivals}}
    if pattern == "flows":
        changes |= {"workload.flows": _flows(chance), "workload.on_full": "wait"}
    if not is_valid(changes):  # the rate within bursts is no mean one, for example
        return draw_loads(seed + 100_000)
    first = config_from_mapping(BASE, changes)
    moments = sorted([0] * chance.randint(0, 1) + [chance.randrange(MADE_UP_FS) for _ in range(chance.randint(3, 30))])
    off = _times_off(chance, NAMES, MADE_UP_FS) if chance.random() < 0.3 else []
    commands: list[tuple[int, Mapping[str, Any], frozenset[str]]] = []
    current, now_off = dict(changes), frozenset[str]()
    for at_fs, is_off in sorted([(at_fs, None) for at_fs in moments] + off, key=lambda one: one[0]):
        more: dict[str, Any] = {}
        if is_off is not None:
            now_off = is_off
        else:
            more = _of_load(chance, pattern) if chance.random() < 0.7 else _some(chance)
            if not _is_a_load(first, current | more):
                continue
        current |= more
        commands.append((at_fs, more, now_off))
    return Commanded(changes, None, commands)


def _of_load(chance: random.Random, pattern: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(chance.choice((1, 1, 2, 3))):
        if pattern == "flows" and chance.random() < 0.5:
            found["workload.flows"] = _flows(chance)
        else:
            key = chance.choice(sorted(LOAD))
            found[f"workload.{key}"] = chance.choice(LOAD[key])
    return found


def _flows(chance: random.Random) -> list[list[Any]]:
    """Draw the rates of flows; the last follows the load."""
    return [[*ends, chance.choice(RATES)] for ends in FLOWS[:-1]] + [list(FLOWS[-1])]


def _is_a_load(first: Config, changes: Mapping[str, Any]) -> bool:
    """Tell whether a machine may change so: the rate within bursts is no mean one, for example."""
    try:
        change = Change(0, config_from_mapping(BASE, changes))
        check(first, change)
        with_workloads(first, [change])
    except InputError:
        return False
    return True


# ---- Functions that go, and come again ----


def draw_functions_off(seed: int, n: int = 400) -> Commanded:
    """Draw a machine of any kind, and one to four functions of it that go in mid-run; most of them come again."""
    chance = random.Random(f"functions off {seed}")
    changes, load = _machine(chance, seed, n)
    changes = {**changes, "switch.scheduler": chance.choice(("round_robin", "weighted", "deficit", "strict"))}
    changes |= {"switch.timing": chance.choice(("none", "none", "core"))}
    last_fs = LOOPS_LAST_FS if isinstance(load, Mapping) else load[-1][0] * NS_FS
    commands: list[tuple[Any, ...]] = []
    current = dict(changes)
    others = random.Random(f"work {seed}")
    for at_fs, off in _times_off(chance, NAMES, last_fs):
        more = _some(chance) if chance.random() < 0.2 else {}
        if not is_valid(current | more):
            more = {}
        current |= more
        turn = len(commands)
        jobs = draw_work(others, NAMES, at_fs, turn) + draw_jobs(others, NAMES, at_fs, turn)
        commands.append((at_fs, more, off, jobs))
    return Commanded(changes, load, commands)


def _machine(chance: random.Random, seed: int, n: int) -> Drawn:
    draw = MACHINES[seed % len(MACHINES)]
    changes, load = draw(7000 + seed, n)
    if isinstance(load, Mapping):
        return Drawn(changes, load)
    # Drivers wait for room in rings as seldom as not, and the load goes through most of the time.
    return Drawn({**changes, "nic.max_pps": chance.choice((None, None, 3_000_003))}, load)


def _times_off(chance: random.Random, names: Sequence[str], last_fs: int) -> list[tuple[int, frozenset[str]]]:
    """Draw when which functions are off: each twice at most, for a femtosecond, microseconds or for ever."""
    steps: list[tuple[int, str, bool]] = []
    for name in chance.sample(names, min(len(names), chance.randint(1, 4))):
        at_fs = 0 if chance.random() < 0.1 else chance.randrange(last_fs * 3 // 4)
        for _ in range(chance.choice((1, 1, 2))):
            if steps and chance.random() < 0.25:  # as another one goes or comes
                at_fs = max(at_fs, chance.choice(steps)[0])
            steps.append((at_fs, name, True))
            if chance.random() < 0.15:
                break
            at_fs += 1 + chance.choice((0, chance.randrange(3 * US_FS), chance.randrange(60 * US_FS)))
            steps.append((at_fs, name, False))
            at_fs += 1 + chance.choice((0, chance.randrange(5 * US_FS), chance.randrange(100 * US_FS)))
    return _as_sets(chance, steps)


def _as_sets(chance: random.Random, steps: Sequence[tuple[int, str, bool]]) -> list[tuple[int, frozenset[str]]]:
    """Return which functions are off from when on; what different ones do at one instant may be one command."""
    found: list[tuple[int, frozenset[str]]] = []
    off: set[str] = set()
    together: set[str] = set()
    for at_fs, name, goes in sorted(steps, key=lambda step: step[0]):
        (off.add if goes else off.discard)(name)
        if found and found[-1][0] == at_fs and name not in together and chance.random() < 0.5:
            found.pop()
        else:
            together.clear()
        together.add(name)
        found.append((at_fs, frozenset(off)))
    return found


# ---- Of servers on bridges ----

BRIDGE: Mapping[str, Sequence[Any]] = {
    "latency": ("0ns", "120.0003ns", "500ns", "1500.0007ns"),
    "ageing": ("5us", "40us", "300s"),
    "policy": (
        [],
        [{"vlan": 1, "action": "deny"}],
        [{"ethertype": 0x88B5, "action": "police", "rate": "500.003Mbps", "burst": "4000B"}],
        [{"action": "priority", "priority": 5}, {"port": "outside", "action": "police", "rate": "90.007Mbps",
                                                 "burst": "2000B"}],
    ),
}  # fmt: skip
BRIDGE_PORT: Mapping[str, Sequence[Any]] = {
    "rate": ("1Gbps", "2.5Gbps", "10Gbps", "25Gbps"),
    "hairpin": (True, False),
    "native_vlan": (1, 5, None),
    "vlans": ("all", [1], [1, 5], [5]),
    "pvlan": ("promiscuous", "isolated", {"community": 1}),
    "port_security": ({"most": 1, "on_excess": "protect"}, {"most": 2, "on_excess": "shut_down"}, None),
}


class CommandedSystem(NamedTuple):
    """Servers on bridges, the frames that they send, and what changes meanwhile."""

    name: str
    config: Config
    frames: list[Frame]
    commands: Commands


def draw_system_commands(seed: int) -> CommandedSystem:
    """Draw one of the systems of `system_cases`, and up to twenty commands that it can take."""
    chance = random.Random(f"commands of systems {seed}")
    name = chance.choice(sorted(CASES))
    config, frames = frames_of(CASES[name], CASES[name].changes)
    current, commands = config, []
    for at_fs in sorted(chance.randrange(frames[-1].at_fs) for _ in range(chance.randint(2, 20))):
        more = _of_system(chance, config)
        try:
            changed = current.with_overrides(more)
            check(current, Change(at_fs, changed))
        except InputError:
            continue
        commands.append((at_fs, more))
        current = changed
    return CommandedSystem(name, config, frames, commands)


def draw_system_loads(seed: int) -> CommandedSystem:
    """Draw one of the systems of `system_cases` whose stations make up their frames, at times; most commands change it.

    The last one ends it all.
    """
    chance = random.Random(f"loads of systems {seed}")
    name = chance.choice(sorted(CASES))
    config, _ = frames_of(CASES[name], CASES[name].changes)
    load = {"pattern": "uniform", "load": "200Mbps", "arrivals": chance.choice(ARRIVALS), "peak_rate": "20Gbps"}
    outside = {"rate": "1Kbps", "arrivals": chance.choice(ARRIVALS), "peak_rate": "2.5Gbps"}
    config = config.with_overrides({"workload": {**load, "frame_bytes": 300, "external": outside}})
    current, commands = config, []
    for at_fs in sorted(chance.randrange(MADE_UP_FS // 3) for _ in range(chance.randint(2, 15))):
        more = _of_load(chance, "uniform") if chance.random() < 0.7 else _of_system(chance, config)
        try:
            changed = current.with_overrides(more)
            if changed.workload.load.kind == "saturate":
                continue
            check(current, Change(at_fs, changed))
            with_workloads(config, [Change(at_fs, changed)])
        except InputError:
            continue
        commands.append((at_fs, more))
        current = changed
    commands.append((MADE_UP_FS // 3, {"workload.load": 0, "workload.external.rate": "1Kbps"}))
    return CommandedSystem(name, config, [], commands)


def draw_system_functions_off(seed: int) -> CommandedSystem:
    """Draw one of the systems of `system_cases`, and one to four functions that go in mid-run."""
    chance = random.Random(f"functions off in systems {seed}")
    name = chance.choice(sorted(CASES))
    config, frames = frames_of(CASES[name], CASES[name].changes)
    stations = [each.station(port.name) for each in servers_of(config) for port in each.config.switch.ports]
    times = _times_off(chance, stations, frames[-1].at_fs)
    others = random.Random(f"work in systems {seed}")
    commands = [
        (at_fs, {}, off, draw_work(others, stations, at_fs, turn) + draw_jobs(others, stations, at_fs, turn))
        for turn, (at_fs, off) in enumerate(times)
    ]
    return CommandedSystem(name, config, frames, commands)


def _of_system(chance: random.Random, config: Config) -> dict[str, Any]:
    """Draw another value of a key: of a bridge, of one of its ports, of all adapters or of one."""
    bridge = chance.choice(bridges_of(config))
    kind = chance.random()
    if kind < 0.2:
        key = chance.choice(sorted(BRIDGE))
        return {f"{bridge.key}.{key}": chance.choice(BRIDGE[key])}
    if kind < 0.5:
        key = chance.choice(sorted(BRIDGE_PORT))
        port = chance.choice(sorted(bridge.settings.ports))
        return {f"{bridge.key}.ports.{port}.{key}": chance.choice(BRIDGE_PORT[key])}
    servers = [each.name for each in servers_of(config) if each.name]
    before = f"servers.{chance.choice(servers)}.set." if servers and chance.random() < 0.5 else ""
    return {before + key: value for key, value in _one(chance).items()}


def is_valid(changes: Mapping[str, Any]) -> bool:
    """Tell whether a machine is one that can be built: two stations may not have one address, say."""
    try:
        config_from_mapping(BASE, changes)
    except InputError:
        return False
    return True


def _with_frames(seed: int, n: int) -> tuple[dict[str, Any], Recorded]:
    """Return the first drawn machine from a seed on whose load is of recorded frames."""
    for other in range(1000):
        drawn = draw_drivers(1000 * seed + other, n)
        if not isinstance(drawn.load, Mapping):
            return dict(drawn.changes), drawn.load
    raise AssertionError("no machine has recorded frames")


def _instants(chance: random.Random, load: Recorded) -> list[int]:
    """Draw instants: any, those at which a frame comes, and several commands of one."""
    last_fs = load[-1][0] * NS_FS
    found: list[int] = []
    for _ in range(chance.randint(3, 30)):
        kind = chance.random()
        if kind < 0.15 and found:
            found.append(chance.choice(found))
        elif kind < 0.3:
            found.append(chance.choice(load)[0] * NS_FS)
        else:
            found.append(chance.randrange(last_fs))
    return sorted(found)


def _some(chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        found |= _one(chance)
    return found


def _one(chance: random.Random) -> dict[str, Any]:
    """Draw another value of a key, of stations as often as of all else."""
    if chance.random() < 0.5:
        rest = LINK if chance.random() < 0.5 else SWITCH
        key = chance.choice(sorted(rest))
        return {key: chance.choice(rest[key])}
    name, key = chance.choice(NAMES), chance.choice(sorted(STATION))
    value = chance.choice(STATION[key])
    if key == "macs":
        own = PF + NAMES.index(name)
        value = {"own": [address(own)], "other": [address(own + 0x40)], "both": [address(own), address(own + 0x40)]}[
            value
        ]
    return {f"switch.ports.{name}.{key}": value}
