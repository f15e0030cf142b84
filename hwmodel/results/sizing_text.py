"""What `hwmodel size` prints: the answer in one sentence, then its figures, what limits, and the alternatives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hwmodel.words.quantities import (
    MISSING,
    PLUS_MINUS,
    change_text,
    cost_text,
    counted,
    interval_text,
    printable,
    table,
    three_digits,
    time_text,
)

if TYPE_CHECKING:
    from hwmodel.results.explored import Choice, SizingResult, TargetFigure


_NAMES = {
    "gbps": "throughput", "mpps": "frame rate", "loss": "frames lost", "mean": "mean latency",
    "max": "longest latency", "p50": "p50 latency", "p99": "p99 latency", "p999": "p99.9 latency",
}  # fmt: skip
_SURE, _ALL_BUT_SURE = 0.95, 0.999  # no number of runs makes it 100 %
_MOST_NEAR = 3
_MOST_OVER = 10  # times the bound; beyond this, percent of it says little
AS_LIKELY = 0.5  # confidence at which a miss is as likely as a hit
_UNITS = {"gbps": " Gb/s", "mpps": " Mpps"}


TARGET_COLUMNS = ("target", "bound", "figure", "met", "margin")
BESIDE_COLUMNS = ("", "with", "cost", "met", "gives", "limited by")


def sizing_text(result: SizingResult) -> str:
    """Return the answer and the alternatives, plain text that ends with a newline."""
    lines = [sizing_sentence(result), *found_sentences(result)]
    shown = result.answer or result.nearest
    if shown is not None:
        lines += [*sureness_sentences(result), "", *(line.text for line in table(*target_rows(shown, result.offered)))]
    lines += [*reason_sentences(result), *(f"Note: {printable(warning)}" for warning in result.warnings)]
    rows = beside_rows(result)
    if rows:
        lines += ["", *(line.text for line in table(BESIDE_COLUMNS, rows, (0, 1, 3, 4, 5)))]
    return "\n".join(lines) + "\n"


def reason_sentences(result: SizingResult) -> Iterator[str]:
    """Yield what limits the answer, or would limit first if more were sent, and the load that it was run with."""
    shown = result.answer or result.nearest
    if result.first_to_give and shown is not None:
        what = f"The first thing to give: {printable(result.first_to_give)}"
        yield f"{what}, with all that senders can send. {printable(result.first_to_give_why)}"
    elif shown is not None and shown.why:
        yield f"Limited by {printable(shown.limited_by)}. {printable(shown.why)}"
    if result.offered:
        at_load = [one for one in (() if shown is None else shown.targets) if one.at_load is not None]
        figures = " and ".join(_amount(one.metric, one.at_load) for one in at_load)
        beyond = (
            f" Of it {figures} got through on average; figure and margin of the {_NAMES[at_load[0].metric]} are what "
            "gets through if the VMs send all they can."
            if at_load
            else ""
        )
        yield (
            f"Run at the load asked for: {result.offered} of each VM, frame bits with FCS, in place of saturate. "
            f"The VMs offer just this rate, so that 98.5 % of it counts as met: the rest is chance.{beyond}"
        )


def sizing_sentence(result: SizingResult) -> str:
    """Say what is cheapest, and how sure that is; or what comes nearest and what it misses."""
    if result.answer is not None:
        sure = "" if result.confidence is None else f"; it meets with a confidence of {_confidence(result.confidence)}"
        if result.confidence is not None and result.confidence < AS_LIKELY:
            sure = f" on average, by so little that it rather misses: a confidence of {_confidence(result.confidence)}"
        which = f"cost {cost_text(result.answer.cost)}, the cheapest"
        if not any((result.cost, result.runner_up_cost, *(step.choice.cost for step in result.steps))):
            which = "no knob has a cost; the first, with smaller values before larger,"
        least = f"{which} that meets the target" if result.is_cheapest else f"{which} found to meet the target"
        return f"{knobs_text(result.answer.knobs)}: {least}{sure}."
    n = f"None of {result.n_candidates:,} configurations meets the target"
    if result.n_candidates == 1:
        n = "The one configuration there is does not meet the target"
    if not result.is_cheapest:
        n = f"No configuration was found that meets the target; {result.n_untested:,} could not be tried"
    if result.nearest is None:
        return f"{n}; none could be run."
    missed = "; ".join(_missed(one) for one in result.nearest.targets if not one.is_met)
    if result.n_candidates == 1:
        return f"{n}: {missed}."
    return f"{n}. {knobs_text(result.nearest.knobs)} (cost {cost_text(result.nearest.cost)}) comes nearest: {missed}."


def knobs_text(knobs: Mapping[str, Any]) -> str:
    """Write the values of knobs in a line: `pcie.lanes 4, nic.rx_ring 256`."""
    return printable(", ".join(f"{key} {_value(value)}" for key, value in knobs.items()))


def found_sentences(result: SizingResult) -> Iterator[str]:
    """Yield how many configurations there are, how many were run, and what ruled others out."""
    ran = f"{_are(result.n_run, 'was run', 'were run')} ({counted(result.simulations, 'simulation')})"
    n_missed = result.n_ruled_out_by_simulation
    parts = [f"{ran}, {f'{n_missed:,}' if n_missed else 'none'} of which miss{'es' * (n_missed < 2)}"]
    if result.n_ruled_out_by_closed_form:
        n, evaluations = result.n_ruled_out_by_closed_form, counted(result.n_closed_forms, "evaluation")
        parts.append(f"{_are(n, 'is', 'are')} out of reach by the closed form ({evaluations})")
    if result.n_ruled_out_by_rule:
        parts.append(f"{_are(result.n_ruled_out_by_rule, 'has', 'have')} no more of any knob than one that misses")
    if result.n_invalid:
        parts.append(f"{result.n_invalid:,} cannot be, since there is no such configuration")
    yield f"Of {counted(result.n_candidates, 'configuration')} {'; '.join(parts)}."
    if result.closed_form_refuted:
        of = " and ".join(_NAMES[metric] for metric in result.closed_form_refuted)
        yield f"A run was better than the closed form allows, so that by {of} nothing is ruled out without a run."
    if result.answer is None:
        return
    if result.n_untested:
        which = "it" if result.n_untested == 1 else "one of them"
        yield f"{_are(result.n_untested, 'cheaper one was', 'cheaper ones were')} not run: {which} may meet."
    elif result.n_cheaper_not_run:
        left_out = _are(result.n_cheaper_not_run, "cheaper one was", "cheaper ones were")
        knobs = result.source.get("knobs") or {}
        is_declared = any(isinstance(knob, dict) and knob.get("monotone") is True for knob in knobs.values())
        by_file = " or the file's `monotone: true`" if is_declared else ""
        them = "it" if result.n_cheaper_not_run == 1 else "them"
        yield f"{left_out} not run, since the closed form{by_file} rules {them} out."


def sureness_sentences(result: SizingResult) -> Iterator[str]:
    """Say what the confidence rests on, and which cheaper configurations may meet in a repetition."""
    answer = result.answer
    if answer is not None and result.confidence is not None and result.confidence < _SURE:
        for one in answer.targets:
            if one.probability is not None and one.probability < _SURE and _is_none_lost(one):
                sure = _confidence(one.probability)
                yield f"No frame was lost in any run; how probable it is that one more loses none: {sure}."
        near = [one for one in answer.targets if _is_near(one)]
        if near:
            beside = f" and of hosts a little different ({result.disturbance})" if result.disturbance else ""
            spread = f"{answer.seeds} seeds" if answer.seeds > 1 else "one seed"
            surer = result.runner_up_choice
            more = (
                "" if surer is None else f"; {knobs_text(_others(surer, answer))} meets too, at {cost_text(surer.cost)}"
            )
            named = " and ".join(_NAMES[one.metric] for one in near)
            are = "are" if len(near) > 1 else "is"
            yield f"The {named} {are} near the target, beside the spread of {spread}{printable(beside)}{more}."
    if result.near:
        shown = result.answer or result.nearest
        assert shown is not None
        others = [one for one in result.near if one.knobs != shown.knobs][:_MOST_NEAR]
        words = "; ".join(_near_words(one, shown) for one in others)
        cheaper = "Cheaper, and near" if result.answer is not None else "Near"
        if others:
            yield f"{cheaper} the target, so that a repetition may meet: {words}."


def _is_none_lost(one: TargetFigure) -> bool:
    return one.metric == "loss" and not one.bound and not one.figure


def _is_near(one: TargetFigure) -> bool:
    """Tell whether a repetition may miss a target that is met; a loss of zero is treated elsewhere."""
    return one.probability is not None and one.probability < _SURE and not _is_none_lost(one)


def _met(one: TargetFigure) -> str:
    """Say whether a target is met: unsure, if the mean meets it but a repetition may not."""
    return "no" if not one.is_met else "unsure" if _is_near(one) else "yes"


def _near_words(choice: Choice, shown: Choice) -> str:
    figures = ", ".join(_short(one, choice.source) for one in choice.targets if not one.is_met)
    return f"{knobs_text(_others(choice, shown))} (cost {cost_text(choice.cost)}, {figures})"


def _others(choice: Choice, beside: Choice) -> dict[str, Any]:
    return {key: value for key, value in choice.knobs.items() if value != beside.knobs.get(key)}


def _are(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"


def target_rows(choice: Choice, offered: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and a row for each target: its bound, and what the choice gives.

    `offered`: the load that replaced saturating senders, empty if none did.
    """
    rows: list[tuple[str, ...]] = [
        (_NAMES[one.metric], _bound(one, offered), _figure(one), _met(one), _margin(one)) for one in choice.targets
    ]
    seeds = f"mean of {choice.seeds} seeds" if choice.seeds > 1 else "one run"
    return tuple(seeds if column == "figure" else column for column in TARGET_COLUMNS), rows


