"""The page of a sweep as a file: self-contained, safe, the same twice, small for many points, and in a browser."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import pytest

from hwmodel.cli import main, study_commands
from hwmodel.explore.sweep import point_run
from hwmodel.explore.sweep import run as run_module
from hwmodel.report import SWEEP_PAGE_FIGURES, render_sweep_page
from hwmodel.report import sweep as parts
from hwmodel.report.figures import ORANGE
from hwmodel.report.reproduction import csv_text, file_name, svg_file
from hwmodel.report.sweep.curves import CurveAxis, DrawnLine, curve_figure
from hwmodel.report.sweep.reading import Estimate
from hwmodel.report.sweep.result import SweepResult
from tests import chromium
from tests.sample_sweep import FRAME, LANES, figures_of, sample_sweep
from tests.sweep_cases import instead_of_a_run, written
from tests.test_report_html import Page

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=http://x/y onerror=alert(1)>',
    "$x_{1}$ & 'y'",
    "_\u202e\x1b[2Jz",
)
FILE = re.compile(r'<a download="([^"]*)" href="data:([^;"]*)(?:;charset=utf-8)?;base64,([^"]*)">')


@pytest.fixture(scope="module")
def sweep() -> SweepResult:
    return sample_sweep({LANES: (1, 2, 4, 8), FRAME: (64, 256, 1518)}, n_seeds=2, failures={4: "no room", 5: "no room"})


@pytest.fixture(scope="module")
def text(sweep) -> str:
    return render_sweep_page(sweep)


def files_of(text: str) -> dict[str, tuple[str, str]]:
    """Return each file that the page holds: its type and content by its name."""
    files = {name: (kind, base64.b64decode(content)) for name, kind, content in FILE.findall(text)}
    return {
        name: (kind, (gzip.decompress(content) if kind == "application/gzip" else content).decode())
        for name, (kind, content) in files.items()
    }


def test_the_page_is_well_formed_and_loads_nothing(text):
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>") and len(page.ids) == len(set(page.ids)) and page.handlers == []
    outside = [load for load in page.loads if not load.startswith(("#", "data:"))]
    assert outside == [] and "http:" not in re.sub(r'base64,[^"]*|xmlns\S*', "", text)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)


def test_only_its_own_script_may_run(text):
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in text


def test_the_page_is_the_same_twice_wherever_it_is_made_and_from_the_figures_that_it_names_alone(sweep, text):
    rows = tuple(
        replace(row, figures={name: value for name, value in row.figures.items() if name in SWEEP_PAGE_FIGURES})
        for row in sweep.rows
    )
    assert render_sweep_page(replace(sweep, rows=rows, folder="/elsewhere")) == text


def test_each_figure_is_there_as_svg_and_as_csv(sweep, text):
    files = files_of(text)
    assert text.count("<figure>") == 8 + 1 + 1  # four figures along each axis, the map, the trade-off
    drawings = [content for kind, content in files.values() if kind == "image/svg+xml"]
    assert len(drawings) == 10 and len([name for name in files if name.endswith(".csv")]) == 11
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("width", "").endswith("pt")
    rows = list(csv.DictReader(io.StringIO(files["lanes_yaml_throughput_to_VMs_by_pcie_lanes.csv"][1])))
    assert len(rows) == 11  # twelve points, of which one failed
    for row in rows:
        figures = figures_of(int(row[LANES]), int(row[FRAME]))
        assert float(row["totals.gbps"]) == pytest.approx(1.01 * figures["totals.gbps"])
        assert float(row["closed_form.gbps"]) == pytest.approx(figures["closed_form.gbps"])


def test_what_is_read_without_a_script(text):
    page = Page(text.replace("<wbr>", ""))
    words = " ".join(" ".join(page.texts).split())
    for part in ("Along pcie.lanes", "Which resource limits where", "The trade-off", "failed: no room",
                 "hwmodel sweep lanes.yaml --out lanes --report lanes.html", "0123456789abcdef",
                 "0.1.0+3f9a5c21d07e", "No TLP is ever repeated", "docs/datapath/approximations.md"):  # fmt: skip
        assert part in words
    assert "button" not in page.tags


def test_names_and_errors_cannot_break_out():
    axes = {LANES: (1, 2), "driver.preset": HOSTILE}
    made = sample_sweep(axes, failures={1: HOSTILE[0], 2: HOSTILE[1]}, name=f"{HOSTILE[1]}.yaml")
    text = render_sweep_page(replace(made, base={"nic": {HOSTILE[0]: HOSTILE[1]}}, model_version=HOSTILE[0]))
    page = Page(text)
    assert page.tags.count("script") == 1 and "img" not in page.tags and page.handlers == []
    shown = unescape(text)
    assert HOSTILE[0] in shown and "\x1b" not in text and "\u202e" not in text
    assert all(re.fullmatch(r"[A-Za-z0-9_]+\.(svg|csv|yaml)", name) for name in files_of(text))


@pytest.mark.parametrize(
    "axes",
    [
        {},
        {"driver.preset": ("dpdk", "kernel")},
        {LANES: (1, 2), FRAME: (64, 65), "nic.vfs": (1, 2), "driver.preset": ("a", None)},
    ],
)
def test_one_point_names_and_four_axes_have_a_page(axes):
    text = render_sweep_page(sample_sweep(axes, n_seeds=2))
    assert Page(text).tags.count("tr") > 1 and ("Most throughput" in text) == bool(axes)


@pytest.mark.slow
@pytest.mark.nightly
def test_ten_thousand_points_are_a_page_of_a_few_megabytes():
    lanes, frames = range(1, 101), range(64, 1564, 15)
    text = render_sweep_page(
        sample_sweep({LANES: lanes, FRAME: frames}, failures={n: "no" for n in range(0, 10_000, 50)})
    )
    assert len(text.encode()) < 3_000_000
    body = re.search(r'<table class="sortable.*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert body is not None and body[1].count("<tr") == 1000 and body[1].count("failed: no") == 100
    rows = list(csv.DictReader(io.StringIO(files_of(text)["lanes_yaml_points.csv.gz"][1])))
    assert len(rows) == 10_000 and sum(row["status"] == "failed" for row in rows) == 200
    at = next(row for row in rows if (row[LANES], row[FRAME]) == ("3", "79"))
    assert float(at["totals.gbps"]) == pytest.approx(figures_of(3, 79)["totals.gbps"])


def test_of_many_points_the_best_are_in_the_table(monkeypatch, sweep):
    monkeypatch.setattr(parts.page, "MOST_POINT_ROWS", 4)
    table = parts.page.point_table(parts.reading.read_sweep_result(sweep))
    # The three with most throughput are those of 8 and 4 lanes at 1518 B, and of 8 lanes at 256 B; point 2 failed.
    assert [row.cells[0].text for row in table.rows] == ["2", "8", "10", "11"] and table.marked == 3
    assert table.note.startswith("A figure is the mean over the seeds")
    assert "Of 12 points those 4 with most throughput, or that failed first, are shown." in table.note


def test_a_figure_has_its_lines_their_marks_and_intervals():
    """Of a line of 48 points twelve have a mark; of two points each has a bar, a name with an underscore stands too."""
    few = DrawnLine("_few", [1.0, 64.0], [Estimate(1.0, 0.9, 1.2), Estimate(2.0)], [1.1, None])
    many = DrawnLine("many", [float(x) for x in range(1, 49)], [Estimate(1.0, 0.5, 1.5)] * 48, [None] * 48)
    svg = curve_figure("k", CurveAxis("lanes", None), [few, many], "Gb/s", "t", "size", "ceiling", True)
    words = [word.strip() for word in re.findall(r">([^<>]+)</text>", svg)]
    assert {"_few", "many", "ceiling", "size", "lanes", "Gb/s"} <= set(words)
    assert len(re.findall(rf"<use[^>]*fill: {ORANGE}", svg)) == 12 + 1 + 1  # in the legend, and the band
    assert len(re.findall(r"fill-opacity: 0.25|opacity: 0.25", svg)) == 1  # the band of the many


def test_files_have_names_and_texts_that_everyone_reads():
    assert file_name("../a b/ü.yaml x.svg") == "a_b_yaml_x.svg" and file_name("<>.csv") == "sweep.csv"
    assert csv_text([("a", "b,c"), (None, 'x"y')]) == 'a,"b,c"\n,"x""y"\n'
    # What a spreadsheet would compute, or have another program compute, is a text; a number stays one.
    assert csv_text([("=1+1", "+1", "-x", "@a", "\tb"), (-1, -0.5, True, "a-b", "")]) == (
        "'=1+1,'+1,'-x,'@a,'\tb\n-1,-0.5,true,a-b,\n"
    )
    root = ElementTree.fromstring(svg_file('<svg viewBox="0 0 12.5 6"><use xlink:href="#a"/></svg>'))
    assert (root.get("width"), root.get("height")) == ("12.5pt", "6pt")


def test_a_notebook_shows_the_answer_and_the_best_points(sweep):
    tree = ElementTree.fromstring(sweep._repr_html_())
    assert (tree[0][0].tag, "Most throughput of 3 workloads, each with" in (tree[0][0].text or "")) == ("strong", True)
    rows = [[cell.text for cell in row] for row in tree.iter("tr")]
    assert rows[0] == ["point", LANES, FRAME, "Gb/s", "Mpps", "p50, µs", "p99, µs", "closed form, Gb/s", "limited by"]
    assert len(rows) == 12 and rows[1][:3] == ["11", "8", "1518"]
    failed = ElementTree.fromstring(sample_sweep(failures=dict.fromkeys(range(4), HOSTILE[0]))._repr_html_())
    assert "No run is done" in (tree_text := "".join(failed.itertext())) and HOSTILE[0] in tree_text


@pytest.fixture
def made_up_runs(monkeypatch):
    monkeypatch.setattr(point_run, "simulate", instead_of_a_run)
    monkeypatch.setattr(run_module, "fill_cache", lambda entries: None)


def test_the_commands_write_the_page(tmp_path, capsys, made_up_runs):
    source, out, page = (
        written(tmp_path, "base: base.yaml\ngrid: {pcie.lanes: [1, 2]}\n"),
        tmp_path / "out",
        tmp_path / "p.html",
    )
    assert main(["sweep", str(source), "--out", str(out), "--jobs", "1", "--report", str(page)]) == 0
    assert f"ledger.sqlite, {page}\n" in capsys.readouterr().out
    first = page.read_text(encoding="utf-8")
    assert "Most throughput: 3.52" in first and "varies in this sweep" in first
    assert main(["report", str(out), "--out", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == first and capsys.readouterr().out == f"wrote {page}\n"
    assert main(["sweep", str(source), "--out", str(out), "--jobs", "1", "--report", "-"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{out}", "{out}"], "is a folder; a sweep has a page of its own, so name nothing beside it"),
        (["{out}"], "ledger.sqlite: no such file; a sweep's folder has one"),
    ],
)
def test_a_folder_that_is_no_sweep_is_one_line(tmp_path, capsys, arguments, said):
    names = [name.format(out=tmp_path) for name in arguments]
    assert main(["report", *names, "--out", str(tmp_path / "p.html")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "p.html").exists()


def test_a_missing_package_is_told_before_anything_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(study_commands.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else name)
    source, out = written(tmp_path, "base: base.yaml\ngrid: {pcie.lanes: [1, 2]}\n"), tmp_path / "out"
    assert main(["sweep", str(source), "--out", str(out), "--report", str(tmp_path / "p.html")]) == 1
    assert "the page needs matplotlib: pip install 'hwmodel[report]'" in capsys.readouterr().err and not out.exists()


@pytest.mark.skipif(chromium.COMMAND is None, reason="no Chromium")
def test_in_a_browser_nothing_is_cut_and_columns_sort(text, tmp_path):
    """The first click on Gb/s sorts up, the second down; points that failed stand last both times."""
    point = "[...page.querySelectorAll('table.sortable tbody tr')].map(row => row.cells[0].textContent).join()"
    click = "page.querySelectorAll('table.sortable button')[3].click()"
    ask = f"[{point}, ({click}, {point}), ({click}, {point})]"
    names = render_sweep_page(sample_sweep({LANES: (1, 2), "driver.preset": ("a long name of a driver", *HOSTILE)}))
    pages = {"two": text, "names": names}
    frames = {f"{name}-{width}": (page, width) for name, page in pages.items() for width in (1280, 400)}
    seen = chromium.lay_out(frames, tmp_path, ask)
    assert seen.console == []
    for name, frame in seen.frames.items():
        assert [found for found in frame["found"] if not found.startswith("scrolls: ")] == [], name
    gbps = {at: figures_of(lanes, n)["totals.gbps"] for at, (lanes, n) in
            enumerate((lanes, n) for lanes in (1, 2, 4, 8) for n in (64, 256, 1518)) if at != 2}  # fmt: skip
    up = sorted(gbps, key=gbps.__getitem__)
    down = sorted(up, key=lambda at: -gbps[at])  # equal ones stay as they stood
    assert seen.frames["two-1280"]["asked"] == [
        ",".join(map(str, order)) for order in (range(12), [*up, 2], [*down, 2])
    ]
