"""A core's time for a frame at the least, by hand: its work, its share of a doorbell, its share of an interrupt."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel.analytic.sends import doorbell_batch
from hwmodel.analytic.transactions import sending_s, taking_s
from hwmodel.config import config_from_mapping
from tests.analytic_cases import demo

NS = Fraction(1, 10**9)
WHOLE = [(1518, Fraction(1))]
COSTS = {
    "driver.frame_time": "800ns", "driver.byte_time": "0.1ns", "driver.doorbell_time": "96ns",
    "driver.interrupt_time": "1us", "driver.exit_time": "600ns",
}  # fmt: skip
FRAME_NS = 800 + Fraction(1514, 10)  # the FCS never comes to memory


def costly(changes=None):
    return demo({**COSTS, **(changes or {})})


@pytest.mark.parametrize(("batch", "burst", "told"), [(8, 32, 8), (8, 4, 4), (1, 64, 1)])
def test_a_doorbell_tells_a_batch_or_what_a_turn_has_posted(batch, burst, told):
    config = costly({"driver.tx_doorbell_batch": batch, "driver.send_burst": burst})
    assert doorbell_batch(config) == told
    # Of the sent frames eight share an interrupt of 1600 ns.
    assert sending_s(config, WHOLE) == (FRAME_NS + Fraction(96, told) + 200) * NS


def test_bytes_are_those_of_the_mean_frame():
    half = Fraction(1, 2)
    # 60 B and 1514 B, half of the frames each; a doorbell for eight, and no interrupts.
    config = costly({"driver.tx_interrupt_batch": 0})
    assert sending_s(config, [(64, half), (1518, half)]) == (800 + Fraction(60 + 1514, 20) + 12) * NS


def test_a_core_that_masks_its_interrupts_polls_for_sent_frames_too():
    assert sending_s(costly({"driver.mask_interrupts": True}), WHOLE) == (FRAME_NS + 12) * NS


def test_taking_has_its_share_of_a_refill_and_of_an_interrupt():
    # Eight frames for one doorbell and for one interrupt: 12 ns, and 1600 ns / 8.
    assert taking_s(costly(), WHOLE) == (FRAME_NS + 12 + 200) * NS


def test_refills_count_descriptors_and_interrupts_frames():
    # 1514 B lie in two buffers of 1 KiB: a doorbell for four frames, 24 ns a frame; still eight for an interrupt.
    assert taking_s(costly({"host.buffer_bytes": "1KiB"}), WHOLE) == (FRAME_NS + 24 + 200) * NS


@pytest.mark.parametrize(
    "changes",
    [
        {"driver.rx_interrupt_batch": 0},  # polls
        {"driver.mask_interrupts": True},  # polls while there is something to take
        {"driver.moderation": "10us"},  # no least number of interrupts a frame
    ],
)
def test_where_interrupts_have_no_least_number_they_cost_nothing(changes):
    assert taking_s(costly(changes), WHOLE) == (FRAME_NS + 12) * NS


def test_the_presets_in_figures():
    kernel, dpdk = (config_from_mapping({"driver": {"preset": name}}) for name in ("kernel", "dpdk"))
    least = [(64, Fraction(1))]
    # 800 ns and 6 ns for 60 B; 100 ns for each frame sent, and for 16 taken.
    assert (sending_s(kernel, least), taking_s(kernel, least)) == (906 * NS, (806 + Fraction(100, 16)) * NS)
    # 20 ns; 100 ns for 32 frames each way.
    assert sending_s(dpdk, least) == taking_s(dpdk, least) == (20 + Fraction(100, 32)) * NS
