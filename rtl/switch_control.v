// The registers of the mode, the uplink and each port. A value written is in use from the next cycle on.
//
// `mode_next` and `port_vlan_next` are those of the next cycle, for the parser, which works one cycle ahead of the tables.

`default_nettype none
`include "switch_registers.vh"

module switch_control #(
    parameter PORTS = 9,
    parameter PRIORITIES = 1
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
    output reg  [1:0]                     mode,
    output wire [1:0]                     mode_next,
    output reg                            carries_all,
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
    output reg  [PORTS*2-1:0]             admit,
    output reg  [PORTS*3-1:0]             default_priority,
    output reg  [PORTS*14-1:0]            max_frame,
    output wire [11:0]                    uplink_vlan,
    output reg  [PORTS*12-1:0]            port_vlan_next,
    output reg  [PORTS*12-1:0]            vif,
    output reg  [PORTS*20-1:0]            ecid,
    output reg  [PORTS*2-1:0]             scheduler,
    output reg  [PORTS*PRIORITIES*16-1:0] quantum         // queue Q of port P at P * PRIORITIES + Q
);
    localparam [4:0] LAST_PORT = PORTS[4:0] - 5'd1;
    localparam [3:0] QUEUES = PRIORITIES[3:0];
    localparam PORT_I_W = $clog2(PORTS);
    localparam [15:0] MODE_AT = `REG_CORE_BASE + `REG_CORE_MODE;
    localparam [15:0] UPLINK_AT = `REG_CORE_BASE + `REG_CORE_UPLINK;

    function in_ports(input [15:7] address);
        in_ports = address[15:12] == 4'h1 && address[11:7] <= LAST_PORT;
    endfunction

    function is_quantum(input [6:2] offset);
        is_quantum = offset[6:5] == 2'b01 && {1'b0, offset[4:2]} < QUEUES;
    endfunction

    function is_mapped(input [15:2] address);
        is_mapped = in_ports(address[15:7]) &&
            (is_quantum(address[6:2]) || address[6:2] <= 5'd5) ||
            {address, 2'b00} == MODE_AT || {address, 2'b00} == UPLINK_AT;
    endfunction

    assign write_hit = is_mapped(write_address);
    assign read_hit = is_mapped(read_address);

    wire writes_mode = write_valid && {write_address, 2'b00} == MODE_AT;
    wire [PORT_I_W-1:0] port = write_address[7+:PORT_I_W];

    assign mode_next = writes_mode ? write_data[1:0] : mode;

    reg [PORTS*12-1:0] port_vlan;
    assign uplink_vlan = port_vlan[11:0];
    wire writes_vlan = write_valid && in_ports(write_address[15:7]) &&
        {9'd0, write_address[6:2], 2'b00} == `REG_PORT_PORT_VLAN;
    integer v;
    always @* begin
        port_vlan_next = port_vlan;
        for (v = 0; v < PORTS; v = v + 1) begin
            if (writes_vlan && port == v[PORT_I_W-1:0]) port_vlan_next[v*12+:12] = write_data[11:0];
        end
    end

    // One port after the other, each at a constant place: a place that is computed costs a multiplier and a shifter.
    integer p;
    integer q;
    always @(posedge clk) begin
        if (reset) begin
            mode <= 2'd0;
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
            port_vlan <= 0;
            vif <= 0;
            ecid <= 0;
            scheduler <= 0;
            quantum <= {(PORTS * PRIORITIES) {`REG_PORT_QUANTUM_VALUE_RESET}};
        end else if (write_valid) begin
            mode <= mode_next;
            port_vlan <= port_vlan_next;
            if ({write_address, 2'b00} == UPLINK_AT) carries_all <= write_data[0];
            for (p = 0; p < PORTS; p = p + 1) begin
                if (in_ports(write_address[15:7]) && port == p[PORT_I_W-1:0]) begin
                    case ({9'd0, write_address[6:2], 2'b00})
                        `REG_PORT_CONTROL: begin
                            enable[p] <= write_data[`REG_PORT_CONTROL_ENABLE_LSB];
                            spoof_check[p] <= write_data[`REG_PORT_CONTROL_SPOOF_CHECK_LSB];
                            ethertype_filter[p] <= write_data[`REG_PORT_CONTROL_ETHERTYPE_FILTER_LSB];
                            trusted[p] <= write_data[`REG_PORT_CONTROL_TRUSTED_LSB];
                            loopback[p] <= write_data[`REG_PORT_CONTROL_LOOPBACK_LSB];
                            self_loopback[p] <= write_data[`REG_PORT_CONTROL_SELF_LOOPBACK_LSB];
                            accept_broadcast[p] <= write_data[`REG_PORT_CONTROL_ACCEPT_BROADCAST_LSB];
                            accept_multicast[p] <= write_data[`REG_PORT_CONTROL_ACCEPT_MULTICAST_LSB];
                            promiscuous[p] <= write_data[`REG_PORT_CONTROL_PROMISCUOUS_LSB];
                            default_station[p] <= write_data[`REG_PORT_CONTROL_DEFAULT_STATION_LSB];
                            admit[p*2+:2] <= write_data[`REG_PORT_CONTROL_ADMIT_LSB+:2];
                            default_priority[p*3+:3] <= write_data[`REG_PORT_CONTROL_DEFAULT_PRIORITY_LSB+:3];
                        end
                        `REG_PORT_MAX_FRAME: max_frame[p*14+:14] <= write_data[13:0];
                        `REG_PORT_VIF: vif[p*12+:12] <= write_data[11:0];
                        `REG_PORT_ECID: ecid[p*20+:20] <= write_data[19:0];
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

    wire [PORT_I_W-1:0] read_port = read_address[7+:PORT_I_W];
    wire [31:0] read_quantum_at = {27'd0, read_address[11:7]} * PRIORITIES + {29'd0, read_address[4:2]};
    always @(posedge clk) begin
        if (read_valid) begin
            read_data <= 32'd0;
            if (in_ports(read_address[15:7])) begin
                case ({9'd0, read_address[6:2], 2'b00})
                    `REG_PORT_CONTROL:
                    read_data <= {
                        17'd0, default_priority[read_port*3+:3], admit[read_port*2+:2], default_station[read_port],
                        promiscuous[read_port], accept_multicast[read_port], accept_broadcast[read_port],
                        self_loopback[read_port], loopback[read_port], trusted[read_port], ethertype_filter[read_port],
                        spoof_check[read_port], enable[read_port]
                    };
                    `REG_PORT_MAX_FRAME: read_data <= {18'd0, max_frame[read_port*14+:14]};
                    `REG_PORT_PORT_VLAN: read_data <= {20'd0, port_vlan[read_port*12+:12]};
                    `REG_PORT_VIF: read_data <= {20'd0, vif[read_port*12+:12]};
                    `REG_PORT_ECID: read_data <= {12'd0, ecid[read_port*20+:20]};
                    `REG_PORT_SCHEDULER: read_data <= {30'd0, scheduler[read_port*2+:2]};
                    default: if (is_quantum(read_address[6:2])) read_data <= {16'd0, quantum[read_quantum_at*16+:16]};
                endcase
            end else if ({read_address, 2'b00} == MODE_AT) begin
                read_data <= {30'd0, mode};
            end else if ({read_address, 2'b00} == UPLINK_AT) begin
                read_data <= {31'd0, carries_all};
            end
        end
    end
endmodule

`default_nettype wire
