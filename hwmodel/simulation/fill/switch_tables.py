"""Fill the switch's tables from a configuration.

The kernels see port numbers, bitmaps and numbered words; names and units end here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, chain, compress
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config.lookup import GROUP, IN_VLAN, LIST, STATION, looked_up, own_ips
from hwmodel.config.steering import EthertypeFilter
from hwmodel.config.switch import AclEntry, Mirror, Port, Switch
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG
from hwmodel.forwarding.parse import NO_TAGS
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.pools import NO_POOL
from hwmodel.forwarding.port_set import PORT_WORDS, PORTS_PER_WORD, UPLINK
from hwmodel.forwarding.tables import (
    ADMIT_ALL,
    ADMIT_TAGGED,
    ADMIT_UNTAGGED,
    CHANNEL_SINGLE,
    CHANNEL_VEB,
    CHANNEL_VEPA,
    ECID,
    GROUP_MAC,
    GROUP_SHIFT,
    KIND_SHIFT,
    LOOKUP_SLOTS,
    MIRROR_EGRESS,
    MIRROR_INGRESS,
    MIRROR_VLAN,
    NO_VLAN,
    PORT,
    RESERVED_VID,
    STATION_MAC,
    TABLES,
    VIF,
    VIF_LIST,
    VLAN_MAC,
    VLAN_SHIFT,
)
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.private_vlan import reached_by
from hwmodel.rules.switch_modes import DEFAULT_S_VID, INTERFACE_KEYS, MODES
from hwmodel.simulation.fill.access_lists import fill_access_lists, fill_own_ips, guards_in_use, guards_of

Record = Any  # one element of a numpy record array: its fields are attributes

CHANNEL_KINDS = {"veb": CHANNEL_VEB, "vepa": CHANNEL_VEPA, "single": CHANNEL_SINGLE}
LOOKUP_KINDS = {
    STATION: STATION_MAC, GROUP: GROUP_MAC, IN_VLAN: VLAN_MAC, LIST: VIF_LIST, "vif": VIF, "ecid": ECID
}  # fmt: skip
WITHIN_SHIFTS = {IN_VLAN: VLAN_SHIFT, "ecid": GROUP_SHIFT}
ADMITS = {"all": ADMIT_ALL, "tagged": ADMIT_TAGGED, "untagged": ADMIT_UNTAGGED}

# Intel 82599 data sheet, MCSTCTRL.MO: the hash is bits 47:36, 46:35, 45:34 or 43:32 of an address; these bits are in
# its last two octets.
HASH_SHIFTS = (4, 3, 2, 0)

# With no station enabled, frames from the wire must drop for want of a receiver, not as too long.
NO_LENGTH_LIMIT = 2**31


# What the tables have of a station as it is configured: of its own record, and among the flags of all.
COPIED = {
    "is_enabled": "enabled", "port_vlan": "port_vlan", "default_priority": "default_priority",
    "checks_source": "spoof_check", "checks_vlan": "vlan_spoof_check", "filters_types": "ethertype_filter",
    "is_trusted": "trusted", "loops_back": "loopback", "loops_to_self": "self_loopback",
    **{key: key for key in INTERFACE_KEYS},
}  # fmt: skip
_COPIED_OF = attrgetter(*COPIED.values())
_FILLED = ("longest_bytes", "outer_kind", "admit", "channel", "guards", "first_ip", "n_ips", *COPIED)
_PLACES = [(PORT.names or ()).index(name) for name in _FILLED]
FLAGS = {"enabled": "enabled", "trusted": "trusted", "promiscuous": "promiscuous", "default_stations": "default"}
FLAGS_OF_UPLINK = frozenset({"enabled", "promiscuous", "promiscuous_inside", "accepts_broadcast", "accepts_multicast"})


def port_numbers(switch: Switch) -> dict[str, int]:
    """Return the number of each port by its name, the uplink's among them."""
    return {"uplink": UPLINK} | {port.name: port.number for port in switch.ports}


def port_list(ports: Record) -> list[int]:
    """Return the port numbers in a PORT_SET record, in ascending order."""
    return numbers_in(ports.word.tolist())


