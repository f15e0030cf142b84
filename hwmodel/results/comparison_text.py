"""What `hwmodel compare` prints: the way of highest throughput, its lead and its cores; then a table of all ways.

With `--over`: which way leads at which values, and where the order changes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.results.shared_links_text import OF_BUS_BYTES, configured_noun
from hwmodel.words.quantities import MISSING, listed, percent_text, printable, table, three_digits, time_text

if TYPE_CHECKING:
    from hwmodel.results.comparison import (
        Alike,
        ComparedValue,
        Comparison,
        Crossing,
        Curves,
        ForbiddenPair,
        Places,
        WayFigures,
    )

OVER_WORDS = {
    "frame_bytes": "frame length with FCS, B",
    "vms": "number of VMs",
    "east_west_share": "share of frames from VM to VM",
    "lanes": "PCIe lanes",
    "cores": "cores of the host",
}
WAY_COLUMNS = (
    "way", "Gb/s", "Mpps to VMs", "p50", "p99", "hypervisor cores", "guest cores", "cores taken", "Gb/s a core",
    "PCIe B a frame", "wire B a frame", "memory B a frame", "policy acts at", "limited by",
)  # fmt: skip
COUNTED = (
    "Gb/s: what VMs and the wire get together; {link}; wire: out and in, of a frame offered, by the closed form (with "
    "a virtual switch, or frames from outside, of one delivered, as measured); memory: payload, descriptors and "
    "write-backs that adapters move, and each copied byte twice, by the closed form"
)
_LINK_COUNTED = {"PCIe": "PCIe: both directions", "bus": f"bus: both directions, {OF_BUS_BYTES}"}
_LATENCY_OF = {
    "vm_to_vm": "between VMs", "over_bridge": "between VMs", "from_wire": "from outside", "to_wire": "that leave",
}  # fmt: skip
BY_CHANCE = "what chance makes likely (their 95 % intervals)"
_UNKNOWN = "which way gives most is not known"
_LONGER_TELLS = "A longer run.duration tells."
_NUMBER = re.compile(r"(\d(?:[\d.,]*\d)?)")
_FORBIDDING = {"switch": "The adapter's switch, or the host's,", "bridge": "The bridge's policy"}


def comparison_text(found: Comparison) -> str:
    """Return the answer, the ways and what was left out, plain text that ends with a newline."""
    lines = list(sentences(found))
    header, rows = way_rows(found)
    if rows:
        lines += ["", *(line.text for line in table(header, rows, way_texts(header)))]
        lines += way_remarks(found)
    lines += [f"Left out: {each.way}: {printable(each.reason)}." for each in found.left_out]
    alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for each in found.ways:
        for text in each.warnings:
            pieces = _NUMBER.split(text)
            alike.setdefault(tuple(pieces[::2]), []).append((each.way, pieces))
    lines += [f"Warning, {listed([way for way, _ in all_of])}: {_together(all_of)}" for all_of in alike.values()]
    return "\n".join(lines) + "\n"


def _together(warnings: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Merge warnings that differ only in their numbers into one that lists the numbers, way by way."""
    columns = zip(*(pieces for _, pieces in warnings), strict=True)
    return "".join(each[0] if len({*each}) == 1 else listed(each) for each in columns)


def _why_unknown(ways: Sequence[WayFigures]) -> str:
    """Say why no way has a rate."""
    if all(way.totals.dropped_frames and not way.totals.delivered_frames for way in ways):
        return "Nothing that is sent arrives by any way: all of it is dropped."
    return "No window was long enough to tell the ways apart: a longer run.duration does."