def beside_rows(result: SizingResult) -> list[tuple[str, ...]]:
    """Return a row of BESIDE_COLUMNS for the runner-up, for one step of each knob, and for what is cheaper."""
    shown = result.answer or result.nearest
    knobs = {} if shown is None else shown.knobs
    rows = []
    if result.runner_up_choice is not None:
        rows.append(("runner-up", *_row(result.runner_up_choice, knobs)))
    rows += [(f"one step {step.change}", *_row(step.choice, knobs)) for step in result.steps]
    return rows + [("cheaper", *_row(choice, knobs)) for choice in result.cheaper]


def _row(choice: Choice, beside: Mapping[str, Any]) -> tuple[str, ...]:
    met = {True: "yes", False: "no", None: "not run"}[choice.is_met]
    figures: Sequence[TargetFigure] = choice.targets
    if choice.source == "closed form":
        figures = [one for one in figures if not one.is_met]
    mark = " (by the closed form)" if choice.source == "closed form" else " (missed)"
    gives = ", ".join(f"{_short(one, choice.source)}{'' if one.is_met else mark}" for one in figures)
    others = {key: value for key, value in choice.knobs.items() if value != beside.get(key)}
    return (
        knobs_text(others),
        cost_text(choice.cost),
        met,
        gives or ("" if choice.source == "none" and choice.is_met is None else printable(choice.why)),
        printable(choice.limited_by),
    )


