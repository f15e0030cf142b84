"""Check a virtual switch in the host's memory and a bond of its uplink, and settings that do not go with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import PF
from hwmodel.rules.switch_modes import MODES

from .adapter import MODEL_MAX_QUEUES
from .check_ports import check_port_name
from .check_steering import check_core
from .document import KeyPath
from .findings import Findings, Part
from .frame_lengths import named_lengths
from .kinds import LONGEST_FRAME_BYTES, LONGEST_SEGMENT_BYTES
from .model import Config
from .names import is_uplink
from .system import bridges_of
from .virtual_switch import MOST_LEARNED, MOST_VMS, VirtualSwitch
from .vms import vms_of
from .workload import MOST_HEADERS

_MODE = "nic.mode"
_REACH = "host.virtual_switch.reach"
_NOT_BESIDE = (
    "nic.arbitration", "nic.flow_control", "nic.rsc", "nic.header_split", "host.iotlb",
    "switch.pool_filters",
)  # fmt: skip
_LEARNING = "host.virtual_switch.learning"
_OF_UPLINK = ("workload.wire_share", "workload.external", "switch.uplink.vlans", "host.virtual_switch.uplink_queues")


def _why(own: VirtualSwitch) -> str:
    return f"the virtual switch has no uplink (reach: {own.reach}); reach: external gives it one"


def check_virtual_switch(config: Config, findings: Findings) -> None:
    """Check the block `host.virtual_switch`, and that nothing is asked of the adapter beside it."""
    _check_segments(config, findings)
    own = config.host.virtual_switch
    _check_security(config, findings)
    if config.workload.connections > MOST_HEADERS and (own is None or own.flow_cache is None):
        findings.add(
            f"more than {MOST_HEADERS} connections between two stations are told apart by a flow cache alone",
            "workload.connections",
            "host.virtual_switch.flow_cache",
        )
    if own is None:
        return
    _check_cores(config, own, findings)
    if config.has_virtual_switch:  # otherwise VMs do not use it, but `hwmodel compare` may
        _check_wire(config, own, findings)
        _check_beside(config, own, findings)
        _check_switch(config, own, findings)
        _check_wildcards(config, own, findings)


def _check_security(config: Config, findings: Findings) -> None:
    """Report port security at a switch that learns no addresses."""
    switch = config.virtual_switch
    for port in config.switch.ports:
        if port.port_security is not None and (switch is None or switch.learning is None):
            why = (
                "an adapter's switch learns no addresses; spoof_check holds a station to its macs"
                if switch is None
                else f"the virtual switch learns no addresses that could be too many; {_LEARNING}: {{}} lets it"
            )
            findings.add(why, findings.station(port.name, "port_security"))


def _check_cores(config: Config, own: VirtualSwitch, findings: Findings) -> None:
    misses = own.flow_cache.miss_cores if own.flow_cache is not None else ()
    threads = () if own.thread_cores == "own" else own.thread_cores
    if misses and config.thread_cores:
        findings.add(
            "a slow path on cores of its own is not modelled beside threads of the VMs",
            "host.virtual_switch.flow_cache.miss_cores",
            "host.virtual_switch.thread_cores",
        )
    named = {"cores": own.cores, "thread_cores": threads, "flow_cache.miss_cores": misses}
    for name, cores in named.items():
        key: KeyPath = ("host", "virtual_switch", *name.split("."))
        for at, core in enumerate(cores):
            check_core(config, findings, core, (*key, at), key)


def _check_beside(config: Config, own: VirtualSwitch, findings: Findings) -> None:
    """Report what is not modelled beside a virtual switch."""
    for key in filter(config.value_of, _NOT_BESIDE):
        findings.add("not modelled with a virtual switch (nic.mode: vswitch)", key, _MODE)
    if config.port.count > 1 and own.bond is None:
        findings.add(
            "several ports are modelled with a virtual switch (nic.mode: vswitch) as legs of a bond: "
            "host.virtual_switch.bond",
            "port.count",
            _MODE,
        )


def _check_wildcards(config: Config, own: VirtualSwitch, findings: Findings) -> None:
    """Report `wildcard_match: ends` if access rules tell connections between the same two stations apart."""
    if own.flow_cache is None or own.flow_cache.wildcard_match != "ends":
        return
    key = "host.virtual_switch.flow_cache.wildcard_match"
    for at, entry in enumerate(config.switch.acl):
        if entry.source_port is not None or entry.destination_port is not None:
            findings.add(
                "a rule for ports tells connections between two stations apart, and wildcard_match: ends does not "
                "(host.virtual_switch.flow_cache: {wildcard_match: connections})",
                key,
                ("switch", "acl", at),
            )
            return
    if config.workload.pcap is not None and config.switch.looks_behind_type:
        findings.add(
            "a capture's stations may have several addresses, at which rules look here, and wildcard_match: ends does "
            "not (host.virtual_switch.flow_cache: {wildcard_match: connections})",
            key,
            "workload.pcap",
        )


def _check_switch(config: Config, own: VirtualSwitch, findings: Findings) -> None:
    """Report settings of `switch` that a virtual switch does not support, and unknown stations in `ecn_capable`."""
    names = {port.name for port in config.switch.ports}
    for at, name in enumerate(own.ecn_capable if own.ecn_capable != "all" else ()):
        if config.function_of(name) not in names:
            findings.add(f"there is no station {name}", ("host", "virtual_switch", "ecn_capable", at), "nic.vfs")
    if config.switch.scheduler == "strict":
        findings.add("not modelled with a virtual switch (nic.mode: vswitch)", "switch.scheduler", _MODE)
    if config.switch.timing != "none":
        findings.add("is of the adapter's switch; a virtual switch has times of its own", "switch.timing", _MODE)
    if own.learning is not None and config.switch.promiscuous != "all":
        findings.add("a switch that learns floods what its VMs send too", "switch.promiscuous", _LEARNING)
    if own.reach == "private" and config.switch.ports[0].enabled:
        findings.add("the host has no port of a private switch (reach: internal gives it one)",
                     findings.station(PF, "enabled"), _REACH)  # fmt: skip
    mode = config.switch.mode
    if mode == "veb":
        return
    if own.reach != "external":
        findings.add(f"in mode {mode} frames leave by the uplink; {_why(own)}", "switch.mode", _REACH)
    if own.learning is not None:
        findings.add(f"a virtual switch learns in mode veb; in mode {mode} the bridge does", _LEARNING, "switch.mode")
    if MODES[mode].tag is not None and config.workload.segment_bytes is not None:
        findings.add("segments behind an outer tag are not modelled", "workload.segment_bytes", "switch.mode")


def _check_segments(config: Config, findings: Findings) -> None:
    """Report lengths above the longest frame, except on a virtual switch without uplink, which passes segments whole.

    With `segment_bytes` VMs hand over longer sends, whose cutting is known: these are limited to the longest segment.
    """
    if config.hands_over_segments:
        n_bytes = config.workload.send_bytes + FCS_BYTES
        if n_bytes > LONGEST_SEGMENT_BYTES:
            findings.add(
                f"a segment of {n_bytes} B, with header and FCS, is longer than {LONGEST_SEGMENT_BYTES} B, which a "
                "virtual switch passes at most",
                "workload.segment_bytes",
                "workload.header_bytes",
                _MODE,
            )
        return
    if config.switches_in_memory:
        return
    named = [(n, path) for n, path in named_lengths(config) if n > LONGEST_FRAME_BYTES]
    if not named:
        named = [
            (station.max_frame_bytes, findings.station(station.name, "max_frame"))
            for station in config.switch.ports
            if station.max_frame_bytes > LONGEST_FRAME_BYTES
        ]
    for n_bytes, path in named:
        findings.add(
            f"{n_bytes} B is longer than a frame, {LONGEST_FRAME_BYTES} B; a virtual switch alone passes segments "
            "whole (nic.mode: vswitch), and workload.segment_bytes says how they are cut for a wire",
            path,
            _MODE,
        )


def _check_wire(config: Config, own: VirtualSwitch, findings: Findings) -> None:
    """Report traffic to or from the wire if the switch has no uplink; if it has one, too many VMs or rings."""
    workload = config.workload
    if workload.pcap is not None:
        findings.add("captures are not played into a virtual switch", "workload.pcap", _MODE)
    if own.reach == "external":
        n_rings = own.n_uplink_rings * config.n_legs + config.nic.queues_per_vf * len(config.switch.ports)
        most_vms = MOST_VMS + 1 - config.n_legs
        if config.nic.vfs > most_vms:
            findings.add(
                f"a virtual switch with an uplink has at most {most_vms} VMs, beside the PF", "nic.vfs", _REACH
            )
        if n_rings > MODEL_MAX_QUEUES:
            findings.add(
                f"{n_rings} rings of VMs and uplink; a run has room for {MODEL_MAX_QUEUES}",
                "nic.queues_per_vf",
                besides=["nic.vfs", "host.virtual_switch.uplink_queues"],
            )
        return
    if workload.pattern == "to_wire":
        findings.add(_why(own), "workload.pattern", _REACH)
    for key in filter(config.value_of, _OF_UPLINK):
        findings.add(_why(own), key, _REACH)
    if own.on_uplink_full == "wait":
        findings.add(_why(own), "host.virtual_switch.on_uplink_full", _REACH)


def check_virtual_switch_system(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check what stands beside a virtual switch: bridges, other adapters of its server, flows that need its uplink."""
    hosts = Counter(part.server.host for part in parts)
    vms = vms_of(part.server for part in parts)
    for number, part in enumerate(parts):
        own = part.server.config.virtual_switch
        if own is None:
            continue
        if hosts[part.server.host] > 1:
            part.findings.add(
                "a virtual switch is modelled in a server with one adapter, its uplink", "nic.mode", besides=["servers"]
            )
        for bridge in bridges_of(config)[:1]:
            if own.bond is not None:
                part.findings.add(f"a bond is not modelled with {bridge.words} behind it", _BOND, bridge.key)
            if config.workload.segment_bytes is not None:
                findings.add(
                    "segments handed to a virtual switch are not modelled with a bridge behind its uplink",
                    "workload.segment_bytes",
                    bridge.key,
                )
        if own.learning is not None and len(vms) >= MOST_LEARNED:
            part.findings.add(
                f"{len(vms)} VMs and hosts, and the stations outside, are more addresses than the {MOST_LEARNED} that "
                "there is room for at a virtual switch that learns",
                _LEARNING,
                besides=["nic.vfs", "servers"],
            )
        if own.reach == "external":
            continue
        for at, flow in enumerate(config.workload.flows):
            ends = [-1 if is_uplink(end) else vms[config.vm_at(end)].at for end in (flow.source, flow.target)
                    if is_uplink(end) or config.vm_at(end) in vms]  # fmt: skip
            if len(ends) == 2 and (ends[0] == number) != (ends[1] == number):
                findings.add(_why(own), ("workload", "flows", at), _REACH)


