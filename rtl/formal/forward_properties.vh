// What is proven of forward: what the bus needs of a decision, whatever it is.

    reg f_started = 1'b0;
    reg f_decides;
    reg f_was_reset;
    reg [LENGTH_W-1:0] f_length;
    reg [7:0] f_reason;
    reg f_for_one;   // pool, at most
    reg [PORTS-1:0] f_kept_from;
    reg [`INDEX_W(PORTS)+LENGTH_W+COUNT_W+8+2*PORTS+`INDEX_W(PRIORITIES)+4+`TAG_VALUE_W-1:0] f_decision;
    wire [`INDEX_W(PORTS)+LENGTH_W+COUNT_W+8+2*PORTS+`INDEX_W(PRIORITIES)+4+`TAG_VALUE_W-1:0] f_decision_now =
        {port, length, words, reason, egress, queue, strip, add, adds_at, tag_value};

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_decides <= in_valid && !reset;
        f_was_reset <= reset;
        f_length <= in_length;
        f_reason <= in_reason;
        f_for_one <= POOL_FILTERS != 0 && by_pools && !bridge_above && !is_replicated && (defaults & (defaults - 1'b1)) == 0;
        f_kept_from <= (PRIVATE_VLANS != 0) ? kept_from : 0;
        f_decision <= f_decision_now;
    end

    always @* begin
        if (f_started) begin
            decided_in_the_next_cycle: assert (valid == f_decides);
            if (f_decides) begin
                words_hold_the_frame: assert (words == (f_length + BUS_W / 8 - 1) / (BUS_W / 8) && length == f_length);
                dropped_or_forwarded: assert ((egress == 0) == (reason != `DROP_NONE));
                first_reason_stays: assert (f_reason == `DROP_NONE || reason == f_reason);
                not_replicated_goes_to_one: assert (!f_for_one || (egress & (egress - 1'b1)) == 0);
                kept_apart: assert ((egress & f_kept_from) == 0);
                one_tag_changes: assert (
                    strip == `TAG_NONE || (strip == `TAG_C && add == `TAG_C) || (egress & adds_at) == 0);
            end else if (!f_was_reset) begin
                decision_stays: assert (f_decision_now == f_decision);
            end
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        dropped_with_a_reason: cover (f_decides && egress == 0 && f_reason == `DROP_NONE);
        forwarded_to_all_but_one: cover (f_decides && egress == {PORTS{1'b1}} - 1'b1);
        tag_is_taken_off: cover (f_decides && egress[1] && strip == `TAG_E);
        kept_from_all: cover (PRIVATE_VLANS == 0 || (f_decides && f_reason == `DROP_NONE && reason == `DROP_PVLAN));
        tag_is_added: cover (f_decides && (egress & adds_at) != 0 && add == `TAG_VN);
    end
