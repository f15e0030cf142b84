"""The core's streams and registers through the AXI models of another project, on rtl/wrappers/."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from cocotb_tests.batch_files import Frame
from cocotb_tests.core_registers import CoreParameters
from hwmodel.forwarding.drop_reason import DropReason

BENCH = "eth_switch_streams"
PERIOD_NS = 6


def bench_parameters(parameters: CoreParameters) -> dict[str, int]:
    """Return the wrapper's parameters: those of the core but the number of ports, which its file has."""
    return {name: value for name, value in parameters.verilog().items() if name != "PORTS"}


class Streams:
    """The core's registers and streams, and the reasons in its events, by ingress port, as they come."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.n_ports = next(port for port in count() if not hasattr(dut, f"s{port:02}_axis_tdata"))
        cocotb.log.setLevel("WARNING")
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.reset)
        self.sources, self.sinks = [], []
        for port in range(self.n_ports):
            into, out = (AxiStreamBus.from_prefix(dut, f"{side}{port:02}_axis") for side in "sm")
            self.sources.append(AxiStreamSource(into, dut.clk, dut.reset))
            self.sinks.append(AxiStreamSink(out, dut.clk, dut.reset))
        self.reasons: list[list[str]] = [[] for _ in range(self.n_ports)]

    async def start(self, writes: Iterable[tuple[int, int]]) -> None:
        """Reset the core, write registers and begin to watch its events."""
        self.dut.reset.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns").start()
        await ClockCycles(self.dut.clk, 4)
        self.dut.reset.value = 0
        await ClockCycles(self.dut.clk, 2)
        for address, data in writes:
            assert (await self.registers.write(address, data.to_bytes(4, "little"))).resp == AxiResp.OKAY
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.event_valid.value == 1:
                self.reasons[int(self.dut.event_port.value)].append(DropReason(int(self.dut.event_reason.value)).name)

    def pause(self, idles: Callable[[], bool], stalls: Callable[[], bool]) -> None:
        """Let sources and sinks pause in each cycle for which the function says so."""
        for source in self.sources:
            source.set_pause_generator(iter(idles, None))
        for sink in self.sinks:
            sink.set_pause_generator(iter(stalls, None))


def stream_frame(frame: Frame) -> Any:
    """Return the frame as its source sends it; tuser is set in the last byte's lane alone."""
    users = [0] * (len(frame.data) - 1) + [int(frame.is_bad)]
    return AxiStreamFrame(frame.data, tuser=users)
