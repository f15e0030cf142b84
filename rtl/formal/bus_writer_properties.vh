// What is proven of bus_writer: a queue takes all words of a frame or none, and the event says which.

    (* anyconst *) reg [$clog2(PORTS)-1:0] f_port;   // any port
    reg f_started = 1'b0;
    reg f_decided;                                   // a frame was decided in the cycle before
    reg f_in_frame;
    reg f_takes;
    reg [PORTS-1:0] f_asked;                         // of the frame that was decided last
    reg [PORTS-1:0] f_got;
    reg [7:0] f_reason;
    reg [`INDEX_W(PORTS)-1:0] f_from;

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_decided <= decided && !reset;
        if (reset) begin
            f_in_frame <= 1'b0;
        end else begin
            if (decided) begin
                f_takes <= offer[f_port] && room[f_port];
                f_asked <= egress;
                f_got <= offer & room;
                f_reason <= reason;
                f_from <= port;
            end
            f_in_frame <= decided || (f_in_frame && word_valid);
        end
    end

    always @* begin
        assume (f_port < PORTS);
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            // A frame's words come one after the other, from the cycle after its decision on.
            assume ((word_valid && word_first) == f_decided);
            assume (!word_valid || f_in_frame);

            offers_what_is_decided: assert (offer == (decided ? egress : 0));
            if (!word_valid) writes_words_only: assert (write == 0);
            if (word_valid) takes_all_or_none: assert (write[f_port] == f_takes);
            if (word_valid && word_first) begin
                takes_with_room_only: assert (write == f_got);
                tells_what_was_lost: assert (event_valid && event_full == (f_asked & ~write) && event_ports == f_asked);
                tells_why: assert (
                    event_reason == ((f_asked != 0 && write == 0) ? `DROP_QUEUE_FULL : f_reason) && event_port == f_from);
            end
            one_event_a_frame: assert (event_valid == (word_valid && word_first));
`ifdef INDUCTION
            if (f_in_frame) begin
                assert (accepted[f_port] == f_takes && accepted == f_got && event_full == (f_asked & ~f_got));
                assert ((f_got & ~f_asked) == 0 && decided_reason == f_reason && event_port == f_from);
            end
            if (f_decided) assert (f_in_frame);
`endif
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        no_queue_has_room: cover (event_valid && event_ports != 0 && write == 0);
        some_queues_have_room: cover (event_valid && write != 0 && event_full != 0);
        later_words_follow: cover (f_takes && write[f_port] && !word_first && !room[f_port]);
        next_is_decided_with_the_last_word: cover (word_valid && decided && f_takes && !room[f_port]);
        dropped_by_the_decision: cover (event_valid && event_ports == 0 && event_reason != 0);
    end
