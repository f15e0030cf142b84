// What is proven of tag_out: each copy leaves with as many beats as its length and tags demand, every byte in its place.
//
// `f_place` is any byte of the copy. Its value is known from the stored frame (f_byte) or from the tag that is added.

`ifdef PROVES_TAG_OUT
`define TAG_OUT_IS_GIVEN assume
`else
`define TAG_OUT_IS_GIVEN assert
`endif

    localparam [LENGTH_W-1:0] F_LONGEST = {LENGTH_W{1'b1}} - 8;
    (* anyconst *) reg [LENGTH_W-1:0] f_place;
    reg f_started = 1'b0;
    reg f_in_frame;                    // some, but not all, beats of a stored frame are taken
    reg [LENGTH_W-1:0] f_taken;        // beats taken of the stored frame taken from last
    reg [LENGTH_W-1:0] f_sent;         // beats of its copy that were accepted at the output
    reg [LENGTH_W-1:0] f_length, f_copy_length;
    reg [1:0] f_strip, f_add;
    reg [`TAG_VALUE_W-1:0] f_value;
    reg f_beat_waits;
    reg [PORT_W:0] f_beat;
    reg [7:0] f_byte;                  // the stored byte that leaves at f_place
    reg [PORT_W-1:0] f_last_taken;

    wire [LENGTH_W-1:0] f_index = f_in_frame ? f_taken : 0;   // of the beat at hand
    wire [LENGTH_W-1:0] f_stored_beats = (f_length + 7) >> 3;
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
    function f_is_tag(input [LENGTH_W-1:0] at, input [1:0] off, input [1:0] on);
        f_is_tag = (on == `TAG_C && off == `TAG_C) ? at == 14 || at == 15 :
                   on != `TAG_NONE && at >= 12 && at < 12 + f_tag_bytes(on);
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

    wire [LENGTH_W-1:0] f_from = f_origin(f_place, strip, add);
    wire [LENGTH_W-1:0] f_from_now = f_origin(f_place, f_strip, f_add);
    wire [7:0] f_expected =
        (f_place >= f_copy_length) ? 8'h00 : f_is_tag(f_place, f_strip, f_add) ? f_tag(f_place, f_add, f_value) : f_byte;

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
            f_taken <= 0;
            f_sent <= 0;
            f_copy_length <= 0;
        end else begin
            if (m_tvalid && m_tready) f_sent <= f_sent + 1'b1;
            if (take) begin
                f_in_frame <= !beat_last;
                f_taken <= f_index + 1'b1;
                f_last_taken <= beat;
                if (f_index == f_from >> 3) f_byte <= beat[f_from[2:0]*8+:8];
                if (!f_in_frame) begin
                    f_sent <= 0;
                    {f_length, f_strip, f_add, f_value} <= {length, strip, add, value};
                    f_copy_length <= length + f_tag_bytes(add) - f_tag_bytes(strip);
                end
            end
        end
    end

    integer f_i;
    reg f_ends_clean;   // bytes after the stored frame's end are 0
    always @* begin
        f_ends_clean = 1'b1;
        for (f_i = 0; f_i < 8; f_i = f_i + 1)
            if (f_index * 8 + f_i >= length && beat[f_i*8+:8] != 8'h00) f_ends_clean = 1'b0;
    end

    always @* begin
        if (!f_started) assume (reset);
        if (f_started && !reset && beat_valid) begin
            frame_is_whole: `TAG_OUT_IS_GIVEN (length >= 14 + f_tag_bytes(strip) && length <= F_LONGEST);
            one_tag_changes: `TAG_OUT_IS_GIVEN (
                strip == `TAG_NONE || add == `TAG_NONE || (strip == `TAG_C && add == `TAG_C));
            last_is_marked: `TAG_OUT_IS_GIVEN (beat_last == ((f_index + 1) * 8 >= length));
            end_is_clean: `TAG_OUT_IS_GIVEN (f_ends_clean);
            if (f_in_frame) one_description: `TAG_OUT_IS_GIVEN (
                {length, strip, add, value} == {f_length, f_strip, f_add, f_value});
        end
        if (f_started && !reset && f_beat_waits) beat_stays: `TAG_OUT_IS_GIVEN (beat_valid && {beat_last, beat} == f_beat);

`ifdef PROVES_TAG_OUT
        if (f_started && !reset) begin
            takes_what_is_there: assert (!take || beat_valid);
            // A new frame's first beat is taken when the last one of the copy before is accepted, or later.
            if (take && !f_in_frame) copy_is_whole_before_the_next:
                assert (f_sent + (m_tvalid && m_tready) == f_copy_beats);
            if (m_tvalid) begin
                no_beat_too_many: assert (f_sent < f_copy_beats);
                last_beat_is_marked: assert (m_tlast == (f_sent + 1'b1 == f_copy_beats));
                keep_is_full_but_at_the_end: assert (
                    m_tkeep == (m_tlast && f_copy_length[2:0] != 0 ? ~(8'hFF << f_copy_length[2:0]) : 8'hFF));
                if (f_place >> 3 == f_sent) byte_is_in_its_place:
                    assert (m_tdata[f_place[2:0]*8+:8] == f_expected);
            end
            // It goes on whenever it can: a beat is taken or put out in each cycle in which the output is free.
            if ((beat_valid || flush) && (!m_tvalid || m_tready)) never_idles: assert (take || flush);

`ifdef INDUCTION
            assert (!f_in_frame || !flush);
            assert (step == (!f_in_frame ? 0 : f_taken < 3 ? f_taken : 3));
            assert (!f_in_frame || f_taken != 0);
            if (f_copy_length != 0) begin
                assert (f_strip == `TAG_NONE || f_add == `TAG_NONE || (f_strip == `TAG_C && f_add == `TAG_C));
                assert (f_length <= F_LONGEST && f_length >= 14 + f_tag_bytes(f_strip));
                assert (f_copy_length == f_length + f_tag_bytes(f_add) - f_tag_bytes(f_strip));
                if (f_in_frame) assert (f_taken < f_stored_beats);
                else assert (f_taken == f_stored_beats);
            end
            assert (f_put <= f_copy_beats);
            if (f_in_frame) assert (f_copy_length != 0);
            if (f_in_frame) assert (f_put == f_taken - (f_strip != f_add && f_strip != `TAG_NONE));
            if (flush) assert (f_put + 1'b1 == f_copy_beats && f_copy_length != 0 && f_strip != f_add);
            if (!f_in_frame && !flush) assert (f_put == f_copy_beats);
            if (f_in_frame || flush) assert (left == f_copy_length - f_put * 8);
            if (f_in_frame) begin
                if (f_strip != f_add) assert (held == f_last_taken);
                if (f_taken - 1'b1 == f_from_now >> 3) assert (f_last_taken[f_from_now[2:0]*8+:8] == f_byte);
            end
            if (flush && f_place >> 3 == f_put) assert (held[f_place[2:0]*8+:8] == f_expected);
`endif
        end
`endif
    end

`ifdef PROVES_TAG_OUT
    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        last_beat_without_an_e_tag: cover (m_tvalid && m_tlast && m_tready && f_strip == `TAG_E && f_sent == 1);
        last_beat_with_an_e_tag: cover (m_tvalid && m_tlast && m_tready && f_add == `TAG_E && f_sent == 3);
        beat_that_only_the_tag_makes: cover (flush && m_tready && f_add == `TAG_VN && f_length[2:0] != 0);
        tag_that_is_replaced: cover (m_tvalid && f_strip == `TAG_C && f_add == `TAG_C && f_place == 14 && f_sent == 1);
        copy_waits: cover (m_tvalid && !m_tready && beat_valid && f_in_frame);
        next_copy_at_once: cover (take && !f_in_frame && m_tvalid);
    end
`endif
