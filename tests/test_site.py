"""The documentation site: it builds strictly, asks nobody outside for anything, and what it generates is current."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbformat.v4 import new_output

import hwmodel
from docs_site import hooks
from docs_site.notebook_page import NotebookPage, fenced, with_streams_joined
from docs_site.pictures import FOLDER, PICTURES
from docs_site.tables import TABLES, current
from hwmodel.cli.arguments import build_parser
from tests import chromium

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
NOTEBOOK = DOCS / "first_study.ipynb"
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
# What a browser fetches as soon as it sees the tag, and the attribute that says from where.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "image": "href"}
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Written by hand, in a folder, generated with tables, from docstrings, from a notebook.
OF_EACH_KIND = ["index.html", "guide/first_run.html", "configuration.html", "python.html", "first_study.html"]


class Tags(HTMLParser):
    """Collects what a page fetches, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found["id"] or ""} if "id" in found else set()
        if FETCHED.get(tag) in found and found.get("rel") != "canonical":
            self.fetched.append(found[FETCHED[tag]] or "")


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does."""
    options = re.search(r"mkdocs (build .*)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert options is not None
    command = [sys.executable, "-m", "mkdocs", *options[1].split(), "--config-file", str(config)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    command += ["--site-dir", str(site)]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_site_builds_stands_alone_and_has_every_public_name(tmp_path, request):
    """One test, because the site is built once; the notebook runs in the build."""
    site = tmp_path / "site"
    done = build(ROOT / "mkdocs.yml", site)
    assert done.returncode == 0, done.stderr

    pages = {path.relative_to(site).as_posix(): Tags(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert {"index.html", "architecture.html", "guide/first_run.html", "first_study.html"} <= set(pages)
    assert [url for tags in pages.values() for url in tags.fetched if "//" in url] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(url\(["']?|@import\s+["'])(https?:)?//""", sheet.read_text("utf-8")), sheet

    assert {f"hwmodel.{name}" for name in public_names()} <= pages["python.html"].anchors

    study = (site / "first_study.html").read_text("utf-8")
    assert "13.39" in study and "first_study_1.svg" in study and (site / "first_study_1.svg").is_file()
    assert (site / "repository" / "configs" / "wire_only.yaml").is_file()

    if chromium.COMMAND is not None:
        # What each page fetches is checked above. A browser also runs scripts, which are the same on pages of a kind.
        is_night = request.config.getoption("--hypothesis-profile") == "nightly"
        opened = sorted(pages) if is_night else OF_EACH_KIND
        asked, console = chromium.open_site(site, opened, tmp_path)
        assert {f"/{name}" for name in opened} <= set(asked)
        assert len(console) == 1 and chromium.PLANTED in console[0], console


@pytest.mark.parametrize("fault", ["[x](no_page.md)", "[x](index.md#no-anchor)", "[x](/absolute.md)", None])
def test_a_link_that_leads_nowhere_fails_the_build(fault, tmp_path):
    """By the settings of the site, without what takes it time."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Page\n\n{fault}\n", encoding="utf-8")
    settings = f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nhooks: []\nplugins: []\nnav: [index.md]\n"
    (tmp_path / "mkdocs.yml").write_text(settings + "theme: {name: mkdocs}\nextra_css: []\n", encoding="utf-8")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert (done.returncode == 0) == (fault is None), done.stderr


def public_names() -> list[str]:
    return [name for name in hwmodel.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", public_names())
def test_each_public_name_is_documented_and_in_the_reference(name):
    assert inspect.getdoc(getattr(hwmodel, name))
    assert f"::: hwmodel.{name}\n" in (DOCS / "python.md").read_text(encoding="utf-8")


def test_names_in_the_reference_exist():
    for path in re.findall(r"^::: ([\w.]+)$", (DOCS / "python.md").read_text(encoding="utf-8"), re.MULTILINE):
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_the_command_line_reference_has_every_command_and_option():
    text = TABLES["command_line.md"]()
    (commands,) = (one for one in build_parser()._actions if hasattr(one, "choices") and isinstance(one.choices, dict))
    for name, parser in commands.choices.items():
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        options = re.findall(r"--[a-z-]+", parser.format_help())
        assert section and set(options) - {"--help"} <= set(re.findall(r"--[a-z-]+", section))


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_pages_are_current(name):
    assert (DOCS / name).read_text(encoding="utf-8") == current(name), "write them anew: python -m docs_site.tables"


def test_the_pictures_are_current():
    for name, draw in PICTURES.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == draw(), "write them anew: python -m docs_site.pictures"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page):
    """Files alone; the site's build knows the anchors."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


