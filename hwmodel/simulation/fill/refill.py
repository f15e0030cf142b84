"""What a change of keys writes: the regions of words that commands may write, and what fills them.

A region is filled by the function that fills it as a machine is built. So a change fills again only the regions that
follow from its keys, in a record of that server beside the machine's, and what differs becomes commands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import WORD_BYTES
from hwmodel.compiled.records import offset_of
from hwmodel.config import Config, Server, Switch, bridges_of, operable, servers_of
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.in_operation import changed_keys
from hwmodel.config.model import Changed
from hwmodel.config.operable import BRIDGES, OF_ADAPTERS, OF_ALL, OF_BRIDGES, refills_of
from hwmodel.forwarding.ingress_rules import WITH_BRIDGE_ABOVE
from hwmodel.forwarding.tables import TABLES
from hwmodel.machine.server import fresh_state
from hwmodel.machine.time.commands import (
    AGEING,
    DROPPING,
    LATENCY,
    LINE_RATE,
    LINK,
    OUTSIDE_RATE,
    PLAIN,
    POLICER,
    RECEIVE_LIMIT,
    REFILL,
    SECURITY,
    SHAPER,
    SOURCE,
    TABLE,
    VLAN,
    WIRE_STATE,
)
from hwmodel.simulation.fill import switch_tables
from hwmodel.simulation.fill.access_lists import fill_access_lists, guards_in_use
from hwmodel.simulation.fill.arbitration import fill_arbiter
from hwmodel.simulation.fill.bridge_state import fill_outside
from hwmodel.simulation.fill.clocks import (
    OUTSIDE,
    clock_functions,
    clock_links,
    clock_ports,
    clock_scheduler,
    stretch,
    stretch_port,
)
from hwmodel.simulation.fill.flow_book import Stations
from hwmodel.simulation.fill.nic_state import (
    fill_drivers,
    fill_drops,
    fill_legs,
    fill_link,
    fill_ports,
    fill_scheduler,
    fill_shares,
    fill_state,
)
from hwmodel.simulation.fill.nic_state import ports_of as adapter_ports_of
from hwmodel.simulation.fill.system_state import build_bridges, crossing_fs, least_bytes_of, senders_at
from hwmodel.simulation.fill.virtual_switch import fill_security
from hwmodel.simulation.fill.workload_state import enter_sources, numbers_in
from hwmodel.workload.traffic import Workload

Ints = npt.NDArray[np.int64]
Rows = Ints | None  # numbers of elements
Bridges = tuple[npt.NDArray[Any], Ints]  # an array of one, and the places of homes
Nic = Any  # an element of server.SERVER
Servers = npt.NDArray[Any]  # a record array of it


class OfServer(NamedTuple):
    """Say what a server is filled with.

    `system`: the configuration of the whole system; `at`: the server's number in it. `off`: the functions that are off,
    by their names in the system. `stations`: station numbers by name.
    """

    server: Server
    at: int
    system: Config
    workload: Workload
    off: frozenset[str]
    stations: Stations
    seed: int


def _of_switches(fill: Callable[[npt.NDArray[Any], Switch], None]) -> Callable[[Nic, OfServer], None]:
    """Return what fills a part of the tables of each of a server's switches, without the functions that are off."""

    def filled(nic: Nic, to: OfServer) -> None:
        config = to.server.config
        for at, name in enumerate(config.switched_ports):
            fill(nic["port"]["switch"]["tables"][at : at + 1], config.switch.at_port(name))
        switch_off_functions(nic, to.server, to.off)

    return filled


def _fill_rules(nic: Nic, to: OfServer) -> None:
    config, n_buckets = to.server.config, 0
    for at, name in enumerate(config.switched_ports):
        own, tables = config.switch.at_port(name), nic.port[at].switch.tables
        fill_access_lists(tables, guards_in_use(own), own.acl, switch_tables.port_numbers(own), n_buckets)
        switch_tables.fill_mirrors(tables, own)
        for bucket in switch_tables.build_buckets(own):
            nic.traffic.policer[n_buckets] = bucket
            n_buckets += 1


