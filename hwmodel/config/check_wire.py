"""Check that what is to come from the wire is no more than the Ethernet port can bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.rules.ethernet import WIRE_OVERHEAD_BYTES
from hwmodel.units import format_rate_bps

from .bridge import OUTSIDE
from .document import KeyPath
from .findings import Findings, Part
from .model import Config
from .system import Server, bridge_with, outside_rate_bps, port_rate_bps
from .workload import SizeWeight

_EXTERNAL = ("workload", "external", "rate")


class _Stream(NamedTuple):
    """Frames from the wire: the key that says how many, their rate if it says one, their share of the line's time."""

    key: KeyPath
    rate_bps: int | Fraction | None
    line_share: Fraction


def check_wire(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Find outside traffic that the port cannot carry: each stream alone, bursts, and all together."""
    servers = [part.server for part in parts]
    port_bps = outside_rate_bps(config)
    bridge = bridge_with(config, OUTSIDE)
    port = format_rate_bps(port_bps)
    port_key: str | KeyPath = "port.rate" if bridge is None else (*bridge.path, "ports", OUTSIDE, "rate")
    streams = list(_streams_from_wire(config, servers))
    found = False
    for stream in [*streams, *_bursts_from_wire(config, servers)]:
        if stream.line_share <= 1 or stream.rate_bps is None:
            continue
        found = True
        most_bps = int(port_bps * _frame_share(config, stream.key))
        findings.add(
            f"{format_rate_bps(int(stream.rate_bps))} of these frames is more than a port of {port} carries: about "
            f"{most_bps // 10**6}Mbps of them, beside preamble and gap (20 B each)",
            stream.key,
            port_key,
            besides=_lengths_of(stream.key),
        )
    total = sum((stream.line_share for stream in streams), Fraction(0))
    if total > 1 and not found:
        findings.add(
            f"the frames from the wire, all together, take {float(100 * total):.4g} % of a port of {port}, counting "
            "each with 20 B",
            *(stream.key for stream in streams),
            port_key,
            besides=[key for stream in streams for key in _lengths_of(stream.key)],
        )


def _streams_from_wire(config: Config, servers: Sequence[Server]) -> Iterator[_Stream]:
    """Give the streams with a rate; what saturates the line takes what the others leave."""
    workload, external = config.workload, config.workload.external
    if workload.pcap is None and workload.pattern == "flows":
        for index, flow in enumerate(workload.flows):
            rate_bps = workload.rate_bps_of(flow)
            if flow.source == "uplink" and rate_bps is not None:
                yield _at_rate(config, ("workload", "flows", index), rate_bps)
        following = {flow.source for flow in workload.flows if flow.follows_load}
        share = workload.shares_of(following, [server.name for server in servers]).get("uplink", Fraction(0))
        if share and workload.load.kind == "share":
            of_outside = Fraction(port_rate_bps(servers), outside_rate_bps(config))
            yield _Stream(("workload", "load"), None, Fraction(repr(workload.load.share)) * share * of_outside)
        elif share and workload.load_bps is not None:
            yield _at_rate(config, ("workload", "load"), workload.load_bps * len(following) * share)
    if external is not None:
        yield _at_rate(config, _EXTERNAL, external.rate_bps)


def _bursts_from_wire(config: Config, servers: Sequence[Server]) -> Iterator[_Stream]:
    workload, external = config.workload, config.workload.external
    if workload.arrivals == "on_off" and workload.peak_rate_bps is not None:
        flows = [stream for stream in _streams_from_wire(config, servers) if stream.key != _EXTERNAL]
        if flows:
            yield _at_rate(config, ("workload", "peak_rate"), workload.peak_rate_bps)
    if external is not None and external.peak_rate_bps is not None:
        yield _at_rate(config, ("workload", "external", "peak_rate"), external.peak_rate_bps)


def _at_rate(config: Config, key: KeyPath, rate_bps: int | Fraction) -> _Stream:
    line_share = Fraction(rate_bps) / outside_rate_bps(config) / _frame_share(config, key)
    return _Stream(key, rate_bps, line_share)


def _frame_share(config: Config, key: KeyPath) -> Fraction:
    """Return the frame bits in a bit time of the line, exactly, for the frames that a key speaks of."""
    external = config.workload.external
    block = external if key[:2] == _EXTERNAL[:2] and external is not None else config.workload
    weighted: Sequence[SizeWeight] = block.sizes or (SizeWeight(block.frame_bytes or 0, 1),)
    frame = sum(entry.frame_bytes * entry.weight for entry in weighted)
    return Fraction(frame, frame + WIRE_OVERHEAD_BYTES * sum(entry.weight for entry in weighted))


def _lengths_of(key: KeyPath) -> list[KeyPath]:
    block = key[:2] if key[:2] == _EXTERNAL[:2] else key[:1]
    return [(*block, "sizes"), (*block, "frame_bytes")]