def _short(one: TargetFigure, source: str) -> str:
    figure = _amount(one.metric, one.figure)
    if source == "closed form":
        at_most = "at most" if one.metric in _UNITS else "at least"
        return f"{one.metric} {at_most} {figure}"
    return f"{one.metric} {figure}"


def _missed(one: TargetFigure) -> str:
    if one.figure is None or one.margin is None:
        return f"its {_NAMES[one.metric]} could not be measured"
    off = "where none may be"
    if one.bound and one.margin < -_MOST_OVER:
        off = _times_over(one.margin)
    elif one.bound:
        off = f"{_percent(abs(one.margin))} {'short' if one.metric in _UNITS else 'over'}"
    return f"its {_NAMES[one.metric]} is {_amount(one.metric, one.figure)}, {off}"


def _bound(one: TargetFigure, offered: str) -> str:
    if offered and one.metric in _UNITS and one.at_load is None:
        return f">= 98.5 % of {_amount(one.metric, one.bound)}"
    return f"{'>=' if one.metric in _UNITS else '<='} {_amount(one.metric, one.bound)}"


def _figure(one: TargetFigure) -> str:
    if one.figure is None:
        return "not measured"
    half = 0.0 if one.high is None else one.high - one.figure
    if one.metric == "loss" and not one.figure and half:
        return f"none seen, < {_percent(half)}"
    up_to = "" if one.at_load is None else "up to "
    number, space, unit = _amount(one.metric, one.figure).partition(" ")
    if one.low is None or one.high is None or one.high == one.low:
        return f"{up_to}{number}{space}{unit}"
    if one.metric == "loss":
        return f"{number}{space}{unit} +/- {_percent(half)}"
    interval = one.low, one.high
    if one.metric in _UNITS:
        text = f"{up_to}{interval_text(number, one.figure, interval)}{space}{unit}"
    else:
        text = time_text(one.figure, interval)
    return text.replace(PLUS_MINUS, " +/- ")


def _margin(one: TargetFigure) -> str:
    if one.margin is None or not one.bound:
        return MISSING
    return _times_over(one.margin) if one.margin < -_MOST_OVER else change_text(one.margin)


def _times_over(margin: float) -> str:
    return f"{1 - margin:,.0f} times the bound"


def _amount(metric: str, value: float | None) -> str:
    if value is None:
        return "not measured"
    if metric == "loss":
        return _percent(value)
    return f"{three_digits(value)}{_UNITS[metric]}" if metric in _UNITS else time_text(value)


def _confidence(share: float) -> str:
    return f"over {_percent(_ALL_BUT_SURE)}" if share > _ALL_BUT_SURE else f"{100 * share:.3g} %"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
