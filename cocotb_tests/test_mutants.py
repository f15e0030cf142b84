"""Planted faults are found: two of them here, all of them by `python -m cocotb_tests.mutants`."""

from __future__ import annotations

import pytest

from cocotb_tests import mutants
from cocotb_tests.fault_finding import NO_BUILD, Detection
from cocotb_tests.fault_switch import Place, switched
from cocotb_tests.mutant_batch import Batch
from cocotb_tests.mutants import (
    SURVIVED,
    Fate,
    Ledger,
    Mutant,
    fate_of,
    is_as_wanted,
    random_mutants,
    read_equivalents,
    read_list,
    source_of,
)
from cocotb_tests.mutation_operators import all_changes
from cocotb_tests.places import RTL
from cocotb_tests.simulators import Simulator

LEAST_REASON = 4
LEAST_FAULTS = 40
SOURCE = """\
module m (input wire a);  // a == b
    localparam [1:0] LAST = 2'd3;
    wire b = a == 1'b0 && !(c | d[3:0]) ? e : f;
    always @(posedge clk) g <= h + 2'd3;
    always @* if (i < j) k = l;
    reg [W-1:0] n;
    for (i = 0; i < 4; i = i + 1) n[W-1:0] = 4;
    assign o = p && q[8*r+:8];
endmodule
"""


@pytest.fixture(scope="module")
def detection(simulator, tmp_path_factory):
    if simulator.name != "icarus":
        pytest.skip("each fault is a build, which takes this simulator ten seconds and more; Icarus finds them")
    return Detection(tmp_path_factory.mktemp("mutants"), simulator, is_quick=True)


@pytest.mark.parametrize("breaks", ["an address of one VLAN is a port's own", "the word written is the one behind"])
def test_a_planted_fault_is_found(detection, breaks, tmp_path):
    (mutant,) = (mutant for mutant in read_list() if mutant.breaks == breaks)
    fate = fate_of(mutant, detection, tmp_path / "rtl")
    assert fate.caught_by not in (SURVIVED, NO_BUILD)


def test_the_faults_are_many_and_in_every_module_that_does_something():
    listed = read_list()
    assert sum(mutant.equivalent is None for mutant in listed) >= LEAST_FAULTS
    wiring = {"output_port.v"}
    assert {path.name for path in RTL.glob("*.v")} - {mutant.file for mutant in listed} == wiring


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in (*read_list(), *read_equivalents())}))
def test_every_fault_has_its_place_in_the_sources(file):
    source = source_of(file)
    for mutant in (*read_list(), *read_equivalents()):
        if mutant.file == file:
            assert mutant.changed(source) != source
            assert mutant.equivalent is None or len(mutant.equivalent) > LEAST_REASON


def test_a_reason_is_known_again_where_the_change_is_drawn():
    same = read_equivalents()[0]
    place = same.place(source_of(same.file))
    drawn = [mutant for mutant in random_mutants(10_000, 1) if mutant.equivalent is not None]
    found = [mutant for mutant in drawn if mutant.changed(source_of(mutant.file)) == same.changed(source_of(same.file))]
    assert found[0].equivalent == same.equivalent
    assert place.offset <= found[0].offset < place.end


SWITCHED = """\
module m (input wire a, input wire clk, output reg q);
    localparam [1:0] LAST = 2'd3;
    wire b = a == 1'b0 && c;
    always @(posedge clk) if (b) q <= a;
    part #(.WORDS((64 + 7) / 8)) inner (.clk(clk), .data(a ^ b));
    generate
        if (LAST == 2'd1) begin : g_one
            assign d = a;
        end
    endgenerate
endmodule
"""


def test_faults_that_a_run_chooses():
    texts = {
        1: ("== 1'b0", "!= 1'b0"), 2: ("&&", "||"), 3: ("q <= a;", ";"), 4: ("2'd3", "2'd0"), 5: ("b) q", "1'b1) q"),
        6: ("posedge", "negedge"), 7: ("a ^ b", "a & b"), 8: ("+ 7", "+ 8"),
        9: ("LAST == 2'd1", "LAST != 2'd1"),
    }  # fmt: skip
    places = {n: Place(SWITCHED.index(old), old, new) for n, (old, new) in texts.items()}
    places[5] = Place(SWITCHED.index("b) q"), "b", "1'b1")
    text, there = switched(SWITCHED, places)
    assert there == {1, 2, 3, 5, 7}
    said = " ".join(text.split())
    assert (
        "wire b =(planted_fault == 1 ? ( a != 1'b0 && c) : planted_fault == 2 ? ( a == 1'b0 || c) : ( a == 1'b0 && c));"
        in said
    )
    assert "if ((planted_fault == 5 ? (1'b1) : (b))) begin if (planted_fault != 3) q <= a; end" in said
    assert ".WORDS((64 + 7) / 8)) inner (.clk(clk), .data((planted_fault == 7 ? (a & b) : (a ^ b))));" in said
    assert switched(SWITCHED, {6: places[6]}) == (SWITCHED, set())
    for constant in (8, 9):  # a parameter, and which hardware there is
        assert switched(SWITCHED, {constant: places[constant]}) == (SWITCHED, set())
    constants = "`define BYTES 26\n"
    assert switched(constants, {1: Place(constants.index("26"), "26", "24")}) == (constants, set())


