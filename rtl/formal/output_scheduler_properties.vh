// What is proven of output_scheduler, for more than one queue: whose turn it is, and for how long a queue can wait for it.
//
// What is paused may not send, whatever waits: claims of turns are about the queues that may send. `f_queue` is any
// queue. The order of the list is checked for all queues at once, since the proof of one needs it of all.

`ifdef PROVES_OUTPUT_SCHEDULER
`define SCHEDULER_IS_GIVEN assume
`else
`define SCHEDULER_IS_GIVEN assert
`endif

    localparam [LENGTH_W-1:0] F_LONGEST = {LENGTH_W{1'b1}};
    (* anyconst *) reg [QUEUE_I_W-1:0] f_queue;
    reg f_started = 1'b0;
    reg [WAITING_W-1:0] f_waiting;     // frames of f_queue that entered, less those chosen
    reg [QUEUE_I_W:0] f_passed_over;   // frames of others chosen by round robin while f_queue had one
    reg [QUEUE_I_W-1:0] f_pointer;
    reg [17:0] f_credit;               // quanta that f_queue got by turns since its first frame became the first
    reg [17:0] f_credit_before;        // the same without the last one
    reg [PRIORITIES-1:0] f_ahead;      // the queues that stood before f_queue a cycle ago
    reg f_keeps_place;

    wire f_has_frames = has_frames[f_queue];
    wire f_may_send = may_send[f_queue];
    wire f_others_turn = choose && pick != f_queue;
    wire f_own_turn = due && pick == f_queue && may_send != 0;
    wire f_joins = enter && enter_queue == f_queue && (f_waiting == 0 || (f_waiting == 1 && choose && pick == f_queue));
    wire [QUEUE_I_W-1:0] f_distance = f_queue - f_pointer;   // PRIORITIES is a power of two

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_ahead <= has_frames & g_queues.ahead[f_queue];
        f_keeps_place <= !reset && f_has_frames && !f_own_turn;
        if (reset) begin
            f_waiting <= 0;
            f_passed_over <= 0;
            f_pointer <= 0;
            f_credit <= 0;
            f_credit_before <= 0;
        end else begin
            f_waiting <= f_waiting + (enter && enter_queue == f_queue) - (choose && pick == f_queue);
            if (!f_may_send || kind != 2'd0 || (choose && pick == f_queue)) f_passed_over <= 0;
            else if (f_others_turn) f_passed_over <= f_passed_over + 1'b1;
            if (choose && kind == 2'd0) f_pointer <= pick + 1'b1;
            if (f_joins || (choose && pick == f_queue)) begin
                f_credit <= 0;
                f_credit_before <= 0;
            end else if (f_own_turn && !choose) begin
                f_credit <= f_credit + quantum[f_queue*16+:16];
                f_credit_before <= f_credit;
            end
        end
    end

    reg f_is_order;
    reg f_is_counted;
    integer f_i;
    integer f_k;
    integer f_n;
    always @* begin
        f_is_order = 1'b1;
        f_is_counted = 1'b1;
        f_k = 0;
        f_n = 0;
        for (f_i = 0; f_i < PRIORITIES; f_i = f_i + 1) begin
            if (has_frames[f_i] != (waiting[f_i] != 0)) f_is_counted = 1'b0;
            if (has_frames[f_i]) begin
                if (g_queues.ahead[f_i][f_i]) f_is_order = 1'b0;
                for (f_k = 0; f_k < PRIORITIES; f_k = f_k + 1) begin
                    if (f_k != f_i && has_frames[f_k]) begin
                        if (g_queues.ahead[f_i][f_k] == g_queues.ahead[f_k][f_i]) f_is_order = 1'b0;
                        for (f_n = 0; f_n < PRIORITIES; f_n = f_n + 1) begin
                            if (has_frames[f_n] && g_queues.ahead[f_i][f_k] && g_queues.ahead[f_k][f_n] &&
                                !g_queues.ahead[f_i][f_n]) f_is_order = 1'b0;
                        end
                    end
                end
            end
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            // A queue has fewer frames than words.
            if (enter) `SCHEDULER_IS_GIVEN (waiting[enter_queue] != {WAITING_W{1'b1}});

`ifdef PROVES_OUTPUT_SCHEDULER
            chooses_when_due: assert (!choose || due);
            chooses_a_frame_that_waits: assert (!choose || has_frames[pick]);
            if (PAUSE != 0) chooses_nothing_that_is_paused: assert (!choose || !paused[pick]);
            one_queue_at_a_time: assert ((g_queues.picked & (g_queues.picked - 1'b1)) == 0);
            some_queue_if_any_waits: assert (may_send == 0 || may_send[pick] && g_queues.picked != 0);
            counts_frames: assert (waiting[f_queue] == f_waiting);
            if (kind != 2'd1) never_idles: assert (choose == (due && may_send != 0));

            round_robin_passes_over_each_once: assert (f_passed_over < PRIORITIES);
            if (choose && kind[1]) strict_lets_no_lower_pass: assert ((may_send >> pick) == 1);

            list_is_an_order: assert (f_is_order);
            if (kind == 2'd1 && may_send != 0)
                deficit_takes_the_head: assert ((may_send & g_queues.ahead[pick]) == 0);
            if (kind == 2'd1 && choose)
                deficit_pays_for_the_frame: assert (pick_length <= g_queues.deficit[pick]);
            // A deficit is less than a quantum and a frame, so that it never overflows.
            if (f_has_frames) deficit_is_bounded: assert (g_queues.deficit[f_queue] < 17'd65535 + F_LONGEST);
            // All turns but the last brought less than the longest frame: their number is at most ceil(longest / quantum).
            served_within_the_rounds: assert (f_credit_before < F_LONGEST || f_credit_before == 0);
            // Between two of its own turns, nothing comes before a queue: each other one has one turn at most.
            if (f_keeps_place) place_is_kept: assert ((has_frames & g_queues.ahead[f_queue] & ~f_ahead) == 0);

`ifdef INDUCTION
            assert (f_is_counted);
            if (kind == 2'd0) assert (f_passed_over + f_distance < PRIORITIES);
            else assert (f_passed_over < PRIORITIES);
            assert (f_passed_over == 0 || f_passed_over + f_distance < PRIORITIES);
            assert (g_queues.from_pointer == (({PRIORITIES{1'b1}} << f_pointer) & {PRIORITIES{1'b1}}) ||
                (g_queues.from_pointer == 0 && f_pointer == 0));
            if (f_has_frames) assert (g_queues.deficit[f_queue] >= f_credit);
            assert (f_credit >= f_credit_before && (f_has_frames || f_credit == 0));
            assert (f_credit <= F_LONGEST + 18'd65535);
`endif
`endif
        end
    end

`ifdef PROVES_OUTPUT_SCHEDULER
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        passed_over_by_each_other: cover (f_passed_over == PRIORITIES - 1);
        needs_more_than_one_turn: cover (f_credit_before != 0 && choose && pick == f_queue && kind == 2'd1);
        strict_passes_a_queue: cover (choose && kind[1] && has_frames[0] && pick == PRIORITIES - 1);
        leaves_and_joins_at_once: cover (f_joins && f_waiting == 1);
        stands_behind_each_other: cover (f_has_frames && g_queues.ahead[f_queue] == ~({{PRIORITIES{1'b0}}, 1'b1} << f_queue) % (1 << PRIORITIES) && has_frames == {PRIORITIES{1'b1}});
    end
    generate
        if (PAUSE != 0) begin : g_f_pause
            always @* if (f_started && !reset) begin
                passes_a_paused_head: cover (choose && kind == 2'd1 && (has_frames & paused & g_queues.ahead[pick]) != 0);
                waits_as_all_are_paused: cover (due && has_frames != 0 && may_send == 0);
            end
        end
    endgenerate
`endif
