"""The closed form of the link without frames: reads, writes, a read coupled to a write; writes to peers.

Transfers follow one another without end. Data begin at `host.buffer_offset`, each transfer at the same place in its
buffer. Writes are bounded by the link and the posted credits, reads by the link, the tags and the credits of requests
and completions; with `nic.dma` both by their engines. An IOMMU's walks and the ends of windows are left out.

A direct write to a peer turns around at the lowest PCIe switch above both adapters; a redirected one (ACS) goes up to
the root port and down again to the peer. Adapters write without end, so each takes its turns at every full link.
Credits are left out there: the figures are upper bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hwmodel.analytic.ceiling import Ceiling, lowest, short_name
from hwmodel.analytic.ceilings import credit_ceilings, engine_ceilings, link_ceilings, tag_ceilings
from hwmodel.analytic.latency import transfer_read_fs
from hwmodel.analytic.transactions import Tlp, TlpRules, Transaction
from hwmodel.config import Config, only_server
from hwmodel.config.kinds import suggest
from hwmodel.config.pcie_switches import switches_of
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.rules.pcie_link import LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS

DEFAULT_SIZES = (64, 128, 256, 512, 1024, 1500, 2048, 4096)


@dataclass(frozen=True)
class DmaCeiling:
    """Hold the most that one operation can move.

    `gbps`: data bits of one direction; `link_gbps`: the same by the link's bytes alone; `up_bytes`, `down_bytes`: bytes
    of a transfer on the link; `limited_by`: "up", "down", or the name of another resource.
    """

    gbps: float
    link_gbps: float
    up_bytes: float
    down_bytes: float
    limited_by: str
    ceilings: tuple[Ceiling, ...]


@dataclass(frozen=True)
class DmaLimits:
    """Hold the ceilings of a transfer size, and the time of a read on an empty link (mean of the host's jitter)."""

    n_bytes: int
    read: DmaCeiling
    write: DmaCeiling
    both: DmaCeiling
    read_latency_ns: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures under the keys of the `dma` command, with what limits each."""
        operations = {"read": self.read, "write": self.write, "both": self.both}
        rates = {f"{name}_gbps": one.gbps for name, one in operations.items()}
        limiting = {f"{name}_limited_by": one.limited_by for name, one in operations.items()}
        by_link = {f"{name}_link_gbps": one.link_gbps for name, one in operations.items()}
        return {"bytes": self.n_bytes, **rates, "read_latency_ns": self.read_latency_ns, **limiting, **by_link}


def dma_limits(config: Config, sizes: Iterable[int] = DEFAULT_SIZES) -> list[DmaLimits]:
    """Give the ceilings of transfers of each size in bytes.

    `both` couples a read to a write of the same size and counts the data of one direction. Raises ValueError for a size
    that is not above zero, InputError for an adapter on a bus, and where there are several.
    """
    config = only_server(config).config
    if config.pcie.bus is not None:
        raise InputError("hwmodel dma: it is of a link, and the adapter is on a bus (pcie.bus)")
    return [_limits_of(config, n_bytes) for n_bytes in sizes]


def _limits_of(config: Config, n_bytes: int) -> DmaLimits:
    if n_bytes <= 0:
        raise ValueError(f"a transfer of {n_bytes} bytes: a size is above zero")
    read_fs = transfer_read_fs(config, config.host.buffer_offset_bytes, n_bytes)
    read, write, both = (_ceiling(config, n_bytes, operation) for operation in ("read", "write", "both"))
    return DmaLimits(n_bytes, read, write, both, read_fs / FS_PER_NS)


def _ceiling(config: Config, n_bytes: int, operation: str) -> DmaCeiling:
    link = link_rate_of(config.pcie)
    transactions = list(_transfer(config, n_bytes, operation))
    on_link = link_ceilings(transactions, link)
    ceilings = [*on_link, *tag_ceilings(config, transactions), *credit_ceilings(config, transactions)]
    ceilings += [one for one in engine_ceilings(config, transactions) if one.per_frame]
    ceilings += _store(config, transactions)
    least = lowest(ceilings)

    def gbps(ceiling: Ceiling) -> float:
        return float((ceiling.frames_per_s or 0) * n_bytes * BITS_PER_BYTE / BPS_PER_GBPS)

    up_bytes, down_bytes = (
        float(sum(one.per_frame for one in on_link if one.resource == name)) for name in ("pcie.up", "pcie.down")
    )
    return DmaCeiling(
        gbps(least), gbps(lowest(on_link)), up_bytes, down_bytes, short_name(least.resource), tuple(ceilings)
    )


def _store(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give what moving received data into the adapter allows."""
    n_bytes = sum(tlp.data_bytes for one in transactions if one.name == "read" for tlp in one.tlps)
    if config.nic.store_rate_bps is not None and n_bytes:
        yield Ceiling(
            "nic.store", "data read", "B", Fraction(config.nic.store_rate_bps, BITS_PER_BYTE), Fraction(n_bytes)
        )


def _transfer(config: Config, n_bytes: int, operation: str) -> Iterable[Transaction]:
    rules, address, once = TlpRules.of(config), config.host.buffer_offset_bytes, Fraction(1)
    if operation in ("read", "both"):
        for tlps, transfer in rules.operation(address, n_bytes):
            yield Transaction("read", once, Fraction(0), tlps, transfer)
    if operation in ("write", "both"):
        yield Transaction("write", once, Fraction(0), rules.write(address, n_bytes))


Link = tuple[str, str]  # the name of what is at a link's lower end, and a direction
Way = tuple[list[Link], int]  # links in order, and how many lead up to the root port (all if none does)
OPPOSITE = {"up": "down", "down": "up"}
ROUNDS = 40  # after which the rates agree with the DLLPs they cause to the last digit


@dataclass(frozen=True)
class Writers:
    """Hold the adapters that write, by name, in order; `peer_of`: the peer of each that does not write to the host."""

    config: Config
    names: tuple[str, ...]
    peer_of: Mapping[str, str]

    @classmethod
    def of(cls, config: Config, peers: Sequence[tuple[str, str]], *, with_others: bool) -> Writers:
        """Check who writes to whom. Raises InputError where a pair is not two adapters behind one root port."""
        servers = servers_of(config)
        top = {servers[at].name: one for one in switches_of(config) if one.above is None for at in one.members}
        peer_of = dict(peers)
        for name in dict.fromkeys(name for pair in peers for name in pair):
            if name not in top:
                known = f" ({', '.join(top)})" if top else ": there is none (servers.NAME.tree)"
                raise InputError(
                    f"--peer: no adapter behind a PCIe switch is called {name}{suggest(name, top) or known}"
                )
        for name, peer in peers:
            if name == peer:
                raise InputError(f"--peer: {name} writes to itself, which takes no link of a switch")
            if top[name] is not top[peer]:
                raise InputError(f"--peer: {name} and {peer} are behind different root ports")
            if peer != peer_of[name]:
                raise InputError(
                    f"--peer: {name} writes to {peer} and to {peer_of[name]}: an adapter writes to one peer"
                )
        for server in servers:
            for key, block in (("nic.dma", server.config.nic.dma), ("host.iotlb", server.config.host.iotlb)):
                if block is not None:
                    raise InputError(f"--peer: writes to peers are counted without {server.key(key)}")
        near = {top[name].number for name in peer_of}
        names = (name for name in top if name in peer_of or (with_others and top[name].number in near))
        order = [server.name for server in servers]
        return cls(config, tuple(sorted(names, key=order.index)), peer_of)


@dataclass(frozen=True)
class _Tree:
    """Hold the links above adapters. `over`: the switches above each, lowest first; `rates`: each link's rate.

    `ports`: for each switch, the weights of what is below it; all by name.
    """

    over: Mapping[str, tuple[str, ...]]
    rates: Mapping[str, LinkRate]
    ports: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, config: Config) -> _Tree:
        servers, switches = servers_of(config), switches_of(config)
        rates = {server.name: link_rate_of(server.config.pcie) for server in servers}
        rates |= {one.name: link_rate_of(one.link_of(servers)) for one in switches}
        ports = {}
        for one in switches:
            below = ((servers if kind == "adapter" else switches)[number].name for kind, number, _ in one.below)
            ports[one.name] = dict(zip(below, (weight for _, _, weight in one.below), strict=True))
        above = {port: name for name, own in ports.items() for port in own}
        over: dict[str, tuple[str, ...]] = {}
        for server in servers:
            chain = [server.name]
            while chain[-1] in above:
                chain.append(above[chain[-1]])
            over[server.name] = tuple(chain[1:])
        return cls(over, rates, ports)

    def way(self, name: str, peer: str | None, is_redirected: bool) -> Way:
        """Return the links of a writer's way, each with its direction, and how many of them lead up to the root port.

        The number is that of all links where the way does not lead over the root port.
        """
        up = [name, *self.over[name]]
        if peer is None:
            return [(link, "up") for link in up], len(up)
        down = [peer, *self.over[peer]]
        if not is_redirected:
            while len(up) > 1 and len(down) > 1 and up[-1] == down[-1]:
                up.pop()
                down.pop()
        links = [*((link, "up") for link in up), *((link, "down") for link in reversed(down))]
        return links, len(up) if is_redirected else len(links)


