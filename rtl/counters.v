// The counters: frames by ingress port and fate, copies by egress port and fate. 64 bits each; they wrap.
//
// Frames are counted in a RAM, one of its words for each port and reason; a word that was never counted up reads 0.

`default_nettype none
`include "drop_reasons.vh"
`include "switch_registers.vh"

module counters #(
    parameter PORTS = 9,
    parameter PORT_I_W = 4
) (
    input  wire                clk,
    input  wire                reset,
    input  wire                event_valid,
    input  wire [PORT_I_W-1:0] event_port,
    input  wire [4:0]          event_reason,
    input  wire [PORTS-1:0]    event_ports,
    input  wire [PORTS-1:0]    event_full,
    input  wire [PORTS-1:0]    sent,           // the last beat of a copy leaves by the port
    input  wire [15:2]         read_address,
    input  wire                read_valid,     // read_data is to be there in the next cycle
    output wire                read_hit,
    output wire [31:0]         read_data
);
    localparam [4:0] LAST_PORT = PORTS[4:0] - 5'd1;
    localparam REASONS = 32;
    localparam [7:0] QUEUE_FULL_REASON = `DROP_QUEUE_FULL;
    localparam [4:0] QUEUE_FULL = QUEUE_FULL_REASON[4:0];

    reg [63:0] tally[0:PORTS*REASONS-1];    // by port and reason; 0: frames that were forwarded
    reg [PORTS*REASONS-1:0] counted;
    reg [63:0] received[0:PORTS-1];
    reg [63:0] copies[0:PORTS-1];
    reg [63:0] full[0:PORTS-1];
    reg [63:0] left[0:PORTS-1];

    wire [PORT_I_W+4:0] event_at = {event_port, event_reason};

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            counted <= 0;
            for (i = 0; i < PORTS; i = i + 1) begin
                received[i] <= 64'd0;
                copies[i] <= 64'd0;
                full[i] <= 64'd0;
            end
        end else if (event_valid) begin
            tally[event_at] <= counted[event_at] ? tally[event_at] + 64'd1 : 64'd1;
            counted[event_at] <= 1'b1;
            received[event_port] <= received[event_port] + 64'd1;
            if (event_ports != 0) begin
                for (i = 0; i < PORTS; i = i + 1) if (event_ports[i]) copies[i] <= copies[i] + 64'd1;
            end
            if (event_full != 0) begin
                for (i = 0; i < PORTS; i = i + 1) if (event_full[i]) full[i] <= full[i] + 64'd1;
            end
        end
    end

    integer p;
    always @(posedge clk) begin
        if (reset) begin
            for (p = 0; p < PORTS; p = p + 1) left[p] <= 64'd0;
        end else if (sent != 0) begin
            for (p = 0; p < PORTS; p = p + 1) if (sent[p]) left[p] <= left[p] + 64'd1;
        end
    end

    // An entry has 64 words of drops, and 8 of the others from offset 0x100 on.
    wire [PORT_I_W-1:0] port = read_address[9+:PORT_I_W];
    wire [4:0] reason = read_address[7:3];
    wire [PORT_I_W+4:0] drops_at = {port, reason};
    wire [PORT_I_W+4:0] lost_at = {port, QUEUE_FULL};
    wire [15:0] offset = {7'd0, read_address[8:3], 3'd0};
    assign read_hit = read_address[15:14] == 2'b10 && read_address[13:9] <= LAST_PORT &&
        (!read_address[8] || read_address[7:5] == 3'd0);

    // The high word of a counter is that of the time at which its low word was read.
    reg [31:0] high;
    reg reads_low;
    reg [63:0] value;
    always @(posedge clk) begin
        if (reset) begin
            high <= 32'd0;
            reads_low <= 1'b0;
        end else begin
            if (read_valid && read_hit) begin
                reads_low <= !read_address[2];
                case (offset)
                    `REG_COUNTER_RECEIVED: value <= received[port];
                    `REG_COUNTER_LOST: value <= counted[lost_at] ? tally[lost_at] : 64'd0;
                    `REG_COUNTER_COPIES: value <= copies[port];
                    `REG_COUNTER_SENT: value <= left[port];
                    default:
                    if (reason == 5'd0) value <= 64'd0;
                    else if (reason == QUEUE_FULL) value <= full[port];
                    else value <= counted[drops_at] ? tally[drops_at] : 64'd0;
                endcase
            end
            if (reads_low) high <= value[63:32];
        end
    end
    assign read_data = reads_low ? value[31:0] : high;

endmodule

`default_nettype wire
