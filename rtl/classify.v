// Classification: the rules that a frame must pass where it arrives, and everything else that comes from a table.
//
// In the one cycle in which the tables are looked at (LOOK in docs/switch_core.md), which answer in that cycle, what they
// say and the registers of the frame's port are registered; the rules are applied to that in the next cycle. What comes
// after sees nothing else. The order of the rules is that of docs/forwarding.md.

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
    input  wire [3:0]          c_tci_start,      // PCP and DEI
    input  wire                is_tagged,        // the C-TAG names a VLAN
    input  wire [11:0]         vlan,             // that one, or else the port's
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
    input  wire [11:0]         uplink_vlan,
    input  wire [PORTS*12-1:0] vif,
    input  wire [PORTS*20-1:0] ecid,
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
    output wire [7:0]          reason,           // 0: no rule of these dropped the frame
    output reg  [1:0]          mode,
    output reg                 is_group,
    output reg                 is_link_local,
    output reg                 loops_back,
    output reg                 loops_to_self,
    output wire                uplink_carries,   // the uplink is a member of the frame's VLAN
    output reg                 has_c_tag,
    output reg  [2:0]          priority_code,
    output reg                 dei,
    output reg  [11:0]         tag_vlan,
    output reg  [11:0]         sender_vif,
    output reg  [19:0]         sender_ecid,
    output reg  [PORTS-1:0]    untagged,
    output wire [PORTS-1:0]    owners,           // reachable ports only, from here on
    output wire [PORTS-1:0]    accepting,
    output wire [PORTS-1:0]    curious,          // promiscuous ports
    output wire [PORTS-1:0]    defaults,
    output reg  [PORTS-1:0]    trusting,
    output reg  [PORTS-1:0]    source_owners,    // reachable or not
    output reg  [PORTS-1:0]    targets,          // enabled stations that the outer tag names
    output reg  [PORTS-1:0]    pruned
);
    localparam [11:0] RESERVED_VID = 12'hFFF;
    localparam [LENGTH_W-1:0] LONGEST = MAX_FRAME_BYTES[LENGTH_W-1:0];
    localparam FCS_BYTES = 4;

    wire [LENGTH_W-1:0] bare_length = in_length - {{(LENGTH_W - 4) {1'b0}}, n_tag_bytes};
    wire [LENGTH_W:0] wire_length = {1'b0, bare_length} + FCS_BYTES[LENGTH_W:0];

    // The frame and its port's registers.
    reg is_enabled;
    reg is_bad;
    reg is_whole;
    reg is_oversize;
    reg from_uplink;
    reg has_bad_source;
    reg is_control;
    reg is_trusted;
    reg is_checked;           // its source must be the port's own
    reg is_forbidden;         // it begins with an outer tag, and may not
    reg is_not_admitted;
    reg is_reserved;          // its VLAN
    reg is_in_no_vlan;
    reg has_outer;
    reg is_other_version;
    reg is_from_station;      // the VN-Tag says so
    // What the tables say, and the ports' registers.
    reg carried;              // the uplink is a member of its VLAN, whatever the table says
    reg [PORTS-1:0] listed_members;
    reg [PORTS-1:0] listed_owners;
    reg [PORTS-1:0] source_own;
    reg [PORTS-1:0] enabled;
    reg [PORTS-1:0] accepts;
    reg [PORTS-1:0] promiscuous_ports;
    reg [PORTS-1:0] default_ports;

    wire [PORTS-1:0] members = {listed_members[PORTS-1:1], listed_members[0] || carried};
    wire [PORTS-1:0] reachable = members & enabled;
    assign uplink_carries = members[0];
    assign owners = listed_owners & reachable;
    assign accepting = accepts & reachable;
    assign curious = promiscuous_ports & reachable;
    assign defaults = default_ports & reachable;

    wire bridge_above = mode == `MODE_VN_TAG || mode == `MODE_E_TAG;

    reg [7:0] station_reason;
    always @* begin
        if (has_bad_source) station_reason = `DROP_BAD_SOURCE;
        else if (!is_trusted && (is_control || (is_link_local && !bridge_above))) station_reason = `DROP_CONTROL_FRAME;
        else if (is_checked && !source_own[port]) station_reason = `DROP_SPOOFED_MAC;
        else if (is_forbidden) station_reason = `DROP_FORBIDDEN_TAG;
        else if (bridge_above) station_reason = `DROP_NONE;
        else if (is_not_admitted) station_reason = `DROP_VLAN_ADMIT;
        else if (is_reserved || !members[port]) station_reason = `DROP_VLAN_MEMBER;
        else station_reason = `DROP_NONE;
    end

    reg [7:0] uplink_reason;
    always @* begin
        uplink_reason = `DROP_NONE;
        if (mode == `MODE_VN_TAG) begin
            if (!has_outer) uplink_reason = `DROP_VNTAG_MISSING;
            else if (is_other_version) uplink_reason = `DROP_VNTAG_VERSION;
            else if (is_from_station) uplink_reason = `DROP_VNTAG_DIRECTION;
            else if (targets == 0) uplink_reason = `DROP_VNTAG_UNKNOWN_VIF;
        end else if (mode == `MODE_E_TAG) begin
            if (!has_outer) uplink_reason = `DROP_ETAG_MISSING;
            else if (targets == 0) uplink_reason = `DROP_ETAG_UNKNOWN_ECID;
        end else begin
            if (is_control || (is_link_local && (trusting & reachable) == 0)) uplink_reason = `DROP_CONTROL_FRAME;
            else if (is_in_no_vlan || is_reserved || !members[0]) uplink_reason = `DROP_VLAN_MEMBER;
        end
    end

    assign reason =
        !is_enabled ? `DROP_PORT_DISABLED : is_bad ? `DROP_BAD_FRAME : !is_whole ? `DROP_RUNT :
        is_oversize ? `DROP_OVERSIZE : from_uplink ? uplink_reason : station_reason;

    always @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
        end else begin
            valid <= in_valid;
            if (in_valid) begin
                port <= in_port;
                length <= in_length;
                mode <= in_mode;

                is_enabled <= enable[in_port];
                is_bad <= in_bad;
                is_whole <= is_complete;
                is_oversize <= in_swallowed || bare_length > LONGEST || wire_length > {1'b0, max_frame[in_port*14+:14]};
                from_uplink <= in_port == 0;
                has_bad_source <= source == 48'd0 || source[40];
                is_control <= ethertype == `TYPE_MAC_CONTROL;
                is_trusted <= trusted[in_port];
                is_checked <= spoof_check[in_port];
                is_forbidden <= ethertype_filter[in_port] && !trusted[in_port] &&
                    (ethertype == `TYPE_S_TAG || ethertype == `TYPE_VN_TAG || ethertype == `TYPE_E_TAG);
                is_not_admitted <= is_tagged ? admit[in_port*2+:2] == 2'd2 : admit[in_port*2+:2] == 2'd1;
                is_reserved <= vlan == RESERVED_VID;
                is_in_no_vlan <= vlan == 12'd0;
                has_outer <= in_has_outer;
                is_other_version <= outer_version != 2'd0;
                is_from_station <= !outer_start[3];

                carried <= carries_all && vlan != 12'd0 && vlan != RESERVED_VID;
                listed_members <= in_members;
                listed_owners <= in_owners;
                source_own <= in_source_own;
                enabled <= enable;
                accepts <= (destination == 48'hFFFF_FFFF_FFFF) ? accept_broadcast : accept_multicast;
                promiscuous_ports <= promiscuous;
                default_ports <= default_station;

                is_group <= destination[40];
                is_link_local <= destination[47:4] == 44'h0180C200000;
                loops_back <= loopback[in_port];
                loops_to_self <= self_loopback[in_port];

                has_c_tag <= in_has_c_tag;
                tag_vlan <= vlan;
                if (in_has_c_tag) {priority_code, dei} <= c_tci_start;
                else if (in_has_outer && in_mode == `MODE_E_TAG) {priority_code, dei} <= outer_start;
                else {priority_code, dei} <= {default_priority[in_port*3+:3], 1'b0};
                sender_vif <= vif[in_port*12+:12];
                sender_ecid <= ecid[in_port*20+:20];

                untagged <= {in_untagged[PORTS-1:1], vlan == uplink_vlan};
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
