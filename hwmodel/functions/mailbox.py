"""The mailbox between PF and VFs: 16 words of 32 bits a VF, and what the messages in them say.

Linux drivers/net/ethernet/intel/ixgbe/ixgbe_mbx.h and ixgbevf/vf.c: an address lies in two words, its first byte lowest
in the first; group hashes of 16 bits, two in a word; a message's extra, such as `add`, in bits 23:16 of its first word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hwmodel.config.mailbox import MailboxMessage
from hwmodel.rules.mailbox_messages import (
    API_NUMBERS,
    HASH_BITS,
    MAILBOX_WORDS,
    MESSAGES,
    MOST_HASHES,
    XCAST_MODES,
    MessageType,
)
from hwmodel.wire.ethernet import mac_to_bytes

ACK = 0x80000000
NACK = 0x40000000
CLEAR_TO_SEND = 0x20000000
ANSWERED = ACK | NACK
TYPE_MASK = 0xFFFF
EXTRA_SHIFT = 16
EXTRA_MASK = 0xFF

Words = tuple[int, ...]


def group_hash(mac: int) -> int:
    """Return the 12 bits by which adapters of this family filter a group address: bits 47:36 as the driver has them."""
    octets = mac_to_bytes(mac)
    return (octets[4] >> 4 | octets[5] << 4) & ((1 << HASH_BITS) - 1)


def words_of_mac(mac: int) -> tuple[int, int]:
    """Return the two words that hold an address."""
    octets = mac_to_bytes(mac)
    return int.from_bytes(octets[:4], "little"), int.from_bytes(octets[4:], "little")


def mac_of_words(first: int, second: int) -> int:
    """Return the address that two words hold; the upper half of the second is ignored."""
    octets = first.to_bytes(4, "little") + (second & 0xFFFF).to_bytes(2, "little")
    return int.from_bytes(octets, "big")


def hashes_of(words: Sequence[int]) -> Words:
    """Return the group hashes, 12 bits each, of a message of 16 words: as many as its extra says, 30 at most."""
    n_hashes = min(extra_of(words[0]), MOST_HASHES)
    mask = (1 << HASH_BITS) - 1
    return tuple(words[1 + k // 2] >> 16 * (k % 2) & mask for k in range(n_hashes))


def extra_of(word: int) -> int:
    """Return the extra of a message's first word, bits 23:16."""
    return word >> EXTRA_SHIFT & EXTRA_MASK


def padded(words: Sequence[int]) -> Words:
    """Return the 16 words of a mailbox into which some were written; the others are 0."""
    return (*words, *(0,) * (MAILBOX_WORDS - len(words)))


def encode(said: MailboxMessage) -> Words:
    """Return the words of a message, without unused ones at its end; a multicast list always has all 16."""
    if said.message is None:
        return said.words or ()
    first = MESSAGES[said.message].number
    encoder = _ENCODERS.get(said.message)
    extra, rest = encoder(said) if encoder else (0, ())
    return (first | extra << EXTRA_SHIFT, *rest)


def multicast_words(hashes: Sequence[int]) -> Words:
    """Return the words of a multicast list, by the hashes of its groups."""
    pairs = zip(hashes[::2], [*hashes[1::2], 0], strict=False)
    return padded((MessageType.SET_MULTICAST | len(hashes) << EXTRA_SHIFT, *(low | high << 16 for low, high in pairs)))


def _encode_multicast(said: MailboxMessage) -> tuple[int, Words]:
    words = multicast_words([*(said.hashes or ()), *map(group_hash, said.groups or ())])
    return extra_of(words[0]), words[1:]


def _encode_macvlan(said: MailboxMessage) -> tuple[int, Words]:
    index = 1 if said.index is None else said.index
    return index, () if said.mac is None else words_of_mac(said.mac)


_ENCODERS: Mapping[str, Callable[[MailboxMessage], tuple[int, Words]]] = {
    "set_mac": lambda said: (0, words_of_mac(said.mac or 0)),
    "set_multicast": _encode_multicast,
    "set_vlan": lambda said: (int(said.add is not False), (said.vlan or 0,)),
    "set_lpe": lambda said: (0, (said.max_frame_bytes or 0,)),
    "set_macvlan": _encode_macvlan,
    "api_negotiate": lambda said: (0, (API_NUMBERS[said.api or "1.0"],)),
    "update_xcast": lambda said: (0, (XCAST_MODES.index(said.mode or "none"),)),
    "ipsec_del": lambda said: (0, (said.sa or 0,)),
}
