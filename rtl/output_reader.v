// One port's reader: takes the chosen frame's words out of its queue and moves their beats, one by one, to a register.
//
// A beat is moved in a cycle in which the register is empty or its beat is taken. A word is read in the cycle in which
// the last beat of the word before is moved. A copy takes a step for each beat that is moved: where it needs one step more
// than the frame has beats, a last beat of zeros follows. The next frame is chosen while the last word of the one before
// is still to be read, at the earliest; a frame has more than one beat.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module output_reader #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter LENGTH_W = `LENGTH_W   // proofs have shorter frames
) (
    input  wire                            clk,
    input  wire                            reset,
    // The choice.
    output wire                            due,
    input  wire                            choose,
    input  wire [`INDEX_W(PRIORITIES)-1:0] pick,
    // The frame chosen, from the next cycle on until the next one is chosen.
    input  wire [LENGTH_W-1:0]             chosen_last,   // the number of its last byte, from 0 on
    input  wire                            chosen_is_2,   // it has two words or more
    input  wire                            chosen_is_3,   // it has three words or more
    input  wire [1:0]                      chosen_strip,
    input  wire [1:0]                      chosen_add,
    input  wire [`TAG_VALUE_W-1:0]         chosen_value,
    // The queues.
    output wire                            read,
    output reg  [`INDEX_W(PRIORITIES)-1:0] read_queue,
    input  wire [BUS_W-1:0]                word,
    // The frame whose first beat is moved in this cycle.
    output wire                            starts,
    output wire [2:0]                      last_byte,    // in its last beat
    output reg  [1:0]                      strip,
    output reg  [1:0]                      add,
    output reg  [`TAG_VALUE_W-1:0]         value,
    // The beats.
    output reg                             beat_valid,
    output reg  [PORT_W-1:0]               beat,
    output reg                             beat_last,
    input  wire                            take
);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam LANES = BUS_W / PORT_W;
    localparam LANE_W = (LANES == 1) ? 1 : $clog2(LANES);
    localparam BEAT_SHIFT = $clog2(PORT_W / 8);
    localparam BIT_SHIFT = $clog2(PORT_W);
    localparam PLACE_W = $clog2(BUS_W);
    localparam WORD_SHIFT = $clog2(BUS_W / 8);
    localparam BEATS_W = LENGTH_W - BEAT_SHIFT;
    localparam WORDS_W = LENGTH_W - WORD_SHIFT;
    localparam [BEATS_W-1:0] ONE_BEAT = 1;
    localparam [LANE_W-1:0] LAST_LANE = LANES[LANE_W-1:0] - 1'b1;

    reg is_new;                      // the frame chosen last has none of its words read
    reg [QUEUE_I_W-1:0] new_queue;   // that of the frame chosen last
    reg [LENGTH_W-1:0] last;         // of the frame whose words are read: the number of its last byte
    reg [WORDS_W-1:0] unread;        // its words that are to be read
    reg is_fresh;                    // only its first word is read, and those are still to be counted
    reg is_2;                        // it has two words or more
    reg is_3;                        // it has three words or more
    reg is_counted;                  // there are some
    reg is_short;                    // there is one at most

    reg has_word;                    // beats of the word read last are to be moved
    reg is_first;                    // the next one is the frame's first, and `beats_after` is still to be counted
    reg is_last;                     // it is its last
    reg [BEATS_W-1:0] beats_after;   // beats of the frame after it
    reg [LANE_W-1:0] lane;
    reg has_rest;                    // a beat of zeros is to be moved

    // The RAM says late in a cycle what is chosen: it goes to a register alone, and is counted down from there.
    wire [WORDS_W-1:0] unread_now = is_fresh ? last[LENGTH_W-1:WORD_SHIFT] : unread;
    wire has_unread = is_fresh ? is_2 : is_counted;
    wire is_due = is_fresh ? !is_3 : is_short;
    wire [BEATS_W-1:0] beats_after_now = is_first ? last[LENGTH_W-1:BEAT_SHIFT] : beats_after;
    assign last_byte = last[2:0];

    wire [PLACE_W-1:0] place;   // of the beat in its word
    generate
        if (LANES == 1) begin : g_one_lane
            assign place = {PLACE_W{1'b0}};
        end else begin : g_lanes
            assign place = {lane, {BIT_SHIFT{1'b0}}};
        end
    endgenerate

    // The tag that changes takes the copy's end into another beat, or the steps with which a tag comes off are one more.
    wire changes = strip != add;
    wire [1:0] tag = (strip == `TAG_NONE) ? add : strip;
    wire to_add = strip == `TAG_NONE;
    wire rests = changes && (tag == `TAG_C ? last_byte[2] : tag == `TAG_E ? to_add :
        to_add ? last_byte[2] || last_byte[1] : last_byte[2] && last_byte[1]);

    wire is_free = !beat_valid || take;
    wire moves = has_word && is_free && !has_rest;
    wire ends_word = is_last || lane == LAST_LANE;
    assign starts = moves && is_first;
    assign read = (is_new || has_unread) && (!has_word || (moves && ends_word));
    assign due = !is_new && is_due;
    // The next word to be read is one of the frame chosen last.
    wire uses_up = !has_unread || (read && is_due);
    wire begins = read && !has_unread;
    wire comes_last = beats_after_now == ONE_BEAT;
    wire is_end = has_rest || (is_last && !rests);
    wire leaves_rest = moves && is_last && rests;

    always @(posedge clk) begin
        if (reset) begin
            is_new <= 1'b0;
            is_fresh <= 1'b0;
            is_counted <= 1'b0;
            is_short <= 1'b1;
            has_word <= 1'b0;
            has_rest <= 1'b0;
            beat_valid <= 1'b0;
        end else begin
            if (choose) begin
                is_new <= 1'b1;
                new_queue <= pick;
            end else if (begins) begin
                is_new <= 1'b0;
            end
            if (uses_up) read_queue <= choose ? pick : new_queue;
            if (moves) begin
                has_word <= !ends_word;
                lane <= lane + 1'b1;
                is_first <= 1'b0;
                is_last <= comes_last;
                beats_after <= beats_after_now - 1'b1;
            end
            if (read) begin
                unread <= unread_now - 1'b1;
                is_fresh <= !has_unread;
                is_counted <= !is_due;
                is_short <= unread_now <= 2;
                has_word <= 1'b1;
                lane <= 0;
            end
            if (begins) begin
                last <= chosen_last;
                is_2 <= chosen_is_2;
                is_3 <= chosen_is_3;
                strip <= chosen_strip;
                add <= chosen_add;
                value <= chosen_value;
                is_first <= 1'b1;
                is_last <= 1'b0;
            end
            if (is_free) begin
                beat <= has_rest ? {PORT_W{1'b0}} : word[place+:PORT_W];
                beat_valid <= has_word || has_rest;
                beat_last <= is_end;
                has_rest <= leaves_rest;
            end
        end
    end

`ifdef FORMAL
`include "formal/output_reader_properties.vh"
`endif
endmodule

`default_nettype wire
