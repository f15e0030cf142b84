// What is proven of output_reader: each frame chosen leaves with all its beats, the last one marked, and nothing else does.
//
// A frame is chosen when the one before has all its words read, so that two at most are at hand: the one whose beats leave
// (f_now) and the one chosen (f_next). They are one until its first word is read.

`ifdef PROVES_OUTPUT_READER
`define READER_IS_GIVEN assume
`else
`define READER_IS_GIVEN assert
`endif

    localparam F_INFO_W = LENGTH_W + 4 + `TAG_VALUE_W;
    localparam F_WORD_BYTES = BUS_W / 8;
    reg f_started = 1'b0;
    reg f_is_next;                  // a frame is chosen, and none of its words read
    wire [F_INFO_W-1:0] f_next = {chosen_length, chosen_strip, chosen_add, chosen_value};
    wire [COUNT_W-1:0] f_next_words = chosen_words;
    reg f_chose;                    // in the cycle before
    reg [F_INFO_W+COUNT_W-1:0] f_last_chosen;
    reg [QUEUE_I_W-1:0] f_queue;
    reg f_is_now;                   // a frame's beats leave: some are still to be taken
    reg [F_INFO_W-1:0] f_now;
    reg [COUNT_W-1:0] f_now_words;
    reg [COUNT_W-1:0] f_read_words; // of the frame whose words were read last
    reg [LENGTH_W-1:0] f_taken;     // beats taken of the frame
    reg f_beat_waits;
    reg [PORT_W-1:0] f_beat;
    reg [BUS_W-1:0] f_word;
    reg f_was_read;

    wire [LENGTH_W-1:0] f_now_length = f_now[F_INFO_W-1-:LENGTH_W];
    wire [LENGTH_W:0] f_n_beats = ({1'b0, f_now_length} + 7) >> 3;
    wire [LENGTH_W:0] f_chosen_words = ({1'b0, chosen_length} + F_WORD_BYTES - 1) / F_WORD_BYTES;
    wire f_last_is_taken = take && f_taken + 1'b1 == f_n_beats;

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_beat_waits <= beat_valid && !take && !reset;
        f_beat <= beat;
        f_word <= word;
        f_was_read <= read;
        f_chose <= choose && !reset;
        f_last_chosen <= {f_next, f_next_words};
        if (reset) begin
            f_is_next <= 1'b0;
            f_is_now <= 1'b0;
            f_now_words <= 0;
            f_read_words <= 0;
            f_taken <= 0;
        end else begin
            if (choose) begin
                f_is_next <= 1'b1;
                f_queue <= pick;
            end else if (read) begin
                f_is_next <= 1'b0;
            end
            if (read && f_is_next) begin
                f_is_now <= 1'b1;
                f_now <= f_next;
                f_now_words <= f_next_words;
                f_read_words <= 1;
                f_taken <= 0;
            end else begin
                if (read) f_read_words <= f_read_words + 1'b1;
                if (take) f_taken <= f_taken + 1'b1;
                if (f_last_is_taken) f_is_now <= 1'b0;
            end
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (choose) chosen_when_due: `READER_IS_GIVEN (due);
            if (f_is_next) words_hold_the_frame: `READER_IS_GIVEN (chosen_length != 0 && chosen_words == f_chosen_words);
            if (f_is_next && !f_chose) chosen_stays: `READER_IS_GIVEN ({f_next, f_next_words} == f_last_chosen);
            if (take) taken_if_there: `READER_IS_GIVEN (beat_valid);
            if (!f_was_read) word_stays: `READER_IS_GIVEN (word == f_word);

`ifdef PROVES_OUTPUT_READER
            due_when_all_words_are_read: assert (
                due == (!f_is_next && (f_read_words == f_now_words || (read && f_read_words + 1'b1 == f_now_words))));
            not_due_after_a_choice: assert (!f_chose || !due);
            reads_no_more_than_the_frame: assert (!read || f_is_next || f_read_words < f_now_words);
            reads_the_chosen_queue: assert (!read || read_queue == f_queue);
            reads_the_next_frame_after_the_last_beat: assert (!read || !f_is_next || !f_is_now || f_last_is_taken);
            beats_of_a_frame_only: assert (!beat_valid || f_is_now);
            if (beat_valid) begin
                description_is_the_frames: assert ({length, strip, add, value} == f_now);
                last_beat_is_marked: assert (beat_last == (f_taken + 1'b1 == f_n_beats));
                beat_is_of_the_word: assert (beat == word[(f_taken % LANES)*PORT_W+:PORT_W]);
                word_is_of_the_beat: assert (f_read_words == f_taken / LANES + 1);
            end
            if (f_beat_waits) beat_waits: assert (beat_valid && beat == f_beat);
            all_words_by_the_last_beat: assert (!(beat_valid && f_last_is_taken) || f_read_words == f_now_words);
            reads_as_soon_as_it_can: assert (!(f_is_next && !f_is_now) || read);

`ifdef INDUCTION
            assert (is_new == f_is_next);
            assert (unread == f_now_words - f_read_words && f_read_words <= f_now_words);
            if (f_chose) assert (f_is_next);
            if (f_is_next) assert (f_read_words == f_now_words);
            if (f_is_now) begin
                assert (f_now_length != 0 && f_taken < f_n_beats && beats_after == f_n_beats - 1 - f_taken);
                assert (beat_last == (beats_after == 0));
                assert (f_now_words == ({1'b0, f_now_length} + F_WORD_BYTES - 1) / F_WORD_BYTES);
                assert (f_now_words == f_read_words || beat_valid || unread != 0);
                if (beat_valid) assert (lane == f_taken % LANES);
                else assert (f_taken % LANES == 0 && f_read_words == f_taken / LANES);
            end else begin
                assert (f_read_words == f_now_words && !beat_valid);
            end
            if (is_new || unread != 0) assert (read_queue == f_queue);
`endif
`endif
        end
    end

`ifdef PROVES_OUTPUT_READER
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        next_is_chosen_before_the_last_beat: cover (f_is_next && f_is_now);
        frame_follows_without_a_pause: cover (read && f_is_next && f_last_is_taken && f_now_words == 2);
        last_beat_in_the_midst_of_a_word: cover (beat_valid && beat_last && f_taken == 1);
        beat_is_not_taken: cover (f_beat_waits && !beat_last);
    end
`endif
