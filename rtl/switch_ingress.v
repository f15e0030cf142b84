// The way in: a FIFO for each port, and the arbiter that puts their frames on the bus. Wiring only.

`default_nettype none
`include "widths.vh"

module switch_ingress #(
    parameter PORTS = 9,
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter WORDS = 256,          // capacity of each FIFO
    parameter STORE_BYTES = 1526,   // longest frame that is stored
    parameter SWALLOW_WORDS = 24    // words of a longer one
) (
    input  wire                                 clk,
    input  wire                                 reset,
    input  wire [PORTS*PORT_W-1:0]              s_axis_tdata,
    input  wire [PORTS*PORT_W/8-1:0]            s_axis_tkeep,
    input  wire [PORTS-1:0]                     s_axis_tvalid,
    output wire [PORTS-1:0]                     s_axis_tready,
    input  wire [PORTS-1:0]                     s_axis_tlast,
    input  wire [PORTS-1:0]                     s_axis_tuser,
    output wire                                 word_valid,
    output wire                                 word_first, // the word is the first of a frame
    output reg  [BUS_W-1:0]                     word,
    output wire [`INFO_W(PORTS, `LENGTH_W)-1:0] word_info   // of its frame: ingress port; swallowed, bad, length
);
    localparam LENGTH_W = `LENGTH_W;
    localparam PORT_I_W = `INDEX_W(PORTS);
    localparam FRAME_W = LENGTH_W + 2;   // swallowed, bad, length
    localparam MORE_W = `MORE_W(LENGTH_W, BUS_W);   // its words behind the first
    localparam HEAD_W = 1 + MORE_W + FRAME_W;

    wire [PORTS-1:0] request;
    wire [PORTS-1:0] grant;
    wire [PORTS-1:0] pick;
    wire [PORTS-1:0] fifo_read;
    wire [HEAD_W-1:0] heads[0:PORTS-1];
    wire [BUS_W-1:0] words[0:PORTS-1];   // 0 if it is another port's turn

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_ingress
            wire [HEAD_W-1:0] head;
            assign heads[g] = head;
            ingress_fifo #(
                .PORT_W(PORT_W),
                .BUS_W(BUS_W),
                .WORDS(WORDS),
                .STORE_BYTES(STORE_BYTES),
                .SWALLOW_WORDS(SWALLOW_WORDS)
            ) fifo (
                .clk(clk),
                .reset(reset),
                .s_tdata(s_axis_tdata[g*PORT_W+:PORT_W]),
                .s_tkeep(s_axis_tkeep[g*PORT_W/8+:PORT_W/8]),
                .s_tvalid(s_axis_tvalid[g]),
                .s_tready(s_axis_tready[g]),
                .s_tlast(s_axis_tlast[g]),
                .s_tuser(s_axis_tuser[g]),
                .request(request[g]),
                .head_is_long(head[HEAD_W-1]),
                .head_more(head[FRAME_W+:MORE_W]),
                .head_swallowed(head[LENGTH_W+1]),
                .head_bad(head[LENGTH_W]),
                .head_length(head[LENGTH_W-1:0]),
                .grant(grant[g]),
                .read(fifo_read[g]),
                .word(words[g])
            );
        end
    endgenerate

    // The description of the port that is picked, and the word of the one that was read.
    reg [HEAD_W-1:0] picked;
    integer i;
    integer j;
    always @* begin
        picked = {HEAD_W{1'b0}};
        for (i = 0; i < PORTS; i = i + 1) if (pick[i]) picked = picked | heads[i];
    end
    always @* begin
        word = {BUS_W{1'b0}};
        for (j = 0; j < PORTS; j = j + 1) word = word | words[j];
    end

    wire [PORT_I_W-1:0] word_port;
    wire [FRAME_W-1:0] word_frame;
    input_arbiter #(
        .PORTS(PORTS),
        .MORE_W(MORE_W),
        .INFO_W(FRAME_W)
    ) arbiter (
        .clk(clk),
        .reset(reset),
        .request(request),
        .grant(grant),
        .pick(pick),
        .pick_is_long(picked[HEAD_W-1]),
        .pick_more(picked[FRAME_W+:MORE_W]),
        .pick_info(picked[FRAME_W-1:0]),
        .read(fifo_read),
        .word_valid(word_valid),
        .word_first(word_first),
        .word_port(word_port),
        .word_info(word_frame)
    );

    assign word_info = {word_port, word_frame};
endmodule

`default_nettype wire
