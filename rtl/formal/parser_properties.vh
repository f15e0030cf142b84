// What is proven of the parser: each field is that of the header it was given, in the mode and the VLANs of that cycle.
//
// Here the outer tag is cut out of the header, by as many bytes as it has, and the rest is read as a frame without one.

    reg f_started = 1'b0;
    reg f_is_known = 1'b0;                // there was a header since the reset
    reg f_was_given;
    reg [HEADER_W-1:0] f_header;
    reg [INFO_W-1:0] f_info;
    reg [1:0] f_mode;
    reg [11:0] f_port_vlan;
    wire [PORT_I_W-1:0] f_from = in_info[INFO_W-1-:PORT_I_W];

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_given <= in_valid && !reset;
        if (reset) begin
            f_is_known <= 1'b0;
        end else if (in_valid) begin
            f_is_known <= 1'b1;
            f_header <= in_header;
            f_info <= in_info;
            f_mode <= mode;
            f_port_vlan <= port_vlan >> (12 * f_from);
        end
    end

    // Bytes of the header, the first one in the highest place, as tags are written.
    wire [HEADER_W-1:0] f_bytes;
    genvar f_i;
    generate
        for (f_i = 0; f_i < HEADER_W / 8; f_i = f_i + 1) begin : g_f_bytes
            assign f_bytes[HEADER_W-1-8*f_i-:8] = f_header[8*f_i+:8];
        end
    endgenerate
    wire [HEADER_W-97:0] f_rest = f_bytes[HEADER_W-97:0];   // after the addresses
    wire [15:0] f_first_type = f_rest[HEADER_W-97-:16];
    wire [3:0] f_outer_bytes =
        (f_info[INFO_W-1-:PORT_I_W] != 0) ? 4'd0 :
        (f_mode == `MODE_VN_TAG && f_first_type == `TYPE_VN_TAG) ? 4'd6 :
        (f_mode == `MODE_E_TAG && f_first_type == `TYPE_E_TAG) ? 4'd8 : 4'd0;
    wire [HEADER_W-97:0] f_inner = f_rest << (8 * f_outer_bytes);
    wire f_has_c_tag = f_inner[HEADER_W-97-:16] == `TYPE_C_TAG;
    wire [15:0] f_tci = f_inner[HEADER_W-113-:16];
    wire [3:0] f_tag_bytes = f_outer_bytes + (f_has_c_tag ? 4'd4 : 4'd0);
    wire [HEADER_W-97:0] f_bare = f_rest << (8 * f_tag_bytes);

    always @* begin
        assume (f_from < PORTS);
        if (!f_started) assume (reset);
        if (f_started) valid_in_the_next_cycle: assert (valid == f_was_given);
        if (f_started && f_is_known) begin
            info_is_handed_on: assert (info == f_info);
            addresses_are_the_frames: assert ({destination, source} == f_bytes[HEADER_W-1-:96]);
            tags_are_counted: assert (n_tag_bytes == f_tag_bytes);
            whole_with_all_tags_and_a_type: assert (is_complete == (f_info[LENGTH_W-1:0] >= 14 + f_tag_bytes));
            outer_tag_is_the_modes: assert (has_outer == (f_outer_bytes != 0));
            if (has_outer) outer_tag_is_the_frames: assert (outer == f_rest[HEADER_W-113-:48]);
            c_tag_follows_the_outer: assert (has_c_tag == f_has_c_tag);
            if (has_c_tag) priority_is_the_tags: assert (c_tci_start == f_tci[15:12]);
            type_follows_the_tags: assert (ethertype == f_bare[HEADER_W-97-:16]);
            tagged_by_a_vlan: assert (is_tagged == (f_has_c_tag && f_tci[11:0] != 0));
            vlan_is_the_tags_or_the_ports: assert (vlan == (is_tagged ? f_tci[11:0] : f_port_vlan));

            whole_frame_with_an_e_tag_and_a_c_tag: cover (valid && n_tag_bytes == 12 && is_complete);
            cut_frame_with_a_vn_tag: cover (valid && n_tag_bytes == 6 && !is_complete);
            tag_of_a_station_that_names_no_vlan: cover (has_c_tag && !is_tagged && info[INFO_W-1-:PORT_I_W] != 0);
            tag_of_another_mode: cover (!has_outer && ethertype == `TYPE_E_TAG && info[INFO_W-1-:PORT_I_W] == 0);
            stays_without_a_header: cover (!valid && is_tagged);
        end
    end
