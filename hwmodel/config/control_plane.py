"""When a multi-root switch has a control plane, and how changes that need it wait while it has none.

The control plane sets which share of the adapter each host has, and which functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hwmodel.rules.function_names import PF

from .life import course_of
from .model import Config
from .scenario import GIVES, NOT_KNOWN_FS, TAKES, in_order


class Span(NamedTuple):
    """Say from when on who controls; None: nobody."""

    from_fs: int
    controller: str | None


class Held(NamedTuple):
    """Say when a change was asked for, and when somebody controlled again; None: never."""

    asked_fs: int
    until_fs: int | None


@dataclass(frozen=True)
class Acting:
    """Hold a configuration with the actual times of its events, who controls when, and which events had to wait.

    `held`: by the events' indices in the scenario.
    """

    config: Config
    spans: tuple[Span, ...] = ()
    held: Mapping[int, Held] = field(default_factory=dict)

    def without_fs(self, at_fs: int) -> tuple[int, int | None] | None:
        """Return the interval around a time (end None: for good) in which nobody controls; None if somebody does."""
        known = [span for span in self.spans if span.from_fs <= at_fs]
        if not known or known[-1].controller is not None:
            return None
        last = max((at for at, span in enumerate(known) if span.controller is not None), default=-1)
        return known[last + 1].from_fs, _there_from(self.spans, at_fs)


def acting(config: Config) -> Acting:
    """Return a scenario as it takes place: events that need the control plane wait until there is one.

    Raises InputError as `course_of`, if a host that is absent is to go, or to take over.
    """
    if config.multi_root is None or not any(event.is_of_host for event in config.scenario):
        return Acting(config)
    # Of one instant the last counts: who fails as it takes over has carried out nothing.
    spans = tuple({span.from_fs: span for span in _spans(config, config.multi_root.control)}.values())
    held: dict[int, Held] = {}
    events = [*config.scenario]
    for at in in_order(events):
        event = config.scenario[at]
        until_fs = _there_from(spans, event.at_fs)
        if event.at_fs < NOT_KNOWN_FS and event.needs_control and until_fs != event.at_fs:
            n_before = sum(one.until_fs == until_fs for one in held.values())  # one behind the other, 1 fs apart
            held[at] = Held(event.at_fs, until_fs)
            events[at] = event.model_copy(update={"time_fs": None if until_fs is None else until_fs + n_before})
    return Acting(config.model_copy(update={"scenario": tuple(events)}), spans, held)


def _spans(config: Config, controller: str) -> Iterator[Span]:
    """Yield who controls from when on: nobody while the controlling host is away or failed, until it is back."""
    of_hosts = [config.scenario[at] for at in in_order(config.scenario)]
    of_hosts = [event for event in of_hosts if event.is_of_host and event.at_fs < NOT_KNOWN_FS]
    course = course_of(config.model_copy(update={"scenario": tuple(of_hosts)}))
    changes: list[tuple[int, str, str]] = [(0, GIVES, controller)]
    changes += [(event.at_fs, event.row.control, str(event.value)) for event in of_hosts]
    changes += [
        (life.up_fs, "back", life.vm.rpartition(".")[0])  # PFs have the names of their places
        for life in course.lives
        if life.up_fs is not None and life.vm.endswith(f".{PF}")  # the first PF comes with those of other ports
    ]
    away: set[str] = set()
    for at_fs, kind, name in sorted(changes, key=lambda change: change[0]):
        if kind == GIVES:
            controller = name
        elif kind == TAKES:
            away.add(name)
        else:
            away.discard(name)
        yield Span(at_fs, None if controller in away else controller)


def _there_from(spans: tuple[Span, ...], at_fs: int) -> int | None:
    """Return the first time from `at_fs` on at which somebody controls; None: never."""
    if [span for span in spans if span.from_fs <= at_fs][-1].controller is not None:
        return at_fs
    return next((span.from_fs for span in spans if span.from_fs > at_fs and span.controller is not None), None)
