// Which stations a VN-Tag or an E-TAG names: a port by its VIF or E-CID, or the stations of a list.

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
    output reg  [31:0]          read_data,
    input  wire [PORTS*12-1:12] vif,
    input  wire [PORTS*20-1:20] ecid,
    input  wire [1:0]           mode,
    input  wire [47:0]          outer,      // the tag after its type; the answers are there in the same cycle
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

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            for (i = 0; i < ENTRIES; i = i + 1) key[i] <= 22'd0;
            for (i = 1; i < PORTS; i = i + 1) listed[i] <= 0;
        end else if (commits) begin
            key[write_index] <= stage_key;
            for (i = 1; i < PORTS; i = i + 1) listed[i][write_index] <= write_data[i];
        end
    end

    // VN-Tag: D 47, P 46, dvif 45:32, L 31, version 29:28, svif 27:16. E-TAG: ingress E-CID 43:32 and 15:8, GRP 29:28,
    // E-CID 27:16 and 7:0; the eight bits are the more significant ones.
    wire is_vn = mode == `MODE_VN_TAG;
    wire [1:0] group = is_vn ? 2'd0 : outer[29:28];
    wire [19:0] id = is_vn ? {6'd0, outer[45:32]} : {outer[7:0], outer[27:16]};
    wire by_list = is_vn ? outer[46] : group != 2'd0;
    wire [19:0] pruned_id = is_vn ? {8'd0, outer[27:16] & {12{outer[31]}}} : {outer[15:8], outer[43:32]};

    wire [ENTRIES-1:0] hit;
    wire [PORTS-1:0] on_list;
    wire [PORTS-1:0] has_id;
    genvar g;
    generate
        for (g = 0; g < ENTRIES; g = g + 1) begin : g_entry
            assign hit[g] = key[g] == {group, id};
        end
        for (g = 0; g < PORTS; g = g + 1) begin : g_port
            if (g == 0) begin : g_uplink
                assign on_list[g] = 1'b0;
                assign has_id[g] = 1'b0;
                assign pruned[g] = 1'b0;
            end else begin : g_station
                wire [19:0] own_id = is_vn ? {8'd0, vif[g*12+:12]} : ecid[g*20+:20];
                assign on_list[g] = |(hit & listed[g]);
                assign has_id[g] = own_id == id && id != 20'd0;
                assign pruned[g] = own_id == pruned_id && pruned_id != 20'd0;
            end
        end
    endgenerate
    assign targets = by_list ? on_list : has_id;

    integer p;
    always @(posedge clk) begin
        if (read_valid) begin
            read_data <= 32'd0;
            if (!read_address[2]) read_data[21:0] <= key[read_index];
            else for (p = 1; p < PORTS; p = p + 1) read_data[p] <= listed[p][read_index];
        end
    end

`ifdef FORMAL
`include "formal/list_table_properties.vh"
`endif
endmodule

`default_nettype wire
