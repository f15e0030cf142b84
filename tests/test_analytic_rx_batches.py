"""Whole frames in batches of Rx descriptors: by hand where frames are alike, beside a long walk where they are not."""

import random
from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.rx_batches import RxBatches, descriptor_shares, first_passage
from tests.analytic_cases import demo

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def jumbo(changes=None):
    ports = [{"name": name, "max_frame": "9018B"} for name in ("pf", *(f"vf{k}" for k in range(8)))]
    return demo({"switch.ports": ports, "workload.frame_bytes": 9018, **(changes or {})})


def test_frames_by_their_descriptors():
    # 2044 B of data are one buffer of 2 KiB, 2048 B too; 2049 B are two.
    sizes = [(2048, THIRD), (2052, THIRD), (2053, THIRD)]
    assert descriptor_shares(demo(), sizes) == {1: 2 * THIRD, 2: THIRD}
    assert descriptor_shares(demo({"host.buffer_offset": "64B"}), sizes) == {2: Fraction(1)}


def test_frames_alike_fill_batches_exactly():
    # Eight descriptors or more are ten of two frames; eight frames or more are four such write-backs.
    found = RxBatches.of(jumbo(), {5: Fraction(1)})
    assert found == RxBatches(((10, Fraction(1)),), True, Fraction(2), Fraction(8), Fraction(10))
    odd = RxBatches.of(jumbo({"driver.rx_interrupt_batch": 5, "driver.refill_batch": 16}), {5: Fraction(1)})
    assert (odd.frames_per_interrupt, odd.descriptors_per_doorbell) == (6, 20)


def test_one_descriptor_a_frame_fills_every_batch():
    found = RxBatches.of(demo({"nic.rx_writeback_batch": 3, "driver.rx_interrupt_batch": 7}), {1: Fraction(1)})
    assert found == RxBatches(((3, Fraction(1)),), True, Fraction(3), Fraction(9), Fraction(8))


def test_a_timer_tells_each_write_back_and_a_poll_none():
    assert RxBatches.of(jumbo({"driver.moderation": "1us"}), {5: Fraction(1)}).frames_per_interrupt == 2
    assert RxBatches.of(jumbo({"driver.rx_interrupt_batch": 0}), {5: Fraction(1)}).frames_per_interrupt == 0


def test_a_write_back_is_no_longer_than_its_ring():
    config = jumbo({"nic.preset": None, "nic.rx_ring": 13, "nic.rx_writeback_batch": 11, "nic.writeback_timeout": "1us",
                    "driver.rx_interrupt_batch": 0, "driver.refill_batch": 3, "nic.rx_fetch_batch": 4})  # fmt: skip
    assert RxBatches.of(config, {5: Fraction(1)}).writebacks == ((13, Fraction(1)),)


def test_first_passage_by_hand():
    # To 3 by 1 or 2: 1+1+1, 1+1+2, 1+2, 2+1, 2+2.
    assert first_passage({1: HALF, 2: HALF}, 3) == {3: Fraction(1, 8) + 2 * Fraction(1, 4), 4: Fraction(3, 8)}
    assert first_passage({4: Fraction(1)}, 9) == {12: Fraction(1)}


def test_mixed_frames_beside_a_walk():
    """Draw frames of 1, 2 and 5 descriptors one by one and count what each batch comes to."""
    shares = {1: Fraction(7, 12), 2: Fraction(1, 4), 5: Fraction(1, 6)}
    config = jumbo({"nic.rx_writeback_batch": 7, "driver.rx_interrupt_batch": 9, "driver.refill_batch": 6})
    rng = random.Random(1)
    frames = rng.choices(list(shares), [float(share) for share in shares.values()], k=300_000)
    held = waiting = told = taken = writebacks = interrupts = doorbells = 0
    sizes: dict[int, int] = {}
    for n in frames:
        held, waiting, taken = held + n, waiting + 1, taken + n
        if held >= 7:
            sizes[held] = sizes.get(held, 0) + 1
            writebacks, told, held, waiting = writebacks + 1, told + waiting, 0, 0
            if told >= 9:
                interrupts, told = interrupts + 1, 0
        if taken >= 6:
            doorbells, taken = doorbells + 1, 0
    found = RxBatches.of(config, shares)
    assert not found.is_regular
    assert sum(share for _, share in found.writebacks) == 1
    assert {n: float(share) for n, share in found.writebacks} == pytest.approx(
        {n: count / writebacks for n, count in sizes.items()}, rel=0.05
    )
    assert float(found.frames_per_writeback) == pytest.approx(len(frames) / writebacks, rel=0.005)
    assert float(found.frames_per_interrupt) == pytest.approx(len(frames) / interrupts, rel=0.005)
    assert float(found.descriptors_per_doorbell) == pytest.approx(sum(frames) / doorbells, rel=0.005)


def test_a_jumbo_frame_alone_writes_all_its_descriptors_back():
    steps = {step.name: step.formula for step in limits(jumbo()).latency_steps}
    assert (steps["payload write"], steps["Rx write-back"]) == ("35 t(280) + t(80)", "t(104)")
