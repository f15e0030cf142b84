// The bus's arbiter: grants whole frames, ports in turn, and holds the bus for as many cycles as a frame has words.
//
// The grant is combinational, in the cycle in which the bus is free; the words are read in the cycles after it.

`default_nettype none

module input_arbiter #(
    parameter PORTS = 9,
    parameter PORT_I_W = 4,  // bits of a port's number
    parameter COUNT_W = 9,
    parameter INFO_W = 16    // bits of what goes with a frame to the parser
) (
    input  wire                clk,
    input  wire                reset,
    input  wire [PORTS-1:0]    request,
    output wire [PORTS-1:0]    grant,      // one bit at most
    output wire [PORT_I_W-1:0] pick,       // the port whose turn it is
    input  wire [COUNT_W-1:0]  pick_words, // the words of its first frame
    input  wire [INFO_W-1:0]   pick_info,
    output reg  [PORTS-1:0]    read,       // one bit at most: the port whose next word is read
    output reg                 word_valid, // the word read in the cycle before, and whose it is
    output reg                 word_first, // it is the first of a frame
    output reg  [PORT_I_W-1:0] word_port,
    output reg  [INFO_W-1:0]   word_info
);
    // The ports from the pointer on. No bit is set after a grant to the last port: the next search starts at 0.
    reg [PORTS-1:0] from_pointer;
    reg [COUNT_W-1:0] left;
    reg read_valid;
    reg read_first;
    reg [PORT_I_W-1:0] read_port;
    reg [INFO_W-1:0] read_info;

    wire [PORTS-1:0] later = request & from_pointer;
    wire [PORTS-1:0] candidates = (|later) ? later : request;
    wire [PORTS-1:0] picked = candidates & (~candidates + 1'b1);
    wire granting = left == 0 && request != 0;
    assign grant = picked & {PORTS{granting}};

    // Bit I of a port's number is set if the port is among those that have it set.
    function [PORTS-1:0] having(input integer index);
        integer port;
        for (port = 0; port < PORTS; port = port + 1) having[port] = (port >> index) % 2 == 1;
    endfunction

    genvar i;
    generate
        for (i = 0; i < PORT_I_W; i = i + 1) begin : g_pick
            localparam [PORTS-1:0] HAVING = having(i);
            assign pick[i] = |(picked & HAVING);
        end
    endgenerate

    always @(posedge clk) begin
        if (reset) begin
            from_pointer <= {PORTS{1'b1}};
            left <= 0;
            read <= 0;
            read_valid <= 1'b0;
            read_first <= 1'b0;
        end else if (granting) begin
            from_pointer <= ~(picked | (picked - 1'b1));
            left <= pick_words - 1'b1;
            read <= picked;
            read_valid <= 1'b1;
            read_first <= 1'b1;
            read_port <= pick;
            read_info <= pick_info;
        end else begin
            read_first <= 1'b0;
            if (left != 0) begin
                left <= left - 1'b1;
            end else if (read_valid) begin
                read <= 0;
                read_valid <= 1'b0;
            end
        end
    end

    always @(posedge clk) begin
        if (reset) begin
            word_valid <= 1'b0;
            word_first <= 1'b0;
            word_port <= 0;
            word_info <= 0;
        end else begin
            word_valid <= read_valid;
            word_first <= read_first;
            if (read_first) begin
                word_port <= read_port;
                word_info <= read_info;
            end
        end
    end

`ifdef FORMAL
`include "formal/input_arbiter_properties.vh"
`endif
endmodule

`default_nettype wire
