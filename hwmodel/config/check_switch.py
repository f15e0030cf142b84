"""Check the switch and its stations, and servers against each other: names, addresses, tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from hwmodel.rules.switch_modes import MODES
from hwmodel.units import format_bytes, format_rate_bps
from hwmodel.wire.ethernet import format_mac

from .check_access_lists import check_access_lists
from .check_vms import absent
from .document import KeyPath
from .findings import Findings, Part
from .model import Config
from .names import ethernet_ports
from .switch import ONLY_OF_POOLS
from .system import Server, bridges_of
from .vms import vms_of

MAX_CORE_VFS = 15  # the Verilog switch core has at most 17 ports: the uplink, the PF and 15 VFs


def check_named(config: Config, findings: Findings) -> None:
    """Check that all stations are there that rules, lists and addresses of the `switch` block name."""
    check_station_names(config, findings, _named(config))


def _named(config: Config) -> Iterator[tuple[str, KeyPath]]:
    switch = config.switch
    for index, address in enumerate(switch.addresses):
        for position, name in enumerate(address.ports):
            yield name, ("switch", "addresses", index, "ports", position)
    for number, names in switch.vif_lists.items():
        for position, name in enumerate(names):
            yield name, ("switch", "vif_lists", str(number), position)
    for index, ecid_list in enumerate(switch.ecid_lists):
        for position, name in enumerate(ecid_list.ports):
            yield name, ("switch", "ecid_lists", index, "ports", position)
    for index, mirror in enumerate(switch.mirrors):
        yield mirror.to, ("switch", "mirrors", index, "to")
        if mirror.source is not None:
            yield mirror.source, ("switch", "mirrors", index, "from")
    for index, entry in enumerate(switch.acl):
        yield entry.port, ("switch", "acl", index, "port")
    if switch.pool_filters is not None and switch.pool_filters.default_pool is not None:
        yield switch.pool_filters.default_pool, ("switch", "pool_filters", "default_pool")


def check_pool_filters(config: Config, findings: Findings) -> None:
    """Check that filters which select pools are in their mode, and what stations say for them alone."""
    switch = config.switch
    if switch.pool_filters is not None and switch.mode != "veb":
        findings.add(
            f"pool_filters are for mode: veb; in mode {switch.mode} a tag, or the bridge above, says whom a frame is "
            "for",
            "switch.pool_filters",
            "switch.mode",
        )
    for port in switch.ports:
        for index, word in enumerate(port.accept):
            if word in ONLY_OF_POOLS and switch.pool_filters is None:
                findings.add(
                    f"{word} is for switch.pool_filters; the rules of bridging know broadcast and multicast",
                    findings.station(port.name, "accept", index),
                    "switch.pool_filters",
                )
        if port.default and switch.pool_filters is not None:
            findings.add(
                f"with pool_filters one pool is the default: pool_filters.default_pool: {port.name}",
                findings.station(port.name, "default"),
                "switch.pool_filters",
            )


def check_mirrors(config: Config, findings: Findings) -> None:
    """Check what each mirror copies, and to where."""
    for index, mirror in enumerate(config.switch.mirrors):
        path: KeyPath = ("switch", "mirrors", index)
        if mirror.source is None and mirror.vlan is None:
            findings.add("a mirror needs from (a port) or vlan", path)
        if mirror.source is not None and mirror.vlan is not None:
            findings.add("a mirror has from (a port) or vlan, not both", (*path, "vlan"), (*path, "from"))
        if mirror.source == mirror.to and mirror.direction == "egress":
            findings.add(
                f"{mirror.to} gets these frames anyway, and no copy of them; a mirror sends them to another port",
                (*path, "to"),
                (*path, "from"),
            )


def check_guarantees(config: Config, findings: Findings) -> None:
    """Check that guarantees fit into the rate of each Ethernet port, and that no rate limit is below a guarantee."""
    totals_bps: dict[str | None, int] = {}
    for port in config.switch.ports:
        if port.min_rate_bps is None:
            continue
        least_bps = port.min_rate_bps
        totals_bps[port.port] = total_bps = totals_bps.get(port.port, 0) + least_bps
        path = findings.station(port.name, "min_rate")
        if port.rate_limit_bps is not None and least_bps > port.rate_limit_bps:
            findings.add(
                f"{format_rate_bps(least_bps)} is more than its rate_limit {format_rate_bps(port.rate_limit_bps)}",
                path,
                findings.station(port.name, "rate_limit"),
            )
        if not config.switches_in_memory and total_bps > config.port.rate_bps >= total_bps - least_bps:
            findings.add(
                f"all guarantees up to it are {format_rate_bps(total_bps)}, more than port.rate "
                f"{format_rate_bps(config.port.rate_bps)}",
                path,
                "port.rate",
            )


def check_ecid_lists(config: Config, findings: Findings) -> None:
    """Check that each E-CID has one list."""
    seen: set[tuple[int, int]] = set()
    for index, entry in enumerate(config.switch.ecid_lists):
        if (entry.group, entry.ecid) in seen:
            findings.add(
                f"group {entry.group}, E-CID {entry.ecid} has a list already", ("switch", "ecid_lists", index, "ecid")
            )
        seen.add((entry.group, entry.ecid))


def check_switch_core(config: Config, findings: Findings) -> None:
    """Check the room of the Verilog core's timing, and of queues for the longest frame."""
    switch = config.switch
    if switch.timing == "core" and len(switch.ports) > 1 + MAX_CORE_VFS:
        findings.add(
            f"timing: core has room for {MAX_CORE_VFS} VFs beside the uplink and the PF; nic.vfs is {config.nic.vfs}",
            "switch.timing",
            "nic.vfs",
        )
    longest = switch.longest_sender
    if longest.max_frame_bytes > switch.queue_bytes and not config.has_virtual_switch:
        findings.add(
            f"{format_bytes(switch.queue_bytes)} never holds the longest frame of {longest.name}, "
            f"max_frame {longest.max_frame_bytes}B",
            "switch.queue_bytes",
            findings.station(longest.name, "max_frame"),
        )


