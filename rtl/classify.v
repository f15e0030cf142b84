// Classification: the rules that a frame must pass where it arrives, and everything else that comes from a table.
//
// It works in the one cycle in which the tables are looked at (LOOK in docs/switch_core.md), which answer in that cycle;
// what comes after sees only what is registered here. The order of the rules is that of docs/forwarding.md.

`default_nettype none
`include "switch_modes.vh"
`include "drop_reasons.vh"

module classify #(
    parameter PORTS = 9,
    parameter PORT_I_W = 4,
    parameter LENGTH_W = 14,
    parameter MAX_FRAME_BYTES = 1514
) (
    input  wire                clk,
    input  wire                reset,
    // The parsed frame.
    input  wire                in_valid,
    input  wire [PORT_I_W-1:0] in_port,
    input  wire [LENGTH_W-1:0] in_length,
    input  wire                in_bad,
    input  wire                in_swallowed,
    input  wire                is_complete,
    input  wire [47:0]         destination,
    input  wire [47:0]         source,
    input  wire [15:0]         ethertype,
    input  wire [3:0]          n_tag_bytes,
    input  wire                in_has_outer,
    input  wire                in_has_c_tag,
    input  wire [15:0]         c_tci,
    input  wire [3:0]          outer_start,      // of a VN-Tag: D first; of an E-TAG: PCP and DEI
    input  wire [1:0]          outer_version,    // of a VN-Tag
    // Registers, and what the tables say of this frame.
    input  wire [1:0]          in_mode,
    input  wire                carries_all,
    input  wire [PORTS-1:0]    enable,
    input  wire [PORTS-1:0]    spoof_check,
    input  wire [PORTS-1:0]    ethertype_filter,
    input  wire [PORTS-1:0]    trusted,
    input  wire [PORTS-1:0]    loopback,
    input  wire [PORTS-1:0]    self_loopback,
    input  wire [PORTS-1:0]    accept_broadcast,
    input  wire [PORTS-1:0]    accept_multicast,
    input  wire [PORTS-1:0]    promiscuous,
    input  wire [PORTS-1:0]    default_station,
    input  wire [PORTS*2-1:0]  admit,
    input  wire [PORTS*3-1:0]  default_priority,
    input  wire [PORTS*14-1:0] max_frame,
    input  wire [PORTS*12-1:0] port_vlan,
    input  wire [PORTS*12-1:0] vif,
    input  wire [PORTS*20-1:0] ecid,
    output wire [11:0]         vlan,             // the frame's VLAN, for the tables
    input  wire [PORTS-1:0]    in_members,
    input  wire [PORTS-1:0]    in_untagged,
    input  wire [PORTS-1:0]    in_owners,
    input  wire [PORTS-1:0]    in_source_owners,
    input  wire [PORTS-1:0]    in_source_own,
    input  wire [PORTS-1:0]    in_targets,
    input  wire [PORTS-1:0]    in_pruned,
    // The same, a cycle later.
    output reg                 valid,
    output reg  [PORT_I_W-1:0] port,
    output reg  [LENGTH_W-1:0] length,
    output reg  [7:0]          reason,           // 0: no rule of these dropped the frame
    output reg  [1:0]          mode,
    output reg                 is_group,
    output reg                 is_link_local,
    output reg                 loops_back,
    output reg                 loops_to_self,
    output reg                 uplink_carries,   // the uplink is a member of the frame's VLAN
    output reg                 has_c_tag,
    output reg  [2:0]          priority_code,
    output reg                 dei,
    output reg  [11:0]         tag_vlan,
    output reg  [11:0]         sender_vif,
    output reg  [19:0]         sender_ecid,
    output reg  [PORTS-1:0]    untagged,
    output reg  [PORTS-1:0]    owners,           // reachable ports only, from here on
    output reg  [PORTS-1:0]    accepting,
    output reg  [PORTS-1:0]    curious,          // promiscuous ports
    output reg  [PORTS-1:0]    defaults,
    output reg  [PORTS-1:0]    trusting,
    output reg  [PORTS-1:0]    source_owners,    // reachable or not
    output reg  [PORTS-1:0]    targets,          // enabled stations that the outer tag names
    output reg  [PORTS-1:0]    pruned
);
    localparam [11:0] RESERVED_VID = 12'hFFF;
    localparam [LENGTH_W-1:0] LONGEST = MAX_FRAME_BYTES[LENGTH_W-1:0];
    localparam FCS_BYTES = 4;

    wire from_uplink = in_port == 0;
    wire bridge_above = in_mode == `MODE_VN_TAG || in_mode == `MODE_E_TAG;
    wire is_tagged = in_has_c_tag && c_tci[11:0] != 12'd0;
    assign vlan = is_tagged ? c_tci[11:0] : port_vlan[in_port*12+:12];

    wire carried = carries_all && vlan != 12'd0 && vlan != RESERVED_VID;
    wire [PORTS-1:0] members = {in_members[PORTS-1:1], in_members[0] || carried};
    wire [PORTS-1:0] reachable = members & enable;
    wire [PORTS-1:0] accepts = (destination == 48'hFFFF_FFFF_FFFF) ? accept_broadcast : accept_multicast;

    wire [LENGTH_W-1:0] bare_length = in_length - {{(LENGTH_W - 4) {1'b0}}, n_tag_bytes};
    wire [LENGTH_W:0] wire_length = {1'b0, bare_length} + FCS_BYTES[LENGTH_W:0];
    wire is_oversize = in_swallowed || bare_length > LONGEST || wire_length > {1'b0, max_frame[in_port*14+:14]};

    wire is_control = ethertype == `TYPE_MAC_CONTROL;
    wire to_link_local = destination[47:4] == 44'h0180C200000;
    wire is_outer_type = ethertype == `TYPE_S_TAG || ethertype == `TYPE_VN_TAG || ethertype == `TYPE_E_TAG;

    function [7:0] station_reason(input [PORT_I_W-1:0] from);
        if (source == 48'd0 || source[40]) station_reason = `DROP_BAD_SOURCE;
        else if (!trusted[from] && (is_control || (to_link_local && !bridge_above)))
            station_reason = `DROP_CONTROL_FRAME;
        else if (spoof_check[from] && !in_source_own[from]) station_reason = `DROP_SPOOFED_MAC;
        else if (ethertype_filter[from] && !trusted[from] && is_outer_type) station_reason = `DROP_FORBIDDEN_TAG;
        else if (bridge_above) station_reason = `DROP_NONE;
        else if (is_tagged ? admit[from*2+:2] == 2'd2 : admit[from*2+:2] == 2'd1) station_reason = `DROP_VLAN_ADMIT;
        else if (vlan == RESERVED_VID || !members[from]) station_reason = `DROP_VLAN_MEMBER;
        else station_reason = `DROP_NONE;
    endfunction

    function [7:0] uplink_reason(input has_outer);
        if (in_mode == `MODE_VN_TAG) begin
            if (!has_outer) uplink_reason = `DROP_VNTAG_MISSING;
            else if (outer_version != 2'd0) uplink_reason = `DROP_VNTAG_VERSION;
            else if (!outer_start[3]) uplink_reason = `DROP_VNTAG_DIRECTION;
            else if ((in_targets & enable) == 0) uplink_reason = `DROP_VNTAG_UNKNOWN_VIF;
            else uplink_reason = `DROP_NONE;
        end else if (in_mode == `MODE_E_TAG) begin
            if (!has_outer) uplink_reason = `DROP_ETAG_MISSING;
            else if ((in_targets & enable) == 0) uplink_reason = `DROP_ETAG_UNKNOWN_ECID;
            else uplink_reason = `DROP_NONE;
        end else begin
            if (is_control || (to_link_local && (trusted & reachable) == 0)) uplink_reason = `DROP_CONTROL_FRAME;
            else if (vlan == 12'd0 || vlan == RESERVED_VID || !members[0]) uplink_reason = `DROP_VLAN_MEMBER;
            else uplink_reason = `DROP_NONE;
        end
    endfunction

    always @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
        end else begin
            valid <= in_valid;
            if (in_valid) begin
                port <= in_port;
                length <= in_length;
                mode <= in_mode;

                if (!enable[in_port]) reason <= `DROP_PORT_DISABLED;
                else if (in_bad) reason <= `DROP_BAD_FRAME;
                else if (!is_complete) reason <= `DROP_RUNT;
                else if (is_oversize) reason <= `DROP_OVERSIZE;
                else if (from_uplink) reason <= uplink_reason(in_has_outer);
                else reason <= station_reason(in_port);

                is_group <= destination[40];
                is_link_local <= to_link_local;
                loops_back <= loopback[in_port];
                loops_to_self <= self_loopback[in_port];
                uplink_carries <= members[0];

                has_c_tag <= in_has_c_tag;
                tag_vlan <= vlan;
                if (in_has_c_tag) {priority_code, dei} <= c_tci[15:12];
                else if (in_has_outer && in_mode == `MODE_E_TAG) {priority_code, dei} <= outer_start;
                else {priority_code, dei} <= {default_priority[in_port*3+:3], 1'b0};
                sender_vif <= vif[in_port*12+:12];
                sender_ecid <= ecid[in_port*20+:20];

                untagged <= {in_untagged[PORTS-1:1], vlan == port_vlan[11:0]};
                owners <= in_owners & reachable;
                accepting <= accepts & reachable;
                curious <= promiscuous & reachable;
                defaults <= default_station & reachable;
                trusting <= trusted;
                // A group address, which may be in the table too, is no one's own.
                source_owners <= source[40] ? {PORTS{1'b0}} : in_source_owners;
                targets <= in_targets & enable;
                pruned <= in_pruned;
            end
        end
    end
endmodule

`default_nettype wire
