"""Planted faults are found: a sample of them here, all of them by `python -m cocotb_tests.mutants`."""

from __future__ import annotations

import pytest

from cocotb_tests import mutants
from cocotb_tests.mutant_detection import NO_BUILD, Detection
from cocotb_tests.mutants import SURVIVED, Fate, Mutant, Results, fate_of, is_as_wanted, random_mutants, read_list
from cocotb_tests.mutation_operators import all_changes
from cocotb_tests.places import RTL
from cocotb_tests.simulators import Simulator

SAMPLE = 4
LEAST_FAULTS = 40
SOURCE = """\
module m (input wire a);  // a == b
    localparam [1:0] LAST = 2'd3;
    wire b = a == 1'b0 && !(c | d[3:0]) ? e : f;
    always @(posedge clk) g <= h + 2'd3;
    always @* if (i < j) k = l;
endmodule
"""


@pytest.fixture(scope="module")
def detection(simulator, tmp_path_factory):
    if simulator.name != "icarus":
        pytest.skip("each fault is a build, which takes this simulator a minute; Icarus finds them")
    return Detection(simulator, tmp_path_factory.mktemp("mutants"))


def sample():
    """Take faults from all over the list that the whole core shows."""
    listed = [mutant for mutant in read_list() if mutant.equivalent is None]
    return listed[len(listed) // (2 * SAMPLE) :: len(listed) // SAMPLE][:SAMPLE]


@pytest.mark.parametrize("mutant", sample(), ids=lambda mutant: f"{mutant.file}: {mutant.breaks}")
def test_a_planted_fault_is_found(detection, mutant, tmp_path):
    fate = fate_of(mutant, detection, tmp_path / "rtl")
    assert fate.caught_by not in (SURVIVED, NO_BUILD)


def test_the_faults_are_many_and_in_every_module_that_does_something():
    listed = read_list()
    assert sum(mutant.equivalent is None for mutant in listed) >= LEAST_FAULTS
    wiring = {"output_port.v"}
    assert {path.name for path in RTL.glob("*.v")} - {mutant.file for mutant in listed} == wiring


@pytest.mark.parametrize("mutant", read_list(), ids=lambda mutant: f"{mutant.file}: {mutant.breaks}")
def test_every_fault_has_its_place_in_the_sources(mutant):
    source = (RTL / mutant.file).read_text(encoding="utf-8")
    assert mutant.changed(source) != source
    assert mutant.equivalent is None or len(mutant.equivalent) > SAMPLE


def test_a_fault_without_its_one_place_is_refused():
    assert Mutant("f", "b", "c", "").changed("abd") == "acd"
    for source in ("ad", "abbd"):
        with pytest.raises(ValueError, match="has not one"):
            Mutant("f", "b", "c", "").changed(source)
    assert Mutant("f", "b", "c", "", offset=2).changed("abbd") == "abcd"
    with pytest.raises(ValueError, match="has not one"):
        Mutant("f", "b", "c", "", offset=0).changed("abbd")


def test_operators_are_changed_one_at_a_time_and_declarations_not_at_all():
    changed = {SOURCE[: c.offset] + c.replacement + SOURCE[c.offset + len(c.text) :] for c in all_changes(SOURCE)}
    pairs = [pair for text in changed for pair in zip(SOURCE.splitlines(), text.splitlines(), strict=True)]
    lines = {after for before, after in pairs if before != after}
    assert lines == {
        "    wire b = a != 1'b0 && !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b1 && !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 || !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && (c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && !(c & d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && !(c | d[4:1]) ? e : f;",
        "    wire b = a == 1'b0 && !(c | d[3:0]) ? f : e;",
        "    always @(negedge clk) g <= h + 2'd3;",
        "    always @(posedge clk) g <= h - 2'd3;",
        "    always @(posedge clk) g <= h + 2'd0;",
        "    always @(posedge clk) ;",
        "    always @* if (i <= j) k = l;",
        "    always @* if (j < i) k = l;",
        "    always @* if (1'b1) k = l;",
        "    always @* if (1'b0) k = l;",
    }


def test_random_faults_follow_from_the_seed():
    first, second = random_mutants(5, 1), random_mutants(5, 2)
    assert first == random_mutants(5, 1) != second
    for mutant in (*first, *second):
        source = (RTL / mutant.file).read_text(encoding="utf-8")
        assert mutant.changed(source) != source


def test_fates_that_are_as_wanted():
    caught, survived, broken = Fate("a test", "", 1.0), Fate(SURVIVED, "", 1.0), Fate(NO_BUILD, "", 1.0)
    fault, same, drawn = (
        Mutant("f", "b", "c", ""),
        Mutant("f", "b", "c", "", "why"),
        Mutant("f", "b", "c", "", offset=1),
    )
    wanted = [(mutant, fate) for mutant in (fault, same, drawn) for fate in (caught, survived, broken)]
    assert [is_as_wanted(*pair) for pair in wanted] == [True, False, False, False, True, False, True, False, True]


class _Detection:
    """Finds every fault but those in classify.v; is interrupted at the third."""

    n_asked = 0

    def __init__(self, *_):
        pass

    def find(self, rtl, module):
        type(self).n_asked += 1
        if self.n_asked == 3:
            raise KeyboardInterrupt
        return None if module == "classify" else ("a test", f"{(rtl / f'{module}.v').exists()}")


def test_a_run_that_was_interrupted_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mutants, "FOLDER", tmp_path)
    monkeypatch.setattr(mutants, "Detection", _Detection)
    listed = [mutant for mutant in read_list() if mutant.file == "parser.v" and mutant.equivalent is None][:4]
    monkeypatch.setattr(mutants, "read_list", lambda: listed)
    monkeypatch.setattr(Simulator, "missing", lambda self: None)
    assert mutants.main([]) == 130
    assert len(Results.of(Simulator("icarus")).fates) == 2
    assert mutants.main([]) == 0
    assert _Detection.n_asked == 5
    assert capsys.readouterr().out.count(" known ") == 2


def test_a_fault_that_survives_is_named_and_ends_with_status_1(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mutants, "FOLDER", tmp_path)
    monkeypatch.setattr(mutants, "Detection", _Detection)
    monkeypatch.setattr(_Detection, "n_asked", 10)
    monkeypatch.setattr(Simulator, "missing", lambda self: None)
    assert mutants.main(["--only", "disabled ports get copies"]) == 1
    assert "survived: classify.v: disabled ports get copies" in capsys.readouterr().out
