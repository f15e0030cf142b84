"""How a bond's mode spreads the workload's frames over its legs, by their headers, and what the bond carries.

The hashes are computed from addresses and ports as numbers; the simulated machine reads these from a frame's bytes.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from hwmodel.analytic.ceilings import taken_at_port
from hwmodel.analytic.routes import GROUPS
from hwmodel.analytic.traffic import ONE, TO_WIRE, ZERO, Demand, Traffic
from hwmodel.config import Config, servers_of, vms_of
from hwmodel.config.names import is_uplink
from hwmodel.config.switch import Port, outside_mac
from hwmodel.config.workload import MOST_HEADERS
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import BROADCAST_MAC, FIRST_ADDRESS, FIRST_CLIENT_PORT, GROUP_MAC, SERVER_PORT, EtherType
from hwmodel.words.limits import BOND_IS_DEAD, at_port, bond_capacity, leg_is_given_up, leg_is_silent

Shares = dict[str, Fraction]  # the share of each leg in use, by the name of its port
_LOW_24 = 0xFFFFFF


def at_legs(config: Config, source: str, target: str, traffic: Traffic) -> Traffic:
    """Return the traffic from one station to another with what it takes of each leg of the bond filled in."""
    found: Shares = {}
    for leg, share in leg_shares(config, source, target).items():
        own = replace(traffic, to_wire=traffic.to_wire * share, from_wire=traffic.from_wire * share)
        found |= taken_at_port(config, leg, own)
    return replace(traffic, at_ports=found)


def leg_shares(config: Config, source: str, target: str) -> Shares:
    """Give the share of the frames from one station to another on each leg of the bond that gets any, out or in."""
    own, names = config.bond, [f"p{leg}" for leg in config.legs_in_use]
    assert own is not None, "there is a bond"
    if not names:
        return {}
    if own.mode == "active_backup":
        return {own.primary if own.primary in names else names[0]: ONE}
    is_by_connection = own.mode == "l4_hash" and config.workload.connections > 1 and target not in GROUPS
    if own.mode == "source_mac":
        station, address = (target, _macs(config, target)) if is_uplink(source) else (source, _macs(config, source))
        vlan = _vlan_on_wire(config, station)
        hashes = [vlan ^ (mac >> 24) ^ (mac & _LOW_24) for mac in address]
    elif is_by_connection:
        hashes = list(_of_connections(config, source, target))
    else:
        (own_mac,) = _macs(config, source)
        kind = int(EtherType.LOCAL_EXPERIMENT_1)
        hashes = [(own_mac & 0xFF) ^ (mac & 0xFF) ^ kind for mac in _macs(config, target)]
    # With more connections than headers each header stands for several connections, the first ones for one more.
    least, n_more = divmod(config.workload.connections, len(hashes)) if is_by_connection else (1, 0)
    counted: Counter[str] = Counter()
    for number, one in enumerate(hashes):
        counted[names[one % len(names)]] += least + (number < n_more)
    return {name: Fraction(n, counted.total()) for name, n in counted.items()}


def addresses_and_ports(config: Config, source: str, target: str) -> Iterator[bytes]:
    """Give both addresses, then both ports, of each connection from a station to another that has a header."""
    places = [_place(config, name) for name in (source, target)]
    for number in range(min(config.workload.connections, MOST_HEADERS)):
        ports = [SERVER_PORT, SERVER_PORT]
        ports[places.index(min(places))] = FIRST_CLIENT_PORT + number
        yield b"".join((FIRST_ADDRESS + place).packed for place in places) + struct.pack(">2H", *ports)


def _of_connections(config: Config, source: str, target: str) -> Iterator[int]:
    """Give the hash of each header: the words XORed, the bytes of that folded to sixteen bits, then to eight."""
    for each in addresses_and_ports(config, source, target):
        words = struct.unpack(">3I", each)
        first, second, third, fourth = (words[0] ^ words[1] ^ words[2]).to_bytes(4, "big")
        low = (first ^ third, second ^ fourth, third, fourth)
        folded = (low[0] ^ low[1], low[1] ^ low[2], low[2] ^ low[3], low[3])
        yield int.from_bytes(bytes(folded), "little") >> 1


def _place(config: Config, name: str) -> int:
    """Give a station's position among all of a system, which its IP address is made from; the outside is 0."""
    return 0 if is_uplink(name) else 1 + list(vms_of(servers_of(config))).index(config.vm_at(name))


def _macs(config: Config, name: str) -> Sequence[int]:
    """Give the MAC addresses of frames from or to a station; a group may have several."""
    if name in GROUPS:
        groups = {group for port in config.switch.ports if port.enabled for group in port.groups}
        return [BROADCAST_MAC] if name == "broadcast" else sorted(groups) or [GROUP_MAC]
    if is_uplink(name):
        return [outside_mac([config.switch])]
    return _port(config, name).macs[:1]


def _vlan_on_wire(config: Config, station: str) -> int:
    """Give the VLAN that a station's frames have in a tag on the wire; 0 where they have none."""
    native = config.switch.uplink.native_vlan
    vlan = native if station in GROUPS else _port(config, station).port_vlan
    return 0 if vlan is None or vlan == native else vlan


def _port(config: Config, name: str) -> Port:
    function = config.function_of(name)
    return next(port for port in config.switch.ports if port.name == function)


def bond_notes(config: Config, demand: Demand, frames_per_s: Fraction) -> Iterator[str]:
    """Say each leg's share of the frames for the wire, what the bond carries without loss, what an outage costs."""
    own, sought = config.bond, demand.sought
    if own is None:
        return
    if not config.legs_in_use:
        yield BOND_IS_DEAD
        return
    shares = {port: sought.at_ports.get(at_port(port, TO_WIRE), ZERO) for port in config.port.names}
    total = sum(shares.values(), ZERO)
    if not total:
        return
    fullest = max(shares, key=lambda port: sought.at_ports.get(at_port(port, "wire.tx"), ZERO))
    wire_bytes = sought.at_ports[at_port(fullest, "wire.tx")]
    most_per_s = Fraction(config.port.rate_bps, BITS_PER_BYTE) / wire_bytes if wire_bytes else ZERO
    gbps = float(most_per_s * total * (sought.sent_frame_bytes - sought.tag_bytes) * BITS_PER_BYTE / 10**9)
    parts = {port: float(share / total) for port, share in shares.items() if share}
    yield bond_capacity(own.mode, parts, fullest, gbps)
    found_fs = own.monitor_fs + own.down_delay_fs
    yield leg_is_given_up(fullest, found_fs / 10**6, float(frames_per_s * shares[fullest] * found_fs / FS_PER_S))
    for port in (port for port in own.silent if shares.get(port)):
        yield leg_is_silent(port, float(shares[port] / total))
