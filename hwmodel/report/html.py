"""The HTML page: one file that needs nothing else, from one result or several.

The page is the same byte for byte for the same results: no date, no figures of the machine it ran on, ids from a fixed
salt. Everything that comes from users' files is escaped by the template engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.atomic_file import write_atomically
from hwmodel.errors import InputError
from hwmodel.report.comparison import compare, run_labels
from hwmodel.report.reproduction import assumption_table
from hwmodel.report.section import section_of
from hwmodel.report.svg import missing_extra
from hwmodel.results.result import Result
from hwmodel.words.quantities import printable

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_FULL_SECTIONS = 6
_SEPARATOR = re.compile(r"_|\.(?!\d)")
TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    results: Sequence[Result],
    labels: Sequence[str] | None = None,
    title: str | None = None,
    defaults: Sequence[Mapping[str, Any] | None] | None = None,
) -> str:
    """Return an HTML page that reports results, with a comparison on top where there are several.

    `labels` name the results (`file_labels`, say); without them what their configurations say does. `defaults` are
    resolved configurations, one a result: the page then lists the keys that differ from them. From the seventh on, a
    result gets its tables but no figures, so that the page stays small enough to mail. Raises InputError where Jinja2
    or matplotlib is missing, ValueError for no results or a wrong number of labels or defaults.
    """
    if not results:
        raise ValueError("a page needs at least one result")
    for words, given in (("labels", labels), ("defaults", defaults)):
        if given is not None and len(given) != len(results):
            raise ValueError(f"{len(given)} {words} for {len(results)} results")
    environment = template_environment()
    names = run_labels(results, labels)
    keys = [f"r{index}" for index in range(len(results))]
    sections = [
        section_of(result, name, key, index < MOST_FULL_SECTIONS, defaults[index] if defaults is not None else None)
        for index, (result, name, key) in enumerate(zip(results, names, keys, strict=True))
    ]
    is_comparison = len(results) > 1
    return environment.get_template("page.html.j2").render(
        title=printable(title) if title else f"{len(results)} runs side by side" if is_comparison else names[0],
        sections=sections,
        comparison=compare(results, names, keys, defaults) if is_comparison else None,
        assumptions=assumption_table(),
    )


def write_page(
    path: str | Path, results: Sequence[Result], labels: Sequence[str] | None = None, title: str | None = None
) -> None:
    """Write the page of `render_page` to a file, as a whole or not at all."""
    write_atomically(path, render_page(results, labels, title))


def template_environment() -> Environment:
    """Return what renders the pages' templates, escaping all texts; InputError where Jinja2 is missing."""
    try:
        import jinja2  # optional: only reports need it
    except ImportError:
        raise InputError(missing_extra("Jinja2")) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    return environment


def breakable(text: str) -> str:
    """Return a name as HTML that may be broken behind its separators; a number stays whole."""
    return _SEPARATOR.sub(r"\g<0><wbr>", escape(text))
