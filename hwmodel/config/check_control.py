"""Check `control`: that VMs with starts have names, profiles and bridges, and that a supervisor has room for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .check_profiles import check_named
from .check_vms import check_vm_names
from .control import MOST_MODULES, Control
from .document import KeyPath
from .findings import Findings, Part
from .model import Config
from .profiles import vlans_of
from .system import bridge_with
from .vms import vms_of


def check_control(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Report VMs that cannot be started so, profiles that there are not, and too many modules."""
    own = config.control
    if own is None:
        return
    named = [(name, ("control", key, name)) for key in ("starts", "stops") for name in getattr(own, key)]
    check_vm_names(findings, parts, named)
    profiles = {entry.name: entry.profile for entry in config.vms}
    for name in own.starts:
        if (name in profiles and profiles[name] is None) or (name not in profiles and config.vm_at(name) == name):
            message = f"{name} has no profile to be given; `vms` says it: {{name: ..., at: {name}, profile: ...}}"
            findings.add(message, ("control", "starts", name), besides=["vms"])
    for name, at_fs in own.stops.items():
        if own.starts.get(name, -1) >= at_fs:
            findings.add(f"{name} is stopped before it is started", ("control", "stops", name))
    for path, name in _profiles_named(own):
        check_named(config, findings, path, name)
    vms = vms_of(part.server for part in parts)
    vlans = vlans_of(config.profiles)
    for at, entry in enumerate(config.vms):
        vm, needed = vms.get(entry.name), sorted(vlans.get(entry.profile or "", ()))
        carried = "all" if vm is None else vm.server.config.switch.uplink.vlans
        lacking = [vlan for vlan in needed if carried != "all" and vlan not in carried]
        if lacking and vm is not None:
            where = vm.server.key("switch.uplink.vlans")
            message = f"{where} lacks VLAN {lacking[0]} of profile {entry.profile}, and nobody configures it there"
            findings.add(message, ("vms", at, "profile"), besides=["profiles", "switch.uplink.vlans"])
    if any(name in vms and bridge_with(config, vms[name].wire) is None for name in own.starts):
        findings.add("nobody is told of VMs where no bridge is; write `bridge: {}`", "control", "bridge")
    if own.way == "polling" and own.network_manager.poll_fs is None:
        message = "nobody asks; say how often the network manager does: control.network_manager.poll"
        findings.add(f"way polling: {message}", "control.way")
    hosts = {part.server.host for part in parts}
    if own.way == "vem" and len(hosts) > MOST_MODULES:
        message = f"{len(hosts)} servers are {len(hosts)} modules, and a supervisor has {MOST_MODULES} at most"
        findings.add(message, "control.way", "servers")


def _profiles_named(own: Control) -> Iterator[tuple[KeyPath, str]]:
    for at, change in enumerate(own.changes):
        yield ("control", "changes", at, "profile"), change.profile
        yield ("control", "changes", at, "becomes"), change.becomes
