// The switch core with a stream of its own name for each port, as bus models of single streams expect it.

`default_nettype none

module core_streams #(
    parameter PORTS = 5,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter INGRESS_BYTES = 16384,
    parameter QUEUE_BYTES = 32768,
    parameter MAX_FRAME_BYTES = 1514,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16
) (
    input  wire        clk,
    input  wire        reset,
    input  wire [15:0] s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output wire [1:0]  s_axil_bresp,
    output wire        s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [15:0] s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0]  s_axil_rresp,
    output wire        s_axil_rvalid,
    input  wire        s_axil_rready,
    output wire        event_valid,
    output wire [4:0]  event_port,
    output wire [7:0]  event_reason,
    output wire [7:0]  broken_rule,    // of a protocol, 0 for none
    output wire [7:0]  broken_port
);
    wire [PORTS*64-1:0] s_tdata;
    wire [PORTS*8-1:0] s_tkeep;
    wire [PORTS-1:0] s_tvalid;
    wire [PORTS-1:0] s_tready;
    wire [PORTS-1:0] s_tlast;
    wire [PORTS-1:0] s_tuser;
    wire [PORTS*64-1:0] m_tdata;
    wire [PORTS*8-1:0] m_tkeep;
    wire [PORTS-1:0] m_tvalid;
    wire [PORTS-1:0] m_tready;
    wire [PORTS-1:0] m_tlast;
    wire [PORTS-1:0] m_tuser;

    genvar p;
    generate
        for (p = 0; p < PORTS; p = p + 1) begin : g_port
            reg [63:0] s_axis_tdata;
            reg [7:0] s_axis_tkeep;
            reg s_axis_tvalid;
            reg s_axis_tlast;
            reg s_axis_tuser;
            reg m_axis_tready;
            wire s_axis_tready = s_tready[p];
            wire [63:0] m_axis_tdata = m_tdata[p*64+:64];
            wire [7:0] m_axis_tkeep = m_tkeep[p*8+:8];
            wire m_axis_tvalid = m_tvalid[p];
            wire m_axis_tlast = m_tlast[p];
            wire m_axis_tuser = m_tuser[p];
            assign s_tdata[p*64+:64] = s_axis_tdata;
            assign s_tkeep[p*8+:8] = s_axis_tkeep;
            assign s_tvalid[p] = s_axis_tvalid;
            assign s_tlast[p] = s_axis_tlast;
            assign s_tuser[p] = s_axis_tuser;
            assign m_tready[p] = m_axis_tready;
            initial begin
                s_axis_tdata = 64'd0;
                s_axis_tkeep = 8'd0;
                s_axis_tvalid = 1'b0;
                s_axis_tlast = 1'b0;
                s_axis_tuser = 1'b0;
                m_axis_tready = 1'b0;
            end
        end
    endgenerate

    checked_core #(
        .PORTS(PORTS),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .INGRESS_BYTES(INGRESS_BYTES),
        .QUEUE_BYTES(QUEUE_BYTES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES)
    ) core (
        .clk(clk),
        .reset(reset),
        .s_axis_tdata(s_tdata),
        .s_axis_tkeep(s_tkeep),
        .s_axis_tvalid(s_tvalid),
        .s_axis_tready(s_tready),
        .s_axis_tlast(s_tlast),
        .s_axis_tuser(s_tuser),
        .m_axis_tdata(m_tdata),
        .m_axis_tkeep(m_tkeep),
        .m_axis_tvalid(m_tvalid),
        .m_axis_tready(m_tready),
        .m_axis_tlast(m_tlast),
        .m_axis_tuser(m_tuser),
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
        .event_ports(),
        .event_full(),
        .write_valid(),
        .write_address(),
        .write_data(),
        .broken_rule(broken_rule),
        .broken_port(broken_port)
    );
endmodule

`default_nettype wire
