// The decision: from a frame's header to its ports, its queue and its tags, in six cycles. Wiring only.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module forwarding_engine #(
    parameter PORTS = 9,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter MAX_FRAME_BYTES = 1514,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16,
    parameter POOL_FILTERS = 0,
    parameter PAUSE = 0,
    parameter PRIVATE_VLANS = 0
) (
    input  wire                                  clk,
    input  wire                                  reset,
    input  wire                                  write_valid,  // a register is written
    input  wire [15:2]                           write_address,
    input  wire [19:0]                           write_data,
    input  wire [31:0]                           stage_first,  // the words of the entry before it
    input  wire [27:0]                           stage_second,
    output wire                                  write_hit,    // there is such a register here
    input  wire                                  read_valid,   // read_data is to be there in the next cycle
    input  wire [15:2]                           read_address,
    output wire                                  read_hit,
    output wire [31:0]                           read_data,    // 0 where no such register is here
    output wire [PORTS*2-1:0]                    scheduler,
    output wire [PORTS*PRIORITIES*16-1:0]        quantum,
    output wire [PORTS*PRIORITIES-1:0]           paused,
    input  wire                                  header_valid, // a frame's header is here
    input  wire [`HEADER_W-1:0]                  header,
    input  wire [`INFO_W(PORTS, `LENGTH_W)-1:0]  header_info,  // ingress port; swallowed, bad, length
    output wire                                  decided_valid, // six cycles later; the rest stays until the next one
    output wire [`INDEX_W(PORTS)-1:0]            decided_port,
    output wire [`LENGTH_W-1:0]                  decided_length,
    output wire [`COUNT_W(`LENGTH_W, BUS_W)-1:0] decided_words,
    output wire [7:0]                            decided_reason,
    output wire [PORTS-1:0]                      decided_egress,
    output wire [`INDEX_W(PRIORITIES)-1:0]       decided_queue,
    output wire [1:0]                            decided_strip,
    output wire [1:0]                            decided_add,
    output wire [PORTS-1:0]                      decided_adds_at,
    output wire [`TAG_VALUE_W-1:0]               decided_tag_value
);
    localparam LENGTH_W = `LENGTH_W;
    localparam INFO_W = `INFO_W(PORTS, LENGTH_W);
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);

    wire [1:0] mode;
    wire has_pools;
    wire replicates;
    wire [PORTS-1:0] default_pool;
    wire [PORTS-1:0] accept_untagged;
    wire carries_all;
    wire [PORTS-1:0] enable;
    wire [PORTS-1:0] spoof_check;
    wire [PORTS-1:0] ethertype_filter;
    wire [PORTS-1:0] trusted;
    wire [PORTS-1:0] loopback;
    wire [PORTS-1:0] self_loopback;
    wire [PORTS-1:0] accept_broadcast;
    wire [PORTS-1:0] accept_multicast;
    wire [PORTS-1:0] promiscuous;
    wire [PORTS-1:0] default_station;
    wire [PORTS*2-1:0] admit;
    wire [PORTS*3-1:0] default_priority;
    wire [PORTS*14-1:0] max_frame;
    wire [11:0] uplink_vlan;
    wire [PORTS*12-1:0] port_vlan;
    wire [PORTS*12-1:0] vif;
    wire [PORTS*20-1:0] ecid;
    wire [PORTS*PORTS-1:0] apart;

    wire [47:0] destination;
    wire [47:0] source;
    wire [47:0] outer;
    wire parsed_valid;
    wire [INFO_W-1:0] parsed_info;
    wire [1:0] parsed_mode;
    wire parsed_has_pools;
    wire is_complete;
    wire is_group;
    wire is_broadcast;
    wire is_link_local;
    wire has_group_source;
    wire has_bad_source;
    wire is_control;
    wire begins_with_tag;
    wire [3:0] n_tag_bytes;
    wire has_outer;
    wire has_c_tag;
    wire [3:0] c_tci_start;
    wire is_tagged;
    wire [11:0] vlan;
    wire [3:0] outer_start;
    wire [1:0] outer_version;
    parser #(
        .PORTS(PORTS),
        .POOL_FILTERS(POOL_FILTERS)
    ) frame_parser (
        .clk(clk),
        .reset(reset),
        .in_valid(header_valid),
        .in_header(header),
        .in_info(header_info),
        .look_destination(destination),
        .look_source(source),
        .look_outer(outer),
        .mode(mode),
        .has_pools(has_pools),
        .port_vlan(port_vlan),
        .valid(parsed_valid),
        .info(parsed_info),
        .frame_mode(parsed_mode),
        .frame_has_pools(parsed_has_pools),
        .is_complete(is_complete),
        .is_group(is_group),
        .is_broadcast(is_broadcast),
        .is_link_local(is_link_local),
        .has_group_source(has_group_source),
        .has_bad_source(has_bad_source),
        .is_control(is_control),
        .begins_with_tag(begins_with_tag),
        .n_tag_bytes(n_tag_bytes),
        .has_outer(has_outer),
        .has_c_tag(has_c_tag),
        .c_tci_start(c_tci_start),
        .is_tagged(is_tagged),
        .vlan(vlan),
        .outer_start(outer_start),
        .outer_version(outer_version)
    );

    wire [PORTS-1:0] members;
    wire [PORTS-1:0] untagged;
    wire [PORTS-1:0] owners;
    wire [PORTS-1:0] source_owners;
    wire [PORTS-1:0] source_own;
    wire [PORTS-1:0] targets;
    wire [PORTS-1:0] pruned;
    switch_tables #(
        .PORTS(PORTS),
        .PRIORITIES(PRIORITIES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) tables (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data),
        .stage_first(stage_first),
        .stage_second(stage_second),
        .write_hit(write_hit),
        .read_valid(read_valid),
        .read_address(read_address),
        .read_hit(read_hit),
        .read_data(read_data),
        .mode(mode),
        .has_pools(has_pools),
        .port_vlan(port_vlan),
        .carries_all(carries_all),
        .enable(enable),
        .spoof_check(spoof_check),
        .ethertype_filter(ethertype_filter),
        .trusted(trusted),
        .loopback(loopback),
        .self_loopback(self_loopback),
        .accept_broadcast(accept_broadcast),
        .accept_multicast(accept_multicast),
        .promiscuous(promiscuous),
        .default_station(default_station),
        .replicates(replicates),
        .default_pool(default_pool),
        .accept_untagged(accept_untagged),
        .admit(admit),
        .default_priority(default_priority),
        .max_frame(max_frame),
        .uplink_vlan(uplink_vlan),
        .vif(vif),
        .ecid(ecid),
        .apart(apart),
        .scheduler(scheduler),
        .quantum(quantum),
        .paused(paused),
        .destination(destination),
        .source(source),
        .outer(outer),
        .vlan(vlan),
        .members(members),
        .untagged(untagged),
        .owners(owners),
        .source_owners(source_owners),
        .source_own(source_own),
        .targets(targets),
        .pruned(pruned)
    );

    wire seen_valid;
    wire [PORT_I_W-1:0] seen_port;
    wire [LENGTH_W-1:0] seen_length;
    wire [7:0] seen_reason;
    wire [1:0] seen_mode;
    wire seen_by_pools, seen_is_replicated;
    wire seen_is_group, seen_is_link_local, seen_loops_back, seen_loops_to_self, seen_uplink_carries, seen_has_c_tag;
    wire [QUEUE_I_W-1:0] seen_queue;
    wire [`TAG_VALUE_W-1:0] seen_tag_value;
    wire [PORTS-1:0] seen_untagged, seen_owners, seen_accepting, seen_curious, seen_defaults, seen_enabled;
    wire [PORTS-1:0] seen_trusting, seen_source_owners, seen_targets, seen_pruned, seen_kept_from;
    classify #(
        .PORTS(PORTS), .MAX_FRAME_BYTES(MAX_FRAME_BYTES), .PRIORITIES(PRIORITIES), .POOL_FILTERS(POOL_FILTERS),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) classifier (
        .clk(clk),
        .reset(reset),
        .in_valid(parsed_valid),
        .in_port(parsed_info[INFO_W-1-:PORT_I_W]),
        .in_length(parsed_info[LENGTH_W-1:0]),
        .in_bad(parsed_info[LENGTH_W]),
        .in_swallowed(parsed_info[LENGTH_W+1]),
        .in_mode(parsed_mode),
        .in_has_pools(parsed_has_pools),
        .is_complete(is_complete),
        .in_is_group(is_group),
        .is_broadcast(is_broadcast),
        .in_is_link_local(is_link_local),
        .in_group_source(has_group_source),
        .in_bad_source(has_bad_source),
        .in_is_control(is_control),
        .begins_with_tag(begins_with_tag),
        .n_tag_bytes(n_tag_bytes),
        .in_has_outer(has_outer),
        .in_has_c_tag(has_c_tag),
        .c_tci_start(c_tci_start),
        .is_tagged(is_tagged),
        .vlan(vlan),
        .outer_start(outer_start),
        .outer_version(outer_version),
        .carries_all(carries_all),
        .enable(enable),
        .spoof_check(spoof_check),
        .ethertype_filter(ethertype_filter),
        .trusted(trusted),
        .loopback(loopback),
        .self_loopback(self_loopback),
        .accept_broadcast(accept_broadcast),
        .accept_multicast(accept_multicast),
        .promiscuous(promiscuous),
        .default_station(default_station),
        .replicates(replicates),
        .default_pool(default_pool),
        .accept_untagged(accept_untagged),
        .admit(admit),
        .default_priority(default_priority),
        .max_frame(max_frame),
        .uplink_vlan(uplink_vlan),
        .vif(vif),
        .ecid(ecid),
        .apart(apart),
        .in_members(members),
        .in_untagged(untagged),
        .in_owners(owners),
        .in_source_owners(source_owners),
        .in_source_own(source_own),
        .in_targets(targets),
        .in_pruned(pruned),
        .valid(seen_valid),
        .port(seen_port),
        .length(seen_length),
        .reason(seen_reason),
        .mode(seen_mode),
        .by_pools(seen_by_pools),
        .is_replicated(seen_is_replicated),
        .is_group(seen_is_group),
        .is_link_local(seen_is_link_local),
        .loops_back(seen_loops_back),
        .loops_to_self(seen_loops_to_self),
        .uplink_carries(seen_uplink_carries),
        .has_c_tag(seen_has_c_tag),
        .queue(seen_queue),
        .tag_value(seen_tag_value),
        .untagged(seen_untagged),
        .owners(seen_owners),
        .accepting(seen_accepting),
        .curious(seen_curious),
        .defaults(seen_defaults),
        .enabled(seen_enabled),
        .trusting(seen_trusting),
        .source_owners(seen_source_owners),
        .targets(seen_targets),
        .pruned(seen_pruned),
        .kept_from(seen_kept_from)
    );

    forward #(
        .PORTS(PORTS), .BUS_W(BUS_W), .PRIORITIES(PRIORITIES), .POOL_FILTERS(POOL_FILTERS),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) forwarder (
        .clk(clk),
        .reset(reset),
        .in_valid(seen_valid),
        .in_port(seen_port),
        .in_length(seen_length),
        .in_reason(seen_reason),
        .mode(seen_mode),
        .by_pools(seen_by_pools),
        .is_replicated(seen_is_replicated),
        .is_group(seen_is_group),
        .is_link_local(seen_is_link_local),
        .loops_back(seen_loops_back),
        .loops_to_self(seen_loops_to_self),
        .uplink_carries(seen_uplink_carries),
        .has_c_tag(seen_has_c_tag),
        .in_queue(seen_queue),
        .in_tag_value(seen_tag_value),
        .untagged(seen_untagged),
        .owners(seen_owners),
        .accepting(seen_accepting),
        .curious(seen_curious),
        .defaults(seen_defaults),
        .enabled(seen_enabled),
        .trusting(seen_trusting),
        .source_owners(seen_source_owners),
        .targets(seen_targets),
        .pruned(seen_pruned),
        .kept_from(seen_kept_from),
        .valid(decided_valid),
        .port(decided_port),
        .length(decided_length),
        .words(decided_words),
        .reason(decided_reason),
        .egress(decided_egress),
        .queue(decided_queue),
        .strip(decided_strip),
        .add(decided_add),
        .adds_at(decided_adds_at),
        .tag_value(decided_tag_value)
    );
endmodule

`default_nettype wire
