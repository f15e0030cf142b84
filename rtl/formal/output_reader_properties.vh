// What is proven of output_reader: each frame chosen leaves with all its beats, those of a step more among them, the last
// one marked, and nothing else does.
//
// A frame is chosen when the one before has one word at most to be read, so that three at most are at hand: the one whose
// beat waits in the register, which is f_now until all its beats are taken; the one whose words are read; and the one
// chosen (f_next). The second begins in the cycle in which the last beat of the first is moved, or later.

`ifdef PROVES_OUTPUT_READER
`define READER_IS_GIVEN assume
`else
`define READER_IS_GIVEN assert
`endif

    localparam F_INFO_W = LENGTH_W + 4 + `TAG_VALUE_W;
    localparam F_WORD_BYTES = BUS_W / 8;
    localparam F_N_W = LENGTH_W + 1;
    reg f_started = 1'b0;
    reg f_is_next;                  // a frame is chosen, and none of its words read
    wire [F_INFO_W-1:0] f_next = {chosen_last, chosen_strip, chosen_add, chosen_value};
    reg f_chose;                    // in the cycle before
    reg [F_INFO_W-1:0] f_last_chosen;
    reg [QUEUE_I_W-1:0] f_queue;    // of the frame chosen last
    reg [QUEUE_I_W-1:0] f_old_queue;
    reg f_is_read;                  // a frame's beats are moved: some of those that are stored are still to be
    reg [F_INFO_W-1:0] f_now;       // the frame whose words were read last
    reg [F_N_W-1:0] f_read_words;   // of it
    reg [F_N_W-1:0] f_moved;        // its beats that were moved, that of the step more among them
    reg f_rest;                     // that beat is to be moved; of the frame whose beats were moved last
    reg f_beat_waits;
    reg [PORT_W-1:0] f_beat;
    reg [PORT_W-1:0] f_expected;    // the beat in the register
    reg f_expected_last;
    reg f_holds;                    // there is one
    reg [BUS_W-1:0] f_word;
    reg f_was_read;

    function [F_N_W-1:0] f_n_beats(input [F_INFO_W-1:0] info);
        f_n_beats = info[F_INFO_W-1-:LENGTH_W] / 8 + 1;
    endfunction
    function [F_N_W-1:0] f_n_words(input [F_INFO_W-1:0] info);
        f_n_words = info[F_INFO_W-1-:LENGTH_W] / F_WORD_BYTES + 1;
    endfunction
    function [F_N_W-1:0] f_tag_bytes(input [1:0] tag);
        f_tag_bytes = (tag == `TAG_C) ? 4 : (tag == `TAG_VN) ? 6 : (tag == `TAG_E) ? 8 : 0;
    endfunction
    // Beats of the copy, and one for the first step where a tag comes off: as in docs/switch_core.md.
    function [F_N_W-1:0] f_n_steps(input [F_INFO_W-1:0] info);
        f_n_steps = (info[F_INFO_W-1-:LENGTH_W] + 1 + f_tag_bytes(info[`TAG_VALUE_W+:2]) -
            f_tag_bytes(info[`TAG_VALUE_W+2+:2]) + 7) / 8 +
            (f_tag_bytes(info[`TAG_VALUE_W+2+:2]) > f_tag_bytes(info[`TAG_VALUE_W+:2]));
    endfunction

    wire f_can_move = !beat_valid || take;
    wire f_moves = f_is_read && f_can_move && !f_rest && f_read_words == f_moved / LANES + 1;
    wire f_moves_last = f_moves && f_moved + 1'b1 == f_n_beats(f_now);
    wire f_word_ends = f_moves && (f_moves_last || f_moved % LANES == LANES - 1);
    wire f_has_unread = f_is_read && f_read_words < f_n_words(f_now);
    wire f_new_now = read && !f_has_unread;

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_beat_waits <= beat_valid && !take && !reset;
        f_beat <= beat;
        f_word <= word;
        f_was_read <= read;
        f_chose <= choose && !reset;
        f_last_chosen <= f_next;
        if (reset) begin
            f_is_next <= 1'b0;
            f_is_read <= 1'b0;
            f_rest <= 1'b0;
            f_holds <= 1'b0;
        end else begin
            if (choose) begin
                f_is_next <= 1'b1;
                f_queue <= pick;
                f_old_queue <= f_queue;
            end else if (f_new_now) begin
                f_is_next <= 1'b0;
            end
            if (f_can_move) begin
                f_rest <= f_moves_last && f_n_steps(f_now) > f_n_beats(f_now);
                f_holds <= f_moves || f_rest;
                f_expected <= f_rest ? 0 : word[(f_moved % LANES)*PORT_W+:PORT_W];
                f_expected_last <= f_rest || (f_moves_last && f_n_steps(f_now) == f_n_beats(f_now));
            end
            if (f_new_now) begin
                f_is_read <= 1'b1;
                f_now <= f_next;
                f_read_words <= 1;
                f_moved <= 0;
            end else begin
                if (read) f_read_words <= f_read_words + 1'b1;
                if (f_moves) f_moved <= f_moved + 1'b1;
                if (f_moves_last) f_is_read <= 1'b0;
            end
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (choose) chosen_when_due: `READER_IS_GIVEN (due);
            if (f_is_next) begin
                more_beats_than_one: `READER_IS_GIVEN (chosen_last >= 8);
                words_are_counted: `READER_IS_GIVEN (
                    chosen_is_2 == (f_n_words(f_next) >= 2) && chosen_is_3 == (f_n_words(f_next) >= 3));
                one_tag_changes: `READER_IS_GIVEN (chosen_last >= 7 + f_tag_bytes(chosen_strip) &&
                    chosen_last <= {LENGTH_W{1'b1}} - 9 && (chosen_strip == `TAG_NONE || chosen_add == `TAG_NONE ||
                    (chosen_strip == `TAG_C && chosen_add == `TAG_C)));
            end
            if (f_is_next && !f_chose) chosen_stays: `READER_IS_GIVEN (f_next == f_last_chosen);
            if (take) taken_if_there: `READER_IS_GIVEN (beat_valid);
            if (!f_was_read) word_stays: `READER_IS_GIVEN (word == f_word);

`ifdef PROVES_OUTPUT_READER
            due_when_one_word_is_left: assert (
                due == (!f_is_next && (!f_is_read || f_read_words + 1'b1 >= f_n_words(f_now))));
            not_due_after_a_choice: assert (!f_chose || !due);
            reads_words_that_are_there: assert (!read || f_has_unread || f_is_next);
            reads_when_the_word_before_is_moved: assert (read == ((f_has_unread || f_is_next) &&
                (!f_is_read || f_read_words == f_moved / LANES || f_word_ends)));
            reads_the_frames_queue: assert (!read ||
                read_queue == ((f_has_unread && f_is_next) ? f_old_queue : f_queue));
            starts_with_the_first_beat: assert (starts == (f_moves && f_moved == 0));
            if (starts) description_is_the_frames: assert (
                {last_byte, strip, add, value} == {f_now[F_INFO_W-LENGTH_W+:3], f_now[F_INFO_W-LENGTH_W-1:0]});
            moves_as_soon_as_it_can: assert (beat_valid == f_holds);
            if (beat_valid) begin
                beat_is_of_the_word: assert (beat == f_expected);
                last_beat_is_marked: assert (beat_last == f_expected_last);
            end
            if (f_beat_waits) beat_waits: assert (beat_valid && beat == f_beat);

`ifdef INDUCTION
            assert (is_new == f_is_next && has_unread == f_has_unread && has_rest == f_rest);
            if (f_chose) assert (f_is_next);
            if (has_unread) assert (unread_now == f_n_words(f_now) - f_read_words && is_due == (unread_now == 1));
            if (is_fresh) assert (is_2 == (f_n_words(f_now) >= 2) && is_3 == (f_n_words(f_now) >= 3) && f_read_words == 1 &&
                last == f_now[F_INFO_W-1-:LENGTH_W]);
            if (has_unread) assert (last == f_now[F_INFO_W-1-:LENGTH_W] && is_fresh == (f_read_words == 1));
            else assert (is_due);
            if (f_is_next && has_unread) assert (is_due && new_queue == f_queue && read_queue == f_old_queue);
            else if (f_is_next) assert (read_queue == f_queue && new_queue == f_queue);
            else if (has_unread) assert (read_queue == f_queue && new_queue == f_queue);
            if (f_rest) assert (beat_valid && !f_expected_last);
            if (f_is_read) begin
                assert (f_now[F_INFO_W-1-:LENGTH_W] >= 8 && f_moved < f_n_beats(f_now));
                assert (f_now[F_INFO_W-1-:LENGTH_W] >= 7 + f_tag_bytes(strip) && f_now[F_INFO_W-1-:LENGTH_W] <= {LENGTH_W{1'b1}} - 9);
                assert (strip == `TAG_NONE || add == `TAG_NONE || (strip == `TAG_C && add == `TAG_C));
                assert (beats_after_now == f_n_beats(f_now) - 1 - f_moved && last == f_now[F_INFO_W-1-:LENGTH_W]);
                assert (is_last == (beats_after_now == 0) && is_first == (f_moved == 0));
                assert ({last_byte, strip, add, value} == {f_now[F_INFO_W-LENGTH_W+:3], f_now[F_INFO_W-LENGTH_W-1:0]});
                assert (has_word == (f_read_words == f_moved / LANES + 1));
                if (has_word) assert (lane == f_moved % LANES);
                else assert (f_moved % LANES == 0 && f_read_words == f_moved / LANES);
            end else begin
                assert (!has_word);
            end
`endif
`endif
        end
    end

`ifdef PROVES_OUTPUT_READER
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        next_is_chosen_before_the_last_word: cover (f_is_next && f_has_unread && f_now[F_INFO_W-1-:LENGTH_W] > F_WORD_BYTES);
        frame_follows_without_a_pause: cover (read && f_new_now && f_moves_last);
        next_is_read_before_the_step_more: cover (f_rest && f_is_read && f_moved == 0);
        last_beat_in_the_midst_of_a_word: cover (beat_valid && beat_last && f_moved == 2);
        beat_is_not_taken: cover (f_beat_waits && !beat_last);
    end
`endif
