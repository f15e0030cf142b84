"""The switch core on the bench, for tests that act beat by beat: clock, reset, registers, frames in and out."""

from __future__ import annotations

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

PERIOD_NS = 10
SETTLING_NS = 1  # what is set after an edge is through the combinational logic by then
BEAT_BYTES = 8
INPUTS = (
    *("s_axis_tdata", "s_axis_tkeep", "s_axis_tvalid", "s_axis_tlast", "s_axis_tuser", "m_axis_tready"),
    *("s_axil_awaddr", "s_axil_awvalid", "s_axil_wdata", "s_axil_wstrb", "s_axil_wvalid", "s_axil_bready"),
    *("s_axil_araddr", "s_axil_arvalid", "s_axil_rready"),
)


def beats_of(frame, is_bad=False):
    """Cut a frame into (data, keep, last, user)."""
    chunks = [frame[at : at + BEAT_BYTES] for at in range(0, len(frame), BEAT_BYTES)]
    return [
        (int.from_bytes(chunk, "little"), (1 << len(chunk)) - 1, i == len(chunks) - 1, is_bad and i == len(chunks) - 1)
        for i, chunk in enumerate(chunks)
    ]


class CoreBench:
    """Drive a core between its clock edges, so that what is set or seen belongs to the next edge."""

    def __init__(self, dut):
        self.dut = dut
        self.n_ports = len(dut.m_axis_tvalid)
        self.received = [[] for _ in range(self.n_ports)]
        self.partial = [b""] * self.n_ports
        self.events = []
        self.cycle = 0

    async def start(self):
        """Start the clock and reset the core."""
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.m_axis_tready.value = (1 << self.n_ports) - 1
        self.dut.reset.value = 1
        cocotb.start_soon(Clock(self.dut.clk, PERIOD_NS, unit="ns").start())
        await self.reset()

    async def reset(self):
        """Hold reset for two cycles; what was on its way is gone."""
        self.dut.reset.value = 1
        await FallingEdge(self.dut.clk)
        await FallingEdge(self.dut.clk)
        self.dut.reset.value = 0
        self.partial = [b""] * self.n_ports
        self.cycle = 0

    async def step(self):
        """Go on to the next cycle; note the event and the beats of the one that ends."""
        dut = self.dut
        await Timer(SETTLING_NS, "ns")
        if dut.event_valid.value == 1:
            names = ("event_port", "event_reason", "event_ports", "event_full")
            self.events.append(tuple(int(getattr(dut, name).value) for name in names))
        moved = int(dut.m_axis_tvalid.value) & int(dut.m_axis_tready.value)
        if moved:
            data, keep, last = (int(getattr(dut, f"m_axis_{name}").value) for name in ("tdata", "tkeep", "tlast"))
            for port in range(self.n_ports):
                if moved >> port & 1:
                    self._note_beat(port, data >> 64 * port, (keep >> 8 * port & 0xFF).bit_count(), last >> port & 1)
        self.cycle += 1
        await FallingEdge(dut.clk)

    def _note_beat(self, port, data, n_bytes, is_last):
        self.partial[port] += (data & (1 << 64) - 1).to_bytes(BEAT_BYTES, "little")[:n_bytes]
        if is_last:
            self.received[port].append(self.partial[port])
            self.partial[port] = b""

    async def steps(self, n_cycles):
        """Go on by a number of cycles."""
        for _ in range(n_cycles):
            await self.step()

    async def send(self, port, frame, is_bad=False, n_beats=None):
        """Send a frame, or the first `n_beats` of its beats, without a pause; no other port sends."""
        dut = self.dut
        for data, keep, last, user in beats_of(frame, is_bad)[:n_beats]:
            dut.s_axis_tdata.value = data << 64 * port
            dut.s_axis_tkeep.value = keep << 8 * port
            dut.s_axis_tlast.value = int(last) << port
            dut.s_axis_tuser.value = int(user) << port
            dut.s_axis_tvalid.value = 1 << port
            await self._until(lambda: int(dut.s_axis_tready.value) >> port & 1)
            await self.step()
        dut.s_axis_tvalid.value = 0

    async def _until(self, is_true, limit=10_000):
        for _ in range(limit):
            await Timer(SETTLING_NS, "ns")
            if is_true():
                return
            await self.step()
        raise TimeoutError(f"nothing for {limit} cycles")

    async def write(self, address, value, strobes=0xF, data_first=False):
        """Write a register; return the response."""
        dut = self.dut
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, value, strobes
        dut.s_axil_bready.value = 1
        for name in ("w", "aw") if data_first else ("aw", "w"):
            getattr(dut, f"s_axil_{name}valid").value = 1
            await self._until(lambda name=name: getattr(dut, f"s_axil_{name}ready").value == 1)
            await self.step()
            getattr(dut, f"s_axil_{name}valid").value = 0
        await self._until(lambda: dut.s_axil_bvalid.value == 1)
        response = int(dut.s_axil_bresp.value)
        await self.step()
        return response

    async def read(self, address):
        """Read a register; return its value and the response."""
        dut = self.dut
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value, dut.s_axil_rready.value = address, 1, 1
        await self._until(lambda: dut.s_axil_arready.value == 1)
        await self.step()
        dut.s_axil_arvalid.value = 0
        await self._until(lambda: dut.s_axil_rvalid.value == 1)
        answer = int(dut.s_axil_rdata.value), int(dut.s_axil_rresp.value)
        await self.step()
        return answer
