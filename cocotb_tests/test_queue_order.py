"""Which order of an output's queues is accepted after a contest, and which is not: departures written by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cocotb_tests.batch_files import ACCEPTED, COPY, Frame, Phase, Stage
from cocotb_tests.dut_example.small_backend import SmallBackend
from cocotb_tests.dut_file import read_dut
from cocotb_tests.places import ROOT
from cocotb_tests.queue_order import Departure, wrong_turn
from hwmodel.simulation.fill.switch_core import PortSchedule

DUT = read_dut(ROOT / "cocotb_tests/dut_example/small_switch.yaml")
BYTES = 100
RELEASED = 5000
QUANTA = (100, 400)


class TwoQueues(SmallBackend):
    """As the example, with two queues."""

    @property
    def shape(self):
        return replace(super().shape, priorities=2)


def found(kind, queues, late=(), ahead=3, is_contest=True):
    """Compare copies that leave from these queues in this order; `late`: places of those that came after the others."""
    keys = DUT.keys.model_copy(update={"chosen_ahead": ahead})
    core = replace(DUT, keys=keys, backend_class=TwoQueues).core()
    phase = Phase(None, {0: PortSchedule(kind, QUANTA)}, is_contest=is_contest)
    stage = Stage([Frame(1, bytes(BYTES))] * len(queues), phases=[phase])
    accepted, copies = np.zeros(len(queues), ACCEPTED), np.zeros(len(queues), COPY)
    accepted["port"] = 1
    # Of a port, frames come in one after the other: the late ones are the last of their numbers.
    order = [place for place in range(len(queues)) if place not in late] + list(late)
    accepted["last"] = [RELEASED - 100 if i >= len(queues) - len(late) else 10 + i for i in range(len(queues))]
    copies["first"] = RELEASED + 20 * np.arange(len(queues))
    frame_of = {place: number for number, place in enumerate(order)}
    departures = [Departure(frame_of[place], queue, BYTES, RELEASED + 20 * place) for place, queue in enumerate(queues)]
    return wrong_turn(core, stage, SimpleNamespace(accepted=accepted, copies=copies), 0, departures)


def test_strict_priority_sends_the_higher_queue_first():
    assert found("strict", [0, 0, 0, 1, 1, 1, 0, 0]) == []
    assert found("strict", [1, 1, 1, 0, 0, 0]) == []
    (wrong,) = found("strict", [0, 0, 0, 0, 1, 1])
    assert wrong.what == "order of queues at port 0"
    assert wrong.cycle == RELEASED + 60
    assert "no copy of a lower queue starts while one of a higher queue waits" in wrong.expected
    assert found("strict", [0, 0, 0, 0, 1, 1], ahead=4) == []


def test_what_came_late_may_have_been_too_late():
    assert found("strict", [0, 0, 0, 0, 1], late=[4]) == []
    assert len(found("strict", [0, 0, 0, 0, 1])) == 1


def test_nothing_is_said_where_the_output_did_not_wait():
    assert found("strict", [0] * 8 + [1] * 8, is_contest=False) == []


def test_round_robin_takes_turns():
    assert found("round_robin", [0, 0, 0] + [0, 1] * 8) == []
    assert found("round_robin", [1, 1, 1] + [1, 0] * 3 + [1] * 9) == []
    (wrong,) = found("round_robin", [0, 1, 0] + [0, 0, 1] * 4)
    assert wrong.what == "shares of queues at port 0"


@pytest.mark.parametrize("per_round", [(1, 4), (1, 3)])
def test_deficit_round_robin_keeps_shares_within_its_bound(per_round):
    one, four = per_round
    assert found("deficit", ([0] * one + [1] * four) * 6) == []


@pytest.mark.parametrize("order", [[0, 1] * 20, ([0] * 4 + [1]) * 10, [0] * 30 + [1] * 30])
def test_shares_that_are_not_those_of_the_quanta_are_refused(order):
    (wrong,) = found("deficit", order)
    assert "deficit round robin, quanta 100 and 400 B" in wrong.expected
