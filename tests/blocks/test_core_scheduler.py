"""Output schedulers: turns, priority, and the list of deficit round robin."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.switch_core.scheduler import (
    choose_queue,
    delist,
    enlist,
    first_listed,
    next_change,
    schedule_at,
    turn,
)
from hwmodel.switch_core.state import NOBODY
from tests.blocks.core_bench import idle_core


def port_of(kind, waiting, quanta=(100,) * 8):
    """Give a core of 4 queues, its port 1 and settings, with queues that wait, in the order of their entry."""
    core = idle_core(kind, quanta, priorities=4)[0]
    output = core.output[1]
    for queue in waiting:
        output.waiting |= 1 << queue
        enlist(output, queue, quanta[queue])
    return core, output, core.schedule[0].port[1]


def chosen_of(core, output, settings, head_bytes, paused=0):
    """Choose as the core does: of what waits, without what is paused."""
    may_send = int(output.waiting) & ~paused
    return choose_queue(core, output, settings, may_send, first_listed(output, may_send), head_bytes)


def listed(output):
    return output.listed[: output.n_listed].tolist()


def test_round_robin():
    core, output, settings = port_of("round_robin", [3, 1])
    assert [chosen_of(core, output, settings, 0) for _ in range(4)] == [1, 3, 1, 3]
    assert output.pointer == 0


@pytest.mark.parametrize(("waiting", "chosen"), [([0, 3, 1], 3), ([2, 1], 2), ([0], 0)])
def test_strict(waiting, chosen):
    core, output, settings = port_of("strict", waiting)
    assert chosen_of(core, output, settings, 5000) == chosen
    assert (output.pointer, listed(output)) == (0, waiting)


def test_deficit():
    core, output, settings = port_of("deficit", [2, 0], (50, 1, 100, 1))
    assert chosen_of(core, output, settings, 60) == 2
    assert (output.queue[2].deficit, listed(output)) == (40, [2, 0])
    assert chosen_of(core, output, settings, 60) == NOBODY
    assert (output.queue[2].deficit, listed(output)) == (140, [0, 2])
    assert chosen_of(core, output, settings, 50) == 0
    assert output.queue[0].deficit == 0


def test_the_list():
    _, output, _ = port_of("deficit", [2, 0, 3])
    turn(output, 0, 7)
    assert (listed(output), output.queue[2].deficit) == ([0, 3, 2], 107)
    delist(output, 3)
    assert listed(output) == [0, 2]
    enlist(output, 3, 9)
    assert (listed(output), output.queue[3].deficit) == ([0, 2, 3], 9)


@pytest.mark.parametrize(
    ("kind", "order"), [("round_robin", [0, 3, 0]), ("strict", [3, 3, 3]), ("deficit", [3, 3, NOBODY])]
)
def test_what_is_paused_is_passed_over(kind, order):
    """Queue 2 is paused: at the head of the list it keeps its place and its deficit."""
    core, output, settings = port_of(kind, [2, 3, 0])
    assert [chosen_of(core, output, settings, 50, paused=1 << 2 | 1 << 1) for _ in range(3)] == order
    assert listed(output) == ([2, 0, 3] if kind == "deficit" else [2, 3, 0])
    assert output.queue[2].deficit == 100


def test_settings_stand_from_their_cycle_on():
    core = idle_core()[0]
    core.n_schedules, core.schedule[1].from_cycle, core.schedule[2].from_cycle = 3, 10, 10
    assert [schedule_at(core, core.output[0], cycle) for cycle in (0, 9, 10, 11)] == [0, 0, 2, 2]
    assert next_change(core, core.output[0]) > NEVER
    assert next_change(core, core.output[1]) == 10
