"""What the PF's driver answers: a table written by hand, word by word, and what holds of all messages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.functions.mailbox import ACK, CLEAR_TO_SEND, NACK, padded
from hwmodel.functions.pf_driver import handle
from hwmodel.functions.pf_driver_state import Adapter, Vf, keys_of
from hwmodel.rules.steering import VERIFICATION_KEY
from tests.mailbox_states import GROUP, KNOWN, MESSAGES_DRAWN, OTHER, OWN, STATES, state

GOOD, BAD = 0xA0000000, 0x60000000  # ACK or NACK, and clear to send
OWN_WORDS, OTHER_WORDS = (0x00000002, 0x0200), (0x00000002, 0x7700)
GROUP_WORDS = (0x005E0001, 0x0100)
X540 = replace(KNOWN, device="X540")
PORT = "switch.ports.vf0"


class Row(NamedTuple):
    """A message, what the VF is before, the words of the answer, and what changes or why nothing does."""

    words: tuple[int, ...]
    before: dict[str, Any]
    reply: tuple[int, ...] | None
    changed: Mapping[str, Any] = MappingProxyType({})
    why: str = ""
    effects: Mapping[str, Any] = MappingProxyType({})
    adapter: Adapter = KNOWN


NO_LEAVE = "the PF has set this VF's address, and it is not trusted"
UNREAD = "it bears ACK or NACK: an answer that was read already"
MUST_RESET = "the VF has to reset first; until then the PF serves no other message"
API_12 = "it needs API 1.2 or later"
NO_RSS = "the PF does not let this VF read the RSS table and key"
ROWS = [
    # what bears an answer's flags; what comes before a reset
    Row((0x80000004, 20), {}, None, why=UNREAD),
    Row((0x40000001,), {}, None, why=UNREAD),
    Row((0x10004, 20), {"clear_to_send": False}, (0x40010004,), why=MUST_RESET),
    Row((0x9,), {"clear_to_send": False}, (0x40000009,), why=MUST_RESET),
    Row((0x10001,), {"clear_to_send": False}, (0x40010001,), why=MUST_RESET),
    # reset: its answer has 4 words and no leave
    Row((0x1,), {"clear_to_send": False, "pf_set_mac": True}, (0x80000001, *OWN_WORDS, 0),
        {"clear_to_send": True, "api": 0, "takes_hashed": False}),
    Row((0x1,), {}, (0x40000001, 0, 0, 0), {"api": 0, "takes_hashed": False}),
    Row((0x1,), {"mac": 0, "pf_set_mac": True}, (0x40000001, 0, 0, 0), {"api": 0, "takes_hashed": False}),
    Row((0x1,), {"vlans": frozenset((0, 20)), "filters": (OTHER,), "hashes": (16,)}, (0x40000001, 0, 0, 0),
        {"api": 0, "takes_hashed": False, "vlans": frozenset((0,)), "filters": (), "hashes": ()},
        effects={f"{PORT}.vlans": [1], f"{PORT}.macs": ["02:00:00:00:00:02"], f"{PORT}.groups": []}),
    Row((0x1,), {"mac_anti_spoof": False, "vlan_anti_spoof": False}, (0x40000001, 0, 0, 0),
        {"api": 0, "takes_hashed": False}),
    Row((0x1,), {"mac_anti_spoof": False, "vlan_anti_spoof": False, "pf_vlan": 20, "vlans": frozenset((20,))},
        (0x40000001, 0, 0, 0),
        {"api": 0, "takes_hashed": False, "mac_anti_spoof": True, "vlan_anti_spoof": True},
        effects={f"{PORT}.spoof_check": True, f"{PORT}.vlan_spoof_check": True}),
    Row((0x10001,), {}, (BAD | 0x10001,), why="the PF knows no message of type 0x1"),
    # addresses
    Row((0x2, *OTHER_WORDS), {}, (GOOD | 2, *OTHER_WORDS), {"mac": OTHER},
        effects={f"{PORT}.macs": ["02:00:00:00:00:77"]}),
    Row((0x20000002, *OTHER_WORDS), {}, (GOOD | 2, *OTHER_WORDS), {"mac": OTHER},
        effects={f"{PORT}.macs": ["02:00:00:00:00:77"]}),
    Row((0x2, *OWN_WORDS), {"pf_set_mac": True}, (GOOD | 2, *OWN_WORDS)),
    Row((0x2, *OTHER_WORDS), {"pf_set_mac": True}, (BAD | 2, *OTHER_WORDS), why=NO_LEAVE),
    Row((0x2, *OTHER_WORDS), {"pf_set_mac": True, "trusted": True}, (GOOD | 2, *OTHER_WORDS), {"mac": OTHER},
        effects={f"{PORT}.macs": ["02:00:00:00:00:77"]}),
    Row((0x2, *GROUP_WORDS), {}, (BAD | 2, *GROUP_WORDS), why="not the address of a station"),
    Row((0x2,), {}, (BAD | 2,), why="not the address of a station"),
    Row((0x2, *OTHER_WORDS), {"mac": 0}, (BAD | 2, *OTHER_WORDS), why="all 3 receive addresses are in use",
        adapter=replace(KNOWN, addresses=3)),
    # groups
    Row((0x10003, 0x10), {}, (GOOD | 0x10003, 0x10), {"hashes": (0x10,)},
        effects={f"{PORT}.groups": ["01:00:5e:00:00:01"]}),
    Row((0x20003, 0x0ABC_0011), {}, (GOOD | 0x20003, 0x0ABC_0011), {"hashes": (0x11, 0xABC)}),
    Row((0x3,), {"hashes": (0x10,)}, (GOOD | 3,), {"hashes": ()}, effects={f"{PORT}.groups": []}),
    # VLANs
    Row((0x10004, 20), {}, (GOOD | 0x10004, 20), {"vlans": frozenset((0, 20))}, effects={f"{PORT}.vlans": [1, 20]}),
    Row((0x4, 20), {"vlans": frozenset((0, 20))}, (GOOD | 4, 20), {"vlans": frozenset((0,))},
        effects={f"{PORT}.vlans": [1]}),
    Row((0x4, 20), {}, (GOOD | 4, 20)),
    Row((0x4, 0), {}, (GOOD | 4,), why="frames without a tag stay allowed"),
    Row((0x10004, 0x1014), {}, (GOOD | 0x10004, 0x1014), {"vlans": frozenset((0, 20))},
        effects={f"{PORT}.vlans": [1, 20]}),
    Row((0x10004, 4095), {}, (GOOD | 0x10004, 4095), {"vlans": frozenset((0, 4095))}),
    Row((0x10004, 20), {"pf_vlan": 7, "vlans": frozenset((7,))}, (BAD | 0x10004, 20),
        why="the PF has set port VLAN 7 for this VF"),
    Row((0x4, 0), {"pf_vlan": 7, "vlans": frozenset((7,))}, (BAD | 4,), why="the PF has set port VLAN 7 for this VF"),
    Row((0x10004, 20), {}, (BAD | 0x10004, 20), why="traffic classes are on, and VLANs are then the PF's",
        adapter=replace(KNOWN, classes=4)),
    Row((0x10004, 20), {"vlans": frozenset((0, 5, 6))}, (BAD | 0x10004, 20), why="all 3 VLAN entries are in use",
        adapter=replace(KNOWN, vlans=3)),
    Row((0x10004, 6), {"vlans": frozenset((0, 5, 6))}, (GOOD | 0x10004, 6), adapter=replace(KNOWN, vlans=3)),
    # long frames
    Row((0x5, 1518), {"max_frame_bytes": 1000}, (GOOD | 5, 1518), {"max_frame_bytes": 1518}),
    Row((0x5, 67), {}, (BAD | 5, 67), why="67 B is out of range; 68 to 9728 B"),
    Row((0x5, 9729), {}, (BAD | 5, 9729), why="9729 B is out of range; 68 to 9728 B"),
    Row((0x5, 9018), {}, (BAD | 5, 9018), why="on the 82599 PF and VFs take long frames together; the PF takes 1518 B"),
    Row((0x5, 9018), {}, (GOOD | 5, 9018), {"max_frame_bytes": 9018}, adapter=X540),
    Row((0x5, 9018), {}, (GOOD | 5, 9018), {"max_frame_bytes": 9018}, adapter=replace(KNOWN, pf_max_frame_bytes=9018)),
    Row((0x5, 1518), {"api": 0}, (BAD | 5, 1518), why="the PF takes long frames, which a VF of API 1.0 does not know",
        adapter=replace(KNOWN, pf_max_frame_bytes=9018)),
    # further addresses
    Row((0x10006, *OTHER_WORDS), {}, (GOOD | 0x10006, *OTHER_WORDS),
        {"filters": (OTHER,), "mac_anti_spoof": False, "vlan_anti_spoof": False}, "anti-spoofing is off from now on",
        {f"{PORT}.macs": ["02:00:00:00:00:02", "02:00:00:00:00:77"], f"{PORT}.spoof_check": False,
         f"{PORT}.vlan_spoof_check": False}),
    Row((0x20006, *OTHER_WORDS), {"filters": (OWN + 9,), "spoof_check": False}, (GOOD | 0x20006, *OTHER_WORDS),
        {"filters": (OWN + 9, OTHER)},
        effects={f"{PORT}.macs": ["02:00:00:00:00:02", "02:00:00:00:00:0b", "02:00:00:00:00:77"]}),
    Row((0x10006, *OTHER_WORDS), {"pf_set_mac": True}, (BAD | 0x10006, *OTHER_WORDS), why=NO_LEAVE),
    Row((0x6,), {"pf_set_mac": True, "filters": (OTHER,)}, (GOOD | 6,), {"filters": ()},
        effects={f"{PORT}.macs": ["02:00:00:00:00:02"]}),
    Row((0x10006, *GROUP_WORDS), {}, (BAD | 0x10006, *GROUP_WORDS), why="not the address of a station"),
    Row((0x10006, *OTHER_WORDS), {}, (BAD | 0x10006, *OTHER_WORDS),
        why="no receive address is free for it; 4 of 7 are the PF's",
        adapter=replace(KNOWN, addresses=7, kept_for_pf=4)),
    Row((0x10006, *OTHER_WORDS), {"spoof_check": False, "mac_anti_spoof": False, "vlan_anti_spoof": False},
        (GOOD | 0x10006, *OTHER_WORDS), {"filters": (OTHER,)},
        effects={f"{PORT}.macs": ["02:00:00:00:00:02", "02:00:00:00:00:77"]}),
    # the protocol's version
    Row((0x8, 0), {}, (GOOD | 8,), {"api": 0}),
    Row((0x8, 5), {"api": 0}, (GOOD | 8, 5), {"api": 5}),
    Row((0x8, 1), {}, (BAD | 8, 1), why="the PF speaks API 1.0 to 1.4"),
    Row((0x8, 6), {}, (BAD | 8, 6), why="the PF speaks API 1.0 to 1.4"),
    # queues
    Row((0x9,), {}, (GOOD | 9, 2, 2, 0, 0), adapter=replace(KNOWN, queues_per_vf=2)),
    Row((0x9,), {"pf_vlan": 7}, (GOOD | 9, 1, 1, 1, 0)),
    Row((0x9,), {"pf_qos": 7}, (GOOD | 9, 1, 1, 1, 0)),
    Row((0x9,), {}, (GOOD | 9, 1, 1, 4, 2), adapter=replace(KNOWN, classes=4, default_class=2)),
    Row((0x9,), {"api": 0}, (BAD | 9,), why="it needs API 1.1 or later"),
    # RSS
    Row((0xA,), {}, (BAD | 0xA,), why=NO_RSS),
    Row((0xA,), {"query_rss": True, "api": 2}, (BAD | 0xA,), why=API_12),
    Row((0xA,), {"query_rss": True}, (GOOD | 0xA, *[0xE4E4E4E4] * 8), adapter=replace(KNOWN, queues_per_vf=4)),
    Row((0xA,), {"query_rss": True}, (GOOD | 0xA, *[0x44444444] * 8), adapter=replace(KNOWN, queues_per_vf=2)),
    Row((0xB,), {}, (BAD | 0xB,), why=NO_RSS),
    Row((0xB,), {"query_rss": True, "api": 0}, (BAD | 0xB,), why=API_12),
    # groups and all
    Row((0xC, 1), {}, (GOOD | 0xC, 1), {"xcast": 1}, effects={f"{PORT}.accept": ["broadcast"]}),
    Row((0xC, 0), {"hashes": (0x10,)}, (GOOD | 0xC,), {"xcast": 0, "takes_hashed": False},
        effects={f"{PORT}.accept": ["broadcast"], f"{PORT}.groups": []}),
    Row((0xC, 2), {"xcast": 1}, (GOOD | 0xC, 1), why="multi alone, for the VF is not trusted"),
    Row((0xC, 2), {"xcast": 1, "trusted": True}, (GOOD | 0xC, 2), {"xcast": 2},
        effects={f"{PORT}.accept": ["broadcast", "multicast"]}),
    Row((0xC, 3), {"xcast": 1}, (GOOD | 0xC, 1), why="multi alone, for the VF is not trusted"),
    Row((0xC, 3), {"xcast": 1, "trusted": True}, (BAD | 0xC, 3), why="the 82599 has no promiscuous VFs"),
    Row((0xC, 3), {"xcast": 1, "trusted": True}, (BAD | 0xC, 3), why="a VF is promiscuous only where the PF is",
        adapter=X540),
    Row((0xC, 3), {"xcast": 1, "trusted": True}, (GOOD | 0xC, 3), {"xcast": 3},
        effects={f"{PORT}.accept": ["broadcast", "multicast"], f"{PORT}.promiscuous": True},
        adapter=replace(X540, pf_promiscuous=True)),
    Row((0xC, 3), {"api": 3}, (BAD | 0xC, 3), why="API 1.2 has no promiscuous mode"),
    Row((0xC, 1), {"api": 2}, (BAD | 0xC, 1), why=API_12),
    Row((0xC, 4), {"trusted": True}, (BAD | 0xC, 4), why="there is no mode 4"),
    Row((0xC, 0x80000000), {}, (BAD | 0xC, 0x80000000), why="there is no mode 2147483648"),
    # IPsec, the link's state, and what is no message
    Row((0xD,), {}, (BAD | 0xD,), why="the VF is not trusted"),
    Row((0xD,), {"trusted": True}, (BAD | 0xD,),
        why="the PF lets no VF use IPsec, as it is unless an administrator turns it on"),
    Row((0xE, 3), {}, (BAD | 0xE, 3), why="the VF is not trusted"),
    Row((0xE, 3), {"trusted": True}, (GOOD | 0xE, 3), why="it was not in use"),
    Row((0xE, 2048), {"trusted": True}, (BAD | 0xE, 2048), why="there is no security association 2048; 2048 in all"),
    Row((0x10,), {}, (GOOD | 0x10, 1)),
    Row((0x10,), {"link_enabled": False}, (GOOD | 0x10, 0)),
    Row((0x10,), {"api": 2}, (BAD | 0x10,), why=API_12),
    Row((0x7, 1, 2), {}, (BAD | 0x7, 1, 2), why="the PF knows no message of type 0x7"),
    Row((0x100,), {}, (BAD | 0x100,), why="the PF knows no message of type 0x100"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.words[0]:#x}-{row.why[:24]}")
def test_each_message_has_its_answer(row: Row) -> None:
    before = state(row.adapter, **row.before)
    answer = handle(before, 0, row.words)
    n_words = 16 if answer.reply and answer.reply[0] & CLEAR_TO_SEND else len(answer.reply or ())
    expected = None if row.reply is None else (*row.reply, *(0,) * (n_words - len(row.reply)))
    assert answer.reply == expected
    assert answer.state == before.with_vf(0, replace(before.vfs[0], **row.changed))
    assert dict(answer.effects) == dict(row.effects)
    assert answer.is_refused == (row.reply is None or bool(row.reply[0] & NACK and row.words != (1,)))
    if row.words != (1,):
        assert answer.why == row.why


def test_the_key_goes_byte_by_byte() -> None:
    reply = handle(state(query_rss=True), 0, (0xB,)).reply
    assert reply is not None and reply[:2] == (GOOD | 0xB, 0xDA565A6D)
    assert b"".join(word.to_bytes(4, "little") for word in reply[1:11]) == VERIFICATION_KEY


def test_what_a_reset_says_besides() -> None:
    assert handle(state(), 0, (1,)).why == "the PF has set no address for the VF, which chooses one"
    assert handle(state(pf_set_mac=True), 0, (1,)).why == ""


def test_the_sets_of_all_vfs_share_the_entries() -> None:
    """With 64 entries 63 VLANs fit beside frames without a tag, whoever is in them; the next is refused."""
    now = state(n_vfs=2)
    for vlan in range(2, 65):
        answer = handle(now, vlan % 2, (0x10004, vlan))
        assert not answer.is_refused
        now = answer.state
    assert handle(now, 0, (0x10004, 65)).why == "all 64 VLAN entries are in use"
    assert not handle(now, 0, (0x10004, 3)).is_refused
    now = handle(now, 0, (0x4, 2)).state
    assert not handle(now, 1, (0x10004, 65)).is_refused


@pytest.mark.parametrize(("device", "n_vfs", "room"), [("82599", 63, 49), ("82599", 8, 104), ("82576", 7, 13)])
def test_further_addresses_go_until_there_is_no_room(device: str, n_vfs: int, room: int) -> None:
    adapter = Adapter() if device == "82599" else Adapter(device=device, addresses=24, kept_for_pf=4, vlans=32)
    now = state(adapter, n_vfs)
    for at in range(room):
        answer = handle(now, at % n_vfs, (0x20006, 0x2, at))
        assert not answer.is_refused
        now = answer.state
    assert handle(now, 0, (0x20006, 0x2, 999)).is_refused
    assert not handle(now, 0, (0x10006, 0x2, 999)).is_refused  # which gives its others back first


@given(STATES, st.integers(0, 1), MESSAGES_DRAWN)
@settings(max_examples=max(300, settings.default.max_examples))
def test_a_refusal_changes_nothing_and_an_answer_repeats_the_question(before: Any, vf: int, words: Any) -> None:
    answer = handle(before, vf, words)
    if answer.is_refused:
        assert answer.state == before and not answer.effects and answer.why
    if answer.reply is None:
        assert words[0] & (ACK | NACK) and answer.is_refused
        return
    assert answer.reply[0] & ~(ACK | NACK | CLEAR_TO_SEND) == words[0] & ~CLEAR_TO_SEND
    assert bool(answer.reply[0] & ACK) != bool(answer.reply[0] & NACK)
    assert all(0 <= word < 2**32 for word in answer.reply)
    if words[0] != 1:
        assert bool(answer.reply[0] & NACK) == answer.is_refused
        assert len(answer.reply) == (16 if before.vfs[vf].clear_to_send else 1)
        if answer.is_refused and len(answer.reply) == 16:
            assert answer.reply[1:] == padded(words)[1:]


@given(STATES, st.integers(0, 1), MESSAGES_DRAWN)
def test_a_message_changes_its_own_vf_alone(before: Any, vf: int, words: Any) -> None:
    answer = handle(before, vf, words)
    others = [at for at in range(len(before.vfs)) if at != vf]
    assert [answer.state.vfs[at] for at in others] == [before.vfs[at] for at in others]
    assert answer.state.adapter == before.adapter
    assert all(key.startswith(f"switch.ports.vf{vf}.") for key in answer.effects)
    keys = keys_of(before.adapter, answer.state.vfs[vf])
    assert all(keys[key.rpartition(".")[2]] == value for key, value in answer.effects.items())
    assert handle(before, vf, padded(words)) == answer


@given(STATES, st.integers(0, 1), MESSAGES_DRAWN)
def test_the_tables_are_never_overdrawn(before: Any, vf: int, words: Any) -> None:
    answer = handle(before, vf, words)
    in_use, most = answer.state.addresses_in_use(), before.adapter.addresses
    assert in_use <= max(most, before.addresses_in_use())


def test_a_hundred_thousand_messages_take_seconds() -> None:
    """Drawn messages of a few VFs in one go, each from what the one before left."""
    drawn, now = Random(7), state(n_vfs=8)
    numbers = [1, 2, 3, 4, 4, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 7]
    began = time.perf_counter()
    for _ in range(100_000):
        words = (drawn.choice(numbers) | drawn.randrange(4) << 16, drawn.randrange(6), drawn.randrange(65536))
        now = handle(now, drawn.randrange(8), words).state
    assert time.perf_counter() - began < 20
    assert {field.name for field in fields(Vf)} and now.vfs[0].api in (0, 2, 3, 4, 5)


def test_groups_that_share_a_hash_come_together() -> None:
    """Address bits 47:36 alone count, so the other group comes too."""
    twin = GROUP ^ 0x10_0000_0000
    adapter = replace(KNOWN, known_groups=tuple(sorted((GROUP, twin, GROUP + 1))))
    effects = handle(state(adapter), 0, (0x10003, 0x10)).effects
    assert effects == {f"{PORT}.groups": ["01:00:5e:00:00:01", "01:10:5e:00:00:01"]}
