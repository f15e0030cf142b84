"""What `control` sets in a run, and its ends of VDP, as blocks of agents: where each is, and how it is set up."""

from __future__ import annotations

from collections.abc import Iterator

from .agents import AgentBlock
from .check_edge_agents import ports_to_servers, vlans_key, wrong_role
from .live_configuration import Setting
from .model import Config
from .profiles import vlans_of
from .system import NamedBridge, bridge_with, servers_of
from .vms import Vm, vms_of


def profiled(config: Config) -> dict[str, Vm]:
    """Return the VMs that have profiles, by name."""
    vms = vms_of(servers_of(config))
    return {one.name: vms[one.name] for one in config.vms if one.profile is not None and one.name in vms}


def control_settings(config: Config) -> Iterator[Setting]:
    """Yield what is set in a run at most: each wire has all VLANs of all profiles, and VMs are given theirs.

    Of VMs that share an address those that are stopped by then have none.
    """
    control, vms = config.control, profiled(config)
    if control is None:
        return
    keys = {name: vm.key("profile") for name, vm in vms.items()}
    together: dict[str, str | None] = {}
    owners: dict[int, list[str]] = {}
    for entry in config.vms:
        for mac in vms[entry.name].port.macs if entry.name in vms else ():
            owners.setdefault(mac, []).append(entry.name)
    for entry in (one for one in config.vms if one.name in vms and one.name in control.starts):
        at_fs, others = control.starts[entry.name], {one for mac in vms[entry.name].port.macs for one in owners[mac]}
        if others == {entry.name}:
            together[keys[entry.name]] = entry.profile
            continue
        gone = [one for one in others - {entry.name} if control.stops.get(one, at_fs) < at_fs]
        changes = dict.fromkeys(keys[one] for one in gone) | {keys[entry.name]: entry.profile}
        yield Setting("control", ("control", "starts", entry.name), changes)
    if together:
        yield Setting("control", ("control", "starts"), together)
    vlans = frozenset[int]().union(*vlans_of(config.profiles).values())
    for wire in dict.fromkeys(vm.wire for vm in vms.values()):
        bridge = bridge_with(config, wire)
        if bridge is not None:
            yield Setting("control", ("control",), {vlans_key(bridge, wire): sorted(vlans)})


def station_end(config: Config, wire: str) -> AgentBlock:
    """Return the station's end of a wire, at its PF."""
    assert config.control is not None, "who asks has one"
    host = next(vm for vm in vms_of(servers_of(config)).values() if vm.is_host and vm.wire == wire)
    own = config.control.vdp.model_dump(mode="json", by_alias=True) | {"by": host.name}
    return AgentBlock.model_validate({"server": host.server.name or None, "vdp_station": own})


def bridge_end(config: Config, bridge: NamedBridge) -> AgentBlock:
    """Return the bridge's end of the wires behind which VMs have profiles; deciding, it asks the manager."""
    control = config.control
    assert control is not None, "who asks has one"
    asks_fs = sum(party.latency_fs + party.service_fs for party in (control.network_manager, control.switch))
    wires = {vm.wire for vm in profiled(config).values()}
    own = control.vdp.model_dump(mode="json", by_alias=True) | {
        "of": bridge.name if bridge.is_joined else None, "decides": f"{asks_fs}fs",
        "ports": [name for name in ports_to_servers(config, bridge.name) if name in wires],
    }  # fmt: skip
    return AgentBlock.model_validate({"vdp_bridge": own})


def wrong_ends(config: Config) -> Iterator[str]:
    """Yield why the ends of VDP cannot be, if there are to be any."""
    bridges = {}
    wires = (vm.wire for vm in profiled(config).values())
    for wire in dict.fromkeys(wires) if config.control is not None and config.control.way == "vdp" else ():
        bridge = bridge_with(config, wire)
        if bridge is not None:
            bridges[bridge.name] = bridge
            yield from (one.message for one in wrong_role(("agents", ""), station_end(config, wire), config))
    for bridge in bridges.values():
        yield from (one.message for one in wrong_role(("agents", ""), bridge_end(config, bridge), config))
