"""What a sweep found, in sentences, for its page and the terminal: the best point, the knee, what limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hwmodel.report.configuration import value_text
from hwmodel.report.sweep.reading import (
    FALLING,
    FALLS,
    FLAT,
    GBPS,
    LIMIT,
    LOAD,
    MPPS,
    P99,
    PEAK,
    RISES,
    RISING,
    TO_WIRE,
    Point,
    Reading,
    SweptAxis,
    among_known,
    assignments,
    best_of,
    evenly,
    held_values,
    identity,
    knee_of,
    point_words,
    quickest_of,
    read_sweep_result,
    spread_of,
)
from hwmodel.report.sweep.tradeoff import weigh
from hwmodel.results.explored import COST, DONE, FAILED, SweepRow
from hwmodel.words.quantities import (
    cost_text,
    count_text,
    gbps_text,
    listed,
    mpps_text,
    page_time,
    percent_text,
    printable,
    table,
)

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

_MOST_NAMED_VALUES = 4
_MOST_KNEES = 3
_MOST_WORKLOADS = 4  # named with the best design of each
_FAR_MORE = 0.05  # of the throughput: said of an axis if its effect elsewhere is larger by this
UNCHANGED = 0.0005  # of the throughput: smaller changes would be printed as 0.0 %
_AS_GOOD = 0.99
_TOO_LITTLE = "nothing arrived in the window, or too little"


def swept_sentence(reading: Reading) -> str:
    """Return what was swept: `24 points: pcie.lanes 1 to 8 (4 values) and nic.vfs 1, 2 and 4; 2 seeds each.`."""
    sweep, n_points = reading.sweep, len(reading.points)
    text = f"{count_text(n_points)} point{'s' * (n_points != 1)}"
    if reading.axes:
        text += f": {listed([_axis_words(axis) for axis in reading.axes])}"
    n_seeds = max((len(point.runs) for point in reading.points), default=0)
    if n_seeds > 1:
        text += f"; {n_seeds} seeds each" if len(sweep.rows) == n_seeds * n_points else f"; up to {n_seeds} seeds each"
    return printable(f"{text}.")


def state_sentences(reading: Reading) -> list[str]:
    """Return what is wrong with the sweep as a whole: failed and missing runs."""
    rows = reading.sweep.rows
    n_failed, n_pending = (sum(row.status == status for row in rows) for status in ("failed", "pending"))
    said = []
    if n_failed:
        runs = f"{count_text(n_failed)} of {count_text(len(rows))} runs failed"
        said.append(f"{runs}; their errors are in the table of points.")
    if n_pending:
        runs = f"{count_text(n_pending)} of {count_text(len(rows))} runs are not made yet"
        said.append(f"{runs}: what follows is of the others.")
    n_bare = sum(point.value(reading.throughput) is None for point in reading.done)
    if n_bare:
        points = f"{count_text(n_bare)} of {count_text(len(reading.done))} points gave no throughput"
        said.append(f"{points}: {_TOO_LITTLE} for one (run.duration).")
    return said


def answer_sentence(reading: Reading) -> str:
    """Return the answer: the best point, what limits it, and the knee along the most influential axis."""
    best = reading.best
    if best is None:
        error = next((point.error for point in reading.failed), "")
        return printable(f"No run is done; the first that failed: {error}.") if error else "No run is done yet."
    if not reading.is_measured():
        return f"No point gave a throughput or a p99 latency: {_TOO_LITTLE}."
    knee = "".join(f"; {words}" for words in _all_knees(reading)[:1])
    return f"{best_words(reading, best)}{printable(knee)}."


def best_words(reading: Reading, best: Point) -> str:
    """Return the best point in words; with several workloads, which are no design choice, the best design for each."""
    return printable(_best_of_all(reading, best))


def more_sentences(reading: Reading) -> list[str]:
    """Return what follows the answer: knees along other axes, the least latency, how often each resource limits."""
    sentences = [f"{_begun(words)}." for words in _all_knees(reading)[1:_MOST_KNEES]]
    return [printable(sentence) for sentence in (*sentences, *_least_latency(reading), *_limit_shares(reading))]


def knee_words(reading: Reading, axis: SweptAxis) -> str:
    """Return how the throughput changes along an axis through the best point, and the limits around its knee."""
    points = [point for point in reading.cut_along(axis) if point.value(reading.throughput) is not None]
    if axis.numbers is None or len(points) < 2:
        return ""
    held = reading.held_words(axis.key)
    where = f" (with {held})" if held else ""
    return f"{_shape_words(axis, points, reading.throughput, where)}{_elsewhere(reading, axis, points)}"


def _shape_words(axis: SweptAxis, points: Sequence[Point], throughput: str, where: str) -> str:
    """Return how the throughput changes along a line; `where`: the other axes' values."""
    assert axis.numbers is not None
    at_value = dict(zip(map(value_text, axis.values), axis.numbers, strict=True))
    names = [value_text(point.axes[axis.key]) for point in points]
    ys = [point.value(throughput) or 0.0 for point in points]
    knee = knee_of([at_value[name] for name in names], ys)
    first, last, key = names[knee.first], names[knee.last], f"{axis.key}{where}"
    most, all_limit = max(ys), _limit_words(points)
    if knee.shape == RISES:
        more = percent_text(most / ys[knee.first] - 1)
        sides = _sides(points[: knee.first], points[knee.first + 1 :], all_limit)
        return f"the knee of {key} is at {first}: larger values add at most {more}; {sides}"
    if knee.shape == FALLS:
        less = percent_text(1 - ys[-1] / most)
        sides = _sides(points[: knee.last], points[knee.last + 1 :], all_limit)
        return f"the knee of {key} is at {last}: beyond it, up to {names[-1]}, {less} is lost; {sides}"
    if knee.shape == RISING:
        more = "all" if not ys[-2] else percent_text(ys[-1] / ys[-2] - 1)
        return f"{key} has no knee: its last step, {names[-2]} to {names[-1]}, still adds {more}; {all_limit}"
    if knee.shape == FALLING:
        less = percent_text(1 - ys[-1] / most)
        return f"{key} has no knee: from {names[0]} to {names[-1]} {less} is lost; {all_limit}"
    if knee.shape == PEAK:
        where = first if first == last else f"from {first} to {last}"
        return f"along {key} the throughput is best at {where} and falls on both sides; {all_limit}"
    if knee.shape == FLAT:
        share = 1 - min(ys) / most if most else 0.0
        if share < UNCHANGED:
            return f"{key} does not change the throughput; {all_limit}"
        return f"{key} changes the throughput by no more than {percent_text(share)}; {all_limit}"
    low, high = names[ys.index(min(ys))], names[ys.index(most)]
    return f"along {key} the throughput goes up and down, least at {low} and most at {high}; {all_limit}"


