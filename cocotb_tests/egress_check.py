"""Frames through output_port or switch_egress, each handshake against the second model of the outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from cocotb_tests.module_bench import ModuleBench, joined
from cocotb_tests.tagged_copies import TaggedCopy, random_copy
from tests.oracles.core_output_cycles import Copy, Output

KINDS = ("round_robin", "deficit", "strict")
LONGEST = 300


class EgressBench:
    """The outputs of a module, with their models beside them."""

    def __init__(self, dut: Any, n_ports: int, stalls: float, kinds: Sequence[int]) -> None:
        self.bench = ModuleBench(dut, seed=20)
        self.n_ports, self.stalls, self.kinds = n_ports, stalls, kinds
        priorities, bus_w, words = (
            getattr(dut, name).value.to_unsigned() for name in ("PRIORITIES", "BUS_W", "QUEUE_WORDS")
        )
        self.word_bytes = bus_w // 8
        self.shape = SimpleNamespace(priorities=priorities, lanes=bus_w // 64, queue_words=words)
        self.kind, self.quanta, self.ready = [0] * n_ports, [[1518] * priorities for _ in range(n_ports)], 0
        self.has_pause, self.paused = dut.PAUSE.value.to_unsigned(), [0] * n_ports  # priorities
        self.outputs = [Output(self.shape, p, self._settings(p), self._ready(p)) for p in range(n_ports)]
        self.n_seen = self.n_lost = 0

    def _settings(self, port: int) -> Callable[[int], tuple[str, list[int], int]]:
        return lambda _: (KINDS[self.kind[port]], self.quanta[port], self.paused[port] if self.has_pause else 0)

    def _ready(self, port: int) -> Callable[[int], bool]:
        return lambda _: bool(self.ready >> port & 1)

    def new_cycle(self) -> None:
        """Choose which outputs are ready; from time to time, other schedulers, and other queues that are paused.

        However many ports there are, the queues of each are as often paused.
        """
        rng = self.bench.rng
        self.ready = sum((not self.bench.chance(self.stalls)) << port for port in range(self.n_ports))
        if self.bench.chance(0.02 * self.n_ports):
            self.paused[rng.randrange(self.n_ports)] = rng.choice((0, 0, 0xFF, rng.getrandbits(8)))
        if self.bench.cycle % 300 == 0:
            for port in range(self.n_ports):
                self.kind[port] = rng.choice(self.kinds)
                self.quanta[port] = [rng.choice((40, 200, 1518)) for _ in range(self.shape.priorities)]

    def settings(self) -> dict[str, int]:
        """Return the inputs that say how queues take turns."""
        quanta = [quantum for port in self.quanta for quantum in port]
        paused = [self._paused_queues(priorities) for priorities in self.paused]
        return {
            "scheduler": joined(self.kind, 2),
            "quantum": joined(quanta, 16),
            "paused": joined(paused, self.shape.priorities),
        }

    def _paused_queues(self, priorities: int) -> int:
        n_queues = self.shape.priorities
        return sum(1 << q for q in {each * n_queues // 8 for each in range(8) if priorities >> each & 1})

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

    def accept(self, following: OnBus) -> None:
        """Give a frame its room in the queues of its ports."""
        for port, output in enumerate(self.outputs):
            output.occupied[following.queue] += len(following.words) * (following.ports >> port & 1)

    def step(self, now: OnBus | None) -> None:
        """End the cycle; `now`: the frame of which a word is written in it."""
        cycle = self.bench.cycle
        for output in self.outputs:
            output.cycle(cycle)
        for port, output in enumerate(self.outputs):
            if now is not None and now.is_first and now.ports >> port & 1:
                data = now.frame.copy if now.tagged >> port & 1 else now.frame.plain
                sent = SimpleNamespace(data=now.frame.stored, n_words=len(now.words), copies={port: {}})
                output.scheduler.enter(cycle, Copy(sent, data, now.queue))
            output.clock()


@dataclass
class OnBus:
    """A frame that is decided in one cycle and written from the next one on; `ports` are those that accept it."""

    frame: TaggedCopy
    queue: int
    tagged: int
    ports: int
    words: list[int]
    is_first: bool = True

    @classmethod
    def drawn(cls, egress: EgressBench, n_bytes: int | None = None, ports: int | None = None) -> OnBus:
        """Draw a frame, and what is decided of it, except what is given; the queues that have room get it."""
        rng, size = egress.bench.rng, egress.word_bytes
        frame, queue = random_copy(rng, LONGEST, n_bytes), rng.randrange(egress.shape.priorities)
        pieces = [frame.stored[i : i + size].ljust(size, b"\0") for i in range(0, len(frame.stored), size)]
        chosen, tagged = rng.randrange(1 << egress.n_ports), rng.randrange(1 << egress.n_ports)
        words = [int.from_bytes(piece, "little") for piece in pieces]
        return cls(frame, queue, tagged, chosen if ports is None else ports, words)

    def decided(self) -> dict[str, int]:
        """Return the inputs of the cycle in which it is decided, those of output_port and of switch_egress."""
        n_words = len(self.words)
        said = {f"decided_{name}": value for name, value in self._description().items()}
        offered = {"offer": self.ports, "offer_queue": self.queue, "offer_words": n_words}
        return said | offered | {"decided": 1, "decided_words": n_words, "decided_adds_at": self.tagged}

    def written(self) -> dict[str, int]:
        """Return the inputs of a cycle in which a word of it is written, those of output_port."""
        said = {f"write_{name}": value for name, value in self._description().items()}
        return said | self.word() | {"write_last": len(self.frame.stored) - 1, "write_tagged": self.tagged}

    def word(self) -> dict[str, int]:
        """Return those of them that switch_egress has, too."""
        return {"write": self.ports, "write_first": self.is_first, "write_word": self.words[0]}

    def _description(self) -> dict[str, int]:
        frame = self.frame
        return {
            "queue": self.queue, "length": len(frame.stored), "strip": frame.strip, "add": frame.add,
            "value": frame.value,
        }  # fmt: skip


async def check_egress(
    dut: Any,
    n_ports: int,
    names: dict[str, str],
    idles: float,
    stalls: float,
    n_cycles: int = 4000,
    lengths: Sequence[int] = (),
    kinds: Sequence[int] = range(len(KINDS)),
) -> EgressBench:
    """Write frames for so many cycles; `names` maps m_axis_* to the module's own names.

    The first frames have `lengths` in bytes, and go to one port each, in turn. `kinds`: the schedulers to draw from.
    """
    egress = EgressBench(dut, n_ports, stalls, kinds)
    bench, ready_name = egress.bench, names["m_axis_tready"]
    blank = OnBus.drawn(egress)
    # One of the two modules registers what is decided, the other one is given it as it is written. The registers have
    # the names of those inputs: a bench that set them would hide what is wrong in them.
    named = blank.decided() | (blank.word() if hasattr(dut, "decided") else blank.written())
    inputs = [name for name in named if hasattr(dut, name)]
    await bench.start(**dict.fromkeys((*inputs, ready_name), 0), **egress.settings())
    now: OnBus | None = None
    first = deque((n_bytes, 1 << number % n_ports) for number, n_bytes in enumerate(lengths))
    for _ in range(n_cycles):
        egress.new_cycle()
        ends = now is None or len(now.words) == 1
        following = None
        if ends and not bench.chance(idles):
            following = OnBus.drawn(egress, *(first.popleft() if first else ()))
        driven = dict.fromkeys(("decided", "offer", "write"), 0)
        driven |= (now.written() if now else {}) | (following.decided() if following else {})
        await bench.settle(
            **{name: value for name, value in driven.items() if name in inputs}, **egress.settings(),
            **{ready_name: egress.ready},
        )  # fmt: skip
        if following is not None:
            room = egress.room(following.queue, len(following.words))
            assert bench.get("room") == room, bench.cycle
            egress.n_lost += following.ports & ~room != 0
            following.ports &= room
            egress.accept(following)
        egress.check_beats(names)
        egress.step(now)
        if now is not None:
            now.words.pop(0)
            now.is_first = False
        now = following if ends else now
        await bench.next_cycle()
    return egress
