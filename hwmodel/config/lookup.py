"""What a switch looks up: the addresses and interfaces of its stations, and their addresses of IP."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from hwmodel.rules.packets import EUI64_FLIP, LINK_LOCAL
from hwmodel.rules.switch_modes import MODES

from .switch import Port, Switch

Network = IPv4Network | IPv6Network
STATION, GROUP, IN_VLAN, LIST = "station", "group", "in_vlan", "list"


class Key(NamedTuple):
    """What the switch finds ports by.

    `kind`: `station` or `group` address, address `in_vlan`, `list` of VIFs; `vif` or `ecid` of a station or, by the
    latter, of a group. `within`: the VLAN of an address, the group field of an E-CID.
    """

    kind: str
    value: int
    within: int = 0


def looked_up(switch: Switch) -> dict[Key, set[str]]:
    """Return the names of the ports that each key stands for, in a switch at one Ethernet port."""
    found: dict[Key, set[str]] = {}
    for key, names in _entries(switch):
        found.setdefault(key, set()).update(names)
    return found


def _entries(switch: Switch) -> Iterator[tuple[Key, tuple[str, ...]]]:
    mode = MODES[switch.mode]
    for port in switch.ports:
        for kind, macs in ((STATION, port.macs), (GROUP, port.groups)):
            yield from ((Key(kind, mac), (port.name,)) for mac in macs)
        if mode.has_interfaces:
            yield Key(mode.key, getattr(port, mode.key)), (port.name,)
    for address in switch.addresses:
        yield Key(IN_VLAN, address.mac, address.vlan), address.ports
    for number, names in switch.vif_lists.items():
        yield Key(LIST, number), names
    for group_list in switch.ecid_lists:
        yield Key("ecid", group_list.ecid, group_list.group), group_list.ports


def own_ips(port: Port) -> tuple[Network, ...]:
    """Return a station's IP addresses; if any is IPv6, add the link-local ones derived from its MAC addresses."""
    ips = port.ips or ()
    if all(prefix.version == 4 for prefix in ips):
        return ips
    return (*ips, *(IPv6Network(LINK_LOCAL << 64 | _eui64(mac)) for mac in port.macs))


def _eui64(mac: int) -> int:
    """Return the interface identifier of a MAC address: RFC 4291, appendix A."""
    return (mac >> 24 << 40 | 0xFFFE << 24 | mac & 0xFFFFFF) ^ EUI64_FLIP
