"""What tests of single modules share: a clock, a reset, and one cycle after the other.

Inputs change at the falling edge and outputs are looked at shortly after, so that a test sees the state in a cycle and
what the module makes of that cycle's inputs, as docs/switch_core.md speaks of cycles.
"""

from __future__ import annotations

import random
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

PERIOD_NS = 10
LIMIT = {"timeout_time": 2000, "timeout_unit": "us"}


class ModuleBench:
    """A module with `clk` and maybe `reset`, driven cycle by cycle."""

    def __init__(self, dut: Any, seed: int = 1) -> None:
        self.dut = dut
        self.rng = random.Random(seed)
        self.cycle = 0

    async def start(self, **inputs: int) -> None:
        """Set all inputs and reset the module; the next cycle is 0."""
        for name, value in inputs.items():
            getattr(self.dut, name).value = value
        has_reset = hasattr(self.dut, "reset")
        if has_reset:
            self.dut.reset.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns").start(start_high=False)
        for _ in range(3):
            await FallingEdge(self.dut.clk)
        if has_reset:
            self.dut.reset.value = 0
        self.cycle = 0

    async def settle(self, **inputs: int) -> None:
        """Set inputs of the cycle at hand and let the outputs follow; may be called again in the same cycle."""
        for name, value in inputs.items():
            getattr(self.dut, name).value = value
        await Timer(1, "ns")

    async def next_cycle(self) -> None:
        """Go to the next cycle."""
        await FallingEdge(self.dut.clk)
        self.cycle += 1

    def get(self, name: str) -> int:
        """Return an output as a number; an undefined one is an error."""
        return int(getattr(self.dut, name).value)

    def part(self, name: str, lsb: int, width: int) -> int:
        """Return some bits of an output whose other bits may be undefined."""
        digits = str(getattr(self.dut, name).value)
        return int(digits[len(digits) - lsb - width : len(digits) - lsb], 2)

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.rng.random() < probability

    def near(self, number: int, n_bits: int) -> int:
        """Return a number of so many bits, or, in one cycle of three, one that differs from it in one bit.

        The bits take turns, so that a comparison that leaves one out is found.
        """
        return number ^ 1 << self.cycle % n_bits if self.chance(1 / 3) else number

    def bits(self, n_bits: int) -> int:
        """Return a random number of so many bits, with a leaning to all zeros and all ones."""
        kind = self.rng.randrange(10)
        return 0 if kind == 0 else (1 << n_bits) - 1 if kind == 1 else self.rng.getrandbits(n_bits)


def fields(value: int, *widths: int) -> list[int]:
    """Cut a number into fields, the lowest first."""
    result = []
    for width in widths:
        result.append(value & ((1 << width) - 1))
        value >>= width
    return result


def joined(values: list[int], width: int) -> int:
    """Put numbers of a width side by side, the first lowest."""
    return sum(value << width * i for i, value in enumerate(values))
