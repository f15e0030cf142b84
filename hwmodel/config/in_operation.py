"""Say in which keys two configurations differ, which of these are fixed while a machine runs, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .kinds import Block
from .model import Changed, Config, key_of
from .operable import OF_ADAPTERS, OF_ALL, OF_BRIDGES, Rows, row_of
from .servers import OWN_BLOCKS
from .system import bridges_of, servers_of

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
    ("pcie.generation", "behind PCIe switches, TLPs that are on their way have their times"),
    ("pcie.lanes", "behind PCIe switches, TLPs that are on their way have their times"),
    ("pcie.*", "it is how the link is built, or set as functions are enumerated"),
    ("nic.*", "it is how the adapter is built"),
    ("port.*", "it is how the port is built"),
    ("host.*", "it is how the host is built"),
    ("multi_root.control", "the events `fail` and `take_over` say who controls"),
    ("multi_root*", "it is how the multi-root switch is built"),
    ("bridge*", "it is how the bridge is built"),
    ("run.*", "it says how the whole run goes"),
    ("agents*", "who decides by which rules is so from the start"),
    ("management*", "it is how the network is built"),
    ("control*", "who starts what, and tells whom, is so from the start"),
    ("vms*", "who is attached where is so from the start"),
)  # fmt: skip


def fixed_keys(before: Config, after: Config, changed: Changed | None = None) -> list[str]:
    """Return the keys in which two configurations differ though they may not in operation; `changed`: all, if known."""
    if changed is None:
        changed = changed_keys(before, after)
    named, servers = bridges_of(before), servers_of(before)
    keys = [
        servers[at].key(key) for at, own in changed.of_adapters.items() for key in _fixed(own, OF_ADAPTERS, before, at)
    ]
    keys += [
        f"{named[at].key}.{key}"
        for at, own in changed.of_bridges.items()
        for key in _fixed(own, OF_BRIDGES, before, at)
    ]
    of_all = _fixed(changed.of_all, OF_ALL, before, 0)
    if changed.of_all and not _has_same_streams(before, after):
        of_all = [key for key in changed.of_all if key in of_all or key.startswith("workload.")]
    return keys + of_all


def _fixed(keys: Iterable[str], rows: Rows, system: Config, at: int) -> list[str]:
    """Return which of some keys are fixed at the adapter or the bridge of a number."""
    found = ((key, row_of(key, rows)) for key in keys)
    return [key for key, row in found if row is None or (row.is_fixed is not None and row.is_fixed(system, at))]


def changed_keys(before: Config, after: Config) -> Changed:
    """Return the keys in which two configurations differ, of all that a machine is filled with."""
    named, then = bridges_of(before), bridges_of(after)
    was, is_now = servers_of(before), servers_of(after)
    if len(was) != len(is_now):
        return Changed(of_all=("servers",))
    if len(named) != len(then):
        return Changed(of_all=("bridges" if before.bridges or after.bridges else "bridge",))
    of_adapters = {
        at: (*_keys_beside_drivers(old.config, new.config), *_keys_of_drivers(old.config, new.config))
        for at, (old, new) in enumerate(zip(was, is_now, strict=True))
        if old.config is not new.config
    }
    of_bridges = {
        at: tuple(differing(old.settings, new.settings)) for at, (old, new) in enumerate(zip(named, then, strict=True))
    }
    entries = zip(before.servers, after.servers, strict=False)
    trees = (f"servers.{old.name}.{key}" for old, new in entries for key in differing(old, new, "tree"))
    among = ("vms", "workload", "run", "agents", "management", "control")
    of_all = (*differing(before, after, "multi_root"), *trees, *differing(before, after, *among))
    return Changed(
        {at: keys for at, keys in of_adapters.items() if keys},
        {at: keys for at, keys in of_bridges.items() if keys},
        of_all,
    )


def _keys_beside_drivers(old: Config, new: Config) -> Iterator[str]:
    """Yield the keys in which adapters differ, but for VMs' drivers, and for which lines are a station's own."""
    keys = (key for key in differing(old, new, *OWN_BLOCKS) if not f"{key}.".startswith("driver.vms."))
    return (key for key in keys if not key.endswith(".own_lines"))


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
