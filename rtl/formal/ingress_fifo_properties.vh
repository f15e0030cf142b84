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
    reg [USED_W:0] f_ready_frames;     // frames that may be granted
    reg f_ended;
    reg [COUNT_W-1:0] f_unread;        // words of the frame granted last that are still to be read
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
    wire f_stores = f_accepts && !f_swallows && !f_over && (f_n != 0 || f_bytes == 0);
    wire f_begins = f_bytes % F_WORD_BYTES == 0;
    wire f_outgrows = f_accepts && !f_swallows && f_over;
    wire [COUNT_W-1:0] f_open_words = f_swallows ? SWALLOW_WORDS : (f_bytes + F_WORD_BYTES - 1) / F_WORD_BYTES;

    // One lane of one word.
    reg f_word_is_in;
    reg f_word_is_open;                // beats may still come into it
    reg [USED_W:0] f_words_ahead;
    reg [PORT_W-1:0] f_data;
    reg f_leaves;                      // it was read in the cycle before
    reg [PORT_W-1:0] f_leaving;

    // One frame.
    reg f_frame_is_in;
    reg f_frame_is_open;
    reg [USED_W:0] f_frames_ahead;
    reg [USED_W:0] f_first_ahead;      // words before its first one
    reg [DESCRIPTION_W-1:0] f_description;

    wire [DESCRIPTION_W-1:0] f_described;
    wire [LENGTH_W:0] f_total = f_bytes + f_n;
    wire [COUNT_W-1:0] f_total_words =
        (f_swallows || f_over) ? SWALLOW_WORDS : (f_total == 0) ? 1 : (f_total + F_WORD_BYTES - 1) / F_WORD_BYTES;
    // The length of a frame that is swallowed is not its own.
    assign f_described = {f_swallows || f_over, s_tuser || f_n == 0, f_total_words, f_total[LENGTH_W-1:0]};

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_leaves <= !reset && read && f_word_is_in && f_words_ahead == 0;
        f_leaving <= f_data;
        if (reset) begin
            f_bytes <= 0;
            f_swallows <= 1'b0;
            f_used <= 0;
            f_ready_frames <= 0;
            f_ended <= 1'b0;
            f_unread <= 0;
            f_word_is_in <= 1'b0;
            f_word_is_open <= 1'b0;
            f_frame_is_in <= 1'b0;
            f_frame_is_open <= 1'b0;
        end else begin
            f_used <= f_used + (f_stores && f_begins) - (f_outgrows ? f_open_words - SWALLOW_WORDS : 0) - read;
            f_ended <= f_accepts && s_tlast;
            f_ready_frames <= f_ready_frames + f_ended - grant;
            if (grant) f_unread <= head_words;
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
                f_words_ahead <= f_used - read;
                f_data <= (f_lane == 0) ? f_beat : 0;
            end else if (f_accepts && f_word_is_open) begin
                if (f_stores && (f_bytes / 8) % LANES == f_lane) f_data <= f_beat;
                if (s_tlast || f_over || (f_bytes / 8) % LANES == LANES - 1) f_word_is_open <= 1'b0;
            end
            // Of a frame that is swallowed, later words are forgotten.
            if (f_outgrows && f_word_is_in && f_words_ahead >= f_used - (f_open_words - SWALLOW_WORDS)) f_word_is_in <= 1'b0;

            if (f_frame_is_in && read) f_first_ahead <= f_first_ahead - 1'b1;
            if (f_frame_is_in && grant) f_frames_ahead <= f_frames_ahead - 1'b1;
            if (f_frame_is_in && grant && f_frames_ahead == 0) f_frame_is_in <= 1'b0;
            if (f_frame_is_open && f_accepts && s_tlast) f_frame_is_open <= 1'b0;
            if (f_frame_is_open && f_accepts && s_tlast) f_description <= f_described;
            if (f_accepts && f_bytes == 0 && f_tracks_frame && !f_frame_is_in) begin
                f_frame_is_in <= 1'b1;
                f_frame_is_open <= !s_tlast;
                f_frames_ahead <= f_ready_frames + f_ended - grant;
                f_first_ahead <= f_used - read;
                f_description <= f_described;
            end
        end
    end

    function [POINTER_W-1:0] f_round(input [POINTER_W:0] pointer);
        f_round = (pointer >= WORDS) ? pointer - WORDS : pointer;
    endfunction
    reg [USED_W+COUNT_W:0] f_described_words;   // of all frames described
    reg [USED_W+COUNT_W:0] f_ahead_words;       // of those before the frame that is followed
    reg f_all_have_words;
    reg [POINTER_W:0] f_nth;
    reg [COUNT_W-1:0] f_slot_words;
    integer f_j;
    always @* begin
        f_described_words = 0;
        f_ahead_words = 0;
        f_all_have_words = 1'b1;
        f_nth = 0;
        f_slot_words = 0;
        for (f_j = 0; f_j < WORDS; f_j = f_j + 1) begin
            f_nth = (f_j >= head_at) ? f_j - head_at : f_j + WORDS - head_at;
            f_slot_words = description[f_j][LENGTH_W+:COUNT_W];
            if (f_nth < waiting + ended) begin
                f_described_words = f_described_words + f_slot_words;
                if (f_slot_words == 0) f_all_have_words = 1'b0;
                if (f_nth < f_frames_ahead) f_ahead_words = f_ahead_words + f_slot_words;
            end
        end
    end

    wire [BUS_W-1:0] f_memory_word = memory[f_round(read_at + f_words_ahead)];
    wire [DESCRIPTION_W-1:0] f_held_description = description[f_round(head_at + f_frames_ahead)];
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
            never_writes_when_full: assert (!(f_stores && f_begins) || f_used < WORDS);
            never_reads_when_empty: assert (!read || f_used != 0);
            ready_means_room: assert (s_tready == (f_swallows || !f_begins || f_used != WORDS));
            offers_whole_frames: assert (request == (f_ready_frames != 0));
            if (f_leaves) word_is_what_came_in: assert (word[f_lane*PORT_W+:PORT_W] == f_leaving);
            if (f_frame_is_in && grant && f_frames_ahead == 0) begin
                described_when_granted: assert (!f_frame_is_open);
                description_is_the_frames: assert (
                    ({head_swallowed, head_bad, head_words, head_length} & f_known) == (f_description & f_known));
                its_words_are_next: assert (f_first_ahead == read);
            end
            if (request) frame_has_words: assert (head_words != 0);

