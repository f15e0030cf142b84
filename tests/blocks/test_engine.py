"""The loop: what one frame takes, the order of one instant, why a run stops, and that it may be cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine import engine
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT, FRAMES_REACHED, IDLE, OVERFLOW
from hwmodel.machine.pcie.reads import request
from hwmodel.machine.pcie.transactions import answer_read
from hwmodel.machine.time.clock import COMPLETION_READY, DOWN_DONE, TIMERS, UP_DONE, WIRE
from hwmodel.machine.tlp_kinds import (
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    RX_DESCRIPTOR_COMPLETION,
    RX_DESCRIPTOR_READ,
    RX_WRITEBACK,
    TX_DOORBELL,
    TX_WRITEBACK,
)
from hwmodel.simulation.figures.measurement import take_snapshot
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.workload_state import decide_workload, fill_workload
from hwmodel.simulation.run.machine import run_alone as run
from hwmodel.workload import build_workload
from tests.blocks.idle_machine import NS, VF0, config_of, machine, posted_writes, time_fs, waiting

START_FS = 10_000 * NS  # when the descriptors fetched ahead have long come
READ_FS = 450 * NS
FOREVER = NEVER
MANY = 10**9


def loaded(**blocks):
    """Return the state of a machine with its workload, and the names that go with it."""
    config = config_of(**blocks)
    state = build_state(config, seed=1)
    workload = build_workload(config)
    stations = fill_workload(state[0], config, workload, 1)
    return state, decide_workload(state, config, workload, stations)


def one_frame(n_frame_bytes, **blocks):
    """Return a machine that VF0 sends one frame to VF1 with, at START_FS."""
    workload = {"pattern": "flows", "flows": [["vf0", "vf1", "1Mbps"]], "arrivals": "periodic"}
    state, _ = loaded(workload={**workload, "frame_bytes": n_frame_bytes}, **blocks)
    state[0].traffic.source[0].params.first_fs = START_FS
    return state


def tlps(header, data):
    """Return the time of consecutive TLPs."""
    return sum(time_fs(header + n) for n in data)


FRAMES = {64: [60], 1518: [256] * 5 + [236]}  # whole double words of each TLP, both ways


@pytest.mark.parametrize("frame_bytes", FRAMES)
@pytest.mark.parametrize("interrupt", [0, 1])
def test_one_frame_alone(frame_bytes, interrupt):
    """Doorbell; descriptor read; payload read; write; write-back; interrupt. Each TLP is rounded down by itself.

    The three requests of 1514 B go up while the host still reads: their completions come without a gap. Rx descriptors
    are on the chip, enough of them, and the Tx descriptor is not written back: nothing else is on the link.
    """
    alone = {"rx_fetch_batch": 8, "tx_writeback_batch": 8}
    state = one_frame(frame_bytes, nic=alone, driver={"rx_interrupt_batch": interrupt})
    run(state, START_FS + 10_000 * NS, MANY)
    data = FRAMES[frame_bytes]
    expected = time_fs(28) + time_fs(24) + READ_FS + time_fs(36) + time_fs(24) + READ_FS
    expected += tlps(20, data) + tlps(24, data) + time_fs(40) + interrupt * time_fs(28)
    latency = state[0].ledger.flow[0].latency
    assert (latency.n, latency.lowest_fs) == (1, expected)
    assert state[0].ledger.counts.from_doorbell.lowest_fs == expected  # posting takes no time here


def test_propagation_adds_six_flights():
    """Doorbell, two reads there and back, and the write-back behind the write."""
    state = one_frame(64, pcie={"propagation": "7ns"})
    run(state, START_FS + 10_000 * NS, MANY)
    plain = one_frame(64)
    run(plain, START_FS + 10_000 * NS, MANY)
    assert state[0].ledger.flow[0].latency.lowest_fs - plain[0].ledger.flow[0].latency.lowest_fs == 6 * 7 * NS


def test_storing_what_is_read_takes_its_time():
    """8 Gb/s: a byte a nanosecond; 16 B of descriptor and 60 B of payload."""
    state, plain = one_frame(64, nic={"store_rate": "8Gbps"}), one_frame(64)
    for each in (state, plain):
        run(each, START_FS + 10_000 * NS, MANY)
    assert state[0].ledger.flow[0].latency.lowest_fs - plain[0].ledger.flow[0].latency.lowest_fs == 76 * NS


def test_entries_of_one_frame_stand_in_the_order_of_the_document():
    """With the last byte of the payload: its write, its write-back, and the write-back of its Tx descriptor."""
    state = one_frame(64)
    nic = state[0]
    arrived = START_FS + time_fs(28) + 2 * (time_fs(24) + READ_FS) + time_fs(36) + time_fs(80)
    run(state, arrived - 1, MANY)
    assert posted_writes(nic) == []
    run(state, arrived, MANY)
    ring = nic.pcie[0].up.first.ring
    assert [int(ring[i].kind) for i in range(nic.pcie[0].up.first.tail)] == [
        PAYLOAD_WRITE, RX_WRITEBACK, TX_WRITEBACK,
    ]  # fmt: skip
    assert nic.pcie[0].up.busy_until_fs == arrived + time_fs(84)


def test_room_in_the_rx_buffer_is_free_when_the_payload_has_left():
    """Not when it has been chosen, nor when it arrives, 3 us later."""
    state = one_frame(64, pcie={"propagation": "3us"})
    nic = state[0]
    while nic.counts.rx_buffer.level == 0:
        run(state, FOREVER, 1)
    left_fs = int(nic.pcie[0].up.busy_until_fs)
    assert left_fs == nic.clock.now_fs + time_fs(84)
    run(state, left_fs - 1, MANY)
    assert (nic.counts.rx_buffer.level, nic.rx_dma_busy) == (60, 0)
    run(state, left_fs, MANY)
    assert (nic.counts.rx_buffer.level, nic.ledger.counts.delivered) == (0, 0)


def test_a_tag_is_free_when_its_data_are_stored():
    """The descriptor's 16 B take 16 ns at 8 Gb/s."""
    state = one_frame(64, nic={"store_rate": "8Gbps", "rx_fetch_batch": 8})
    nic = state[0]
    run(state, START_FS, MANY)
    arrived = START_FS + time_fs(28) + time_fs(24) + READ_FS + time_fs(36)
    run(state, arrived + 16 * NS - 1, MANY)
    assert (nic.pcie[0].tags.n_free, nic.tx_queue[VF0].cached) == (nic.pcie[0].tags.params.n_tags - 1, 0)
    run(state, arrived + 16 * NS, MANY)
    assert nic.pcie[0].tags.slot[nic.pcie[0].tags.free[nic.pcie[0].tags.n_free]].kind == PAYLOAD_READ  # it goes at once


