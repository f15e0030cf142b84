// What is proven of tag_out: each copy leaves with as many beats as its length and tags demand, every byte in its place.
//
// `f_place` is any byte of the copy. Its value is known from the stored frame (f_byte) or from the tag that is added. The
// length of a frame that starts (f_new_*) is not given: it is any that fits what is, and what follows must fit it. A copy
// (f_*) begins with its first step, when the one before is gone but for its last beat.

`ifdef PROVES_TAG_OUT
`define TAG_OUT_IS_GIVEN assume
`else
`define TAG_OUT_IS_GIVEN assert
`endif

    localparam LENGTH_W = 6;           // frames of up to seven beats: from the fourth on, `step` knows no difference
    localparam [LENGTH_W-1:0] F_LONGEST = {LENGTH_W{1'b1}} - 8;
    (* anyconst *) reg [LENGTH_W-1:0] f_place;
    (* anyseq *) reg [LENGTH_W-1:0] f_any_length;
    reg f_started = 1'b0;
    reg f_in_frame;                    // a frame has started, and not all its steps are made
    reg [LENGTH_W-1:0] f_taken;        // its steps that are made, each with a beat
    reg [LENGTH_W-1:0] f_new_length;
    reg [1:0] f_new_strip, f_new_add;
    reg [`TAG_VALUE_W-1:0] f_new_value;
    reg [2:0] f_new_last_byte;
    reg [LENGTH_W-1:0] f_sent;         // beats of the copy that were accepted at the output
    reg [LENGTH_W-1:0] f_length, f_copy_length;
    reg [1:0] f_strip, f_add;
    reg [`TAG_VALUE_W-1:0] f_value;
    reg f_beat_waits;
    reg [PORT_W:0] f_beat;
    reg [7:0] f_byte;                  // the stored byte that leaves at f_place
    reg [PORT_W-1:0] f_last_taken;

    wire [LENGTH_W-1:0] f_copy_beats = (f_copy_length + 7) >> 3;
    wire [LENGTH_W-1:0] f_put = f_sent + m_tvalid;             // beats of the copy that were put out

    function [LENGTH_W-1:0] f_tag_bytes(input [1:0] tag);
        f_tag_bytes = (tag == `TAG_C) ? 4 : (tag == `TAG_VN) ? 6 : (tag == `TAG_E) ? 8 : 0;
    endfunction

    // Where the byte at a place of the copy stands in the stored frame.
    function [LENGTH_W-1:0] f_origin(input [LENGTH_W-1:0] at, input [1:0] off, input [1:0] on);
        f_origin = (at < 12 || (off == on)) ? at :
                   (on == `TAG_NONE) ? at + f_tag_bytes(off) :
                   at - f_tag_bytes(on);
    endfunction

    // Whether a byte of the copy is one of the tag's, and which: formats as in docs/forwarding.md.
    function f_is_tag(input [LENGTH_W-1:0] at, input [1:0] on);
        f_is_tag = on != `TAG_NONE && at >= 12 && at < 12 + f_tag_bytes(on);
    endfunction

    function [7:0] f_tag(input [LENGTH_W-1:0] at, input [1:0] on, input [23:0] is);
        case ({on, at[3:0]})
            {`TAG_C, 4'd12}: f_tag = 8'h81;
            {`TAG_C, 4'd13}: f_tag = 8'h00;
            {`TAG_C, 4'd14}: f_tag = is[15:8];
            {`TAG_C, 4'd15}: f_tag = is[7:0];
            {`TAG_VN, 4'd12}: f_tag = 8'h89;
            {`TAG_VN, 4'd13}: f_tag = 8'h26;
            {`TAG_VN, 4'd0}: f_tag = {4'h0, is[11:8]};        // the source VIF
            {`TAG_VN, 4'd1}: f_tag = is[7:0];
            {`TAG_E, 4'd12}: f_tag = 8'h89;
            {`TAG_E, 4'd13}: f_tag = 8'h3F;
            {`TAG_E, 4'd14}: f_tag = {is[23:20], 4'h0};       // PCP, DEI, ingress E-CID base 0
            {`TAG_E, 4'd0}: f_tag = {4'h0, is[11:8]};         // group 0, E-CID base
            {`TAG_E, 4'd1}: f_tag = is[7:0];
            {`TAG_E, 4'd3}: f_tag = is[19:12];                // E-CID extension
            default: f_tag = 8'h00;
        endcase
    endfunction

    // Beats of the copy of a frame, and one for the first step where a tag comes off.
    function [LENGTH_W-1:0] f_steps(input [LENGTH_W-1:0] bytes, input [1:0] off, input [1:0] on);
        f_steps = ((bytes + f_tag_bytes(on) - f_tag_bytes(off) + 7) >> 3) + (f_tag_bytes(off) > f_tag_bytes(on));
    endfunction
    wire [LENGTH_W-1:0] f_new_steps = f_steps(f_new_length, f_new_strip, f_new_add);

    wire [LENGTH_W-1:0] f_from = f_origin(f_place, f_new_strip, f_new_add);
    wire [LENGTH_W-1:0] f_from_now = f_origin(f_place, f_strip, f_add);
    wire [7:0] f_expected =
        (f_place >= f_copy_length) ? 8'h00 : f_is_tag(f_place, f_add) ? f_tag(f_place, f_add, f_value) : f_byte;

`ifdef PROVES_TAG_OUT
    // The rules of AXI4-Stream as in each simulation.
    axi_stream_checker protocol (
        .clk(clk),
        .reset(reset),
        .tdata(m_tdata),
        .tkeep(m_tkeep),
        .tvalid(m_tvalid),
        .tready(m_tready),
        .tlast(m_tlast),
        .tuser(1'b0)
    );
`endif

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_beat_waits <= beat_valid && !take && !reset;
        f_beat <= {beat_last, beat};
        if (reset) begin
            f_in_frame <= 1'b0;
            f_sent <= 0;
            f_copy_length <= 0;
        end else begin
            if (m_tvalid && m_tready) f_sent <= f_sent + 1'b1;
            if (take) begin
                f_taken <= f_taken + 1'b1;
                if (beat_last) f_in_frame <= 1'b0;
                f_last_taken <= beat;
                if (f_taken == f_from >> 3) f_byte <= beat[f_from[2:0]*8+:8];
                if (f_taken == 0) begin
                    f_sent <= 0;
                    {f_length, f_strip, f_add, f_value} <= {f_new_length, f_new_strip, f_new_add, f_new_value};
                    f_copy_length <= f_new_length + f_tag_bytes(f_new_add) - f_tag_bytes(f_new_strip);
                end
            end
            if (starts) begin
                f_in_frame <= 1'b1;
                f_taken <= 0;
                {f_new_length, f_new_strip, f_new_add, f_new_value} <= {f_any_length, strip, add, value};
                f_new_last_byte <= last_byte;
            end
        end
    end

    // Whether the bytes of a beat after one of them are 0.
    function f_is_clean(input [PORT_W-1:0] bytes, input [2:0] after);
        f_is_clean = bytes >> 8 >> 8 * after == 0;
    endfunction
    // The length that what was given fits, modulo 8: whether it needs a step after its last beat.
    wire [LENGTH_W-1:0] f_some_length = 32 + f_new_last_byte + 1;
    wire f_rests = f_steps(f_some_length, f_new_strip, f_new_add) > ((f_some_length + 7) >> 3);
    wire [LENGTH_W-1:0] f_length_now = (f_taken - f_rests) * 8 + f_new_last_byte + 1;

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset) begin
            if (starts) begin
                one_tag_changes: `TAG_OUT_IS_GIVEN (
                    strip == `TAG_NONE || add == `TAG_NONE || (strip == `TAG_C && add == `TAG_C));
                starts_after_the_last_step: `TAG_OUT_IS_GIVEN (!f_in_frame || (take && beat_last));
            end
            if (beat_valid) beats_of_a_frame_only: `TAG_OUT_IS_GIVEN (f_in_frame);
            if (f_beat_waits) beat_stays: `TAG_OUT_IS_GIVEN (beat_valid && {beat_last, beat} == f_beat);
`ifdef PROVES_TAG_OUT
            if (starts) assume (
                f_any_length >= 14 + f_tag_bytes(strip) && f_any_length <= F_LONGEST && last_byte == f_any_length[2:0] - 1'b1);
            if (beat_valid) begin
                assume (beat_last == (f_taken + 1'b1 == f_new_steps));
                if (f_taken * 8 >= f_new_length) assume (beat == 0);
                else if (f_taken == (f_new_length - 1'b1) >> 3) assume (f_is_clean(beat, f_new_last_byte));
            end
`else
            if (beat_valid && beat_last) begin
                end_is_clean: assert (
                    f_rests ? beat == 0 && f_is_clean(f_last_taken, f_new_last_byte) : f_is_clean(beat, f_new_last_byte));
                frame_is_whole: assert (f_length_now >= 14 + f_tag_bytes(f_new_strip));
            end
`endif
        end

`ifdef PROVES_TAG_OUT
        if (f_started && !reset) begin
            takes_what_is_there: assert (!take || beat_valid);
            // A new frame's first beat is taken when the last one of the copy before is accepted, or later.
            if (take && f_taken == 0) copy_is_whole_before_the_next:
                assert (f_sent + (m_tvalid && m_tready) == f_copy_beats);
            if (m_tvalid) begin
                no_beat_too_many: assert (f_sent < f_copy_beats);
                last_beat_is_marked: assert (m_tlast == (f_sent + 1'b1 == f_copy_beats));
                keep_is_full_but_at_the_end: assert (
                    m_tkeep == (m_tlast && f_copy_length[2:0] != 0 ? ~(8'hFF << f_copy_length[2:0]) : 8'hFF));
                if (f_place >> 3 == f_sent) byte_is_in_its_place:
                    assert (m_tdata[f_place[2:0]*8+:8] == f_expected);
            end
            // It goes on whenever it can: a beat is taken in each cycle in which the output is free.
            if (beat_valid && (!m_tvalid || m_tready)) never_idles: assert (take);

`ifdef INDUCTION
            if (f_copy_length != 0) begin
                assert (f_strip == `TAG_NONE || f_add == `TAG_NONE || (f_strip == `TAG_C && f_add == `TAG_C));
                assert (f_length <= F_LONGEST && f_length >= 14 + f_tag_bytes(f_strip));
                assert (f_copy_length == f_length + f_tag_bytes(f_add) - f_tag_bytes(f_strip));
            end
            assert (f_put <= f_copy_beats);
            if (f_in_frame) begin
                assert (f_new_strip == `TAG_NONE || f_new_add == `TAG_NONE || (f_new_strip == `TAG_C && f_new_add == `TAG_C));
                assert (f_new_length <= F_LONGEST && f_new_length >= 14 + f_tag_bytes(f_new_strip));
                assert (f_new_last_byte == f_new_length[2:0] - 3'd1 && f_taken < f_new_steps);
                assert (step == (f_taken < 3 ? f_taken : 3));
                assert (changes == (f_new_strip != 0 || f_new_add != 0));
                assert (removes == (f_new_strip != 0 && f_new_add == 0));
                if (changes) assert (tag == (removes ? f_new_strip : f_new_add));
                assert (says == f_new_value);
                assert (last_keep == 8'hFF >> (8 - f_new_length - f_tag_bytes(f_new_add) + f_tag_bytes(f_new_strip)) % 8);
                assert (later == (f_new_strip == f_new_add ? 4 : tag == `TAG_C ? 2 :
                    tag == `TAG_VN ? (removes ? 3 : 1) : removes ? 4 : 0));
                assert (low == (removes ? (step < 3 ? 0 : later) : step < 2 ? 4 : later));
                assert (high == (step == 0 ? 4 : step == 1 ? (changes ? 0 : 4) : later));
            end
            if (f_in_frame && f_taken != 0) begin
                assert ({f_length, f_strip, f_add, f_value} == {f_new_length, f_new_strip, f_new_add, f_new_value});
                assert (f_copy_length != 0 && f_put == f_taken - removes);
                assert (past[63:32] == (changes && !removes && f_taken == 1 ? tag_start : f_last_taken[63:32]));
                assert (past[31:0] == (changes && !removes && f_taken == 2 ? tag_end : f_last_taken[31:0]));
                if (f_taken - 1'b1 == f_from_now >> 3) assert (f_last_taken[f_from_now[2:0]*8+:8] == f_byte);
                if (f_taken * 8 > f_length) assert (f_taken * 8 - 8 >= f_length ? f_last_taken == 0 :
                    f_is_clean(f_last_taken, f_new_last_byte));
            end else begin
                assert (f_put == f_copy_beats);
            end
`endif
        end
`endif
    end

`ifdef PROVES_TAG_OUT
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        last_beat_without_an_e_tag: cover (m_tvalid && m_tlast && m_tready && f_strip == `TAG_E && f_sent == 1);
        last_beat_with_an_e_tag: cover (m_tvalid && m_tlast && m_tready && f_add == `TAG_E && f_sent == 3);
        beat_that_only_the_tag_makes: cover (take && beat_last && f_taken * 8 >= f_new_length && f_new_add == `TAG_VN);
        tag_that_is_replaced: cover (m_tvalid && f_strip == `TAG_C && f_add == `TAG_C && f_place == 14 && f_sent == 1);
        copy_waits: cover (m_tvalid && !m_tready && beat_valid && f_in_frame);
        next_copy_at_once: cover (starts && take && m_tvalid);
    end
`endif
