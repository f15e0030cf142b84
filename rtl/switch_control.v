// The registers of the mode, the uplink and each port. A value written is in use from the next cycle on.
//
// A decision needs the mode and the ports' VLANs in LOOK (docs/switch_core.md), and the others in the cycle after it. So
// that it sees them all as they are in LOOK, a write changes these others a cycle late.

`default_nettype none
`include "switch_registers.vh"
`include "widths.vh"

module switch_control #(
    parameter PORTS = 9,
    parameter PRIORITIES = 1,
    parameter POOL_FILTERS = 0,
    parameter PAUSE = 0,
    parameter PRIVATE_VLANS = 0
) (
    input  wire                           clk,
    input  wire                           reset,
    input  wire                           write_valid,
    input  wire [15:2]                    write_address,
    input  wire [19:0]                    write_data,
    output wire                           write_hit,      // there is such a register here
    input  wire [15:2]                    read_address,
    input  wire                           read_valid,     // read_data is to be there in the next cycle
    output wire                           read_hit,
    output reg  [31:0]                    read_data,
    output reg  [1:0]                     mode,           // this, has_pools, port_vlan and the scheduler: as they are
    output wire                           has_pools,      // frames from the uplink go to pools
    output reg  [PORTS*12-1:0]            port_vlan,
    output reg                            carries_all,    // the others: as they were a cycle before
    output reg  [PORTS-1:0]               enable,
    output reg  [PORTS-1:0]               spoof_check,
    output reg  [PORTS-1:0]               ethertype_filter,
    output reg  [PORTS-1:0]               trusted,
    output reg  [PORTS-1:0]               loopback,
    output reg  [PORTS-1:0]               self_loopback,
    output reg  [PORTS-1:0]               accept_broadcast,
    output reg  [PORTS-1:0]               accept_multicast,
    output reg  [PORTS-1:0]               promiscuous,
    output reg  [PORTS-1:0]               default_station,
    output wire                           replicates,
    output wire [PORTS-1:0]               default_pool,   // one bit, or none
    output wire [PORTS-1:0]               accept_untagged,
    output reg  [PORTS*2-1:0]             admit,
    output reg  [PORTS*3-1:0]             default_priority,
    output reg  [PORTS*14-1:0]            max_frame,
    output reg  [11:0]                    uplink_vlan,
    output reg  [PORTS*12-1:0]            vif,
    output reg  [PORTS*20-1:0]            ecid,
    output wire [PORTS*PORTS-1:0]         apart,          // by port P from P * PORTS: where its frames do not leave
    output reg  [PORTS*2-1:0]             scheduler,
    output reg  [PORTS*PRIORITIES*16-1:0] quantum,        // queue Q of port P at P * PRIORITIES + Q
    output wire [PORTS*PRIORITIES-1:0]    paused          // likewise, as they are
);
    localparam [4:0] LAST_PORT = PORTS[4:0] - 5'd1;
    localparam [3:0] QUEUES = PRIORITIES[3:0];
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam [15:0] MODE_AT = `REG_CORE_BASE + `REG_CORE_MODE;
    localparam [15:0] UPLINK_AT = `REG_CORE_BASE + `REG_CORE_UPLINK;
    localparam [15:0] POOLS_AT = `REG_CORE_BASE + `REG_CORE_POOLS;
    localparam HAS_POOLS = POOL_FILTERS != 0;
    localparam HAS_PAUSE = PAUSE != 0;
    localparam HAS_PRIVATE = PRIVATE_VLANS != 0;
    localparam CLASSES = 8;                      // priorities that can be paused
    localparam CLASSES_A_QUEUE = CLASSES / PRIORITIES;

    function in_ports(input [15:7] address);
        in_ports = address[15:12] == 4'h1 && address[11:7] <= LAST_PORT;
    endfunction

    function is_quantum(input [6:2] offset);
        is_quantum = offset[6:5] == 2'b01 && {1'b0, offset[4:2]} < QUEUES;
    endfunction

    function is_mapped(input [15:2] address);
        is_mapped = in_ports(address[15:7]) &&
            (is_quantum(address[6:2]) || address[6:2] <= 5'd5 || (HAS_PAUSE && address[6:2] == 5'd6) ||
             (HAS_PRIVATE && address[6:2] == 5'd7)) ||
            {address, 2'b00} == MODE_AT || {address, 2'b00} == UPLINK_AT ||
            (HAS_POOLS && {address, 2'b00} == POOLS_AT);
    endfunction

    assign write_hit = is_mapped(write_address);
    assign read_hit = is_mapped(read_address);

    wire [PORT_I_W-1:0] port = write_address[7+:PORT_I_W];

    reg writes_later;
    reg [15:2] later_address;
    reg [19:0] later_data;
    wire [PORT_I_W-1:0] later_port = later_address[7+:PORT_I_W];
    always @(posedge clk) begin
        writes_later <= write_valid && !reset;
        later_address <= write_address;
        later_data <= write_data;
        uplink_vlan <= reset ? 12'd0 : port_vlan[11:0];
    end

    // One port after the other, each at a constant place: a place that is computed costs a multiplier and a shifter.
    integer p;
    integer q;
    always @(posedge clk) begin
        if (reset) begin
            mode <= 2'd0;
            port_vlan <= 0;
            scheduler <= 0;
            quantum <= {(PORTS * PRIORITIES) {`REG_PORT_QUANTUM_VALUE_RESET}};
        end else if (write_valid) begin
            if ({write_address, 2'b00} == MODE_AT) mode <= write_data[1:0];
            for (p = 0; p < PORTS; p = p + 1) begin
                if (in_ports(write_address[15:7]) && port == p[PORT_I_W-1:0]) begin
                    case ({9'd0, write_address[6:2], 2'b00})
                        `REG_PORT_PORT_VLAN: port_vlan[p*12+:12] <= write_data[11:0];
                        `REG_PORT_SCHEDULER: scheduler[p*2+:2] <= write_data[1:0];
                        default: begin
                            // Without bytes a turn would never let a frame go.
                            for (q = 0; q < PRIORITIES; q = q + 1) begin
                                if (is_quantum(write_address[6:2]) && write_address[4:2] == q[2:0]) begin
                                    quantum[(p*PRIORITIES+q)*16+:16] <=
                                        (write_data[15:0] == 0) ? 16'd1 : write_data[15:0];
                                end
                            end
                        end
                    endcase
                end
            end
        end
    end

    integer l;
    always @(posedge clk) begin
        if (reset) begin
            carries_all <= 1'b0;
            enable <= 0;
            spoof_check <= 0;
            ethertype_filter <= 0;
            trusted <= 0;
            loopback <= 0;
            self_loopback <= 0;
            accept_broadcast <= 0;
            accept_multicast <= 0;
            promiscuous <= 0;
            default_station <= 0;
            admit <= 0;
            default_priority <= 0;
            max_frame <= {PORTS{`REG_PORT_MAX_FRAME_VALUE_RESET}};
            vif <= 0;
            ecid <= 0;
        end else if (writes_later) begin
            if ({later_address, 2'b00} == UPLINK_AT) carries_all <= later_data[0];
            for (l = 0; l < PORTS; l = l + 1) begin
                if (in_ports(later_address[15:7]) && later_port == l[PORT_I_W-1:0]) begin
                    case ({9'd0, later_address[6:2], 2'b00})
                        `REG_PORT_CONTROL: begin
                            enable[l] <= later_data[`REG_PORT_CONTROL_ENABLE_LSB];
                            spoof_check[l] <= later_data[`REG_PORT_CONTROL_SPOOF_CHECK_LSB];
                            ethertype_filter[l] <= later_data[`REG_PORT_CONTROL_ETHERTYPE_FILTER_LSB];
                            trusted[l] <= later_data[`REG_PORT_CONTROL_TRUSTED_LSB];
                            loopback[l] <= later_data[`REG_PORT_CONTROL_LOOPBACK_LSB];
                            self_loopback[l] <= later_data[`REG_PORT_CONTROL_SELF_LOOPBACK_LSB];
                            accept_broadcast[l] <= later_data[`REG_PORT_CONTROL_ACCEPT_BROADCAST_LSB];
                            accept_multicast[l] <= later_data[`REG_PORT_CONTROL_ACCEPT_MULTICAST_LSB];
                            promiscuous[l] <= later_data[`REG_PORT_CONTROL_PROMISCUOUS_LSB];
                            default_station[l] <= later_data[`REG_PORT_CONTROL_DEFAULT_STATION_LSB];
                            admit[l*2+:2] <= later_data[`REG_PORT_CONTROL_ADMIT_LSB+:2];
                            default_priority[l*3+:3] <= later_data[`REG_PORT_CONTROL_DEFAULT_PRIORITY_LSB+:3];
                        end
                        `REG_PORT_MAX_FRAME: max_frame[l*14+:14] <= later_data[13:0];
                        `REG_PORT_VIF: vif[l*12+:12] <= later_data[11:0];
                        `REG_PORT_ECID: ecid[l*20+:20] <= later_data[19:0];
                        default: ;
                    endcase
                end
            end
        end
    end

    wire [31:0] pools_word;
    generate
        if (POOL_FILTERS == 0) begin : g_no_pools
            assign has_pools = 1'b0;
            assign replicates = 1'b0;
            assign default_pool = {PORTS{1'b0}};
            assign accept_untagged = {PORTS{1'b0}};
            assign pools_word = 32'd0;
        end else begin : g_pools
            reg enabled;
            reg replication;
            reg [4:0] pool;
            reg [PORTS-1:0] untagged;
            integer u;
            always @(posedge clk) begin
                if (reset) begin
                    enabled <= 1'b0;
                end else if (write_valid && {write_address, 2'b00} == POOLS_AT) begin
                    enabled <= write_data[`REG_CORE_POOLS_ENABLE_LSB];
                end
            end
            always @(posedge clk) begin
                if (reset) begin
                    replication <= 1'b0;
                    pool <= 5'd0;
                    untagged <= 0;
                end else if (writes_later) begin
                    if ({later_address, 2'b00} == POOLS_AT) begin
                        replication <= later_data[`REG_CORE_POOLS_REPLICATION_LSB];
                        pool <= later_data[`REG_CORE_POOLS_DEFAULT_LSB+:5];
                    end
                    for (u = 0; u < PORTS; u = u + 1) begin
                        if (in_ports(later_address[15:7]) && later_port == u[PORT_I_W-1:0] &&
                            {9'd0, later_address[6:2], 2'b00} == `REG_PORT_CONTROL) begin
                            untagged[u] <= later_data[`REG_PORT_CONTROL_ACCEPT_UNTAGGED_LSB];
                        end
                    end
                end
            end
            // The uplink is no pool: 0 is none, and so is a port that the core lacks.
            genvar d;
            assign default_pool[0] = 1'b0;
            for (d = 1; d < PORTS; d = d + 1) begin : g_default
                localparam [4:0] NUMBER = d;
                assign default_pool[d] = pool == NUMBER;
            end
            assign has_pools = enabled;
            assign replicates = replication;
            assign accept_untagged = untagged;
            assign pools_word = {19'd0, pool, 6'd0, replication, enabled};
        end
    endgenerate

    generate
        if (PRIVATE_VLANS == 0) begin : g_not_private
            assign apart = {(PORTS * PORTS) {1'b0}};
        end else begin : g_private
            reg [PORTS*PORTS-1:0] kept;
            integer a;
            always @(posedge clk) begin
                if (reset) begin
                    kept <= 0;
                end else if (writes_later) begin
                    for (a = 0; a < PORTS; a = a + 1) begin
                        if (in_ports(later_address[15:7]) && later_port == a[PORT_I_W-1:0] &&
                            {9'd0, later_address[6:2], 2'b00} == `REG_PORT_APART) begin
                            kept[a*PORTS+:PORTS] <= later_data[PORTS-1:0];
                        end
                    end
                end
            end
            assign apart = kept;
        end
    endgenerate

    wire [PORTS*CLASSES-1:0] pause;   // as in the registers PAUSE
    generate
        if (PAUSE == 0) begin : g_no_pause
            assign pause = {(PORTS * CLASSES) {1'b0}};
            assign paused = {(PORTS * PRIORITIES) {1'b0}};
        end else begin : g_pause
            reg [PORTS*CLASSES-1:0] classes;
            integer c;
            always @(posedge clk) begin
                if (reset) begin
                    classes <= 0;
                end else if (write_valid) begin
                    for (c = 0; c < PORTS; c = c + 1) begin
                        if (in_ports(write_address[15:7]) && port == c[PORT_I_W-1:0] &&
                            {9'd0, write_address[6:2], 2'b00} == `REG_PORT_PAUSE) begin
                            classes[c*CLASSES+:CLASSES] <= write_data[CLASSES-1:0];
                        end
                    end
                end
            end
            assign pause = classes;
            // Of a queue with several priorities none is sent while one of them is paused.
            genvar k;
            for (k = 0; k < PORTS * PRIORITIES; k = k + 1) begin : g_queue
                assign paused[k] = classes[k*CLASSES_A_QUEUE+:CLASSES_A_QUEUE] != 0;
            end
        end
    endgenerate

    wire [PORT_I_W-1:0] read_port = read_address[7+:PORT_I_W];
    wire [31:0] read_quantum_at = {27'd0, read_address[11:7]} * PRIORITIES + {29'd0, read_address[4:2]};
    always @(posedge clk) begin
        if (read_valid) begin
            // Addresses without a register are told from these by read_hit.
            if (HAS_PAUSE && read_address[12] && {9'd0, read_address[6:2], 2'b00} == `REG_PORT_PAUSE) begin
                read_data <= {24'd0, pause[read_port*CLASSES+:CLASSES]};
            end else if (HAS_PRIVATE && read_address[12] && {9'd0, read_address[6:2], 2'b00} == `REG_PORT_APART) begin
                read_data <= {{(32 - PORTS) {1'b0}}, apart[read_port*PORTS+:PORTS]};
            end else if (read_address[12]) begin
                case ({9'd0, read_address[6:2], 2'b00})
                    `REG_PORT_CONTROL:
                    read_data <= {
                        16'd0, accept_untagged[read_port], default_priority[read_port*3+:3],
                        admit[read_port*2+:2], default_station[read_port], promiscuous[read_port],
                        accept_multicast[read_port], accept_broadcast[read_port],
                        self_loopback[read_port], loopback[read_port], trusted[read_port], ethertype_filter[read_port],
                        spoof_check[read_port], enable[read_port]
                    };
                    `REG_PORT_MAX_FRAME: read_data <= {18'd0, max_frame[read_port*14+:14]};
                    `REG_PORT_PORT_VLAN: read_data <= {20'd0, port_vlan[read_port*12+:12]};
                    `REG_PORT_VIF: read_data <= {20'd0, vif[read_port*12+:12]};
                    `REG_PORT_ECID: read_data <= {12'd0, ecid[read_port*20+:20]};
                    `REG_PORT_SCHEDULER: read_data <= {30'd0, scheduler[read_port*2+:2]};
                    default: read_data <= {16'd0, quantum[read_quantum_at*16+:16]};
                endcase
            end else if (HAS_POOLS && read_address[3]) begin
                read_data <= pools_word;
            end else if (read_address[2] == MODE_AT[2]) begin
                read_data <= {30'd0, mode};
            end else begin
                read_data <= {31'd0, carries_all};
            end
        end
    end
endmodule

`default_nettype wire
