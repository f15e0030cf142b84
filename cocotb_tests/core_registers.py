"""Turn the `switch` block of a configuration into register writes of the switch core.

The core does not check what software writes; what the core cannot do or hold is a ValueError here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from cocotb_tests import register_map as regs
from hwmodel.simulation.fill import core_parameters
from hwmodel.simulation.fill.switch_core import PortSchedule

MODES = {"veb": 0, "vepa": 1, "vn_tag": 2, "e_tag": 3}
ADMITS = {"all": 0, "tagged": 1, "untagged": 2}
SCHEDULERS = {"round_robin": 0, "deficit": 1, "strict": 2}
UPLINK = 0
FCS_BYTES = 4
MOST_BYTES = 2**14 - 1  # of the field MAX_FRAME


class Write(NamedTuple):
    """A register write."""

    address: int
    data: int


@dataclass(frozen=True)
class CoreParameters(core_parameters.CoreParameters):
    """The Verilog parameters of the core and their defaults: those that the model knows, and the tables' sizes."""

    mac_entries: int = 64
    vlan_entries: int = 32
    list_entries: int = 16

    def verilog(self) -> dict[str, int]:
        """Return the parameters by their names in Verilog."""
        return {name.upper(): value for name, value in asdict(self).items()}


def switch_writes(
    switch: Any, parameters: CoreParameters, schedules: Mapping[int, PortSchedule] | None = None
) -> list[Write]:
    """Return the writes that set all registers and every table entry, used or empty.

    `switch` is a `hwmodel.config.switch.Switch` or has its attributes. Raises ValueError for what the core lacks:
    access lists, mirrors, S-channels, more ports or entries than its parameters say.
    """
    _check(switch, parameters)
    writes = [
        Write(regs.CORE_BASE + regs.CORE_MODE, MODES[switch.mode]),
        Write(regs.CORE_BASE + regs.CORE_UPLINK, int(switch.uplink.vlans == "all") << regs.CORE_UPLINK_CARRIES_ALL_LSB),
    ]
    if parameters.pool_filters:
        writes.append(Write(regs.CORE_BASE + regs.CORE_POOLS, _pools_word(switch)))
    stations = {port.number: port for port in switch.ports}
    for number in range(parameters.ports):
        registers = _uplink_registers(switch) if number == UPLINK else _station_registers(stations.get(number))
        if parameters.private_vlans:
            registers[regs.PORT_APART] = _kept_from(switch, number)
        base = regs.PORT_BASE + number * regs.PORT_STRIDE
        writes += [Write(base + offset, value) for offset, value in registers.items()]
        schedule = (schedules or {}).get(number, PortSchedule())
        writes.append(Write(base + regs.PORT_SCHEDULER, SCHEDULERS[schedule.kind]))
        if parameters.pause:
            writes.append(Write(base + regs.PORT_PAUSE, schedule.paused))
        for queue in range(parameters.priorities):
            writes.append(Write(base + regs.PORT_QUANTUM + 4 * queue, schedule.quanta[queue]))
    writes += vlan_writes(_vlan_sets(switch), parameters)
    writes += address_writes(_address_sets(switch), parameters)
    writes += list_writes(_list_sets(switch), parameters)
    return writes


def changed(before: Iterable[Write], after: Sequence[Write]) -> list[Write]:
    """Return those writes of `after` that change something, entries of tables whole."""
    old = dict(before)
    touched = {_entry_of(write.address) for write in after if old.get(write.address) != write.data}
    return [write for write in after if _entry_of(write.address) in touched]


def _entry_of(address: int) -> tuple[int, int]:
    """Return what a write cannot be separated from: its table entry, or the register itself."""
    for base, end, stride in (
        (regs.VLAN_BASE, regs.LIST_BASE, regs.VLAN_STRIDE),
        (regs.LIST_BASE, regs.ADDRESS_BASE, regs.LIST_STRIDE),
        (regs.ADDRESS_BASE, regs.COUNTER_BASE, regs.ADDRESS_STRIDE),
    ):
        if base <= address < end:
            return base, (address - base) // stride
    return 0, address


