"""What the README and CONTRIBUTING tell a reader to type, to open and to look for is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hwmodel.cli import main
from hwmodel.cli.arguments import build_parser
from hwmodel.config import load_config

pytestmark = [pytest.mark.real_clocks, pytest.mark.strict_devices]  # as who types the commands has them

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BOTH = TEXT + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SHELL_LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line.strip()
]


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line.startswith("hwmodel ")])
def test_commands_parse_and_name_files_that_exist(line):
    parsed = build_parser().parse_args(shlex.split(line, comments=True)[1:])
    assert (ROOT / parsed.config).is_file()


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line.startswith("hwmodel ")])
def test_what_commands_set_goes_with_their_file(line, tmp_path, monkeypatch):
    """A capture of the reader's own stands where the command looks for it."""
    (tmp_path / "traffic.pcap").write_bytes((ROOT / "configs" / "example.pcap").read_bytes())
    monkeypatch.chdir(tmp_path)
    parsed = build_parser().parse_args(shlex.split(line, comments=True)[1:])
    load_config(ROOT / parsed.config, parsed.overrides)


def test_the_readme_has_commands_and_targets():
    assert any(line.startswith("hwmodel run ") for line in SHELL_LINES)
    assert {"make demo", "make test"} <= {" ".join(line.split()[:2]) for line in SHELL_LINES}


def test_the_demonstration_prints_what_is_shown(capfd):
    """All but the line about the run itself, its seconds and memory; `make demo` runs this configuration."""
    shown = re.search(r"<!-- output of make demo -->\n```text\n(.*?)```", TEXT, re.DOTALL)
    main(["run", str(ROOT / "configs" / "sriov_10g_gen2x4.yaml")])
    printed = [line for line in capfd.readouterr().out.splitlines() if not line.startswith("Run: ")]
    assert printed == [line for line in shown[1].splitlines() if not line.startswith("Run: ")]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)", BOTH))))
def test_make_targets_exist(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!https:)([^)#]+)(?:#[^)]*)?\)", BOTH))))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


def test_it_can_be_read_at_once():
    by_hand = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    assert len(by_hand.split()) < 900, "what a reader needs later has a page of its own"


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:hwmodel|tests|benches|docs|configs|rtl)/[\w./]*)`", BOTH)))
)
def test_the_map_names_what_is_there(path):
    assert (ROOT / path).exists()