_BOND = "host.virtual_switch.bond"
_PATH = tuple(_BOND.split("."))


def check_bond(config: Config, findings: Findings) -> None:
    """Check the block `host.virtual_switch.bond` where a virtual switch has its uplink by it."""
    switch = config.virtual_switch
    if switch is None or switch.bond is None:
        return
    own = switch.bond
    if config.bond is None:
        findings.add(
            f"a bond is of the uplink, and the virtual switch has none (reach: {switch.reach}); reach: external "
            "gives it one",
            _BOND,
            _REACH,
        )
    if config.port.count < 2:
        findings.add(
            "a bond has two legs or more, and port.count is 1 (port.count: 2 gives it two)", "port.count", _BOND
        )
    for key in ("silent", "idle"):
        for at, name in enumerate(getattr(own, key)):
            check_port_name(config, findings, name, (*_PATH, key, at))
    if own.primary is not None:
        check_port_name(config, findings, own.primary, (*_PATH, "primary"))
    if own.primary is not None and own.mode != "active_backup":
        findings.add(
            f"mode {own.mode} sends by all legs; active_backup has a primary", f"{_BOND}.primary", f"{_BOND}.mode"
        )
    if own.lacp != "off" and own.mode == "active_backup":
        findings.add(
            "LACP joins legs that are used together, and active_backup uses one; source_mac and l4_hash go with it",
            f"{_BOND}.lacp",
            f"{_BOND}.mode",
        )
    if switch.on_uplink_full == "wait":
        findings.add(
            "which ring must have room is known as a frame's leg is chosen, not before; drop",
            "host.virtual_switch.on_uplink_full",
            _BOND,
        )
    for station in config.switch.ports:
        if station.port is not None:
            findings.add(
                "with a bond all stations are at the one virtual switch, and all ports are its uplink",
                findings.station(station.name, "port"),
                _BOND,
            )
    for at, flow in enumerate(config.workload.flows):
        if is_uplink(flow.source) and flow.follows_load and config.workload.load.kind == "saturate":
            findings.add(
                "who saturates a line is not modelled with a bond, whose partner chooses a line for each frame; write "
                "a rate as third",
                ("workload", "flows", at),
                _BOND,
            )
