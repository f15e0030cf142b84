"""The drivers' rules of docs/datapath.md in both implementations: drawn machines, and faults planted in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests import engine_and_oracle
from tests.beside_simpy import drawn_seeds, until_the_last
from tests.drawn_drivers import CHOICES, EVERYONE, GUESTS, draw, draw_with_own_drivers
from tests.engine_and_oracle import WIRE, Both, Loops, Recorded, check_same_journeys, run_both
from tests.oracles.simpy_nic import driver, interrupts
from tests.oracles.simpy_nic.core import Core
from tests.oracles.simpy_nic.link import Rank
from tests.test_against_simpy import poisson

GROUP_OF = (WIRE, *EVERYONE)
N_DRAWN, N_QUICK = 80, 8


def same_figures(both: Both) -> bool:
    """Compare what both measure alike; frames from the wire have no doorbell, and waits there another window."""
    engine, oracle = asdict(both.engine), asdict(both.oracle)
    for name in ("wire_wait_ns", "from_doorbell_ns"):
        del engine[name], oracle[name]
    return all(found == pytest.approx(oracle[name], rel=1e-9) for name, found in engine.items())


@pytest.mark.parametrize("seed", drawn_seeds(range(N_QUICK), N_DRAWN))
def test_a_drawn_machine_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, load = draw(seed)
    both = run_both(tmp_path, changes, load, GROUP_OF)
    check_same_journeys(both, at_least=50)
    assert same_figures(both)


@pytest.mark.parametrize("seed", drawn_seeds(range(100, 106), 120))
def test_a_drawn_machine_with_several_drivers_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, load = draw_with_own_drivers(seed)
    both = run_both(tmp_path, changes, load, GROUP_OF)
    check_same_journeys(both, at_least=50)
    assert same_figures(both)


@pytest.mark.parametrize("seed", [101, 104])
def test_clocks_stretch_the_times_of_each_driver(tmp_path: Path, seed: int) -> None:
    changes, load = draw_with_own_drivers(seed)
    both = run_both(tmp_path, {**changes, "run.clocks": "100ppm"}, load, GROUP_OF)
    check_same_journeys(both, at_least=50)


def test_the_quick_draws_have_every_rule() -> None:
    """Of each key's values two at least: with and without a cost, a mask, a timer, several rings."""
    drawn = [draw(seed).changes for seed in range(N_QUICK)]
    for key in CHOICES:
        assert len({str(changes.get(key)) for changes in drawn}) > 1, key
    adaptive = ("driver.mask_interrupts", "driver.adaptive_moderation")
    assert any(all(each.get(key) for key in adaptive) and each["driver.moderation"] != "0us" for each in drawn)
    assert any(isinstance(draw(seed).load, Mapping) for seed in range(N_QUICK))


# ---- Planted faults ----

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

Patch = pytest.MonkeyPatch


def with_parameter(**changes: int) -> Callable[[Patch], None]:
    """Return a plant of other parameters in the model."""

    def plant(patch: Patch) -> None:
        original = engine_and_oracle.parameters_of
        patch.setattr(engine_and_oracle, "parameters_of", lambda config: replace(original(config), **changes))

    return plant


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
        pair._received += copies

    patch.setattr(driver.QueuePair, "_received_landed", landed)


def thresholds(lowest: int, middle: int) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        patch.setattr(interrupts, "ABOVE_LOWEST_BYTES_US", lowest)
        patch.setattr(interrupts, "ABOVE_MIDDLE_BYTES_US", middle)

    return plant


FAULTS: dict[str, tuple[str, Callable[[Patch], None]]] = {
    "no budget": ("one core", with_parameter(poll_budget=4096)),
    "no burst": ("one core, saturated", with_parameter(send_burst=4096)),
    "a burst one longer": ("one core, saturated", with_parameter(send_burst=4)),
    "no doorbell at the end of a turn": ("one core, saturated", no_doorbell_at_the_end),
    "a ring joins the list in front": ("one core", joins_in_front),
    "bytes cost nothing": ("one core", with_parameter(byte_time_fs=0)),
    "the core passes its doorbells": ("one core", with_parameter(doorbell_time_fs=0)),
    "no cost of an interrupt": ("masked", with_parameter(interrupt_time_fs=0)),
    "no exit to the hypervisor": ("one core", with_parameter(exit_time_fs=0)),
    "always awake": ("masked", with_parameter(wakeup_time_fs=0)),
    "an interrupt before its write-back": ("one core", interrupt_before_its_writeback),
    "not masked": ("masked", with_parameter(mask_interrupts=False)),
    "unmasked without a look": ("masked", unmask_without_a_look),
    "nothing seen while it polls": ("masked", sees_nothing_while_it_polls),
    "not adaptive": ("adaptive", with_parameter(adaptive_moderation=False)),
    "a lower class's threshold off": ("adaptive", thresholds(11, 20)),
    "the middle class's threshold off": ("adaptive", thresholds(10, 21)),
}  # fmt: skip


def run_machine(folder: Path, name: str) -> Both:
    changes, load = MACHINES[name]
    if not isinstance(load, Mapping):
        changes = {**changes, **until_the_last(load)}
    return run_both(folder, changes, load)


@pytest.mark.parametrize("name", MACHINES)
def test_without_a_fault_both_agree(tmp_path: Path, name: str) -> None:
    both = run_machine(tmp_path, name)
    check_same_journeys(both, at_least=500)
    assert same_figures(both)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str, monkeypatch: Patch) -> None:
    name, plant = FAULTS[fault]
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_same_journeys(run_machine(tmp_path, name), at_least=0)
