"""Check what a load makes: that frames come often enough, that bursts are possible, that ends have addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.rules.capacities import MAX_CACHED_FLOWS, MAX_CHOICES, MAX_SOURCES, MAX_TEMPLATES

from .check_room import Room
from .document import KeyPath
from .findings import Findings, Part, as_path
from .model import Config
from .names import is_uplink
from .streams import (
    BROADCAST,
    MULTICAST,
    ArrivalError,
    Demand,
    PatternError,
    Sizes,
    arrivals_of,
    gap_at_rate,
    gaps_of,
    sizes_of,
    streams_of,
    whole_gap_of,
)
from .system import Server, port_rate_bps
from .vms import Vm, domains_of, outside_targets, vms_of
from .workload import MOST_HEADERS, External, Workload

_HINTS = {
    "rate": "more load, or weights nearer to each other",
    "peak_rate": "a larger peak_rate, less load, or weights nearer to each other",
    "mean_burst": "shorter bursts, or more load",
}


class Wrong(NamedTuple):
    """What is wrong with a load, and the keys that say so, most to blame first; a station's has its name in it."""

    message: str
    keys: tuple[KeyPath, ...]


class _Offered(NamedTuple):
    """What a run makes of a load: its sources, its headers, rows that it draws from, TCP connections."""

    sources: int
    headers: int
    choices: int
    connections: int


_SENDERS = ("workload.pattern", "workload.flows", "nic.vfs", "servers")
OF_LOAD = (
    Room(MAX_SOURCES, "sources of traffic", lambda load: load.sources, _SENDERS, "fewer VMs or flows"),
    Room(
        MAX_TEMPLATES, "headers, one of each sender, target and connection", lambda load: load.headers,
        ("workload.connections", *_SENDERS), "fewer connections, VMs or flows",
    ),
    Room(
        MAX_CHOICES, "headers and sizes that senders draw from", lambda load: load.choices,
        ("workload.connections", "workload.sizes", *_SENDERS), "fewer connections, sizes or VMs",
    ),
    Room(
        MAX_CACHED_FLOWS, "connections beside a flow cache", lambda load: load.connections,
        ("workload.connections", *_SENDERS), "fewer connections or VMs",
    ),
)  # fmt: skip


def check_streams(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the load of a system in which nothing else is wrong."""
    if findings.problems or any(part.findings.problems for part in parts):
        return
    for one in wrong_streams(config, [part.server for part in parts], may_change=config.may_set_load):
        paths = [_path(key, findings, parts) for key in one.keys]
        findings.add(one.message, *paths)


def _path(key: KeyPath, findings: Findings, parts: Sequence[Part]) -> KeyPath:
    """Return the path of a key; in that of a station's, its name becomes its place in the list."""
    if key[:2] != ("switch", "ports"):
        return key
    vm = vms_of(part.server for part in parts)[str(key[2])]
    return parts[vm.at].findings.station(vm.port.name, *key[3:])


def wrong_streams(config: Config, servers: Sequence[Server], *, may_change: bool) -> Iterator[Wrong]:
    """Yield why the load of a configuration makes no traffic, or more than a run has room for; of several the first.

    `may_change`: another load may be set in mid-run.
    """
    workload, streams = config.workload, list[Demand]()
    by = ("workload", "flows" if workload.pattern == "flows" else "pattern")
    if workload.pcap is None and workload.pattern is not None:
        try:
            # With `uniform` the same send as with `ring`, and each to all others.
            streams = streams_of(config, "ring" if workload.pattern == "uniform" else workload.pattern, servers)
        except PatternError as error:
            yield Wrong(str(error), (by, ("switch", "ports")))
            return
    vms = vms_of(servers)
    external, gaps = config.workload.external, _wrong_gaps(config, servers, streams, list(vms))
    if not may_change:
        streams = _that_send(workload, streams, list(vms))
    arriving = outside_targets(config, servers)
    ends: list[tuple[str, KeyPath]] = [
        (end, by) for stream in streams for end in (stream.port, *(to for to, _ in stream.targets))
    ]
    ends += [(end, ("workload", "external", "to")) for _, targets in arriving for end in targets]
    found = [*_without_address(ends, vms), *gaps]
    if external is not None:
        sizes = Sizes.of(external.frame_bytes, external.sizes)
        for uplink, _ in arriving:
            found += _wrong_gap(
                external, ("workload", "external", "rate"), uplink, gap_at_rate(external.rate_bps, sizes), sizes
            )
    if workload.pcap is None:
        offered = _offered(config, servers, streams, arriving)
        found += (Wrong(complaint, tuple(map(as_path, room.keys))) for room in OF_LOAD
                  if (complaint := room.complaint(offered)))  # fmt: skip
    yield from found[:1]


def _that_send(workload: Workload, streams: list[Demand], vms: Sequence[str]) -> list[Demand]:
    """Leave out streams that have no share of the load, which get a source only if the load changes in mid-run."""
    following = [stream.port for stream in streams if stream.rate_bps is None]
    sending = following if workload.load.kind == "saturate" else workload.shares_of(following, vms)
    return [stream for stream in streams if stream.rate_bps is not None or stream.port in sending]


def _without_address(ends: Iterable[tuple[str, KeyPath]], vms: Mapping[str, Vm]) -> Iterator[Wrong]:
    for end, key in ends:
        if end in vms and not vms[end].port.macs:
            yield Wrong(f"{end} has no MAC address to send from or to", (("switch", "ports", end, "macs"), key))


def _wrong_gaps(
    config: Config, servers: Sequence[Server], streams: Sequence[Demand], vms: Sequence[str]
) -> Iterator[Wrong]:
    """Yield what is wrong with the times between VMs' frames; those at a share of the ceiling are known in a run."""
    workload, load = config.workload, config.workload.load
    if not streams:
        return
    sends, frames = sizes_of(workload), Sizes.of(workload.frame_bytes, workload.sizes)
    of = ("workload", "flows")
    for stream in streams:
        if stream.rate_bps is not None:
            sizes = frames if is_uplink(stream.port) else sends
            yield from _wrong_gap(workload, of, stream.port, gap_at_rate(stream.rate_bps, sizes), sizes)
    following = [stream.port for stream in streams if stream.rate_bps is None]
    shares = workload.shares_of(following, vms)
    if load.kind in ("saturate", "ceiling") or not shares:
        return
    whole_gap = whole_gap_of(workload, len(following), port_rate_bps(servers), None, sends)
    for port in (min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)):
        yield from _wrong_gap(workload, ("workload", "load"), port, whole_gap / shares[port], sends)


