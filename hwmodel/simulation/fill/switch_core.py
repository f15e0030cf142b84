"""The model of the Verilog switch core: from offered frames to the cycle of every copy's first and last beat.

docs/switch_core.md states the rules. The model ("twin") works frame by frame, and is cycle-exact, not a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwmodel.errors import InputError
from hwmodel.forwarding.decide import DECISION, output_queue
from hwmodel.forwarding.parse import HEADER, NO_TAGS
from hwmodel.rules.switch_core_cycles import DECISION_CYCLES, LOOK_CYCLES, READY_CYCLES
from hwmodel.rules.switch_modes import MODES
from hwmodel.simulation.fill.core_parameters import TAG_ROOM_BYTES, CoreParameters
from hwmodel.switch_core.bus import grant_frames
from hwmodel.switch_core.lookup import decide_frames, write_copies
from hwmodel.switch_core.output import send_copies
from hwmodel.switch_core.state import (
    BEAT_BYTES,
    CORE,
    CORE_COPY,
    CORE_DEFICIT,
    CORE_FRAME,
    CORE_ROUND_ROBIN,
    CORE_STRICT,
    MAX_CORE_QUEUES,
    MAX_PATTERN_CYCLES,
    MAX_SCHEDULES,
    PRIORITY_CLASSES,
)

Records = Any  # an array of numpy records: its fields are arrays
Tables = Any  # a one-element array of TABLES, as `build_tables` makes it

SCHEDULERS = {"round_robin": CORE_ROUND_ROBIN, "deficit": CORE_DEFICIT, "strict": CORE_STRICT}
RESET_QUANTUM = 1518  # registers.yaml, QUANTUM


@dataclass(frozen=True)
class Offer:
    """Offer a frame at a port.

    `data` is the frame without FCS. Its first beat is offered in cycle `not_before` at the earliest, and at least
    `lead_cycles` idle cycles after the last beat of the port's previous frame. `is_bad`: its last beat has tuser set.
    `ends_empty`: after full beats it ends with a beat without bytes, which also marks it as bad.
    """

    port: int
    data: bytes
    not_before: int = 0
    lead_cycles: int = 0
    is_bad: bool = False
    ends_empty: bool = False


@dataclass(frozen=True)
class PortSchedule:
    """Describe the scheduler of a port's output queues: its kind, and the quanta of `deficit` in bytes, by queue.

    `paused`: a bitmap of the priorities that may not start a frame, as in the register PAUSE.
    """

    kind: str = "round_robin"
    quanta: tuple[int, ...] = (RESET_QUANTUM,) * MAX_CORE_QUEUES
    paused: int = 0


@dataclass(frozen=True)
class Surroundings:
    """Hold the core's environment besides frames.

    `tables` and `schedules` are valid from a given cycle on, in ascending order; the first are valid from the start,
    whatever their cycle. A register write with `write_valid` in cycle e takes effect from e + 1 on. A port without a
    schedule is served as after reset. `ready` and `allowed` are bitmaps of cycles by port, repeated for ever: cycles in
    which `m_axis_tready` is high, and cycles in which the source may begin to offer a beat. A port without a bitmap is
    always ready, or allowed.
    """

    tables: Sequence[tuple[int, Tables]]
    schedules: Sequence[tuple[int, Mapping[int, PortSchedule]]] = ((0, {}),)
    ready: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    allowed: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)


class Prediction:
    """Hold the outcome of each frame and each copy; cycles are numbered as in docs/switch_core.md.

    `frames`: a CORE_FRAME for each frame, in the order in which they were given. `copies`: a CORE_COPY for each copy
    that found room, ordered by decision, then by port. `granted`: frame numbers in the order of their grants.
    `counters`: the core's, by port. Each field is an array: `prediction.copies.first_beat`.
    """

    def __init__(self, frames: Records, granted: NDArray[np.int64], copies: Records, counters: Records) -> None:
        self.frames, self.granted, self.copies, self.counters = frames, granted, copies, counters
        self._tables: tuple[Records, NDArray[np.int64]] | None = None
        self._raw = np.zeros(0, np.uint8)

    @cached_property
    def payload(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes of all copies, concatenated, and the offset of each copy, with the end of the last."""
        assert self._tables is not None
        out = np.zeros(int(self.copy_bytes.sum()) + TAG_ROOM_BYTES, np.uint8)
        starts = np.zeros(len(self.copies) + 1, np.int64)
        write_copies(*self._tables, self._raw, self.frames, self.copies, starts, out, *_scratch())
        return out, starts

    @property
    def copy_bytes(self) -> NDArray[np.int64]:
        """Return the length of each copy in bytes."""
        return np.asarray(self.copies.frame_bytes + self.copies.added_bytes)

    def bytes_of(self, copy: int) -> bytes:
        """Return the bytes of one copy, given by its number."""
        out, starts = self.payload
        return out[starts[copy] : starts[copy + 1]].tobytes()


