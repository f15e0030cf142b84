"""The workload in the machine's terms: forwarding decisions, copies, flows, sources, recorded frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import give
from hwmodel.config import Config, descriptors_of, mirrored_tag_bytes, rx_descriptors_in_use, servers_of, vms_of
from hwmodel.config.names import is_uplink, uplink_of
from hwmodel.config.system import apart_ports, outside_rate_bps
from hwmodel.errors import InputError
from hwmodel.machine.counts.flow_state import MAX_HISTOGRAMS
from hwmodel.machine.counts.ledger_state import FIRST_FLOW_HISTOGRAM
from hwmodel.machine.first_decisions import decide_alone
from hwmodel.machine.traffic.traffic_state import (
    BY_BOND,
    CLOSED_RECORDED_SOURCE,
    CLOSED_SOURCE,
    ON_OFF_SOURCE,
    PERIODIC_SOURCE,
    POISSON_SOURCE,
    RECORDED_SOURCE,
    SILENT_SOURCE,
    TAPE_CAP,
)
from hwmodel.rules.capacities import MAX_SOURCES, MAX_TEMPLATES
from hwmodel.rules.ethernet import FCS_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.simulation.fill.adapter_headers import (
    HASH_MASK,
    check_room,
    enter_headers,
    fill_switch,
    flow_hashes,
    headers_of,
    make_room,
    numbers_at,
)
from hwmodel.simulation.fill.clocks import first_frame_fs, sender_gaps
from hwmodel.simulation.fill.flow_book import FlowBook, FlowNumbers, Flows, Stations
from hwmodel.simulation.fill.flow_control import class_untagged
from hwmodel.simulation.fill.nic_state import Nic, State, function_of
from hwmodel.simulation.fill.random_streams import FIRST_SOURCE, random_words
from hwmodel.simulation.fill.virtual_switch import fill_learning, fill_passing
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.workload.traffic import Source, Workload

KINDS = {
    "closed": CLOSED_SOURCE,
    "periodic": PERIODIC_SOURCE,
    "poisson": POISSON_SOURCE,
    "on_off": ON_OFF_SOURCE,
    "recorded": RECORDED_SOURCE,
    "silent": SILENT_SOURCE,
}


def fill_workload(nic: Nic, config: Config, workload: Workload, seed: int) -> Stations:
    """Enter headers, tables, sources and records into the state of a single adapter; return the station numbers.

    Raises InputError if the workload or the switch's tables do not fit into the state.
    """
    check_workload(config, workload)
    watch_fifos(nic, workload)
    (server,) = servers_of(config)
    stations = Stations(vms_of([server]), map(uplink_of, config.switched_ports))
    fill_switch(nic, server, stations, has_peer=False)
    headers = headers_of(workload.templates, stations)
    make_room(nic, len(headers), len(headers))
    enter_headers(nic, headers, np.arange(len(headers)), flow_hashes(workload.templates))
    class_untagged(nic, config, workload.templates)
    enter_sources(nic, numbers_in(config), config, workload, seed)
    fill_passing(nic, config, workload.templates, seed, 0)
    fill_learning(nic, [server], 0)
    return stations


def decide_workload(state: State, config: Config, workload: Workload, stations: Stations) -> FlowBook:
    """Make the forwarding decisions for all headers of a single adapter; return its book of names."""
    nic = state[0]
    decide_alone(state, np.arange(len(workload.templates)))
    let_flows_begin(nic)
    check_room([nic])
    numbers = FlowNumbers([nic.ledger], stations)
    enter_histograms([nic.ledger], numbers)
    n_bytes = [len(template.header) for template in workload.templates]
    return FlowBook(numbers, n_bytes, numbers_in(config), nic=nic)


def numbers_in(config: Config) -> dict[str, int]:
    """Return the switch port numbers of a single adapter's stations by name, including the stations outside."""
    return numbers_at(servers_of(config)[0], map(uplink_of, config.switched_ports))


def let_flows_begin(nic: Nic) -> None:
    """Invalidate decisions if drivers write flow filters, so that each header is decided anew at its first frame."""
    nic.headers.generation += int(nic.port[0].switch.steering.atr != 0)


def check_workload(config: Config, workload: Workload) -> None:
    """Raise InputError if a capture does not fit into the state, or its frames into the adapter's buffers."""
    _check_capacities(workload)
    _check_buffers(config, workload)
    _check_rx_descriptors(config, workload)


