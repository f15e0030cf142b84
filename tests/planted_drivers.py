"""Faults of drivers and cores, each planted in the SimPy model, and the machines on which they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.beside_simpy import GUESTS, Loops, Recorded, poisson
from tests.oracles.simpy_nic import driver, interrupts
from tests.oracles.simpy_nic.core import Core
from tests.oracles.simpy_nic.link import Rank
from tests.planted_hosts import Patch, Plant, with_host

COSTS = {
    "driver.byte_time": "0.1307ns", "driver.doorbell_time": "100.0017ns", "driver.interrupt_time": "900.0023ns",
    "driver.exit_time": "700.0031ns", "driver.wakeup_time": "1500.0037ns", "driver.frame_time": "190.0013ns",
}  # fmt: skip
BATCHES = {"nic.rx_writeback_batch": 3, "nic.tx_writeback_batch": 5, "nic.writeback_timeout": "3.0007us"}
CORES = {**COSTS, **BATCHES, "host.cores": 1, "driver.send_burst": 3, "driver.poll_budget": 4}
MASKED = {**COSTS, **BATCHES, "driver.mask_interrupts": True, "host.cores": 2, "driver.rx_interrupt_batch": 3}
ADAPTIVE = {**MASKED, "driver.adaptive_moderation": True, "driver.moderation": "20.0019us"}
BUSY = poisson(900, 1100, senders=GUESTS, receivers=GUESTS)
CALM = poisson(900, 5500, senders=GUESTS, receivers=GUESTS)
SATURATED = {port: [(port ^ 1, 570), (port ^ 1, 64)] for port in GUESTS}

MACHINES: dict[str, tuple[Mapping[str, Any], Recorded | Loops]] = {
    "one core": (CORES, BUSY),
    "one core, saturated": ({**CORES, "run.warmup": "100us", "run.duration": "900us"}, SATURATED),
    "masked": (MASKED, BUSY),
    "adaptive": (ADAPTIVE, CALM),
}


def no_doorbell_at_the_end(patch: Patch) -> None:
    original = driver.Posting.piece_done
    patch.setattr(driver.Posting, "piece_done", lambda task, is_over: original(task, is_over and not task.has_work))


def interrupt_before_its_writeback(patch: Patch) -> None:
    original = interrupts.send_register_write
    patch.setattr(
        interrupts, "send_register_write", lambda up, nic, to, rank, port: original(up, nic, to, Rank.PAYLOAD, port)
    )


def unmask_without_a_look(patch: Patch) -> None:
    original = interrupts.Interrupt.unmask

    def unmask(interrupt: interrupts.Interrupt) -> None:
        not_seen = dict(interrupt._not_seen)
        interrupt._not_seen = dict.fromkeys(not_seen, 0)
        original(interrupt)
        interrupt._not_seen = not_seen

    patch.setattr(interrupts.Interrupt, "unmask", unmask)


def joins_in_front(patch: Patch) -> None:
    patch.setattr(Core, "_enlist", lambda core, task: core._list.insert(1, task))


def sees_nothing_while_it_polls(patch: Patch) -> None:
    def landed(pair: driver.QueuePair, copies: list[Any]) -> None:
        pair.received += copies

    patch.setattr(driver.QueuePair, "_received_landed", landed)


def thresholds(lowest: int, middle: int) -> Plant:
    def plant(patch: Patch) -> None:
        patch.setattr(interrupts, "ABOVE_LOWEST_BYTES_US", lowest)
        patch.setattr(interrupts, "ABOVE_MIDDLE_BYTES_US", middle)

    return plant


FAULTS: dict[str, tuple[str, Plant]] = {
    "no budget": ("one core", with_host("host", poll_budget=4096)),
    "no burst": ("one core, saturated", with_host("host", send_burst=4096)),
    "a burst one longer": ("one core, saturated", with_host("host", send_burst=4)),
    "no doorbell at the end of a turn": ("one core, saturated", no_doorbell_at_the_end),
    "a ring joins the list in front": ("one core", joins_in_front),
    "bytes cost nothing": ("one core", with_host("host", byte_time_fs=0)),
    "the core passes its doorbells": ("one core", with_host("host", doorbell_time_fs=0)),
    "no cost of an interrupt": ("masked", with_host("host", interrupt_time_fs=0)),
    "no exit to the hypervisor": ("one core", with_host("host", exit_time_fs=0)),
    "always awake": ("masked", with_host("host", wakeup_time_fs=0)),
    "an interrupt before its write-back": ("one core", interrupt_before_its_writeback),
    "not masked": ("masked", with_host("host", mask_interrupts=False)),
    "unmasked without a look": ("masked", unmask_without_a_look),
    "nothing seen while it polls": ("masked", sees_nothing_while_it_polls),
    "not adaptive": ("adaptive", with_host("host", adaptive_moderation=False)),
    "a lower class's threshold off": ("adaptive", thresholds(11, 20)),
    "the middle class's threshold off": ("adaptive", thresholds(10, 21)),
}  # fmt: skip
