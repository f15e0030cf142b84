// The switch core: an embedded Ethernet switch for the uplink, the PF and the VFs of a network adapter. Wiring only.
//
// Frames carry no FCS. Frame in, decision, copies out: docs/switch_core.md has the parameters' meaning, the interfaces and
// the cycle in which each thing happens; docs/registers.md the registers; docs/forwarding.md the decision.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module eth_switch_core #(
    parameter PORTS = 9,               // uplink, PF, VFs
    parameter PORT_W = 64,             // bits of a beat
    parameter BUS_W = 512,             // bits of the bus inside
    parameter PRIORITIES = 1,          // output queues of each port
    parameter INGRESS_BYTES = 16384,   // of each port's ingress FIFO
    parameter QUEUE_BYTES = 32768,     // of each output queue
    parameter MAX_FRAME_BYTES = 1514,  // longest frame without its tags
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16,
    parameter POOL_FILTERS = 0,        // 1: registers choose pools for frames from the uplink
    parameter PAUSE = 0,               // 1: priorities of a port can be paused
    parameter PRIVATE_VLANS = 0        // 1: registers say by which ports a port's frames do not leave
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire [PORTS*PORT_W-1:0]   s_axis_tdata,
    input  wire [PORTS*PORT_W/8-1:0] s_axis_tkeep,
    input  wire [PORTS-1:0]          s_axis_tvalid,
    output wire [PORTS-1:0]          s_axis_tready,
    input  wire [PORTS-1:0]          s_axis_tlast,
    input  wire [PORTS-1:0]          s_axis_tuser,   // on the last beat: the frame is bad
    output wire [PORTS*PORT_W-1:0]   m_axis_tdata,
    output wire [PORTS*PORT_W/8-1:0] m_axis_tkeep,
    output wire [PORTS-1:0]          m_axis_tvalid,
    input  wire [PORTS-1:0]          m_axis_tready,
    output wire [PORTS-1:0]          m_axis_tlast,
    output wire [PORTS-1:0]          m_axis_tuser,   // 0
    input  wire [15:0]               s_axil_awaddr,
    input  wire                      s_axil_awvalid,
    output wire                      s_axil_awready,
    input  wire [31:0]               s_axil_wdata,
    input  wire [3:0]                s_axil_wstrb,
    input  wire                      s_axil_wvalid,
    output wire                      s_axil_wready,
    output wire [1:0]                s_axil_bresp,
    output wire                      s_axil_bvalid,
    input  wire                      s_axil_bready,
    input  wire [15:0]               s_axil_araddr,
    input  wire                      s_axil_arvalid,
    output wire                      s_axil_arready,
    output wire [31:0]               s_axil_rdata,
    output wire [1:0]                s_axil_rresp,
    output wire                      s_axil_rvalid,
    input  wire                      s_axil_rready,
    output wire                      event_valid,    // a frame is decided in this cycle
    output wire [4:0]                event_port,
    output wire [7:0]                event_reason,
    output wire [PORTS-1:0]          event_ports,
    output wire [PORTS-1:0]          event_full,
    output wire                      write_valid,    // a register write takes effect in the next cycle
    output wire [15:0]               write_address,
    output wire [31:0]               write_data
);
    localparam LENGTH_W = `LENGTH_W;
    localparam BUS_BYTES = BUS_W / 8;
    localparam TAGS_BYTES = 12;          // the longest tags: E-TAG and C-TAG
    localparam STORE_BYTES = MAX_FRAME_BYTES + TAGS_BYTES;
    localparam COUNT_W = `COUNT_W(LENGTH_W, BUS_W);
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam HEADER_WORDS = (`HEADER_BYTES + BUS_BYTES - 1) / BUS_BYTES;
    localparam LOOKUP_CYCLES = 6;        // from the complete header to the decision
    localparam HEADER_W = `HEADER_W;
    localparam INFO_W = `INFO_W(PORTS, LENGTH_W);

    parameter_check #(
        .PORTS(PORTS),
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .INGRESS_BYTES(INGRESS_BYTES),
        .QUEUE_BYTES(QUEUE_BYTES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS),
        .STORE_BYTES(STORE_BYTES)
    ) checked ();

    wire word_valid;
    wire word_first;
    wire [BUS_W-1:0] word;
    wire [INFO_W-1:0] word_info;
    switch_ingress #(
        .PORTS(PORTS),
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .WORDS(INGRESS_BYTES / BUS_BYTES),
        .STORE_BYTES(STORE_BYTES),
        .SWALLOW_WORDS((MAX_FRAME_BYTES + BUS_BYTES - 1) / BUS_BYTES)
    ) ingress (
        .clk(clk),
        .reset(reset),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .word_valid(word_valid),
        .word_first(word_first),
        .word(word),
        .word_info(word_info)
    );

    wire header_valid;
    wire [HEADER_W-1:0] header;
    wire [INFO_W-1:0] header_info;
    wire bus_valid;
    wire bus_first;
    wire [BUS_W-1:0] bus_word;
    bus_window #(
        .BUS_W(BUS_W),
        .INFO_W(INFO_W),
        .HEADER_WORDS(HEADER_WORDS),
        .DEPTH(HEADER_WORDS + LOOKUP_CYCLES + 1)
    ) bus (
        .clk(clk),
        .reset(reset),
        .in_valid(word_valid),
        .in_first(word_first),
        .in_word(word),
        .in_info(word_info),
        .header_valid(header_valid),
        .header(header),
        .header_info(header_info),
        .out_valid(bus_valid),
        .out_first(bus_first),
        .out_word(bus_word)
    );
    wire [15:2] written_address;
    assign write_address = {written_address, 2'b00};
    wire write_hit;
    wire [31:0] stage_first;
    wire [27:0] stage_second;
    wire read_valid;
    wire [15:2] read_address;
    wire table_hit;
    wire [31:0] table_data;
    wire counter_hit;
    wire [31:0] counter_data;
    axi_lite_registers #(
        .PORTS(PORTS),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .INGRESS_BYTES(INGRESS_BYTES),
        .QUEUE_BYTES(QUEUE_BYTES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) registers (
        .clk(clk),
        .reset(reset),
        .s_axil_awaddr(s_axil_awaddr[15:2]),
        .s_axil_awvalid(s_axil_awvalid),
        .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb),
        .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr[15:2]),
        .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata),
        .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready),
        .write_valid(write_valid),
        .write_address(written_address),
        .write_data(write_data),
        .write_hit(write_hit),
        .stage_first(stage_first),
        .stage_second(stage_second),
        .read_valid(read_valid),
        .read_address(read_address),
        .read_hit(table_hit || counter_hit),
        .read_data(table_data | counter_data)
    );

    wire [PORTS*2-1:0] scheduler;
    wire [PORTS*PRIORITIES*16-1:0] quantum;
    wire [PORTS*PRIORITIES-1:0] paused;
    wire decided_valid;
    wire [PORT_I_W-1:0] decided_port;
    wire [LENGTH_W-1:0] decided_length;
    wire [COUNT_W-1:0] decided_words;
    wire [7:0] decided_reason;
    wire [PORTS-1:0] decided_egress;
    wire [QUEUE_I_W-1:0] decided_queue;
    wire [1:0] decided_strip;
    wire [1:0] decided_add;
    wire [PORTS-1:0] decided_adds_at;
    wire [`TAG_VALUE_W-1:0] decided_tag_value;
    forwarding_engine #(
        .PORTS(PORTS),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES),
        .POOL_FILTERS(POOL_FILTERS),
        .PAUSE(PAUSE),
        .PRIVATE_VLANS(PRIVATE_VLANS)
    ) engine (
        .clk(clk),
        .reset(reset),
        .write_valid(write_valid),
        .write_address(written_address),
        .write_data(write_data[19:0]),
        .stage_first(stage_first),
        .stage_second(stage_second),
        .write_hit(write_hit),
        .read_valid(read_valid),
        .read_address(read_address),
        .read_hit(table_hit),
        .read_data(table_data),
        .scheduler(scheduler),
        .quantum(quantum),
        .paused(paused),
        .header_valid(header_valid),
        .header(header),
        .header_info(header_info),
        .decided_valid(decided_valid),
        .decided_port(decided_port),
        .decided_length(decided_length),
        .decided_words(decided_words),
        .decided_reason(decided_reason),
        .decided_egress(decided_egress),
        .decided_queue(decided_queue),
        .decided_strip(decided_strip),
        .decided_add(decided_add),
        .decided_adds_at(decided_adds_at),
        .decided_tag_value(decided_tag_value)
    );

    wire [PORTS-1:0] offer;
    wire [PORTS-1:0] room;
    wire [PORTS-1:0] queue_write;
    wire [PORT_I_W-1:0] event_from;
    bus_writer #(
        .PORTS(PORTS)
    ) writer (
        .clk(clk),
        .reset(reset),
        .decided(decided_valid),
        .port(decided_port),
        .reason(decided_reason),
        .egress(decided_egress),
        .offer(offer),
        .room(room),
        .word_valid(bus_valid),
        .word_first(bus_first),
        .write(queue_write),
        .event_valid(event_valid),
        .event_port(event_from),
        .event_reason(event_reason),
        .event_ports(event_ports),
        .event_full(event_full)
    );
    generate
        if (PORT_I_W < 5) begin : g_event_port
            assign event_port = {{(5 - PORT_I_W) {1'b0}}, event_from};
        end else begin : g_event_port
            assign event_port = event_from;
        end
    endgenerate

    switch_egress #(
        .PORTS(PORTS),
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .PAUSE(PAUSE),
        .QUEUE_WORDS(QUEUE_BYTES / BUS_BYTES)
    ) egress (
        .clk(clk),
        .reset(reset),
        .scheduler(scheduler),
        .quantum(quantum),
        .paused(paused),
        .decided(decided_valid),
        .decided_queue(decided_queue),
        .decided_words(decided_words),
        .decided_length(decided_length),
        .decided_strip(decided_strip),
        .decided_add(decided_add),
        .decided_adds_at(decided_adds_at),
        .decided_value(decided_tag_value),
        .offer(offer),
        .room(room),
        .write(queue_write),
        .write_first(bus_first),
        .write_word(bus_word),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast)
    );
    assign m_axis_tuser = {PORTS{1'b0}};

    counters #(
        .PORTS(PORTS)
    ) statistics (
        .clk(clk),
        .reset(reset),
        .event_valid(event_valid),
        .event_port(event_from),
        .event_reason(event_reason[4:0]),
        .event_ports(event_ports),
        .event_full(event_full),
        .sent(m_axis_tvalid & m_axis_tready & m_axis_tlast),
        .read_address(read_address),
        .read_valid(read_valid),
        .read_hit(counter_hit),
        .read_data(counter_data)
    );
endmodule

`default_nettype wire
