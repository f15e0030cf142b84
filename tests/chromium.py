"""Pages in headless Chromium: what their layout measures at several widths, what the console says, how they print."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape, unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

COMMAND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PLANTED = "http://outside.test/planted.png"
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--enable-logging=stderr",
)
_FRAME = '<iframe id="{name}" style="border:0" width="{width}" height="900" srcdoc="{page}"></iframe>'
# Runs in the page that holds the frames: lists whatever is wider than its place, or outside of its drawing.
_MEASURE = """
function inside(inner, outer) {
  return inner.left >= outer.left - 1 && inner.right <= outer.right + 1 &&
         inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
}
function measure(frame) {
  const page = frame.contentDocument, found = [], root = page.documentElement;
  if (root.scrollWidth > frame.clientWidth) found.push("page: " + root.scrollWidth + " px");
  for (const wide of page.querySelectorAll(".wide, pre"))
    if (wide.scrollWidth > wide.clientWidth) found.push("scrolls: " + wide.textContent.trim().slice(0, 40));
  for (const text of page.querySelectorAll("svg text")) {
    const place = text.closest("g.part")?.querySelector(".box") ?? text.closest("svg");
    const box = text.getBoundingClientRect();
    if (box.width && !inside(box, place.getBoundingClientRect())) found.push("outside: " + text.textContent);
  }
  const drawn = [...page.querySelectorAll("svg.datapath")].filter(one => one.getBoundingClientRect().width);
  return {found: found, drawings: drawn.map(one => one.classList[1]), asked: ask(page)};
}
onload = () => {
  const all = Object.fromEntries([...document.querySelectorAll("iframe")].map(frame => [frame.id, measure(frame)]));
  document.body.innerHTML = "<pre id=measured></pre>";
  document.getElementById("measured").textContent = JSON.stringify(all);
};
"""


class Layout(NamedTuple):
    """What was measured of each frame by its name, and all that the pages wrote to the console."""

    frames: dict[str, dict[str, list[str]]]
    console: list[str]


class Word(NamedTuple):
    """A word on a printed page and where it stands, in points from the upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


class Sheet(NamedTuple):
    """A printed page: its size in points and its words."""

    width: float
    height: float
    words: list[Word]

    def last_line(self) -> str:
        """Return the text that stands lowest."""
        lowest = max(self.words, key=lambda word: word.bottom)
        return " ".join(word.text for word in self.words if word.bottom > lowest.bottom - 2)


def lay_out(frames: Mapping[str, tuple[str, int]], folder: Path, ask: str = "[]") -> Layout:
    """Lay pages out in one browser, each (HTML, width in pixels) in a frame of its own.

    `ask`: an expression of JavaScript, a list of texts of what is done and seen in each `page`; it stands in `asked`.
    """
    body = "".join(
        _FRAME.format(name=name, width=width, page=escape(page, quote=True)) for name, (page, width) in frames.items()
    )
    harness = folder / "frames.html"
    script = f"{_MEASURE}\nfunction ask(page) {{ return {ask}; }}"
    harness.write_text(f"<!DOCTYPE html><meta charset=utf-8><script>{script}</script><body>{body}", encoding="utf-8")
    done = _run(folder, "--window-size=1400,1000", "--dump-dom", harness.as_uri())
    measured = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert measured is not None, done.stderr
    return Layout(json.loads(unescape(measured[1])), [line for line in done.stderr.splitlines() if ":CONSOLE" in line])


def print_page(page: str, folder: Path) -> list[Sheet]:
    """Print a page to PDF and return its sheets."""
    source, printed, boxes = folder / "page.html", folder / "page.pdf", folder / "page.xml"
    source.write_text(page, encoding="utf-8")
    _run(folder, f"--print-to-pdf={printed}", source.as_uri())
    subprocess.run(["pdftotext", "-bbox", printed, boxes], check=True, timeout=60)
    space = "{http://www.w3.org/1999/xhtml}"
    sheets = []
    for sheet in ElementTree.parse(boxes).iter(f"{space}page"):
        words = [
            Word(word.text or "", *(float(word.get(name, "0")) for name in ("xMin", "yMin", "xMax", "yMax")))
            for word in sheet.iter(f"{space}word")
        ]
        sheets.append(Sheet(float(sheet.get("width", "0")), float(sheet.get("height", "0")), words))
    return sheets


def open_site(site: Path, pages: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """Open pages of a site from a server; return the paths that were asked for, and what the console says.

    The server forbids whatever is not its own, so the console names each thing that a page wants from elsewhere. The
    page that holds the others wants `PLANTED`.
    """
    asked: list[str] = []

    class Server(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:")
            super().end_headers()

        def log_message(self, *_said: object) -> None:
            asked.append(urlsplit(self.path).path)

    frames = "".join(f'<iframe width=1200 height=900 src="{page}"></iframe>' for page in pages)
    holder = f'<!DOCTYPE html><link rel=icon href="data:,"><body><img src="{PLANTED}">{frames}'
    (site / "all_pages.html").write_text(holder, encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = _run(folder, "--dump-dom", f"http://127.0.0.1:{server.server_port}/all_pages.html")
        server.shutdown()
    return asked, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert COMMAND is not None
    command = [COMMAND, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