def switch_off_functions(nic: Nic, server: Server, off: frozenset[str]) -> None:
    """Change the tables of a server's switches to those without the functions that are off."""
    gone = [port for port in server.config.switch.ports if server.station(port.name) in off]
    for at, record in enumerate(adapter_ports_of(nic)):
        numbers = [port.number for port in gone if server.config.port.number_of(port.port) == at]
        if numbers:
            switch_tables.switch_off(record.switch.tables, numbers)


def _fill_functions(nic: Nic, to: OfServer) -> None:
    fill_shares(nic, to.server.config)
    fill_legs(nic, to.server.config)
    clock_functions(nic, to.server.config, to.seed, to.at)


def _fill_drivers(nic: Nic, to: OfServer) -> None:
    fill_drivers(nic, to.server.config)
    fill_legs(nic, to.server.config)


def _fill_scheduler(nic: Nic, to: OfServer) -> None:
    fill_scheduler(nic, to.server.config)
    clock_scheduler(nic, to.server.config, to.seed, to.at)


def _fill_ports(nic: Nic, to: OfServer) -> None:
    fill_ports(nic, to.server.config)
    clock_ports(nic, to.server.config, to.seed, to.at)


def _fill_outside(nic: Nic, to: OfServer) -> None:
    if named := bridges_of(to.system):
        outside = next(port for port in ports_of(named, servers_of(to.system)) if port.server is None)
        fill_outside(nic, outside)
        stretch_port(nic.outside.params, stretch(to.system, to.seed, OUTSIDE))


def _fill_links(nic: Nic, to: OfServer) -> None:
    for link in nic.pcie:
        fill_link(link, to.server.config)
    clock_links(nic, to.server.config, to.seed, to.at)


def _fill_sources(nic: Nic, to: OfServer) -> None:
    own = senders_at(to.server, to.at) if bridges_of(to.system) else numbers_in(to.system)
    enter_sources(nic, own, to.system, to.workload, to.seed)


