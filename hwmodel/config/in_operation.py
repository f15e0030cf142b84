"""Say which keys may change while a machine runs: those that hardware accepts in operation, and how much is sent.

All other keys are fixed when a machine is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from hwmodel.rules.switch_modes import MODES

from .kinds import Block
from .model import Config, key_of
from .pcie_switches import switches_of
from .servers import OWN_BLOCKS
from .system import bridges_of, servers_of

# Keys that may change while a machine runs, as patterns: of an adapter, and of a bridge.
OF_ADAPTERS = (
    "port.rate", "port.down*", "pcie.generation", "pcie.lanes", "pcie.max_read_request", "nic.rate_limit_window",
    "nic.drop_enable", "driver.refill", "driver.vms.*.refill",
    "host.virtual_switch.bond.silent*",
    "nic.arbitration.classes.*", *(f"nic.arbitration.{key}" for key in ("descriptor_plane", "packet_plane", "pools")),
    "switch.uplink.*", "switch.addresses*", "switch.mirrors*", "switch.acl*", "switch.ports.*", "switch.pool_filters.*",
)  # fmt: skip
OF_BRIDGES = ("latency", "ageing", "policy*", "ports.*.rate", "ports.*.hairpin", "ports.*.*vlan*")
OF_WORKLOADS = tuple(
    f"workload.{key}"
    for key in (
        "load", "weights*", "zipf", "flows.*.2", "external.rate",
        *(f"{of}{key}" for of in ("", "external.") for key in ("arrivals", "peak_rate", "mean_burst", "burst_length")),
    )
)  # fmt: skip
FIXED = (
    *(f"switch.ports.*.{key}" for key in ("max_frame", "q_in_q", "port", "cores*", "classes*")),
    *(f"switch.ports.*.{mode.key}" for mode in MODES.values() if mode.key),
)  # fmt: skip
# Fixed if there are traffic classes, since the rings' classes follow from it.
OF_CLASSES = ("switch.ports.*.default_priority",)
# Fixed where a bridge forwards cut-through: whether it may send a frame on before its end depends on both rates.
RATES = ("port.rate", "ports.*.rate")
# Fixed behind PCIe switches, including a multi-root one: arrival times of TLPs in flight are already computed.
LINKS = ("pcie.generation", "pcie.lanes")
MOST_JUDGED = 4096  # keys of which it is remembered whether they are among some patterns
OF_MULTI_ROOTS = ("multi_root.hosts.*.weight",)
# Fixed where stations have virtual interfaces (VIF, E-CID): a bridge has built its lists of interfaces from these.
IN_LISTS = (
    "switch.addresses*",
    *(f"switch.ports.*.{name}*" for name in ("accept", "promiscuous", "groups", "enabled", "mac")),
)

# Why keys outside `workload` are fixed, by pattern; the first that matches counts.
REASONS = (
    ("nic.vfs", "VFs come and go by events of their own: enable_vfs, plug, unplug"),
    *(
        (pattern, "a driver sets it up as it starts")
        for pattern in (
            "nic.*_ring", "nic.*_batch", "nic.queues_per_vf", "nic.vectors_per_function", "nic.?xdctl*", "nic.rsc*",
            "nic.header_split", "nic.steering*", "nic.arbitration*", "nic.flow_control*", "driver.*",
            "switch.ports.*.cores*", "switch.ports.*.classes*", "switch.ports.*.default_priority",
        )
    ),
    ("switch.ports.*.max_frame", "buffers are laid out for it"),
    ("switch.ports.*.q_in_q", "which tags count is read once of each frame"),
    ("switch.ports.*.port", "a function belongs to its Ethernet port"),
    ("switch.ports.*", "what a bridge knows the station by is made from it as the station is announced"),
    ("switch.addresses*", "a bridge makes its lists of interfaces from it at the start"),
    ("switch.ports", "its stations are those of the PF and of the VFs that nic.vfs gives it"),
    ("switch.*", "it is how the switch is built"),
    ("servers.*.tree*", "it is how PCIe switches and slots are built"),
    *((key, "behind PCIe switches, TLPs that are on their way have their times") for key in LINKS),
    ("pcie.*", "it is how the link is built, or set as functions are enumerated"),
    ("nic.*", "it is how the adapter is built"),
    ("port.*", "it is how the port is built"),
    ("host.*", "it is how the host is built"),
    ("multi_root.control", "the events `fail` and `take_over` say who controls"),
    ("multi_root*", "it is how the multi-root switch is built"),
    ("bridge*", "it is how the bridge is built"),
    ("run.*", "it says how the whole run goes"),
)  # fmt: skip


def fixed_keys(before: Config, after: Config) -> list[str]:
    """Return the keys in which two configurations differ though they may not in operation."""
    named, then = bridges_of(before), bridges_of(after)
    if len(servers_of(before)) != len(servers_of(after)):
        return ["servers"]
    if len(named) != len(then):
        return ["bridges" if before.bridges or after.bridges else "bridge"]
    rates = RATES if any(_cuts_through(each.settings) for each in named) else ()
    keys = [
        old.key(key)
        for at, (old, new) in enumerate(zip(servers_of(before), servers_of(after), strict=True))
        if old.config is not new.config
        for key in (*_keys_beside_drivers(old.config, new.config), *_keys_of_drivers(old.config, new.config))
        if not is_one_of(key, OF_ADAPTERS, (*_fixed_of_adapters(old.config, named), *rates))
        or (key in LINKS and _is_behind_switches(before, at))
    ]
    keys += [
        f"{old.key}.{key}"
        for old, new in zip(named, then, strict=True)
        for key in differing(old.settings, new.settings)
        if not is_one_of(key, OF_BRIDGES, rates)
    ]
    keys += [key for key in differing(before, after, "multi_root") if not is_one_of(key, OF_MULTI_ROOTS)]
    entries = zip(before.servers, after.servers, strict=False)
    keys += [f"servers.{old.name}.{key}" for old, new in entries for key in differing(old, new, "tree")]
    return keys + [
        key
        for key in differing(before, after, "vms", "workload", "run")
        if not (is_one_of(key, OF_WORKLOADS) and _has_same_streams(before, after))
    ]


def _keys_beside_drivers(old: Config, new: Config) -> Iterator[str]:
    return (key for key in differing(old, new, *OWN_BLOCKS) if not f"{key}.".startswith("driver.vms."))


def _keys_of_drivers(old: Config, new: Config) -> Iterator[str]:
    """Yield the keys in which VMs' drivers differ; a VM's entry that only repeats the common driver is no change."""
    for name in () if old.driver is new.driver else {**old.driver.vms, **new.driver.vms}:
        keys = [key for key in differing(old.driver_of(name), new.driver_of(name)) if key.split(".")[0] != "vms"]
        yield from (f"driver.vms.{name}.{key}" for key in keys if keys != ["preset"])


def _has_same_streams(before: Config, after: Config) -> bool:
    """Tell whether the same flows have rates of their own; each port's other flows form one stream."""
    old, new = ([flow.follows_load for flow in each.workload.flows] for each in (before, after))
    return old == new


