"""Fill in a switch's guards and its access list, with names and addresses replaced by numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, get_args

from hwmodel.config.guards import GUARDS, Guard
from hwmodel.config.lookup import Network, own_ips
from hwmodel.config.switch import AclEntry, GuardName, Port, Switch
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.packet import ARP, IPV4, IPV6
from hwmodel.forwarding.tables import ACL_DENY, ACL_PERMIT, ACL_POLICE, ACL_PRIORITY, ANY, OWN
from hwmodel.rules.packets import TYPE_ARP, TYPE_IPV4, TYPE_IPV6

Record = Any  # one element of a numpy record array: its fields are attributes

ACL_ACTIONS = {"permit": ACL_PERMIT, "deny": ACL_DENY, "priority": ACL_PRIORITY, "police": ACL_POLICE}
KIND_OF_TYPE = {TYPE_ARP: ARP, TYPE_IPV4: IPV4, TYPE_IPV6: IPV6}
KIND_OF_VERSION = {4: IPV4, 6: IPV6}
GUARD_REASONS = {word: DropReason[f"{word.upper()}_GUARD"] for word in get_args(GuardName)}
WORD_BITS, ADDRESS_BITS = 32, 128


def fill_access_lists(
    record: Record, guards: Collection[Guard], acl: Sequence[AclEntry], number_of: Mapping[str, int], first_policer: int
) -> None:
    """Append the rules of some guards, one list after another, then an access list, to an adapter's tables or a bridge.

    `number_of`: the numbers of what entries call `port`. `first_policer`: of the list's first token bucket.
    """
    number_of = {**number_of, "all": ANY}
    for at, guard in enumerate(GUARDS):
        if guard in guards:
            for entry in _fill_list(record, guard.entries, number_of, GUARD_REASONS[guard.word]):
                entry.guard = 1 << at
    policer = first_policer
    for one, entry in zip(acl, _fill_list(record, acl, number_of, DropReason.ACL_DENY), strict=True):
        if one.action == "police":
            entry.policer = policer
            policer += 1


def bits_of(are_set: Iterable[bool]) -> int:
    """Return a number with the bits that are set, the first in the lowest place."""
    return sum(is_set << at for at, is_set in enumerate(are_set))


def fill_own_ips(tables: Record, switch: Switch) -> None:
    """Enter the stations' addresses of IP, those of one behind those of another."""
    own = [prefix for port in switch.ports for prefix in own_ips(port)]
    fill_ips(tables.own_ip, own)


def fill_ips(records: Any, prefixes: Sequence[Network]) -> None:
    """Enter addresses of IP into the first of some records."""
    for record, prefix in zip(records[: len(prefixes)], prefixes, strict=True):
        _fill_prefix(record, prefix)


def guards_in_use(switch: Switch) -> list[Guard]:
    """Return the guards that check some station."""
    in_use = reduce(or_, map(guards_of, switch.ports), 0)
    return [guard for at, guard in enumerate(GUARDS) if in_use >> at & 1]


def guards_of(port: Port) -> int:
    """Return which guards check a station's frames, a bit for each."""
    found = (at for at, guard in enumerate(GUARDS) if guard.word in port.guards)
    return sum(1 << at for at in found if not (GUARDS[at].spares_trusted and port.trusted))


def _fill_list(
    tables: Record, entries: Sequence[AclEntry], number_of: Mapping[str, int], reason: DropReason
) -> Iterable[Record]:
    """Append a list of rules to the table; return their records."""
    first = int(tables.n_acl_entries)
    tables.n_acl_entries = end = first + len(entries)
    for at, entry in enumerate(entries, start=first):
        _fill_entry(tables, at, entry, number_of)
        tables.acl[at].reason, tables.acl[at].following = reason, end
    records: Iterable[Record] = tables.acl[first:end]
    return records


def _fill_entry(tables: Record, at: int, entry: AclEntry, number_of: Mapping[str, int]) -> None:
    record = tables.acl[at]
    record.port, record.rule = number_of[entry.port], ANY
    for name in ("source", "destination", "vlan", "ethertype"):
        value = getattr(entry, name)
        record[name] = ANY if value is None else value
    record.action, record.priority = ACL_ACTIONS[entry.action], entry.priority or 0
    if entry.asked_packets:
        # The EtherType is matched on the parsed packet, not on the header, so that a frame whose packet cannot be
        # parsed does not evade the rule.
        record.rule, record.ethertype, tables.reads_packets = at, ANY, 1
        _fill_rule(tables.packet_rule[at], entry)


def _fill_rule(rule: Record, entry: AclEntry) -> None:
    for ethertype in entry.packet_types:
        rule.kinds |= 1 << KIND_OF_TYPE[ethertype]
    is_arp = entry.packet_types == {TYPE_ARP}
    for name in ("protocol", "arp_operation"):
        value = getattr(entry, name)
        rule[name] = ANY if value is None else value
    sender_mac = entry.arp_sender_mac
    rule.sender_mac = ANY if sender_mac is None else OWN if sender_mac == "own" else sender_mac
    for name in ("source_port", "destination_port", "icmp_type"):
        rule[name].least, rule[name].most = getattr(entry, name) or (ANY, ANY)
    _fill_prefix(rule.source, entry.arp_sender_ip if is_arp else entry.source_ip)
    _fill_prefix(rule.destination, entry.arp_target_ip if is_arp else entry.destination_ip)
    _fill_prefix(rule.target, entry.nd_target)


def _fill_prefix(record: Record, prefix: Network | str | None) -> None:
    if prefix is None or isinstance(prefix, str):
        record.n_bits = ANY if prefix is None else OWN
        return
    record.n_bits = ADDRESS_BITS - prefix.max_prefixlen + prefix.prefixlen
    record.kind = KIND_OF_VERSION[prefix.version]
    record.word[:] = address_words(int(prefix.network_address))


def address_words(number: int) -> list[int]:
    """Return an IP address as four words of 32 bits, most significant first; an IPv4 address is in the last."""
    return [number >> WORD_BITS * at & (1 << WORD_BITS) - 1 for at in (3, 2, 1, 0)]
