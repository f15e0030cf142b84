"""Frames through output_port or switch_egress, each handshake against the second model of the outputs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from cocotb_tests.module_bench import ModuleBench, joined
from cocotb_tests.tagged_copies import TaggedCopy, random_copy
from tests.oracles.core_output_cycles import Copy, Output

KINDS = ("round_robin", "deficit", "strict")
LONGEST = 300


class EgressBench:
    """The outputs of a module, with their models beside them."""

    def __init__(self, dut: Any, n_ports: int, stalls: float) -> None:
        self.bench = ModuleBench(dut, seed=20)
        self.n_ports, self.stalls = n_ports, stalls
        priorities, bus_w, words = (
            getattr(dut, name).value.to_unsigned() for name in ("PRIORITIES", "BUS_W", "QUEUE_WORDS")
        )
        self.word_bytes = bus_w // 8
        self.shape = SimpleNamespace(priorities=priorities, lanes=bus_w // 64, queue_words=words)
        self.kind, self.quanta, self.ready = [0] * n_ports, [[1518] * priorities for _ in range(n_ports)], 0
        self.outputs = [Output(self.shape, p, self._settings(p), self._ready(p)) for p in range(n_ports)]
        self.n_seen = self.n_lost = 0

    def _settings(self, port: int) -> Callable[[int], tuple[str, list[int]]]:
        return lambda _: (KINDS[self.kind[port]], self.quanta[port])

    def _ready(self, port: int) -> Callable[[int], bool]:
        return lambda _: bool(self.ready >> port & 1)

    def new_cycle(self) -> None:
        """Choose which outputs are ready; from time to time, other schedulers."""
        rng = self.bench.rng
        self.ready = sum((not self.bench.chance(self.stalls)) << port for port in range(self.n_ports))
        if self.bench.cycle % 300 == 0:
            for port in range(self.n_ports):
                self.kind[port] = rng.randrange(3)
                self.quanta[port] = [rng.choice((40, 200, 1518)) for _ in range(self.shape.priorities)]

    def settings(self) -> dict[str, int]:
        """Return the inputs that say how queues take turns."""
        quanta = [quantum for port in self.quanta for quantum in port]
        return {"scheduler": joined(self.kind, 2), "quantum": joined(quanta, 16)}

    def room(self, queue: int, n_words: int) -> int:
        """Return the ports whose queue can take a frame, by the state of this cycle."""
        fits = (output.occupied[queue] + n_words <= self.shape.queue_words for output in self.outputs)
        return sum(has_room << port for port, has_room in enumerate(fits))

    def check_beats(self, names: dict[str, str]) -> None:
        """Compare what is offered in this cycle."""
        valid, part = self.bench.get(names["m_axis_tvalid"]), self.bench.part
        for port, output in enumerate(self.outputs):
            assert valid >> port & 1 == (output.offered is not None), (self.bench.cycle, port)
            if output.offered is not None:
                copy, beat = output.offered
                piece, is_last = copy.data[8 * beat : 8 * beat + 8], beat == copy.n_beats - 1
                shown = part(names["m_axis_tdata"], 64 * port, 64).to_bytes(8, "little")
                assert shown == piece.ljust(8, b"\0"), (self.bench.cycle, port, copy.data.hex())
                keep = part(names["m_axis_tkeep"], 8 * port, 8)
                assert keep == (1 << len(piece)) - 1, (self.bench.cycle, port)
                assert part(names["m_axis_tlast"], port, 1) == is_last, (self.bench.cycle, port)
                self.n_seen += is_last and self.ready >> port & 1

    def step(self, frame: TaggedCopy, queue: int, written: int, tagged: int) -> None:
        """End the cycle; `written`: the ports that took the frame's first word in it."""
        cycle = self.bench.cycle
        for output in self.outputs:
            output.cycle(cycle)
        for port, output in enumerate(self.outputs):
            if written >> port & 1:
                n_words = -(-len(frame.stored) // self.word_bytes)
                data = frame.copy if tagged >> port & 1 else frame.plain
                sent = SimpleNamespace(data=frame.stored, n_words=n_words, copies={port: {}})
                output.scheduler.enter(cycle, Copy(sent, data, queue))
                output.occupied[queue] += n_words
            output.clock()


async def check_egress(dut: Any, n_ports: int, names: dict[str, str], idles: float, stalls: float) -> EgressBench:
    """Write frames for thousands of cycles; `names` maps m_axis_* and write_adds_at to the module's own names."""
    egress = EgressBench(dut, n_ports, stalls)
    bench = egress.bench
    zeros = ("write_queue", "write_words", "write_length", "write_strip", "write_add", "write_value", "write",
             "write_first", "write_word")  # fmt: skip
    ready_name, adds_name = names["m_axis_tready"], names["write_adds_at"]
    await bench.start(**dict.fromkeys(zeros, 0), **egress.settings(), **{ready_name: 0, adds_name: 0})
    words: list[int] = []
    frame, queue, chosen, tagged, written = random_copy(bench.rng), 0, 0, 0, 0
    for _ in range(4000):
        egress.new_cycle()
        is_first = not words and not bench.chance(idles)
        if is_first:
            frame, queue = random_copy(bench.rng, LONGEST), bench.rng.randrange(egress.shape.priorities)
            size = egress.word_bytes
            pieces = [frame.stored[i : i + size].ljust(size, b"\0") for i in range(0, len(frame.stored), size)]
            words = [int.from_bytes(piece, "little") for piece in pieces]
            chosen, tagged = bench.rng.randrange(1 << n_ports), bench.rng.randrange(1 << n_ports)
            written = chosen & egress.room(queue, len(words))
            egress.n_lost += chosen != written
        await bench.settle(
            write_queue=queue, write_words=-(-len(frame.stored) // egress.word_bytes), write_length=len(frame.stored),
            write_strip=frame.strip, write_add=frame.add, write_value=frame.value, write=written if words else 0,
            write_first=is_first, write_word=words[0] if words else 0, **egress.settings(),
            **{ready_name: egress.ready, adds_name: tagged},
        )  # fmt: skip
        if is_first:
            assert bench.get("room") == egress.room(queue, len(words)), bench.cycle
        egress.check_beats(names)
        egress.step(frame, queue, written if is_first else 0, tagged)
        if words:
            words.pop(0)
        await bench.next_cycle()
    return egress