def why_fixed(key: str) -> str:
    """Return why a key is fixed, as a part of a sentence."""
    if key.startswith("workload."):
        return _why_load_is_fixed(key)
    own = re.sub(r"^servers\..+?\.set\.", "", key)
    return next((f": {why}" for pattern, why in REASONS if fnmatchcase(own, pattern)), "")


def _why_load_is_fixed(key: str) -> str:
    may = "load, weights, rates of flows and of external, arrivals, bursts"
    if key.startswith("workload.flows"):
        return f": flows keep their ends, and whether they have rates; of a workload these may change: {may}"
    if key == "workload.external":
        return ": frames from outside have rates from the start, low ones perhaps"
    return f": who sends what to whom stays; of a workload these may change: {may}"


def _is_behind_switches(config: Config, at: int) -> bool:
    """Tell whether an adapter, given by its place, is behind a PCIe switch."""
    return any(below[:2] == ("adapter", at) for one in switches_of(config) for below in one.below)


def _cuts_through(bridge: Any) -> bool:
    """Tell whether a bridge, or an extender of it, forwards cut-through."""
    return any(each.forwarding == "cut_through" for each in (bridge, *bridge.extenders.values()))


def _fixed_of_adapters(config: Config, bridges: Sequence[Any]) -> tuple[str, ...]:
    """Return which of an adapter's keys are fixed."""
    in_lists = IN_LISTS if bridges and MODES[config.switch.mode].has_interfaces else ()
    return (*FIXED, *in_lists, *(() if config.nic.arbitration is None else OF_CLASSES))


