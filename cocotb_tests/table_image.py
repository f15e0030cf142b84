"""The decision's tables as a sequence of register writes makes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwmodel.kernels import switch_tables as tables_of
from hwmodel.kernels.parse import NO_OUTER_TAG, OUTER_E, OUTER_VN
from hwmodel.kernels.port_set import PORTS_PER_WORD, UPLINK

from . import register_map as at
from .table_writes import FCS_BYTES

# By the base of a staged table: its entries' stride, and the offset of the word that makes an entry.
STAGED = {
    at.VLAN_BASE: (at.VLAN_STRIDE, at.VLAN_UNTAGGED),
    at.LIST_BASE: (at.LIST_STRIDE, at.LIST_STATIONS),
    at.ADDRESS_BASE: (at.ADDRESS_STRIDE, at.ADDRESS_OWNERS),
}
OUTER_KINDS = {tables_of.MODE_VN_TAG: OUTER_VN, tables_of.MODE_E_TAG: OUTER_E}
CHANNEL_KINDS = {tables_of.MODE_VEPA: tables_of.CHANNEL_VEPA}
PORT_SETS = {
    "enabled": at.PORT_CONTROL_ENABLE_LSB,
    "trusted": at.PORT_CONTROL_TRUSTED_LSB,
    "promiscuous": at.PORT_CONTROL_PROMISCUOUS_LSB,
    "default_stations": at.PORT_CONTROL_DEFAULT_STATION_LSB,
    "accepts_broadcast": at.PORT_CONTROL_ACCEPT_BROADCAST_LSB,
    "accepts_multicast": at.PORT_CONTROL_ACCEPT_MULTICAST_LSB,
}
PORT_FLAGS = {
    "is_enabled": at.PORT_CONTROL_ENABLE_LSB,
    "is_trusted": at.PORT_CONTROL_TRUSTED_LSB,
    "checks_source": at.PORT_CONTROL_SPOOF_CHECK_LSB,
    "filters_types": at.PORT_CONTROL_ETHERTYPE_FILTER_LSB,
    "loops_back": at.PORT_CONTROL_LOOPBACK_LSB,
    "loops_to_self": at.PORT_CONTROL_SELF_LOOPBACK_LSB,
}
GROUP_BIT = 1 << 40


def set_ports(ports: Any, bitmap: int) -> None:
    """Set a PORT_SET record to a bitmap of ports."""
    mask = (1 << PORTS_PER_WORD) - 1
    for index in range(len(ports.word)):
        ports.word[index] = bitmap >> PORTS_PER_WORD * index & mask


class TableImage:
    """Follow the writes to a core with `n_ports` ports; `tables()` gives the tables in use, as a record of TABLES.

    Addresses that no table has, and registers that the decision does not use, change nothing. The core's own limit
    MAX_FRAME_BYTES is for the caller to apply.
    """

    def __init__(self, n_ports: int) -> None:
        """Start with the registers as reset leaves them."""
        self.n_ports = n_ports
        self.mode = 0
        self.carries_all = 0
        self.port = [{at.PORT_MAX_FRAME: at.PORT_MAX_FRAME_VALUE_RESET} for _ in range(n_ports)]
        self.stage = [0, 0]
        self.entries: dict[int, dict[int, tuple[int, int, int]]] = {base: {} for base in STAGED}
        self._tables: Any = None

    def write(self, address: int, value: int) -> None:
        """Take over one write."""
        self._tables = None
        if address == at.CORE_BASE + at.CORE_MODE:
            self.mode = value & 3
        elif address == at.CORE_BASE + at.CORE_UPLINK:
            self.carries_all = value & 1
        elif at.PORT_BASE <= address < at.VLAN_BASE:
            port, offset = divmod(address - at.PORT_BASE, at.PORT_STRIDE)
            self.port[port][offset] = value
        elif at.VLAN_BASE <= address < at.COUNTER_BASE:
            self._write_entry(address, value)

    def _write_entry(self, address: int, value: int) -> None:
        base = max(base for base in self.entries if base <= address)
        stride, last = STAGED[base]
        index, offset = divmod(address - base, stride)
        if offset == last:
            ports = value & ((1 << self.n_ports) - 1)
            self.entries[base][index] = (self.stage[0], self.stage[1], ports)
        else:
            self.stage[offset // 4] = value

    def tables(self) -> Any:
        """Return the tables, a record of TABLES that the next write leaves behind."""
        if self._tables is None:
            self._tables = np.zeros(1, tables_of.TABLES).view(np.recarray)
            tables = self._tables[0]
            tables.mode = self.mode
            tables.n_channels = 1
            tables.channel[0].s_vid = tables_of.DEFAULT_S_VID
            tables.channel[0].kind = CHANNEL_KINDS.get(self.mode, tables_of.CHANNEL_VEB)
            set_ports(tables.channel[0].members, (1 << self.n_ports) - 1)
            self._fill_ports(tables)
            self._fill_vlans(tables)
            self._fill_lookup(tables)
        return self._tables[0]

    def _fill_ports(self, tables: Any) -> None:
        for name, bit in PORT_SETS.items():
            members = [port for port in range(self.n_ports) if self.port[port].get(at.PORT_CONTROL, 0) >> bit & 1]
            set_ports(tables[name], sum(1 << port for port in members))
        for number, registers in enumerate(self.port):
            record, control = tables.port[number], registers.get(at.PORT_CONTROL, 0)
            for name, bit in PORT_FLAGS.items():
                record[name] = control >> bit & 1
            record.admit = control >> at.PORT_CONTROL_ADMIT_LSB & 3
            record.default_priority = control >> at.PORT_CONTROL_DEFAULT_PRIORITY_LSB & 7
            record.longest_bytes = (registers[at.PORT_MAX_FRAME] & 0x3FFF) - FCS_BYTES
            record.port_vlan = registers.get(at.PORT_PORT_VLAN, 0) & 0xFFF
            record.vif = registers.get(at.PORT_VIF, 0) & 0xFFF
            record.ecid = registers.get(at.PORT_ECID, 0) & 0xFFFFF
            record.outer_kind = OUTER_KINDS.get(self.mode, NO_OUTER_TAG) if number == UPLINK else NO_OUTER_TAG

    def _fill_vlans(self, tables: Any) -> None:
        native = self.port[UPLINK].get(at.PORT_PORT_VLAN, 0) & 0xFFF
        members = dict.fromkeys(range(1, tables_of.RESERVED_VID), self.carries_all)
        untagged = {native: 1} if native else {}
        for word, its_members, its_untagged in self.entries[at.VLAN_BASE].values():
            vid = word & 0xFFF
            if vid:
                members[vid] = members.get(vid, 0) | its_members & ((1 << self.n_ports) - 1)
                untagged[vid] = untagged.get(vid, 0) | its_untagged & ~1
        for vid, ports in members.items():
            set_ports(tables.vlan[vid].members, ports)
        for vid, ports in untagged.items():
            set_ports(tables.vlan[vid].untagged, ports)

    def _fill_lookup(self, tables: Any) -> None:
        sets: dict[int, int] = {}

        def note(kind: int, value: int, ports: int) -> None:
            key = kind << tables_of.KIND_SHIFT | value
            sets[key] = sets.get(key, 0) | ports

        for low, high, ports in self.entries[at.ADDRESS_BASE].values():
            mac, vlan = low | (high & 0xFFFF) << 32, high >> at.ADDRESS_MAC_HIGH_VID_LSB & 0xFFF
            if vlan:
                note(tables_of.VLAN_MAC, vlan << tables_of.VLAN_SHIFT | mac, ports)
            else:
                note(tables_of.GROUP_MAC if mac & GROUP_BIT else tables_of.STATION_MAC, mac, ports)
        for number in range(1, self.n_ports):
            note(tables_of.VIF, int(tables.port[number].vif), 1 << number)
            note(tables_of.ECID, int(tables.port[number].ecid), 1 << number)
        for key, _, ports in self.entries[at.LIST_BASE].values():
            grouped = key & 0x3FFFFF
            note(tables_of.ECID if grouped >> tables_of.GROUP_SHIFT else tables_of.VIF_LIST, grouped, ports & ~1)
        for none in (tables_of.VIF, tables_of.ECID):
            sets.pop(none << tables_of.KIND_SHIFT, None)
        for key, ports in sets.items():
            slot = key % tables_of.LOOKUP_SLOTS
            while tables.lookup.entry[slot].key != 0:
                slot = (slot + 1) % tables_of.LOOKUP_SLOTS
            tables.lookup.entry[slot].key = key
            set_ports(tables.lookup.entry[slot].ports, ports)
        tables.lookup.n_entries = len(sets)