def _check_capacities(workload: Workload) -> None:
    found = (
        (len(workload.templates), MAX_TEMPLATES, "distinct frame headers"),
        (len(workload.sources), MAX_SOURCES, "sources of traffic"),
        (len(workload.records), TAPE_CAP, "frames in the capture (split it with `editcap -c`)"),
    )
    problems = [f"workload: {n} {what}, at most {most} are supported" for n, most, what in found if n > most]
    if problems:
        raise InputError(problems)


def _check_buffers(config: Config, workload: Workload) -> None:
    """Raise InputError if a recorded frame is larger than a buffer: all frames after it would wait for ever."""
    records = workload.records
    if config.hands_over_segments:  # records are segments then, which are cut before they reach a buffer
        return
    is_read = np.array([not is_uplink(source.port) for source in workload.sources], bool)[records.source]
    longest = int(records.frame_bytes[is_read].max(initial=0)) - FCS_BYTES
    longest_switched = min(longest, config.switch.longest_frame_bytes)  # FCS for a C-TAG
    longest_switched += max(0, mirrored_tag_bytes(config) - FCS_BYTES)
    found = (
        ("nic.tx_buffer", config.nic.tx_buffer_bytes, longest),
        ("nic.rx_buffer", config.nic.rx_buffer_bytes, longest_switched),
    )
    problems = [
        f"{key}: {room} B do not hold the capture's longest frame of {n_bytes} B"
        for key, room, n_bytes in found
        if n_bytes > room
    ]
    if problems:
        raise InputError(problems)


def _check_rx_descriptors(config: Config, workload: Workload) -> None:
    """Raise InputError if a recorded frame needs more Rx descriptors than can ever be available for it."""
    most_bytes = config.switch.longest_frame_bytes  # longer ones drop as OVERSIZE
    lengths = np.flatnonzero(np.bincount(workload.records.frame_bytes[workload.records.frame_bytes <= most_bytes]))
    if not len(lengths):
        return
    longest = int(lengths[-1])
    n_descriptors, ring, cache = descriptors_of(config, longest), config.nic.rx_ring, config.nic.descriptor_cache
    kinds = {descriptors_of(config, int(n_bytes)) for n_bytes in lengths}
    seen = [config, *map(config.for_function, config.driver.vms)]
    held, needed = max(rx_descriptors_in_use(one, kinds) for one in seen)
    if n_descriptors > min(ring - 1, cache):
        raise InputError(
            f"host.buffer_bytes: the capture's frame of {longest} B takes {n_descriptors} Rx descriptors; nic.rx_ring "
            f"{ring} and nic.descriptor_cache {cache} hold at most {min(ring - 1, cache)} at once"
        )
    if ring <= held + needed:
        raise InputError(
            f"nic.rx_ring: with the capture's frames of up to {n_descriptors} Rx descriptors a ring of {ring} can stop "
            f"for ever: batches hold back up to {held} of its {ring - 1} descriptors, and the next step needs {needed}"
        )


def enter_sources(nic: Nic, numbers: Mapping[str, int], config: Config, workload: Workload, seed: int) -> None:
    """Enter the sources at the ports in `numbers`, ordered by port, and the records that they replay."""
    own = [i for i, source in enumerate(workload.sources) if source.port in numbers]
    order = sorted(own, key=lambda i: numbers[workload.sources[i].port])
    rows, starts = workload.records.by_source(len(workload.sources))
    tape = give(nic.traffic.tape, len(rows))
    for name, column in (
        ("at_fs", workload.records.at_fs),
        ("template", workload.records.template),
        ("frame_bytes", workload.records.frame_bytes),
        ("hash", workload.records.rss_hash & HASH_MASK),
        ("index", workload.records.index),
    ):
        tape[name] = column[rows]
    sources = [workload.sources[listed] for listed in order]
    records = nic["traffic"]["source"][: len(order)]
    functions = [-1 if is_uplink(source.port) else function_of(numbers[source.port]) for source in sources]
    uplinks = list(map(uplink_of, apart_ports(config)))
    columns: dict[str, Any] = {
        "kind": [_kind_of(source) for source in sources],
        **_times_of(config, sources, order, seed),
        "mean_burst_frames": [source.mean_burst_frames for source in sources],
        "fixed_burst_frames": [source.fixed_burst_frames for source in sources],
        "next_record": [starts[listed] for listed in order],
        "last_record": [starts[listed + 1] for listed in order],
        "rng": [random_words(seed, FIRST_SOURCE + listed) for listed in order],
        "function": functions,
        "adapter_port": [
            0 if not is_uplink(source.port) else BY_BOND if config.bond else uplinks.index(source.port)
            for source in sources
        ],
    }
    params = records["params"]
    for name, column in columns.items():
        into = params if name in (params.dtype.names or ()) else records
        into[name] = np.array(column).reshape(into[name].shape)
    _enter_choices(nic, params, sources)
    for number, own_function in enumerate(functions):
        if own_function >= 0:
            function = nic.function[own_function]
            if function.params.n_sources == 0:
                function.params.first_source = number
            function.params.n_sources += 1
    nic.params.n_sources = len(order)


