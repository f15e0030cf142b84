// The AXI4-Lite port: one write and one read under way at a time, the registers of what the core is, and the stage of the
// tables' entries.
//
// A write is carried out, in one cycle, once its address and its data are there and the answer before it is gone: in one
// cycle it is decided whether some block can write there, in the next it is written.

`default_nettype none
`include "switch_registers.vh"

module axi_lite_registers #(
    parameter PORTS = 9,
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
    input  wire        clk,
    input  wire        reset,
    input  wire [15:2] s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output reg  [1:0]  s_axil_bresp,
    output reg         s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [15:2] s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output reg  [31:0] s_axil_rdata,
    output reg  [1:0]  s_axil_rresp,
    output reg         s_axil_rvalid,
    input  wire        s_axil_rready,
    // To the blocks with registers: what is written, and to where.
    output reg         write_valid,
    output reg  [15:2] write_address,
    output reg  [31:0] write_data,
    input  wire        write_hit,      // some block can write there
    output reg  [31:0] stage_first,    // the first words of the table entry that is being written
    output reg  [27:0] stage_second,
    // What is read. Whether some block has it shows in the same cycle, what it is in the next: 0 from blocks that lack it.
    output wire        read_valid,
    output reg  [15:2] read_address,
    input  wire        read_hit,
    input  wire [31:0] read_data
);
    localparam [1:0] OKAY = 2'b00;
    localparam [1:0] SLVERR = 2'b10;
    localparam [15:0] TABLES_FROM = `REG_VLAN_BASE;
    localparam [15:0] TABLES_TO = `REG_COUNTER_BASE;
    localparam HAS_FEATURES = POOL_FILTERS != 0 || PAUSE != 0 || PRIVATE_VLANS != 0;

    reg has_address;
    reg has_data;
    reg [3:0] strobes;

    assign s_axil_awready = !has_address && !reset;
    assign s_axil_wready = !has_data && !reset;
    reg performs;
    wire decides = has_address && has_data && !s_axil_bvalid && !performs;
    wire stages = write_valid && {write_address, 2'b00} >= TABLES_FROM && {write_address, 2'b00} < TABLES_TO;

    always @(posedge clk) begin
        if (reset) begin
            has_address <= 1'b0;
            has_data <= 1'b0;
            performs <= 1'b0;
            write_valid <= 1'b0;
            s_axil_bvalid <= 1'b0;
            s_axil_bresp <= OKAY;
            write_address <= 14'd0;
            write_data <= 32'd0;
            strobes <= 4'd0;
            stage_first <= 32'd0;
            stage_second <= 28'd0;
        end else begin
            if (s_axil_awvalid && s_axil_awready) begin
                has_address <= 1'b1;
                write_address <= s_axil_awaddr;
            end
            if (s_axil_wvalid && s_axil_wready) begin
                has_data <= 1'b1;
                write_data <= s_axil_wdata;
                strobes <= s_axil_wstrb;
            end
            performs <= decides;
            write_valid <= decides && write_hit && strobes == 4'hF;
            if (performs) begin
                has_address <= 1'b0;
                has_data <= 1'b0;
                s_axil_bvalid <= 1'b1;
                s_axil_bresp <= write_valid ? OKAY : SLVERR;
            end else if (s_axil_bready) begin
                s_axil_bvalid <= 1'b0;
            end
            // An entry of the list table has two words, so that every other one begins in the middle; the others' have three.
            if (stages && write_address[15:12] == 4'h3) begin
                if (!write_address[2]) stage_first <= write_data;
            end else if (stages) begin
                if (write_address[3:2] == 2'd0) stage_first <= write_data;
                if (write_address[3:2] == 2'd1) stage_second <= write_data[27:0];
            end
        end
    end

    // What the core is.
    reg own_hit;
    reg [31:0] own_data;
    always @* begin
        own_hit = 1'b1;
        case ({read_address, 2'b00} - `REG_CORE_BASE)
            `REG_CORE_IDENTIFICATION: own_data = `REG_CORE_IDENTIFICATION_VALUE_RESET;
            `REG_CORE_VERSION: own_data = `REG_CORE_VERSION_VALUE_RESET;
            `REG_CORE_SHAPE: own_data = {BUS_W[15:0], PRIORITIES[7:0], PORTS[7:0]};
            `REG_CORE_TABLE_SIZES: own_data = {VLAN_ENTRIES[15:0], MAC_ENTRIES[15:0]};
            `REG_CORE_LIST_SIZE: own_data = {MAX_FRAME_BYTES[15:0], LIST_ENTRIES[15:0]};
            `REG_CORE_INGRESS_BYTES: own_data = INGRESS_BYTES;
            `REG_CORE_QUEUE_BYTES: own_data = QUEUE_BYTES;
            default: begin
                own_hit = 1'b0;
                own_data = 32'd0;
            end
        endcase
        if (HAS_FEATURES && {read_address, 2'b00} == `REG_CORE_BASE + `REG_CORE_FEATURES) begin
            own_hit = 1'b1;
            own_data = {29'd0, PRIVATE_VLANS[0], PAUSE[0], POOL_FILTERS[0]};
        end
    end

    reg reading;
    reg answering;
    reg answers_own;
    reg answers;
    assign s_axil_arready = !reading && !answering && !s_axil_rvalid && !reset;
    assign read_valid = reading;

    always @(posedge clk) begin
        if (reset) begin
            reading <= 1'b0;
            answering <= 1'b0;
            s_axil_rvalid <= 1'b0;
            s_axil_rdata <= 32'd0;
            s_axil_rresp <= OKAY;
            read_address <= 14'd0;
        end else begin
            if (s_axil_arvalid && s_axil_arready) begin
                reading <= 1'b1;
                read_address <= s_axil_araddr;
            end
            answering <= reading;
            if (reading) begin
                reading <= 1'b0;
                answers_own <= own_hit;
                answers <= own_hit || read_hit;
            end
            if (answering) begin
                s_axil_rvalid <= 1'b1;
                s_axil_rdata <= answers_own ? own_data : answers ? read_data : 32'd0;
                s_axil_rresp <= answers ? OKAY : SLVERR;
            end else if (s_axil_rready) begin
                s_axil_rvalid <= 1'b0;
            end
        end
    end

`ifdef FORMAL
`include "formal/axi_lite_registers_properties.vh"
`endif
endmodule

`default_nettype wire
