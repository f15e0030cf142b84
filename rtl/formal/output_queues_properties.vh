// What is proven of output_queues: each takes whole frames only if all their words fit, and gives them back in order.
//
// A frame that is accepted has its words in the cycles that follow. A frame is chosen when the one before has one word at
// most that is still to be read.
//
// `f_queue` is any queue. Any one of its words (chosen by f_tracks_word as it is written) and any one of its frames
// (f_tracks_frame) are followed until they leave. What the other queues do is free.

`ifdef PROVES_OUTPUT_QUEUES
`define QUEUES_ARE_GIVEN assume
`else
`define QUEUES_ARE_GIVEN assert
`endif

    // What goes with a frame has its number of words here; in output_port, that of its last byte.
    localparam F_WORDS_AT = COPY_W - 2;
    (* anyconst *) reg [QUEUE_I_W-1:0] f_queue;
    (* anyseq *) reg f_tracks_word;
    (* anyseq *) reg f_tracks_frame;
    reg f_started = 1'b0;
    reg [FREE_W:0] f_occupied;           // words of the frames taken that are not read yet
    reg [FREE_W:0] f_written;            // those that are written
    reg [FREE_W:0] f_frames;             // frames that wait
    reg [COUNT_W-1:0] f_left;            // words of the frame accepted last that are still to come
    reg f_is_first;                      // all of them
    reg [COUNT_W-1:0] f_left_words;      // of that frame
    reg [QUEUE_I_W-1:0] f_left_queue;
    reg [COUNT_W-1:0] f_unread;          // words of the frame chosen last that are still to be read
    reg [QUEUE_I_W-1:0] f_unread_queue;
    reg f_old;                           // the last word of the frame chosen before it is still to be read
    reg [QUEUE_I_W-1:0] f_old_queue;
    reg f_was_read;
    reg [BUS_W-1:0] f_last_word;

    reg f_word_is_in;
    reg [FREE_W:0] f_words_ahead;
    reg [BUS_W-1:0] f_data;
    reg f_leaves;
    reg [BUS_W-1:0] f_leaving;
    reg f_frame_is_in;
    reg [FREE_W:0] f_frames_ahead;
    reg [FREE_W:0] f_first_ahead;        // words before its first one
    reg [COPY_W-1:0] f_copy;

    wire f_writes = write && write_queue == f_queue;
    wire f_accepts = offer && room && offer_queue == f_queue;
    wire f_takes = f_writes && write_first;
    wire f_reads = read && read_queue == f_queue;
    wire f_chooses = choose && pick == f_queue;
    wire [COPY_W-1:0] f_pick_copy = copies[place(pick, head_at[pick])];
`ifdef PROVES_OUTPUT_QUEUES
    wire [COUNT_W-1:0] f_pick_words = f_pick_copy[F_WORDS_AT-:COUNT_W];
