// What is proven of the address table: it holds what was written to it, as the register map says, and answers with that, as
// it stands in LOOK.
//
// Entries are kept here a second time, each with its ports side by side, as they are, as they were a cycle before and two
// cycles before; in these, a lookup looks for one entry after the other.

    reg f_started = 1'b0;
    reg [59:0] f_key[0:ENTRIES-1], f_key_before[0:ENTRIES-1];             // VLAN over address
    reg [PORTS-1:0] f_owners[0:ENTRIES-1], f_owners_before[0:ENTRIES-1], f_owners_first[0:ENTRIES-1];
    wire [15:0] f_write_at = {write_address, 2'b00} - `REG_ADDRESS_BASE;   // wraps below the table to far above it
    wire [15:0] f_read_at = {read_address, 2'b00} - `REG_ADDRESS_BASE;
    localparam [15:0] F_END = ENTRIES << `REG_ADDRESS_STRIDE_LOG2;
    wire [15:0] f_write_entry = f_write_at >> `REG_ADDRESS_STRIDE_LOG2;
    wire [15:0] f_read_entry = f_read_at >> `REG_ADDRESS_STRIDE_LOG2;
    wire [3:0] f_write_word = f_write_at;
    wire [3:0] f_read_word = f_read_at;
    wire f_commits = write_valid && f_write_at < F_END && f_write_word == `REG_ADDRESS_OWNERS;
    reg f_has_read = 1'b0;
    reg [31:0] f_read;
    reg [2:0] f_was_reset = 3'b000;            // one, two, three cycles before
    reg [2:0] f_was_written;
    reg [47:0] f_destination, f_source;        // of the cycle before

    integer f_i;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= {f_was_reset[1:0], reset};
        f_was_written <= {f_was_written[1:0], f_commits};
        {f_destination, f_source} <= {destination, source};
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (reset) {f_key[f_i], f_owners[f_i]} <= 0;
            else if (f_commits && f_i == f_write_entry) {f_key[f_i], f_owners[f_i]} <= {stage_key, write_data};
            {f_key_before[f_i], f_owners_before[f_i]} <= reset ? 0 : {f_key[f_i], f_owners[f_i]};
            f_owners_first[f_i] <= reset ? 0 : f_owners_before[f_i];
        end
        if (read_valid) begin
            f_has_read <= read_hit && f_started;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_read_entry) f_read <=
                    (f_read_word == `REG_ADDRESS_MAC_LOW) ? f_key[f_i][31:0] :
                    (f_read_word == `REG_ADDRESS_MAC_HIGH) ? f_key[f_i][59:32] : f_owners[f_i];
        end
    end

    // By every entry whose address and VLAN match, as it was in LOOK, the cycle before the one in which the VLAN is given;
    // and the answers that stand in the pipeline, by entries found.
    reg [PORTS-1:0] f_now_destination, f_now_source, f_now_own, f_next_destination, f_next_source, f_next_own;
    reg [PORTS-1:0] f_of_destination, f_of_source, f_own, f_hit_destination, f_hit_source, f_hit_own;
    reg f_holds, f_compared;
    always @* begin
        {f_now_destination, f_now_source, f_now_own, f_hit_destination, f_hit_source, f_hit_own} = 0;
        f_holds = 1'b1;
        f_compared = 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (f_key_before[f_i] == {vlan, f_destination} || f_key_before[f_i] == {12'd0, f_destination})
                f_now_destination = f_now_destination | f_owners_before[f_i];
            if (f_key_before[f_i] == {vlan, f_source}) f_now_source = f_now_source | f_owners_before[f_i];
            if (f_key_before[f_i] == {12'd0, f_source}) f_now_own = f_now_own | f_owners_before[f_i];
            if (destination_hit[f_i]) f_hit_destination = f_hit_destination | f_owners_first[f_i];
            if (source_hit[f_i]) f_hit_source = f_hit_source | f_owners_first[f_i];
            if (own_hit[f_i]) f_hit_own = f_hit_own | f_owners_first[f_i];
            if (mac[f_i] != f_key[f_i][47:0] || vid[f_i] != f_key_before[f_i][59:48]) f_holds = 1'b0;
            if (is_general[f_i] != (f_key_before[f_i][59:48] == 0)) f_holds = 1'b0;
            if (is_written[f_i] && entry[f_i] != {f_key[f_i], f_owners[f_i]}) f_holds = 1'b0;
            if (!is_written[f_i] && {f_key[f_i], f_owners[f_i]} != 0) f_holds = 1'b0;
            if ((is_destination_high[f_i] && is_destination_low[f_i]) != (f_key_before[f_i][47:0] == f_destination))
                f_compared = 1'b0;
            if ((is_source_high[f_i] && is_source_low[f_i]) != (f_key_before[f_i][47:0] == f_source))
                f_compared = 1'b0;
        end
    end
    always @(posedge clk) begin
        {f_of_destination, f_next_destination} <= {f_next_destination, f_now_destination};
        {f_of_source, f_next_source} <= {f_next_source, f_now_source | f_now_own};
        {f_own, f_next_own} <= {f_next_own, f_now_own};
    end
    // The same entries by port, and what is on its way to them.
    genvar f_e, f_p;
    generate
        for (f_e = 0; f_e < ENTRIES; f_e = f_e + 1) begin : g_f_entry
`ifdef INDUCTION
            for (f_p = 0; f_p < PORTS; f_p = f_p + 1) begin : g_f_port
                always @* if (f_started) assert (owned_by[f_p][f_e] == f_owners_first[f_e][f_p]);
            end
            always @* if (f_started) assert (
                {f_key[f_e][59:48], f_owners[f_e]} == ((commits_later && later_index == f_e) ?
                {later_vid, later_owners} : {f_key_before[f_e][59:48], f_owners_before[f_e]}));
            always @* if (f_started) assert (
                f_owners_before[f_e] == ((commits_last && last_index == f_e) ? last_owners : f_owners_first[f_e]));
`endif
        end
    endgenerate

    always @* begin
        if (!f_started) assume (reset);
        written_where_the_map_says: assert (write_hit == (f_write_at < F_END && f_write_word != 4'hC));
        read_where_the_map_says: assert (read_hit == (f_read_at < F_END && f_read_word != 4'hC));
        if (f_started) begin
            // A lookup whose cycles have no reset among them.
            if (f_was_reset == 0) begin
                owners_of_the_destination: assert (destination_owners == f_of_destination);
                owners_of_the_source: assert (source_owners == f_of_source);
                own_in_every_vlan: assert (source_own == f_own);
            end
            if (f_has_read) reads_what_was_written: assert (read_data == f_read);
`ifdef INDUCTION
            assert (f_holds);
            if (!f_was_reset[0]) assert (f_compared);
            if (!f_was_reset[1:0]) assert (
                f_hit_destination == f_next_destination && f_hit_source == f_next_source && f_hit_own == f_next_own);
`endif
            written_as_it_is_looked_up: cover (f_was_reset == 0 && f_was_written == 3'b101 && f_own != 0 && f_of_destination != 0);
            only_in_one_vlan: cover (f_was_reset == 0 && f_of_source != 0 && f_own == 0);
            entries_add_up: cover (f_was_reset == 0 && f_own != 0 && f_of_source != f_own);
            reads_an_address: cover (f_has_read && read_data[27:16] != 0);
        end
    end
