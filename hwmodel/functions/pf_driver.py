"""What the PF's driver answers to a VF's message, and what it does then: Linux ixgbe's rules as a pure function.

Linux drivers/net/ethernet/intel/ixgbe/ixgbe_sriov.c. A refusal leaves the state as it was; docs/mailbox.md says where
the driver itself does otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hwmodel.config.device_limits import has_none
from hwmodel.config.kinds import LONGEST_FRAME_BYTES
from hwmodel.functions.mailbox import (
    ACK,
    ANSWERED,
    CLEAR_TO_SEND,
    NACK,
    TYPE_MASK,
    Words,
    extra_of,
    hashes_of,
    mac_of_words,
    padded,
    words_of_mac,
)
from hwmodel.functions.pf_driver_state import (
    MULTI,
    NONE,
    PROMISC,
    UNTAGGED,
    PfState,
    Vf,
    changes_between,
)
from hwmodel.rules.mailbox_messages import API_NUMBERS, MessageType
from hwmodel.wire.ethernet import is_group_mac

VLAN_MASK = 0xFFF
LEAST_MTU, USUAL_FRAME_BYTES = 68, 1518
SPOKEN = frozenset(API_NUMBERS[name] for name in ("1.0", "1.1", "1.2", "1.3", "1.4"))
API_1_0, API_1_1, API_1_2 = (API_NUMBERS[name] for name in ("1.0", "1.1", "1.2"))
GROUP_FILTER_TYPE = 0  # address bits 47:36, as the driver sets them
IPSEC_ENTRIES = 2048  # 1024 each of Rx and Tx
ENTRIES_IN_WORD = 16  # of the RSS table, two bits each


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what the PF's driver makes of a message or a call.

    `reply`: what it writes into the VF's mailbox, None for nothing. `effects`: keys of the configuration with the
    values that they get, dotted, as a user writes them. `why`: the reason of a refusal, or a remark on a grant; may
    be empty.
    """

    state: PfState
    reply: Words | None
    effects: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    is_refused: bool = False


class _Grant(NamedTuple):
    """Hold what a rule grants: the VF's new state, words of the answer, and a remark."""

    own: Vf
    words: Words = ()  # from word 1 on, in place of the message's
    why: str = ""


_Outcome = _Grant | str  # a text is the reason of a refusal
_Rule = Callable[[PfState, int, Words], _Outcome]


def handle(state: PfState, vf: int, words: Sequence[int]) -> Answer:
    """Return what the PF's driver answers to the words of a VF, 1 to 16 of 32 bits, and the state that it is then in.

    Words that are not given are 0. An answer has all 16 words; 1 to a VF that has not reset yet, 4 to a reset.
    """
    said = padded(words)
    first, own = said[0], state.vfs[vf]
    if first & ANSWERED:
        return Answer(state, None, why="it bears ACK or NACK: an answer that was read already", is_refused=True)
    if first == MessageType.RESET:
        return _reset(state, vf)
    if not own.clear_to_send:
        why = "the VF has to reset first; until then the PF serves no other message"
        return Answer(state, (first | NACK,), why=why, is_refused=True)
    rule = _RULES.get(first & TYPE_MASK)
    outcome = rule(state, vf, said) if rule else f"the PF knows no message of type 0x{first & TYPE_MASK:x}"
    if isinstance(outcome, str):
        return Answer(state, (first | NACK | CLEAR_TO_SEND, *said[1:]), why=outcome, is_refused=True)
    reply = (first | ACK | CLEAR_TO_SEND, *outcome.words, *said[1 + len(outcome.words) :])
    if outcome.own == own:
        return Answer(state, reply, why=outcome.why)
    after = state.with_vf(vf, outcome.own)
    return Answer(after, reply, changes_between(state, after), outcome.why)


