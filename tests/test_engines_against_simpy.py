"""DMA engines and the order of writes of docs/datapath.md in both implementations: drawn machines, planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_that_oracle_differs, drawn_seeds, run_machines
from tests.drawn_engines import ENGINE, PATH, draw
from tests.engine_and_oracle import Both, check_same_journeys, run_both
from tests.planted_engines import FAULTS, MACHINES
from tests.test_drivers_against_simpy import GROUP_OF, same_figures

QUICK, N_SLOW, N_NIGHTLY = (0, 1, 3, 4, 8), 45, 130


@pytest.mark.parametrize("seed", drawn_seeds(QUICK, N_SLOW, N_NIGHTLY))
def test_a_drawn_adapter_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    changes, load = draw(seed)
    both = run_both(tmp_path, changes, load, GROUP_OF)
    check_same_journeys(both, at_least=10)
    assert same_figures(both)


def test_the_quick_draws_have_every_rule() -> None:
    """Of each key of the engines and of their path two values at least, and each order of writes."""
    machines = [draw(seed).changes for seed in QUICK]
    engines = [each["nic.dma"] for each in machines if "nic.dma" in each]
    reads, writes = [each["read"] for each in engines], [each["write"] for each in engines]
    for choices, found in ((ENGINE, reads), (ENGINE, writes), (PATH, engines)):
        for key in choices:
            assert len({str(each.get(key)) for each in found}) > 1, key
    assert {each.get("pcie.ordering", "strict") for each in machines} == {"strict", "relaxed", "id_based"}
    assert len(engines) < len(QUICK)


# ---- Planted faults ----


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Both]:
    """Run each machine once: what is planted changes the SimPy model alone."""
    return run_machines(tmp_path_factory.mktemp, MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_without_a_fault_both_agree(machines: dict[str, Both], name: str) -> None:
    check_same_journeys(machines[name], at_least=100)
    assert same_figures(machines[name])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(machines: dict[str, Both], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, plant = FAULTS[fault]
    plant(monkeypatch)
    check_that_oracle_differs(machines[name], MACHINES[name][1])
