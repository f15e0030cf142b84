"""The words of the mailbox: each message against words written down by hand, and what is read back from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hwmodel.config.build import complaints_from
from hwmodel.config.document import Document, KeyPath, Place, Problem, raise_problems
from hwmodel.config.mailbox import MailboxMessage, PfCall, misfits
from hwmodel.errors import InputError
from hwmodel.functions.mailbox import (
    ACK,
    CLEAR_TO_SEND,
    NACK,
    encode,
    group_hash,
    hashes_of,
    mac_of_words,
    padded,
    words_of_mac,
)
from hwmodel.rules.mailbox_messages import API_NUMBERS, MAILBOX_WORDS, TABLES, XCAST_MODES, MessageType

PATH: KeyPath = ("scenario", 0, "mailbox")  # where a message stands in a configuration, for hints
SCENARIO = TypeAdapter(dict[str, list[dict[str, MailboxMessage]]])


def request_of(fields: Mapping[str, Any]) -> MailboxMessage:
    """Return a checked message of names with values as users type them: {message: set_vlan, vlan: 20, add: true}.

    `from` may be left out. Raises InputError with a line for each problem.
    """
    said = {"from": "vf0", **fields}
    document = Document("mailbox", {"scenario": [{"mailbox": said}]})
    document.mark_written(PATH, said, Place(0, 0, 0, "mailbox"), before=None)
    try:
        found = SCENARIO.validate_python(document.data)["scenario"][0]["mailbox"]
    except ValidationError as error:
        problems = complaints_from(error, document).problems
        raise_problems([replace(one, key=one.key.removeprefix("scenario.0.mailbox.")) for one in problems])
        raise
    raise_problems([Problem(document.place_of(PATH), name, message) for name, message in misfits(found)])
    return found


MAC = "02:11:22:33:44:55"
MAC_WORDS = (0x33221102, 0x5544)
WORDS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"message": "reset"}, (0x1,)),
    ({"message": "set_mac", "mac": MAC}, (0x2, *MAC_WORDS)),
    # ixgbevf_update_mc_addr_list_vf writes all of its 16 words.
    ({"message": "set_multicast"}, (0x3, *[0] * 15)),
    ({"message": "set_multicast", "hashes": [0xABC, 0x123, 0xFFF]}, (0x30003, 0x0123_0ABC, 0xFFF, *[0] * 13)),
    ({"message": "set_vlan", "vlan": 20, "add": True}, (0x10004, 20)),
    ({"message": "set_vlan", "vlan": 20, "add": False}, (0x4, 20)),
    ({"message": "set_lpe", "max_frame": "9018B"}, (0x5, 9018)),
    ({"message": "set_macvlan", "mac": MAC, "index": 3}, (0x30006, *MAC_WORDS)),
    ({"message": "set_macvlan", "index": 0}, (0x6,)),
    ({"message": "api_negotiate", "api": 1.4}, (0x8, 5)),
    ({"message": "api_negotiate", "api": "1.1"}, (0x8, 2)),
    ({"message": "get_queues"}, (0x9,)),
    ({"message": "get_reta"}, (0xA,)),
    ({"message": "get_rss_key"}, (0xB,)),
    ({"message": "update_xcast", "mode": "allmulti"}, (0xC, 2)),
    ({"message": "ipsec_add"}, (0xD,)),
    ({"message": "ipsec_del", "sa": 7}, (0xE, 7)),
    ({"message": "get_link_state"}, (0x10,)),
    ({"message": "pf_control"}, (0x100,)),
    ({"words": ["0x20000077", 5]}, (0x20000077, 5)),
]


@pytest.mark.parametrize(("fields", "words"), WORDS, ids=lambda each: str(each)[:40])
def test_words_are_those_of_the_driver(fields: dict[str, Any], words: tuple[int, ...]) -> None:
    assert encode(request_of(fields)) == words


def test_what_is_left_out_has_its_usual_value() -> None:
    assert encode(request_of({"message": "set_vlan", "vlan": 5})) == (0x10004, 5)
    assert encode(request_of({"message": "set_macvlan", "mac": MAC})) == (0x10006, *MAC_WORDS)


def test_groups_go_as_their_hashes() -> None:
    """Bits 47:36 of the address as the driver has it: its last byte highest, then the upper half of the one before."""
    group = 0x01_00_5E_12_34_56
    assert group_hash(group) == 0x563
    assert encode(request_of({"message": "set_multicast", "groups": ["01:00:5e:12:34:56"]})) == (
        0x10003,
        0x563,
        *[0] * 14,
    )
    assert hashes_of(padded((0x20003, 0xF0F0_0563))) == (0x563, 0x0F0)
    assert len(hashes_of(padded((0xFF0003,)))) == 30


def test_addresses_lie_in_two_words() -> None:
    assert words_of_mac(0x02_11_22_33_44_55) == MAC_WORDS
    assert mac_of_words(0x33221102, 0xFFFF5544) == 0x02_11_22_33_44_55


@given(st.integers(0, 2**48 - 1), st.lists(st.integers(0, 4095), max_size=30))
@settings(max_examples=300, deadline=None)
def test_addresses_and_hashes_come_back(mac: int, hashes: list[int]) -> None:
    assert mac_of_words(*words_of_mac(mac)) == mac
    said = request_of({"message": "set_multicast", "hashes": hashes})
    assert hashes_of(padded(encode(said))) == tuple(hashes)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=MAILBOX_WORDS))
@settings(max_examples=300, deadline=None)
def test_bare_words_go_as_they_are(words: list[int]) -> None:
    assert encode(request_of({"words": words})) == tuple(words)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"message": "set_vln"}, r"message: 'set_vln' is not one of .* \(did you mean set_vlan\?\)"),
    ({"message": "set_vlan", "vlam": 3}, r"vlam: unknown key \(did you mean vlan\?\)"),
    ({"message": "set_vlan"}, "set_vlan needs vlan"),
    ({"message": "set_vlan", "vlan": 4096}, "vlan: 4096 is out of range; 0 to 4095"),
    ({"message": "set_vlan", "vlan": "20"}, r"vlan: '20' is not a VLAN number \(did you mean 20, without quotes\?\)"),
    ({"message": "set_vlan", "vlan": 2, "add": 1}, "add: 1 is neither true nor false"),
    ({"message": "set_vlan", "vlan": 2, "mac": MAC}, "mac: not of set_vlan, which has vlan, add"),
    ({"message": "reset", "vlan": 2}, "vlan: not of reset, which says nothing more"),
    ({"message": "set_mac", "mac": "02:11"}, "mac: '02:11' is not a MAC address"),
    ({"message": "set_macvlan"}, "set_macvlan needs mac, but for index: 0"),
    ({"message": "set_macvlan", "index": 256, "mac": MAC}, "index: 256 is out of range"),
    ({"message": "set_multicast", "groups": [MAC]}, "groups.0: 02:11:22:33:44:55 is a station's address"),
    ({"message": "set_multicast", "groups": [], "hashes": []}, "set_multicast has groups or hashes, not both"),
    ({"message": "set_multicast", "hashes": list(range(31))}, "hashes: the list is too long, 31 of at most 30"),
    ({"message": "set_multicast", "hashes": [4096]}, "hashes.0: 4096 is out of range"),
    ({"message": "set_lpe", "max_frame": 1518}, "max_frame: 1518 has no unit"),
    ({"message": "api_negotiate", "api": 3}, "api: 3 is not one of 1.0, 1.1"),
    ({"message": "update_xcast", "mode": "promiscuous"}, r"mode: 'promiscuous' is not one of none, multi"),
    ({"message": "reset", "words": [1]}, "a mailbox has message or words, not both"),
    ({"words": [1], "vlan": 3}, "vlan: it is of a message; words say all by themselves"),
    ({"words": []}, "words: the list is too short, 0 of at least 1"),
    ({"words": [0] * 17}, "words: the list is too long, 17 of at most 16"),
    ({"words": [2**32]}, "words.0: 4294967296 is out of range"),
    ({"words": ["0xfoo"]}, "words.0: '0xfoo' is not a word of 32 bits"),
    ({}, "message is missing"),
    ({"message": "reset", "times": 5}, "needs every, the time from one to the next"),
    ({"message": "reset", "every": "1us"}, "every: needs times"),
    ({"message": "reset", "times": 10001, "every": "1us"}, "times: 10001 is out of range; 1 to 10000"),
    ({"message": "reset", "from": "a.pf"}, "from: the PF asks nobody over the mailbox"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "line"), WRONG, ids=lambda each: str(each)[:40])
def test_what_is_wrong_with_a_message_is_one_clear_line(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        request_of(fields)
    assert len(caught.value.lines) == 1


def test_what_is_wrong_with_a_call_is_said() -> None:
    def said(**keys: Any) -> list[tuple[str, str]]:
        return list(misfits(PfCall.model_validate(keys)))

    assert said(vf="vf1", trust=True) == [] == said(promiscuous=True) == said(server="a", promiscuous=True)
    assert [key for key, _ in said(trust=True)] == [""]
    assert [key for key, _ in said(vf="vf1")] == [""]
    assert [key for key, _ in said(vf="pf", trust=True)] == ["vf"]
    assert [key for key, _ in said(vf="a.vf1", server="a", trust=True)] == ["server"]
    assert [key for key, _ in said(vf="vf1", qos=3)] == ["qos"]
    assert [key for key, _ in said(vf="vf1", rate_limit="1.5Mbps")] == ["rate_limit"]


def test_a_message_is_shown_with_what_was_written_alone() -> None:
    said = MailboxMessage.model_validate({"from": "vf1", "message": "set_vlan", "vlan": 3})
    assert said.model_dump(by_alias=True, mode="json") == {"from": "vf1", "message": "set_vlan", "vlan": 3}


def test_numbers_are_those_of_ixgbe() -> None:
    assert (ACK, NACK, CLEAR_TO_SEND) == (0x80000000, 0x40000000, 0x20000000)
    assert MAILBOX_WORDS == 16
    assert [int(each) for each in MessageType] == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 256]
    assert [API_NUMBERS[f"1.{minor}"] for minor in range(5)] == [0, 2, 3, 4, 5]
    assert XCAST_MODES == ("none", "multi", "allmulti", "promisc")
    assert (TABLES["82576"].addresses, TABLES["82576"].vlans) == (24, 32)
    assert {(TABLES[name].addresses, TABLES[name].vlans) for name in ("82599", "X540", "X550")} == {(128, 64)}
