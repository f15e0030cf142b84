"""What is asked for ahead: the next target of a source without drawing it, and the records that lead on from there."""

from __future__ import annotations

import pytest

from hwmodel.machine import cache_hints
from hwmodel.machine.cache_hints import prefetch_servers
from hwmodel.machine.traffic.sources import draw, is_due, next_choice, next_template
from hwmodel.machine.traffic.traffic_state import (
    CLOSED_RECORDED_SOURCE,
    CLOSED_SOURCE,
    ON_OFF_SOURCE,
    PERIODIC_SOURCE,
    POISSON_SOURCE,
    RECORDED_SOURCE,
)
from tests.blocks.idle_machine import VF0, VF1
from tests.blocks.test_sources import adapter, add_source

UNTIL_FS = 1000


def test_a_look_at_the_next_target_draws_nothing_and_is_right():
    nic = adapter()
    source = add_source(nic, 0, VF0, POISSON_SOURCE, targets=((0, 1), (1, 5), (2, 2)))
    seen = set()
    for _ in range(50):
        before = source.rng.tolist()
        row, template = int(next_choice(source)), int(next_template(nic.traffic, source))
        assert source.rng.tolist() == before
        assert template in (int(nic.traffic.choice[row].here), int(nic.traffic.choice[row].there))
        draw(nic.traffic, source)
        assert source.pending_template == template
        seen.add(template)
    assert seen == {0, 1, 2}


@pytest.mark.parametrize(
    ("kind", "pending", "until_fs", "expected"),
    [
        (PERIODIC_SOURCE, 0, 700, True),
        (POISSON_SOURCE, 0, 900, True),
        (ON_OFF_SOURCE, 0, 699, False),  # not by then
        (ON_OFF_SOURCE, 1, 700, False),  # drawn already
        (CLOSED_SOURCE, 0, 700, False),  # when it has room is not known
        (RECORDED_SOURCE, 0, 700, False),  # nothing is drawn
        (CLOSED_RECORDED_SOURCE, 0, 700, False),
    ],
)
def test_who_draws_a_frame_at_a_known_time(kind, pending, until_fs, expected):
    source = add_source(adapter(), 0, VF0, kind, next_at_fs=700, pending=pending)
    assert bool(is_due(source, until_fs)) is expected


def place_of(record):
    return record.__array_interface__["data"][0]


def test_each_look_asks_for_what_the_last_has_led_to_and_changes_nothing(monkeypatch):
    """The third of the order runs: of the others each is asked for one step, what it holds the same in all."""
    asked = []
    monkeypatch.setattr(cache_hints, "prefetch", lambda record: asked.append(place_of(record)))
    servers = [adapter() for _ in range(5)]
    for nic in servers:
        for number in range(4):
            nic.traffic.template[number].first_copy = 10 + number
            nic.traffic.template[number].n_copies = 1
        add_source(nic, 0, VF0, POISSON_SOURCE, targets=((1, 1), (3, 1)), next_at_fs=UNTIL_FS)
        add_source(nic, 1, VF1, POISSON_SOURCE, next_at_fs=UNTIL_FS + 1)  # too late to be asked for
        nic.wire[0].come.ring[0].template, nic.wire[0].come.tail = 2, 1
        nic.traffic.copy_kind[12].function = VF1
    before = [(nic.traffic.source[0].rng.tolist(), int(nic.traffic.source[0].pending)) for nic in servers]
    prefetch_servers(servers, [9, 4, 0, 1, 2, 3], 1, len(servers), 1, UNTIL_FS)  # 9: another thread's
    assert [(nic.traffic.source[0].rng.tolist(), int(nic.traffic.source[0].pending)) for nic in servers] == before
    _, first, second, third, fourth = servers
    assert {place_of(fourth.traffic.source[number]) for number in (0, 1)} <= set(asked)
    assert place_of(third.traffic.choice[next_choice(third.traffic.source[0])]) in asked
    template = next_template(second.traffic, second.traffic.source[0])
    assert place_of(second.traffic.template[template]) in asked
    assert place_of(second.traffic.copy_kind[12]) in asked
    source = first.traffic.source[0]
    assert place_of(first.ledger.flow[next_template(first.traffic, source)]) in asked
    assert place_of(first.rx_queue[first.function[VF1].params.first_queue]) in asked
    sent, later = (first.tx_queue[first.function[each].params.first_queue] for each in (VF0, VF1))
    assert place_of(first.guests.post[sent.first]) in asked
    assert place_of(first.guests.post[later.first]) not in asked