def lay_out(offers: Sequence[Offer]) -> tuple[Records, NDArray[np.uint8]]:
    """Return records of CORE_FRAME for frames to offer, and all their bytes."""
    frames = np.zeros(len(offers), CORE_FRAME).view(np.recarray)
    lengths = np.array([len(offer.data) for offer in offers], np.int64)
    ends_empty = np.array([offer.ends_empty for offer in offers], bool)
    if (ends_empty & (lengths % BEAT_BYTES != 0)).any() or (~ends_empty & (lengths == 0)).any():
        raise InputError("switch core: a frame ends with an empty beat if and only if its last byte fills a beat")
    frames.port = [offer.port for offer in offers]
    frames.n_bytes = lengths
    frames.first_byte = np.cumsum(lengths) - lengths
    frames.n_beats = -(-lengths // BEAT_BYTES) + ends_empty
    frames.is_bad = np.array([offer.is_bad for offer in offers], bool) | ends_empty
    frames.not_before = [offer.not_before for offer in offers]
    frames.lead_cycles = [offer.lead_cycles for offer in offers]
    return frames, np.frombuffer(b"".join(offer.data for offer in offers), np.uint8).copy()


def predict(parameters: CoreParameters, surroundings: Surroundings, offers: Sequence[Offer]) -> Prediction:
    """Predict what the core does with frames, each port's in the order given."""
    return predict_frames(parameters, surroundings, *lay_out(offers))


def predict_frames(
    parameters: CoreParameters, surroundings: Surroundings, frames: Records, raw: NDArray[np.uint8]
) -> Prediction:
    """Predict what the core does with frames laid out as `lay_out` does; the records' results are filled in.

    Raises InputError where a frame names a port that the core lacks, or the surroundings are not possible.
    """
    core = build_core(parameters, surroundings)
    tables, from_cycles = _build_tables(parameters, surroundings.tables)

    def decide(granted: NDArray[np.int64]) -> int:
        return int(decide_frames(core, tables, from_cycles, raw, frames, granted, *_scratch()))

    prediction = _predict(core, parameters, frames, decide)
    prediction._tables, prediction._raw = (tables, from_cycles), raw
    return prediction


def predict_over_changes(
    parameters: CoreParameters,
    surroundings: Surroundings,
    frames: Records,
    raw: NDArray[np.uint8],
    change_cycles: Sequence[int],
    tables_after: Callable[[int], Tables],
) -> Prediction:
    """Predict as `predict_frames` does, with tables that change too often to hold them all.

    The tables of `surroundings` are ignored. They change in each of `change_cycles`, ascending; `tables_after(n)`
    returns those valid after the first n changes. It is called with ascending n, only for tables by which some frame is
    decided, and may reuse what it returned before; so the prediction has no `payload`. Raises what `predict_frames`
    does.
    """
    _check_order(change_cycles)
    core = build_core(parameters, surroundings)

    def decide(granted: NDArray[np.int64]) -> int:
        begin = n_copies = 0
        bounds = [*np.searchsorted(frames.look[granted], change_cycles).tolist(), len(granted)]
        for n_changes, bound in enumerate(bounds):
            if bound > begin:
                tables, from_cycles = _build_tables(parameters, [(0, tables_after(n_changes))])
                part = granted[begin:bound]
                n_copies += int(decide_frames(core, tables, from_cycles, raw, frames, part, *_scratch()))
                begin = bound
        return n_copies

    return _predict(core, parameters, frames, decide)


def _predict(
    core: Records, parameters: CoreParameters, frames: Records, decide: Callable[[NDArray[np.int64]], int]
) -> Prediction:
    """Receive the frames, decide on them, and send their copies; `decide` returns the number of copies."""
    if len(frames) and not (frames.port.min() >= 0 and frames.port.max() < parameters.ports):
        raise InputError(f"switch core: a frame for a port outside 0 to {parameters.ports - 1}")
    granted = np.zeros(len(frames), np.int64)
    grant_frames(core, frames, granted)
    copies = np.zeros(decide(granted), CORE_COPY).view(np.recarray)
    n_sent = send_copies(core, frames, granted, copies)
    counters = core["counters"][0][: parameters.ports].view(np.recarray)
    return Prediction(frames, granted, copies[:n_sent], counters.copy())


def _scratch() -> tuple[Records, Records]:
    return np.zeros(1, HEADER).view(np.recarray), np.zeros(1, DECISION).view(np.recarray)


def build_core(parameters: CoreParameters, surroundings: Surroundings) -> Records:
    """Return the twin's state before the first cycle: a one-element array of CORE. The tables are ignored.

    Raises InputError for invalid patterns or schedules.
    """
    array = np.zeros(1, CORE).view(np.recarray)
    core = array[0]
    core.n_ports, core.n_priorities = parameters.ports, parameters.priorities
    core.word_bytes, core.word_beats = parameters.word_bytes, parameters.word_bytes // BEAT_BYTES
    core.ingress_words, core.queue_words = parameters.ingress_words, parameters.queue_words
    core.longest_stored_bytes = parameters.store_bytes
    core.swallowed_words = parameters.words(parameters.max_frame_bytes)
    core.ready_delay = READY_CYCLES
    core.look_delay = LOOK_CYCLES + parameters.more_header_words
    core.decision_delay = DECISION_CYCLES + parameters.more_header_words
    for port in range(parameters.ports):
        _fill_pattern(core.ingress[port].allowed, surroundings.allowed.get(port))
        _fill_pattern(core.output[port].ready, surroundings.ready.get(port))
    _fill_schedules(core, parameters, surroundings.schedules)
    return array


def _fill_pattern(record: Any, bitmap: NDArray[np.bool_] | None) -> None:
    if bitmap is None or bool(np.all(bitmap)):
        record.is_always = 1
        return
    cycles = np.flatnonzero(bitmap)
    if not 0 < len(cycles) < len(bitmap) <= MAX_PATTERN_CYCLES:
        raise InputError(f"switch core: a pattern of cycles needs one that is set, and {MAX_PATTERN_CYCLES} at most")
    record.n_cycles, record.n_set = len(bitmap), len(cycles)
    record.cycle_of[: len(cycles)] = cycles
    record.n_before[: len(bitmap)] = np.cumsum(bitmap) - bitmap


def _fill_schedules(
    core: Any, parameters: CoreParameters, schedules: Sequence[tuple[int, Mapping[int, PortSchedule]]]
) -> None:
    if not 0 < len(schedules) <= MAX_SCHEDULES:
        raise InputError(f"switch core: {len(schedules)} schedules, 1 to {MAX_SCHEDULES} are possible")
    _check_order([cycle for cycle, _ in schedules])
    core.n_schedules = len(schedules)
    for record, (cycle, by_port) in zip(core.schedule, schedules, strict=False):
        record.from_cycle = cycle
        for port in range(parameters.ports):
            schedule = by_port.get(port, PortSchedule())
            quanta = schedule.quanta[: parameters.priorities]
            if schedule.kind not in SCHEDULERS or len(quanta) < parameters.priorities or min(quanta) < 1:
                raise InputError(f"switch core: port {port} has no schedule for {parameters.priorities} queues")
            # With a single queue the core has no scheduler, whatever the register says.
            record.port[port].kind = SCHEDULERS[schedule.kind if parameters.priorities > 1 else "round_robin"]
            record.port[port].quantum[: parameters.priorities] = quanta
            record.port[port].paused = _paused_queues(parameters, port, schedule.paused)


def _paused_queues(parameters: CoreParameters, port: int, priorities: int) -> int:
    """Return a bitmap of the queues that are held up by a bitmap of paused priorities."""
    if priorities and not (parameters.pause and 0 < priorities < 1 << PRIORITY_CLASSES):
        raise InputError(f"switch core: port {port} cannot pause {priorities:#x}: PAUSE is {parameters.pause}")
    paused = [priority for priority in range(PRIORITY_CLASSES) if priorities >> priority & 1]
    queues = {output_queue(priority, parameters.priorities) for priority in paused}
    return sum(1 << queue for queue in queues)


def _build_tables(parameters: CoreParameters, given: Sequence[tuple[int, Tables]]) -> tuple[Records, NDArray[np.int64]]:
    """Return all tables as one array, capped at the core's longest frame, and the cycles from which each is valid."""
    cycles = [cycle for cycle, _ in given]
    if not cycles:
        raise InputError("switch core: no tables")
    _check_order(cycles)
    tables = np.concatenate([table for _, table in given]).view(np.recarray)
    has_modes = np.isin(tables.mode, [mode.number for mode in MODES.values() if mode.in_core]).all()
    if not has_modes or tables.n_acl_entries.any() or tables.n_mirrors.any():
        raise InputError("switch core: it has no S-channels, no access list, no guards and no mirrors")
    checks = tables["port"]["checks_vlan"] | (tables["port"]["is_enabled"] == 0)
    checks &= tables["port"]["outer_kind"] != NO_TAGS
    if (tables.promiscuous != tables.promiscuous_inside).any() or tables.knows_by_mac.any() or not checks[:, 1:].all():
        raise InputError(
            "switch core: it has no promiscuity for the wire alone, no lookup by MAC, and checks all VLANs"
        )
    if tables.has_pool_filters.any() and not parameters.pool_filters:
        raise InputError("switch core: pool filters, and POOL_FILTERS is 0")
    if tables.has_private_ports.any() and not parameters.private_vlans:
        raise InputError("switch core: private VLANs, and PRIVATE_VLANS is 0")
    is_hashed = any(tables[name]["is_set"].any() for name in ("hashed_groups", "hashed_stations"))
    if is_hashed or tables.n_type_filters.any():
        raise InputError("switch core: it has no tables of hashes and no EtherType filters")
    longest = tables["port"]["longest_bytes"]
    np.minimum(longest, parameters.max_frame_bytes, out=longest)
    return tables, np.array(cycles, np.int64)


def _check_order(cycles: Sequence[int]) -> None:
    if any(after < before for before, after in pairwise(cycles)):
        raise InputError("switch core: what stands from a cycle on is not in the order of the cycles")
