// What is proven of the VLAN table: it holds what was written to it, as the register map says, and answers with that, as it
// stands in LOOK.
//
// Entries are kept here a second time, each with its ports side by side, as they are, as they were a cycle before and two
// cycles before; in these, a lookup looks for one entry after the other.

    reg f_started = 1'b0;
    reg [11:0] f_vid[0:ENTRIES-1], f_vid_before[0:ENTRIES-1];
    reg [PORTS-1:0] f_members[0:ENTRIES-1], f_members_before[0:ENTRIES-1], f_members_first[0:ENTRIES-1];
    reg [PORTS-1:0] f_untagged[0:ENTRIES-1], f_untagged_before[0:ENTRIES-1], f_untagged_first[0:ENTRIES-1];
    wire [15:0] f_write_at = {write_address, 2'b00} - `REG_VLAN_BASE;   // wraps below the table to far above it
    wire [15:0] f_read_at = {read_address, 2'b00} - `REG_VLAN_BASE;
    localparam [15:0] F_END = ENTRIES << `REG_VLAN_STRIDE_LOG2;
    wire [15:0] f_write_entry = f_write_at >> `REG_VLAN_STRIDE_LOG2;
    wire [15:0] f_read_entry = f_read_at >> `REG_VLAN_STRIDE_LOG2;
    wire [3:0] f_write_word = f_write_at;
    wire [3:0] f_read_word = f_read_at;
    reg f_has_read = 1'b0;
    reg [31:0] f_read;
    reg [2:0] f_was_reset = 3'b000;            // one, two, three cycles before
    reg f_is_written = 1'b0;
    reg f_was_written;
    wire f_commits = write_valid && f_write_at < F_END && f_write_word == `REG_VLAN_UNTAGGED;

    integer f_i;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= {f_was_reset[1:0], reset};
        f_was_written <= f_commits;
        if (reset) f_is_written <= 1'b0;
        else if (f_commits) f_is_written <= 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (reset) {f_vid[f_i], f_members[f_i], f_untagged[f_i]} <= 0;
            else if (f_commits && f_i == f_write_entry)
                {f_vid[f_i], f_members[f_i], f_untagged[f_i]} <= {stage_vid, stage_members, write_data};
            {f_vid_before[f_i], f_members_before[f_i], f_untagged_before[f_i]} <=
                reset ? 0 : {f_vid[f_i], f_members[f_i], f_untagged[f_i]};
            {f_members_first[f_i], f_untagged_first[f_i]} <=
                reset ? 0 : {f_members_before[f_i], f_untagged_before[f_i]};
        end
        if (read_valid) begin
            f_has_read <= read_hit && f_started;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_read_entry) f_read <=
                    (f_read_word == `REG_VLAN_VID) ? f_vid[f_i] :
                    (f_read_word == `REG_VLAN_MEMBERS) ? f_members[f_i] : f_untagged[f_i];
        end
    end

    // What the entries say of the VLAN that is given now, in the cycle after LOOK, as they were in LOOK.
    reg [PORTS-1:0] f_now_in, f_now_without, f_next_in, f_next_without, f_in, f_without;
    reg [ENTRIES-1:0] f_hit;
    reg f_holds;
    always @* begin
        f_now_in = 0;
        f_now_without = 0;
        f_holds = 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (f_vid_before[f_i] == vlan && vlan != 0) begin
                f_now_in = f_now_in | f_members_before[f_i];
                f_now_without = f_now_without | f_untagged_before[f_i];
            end
            if (vid[f_i] != f_vid_before[f_i]) f_holds = 1'b0;
            if (entry[f_i] != {f_vid[f_i], f_members[f_i], f_untagged[f_i]} && is_written[f_i]) f_holds = 1'b0;
            if ({f_vid[f_i], f_members[f_i], f_untagged[f_i]} != 0 && !is_written[f_i]) f_holds = 1'b0;
        end
    end
    always @(posedge clk) begin
        {f_in, f_next_in} <= {f_next_in, f_now_in};
        {f_without, f_next_without} <= {f_next_without, f_now_without};
    end
    // The same entries by port, and what is on its way to them.
    reg [PORTS-1:0] f_hit_in, f_hit_without;
    always @* begin
        f_hit_in = 0;
        f_hit_without = 0;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) if (hit[f_i]) begin
            f_hit_in = f_hit_in | f_members_first[f_i];
            f_hit_without = f_hit_without | f_untagged_first[f_i];
        end
    end
    genvar f_e, f_p;
    generate
        for (f_e = 0; f_e < ENTRIES; f_e = f_e + 1) begin : g_f_entry
            for (f_p = 0; f_p < PORTS; f_p = f_p + 1) begin : g_f_port
`ifdef INDUCTION
                always @* if (f_started) assert (
                    members_of[f_p][f_e] == f_members_first[f_e][f_p] &&
                    untagged_of[f_p][f_e] == f_untagged_first[f_e][f_p]);
`endif
            end
`ifdef INDUCTION
            always @* if (f_started) assert (
                {f_vid[f_e], f_members[f_e], f_untagged[f_e]} == ((commits_later && later_index == f_e) ?
                {later_vid, later_members, later_untagged} :
                {f_vid_before[f_e], f_members_before[f_e], f_untagged_before[f_e]}));
            always @* if (f_started) assert (
                {f_members_before[f_e], f_untagged_before[f_e]} == ((commits_last && last_index == f_e) ?
                {last_members, last_untagged} : {f_members_first[f_e], f_untagged_first[f_e]}));
`endif
        end
    endgenerate

    always @* begin
        if (!f_started) assume (reset);
        written_where_the_map_says: assert (write_hit == (f_write_at < F_END && f_write_word != 4'hC));
        read_where_the_map_says: assert (read_hit == (f_read_at < F_END && f_read_word != 4'hC));
        if (f_started) begin
            // A lookup whose cycles have no reset among them.
            if (!f_was_reset[2:0]) begin
                members_are_those_of_the_vlan: assert (members == f_in);
                untagged_are_those_of_the_vlan: assert (untagged == f_without);
            end
`ifdef INDUCTION
            assert (f_holds);
            if (!f_was_reset[1:0]) assert (f_hit_in == f_next_in && f_hit_without == f_next_without);
`endif
            if (f_has_read) reads_what_was_written: assert (read_data == f_read);
            last_entry_answers: cover (f_vid[ENTRIES-1] != 0 && members != 0 && untagged != members);
            written_in_the_midst_of_a_lookup: cover (f_was_written && members != 0 && untagged == 0);
            written_as_it_is_read: cover (write_valid && write_hit && read_valid && f_read_at + 8 == f_write_at && f_is_written);
            reads_members: cover (f_has_read && f_is_written && read_data != 0);
            empty_again: cover (f_was_reset[0] && f_has_read && read_data != 0);
        end
    end
