"""PCIe trees at time 0: switches, their lower ports, the links of the adapters behind them; hosts' weights later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, PcieSwitch, Server, servers_of, switches_of
from hwmodel.machine.pcie.link_state import BEHIND_TREE, BY_TREE
from hwmodel.machine.pcie.tree_state import NO_ONE
from hwmodel.machine.pcie.tree_state import ROOT as AT_ROOT
from hwmodel.rules.pcie_link import link_rate_of, tlp_overhead_of
from hwmodel.simulation.fill.clocks import HOST, stretch
from hwmodel.simulation.fill.nic_state import set_byte_time
from hwmodel.units import EXACT_BYTES, in_range


def fill_trees(system: Any, servers: Any, config: Config, parts: Sequence[Server], seed: int) -> None:
    """Set up the PCIe switches of all servers, and the lookahead: how far servers may run ahead of them."""
    switches, trees = switches_of(config), system.trees
    trees.n_switches, trees.now_fs, trees.next_fs = len(switches), -1, NEVER
    trees.ahead_fs = trees.beyond_fs = NEVER
    n_ports = 0
    for one in switches:
        record = trees.switch[one.number]
        _fill_link(record, one, config, parts, seed)
        record.params.first_port, record.params.n_ports = n_ports, len(one.below)
        n_ports += _fill_ports(trees, one, n_ports)
    for one in switches:
        record = trees.switch[one.number]
        record.params.above = AT_ROOT if one.above is None else one.above
        if one.above is not None:
            record.params.port_above = _port_to_switch(trees, one.number)
            _grant(record.up.credits, switches[one.above].settings.credits)
        for server in one.members:
            if one.above is None:
                trees.root[server] = one.number
            record.params.port_to[server] = _port_towards(trees, switches, one, server)
        _fill_adapters(servers, one, parts, is_at_root=one.above is None, root=record.up.credits)
        if one.is_of_multi_root:
            _fill_shared(trees, record, one, parts)
        up_fs, down_fs = _ahead_fs(record, one, parts)
        trees.ahead_fs = min(int(trees.ahead_fs), up_fs, down_fs)
        trees.beyond_fs = min(int(trees.beyond_fs), _until_chosen_fs(record, one, parts) + up_fs, down_fs)


def quantum_bytes(config: Config, weight: int) -> int:
    """Return a host's deficit-round-robin quantum on the shared link: its weight times the longest TLP."""
    return weight * (int(tlp_overhead_of(config.pcie).memory_write_bytes) + config.pcie.max_payload_bytes)


def changed_weights(before: Config, after: Config) -> Iterator[tuple[int, int]]:
    """Yield the numbers of the hosts that have another weight on the shared link, with the bytes of their turns."""
    for number, (was, is_now) in enumerate(zip(switches_of(before), switches_of(after), strict=True)):
        if was.has_turns and was.below != is_now.below:
            yield number, quantum_bytes(servers_of(after)[number].config, is_now.below[0][2])


def _fill_shared(trees: Any, record: Any, one: PcieSwitch, parts: Sequence[Server]) -> None:
    """Set up turns on a link that hosts share; on a host's own link, the credits that doorbells take."""
    if one.has_turns:
        trees.n_sharing = one.number + 1
        trees.quantum_bytes[one.number] = quantum_bytes(parts[one.number].config, one.below[0][2])
        trees["shared"]["turn"] = one.number  # the last one, so that the first host is next
        return
    doorbells, granted = record.down.credits[0].params, one.settings.credits
    doorbells.headers_limit, doorbells.data_limit = granted.ph, granted.pd


def _fill_link(record: Any, one: PcieSwitch, config: Config, parts: Sequence[Server], seed: int) -> None:
    settings, params, first = one.settings, record.params, one.members[0]
    rate = link_rate_of(one.link_of(parts))
    of_host = stretch(config, seed, HOST, server=0 if one.has_turns else first)
    set_byte_time(params, in_range(rate.fs_per_byte * of_host, EXACT_BYTES))
    params.dllp_period = rate.tlps_per_dllp_pair
    params.cuts_through = settings.forwarding == "cut_through"
    params.latency_fs, params.flight_fs = settings.latency_fs, settings.propagation_fs
    params.return_fs = settings.credits.return_fs
    params.n_members = len(one.members)
    params.port_to[:] = NO_ONE
    params.member[: len(one.members)] = one.members
    record.turn, record.left = len(one.below) - 1, 0
    completions = record.down.credits[1].params
    completions.headers_limit, completions.data_limit = settings.credits.cplh, settings.credits.cpld
    pcie = parts[first].config.pcie
    if one.above is None:
        _grant(record.up.credits, pcie.credits)


