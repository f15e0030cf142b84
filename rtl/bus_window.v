// The bus between FIFOs and queues: delays each frame's words until its decision is made, and shows the parser the header.
//
// A word that enters in cycle t leaves in t + DEPTH. The header is complete HEADER_WORDS cycles after its first word
// entered. Words wait in a RAM that is read and written at one place, which goes round.

`default_nettype none
`include "widths.vh"

module bus_window #(
    parameter BUS_W = 512,
    parameter INFO_W = 32,
    parameter HEADER_WORDS = 1,
    parameter DEPTH = 7
) (
    input  wire                 clk,
    input  wire                 reset,
    input  wire                 in_valid,
    input  wire                 in_first,     // the word is the first of a frame
    input  wire [BUS_W-1:0]     in_word,
    input  wire [INFO_W-1:0]    in_info,      // what goes with the frame's first word to the parser
    output wire                 header_valid,
    output wire [`HEADER_W-1:0] header,       // what follows a shorter frame is not its own
    output wire [INFO_W-1:0]    header_info,
    output wire                 out_valid,
    output wire                 out_first,
    output reg  [BUS_W-1:0]     out_word
);
    localparam HEADER_W = `HEADER_W;
    localparam ROUND = DEPTH - 1;            // cycles in the RAM; one more in the register behind it
    localparam PLACE_W = $clog2(ROUND);
    localparam [PLACE_W-1:0] LAST_PLACE = ROUND[PLACE_W-1:0] - 1'b1;

    reg [BUS_W-1:0] stage[0:HEADER_WORDS-1];
    reg [INFO_W-1:0] info[0:HEADER_WORDS-1];
    reg [DEPTH-1:0] valid;
    reg [DEPTH-1:0] first;
    (* ram_style = "distributed" *) reg [BUS_W-1:0] memory[0:ROUND-1];
    reg [PLACE_W-1:0] place;

    integer i;
    always @(posedge clk) begin
        if (reset) begin
            valid <= 0;
            first <= 0;
            place <= 0;
        end else begin
            valid <= {valid[DEPTH-2:0], in_valid};
            first <= {first[DEPTH-2:0], in_first};
            place <= (place == LAST_PLACE) ? {PLACE_W{1'b0}} : place + 1'b1;
        end
        stage[0] <= in_word;
        for (i = 1; i < HEADER_WORDS; i = i + 1) stage[i] <= stage[i-1];
        info[0] <= in_info;
        for (i = 1; i < HEADER_WORDS; i = i + 1) info[i] <= info[i-1];
        memory[place] <= in_word;
        out_word <= memory[place];
    end

    wire [HEADER_WORDS*BUS_W-1:0] window;
    genvar w;
    generate
        for (w = 0; w < HEADER_WORDS; w = w + 1) begin : g_window
            assign window[w*BUS_W+:BUS_W] = stage[HEADER_WORDS-1-w];
        end
    endgenerate

    assign header = window[HEADER_W-1:0];
    assign header_valid = first[HEADER_WORDS-1];
    assign header_info = info[HEADER_WORDS-1];
    assign out_valid = valid[DEPTH-1];
    assign out_first = first[DEPTH-1];
endmodule

`default_nettype wire
