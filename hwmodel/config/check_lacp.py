"""Check agents that speak LACP at both ends of a bond's legs, and say what they may set."""

from __future__ import annotations

from collections.abc import Iterator

from .agents import AgentBlock
from .check_edge_agents import Wrong
from .document import KeyPath
from .live_configuration import Setting
from .model import Config
from .names import UPLINK
from .system import servers_of
from .vms import Vm, vms_of

OUTSIDE_PLACE = "outside"  # where a bond's neighbour is, in place of a server
IDLE_KEY = "host.virtual_switch.bond.idle"
_BOND = "host.virtual_switch.bond"


def host_of(config: Config) -> Vm:
    """Return the host, by whose function it speaks LACP."""
    return next(vm for vm in vms_of(servers_of(config)).values() if vm.is_host)


def ends_outside(config: Config) -> tuple[str, ...]:
    """Return by what an agent outside sends and hears: the uplink of a bond."""
    return () if config.bond is None else (UPLINK,)


def lacp_settings(config: Config) -> Iterator[Setting]:
    """Yield what the host's end may set at most: that no leg is used."""
    for name, agent in config.agents.items():
        if agent.lacp is not None and config.bond is not None:
            yield Setting(name, (), {IDLE_KEY: list(config.port.names)})


def wrong_lacp(path: KeyPath, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with an agent that speaks LACP."""
    role = next((name for name in ("lacp", "lacp_partner") if getattr(agent, name) is not None), None)
    if role is None:
        return
    for name in ("server", "apart", "core") if role == "lacp_partner" else ("apart",):
        if getattr(agent, name) is not None:
            yield Wrong((*path, name), f"an agent with {role} is at the legs of the bond, and nowhere else", True)
    for name, other in config.agents.items():
        if name != path[1] and getattr(other, role) is not None:
            yield Wrong((*path, role), f"{name} is that end of the bond, too")
    yield from (Wrong((*path, role), message) for message in _why_not(config))


def _why_not(config: Config) -> Iterator[str]:
    """Yield why a bond's ends cannot speak LACP by frames."""
    own = config.bond
    if own is None:
        yield f"there is no bond whose ends could speak it; write {_BOND}: {{mode: l4_hash}}, and port.count: 2"
        return
    if own.mode == "active_backup":
        yield "LACP joins legs that are used together, and active_backup uses one; source_mac and l4_hash go with it"
    if own.lacp != "off":
        yield f"{_BOND}.lacp: {own.lacp} has LACP by its times alone, without frames; leave one of them out"
    if config.nic.flow_control is not None:
        yield "a bond's neighbour speaks it by lines without flow control (nic.flow_control)"
    host, native = host_of(config), config.switch.uplink.native_vlan
    if not host.port.trusted:
        yield f"{host.name} is not trusted, so the switch takes no frames of control from it, and gives it none"
    if not host.port.macs:
        yield f"{host.name} has no MAC address to send from"
    if host.port.port_vlan != native:
        yield f"{host.name} is in VLAN {host.port.port_vlan}; frames of control go in the uplink's native VLAN"
