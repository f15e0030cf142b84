"""The page of a sweep, one file that needs nothing else, and what a notebook shows; the same for equal sweeps."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hwmodel.report.configuration import config_text
from hwmodel.report.html import TEMPLATES, template_environment
from hwmodel.report.reproduction import assumption_table
from hwmodel.words.modelled import modelled_sentence
from hwmodel.words.notebook import fragment, html_table, paragraph
from hwmodel.words.quantities import MOST_ROWS, printable

from .answer import answer_sentence, more_sentences, state_sentences, swept_sentence
from .curves import curve_groups
from .front import trade_off
from .limit_map import limit_maps
from .reading import read_sweep_result
from .reproduction import key_table, of_sweep
from .rows import best_rows, point_table

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult


def render_sweep_page(sweep: SweepResult, defaults: Mapping[str, Any] | None = None) -> str:
    """Return the HTML page of a sweep, with what of it is done.

    `defaults`: the resolved configuration of the same adapter and driver with nothing else written, where it is known.
    Raises InputError where Jinja2 or matplotlib is missing.
    """
    environment = template_environment()
    reading = read_sweep_result(sweep)
    script = (TEMPLATES / "sweep.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("sweep.html.j2").render(
        title=printable(sweep.name),
        script=script,
        script_hash=f"sha256-{digest}",
        modelled=modelled_sentence(sweep.config),
        swept=swept_sentence(reading),
        answer=answer_sentence(reading),
        more=more_sentences(reading),
        warnings=state_sentences(reading),
        curves=list(curve_groups(reading)),
        maps=limit_maps(reading),
        front=trade_off(reading),
        points=point_table(reading),
        assumptions=assumption_table(),
        keys=key_table(sweep, dict(defaults) if defaults is not None else None),
        again=of_sweep(sweep),
        config=config_text(sweep.config),
    )


def sweep_html(sweep: SweepResult) -> str:
    """Return what was swept, the answer, what else is to be said, and the best points, as a fragment of HTML."""
    reading = read_sweep_result(sweep)
    best = best_rows(reading, MOST_ROWS)
    n_more = len(reading.done) - len(best.rows)
    return fragment(
        paragraph(answer_sentence(reading), is_answer=True),
        *(paragraph(sentence) for sentence in (swept_sentence(reading), *more_sentences(reading))),
        *(paragraph(f"Warning: {sentence}") for sentence in state_sentences(reading)),
        html_table(best.header, best.rows, left_columns=best.texts) if best.rows else "",
        paragraph(f"... and {n_more:,} more points" if n_more > 0 else ""),
        paragraph(f"Sweep {sweep.sweep_hash}, model {sweep.model_version}"),
    )