def numbers_in(words: Sequence[int]) -> list[int]:
    """Return the port numbers in the words of a PORT_SET, in ascending order."""
    found = []
    for first, word in enumerate(words):
        bits = word
        while bits:
            lowest = bits & -bits
            found.append(first * PORTS_PER_WORD + lowest.bit_length() - 1)
            bits -= lowest
    return found


def build_tables(
    switch: Switch, type_filters: Sequence[EthertypeFilter] = (), first_policer: int = 0
) -> npt.NDArray[Any]:
    """Return a one-element array of TABLES for the kernels; arguments are those of `fill_tables`."""
    array = np.zeros(1, TABLES)
    fill_tables(array, switch, type_filters, first_policer)
    return array


def fill_tables(
    array: npt.NDArray[Any], switch: Switch, type_filters: Sequence[EthertypeFilter], first_policer: int
) -> None:
    """Fill in tables, a one-element array of TABLES that is all zeros.

    `type_filters`: of the adapter's receive steering; `first_policer`: the number of the switch's first token bucket.
    """
    fill_stations(array, switch)
    _fill_channels(array[0], switch)
    fill_vlans(array, switch)
    fill_lookup(array, switch)
    fill_access_lists(array[0], guards_in_use(switch), switch.acl, port_numbers(switch), first_policer)
    fill_mirrors(array[0], switch)
    _fill_type_filters(array[0], switch, type_filters)


def fill_stations(array: npt.NDArray[Any], switch: Switch) -> None:
    """Fill in what the tables say of the stations and the uplink, their guards and pools included."""
    tables = array[0]
    tables.mode, tables.knows_by_mac = MODES[switch.mode].number, switch.lookup == "mac"
    _fill_stations(array, switch)
    _fill_uplink(tables, switch)
    _fill_private_ports(array, switch)
    _fill_pool_filters(tables, switch)


def build_buckets(switch: Switch) -> npt.NDArray[Any]:
    """Return one full POLICER for each police entry of the access-control list, in the order of the list."""
    entries = [entry for entry in switch.acl if entry.action == "police"]
    array = np.zeros(len(entries), POLICER)
    for entry, bucket in zip(entries, array, strict=True):
        fill_bucket(bucket, entry)
    return array


def fill_bucket(bucket: Record, entry: AclEntry) -> None:
    """Set the rate of a fresh POLICER from a police entry of an adapter or a bridge, and fill its token bucket."""
    assert entry.rate_bps is not None and entry.burst_bytes is not None, "checked with the configuration"
    params = bucket.params
    params.rate_bps = entry.rate_bps
    params.burst = bucket.tokens = entry.burst_bytes