def _times_of(config: Config, sources: Sequence[Source], order: Sequence[int], seed: int) -> dict[str, list[int]]:
    """Return the sources' gaps by their senders' clocks, and when they send first."""
    names = ("mean_gap_fs", "peak_gap_fs", "mean_off_fs")
    rows = []
    for listed, source in zip(order, sources, strict=True):
        gaps_fs = sender_gaps(config, seed, listed, (getattr(source, name) for name in names))
        period_fs = gaps_fs[0] if source.kind == "periodic" else 0
        if source.kind == "closed" and is_uplink(source.port):
            n_bytes = max(source.lengths, default=FCS_BYTES) + WIRE_OVERHEAD_BYTES
            period_fs = n_bytes * BITS_PER_BYTE * FS_PER_S // outside_rate_bps(config)
        rows.append([*gaps_fs, first_frame_fs(config, seed, listed, period_fs, source.phase_fs)])
    return {name: [row[at] for row in rows] for at, name in enumerate((*names, "first_fs"))}


def _kind_of(source: Source) -> int:
    return CLOSED_RECORDED_SOURCE if source.n_records and source.kind == "closed" else KINDS[source.kind]


def _enter_choices(nic: Nic, records: Any, sources: Sequence[Source]) -> None:
    """Enter the tables of the sources' targets and sizes, one behind the other."""
    tables = [table for source in sources for table in (source.target_table, source.size_table)]
    n_rows = np.array([len(table.value) for table in tables], np.int64)
    first = np.cumsum(n_rows) - n_rows
    if tables:
        rows = give(nic.traffic.choice, int(n_rows.sum()))
        rows["threshold"] = np.concatenate([table.threshold for table in tables])
        rows["here"] = np.concatenate([table.value for table in tables])
        rows["there"] = np.concatenate([table.value[table.alias] for table in tables])
    for at, (name, n_name) in enumerate((("first_target", "n_targets"), ("first_length", "n_lengths"))):
        records[name], records[n_name] = first[at::2], n_rows[at::2]


def watch_fifos(nic: Nic, workload: Workload) -> None:
    """Set the most frames that the Tx buffer can hold, by which the scheduler knows if FIFOs of copies can overflow."""
    shortest_bytes = min(workload.frame_lengths, default=64)
    nic.headers.most_frames = int(nic.params.tx_buffer_bytes) // max(1, shortest_bytes - FCS_BYTES)


def enter_histograms(ledgers: Sequence[Any], numbers: FlowNumbers) -> None:
    """Enter the row of each flow's latency histogram in the ledgers that count it, with room for all of them.

    A flow that comes up in mid-run gets a further row, one that no other ledger gives to a flow.
    """
    rows = histogram_rows(numbers.flows)
    after = int(rows.max(initial=FIRST_FLOW_HISTOGRAM - 1)) + 1
    for at, (ledger, own) in enumerate(zip(ledgers, numbers.of_ledgers, strict=True)):
        give(ledger.histogram, int(rows[own].max(initial=FIRST_FLOW_HISTOGRAM)) + 1)
        give(ledger.flow, len(own))["histogram"] = rows[own]
        ledger.next_histogram, ledger.histogram_step = after + at, len(ledgers)


def histogram_rows(flows: Flows) -> npt.NDArray[np.int64]:
    """Return the row of each flow's latency histogram: one per flow or, if these are too many, per receiver."""
    room = MAX_HISTOGRAMS - FIRST_FLOW_HISTOGRAM
    rows = np.arange(len(flows))
    if len(rows) > room:
        _, first, receiver = np.unique(flows.receivers, return_index=True, return_inverse=True)
        rows = np.minimum(np.argsort(np.argsort(first))[receiver], room - 1)
    return FIRST_FLOW_HISTOGRAM + rows
