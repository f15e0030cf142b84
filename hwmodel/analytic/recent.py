"""A cache of recent closed forms: runs that differ only in seed or length ask for the same one again.

For one adapter, a sweep point of 1,000 frames takes 12 ms, and 18 ms without the cache: the closed form takes 1 to 2
ms, the run of the lone frame 2. With two servers the closed form is a third of a point. The demand, which points with
other links and hosts have in common, is 5/6 of it where 63 VFs send to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

from hwmodel.config import Config

MOST_REMEMBERED = 32
Found = TypeVar("Found")


class _Content:
    """Compare configurations by what they say of the machine, its clocks too, and its load, not by how it is run.

    `unread`: further blocks to ignore; not ignored with several servers, which may differ in them.
    """

    def __init__(self, config: Config, unread: frozenset[str]) -> None:
        self.config = config
        left_out = {"run"} if config.servers else {"run", *unread}
        texts = (text for name, text in _texts_of(config).items() if name not in left_out)
        self._compared = (config.run.clocks_ppb, *texts)

    def __hash__(self) -> int:
        return hash(self._compared)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._compared == other._compared


_latest: list[tuple[Config, dict[str, bytes]]] = []


def _texts_of(config: Config) -> dict[str, bytes]:
    """Return a configuration's blocks as bytes; the latest is kept, as a run asks four times in a row."""
    for known, texts in _latest:
        if known is config:
            return texts
    own = config.texts()
    _latest[:] = [(config, own)]  # threads may overwrite each other's here: each returns its own
    return own


_memories: list[Callable[[], None]] = []


def forget() -> None:
    """Empty all caches, for tests and tools that change the closed form itself."""
    for clear in _memories:
        clear()


def remembered(*unread: str) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    """Cache a function's last few results, by its configuration's content and its other arguments.

    A load from a capture is not cached: its file may change. `unread`: blocks of one server's configuration that the
    function does not read.
    """

    def remembering(function: Callable[..., Found]) -> Callable[..., Found]:
        @lru_cache(maxsize=MOST_REMEMBERED)
        def of_content(content: _Content, *others: Any) -> Found:
            return function(content.config, *others)

        _memories.append(of_content.cache_clear)

        @wraps(function)
        def recalled(config: Config, *others: Any) -> Found:
            if config.workload.pcap is not None:
                return function(config, *others)
            return of_content(_Content(config, frozenset(unread)), *others)

        return recalled

    return remembering
