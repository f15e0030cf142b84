"""Check the workload: that the ports it names exist, its frames fit, its rates are possible."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.rules.ethernet import WIRE_OVERHEAD_BYTES
from hwmodel.units import format_bytes, format_rate_bps
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.tags import TAG_BYTES

from .bridge import OUTSIDE
from .check_sends import check_segments
from .check_vms import check_vm_names
from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import named_lengths
from .kinds import LONGEST_FRAME_BYTES, LONGEST_SEGMENT_BYTES
from .model import Config
from .names import is_uplink
from .switch import AclEntry
from .system import (
    Server,
    bridge_with,
    bridges_of,
    outside_rate_bps,
    port_rate_bps,
)
from .vms import Vm, domains_of, outside_targets, own_uplinks, vms_in_use, vms_of
from .workload import External, SizeWeight, Workload

_FEWEST_VFS = {"to_wire": 1, "broadcast": 1, "multicast": 1}
_EXTERNAL = ("workload", "external", "rate")


def check_workload(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the `workload` block."""
    servers = [part.server for part in parts]
    stations = list(vms_in_use(servers))
    check_vm_names(findings, parts, _named(config))
    _check_lengths_given_once(config, findings)
    check_segments(config, findings)
    _check_pattern(config, findings, len(stations))
    _check_senders(config, findings, stations)
    _check_max_frame(config, parts)
    check_load(config, findings, parts)


def check_load(config: Config, findings: Findings, _parts: Sequence[Part]) -> None:
    """Check the part of the `workload` block that may change in mid-run, while the stations in use stay the same."""
    if config.workload.pcap is None and config.workload.pattern is None:
        _check_no_pattern(config, findings)
    _check_weights(config, findings)
    _check_pcap(config, findings)
    _check_bursts(config, findings)


def _named(config: Config) -> Iterator[tuple[str, KeyPath]]:
    workload = config.workload
    for name in workload.weights:
        yield name, ("workload", "weights", name)
    for index, name in enumerate(workload.stopped):
        yield name, ("workload", "stopped", index)
    for index, flow in enumerate(workload.flows):
        yield flow.source, ("workload", "flows", index, 0)
        yield flow.target, ("workload", "flows", index, 1)
    yield workload.incast_to, ("workload", "incast_to")
    if workload.external is not None and workload.external.to != "all":
        for index, name in enumerate(workload.external.to):
            yield name, ("workload", "external", "to", index)


def _check_lengths_given_once(config: Config, findings: Findings) -> None:
    for block, path in ((config.workload, "workload"), (config.workload.external, "workload.external")):
        if block is not None and block.frame_bytes is not None and block.sizes is not None:
            findings.add(
                "frame_bytes and sizes are both given; write one, and null for the other",
                f"{path}.sizes",
                f"{path}.frame_bytes",
            )


def _check_pattern(config: Config, findings: Findings, n_vfs: int) -> None:
    workload = config.workload
    if workload.pcap is not None or workload.pattern is None:
        return
    if workload.pattern == "flows":
        if not workload.flows:
            findings.add(
                "pattern: flows needs flows, like flows: [[vf0, vf1, 2Gbps]]", "workload.pattern", "workload.flows"
            )
        for index, flow in enumerate(workload.flows):
            if is_uplink(flow.source) and is_uplink(flow.target):
                findings.add("a flow from the wire to the wire does not meet the adapter", ("workload", "flows", index))
        return
    fewest = _FEWEST_VFS.get(workload.pattern, 2)
    keys = ("workload.pattern", "nic.vfs", "servers")
    if n_vfs < fewest:
        there = "there is 1" if n_vfs == 1 else f"there are {n_vfs}"
        wanted = f"{fewest} VF{'s' * (fewest > 1)} or more"
        findings.add(f"pattern: {workload.pattern} needs {wanted} in use; {there}", *keys, besides=["switch.ports"])
    elif workload.pattern == "pairs" and n_vfs % 2:
        findings.add(f"pattern: pairs needs an even number of VFs in use; there are {n_vfs}", *keys,
                     besides=["switch.ports"])  # fmt: skip


def _check_no_pattern(config: Config, findings: Findings) -> None:
    workload = config.workload
    if workload.external is None:
        findings.add(
            "pattern: none sends nothing; it needs external, like external: {rate: 5Gbps}",
            "workload.pattern",
            "workload.external",
        )
    for key in _of_senders(workload):
        if key != "load" or not workload.load.is_nothing:
            findings.add(f"with pattern: none no VM sends; {key} goes with a pattern", f"workload.{key}",
                         "workload.pattern")  # fmt: skip


