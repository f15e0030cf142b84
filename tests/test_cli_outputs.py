"""Output files are refused before the work, and appear whole at its end."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading

import pytest

from hwmodel.cli import main, outputs
from hwmodel.cli.outputs import check_outputs, progress_bar, write_all, write_json, write_text
from hwmodel.errors import InputError
from tests.config_cases import CONFIGS


def problems_of(*arguments, **options) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_outputs(*arguments, **options)
    return caught.value.lines


def test_good_outputs_pass(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    check_outputs(
        [
            ("--json", "-"),
            ("--report", str(tmp_path / "new.html")),
            ("--pcap", None),
            ("--out", str(tmp_path / "old.json")),
        ],
        inputs=[str(tmp_path / "c.yaml")],
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.json"]


def test_a_device_may_be_written_twice():
    check_outputs([("--json", os.devnull), ("--report", os.devnull)])


def test_all_problems_come_at_once(tmp_path):
    lines = problems_of([("--json", str(tmp_path)), ("--report", str(tmp_path / "no" / "x.html")), ("--pcap", "-")])
    assert [line.split(": ")[1] for line in lines] == ["--json", "--report", "--pcap"]
    assert "is a folder" in lines[0]
    assert f"mkdir -p {tmp_path / 'no'}" in lines[1]


def test_files_and_folders_without_permission(tmp_path, monkeypatch):
    # os.access is replaced because root, as whom tests may run, may write everywhere.
    old = tmp_path / "old.json"
    old.write_text("{}")
    protected = {str(tmp_path)}
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in protected)
    assert "no file may be made" in problems_of([("--json", str(tmp_path / "new.json"))])[0]
    protected = {str(old)}
    assert "may not be written" in problems_of([("--json", str(old))])[0]
    check_outputs([("--json", str(tmp_path / "new.json"))])


def test_an_input_is_not_overwritten(tmp_path, monkeypatch):
    config = tmp_path / "c.yaml"
    config.write_text("pcie: {}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.json").symlink_to(config)
    for output in ("c.yaml", str(config), "link.json"):
        assert "overwritten" in problems_of([("--json", output)], inputs=["c.yaml"])[0]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["run"], "--json"),
        (["run"], "--pcap"),
        (["run"], "--trace"),
        (["run"], "--pcap-hop=uplink"),
        (["check"], "--json"),
        (["limits"], "--json"),
        (["explain"], "--report"),
        (["dma"], "--json"),
        (["config-space"], "--out"),
        (["switch", "--in", "sent.pcap", "--in-port", "auto"], "--json"),
    ],
)
@pytest.mark.parametrize("name", ["sent.pcap", "events.yaml", "c.yaml"])
def test_a_file_that_the_configuration_names_is_not_overwritten(command, option, name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CONFIGS / "example.pcap", "sent.pcap")
    (tmp_path / "events.yaml").write_text("[{at: 100us, set: {port.rate: 1Gbps}}]")
    (tmp_path / "c.yaml").write_text("nic: {vfs: 4}\nworkload: {pcap: sent.pcap}\nscenario: events.yaml\n")
    before = (tmp_path / name).read_bytes()
    output = [f"{option}={name}"] if "=" in option else [option, name]
    assert main([command[0], "c.yaml", *command[1:], *output]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"{name}: {option.replace('=', ' ')}: is ") and "which would be overwritten" in line
    assert (tmp_path / name).read_bytes() == before


def test_two_outputs_are_not_one_file(tmp_path):
    path = str(tmp_path / "x")
    assert len(problems_of([("--json", path), ("--report", path)])) == 1


def test_one_output_may_go_to_stdout(capsys):
    check_outputs([("--json", None), ("--report", "-"), ("--pcap", "./-")])
    write_text("page\n", "-")
    assert capsys.readouterr().out == "page\n"
    assert problems_of([("--json", "-"), ("--report", "-"), ("--pcap", "-"), ("--trace", "-")]) == [
        "-: --report: stdout has the output of --json already",
        "-: --pcap: does not go to stdout; name a file (./- for one of that name)",
        "-: --trace: does not go to stdout; name a file (./- for one of that name)",
    ]


def test_all_is_written_that_can_be():
    written, failure = [], OSError("the disk is full")

    def fail():
        raise failure

    with pytest.raises(OSError) as caught:
        write_all(lambda: written.append(1), fail, lambda: written.append(2), lambda: 1 // 0)
    assert (written, caught.value) == ([1, 2], failure)
    write_all(lambda: written.append(3))


@pytest.mark.parametrize("value", [{"a": [1, None, "µ"]}, '{"a": [1, null, "µ"]}', '{"a": [1, null, "µ"]}\n'])
def test_json_to_a_file_and_to_stdout(value, tmp_path, capsys):
    path = tmp_path / "x.json"
    write_json(value, str(path))
    assert capsys.readouterr().out == ""
    write_json(value, "-")
    text = capsys.readouterr().out
    assert text == path.read_text(encoding="utf-8")
    assert json.loads(text) == {"a": [1, None, "µ"]}
    assert text.endswith("}\n")


def test_nothing_is_written_without_the_option(tmp_path, capsys):
    write_json({}, None)
    assert capsys.readouterr() == ("", "")


def test_json_refuses_what_json_has_no_word_for(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, str(tmp_path / "x.json"))
    assert list(tmp_path.iterdir()) == []


def test_text_for_people_makes_way_for_json_on_stdout(capsys):
    outputs.say("a\nb\n", None)
    outputs.say("c", "file.json")
    outputs.say("d", "-")
    assert capsys.readouterr() == ("a\nb\nc\n", "")
    outputs.note("working ...")
    assert capsys.readouterr() == ("", "working ...\n")


def test_no_progress_bar_without_a_terminal(capsys):
    with progress_bar() as progress:
        assert progress is None
    assert capsys.readouterr() == ("", "")
    assert not sys.stderr.isatty()


class Terminal(io.StringIO):
    """A stderr that a person watches."""

    def isatty(self) -> bool:
        return True


def test_a_progress_bar_on_a_terminal_goes_to_stderr_and_away(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    n_threads = threading.active_count()
    with progress_bar() as progress:
        assert progress is not None
        progress(0.5, "simulating [vf0]")
        assert threading.active_count() == n_threads, "a process with more is not copied for work"
        drawn = len(terminal.getvalue())
        progress(0.6, "soon after")
        assert len(terminal.getvalue()) == drawn
    assert capsys.readouterr().out == ""
    shown = terminal.getvalue()
    assert "simulating [vf0]" in shown and "50%" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "the last thing done is to clear the line"
