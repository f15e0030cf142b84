// What is proven of counters: each counts what it says, to the bit, and a read gives the count of three cycles before.
//
// Of one port, any, all totals are counted here again, and one of its reasons, any; a read of one of these is checked.

    (* anyconst *) reg [PORT_I_W-1:0] f_port;
    (* anyconst *) reg [4:0] f_reason;
    reg f_started = 1'b0;
    // What happens in a cycle, and the two cycles before: the event's, the reason's, a copy made, lost, sent.
    wire [4:0] f_now = {
        event_valid && event_port == f_port, event_valid && event_port == f_port && event_reason == f_reason,
        event_valid && event_ports[f_port], event_valid && event_full[f_port], sent[f_port]
    };
    reg [4:0] f_ago[0:1];
    reg [63:0] f_received, f_tally, f_copies, f_full, f_sent;

    // What a read of a low word gives, and the high word that comes with it.
    wire [8:0] f_offset = {read_address[8:3], 3'd0};
    reg f_is_followed;
    reg [63:0] f_value;
    always @* begin
        f_is_followed = port == f_port && (f_offset[8] || reason == f_reason || reason == 0 || reason == QUEUE_FULL);
        case (f_offset)
            9'h100: f_value = f_received;
            9'h108: begin
                f_value = f_tally;
                f_is_followed = port == f_port && f_reason == QUEUE_FULL;
            end
            9'h110: f_value = f_copies;
            9'h118: f_value = f_sent;
            default: f_value = (reason == 0) ? 64'd0 : (reason == QUEUE_FULL) ? f_full : f_tally;
        endcase
    end
    reg f_reads_low, f_reads_high, f_high_is_known;
    reg [63:0] f_read;
    wire f_reads = read_valid && read_hit;

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_ago[0] <= reset ? 5'd0 : f_now;
        f_ago[1] <= reset ? 5'd0 : f_ago[0];
        f_reads_low <= !reset && f_reads && !read_address[2] && f_is_followed;
        f_reads_high <= !reset && f_reads && read_address[2] && f_high_is_known;
        if (reset) begin
            {f_received, f_tally, f_copies, f_full, f_sent} <= 320'd0;
            f_high_is_known <= 1'b1;
            f_read <= 64'd0;
        end else begin
            f_received <= f_received + f_ago[1][4];
            f_tally <= f_tally + f_ago[1][3];
            f_copies <= f_copies + f_ago[1][2];
            f_full <= f_full + f_ago[1][1];
            f_sent <= f_sent + f_ago[1][0];
            if (f_reads && !read_address[2]) begin
                f_high_is_known <= f_is_followed;
                f_read <= f_value;
            end
        end
    end

    wire [PORT_I_W+4:0] f_at = {f_port, f_reason};
    always @* begin
        assume (f_port < PORTS);
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            assume (!event_valid || event_port < PORTS);
            assume (!read_valid || !read_hit || port < PORTS);
            reads_entries_only: assert (!read_hit || (read_address[15] && !read_address[14] && port < PORTS));
            if (f_reads_low) low_word_is_the_count: assert (read_data == f_read[31:0]);
            if (f_reads_high) high_word_is_of_the_same_time: assert (read_data == f_read[63:32]);

`ifdef INDUCTION
            if (f_reason != FORWARDED) assert ((counted[f_at] ? tally[f_at] : 64'd0) == f_tally);
            assert (!counted[{f_port, FORWARDED}]);
            assert (received[f_port] == f_received && copies[f_port] == f_copies);
            assert (full[f_port] == f_full && left[f_port] == f_sent);
            assert (f_ago[0][4:3] == {valid[0] && read_at[5+:PORT_I_W] == f_port, valid[0] && read_at == f_at});
            assert (f_ago[1][4:3] == {valid[1] && count_at[5+:PORT_I_W] == f_port, valid[1] && count_at == f_at});
            assert (f_ago[0][2:1] == ({2{valid[0]}} & {ports_before[f_port], full_before[f_port]}));
            assert (f_ago[1][2:1] == ({2{valid[1]}} & {copied[f_port], refused[f_port]}));
            assert ({f_ago[0][0], f_ago[1][0]} == {sent_before[f_port], gone[f_port]});
            if (valid[1]) assert (from[f_port] == (count_at[5+:PORT_I_W] == f_port));
            if (valid[1] && count_at == f_at && f_reason != FORWARDED) assert (count_was == f_tally);
            if (f_high_is_known) assert ((reads_low ? value[63:32] : high) == f_read[63:32]);
            if (f_reads_low) assert (reads_low && value == f_read);
            if (reads_low) assert (f_reads_low || !f_high_is_known || value[63:32] == f_read[63:32]);
            if (f_reads_high) assert (!reads_low && f_high_is_known);
`endif
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        counts_the_same_word_twice: cover (follows && valid[1] && count_at == f_at);
        reads_what_was_counted: cover (f_reads_low && f_read == 3);
        reads_a_high_word: cover (f_reads_high && f_received != 0);
        counts_what_was_lost: cover (f_full != 0 && f_copies != f_full && f_sent != 0);
    end
