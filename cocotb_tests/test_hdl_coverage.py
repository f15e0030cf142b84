"""Coverage of the Verilog: the reader on files written by hand, and on a design in which code is dead."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cocotb
import pytest

from cocotb_tests import closure_runs, coverage_session
from cocotb_tests.coverage_report import CoverageReport
from cocotb_tests.coverage_session import finish_coverage
from cocotb_tests.coverage_waivers import ToggleWaiver, Waiver, read_waivers
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.module_bench import ModuleBench
from cocotb_tests.places import ROOT, RTL
from cocotb_tests.simulators import Design
from cocotb_tests.verilator_coverage import Branch, Edge, counts_of, read, write_counts

LINES, TOGGLES = read_waivers()
HEADING = "# SystemC::Coverage-3\n"
SOURCE = """\
module leaf (input a);
    always @* begin
        if (a) x = 1;
        else begin
            x = 2;
        end
        if (b) y = 1;
    end
endmodule
"""
# Two leaves, of which the left one reaches what the right one does not; `b` is never high, and nothing of `wide[1]`.
DESIGN = """\
module partly_reached (input wire clk, input wire reset);
    reg [2:0] count;
    always @(posedge clk) count <= reset ? 3'd0 : count + 1'b1;
    wire [95:0] wide;
    wire [7:0] left, right;
    wide_register register (.clk(clk), .in({94'd0, count[1:0]}), .out(wide));
    leaf #(.WIDTH(4)) narrow (.clk(clk), .pick(wide[40]), .level({1'b0, count}), .out(left[3:0]));
    leaf #(.WIDTH(8)) broad (.clk(clk), .pick(~wide[40]), .level({1'b0, count}), .out(right));
    assign left[7:4] = 4'd0;
endmodule

module wide_register (input wire clk, input wire [95:0] in, output reg [95:0] out);
    always @(posedge clk) out <= in;
endmodule

module leaf #(parameter WIDTH = 4) (
    input wire clk, input wire pick, input wire [3:0] level, output reg [WIDTH-1:0] out
);
    always @(posedge clk) begin
        if (pick) begin
            out <= {WIDTH{level[0]}};
        end else begin
            out <= 0;
        end
        if (level > 4'd12) begin
            out <= {WIDTH{1'b1}};
        end
    end
endmodule
"""


def point(count, path, line, column, kind, what, page="leaf", **more):
    """Write a point as the format has it."""
    page_name = f"v_{kind}/{page}"
    keys = {"f": path, "l": line, "n": column, "t": kind, "page": page_name, "o": what, **more}
    return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in keys.items()) + f"' {count}\n"


@pytest.fixture
def leaf(tmp_path):
    path = tmp_path / "leaf.v"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def first_run(path):
    return HEADING + "".join(
        [
            point(7, path, 2, 5, "line", "block", S="2-3,7"),
            point(4, path, 3, 9, "branch", "if", S="3"),
            point(0, path, 3, 10, "branch", "else", S="4-5"),
            point(0, path, 7, 9, "branch", "if", S="7"),
            point(5, path, 7, 10, "branch", "else"),
            point(1, path, 1, 20, "toggle", "a:0->1"),
            point(0, path, 1, 20, "toggle", "a:1->0"),
            point(3, "/elsewhere/bench.v", 1, 1, "line", "block", S="1"),
        ]
    )


def second_run(path):
    """Write another set of parameters, with a wider signal, and another instance of it."""
    named = {"page": "leaf__W2", "h": "TOP.m.right"}
    return HEADING + "".join(
        [
            point(2, path, 3, 10, "branch", "else", S="4-5", **named),
            point(0, path, 3, 9, "branch", "if", S="3", **named),
            *(
                point(0, path, 1, 30, "toggle", f"w[{bit}]:{way}", **named)
                for bit in (0, 1)
                for way in ("0->1", "1->0")
            ),
            point(0, path, 1, 20, "toggle", "a:0->1", **named),
            point(9, path, 1, 30, "toggle", "w[0]:1->0", **{**named, "h": "TOP.m.left"}),
        ]
    )


@pytest.fixture
def covered(tmp_path, leaf):
    runs = [tmp_path / "1.dat", tmp_path / "2.dat"]
    for run, text in zip(runs, (first_run(leaf), second_run(leaf)), strict=True):
        run.write_text(text, encoding="utf-8")
    return read(runs, [leaf])


def test_runs_instances_and_parameters_are_united(leaf, covered):
    (found,) = covered.values()
    assert found.lines == {2: True, 3: True, 4: True, 5: True, 7: False}
    assert found.missed_branches() == [Branch(7, 9, "if")]
    assert len(found.branches) == 4
    assert found.toggles == {
        Edge("a", None, "0->1"): True,
        Edge("a", None, "1->0"): False,
        Edge("w", 0, "0->1"): False,
        Edge("w", 0, "1->0"): True,
        Edge("w", 1, "0->1"): False,
        Edge("w", 1, "1->0"): False,
    }


def test_the_report_counts_and_lists(covered, tmp_path):
    report = CoverageReport(covered)
    _, of_leaf, of_all = (" ".join(line.split()) for line in report.table().splitlines())
    assert of_leaf == "leaf 4 of 5 80.0 % 3 of 4 75.0 % 2 of 6 33.3 %"
    assert of_all == of_leaf.replace("leaf", "all")
    report.write(tmp_path)
    listed = (tmp_path / "coverage-verilator.txt").read_text(encoding="utf-8")
    assert "leaf.v:7: never if of: if (b) y = 1;" in listed
    assert "leaf: a down all, w up [1:0] down [1]" in listed
    module = json.loads((tmp_path / "coverage-verilator.json").read_text(encoding="utf-8"))["modules"]["leaf"]
    assert module["lines"] == {"hit": 4, "all": 5, "waived": 0}
    assert module["missed"]["lines"] == [{"line": 7, "waived": None}]
    assert module["missed"]["toggles"] == {"a": {"1->0": "all"}, "w": {"0->1": "[1:0]", "1->0": "[1]"}}


def test_characters_that_are_quoted_are_read(tmp_path):
    run, source = tmp_path / "1.dat", tmp_path / "50%.v"
    run.write_text(HEADING + point(1, tmp_path / "50%25.v", 4, 1, "line", "block", S="4"), encoding="utf-8")
    assert read([run], [source])[source].lines == {4: True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# something else\n", r"1\.dat: not a coverage file of Verilator"),
        (HEADING + "C 'half a point", r"1\.dat:2: not a point of coverage"),
        (HEADING + point(1, "LEAF", 1, 1, "toggle", "a:up"), "not a toggle: 'a:up'"),
    ],
)
def test_what_is_no_coverage_is_refused(tmp_path, leaf, text, said):
    run = tmp_path / "1.dat"
    run.write_text(text.replace("LEAF", str(leaf)), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read([run], [leaf])


def test_a_waiver_is_for_what_is_missed(covered):
    seventh = Waiver("leaf.v", "if (b) y = 1;", "nobody sets b")
    assert CoverageReport(covered).unexplained() == ["leaf.v:7: never if of: if (b) y = 1;"]
    report = CoverageReport(covered, [seventh])
    assert (report.unexplained(), report.stale()) == ([], [])
    report = CoverageReport(covered, [seventh, replace(seventh, line="x = 2;")])
    assert report.stale() == ["waived, but reached: leaf.v:5 (nobody sets b)"]
    for branch, wrong in (("if", 0), ("else", 2)):
        report = CoverageReport(covered, [replace(seventh, branch=branch)])
        assert len(report.unexplained()) + len(report.stale()) == wrong
    with pytest.raises(ValueError, match="has not one line 'x = 3;'"):
        CoverageReport(covered, [replace(seventh, line="x = 3;")]).stale()


def test_a_waiver_of_toggles_is_for_bits_that_were_missed(covered, leaf, tmp_path):
    report = CoverageReport(covered, (), [ToggleWaiver(("w*",), "too wide", bits="7:1"), ToggleWaiver(("none",), "-")])
    assert {(edge.bit, edge.direction) for edge in report.waived_edges(leaf)} == {(1, "0->1"), (1, "1->0")}
    assert report.as_json()["modules"]["leaf"]["toggles"] == {"hit": 2, "all": 6, "waived": 2}
    assert report.lacking_toggles() == ["toggles: 2 + 2 waived of 6  66.7 %, 95% are wanted"]
    assert report.stale() == []
    report.write(tmp_path)
    listed = (tmp_path / "coverage-verilator.txt").read_text(encoding="utf-8")
    assert "leaf: a down all, w up [0]" in listed
    assert "leaf: 2 toggles of w* [7:1]\n    too wide" in listed
    everything = [ToggleWaiver(("a", "w[*", "w"), "all of it", files=("leaf.v",))]
    assert CoverageReport(covered, (), everything).lacking_toggles() == []
    assert CoverageReport(covered, (), [replace(everything[0], files=("other.v",))]).lacking_toggles()
    reached = ToggleWaiver(("w",), "no", bits="0")
    assert CoverageReport(covered, (), [reached]).stale() == []
    covered[leaf].toggles[Edge("w", 0, "0->1")] = True
    assert CoverageReport(covered, (), [reached]).stale() == ["waived, but reached: toggles of w [0] (no)"]


@pytest.mark.parametrize("waiver", TOGGLES, ids=str)
def test_every_waiver_of_toggles_says_why(waiver):
    assert waiver.reason


def test_counts_are_kept_from_one_session_to_the_next(leaf, tmp_path):
    runs = [tmp_path / "1.dat", tmp_path / "2.dat"]
    for run, text in zip(runs, (first_run(leaf), second_run(leaf)), strict=True):
        run.write_text(text, encoding="utf-8")
    write_counts(counts_of(runs[:1]), tmp_path / "kept" / "united.dat")
    assert read([tmp_path / "kept" / "united.dat", runs[1]], [leaf]) == read(runs, [leaf])


def test_a_file_that_no_run_has_built_is_missed(leaf, tmp_path):
    portless = tmp_path / "check.v"
    portless.write_text("module check ();  // no input\nendmodule\n", encoding="utf-8")
    report = CoverageReport(read([], [leaf, portless]), [Waiver("leaf.v", "x = 2;", "")])
    assert (report.unexplained(), report.stale()) == (["leaf.v: in no build"], [])


@pytest.mark.parametrize("waiver", LINES, ids=lambda waiver: f"{waiver.file}: {waiver.line}")
def test_every_waiver_names_a_line_and_says_why(waiver):
    assert waiver.line_number(RTL / waiver.file) > 0
    assert waiver.reason


@pytest.mark.parametrize(
    ("kind", "n_hits", "fails"), [("report", 0, False), ("report", 1, True), ("complete", 0, True)]
)
def test_a_stale_waiver_and_an_unexplained_line_fail_the_run(monkeypatch, tmp_path, kind, n_hits, fails):
    runs, out = tmp_path / "runs", tmp_path / "out"
    monkeypatch.setattr(coverage_session, "RUNS_COVERAGE", runs)
    monkeypatch.setattr(coverage_session, "OUT", out)
    monkeypatch.setattr(closure_runs, "FOLDER", tmp_path / "kept")
    waiver = LINES[0]
    path = RTL / waiver.file
    runs.mkdir()
    waived = point(n_hits, path, waiver.line_number(path), 1, "line", "block", S=waiver.line_number(path))
    text = HEADING + waived + point(1, path, 1, 1, "toggle", "clk:0->1")
    others = [each.line_number(path) for each in LINES[1:] if each.file == waiver.file]
    text += "".join(point(0, path, line, 1, "line", "block", S=line) for line in others)
    (runs / "1.dat").write_text(text, encoding="utf-8")
    config = SimpleNamespace(getoption=lambda _: kind)
    session = SimpleNamespace(config=config, exitstatus=pytest.ExitCode.OK)
    said = finish_coverage(session, read_dut(OWN_CORE))
    assert (session.exitstatus != pytest.ExitCode.OK) == fails
    assert ("waived, but reached" in said) == (n_hits > 0)
    assert ("not reached, without a reason: classify.v: in no build" in said) == (kind == "complete")
    assert (out / "coverage-verilator.json").exists()


def test_no_other_simulator_counts():
    command = [sys.executable, "-m", "pytest", "cocotb_tests/test_parser.py", "--hdl-coverage", "--sim", "icarus"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--hdl-coverage needs --sim verilator" in done.stderr


@cocotb.test()
async def count_to_seven(dut):
    bench = ModuleBench(dut)
    await bench.start()
    for _ in range(40):
        await bench.next_cycle()


def test_dead_code_is_not_covered(simulator, run_folder, tmp_path):
    if simulator.name != "verilator":
        pytest.skip("Verilator alone counts lines and toggles")
    source = tmp_path / "partly_reached.v"
    source.write_text(DESIGN, encoding="utf-8")
    runs = tmp_path / "runs"
    build = replace(simulator, coverage=runs).build(
        "partly_reached", design=Design((source,), builds=tmp_path / "build")
    )
    build.run("cocotb_tests.test_hdl_coverage", run_folder)
    (found,) = read(list(Path(runs).glob("*.dat")), [source]).values()
    dead = [number for number, line in enumerate(DESIGN.splitlines(), 1) if "level > 4'd12" in line]
    assert found.missed_lines() == [dead[0], dead[0] + 1]
    assert [branch.what for branch in found.missed_branches()] == ["if"]
    # Both leaves together reach both ways of `pick`, and the count of a module is that of its widest instance.
    assert {edge.bit for edge in found.toggles if edge.signal == "out" and edge.bit is not None} == set(range(96))
    toggled = {edge.bit for edge, is_hit in found.toggles.items() if edge.signal == "wide" and is_hit}
    assert toggled == {0, 1}
