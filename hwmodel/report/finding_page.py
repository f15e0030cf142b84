"""The pages of `hwmodel size` and `hwmodel search`: the answer, a picture of what was tried, the tables behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hwmodel.report.finding_figures import cost_figure, latency_figure, loss_figure
from hwmodel.report.html import template_environment
from hwmodel.report.reproduction import assumption_table, of_search, of_sizing
from hwmodel.report.tables import Table
from hwmodel.results.explored import LoadSearch, SizingResult
from hwmodel.words.modelled import modelled_sentence
from hwmodel.words.quantities import printable
from hwmodel.words.search_text import loads_of, search_reasons, search_sentence, trial_rows
from hwmodel.words.sizing_text import (
    BESIDE_COLUMNS,
    beside_rows,
    found_sentences,
    reason_sentences,
    sizing_sentence,
    sureness_sentences,
    target_rows,
)

_MICROSECONDS = re.compile(r"(?<=\d )us\b")
_LATENCY_REMARK = "Loads are shares of the closed form's ceiling. p50, p99 and p99.9: latency, post to delivery."


def render_sizing_page(result: SizingResult, label: str) -> str:
    """Return the HTML page of a sizing; `label` names its file.

    Raises InputError where Jinja2 or matplotlib is missing.
    """
    shown = result.answer or result.nearest
    tables = []
    if shown is not None:
        tables.append(("The target", _table(*target_rows(shown, result.offered), texts=(0, 3))))
    beside = beside_rows(result)
    if beside:
        tables.append(("Beside it", _table(BESIDE_COLUMNS, beside, texts=(0, 1, 3, 4, 5))))
    base = result.source.get("base")
    config = result.config or (base if isinstance(base, dict) else {})
    modelled = modelled_sentence(config)
    if modelled and result.config is None:
        modelled += " So in the base; what varies is below."
    return (
        template_environment()
        .get_template("finding.html.j2")
        .render(
            title=printable(label),
            modelled=modelled,
            answer=_page(sizing_sentence(result)),
            reasons=[
                _page(one) for one in (*sureness_sentences(result), *reason_sentences(result), *found_sentences(result))
            ],
            warnings=[printable(one) for one in result.warnings],
            figures=[(cost_figure(result), "What was run: how far on the right side of its targets, by cost")],
            tables=tables,
            remark="",
            again=of_sizing(result, label),
            assumptions=assumption_table(),
        )
    )


def render_search_page(found: LoadSearch, label: str) -> str:
    """Return the HTML page of a search over the load; `label` names its configuration.

    Raises InputError where Jinja2 or matplotlib is missing.
    """
    header, rows = trial_rows(found)
    loads = loads_of(found)
    return (
        template_environment()
        .get_template("finding.html.j2")
        .render(
            title=printable(label),
            modelled=f"{modelled_sentence(found.config)} The load in it is what varies.",
            answer=_page(search_sentence(found)),
            reasons=[_page(one) for one in search_reasons(found)],
            warnings=[],
            figures=[
                (loss_figure(loads), "Frames lost, by load"),
                (latency_figure(loads), "Latency, post to delivery, by load"),
            ],
            tables=[("The loads", _table(header, rows, texts=(0, 8, 9)))] if rows else [],
            remark=_LATENCY_REMARK if rows else "",
            again=of_search(found, label),
            assumptions=assumption_table(),
        )
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: tuple[int, ...]) -> Table:
    return Table(tuple(header), [[_page(cell) for cell in row] for row in rows], texts=texts)


def _page(text: str) -> str:
    """Return a text of the terminal with the characters that a page can show."""
    words = _MICROSECONDS.sub("µs", printable(text).replace(" +/- ", " ± "))
    return words.replace(">=", "≥").replace("<=", "≤")