def _elsewhere(reading: Reading, axis: SweptAxis, points: Sequence[Point]) -> str:
    """Say where an axis has a far larger effect than along these points, if anywhere."""
    most = reading.cut_where_it_matters(axis)
    if not most or spread_of(most, reading.throughput) < spread_of(points, reading.throughput) + _FAR_MORE:
        return ""
    least, best = (of(most, key=lambda point: point.value(reading.throughput) or 0.0) for of in (min, max))
    low = least.value(reading.throughput) or 0.0
    more = f"{percent_text((best.value(reading.throughput) or 0.0) / low - 1)} more" if low else "all there is"
    held = assignments(held_values(reading.axes, best, [axis.key]).items())
    values = f"{value_text(best.axes[axis.key])} than at {value_text(least.axes[axis.key])}"
    return f"; where it matters most, with {held}, there is {more} at {values}"


def _axis_words(axis: SweptAxis) -> str:
    names = axis.names
    if len(names) <= _MOST_NAMED_VALUES:
        text = f"{axis.key} {listed(names)}"
    elif axis.numbers is not None:
        text = f"{axis.key} {names[0]} to {names[-1]} ({count_text(len(names))} values)"
    else:
        text = f"{axis.key} ({count_text(len(names))} values)"
    return f"{text}, with {listed(axis.in_step)} in step" if axis.in_step else text


def _best_of_all(reading: Reading, best: Point) -> str:
    n_workloads = len(reading.workloads)
    if n_workloads < 2 or best.value(reading.throughput) is None:
        return _best_of_one_workload(reading, best)
    designs = [axis for axis in reading.axes if not axis.key.startswith(LOAD)]
    bests = [found for points in reading.workloads if (found := best_of(points, reading.throughput)) is not None]
    common, share = _for_all(reading, designs)
    is_for_all = not designs or (common is not None and share >= _AS_GOOD)
    if designs and common is not None and is_for_all:
        bests = [point for point in reading.done if _is_of(point, common, designs)]
    bests = [point for point in bests if point.value(reading.throughput) is not None]
    if is_for_all:
        ordered = sorted(bests, key=lambda point: point.value(reading.throughput) or 0.0)
        ends = " to ".join(_workload_words(reading, point, []) for point in (ordered[0], *ordered[1:][-1:]))
        with_design = f", each with {_where(common, designs)}" if designs and common is not None else ""
        among = among_known(reading.points, reading.throughput)
        return f"Most throughput{among} of {count_text(n_workloads)} workloads{with_design}: {ends}"
    shown = evenly(bests, _MOST_WORKLOADS)
    text = "; ".join(_workload_words(reading, point, designs) for point in shown)
    some = f", of which {count_text(len(shown))}" if len(shown) < len(bests) else ""
    least = f"; {_where(common, designs)} gives at least {percent_text(share)} of that in each" if common else ""
    return f"Most throughput by workload{some}: {text}{least}"


