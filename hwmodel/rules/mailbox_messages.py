"""The messages that VFs send to the PF's driver over the mailbox: their numbers, and what each one says.

Linux drivers/net/ethernet/intel/ixgbe/ixgbe_mbx.h (numbers), ixgbe_sriov.c and ixgbevf/vf.c (where fields stand).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, NamedTuple, get_args

MessageName = Literal[
    "reset", "set_mac", "set_multicast", "set_vlan", "set_lpe", "set_macvlan", "api_negotiate", "get_queues",
    "get_reta", "get_rss_key", "update_xcast", "ipsec_add", "ipsec_del", "get_link_state", "pf_control",
]  # fmt: skip
XcastName = Literal["none", "multi", "allmulti", "promisc"]
ApiName = Literal["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2.0"]
LinkName = Literal["auto", "enable", "disable"]

MAILBOX_WORDS = 16
MOST_HASHES = 30  # what fits into 15 words, two in each
HASH_BITS = 12  # bits 47:36 of the address: the table of group hashes has 4096 bits
WORD_MASK = 0xFFFFFFFF


class MessageType(IntEnum):
    """The low 16 bits of a message's first word."""

    RESET = 0x01
    SET_MAC = 0x02
    SET_MULTICAST = 0x03
    SET_VLAN = 0x04
    SET_LPE = 0x05
    SET_MACVLAN = 0x06
    API_NEGOTIATE = 0x08
    GET_QUEUES = 0x09
    GET_RETA = 0x0A
    GET_RSS_KEY = 0x0B
    UPDATE_XCAST = 0x0C
    IPSEC_ADD = 0x0D
    IPSEC_DEL = 0x0E
    GET_LINK_STATE = 0x10
    PF_CONTROL = 0x100


class MessageForm(NamedTuple):
    """Hold a message's number, the fields that it needs and those that it may have besides."""

    number: int
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Return all that the message may say."""
        return (*self.needs, *self.takes)


_FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # what a message needs, what it may have besides
    "set_mac": (("mac",), ()),
    "set_multicast": ((), ("groups", "hashes")),
    "set_vlan": (("vlan",), ("add",)),
    "set_lpe": (("max_frame",), ()),
    "set_macvlan": ((), ("mac", "index")),
    "api_negotiate": (("api",), ()),
    "update_xcast": (("mode",), ()),
    "ipsec_del": (("sa",), ()),
}
MESSAGES: Mapping[str, MessageForm] = {
    name: MessageForm(MessageType[name.upper()], *_FIELDS.get(name, ())) for name in get_args(MessageName)
}
XCAST_MODES: tuple[str, ...] = get_args(XcastName)  # by their numbers
# ixgbe_mbx.h: enum ixgbe_pfvf_api_rev, in the order in which versions came up; 1.5 and later are of newer drivers.
API_NUMBERS: Mapping[str, int] = {
    "1.0": 0, "2.0": 1, "1.1": 2, "1.2": 3, "1.3": 4, "1.4": 5, "1.5": 6, "1.6": 7, "1.7": 8,
}  # fmt: skip


class Tables(NamedTuple):
    """Hold what an adapter has of filters: receive addresses, those kept for the PF, VLANs with a set of pools each."""

    addresses: int
    kept_for_pf: int
    vlans: int


# Of devices whose VFs speak this mailbox. Kept for the PF: ixgbe IXGBE_MAX_PF_MACVLANS 15 and its own address; igb
# IGB_PF_MAC_FILTERS_RESERVED 3 and its own.
TABLES: Mapping[str, Tables] = {
    "82576": Tables(24, 4, 32),
    "82599": Tables(128, 16, 64),
    "X540": Tables(128, 16, 64),
    "X550": Tables(128, 16, 64),
}
