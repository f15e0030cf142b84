// The address table: whose an address is, in one VLAN or in all. It looks up a frame's destination and source at once.
//
// It compares addresses in the cycle before that of the look-up, with the entries as they are in the look-up's.
//
// An entry is written with the last of its words. Owners are kept by port, so that a result bit is one OR over the entries.

`default_nettype none
`include "switch_registers.vh"

module address_table #(
    parameter PORTS = 9,
    parameter ENTRIES = 64
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             write_valid,
    input  wire [15:2]      write_address,
    input  wire [PORTS-1:0] write_data,
    input  wire [59:0]      stage_key,       // VLAN over address, as written to the words before the last
    output wire             write_hit,
    input  wire [15:2]      read_address,
    input  wire             read_valid,     // read_data is to be there in the next cycle
    output wire             read_hit,
    output reg  [31:0]      read_data,
    input  wire             next_valid,      // what to look up in the next cycle
    input  wire [47:0]      next_destination,
    input  wire [47:0]      next_source,
    input  wire [11:0]      vlan,            // in which VLAN; the answers are there in the same cycle
    output reg  [PORTS-1:0] destination_owners,
    output reg  [PORTS-1:0] source_owners,
    output reg  [PORTS-1:0] source_own       // the same, but only by entries for every VLAN
);
    localparam INDEX_W = (ENTRIES == 1) ? 1 : $clog2(ENTRIES);
    localparam [10:0] SIZE = ENTRIES[10:0];

    function is_mapped(input [15:2] address);
        is_mapped = address[15:14] == 2'b01 && {1'b0, address[13:4]} < SIZE && address[3:2] != 2'd3;
    endfunction

    reg [11:0] vid[0:ENTRIES-1];
    reg [47:0] mac[0:ENTRIES-1];
    reg [ENTRIES-1:0] owned_by[0:PORTS-1];
    reg [ENTRIES-1:0] is_general;

    assign write_hit = is_mapped(write_address);
    assign read_hit = is_mapped(read_address);
    wire commits = write_valid && write_hit && {12'd0, write_address[3:2], 2'b00} == `REG_ADDRESS_OWNERS;
    wire [INDEX_W-1:0] write_index = write_address[4+:INDEX_W];
    wire [INDEX_W-1:0] read_index = read_address[4+:INDEX_W];

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            for (i = 0; i < ENTRIES; i = i + 1) vid[i] <= 12'd0;
            for (i = 0; i < ENTRIES; i = i + 1) mac[i] <= 48'd0;
            for (i = 0; i < PORTS; i = i + 1) owned_by[i] <= 0;
            is_general <= {ENTRIES{1'b1}};
        end else if (commits) begin
            vid[write_index] <= stage_key[59:48];
            mac[write_index] <= stage_key[47:0];
            is_general[write_index] <= stage_key[59:48] == 12'd0;
            for (i = 0; i < PORTS; i = i + 1) owned_by[i][write_index] <= write_data[i];
        end
    end

    reg [ENTRIES-1:0] is_destination;   // the entry has this address
    reg [ENTRIES-1:0] is_source;
    integer e;
    always @(posedge clk) begin
        if (next_valid) begin
            for (e = 0; e < ENTRIES; e = e + 1) begin
                is_destination[e] <= mac[e] == next_destination;
                is_source[e] <= mac[e] == next_source;
            end
            if (commits) begin
                is_destination[write_index] <= stage_key[47:0] == next_destination;
                is_source[write_index] <= stage_key[47:0] == next_source;
            end
        end
    end

    wire [ENTRIES-1:0] in_vlan;
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign in_vlan[g] = is_general[g] || vid[g] == vlan;
        end
    endgenerate
    wire [ENTRIES-1:0] destination_hit = is_destination & in_vlan;
    wire [ENTRIES-1:0] source_hit = is_source & in_vlan;

    integer o;
    always @* begin
        for (o = 0; o < PORTS; o = o + 1) begin
            destination_owners[o] = (destination_hit & owned_by[o]) != 0;
            source_owners[o] = (source_hit & owned_by[o]) != 0;
            source_own[o] = (source_hit & is_general & owned_by[o]) != 0;
        end
    end

    integer p;
    always @(posedge clk) begin
        if (read_valid) begin
            read_data <= 32'd0;
            case (read_address[3:2])
                2'd0: read_data <= mac[read_index][31:0];
                2'd1: read_data <= {4'd0, vid[read_index], mac[read_index][47:32]};
                default: for (p = 0; p < PORTS; p = p + 1) read_data[p] <= owned_by[p][read_index];
            endcase
        end
    end

`ifdef FORMAL
`include "formal/address_table_properties.vh"
`endif
endmodule

`default_nettype wire
