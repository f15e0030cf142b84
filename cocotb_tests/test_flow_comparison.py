"""What is accepted of a core that does not record its decisions, and what is not: outcomes written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests.backend import PortCounters
from cocotb_tests.batch_files import ACCEPTED, ANSWER, COPY, DROPPED, EVENT, WRITE, Access, Frame, Outcome, Phase, Stage
from cocotb_tests.bench_switch import OUTSIDE, c_tag, frame, switch
from cocotb_tests.comparison import compare
from cocotb_tests.dut_example.small_backend import SmallBackend
from cocotb_tests.dut_file import read_dut
from cocotb_tests.places import ROOT
from hwmodel.forwarding.drop_reason import DropReason

UPLINK, PF, VF0 = range(3)
DUT = read_dut(ROOT / "cocotb_tests/dut_example/small_switch.yaml")
SHORT = {"PORTS": 3, "MAX_BYTES": 120}
FIRST, SECOND = frame(OUTSIDE, "pf", length=70), frame(OUTSIDE, "pf", length=71)
OTHER_SOURCE = frame(OUTSIDE, "vf0", length=80)
URGENT = frame(OUTSIDE, "pf", c_tag(1, pcp=7), length=90)
SPOOFED = frame(OUTSIDE, "vf0", length=100)
FRAMES = [Frame(PF, FIRST), Frame(PF, SECOND), Frame(VF0, OTHER_SOURCE), Frame(PF, URGENT), Frame(PF, SPOOFED)]
URGENT_OUT = URGENT[:12] + URGENT[16:]
GOOD = [FIRST, SECOND, OTHER_SOURCE, URGENT_OUT]
NOT_RECORDED = {"events": EVENT, "writes": WRITE, "dropped": DROPPED}
COUNTED_LOSS = {UPLINK: PortCounters(sent=3, drops={int(DropReason.QUEUE_FULL): 1})}


class CountingBackend(SmallBackend):
    """Says that it counted what the test wants it to have counted."""

    said = {}  # noqa: RUF012
    queue_bytes = 300  # the copies of FRAMES have 307

    @property
    def shape(self):
        return replace(super().shape, queue_bytes=self.queue_bytes)

    def counters(self, data):
        return self.said


def outcome_of(at_uplink):
    """Make the outcome of a stage in which the uplink alone sent copies."""
    copies = np.zeros(len(at_uplink), COPY)
    copies["beats"] = [-(-len(data) // 8) for data in at_uplink]
    copies["keep"] = [(1 << (len(data) - 1) % 8 + 1) - 1 for data in at_uplink]
    copies["first"] = copies["last"] = 100 * np.arange(len(at_uplink))
    beats = b"".join(data + bytes(-len(data) % 8) for data in at_uplink)
    accepted = np.zeros(len(FRAMES), ACCEPTED)
    accepted["port"] = [each.port for each in FRAMES]
    none = {name: np.zeros(0, dtype) for name, dtype in NOT_RECORDED.items()}
    return Outcome(
        **none, accepted=accepted, copies=copies, answers=np.zeros(1, ANSWER),
        beats=[beats, b"", b""], last_cycle=1000, failed=False, saw_x=False,
    )  # fmt: skip


def divergence(at_uplink, counted=None, losses="none", cut_at=None, queue_bytes=300, **changes):
    """Compare; `counted`: what the core says, if it counts at all."""
    CountingBackend.said, CountingBackend.queue_bytes = counted or {}, queue_bytes
    keys = DUT.keys.model_copy(update={"losses": losses})
    core = replace(DUT, keys=keys, backend_class=CountingBackend).core_with(SHORT)
    reads = [Access(0, is_read=True, after_traffic=True)]
    stage = Stage(FRAMES, reads, phases=[Phase(switch("pf", "vf0"))], cut_at=cut_at)
    return compare(core, stage, replace(outcome_of(at_uplink), **changes))[0]


def test_copies_in_order_are_accepted():
    assert divergence(GOOD) is None
    assert divergence(GOOD, counted={PF: PortCounters(received=4, dropped=1, sent=0)}) is None


@pytest.mark.parametrize("order", [(2, 0, 1, 3), (0, 2, 3, 1), (3, 0, 1, 2)])
def test_any_order_between_flows_is_accepted(order):
    assert divergence([GOOD[i] for i in order]) is None


def test_a_flow_out_of_order_is_refused():
    found = divergence([SECOND, FIRST, OTHER_SOURCE, URGENT_OUT])
    assert (found.what, found.cycle, found.frame) == ("copy at port 0", 0, 1)


@pytest.mark.parametrize(
    ("copies", "core_says"),
    [
        ([*GOOD, SPOOFED], "the model drops it, SPOOFED_MAC"),
        ([*GOOD, FIRST], "the model sends it to ports [0]"),
        ([FIRST, SECOND, OTHER_SOURCE, URGENT], "perhaps of frame 3 from port 1"),
        ([FIRST[:-1], *GOOD[1:]], "69 B"),
        (GOOD[:3], "nothing"),
        (GOOD[1:], "71 B"),
    ],
    ids=["dropped", "twice", "tagged", "short", "missing last", "missing first"],
)
def test_a_wrong_copy_is_refused(copies, core_says):
    found = divergence(copies)
    assert found.what == "copy at port 0"
    assert core_says in found.found


def test_a_lost_copy_is_accepted_if_it_is_counted():
    for missing in range(len(GOOD)):
        left = GOOD[:missing] + GOOD[missing + 1 :]
        assert divergence(left, COUNTED_LOSS, losses="counted") is None
    found = divergence(GOOD[1:], {UPLINK: PortCounters(drops={})}, losses="counted")
    assert (found.what, found.expected) == ("lost copies at port 0", "1 missing")
    found = divergence(GOOD[1:], {UPLINK: PortCounters(drops={int(DropReason.QUEUE_FULL): 2})}, losses="counted")
    assert found.found == "2 counted as QUEUE_FULL"
    assert divergence(GOOD, COUNTED_LOSS, losses="counted").what.startswith("counter")


def test_a_loss_that_is_counted_needs_a_queue_that_may_have_been_full():
    found = divergence(GOOD[1:], COUNTED_LOSS, losses="counted", queue_bytes=400)
    assert (found.what, found.frame) == ("lost copy at port 0", 0)
    assert found.expected == "a queue of 400 B, in which at most 248 B waited"
    nothing_left = {UPLINK: PortCounters(sent=0, drops={int(DropReason.QUEUE_FULL): 4})}
    assert "at most 0 B waited" in divergence([], nothing_left, losses="counted").expected
    assert divergence(GOOD[1:], losses="counted").found == "0 counted as QUEUE_FULL"


def test_a_loss_does_not_excuse_the_order():
    assert divergence([SECOND, FIRST], COUNTED_LOSS, losses="counted").what == "copy at port 0"


def test_a_stage_that_is_cut_may_lack_the_last_copies():
    assert divergence(GOOD[:1], cut_at=500) is None
    assert divergence([SECOND], cut_at=500).what == "copy at port 0"


@pytest.mark.parametrize(
    ("counters", "name"),
    [
        (PortCounters(received=5), "received"),
        (PortCounters(dropped=0), "dropped"),
        (PortCounters(sent=1), "sent"),
        (PortCounters(copies=1), "copies"),
        (PortCounters(drops={int(DropReason.SPOOFED_MAC): 0}), "drops[SPOOFED_MAC]"),
    ],
)
def test_a_wrong_counter_is_refused(counters, name):
    found = divergence(GOOD, {PF: counters})
    assert found.what == f"counter {name} of port 1"


def test_what_is_undefined_or_has_no_end_is_refused():
    assert divergence(GOOD, saw_x=True).what == "X"
    assert divergence(GOOD, failed=True).what == "no end"
    refused = np.zeros(1, ANSWER)
    refused["response"] = 2
    assert divergence(GOOD, answers=refused).what == "register access"