def check_station_names(config: Config, findings: Findings, names: Iterable[tuple[str, KeyPath]]) -> None:
    """Report each name, given with its key's path, of a VF that the adapter does not have."""
    present = {"uplink", "all", *config.function_names}
    for name, path in names:
        if name not in present:
            findings.add(absent(name, Server("", config)), path, besides=["nic.vfs"])


def check_admitted_tags(config: Config, findings: Findings) -> None:
    """Check that a station admits frames at all."""
    for port in config.switch.ports:
        if port.q_in_q and port.admit == "tagged":
            findings.add(
                "with q_in_q no frame counts as tagged, and tagged ones alone are admitted: none",
                findings.station(port.name, "admit"),
                findings.station(port.name, "q_in_q"),
            )


def check_names(config: Config, findings: Findings) -> None:
    """Check that stations, and those whose drivers are named, are there, each once."""
    seen: set[str] = set()
    for index, entry in enumerate(findings.written_stations()):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            if name in seen:
                findings.add(f"{name} has an entry already", ("switch", "ports", index, "name"))
            seen.add(name)
    named = [(port.name, findings.station(port.name, "name")) for port in config.switch.ports]
    check_station_names(config, findings, dict.fromkeys(named))
    check_station_names(config, findings, ((name, ("driver", "vms", name)) for name in config.driver.vms))


def check_macs(config: Config, findings: Findings) -> None:
    """Check that addresses in a VLAN are unique at an Ethernet port; behind different wires see `check_servers`."""
    owners: dict[int, list[tuple[str, set[int], int]]] = {}
    ports = {port.name: port.port for port in config.switch.ports}  # each Ethernet port has a switch of its own
    for port in config.switch.ports:
        for index, mac in enumerate(dict.fromkeys(port.macs)):
            for other, other_vlans, other_index in owners.get(mac, []):
                shared = other_vlans.intersection(port.vlans) if ports[other] == port.port else set()
                if shared and other != port.name:
                    findings.add(
                        f"{other} and {port.name} both have {format_mac(mac)} in VLAN {min(shared)}",
                        findings.station(port.name, "macs", index),
                        findings.station(other, "macs", other_index),
                        besides=[findings.station(port.name, "vlans"), findings.station(other, "vlans")],
                    )
            owners.setdefault(mac, []).append((port.name, set(port.vlans), index))


