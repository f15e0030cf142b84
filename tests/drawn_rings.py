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
    if not isinstance(drawn.load, Mapping):
        changes["nic.queues_per_vf"] = chance.choice((1, 2, 3))
    changes["switch.ports"] = [
        {"name": name, "drop_enable": _drops(chance, int(changes.get("nic.queues_per_vf", 1)))}
        for name in chance.sample(NAMES, chance.randint(0, 4))
    ]
    for name in chance.sample(NAMES, chance.choice((0, 0, 1, 2))):
        changes[f"driver.vms.{name}.refill"] = False
    if int(changes.get("nic.queues_per_vf", 1)) > 1:
        changes["nic.vectors_per_function"] = chance.choice((None, 1, 1, 2))
        if chance.random() < 0.7:  # with interrupts, which vectors are about
            changes |= {"driver.rx_interrupt_batch": chance.choice((1, 3, 8)), "driver.tx_interrupt_batch": 4}
    if chance.random() < 0.5:
        changes["nic.shared_descriptor_cache"] = chance.choice((3, 20, 40, 100))
    if chance.random() < 0.4:
        changes |= _thresholds(chance)
    last_fs = 350_000 * NS_FS if isinstance(drawn.load, Mapping) else drawn.load[-1][0] * NS_FS
    moments = sorted(chance.randrange(last_fs) for _ in range(chance.randint(0, 6)))
    return Commanded(changes, drawn.load, [(at_fs, _change(chance)) for at_fs in moments])


def _thresholds(chance: random.Random) -> dict[str, Any]:
    """Draw thresholds in place of the batches; a report for several is not as many as half a ring."""
    pthresh = chance.choice((0, 4, 24, 32))
    sent = {"pthresh": pthresh, "hthresh": chance.choice((0, 1, 3, 9)), "wthresh": chance.choice((0, 0, 1, 5, 8))}
    sent["rs"] = 1 if sent["wthresh"] else chance.choice((1, 4, 7))
    batches = {"nic.fetch_batch": 40 - pthresh, "nic.tx_writeback_batch": sent["wthresh"] or sent["rs"]}
    return {**batches, "nic.txdctl": sent, "nic.descriptor_cache": 40}


def _drops(chance: random.Random, n_queues: int) -> Any:
    return chance.choice((True, False, [chance.random() < 0.5 for _ in range(chance.randint(1, n_queues))]))


def _change(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(NAMES)
    return {
        chance.choice((f"switch.ports.{name}.drop_enable", "nic.drop_enable")): chance.random() < 0.5,
        f"driver.vms.{chance.choice(NAMES)}.refill": chance.random() < 0.6,
    }
