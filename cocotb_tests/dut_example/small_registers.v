// The registers of small_switch: cfg_strobe for one cycle, the answer in the same cycle.
//
// Word addresses. 0: mode, 1 for VN-Tag. 16 P + 16: enable 0, spoof check 1, broadcast 2, multicast 3 and VIF 27:16 of
// port P; + 17: longest frame without FCS and tags; + 18, + 19: low and high part of its address. Read only, + 20, + 21,
// + 22: frames from port P, those of them that were dropped, copies that left by it.

`default_nettype none

module small_registers #(
    parameter PORTS = 3,
    parameter PORT_I_W = 2
) (
    input  wire                clock,
    input  wire                rst_n,
    input  wire                cfg_strobe,
    input  wire                cfg_write,
    input  wire [7:0]          cfg_address,
    input  wire [31:0]         cfg_wdata,
    output reg  [31:0]         cfg_rdata,
    input  wire                decided,       // a frame from port `from`
    input  wire                dropped,
    input  wire [PORT_I_W-1:0] from,
    input  wire                sent,          // a copy by port `by`
    input  wire [PORT_I_W-1:0] by,
    output reg                 mode_vn,
    output reg  [PORTS-1:0]    enable,
    output reg  [PORTS-1:0]    spoof_check,
    output reg  [PORTS-1:0]    take_broadcast,
    output reg  [PORTS-1:0]    take_multicast,
    output reg  [PORTS*14-1:0] longest,
    output reg  [PORTS*48-1:0] address,
    output reg  [PORTS*12-1:0] vif
);
    reg [31:0] n_received[0:PORTS-1];
    reg [31:0] n_dropped[0:PORTS-1];
    reg [31:0] n_sent[0:PORTS-1];
    wire [3:0] port = cfg_address[7:4] - 4'd1;
    integer i;

    always @* begin
        case (cfg_address[3:0])
            4'd4: cfg_rdata = n_received[port];
            4'd5: cfg_rdata = n_dropped[port];
            4'd6: cfg_rdata = n_sent[port];
            default: cfg_rdata = 32'd0;
        endcase
    end

    always @(posedge clock) begin
        if (!rst_n) begin
            mode_vn <= 1'b0;
            enable <= {{PORTS - 1{1'b0}}, 1'b1};
            spoof_check <= {PORTS{1'b0}};
            for (i = 0; i < PORTS; i = i + 1) begin
                n_received[i] <= 32'd0;
                n_dropped[i] <= 32'd0;
                n_sent[i] <= 32'd0;
            end
        end else begin
            if (decided) n_received[from] <= n_received[from] + 32'd1;
            if (decided && dropped) n_dropped[from] <= n_dropped[from] + 32'd1;
            if (sent) n_sent[by] <= n_sent[by] + 32'd1;
            if (cfg_strobe && cfg_write) begin
                if (cfg_address == 8'd0) begin
                    mode_vn <= cfg_wdata[0];
                end else begin
                    case (cfg_address[3:0])
                        4'd0: begin
                            enable[port] <= cfg_wdata[0] || port == 0;
                            spoof_check[port] <= cfg_wdata[1];
                            take_broadcast[port] <= cfg_wdata[2];
                            take_multicast[port] <= cfg_wdata[3];
                            vif[12*port+:12] <= cfg_wdata[27:16];
                        end
                        4'd1: longest[14*port+:14] <= cfg_wdata[13:0];
                        4'd2: address[48*port+:32] <= cfg_wdata;
                        4'd3: address[48*port+32+:16] <= cfg_wdata[15:0];
                        default: ;
                    endcase
                end
            end
        end
    end
endmodule

`default_nettype wire
