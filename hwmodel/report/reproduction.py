"""How to reproduce a page's figures, and figures and data as downloads inside the page."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.report.configuration import config_text
from hwmodel.report.tables import Table
from hwmodel.results.comparison import Curves
from hwmodel.results.explored import LoadSearch, SizingResult
from hwmodel.results.result import Result
from hwmodel.words.assumptions import ASSUMPTIONS
from hwmodel.words.quantities import printable

_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_PLAIN_UP_TO_BYTES = 256 << 10
_FORMULA_BEGINS_WITH = ("=", "+", "-", "@", "\t", "\r")
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


class Download(NamedTuple):
    """A link that saves a file: what it says, the file's name, its content as a data: URI."""

    words: str
    name: str
    uri: str


class Drawing(NamedTuple):
    """A figure of the page with its caption, a note beneath, its data as rows, and both as files."""

    svg: str
    caption: str
    note: str
    rows: tuple[tuple[object, ...], ...]
    downloads: tuple[Download, ...]


def drawing(svg: str, caption: str, rows: Iterable[Sequence[object]], name: str, note: str = "") -> Drawing:
    """Return a figure with its data, the first row their header; `name` begins its files' names."""
    data = tuple(tuple(row) for row in rows)
    files = (
        download("SVG", f"{name}.svg", "image/svg+xml", svg_file(svg)),
        download("data as CSV", f"{name}.csv", "text/csv;charset=utf-8", csv_text(data)),
    )
    return Drawing(svg, caption, note, data, files)


def download(words: str, name: str, media_type: str, text: str) -> Download:
    """Return a link that saves a text as a file, a long one compressed by gzip."""
    data, saved = text.encode("utf-8", "backslashreplace"), file_name(name)
    if len(data) > _PLAIN_UP_TO_BYTES:
        data, saved, media_type, words = (
            gzip.compress(data, mtime=0),
            f"{saved}.gz",
            "application/gzip",
            f"{words}, gzip",
        )
    return Download(words, saved, f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; None is an empty cell, truth values are as in a configuration.

    A text that a spreadsheet would take for a formula begins with an apostrophe, which makes it a text there (OWASP,
    "CSV Injection").
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_BEGINS_WITH) else value


def svg_file(element: str) -> str:
    """Return an `<svg>` element of the page as a file of its own: with namespaces and a size, dark on white."""
    width, height = match.groups() if (match := _VIEW_BOX.search(element)) else ("100%", "100%")
    style = 'style="background:#fff;color:#000;font-family:sans-serif"'
    head = f'<svg {_NAMESPACES} width="{width}pt" height="{height}pt" {style}'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{element.replace("<svg", head, 1)}'


def file_name(name: str) -> str:
    """Return a name that every file system takes."""
    stem, _, ending = name.rpartition(".")
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', stem).strip('_')[:80] or 'sweep'}.{ending}"


# ---- A file that holds all of it, the command, and what made them ----


FILE, PAGE = "FILE", "PAGE"
NOT_RECORDED = "not recorded"
_ASSUMPTION_COLUMNS = ("assumption", "how far it can be off", "source")


class Reproduction(NamedTuple):
    """Hold what a page says about reproducing it; `words`: what the file holds."""

    words: str
    link: Download
    file: str
    command: str
    facts: Table


def assumption_table() -> Table:
    """Return the table of the model's assumptions, which every page has."""
    return Table(_ASSUMPTION_COLUMNS, [list(one) for one in ASSUMPTIONS], texts=(0, 1, 2))


def again(words: str, name: str, text: str, arguments: Sequence[str], facts: Table) -> Reproduction:
    """Return how a command reproduces a page from a file of this name and text.

    In `arguments`, FILE stands for the file's name and PAGE for the page's.
    """
    saved = file_name(name)
    meant = {FILE: saved, PAGE: f"{saved.rpartition('.')[0]}.html"}
    line = shlex.join(["hwmodel", *(meant.get(each, each) for each in arguments)])
    link = download("this file", saved, "application/yaml;charset=utf-8", text)
    return Reproduction(words, link, text, printable(line), facts)


def facts_of(facts: Sequence[tuple[str, str]]) -> Table:
    """Return what figures were made with."""
    return Table(("what", "value"), [[what, printable(value)] for what, value in facts], texts=(0, 1))


def of_result(result: Result, label: str) -> Reproduction:
    """Return how to reproduce a run, or a run with its relaxations."""
    seeds = result.spread[0].seeds if result.spread else ()
    arguments = ["explain", FILE] if result.relaxed else ["run", FILE]
    if seeds and not result.relaxed:
        arguments += ["--seeds", str(len(seeds))]
    facts = [
        ("model", _model_of(result)),
        ("hash of the configuration", result.config_hash),
        ("seed", f"{result.seed}" + (f"; of several: {seeds[0]} to {seeds[-1]}" if seeds else "")),
    ]
    return _of_configuration(result.config, label, arguments, facts)


def of_sizing(result: SizingResult, label: str) -> Reproduction:
    """Return how a sizing is made again."""
    facts = [("model", result.model_version or NOT_RECORDED), ("simulations", f"{result.simulations:,}")]
    words = "The sizing with its base in one file"
    return again(
        words, yaml_name(label, "sizing"), config_text(result.source), ["size", FILE, "--report", PAGE], facts_of(facts)
    )


def of_search(found: LoadSearch, label: str) -> Reproduction:
    """Return how a search over the load is made again."""
    facts = [("model", found.model_version or NOT_RECORDED), ("simulations", f"{found.simulations:,}")]
    asked = [f"--{name}={value}" for name, value in found.asked.items()]
    arguments = ["search", FILE, "--kind", found.kind, *asked]
    return _of_configuration(found.config, label, arguments, facts)


def of_curves(found: Curves, label: str) -> Reproduction:
    """Return how a comparison over several values is made again."""
    asked = [point for point in found.points if point.is_asked]
    over = f"{found.over}={','.join(f'{point.value:g}' for point in asked)}"
    facts = [("values", f"{len(asked)}"), ("seed", f"{found.config['run']['seed']}")]
    arguments = ["compare", FILE, "--over", over]
    return _of_configuration(found.config, label, arguments, facts)


def _of_configuration(
    config: Mapping[str, Any], label: str, arguments: Sequence[str], facts: Sequence[tuple[str, str]]
) -> Reproduction:
    """Return how to reproduce what was found for one configuration."""
    words = "The whole configuration, every default and preset written out, in one file"
    name = yaml_name(label, "configuration")
    return again(words, name, config_text(config), [*arguments, "--report", PAGE], facts_of(facts))


def yaml_name(label: str, otherwise: str) -> str:
    """Return a file's name made from a run's label, without its `--set` part."""
    stem = label.split(",", maxsplit=1)[0].strip().removesuffix(".yaml").removesuffix(".yml")
    return f"{stem or otherwise}.yaml"


def _model_of(result: Result) -> str:
    versions: Mapping[str, Any] = {} if result.host_run is None else result.host_run.versions
    return str(versions.get("model") or versions.get("hwmodel") or NOT_RECORDED)