def check_interfaces(config: Config, findings: Findings) -> None:
    """Check that numbers of interfaces are unique."""
    for key, name in ((mode.key, mode.key_name) for mode in MODES.values() if mode.has_interfaces):
        owners: dict[int, str] = {}
        for port in config.switch.ports:
            number = getattr(port, key)
            other = owners.setdefault(number, port.name)
            if other != port.name:
                findings.add(
                    f"{other} and {port.name} both have {name} {number}; unless written it is the port's number",
                    findings.station(port.name, key),
                    findings.station(other, key),
                )


def check_s_channels(config: Config, findings: Findings) -> None:
    """Check that stations are in S-channels that there are, and alone in those for a single one."""
    channels = config.switch.s_channels
    stations: dict[int, list[str]] = {}
    for port in config.switch.ports:
        if port.s_channel is None:
            continue
        stations.setdefault(port.s_channel, []).append(port.name)
        if port.s_channel not in channels:
            known = f"which has {', '.join(map(str, sorted(channels)))}" if channels else "which is empty"
            findings.add(
                f"{port.s_channel} is not in switch.s_channels, {known}",
                findings.station(port.name, "s_channel"),
                besides=["switch.s_channels"],
            )
    for number, names in stations.items():
        if channels.get(number) == "single" and len(names) > 1:
            findings.add(
                f"channel {number} is for a single station, but {' and '.join(names)} are in it",
                findings.station(names[1], "s_channel"),
                ("switch", "s_channels", str(number)),
            )


STATION_CHECKS = (check_names, check_admitted_tags, check_macs, check_interfaces, check_s_channels)
# Of the `switch` block but for its stations.
SWITCH_CHECKS = (
    check_named, check_mirrors, check_access_lists, check_ecid_lists, check_guarantees, check_switch_core,
    check_pool_filters,
)  # fmt: skip


def check_servers(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check that names of servers and adapters, and addresses in a VLAN, are unique, and cores of a host enough."""
    seen: set[str] = set()
    for index, entry in enumerate(config.servers):
        if entry.name in seen:
            findings.add(f"there is a server {entry.name} already", ("servers", index, "name"))
        seen.add(entry.name)
        own: set[str] = set()
        for place, adapter in enumerate(entry.adapters):
            if adapter.name in own:
                path = ("servers", index, "adapters", place, "name")
                findings.add(f"server {entry.name} has an adapter {adapter.name} already", path)
            own.add(adapter.name)
    if len({part.server.name for part in parts}) == len(parts):
        _check_macs_of_wires(config, parts)
        _check_cores(parts)


def _check_cores(parts: Sequence[Part]) -> None:
    """Report servers with several adapters and fewer cores than VMs: a core serves the VMs of one adapter only."""
    for host, group in groupby(parts, key=lambda part: part.server.host):
        of_host = list(group)
        n_cores, n_vms = of_host[0].server.config.host.cores, sum(part.server.config.nic.vfs for part in of_host)
        if len(of_host) > 1 and n_cores < n_vms:
            of_host[0].findings.add(
                f"{n_cores} cores for the {n_vms} VMs of all adapters of {host}; where a server has several adapters, "
                "each VM needs a core of its own",
                "host.cores",
                besides=["nic.vfs"],
            )


def _check_macs_of_wires(config: Config, parts: Sequence[Part]) -> None:
    """Report MAC addresses that stations behind different wires share; for those at one port see `check_macs`."""
    owners: dict[int, list[tuple[str, str, frozenset[int]]]] = {}
    for name, vm in vms_of(part.server for part in parts).items() if bridges_of(config) else ():
        if vm.port.port not in (None, *ethernet_ports(vm.server.config.port.count)):
            continue  # it has no wire, which `check_ports` reports
        findings, vlans = parts[vm.at].findings, frozenset(vm.port.vlans)
        for mac in dict.fromkeys(vm.port.macs):
            for other, other_name, other_vlans in owners.get(mac, []):
                if other != vm.wire and vlans & other_vlans:
                    findings.add(
                        f"{other_name} and {name} both have {format_mac(mac)} in VLAN {min(vlans & other_vlans)} "
                        f"(--set {vm.key('macs')}=[...])",
                        findings.station(vm.port.name, "macs"),
                        besides=[findings.station(vm.port.name, "vlans")],
                    )
            owners.setdefault(mac, []).append((vm.wire, name, vlans))
