"""Pictures of pages: SVG in the report's style, the same bytes from the same figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benches.sweep_rows import ROOT
from hwmodel.report.figures import drawing_style, svg_element

FOLDER = ROOT / "docs" / "pictures"
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@contextmanager
def picture(
    name: str, n_rows: int, n_columns: int, width_in: float, height_in: float
) -> Iterator[tuple[Any, list[Any]]]:
    """Give a figure with its panels, row by row, to be drawn inside."""
    with drawing_style(name.replace("_", "-")):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, squeeze=False)
        yield figure, list(panels.flat)


def write_picture(name: str, figure: Any, title: str) -> None:
    """Write docs/pictures/NAME.svg, in one line, since a page of the site takes it in; call it inside `picture`."""
    text = svg_element(figure, name.replace("_", "-"), title)
    head = f'<svg {_NAMESPACES} style="max-width:{figure.get_figwidth() * 96:.0f}px" '
    text = text.replace("<svg ", head, 1)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(" ".join(text.split()) + "\n", encoding="utf-8")
