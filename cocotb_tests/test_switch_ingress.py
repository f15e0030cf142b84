"""All inputs and their arbiter, beat by beat against the second model: who takes a beat, and what the bus gets."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench
from tests.oracles.core_cycles import Sent, Shape, Source, SwitchCore

MAX_FRAME_BYTES, LENGTH_W = 128, 14
CYCLES = 3000


def random_frames(bench, port, n_frames):
    rng = bench.rng
    frames = []
    for number in range(n_frames):
        length = rng.choice((1, 8, 60, 63, 64, 65, 72, 139, 140, 141, 144, 200, rng.randint(1, 260)))
        ends_empty = length % 8 == 0 and bench.chance(0.3)
        gap = rng.choice((0, 0, 0, 5, 40))
        frames.append(Sent(number, port, rng.randbytes(length), 0, gap, bench.chance(0.1), ends_empty))
    return frames


def beat_inputs(source):
    """Return data, keep, last and user of the beat that a source offers."""
    frame = source.frames[0]
    n_bytes, is_last = frame.beats()[source.beat]
    piece = frame.data[8 * source.beat : 8 * source.beat + 8]
    return int.from_bytes(piece, "little"), (1 << n_bytes) - 1 if is_last else 0, is_last, is_last and frame.is_bad


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.4])
async def words_come_to_the_bus_in_turn(dut, idles):
    n_ports, bus_w, words = (getattr(dut, name).value.to_unsigned() for name in ("PORTS", "BUS_W", "WORDS"))
    bench = ModuleBench(dut, seed=21)
    shape = Shape(n_ports, bus_w, 1, words * bus_w // 8, 4096, MAX_FRAME_BYTES)
    core = SwitchCore(shape, [], None, lambda *_: True, lambda *_: ("round_robin", [1], 0))
    sources = [Source(random_frames(bench, p, 300), lambda _: not bench.chance(idles)) for p in range(n_ports)]
    names = ("tdata", "tkeep", "tvalid", "tlast", "tuser")
    await bench.start(**{f"s_axis_{name}": 0 for name in names})
    widths = dict(zip(names, (64, 8, 1, 1, 1), strict=True))
    on_bus = {}
    for cycle in range(CYCLES):
        values = dict.fromkeys(names, 0)
        offering = [source.offer(cycle) for source in sources]
        for port, source in enumerate(sources):
            if offering[port]:
                data, keep, is_last, user = beat_inputs(source)
                for name, value in zip(names, (data, keep, 1, is_last, user), strict=True):
                    values[name] |= int(value) << widths[name] * port
        await bench.settle(**{f"s_axis_{name}": value for name, value in values.items()})
        ready = sum(fifo.ready(cycle) << port for port, fifo in enumerate(core.fifos))
        assert bench.get("s_axis_tready") == ready, cycle
        assert bench.get("word_valid") == (cycle in on_bus), cycle
        if cycle in on_bus:
            frame, i = on_bus[cycle]
            assert bench.get("word_first") == (i == 0), cycle
            swallowed = len(frame.data) > shape.store_bytes
            info = bench.get("word_info")
            assert info >> LENGTH_W + 2 == frame.port, cycle
            assert info >> LENGTH_W & 3 == (swallowed << 1 | (frame.is_bad or frame.ends_empty)), cycle
            if not swallowed:
                assert info & (1 << LENGTH_W) - 1 == len(frame.data), cycle
                piece = frame.data[i * shape.wb : (i + 1) * shape.wb].ljust(shape.wb, b"\0")
                assert bench.get("word") == int.from_bytes(piece, "little"), cycle
        # The second model's cycle, as far as the ingress goes.
        accepted = [
            (fifo, source.accepted(cycle))
            for fifo, source, offers in zip(core.fifos, sources, offering, strict=True)
            if offers and fifo.ready(cycle)
        ]
        n_before = len(core.reads)
        core.arbitrate(cycle)
        for port, first, n_words in core.reads[n_before:]:
            frame = core.lookups[cycle + 5 + shape.h]
            assert frame.port == port
            on_bus |= {first + 2 + i: (frame, i) for i in range(n_words)}
        for port, first, n_words in core.reads:
            if first <= cycle < first + n_words:
                core.fifos[port].occupied -= 1
        core.reads = [each for each in core.reads if cycle < each[1] + each[2] - 1]
        for fifo, (frame, n_bytes, is_last) in accepted:
            fifo.take(cycle, frame, n_bytes, is_last)
        await bench.next_cycle()
    assert len(core.granted) > 100


@pytest.mark.parametrize(("bus_w", "ports"), [(64, 3), (512, 5)])
def test_switch_ingress(simulate, bus_w, ports):
    word_bytes = bus_w // 8
    parameters = {
        "PORTS": ports, "BUS_W": bus_w, "WORDS": -(-140 // word_bytes) + 2,
        "STORE_BYTES": MAX_FRAME_BYTES + 12, "SWALLOW_WORDS": -(-MAX_FRAME_BYTES // word_bytes),
    }  # fmt: skip
    assert simulate("switch_ingress", **parameters) == 2