@lru_cache(MOST_JUDGED)
def is_one_of(key: str, patterns: tuple[str, ...], but: tuple[str, ...] = ()) -> bool:
    """Tell whether a key is one of some patterns, and none of others."""
    return any(fnmatchcase(key, one) for one in patterns) and not any(fnmatchcase(key, one) for one in but)


def differing(old: Block, new: Block, *among: str) -> list[str]:
    """Return the dotted keys, as users write them, in which two blocks of a configuration differ.

    `among`: the attributes to look at; all if none is given. What is the same object in both costs nothing.
    """
    return [] if old is new else list(_differing("", old, new, among))


def _differing(prefix: str, old: Block, new: Block, among: Sequence[str] = ()) -> Iterator[str]:
    """Yield the keys in which two blocks differ; `prefix`: what stands before each. All but blocks goes by its text."""
    was, now = vars(old), vars(new)
    if type(old) is not type(new) or any(was[name] != now[name] for name in old.shown_by):
        yield from _differences(prefix, *(_shown(each, set(among) or None) for each in (old, new)))
        return
    for name in among or was:
        one, other = was[name], now[name]
        if one is other:
            continue
        if isinstance(one, Block) and type(one) is type(other):
            yield from _differing(f"{prefix}{key_of(type(old), name)}.", one, other)
        elif (others := _others(one, other)) is not None:
            key = key_of(type(old), name)
            for before, after in others:
                yield from _differing(f"{prefix}{key}.{before.name}.", before, after)
        elif one != other:
            yield from _differences(prefix, *(_shown(each, {name}) for each in (old, new)))


def _others(one: Any, other: Any) -> list[tuple[Any, Any]] | None:
    """Return which entries of two lists of the same names are other objects; None if their names are not known so."""
    if not (isinstance(one, tuple) and one and isinstance(one[0], Block) and len(one) == len(other)):
        return None
    pairs = [pair for pair in zip(one, other, strict=True) if pair[0] is not pair[1]]
    are_named = all(isinstance(each, Block) and "name" in vars(each) for pair in pairs for each in pair)
    return pairs if are_named and all(before.name == after.name for before, after in pairs) else None


def _shown(block: Block, names: set[str] | None) -> dict[str, Any]:
    return block.model_dump(mode="json", by_alias=True, include=names)


def _differences(prefix: str, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the keys in which mappings of plain data differ; `prefix`: what stands before each, with a dot."""
    for key in {**old, **new}:
        one, other = old.get(key), new.get(key)
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            one, other = _by_name(one), _by_name(other)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(f"{prefix}{key}.", one, other)
        else:
            yield f"{prefix}{key}"


def _by_name(entries: list[Any]) -> dict[Any, Any]:
    """Return a list's entries by their names, or where they have none by their places."""
    return {
        entry["name"] if isinstance(entry, dict) and "name" in entry else at: entry for at, entry in enumerate(entries)
    }