def sentences(found: Comparison) -> Iterator[str]:
    """Say which ways give most, how far the next are, and which gives most for a core."""
    places = found.places()
    first, unplaced = places.first, places.unplaced
    if not first.ways:
        yield _why_unknown(found.ways)
        return
    if not max(first.span):
        yield "Nothing comes through by any way."
        return
    if places.is_known:
        verb, lead = "give" if len(first.ways) > 1 else "gives", _lead_text(places)
        yield f"{_names(first.ways)} {verb} most: {_span_text(first)}{_how_alike(first)}{lead}."
        if unplaced.ways:
            its = "its" if len(unplaced.ways) == 1 else "their"
            yield f"{_where_unknown(unplaced)} by {its} 95 % interval: a longer run.duration tells."
    else:
        rates = [each.gbps or 0.0 for each in places.known]
        spread = f"{three_digits(min(rates))} to {three_digits(max(rates))} Gb/s"
        yield f"{_capital(_UNKNOWN)}: {spread}, alike within {BY_CHANCE}. {_LONGER_TELLS}"
    yield from _for_a_core(found.places_for_a_core())


def _for_a_core(places: Places) -> Iterator[str]:
    """Say which ways give most for a core kept busy, as far as that is known; nothing where no core is."""
    best = places.first
    if best.ways and not places.is_known:
        rates = [each.gbps or 0.0 for each in places.known]
        span = f"{three_digits(min(rates))} to {three_digits(max(rates))} Gb/s"
        yield f"Which gives most for a core is not known: {span}."
    elif best.ways:
        cores = [three_digits(each.taken_cores) for each in best.ways]
        all_alike = len(cores) > 1 and len({*cores}) == 1
        said = f"{cores[0] if all_alike else listed(cores)} cores taken{' each' * all_alike}"
        unknown = _where_unknown(places.unplaced)
        beside = f"; {unknown[0].lower()}{unknown[1:]}" if unknown else ""
        alike = "" if best.are_near else _how_alike(best)
        yield f"Most for a core: {_names(best.ways)}, {_span_text(best)} a core{alike}, with {said}{beside}."


def _where_unknown(unplaced: Alike) -> str:
    """Say whose place the intervals leave open, with the rates seen; an empty text if nobody's."""
    if not unplaced.ways:
        return ""
    seen = listed([f"{each.way} ({three_digits(each.gbps or 0.0)} Gb/s)" for each in unplaced.ways])
    return f"Where {seen} {'stands' if len(unplaced.ways) == 1 else 'stand'} is not known"


def _names(ways: Sequence[WayFigures]) -> str:
    return listed([each.way for each in ways])


def _span_text(ways: Alike) -> str:
    return f"{' to '.join(dict.fromkeys(map(three_digits, ways.span)))} Gb/s"


def _lead_text(places: Places) -> str:
    """Say by how much the best ways give more than the next; empty where none comes next."""
    if not places.following.ways:
        return ""
    (least, most), (next_least, next_most) = places.first.span, places.following.span
    text = f"{_names(places.following.ways)} ({_span_text(places.following)})"
    if not next_most:
        return f", where nothing comes through {text}"
    leads = [high / low - 1 for high, low in ((least, next_most), (most, next_least)) if low]
    shares = dict.fromkeys(percent_text(lead) if lead < 1 else f"{100 * lead:,.0f} %" for lead in leads)
    return f", {' to '.join(shares)} more than {text}"


