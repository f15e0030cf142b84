"""Check the switch's tables: ports that they name, and keys that need each other."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.units import format_bytes

from .check_stations import check_station_names
from .document import KeyPath
from .findings import Findings
from .model import Config
from .switch import AclEntry

MAX_CORE_VFS = 15  # the Verilog switch core has at most 17 ports: the uplink, the PF and 15 VFs


def check_switch(config: Config, findings: Findings) -> None:
    """Check the `switch` block but for its stations."""
    check_station_names(config, findings, _named(config))
    _check_mirrors(config, findings)
    for index, entry in enumerate(config.switch.acl):
        check_acl_entry(entry, ("switch", "acl", index), findings)
    _check_ecid_lists(config, findings)
    _check_core(config, findings)


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


def _check_mirrors(config: Config, findings: Findings) -> None:
    for index, mirror in enumerate(config.switch.mirrors):
        path: KeyPath = ("switch", "mirrors", index)
        if mirror.source is None and mirror.vlan is None:
            findings.add("a mirror needs from (a port) or vlan", path)
        if mirror.source is not None and mirror.vlan is not None:
            findings.add("a mirror has from (a port) or vlan, not both", (*path, "vlan"), (*path, "from"))


def check_acl_entry(entry: AclEntry, path: KeyPath, findings: Findings) -> None:
    """Check that an entry of an access-control list has what its action needs, and nothing else."""
    values = {"priority": entry.priority, "rate": entry.rate_bps, "burst": entry.burst_bytes}
    needed = {"priority": ("priority",), "police": ("rate", "burst")}.get(entry.action, ())
    for key, value in values.items():
        if key in needed and value is None:
            findings.add(f"action: {entry.action} needs {key}", (*path, "action"), (*path, key))
        if key not in needed and value is not None:
            action = "priority" if key == "priority" else "police"
            findings.add(f"{key} is for action: {action}, but action is {entry.action}", (*path, key), path)


def _check_ecid_lists(config: Config, findings: Findings) -> None:
    seen: set[tuple[int, int]] = set()
    for index, entry in enumerate(config.switch.ecid_lists):
        if (entry.group, entry.ecid) in seen:
            findings.add(
                f"group {entry.group}, E-CID {entry.ecid} has a list already", ("switch", "ecid_lists", index, "ecid")
            )
        seen.add((entry.group, entry.ecid))


def _check_core(config: Config, findings: Findings) -> None:
    switch = config.switch
    if switch.timing == "core" and config.nic.vfs > MAX_CORE_VFS:
        findings.add(
            f"timing: core has room for {MAX_CORE_VFS} VFs beside the uplink and the PF; nic.vfs is {config.nic.vfs}",
            "switch.timing",
            "nic.vfs",
        )
    longest = max(switch.ports, key=lambda port: port.max_frame_bytes)
    if longest.max_frame_bytes > switch.queue_bytes:
        findings.add(
            f"{format_bytes(switch.queue_bytes)} never holds the longest frame of {longest.name}, "
            f"max_frame {longest.max_frame_bytes}B",
            "switch.queue_bytes",
            findings.station(longest.name, "max_frame"),
        )
