// Tag out: takes a tag off a copy, or puts one in, after the addresses, beat by beat.
//
// A copy leaves in steps, one a cycle in which the output register is free. Where a tag comes off, the copy's bytes lie up
// to a beat later in the stored frame, so the step with the first beat puts nothing out; where the copy has more beats
// than the frame, a last step puts out what is left of the last one. Bytes after the end are 0 on the way in and out.

`default_nettype none
`include "switch_modes.vh"

module tag_out #(
    parameter PORT_W = 64,
    parameter LENGTH_W = 14
) (
    input  wire                    clk,
    input  wire                    reset,
    input  wire                    beat_valid,
    input  wire [PORT_W-1:0]       beat,
    input  wire                    beat_last,
    output wire                    take,
    input  wire [LENGTH_W-1:0]     length,      // of the stored frame
    input  wire [1:0]              strip,
    input  wire [1:0]              add,
    input  wire [`TAG_VALUE_W-1:0] value,
    output reg  [PORT_W-1:0]       m_tdata,
    output reg  [PORT_W/8-1:0]     m_tkeep,
    output reg                     m_tvalid,
    input  wire                    m_tready,
    output reg                     m_tlast
);
    localparam [PORT_W/8-1:0] ALL_BYTES = {(PORT_W / 8) {1'b1}};

    reg [1:0] step;             // 3 stands for all later ones
    reg [PORT_W-1:0] held;      // the stored beat before; once all are taken, the beat that is still to be put out
    reg flush;
    reg [LENGTH_W-1:0] left;    // bytes of the copy not yet put out

    wire is_free = m_tready || !m_tvalid;
    assign take = is_free && !flush && beat_valid;

    wire replaces = strip == `TAG_C && add == `TAG_C;
    wire shifts = strip != add;
    wire removes = shifts && strip != `TAG_NONE;

    function [LENGTH_W-1:0] bytes_of(input [1:0] tag);
        case (tag)
            `TAG_C:  bytes_of = 4;
            `TAG_VN: bytes_of = 6;
            `TAG_E:  bytes_of = 8;
            default: bytes_of = 0;
        endcase
    endfunction

    wire [LENGTH_W-1:0] left_now = (step == 2'd0) ? length + bytes_of(add) - bytes_of(strip) : left;
    wire is_last = left_now <= PORT_W / 8;

    // The keep bits of a last beat of 1 to 8 bytes, by the number's low bits.
    function [PORT_W/8-1:0] keep_of(input [2:0] n_bytes);
        keep_of = (n_bytes == 3'd0) ? ALL_BYTES : ~(ALL_BYTES << n_bytes);
    endfunction

    // The first four bytes of the tag that is added, as they leave: the first in bits 7:0.
    function [31:0] tag_start(input [1:0] tag, input [15:0] tci, input [3:0] pcp_dei);
        case (tag)
            `TAG_C:  tag_start = {tci[7:0], tci[15:8], 16'h0081};
            `TAG_VN: tag_start = {16'h0000, 16'h2689};
            default: tag_start = {8'h00, pcp_dei, 4'h0, 16'h3F89};
        endcase
    endfunction

    // What a step puts out that is not of the beat at hand: of the stored beat before it, and of the tag that is added.
    function [PORT_W-1:0] of_past(input [1:0] at_step, input [PORT_W-1:0] past);
        if (removes) begin
            case ({at_step == 2'd1, at_step == 2'd2, strip})
                {2'b01, `TAG_C}, {2'b01, `TAG_VN}, {2'b01, `TAG_E}: of_past = {32'd0, past[31:0]};
                {2'b00, `TAG_C}:  of_past = {32'd0, past[63:32]};
                {2'b00, `TAG_VN}: of_past = {48'd0, past[63:48]};
                {2'b00, `TAG_E}:  of_past = {PORT_W{1'b0}};
                default:          of_past = past;
            endcase
        end else begin
            case (at_step)
                2'd0: of_past = {PORT_W{1'b0}};
                2'd1:
                if (replaces) of_past = {value[7:0], value[15:8], 48'd0};
                else of_past = {tag_start(add, value[15:0], value[23:20]), 32'd0};
                default:
                case (add)
                    `TAG_VN:
                    if (at_step == 2'd2) of_past = {16'd0, past[63:32], value[7:0], 4'h0, value[11:8]};
                    else of_past = {16'd0, past[63:16]};
                    `TAG_E:
                    if (at_step == 2'd2) of_past = {past[63:32], value[19:12], 8'h00, value[7:0], 4'h0, value[11:8]};
                    else of_past = past;
                    default: of_past = replaces ? {PORT_W{1'b0}} : {32'd0, past[63:32]};
                endcase
            endcase
        end
    endfunction

    // The beat at hand comes late in a cycle, out of a block RAM; where its bytes go is known before. Of what is put out
    // every two bytes are two of it, or of what is there without it.
    wire is_plain = !shifts && !replaces;
    wire is_later = step[1];
    wire keeps = is_plain || (removes ? strip == `TAG_E && step == 2'd3 : step == 2'd0 || (replaces && is_later));
    wire keeps_start = keeps || (!removes && step == 2'd1);
    wire keeps_third = keeps || (replaces && step == 2'd1) || (removes && strip == `TAG_E && step == 2'd2);
    wire keeps_end = keeps || (removes && strip == `TAG_E && step == 2'd2);
    wire [3:0] goes_up = flush ? 4'd0 : {
        shifts && !removes && add == `TAG_VN && is_later,   // the first two bytes to the end
        removes && strip == `TAG_VN && step == 2'd3,   // by two bytes, to the second place
        removes && strip == `TAG_VN && is_later,   // by two bytes, to the third and on
        shifts && (removes ? strip : add) == `TAG_C && is_later   // by four bytes
    };
    function [15:0] if_so(input condition, input [15:0] bytes);
        if_so = bytes & {16{condition}};
    endfunction
    wire [PORT_W-1:0] of_beat = {
        if_so(keeps_end && !flush, beat[63:48]) | if_so(goes_up[0], beat[31:16]) | if_so(goes_up[1], beat[47:32]) |
            if_so(goes_up[3], beat[15:0]),
        if_so(keeps_third && !flush, beat[47:32]) | if_so(goes_up[0], beat[15:0]) | if_so(goes_up[1], beat[31:16]),
        if_so(keeps_start && !flush, beat[31:16]) | if_so(goes_up[2], beat[15:0]),
        if_so(keeps_start && !flush, beat[15:0])
    };

    always @(posedge clk) begin
        if (reset) begin
            m_tdata <= 0;   // so that the ports' outputs side by side are numbers before each has sent something
            m_tkeep <= 0;
            m_tlast <= 1'b0;
            m_tvalid <= 1'b0;
            step <= 2'd0;
            flush <= 1'b0;
        end else if (is_free) begin
            if (flush || beat_valid) begin
                m_tdata <= of_beat |
                    (flush ? held : is_plain ? {PORT_W{1'b0}} : of_past(step, held));
            end
            if (flush) begin
                m_tkeep <= keep_of(left[2:0]);
                m_tlast <= 1'b1;
                m_tvalid <= 1'b1;
                flush <= 1'b0;
            end else if (beat_valid) begin
                m_tvalid <= !(removes && step == 2'd0);
                m_tkeep <= is_last ? keep_of(left_now[2:0]) : ALL_BYTES;
                m_tlast <= is_last;
                left <= (removes && step == 2'd0) ? left_now : left_now - PORT_W / 8;
                // After the last stored beat, what the step after it puts out.
                if (shifts) held <= beat_last ? of_past((step == 2'd1) ? 2'd2 : 2'd3, beat) : beat;
                if (beat_last) begin
                    step <= 2'd0;
                    flush <= !is_last;
                end else if (step != 2'd3) begin
                    step <= step + 2'd1;
                end
            end else if (m_tvalid) begin
                m_tvalid <= 1'b0;
            end
        end
    end

`ifdef FORMAL
`include "formal/tag_out_properties.vh"
`endif
endmodule

`default_nettype wire
