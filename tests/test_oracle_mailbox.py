"""The reference for the mailbox against a table written by hand: before, message, reply, and what changes."""

from __future__ import annotations

import copy

import pytest

from tests.mailbox_cases import A_WORDS, B_WORDS, CALLS, NO_MAC, PF_MAC, ROWS, A, ready
from tests.oracles.mailbox import DEVICES, ReferencePf
from tests.oracles.mailbox_scripts import drawn_messages, replay

GRANTED, REFUSED = 0xA0000000, 0x60000000


def serve(pf: ReferencePf, steps: list) -> None:
    """Do steps that are to be granted: (VF, words), or a call's name and arguments."""
    for first, *rest in steps:
        if isinstance(first, str):
            assert getattr(pf, first)(*rest)
        else:
            reply = pf.handle(first, rest[0])
            assert rest[0] == [1] or reply[0] & 0xE0000000 == GRANTED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_message(row):
    _, device, before, message, reply, changes = row
    pf = ReferencePf(device, 4)
    serve(pf, before)
    expected = copy.deepcopy(pf.state())
    changes = dict(changes)
    expected["vfs"][0].update(changes.pop("vfs", {}))
    expected.update(changes)
    sent = list(message)
    assert pf.handle(0, message) == reply
    assert message == sent
    assert pf.state() == expected


class TestTheAdapter:
    def test_at_the_start(self):
        state = ReferencePf("82599", 2).state()
        assert state == {
            "vfs": [
                {
                    "clear_to_send": False,
                    "mac": NO_MAC,
                    "pf_set_mac": False,
                    "trusted": False,
                    "api": "1.0",
                    "vlans": [],
                    "pf_vlan": 0,
                    "pf_qos": 0,
                    "spoofchk": True,
                    "mac_anti_spoof": True,
                    "vlan_anti_spoof": True,
                    "xcast_mode": 0,
                    "hashes": [],
                    "max_frame": 1518,
                    "rss_query": False,
                    "link_state": "auto",
                    "link_enabled": True,
                    "rate": 0,
                }
            ]
            * 2,
            "mac_filters": [],
            "free_receive_addresses": 127,
            "free_macvlans": 110,
            "free_vlvf": 63,
            "greatest_frame": 1518,
            "promiscuous": False,
        }

    @pytest.mark.parametrize(
        ("n_vfs", "classes", "expected"),
        [
            (31, 0, [4, 4, 0, 0]),
            (32, 0, [2, 2, 0, 0]),
            (63, 0, [2, 2, 0, 0]),
            (40, 1, [2, 2, 1, 0]),
            (8, 4, [4, 4, 4, 3]),
            (8, 8, [8, 8, 8, 3]),
        ],
    )
    def test_queues(self, n_vfs, classes, expected):
        pf = ReferencePf("82599", n_vfs, classes=classes, default_class=3)
        serve(pf, ready())
        assert pf.handle(0, [9])[1:5] == expected

    def test_classes_refuse_vlans(self):
        pf = ReferencePf("82599", 4, classes=4)
        serve(pf, ready())
        assert pf.handle(0, [0x10004, 7])[0] == 0x60010004

    @pytest.mark.parametrize(
        ("version", "bytes_asked", "flags"), [(0, 1500, REFUSED), (2, 9000, GRANTED), (2, 1500, GRANTED)]
    )
    def test_an_82599_with_a_jumbo_pf_takes_whom_it_knows_to_cope(self, version, bytes_asked, flags):
        pf = ReferencePf("82599", 4, pf_mtu=9000)
        serve(pf, ready(version))
        assert pf.handle(0, [5, bytes_asked])[0] & 0xE0000000 == flags

    def test_a_storage_address_takes_an_entry(self):
        state = ReferencePf("82599", 4, san_mac=True).state()
        assert (state["free_receive_addresses"], state["free_macvlans"]) == (126, 107)

    def test_the_type_of_hash_goes_with_the_reset(self):
        assert ReferencePf("82599", 1, mc_filter_type=3).handle(0, [1]) == [0x40000001, 0, 0, 3]


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row[0])
def test_a_call(row):
    _, device, before, call, is_taken, changes = row
    pf = ReferencePf(device, 4)
    serve(pf, before)
    expected = copy.deepcopy(pf.state())
    changes = dict(changes)
    expected["vfs"][0].update(changes.pop("vfs", {}))
    expected.update(changes)
    assert getattr(pf, call[0])(*call[1:]) is is_taken
    assert pf.state() == expected


class TestFunctionReset:
    def test_it_leaves_the_address_and_the_leave_to_send(self):
        pf = ReferencePf("82599", 2)
        serve(pf, [*ready(), (0, [2, *A_WORDS]), (0, [0x10004, 7]), (0, [0x10006, *B_WORDS])])
        pf.function_reset(0)
        vf = pf.state()["vfs"][0]
        assert (vf["mac"], vf["clear_to_send"], vf["vlans"], vf["api"]) == (A, True, [0], "1.0")
        assert pf.state()["mac_filters"] == []
        pf.handle(0, [1])
        assert pf.state()["mac_filters"] == [(0, A)]

    def test_an_address_without_a_filter_cannot_be_taken_back(self):
        pf = ReferencePf("82599", 2)
        serve(pf, PF_MAC)
        pf.function_reset(0)
        assert not pf.set_vf_mac(0, bytes(6))


class TestDrawn:
    @pytest.mark.parametrize("device", DEVICES)
    def test_laws_that_hold_for_any_message(self, device):
        pf, n_granted, n_refused = ReferencePf(device, 4), 0, 0
        for kind, first, rest in drawn_messages(3, 3000):
            before = pf.state()
            if kind == "admin":
                is_taken = getattr(pf, first)(*rest)
                assert is_taken or pf.state() == before
                continue
            reply, after = pf.handle(first, rest), pf.state()
            for key in ("free_receive_addresses", "free_macvlans", "free_vlvf"):
                assert after[key] >= 0
            others = [number for number in range(4) if number != first]
            assert [after["vfs"][k] for k in others] == [before["vfs"][k] for k in others]
            if reply is None:
                assert after == before
            elif rest == [1]:
                assert len(reply) == 4
            else:
                assert len(reply) == (16 if before["vfs"][first]["clear_to_send"] else 1)
                is_refused = bool(reply[0] & 0x40000000)
                assert not is_refused or after == before
                n_refused += is_refused
                n_granted += not is_refused
        assert n_granted > 1000
        assert n_refused > 1000

    def test_bursts_fill_both_tables(self):
        pf, least = ReferencePf("x540", 4), [63, 108]
        for kind, first, rest in drawn_messages(5, 8000):
            getattr(pf, first)(*rest) if kind == "admin" else pf.handle(first, rest)
            state = pf.state()
            least = [min(least[0], state["free_vlvf"]), min(least[1], state["free_macvlans"])]
        assert least == [0, 0]

    def test_they_are_the_same_for_a_seed(self):
        assert list(drawn_messages(1, 500)) == list(drawn_messages(1, 500))
        assert len(list(drawn_messages(1, 500))) == 500

    def test_a_replay_gives_what_was_answered(self):
        steps = [("message", 0, [1]), ("admin", "set_vf_rate", (0, 1)), ("message", 0, [0x80000002])]
        assert replay(ReferencePf("82599", 1), steps) == [[0x40000001, 0, 0, 0], False, None]
