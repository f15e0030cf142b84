"""What the closed form has found of configurations lately: runs that differ in seed or length alone ask again."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hwmodel.config import Config

MOST_REMEMBERED = 32
Found = TypeVar("Found")


class _Content:
    """Stand for what a configuration says of the machine and its load; how long a run takes is no part of it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._text = config.model_dump_json(exclude={"run"})

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._text == other._text


_latest: list[_Content] = []  # a run asks several times of one and the same configuration


def _content_of(config: Config) -> _Content:
    for content in tuple(_latest):
        if content.config is config:
            return content
    content = _Content(config)
    _latest[:] = [content]
    return content


def remembered(function: Callable[..., Found]) -> Callable[..., Found]:
    """Let a function of a configuration, and of what else tells its results apart, remember its last few results.

    Not those of a capture, whose file may change.
    """

    @lru_cache(maxsize=MOST_REMEMBERED)
    def of_content(content: _Content, *others: Any) -> Found:
        return function(content.config, *others)

    @wraps(function)
    def recalled(config: Config, *others: Any) -> Found:
        if config.workload.pcap is not None:
            return function(config, *others)
        return of_content(_content_of(config), *others)

    return recalled
