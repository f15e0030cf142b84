"""The ways in which VMs of a server reach each other, and one configuration simulated with each.

A way changes only how frames between VMs are switched: VMs, load, link, adapter and host stay as configured. Ways that
the configuration cannot have are left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from hwmodel.analytic import limits
from hwmodel.config import Config, as_config, bridge_with, bridges_of, servers_of
from hwmodel.config.fill_queues import uses_wire
from hwmodel.config.virtual_switch import LOOKUP_SHARE, VirtualSwitch
from hwmodel.errors import InputError
from hwmodel.explore.policy import counted, forbidden_pairs, with_pair_alone
from hwmodel.explore.side_by_side import Progress, all_outcomes, uncertainty
from hwmodel.resources import WIRE
from hwmodel.results import Result, SystemResult
from hwmodel.results.comparison import Comparison, ForbiddenPair, LeftOutWay, WayFigures
from hwmodel.rules.switch_modes import MODES, TAG_MODES, ModeName
from hwmodel.units import BITS_PER_BYTE, format_time_fs
from hwmodel.words.limits import at_port

FIRST_S_VID = 2  # 1 is the default S-channel
_POLLING = {"rx_interrupt_batch": 0, "tx_interrupt_batch": 0, "moderation": "0us"}  # keys of a driver


@dataclass(frozen=True)
class Way:
    """Hold a way: the adapters' switch mode, who owns the queues (`nic_mode`), and where policy acts on VMs' frames.

    `passed_by`: how a virtual switch in the host's memory passes frames on ("pointer" or "copy"); None without one.
    """

    name: str
    mode: ModeName
    policy_at: str = "bridge"
    nic_mode: str = "sriov"
    passed_by: str | None = None

    @property
    def needs_bridge(self) -> bool:
        """Tell whether frames between VMs go out to a bridge and come back."""
        return MODES[self.mode].kind != "veb"


WAYS = (
    Way("sriov_veb", "veb", policy_at="nic"),
    Way("vepa", "vepa"),
    Way("s_channel", "multichannel"),
    Way("vn_tag", "vn_tag"),
    Way("e_tag", "e_tag"),
    Way("vmdq", "veb", policy_at="nic", nic_mode="vmdq"),
    Way("vswitch_pointer", "veb", policy_at="host", nic_mode="vswitch", passed_by="pointer"),
    Way("vswitch_copy", "veb", policy_at="host", nic_mode="vswitch", passed_by="copy"),
)


def compare(config: Config | str | Path, *, jobs: int = 1, progress: Progress | None = None) -> Comparison:
    """Simulate a configuration with each way that it allows; return the figures of each, in the order of `WAYS`.

    `config` may be a file's name or a shipped one, as for `simulate`. `jobs`: processes that simulate at once; the
    result does not depend on it. A way that the configuration cannot have, or whose run fails, is left out with the
    reason. Raises InputError where none is left.
    """
    config = as_config(config)
    configs, left_out = ways_of(config)
    if not configs:
        raise InputError([f"no way is left: {name}: {reason}" for name, reason in left_out.items()])
    ways, found = list(configs), dict[str, Result]()
    pairs = forbidden_pairs(config, next((one for way, one in configs.items() if way.needs_bridge), None))
    alone = [(way.name, pair, with_pair_alone(one, pair)) for way, one in configs.items() for pair in pairs]
    probes = [(name, pair, one) for name, pair, one in alone if one is not None]
    outcomes = all_outcomes([*configs.values(), *(one for _, _, one in probes)], jobs, progress)
    for way, outcome in zip(ways, outcomes, strict=False):
        if isinstance(outcome, str):
            left_out[way.name] = outcome
        else:
            found[way.name] = outcome
    forbidden: dict[str, list[ForbiddenPair]] = {way.name: [] for way in ways}
    for (name, pair, _), outcome in zip(probes, outcomes[len(ways) :], strict=True):
        forbidden[name] += [] if isinstance(outcome, str) else [counted(pair, outcome)]
    kept = [way for way in ways if way.name in found]
    return Comparison(
        ways=tuple(figures_of(way, configs[way], found[way.name], forbidden[way.name]) for way in kept),
        left_out=left_out_ways(left_out),
        results={way.name: found[way.name] for way in kept},
        config=config.resolved(),
    )


def ways_of(config: Config) -> tuple[dict[Way, Config], dict[str, str]]:
    """Return the configuration with each way that it allows, and the reason against each other way, by name."""
    made = {way: _made(config, way) for way in WAYS}
    configs = {way: one for way, one in made.items() if not isinstance(one, str)}
    return configs, {way.name: one for way, one in made.items() if isinstance(one, str)}


def reason_of(error: InputError) -> str:
    """Return an error's first line without its place, which refers to keys that were changed here."""
    return error.lines[0].partition(": ")[2] or error.lines[0]


