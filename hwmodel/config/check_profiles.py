"""Check what profiles give stations: that the wire of each carries the VLANs in which its profile puts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .system import bridge_with
from .vms import Vm, vms_of


def check_profiles(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report profiles of VMs that are none, and VLANs that a station's wire lacks and nobody configures in the run."""
    for index, entry in enumerate(config.vms):
        if entry.profile is not None:
            check_named(config, findings, ("vms", index, "profile"), entry.profile)
    servers = [part.server for part in parts]
    for vm in vms_of(servers).values() if config.profiles and config.control is None else ():
        own = vm.port.own_lines
        if vm.port.profile is None or own is None or {"vlans", "port_vlan"} & {*own}:
            continue
        for where, vlan in _lacking(config, vm):
            findings_of = parts[vm.at].findings
            key = next(
                (path for name in ("vlans", "port_vlan")
                 if findings_of.is_written(path := findings_of.station(vm.port.name, name))),
                findings_of.station(vm.port.name, "profile"),
            )  # fmt: skip
            findings_of.add(f"{where} lacks VLAN {vlan}, and nobody configures it there", key)


def check_named(config: Config, findings: Findings, path: KeyPath, name: str) -> None:
    """Report a profile that there is none of."""
    if name not in config.profiles:
        findings.add(f"there is no profile {name}{suggest(name, config.profiles)}", path, besides=["profiles"])


def _lacking(config: Config, vm: Vm) -> Iterator[tuple[str, int]]:
    """Yield where a wire lacks VLANs of a station, each with the first that it lacks."""
    bridge = bridge_with(config, vm.wire)
    carried = [(vm.server.key("switch.uplink.vlans"), vm.server.config.switch.uplink.vlans)]
    if bridge is not None and not bridge.settings.ports[vm.wire].translate:
        carried.append((f"{bridge.key}.ports.{vm.wire}.vlans", bridge.settings.ports[vm.wire].vlans))
    for where, vlans in carried:
        lacking = [vlan for vlan in vm.port.vlans if vlans != "all" and vlan not in vlans]
        if lacking:
            yield where, lacking[0]