def peer_limits(config: Config, writers: Writers, n_bytes: int, is_redirected: bool) -> dict[str, float]:
    """Return what each writer can write at most, in Gb/s of data, all of them writing without end.

    Water filling: all rates grow together, in proportion to their weights, until a link is full; its users then stop
    growing. If that link is on the way down from the root port, all who write over the root port stop: their writes
    wait behind the blocked ones in its queue. Exact where writers are alike and at one switch.
    """
    tree = _Tree.of(config)
    ways = {name: tree.way(name, writers.peer_of.get(name), is_redirected) for name in writers.names}
    cut = {name: _tlps(config, name, n_bytes) for name in writers.names}
    loads = {name: float(sum(tlp.link_bytes for tlp in cut[name])) for name in writers.names}
    weights, by_root = _weights(tree, ways), {name for name in ways if is_redirected or name not in writers.peer_of}
    rates = dict.fromkeys(writers.names, 0.0)
    for _ in range(ROUNDS):  # the DLLPs for TLPs of one direction use bytes of the other one
        room = {(link, way): float(rate.bytes_per_s) for link, rate in tree.rates.items() for way in OPPOSITE}
        for name, (links, _) in ways.items():
            for link, way in links:
                a_tlp = float(tree.rates[link].dllp_bytes_per_tlp)
                room[link, OPPOSITE[way]] -= rates[name] * len(cut[name]) * a_tlp
        rates = _fill(loads, room, weights, ways, by_root)
    return {name: rate * n_bytes * BITS_PER_BYTE / BPS_PER_GBPS for name, rate in rates.items()}


