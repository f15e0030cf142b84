"""Flow control block by block: levels and marks, what control frames say and do, the link partner's queues."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hwmodel.config.bridge_flow_control import BridgeFlowControl
from hwmodel.config.check_flow_control import check_flow_control
from hwmodel.machine.adapter.flow_control import fits_part, level_changes
from hwmodel.machine.adapter.flow_timers import flow_timer
from hwmodel.machine.network.bridge_pauses import is_control_due
from hwmodel.machine.network.control_frames import hears_control_frame, look_whether_due
from hwmodel.machine.network.link_partner import MOST_WAITING, next_of_partner
from hwmodel.machine.network.pauses import CONTROL_DUE, CONTROL_ON_WIRE, STOPPED, quanta_fs
from hwmodel.machine.time.clock import CONTROL_SENT, CONTROL_TAKEN, STOPS_OVER
from hwmodel.machine.time.events import take_timer
from hwmodel.simulation.figures.flow_control_use import held_outside
from hwmodel.simulation.figures.part_snapshots import take_pauses
from hwmodel.simulation.fill.flow_control import ALL, CONTROL_WIRE_BYTES
from tests.blocks.idle_machine import NS, config_of, machine

PART, HIGH, LOW = 8192, 6000, 1000
PAUSE = {"mode": "pause", "headroom": f"{PART - HIGH}B", "low_water": f"{LOW}B", "quanta": 100, "refresh": 40}
CONTROL_FS = 84 * 800_000  # 60 B, FCS, preamble, gap at 10 Gb/s


def pausing(**changes):
    return machine(nic={"rx_buffer": f"{PART}B", "flow_control": {**PAUSE, **changes}})


def test_a_class_is_over_above_its_high_mark_up_to_its_low_one():
    nic = pausing(send=False)
    seen = []
    for n_bytes in (HIGH, 1, -1, -(HIGH - LOW - 1), -1, 1):
        level_changes(nic, 10 * NS, 0, n_bytes)
        seen.append(int(nic.pauses.over))
    assert seen == [0, 1, 1, 1, 0, 0]


def test_a_part_has_room_up_to_its_last_byte():
    nic = pausing()
    level_changes(nic, 0, 0, HIGH)
    assert fits_part(nic, 0, PART - HIGH) and not fits_part(nic, 0, PART - HIGH + 1)


def test_a_control_frame_begins_at_once_on_an_idle_wire_and_waits_for_what_is_being_sent():
    nic = pausing()
    mac = nic.port[0].mac
    mac.is_sending = 1
    level_changes(nic, 10 * NS, 0, HIGH + 1)
    assert mac.is_stopped == CONTROL_DUE and nic.pauses.port[0].counts.sent == 0
    mac.is_sending = 0
    look_whether_due(nic, 0, 20 * NS)
    assert mac.is_stopped == CONTROL_ON_WIRE and nic.pauses.port[0].counts.sent == 1
    assert nic.pauses.port[0].sent_fs == 20 * NS + CONTROL_FS
    flow_timer(nic, 20 * NS + CONTROL_FS, CONTROL_SENT, 0)
    assert (mac.is_sending, mac.is_stopped) == (0, 0)
    assert nic.pauses.port[0].refresh_fs == 20 * NS + 40 * 512 * 100_000


def test_what_is_heard_stops_for_its_quanta_after_the_response_delay():
    nic = pausing(response_delay="700ns")
    hears_control_frame(nic, 0, 50 * NS, ALL, ALL, 3)
    assert take_timer(nic.clock) == (CONTROL_TAKEN, 0)
    flow_timer(nic, 750 * NS, CONTROL_TAKEN, 0)
    assert nic.port[0].mac.is_stopped == STOPPED and nic.pauses.port[0].mac.until_fs[0] == 750 * NS + 3 * 51_200_000
    assert quanta_fs(nic.port[0].mac, 3) == 3 * 51_200_000
    flow_timer(nic, 750 * NS + 3 * 51_200_000, STOPS_OVER, 0)
    assert nic.port[0].mac.is_stopped == 0


@pytest.mark.parametrize(("stopped", "expected"), [(0, 1), (0b10, 0), (0b11, -1)])
def test_the_partner_sends_first_what_joined_first_of_what_may_go(stopped, expected):
    nic = machine(nic={"arbitration": {"classes": [{"percent": 50}] * 2}, "flow_control": {"mode": "pfc"}})
    partner = nic.pauses.port[0].partner
    for number, joined in ((0, 7), (1, 5)):
        partner.queue[number].head = 1 + number
        partner.place[number].number = joined
    partner.hears.mask = stopped
    assert next_of_partner(nic.pauses.params, partner) == expected


def test_marks_of_a_bridge_by_class():
    control = BridgeFlowControl.model_validate(
        {"mode": "pfc", "classes": [{"percent": 75}, {"percent": 25}], "lossless": [7], "headroom": ["1000B"]}
    )
    bridge = type("Bridge", (), {"buffer_bytes": 10_000})()
    assert control.high_marks(bridge, 1518) == (5000, 4000)  # class 0 has no priority that may be stopped
    assert control.quanta_of_bytes(1514) == (4542, 1514)
    assert CONTROL_WIRE_BYTES == 84


def test_without_flow_control_there_is_nothing_to_check_or_to_tell():
    assert check_flow_control(config_of(), None) is None
    assert take_pauses(machine(), 0, 0) is None


@pytest.mark.parametrize(
    ("over", "told", "refresh", "is_outside", "expected"),
    [
        (1, 0, 0, 0, True), (1, 1, 0, 0, False), (0, 1, 0, 0, True), (1, 1, 1, 0, True), (0, 0, 1, 0, False),
        (1, 0, 0, 1, False),
    ],
)  # fmt: skip
def test_when_a_control_frame_is_due_at_a_port_of_a_bridge(over, told, refresh, is_outside, expected):
    params = SimpleNamespace(is_outside=is_outside, box=0)
    bridge = SimpleNamespace(
        pauses=[SimpleNamespace(over=over, told=told, refresh_is_due=refresh)],
        port=[SimpleNamespace(params=params)],
        box=[SimpleNamespace(params=SimpleNamespace(bridge=0))],
        flow_params=[SimpleNamespace(sends=1)],
    )
    assert is_control_due(bridge, 0) == expected


def test_of_what_waits_outside_the_growth_counts_and_all_where_a_partner_is_full():
    nic = pausing()
    waiting = nic["pauses"]["port"]["partner"]["n_waiting"]
    snapshots = []
    for n in (3, 8, MOST_WAITING):
        waiting[0] = n
        snapshots.append(take_pauses(nic, 0, 0))
    start, later, full = snapshots
    assert (held_outside(start, later), held_outside(start, full), held_outside(None, later)) == (5, MOST_WAITING, 0)
