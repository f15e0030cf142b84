"""Who listens for frames hears those of the function, type and addresses that it asks for, and no others."""

from __future__ import annotations

import itertools

import pytest

from hwmodel.compiled.far_tables import give
from hwmodel.machine.adapter.watches import begin_to_listen
from hwmodel.machine.counts.heard import ANY_VALUE, NO_TYPE, ethertype_of, hear
from hwmodel.machine.counts.ledger_state import CAME_TRUE, HEARD, LOGGED
from hwmodel.machine.counts.outcome import delivered_to_guest
from hwmodel.machine.time.commands import LISTENING
from tests.blocks.idle_machine import NS, VF0, VF1, machine
from tests.blocks.test_outcome import a_copy, adapter

TO, FROM = 0x02_00_00_00_00_03, 0x02_00_00_00_00_02
PLAIN = "020000000003" + "020000000002" + "88cc"
TAGGED = "020000000003" + "020000000002" + "81006005" + "88cc"


def with_header(nic, header):
    stored, octets = nic.headers.copy_header[0], bytes.fromhex(header)
    stored.n_bytes = len(octets)
    stored.octets[: len(octets)] = list(octets)
    nic.traffic.copy_kind[0].port = 1 + VF1  # not the uplink's, behind which agents outside hear
    return stored


def listen(nic, function, number, *asked):
    commands = nic.commands
    give(commands.ring, 1)
    give(commands.value, 4)
    command = commands.ring[0]
    command.kind, command.part, command.n, command.first_value = LISTENING, function, 4, 0
    commands.value[:4] = (number, *asked)
    begin_to_listen(nic, commands, command)


@pytest.mark.parametrize(("header", "found"), [
    (PLAIN, 0x88CC), (TAGGED, 0x88CC), (PLAIN[:-2], NO_TYPE), (TAGGED[:-4], NO_TYPE), (TAGGED[:-2], NO_TYPE),
    (PLAIN[:12], NO_TYPE),
])  # fmt: skip
def test_a_type_stands_behind_a_tag_or_is_missing(header, found):
    nic = machine()
    assert ethertype_of(with_header(nic, header)) == found


@pytest.mark.parametrize("header", [PLAIN, TAGGED])
def test_all_that_is_asked_for_has_to_fit(header):
    """Of all combinations of what is asked for, right, wrong or not at all, those that have nothing wrong hear."""
    nic = adapter()
    with_header(nic, header)
    asked = itertools.product((ANY_VALUE, 0x88CC, 0x88CD), (ANY_VALUE, FROM, TO), (ANY_VALUE, TO, FROM))
    wanted = []
    for number, (ethertype, sender, destination) in enumerate(asked):
        listen(nic, VF1, number, ethertype, sender, destination)
        listen(nic, VF0, 100 + number, ethertype, sender, destination)
        if ethertype != 0x88CD and sender != TO and destination != FROM:
            wanted.append(number)
    copy = a_copy(nic, n_bytes=60)
    hear(nic, 9 * NS, copy, -5)
    heard = nic.watches.heard[: int(nic.watches.n_heard)]
    assert [int(one.number) for one in heard] == wanted and len(wanted) == 8
    assert {tuple(one.tolist()) for one in heard} == {(9 * NS, number, 0, 60, -5) for number in wanted}
    assert nic.ledger.is_stopping == CAME_TRUE


@pytest.mark.parametrize("is_logged", [False, True])
def test_a_delivery_is_logged_and_heard_by_whoever_wants_it(is_logged):
    nic = adapter()
    with_header(nic, PLAIN)
    nic.ledger.log.enabled = LOGGED * is_logged
    delivered_to_guest(nic, NS, a_copy(nic))
    assert (int(nic.ledger.log.n), int(nic.watches.n_heard), int(nic.ledger.is_stopping)) == (int(is_logged), 0, 0)
    listen(nic, VF1, 3, ANY_VALUE, ANY_VALUE, ANY_VALUE)
    assert nic.ledger.log.enabled == HEARD | LOGGED * is_logged
    delivered_to_guest(nic, 2 * NS, a_copy(nic))
    assert (int(nic.ledger.log.n), int(nic.watches.n_heard)) == (2 * is_logged, 1)
    assert nic.ledger.is_stopping == CAME_TRUE and int(nic.watches.heard[0].index) == 7
