// The parser: addresses, the mode's outer tag on frames from the uplink, one C-TAG, the type after them, and the VLAN.
//
// A header that comes in one cycle is out in the next. Fields of a tag that is not there mean nothing. Formats: IEEE 802.1Q
// clause 9.6 (C-TAG), IEEE 802.1BR clause 7.5 (E-TAG); the VN-Tag as Wireshark decodes it. The mode comes late in a cycle:
// all that it chooses from is there before.

`default_nettype none
`include "switch_modes.vh"

module parser #(
    parameter PORTS = 9,
    parameter HEADER_W = 208,
    parameter PORT_I_W = 4,
    parameter INFO_W = 20,
    parameter LENGTH_W = 14
) (
    input  wire                clk,
    input  wire                reset,
    input  wire                in_valid,
    input  wire [HEADER_W-1:0] in_header,      // byte 0 in bits 7:0
    input  wire [INFO_W-1:0]   in_info,        // the port, what the ingress FIFO marked, the length
    input  wire [1:0]          mode,           // as it is in the next cycle, when the tables are looked at
    input  wire [PORTS*12-1:0] port_vlan,      // the same
    output reg                 valid,
    output reg  [INFO_W-1:0]   info,
    output reg                 is_complete,    // the frame has 14 B and all of its tags and the type after them
    output reg  [47:0]         destination,
    output reg  [47:0]         source,
    output reg  [15:0]         ethertype,
    output reg  [3:0]          n_tag_bytes,
    output reg                 has_outer,      // the outer tag that the mode uses is there
    output reg                 has_c_tag,
    output reg  [3:0]          c_tci_start,    // PCP and DEI
    output reg                 is_tagged,      // the C-TAG names a VLAN
    output reg  [11:0]         vlan,           // that one, or else the port's
    output reg  [47:0]         outer           // the outer tag after its type, from bit 47 down
);
    function [15:0] pair(input [HEADER_W-1:0] header, input integer at);
        pair = {header[8*at+:8], header[8*at+8+:8]};
    endfunction

    wire [LENGTH_W-1:0] in_length = in_info[LENGTH_W-1:0];
    wire [PORT_I_W-1:0] from = in_info[INFO_W-1-:PORT_I_W];
    wire from_uplink = from == 0;
    wire has_vn = from_uplink && pair(in_header, 12) == `TYPE_VN_TAG;
    wire has_e = from_uplink && pair(in_header, 12) == `TYPE_E_TAG;
    wire is_vn = mode == `MODE_VN_TAG && has_vn;
    wire is_e = mode == `MODE_E_TAG && has_e;

    // What follows if there is no outer tag, if a VN-Tag, if an E-TAG.
    wire [2:0] c_follows = {
        pair(in_header, 20) == `TYPE_C_TAG, pair(in_header, 18) == `TYPE_C_TAG, pair(in_header, 12) == `TYPE_C_TAG
    };
    wire [2:0] vlan_follows = c_follows & {
        in_header[8*22+:4] != 0 || in_header[8*23+:8] != 0, in_header[8*20+:4] != 0 || in_header[8*21+:8] != 0,
        in_header[8*14+:4] != 0 || in_header[8*15+:8] != 0
    };
    function is_whole(input [LENGTH_W-1:0] length, input [LENGTH_W-1:0] outer_bytes, input has_c);
        is_whole = has_c ? length >= 18 + outer_bytes : length >= 14 + outer_bytes;
    endfunction

    wire [15:0] inner_type = is_vn ? pair(in_header, 18) : is_e ? pair(in_header, 20) : pair(in_header, 12);
    wire is_c = is_vn ? c_follows[1] : is_e ? c_follows[2] : c_follows[0];
    wire names_vlan = is_vn ? vlan_follows[1] : is_e ? vlan_follows[2] : vlan_follows[0];
    wire [15:0] tci = is_vn ? pair(in_header, 20) : is_e ? pair(in_header, 22) : pair(in_header, 14);
    wire [15:0] last_type = is_vn ? pair(in_header, 22) : is_e ? pair(in_header, 24) : pair(in_header, 16);
    // Where the outer tag is cut, so is all that may follow it.
    wire whole = is_vn ? is_whole(in_length, 6, c_follows[1]) :
        is_e ? is_whole(in_length, 8, c_follows[2]) : is_whole(in_length, 0, c_follows[0]);
    wire [3:0] outer_bytes = is_vn ? 4'd6 : is_e ? 4'd8 : 4'd0;

    always @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
        end else begin
            valid <= in_valid;
            if (in_valid) begin
                info <= in_info;
                is_complete <= whole;
                destination <= {pair(in_header, 0), pair(in_header, 2), pair(in_header, 4)};
                source <= {pair(in_header, 6), pair(in_header, 8), pair(in_header, 10)};
                ethertype <= is_c ? last_type : inner_type;
                n_tag_bytes <= is_c ? outer_bytes + 4'd4 : outer_bytes;
                has_outer <= is_vn || is_e;
                has_c_tag <= is_c;
                c_tci_start <= tci[15:12];
                is_tagged <= names_vlan;
                vlan <= names_vlan ? tci[11:0] : port_vlan[from*12+:12];
                if (is_vn || is_e) outer <= {pair(in_header, 14), pair(in_header, 16), pair(in_header, 18)};
            end
        end
    end

`ifdef FORMAL
`include "formal/parser_properties.vh"
`endif
endmodule

`default_nettype wire
