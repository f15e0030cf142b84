// What is proven of the list table: it holds what was written to it, as the register map says, and a tag names the
// stations of the list or of the number that it carries, as the table stands in LOOK.
//
// Entries are kept here a second time, each with its ports side by side, as they are, as they were a cycle before and two
// cycles before. The tag is read as 802.1BR and the VN-Tag have it, in words of 16 bits from its type on.

    reg f_started = 1'b0;
    reg [21:0] f_key[0:ENTRIES-1], f_key_before[0:ENTRIES-1];
    reg [PORTS-1:1] f_stations[0:ENTRIES-1], f_stations_before[0:ENTRIES-1], f_stations_first[0:ENTRIES-1];
    wire [15:0] f_write_at = {write_address, 2'b00} - `REG_LIST_BASE;   // wraps below the table to far above it
    wire [15:0] f_read_at = {read_address, 2'b00} - `REG_LIST_BASE;
    localparam [15:0] F_END = ENTRIES << `REG_LIST_STRIDE_LOG2;
    wire [15:0] f_write_entry = f_write_at >> `REG_LIST_STRIDE_LOG2;
    wire [15:0] f_read_entry = f_read_at >> `REG_LIST_STRIDE_LOG2;
    wire [2:0] f_write_word = f_write_at;
    wire [2:0] f_read_word = f_read_at;
    wire f_commits = write_valid && f_write_at < F_END && f_write_word == `REG_LIST_STATIONS;
    reg f_has_read = 1'b0;
    reg f_reads_key;
    reg [31:0] f_read;
    reg [2:0] f_was_reset = 3'b000;            // one, two, three cycles before
    reg [47:0] f_outer;                        // of the cycle before, LOOK
    reg f_vn;

    integer f_i;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= {f_was_reset[1:0], reset};
        f_outer <= outer;
        f_vn <= mode == `MODE_VN_TAG;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (reset) {f_key[f_i], f_stations[f_i]} <= 0;
            else if (f_commits && f_i == f_write_entry) {f_key[f_i], f_stations[f_i]} <= {stage_key, write_data};
            {f_key_before[f_i], f_stations_before[f_i]} <= reset ? 0 : {f_key[f_i], f_stations[f_i]};
            f_stations_first[f_i] <= reset ? 0 : f_stations_before[f_i];
        end
        if (read_valid) begin
            f_has_read <= read_hit && f_started;
            f_reads_key <= f_read_word == `REG_LIST_KEY;
            for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1)
                if (f_i == f_read_entry) f_read <=
                    (f_read_word == `REG_LIST_KEY) ? f_key[f_i] : {f_stations[f_i], 1'b0};
        end
    end

    wire [15:0] f_first, f_second, f_third;
    assign {f_first, f_second, f_third} = f_outer;
    // Of a VN-Tag: a list or a station's VIF, and the VIF of a frame that comes back.
    wire [19:0] f_vn_target = f_first % 16'h4000;
    wire [19:0] f_vn_source = f_second % 16'h1000;
    // Of an E-TAG: GRP and E-CID, with the eight bits of its extension on top.
    wire [1:0] f_group = f_second >> 12;
    wire [19:0] f_e_target = {f_third, 12'd0} | (f_second % 16'h1000);
    wire [19:0] f_e_source = ({f_third, 12'd0} >> 8) & 20'hFF000 | (f_first % 16'h1000);

    wire f_by_list = f_vn ? f_first[14] : f_group != 0;
    wire [19:0] f_target = f_vn ? f_vn_target : f_e_target;
    wire [19:0] f_source = !f_vn ? f_e_source : f_second[15] ? f_vn_source : 0;
    reg [PORTS-1:0] f_now_named, f_now_from, f_next_named, f_next_from, f_named, f_from, f_hit_named;
    reg [1:0] f_was_by_list, f_was_vn;
    reg [19:0] f_was_target;
    reg f_holds;
    integer f_p;
    always @* begin
        {f_now_named, f_now_from, f_hit_named} = 0;
        f_holds = 1'b1;
        for (f_i = 0; f_i < ENTRIES; f_i = f_i + 1) begin
            if (f_by_list && f_key_before[f_i] == (f_vn ? f_target : {f_group, f_target}))
                f_now_named = f_now_named | {f_stations_before[f_i], 1'b0};
            if (hit[f_i]) f_hit_named = f_hit_named | {f_stations_first[f_i], 1'b0};
            if (key[f_i] != f_key_before[f_i]) f_holds = 1'b0;
            if (is_written[f_i] && entry[f_i] != {f_key[f_i], f_stations[f_i]}) f_holds = 1'b0;
            if (!is_written[f_i] && {f_key[f_i], f_stations[f_i]} != 0) f_holds = 1'b0;
        end
        for (f_p = 1; f_p < PORTS; f_p = f_p + 1) begin
            if (!f_by_list && f_target != 0 && f_target == (f_vn ? vif[12*f_p+:12] : ecid[20*f_p+:20])) f_now_named[f_p] = 1'b1;
            if (f_source != 0 && f_source == (f_vn ? vif[12*f_p+:12] : ecid[20*f_p+:20])) f_now_from[f_p] = 1'b1;
        end
    end
    always @(posedge clk) begin
        {f_named, f_next_named} <= {f_next_named, f_now_named};
        {f_from, f_next_from} <= {f_next_from, f_now_from};
        f_was_by_list <= {f_was_by_list[0], f_by_list};
        f_was_vn <= {f_was_vn[0], f_vn};
        f_was_target <= f_target;
    end
    // The same entries by port, and what is on its way to them.
    genvar f_e, f_g;
    generate
        for (f_e = 0; f_e < ENTRIES; f_e = f_e + 1) begin : g_f_entry
`ifdef INDUCTION
            for (f_g = 1; f_g < PORTS; f_g = f_g + 1) begin : g_f_port
                always @* if (f_started) assert (listed[f_g][f_e] == f_stations_first[f_e][f_g]);
            end
            always @* if (f_started) assert (
                {f_key[f_e], f_stations[f_e]} == ((commits_later && later_index == f_e) ?
                {later_key, later_stations} : {f_key_before[f_e], f_stations_before[f_e]}));
            always @* if (f_started) assert (
                f_stations_before[f_e] == ((commits_last && last_index == f_e) ? last_stations : f_stations_first[f_e]));
`endif
        end
    endgenerate

    always @* begin
        if (!f_started) assume (reset);
        written_where_the_map_says: assert (write_hit == (f_write_at < F_END));
        read_where_the_map_says: assert (read_hit == (f_read_at < F_END));
        if (f_started) begin
            // A lookup whose cycles have no reset among them.
            if (f_was_reset == 0) begin
                stations_that_the_tag_names: assert (targets == f_named);
                station_that_sent_it: assert (pruned == f_from);
            end
            if (f_has_read) reads_what_was_written: assert (read_data == f_read);
`ifdef INDUCTION
            assert (f_holds);
`endif
            list_of_a_group: cover (f_was_reset == 0 && !f_was_vn[1] && f_was_by_list[1] && targets == 6);
            list_of_vifs: cover (f_was_reset == 0 && f_was_vn[1] && f_was_by_list[1] && targets[2] && pruned[2]);
            one_station: cover (f_was_reset == 0 && !f_was_by_list[1] && targets == 4 && pruned == 2);
            reads_stations: cover (f_has_read && !f_reads_key && read_data == 6);
        end
    end
