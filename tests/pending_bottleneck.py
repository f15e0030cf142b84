"""What limits a run is looked for when a test asks: the short runs for it take a fifth of the tests' time.

Nothing else changes: the first look at any field of `result.bottleneck` makes the short runs that `simulate` makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from hwmodel.results import Bottleneck

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


def when_asked_for(judged: Callable[..., Bottleneck]) -> Callable[..., Bottleneck]:
    """Let a function that returns a bottleneck begin when the first field of it is asked for."""

    def pending(*arguments: Any) -> Bottleneck:
        found = object.__new__(PendingBottleneck)
        object.__setattr__(found, "resource", partial(judged, *arguments))
        return found

    return pending