# ---- One instant ----


def test_lanes_of_one_instant_go_in_their_order(monkeypatch):
    """Timers, then what came down, then what went up, then the lanes that only some runs have."""
    state = machine_at_one_instant()
    order = []

    def note(name, lane):
        def handler(nic, _now_fs, *_):
            order.append(name)
            nic.clock.next_at[lane] = FOREVER
            return engine.NO_READ

        monkeypatch.setattr(engine, name, handler)

    note("timer", TIMERS)
    note("up_done", UP_DONE)
    monkeypatch.setattr(engine, "down_has_landed", lambda *_: True)
    note("down_received", DOWN_DONE)

    def rare(nic, _now_fs):
        order.append("rare")
        nic.clock.next_at[WIRE] = nic.clock.rare_at = FOREVER
        return engine.NO_READ

    monkeypatch.setattr(engine, "handle_rare", rare)
    run(state, 5, MANY)
    assert order == ["timer", "down_received", "up_done", "rare"]


def machine_at_one_instant():
    state = build_state(config_of(), seed=1)
    nic = state[0]
    nic.clock.has_started = 1
    for lane in (TIMERS, DOWN_DONE, UP_DONE, WIRE, COMPLETION_READY):
        nic.clock.next_at[lane] = 5
    nic.clock.rare_at = 5
    return state