def _how_alike(ways: Alike) -> str:
    if len(ways.ways) < 2:
        return ""
    return f", alike within {'1 %' if ways.are_near else BY_CHANCE}"


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def way_rows(found: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and a row for each way run; the columns before the last: frames that got past policy."""
    places = {one.forbidden_at: None for each in found.ways for one in each.forbidden}
    columns = [one.replace("PCIe", configured_noun(found.config)) for one in WAY_COLUMNS]
    header = (*columns[:-1], *(f"past {at} policy" for at in places), columns[-1])
    rows = []
    for each in found.ways:
        *first, last = _row(each)
        counts = {one.forbidden_at: f"{one.delivered:,} of {one.ended:,}" for one in each.forbidden}
        rows.append((*first, *(counts.get(at, MISSING) for at in places), last))
    return header, rows


def way_texts(header: Sequence[str]) -> tuple[int, ...]:
    """Return the columns that hold no numbers."""
    return 0, header.index("policy acts at"), len(header) - 1


def way_remarks(found: Comparison) -> Iterator[str]:
    """Say what is counted; then, for each pair that policy forbids, in which ways its frames came through."""
    yield f"({COUNTED.format(link=_LINK_COUNTED[configured_noun(found.config)])})"
    if any(each.way.startswith("vswitch_") for each in found.ways) and found.config["workload"].get("segment_bytes"):
        yield "(What a virtual switch passes whole counts as one frame, whatever other ways cut it into.)"
    told = {_LATENCY_OF[each.latency_of]: None for each in found.ways if each.latency_of}
    if told:
        yield f"(p50, p99: of frames {listed([*told])})"
    pairs = {(one.forbidden_at, one.from_, one.to): None for each in found.ways for one in each.forbidden}
    if not pairs:
        yield "No policy forbids frames between two VMs of an adapter, so there is none to get past."
    for at, source, target in pairs:
        outcomes: dict[str, list[str]] = {}
        for each in found.ways:
            for one in each.forbidden:
                if one.forbidden_at == at:
                    outcomes.setdefault(_outcome_words(one), []).append(each.way)
        said = ", ".join(f"{words} with {listed(names)}" for words, names in sorted(outcomes.items()))
        yield f"{_FORBIDDING[at]} forbids frames from {source} to {target}: {said}."


def _outcome_words(one: ForbiddenPair) -> str:
    if one.delivered == one.ended:
        return "all came through"
    return f"{one.delivered:,} of {one.ended:,} came through" if one.delivered else "none came through"


def _row(each: WayFigures) -> tuple[str, ...]:
    numbers: Sequence[float | None] = (each.gbps, each.totals.mpps)
    costs = (
        each.hypervisor_cores, each.guest_cores, each.taken_cores, each.gbps_per_core,
        each.pcie_bytes_per_frame, each.wire_bytes_per_frame, each.memory_bytes_per_frame,
    )  # fmt: skip
    return (
        each.way,
        *map(_number, numbers),
        time_text(each.latency_ns.p50),
        time_text(each.latency_ns.p99),
        *map(_number, costs),
        each.policy_at,
        printable(each.bottleneck.resource) or MISSING,
    )


def _number(value: float | None) -> str:
    return MISSING if value is None else three_digits(value)


# ---- Over several values ----


def curves_text(found: Curves) -> str:
    """Return which way leads where, the crossings, and a table; plain text that ends with a newline."""
    lines = list(curve_sentences(found))
    header, rows = curve_rows(found)
    lines += ["", *(line.text for line in table(header, rows, (len(header) - 1,)))]
    return "\n".join([*lines, *curve_remarks(found)]) + "\n"


def curve_remarks(found: Curves) -> Iterator[str]:
    """Say what the figures are, and what was left out."""
    places = [point.places() for point in _asked(found)]
    is_chance = any(each.is_known and not each.first.are_near for each in places)
    alike = f" As much: within {BY_CHANCE}." if is_chance else ""
    yield f"Gb/s: what VMs and the wire get together, frame bits with FCS.{alike}"
    reasons = dict[str, list[str]]()
    for point in _asked(found):
        if point.failure:
            yield f"Left out: {value_words(found.over, point.value)}: {printable(point.failure)}."
        for each in point.left_out:
            reasons.setdefault(f"{each.way}: {each.reason}", []).append(value_words(found.over, point.value))
    n_values = sum(not point.failure for point in _asked(found))
    for reason, where in reasons.items():
        at = "" if len(where) == n_values else f"at {listed(where)} "
        yield f"Left out {at}".rstrip() + f": {printable(reason)}."


def curve_sentences(found: Curves) -> Iterator[str]:
    """Say which ways lead over which values, then from where on one way overtakes another."""
    places = {point.value: point.places() for point in _asked(found)}
    places = {value: here for value, here in places.items() if here.first.ways}
    if not places:
        yield _why_unknown([way for point in _asked(found) for way in point.ways])
        return
    most = [_most_names(here) for here in places.values()]
    always = [name for name in most[0] if all(name in names for names in most)]
    if always:
        verb = "give" if len(always) > 1 else "gives"
        yield f"{listed(always)} {verb} most, or as much as any other way, at every value of {found.over}."
    stretches: list[tuple[str, list[float]]] = []
    for value, here in places.items():
        words = _most_words(here)
        if stretches and stretches[-1][0] == words:
            stretches[-1][1].append(value)
        else:
            stretches.append((words, [value]))
    if len(stretches) > 1 or not always:
        said = "; ".join(f"{words} {_stretch_words(found.over, values)}" for words, values in stretches)
        yield f"{_capital(said) if said.startswith(('all', _UNKNOWN)) else said}."
    if not all(here.is_known for here in places.values()):
        yield _LONGER_TELLS
    values = [point.value for point in _asked(found)]
    together: dict[tuple[str, int], list[Crossing]] = {}
    for each in found.crossings:
        together.setdefault((each.above, bisect_right(values, each.between[0])), []).append(each)
    for crossings in together.values():
        yield _crossing_sentence(found.over, crossings)


def _most_names(places: Places) -> list[str]:
    """Return the names of the ways that give most; none where that is not known."""
    return [each.way for each in places.first.ways] if places.is_known else []


def _most_words(places: Places) -> str:
    if not places.is_known:
        return _UNKNOWN
    if places.are_all_first:
        return "all ways give the same"
    names = _most_names(places)
    return f"{listed(names)} {'give' if len(names) > 1 else 'gives'} most"


def _crossing_sentence(over: str, crossings: Sequence[Crossing]) -> str:
    """Say from where on a way gives more than others."""
    above = crossings[0].above
    where = {each.below: _where_words(over, each) for each in crossings}
    than = listed([f"{name} {words}" for name, words in where.items()])
    if len(set(where.values())) == 1:
        than = f"{listed([*where])} {where[crossings[0].below]}"
    first = crossings[0]
    cores = [three_digits(first.cores[name]) for name in (above, first.below)]
    at = value_words(over, first.nearest)
    return f"{above} gives more than {than}. At {at} it keeps {cores[0]} cores busy, {first.below} {cores[1]}."


def _where_words(over: str, crossing: Crossing) -> str:
    if crossing.at is not None:
        return f"above {value_words(over, crossing.at)}"
    low, high = crossing.between
    return f"from {value_words(over, high)} on, not yet at {value_words(over, low)}"


def _stretch_words(over: str, values: Sequence[float]) -> str:
    first, last = value_words(over, values[0]), value_words(over, values[-1])
    return f"at {first}" if len(values) == 1 else f"from {first} to {last}"


def value_words(over: str, value: float) -> str:
    """Write a value of what varies: `398 B`, `4 VMs`, `25 %`, `x4`, `2 cores`."""
    if over == "east_west_share":
        return f"{100 * value:.3g} %"
    number = f"{value:,.0f}"
    if over == "lanes":
        return f"x{number}"
    unit = {"frame_bytes": "B", "vms": "VM", "cores": "core"}[over]
    return f"{number} {unit}{'' if unit == 'B' or value == 1 else 's'}"


def curve_rows(found: Curves) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and a row for each value that was asked for: each way's Gb/s, and which give most."""
    points = [point for point in _asked(found) if point.ways]
    names = list(dict.fromkeys(each.way for point in points for each in point.ways))
    rows = [
        (
            value_words(found.over, point.value),
            *(_number(None if (way := point.way(name)) is None else way.gbps) for name in names),
            ", ".join(_most_names(point.places())) or MISSING,
        )
        for point in points
    ]
    return (found.over, *names, "most"), rows


def _asked(found: Curves) -> list[ComparedValue]:
    return [point for point in found.points if point.is_asked]