def _best_of_one_workload(reading: Reading, best: Point) -> str:
    where = _where(best, reading.axes)
    throughput, p99 = best.estimate(reading.throughput), best.estimate(P99)
    if throughput is None:
        least = page_time(p99.value, p99.interval) if p99 else ""
        text = f"p99 latency {least}"
    else:
        text = _throughput_words(reading, best)
    if where:
        most, figure = ("Least latency", P99) if throughput is None else ("Most throughput", reading.throughput)
        text = f"{most}{among_known(reading.points, figure)}: {text}, with {where}"
    return f"{text}; {best.limit} limits it" if best.limit else text


def _throughput_words(reading: Reading, point: Point) -> str:
    throughput = point.estimate(reading.throughput)
    assert throughput is not None
    text = f"{gbps_text(throughput.value, throughput.interval)} {reading.to}"
    if reading.to == "to VMs" and point.value(MPPS) is not None:
        text += f", {mpps_text(point.value(MPPS))}"
    return text


def _workload_words(reading: Reading, point: Point, designs: Sequence[SweptAxis]) -> str:
    """Return a workload's throughput, its design if that is to be named, and what limits it."""
    loads = [axis for axis in reading.axes if axis.key.startswith(LOAD)]
    chosen = f" by {_where(point, designs)}" if designs else ""
    limit = f" ({point.limit} limits)" if point.limit else ""
    return f"{_throughput_words(reading, point)} at {point_words(point, loads)}{chosen}{limit}"


def _is_of(point: Point, other: Point, axes: Sequence[SweptAxis]) -> bool:
    return all(point.places[axis.key] == other.places[axis.key] for axis in axes)


def _for_all(reading: Reading, designs: Sequence[SweptAxis]) -> tuple[Point | None, float]:
    """Return a point of the design that is best for all workloads, and its smallest share of a workload's best."""
    shares: dict[str, list[float]] = {}
    of_design: dict[str, Point] = {}
    workloads = reading.workloads
    for points in workloads:
        most = max((point.value(reading.throughput) or 0.0 for point in points), default=0.0)
        for point in points:
            name = identity({axis.key: point.axes[axis.key] for axis in designs})
            of_design.setdefault(name, point)
            shares.setdefault(name, []).append((point.value(reading.throughput) or 0.0) / most if most else 1.0)
    whole = {name: min(of) for name, of in shares.items() if len(of) == len(workloads)}
    if not whole:
        return None, 0.0
    # Among equally good designs: the cheapest, then the first.
    best = max(whole.values())
    names = [name for name, share in whole.items() if share >= min(best, _AS_GOOD)]
    name = min(names, key=lambda one: of_design[one].cost or 0.0)
    return of_design[name], whole[name]


def _where(point: Point, axes: Sequence[SweptAxis]) -> str:
    """Return a point's values along some axes, with what it costs where that is known."""
    words = point_words(point, axes)
    return f"{words} (cost {cost_text(point.cost)})" if words and point.cost is not None else words


def _begun(words: str) -> str:
    """Capitalise the first word of a sentence, unless it is a key."""
    return f"{words[0].upper()}{words[1:]}" if words.startswith(("the ", "along ")) else words


def _all_knees(reading: Reading) -> list[str]:
    """Return how the throughput changes along each numeric axis: first the design's, then the workload's."""
    axes = sorted(reading.axes, key=lambda axis: axis.key.startswith(LOAD))
    return [words for axis in axes if (words := knee_words(reading, axis))]


def _sides(below: Sequence[Point], above: Sequence[Point], all_limit: str) -> str:
    (one, other), (is_one, is_other) = zip(*map(_common_limit, (below, above)), strict=True)
    if one == other:
        return all_limit if is_one and is_other else f"{one} limits most points on both sides"
    return f"below it {'' if is_one else 'mostly '}{one} limits, above it {'' if is_other else 'mostly '}{other}"


