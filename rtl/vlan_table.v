// The VLAN table: the members of a VLAN, and which of them get its frames untagged.
//
// A lookup compares in the cycle after LOOK (docs/switch_core.md), in which the VLAN is given; in the next one it puts
// together what the entries found say, and it answers in the one after. So that it sees all of the table as it is in
// LOOK, a write changes the VLANs a cycle late, and the members two cycles late.
//
// An entry is written with the last of its words. Ports are kept one by one, so that a result bit is one OR over the
// entries; a second time the entries are in a RAM, for software to read.

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
    output wire [31:0]      read_data,
    input  wire [11:0]      vlan,           // what to look up; the answer is there two cycles later
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

    reg commits_later;              // a cycle later
    reg [INDEX_W-1:0] later_index;
    reg [11:0] later_vid;
    reg [PORTS-1:0] later_members;
    reg [PORTS-1:0] later_untagged;
    reg commits_last;               // two cycles later
    reg [INDEX_W-1:0] last_index;
    reg [PORTS-1:0] last_members;
    reg [PORTS-1:0] last_untagged;
    integer i;
    always @(posedge clk) begin
        later_index <= write_index;
        later_vid <= stage_vid;
        later_members <= stage_members;
        later_untagged <= write_data;
        last_index <= later_index;
        last_members <= later_members;
        last_untagged <= later_untagged;
        if (reset) begin
            commits_later <= 1'b0;
            commits_last <= 1'b0;
            for (i = 0; i < ENTRIES; i = i + 1) vid[i] <= 12'd0;
            for (i = 0; i < PORTS; i = i + 1) members_of[i] <= 0;
            for (i = 0; i < PORTS; i = i + 1) untagged_of[i] <= 0;
        end else begin
            commits_later <= commits;
            commits_last <= commits_later;
            if (commits_later) vid[later_index] <= later_vid;
            if (commits_last) begin
                for (i = 0; i < PORTS; i = i + 1) members_of[i][last_index] <= last_members[i];
                for (i = 0; i < PORTS; i = i + 1) untagged_of[i][last_index] <= last_untagged[i];
            end
        end
    end

    wire [ENTRIES-1:0] is_vlan;
    reg [ENTRIES-1:0] hit;
    wire [PORTS-1:0] is_member;
    wire [PORTS-1:0] is_untagged;
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign is_vlan[g] = vid[g] == vlan && vlan != 12'd0;
        end
        for (g = 0; g < PORTS; g = g + 1) begin : g_port
            assign is_member[g] = (hit & members_of[g]) != 0;
            assign is_untagged[g] = (hit & untagged_of[g]) != 0;
        end
    endgenerate

    always @(posedge clk) begin
        hit <= is_vlan;
        members <= is_member;
        untagged <= is_untagged;
    end

    // For software: written at once.
    (* ram_style = "distributed" *) reg [12+2*PORTS-1:0] entry[0:ENTRIES-1];
    reg [ENTRIES-1:0] is_written;   // since the reset
    wire [12+2*PORTS-1:0] read_entry = entry[read_index];
    reg [31:0] word;
    reg has_word;
    assign read_data = has_word ? word : 32'd0;
    always @(posedge clk) begin
        if (commits) entry[write_index] <= {stage_vid, stage_members, write_data};
        if (reset) is_written <= 0;
        else if (commits) is_written[write_index] <= 1'b1;
        if (read_valid) begin
            has_word <= is_written[read_index];
            case (read_address[3:2])
                2'd0: word <= {20'd0, read_entry[2*PORTS+:12]};
                2'd1: word <= {{(32 - PORTS) {1'b0}}, read_entry[PORTS+:PORTS]};
                default: word <= {{(32 - PORTS) {1'b0}}, read_entry[0+:PORTS]};
            endcase
        end
    end

`ifdef FORMAL
`include "formal/vlan_table_properties.vh"
`endif
endmodule

`default_nettype wire
