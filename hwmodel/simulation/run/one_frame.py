"""One frame alone in an idle machine, as configured: a run of it, and where its time goes.

The frame is the one that the closed form names (`Limits.lone_frame`): of the first flow, with the longest size. It is
sent after all rings have fetched their first Rx descriptors. All clocks are exact, a random read latency is replaced by
its mean, bridges know all addresses, and access lists are empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import lcm
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwmodel.analytic import limits
from hwmodel.analytic.latency import mean_read_latency_fs
from hwmodel.analytic.lone_frame import LoneFrame
from hwmodel.analytic.recent import remembered
from hwmodel.config import Config, as_config, servers_of
from hwmodel.config.streams import PatternError
from hwmodel.errors import RunError
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.journey_state import STAMPS
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT, OVERFLOW
from hwmodel.results import ALL_PARTS, BRIDGE_PARTS, PARTS
from hwmodel.rules import switch_core_cycles
from hwmodel.simulation.run.kernel_cache import have_kernels
from hwmodel.simulation.run.machine import Machine, entries_of
from hwmodel.simulation.run.trace.frame_parts import under_way
from hwmodel.units import FS_PER_NS, FS_PER_S, FS_PER_US
from hwmodel.workload import Records, Source, Workload
from hwmodel.workload.headers import HeaderBook
from hwmodel.workload.traffic import RECORDED

SEED = 1  # of a machine that draws nothing
QUIET_FS = 10_000 * FS_PER_US  # time for the first Rx descriptors to arrive, unless they are very many
FETCH_FS = 10 * FS_PER_US  # allowance for each fetch, besides the host's latency
LONGEST_FS = 1_000 * FS_PER_S  # longer than any timer, and than a frame on the slowest wire
EVENTS_PER_CALL = 2_000_000
EVER_FS = 4_000 * FS_PER_S


@dataclass(frozen=True)
class LoneTime:
    """Hold the parts of a lone frame's latency, by the names of `results.PARTS`, in fs.

    They reach from its post (or its reception from the wire) until the receiver's core has taken it, or it is sent on
    the wire; None for a part that never ends, and for those after it. Empty if the frame is dropped on its way.
    """

    frame: LoneFrame
    parts_fs: dict[str, int | None]

    @property
    def whole_ns(self) -> float | None:
        """Sum the parts; None if one never ends, or if the frame is dropped."""
        finished_fs = [part_fs for part_fs in self.parts_fs.values() if part_fs is not None]
        is_over = self.parts_fs and len(finished_fs) == len(self.parts_fs)
        return sum(finished_fs) / FS_PER_NS if is_over else None

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form, which `hwmodel limits --json` has beside the closed form's."""
        return {
            "lone_frame": self.frame.to_dict(),
            "latency_parts_ns": {
                name: None if part_fs is None else part_fs / FS_PER_NS for name, part_fs in self.parts_fs.items()
            },
            "latency_to_guest_ns": self.whole_ns,
        }


def lone_frame(config: Config | str | Path) -> LoneTime | None:
    """Run one frame alone in a configuration, given as such or by name.

    Returns None if the workload names no flow whose frames reach anybody, and for a group frame from the wire to
    interfaces, which only a capture can contain. Raises InputError as `limits` and `simulate` do.
    """
    config = as_config(config)
    frame = limits(config).lone_frame
    with suppress(PatternError):
        return None if frame is None else LoneTime(frame, lone_parts_fs(config, frame))
    return None


@remembered()
def lone_parts_fs(config: Config, frame: LoneFrame, after_edge_fs: int = 0) -> dict[str, int | None]:
    """Return the parts of a lone frame's latency.

    `after_edge_fs`: the time from a clock edge common to all switch cores until the frame is posted, received from the
    wire, or sent by a station outside.
    """
    config = _without_chance(config)
    have_kernels(entries_of(config))
    at_fs = _quiet_fs(config)
    begun_fs, parts_fs = _run(config, frame, at_fs)
    if all(server.config.switch.timing == "none" for server in servers_of(config)):
        return parts_fs
    edges_fs = lcm(*(switch_core_cycles.cycle_fs(server.config.switch.clock_hz) for server in servers_of(config)))
    late_fs = (begun_fs - after_edge_fs) % edges_fs
    return parts_fs if late_fs == 0 else _run(config, frame, at_fs + edges_fs - late_fs)[1]


def _without_chance(config: Config) -> Config:
    """Return a configuration with exact clocks, bridges that know all addresses, and no access lists."""
    knows = {"announce": True, "ageing_fs": EVER_FS}
    passes = {"acl": ()}
    entries = [
        entry.model_copy(update={
            "changes": _without_list(entry.changes),
            "adapters": tuple(one.model_copy(update={"changes": _without_list(one.changes)}) for one in entry.adapters),
        })
        for entry in config.servers
    ]  # fmt: skip
    return config.model_copy(
        update={
            "run": config.run.model_copy(update={"clocks_ppb": 0, "duration_fs": FS_PER_US}),
            "switch": config.switch.model_copy(update=passes),
            "servers": tuple(entries),
            "bridge": None if config.bridge is None else config.bridge.model_copy(update=knows),
            "bridges": tuple(bridge.model_copy(update=knows) for bridge in config.bridges),
        }
    )


def _without_list(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if not key.startswith("switch.acl")}


