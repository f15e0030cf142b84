"""What a notebook shows of a result: a fragment of HTML, without style sheet, script or extra package.

Colours are the notebook's own, light or dark: the fragment sets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from hwmodel.results.losses import loss_sentence
from hwmodel.results.reading import frame_balance, headline, largest_part_sentence, latency_note, latency_rows
from hwmodel.results.search_text import RELAXED_COLUMNS, relaxed_rows, relaxed_sentence
from hwmodel.results.shared_links_text import link_noun
from hwmodel.results.summary import VM_COLUMNS, VM_TEXT_COLUMNS, event_lines, vm_rows
from hwmodel.words.quantities import MOST_ROWS, page_time, percent_text, printable

if TYPE_CHECKING:
    from hwmodel.results.result import Result


_LATENCY_COLUMNS = ("latency", "p50", "p99", "p99.9", "mean", "max")
_LATENCY_FIELDS = ("p50", "p99", "p999", "mean", "max")


def result_html(result: Result) -> str:
    """Return the answer, its reason, events, warnings, latencies and a table of the VMs, as a fragment of HTML."""
    of_latency = [
        (words, *(page_time(getattr(latency, one), result.intervals.get(f"{name}.{one}")) for one in _LATENCY_FIELDS))
        for words, name, latency in latency_rows(result)
    ]
    events = (line.text for line in event_lines(result, MOST_ROWS))
    sentences = [result.bottleneck.why, loss_sentence(result), *events, *(f"Warning: {one}" for one in result.warnings)]
    note = latency_note(result) if of_latency else ""
    sentences += [f"Frames, whole run: {frame_balance(result)}.", _busy_sentence(result)]
    n_more = len(result.vms) - MOST_ROWS
    return fragment(
        paragraph(headline(result), is_answer=True),
        *(paragraph(sentence) for sentence in sentences),
        html_table(_LATENCY_COLUMNS, of_latency) if of_latency else "",
        paragraph(" ".join(filter(None, (f"Latency: {note}." if note else "", largest_part_sentence(result))))),
        html_table(VM_COLUMNS, vm_rows(result), left_columns=VM_TEXT_COLUMNS),
        paragraph(f"... and {n_more} more VMs" if n_more > 0 else ""),
        *_relaxed_parts(result),
        paragraph(f"Seed {result.seed}, configuration {result.config_hash}"),
    )


def fragment(*parts: str) -> str:
    """Put parts together as one fragment."""
    return f'<div class="hwmodel">{"".join(parts)}</div>'


def paragraph(text: str, is_answer: bool = False) -> str:
    """Return a paragraph, empty for an empty text; the answer is emphasised."""
    words = escape(printable(text))
    return words and (f"<p><strong>{words}</strong></p>" if is_answer else f"<p>{words}</p>")


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], left_columns: Sequence[int] = (0,)) -> str:
    """Return a table, its numbers to the right."""
    return (
        f"<table><thead>{_row(header, 'th', left_columns)}</thead>"
        f"<tbody>{''.join(_row(row, 'td', left_columns) for row in rows)}</tbody></table>"
    )


def _row(cells: Sequence[str], tag: str, left_columns: Sequence[int]) -> str:
    sides = ("left" if column in left_columns else "right" for column in range(len(cells)))
    written = (
        f'<{tag} style="text-align: {side}">{escape(printable(cell))}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(written)}</tr>"


def _busy_sentence(result: Result) -> str:
    if result.servers:
        busy = ", ".join(
            f"{one.name} up {percent_text(one.pcie.up.utilization)}, down {percent_text(one.pcie.down.utilization)}"
            for one in result.servers[:MOST_ROWS]
        )
        noun = link_noun(result)
        return f"{'PCIe links' if noun == 'PCIe' else noun} busy: {busy}." if busy else ""
    up, down = result.pcie.up.utilization, result.pcie.down.utilization
    noun = "Bus" if result.buses else "PCIe link"
    return f"{noun} busy: up {percent_text(up)}, down {percent_text(down)} of the window."


def _relaxed_parts(result: Result) -> list[str]:
    if not result.relaxed:
        return []
    return [
        paragraph(relaxed_sentence(result), is_answer=True),
        html_table(RELAXED_COLUMNS, relaxed_rows(result), left_columns=(0, 1, 6)),
    ]
