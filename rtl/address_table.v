// The address table: whose an address is, in one VLAN or in all. It looks up a frame's destination and source at once.
//
// A lookup compares the halves of the addresses in LOOK (docs/switch_core.md), puts them and the VLANs together in the
// next cycle, and the owners in the one after; it answers in the third. So that it sees all of the table as it is in
// LOOK, a write changes the VLANs a cycle later than the addresses, and the owners two cycles later.
//
// An entry is written with the last of its words. Owners are kept by port, so that a result bit is one OR over the entries;
// a second time the entries are in a RAM, for software to read.

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
    output wire [31:0]      read_data,
    input  wire [47:0]      destination,     // what to look up: in LOOK
    input  wire [47:0]      source,
    input  wire [11:0]      vlan,            // in which VLAN: a cycle later; the answers are there two cycles after
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
    wire writes =
        write_valid && write_address[15:14] == 2'b01 && {12'd0, write_address[3:2], 2'b00} == `REG_ADDRESS_OWNERS;
    wire commits = writes && write_hit;
    wire [INDEX_W-1:0] write_index = write_address[4+:INDEX_W];
    wire [INDEX_W-1:0] read_index = read_address[4+:INDEX_W];

    reg commits_later;              // a cycle later
    reg [INDEX_W-1:0] later_index;
    reg [11:0] later_vid;
    reg [PORTS-1:0] later_owners;
    reg commits_last;               // two cycles later
    reg [INDEX_W-1:0] last_index;
    reg [PORTS-1:0] last_owners;
    integer i;
    always @(posedge clk) begin
        later_index <= write_index;
        later_vid <= stage_key[59:48];
        later_owners <= write_data;
        last_index <= later_index;
        last_owners <= later_owners;
        if (reset) begin
            commits_later <= 1'b0;
            commits_last <= 1'b0;
            for (i = 0; i < ENTRIES; i = i + 1) vid[i] <= 12'd0;
            for (i = 0; i < ENTRIES; i = i + 1) mac[i] <= 48'd0;
            for (i = 0; i < PORTS; i = i + 1) owned_by[i] <= 0;
            is_general <= {ENTRIES{1'b1}};
        end else begin
            commits_later <= commits;
            commits_last <= commits_later;
            if (writes) begin
                for (i = 0; i < ENTRIES; i = i + 1) if (write_address[13:4] == i[9:0]) mac[i] <= stage_key[47:0];
            end
            if (commits_later) begin
                vid[later_index] <= later_vid;
                is_general[later_index] <= later_vid == 12'd0;
            end
            if (commits_last) for (i = 0; i < PORTS; i = i + 1) owned_by[i][last_index] <= last_owners[i];
        end
    end

    // The entry has the first half of this address, the second half; the whole address in this VLAN, or in every VLAN.
    // What is compared changes with a frame, not with each cycle: so no loop in a clocked process compares it. The halves
    // have names, so that simulators take them out of the addresses once and not for each entry.
    wire [23:0] destination_high = destination[47:24];
    wire [23:0] destination_low = destination[23:0];
    wire [23:0] source_high = source[47:24];
    wire [23:0] source_low = source[23:0];
    wire [ENTRIES-1:0] has_destination_high;
    wire [ENTRIES-1:0] has_destination_low;
    wire [ENTRIES-1:0] has_source_high;
    wire [ENTRIES-1:0] has_source_low;
    reg [ENTRIES-1:0] is_destination_high;
    reg [ENTRIES-1:0] is_destination_low;
    reg [ENTRIES-1:0] is_source_high;
    reg [ENTRIES-1:0] is_source_low;
    wire [ENTRIES-1:0] in_vlan;
    reg [ENTRIES-1:0] destination_hit;
    reg [ENTRIES-1:0] source_hit;
    reg [ENTRIES-1:0] own_hit;
    wire [PORTS-1:0] owns_destination;
    wire [PORTS-1:0] owns_source;
    wire [PORTS-1:0] owns_source_in_all;
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign has_destination_high[g] = mac[g][47:24] == destination_high;
            assign has_destination_low[g] = mac[g][23:0] == destination_low;
            assign has_source_high[g] = mac[g][47:24] == source_high;
            assign has_source_low[g] = mac[g][23:0] == source_low;
            assign in_vlan[g] = is_general[g] || vid[g] == vlan;
        end
        for (g = 0; g < PORTS; g = g + 1) begin : g_port
            assign owns_destination[g] = (destination_hit & owned_by[g]) != 0;
            assign owns_source[g] = (source_hit & owned_by[g]) != 0;
            assign owns_source_in_all[g] = (own_hit & owned_by[g]) != 0;
        end
    endgenerate

    always @(posedge clk) begin
        is_destination_high <= has_destination_high;
        is_destination_low <= has_destination_low;
        is_source_high <= has_source_high;
        is_source_low <= has_source_low;
        destination_hit <= is_destination_high & is_destination_low & in_vlan;
        source_hit <= is_source_high & is_source_low & in_vlan;
        own_hit <= is_source_high & is_source_low & is_general;
        destination_owners <= owns_destination;
        source_owners <= owns_source;
        source_own <= owns_source_in_all;
    end

    // For software: written at once.
    (* ram_style = "distributed" *) reg [60+PORTS-1:0] entry[0:ENTRIES-1];
    reg [ENTRIES-1:0] is_written;   // since the reset
    wire [60+PORTS-1:0] read_entry = entry[read_index];
    reg [31:0] word;
    reg has_word;
    assign read_data = has_word ? word : 32'd0;
    always @(posedge clk) begin
        if (commits) entry[write_index] <= {stage_key, write_data};
        if (reset) is_written <= 0;
        else if (commits) is_written[write_index] <= 1'b1;
        if (read_valid) begin
            has_word <= is_written[read_index];
            case (read_address[3:2])
                2'd0: word <= read_entry[PORTS+:32];
                2'd1: word <= {4'd0, read_entry[PORTS+32+:28]};
                default: word <= {{(32 - PORTS) {1'b0}}, read_entry[0+:PORTS]};
            endcase
        end
    end

`ifdef FORMAL
`include "formal/address_table_properties.vh"
`endif
endmodule

`default_nettype wire
