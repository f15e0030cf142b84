"""Draw the pictures of docs/pictures: boxes in rows with arrows, as SVG that is readable on light and on dark ground.

`python -m docs_site.pictures` writes them; a test keeps them current. Lines and words have the colour of the text
around them, `currentColor`, and fills are a hint of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
# Opened by itself the picture has to bring colours; within a page the page's own rule is stronger (docs/site.css).
_STYLE = (
    ".flow{color:#222;font:14px sans-serif}"
    "@media(prefers-color-scheme:dark){.flow{color:#ddd}}"
    ".flow text{fill:currentColor;text-anchor:middle}"
    ".flow .name{font-weight:bold}"
    ".flow .box{fill:currentColor;fill-opacity:.07;stroke:currentColor;stroke-opacity:.55}"
    ".flow .file{stroke-dasharray:5 3}"
    ".flow .way{fill:none;stroke:currentColor;stroke-width:1.5}"
    ".flow .head{fill:currentColor}"
)
_LINE = 17


@dataclass(frozen=True)
class Box:
    """A box: its place and size in pixels, its name, the lines below it; `is_file`: what is read or written."""

    x: int
    y: int
    width: int
    height: int
    name: str
    lines: Sequence[str] = ()
    is_file: bool = False

    def drawn(self) -> str:
        """Return the box with its words in the middle."""
        centre = self.x + self.width / 2
        first = self.y + self.height / 2 - _LINE * len(self.lines) / 2 + 5
        rows = [("name", self.name), *(("line", line) for line in self.lines)]
        words = "".join(
            f'<text class="{kind}" x="{centre:g}" y="{first + _LINE * at:g}">{escape(row)}</text>'
            for at, (kind, row) in enumerate(rows)
        )
        kind = "box file" if self.is_file else "box"
        size = f'width="{self.width}" height="{self.height}" rx="6"'
        return f'<rect class="{kind}" x="{self.x}" y="{self.y}" {size}/>{words}'


@dataclass(frozen=True)
class Arrow:
    """An arrow along points."""

    points: Sequence[tuple[float, float]]

    def drawn(self) -> str:
        """Return the line and its head."""
        (x0, y0), (x, y) = self.points[-2:]
        length = max(abs(x - x0), abs(y - y0)) or 1
        along_x, along_y = (x - x0) / length * 8, (y - y0) / length * 8
        back_x, back_y = x - along_x, y - along_y
        corners = ((x, y), (back_x - along_y / 2, back_y + along_x / 2), (back_x + along_y / 2, back_y - along_x / 2))
        head = " ".join(f"{corner_x:g},{corner_y:g}" for corner_x, corner_y in corners)
        way = " ".join(f"{one_x:g},{one_y:g}" for one_x, one_y in (*self.points[:-1], (back_x, back_y)))
        return f'<polyline class="way" points="{way}"/><polygon class="head" points="{head}"/>'


def picture(width: int, height: int, title: str, parts: Sequence[Box | Arrow]) -> str:
    """Return an SVG document of boxes and arrows, in one line so that Markdown takes it as it is."""
    drawn = "".join(part.drawn() for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}"><title>{escape(title)}</title><style>{_STYLE}</style>{drawn}</svg>\n'
    )


def data_flow() -> str:
    """Draw how a configuration becomes figures: files, and the packages between them."""
    boxes = {
        "file": Box(10, 20, 150, 56, "configuration", ("YAML, --set",), is_file=True),
        "config": Box(210, 20, 170, 56, "config", ("checked, with defaults",)),
        "workload": Box(430, 20, 170, 56, "workload", ("who sends what, when",)),
        "wire": Box(650, 20, 140, 56, "wire", ("headers, captures",)),
        "analytic": Box(210, 130, 170, 74, "analytic", ("the closed form,", "without the machine")),
        "simulation": Box(430, 130, 170, 74, "simulation", ("state in, window,", "figures out")),
        "machine": Box(650, 130, 140, 74, "machine", ("compiled: events", "in femtoseconds")),
        "explore": Box(10, 130, 150, 74, "explore", ("the same again with", "one thing altered")),
        "results": Box(320, 258, 170, 56, "results", ("frozen records",)),
        "json": Box(10, 258, 150, 56, "result", ("JSON",), is_file=True),
        "report": Box(580, 258, 210, 56, "words, report", ("summary, notebook; pages",)),
    }
    arrows = [
        Arrow(((160, 48), (210, 48))),
        Arrow(((380, 48), (430, 48))),
        Arrow(((720, 76), (720, 100), (540, 100), (540, 76))),
        Arrow(((295, 76), (295, 130))),
        Arrow(((515, 76), (515, 130))),
        Arrow(((600, 158), (650, 158))),
        Arrow(((650, 182), (600, 182))),
        Arrow(((430, 167), (380, 167))),
        Arrow(((350, 204), (350, 258))),
        Arrow(((460, 204), (460, 258))),
        Arrow(((490, 286), (580, 286))),
        Arrow(((320, 278), (160, 278))),
        Arrow(((160, 296), (320, 296))),
        Arrow(((85, 130), (85, 112), (450, 112), (450, 130))),
    ]
    return picture(800, 334, "From a configuration to a result and its report", [*boxes.values(), *arrows])


def frame_way() -> str:
    """Draw the way of a frame from one VM to another: twice over the link, once through the switch."""
    names: Mapping[str, tuple[str, ...]] = {
        "sending VM": ("driver posts,", "rings the doorbell"),
        "Tx ring": ("descriptors", "fetched in batches"),
        "PCIe, down": ("read completions:", "payload comes in"),
        "Tx buffer": ("until the switch", "takes the frame"),
        "switch": ("the decision:", "who gets a copy"),
    }
    back: Mapping[str, tuple[str, ...]] = {
        "receiving VM": ("interrupt or poll,", "takes the frame"),
        "Rx ring": ("write-back of the", "descriptor"),
        "PCIe, up": ("writes: payload", "goes to memory"),
        "Rx buffer": ("until a descriptor", "is there"),
        "wire": ("bridge, other", "servers"),
    }
    rows = [
        [Box(10 + 160 * at, y, 135, 78, name, lines) for at, (name, lines) in enumerate(row.items())]
        for y, row in ((20, names), (150, back))
    ]
    arrows = [Arrow(((145 + 160 * at, 59), (170 + 160 * at, 59))) for at in range(4)]
    arrows += [Arrow(((170 + 160 * at, 189), (145 + 160 * at, 189))) for at in range(3)]
    arrows += [
        Arrow(((690, 98), (690, 124), (558, 124), (558, 150))),
        Arrow(((735, 98), (735, 150))),
        Arrow(((650, 189), (625, 189))),
    ]
    return picture(800, 248, "The way of a frame from one VM to another", [*rows[0], *rows[1], *arrows])


PICTURES = {"data_flow.svg": data_flow, "frame_way.svg": frame_way}


def main() -> None:
    """Write all pictures."""
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
