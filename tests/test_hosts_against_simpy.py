"""The host's rules of docs/datapath.md, IOMMU and memory, in both implementations: drawn machines, planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_that_oracle_differs, drawn_seeds, run_machines
from tests.drawn_hosts import CHOICES, IOMMU, MEMORY, draw
from tests.engine_and_oracle import Both, check_same_journeys, run_both
from tests.planted_hosts import FAULTS, LOAD, MACHINES
from tests.test_drivers_against_simpy import GROUP_OF, same_figures

N_QUICK, N_SLOW, N_NIGHTLY = 6, 45, 150


@pytest.mark.parametrize("seed", drawn_seeds(range(N_QUICK), N_SLOW, N_NIGHTLY))
def test_a_drawn_host_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, load = draw(seed)
    both = run_both(tmp_path, changes, load, GROUP_OF)
    check_same_journeys(both, at_least=10)
    assert same_figures(both)


def test_the_quick_draws_have_every_rule() -> None:
    """Of each key's values two at least, and each way of unmapping with walkers that are counted and that are not."""
    machines = [draw(seed).changes for seed in range(N_QUICK)]
    iommus = [changes["host.iotlb"] for changes in machines]
    caches = [changes["host.cache"] for changes in machines if "host.cache" in changes]
    for choices, found in ((CHOICES, machines), (IOMMU, iommus), (MEMORY, caches)):
        for key in choices:
            assert len({str(each.get(key)) for each in found}) > 1, key
    assert len({(each["invalidation"], each["walkers"] is None) for each in iommus}) == 6


# ---- Planted faults ----


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Both]:
    """Run each machine once: what is planted changes the SimPy model alone."""
    return run_machines(tmp_path_factory.mktemp, {name: (changes, LOAD) for name, changes in MACHINES.items()})


@pytest.mark.parametrize("name", MACHINES)
def test_without_a_fault_both_agree(machines: dict[str, Both], name: str) -> None:
    check_same_journeys(machines[name], at_least=100)
    assert same_figures(machines[name])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(machines: dict[str, Both], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, plant = FAULTS[fault]
    plant(monkeypatch)
    check_that_oracle_differs(machines[name], LOAD)
