// From frame_bench's AXI4-Lite to a bus on which a strobe stays high, with the access beside it, until it is done.

`default_nettype none

module strobe_master (
    input  wire        clk,
    input  wire        reset,
    input  wire [15:0] axil_awaddr,
    input  wire [15:0] axil_araddr,
    input  wire [31:0] axil_wdata,
    input  wire        axil_awvalid,
    output wire        axil_awready,
    input  wire        axil_wvalid,
    output wire        axil_wready,
    output wire [1:0]  axil_bresp,
    output reg         axil_bvalid,
    input  wire        axil_arvalid,
    output wire        axil_arready,
    output reg  [31:0] axil_rdata,
    output wire [1:0]  axil_rresp,
    output reg         axil_rvalid,
    output wire        strobe,
    output wire        strobe_write,
    output wire [15:0] strobe_address,
    output wire [31:0] strobe_write_data,
    input  wire [31:0] strobe_read_data,
    input  wire        strobe_done
);
    // register_player, whose accesses do not overlap here, raises awvalid and wvalid together and takes every answer.
    assign strobe = axil_awvalid || axil_arvalid;
    assign strobe_write = axil_awvalid;
    assign strobe_address = axil_awvalid ? axil_awaddr : axil_araddr;
    assign strobe_write_data = axil_wdata;
    assign axil_awready = strobe_done;
    assign axil_wready = strobe_done;
    assign axil_arready = strobe_done;
    assign axil_bresp = 2'b00;
    assign axil_rresp = 2'b00;

    always @(posedge clk) begin
        axil_bvalid <= !reset && axil_awvalid && axil_wvalid && strobe_done;
        axil_rvalid <= !reset && axil_arvalid && strobe_done;
        axil_rdata <= strobe_read_data;
    end
endmodule

`default_nettype wire
