"""The closed form as text that a designer can check with a pocket calculator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS
from hwmodel.words.limits import any_mix, limit_name
from hwmodel.words.quantities import counted, fixed_text, server_noun, table

if TYPE_CHECKING:
    from hwmodel.analytic.ceiling import Ceiling, Step
    from hwmodel.analytic.limits_record import Limits

_MANY_SIZES = 4
_INDENT = "  "
_ROUNDING = 1e-9
NS_PER_S, US_PER_S = 10**9, 10**6


def limits_text(limits: Limits) -> str:
    """Write limits as tables: the link's bytes step by step (or all links), the ceilings, wires and latencies."""
    links = [_server_lines(limits)] if limits.servers else [_link_lines(limits), _step_lines(limits)]
    if not any(step.n_bytes for step in limits.steps) and not limits.servers:
        links = [[subject_line(limits)]]
    sections = [
        *links,
        _send_lines(limits),
        _ceiling_lines(limits),
        _hop_lines(limits),
        _latency_lines(limits),
    ]
    if limits.notes:
        sections.append(list(limits.notes))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _link_lines(limits: Limits) -> list[str]:
    link = limits.link
    if link.is_bus:
        return [
            subject_line(limits),
            f"{limits.raw_gbps:.3f} Gb/s raw, both directions together: {float(link.bytes_per_s / 10**6):.1f} MB/s, "
            f"{float(link.fs_per_byte / FS_PER_NS):.6f} ns a byte; a clock without data counts as what it could carry",
        ]
    shares = [f"SKP {_percent(link.skp_share)}"]
    shares += [f"DLLPs {_percent(link.dllp_share)}"] if link.dllp_share else []
    usable = float(link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS)
    return [
        subject_line(limits),
        f"{limits.raw_gbps:.3f} Gb/s raw each way, less {' and '.join(shares)}: {usable:.3f} Gb/s, "
        f"{float(link.fs_per_byte / FS_PER_NS):.6f} ns a byte",
    ]


def _send_lines(limits: Limits) -> list[str]:
    """Say what a send takes that the adapter cuts into frames; nothing without sends."""
    send = limits.lone_send
    if send is None:
        return []
    return [
        f"a send of {send.memory_bytes:,} B, header and payload: {counted(send.frames, 'frame')}, "
        f"{counted(send.descriptors, 'descriptor')}, {counted(send.doorbells, 'doorbell')}, "
        f"{counted(send.reads, 'payload read')}",
        f"by itself on the link: {send.up_bytes:,} B up, {send.down_bytes:,} B down (doorbell, descriptors, payload, "
        "write-back; no interrupt, no DLLPs)",
    ]


def _server_lines(limits: Limits) -> list[str]:
    """List the links with their bytes per frame; `to_dict` has the steps of each."""
    are_buses = [one.link.is_bus for one in limits.servers]
    is_mixed = any(are_buses) and not all(are_buses)
    ways = "" if is_mixed else " both ways" if all(are_buses) else " each way"
    noun = server_noun(*(one.name for one in limits.servers))
    heading = (noun, f"Gb/s{ways}", "up B", "down B", "a frame, of all that are offered in the system")
    rows = [
        (
            one.name,
            f"{float(one.link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS):.3f}",
            _number(_sum_bytes(one.steps, "up")),
            _number(_sum_bytes(one.steps, "down")),
            one.link_name + f"; Gb/s {'both ways together' if one.link.is_bus else 'each way'}" * is_mixed,
        )
        for one in limits.servers
    ]
    return [subject_line(limits), *_table([heading, *rows], right={1, 2, 3})]


def _hop_lines(limits: Limits) -> list[str]:
    """List the wires at the bridge with what they carry at the ceiling."""
    if not limits.hops:
        return []
    heading = ("wire", "M frames/s", "bytes", "busy", "frames with FCS and tags; busy with 20 B more for each")
    rows = [
        (one.wire, _mpps(one.frames_per_s), f"{one.frame_bytes:.6g}", f"{100 * one.utilization:.4g} %", "")
        for one in limits.hops
    ]
    return _table([heading, *rows], right={1, 2, 3})


def _step_lines(limits: Limits) -> list[str]:
    lines = []
    for direction, heading in zip(("up", "down"), ("up, adapter to host", "down, host to adapter"), strict=True):
        steps = [step for step in limits.steps if step.direction == direction]
        rows = [(_INDENT + step.name, _tlps(step), _number(step.n_bytes), f"= {step.formula}") for step in steps]
        total = (_INDENT + "sum", "", _number(_sum_bytes(steps, direction)), "")
        pieces, beside = ("bursts", "clocks beside data") if limits.link.is_bus else ("TLPs", "header")
        lines.append([(heading, pieces, "bytes", f"{pieces} * {beside} + data, per frame"), *rows, total])
    table = _table([row for block in lines for row in block], right={1, 2})
    return [*table[: len(lines[0])], "", *table[len(lines[0]) :]]


def ceiling_rows(limits: Limits) -> list[tuple[str, ...]]:
    """Return the table of ceilings, heading first: what a frame takes of each resource, and its capacity."""
    heading = ("ceiling", "a frame takes", "of", "M frames/s", "")
    rows = [
        (
            ceiling.resource,
            *_taken_of(ceiling),
            "" if ceiling.frames_per_s is None else _mpps(ceiling.frames_per_s),
            ceiling.what,
        )
        for ceiling in limits.ceilings
    ]
    return [heading, *rows]