@dataclass(frozen=True, eq=False)
class Region:
    """Hold a region of words that commands may write: all or some `fields` of a record, or of an array's elements.

    `kind`: what a command does beside writing; its `part` is then the number of the element. `in_use`: the parameter of
    the record that says how many elements are in use; the others, of which there may be megabytes, are left out.
    """

    path: tuple[str, ...]
    fields: tuple[str, ...] = ()
    kind: int = PLAIN
    in_use: str = ""

    def of(self, state: npt.NDArray[Any], rows: Rows = None) -> Ints:
        """Return the region's words in a state of one record: int64, a row for each element, ordered as in `places`.

        `rows`: those alone; only where the elements are those of one array.
        """
        words, spans = self._words(state)
        if rows is not None:
            words = words[0, rows]
        own = [words[..., span] for span in spans]
        found = own[0] if len(own) == 1 else np.concatenate(own, axis=-1)
        return found.reshape(words.size // words.shape[-1], found.shape[-1])  # of no element: a server sends nothing

    def clear(self, state: npt.NDArray[Any]) -> None:
        """Set the region's words in a state of one record to zero."""
        words, spans = self._words(state)
        for span in spans:
            words[..., span] = 0

    def _words(self, state: npt.NDArray[Any]) -> tuple[Ints, list[slice]]:
        """Return the words of its elements, a view although these may lie apart in memory, and which are its own."""
        found = state
        for name in self.path:
            found = found[name]
        if self.in_use:
            found = found[:, : int(state["params"][self.in_use][0])]
        return found[..., None].view(np.int64), _spans_of(self.fields, found.dtype)


@cache
def words_of(fields: tuple[str, ...], element: np.dtype[Any]) -> Ints:
    """Return where some fields of an element are in it, in words; all of it for no field."""
    spans = [(offset_of(element, name), element[name].itemsize) for name in fields] or [(0, element.itemsize)]
    return np.concatenate([np.arange(at, at + n, WORD_BYTES) // WORD_BYTES for at, n in spans])


@cache
def _spans_of(fields: tuple[str, ...], element: np.dtype[Any]) -> list[slice]:
    """Return the words of `words_of` as spans of words that follow each other: much faster than one by one."""
    words = words_of(fields, element)
    parts = np.split(words, np.flatnonzero(np.diff(words) != 1) + 1)
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def places(region: Region, record: np.dtype[Any], rows: Rows = None) -> tuple[Ints, Ints]:
    """Return where each element of a region starts in a record (`rows`: those alone), and each word of one in it."""
    firsts, n, n_words, words = _layout(region, record)
    if rows is None:
        rows = np.arange(len(firsts) * n)
    return firsts[rows // n] + rows % n * n_words, words


@cache
def _layout(region: Region, record: np.dtype[Any]) -> tuple[Ints, int, int, Ints]:
    """Return where arrays of a region's elements start in a record, their length, an element's, and its own words."""
    first, n, element = np.zeros(1, np.int64), 1, record
    for name in region.path:
        first = (first[:, None] + np.arange(n) * element.itemsize).ravel() + offset_of(element, name)
        n, element = 1, element[name]
        if element.subdtype:
            element, (n,) = element.subdtype
    return first // WORD_BYTES, n, element.itemsize // WORD_BYTES, words_of(region.fields, element)


WIRE_RATE = ("fs_per_byte_num", "fs_per_byte_den")
OF_LOGICAL_PORT = (
    "is_hairpin", "native_vlan", "wire_vlan", "inner_vlan", "guards", "watched_in", "watched_out", "pvlan",
)  # fmt: skip
_TABLES = ("port", "switch", "tables")
RULES = ("n_acl_entries", "acl", "reads_packets", "packet_rule", "n_mirrors", "mirror")
IPS = ("own_ip",)
OF_STEERING = ("n_type_filters", "type_filter")  # fixed
OF_LEARNING = ("learns", "learned")  # fixed, and what frames tell
ADDRESSES = Region(_TABLES, ("lookup",), TABLE, "n_ports")
OF_CHANNELS = ("n_channels", "channel")  # fixed
IN_PARTS = ("vlan", *ADDRESSES.fields, *RULES, *IPS, *OF_STEERING, *OF_CHANNELS, *OF_LEARNING)
OF_STATIONS = tuple(name for name in TABLES.names or () if name not in IN_PARTS)


class Filling(NamedTuple):
    """Say what fills words of a server's record, and which these are."""

    fill: Callable[[Nic, OfServer], None]
    regions: tuple[Region, ...]


# What fills each region that keys lead to (`config.operable`), in the order in which their words are written.
FILLINGS: Mapping[str, Filling] = operable.of_each_region({
    operable.STATIONS: Filling(
        _of_switches(switch_tables.fill_stations), (Region(_TABLES, OF_STATIONS, TABLE, "n_ports"),)
    ),
    operable.RULES: Filling(_fill_rules, (
        Region(_TABLES, RULES, TABLE, "n_ports"), Region(("traffic", "policer", "params"), (), POLICER),
    )),
    operable.LOOKUP: Filling(
        _of_switches(switch_tables.fill_lookup), (Region(_TABLES, IPS, TABLE, "n_ports"), ADDRESSES)
    ),
    operable.VLANS: Filling(
        _of_switches(switch_tables.fill_vlans), (Region((*_TABLES, "vlan"), (), VLAN, "n_ports"),)
    ),
    operable.ARBITER: Filling(lambda nic, to: fill_arbiter(nic, to.server.config), (
        Region(("params",), ("limits_receivers",)),
        Region(("arbiter", "receives", "params"), (), RECEIVE_LIMIT),
        Region(("arbiter", "params"), ("reads_by_order", "sends_by_order", "weighs_pools")),
        *(Region(("arbiter", "params", whose)) for whose in ("of_class", "group", "pool")),
    )),
    operable.FUNCTIONS: Filling(_fill_functions, (
        Region(("function", "params"), ("shaper_num", "shaper_den", "shaper_window_fs"), SHAPER),
        Region(("function", "params"), ("weight", "guarantee_num", "guarantee_den")),
    )),
    operable.SCHEDULER: Filling(_fill_scheduler, (Region(("scheduler", "params"), ("guarantee_window_fs",)),)),
    operable.DROPS: Filling(
        lambda nic, to: fill_drops(nic, to.server.config), (Region(("rx_queue", "params"), ("drop_enable",), DROPPING),)
    ),
    operable.DRIVERS: Filling(_fill_drivers, (Region(("guests", "driver"), ("refill_batch",), REFILL),)),
    operable.PORTS: Filling(_fill_ports, (
        Region(("port", "mac", "params"), WIRE_RATE, LINE_RATE),
        Region(("port", "mac", "line", "params"), WIRE_RATE, LINE_RATE),
        Region(("port", "mac", "params"), ("is_down", "is_silent", "is_idle"), WIRE_STATE),
    )),
    operable.OUTSIDE: Filling(_fill_outside, (Region(("outside", "params"), WIRE_RATE, OUTSIDE_RATE),)),
    operable.LINKS: Filling(_fill_links, (
        Region(("pcie", "params"), ("max_read_request_bytes", "dllp_period", "dllp_fs", "duration_fs"), LINK),
    )),
    operable.SECURED: Filling(lambda nic, to: fill_security(nic, to.server.config), (
        Region(("virtual_switch", "learned", "port", "params"), (), SECURITY),
    )),
    operable.SOURCES: Filling(_fill_sources, (Region(("traffic", "source", "params"), (), SOURCE, "n_sources"),)),
}, operable.BRIDGES, operable.TREES)  # fmt: skip
OF_TABLES = (operable.STATIONS, operable.VLANS, operable.LOOKUP)  # which have a function that is off
OF_SERVER = tuple(region for one in FILLINGS.values() for region in one.regions)
HOME = Region(("home",), (), TABLE)
OF_BRIDGE = (
    Region(("box", "params"), ("latency_fs",), LATENCY),
    Region(("box", "params"), ("ageing_fs",), AGEING),
    Region(("box", "params"), ("first_acl", "n_acl", "way_out"), TABLE),
    Region(("port", "params"), WIRE_RATE, in_use="n_ports"),
    Region(("port", "params"), ("most_addresses", "shuts"), SECURITY, "n_ports"),
    Region(("logical_port", "params"), OF_LOGICAL_PORT, TABLE, "n_logical_ports"),
    Region(("vlans",), (), TABLE, "n_logical_ports"),
    Region(("rules",), (), TABLE),
    Region(("params",), ("n_mirrors",), TABLE),
    Region(("mirror", "params"), (), TABLE),
    Region(("unlearned",), (), TABLE),
    HOME,
    Region(("policer", "params"), (), POLICER),
)


class Rewritten(NamedTuple):
    """Hold what a region's words become, and which of them differ.

    `component`: a server's number, or that of the bridges, behind them. `rows`: the elements that may differ.
    """

    component: int
    region: Region
    differs: npt.NDArray[np.bool_]
    will_be: Ints
    rows: Rows = None


class Filled(NamedTuple):
    """Hold what a machine is filled with from a time on."""

    config: Config
    workload: Workload
    off: frozenset[str]


class Refilled:
    """Follow a machine from change to change: fill again what follows from what has changed, and say what differs.

    `servers`: their records. `reach`: None without bridges.
    `stations`: station numbers, by name.
    """

    def __init__(self, servers: Servers, reach: Reach | None, now: Filled, stations: Stations, seed: int) -> None:
        self._servers, self._reach, self._now = servers, reach, now
        self._stations, self._seed = stations, seed
        self._least_bytes = least_bytes_of(now.config, now.workload)
        self._beside: dict[int, Servers] = {}  # what is filled again, by server: an array of one each
        self._filled: set[tuple[int, str]] = set()  # the regions that it has, as they were filled last
        self._bridges: Bridges | None = None  # those that were filled last

    def become(self, then: Filled, changed: Changed | None = None) -> Iterator[Rewritten]:
        """Yield the words that differ from a change on; `changed`: the keys in which the configurations differ."""
        now, self._now = self._now, then
        if changed is None:
            changed = changed_keys(now.config, then.config)
        elsewhere = {then.config.place_of(name).rpartition(".")[0] for name in now.off ^ then.off}
        keys_of_bridges = (key for keys in changed.of_bridges.values() for key in keys)
        of_all = refills_of(keys_of_bridges, OF_BRIDGES) | refills_of(changed.of_all, OF_ALL)
        follows = BRIDGES in of_all
        pairs = zip(servers_of(now.config), servers_of(then.config), strict=True)
        for at, (was, is_now) in enumerate(pairs):
            regions = of_all | refills_of(changed.of_adapters.get(at, ()), OF_ADAPTERS)
            follows |= BRIDGES in regions
            regions.update(OF_TABLES if is_now.name in elsewhere else ())
            if not regions.isdisjoint(FILLINGS):
                before = OfServer(was, at, *now, self._stations, self._seed)
                yield from self._of_server(before, OfServer(is_now, at, *then, self._stations, self._seed), regions)
        if self._reach is not None and follows:
            last, last_at = self._bridges or self._bridges_of(now.config)
            self._bridges = bridges, homes_at = self._bridges_of(then.config)
            for one in OF_BRIDGE:
                rows = np.union1d(last_at, homes_at) if one is HOME else None  # of millions, nearly all of them empty
                yield from _rewritten(len(self._servers), one, one.of(last, rows), one.of(bridges, rows), rows)
            self._reach.note_bridges(bridges)

    def _bridges_of(self, config: Config) -> Bridges:
        bridges, _, homes = build_bridges(config, self._stations, self._least_bytes, self._seed)
        return bridges, homes

    def _of_server(self, now: OfServer, then: OfServer, names: set[str]) -> Iterator[Rewritten]:
        at, beside = now.at, self._beside.get(now.at)
        own = self._servers[at : at + 1]
        if beside is None:
            beside = self._beside[at] = fresh_state()
            fill_state(beside[0], now.server.config, now.seed, at)
            beside["port"]["mac"]["params"]["propagation_fs"] = own["port"]["mac"]["params"]["propagation_fs"]
        # Under a bridge that controls lists of interfaces, that bridge adds entries to the lookup as frames flow;
        # commands would undo them, so there the rest of it is fixed.
        is_told_of_lists = self._reach is not None and own[0].port[0].switch.tables.mode in WITH_BRIDGE_ABOVE
        fillings = {name: one for name, one in FILLINGS.items() if name in names}
        # The machine's own record may have changed by now, as a switch learns addresses.
        _fill(beside, [one for name, one in fillings.items() if (at, name) not in self._filled], now)
        self._filled.update((at, name) for name in fillings)
        regions = [region for one in fillings.values() for region in one.regions]
        before = [region.of(beside).copy() for region in regions]
        _fill(beside, fillings.values(), then)
        for region, words in zip(regions, before, strict=True):
            if not (is_told_of_lists and region is ADDRESSES):
                yield from _rewritten(at, region, words, region.of(beside))
        if operable.PORTS in names and self._reach is not None:
            self._reach.note_wires(at, beside[0], self._least_bytes)


def _rewritten(at: int, region: Region, words: Ints, will_be: Ints, rows: Rows = None) -> Iterator[Rewritten]:
    differs = words != will_be
    if np.count_nonzero(differs):
        yield Rewritten(at, region, differs, will_be, rows)


def _fill(beside: Servers, fillings: Collection[Filling], to: OfServer) -> None:
    """Fill regions of a record beside a machine's anew."""
    for one in fillings:
        for region in one.regions:
            region.clear(beside)
    for one in fillings:
        one.fill(beside[0], to)


class Reach:
    """Keep the least time over each wire, by which servers look ahead: what is shorter from a change on is entered."""

    def __init__(self, system: Any, bridges: npt.NDArray[Any]) -> None:
        self._system, self._bridges = system, bridges

    def note_bridges(self, bridges: npt.NDArray[Any]) -> None:
        """Note the bridges of a configuration."""
        into, found = (each["port"]["params"][0]["crossing_fs"] for each in (self._bridges, bridges))
        into[:] = np.minimum(into, found)

    def note_wires(self, at: int, nic: Nic, least_bytes: int) -> None:
        """Note the wires of a server in a configuration."""
        component = self._system.server[at]
        for end, port in zip(component.end[: int(component.n_ends)], nic.port, strict=False):
            end.crossing_fs = min(int(end.crossing_fs), crossing_fs(port.mac.params, least_bytes))
