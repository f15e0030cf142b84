// Tag out: takes a tag off a copy, or puts one in, after the addresses, beat by beat.
//
// A copy leaves in steps, one a cycle in which the output register is free, each with a beat of the stored frame. Where a
// tag comes off, the copy's bytes lie up to a beat later in the stored frame, so the first step puts nothing out; where
// the copy's last step comes after the frame's last beat, it is given a beat of zeros. Bytes after the end are 0 on the
// way in and out.

`default_nettype none
`include "switch_modes.vh"

module tag_out #(
    parameter PORT_W = 64
) (
    input  wire                    clk,
    input  wire                    reset,
    // The frame whose first beat comes in the next cycle.
    input  wire                    starts,
    input  wire [2:0]              last_byte,    // in the last beat of the stored frame
    input  wire [1:0]              strip,
    input  wire [1:0]              add,
    input  wire [`TAG_VALUE_W-1:0] value,
    input  wire                    beat_valid,
    input  wire [PORT_W-1:0]       beat,
    input  wire                    beat_last,    // it goes with the copy's last step
    output wire                    take,
    output reg  [PORT_W-1:0]       m_tdata,
    output reg  [PORT_W/8-1:0]     m_tkeep,
    output reg                     m_tvalid,
    input  wire                    m_tready,
    output reg                     m_tlast
);
    localparam [PORT_W/8-1:0] ALL_BYTES = {(PORT_W / 8) {1'b1}};

    // Four pairs of bytes leave in a step, out of those of the beat before, numbers 0 to 3, and of the beat at hand, 4 to 7:
    // `low` is the number of the first pair, and from it that of the second follows; `high` and 2 is that of the third.
    localparam [2:0] PAST = 3'd0;
    localparam [2:0] AT_HAND = 3'd4;
    reg [2:0] low;
    reg [2:0] high;
    reg [2:0] later;            // what both are from the step 3 on
    reg [PORT_W-1:0] past;    // the beat before; in it, what comes in of a tag that is added
    reg [1:0] step;             // 3 stands for all later ones
    reg changes;                // a tag comes off, goes on or is replaced
    reg removes;
    reg [1:0] tag;
    reg [`TAG_VALUE_W-1:0] says;
    reg [PORT_W/8-1:0] last_keep;

    wire is_free = m_tready || !m_tvalid;
    assign take = is_free && beat_valid;
    wire puts_out = beat_valid && !(removes && step == 2'd0);

    // The first four bytes of the tag that is added, as they leave: the first in bits 7:0.
    reg [31:0] tag_start;
    // Those that follow: a VN-Tag has two, in the high half, an E-TAG four.
    wire [15:0] base = {says[7:0], 4'h0, says[11:8]};
    wire [31:0] tag_end = (tag == `TAG_VN) ? {base, 16'h0000} : {says[19:12], 8'h00, base};
    always @* begin
        case (tag)
            `TAG_VN: tag_start = {16'h0000, 16'h2689};
            `TAG_E:  tag_start = {8'h00, says[23:20], 4'h0, 16'h3F89};
            default: tag_start = {says[7:0], says[15:8], 16'h0081};
        endcase
    end

    // Of the frame that starts: how its pairs of bytes lie later, and the number of the copy's last byte in its beat.
    wire is_added = strip == `TAG_NONE;
    wire [1:0] its_tag = is_added ? add : strip;
    reg [2:0] its_later;
    reg [2:0] its_last;
    always @* begin
        its_later = AT_HAND;
        its_last = last_byte;
        if (strip != add) begin
            case (its_tag)
                `TAG_C: begin
                    its_later = 3'd2;
                    its_last = {!last_byte[2], last_byte[1:0]};
                end
                `TAG_VN: begin
                    its_later = is_added ? 3'd1 : 3'd3;
                    its_last = is_added ? last_byte - 3'd2 : last_byte + 3'd2;
                end
                default: its_later = is_added ? PAST : AT_HAND;
            endcase
        end
    end

    always @(posedge clk) begin
        if (reset) begin
            m_tvalid <= 1'b0;
            m_tdata <= 0;   // so that the ports' outputs side by side are numbers before each has sent something
            m_tkeep <= 0;
            m_tlast <= 1'b0;
        end else if (is_free) begin
            m_tvalid <= puts_out;
            if (beat_valid) begin
                m_tlast <= beat_last;
                m_tkeep <= beat_last ? last_keep : ALL_BYTES;
                case (low)
                    3'd0:    m_tdata[31:0] <= past[31:0];
                    3'd1:    m_tdata[31:0] <= past[47:16];
                    3'd2:    m_tdata[31:0] <= past[63:32];
                    3'd3:    m_tdata[31:0] <= {beat[15:0], past[63:48]};
                    default: m_tdata[31:0] <= beat[31:0];
                endcase
                case (high)
                    3'd0:    m_tdata[63:32] <= past[63:32];
                    3'd1:    m_tdata[63:32] <= {beat[15:0], past[63:48]};
                    3'd2:    m_tdata[63:32] <= beat[31:0];
                    3'd3:    m_tdata[63:32] <= beat[47:16];
                    default: m_tdata[63:32] <= beat[63:32];
                endcase
                past <= beat;
                if (step != 2'd3) begin
                    step <= step + 2'd1;
                    // The step after it puts the tag's bytes out of the place of bytes that are not asked for.
                    if (changes && !removes && step == 2'd0) past[63:32] <= tag_start;
                    if (changes && !removes && step == 2'd1) past[31:0] <= tag_end;
                    if (step == 2'd0) high <= changes ? PAST : AT_HAND;
                    else high <= later;
                    if (step == 2'd2 || (step == 2'd1 && !removes)) low <= later;
                end
            end
        end
        if (starts) begin
            step <= 2'd0;
            changes <= add != `TAG_NONE || strip != `TAG_NONE;
            removes <= strip != `TAG_NONE && add == `TAG_NONE;
            tag <= its_tag;
            says <= value;
            later <= its_later;
            last_keep <= ALL_BYTES >> (3'd7 - its_last);
            low <= (strip != `TAG_NONE && add == `TAG_NONE) ? PAST : AT_HAND;
            high <= AT_HAND;
        end
    end

`ifdef FORMAL
`include "formal/tag_out_properties.vh"
`endif
endmodule

`default_nettype wire