def _limit_words(points: Sequence[Point]) -> str:
    names = list(dict.fromkeys(point.limit for point in points if point.limit))
    if len(names) == 1:
        return f"{names[0]} limits throughout"
    return f"limits along it: {', then '.join(names)}"


def _common_limit(points: Sequence[Point]) -> tuple[str, bool]:
    """Return what limits most of these points, and whether it limits all of them."""
    found = Counter(point.limit for point in points if point.limit).most_common()
    return (found[0][0], len(found) == 1) if found else ("nothing that is known", True)


def _least_latency(reading: Reading) -> Iterator[str]:
    point = quickest_of(reading.done, reading.throughput)
    least = None if point is None else point.estimate(P99)
    if point is not None and least is not None and point is not reading.best:
        where = _where(point, reading.axes)
        with_rate = point.value(reading.throughput)
        rate = "" if with_rate is None else f", at {gbps_text(with_rate)}"
        latency = page_time(least.value, least.interval)
        among = among_known(reading.done, P99)
        yield f"Least latency{among}: p99 {latency}{rate}, with {where}; {point.limit} limits it."


def _limit_shares(reading: Reading) -> Iterator[str]:
    found = Counter(point.limit for point in reading.done if point.limit).most_common()
    if len(reading.done) > 1 and len(found) == 1:
        yield f"{found[0][0]} limits all {count_text(len(reading.done))} points."
    elif len(reading.done) > 1 and found:
        shares = [f"{name} in {count_text(n)}" for name, n in found]
        yield f"Of {count_text(len(reading.done))} points, what limits: {listed(shares)}."


# ---- For the terminal ----


WARNINGS = "warnings"
SWEEP_SUMMARY_FIGURES = (
    GBPS, MPPS, TO_WIRE, P99, LIMIT, WARNINGS,
    *(f"intervals.{name}.{end}" for name in (GBPS, TO_WIRE) for end in ("low", "high")),
)  # fmt: skip
_MOST_ROWS, _MOST_FAILURES, _MOST_OF_FRONT = 24, 8, 8


def sweep_text(sweep: SweepResult, files: Sequence[str], wall_s: float, n_run: int) -> str:
    """Return the summary: counts, best points, a table of a small sweep, failures with reasons, where the files are."""
    reading = read_sweep_result(sweep)
    lines = [_counts(sweep, wall_s, n_run), *_best(reading)]
    if len(sweep.rows) <= _MOST_ROWS:
        lines += ["", *_table(sweep, reading.throughput)]
    lines += _trade_off(reading)
    return "\n".join([*lines, *_failures(sweep), "", f"Results: {', '.join(files)}"])


def _counts(sweep: SweepResult, wall_s: float, n_run: int) -> str:
    n_failed = len(sweep.with_status(FAILED))
    n_done = len(sweep.with_status(DONE))
    failed = f", {n_failed:,} failed" if n_failed else ""
    now = f"{n_run:,} of them now, in {wall_s:.1f} s" if n_run else "nothing was missing"
    return f"{sweep.name}: {n_done:,} of {len(sweep.rows):,} runs done{failed}; {now}"


def _best(reading: Reading) -> Iterator[str]:
    """Yield each workload's point with most throughput, and the one with least latency, as on the page."""
    sweep, points, throughput, best = reading.sweep, reading.done, reading.throughput, reading.best
    quickest = quickest_of(points, throughput)
    to = " to the wire" if throughput == TO_WIRE else ""
    words = ("Most throughput", "Least latency") if len(points) > 1 else ("Throughput", "Latency")
    most = None if best is None else best.estimate(throughput)
    if len(reading.workloads) > 1 and most is not None and best is not None:
        yield best_words(reading, best).replace("±", "+/-")
    elif best is not None and most is not None:
        figure = f"{gbps_text(most.value, most.interval)}{to}".replace("±", "+/-")
        which = f"{words[0]}{among_known(points, throughput)}"
        yield f"{which}: {figure}{_with(best)}; limited by {_limits(best.done)}"
    if quickest is not None:
        p99_us = (quickest.value(P99) or 0.0) / 1e3
        which = f"{words[1]}{among_known(points, P99)}"
        yield f"{which}: p99 {p99_us:,.2f} us{_with(quickest)}; limited by {_limits(quickest.done)}"
    if len(points) > 1:
        yield f"Limited by: {_limits(sweep.with_status(DONE), with_numbers=True)}"
    warned = [row for row in sweep.with_status(DONE) if row.figures.get(WARNINGS)]
    if warned:
        first = f"{_point(warned[0])}: {warned[0].figures[WARNINGS]}"
        yield f"{len(warned):,} run{'s have' if len(warned) > 1 else ' has'} warnings, in the column warnings; {first}"