def _of_senders(workload: Workload) -> dict[str, str]:
    """Return the keys about a pattern's senders that are not at their defaults, each with its default as text."""
    is_given = {
        "flows": ("[]", bool(workload.flows)),
        "load": ("saturate", workload.load.kind != "saturate"),
        "wire_share": ("0", workload.wire_share != 0),
        "weights": ("{}", bool(workload.weights)),
        "zipf": ("null", workload.zipf is not None),
        "stopped": ("[]", bool(workload.stopped)),
    }
    return {key: unset for key, (unset, given) in is_given.items() if given}


def _check_weights(config: Config, findings: Findings) -> None:
    workload = config.workload
    if workload.pcap is not None or workload.pattern is None:
        return
    if workload.weights and workload.zipf is not None:
        findings.add("weights and zipf are both given; one of them is enough", "workload.zipf", "workload.weights")
    if workload.has_weights and workload.load.kind == "saturate":
        key = _key_of_weights(workload)
        findings.add(
            f"{key[9:]} divides what load offers, but load is saturate, where each VM sends all it can "
            "(--set workload.load=0.8)",
            key,
            "workload.load",
        )


def _key_of_weights(workload: Workload) -> str:
    return "workload.weights" if workload.weights else "workload.zipf"


def _check_senders(config: Config, findings: Findings, stations: list[str]) -> None:
    """Report weights that apply to no sender."""
    workload = config.workload
    if workload.pcap is not None or workload.pattern is None or workload.load.kind == "saturate":
        return
    key, senders = _key_of_weights(workload), _senders(config, stations)
    if workload.has_weights and workload.pattern == "flows" and not senders:
        findings.add(f"{key[9:]} divides what load offers, but all flows have their own rates", key, "workload.flows")
    elif workload.weights and not workload.load.is_nothing and not workload.shares_of(senders, stations):
        findings.add("nobody has a weight above 0 (load: 0 lets nobody send)", "workload.weights", "workload.pattern")


def _senders(config: Config, stations: list[str]) -> list[str]:
    """Return the ports whose rates follow `load`."""
    workload = config.workload
    if workload.pattern == "flows":
        return [flow.source for flow in workload.flows if flow.follows_load]
    return [name for name in stations if workload.pattern != "incast" or name != workload.incast_to]


def _check_pcap(config: Config, findings: Findings) -> None:
    workload = config.workload
    if workload.pcap is None:
        if workload.pcap_time != "file":
            findings.add("pcap_time needs a pcap", "workload.pcap_time")
        return
    if not os.path.isfile(workload.pcap):
        what = "is a directory" if os.path.isdir(workload.pcap) else "no such file"
        findings.add(f"{what}: {workload.pcap}", "workload.pcap")
    made_up = {key: "null" for key in ("pattern", "frame_bytes", "sizes") if getattr(workload, key) is not None}
    for key, unset in (made_up | _of_senders(workload)).items():
        findings.add(
            f"a pcap's frames say it; {key} goes with made-up traffic only "
            f"(--set workload.{key}={unset} takes it back)",
            f"workload.{key}",
            "workload.pcap",
        )


def _check_max_frame(config: Config, parts: Sequence[Part]) -> None:
    """Report frame lengths of which the switch would drop every frame as OVERSIZE."""
    vms = vms_of(part.server for part in parts)
    senders = {name for name, vm in vms.items() if vm.is_in_use}
    if config.workload.pattern == "flows":
        senders = {flow.source for flow in config.workload.flows}
    most = LONGEST_SEGMENT_BYTES if config.has_virtual_switch else LONGEST_FRAME_BYTES
    longest = {path: n_bytes for n_bytes, path in sorted(named_lengths(config), key=lambda named: named[0])}
    for path, n_bytes in longest.items():  # of a key that makes several, as mss does, the longest alone
        if n_bytes > most:  # too long for any max_frame; reported elsewhere
            continue
        if config.hands_over_segments and path == ("workload", "mss"):  # no station sends it
            continue
        if path[:2] == ("workload", "external"):
            enabled = [vm for vm in vms.values() if vm.port.enabled]
            limits = [max(enabled, key=lambda vm: vm.port.max_frame_bytes)] if enabled else []
        else:
            limits = [vm for vm in vms.values() if vm.name in senders]
        short = [vm for vm in limits if n_bytes > vm.port.max_frame_bytes]
        if short:
            first, more = short[0], f" and {len(short) - 1} more" if len(short) > 1 else ""
            own = parts[first.at].findings
            own.add(
                f"frames of {n_bytes} B would all drop as OVERSIZE: max_frame is {first.port.max_frame_bytes}B at "
                f"{first.name}{more} (--set {_key_of_max_frame(short, parts)}={n_bytes}B)",
                path,
                own.station(first.port.name, "max_frame"),
            )