def _tlps(config: Config, name: str, n_bytes: int) -> tuple[Tlp, ...]:
    own = next(one.config for one in servers_of(config) if one.name == name)
    return TlpRules.of(own).write(own.host.buffer_offset_bytes, n_bytes)


def _fill(
    loads: Mapping[str, float],
    room: Mapping[Link, float],
    weights: Mapping[str, float],
    ways: Mapping[str, Way],
    by_root: set[str],
) -> dict[str, float]:
    """Let the rates grow until links are full, as `peer_limits` says; return writes a second."""
    rates, growing = dict.fromkeys(loads, 0.0), list(loads)
    while growing:
        steps: dict[Link, float] = {}
        for link in {link for name in growing for link in ways[name][0]}:
            used = sum(rates[name] * loads[name] for name in loads if link in ways[name][0])
            growth = sum(weights[name] * loads[name] for name in growing if link in ways[name][0])
            steps[link] = (room[link] - used) / growth
        step = min(steps.values())
        for name in growing:
            rates[name] += step * weights[name]
        full = {link for link, own in steps.items() if own <= step * (1 + 1e-12)}
        stopped = {name for name in growing if full & set(ways[name][0])}
        if any(full & set(ways[name][0][ways[name][1] :]) for name in stopped):
            stopped |= by_root
        growing = [name for name in growing if name not in stopped]
    return rates


def _weights(tree: _Tree, ways: Mapping[str, Way]) -> dict[str, float]:
    """Return each writer's weight: the product of its shares at the switches above it, among the ports in use."""
    found = dict.fromkeys(ways, 1.0)
    for name in ways:
        for below, switch in pairwise((name, *tree.over[name])):
            goes_up = {
                link for links, _ in ways.values() if (switch, "up") in links for link, way in links if way == "up"
            }
            used = {port: weight for port, weight in tree.ports[switch].items() if port in goes_up}
            if below in used:
                found[name] *= used[below] / sum(used.values())
    return found
