// Classification: the rules that a frame must pass where it arrives, and everything else that comes from a table.
//
// It takes three cycles, the first of which follows LOOK (docs/switch_core.md): there the registers of the frame's port
// are looked at. In the second, the rules that ask for no more are put together. The third has what the tables say. What
// comes after sees nothing else. The order of the rules is that of docs/forwarding.md.

`default_nettype none
`include "switch_modes.vh"
`include "drop_reasons.vh"
`include "widths.vh"

module classify #(
    parameter PORTS = 9,
    parameter MAX_FRAME_BYTES = 1514,
    parameter PRIORITIES = 1,
    parameter POOL_FILTERS = 0,
    parameter PRIVATE_VLANS = 0
) (
    input  wire                            clk,
    input  wire                            reset,
    // The parsed frame.
    input  wire                            in_valid,
    input  wire [`INDEX_W(PORTS)-1:0]      in_port,
    input  wire [`LENGTH_W-1:0]            in_length,
    input  wire                            in_bad,
    input  wire                            in_swallowed,
    input  wire [1:0]                      in_mode,
    input  wire                            in_has_pools,     // frames from the uplink go to pools
    input  wire                            is_complete,
    input  wire                            in_is_group,
    input  wire                            is_broadcast,
    input  wire                            in_is_link_local,
    input  wire                            in_group_source,
    input  wire                            in_bad_source,
    input  wire                            in_is_control,
    input  wire                            begins_with_tag,
    input  wire [3:0]                      n_tag_bytes,
    input  wire                            in_has_outer,
    input  wire                            in_has_c_tag,
    input  wire [3:0]                      c_tci_start,      // PCP and DEI
    input  wire                            is_tagged,        // the C-TAG names a VLAN
    input  wire [11:0]                     vlan,             // that one, or else the port's
    input  wire [3:0]                      outer_start,      // of a VN-Tag: D first; of an E-TAG: PCP and DEI
    input  wire [1:0]                      outer_version,    // of a VN-Tag
    // Registers, as they were in LOOK.
    input  wire                            carries_all,
    input  wire [PORTS-1:0]                enable,
    input  wire [PORTS-1:0]                spoof_check,
    input  wire [PORTS-1:0]                ethertype_filter,
    input  wire [PORTS-1:0]                trusted,
    input  wire [PORTS-1:0]                loopback,
    input  wire [PORTS-1:0]                self_loopback,
    input  wire [PORTS-1:0]                accept_broadcast,
    input  wire [PORTS-1:0]                accept_multicast,
    input  wire [PORTS-1:0]                promiscuous,
    input  wire [PORTS-1:0]                default_station,
    input  wire                            replicates,
    input  wire [PORTS-1:0]                default_pool,
    input  wire [PORTS-1:0]                accept_untagged,
    input  wire [PORTS*2-1:0]              admit,
    input  wire [PORTS*3-1:0]              default_priority,
    input  wire [PORTS*14-1:0]             max_frame,
    input  wire [11:0]                     uplink_vlan,
    input  wire [PORTS*12-1:0]             vif,
    input  wire [PORTS*20-1:0]             ecid,
    input  wire [PORTS*PORTS-1:0]          apart,
    // What the tables say of the frame, two cycles later.
    input  wire [PORTS-1:0]                in_members,
    input  wire [PORTS-1:0]                in_untagged,
    input  wire [PORTS-1:0]                in_owners,
    input  wire [PORTS-1:0]                in_source_owners,
    input  wire [PORTS-1:0]                in_source_own,
    input  wire [PORTS-1:0]                in_targets,
    input  wire [PORTS-1:0]                in_pruned,
    // A cycle after that.
    output reg                             valid,
    output reg  [`INDEX_W(PORTS)-1:0]      port,
    output reg  [`LENGTH_W-1:0]            length,
    output wire [7:0]                      reason,           // 0: no rule of these dropped the frame
    output reg  [1:0]                      mode,
    output reg                             by_pools,         // pools are to be chosen
    output reg                             is_replicated,    // several of them may get it
    output reg                             is_group,
    output reg                             is_link_local,
    output reg                             loops_back,
    output reg                             loops_to_self,
    output reg                             uplink_carries,   // the uplink is a member of the frame's VLAN
    output reg                             has_c_tag,
    output reg  [`INDEX_W(PRIORITIES)-1:0] queue,
    output reg  [`TAG_VALUE_W-1:0]         tag_value,        // of a tag that is added
    output reg  [PORTS-1:0]                untagged,
    output reg  [PORTS-1:0]                owners,           // reachable ports only, from here on; pools also disabled
    output reg  [PORTS-1:0]                accepting,
    output reg  [PORTS-1:0]                curious,          // promiscuous ports
    output reg  [PORTS-1:0]                defaults,         // of pools, the default one, in whatever VLAN
    output reg  [PORTS-1:0]                enabled,
    output reg  [PORTS-1:0]                trusting,
    output reg  [PORTS-1:0]                source_owners,    // reachable or not
    output reg  [PORTS-1:0]                targets,          // enabled stations that the outer tag names
    output reg  [PORTS-1:0]                pruned,
    output reg  [PORTS-1:0]                kept_from         // ports that private VLANs keep its port from
);
    localparam LENGTH_W = `LENGTH_W;
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam [11:0] RESERVED_VID = 12'hFFF;
    localparam FCS_BYTES = 4;
    localparam WIRE_W = LENGTH_W + 1;
    localparam [WIRE_W-1:0] LONGEST = MAX_FRAME_BYTES[WIRE_W-1:0] + FCS_BYTES[WIRE_W-1:0];

    // With pool filters, VLAN 0 is that of the uplink's untagged frames: its members are the ports that take them.
    wire has_pools = POOL_FILTERS != 0 && in_has_pools;
    wire in_by_pools = has_pools && in_port == 0;
    wire in_vlan_0 = has_pools && vlan == 12'd0;

    // ---- First: the frame and the registers of its port ----
    reg first_valid;
    reg [PORT_I_W-1:0] first_port;
    reg [LENGTH_W-1:0] first_length;
    reg [1:0] first_mode;
    reg is_enabled;
    reg is_bad;
    reg is_whole;
    reg is_swallowed;
    reg [WIRE_W-1:0] wire_length;   // with FCS, without tags
    reg [13:0] limit;
    reg has_bad_source;
    reg is_control;
    reg is_trusted;
    reg is_checked;                 // its source must be the port's own
    reg is_forbidden;               // it begins with an outer tag, and may not
    reg is_not_admitted;
    reg is_reserved;                // its VLAN
    reg is_in_no_vlan;
    reg has_outer;
    reg is_other_version;
    reg is_from_station;            // the VN-Tag says so
    reg first_group;
    reg first_link_local;
    reg first_group_source;
    reg first_loops_back;
    reg first_loops_to_self;
    reg first_has_c_tag;
    reg [2:0] first_priority;
    reg dei;
    reg [11:0] tag_vlan;
    reg [11:0] sender_vif;
    reg [19:0] sender_ecid;
    reg first_carried;              // the uplink is a member of its VLAN, whatever the table says
    reg first_native;               // its VLAN is that of the uplink's untagged frames
    reg first_by_pools;
    reg first_replicates;
    reg first_vlan_0;               // its VLAN is 0, and this is one
    reg [PORTS-1:0] first_takers;   // members of that
    reg [PORTS-1:0] first_enabled;
    reg [PORTS-1:0] first_accepting;
    reg [PORTS-1:0] first_promiscuous;
    reg [PORTS-1:0] first_defaults;
    reg [PORTS-1:0] first_trusting;
    reg [PORTS-1:0] first_kept_from;

    // What is known of a frame stays until the next one.
    always @(posedge clk) begin
        if (reset) first_valid <= 1'b0;
        else first_valid <= in_valid;
        if (in_valid) begin
            first_port <= in_port;
            first_length <= in_length;
            first_mode <= in_mode;
            is_enabled <= enable[in_port];
            is_bad <= in_bad;
            is_whole <= is_complete;
            is_swallowed <= in_swallowed;
            wire_length <= {1'b0, in_length} + (FCS_BYTES[WIRE_W-1:0] - {{(WIRE_W - 4) {1'b0}}, n_tag_bytes});
            limit <= max_frame[in_port*14+:14];
            has_bad_source <= in_bad_source;
            is_control <= in_is_control;
            is_trusted <= trusted[in_port];
            is_checked <= spoof_check[in_port];
            is_forbidden <= ethertype_filter[in_port] && !trusted[in_port] && begins_with_tag;
            is_not_admitted <= is_tagged ? admit[in_port*2+:2] == 2'd2 : admit[in_port*2+:2] == 2'd1;
            is_reserved <= vlan == RESERVED_VID;
            is_in_no_vlan <= vlan == 12'd0;
            has_outer <= in_has_outer;
            is_other_version <= outer_version != 2'd0;
            is_from_station <= !outer_start[3];
            first_group <= in_is_group;
            first_link_local <= in_is_link_local && !in_by_pools;   // to pools, a group like any
            first_group_source <= in_group_source;
            first_loops_back <= loopback[in_port];
            first_loops_to_self <= self_loopback[in_port];
            first_has_c_tag <= in_has_c_tag;
            if (in_has_c_tag) {first_priority, dei} <= c_tci_start;
            else if (in_has_outer && in_mode == `MODE_E_TAG) {first_priority, dei} <= outer_start;
            else {first_priority, dei} <= {default_priority[in_port*3+:3], 1'b0};
            tag_vlan <= vlan;
            sender_vif <= vif[in_port*12+:12];
            sender_ecid <= ecid[in_port*20+:20];
            first_carried <= carries_all && vlan != 12'd0 && vlan != RESERVED_VID;
            first_native <= vlan == uplink_vlan;
            first_by_pools <= in_by_pools;
            first_replicates <= POOL_FILTERS != 0 && replicates;
            first_vlan_0 <= in_vlan_0;
            first_takers <= in_vlan_0 ? {accept_untagged[PORTS-1:1], uplink_vlan != 12'd0} : {PORTS{1'b0}};
            first_enabled <= enable;
            first_accepting <= is_broadcast ? accept_broadcast : accept_multicast;
            first_promiscuous <= promiscuous;
            first_defaults <= in_by_pools ? default_pool : default_station;
            first_trusting <= trusted;
            first_kept_from <= (PRIVATE_VLANS != 0) ? apart[in_port*PORTS+:PORTS] : {PORTS{1'b0}};
        end
    end

    // ---- Second: the rules that ask for no table ----
    reg [7:0] reason_before;        // of the rules up to that of the tables' answers
    reg [7:0] reason_behind;
    reg [7:0] reason_of_answers;
    wire first_from_uplink = first_port == 0;
    wire first_above = first_mode == `MODE_VN_TAG || first_mode == `MODE_E_TAG;
    always @* begin
        reason_before = `DROP_NONE;
        reason_behind = `DROP_NONE;
        if (!first_from_uplink) begin
            if (has_bad_source) reason_before = `DROP_BAD_SOURCE;
            else if (!is_trusted && (is_control || (first_link_local && !first_above)))
                reason_before = `DROP_CONTROL_FRAME;
            reason_of_answers = `DROP_SPOOFED_MAC;
            if (is_forbidden) reason_behind = `DROP_FORBIDDEN_TAG;
            else if (first_above) reason_behind = `DROP_NONE;
            else if (is_not_admitted) reason_behind = `DROP_VLAN_ADMIT;
            else if (is_reserved) reason_behind = `DROP_VLAN_MEMBER;
        end else if (first_mode == `MODE_VN_TAG) begin
            if (!has_outer) reason_before = `DROP_VNTAG_MISSING;
            else if (is_other_version) reason_before = `DROP_VNTAG_VERSION;
            else if (is_from_station) reason_before = `DROP_VNTAG_DIRECTION;
            reason_of_answers = `DROP_VNTAG_UNKNOWN_VIF;
        end else if (first_mode == `MODE_E_TAG) begin
            if (!has_outer) reason_before = `DROP_ETAG_MISSING;
            reason_of_answers = `DROP_ETAG_UNKNOWN_ECID;
        end else begin
            if (is_control) reason_before = `DROP_CONTROL_FRAME;
            reason_of_answers = `DROP_CONTROL_FRAME;
            if ((is_in_no_vlan && !first_vlan_0) || is_reserved) reason_behind = `DROP_VLAN_MEMBER;
        end
    end

    wire [QUEUE_I_W-1:0] queue_of_priority;
    generate
        if (PRIORITIES == 1) begin : g_one_queue
            assign queue_of_priority = 1'b0;
        end else begin : g_queues
            assign queue_of_priority = first_priority[2-:QUEUE_I_W];
        end
    endgenerate

    reg second_valid;
    reg [PORT_I_W-1:0] second_port;
    reg [LENGTH_W-1:0] second_length;
    reg [1:0] second_mode;
    reg [7:0] arrival_reason;
    reg is_oversize;
    reg [7:0] before_reason;
    reg [7:0] answers_reason;
    reg [7:0] behind_reason;
    reg second_from_uplink;
    reg second_checked;
    reg second_group;
    reg second_link_local;
    reg second_group_source;
    reg second_loops_back;
    reg second_loops_to_self;
    reg second_has_c_tag;
    reg [QUEUE_I_W-1:0] second_queue;
    reg [`TAG_VALUE_W-1:0] second_tag_value;
    reg second_carried;
    reg second_native;
    reg second_by_pools;
    reg second_replicates;
    reg second_vlan_0;
    reg [PORTS-1:0] second_takers;
    reg [PORTS-1:0] second_enabled;
    reg [PORTS-1:0] second_accepting;
    reg [PORTS-1:0] second_promiscuous;
    reg [PORTS-1:0] second_defaults;
    reg [PORTS-1:0] second_trusting;
    reg [PORTS-1:0] second_kept_from;

    always @(posedge clk) begin
        if (reset) second_valid <= 1'b0;
        else second_valid <= first_valid;
        if (first_valid) begin
            second_port <= first_port;
            second_length <= first_length;
            second_mode <= first_mode;
            arrival_reason <=
                !is_enabled ? `DROP_PORT_DISABLED : is_bad ? `DROP_BAD_FRAME : !is_whole ? `DROP_RUNT : `DROP_NONE;
            is_oversize <= is_swallowed || wire_length > LONGEST || wire_length > {{(WIRE_W - 14) {1'b0}}, limit};
            before_reason <= reason_before;
            answers_reason <= reason_of_answers;
            behind_reason <= reason_behind;
            second_from_uplink <= first_from_uplink;
            second_checked <= is_checked;
            second_group <= first_group;
            second_link_local <= first_link_local;
            second_group_source <= first_group_source;
            second_loops_back <= first_loops_back;
            second_loops_to_self <= first_loops_to_self;
            second_has_c_tag <= first_has_c_tag;
            second_queue <= queue_of_priority;
            case (first_mode)
                `MODE_VN_TAG: second_tag_value <= {12'd0, sender_vif};
                `MODE_E_TAG: second_tag_value <= {first_priority, dei, sender_ecid};
                default: second_tag_value <= {8'd0, first_priority, dei, tag_vlan};
            endcase
            second_carried <= first_carried;
            second_native <= first_native;
            second_by_pools <= first_by_pools;
            second_replicates <= first_replicates;
            second_vlan_0 <= first_vlan_0;
            second_takers <= first_takers;
            second_enabled <= first_enabled;
            second_accepting <= first_accepting;
            second_promiscuous <= first_promiscuous;
            second_defaults <= first_defaults;
            second_trusting <= first_trusting;
            second_kept_from <= first_kept_from;
        end
    end

    // ---- Third: what the tables say ----
    wire [PORTS-1:0] members = {in_members[PORTS-1:1], in_members[0] || second_carried} | second_takers;
    wire [PORTS-1:0] reachable = members & second_enabled;
    wire [PORTS-1:0] candidates = second_by_pools ? members : reachable;
    wire bridge_above = second_mode == `MODE_VN_TAG || second_mode == `MODE_E_TAG;
    reg [7:0] settled_reason;       // by the rules up to that of the tables' answers
    reg fails;                      // the rule of the tables' answers
    reg [7:0] failed_reason;
    reg [7:0] late_reason;          // by the rules behind it
    assign reason = (settled_reason != `DROP_NONE) ? settled_reason : fails ? failed_reason : late_reason;

    always @(posedge clk) begin
        if (reset) valid <= 1'b0;
        else valid <= second_valid;
        if (second_valid) begin
            port <= second_port;
            length <= second_length;
            mode <= second_mode;
            by_pools <= second_by_pools;
            is_replicated <= second_replicates;
            settled_reason <=
                (arrival_reason != `DROP_NONE) ? arrival_reason : is_oversize ? `DROP_OVERSIZE : before_reason;
            failed_reason <= answers_reason;
            if (!second_from_uplink) fails <= second_checked && !in_source_own[second_port];
            else if (bridge_above) fails <= (in_targets & second_enabled) == 0;
            else fails <= second_link_local && (second_trusting & reachable) == 0;
            if (behind_reason == `DROP_NONE && !bridge_above && !members[second_port]) late_reason <= `DROP_VLAN_MEMBER;
            else late_reason <= behind_reason;
            is_group <= second_group;
            is_link_local <= second_link_local;
            loops_back <= second_loops_back;
            loops_to_self <= second_loops_to_self;
            uplink_carries <= members[0];
            has_c_tag <= second_has_c_tag;
            queue <= second_queue;
            tag_value <= second_tag_value;
            untagged <= {in_untagged[PORTS-1:1] | {(PORTS - 1) {second_vlan_0}}, second_native};
            owners <= in_owners & candidates;
            accepting <= second_accepting & candidates;
            curious <= second_promiscuous & candidates;
            defaults <= second_by_pools ? second_defaults : second_defaults & reachable;
            enabled <= second_enabled;
            trusting <= second_trusting;
            // A group address, which may be in the table too, is no one's own.
            source_owners <= second_group_source ? {PORTS{1'b0}} : in_source_owners;
            targets <= in_targets & second_enabled;
            pruned <= in_pruned;
            // Where the bridge above decides, it knows who may reach whom.
            kept_from <= bridge_above ? {PORTS{1'b0}} : second_kept_from;
        end
    end
endmodule

`default_nettype wire