def _key_of_max_frame(short: list[Vm], parts: Sequence[Part]) -> str:
    """Return the key that raises max_frame: the first station's, or that of `all` if several are short by default."""
    by_default = not any(parts[one.at].findings.has_own_value(one.port.name, "max_frame") for one in short)
    if len(short) > 1 and by_default:
        return "switch.ports.all.max_frame"
    return short[0].server.key(f"switch.ports.{short[0].port.name}.max_frame")


def _check_bursts(config: Config, findings: Findings) -> None:
    workload, external = config.workload, config.workload.external
    if workload.pcap is None:
        open_rates: list[int | Fraction] = []
        if workload.pattern == "flows":
            open_rates = [rate for flow in workload.flows if (rate := workload.rate_bps_of(flow))]
        if workload.load_bps is not None:
            open_rates.append(workload.load_bps)
        is_open = bool(open_rates) or workload.load.kind != "saturate"
        if is_open and workload.arrivals == "on_off":
            _check_peak(findings, "workload", workload.peak_rate_bps, max(open_rates, default=0))
            _check_length(findings, "workload", workload)
    if external is not None and external.arrivals == "on_off":
        _check_peak(findings, "workload.external", external.peak_rate_bps, external.rate_bps)
        _check_length(findings, "workload.external", external)


def _check_length(findings: Findings, block: str, of: Workload | External) -> None:
    if of.burst_length == "fixed" and of.mean_burst_frames != int(of.mean_burst_frames):
        findings.add(
            f"a burst has no {of.mean_burst_frames:g} frames; with burst_length: fixed this is a whole number",
            f"{block}.mean_burst",
            f"{block}.burst_length",
        )


def _check_peak(findings: Findings, block: str, peak_bps: int | None, mean_bps: int | Fraction) -> None:
    mean_key = "rate" if block.endswith("external") else "load"
    if peak_bps is None:
        findings.add(
            "arrivals: on_off needs peak_rate, the rate within a burst", f"{block}.arrivals", f"{block}.peak_rate"
        )
    elif peak_bps <= mean_bps:
        findings.add(
            f"the peak {format_rate_bps(peak_bps)} is not above the mean {format_rate_bps(int(mean_bps))}",
            f"{block}.peak_rate",
            f"{block}.{mean_key}",
            besides=["workload.flows"],
        )


class _Stream(NamedTuple):
    """Frames from the wire: the key that says how many, their rate if it says one, their share of the line's time."""

    key: KeyPath
    rate_bps: int | Fraction | None
    line_share: Fraction


