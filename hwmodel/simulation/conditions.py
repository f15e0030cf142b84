"""Find the times of events that wait for a condition, by one run for each event, up to when its condition holds.

An event does not change what happens before it. So a run with all events whose times are known, and with a watch on
each condition, tells when the first condition comes true. That gives its event a time, and the next run includes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from hwmodel.machine.adapter.watches import DELIVERED, DROPPED, RX_RING_EMPTY, TX_RING_EMPTY, UP
from hwmodel.simulation.commands import Change, Watch
from hwmodel.simulation.scenario import Scene, scene_of

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.scenario import Condition

KINDS = {"delivered": DELIVERED, "dropped": DROPPED, "tx_ring": TX_RING_EMPTY, "rx_ring": RX_RING_EMPTY, "up": UP}
BEHIND_FS = 1  # delay of an event after its condition came true

Look = Callable[[tuple[Change, ...], str, int], tuple[int, int] | None]
"""Run with changes that watch, and say which watch came true first, and when; what for, in words, how many were before.
"""


def n_waiting(config: Config) -> int:
    """Return how many events still wait for a condition, which is the most extra runs needed to find their times."""
    return len(_waiting(config))


def with_times(config: Config, scene: Scene, look: Look) -> tuple[Config, Scene]:
    """Return the configuration with a time for each event whose condition comes true, and its scene.

    `scene`: that of the given configuration. Raises InputError as `scene_of` does, if an event lacks what it needs
    at its time.
    """
    n_looks = 0
    while waiting := _waiting(config):
        found = look(watched(scene, waiting), _looking_text(waiting), n_looks)
        if found is None:
            break
        at, true_fs = found
        event = config.scenario[at].happens_at(true_fs + BEHIND_FS)
        config = config.model_copy(update={"scenario": (*config.scenario[:at], event, *config.scenario[at + 1 :])})
        scene, n_looks = scene_of(config), n_looks + 1
    return config, scene


def watched(scene: Scene, conditions: Mapping[int, Condition]) -> tuple[Change, ...]:
    """Return the changes of a scene together with changes that begin watches, which come first within an instant.

    `conditions`: by the numbers of their watches.
    """
    begin: dict[int, list[Watch]] = {}
    for number, when in conditions.items():
        watch = Watch(when.vm, KINDS[when.kind], when.target, number)
        begin.setdefault(when.begins_fs, []).append(watch)
    found = list(scene.changes)
    for at_fs, watches in begin.items():
        earlier = (each for each in scene.changes if each.at_fs < at_fs)
        before = max(earlier, key=attrgetter("at_fs"), default=Change(0, scene.first))
        found.append(Change(at_fs, before.config, before.off, watches=tuple(watches)))
    return tuple(sorted(found, key=lambda change: (change.at_fs, not change.watches)))


def _waiting(config: Config) -> dict[int, Condition]:
    return {
        at: event.when for at, event in enumerate(config.scenario) if event.when is not None and event.time_fs is None
    }


def _looking_text(waiting: Mapping[int, Condition]) -> str:
    """Say which events are waiting, by their places in the scenario, from 1 on."""
    numbers = [str(at + 1) for at in waiting]
    return f"looking for the time of event{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
