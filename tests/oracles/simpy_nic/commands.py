"""Commands: a run whose configuration changes in its midst (docs/datapath/commands.md, "Commands")."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import simpy

from .classes import Planes
from .parameters import NicParameters

Configured = TypeVar("Configured")

MAY_CHANGE = frozenset((
    "link_fs_per_byte", "max_read_request_bytes", "port_rate_bps", "down_ports", "silent_ports",
    "weights", "drop_enable", "own_drop_enable", "never_refill", "rate_limits", "guarantees", "guarantee_window_fs",
    "rate_limit_window_bytes", "switch", "off", "driver_jobs", "receive_limits", "planes",
))  # fmt: skip
OF_SWITCH = ("mode", "s_channels", "vif_lists", "ecid_lists")
OF_STATION = ("name", "max_frame_bytes", "vif", "ecid", "s_channel")
"""What stays as it is of the switch's tables, and of each station's."""


class Current:
    """The parameters that hold now, with their names; a command replaces them."""

    def __init__(self, parameters: NicParameters) -> None:
        """Begin with the first."""
        self.replace(parameters)

    def __getattr__(self, name: str) -> Any:
        """Return what holds now of what is no field but follows from them, and keep it until others hold."""
        self.__dict__[name] = found = getattr(self._parameters, name)
        return found

    def replace(self, parameters: NicParameters) -> None:
        """Let others hold from now on; fields are asked for with each TLP, so they are attributes here too."""
        self.__dict__ = {**vars(parameters), "_parameters": parameters}


def check_stays(what: str, before: Any, after: Any, names: Collection[str]) -> None:
    """Raise ValueError if one of the named things of two configurations is not the same."""
    for name in names:
        if getattr(before, name) != getattr(after, name):
            raise ValueError(f"{what}{name} cannot change in mid-run")


def other_fields(configured: Any, may_change: Collection[str]) -> list[str]:
    """Return the names of a dataclass's fields but for some."""
    return [each.name for each in fields(configured) if each.name not in may_change]


def check_parameters(before: NicParameters, after: NicParameters, where: str = "") -> None:
    """Raise ValueError if something differs that cannot change; `where`: what stands before the names of tables."""
    check_stays("", before, after, other_fields(before, MAY_CHANGE))
    check_planes(before.planes, after.planes)
    if (before.switch is None) != (after.switch is None):
        raise ValueError("tables cannot appear or vanish in mid-run")
    if before.switch is None and (before.off or after.off):
        raise ValueError("functions go where tables decide")
    if before.switch is not None:
        check_tables(where.lstrip("."), before.switch, after.switch)


def check_planes(before: Planes | None, after: Planes | None) -> None:
    """Raise ValueError if there are other classes of traffic, or rings are in others."""
    if before is None or after is None:
        if before is not after:
            raise ValueError("planes cannot appear or vanish in mid-run")
        return
    check_stays("planes.", before, after, ("room_bytes", "class_of_ring"))
    if len(before.classes) != len(after.classes):
        raise ValueError("planes.classes cannot become more or fewer in mid-run")


def check_tables(what: str, before: Any, after: Any) -> None:
    """Raise ValueError if something differs of a switch's tables that cannot change."""
    check_stays(f"{what}switch.", before, after, OF_SWITCH)
    if len(before.ports) != len(after.ports):
        raise ValueError(f"{what}switch.ports cannot become more or fewer in mid-run")
    for old, new in zip(before.ports, after.ports, strict=True):
        check_stays(f"{what}switch.ports.{old.name}.", old, new, OF_STATION)


def check_changes(
    first: Configured, changes: Sequence[tuple[int, Configured]], check: Callable[[Configured, Configured], None]
) -> None:
    """Raise ValueError if changes are not in the order of their times, or `check` does so for one."""
    times_fs = [0, *(at_fs for at_fs, _ in changes)]
    if times_fs != sorted(times_fs):
        raise ValueError("commands come in the order of their times, from 0 on")
    for _, changed in changes:
        check(first, changed)


def split_at_start(
    first: Configured, changes: Sequence[tuple[int, Configured]]
) -> tuple[Configured, list[tuple[int, Configured]]]:
    """Return what a run begins with, and the changes behind its beginning."""
    at_start = [changed for at_fs, changed in changes if at_fs == 0]
    return at_start[-1] if at_start else first, list(changes[len(at_start) :])


def run_with_commands(
    env: simpy.Environment, commands: Sequence[tuple[int, Callable[[], None]]], finished: simpy.Event
) -> None:
    """Run until `finished`, or nothing is left to do; commands come before all else of their instant."""
    for at_fs, give in commands:
        while env.peek() < at_fs and not finished.triggered:
            env.step()
        if finished.triggered or env.peek() == math.inf:
            break
        if at_fs > env.now:
            env.run(until=at_fs)
        give()
    step = env.step
    try:
        while finished.callbacks is not None:  # it is not processed
            step()
    except simpy.core.EmptySchedule:
        pass
