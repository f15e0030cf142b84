// What is proven of ingress_fifo: it loses, adds and reorders nothing, says what it holds, and is never full unnoticed.
//
// f_lane of any one word (chosen by f_tracks_word in the cycle in which it is begun) and any one frame (f_tracks_frame) are
// followed from the beats that come in to the words and the description that leave.

`ifdef PROVES_INGRESS_FIFO
`define FIFO_IS_GIVEN assume
`else
`define FIFO_IS_GIVEN assert
`endif

    localparam F_WORD_BYTES = BUS_W / 8;
    (* anyconst *) reg [LANE_W-1:0] f_lane;
    (* anyseq *) reg f_tracks_word;
    (* anyseq *) reg f_tracks_frame;
    reg f_started = 1'b0;

    // What the beats say, counted here again.
    reg [LENGTH_W:0] f_bytes;          // of the frame that comes in, before it outgrows the store
    reg f_swallows;
    reg [USED_W:0] f_used;             // words occupied
    reg [USED_W:0] f_back;             // those of them that are given back, because of the beat of the cycle before
    reg [USED_W:0] f_ready_frames;     // frames that may be granted
    reg [3:1] f_ended;                 // a frame ended in the cycle before, in the one before that, and so on
    reg [MORE_W:0] f_unread;           // words of the frame granted last that are still to be read
    reg [3:0] f_n;
    reg [PORT_W-1:0] f_beat;           // its bytes, and zeros after them
    integer f_i;
    always @* begin
        f_n = 4'd8;
        if (s_tlast) for (f_i = 7; f_i >= 0; f_i = f_i - 1) if (!s_tkeep[f_i]) f_n = f_i[3:0];
        f_beat = 0;
        for (f_i = 0; f_i < 8; f_i = f_i + 1) if (f_i < f_n) f_beat[f_i*8+:8] = s_tdata[f_i*8+:8];
    end
    wire f_accepts = s_tvalid && s_tready;
    wire f_over = f_bytes + f_n > STORE_BYTES;
    wire f_begins = f_bytes % F_WORD_BYTES == 0;
    wire f_takes = f_accepts && !f_swallows && f_begins;
    wire f_outgrows = f_accepts && !f_swallows && f_over;
    wire f_is_spare = f_takes && f_n == 0 && f_bytes != 0;
    wire f_stores = f_accepts && !f_swallows && !f_over && !f_is_spare;
    wire [MORE_W:0] f_open_words = f_swallows ? SWALLOW_WORDS : (f_bytes + F_WORD_BYTES - 1) / F_WORD_BYTES;
    wire [USED_W:0] f_left_over = f_used - f_back - read;   // of the words of beats before this cycle's

    // One lane of one word.
    reg f_word_is_in;
    reg f_word_is_open;                // beats may still come into it
    reg [USED_W:0] f_words_ahead;
    reg [PORT_W-1:0] f_data;
    reg f_leaves;                      // it was read two cycles before
    reg [PORT_W-1:0] f_leaving;
    reg f_is_fetched;                  // it was read in the cycle before
    reg [PORT_W-1:0] f_fetched;
    reg f_any_fetched;                 // a word was read in the cycle before, or there was a reset
    reg f_any_leaves;                  // or in the one before that

    // One frame.
    reg f_frame_is_in;
    reg f_frame_is_open;
    reg [USED_W:0] f_frames_ahead;
    reg [USED_W:0] f_first_ahead;      // words before its first one
    reg [DESCRIPTION_W-1:0] f_description;

    wire [LENGTH_W:0] f_total = f_bytes + f_n;
    wire [MORE_W-1:0] f_total_more = (f_swallows || f_over) ? SWALLOW_WORDS - 1 : (f_total == 0) ? 0 : (f_total - 1) / F_WORD_BYTES;
    // The length of a frame that is swallowed is not its own.
    wire [DESCRIPTION_W-1:0] f_described =
        {f_swallows || f_over, s_tuser || f_n == 0, f_total_more != 0, f_total_more, f_total[LENGTH_W-1:0]};

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_is_fetched <= !reset && read && f_word_is_in && f_words_ahead == 0;
        f_fetched <= f_data;
        f_leaves <= !reset && f_is_fetched;
        f_leaving <= f_fetched;
        f_any_fetched <= read || reset;
        f_any_leaves <= f_any_fetched || reset;
        if (reset) begin
            f_bytes <= 0;
            f_swallows <= 1'b0;
            f_used <= 0;
            f_back <= 0;
            f_ready_frames <= 0;
            f_ended <= 0;
            f_unread <= 0;
            f_word_is_in <= 1'b0;
            f_word_is_open <= 1'b0;
            f_frame_is_in <= 1'b0;
            f_frame_is_open <= 1'b0;
        end else begin
            f_used <= f_left_over + f_takes;
            f_back <= f_outgrows ? f_bytes / F_WORD_BYTES + 1 - SWALLOW_WORDS : f_is_spare;
            f_ended <= {f_ended[2:1], f_accepts && s_tlast};
            f_ready_frames <= f_ready_frames + f_ended[3] - grant;
            if (grant) f_unread <= head_more + 1'b1;
            else if (read) f_unread <= f_unread - 1'b1;
            if (f_accepts) begin
                f_swallows <= !s_tlast && (f_swallows || f_over);
                f_bytes <= s_tlast ? 0 : (f_swallows || f_over) ? f_bytes : f_bytes + 8;
            end

            if (f_word_is_in && read) begin
                if (f_words_ahead == 0) f_word_is_in <= 1'b0;
                f_words_ahead <= f_words_ahead - 1'b1;
            end
            if (f_stores && f_begins && f_tracks_word && (!f_word_is_in || (read && f_words_ahead == 0))) begin
                f_word_is_in <= 1'b1;
                f_word_is_open <= !s_tlast && LANES > 1;
                f_words_ahead <= f_left_over;
                f_data <= (f_lane == 0) ? f_beat : 0;
            end else if (f_accepts && f_word_is_open) begin
                if (f_stores && (f_bytes / 8) % LANES == f_lane) f_data <= f_beat;
                if (s_tlast || f_over || (f_bytes / 8) % LANES == LANES - 1) f_word_is_open <= 1'b0;
            end
            // Of a frame that is swallowed, later words are forgotten, and so is where the beat came that is too many.
            if (f_outgrows && f_word_is_in && (f_words_ahead >= f_used - (f_open_words - SWALLOW_WORDS) ||
                (f_word_is_open && (f_bytes / 8) % LANES == f_lane))) begin
                f_word_is_in <= 1'b0;
                f_word_is_open <= 1'b0;
            end

            if (f_frame_is_in && read) f_first_ahead <= f_first_ahead - 1'b1;
            if (f_frame_is_in && grant) f_frames_ahead <= f_frames_ahead - 1'b1;
            if (f_frame_is_in && grant && f_frames_ahead == 0) f_frame_is_in <= 1'b0;
            if (f_frame_is_open && f_accepts && s_tlast) f_frame_is_open <= 1'b0;
            if (f_frame_is_open && f_accepts && s_tlast) f_description <= f_described;
            if (f_accepts && f_bytes == 0 && f_tracks_frame && !f_frame_is_in) begin
                f_frame_is_in <= 1'b1;
                f_frame_is_open <= !s_tlast;
                f_frames_ahead <= f_ready_frames + f_ended[3] + f_ended[2] + f_ended[1] - grant;
                f_first_ahead <= f_left_over;
                f_description <= f_described;
            end
        end
    end

    function [POINTER_W-1:0] f_round(input [POINTER_W:0] pointer);
        f_round = (pointer >= WORDS) ? pointer - WORDS : pointer;
    endfunction

    // The descriptions in the order of the frames: out of the RAM, in it, and the one that is about to be written.
    wire [1:0] f_n_out = has_head + has_second + has_fetched;
    wire [POINTER_W:0] f_n_inside = (describe_at >= fetch_at) ? describe_at - fetch_at : describe_at + WORDS - fetch_at;
    wire [USED_W:0] f_n_described = f_n_out + f_n_inside;
    wire [DESCRIPTION_W-1:0] f_last_described = {is_cut, is_bad || !keep[0], is_long, more, length};
    reg [DESCRIPTION_W-1:0] f_nth;
    reg [DESCRIPTION_W-1:0] f_held_description;  // of the frame that is followed
    reg [USED_W+MORE_W:0] f_described_words;     // of all frames described
    reg [USED_W+MORE_W:0] f_ahead_words;         // of those before the frame that is followed
    reg f_say_whether_long;
    integer f_j;
    always @* begin
        f_described_words = 0;
        f_ahead_words = 0;
        f_say_whether_long = 1'b1;
        f_held_description = 0;
        f_nth = 0;
        for (f_j = 0; f_j < WORDS; f_j = f_j + 1) begin
            if (f_j < f_n_out) f_nth = (f_j == 0 && has_head) ? head : (f_j == 1 && has_second) ? second : fetched;
            else if (f_j < f_n_described) f_nth = description[f_round(fetch_at + f_j - f_n_out)];
            else f_nth = f_last_described;
            if (f_j < f_n_described + ends) begin
                f_described_words = f_described_words + f_nth[LENGTH_W+:MORE_W] + 1;
                if (f_j < f_frames_ahead) f_ahead_words = f_ahead_words + f_nth[LENGTH_W+:MORE_W] + 1;
                if (f_j == f_frames_ahead) f_held_description = f_nth;
                if (f_nth[LENGTH_W+MORE_W] != (f_nth[LENGTH_W+:MORE_W] != 0)) f_say_whether_long = 1'b0;
            end
        end
    end

    // The lane that is followed: its beat came in the cycle before, or its word is gathered, or it is in the RAM.
    wire [POINTER_W-1:0] f_word_at = f_round(read_at + f_words_ahead);
    wire [BUS_W-1:0] f_memory_word = memory[f_word_at];
    wire f_is_open = !f_swallows && !f_begins;   // the last word takes beats
    wire f_is_gathered = (write_at == f_word_at && (is_stored || f_is_open)) || (is_gathered && gathered_at == f_word_at);
    wire [BUS_W-1:0] f_word_before = f_is_gathered ? gathered : f_memory_word;
    reg [PORT_W-1:0] f_kept_beat;
    reg [PORT_W-1:0] f_held_data;
    integer f_k;
    always @* begin
        for (f_k = 0; f_k < 8; f_k = f_k + 1) f_kept_beat[f_k*8+:8] = beat[f_k*8+:8] & {8{keep[f_k]}};
        f_held_data = f_word_before[f_lane*PORT_W+:PORT_W];
        if (is_stored && write_at == f_word_at) begin
            if (beat_lane == f_lane) f_held_data = f_kept_beat;
            else if (beat_lane == 0) f_held_data = 0;
        end
    end
    wire [POINTER_W-1:0] f_next_write_at = overflows ? cut_at : (fills_word && !is_spare) ? after(write_at) : write_at;
    wire [DESCRIPTION_W-1:0] f_known = {{(DESCRIPTION_W - LENGTH_W) {1'b1}}, {LENGTH_W{!f_description[DESCRIPTION_W-1]}}};

    always @* begin
        if (!f_started) assume (reset);
        if (LANES == 1) assume (f_lane == 0);
        if (f_started && !reset) begin
            if (grant) granted_on_request: `FIFO_IS_GIVEN (request && f_unread <= 1);
            read_when_granted: `FIFO_IS_GIVEN (read == (f_unread != 0));

`ifdef PROVES_INGRESS_FIFO
            counts_words: assert (used == f_used);
            never_too_full: assert (f_used <= WORDS);
            never_writes_when_full: assert (!f_takes || f_used < WORDS);
            never_reads_when_empty: assert (!read || f_used > f_back);
            never_reads_what_is_written: assert (!(read && is_gathered && gathered_at == read_at));
            never_fetches_what_is_written: assert (!(fetch && ends && describe_at == fetch_at));
            ready_means_room: assert (s_tready == (f_swallows || !f_begins || f_used != WORDS));
            offers_whole_frames: assert (request == (f_ready_frames != 0));
            if (f_leaves) word_is_what_came_in: assert (word[f_lane*PORT_W+:PORT_W] == f_leaving);
            if (!f_any_leaves) no_word_is_0: assert (word == 0);
            if (f_frame_is_in && grant && f_frames_ahead == 0) begin
                described_when_granted: assert (!f_frame_is_open);
                description_is_the_frames: assert (
                    ({head_swallowed, head_bad, head_is_long, head_more, head_length} & f_known) == (f_description & f_known));
                its_words_are_next: assert (f_first_ahead == read);
            end
            if (request) says_whether_long: assert (head_is_long == (head_more != 0));

