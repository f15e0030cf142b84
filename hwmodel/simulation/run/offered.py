"""The workload at the start of a run and after each change of load, and the parsing of captured packets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import Config
from hwmodel.config.agents import OwnFrame
from hwmodel.config.switch import PACKET_KEYS
from hwmodel.config.system import looks_behind_type
from hwmodel.errors import InputError
from hwmodel.forwarding import frame_batch
from hwmodel.forwarding.packet import CAPTURED_PACKET
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.kernel_cache import CAPTURE_ENTRIES, fill_cache
from hwmodel.units import format_time_fs
from hwmodel.workload import Workload, build_workload
from hwmodel.workload.given import with_given
from hwmodel.workload.traffic import SILENT

I64 = npt.NDArray[np.int64]


def read_packets(data: bytes, at: I64, end: I64, ethertype: I64) -> npt.NDArray[Any]:
    """Parse the packets of n frames in `data`, each at bytes `at` to `end`; return CAPTURED_PACKET of shape (n,).

    `at` is right behind the frame's EtherType, given by `ethertype`. Compiles its kernel on first use.
    """
    fill_cache(CAPTURE_ENTRIES)
    found = np.zeros(len(at), CAPTURED_PACKET)
    frame_batch.read_packets(np.frombuffer(data, np.uint8), at, end, ethertype, found)
    return found


def workload_of(config: Config, *, with_silent: bool = False, with_packets: bool | None = None) -> Workload:
    """Return what a configuration offers; arguments and errors are those of `build_workload`."""
    ceiling_per_s = ceiling_frames_per_s(config)
    return build_workload(config, ceiling_per_s, read_packets, with_silent=with_silent, with_packets=with_packets)


def with_workloads(config: Config, changes: Sequence[Change]) -> tuple[Workload, tuple[Change, ...]]:
    """Return the workload at the start, and the changes with their workloads; raises as `Offered.of`."""
    offered = Offered(config, changes)
    return offered.first, offered.of(changes)


class Offered:
    """Make the workloads of a run, all with the same sources in order, each once.

    `first`: what it begins with. `to_come`: keys with values that may be set beside what `changes` set, at times that
    nobody knows yet. Sources that are silent at first come last, so that the others draw the same random numbers as in
    a run without changes. `given`: frames that agents may send, of which the attribute of that name says which
    template each has; their sources come behind all others. A load given as a share refers to the port rate, or the
    ceiling, of the first configuration.
    """

    def __init__(
        self,
        config: Config,
        changes: Sequence[Change],
        to_come: Sequence[Mapping[str, Any]] = (),
        given: Sequence[OwnFrame] = (),
    ) -> None:
        self._config, self._given = config, given
        self.given: Mapping[OwnFrame, int] = {}
        looks_behind = any(map(looks_behind_type, (config, *(change.config for change in changes))))
        looks_behind |= any(_looks_behind(key, value) for keys in to_come for key, value in keys.items())
        self._looks_behind = looks_behind
        self._may_change = any(key.startswith("workload") for keys in to_come for key in keys)
        self._may_change |= any(change.config.workload != config.workload for change in changes)
        self.first = workload_of(config, with_silent=self._may_change, with_packets=looks_behind)
        if self._may_change:
            sources = self.first.sources
            self._order = sorted(range(len(sources)), key=lambda at: sources[at].kind == SILENT)
            self.first = _in_order(self.first, self._order)
        self.first = self._with_given(self.first)
        self._known = {config.workload.model_dump_json(): self.first}
        self._last = (config.workload, self.first)

    def of(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Return changes with their workloads; raises InputError, with the time, if a load makes no traffic."""
        if not self._may_change:
            return tuple(changes)
        return tuple(change._replace(workload=self._workload(change)) for change in changes)

    def _workload(self, change: Change) -> Workload:
        block = change.config.workload
        if block is self._last[0]:
            return self._last[1]
        name = block.model_dump_json()
        if name not in self._known:
            try:
                changed = self._config.model_copy(update={"workload": block})
                then = workload_of(changed, with_silent=True, with_packets=self._looks_behind)
            except InputError as error:
                at = format_time_fs(change.at_fs)
                raise InputError([f"{line} (the change at {at})" for line in error.lines]) from None
            self._known[name] = self._with_given(_in_order(then, self._order))
        self._last = (block, self._known[name])
        return self._known[name]

    def _with_given(self, workload: Workload) -> Workload:
        if not self._given:
            return workload
        found, self.given = with_given(workload, self._config, self._given)
        return found


def _looks_behind(key: str, value: object) -> bool:
    """Tell whether a switch or a bridge looks behind the EtherType once a key has a value."""
    own = key.rpartition(".set.")[2]
    if own.endswith(".guards") or (own.startswith("bridge") and ".controls" in own):
        return bool(value)
    entries = value if isinstance(value, list) else [{own.rpartition(".")[2]: value}]
    names = {name for entry in entries if isinstance(entry, dict) for name in entry}
    is_list = own.startswith("switch.acl") or (own.startswith("bridge") and ".policy" in own)
    return is_list and not names.isdisjoint(PACKET_KEYS)


def _in_order(workload: Workload, order: Sequence[int]) -> Workload:
    assert len(workload.sources) == len(order), "the same streams"
    return replace(workload, sources=[workload.sources[at] for at in order])
