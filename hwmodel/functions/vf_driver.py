"""What a VF's driver asks its PF for as it has reset its VF of its own accord: all that the VF had before.

Linux drivers/net/ethernet/intel/ixgbevf/ixgbevf_main.c, ixgbevf_reset and ixgbevf_configure: the protocol's version,
the mode, groups and further addresses, VLANs, the longest frame.
"""

from __future__ import annotations

from typing import NamedTuple

from hwmodel.config.message_time import RESET, Message, asking
from hwmodel.functions.mailbox import EXTRA_SHIFT, Words, multicast_words, words_of_mac
from hwmodel.functions.pf_driver_state import UNTAGGED, Vf
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS, MessageType


class Asked(NamedTuple):
    """Hold a message as its time has it, and its words; None: whatever they are, they ask for nothing new."""

    message: Message
    words: Words | None


def asked_again(own: Vf, mode: Words | None) -> list[Asked]:
    """Return the messages of a driver that has reset its VF, in order.

    `own`: what the PF's driver knows of the VF before. `mode`: the words by which the VF has last asked for a mode;
    None if it never has: then it keeps the one that the configuration gives it.
    """
    is_group_list = own.takes_hashed and own.hashes
    asked = [
        Asked(RESET, (MessageType.RESET,)),
        _asked("api_negotiate", (MessageType.API_NEGOTIATE, own.api, 0)),
        Asked(asking("update_xcast", 2), mode),
        Asked(asking("set_multicast", MAILBOX_WORDS), multicast_words(own.hashes) if is_group_list else None),
    ]
    for place, mac in enumerate(own.filters, 1):
        asked.append(_asked("set_macvlan", (MessageType.SET_MACVLAN | place << EXTRA_SHIFT, *words_of_mac(mac))))
    for vlan in sorted((own.vlans - {own.pf_vlan}) | {UNTAGGED}):
        asked.append(_asked("set_vlan", (MessageType.SET_VLAN | 1 << EXTRA_SHIFT, vlan)))
    asked.append(_asked("set_lpe", (MessageType.SET_LPE, own.max_frame_bytes)))
    return asked


def _asked(name: str, words: Words) -> Asked:
    return Asked(asking(name, len(words)), words)