`ifdef INDUCTION
            // The beat that comes next.
            assert (f_bytes % 8 == 0 && f_bytes / 8 <= WHOLE_BEATS && (!f_swallows || f_bytes / 8 == WHOLE_BEATS));
            assert (n_before == f_bytes / 8 + f_swallows && is_first == (f_bytes == 0) && swallowing == f_swallows);
            assert (starts_word == (!f_swallows && f_begins) && at_limit == (!f_swallows && n_before == WHOLE_BEATS));
            assert (is_full == (f_used == WORDS));
            // The beat that came in the cycle before.
            assert (ends == f_ended[1] && n_back == f_back && f_back <= f_used);
            assert (f_next_write_at == f_round(read_at + f_used - f_back - (!f_swallows && !f_begins)));
            assert (write_at < WORDS && read_at < WORDS && describe_at < WORDS && fetch_at < WORDS);
            if (ends) assert (f_bytes == 0);
            else assert (keep == {PORT_BYTES{1'b1}} || !is_stored);
            if (is_stored) assert (fills_word == (ends || beat_lane == LAST_LANE));
            else assert (!fills_word && !may_overflow && !may_be_spare);
            // The word that is gathered.
            if (is_gathered) assert (gathered_at < WORDS);
            if (is_stored ? beat_lane != 0 : f_is_open) assert (gathered_at == write_at && !is_gathered);
            // Descriptions: what is not yet out of the RAM is new, or there are two before it.
            assert (f_n_described == f_ready_frames + f_ended[3] + f_ended[2] && f_n_described + ends <= f_used);
            assert (!has_second || has_head);
            if (!has_fetched && !has_second) assert (f_n_inside == f_ended[2]);
            if (!has_head) assert (has_fetched == f_ended[3] && f_n_inside == f_ended[2]);
            assert (f_say_whether_long);
            assert (f_used - f_back == f_unread + f_described_words + f_open_words);
            assert (f_any_fetched || !was_read);
            if (f_is_fetched) assert (was_read && fetched_word[f_lane*PORT_W+:PORT_W] == f_fetched);
            if (f_word_is_open) assert (f_word_is_in && f_words_ahead + 1'b1 == f_used - f_back && !f_begins && !f_swallows);
            if (f_word_is_in) begin
                assert (f_words_ahead < f_used - f_back);
                assert (f_held_data == f_data);
                // The lanes of the word that is being filled are 0 beyond what came in.
                if (f_word_is_open && f_lane >= (f_bytes / 8) % LANES) assert (f_data == 0);
                if (!f_begins && !f_swallows && f_words_ahead + 1'b1 == f_used - f_back) assert (f_word_is_open);
            end
            if (f_frame_is_open) assert (f_frame_is_in && f_bytes != 0);
            if (f_frame_is_in) begin
                assert (f_first_ahead == f_unread + f_ahead_words);
                if (f_frame_is_open) assert (f_frames_ahead == f_n_described + ends);
                else assert (f_frames_ahead < f_n_described + ends && (f_held_description & f_known) == (f_description & f_known));
            end
`endif
`endif
        end
    end

`ifdef PROVES_INGRESS_FIFO
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        waits_for_a_word: cover (s_tvalid && !s_tready);
        gives_words_back: cover (f_back != 0);
        waits_for_words_given_back: cover (!s_tready && f_back != 0);
        frame_leaves: cover (grant && f_frame_is_in && f_frames_ahead == 0 && head_more != 0 && !head_bad);
        word_leaves: cover (f_leaves && f_leaving != 0);
        write_pointer_wraps: cover (f_used > 1 && write_at < read_at);
        empty_frame: cover (request && head_length == 0 && head_bad);
        frames_wait_behind_others: cover (f_ready_frames == WORDS);
    end
`endif
