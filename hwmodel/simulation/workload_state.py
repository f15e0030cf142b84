"""The workload in the machine's terms: forwarding decisions, copies, flows, sources, recorded frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.config import descriptors_of, mirrored_tag_bytes, rx_descriptors_in_use
from hwmodel.errors import InputError
from hwmodel.kernels import layout
from hwmodel.kernels.forward import DECISION
from hwmodel.kernels.parse import HEADER, OUTER_E, OUTER_VN
from hwmodel.kernels.templates import decide_templates
from hwmodel.simulation.nic_state import Nic, function_of, random_words
from hwmodel.simulation.switch_tables import build_buckets, build_tables, port_list, port_numbers
from hwmodel.wire.ethernet import FCS_BYTES, MIN_UNPADDED_BYTES, EtherType
from hwmodel.wire.tags import NO_EDIT, ETag, RuntFrameError, TagEdit, VlanTag, VnTag, parse_header
from hwmodel.workload.traffic import UPLINK, FrameTemplate, Source, Workload

if TYPE_CHECKING:
    from hwmodel.config import Config

KINDS = {
    "closed": layout.CLOSED_SOURCE,
    "periodic": layout.PERIODIC_SOURCE,
    "poisson": layout.POISSON_SOURCE,
    "on_off": layout.ON_OFF_SOURCE,
    "recorded": layout.RECORDED_SOURCE,
}
NOMINAL_BYTES = MIN_UNPADDED_BYTES  # of a template when it is decided; OVERSIZE is tested frame by frame
HASH_MASK = 0x7FFFFFFF


@dataclass
class FlowBook:
    """Number the flows and the copies, and keep what the kernels do not know of them: names and tag edits.

    `flows` holds (from, to) by flow number; `edits` the tag edit and `egress_ports` the port by copy number.
    """

    flows: list[tuple[str, str]] = field(default_factory=list)
    edits: list[TagEdit] = field(default_factory=list)
    egress_ports: list[int] = field(default_factory=list)
    delta_bytes: list[int] = field(default_factory=list)
    port_numbers: dict[str, int] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def by_target(self, of_flows: Any, n_functions: int) -> Any:
        """Add up a figure of the flows by the port number of their target; at 0, of those without one."""
        numbers = np.array([self.port_numbers.get(target, 0) for _, target in self.flows], np.int64)
        return np.bincount(numbers, weights=of_flows, minlength=n_functions + 1)

    def flow(self, sender: str, target: str) -> int:
        """Return the number of a flow; a new one gets the next."""
        key = (sender, target)
        if key not in self._numbers:
            if len(self.flows) == layout.MAX_FLOWS:
                raise InputError(f"workload: more than {layout.MAX_FLOWS} flows between ports")
            self._numbers[key] = len(self.flows)
            self.flows.append(key)
        return self._numbers[key]


def fill_workload(nic: Nic, config: Config, workload: Workload, seed: int) -> FlowBook:
    """Enter templates with their decisions, sources and records into the state; return the names that go with them.

    Raises InputError where the workload or the switch's tables are larger than the state.
    """
    _check_capacities(workload)
    _check_buffers(config, workload)
    _check_rx_descriptors(config, workload)
    book = FlowBook(port_numbers=dict(port_numbers(config.switch)))
    _fill_templates(nic, config, workload.templates, book)
    _fill_sources(nic, config, workload, seed)
    _fill_histograms(nic, config, book)
    _watch_fifos(nic, workload)
    return book


def _check_capacities(workload: Workload) -> None:
    found = (
        (len(workload.templates), layout.MAX_TEMPLATES, "distinct frame headers"),
        (len(workload.sources), layout.MAX_SOURCES, "sources of traffic"),
        (len(workload.records), layout.TAPE_CAP, "frames in the capture (split it with `editcap -c`)"),
    )
    problems = [f"workload: {n} {what}, at most {most} are supported" for n, most, what in found if n > most]
    if problems:
        raise InputError(problems)


def _check_buffers(config: Config, workload: Workload) -> None:
    """Raise InputError where a recorded frame could never get into a buffer: all behind it would wait for ever."""
    records = workload.records
    is_read = np.array([source.port != UPLINK for source in workload.sources], bool)[records.source]
    longest = int(records.frame_bytes[is_read].max(initial=0)) - FCS_BYTES
    longest_switched = min(longest, max(port.max_frame_bytes for port in config.switch.ports))  # FCS for a C-TAG
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
    """Raise InputError where a recorded frame takes more Rx descriptors than there can ever be for it."""
    most_bytes = max(port.max_frame_bytes for port in config.switch.ports)  # longer ones drop as OVERSIZE
    lengths = np.flatnonzero(np.bincount(workload.records.frame_bytes[workload.records.frame_bytes <= most_bytes]))
    if not len(lengths):
        return
    longest = int(lengths[-1])
    n_descriptors, ring, cache = descriptors_of(config, longest), config.nic.rx_ring, config.nic.descriptor_cache
    held, needed = rx_descriptors_in_use(config, {descriptors_of(config, int(n_bytes)) for n_bytes in lengths})
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


def _fill_templates(nic: Nic, config: Config, templates: list[FrameTemplate], book: FlowBook) -> None:
    for record, bucket in zip(nic.traffic.policer, build_buckets(config.switch), strict=False):
        for name in bucket.dtype.names:
            record[name] = bucket[name]
    numbers = port_numbers(config.switch)
    names = {number: name for name, number in numbers.items()}
    headers, decisions, refused = _decide(config, templates, numbers)
    for number, (template, header, decision) in enumerate(zip(templates, headers, decisions, strict=True)):
        port = numbers[template.source]
        record = nic.traffic.template[number]
        record.function = function_of(port)
        record.reason = decision.reason
        record.longest_bytes = decision.longest_bytes
        record.policer = decision.policer
        record.queue_hash = numbers.get(template.target, 0)
        record.first_copy = len(book.edits)
        ports = port_list(decision.egress)
        record.n_copies = len(ports)
        # A copy belongs to the flow to the port that it leaves by, whatever its address: a VEPA sends all frames up.
        target = names[ports[0]] if ports else template.target
        record.flow = -1 if len(ports) > 1 else book.flow(template.source, target)
        for egress in ports:
            edit = _tag_edit(header, decision, egress)
            _add_copy(nic, book, edit, len(edit.apply(template.header)) - len(template.header), egress, port)
            nic.traffic.copy_kind[len(book.edits) - 1].flow = book.flow(template.source, names[egress])
        record.n_mirrored = _add_mirrored(nic, book, template, header, decision, port)
        if decision.policer >= 0:
            record.n_mirrored_refused = _add_mirrored(nic, book, template, header, refused[number], port)


def _add_mirrored(nic: Nic, book: FlowBook, template: FrameTemplate, header: Any, decision: Any, ingress: int) -> int:
    """Enter a decision's mirrored copies, which belong to no flow; return how many they are."""
    ports = port_list(decision.mirrored)
    for egress in ports:
        edit = _tag_edit(header, decision, egress)
        _add_copy(nic, book, edit, len(edit.apply(template.header)) - len(template.header), egress, ingress)
        record = nic.traffic.copy_kind[len(book.edits) - 1]
        record.flow, record.is_mirrored = -1, 1
    return len(ports)


