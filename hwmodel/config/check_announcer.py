"""Check agents that announce VMs, and say by which frames each is announced."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from hwmodel.wire.announcements import (
    Announcement,
    gratuitous_arp,
    link_local_address,
    neighbour_advertisement,
    rarp,
)

from .agents import AgentBlock
from .announcer import Announcer
from .check_edge_agents import Wrong
from .document import KeyPath
from .kinds import suggest
from .model import Config
from .system import servers_of
from .vms import first_ips, vms_of


def announcements_of(block: Announcer, config: Config) -> Iterator[tuple[str, dict[str, Announcement]]]:
    """Yield each VM with its announcements by kind; of ND by its IPv6 address, or else that of its link."""
    vms = vms_of(servers_of(config))
    places = {name: place for place, name in enumerate(vms, start=1)}
    for name in block.vms:
        port = vms[name].port
        ips = first_ips(port, places[name])
        found: dict[str, Announcement] = {}
        for kind in block.rounds:
            if kind == "rarp":
                found[kind] = rarp(port.macs[0])
            elif kind == "arp":
                ip = ips[4]
                assert isinstance(ip, IPv4Address)
                found[kind] = gratuitous_arp(port.macs[0], ip)
            else:
                ip = ips.get(6) or link_local_address(port.macs[0])
                assert isinstance(ip, IPv6Address)
                found[kind] = neighbour_advertisement(port.macs[0], ip)
        yield name, found


def wrong_announcer(path: KeyPath, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with an agent that announces VMs."""
    block, path = agent.announcer, (*path, "announcer")
    if block is None:
        return
    vms = vms_of(servers_of(config))
    own = {name: vm for name, vm in vms.items() if vm.server.name == (agent.server or "")}
    if not block.rounds:
        yield Wrong(path, "nothing is sent; say what, like rarp: {}")
    if agent.apart:
        yield Wrong((*path[:-1], "apart"), "an agent that is apart sends no frames", True)
    for name, entry in block.vms.items():
        here = (*path, "vms", name)
        if name not in own:
            yield Wrong(here, f"there is no {name} at its server{suggest(name, own)}", True)
            continue
        port = own[name].port
        if not port.macs:
            yield Wrong(here, "it has no MAC address to be announced", True)
        if block.arp is not None and port.ips is not None and all(one.version == 6 for one in port.ips):
            yield Wrong(here, f"ARP announces an IPv4 address, and {own[name].key('ips')} has none", True)
        if not entry.given():
            yield Wrong(here, "it does not say when; write `at: 10ms`, `up: true` or `message: started`")
