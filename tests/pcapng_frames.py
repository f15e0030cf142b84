"""Frames of a pcapng capture with their directions, read without the code under test."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

PACKET_BLOCK, FLAGS_OPTION, INBOUND = 6, 2, 1


class Passed(NamedTuple):
    """A frame that passed a port: which way, as the port sees it, and its bytes."""

    came: bool
    raw: bytes


def passed_at(path: str | Path) -> list[Passed]:
    """Return what passed, in its order."""
    data, at, found = Path(path).read_bytes(), 0, []
    while at < len(data):
        kind, n_bytes = struct.unpack_from("<II", data, at)
        if kind == PACKET_BLOCK:
            (captured,) = struct.unpack_from("<I", data, at + 20)
            raw = data[at + 28 : at + 28 + captured]
            option = at + 28 + (captured + 3) // 4 * 4
            code, length, flags = struct.unpack_from("<HHI", data, option)
            assert (code, length) == (FLAGS_OPTION, 4)
            found.append(Passed(flags & 3 == INBOUND, raw))
        at += n_bytes
    return found
