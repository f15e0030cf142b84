// What a decision looks up and software writes: the registers of mode and ports, the tables. Wiring only.
//
// A lookup begins in LOOK (docs/switch_core.md) with the addresses and the outer tag, and is answered three cycles later.
// The VLAN is given in the cycle after LOOK, in which the registers show what they were in LOOK, but for the mode, whether
// there are pools, and the ports' VLANs, which are those of the cycle.

`default_nettype none

module switch_tables #(
    parameter PORTS = 9,
    parameter PRIORITIES = 1,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16,
    parameter POOL_FILTERS = 0,
    parameter PAUSE = 0,
    parameter PRIVATE_VLANS = 0
) (
    input  wire                           clk,
    input  wire                           reset,
    input  wire                           write_valid,  // a register is written
    input  wire [15:2]                    write_address,
    input  wire [19:0]                    write_data,
    input  wire [31:0]                    stage_first,  // the words of the entry before it
    input  wire [27:0]                    stage_second,
    output wire                           write_hit,    // there is such a register here
    input  wire                           read_valid,   // read_data is to be there in the next cycle
    input  wire [15:2]                    read_address,
    output wire                           read_hit,
    output wire [31:0]                    read_data,    // 0 where no such register is here
    output wire [1:0]                     mode,
    output wire                           has_pools,
    output wire [PORTS*12-1:0]            port_vlan,
    output wire                           carries_all,
    output wire [PORTS-1:0]               enable,
    output wire [PORTS-1:0]               spoof_check,
    output wire [PORTS-1:0]               ethertype_filter,
    output wire [PORTS-1:0]               trusted,
    output wire [PORTS-1:0]               loopback,
    output wire [PORTS-1:0]               self_loopback,
    output wire [PORTS-1:0]               accept_broadcast,
    output wire [PORTS-1:0]               accept_multicast,
    output wire [PORTS-1:0]               promiscuous,
    output wire [PORTS-1:0]               default_station,
    output wire                           replicates,
    output wire [PORTS-1:0]               default_pool,
    output wire [PORTS-1:0]               accept_untagged,
    output wire [PORTS*2-1:0]             admit,
    output wire [PORTS*3-1:0]             default_priority,
    output wire [PORTS*14-1:0]            max_frame,
    output wire [11:0]                    uplink_vlan,
    output wire [PORTS*12-1:0]            vif,
    output wire [PORTS*20-1:0]            ecid,
    output wire [PORTS*PORTS-1:0]         apart,
    output wire [PORTS*2-1:0]             scheduler,
    output wire [PORTS*PRIORITIES*16-1:0] quantum,
    output wire [PORTS*PRIORITIES-1:0]    paused,
    input  wire [47:0]                    destination, // what to look up: in LOOK
    input  wire [47:0]                    source,
    input  wire [47:0]                    outer,       // the outer tag after the type
    input  wire [11:0]                    vlan,        // a cycle later: the frame's VLAN
    output wire [PORTS-1:0]               members,
    output wire [PORTS-1:0]               untagged,
    output wire [PORTS-1:0]               owners,
    output wire [PORTS-1:0]               source_owners,
    output wire [PORTS-1:0]               source_own,
    output wire [PORTS-1:0]               targets,
    output wire [PORTS-1:0]               pruned
);
    wire control_writes;
    wire control_reads;
    wire [31:0] control_data;
    wire vlan_writes;
    wire vlan_reads;
    wire [31:0] vlan_data;
    wire list_writes;
    wire list_reads;
    wire [31:0] list_data;
    wire address_writes;
    wire address_reads;
    wire [31:0] address_data;
    assign write_hit = control_writes || vlan_writes || list_writes || address_writes;
    assign read_hit = control_reads || vlan_reads || list_reads || address_reads;
    // Who has the address that was read, a cycle later, when the data is there.
    reg control_answers;
    reg vlan_answers;
    reg list_answers;
    reg address_answers;
    assign read_data = control_answers ? control_data : vlan_answers ? vlan_data : list_answers ? list_data :
        address_answers ? address_data : 32'd0;
    always @(posedge clk) begin
        if (read_valid) begin
            control_answers <= control_reads;
            vlan_answers <= vlan_reads;
            list_answers <= list_reads;
            address_answers <= address_reads;
        end
    end

    switch_control #(
        .PORTS(PORTS),
        .PRIORITIES(PRIORITIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) control (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data),
        .write_hit(control_writes),
        .read_address(read_address),
        .read_valid(read_valid),
        .read_hit(control_reads),
        .read_data(control_data),
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
        .paused(paused)
    );

    vlan_table #(
        .PORTS(PORTS),
        .ENTRIES(VLAN_ENTRIES)
    ) vlans (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data[PORTS-1:0]),
        .write_hit(vlan_writes),
        .read_address(read_address),
        .read_valid(read_valid),
        .read_hit(vlan_reads),
        .read_data(vlan_data),
        .stage_vid(stage_first[11:0]),
        .stage_members(stage_second[PORTS-1:0]),
        .vlan(vlan),
        .members(members),
        .untagged(untagged)
    );

    address_table #(
        .PORTS(PORTS),
        .ENTRIES(MAC_ENTRIES)
    ) addresses (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data[PORTS-1:0]),
        .write_hit(address_writes),
        .read_address(read_address),
        .read_valid(read_valid),
        .read_hit(address_reads),
        .read_data(address_data),
        .stage_key({stage_second[27:16], stage_second[15:0], stage_first}),
        .destination(destination),
        .source(source),
        .vlan(vlan),
        .destination_owners(owners),
        .source_owners(source_owners),
        .source_own(source_own)
    );

    list_table #(
        .PORTS(PORTS),
        .ENTRIES(LIST_ENTRIES)
    ) lists (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data[PORTS-1:1]),
        .write_hit(list_writes),
        .read_address(read_address),
        .read_valid(read_valid),
        .read_hit(list_reads),
        .read_data(list_data),
        .stage_key(stage_first[21:0]),
        .mode(mode),
        .outer(outer),
        .vif(vif[PORTS*12-1:12]),
        .ecid(ecid[PORTS*20-1:20]),
        .targets(targets),
        .pruned(pruned)
    );
endmodule

`default_nettype wire
