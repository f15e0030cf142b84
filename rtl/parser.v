// The parser: addresses, the mode's outer tag on frames from the uplink, one C-TAG, and the type after them.
//
// A header that comes in one cycle is out in the next. Fields of a tag that is not there mean nothing. Formats: IEEE 802.1Q
// clause 9.6 (C-TAG), IEEE 802.1BR clause 7.5 (E-TAG); the VN-Tag as Wireshark decodes it.

`default_nettype none
`include "switch_modes.vh"

module parser #(
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
    output reg                 valid,
    output reg  [INFO_W-1:0]   info,
    output reg                 is_complete,    // the frame has 14 B and all of its tags and the type after them
    output reg  [47:0]         destination,
    output reg  [47:0]         source,
    output reg  [15:0]         ethertype,
    output reg  [3:0]          n_tag_bytes,
    output reg                 has_outer,      // the outer tag that the mode uses is there
    output reg                 has_c_tag,
    output reg  [15:0]         c_tci,
    output reg  [47:0]         outer           // the outer tag after its type, from bit 47 down
);
    function [15:0] pair(input [HEADER_W-1:0] header, input integer at);
        pair = {header[8*at+:8], header[8*at+8+:8]};
    endfunction

    wire [LENGTH_W-1:0] in_length = in_info[LENGTH_W-1:0];
    wire from_uplink = in_info[INFO_W-1-:PORT_I_W] == 0;
    wire is_vn = from_uplink && mode == `MODE_VN_TAG && pair(in_header, 12) == `TYPE_VN_TAG;
    wire is_e = from_uplink && mode == `MODE_E_TAG && pair(in_header, 12) == `TYPE_E_TAG;
    wire [15:0] inner_type = is_vn ? pair(in_header, 18) : is_e ? pair(in_header, 20) : pair(in_header, 12);
    wire is_c = inner_type == `TYPE_C_TAG;
    wire [15:0] tci = is_vn ? pair(in_header, 20) : is_e ? pair(in_header, 22) : pair(in_header, 14);
    wire [15:0] last_type = is_vn ? pair(in_header, 22) : is_e ? pair(in_header, 24) : pair(in_header, 16);
    wire [LENGTH_W-1:0] outer_bytes = is_vn ? 6 : is_e ? 8 : 0;
    wire [LENGTH_W-1:0] tag_bytes = outer_bytes + (is_c ? 4 : 0);

    always @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
        end else begin
            valid <= in_valid;
            if (in_valid) begin
                info <= in_info;
                // Whether there is a C-TAG is known only if the outer tag and the type after it are there.
                is_complete <= in_length >= 14 + outer_bytes && in_length >= 14 + tag_bytes;
                destination <= {pair(in_header, 0), pair(in_header, 2), pair(in_header, 4)};
                source <= {pair(in_header, 6), pair(in_header, 8), pair(in_header, 10)};
                ethertype <= is_c ? last_type : inner_type;
                n_tag_bytes <= tag_bytes[3:0];
                has_outer <= is_vn || is_e;
                has_c_tag <= is_c;
                c_tci <= tci;
                if (is_vn || is_e) outer <= {pair(in_header, 14), pair(in_header, 16), pair(in_header, 18)};
            end
        end
    end
endmodule

`default_nettype wire
