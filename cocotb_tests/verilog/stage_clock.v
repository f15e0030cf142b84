// The cycles of a stage of frame_bench: those in which frames are held until the registers of their phase are written, from
// which a phase's frames count theirs, how long nothing has come in, and when to give up.

`default_nettype none

module stage_clock #(
    parameter SETTLE_CYCLES = 1000
) (
    input  wire        clk,
    input  wire        reset,
    input  wire        holds_frames,    // the stage has phases
    input  wire        is_starting,     // a phase
    input  wire        in_traffic,
    input  wire        registers_wait,  // the accesses of the phase are over
    input  wire        takes_in,        // a beat
    input  wire        gives_out,
    input  wire        answers,         // an access
    input  wire [31:0] next_cycle,
    output wire        holding,
    output reg  [31:0] held_cycles,     // of the stage: they count neither for frames nor for its end
    output reg  [31:0] phase_begin,
    output wire        is_settled,      // nothing has come in for so long that all that came in is where it waits
    output wire        is_stuck
);
    localparam MOST_HELD = 200000;      // cycles that the accesses of a phase may take
    localparam MOST_IDLE = 100000;      // more than any pause of the traffic

    reg registers_waited;
    reg [31:0] held_so_long;
    reg [31:0] n_settled;
    reg [31:0] n_idle;
    assign holding = holds_frames && (!registers_waited || is_starting);
    assign is_settled = n_settled == SETTLE_CYCLES;
    assign is_stuck = held_so_long == MOST_HELD || n_idle == MOST_IDLE;

    always @(posedge clk) begin
        registers_waited <= !reset && !is_starting && (registers_waited || registers_wait);
        held_cycles <= reset ? 32'd0 : held_cycles + {31'd0, holding};
        held_so_long <= holding && !reset ? held_so_long + 32'd1 : 32'd0;
        if (reset) phase_begin <= 32'd0;
        else if (holds_frames && (holding || !in_traffic)) phase_begin <= next_cycle;
        if (reset || holding) n_settled <= 32'd0;
        else if (!is_settled) n_settled <= takes_in ? 32'd0 : n_settled + 32'd1;
        n_idle <= (reset || !holds_frames || takes_in || gives_out || answers) ? 32'd0 : n_idle + 32'd1;
    end
endmodule

`default_nettype wire