`else
    wire [COUNT_W-1:0] f_pick_words = f_pick_copy[F_WORDS_AT-1-:LENGTH_W] / (BUS_W / 8) + 1;
`endif
    wire [COPY_W-1:0] f_head_copy = copies[place(f_queue, head_at[f_queue])];
    reg f_chose;                         // in the cycle before
    reg [COPY_W-1:0] f_last_copy;
    reg [QUEUE_I_W-1:0] f_chosen_queue;
    reg f_frame_leaves;                  // it was chosen in the cycle before
    reg [COPY_W-1:0] f_leaving_copy;
    wire [COUNT_W-1:0] f_own_left = (f_left_queue == f_queue) ? f_left : 0;
    wire [COUNT_W-1:0] f_own_new = (f_unread_queue == f_queue) ? f_unread : 0;
    wire f_own_old = f_old && f_old_queue == f_queue;
    wire [COUNT_W:0] f_own_unread = f_own_new + f_own_old;
    wire [FREE_W:0] f_coming = f_is_first ? f_own_left : 0;   // words of a frame that was accepted in the cycle before

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_leaves <= !reset && f_reads && f_word_is_in && f_words_ahead == 0;
        f_leaving <= f_data;
        f_was_read <= read;
        f_chose <= choose && !reset;
        f_last_copy <= chosen_copy;
        f_chosen_queue <= pick;
        f_frame_leaves <= !reset && f_chooses && f_frame_is_in && f_frames_ahead == 0;
        f_leaving_copy <= f_copy;
        f_last_word <= word;
        if (reset) begin
            f_occupied <= 0;
            f_written <= 0;
            f_frames <= 0;
            f_left <= 0;
            f_is_first <= 1'b0;
            f_unread <= 0;
            f_old <= 1'b0;
            f_word_is_in <= 1'b0;
            f_frame_is_in <= 1'b0;
        end else begin
            f_occupied <= f_occupied + (f_accepts ? offer_words : 0) - f_reads;
            f_written <= f_written + f_writes - f_reads;
            f_frames <= f_frames + f_takes - f_chooses;
            f_is_first <= offer && room;
            if (offer && room) begin
                f_left <= offer_words;
                f_left_queue <= offer_queue;
                f_left_words <= offer_words;
            end else if (f_left != 0) begin
                f_left <= f_left - 1'b1;
            end
            if (choose) begin
                f_unread <= f_pick_words;
                f_unread_queue <= pick;
                f_old <= f_unread != 0 && !read;
                f_old_queue <= f_unread_queue;
            end else if (read && f_old) begin
                f_old <= 1'b0;
            end else if (read) begin
                f_unread <= f_unread - 1'b1;
            end

            if (f_word_is_in && f_reads) begin
                f_words_ahead <= f_words_ahead - 1'b1;
                if (f_words_ahead == 0) f_word_is_in <= 1'b0;
            end
            if (f_writes && f_tracks_word && !f_word_is_in) begin
                f_word_is_in <= 1'b1;
                f_words_ahead <= f_written - f_reads;
                f_data <= write_word;
            end
            if (f_frame_is_in && f_reads) f_first_ahead <= f_first_ahead - 1'b1;
            if (f_frame_is_in && f_chooses) begin
                f_frames_ahead <= f_frames_ahead - 1'b1;
                if (f_frames_ahead == 0) f_frame_is_in <= 1'b0;
            end
            if (f_takes && f_tracks_frame && !f_frame_is_in) begin
                f_frame_is_in <= 1'b1;
                f_frames_ahead <= f_frames - f_chooses;
                f_first_ahead <= f_occupied - f_own_left - f_reads;
                f_copy <= write_copy;
            end
        end
    end

    function [POINTER_W-1:0] f_round(input [POINTER_W:0] pointer);
        f_round = (pointer >= WORDS) ? pointer - WORDS : pointer;
    endfunction
    reg [FREE_W+COUNT_W:0] f_waiting_words;
    reg [FREE_W+COUNT_W:0] f_ahead_words;     // of the frames before the one that is followed
    reg f_all_have_words;
    reg f_lengths_match;
    reg [POINTER_W:0] f_nth;
    reg [COUNT_W-1:0] f_slot_words;
    reg [COUNT_W-1:0] f_newest_words;
    integer f_j;
    always @* begin
        f_waiting_words = 0;
        f_ahead_words = 0;
        f_all_have_words = 1'b1;
        f_nth = 0;
        f_slot_words = 0;
        f_newest_words = 0;
        f_lengths_match = 1'b1;
        for (f_j = 0; f_j < WORDS; f_j = f_j + 1) begin
            f_nth = (f_j >= head_at[f_queue]) ? f_j - head_at[f_queue] : f_j + WORDS - head_at[f_queue];
            f_slot_words = copies[f_queue*WORDS+f_j][F_WORDS_AT-:COUNT_W];
            if (f_nth < f_frames) begin
                f_waiting_words = f_waiting_words + f_slot_words;
                if (f_slot_words == 0) f_all_have_words = 1'b0;