def _reset(state: PfState, vf: int) -> Answer:
    """Undo what the VF has set, except its address, and let it send messages again."""
    own = state.vfs[vf]
    is_rearmed = own.spoof_check and bool(own.pf_vlan or own.pf_qos or state.adapter.classes)
    own = replace(
        own,
        clear_to_send=True,
        api=API_1_0,
        vlans=frozenset((own.pf_vlan or UNTAGGED,)),
        filters=(),
        hashes=(),
        takes_hashed=False,
        mac_anti_spoof=own.mac_anti_spoof or is_rearmed,
        vlan_anti_spoof=own.vlan_anti_spoof or is_rearmed,
    )
    has_mac = own.mac != 0 and own.pf_set_mac
    after = state.with_vf(vf, own)
    address = words_of_mac(own.mac) if has_mac else (0, 0)
    reply = (MessageType.RESET | (ACK if has_mac else NACK), *address, GROUP_FILTER_TYPE)
    why = "" if has_mac else "the PF has set no address for the VF, which chooses one"
    return Answer(after, reply, changes_between(state, after), why)


def is_station_mac(mac: int) -> bool:
    """Tell whether an address may be that of a station: neither 0 nor a group's."""
    return mac != 0 and not is_group_mac(mac)


def _set_mac(state: PfState, vf: int, words: Words) -> _Outcome:
    own, mac = state.vfs[vf], mac_of_words(*words[1:3])
    if not is_station_mac(mac):
        return "not the address of a station"
    if own.pf_set_mac and not own.trusted and mac != own.mac:
        return "the PF has set this VF's address, and it is not trusted"
    if own.mac == 0 and state.addresses_in_use() >= state.adapter.addresses:
        return f"all {state.adapter.addresses} receive addresses are in use"
    return _Grant(replace(own, mac=mac))


def _set_multicast(state: PfState, vf: int, words: Words) -> _Outcome:
    return _Grant(replace(state.vfs[vf], hashes=hashes_of(words), takes_hashed=True))


def _set_vlan(state: PfState, vf: int, words: Words) -> _Outcome:
    own, is_added, vlan = state.vfs[vf], extra_of(words[0]) != 0, words[1] & VLAN_MASK
    if own.pf_vlan:
        return f"the PF has set port VLAN {own.pf_vlan} for this VF"
    if state.adapter.classes:
        return "traffic classes are on, and VLANs are then the PF's"
    if not is_added and vlan == UNTAGGED:
        return _Grant(own, why="frames without a tag stay allowed")
    if not state.vlan_has_entry(vlan):
        return f"all {state.adapter.vlans} VLAN entries are in use"
    return _Grant(replace(own, vlans=own.vlans | {vlan} if is_added else own.vlans - {vlan}))


def _set_lpe(state: PfState, vf: int, words: Words) -> _Outcome:
    own, adapter, n_bytes = state.vfs[vf], state.adapter, words[1]
    if not LEAST_MTU <= n_bytes <= LONGEST_FRAME_BYTES:
        return f"{n_bytes} B is out of range; {LEAST_MTU} to {LONGEST_FRAME_BYTES} B"
    if adapter.device == "82599":
        is_long = adapter.pf_max_frame_bytes > USUAL_FRAME_BYTES
        if is_long and own.api < API_1_1:
            return "the PF takes long frames, which a VF of API 1.0 does not know"
        if not is_long and n_bytes > USUAL_FRAME_BYTES:
            return f"on the 82599 PF and VFs take long frames together; the PF takes {adapter.pf_max_frame_bytes} B"
    return _Grant(replace(own, max_frame_bytes=n_bytes))


def _set_macvlan(state: PfState, vf: int, words: Words) -> _Outcome:
    own, index, mac = state.vfs[vf], extra_of(words[0]), mac_of_words(*words[1:3])
    if index and own.pf_set_mac and not own.trusted:
        return "the PF has set this VF's address, and it is not trusted"
    if index and not is_station_mac(mac):
        return "not the address of a station"
    cleared = own if index > 1 else replace(own, filters=())
    if not index:
        return _Grant(cleared)
    is_full = state.with_vf(vf, cleared).addresses_in_use() >= state.adapter.addresses
    if is_full or state.free_filters(vf, cleared) < 1:
        return (
            f"no receive address is free for it; {state.adapter.kept_for_pf} of {state.adapter.addresses} are the PF's"
        )
    added = replace(cleared, filters=(*cleared.filters, mac))
    if not own.spoof_check:
        return _Grant(added)
    return _Grant(replace(added, mac_anti_spoof=False, vlan_anti_spoof=False), why="anti-spoofing is off from now on")


def _api_negotiate(state: PfState, vf: int, words: Words) -> _Outcome:
    if words[1] not in SPOKEN:
        return "the PF speaks API 1.0 to 1.4"
    return _Grant(replace(state.vfs[vf], api=words[1]))