def _quiet_fs(config: Config) -> int:
    """Return a time by which all rings have their first Rx descriptors."""

    def fetching_fs(own: Config) -> int:
        nic, host = own.nic, own.host
        n_fetches = own.n_queues * -(-nic.rx_prefetch // nic.rx_fetch_batch)
        miss_fs = 0 if host.iotlb is None else host.iotlb.miss_fs
        return n_fetches * (mean_read_latency_fs(own) + 2 * miss_fs + FETCH_FS)

    return QUIET_FS + max(fetching_fs(server.config) for server in servers_of(config))


def _run(config: Config, frame: LoneFrame, at_fs: int) -> tuple[int, dict[str, int | None]]:
    """Run a frame that is offered at a time; return when it was posted, and its parts."""
    machine = Machine(config, _workload_of(config, frame, at_fs), SEED, 1)
    for server in machine.servers:
        host = server.nic.host[0]
        host.params.read_latency_fs, host.params.jitter_kind = mean_read_latency_fs(server.config), 0
        host.params.read_miss_fs = host.params.write_miss_fs = 0
        server.nic.guests.params.stall.for_fs = 0
    for ledger in machine.ledgers():
        ledger.journey_log.enabled = 1
    status = EVENTS_SPENT
    while status == EVENTS_SPENT:
        status = machine.advance(at_fs + LONGEST_FS, EVENTS_PER_CALL)
    if status == OVERFLOW:
        raise RunError("one frame alone overflows a queue inside the model")
    machine.rest()
    return _parts_of(machine, frame, config)


def _workload_of(config: Config, frame: LoneFrame, at_fs: int) -> Workload:
    """Return a workload of one frame, with the header of its flow's generated frames."""
    book = HeaderBook(config)
    template = book.template_ids(frame.source, frame.addressed)[0]
    records = Records(
        at_fs=np.array([at_fs], np.int64),
        source=np.zeros(1, np.int32),
        template=np.array([template], np.int32),
        frame_bytes=np.array([frame.frame_bytes], np.int32),
        index=np.zeros(1, np.int32),
        rss_hash=np.zeros(1, np.uint32),
    )
    return Workload(book.templates, [Source(frame.source, RECORDED, n_records=1)], records)


class _Copy(NamedTuple):
    """Hold a copy's journey: its egress port, its time stamps, and its times after the wire (bridge, Rx switch)."""

    port: int
    stamps_fs: list[int]
    crossed_fs: dict[str, int]


def _parts_of(machine: Machine, frame: LoneFrame, config: Config) -> tuple[int, dict[str, int | None]]:
    """Return when the frame was posted, and the parts of its first copy for a VM, else for the wire.

    If a segment is cut into frames for the wire, the last frame counts.
    """
    number = min(frame.way.to_part, len(machine.servers))
    copies = list(_copies(machine, number))
    if config.hands_over_segments:
        copies.reverse()
    if not copies:
        return 0, {}
    first = min(copies, key=lambda copy: (copy.port == UPLINK, copy.port))
    crosses = frame.way.back_bytes is not None
    parts_fs: dict[str, int | None] = dict.fromkeys(ALL_PARTS if crosses else PARTS)
    for part, (begin_fs, end_fs) in zip(PARTS, pairwise(first.stamps_fs[1:]), strict=True):
        if end_fs < begin_fs:  # never ends
            break
        parts_fs[part] = end_fs - begin_fs
        if part == "rx_room" and crosses:
            parts_fs |= {**first.crossed_fs, part: end_fs - begin_fs - sum(first.crossed_fs.values())}
    return first.stamps_fs[1], parts_fs


def _copies(machine: Machine, number: int) -> Iterator[_Copy]:
    """Yield the copies of the frame that were delivered at a server, or outside, and those in flight at the server."""
    ledger = machine.ledgers()[number]
    finished = ledger["journey_log"]["entry"][: int(ledger.journey_log.n)]
    crossed_fs = {
        name: round(float(ledger.counts.part_sums[name]["sum_fs"])) // max(1, len(finished)) for name in BRIDGE_PARTS
    }
    if number == len(machine.servers):
        yield from (_Copy(UPLINK, _stamps(one), crossed_fs) for one in finished)
        return
    nic = machine.servers[number].nic
    kinds = nic["traffic"]["copy_kind"]["port"]
    yield from (_Copy(int(kinds[one["copy_kind"]]), _stamps(one), crossed_fs) for one in finished)
    for one in under_way(nic):
        sent_fs = int(one["sent_fs"])
        yield _Copy(int(kinds[one["copy_kind"]]), _stamps(one), _crossed_so_far_fs(ledger, sent_fs))


def _crossed_so_far_fs(ledger: Any, sent_fs: int) -> dict[str, int]:
    """Return the times after the wire of a frame still in flight; all its copies arrived together."""
    crossed = ledger["journeys"]["crossed"][: int(ledger.journeys.n_used) + 1]
    come = crossed[crossed["came_fs"] > 0]
    if not len(come):
        return dict.fromkeys(BRIDGE_PARTS, 0)
    came_fs, decided_fs = int(come[0]["came_fs"]), int(come[0]["decided_fs"])
    return {"bridge": came_fs - sent_fs, "rx_switch": decided_fs - came_fs}


def _stamps(journey: Any) -> list[int]:
    return [int(journey[name]) for name in STAMPS]
