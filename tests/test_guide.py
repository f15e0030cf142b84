"""The guide's pages: every command prints what the page shows, every file and every line of Python works."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from hwmodel.cli import main
from tests.guide_blocks import GAP, blocks_of, commands_of, difference

pytestmark = pytest.mark.real_clocks  # as who types the commands has them

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "guide").glob("*.md"))
# Pages whose commands run elsewhere: the Verilog's are in cocotb_tests/test_other_cores.py.
OTHER_COMMANDS = {"test_your_core"}


# Its commands simulate a hundred times.
OF_A_NIGHT = {"size_an_adapter"}


@pytest.mark.slow
@pytest.mark.strict_devices
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.nightly) if page.stem in OF_A_NIGHT else page for page in PAGES],
    ids=lambda page: page.stem,
)
def test_a_page_shows_what_comes_out(page, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    names, printed = {}, ""
    n_checked = 0
    for block in blocks_of(page):
        if block.title is not None:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "console" and page.stem not in OTHER_COMMANDS:
            for command in commands_of(block):
                assert command.words[0] == "hwmodel"
                main(command.words[1:])
                out, error = capfd.readouterr()
                lines = (out + error).rstrip("\n").split("\n")
                assert difference(command.lines, lines) == "", f"{page.name}: {' '.join(command.words)}\n{out}{error}"
                n_checked += 1
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(block.text, names)
            printed = stream.getvalue()
            n_checked += 1
        elif block.language == "text":
            assert printed == block.text
    assert n_checked or page.stem in OTHER_COMMANDS | {"assumptions"}


def test_the_guide_is_found():
    assert {"first_run", "size_an_adapter", "read_the_report", "write_a_configuration"} <= {page.stem for page in PAGES}


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (("a", "b", "c"), ""),
        (("a", GAP, "c"), ""),
        (("a", GAP), ""),
        ((GAP, "c"), ""),
        (("a", "b"), "leaves out 'c'"),
        (("a", "c"), "shows 'c'; printed is 'b'"),
        ((GAP, "a"), "printed is 'nothing more'"),
        (("a", "b", "c", GAP, "d"), "nothing more"),
        (("a", GAP, "b"), "nothing more"),
    ],
)
def test_what_differs_is_found(shown, found):
    assert found in difference(shown, ["a", "b", "c"])
    assert bool(found) == bool(difference(shown, ["a", "b", "c"]))


def test_the_first_sweep_of_its_page_prints_what_the_page_shows(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    first = text.partition("## A first one")[2]
    (file, shown) = (first.split(f"```{language}\n", 1)[1].split("```\n", 1)[0] for language in ("yaml", "text"))
    monkeypatch.chdir(tmp_path)
    Path("lanes.yaml").write_text(file, encoding="utf-8")
    assert main(["sweep", "lanes.yaml", "--out", "out", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == shown.splitlines()[1:]  # the first has the time that it took
