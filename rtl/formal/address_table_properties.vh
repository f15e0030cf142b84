// What is proven of the address table: it holds what was written to it, as the register map says, and answers with that.
//
// Entries are kept here a second time, each with its ports side by side, and looked up one after the other.

    reg f_started = 1'b0;
    reg [59:0] f_key[0:ENTRIES-1];             // VLAN over address
    reg [PORTS-1:0] f_owners[0:ENTRIES-1];
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
    reg f_was_reset = 1'b0;
    reg f_looks_up = 1'b0;                     // the addresses were given, and no entry has changed since
    reg f_was_written;
    reg [47:0] f_destination, f_source;

    integer f_i;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= reset;
        f_was_written <= f_commits;
        if (reset) begin
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) {f_key[f_i], f_owners[f_i]} <= 0;
        end else if (f_commits) begin
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_write_entry) {f_key[f_i], f_owners[f_i]} <= {stage_key, write_data};
        end
        if (reset || next_valid || f_commits) f_looks_up <= !reset && next_valid;
        if (next_valid) {f_destination, f_source} <= {next_destination, next_source};
        if (read_valid) begin
            f_has_read <= read_hit && f_started;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_read_entry) f_read <=
                    (f_read_word == `REG_ADDRESS_MAC_LOW) ? f_key[f_i][31:0] :
                    (f_read_word == `REG_ADDRESS_MAC_HIGH) ? f_key[f_i][59:32] : f_owners[f_i];
        end
    end

    // By every entry whose address and VLAN match.
    reg [PORTS-1:0] f_of_destination, f_of_source, f_own;
    reg f_holds;
    always @* begin
        {f_of_destination, f_of_source, f_own} = 0;
        f_holds = 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (f_key[f_i] == {vlan, f_destination} || f_key[f_i] == {12'd0, f_destination})
                f_of_destination = f_of_destination | f_owners[f_i];
            if (f_key[f_i] == {vlan, f_source}) f_of_source = f_of_source | f_owners[f_i];
            if (f_key[f_i] == {12'd0, f_source}) f_own = f_own | f_owners[f_i];
            if ({vid[f_i], mac[f_i]} != f_key[f_i] || is_general[f_i] != (f_key[f_i][59:48] == 0)) f_holds = 1'b0;
            if (f_looks_up && is_destination[f_i] != (f_key[f_i][47:0] == f_destination)) f_holds = 1'b0;
            if (f_looks_up && is_source[f_i] != (f_key[f_i][47:0] == f_source)) f_holds = 1'b0;
        end
    end
    // The same entries by port.
    genvar f_e, f_p;
    generate
        for (f_e = 0; f_e < ENTRIES; f_e = f_e + 1) begin : g_f_entry
            for (f_p = 0; f_p < PORTS; f_p = f_p + 1) begin : g_f_port
`ifdef INDUCTION
                always @* if (f_started) assert (owned_by[f_p][f_e] == f_owners[f_e][f_p]);
`endif
            end
        end
    endgenerate

    always @* begin
        if (!f_started) assume (reset);
        written_where_the_map_says: assert (write_hit == (f_write_at < F_END && f_write_word != 4'hC));
        read_where_the_map_says: assert (read_hit == (f_read_at < F_END && f_read_word != 4'hC));
        if (f_started) begin
            if (f_looks_up) begin
                owners_of_the_destination: assert (destination_owners == f_of_destination);
                owners_of_the_source: assert (source_owners == (f_of_source | f_own));
                own_in_every_vlan: assert (source_own == f_own);
            end
            if (f_was_reset) empty_after_a_reset: assert (destination_owners == 0 && source_owners == 0 && source_own == 0);
            if (f_has_read) reads_what_was_written: assert (read_data == f_read);
`ifdef INDUCTION
            assert (f_holds);
`endif
            written_as_it_is_compared: cover (f_looks_up && f_was_written && f_own != 0 && f_of_destination != 0);
            only_in_one_vlan: cover (f_looks_up && f_of_source != 0 && f_own == 0);
            entries_add_up: cover (f_looks_up && f_own != 0 && f_of_source != 0 && f_own != f_of_source && vlan != 0);
            reads_an_address: cover (f_has_read && read_data[27:16] != 0);
        end
    end