def _taken_of(ceiling: Ceiling) -> tuple[str, str]:
    """Say what a frame takes and of what capacity: one unit held for a time, of so many; or an amount a second.

    Of room in bytes a frame holds as many as it has, each for a time: the mean of their product.
    """
    less = f" - {_short(ceiling.per_s)}" if ceiling.per_s else ""
    if ceiling.is_held:
        of_all = f"{_amount(ceiling.capacity, ceiling.unit)}{less}"
        if ceiling.unit == "B":
            return f"{_short(ceiling.per_frame * US_PER_S)} B us", of_all
        return f"one for {_short(ceiling.per_frame * NS_PER_S)} ns", of_all
    if ceiling.unit == "s":
        return f"{_short(ceiling.per_frame * NS_PER_S)} ns", f"{_short(ceiling.capacity)} s{less} a second"
    return _amount(ceiling.per_frame, ceiling.unit), f"{_amount(ceiling.capacity, ceiling.unit)}{less} a second"


def _amount(number: Fraction, unit: str) -> str:
    """Write an amount with its unit, given in the plural: 1 frame, 2.5 frames."""
    text = _short(number)
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def ceiling_sentence(limits: Limits) -> str:
    """Say how much is offered and delivered at the ceiling, and what limits it; and what bounds every mix."""
    own = limits.own
    beside = limits.beside_per_s
    are_more = own.mpps > (1 + _ROUNDING) * float((limits.frames_per_s + beside) / 10**6)
    delivered = "copies" if are_more and limits.counts == "frames" else "frames"
    sentence = (
        f"{_mpps(limits.frames_per_s)} M {limits.counts}/s offered"
        + (f" beside {_mpps(beside)} M of a given rate" if beside else "")
        + f"; delivered {fixed_text(own.mpps, 4)} M {delivered}/s, {fixed_text(own.gbps, 2)} Gb/s; "
        f"limited by {limit_name(own.limited_by)}."
    )
    if limits.as_offered is None:
        return f"At most {sentence}"
    most = f"{fixed_text(limits.mpps, 4)} M {delivered}/s, {fixed_text(limits.gbps, 2)} Gb/s"
    return f"In the load's own proportions: {sentence} {any_mix(most, limits.limited_by)}"


def subject_line(limits: Limits) -> str:
    """Name the link, unless there are several servers, and the frames' sizes."""
    sizes = _sizes(limits.sizes).replace("frames", limits.counts, 1)
    return sizes if limits.servers else f"{limits.link_name}; {sizes}"


def _ceiling_lines(limits: Limits) -> list[str]:
    return [*_table(ceiling_rows(limits), right={1, 2, 3}), ceiling_sentence(limits), limits.how_sure]


def _latency_lines(limits: Limits) -> list[str]:
    lines = []
    if limits.latency_steps:
        longest = max(n_bytes for n_bytes, _ in limits.sizes)
        symbols = "t(n): time of n bytes on the link, R: host read latency"
        heading = (f"one frame of {longest} B alone, all batches 1", "ns", symbols)
        rows = [(_INDENT + step.name, f"{step.duration_fs / FS_PER_NS:.3f}", f"= {step.formula}")
                for step in limits.latency_steps]  # fmt: skip
        total = sum(step.duration_fs for step in limits.latency_steps) / FS_PER_NS
        lines += _table([heading, *rows, (_INDENT + "sum", f"{total:.3f}", "")], right={1})
        if len(limits.sizes) > 1:
            lines.append(f"Mean over the frame sizes: {limits.unloaded_latency_ns:.3f} ns.")
        lines.append("")
    if limits.round_trip_ns is not None:
        lines.append(f"A read of {limits.round_trip_bytes} B alone takes {limits.round_trip_ns:.3f} ns.")
    return lines


def _sizes(sizes: Sequence[tuple[int, Fraction]]) -> str:
    if len(sizes) == 1:
        return f"frames of {sizes[0][0]} B with FCS"
    mean = float(sum(n_bytes * share for n_bytes, share in sizes))
    if len(sizes) > _MANY_SIZES:
        return f"frames of {len(sizes)} sizes, {mean:.1f} B with FCS in the mean"
    lengths = ", ".join(f"{n_bytes} B ({_percent(share)})" for n_bytes, share in sizes)
    return f"frames of {lengths} with FCS"


def _sum_bytes(steps: Iterable[Step], direction: str) -> Fraction:
    return sum((step.n_bytes for step in steps if step.direction == direction), Fraction(0))


def _tlps(step: Step) -> str:
    return _number(step.n_tlps) if step.n_tlps else ""


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.4f}".rstrip("0").rstrip(".")


def _mpps(frames_per_s: Fraction | float) -> str:
    """Write a rate in millions a second."""
    return fixed_text(float(frames_per_s) / 10**6, 4)


def _short(value: Fraction) -> str:
    return f"{float(value):.6g}"


def _percent(share: Fraction) -> str:
    return f"{100 * float(share):.3g} %"


def _table(rows: Sequence[tuple[str, ...]], right: Collection[int]) -> list[str]:
    left = [column for column in range(len(rows[0])) if column not in right]
    return [line.text for line in table(rows[0], rows[1:], left)]


def limits_html(limits: Limits) -> str:
    """Return the ceiling in a sentence, the table of all ceilings, and the notes, as HTML that needs nothing else."""
    from hwmodel.results.notebook import fragment, html_table, paragraph  # all of results, which few need

    heading, *rows = ceiling_rows(limits)
    lone_ns = limits.unloaded_latency_ns
    lone = (
        "" if lone_ns is None else f"With all batches 1, a frame alone takes {lone_ns:,.1f} ns from post to delivery."
    )
    return fragment(
        paragraph(ceiling_sentence(limits), is_answer=True),
        paragraph(f"{subject_line(limits)}."),
        html_table(heading, rows, left_columns=(0, 4)),
        *(paragraph(text) for text in (lone, *limits.notes)),
    )
