"""From a matplotlib figure to an SVG element that may stand in a page: reproducible, without ids in common, themed."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hwmodel.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours that occur nowhere else stand for the page's own: a dark page then needs no second figure.
INK = "#010203"
GRID = "#040506"
PANEL = "#070809"
_THEMED = ((INK, "currentColor"), (GRID, "var(--grid, #aaa)"), (PANEL, "var(--panel, #fff)"))

# Okabe and Ito, Color Universal Design, 2008 (told apart with any colour vision), without black, and a grey.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILION, YELLOW, GREY = "#56b4e9", "#d55e00", "#f0e442", "#999999"

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and takes a fifth of the bytes
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # a name may hold dollar signs
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
}
_ID = re.compile(r'\bid="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)')
_NAMESPACE = re.compile(r'\s+xmlns(?::\w+)?="[^"]*"')
_FONT_FAMILY = re.compile(r"'DejaVu Sans'(?:, sans-serif)?")


@contextmanager
def drawing_style(key: str) -> Iterator[None]:
    """Draw inside with the report's style, whatever the user's matplotlib settings; `key` seeds the ids.

    Raises InputError with the cure where matplotlib is not installed.
    """
    try:
        import matplotlib  # optional, and slow to import
    except ImportError:
        raise InputError(missing_extra("matplotlib")) from None
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing.*")  # the reader's fonts will have it
        matplotlib.rcdefaults()
        settings: Any = {**_STYLE, "svg.hashsalt": key}
        matplotlib.rcParams.update(settings)
        yield


def missing_extra(package: str) -> str:
    """Return the line that tells how to install what reports need."""
    return f"the HTML report needs the package {package}, which is not installed (pip install 'hwmodel[report]')"


def svg_element(figure: Figure, key: str, title: str) -> str:
    """Return a figure as an `<svg>` element for use inside HTML; call it inside `drawing_style(key)`.

    No date, no metadata, no namespaces (HTML knows SVG without), ids prefixed by `key` so that several figures can
    share a page, colours INK, GRID and PANEL replaced by the page's. `title` is read out by screen readers.
    """
    from xml.sax.saxutils import escape

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    document = buffer.getvalue()
    text = document[document.index("<svg") :].rstrip()
    head_end = text.index(">") + 1
    head = _NAMESPACE.sub("", text[:head_end])
    head = re.sub(r' (?:width|height)="[^"]*"', "", head).replace("<svg", '<svg role="img" class="figure"', 1)
    body = _ID.sub(lambda match: f'id="{key}-{match[1]}"', text[head_end:])
    body = _REFERENCE.sub(lambda match: f"{match[1]}{key}-", body)
    body = _FONT_FAMILY.sub("sans-serif", body)
    for marker, themed in _THEMED:
        body = body.replace(marker, themed)
    return f"{head}<title>{escape(title)}</title>{body}\n"
