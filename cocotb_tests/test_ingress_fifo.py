"""The ingress FIFO: beats gathered into words, whole frames offered, too long ones swallowed, room given back."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench

STORE_BYTES, MAX_FRAME_BYTES = 140, 128
CYCLES = 4000


class Room:
    """Which words are occupied, by the rules of docs/switch_core.md."""

    def __init__(self, bench, word_bytes):
        self.used, self.in_frame, self.n_bytes, self.n_beats = 0, 0, 0, 0
        self.given_back, self.freed = 0, 0  # by the beat before, and by the one before that
        self.swallowing = False
        self.lanes, self.word_bytes = word_bytes // 8, word_bytes
        self.capacity = bench.dut.WORDS.value.to_unsigned()

    def ready(self):
        return self.swallowing or self.n_beats % self.lanes != 0 or self.used < self.capacity

    def pass_cycle(self, n_read):
        """Go on to the next cycle, after the beat of this one."""
        self.used -= n_read + self.freed
        self.freed, self.given_back = self.given_back, 0

    def accept(self, n_bytes, is_last):
        """Take a beat; return (words, length, swallowed) if it is a frame's last."""
        starts_word = self.n_beats % self.lanes == 0
        self.n_beats += 1
        if not self.swallowing:
            self.n_bytes += n_bytes
            n_words = self.in_frame + starts_word
            self.used += starts_word
            self.in_frame = n_words - (starts_word and not n_bytes and self.n_beats > 1)
            if self.n_bytes > STORE_BYTES:
                self.swallowing = True
                self.in_frame = -(-MAX_FRAME_BYTES // self.word_bytes)
            self.given_back = n_words - self.in_frame
        if not is_last:
            return None
        ended = (self.in_frame, self.n_bytes, self.swallowing)
        self.in_frame = self.n_bytes = self.n_beats = 0
        self.swallowing = False
        return ended


def random_beats(bench):
    """Return a frame's bytes, whether its source marks it bad, and its beats as (data, keep, last, user)."""
    rng = bench.rng
    length = rng.choice(
        (0, 1, 7, 8, 9, 60, 63, 64, 65, 72, 128, 136, 139, 140, 141, 144, 145, 152, 160, rng.randint(1, 300))
    )
    data, is_bad = rng.randbytes(length), rng.random() < 0.2
    n_beats = -(-length // 8)
    has_empty_end = length == 0 or (length % 8 == 0 and rng.random() < 0.3)
    beats = []
    for i in range(n_beats + has_empty_end):
        piece = data[8 * i : 8 * i + 8]
        is_last = i == n_beats + has_empty_end - 1
        # Bits above the first clear one mean nothing, nor does the data there.
        keep = (1 << len(piece)) - 1 | (rng.getrandbits(8) << len(piece) + 1) & 0xFF
        number = int.from_bytes(piece + rng.randbytes(8 - len(piece)), "little")
        beats.append(
            (number, keep if is_last else rng.getrandbits(8), is_last, is_bad if is_last else rng.getrandbits(1))
        )
    return data, is_bad or has_empty_end, beats


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.4], stalls=[0.0, 0.6, 0.95])
async def frames_come_out_whole(dut, idles, stalls):
    word_bytes = dut.BUS_W.value.to_unsigned() // 8
    bench = ModuleBench(dut, seed=5)
    await bench.start(s_tdata=0, s_tkeep=0, s_tvalid=0, s_tlast=0, s_tuser=0, grant=0, read=0)
    room, offered = Room(bench, word_bytes), deque()
    frames, requests, reading = (
        deque(),
        deque(),
        deque(),
    )  # ended; (cycle from which it may be granted, its fate); reads
    word_next, word_due, n_out, is_offered, busy_until = 0, 0, 0, False, 0
    for cycle in range(CYCLES):
        if not offered:
            data, is_bad, beats = random_beats(bench)
            offered.extend(beats)
            frames.append((data, is_bad))
        is_offered = is_offered or not bench.chance(idles)
        number, keep, is_last, user = offered[0]
        can_grant = bool(requests) and requests[0][0] <= cycle
        grants = can_grant and cycle >= busy_until and not bench.chance(stalls)
        reads = bool(reading) and reading[0][0] == cycle
        await bench.settle(
            s_tvalid=is_offered, s_tdata=number, s_tkeep=keep, s_tlast=is_last, s_tuser=user, grant=grants, read=reads
        )
        assert bench.get("s_tready") == room.ready(), cycle
        assert bench.get("request") == can_grant, cycle
        if word_due is not None:
            assert bench.get("word") == word_due, cycle
        if grants:
            (n_words, length, swallowed), (data, is_bad) = requests.popleft()[1]
            assert (bench.get("head_more"), bench.get("head_is_long")) == (n_words - 1, n_words > 1), cycle
            assert (bench.get("head_bad"), bench.get("head_swallowed")) == (is_bad, swallowed), cycle
            if not swallowed:
                assert bench.get("head_length") == length == len(data)
            padded = data + bytes(n_words * word_bytes - len(data)) if not swallowed else None
            for i in range(n_words):
                piece = None if padded is None else padded[i * word_bytes : (i + 1) * word_bytes]
                reading.append((cycle + 1 + i, piece))
            busy_until = cycle + n_words
            n_out += 1
        word_due, word_next = word_next, 0
        if reads:
            piece = reading.popleft()[1]
            word_next = None if piece is None else int.from_bytes(piece, "little")
        if is_offered and room.ready():
            offered.popleft()
            n_bytes = (~keep & (keep + 1)).bit_length() - 1 if is_last else 8
            if (ended := room.accept(n_bytes, is_last)) is not None:
                requests.append((cycle + 4, (ended, frames.popleft())))
            is_offered = False
        room.pass_cycle(reads)
        await bench.next_cycle()
    assert n_out > CYCLES // 60


@pytest.mark.parametrize("bus_w", [64, 128, 512])
def test_ingress_fifo(simulate, bus_w):
    word_bytes = bus_w // 8
    parameters = {
        "BUS_W": bus_w,
        "WORDS": -(-STORE_BYTES // word_bytes) + 1 + (bus_w == 128),
        "STORE_BYTES": STORE_BYTES,
        "SWALLOW_WORDS": -(-MAX_FRAME_BYTES // word_bytes),
    }
    assert simulate("ingress_fifo", **parameters) == 6
