"""Tag out: the bytes of copies whose tags change, and the cycles in which their beats leave."""

from __future__ import annotations

import cocotb

from cocotb_tests.module_bench import LIMIT, ModuleBench
from cocotb_tests.tagged_copies import random_copy


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.4], stalls=[0.0, 0.5])
async def copies_have_the_right_bytes_in_the_right_cycles(dut, idles, stalls):
    bench = ModuleBench(dut, seed=6)
    await bench.start(starts=0, last_byte=0, strip=0, add=0, value=0, beat_valid=0, beat=0, beat_last=0, m_tready=0)
    frame, beats = None, []  # what a step is still to take, as (data, is the last)
    expected = []  # beats of the copy that its steps put out, as (data, is the last)
    offered = None  # what is on m_axis
    n_copies = 0
    is_here = False
    for cycle in range(6000):
        is_here = bool(beats) and (is_here or not bench.chance(idles))
        ready = not bench.chance(stalls)
        takes = (offered is None or ready) and is_here
        # A frame starts with the last step of the one before, or later.
        starts = (not beats or (takes and len(beats) == 1)) and not bench.chance(idles)
        if starts:
            frame = random_copy(bench.rng)
        data, is_last = beats[0] if is_here else (bench.rng.randbytes(8), False)
        last_byte = (len(frame.stored) - 1) % 8 if starts else bench.bits(3)
        await bench.settle(
            starts=starts, last_byte=last_byte, strip=frame.strip if starts else bench.bits(2),
            add=frame.add if starts else bench.bits(2), value=frame.value if starts else bench.bits(24),
            beat_valid=is_here, beat=int.from_bytes(data.ljust(8, b"\0"), "little"), beat_last=is_last, m_tready=ready,
        )  # fmt: skip
        assert bench.get("m_tvalid") == (offered is not None), cycle
        if offered is not None:
            piece, is_end = offered
            assert bench.get("m_tlast") == is_end, cycle
            assert bench.get("m_tkeep") == (1 << len(piece)) - 1, cycle
            assert bench.get("m_tdata").to_bytes(8, "little") == piece.ljust(8, b"\0"), cycle
        assert bench.get("take") == takes, cycle
        if offered is None or ready:
            offered = None
        if takes:
            beats.pop(0)
            is_here = False
            offered = expected.pop(0)
        if starts:
            beats, expected = steps_of(frame)
            n_copies += 1
        await bench.next_cycle()
    assert n_copies > 200


def steps_of(frame):
    """Return what a copy's steps take, as (data, is the last), and what they put out, None where that is nothing."""
    stored = [frame.stored[i : i + 8] for i in range(0, len(frame.stored), 8)]
    copy = [frame.copy[i : i + 8] for i in range(0, len(frame.copy), 8)]
    puts = [(piece, i == len(copy) - 1) for i, piece in enumerate(copy)]
    # Where bytes are taken away, the first step puts nothing out.
    puts = [None] * (len(frame.copy) < len(frame.stored)) + puts
    stored += [b""] * (len(puts) - len(stored))
    return [(piece, i == len(stored) - 1) for i, piece in enumerate(stored)], puts


def test_tag_out(simulate):
    assert simulate("tag_out") == 4
