"""Check the workload: that its ports are there, its frames fit, its rates are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hwmodel.units import format_rate_bps

from .check_servers import check_vm_names
from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import named_lengths
from .model import Config
from .station import Port
from .system import stations_in_use
from .workload import External, Workload

_FEWEST_VFS = {"to_wire": 1, "broadcast": 1, "multicast": 1}


def check_workload(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the `workload` block."""
    servers = [part.server for part in parts]
    stations = list(stations_in_use(servers))
    check_vm_names(findings, parts, _named(config))
    _check_lengths_given_once(config, findings)
    _check_pattern(config, findings, len(stations))
    _check_weights(config, findings, stations, [server.name for server in servers])
    _check_pcap(config, findings)
    _check_max_frame(config, parts)
    _check_bursts(config, findings)


def _named(config: Config) -> Iterator[tuple[str, KeyPath]]:
    workload = config.workload
    for name in workload.weights:
        yield name, ("workload", "weights", name)
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
    if workload.pcap is not None:
        return
    if workload.pattern is None:
        _check_no_pattern(config, findings)
        return
    if workload.pattern == "flows":
        if not workload.flows:
            findings.add(
                "pattern: flows needs flows, like flows: [[vf0, vf1, 2Gbps]]", "workload.pattern", "workload.flows"
            )
        for index, flow in enumerate(workload.flows):
            if flow.source == flow.target == "uplink":
                findings.add("a flow from the wire to the wire does not meet the adapter", ("workload", "flows", index))
        return
    fewest = _FEWEST_VFS.get(workload.pattern, 2)
    keys = ("workload.pattern", "nic.vfs", "servers")
    if n_vfs < fewest:
        findings.add(f"pattern: {workload.pattern} needs {fewest} VFs or more in use; there are {n_vfs}", *keys,
                     besides=["switch.ports"])  # fmt: skip
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
    ignored = {
        "load": workload.load.kind != "saturate" and not workload.load.is_nothing,
        "flows": bool(workload.flows),
        "wire_share": workload.wire_share != 0,
        "weights": bool(workload.weights),
        "zipf": workload.zipf is not None,
    }
    for key, is_given in ignored.items():
        if is_given:
            findings.add(f"with pattern: none no VM sends; {key} goes with a pattern", f"workload.{key}",
                         "workload.pattern")  # fmt: skip


def _check_weights(config: Config, findings: Findings, stations: list[str], servers: list[str]) -> None:
    workload = config.workload
    senders = _senders(config, stations)
    if workload.pcap is not None or workload.pattern is None:
        return
    if workload.weights and workload.zipf is not None:
        findings.add("weights and zipf are both given; one of them is enough", "workload.zipf", "workload.weights")
    key = "workload.weights" if workload.weights else "workload.zipf"
    if workload.has_weights and workload.load.kind == "saturate":
        findings.add(
            f"{key[9:]} divides what load offers, but load is saturate, where each VM sends all it can "
            "(--set workload.load=0.8)",
            key,
            "workload.load",
        )
    elif workload.has_weights and workload.pattern == "flows" and not senders:
        findings.add(f"{key[9:]} divides what load offers, but all flows have their own rates", key, "workload.flows")
    elif workload.weights and not workload.load.is_nothing and not workload.shares_of(senders, servers):
        findings.add("nobody has a weight above 0 (load: 0 lets nobody send)", "workload.weights", "workload.pattern")


def _senders(config: Config, stations: list[str]) -> list[str]:
    """Return the ports whose frames `load` rules."""
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
    if not workload.pcap.is_file():
        what = "is a directory" if workload.pcap.is_dir() else "no such file"
        findings.add(f"{what}: {workload.pcap}", "workload.pcap")
    ignored = {
        "pattern=null": workload.pattern is not None,
        "frame_bytes=null": workload.frame_bytes is not None,
        "sizes=null": workload.sizes is not None,
        "flows=[]": bool(workload.flows),
        "load=saturate": workload.load.kind != "saturate",
        "wire_share=0": workload.wire_share != 0,
        "weights={}": bool(workload.weights),
        "zipf=null": workload.zipf is not None,
    }
    for unset, is_given in ignored.items():
        key = unset.partition("=")[0]
        if is_given:
            findings.add(
                f"a pcap's frames say it; {key} goes with made-up traffic only (--set workload.{unset} takes it back)",
                f"workload.{key}",
                "workload.pcap",
            )


def _check_max_frame(config: Config, parts: Sequence[Part]) -> None:
    """Find frames that the switch would drop, every one, as OVERSIZE."""
    senders = set(stations_in_use(part.server for part in parts))
    if config.workload.pattern == "flows":
        senders = {flow.source for flow in config.workload.flows}
    every = [_Station(part, port) for part in parts for port in part.server.config.switch.ports]
    for n_bytes, path in named_lengths(config):
        if path[:2] == ("workload", "external"):
            enabled = [station for station in every if station.port.enabled]
            limits = [max(enabled, key=lambda station: station.port.max_frame_bytes)] if enabled else []
        else:
            limits = [station for station in every if station.name in senders]
        short = [station for station in limits if n_bytes > station.port.max_frame_bytes]
        if short:
            first, more = short[0], f" and {len(short) - 1} more" if len(short) > 1 else ""
            first.part.findings.add(
                f"frames of {n_bytes} B would all drop as OVERSIZE: max_frame is {first.port.max_frame_bytes}B at "
                f"{first.name}{more} (--set {_key_of_max_frame(short)}={n_bytes}B)",
                path,
                first.part.findings.station(first.port.name, "max_frame"),
            )


class _Station(NamedTuple):
    part: Part
    port: Port

    @property
    def name(self) -> str:
        return self.part.server.station(self.port.name)

    @property
    def has_own_max_frame(self) -> bool:
        return self.part.findings.has_own_value(self.port.name, "max_frame")


def _key_of_max_frame(short: list[_Station]) -> str:
    """Return the key that lengthens the frames of one station, or of all where none has its own entry."""
    by_default = not any(station.has_own_max_frame for station in short)
    if len(short) > 1 and by_default:
        return "switch.ports.all.max_frame"
    return short[0].part.server.key(f"switch.ports.{short[0].port.name}.max_frame")


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