def left_out_ways(reasons: Mapping[str, str]) -> tuple[LeftOutWay, ...]:
    """Return a record for each way that was not run."""
    return tuple(LeftOutWay(way=name, reason=reason) for name, reason in reasons.items())


def _made(config: Config, way: Way) -> Config | str:
    """Return the configuration with a way, or the reason why it cannot have it."""
    reason = _lacking(config, way)
    if reason is not None:
        return reason
    try:
        return config.with_overrides(dict(_changes(config, way)))
    except InputError as error:
        return reason_of(error)


def _lacking(config: Config, way: Way) -> str | None:
    bridges = bridges_of(config)
    if way.needs_bridge and not bridges:
        return "needs a bridge at the other end of the wire, and bridge is not set"
    if way.mode in TAG_MODES and not any(one.settings.kind == "controlling" for one in bridges):
        return f"needs a controlling bridge, and bridge.kind is {bridges[0].settings.kind}"
    return None


def _changes(config: Config, way: Way) -> Iterator[tuple[str, Any]]:
    """Give the keys that a way changes; in ways without station tags a controlling bridge becomes a learning one.

    Such a bridge knows all stations as it did, so that it floods nothing that the other ways do not.
    """
    yield "switch.mode", way.mode
    yield "nic.mode", way.nic_mode
    if way.nic_mode == "vmdq" and config.host.virtual_switch is not None:
        yield from _without_sorting(config, config.host.virtual_switch)
    if way.passed_by is not None:
        yield from _with_virtual_switch(config, way.passed_by)
        if not config.servers:
            return
    for one in bridges_of(config):
        yield f"{one.key}.kind", "controlling" if way.mode in TAG_MODES else "learning"
        if one.settings.kind == "controlling" and way.mode not in TAG_MODES:
            yield f"{one.key}.announce", True
    if not MODES[way.mode].has_channels:
        return
    vms = [port for port in config.switch.ports if port.name.startswith("vf")]
    s_vids = {port.name: port.s_channel or FIRST_S_VID + at for at, port in enumerate(vms)}
    yield from ((f"switch.ports.{name}.s_channel", s_vid) for name, s_vid in s_vids.items())
    if not config.switch.s_channels:
        yield "switch.s_channels", dict.fromkeys(s_vids.values(), "single")


def _without_sorting(config: Config, own: VirtualSwitch) -> Iterator[tuple[str, Any]]:
    """Give the costs of a hypervisor that has a virtual switch's, but whose adapter sorts the frames.

    So all is left but the look-up: of the uplink's driver, of the hand-over to a VM, of a copy where it copies.
    """
    costs_fs = {
        "pass_time": int(own.frame_time_fs * (1 - LOOKUP_SHARE)) + own.guest_time_fs,
        "frame_time": own.uplink_time_fs,
        "byte_time": own.uplink_byte_time_fs,
    }
    for prefix, driver in config.driver_blocks.items():
        copies_fs = own.byte_time_fs if driver.pass_by == "copy" else 0
        for name, time_fs in {**costs_fs, "pass_byte_time": copies_fs}.items():
            if time_fs is not None and not config.is_written(f"{prefix}.{name}"):
                yield f"{prefix}.{name}", format_time_fs(time_fs)
        if own.polls:
            yield from ((f"{prefix}.{name}", value) for name, value in _POLLING.items())


def _with_virtual_switch(config: Config, passed_by: str) -> Iterator[tuple[str, Any]]:
    """Give the keys that add a virtual switch; VMs keep their cores, and it gets an extra one unless it has its own.

    A bridge of a single server is removed; frames for the wire leave by the switch's uplink.
    """
    if not config.servers:
        yield from ((key, None if key == "bridge" else []) for key in ("bridge", "bridges") if getattr(config, key))
    if not config.servers and not uses_wire(config.workload.model_dump(mode="json", by_alias=True)):
        yield "switch.uplink.vlans", []
    own = config.host.virtual_switch
    said = {} if own is None else own.model_dump(mode="json", by_alias=True)
    if own is not None and own.pass_by != passed_by:
        said |= {"preset": None}  # the preset is for the other kind
        del said["byte_time"]
    if own is None or not (config.has_virtual_switch or config.is_written("host.virtual_switch.cores")):
        said["cores"] = [config.host.cores]
        n_threads = config.nic.vfs if said.get("thread_cores") == "own" else 0
        yield "host.cores", config.host.cores + 1 + n_threads
        for function, port in enumerate(config.switch.ports):
            yield f"switch.ports.{port.name}.cores", list(config.cores_of(function))
    yield "host.virtual_switch", {**said, "pass_by": passed_by}


