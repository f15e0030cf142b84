"""What a core with given register contents decides: registers, written one after the other, as tables of the model.

The other way round than core_registers.py, and of any contents, also of those between two configurations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cocotb_tests import register_map as regs
from cocotb_tests.core_registers import FCS_BYTES, UPLINK, CoreParameters
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG, OUTER_E, OUTER_VN
from hwmodel.forwarding.pools import NO_POOL
from hwmodel.forwarding.tables import (
    CHANNEL_VEB,
    CHANNEL_VEPA,
    ECID,
    GROUP_MAC,
    GROUP_SHIFT,
    KIND_SHIFT,
    LOOKUP_SLOTS,
    NO_VLAN,
    RESERVED_VID,
    STATION_MAC,
    TABLES,
    VIF,
    VIF_LIST,
    VLAN_MAC,
    VLAN_SHIFT,
)
from hwmodel.rules.switch_modes import DEFAULT_S_VID
from hwmodel.simulation.fill.switch_core import PortSchedule

GROUP_BIT = 1 << 40
OUTER_KIND_OF_MODE = (NO_OUTER_TAG, NO_OUTER_TAG, OUTER_VN, OUTER_E)
KINDS = ("round_robin", "deficit", "strict", "strict")
ADMITTED = (0, 1, 2, 0)  # the register's fourth value admits all, as the first does


class RegisterImage:
    """The registers and tables of a core after a reset and some writes; `tables` holds them for `decide`."""

    def __init__(self, parameters: CoreParameters) -> None:
        self.parameters = parameters
        self.word: dict[int, int] = {}
        self.stage: dict[int, int] = {}  # the words written to the shared stage by their place in an entry
        self.array = np.zeros(1, TABLES).view(np.recarray)
        self._vlan_of_entry = dict.fromkeys(range(parameters.vlan_entries), 0)
        self._lookup_is_old = True
        self._record = tables = self.array[0]
        tables.n_channels = 1
        tables.channel[0].s_vid = DEFAULT_S_VID
        tables.has_private_ports = parameters.private_vlans
        tables.channel[0].members.word[0] = (1 << parameters.ports) - 1
        for number in range(parameters.ports):
            base = regs.PORT_BASE + number * regs.PORT_STRIDE
            self.word[base + regs.PORT_MAX_FRAME] = regs.PORT_MAX_FRAME_VALUE_RESET
            self._set_port(number)
        self._set_mode(0)

    def schedules(self) -> dict[int, PortSchedule]:
        """Return how each port's output queues take turns."""
        result = {}
        for number in range(self.parameters.ports):
            base = regs.PORT_BASE + number * regs.PORT_STRIDE
            words = (base + regs.PORT_QUANTUM + 4 * queue for queue in range(self.parameters.priorities))
            quanta = tuple(self.word.get(word, regs.PORT_QUANTUM_VALUE_RESET) & 0xFFFF or 1 for word in words)
            kind, paused = KINDS[self.get(base + regs.PORT_SCHEDULER) & 3], self.get(base + regs.PORT_PAUSE) & 0xFF
            result[number] = PortSchedule(kind, quanta, paused)
        return result

    def is_schedule(self, address: int) -> bool:
        """Tell whether a register says how output queues take turns."""
        offset = (address - regs.PORT_BASE) % regs.PORT_STRIDE
        of_queues = offset >= regs.PORT_SCHEDULER and offset != regs.PORT_APART
        return regs.PORT_BASE <= address < regs.VLAN_BASE and of_queues

    def fresh_array(self) -> Any:
        """Return the one-element array of TABLES, up to date."""
        if self._lookup_is_old:
            self._set_lookup()
            self._lookup_is_old = False
        return self.array

    @property
    def tables(self) -> Any:
        """Return the record that `decide` takes."""
        return self.fresh_array()[0]

    def get(self, address: int) -> int:
        """Return what a register holds."""
        return self.word.get(address, 0)

    def write(self, address: int, data: int) -> None:
        """Do one write, to an address that the map has."""
        if regs.VLAN_BASE <= address < regs.COUNTER_BASE:
            self._write_table(address, data)
            return
        self.word[address] = data
        if address == regs.CORE_BASE + regs.CORE_MODE:
            self._set_mode(data & 3)
        elif address == regs.CORE_BASE + regs.CORE_UPLINK:
            self._set_carried(data & 1)
        elif address == regs.CORE_BASE + regs.CORE_POOLS:
            self._set_pools()
        else:
            self._set_port((address - regs.PORT_BASE) // regs.PORT_STRIDE)

    def _set_mode(self, mode: int) -> None:
        self._record.mode = mode
        self._record.channel[0].kind = CHANNEL_VEPA if mode == 1 else CHANNEL_VEB
        self._record.port[UPLINK].outer_kind = OUTER_KIND_OF_MODE[mode]
        self._set_pools()

    def _set_pools(self) -> None:
        """Say whether filters choose pools, and which ports are members of VLAN 0 then: those that take no tag."""
        word, tables = self.get(regs.CORE_BASE + regs.CORE_POOLS), self._record
        is_on = word >> regs.CORE_POOLS_ENABLE_LSB & 1 and int(tables.mode) == 0
        tables.has_pool_filters = is_on
        tables.replicates = word >> regs.CORE_POOLS_REPLICATION_LSB & 1
        default = word >> regs.CORE_POOLS_DEFAULT_LSB & 0x1F
        tables.default_pool = default if 0 < default < self.parameters.ports else NO_POOL
        ports = range(1, self.parameters.ports)
        controls = {port: self.get(regs.PORT_BASE + port * regs.PORT_STRIDE + regs.PORT_CONTROL) for port in ports}
        takers = sum((word >> regs.PORT_CONTROL_ACCEPT_UNTAGGED_LSB & 1) << port for port, word in controls.items())
        native = int(tables.port[UPLINK].port_vlan)
        tables.vlan[NO_VLAN].members.word[0] = takers | (native != 0) if is_on else 0
        tables.vlan[NO_VLAN].untagged.word[0] = (self._all_ports() & ~1 if is_on else 0) | (native == 0)

    def _set_port(self, number: int) -> None:
        base = regs.PORT_BASE + number * regs.PORT_STRIDE
        control = self.get(base + regs.PORT_CONTROL)
        tables, port = self._record, self._record.port[number]

        def bit(name: str) -> int:
            return control >> getattr(regs, f"PORT_CONTROL_{name}_LSB") & 1

        port.is_enabled = bit("ENABLE")
        longest = (self.get(base + regs.PORT_MAX_FRAME) & 0x3FFF) - FCS_BYTES
        port.longest_bytes = min(longest, self.parameters.max_frame_bytes)
        port.admit = ADMITTED[control >> regs.PORT_CONTROL_ADMIT_LSB & 3]
        port.default_priority = control >> regs.PORT_CONTROL_DEFAULT_PRIORITY_LSB & 7
        port.checks_source = bit("SPOOF_CHECK")
        port.checks_vlan = 1
        port.filters_types = bit("ETHERTYPE_FILTER")
        port.is_trusted = bit("TRUSTED")
        port.loops_back = bit("LOOPBACK")
        port.loops_to_self = bit("SELF_LOOPBACK")
        port.vif = self.get(base + regs.PORT_VIF) & 0xFFF
        port.ecid = self.get(base + regs.PORT_ECID) & 0xFFFFF
        sets = {
            "enabled": "ENABLE",
            "trusted": "TRUSTED",
            "promiscuous": "PROMISCUOUS",
            "promiscuous_inside": "PROMISCUOUS",
            "default_stations": "DEFAULT_STATION",
            "accepts_broadcast": "ACCEPT_BROADCAST",
            "accepts_multicast": "ACCEPT_MULTICAST",
        }
        for name, flag in sets.items():
            tables[name].word[0] = int(tables[name].word[0]) & ~(1 << number) | bit(flag) << number
        apart = self.get(base + regs.PORT_APART) if self.parameters.private_vlans else 0
        tables.reached[number].word[0] = self._all_ports() & ~apart
        port.port_vlan = self.get(base + regs.PORT_PORT_VLAN) & 0xFFF
        if number == UPLINK:
            # Bit 0 of the untagged sets follows from the native VLAN alone.
            untagged = self.array["vlan"]["untagged"]["word"][0]
            untagged[:, 0] &= ~1
            untagged[port.port_vlan, 0] |= 1
        self._set_pools()
        self._lookup_is_old = True

    def _set_carried(self, carries_all: int) -> None:
        members = self.array["vlan"]["members"]["word"][0]
        members[1:RESERVED_VID, 0] &= ~1
        members[1:RESERVED_VID, 0] |= carries_all
        for index in self._vlan_of_entry:
            self._set_vlan(index)

    def _write_table(self, address: int, data: int) -> None:
        """Stage a word, or make an entry of the stage and its last word."""
        for base, end, stride, n_words in (
            (regs.VLAN_BASE, regs.LIST_BASE, regs.VLAN_STRIDE, 3),
            (regs.LIST_BASE, regs.ADDRESS_BASE, regs.LIST_STRIDE, 2),
            (regs.ADDRESS_BASE, regs.COUNTER_BASE, regs.ADDRESS_STRIDE, 3),
        ):
            if base <= address < end:
                index, place = divmod((address - base) // 4, stride // 4)
                if place < n_words - 1:
                    self.stage[place] = data
                    return
                for i in range(n_words - 1):
                    self.word[base + index * stride + 4 * i] = self.stage.get(i, 0)
                self.word[address] = data
                if base == regs.VLAN_BASE:
                    self._set_vlan(index)
                self._lookup_is_old = True

    def _all_ports(self) -> int:
        return (1 << self.parameters.ports) - 1

    def _set_vlan(self, index: int) -> None:
        """Bring the VLAN that an entry names, and the one that it named before, up to date."""
        base = regs.VLAN_BASE + index * regs.VLAN_STRIDE
        before, self._vlan_of_entry[index] = self._vlan_of_entry[index], self.get(base + regs.VLAN_VID) & 0xFFF
        carries_all = self.get(regs.CORE_BASE + regs.CORE_UPLINK) & 1
        native = int(self._record.port[UPLINK].port_vlan)
        for vlan in {before, self._vlan_of_entry[index]} - {0}:
            members, untagged = int(carries_all and vlan != RESERVED_VID), 0
            for i, named in self._vlan_of_entry.items():
                if named == vlan:
                    place = regs.VLAN_BASE + i * regs.VLAN_STRIDE
                    members |= self.get(place + regs.VLAN_MEMBERS) & self._all_ports()
                    untagged |= self.get(place + regs.VLAN_UNTAGGED) & self._all_ports()
            record = self._record.vlan[vlan]
            record.members.word[0] = members
            record.untagged.word[0] = untagged & ~1 | int(vlan == native)

    def _set_lookup(self) -> None:
        """Fill the table of addresses, interfaces and lists anew."""
        entries: dict[int, int] = {}

        def note(kind: int, value: int, ports: int) -> None:
            if ports:
                key = kind << KIND_SHIFT | value
                entries[key] = entries.get(key, 0) | ports

        for i in range(self.parameters.mac_entries):
            base = regs.ADDRESS_BASE + i * regs.ADDRESS_STRIDE
            high = self.get(base + regs.ADDRESS_MAC_HIGH)
            mac = (high & 0xFFFF) << 32 | self.get(base + regs.ADDRESS_MAC_LOW)
            vlan = high >> regs.ADDRESS_MAC_HIGH_VID_LSB & 0xFFF
            owners = self.get(base + regs.ADDRESS_OWNERS) & self._all_ports()
            kind = VLAN_MAC if vlan else GROUP_MAC if mac & GROUP_BIT else STATION_MAC
            note(kind, vlan << VLAN_SHIFT | mac, owners)
        for i in range(self.parameters.list_entries):
            base = regs.LIST_BASE + i * regs.LIST_STRIDE
            key = self.get(base + regs.LIST_KEY)
            group, number = key >> regs.LIST_KEY_GROUP_LSB & 3, key & 0xFFFFF
            stations = self.get(base + regs.LIST_STATIONS) & self._all_ports() & ~1
            note(ECID if group else VIF_LIST, group << GROUP_SHIFT | number, stations)
        for number in range(1, self.parameters.ports):
            port = self._record.port[number]
            for kind, name in ((VIF, int(port.vif)), (ECID, int(port.ecid))):
                if name:
                    note(kind, name, 1 << number)
        self._fill_slots(entries)

    def _fill_slots(self, entries: dict[int, int]) -> None:
        lookup = self._record.lookup
        slots = self.array["lookup"]["entry"][0]
        slots["key"], slots["ports"]["word"] = 0, 0
        used: set[int] = set()
        for key, ports in entries.items():
            slot = key % LOOKUP_SLOTS
            while slot in used:
                slot = (slot + 1) % LOOKUP_SLOTS
            used.add(slot)
            slots["key"][slot] = key
            slots["ports"]["word"][slot, 0] = ports
        lookup.n_entries = len(entries)
