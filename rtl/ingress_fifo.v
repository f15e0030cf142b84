// One port's ingress FIFO: gathers beats into bus words and offers whole frames, oldest first.
//
// In the cycle in which a beat is accepted, only its place in its frame and tlast count. In the next one it is stored, and
// tkeep tells whether it needs its word. A frame that outgrows STORE_BYTES is swallowed: its further beats are accepted and
// forgotten, and it keeps SWALLOW_WORDS words, which cross the bus like any other frame's. Bytes after a frame's end are 0
// up to the end of its last word.

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
    reg has_new_word;
    reg is_swallowed;                     // the beats before it said so
    reg is_bad;
    reg is_stored;
    reg fills_word;                       // it is stored and the last of its word
    reg ends;                             // it is the last of its frame
    reg may_overflow;                     // as many came before it as are stored at most
    reg may_be_spare;                     // if it is empty, it takes no word

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

    // Bytes of a last beat up to the lowest clear bit, all bytes of others.
    function [PORT_BYTES-1:0] kept_bytes(input [PORT_BYTES-1:0] given, input is_last);
        integer i;
        reg is_kept;
        begin
            is_kept = 1'b1;
            for (i = 0; i < PORT_BYTES; i = i + 1) begin
                is_kept = is_kept && given[i];
                kept_bytes[i] = is_kept || !is_last;
            end
        end
    endfunction

    // The number of bytes kept, which are the first ones of the beat.
    function [BEAT_SHIFT:0] count_of(input [PORT_BYTES-1:0] kept);
        count_of = {kept[7], kept[3] && !kept[7], (kept[1] && !kept[3]) || (kept[5] && !kept[7]), ^kept};
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

    wire [PORT_BYTES-1:0] s_kept = kept_bytes(s_tkeep, s_tlast);
    assign s_tready = !reset && (!starts_word || !is_full);
    wire accept = s_tvalid && s_tready;
    wire takes_word = accept && starts_word;

    always @(posedge clk) begin
        if (reset) begin
            n_before <= 0;
            is_first <= 1'b1;
            starts_word <= 1'b1;
            at_limit <= 1'b0;
            swallowing <= 1'b0;
        end else if (accept) begin
            n_before <= s_tlast ? {BEATS_W{1'b0}} : swallowing ? n_before : n_before + 1'b1;
            is_first <= s_tlast;
            starts_word <= s_tlast || (lane == LAST_LANE && !at_limit && !swallowing);
            at_limit <= !s_tlast && n_before == WHOLE_BEATS - 1'b1;
            swallowing <= !s_tlast && (at_limit || swallowing);
        end
    end

    // Nothing is accepted under reset, and so nothing is stored after it.
    always @(posedge clk) begin
        beat <= s_tdata;
        keep <= s_kept;
        beats_before <= n_before;
        has_new_word <= starts_word;
        is_swallowed <= swallowing;
        is_bad <= s_tuser;
        is_stored <= accept && !swallowing;
        fills_word <= accept && !swallowing && (s_tlast || lane == LAST_LANE);
        ends <= accept && s_tlast;
        may_overflow <= accept && at_limit;
        may_be_spare <= accept && starts_word && s_tlast && !is_first;
    end

    wire overflows = may_overflow && keep[REST_BYTES];
    wire is_spare = may_be_spare && !keep[0];
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
    wire [LENGTH_W-1:0] length =
        {beats_before, {BEAT_SHIFT{1'b0}}} + {{(LENGTH_W - BEAT_SHIFT - 1) {1'b0}}, count_of(keep)};

    wire [PORT_W-1:0] kept_bits;
    genvar g;
    generate
        for (g = 0; g < PORT_BYTES; g = g + 1) begin : g_byte
            assign kept_bits[g*8+:8] = {8{keep[g]}};
        end
    endgenerate
    reg [PORT_W-1:0] stored_beat;
    always @* stored_beat = beat & kept_bits;

    integer k;
    always @(posedge clk) begin
        // One constant lane after the other, which synthesis makes a RAM with an enable for each lane. The beat that starts
        // a word, of lane 0, clears the others. A word that is given back is written too, before it is another beat's.
        if (is_stored) begin
            for (k = 0; k < LANES; k = k + 1) begin
                if (has_new_word || beat_lane == k[LANE_W-1:0]) begin
                    memory[write_at][k*PORT_W+:PORT_W] <= (k == 0 || !has_new_word) ? stored_beat : {PORT_W{1'b0}};
                end
            end
        end
        if (ends) description[describe_at] <= {is_cut, is_bad || !keep[0], is_long, more, length};
        if (reset) begin
            write_at <= 0;
            describe_at <= 0;
        end else begin
            if (overflows) write_at <= cut_at;
            else if (fills_word && !is_spare) write_at <= after(write_at);
            if (ends) describe_at <= after(describe_at);
        end
    end

    // A word is occupied from the cycle after its first beat was accepted; what is given back is free two cycles after.
    always @(posedge clk) begin
        if (read) fetched_word <= memory[read_at];
        was_read <= read;
        word <= was_read ? fetched_word : {BUS_W{1'b0}};
        if (reset) begin
            read_at <= 0;
            used <= 0;
            is_full <= 1'b0;
        end else begin
            if (read) read_at <= after(read_at);
            used <= used + {{(USED_W - 1) {1'b0}}, takes_word} - {{(USED_W - 1) {1'b0}}, read}
                - {{(USED_W - 2) {1'b0}}, n_back};
            // No word is taken where it is full.
            is_full <= !read && n_back == 0 && (is_full || (takes_word && used == ALL_BUT_ONE));
        end
    end

    // The descriptions come out of the RAM ahead of the grants, since its output is late in the cycle. Whoever is described
    // has a word, and two at least are ahead of a second one that waits in the RAM: so it is empty where the pointers meet.
    wire fetch = fetch_at != describe_at && !(has_fetched && has_second);
    wire advance = grant || !has_head;

    assign request = has_head;
    assign {head_swallowed, head_bad, head_is_long, head_more, head_length} = head;

    always @(posedge clk) begin
        if (fetch) fetched <= description[fetch_at];
        if (advance) head <= has_second ? second : fetched;
        if (advance || !has_second) second <= fetched;
        if (reset) begin
            fetch_at <= 0;
            has_fetched <= 1'b0;
            has_second <= 1'b0;
            has_head <= 1'b0;
        end else begin
            if (fetch) fetch_at <= after(fetch_at);
            has_fetched <= fetch || (has_fetched && has_second && !advance);
            has_second <= advance ? has_second && has_fetched : has_second || has_fetched;
            has_head <= !advance || has_second || has_fetched;
        end
    end

`ifdef FORMAL
`include "formal/ingress_fifo_properties.vh"
`endif
endmodule

`default_nettype wire
