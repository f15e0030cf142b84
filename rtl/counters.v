// The counters: frames by ingress port and fate, copies by egress port and fate. 64 bits each; they wrap.
//
// Frames are counted in a RAM, one of its words for each port and reason; a word that was never counted up reads 0.

`default_nettype none
`include "drop_reasons.vh"
`include "switch_registers.vh"
`include "widths.vh"

module counters #(
    parameter PORTS = 9
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire                       event_valid,
    input  wire [`INDEX_W(PORTS)-1:0] event_port,
    input  wire [4:0]                 event_reason,
    input  wire [PORTS-1:0]           event_ports,
    input  wire [PORTS-1:0]           event_full,
    input  wire [PORTS-1:0]           sent,           // the last beat of a copy leaves by the port
    input  wire [15:2]                read_address,
    input  wire                       read_valid,     // read_data is to be there in the next cycle
    output wire                       read_hit,
    output wire [31:0]                read_data       // 0 where no counter is
);
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam [4:0] LAST_PORT = PORTS[4:0] - 5'd1;
    localparam REASONS = 32;
    localparam [4:0] FORWARDED = 5'd0;
    localparam [PORTS-1:0] ONE = 1;
    localparam [7:0] QUEUE_FULL_REASON = `DROP_QUEUE_FULL;
    localparam [4:0] QUEUE_FULL = QUEUE_FULL_REASON[4:0];

    // By port and reason; 0: frames that were forwarded. No block RAM, whose output is late in the cycle: it is added to.
    (* ram_style = "distributed" *) reg [63:0] tally[0:PORTS*REASONS-1];
    reg [PORTS*REASONS-1:0] counted;        // words that were counted up and are not of frames forwarded
    reg [63:0] received[0:PORTS-1];
    reg [63:0] copies[0:PORTS-1];
    reg [63:0] full[0:PORTS-1];
    reg [63:0] left[0:PORTS-1];

    // An event is registered, what it counts up is read in the cycle after that and written in the next: a read sees the
    // events of three cycles before and earlier ones. Copies that have left are counted with the events of their cycle.
    reg [1:0] valid;
    reg [PORT_I_W+4:0] read_at;             // of the event a cycle ago
    reg [PORT_I_W+4:0] count_at;            // of the one two cycles ago
    reg [PORTS-1:0] ports_before;
    reg [PORTS-1:0] full_before;
    reg [PORTS-1:0] sent_before;
    // Of the one that is counted: the port that it came from, those that it was for, those of them that had no room.
    reg [PORTS-1:0] from;
    reg [PORTS-1:0] copied;
    reg [PORTS-1:0] refused;
    reg [PORTS-1:0] gone;                   // a copy left by the port two cycles ago
    reg [63:0] tally_was;
    reg was_counted;
    reg follows;                            // the event before counts up the same word, not written as it was read
    reg [63:0] written;
    wire [63:0] count_was = follows ? written : was_counted ? tally_was : 64'd0;
    wire [63:0] counted_up = count_was + 64'd1;

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            valid <= 2'b00;
            counted <= 0;
            for (i = 0; i < PORTS; i = i + 1) begin
                received[i] <= 64'd0;
                copies[i] <= 64'd0;
                full[i] <= 64'd0;
            end
        end else if (event_valid || valid != 0) begin
            valid <= {valid[0], event_valid};
            read_at <= {event_port, event_reason};
            ports_before <= event_ports;
            full_before <= event_full;
            if (valid[0]) begin
                tally_was <= tally[read_at];
                was_counted <= counted[read_at];
                follows <= valid[1] && count_at == read_at;
                count_at <= read_at;
                copied <= ports_before;
                refused <= full_before;
                from <= ONE << read_at[5+:PORT_I_W];
            end
            if (valid[1]) begin
                tally[count_at] <= counted_up;
                counted[count_at] <= count_at[4:0] != FORWARDED;
                written <= counted_up;
                for (i = 0; i < PORTS; i = i + 1) begin
                    if (from[i]) received[i] <= received[i] + 64'd1;
                    if (copied[i]) copies[i] <= copies[i] + 64'd1;
                end
                if (refused != 0) for (i = 0; i < PORTS; i = i + 1) if (refused[i]) full[i] <= full[i] + 64'd1;
            end
        end
    end

    wire any_sent = (sent | sent_before) != 0;
    wire any_gone = gone != 0;
    integer p;
    always @(posedge clk) begin
        if (reset) begin
            sent_before <= 0;
            gone <= 0;
            for (p = 0; p < PORTS; p = p + 1) left[p] <= 64'd0;
        end else if (any_sent || any_gone) begin
            sent_before <= sent;
            gone <= sent_before;
            if (any_gone) for (p = 0; p < PORTS; p = p + 1) if (gone[p]) left[p] <= left[p] + 64'd1;
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
    reg answers;
    reg reads_low;
    reg reads_tally;
    // Of eight words, one of which is read, those that were counted up: to choose one of all would take the whole cycle.
    reg [7:0] counted_row;
    reg [2:0] row_at;
    wire is_counted = counted_row[row_at];
    reg [63:0] tally_value;
    reg [63:0] other_value;
    wire [63:0] value = !reads_tally ? other_value : is_counted ? tally_value : 64'd0;
    wire is_drops = !read_address[8];
    wire [PORT_I_W+4:0] tally_at = is_drops ? drops_at : lost_at;
    always @(posedge clk) begin
        if (reset) begin
            high <= 32'd0;
            reads_low <= 1'b0;
        end else begin
            if (read_valid) answers <= read_hit;
            if (read_valid && read_hit) begin
                reads_low <= !read_address[2];
                reads_tally <= is_drops ? reason != QUEUE_FULL : offset == `REG_COUNTER_LOST;
                tally_value <= tally[tally_at];
                counted_row <= counted[{tally_at[PORT_I_W+4:3], 3'd0}+:8];
                row_at <= tally_at[2:0];
                case (offset)
                    `REG_COUNTER_RECEIVED: other_value <= received[port];
                    `REG_COUNTER_COPIES: other_value <= copies[port];
                    `REG_COUNTER_SENT: other_value <= left[port];
                    default: other_value <= full[port];
                endcase
            end
            if (reads_low) high <= value[63:32];
        end
    end
    assign read_data = !answers ? 32'd0 : reads_low ? value[31:0] : high;

`ifdef FORMAL
`include "formal/counters_properties.vh"
`endif
endmodule

`default_nettype wire