def _decide(config: Config, templates: list[FrameTemplate], numbers: dict[str, int]) -> tuple[Any, Any, Any]:
    """Return each template's parsed header, its decision, and the decision where its policer refuses the frame."""
    n = len(templates)
    frames = np.zeros((n, NOMINAL_BYTES), np.uint8)
    lengths = np.full(n, NOMINAL_BYTES, np.int64)
    for i, template in enumerate(templates):
        frames[i, : len(template.header)] = np.frombuffer(template.header, np.uint8)
        if not is_complete(template.header):
            lengths[i] = len(template.header)
    ports = np.array([numbers[template.source] for template in templates], np.int64)
    headers = np.zeros(n, HEADER).view(np.recarray)
    decisions = np.zeros(n, DECISION).view(np.recarray)
    refused = np.zeros(n, DECISION).view(np.recarray)
    decide_templates(build_tables(config.switch), ports, frames, lengths, headers, decisions, refused)
    return headers, decisions, refused


def is_complete(header: bytes) -> bool:
    """Tell whether a captured frame reaches to the type behind its last tag; only runts do not."""
    try:
        parse_header(header)
    except RuntFrameError:
        return False
    return True


def _add_copy(nic: Nic, book: FlowBook, edit: TagEdit, delta_bytes: int, egress: int, ingress: int) -> None:
    number = len(book.edits)
    if number == layout.MAX_COPY_KINDS:
        raise InputError(f"workload: more than {layout.MAX_COPY_KINDS} kinds of copies; fewer templates or receivers")
    record = nic.traffic.copy_kind[number]
    record.port = egress
    record.function = function_of(egress) if egress > 0 else 0
    record.delta_bytes = delta_bytes
    record.queue_hash = ingress
    book.egress_ports.append(egress)
    book.delta_bytes.append(delta_bytes)
    book.edits.append(edit)


def _tag_edit(header: Any, decision: Any, egress: int) -> TagEdit:
    """Say how the bytes of this copy differ from the sender's."""
    if egress in port_list(decision.verbatim):
        return NO_EDIT
    c_tag = None
    if egress in port_list(decision.tagged):
        c_tag = VlanTag(pcp=int(decision.priority), dei=int(decision.dei), vid=int(decision.vlan))
    return TagEdit(
        strip_outer=bool(header.outer_kind),
        strip_c_tag=bool(header.has_c_tag),
        insert_c_tag=c_tag,
        insert_outer=_outer_tag(decision, egress),
    )


