// One port's ingress FIFO: gathers beats into bus words and offers whole frames, oldest first.
//
// A frame that outgrows STORE_BYTES is swallowed: its further beats are accepted and forgotten, and it keeps SWALLOW_WORDS
// words, which cross the bus like any other frame's. Bytes after a frame's end are 0 up to the end of its last word.

`default_nettype none

module ingress_fifo #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter WORDS = 256,          // capacity; at least one word more than the longest stored frame has
    parameter STORE_BYTES = 1526,   // longest frame that is stored
    parameter SWALLOW_WORDS = 24,   // words of a longer one
    parameter LENGTH_W = 14,
    parameter COUNT_W = 9           // bits of a frame's number of words
) (
    input  wire                clk,
    input  wire                reset,
    input  wire [PORT_W-1:0]   s_tdata,
    input  wire [PORT_W/8-1:0] s_tkeep,
    input  wire                s_tvalid,
    output wire                s_tready,
    input  wire                s_tlast,
    input  wire                s_tuser,
    output wire                request,     // a whole frame is here; its description is in head_*
    output wire [COUNT_W-1:0]  head_words,
    output wire [LENGTH_W-1:0] head_length, // of a swallowed frame: what was stored of it
    output wire                head_bad,
    output wire                head_swallowed,
    input  wire                grant,       // the head is granted; the next frame's description follows
    input  wire                read,        // the next word is to be in `word` in the next cycle
    output reg  [BUS_W-1:0]    word
);
    localparam PORT_BYTES = PORT_W / 8;
    localparam LANES = BUS_W / PORT_W;
    localparam LANE_W = (LANES == 1) ? 1 : $clog2(LANES);
    localparam BEAT_SHIFT = $clog2(PORT_BYTES);
    localparam WORD_SHIFT = $clog2(BUS_W / 8);
    localparam POINTER_W = $clog2(WORDS);
    localparam USED_W = $clog2(WORDS + 1);
    localparam DESCRIPTION_W = COUNT_W + LENGTH_W + 2;
    localparam [POINTER_W-1:0] LAST_WORD = WORDS[POINTER_W-1:0] - 1'b1;
    localparam [POINTER_W:0] ROUND = WORDS[POINTER_W:0];
    localparam [USED_W-1:0] ALL_WORDS = WORDS[USED_W-1:0];
    localparam [LENGTH_W-1:BEAT_SHIFT] WHOLE_BEATS = STORE_BYTES[LENGTH_W-1:BEAT_SHIFT];   // that are stored
    localparam [BEAT_SHIFT:0] REST_BYTES = {1'b0, STORE_BYTES[BEAT_SHIFT-1:0]};
    localparam [COUNT_W-1:0] KEPT_WORDS = SWALLOW_WORDS[COUNT_W-1:0];
    localparam [POINTER_W:0] KEPT_STEP = SWALLOW_WORDS[POINTER_W:0];
    localparam [LANE_W-1:0] LAST_LANE = LANES[LANE_W-1:0] - 1'b1;

    reg [BUS_W-1:0] memory[0:WORDS-1];
    // Small, and at the beginning of the arbiter's path: no block RAM, whose output is late in the cycle.
    (* ram_style = "distributed" *) reg [DESCRIPTION_W-1:0] description[0:WORDS-1];

    reg [POINTER_W-1:0] write_at;         // the word being filled, or the next one
    reg [POINTER_W-1:0] frame_at;         // the first word of the frame that comes in
    reg [POINTER_W-1:0] read_at;
    reg [POINTER_W-1:0] describe_at;
    reg [POINTER_W-1:0] head_at;
    reg [POINTER_W-1:0] second_at;        // the place after that
    reg [DESCRIPTION_W-1:0] head;         // of the first frame, once it may be granted
    reg [USED_W-1:0] used;
    reg is_full;
    reg [USED_W-1:0] waiting;             // frames that may be granted
    reg has_waiting;
    reg [LENGTH_W-1:0] stored;            // bytes stored of the frame that comes in
    reg starts_word;                      // the next beat is the first of a word
    reg swallowing;
    reg ended;                            // a frame ended in the cycle before

    function [POINTER_W-1:0] after(input [POINTER_W-1:0] pointer);
        after = (pointer == LAST_WORD) ? {POINTER_W{1'b0}} : pointer + 1'b1;
    endfunction

    function [BEAT_SHIFT:0] bytes_in(input [PORT_BYTES-1:0] keep);
        casez (keep)
            8'b???????0: bytes_in = 4'd0;
            8'b??????01: bytes_in = 4'd1;
            8'b?????011: bytes_in = 4'd2;
            8'b????0111: bytes_in = 4'd3;
            8'b???01111: bytes_in = 4'd4;
            8'b??011111: bytes_in = 4'd5;
            8'b?0111111: bytes_in = 4'd6;
            8'b01111111: bytes_in = 4'd7;
            default:     bytes_in = 4'd8;
        endcase
    endfunction

    function [PORT_W-1:0] first_bytes(input [PORT_W-1:0] data, input [BEAT_SHIFT:0] n_bytes);
        case (n_bytes)
            4'd0:    first_bytes = 64'd0;
            4'd1:    first_bytes = {56'd0, data[7:0]};
            4'd2:    first_bytes = {48'd0, data[15:0]};
            4'd3:    first_bytes = {40'd0, data[23:0]};
            4'd4:    first_bytes = {32'd0, data[31:0]};
            4'd5:    first_bytes = {24'd0, data[39:0]};
            4'd6:    first_bytes = {16'd0, data[47:0]};
            4'd7:    first_bytes = {8'd0, data[55:0]};
            default: first_bytes = data;
        endcase
    endfunction

    // Described as a frame ends: whether it was swallowed, whether it is bad, its words and its length.
    function [DESCRIPTION_W-1:0] described(input swallowed, input bad, input [LENGTH_W-1:0] length);
        reg [COUNT_W-1:0] words;
        begin
            words = {1'b0, length[LENGTH_W-1:WORD_SHIFT]} + {{(COUNT_W - 1) {1'b0}}, |length[WORD_SHIFT-1:0]};
            if (length == 0) words = {{(COUNT_W - 1) {1'b0}}, 1'b1};
            if (swallowed) words = KEPT_WORDS;
            described = {swallowed, bad, words, length};
        end
    endfunction

    wire [LANE_W-1:0] lane;   // of the beat in its word
    generate
        if (LANES == 1) begin : g_one_lane
            assign lane = 1'b0;
        end else begin : g_lanes
            assign lane = stored[BEAT_SHIFT+:LANE_W];
        end
    endgenerate

    assign s_tready = !reset && (swallowing || !starts_word || !is_full);
    wire accept = s_tvalid && s_tready;

    // What the beat at hand does. A last beat without bytes is stored only if it is the whole frame.
    wire [BEAT_SHIFT:0] n_bytes = s_tlast ? bytes_in(s_tkeep) : PORT_BYTES[BEAT_SHIFT:0];
    // Whole beats are stored before it, as many as may be at most.
    wire overflow = !swallowing && stored[LENGTH_W-1:BEAT_SHIFT] == WHOLE_BEATS && n_bytes > REST_BYTES;
    wire is_stored = !swallowing && !overflow && (n_bytes != 0 || stored == 0);
    wire allocates = accept && starts_word && is_stored;

    // Words stored beyond those that a swallowed frame keeps: 0, 1 or 2.
    wire [1:0] excess = stored[WORD_SHIFT+:2] + {1'b0, |stored[WORD_SHIFT-1:0]} - KEPT_WORDS[1:0];
    wire [POINTER_W:0] kept_end = {1'b0, frame_at} + KEPT_STEP;
    wire [POINTER_W-1:0] wraps = (kept_end >= ROUND) ? ROUND[POINTER_W-1:0] : {POINTER_W{1'b0}};
    wire [POINTER_W-1:0] wrapped_end = kept_end[POINTER_W-1:0] - wraps;

    wire [PORT_W-1:0] stored_beat = first_bytes(s_tdata, n_bytes);

    assign request = has_waiting;
    assign {head_swallowed, head_bad, head_words, head_length} = head;

    integer k;
    always @(posedge clk) begin
        if (reset) begin
            write_at <= 0;
            frame_at <= 0;
            describe_at <= 0;
            stored <= 0;
            starts_word <= 1'b1;
            swallowing <= 1'b0;
            ended <= 1'b0;
        end else if (accept) begin
            ended <= s_tlast;
            // One constant lane after the other, which synthesis makes a RAM with an enable for each lane. The beat that
            // starts a word, of lane 0, clears the others.
            for (k = 0; k < LANES; k = k + 1) begin
                if (is_stored && (starts_word || lane == k[LANE_W-1:0])) begin
                    memory[write_at][k*PORT_W+:PORT_W] <= (lane == k[LANE_W-1:0]) ? stored_beat : {PORT_W{1'b0}};
                end
            end
            if (s_tlast) begin
                describe_at <= after(describe_at);
                description[describe_at] <= described(
                    swallowing || overflow, s_tuser || n_bytes == 0,
                    stored + {{(LENGTH_W - BEAT_SHIFT - 1) {1'b0}}, n_bytes}
                );
                stored <= 0;
                starts_word <= 1'b1;
                swallowing <= 1'b0;
                // An empty last beat may find its word ended already.
                if (swallowing) begin
                    frame_at <= write_at;
                end else if (overflow) begin
                    frame_at <= wrapped_end;
                    write_at <= wrapped_end;
                end else if (is_stored || !starts_word) begin
                    frame_at <= after(write_at);
                    write_at <= after(write_at);
                end else begin
                    frame_at <= write_at;
                end
            end else if (is_stored) begin
                stored <= stored + PORT_BYTES[LENGTH_W-1:0];
                starts_word <= lane == LAST_LANE;
                if (lane == LAST_LANE) write_at <= after(write_at);
            end else if (overflow) begin
                swallowing <= 1'b1;
                write_at <= wrapped_end;
            end
        end else if (ended) begin
            ended <= 1'b0;
        end
    end

    // What comes in is known late in a cycle: it chooses between numbers that are there before.
    wire outgrows = accept && overflow;
    wire [USED_W-1:0] used_less = used - {{(USED_W - 1) {1'b0}}, read};
    wire [USED_W-1:0] used_more = read ? used : used + 1'b1;
    wire [USED_W-1:0] used_cut = used_less - {{(USED_W - 2) {1'b0}}, excess};

    // A frame's description is written as it ends and read in the next cycle, before the frame may be granted: from the
    // head's place, or, as the head is granted, from the place after it.
    wire [DESCRIPTION_W-1:0] at_head = description[head_at];
    wire [DESCRIPTION_W-1:0] at_second = description[second_at];

    always @(posedge clk) begin
        if (reset) begin
            read_at <= 0;
            head_at <= 0;
            second_at <= (WORDS == 1) ? 0 : 1;
            used <= 0;
            is_full <= 1'b0;
            waiting <= 0;
            has_waiting <= 1'b0;
        end else begin
            if (read) begin
                word <= memory[read_at];
                read_at <= after(read_at);
            end
            if (read || allocates || overflow) begin
                used <= outgrows ? used_cut : allocates ? used_more : used_less;
                is_full <= outgrows ? used_cut == ALL_WORDS :
                    allocates ? used_more == ALL_WORDS : used_less == ALL_WORDS;
            end
            if (grant) begin
                head_at <= second_at;
                second_at <= after(second_at);
            end
            if (grant || ended) head <= grant ? at_second : at_head;
            if (ended != grant) begin
                waiting <= ended ? waiting + 1'b1 : waiting - 1'b1;
                has_waiting <= ended || waiting != 1;
            end
        end
    end

`ifdef FORMAL
`include "formal/ingress_fifo_properties.vh"
`endif
endmodule

`default_nettype wire
