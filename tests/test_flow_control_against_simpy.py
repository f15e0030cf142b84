"""Drawn adapters and bridges with PAUSE and PFC take the same course in the engine and in the SimPy model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.beside_simpy import check_same_course, check_same_journeys
from tests.drawn_flow_control import draw_bridge, draw_flow_control
from tests.flow_control_beside_simpy import FlowBoth, check_same_flow, run_oracle, run_tagged
from tests.planted_flow_control import FAULTS
from tests.seeds import seeds
from tests.system_beside_simpy import Stations, config_with, drawn, run_both


@cache
def both_of(seed: int) -> FlowBoth:
    """Run a drawn adapter through both."""
    changes, frames = draw_flow_control(seed)
    with TemporaryDirectory() as folder:
        return run_tagged(Path(folder), changes, frames)


@pytest.mark.parametrize("seed", seeds(12, 12, 400))
def test_a_drawn_adapter(seed: int) -> None:
    found = both_of(seed)
    check_same_course(found.both, at_least=-1)  # where nobody refills, or all is stopped, none ends
    check_same_flow(found)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, seed = FAULTS[fault]
    both = both_of(seed).both
    plant(monkeypatch)
    _, journeys, _ = run_oracle(both.config, both.load, both.result)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        check_same_journeys(both._replace(oracle_journeys=journeys), at_least=0)


@pytest.mark.parametrize("seed", seeds(8, 8, 200))
def test_a_drawn_bridge(seed: int) -> None:
    changes, load = draw_bridge(seed)
    config = config_with(changes)
    both = run_both(config, drawn(Stations(config), **load))
    found = both.differences()
    if both.engine.totals["in flight"]:  # what waits for a wire for good, as stops go round, is replicated or not yet
        found.pop("totals", None)
    assert found == {}
