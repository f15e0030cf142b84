// The bus's arbiter: grants whole frames, ports in turn, and holds the bus for as many cycles as a frame has words.
//
// The grant is combinational, in the cycle in which the bus is free; the words are read in the cycles after it, and each is
// on its way through its FIFO for two cycles more.

`default_nettype none
`include "widths.vh"

module input_arbiter #(
    parameter PORTS = 9,
    parameter MORE_W = 8,
    parameter INFO_W = 16    // bits of what goes with a frame to the parser
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire [PORTS-1:0]           request,
    output wire [PORTS-1:0]           grant,        // one bit at most
    output wire [PORTS-1:0]           pick,         // the port whose turn it is, one bit at most
    input  wire                       pick_is_long, // its first frame has more words than one
    input  wire [MORE_W-1:0]          pick_more,    // as many
    input  wire [INFO_W-1:0]          pick_info,
    output reg  [PORTS-1:0]           read,         // one bit at most: the port whose next word is read
    output reg                        word_valid,   // the word read two cycles before, and whose it is
    output reg                        word_first,   // it is the first of a frame
    output reg  [`INDEX_W(PORTS)-1:0] word_port,
    output reg  [INFO_W-1:0]          word_info
);
    localparam PORT_I_W = `INDEX_W(PORTS);

    // The ports from the pointer on. No bit is set after a grant to the last port: the next search starts at 0.
    reg [PORTS-1:0] from_pointer;
    reg is_held;             // the bus is, by the frame granted last
    reg [MORE_W-1:0] left;   // cycles for which it is, from this one on
    reg read_first;
    reg [INFO_W-1:0] read_info;
    reg fetched_valid;                    // the word read in the cycle before
    reg fetched_first;
    reg [PORT_I_W-1:0] fetched_port;
    reg [INFO_W-1:0] fetched_info;

    wire [PORTS-1:0] later = request & from_pointer;
    wire [PORTS-1:0] candidates = (|later) ? later : request;
    wire [PORTS-1:0] above_lowest;
    wire granting = !is_held && request != 0;
    assign pick = candidates & ~above_lowest;
    assign grant = pick & {PORTS{granting}};

    genvar i;
    generate
        assign above_lowest[0] = 1'b0;
        for (i = 1; i < PORTS; i = i + 1) begin : g_above
            assign above_lowest[i] = |candidates[i-1:0];
        end
    endgenerate

    // Bit I of a port's number is set if the port is among those that have it set.
    function [PORTS-1:0] having(input integer index);
        integer port;
        for (port = 0; port < PORTS; port = port + 1) having[port] = (port >> index) % 2 == 1;
    endfunction

    wire [PORT_I_W-1:0] read_port;
    generate
        for (i = 0; i < PORT_I_W; i = i + 1) begin : g_port
            localparam [PORTS-1:0] HAVING = having(i);
            assign read_port[i] = |(read & HAVING);
        end
    endgenerate

    always @(posedge clk) begin
        if (reset) begin
            from_pointer <= {PORTS{1'b1}};
            is_held <= 1'b0;
            left <= 0;
            read <= 0;
            read_first <= 1'b0;
        end else begin
            read_first <= granting;
            if (granting) begin
                from_pointer <= above_lowest;
                is_held <= pick_is_long;
                left <= pick_more;
                read <= pick;
                read_info <= pick_info;
            end else if (is_held) begin
                is_held <= left != 1;
                left <= left - 1'b1;
            end else begin
                read <= 0;
            end
        end
    end

    always @(posedge clk) begin
        if (reset) begin
            fetched_valid <= 1'b0;
            fetched_first <= 1'b0;
            word_valid <= 1'b0;
            word_first <= 1'b0;
        end else begin
            fetched_valid <= read != 0;
            fetched_first <= read_first;
            word_valid <= fetched_valid;
            word_first <= fetched_first;
        end
        fetched_port <= read_port;
        fetched_info <= read_info;
        word_port <= fetched_port;
        word_info <= fetched_info;
    end

`ifdef FORMAL
`include "formal/input_arbiter_properties.vh"
`endif
endmodule

`default_nettype wire
