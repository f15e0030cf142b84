"""The rules behind each word of a station's `guards`: access-list entries that are evaluated before `switch.acl`.

docs/forwarding.md writes the same entries out, and says why each is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .switch import AclEntry, GuardName

_ND = {"protocol": "icmpv6"}


class Guard(NamedTuple):
    """Hold a list of entries, the word of `guards` that they stand for, and whether they exempt trusted stations."""

    word: GuardName
    spares_trusted: bool
    entries: tuple[AclEntry, ...]


# In order of evaluation.
_GUARDS: Sequence[tuple[GuardName, bool, Sequence[Mapping[str, Any]]]] = (
    ("arp", False, (
        {"arp_sender_mac": "own", "arp_sender_ip": "own", "action": "permit"},
        {"arp_sender_mac": "own", "arp_sender_ip": "0.0.0.0", "action": "permit"},
        {"arp_sender_ip": "0.0.0.0/0", "action": "deny"},
    )),
    ("dhcp", True, (
        {"protocol": "udp", "destination_port": 68, "action": "deny"},
        {"protocol": "udp", "destination_port": 546, "action": "deny"},
    )),
    ("nd", True, (
        {**_ND, "icmp_type": 134, "action": "deny"},
        {**_ND, "icmp_type": 137, "action": "deny"},
    )),
    ("nd", False, (
        {**_ND, "icmp_type": 135, "source_ip": "own", "action": "permit"},
        {**_ND, "icmp_type": 135, "source_ip": "::", "nd_target": "own", "action": "permit"},
        {**_ND, "icmp_type": 136, "nd_target": "own", "action": "permit"},
        {**_ND, "icmp_type": "135-136", "action": "deny"},
    )),
    ("ip", False, (
        {"source_ip": "own", "action": "permit"},
        {"source_ip": "0.0.0.0", "protocol": "udp", "source_port": 68, "destination_port": 67, "action": "permit"},
        {"source_ip": "::", "protocol": "icmpv6", "icmp_type": "131-132", "action": "permit"},
        {"source_ip": "::", "protocol": "icmpv6", "icmp_type": 135, "action": "permit"},
        {"source_ip": "::", "protocol": "icmpv6", "icmp_type": 143, "action": "permit"},
        {"source_ip": "0.0.0.0/0", "action": "deny"},
        {"source_ip": "::/0", "action": "deny"},
    )),
)  # fmt: skip
NEED_ADDRESSES: tuple[GuardName, ...] = ("arp", "nd", "ip")
GUARDS = tuple(
    Guard(word, spares, tuple(AclEntry.model_validate(entry) for entry in entries)) for word, spares, entries in _GUARDS
)
