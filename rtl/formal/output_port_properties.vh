// A search, to a bounded depth, for a case in which the blocks of an output port do not give each other what their proofs
// ask for. Here those conditions are asserted; what is assumed is the bus's side of the port alone.

    reg f_started = 1'b0;
    reg [COUNT_W-1:0] f_left;        // words of the frame on the bus that are still to come
    reg [QUEUE_I_W-1:0] f_queue;
    reg [COUNT_W-1:0] f_words;
    reg [LENGTH_W-1:0] f_length;
    reg [LENGTH_W-1:0] f_before;     // its bytes in the words before
    localparam F_WORD_BYTES = BUS_W / 8;

    wire [1:0] f_add = write_tagged ? write_add : `TAG_NONE;
    wire [LENGTH_W-1:0] f_tag_bytes =
        (write_strip == `TAG_C) ? 4 : (write_strip == `TAG_VN) ? 6 : (write_strip == `TAG_E) ? 8 : 0;
    wire [LENGTH_W-1:0] f_length_now = write_first ? write_length : f_length;
    reg f_ends_clean;
    integer f_i;
    always @* begin
        f_ends_clean = 1'b1;
        for (f_i = 0; f_i < F_WORD_BYTES; f_i = f_i + 1)
            if ((write_first ? 0 : f_before) + f_i >= f_length_now && write_word[f_i*8+:8] != 0) f_ends_clean = 1'b0;
    end

    always @(posedge clk) begin
        f_started <= 1'b1;
        if (reset) begin
            f_left <= 0;
        end else if (write && write_first) begin
            f_left <= write_words - 1'b1;
            f_queue <= write_queue;
            f_length <= write_length;
            f_before <= F_WORD_BYTES;
        end else if (f_left != 0) begin
            f_left <= f_left - 1'b1;
            f_before <= f_before + F_WORD_BYTES;
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (write && write_first) begin
                assume (f_left == 0 && room);
                assume (write_length >= 14 + f_tag_bytes && write_length <= {LENGTH_W{1'b1}} - 8);
                assume (write_words == (write_length + F_WORD_BYTES - 1) / F_WORD_BYTES);
                assume (write_strip == `TAG_NONE || f_add == `TAG_NONE || (write_strip == `TAG_C && f_add == `TAG_C));
            end else begin
                assume (write == (f_left != 0));
                if (write) assume (write_queue == f_queue);
            end
            if (write) assume (f_ends_clean);
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        beat_leaves: cover (m_tvalid && m_tready);
        copy_leaves: cover (m_tvalid && m_tready && m_tlast);
        frame_waits_for_room: cover (!room && !write);
    end
