// The end of the bus: offers each frame to the queues of its ports, whole or not at all, and tells what became of it.

`default_nettype none
`include "drop_reasons.vh"

module bus_writer #(
    parameter PORTS = 9
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             word_valid,
    input  wire             word_first,   // the word is the first of a frame; its decision is in `reason` and `egress`
    input  wire [7:0]       reason,
    input  wire [PORTS-1:0] egress,
    input  wire [PORTS-1:0] room,         // the ports whose queue can take the frame
    output wire [PORTS-1:0] write,        // the ports whose queue takes the word
    output wire             event_valid,
    output wire [7:0]       event_reason,
    output wire [PORTS-1:0] event_ports,
    output wire [PORTS-1:0] event_full
);
    reg [PORTS-1:0] accepted;   // the ports that take the rest of the frame

    wire [PORTS-1:0] accepts = word_first ? egress & room : accepted;
    assign write = accepts & {PORTS{word_valid}};

    always @(posedge clk) begin
        if (reset) accepted <= 0;
        else if (word_valid && word_first) accepted <= egress & room;
    end

    assign event_valid = word_valid && word_first;
    assign event_ports = egress;
    assign event_full = egress & ~room;
    assign event_reason = (egress != 0 && (egress & room) == 0) ? `DROP_QUEUE_FULL : reason;

`ifdef FORMAL
`include "formal/bus_writer_properties.vh"
`endif
endmodule

`default_nettype wire
