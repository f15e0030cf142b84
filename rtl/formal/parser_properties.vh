// What is proven of the parser: each field is that of the header it was given two cycles before, in the mode and the VLANs
// of the cycle between.
//
// Here the outer tag is cut out of the header, by as many bytes as it has, and the rest is read as a frame without one.

    reg [1:0] f_given = 2'b00;            // a header was given the cycle before, and two cycles before, without a reset since
    reg f_started = 1'b0;
    reg [HEADER_W-1:0] f_look_header, f_header;
    reg [INFO_W-1:0] f_look_info, f_info;
    reg [1:0] f_mode;
    reg [11:0] f_port_vlan;
    reg f_has_pools;
    wire [PORT_I_W-1:0] f_from = in_info[INFO_W-1-:PORT_I_W];
    wire [PORT_I_W-1:0] f_look_from = f_look_info[INFO_W-1-:PORT_I_W];

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_given <= reset ? 2'b00 : {f_given[0], in_valid};
        {f_header, f_look_header} <= {f_look_header, in_header};
        {f_info, f_look_info} <= {f_look_info, in_info};
        f_mode <= mode;
        f_has_pools <= has_pools;
        f_port_vlan <= port_vlan >> (12 * f_look_from);
    end

    // Bytes of a header, the first one in the highest place, as tags are written.
    wire [HEADER_W-1:0] f_bytes, f_look_bytes;
    genvar f_i;
    generate
        for (f_i = 0; f_i < HEADER_W / 8; f_i = f_i + 1) begin : g_f_bytes
            assign f_bytes[HEADER_W-1-8*f_i-:8] = f_header[8*f_i+:8];
            assign f_look_bytes[HEADER_W-1-8*f_i-:8] = f_look_header[8*f_i+:8];
        end
    endgenerate
    wire [47:0] f_destination = f_bytes[HEADER_W-1-:48];
    wire [47:0] f_source = f_bytes[HEADER_W-49-:48];
    wire [HEADER_W-97:0] f_rest = f_bytes[HEADER_W-97:0];   // after the addresses
    wire [15:0] f_first_type = f_rest[HEADER_W-97-:16];
    wire f_from_uplink = f_info[INFO_W-1-:PORT_I_W] == 0;
    wire f_knows_pools = POOL_FILTERS != 0 && f_has_pools && f_mode == `MODE_VEB;
    wire [3:0] f_outer_bytes =
        !f_from_uplink ? 4'd0 :
        (f_mode == `MODE_VN_TAG && f_first_type == `TYPE_VN_TAG) ? 4'd6 :
        (f_mode == `MODE_E_TAG && f_first_type == `TYPE_E_TAG) ? 4'd8 : 4'd0;
    wire [HEADER_W-97:0] f_inner = f_rest << (8 * f_outer_bytes);
    wire f_has_c_tag = f_inner[HEADER_W-97-:16] == `TYPE_C_TAG;
    wire [15:0] f_tci = f_inner[HEADER_W-113-:16];
    wire [3:0] f_tag_bytes = f_outer_bytes + (f_has_c_tag ? 4'd4 : 4'd0);
    wire [HEADER_W-97:0] f_bare = f_rest << (8 * f_tag_bytes);
    wire [15:0] f_type = f_bare[HEADER_W-97-:16];
    wire [47:0] f_outer = f_rest[HEADER_W-113-:48];

    always @* begin
        assume (f_from < PORTS);
        if (!f_started) assume (reset);
        if (f_started) valid_two_cycles_later: assert (valid == f_given[1]);
        if (f_given[0]) begin
            addresses_are_the_frames: assert ({look_destination, look_source} == f_look_bytes[HEADER_W-1-:96]);
            outer_tag_is_the_frames: assert (look_outer == f_look_bytes[HEADER_W-113-:48]);
        end
        if (f_given[1]) begin
            info_is_handed_on: assert (info == f_info && frame_mode == f_mode && frame_has_pools == f_knows_pools);
            kind_of_address_is_the_frames: assert (
                is_group == f_destination[40] && is_broadcast == &f_destination &&
                is_link_local == (f_destination >> 4 == 48'h0180C2000000 >> 4));
            kind_of_source_is_the_frames: assert (
                has_group_source == f_source[40] && has_bad_source == (f_source == 0 || f_source[40]));
            tags_are_counted: assert (n_tag_bytes == f_tag_bytes);
            whole_with_all_tags_and_a_type: assert (is_complete == (f_info[LENGTH_W-1:0] >= 14 + f_tag_bytes));
            outer_tag_is_the_modes: assert (has_outer == (f_outer_bytes != 0));
            if (has_outer) outer_fields_are_the_frames: assert (
                outer_start == f_outer[47:44] && outer_version == f_outer[29:28]);
            c_tag_follows_the_outer: assert (has_c_tag == f_has_c_tag);
            if (has_c_tag) priority_is_the_tags: assert (c_tci_start == f_tci[15:12]);
            type_follows_the_tags: assert (is_control == (f_type == `TYPE_MAC_CONTROL));
            if (!f_from_uplink) tag_follows_the_tags: assert (
                begins_with_tag == (f_type == `TYPE_S_TAG || f_type == `TYPE_VN_TAG || f_type == `TYPE_E_TAG));
            tagged_by_a_vlan: assert (is_tagged == (f_has_c_tag && f_tci[11:0] != 0));
            vlan_is_the_tags_or_the_ports: assert (
                vlan == (is_tagged ? f_tci[11:0] : (f_knows_pools && f_from_uplink) ? 12'd0 : f_port_vlan));

            whole_frame_with_an_e_tag_and_a_c_tag: cover (valid && n_tag_bytes == 12 && is_complete);
            cut_frame_with_a_vn_tag: cover (valid && n_tag_bytes == 6 && !is_complete);
            control_frame_behind_both_tags: cover (n_tag_bytes == 10 && is_control);
            tag_of_a_station_that_names_no_vlan: cover (has_c_tag && !is_tagged && !f_from_uplink);
            tag_of_another_mode: cover (!has_outer && f_type == `TYPE_E_TAG && f_from_uplink);
            one_frame_after_another: cover (f_given[0] && f_header != f_look_header && f_mode != mode);
        end
    end
