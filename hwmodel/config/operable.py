"""Which keys may change while a machine runs: a row for each, with all that follows from it.

All readers of what may change read these rows: which changes are refused, which checks a change needs, what it fills
again of the machine (`simulation.fill.refill` has for each region its fill function, its words and their commands),
and whether it concerns anything beside its own adapter. A key without a row is fixed when a machine is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from hwmodel.rules.switch_modes import MODES

from .check_access_lists import check_access_lists
from .check_adapter import check_batches, check_descriptors_of_a_frame, check_packet_buffers
from .check_arbitration import check_arbitration
from .check_device_limits import check_device_limits
from .check_ports import check_port_system, check_ports
from .check_room import check_adapter_room, check_system_room
from .check_steering import check_queues, check_steering
from .check_streams import check_streams
from .check_switch import (
    check_admitted_tags,
    check_guarantees,
    check_macs,
    check_mirrors,
    check_named,
    check_pool_filters,
    check_servers,
)
from .check_virtual_switch import check_virtual_switch
from .check_workload import check_load, check_policers, check_wire, check_workload
from .model import Config
from .pcie_switches import switches_of
from .system import bridges_of, servers_of

# Regions of a machine's words: of an adapter each is filled by a function of its own, of bridges and trees all at once.
STATIONS, RULES, LOOKUP, VLANS, ARBITER, FUNCTIONS, SCHEDULER, DROPS, DRIVERS, PORTS, OUTSIDE, LINKS, SOURCES = (
    "stations", "rules", "lookup", "vlans", "arbiter", "functions", "scheduler", "drops", "drivers", "ports", "outside",
    "links", "sources",
)  # fmt: skip
SECURED, BRIDGES, TREES = "secured", "bridges", "trees"

MOST_JUDGED = 4096  # keys of which it is remembered which rows they have

Check = Callable[..., None]


class Operable(NamedTuple):
    """Describe a key that may change in operation, with all keys within it; `*` stands for a name.

    `refills`: the regions that follow from it, with `BRIDGES` also what bridges know of its adapter. `checks`: all that
    read it, where nothing but its `followers`, of the same station, is filled in from it; None: others may.
    `is_fixed`: whether it is fixed all the same, in a system, at the adapter or bridge of a number.
    """

    key: str
    refills: tuple[str, ...]
    checks: tuple[Check, ...] | None = None
    followers: tuple[str, ...] = ()
    is_fixed: Callable[[Config, int], bool] | None = None


class Rows(tuple[Operable, ...]):
    """Be rows in which keys are looked up: known by identity, as to hash them all takes longer than to look."""

    __slots__ = ()
    __hash__ = object.__hash__


def _is_cut_through(system: Config, _: int) -> bool:
    """Tell whether a bridge forwards cut-through: whether it may send a frame on before its end depends on rates."""
    return any(
        "cut_through" in (own.forwarding, *(extender.forwarding for extender in own.extenders.values()))
        for own in (one.settings for one in bridges_of(system))
    )


def _is_behind_switches(system: Config, at: int) -> bool:
    """Tell whether an adapter is behind a PCIe switch: arrival times of TLPs in flight are already computed."""
    return any(below[:2] == ("adapter", at) for one in switches_of(system) for below in one.below)


def _is_listed(system: Config, at: int) -> bool:
    """Tell whether a bridge has built its lists of virtual interfaces (VIF, E-CID) from an adapter's stations."""
    return bool(bridges_of(system)) and MODES[servers_of(system)[at].config.switch.mode].has_interfaces


def _has_classes(system: Config, at: int) -> bool:
    """Tell whether an adapter has traffic classes, which its rings' classes follow from."""
    return servers_of(system)[at].config.nic.arbitration is not None


def _limits(*keys: str) -> Check:
    """Return the check of what devices limit by some keys of stations, or of the switch's lists."""
    named = (key if key.startswith("switch.") else f"switch.ports.NAME.{key}" for key in keys)
    return partial(check_device_limits, among=tuple(named))


_OF_LISTS = (check_named, check_adapter_room, check_steering)
_OF_VLANS = (
    _limits("vlans"), check_batches, check_descriptors_of_a_frame, check_macs, check_servers, check_system_room,
)  # fmt: skip
_OF_ADDRESSES = (
    _limits("macs", "switch.addresses"), check_access_lists, check_macs, check_adapter_room, check_servers,
    check_system_room, check_streams,
)  # fmt: skip
_OF_LOADS = (check_load, check_workload, check_wire, check_streams)
_IN_STATIONS = (STATIONS, BRIDGES)