`ifdef PROVES_OUTPUT_QUEUES
                if (g_queues.lengths[f_queue*WORDS+f_j] != copies[f_queue*WORDS+f_j][LENGTH_W-1:0])
                    f_lengths_match = 1'b0;
`endif
                if (f_nth < f_frames_ahead) f_ahead_words = f_ahead_words + f_slot_words;
                if (f_nth + 1'b1 == f_frames) f_newest_words = f_slot_words;
            end
        end
    end

    reg f_all_in_range;   // no queue points into another one's region
    integer f_q;
    always @* begin
        f_all_in_range = 1'b1;
        for (f_q = 0; f_q < PRIORITIES; f_q = f_q + 1)
            if (write_at[f_q] >= WORDS || read_at[f_q] >= WORDS || tail_at[f_q] >= WORDS || head_at[f_q] >= WORDS)
                f_all_in_range = 1'b0;
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (offer) one_frame_after_another: `QUEUES_ARE_GIVEN (f_left <= 1);
            if (offer) frame_has_words: `QUEUES_ARE_GIVEN (offer_words != 0);
            words_without_pause: `QUEUES_ARE_GIVEN (write == (f_left != 0));
            if (write) begin
                words_to_one_queue: `QUEUES_ARE_GIVEN (write_queue == f_left_queue);
                first_word_is_marked: `QUEUES_ARE_GIVEN (write_first == f_is_first);
            end
`ifdef PROVES_OUTPUT_QUEUES
            if (write && write_first) assume (write_copy[F_WORDS_AT-:COUNT_W] == f_left_words);
`endif
            if (f_chooses) chosen_if_it_waits: `QUEUES_ARE_GIVEN (f_frames != 0);
            if (choose) chosen_before_the_last_word_at_most: `QUEUES_ARE_GIVEN (f_unread <= 1 && !f_old);
            if (choose) not_chosen_twice_on_end: `QUEUES_ARE_GIVEN (!f_chose);
            if (read) reads_the_chosen_frame: `QUEUES_ARE_GIVEN (
                f_old ? read_queue == f_old_queue : f_unread != 0 && read_queue == f_unread_queue);

`ifdef PROVES_OUTPUT_QUEUES
            // So that one thing is followed: the length is a part of what goes with a frame.
            assume (write_length == write_copy[LENGTH_W-1:0]);
            counts_occupied_words: assert (
                free[f_queue] + (was_read && was_read_queue == f_queue) == WORDS - f_occupied);
            never_too_full: assert (f_occupied <= WORDS && f_written <= f_occupied);
            never_reads_what_is_not_written: assert (!f_reads || f_written != 0);
            if (offer && offer_queue == f_queue)
                room_for_a_whole_frame: assert (room == (f_occupied + offer_words <= WORDS));
            no_place_is_read_and_written_at_once: assert (
                !(f_reads && f_writes && read_at[f_queue] == write_at[f_queue]) &&
                !(f_chooses && f_takes && head_at[f_queue] == tail_at[f_queue]));
            if (f_leaves) word_is_what_was_written: assert (word == f_leaving);
            if (f_frame_leaves) copy_is_the_frames: assert (chosen_copy == f_leaving_copy);
            if (!f_chose) copy_stays: assert (chosen_copy == f_last_copy);
            if (!f_was_read) word_stays: assert (word == f_last_word);
            if (f_frame_is_in && f_chooses && f_frames_ahead == 0) begin
                if (PRIORITIES > 1) length_is_the_frames: assert (pick_length == f_copy[LENGTH_W-1:0]);
                its_words_are_next: assert (f_first_ahead == f_own_unread);
            end

`ifdef INDUCTION
            assert (f_frames <= WORDS && f_all_have_words);
            assert (f_all_in_range);
            assert (write_at[f_queue] == f_round(read_at[f_queue] + f_written));
            assert (tail_at[f_queue] == f_round(head_at[f_queue] + f_frames));
            assert (f_written + f_own_left == f_occupied);
            assert (f_occupied == f_own_unread + f_waiting_words + f_coming);
            if (f_is_first) assert (f_left != 0 && f_left == f_left_words);
            if (f_old && f_unread_queue == f_queue) assert (f_unread != 0);
            // The frame that is still written is the newest; reading it cannot overtake the writing.
            if (f_own_left != 0 && !f_is_first) assert (f_own_left < ((f_frames != 0) ? f_newest_words : f_own_new));
            if (f_word_is_in) begin
                assert (f_words_ahead < f_written);
                assert (memory[f_queue*WORDS+f_round(read_at[f_queue]+f_words_ahead)] == f_data);
            end
            if (g_queues.moves_up) assert (f_chose && g_queues.moving_queue == f_chosen_queue);
            if (g_queues.moves_up && f_chosen_queue == f_queue) assert (f_frames != 0);
            if (f_chose && f_chosen_queue == f_queue && f_frames != 0 && !g_queues.moves_up) assert (f_frames == 1);
            if (f_frames != 0) begin
                if (g_queues.moves_up && g_queues.moving_queue == f_queue)
                    assert (g_queues.next_length == f_head_copy[LENGTH_W-1:0]);
                else assert (g_queues.first_length[f_queue] == f_head_copy[LENGTH_W-1:0]);
                assert (f_lengths_match);
            end
            if (f_frame_is_in) begin
                assert (f_frames_ahead < f_frames);
                assert (f_first_ahead == f_own_unread + f_ahead_words);
                assert (copies[f_queue*WORDS+f_round(head_at[f_queue]+f_frames_ahead)] == f_copy);
            end
`endif
`endif
        end
    end

`ifdef PROVES_OUTPUT_QUEUES
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        has_no_room: cover (offer && !room && offer_queue == f_queue && f_occupied != WORDS);
        has_room_for_a_word_read_before: cover (f_accepts && was_read && f_occupied + offer_words == WORDS);
        chosen_with_a_word_to_be_read: cover (f_chooses && f_own_new == 1 && !read);
        frame_leaves_behind_another: cover (f_frame_leaves && f_own_unread == 2);
        word_leaves: cover (f_leaves && f_leaving != 0);
        reads_a_frame_that_is_written: cover (f_reads && f_writes && !write_first);
        both_queues_have_frames: cover (f_frames != 0 && f_unread != 0 && f_unread_queue != f_queue);
        wraps: cover (f_frames != 0 && tail_at[f_queue] < head_at[f_queue]);
    end
`endif