def _grant(credits: Any, granted: Any) -> None:
    """Set the posted and non-posted credits that the port above a link grants."""
    for record, limits in zip(credits, ((granted.ph, granted.pd), (granted.nph, 0)), strict=True):
        record.params.headers_limit, record.params.data_limit = limits


def _shortest_bytes(config: Config) -> int:
    """Return the least bytes of a TLP: a request without data, or a completion with some."""
    overhead = tlp_overhead_of(config.pcie)
    return int(min(overhead.memory_write_bytes, overhead.completion_bytes + 1))


def _fill_ports(trees: Any, one: PcieSwitch, first: int) -> int:
    for at, (kind, number, weight) in enumerate(one.below):
        params = trees.port[first + at].params
        params.switch, params.weight = one.number, weight
        params.server, params.below = (number, NO_ONE) if kind == "adapter" else (NO_ONE, number)
        if kind == "adapter":
            trees.leaf[number] = one.number
    return len(one.below)


def _ports_of(trees: Any, number: int) -> range:
    params = trees.switch[number].params
    return range(int(params.first_port), int(params.first_port + params.n_ports))


def _port_to_switch(trees: Any, number: int) -> int:
    ports = (at for above in range(int(trees.n_switches)) for at in _ports_of(trees, above))
    return next(at for at in ports if trees.port[at].params.below == number)


def _port_towards(trees: Any, switches: Sequence[PcieSwitch], one: PcieSwitch, server: int) -> int:
    """Return the lower port of a switch that leads to an adapter."""
    for at in _ports_of(trees, one.number):
        params = trees.port[at].params
        if params.server == server or (params.below != NO_ONE and server in switches[int(params.below)].members):
            return at
    raise AssertionError(f"adapter {server} is below {one.name}")


def _fill_adapters(servers: Any, one: PcieSwitch, parts: Sequence[Server], *, is_at_root: bool, root: Any) -> None:
    """Connect adapters to the switch above them; below a switch at a root port, set the root port's credits as well."""
    for kind, number, _ in one.below:
        if kind == "adapter":
            link = servers[number].pcie[0]
            link.tree.params.flight_fs = 0 if one.has_turns else parts[number].config.pcie.propagation_fs
            link.params.propagation_fs, link.params.by_tree = BY_TREE, BEHIND_TREE
            link.params.has_credits, link.params.runs_on = 1, 0
            _grant(link.credits[:2], one.settings.credits)
    for number in one.members if is_at_root else ():
        for record, granted in zip(servers[number].pcie[0].tree.params.root, root, strict=True):
            record.headers_limit = granted.params.headers_limit
            record.data_limit = granted.params.data_limit


def _ahead_fs(record: Any, one: PcieSwitch, parts: Sequence[Server]) -> tuple[int, int]:
    """Return a switch's lookahead, up and down: the least time until a TLP that it starts affects an adapter or a host.

    Up, the TLP reaches the host after its transmission and the propagation delay, and its credits reach the adapter
    after its transmission and the credit return; down, the TLP is at the next link a propagation delay and the switch's
    latency after it began.
    """
    params = record.params
    shortest_fs = min(int(params.duration_fs[_shortest_bytes(parts[at].config)]) for at in one.members)
    return shortest_fs + int(min(params.flight_fs, params.return_fs)), int(params.flight_fs + params.latency_fs)


def _until_chosen_fs(record: Any, one: PcieSwitch, parts: Sequence[Server]) -> int:
    """Return the least time from an event at an adapter, or its host, until a switch can send something up for it.

    A TLP that the adapter begins to send takes the switch's latency; credits that the host frees take the credit
    return.
    """
    credits = parts[one.members[0]].config.pcie.credits
    is_infinite = one.above is not None or (credits.ph, credits.pd, credits.nph) == (0, 0, 0)
    return int(record.params.latency_fs if is_infinite else min(record.params.latency_fs, credits.return_fs))
