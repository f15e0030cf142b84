// Where small_switch sends a frame, and which bytes behind the addresses go or come. Combinational.
//
// Modes VEB and VN-Tag of docs/forwarding.md, all ports in VLAN 1 alone, which leaves them untagged.

`default_nettype none

module small_decision #(
    parameter PORTS = 3,
    parameter PORT_I_W = 2
) (
    input  wire                mode_vn,
    input  wire [PORTS-1:0]    enable,          // bit 0, the uplink's, is set
    input  wire [PORTS-1:0]    spoof_check,
    input  wire [PORTS-1:0]    take_broadcast,
    input  wire [PORTS-1:0]    take_multicast,
    input  wire [PORTS*14-1:0] longest,         // bytes without FCS and tags
    input  wire [PORTS*48-1:0] address,
    input  wire [PORTS*12-1:0] vif,
    input  wire [PORT_I_W-1:0] from,
    input  wire [14:0]         length,
    input  wire                bad,
    input  wire [191:0]        header,          // byte 0 in bits 7:0
    output wire [PORTS-1:0]    to,              // none: dropped
    output wire [2:0]          strip,           // bytes
    output wire                add_vn_tag
);
    localparam TYPE_C = 16'h8100;
    localparam TYPE_S = 16'h88A8;
    localparam TYPE_VN = 16'h8926;
    localparam TYPE_E = 16'h893F;
    localparam TYPE_MAC_CONTROL = 16'h8808;
    localparam BROADCAST = 48'hFFFF_FFFF_FFFF;
    localparam RESERVED = 44'h0180_C200_000;    // and four more bits

    function [15:0] pair(input [191:0] bytes, input integer at);
        pair = {bytes[8*at+:8], bytes[8*at+8+:8]};
    endfunction

    // ---- Parse ----
    wire from_uplink = from == 0;
    wire [47:0] destination = {pair(header, 0), pair(header, 2), pair(header, 4)};
    wire [47:0] source = {pair(header, 6), pair(header, 8), pair(header, 10)};
    wire has_vn = mode_vn && from_uplink && pair(header, 12) == TYPE_VN;
    wire [31:0] vn = {pair(header, 14), pair(header, 16)};
    wire has_c = (has_vn ? pair(header, 18) : pair(header, 12)) == TYPE_C;
    wire [11:0] vid = has_vn ? pair(header, 20) : pair(header, 14);
    wire [15:0] inner = has_vn ? pair(header, 22) : pair(header, 16);
    wire [15:0] ethertype = has_c ? inner : has_vn ? pair(header, 18) : pair(header, 12);
    wire [3:0] n_tag_bytes = (has_vn ? 4'd6 : 4'd0) + (has_c ? 4'd4 : 4'd0);
    wire complete = length >= 14 && (!has_vn || length >= 20) && (!has_c || length >= (has_vn ? 24 : 18));
    wire reserved = destination[47:4] == RESERVED;

    // ---- Rules 1 to 9 ----
    wire unusable = !enable[from] || bad || !complete || length - n_tag_bytes > longest[14*from+:14];
    wire bad_sender = source == 0 || source[40] || (spoof_check[from] && source != address[48*from+:48]);
    wire bad_type = ethertype == TYPE_S || ethertype == TYPE_VN || ethertype == TYPE_E;
    wire control = ethertype == TYPE_MAC_CONTROL || (reserved && !mode_vn);
    wire in_vlan = !has_c || vid == 0 || vid == 1;

    // ---- Destinations ----
    wire group = destination[40];
    reg [PORTS-1:0] owners;
    reg [PORTS-1:0] named;                      // by the VN-Tag
    reg [PORTS-1:0] looped;                     // whose own frame it is
    integer i;
    always @* begin
        owners = 0;
        named = 0;
        looped = 0;
        for (i = 1; i < PORTS; i = i + 1) begin
            owners[i] = enable[i] && address[48*i+:48] == destination;
            named[i] = enable[i] && !vn[30] && vn[29:16] == {2'b00, vif[12*i+:12]};
            looped[i] = vn[15] && vn[11:0] == vif[12*i+:12];
        end
    end
    wire [PORTS-1:0] self = {{PORTS - 1{1'b0}}, 1'b1} << from;
    wire [PORTS-1:0] uplink = {{PORTS - 1{1'b0}}, 1'b1};
    wire [PORTS-1:0] takers = (destination == BROADCAST ? take_broadcast : take_multicast) & enable | uplink;
    wire [PORTS-1:0] known = group ? takers : owners;
    wire [PORTS-1:0] in_veb = (known == 0 && !from_uplink) ? uplink : known & ~self;
    wire by_tag = has_vn && vn[31] && vn[13:12] == 0;
    wire [PORTS-1:0] in_vn = !from_uplink ? uplink : by_tag ? named & ~looped : {PORTS{1'b0}};

    wire drop_station = bad_sender || control || bad_type || (!in_vlan && !mode_vn);
    wire drop_uplink = !mode_vn && (control || !in_vlan);
    wire drop = unusable || (from_uplink ? drop_uplink : drop_station);
    assign to = drop ? {PORTS{1'b0}} : mode_vn ? in_vn : in_veb;
`ifdef PLANTED_FAULT
    // Broken on purpose, for broken_switch.yaml: a priority tag stays on the frame.
    wire strip_c = has_c && vid != 0;
`else
    wire strip_c = has_c;
`endif
    assign strip = mode_vn ? (from_uplink ? 3'd6 : 3'd0) : strip_c ? 3'd4 : 3'd0;
    assign add_vn_tag = mode_vn && !from_uplink;
endmodule

`default_nettype wire
