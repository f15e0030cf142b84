// One port's ingress FIFO: gathers beats into bus words and offers whole frames, oldest first.
//
// In the cycle in which a beat is accepted, only its place in its frame and tlast count. In the next one it joins its word,
// and tkeep tells whether it needs one; a word is stored in the cycle after its last beat joined it. A frame that outgrows
// STORE_BYTES is swallowed: its further beats are accepted and forgotten, and it keeps SWALLOW_WORDS words, which cross the
// bus like any other frame's. Bytes after a frame's end are 0 up to the end of its last word.

`default_nettype none
`include "widths.vh"

module ingress_fifo #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter WORDS = 256,          // capacity; 3, and one word more than the longest stored frame has, at least
    parameter STORE_BYTES = 1526,   // longest frame that is stored
    parameter SWALLOW_WORDS = 24,   // words of a longer one
    parameter LENGTH_W = `LENGTH_W  // proofs have shorter frames
) (
    input  wire                                clk,
    input  wire                                reset,
    input  wire [PORT_W-1:0]                   s_tdata,
    input  wire [PORT_W/8-1:0]                 s_tkeep,
    input  wire                                s_tvalid,
    output wire                                s_tready,
    input  wire                                s_tlast,
    input  wire                                s_tuser,
    output wire                                request,      // a whole frame is here; its description is in head_*
    output wire [`MORE_W(LENGTH_W, BUS_W)-1:0] head_more,    // its words behind the first
    output wire                                head_is_long, // there are some
    output wire [LENGTH_W-1:0]                 head_length,  // of a swallowed frame: what was stored, or somewhat more
    output wire                                head_bad,
    output wire                                head_swallowed,
    input  wire                                grant,        // the head is granted; the next description follows
    input  wire                                read,         // the next word is to be in `word` two cycles later
    output reg  [BUS_W-1:0]                    word          // 0 in other cycles
);
    localparam MORE_W = `MORE_W(LENGTH_W, BUS_W);
    localparam PORT_BYTES = PORT_W / 8;
    localparam LANES = BUS_W / PORT_W;
    localparam LANE_SHIFT = $clog2(LANES);
    localparam LANE_W = (LANES == 1) ? 1 : LANE_SHIFT;
    localparam BEAT_SHIFT = $clog2(PORT_BYTES);
    localparam BEATS_W = LENGTH_W - BEAT_SHIFT;
    localparam POINTER_W = $clog2(WORDS);
    localparam USED_W = $clog2(WORDS + 1);
    localparam DESCRIPTION_W = MORE_W + LENGTH_W + 3;
    localparam [POINTER_W-1:0] LAST_WORD = WORDS[POINTER_W-1:0] - 1'b1;
    localparam WRAPS_EARLY = WORDS != 1 << POINTER_W;
    localparam [USED_W-1:0] ALL_BUT_ONE = WORDS[USED_W-1:0] - 1'b1;
    localparam [LENGTH_W-1:BEAT_SHIFT] WHOLE_BEATS = STORE_BYTES[LENGTH_W-1:BEAT_SHIFT];   // that are stored
    localparam REST_BYTES = STORE_BYTES % PORT_BYTES;
    localparam KEPT_MORE = SWALLOW_WORDS - 1;
    // What a frame that is swallowed gives back of its words, the one of the beat that is too many among them: 0, 1 or 2.
    localparam EXCESS_WORDS = STORE_BYTES / (BUS_W / 8) + 1 - SWALLOW_WORDS;
    localparam [LANE_W-1:0] LAST_LANE = LANES[LANE_W-1:0] - 1'b1;

    // Never read where they are being written, so that no way around the RAM is needed.
    (* no_rw_check *) reg [BUS_W-1:0] memory[0:WORDS-1];
    (* no_rw_check *) reg [DESCRIPTION_W-1:0] description[0:WORDS-1];

    // The next beat's place in its frame.
    reg [BEATS_W-1:0] n_before;           // beats of the frame before it, up to the one with which swallowing begins
    reg is_first;
    reg starts_word;                      // it is the first of a word, and takes one
    reg at_limit;                         // as many came before it as are stored at most
    reg swallowing;

    // The beat accepted in the cycle before.
    reg [PORT_W-1:0] beat;
    reg [PORT_BYTES-1:0] keep;            // which of its bytes belong to the frame
    reg [BEATS_W-1:0] beats_before;
    reg is_swallowed;                     // the beats before it said so
    reg is_bad;
    reg is_stored;
    reg fills_word;                       // it is stored and the last of its word
    reg ends;                             // it is the last of its frame
    reg may_overflow;                     // as many came before it as are stored at most
    reg may_be_spare;                     // if it is empty, it takes no word

    // The word that its beats fill, 0 beyond them. Yosys is to choose its lanes, not to shift a mask over all of it.
    (* nowrshmsk *) reg [BUS_W-1:0] gathered;
    reg [POINTER_W-1:0] gathered_at;
    reg is_gathered;

    reg [POINTER_W-1:0] write_at;         // the word being filled, or the next one
    reg [POINTER_W-1:0] read_at;
    reg [USED_W-1:0] used;
    reg is_full;
    reg was_read;
    reg [BUS_W-1:0] fetched_word;

    reg [POINTER_W-1:0] describe_at;
    reg [POINTER_W-1:0] fetch_at;
    // Descriptions of the first three frames: as it comes from the RAM, the second one, the first.
    reg [DESCRIPTION_W-1:0] fetched;
    reg [DESCRIPTION_W-1:0] second;
    reg [DESCRIPTION_W-1:0] head;
    reg has_fetched;
    reg has_second;
    reg has_head;

    function [POINTER_W-1:0] after(input [POINTER_W-1:0] pointer);
        after = (WRAPS_EARLY && pointer == LAST_WORD) ? {POINTER_W{1'b0}} : pointer + 1'b1;
    endfunction

    function [POINTER_W-1:0] one_before(input [POINTER_W-1:0] pointer);
        one_before = (WRAPS_EARLY && pointer == 0) ? LAST_WORD : pointer - 1'b1;
    endfunction

    wire [LANE_W-1:0] lane;
    wire [LANE_W-1:0] beat_lane;
    generate
        if (LANES == 1) begin : g_one_lane
            assign lane = 1'b0;
            assign beat_lane = 1'b0;
        end else begin : g_lanes
            assign lane = n_before[LANE_W-1:0];
            assign beat_lane = beats_before[LANE_W-1:0];
        end
    endgenerate

    // Bytes of a last beat up to the lowest clear bit, all bytes of others.
    wire [PORT_BYTES-1:0] s_kept = (s_tkeep & ~(s_tkeep + 1'b1)) | {PORT_BYTES{!s_tlast}};
    wire is_ready = !starts_word || !is_full;
    assign s_tready = is_ready && !reset;
    wire accept = s_tvalid && is_ready;   // where there is no reset
    wire takes_word = accept && starts_word;
    wire stores = accept && !swallowing;
    wire in_last_lane = lane == LAST_LANE;
    wire ends_frame = accept && s_tlast;
    wire ends_word = stores && (s_tlast || in_last_lane);
    wire is_beyond = accept && at_limit;
    wire is_alone = ends_frame && starts_word && !is_first;

    always @(posedge clk) begin
        if (reset || ends_frame) begin
            n_before <= 0;
            is_first <= 1'b1;
            starts_word <= 1'b1;
            at_limit <= 1'b0;
            swallowing <= 1'b0;
        end else if (stores) begin
            n_before <= n_before + 1'b1;
            is_first <= 1'b0;
            starts_word <= in_last_lane && !at_limit;
            at_limit <= n_before == WHOLE_BEATS - 1'b1;
            swallowing <= at_limit;
        end
    end

    always @(posedge clk) begin
        if (accept) begin
            beat <= s_tdata;
            keep <= s_kept;
            beats_before <= n_before;
            is_swallowed <= swallowing;
            is_bad <= s_tuser;
        end
        if (reset) begin
            is_stored <= 1'b0;
            fills_word <= 1'b0;
            ends <= 1'b0;
            may_overflow <= 1'b0;
            may_be_spare <= 1'b0;
        end else begin
            is_stored <= stores;
            fills_word <= ends_word;
            ends <= ends_frame;
            may_overflow <= is_beyond;
            may_be_spare <= is_alone;
        end
    end

    wire overflows = may_overflow && keep[REST_BYTES];
    wire is_spare = may_be_spare && !keep[0];
    wire is_complete = fills_word || overflows;
    wire moves_on = fills_word && !is_spare;
    wire [1:0] n_back = overflows ? EXCESS_WORDS[1:0] : {1'b0, is_spare};   // words given back
    wire [POINTER_W-1:0] cut_at;
    generate
        if (EXCESS_WORDS == 0) begin : g_nothing_back
            assign cut_at = after(write_at);
        end else if (EXCESS_WORDS == 1) begin : g_one_back
            assign cut_at = write_at;
        end else begin : g_two_back
            assign cut_at = one_before(write_at);
        end
    endgenerate

    // The frame's words behind the first.
    wire [MORE_W-1:0] words_before = beats_before[LANE_SHIFT+:MORE_W];
    wire is_cut = is_swallowed || overflows;
    wire [MORE_W-1:0] more = is_cut ? KEPT_MORE[MORE_W-1:0] : words_before - {{(MORE_W - 1) {1'b0}}, is_spare};
    wire is_long = is_cut ? KEPT_MORE != 0 : words_before > 1 || (words_before == 1 && !is_spare);
    // The bytes kept are the first ones of the beat.
    wire [BEAT_SHIFT:0] n_kept = {
        keep[7], keep[3] && !keep[7], (keep[1] && !keep[3]) || (keep[5] && !keep[7]), ^keep
    };
    wire [LENGTH_W-1:0] length = {beats_before, {BEAT_SHIFT{1'b0}}} + {{(LENGTH_W - BEAT_SHIFT - 1) {1'b0}}, n_kept};

    always @(posedge clk) begin
        if (is_stored) begin
            if (beat_lane == 0) begin
                gathered <= {BUS_W{1'b0}};
                gathered_at <= write_at;
            end
            // A frame's end alone has bytes that are not kept.
            gathered[beat_lane*PORT_W+:PORT_W] <= !ends ? beat : beat & {
                {8{keep[7]}}, {8{keep[6]}}, {8{keep[5]}}, {8{keep[4]}},
                {8{keep[3]}}, {8{keep[2]}}, {8{keep[1]}}, {8{keep[0]}}
            };
        end
        // A word that is given back is written too, before it is another beat's.
        is_gathered <= is_complete;
        if (is_gathered) memory[gathered_at] <= gathered;
        if (ends) begin
            description[describe_at] <= {is_cut, is_bad || !keep[0], is_long, more, length};
            describe_at <= after(describe_at);
        end
        if (overflows) write_at <= cut_at;
        else if (moves_on) write_at <= after(write_at);
        if (reset) begin
            is_gathered <= 1'b0;
            write_at <= 0;
            describe_at <= 0;
        end
    end

    // A word is occupied from the cycle after its first beat was accepted; what is given back is free two cycles after.
    wire [USED_W-1:0] still_used = used + {{(USED_W - 1) {1'b0}}, takes_word} - {{(USED_W - 1) {1'b0}}, read}
        - {{(USED_W - 2) {1'b0}}, n_back};
    // No word is taken where it is full.
    wire still_full = !read && n_back == 0 && (is_full || (takes_word && used == ALL_BUT_ONE));
    always @(posedge clk) begin
        if (read) begin
            fetched_word <= memory[read_at];
            read_at <= after(read_at);
        end
        was_read <= read;
        word <= was_read ? fetched_word : {BUS_W{1'b0}};
        used <= still_used;
        is_full <= still_full;
        if (reset) begin
            read_at <= 0;
            used <= 0;
            is_full <= 1'b0;
        end
    end

    // The descriptions come out of the RAM ahead of the grants, since its output is late in the cycle. Whoever is described
    // has a word, and two at least are ahead of a second one that waits in the RAM: so it is empty where the pointers meet.
    wire has_both = has_fetched && has_second;
    wire has_either = has_fetched || has_second;
    wire fetch = fetch_at != describe_at && !has_both;
    wire advance = grant || !has_head;
    wire fill_second = advance || !has_second;
    wire still_fetched = fetch || (has_both && !advance);
    wire still_second = advance ? has_both : has_either;
    wire still_head = !advance || has_either;

    assign request = has_head;
    assign {head_swallowed, head_bad, head_is_long, head_more, head_length} = head;

    always @(posedge clk) begin
        if (fetch) begin
            fetched <= description[fetch_at];
            fetch_at <= after(fetch_at);
        end
        if (advance) head <= has_second ? second : fetched;
        if (fill_second) second <= fetched;
        has_fetched <= still_fetched;
        has_second <= still_second;
        has_head <= still_head;
        if (reset) begin
            fetch_at <= 0;
            has_fetched <= 1'b0;
            has_second <= 1'b0;
            has_head <= 1'b0;
        end
    end

`ifdef FORMAL
`include "formal/ingress_fifo_properties.vh"
`endif
endmodule

`default_nettype wire