def _wrong_gap(
    of: Workload | External, rate_key: KeyPath, port: str, mean_gap: Fraction, sizes: Sizes
) -> Iterator[Wrong]:
    try:
        gaps_of(port, mean_gap, arrivals_of(of), sizes)
    except ArrivalError as error:
        block = ("workload",) if isinstance(of, Workload) else ("workload", "external")
        keys = (rate_key,) if error.key == "rate" else ((*block, error.key), rate_key)
        weights = (("workload", "weights"), ("workload", "zipf")) if error.key == "rate" else ()
        yield Wrong(f"{error} ({_HINTS[error.key]})", (*weights, *keys))


def _offered(
    config: Config, servers: Sequence[Server], streams: Sequence[Demand], arriving: Sequence[tuple[str, Sequence[str]]]
) -> _Offered:
    """Count what a run makes of a load that no capture says; `arriving`: the external traffic's uplinks and targets."""
    workload, external = config.workload, config.workload.external
    groups = {
        group for server in servers for port in server.config.switch.ports if port.enabled for group in port.groups
    }
    n_headers = {BROADCAST: 1, MULTICAST: max(1, len(groups))}
    pairs = [(stream.port, to) for stream in streams for to, _ in stream.targets]
    n_pairs = 0
    if workload.pattern == "uniform":  # `streams` name one target of each, beside the wire
        n_pairs = sum(n * (n - 2) for domain in domains_of(config, servers) if (n := len(domain.vms)) > 1)
    pairs += [(uplink, to) for uplink, targets in arriving for to in targets]
    a_pair = min(workload.connections, MOST_HEADERS)

    def headers_of(some: Collection[tuple[str, str]]) -> int:
        return sum(n_headers.get(to, a_pair) for _, to in some) + n_pairs * a_pair

    n_sizes = len(workload.sizes or (1,)) if streams else 0
    of_external = [] if external is None else [len(external.sizes or (1,))] * len(arriving)
    has_cache = any(one.config.virtual_switch and one.config.virtual_switch.flow_cache for one in servers)
    to_stations = sum(to not in n_headers for _, to in set(pairs)) + n_pairs
    return _Offered(
        sources=len(streams) + len(arriving),
        headers=headers_of(set(pairs)),
        choices=headers_of(pairs) + len(streams) * n_sizes + sum(of_external),
        connections=to_stations * workload.connections if has_cache else 0,
    )
