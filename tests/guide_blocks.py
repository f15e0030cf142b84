"""The blocks of a guide page that a reader can try: files, commands and Python, each with what it prints."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
GAP = "..."


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the name of the file that it shows, its text."""

    language: str
    title: str | None
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the lines that the page shows of what it prints."""

    words: tuple[str, ...]
    lines: tuple[str, ...]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    return [Block(*found.groups()) for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0], "a console block begins with a command"
    found = []
    for part in parts[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        found.append(Command(tuple(shlex.split(command)), tuple(lines)))
    return found


def difference(shown: tuple[str, ...], printed: list[str]) -> str:
    """Say where what a page shows departs from what a command prints; `...` stands for one line or more."""
    at = 0
    skips = False
    for line in shown:
        if line == GAP:
            skips = True
            at += 1
            continue
        if skips:
            while at < len(printed) and printed[at] != line:
                at += 1
        if at >= len(printed) or printed[at] != line:
            return f"the page shows {line!r}; printed is {printed[at] if at < len(printed) else 'nothing more'!r}"
        at += 1
        skips = False
    rest = printed[at:] if not skips else []
    return f"the page leaves out {rest[0]!r}" if rest else ""
