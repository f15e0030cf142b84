"""The port: times on the wire, one frame after the other out and in, waits, and what is padded."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.ledger_state import WIRE_WAIT_HISTOGRAM
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.network.mac import (
    expect_line_anew,
    first_on_line,
    line_is_full,
    put_on_line,
    send,
    take_from_line,
    take_sent,
)
from hwmodel.machine.network.wires import padded_bytes, wire_time_fs
from hwmodel.machine.time.clock import LINE, WIRE
from tests.blocks.idle_machine import machine

BYTE_FS = 800_000  # at 10 Gb/s


def port(rate="10Gbps"):
    return machine(port={"rate": rate})


def copy_to_wire(nic, n_bytes, now_fs):
    fifo = nic.port[0].mac.fifo
    copy = fifo.ring[fifo.tail & fifo.mask]
    copy.n_bytes, copy.entered_fs = n_bytes, now_fs
    send(nic, 0, now_fs)


def frame_on_line(nic, frame_bytes, now_fs):
    source = nic.traffic.source[0]
    source.pending_bytes = frame_bytes
    put_on_line(nic, 0, now_fs, source)


@pytest.mark.parametrize(("n_bytes", "on_wire"), [(1514, 1538), (60, 84), (14, 84), (61, 85)])
def test_a_frame_on_the_wire_takes_at_least_84_byte_times(n_bytes, on_wire):
    """Padded to 60 B; FCS, preamble, gap: 24 B. At 10 Gb/s 0.8 ns a byte; rounded down at 3 Gb/s."""
    assert wire_time_fs(port().port[0].mac, n_bytes) == on_wire * BYTE_FS
    assert wire_time_fs(port("3Gbps").port[0].mac, n_bytes) == on_wire * 8 * 10**15 // (3 * 10**9)
    assert padded_bytes(n_bytes) == on_wire - 20


def test_an_idle_port_sends_at_once_and_a_busy_one_in_order():
    nic = port()
    mac = nic.port[0].mac
    for n_bytes, now_fs in ((1514, 0), (20, 7), (100, 9)):
        copy_to_wire(nic, n_bytes, now_fs)
    assert (mac.is_sending, nic.counts.wire_waiting.level) == (1, 3)
    found = []
    while (now_fs := int(nic.clock.next_at[WIRE])) != NEVER:
        found.append((int(take_sent(nic, 0, now_fs).n_bytes), now_fs // BYTE_FS))
    assert found == [(1514, 1538), (20, 1538 + 84), (100, 1538 + 84 + 124)]
    assert (mac.is_sending, nic.counts.wire_waiting.level, nic.counts.wire_waiting.highest) == (0, 0, 3)
    assert (mac.counts.tx_bytes, mac.counts.tx_busy_fs) == (1518 + 64 + 104, (1538 + 84 + 124) * BYTE_FS)
    assert (nic.counts.wire_wait.n, nic.counts.wire_wait.lowest_fs, nic.counts.wire_wait.highest_fs) == (
        3,
        0,
        1622 * BYTE_FS - 9,
    )
    assert nic.ledger.histogram[WIRE_WAIT_HISTOGRAM].sum() == 3


def test_frames_come_in_one_after_the_other():
    """At 0, 10 and 200 byte times, 84 each: the second waits for the line, the third finds it idle."""
    nic = port()
    for at in (0, 10, 200):
        frame_on_line(nic, 64, at * BYTE_FS)
    line = nic.port[0].mac.line
    found = []
    while (now_fs := int(nic.clock.next_at[LINE])) != NEVER:
        assert first_on_line(line).ready_fs == now_fs
        frame = take_from_line(nic, 0)
        found.append((int(frame.n_bytes), int(frame.is_wire), now_fs // BYTE_FS))
    assert found == [(60, 1, 84), (60, 1, 168), (60, 1, 284)]
    counts = nic.port[0].mac.counts
    assert (counts.rx_bytes, counts.rx_busy_fs, line.busy_until_fs) == (
        3 * 64,
        252 * BYTE_FS,
        284 * BYTE_FS,
    )


def test_a_line_takes_so_many_frames_and_no_more():
    line = port().port[0].mac.line
    line.head, line.tail = 5, 5 + LINE_CAP - 1
    assert not line_is_full(line)
    line.tail += 1
    assert line_is_full(line)


def test_what_waits_for_the_line_takes_its_new_rate():
    """Three frames of 1538 B with all on the wire: the first comes at 10 Gb/s, the others at 5 Gb/s behind it."""
    nic = port()
    for _ in range(3):
        frame_on_line(nic, 1518, 0)
    nic.port[0].mac.line.params.fs_per_byte_num *= 2
    expect_line_anew(nic.port[0].mac)
    each_fs = 1538 * BYTE_FS
    found = []
    while nic.port[0].mac.line.head != nic.port[0].mac.line.tail:
        found.append(int(nic.clock.next_at[LINE]))
        take_from_line(nic, 0)
    assert found == [each_fs, 3 * each_fs, 5 * each_fs]
    assert (nic.port[0].mac.line.busy_until_fs, nic.port[0].mac.counts.rx_busy_fs) == (5 * each_fs, 5 * each_fs)


def test_an_idle_line_expects_nothing():
    nic = port()
    frame_on_line(nic, 1518, 0)
    take_from_line(nic, 0)
    nic.port[0].mac.line.params.fs_per_byte_num *= 2
    expect_line_anew(nic.port[0].mac)
    assert (nic.port[0].mac.line.busy_until_fs, nic.port[0].mac.counts.rx_busy_fs) == (1538 * BYTE_FS, 1538 * BYTE_FS)
