"""What a run must have compared, and which combinations a core may leave out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests import stages
from cocotb_tests.batch_files import Frame, Stage
from cocotb_tests.copies_due import copies_due, says_something
from cocotb_tests.dut_example.small_backend import DeafBackend, LosingBackend
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.expectation import Expectation
from cocotb_tests.functional_coverage import UNREACHABLE, unreachable_in
from cocotb_tests.load import open_writes
from cocotb_tests.lost_copies import Loss, Stay, unjustified_loss
from cocotb_tests.places import ROOT
from cocotb_tests.stages import random_stages
from cocotb_tests.vacuity import compared

SMALL = read_dut(ROOT / "cocotb_tests/dut_example/small_switch.yaml")
FRAMES = [Frame(0, b"")] * 400


def said(n_copies, n_lost, cut_at=None):
    expected = Expectation(np.zeros(0, np.int64), None, np.zeros(0, np.int64), n_copies=n_copies, n_lost=n_lost)
    return compared([Stage(FRAMES, cut_at=cut_at)], [expected])


def test_a_run_compares_copies_and_loses_less_than_half():
    assert said(10, 10) == "10 copies of 400 frames compared, 10 lost for want of room"
    with pytest.raises(AssertionError, match=r"3 copies of 400 frames compared.*too few copies"):
        said(3, 0)
    with pytest.raises(AssertionError, match="too many are lost"):
        said(10, 11)
    assert said(0, 0, cut_at=5) == "0 copies of 0 frames compared, 0 lost for want of room"


@pytest.mark.parametrize(
    ("shape", "seed", "mode", "n_frames"),
    [("2 ports and 64 bits", "fresh 172386", "vepa", 300), (None, "fresh 929097", "vn_tag", 10_000)],
    ids=["next to nothing is forwarded", "an uplink that is seldom ready"],
)
def test_what_would_say_nothing_is_drawn_anew(monkeypatch, shape, seed, mode, n_frames):
    core = read_dut(OWN_CORE).core(shape)
    assert says_something(core, random_stages(core, seed, mode, n_frames)[1:])
    monkeypatch.setattr(stages, "DRAWS", 1)
    assert not says_something(core, random_stages(core, seed, mode, n_frames)[1:])


def test_copies_due_are_those_of_the_switch_of_their_time():
    core = read_dut(OWN_CORE).core("5 ports and 128 bits")
    writes = [replace(write, not_before=100) for write in open_writes(core.shape)]
    broadcast = Frame(1, b"\xff" * 6 + bytes.fromhex("020000000001 0800") + bytes(51))
    before, behind = replace(broadcast, not_before=99), replace(broadcast, not_before=100)
    copies, beats = copies_due(core, Stage([before, behind], writes))
    assert copies.tolist() == [1, 0, 1, 1, 1]
    assert beats.tolist() == [9, 0, 9, 9, 9]


def test_a_loss_needs_a_full_queue():
    shape = LosingBackend({"MAX_BYTES": 100}).shape
    assert shape.queue_bytes == 200
    stays = [Stay(100, 10, 500), Stay(60, 20, 600)]
    assert unjustified_loss(1, shape, stays, [Loss(7, 41, 30, 30)]) == []
    for loss in (Loss(7, 41, 15, 19), Loss(7, 32, 30, 30), Loss(7, 100, 700, 900)):
        (found,) = unjustified_loss(1, shape, stays, [loss])
        assert found.what == "lost copy at port 1"
    # Anywhere in the time in which it may have been lost.
    assert unjustified_loss(1, shape, stays, [Loss(7, 100, 5, 900)]) == []


def test_what_a_core_lacks_is_left_out_of_its_coverage_and_no_more():
    small, deaf = SMALL.core(), replace(SMALL, backend_class=DeafBackend).core()
    reasons = {why for patterns in unreachable_in(small).values() for _, why in patterns}
    assert {"the core has no mode vepa", "ports.admit is all for ever"} <= reasons
    assert unreachable_in(deaf) == unreachable_in(small)
    assert unreachable_in(read_dut(OWN_CORE).core()) == UNREACHABLE
