"""Flow control in the SimPy model, against times worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.oracles.simpy_nic import (
    Arrival,
    ControlFrame,
    FlowControl,
    Load,
    NicParameters,
    Outcome,
    Planes,
    Stop,
    TrafficClass,
    simulate,
)

NS_FS, US_FS = 10**6, 10**9
LONG, LONG_FS = 1518, 1538 * 800_000  # with FCS; with preamble and gap at 10 Gb/s
CONTROL_FS, QUANTUM_FS = 84 * 800_000, 64 * 800_000
WIRE, VF0, VF1 = 0, 2, 3
ALL = range(8)
PAUSE = FlowControl("pause", [10 * 1514], [2 * 1514], [0], [0] * 8, ALL, 100, 50, 0)
# A VM that never refills: its ring has one descriptor, and frames for it stay in the Rx buffer.
ADAPTER = NicParameters(
    (500_000, 1), vfs=2, rx_ring=2, drop_enable=False, never_refill=frozenset((VF0,)), rx_buffer_bytes=10 * 1514,
    rx_writeback_batch=1, rx_interrupt_batch=0, flow_control=PAUSE,
)  # fmt: skip


def replay(parameters: NicParameters, arrivals: list[Arrival], end_us: int = 200) -> Outcome:
    return simulate(parameters, Load(arrivals=arrivals), Stop(0, end_us * US_FS, keep_deliveries=True))


def in_buffer(rules: FlowControl, n: int = 10) -> int:
    """Return how many frames lie in the Rx buffer at the end, of n for VF0 that come one after the other."""
    arrivals = [Arrival(0, WIRE, VF0, LONG) for _ in range(n)]
    return replay(replace(ADAPTER, flow_control=rules), arrivals).counts.rx_buffer_bytes // 1514


def test_who_sends_is_stopped_for_as_long_as_a_class_is_over() -> None:
    # The first frame is written at once. The fourth takes the level to 3 frames, above 2; the fifth has just begun.
    assert in_buffer(PAUSE) == 4
    # Without an early refresh the partner goes on as its stop ends, with a frame for each: 1230.4 ns in 24.03 quanta.
    assert in_buffer(replace(PAUSE, quanta=10, refresh_quanta=9)) == 4
    assert in_buffer(replace(PAUSE, send=False)) == 9
    # The control frame is heard 67.2 ns after the fourth frame has come, and takes effect as the sixth has just begun.
    assert in_buffer(replace(PAUSE, response_delay_fs=LONG_FS - CONTROL_FS)) == 4
    assert in_buffer(replace(PAUSE, response_delay_fs=LONG_FS - CONTROL_FS + 1)) == 5


@pytest.mark.parametrize(("high", "low"), [(3, 0), (3, 2)])
def test_a_class_is_over_above_its_mark_alone(high: int, low: int) -> None:
    assert in_buffer(replace(PAUSE, high_bytes=[high * 1514], low_bytes=[low * 1514])) == high + 2


def test_what_has_begun_ends_and_the_next_waits_for_the_end_of_the_stop() -> None:
    at_fs, delay_fs = 20 * US_FS, 300 * NS_FS
    stop = (at_fs, 0, ControlFrame("pause", dict.fromkeys(ALL, 100)))
    arrivals = [Arrival(0, VF1, WIRE, LONG) for _ in range(40)]
    free = replay(ADAPTER, arrivals)
    rules = replace(PAUSE, received=[stop], response_delay_fs=delay_fs)
    held = replay(replace(ADAPTER, flow_control=rules), arrivals)
    begun = [[each.delivered_at_fs - LONG_FS for each in outcome.deliveries] for outcome in (free, held)]
    effect_fs = at_fs + delay_fs
    n_before = sum(begin_fs <= effect_fs for begin_fs in begun[0])
    assert begun[1][:n_before] == begun[0][:n_before]
    assert begun[1][n_before] == effect_fs + 100 * QUANTUM_FS
    # One that lets go does so, though the stop before it is not over.
    goes_on = (at_fs + 2 * US_FS, 0, ControlFrame("pause", dict.fromkeys(ALL, 0)))
    rules = replace(rules, received=[stop, goes_on])
    let_go = replay(replace(ADAPTER, flow_control=rules), arrivals)
    assert let_go.deliveries[n_before].delivered_at_fs - LONG_FS == goes_on[0] + delay_fs
    # A frame of the other kind does nothing, nor does one that is not obeyed.
    other = replace(rules, received=[(at_fs, 0, ControlFrame("pfc", dict.fromkeys(ALL, 100)))])
    for nothing in (other, replace(rules, obey=False)):
        assert replay(replace(ADAPTER, flow_control=nothing), arrivals).deliveries == free.deliveries


def test_a_class_without_descriptors_keeps_its_own_waiting_alone() -> None:
    classes = [TrafficClass(64 * 40, 64 * 4095, number) for number in range(2)]
    rings = {(port, 0): 0 for port in (1, 2, 3)}
    planes = Planes(classes, True, True, False, 80 * 1024, {port: (64, 64) for port in (1, 2, 3)}, rings)
    parts = [5 * 1514] * 2
    rules = FlowControl("pfc", parts, parts, [0, 0], [0] * 4 + [1] * 4, ALL, 100, 50, 0)
    adapter = replace(ADAPTER, planes=planes, flow_control=rules, rx_ring=2, rx_prefetch=1, rx_fetch_batch=1)

    def raw(priority: int) -> bytes:
        return (bytes(12) + b"\x81\x00" + (priority << 13).to_bytes(2, "big")).ljust(LONG - 4, b"\0")

    arrivals = [Arrival(0, WIRE, VF0, LONG, raw=raw(1)) for _ in range(4)]
    arrivals += [Arrival(0, WIRE, VF1, LONG, raw=raw(5)), Arrival(0, WIRE, VF1, LONG, raw=raw(2))]
    outcome = replay(adapter, arrivals)
    # Of VF0 one; of VF1 the one whose class nobody keeps waiting.
    assert sorted(each.destination for each in outcome.deliveries) == [VF0, VF1]
    assert outcome.counts.rx_buffer_bytes == 4 * 1514
