"""What agents reach of a machine as it runs: figures to read and to watch, keys to set, cores to work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.config.check_condition import figure_of, misfits, watched_by
from hwmodel.config.condition import Condition
from hwmodel.config.kinds import suggest
from hwmodel.config.live_configuration import Setting
from hwmodel.config.message_time import DriverWork
from hwmodel.config.operable import concerns_only
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.machine.adapter.watches import AS_IT_BECOMES, N_SAID, ONCE, TERM_WORDS
from hwmodel.rules.watched_figures import Watched
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.simulation.run.commands import Change, Watch, functions_of
from hwmodel.simulation.run.machine import Machine

SetKeys = Callable[[int, Setting, Change], Change]


class Hands:
    """Reach a machine for agents (`agents.live.Machine`); `set_keys`: makes a change of a setting at an instant."""

    def __init__(self, machine: Machine, config: Config, set_keys: SetKeys) -> None:
        self._machine, self._config, self._set_keys = machine, config, set_keys
        self._servers = servers_of(config)
        self._places = {server.name: at for at, server in enumerate(self._servers)}
        self._functions = functions_of(self._servers)
        self._words = machine.state.view(np.int64)
        self._terms: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        self._ways: dict[str, int] = {}

    def read(self, server: str, of: str, figure: str) -> int:
        """Return a figure as it is now; of a link's busy time, as it was at the link's last event."""
        if (of, figure) not in self._terms:
            self._terms[of, figure] = self._terms_of(server, of, figure)
        words = self._words
        return sum(
            factor * int(words[word : word + (n - 1) * stride + 1 : stride or 1].sum())
            for word, n, stride, factor in self._terms[of, figure]
        )

    def watch(self, server: str, number: int, condition: Condition, each: int | None, at_fs: int) -> None:
        """Watch a figure from an instant on: as it becomes true, or of a count, which does not become false, once."""
        self._check(server, condition.whose, [message for _, message in misfits(condition, self._config)])
        what = watched_by(condition, self._config)
        again = AS_IT_BECOMES if what.figure.is_level or what.within_fs else ONCE
        if each is not None:
            what, again = what._replace(number=what.number - 1), what.number
        place = place_of(self._servers, what.of)
        watch = Watch(place.at, watch_values(self._servers, place, what, number, again), number)
        self._machine.schedule.add(at_fs, lambda now: now.then(at_fs, watches=(watch,)))

    def work(self, server: str, core: str, at_fs: int, work_fs: int) -> None:
        """Keep the core of a function from handling frames; raise InputError where its server has no such function."""
        place = self._places[server]
        if core not in self._functions or self._functions[core].server != place:
            own = (name for name, one in self._functions.items() if one.server == place)
            raise InputError(f"agents: there is no {core} at server {server}{suggest(core, own)}, whose core to keep")
        work = DriverWork(at_fs, core, work_fs, 0, 0)
        self._machine.schedule.add(at_fs, lambda now: now.then(at_fs, work=(work,)))

    def set(self, at_fs: int, setting: Setting) -> None:
        """Set keys at an instant."""
        self._machine.schedule.add(at_fs, lambda now: self._set_keys(at_fs, setting, now))

    def concerns_only(self, server: str, changes: Mapping[str, Any]) -> bool:
        """Tell whether keys concern nothing beside a server at once."""
        return concerns_only(server, changes)

    def way_fs(self, server: str) -> int:
        """Return the longest time that anything from a server takes to reach another."""
        if server not in self._ways:
            self._ways[server] = self._machine.way_fs(self._places[server])
        return self._ways[server]

    def _check(self, server: str, of: str, problems: Sequence[str] = ()) -> None:
        """Raise InputError for what is wrong with a figure of an agent in Python, or where it is another server's."""
        if not problems and server not in (of, of.rpartition(".")[0]):
            problems = [f"{of} is not at server {server}, of which alone its agents see figures"]
        if problems:
            raise InputError([f"agents: {line}" for line in problems])

    def _terms_of(self, server: str, of: str, figure: str) -> list[tuple[int, ...]]:
        """Return where the words of a figure are: each run's first word, how many, how far apart, how often counted."""
        self._check(server, of)
        what = Watched(figure_of(figure, of, self._config), of, is_below=False, number=0)
        values = watch_values(self._servers, place_of(self._servers, of), what, 0)[N_SAID:]
        return [tuple(values[at : at + TERM_WORDS]) for at in range(0, len(values), TERM_WORDS)]
