"""A bond: which of the uplink's legs frames go by, and when it is found that one is dead or lives again."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from functools import reduce
from operator import xor
from typing import Any

import simpy

from .timing import LAST_PORT, Phase, later, place

SECOND_FS = 10**15
LACPDU_EVERY_FS = {"fast": SECOND_FS, "slow": 30 * SECOND_FS}


@dataclass(frozen=True)
class BondRules:
    """How a bond chooses and watches its legs; `primary`: the name of a port, or None."""

    mode: str
    primary: str | None
    monitor_fs: int
    down_delay_fs: int
    up_delay_fs: int
    lacp: str

    @classmethod
    def of(cls, said: Any) -> BondRules:
        """Take them from what has them by the same names."""
        return cls(**{field.name: getattr(said, field.name) for field in fields(cls)})

    def should_use(self, leg: int, down: Collection[int], silent: Collection[int]) -> bool:
        """Tell whether a leg is as one that is used."""
        return leg not in down and not (self.lacp != "off" and leg in silent)


def round_up(at_fs: int, step_fs: int) -> int:
    """Return the first multiple of a step from a time on."""
    return -(-at_fs // step_fs) * step_fs if step_fs else at_fs


def hash_of(mode: str, frame: bytes, is_coming: bool) -> int:
    """Return by what a frame's leg is chosen."""
    tag = frame[12:14] == b"\x81\x00"
    if mode == "source_mac":
        address = frame[:6] if is_coming else frame[6:12]
        vid = int.from_bytes(frame[14:16], "big") % 4096 if tag else 0
        return vid ^ int.from_bytes(address[:3], "big") ^ int.from_bytes(address[3:], "big")
    kind, body = frame[16 * tag or 12 :][:2], frame[18 if tag else 14 :]
    if kind not in (b"\x08\x00", b"\x86\xdd"):
        return frame[5] ^ frame[11] ^ int.from_bytes(kind, "big")
    is_4 = kind == b"\x08\x00"
    addresses, ends = (body[12:20], 4 * (body[0] % 16)) if is_4 else (body[8:40], 40)
    has_ports = body[9 if is_4 else 6] in (6, 17, 132) and not (is_4 and (body[6] % 64 or body[7]))
    words = [addresses[at : at + 4] for at in range(0, len(addresses), 4)]
    words += [body[ends : ends + 4]] if has_ports else []
    found = reduce(xor, (int.from_bytes(word, "little") for word in words))
    found ^= found >> 16
    return (found ^ found >> 8) >> 1


class Bond:
    """The legs of one uplink, as the host and whoever is outside know them."""

    def __init__(self, env: simpy.Environment, rules: BondRules, legs: int, parameters: Any) -> None:
        """Use the legs that should be used at the start."""
        self._env, self._rules, self._legs = env, rules, range(legs)
        self._down, self._silent = parameters.down_ports, parameters.silent_ports
        self.in_use = [leg for leg in self._legs if rules.should_use(leg, self._down, self._silent)]
        self._active: int | None = None
        self._dead_since = dict.fromkeys(self._legs, 0)
        self._bare_since = dict.fromkeys(self._legs, 0)
        self._expected: dict[int, object] = {}
        """What is to be found of a leg; another command puts something else in its place."""
        self._choose()

    def wires_change(self, parameters: Any) -> None:
        """Learn of commands about wires: of each leg that they are about it will be found some time."""
        for leg in self._legs:
            was = leg in self._down, leg in self._silent
            now = leg in parameters.down_ports, leg in parameters.silent_ports
            if was != now:
                self._changes(leg, was, now)
        self._down, self._silent = parameters.down_ports, parameters.silent_ports

    def _changes(self, leg: int, was: tuple[bool, bool], now: tuple[bool, bool]) -> None:
        rules, at_fs = self._rules, self._env.now
        if any(now) and not any(was):
            self._dead_since[leg] = at_fs
        if now[0] and not was[0]:
            self._bare_since[leg] = at_fs
        self._expected.pop(leg, None)
        wanted = rules.should_use(leg, [leg] * now[0], [leg] * now[1])
        if wanted == (leg in self.in_use):
            return
        times: list[float] = [math.inf]
        if wanted:
            back_fs = round_up(at_fs + rules.up_delay_fs, rules.monitor_fs)
            times.append(back_fs if rules.lacp == "off" else round_up(back_fs, SECOND_FS))
        elif now[0]:
            times.append(round_up(self._bare_since[leg] + rules.down_delay_fs, rules.monitor_fs))
        if not wanted and rules.lacp != "off":
            every_fs = LACPDU_EVERY_FS[rules.lacp]
            times.append(round_up(self._dead_since[leg], every_fs) + 2 * every_fs)
        if min(times) < math.inf:
            self._expected[leg] = expected = object()
            found_at = place(Phase.FLOW_TIMERS, LAST_PORT, leg)
            later(self._env, int(min(times)) - at_fs, found_at, self._found, leg, expected)

    def _found(self, leg: int, expected: object) -> None:
        if self._expected.get(leg) is expected:
            self.in_use = sorted({leg}.symmetric_difference(self.in_use))
            self._choose()

    def _choose(self) -> None:
        primary = None if self._rules.primary is None else int(self._rules.primary[1:])
        if primary in self.in_use:
            self._active = primary
        elif self.in_use and self._active not in self.in_use:
            self._active = self.in_use[0]

    def leg_of(self, raw: bytes | None, *, is_coming: bool) -> int | None:
        """Return by which leg a frame goes, or comes; None where none is in use."""
        assert raw is not None
        if not self.in_use:
            return None
        if self._rules.mode == "active_backup":
            return self._active
        return self.in_use[hash_of(self._rules.mode, raw, is_coming) % len(self.in_use)]
