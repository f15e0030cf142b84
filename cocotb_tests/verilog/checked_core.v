// The switch core as it is, and the checkers of its protocols beside it, for tests that drive its ports themselves.
//
// `broken_rule` is the number of a rule that is broken, 0 for none, and `broken_port` says where, as the checkers do:
// cocotb_tests/rule_watch.py looks at them.

`default_nettype none

module checked_core #(
    parameter PORTS = 5,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter INGRESS_BYTES = 16384,
    parameter QUEUE_BYTES = 32768,
    parameter MAX_FRAME_BYTES = 1514,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16,
    parameter POOL_FILTERS = 0,
    parameter PAUSE = 0,
    parameter PRIVATE_VLANS = 0
) (
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
    input  wire [15:0]         s_axil_awaddr,
    input  wire                s_axil_awvalid,
    output wire                s_axil_awready,
    input  wire [31:0]         s_axil_wdata,
    input  wire [3:0]          s_axil_wstrb,
    input  wire                s_axil_wvalid,
    output wire                s_axil_wready,
    output wire [1:0]          s_axil_bresp,
    output wire                s_axil_bvalid,
    input  wire                s_axil_bready,
    input  wire [15:0]         s_axil_araddr,
    input  wire                s_axil_arvalid,
    output wire                s_axil_arready,
    output wire [31:0]         s_axil_rdata,
    output wire [1:0]          s_axil_rresp,
    output wire                s_axil_rvalid,
    input  wire                s_axil_rready,
    output wire                event_valid,
    output wire [4:0]          event_port,
    output wire [7:0]          event_reason,
    output wire [PORTS-1:0]    event_ports,
    output wire [PORTS-1:0]    event_full,
    output wire                write_valid,
    output wire [15:0]         write_address,
    output wire [31:0]         write_data,
    output wire [7:0]          broken_rule,
    output wire [7:0]          broken_port
);
    wire [7:0] stream_rule;
    wire [7:0] stream_port;
    wire [7:0] lite_rule;
    assign broken_rule = (stream_rule != 8'd0) ? stream_rule : lite_rule;
    assign broken_port = (stream_rule != 8'd0) ? stream_port : 8'd0;

    eth_switch_core #(
        .PORTS(PORTS),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .INGRESS_BYTES(INGRESS_BYTES),
        .QUEUE_BYTES(QUEUE_BYTES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) core (
        .clk(clk),
        .reset(reset),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .s_axil_awaddr(s_axil_awaddr),
        .s_axil_awvalid(s_axil_awvalid),
        .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb),
        .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr),
        .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata),
        .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready),
        .event_valid(event_valid),
        .event_port(event_port),
        .event_reason(event_reason),
        .event_ports(event_ports),
        .event_full(event_full),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data)
    );

    axi_stream_checker #(
        .PORTS(PORTS)
    ) checker_of_outputs (
        .clk(clk),
        .reset(reset),
        .tdata(m_axis_tdata),
        .tkeep(m_axis_tkeep),
        .tvalid(m_axis_tvalid),
        .tready(m_axis_tready),
        .tlast(m_axis_tlast),
        .tuser(m_axis_tuser),
        .broken(stream_rule),
        .broken_port(stream_port)
    );

    axi_lite_checker checker_of_answers (
        .clk(clk),
        .reset(reset),
        .awvalid(s_axil_awvalid),
        .awready(s_axil_awready),
        .wvalid(s_axil_wvalid),
        .wready(s_axil_wready),
        .bresp(s_axil_bresp),
        .bvalid(s_axil_bvalid),
        .bready(s_axil_bready),
        .arvalid(s_axil_arvalid),
        .arready(s_axil_arready),
        .rdata(s_axil_rdata),
        .rresp(s_axil_rresp),
        .rvalid(s_axil_rvalid),
        .rready(s_axil_rready),
        .broken(lite_rule),
        .addresses(),
        .data(),
        .reads()
    );
endmodule

`default_nettype wire
