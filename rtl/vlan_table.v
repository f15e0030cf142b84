// The VLAN table: the members of a VLAN, and which of them get its frames untagged.
//
// An entry is written with the last of its words. Owners are kept by port, so that a result bit is one OR over the entries.

`default_nettype none
`include "switch_registers.vh"

module vlan_table #(
    parameter PORTS = 9,
    parameter ENTRIES = 32
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             write_valid,
    input  wire [15:2]      write_address,
    input  wire [PORTS-1:0] write_data,
    input  wire [11:0]      stage_vid,      // what was written to the words before the last
    input  wire [PORTS-1:0] stage_members,
    output wire             write_hit,
    input  wire [15:2]      read_address,
    input  wire             read_valid,     // read_data is to be there in the next cycle
    output wire             read_hit,
    output reg  [31:0]      read_data,
    input  wire [11:0]      vlan,           // what to look up; the answer is there in the same cycle
    output reg  [PORTS-1:0] members,
    output reg  [PORTS-1:0] untagged
);
    localparam INDEX_W = (ENTRIES == 1) ? 1 : $clog2(ENTRIES);
    localparam [8:0] SIZE = ENTRIES[8:0];

    function is_mapped(input [15:2] address);
        is_mapped = address[15:12] == 4'h2 && {1'b0, address[11:4]} < SIZE && address[3:2] != 2'd3;
    endfunction

    reg [11:0] vid[0:ENTRIES-1];
    reg [ENTRIES-1:0] members_of[0:PORTS-1];
    reg [ENTRIES-1:0] untagged_of[0:PORTS-1];

    assign write_hit = is_mapped(write_address);
    assign read_hit = is_mapped(read_address);
    wire commits = write_valid && write_hit && {12'd0, write_address[3:2], 2'b00} == `REG_VLAN_UNTAGGED;
    wire [INDEX_W-1:0] write_index = write_address[4+:INDEX_W];
    wire [INDEX_W-1:0] read_index = read_address[4+:INDEX_W];

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            for (i = 0; i < ENTRIES; i = i + 1) vid[i] <= 12'd0;
            for (i = 0; i < PORTS; i = i + 1) members_of[i] <= 0;
            for (i = 0; i < PORTS; i = i + 1) untagged_of[i] <= 0;
        end else if (commits) begin
            vid[write_index] <= stage_vid;
            for (i = 0; i < PORTS; i = i + 1) members_of[i][write_index] <= stage_members[i];
            for (i = 0; i < PORTS; i = i + 1) untagged_of[i][write_index] <= write_data[i];
        end
    end

    wire [ENTRIES-1:0] hit;
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign hit[g] = vid[g] == vlan && vlan != 12'd0;
        end
    endgenerate

    integer o;
    always @* begin
        for (o = 0; o < PORTS; o = o + 1) begin
            members[o] = (hit & members_of[o]) != 0;
            untagged[o] = (hit & untagged_of[o]) != 0;
        end
    end

    integer p;
    always @(posedge clk) begin
        if (read_valid) begin
            read_data <= 32'd0;
            case (read_address[3:2])
                2'd0: read_data[11:0] <= vid[read_index];
                2'd1: for (p = 0; p < PORTS; p = p + 1) read_data[p] <= members_of[p][read_index];
                default: for (p = 0; p < PORTS; p = p + 1) read_data[p] <= untagged_of[p][read_index];
            endcase
        end
    end

`ifdef FORMAL
`include "formal/vlan_table_properties.vh"
`endif
endmodule

`default_nettype wire
