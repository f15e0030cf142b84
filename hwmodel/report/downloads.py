"""Figures and their data as files inside the page: links with data: URIs, which need neither network nor script."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_PLAIN_UP_TO_BYTES = 256 << 10
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
    """Return rows as CSV; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


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
