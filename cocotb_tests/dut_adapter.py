"""The module `core_under_test`, which frame_bench.v instantiates: a core under its own names as the bench knows it."""

from __future__ import annotations

from pathlib import Path

from cocotb_tests.dut_file import Core
from cocotb_tests.dut_schema import AxiLite, Stream, StrobeBus

ADAPTER = "core_under_test"

PORTS = """\
    input  wire                clk,
    input  wire                reset,
    input  wire [PORTS*64-1:0] s_axis_tdata,
    input  wire [PORTS*8-1:0]  s_axis_tkeep,
    input  wire [PORTS-1:0]    s_axis_tvalid,
    output wire [PORTS-1:0]    s_axis_tready,
    input  wire [PORTS-1:0]    s_axis_tlast,
    input  wire [PORTS-1:0]    s_axis_tuser,
    output wire [PORTS*64-1:0] m_axis_tdata,
    output wire [PORTS*8-1:0]  m_axis_tkeep,
    output wire [PORTS-1:0]    m_axis_tvalid,
    input  wire [PORTS-1:0]    m_axis_tready,
    output wire [PORTS-1:0]    m_axis_tlast,
    output wire [PORTS-1:0]    m_axis_tuser,
    input  wire [15:0]         axil_awaddr,
    input  wire [15:0]         axil_araddr,
    input  wire [31:0]         axil_wdata,
    input  wire                axil_awvalid,
    output wire                axil_awready,
    input  wire                axil_wvalid,
    output wire                axil_wready,
    output wire [1:0]          axil_bresp,
    output wire                axil_bvalid,
    input  wire                axil_bready,
    input  wire                axil_arvalid,
    output wire                axil_arready,
    output wire [31:0]         axil_rdata,
    output wire [1:0]          axil_rresp,
    output wire                axil_rvalid,
    input  wire                axil_rready,
    output wire                event_valid,
    output wire [4:0]          event_port,
    output wire [7:0]          event_reason,
    output wire [PORTS-1:0]    event_ports,
    output wire [PORTS-1:0]    event_full,
    output wire                write_valid,
    output wire [15:0]         write_address,
    output wire [31:0]         write_data"""

# A foreign register bus behind the bench's AXI4-Lite.
STROBE_BUS = """\
    wire strobe;
    wire strobe_write;
    wire [15:0] strobe_address;
    wire [31:0] strobe_write_data;
    wire [31:0] strobe_read_data;
    wire strobe_done;
    strobe_master registers (
        .clk(clk),
        .reset(reset),
        .axil_awaddr(axil_awaddr),
        .axil_araddr(axil_araddr),
        .axil_wdata(axil_wdata),
        .axil_awvalid(axil_awvalid),
        .axil_awready(axil_awready),
        .axil_wvalid(axil_wvalid),
        .axil_wready(axil_wready),
        .axil_bresp(axil_bresp),
        .axil_bvalid(axil_bvalid),
        .axil_arvalid(axil_arvalid),
        .axil_arready(axil_arready),
        .axil_rdata(axil_rdata),
        .axil_rresp(axil_rresp),
        .axil_rvalid(axil_rvalid),
        .strobe(strobe),
        .strobe_write(strobe_write),
        .strobe_address(strobe_address),
        .strobe_write_data(strobe_write_data),
        .strobe_read_data(strobe_read_data),
        .strobe_done(strobe_done)
    );"""

Connections = list[tuple[str, str]]


def adapter_text(core: Core) -> str:
    """Return the module's source: the core with its parameters, and 0 for what it does not say."""
    keys = core.dut.keys
    wires: Connections = [(keys.clock, "clk"), (keys.reset.name, "reset" if keys.reset.active == "high" else "!reset")]
    ties: list[tuple[str, str]] = []
    for stream, side in ((keys.streams.into, "s_axis"), (keys.streams.out, "m_axis")):
        wires += _stream(stream, side, core.shape.ports)
    if keys.streams.out.user is None:
        ties.append(("m_axis_tuser", "{PORTS{1'b0}}"))
    before = ""
    if keys.registers.axi4_lite is not None:
        wires += _axi_lite(keys.registers.axi4_lite)
    if keys.registers.strobe_bus is not None:
        before = STROBE_BUS + "\n\n"
        wires += _strobe_bus(keys.registers.strobe_bus, ties)
    for record, prefix, widths in (
        (keys.records.events, "event", {"valid": 1, "port": 5, "reason": 8, "ports": "PORTS", "full": "PORTS"}),
        (keys.records.writes, "write", {"valid": 1, "address": 16, "data": 32}),
    ):
        if record is not None:
            wires += [(getattr(record, name), f"{prefix}_{name}") for name in widths]
        else:
            ties += [(f"{prefix}_{name}", f"{{{width}{{1'b0}}}}") for name, width in widths.items()]
    return _module(core, before, wires, ties)


def _stream(stream: Stream, side: str, n_ports: int) -> Connections:
    """Connect each signal, or each port's part of it to the signal with the port in its name."""
    wires: Connections = []
    for name, width in {"data": 64, "keep": 8, "valid": 1, "ready": 1, "last": 1, "user": 1}.items():
        signal = getattr(stream, name)
        if signal is None:
            continue
        if signal.format(port=0) == signal.format(port=1):
            wires.append((signal.format(port=0), f"{side}_t{name}"))
        else:
            wires += [(signal.format(port=p), f"{side}_t{name}[{p * width}+:{width}]") for p in range(n_ports)]
    return wires


def _axi_lite(bus: AxiLite) -> Connections:
    return [(getattr(bus, name), "4'hF" if name == "wstrb" else f"axil_{name}") for name in AxiLite.model_fields]


def _strobe_bus(bus: StrobeBus, ties: list[tuple[str, str]]) -> Connections:
    ends = {"strobe": "strobe", **{name: f"strobe_{name}" for name in StrobeBus.model_fields if name != "strobe"}}
    for name, tie in (("read_data", "32'd0"), ("done", "1'b1")):
        if getattr(bus, name) is None:
            ties.append((ends.pop(name), tie))
    return [(getattr(bus, name), end) for name, end in ends.items()]


def _module(core: Core, before: str, wires: Connections, ties: list[tuple[str, str]]) -> str:
    values = ",\n".join(f"        .{name}({value})" for name, value in core.parameters.items())
    chosen = f" #(\n{values}\n    )" if values else ""
    ends = ",\n".join(f"        .{name}({wire})" for name, wire in wires)
    assigns = "".join(f"    assign {name} = {value};\n" for name, value in ties)
    return f"""\
// Written by cocotb_tests/dut_adapter.py for {core.dut.name}.

`default_nettype none

module {ADAPTER} #(
    parameter PORTS = {core.shape.ports}
) (
{PORTS}
);
{before}    {core.dut.keys.top}{chosen} core (
{ends}
    );
{assigns}endmodule

`default_nettype wire
"""


def write_adapter(core: Core, folder: Path) -> Path:
    """Write the module to a folder; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ADAPTER}.v"
    path.write_text(adapter_text(core), encoding="utf-8")
    return path
