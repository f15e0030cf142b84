"""What a run must have compared, and which combinations a core may leave out."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest

from cocotb_tests import copies_due as copies_due_module
from cocotb_tests import core_bench, stages
from cocotb_tests.batch_files import Frame, Stage
from cocotb_tests.copies_due import copies_due, says_something
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.dut_example.small_backend import DeafBackend, LosingBackend
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.expectation import Expectation
from cocotb_tests.functional_coverage import UNREACHABLE, unreachable_in
from cocotb_tests.held_stages import least_quantum
from cocotb_tests.load import open_writes
from cocotb_tests.lost_copies import Loss, Stay, unjustified_loss
from cocotb_tests.places import ROOT
from cocotb_tests.stages import CYCLES_A_WRITE, busy_stage, random_stages
from cocotb_tests.vacuity import TooLittleError, compared
from hwmodel.forwarding.drop_reason import DropReason

SMALL = read_dut(ROOT / "cocotb_tests/dut_example/small_switch.yaml")
FRAMES = [Frame(0, b"")] * 400


def said(n_copies, n_lost, cut_at=None, n_frames=400):
    expected = Expectation(np.zeros(0, np.int64), None, np.zeros(0, np.int64), n_copies=n_copies, n_lost=n_lost)
    return compared([Stage(FRAMES[:n_frames], cut_at=cut_at)], [expected])


def test_a_run_compares_copies_and_loses_less_than_half():
    wanted = "200 copies of 400 frames compared, 200 lost for want of room, 400 frames between two resets"
    assert said(200, 200) == wanted
    with pytest.raises(TooLittleError, match=r"199 copies of 400 frames compared.*too few copies"):
        said(199, 0)
    with pytest.raises(TooLittleError, match="too many are lost"):
        said(200, 201)
    assert said(0, 0, cut_at=5) == "0 copies of 0 frames compared, 0 lost for want of room"
    assert said(1, 0, n_frames=1) == "1 copy of 1 frame compared, 0 lost for want of room, 1 frame between two resets"


@pytest.mark.parametrize(
    ("shape", "seed", "mode", "n_frames"),
    [("2 ports and 64 bits", "fresh 172386", "vepa", 300), (None, "fresh 929097", "vn_tag", 10_000)],
    ids=["next to nothing is forwarded", "an uplink that is seldom ready"],
)
def test_what_would_say_nothing_is_drawn_anew(monkeypatch, shape, seed, mode, n_frames):
    core = read_dut(OWN_CORE).core(shape)
    assert says_something(core, random_stages(core, seed, mode, n_frames)[1:])
    monkeypatch.setattr(stages, "DRAWS", 1)
    monkeypatch.setattr(copies_due_module, "DRAWS_OF_FRAMES", 0)
    assert not says_something(core, random_stages(core, seed, mode, n_frames)[1:])


def test_few_frames_come_while_the_core_is_set_up():
    core = read_dut(OWN_CORE).core("2 ports and 64 bits")
    n_early = set()
    for seed in range(12):
        stage = busy_stage(core, str(seed), "veb", 100)
        n_writes = sum(access.not_before == 0 for access in stage.accesses if not access.is_read)
        n_early.add(sum(frame.not_before < CYCLES_A_WRITE * n_writes for frame in stage.frames))
    assert n_early == {0, 10}


def test_a_run_of_few_frames_compares_enough_however_it_is_drawn(simulator, run_folder):
    """Of these three draws of one seed most frames came before there was a switch to forward them."""
    core = read_dut(OWN_CORE).core()
    draws = [random_stages(core, draw, "veb", 250) for draw in ("fresh 67", "fresh 67 run 1", "fresh 67 run 2")]
    expectations = iter(CoreBench.of(simulator, core, run_folder).check(list(chain(*draws)), "again"))
    for drawn in draws:
        compared(drawn, list(islice(expectations, len(drawn))))


def test_copies_due_are_those_of_the_switch_of_their_time():
    core = read_dut(OWN_CORE).core("5 ports and 128 bits")
    writes = [replace(write, not_before=100) for write in open_writes(core.shape)]
    broadcast = Frame(1, b"\xff" * 6 + bytes.fromhex("020000000001 0800") + bytes(51))
    # Both may come before the writes, but the second has to wait until the first has come in.
    copies, beats = copies_due(core, Stage([replace(broadcast, not_before=81)] * 2, writes))
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


def test_drop_reasons_that_the_verilog_never_gives_are_not_waited_for():
    """A reason that the model alone gives would else be missed by the longest runs only."""
    verilog = " ".join(path.read_text("utf-8") for path in (ROOT / "rtl").rglob("*.v"))
    never_given = {reason.name for reason in DropReason if f"`DROP_{reason.name}" not in verilog}
    waived = {name for (mode, name), _ in UNREACHABLE["core.drops"] if mode is None}
    assert waived == never_given | {"PVLAN"}  # which is given in shapes with private VLANs alone


@pytest.mark.parametrize("mode", SMALL.backend_class.modes)
def test_nearly_all_frames_come_between_two_resets_and_half_of_them_leave(mode):
    core = SMALL.core("2 ports and short frames")
    whole = [stage for stage in random_stages(core, "1", mode, 600) if stage.cut_at is None]
    assert sorted(len(stage.frames) for stage in whole) == [50, 550]
    assert sum(copies_due(core, stage)[0].sum() for stage in whole) >= 300
    assert max(len(stage.phases) for stage in whole) == 11
    switches = [frame.phase for frame in whole[1].frames]
    assert switches == sorted(switches)


def test_a_long_run_has_thousands_of_frames_and_a_pause():
    core = SMALL.core("2 ports and short frames")
    *_, longest = random_stages(core, "1", "veb", 3000)
    assert len(longest.frames) == 2950
    assert min(frame.not_before for frame in longest.frames if frame.phase == len(longest.phases) - 1) >= 1 << 16


def test_no_quantum_is_drawn_for_which_a_quiet_core_is_not_waited_for():
    keys = {"records": {}, "timing": "free"}
    dut = read_dut(OWN_CORE)
    silent = replace(dut, keys=dut.keys.model_validate(dut.keys.model_dump(by_alias=True) | keys))
    core = silent.core("2 ports and 64 bits")
    least = least_quantum(core)
    # All queues with a longest frame: one turn a cycle, and a quarter of the time that is waited.
    assert least * dut.keys.quiet_cycles / 4 >= 2 * (1514 + 12)
    phases = [phase for stage in random_stages(core, "1", "vepa", 400) for phase in stage.phases]
    drawn = {quantum for phase in phases for each in phase.schedules.values() for quantum in each.quanta}
    assert min(drawn) >= least
    assert least_quantum(dut.core()) == 1


def test_a_run_folder_given_relatively_will_do(monkeypatch, simulator, tmp_path):
    if simulator.name != "icarus":
        pytest.skip("a build that takes longer than its run; Icarus is given the same folders")
    monkeypatch.chdir(tmp_path)
    core = SMALL.core("2 ports and short frames")
    bench = CoreBench.of(simulator, core, Path("runs/of mine"), builds=Path("builds"))
    expectations = bench.check(random_stages(core, "1", "veb", 200), "again")
    assert sum(expected.n_copies for expected in expectations) >= 100
    assert (tmp_path / "runs/of mine/simulation.log").is_file()


def test_shrinking_ends_in_time_with_the_best_so_far(monkeypatch):
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr(core_bench.time, "monotonic", lambda: next(clock))
    kept, n_runs = core_bench.fewest(FRAMES, lambda frames: len(frames) > 150, 60)
    assert 150 < len(kept) < len(FRAMES)
    assert n_runs < 10
