// Which stations a VN-Tag or an E-TAG names: a port by its VIF or E-CID, or the stations of a list.
//
// The tag and the mode are given in LOOK (docs/switch_core.md); in the next cycle the numbers in the tag are compared, in
// the one after what the entries found say is put together, and the answer is there in the third. So that it is that of
// the table as it is in LOOK, a write changes keys a cycle late, and stations two cycles late.
//
// An entry is written with the last of its words; a second time the entries are in a RAM, for software to read.

`default_nettype none
`include "switch_modes.vh"
`include "switch_registers.vh"

module list_table #(
    parameter PORTS = 9,
    parameter ENTRIES = 16
) (
    input  wire                 clk,
    input  wire                 reset,
    input  wire                 write_valid,
    input  wire [15:2]          write_address,
    input  wire [PORTS-1:1]     write_data,
    input  wire [21:0]          stage_key,
    output wire                 write_hit,
    input  wire [15:2]          read_address,
    input  wire                 read_valid, // read_data is to be there in the next cycle
    output wire                 read_hit,
    output wire [31:0]          read_data,
    input  wire [1:0]           mode,       // in LOOK
    input  wire [47:0]          outer,      // the tag after its type; the answers are there three cycles later
    input  wire [PORTS*12-1:12] vif,        // as in LOOK, a cycle later
    input  wire [PORTS*20-1:20] ecid,
    output wire [PORTS-1:0]     targets,    // stations that the tag names, disabled ones too
    output wire [PORTS-1:0]     pruned      // the station that sent the frame, if the tag says so
);
    localparam INDEX_W = (ENTRIES == 1) ? 1 : $clog2(ENTRIES);
    localparam [8:0] SIZE = ENTRIES[8:0];

    function is_mapped(input [15:3] address);
        is_mapped = address[15:12] == 4'h3 && {1'b0, address[11:3]} < {1'b0, SIZE};
    endfunction

    reg [21:0] key[0:ENTRIES-1];
    reg [ENTRIES-1:0] listed[1:PORTS-1];

    assign write_hit = is_mapped(write_address[15:3]);
    assign read_hit = is_mapped(read_address[15:3]);
    wire commits = write_valid && write_hit && write_address[2];
    wire [INDEX_W-1:0] write_index = write_address[3+:INDEX_W];
    wire [INDEX_W-1:0] read_index = read_address[3+:INDEX_W];

    reg commits_later;              // a cycle later
    reg [INDEX_W-1:0] later_index;
    reg [21:0] later_key;
    reg [PORTS-1:1] later_stations;
    reg commits_last;               // two cycles later
    reg [INDEX_W-1:0] last_index;
    reg [PORTS-1:1] last_stations;
    integer i;
    always @(posedge clk) begin
        later_index <= write_index;
        later_key <= stage_key;
        later_stations <= write_data;
        last_index <= later_index;
        last_stations <= later_stations;
        if (reset) begin
            commits_later <= 1'b0;
            commits_last <= 1'b0;
            for (i = 0; i < ENTRIES; i = i + 1) key[i] <= 22'd0;
            for (i = 1; i < PORTS; i = i + 1) listed[i] <= 0;
        end else begin
            commits_later <= commits;
            commits_last <= commits_later;
            if (commits_later) key[later_index] <= later_key;
            if (commits_last) for (i = 1; i < PORTS; i = i + 1) listed[i][last_index] <= last_stations[i];
        end
    end

    // VN-Tag: D 47, P 46, dvif 45:32, L 31, version 29:28, svif 27:16. E-TAG: ingress E-CID 43:32 and 15:8, GRP 29:28,
    // E-CID 27:16 and 7:0; the eight bits are the more significant ones.
    wire look_vn = mode == `MODE_VN_TAG;
    reg is_vn;
    reg by_list;
    reg [1:0] group;
    reg [19:0] id;
    reg [19:0] pruned_id;
    always @(posedge clk) begin
        is_vn <= look_vn;
        by_list <= look_vn ? outer[46] : outer[29:28] != 2'd0;
        group <= look_vn ? 2'd0 : outer[29:28];
        id <= look_vn ? {6'd0, outer[45:32]} : {outer[7:0], outer[27:16]};
        pruned_id <= look_vn ? {8'd0, outer[27:16] & {12{outer[31]}}} : {outer[15:8], outer[43:32]};
    end

    wire [21:0] look_key = {group, id};
    wire [ENTRIES-1:0] is_list;
    wire [PORTS-1:1] is_named;
    wire [PORTS-1:1] is_pruned;
    reg was_by_list;
    reg [ENTRIES-1:0] hit;
    reg [PORTS-1:1] has_id;
    reg [PORTS-1:1] is_sender;
    wire [PORTS-1:1] is_listed;
    reg [PORTS-1:1] named;
    reg [PORTS-1:1] sender;
    assign targets = {named, 1'b0};
    assign pruned = {sender, 1'b0};
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign is_list[g] = key[g] == look_key;
        end
        for (g = 1; g < PORTS; g = g + 1) begin : g_station
            wire [19:0] own_id = is_vn ? {8'd0, vif[g*12+:12]} : ecid[g*20+:20];
            assign is_named[g] = own_id == id && id != 20'd0;
            assign is_pruned[g] = own_id == pruned_id && pruned_id != 20'd0;
            assign is_listed[g] = (hit & listed[g]) != 0;
        end
    endgenerate

    always @(posedge clk) begin
        was_by_list <= by_list;
        hit <= is_list;
        has_id <= is_named;
        is_sender <= is_pruned;
        named <= was_by_list ? is_listed : has_id;
        sender <= is_sender;
    end

    // For software: written at once.
    (* ram_style = "distributed" *) reg [22+PORTS-2:0] entry[0:ENTRIES-1];
    reg [ENTRIES-1:0] is_written;   // since the reset
    wire [22+PORTS-2:0] read_entry = entry[read_index];
    reg [31:0] word;
    reg has_word;
    assign read_data = has_word ? word : 32'd0;
    always @(posedge clk) begin
        if (commits) entry[write_index] <= {stage_key, write_data};
        if (reset) is_written <= 0;
        else if (commits) is_written[write_index] <= 1'b1;
        if (read_valid) begin
            has_word <= is_written[read_index];
            word <= read_address[2] ?
                {{(32 - PORTS) {1'b0}}, read_entry[PORTS-2:0], 1'b0} : {10'd0, read_entry[PORTS-1+:22]};
        end
    end

`ifdef FORMAL
`include "formal/list_table_properties.vh"
`endif
endmodule

`default_nettype wire
