"""The output scheduler: round robin, deficit round robin and strict priority, cycle by cycle."""

from __future__ import annotations

from types import SimpleNamespace

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench, joined
from tests.oracles.core_output_cycles import Scheduler

KINDS = ("round_robin", "deficit", "strict", "strict")


@cocotb.test(**LIMIT)
@cocotb.parametrize(kind=[0, 1, 2, 3, None], load=[0.2, 0.6], due=[0.2, 1.0])
async def queues_take_turns(dut, kind, load, due):
    """`kind` None: it changes from time to time. Without PAUSE, what is paused is sent all the same."""
    n_queues, has_pause = dut.PRIORITIES.value.to_unsigned(), dut.PAUSE.value.to_unsigned()
    bench = ModuleBench(dut, seed=7)
    await bench.start(kind=0, quantum=0, paused=0, enter=0, enter_queue=0, due=0, pick_length=0)
    now, quanta, n_chosen, paused, n_held = kind or 0, [1518] * n_queues, 0, 0, 0
    model = Scheduler(SimpleNamespace(priorities=n_queues), lambda _: (KINDS[now], quanta, paused if has_pause else 0))
    for cycle in range(1500):
        if cycle % 100 == 0:
            quanta = [bench.rng.choice((1, 40, 300, 1518, 9038, 65535)) for _ in range(n_queues)]
            now = bench.rng.randrange(4) if kind is None else kind
        if bench.chance(0.05):
            paused = bench.rng.choice((0, 255, 1 << bench.rng.randrange(8), bench.rng.getrandbits(8)))
        enters = bench.chance(load) and sum(map(len, model.queues)) < 200
        data = bytes(bench.rng.choice((14, 64, 300, 1526)))
        copy = SimpleNamespace(queue=bench.rng.randrange(n_queues), frame=SimpleNamespace(data=data))
        is_due = bench.chance(due)
        heads = [len(queue[0].frame.data) if queue else 0 for queue in model.queues]
        chosen = model.choose(cycle) if is_due else None
        await bench.settle(
            kind=now, quantum=joined(quanta, 16), paused=queues_of(paused, n_queues), enter=enters,
            enter_queue=copy.queue, due=is_due, pick_length=0,
        )  # fmt: skip
        # The length of the queue that it points at comes back to it in the same cycle.
        await bench.settle(pick_length=heads[bench.get("pick")])
        assert bench.get("choose") == (chosen is not None), cycle
        if chosen is not None:
            assert bench.get("pick") == chosen.queue, cycle
            n_chosen += 1
        n_held += is_due and chosen is None and any(heads)
        if enters:
            model.enter(cycle, copy)
        await bench.next_cycle()
    assert n_chosen > 10
    assert n_held > 10 or not has_pause


def queues_of(priorities, n_queues):
    """Return the queues that wait while some priorities are paused."""
    return sum(1 << q for q in range(n_queues) if priorities >> q * 8 // n_queues & (1 << 8 // n_queues) - 1)


@pytest.mark.parametrize(("priorities", "pause"), [(1, 0), (2, 0), (4, 0), (8, 0), (1, 1), (8, 1)])
def test_output_scheduler(simulate, priorities, pause):
    n_tests = simulate("output_scheduler", PRIORITIES=priorities, PAUSE=pause)
    assert n_tests == 20
