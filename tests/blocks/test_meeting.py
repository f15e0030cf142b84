"""How threads meet, as each of them sees it: what the others show comes at a look of its own choice."""

from __future__ import annotations

from functools import partial

import pytest

from hwmodel.kernels import meeting
from hwmodel.kernels.layout import zeros
from hwmodel.kernels.meeting import AWAY, CALLED, HERE, OVER, all_called, is_called, wait_while
from hwmodel.kernels.processor import exchange
from hwmodel.kernels.system_layout import FLAG, SYSTEM


@pytest.fixture
def system():
    return zeros(1, SYSTEM)[0]


@pytest.fixture
def at_look(monkeypatch):
    """Give a function that lets something be shown at a look: with few of them before a thread gives way or leaves."""
    monkeypatch.setattr(meeting, "LOOKS", 2)
    monkeypatch.setattr(meeting, "NAPS", 5)

    def shown(flag, number, value):
        looks = []

        def look(name):
            looks.append(name)
            if len(looks) == number:
                flag.value = value

        for name in ("pause", "give_way", "nap"):
            monkeypatch.setattr(meeting, name, partial(look, name))
        return looks

    return shown


def test_who_waits_sees_what_another_thread_shows_next(at_look):
    flag = zeros(1, FLAG)[0]
    looks = at_look(flag, 3, OVER)
    assert wait_while(flag, 0) == OVER
    assert looks == ["pause", "pause", "give_way"]
    assert wait_while(flag, 0) == OVER and len(looks) == 3, "at once"


def test_a_value_is_exchanged_for_the_one_expected_alone():
    flag = zeros(1, FLAG)[0]
    assert not exchange(flag, 1, 2) and flag.value == 0
    assert exchange(flag, 0, 2) and flag.value == 2


def test_a_thread_is_called_while_it_waits(system, at_look):
    share = system.share[1]
    looks = at_look(share.thread, 4, CALLED)
    assert is_called(share) and share.thread.value == CALLED
    assert looks == ["nap"] * 4


def test_a_thread_that_is_not_called_goes_away_and_says_so(system, at_look):
    share = system.share[1]
    looks = at_look(share.thread, 100, CALLED)
    assert not is_called(share) and share.thread.value == AWAY
    assert len(looks) == 5
    looks = at_look(share.thread, 2, AWAY)
    assert not is_called(share) and len(looks) == 2, "it is sent away"


def test_a_call_as_a_thread_leaves_is_heard_or_known_not_to_be(system, at_look, monkeypatch):
    """The call comes between its last look and its leaving: then it does not leave."""
    share = system.share[1]
    at_look(share.thread, 100, CALLED)

    def called_just_before(flag, expected, value):
        flag.value = CALLED
        return exchange(flag, expected, value)

    monkeypatch.setattr(meeting, "exchange", called_just_before)
    assert is_called(share) and share.thread.value == CALLED


def test_who_calls_knows_who_has_heard(system):
    system.n_shares = 4
    for number, place in enumerate((AWAY, HERE, CALLED, HERE, AWAY)):
        system.share[number].thread.value = place
    assert all_called(system), "the first thread calls; what is behind the shares is nobody's"
    assert [int(place) for place in system["share"]["thread"]["value"][:5]] == [AWAY, CALLED, CALLED, CALLED, AWAY]
    system.share[2].thread.value = AWAY
    assert not all_called(system), "one has to be woken"
    assert system.share[2].thread.value == AWAY
