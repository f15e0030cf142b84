// Forwarding: from what the tables said of a frame to the ports that get a copy, or to the reason why none does, and to
// what happens to the copies' tags.

`default_nettype none
`include "switch_modes.vh"
`include "drop_reasons.vh"
`include "widths.vh"

module forward #(
    parameter PORTS = 9,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter POOL_FILTERS = 0,
    parameter PRIVATE_VLANS = 0
) (
    input  wire                                  clk,
    input  wire                                  reset,
    input  wire                                  in_valid,
    input  wire [`INDEX_W(PORTS)-1:0]            in_port,
    input  wire [`LENGTH_W-1:0]                  in_length,
    input  wire [7:0]                            in_reason,
    input  wire [1:0]                            mode,
    input  wire                                  by_pools,
    input  wire                                  is_replicated,
    input  wire                                  is_group,
    input  wire                                  is_link_local,
    input  wire                                  loops_back,
    input  wire                                  loops_to_self,
    input  wire                                  uplink_carries,
    input  wire                                  has_c_tag,
    input  wire [`INDEX_W(PRIORITIES)-1:0]       in_queue,
    input  wire [`TAG_VALUE_W-1:0]               in_tag_value,
    input  wire [PORTS-1:0]                      untagged,
    input  wire [PORTS-1:0]                      owners,
    input  wire [PORTS-1:0]                      accepting,
    input  wire [PORTS-1:0]                      curious,
    input  wire [PORTS-1:0]                      defaults,
    input  wire [PORTS-1:0]                      enabled,
    input  wire [PORTS-1:0]                      trusting,
    input  wire [PORTS-1:0]                      source_owners,
    input  wire [PORTS-1:0]                      targets,
    input  wire [PORTS-1:0]                      pruned,
    input  wire [PORTS-1:0]                      kept_from,
    output reg                                   valid,    // a frame is decided, once; the rest stays until the next
    output reg  [`INDEX_W(PORTS)-1:0]            port,
    output reg  [`LENGTH_W-1:0]                  length,
    output reg  [`COUNT_W(`LENGTH_W, BUS_W)-1:0] words,    // of the bus that the frame takes
    output wire [7:0]                            reason,
    output reg  [PORTS-1:0]                      egress,   // empty if there is a reason
    output reg  [`INDEX_W(PRIORITIES)-1:0]       queue,
    output reg  [1:0]                            strip,    // which tag all copies lose
    output reg  [1:0]                            add,      // which tag those in `adds_at` get
    output reg  [PORTS-1:0]                      adds_at,
    output reg  [`TAG_VALUE_W-1:0]               tag_value
);
    localparam LENGTH_W = `LENGTH_W;
    localparam COUNT_W = `COUNT_W(LENGTH_W, BUS_W);
    localparam [PORTS-1:0] UPLINK = {{(PORTS - 1) {1'b0}}, 1'b1};

    localparam WORD_SHIFT = $clog2(BUS_W / 8);

    wire [PORTS-1:0] sender = UPLINK << in_port;
    wire from_uplink = in_port == 0;
    wire bridge_above = mode == `MODE_VN_TAG || mode == `MODE_E_TAG;

    // Pools: those that want the frame; if one alone may get it, the lowest of these, and of a group the default pool.
    wire to_pools = POOL_FILTERS != 0 && by_pools;
    wire [PORTS-1:0] wanting = (owners | curious | (is_group ? accepting : {PORTS{1'b0}})) & ~UPLINK;
    wire [PORTS-1:0] pools = is_replicated ? wanting : is_group ? {PORTS{1'b0}} : wanting & (~wanting + 1'b1);
    wire has_default = !is_group || !is_replicated;
    wire [PORTS-1:0] selected = (pools == 0 && has_default) ? defaults : pools;

    // The ports, and the reason if there are none: that of the rules before, or else that of forwarding.
    reg [PORTS-1:0] chosen;
    reg [7:0] reason_if_none;
    reg [7:0] reason_found;
    assign reason = (egress == 0) ? reason_found : `DROP_NONE;

    // Private VLANs take ports away; a frame for which some were chosen has no reason of those before.
    wire [PORTS-1:0] reached = (PRIVATE_VLANS != 0) ? chosen & ~kept_from : chosen;
    wire [7:0] own_reason = (PRIVATE_VLANS != 0 && chosen != 0) ? `DROP_PVLAN : reason_if_none;

    always @* begin
        chosen = {PORTS{1'b0}};
        reason_if_none = `DROP_NO_DESTINATION;
        if (bridge_above) begin
            chosen = from_uplink ? targets & ~pruned : UPLINK;
        end else if (to_pools) begin
            chosen = selected & enabled;
            if (!is_group && selected == 0) reason_if_none = `DROP_UNKNOWN_UNICAST;
        end else if (from_uplink) begin
            if (is_group) begin
                chosen = (accepting | owners | curious) & ~UPLINK;
                if (mode == `MODE_VEPA) chosen = chosen & ~source_owners;
                if (is_link_local) chosen = chosen & trusting;
            end else if (owners != 0) begin
                chosen = owners & ~UPLINK;
            end else begin
                chosen = (defaults | curious) & ~UPLINK;
                reason_if_none = `DROP_UNKNOWN_UNICAST;
            end
        end else if (mode == `MODE_VEB && loops_back) begin
            if (is_group) begin
                chosen = accepting | owners | (curious & ~sender);
                if (!loops_to_self) chosen = chosen & ~sender;
            end else if (owners == 0) begin
                chosen = curious & ~sender;
            end else if (owners != sender) begin
                chosen = owners & ~sender;
            end else if (loops_to_self) begin
                chosen = sender;
            end else begin
                reason_if_none = `DROP_SAME_PORT;
            end
        end else if (uplink_carries) begin
            chosen = UPLINK;
        end else if (mode == `MODE_VEPA) begin
            reason_if_none = `DROP_VLAN_MEMBER;
        end
    end

    always @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
            port <= 0;
            reason_found <= `DROP_NONE;
            egress <= 0;
            queue <= 0;
        end else begin
            valid <= in_valid;
            if (in_valid) begin
                port <= in_port;
                length <= in_length;
                words <= {1'b0, in_length[LENGTH_W-1:WORD_SHIFT]} +
                    {{(COUNT_W - 1) {1'b0}}, |in_length[WORD_SHIFT-1:0]};
                reason_found <= (in_reason == `DROP_NONE) ? own_reason : in_reason;
                egress <= (in_reason == `DROP_NONE) ? reached : {PORTS{1'b0}};
                queue <= in_queue;
                tag_value <= in_tag_value;
                if (bridge_above) begin
                    // The tag of the bridge above comes off a frame for a station, and goes on a frame for the uplink.
                    strip <= from_uplink ? mode : `TAG_NONE;
                    add <= mode;
                    adds_at <= from_uplink ? {PORTS{1'b0}} : UPLINK;
                end else begin
                    strip <= has_c_tag ? `TAG_C : `TAG_NONE;
                    add <= `TAG_C;
                    adds_at <= ~untagged;
                end
            end
        end
    end

`ifdef FORMAL
`include "formal/forward_properties.vh"
`endif
endmodule

`default_nettype wire