def _check(switch: Any, parameters: CoreParameters) -> None:
    if switch.mode not in MODES:
        raise ValueError(f"the core has no mode {switch.mode}")
    for name in ("acl", "mirrors"):
        if getattr(switch, name):
            raise ValueError(f"the core has no {name}")
    if switch.promiscuous != "all" or switch.lookup != "mac_and_vlan":
        raise ValueError("the core has no promiscuity for the wire alone, and no lookup without the VLAN")
    if not all(port.vlan_spoof_check and not port.q_in_q for port in switch.ports):
        raise ValueError("the core reads the tag of every station's frames, and checks its VLAN")
    filters = _filters_of(switch)
    if filters is not None and not parameters.pool_filters:
        raise ValueError("the core has no pool filters: POOL_FILTERS is 0")
    if not parameters.private_vlans and any(one.pvlan for one in (*switch.ports, switch.uplink)):
        raise ValueError("the core has no private VLANs: PRIVATE_VLANS is 0")
    if filters is not None and (filters.multicast_hash or filters.unicast_hash):
        raise ValueError("the core has no tables of hashes")
    most = max((port.number for port in switch.ports), default=UPLINK)
    if most >= parameters.ports:
        raise ValueError(f"port {most} of a core with {parameters.ports} ports")


def _filters_of(switch: Any) -> Any:
    return getattr(switch, "pool_filters", None)


def _pools_word(switch: Any) -> int:
    filters = _filters_of(switch)
    if filters is None or switch.mode != "veb":
        return 0
    number_of = {port.name: port.number for port in switch.ports}
    default = 0 if filters.default_pool is None else number_of[filters.default_pool]
    return (
        1 << regs.CORE_POOLS_ENABLE_LSB
        | bool(filters.replication) << regs.CORE_POOLS_REPLICATION_LSB
        | default << regs.CORE_POOLS_DEFAULT_LSB
    )


def _kept_from(switch: Any, number: int) -> int:
    """Return the ports that a port's frames do not leave by: two isolated, or of no common community (docs)."""
    class_of = {UPLINK: switch.uplink.pvlan} | {port.number: port.pvlan for port in switch.ports}
    own = class_of.get(number, 0)
    return _port_bits(other for other, its in class_of.items() if own and its and (own != its or own < 0))


def _port_bits(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in set(numbers))


def _flags(**flags: bool) -> int:
    """Return a CONTROL word with the named flags set."""
    return sum(int(is_set) << getattr(regs, f"PORT_CONTROL_{name.upper()}_LSB") for name, is_set in flags.items())


def _uplink_registers(switch: Any) -> dict[int, int]:
    """Return the uplink's registers: it takes all groups, unknown addresses and lengths that a station may send."""
    lengths = [port.max_frame_bytes for port in switch.ports if port.enabled]
    return {
        regs.PORT_CONTROL: _flags(enable=True, accept_broadcast=True, accept_multicast=True, promiscuous=True),
        regs.PORT_MAX_FRAME: max(lengths, default=MOST_BYTES),
        regs.PORT_PORT_VLAN: switch.uplink.native_vlan or 0,
        regs.PORT_VIF: 0,
        regs.PORT_ECID: 0,
    }


def _station_registers(port: Any) -> dict[int, int]:
    """Return a station's registers; a port without a station is disabled."""
    if port is None:
        return dict.fromkeys((regs.PORT_CONTROL, regs.PORT_PORT_VLAN, regs.PORT_VIF, regs.PORT_ECID), 0)
    control = _flags(
        enable=port.enabled,
        spoof_check=port.spoof_check,
        ethertype_filter=port.ethertype_filter,
        trusted=port.trusted,
        loopback=port.loopback,
        self_loopback=port.self_loopback,
        accept_broadcast="broadcast" in port.accept,
        accept_multicast="multicast" in port.accept,
        promiscuous=port.promiscuous,
        default_station=port.default,
        accept_untagged="untagged" in port.accept,
    )
    control |= ADMITS[port.admit] << regs.PORT_CONTROL_ADMIT_LSB
    control |= port.default_priority << regs.PORT_CONTROL_DEFAULT_PRIORITY_LSB
    return {
        regs.PORT_CONTROL: control,
        regs.PORT_MAX_FRAME: port.max_frame_bytes,
        regs.PORT_PORT_VLAN: port.port_vlan,
        regs.PORT_VIF: port.vif,
        regs.PORT_ECID: port.ecid,
    }


