"""Check the workload: that its ports are there, its frames fit, its rates are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from hwmodel.units import format_rate_bps

from .check_stations import check_station_names
from .document import KeyPath
from .findings import Findings
from .frame_lengths import named_lengths
from .model import Config
from .station import Port

_FEWEST_VFS = {"to_wire": 1, "broadcast": 1, "multicast": 1}


def check_workload(config: Config, findings: Findings) -> None:
    """Check the `workload` block."""
    check_station_names(config, findings, _named(config))
    _check_lengths_given_once(config, findings)
    _check_pattern(config, findings)
    _check_weights(config, findings)
    _check_pcap(config, findings)
    _check_max_frame(config, findings)
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
                "frame_bytes and sizes are both given; one of them is null", f"{path}.sizes", f"{path}.frame_bytes"
            )


def _check_pattern(config: Config, findings: Findings) -> None:
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
    n_vfs = len(vms_in_use(config))
    fewest = _FEWEST_VFS.get(workload.pattern, 2)
    keys = ("workload.pattern", "nic.vfs")
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


def _check_weights(config: Config, findings: Findings) -> None:
    workload = config.workload
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
    elif workload.has_weights and workload.pattern == "flows" and not _senders(config):
        findings.add(f"{key[9:]} divides what load offers, but all flows have their own rates", key, "workload.flows")
    elif workload.weights and not workload.load.is_nothing and not workload.shares_of(_senders(config)):
        findings.add("nobody has a weight above 0 (load: 0 lets nobody send)", "workload.weights", "workload.pattern")


def _senders(config: Config) -> list[str]:
    """Return the ports whose frames `load` rules."""
    workload = config.workload
    if workload.pattern == "flows":
        return [flow.source for flow in workload.flows if flow.follows_load]
    names = [port.name for port in vms_in_use(config)]
    return [name for name in names if workload.pattern != "incast" or name != workload.incast_to]


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


def _check_max_frame(config: Config, findings: Findings) -> None:
    """Find frames that the switch would drop, every one, as OVERSIZE."""
    senders: Sequence[Port] = vms_in_use(config)
    if config.workload.pattern == "flows":
        sources = {flow.source for flow in config.workload.flows}
        senders = [port for port in config.switch.ports if port.name in sources]
    for n_bytes, path in named_lengths(config):
        outside = path[:2] == ("workload", "external")
        if outside:
            enabled = [port for port in config.switch.ports if port.enabled]
            limits = [max(enabled, key=lambda port: port.max_frame_bytes)] if enabled else []
        else:
            limits = list(senders)
        short = [port for port in limits if n_bytes > port.max_frame_bytes]
        if short:
            more = f" and {len(short) - 1} more" if len(short) > 1 else ""
            by_default = not any(findings.has_own_value(port.name, "max_frame") for port in short)
            entry = "all" if more and by_default else short[0].name
            findings.add(
                f"frames of {n_bytes} B would all drop as OVERSIZE: max_frame is {short[0].max_frame_bytes}B at "
                f"{short[0].name}{more} (--set switch.ports.{entry}.max_frame={n_bytes}B)",
                path,
                *(findings.station(port.name, "max_frame") for port in short[:1]),
            )


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
    if external is not None and external.arrivals == "on_off":
        _check_peak(findings, "workload.external", external.peak_rate_bps, external.rate_bps)


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


def vms_in_use(config: Config) -> list[Port]:
    """Return the VFs in use, each once: patterns run among these."""
    present = {f"vf{k}" for k in range(config.nic.vfs)}
    return list({port.name: port for port in config.switch.ports if port.enabled and port.name in present}.values())
