"""The register writes that give the switch core the tables of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.kernels import switch_tables as tables_of
from hwmodel.kernels.port_set import PORTS_PER_WORD, UPLINK

from . import register_map as at

Write = tuple[int, int]  # address, value

# A larger limit than any frame's length is as good as none.
NO_LIMIT = (1 << 14) - 1
FCS_BYTES = 4


def bitmap(ports) -> int:
    """Return a PORT_SET record as a bitmap of the core's ports."""
    return sum(int(word) << (PORTS_PER_WORD * index) for index, word in enumerate(ports.word))


def entry_address(base: int, stride: int, index: int, offset: int) -> int:
    """Return the address of a register of an entry."""
    return base + stride * index + offset


def port_writes(tables, port: int) -> Iterator[Write]:
    """Give the writes of one port's registers, but for its scheduler and quanta."""
    record = tables.port[port]

    def is_in(name: str) -> int:
        return bitmap(tables[name]) >> port & 1

    control = (
        is_in("enabled") << at.PORT_CONTROL_ENABLE_LSB
        | int(record.checks_source) << at.PORT_CONTROL_SPOOF_CHECK_LSB
        | int(record.filters_types) << at.PORT_CONTROL_ETHERTYPE_FILTER_LSB
        | is_in("trusted") << at.PORT_CONTROL_TRUSTED_LSB
        | int(record.loops_back) << at.PORT_CONTROL_LOOPBACK_LSB
        | int(record.loops_to_self) << at.PORT_CONTROL_SELF_LOOPBACK_LSB
        | is_in("accepts_broadcast") << at.PORT_CONTROL_ACCEPT_BROADCAST_LSB
        | is_in("accepts_multicast") << at.PORT_CONTROL_ACCEPT_MULTICAST_LSB
        | is_in("promiscuous") << at.PORT_CONTROL_PROMISCUOUS_LSB
        | is_in("default_stations") << at.PORT_CONTROL_DEFAULT_STATION_LSB
        | int(record.admit) << at.PORT_CONTROL_ADMIT_LSB
        | int(record.default_priority) << at.PORT_CONTROL_DEFAULT_PRIORITY_LSB
    )
    values = {
        at.PORT_CONTROL: control,
        at.PORT_MAX_FRAME: min(int(record.longest_bytes) + FCS_BYTES, NO_LIMIT),
        at.PORT_PORT_VLAN: int(record.port_vlan),
        at.PORT_VIF: int(record.vif),
        at.PORT_ECID: int(record.ecid),
    }
    for offset, value in values.items():
        yield entry_address(at.PORT_BASE, at.PORT_STRIDE, port, offset), value


def vlan_entries(tables) -> tuple[bool, list[tuple[int, int, int]]]:
    """Return whether the uplink carries all VLANs, and (VID, members, untagged) of each VLAN that needs an entry."""
    vids = range(1, tables_of.RESERVED_VID)
    members = [bitmap(tables.vlan[vid].members) for vid in vids]
    carries_all = all(ports >> UPLINK & 1 for ports in members)
    wanted = [
        (vid, ports, bitmap(tables.vlan[vid].untagged))
        for vid, ports in zip(vids, members, strict=True)
        if ports & ~(1 << UPLINK) or (ports and not carries_all)
    ]
    return carries_all, wanted


def lookup_entries(tables) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
    """Return (VLAN or 0, address, ports) of the address table and (key, ports) of the lists."""
    addresses, lists = [], []
    for slot in range(tables_of.LOOKUP_SLOTS):
        entry = tables.lookup.entry[slot]
        if entry.key == 0:
            continue
        kind, value = int(entry.key) >> tables_of.KIND_SHIFT, int(entry.key) & ((1 << tables_of.KIND_SHIFT) - 1)
        ports = bitmap(entry.ports)
        if kind in (tables_of.STATION_MAC, tables_of.GROUP_MAC):
            addresses.append((0, value, ports))
        elif kind == tables_of.VLAN_MAC:
            addresses.append((value >> tables_of.VLAN_SHIFT, value & ((1 << tables_of.VLAN_SHIFT) - 1), ports))
        elif kind == tables_of.VIF_LIST or (kind == tables_of.ECID and value >> tables_of.GROUP_SHIFT):
            lists.append((value, ports))
    return addresses, lists


def entry_writes(base: int, stride: int, index: int, words: tuple[int, ...]) -> Iterator[Write]:
    """Give the writes of one entry of a table, the last of which makes it."""
    for position, value in enumerate(words):
        yield entry_address(base, stride, index, 4 * position), value


def address_words(vlan: int, mac: int, ports: int) -> tuple[int, int, int]:
    """Return the words of an entry of the address table."""
    return mac & 0xFFFF_FFFF, vlan << at.ADDRESS_MAC_HIGH_VID_LSB | mac >> 32, ports


def table_writes(tables, n_ports: int) -> Iterator[Write]:
    """Give all writes that turn a core after reset into one with these tables.

    Takes one record of TABLES. The mode must not be multichannel; access list and mirrors are left out. That the tables
    of the core are large enough is for the caller to know.
    """
    carries_all, vlans = vlan_entries(tables)
    addresses, lists = lookup_entries(tables)
    yield at.CORE_BASE + at.CORE_MODE, int(tables.mode)
    yield at.CORE_BASE + at.CORE_UPLINK, int(carries_all) << at.CORE_UPLINK_CARRIES_ALL_LSB
    for index, words in enumerate(vlans):
        yield from entry_writes(at.VLAN_BASE, at.VLAN_STRIDE, index, words)
    for index, (vlan, mac, ports) in enumerate(addresses):
        yield from entry_writes(at.ADDRESS_BASE, at.ADDRESS_STRIDE, index, address_words(vlan, mac, ports))
    for index, words in enumerate(lists):
        yield from entry_writes(at.LIST_BASE, at.LIST_STRIDE, index, words)
    for port in range(n_ports):
        yield from port_writes(tables, port)
