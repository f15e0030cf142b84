"""The shortest way to write registers of a module over AXI4-Lite, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from cocotb_tests.core_registers import Write
from cocotb_tests.module_bench import ModuleBench

IDLE = {
    f"s_axil_{name}": 0
    for name in ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")
}


async def write_registers(bench: ModuleBench, writes: Iterable[Write], address_shift: int = 0) -> None:
    """Carry out writes; `address_shift`: bits of the address that the module leaves out."""
    await bench.next_cycle()
    await bench.settle(s_axil_wstrb=15, s_axil_bready=1)
    for address, data in writes:
        await bench.settle(s_axil_awaddr=address >> address_shift, s_axil_wdata=data, s_axil_awvalid=1, s_axil_wvalid=1)
        assert bench.get("s_axil_awready") and bench.get("s_axil_wready")
        await bench.next_cycle()
        await bench.settle(s_axil_awvalid=0, s_axil_wvalid=0)
        for _ in range(8):
            if bench.get("s_axil_bvalid"):
                break
            await bench.next_cycle()
        assert bench.get("s_axil_bvalid") == 1 and bench.get("s_axil_bresp") == 0, hex(address)
        await bench.next_cycle()