SEARCHED = """
    post doorbell write-back-batch TLP MPS MRRS RCB credit DLLP saturating pool VSI VEB VEPA S-channel VIF VN-Tag E-TAG
    tail-drop head-of-line-blocking flow-cache IOTLB ITR FLR prefetch stage phase interval ring-size SR-IOV VMDq
"""


@pytest.mark.parametrize("word", SEARCHED.split())
def test_a_word_of_the_field_is_a_heading_of_the_glossary_with_a_page(word):
    """The search of the site puts what stands in a heading first."""
    entries = re.split(r"(?m)^### ", (DOCS / "glossary.md").read_text(encoding="utf-8"))[1:]
    said = {entry.partition("\n")[0].lower().replace(" ", "-"): entry for entry in entries}
    (entry,) = (text for head, text in said.items() if word.lower() in head.split(",-"))
    assert LINK.search(entry)


@pytest.mark.parametrize("words", ["ring and its size", "MPS, MRRS, RCB", "VN-Tag, E-TAG", "95 % intervals"])
def test_a_page_with_the_rules_has_a_heading_that_is_searched_for(words):
    headings = [line for page in MARKDOWN for line in page.read_text("utf-8").splitlines() if re.match("#{2,3} ", line)]
    assert any(words in heading for heading in headings)


def test_the_notebook_is_stored_without_what_it_shows():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_texts_lose_the_colours_of_a_terminal():
    assert fenced("a\x1b[31mb\x1b[0m\n") == "```text\nab\n```"
    assert NotebookPage.name_of("study.ipynb") == "study.md"


def test_links_out_of_the_pages_are_found_and_moved():
    text = "[a](../configs/x.yaml) [b](bridge.md#ports) [c](https://example.org/../y) [d](../../README.md)"
    assert list(hooks.outside_targets("loads.md", text)) == ["configs/x.yaml", "../README.md"]
    assert list(hooks.outside_targets("guide/loads.md", text)) == ["README.md"]
    assert hooks.change_links(text, lambda target: f"<{target}>").count("<") == 3
    assert hooks.relative("repository/configs/x.yaml", "guide/loads.md") == "../repository/configs/x.yaml"
    assert hooks.relative("first_study.md", "index.md") == "first_study.md"


def test_what_cells_show_becomes_markdown():
    page = NotebookPage()
    picture = new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "a figure"})
    assert page.shown(picture, "study") == "![What the cell draws](study_1.svg)"
    assert page.shown(picture, "study") == "![What the cell draws](study_2.svg)"
    assert page.files == {"study_1.svg": "<svg/>", "study_2.svg": "<svg/>"}
    assert "<b>x</b>" in page.shown(new_output("execute_result", {"text/html": "<b>x</b>", "text/plain": "x"}), "study")
    assert page.shown(new_output("execute_result", {"text/plain": "x"}), "study") == fenced("x")
    printed = [new_output("stream", text="a\n"), picture, new_output("stream", text="b\n")]
    joined = with_streams_joined(printed)
    assert [one.output_type for one in joined] == ["stream", "display_data"]
    assert page.shown(joined[0], "study") == "```text\na\nb\n```"


def worst_and_median(kinds: tuple[str, ...]) -> tuple[float, float]:
    """Read the table of errors: the worst figure of some kinds, and the largest of their medians."""
    text = (DOCS / "validation.md").read_text(encoding="utf-8").partition("## Errors")[2].partition("## Figures")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    chosen = [row for row in rows if row[0].startswith(kinds)]
    return max(abs(float(row[4])) for row in chosen), max(float(row[3]) for row in chosen)


@pytest.mark.parametrize(
    ("page", "word", "kinds"),
    [
        ("docs/guide/assumptions.md", "size", ("by size",)),
        ("docs/guide/assumptions.md", "window", ("windows",)),
        ("docs/guide/assumptions.md", "latency", ("median latency", "p99.9")),
        ("README.md", "size", ("by size",)),
        ("README.md", "latency", ("median latency", "p99.9")),
    ],
)
def test_quoted_bounds_are_those_of_the_validation(page, word, kinds):
    quoted = dict(re.findall(r"<!-- ([a-z ]+) -->([\d.]+) %", (ROOT / page).read_text(encoding="utf-8")))
    worst, median = worst_and_median(kinds)
    assert float(quoted[f"worst {word}"]) == worst
    assert float(quoted.get(f"worst {word} median", median)) == median
