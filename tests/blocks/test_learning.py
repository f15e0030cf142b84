"""The table of addresses of a bridge, step by step, and against a dictionary of its own under random traffic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import zeros
from hwmodel.machine.network.bridge_state import BRIDGE, NOBODY
from hwmodel.machine.network.learning import age_out, learn, port_of

AGEING = 100


def table(n_addresses=4, entries=4, *, learns=1):
    bridge = zeros(1, BRIDGE)[0]
    box = bridge.box[0]
    bridge.n_addresses, box.params.table_entries, box.params.ageing_fs, box.params.learns = (
        n_addresses,
        entries,
        AGEING,
        learns,
    )
    bridge["address"]["logical_port"][:n_addresses] = NOBODY
    return bridge


def counts(bridge):
    box = bridge.box[0]
    names = ("learned", "moved", "aged", "not_learned")
    return {"n_known": int(box.n_known), **{name: int(box.counts[name]) for name in names}}


def test_an_address_is_known_from_its_first_frame_until_it_has_aged():
    bridge = table()
    assert port_of(bridge, 0, 1) == NOBODY
    learn(bridge, 10, 1, 7)
    assert port_of(bridge, 10 + AGEING - 1, 1) == 7
    learn(bridge, 50, 1, 7)
    assert port_of(bridge, 50 + AGEING - 1, 1) == 7
    assert port_of(bridge, 50 + AGEING, 1) == NOBODY
    assert counts(bridge) == {"n_known": 0, "learned": 1, "moved": 0, "aged": 1, "not_learned": 0}


def test_an_address_moves_with_its_station():
    bridge = table()
    learn(bridge, 0, 2, 1)
    learn(bridge, 1, 2, 3)
    assert port_of(bridge, 2, 2) == 3
    assert (int(bridge.box[0].counts.learned), int(bridge.box[0].counts.moved), int(bridge.box[0].n_known)) == (1, 1, 1)


def test_a_full_table_learns_again_when_something_has_aged():
    bridge = table(n_addresses=3, entries=1)
    learn(bridge, 0, 0, 1)
    learn(bridge, 1, 1, 2)
    assert port_of(bridge, 1, 1) == NOBODY
    learn(bridge, AGEING - 1, 1, 2)
    learn(bridge, AGEING, 1, 2)
    assert port_of(bridge, AGEING, 1) == 2
    assert port_of(bridge, AGEING, 0) == NOBODY
    assert counts(bridge) == {"n_known": 1, "learned": 2, "moved": 0, "aged": 1, "not_learned": 2}


@pytest.mark.parametrize(("number", "learns"), [(NOBODY, 1), (1, 0)])
def test_groups_and_bridges_that_are_told_learn_nothing(number, learns):
    bridge = table(learns=learns)
    learn(bridge, 0, number, 1)
    assert counts(bridge)["n_known"] == counts(bridge)["learned"] == 0
    assert port_of(bridge, 0, NOBODY) == NOBODY


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=60))
def test_against_a_dictionary(steps):
    """Each step: time passes, then an address sends from a port, or is asked for."""
    bridge, known, now, lost = table(entries=2), {}, 0, 0
    for passed, address, port, sends in steps:
        now += passed
        known = {one: entry for one, entry in known.items() if now - entry[1] < AGEING}
        if not sends:
            assert port_of(bridge, now, address) == known.get(address, (NOBODY,))[0]
        else:
            learn(bridge, now, address, port)
            if address in known or len(known) < 2:
                known[address] = port, now
            else:
                lost += 1
    assert int(bridge.box[0].counts.not_learned) == lost


def test_what_has_aged_is_taken_out_and_the_rest_stays():
    bridge = table()
    for at_fs, number in ((10, 1), (60, 2)):
        learn(bridge, at_fs, number, 7)
    age_out(bridge, 10 + AGEING - 1, 0)
    assert (counts(bridge)["n_known"], bridge.box[0].next_expiry_fs) == (2, 10 + AGEING)
    age_out(bridge, 10 + AGEING, 0)
    assert (counts(bridge)["n_known"], bridge.box[0].next_expiry_fs) == (1, 60 + AGEING)
    assert (port_of(bridge, 120, 1), port_of(bridge, 120, 2)) == (NOBODY, 7)
