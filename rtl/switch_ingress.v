// The way in: a FIFO for each port, and the arbiter that puts their frames on the bus. Wiring only.

`default_nettype none

module switch_ingress #(
    parameter PORTS = 9,
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter WORDS = 256,          // capacity of each FIFO
    parameter STORE_BYTES = 1526,   // longest frame that is stored
    parameter SWALLOW_WORDS = 24,   // words of a longer one
    parameter PORT_I_W = 4,
    parameter LENGTH_W = 14,
    parameter COUNT_W = 9,
    parameter INFO_W = 20
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire [PORTS*PORT_W-1:0]   s_axis_tdata,
    input  wire [PORTS*PORT_W/8-1:0] s_axis_tkeep,
    input  wire [PORTS-1:0]          s_axis_tvalid,
    output wire [PORTS-1:0]          s_axis_tready,
    input  wire [PORTS-1:0]          s_axis_tlast,
    input  wire [PORTS-1:0]          s_axis_tuser,
    output wire                      word_valid,
    output wire                      word_first, // the word is the first of a frame
    output wire [BUS_W-1:0]          word,
    output wire [INFO_W-1:0]         word_info   // of its frame: ingress port; swallowed, bad, length
);
    localparam FRAME_W = LENGTH_W + 2;

    wire [PORTS-1:0] request;
    wire [PORTS-1:0] grant;
    wire [PORTS-1:0] fifo_read;
    wire [COUNT_W-1:0] head_words[0:PORTS-1];
    wire [FRAME_W-1:0] head_frame[0:PORTS-1];   // swallowed, bad, length
    wire [BUS_W-1:0] fifo_word[0:PORTS-1];

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_ingress
            ingress_fifo #(
                .PORT_W(PORT_W),
                .BUS_W(BUS_W),
                .WORDS(WORDS),
                .STORE_BYTES(STORE_BYTES),
                .SWALLOW_WORDS(SWALLOW_WORDS),
                .LENGTH_W(LENGTH_W),
                .COUNT_W(COUNT_W)
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
                .head_words(head_words[g]),
                .head_length(head_frame[g][LENGTH_W-1:0]),
                .head_bad(head_frame[g][LENGTH_W]),
                .head_swallowed(head_frame[g][LENGTH_W+1]),
                .grant(grant[g]),
                .read(fifo_read[g]),
                .word(fifo_word[g])
            );
        end
    endgenerate

    wire [PORT_I_W-1:0] pick;
    wire [PORT_I_W-1:0] word_port;
    wire [FRAME_W-1:0] word_frame;
    input_arbiter #(
        .PORTS(PORTS),
        .PORT_I_W(PORT_I_W),
        .COUNT_W(COUNT_W),
        .INFO_W(FRAME_W)
    ) arbiter (
        .clk(clk),
        .reset(reset),
        .request(request),
        .grant(grant),
        .pick(pick),
        .pick_words(head_words[pick]),
        .pick_info(head_frame[pick]),
        .read(fifo_read),
        .word_valid(word_valid),
        .word_first(word_first),
        .word_port(word_port),
        .word_info(word_frame)
    );

    assign word = fifo_word[word_port];
    assign word_info = {word_port, word_frame};
endmodule

`default_nettype wire
