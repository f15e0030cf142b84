// One port's reader: takes the chosen frame's words out of its queue when the one before is used up, and cuts them into beats.
//
// The next frame is chosen in the cycle in which the last word of the one before is read, or as soon after as one waits;
// after a frame of one word, in the cycle after it is read.

`default_nettype none
`include "switch_modes.vh"

module output_reader #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter QUEUE_I_W = 1,
    parameter LENGTH_W = 14,
    parameter COUNT_W = 9
) (
    input  wire                    clk,
    input  wire                    reset,
    // The choice.
    output wire                    due,
    input  wire                    choose,
    input  wire [QUEUE_I_W-1:0]    pick,
    // The frame chosen, from the next cycle on until the next one is chosen.
    input  wire [COUNT_W-1:0]      chosen_words,
    input  wire [LENGTH_W-1:0]     chosen_length,
    input  wire [1:0]              chosen_strip,
    input  wire [1:0]              chosen_add,
    input  wire [`TAG_VALUE_W-1:0] chosen_value,
    // The queues.
    output wire                    read,
    output reg  [QUEUE_I_W-1:0]    read_queue,
    input  wire [BUS_W-1:0]        word,
    // The beats, and the frame that they belong to.
    output reg                     beat_valid,
    output wire [PORT_W-1:0]       beat,
    output reg                     beat_last,
    input  wire                    take,
    output reg  [LENGTH_W-1:0]     length,
    output reg  [1:0]              strip,
    output reg  [1:0]              add,
    output reg  [`TAG_VALUE_W-1:0] value
);
    localparam LANES = BUS_W / PORT_W;
    localparam LANE_W = (LANES == 1) ? 1 : $clog2(LANES);
    localparam BEAT_SHIFT = $clog2(PORT_W / 8);
    localparam BIT_SHIFT = $clog2(PORT_W);
    localparam PLACE_W = $clog2(BUS_W);
    localparam BEATS_W = LENGTH_W - BEAT_SHIFT;
    localparam [LANE_W-1:0] LAST_LANE = LANES[LANE_W-1:0] - 1'b1;

    reg is_new;                      // the frame chosen last has none of its words read
    reg [COUNT_W-1:0] unread;        // its words that are to be read, once the first one is

    reg [BEATS_W-1:0] beats_after;   // beats of the frame after the one at hand
    reg [LANE_W-1:0] lane;

    wire ends_on_beat = chosen_length[BEAT_SHIFT-1:0] == 0;
    wire [BEATS_W-1:0] new_beats_after = chosen_length[LENGTH_W-1:BEAT_SHIFT] - {{(BEATS_W - 1) {1'b0}}, ends_on_beat};
    wire [PLACE_W-1:0] place;   // of the beat in its word
    generate
        if (LANES == 1) begin : g_one_lane
            assign place = {PLACE_W{1'b0}};
        end else begin : g_lanes
            assign place = {lane, {BIT_SHIFT{1'b0}}};
        end
    endgenerate
    assign beat = word[place+:PORT_W];
    wire ends_word = beat_last || lane == LAST_LANE;
    assign read = (is_new || unread != 0) && (!beat_valid || (take && ends_word));
    assign due = !is_new && (unread == 0 || (read && unread == 1));

    always @(posedge clk) begin
        if (reset) begin
            unread <= 0;
            is_new <= 1'b0;
            beat_valid <= 1'b0;
        end else begin
            if (choose) begin
                is_new <= 1'b1;
                read_queue <= pick;
            end else if (read) begin
                is_new <= 1'b0;
            end
            if (read) unread <= (is_new ? chosen_words : unread) - 1'b1;
            if (read) begin
                beat_valid <= 1'b1;
                lane <= 0;
            end else if (take) begin
                if (ends_word) beat_valid <= 1'b0;
                lane <= lane + 1'b1;
            end
            if (read && is_new) begin
                beats_after <= new_beats_after;
                beat_last <= chosen_length <= PORT_W / 8;
                length <= chosen_length;
                strip <= chosen_strip;
                add <= chosen_add;
                value <= chosen_value;
            end else if (take) begin
                beats_after <= beats_after - 1'b1;
                beat_last <= beats_after == 1;
            end
        end
    end

`ifdef FORMAL
`include "formal/output_reader_properties.vh"
`endif
endmodule

`default_nettype wire