def check_wire(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Find outside traffic that the port cannot carry: each stream alone, bursts, and all together."""
    for uplink in (domain.uplink for domain in domains_of(config, [part.server for part in parts])):
        _check_uplink(config, findings, parts, uplink)


def _check_uplink(config: Config, findings: Findings, parts: Sequence[Part], uplink: str) -> None:
    """Report outside traffic that enters by one uplink and exceeds its line rate."""
    servers = [part.server for part in parts]
    port_bps = outside_rate_bps(config)
    bridge = bridge_with(config, OUTSIDE)
    port = format_rate_bps(port_bps)
    port_key: str | KeyPath = "port.rate" if bridge is None else (*bridge.path, "ports", OUTSIDE, "rate")
    streams = list(_streams_from_wire(config, servers, uplink))
    found = False
    for stream in [*streams, *_bursts_from_wire(config, servers, uplink)]:
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


def _streams_from_wire(config: Config, servers: Sequence[Server], uplink: str) -> Iterator[_Stream]:
    """Yield the streams with a rate that enter by an uplink; one that saturates the line takes what they leave."""
    workload, external = config.workload, config.workload.external
    if workload.pcap is None and workload.pattern == "flows":
        sources = [own_uplinks(config, *flow[:2])[0] for flow in workload.flows]
        for index, (flow, source) in enumerate(zip(workload.flows, sources, strict=True)):
            rate_bps = workload.rate_bps_of(flow)
            if source == uplink and rate_bps is not None:
                yield _at_rate(config, ("workload", "flows", index), rate_bps)
        pairs = zip(workload.flows, sources, strict=True)
        following = dict.fromkeys(source for flow, source in pairs if flow.follows_load)
        share = workload.shares_of(following, list(vms_of(servers))).get(uplink, Fraction(0))
        if share and workload.load.kind == "share":
            of_outside = Fraction(port_rate_bps(servers), outside_rate_bps(config))
            yield _Stream(("workload", "load"), None, Fraction(repr(workload.load.share)) * share * of_outside)
        elif share and workload.load_bps is not None:
            yield _at_rate(config, ("workload", "load"), workload.load_bps * len(following) * share)
    if external is not None and _comes_by(config, servers, uplink):
        yield _at_rate(config, _EXTERNAL, external.rate_bps)


def _comes_by(config: Config, servers: Sequence[Server], uplink: str) -> bool:
    """Tell whether frames of `workload.external` enter by an uplink."""
    return any(name == uplink for name, _ in outside_targets(config, servers))


def _bursts_from_wire(config: Config, servers: Sequence[Server], uplink: str) -> Iterator[_Stream]:
    workload, external = config.workload, config.workload.external
    if workload.arrivals == "on_off" and workload.peak_rate_bps is not None:
        flows = [stream for stream in _streams_from_wire(config, servers, uplink) if stream.key != _EXTERNAL]
        if flows:
            yield _at_rate(config, ("workload", "peak_rate"), workload.peak_rate_bps)
    if external is not None and external.peak_rate_bps is not None and _comes_by(config, servers, uplink):
        yield _at_rate(config, ("workload", "external", "peak_rate"), external.peak_rate_bps)


def _at_rate(config: Config, key: KeyPath, rate_bps: int | Fraction) -> _Stream:
    line_share = Fraction(rate_bps) / outside_rate_bps(config) / _frame_share(config, key)
    return _Stream(key, rate_bps, line_share)


def _frame_share(config: Config, key: KeyPath) -> Fraction:
    """Return the exact share of frame bits in the line's bits, beside preamble and gap, for a key's frame lengths."""
    external = config.workload.external
    block = external if key[:2] == _EXTERNAL[:2] and external is not None else config.workload
    weighted: Sequence[SizeWeight] = block.sizes or (SizeWeight(block.frame_bytes or 0, 1),)
    frame = sum(entry.frame_bytes * entry.weight for entry in weighted)
    return Fraction(frame, frame + WIRE_OVERHEAD_BYTES * sum(entry.weight for entry in weighted))


def _lengths_of(key: KeyPath) -> list[KeyPath]:
    block = key[:2] if key[:2] == _EXTERNAL[:2] else key[:1]
    return [(*block, "sizes"), (*block, "frame_bytes")]


def check_policers(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report policers whose burst is below all frames of the workload, so that none would ever pass."""
    lengths = named_lengths(config)
    if not lengths:
        return
    shortest, key = min(lengths, key=lambda named: named[0])
    lists: list[tuple[Findings, KeyPath, Sequence[AclEntry]]] = [
        (part.findings, ("switch", "acl"), part.server.config.switch.acl) for part in parts
    ]
    lists += [(findings, (*bridge.path, "policy"), bridge.settings.policy) for bridge in bridges_of(config)]
    for own, path, entries in lists:
        for at, entry in enumerate(entries):
            # On its way a frame may lose its C-TAG.
            if entry.burst_bytes is not None and entry.burst_bytes < shortest - TAG_BYTES[EtherType.C_TAG]:
                own.add(
                    f"a bucket of {format_bytes(entry.burst_bytes)} never has the tokens for a frame of the workload, "
                    f"{shortest} B or more: nothing would pass (write {format_bytes(_enough(lengths))} or more)",
                    (*path, at, "burst"),
                    key,
                )


def _enough(lengths: Sequence[tuple[int, KeyPath]]) -> int:
    """Return a round number of bytes that has room for the longest frame with its tags."""
    longest = max(n_bytes for n_bytes, _ in lengths)
    return 1024 * -(-(longest + 3 * TAG_BYTES[EtherType.C_TAG]) // 1024)
