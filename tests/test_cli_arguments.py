"""What the command line accepts, and its one-line answer to what it does not."""

from __future__ import annotations

import argparse

import pytest

import hwmodel
from hwmodel.cli import commands, main
from hwmodel.cli.arguments import build_parser, whole_number
from hwmodel.cli.commands import dma_table, parse_sizes
from hwmodel.errors import InputError

COMMANDS = [
    "run", "check", "limits", "explain", "compare", "sweep", "size", "search", "dma", "switch", "config-space", "cosim",
    "report", "configs", "completion", "schema",
]  # fmt: skip


def exit_status(argv: list[str]) -> object:
    """Run the command line to an exit that argparse makes."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    return caught.value.code


def test_help_names_each_command_and_only_these(capsys):
    assert exit_status(["--help"]) == 0
    text = capsys.readouterr().out
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("    ") and line[4] != " "]
    assert listed == COMMANDS
    assert list(commands.COMMANDS) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_and_json(command, capsys):
    assert exit_status([command, "--help"]) == 0
    assert "--json FILE" in capsys.readouterr().out


REQUIRED = {"switch": ["--in", "f.pcap", "--in-port", "vf0"]}


@pytest.mark.parametrize("command", ["run", "check", "limits", "dma", "switch", "config-space"])
def test_set_may_be_given_again(command):
    argv = [command, "c.yaml", *REQUIRED.get(command, [])]
    parsed = build_parser().parse_args([*argv, "--set", "pcie.lanes=8", "--set", "switch.acl=[]"])
    assert parsed.overrides == ["pcie.lanes=8", "switch.acl=[]"]
    assert build_parser().parse_args(argv).overrides == []


def test_numbers_and_times_are_read():
    argv = ["run", "c.yaml", "--seeds", "1000", "--trace", "t.json", "--trace-start", "1.5ms", "--trace-length", "50us"]
    parsed = build_parser().parse_args(argv)
    assert (parsed.seeds, parsed.trace_start, parsed.trace_length) == (1000, 1_500_000_000_000, 50_000_000_000)
    absent = build_parser().parse_args(argv[:2])
    assert (absent.seed, absent.seeds, absent.trace_start, absent.trace_length) == (None,) * 4


@pytest.mark.parametrize("values", ["", "64,", ",64"])
def test_a_list_of_values_that_lacks_one_is_not_taken_for_the_usual_ones(values, capsys):
    assert exit_status(["compare", "c.yaml", "--over", f"frame_bytes={values}"]) == 2
    said = capsys.readouterr().err
    assert "'' is not a number, like those of frame_bytes=64,512,1518" in said and said.count("\n") == 1


def test_a_part_of_the_trace_needs_a_trace(capsys):
    assert main(["run", "c.yaml", "--trace-start", "1ms", "--trace-length", "1us"]) == 2
    assert capsys.readouterr().err == "--trace-start: only with --trace FILE\n--trace-length: only with --trace FILE\n"
    assert main(["run", "c.yaml", "--trace", "t.json", "--trace-length", "0us"]) == 2
    assert capsys.readouterr().err == "--trace-length: nothing happens in 0 s; a time like 50us\n"


def test_version(capsys):
    assert exit_status(["--version"]) == 0
    assert capsys.readouterr().out == f"hwmodel {hwmodel.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["rnu"], "rnu"),
        (["run"], "CONFIG"),
        (["run", "c.yaml", "--seed", "one"], "one"),
        (["run", "c.yaml", "--seed", "-1"], "-1 is out of range; 0 to 9223372036854775807"),
        (["run", "c.yaml", "--seed", str(2**63)], "is out of range; 0 to 9223372036854775807"),
        (["run", "c.yaml", "--seeds", "0"], "0 is out of range; 1 to 1000"),
        (["run", "c.yaml", "--seeds", "1001"], "1001 is out of range; 1 to 1000"),
        (["run", "c.yaml", "--trace-start", "1"], "'1' has no unit; write a time like 500ns"),
        (["run", "c.yaml", "--trace-length", "1Gbps"], "'1Gbps' is a rate, but this is a time"),
        (["run", "c.yaml", "--rep", "x.html"], "--rep"),
        (["limits", "c.yaml", "--published", "linux"], "linux"),
        (["report", "--out", "x.html"], "RESULT"),
        (["report", "a.json"], "--out"),
        (["schema", "c.yaml"], "argument KIND: invalid choice: 'c.yaml'"),
        (["completion", "tcsh"], "argument SHELL: invalid choice: 'tcsh'"),
        (["run", "c.yaml", "--tracee", "f"], "unrecognized arguments: --tracee f"),
        (["run", "c.yaml", "d.yaml"], "unrecognized arguments: d.yaml"),
        (["--tracee", "run", "c.yaml"], "unrecognized arguments: --tracee"),
        (["run", ""], "argument CONFIG: the file has no name"),
        (["run", "c.yaml", "--json", ""], "argument --json: the file has no name"),
        (["run", "c.yaml", "--pcap-hop", "uplink="], "argument --pcap-hop: the file has no name"),
        (["switch", "c.yaml", "--in", "", "--in-port", "vf0"], "argument --in: the file has no name"),
        (["switch", "c.yaml", "--in", "x", "--in-port", "vf0", "--out", ""], "argument --out: the file has no name"),
        (["config-space", "c.yaml", "--script", ""], "argument --script: the file has no name"),
        (["report", "", "--out", "x.html"], "argument RESULT: the file has no name"),
        (["sweep", "", "--out", "x"], "argument SWEEP: the file has no name"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(argv, words, capsys):
    """The line names the command, whose help has the arguments that there are."""
    assert exit_status(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err
    command = "hwmodel" if argv[0] in ("rnu", "--tracee") else f"hwmodel {argv[0]}"
    assert captured.err.startswith(f"{command}: ") and captured.err.endswith(f" (see {command} --help)\n")


def test_no_command_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "COMMAND" in captured.err


def test_transfer_sizes():
    assert parse_sizes("64, 1500,4KiB,1MiB") == (64, 1500, 4096, 1048576)


@pytest.mark.parametrize(("text", "n_problems"), [("64,x", 1), ("", 1), ("0", 1), ("-1,64,1.5", 2), ("64,,x", 2)])
def test_wrong_transfer_sizes_are_all_reported(text, n_problems):
    with pytest.raises(InputError) as caught:
        parse_sizes(text)
    assert len(caught.value.lines) == n_problems
    assert all(line.startswith("--sizes") for line in caught.value.lines)


def test_dma_table_lines_up_and_shows_missing_figures():
    latency = {"p50": 600.125, "p99": None}
    of_both = {"p50": 810.25, "p99": 900.0}
    rows = [
        {"bytes": size, "read_gbps": 1.5, "write_gbps": 12.0, "both_gbps": None, "read_latency_ns": latency,
         "write_read_latency_ns": of_both}
        for size in (64, 1048576)
    ]  # fmt: skip
    lines = dma_table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["64", "1.500", "12.000", "-", "600.1", "-", "810.2"]


@pytest.mark.parametrize("text", ["", "1_000", "1.0", "0x10", " 1", "1" * 41])
def test_a_whole_number_has_digits_alone(text):
    assert whole_number("-12") == -12
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number"):
        whole_number(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["no\nsuch.yaml"], r"no\nsuch.yaml: no such file"),
        (
            ["sriov_ideal", "--set", "pcie.lanes=8\n9"],
            r"--set pcie.lanes=8\n9: pcie.lanes: '8 9' is not a whole number",
        ),
        (["no\x1b[31msuch"], r"no\x1b[31msuch: no such file"),
    ],
)
def test_a_control_character_that_was_given_neither_ends_a_line_nor_steers_the_terminal(given, said, capsys):
    assert main(["check", *given]) == 2
    assert capsys.readouterr().err == f"{said}\n"