def _get_queues(state: PfState, vf: int, _words: Words) -> _Outcome:
    own, adapter = state.vfs[vf], state.adapter
    if own.api < API_1_1:
        return "it needs API 1.1 or later"
    tagging = adapter.classes or int(bool(own.pf_vlan or own.pf_qos))
    default = adapter.default_class if adapter.classes > 1 else 0
    return _Grant(own, (adapter.queues_per_vf, adapter.queues_per_vf, tagging, default))


def _why_no_rss(own: Vf) -> str:
    if not own.query_rss:
        return "the PF does not let this VF read the RSS table and key"
    return "" if own.api >= API_1_2 else "it needs API 1.2 or later"


def _get_reta(state: PfState, vf: int, _words: Words) -> _Outcome:
    own, table = state.vfs[vf], state.adapter.rss_table
    parts = (table[at : at + ENTRIES_IN_WORD] for at in range(0, len(table), ENTRIES_IN_WORD))
    packed = tuple(sum((queue & 3) << 2 * place for place, queue in enumerate(part)) for part in parts)
    return _why_no_rss(own) or _Grant(own, packed)


def _get_rss_key(state: PfState, vf: int, _words: Words) -> _Outcome:
    own, rss_key = state.vfs[vf], state.adapter.rss_key
    words = tuple(int.from_bytes(rss_key[at : at + 4], "little") for at in range(0, len(rss_key), 4))
    return _why_no_rss(own) or _Grant(own, words)


def _update_xcast(state: PfState, vf: int, words: Words) -> _Outcome:
    own, asked = state.vfs[vf], words[1]
    if own.api < API_1_2:
        return "it needs API 1.2 or later"
    if own.api == API_1_2 and asked == PROMISC:
        return "API 1.2 has no promiscuous mode"
    if asked >> 31:
        return f"there is no mode {asked}"
    mode = asked if own.trusted else min(asked, MULTI)
    why = "" if mode == asked else "multi alone, for the VF is not trusted"
    if mode == own.xcast:
        return _Grant(own, (mode,), why)
    if mode > PROMISC:
        return f"there is no mode {asked}"
    if mode == PROMISC and has_none("switch.ports.NAME.promiscuous", state.adapter.device):
        return f"the {state.adapter.device} has no promiscuous VFs"
    if mode == PROMISC and not state.adapter.pf_promiscuous:
        return "a VF is promiscuous only where the PF is"
    return _Grant(replace(own, xcast=mode, takes_hashed=mode != NONE), (mode,), why)


def _ipsec_add(state: PfState, vf: int, _words: Words) -> _Outcome:
    if not state.vfs[vf].trusted:
        return "the VF is not trusted"
    return "the PF lets no VF use IPsec, as it is unless an administrator turns it on"


def _ipsec_del(state: PfState, vf: int, words: Words) -> _Outcome:
    if not state.vfs[vf].trusted:
        return "the VF is not trusted"
    if words[1] >= IPSEC_ENTRIES:
        return f"there is no security association {words[1]}; {IPSEC_ENTRIES} in all"
    return _Grant(state.vfs[vf], why="it was not in use")


def _get_link_state(state: PfState, vf: int, _words: Words) -> _Outcome:
    own = state.vfs[vf]
    return _Grant(own, (int(own.link_enabled),)) if own.api >= API_1_2 else "it needs API 1.2 or later"


_RULES: Mapping[int, _Rule] = {
    MessageType.SET_MAC: _set_mac,
    MessageType.SET_MULTICAST: _set_multicast,
    MessageType.SET_VLAN: _set_vlan,
    MessageType.SET_LPE: _set_lpe,
    MessageType.SET_MACVLAN: _set_macvlan,
    MessageType.API_NEGOTIATE: _api_negotiate,
    MessageType.GET_QUEUES: _get_queues,
    MessageType.GET_RETA: _get_reta,
    MessageType.GET_RSS_KEY: _get_rss_key,
    MessageType.UPDATE_XCAST: _update_xcast,
    MessageType.IPSEC_ADD: _ipsec_add,
    MessageType.IPSEC_DEL: _ipsec_del,
    MessageType.GET_LINK_STATE: _get_link_state,
}
