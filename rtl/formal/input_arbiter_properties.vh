// What is proven of input_arbiter: turns, one grant at a time, and the bus held for exactly the words of the frame.

`ifdef PROVES_INPUT_ARBITER
`define ARBITER_IS_GIVEN assume
`else
`define ARBITER_IS_GIVEN assert
`endif

    (* anyconst *) wire [PORT_I_W-1:0] f_port;   // any port
    reg f_started = 1'b0;
    reg [PORT_I_W-1:0] f_pointer;                // the port at which the next search starts
    reg [PORT_I_W:0] f_passed_over;              // grants to others while f_port asked
    reg [MORE_W-1:0] f_held;                     // cycles, this one included, for which the bus is still held
    reg [MORE_W:0] f_unread;                     // words of the granted frame that are still to be read
    reg [PORT_I_W-1:0] f_owner;
    reg [INFO_W-1:0] f_info;
    reg f_first;                                 // it was granted in the cycle before
    reg [PORT_I_W+INFO_W+1:0] f_on_its_way;      // what was read in the cycle before: whether, first, whose; info
    reg [PORT_I_W+INFO_W+1:0] f_arrives;         // and in the one before that
    reg [PORT_I_W-1:0] f_pick;                   // the number of the port picked
    integer f_i;
    always @* begin
        f_pick = 0;
        for (f_i = 0; f_i < PORTS; f_i = f_i + 1) if (pick[f_i]) f_pick = f_i[PORT_I_W-1:0];
    end

    wire [PORT_I_W:0] f_distance =
        (f_port >= f_pointer) ? f_port - f_pointer : f_port + PORTS[PORT_I_W:0] - f_pointer;

    always @(posedge clk) begin
        f_started <= 1'b1;
        if (reset) begin
            f_pointer <= 0;
            f_passed_over <= 0;
            f_held <= 0;
            f_unread <= 0;
            f_first <= 1'b0;
            f_on_its_way <= 0;
            f_arrives <= 0;
        end else begin
            if (grant != 0) begin
                f_pointer <= (f_pick == PORTS - 1) ? 0 : f_pick + 1'b1;
                f_held <= pick_more;
                f_unread <= pick_more + 1'b1;
                f_owner <= f_pick;
                f_info <= pick_info;
            end else begin
                if (f_held != 0) f_held <= f_held - 1'b1;
                if (f_unread != 0) f_unread <= f_unread - 1'b1;
            end
            if (!request[f_port] || grant[f_port]) f_passed_over <= 0;
            else if (grant != 0) f_passed_over <= f_passed_over + 1'b1;
            f_first <= grant != 0;
            f_on_its_way <= {f_unread != 0, f_first, f_owner, f_info};
            f_arrives <= f_on_its_way;
        end
    end

    always @* begin
        assume (f_port < PORTS);
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (grant != 0) a_long_frame_has_more_words: `ARBITER_IS_GIVEN (pick_is_long == (pick_more != 0));

`ifdef PROVES_INPUT_ARBITER
            one_grant: assert ((grant & (grant - 1'b1)) == 0);
            grant_to_a_request: assert ((grant & ~request) == 0);
            pick_is_the_grant: assert (grant == 0 || (grant == pick && grant == (1 << f_pick)));
            waits_for_each_other_port_once: assert (f_passed_over <= PORTS - 1);
            no_grant_while_held: assert (f_held == 0 || grant == 0);
            no_pause: assert (f_held != 0 || request == 0 || grant != 0);
            reads_every_word: assert (read == ((f_unread != 0) ? (1 << f_owner) : 0));
            word_follows_read: assert (word_valid == f_arrives[PORT_I_W+INFO_W+1]);
            if (word_valid) word_of_its_port: assert ({word_port, word_info} == f_arrives[PORT_I_W+INFO_W-1:0]);
            first_word_is_marked: assert (word_first == f_arrives[PORT_I_W+INFO_W]);

`ifdef INDUCTION
            // What holds in every state, so that one step of induction is enough.
            assert (f_pointer < PORTS);
            assert (f_owner < PORTS || f_unread == 0);
            assert (is_held == (f_held != 0) && (!is_held || f_held == left));
            assert (f_unread == f_held + 1'b1 || (f_unread == 0 && !is_held));
            assert (f_passed_over + f_distance <= PORTS - 1);
            pointer_moves_on_a_grant_only: assert (
                from_pointer == (({PORTS{1'b1}} << f_pointer) & {PORTS{1'b1}}) || (from_pointer == 0 && f_pointer == 0));
            assert (read_first == f_first && (!f_first || f_unread != 0));
            if (read != 0) assert (read_info == f_info);
            assert ({fetched_valid, fetched_first} == f_on_its_way[PORT_I_W+INFO_W+:2]);
            if (fetched_valid) assert ({fetched_port, fetched_info} == f_on_its_way[PORT_I_W+INFO_W-1:0]);
`endif
`endif
        end
    end

`ifdef PROVES_INPUT_ARBITER
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        passed_over_by_each_other: cover (f_passed_over == PORTS - 1);
        turn_comes_round: cover (grant[0] && f_pointer == PORTS - 1);
        granted_as_the_last_of_more_words_is_read: cover (grant != 0 && f_unread == 1 && word_valid && !f_first);
        waits_for_a_long_frame: cover (f_held > 2 && request == {PORTS{1'b1}});
    end
`endif
