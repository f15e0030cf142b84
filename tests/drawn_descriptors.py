"""Machines drawn at random whose descriptors, completion entries and doorbells have sizes, or come in one write."""

from __future__ import annotations

import random

from tests.drawn_commands import NAMES, Commanded, draw_functions_off
from tests.drawn_machines import draw_hosts
from tests.drawn_rings import draw_rings
from tests.drawn_sends import draw_sends


def draw_descriptors(seed: int) -> Commanded:
    """Draw rings with commands, an IOMMU, sends, or functions that go; then sizes, and which drivers ring inline."""
    chance = random.Random(f"descriptors {seed}")
    drawn = (_rings, _hosts, _sends, draw_functions_off)[seed % 4](9000 + seed)
    changes = {
        **drawn.changes,
        "nic.tx_descriptor": chance.choice(("16B", "32B", "64B", "64B")),
        "nic.completion_entry": chance.choice((None, "16B", "32B", "64B", "64B")),
        "nic.doorbell": chance.choice(("4B", "8B")),
        "driver.doorbell": chance.choice(("tail", "inline", "inline", "inline")),
    }
    if chance.random() < 0.5:  # one frame a doorbell
        changes["driver.tx_doorbell_batch"] = 1
    for name in chance.sample(NAMES, chance.choice((0, 1, 2))):
        changes[f"driver.vms.{name}.doorbell"] = chance.choice(("tail", "inline"))
    return Commanded(changes, drawn.load, drawn.commands)


def _rings(seed: int) -> Commanded:
    return draw_rings(seed, 400)


def _hosts(seed: int) -> Commanded:
    changes, load = draw_hosts(seed, 400)
    return Commanded(changes, load, None)


def _sends(seed: int) -> Commanded:
    return Commanded(draw_sends(seed), None, None)
