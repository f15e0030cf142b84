"""Agents in both implementations: the same commands at the same femtoseconds, and the same frames at the same times."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.agents_beside_simpy import MOST_ACTIONS, actions_of, check_alike, engine_result, simpy_made
from tests.drawn_agents import BASE, draw_chain, draw_reactions, draw_ties
from tests.run_cases import merged
from tests.seeds import seeds

LIMITS = [{"switch.ports.vf0.rate_limit": rate} for rate in ("300Mbps", "900Mbps")]
WEIGHTS = [{"switch.ports.vf0.weight": weight} for weight in (2, 3, 5)]


def reacting(duration: str, **agents: tuple[int, str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return an adapter with agents by name that set keys at each so many frames, after some work."""
    return merged(BASE, {
        "workload": {"pattern": "flows", "frame_bytes": 64, "flows": [["vf0", "vf1", "600Mbps"]]},
        "run": {"duration": duration},
        "agents": {
            name: {"work": work, "rules": [{"when": {"of": "vf1", "figure": "delivered", "each": each}, "set": sets}]}
            for name, (each, work, sets) in agents.items()
        },
    })  # fmt: skip


def test_ten_thousand_reactions(tmp_path: Path) -> None:
    """Each depends on the one before it: who counts, tells or limits otherwise once has other frames from then on."""
    document = reacting(
        "3800us", limiter=(1, "0ns", LIMITS), later=(1, "90ns", WEIGHTS), each_second=(2, "1us", WEIGHTS),
        slow=(2, "2us", LIMITS),
    )  # fmt: skip
    made = check_alike(tmp_path, document)
    assert sum(one.sets for one in made.counts.values()) >= 10_000
    assert max(one.most_waiting for one in made.counts.values()) > 0
    assert [one.keys for one in made.actions if one.agent == "limiter"][:3] == [*LIMITS, LIMITS[0]]


def test_a_reaction_is_1_fs_behind_what_was_seen() -> None:
    """Of frames that a limit makes wait, by a rule alone; what was seen is a delivery that the other model has too."""
    document = reacting("100us", limiter=(5, "0ns", LIMITS))
    result, expected = engine_result(document), simpy_made(document)
    times = [at_ns for at_ns, _ in expected.deliveries][4::5]
    actions = actions_of(result)
    assert [(one.at_fs - 1) // 10**6 for one in actions] == times[: len(actions)]
    assert len(actions) == len(expected.actions) > 5


@pytest.mark.parametrize("seed", seeds(60, 100, 1000))
def test_what_comes_at_one_instant_is_done_in_its_order(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_ties(seed))


def test_ties_are_drawn() -> None:
    """More than half of all actions have another one at their instant; things wait, and all kinds of them come."""
    made = [simpy_made(draw_ties(seed)) for seed in range(20)]
    times = [Counter(one.at_fs for one in each.actions) for each in made]
    assert 2 * sum(n for each in times for n in each.values() if n > 1) > sum(map(Counter.total, times))
    counts = [one for each in made for one in each.counts.values()]
    assert sum(one.most_waiting for one in counts) > 20 and sum(one.timers for one in counts) > 200


@pytest.mark.parametrize("seed", seeds(60, 100, 1000))
def test_drawn_reactions_are_alike(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_reactions(seed))


@pytest.mark.parametrize("seed", seeds(50, 200, 1000))
def test_drawn_chains_over_servers_are_alike_on_any_number_of_threads(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_chain(seed), (1, 2))


def test_no_more_actions_are_told_than_said() -> None:
    result = engine_result(reacting("1200us", limiter=(1, "0ns", LIMITS)))
    assert len(result.agent_actions) == MOST_ACTIONS < result.agents["limiter"].sets
