"""From a configuration to a workload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink, uplink_of
from hwmodel.config.streams import (
    ArrivalError,
    Demand,
    Sizes,
    arrivals_of,
    gap_at_rate,
    sizes_of,
    streams_of,
    whole_gap_of,
)
from hwmodel.config.system import (
    apart_ports,
    bridges_of,
    looks_behind_type,
    looks_into_packets,
    port_rate_bps,
    servers_of,
)
from hwmodel.config.vms import outside_targets, port_of_end, vms_of
from hwmodel.errors import InputError
from hwmodel.workload.headers import HeaderBook
from hwmodel.workload.replay import PacketReader, read_replay
from hwmodel.workload.streams import open_source, stagger
from hwmodel.workload.traffic import CLOSED, SILENT, Records, Source, Workload, build_alias_table


def build_workload(
    config: Config,
    ceiling_frames_per_s: Fraction | None = None,
    read_packets: PacketReader | None = None,
    *,
    with_silent: bool = False,
    with_packets: bool | None = None,
) -> Workload:
    """Make the templates, sources and records of a validated configuration.

    A `pcap` takes the place of pattern, sizes and load; `external` adds traffic from the wire to either.
    `ceiling_frames_per_s` is the base of a load in % of the ceiling (`analytic.ceiling_frames_per_s`), and used for
    nothing else. `read_packets` reads what a capture's frames hold beyond the EtherType, if the configuration needs it
    (`simulation.offered`). `with_silent`: streams without a share of the load get a source too. `with_packets`: headers
    include what rules match beyond the EtherType; None: only if the configuration has such rules. Raises InputError,
    with the key at fault, if the capture makes no traffic, or a load in % of the ceiling.
    """
    looks_behind = looks_behind_type(config) if with_packets is None else with_packets
    book = HeaderBook(config, with_packets=looks_behind)
    sources: list[Source] = []
    records, pcap = Records(), None
    if config.workload.pcap is not None:
        pcap = str(config.workload.pcap)
        reader = None
        if looks_behind or looks_into_packets(config):
            assert read_packets is not None, "who asks for such rules reads packets"
            reader = read_packets
        is_asap = config.workload.pcap_time == "asap"
        switches = [(server.station, server.config.switch) for server in servers_of(config)]
        replay = read_replay(
            pcap, switches, apart_ports(config), reader, asap=is_asap, all_packets=looks_behind,
            outside_too=any(one.settings.looks_behind_type for one in bridges_of(config)),
        )  # fmt: skip
        book.templates.extend(replay.templates)
        sources.extend(replay.sources)
        records = replay.records
    elif config.workload.pattern is not None:
        sources.extend(_pattern_sources(config, config.workload.pattern, ceiling_frames_per_s, book, with_silent))
    if config.workload.external is not None:
        sources.extend(_external_sources(config, book))
    stopped = {*config.workload.stopped}
    sources = [_stopped(one) if one.port in stopped else one for one in stagger(sources)]
    return Workload(book.templates, sources, records, pcap)


def _stopped(source: Source) -> Source:
    """Return a source that sends nothing now; all others are as they are beside it when it does."""
    return Source(source.port, SILENT, target_table=source.target_table, size_table=source.size_table,
                  cut_lengths=source.cut_lengths)  # fmt: skip


def _pattern_sources(
    config: Config, pattern: str, ceiling_per_s: Fraction | None, book: HeaderBook, with_silent: bool
) -> list[Source]:
    workload = config.workload
    frames = Sizes.of(workload.frame_bytes, workload.sizes)
    sizes = sizes_of(workload)
    streams = [_by_own_uplink(config, stream) for stream in streams_of(config, pattern)]
    timed = [
        (stream, open_source(stream.port, gap_at_rate(stream.rate_bps, of), arrivals_of(workload), of))
        for stream in streams
        if stream.rate_bps is not None
        for of in [frames if is_uplink(stream.port) else sizes]
    ]
    following = [stream for stream in streams if stream.rate_bps is None]
    sending = _following_load(config, following, ceiling_per_s, sizes)
    timed += _beside_silent(following, sending) if with_silent else sending
    return [_with_tables(source, stream, frames if is_uplink(stream.port) else sizes, book)
            for stream, source in timed]  # fmt: skip


def _by_own_uplink(config: Config, stream: Demand) -> Demand:
    """Replace `uplink` among a stream's targets by the uplink of its sender's Ethernet port."""
    if UPLINK not in dict(stream.targets):
        return stream
    own = uplink_of(port_of_end(config, stream.port))
    return replace(stream, targets=tuple((own if to == UPLINK else to, weight) for to, weight in stream.targets))


def _following_load(
    config: Config, streams: Sequence[Demand], ceiling_per_s: Fraction | None, sizes: Sizes
) -> list[tuple[Demand, Source]]:
    """Return sources for the streams that divide the load by weights; a stream without a share is left out."""
    workload, load = config.workload, config.workload.load
    if load.kind == "saturate":
        return [(stream, Source(stream.port, CLOSED)) for stream in streams]
    shares = workload.shares_of((stream.port for stream in streams), list(vms_of(servers_of(config))))
    if not shares:
        return []
    whole_gap = whole_gap_of(workload, len(streams), port_rate_bps(servers_of(config)), ceiling_per_s, sizes)
    try:
        return [
            (stream, open_source(stream.port, whole_gap / shares[stream.port], arrivals_of(workload), sizes))
            for stream in streams
            if stream.port in shares
        ]
    except ArrivalError as error:  # of a share of the ceiling, which the keys do not say
        raise InputError(f"workload.{'load' if error.key == 'rate' else error.key}: {error}") from None


def _beside_silent(streams: Sequence[Demand], sending: Sequence[tuple[Demand, Source]]) -> list[tuple[Demand, Source]]:
    """Return all streams with their sources, those that send nothing among them."""
    sources = {stream.port: source for stream, source in sending}  # a port has one stream that follows the load
    return [(stream, sources.get(stream.port) or Source(stream.port, SILENT)) for stream in streams]


def _external_sources(config: Config, book: HeaderBook) -> Iterator[Source]:
    """Yield a source of outside frames for each uplink that leads to one of their targets."""
    external = config.workload.external
    assert external is not None
    sizes = Sizes.of(external.frame_bytes, external.sizes)
    arrivals = arrivals_of(external)
    for uplink, names in outside_targets(config):
        stream = Demand(uplink, tuple((name, Fraction(1)) for name in names), external.rate_bps)
        source = open_source(uplink, gap_at_rate(external.rate_bps, sizes), arrivals, sizes)
        yield _with_tables(source, stream, sizes, book)


def _with_tables(source: Source, stream: Demand, sizes: Sizes, book: HeaderBook) -> Source:
    return replace(
        source,
        target_table=build_alias_table(book.weighted_ids(stream.port, stream.targets)),
        size_table=build_alias_table(sizes.weighted),
        cut_lengths=sizes.cut_lengths,
    )
