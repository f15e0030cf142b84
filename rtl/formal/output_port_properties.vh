// A search, to a bounded depth, for a case in which the blocks of an output port do not give each other what their proofs
// ask for. Here those conditions are asserted; what is assumed is the bus's side of the port alone.

    (* anyseq *) reg [LENGTH_W-1:0] f_any_length;
    reg f_started = 1'b0;
    reg [COUNT_W-1:0] f_left;        // words of the frame accepted last that are still to come
    reg f_is_first;                  // all of them
    reg [QUEUE_I_W-1:0] f_queue;
    reg [LENGTH_W-1:0] f_length;
    reg [LENGTH_W-1:0] f_before;     // its bytes in the words before
    localparam F_WORD_BYTES = BUS_W / 8;

    wire [1:0] f_add = write_tagged ? write_add : `TAG_NONE;
    wire [LENGTH_W-1:0] f_tag_bytes =
        (write_strip == `TAG_C) ? 4 : (write_strip == `TAG_VN) ? 6 : (write_strip == `TAG_E) ? 8 : 0;
    reg f_ends_clean;
    integer f_i;
    always @* begin
        f_ends_clean = 1'b1;
        for (f_i = 0; f_i < F_WORD_BYTES; f_i = f_i + 1)
            if (f_before + f_i >= f_length && write_word[f_i*8+:8] != 0) f_ends_clean = 1'b0;
    end

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_is_first <= offer && room && !reset;
        if (reset) begin
            f_left <= 0;
        end else if (offer && room) begin
            f_left <= offer_words;
            f_queue <= offer_queue;
            f_length <= f_any_length;
            f_before <= 0;
        end else if (f_left != 0) begin
            f_left <= f_left - 1'b1;
            f_before <= f_before + F_WORD_BYTES;
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (offer) begin
                assume (f_left <= 1);
                assume (f_any_length >= 14 && f_any_length <= {LENGTH_W{1'b1}} - 8);
                assume (offer_words == (f_any_length + F_WORD_BYTES - 1) / F_WORD_BYTES);
            end
            assume (write == (f_left != 0));
            if (write) begin
                assume (write_queue == f_queue && write_first == f_is_first && f_ends_clean);
                if (write_first) begin
                    assume (write_length == f_length && write_last == f_length - 1'b1 && f_length >= 14 + f_tag_bytes);
                    assume (write_strip == `TAG_NONE || f_add == `TAG_NONE || (write_strip == `TAG_C && f_add == `TAG_C));
                end
            end
        end
    end

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        beat_leaves: cover (m_tvalid && m_tready);
        copy_leaves: cover (m_tvalid && m_tready && m_tlast);
        frame_has_no_room: cover (offer && !room);
    end
