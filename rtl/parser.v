// The parser: addresses, the mode's outer tag on frames from the uplink, one C-TAG, the type after them, and the VLAN.
//
// In the cycle of the header all types, lengths and VLANs are compared, wherever a tag could put them; in the next one,
// LOOK (docs/switch_core.md), mode and port choose from that. Fields of a tag that is not there mean nothing. Formats:
// IEEE 802.1Q clause 9.6 (C-TAG), IEEE 802.1BR clause 7.5 (E-TAG); the VN-Tag as Wireshark decodes it.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module parser #(
    parameter PORTS = 9,
    parameter POOL_FILTERS = 0,
    parameter LENGTH_W = `LENGTH_W   // proofs have shorter frames
) (
    input  wire                                clk,
    input  wire                                reset,
    input  wire                                in_valid,
    input  wire [`HEADER_W-1:0]                in_header,      // byte 0 in bits 7:0
    input  wire [`INFO_W(PORTS, LENGTH_W)-1:0] in_info,        // the port, what the ingress FIFO marked, the length
    // In the next cycle, LOOK.
    output reg  [47:0]                         look_destination,
    output reg  [47:0]                         look_source,
    output wire [47:0]                         look_outer,     // the outer tag after its type, from bit 47 down
    input  wire [1:0]                          mode,
    input  wire                                has_pools,      // pool filters are on, in whatever mode
    input  wire [PORTS*12-1:0]                 port_vlan,
    // In the cycle after that.
    output reg                                 valid,
    output reg  [`INFO_W(PORTS, LENGTH_W)-1:0] info,
    output reg  [1:0]                          frame_mode,     // the mode of LOOK
    output reg                                 frame_has_pools, // pool filters were on in it, and the mode has them
    output reg                                 is_complete,    // it has 14 B, all its tags and the type after them
    output reg                                 is_group,
    output reg                                 is_broadcast,
    output reg                                 is_link_local,
    output reg                                 has_group_source,
    output reg                                 has_bad_source,
    output reg                                 is_control,     // the type after the tags is that of MAC control
    output reg                                 begins_with_tag, // a station's frame: that type is an outer tag's
    output reg  [3:0]                          n_tag_bytes,
    output reg                                 has_outer,      // the outer tag that the mode uses is there
    output reg                                 has_c_tag,
    output reg  [3:0]                          c_tci_start,    // PCP and DEI
    output reg                                 is_tagged,      // the C-TAG names a VLAN
    output reg  [11:0]                         vlan,           // that one, or else the port's; to pools, else 0
    output reg  [3:0]                          outer_start,    // of a VN-Tag: D first; of an E-TAG: PCP and DEI
    output reg  [1:0]                          outer_version   // of a VN-Tag
);
    localparam HEADER_W = `HEADER_W;
    localparam PAIRS = HEADER_W / 16;
    localparam INFO_W = `INFO_W(PORTS, LENGTH_W);
    localparam PORT_I_W = `INDEX_W(PORTS);

    // Without an outer tag, behind a VN-Tag, behind an E-TAG.
    localparam PLACES = 3;

    // ---- The cycle of the header ----
    // Its bytes two by two, the first of them in the higher place.
    wire [15:0] pair[0:PAIRS-1];
    genvar k;
    generate
        for (k = 0; k < PAIRS; k = k + 1) begin : g_pair
            assign pair[k] = {in_header[16*k+:8], in_header[16*k+8+:8]};
        end
    endgenerate
    wire [LENGTH_W-1:0] in_length = in_info[LENGTH_W-1:0];
    wire in_from_uplink = in_info[INFO_W-1-:PORT_I_W] == 0;
    wire [PLACES-1:0] in_c_tag;
    wire [PLACES-1:0] in_tagged;
    wire [PLACES-1:0] in_control;
    wire [PLACES-1:0] in_whole;
    generate
        for (k = 0; k < PLACES; k = k + 1) begin : g_place
            localparam OUTER = (k == 0) ? 0 : (k == 1) ? 6 : 8;
            localparam TYPE = (12 + OUTER) / 2;
            localparam [LENGTH_W-1:0] SHORTEST = 14 + OUTER;
            localparam [LENGTH_W-1:0] WITH_C_TAG = 18 + OUTER;
            assign in_c_tag[k] = pair[TYPE] == `TYPE_C_TAG;
            assign in_tagged[k] = in_c_tag[k] && pair[TYPE+1][11:0] != 0;
            assign in_control[k] =
                pair[TYPE] == `TYPE_MAC_CONTROL || (in_c_tag[k] && pair[TYPE+2] == `TYPE_MAC_CONTROL);
            assign in_whole[k] = in_c_tag[k] ? in_length >= WITH_C_TAG : in_length >= SHORTEST;
        end
    endgenerate
    wire [15:0] in_station_type = in_c_tag[0] ? pair[8] : pair[6];

    reg parsing;
    reg [INFO_W-1:0] look_info;
    reg has_vn;
    reg has_e;
    reg [PLACES-1:0] c_tag;
    reg [PLACES-1:0] vlan_tag;
    reg [PLACES-1:0] control;
    reg [PLACES-1:0] whole;
    reg outer_type;
    reg [79:0] tags;        // the bytes from 14 on, the first one in the highest place
    assign look_outer = tags[79:32];

    // Other words of frames leave what is kept of a header alone, and with it all that is looked up.
    always @(posedge clk) begin
        if (reset) parsing <= 1'b0;
        else parsing <= in_valid;
        if (in_valid) begin
            look_info <= in_info;
            look_destination <= {pair[0], pair[1], pair[2]};
            look_source <= {pair[3], pair[4], pair[5]};
            has_vn <= in_from_uplink && pair[6] == `TYPE_VN_TAG;
            has_e <= in_from_uplink && pair[6] == `TYPE_E_TAG;
            c_tag <= in_c_tag;
            vlan_tag <= in_tagged;
            control <= in_control;
            whole <= in_whole;
            outer_type <=
                in_station_type == `TYPE_S_TAG || in_station_type == `TYPE_VN_TAG || in_station_type == `TYPE_E_TAG;
            tags <= {pair[7], pair[8], pair[9], pair[10], pair[11]};
        end
    end

    // ---- LOOK ----
    wire [PORT_I_W-1:0] from = look_info[INFO_W-1-:PORT_I_W];
    wire is_vn = mode == `MODE_VN_TAG && has_vn;
    wire is_e = mode == `MODE_E_TAG && has_e;
    wire is_c = is_vn ? c_tag[1] : is_e ? c_tag[2] : c_tag[0];
    wire names_vlan = is_vn ? vlan_tag[1] : is_e ? vlan_tag[2] : vlan_tag[0];
    wire [15:0] tci = is_vn ? tags[31:16] : is_e ? tags[15:0] : tags[79:64];
    wire knows_pools = POOL_FILTERS != 0 && has_pools && mode == `MODE_VEB;
    wire [11:0] untagged_vlan = (knows_pools && from == 0) ? 12'd0 : port_vlan[from*12+:12];
    wire [3:0] outer_bytes = is_vn ? 4'd6 : is_e ? 4'd8 : 4'd0;

    always @(posedge clk) begin
        if (reset) valid <= 1'b0;
        else valid <= parsing;
        if (parsing) begin
            info <= look_info;
            frame_mode <= mode;
            frame_has_pools <= knows_pools;
            // Where the outer tag is cut, so is all that may follow it.
            is_complete <= is_vn ? whole[1] : is_e ? whole[2] : whole[0];
            is_group <= look_destination[40];
            is_broadcast <= look_destination == 48'hFFFF_FFFF_FFFF;
            is_link_local <= look_destination[47:4] == 44'h0180C200000;
            has_group_source <= look_source[40];
            has_bad_source <= look_source == 48'd0 || look_source[40];
            is_control <= is_vn ? control[1] : is_e ? control[2] : control[0];
            begins_with_tag <= outer_type;
            n_tag_bytes <= is_c ? outer_bytes + 4'd4 : outer_bytes;
            has_outer <= is_vn || is_e;
            has_c_tag <= is_c;
            c_tci_start <= tci[15:12];
            is_tagged <= names_vlan;
            vlan <= names_vlan ? tci[11:0] : untagged_vlan;
            outer_start <= look_outer[47:44];
            outer_version <= look_outer[29:28];
        end
    end

`ifdef FORMAL
`include "formal/parser_properties.vh"
`endif
endmodule

`default_nettype wire
