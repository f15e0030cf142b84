"""Labels that keep what distinguishes them: what all have in common goes first, then middles, never a difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from hwmodel.words.quantities import printable

ELLIPSIS = "…"
_BOUNDARIES = "/\\_-.,; ="


def file_labels(paths: Sequence[str]) -> list[str]:
    """Return file names without the folder and the ending that all have; a single one without its folder."""
    if len(paths) == 1:
        return [PurePath(paths[0]).name or paths[0]]
    heads = [path.rpartition("/")[0] for path in paths]
    names = [path.rpartition("/")[2] for path in paths] if len(set(heads)) == 1 else list(paths)
    endings = {PurePath(name).suffix for name in names}
    if len(endings) == 1 and all(len(name) > len(PurePath(name).suffix) for name in names):
        ending = endings.pop()
        names = [name.removesuffix(ending) for name in names]
    return names


def short_labels(names: Sequence[str], most: int) -> list[str]:
    """Return labels of at most `most` characters where that leaves different names different, longer ones elsewhere.

    Control characters are written out. Of long names, what all begin or end with is left out up to a separator, then
    the middle is.
    """
    shown = [printable(name) for name in names]
    if _longest(shown) > most:
        shown = _without_common_ends(shown)
    limit = most
    while (cut := [_cut(name, limit) for name in shown]) != shown:
        if len(set(cut)) == len(set(shown)):
            break
        limit += 4
    return cut


def _longest(names: Iterable[str]) -> int:
    return max(map(len, names), default=0)


def _without_common_ends(names: Sequence[str]) -> list[str]:
    different = sorted(set(names))
    if len(different) < 2:
        return list(names)
    start = _common_start(different[0], different[-1])
    end = min(_common_start(one[::-1], different[0][::-1]) for one in different)
    head = max((start_at + 1 for start_at in range(start) if different[0][start_at] in _BOUNDARIES), default=0)
    # The end that is left out begins at a separator, and never reaches into what differs.
    room = min(map(len, different)) - head - 1
    reversed_name = different[0][::-1]
    tail = max((at + 1 for at in range(min(end, room)) if reversed_name[at] in _BOUNDARIES), default=0)
    return [
        f"{ELLIPSIS * bool(head)}{name[head : len(name) - tail]}{ELLIPSIS * bool(tail)}" if name else name
        for name in names
    ]


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def _cut(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}{ELLIPSIS}{name[len(name) - tail :]}"
