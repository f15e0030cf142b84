"""Blocks that were validated lately, and what each says: points of a sweep differ in a key or two.

Blocks are frozen, so that many configurations may hold the same one.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from pydantic_core import to_json

from .block import Block

MOST_REMEMBERED = 64
_EXACT = 2  # of `marshal`, the last version of the format in which equal data have equal bytes, whoever else holds them


class Said:
    """Hold what a block says, in the forms that a run asks for; each is worked out when it is first asked for."""

    def __init__(self, block: Block) -> None:
        self._block = block

    @property
    def plain(self) -> dict[str, Any]:
        """Return the block's keys as users type them, units written out; the caller's own."""
        plain: dict[str, Any] = marshal.loads(self._marshalled)
        return plain

    @cached_property
    def text(self) -> bytes:
        """Return what the block holds, as JSON: two blocks that say the same have the same text."""
        return to_json(self._block)

    @cached_property
    def sorted_text(self) -> str:
        """Return the block as users type it, as JSON with sorted keys."""
        return sorted_text(self.plain)

    @cached_property
    def _marshalled(self) -> bytes:
        return marshal.dumps(self._block.model_dump(mode="json", by_alias=True))


class _Itself:
    """Stand for a block, and for no other that is equal: comparing them would take as long as writing them."""

    __slots__ = ("block",)

    def __init__(self, block: Block) -> None:
        self.block = block

    def __hash__(self) -> int:
        return id(self.block)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.block is other.block


def sorted_text(plain: Any) -> str:
    """Return JSON values as a text without spaces, its keys sorted, of ASCII alone."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def said_by(block: Block) -> Said:
    """Return what a block says."""
    return _said(_Itself(block))


@lru_cache(maxsize=MOST_REMEMBERED)
def _said(of: _Itself) -> Said:
    return Said(of.block)


class RecentBlocks:
    """Know the blocks of one document's data among those that were validated before.

    `data`: plain data by block; `kinds`: the class of each block that may be remembered, by name.
    """

    def __init__(self, data: Mapping[str, Any], kinds: Mapping[str, type[Block]]) -> None:
        self._data = data
        self._places: dict[str, list[Block]] = {}
        for name, kind in kinds.items():
            with suppress(ValueError):  # what no file could hold is refused, and not remembered
                self._places[name] = _place_of(kind, marshal.dumps(data.get(name), _EXACT))

    def filled_in(self) -> dict[str, Any]:
        """Return the data, with the blocks that are known in place of what they are made of."""
        return {**self._data, **{name: place[0] for name, place in self._places.items() if place}}

    def remember(self, config: Any) -> None:
        """Keep the blocks of the configuration that the data have made."""
        for name, place in self._places.items():
            if not place:
                place.append(getattr(config, name))


@lru_cache(maxsize=MOST_REMEMBERED)
def _place_of(_kind: type[Block], _content: bytes) -> list[Block]:
    """Return where the block of this content is kept, if it is known: an empty list at first."""
    return []