def _outer_tag(decision: Any, egress: int) -> Any:
    if egress not in port_list(decision.outer_tagged):
        return None
    word = int(decision.outer_word)
    if decision.outer_kind == OUTER_VN:
        return VnTag(direction=0, pointer=0, dvif=0, looped=0, reserved=0, version=0, svif=word & 0xFFF)
    if decision.outer_kind == OUTER_E:
        ecid = (word & 0xFF) << 12 | word >> 16 & 0xFFF
        first = word >> 32
        return ETag(pcp=first >> 13, dei=first >> 12 & 1, ingress_ecid=0, reserved=0, group=0, ecid=ecid)
    return VlanTag(pcp=word >> 13, dei=word >> 12 & 1, vid=word & 0xFFF, ethertype=EtherType.S_TAG)


def _fill_sources(nic: Nic, config: Config, workload: Workload, seed: int) -> None:
    numbers = port_numbers(config.switch)
    order = sorted(range(len(workload.sources)), key=lambda i: numbers[workload.sources[i].port])
    rows, starts = workload.records.by_source(len(workload.sources))
    tape = nic["traffic"]["tape"][: len(rows)]
    for name, column in (
        ("at_fs", workload.records.at_fs),
        ("template", workload.records.template),
        ("frame_bytes", workload.records.frame_bytes),
        ("hash", workload.records.rss_hash & HASH_MASK),
        ("index", workload.records.index),
    ):
        tape[name] = column[rows]
    n_choices = 0
    for number, listed in enumerate(order):
        source = workload.sources[listed]
        record = nic.traffic.source[number]
        n_choices = _fill_source(nic, record, source, n_choices)
        record.next_record, record.last_record = starts[listed], starts[listed + 1]
        record.rng[:] = random_words(seed, 1 + listed)
        record.function = -1
        if source.port != UPLINK:
            record.function = function_of(numbers[source.port])
            function = nic.function[record.function]
            if function.n_sources == 0:
                function.first_source = number
            function.n_sources += 1
    nic.limits.n_sources = len(order)


def _fill_source(nic: Nic, record: Any, source: Source, n_choices: int) -> int:
    """Enter one source and its tables behind the `n_choices` rows in use; return how many are in use then."""
    record.kind = KINDS[source.kind]
    if source.n_records and source.kind == "closed":
        record.kind = layout.CLOSED_RECORDED_SOURCE
    record.mean_gap_fs = source.mean_gap_fs
    record.peak_gap_fs = source.peak_gap_fs
    record.mean_off_fs = source.mean_off_fs
    record.mean_burst_frames = source.mean_burst_frames
    record.next_at_fs = source.phase_fs
    for table, first, n in (
        (source.target_table, "first_target", "n_targets"),
        (source.size_table, "first_length", "n_lengths"),
    ):
        n_rows = len(table.value)
        if n_choices + n_rows > layout.MAX_CHOICES:
            raise InputError(f"workload: more than {layout.MAX_CHOICES} targets and sizes of all sources together")
        rows = nic["traffic"]["choice"][n_choices : n_choices + n_rows]
        rows["threshold"] = table.threshold
        rows["here"] = table.value
        rows["there"] = table.value[table.alias]
        record[first], record[n] = n_choices, n_rows
        n_choices += n_rows
    return n_choices


def _watch_fifos(nic: Nic, workload: Workload) -> None:
    """Let the scheduler look at the FIFOs of copies where a Tx buffer full of the shortest frames would not fit in."""
    lengths = [int(source.size_table.value.min()) for source in workload.sources if len(source.size_table.value)]
    lengths += [int(workload.records.frame_bytes.min())] if len(workload.records) else []
    most_frames = int(nic.limits.tx_buffer_bytes) // max(1, min(lengths, default=64) - FCS_BYTES)
    templates = nic["traffic"]["template"][: len(workload.templates)]
    refused_copies = int(templates["n_mirrored_refused"].max(initial=0))
    most_copies = max(refused_copies, int((templates["n_copies"] + templates["n_mirrored"]).max(initial=0)))
    if most_frames * most_copies >= layout.COPY_CAP:
        nic.limits.most_copies = most_copies


def _fill_histograms(nic: Nic, config: Config, book: FlowBook) -> None:
    """Give each flow a latency histogram, or, where they are too many, one to each receiver."""
    room = layout.MAX_HISTOGRAMS - layout.FIRST_FLOW_HISTOGRAM
    numbers = port_numbers(config.switch)
    for number, (_, target) in enumerate(book.flows):
        row = number if len(book.flows) <= room else numbers.get(target, 0)
        nic.ledger.flow[number].histogram = layout.FIRST_FLOW_HISTOGRAM + row