def test_a_batch_has_the_faults_that_compile(tmp_path):
    source = source_of("input_arbiter.v")
    changes = [change for change in all_changes(source) if source.index("wire granting") < change.offset]
    changes = [change for change in changes if change.offset < source.index("left <= pick_more")]
    faults = [("input_arbiter.v", Place(change.offset, change.text, change.replacement)) for change in changes]
    batch = Batch.of(faults, tmp_path / "rtl")
    assert len(faults) > len(batch.numbers) > len(faults) // 2
    text = (batch.folder / "input_arbiter.v").read_text(encoding="utf-8")
    assert all(f"planted_fault == {n} " in text or f"planted_fault != {n})" in text for n in batch.numbers.values())
    # A function of constants cannot depend on what is chosen.
    having = source_of("input_arbiter.v").index("having[port] =")
    assert not any(having < place.offset < having + 60 for _, place in batch.numbers)
    before = (batch.folder / "input_arbiter.v").stat().st_mtime_ns
    assert Batch.of(faults, tmp_path / "rtl").folder.joinpath("input_arbiter.v").stat().st_mtime_ns == before


def test_what_a_module_below_drives_cannot_be_chosen(tmp_path):
    source = source_of("switch_ingress.v")
    outer, inner = (source.index(text) for text in ("head[FRAME_W+:MORE_W]", ".s_tvalid(s_axis_tvalid[g])"))
    driven = ("switch_ingress.v", Place(outer, "head[FRAME_W+:MORE_W]", "head[FRAME_W+1+:MORE_W]"))
    given = ("switch_ingress.v", Place(inner + len(".s_tvalid("), "s_axis_tvalid[g]", "1'b1"))
    assert list(Batch.of([driven, given], tmp_path / "rtl").numbers) == [given]


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
        "    localparam [0:0] LAST = 2'd3;",
        "    localparam [1:0] LAST = 2'd0;",
        "    wire b = a != 1'b0 && !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b1 && !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 || !(c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && (c | d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && !(c & d[3:0]) ? e : f;",
        "    wire b = a == 1'b0 && !(c | d[4:1]) ? e : f;",
        "    wire b = a == 1'b0 && !(c | d[2:0]) ? e : f;",
        "    wire b = a == 1'b0 && !(c | d[3:0]) ? f : e;",
        "    always @(negedge clk) g <= h + 2'd3;",
        "    always @(posedge clk) g <= h - 2'd3;",
        "    always @(posedge clk) g <= h + 2'd0;",
        "    always @(posedge clk) ;",
        "    always @* if (i <= j) k = l;",
        "    always @* if (j < i) k = l;",
        "    always @* if (1'b1) k = l;",
        "    always @* if (1'b0) k = l;",
        "    always @* if (i < j) ;",
        "    reg [W-2:0] n;",
        "    for (i = 0; i < 4; i = i + 1) n[W-2:0] = 4;",
        "    for (i = 0; i < 4; i = i + 1) n[W-1:0] = 5;",
        "    for (i = 0; i < 4; i = i + 1) ;",
        "    assign o = 1'b1;",
        "    assign o = 1'b0;",
        "    assign o = p || q[8*r+:8];",
        "    assign o = p && q[8*r+1+:8];",
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
    out_of_time = ()

    def __init__(self, *_, **__):
        pass

    def find(self, fault):
        type(self).n_asked += 1
        if self.n_asked == 3:
            raise KeyboardInterrupt
        return None if fault.module == "classify" else ("a test", f"{(fault.rtl / f'{fault.module}.v').exists()}")


def test_a_run_that_was_interrupted_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mutants, "FOLDER", tmp_path)
    monkeypatch.setattr(mutants, "Detection", _Detection)
    listed = [mutant for mutant in read_list() if mutant.file == "parser.v" and mutant.equivalent is None][:4]
    monkeypatch.setattr(mutants, "read_list", lambda: listed)
    monkeypatch.setattr(mutants, "read_equivalents", lambda: [])
    monkeypatch.setattr(Simulator, "missing", lambda self: None)
    assert mutants.main([]) == 130
    assert len(Ledger.of_rtl(is_quick=False).fates) == 2
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