`ifdef INDUCTION
            assert (waiting == f_ready_frames && ended == f_ended && f_ready_frames + f_ended <= WORDS);
            assert (is_full == (f_used == WORDS));
            if (waiting != 0) assert (head == description[head_at]);
            assert (has_waiting == (waiting != 0) && second_at == f_round(head_at + 1));
            assert (f_all_have_words);
            assert (f_used == f_unread + f_described_words + f_open_words);
            assert (swallowing == f_swallows && stored == f_bytes && f_bytes % 8 == 0 && f_bytes <= STORE_BYTES);
            if (f_swallows) assert (f_bytes + 8 > STORE_BYTES);
            if (!f_swallows) assert (starts_word == f_begins);
            assert (write_at < WORDS && frame_at < WORDS && read_at < WORDS && head_at < WORDS && describe_at < WORDS);
            assert (describe_at == f_round(f_round(head_at + waiting) + ended));
            assert (frame_at == f_round(read_at + f_unread + f_described_words));
            assert (write_at == f_round(read_at + f_used - (!f_swallows && !f_begins)));
            if (f_word_is_open) assert (f_word_is_in && f_words_ahead + 1'b1 == f_used && !f_begins && !f_swallows);
            if (f_word_is_in) begin
                assert (f_words_ahead < f_used);
                assert (f_memory_word[f_lane*PORT_W+:PORT_W] == f_data);
                // The lanes of the word that is being filled are 0 beyond what came in.
                if (f_word_is_open && f_lane >= (f_bytes / 8) % LANES) assert (f_data == 0);
                if (!f_begins && !f_swallows && f_words_ahead + 1'b1 == f_used) assert (f_word_is_open);
            end
            if (f_frame_is_open) assert (f_frame_is_in && (f_bytes != 0));
            if (f_frame_is_in) begin
                assert (f_first_ahead == f_unread + f_ahead_words);
                if (f_frame_is_open) assert (f_frames_ahead == waiting + ended);
                else assert (f_frames_ahead < waiting + ended && (f_held_description & f_known) == (f_description & f_known));
            end
`endif
`endif
        end
    end

`ifdef PROVES_INGRESS_FIFO
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        waits_for_a_word: cover (s_tvalid && !s_tready);
        gives_words_back: cover (f_outgrows && f_open_words > SWALLOW_WORDS);
        frame_leaves: cover (grant && f_frame_is_in && f_frames_ahead == 0 && head_words > 1 && !head_bad);
        word_leaves: cover (f_leaves && f_leaving != 0);
        write_pointer_wraps: cover (f_used > 1 && write_at < read_at);
        empty_frame: cover (request && head_length == 0 && head_bad);
    end
`endif
