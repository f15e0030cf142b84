// What is proven of bus_writer: a queue takes all words of a frame or none, and the event says which.

    (* anyconst *) reg [$clog2(PORTS)-1:0] f_port;   // any port
    reg f_started = 1'b0;
    reg f_in_frame;
    reg f_takes;

    always @(posedge clk) begin
        f_started <= 1'b1;
        if (reset) begin
            f_in_frame <= 1'b0;
        end else if (word_valid && word_first) begin
            f_in_frame <= 1'b1;
            f_takes <= write[f_port];
        end
    end

    always @* begin
        assume (f_port < PORTS);
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            assume (!word_valid || word_first || f_in_frame);

            if (!word_valid) writes_words_only: assert (write == 0);
            if (word_valid && word_first) begin
                takes_with_room_only: assert (write[f_port] == (egress[f_port] && room[f_port]));
                tells_what_was_lost: assert (event_valid && event_full == (egress & ~write) && event_ports == egress);
                tells_why: assert (
                    event_reason == ((egress != 0 && write == 0) ? `DROP_QUEUE_FULL : reason));
            end
            if (word_valid && !word_first) takes_all_or_none: assert (write[f_port] == f_takes);
            one_event_a_frame: assert (event_valid == (word_valid && word_first));
`ifdef INDUCTION
            if (f_in_frame) assert (accepted[f_port] == f_takes);
`endif
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        no_queue_has_room: cover (event_valid && egress != 0 && write == 0);
        some_queues_have_room: cover (event_valid && write != 0 && event_full != 0);
        later_words_follow: cover (f_takes && write[f_port] && !word_first && !room[f_port]);
        dropped_by_the_decision: cover (event_valid && egress == 0 && event_reason != 0);
    end
