"""Every proof of the switch core holds, and finds the faults that are planted for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cocotb_tests.planted_faults import FAULTS, Fault
from rtl.formal.proofs import BUILDS, PROOFS, RTL, Proof, ProofError, Replacement, run_covers, run_proof

BY_NAME = {proof.name: proof for proof in PROOFS}
# A search that takes six times as long for its last cycle: `make proofs` and `make nightly` have that one too.
SHORTER_SEARCH = {"output_port": 9}
LONGEST = "fifo-cuts-no-frame"  # takes 45 s, the one fault of its proof
# Every day one fault shows of each other proof that its claims can break; `make nightly` plants them all.
DAILY = {fault.proof: fault.name for fault in FAULTS if fault.name != LONGEST}
LEAST_COVERS = 3


@pytest.mark.parametrize("proof", [pytest.param(proof, id=proof.name) for proof in PROOFS])
def test_proof(proof: Proof, request: pytest.FixtureRequest) -> None:
    """Prove it; a counterexample's trace is in the message."""
    n_cycles = None if request.config.getoption("--nightly") else SHORTER_SEARCH.get(proof.name)
    outcome = run_proof(proof, BUILDS / proof.name, n_search_cycles=n_cycles)
    assert outcome.status == "PASS", (
        f"{proof.name}: {outcome.status}; broken: {', '.join(outcome.broken)}; "
        f"counterexample: {', '.join(map(str, outcome.traces))}; log: {outcome.log}"
    )


@pytest.mark.parametrize("proof", [pytest.param(proof, id=proof.name) for proof in PROOFS])
def test_proof_is_about_something(proof: Proof) -> None:
    """Reach what the proof is about from reset, under its own assumptions."""
    outcome = run_covers(proof, BUILDS / f"covers-{proof.name}")
    assert (outcome.status, outcome.missed) == ("PASS", ()), outcome.log
    assert len(outcome.reached) >= LEAST_COVERS


def test_an_assumption_too_many_is_seen(tmp_path: Path) -> None:
    """Miss what an assumption rules out."""
    narrows = Replacement("bus_writer.v", "    assign write =", "    always @* assume (room == 0);\n    assign write =")
    outcome = run_covers(BY_NAME["bus_writer"], tmp_path / "covers", narrows)
    missed = {"some_queues_have_room", "later_words_follow", "next_is_decided_with_the_last_word"}
    assert (outcome.status, set(outcome.missed)) == ("FAIL", missed)


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_planted_fault_is_found(fault: Fault, request: pytest.FixtureRequest) -> None:
    """Find the fault from reset, by the claim that it is against."""
    if DAILY.get(fault.proof) != fault.name and not request.config.getoption("--nightly"):
        pytest.skip("one fault of a proof is planted every day, none of 45 s; --nightly plants all")
    outcome = run_proof(BY_NAME[fault.proof], BUILDS / f"fault-{fault.name}", fault.replacement, fault.n_cycles)
    assert outcome.status == "FAIL", f"not found in {fault.n_cycles} cycles; log: {outcome.log}"
    assert set(outcome.broken) & set(fault.claims), outcome.broken
    assert [trace.suffix for trace in outcome.traces] == [".vcd"]


def test_every_proof_has_a_fault_that_it_finds() -> None:
    """Leave no module's proof without a fault."""
    assert {BY_NAME[fault.proof].module for fault in FAULTS} == {proof.module for proof in PROOFS}


def test_every_module_with_properties_is_proven() -> None:
    """Leave no properties outside the table of proofs."""
    with_properties = {path.name.removesuffix("_properties.vh") for path in (RTL / "formal").glob("*_properties.vh")}
    included = {path.stem for path in RTL.glob("*.v") if "_properties.vh" in path.read_text()}
    assert with_properties == included == {proof.module for proof in PROOFS}


def test_claims_of_faults_are_there() -> None:
    """Name claims that exist."""
    claims = {
        claim
        for path in (*(RTL / "formal").glob("*_properties.vh"), *(RTL / "checkers").glob("*.v"))
        for claim in re.findall(r"^\s*(?:if \(.*\)\s)?\s*(\w+):", path.read_text(), re.MULTILINE)
    }
    assert {claim for fault in FAULTS for claim in fault.claims} <= claims


def test_fault_that_is_not_in_the_source_is_an_error(tmp_path: Path) -> None:
    """Refuse a replacement whose text has changed."""
    nowhere = Replacement("bus_writer.v", "no such text", "")
    with pytest.raises(ProofError, match=r"bus_writer\.v: 'no such text' is there 0 times"):
        run_proof(BY_NAME["bus_writer"], tmp_path / "proof", nowhere)
