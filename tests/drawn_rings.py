"""Machines drawn at random whose rings differ: who drops, who refills, and commands that change both."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from tests.beside_simpy import NS_FS
from tests.drawn_commands import NAMES, Commanded
from tests.drawn_machines import draw_drivers, draw_own_drivers


def draw_rings(seed: int, n: int = 500) -> Commanded:
    """Draw a machine, a load, and up to six commands, in which functions drop or wait, and refill or do not."""
    chance = random.Random(f"rings {seed}")
    drawn = (draw_own_drivers if seed % 2 else draw_drivers)(8000 + seed, n)
    changes = {**drawn.changes, "nic.rx_ring": chance.choice((65, 71, 128)), "nic.tx_ring": 64}
    changes["switch.ports"] = [
        {"name": name, "drop_enable": _drops(chance, int(changes.get("nic.queues_per_vf", 1)))}
        for name in chance.sample(NAMES, chance.randint(0, 3))
    ]
    for name in chance.sample(NAMES, chance.choice((0, 0, 1, 2))):
        changes[f"driver.vms.{name}.refill"] = False
    if int(changes.get("nic.queues_per_vf", 1)) > 1:
        changes["nic.vectors_per_function"] = chance.choice((None, 1, 1, 2))
    last_fs = 700_000 * NS_FS if isinstance(drawn.load, Mapping) else drawn.load[-1][0] * NS_FS
    moments = sorted(chance.randrange(last_fs) for _ in range(chance.randint(0, 6)))
    return Commanded(changes, drawn.load, [(at_fs, _change(chance)) for at_fs in moments])


def _drops(chance: random.Random, n_queues: int) -> Any:
    return chance.choice((True, False, [chance.random() < 0.5 for _ in range(chance.randint(1, n_queues))]))


def _change(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(NAMES)
    return {
        chance.choice((f"switch.ports.{name}.drop_enable", "nic.drop_enable")): chance.random() < 0.5,
        f"driver.vms.{chance.choice(NAMES)}.refill": chance.random() < 0.6,
    }
