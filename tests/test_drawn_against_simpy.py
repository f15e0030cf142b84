"""Drawn machines take the same course in the engine and in the SimPy model, and faults planted there are found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import planted_drivers, planted_engines, planted_hosts
from tests.beside_simpy import (
    GROUP_OF,
    WIRE_TOO,
    Both,
    check_same_course,
    check_same_journeys,
    check_that_oracle_differs,
    poisson,
    run_both,
    run_machine,
    window_of,
)
from tests.drawn_machines import (
    DRIVER_KEYS,
    ENGINE,
    HOST_KEYS,
    IOMMU,
    MEMORY,
    PATH,
    Drawn,
    draw_drivers,
    draw_engines,
    draw_hosts,
    draw_own_drivers,
)


class Kind(NamedTuple):
    """How machines of a kind are drawn; the seeds of each run, how many a run of all tests has, how many a night.

    `n_frames`: of a machine's load what is enough for the first two; a night's has all.
    """

    draw: Callable[..., Drawn]
    n_frames: int
    quick: Collection[int]
    n_slow: int
    n_nightly: int

    def seeds(self) -> Iterator[tuple[int, tuple[pytest.MarkDecorator, ...]]]:
        """Yield all seeds with their marks."""
        yield from ((seed, ()) for seed in self.quick)
        for seed in range(self.n_nightly):
            if seed not in self.quick:
                yield seed, (pytest.mark.slow, pytest.mark.nightly)[: 1 + (seed >= self.n_slow)]


KINDS = {
    "drivers": Kind(draw_drivers, 350, range(6), 6, 80),
    "several drivers": Kind(draw_own_drivers, 350, range(100, 104), 3, 120),
    "hosts": Kind(draw_hosts, 250, range(6), 6, 150),
    "engines": Kind(draw_engines, 300, (0, 1, 3, 4, 8), 6, 130),
}
DRAWN = [pytest.param(name, seed, marks=marks) for name, kind in KINDS.items() for seed, marks in kind.seeds()]


@pytest.mark.parametrize(("kind", "seed"), DRAWN)
def test_a_drawn_machine_takes_the_same_course(tmp_path: Path, kind: str, seed: int) -> None:
    of_kind = KINDS[kind]
    is_for_a_night = seed not in of_kind.quick and seed >= of_kind.n_slow
    changes, load = of_kind.draw(seed) if is_for_a_night else of_kind.draw(seed, of_kind.n_frames)
    both = run_both(tmp_path, changes, load, GROUP_OF)
    check_same_course(both, at_least=50 if "drivers" in kind else 10)


@pytest.mark.parametrize("seed", [101, 104])
def test_clocks_stretch_the_times_of_each_driver(tmp_path: Path, seed: int) -> None:
    changes, load = draw_own_drivers(seed)
    check_same_journeys(run_both(tmp_path, {**changes, "run.clocks": "100ppm"}, load, GROUP_OF), at_least=50)


# ---- The quick draws have every rule: of each key's values two at least. ----


def vary(choices: Mapping[str, Any], machines: list[Any]) -> bool:
    return all(len({str(each.get(key)) for each in machines}) > 1 for key in choices)


def quick(kind: str) -> list[dict[str, Any]]:
    return [KINDS[kind].draw(seed).changes for seed in KINDS[kind].quick]


def test_the_quick_drivers_have_every_rule() -> None:
    machines, adaptive = quick("drivers"), ("driver.mask_interrupts", "driver.adaptive_moderation")
    assert vary(DRIVER_KEYS, machines)
    assert any(all(each.get(key) for key in adaptive) and each["driver.moderation"] != "0us" for each in machines)
    assert any(isinstance(draw_drivers(seed).load, Mapping) for seed in KINDS["drivers"].quick)


def test_the_quick_hosts_have_every_rule() -> None:
    machines = quick("hosts")
    iommus, caches = [each["host.iotlb"] for each in machines], [each.get("host.cache") for each in machines]
    assert vary(HOST_KEYS, machines) and vary(IOMMU, iommus) and vary(MEMORY, list(filter(None, caches)))
    assert len({(each["invalidation"], each["walkers"] is None) for each in iommus}) == 6


def test_the_quick_engines_have_every_rule() -> None:
    machines = quick("engines")
    engines = [each["nic.dma"] for each in machines if "nic.dma" in each]
    reads, writes = [each["read"] for each in engines], [each["write"] for each in engines]
    assert vary(ENGINE, reads) and vary(ENGINE, writes) and vary(PATH, engines)
    assert {each.get("pcie.ordering", "strict") for each in machines} == {"strict", "relaxed", "id_based"}
    assert len(engines) < len(machines)


# ---- Planted faults: what is planted changes the SimPy model alone, so each machine runs once. ----

PLANTED = (planted_drivers, planted_hosts, planted_engines)
MACHINES = {name: machine for planted in PLANTED for name, machine in planted.MACHINES.items()}
FAULTS = {fault: where for planted in PLANTED for fault, where in planted.FAULTS.items()}
assert len(FAULTS) == sum(len(planted.FAULTS) for planted in PLANTED)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Both]:
    """Give a function that runs a machine when it is first asked for."""
    found: dict[str, Both] = {}

    def run(name: str) -> Both:
        if name not in found:
            found[name] = run_machine(tmp_path_factory.mktemp("machine"), *MACHINES[name])
        return found[name]

    return run


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", MACHINES)
def test_without_a_fault_both_agree(machine: Callable[[str], Both], name: str) -> None:
    check_same_course(machine(name), at_least=100)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(machine: Callable[[str], Both], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, plant = FAULTS[fault]
    both = machine(name)
    plant(monkeypatch)
    check_that_oracle_differs(both)


# ---- Clocks, phases and early refills ----

_JITTER = {"kind": "uniform", "range": "120ns"}
CLOCKS: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "40 ppm": (poisson(3000, 700), {"run.clocks": "40ppm"}),
    "shared cores, jitter": (
        poisson(3000, 600, receivers=WIRE_TOO),
        {"run.clocks": "1000ppm", "run.seed": 7, "driver.refill_batch": 13, "host.cores": 2, "host.jitter": _JITTER},
    ),
    "moderated, jumbo frames": (
        poisson(1500, 3000, (64, 1518, 9000)),
        {"run.clocks": "300ppm", "run.seed": 11, "driver.moderation": "20us", "driver.rx_interrupt_batch": 0,
         "nic.queues_per_vf": 2, "host.buffer_bytes": "2KiB", "driver.wakeup_time": "300.3ns",
         "switch.ports": [{"name": name, "max_frame": "9728B"} for name in ("vf0", "vf1", "vf2", "vf3")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["40 ppm", *(pytest.param(name, marks=pytest.mark.slow) for name in list(CLOCKS)[1:])])
def test_the_same_course_by_the_same_clocks(tmp_path: Path, name: str) -> None:
    load, changes = CLOCKS[name]
    check_same_course(run_both(tmp_path, {**window_of(load), **changes}, load), wire_too=False)


def test_a_clock_that_the_other_model_does_not_have_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load, changes = CLOCKS["40 ppm"]
    monkeypatch.setattr("tests.beside_simpy.with_clocks", lambda parameters, *_: parameters)
    both = run_both(tmp_path, {**window_of(load), **changes}, load)
    with pytest.raises(AssertionError):
        check_same_journeys(both)