def _with(point: Point) -> str:
    """Return a point's values, or, if only seeds vary, the number of seeds averaged."""
    values = ", ".join(f"{key}={value_text(value)}" for key, value in point.axes.items())
    if not values:
        return f" over {len(point.done)} seeds" if len(point.done) > 1 else ""
    return f" with {values}" + ("" if point.cost is None else f" (cost {cost_text(point.cost)})")


def _trade_off(reading: Reading) -> Iterator[str]:
    """Yield the Pareto front of cost and throughput, if the sweep's file gives costs."""
    weighed = weigh(reading) if reading.sweep.has_costs else None
    if weighed is None:
        return
    axes = [axis for axis in reading.sweep.axes if len(axis.values) > 1 and axis.key not in weighed.held]
    keys = [axis.key for axis in axes]
    rows = []
    for of, gbps, point in (weighed.points[at] for at in weighed.front[-_MOST_OF_FRONT:]):
        values = [_cell(point.axes.get(axis.key), axis.values) for axis in axes]
        rows.append([cost_text(of), f"{gbps:,.3f}", *values, point.limit])
    left_out = len(weighed.front) - len(rows)
    yield ""
    which = (
        f"Nothing costs less and gives as much{f', with {held}' if (held := assignments(weighed.held.items())) else ''}"
    )
    yield f"{which}{f' (and {left_out} cheaper)' if left_out else ''}:"
    header = [COST, "Gb/s", *keys, "limited by"]
    yield from (line.text for line in table(header, rows, left_columns=[len(header) - 1]))


def _limits(rows: Sequence[SweepRow], with_numbers: bool = False) -> str:
    found = Counter(str(row.figures.get(LIMIT)) for row in rows)
    return ", ".join(f"{name} in {n:,} run{'s' * (n > 1)}" if with_numbers else name for name, n in found.most_common())


def _point(row: SweepRow) -> str:
    return ", ".join(f"{key}={value_text(value)}" for key, value in row.axes.items()) or f"seed {row.seed}"


def _table(sweep: SweepResult, throughput: str) -> list[str]:
    keys = [axis.key for axis in sweep.axes]
    seeds = ["seed"] if sweep.n_seeds > 1 or not keys else []
    costs = [COST] if sweep.has_costs else []
    header = [*keys, *seeds, *costs, "Gb/s", "p99 us", "limited by"]
    rows = []
    for row in sweep.rows:
        point = [_cell(row.axes[axis.key], axis.values) for axis in sweep.axes] + ([str(row.seed)] if seeds else [])
        point += ["-" if row.cost is None else cost_text(row.cost) for _ in costs]
        point += [_figure(row.figures, name) for name in (throughput, P99, LIMIT)] if row.figures else [row.status]
        rows.append(point + [""] * (len(header) - len(point)))
    return [line.text for line in table(header, rows, left_columns=[len(header) - 1])]


def _cell(value: object, values: Iterable[object]) -> str:
    """Write a value of an axis, a long one cut to 30 characters: its begin, or also where others with it go on."""
    text = value_text(value)
    if len(text) <= 30:
        return text
    alike = {other for other in map(value_text, values) if other[:27] == text[:27]}
    if len(alike) < 2:
        return text[:27] + "..."
    first = next((at for at, letters in enumerate(zip(*alike, strict=False)) if len({*letters}) > 1), 27)
    return f"{text[:9]}...{text[first - 1 :][:18]}"


def _figure(figures: Mapping[str, object], name: str) -> str:
    value = figures.get(name)
    if isinstance(value, int | float):
        return f"{value / 1e3:,.2f}" if name == P99 else f"{value:,.3f}"
    return "-" if value is None else str(value)


def _failures(sweep: SweepResult) -> Iterator[str]:
    failed = sweep.with_status(FAILED)
    if failed:
        yield ""
        yield "Failed (--retry-failed makes them again):"
    for row in failed[:_MOST_FAILURES]:
        seed = f", seed {row.seed}" if sweep.n_seeds > 1 else ""
        yield f"  {_point(row)}{seed}: {row.error}"
    if len(failed) > _MOST_FAILURES:
        yield f"  and {len(failed) - _MOST_FAILURES:,} more, in the column error of the table"