def _words_of(numbers: Iterable[int]) -> list[int]:
    """Return the words of a PORT_SET of some port numbers."""
    words = [0] * PORT_WORDS
    for number in numbers:
        words[number // PORTS_PER_WORD] |= 1 << number % PORTS_PER_WORD
    return words


def _fill_stations(array: npt.NDArray[Any], switch: Switch) -> None:
    ports, numbers = switch.ports, [port.number for port in switch.ports]
    channel_at = {s_vid: at for at, s_vid in enumerate(sorted(_channels(switch)))}
    n_ips = [len(own_ips(port)) for port in ports]
    array["port"][0][..., None].view(np.int64)[np.array(numbers, np.int64)[:, None], _PLACES] = [
        (
            port.max_frame_bytes - FCS_BYTES, NO_TAGS if port.q_in_q else NO_OUTER_TAG, ADMITS[port.admit],
            channel_at[_channel_of(port, switch)], guards_of(port), first_ip, n, *_COPIED_OF(port),
        )
        for port, first_ip, n in zip(ports, accumulate(n_ips, initial=0), n_ips, strict=False)
    ]  # fmt: skip
    flags = {name: [getattr(port, attribute) for port in ports] for name, attribute in FLAGS.items()}
    flags["promiscuous_inside"] = flags["promiscuous"] if switch.promiscuous == "all" else []
    for kind in ("broadcast", "multicast"):
        flags[f"accepts_{kind}"] = [kind in port.accept for port in ports]
    for name, are_set in flags.items():
        uplink = [UPLINK] if name in FLAGS_OF_UPLINK else []
        array[name]["word"][0] = _words_of([*uplink, *compress(numbers, are_set)])


def _fill_uplink(tables: Record, switch: Switch) -> None:
    """Set up the uplink: a port that accepts all group and all unknown addresses in the VLANs that it carries."""
    uplink = tables.port[UPLINK]
    uplink.is_enabled = 1
    lengths = [port.max_frame_bytes - FCS_BYTES for port in switch.ports if port.enabled]
    uplink.longest_bytes = max(lengths, default=NO_LENGTH_LIMIT)
    uplink.outer_kind = MODES[switch.mode].outer_kind
    uplink.port_vlan = switch.uplink.native_vlan or NO_VLAN


def switch_off(tables: Record, numbers: Sequence[int]) -> None:
    """Change tables to those of a switch that lacks some stations: they are disabled, and their addresses gone."""
    for number in numbers:
        word, others = number // PORTS_PER_WORD, ~(1 << number % PORTS_PER_WORD)
        tables.port[number].is_enabled = 0
        tables.enabled.word[word] &= others
        for entries in (tables["vlan"]["members"], tables["lookup"]["entry"]["ports"]):
            entries["word"][:, word] &= others
    lengths = [int(tables.port[number].longest_bytes) for number in port_list(tables.enabled) if number != UPLINK]
    tables.port[UPLINK].longest_bytes = max(lengths, default=NO_LENGTH_LIMIT)


def fill_vlans(array: npt.NDArray[Any], switch: Switch) -> None:
    """Fill in who is a member of which VLAN, and gets its frames untagged; VLAN 0 stands for untagged frames.

    With filters that select pools, its members are the pools that take these.
    """
    carried = slice(1, RESERVED_VID) if switch.uplink.vlans == "all" else list(switch.uplink.vlans)
    array["vlan"]["members"]["word"][0][carried, UPLINK // PORTS_PER_WORD] |= 1 << UPLINK % PORTS_PER_WORD
    native = () if switch.uplink.native_vlan is None else (switch.uplink.native_vlan,)
    members: list[tuple[int, Collection[int]]] = []
    untagged: list[tuple[int, Collection[int]]] = [(UPLINK, native)]
    for port in switch.ports:
        members.append((port.number, port.vlans))
        untagged.append((port.number, port.untagged))
    if getattr(switch, "pool_filters", None) is not None:
        members.append((UPLINK, (NO_VLAN,) if native else ()))
        for port in switch.ports:
            members.append((port.number, (NO_VLAN,) if "untagged" in port.accept else ()))
            untagged.append((port.number, (NO_VLAN,)))
    for name, sets in (("members", members), ("untagged", untagged)):
        vlans = np.fromiter(chain.from_iterable(each for _, each in sets), np.int64)
        numbers = np.repeat([number for number, _ in sets], [len(each) for _, each in sets])
        words = array["vlan"][name]["word"][0]
        np.bitwise_or.at(words, (vlans, numbers // PORTS_PER_WORD), 1 << numbers % PORTS_PER_WORD)


def _channel_of(port: Port, switch: Switch) -> int:
    """Return the S-VID of a station's channel, by default the default one; without S-channels all share that."""
    return (MODES[switch.mode].has_channels and port.s_channel) or DEFAULT_S_VID


def _channels(switch: Switch) -> dict[int, int]:
    """Return the kinds of a switch's channels by their S-VIDs."""
    mode = MODES[switch.mode]
    if not mode.has_channels:
        return {DEFAULT_S_VID: CHANNEL_KINDS[mode.kind or "veb"]}
    kinds = {s_vid: CHANNEL_KINDS[kind] for s_vid, kind in switch.s_channels.items()}
    if any(_channel_of(port, switch) == DEFAULT_S_VID for port in switch.ports):
        kinds.setdefault(DEFAULT_S_VID, CHANNEL_VEB)
    return kinds


def _fill_channels(tables: Record, switch: Switch) -> None:
    """Fill in the channels: which stations have which is fixed while a machine runs."""
    kinds = _channels(switch)
    tables.n_channels = len(kinds)
    for channel, (s_vid, kind) in zip(tables.channel, sorted(kinds.items()), strict=False):
        channel.s_vid, channel.kind = s_vid, kind
        members = [port.number for port in switch.ports if _channel_of(port, switch) == s_vid]
        channel.members["word"] = _words_of([UPLINK, *members])


def fill_lookup(array: npt.NDArray[Any], switch: Switch) -> None:
    """Fill in the addresses and interfaces that the switch looks up, and its stations' addresses of IP."""
    tables = array[0]
    fill_own_ips(tables, switch)
    number_of = port_numbers(switch)
    sets = {
        LOOKUP_KINDS[key.kind] << KIND_SHIFT | key.within << WITHIN_SHIFTS.get(key.kind, 0) | key.value: names
        for key, names in looked_up(switch).items()
    }
    keys = [0] * LOOKUP_SLOTS
    for key, names in sets.items():
        slot = key % LOOKUP_SLOTS
        while keys[slot] != 0:
            slot = (slot + 1) % LOOKUP_SLOTS
        keys[slot] = key
        entry = tables.lookup.entry[slot]
        entry.key = key
        entry.ports["word"] = _words_of(number_of[name] for name in names)
    tables.lookup.n_entries = len(sets)


def fill_mirrors(tables: Record, switch: Switch) -> None:
    """Fill in the mirrors."""
    number_of = port_numbers(switch)
    for mirror, record in zip(switch.mirrors, tables.mirror, strict=False):
        _fill_mirror(record, mirror, number_of)
    tables.n_mirrors = len(switch.mirrors)


def _fill_private_ports(array: npt.NDArray[Any], switch: Switch) -> None:
    """Enter whom private VLANs let each port reach, once for all ports of a class."""
    class_of = {UPLINK: switch.uplink.pvlan} | {port.number: port.pvlan for port in switch.ports}
    array[0].has_private_ports = any(class_of.values())
    for one in {*class_of.values()} if any(class_of.values()) else ():
        reached = reached_by(one, class_of)
        array["reached"]["word"][0, [number for number, own in class_of.items() if own == one]] = _words_of(reached)


def _fill_pool_filters(tables: Record, switch: Switch) -> None:
    """Enter the filters that select pools."""
    filters = getattr(switch, "pool_filters", None)  # the Verilog core's switches have none
    if filters is None:
        return
    tables.has_pool_filters, tables.replicates = 1, filters.replication
    tables.hash_shift = HASH_SHIFTS[filters.hash_offset]
    tables.default_pool = NO_POOL if filters.default_pool is None else port_numbers(switch)[filters.default_pool]
    for word, name in (("multicast_hash", "accepts_hashed_groups"), ("unicast_hash", "accepts_hashed_stations")):
        tables[name]["word"] = _words_of(port.number for port in switch.ports if word in port.accept)
    for name, macs in (("hashed_groups", filters.multicast_hash), ("hashed_stations", filters.unicast_hash)):
        for mac in macs:
            tables[name].is_set[((mac & 0xFF) << 8 | mac >> 8 & 0xFF) >> int(tables.hash_shift) & 0xFFF] = 1


def _fill_type_filters(tables: Record, switch: Switch, type_filters: Sequence[EthertypeFilter]) -> None:
    number_of = port_numbers(switch)
    for one, record in zip(type_filters, tables.type_filter, strict=False):
        record.ethertype, record.port, record.queue = one.ethertype, number_of[one.pool], one.queue
    tables.n_type_filters = len(type_filters)


def _fill_mirror(record: Record, mirror: Mirror, number_of: dict[str, int]) -> None:
    record.to_port = number_of[mirror.to]
    if mirror.source is None:
        assert mirror.vlan is not None, "checked with the configuration"
        record.kind, record.vlan = MIRROR_VLAN, mirror.vlan
    else:
        record.kind = MIRROR_EGRESS if mirror.direction == "egress" else MIRROR_INGRESS
        record.from_port = number_of[mirror.source]