def figures_of(way: Way, config: Config, result: Result, forbidden: Sequence[ForbiddenPair] = ()) -> WayFigures:
    """Return a run's figures for a comparison; `forbidden`: the measurements of pairs that policy forbids."""
    gbps, share, guests = result.throughput_gbps(), uncertainty(result), _guest_cores(config, result)
    adapters = result.adapters if isinstance(result, SystemResult) else (result,)
    is_vmdq = config.nic.mode == "vmdq"
    hypervisor = result.cpu.cores_busy if is_vmdq else fsum(each.cpu.hypervisor for each in adapters)
    # Those of VMDq's guests are not among the host's.
    taken = fsum(core.busy for each in adapters for core in each.cpu.cores) + guests * is_vmdq
    latency_of, latency = result.told_latency()
    return WayFigures(
        way=way.name,
        totals=result.totals,
        gbps=gbps,
        gbps_interval=None if gbps is None or share is None else (gbps * (1 - share), gbps * (1 + share)),
        latency_ns=latency,
        latency_of=latency_of,
        cpu_cores=hypervisor + guests,
        hypervisor_cores=hypervisor,
        guest_cores=guests,
        taken_cores=taken,
        gbps_per_core=gbps / taken if gbps is not None and taken else None,
        pcie_bytes_per_frame=_pcie_bytes(result),
        wire_bytes_per_frame=_wire_bytes(config, result),
        memory_bytes_per_frame=limits(config).memory_bytes if result.closed_form is not None else None,
        policy_at=way.policy_at,
        forbidden=tuple(sorted(forbidden, key=lambda one: one.forbidden_at, reverse=True)),
        bottleneck=result.bottleneck,
        warnings=result.warnings,
    )


def _guest_cores(config: Config, result: Result) -> float:
    """Return how many cores the guests' drivers keep busy.

    With VMDq these are not simulated: a guest takes a frame as with other ways, by a driver's times for it and for its
    bytes, and so as long as the pool's driver in the hypervisor, without passing on, doorbells and interrupts.
    """
    adapters = result.adapters if isinstance(result, SystemResult) else (result,)
    if config.nic.mode != "vmdq":
        return fsum(each.cpu.cores_busy - each.cpu.hypervisor for each in adapters)
    by = [core.by for adapter in adapters for core in adapter.cpu.cores]
    driver = config.driver
    of_copies = driver.byte_time_fs / driver.byte_cost_fs if driver.byte_cost_fs else 0.0
    return fsum(each.get("driver", 0.0) + of_copies * each.get("copying", 0.0) for each in by)


def _pcie_bytes(result: Result) -> float | None:
    """Return the bytes per delivered frame on all links, both directions, with DLLPs but without clock skips."""
    adapters = result.adapters if isinstance(result, SystemResult) else (result,)
    directions = [each for adapter in adapters for each in (adapter.pcie.up, adapter.pcie.down)]
    if len(adapters) == 1:
        per_frame = [each.per_frame for each in directions]
        return fsum(fsum(each.values()) for each in per_frame if each) if all(per_frame) else None
    n_bytes = sum(each.bytes.total - each.bytes.skp for each in directions)
    return n_bytes / result.window_frames if result.window_frames else None


def _wire_bytes_in_window(config: Config, result: Result) -> float | None:
    """Return the bytes per delivered frame on an adapter's wires, as measured in the window."""
    n_frames, window_s = result.window_frames, result.window.duration_ns / 1e9
    bits = 0.0
    for server in servers_of(config):
        own = server.config.port
        names = [f"{server.prefix}{at_port(port, name)}" for port in own.names for name in WIRE]
        bits += sum(result.utilization.get(name, 0.0) for name in names) * window_s * own.rate_bps
    return bits / BITS_PER_BYTE / n_frames if n_frames else None


def _wire_bytes(config: Config, result: Result) -> float | None:
    """Return the bytes per offered frame on all adapters' wires, out and in, from the closed form's ceilings.

    A window counts deliveries, which come in batches, so its quotient would be off by some batches.
    """
    if result.closed_form is None:
        return None
    # The closed form does not fit where an uplink drops frames, or where frames of a given rate go beside those
    # offered.
    if config.has_virtual_switch or (config.workload.external is not None and not isinstance(result, SystemResult)):
        return _wire_bytes_in_window(config, result)
    rates_bps: dict[str, int] = {}  # of the resources that carry frames out of an adapter and into it
    for server in servers_of(config):
        names = [f"{server.prefix}{at_port(port, name)}" for port in server.config.port.names for name in WIRE]
        rates_bps |= dict.fromkeys(names, server.config.port.rate_bps)
        for wire in server.wires:
            bridge = bridge_with(config, wire)
            if bridge is not None:
                rates_bps[f"{bridge.name}.{wire}"] = bridge.settings.ports[wire].rate_bps
    found = 0.0
    for ceiling in result.closed_form.ceilings:
        if ceiling.resource in rates_bps and ceiling.offered_mpps:
            found += rates_bps[ceiling.resource] / BITS_PER_BYTE / (ceiling.offered_mpps * 1e6)
    return found
