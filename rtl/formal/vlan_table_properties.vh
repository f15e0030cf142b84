// What is proven of the VLAN table: it holds what was written to it, as the register map says, and answers with that.
//
// Entries are kept here a second time, each with its ports side by side, and looked up one after the other.

    reg f_started = 1'b0;
    reg [11:0] f_vid[0:ENTRIES-1];
    reg [PORTS-1:0] f_members[0:ENTRIES-1];
    reg [PORTS-1:0] f_untagged[0:ENTRIES-1];
    wire [15:0] f_write_at = {write_address, 2'b00} - `REG_VLAN_BASE;   // wraps below the table to far above it
    wire [15:0] f_read_at = {read_address, 2'b00} - `REG_VLAN_BASE;
    localparam [15:0] F_END = ENTRIES << `REG_VLAN_STRIDE_LOG2;
    wire [15:0] f_write_entry = f_write_at >> `REG_VLAN_STRIDE_LOG2;
    wire [15:0] f_read_entry = f_read_at >> `REG_VLAN_STRIDE_LOG2;
    wire [3:0] f_write_word = f_write_at;
    wire [3:0] f_read_word = f_read_at;
    reg f_has_read = 1'b0;
    reg [31:0] f_read;
    reg f_was_reset = 1'b0;
    reg f_is_written = 1'b0;

    integer f_i;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= reset;
        if (reset) begin
            f_is_written <= 1'b0;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                {f_vid[f_i], f_members[f_i], f_untagged[f_i]} <= 0;
        end else if (write_valid && f_write_at < F_END && f_write_word == `REG_VLAN_UNTAGGED) begin
            f_is_written <= 1'b1;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_write_entry) {f_vid[f_i], f_members[f_i], f_untagged[f_i]} <= {stage_vid, stage_members, write_data};
        end
        if (read_valid) begin
            f_has_read <= read_hit && f_started;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_read_entry) f_read <=
                    (f_read_word == `REG_VLAN_VID) ? f_vid[f_i] :
                    (f_read_word == `REG_VLAN_MEMBERS) ? f_members[f_i] : f_untagged[f_i];
        end
    end

    reg [PORTS-1:0] f_in, f_without;
    reg f_holds;
    always @* begin
        f_in = 0;
        f_without = 0;
        f_holds = 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (f_vid[f_i] == vlan && vlan != 0) begin
                f_in = f_in | f_members[f_i];
                f_without = f_without | f_untagged[f_i];
            end
            if (vid[f_i] != f_vid[f_i]) f_holds = 1'b0;
        end
    end
    // The same entries by port.
    genvar f_e, f_p;
    generate
        for (f_e = 0; f_e < ENTRIES; f_e = f_e + 1) begin : g_f_entry
            for (f_p = 0; f_p < PORTS; f_p = f_p + 1) begin : g_f_port
`ifdef INDUCTION
                always @* if (f_started) assert (
                    members_of[f_p][f_e] == f_members[f_e][f_p] && untagged_of[f_p][f_e] == f_untagged[f_e][f_p]);
`endif
            end
        end
    endgenerate

    always @* begin
        if (!f_started) assume (reset);
        written_where_the_map_says: assert (write_hit == (f_write_at < F_END && f_write_word != 4'hC));
        read_where_the_map_says: assert (read_hit == (f_read_at < F_END && f_read_word != 4'hC));
        if (f_started) begin
            members_are_those_of_the_vlan: assert (members == f_in);
            untagged_are_those_of_the_vlan: assert (untagged == f_without);
            if (f_was_reset) empty_after_a_reset: assert (members == 0 && untagged == 0);
            if (f_has_read) reads_what_was_written: assert (read_data == f_read);
`ifdef INDUCTION
            assert (f_holds);
`endif
            last_entry_answers: cover (f_vid[ENTRIES-1] == vlan && members != 0 && untagged != members);
            written_as_it_is_read: cover (write_valid && write_hit && read_valid && f_read_at + 8 == f_write_at && f_is_written);
            reads_members: cover (f_has_read && f_is_written && read_data != 0);
            empty_again: cover (f_was_reset && f_has_read && read_data != 0);
        end
    end
