// The end of the bus: offers each frame to the queues of its ports, whole or not at all, and tells what became of it.
//
// A frame is offered in the cycle in which its decision is made. In the next one its first word is written where there
// was room, and the event is shown.

`default_nettype none
`include "drop_reasons.vh"
`include "widths.vh"

module bus_writer #(
    parameter PORTS = 9
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire                       decided,      // a frame is decided; its first word comes in the next cycle
    input  wire [`INDEX_W(PORTS)-1:0] port,
    input  wire [7:0]                 reason,
    input  wire [PORTS-1:0]           egress,
    output wire [PORTS-1:0]           offer,        // the ports whose queue is asked for room
    input  wire [PORTS-1:0]           room,         // the ports whose queue can take the frame
    input  wire                       word_valid,
    input  wire                       word_first,   // the word is the first of a frame
    output wire [PORTS-1:0]           write,        // the ports whose queue takes the word
    output wire                       event_valid,
    output reg  [`INDEX_W(PORTS)-1:0] event_port,
    output wire [7:0]                 event_reason,
    output wire [PORTS-1:0]           event_ports,
    output reg  [PORTS-1:0]           event_full
);
    reg [PORTS-1:0] accepted;   // the ports that take the frame's words
    reg [7:0] decided_reason;

    assign offer = egress & {PORTS{decided}};
    assign write = accepted & {PORTS{word_valid}};

    always @(posedge clk) begin
        if (reset) begin
            accepted <= 0;
        end else if (decided) begin
            accepted <= egress & room;
            event_full <= egress & ~room;
            event_port <= port;
            decided_reason <= reason;
        end
    end

    assign event_valid = word_valid && word_first;
    assign event_ports = accepted | event_full;
    assign event_reason = (event_full != 0 && accepted == 0) ? `DROP_QUEUE_FULL : decided_reason;

`ifdef FORMAL
`include "formal/bus_writer_properties.vh"
`endif
endmodule

`default_nettype wire
