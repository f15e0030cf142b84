"""The switch core's bus in the adapter: edges of the clock, turns, words, the uplink's finite ingress FIFO."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.adapter_state import PASSING_CAP
from hwmodel.machine.adapter.switch_bus import (
    ask_for_bus,
    can_be_granted,
    grant_bus,
    next_grant_fs,
    take_passed,
    words_of,
)
from hwmodel.machine.adapter.switching import bus_passed, into_pipeline
from hwmodel.machine.time.clock import BUS, PASSED
from tests.blocks.idle_machine import NS, PORT_VF0, PORT_VF1, UPLINK, machine
from tests.blocks.test_switching import adapter, granted, kinds

CYCLE = 6_400_000
CORE = {"switch": {"timing": "core"}}


def ask(nic, now_fs, port, n_bytes=60):
    frame = nic.port[0].mac.line.ring[0]
    frame.n_bytes, frame.is_wire, frame.template = n_bytes, port == UPLINK, port
    return ask_for_bus(nic, now_fs, frame, port)


def next_of(nic, lane):
    at_fs = int(nic.clock.next_at[lane])
    return None if at_fs == NEVER else at_fs / CYCLE


@pytest.mark.parametrize(("bits", "delay", "ingress_words"), [(512, 11, 256), (128, 12, 1024), (64, 14, 2048)])
def test_the_bus_of_a_configuration(bits, delay, ingress_words):
    bus = machine(switch={"timing": "core", "bus_bits": bits}).port[0].bus
    assert (bus.params.cycle_fs, bus.params.n_ports, bus.params.delay_cycles, bus.params.ingress_words) == (
        CYCLE,
        4,
        delay,
        ingress_words,
    )
    assert machine(switch={"bus_bits": bits}).port[0].bus.params.cycle_fs == 0


@pytest.mark.parametrize(("n_bytes", "words"), [(0, 1), (60, 1), (64, 1), (65, 2), (1514, 24)])
def test_words(n_bytes, words):
    nic = machine(**CORE)
    nic.port[0].mac.line.ring[0].n_bytes = n_bytes
    assert words_of(nic.port[0].bus, nic.port[0].mac.line.ring[0]) == words


@pytest.mark.parametrize(("now_fs", "cycle"), [(0, 4), (1, 5), (CYCLE - 1, 5), (CYCLE, 5), (CYCLE + 1, 6)])
def test_a_grant_comes_four_cycles_after_the_edge_at_which_the_frame_is_whole(now_fs, cycle):
    nic = machine(**CORE)
    assert ask(nic, now_fs, PORT_VF0)
    assert (next_of(nic, BUS), next_of(nic, PASSED)) == (cycle, None)
    assert next_grant_fs(nic, nic.port[0].bus) == cycle * CYCLE
    assert can_be_granted(nic, nic.port[0].bus, PORT_VF0, cycle * CYCLE)
    assert not can_be_granted(nic, nic.port[0].bus, PORT_VF0, cycle * CYCLE - 1)
    assert not can_be_granted(nic, nic.port[0].bus, PORT_VF1, cycle * CYCLE)


def test_turns_and_words():
    """Granted in 4, 5, 7 and 31: the uplink, VF 0 with 2 words, VF 1 with 24, VF 0 again."""
    nic = machine(**CORE)
    for port, n_bytes in ((PORT_VF0, 65), (PORT_VF0, 60), (PORT_VF1, 1514), (UPLINK, 60)):
        assert ask(nic, 0, port, n_bytes)
    passed = []
    for cycle, port in ((4, UPLINK), (5, PORT_VF0), (7, PORT_VF1), (31, PORT_VF0)):
        assert next_of(nic, BUS) == cycle
        grant_bus(nic, 0, cycle * CYCLE)
        assert nic.port[0].bus.passing[(nic.port[0].bus.tail - 1) % PASSING_CAP].template == port
    assert next_of(nic, BUS) is None
    while next_of(nic, PASSED) is not None:
        passed.append((next_of(nic, PASSED), int(nic.port[0].bus.passing[take_passed(nic, 0)].template)))
    # Eleven cycles to the decision, and the words.
    assert passed == [(16, UPLINK), (18, PORT_VF0), (42, PORT_VF1), (43, PORT_VF0)]
    assert nic.port[0].bus.counts.busy_fs == (2 + 24 + 1 + 1) * CYCLE
    assert ask(nic, 0, PORT_VF1)
    assert next_of(nic, BUS) == 32  # the bus is taken until then


def test_the_uplinks_fifo_is_finite():
    nic = machine(**CORE)
    assert [ask(nic, 0, UPLINK, 100 * 64) for _ in range(3)] == [True, True, False]
    assert ask(nic, 0, UPLINK, 56 * 64)
    assert not ask(nic, 0, UPLINK, 60)
    assert [ask(nic, 0, PORT_VF0, 100 * 64) for _ in range(3)] == [True] * 3
    grant_bus(nic, 0, 4 * CYCLE)
    assert nic.port[0].bus.port[UPLINK].n_words == 156
    assert ask(nic, 0, UPLINK, 100 * 64)


def test_a_frame_is_switched_when_it_has_passed():
    nic = adapter(**CORE)
    into_pipeline(nic, 0, nic.grants.ring[granted(nic, 0)])
    assert kinds(nic.loopback) == []
    grant_bus(nic, 0, 4 * CYCLE)
    bus_passed(nic, 0, 16 * CYCLE)
    assert kinds(nic.loopback) == [0]
    assert nic.counts.tx_buffer.level == 60


def test_a_frame_from_the_wire_without_room_is_dropped():
    nic = adapter(**CORE)
    frame = nic.port[0].mac.line.ring[0]
    frame.template, frame.n_bytes, frame.is_wire, frame.journey = 0, 9000, 1, 1
    for _ in range(2):
        into_pipeline(nic, 5 * NS, frame)
    assert (nic.ledger.counts.dropped, nic.ledger.counts.drops[25], nic.port[0].bus.port[UPLINK].n_words) == (1, 1, 141)
