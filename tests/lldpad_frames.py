"""What two lldpad daemons said to each other (tests/vectors/lldpad_vdp.txt), as rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "vectors" / "lldpad_vdp.txt"


class Said(NamedTuple):
    """Hold a frame: seconds from the session's first one of ECP, `station` or `bridge`, all bytes but the FCS."""

    at_s: float
    sender: str
    frame: bytes

    @property
    def ethertype(self) -> int:
        return int.from_bytes(self.frame[12:14], "big")

    @property
    def body(self) -> bytes:
        return self.frame[14:]


class Session(NamedTuple):
    """Hold a session: what each end was configured with, and what was said."""

    station: dict[str, int]
    bridge: dict[str, int]
    said: list[Said]


def sessions() -> dict[str, Session]:
    """Return all sessions by name."""
    found: dict[str, Session] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("session"):
            name, ends = re.match(r"session (\w+): (.*)", line).groups()  # type: ignore[union-attr]
            station, bridge = (
                {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", end)} for end in ends.split(", bridge ")
            )
            found[name] = Session(station, bridge, [])
        elif not line.startswith("#"):
            at_s, sender, frame = line.split()
            found[name].said.append(Said(float(at_s), sender, bytes.fromhex(frame)))
    return found