def test_an_idle_link_chooses_when_its_instant_is_over():
    """An answer becomes ready in the instant in which a doorbell is rung: P goes first at a tie, so they both count."""
    state = one_frame(64)
    nic = state[0]
    run(state, START_FS - 1, MANY)
    request(nic, nic.pcie[0], int(nic.clock.now_fs), RX_DESCRIPTOR_READ, VF0, 16, 0).n_descriptors = 1
    nic.pcie[0].up.second.head = nic.pcie[0].up.second.tail  # as if it had been sent long ago
    tag = int(nic.pcie[0].up.second.ring[(nic.pcie[0].up.second.tail - 1) & nic.pcie[0].up.second.mask].tag)
    nic.rx_queue[VF0].requested += 1
    answer_read(nic.clock, nic.pcie[0], START_FS, tag)
    run(state, START_FS, MANY)
    assert nic.pcie[0].down.counts.n_tlps[TX_DOORBELL] == 1
    assert nic.pcie[0].down.busy_until_fs == START_FS + time_fs(28)
    assert [int(each.kind) for each in waiting(nic.pcie[0].down.second)] == [RX_DESCRIPTOR_COMPLETION]


# ---- Why a run stops ----


def test_reasons_to_stop():
    state = one_frame(64)
    nic = state[0]
    assert run(state, 5000 * NS, MANY) == DONE
    assert nic.clock.now_fs == 5000 * NS
    assert run(state, FOREVER - 1, 3) == EVENTS_SPENT
    nic.ledger.delivered_target = 1
    assert run(state, FOREVER - 1, MANY) == FRAMES_REACHED
    assert nic.ledger.counts.delivered == 1
    nic.ledger.delivered_target = FOREVER
    nic.traffic.source[0].next_at_fs = FOREVER
    nic.clock.heap_n, nic.clock.next_at[TIMERS] = 0, FOREVER  # no more frames
    assert run(state, FOREVER, MANY) == IDLE
    for part in (nic.clock, nic.ledger):
        part.overflow = 1
        assert run(state, FOREVER, MANY) == OVERFLOW
        part.overflow = 0
    assert run(state, FOREVER, MANY) == IDLE


def test_a_machine_without_traffic_comes_to_rest():
    state = build_state(config_of(), seed=1)
    assert run(state, FOREVER, MANY) == IDLE
    nic = state[0]
    assert [int(nic.rx_queue[i].cached) for i in range(3)] == [1, 1, 1]  # fetched ahead
    assert nic.pcie[0].tags.n_free == nic.pcie[0].tags.params.n_tags


# ---- Cut anywhere ----


BUSY = {
    "pcie": {"dllp_model": "tlp4", "tags": 8},
    "driver": {"rx_interrupt_batch": 2, "tx_interrupt_batch": 2, "refill_batch": 2, "frame_time": "20ns"},
    "nic": {"writeback_timeout": "1us", "tx_writeback_batch": 4, "rx_writeback_batch": 2},
    "workload": {"pattern": "pairs", "frame_bytes": None, "sizes": [[64, 1], [1518, 1]], "load": "saturate"},
}


def figures(state, book):
    """Return all that is measured, as comparable values."""
    snapshot = dict(vars(take_snapshot(state[0], book)))
    snapshot.pop("n_events")
    return {
        name: value.tolist() if isinstance(value, np.ndarray | np.void) else value for name, value in snapshot.items()
    }


@pytest.mark.parametrize("cut", ["events", "time"])
def test_a_run_may_be_cut_anywhere(cut):
    """Into calls of seven events, or of 333 ns: the figures are those of one call."""
    end_fs = 20_000 * NS
    whole, book = loaded(**BUSY)
    run(whole, end_fs, MANY)
    parts, _ = loaded(**BUSY)
    if cut == "events":
        while run(parts, end_fs, 7) == EVENTS_SPENT:
            pass
    else:
        for until_fs in [*range(333 * NS, end_fs, 333 * NS), end_fs]:
            assert run(parts, until_fs, MANY) == DONE
    assert whole[0].ledger.counts.delivered > 10
    assert str(figures(parts, book)) == str(figures(whole, book))


def test_time_stands_still_without_time():
    state, _ = loaded(**BUSY)
    run(state, 0, MANY)
    before = int(state[0].ledger.counts.offered)
    run(state, 0, MANY)
    assert (state[0].clock.now_fs, state[0].ledger.counts.offered) == (0, before)
    assert machine().clock.now_fs == 0
