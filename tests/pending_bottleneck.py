"""What limits a run is looked for when a test asks: the short runs for it take a fifth of the tests' time.

Nothing else changes: the first look at any field of `result.bottleneck` makes the short runs that `simulate` makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

from hwmodel.results import Bottleneck, Result, SystemResult

NAMES = [one.name for one in fields(Bottleneck)]
LOOKS = {"__class__", "__reduce_ex__", *NAMES}


class PendingBottleneck(Bottleneck):
    """Stand for a bottleneck that nobody has asked for, and become it when somebody does.

    Until then the place of `resource` holds what looks for it.
    """

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute of what is found."""
        if name in LOOKS:
            found = object.__getattribute__(self, "resource")()
            object.__setattr__(self, "__class__", Bottleneck)
            for field in NAMES:
                object.__setattr__(self, field, getattr(found, field))
        return object.__getattribute__(self, name)


def pending(find: Callable[[], Bottleneck]) -> Bottleneck:
    """Return what a function finds; it is called for the first field that is asked for."""
    found = object.__new__(PendingBottleneck)
    object.__setattr__(found, "resource", find)
    return found


def when_asked_for(judged: Callable[..., Bottleneck]) -> Callable[..., Bottleneck]:
    """Let the search for a bottleneck begin when somebody asks for it."""
    return lambda *arguments: pending(partial(judged, *arguments))


def for_each_adapter(with_bottleneck: Callable[[Result, Bottleneck], Result]) -> Callable[[Result, Bottleneck], Result]:
    """Let adapters of several, which have the bottleneck where it is their own, ask for it no earlier."""

    def kept(result: Result, found: Bottleneck) -> Result:
        if type(found) is not PendingBottleneck or not isinstance(result, SystemResult):
            return with_bottleneck(result, found)
        adapters = [
            replace(adapter, bottleneck=pending(lambda at=at: with_bottleneck(result, found).adapters[at].bottleneck))
            for at, adapter in enumerate(result.adapters)
        ]
        return replace(result, bottleneck=found, adapters=tuple(adapters))

    return kept
