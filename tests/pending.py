"""What of a result is worked out when a test asks: what limits it, by short runs, and the closed form beside it.

The first takes a fifth of the tests' time, the second a tenth of a short run's. Nothing else changes: a first look at
any field of `result.bottleneck` makes the short runs that `simulate` makes, one at `result.closed_form` the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

from hwmodel.config import Config
from hwmodel.results import Bottleneck, ClosedForm, NextStep, Result, SystemResult
from hwmodel.simulation.run.closed_form import closed_form_of, limits_of, next_steps

BECOMES = "__class__", "__reduce_ex__"


def pending_kind(kind: type) -> tuple[type, str]:
    """Return a class that stands for a record that nobody has asked for, and becomes it when somebody does.

    Until then the place of its first field, whose name is returned too, holds what works it out.
    """
    names = [one.name for one in fields(kind)]
    looks = {*BECOMES, *names}

    def look(stand_in: Any, name: str) -> Any:
        if name in looks:
            found = object.__getattribute__(stand_in, names[0])()
            object.__setattr__(stand_in, "__class__", kind)
            for field in names:
                object.__setattr__(stand_in, field, getattr(found, field))
        return object.__getattribute__(stand_in, name)

    return type(f"Pending{kind.__name__}", (kind,), {"__slots__": (), "__getattribute__": look}), names[0]


LATER: Any = object()
PENDING = {kind: pending_kind(kind) for kind in (Bottleneck, ClosedForm)}


def pending(kind: type, find: Callable[[], Any]) -> Any:
    """Return the record of a kind that a function finds; it is called for the first field that is asked for."""
    stand_in, first = PENDING[kind]
    found = object.__new__(stand_in)
    object.__setattr__(found, first, find)
    return found


def when_asked_for(judged: Callable[..., Bottleneck]) -> Callable[..., Bottleneck]:
    """Let the search for a bottleneck begin when somebody asks for it."""
    return lambda *arguments: pending(Bottleneck, partial(judged, *arguments))


def for_each_adapter(with_bottleneck: Callable[[Result, Bottleneck], Result]) -> Callable[[Result, Bottleneck], Result]:
    """Let adapters of several, which have the bottleneck where it is their own, ask for it no earlier."""

    def kept(result: Result, found: Bottleneck) -> Result:
        if type(found) is not PENDING[Bottleneck][0] or not isinstance(result, SystemResult):
            return with_bottleneck(result, found)
        adapters = [
            replace(
                adapter,
                bottleneck=pending(Bottleneck, lambda at=at: with_bottleneck(result, found).adapters[at].bottleneck),
            )
            for at, adapter in enumerate(result.adapters)
        ]
        return replace(result, bottleneck=found, adapters=tuple(adapters))

    return kept


def limits_later(config: Config) -> Any:
    """Stand for `limits_of`: work nothing out where the closed form is known to have something to say of the load."""
    return limits_of(config) if config.workload.pcap is not None else LATER


def closed_form_later(config: Config, found: Any, steps: Any = ()) -> ClosedForm:
    """Stand for `closed_form_of`."""
    if found is not LATER:
        return closed_form_of(config, found, steps)
    return pending(ClosedForm, lambda: closed_form_of(config, limits_of(config), steps))


def next_steps_now(config: Config, now: Any) -> tuple[NextStep, ...]:
    """Stand for `next_steps`, of which each is a closed form that was asked for."""
    return next_steps(config, limits_of(config) if now is LATER else now)