OF_STATIONS = (
    Operable("macs", (STATIONS, LOOKUP, BRIDGES), _OF_ADDRESSES, is_fixed=_is_listed),
    Operable("groups", (LOOKUP, BRIDGES), _OF_ADDRESSES, is_fixed=_is_listed),
    Operable("ips", (STATIONS, LOOKUP, BRIDGES)),
    Operable("port_vlan", _IN_STATIONS, _OF_VLANS, ("vlans", "untagged")),
    Operable("vlans", (VLANS, BRIDGES), _OF_VLANS, ("untagged",)),
    Operable("untagged", (VLANS, BRIDGES), _OF_VLANS),
    Operable("admit", _IN_STATIONS, (check_admitted_tags,)),
    Operable("accept", (STATIONS, VLANS, BRIDGES), (check_pool_filters,), is_fixed=_is_listed),
    Operable("promiscuous", _IN_STATIONS, (_limits("promiscuous"),), is_fixed=_is_listed),
    Operable("enabled", _IN_STATIONS, (check_port_system, check_system_room, *_OF_LOADS), is_fixed=_is_listed),
    Operable("default", _IN_STATIONS, (check_pool_filters,)),
    Operable("trusted", (STATIONS, RULES, BRIDGES), (_limits("macs", "vlans"),)),
    Operable("guards", (STATIONS, RULES, BRIDGES)),
    Operable("pvlan", _IN_STATIONS, (check_system_room,), is_fixed=_is_listed),
    Operable("port_security", (SECURED,), (check_virtual_switch,)),
    Operable("spoof_check", _IN_STATIONS, (), ("vlan_spoof_check",)),
    *(Operable(key, _IN_STATIONS, ())
      for key in ("vlan_spoof_check", "loopback", "self_loopback", "ethertype_filter")),
    Operable("default_priority", _IN_STATIONS, (check_arbitration,), is_fixed=_has_classes),
    Operable("rate_limit", (FUNCTIONS, SCHEDULER), (_limits("rate_limit"), check_guarantees, check_arbitration)),
    Operable("min_rate", (FUNCTIONS, SCHEDULER), (_limits("min_rate"), check_guarantees, check_arbitration)),
    Operable("weight", (ARBITER, FUNCTIONS, SCHEDULER), (check_arbitration,)),
    Operable("receive_limit", (ARBITER,), (_limits("receive_limit"), check_arbitration)),
    Operable("receive_burst", (ARBITER,), (check_arbitration,)),
    Operable("credits", (ARBITER,), (check_arbitration,)),
    Operable("drop_enable", (DROPS,), (check_queues,)),
    Operable("profile", ()),  # what follows from it are other keys of the station
)  # fmt: skip
OF_ADAPTERS = Rows((
    Operable("port.rate", (FUNCTIONS, SCHEDULER, PORTS, OUTSIDE, SOURCES, BRIDGES), is_fixed=_is_cut_through),
    Operable("port.down", (FUNCTIONS, SCHEDULER, PORTS, OUTSIDE, SOURCES, BRIDGES)),
    Operable("pcie.generation", (LINKS,), is_fixed=_is_behind_switches),
    Operable("pcie.lanes", (LINKS,), is_fixed=_is_behind_switches),
    Operable("pcie.max_read_request", (LINKS,)),
    Operable("nic.rate_limit_window", (FUNCTIONS,)),
    Operable("nic.drop_enable", (DROPS,)),
    *(Operable(f"nic.arbitration.{key}", (ARBITER,))
      for key in ("classes.*", "descriptor_plane", "packet_plane", "pools")),
    Operable("driver.refill", (DRIVERS,)),
    Operable("driver.vms.*.refill", (DRIVERS,)),
    *(Operable(f"host.virtual_switch.bond.{key}", (PORTS,)) for key in ("silent", "idle")),
    Operable("switch.uplink.native_vlan", (STATIONS, VLANS, BRIDGES)),
    Operable("switch.uplink.vlans", (VLANS, BRIDGES)),
    Operable("switch.uplink.pvlan", _IN_STATIONS),
    Operable("switch.addresses", (LOOKUP, BRIDGES), (*_OF_LISTS, _limits("switch.addresses")), is_fixed=_is_listed),
    Operable("switch.mirrors", (RULES, BRIDGES), (
        *_OF_LISTS, _limits("switch.mirrors"), check_mirrors, check_ports, check_batches, check_packet_buffers,
        check_descriptors_of_a_frame,
    )),
    Operable("switch.acl", (RULES, BRIDGES), (
        *_OF_LISTS, _limits("switch.acl"), check_access_lists, check_virtual_switch, check_policers,
    )),
    Operable("switch.pool_filters.*", (STATIONS, VLANS, BRIDGES)),
    *(row._replace(key=f"switch.ports.*.{row.key}") for row in OF_STATIONS),
))  # fmt: skip
OF_BRIDGES = Rows((
    Operable("latency", (BRIDGES,)),
    Operable("ageing", (BRIDGES,)),
    Operable("policy", (BRIDGES,)),
    Operable("controls", (BRIDGES,)),
    Operable("mirrors", (BRIDGES,)),
    Operable("ports.*.rate", (BRIDGES, OUTSIDE, SOURCES), is_fixed=_is_cut_through),
    *(Operable(f"ports.*.{key}", (BRIDGES,)) for key in ("hairpin", "native_vlan", "vlans", "pvlan", "port_security")),
))  # fmt: skip
OF_WORKLOADS = Rows((
    *(Operable(f"workload.{key}", (SOURCES,), _OF_LOADS)
      for key in ("load", "arrivals", "peak_rate", "mean_burst", "burst_length")),
    *(Operable(f"workload.{key}", (SOURCES,)) for key in ("weights", "zipf", "flows.*.2")),
    Operable("workload.stopped", (SOURCES,), _OF_LOADS),
    *(Operable(f"workload.external.{key}", (SOURCES,))
      for key in ("rate", "arrivals", "peak_rate", "mean_burst", "burst_length")),
))  # fmt: skip
OF_MULTI_ROOTS = (Operable("multi_root.hosts.*.weight", (TREES,)),)
OF_ALL = Rows((*OF_WORKLOADS, *OF_MULTI_ROOTS))
REGIONS = frozenset(name for row in (*OF_ADAPTERS, *OF_BRIDGES, *OF_ALL) for name in row.refills)

