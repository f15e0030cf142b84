"""The closed form as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.analytic.limits_text import ceiling_rows, ceiling_sentence, subject_line
from hwmodel.report.notebook import fragment, paragraph, table

if TYPE_CHECKING:
    from hwmodel.analytic.limits_record import Limits


def limits_html(limits: Limits) -> str:
    """Return the ceiling in a sentence, the table of all ceilings, and the notes, as HTML that needs nothing else."""
    heading, *rows = ceiling_rows(limits)
    lone_ns = limits.unloaded_latency_ns
    lone = (
        "" if lone_ns is None else f"With all batches 1, a frame alone takes {lone_ns:,.1f} ns from post to delivery."
    )
    return fragment(
        paragraph(ceiling_sentence(limits), is_answer=True),
        paragraph(f"{subject_line(limits)}."),
        table(heading, rows, left_columns=(0, 4)),
        *(paragraph(text) for text in (lone, *limits.notes)),
    )
