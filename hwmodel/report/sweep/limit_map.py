"""The map of limits: which resource sets the throughput at which values of two axes, by letter and by colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hwmodel.report.configuration import short_labels, value_text
from hwmodel.report.figures import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    drawing_style,
    new_canvas,
    svg_element,
)
from hwmodel.report.reproduction import Drawing, drawing
from hwmodel.report.sweep.reading import LIMIT, Point, Reading, SweptAxis, cut, evenly, held_values, identity
from hwmodel.results.explored import FAILED, cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MAPS = 4
FAILURE = "failed"
_COLOURS = (BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE, YELLOW)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_LETTERS, _MOST_TICKS = 24, 16
_LONGEST_NAME = 14
_LETTERS_ACROSS, _LETTER_IN = 40, 0.08  # letters of all names that fit in a row, and one letter's width in inches


class Key(NamedTuple):
    """A resource's symbol in all maps of a page: a letter, a colour, and the resource's name."""

    letter: str
    colour: str
    name: str


def limit_maps(reading: Reading) -> list[Drawing]:
    """Draw the map over the two most influential axes; with a third one, a map for each of up to four of its values."""
    if not reading.axes or reading.best is None or not any(point.limit for point in reading.done):
        return []
    across, *others = _oriented(reading.axes)
    upward, third = (others[0] if others else None), (others[1] if len(others) > 1 else None)
    held = held_values(reading.axes, reading.best, [axis.key for axis in (across, upward, third) if axis])
    plane = cut(reading.points, held)
    keys = resource_keys(plane)
    if third is None:
        return [_map(reading, plane, across, upward, keys, "m0", "")]
    values = evenly(third.values, MOST_MAPS, reading.best.axes[third.key])
    planes = [(f"{third.key}={value_text(value)}", cut(plane, {third.key: value})) for value in values]
    return [_map(reading, points, across, upward, keys, f"m{at}", held) for at, (held, points) in enumerate(planes)]


def resource_keys(points: Sequence[Point]) -> dict[str, Key]:
    """Return each resource's letter and colour, most frequent first; from the eighth on all are grey."""
    found = Counter(point.limit for point in points if point.limit)
    names = sorted(found, key=lambda name: (-found[name], name))
    keys = {}
    for at, name in enumerate(names):
        letter = _LETTERS[at] if at < len(_LETTERS) else str(at)
        keys[name] = Key(letter, _COLOURS[at] if at < len(_COLOURS) else GREY, name)
    if any(point.status == FAILED for point in points):
        keys[FAILURE] = Key("×", "#ffffff", FAILURE)
    return keys


def _oriented(axes: Sequence[SweptAxis]) -> list[SweptAxis]:
    """Put the longer of the first two axes across."""
    if len(axes) > 1 and len(axes[1].values) > len(axes[0].values):
        return [axes[1], axes[0], *axes[2:]]
    return list(axes)


def _map(
    reading: Reading, points: Sequence[Point], across: SweptAxis, upward: SweptAxis | None,
    keys: dict[str, Key], key: str, held: str,
) -> Drawing:  # fmt: skip
    columns = {identity(value): at for at, value in enumerate(across.values)}
    rows = {identity(value): at for at, value in enumerate(upward.values)} if upward else {}
    cells: dict[tuple[int, int], str] = {}
    axis_keys = [axis.key for axis in (across, upward) if axis]
    data: list[list[object]] = [[*axis_keys, LIMIT, "status"]]
    for point in points:
        name = FAILURE if point.status == FAILED else point.limit
        data.append([*(cell(point.axes[one]) for one in axis_keys), point.limit, point.status])
        if name:
            row = rows[point.places[upward.key]] if upward else 0
            cells[row, columns[point.places[across.key]]] = name
    title = "What limits the throughput" + (f", {held}" if held else "")
    svg = _figure(key, cells, across, upward, keys, title)
    return drawing(svg, title, data, f"{reading.sweep.name} limits {held}")


def _figure(
    key: str, cells: dict[tuple[int, int], str], across: SweptAxis, upward: SweptAxis | None,
    keys: dict[str, Key], title: str,
) -> str:  # fmt: skip
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Patch

    n_rows, n_columns = len(upward.values) if upward else 1, len(across.values)
    shown = [keys[name] for name in keys if name in set(cells.values())]
    with drawing_style(key):
        (places, names), (rows, row_names) = _ticks(across), _ticks(upward)
        turned = sum(map(len, names)) > _LETTERS_ACROSS
        rows_in = max(min(3.2, 0.34 * n_rows), _LETTER_IN * len(upward.key if upward else ""))
        labels_in = _LETTER_IN * max(map(len, names)) if turned else 0.2
        figure, axes = new_canvas(0.7 + rows_in + labels_in + 0.2 * -(-len(shown) // 3))
        colours = np.zeros((n_rows, n_columns, 4))  # transparent where no point is
        for place, name in cells.items():
            colours[place] = to_rgba(keys[name].colour)
        axes.imshow(colours, aspect="auto", interpolation="none", origin="lower")
        _letters(axes, cells, keys, n_rows, n_columns)
        axes.set_xticks(places, names, rotation=90 if turned else 0)
        axes.set_yticks(rows, row_names)
        axes.grid(visible=False)
        axes.set_xlabel(across.key)
        axes.set_ylabel(upward.key if upward else "")
        handles = [Patch(facecolor=one.colour, edgecolor="#777777", linewidth=0.5) for one in shown]
        words = [f"{one.letter}  {name}" for one, name in
                 zip(shown, short_labels([one.name for one in shown], 22), strict=True)]  # fmt: skip
        figure.legend(handles, words, loc="outside lower center", ncols=3, frameon=False, fontsize=8, handlelength=1)
        return svg_element(figure, key, title)


def _letters(axes: Axes, cells: dict[tuple[int, int], str], keys: dict[str, Key], rows: int, columns: int) -> None:
    """Write the letters into the cells, of a fine map into some of them."""
    row_step, column_step = -(-rows // _MOST_LETTERS), -(-columns // _MOST_LETTERS)
    for (row, column), name in sorted(cells.items()):
        if row % row_step == row_step // 2 and column % column_step == column_step // 2:
            one = keys[name]
            ink = "#ffffff" if one.colour in DARK else "#000000"
            text = axes.text(column, row, one.letter, ha="center", va="center", color=ink, fontsize=8)
            text.set_in_layout(False)  # they are inside anyway, and hundreds take seconds to lay out


def _ticks(axis: SweptAxis | None) -> tuple[list[int], list[str]]:
    """Return the positions of an axis's labels, thinned out if many, and the labels."""
    places = range(0, len(axis.values), -(-len(axis.values) // _MOST_TICKS)) if axis else range(0)
    return list(places), short_labels([axis.names[at] for at in places] if axis else [], _LONGEST_NAME)
