"""What the pictures of a page are made of: boxes with figures and a meter, arrows, frames; hand-written SVG.

Colours come from the page's style sheet, by class, so that a picture follows a dark page and print; every figure stands
in it as text, so that no meaning hangs on a colour.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import escape

from hwmodel.words.datapath_parts import Part

BUSY_FROM, FULL_FROM = 0.5, 0.9


class Place(NamedTuple):
    """Where a box stands in its picture."""

    x: float
    y: float
    width: float
    height: float


def marker(key: str) -> str:
    """Return the definition of the arrows' heads, `{key}-a`, which each picture has once."""
    return (
        f'<defs><marker id="{key}-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" class="arrowhead"/></marker></defs>'
    )


def frame(place: Place, caption: str) -> str:
    """Draw the outline of what holds several boxes, its name inside at the top."""
    x, y, width, height = place
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="9" class="frame"/>'
        f'<text x="{x + 10:g}" y="{y + 17:g}" class="caption">{caption}</text>'
    )


def arrow(start: Place, end: Place, head: str, both: bool = False) -> str:
    """Draw an arrow between the facing sides of two boxes, where the smaller one has its middle."""
    if start.x + start.width <= end.x or end.x + end.width <= start.x:
        forward = start.x < end.x
        x1, x2 = (start.x + start.width, end.x) if forward else (start.x, end.x + end.width)
        small = min(start, end, key=lambda place: place.height)
        y1 = y2 = small.y + small.height / 2
    else:
        forward = start.y < end.y
        y1, y2 = (start.y + start.height, end.y) if forward else (start.y, end.y + end.height)
        small = min(start, end, key=lambda place: place.width)
        x1 = x2 = small.x + small.width / 2
    ends = f' marker-start="url(#{head})"' if both else ""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" class="arrow" marker-end="url(#{head})"{ends}/>'


def box(place: Place, part: Part, is_limit: bool) -> str:
    """Draw a part: its title, its figures, a meter where it has a share, and a mark where it is the limit."""
    x, y, width, height = place
    left = x + 12
    classes = f"part {level(part.share)}{' limit' if is_limit else ''}"
    rows = [f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" class="box"/>']
    rows.append(f'<text x="{left:g}" y="{y + 23:g}" class="title">{escape(part.title)}</text>')
    rows += [
        f'<text x="{left:g}" y="{y + 43 + 18 * index:g}" class="figure">{escape(line)}</text>'
        for index, line in enumerate(line for line in part.lines if line)
    ]
    if part.share is not None:
        rows.append(meter(Place(left, y + height - 15, width - 24, 6), part.share))
    if is_limit:
        rows.append(f'<text x="{x + width - 10:g}" y="{y + 23:g}" class="flag">limit</text>')
    return f'<g class="{classes}">{"".join(rows)}</g>'


def meter(place: Place, share: float) -> str:
    """Draw a rail, filled as far as a share says."""
    x, y, width, height = place
    filled = width * min(1.0, max(0.0, share))
    shape = f'height="{height:g}" rx="{height / 2:g}"'
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" {shape} class="rail"/>'
        f'<rect x="{x:g}" y="{y:g}" width="{filled:.4g}" {shape} class="meter"/>'
    )


def level(share: float | None) -> str:
    """Return the class that colours a share."""
    if share is None:
        return "unknown"
    return "full" if share >= FULL_FROM else "busy" if share >= BUSY_FROM else "calm"
