"""Tag out: the bytes of copies whose tags change, and the cycles in which their beats leave."""

from __future__ import annotations

import cocotb

from cocotb_tests.module_bench import LIMIT, ModuleBench
from cocotb_tests.tagged_copies import random_copy


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.4], stalls=[0.0, 0.5])
async def copies_have_the_right_bytes_in_the_right_cycles(dut, idles, stalls):
    bench = ModuleBench(dut, seed=6)
    await bench.start(beat_valid=0, beat=0, beat_last=0, length=0, strip=0, add=0, value=0, m_tready=0)
    stored, asked, beats = b"", (0, 0, 0), []
    steps = 0  # made of the copy at hand
    expected = []  # beats of copies to come out, as (data, keep, last)
    offered = None  # what is on m_axis
    n_copies = 0
    is_here = False
    for cycle in range(6000):
        if not beats and steps == 0:
            stored, strip, add, value, copy, _ = random_copy(bench.rng)
            asked = (strip, add, value)
            beats = [stored[i : i + 8] for i in range(0, len(stored), 8)]
            pieces = [copy[i : i + 8] for i in range(0, len(copy), 8)]
            puts = [(piece, piece is pieces[-1]) for piece in pieces]
            # Where bytes are taken away, the first step puts nothing out.
            expected = ([None] if len(copy) < len(stored) else []) + puts
            n_copies += 1
        is_here = bool(beats) and (is_here or not bench.chance(idles))
        ready = not bench.chance(stalls)
        data = int.from_bytes(beats[0].ljust(8, b"\0"), "little") if is_here else bench.bits(64)
        await bench.settle(
            beat_valid=is_here, beat=data, beat_last=is_here and len(beats) == 1, length=len(stored), strip=asked[0],
            add=asked[1], value=asked[2], m_tready=ready,
        )  # fmt: skip
        assert bench.get("m_tvalid") == (offered is not None), cycle
        if offered is not None:
            piece, is_last = offered
            assert bench.get("m_tlast") == is_last, cycle
            assert bench.get("m_tkeep") == (1 << len(piece)) - 1, cycle
            assert bench.get("m_tdata").to_bytes(8, "little") == piece.ljust(8, b"\0"), (cycle, asked, stored.hex())
        can_step = offered is None or ready
        takes = can_step and is_here
        assert bench.get("take") == takes, cycle
        is_rest = can_step and not beats and steps > 0
        if can_step:
            offered = None
        if takes or is_rest:
            if takes:
                beats.pop(0)
                is_here = False
            offered = expected.pop(0)
            steps += 1
            if not expected:
                assert not beats
                steps = 0
        await bench.next_cycle()
    assert n_copies > 200


def test_tag_out(simulate):
    assert simulate("tag_out") == 4
