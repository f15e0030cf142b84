"""When a multi-root switch has a control plane, and how changes that need it wait while it has none.

The control plane sets which share of the adapter each host has, and which functions.
"""

from __future__ import annotations

from typing import NamedTuple

from .model import Config
from .scenario import GIVES, TAKES, Event


class Span(NamedTuple):
    """Say from when on who controls; None: nobody."""

    from_fs: int
    controller: str | None


class Held(NamedTuple):
    """Say when a change was asked for, and when somebody controlled again; None: not yet."""

    asked_fs: int
    until_fs: int | None


class ControlPlane:
    """Follow who has the control plane: nobody while its host is away or has failed, until it is back.

    `held`: events that had to wait, by their indices in the scenario.
    """

    def __init__(self, config: Config) -> None:
        self._controller = "" if config.multi_root is None else config.multi_root.control
        self._away: set[str] = set()
        self._spans = [Span(0, self._controller)]
        self._waiting: list[int] = []
        self.held: dict[int, Held] = {}

    def waits(self, event: int, at_fs: int) -> bool:
        """Tell whether a change that is asked for now has to wait, and keep it."""
        if self._spans[-1].controller is not None:
            return False
        asked_fs = self.held[event].asked_fs if event in self.held else at_fs
        self.held[event] = Held(asked_fs, None)
        self._waiting.append(event)
        return True

    def hears(self, event: Event, at_fs: int) -> None:
        """Follow an event about a host."""
        name = str(event.value)
        if event.row.control == GIVES:
            self._controller = name
        elif event.row.control == TAKES:
            self._away.add(name)
        self._note(at_fs)

    def is_back(self, host: str, at_fs: int) -> bool:
        """Note that a host is there again; tell whether that gives the switch its control plane back."""
        if host not in self._away:
            return False
        self._away.discard(host)
        self._note(at_fs)
        return host == self._controller

    def released(self, at_fs: int) -> list[int]:
        """Return the events that need not wait any more, in the order in which they were asked for."""
        if self._spans[-1].controller is None:
            return []
        found, self._waiting = self._waiting, []
        self.held |= {event: Held(self.held[event].asked_fs, at_fs) for event in found}
        return found

    def without_fs(self, at_fs: int) -> tuple[int, int | None] | None:
        """Return the interval around a time (end None: for good) in which nobody controls; None if somebody does."""
        known = [span for span in self._spans if span.from_fs <= at_fs]
        if known[-1].controller is not None:
            return None
        last = max((at for at, span in enumerate(known) if span.controller is not None), default=-1)
        later = (span.from_fs for span in self._spans if span.from_fs > at_fs and span.controller is not None)
        return known[last + 1].from_fs, next(later, None)

    def _note(self, at_fs: int) -> None:
        """Note who controls from now on; of one instant the last counts: who fails as it takes over never does."""
        if self._spans[-1].from_fs == at_fs:
            self._spans.pop()
        self._spans.append(Span(at_fs, None if self._controller in self._away else self._controller))
