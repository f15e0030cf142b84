"""The virtual switch's flow cache at time 0, and the connections of the workload in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.compiled.far_tables import give
from hwmodel.config import Config, Server, vms_of
from hwmodel.config.switch import outside_mac
from hwmodel.forwarding.port_set import MAX_PORTS, UPLINK
from hwmodel.simulation.fill.random_streams import FLOW_CACHE, FLOW_SAMPLES, STREAMS_A_SWITCH, random_words
from hwmodel.workload.headers import connections_of_header
from hwmodel.workload.traffic import FrameTemplate


def fill_flow_cache(cache: Any, config: Config) -> None:
    """Set the capacities of a flow cache and the times of its stages; do nothing without a flow cache."""
    switch = config.virtual_switch
    own = None if switch is None else switch.flow_cache
    if own is None:
        return
    params = cache.params
    for name in ("far_time_fs", "exact_time_fs", "miss_queue"):
        params[name] = getattr(own, name)
    params.wildcard_time_fs, params.miss_time_fs = config.looking_costs_fs
    params.is_on, params.by_connection = 1, own.wildcard_match == "connections"
    params.n_miss_cores = len(own.miss_cores)
    params.miss_core[: len(own.miss_cores)] = own.miss_cores
    cache.near.capacity = own.near_entries
    cache.exact.capacity, cache.wildcard.capacity = own.exact_entries, own.wildcard_entries


def fill_learning(nic: Any, servers: Sequence[Server], at: int) -> None:
    """Set the table of one server's virtual switch, if it learns, and what it has heard of before the run."""
    switch = servers[at].config.virtual_switch
    own = None if switch is None else switch.learning
    if own is None:
        return
    nic.port[0].switch.tables.learns, learned = 1, nic.virtual_switch.learned
    params = learned.box[0].params
    params.learns, params.table_entries, params.ageing_fs = 1, own.table, own.ageing_fs
    learned["logical_port"]["params"]["port"] = range(MAX_PORTS)
    fill_security(nic, servers[at].config)
    uplink = servers[at].config.switch.uplink
    outside = [(outside_mac([one.config.switch for one in servers]), uplink.native_vlan, UPLINK)]
    heard = [
        (mac, vm.port.port_vlan, vm.port.number if vm.at == at else UPLINK)
        for vm in vms_of(servers).values()
        if vm.port.enabled and vm.port.port_vlan in vm.port.vlans
        for mac in vm.port.macs
    ]
    for mac, vlan, port in (*heard, *outside) if own.announce else ():
        carried = switch is not None and switch.n_uplink_rings and (uplink.vlans == "all" or vlan in uplink.vlans)
        if vlan is not None and (port != UPLINK or carried):
            learned["announced"][int(learned.n_announced)] = mac, vlan, port
            learned.n_announced += 1


def fill_security(nic: Any, config: Config) -> None:
    """Set how many addresses each port of a virtual switch may have."""
    ports = nic.virtual_switch.learned.port
    for station in config.switch.ports:
        own = station.port_security
        params = ports[station.number].params
        params.most_addresses, params.shuts = (0, 0) if own is None else own.words


def fill_passing(nic: Any, config: Config, templates: Sequence[FrameTemplate], seed: int, server: int) -> None:
    """Prepare one server's virtual switch, if it has one, for the headers of the whole workload, and for samples."""
    before = STREAMS_A_SWITCH * server
    words = random_words(seed, FLOW_CACHE + before)
    number_connections(nic.virtual_switch.flow_cache, config, templates, words, bool(nic.port[0].switch.has_peer))
    if nic.virtual_switch.params.sample_one_in > 0:
        nic.virtual_switch.rng[:] = random_words(seed, FLOW_SAMPLES + before)


def number_connections(
    cache: Any, config: Config, templates: Sequence[FrameTemplate], words: Any, has_bridge: bool = False
) -> None:
    """Assign numbers to each header's connections and pair of ends.

    `words`: the initial random state for drawing, frame by frame, to which of its header's connections it belongs.
    `has_bridge`: a bridge is at the uplink, which may bring back what has left there.
    """
    if not cache.params.is_on:
        return
    cache.rng[:] = words
    ends: dict[tuple[str, bytes], int] = {}
    so_far: dict[tuple[str, bytes], int] = {}
    n_flows = 0
    for number, template in enumerate(templates):
        pair = template.source, template.header[: template.type_ends]
        at = so_far[pair] = so_far.get(pair, -1) + 1
        n = connections_of_header(config.workload.connections, at) if template.flow_bytes else 1
        header = cache["header"][number]
        header["first"], header["n"], header["ends"] = n_flows, n, ends.setdefault(pair, len(ends))
        n_flows += n
    cache.params.by_uplink = n_flows * has_bridge
    for held in (cache.near, cache.exact, cache.wildcard):
        give(held.entry, n_flows * (1 + has_bridge) + 1)