# ---- The tables: what each key stands for, and the writes of its entry. ----


def _vlan_sets(switch: Any) -> dict[int, tuple[int, int]]:
    """Return members and untagged ports by VLAN."""
    carried = () if switch.uplink.vlans == "all" else switch.uplink.vlans
    vlans = sorted({*carried, *(vlan for port in switch.ports for vlan in (*port.vlans, *port.untagged))})
    return {
        vlan: (
            _port_bits([UPLINK] * (vlan in carried) + [port.number for port in switch.ports if vlan in port.vlans]),
            _port_bits(port.number for port in switch.ports if vlan in port.untagged),
        )
        for vlan in vlans
    }


def _address_sets(switch: Any) -> dict[tuple[int, int], int]:
    """Return owners by VLAN and address; VLAN 0 stands for all."""
    number_of = {port.name: port.number for port in switch.ports}
    sets: dict[tuple[int, int], set[int]] = {}
    for port in switch.ports:
        for mac in (*port.macs, *port.groups):
            sets.setdefault((0, mac), set()).add(port.number)
    for entry in switch.addresses:
        sets.setdefault((entry.vlan, entry.mac), set()).update(number_of[name] for name in entry.ports)
    return {key: _port_bits(numbers) for key, numbers in sets.items()}


def _list_sets(switch: Any) -> dict[tuple[int, int], int]:
    """Return stations by group field and number; group 0 stands for VIF lists."""
    number_of = {port.name: port.number for port in switch.ports}
    lists = {(0, number): names for number, names in switch.vif_lists.items()}
    lists |= {(each.group, each.ecid): each.ports for each in switch.ecid_lists}
    return {key: _port_bits(number_of[name] for name in names) for key, names in lists.items()}


def _filled(name: str, entries: list[Any], empty: Any, size: int) -> list[Any]:
    if len(entries) > size:
        raise ValueError(f"{len(entries)} entries in the {name} table; the core's has {size}")
    return entries + [empty] * (size - len(entries))


def vlan_writes(sets: Mapping[int, tuple[int, int]], parameters: CoreParameters) -> list[Write]:
    """Return the writes of a whole VLAN table from members and untagged ports by VLAN."""
    entries = [(vlan, *ports) for vlan, ports in sets.items()]
    return [
        write
        for i, (vlan, members, untagged) in enumerate(_filled("VLAN", entries, (0, 0, 0), parameters.vlan_entries))
        for base in (regs.VLAN_BASE + i * regs.VLAN_STRIDE,)
        for write in (
            Write(base + regs.VLAN_VID, vlan),
            Write(base + regs.VLAN_MEMBERS, members),
            Write(base + regs.VLAN_UNTAGGED, untagged),
        )
    ]


def address_writes(sets: Mapping[tuple[int, int], int], parameters: CoreParameters) -> list[Write]:
    """Return the writes of a whole address table from owners by VLAN and address."""
    entries = [(vlan, mac, owners) for (vlan, mac), owners in sets.items()]
    return [
        write
        for i, (vlan, mac, owners) in enumerate(_filled("address", entries, (0, 0, 0), parameters.mac_entries))
        for base in (regs.ADDRESS_BASE + i * regs.ADDRESS_STRIDE,)
        for write in (
            Write(base + regs.ADDRESS_MAC_LOW, mac & 0xFFFFFFFF),
            Write(base + regs.ADDRESS_MAC_HIGH, mac >> 32 | vlan << regs.ADDRESS_MAC_HIGH_VID_LSB),
            Write(base + regs.ADDRESS_OWNERS, owners),
        )
    ]


def list_writes(sets: Mapping[tuple[int, int], int], parameters: CoreParameters) -> list[Write]:
    """Return the writes of a whole list table from stations by group field and number."""
    entries = [(group, number, stations) for (group, number), stations in sets.items()]
    return [
        write
        for i, (group, number, stations) in enumerate(_filled("list", entries, (0, 0, 0), parameters.list_entries))
        for base in (regs.LIST_BASE + i * regs.LIST_STRIDE,)
        for write in (
            Write(base + regs.LIST_KEY, number | group << regs.LIST_KEY_GROUP_LSB),
            Write(base + regs.LIST_STATIONS, stations),
        )
    ]