# A name may have dots in it, but is no block within an entry.
_NAME = r"(?:(?!s_channels\.).)+"


@lru_cache(MOST_JUDGED)
def row_of(key: str, rows: tuple[Operable, ...]) -> Operable | None:
    """Return the row of a dotted key, of an adapter without its server; None: it is fixed."""
    return next((row for row in rows if _pattern(row.key).fullmatch(key)), None)


@lru_cache(None)
def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\*", _NAME) + r"(\..+)?")


def refills_of(keys: Iterable[str], rows: Rows) -> set[str]:
    """Return the regions that follow from keys."""
    found = (row_of(key, rows) for key in keys)
    return {region for row in found if row is not None for region in row.refills}


def concerns_only_bridge(bridge: str, keys: Collection[str]) -> bool:
    """Tell whether keys of a system concern nothing beside bridges, one of which has this key, at once."""
    rows = (row_of(key.removeprefix(f"{bridge}."), OF_BRIDGES) for key in keys if key.startswith(f"{bridge}."))
    found = [row.refills == (BRIDGES,) for row in rows if row is not None]
    return len(found) == len(keys) and all(found)


def concerns_only(server: str, keys: Iterable[str]) -> bool:
    """Tell whether keys of a system concern nothing beside one of its adapters, given by name, at once."""
    own = f"servers.{server}.set."
    return all(key.startswith(own) and not _is_seen_by_bridges(key.removeprefix(own)) for key in keys)


def _is_seen_by_bridges(key: str) -> bool:
    """Tell whether bridges know of a key of an adapter, or of any in a block of keys."""
    row = row_of(key, OF_ADAPTERS)
    within = (one for one in OF_ADAPTERS if row is None and f"{one.key}.".startswith(f"{key}."))
    return any(BRIDGES in one.refills for one in ((row,) if row is not None else within))


def of_each_region(found: dict[str, Any], *others: str) -> dict[str, Any]:
    """Return what fills each region of an adapter, by its name; `others`: the regions that are filled elsewhere.

    Raises LookupError, as the reader is imported, for a region that nothing fills, and for one that no key leads to.
    """
    if unlike := REGIONS ^ {*found, *others}:
        raise LookupError(
            f"either no key leads to a region of the machine or nothing fills it: {', '.join(sorted(unlike))}"
        )
    return found
