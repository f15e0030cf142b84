"""Scenarios drawn at random whose events have times or wait for conditions, for the engine and the SimPy model."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hwmodel.config import Config, config_from_mapping
from hwmodel.simulation.run.play import play_of
from tests.beside_simpy import (
    BASE,
    GROUP_OF,
    NS_FS,
    VFS,
    Both,
    Loops,
    Recorded,
    engine_figures,
    run_the_oracle,
    with_capture,
)
from tests.drawn_commands import LINK, NAMES, is_valid
from tests.drawn_jobs import LOOPS_LAST_FS, MACHINES
from tests.drawn_machines import Drawn
from tests.jobs_for_simpy import function_number
from tests.journey_runs import JourneyRun, finished_journeys
from tests.oracles.simpy_nic import Condition, NicParameters, Waiting

# Values that any station may have, whatever others have: in what order events come is not known before.
OF_STATION: Mapping[str, Sequence[Any]] = {
    "rate_limit": (None, "200Mbps", "700.003Mbps", "3Gbps"),
    "weight": (1, 2, 5, 90),
    "loopback": (True, False),
    "spoof_check": (True, False),
    "enabled": (True, True, False),
    "port_vlan": (1, 7),
}
MOST_EVENTS = 8
SLOW = ("vf1", "vf2")


class Scripted(NamedTuple):
    """A machine, its load, and the events of a scenario as a file has them."""

    changes: dict[str, Any]
    load: Recorded | Loops
    events: list[dict[str, Any]]


def draw_scripted(seed: int, n: int = 400) -> Scripted:
    """Draw a machine of any kind, and one to eight events, most of which wait for something."""
    chance = random.Random(f"conditions {seed}")
    drawn = MACHINES[seed % len(MACHINES)](9000 + seed, n)
    changes = {**drawn.changes, "switch.scheduler": chance.choice(("round_robin", "weighted", "deficit", "strict"))}
    more = _with_drops(chance, drawn)
    changes |= more if is_valid({**changes, **more}) else {}
    last_ns = LOOPS_LAST_FS // NS_FS if isinstance(drawn.load, Mapping) else drawn.load[-1][0]
    leaving = chance.sample(VFS, len(VFS))
    events = []
    for _ in range(chance.randint(1, MOST_EVENTS)):
        event = _beginning(chance, last_ns)
        if chance.random() < 0.2 and leaving:
            event["unplug"] = leaving.pop()
        else:
            event["set"] = _set(chance)
        events.append(event)
    return Scripted(changes, drawn.load, events)


def _with_drops(chance: random.Random, drawn: Drawn) -> dict[str, Any]:
    """Let the drivers of two VMs be so slow that their short rings run out, and frames be dropped for it, or wait."""
    if isinstance(drawn.load, Mapping) or chance.random() < 0.3:
        return {}
    return {
        "nic.drop_enable": chance.random() < 0.7,
        **{f"driver.vms.{name}.frame_time": chance.choice(("9999.987ns", "49999.987ns")) for name in SLOW},
        "nic.rx_ring": 32,
        "nic.rx_fetch_batch": 4,
        "nic.rx_writeback_batch": 4,
        "driver.refill_batch": 4,
        "driver.rx_interrupt_batch": 1,
    }


def _beginning(chance: random.Random, last_ns: int) -> dict[str, Any]:
    if chance.random() < 0.25:
        return {"at": f"{chance.randrange(1, last_ns)}ns"}
    kind = chance.choice(("delivered", "delivered", "dropped", "tx_ring", "tx_ring", "rx_ring", "up"))
    target: Any = "empty"
    if kind in ("delivered", "dropped"):
        target = chance.choice((1, 2, chance.randint(1, 30), chance.randint(1, 150 if kind == "delivered" else 5)))
    elif kind == "up":
        target = chance.random() < 0.3
    begins = {"from": f"{chance.randrange(last_ns)}ns"} if chance.random() < 0.6 else {}
    names = SLOW if kind in ("rx_ring", "dropped") and chance.random() < 0.7 else NAMES
    return {"when": {"vm": chance.choice(names), kind: target, **begins}}


def _set(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.3:
        key = chance.choice(sorted(LINK))
        return {key: chance.choice(LINK[key])}
    key = chance.choice(sorted(OF_STATION))
    return {f"switch.ports.{chance.choice(NAMES)}.{key}": chance.choice(OF_STATION[key])}


class Played(NamedTuple):
    """What both made of a load, and when each event happened in both, in fs; None where it did not."""

    both: Both
    engine_fs: list[int | None]
    oracle_fs: list[int | None]


def play(folder: Path, drawn: Scripted) -> Played:
    """Run a scenario through both."""
    changes = with_capture(folder, drawn.changes, drawn.load)
    config = config_from_mapping(BASE, {**changes, "scenario": drawn.events})
    carried_out = play_of(config)
    carried_out.workload.records.rss_hash[:] = carried_out.workload.records.at_fs // NS_FS  # not IP, which have 0
    run = JourneyRun.of_play(carried_out)
    run.go_through()
    timed, scene = carried_out.config, carried_out.scene
    result = run.result()
    course = _Course(changes, drawn.events)
    oracle, journeys = run_the_oracle(scene.first, drawn.load, result, GROUP_OF, (), course.waiting)
    both = Both(
        result, engine_figures(run, result), oracle, finished_journeys(run), journeys, scene.first, drawn.load
    )  # fmt: skip
    end_fs = round(result.window.end_ns * NS_FS)
    engine_fs = [each.time_fs for each in timed.scenario]
    happened = [at_fs if at_fs is not None and at_fs <= end_fs else None for at_fs in engine_fs]
    return Played(both, happened, [each.at_fs for each in course.given])


class _Course:
    """Follow a scenario as its events happen: which configuration holds, and which functions are off."""

    def __init__(self, changes: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
        self._changes, self._events = changes, events
        self._set: dict[str, Any] = {}
        self._off: frozenset[str] = frozenset()
        self.given: list[Waiting] = []

    def waiting(self, parameters: Callable[[Config, frozenset[str]], NicParameters]) -> Sequence[Waiting]:
        """Return the events for the SimPy model."""
        self.given = [Waiting(_when(event), partial(self._happens, event, parameters)) for event in self._events]
        return self.given

    def _happens(
        self, event: Mapping[str, Any], parameters: Callable[[Config, frozenset[str]], NicParameters]
    ) -> NicParameters:
        self._set |= event.get("set", {})
        self._off |= {event["unplug"]} if "unplug" in event else frozenset()
        return parameters(config_from_mapping(BASE, {**self._changes, **self._set}), self._off)


def _when(event: Mapping[str, Any]) -> Condition | int:
    if "at" in event:
        return _fs(event["at"])
    when = dict(event["when"])
    port, begins_fs = function_number(when.pop("vm")) + 1, _fs(when.pop("from", "0ns"))
    ((kind, target),) = when.items()
    return Condition(port, kind, 0 if target == "empty" else int(target), begins_fs)


def _fs(text: str) -> int:
    return int(text.removesuffix("ns")) * NS_FS
