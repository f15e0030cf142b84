"""When the core of a guest begins and ends its work on one frame, by hand."""

from __future__ import annotations

from functools import partial

import pytest

from hwmodel.analytic.walk_cores import Cores
from hwmodel.analytic.walk_link import Clock, Phase
from hwmodel.config import config_from_mapping

NS = 10**6
COSTS = {
    "preset": None, "frame_time": "700ns", "byte_time": "0.5ns", "doorbell_time": "100ns", "interrupt_time": "1us",
    "exit_time": "2us", "wakeup_time": "4us",
}  # fmt: skip


class Machine:
    """Some cores, and what each piece of work returned, in ns."""

    def __init__(self, n_cores=1, **driver):
        self.clock, self.done_ns = Clock(), []
        config = config_from_mapping({"host": {"cores": n_cores}, "driver": {**COSTS, **driver}})
        self.cores = Cores(config, self.clock)

    def at(self, ns, work, *arguments):
        self.clock.at(ns * NS, Phase.TIMER, partial(self._do, work, *arguments))

    def take_at(self, ns, function, n_bytes=0, *, refills=False):
        self.at(ns, partial(self.cores.take, refills=refills), function, n_bytes)

    def _do(self, work, *arguments):
        done_fs = work(*arguments)
        if done_fs is not None:
            self.done_ns.append(done_fs / NS)

    def run(self):
        self.clock.run()
        return self.done_ns


def test_a_poll_takes_the_frame_at_once():
    machine = Machine(rx_interrupt_batch=0)
    machine.take_at(1000, 1, 60)
    assert machine.run() == [1000 + 700 + 30]


def test_an_interrupt_wakes_an_idle_core_first():
    machine = Machine(rx_interrupt_batch=1)
    machine.take_at(1000, 1, 60)
    assert machine.run() == [1000 + 4000 + 1000 + 2000 + 730]


def test_a_core_that_is_busy_is_not_woken():
    """Of two frames at one instant the second's interrupt waits for the first one's work; one later wakes anew."""
    machine = Machine(rx_interrupt_batch=1)
    for at_ns in (0, 0, 50_000):
        machine.take_at(at_ns, 1)
    assert machine.run() == [7700, 7700 + 3700, 50_000 + 7700]


@pytest.mark.parametrize(("at_ns", "done_ns"), [(40, 100 + 3000), (99, 100 + 3000), (100, 100 + 4000 + 3000)])
def test_a_core_that_waits_for_its_doorbell_is_awake(at_ns, done_ns):
    machine = Machine(rx_interrupt_batch=1)
    machine.at(0, machine.cores.rang, 1)
    machine.at(at_ns, machine.cores.handle_interrupt, 1)
    assert machine.run() == [done_ns]


def test_a_core_does_not_pass_the_doorbell_of_descriptors_that_it_posts_again():
    machine = Machine(rx_interrupt_batch=0)
    for refills in (True, False, False):
        machine.take_at(0, 1, refills=refills)
    assert machine.run() == [700, 700 + 100 + 700, 700 + 100 + 2 * 700]


@pytest.mark.parametrize(("masks", "wait_ns"), [(True, 100), (False, 0)])
def test_a_core_does_not_pass_the_register_that_enables_an_interrupt(masks, wait_ns):
    """One register for a sent frame's interrupt, one for a taken frame's, and none more where a refill rings too."""
    machine = Machine(rx_interrupt_batch=1, moderation="1us", mask_interrupts=masks)
    machine.at(0, machine.cores.handle_interrupt, 1)
    for refills in (False, masks, False):
        machine.take_at(0, 1, refills=refills)
    ends = [7000 + n * (wait_ns + 3700) for n in range(4)]
    assert machine.run() == ends


@pytest.mark.parametrize(("n_cores", "second_ns"), [(1, 2 * 700), (2, 700), (3, 700)])
def test_guests_share_cores_by_their_number(n_cores, second_ns):
    machine = Machine(n_cores, rx_interrupt_batch=0)
    for function in (1, 2):
        machine.take_at(0, function)
    assert machine.run() == [700, second_ns]


def test_guests_one_round_apart_are_on_one_core():
    machine = Machine(3, rx_interrupt_batch=0)
    for function in (1, 4):
        machine.take_at(0, function)
    assert machine.run() == [700, 1400]


@pytest.mark.parametrize(
    ("driver", "is_told"),
    [
        ({"rx_interrupt_batch": 1}, True),
        ({"rx_interrupt_batch": 2}, False),
        ({"rx_interrupt_batch": 2, "moderation": "1us"}, True),
        ({"rx_interrupt_batch": 0}, False),
    ],
)
def test_whether_one_frame_leads_to_an_interrupt(driver, is_told):
    assert Machine(**driver).cores.is_told_at_once(1) is is_told
